//! Our connection under ureq: its connector and its buffers.
//!
//! ureq neither resolves nor connects here: it is given a connected [`Wire`], so that the local
//! rule and the deadline are ours alone. It does not see the heads either: the request is sent as
//! the check wrote it, and of the response's head ureq is shown only what delimits the body, which
//! it reads. Its own buffers of 128 KiB, cleared at each start, are replaced by ones that start
//! with a page and grow no further than the largest head.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ureq::config::Config;
use ureq::http::header::{CONNECTION, HeaderValue};
use ureq::http::{Method, Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, Body, Error};

use super::head::{Head, HeadError, Search, may_be_http};
use super::socket::{CLOSED, WireError};
use super::wire::Wire;

/// The largest response head, from the status line to the empty line, in bytes: ureq's default.
pub const HEAD_LIMIT: usize = 64 << 10;
/// The initial size of the input buffer, in bytes.
const PAGE: usize = 4 << 10;
/// The size of the output buffer, in bytes: room for what ureq would send.
const OUTPUT: usize = 128;
/// The final size of the input buffer: a head that is just too large must fit, so that it is
/// recognized.
const INPUT_LIMIT: usize = HEAD_LIMIT + PAGE;

/// One request and its response, on a wire that ureq and the check share.
#[derive(Debug, Clone)]
pub struct Exchange(Arc<Mutex<State>>);

/// The state of an [`Exchange`].
#[derive(Debug)]
pub struct State {
    /// The connection.
    pub wire: Wire,
    /// The request, head and body; empty once it was sent.
    request: Vec<u8>,
    /// When it was sent.
    pub sent: Option<Instant>,
    /// Why the rest could not be sent: the peer closed the connection, perhaps after a response.
    unsent: Option<WireError>,
    /// Whether it was sent and the response is awaited.
    pub awaiting: bool,
    /// Whether the method is HEAD, whose response has no body.
    to_head: bool,
    /// The search for the end of the response's head; `None` once it was found.
    search: Option<Search>,
    /// The head of the final response.
    head: Option<Head>,
}

/// Why the transport failed; ureq passes it on as `Error::Other`.
#[derive(Debug)]
pub enum TransportError {
    /// Reading or writing failed.
    Wire(WireError),
    /// The server closed the connection before the end of the head.
    Closed,
    /// What came is not the head of a response.
    Head(HeadError),
    /// A line of the response's framing is longer than the buffer.
    LineTooLong,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Wire(WireError::TimedOut) => f.write_str("timed out"),
            TransportError::Wire(error) if error.is_hung_up() => f.write_str(CLOSED),
            TransportError::Wire(WireError::Failed(error)) => f.write_str(&crate::error::describe(error)),
            #[cfg(feature = "tls")]
            TransportError::Wire(WireError::Tls(why)) => f.write_str(why),
            TransportError::Closed => f.write_str(CLOSED),
            TransportError::Head(_) => f.write_str("no HTTP response"),
            TransportError::LineTooLong => f.write_str("received an overlong line"),
        }
    }
}

impl std::error::Error for TransportError {}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Error::Other(Box::new(error))
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        TransportError::Wire(error).into()
    }
}

impl Exchange {
    /// An exchange that has not begun, with this request, head and body. `to_head` says that its
    /// method is HEAD.
    pub fn new(wire: Wire, request: Vec<u8>, to_head: bool) -> Self {
        Exchange(Arc::new(Mutex::new(State {
            wire,
            request,
            sent: None,
            unsent: None,
            awaiting: false,
            to_head,
            search: Some(Search::default()),
            head: None,
        })))
    }

    /// Returns the state; only one thread ever uses it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request, and returns once the head of the final response was received. ureq needs
    /// a request of its own, of which nothing is sent: it only tells ureq whether a body may
    /// follow.
    pub fn run(&self) -> Result<(Head, Body), Error> {
        let config = Config::builder()
            // Proxy variables are for outgoing traffic, which a probe's is not.
            .proxy(None)
            // The check follows redirects, each under the local rule.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("")
            .accept("")
            .build();
        let agent = Agent::with_parts(config, Connected(self.clone()), Nowhere);
        let mut request = Request::new(());
        if self.state().to_head {
            *request.method_mut() = Method::HEAD;
        }
        *request.uri_mut() = Uri::from_static("http://localhost/");
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let body = agent.run(request)?.into_body();
        // Without a head there is no response.
        let head = self.state().head.take().ok_or(TransportError::Closed)?;
        Ok((head, body))
    }
}

