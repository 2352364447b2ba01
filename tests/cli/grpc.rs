//! `porthole grpc` against fabricated HTTP/2. tests/servers/grpc.rs tests it against real servers.

pub mod frames;
mod misbehaving;

use std::time::Duration;

use self::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, SERVING, SETTINGS,
    WINDOW_UPDATE, after_request, answer, fields, frame, head, settings, trailers_only,
};
use crate::support::command::{Ran, porthole};
use crate::support::server::{End, Server, Step, send};

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);

fn check(script: Vec<Step>, options: &[&str]) -> (Server, Ran) {
    let server = Server::new(script);
    let ran = porthole([&["grpc", &server.address().to_string()], options].concat()).run();
    (server, ran)
}

#[track_caller]
fn healthy(script: Vec<Step>, options: &[&str], found: &str) -> Server {
    let (server, ran) = check(script, &[&["-t", "10s"], options].concat());
    ran.is(0, &format!("healthy: grpc {}: {found} in <T>", server.address()), "").within(TIME_LIMIT);
    server
}

#[track_caller]
fn unhealthy(script: Vec<Step>, reason: &str) -> Server {
    let (server, ran) = check(script, &["-t", "10s"]);
    ran.is(1, &format!("unhealthy: grpc {}: {reason}", server.address()), "").within(TIME_LIMIT);
    server
}

#[test]
fn the_request_has_the_expected_fields_and_message() {
    let server = healthy(
        after_request(answer(SERVING)),
        &["--service", "shop.Cart", "-H", "X-Token: abc", "--header=key-bin:AAE="],
        "\"shop.Cart\" is SERVING",
    );
    let (request, authority) = (server.asked().remove(0), server.address().to_string());
    assert!(request.starts_with("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x0c\x04\0"), "{request:?}");
    for part in [
        "\x07:method\x04POST",
        "\x07:scheme\x04http",
        "\x05:path\x1c/grpc.health.v1.Health/Check",
        &format!("\x0a:authority{}{authority}", char::from(u8::try_from(authority.len()).unwrap())),
        "\x02te\x08trailers",
        "\x0ccontent-type\x10application/grpc",
        "\x0auser-agent\x0eporthole/0.1.0",
        "\x07x-token\x03abc",
        "\x07key-bin\x04AAE=",
        // The only message, in a frame of DATA that ends the stream.
        "\0\0\x10\0\x01\0\0\0\x01\0\0\0\0\x0b\x0a\x09shop.Cart",
    ] {
        assert!(request.contains(part), "{part:?} in {request:?}");
    }
    // `grpc-timeout: 10093m`
    let timeout = request.split("grpc-timeout").nth(1).unwrap();
    assert!(timeout[1..].trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('m'), "{timeout:?}");
}

#[test]
fn long_metadata_is_sent_in_several_frames() {
    let long = format!("x-long: {}", "v".repeat(40_000));
    // The server answers only once it has everything, so that the client does not close before it
    // has read it.
    let steps = vec![send(settings()), Step::Until(b"\x06x-last\x011"), send(answer(SERVING)), Step::Hold];
    let server = healthy(steps, &["-H", &long, "-H", "User-Agent: me", "-H", "x-last: 1"], "SERVING");
    let request = server.asked().remove(0);
    assert!(request.contains("\x06x-last\x011") && request.contains("\x0auser-agent\x02me"));
    assert!(!request.contains("porthole/"));
    // A CONTINUATION of 16 KiB that does not end the block.
    assert!(request.contains("\0@\0\x09\0\0\0\0\x01"));
}

