//! A connection of ours under ureq: its connector and its buffers.
//!
//! ureq neither resolves nor connects here: it is handed a [`Wire`] that stands, so that the local
//! rule and the deadline are ours alone. Its own buffers of 128 KiB, cleared at each start, are
//! replaced by ones that start at a page and grow only as far as the largest head.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Error, http};

use super::wire::{Wire, WireError};

/// The largest response head, from the status line to the empty line, in bytes: ureq's default.
pub const HEAD_LIMIT: usize = 64 << 10;
/// What the buffers start with, in bytes.
const PAGE: usize = 4 << 10;
/// Where the input buffer stops growing: a head that is just too large must fit, to be told from the end.
const INPUT_LIMIT: usize = HEAD_LIMIT + PAGE;

/// One request and its answer, on a wire that both ureq and the check see.
#[derive(Debug, Clone)]
pub struct Exchange(Arc<Mutex<State>>);

/// What an [`Exchange`] holds.
#[derive(Debug)]
pub struct State {
    /// The connection.
    pub wire: Wire,
    /// When the last part of the request was written, so far.
    pub sent: Option<Instant>,
    /// What kept the rest from being sent: the peer closed, perhaps with an answer before that.
    pub unsent: Option<WireError>,
    /// Whether all of it was, and the answer is awaited.
    pub awaiting: bool,
    /// Whether the head of the final response is over.
    pub head_is_over: bool,
}

/// What stopped the transport; travels through ureq as `Error::Other`.
#[derive(Debug)]
pub enum TransportError {
    /// Reading or writing.
    Wire(WireError),
    /// A line of the response's framing that outgrew the buffer.
    LineTooLong,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Wire(WireError::TimedOut) => f.write_str("timed out"),
            TransportError::Wire(WireError::Failed(error)) => f.write_str(&super::words(error)),
            #[cfg(feature = "tls")]
            TransportError::Wire(WireError::Tls(why)) => f.write_str(why),
            TransportError::LineTooLong => f.write_str("a line too long to be HTTP"),
        }
    }
}

impl std::error::Error for TransportError {}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Error::Other(Box::new(TransportError::Wire(error)))
    }
}

impl Exchange {
    /// An exchange that is about to begin on this wire.
    pub fn new(wire: Wire) -> Self {
        Exchange(Arc::new(Mutex::new(State {
            wire,
            sent: None,
            unsent: None,
            awaiting: false,
            head_is_over: false,
        })))
    }

    /// What it holds; only one thread ever asks.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent that makes one request on this exchange. `longest_line` is the longest line of its head, in bytes.
    pub fn agent(&self, longest_line: usize) -> Agent {
        let config = Config::builder()
            // Proxy variables are for traffic that leaves; a probe's does not.
            .proxy(None)
            // Redirects are followed by the check, each under the local rule.
            .max_redirects(0)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build();
        let output = PAGE.max(longest_line + 64);
        Agent::with_parts(config, HandOver { exchange: self.clone(), output }, Nowhere)
    }
}

/// The resolver where nothing is to be resolved: the connection stands already.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &http::Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// The connector that hands over the exchange's wire.
#[derive(Debug)]
struct HandOver {
    exchange: Exchange,
    output: usize,
}

impl Connector for HandOver {
    type Out = HttpTransport;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<HttpTransport>, Error> {
        let buffers = GrowingBuffers { output: vec![0; self.output], ..GrowingBuffers::default() };
        Ok(Some(HttpTransport { exchange: self.exchange.clone(), buffers }))
    }
}

#[derive(Debug)]
struct HttpTransport {
    exchange: Exchange,
    buffers: GrowingBuffers,
}

