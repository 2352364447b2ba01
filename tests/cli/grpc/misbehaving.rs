//! Servers that misbehave: the deadline holds against each, memory use stays small, and the verdict
//! names the fault.

use std::time::Duration;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PADDED, PING, PUSH_PROMISE, RST_STREAM, SERVING,
    SETTINGS, WINDOW_UPDATE, after_request, answer, frame, head, settings, trailers_only,
};
use super::{TIME_LIMIT, check, healthy, unhealthy};
use crate::support::command::{has_feature, porthole};
use crate::support::server::{Server, Step, send};
use crate::support::skip::skip_by_design;

/// The pause between two bytes of a server that sends them one by one.
const PACE: Duration = Duration::from_millis(200);

#[track_caller]
fn times_out(script: Vec<Step>, options: &[&str], doing: &str) -> Server {
    let (server, ran) = check(script, &[&["-t", "500ms"], options].concat());
    let address = server.address();
    ran.is(1, &format!("unhealthy: grpc {address}: timed out after 500 ms {doing}"), "").within(TIME_LIMIT);
    server
}

/// Returns the advice for a port that speaks TLS, if this build has the option.
fn tls_option() -> &'static str {
    if has_feature("tls") { " in plain text (--tls)" } else { "" }
}

#[test]
fn a_response_that_ends_anywhere_before_its_end_is_unhealthy() {
    let whole = answer(SERVING);
    for end in 0..whole.len() {
        let script = vec![send(settings()), Step::Until(b"Health/Check"), send(&whole[..end])];
        let (_server, ran) = check(script, &[]);
        assert!(
            ran.status == Some(1) && ran.stdout.contains("the server closed the connection"),
            "{end}: {}",
            ran.story()
        );
    }
    healthy(after_request(whole), &[], "SERVING");
}

#[test]
fn a_response_that_is_not_http2_is_reported() {
    for (bytes, reason) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "the port speaks HTTP/1, not HTTP/2"),
        (b"\x15\x03\x01\0\x02\x02F", &format!("the port speaks TLS, not HTTP/2{}", tls_option())),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the port speaks SSH, not HTTP/2"),
        (b"no", "the response is not HTTP/2; received: no"),
        (
            &frame(PING, 0, 0, "pingpong"),
            "the response is not HTTP/2; received: \\0\\0\\x08\\x06\\0\\0\\0\\0\\0pingpong",
        ),
    ] {
        // Reported at once, whether more may come or not, and before any of the request is sent.
        let server = unhealthy(vec![Step::Until(b"SM\r\n\r\n"), send(bytes), Step::Hold], reason);
        assert!(!server.asked()[0].contains("Health"));
    }
    unhealthy(
        vec![Step::Until(b"SM\r\n\r\n")],
        "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)",
    );
    unhealthy(
        vec![Step::Until(b"SM\r\n\r\n"), Step::Reset],
        "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)",
    );
    unhealthy(
        vec![Step::Until(b"SM\r\n\r\n"), send(&settings()[..5])],
        "the server closed the connection waiting for the server's HTTP/2 settings",
    );
}

#[test]
fn a_connection_or_stream_that_the_server_ends_is_reported() {
    let goaway = |code: u8, last: u8, debug: &str| {
        frame(GOAWAY, 0, 0, [&[0, 0, 0, last, 0, 0, 0, code], debug.as_bytes()].concat())
    };
    unhealthy(
        vec![Step::Until(b"SM\r\n\r\n"), send(goaway(1, 0, "bad preface")), Step::Hold],
        "the server ended the connection with GOAWAY PROTOCOL_ERROR (it may expect the PROXY protocol); debug: bad preface",
    );
    for (bytes, reason) in [
        (
            goaway(11, 1, "too_many_\u{1b}pings"),
            "the server ended the connection with GOAWAY ENHANCE_YOUR_CALM; debug: too_many_\\x1bpings",
        ),
        (goaway(0, 0, ""), "the server ended the connection with GOAWAY NO_ERROR"),
        (goaway(200, 9, ""), "the server ended the connection with GOAWAY error 200"),
        (frame(RST_STREAM, 0, 1, b"\0\0\0\x07"), "the server reset the stream with REFUSED_STREAM"),
        (frame(RST_STREAM, 0, 1, b"\0\0\0\x0d"), "the server reset the stream with HTTP_1_1_REQUIRED"),
    ] {
        unhealthy(after_request(bytes), reason);
    }
    unhealthy(
        vec![send(settings()), Step::Until(b"Health/Check")],
        "the server closed the connection waiting for the response head",
    );
    unhealthy(
        vec![send(settings()), Step::Until(b"Health/Check"), Step::Reset],
        "the server closed the connection waiting for the response head",
    );
}

