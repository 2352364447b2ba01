//! `http --http2` against fabricated frames. tests/servers/http2.rs tests it against real servers.

mod misbehaving;
mod mutations;

use std::time::Duration;

use crate::grpc::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, RST_STREAM,
    WINDOW_UPDATE, fields, frame, settings,
};
use crate::support::command::{Ran, porthole};
use crate::support::server::{End, Server, Step, send};

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// A frame of the client's that cancels the stream, and one that ends the connection.
const CANCEL: &str = "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08";
const GOODBYE: &str = "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn check(script: Vec<Step>, options: &[&str]) -> (Server, Ran) {
    let server = Server::new(script);
    let limit = if options.contains(&"-t") { &[][..] } else { &["-t", "10s"] };
    let ran = porthole([&["http", &server.url("/healthz"), "--http2"], limit, options].concat()).run();
    (server, ran)
}

#[track_caller]
fn healthy(script: Vec<Step>, options: &[&str]) -> Server {
    let (server, ran) = check(script, options);
    ran.is(0, &format!("healthy: http {}: 200 OK in <T>", server.url("/healthz")), "").within(TIME_LIMIT);
    server
}

#[track_caller]
fn unhealthy(script: Vec<Step>, options: &[&str], reason: &str) -> Server {
    let (server, ran) = check(script, options);
    ran.is(1, &format!("unhealthy: http {}: {reason}", server.url("/healthz")), "").within(TIME_LIMIT);
    server
}

/// Sends SETTINGS, and these bytes once the request has arrived.
fn after_request(bytes: impl AsRef<[u8]>) -> Vec<Step> {
    vec![send(settings()), Step::Until(b"*/*"), send(bytes), Step::Hold]
}

/// Returns a frame with the head of a response.
fn head(list: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, fields(&[&[(":status", "200")], list].concat()))
}

/// Returns the frame that ends a response with this part of the body.
fn last(body: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA, END_STREAM, 1, body)
}

/// Returns a whole response with this body.
fn response(body: &str) -> Vec<u8> {
    [head(&[("content-type", "text/plain")]), last(body)].concat()
}

#[test]
fn the_request_has_the_fields_of_http_2() {
    let options = [
        "-H",
        "X-Token: Abc",
        "-H",
        "Host: app.example",
        "-H",
        "Connection-Id: 1",
        "-H",
        "Keep-Alive: 5",
        "-H",
        "TE: gzip",
        "-d",
        "a=b",
    ];
    let script = vec![send(settings()), Step::Until(b"a=b"), send(response("ok")), Step::Hold];
    let server = healthy(script, &options);
    let request = server.asked().remove(0);
    for part in [
        "\x07:method\x04POST\x10\x07:scheme\x04http\x10\x0a:authority\x0bapp.example\x10\x05:path\x08/healthz\x10",
        "\x07x-token\x03Abc",
        "\x0dconnection-id\x011",
        "\x0ccontent-type\x21application/x-www-form-urlencoded",
        "\x0econtent-length\x013",
        "\0\0\x03\0\x01\0\0\0\x01a=b",
    ] {
        assert!(request.contains(part), "{part:?} in {request:?}");
    }
    // The names of HTTP/1 that HTTP/2 does not have: RFC 9113, sections 8.2.2 and 8.3.1.
    for name in
        ["\x04host", "\x0aconnection\x05", "\x07upgrade", "keep-alive", "\x02te\x04", "X-Token", "HTTP/1"]
    {
        assert!(!request.contains(name), "{name:?} in {request:?}");
    }
    // Without a body, HEADERS ends the stream.
    let server = healthy(after_request(response("ok")), &["-X", "HEAD"]);
    let request = server.asked().remove(0);
    let at = request.find("\x10\x07:method\x04HEAD").unwrap();
    assert_eq!(&request.as_bytes()[at - 6..at], b"\x01\x05\0\0\0\x01");
    assert!(!request.contains("content-length"));
}

#[test]
fn every_kind_of_frame_is_accepted() {
    let block = fields(&[(":status", "200"), ("x-a", "b")]);
    let (first, second) = block.split_at(5);
    let bytes = [
        frame(PING, 0, 0, "pingpong"),
        frame(0xfa, 0xff, 9, "of an unknown type"),
        frame(WINDOW_UPDATE, 0, 1, b"\0\0\x10\0"),
        // Interim responses.
        frame(HEADERS, END_HEADERS, 1, fields(&[(":status", "103"), ("link", "</a>")])),
        frame(HEADERS, END_HEADERS, 1, fields(&[(":status", "100")])),
        frame(HEADERS, PADDED | PRIORITY, 1, [&[2, 0, 0, 0, 0, 16], first, &[0; 2]].concat()),
        frame(CONTINUATION, 0, 1, ""),
        frame(CONTINUATION, END_HEADERS, 1, second),
        frame(DATA, PADDED, 1, b"\x03al\0\0\0"),
        frame(DATA, 0, 1, ""),
        frame(DATA, PADDED, 1, b"\0l w"),
        frame(2, 0, 1, "\0\0\0\0\x10"),
        // A server that announces its shutdown still answers.
        frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"),
        frame(DATA, 0, 1, "ell"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[("x-sum", "1")])),
        // After the end.
        frame(RST_STREAM, 0, 1, b"\0\0\0\0"),
    ];
    let options = ["--matches", "^all well$", "--expect-header", "X-A: b"];
    healthy(after_request(bytes.concat()), &options);
    // A byte at a time.
    let script = vec![
        send(settings()),
        Step::Until(b"*/*"),
        Step::Drip(bytes.concat(), Duration::from_millis(1)),
        Step::Hold,
    ];
    healthy(script, &options);
    // Trailers are not part of the head.
    let ran = check(after_request(bytes.concat()), &["--expect-header", "X-Sum"]).1;
    assert!(ran.stdout.contains(": 200 OK, expected header X-Sum\n"), "{}", ran.story());
}

