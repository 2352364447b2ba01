//! TCP and UDP sockets, from sock_diag(7) or the tables `tcp`, `tcp6`, `udp` and `udp6`.
//! proc_net(5)

use std::net::SocketAddr;

use super::{Address, Protocol, Socket, State};
use crate::procfs::diag::{InetSocket, tcp_sockets, udp_sockets};
use crate::procfs::net::{LISTEN, UNCONNECTED, hex, inet_rows, parse_address};

/// The most sockets of a protocol that are listed, if the kernel is asked.
const MAX_SOCKETS: usize = 1 << 15;

/// Parses the sockets in `tcp`, `tcp6`, `udp` or `udp6`. Returns the number of malformed lines.
pub(super) fn inet(table: &[u8], protocol: Protocol, all: bool, sockets: &mut Vec<Socket>) -> usize {
    let waits = if protocol == Protocol::Tcp { LISTEN } else { UNCONNECTED.into() };
    let lines = table.split(|&b| b == b'\n').skip(1).filter(|line| !line.is_empty()).count();
    let mut rows = 0;
    for row in inet_rows(table) {
        rows += 1;
        if !all && row.state != waits {
            continue;
        }
        sockets.push(Socket {
            protocol,
            kind: "",
            state: State::of_number(row.state),
            local: Address::Inet(row.address),
            peer: parse_address(row.peer).map_or(Address::None, peer),
            port: row.address.port(),
            receive: row.waiting,
            send: hex(row.sending).unwrap_or_default(),
            counted: true,
            uid: u32::try_from(row.uid).ok(),
            inode: row.inode,
        });
    }
    lines - rows + usize::from(!table.trim_ascii_start().starts_with(b"sl "))
}

/// Asks the kernel for the sockets of a protocol in our own network namespace. If there are few TCP
/// sockets, that takes a tenth of the time: for a table, the kernel walks over the buckets for
/// connections several times. Returns whether there are more than are listed. `None` if the kernel
/// does not answer, or not with all that the tables contain.
pub(super) fn ask(protocol: Protocol, all: bool, sockets: &mut Vec<Socket>) -> Option<bool> {
    let (before, mut is_cut, mut lacks_user) = (sockets.len(), false, false);
    let list = if protocol == Protocol::Tcp { tcp_sockets } else { udp_sockets };
    let answered = list(all, &mut |found| {
        is_cut |= sockets.len() - before == MAX_SOCKETS;
        let socket = socket_of(protocol, &found);
        // To the tables such a request belongs to the user of the listener.
        lacks_user |= socket.state == State::SynReceived && found.inode == 0;
        if !is_cut {
            sockets.push(socket);
        }
    });
    if answered.is_none() || lacks_user {
        sockets.truncate(before);
        return None;
    }
    Some(is_cut)
}

fn socket_of(protocol: Protocol, found: &InetSocket) -> Socket {
    let state = State::of_number(found.state.into());
    Socket {
        protocol,
        kind: "",
        state,
        local: Address::Inet(found.local),
        peer: peer(found.peer),
        port: found.local.port(),
        receive: found.receive.into(),
        // Of a listener this would be the backlog.
        send: if state == State::Listening { 0 } else { found.send.into() },
        counted: true,
        uid: Some(found.uid),
        inode: found.inode.into(),
    }
}

/// The address of a peer: none if it is unspecified.
fn peer(address: SocketAddr) -> Address {
    let is_none = address.port() == 0 && address.ip().is_unspecified();
    if is_none { Address::None } else { Address::Inet(address) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn the_kernel_answers_what_is_in_the_tables() {
        let listeners = ["127.0.0.1:0", "[::1]:0"].map(|address| TcpListener::bind(address).unwrap());
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let waiting = addresses.map(|address| TcpStream::connect(address).unwrap());
        let accepted = listeners.each_ref().map(|listener| listener.accept().unwrap().0);
        // One more waits to be accepted, and one has been closed.
        let more = TcpStream::connect(addresses[0]).unwrap();
        drop(TcpStream::connect(addresses[1]).unwrap());
        // Other tests have sockets too.
        let ours = |sockets: Vec<Socket>| {
            let is_ours = |address: &Address| address.inet().is_some_and(|known| addresses.contains(&known));
            let mut ours = sockets;
            ours.retain(|socket| is_ours(&socket.local) || is_ours(&socket.peer));
            ours.sort_by_key(|socket| (socket.inode, socket.local.text(), socket.peer.text()));
            ours
        };
        for (all, count) in [(false, 2), (true, 10)] {
            let (mut asked, mut read) = (Vec::new(), Vec::new());
            // Not every kernel answers.
            if ask(Protocol::Tcp, all, &mut asked).is_none() {
                return;
            }
            for name in ["tcp", "tcp6"] {
                let table = std::fs::read(format!("/proc/thread-self/net/{name}")).unwrap();
                assert_eq!(inet(&table, Protocol::Tcp, all, &mut read), 0);
            }
            let (asked, read) = (ours(asked), ours(read));
            assert_eq!(asked, read);
            assert!(asked.len() >= count, "{asked:?}");
        }
        drop((waiting, accepted, more));
    }

    #[test]
    fn the_kernel_answers_what_is_in_the_tables_of_udp() {
        let bound = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
        let addresses = bound.each_ref().map(|socket| socket.local_addr().unwrap());
        let connected = addresses.map(|address| {
            let socket = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).unwrap();
            socket.connect(address).unwrap();
            socket.send(b"waits").unwrap();
            socket
        });
        for (all, count) in [(false, 2), (true, 4)] {
            let (mut asked, mut read) = (Vec::new(), Vec::new());
            // Not every kernel answers.
            if ask(Protocol::Udp, all, &mut asked).is_none() {
                return;
            }
            for name in ["udp", "udp6"] {
                let table = std::fs::read(format!("/proc/thread-self/net/{name}")).unwrap();
                assert_eq!(inet(&table, Protocol::Udp, all, &mut read), 0);
            }
            // Other tests have sockets too.
            for sockets in [&mut asked, &mut read] {
                let is_ours =
                    |address: &Address| address.inet().is_some_and(|known| addresses.contains(&known));
                sockets.retain(|socket| is_ours(&socket.local) || is_ours(&socket.peer));
                sockets.sort_by_key(|socket| socket.inode);
            }
            assert_eq!(asked, read);
            assert_eq!(asked.len(), count, "{asked:?}");
            assert_eq!(asked.iter().filter(|socket| socket.receive > 0).count(), 2, "{asked:?}");
        }
        drop((bound, connected));
    }
}
