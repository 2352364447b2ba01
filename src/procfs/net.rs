//! Listening sockets, from the tables of `/proc/self/net`. proc_net(5), proc_pid_net(5)
//!
//! `/proc/net` is a link to that directory, but a proc mounted with `subset=pid` lacks it.
//!
//! The parsers of rows are shared with the readers of other sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::process::explain_absence;
use crate::error::Error;
use crate::files::{read_regular, read_start};

/// How much of one table is read, in bytes: some 14,000 sockets.
const MAX_TABLE_BYTES: u64 = 2 << 20;
/// The state of a listening TCP socket: `TCP_LISTEN` in the kernel's tcp_states.h.
pub(super) const LISTEN: u64 = 0x0a;
/// The state of a UDP socket without a peer: `TCP_CLOSE` in tcp_states.h.
pub(super) const UNCONNECTED: u8 = 0x07;
/// The flag of a listening Unix socket: `__SO_ACCEPTCON` in the kernel's net.h.
const ACCEPTS: u64 = 0x10000;

/// `SOCK_DGRAM`, a socket type in the kernel's net.h.
pub const DATAGRAM: u64 = 2;
/// `SOCK_SEQPACKET`, a socket type in the kernel's net.h.
pub const SEQPACKET: u64 = 5;

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP: a listener is in state LISTEN.
    Tcp,
    /// UDP: a socket that is bound and has no peer receives from anyone.
    Udp,
}

impl Protocol {
    /// `TCP`, `UDP`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        }
    }
}

/// A Unix socket with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixSocket {
    /// Whether it listens: a stream or seqpacket socket after listen(2).
    pub listens: bool,
    /// Its type: 1 for a stream, [`DATAGRAM`] or [`SEQPACKET`].
    pub kind: u64,
    /// Its inode, which is not that of its file.
    pub inode: u64,
    /// Its state: `socket_state` in the kernel's net.h.
    #[cfg(feature = "inspect")]
    pub state: u64,
}

/// A row of `tcp`, `tcp6`, `udp` or `udp6`. Fields that not every reader needs are left as text.
pub(super) struct Row<'a> {
    pub address: SocketAddr,
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "only inspections look at connections"))]
    pub peer: &'a str,
    pub state: u64,
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "only inspections look at connections"))]
    pub sending: &'a str,
    pub waiting: u64,
    pub uid: u64,
    pub inode: u64,
}

/// A TCP socket that listens, or a UDP socket that receives from anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address it listens on. Unspecified means every address of its family; for IPv6, usually
    /// IPv4 too.
    pub address: SocketAddr,
    /// How many connections wait to be accepted; for UDP, how many bytes wait to be received.
    pub waiting: u64,
    /// Its backlog as given to listen(2), which the tables do not contain. One more may wait.
    #[cfg_attr(not(feature = "inspect"), allow(dead_code, reason = "only --explain reports a full queue"))]
    pub backlog: Option<u32>,
    /// Whether it does not accept IPv4: `IPV6_V6ONLY` of ipv6(7), which the tables do not contain.
    pub only_ipv6: Option<bool>,
    /// The user that owns it.
    pub uid: u64,
    /// Its inode; 0 if it has none.
    pub inode: u64,
}

impl Listener {
    /// Whether a connection to this address reaches it; `None` for an IPv6 wildcard and an IPv4
    /// target, if it is unknown whether it accepts IPv4.
    pub fn takes(&self, target: IpAddr) -> Option<bool> {
        let (own, target) = (self.address.ip().to_canonical(), target.to_canonical());
        match (own, target) {
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(_)) => self.only_ipv6.map(|only| !only),
            _ => Some(own == target || (own.is_unspecified() && own.is_ipv6() == target.is_ipv6())),
        }
    }
}

/// Reads the listening sockets of this network namespace, IPv4 and IPv6, from the tables. The error
/// tells why a table cannot be read. A kernel without IPv6 lacks its table.
pub fn listeners(proc: &Path, protocol: Protocol) -> Result<Vec<Listener>, Error> {
    let (v4, v6, state) = match protocol {
        Protocol::Tcp => ("self/net/tcp", "self/net/tcp6", LISTEN),
        Protocol::Udp => ("self/net/udp", "self/net/udp6", UNCONNECTED.into()),
    };
    let read = |name: &str| match read_start(&proc.join(name), MAX_TABLE_BYTES) {
        // The kernel prints listening TCP sockets before all connections (`tcp_seq_start`), so the
        // table of a busy proxy may be cut.
        Ok((_, true)) if protocol == Protocol::Udp => Err(Error::from("too large").at(&proc.join(name))),
        Ok((table, _)) => Ok(table),
        Err(error) => Err(explain_absence(proc, error).at(&proc.join(name))),
    };
    let mut listeners = parse_inet(&read(v4)?, state);
    if !matches!(proc.join(v6).try_exists(), Ok(false)) {
        listeners.extend(parse_inet(&read(v6)?, state));
    }
    Ok(listeners)
}

