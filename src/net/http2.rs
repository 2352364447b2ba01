//! One request over HTTP/2 with prior knowledge. RFC 9113.
//!
//! The request is not sent before the server has shown by its SETTINGS that it speaks HTTP/2.
//! Whatever the peer sends, memory is bounded: by the size of a frame, of a header block and of the
//! window, and by the number of frames without data.

mod frame;
pub mod hpack;

use std::io::Read as _;

use self::frame::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, Frames, GOAWAY, HEADERS, LARGEST, PING,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use self::hpack::{Decoder, Fields};
use super::socket::WireError;
use super::wire::Wire;

/// What a client sends first (section 3.4), followed by its SETTINGS: ENABLE_PUSH 0 and
/// MAX_HEADER_LIST_SIZE 16 KiB.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x0c\x04\0\0\0\0\0\0\x02\0\0\0\0\0\x06\0\0\x40\0";
/// The largest header block, in bytes.
const BLOCK: usize = 16 << 10;
/// The largest body that [`Client::rest`] returns, in bytes.
const BODY: usize = 4 << 10;
/// How much of a body is read at once at the end, in bytes.
const PIECE: usize = 4096;
/// The initial size of a window, in both directions. Section 6.9.2.
const WINDOW: u16 = 65_535;
/// The only stream.
const STREAM: u32 = 1;

