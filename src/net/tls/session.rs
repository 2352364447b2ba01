//! An established TLS connection: records between the socket and the protocol above.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use rustls::{ClientConnection, Error};

use super::verify::Observed;
use super::{TlsError, failed, vanished, words};
use crate::net::socket::{Socket, WireError};

/// How much is read from the socket at once, in bytes; a record has at most 16 KiB.
pub(super) const PIECE: usize = 4 << 10;
/// How long a TLS 1.3 server has to reject us or our certificate once the handshake is over on our
/// side.
const REFUSAL_TIME: Duration = Duration::from_millis(200);

/// A TLS connection without its socket.
#[derive(Debug)]
pub struct Session {
    pub(super) connection: Box<ClientConnection>,
    /// Bytes from the peer that rustls has not taken yet.
    waiting: Vec<u8>,
    /// Why nothing more can be read, in words; reported once the data before it has been read.
    failed: Option<String>,
    /// What was observed during the handshake.
    pub(super) observed: Observed,
    /// Whether data of the protocol above was received.
    is_answered: bool,
    /// The name that the certificate has to have.
    pub(super) host: String,
}

impl Session {
    /// A session whose handshake has not begun.
    pub(super) fn new(connection: ClientConnection, host: String) -> Self {
        Session {
            connection: Box::new(connection),
            waiting: Vec::new(),
            failed: None,
            observed: Observed::default(),
            is_answered: false,
            host,
        }
    }

    /// Reads what the peer sent; 0 at the end. A peer that closes without `close_notify` ends the
    /// stream too: the protocols above have lengths of their own.
    pub fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, WireError> {
        let read = self.read_plain(socket, buffer);
        let is_over = match &read {
            Ok(count) => *count == 0,
            Err(error) => error.is_hung_up(),
        };
        if is_over && let Some(why) = self.why_vanished() {
            return Err(WireError::Tls(why.to_owned()));
        }
        self.is_answered |= read.is_ok();
        read
    }

    /// Why the peer may have closed the connection, if it did so without an answer.
    fn why_vanished(&self) -> Option<&'static str> {
        words::vanished(self.observed.client_certificate).filter(|_| !self.is_answered)
    }

    fn read_plain(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> Result<usize, WireError> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(_) => {}
            }
            if let Some(why) = self.failed.take() {
                return Err(WireError::Tls(why));
            }
            let waiting = std::mem::take(&mut self.waiting);
            let taken = if waiting.is_empty() {
                let mut piece = [0; PIECE];
                let count = socket.read(&mut piece)?;
                if count == 0 {
                    return Ok(0);
                }
                self.take(piece.get(..count).unwrap_or_default())
            } else {
                self.take(&waiting)
            };
            // A key update has to be answered, and an error reported, if the peer still reads.
            let flushed = self.flush(socket);
            match taken {
                Ok(()) => flushed?,
                Err(error) => self.failed = Some(words::failure(&error, &self.observed, &self.host, &[])),
            }
        }
    }

    /// Waits a moment for the server to reject us. A TLS 1.3 client is done before the server has
    /// seen its last messages (RFC 8446, 2); anything but an alert, such as a ticket, means that
    /// the server accepts us.
    pub(super) fn await_refusal(&mut self, socket: &mut Socket) -> Result<(), TlsError> {
        let mut piece = [0; PIECE];
        let whole = socket.deadline();
        socket.set_deadline(whole.at_most(REFUSAL_TIME));
        let count = socket.read(&mut piece);
        socket.set_deadline(whole);
        match count {
            Ok(0) => Err(vanished(std::mem::take(&mut self.observed), None)),
            Ok(count) => self
                .take(piece.get(..count).unwrap_or_default())
                .map_err(|error| failed(&error, std::mem::take(&mut self.observed), &self.host, &[])),
            Err(WireError::TimedOut) => Ok(()),
            Err(error) => Err(vanished(std::mem::take(&mut self.observed), Some(error))),
        }
    }

    /// Writes all of it. If the peer has closed the connection without an answer, that is not
    /// reported here but by [`Session::read`].
    pub fn write_all(&mut self, socket: &mut Socket, mut bytes: &[u8]) -> Result<(), WireError> {
        while !bytes.is_empty() {
            // Takes as much as its buffer has room for: at least one byte, as it is emptied each
            // time.
            let count = match self.connection.writer().write(bytes).map_err(WireError::Failed)? {
                0 => return Err(WireError::Failed(io::ErrorKind::WriteZero.into())),
                count => count,
            };
            bytes = bytes.get(count..).unwrap_or_default();
            match self.flush(socket) {
                Err(error) if error.is_hung_up() && self.why_vanished().is_some() => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }

    /// Sends `close_notify` (RFC 8446, 6.1), if that is possible without waiting.
    pub fn close(&mut self, socket: &mut Socket) {
        self.connection.send_close_notify();
        let mut last = Vec::new();
        if self.connection.write_tls(&mut last).is_ok() {
            socket.write_now(&last);
        }
    }

    /// Passes bytes from the peer to rustls until there is something to read: rustls takes no more
    /// while it holds more than 16 KiB of plain text. The rest waits.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if !matches!(self.connection.read_tls(&mut bytes), Ok(1..)) {
                return Err(Error::General("too much at once".to_owned()));
            }
            if self.connection.process_new_packets()?.plaintext_bytes_to_read() > 0 {
                self.waiting = bytes.to_vec();
                break;
            }
        }
        Ok(())
    }

    /// Sends the records that are ready.
    pub(super) fn flush(&mut self, socket: &mut Socket) -> Result<(), WireError> {
        while self.connection.wants_write() {
            let mut records = Vec::new();
            if self.connection.write_tls(&mut records).map_err(WireError::Failed)? == 0 {
                break;
            }
            socket.write_all(&records)?;
        }
        Ok(())
    }
}
