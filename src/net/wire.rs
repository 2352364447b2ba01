//! A connected stream, with or without TLS, on which every read and write keeps one deadline.
//!
//! Invariant: a wire is closed politely. If a stream is closed while bytes are unread, or before
//! more arrive, it is reset (RFC 1122, 4.2.2.13), which its server regards as an error. So
//! `close_notify` is sent first (RFC 8446, 6.1), then our side is ended, then the rest of what the
//! server sends is read. [`Wire::settle`] bounds all of that.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::socket::{Socket, Stream, WireError};
#[cfg(feature = "tls")]
use super::target::Host;
#[cfg(feature = "tls")]
use super::tls::{Client, Peer, Session, TlsError};
use crate::deadline::Deadline;

/// What a server may expect if it closes the connection without a reply to plain text.
const SILENT: &str = " (it may expect TLS or the PROXY protocol)";
/// The same if the PROXY protocol was spoken.
const SILENT_AFTER_PROXY: &str = " (it may expect TLS, or no PROXY protocol)";

/// How many of the first bytes from the peer are kept, to tell what answered.
const OPENING: usize = 64;

/// How long a connection may stay open once the verdict is known, for the server to finish sending.
pub const LEAVE_TIME: Duration = Duration::from_millis(100);
/// How much is read in that time, in bytes.
const LEAVE_BYTES: u64 = 1 << 20;
/// How much of that is read at once, in bytes.
const LEAVE_PIECE: usize = 4096;

/// A check's connection: a socket, with TLS on it after [`Wire::start_tls`].
#[derive(Debug)]
pub struct Wire {
    socket: Socket,
    #[cfg(feature = "tls")]
    session: Option<Session>,
    /// What the peer answered to the TLS handshake, if that is not TLS.
    #[cfg(feature = "tls")]
    plain_answer: Vec<u8>,
    is_introduced: bool,
    spoke: bool,
    received: u64,
    opening: Vec<u8>,
    /// When the verdict was known, and how many bytes may be received in total.
    settled: Option<(Instant, u64)>,
    is_left: bool,
}

impl Wire {
    /// A wire over a connected, non-blocking stream.
    pub fn new(stream: Stream, deadline: Deadline) -> Self {
        Wire {
            socket: Socket::new(stream, deadline),
            #[cfg(feature = "tls")]
            session: None,
            #[cfg(feature = "tls")]
            plain_answer: Vec::new(),
            is_introduced: false,
            spoke: false,
            received: 0,
            opening: Vec::new(),
            settled: None,
            is_left: false,
        }
    }

    /// Performs the handshake with a server of this name; what is read and written afterwards is
    /// encrypted. `handshake_only` is that of [`Client::handshake`].
    #[cfg(feature = "tls")]
    pub fn start_tls(
        &mut self,
        client: &Client,
        host: &Host,
        handshake_only: bool,
    ) -> Result<Peer, TlsError> {
        match client.handshake(&mut self.socket, host, handshake_only) {
            Ok((session, peer)) => {
                self.session = Some(session);
                Ok(peer)
            }
            Err(error) => {
                if let TlsError::NotTls(opening) = &error {
                    self.plain_answer.clone_from(opening);
                }
                Err(error)
            }
        }
    }

    /// Returns how the peer answered the TLS handshake, if that is not TLS.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "no TLS, no answer to it"))]
    pub fn plain_answer(&self) -> &[u8] {
        #[cfg(feature = "tls")]
        return &self.plain_answer;
        #[cfg(not(feature = "tls"))]
        &[]
    }

    /// Returns the deadline that reads and writes keep.
    pub fn deadline(&self) -> Deadline {
        self.socket.deadline()
    }

    /// Returns whether this process could not read or write, so that nothing is known about the
    /// peer: `not` must not take that for its failure.
    pub fn is_prevented(&self) -> bool {
        self.socket.is_prevented()
    }

