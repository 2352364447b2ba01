//! Reads over netlink what the tables of /proc/net do not contain: the file that a Unix socket is
//! bound to, a listener's backlog, and whether it accepts IPv4. netlink(7), sock_diag(7). No
//! connection is made.
//!
//! If a seccomp(2) profile forbids netlink, or the kernel lacks the diag module, there is no
//! answer.
//!
//! It is also faster: for the table of TCP, the kernel walks over all buckets of its connection
//! table.

use std::net::{IpAddr, SocketAddr};

use nix::sys::socket::{AddressFamily, SockProtocol};

use super::net::{Listener, Protocol, UNCONNECTED, UnixSocket};
use super::netlink::{self, attribute, header};

/// The maximum size of a datagram from the kernel, in bytes: `NLMSG_GOODSIZE` in its netlink.h.
const MAX_DATAGRAM_BYTES: usize = 8 << 10;
/// The type of requests and answers: `SOCK_DIAG_BY_FAMILY` in sock_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The same for TCP sockets of both families: `TCPDIAG_GETSOCK` in inet_diag.h.
#[cfg(feature = "inspect")]
const TCPDIAG_GETSOCK: u16 = 18;
/// A bit for each state that the tables of TCP show, from `TCP_ESTABLISHED` to `TCP_NEW_SYN_RECV` in
/// tcp_states.h. Linux 6.7 has one more state, of sockets that are only bound.
#[cfg(feature = "inspect")]
const STATES: u32 = 0x1ffe;
/// The inode and device of the file: `UNIX_DIAG_VFS` in unix_diag.h.
const UNIX_DIAG_VFS: u16 = 1;
/// `INET_DIAG_SKV6ONLY` in inet_diag.h.
const INET_DIAG_SKV6ONLY: u16 = 11;
/// `IPPROTO_TCP` and `IPPROTO_UDP`: in.h.
const TCP: u8 = 6;
const UDP: u8 = 17;
/// `TCP_LISTEN` in tcp_states.h, which Unix sockets share.
const LISTEN: u8 = 10;

/// For a listening socket, the waiting connections and the backlog: `UNIX_DIAG_RQLEN` in
/// unix_diag.h.
#[cfg(feature = "inspect")]
const UNIX_DIAG_RQLEN: u16 = 4;

/// The request for all Unix sockets with `UDIAG_SHOW_VFS`.
const UNIX_REQUEST: [[u8; 4]; 10] = unix_request(2);

/// The header and a `struct unix_diag_req` for every state, with what to show.
const fn unix_request(show: u32) -> [[u8; 4]; 10] {
    let [length, kind, number, port] = header(SOCK_DIAG_BY_FAMILY, 40);
    [length, kind, number, port, [1, 0, 0, 0], [0xff; 4], [0; 4], show.to_ne_bytes(), [0; 4], [0; 4]]
}

/// The header and a `struct inet_diag_req_v2` for this family, protocol (`IPPROTO_…`) and these
/// states, a bit for each.
#[allow(clippy::cast_possible_truncation, reason = "a field of one byte; there are some 50 families")]
const fn inet_request(family: AddressFamily, protocol: u8, states: u32) -> [[u8; 4]; 18] {
    let mut request = [[0; 4]; 18];
    let ([length, kind, ..], states) = (header(SOCK_DIAG_BY_FAMILY, 72), states.to_ne_bytes());
    [request[0], request[1], request[4], request[5]] = [length, kind, [family as u8, protocol, 0, 0], states];
    request
}

/// The header and a `struct inet_diag_req` for TCP sockets in all states.
#[cfg(feature = "inspect")]
fn tcp_request() -> [[u8; 4]; 19] {
    let mut request = [[0; 4]; 19];
    let [length, kind, ..] = header(TCPDIAG_GETSOCK, 76);
    [request[0], request[1], request[17]] = [length, kind, STATES.to_ne_bytes()];
    request
}

/// Returns the Unix sockets of this network namespace that are bound to the file with this device
/// and inode; `None` if the kernel does not answer.
pub fn sockets_of((device, inode): (u64, u64)) -> Option<Vec<UnixSocket>> {
    // In the kernel's format: the low half of the inode, and the device as split by `MKDEV` in its
    // kdev_t.h.
    let major = device >> 8 & 0xfff;
    let minor = device >> 12 & 0xf_ff00 | device & 0xff;
    let half = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default().to_ne_bytes();
    let file = [half(inode), half(major << 20 | minor)].concat();
    let mut sockets = Vec::new();
    dump(UNIX_REQUEST.as_flattened(), &mut |message| sockets.extend(socket_of(message, &file)))?;
    Some(sockets)
}

