//! The local rule: without --remote, no connection and no DNS query leaves this machine.

use std::time::Duration;

use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, answer};
use crate::support::skip::skip;

/// Returns the advice at the end of the message.
fn advice() -> &'static str {
    if has_feature("remote") {
        "--remote allows it"
    } else {
        "this build only makes local connections; the full build has --remote"
    }
}

#[test]
fn addresses_of_other_machines_are_refused_before_any_connection() {
    // Networks reserved for documentation (RFC 5737, RFC 3849): a refusal is immediate, and a
    // connection would not be.
    for (check, target, address) in [
        ("http", "http://203.0.113.1/", "203.0.113.1"),
        ("tcp", "203.0.113.1:80", "203.0.113.1"),
        ("tcp", "[2001:db8::1]:80", "2001:db8::1"),
        ("tcp", "[::ffff:203.0.113.1]:80", "::ffff:203.0.113.1"),
    ] {
        porthole([check, target, "-t", "50s"])
            .refused(&format!(
                "{check} {target}: {address} is not an address of this machine, so no connection is made ({})",
                advice()
            ))
            .within(Duration::from_secs(5));
    }
}

#[test]
fn names_are_looked_up_only_in_the_hosts_file() {
    porthole(["tcp", "porthole.invalid:80", "-t", "50s"])
        .refused(&format!(
            "tcp porthole.invalid:80: unknown host: porthole.invalid is not in /etc/hosts, and no DNS server is queried ({})",
            advice()
        ))
        .within(Duration::from_secs(5));
}

#[test]
fn a_refusal_is_not_retried() {
    porthole(["tcp", "203.0.113.1:80", "--wait", "50s"])
        .refused(&format!(
            "tcp 203.0.113.1:80: 203.0.113.1 is not an address of this machine, so no connection is made ({})",
            advice()
        ))
        .within(Duration::from_secs(5));
}

#[test]
fn the_rule_applies_to_the_address_of_connect_too() {
    porthole(["http", "http://127.0.0.1/", "--connect", "203.0.113.1:80"]).refused(&format!(
        "http http://127.0.0.1/ via 203.0.113.1:80: 203.0.113.1 is not an address of this machine, so no connection is made ({})",
        advice()
    ));
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let server = Server::new(answer(
        "HTTP/1.1 302 Found\r\nLocation: http://203.0.113.1/\r\nContent-Length: 0\r\n\r\n",
    ));
    let url = server.url("/");
    porthole(["http", &url, "--follow", "3", "-t", "50s"])
        .healthy(&format!(
            "healthy: http {url}: 302 Found, not followed to another host, http://203.0.113.1/ in <T>"
        ))
        .within(Duration::from_secs(5));
    porthole(["http", &url, "--follow", "3", "-s", "200"]).unhealthy(&format!(
        "unhealthy: http {url}: 302 Found, not followed to another host, http://203.0.113.1/, expected 200"
    ));
}

#[test]
fn remote_is_an_option_only_in_builds_with_the_feature() {
    let server = Server::new(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let url = server.url("/");
    if has_feature("remote") {
        porthole(["http", &url, "--remote"]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    } else {
        porthole(["http", &url]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        porthole(["http", &url, "--remote"])
            .refused("http: --remote is not in this build; the full build of porthole has it");
    }
}

#[test]
fn addresses_of_own_interfaces_are_local() {
    // The first IPv4 address of an interface other than loopback, if there is one.
    let own = nix::ifaddrs::getifaddrs().unwrap().find_map(|interface| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (!address.is_loopback()).then_some(address)
    });
    match own {
        None => skip("no interface other than loopback has an IPv4 address"),
        Some(own) => {
            let server = Server::on(&format!("{own}:0"), vec![vec![crate::support::server::Step::Hold]]);
            porthole(["tcp", &server.address().to_string()])
                .healthy(&format!("healthy: tcp {}: connected in <T>", server.address()));
        }
    }
}
