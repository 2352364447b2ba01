//! What servers answer, and what is expected.

use serde_json::json;

use super::server::{NameServer, address, kind, record, reply};
use super::{assert_healthy, assert_unhealthy, dns};
use crate::support::command::porthole;
use crate::support::skip::has_ipv6;

/// The data of each type, in records of example.org, whose name is at offset 12 of the message.
const DATA: &[(&str, u16, &[u8], &str)] = &[
    ("A", 1, b"\x0a\0\0\x05", "10.0.0.5"),
    ("AAAA", 28, b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05", "fd00::5"),
    ("TXT", 16, b"\x06v=spf1\x05 -all", "\"v=spf1 -all\""),
    ("SRV", 33, b"\0\0\0\x05\x13\xc4\x03sip\xc0\x0c", "0 5 5060 sip.example.org."),
    ("MX", 15, b"\0\x0a\x04MAIL\xc0\x0c", "10 mail.example.org."),
    ("CNAME", 5, b"\x03www\xc0\x0c", "www.example.org."),
    ("NS", 2, b"\x02ns\xc0\x0c", "ns.example.org."),
    (
        "SOA",
        6,
        b"\x02ns\xc0\x0c\x04root\xc0\x0c\0\0\0\x07\0\0\x0e\x10\0\0\x03\x84\0\x09\x3a\x80\0\0\x01\x2c",
        "ns.example.org. root.example.org. 7 3600 900 604800 300",
    ),
    ("PTR", 12, b"\x02db\xc0\x0c", "db.example.org."),
    ("CAA", 257, b"\0\x05issueletsencrypt.org", "0 issue \"letsencrypt.org\""),
];

/// Answers with the data of the queried type.
fn every_type(query: &[u8]) -> Vec<Vec<u8>> {
    let data = DATA.iter().find(|(_, number, ..)| *number == kind(query)).unwrap().2;
    vec![reply(query, 0x8180, &[record(kind(query), data)])]
}

#[test]
fn each_type_as_dig_prints_it() {
    let server = NameServer::new(every_type);
    for (name, _, _, shown) in DATA {
        assert_healthy(&server, &format!("example.org --type {name}"), &format!("{shown} (from SERVER)"));
        assert_healthy(
            &server,
            &format!("example.org. --type {}", name.to_ascii_lowercase()),
            &format!("{shown} (from SERVER)"),
        );
        let json = dns(&server, &format!("example.org --type {name} --json")).json();
        let facts = &json["checks"][0]["facts"];
        let key = if matches!(*name, "A" | "AAAA") { "addresses" } else { "values" };
        assert_eq!(facts[key], json!([shown]), "{facts}");
        assert_eq!(facts["server"], json!(server.address.to_string()), "{facts}");
    }
    assert_healthy(&server, "example.org", "10.0.0.5, fd00::5 (from SERVER)");
}

#[test]
fn what_is_expected_is_written_as_dig_prints_it() {
    let server = NameServer::new(every_type);
    let run = |kind: &str, expected: &[&str]| {
        let at = server.address.to_string();
        let mut arguments = vec!["dns", "example.org", "--server", &at];
        if !kind.is_empty() {
            arguments.extend(["--type", kind]);
        }
        for value in expected {
            arguments.extend(["--expect", value]);
        }
        porthole(arguments)
    };
    for (kind, value, shown) in [
        ("", "FD00:0::5", "10.0.0.5, fd00::5"),
        ("A", "10.0.0.5", "10.0.0.5"),
        ("TXT", "v=spf1 -all", "\"v=spf1 -all\""),
        ("TXT", "\"v=spf1 -all\"", "\"v=spf1 -all\""),
        ("TXT", "\"v=spf1\" \" -all\"", "\"v=spf1 -all\""),
        ("SRV", "0 5 5060 sip.example.org.", "0 5 5060 sip.example.org."),
        ("SRV", "0 5 5060 sip.example.org", "0 5 5060 sip.example.org."),
        ("MX", "10 Mail.example.org", "10 mail.example.org."),
        ("CNAME", "www.example.org", "www.example.org."),
        ("NS", "ns.EXAMPLE.org.", "ns.example.org."),
        (
            "SOA",
            "ns.example.org. root.example.org. 7 3600 900 604800 300",
            "ns.example.org. root.example.org. 7 3600 900 604800 300",
        ),
        ("PTR", "db.example.org", "db.example.org."),
        ("CAA", "0 issue \"letsencrypt.org\"", "0 issue \"letsencrypt.org\""),
    ] {
        let at = server.address;
        run(kind, &[value]).healthy(&format!("healthy: dns example.org: {shown} (from {at}) in <T>"));
        // Both have to be there.
        let other = if kind.is_empty() || kind == "A" { "10.0.0.6" } else { "other" };
        run(kind, &[value, other])
            .unhealthy(&format!("unhealthy: dns example.org: {shown} (from {at}), expected {other}"));
    }
    run("TXT", &["V=SPF1 -ALL"]).unhealthy(&format!(
        "unhealthy: dns example.org: \"v=spf1 -all\" (from {}), expected V=SPF1 -ALL",
        server.address
    ));
}

#[test]
fn several_values_are_sorted() {
    let mut turn = 0;
    let server = NameServer::new(move |query| {
        turn += 1;
        let mut hosts: Vec<u8> = (1..=10).collect();
        hosts.rotate_left(turn % 10);
        let records: Vec<Vec<u8>> =
            hosts.iter().map(|host| record(15, &[0, *host, 1, b'm', 0xc0, 0x0c])).collect();
        vec![reply(query, 0x8180, &records)]
    });
    assert_unhealthy(
        &server,
        "x --type MX --expect 1",
        "1 m.x., 10 m.x., 2 m.x., 3 m.x., 4 m.x., 5 m.x., 6 m.x., 7 m.x. and 2 more (from SERVER), expected 1",
    );
}

#[test]
fn aliases_are_followed() {
    // Out of order: the last alias comes first.
    let server = NameServer::new(|query| {
        let b = b"\x01b\x07example\0".as_slice();
        let mut last = record(kind(query), b"\x0a\0\0\x05");
        last.splice(..2, b.iter().copied());
        vec![reply(query, 0x8180, &[last, record(5, b)])]
    });
    assert_healthy(&server, "a.example --type A", "10.0.0.5 (from SERVER)");
    // A ring.
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(5, b"\xc0\x0c")])]);
    assert_unhealthy(&server, "a.example --type A", "only an alias, no A record: NODATA (SERVER)");
}