/// Returns the sockets of this network namespace, IPv4 and IPv6, that listen or receive from
/// anyone; `None` if the kernel does not answer.
pub fn listeners(protocol: Protocol) -> Option<Vec<Listener>> {
    let (number, state) = match protocol {
        Protocol::Tcp => (TCP, LISTEN),
        Protocol::Udp => (UDP, UNCONNECTED),
    };
    let mut found = Vec::new();
    dump_inet(number, 1 << state, &mut |message| found.extend(listener_of(message, state)))?;
    Some(found)
}

/// A TCP or UDP socket: `struct inet_diag_msg` in inet_diag.h.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "only inspections look at connections"))]
pub struct InetSocket {
    /// Its state: tcp_states.h.
    pub state: u8,
    /// Its address.
    pub local: SocketAddr,
    /// The address of its peer; unspecified, with the port 0, if it has none.
    pub peer: SocketAddr,
    /// How many bytes wait to be received; of a listener, how many connections wait.
    pub receive: u32,
    /// How many bytes its peer has not acknowledged; of a listener, its backlog.
    pub send: u32,
    /// The user it belongs to.
    pub uid: u32,
    /// Its inode; 0 if no process has it yet, or any longer.
    pub inode: u32,
}

/// Parses a `struct inet_diag_msg`. Also returns its attributes.
pub fn inet_socket_of(message: &[u8]) -> Option<(InetSocket, &[u8])> {
    let (head, attributes) = message.split_first_chunk::<72>()?;
    let bytes = |at: usize| head.get(at..)?.first_chunk::<4>().copied();
    let number = |at: usize| Some(u32::from_ne_bytes(bytes(at)?));
    let &[family, state, _, _, l0, l1, p0, p1, ..] = head;
    let ip = |at: usize| {
        let is_ipv4 = i32::from(family) == AddressFamily::Inet as i32;
        let v6 = || Some(IpAddr::from(*head.get(at..)?.first_chunk::<16>()?));
        if is_ipv4 { bytes(at).map(IpAddr::from) } else { v6() }
    };
    let socket = InetSocket {
        state,
        local: SocketAddr::new(ip(8)?, u16::from_be_bytes([l0, l1])),
        peer: SocketAddr::new(ip(24)?, u16::from_be_bytes([p0, p1])),
        receive: number(56)?,
        send: number(60)?,
        uid: number(64)?,
        inode: number(68)?,
    };
    Some((socket, attributes))
}

/// Parses a `struct inet_diag_msg` and its attributes, if the socket is in this state.
pub fn listener_of(message: &[u8], state: u8) -> Option<Listener> {
    let (socket, attributes) = inet_socket_of(message).filter(|(socket, _)| socket.state == state)?;
    Some(Listener {
        address: socket.local,
        waiting: socket.receive.into(),
        backlog: Some(socket.send),
        // Reported for IPv6 only, and not before Linux 4.3.
        only_ipv6: attribute(attributes, INET_DIAG_SKV6ONLY).and_then(|value| Some(*value.first()? == 1)),
        uid: socket.uid.into(),
        inode: socket.inode.into(),
    })
}

/// Calls `visit` with the TCP sockets of this network namespace, in every state or only those that
/// listen; `None` if the kernel does not answer. Those that listen come in the order of the tables.
#[cfg(feature = "inspect")]
pub fn tcp_sockets(all: bool, visit: &mut dyn FnMut(InetSocket)) -> Option<()> {
    let visit = &mut |message: &[u8]| {
        if let Some((socket, _)) = inet_socket_of(message) {
            visit(socket);
        }
    };
    if all {
        // One request for both families, as each walks over all buckets of the connection table.
        return dump(tcp_request().as_flattened(), visit);
    }
    dump_inet(TCP, 1 << LISTEN, visit)
}

