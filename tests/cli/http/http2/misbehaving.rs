//! Servers that misbehave: the deadline holds against each, memory use stays small, and the verdict
//! names the fault.

use std::time::Duration;

use super::{TIME_LIMIT, after_request, check, head, healthy, last, response, unhealthy};
use crate::grpc::frames::{
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PADDED, PING, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, fields, frame, settings,
};
use crate::support::command::{binary, has_feature, porthole};
use crate::support::server::{Server, Step, send};
use crate::support::skip::skip_by_design;

/// The pause between two bytes of a server that sends them one by one.
const PACE: Duration = Duration::from_millis(200);
/// The end of the client's preface.
const PREFACE: Step = Step::Until(b"SM\r\n\r\n");

#[track_caller]
fn times_out(script: Vec<Step>, options: &[&str], doing: &str) {
    let (server, ran) = check(script, &[&["-t", "500ms"], options].concat());
    let start = format!("unhealthy: http {}: {doing}\n", server.url("/healthz"));
    assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "expected {start}{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn another_protocol_is_named() {
    let tls = if has_feature("tls") { " in plain text (https://…)" } else { "" };
    for (bytes, reason) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "the port speaks HTTP/1, not HTTP/2"),
        (b"<html>\r\n<head><title>400 Bad Request", "the port speaks HTTP/1, not HTTP/2"),
        (b"\x15\x03\x01\0\x02\x02F", &format!("the port speaks TLS, not HTTP/2{tls}")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the port speaks SSH, not HTTP/2"),
        (b"-ERR unknown command 'PRI'\r\n", "the port speaks Redis, not HTTP/2"),
        (b"220 mail.example ESMTP\r\n", "the port speaks SMTP or FTP, not HTTP/2"),
        (b"J\0\0\0\n8.0.36\0", "the port speaks MySQL, not HTTP/2"),
        (b"ERROR\r\n", "the port speaks memcached, not HTTP/2"),
        (b"\0", "the server closed the connection waiting for the server's HTTP/2 settings"),
        (
            b"\0\0\0\x01\x01\0\0\0\x01",
            "the response is not HTTP/2; received: \\0\\0\\0\\x01\\x01\\0\\0\\0\\x01",
        ),
        (b"\xff\xff\xff\x04", "the response is not HTTP/2; received: \\xff\\xff\\xff\\x04"),
        (b"gar\x1bbage\n", "the response is not HTTP/2; received: gar\\x1bbage\\n"),
    ] {
        let server = unhealthy(vec![PREFACE, send(bytes)], &[], reason);
        assert!(!server.asked()[0].contains("healthz"), "sent before the server has shown what it speaks");
    }
    let silent = "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";
    unhealthy(vec![PREFACE], &[], silent);
    unhealthy(vec![PREFACE, Step::Reset], &[], silent);
}

#[test]
fn a_connection_that_ends_too_early_is_reported() {
    let closed = "the server closed the connection waiting for the response head";
    let request = || vec![send(settings()), Step::Until(b"*/*")];
    let whole = response("ready");
    for bytes in [&b""[..], &whole[..4], &whole[..12], &frame(HEADERS, 0, 1, b"\x88")] {
        unhealthy([request(), vec![send(bytes)]].concat(), &[], closed);
        unhealthy([request(), vec![send(bytes), Step::Reset]].concat(), &[], closed);
    }
    let head = head(&[]);
    let closed = "200 OK, but the server closed the connection reading the body";
    for body in [frame(DATA, 0, 1, "rea"), frame(DATA, 0, 1, "rea")[..10].to_vec(), Vec::new()] {
        let bytes = [&head[..], &body].concat();
        unhealthy([request(), vec![send(&bytes)]].concat(), &["--contains", "ready"], closed);
        unhealthy([request(), vec![send(&bytes), Step::Reset]].concat(), &["--contains", "ready"], closed);
        // The head decides if nothing is asserted about the body.
        healthy([request(), vec![send(&bytes)]].concat(), &[]);
    }
    let goaway = |code: u8, last: u8| {
        frame(GOAWAY, 0, 0, [&[0, 0, 0, last, 0, 0, 0, code][..], b"too_many_\x1bpings"].concat())
    };
    let reset = |code: u8| frame(RST_STREAM, 0, 1, [0, 0, 0, code]);
    for (bytes, reason) in [
        (
            goaway(11, 1),
            "the server ended the connection with GOAWAY ENHANCE_YOUR_CALM; debug: too_many_\\x1bpings",
        ),
        (goaway(0, 0), "the server ended the connection with GOAWAY NO_ERROR; debug: too_many_\\x1bpings"),
        (reset(7), "the server reset the stream with REFUSED_STREAM"),
        (reset(13), "the server reset the stream with HTTP_1_1_REQUIRED"),
        (reset(99), "the server reset the stream with error 99"),
    ] {
        unhealthy(after_request(bytes), &[], reason);
    }
    let then = |bytes: Vec<u8>| after_request([&head[..], &frame(DATA, 0, 1, "rea"), &bytes].concat());
    let broken = &["--contains", "ready"];
    unhealthy(then(reset(2)), broken, "200 OK, but the server reset the stream with INTERNAL_ERROR");
    unhealthy(
        then(goaway(2, 1)),
        broken,
        "200 OK, but the server ended the connection with GOAWAY INTERNAL_ERROR",
    );
}

