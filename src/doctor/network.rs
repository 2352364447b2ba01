//! The network interfaces of the process. proc_pid_net(5), netdevice(7).

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::bytes::find;

/// Interfaces of tunnels that the kernel creates in every network namespace, and that lead nowhere
/// until they are configured: `net.core.fb_tunnels_only_for_init_net` in the kernel's
/// admin-guide/sysctl/net.rst.
const FALLBACK_TUNNELS: [&str; 9] =
    ["tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "sit0", "ip6tnl0", "ip6_vti0", "ip6gre0"];

/// The most that is read of a table of routes, in bytes: that of a large router is longer.
const ROUTES_LIMIT: usize = 1 << 20;

/// Adds a finding if the loopback interface is down.
pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    let read =
        |name: &str| case.handle.read(name, ROUTES_LIMIT).ok().filter(|text| text.len() < ROUTES_LIMIT);
    // The kernel assigns its addresses when it goes up (inetdev_event, init_loopback). When it goes
    // down, the route to 127.0.0.1 stays; that of its broadcast address and ::1 do not.
    let Some(routes) = read("net/fib_trie") else { return };
    let has = |address: &[u8]| find(&routes, address).is_some();
    let has_ipv6 = read("net/if_inet6").map(|text| find(&text, b" lo\n").is_some());
    let is_up = has_ipv6.unwrap_or_else(|| has(b"127.0.0.1\n"));
    if is_up || has(b"127.255.255.255\n") {
        return;
    }
    let what = "the interface lo is down: localhost, 127.0.0.1 and ::1 cannot be reached";
    case.add(
        Finding::new(Level::Error, what)
            .seen(case.path("net/fib_trie"), "no route to 127.255.255.255")
            .kubernetes("the CNI plugin loopback has to be on the node: /opt/cni/bin/loopback")
            .docker("docker run --rm --network container:NAME --cap-add NET_ADMIN busybox ip link set lo up"),
    );
}

/// Whether the process can be reached from outside its network namespace, or reach anything there.
pub(super) fn has_network(case: &Case<'_>) -> bool {
    case.handle.read("net/dev", PROC_FILE_LIMIT).is_ok_and(|text| has_interface(&text))
}

/// Whether there is an interface besides the loopback: proc_pid_net(5), `net/dev`.
fn has_interface(text: &[u8]) -> bool {
    let name = |line: &'_ [u8]| {
        line.iter().position(|&b| b == b':').and_then(|at| line.get(..at)).map(<[u8]>::to_vec)
    };
    let is_other =
        |name: &[u8]| name != b"lo" && !FALLBACK_TUNNELS.iter().any(|tunnel| tunnel.as_bytes() == name);
    text.split(|&b| b == b'\n').filter_map(name).any(|name| is_other(name.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_besides_loopback() {
        let head = "Inter-|   Receive  |  Transmit\n face |bytes    packets\n";
        assert!(!has_interface(format!("{head}    lo:   0 0\n").as_bytes()));
        assert!(!has_interface(format!("{head}    lo:   0 0\n tunl0: 0 0\nip6gre0: 0 0\n").as_bytes()));
        assert!(has_interface(format!("{head}    lo:   0 0\n  eth0: 1 1\n").as_bytes()));
        assert!(!has_interface(b""));
    }
}
