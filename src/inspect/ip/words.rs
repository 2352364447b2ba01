//! The words of ip(8) for what the kernel numbers.

use std::net::IpAddr;

use crate::outcome::Fact;

/// A hardware address: six bytes as `02:42:ac:11:00:02`; that of a tunnel is an IP address.
pub(super) fn hardware(mac: &[u8]) -> String {
    if let Some(ip) = mac.first_chunk::<4>().filter(|_| mac.len() == 4) {
        return IpAddr::from(*ip).to_string();
    }
    if let Some(ip) = mac.first_chunk::<16>().filter(|_| mac.len() == 16) {
        return IpAddr::from(*ip).to_string();
    }
    mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Flags of interfaces that matter, as ip(8) prints them: netdevice(7).
pub(super) const INTERFACE_FLAGS: [(u32, &str); 9] = [
    (0x8, "LOOPBACK"),
    (0x2, "BROADCAST"),
    (0x10, "POINTOPOINT"),
    (0x1000, "MULTICAST"),
    (0x80, "NOARP"),
    (0x100, "PROMISC"),
    (0x1, "UP"),
    (0x1_0000, "LOWER_UP"),
    (0x2_0000, "DORMANT"),
];

/// Flags of addresses that keep them from being used, or will: `IFA_F_…` in if_addr.h.
pub(super) const ADDRESS_FLAGS: [(u32, &str); 3] =
    [(0x08, "dadfailed"), (0x40, "tentative"), (0x20, "deprecated")];

/// The flags that are set, as JSON.
pub(super) fn words(flags: u32, known: &[(u32, &str)]) -> Fact {
    let set = known.iter().filter(|(bit, _)| flags & bit != 0);
    Fact::List(set.map(|&(_, word)| Fact::Text(word.to_owned())).collect())
}

/// The operational state of an interface, as ip(8) prints it. Drivers without one, such as that of
/// the loopback interface, leave it UNKNOWN.
pub(super) fn state(number: u8) -> &'static str {
    match number {
        1 => "NOTPRESENT",
        2 => "DOWN",
        3 => "LOWERLAYERDOWN",
        4 => "TESTING",
        5 => "DORMANT",
        6 => "UP",
        _ => "UNKNOWN",
    }
}

/// Where an address is valid, as ip(8) prints it.
pub(super) fn scope(number: u8) -> &'static str {
    match number {
        0 => "global",
        200 => "site",
        253 => "link",
        254 => "host",
        255 => "nowhere",
        _ => "other",
    }
}

/// What a route does, as ip(8) prints it.
pub(super) fn route_kind(number: u8) -> &'static str {
    match number {
        1 => "unicast",
        2 => "local",
        3 => "broadcast",
        4 => "anycast",
        5 => "multicast",
        6 => "blackhole",
        7 => "unreachable",
        8 => "prohibit",
        9 => "throw",
        10 => "nat",
        _ => "other",
    }
}

/// The state of a neighbour, as ip(8) prints it: `NUD_…` in neighbour.h.
pub(super) fn neighbour_state(state: u16) -> &'static str {
    match state {
        0x01 => "INCOMPLETE",
        0x02 => "REACHABLE",
        0x04 => "STALE",
        0x08 => "DELAY",
        0x10 => "PROBE",
        0x20 => "FAILED",
        0x80 => "PERMANENT",
        _ => "OTHER",
    }
}
