//! `dns --server` against name servers on loopback that answer as a script says. Real servers, and
//! those of resolv.conf, are in tests/servers/dns.rs, because they need a network namespace.

mod server;
mod transport;
mod values;
mod verdicts;
mod with_remote;
mod without_remote;

use self::server::NameServer;
use crate::support::command::{Porthole, porthole};

/// Returns a run of `dns` with these words, in which SERVER is the address of the server.
fn dns(server: &NameServer, words: &str) -> Porthole {
    porthole(format!("dns {words} --server {}", server.address).split(' '))
}

/// Asserts that the check is unhealthy for this reason, in which SERVER is the address of the
/// server, each time.
#[track_caller]
fn assert_unhealthy(server: &NameServer, words: &str, reason: &str) {
    let name = words.split(' ').next().unwrap();
    let reason = reason.replace("SERVER", &server.address.to_string());
    for _ in 0..2 {
        dns(server, words).unhealthy(&format!("unhealthy: dns {name}: {reason}"));
    }
}

/// Asserts that the check is healthy with this answer, in which SERVER is the address of the
/// server.
#[track_caller]
fn assert_healthy(server: &NameServer, words: &str, answer: &str) {
    let name = words.split(' ').next().unwrap();
    let answer = answer.replace("SERVER", &server.address.to_string());
    dns(server, words).healthy(&format!("healthy: dns {name}: {answer} in <T>"));
}

#[test]
fn usage_errors_are_explained() {
    porthole(["dns"]).refused("dns: NAME is missing; see porthole dns --help");
    let long = "a".repeat(64);
    for name in ["", "..", "a..b", ".a", "10.0.0.1", "[::1]", "::1", "a b", "db:53", "grün", "a_b/c", &long]
    {
        porthole(["dns", name]).refused(&format!(
            "dns: NAME: expected a name such as db.example.org, or an address with --type PTR, got '{name}'"
        ));
    }
    for (words, error) in [
        ("db --expect 10.0.0.1 --expect x", "--expect: expected an address such as 10.0.0.5 or fd00::5"),
        ("db --expect 10.0.0.1 --expect [::1]", "--expect: expected an address such as 10.0.0.5 or fd00::5"),
        ("db --type a --expect 10.0.0", "--expect: expected an address such as 10.0.0.5 or fd00::5"),
        ("db --type ANY", "--type: expected A, AAAA, TXT, SRV, MX, CNAME, NS, SOA, PTR or CAA, got 'ANY'"),
        ("db --type MX --type MX", "--type is given twice; see porthole dns --help"),
    ] {
        porthole(format!("dns {words}").split(' ')).refused(&format!("dns: {error}"));
    }
    for server in
        ["localhost", ":53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "fe80::1%eth0", "[::1", ""]
    {
        porthole(["dns", "db", "--server", server]).refused(&format!(
            "dns: --server: expected an address, as in 127.0.0.1, 127.0.0.1:5353 or [::1]:5353, got '{server}'"
        ));
    }
}

#[test]
fn words_of_dig_host_and_nslookup_are_answered_with_options() {
    for (words, wrong, advice) in [
        ("@127.0.0.1 db", "unexpected argument 'db'", "use --server ADDR[:PORT]"),
        ("db @127.0.0.1", "unexpected argument '@127.0.0.1'", "use --server ADDR[:PORT]"),
        (
            "@127.0.0.1",
            "NAME: expected a name such as db.example.org, or an address with --type PTR, got '@127.0.0.1'",
            "use --server ADDR[:PORT]",
        ),
        ("db -p 5353", "unknown option -p", "write the port into --server ADDR:PORT"),
        ("db -port=5353", "unknown option -port", "write the port into --server ADDR:PORT"),
        ("db mx", "unexpected argument 'mx'", "use --type TYPE"),
        ("MX db", "unexpected argument 'db'", "use --type TYPE"),
        ("-query=mx db", "unknown option -query", "use --type TYPE"),
        ("-x 10.0.0.5", "unknown option -x", "use --type PTR, and the address as NAME"),
        ("db +tcp", "unexpected argument '+tcp'", "use --tcp"),
        ("db -T", "unknown option -T", "use --tcp"),
        ("db +short", "unexpected argument '+short'", "leave it out: it is not needed here"),
        ("db -W 2", "unknown option -W", "use -t DUR, which limits the whole check"),
    ] {
        porthole(format!("dns {words}").split(' ')).refused(&format!("dns: {wrong}; {advice}"));
    }
    let duration = "--timeout: expected a duration such as 500ms, 2s or 1m30s, more than zero and at most 1h";
    porthole(["dns", "-t", "mx", "db"])
        .refused(&format!("{duration}, got 'mx'; -t is --timeout here; use --type TYPE"));
    porthole(["dns", "-type=mx", "db"]).refused(&format!("{duration}, got 'ype=mx'; did you mean --type?"));
    porthole(["dig", "db"]).refused("unknown command 'dig'; use porthole dns NAME");
}