#[test]
fn invalid_frames_are_reported() {
    let misplaced = "a frame of the wrong size or stream";
    let open = head(&[]);
    for (bytes, rule) in [
        (last("data"), "DATA before HEADERS"),
        (frame(HEADERS, END_HEADERS, 3, ""), "a frame on a stream that was never opened"),
        (frame(DATA, 0, 0, ""), "a frame on a stream that was never opened"),
        (frame(RST_STREAM, 0, 5, [0; 4]), "a frame on a stream that was never opened"),
        (frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x88"), "PUSH_PROMISE, although push is disabled"),
        (frame(CONTINUATION, END_HEADERS, 1, ""), "CONTINUATION without HEADERS"),
        ([frame(HEADERS, 0, 1, b"\x88"), last("")].concat(), "a frame within a header block"),
        (
            [frame(HEADERS, 0, 1, b"\x88"), frame(CONTINUATION, 4, 3, "")].concat(),
            "a frame within a header block",
        ),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x02\x88"), misplaced),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b""), misplaced),
        (frame(SETTINGS, 0, 0, "12345"), misplaced),
        (frame(SETTINGS, 0, 1, ""), misplaced),
        (frame(PING, 0, 0, "short"), misplaced),
        (frame(GOAWAY, 0, 0, "short"), misplaced),
        (frame(WINDOW_UPDATE, 0, 0, "\0"), misplaced),
        (frame(RST_STREAM, 0, 1, "\0"), misplaced),
    ] {
        unhealthy(after_request(bytes), &[], &format!("invalid HTTP/2: {rule}"));
    }
    for (bytes, rule) in [
        (open.clone(), "HEADERS in the middle of the body"),
        (frame(DATA, PADDED, 1, b"\x05abc"), misplaced),
        (frame(DATA, PADDED, 1, ""), misplaced),
        (frame(DATA, 0, 3, "abc"), "a frame on a stream that was never opened"),
    ] {
        let script = after_request([&open[..], &bytes].concat());
        unhealthy(script, &["--contains", "ready"], &format!("200 OK, but invalid HTTP/2: {rule}"));
    }
}

#[test]
fn invalid_header_blocks_are_reported() {
    let block = |block: &[u8]| after_request(frame(HEADERS, END_HEADERS, 1, block));
    for bytes in [
        // Index 0; one beyond both tables; an integer, a name and a value that are cut off.
        &b"\x80"[..],
        b"\x88\xbe",
        b"\x88\xff",
        b"\x88\xff\xff\xff\xff\xff\x0f",
        b"\x88\x00\x05ab",
        b"\x88\x00\x01a\x7f\xff\xff\x03b",
        b"\x88\x00\x01a",
        // A table larger than allowed; an index into a table that was emptied.
        b"\x88\x3f\xe2\x1f",
        b"\x40\x01a\x01b\x20\xbe",
        // The end-of-string code, and padding that is not its beginning: RFC 7541, section 5.2.
        b"\x88\x00\x01a\x84\xff\xff\xff\xff",
        b"\x88\x00\x01a\x81\x00",
    ] {
        unhealthy(block(bytes), &[], "invalid HTTP/2: a header block that is not valid HPACK");
    }
    for list in
        [&[][..], &[(":status", "99")], &[(":status", "2000")], &[(":status", "x")], &[("server", "x")]]
    {
        unhealthy(block(&fields(list)), &[], "invalid HTTP/2: a response without :status");
    }
    // What would become a line of its own, or end the head.
    for (name, value) in [
        ("x", "a\r\nSet-Cookie: b"),
        ("x", "a\nb"),
        ("x", "\r\n\r\n"),
        ("x", "a\0"),
        ("x\ny", "a"),
        (" x", "a"),
        ("x\t", "a"),
        ("x\0", ""),
        (":status", "200\r\nx: y"),
    ] {
        let list = [(":status", "200"), (name, value)];
        unhealthy(block(&fields(&list)), &[], "invalid HTTP/2: a header field with a control character");
    }
}

#[test]
fn frames_and_header_blocks_over_the_limits_are_reported() {
    // 16 MiB, less one byte; as the first frame, and as a later one.
    for kind in [DATA, HEADERS, 0xfa] {
        unhealthy(
            after_request([0xff, 0xff, 0xff, kind, 0, 0, 0, 0, 1]),
            &[],
            "a frame is larger than 16 KiB",
        );
    }
    unhealthy(
        vec![send([0, 0xff, 0xff, SETTINGS, 0, 0, 0, 0, 0]), Step::Hold],
        &[],
        "a frame is larger than 16 KiB",
    );
    let script = after_request([head(&[]), vec![0, 0x40, 1, DATA, 0, 0, 0, 0, 1]].concat());
    unhealthy(script, &["--contains", "x"], "200 OK, but a frame is larger than 16 KiB");
    let full = frame(CONTINUATION, 0, 1, vec![0x88; 16_384]);
    unhealthy(
        after_request([frame(HEADERS, 0, 1, b"\x88"), full].concat()),
        &[],
        "a header block is larger than 16 KiB",
    );
    // An entry that nearly fills the dynamic table; then each byte refers to it.
    let bomb = [&b"\x40\x01a\x7f\x80\x1e"[..], &[b'v'; 3967], &[0xbe; 8000]].concat();
    unhealthy(
        after_request(frame(HEADERS, END_HEADERS, 1, bomb)),
        &[],
        "the header fields are larger than 32 KiB",
    );
}

/// Frames without data, each of which may be repeated for ever.
fn floods() -> [Vec<u8>; 8] {
    [
        frame(PING, 0, 0, "pingpong"),
        settings(),
        frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff".repeat(100)),
        frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"),
        frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
        frame(HEADERS, END_HEADERS, 1, b"\x08\x03103"),
        frame(0xfa, 0, 0, ""),
        frame(CONTINUATION, 0, 1, ""),
    ]
}

#[test]
fn an_endless_sequence_of_frames_is_abandoned() {
    for bytes in floods() {
        let begun = if bytes[3] == CONTINUATION { frame(HEADERS, 0, 1, "") } else { Vec::new() };
        let script = vec![send(settings()), Step::Until(b"*/*"), send(begun), Step::Flood(bytes.repeat(100))];
        unhealthy(script, &[], "no end after 1000 frames");
    }
    unhealthy(vec![Step::Flood(settings().repeat(100))], &[], "no end after 1000 frames");
    for bytes in [frame(DATA, 0, 1, ""), frame(DATA, PADDED, 1, b"\x02\0\0"), frame(PING, 0, 0, "pingpong")] {
        let script =
            vec![send(settings()), Step::Until(b"*/*"), send(head(&[])), Step::Flood(bytes.repeat(100))];
        unhealthy(script.clone(), &["--contains", "x"], "200 OK, but no end after 1000 frames");
        healthy(script, &[]);
    }
}

#[test]
fn an_endless_body_is_read_only_up_to_the_limit() {
    for size in [1, 1000, 16_384] {
        let body = frame(DATA, 0, 1, vec![b'x'; size]).repeat(20);
        let script = vec![send(settings()), Step::Until(b"*/*"), send(head(&[])), Step::Flood(body)];
        healthy(script.clone(), &["--contains", "xxx"]);
        let (_server, ran) = check(script, &["--contains", "y", "--max-body", "20k"]);
        let found = ": 200 OK, expected the body to contain \"y\" within the first 20 KiB (--max-body)";
        assert!(ran.status == Some(1) && ran.stdout.contains(found), "{}", ran.story());
        ran.within(TIME_LIMIT);
    }
}

#[test]
fn windows_of_any_size_are_accepted() {
    // Larger than RFC 9113, section 6.9.1, allows; then negative: section 6.9.2.
    let most = b"\0\x04\xff\xff\xff\xff";
    let updates = frame(WINDOW_UPDATE, 0, 1, b"\xff\xff\xff\xff").repeat(100);
    let script = vec![
        send([frame(SETTINGS, 0, 0, most), updates.clone(), updates].concat()),
        Step::Until(b"a=b"),
        send(frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0")),
        send(response("ok")),
        Step::Hold,
    ];
    healthy(script, &["-d", "a=b", "--contains", "ok"]);
    let closed = frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0");
    let doing = "timed out after 500 ms waiting for the server's flow-control window to open";
    times_out(vec![send(closed), Step::Hold], &["-d", "a=b"], doing);
}

#[test]
fn a_server_that_stalls_times_out() {
    let settled = "timed out after 500 ms waiting for the server's HTTP/2 settings";
    times_out(vec![Step::Hold], &[], settled);
    times_out(vec![PREFACE, Step::Hold], &[], settled);
    times_out(vec![send(&settings()[..5]), Step::Hold], &[], settled);
    times_out(vec![send([0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 1]), Step::Hold], &[], settled);
    times_out(vec![Step::Drip(settings(), PACE)], &[], settled);
    let awaited = "timed out after 500 ms waiting for the response head";
    times_out(vec![send(settings()), Step::Hold], &[], awaited);
    times_out(after_request(&response("ready")[..15]), &[], awaited);
    times_out(after_request(frame(HEADERS, 0, 1, b"\x88")), &[], awaited);
    let drip = |bytes: Vec<u8>| vec![send(settings()), Step::Until(b"*/*"), Step::Drip(bytes, PACE)];
    times_out(drip(response("ready")), &[], awaited);
    let body = "200 OK, but timed out after 500 ms reading the body";
    times_out(after_request(head(&[])), &["--contains", "ready"], body);
    times_out(after_request([head(&[]), frame(DATA, 0, 1, "rea")].concat()), &["--contains", "ready"], body);
    let mut script = drip(frame(DATA, 0, 1, "x").repeat(10));
    script.insert(2, send(head(&[])));
    times_out(script.clone(), &["--contains", "ready"], body);
    healthy(script, &["-t", "500ms"]);
}

#[test]
fn memory_stays_small_whatever_the_server_sends() {
    // As in deadline.rs: the limit holds only for the static binaries.
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("the limit holds only for the static binaries");
    }
    let flood = |begun: Vec<u8>, bytes: Vec<u8>| {
        vec![send(settings()), Step::Until(b"*/*"), send(begun), Step::Flood(bytes.repeat(100))]
    };
    let mut scripts: Vec<Vec<Step>> = floods().into_iter().map(|bytes| flood(Vec::new(), bytes)).collect();
    scripts.push(flood(head(&[]), frame(DATA, 0, 1, vec![b'x'; 16_384])));
    scripts.push(flood(head(&[]), frame(DATA, PADDED, 1, [0; 256])));
    scripts.push(flood(frame(HEADERS, 0, 1, ""), frame(CONTINUATION, 0, 1, vec![0x88; 16_384])));
    for (number, script) in scripts.into_iter().enumerate() {
        let server = Server::new(script);
        let url = server.url("/healthz");
        let ran = porthole(["http", &url, "--http2", "--contains", "y", "--max-body", "1M", "-t", "3s"])
            .in_little_memory()
            .run();
        assert_eq!(ran.status, Some(1), "{number}: {} of {}", ran.story(), binary());
        assert!(ran.stdout.starts_with("unhealthy: http "), "{number}: {}", ran.story());
    }
}
