//! A question while it is put to one name server.

use std::io;
use std::net::UdpSocket;

use nix::errno::Errno;
use nix::sys::socket::SockType;

use crate::error::{describe, is_lack};
use crate::net::dns::Question;
use crate::net::resolv_conf::NameServer;
use crate::net::socket::begin;

/// A question and a server. Each has its own socket, so that a datagram is only accepted from the
/// server, and from another port of ours for each question (RFC 5452).
pub struct Exchange<'a> {
    /// The server.
    pub server: &'a NameServer,
    /// Its place in the configuration.
    pub place: usize,
    /// The question.
    pub question: Question<'a>,
    /// The bit of its type.
    pub bit: u8,
    /// The socket for datagrams, from when the question was sent until the end.
    pub socket: Option<UdpSocket>,
    /// How far it is.
    pub state: State,
    /// Why there is no data, in words; empty if there was no reply.
    pub why: String,
    /// Whether the server was not even asked: this process or machine lacks something.
    pub is_unasked: bool,
}

/// How far an exchange is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The local rule forbids it.
    Forbidden,
    /// The server may answer.
    Pending,
    /// The server will not answer.
    Failed,
    /// The server has answered.
    Answered,
}

impl Exchange<'_> {
    /// Ends it.
    // This and the one below are called from several places.
    #[inline(never)]
    pub fn end(&mut self, state: State, why: String) {
        self.state = state;
        self.socket = None;
        self.why = why;
    }

    /// Whether it is known why there is no data.
    pub fn is_explained(&self) -> bool {
        self.socket.is_some() || self.state != State::Pending
    }

    /// Sends the question. A datagram that the system does not accept now is treated as lost.
    pub fn send(&mut self) {
        if self.socket.is_none() {
            // Connected, so that only the server's datagrams are received.
            match begin(self.server.0, SockType::Datagram) {
                Ok(socket) => self.socket = Some(socket.into()),
                Err(errno) => return self.take_error(&errno.into()),
            }
        }
        if let Some(Err(error)) = self.socket.as_ref().map(|socket| socket.send(&self.question.message())) {
            self.take_error(&error);
        }
    }

    /// Takes an error of the socket: ICMP's "port unreachable" appears as "connection refused"
    /// (udp(7)).
    #[inline(never)]
    pub fn take_error(&mut self, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
            self.is_unasked = error.raw_os_error().map(Errno::from_raw).is_some_and(is_lack);
            self.end(State::Failed, describe(error));
        }
    }
}
