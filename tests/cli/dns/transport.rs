//! Over TCP: for an answer that does not fit a datagram, or on request.

use std::net::TcpStream;
use std::time::Duration;

use super::server::{NameServer, address, framed, hold, kind, record, reply, send};
use super::{assert_healthy, assert_unhealthy, dns};

/// Answers that the reply does not fit a datagram.
fn truncated(query: &[u8]) -> Vec<Vec<u8>> {
    vec![reply(query, 0x8380, &[])]
}

/// The transports and types of the queries that a server received.
fn asked(server: &NameServer) -> Vec<(&'static str, u16)> {
    server.queries().iter().map(|(transport, query)| (*transport, kind(query))).collect()
}

#[test]
fn a_truncated_reply_is_fetched() {
    let server =
        NameServer::with_tcp(truncated, |query, connection| send(connection, &framed(&address(query))));
    assert_healthy(&server, "x --type A", "10.0.0.7 (from SERVER)");
    assert_eq!(asked(&server), [("udp", 1), ("tcp", 1)]);
    assert_healthy(&server, "x", "10.0.0.7, fd00::7 (from SERVER)");
}

#[test]
fn tcp_at_once() {
    let server = NameServer::with_tcp(
        |_| panic!("asked over UDP"),
        |query, connection| send(connection, &framed(&address(query))),
    );
    assert_healthy(&server, "x --type A --tcp", "10.0.0.7 (from SERVER)");
    assert_eq!(asked(&server), [("tcp", 1)]);
    assert_healthy(&server, "x --tcp --expect fd00::7", "10.0.0.7, fd00::7 (from SERVER)");
    assert_eq!(asked(&server)[1..], [("tcp", 1), ("tcp", 28)]);
    let server = NameServer::new(|_| panic!("asked over UDP"));
    assert_unhealthy(&server, "x --tcp", "connection refused (SERVER)");
}

#[test]
fn an_answer_in_pieces() {
    let server = NameServer::with_tcp(truncated, |query, connection| {
        connection.set_nodelay(true).unwrap();
        for byte in framed(&address(query)) {
            send(connection, &[byte]);
        }
        // More than the answer does not matter.
        send(connection, b"\0");
    });
    for words in ["x --type A", "x --type A --tcp"] {
        assert_healthy(&server, words, "10.0.0.7 (from SERVER)");
    }
}

#[test]
fn many_records() {
    let server = NameServer::with_tcp(truncated, |query, connection| {
        let records: Vec<Vec<u8>> =
            (0..2000_u16).map(|host| record(1, &[&[10, 0][..], &host.to_be_bytes()].concat())).collect();
        send(connection, &framed(&reply(query, 0x8180, &records)));
    });
    assert_healthy(
        &server,
        "x --type A --expect 10.0.0.0 --expect 10.0.3.255",
        "10.0.0.0, 10.0.0.1, 10.0.0.10, 10.0.0.100, 10.0.0.101, 10.0.0.102, 10.0.0.103, 10.0.0.104 and 1016 more \
         (from SERVER)",
    );
}

/// A reply with as many records as fit, each of which leads to the longest name, in bytes that
/// take the most room when they are shown.
fn expanding(query: &[u8]) -> Vec<u8> {
    let label = [&[63][..], &[0xff; 63]].concat();
    let name = [&label[..], &label, &label, b"\x20", &[0xff; 32], b"\0"].concat();
    let at = 0xc000 | u16::try_from(query.len() + 12 + 2).unwrap();
    let mut records = vec![record(15, &[b"\0\0", name.as_slice()].concat())];
    records.extend((1..4000_u16).map(|n| record(15, &[n.to_be_bytes(), at.to_be_bytes()].concat())));
    reply(query, 0x8180, &records)
}

#[test]
fn an_answer_that_expands_stays_within_little_memory() {
    let server =
        NameServer::with_tcp(truncated, |query, connection| send(connection, &framed(&expanding(query))));
    let name = [&r"\255".repeat(63), ".", &r"\255".repeat(63)].concat();
    let ran = dns(&server, "x --type MX -t 20s").in_little_memory().run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    assert!(
        ran.stdout
            .starts_with(&format!("healthy: dns x: 0 {}", name.replace('\\', r"\\").get(..200).unwrap())),
        "{}",
        ran.story()
    );
    let json = dns(&server, "x --type MX -t 20s --json").in_little_memory().json();
    assert_eq!(json["checks"][0]["facts"]["values"].as_array().unwrap().len(), 1024);
}

#[test]
fn tcp_servers_that_misbehave() {
    type Answer = fn(&[u8], &mut TcpStream);
    let cases: [(Answer, &str); 11] = [
        (|_, _| {}, "the server closed the connection"),
        (|_, connection| send(connection, b"\0"), "the server closed the connection"),
        (
            |query, connection| send(connection, &framed(&address(query))[..9]),
            "the server closed the connection",
        ),
        (|_, connection| hold(connection), "timed out"),
        (
            |query, connection| {
                send(connection, &framed(&address(query))[..9]);
                hold(connection);
            },
            "timed out",
        ),
        // The longest message there is, and little of it.
        (
            |_, connection| {
                send(connection, b"\xff\xff\0\0");
                hold(connection);
            },
            "timed out",
        ),
        (|query, connection| send(connection, &framed(&truncated(query)[0])), "a truncated reply"),
        (
            |query, connection| send(connection, &framed(&[&[!query[0]], &address(query)[1..]].concat())),
            "a reply with another ID",
        ),
        (|query, connection| send(connection, &framed(query)), "not a reply of a name server"),
        (|query, connection| send(connection, &framed(&address(query)[..30])), "a malformed reply"),
        (|_, connection| send(connection, b"\0\0"), "not a reply of a name server"),
    ];
    for (tcp, why) in cases {
        let server = NameServer::with_tcp(truncated, tcp);
        assert_unhealthy(
            &server,
            "x --type A -t 500ms",
            &format!("truncated reply, and over TCP: {why} (SERVER)"),
        );
        assert_unhealthy(&server, "x --type A -t 500ms --tcp", &format!("{why} (SERVER)"));
    }
    let server = NameServer::new(truncated);
    assert_unhealthy(&server, "x", "truncated reply, and over TCP: connection refused (SERVER)");
}

#[test]
fn a_byte_a_second_does_not_extend_the_deadline() {
    let server = NameServer::with_tcp(truncated, |query, connection| {
        connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        for byte in framed(&address(query)) {
            send(connection, &[byte]);
            // Waits for the peer to leave, but only so long.
            match std::io::Read::read(connection, &mut [0]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
    });
    let address = server.address;
    dns(&server, "x --type A --tcp -t 500ms")
        .unhealthy(&format!("unhealthy: dns x: timed out ({address})"))
        .within(Duration::from_secs(2));
}

#[test]
fn another_protocol_is_named() {
    for (greeting, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\0\x02\x02\x46", "TLS"),
        (b"-ERR unknown command\r\n", "Redis"),
        (b"ERROR\r\n", "memcached"),
        (b"J\0\0\0\n8.0.36\0", "MySQL"),
    ] {
        let server = NameServer::with_tcp(|_| vec![], move |_, connection| send(connection, greeting));
        assert_unhealthy(&server, "x --tcp", &format!("the port speaks {name} (SERVER)"));
    }
}
