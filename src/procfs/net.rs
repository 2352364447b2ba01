//! Listening sockets, from the tables of `/proc/net`. proc_net(5), proc_pid_net(5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::files::read_regular;

/// The most of one table that is read, in bytes: some 25,000 sockets.
const TABLE_LIMIT: u64 = 4 << 20;
/// The state of a listening TCP socket, `TCP_LISTEN` in the kernel's tcp_states.h.
const LISTEN: u64 = 0x0a;
/// The flag of a listening Unix socket, `__SO_ACCEPTCON` in the kernel's net.h.
const ACCEPTS: u64 = 0x10000;

/// A TCP socket that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; unspecified means every address of its family (and, for IPv6, usually IPv4 too).
    pub address: SocketAddr,
    /// How many connections wait to be accepted.
    pub waiting: u64,
    /// The user that owns it.
    pub uid: u64,
    /// Its inode; 0 where it has none.
    pub inode: u64,
}

impl Listener {
    /// Whether a connection to this address reaches it. An IPv6 wildcard takes IPv4 as well unless the
    /// socket has `IPV6_V6ONLY` (ipv6(7)), which the table does not show.
    pub fn takes(&self, target: IpAddr) -> bool {
        let own = self.address.ip();
        own == target
            || own.to_canonical() == target.to_canonical()
            || (own.is_unspecified() && (own.is_ipv6() || target.is_ipv4()))
    }
}

/// The listening TCP sockets of this network namespace, IPv4 and IPv6. The error is why the tables cannot
/// be read; a kernel without IPv6 has only the one.
pub fn tcp_listeners(proc: &Path) -> Result<Vec<Listener>, String> {
    let read = |name: &str| {
        let path = proc.join("net").join(name);
        read_regular(&path, TABLE_LIMIT).map_err(|why| format!("{}: {why}", path.display()))
    };
    let mut listeners = parse_tcp(&read("tcp")?);
    if let Ok(table) = read("tcp6") {
        listeners.extend(parse_tcp(&table));
    }
    Ok(listeners)
}

/// The names of the Unix sockets that listen, by the table of this network namespace.
pub fn unix_listeners(proc: &Path) -> Result<Vec<Vec<u8>>, String> {
    let path = proc.join("net/unix");
    let table = read_regular(&path, TABLE_LIMIT).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(parse_unix(&table).into_iter().map(<[u8]>::to_vec).collect())
}

/// The rows of `tcp` or `tcp6` in state LISTEN.
fn parse_tcp(table: &[u8]) -> Vec<Listener> {
    table.split(|&b| b == b'\n').skip(1).filter_map(parse_tcp_row).collect()
}

fn parse_tcp_row(row: &[u8]) -> Option<Listener> {
    let mut fields = std::str::from_utf8(row).ok()?.split_ascii_whitespace().skip(1);
    let address = parse_address(fields.next()?)?;
    if hex(fields.nth(1)?)? != LISTEN {
        return None;
    }
    let (_, waiting) = fields.next()?.split_once(':')?;
    let uid = fields.nth(2)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Listener { address, waiting: hex(waiting)?, uid, inode })
}

/// `0100007F:1F90`: 32-bit words in the machine's byte order, the port as a number.
fn parse_address(text: &str) -> Option<SocketAddr> {
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

/// The paths of the listening sockets in `unix`: raw bytes behind seven fields; abstract ones begin with `@`.
fn parse_unix(table: &[u8]) -> Vec<&[u8]> {
    let listening = |row: &[u8]| {
        let mut rest = row;
        let mut flags = None;
        for field in 0..7 {
            rest = rest.trim_ascii_start();
            let end = rest.iter().position(|&b| b == b' ')?;
            let (text, tail) = rest.split_at(end);
            if field == 3 {
                flags = std::str::from_utf8(text).ok().and_then(hex);
            }
            rest = tail;
        }
        (flags? & ACCEPTS != 0).then_some(row.len() - rest.len() + 1)
    };
    table.split(|&b| b == b'\n').skip(1).filter_map(|row| row.get(listening(row)?..)).collect()
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp-listen-full-queue");
    const TCP6: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-tcp6-wildcard-and-loopback");
    const UNIX: &str = include_str!("../../tests/fixtures/linux-6.18-proc-net-unix-abstract-and-spaces");

    fn listener(address: &str, waiting: u64) -> (SocketAddr, u64) {
        (address.parse().unwrap(), waiting)
    }

    fn rows(table: &str) -> Vec<(SocketAddr, u64)> {
        parse_tcp(table.as_bytes()).into_iter().map(|row| (row.address, row.waiting)).collect()
    }

    #[test]
    fn listening_sockets_of_ipv4() {
        assert_eq!(rows(TCP), [listener("127.0.0.1:18091", 3), listener("0.0.0.0:18092", 1)]);
        assert!(parse_tcp(TCP.as_bytes()).iter().all(|row| row.inode > 0 && row.uid == 0));
    }

    #[test]
    fn listening_sockets_of_ipv6() {
        assert_eq!(rows(TCP6), [listener("[::1]:18093", 0), listener("[::]:18094", 0)]);
    }

    #[test]
    fn odd_rows_are_passed_over() {
        for row in [
            "",
            "  0: ",
            "  0: 0100007F:1F90 00000000:0000 0A",
            "x: zz:1 00000000:0000 0A 0:0 0:0 0 0 0 1",
            "é",
        ] {
            assert!(parse_tcp(format!("header\n{row}\n").as_bytes()).is_empty(), "{row}");
        }
        assert!(parse_tcp(b"\n\xff\xff\xff\n").is_empty());
    }

    #[test]
    fn which_targets_a_listener_takes() {
        let takes = |own: &str, target: &str| {
            let address = SocketAddr::new(own.parse().unwrap(), 1);
            Listener { address, waiting: 0, uid: 0, inode: 0 }.takes(target.parse().unwrap())
        };
        assert!(takes("127.0.0.1", "127.0.0.1") && takes("0.0.0.0", "127.0.0.1") && takes("::", "127.0.0.1"));
        assert!(takes("::", "::1") && takes("::ffff:127.0.0.1", "127.0.0.1"));
        assert!(!takes("127.0.0.1", "::1") && !takes("::1", "127.0.0.1") && !takes("0.0.0.0", "::1"));
    }

    #[test]
    fn listening_unix_sockets() {
        let paths: Vec<String> = parse_unix(UNIX.as_bytes())
            .iter()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        assert_eq!(paths, ["/tmp/ph-fix/with space.sock", "@ph-fix-abstract"]);
        assert!(parse_unix(b"h\n0: 1 2 00010000\n\nx").is_empty());
    }
}
