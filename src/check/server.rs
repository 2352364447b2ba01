//! What the checks of servers (`redis`, `postgres`, …) share: the target, the connection, TLS, and
//! the texts of failures. Each of them adds a [`Protocol`] with one handshake.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use super::layers::Layers;
use super::secure::{self, Secure};
use super::{Attempt, Check, stream};
use crate::args::{Given, Opt, UsageError, operand};
use crate::bytes::find;
use crate::deadline::Deadline;
use crate::net::greetings;
use crate::net::socket::{CLOSED, WireError};
use crate::net::target::{Endpoint, Host, HostPort, SocketPath};
use crate::net::wire::Wire;
use crate::outcome::{Fact, Finding};
use crate::text::clip;

/// The longest message that a server may send, in bytes. MongoDB and NATS name all servers of a
/// cluster.
pub(super) const LIMIT: usize = 32 << 10;
/// The reason if TLS is requested of a server that has none.
pub(super) const NO_TLS: &str = "the server does not offer TLS";
/// How much is read at once, in bytes.
const PIECE: usize = 1024;
/// What is expected as TARGET.
const TARGET: &str =
    "host:port, [::1]:port, :port or port, with a port from 1 to 65535, or the path of a Unix socket";

/// A dialogue with a server that decides whether it is ready.
pub(super) type Handshake = fn(&mut Talk<'_>) -> Result<Finding, Failure>;

/// The protocol of a kind of server.
#[derive(Debug)]
pub(super) struct Protocol {
    /// The name of the check.
    pub name: &'static str,
    pub handshake: Handshake,
    /// The handshake to try if the server closes without a reply to the first.
    pub otherwise: Option<Handshake>,
    /// Where TLS begins.
    pub tls: TlsStart,
}

/// Where TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsStart {
    /// At once.
    First,
    /// Where the handshake calls [`Talk::start_tls`].
    Upgrade,
}

impl Protocol {
    /// A protocol with one handshake, which TLS precedes.
    pub const fn plain(name: &'static str, handshake: Handshake) -> Self {
        Protocol { name, handshake, otherwise: None, tls: TlsStart::First }
    }
}

/// Why a handshake ended without a verdict.
pub(super) enum Failure {
    /// Reading failed, the server closed the connection, or the deadline passed.
    Wire(WireError),
    /// The response does not belong to this protocol.
    Foreign,
    /// The TLS handshake failed.
    Tls(Box<Finding>),
}

/// The connection to a server during a handshake.
pub(super) struct Talk<'a> {
    wire: &'a mut Wire,
    received: Vec<u8>,
    awaited: &'static str,
    /// TLS that the handshake has to start.
    secure: Option<(&'a Secure, &'a Host)>,
    /// What TLS told about the server.
    facts: Vec<(&'static str, Fact)>,
}

