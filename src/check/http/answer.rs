//! The answer to an http check: its verdict, or why there is none.

use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::{Response, header};
use ureq::{Body, Error};

use super::body::{Assertion, Open};
use crate::bytes::find;
use crate::net::deadline::Deadline;
use crate::net::status_words;
use crate::net::transport::{Exchange, HEAD_LIMIT, TransportError};
use crate::net::wire::{PERHAPS_HTTPS, WireError};
use crate::outcome::{Fact, Finding};
use crate::text::decode;
use crate::units::{StatusSet, show_size};

/// How much of the body goes into an unhealthy verdict, in bytes.
const EXCERPT: usize = 512;
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

    pub(super) fn status_words(&self) -> String {
        status_words(self.status())
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
        assertions: &Arc<[Assertion]>,
        max_body: usize,
        found: String,
    ) -> Finding {
        let encoding = self.encoding();
        if !status.contains(self.status()) {
            // The excerpt is only for the message.
            self.exchange.state().wire.settle();
            let mut wanted = EXCERPT;
            let (body, ..) = self.read_body(EXCERPT, true, &mut |piece| {
                wanted = wanted.saturating_sub(piece.len());
                wanted == 0
            });
            let finding = Finding::unhealthy(found).expected(status.typed());
            return match encoding {
                Some(encoding) if !body.is_empty() => Finding {
                    quote: Some(("body", format!("compressed ({encoding})").into_bytes())),
                    ..finding.fact("content_encoding", encoding)
                },
                _ => finding.quoting("body", &body),
            };
        }
        if assertions.is_empty() {
            return Finding::healthy(found);
        }
        if let Some(encoding) = encoding {
            let expected = format!("a body that is not compressed, as Content-Encoding: {encoding} says");
            return Finding::unhealthy(found).expected(expected).fact("content_encoding", encoding);
        }
        let deadline = self.exchange.state().wire.deadline();
        let start = Instant::now();
        let mut open = Open::new(assertions);
        let (body, length, end) =
            self.read_body(max_body, open.need_all(), &mut |piece| open.is_settled_by(piece));
        self.phases.push(("body", start.elapsed()));
        let excerpt = body.get(..EXCERPT).unwrap_or(&body).to_vec();
        let (why, doing) = match end {
            End::Enough => return Finding::healthy(found),
            End::Broken(why) => (why, "reading the body"),
            End::Whole | End::Limit => {
                let cut_at = matches!(end, End::Limit).then_some(length);
                match open.miss(body, cut_at, deadline) {
                    Ok(None) => return Finding::healthy(found),
                    Ok(Some(expected)) => {
                        let finding = Finding::unhealthy(found).expected(expected);
                        return finding.quoting("body", &excerpt);
                    }
                    Err(_) => (String::new(), "matching --matches"),
                }
            }
        };
        let reason = match deadline.remaining() {
            Err(_) => WireError::TimedOut.reason(deadline, doing),
            Ok(_) => format!("{why} {doing}"),
        };
        Finding::unhealthy(format!("{found}, but {reason}")).quoting("body", &excerpt)
    }

    /// With what is known of the answer, whatever the verdict, and where it redirects to, as a URL is shown: the
    /// field's own text may hold user info. The server is left then.
    pub(super) fn describe(mut self, mut finding: Finding, location: Option<String>) -> Finding {
        finding.decided = Some(self.leave());
        let mut facts = vec![("status", self.status().into())];
        facts.extend(self.facts);
        facts.extend(location.map(|location| ("location", location.into())));
        finding.lead(facts);
        finding.phases = self.phases;
        finding
    }

    /// Reads on to the end of the message and closes: a server that is still writing when the connection is closed takes
    /// that for an error. Returns when the verdict was known.
    pub(super) fn leave(&mut self) -> Instant {
        let decided = self.exchange.state().wire.settle();
        let mut reader = self.response.body_mut().with_config().limit(u64::MAX).reader();
        let mut piece = [0; PIECE];
        while !self.exchange.state().wire.is_sated() && matches!(reader.read(&mut piece), Ok(1..)) {}
        self.exchange.state().wire.leave();
        decided
    }

    /// How the body is encoded, if it is. We ask for nothing of the kind; some servers do not wait to be asked.
    fn encoding(&self) -> Option<String> {
        let encoding = self.response.headers().get(header::CONTENT_ENCODING)?.as_bytes();
        let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
        (!plain).then(|| decode(encoding))
    }

    /// Reads until the body is over, `settled` with the pieces it was shown, or longer than `most`. Returns what of it
    /// is kept, all or an excerpt, and how much was read.
    fn read_body(
        &mut self,
        most: usize,
        keep_all: bool,
        settled: &mut dyn FnMut(&[u8]) -> bool,
    ) -> (Vec<u8>, usize, End) {
        let keep = if keep_all { most } else { EXCERPT };
        let mut length: usize = 0;
        let mut reader = self.response.body_mut().with_config().limit(u64::MAX).reader();
        let mut body = Vec::new();
        let mut piece = [0; PIECE];
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return (body, length, End::Whole),
                Ok(count) => {
                    let room = most.saturating_sub(length);
                    let piece = piece.get(..count.min(room)).unwrap_or_default();
                    length += piece.len();
                    let kept = keep.saturating_sub(body.len()).min(piece.len());
                    body.extend_from_slice(piece.get(..kept).unwrap_or_default());
                    if settled(piece) {
                        return (body, length, End::Enough);
                    }
                    if count > room {
                        return (body, length, End::Limit);
                    }
                }
                Err(error) => return (body, length, End::Broken(broken(Error::from(error)))),
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
        (false, _) => "while the request was sent",
        (true, 0) => "waiting for the response head",
        (true, _) => "waiting for the rest of the response head",
    };
    // A TLS alert (RFC 8446, 6): TLS servers answer so to what is not TLS.
    if opening.starts_with(&[0x15, 3]) {
        return Finding::unhealthy("this port speaks TLS, not plain HTTP (https://…)");
    }
    let perhaps_tls = state.wire.perhaps_tls(PERHAPS_HTTPS);
    match error {
        Error::Other(other) => match other.downcast_ref::<TransportError>() {
            Some(TransportError::Wire(wire)) => {
                let why = wire.reason(deadline, doing);
                Finding::unhealthy(if wire.is_hung_up() { why + perhaps_tls } else { why })
            }
            _ => Finding::unhealthy(format!("{other} {doing}")),
        },
        Error::Io(_) if received == 0 => {
            let found = ["the server closed the connection without an answer", perhaps_tls].concat();
            Finding::unhealthy(found)
        }
        Error::Io(_) => Finding::unhealthy(format!("the server closed the connection {doing}"))
            .quoting("received", opening),
        Error::LargeResponseHeader(..) => Finding::unhealthy("the response head is too large")
            .expected(format!("at most {}", show_size(HEAD_LIMIT as u64))),
        Error::Protocol(why) if find(why.to_string().as_bytes(), b"too many headers").is_some() => {
            Finding::unhealthy("the response head has too many header fields").expected("at most 128")
        }
        Error::Protocol(_) => {
            Finding::unhealthy("what came is not an HTTP response").quoting("received", opening)
        }
        other => Finding::unhealthy(other.to_string()),
    }
}
