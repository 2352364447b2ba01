//! Builds that have `dns`.

use std::time::Duration;

use crate::support::command::porthole;

#[test]
fn no_server_is_queried_without_remote() {
    for name in ["porthole.invalid", "localhost"] {
        porthole(["dns", name, "-t", "50s", "--wait", "50s"])
            .refused(&format!("dns {name}: the check asks a name server, which only --remote allows"))
            .within(Duration::from_secs(5));
    }
}

#[test]
fn usage_errors_are_explained() {
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