impl Talk<'_> {
    /// Returns whether the handshake has to start TLS.
    pub fn wants_tls(&self) -> bool {
        self.secure.is_some()
    }

    /// Waits at most this long for the server to send something, and returns whether it has.
    pub fn is_greeted_within(&self, limit: Duration) -> bool {
        self.wire.is_readable_within(limit)
    }

    /// Starts TLS. What the server sent before that in plain text, beyond what was read, is an
    /// attempt to be taken for something that it sent encrypted (CVE-2021-23222).
    pub fn start_tls(&mut self) -> Result<(), Failure> {
        let Some((secure, host)) = self.secure.take() else { return Ok(()) };
        if !self.received.is_empty() {
            return Err(Failure::Foreign);
        }
        self.facts = secure::start(secure, self.wire, host).map_err(Failure::Tls)?;
        Ok(())
    }

    /// Returns what the server sent before or instead of TLS, if [`Talk::start_tls`] failed.
    pub fn plain_answer(&self) -> &[u8] {
        if self.received.is_empty() { self.wire.plain_answer() } else { &self.received }
    }

    /// Sends the bytes. Ignores errors: a server that refuses the client may have closed already,
    /// and its response is still to be read.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.wire.write_all(bytes);
    }

    /// Receives the next complete message. `length` returns its minimum length as far as the first
    /// bytes, maybe none, determine it; `None` if they do not begin a message.
    pub fn receive(
        &mut self,
        awaited: &'static str,
        length: fn(&[u8]) -> Option<usize>,
    ) -> Result<Vec<u8>, Failure> {
        self.awaited = awaited;
        loop {
            let length = length(&self.received).filter(|&length| length <= LIMIT).ok_or(Failure::Foreign)?;
            if length <= self.received.len() {
                let rest = self.received.split_off(length);
                return Ok(std::mem::replace(&mut self.received, rest));
            }
            let mut piece = [0; PIECE];
            match self.wire.read(&mut piece).map_err(Failure::Wire)? {
                0 => return Err(Failure::Wire(WireError::closed())),
                count => self.received.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// Returns the length of a line, including its newline, for [`Talk::receive`].
pub(super) fn line(received: &[u8]) -> usize {
    received.iter().position(|&byte| byte == b'\n').unwrap_or(received.len()) + 1
}

/// Returns the finding about a ready server of this version.
pub(super) fn ready(version: &[u8], asks_for_password: bool) -> Finding {
    let mut finding = Finding::healthy(["version ", &clip(version)].concat());
    if asks_for_password {
        finding.found.push_str(", asks for a password");
    }
    finding.push("version", Fact::Bytes(version.to_vec()));
    finding.push("auth", Fact::Bool(asks_for_password));
    finding
}

pub(super) const OPTIONS: &[&[Opt]] = &[
    &[operand("TARGET", "host:port, :port or port (no host: localhost), or a Unix socket's path")],
    secure::SPEAK,
    secure::OPTIONS,
];

/// Plans a check of a server that speaks this protocol.
pub(super) fn plan(given: &mut Given<'_>, protocol: &'static Protocol) -> Result<Box<dyn Check>, UsageError> {
    let endpoint = given.path("TARGET", endpoint)?;
    let secure = secure::plan_if_requested(given, None)?.map(Secure::up_without_certificate);
    Ok(Box::new(Server { protocol, endpoint, secure }))
}

/// Parses `host:port` and its short forms, or a Unix socket: a text that contains `/` or begins
/// with `@`.
fn endpoint(text: OsString) -> Result<Endpoint, &'static str> {
    let bytes = text.as_bytes();
    let is_url = find(bytes, b"://").is_some();
    if bytes.starts_with(b"@") || bytes.contains(&b'/') && !is_url {
        return SocketPath::parse(text).map(Endpoint::Unix);
    }
    let place = HostPort::parse(&text.to_string_lossy()).map_err(|_| TARGET)?;
    Ok(Endpoint::Tcp(place))
}

#[derive(Debug)]
struct Server {
    protocol: &'static Protocol,
    endpoint: Endpoint,
    secure: Option<Secure>,
}

impl Check for Server {
    fn target(&self) -> Vec<u8> {
        self.endpoint.shown()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let (finding, turned_away) = self.try_handshake(self.protocol.handshake, attempt);
        match self.protocol.otherwise {
            Some(other) if turned_away => self.try_handshake(other, attempt).0,
            _ => finding,
        }
    }
}

impl Server {
    /// Returns what this handshake finds, and whether the server closed without a reply.
    fn try_handshake(&self, handshake: Handshake, attempt: &Attempt) -> (Finding, bool) {
        let mut turned_away = false;
        let host = self.endpoint.host();
        let secure = self.secure.as_ref().map(|secure| (secure, &host));
        let (first, upgrade) = match self.protocol.tls {
            TlsStart::First => (secure, None),
            TlsStart::Upgrade => (None, secure),
        };
        let layers = Layers { proxy: None, secure: first };
        let finding = stream::over(&self.endpoint, layers, attempt, "talk", &mut |wire| {
            let mut talk =
                Talk { wire, received: Vec::new(), awaited: "", secure: upgrade, facts: Vec::new() };
            let result = handshake(&mut talk);
            let (awaited, facts) = (talk.awaited, talk.facts);
            let is_gone = match &result {
                Err(Failure::Wire(error)) => error.is_hung_up(),
                _ => false,
            };
            turned_away = is_gone && wire.received() == 0;
            let mut finding =
                result.unwrap_or_else(|why| failed(why, wire, awaited, self.protocol.name, attempt.deadline));
            finding.prepend_facts(facts);
            finding
        });
        (finding, turned_away)
    }
}

/// Returns the finding for a failed handshake.
fn failed(why: Failure, wire: &Wire, awaited: &str, protocol: &str, deadline: Deadline) -> Finding {
    let opening = wire.opening();
    let found = match (greetings::other(opening, protocol), why) {
        (_, Failure::Tls(finding)) => return *finding,
        (Some(other), _) => Finding::unhealthy(format!("the port speaks {}, not {protocol}", other.name())),
        (None, Failure::Foreign) => {
            let mut finding = Finding::unhealthy(format!("the response is not {protocol}"));
            finding.quote = Some(("received", greetings::steady(opening).to_vec()));
            finding
        }
        (None, Failure::Wire(error @ WireError::TimedOut)) => {
            Finding::unhealthy(error.reason(deadline, &format!("waiting for {awaited}")))
        }
        (None, Failure::Wire(error)) if !error.is_hung_up() => {
            Finding::unhealthy(error.reason(deadline, "").trim_end()).expected(awaited)
        }
        (None, Failure::Wire(_)) => {
            let perhaps = wire.silence_hint();
            let silent = if perhaps.is_empty() { "" } else { " without a reply" };
            Finding::unhealthy([CLOSED, silent, perhaps].concat()).expected(awaited)
        }
    };
    // An incomplete message, or one of another protocol, may contain a connection ID or the date.
    found.ours().with_fact_bytes("received", opening)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let parse = |text: &str| endpoint(OsString::from(text));
        assert_eq!(parse(":6379"), Ok(Endpoint::Tcp(HostPort::parse("6379").unwrap())));
        for path in ["/run/redis.sock", "./redis.sock", "@redis"] {
            assert_eq!(parse(path), SocketPath::parse(OsString::from(path)).map(Endpoint::Unix), "{path}");
        }
        for text in ["", "redis", "redis://localhost:6379", ":0", "[::1]"] {
            assert_eq!(parse(text), Err(TARGET), "{text}");
        }
    }
}
