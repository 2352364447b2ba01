//! The tables of TCP and UDP sockets: `tcp`, `tcp6`, `udp` and `udp6`. proc_net(5)

use super::{Protocol, Socket, State};
use crate::procfs::net::{LISTEN, UNCONNECTED, hex, inet_rows, parse_address};

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
        let peer = parse_address(row.peer).filter(|peer| peer.port() != 0 || !peer.ip().is_unspecified());
        sockets.push(Socket {
            protocol,
            kind: "",
            state: State::of_number(row.state),
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