/// Calls `visit` with the UDP sockets of this network namespace, in every state or only those
/// without a peer; `None` if the kernel does not answer.
#[cfg(feature = "inspect")]
pub fn udp_sockets(all: bool, visit: &mut dyn FnMut(InetSocket)) -> Option<()> {
    let states = if all { STATES } else { 1 << UNCONNECTED };
    dump_inet(UDP, states, &mut |message| {
        if let Some((socket, _)) = inet_socket_of(message) {
            visit(socket);
        }
    })
}

/// The backlog of a listener, TCP or Unix.
#[cfg(feature = "inspect")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// The inode of the listener.
    pub inode: u64,
    /// How many connections wait to be accepted.
    pub waiting: u64,
    /// The backlog given to listen(2), capped by net.core.somaxconn; see [`is_full`].
    pub most: u32,
    /// Whether it does not accept IPv4: `IPV6_V6ONLY` of ipv6(7); `None` if unknown.
    pub only_ipv6: Option<bool>,
}

/// Whether an accept queue with this many waiting connections is full, given the backlog of
/// listen(2). One more than the backlog may wait: `sk_acceptq_is_full` in the kernel's sock.h.
#[cfg(feature = "inspect")]
pub fn is_full(waiting: u64, most: u64) -> bool {
    waiting > most
}

/// Returns the backlogs of all listeners of this network namespace; empty if the kernel does not
/// answer.
#[cfg(feature = "inspect")]
pub fn backlogs() -> Vec<Backlog> {
    let mut found = Vec::new();
    for Listener { inode, waiting, backlog, only_ipv6, .. } in listeners(Protocol::Tcp).unwrap_or_default() {
        found.extend(backlog.map(|most| Backlog { inode, waiting, most, only_ipv6 }));
    }
    found.extend(unix_backlogs());
    found
}

/// Returns the backlogs of Unix sockets.
#[cfg(feature = "inspect")]
pub fn unix_backlogs() -> Vec<Backlog> {
    let mut found = Vec::new();
    // `UDIAG_SHOW_RQLEN`
    let _ = dump(unix_request(0x10).as_flattened(), &mut |message| found.extend(unix_backlog_of(message)));
    found
}

/// Parses a `struct unix_diag_msg`, if the socket listens.
#[cfg(feature = "inspect")]
pub fn unix_backlog_of(message: &[u8]) -> Option<Backlog> {
    let (&[_, _, LISTEN, _, i0, i1, i2, i3, ..], rest) = message.split_first_chunk::<16>()? else {
        return None;
    };
    let (waiting, most) = attribute(rest, UNIX_DIAG_RQLEN)?.split_first_chunk::<4>()?;
    let (inode, waiting) = (u32::from_ne_bytes([i0, i1, i2, i3]).into(), u32::from_ne_bytes(*waiting).into());
    Some(Backlog { inode, waiting, most: u32::from_ne_bytes(*most.first_chunk()?), only_ipv6: None })
}

/// Calls `visit` with the sockets of both families in these states; `None` on an error.
fn dump_inet(protocol: u8, states: u32, visit: &mut dyn FnMut(&[u8])) -> Option<()> {
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        dump(inet_request(family, protocol, states).as_flattened(), visit)?;
    }
    Some(())
}

/// Sends a request and calls `visit` with each answer; `None` on an error.
fn dump(request: &[u8], visit: &mut dyn FnMut(&[u8])) -> Option<()> {
    let socket = netlink::open(SockProtocol::NetlinkSockDiag)?;
    netlink::dump(&socket, request, &mut [0; MAX_DATAGRAM_BYTES], visit)
}

