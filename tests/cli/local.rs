//! The local rule: without --remote no connection leaves this machine, and no DNS query either.

use std::time::Duration;

use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, answer};
use crate::support::skip::skip;

/// What the message says would help.
fn advice() -> &'static str {
    if has_feature("remote") {
        "--remote allows it"
    } else {
        "this build only makes local connections; the full build has --remote"
    }
}

#[test]
fn other_addresses_are_refused_before_any_connection() {
    // A network for documentation (RFC 5737, RFC 3849): the refusal comes at once, where a connection would not.
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
fn names_are_looked_up_in_the_hosts_file_alone() {
    porthole(["tcp", "porthole.invalid:80", "-t", "50s"])
        .refused(&format!(
            "tcp porthole.invalid:80: unknown host: porthole.invalid is not in /etc/hosts, and no DNS server is queried ({})",
            advice()
        ))
        .within(Duration::from_secs(5));
}

#[test]
fn waiting_does_not_change_a_refusal() {
    porthole(["tcp", "203.0.113.1:80", "--wait", "50s"])
        .refused(&format!(
            "tcp 203.0.113.1:80: 203.0.113.1 is not an address of this machine, so no connection is made ({})",
            advice()
        ))
        .within(Duration::from_secs(5));
}

#[test]
fn connecting_elsewhere_is_under_the_rule_too() {
    porthole(["http", "http://127.0.0.1/", "--connect", "203.0.113.1:80"]).refused(&format!(
        "http http://127.0.0.1/ via 203.0.113.1:80: 203.0.113.1 is not an address of this machine, so no connection is made ({})",
        advice()
    ));
}

#[test]
fn a_redirect_leads_no_further_than_its_host() {
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
fn the_option_is_there_only_with_the_feature() {
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
    // The first address of an interface that is not loopback, where there is one.
    let own = nix::ifaddrs::getifaddrs().unwrap().find_map(|interface| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (!address.is_loopback()).then_some(address)
    });
    match own {
        None => skip("no interface of this machine has an IPv4 address, but for loopback"),
        Some(own) => {
            let server = Server::on(&format!("{own}:0"), vec![vec![crate::support::server::Step::Hold]]);
            porthole(["tcp", &server.address().to_string()])
                .healthy(&format!("healthy: tcp {}: connected in <T>", server.address()));
        }
    }
}
