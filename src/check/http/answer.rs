//! The answer to an http check: its verdict, or why there is none.

use std::io::Read as _;
use std::time::{Duration, Instant};

use ureq::http::{Response, header};
use ureq::{Body, Error};

use super::body::{Assertion, Open, Seen, first_miss};
use crate::net::deadline::Deadline;
use crate::net::transport::{Exchange, HEAD_LIMIT, TransportError};
use crate::net::wire::WireError;
use crate::outcome::{Fact, Finding};
use crate::units::{StatusSet, show_duration, show_size};

/// How much of the body goes into an unhealthy verdict, in bytes.
const EXCERPT: usize = 512;
/// How long such an excerpt may take, once the verdict itself is known.
const EXCERPT_PATIENCE: Duration = Duration::from_millis(100);
/// How much of the body is read at once, in bytes.
const PIECE: usize = 4096;

/// The head of the final response, and the body that may follow.
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    pub(super) exchange: Exchange,
    /// What is known of the connection: `address`, and of TLS.
    pub(super) facts: Vec<(&'static str, Fact)>,
    pub(super) phases: Vec<(&'static str, Duration)>,
}

/// How reading a body came to an end.
enum End {
    /// It was over.
    Whole,
    /// Enough was read.
    Enough,
    /// It is longer than may be read.
    Limit,
    /// It broke off, for this reason.
    Broken(String),
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// `503 Service Unavailable`, or the number alone where it has no name.
    pub(super) fn status_words(&self) -> String {
        let status = self.response.status();
        match status.canonical_reason() {
            Some(reason) => format!("{} {reason}", status.as_u16()),
            None => status.as_u16().to_string(),
        }
    }

    /// Where it redirects to, if it does. RFC 9110, 15.4.
    pub(super) fn redirect(&self) -> Option<String> {
        if !matches!(self.status(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = self.response.headers().get(header::LOCATION)?;
        Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
    }

    /// The verdict. It falls at the head where nothing is asserted of the body.
    pub(super) fn judge(
        &mut self,
        status: &StatusSet,
        assertions: &[Assertion],
        max_body: usize,
        found: String,
    ) -> Finding {
        if !status.contains(self.status()) {
            let mut state = self.exchange.state();
            let soon = state.wire.deadline().at_most(EXCERPT_PATIENCE);
            state.wire.set_deadline(soon);
            drop(state);
            let (body, _) = self.read_body(EXCERPT, &mut |seen| seen.len() >= EXCERPT);
            return Finding::unhealthy(found).timed().expected(status.typed()).quoting("body", &body);
        }
        if assertions.is_empty() {
            return Finding::healthy(found);
        }
        let deadline = self.exchange.state().wire.deadline();
        let start = Instant::now();
        let mut open = Open::new(assertions);
        let (body, end) = self.read_body(max_body, &mut |beginning| open.is_settled_by(beginning));
        self.phases.push(("body", start.elapsed()));
        let excerpt = body.get(..EXCERPT).unwrap_or(&body);
        let seen = match end {
            End::Whole => Seen::Whole(&body),
            End::Limit => Seen::Cut(&body),
            End::Enough => return Finding::healthy(found),
            End::Broken(why) => {
                let why = if deadline.remaining().is_err() {
                    format!("timed out after {}", show_duration(deadline.limit()))
                } else {
                    why
                };
                let length = show_size(body.len() as u64);
                return Finding::unhealthy(format!(
                    "{found}, but {why} reading the body ({length} of it came)"
                ))
                .quoting("body", excerpt);
            }
        };
        match first_miss(assertions, &seen) {
            None => Finding::healthy(found),
            Some(expected) => Finding::unhealthy(found).timed().expected(expected).quoting("body", excerpt),
        }
    }

    /// With what is known of the answer, whatever the verdict.
    pub(super) fn describe(self, mut finding: Finding) -> Finding {
        let location = self.redirect();
        let mut facts = vec![("status", self.status().into())];
        facts.extend(self.facts);
        facts.extend(location.map(|location| ("location", location.into())));
        facts.append(&mut finding.facts);
        finding.facts = facts;
        finding.phases = self.phases;
        finding
    }

    /// Reads until the body is over, `settled` with what it has, or longer than `most`.
    fn read_body(&mut self, most: usize, settled: &mut dyn FnMut(&[u8]) -> bool) -> (Vec<u8>, End) {
        let mut reader = self.response.body_mut().with_config().limit(u64::MAX).reader();
        let mut body = Vec::new();
        let mut piece = [0; PIECE];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return (body, End::Whole),
                Ok(count) => {
                    let room = most.saturating_sub(body.len());
                    body.extend_from_slice(piece.get(..count.min(room)).unwrap_or_default());
                    if settled(&body) {
                        return (body, End::Enough);
                    }
                    if count > room {
                        return (body, End::Limit);
                    }
                }
                Err(error) => return (body, End::Broken(broken(Error::from(error)))),
            }
        }
    }
}

/// Why a body broke off.
fn broken(error: Error) -> String {
    match error {
        Error::Other(other) => match other.downcast_ref::<TransportError>() {
            Some(TransportError::Wire(WireError::Failed(e)))
                if e.kind() == std::io::ErrorKind::ConnectionReset =>
            {
                "the server reset the connection".to_owned()
            }
            Some(known) => known.to_string(),
            None => other.to_string(),
        },
        Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        Error::Protocol(_) => "chunks that are no HTTP stopped it".to_owned(),
        other => other.to_string(),
    }
}

/// What it means that there was no answer.
pub(super) fn failure(error: &Error, exchange: &Exchange, deadline: Deadline) -> Finding {
    let state = exchange.state();
    let (received, opening) = (state.wire.received(), state.wire.opening());
    let doing = match (state.awaiting, received) {
        (false, _) => "while the request was sent".to_owned(),
        (true, 0) => "waiting for the response head".to_owned(),
        (true, n) => format!("waiting for the rest of the response head ({} came)", show_size(n)),
    };
    // A TLS alert (RFC 8446, 6): TLS servers answer so to what is not TLS.
    if opening.starts_with(&[0x15, 3]) {
        return Finding::unhealthy("this port speaks TLS, not plain HTTP (https://…)");
    }
    match error {
        Error::Other(other) => match other.downcast_ref::<TransportError>() {
            Some(TransportError::Wire(wire)) => Finding::unhealthy(wire.reason(deadline, &doing)),
            _ => Finding::unhealthy(format!("{other} {doing}")),
        },
        Error::Io(_) if received == 0 => {
            Finding::unhealthy("the server closed the connection without an answer").timed()
        }
        Error::Io(_) => Finding::unhealthy(format!("the server closed the connection {doing}"))
            .timed()
            .quoting("received", opening),
        Error::LargeResponseHeader(..) => Finding::unhealthy("the response head is too large")
            .timed()
            .expected(format!("at most {}", show_size(HEAD_LIMIT as u64))),
        Error::Protocol(ureq_error) if ureq_error.to_string().contains("too many headers") => {
            Finding::unhealthy("the response head has too many header fields").timed().expected("at most 128")
        }
        Error::Protocol(_) => {
            Finding::unhealthy("what came is not an HTTP response").timed().quoting("received", opening)
        }
        other => Finding::unhealthy(other.to_string()),
    }
}
