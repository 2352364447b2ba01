//! What `listen` and `--explain` share: who listens where, in words.

use std::path::Path;

use crate::error::Error;
use crate::procfs;
use crate::procfs::diag;
use crate::procfs::net::{Listener, Protocol, listeners};
use crate::text::list;

/// Why nothing can be said of listeners.
pub(super) const UNREAD: &str = "cannot list the listening sockets: ";

/// How far back [`add`] looks for the same address: the kernel lists the sockets of a port together.
const NEAR: usize = 64;

/// From here on Linux chooses ports by itself for whoever binds none, unless it is told otherwise: `ip_local_port_range` of
/// ip(7).
const EPHEMERAL: u16 = 32768;

/// The listening sockets of this network namespace: as the kernel itself tells, which is quicker and knows more, else by
/// the tables below `proc`.
pub(super) fn listening(proc: &Path, protocol: Protocol) -> Result<Vec<Listener>, Error> {
    // With a fabricated proc the kernel's own tables would not match.
    if proc == Path::new(procfs::ROOT)
        && let Some(all) = diag::listeners(protocol)
    {
        return Ok(all);
    }
    listeners(proc, protocol)
}

/// What there is in place of a listener on this port that fits: listeners on it at other addresses, else
/// on other ports.
pub(super) fn elsewhere(protocol: Protocol, port: u16, all: &[Listener]) -> String {
    let (mut on_port, mut on_any) = (Vec::new(), Vec::new());
    let mut is_all = true;
    for known in all {
        // Whoever asks a name server has such a port for a moment.
        if protocol == Protocol::Udp && known.address.port() >= EPHEMERAL {
            is_all = false;
        } else {
            add(&mut on_any, known.address.to_string());
        }
        if known.address.port() == port {
            let only_ipv6 = known.only_ipv6 == Some(true) && known.address.ip().is_unspecified();
            let takes = if only_ipv6 { " (accepts IPv6 only)" } else { "" };
            add(&mut on_port, [&known.address.to_string(), takes].concat());
        }
    }
    let name = protocol.name();
    if !on_port.is_empty() {
        format!("{name} port {port} has a listener, but only at {}", list(on_port))
    } else if on_any.is_empty() && is_all {
        format!("nothing listens on {name} port {port} or on any other in this network namespace")
    } else if on_any.is_empty() {
        format!("nothing listens on {name} port {port} in this network namespace")
    } else {
        format!("nothing listens on {name} port {port}; listening sockets: {}", list(on_any))
    }
}

/// Adds a listener's address once: with `SO_REUSEPORT` (socket(7)) several sockets share one.
pub(super) fn add(addresses: &mut Vec<String>, address: String) {
    if !addresses.iter().rev().take(NEAR).any(|known| *known == address) {
        addresses.push(address);
    }
}
