//! ureq as the decoder of a body, on our connection.
//!
//! ureq neither resolves nor connects here, and sends nothing: it is given a connection on which the
//! response's head was already read, so that the local rule and the deadline are ours alone. In
//! place of the head it is shown one that says only what delimits the body. Its own buffers of 128
//! KiB, cleared at each start, are replaced by those of the exchange.

use std::fmt;

use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Agent, BodyReader, Error};

use super::head::Framing;
use super::http1::{Input, Shared};
use super::socket::{CLOSED, WireError};
use crate::text::mark_foreign;

/// The size of the output buffer, in bytes: room for what ureq would send.
const OUTPUT: usize = 256;
/// The size of the buffer for what ureq decodes, in bytes.
const SCRATCH: usize = 4 << 10;

/// Why decoding a body failed; ureq passes it on as `Error::Other`.
#[derive(Debug)]
enum BodyError {
    /// Reading failed.
    Wire(WireError),
    /// A line of the framing is longer than the buffer.
    LineTooLong,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Wire(error) => f.write_str(&error.words()),
            BodyError::LineTooLong => f.write_str("received an overlong line"),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        Error::Other(Box::new(error))
    }
}

/// Returns a reader of the body of the response on this connection, of which nothing has been read.
#[inline(never)]
pub fn body(shared: &Shared, framing: Framing) -> Result<BodyReader<'static>, Error> {
    // Proxy variables are for outgoing traffic, which a probe's is not. Nothing else matters: ureq
    // sends nothing, and is shown neither a redirect nor an error status.
    let config = Config::builder().proxy(None).build();
    let agent = Agent::with_parts(config, Connected(shared.clone(), framing), Nowhere);
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("http://localhost/");
    Ok(agent.run(request)?.into_body().into_with_config().limit(u64::MAX).reader())
}

/// Returns whether the server closed the connection, as far as a reset or a broken pipe tells.
pub fn is_hung_up(error: &Error) -> bool {
    match error {
        Error::Other(other) => match other.downcast_ref() {
            Some(BodyError::Wire(error)) => error.is_hung_up(),
            _ => false,
        },
        _ => false,
    }
}

/// Returns why a body is incomplete, for a person; `doing` is what was going on.
#[inline(never)]
pub fn reason(error: Error, doing: &str) -> String {
    let why = match error {
        Error::Protocol(_) => return "invalid chunked encoding in the response body".to_owned(),
        Error::Other(other) => match other.downcast_ref::<BodyError>() {
            Some(known) => known.to_string(),
            None => mark_foreign(&other.to_string()),
        },
        Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => CLOSED.to_owned(),
        other => mark_foreign(&other.to_string()),
    };
    format!("{why} {doing}")
}

/// Returns the head that ureq is shown.
fn plain_head(framing: Framing) -> Vec<u8> {
    let field = match framing {
        Framing::None => "Content-Length: 0\r\n",
        Framing::Length(length) => &format!("Content-Length: {length}\r\n"),
        Framing::Chunked => "Transfer-Encoding: chunked\r\n",
        Framing::Close => "",
    };
    ["HTTP/1.1 200\r\n", field, "\r\n"].concat().into_bytes()
}

/// A resolver that resolves nothing: the connection is already established.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// The connector that passes the connection to ureq.
#[derive(Debug)]
struct Connected(Shared, Framing);

impl Connector for Connected {
    type Out = BodyTransport;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<BodyTransport>, Error> {
        let buffers = BodyBuffers {
            output: vec![0; OUTPUT],
            head: plain_head(self.1),
            input: std::mem::take(&mut self.0.state().input),
            ..BodyBuffers::default()
        };
        Ok(Some(BodyTransport { shared: self.0.clone(), buffers }))
    }
}

#[derive(Debug)]
struct BodyTransport {
    shared: Shared,
    buffers: BodyBuffers,
}

impl Transport for BodyTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Sends nothing: the request was sent.
    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        // First the head, which is there.
        if !std::mem::replace(&mut self.buffers.is_shown, true) {
            return Ok(true);
        }
        let room = self.buffers.input.room();
        if room.is_empty() {
            return Err(BodyError::LineTooLong.into());
        }
        let count = self.shared.state().wire.read(room).map_err(BodyError::Wire)?;
        self.buffers.input.received(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // One request per connection.
        false
    }
}

#[derive(Debug, Default)]
struct BodyBuffers {
    output: Vec<u8>,
    /// The rest of the head that ureq is shown, before the input.
    head: Vec<u8>,
    input: Input,
    /// Whether ureq was told of the head.
    is_shown: bool,
    /// Whether ureq used some of the input when it last looked at it.
    progress: bool,
    scratch: Vec<u8>,
}

impl Buffers for BodyBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        if self.head.is_empty() { self.input.bytes() } else { &self.head }
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.input.room()
    }

    fn input_appended(&mut self, amount: usize) {
        self.input.received(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        let of_head = amount.min(self.head.len());
        self.head.drain(..of_head);
        self.input.consume(amount - of_head);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.scratch.resize(SCRATCH, 0);
        (&mut self.scratch, &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.input().is_empty()
    }
}