/// Reads the table of the Unix sockets of this network namespace, for [`unix_sockets`].
pub fn unix_table(proc: &Path) -> Result<Vec<u8>, Error> {
    let path = proc.join("self/net/unix");
    read_regular(&path, MAX_TABLE_BYTES).map_err(|error| explain_absence(proc, error).at(&path))
}

/// Whether the rest of the table begins with exactly this name. Names are raw and may contain
/// newlines.
pub fn is_named(rest: &[u8], name: &[u8]) -> bool {
    rest.strip_prefix(name).is_some_and(|end| end.first().is_none_or(|&byte| byte == b'\n'))
}

/// Returns the rows of `tcp`, `tcp6`, `udp` or `udp6` in this state.
pub fn parse_inet(table: &[u8], state: u64) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for row in inet_rows(table).filter(|row| row.state == state) {
        let Row { address, waiting, uid, inode, .. } = row;
        listeners.push(Listener { address, waiting, backlog: None, only_ipv6: None, uid, inode });
    }
    listeners
}

/// Iterates over the rows of such a table; malformed rows are skipped.
pub(super) fn inet_rows(table: &[u8]) -> impl Iterator<Item = Row<'_>> {
    table.split(|&b| b == b'\n').skip(1).filter_map(parse_inet_row)
}

fn parse_inet_row(row: &[u8]) -> Option<Row<'_>> {
    let mut fields = std::str::from_utf8(row).ok()?.split_ascii_whitespace().skip(1);
    let address = parse_address(fields.next()?)?;
    let peer = fields.next()?;
    let state = hex(fields.next()?)?;
    let (sending, waiting) = fields.next()?.split_once(':')?;
    let uid = fields.nth(2)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Row { address, peer, state, sending, waiting: hex(waiting)?, uid, inode })
}

/// Parses `0100007F:1F90`: 32-bit words in the machine's byte order, and the port as a number.
pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word =
        |at: usize| address.get(at * 8..at * 8 + 8).and_then(hex).and_then(|word| u32::try_from(word).ok());
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let mut bytes = [0; 16];
            for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::try_from(hex(port)?).ok()?))
}

/// Returns the Unix sockets in the table whose name is `wanted`, see [`is_named`]. The name is raw
/// bytes after seven fields; abstract names begin with `@`.
pub fn unix_sockets(table: &[u8], wanted: &dyn Fn(&[u8]) -> bool) -> Vec<UnixSocket> {
    let mut sockets = Vec::new();
    let mut rest = table;
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        rest = rest.get(end + 1..).unwrap_or_default();
        if let Some((socket, rest)) = parse_unix_row(rest)
            && rest.strip_prefix(b" ").is_some_and(wanted)
        {
            sockets.push(socket);
        }
    }
    sockets
}

/// Parses the row at the start of the table; also returns the rest of the table, which begins with
/// a space and the socket's name, or with a newline. The fields have fixed widths (`%pK: %08X %08X
/// %08X %04X %02X %5lu` in the kernel's `unix_seq_show`). Nevertheless, a name with a newline can
/// contain text that looks like a row; the table does not reveal that it is fake.
pub(super) fn parse_unix_row(table: &[u8]) -> Option<(UnixSocket, &[u8])> {
    let mut rest = table;
    let mut fields = [""; 7];
    for field in &mut fields {
        rest = rest.get(rest.iter().position(|&b| b != b' ')?..)?;
        // The last field of a socket without a name ends the row.
        let (text, tail) = rest.split_at(rest.iter().position(|&b| b == b' ' || b == b'\n')?);
        *field = std::str::from_utf8(text).ok()?;
        rest = tail;
    }
    let [_, _, _, flags, kind, state, inode] = fields;
    if (flags.len(), kind.len(), state.len()) != (8, 4, 2) {
        return None;
    }
    let socket = UnixSocket {
        listens: hex(flags)? & ACCEPTS != 0,
        kind: hex(kind)?,
        inode: inode.parse().ok()?,
        #[cfg(feature = "inspect")]
        state: hex(state)?,
    };
    Some((socket, rest))
}