#[test]
fn over_a_unix_socket_the_target_is_the_authority() {
    let server = Server::unix(after_request(answer(SERVING)));
    let path = server.socket().to_str().unwrap();
    porthole(["grpc", "shop:80", "--unix", path])
        .healthy(&format!("healthy: grpc shop:80 via {path}: SERVING in <T>"));
    assert!(server.asked()[0].contains("\x0a:authority\x07shop:80"));
    // No host is needed, and gRPC's own name of a socket is one.
    for words in [&["--unix", path][..], &[&format!("unix://{path}")], &[&format!("unix:{path}")]] {
        let server = Server::unix(after_request(answer(SERVING)));
        let other = server.socket().to_str().unwrap();
        let words: Vec<String> = words.iter().map(|word| word.replace(path, other)).collect();
        porthole([vec!["grpc".to_owned()], words].concat())
            .healthy(&format!("healthy: grpc {other}: SERVING in <T>"));
        assert!(server.asked()[0].contains("\x0a:authority\x09localhost"));
    }
    porthole(["grpc", "unix:///a", "--unix", "/b"])
        .refused("grpc: --unix: cannot be used together with unix: as TARGET");
}

#[test]
fn every_kind_of_frame_is_accepted() {
    let block = [&[0x88], &fields(&[("content-type", "application/grpc")])[..]].concat();
    let (first, second) = block.split_at(7);
    let padded = [&[3, 0, 0, 0, 0, 16], first, &[0; 3]].concat();
    let bytes = [
        frame(PING, 0, 0, "pingpong"),
        frame(0xfa, 0xff, 7, "of an unknown type"),
        // Larger windows, a smaller table, and an unknown setting.
        frame(SETTINGS, 0, 0, b"\0\x04\0\x01\0\0\0\x01\0\0\0\0\xfa\xfa\0\0\0\x01"),
        frame(SETTINGS, 1, 0, ""),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\x10\0"),
        // An interim response that adds an entry to the dynamic table; the trailers refer to it.
        frame(HEADERS, END_HEADERS, 1, b"\x08\x03103\x40\x0bgrpc-status\x010"),
        frame(HEADERS, PADDED | PRIORITY, 1, padded),
        frame(CONTINUATION, 0, 1, ""),
        frame(CONTINUATION, END_HEADERS, 1, second),
        frame(DATA, PADDED, 1, [&[2], &SERVING[..3], &[0; 2]].concat()),
        frame(DATA, 0, 1, ""),
        frame(2, 0, 1, "\0\0\0\0\x10"),
        frame(DATA, 0, 1, &SERVING[3..]),
        // A server that announces its shutdown still answers.
        frame(GOAWAY, 0, 0, b"\x7f\xff\xff\xff\0\0\0\0"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xbe"),
    ];
    healthy(
        vec![
            send(settings()),
            Step::Until(b"Health/Check"),
            Step::Send(bytes[..9].concat()),
            // The acknowledgements of PING and SETTINGS.
            Step::Until(b"\0\0\x08\x06\x01\0\0\0\0pingpong\0\0\0\x04\x01\0\0\0\0"),
            Step::Send(bytes[9..].concat()),
            Step::Hold,
        ],
        &[],
        "SERVING",
    );
}

#[test]
fn consumed_window_is_returned_to_the_server() {
    // Padding counts too: 64 frames of nothing but padding are 16 KiB.
    let padding = frame(DATA, PADDED, 1, [&[255][..], &[0; 255]].concat()).repeat(64);
    let rest = [
        frame(DATA, 0, 1, SERVING),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[("grpc-status", "0")])),
    ];
    healthy(
        vec![
            send(settings()),
            Step::Until(b"Health/Check"),
            Step::Send([head(), padding].concat()),
            Step::Until(b"\0\0\x04\x08\0\0\0\0\0\0\0\x40\0\0\0\x04\x08\0\0\0\0\x01\0\0\x40\0"),
            Step::Send(rest.concat()),
            Step::Hold,
        ],
        &[],
        "SERVING",
    );
}

