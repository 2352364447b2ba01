//! A question over TCP, for an answer that does not fit a datagram. RFC 1035, section 4.2.2; RFC
//! 7766.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;

use nix::poll::PollFlags;
use nix::sys::socket::SockType;

use super::answer::Failure;
use super::{PIECE, PORT};
use crate::deadline::{Deadline, Passed};
use crate::net::dns::{Question, Reply};
use crate::net::socket::{Stream, WireError, begin, finish};
use crate::net::wire::Wire;

/// Returns the reply of this server over TCP.
pub fn over_tcp(question: &Question<'_>, server: IpAddr, deadline: Deadline) -> Result<Reply, Failure> {
    let server = SocketAddr::new(server, PORT);
    let socket = begin(server, SockType::Stream).map_err(Failure::System)?;
    deadline.wait(socket.as_fd(), PollFlags::POLLOUT).map_err(|Passed| Failure::Silent)?;
    let stream = finish(socket, server).map_err(Failure::System)?;
    let mut wire = Wire::new(Stream::Tcp(stream), deadline);
    // Once the only question is answered, the side that asked closes (RFC 7766, section 6.2.1).
    wire.leave_at_once();
    converse(question, &mut wire)?.ok_or(Failure::Garbage)
}

/// Sends the question and reads the answer, each after its length: RFC 1035, section 4.2.2.
// Separate because of its buffer, like Inquiry::receive.
#[inline(never)]
fn converse(question: &Question<'_>, wire: &mut Wire) -> Result<Option<Reply>, Failure> {
    let message = question.message();
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    // Timing decides whether the end of the connection is seen here or below.
    let closed = |error: WireError| if error.is_hung_up() { Failure::Closed } else { error.into() };
    wire.write_all(&[length.as_slice(), message.as_slice()].concat()).map_err(closed)?;
    let mut received: Vec<u8> = Vec::new();
    let mut piece = [0; PIECE];
    loop {
        if let Some((&length, rest)) = received.split_first_chunk()
            && let Some(message) = rest.get(..usize::from(u16::from_be_bytes(length)))
        {
            return Ok(question.reply(message).filter(|reply| *reply != Reply::Truncated));
        }
        let count = wire.read(&mut piece).map_err(closed)?;
        if count == 0 {
            return Err(Failure::Closed);
        }
        received.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}