#[test]
fn the_name_is_asked_as_it_is() {
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(kind(query), b"\0")])]);
    for (name, wire) in [
        ("db", &b"\x02db\0"[..]),
        ("DB.", b"\x02db\0"),
        ("_sip._tcp.example.org", b"\x04_sip\x04_tcp\x07example\x03org\0"),
        (".", b"\0"),
    ] {
        assert_healthy(&server, &format!("{} --type TXT", name.to_ascii_lowercase()), "\"\" (from SERVER)");
        let (transport, query) = server.queries().pop().unwrap();
        // Recursion is desired, and there is one question.
        assert_eq!((transport, &query[2..12]), ("udp", &b"\x01\0\0\x01\0\0\0\0\0\0"[..]));
        assert_eq!(query[12..], [wire, b"\0\x10\0\x01"].concat(), "{name}");
    }
    // The ID differs from one query to the next.
    let mut ids: Vec<Vec<u8>> = server.queries().iter().map(|(_, query)| query[..2].to_vec()).collect();
    ids.sort();
    ids.dedup();
    assert!(ids.len() > 1, "{ids:?}");
}

#[test]
fn the_name_of_an_address() {
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(12, b"\x02db\0")])]);
    let asked = || server.queries().pop().unwrap().1[12..].to_vec();
    assert_healthy(&server, "10.0.0.5 --type ptr --expect db", "db. (from SERVER)");
    assert_eq!(asked(), b"\x015\x010\x010\x0210\x07in-addr\x04arpa\0\0\x0c\0\x01");
    assert_healthy(&server, "2001:db8::a --type ptr --expect db", "db. (from SERVER)");
    let nibbles: Vec<u8> = "a0000000000000000000000000000000".bytes().flat_map(|digit| [1, digit]).collect();
    assert_eq!(asked()[..48], nibbles[..48]);
    assert!(asked().ends_with(b"\x018\x01b\x01d\x010\x011\x010\x010\x012\x03ip6\x04arpa\0\0\x0c\0\x01"));
    // The name itself is a name like any other.
    assert_healthy(&server, "5.0.0.10.in-addr.arpa --type ptr", "db. (from SERVER)");
}

#[test]
fn a_server_with_an_ipv6_address() {
    if !has_ipv6() {
        return;
    }
    let server = NameServer::on("::1", Box::new(|query| vec![address(query)]), None);
    assert_healthy(&server, "db", "10.0.0.7, fd00::7 (from SERVER)");
}

#[test]
fn text_from_a_server_is_harmless() {
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(16, b"\x08\x1b[2J\xff\"\\\n")])]);
    assert_healthy(&server, "x --type TXT", r#""\x1b[2J\xff"\\\n" (from SERVER)"#);
    let json = dns(&server, "x --type TXT --json").json();
    assert_eq!(json["checks"][0]["facts"]["values"], json!(["\"\u{1b}[2J\\xff\"\\\n\""]));
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(2, b"\x06a.b\x1b\\\xff\0")])]);
    assert_healthy(&server, "x --type NS", r"a\\.b\\027\\\\\\255. (from SERVER)");
}

#[test]
fn a_sentence_of_names() {
    let server = NameServer::new(|query| {
        let flags = if query[13] == b'n' { 0x8183 } else { 0x8180 };
        vec![if flags == 0x8183 { reply(query, flags, &[]) } else { address(query) }]
    });
    let at = server.address;
    porthole(format!("dns yes --server {at} and not dns no --server {at}").split(' ')).healthy(&format!(
        "healthy: dns yes: 10.0.0.7, fd00::7 (from {at}) in <T>\n\
         healthy: not dns no: no such name: NXDOMAIN ({at})"
    ));
}
