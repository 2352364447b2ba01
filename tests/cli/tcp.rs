//! `porthole tcp`.

mod dialogue;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, closed_port, send};
use crate::support::skip::has_ipv6;

#[test]
fn a_port_that_accepts_is_healthy() {
    let server = Server::new(vec![Step::Hold]);
    let address = server.address();
    porthole(["tcp", &address.to_string()]).healthy(&format!("healthy: tcp {address}: connected in <T>"));
}

#[test]
fn no_host_means_localhost() {
    let server = Server::new(vec![Step::Hold]);
    let port = server.port();
    for target in [format!("{port}"), format!(":{port}"), format!("LOCALHOST:{port}")] {
        porthole(["tcp", &target])
            .healthy(&format!("healthy: tcp localhost:{port}: connected (127.0.0.1) in <T>"));
    }
}

#[test]
fn localhost_includes_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = Server::on("[::1]:0", vec![vec![Step::Hold]]);
    let port = server.port();
    porthole(["tcp", &format!("localhost:{port}")])
        .healthy(&format!("healthy: tcp localhost:{port}: connected (::1) in <T>"));
    porthole(["tcp", &format!("[::1]:{port}")])
        .healthy(&format!("healthy: tcp [::1]:{port}: connected in <T>"));
}

#[test]
fn a_refused_connection_names_every_address() {
    let port = closed_port();
    porthole(["tcp", &format!(":{port}")])
        .unhealthy(&format!("unhealthy: tcp localhost:{port}: connection refused (::1, 127.0.0.1)"));
}

#[test]
fn expected_bytes_are_found_anywhere_and_in_pieces() {
    let server = Server::new(vec![
        Step::Until(b"PING\r\n"),
        send("-LOADING\r\n+PO"),
        Step::Drip(b"NG\r\n".to_vec(), std::time::Duration::from_millis(5)),
        Step::Hold,
    ]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--send", r"PING\r\n", "--expect", "+PONG"])
        .healthy(&format!("healthy: tcp {address}: received \"+PONG\" in <T>"));
    assert_eq!(server.asked(), ["PING\r\n"]);
}

#[test]
fn escapes_in_send_and_expect_are_decoded() {
    let server = Server::new(vec![Step::Until(b"\x00\xff\t\\"), send(b"a\x1bb\x80"), Step::Hold]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--send", r"\0\xff\t\\", "--expect", r"\x1bb\x80"])
        .healthy(&format!("healthy: tcp {address}: received \"\\x1bb\\x80\" in <T>"));
}

#[test]
fn an_unexpected_reply_is_unhealthy_and_quoted() {
    let server = Server::new(vec![send("-ERR \x1b[31mno\r\n")]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--expect", "+PONG"]).unhealthy(&format!(
        "unhealthy: tcp {address}: the server closed the connection, expected \"+PONG\"; received: -ERR \\x1b[31mno\\r\\n"
    ));
}

#[test]
fn a_reset_counts_as_a_closed_connection() {
    let server = Server::new(vec![Step::Until(b"x"), Step::Reset]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--send", "x", "--expect", "y"])
        .unhealthy(&format!(
            "unhealthy: tcp {address}: the server closed the connection without a reply (it may expect TLS or the \
             PROXY protocol), expected \"y\""
        ));
}

#[test]
fn verbose_lists_the_phases() {
    let server = Server::new(vec![send("hello"), Step::Hold]);
    let ran = porthole(["tcp", &server.address().to_string(), "--expect", "hello", "-v"]).run();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.status, lines.len()), (Some(0), 2), "{}", ran.story());
    for phase in ["  resolve ", ", connect ", ", talk "] {
        assert!(lines[1].contains(phase), "{}", ran.story());
    }
}

#[test]
fn a_dialogue_is_held_in_the_order_given() {
    let smtp = || {
        Server::new(vec![send("220 mail.example ESMTP\r\n"), Step::Until(b"QUIT\r\n"), send("221 bye\r\n")])
    };
    let talk = ["--expect", "220 ", "--send", r"QUIT\r\n", "--expect", "221 "];
    let server = smtp();
    let address = server.address().to_string();
    porthole([&["tcp", &address], &talk[..]].concat())
        .healthy(&format!("healthy: tcp {address}: received \"220 \", then \"221 \" in <T>"));
    // Each is found after the one before: the second 220 never comes.
    let server = smtp();
    let address = server.address().to_string();
    let twice = ["--expect", "220", "--send", r"QUIT\r\n", "--expect", "220"];
    porthole([&["tcp", &address], &twice[..]].concat()).unhealthy(&format!(
        "unhealthy: tcp {address}: the server closed the connection, expected \"220\"; \
         received: \\x20mail.example ESMTP\\r\\n221 bye\\r\\n"
    ));
    // What came along with the text before it is looked through too, across reads.
    let server = Server::new(vec![send("one t"), send("wo thr"), send("ee\n"), Step::Hold]);
    let address = server.address().to_string();
    porthole(["tcp", &address, "--expect", "one", "--expect", "two", "--expect", "three"])
        .healthy(&format!("healthy: tcp {address}: received \"one\", then \"two\", then \"three\" in <T>"));
    // A server that closes in the middle.
    let server = Server::new(vec![send("220 a\r\n")]);
    let address = server.address().to_string();
    let ran = porthole([&["tcp", &address], &talk[..]].concat()).run();
    let start = format!("unhealthy: tcp {address}: the server closed the connection, expected \"221 \"");
    assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
    porthole(["tcp", ":1", "--expect", ""])
        .refused("tcp: --expect: expected at least one character to look for");
}
