//! `unix PATH`: a Unix stream socket accepts connections, and sends what is expected. unix(7).

use super::foreign::{STREAM, TLS};
use super::{Check, Kind, secure, stream};
use crate::args::{Foreign, Given, UsageError, operand};
use crate::net::target::{Endpoint, SocketPath};

pub(super) const KIND: Kind = Kind {
    name: "unix",
    summary: "a Unix stream socket accepts connections (and sends what is expected)",
    options: &[
        &[operand("PATH", "the socket's path, or @name for an abstract one")],
        stream::OPTIONS,
        secure::SPEAK,
        secure::OPTIONS,
    ],
    plan,
    examples: r"porthole unix /run/app.sock
porthole unix /run/redis.sock --send 'PING\r\n' --expect +PONG",
    foreign: Foreign::rows(&[STREAM, TLS]),
};

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let path = given.path("PATH", SocketPath::parse)?;
    stream::plan(given, Endpoint::Unix(path), None)
}
