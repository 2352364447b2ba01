//! What `tcp` and `unix` share: send something, and find something in the response. The checks of
//! servers share the handling of the connection too.

use std::time::Instant;

use super::secure::{self, Secure};
use super::{Attempt, Check};
use crate::args::{Given, Opt, UsageError, option};
use crate::bytes::find;
use crate::expand::Expanded;
use crate::net::connect::{open, phases};
use crate::net::socket::{CLOSED, WireError};
use crate::net::target::{Endpoint, Host};
use crate::net::wire::Wire;
use crate::outcome::{Finding, Reached};
use crate::text::{decode, quoted};

/// How much of the received data is kept for the verdict, in bytes.
const KEPT: usize = 256;
/// How much is read at once, in bytes.
const PIECE: usize = 4096;

/// A check of an endpoint: what to send to the server and what to expect from it.
#[derive(Debug)]
struct Stream {
    endpoint: Endpoint,
    send: Option<Vec<u8>>,
    expect: Option<Expanded>,
}

pub(super) const OPTIONS: &[Opt] = &[
    option("send", "TEXT", r"send this once connected (\r \n \t \0 \xNN \\ are understood)"),
    option("expect", "TEXT", "healthy only once this is found in what is received"),
];

/// Plans a check of this endpoint from the given options.
pub(super) fn plan(given: &mut Given<'_>, endpoint: Endpoint) -> Result<Box<dyn Check>, UsageError> {
    let send = given.unescaped("send")?.map(|text| text.value);
    let expect = given.unescaped("expect")?;
    if expect.as_ref().is_some_and(|text| text.value.is_empty()) {
        return Err(given.wrong("expect", "expected at least one character to look for"));
    }
    Ok(Box::new(Stream { endpoint, send, expect }))
}

impl Check for Stream {
    fn target(&self) -> Vec<u8> {
        self.endpoint.shown()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let mut finding =
            over(&self.endpoint, None, attempt, "talk", &mut |wire, shown| self.talk(wire, shown, attempt));
        if self.send.is_none() && self.expect.is_none() {
            // The check only connects: there is no talk.
            finding.phases.truncate(2);
        }
        finding
    }
}

/// Connects to the endpoint, starts TLS if requested, and calls `talk` with the connection and its
/// address as it is shown. `phase` is the name under which the time of `talk` is reported.
pub(super) fn over(
    endpoint: &Endpoint,
    secure: Option<(&Secure, &Host)>,
    attempt: &Attempt,
    phase: &'static str,
    talk: &mut dyn FnMut(&mut Wire, &str) -> Finding,
) -> Finding {
    let start = Instant::now();
    let mut connection = match open(endpoint, attempt.reach, attempt.deadline) {
        Ok(connection) => connection,
        Err(finding) => return *finding,
    };
    let connected = Instant::now();
    let mut finding = match secure::begin(secure, &mut connection) {
        Ok(facts) => {
            let mut finding = talk(&mut connection.wire, &connection.shown);
            finding.prepend_facts(facts);
            finding
        }
        Err(finding) => *finding,
    };
    let decided = connection.wire.settle();
    finding.phases =
        phases(start, &[("resolve", connection.resolved), ("connect", connected), (phase, decided)]);
    finding.decided = Some(decided);
    finding.reached = Reached::Connected;
    connection.wire.leave();
    finding
}

impl Stream {
    fn talk(&self, wire: &mut Wire, shown: &str, attempt: &Attempt) -> Finding {
        let sent = self.send.as_ref().map_or(Ok(()), |send| wire.write_all(send));
        let is_unsent = sent.is_err();
        // A server that sends first may already have sent everything and closed.
        if let Err(error) = sent
            && !error.is_hung_up()
        {
            return Finding::unhealthy(error.reason(attempt.deadline, "while sending"));
        }
        let (expect, wanted) = match &self.expect {
            Some(expect) => (expect.value.as_slice(), quoted(&decode(&expect.shown))),
            None if !is_unsent => return Finding::healthy(format!("connected{shown}")),
            None => (&[][..], String::new()),
        };
        // The end of the received data, in which a match may still begin, and its beginning.
        let mut window: Vec<u8> = Vec::new();
        let mut beginning: Vec<u8> = Vec::new();
        let mut piece = [0; PIECE];
        let found = loop {
            match wire.read(&mut piece) {
                Ok(0) => break CLOSED.to_owned(),
                Ok(count) => {
                    let piece = piece.get(..count).unwrap_or_default();
                    let room = KEPT.saturating_sub(beginning.len()).min(count);
                    beginning.extend_from_slice(piece.get(..room).unwrap_or_default());
                    window.extend_from_slice(piece);
                    if !expect.is_empty() && find(&window, expect).is_some() {
                        return Finding::healthy(format!("received {wanted}{shown}"));
                    }
                    let done = window.len().saturating_sub(expect.len().saturating_sub(1));
                    window.drain(..done);
                }
                Err(error @ WireError::TimedOut) => {
                    let doing = format!("waiting for {wanted}");
                    return Finding::unhealthy(error.reason(attempt.deadline, &doing))
                        .quoting("received", &beginning);
                }
                Err(error) => break error.reason(attempt.deadline, "").trim_end().to_owned(),
            }
        };
        let mut finding = Finding::unhealthy(found).quoting("received", &beginning);
        finding.expected = (!expect.is_empty()).then_some(wanted);
        finding
    }
}
