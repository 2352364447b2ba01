//! What is wrong with a server or a name: each trouble has its own words, which are the same each
//! time.

use std::time::Duration;

use serde_json::json;

use super::server::{NameServer, address, framed, record, reply, send};
use super::{assert_healthy, assert_unhealthy, dns};
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn codes() {
    for (flags, words) in [
        (0x8183, "no such name: NXDOMAIN"),
        (0x8180, "no MX record: NODATA"),
        (0x8181, "FORMERR"),
        (0x8182, "SERVFAIL"),
        (0x8184, "NOTIMP"),
        (0x8185, "REFUSED"),
        (0x8189, "error code 9"),
        // An error takes precedence over a truncated reply.
        (0x8382, "SERVFAIL"),
    ] {
        let server = NameServer::new(move |query| vec![reply(query, flags, &[])]);
        assert_unhealthy(&server, "x --type MX", &format!("{words} (SERVER)"));
        let words = words.replace("MX", "A or AAAA");
        assert_unhealthy(&server, "x", &format!("{words} (SERVER)"));
        assert_unhealthy(&server, "x --expect 10.0.0.1", &format!("{words} (SERVER)"));
    }
    // A server that does not understand the question may leave it out.
    let server = NameServer::new(|query| vec![[&query[..2], b"\x81\x81\0\0\0\0\0\0\0\0"].concat()]);
    assert_unhealthy(&server, "x --type CAA", "FORMERR (SERVER)");
    // The name exists, with an address of another type.
    let server = NameServer::new(|query| vec![reply(query, 0x8180, &[record(1, b"\x0a\0\0\x05")])]);
    assert_unhealthy(&server, "x --type AAAA", "no AAAA record: NODATA (SERVER)");
    let json = dns(&server, "x --type AAAA --json").json();
    assert_eq!(json["checks"][0]["facts"]["server"], json!(server.address.to_string()));
}

#[test]
fn a_server_that_does_not_answer() {
    let server = NameServer::new(|_| vec![]);
    let reason = format!("no reply ({})", server.address);
    for words in ["x -t 500ms", "x -t 500ms --type MX"] {
        let ran = dns(&server, words).unhealthy(&format!("unhealthy: dns x: {reason}"));
        assert!(ran.elapsed >= Duration::from_millis(500), "{}", ran.story());
        ran.within(Duration::from_secs(2));
    }
    let address = format!("127.0.0.1:{}", closed_port());
    porthole(["dns", "x", "--server", &address])
        .unhealthy(&format!("unhealthy: dns x: connection refused ({address})"))
        .within(Duration::from_secs(2));
    // One type is answered, without an address.
    let server = NameServer::new(|query| match super::server::kind(query) {
        1 => vec![reply(query, 0x8180, &[])],
        _ => vec![],
    });
    assert_unhealthy(&server, "x -t 500ms", "no reply (SERVER) for AAAA");
}

#[test]
fn a_late_answer_counts() {
    // The first query is answered only when it was repeated, so after half of the time.
    let mut first = None;
    let server = NameServer::new(move |query| match first.replace(query.to_vec()) {
        None => vec![],
        Some(first) => vec![address(&first)],
    });
    assert_healthy(&server, "x --type A -t 4s", "10.0.0.7 (from SERVER)");
}

/// Returns messages that do not answer the query, each with the reason why.
fn lies(query: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let changed = |at: usize, byte: u8| {
        let mut message = address(query);
        message[at] ^= byte;
        message
    };
    let end = query.len();
    vec![
        (changed(0, 1), "a reply with another ID"),
        (changed(13, 1), "a reply to another question"),
        (changed(end - 3, 0x40), "a reply to another question"),
        (changed(end - 1, 2), "a reply to another question"),
        (changed(5, 3), "a reply to another question"),
        (address(query)[..end + 5].to_vec(), "a malformed reply"),
        (changed(end + 11, 1), "a malformed reply"),
        (changed(end + 11, 8), "a malformed reply"),
        // A pointer to itself, forwards, past the end.
        (changed(end + 1, 0x0c ^ u8::try_from(end).unwrap()), "a malformed reply"),
        (changed(end + 1, 0x0c ^ u8::try_from(end + 4).unwrap()), "a malformed reply"),
        (changed(end, 0x3f), "a malformed reply"),
        ([address(query), vec![0; 5000]].concat(), ""),
    ]
}

