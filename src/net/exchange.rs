//! One request and the response to it, over HTTP/1 or HTTP/2: all that a check needs of either.

use std::io::Read as _;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use ureq::BodyReader;

use super::head::{Framing, Head, push_line};
use super::http1::{Http1Error, Shared, State};
use super::http2::hpack::Fields;
use super::http2::{Client, Http2Error, field};
use super::transport;
use super::wire::Wire;

/// What is reported to have been going on if a body is incomplete.
pub const READING: &str = "reading the body";
/// A body that has another length than its head says.
const LENGTH: Http2Error = Http2Error::Invalid("the length of the body differs from Content-Length");
/// How much of a body is read at once at the end, in bytes.
const PIECE: usize = 4096;

/// A request and its response.
pub struct Exchange {
    shared: Shared,
    version: Version,
}

/// What differs between the versions.
enum Version {
    /// HTTP/1: what delimits the body, and its decoder once anything was read of it.
    Http1(Framing, Option<BodyReader<'static>>),
    /// HTTP/2, and how much of the body is missing if its length is known, in bytes.
    Http2(Box<Client>, Option<u64>),
}

/// Why there is no head of a response.
#[derive(Debug)]
pub enum ExchangeError {
    /// Over HTTP/1.
    Http1(Http1Error),
    /// Over HTTP/2.
    Http2(Http2Error),
}

impl Exchange {
    /// An exchange that has not begun.
    pub fn new(wire: Wire, is_http2: bool) -> Self {
        let version = if is_http2 {
            Version::Http2(Box::new(Client::new()), None)
        } else {
            Version::Http1(Framing::None, None)
        };
        Exchange { shared: Shared::new(wire), version }
    }

    /// Returns the state of the connection; only one thread ever uses it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Returns what HTTP/2 waits for, or waited for when it failed.
    pub fn awaiting(&self) -> &'static str {
        match &self.version {
            Version::Http1(..) => "",
            Version::Http2(client, _) => client.awaiting(),
        }
    }

    /// Sends the request and returns the head of the final response. `head` is the text of HTTP/1
    /// up to the empty line, or the header block of HTTP/2. `to_head` says that the method is HEAD.
    pub fn run(&mut self, mut head: Vec<u8>, body: &[u8], to_head: bool) -> Result<Head, ExchangeError> {
        match &mut self.version {
            Version::Http1(framing, _) => {
                head.extend_from_slice(body);
                let (head, known) = self.shared.run(&head, to_head).map_err(ExchangeError::Http1)?;
                *framing = known;
                Ok(head)
            }
            Version::Http2(client, left) => {
                let mut state = self.shared.state();
                let result = client.handshake(&mut state.wire).and_then(|()| {
                    state.sent = Some(Instant::now());
                    state.awaiting = true;
                    head_of(client.request(&mut state.wire, &head, body)?)
                });
                let head = result.map_err(ExchangeError::Http2)?;
                // Only a hint: END_STREAM ends the body. RFC 9113, section 8.1.1.
                if let Ok(Framing::Length(length)) = head.framing(to_head) {
                    *left = Some(length);
                }
                Ok(head)
            }
        }
    }

    /// Reads a piece of the body; 0 at its end. The error says why it is incomplete.
    pub fn read(&mut self, piece: &mut [u8]) -> Result<usize, String> {
        match &mut self.version {
            Version::Http1(Framing::None, _) => Ok(0),
            Version::Http1(framing, reader) => {
                let reader = match reader {
                    Some(reader) => Ok(reader),
                    None => transport::body(&self.shared, *framing).map(|new| reader.insert(new)),
                };
                match reader.and_then(|reader| Ok(reader.read(piece)?)) {
                    // Whether the end of the connection appears as a reset is a race.
                    Err(error) if *framing == Framing::Close && transport::is_hung_up(&error) => Ok(0),
                    Err(error) => Err(transport::reason(error, READING)),
                    Ok(count) => Ok(count),
                }
            }
            Version::Http2(client, left) => {
                let count =
                    client.read(&mut self.shared.state().wire, piece).map_err(|error| match error {
                        Http2Error::Wire(error) | Http2Error::Unsent(error) => {
                            format!("{} {READING}", error.words())
                        }
                        error => error.words(),
                    })?;
                count_down(left, count).map_err(|error| error.words())?;
                Ok(count)
            }
        }
    }

    /// Returns whether only the end of the connection ends the body.
    pub fn ends_by_closing(&self) -> bool {
        matches!(self.version, Version::Http1(Framing::Close, _))
    }

    /// After an upgrade of HTTP/1: sends these bytes, with which the new protocol is left, and lets
    /// the server close the connection.
    pub fn upgraded(&mut self, farewell: &[u8]) {
        let mut state = self.state();
        state.wire.settle();
        let _ = state.wire.write_all(farewell);
        drop(state);
        self.version = Version::Http1(Framing::Close, None);
    }

    /// Reads to the end of the message and closes: a server that is still writing when the
    /// connection is closed reports an error. Returns when the verdict was known, which is now
    /// unless the wire was settled before.
    pub fn leave(&mut self, limit: Duration) -> Instant {
        let decided = self.state().wire.settle_within(limit);
        match &mut self.version {
            Version::Http2(client, _) => client.leave(&mut self.shared.state().wire),
            Version::Http1(framing, None) if *framing != Framing::Chunked => self.shared.skip(*framing),
            Version::Http1(..) => {
                let mut piece = [0; PIECE];
                while !self.state().wire.is_sated() && matches!(self.read(&mut piece), Ok(1..)) {}
            }
        }
        self.state().wire.leave();
        decided
    }
}

/// Counts what was read of a body with a Content-Length; 0 is its end. A body of another length is
/// not the whole one. RFC 9113, section 8.1.1.
fn count_down(left: &mut Option<u64>, count: usize) -> Result<(), Http2Error> {
    let Some(missing) = left else { return Ok(()) };
    let rest = missing.checked_sub(count as u64);
    *missing = rest.filter(|&rest| count > 0 || rest == 0).ok_or(LENGTH)?;
    Ok(())
}

/// Returns the head of a response with these fields, written as that of HTTP/1.
#[inline(never)]
fn head_of(fields: &Fields) -> Result<Head, Http2Error> {
    let mut text = b"HTTP/2 ".to_vec();
    text.extend_from_slice(field(fields, ":status").unwrap_or_default());
    text.extend_from_slice(b"\r\n");
    for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with(b":")) {
        push_line(&mut text, name, value);
    }
    text.extend_from_slice(b"\r\n");
    Head::parse(&text).map_err(|_| Http2Error::Invalid("a response without :status"))
}
