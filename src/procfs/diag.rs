//! What the kernel tells of sockets over netlink and the tables of /proc/net do not: the file that a Unix socket was
//! bound to, and how many connections may wait on a listener. netlink(7), sock_diag(7). Nothing is connected to.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::net::UnixSocket;

/// The most that one datagram of the kernel holds, in bytes: `NLMSG_GOODSIZE` in its netlink.h.
const PIECE: usize = 8 << 10;
/// `SOCK_DIAG_BY_FAMILY` in sock_diag.h, of which question and answers are.
const BY_FAMILY: u16 = 20;
/// `NLMSG_DONE` in netlink.h: the end of the list.
const DONE: u16 = 3;
/// `UNIX_DIAG_VFS` in unix_diag.h: inode and device of the file.
const FILE: u16 = 1;
/// `INET_DIAG_SKV6ONLY` in inet_diag.h.
#[cfg(feature = "inspect")]
const ONLY_IPV6: u16 = 11;
/// `TCP_LISTEN` in tcp_states.h, which Unix sockets share.
const LISTEN: u8 = 10;

/// `UNIX_DIAG_RQLEN` there: how many connections wait where a socket listens, and how many may.
#[cfg(feature = "inspect")]
const QUEUE: u16 = 4;

/// The question after all Unix sockets, and `UDIAG_SHOW_VFS` of each.
const QUESTION: [[u8; 4]; 10] = question(2);

/// `struct nlmsghdr` with `NLM_F_REQUEST` and `NLM_F_DUMP`, then `struct unix_diag_req` with every state and what is to be
/// shown.
const fn question(show: u32) -> [[u8; 4]; 10] {
    let ([t0, t1], [f0, f1]) = (BY_FAMILY.to_ne_bytes(), 0x301_u16.to_ne_bytes());
    let (length, show) = (40_u32.to_ne_bytes(), show.to_ne_bytes());
    [length, [t0, t1, f0, f1], [0; 4], [0; 4], [1, 0, 0, 0], [0xff; 4], [0; 4], show, [0; 4], [0; 4]]
}

/// The sockets of this network namespace that were bound to the file of this device and inode; nothing where the
/// kernel does not tell.
pub fn sockets_of((device, inode): (u64, u64)) -> Option<Vec<UnixSocket>> {
    // As the kernel has them: the low half of the inode, and the device by its own split (`MKDEV` in its kdev_t.h).
    let major = device >> 8 & 0xfff;
    let minor = device >> 12 & 0xf_ff00 | device & 0xff;
    let half = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default().to_ne_bytes();
    let file = [half(inode), half(major << 20 | minor)].concat();
    let mut sockets = Vec::new();
    ask(QUESTION.as_flattened(), &mut |message| sockets.extend(socket_of(message, &file)))?;
    Some(sockets)
}

/// How many connections may wait on a listener of TCP, or a Unix socket that listens.
#[cfg(feature = "inspect")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// The listener.
    pub inode: u64,
    /// What it asked for by listen(2), cut to net.core.somaxconn. One more than that may wait.
    pub most: u32,
    /// Whether it takes no IPv4: `IPV6_V6ONLY` of ipv6(7).
    pub only_ipv6: bool,
}

/// Those of the listeners of this network namespace; none where the kernel does not tell.
#[cfg(feature = "inspect")]
pub fn backlogs() -> Vec<Backlog> {
    let mut found = Vec::new();
    for family in [libc_family(AddressFamily::Inet), libc_family(AddressFamily::Inet6)] {
        // `struct nlmsghdr` as above, then `struct inet_diag_req_v2` of TCP in state LISTEN, of any address.
        let mut question = QUESTION.as_flattened().get(..16).unwrap_or_default().to_vec();
        question.extend_from_slice(&[family, 6, 0, 0]);
        question.extend_from_slice(&(1_u32 << LISTEN).to_ne_bytes());
        question.resize(16 + 56, 0);
        for (place, byte) in question.iter_mut().zip(72_u32.to_ne_bytes()) {
            *place = byte;
        }
        let _ = ask(&question, &mut |message| found.extend(backlog_of(message)));
    }
    // `UDIAG_SHOW_RQLEN`
    let _ = ask(question(0x10).as_flattened(), &mut |message| found.extend(unix_backlog_of(message)));
    found
}

/// From a `struct unix_diag_msg` of a socket that listens.
#[cfg(feature = "inspect")]
fn unix_backlog_of(message: &[u8]) -> Option<Backlog> {
    let (&[_, _, LISTEN, _, i0, i1, i2, i3, ..], rest) = message.split_first_chunk::<16>()? else {
        return None;
    };
    let (_, most) = attribute(rest, QUEUE)?.split_first_chunk::<4>()?;
    let inode = u64::from(u32::from_ne_bytes([i0, i1, i2, i3]));
    Some(Backlog { inode, most: u32::from_ne_bytes(*most.first_chunk()?), only_ipv6: false })
}

#[cfg(feature = "inspect")]
fn libc_family(family: AddressFamily) -> u8 {
    u8::try_from(family as i32).unwrap_or_default()
}