    /// Returns how many bytes were received from the peer.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns the first bytes that the peer sent.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Returns what the peer may expect if it has not replied to plain text; empty otherwise.
    pub fn silence_hint(&self) -> &'static str {
        #[cfg(feature = "tls")]
        let is_plain = self.session.is_none();
        #[cfg(not(feature = "tls"))]
        let is_plain = true;
        let is_silent = self.spoke && self.received == 0;
        if !is_plain || !is_silent || !matches!(self.socket.stream, Stream::Tcp(_)) {
            return "";
        }
        if self.is_introduced { SILENT_AFTER_PROXY } else { SILENT }
    }

    /// Returns whether the header of the PROXY protocol was sent.
    pub fn is_introduced(&self) -> bool {
        self.is_introduced
    }

    /// Returns what a server may expect that rejects the first bytes; empty over a Unix socket.
    pub fn proxy_hint(&self) -> &'static str {
        match self.socket.stream {
            Stream::Unix(_) => "",
            Stream::Tcp(_) if self.is_introduced => " (it may expect no PROXY protocol)",
            Stream::Tcp(_) => " (it may expect the PROXY protocol)",
        }
    }

    /// Waits at most this long for bytes, or the end of the stream, and returns whether there are
    /// some.
    pub fn is_readable_within(&self, limit: Duration) -> bool {
        let entry = PollFd::new(self.socket.stream.as_fd(), PollFlags::POLLIN);
        self.socket.deadline().wait_any(&mut [entry], limit) == Ok(true)
    }

    /// Waits for bytes and reads them; 0 at the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, WireError> {
        #[cfg(feature = "tls")]
        let count = match &mut self.session {
            Some(session) => session.read(&mut self.socket, buffer),
            None => self.socket.read(buffer),
        }?;
        #[cfg(not(feature = "tls"))]
        let count = self.socket.read(buffer)?;
        self.received += count as u64;
        let room = OPENING.saturating_sub(self.opening.len()).min(count);
        self.opening.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(count)
    }

    /// Writes what introduces the client, before TLS and the protocol. Errors are ignored: reading
    /// shows them.
    pub fn introduce(&mut self, header: &[u8]) {
        self.is_introduced = true;
        let _ = self.socket.write_all(header);
    }

    /// Writes all of it.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.spoke = true;
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            return session.write_all(&mut self.socket, bytes);
        }
        self.socket.write_all(bytes)
    }

    /// Marks the verdict as known and returns when it was. From then on the server only gets the
    /// chance to finish sending: at most 100 ms and 1 MiB, and never past the deadline.
    pub fn settle(&mut self) -> Instant {
        self.settle_within(LEAVE_TIME)
    }

    /// Does what [`Wire::settle`] does, with less time.
    pub fn settle_within(&mut self, limit: Duration) -> Instant {
        let now = Instant::now();
        let received = self.received;
        let (when, _) = *self.settled.get_or_insert_with(|| {
            let deadline = self.socket.deadline();
            self.socket.set_deadline(deadline.at_most(limit));
            (now, received + LEAVE_BYTES)
        });
        when
    }

    /// Returns whether so much was received since the verdict that no more is read.
    pub fn is_sated(&self) -> bool {
        self.settled.is_some_and(|(_, most)| self.received >= most)
    }

    /// Ends our side of the connection and reads what the server still sends, to its end. Errors
    /// are ignored: they do not change the verdict.
    pub fn leave(&mut self) {
        if std::mem::replace(&mut self.is_left, true) {
            return;
        }
        self.settle();
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            session.close(&mut self.socket);
        }
        if self.socket.end_sending().is_err() {
            return;
        }
        let mut piece = [0; LEAVE_PIECE];
        while !self.is_sated() {
            // Below TLS: the content does not matter any more.
            match self.socket.read_there(&mut piece) {
                Ok(count @ 1..) => self.received += count as u64,
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    fn pair(limit: Duration) -> (Wire, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (Wire::new(Stream::Unix(near), Deadline::after(limit)), far)
    }

    #[test]
    fn reads_what_arrived_and_then_the_end() {
        let (mut wire, mut far) = pair(Duration::from_mins(1));
        far.write_all(b"hello").unwrap();
        drop(far);
        let mut buffer = [0; 3];
        assert_eq!(wire.read(&mut buffer).unwrap(), 3);
        assert_eq!(wire.read(&mut buffer).unwrap(), 2);
        assert_eq!(wire.read(&mut buffer).unwrap(), 0);
        assert_eq!((wire.received(), wire.opening()), (5, &b"hello"[..]));
    }

    #[test]
    fn a_peer_that_does_not_read_cannot_block_a_write_past_the_deadline() {
        let (mut wire, _far) = pair(Duration::from_millis(30));
        let start = Instant::now();
        let error = wire.write_all(&vec![0; 4 << 20]).unwrap_err();
        assert!(matches!(error, WireError::TimedOut), "{error:?}");
        assert!(start.elapsed() >= Duration::from_millis(30));
    }
}
