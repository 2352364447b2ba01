//! The answers of servers, and servers that do not answer.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Namespace, TIMEOUT, address, is_of_a, reply};
use crate::support::command::until_within;

#[test]
fn addresses_aliases_and_expected_addresses() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let options = [
        "--host-record=four.example,10.0.0.5",
        "--host-record=six.example,fd00::5",
        "--host-record=both.example,10.0.0.5,fd00::5",
        "--cname=alias.example,both.example",
        "--txt-record=text.example,words",
    ];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (words, found) in [
        ("four.example", "10.0.0.5 (from 127.0.0.1) in <T>"),
        ("six.example", "fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("BOTH.Example.", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("alias.example", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example --expect fd00:0::5", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example --expect fd00::5 --expect 10.0.0.5", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
    ] {
        let name = words.split(' ').next().unwrap().to_lowercase();
        namespace.dns(words).healthy(&format!("healthy: dns {name}: {found}"));
    }
    for (words, found) in [
        ("four.example --expect 10.0.0.6", "10.0.0.5 (from 127.0.0.1), expected 10.0.0.6"),
        ("both.example --expect ::1 --expect 10.0.0.5", "10.0.0.5, fd00::5 (from 127.0.0.1), expected ::1"),
        ("none.example", "no such name: NXDOMAIN (127.0.0.1)"),
        ("none.example --expect ::1", "no such name: NXDOMAIN (127.0.0.1)"),
        ("text.example", "no A or AAAA record: NODATA (127.0.0.1)"),
    ] {
        let name = words.split(' ').next().unwrap();
        namespace.dns(words).unhealthy(&format!("unhealthy: dns {name}: {found}"));
    }
    namespace.dns("alias.example -v").healthy(
        "healthy: dns alias.example: 10.0.0.5, fd00::5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         alias.example: 10.0.0.5, fd00::5 (from 127.0.0.1)",
    );
}

#[test]
fn an_answer_that_needs_tcp() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let records: Vec<String> = (1..=40).map(|n| format!("--host-record=many.example,10.0.1.{n}")).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &records) else { return };
    let json = namespace.dns("many.example --expect 10.0.1.1 --expect 10.0.1.40 --json").json();
    let check = &json["checks"][0];
    assert_eq!(
        (&check["healthy"], check["facts"]["addresses"].as_array().unwrap().len()),
        (&json!(true), 40)
    );
    assert!(check["reason"].as_str().unwrap().ends_with(" and 32 more (from 127.0.0.1)"), "{check}");

    // The reply is truncated, and nothing listens on TCP.
    let _truncating = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8380, 0, b"")]);
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\n");
    namespace.dns("many.example").unhealthy(
        "unhealthy: dns many.example: truncated reply, and over TCP: connection refused (127.0.0.2)",
    );
    // A TCP server that sends nothing may use all of the time.
    let silent = namespace.listener("127.0.0.2");
    let ran = namespace.porthole(["dns", "many.example", "--remote", "-t", "1s"]).run();
    assert!(ran.elapsed >= Duration::from_secs(1), "{}", ran.story());
    ran.is(1, "unhealthy: dns many.example: truncated reply, and over TCP: timed out (127.0.0.2)", "");
    drop(silent);
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\nnameserver 127.0.0.1\n");
    assert_eq!(namespace.dns("many.example --json").json()["checks"][0]["facts"]["server"], "127.0.0.1");
}

#[test]
fn servers_that_do_not_answer() {
    let conf = "search a.example b.example c.example\nnameserver 127.0.0.2\nnameserver 127.0.0.1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    // Nothing listens on port 53.
    namespace
        .dns("db")
        .unhealthy("unhealthy: dns db: connection refused (127.0.0.2); connection refused (127.0.0.1) for db.a.example")
        .within(Duration::from_secs(10));
    // One server is silent, one refuses.
    let silent = namespace.socket("127.0.0.2");
    namespace
        .porthole(["dns", "db.", "--remote", "-t", "2s"])
        .unhealthy("unhealthy: dns db.: no reply (127.0.0.2); connection refused (127.0.0.1)");
    // One server is silent, one answers: within the deadline, because the silent one is tried only
    // once.
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    until_within(Duration::from_secs(9), || {
        namespace
            .porthole(["dns", "db", "--remote", "-t", "12s"])
            .healthy("healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>")
    });
    namespace.etc("resolv.conf", &format!("{conf}options timeout:1\n"));
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.5 (from 127.0.0.1) in <T>");
    // The timeout from resolv.conf ends before the deadline.
    drop(dnsmasq);
    let second = namespace.socket("127.0.0.1");
    namespace.etc("resolv.conf", &format!("{conf}options timeout:1 attempts:1\n"));
    namespace
        .dns("db.")
        .unhealthy("unhealthy: dns db.: no reply (127.0.0.2); no reply (127.0.0.1)")
        .within(Duration::from_secs(15));
    drop((silent, second));
}

#[test]
fn an_unreachable_server() {
    let Some(namespace) = Namespace::new("nameserver 203.0.113.1\n") else { return };
    let ran = namespace.dns("db").run();
    // The message of glibc, and that of musl.
    let words =
        if ran.stdout.contains("network is") { "network is unreachable" } else { "network unreachable" };
    ran.is(1, &format!("unhealthy: dns db: {words} (203.0.113.1)"), "");
}

