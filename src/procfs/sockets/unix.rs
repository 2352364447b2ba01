//! The table of Unix sockets. proc_net(5)

use super::{Address, Protocol, Socket, State};
use crate::procfs::net::{DATAGRAM, SEQPACKET, UnixSocket, parse_unix_row};

/// The state of a Unix connection that waits to be accepted: `SS_CONNECTING` in the kernel's net.h.
const WAITING: State = State::SynSent;

/// Parses the sockets in `unix`. A name is raw and may contain newlines, so it continues up to the
/// next row; a name that contains text like a row looks like two rows. Returns the number of
/// malformed lines.
pub(super) fn unix(table: &[u8], all: bool, sockets: &mut Vec<Socket>) -> usize {
    let heading = table.iter().position(|&b| b == b'\n').map_or(table.len(), |end| end + 1);
    let mut rest = table.get(heading..).unwrap_or_default();
    let mut odd = usize::from(!table.starts_with(b"Num "));
    // Whether the last socket has a name, which may continue, and whether it is in the list.
    let (mut has_name, mut named) = (false, false);
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let line = rest.get(..end).unwrap_or_default();
        let row = unix_row(rest);
        if let Some((socket, behind)) = row {
            let name =
                line.len().checked_sub(rest.len() - behind.len()).and_then(|length| behind.get(..length));
            let name = name.and_then(|name| name.strip_prefix(b" "));
            let state = match (socket.listens, socket.state) {
                (true, _) => State::Listening,
                (_, 1) => State::Unconnected,
                (_, 2) => WAITING,
                (_, 3) => State::Established,
                (_, 4) => State::Closing,
                _ => State::Unknown,
            };
            has_name = name.is_some();
            let waits = state == WAITING || socket.kind == DATAGRAM && state == State::Unconnected;
            named = has_name && (all || socket.listens || waits);
            if named || all {
                sockets.push(Socket {
                    protocol: Protocol::Unix,
                    kind: match socket.kind {
                        1 => "stream",
                        DATAGRAM => "dgram",
                        SEQPACKET => "seqpacket",
                        _ => "unknown",
                    },
                    state,
                    local: Address::Name(name.unwrap_or_default().to_vec()),
                    peer: Address::None,
                    port: 0,
                    receive: 0,
                    send: 0,
                    counted: socket.listens,
                    uid: None,
                    inode: socket.inode,
                });
            }
        } else if named && let Some(Socket { local: Address::Name(name), .. }) = sockets.last_mut() {
            name.push(b'\n');
            name.extend_from_slice(line);
        } else if !has_name && !line.is_empty() {
            odd += 1;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    count_waiting(sockets);
    if !all {
        sockets.retain(|socket| socket.state != WAITING);
    }
    odd
}

/// Counts the connections that wait on each listening Unix socket. A connection that is not
/// accepted yet is a socket of the same name that no process has. If two listeners have that name,
/// as after a restart, it is unknown which of them it waits on.
fn count_waiting(sockets: &mut [Socket]) {
    // Sorted, so that the time does not grow with the square of the table's size.
    let names = |holds: &dyn Fn(&Socket) -> bool| {
        let found = sockets.iter().filter(|socket| socket.protocol == Protocol::Unix && holds(socket));
        let mut names: Vec<Vec<u8>> = found.map(|socket| socket.local.name().to_vec()).collect();
        names.sort_unstable();
        names
    };
    let (waiting, listening) = (names(&|socket| socket.state == WAITING), names(&|socket| socket.counted));
    let count = |names: &[Vec<u8>], name: &[u8]| {
        names.partition_point(|known| known.as_slice() <= name)
            - names.partition_point(|known| known.as_slice() < name)
    };
    for listener in sockets.iter_mut().filter(|socket| socket.counted && socket.protocol == Protocol::Unix) {
        let waits = count(&waiting, listener.local.name());
        listener.receive = waits as u64;
        listener.counted = waits == 0 || count(&listening, listener.local.name()) < 2;
    }
}

/// Parses the row at the start: its first field is an address followed by a colon.
fn unix_row(table: &[u8]) -> Option<(UnixSocket, &[u8])> {
    let colon = table.iter().position(|b| !b.is_ascii_hexdigit())?;
    table.get(colon..)?.starts_with(b": ").then(|| parse_unix_row(table)).flatten()
}
