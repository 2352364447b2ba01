//! What `tcp` and `unix` share: a dialogue in which something is sent, and something is found in what
//! is received. The checks of servers share the handling of the connection too.

use std::time::Instant;

use super::layers::Layers;
use super::secure::{self, Secure};
use super::{Attempt, Check};
use crate::args::{Given, Opt, UsageError, option_list};
use crate::bytes::find;
use crate::expand::Expanded;
use crate::net::connect::{open, phases};
use crate::net::proxy_protocol::ProxyProtocol;
use crate::net::socket::{CLOSED, WireError};
use crate::net::target::Endpoint;
use crate::net::wire::Wire;
use crate::outcome::{Finding, Reached, Verdict};
use crate::text::{decode, quoted};

/// How much of the received data is kept for the verdict, in bytes.
const KEPT: usize = 256;
/// How much is read at once, in bytes.
const PIECE: usize = 4096;

/// A check of an endpoint: a dialogue with the server there.
#[derive(Debug)]
struct Stream {
    endpoint: Endpoint,
    proxy: Option<ProxyProtocol>,
    secure: Option<Secure>,
    dialogue: Vec<Step>,
}

/// A step of the dialogue.
#[derive(Debug)]
enum Step {
    /// Send this.
    Send(Vec<u8>),
    /// Find this in what is received after the last step of this kind.
    Expect(Expanded),
}

pub(super) const OPTIONS: &[Opt] = &[
    option_list("send", "TEXT", r"send this (\r \n \t \0 \xNN \\ are understood); repeatable"),
    option_list("expect", "TEXT", "wait for this; with --send a dialogue, in the order given; repeatable"),
];

/// Plans a check of this endpoint from the given options.
pub(super) fn plan(
    given: &mut Given<'_>,
    endpoint: Endpoint,
    proxy: Option<ProxyProtocol>,
) -> Result<Box<dyn Check>, UsageError> {
    let mut dialogue = Vec::new();
    for (name, text) in given.unescaped(&["send", "expect"])? {
        if name == "send" {
            dialogue.push(Step::Send(text.value));
            continue;
        }
        if text.value.is_empty() {
            return Err(given.wrong(name, "expected at least one character to look for"));
        }
        dialogue.push(Step::Expect(text));
    }
    let secure = secure::plan_if_requested(given, None)?;
    Ok(Box::new(Stream { endpoint, proxy, secure, dialogue }))
}

impl Check for Stream {
    fn target(&self) -> Vec<u8> {
        self.endpoint.shown()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.endpoint)
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let host = self.endpoint.host();
        let secure = self.secure.as_ref().map(|secure| (secure, &host));
        let layers = Layers { proxy: self.proxy, secure };
        let mut finding = over(&self.endpoint, layers, attempt, "talk", &mut |wire| {
            Talk { wire, window: Vec::new(), attempt }.hold(&self.dialogue)
        });
        if self.dialogue.is_empty() && self.secure.is_none() {
            // The check only connects: there is no talk.
            finding.phases.truncate(2);
        }
        finding
    }
}

/// Connects to the endpoint, begins the layers, and calls `talk` with the connection. `phase` is the
/// name under which the time of `talk` is reported. A healthy finding shows the address.
pub(super) fn over(
    endpoint: &Endpoint,
    layers: Layers<'_>,
    attempt: &Attempt,
    phase: &'static str,
    talk: &mut dyn FnMut(&mut Wire) -> Finding,
) -> Finding {
    let start = Instant::now();
    let mut connection = match open(endpoint, attempt.reach, attempt.deadline) {
        Ok(connection) => connection,
        Err(finding) => return *finding,
    };
    let connected = Instant::now();
    let mut finding = match layers.begin(&mut connection) {
        Ok(facts) => {
            let mut finding = talk(&mut connection.wire);
            finding.prepend_facts(facts);
            finding
        }
        Err(finding) => *finding,
    };
    if finding.verdict == Verdict::Healthy {
        finding.found.push_str(&connection.shown);
    }
    finding.is_undecided |= connection.wire.is_prevented();
    let decided = connection.wire.settle();
    finding.phases =
        phases(start, &[("resolve", connection.resolved), ("connect", connected), (phase, decided)]);
    finding.decided = Some(decided);
    finding.reached = Reached::Connected;
    connection.wire.leave();
    finding
}

/// The dialogue with a server.
struct Talk<'a> {
    wire: &'a mut Wire,
    /// What was received after the last expected text, as far as the next one may begin in it.
    window: Vec<u8>,
    attempt: &'a Attempt,
}

impl Talk<'_> {
    /// Returns the finding about the whole dialogue.
    fn hold(mut self, dialogue: &[Step]) -> Finding {
        let mut found = Vec::new();
        let mut is_unsent = false;
        for step in dialogue {
            match step {
                Step::Send(bytes) => match self.wire.write_all(bytes) {
                    Ok(()) => is_unsent = false,
                    // A server that sends first may already have sent everything and closed.
                    Err(error) if error.is_hung_up() => is_unsent = true,
                    Err(error) => {
                        return Finding::unhealthy(error.reason(self.attempt.deadline, "while sending"));
                    }
                },
                Step::Expect(text) => {
                    let wanted = quoted(&decode(&text.shown));
                    if let Some(finding) = self.missing(&text.value, &wanted) {
                        return finding;
                    }
                    is_unsent = false;
                    found.push(wanted);
                }
            }
        }
        if is_unsent {
            return self.missing(&[], "").unwrap_or_else(|| Finding::unhealthy(CLOSED));
        }
        if found.is_empty() {
            return Finding::healthy("connected");
        }
        Finding::healthy(["received ", &found.join(", then ")].concat())
    }

    /// Reads until this text was received, which is shown as `wanted`; until the end if it is
    /// empty. Returns the finding if it was not received.
    fn missing(&mut self, text: &[u8], wanted: &str) -> Option<Finding> {
        let mut beginning = self.window.get(..KEPT).unwrap_or(&self.window).to_vec();
        let mut piece = [0; PIECE];
        let found = loop {
            if let Some(at) = find(&self.window, text).filter(|_| !text.is_empty()) {
                self.window.drain(..at + text.len());
                return None;
            }
            let done = self.window.len().saturating_sub(text.len().saturating_sub(1));
            self.window.drain(..done);
            match self.wire.read(&mut piece) {
                Ok(0) => break self.closed(),
                Ok(count) => {
                    let piece = piece.get(..count).unwrap_or_default();
                    let room = KEPT.saturating_sub(beginning.len()).min(count);
                    beginning.extend_from_slice(piece.get(..room).unwrap_or_default());
                    self.window.extend_from_slice(piece);
                }
                Err(error @ WireError::TimedOut) => {
                    let reason = error.reason(self.attempt.deadline, &format!("waiting for {wanted}"));
                    return Some(Finding::unhealthy(reason).quoting("received", &beginning));
                }
                // Whether this appears as an end of stream or as a reset is a race.
                Err(error) if error.is_hung_up() => break self.closed(),
                Err(error) => break error.words(),
            }
        };
        let mut finding = Finding::unhealthy(found).quoting("received", &beginning);
        finding.expected = (!text.is_empty()).then(|| wanted.to_owned());
        Some(finding)
    }

    /// Returns what it means that the server has closed the connection.
    fn closed(&self) -> String {
        match self.wire.silence_hint() {
            "" => CLOSED.to_owned(),
            hint => [CLOSED, " without a reply", hint].concat(),
        }
    }
}
