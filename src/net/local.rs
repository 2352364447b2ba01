//! The local rule: without `--remote` a check connects only to this machine's own addresses.
//!
//! Invariant: the rule looks at the resolved address, in [`Reach::allows`], and every connection goes
//! through it. A build without the feature `remote` has no way round it.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// How far a check may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Loopback and the addresses of this machine's own interfaces.
    Local,
    /// Anywhere, and names may be asked of a DNS server: `--remote`.
    #[cfg(feature = "remote")]
    Anywhere,
}

impl Reach {
    /// Whether a connection to this address may be made.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Reach::Local => is_own(address.to_canonical()),
            #[cfg(feature = "remote")]
            Reach::Anywhere => true,
        }
    }

    /// What would help where the rule forbids: the option, or a build that has it.
    pub fn advice(self) -> &'static str {
        if cfg!(feature = "remote") {
            "--remote allows it"
        } else {
            "this build stays local; the full build has --remote"
        }
    }
}

/// Loopback, an address of one of this network namespace's interfaces, or the unspecified address, with
/// which connect(2) reaches loopback (ip(7), ipv6(7)).
fn is_own(address: IpAddr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let Ok(interfaces) = getifaddrs() else {
        return false;
    };
    interfaces.filter_map(|interface| interface.address).any(|own| {
        let v4 = own.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
        let v6 = own.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()));
        v4.or(v6) == Some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_in_every_spelling_is_local() {
        for address in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
            assert!(Reach::Local.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_of_documentation_networks_are_not() {
        // RFC 5737 and RFC 3849: never assigned to an interface.
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "224.0.0.1", "255.255.255.255"] {
            assert!(!Reach::Local.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn every_address_of_an_interface_is_local() {
        for interface in getifaddrs().unwrap() {
            let Some(address) = interface.address else { continue };
            if let Some(v4) = address.as_sockaddr_in() {
                assert!(Reach::Local.allows(v4.ip().into()), "{v4}");
            }
            if let Some(v6) = address.as_sockaddr_in6() {
                assert!(Reach::Local.allows(v6.ip().into()), "{v6}");
            }
        }
    }
}
