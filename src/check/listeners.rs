//! What `listen` and `--explain` share: the listening sockets, in words.

use std::path::Path;

use crate::error::Error;
use crate::procfs;
use crate::procfs::diag;
use crate::procfs::net::{Listener, Protocol, listeners};
use crate::text::list;

/// The beginning of the error if the listeners cannot be read.
pub(super) const UNREAD: &str = "cannot list the listening sockets: ";

/// How far back [`add`] looks for the same address: the kernel lists the sockets of a port
/// together.
const NEAR: usize = 64;

/// The first ephemeral port by default, which Linux assigns to sockets that bind no port:
/// `ip_local_port_range` in ip(7).
const EPHEMERAL: u16 = 32768;

/// Returns the listening sockets of this network namespace: from sock_diag(7), which is faster and
/// knows more, or else from the tables below `proc`.
pub(super) fn listening(proc: &Path, protocol: Protocol) -> Result<Vec<Listener>, Error> {
    // With a fabricated proc the kernel's own tables would not match.
    if proc == Path::new(procfs::ROOT)
        && let Some(all) = diag::listeners(protocol)
    {
        return Ok(all);
    }
    listeners(proc, protocol)
}

/// Describes what exists instead of a suitable listener on this port: listeners at other addresses,
/// or else on other ports.
pub(super) fn elsewhere(protocol: Protocol, port: u16, all: &[Listener]) -> String {
    let (mut on_port, mut on_any) = (Vec::new(), Vec::new());
    let mut is_all = true;
    for known in all {
        // A DNS client holds such a port for a moment.
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
        format!("{name} port {port} has a listener, but only at {}", list(&on_port))
    } else if on_any.is_empty() && is_all {
        nowhere(protocol, port) + " or on any other in this network namespace"
    } else if on_any.is_empty() {
        nowhere(protocol, port) + " in this network namespace"
    } else {
        format!("{}; listening sockets: {}", nowhere(protocol, port), list(&on_any))
    }
}

/// Says that nothing listens on this port.
pub(super) fn nowhere(protocol: Protocol, port: u16) -> String {
    format!("nothing listens on {} port {port}", protocol.name())
}

/// Adds a listener's address unless it is known: with `SO_REUSEPORT` (socket(7)) several sockets
/// share one.
pub(super) fn add(addresses: &mut Vec<String>, address: String) {
    if !addresses.iter().rev().take(NEAR).any(|known| *known == address) {
        addresses.push(address);
    }
}
