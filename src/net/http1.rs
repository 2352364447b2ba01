//! One HTTP/1 request and the response to it, on a wire. RFC 9112.
//!
//! The request is sent as the check wrote it, and the head of the response is read here: it decides
//! most checks. ureq decodes the body where a check needs it, or where only that finds its end: see
//! [`super::transport`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::head::{Framing, Head, HeadError, Search, may_be_http};
use super::socket::WireError;
use super::wire::Wire;

/// The largest response head, from the status line to the empty line, in bytes.
pub const HEAD_LIMIT: usize = 64 << 10;
/// The initial size of the input buffer, in bytes.
const PAGE: usize = 4 << 10;
/// The final size of the input buffer: a head that is just too large must fit, so that it is
/// recognized.
const INPUT_LIMIT: usize = HEAD_LIMIT + PAGE;

/// A connection that the check and ureq share, with what is known of the one exchange on it.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<State>>);

/// The content of a [`Shared`].
#[derive(Debug)]
pub struct State {
    /// The connection.
    pub wire: Wire,
    /// What was received and not used yet.
    pub(super) input: Input,
    /// When the request was sent.
    pub sent: Option<Instant>,
    /// Whether it was sent and the response is awaited.
    pub awaiting: bool,
}

/// Why there is no head of a response.
#[derive(Debug)]
pub enum Http1Error {
    /// Reading or writing failed.
    Wire(WireError),
    /// What came is not the head of a response.
    Head(HeadError),
}

impl From<WireError> for Http1Error {
    fn from(error: WireError) -> Self {
        Http1Error::Wire(error)
    }
}

impl Shared {
    /// A connection on which nothing was sent yet.
    pub fn new(wire: Wire) -> Self {
        let state = State { wire, input: Input::default(), sent: None, awaiting: false };
        Shared(Arc::new(Mutex::new(state)))
    }

    /// Returns the state; only one thread ever uses it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request, head and body, and returns the head of the final response and what
    /// delimits its body. `to_head` says that the method is HEAD.
    pub fn run(&self, request: &[u8], to_head: bool) -> Result<(Head, Framing), Http1Error> {
        let mut state = self.state();
        // The server may have closed the connection after a response to the first part.
        let unsent = match state.wire.write_all(request) {
            Ok(()) => None,
            Err(error) if error.is_hung_up() => Some(error),
            Err(error) => return Err(error.into()),
        };
        state.sent = Some(Instant::now());
        state.awaiting = true;
        let mut search = Search::default();
        loop {
            let State { wire, input, .. } = &mut *state;
            let count = match wire.read(input.room()) {
                Ok(count @ 1..) => count,
                Ok(0) | Err(_) if wire.received() == 0 && unsent.is_some() => {
                    state.awaiting = false;
                    return Err(unsent.unwrap_or_else(WireError::closed).into());
                }
                Ok(_) => return Err(WireError::closed().into()),
                Err(error) => return Err(error.into()),
            };
            input.received(count);
            if let Some(head) = input.final_head(&mut search).map_err(Http1Error::Head)? {
                let framing = head.framing(to_head).map_err(Http1Error::Head)?;
                return Ok((head, framing));
            }
        }
    }

    /// Reads to the end of a body that nothing has been read of, unless only a decoder finds it.
    pub fn skip(&self, framing: Framing) {
        let mut state = self.state();
        let State { wire, input, .. } = &mut *state;
        let mut left = match framing {
            Framing::None | Framing::Chunked => return,
            Framing::Length(length) => length.saturating_sub(input.bytes().len() as u64),
            Framing::Close => u64::MAX,
        };
        while left > 0 && !wire.is_sated() {
            input.clear();
            match wire.read(input.room()) {
                Ok(count @ 1..) => left = left.saturating_sub(count as u64),
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// The input: a buffer that starts with a page and grows up to [`INPUT_LIMIT`].
#[derive(Debug, Default)]
pub(super) struct Input {
    buffer: Vec<u8>,
    consumed: usize,
    filled: usize,
}

impl Input {
    /// Returns what was received and not consumed.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.consumed..self.filled).unwrap_or_default()
    }

    /// Returns room for more; none once there are [`INPUT_LIMIT`] bytes.
    pub fn room(&mut self) -> &mut [u8] {
        if self.consumed > 0 {
            self.buffer.copy_within(self.consumed..self.filled, 0);
            self.filled -= self.consumed;
            self.consumed = 0;
        }
        if self.filled == self.buffer.len() && self.filled < INPUT_LIMIT {
            let size = (self.buffer.len() * 2).clamp(PAGE, INPUT_LIMIT);
            // Zeroed at once: if built for size, a resize does that byte by byte, with a sixth of
            // all instructions of a check. A Vec that grows by itself would double.
            let mut larger = vec![0; size];
            if let Some(start) = larger.get_mut(..self.filled) {
                start.copy_from_slice(&self.buffer);
            }
            self.buffer = larger;
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// Adds the bytes that were written to the start of the room.
    pub fn received(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.buffer.len());
    }

    /// Consumes bytes.
    pub fn consume(&mut self, count: usize) {
        self.consumed = (self.consumed + count).min(self.filled);
    }

    fn clear(&mut self) {
        (self.consumed, self.filled) = (0, 0);
    }

    /// Takes the head of the final response out of the input, once it was received. Interim
    /// responses are skipped, expected or not (RFC 9110, section 15.2), and so are empty lines
    /// before the head.
    fn final_head(&mut self, search: &mut Search) -> Result<Option<Head>, HeadError> {
        loop {
            let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let empty = self.bytes().iter().take_while(is_end).count();
            self.consume(empty);
            if !may_be_http(self.bytes()) {
                return Err(HeadError::NotHttp);
            }
            let end = search.end(self.bytes());
            if end.unwrap_or(self.bytes().len()) > HEAD_LIMIT {
                return Err(HeadError::TooLarge);
            }
            let Some(end) = end else { return Ok(None) };
            let head = Head::parse(self.bytes().get(..end).unwrap_or_default())?;
            self.consume(end);
            if !head.is_interim() {
                return Ok(Some(head));
            }
            *search = Search::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_grows_to_its_limit() {
        let mut input = Input::default();
        let mut total = 0;
        loop {
            let room = input.room().len();
            if room == 0 {
                break;
            }
            input.received(room);
            total += room;
        }
        assert_eq!(total, INPUT_LIMIT);
        input.consume(INPUT_LIMIT - 10);
        assert_eq!(input.bytes().len(), 10);
        assert_eq!(input.room().len(), INPUT_LIMIT - 10);
    }
}
