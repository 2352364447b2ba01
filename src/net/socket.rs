//! A stream socket on which every read and write keeps one deadline, and connecting over TCP.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::sockopt::{SocketError, TcpNoDelay};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getsockopt, setsockopt, socket,
};

use crate::deadline::Deadline;
use crate::error::{is_lack, is_unmade};
use crate::sys::sandbox;

/// What is reported if a server closes the connection or resets it.
pub const CLOSED: &str = "the server closed the connection";
/// The error of a socket whose peer has reset the connection. tcp(7).
const RESET: i32 = Errno::ECONNRESET as i32;
/// The same if the peer had closed it before.
const BROKEN: i32 = Errno::EPIPE as i32;

/// A stream socket, non-blocking.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix.
    Unix(UnixStream),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// Why a read or write failed.
#[derive(Debug)]
pub enum WireError {
    /// The deadline passed.
    TimedOut,
    /// The system's error, such as a reset.
    Failed(io::Error),
    /// TLS failed after its handshake, for this reason in words.
    #[cfg(feature = "tls")]
    Tls(String),
}

impl WireError {
    /// The end of the stream was read where more is needed.
    pub fn closed() -> Self {
        WireError::Failed(io::ErrorKind::UnexpectedEof.into())
    }

    /// Returns whether the peer has closed the connection: what it sent before can still be read.
    pub fn is_hung_up(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let gone = |error: &io::Error| matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof);
        matches!(self, WireError::Failed(error) if gone(error))
    }

    /// Returns whether this process or machine lacks what the call needs.
    pub fn is_lack(&self) -> bool {
        let lacks = |error: &io::Error| error.raw_os_error().map(Errno::from_raw).is_some_and(is_lack);
        matches!(self, WireError::Failed(error) if lacks(error))
    }

    /// Returns the reason for a person, without what was going on.
    pub fn words(&self) -> String {
        match self {
            WireError::TimedOut => "timed out".to_owned(),
            _ if self.is_hung_up() => CLOSED.to_owned(),
            WireError::Failed(error) => crate::error::describe(error),
            #[cfg(feature = "tls")]
            WireError::Tls(why) => why.clone(),
        }
    }

    /// Returns the reason for a person; `doing` is what was going on: `waiting for the response
    /// head`.
    pub fn reason(&self, deadline: Deadline, doing: &str) -> String {
        match self {
            WireError::TimedOut => {
                format!("timed out after {} {doing}", crate::units::show_duration(deadline.limit()))
            }
            // Timing decides whether that appears as an end, as a reset or as a broken pipe.
            _ if self.is_hung_up() => format!("{CLOSED} {doing}"),
            WireError::Failed(error) => format!("{} {doing}", crate::error::describe(error)),
            #[cfg(feature = "tls")]
            WireError::Tls(why) => why.clone(),
        }
    }
}

/// A stream and its deadline.
#[derive(Debug)]
pub struct Socket {
    /// The stream.
    pub stream: Stream,
    /// The deadline that reads and writes keep.
    pub deadline: Deadline,
    /// Why this process may not read or write, if a call has failed for a reason that is not the
    /// peer's: [`is_unmade`].
    prevented: Option<Errno>,
}

impl Socket {
    /// A socket on which nothing was read or written.
    pub fn new(stream: Stream, deadline: Deadline) -> Self {
        Socket { stream, deadline, prevented: None }
    }

    /// Returns the deadline that reads and writes keep.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Sets the deadline of later reads and writes.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Returns whether a call failed for a reason that is not the peer's.
    pub fn is_prevented(&self) -> bool {
        self.prevented.is_some()
    }

    /// Waits for bytes and reads them; 0 at the end of the stream. If nothing could be written, there
    /// will be no reply to wait for.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, WireError> {
        if let Some(errno) = self.prevented {
            return Err(WireError::Failed(errno.into()));
        }
        self.wait(PollFlags::POLLIN)?;
        self.read_there(buffer)
    }

    /// Does the same without waiting first: bytes that have arrived are read even if the deadline
    /// has passed.
    pub fn read_there(&mut self, buffer: &mut [u8]) -> Result<usize, WireError> {
        loop {
            let result = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(buffer),
                Stream::Unix(stream) => stream.read(buffer),
            };
            match result {
                Ok(count) => return Ok(count),
                Err(e) if is_transient(&e) => self.wait(PollFlags::POLLIN)?,
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    /// Writes all of it.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), WireError> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(e) if is_transient(&e) => self.wait(PollFlags::POLLOUT)?,
                Err(e) => return Err(self.failed(e)),
            }
        }
        Ok(())
    }

    #[cold]
    fn failed(&mut self, error: io::Error) -> WireError {
        let errno = error.raw_os_error().map(Errno::from_raw);
        self.prevented = self.prevented.or(errno.filter(|&errno| is_unmade(errno)));
        WireError::Failed(error)
    }

    /// Writes what can be written without waiting; for a last message that may be lost.
    #[cfg(feature = "tls")]
    pub fn write_now(&mut self, bytes: &[u8]) {
        let _ = self.write(bytes);
    }

    /// Ends sending: the peer reads the end of the stream. shutdown(2).
    pub fn end_sending(&self) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn wait(&self, what: PollFlags) -> Result<(), WireError> {
        self.deadline.wait(self.stream.as_fd(), what).map_err(|_| WireError::TimedOut)
    }
}

/// Begins to connect; poll(2) tells when that is done. connect(2), EINPROGRESS.
pub fn begin(target: SocketAddr, kind: SockType) -> Result<OwnedFd, Errno> {
    let family = if target.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    sandbox::seal();
    let socket = socket(family, kind, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(target)) {
        Ok(()) | Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

/// Returns the stream, if the connection to this target was established.
pub fn finish(socket: OwnedFd, target: SocketAddr) -> Result<TcpStream, Errno> {
    match getsockopt(&socket, SocketError)? {
        // The server has already closed or reset it: the connection was established, as a faster
        // client would have seen.
        0 | RESET | BROKEN => {}
        code => return Err(Errno::from_raw(code)),
    }
    // Without this a request in two writes waits for the peer's delayed acknowledgement.
    setsockopt(&socket, TcpNoDelay, &true)?;
    let stream = TcpStream::from(socket);
    // If nothing listens on an ephemeral port, TCP may connect a socket to itself ("simultaneous
    // open", RFC 9293, 3.5): that is not a server.
    match stream.local_addr() {
        Ok(own) if is_same(own, target) => Err(Errno::ECONNREFUSED),
        _ => Ok(stream),
    }
}

/// Returns whether a connection from this address to this target is one to itself. 0.0.0.0 and ::
/// mean the loopback address.
fn is_same(own: SocketAddr, target: SocketAddr) -> bool {
    own.port() == target.port() && (own.ip() == target.ip() || target.ip().is_unspecified())
}

/// Returns whether the call has to be repeated, perhaps after waiting.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