pub(super) fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp-listen-full-queue");
    const TCP6: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp6-wildcard-and-loopback");
    const UDP: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-udp-unconnected-and-connected");
    const UDP6: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-udp6-wildcard-and-mapped");
    const UNIX: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-unix-abstract-and-spaces");
    const TYPES: &[u8] = include_bytes!("../../tests/fixtures/linux-6.18-proc-net-unix-types-and-newline");

    fn listener(address: &str, waiting: u64) -> (SocketAddr, u64) {
        (address.parse().unwrap(), waiting)
    }

    fn rows(table: &str, state: u64) -> Vec<(SocketAddr, u64)> {
        parse_inet(table.as_bytes(), state).into_iter().map(|row| (row.address, row.waiting)).collect()
    }

    #[test]
    fn listening_sockets_of_ipv4() {
        assert_eq!(rows(TCP, LISTEN), [listener("127.0.0.1:18091", 3), listener("0.0.0.0:18092", 1)]);
        assert!(parse_inet(TCP.as_bytes(), LISTEN).iter().all(|row| row.inode > 0 && row.uid == 0));
    }

    #[test]
    fn listening_sockets_of_ipv6() {
        assert_eq!(rows(TCP6, LISTEN), [listener("[::1]:18093", 0), listener("[::]:18094", 0)]);
    }

    #[test]
    fn udp_sockets_without_a_peer() {
        assert_eq!(
            rows(UDP, UNCONNECTED.into()),
            [listener("127.0.0.1:18095", 0x9c0), listener("0.0.0.0:18096", 0)]
        );
        let v6 =
            [listener("[::1]:18098", 0), listener("[::]:18099", 0), listener("[::ffff:127.0.0.1]:18100", 0)];
        assert_eq!(rows(UDP6, UNCONNECTED.into()), v6);
        assert_eq!(parse_inet(UDP.as_bytes(), UNCONNECTED.into())[0].inode, 73857);
    }

    #[test]
    fn malformed_rows_are_skipped() {
        for row in [
            "",
            "  0: ",
            "  0: 0100007F:1F90 00000000:0000 0A",
            "x: zz:1 00000000:0000 0A 0:0 0:0 0 0 0 1",
            "é",
        ] {
            assert!(parse_inet(format!("header\n{row}\n").as_bytes(), LISTEN).is_empty(), "{row}");
        }
        assert!(parse_inet(b"\n\xff\xff\xff\n", LISTEN).is_empty());
    }

    #[test]
    fn targets_that_reach_a_listener() {
        let known = |own: &str, only_ipv6| {
            let address = SocketAddr::new(own.parse().unwrap(), 1);
            Listener { address, waiting: 0, backlog: None, only_ipv6, uid: 0, inode: 0 }
        };
        let takes = |own: &str, target: &str| known(own, None).takes(target.parse().unwrap());
        for (own, target) in [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(takes(own, target), Some(true), "{own} {target}");
        }
        for (own, target) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("0.0.0.0", "::1"), ("::1", "::")] {
            assert_eq!(takes(own, target), Some(false), "{own} {target}");
        }
        for target in ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"] {
            let takes = |only_ipv6| known("::", only_ipv6).takes(target.parse().unwrap());
            assert_eq!(
                [None, Some(true), Some(false)].map(takes),
                [None, Some(false), Some(true)],
                "{target}"
            );
        }
        assert_eq!(known("::", Some(true)).takes("::1".parse().unwrap()), Some(true));
    }

    #[test]
    fn unix_sockets_by_their_name() {
        let find = |table: &[u8], name: &[u8]| -> Vec<(bool, u64, u64)> {
            let sockets = unix_sockets(table, &|rest| is_named(rest, name));
            sockets.iter().map(|socket| (socket.listens, socket.kind, socket.inode)).collect()
        };
        assert_eq!(find(UNIX, b"/tmp/ph-fix/with space.sock"), [(true, 1, 109_462)]);
        assert_eq!(find(UNIX, b"@ph-fix-abstract"), [(true, 1, 109_463)]);
        assert_eq!(find(UNIX, b"/tmp/ph-fix/with"), []);
        assert_eq!(find(UNIX, b""), []);
        assert_eq!(find(TYPES, b"/tmp/ph-fix/listening.sock"), [(true, 1, 73850)]);
        assert_eq!(find(TYPES, b"/tmp/ph-fix/bound.sock"), [(false, 1, 73851)]);
        assert_eq!(find(TYPES, b"/tmp/ph-fix/datagram.sock"), [(false, DATAGRAM, 73852)]);
        assert_eq!(find(TYPES, b"/tmp/ph-fix/seqpacket.sock"), [(true, SEQPACKET, 73853)]);
        assert_eq!(find(TYPES, b"/tmp/ph-fix/new\nline.sock"), [(true, 1, 73854)]);
        for table in
            [&b""[..], b"h", b"h\n", b"h\n0: 1 2 00010000\n\nx", b"h\n0: 1 2 00010000 1 1 9", b"h\n \n  \xff"]
        {
            assert!(unix_sockets(table, &|_| true).is_empty(), "{}", String::from_utf8_lossy(table));
        }
    }
}
