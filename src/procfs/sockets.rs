//! The sockets of a network namespace, in every state, from the tables in a process's `net`
//! directory; TCP sockets of our own network namespace from sock_diag(7), and UDP sockets too if
//! their tables cannot be read. proc_net(5), proc_pid_net(5)
//!
//! No privilege is needed to read them, whichever user the process runs as.

mod address;
mod inet;
mod state;
mod unix;

pub use self::address::Address;
use self::inet::{ask, inet};
pub use self::state::{Protocol, State};
use self::unix::unix;
use super::handle::Handle;
use crate::error::Error;

/// How much of one table is read, in bytes: some 28,000 sockets.
const MAX_TABLE_BYTES: usize = 4 << 20;

/// Which sockets to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// TCP sockets.
    pub tcp: bool,
    /// UDP sockets.
    pub udp: bool,
    /// Unix sockets.
    pub unix: bool,
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// For a Unix socket: `stream`, `dgram` or `seqpacket`.
    pub kind: &'static str,
    /// Its state.
    pub state: State,
    /// Its local address, or its name, which may be empty.
    pub local: Address,
    /// The address of its peer, if it has one and the tables contain it.
    pub peer: Address,
    /// Its local port.
    pub port: u16,
    /// How many bytes wait to be received; for a listener, how many connections wait to be
    /// accepted.
    pub receive: u64,
    /// How many bytes its peer has not acknowledged.
    pub send: u64,
    /// Whether the number that waits is known; for Unix sockets, only that of a listener is.
    pub counted: bool,
    /// The user it belongs to, if the table contains it.
    pub uid: Option<u32>,
    /// Its inode; 0 if no process has it yet, or any longer.
    pub inode: u64,
}

impl Socket {
    /// Whether it is a listener.
    pub fn listens(&self) -> bool {
        self.state == State::Listening
    }

    /// Formats it as `TCP 127.0.0.1:8080->127.0.0.1:40312 (ESTAB)`.
    pub fn shown(&self) -> Vec<u8> {
        let mut shown = match self.protocol {
            Protocol::Tcp => "TCP ".to_owned(),
            Protocol::Udp => "UDP ".to_owned(),
            Protocol::Unix => [self.protocol.name(), " ", self.kind, " "].concat(),
        }
        .into_bytes();
        if self.local.is_empty() {
            shown.extend_from_slice(format!("socket:[{}]", self.inode).as_bytes());
        }
        self.local.push(&mut shown);
        if !self.peer.is_empty() {
            shown.extend_from_slice(b"->");
            self.peer.push(&mut shown);
        }
        // UNCONN is the normal state of a socket that has no peer and cannot listen.
        if self.state != State::Unconnected {
            shown.extend_from_slice([" (", self.state.name(), ")"].concat().as_bytes());
        }
        shown
    }
}

