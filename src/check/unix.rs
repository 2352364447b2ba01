//! `unix PATH`: a Unix stream socket accepts, and says what is expected. unix(7).

use super::{Attempt, Check, Kind, stream};
use crate::cli::{Given, UsageError, operand};
use crate::net::target::{Endpoint, SocketPath};
use crate::outcome::Finding;

pub(super) const KIND: Kind = Kind {
    name: "unix",
    summary: "a Unix stream socket accepts (and says what is expected)",
    options: &[&[operand("PATH", "the socket's path, or @name for an abstract one")], stream::OPTIONS],
    plan,
    examples: r"porthole unix /run/app.sock
porthole unix /run/redis.sock --send 'PING\r\n' --expect +PONG",
};

#[derive(Debug)]
struct Unix {
    endpoint: Endpoint,
    shown: Vec<u8>,
    talk: stream::Talk,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let path = given.path("PATH", SocketPath::parse)?;
    let shown = path.shown();
    Ok(Box::new(Unix { endpoint: Endpoint::Unix(path), shown, talk: stream::plan(given)? }))
}

impl Check for Unix {
    fn target(&self) -> Vec<u8> {
        self.shown.clone()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        stream::run(&self.endpoint, &self.talk, attempt)
    }
}