#[test]
fn invalid_frames_are_reported() {
    let misplaced = "a frame of the wrong size or stream";
    for (bytes, rule) in [
        (frame(DATA, 0, 1, SERVING), "DATA before HEADERS"),
        ([head(), head()].concat(), "HEADERS in the middle of the body"),
        (frame(HEADERS, END_HEADERS, 3, ""), "a frame on a stream that was never opened"),
        (frame(DATA, 0, 0, ""), "a frame on a stream that was never opened"),
        (frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\x02\x88"), "PUSH_PROMISE, although push is disabled"),
        (frame(CONTINUATION, END_HEADERS, 1, ""), "CONTINUATION without HEADERS"),
        (
            [frame(HEADERS, 0, 1, b"\x88"), frame(PING, 0, 0, "pingpong")].concat(),
            "a frame within a header block",
        ),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09\x88"), misplaced),
        ([head(), frame(DATA, PADDED, 1, "")].concat(), misplaced),
        (frame(SETTINGS, 0, 0, "12345"), misplaced),
        (frame(SETTINGS, 0, 1, ""), misplaced),
        (frame(PING, 0, 0, "short"), misplaced),
        (frame(GOAWAY, 0, 0, "short"), misplaced),
        (frame(WINDOW_UPDATE, 0, 0, "\0"), misplaced),
        (frame(RST_STREAM, 0, 1, "\0"), misplaced),
    ] {
        unhealthy(after_request(bytes), &format!("invalid HTTP/2: {rule}"));
    }
}

#[test]
fn frames_and_header_blocks_over_the_limits_are_reported() {
    unhealthy(vec![send([0, 0x40, 1, SETTINGS, 0, 0, 0, 0, 0]), Step::Hold], "a frame is larger than 16 KiB");
    unhealthy(after_request([0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1]), "a frame is larger than 16 KiB");
    unhealthy(
        after_request([head(), frame(DATA, 0, 1, vec![0; 4097])].concat()),
        "the response is longer than 4 KiB",
    );
    let full = frame(CONTINUATION, 0, 1, vec![0x88; 16_384]);
    unhealthy(
        after_request([frame(HEADERS, 0, 1, b"\x88"), full].concat()),
        "a header block is larger than 16 KiB",
    );
    // An entry that nearly fills the dynamic table; then each byte refers to it.
    let bomb = [&b"\x40\x01a\x7f\x80\x1e"[..], &[b'v'; 3967], &[0xbe; 8000]].concat();
    unhealthy(
        after_request(frame(HEADERS, END_HEADERS, 1, bomb)),
        "the header fields are larger than 32 KiB",
    );
}

#[test]
fn an_endless_sequence_of_frames_is_abandoned() {
    for bytes in floods() {
        let mut script =
            after_request(if bytes[3] == CONTINUATION { frame(HEADERS, 0, 1, "") } else { Vec::new() });
        script.insert(3, Step::Flood(bytes.repeat(100)));
        unhealthy(script, "no end after 1000 frames");
    }
    unhealthy(vec![send(settings()), Step::Flood(settings().repeat(100))], "no end after 1000 frames");
}

fn floods() -> [Vec<u8>; 6] {
    [
        frame(PING, 0, 0, "pingpong"),
        settings(),
        frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff".repeat(100)),
        frame(CONTINUATION, 0, 1, ""),
        frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"),
        frame(HEADERS, END_HEADERS, 1, b"\x08\x03103"),
    ]
}

#[test]
fn the_window_of_the_stream_is_respected() {
    let closed = || send(frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0"));
    let server = times_out(
        vec![closed(), Step::Hold],
        &["--service", "db"],
        "waiting for the server's flow-control window to open",
    );
    let request = server.asked().remove(0);
    assert!(request.contains("Health/Check") && !request.contains("\x0a\x02db"), "{request:?}");
    // The window opens in two steps, the second by a setting.
    let server = healthy(
        vec![
            closed(),
            Step::Until(b"Health/Check"),
            send(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\x05")),
            Step::Until(b"\0\0\x05\0\0\0\0\0\x01\0\0\0\0\x04"),
            send(frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\x04")),
            Step::Until(b"\0\0\x04\0\x01\0\0\0\x01\x0a\x02db"),
            send(answer(SERVING)),
            Step::Hold,
        ],
        &["--service", "db"],
        "\"db\" is SERVING",
    );
    drop(server);
    // A response that does not wait for the rest of the request.
    unhealthy(
        vec![
            closed(),
            Step::Until(b"Health/Check"),
            send(trailers_only(&[("grpc-status", "14")])),
            Step::Hold,
        ],
        "UNAVAILABLE",
    );
}

#[test]
fn the_window_of_the_connection_is_respected() {
    // The window of the stream is as large as possible. That of the connection has its initial
    // size, 65,535 bytes, and this request exceeds it by 10.
    let opened = || send(frame(SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff"));
    let name = "s".repeat(65_536);
    let options = ["--service", &name];
    // The last of four frames of DATA, one byte short of the others.
    let full = || Step::Until(b"\0\x3f\xff\0\0\0\0\0\x01");
    let doing = "waiting for the server's flow-control window to open";
    let server = times_out(vec![opened(), full(), Step::Hold], &options, doing);
    drop(server);
    let rest = Step::Until(b"\0\0\x0a\0\x01\0\0\0\x01ssssssssss");
    let more = send(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x0a"));
    let script = vec![opened(), full(), more, rest, send(answer(SERVING)), Step::Hold];
    let (_server, ran) = check(script, &[&["-t", "10s"][..], &options].concat());
    assert!(ran.stdout.contains("\"ssss") && ran.status == Some(0), "{}", ran.story());
}

#[test]
fn a_server_that_stalls_times_out() {
    times_out(vec![Step::Hold], &[], "waiting for the server's HTTP/2 settings");
    times_out(vec![send(&settings()[..5]), Step::Hold], &[], "waiting for the server's HTTP/2 settings");
    times_out(vec![send(settings()), Step::Hold], &[], "waiting for the response head");
    let half = [head(), frame(DATA, 0, 1, SERVING)].concat();
    times_out(after_request(&half), &[], "waiting for the end of the response");
    let (server, ran) = check(vec![Step::Drip(settings(), PACE)], &["-t", "500ms"]);
    let start = format!(
        "unhealthy: grpc {}: timed out after 500 ms waiting for the server's HTTP/2 settings",
        server.address()
    );
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn a_server_that_never_reads_the_request_times_out() {
    // More metadata than fits into the buffers of both sockets.
    let folder = crate::support::server::folder();
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![b'x'; 60_000]).unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        std::io::Write::write_all(&mut stream, &settings()).unwrap();
        stream
    });
    let mut arguments = ["grpc", &address, "-t", "500ms"].map(str::to_owned).to_vec();
    for number in 0..200 {
        arguments.extend(["-H".to_owned(), format!("x-{number}: ${{file:{}}}", filler.display())]);
    }
    porthole(arguments)
        .unhealthy(&format!("unhealthy: grpc {address}: timed out after 500 ms while the request was sent"))
        .within(TIME_LIMIT);
    drop(thread.join());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn memory_stays_small_whatever_the_server_sends() {
    // As in deadline.rs: the limit holds only for the static binaries.
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("the limit holds only for the static binaries");
    }
    let mut scripts: Vec<Vec<Step>> = floods()
        .into_iter()
        .chain([frame(DATA, PADDED, 1, [0; 256]), frame(HEADERS, 0, 1, vec![0x88; 16_384])])
        .map(|bytes| vec![send(settings()), Step::Until(b"Health/Check"), Step::Flood(bytes.repeat(100))])
        .collect();
    scripts.push(vec![Step::Flood(vec![b'x'; 65_536])]);
    let entry = [&b"\x40\x01a\x7f\x80\x1e"[..], &[b'v'; 3967], &[0xbe; 12_000]].concat();
    scripts.push(after_request(frame(HEADERS, END_HEADERS, 1, entry)));
    for (number, script) in scripts.into_iter().enumerate() {
        let server = Server::new(script);
        let address = server.address().to_string();
        let output = std::process::Command::new("prlimit")
            .args(["--as=16777216", &crate::support::command::binary(), "grpc", &address, "-t", "3s"])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{number}: {:?} {stdout}", output.status);
        assert!(stdout.starts_with("unhealthy: grpc "), "{number}: {stdout}");
    }
}
