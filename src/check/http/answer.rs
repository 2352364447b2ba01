//! The response to an http check: the verdict on it, or why there is none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::Wanted;
use super::body::{Assertion, Pending};
use super::websocket::{Opening, SWITCHING};
use crate::check::http2;
use crate::net::exchange::{Exchange, ExchangeError, READING};
use crate::net::greetings::{self, Protocol};
use crate::net::head::{Head, HeadError};
use crate::net::http1::{HEAD_LIMIT, Http1Error};
use crate::net::socket::{CLOSED, WireError};
use crate::net::status_words;
use crate::net::wire::LEAVE_TIME;
use crate::outcome::{Fact, Finding, Reached};
use crate::text::{decode, mark_foreign};
use crate::units::show_size;

/// How much of the body an unhealthy verdict shows, in bytes.
const EXCERPT: usize = 512;
/// How long a server must have been silent, with the connection open, for its body to count as
/// complete.
const SILENCE: Duration = Duration::from_millis(50);
/// How much of the body is read at once, in bytes.
const PIECE: usize = 4096;

/// The head of the final response, and the body that may follow.
pub(super) struct Answer {
    pub(super) head: Head,
    exchange: Exchange,
    /// The request for a WebSocket, if it was one.
    opening: Option<Opening>,
    /// What was read of the body, as far as the user wants to see it, and how much that is.
    shown: (Vec<u8>, usize),
    /// When the verdict was known, if more was read after that.
    decided: Option<Instant>,
    /// Facts about the connection: `address`, and those of TLS.
    facts: Vec<(&'static str, Fact)>,
    phases: Vec<(&'static str, Duration)>,
}

/// Why reading a body ended.
enum End {
    /// The body is complete.
    Whole,
    /// Enough of it was read.
    Enough,
    /// It is longer than the limit.
    Limit,
    /// It is incomplete for this reason; nothing was received in this time before the end.
    Broken(String, Duration),
}

impl Answer {
    pub(super) fn new(
        head: Head,
        exchange: Exchange,
        opening: Option<Opening>,
        facts: Vec<(&'static str, Fact)>,
        phases: Vec<(&'static str, Duration)>,
    ) -> Self {
        Answer { head, exchange, opening, shown: (Vec::new(), 0), decided: None, facts, phases }
    }

    pub(super) fn status(&self) -> u16 {
        self.head.status
    }

    pub(super) fn status_words(&self) -> String {
        status_words(self.status())
    }

    /// Returns the target of a redirect, if this is one. RFC 9110, 15.4.
    pub(super) fn redirect(&self) -> Option<String> {
        if !matches!(self.status(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = self.head.value("Location")?;
        Some(decode(&location))
    }

    /// Returns the finding, with what the user wants to see of the response.
    pub(super) fn judge(&mut self, wanted: &Wanted, found: String) -> Finding {
        if wanted.show.body {
            self.shown.1 = wanted.max_body;
        }
        let mut finding = self.verdict(wanted, found);
        if wanted.show.body {
            self.decided.get_or_insert_with(Instant::now);
            let mut piece = [0; PIECE];
            // What follows an upgrade is not HTTP.
            let has_body = self.status() != SWITCHING;
            while has_body && self.shown.0.len() < wanted.max_body && matches!(self.read(&mut piece), Ok(1..))
            {
            }
        }
        wanted.show.add(&mut finding, &self.head, std::mem::take(&mut self.shown.0));
        finding
    }

    /// Returns the verdict. Without assertions about the body, the head decides.
    fn verdict(&mut self, wanted: &Wanted, found: String) -> Finding {
        if !wanted.status.contains(self.status()) {
            return self.wrong_status(wanted, found);
        }
        if let Some(opening) = self.opening.as_ref().filter(|_| self.status() == SWITCHING) {
            if let Some((expected, lines)) = opening.unmet(&self.head) {
                return Finding::unhealthy(found).expected(expected).quoting("received", &lines);
            }
            self.exchange.upgraded(&opening.close_frame());
        }
        for header in &wanted.headers {
            if let Some((expected, lines)) = header.unmet(&self.head) {
                return Finding::unhealthy(found).expected(expected).quoting("received", &lines);
            }
        }
        if wanted.assertions.is_empty() {
            return Finding::healthy(found);
        }
        self.judge_body(&wanted.assertions, wanted.max_body, found)
    }

    /// Returns the finding for a status that is not wanted. The excerpt of the body is only for the
    /// message.
    #[inline(never)]
    fn wrong_status(&mut self, wanted: &Wanted, found: String) -> Finding {
        let encoding = self.encoding();
        self.decided = Some(Instant::now());
        if !wanted.show.body {
            self.exchange.state().wire.settle();
        }
        let mut left = EXCERPT;
        let (body, _, end) = self.read_body(EXCERPT, true, &mut |piece| {
            left = left.saturating_sub(piece.len());
            left == 0
        });
        let finding = Finding::unhealthy(found + self.hint()).expected(wanted.status.typed());
        match (encoding, end) {
            (None, End::Broken(_, silence)) if self.is_plainly_whole(&body, silence) => {
                finding.quoting_text("body", &body)
            }
            // How much of it was received differs from one run to the next.
            (_, End::Broken(..)) => finding.with_fact_bytes("body", &body),
            (Some(encoding), _) if !body.is_empty() => Finding {
                quote: Some(("body", format!("compressed ({encoding})").into_bytes())),
                ..finding.fact("content_encoding", encoding)
            },
            _ => finding.quoting_text("body", &body),
        }
    }

    /// Returns what may be the reason for a status. To a server that does not know it, the header of
    /// the PROXY protocol is a bad request.
    fn hint(&self) -> &'static str {
        let state = self.exchange.state();
        if self.status() == 400 && state.wire.is_introduced() { state.wire.proxy_hint() } else { "" }
    }

    #[inline(never)]
    fn judge_body(&mut self, assertions: &Arc<[Assertion]>, max_body: usize, found: String) -> Finding {
        let encoding = self.encoding();
        if let Some(encoding) = encoding {
            let expected = format!("an uncompressed body, not Content-Encoding: {}", mark_foreign(&encoding));
            return Finding::unhealthy(found).expected(expected).fact("content_encoding", encoding);
        }
        let deadline = self.exchange.state().wire.deadline();
        let start = Instant::now();
        let mut pending = Pending::new(assertions);
        let (body, length, end) =
            self.read_body(max_body, pending.needs_whole_body(), &mut |piece| pending.is_settled_by(piece));
        self.phases.push(("body", start.elapsed()));
        let excerpt = body.get(..EXCERPT).unwrap_or(&body).to_vec();
        match end {
            End::Enough if !pending.is_refuted() => Finding::healthy(found),
            End::Broken(why, _) => {
                let timed_out = || WireError::TimedOut.reason(deadline, READING);
                let why = if deadline.remaining().is_err() { timed_out() } else { why };
                Finding::unhealthy(format!("{found}, but {why}")).with_fact_bytes("body", &excerpt)
            }
            End::Enough | End::Whole | End::Limit => {
                let cut_at = matches!(end, End::Limit).then_some(length);
                let has_expression = pending.has_expression();
                match pending.unmet(body, cut_at, deadline) {
                    Ok(None) => Finding::healthy(found),
                    Ok(Some(expected)) => {
                        let finding = Finding::unhealthy(found).expected(expected);
                        // White space at its ends may be why it does not match: `ok\r`.
                        if has_expression {
                            finding.quoting("body", &excerpt)
                        } else {
                            finding.quoting_text("body", &excerpt)
                        }
                    }
                    Err(_) => {
                        let why = WireError::TimedOut.reason(deadline, "matching --matches");
                        Finding::unhealthy(format!("{found}, but {why}")).quoting_text("body", &excerpt)
                    }
                }
            }
        }
    }

    /// Adds the facts about the response, whatever the verdict, and closes the connection.
    /// `location` is the target of a redirect, parsed and shown as a URL, because the field itself
    /// may contain user info.
    pub(super) fn describe(mut self, mut finding: Finding, location: Option<String>) -> Finding {
        finding.is_undecided |= self.exchange.state().wire.is_prevented();
        let left = self.leave(LEAVE_TIME);
        finding.decided = self.decided.or(Some(left));
        finding.reached = Reached::Connected;
        let mut facts = vec![("status", self.status().into())];
        facts.extend(self.facts);
        facts.extend(location.map(|location| ("location", location.into())));
        finding.prepend_facts(facts);
        finding.phases = self.phases;
        finding
    }

    /// Ends the exchange, in no more than this time. Returns when that began.
    pub(super) fn leave(&mut self, limit: Duration) -> Instant {
        self.exchange.leave(limit)
    }

    /// Whether this is plainly the whole body, although its end was not received: it is a complete
    /// JSON document, or only the end of the connection can end it and the server has been silent.
    fn is_plainly_whole(&self, body: &[u8], silence: Duration) -> bool {
        let is_document = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
        is_document && serde_json::from_slice::<&RawValue>(body).is_ok()
            || self.exchange.ends_by_closing() && silence >= SILENCE
    }

    /// Returns the content encoding of the body, if any. The check never requests one, but some
    /// servers use one anyway.
    fn encoding(&self) -> Option<String> {
        let encoding = self.head.value("Content-Encoding")?;
        let plain = encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
        (!plain).then(|| decode(&encoding))
    }

    /// Reads a piece of the body; 0 at its end.
    fn read(&mut self, piece: &mut [u8]) -> Result<usize, String> {
        let count = self.exchange.read(piece)?;
        let (shown, most) = &mut self.shown;
        let room = most.saturating_sub(shown.len()).min(count);
        shown.extend_from_slice(piece.get(..room).unwrap_or_default());
        Ok(count)
    }

    /// Reads until the body ends, `settled` returns true for a piece, or the body is longer than
    /// `limit`. Returns the kept part, all of it or an excerpt, and how much was read.
    fn read_body(
        &mut self,
        limit: usize,
        keep_all: bool,
        settled: &mut dyn FnMut(&[u8]) -> bool,
    ) -> (Vec<u8>, usize, End) {
        let keep = if keep_all { limit } else { EXCERPT };
        let mut length: usize = 0;
        let mut body = Vec::new();
        let mut piece = [0; PIECE];
        let mut received = Instant::now();
        loop {
            match self.read(&mut piece) {
                Ok(0) => return (body, length, End::Whole),
                Ok(count) => {
                    received = Instant::now();
                    let room = limit.saturating_sub(length);
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
                Err(why) => return (body, length, End::Broken(why, received.elapsed())),
            }
        }
    }
}

/// Returns the finding if there is no response, to the request for a WebSocket or another one.
#[inline(never)]
pub(super) fn failure(error: &ExchangeError, exchange: &Exchange, is_websocket: bool) -> Finding {
    let state = exchange.state();
    let error = match error {
        ExchangeError::Http1(error) => error,
        ExchangeError::Http2(error) => {
            return http2::failure(error, exchange.awaiting(), &state.wire, "https://…");
        }
    };
    let deadline = state.wire.deadline();
    let (received, opening) = (state.wire.received(), state.wire.opening());
    match greetings::other(opening, "http") {
        Some(Protocol::Tls) => {
            let scheme = if is_websocket { "wss" } else { "https" };
            return Finding::unhealthy(format!("the port speaks TLS, not HTTP ({scheme}://…)"));
        }
        Some(Protocol::Http2) => {
            let hint = if is_websocket { "" } else { " (--http2)" };
            return Finding::unhealthy(["the port speaks HTTP/2 only", hint].concat());
        }
        Some(other) => {
            let found = format!("the port speaks {}, not HTTP", other.name());
            return Finding::unhealthy(found).with_fact_bytes("received", opening);
        }
        None => {}
    }
    let doing = match (state.awaiting, received) {
        (false, _) => "while the request was sent",
        (true, 0) => "waiting for the response head",
        (true, _) => "waiting for the rest of the response head",
    };
    match error {
        // Whether this appears as an end of stream or as a reset is a race.
        Http1Error::Wire(wire) if wire.is_hung_up() && received == 0 => {
            Finding::unhealthy([CLOSED, " without a reply", state.wire.silence_hint()].concat())
        }
        // An incomplete head is not quoted: it may contain the date, and its length may differ next
        // time.
        Http1Error::Wire(wire) => {
            Finding::unhealthy(wire.reason(deadline, doing)).with_fact_bytes("received", opening)
        }
        Http1Error::Head(HeadError::NotHttp) => {
            Finding::unhealthy("the response is not HTTP").quoting("received", opening)
        }
        Http1Error::Head(HeadError::Line(line)) => {
            Finding::unhealthy("invalid header line in the response").quoting("received", line)
        }
        Http1Error::Head(HeadError::Length(lines)) => {
            Finding::unhealthy("invalid Content-Length in the response").quoting("received", lines)
        }
        Http1Error::Head(HeadError::TooLarge) => Finding::unhealthy("the response head is too large")
            .expected(format!("at most {}", show_size(HEAD_LIMIT as u64))),
    }
}