impl Transport for HttpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut state = self.exchange.state();
        if state.unsent.is_none() {
            match state.wire.write_all(self.buffers.output.get(..amount).unwrap_or_default()) {
                Err(error) if error.is_hung_up() => state.unsent = Some(error),
                other => other?,
            }
        }
        state.sent = Some(Instant::now());
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let mut state = self.exchange.state();
        state.awaiting = true;
        let buffer = self.buffers.input_append_buf();
        if buffer.is_empty() {
            return Err(Error::Other(Box::new(TransportError::LineTooLong)));
        }
        // The one wait of ureq's own that ends without an error: for "100 Continue", where the user
        // sends an Expect header.
        let whole = state.wire.deadline();
        if !timeout.after.is_not_happening() {
            state.wire.set_deadline(whole.at_most(*timeout.after));
        }
        let result = state.wire.read(buffer);
        state.wire.set_deadline(whole);
        let count = match result {
            Err(WireError::TimedOut) if whole.remaining().is_ok() => {
                return Err(Error::Timeout(timeout.reason));
            }
            Ok(0) | Err(_) if state.wire.received() == 0 && state.unsent.is_some() => {
                state.awaiting = false;
                match state.unsent.take() {
                    Some(error) => return Err(error.into()),
                    None => 0,
                }
            }
            other => other?,
        };
        self.buffers.input_appended(count);
        if !state.head_is_over {
            while let Some(length) = interim_head(self.buffers.input()) {
                self.buffers.input_consume(length);
            }
        }
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // One request a connection.
        false
    }
}

/// The length of the interim response (1xx but 101) that the input begins with, if it is all there.
/// RFC 9110, 15.2: a client skips them, expected or not. ureq does too, but not a 100 with header fields.
fn interim_head(input: &[u8]) -> Option<usize> {
    let status = input.strip_prefix(b"HTTP/1.")?.get(1..5)?;
    if !status.starts_with(b" 1") || status == b" 101" {
        return None;
    }
    // RFC 9112, 2.2: a line may end in a bare LF, which ureq takes in a final head too.
    let mut ends = input.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
    ends.find_map(|(at, _)| {
        let rest = input.get(at + 1..)?;
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
        Some(input.len() - rest.len())
    })
}

/// An output buffer of fixed size, and an input buffer that grows up to [`INPUT_LIMIT`].
#[derive(Debug, Default)]
struct GrowingBuffers {
    output: Vec<u8>,
    input: Vec<u8>,
    consumed: usize,
    filled: usize,
    progress: bool,
    scratch: Vec<u8>,
}

impl Buffers for GrowingBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        self.input.get(self.consumed..self.filled).unwrap_or_default()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.consumed > 0 {
            self.input.copy_within(self.consumed..self.filled, 0);
            self.filled -= self.consumed;
            self.consumed = 0;
        }
        if self.filled == self.input.len() && self.filled < INPUT_LIMIT {
            let size = (self.input.len() * 2).clamp(PAGE, INPUT_LIMIT);
            // Zeroed at once: a resize does it byte by byte where it is built for size, a sixth of all instructions of a
            // check. As much as that and no more, where a Vec by itself would double.
            let mut larger = vec![0; size];
            if let Some(start) = larger.get_mut(..self.filled) {
                start.copy_from_slice(&self.input);
            }
            self.input = larger;
        }
        self.input.get_mut(self.filled..).unwrap_or_default()
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled = (self.filled + amount).min(self.input.len());
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.consumed = (self.consumed + amount).min(self.filled);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.scratch.resize(PAGE, 0);
        (&mut self.scratch, &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.input().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_responses_are_told_from_final_ones() {
        for (input, length) in [
            (&b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"[..], Some(25)),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Some(37)),
            (b"HTTP/1.0 100 \r\n\r\n", Some(17)),
            (b"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n", Some(23)),
            (b"HTTP/1.1 103 Early Hints\nLink: x\n\r\n", Some(35)),
            (b"HTTP/1.1 100 Continue\r\n", None),
            (b"HTTP/1.1 100 Continue\r\n\r", None),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", None),
            (b"HTTP/1.1 200 OK\r\n\r\n", None),
            (b"HTTP/1.1 1", None),
            (b"garbage", None),
            (b"", None),
        ] {
            assert_eq!(interim_head(input), length, "{}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn the_input_grows_to_its_limit_and_no_further() {
        let mut buffers = GrowingBuffers::default();
        let mut total = 0;
        loop {
            let room = buffers.input_append_buf().len();
            if room == 0 {
                break;
            }
            buffers.input_appended(room);
            total += room;
        }
        assert_eq!(total, INPUT_LIMIT);
        buffers.input_consume(INPUT_LIMIT - 10);
        assert_eq!(buffers.input().len(), 10);
        assert!(buffers.can_use_input());
        assert_eq!(buffers.input_append_buf().len(), INPUT_LIMIT - 10);
        buffers.input_consume(0);
        assert!(!buffers.can_use_input());
    }
}