/// Parses a `struct unix_diag_msg` and its attributes, if the socket is bound to this file.
pub fn socket_of(message: &[u8], file: &[u8]) -> Option<UnixSocket> {
    let (&[_, kind, state, _, i0, i1, i2, i3, ..], attributes) = message.split_first_chunk::<16>()?;
    (attribute(attributes, UNIX_DIAG_VFS)? == file).then(|| UnixSocket {
        listens: state == LISTEN,
        kind: u64::from(kind),
        inode: u64::from(u32::from_ne_bytes([i0, i1, i2, i3])),
        #[cfg(feature = "inspect")]
        state: u64::from(state),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::netlink::each_answer;
    use std::os::fd::AsRawFd as _;
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
        // Not every kernel answers, and some file systems report different numbers.
        for socket in sockets_of((file.dev(), file.ino())).into_iter().flatten() {
            assert_eq!((socket.listens, socket.kind), (true, 1));
        }
        drop(listener);
    }

    #[test]
    fn listeners_and_their_backlogs() {
        use nix::sys::socket::{
            Backlog as ListenBacklog, SockFlag, SockType, SockaddrIn6, bind, listen, socket,
        };
        use std::net::{Ipv6Addr, SocketAddrV6, TcpListener};
        use std::os::fd::AsFd as _;

        let bound = socket(AddressFamily::Inet6, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let any = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0));
        bind(bound.as_raw_fd(), &any).unwrap();
        listen(&bound, ListenBacklog::new(3).unwrap()).unwrap();
        let six = TcpListener::from(bound);
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        // Not every kernel answers.
        let Some(all) = listeners(Protocol::Tcp) else { return };
        let found = |listener: &TcpListener| {
            let inode = nix::sys::stat::fstat(listener.as_fd()).unwrap().st_ino;
            all.iter().find(|known| known.inode == inode).unwrap().clone()
        };
        let (found, six) = ([found(&six), found(&four)], six.local_addr().unwrap());
        assert_eq!((found[0].address, found[1].address), (six, four.local_addr().unwrap()));
        // A listener on an IPv6 address does not accept IPv4.
        assert_eq!((found[0].backlog, found[0].only_ipv6, found[1].only_ipv6), (Some(3), Some(true), None));
        let user = u64::from(nix::unistd::geteuid().as_raw());
        assert!(found.iter().all(|known| known.uid == user && known.waiting == 0), "{found:?}");
    }

    #[test]
    fn messages_of_tcp() {
        let mut message = [0; 80];
        message[..6].copy_from_slice(&[10, 10, 0, 0, 0x1f, 0x90]);
        message[23] = 1;
        for (at, number) in [(56, 2_u32), (60, 128), (64, 65532), (68, 4711)] {
            message[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        message[72..74].copy_from_slice(&5_u16.to_ne_bytes());
        message[74..76].copy_from_slice(&INET_DIAG_SKV6ONLY.to_ne_bytes());
        message[76] = 1;
        let mut expected = Listener {
            address: "[::1]:8080".parse().unwrap(),
            waiting: 2,
            backlog: Some(128),
            only_ipv6: Some(true),
            uid: 65532,
            inode: 4711,
        };
        assert_eq!(listener_of(&message, LISTEN), Some(expected.clone()));
        for end in 0..message.len() {
            expected.only_ipv6 = (end >= 77).then_some(true);
            assert_eq!(listener_of(&message[..end], LISTEN), (end >= 72).then(|| expected.clone()), "{end}");
        }
        message[1] = 1;
        assert_eq!(listener_of(&message, LISTEN), None);
        message[..2].copy_from_slice(&[2, 10]);
        assert_eq!(listener_of(&message, LISTEN).unwrap().address, "0.0.0.0:8080".parse().unwrap());
    }

    #[test]
    #[cfg(feature = "inspect")]
    fn messages_of_unix_sockets() {
        let message =
            [&[1, 1, 10, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 4, 0][..], &[2, 0, 0, 0, 5, 0, 0, 0]]
                .concat();
        if cfg!(target_endian = "little") {
            assert_eq!(
                unix_backlog_of(&message),
                Some(Backlog { inode: 9, waiting: 2, most: 5, only_ipv6: None })
            );
        }
        for end in 0..message.len() {
            assert_eq!(unix_backlog_of(&message[..end]), None, "{end}");
        }
        let connected = [&message[..2], &[1], &message[3..]].concat();
        assert_eq!(unix_backlog_of(&connected), None);
    }

    #[test]
    fn malformed_answers_are_skipped() {
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
        // The end of a list, and of a list that the kernel could not produce: -ENOENT.
        let end = |code: i32| {
            [&[20, 0, 0, 0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &code.to_ne_bytes()].concat()
        };
        if cfg!(target_endian = "little") {
            assert_eq!(each_answer(&end(0), &mut |_| {}), Some(true));
            assert_eq!(each_answer(&end(-2), &mut |_| {}), None);
        }
        for datagram in [&[0; 16][..], &[0xff; 16], &[0; 3]] {
            let ended = each_answer(datagram, &mut |_| {});
            assert_eq!(ended, (datagram.len() < 16).then_some(false), "{datagram:?}");
        }
    }
}
