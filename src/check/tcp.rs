//! `tcp TARGET`: a TCP port accepts connections, and sends what is expected.

use super::foreign::{STREAM, TLS};
use super::{Check, Kind, layers, secure, stream};
use crate::args::{Foreign, Given, UsageError, operand};
use crate::net::target::{Endpoint, HOST_PORT, HostPort};

pub(super) const KIND: Kind = Kind {
    name: "tcp",
    summary: "a TCP port accepts connections (and sends what is expected)",
    options: &[
        &[operand("TARGET", "host:port, :port or port; no host means localhost")],
        stream::OPTIONS,
        layers::OPTIONS,
        secure::SPEAK,
        secure::OPTIONS,
    ],
    plan,
    examples: r"porthole tcp :5432
porthole tcp 127.0.0.1:6379 --send 'PING\r\n' --expect +PONG
porthole tcp :25 --expect '220 ' --send 'QUIT\r\n' --expect '221 '",
    foreign: Foreign::rows(&[STREAM, TLS]),
};

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let target = given.operand("TARGET", HOST_PORT, HostPort::parse)?;
    let proxy = layers::proxy_protocol(given)?;
    stream::plan(given, Endpoint::Tcp(target), proxy)
}