#[test]
fn answers_with_an_error_code() {
    let conf = "search a.example\nnameserver 127.0.0.2\nnameserver 127.0.0.3\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    let _failing = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8182, 0, b"")]);
    let refusing = namespace.server("127.0.0.3", |question| vec![reply(question, 0x8185, 0, b"")]);
    namespace.dns("db -v").unhealthy(
        "unhealthy: dns db: SERVFAIL (127.0.0.2); REFUSED (127.0.0.3) for db.a.example\n  \
         servers 127.0.0.2, 127.0.0.3; search a.example; ndots 1\n  \
         db.a.example: SERVFAIL (127.0.0.2); REFUSED (127.0.0.3)\n  \
         db: SERVFAIL (127.0.0.2); REFUSED (127.0.0.3)",
    );
    drop(refusing);
    let _answering = namespace.server("127.0.0.3", |question| vec![address(question)]);
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.3) in <T>");
    // A server that has an address but fails for the other type suffices.
    let _half = namespace.server("127.0.0.4", |question| {
        let of_a = question[question.len() - 3] == 1;
        vec![if of_a { address(question) } else { reply(question, 0x8182, 0, b"") }]
    });
    namespace.etc("resolv.conf", "nameserver 127.0.0.4\n");
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.4; no answer for AAAA) in <T>");
}

#[test]
fn invalid_replies() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\noptions timeout:1\n") else { return };
    // Another id, another name, half a message, an echo; then the answer.
    let patient = namespace.server("127.0.0.1", |question| {
        let answer = address(question);
        let (mut number, mut name) = (answer.clone(), answer.clone());
        number[0] ^= 1;
        name[13] = b'x';
        vec![number, name, answer[..20].to_vec(), question.to_vec(), vec![], vec![0xff; 9000], answer]
    });
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.1) in <T>");
    drop(patient);
    // Half an answer; the check does not wait long for the other half.
    let half = namespace.server("127.0.0.1", |question| {
        if question[question.len() - 3] == 1 { vec![address(question)] } else { vec![] }
    });
    namespace
        .porthole(["dns", "db.", "--remote", "-t", "2s"])
        .healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.1; no answer for AAAA) in <T>");
    drop(half);
    let _garbage = namespace.server("127.0.0.1", |_| vec![b"\x1b[2Jno DNS".to_vec()]);
    namespace
        .dns("db.")
        .unhealthy("unhealthy: dns db.: not a reply of a name server (127.0.0.1); received: \\x1b[2Jno DNS")
        .within(Duration::from_secs(15));
}

/// Returns addresses of documentation networks and of loopback, more than a line lists, in another
/// order each time.
fn in_turn(question: &[u8]) -> Vec<Vec<u8>> {
    static TURN: AtomicUsize = AtomicUsize::new(1);
    let mut hosts: Vec<u8> = (1..=10).collect();
    if is_of_a(question) {
        hosts.rotate_left(TURN.fetch_add(3, Ordering::Relaxed) % 10);
        let record = |host: u8| [&b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\x09"[..], &[host]].concat();
        vec![reply(question, 0x8180, 10, &hosts.into_iter().flat_map(record).collect::<Vec<u8>>())]
    } else {
        vec![reply(question, 0x8180, 0, b"")]
    }
}

#[test]
fn the_same_failure_has_the_same_text() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\noptions timeout:1\n") else { return };
    let turning = namespace.server("127.0.0.1", in_turn);
    let listed = "127.0.9.1, 127.0.9.2, 127.0.9.3, 127.0.9.4, 127.0.9.5, 127.0.9.6, 127.0.9.7, 127.0.9.8";
    let sorted = "127.0.9.1, 127.0.9.10, 127.0.9.2, 127.0.9.3, 127.0.9.4, 127.0.9.5, 127.0.9.6, 127.0.9.7";
    for _ in 0..3 {
        namespace.dns("db. --expect 10.9.9.9").unhealthy(&format!(
            "unhealthy: dns db.: {sorted} and 2 more (from 127.0.0.1), expected 10.9.9.9"
        ));
        namespace
            .remote("tcp db:9")
            .unhealthy(&format!("unhealthy: tcp db:9: connection refused ({listed}, 127.0.9.9, 127.0.9.10)"));
    }
    drop(turning);
    // A query that comes back contains an id, which differs each time.
    let _echo = namespace.server("127.0.0.1", |question| vec![question.to_vec()]);
    for _ in 0..2 {
        namespace.dns("db.").unhealthy(
            "unhealthy: dns db.: not a reply of a name server (127.0.0.1); \
             received: \\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x02db\\0\\0\\x01\\0\\x01",
        );
    }
    // Over TCP: an end of the stream or a reset.
    let _truncating = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8380, 0, b"")]);
    let listener = namespace.listener("127.0.0.2");
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\n");
    std::thread::spawn(move || {
        for (at, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            // Closing with unread data sends a reset.
            if at % 2 == 0 {
                let _ = connection.read(&mut [0; 512]);
            } else {
                let _ = connection.read(&mut [0]);
            }
        }
    });
    for _ in 0..4 {
        namespace.dns("db.").unhealthy(
            "unhealthy: dns db.: truncated reply, and over TCP: the server closed the connection (127.0.0.2)",
        );
    }
}

#[test]
fn an_answer_over_tcp_does_not_wait_for_the_end_of_the_connection() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let _truncating = namespace.server("127.0.0.1", |question| vec![reply(question, 0x8380, 0, b"")]);
    let listener = namespace.listener("127.0.0.1");
    // A server that keeps connections open for the next query.
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut length = [0; 2];
            let _ = connection.read_exact(&mut length);
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            let _ = connection.read_exact(&mut question);
            let answer = address(&question);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = connection.write_all(&[&length[..], &answer].concat());
            kept.push(connection);
        }
    });
    let begin = Instant::now();
    loop {
        let json = namespace.dns("db. --json").json();
        assert_eq!(json["checks"][0]["healthy"], true, "{json}");
        if json["checks"][0]["elapsed_ms"].as_f64().unwrap() < 90.0 {
            break;
        }
        assert!(begin.elapsed() < TIMEOUT, "{json}");
    }
}