#[test]
fn a_status_is_judged_with_its_body() {
    let answer = |status: &str, body: &str| {
        [
            frame(HEADERS, END_HEADERS, 1, fields(&[(":status", status), ("content-type", "text/plain")])),
            last(body),
        ]
        .concat()
    };
    unhealthy(
        after_request(answer("503", "no \x1b[2J\u{202e}database\r\n")),
        &[],
        "503 Service Unavailable, expected 200-399; body: no \\x1b[2J\\u{202e}database",
    );
    unhealthy(after_request(answer("404", "")), &[], "404 Not Found, expected 200-399");
    unhealthy(after_request(answer("204", "")), &["-s", "200"], "204 No Content, expected 200");
    unhealthy(
        after_request(response("{\"status\":\"DOWN\"}")),
        &["--field", "/status=UP"],
        "200 OK, expected /status to be \"UP\", not \"DOWN\"; body: {\"status\":\"DOWN\"}",
    );
    // A response of nothing but a head, interim or not.
    let only = |status: &str| frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[(":status", status)]));
    healthy(after_request(only("200")), &["--matches", "^$"]);
    unhealthy(after_request(only("103")), &[], "103 Early Hints, expected 200-399");
}

#[test]
fn the_length_of_the_body_has_to_be_the_declared_one() {
    let with = |length: &str, body: &str| [head(&[("content-length", length)]), last(body)].concat();
    healthy(after_request(with("5", "ready")), &["--contains", "ready", "--not-contains", "x"]);
    // A text that is there is there, whatever follows.
    healthy(after_request(with("9", "ready")), &["--contains", "ready"]);
    let wrong = "200 OK, but invalid HTTP/2: the length of the body differs from Content-Length";
    for (length, body) in [("6", "ready"), ("4", "ready"), ("0", "ready"), ("1", "")] {
        unhealthy(after_request(with(length, body)), &["--not-contains", "x"], wrong);
    }
    // What HEAD, 204 and 304 declare does not follow.
    let only = |status: &str| {
        frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[(":status", status), ("content-length", "5")]))
    };
    healthy(after_request(only("200")), &["-X", "HEAD"]);
    let (server, ran) = check(after_request(only("304")), &["--not-contains", "x"]);
    ran.is(0, &format!("healthy: http {}: 304 Not Modified in <T>", server.url("/healthz")), "");
}

#[test]
fn a_redirect_is_followed_on_a_new_connection() {
    let moved =
        frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[(":status", "302"), ("location", "/ready?a")]));
    let server = Server::scripts(vec![after_request(moved), after_request(response("ok"))]);
    let url = server.url("/healthz");
    porthole(["http", &url, "--http2", "--follow", "1", "--contains", "ok"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    assert!(server.asked()[1].contains("\x05:path\x08/ready?a"));
    assert_eq!(server.ends(2), [End::Orderly, End::Orderly]);
    assert!(server.asked().iter().all(|request| request.ends_with(GOODBYE)));
}

#[test]
fn a_response_that_is_too_long_is_cancelled() {
    // The head decides; the rest is read for a moment only.
    let body = frame(DATA, 0, 1, [b'x'; 16_000]);
    let script = vec![send(settings()), Step::Until(b"*/*"), send(head(&[])), Step::Flood(body)];
    let server = healthy(script, &[]);
    drop(server);
    let server = healthy(after_request([head(&[]), frame(DATA, 0, 1, "endless")].concat()), &[]);
    assert_eq!(server.ends(1), [End::Orderly]);
    let request = server.asked().remove(0);
    assert!(request.ends_with(&format!("{CANCEL}{GOODBYE}")), "{request:?}");
    // So is one that never begins.
    let (server, ran) = check(after_request(""), &["-t", "300ms"]);
    assert!(ran.stdout.contains(": timed out after 300 ms waiting for the response head"), "{}", ran.story());
    assert_eq!(server.ends(1), [End::Orderly]);
    assert!(server.asked()[0].ends_with(&format!("{CANCEL}{GOODBYE}")));
    // A complete one is not.
    let server = healthy(after_request(response("ok")), &[]);
    assert_eq!(server.ends(1), [End::Orderly]);
    assert!(!server.asked()[0].contains(CANCEL));
}