#[test]
fn huffman_codes_are_decoded_and_their_padding_is_checked() {
    // "200" is 00010 00000 00000 and one bit of padding. RFC 7541, appendix B.
    let block = |code: &[u8]| {
        let rest = fields(&[("content-type", "application/grpc"), ("grpc-status", "12")]);
        frame(HEADERS, END_HEADERS | END_STREAM, 1, [&[0x08, 0x82], code, &rest].concat())
    };
    unhealthy(
        after_request(block(&[0x10, 0x01])),
        "the server speaks gRPC, but has no health service (UNIMPLEMENTED)",
    );
    let reason = "invalid HTTP/2: a header block that is not valid HPACK";
    for code in [[0x10, 0x00], [0xff, 0xff]] {
        unhealthy(after_request(block(&code)), reason);
    }
    unhealthy(after_request(frame(HEADERS, END_HEADERS, 1, b"\x88\xff")), reason);
}

#[test]
fn the_message_decides_the_verdict() {
    for (message, reason) in [
        (&b"\0\0\0\0\x02\x08\x02"[..], "NOT_SERVING, expected SERVING"),
        (b"\0\0\0\0\0", "UNKNOWN, expected SERVING"),
        (b"\0\0\0\0\x02\x08\x09", "status 9, expected SERVING"),
        (
            b"\0\0\0\0\x02\x08\x03",
            "the server has no overall status (SERVICE_UNKNOWN; --service names a service)",
        ),
        (b"", "the response has no message"),
        (
            b"\x01\0\0\0\x02\x08\x01",
            "the message is compressed, but compression was not offered; received: \\x01\\0\\0\\0\\x02\\x08\\x01",
        ),
        (
            b"\0\0\0\0\x03\x08\x01",
            "the message does not have the length it declares; received: \\0\\0\\0\\0\\x03\\x08\\x01",
        ),
        (
            b"\0\0\0\0\x01\x08\x01",
            "the message does not have the length it declares; received: \\0\\0\\0\\0\\x01\\x08\\x01",
        ),
        (
            b"\0\0\0\0\x03\x0f\xff\xff",
            "the message is not a HealthCheckResponse; received: \\0\\0\\0\\0\\x03\\x0f\\xff\\xff",
        ),
    ] {
        unhealthy(after_request(answer(message)), reason);
    }
}

#[test]
fn a_response_of_trailers_only_is_judged_by_its_status() {
    for (list, reason) in [
        (
            &[("grpc-status", "12"), ("grpc-message", "no %1b[31mservice%")][..],
            "the server speaks gRPC, but has no health service (UNIMPLEMENTED); message: no \\x1b[31mservice%",
        ),
        (&[("grpc-status", "5")], "the server has no overall status (NOT_FOUND; --service names a service)"),
        (&[("grpc-status", "16")], "UNAUTHENTICATED (-H 'authorization: …' sends credentials)"),
        (
            &[("grpc-status", "7"), ("grpc-message", "n%C3%B6")],
            "PERMISSION_DENIED (-H 'authorization: …' sends credentials); message: nö",
        ),
        (&[("grpc-status", "4")], "DEADLINE_EXCEEDED"),
        (&[("grpc-status", "14"), ("grpc-message", "")], "UNAVAILABLE"),
        (&[("grpc-status", "99")], "grpc-status 99"),
        (&[("grpc-status", "0")], "the response has no message"),
        (&[("grpc-status", "x")], "the response has no grpc-status"),
        (&[], "the response has no grpc-status"),
    ] {
        unhealthy(after_request(trailers_only(list)), reason);
    }
    // A byte that is not valid UTF-8.
    let mut odd = trailers_only(&[("grpc-status", "14"), ("grpc-message", "caf~ closed")]);
    for byte in odd.iter_mut().filter(|byte| **byte == b'~') {
        *byte = 0xe9;
    }
    unhealthy(after_request(odd), "UNAVAILABLE; message: caf\\xe9 closed");
}