/// From a `struct inet_diag_msg`, of which the queue to be sent is the longest that may wait where a socket listens.
#[cfg(feature = "inspect")]
fn backlog_of(message: &[u8]) -> Option<Backlog> {
    let number = |at: usize| {
        let (bytes, _) = message.get(at..)?.split_first_chunk::<4>()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    let only_ipv6 = attribute(message.get(72..).unwrap_or_default(), ONLY_IPV6)
        .is_some_and(|value| value.first() == Some(&1));
    Some(Backlog { inode: u64::from(number(68)?), most: number(60)?, only_ipv6 })
}

/// The value of the first attribute of this type, `struct rtattr`: rtnetlink(7).
#[cfg(feature = "inspect")]
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (&[l0, l1, t0, t1], _) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([t0, t1]) == wanted {
            return rest.get(4..length);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// Asks, and hands over each answer; nothing where it is an error.
fn ask(question: &[u8], visit: &mut dyn FnMut(&[u8])) -> Option<()> {
    let netlink = SockProtocol::NetlinkSockDiag;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, netlink).ok()?;
    send(socket.as_raw_fd(), question, MsgFlags::empty()).ok()?;
    let mut piece = [0; PIECE];
    // The kernel has answered by the time it is asked: it is never waited for.
    while !each(piece_of(&socket, &mut piece)?, visit)? {}
    Some(())
}

fn piece_of<'a>(socket: &OwnedFd, piece: &'a mut [u8]) -> Option<&'a [u8]> {
    let count = recv(socket.as_raw_fd(), piece, MsgFlags::MSG_DONTWAIT).ok()?;
    piece.get(..count).filter(|piece| !piece.is_empty())
}

/// Hands over each answer in one datagram. Whether it was the last one; nothing where it is an error.
fn each(datagram: &[u8], visit: &mut dyn FnMut(&[u8])) -> Option<bool> {
    let mut rest = datagram;
    while let Some((&[l0, l1, l2, l3, t0, t1, ..], _)) = rest.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let message = rest.get(16..length)?;
        match u16::from_ne_bytes([t0, t1]) {
            BY_FAMILY => visit(message),
            DONE => return Some(true),
            _ => return None,
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(false)
}

/// The socket of a `struct unix_diag_msg` with its attributes, if it was bound to this file.
fn socket_of(message: &[u8], file: &[u8]) -> Option<UnixSocket> {
    let (&[_, kind, state, _, i0, i1, i2, i3, ..], mut rest) = message.split_first_chunk::<16>()?;
    loop {
        let (&[l0, l1, t0, t1], _) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        if u16::from_ne_bytes([t0, t1]) == FILE && rest.get(4..length)? == file {
            let inode = u64::from(u32::from_ne_bytes([i0, i1, i2, i3]));
            return Some(UnixSocket {
                listens: state == LISTEN,
                kind: u64::from(kind),
                inode,
                #[cfg(feature = "inspect")]
                state: u64::from(state),
            });
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_renamed_socket_is_known_by_its_file() {
        let name = std::env::temp_dir().join(format!("porthole-diag-{}", std::process::id()));
        let bound = name.with_extension("tmp");
        let listener = UnixListener::bind(&bound).unwrap();
        std::fs::rename(&bound, &name).unwrap();
        let file = std::fs::metadata(&name).unwrap();
        std::fs::remove_file(&name).unwrap();
        // Not every kernel has it, and of some file systems it tells other numbers.
        for socket in sockets_of((file.dev(), file.ino())).into_iter().flatten() {
            assert_eq!((socket.listens, socket.kind), (true, 1));
        }
        drop(listener);
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn how_many_may_wait() {
        use nix::sys::socket::{Backlog as Most, SockaddrIn6, bind, listen};
        use std::os::fd::AsFd as _;

        let socket = socket(AddressFamily::Inet6, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(
            socket.as_raw_fd(),
            &SockaddrIn6::from(std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 0, 0, 0)),
        )
        .unwrap();
        listen(&socket, Most::new(3).unwrap()).unwrap();
        let inode = nix::sys::stat::fstat(socket.as_fd()).unwrap().st_ino;
        let all = backlogs();
        // Not every kernel has it. What is bound to an address of IPv6 takes no IPv4.
        assert!(all.is_empty() || all.contains(&Backlog { inode, most: 3, only_ipv6: true }), "{all:?}");
        assert_eq!(backlog_of(&[0; 71]), None);

        let message =
            [&[1, 1, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 4, 0][..], &[2, 0, 0, 0, 5, 0, 0, 0]]
                .concat();
        if cfg!(target_endian = "little") {
            assert_eq!(unix_backlog_of(&message), Some(Backlog { inode: 9, most: 5, only_ipv6: false }));
        }
        for end in 0..message.len() {
            assert_eq!(unix_backlog_of(&message[..end]), None, "{end}");
        }
        let connected = [&message[..2], &[1], &message[3..]].concat();
        assert_eq!(unix_backlog_of(&connected), None);
    }

    #[test]
    fn odd_answers_are_passed_over() {
        let file = [7, 0, 0, 0, 8, 0, 0, 0];
        let message = [&[1, 1, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 1, 0][..], &file].concat();
        let socket = UnixSocket {
            listens: true,
            kind: 1,
            inode: 9,
            #[cfg(feature = "inspect")]
            state: u64::from(LISTEN),
        };
        if cfg!(target_endian = "little") {
            assert_eq!(socket_of(&message, &file), Some(socket));
            for end in 0..message.len() {
                assert_eq!(socket_of(&message[..end], &file), None, "{end}");
            }
            let mut empty = message.clone();
            empty[16] = 0;
            assert_eq!(socket_of(&empty, &file), None);
        }
        for datagram in [&[0; 16][..], &[0xff; 16], &[0; 3]] {
            let ended = each(datagram, &mut |_| {});
            assert_eq!(ended, (datagram.len() < 16).then_some(false), "{datagram:?}");
        }
    }
}
