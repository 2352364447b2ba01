//! A question over TCP: for an answer that does not fit a datagram, or on request. RFC 1035, section
//! 4.2.2; RFC 7766.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::SockType;

use super::PIECE;
use crate::deadline::{Deadline, Passed};
use crate::net::dns::{Question, Reply};
use crate::net::greetings;
use crate::net::resolv_conf::NameServer;
use crate::net::socket::{Socket, Stream, WireError, begin, finish};

/// Why there is no reply over TCP.
pub struct NoReply {
    /// In words.
    pub words: String,
    /// Whether the server was not even asked: this process or machine lacks something.
    pub is_unasked: bool,
}

/// Returns the reply of this server over TCP, or why there is none. Once the only question of a
/// connection is answered, the side that asked closes it (RFC 7766, section 6.2.1).
pub fn over_tcp(question: &Question<'_>, server: &NameServer, deadline: Deadline) -> Result<Reply, NoReply> {
    let mut received = Vec::new();
    let mut is_unasked = false;
    let words = match receive(question, server, deadline, &mut received) {
        Ok(()) => match question.reply(received.get(2..).unwrap_or_default()) {
            Ok(reply) if !reply.is_truncated => return Ok(reply),
            Ok(_) => "a truncated reply".to_owned(),
            Err(why) => why.to_owned(),
        },
        Err(error) => {
            is_unasked = error.is_lack();
            match greetings::other(&received, "dns") {
                Some(protocol) => ["the port speaks ", protocol.name()].concat(),
                None => error.words(),
            }
        }
    };
    Err(NoReply { words, is_unasked })
}

/// Sends the question and receives the answer, each after its length: RFC 1035, section 4.2.2.
fn receive(
    question: &Question<'_>,
    server: &NameServer,
    deadline: Deadline,
    received: &mut Vec<u8>,
) -> Result<(), WireError> {
    let failed = |errno: Errno| WireError::Failed(errno.into());
    let socket = begin(server.0, SockType::Stream).map_err(failed)?;
    deadline.wait(socket.as_fd(), PollFlags::POLLOUT).map_err(|Passed| WireError::TimedOut)?;
    let stream = finish(socket, server.0).map_err(failed)?;
    let mut socket = Socket::new(Stream::Tcp(stream), deadline);
    let message = question.message();
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    socket.write_all(&[&length, &message[..]].concat())?;
    let mut piece = [0; PIECE];
    loop {
        if let Some((&length, rest)) = received.split_first_chunk()
            && rest.len() >= usize::from(u16::from_be_bytes(length))
        {
            return Ok(());
        }
        let count = socket.read(&mut piece)?;
        if count == 0 {
            return Err(failed(Errno::ECONNRESET));
        }
        received.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