/// The contents of the tables.
#[derive(Debug, Default)]
pub struct Sockets {
    /// The sockets, TCP first, then UDP, then Unix sockets, in the kernel's order.
    pub list: Vec<Socket>,
    /// The tables that were too large to be read to the end.
    pub cut: Vec<&'static str>,
    /// The tables with malformed lines, and how many.
    pub odd: Vec<(&'static str, usize)>,
    /// The tables that could not be read, and the reasons.
    pub unread: Vec<(&'static str, Error)>,
}

impl Sockets {
    /// Reads the sockets of the network namespace of this process: those that listen or receive
    /// from anyone or, with `all`, those in every state. If not one table can be read, the error
    /// names the first and the reason.
    pub fn read(process: &Handle, wanted: Wanted, all: bool) -> Result<Self, (&'static str, Error)> {
        let (mut sockets, mut is_any) = (Sockets::default(), false);
        if wanted.tcp {
            is_any |= sockets.ask(process, Protocol::Tcp, "net/tcp", all)
                || sockets.inet(process, Protocol::Tcp, ["net/tcp", "net/tcp6"], all);
        }
        if wanted.udp {
            is_any |= sockets.inet(process, Protocol::Udp, ["net/udp", "net/udp6"], all)
                || sockets.ask(process, Protocol::Udp, "net/udp", all);
        }
        if wanted.unix
            && let Some(table) = sockets.table(process, "net/unix")
        {
            let odd = unix(&table, all, &mut sockets.list);
            sockets.odd.extend((odd > 0).then_some(("net/unix", odd)));
            is_any = true;
        }
        match sockets.unread.first() {
            Some(first) if !is_any => Err(first.clone()),
            _ => Ok(sockets),
        }
    }

    /// Asks the kernel for the sockets of a protocol, instead of the tables, the first of which has
    /// this name. It answers only for our own network namespace. Returns whether it does.
    fn ask(&mut self, process: &Handle, protocol: Protocol, name: &'static str, all: bool) -> bool {
        let asked = if process.is_in_our_network() { ask(protocol, all, &mut self.list) } else { None };
        let Some(is_cut) = asked else { return false };
        self.unread.retain(|(unread, _)| !unread.starts_with(name));
        self.cut.extend(is_cut.then_some(name));
        true
    }

    /// Returns the sockets if no table is missing.
    pub fn whole(self) -> Result<Self, (&'static str, Error)> {
        self.unread.first().cloned().map_or(Ok(self), Err)
    }

    /// Reads both tables of a protocol. Returns whether any can be read.
    fn inet(&mut self, process: &Handle, protocol: Protocol, [v4, v6]: [&'static str; 2], all: bool) -> bool {
        let is_read = |sockets: &mut Self, name| {
            let Some(table) = sockets.table(process, name) else { return false };
            let odd = inet(&table, protocol, all, &mut sockets.list);
            sockets.odd.extend((odd > 0).then_some((name, odd)));
            true
        };
        let (has_v4, has_v6) = (is_read(self, v4), is_read(self, v6));
        if has_v4
            && !has_v6
            && self.unread.last().is_some_and(|(_, error)| error.is_gone())
            && process.read("stat", 1).is_ok()
        {
            // A kernel without IPv6 lacks its table.
            self.unread.pop();
        }
        has_v4 || has_v6
    }

    fn table(&mut self, process: &Handle, name: &'static str) -> Option<Vec<u8>> {
        let read = process.read(name, MAX_TABLE_BYTES);
        let mut table = read.map_err(|error| self.unread.push((name, error))).ok()?;
        if table.len() == MAX_TABLE_BYTES {
            self.cut.push(name);
            // Half a row may look like a whole one.
            table.truncate(table.iter().rposition(|&b| b == b'\n').unwrap_or_default());
        }
        Some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-tcp-listen-full-queue");
    const UDP: &[u8] =
        include_bytes!("../../tests/fixtures/linux-6.18-proc-net-udp-unconnected-and-connected");
    const UDP6: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-udp6-wildcard-and-mapped");
    const UNIX: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-unix-abstract-and-spaces");
    const TYPES: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-unix-types-and-newline");

    fn shown(sockets: &[Socket]) -> Vec<String> {
        let show = |socket: &Socket| {
            let (local, peer) = [&socket.local, &socket.peer]
                .map(|address| String::from_utf8(address.text()).unwrap())
                .into();
            let Socket { kind, state, receive, send, inode, .. } = socket;
            let state = state.name();
            format!("{kind} {state} {local} {peer} {receive}/{send} {inode}")
        };
        sockets.iter().map(show).collect()
    }

    #[test]
    fn connections_have_state_and_peer_and_those_not_yet_accepted_no_inode() {
        let mut sockets = Vec::new();
        inet(TCP, Protocol::Tcp, true, &mut sockets);
        assert_eq!(sockets.len(), 10);
        assert_eq!(inet(TCP, Protocol::Tcp, true, &mut Vec::new()), 0);
        for table in [&b""[..], b"x\n", b"  sl  local\nx\n\n"] {
            assert_eq!(
                inet(table, Protocol::Tcp, true, &mut Vec::new()),
                1,
                "{}",
                String::from_utf8_lossy(table)
            );
        }
        assert_eq!(
            shown(&sockets[..6])[1..],
            [
                " LISTEN 0.0.0.0:18092  1/0 109455",
                " ESTAB 127.0.0.1:40372 127.0.0.1:18091 0/0 109456",
                " ESTAB 127.0.0.1:40378 127.0.0.1:18091 0/0 109457",
                " ESTAB 127.0.0.1:40386 127.0.0.1:18091 0/0 109458",
                " ESTAB 127.0.0.1:18091 127.0.0.1:40386 0/0 0",
            ]
        );
        sockets.clear();
        inet(TCP, Protocol::Tcp, false, &mut sockets);
        assert_eq!(
            shown(&sockets),
            [" LISTEN 127.0.0.1:18091  3/0 109454", " LISTEN 0.0.0.0:18092  1/0 109455"]
        );
        assert_eq!(sockets[0].uid, Some(0));
    }

    #[test]
    fn datagram_sockets_with_and_without_a_peer() {
        let mut sockets = Vec::new();
        inet(UDP, Protocol::Udp, true, &mut sockets);
        inet(UDP6, Protocol::Udp, false, &mut sockets);
        assert_eq!(
            shown(&sockets),
            [
                " UNCONN 127.0.0.1:18095  2496/0 73857",
                " UNCONN 0.0.0.0:18096  0/0 73858",
                " ESTAB 127.0.0.1:18097 127.0.0.1:18095 0/0 73859",
                " UNCONN [::1]:18098  0/0 73860",
                " UNCONN [::]:18099  0/0 73861",
                " UNCONN [::ffff:127.0.0.1]:18100  0/0 73862",
            ]
        );
    }

    #[test]
    fn unknown_states() {
        let mut sockets = Vec::new();
        let table = "h\n 0: 0100007F:0001 0100007F:0002 06 00000001:00000002 00:0 0 0 0 0\n 0: 0100007F:0001 00000000:0000 FF 0:0 0 0 0 0 7\n";
        inet(table.as_bytes(), Protocol::Tcp, true, &mut sockets);
        assert_eq!(
            shown(&sockets),
            [" TIME-WAIT 127.0.0.1:1 127.0.0.1:2 2/1 0", " UNKNOWN 127.0.0.1:1  0/0 7"]
        );
    }

    #[test]
    fn unix_sockets_of_any_name() {
        let mut sockets = Vec::new();
        unix(UNIX, true, &mut sockets);
        assert_eq!(
            shown(&sockets),
            [
                "stream ESTAB   0/0 109466",
                "stream LISTEN /tmp/ph-fix/with space.sock  0/0 109462",
                "dgram UNCONN /tmp/ph-fix/datagram.sock  0/0 109464",
                "stream ESTAB   0/0 109465",
                "stream LISTEN @ph-fix-abstract  0/0 109463",
            ]
        );
        sockets.clear();
        unix(TYPES, false, &mut sockets);
        assert_eq!(
            shown(&sockets),
            [
                "stream LISTEN /tmp/ph-fix/listening.sock  0/0 73850",
                "seqpacket LISTEN /tmp/ph-fix/seqpacket.sock  0/0 73853",
                "stream LISTEN /tmp/ph-fix/new\nline.sock  0/0 73854",
                "stream LISTEN @ph-fix@inner  0/0 73856",
            ]
        );
        sockets.clear();
        assert_eq!(unix(TYPES, true, &mut sockets), 0);
        assert_eq!(sockets.len(), 7);
        assert_eq!(unix(TYPES, false, &mut Vec::new()), 0, "a name that goes on is not odd, listed or not");
        for table in [&b""[..], b"\n\n\n", b"0: 1\n", b"a: \xff\n \n", b"0: 1 2 3 4 5 6 7"] {
            sockets.clear();
            assert!(unix(table, true, &mut sockets) > 0, "{}", String::from_utf8_lossy(table));
            assert_eq!(sockets, [], "{}", String::from_utf8_lossy(table));
        }
    }

    #[test]
    fn connections_that_wait_on_a_unix_listener() {
        let row = |flags: &str, state: &str, inode: u32, name: &str| {
            format!("0000000000000000: 00000002 00000000 {flags} 0001 {state} {inode} {name}\n")
        };
        let listens = |inode, name| row("00010000", "01", inode, name);
        let waits = |name| row("00000000", "02", 0, name);
        let table = [
            "Num       RefCount\n".to_owned(),
            waits("/a\nb"),
            listens(1, "/a"),
            listens(2, "/a\nb"),
            waits("/a\nb"),
        ];
        let twice = [listens(3, "/c"), listens(4, "/c"), waits("/c"), waits("/none")];
        let table = table.concat() + &twice.concat();
        for all in [false, true] {
            let mut sockets = Vec::new();
            assert_eq!(unix(table.as_bytes(), all, &mut sockets), 0);
            let of = |inode| sockets.iter().find(|socket: &&Socket| socket.inode == inode).unwrap();
            assert_eq!([1, 2, 3, 4].map(|inode| of(inode).counted), [true, true, false, false]);
            assert_eq!([of(1).receive, of(2).receive], [0, 2]);
            assert_eq!(sockets.len(), if all { 8 } else { 4 });
        }
    }
}
