//! `dns`: what is said before any server is asked. The rest needs a network of its own: tests/servers/dns.rs.

use std::time::Duration;

use crate::support::command::{has_feature, porthole};

#[test]
fn without_remote_no_server_is_asked() {
    if !has_feature("remote") {
        return;
    }
    for name in ["porthole.invalid", "localhost"] {
        porthole(["dns", name, "-t", "50s", "--wait", "50s"])
            .refused(&format!("dns {name}: the check asks a name server, which only --remote allows"))
            .within(Duration::from_secs(5));
    }
}

#[test]
fn a_build_that_stays_local_does_not_know_it() {
    if has_feature("remote") {
        return;
    }
    porthole(["dns", "x"]).refused("dns is not in this build; the full build of porthole has it");
    assert!(!porthole(["--help"]).run().stdout.contains("dns NAME"));
}

#[test]
fn wrong_usage() {
    if !has_feature("remote") {
        return;
    }
    porthole(["dns"]).refused("dns: NAME is missing; see porthole dns --help");
    let long = "a".repeat(64);
    for name in ["", ".", "a..b", ".a", "10.0.0.1", "[::1]", "::1", "a b", "db:53", "grün", "a_b/c", &long] {
        porthole(["dns", name])
            .refused(&format!("dns: NAME: expected a name such as db or db.example.org, got '{name}'"));
    }
    for address in ["", "x", "10.0.0", "[::1]", "fe80::1%eth0"] {
        porthole(["dns", "db", "--expect", "10.0.0.1", "--expect", address])
            .refused("dns: --expect: expected an address such as 10.0.0.5 or fd00::5");
    }
}