#[test]
fn lies_are_ignored_until_the_answer_comes() {
    let server = NameServer::new(|query| {
        let lies = lies(query).into_iter().filter(|(_, why)| !why.is_empty()).map(|(message, _)| message);
        let others = [query.to_vec(), vec![], vec![0xff; 9000], b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()];
        lies.chain(others).chain([address(query)]).collect()
    });
    assert_healthy(&server, "x", "10.0.0.7, fd00::7 (from SERVER)");
    assert_healthy(&server, "x --type A", "10.0.0.7 (from SERVER)");
}

#[test]
fn a_server_that_only_lies() {
    let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01x\0\0\x01\0\x01";
    for (at, (_, reason)) in lies(query).into_iter().enumerate() {
        let lie = move |query: &[u8]| lies(query).swap_remove(at).0;
        let server = NameServer::with_tcp(
            move |query| vec![lie(query)],
            move |query, connection| send(connection, &framed(&lie(query))),
        );
        if reason.is_empty() {
            // What follows the records does not matter.
            assert_healthy(&server, "x --type A", "10.0.0.7 (from SERVER)");
            continue;
        }
        // Over TCP nobody else can answer, so that nothing else is awaited.
        assert_unhealthy(&server, "x --type A --tcp", &format!("{reason} (SERVER)"));
        let ran = dns(&server, "x --type A -t 500ms").run();
        let address = server.address;
        assert!(ran.elapsed >= Duration::from_millis(500), "{}", ran.story());
        ran.is(1, &format!("unhealthy: dns x: {reason} ({address})"), "").within(Duration::from_secs(2));
    }
}

#[test]
fn what_is_not_dns_is_shown() {
    for (garbage, shown) in [
        (&b"\x1b[2Jno DNS"[..], r"; received: \x1b[2Jno DNS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"; received: HTTP/1.1 400 Bad Request\r\n\r\n"),
        (b"", ""),
    ] {
        let server = NameServer::new(move |_| vec![garbage.to_vec()]);
        assert_unhealthy(&server, "x -t 500ms", &format!("not a reply of a name server (SERVER){shown}"));
    }
    // A query that comes back has another ID each time.
    let server = NameServer::new(|query| vec![query.to_vec()]);
    let shown = r"\x01\0\0\x01\0\0\0\0\0\0\x01x\0\0\x01\0\x01";
    assert_unhealthy(
        &server,
        "x -t 500ms",
        &format!("not a reply of a name server (SERVER); received: {shown}"),
    );
}

#[test]
fn data_that_leads_nowhere() {
    for (kind, number, before) in
        [("NS", 2, &b""[..]), ("MX", 15, b"\0\x0a"), ("SRV", 33, b"\0\0\0\0\0\0"), ("SOA", 6, b"\0")]
    {
        for shape in 0..4 {
            let server = NameServer::with_tcp(
                |_| vec![],
                move |query, connection| {
                    let pointer = |beyond: usize| {
                        let at = query.len() + 12 + before.len() + beyond;
                        (0xc000 | u16::try_from(at).unwrap()).to_be_bytes()
                    };
                    let name = match shape {
                        // To itself, to the label before it, forwards, and nowhere.
                        0 => pointer(0).to_vec(),
                        1 => [b"\x01x", &pointer(0)[..]].concat(),
                        2 => pointer(2).to_vec(),
                        _ => vec![],
                    };
                    let record = record(number, &[before, &name].concat());
                    send(connection, &framed(&reply(query, 0x8180, &[record])));
                },
            );
            assert_unhealthy(&server, &format!("x --type {kind} --tcp"), "a malformed reply (SERVER)");
        }
    }
}
