//! Builds without --remote: they ask only local name servers.

use std::fs;
use std::process::Command;

use crate::support::command::porthole;
use crate::support::network::in_own_network;

#[test]
#[cfg_attr(feature = "remote", ignore = "only for builds without remote: scripts/suite.sh BINARY")]
fn a_server_elsewhere_is_refused() {
    for server in ["203.0.113.1", "203.0.113.1:5353", "2001:db8::1", "[2001:db8::1]:5353"] {
        porthole(["dns", "db", "--server", server, "-t", "50s", "--wait", "50s"])
            .refused(&format!(
                "dns db: a name server elsewhere ({server}), and this build asks only local name servers"
            ))
            .within(std::time::Duration::from_secs(5));
    }
    porthole(["dns", "db", "--remote"])
        .refused("dns: --remote is not in this build; the full build of porthole has it");
}

#[test]
#[cfg_attr(feature = "remote", ignore = "only for builds without remote: scripts/suite.sh BINARY")]
fn the_refusal_comes_before_any_packet() {
    in_own_network(|| {
        // What is sent to this network is counted by the only interface.
        let route = ["route", "add", "192.0.2.0/24", "dev", "lo"];
        assert!(Command::new("ip").args(route).status().unwrap().success());
        let counted = || {
            let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
            let line = table.lines().find(|line| line.trim_start().starts_with("lo:")).unwrap().to_owned();
            line.split_whitespace().nth(10).unwrap().parse::<u64>().unwrap()
        };
        let before = counted();
        porthole(["dns", "db", "--server", "192.0.2.1"]).refused(
            "dns db: a name server elsewhere (192.0.2.1), and this build asks only local name servers",
        );
        porthole(["dns", "db", "--server", "192.0.2.1", "--tcp"]).refused(
            "dns db: a name server elsewhere (192.0.2.1), and this build asks only local name servers",
        );
        assert_eq!(counted(), before);
        // One packet is counted.
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"", "192.0.2.1:53").unwrap();
        assert_eq!(counted(), before + 1);
    });
}