/// The error code of a peer that breaks the protocol. Section 7.
pub const PROTOCOL_ERROR: u32 = 1;
/// The error code of a stream that is not needed any more. Section 7.
const CANCEL: u32 = 8;
/// Names of error codes, from 0. Section 7.
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Why there is no response.
#[derive(Debug)]
pub enum Http2Error {
    /// Reading failed.
    Wire(WireError),
    /// The request could not be sent.
    Unsent(WireError),
    /// The first bytes are not HTTP/2.
    NotHttp2,
    /// Later bytes are not valid HTTP/2, because of this.
    Invalid(&'static str),
    /// More was received than is accepted.
    Excess(&'static str),
    /// The server ended the connection with this error code and debug data.
    GoAway(u32, Vec<u8>),
    /// The server reset the stream with this error code.
    Reset(u32),
}

impl Http2Error {
    /// Returns the reason for a person, without what was going on.
    pub fn words(&self) -> String {
        match self {
            Http2Error::Wire(error) | Http2Error::Unsent(error) => error.words(),
            Http2Error::NotHttp2 => "the response is not HTTP/2".to_owned(),
            Http2Error::Invalid(what) => format!("invalid HTTP/2: {what}"),
            Http2Error::Excess(what) => (*what).to_owned(),
            Http2Error::GoAway(code, _) => {
                format!("the server ended the connection with GOAWAY {}", error_name(*code))
            }
            Http2Error::Reset(code) => format!("the server reset the stream with {}", error_name(*code)),
        }
    }
}

/// The client's end of a connection, for one request. It does not own the wire: its functions take
/// it.
#[derive(Debug)]
pub struct Client {
    frames: Frames,
    decoder: Decoder,
    is_http2: bool,
    /// Whether the stream was opened.
    is_open: bool,
    initial_window: i64,
    connection_window: i64,
    stream_window: i64,
    /// The rest of the request's body, for which the windows have no room yet.
    unsent: Vec<u8>,
    /// How much was received since the last WINDOW_UPDATE, in bytes.
    taken: usize,
    head: Option<Fields>,
    /// What was received of the body and not read yet.
    body: Vec<u8>,
    trailers: Fields,
    ended: bool,
}

impl Client {
    /// A client on a new connection.
    pub fn new() -> Self {
        let window = i64::from(WINDOW);
        Client {
            frames: Frames::new(PREFACE),
            decoder: Decoder::new(),
            is_http2: false,
            is_open: false,
            initial_window: window,
            connection_window: window,
            stream_window: window,
            unsent: Vec::new(),
            taken: 0,
            head: None,
            body: Vec::new(),
            trailers: Vec::new(),
            ended: false,
        }
    }

    /// Returns what it waits for, or waited for when it failed.
    pub fn awaiting(&self) -> &'static str {
        if !self.is_http2 {
            "the server's HTTP/2 settings"
        } else if self.head.is_some() {
            "the end of the response"
        } else if !self.unsent.is_empty() {
            "the server's flow-control window to open"
        } else {
            "the response head"
        }
    }

    /// Returns once the server has sent its SETTINGS.
    pub fn handshake(&mut self, wire: &mut Wire) -> Result<(), Http2Error> {
        while !self.is_http2 {
            self.step(wire)?;
        }
        Ok(())
    }

    /// Sends the request, its header block first, and returns the fields of the response's head.
    pub fn request(&mut self, wire: &mut Wire, block: &[u8], body: &[u8]) -> Result<&Fields, Http2Error> {
        let mut pieces = block.chunks(LARGEST).peekable();
        let (mut kind, mut flags) = (HEADERS, if body.is_empty() { END_STREAM } else { 0 });
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= END_HEADERS;
            }
            self.frames.queue(kind, flags, STREAM, piece);
            (kind, flags) = (CONTINUATION, 0);
        }
        self.is_open = true;
        self.unsent = body.to_vec();
        while self.head.is_none() {
            self.step(wire)?;
        }
        Ok(self.head.get_or_insert_default())
    }

    /// Reads a piece of the body; 0 at its end.
    pub fn read(&mut self, wire: &mut Wire, piece: &mut [u8]) -> Result<usize, Http2Error> {
        while self.body.is_empty() && !self.ended {
            self.return_window();
            self.step(wire)?;
        }
        // Reading from a slice cannot fail.
        let count = self.body.as_slice().read(piece).unwrap_or_default();
        self.body.drain(..count);
        Ok(count)
    }

    /// Returns a body of at most 4 KiB and the trailers, which are the head if there is nothing
    /// else in the response.
    pub fn rest(&mut self, wire: &mut Wire) -> Result<(&[u8], &Fields), Http2Error> {
        while !self.ended {
            self.return_window();
            self.step(wire)?;
            if self.body.len() > BODY {
                return Err(Http2Error::Excess("the response is longer than 4 KiB"));
            }
        }
        Ok((&self.body, &self.trailers))
    }

    /// Ends the connection once the verdict is known: reads to the end of the response, cancels it if
    /// that is too far, and sends GOAWAY. Sections 5.4.2 and 6.8.
    pub fn leave(&mut self, wire: &mut Wire) {
        wire.settle();
        let mut piece = [0; PIECE];
        while self.head.is_some() && !wire.is_sated() && matches!(self.read(wire, &mut piece), Ok(1..)) {}
        if self.is_http2 {
            if self.is_open && !self.ended {
                self.frames.queue(RST_STREAM, 0, STREAM, &CANCEL.to_be_bytes());
            }
            // The last stream of the server's that was processed (none), and no error.
            self.frames.queue(GOAWAY, 0, 0, &[0; 8]);
            self.frames.flush(wire);
        }
    }

    /// Lets the server send more, once it matters: a short response has ended before, and some
    /// servers log a WINDOW_UPDATE for a stream that is over as an error.
    fn return_window(&mut self) {
        if self.taken >= LARGEST {
            let taken = u32::try_from(self.taken).unwrap_or_default().to_be_bytes();
            for stream in [0, STREAM] {
                self.frames.queue(WINDOW_UPDATE, 0, stream, &taken);
            }
            self.taken = 0;
        }
    }

    /// Queues as much of the request's body as the windows have room for.
    fn push_body(&mut self) {
        while !self.unsent.is_empty() && !self.ended {
            let room = usize::try_from(self.connection_window.min(self.stream_window)).unwrap_or(0);
            let count = room.min(LARGEST).min(self.unsent.len());
            if count == 0 {
                return;
            }
            let rest = self.unsent.split_off(count);
            let piece = std::mem::replace(&mut self.unsent, rest);
            let flags = if self.unsent.is_empty() { END_STREAM } else { 0 };
            self.frames.queue(DATA, flags, STREAM, &piece);
            // At most LARGEST.
            let sent = i64::try_from(count).unwrap_or_default();
            self.connection_window -= sent;
            self.stream_window -= sent;
        }
    }

    /// Processes the next frame.
    fn step(&mut self, wire: &mut Wire) -> Result<(), Http2Error> {
        self.push_body();
        let frame = self.frames.next(wire)?;
        match (frame.kind, frame.stream) {
            (SETTINGS, 0) => self.settings(&frame)?,
            (PING, 0) if frame.payload.len() == 8 && frame.has(ACK) => {}
            (PING, 0) if frame.payload.len() == 8 => self.frames.queue(PING, ACK, 0, &frame.payload),
            (WINDOW_UPDATE, stream) => {
                let more = i64::from(frame.number(0).ok_or(SIZE)? & 0x7fff_ffff);
                match stream {
                    0 => self.connection_window += more,
                    STREAM => self.stream_window += more,
                    _ => {}
                }
            }
            (GOAWAY, 0) => {
                let (last, code) = (frame.number(0).ok_or(SIZE)?, frame.number(4).ok_or(SIZE)?);
                // A server that is shutting down still answers the requests that it has accepted.
                if code != 0 || last & 0x7fff_ffff < STREAM {
                    return Err(Http2Error::GoAway(
                        code,
                        frame.payload.get(8..).unwrap_or_default().to_vec(),
                    ));
                }
            }
            (RST_STREAM, STREAM) => {
                self.ended = true;
                return Err(Http2Error::Reset(frame.number(0).ok_or(SIZE)?));
            }
            (DATA, STREAM) => self.data(&frame)?,
            (HEADERS, STREAM) => self.headers(wire, &frame)?,
            (PUSH_PROMISE, _) => return Err(Http2Error::Invalid("PUSH_PROMISE, although push is disabled")),
            (DATA | HEADERS | RST_STREAM, _) => {
                return Err(Http2Error::Invalid("a frame on a stream that was never opened"));
            }
            (CONTINUATION, _) => return Err(Http2Error::Invalid("CONTINUATION without HEADERS")),
            (SETTINGS | PING | GOAWAY, _) => return Err(SIZE),
            // Section 5.5: unknown frames are ignored, and so is PRIORITY.
            _ => {}
        }
        Ok(())
    }

    /// Processes SETTINGS. Section 6.5.
    fn settings(&mut self, frame: &Frame) -> Result<(), Http2Error> {
        if frame.has(ACK) {
            return Ok(());
        }
        for entry in frame.payload.chunks(6) {
            let &[high, low, ref value @ ..] = entry.first_chunk::<6>().ok_or(SIZE)?;
            // SETTINGS_INITIAL_WINDOW_SIZE, which also adjusts the window of the stream (section
            // 6.9.2).
            if [high, low] == [0, 4] {
                let window = i64::from(u32::from_be_bytes(*value));
                self.stream_window += window - self.initial_window;
                self.initial_window = window;
            }
        }
        self.is_http2 = true;
        self.frames.queue(SETTINGS, ACK, 0, &[]);
        Ok(())
    }

    /// Processes DATA. Section 6.1.
    fn data(&mut self, frame: &Frame) -> Result<(), Http2Error> {
        if self.head.is_none() {
            return Err(Http2Error::Invalid("DATA before HEADERS"));
        }
        // Padding counts too. Section 6.9.1.
        self.taken += frame.payload.len();
        if self.taken > usize::from(WINDOW) {
            return Err(Http2Error::Invalid("more DATA than the flow-control window allows"));
        }
        let content = frame.content().ok_or(SIZE)?;
        self.body.extend_from_slice(content);
        self.ended = frame.has(END_STREAM);
        if !content.is_empty() {
            self.frames.forgive();
        }
        Ok(())
    }

    /// Processes HEADERS up to the last CONTINUATION, between which no other frame is allowed.
    /// Sections 6.2 and 6.10.
    fn headers(&mut self, wire: &mut Wire, frame: &Frame) -> Result<(), Http2Error> {
        let mut block = frame.content().ok_or(SIZE)?.to_vec();
        let mut is_whole = frame.has(END_HEADERS);
        while !is_whole {
            let more = self.frames.next(wire)?;
            if (more.kind, more.stream) != (CONTINUATION, STREAM) {
                return Err(Http2Error::Invalid("a frame within a header block"));
            }
            block.extend_from_slice(&more.payload);
            if block.len() > BLOCK {
                return Err(Http2Error::Excess("a header block is larger than 16 KiB"));
            }
            is_whole = more.has(END_HEADERS);
        }
        let decoded = self.decoder.decode(&block);
        let (fields, is_all) =
            decoded.ok_or(Http2Error::Invalid("a header block that is not valid HPACK"))?;
        if !is_all {
            return Err(Http2Error::Excess("the header fields are larger than 32 KiB"));
        }
        if fields.iter().any(is_malformed) {
            return Err(Http2Error::Invalid("a header field with a control character"));
        }
        let ended = frame.has(END_STREAM);
        match &self.head {
            // An interim response (section 8.1).
            None if !ended && field(&fields, ":status").is_some_and(|status| status.starts_with(b"1")) => {}
            None => {
                if ended {
                    self.trailers.clone_from(&fields);
                }
                self.head = Some(fields);
            }
            Some(_) if ended => self.trailers = fields,
            Some(_) => return Err(Http2Error::Invalid("HEADERS in the middle of the body")),
        }
        self.ended = ended;
        Ok(())
    }
}

/// A frame whose length or stream is wrong for its kind.
const SIZE: Http2Error = Http2Error::Invalid("a frame of the wrong size or stream");

/// Returns whether a field has what cannot be written in a line of HTTP/1: the end of a line, a NUL,
/// or a name with a blank. Section 8.2.1.
fn is_malformed((name, value): &(Vec<u8>, Vec<u8>)) -> bool {
    let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
    name.iter().any(|byte| *byte <= b' ') || value.iter().any(ends_line)
}

/// Returns the value of the first field with this name.
pub fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| value.as_slice())
}

/// Returns the name of an error code.
pub fn error_name(code: u32) -> String {
    let known = usize::try_from(code).ok().and_then(|code| ERRORS.get(code));
    known.map_or_else(|| format!("error {code}"), |name| (*name).to_owned())
}
