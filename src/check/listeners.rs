//! What `listen` and `--explain` share: who listens where, in words.

use crate::procfs::net::{Listener, Protocol};
use crate::text::list;

/// Why nothing can be said of listeners.
pub(super) const UNREAD: &str = "what listens here cannot be read: ";

/// How far back [`add`] looks for the same address: the kernel lists the sockets of a port together.
const NEAR: usize = 64;

/// What there is in place of a listener on this port that fits: listeners on it at other addresses, else
/// on other ports.
pub(super) fn elsewhere(protocol: Protocol, port: u16, all: &[Listener]) -> String {
    let (mut on_port, mut on_any) = (Vec::new(), Vec::new());
    for known in all {
        add(&mut on_any, known);
        if known.address.port() == port {
            add(&mut on_port, known);
        }
    }
    let name = protocol.name();
    if !on_port.is_empty() {
        format!("{name} port {port} is listened on, but only at {}", list(on_port))
    } else if on_any.is_empty() {
        format!("nothing listens on {name} port {port}, nor on any other in this network namespace")
    } else {
        format!("nothing listens on {name} port {port}; what listens here: {}", list(on_any))
    }
}

/// Adds the listener's address once: with `SO_REUSEPORT` (socket(7)) several sockets share one.
pub(super) fn add(addresses: &mut Vec<String>, listener: &Listener) {
    let address = listener.address.to_string();
    if !addresses.iter().rev().take(NEAR).any(|known| *known == address) {
        addresses.push(address);
    }
}
