//! `tcp TARGET`: a TCP port accepts, and says what is expected.

use super::{Attempt, Check, Kind, stream};
use crate::cli::{Given, UsageError, operand};
use crate::net::target::{Endpoint, HOST_PORT, HostPort};
use crate::outcome::Finding;

pub(super) const KIND: Kind = Kind {
    name: "tcp",
    summary: "a TCP port accepts (and says what is expected)",
    options: &[&[operand("TARGET", "host:port, :port or port; no host means localhost")], stream::OPTIONS],
    plan,
    examples: r"porthole tcp :5432
porthole tcp 127.0.0.1:6379 --send 'PING\r\n' --expect +PONG",
};

#[derive(Debug)]
struct Tcp {
    target: HostPort,
    endpoint: Endpoint,
    talk: stream::Talk,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let target = given.operand("TARGET", HOST_PORT, HostPort::parse)?;
    let endpoint = Endpoint::Tcp(target.clone());
    Ok(Box::new(Tcp { target, endpoint, talk: stream::plan(given)? }))
}

impl Check for Tcp {
    fn target(&self) -> Vec<u8> {
        self.target.to_string().into_bytes()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        stream::run(&self.endpoint, &self.talk, attempt)
    }
}
