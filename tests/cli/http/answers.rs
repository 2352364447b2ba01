//! `--not-contains`, `--expect-header`, `--show`, WebSockets, and the PROXY protocol.

use super::{OK, healthy, unhealthy};
use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, response, send};

#[test]
fn a_text_must_not_be_in_the_body() {
    let body = response("200 OK", "ready, but degraded");
    healthy(&body, &["--not-contains", "failed"], "200 OK");
    healthy(&body, &["--not-contains", "failed", "--contains", "ready"], "200 OK");
    unhealthy(
        &body,
        &["--not-contains", "degraded"],
        "200 OK, expected the body not to contain \"degraded\"; body: ready, but degraded",
    );
    // The rest might contain it.
    let ran = {
        let server = Server::new(answer(response("200 OK", &"x".repeat(2000))));
        porthole(["http", &server.url("/"), "--not-contains", "y", "--max-body", "1k"]).run()
    };
    assert!(
        ran.status == Some(1) && ran.stdout.contains("200 OK, expected the end of the body"),
        "{}",
        ran.story()
    );
}

#[test]
fn a_header_is_expected() {
    let head = "HTTP/1.1 200 OK\r\nX-Ready: no\r\nX-Ready: yes\r\nContent-Length: 0\r\n\r\n";
    for option in ["X-Ready", "x-ready: yes", "X-Ready: no"] {
        healthy(head, &["--expect-header", option], "200 OK");
    }
    unhealthy(
        head,
        &["--expect-header", "X-Ready: maybe"],
        "200 OK, expected header X-Ready: maybe; received: X-Ready: no\\r\\nX-Ready: yes",
    );
    unhealthy(head, &["--expect-header", "X-Gone"], "200 OK, expected header X-Gone");
}

#[test]
fn the_answer_is_shown() {
    let text = "HTTP/1.1 200 OK\r\nSet-Cookie: id=t0psecret\r\nContent-Length: 9\r\n\r\none\n\x1b[31m";
    for (what, shown) in [
        ("head", "  HTTP/1.1 200 OK\n  Set-Cookie: <hidden>\n  Content-Length: 9\n"),
        ("body", "  one\n  \\x1b[31m\n"),
        ("all", "  HTTP/1.1 200 OK\n  Set-Cookie: <hidden>\n  Content-Length: 9\n  \n  one\n  \\x1b[31m\n"),
    ] {
        let server = Server::new(answer(text));
        let url = server.url("/");
        let ran = porthole(["http", &url, "--show", what]).run();
        let (verdict, below) = ran.stdout.split_once('\n').unwrap();
        assert!(verdict.starts_with(&format!("healthy: http {url}: 200 OK")), "{}", ran.story());
        assert_eq!(below, shown, "{what}: {}", ran.story());
    }
    let server = Server::new(answer(text));
    let json = porthole(["http", &server.url("/"), "--show", "all", "--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["body"], "one\n\u{1b}[31m");
    assert!(json["checks"][0]["facts"]["head"].as_str().unwrap().starts_with("HTTP/1.1 200 OK\n"), "{json}");
    porthole(["http", &server.url("/"), "--show", "x"])
        .refused("http: --show: expected head, body or all, got 'x'");
}

#[test]
fn a_websocket_must_be_opened_as_it_was_asked_for() {
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    for (text, reason) in [(wrong, "101 Switching Protocols"), (OK, "200 OK, expected 101")] {
        let server = Server::new(answer(text));
        let url = server.url("/").replace("http://", "ws://");
        let ran = porthole(["http", &url]).run();
        assert!(
            ran.status == Some(1) && ran.stdout.starts_with(&format!("unhealthy: http {url}: {reason}")),
            "{}",
            ran.story()
        );
        let asked = server.asked().remove(0);
        for line in ["Upgrade: websocket\r\n", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: "] {
            assert!(asked.contains(line), "{asked}");
        }
    }
}

#[test]
fn the_proxy_protocol_precedes_the_request() {
    for (version, header) in [("1", &b"PROXY UNKNOWN\r\n"[..]), ("2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")] {
        let server = Server::new(vec![Step::Until(header), Step::Request, send(OK)]);
        let url = server.url("/");
        porthole(["http", &url, "--proxy-protocol", version])
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        let asked = server.asked().remove(0);
        assert!(asked.as_bytes().starts_with(header), "{asked:?}");
        let server = Server::new(vec![Step::Until(header), send("220 ready\r\n"), Step::Hold]);
        let address = server.address().to_string();
        porthole(["tcp", &address, "--proxy-protocol", version, "--expect", "220 "])
            .healthy(&format!("healthy: tcp {address}: received \"220 \" in <T>"));
    }
    porthole(["tcp", ":1", "--proxy-protocol", "3"])
        .refused("tcp: --proxy-protocol: expected 1 or 2, got '3'");
}
