//! Asks the kernel over netlink for a list: requests and answers are the same for sock_diag(7) and
//! rtnetlink(7). netlink(7).
//!
//! If a seccomp(2) profile forbids netlink, there is no answer.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// The end of the list: `NLMSG_DONE` in netlink.h.
const NLMSG_DONE: u16 = 3;
/// Smaller types of messages are netlink's own: `NLMSG_MIN_TYPE` in netlink.h.
const NLMSG_MIN_TYPE: u16 = 0x10;

/// `struct nlmsghdr` with `NLM_F_REQUEST` and `NLM_F_DUMP`, for a message of this type and length.
pub(super) const fn header(kind: u16, length: u32) -> [[u8; 4]; 4] {
    let ([t0, t1], [f0, f1]) = (kind.to_ne_bytes(), 0x301_u16.to_ne_bytes());
    [length.to_ne_bytes(), [t0, t1, f0, f1], [0; 4], [0; 4]]
}

/// Returns the value of the first attribute of this type, `struct rtattr`: rtnetlink(7).
pub fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (&[l0, l1, t0, t1], _) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([t0, t1]) == wanted {
            return rest.get(4..length);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// Opens a socket of this protocol, in the network namespace of this thread.
pub(super) fn open(protocol: SockProtocol) -> Option<OwnedFd> {
    socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol).ok()
}

/// Sends a request and calls `visit` with each answer; `None` on an error. The buffer is for one
/// datagram from the kernel.
pub(super) fn dump(
    socket: &OwnedFd,
    request: &[u8],
    buffer: &mut [u8],
    visit: &mut dyn FnMut(&[u8]),
) -> Option<()> {
    send(socket.as_raw_fd(), request, MsgFlags::empty()).ok()?;
    // The kernel has queued the first part of the answer when send returns, and queues the next
    // while one is received. So there is nothing to wait for.
    while !each_answer(receive(socket, buffer)?, visit)? {}
    Some(())
}

fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let count = recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).ok()?;
    buffer.get(..count).filter(|buffer| !buffer.is_empty())
}

/// Calls `visit` with each answer in one datagram. Returns whether it was the last datagram; `None`
/// on an error.
pub fn each_answer(datagram: &[u8], visit: &mut dyn FnMut(&[u8])) -> Option<bool> {
    let mut rest = datagram;
    while let Some((&[l0, l1, l2, l3, t0, t1, ..], _)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let message = rest.get(16..length)?;
        match u16::from_ne_bytes([t0, t1]) {
            NLMSG_MIN_TYPE.. => visit(message),
            // A negative errno(3) tells why the list is incomplete, such as a kernel without the
            // TCP diag module.
            NLMSG_DONE => {
                let failed = message.first_chunk::<4>().is_some_and(|code| i32::from_ne_bytes(*code) < 0);
                return (!failed).then_some(true);
            }
            _ => return None,
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(false)
}
