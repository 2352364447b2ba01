//! Servers that have an address of only one family.

use super::{Namespace, is_of_a, loopback, reply};

/// Returns the first label of the queried name.
fn label(question: &[u8]) -> &str {
    let length = usize::from(question[12]);
    std::str::from_utf8(&question[13..13 + length]).unwrap()
}

/// Answers queries for names such as `a-servfail`: with an address of that family, and for the
/// other family with what the word names.
fn one_family(question: &[u8]) -> Vec<Vec<u8>> {
    let (good, other) = label(question).split_once('-').unwrap();
    if is_of_a(question) == (good == "a") {
        return vec![loopback(question)];
    }
    match other {
        "none" => vec![reply(question, 0x8180, 0, b"")],
        "nxdomain" => vec![reply(question, 0x8183, 0, b"")],
        "servfail" => vec![reply(question, 0x8182, 0, b"")],
        "refused" => vec![reply(question, 0x8185, 0, b"")],
        "truncated" => vec![reply(question, 0x8380, 0, b"")],
        "silent" => vec![],
        other => panic!("{other}"),
    }
}

#[test]
fn an_address_of_either_family_suffices() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let _server = namespace.server("127.0.0.1", one_family);
    // A TCP server that accepts the connection, but sends nothing.
    let _silent = namespace.listener("127.0.0.1");
    for family in ["a", "aaaa"] {
        let (address, unanswered) = if family == "a" { ("127.0.0.7", "AAAA") } else { ("::1", "A") };
        for other in ["none", "nxdomain", "servfail", "refused", "truncated", "silent"] {
            let name = format!("{family}-{other}.example");
            let missing = match other {
                "none" | "nxdomain" => String::new(),
                _ => format!("; no answer for {unanswered}"),
            };
            namespace
                .remote(&format!("dns {name}"))
                .healthy(&format!("healthy: dns {name}: {address} (from 127.0.0.1{missing}) in <T>"));
            namespace
                .remote(&format!("http http://{name}:8080/"))
                .healthy(&format!("healthy: http http://{name}:8080/: 200 OK in <T>"));
            namespace
                .remote(&format!("tcp {name}:8080"))
                .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
        }
    }
}

/// dnsmasq with its own domain.
#[test]
fn one_family_with_dnsmasq() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let options = ["--address=/x.example/127.0.0.7", "--local=/x.example/", "--local=/y.example/"];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    namespace
        .remote("tcp x.example:8080")
        .healthy("healthy: tcp x.example:8080: connected (127.0.0.7) in <T>");
    namespace.remote("http http://y.example:8080/").unhealthy(
        "unhealthy: http http://y.example:8080/: could not resolve y.example: no such name: NXDOMAIN (127.0.0.1)",
    );
}