/// A resolver that resolves nothing: the connection is already established.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// The connector that passes the exchange's wire to ureq.
#[derive(Debug)]
struct Connected(Exchange);

impl Connector for Connected {
    type Out = HttpTransport;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<HttpTransport>, Error> {
        let buffers = GrowingBuffers { output: vec![0; OUTPUT], ..GrowingBuffers::default() };
        Ok(Some(HttpTransport { exchange: self.0.clone(), buffers }))
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

    /// Sends the exchange's request in place of ureq's.
    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        let mut state = self.exchange.state();
        let request = std::mem::take(&mut state.request);
        match state.wire.write_all(&request) {
            Err(error) if error.is_hung_up() => state.unsent = Some(error),
            other => other?,
        }
        state.sent = Some(Instant::now());
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let mut state = self.exchange.state();
        state.awaiting = true;
        loop {
            let buffer = self.buffers.input_append_buf();
            if buffer.is_empty() {
                return Err(TransportError::LineTooLong.into());
            }
            let count = match state.wire.read(buffer) {
                Ok(0) | Err(_) if state.wire.received() == 0 && state.unsent.is_some() => {
                    state.awaiting = false;
                    let unsent = state.unsent.take().map_or(TransportError::Closed, TransportError::Wire);
                    return Err(unsent.into());
                }
                other => other?,
            };
            self.buffers.input_appended(count);
            let Some(search) = &mut state.search else { return Ok(count > 0) };
            if count == 0 {
                return Err(TransportError::Closed.into());
            }
            if let Some(head) = self.buffers.final_head(search).map_err(TransportError::Head)? {
                self.buffers.head = head.plain(state.to_head).map_err(TransportError::Head)?.into_bytes();
                (state.search, state.head) = (None, Some(head));
                return Ok(true);
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // One request per connection.
        false
    }
}

/// An output buffer of fixed size, and an input buffer that grows up to [`INPUT_LIMIT`].
#[derive(Debug, Default)]
struct GrowingBuffers {
    output: Vec<u8>,
    /// The rest of the head that ureq is shown, before the input.
    head: Vec<u8>,
    input: Vec<u8>,
    consumed: usize,
    filled: usize,
    progress: bool,
    scratch: Vec<u8>,
}

impl GrowingBuffers {
    /// Takes the head of the final response out of the input, once it was received. Interim
    /// responses are skipped, expected or not (RFC 9110, section 15.2), and so are empty lines
    /// before the head.
    fn final_head(&mut self, search: &mut Search) -> Result<Option<Head>, HeadError> {
        loop {
            let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let empty = self.input().iter().take_while(is_end).count();
            self.input_consume(empty);
            if !may_be_http(self.input()) {
                return Err(HeadError::NotHttp);
            }
            let end = search.end(self.input());
            if end.unwrap_or(self.input().len()) > HEAD_LIMIT {
                return Err(HeadError::TooLarge);
            }
            let Some(end) = end else { return Ok(None) };
            let head = Head::parse(self.input().get(..end).unwrap_or_default())?;
            self.input_consume(end);
            if !head.is_interim() {
                return Ok(Some(head));
            }
            *search = Search::default();
        }
    }
}

impl Buffers for GrowingBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        if !self.head.is_empty() {
            return &self.head;
        }
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
            // Zeroed at once: if built for size, a resize does that byte by byte, with a sixth of
            // all instructions of a check. A Vec that grows by itself would double.
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
        let of_head = amount.min(self.head.len());
        self.head.drain(..of_head);
        self.consumed = (self.consumed + amount - of_head).min(self.filled);
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
    fn the_input_grows_to_its_limit() {
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