#[test]
fn a_response_that_is_not_grpc_is_reported() {
    unhealthy(
        after_request(frame(HEADERS, END_HEADERS, 1, fields(&[(":status", "502"), ("server", "nginx")]))),
        "502 Bad Gateway, expected 200 OK",
    );
    unhealthy(
        after_request(frame(
            HEADERS,
            END_HEADERS,
            1,
            fields(&[(":status", "200"), ("content-type", "text/html")]),
        )),
        "the response is not gRPC, expected content-type application/grpc; content_type: text/html",
    );
    for content_type in ["application/grpc-web", "application/grpcx", "application/grp"] {
        let block = fields(&[(":status", "200"), ("content-type", content_type)]);
        unhealthy(
            after_request(frame(HEADERS, END_HEADERS, 1, block)),
            &format!(
                "the response is not gRPC, expected content-type application/grpc; content_type: {content_type}"
            ),
        );
    }
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
        let block = fields(&[(":status", "200"), ("content-type", content_type), ("grpc-status", "14")]);
        unhealthy(after_request(frame(HEADERS, END_HEADERS | END_STREAM, 1, block)), "UNAVAILABLE");
    }
    for head in [&[][..], &[(":status", "2000")], &[(":status", "x")], &[("server", "x")]] {
        unhealthy(
            after_request(frame(HEADERS, END_HEADERS, 1, fields(head))),
            "invalid HTTP/2: a response without :status",
        );
    }
    unhealthy(
        after_request([head(), frame(DATA, END_STREAM, 1, SERVING)].concat()),
        "the response has no grpc-status",
    );
}

#[test]
fn json_has_the_facts_of_the_response() {
    let server = Server::new(after_request(trailers_only(&[("grpc-status", "7"), ("grpc-message", "no")])));
    let json = porthole(["grpc", &server.address().to_string(), "--json", "--service", "a"]).json();
    let facts = &json["checks"][0]["facts"];
    assert_eq!(
        facts.to_string(),
        serde_json::json!({
            "address": server.address().to_string(), "service": "a",
            "grpc_message": "no", "grpc_status": 7, "http_status": 200,
        })
        .to_string()
    );
}

#[test]
fn usage_errors_are_explained() {
    let expected = "'Name: value' with a name of letters, digits and hyphens";
    for (header, message) in [
        ("grpc-timeout: 1S", "grpc-timeout is set by porthole and cannot be overridden"),
        ("Grpc-Encoding: gzip", "grpc-encoding is set by porthole and cannot be overridden"),
        ("TE: x", "te is set by porthole and cannot be overridden"),
        ("Content-Type: x", "content-type is set by porthole and cannot be overridden"),
        (":path: /x", &format!("expected {expected}")),
        ("a b: c", &format!("expected {expected}")),
        ("secret", "expected 'Name: value'"),
    ] {
        porthole(["grpc", ":1", "-H", header]).refused(&format!("grpc: --header: {message}"));
    }
    porthole(["grpc", "abc"]).refused(
        "grpc: TARGET: expected host:port, [::1]:port, :port or port, with a port from 1 to 65535, or unix:///PATH, got 'abc'",
    );
    porthole(["grpc", ":1", "--unix", ""]).refused(
        "grpc: --unix: expected the path of a Unix socket, at most 107 bytes long (or @name for an abstract one), got ''",
    );
    porthole(["grpc"]).refused("grpc: TARGET: expected a target, or --unix PATH");
}

#[test]
fn a_check_ends_with_goaway() {
    // GOAWAY: no stream of the server was processed, and the code is NO_ERROR. Then the end of the
    // stream.
    let goodbye = "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for server in [
        healthy(after_request(answer(SERVING)), &[], "SERVING"),
        unhealthy(
            after_request(trailers_only(&[("grpc-status", "12")])),
            "the server speaks gRPC, but has no health service (UNIMPLEMENTED)",
        ),
    ] {
        assert_eq!(server.ends(1), [End::Orderly]);
        let request = &server.asked()[0];
        assert!(request.ends_with(goodbye), "{request:?}");
        // No WINDOW_UPDATE for a stream that has ended.
        assert!(!request.contains("\0\0\x04\x08\0"), "{request:?}");
    }
}
