//! The local rule: without `--remote` a check connects only to this machine's own addresses.
//!
//! Invariant: the rule is applied to the resolved address, in [`Reach::allows`], and every
//! connection goes through it. A build without the feature `remote` cannot bypass it.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getsockname, socket};

/// Where a check may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Loopback and the addresses of this machine's own interfaces.
    Local,
    /// Anywhere, and names may be resolved by a DNS server: `--remote`.
    #[cfg(feature = "remote")]
    Anywhere,
}

impl Reach {
    /// Returns whether connecting to this address is allowed.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Reach::Local => is_own(address.to_canonical()),
            #[cfg(feature = "remote")]
            Reach::Anywhere => true,
        }
    }
}

/// What helps if the rule forbids a connection: the option, or a build that has it.
pub const ADVICE: &str = if cfg!(feature = "remote") {
    "--remote allows it"
} else {
    "this build only makes local connections; the full build has --remote"
};

/// Returns whether the kernel delivers to this machine: loopback, an address of this network
/// namespace, or the unspecified address, with which connect(2) reaches loopback (ip(7), ipv6(7)).
///
/// Connecting a datagram socket sends nothing, but chooses a route: only a destination in the
/// routing table `local` is its own source (ip-route(8), type `local`). That needs neither netlink,
/// which a sandbox may not have, nor a list of the interfaces.
fn is_own(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    // The port does not matter to the route; 9 is "discard" (RFC 863).
    let destination = SockaddrStorage::from(SocketAddr::new(address, 9));
    let source = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).and_then(|socket| {
        connect(socket.as_raw_fd(), &destination)?;
        getsockname::<SockaddrStorage>(socket.as_raw_fd())
    });
    source.is_ok_and(|source| {
        let v4 = source.as_sockaddr_in().map(|source| IpAddr::V4(source.ip()));
        let v6 = source.as_sockaddr_in6().map(|source| IpAddr::V6(source.ip()));
        v4.or(v6) == Some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_in_every_notation_is_local() {
        for address in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
            assert!(Reach::Local.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_of_documentation_networks_are_not_local() {
        // RFC 5737 and RFC 3849: never assigned to an interface.
        for address in ["203.0.113.1", "::ffff:203.0.113.1", "2001:db8::1", "224.0.0.1", "255.255.255.255"] {
            assert!(!Reach::Local.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn every_address_of_an_interface_is_local() {
        for interface in nix::ifaddrs::getifaddrs().unwrap() {
            let Some(address) = interface.address else { continue };
            if let Some(v4) = address.as_sockaddr_in() {
                assert!(Reach::Local.allows(v4.ip().into()), "{v4}");
            }
            // A link-local address means nothing without its interface, which a target cannot name.
            if let Some(v6) = address.as_sockaddr_in6().filter(|v6| !v6.ip().is_unicast_link_local()) {
                assert!(Reach::Local.allows(v6.ip().into()), "{v6}");
            }
        }
    }
}
