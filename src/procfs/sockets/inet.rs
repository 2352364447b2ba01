//! The tables of TCP and UDP sockets: `tcp`, `tcp6`, `udp` and `udp6`. proc_net(5)

use super::{Socket, UNKNOWN};
use crate::procfs::net::{LISTEN, UNCONNECTED, hex, inet_rows, parse_address};

/// The states of TCP in the order of the kernel's tcp_states.h, with the names of ss(8).
const STATES: [&str; 13] = [
    UNKNOWN,
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    // TCP_NEW_SYN_RECV: a request that waits for the last part of the handshake.
    "SYN-RECV",
];

/// Parses the sockets in `tcp`, `tcp6`, `udp` or `udp6`. Returns the number of malformed lines.
pub(super) fn inet(table: &[u8], protocol: &'static str, all: bool, sockets: &mut Vec<Socket>) -> usize {
    let waits = if protocol == "tcp" { LISTEN } else { UNCONNECTED.into() };
    let lines = table.split(|&b| b == b'\n').skip(1).filter(|line| !line.is_empty()).count();
    let mut rows = 0;
    for row in inet_rows(table) {
        rows += 1;
        if !all && row.state != waits {
            continue;
        }
        let peer = parse_address(row.peer).filter(|peer| peer.port() != 0 || !peer.ip().is_unspecified());
        let state = usize::try_from(row.state).ok().and_then(|state| STATES.get(state)).unwrap_or(&UNKNOWN);
        sockets.push(Socket {
            protocol,
            kind: "",
            state,
            local: row.address.to_string().into_bytes(),
            peer: peer.map(|peer| peer.to_string().into_bytes().into()).unwrap_or_default(),
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
