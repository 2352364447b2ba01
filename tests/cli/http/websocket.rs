//! ws://, against servers that misbehave. tests/servers/websocket.rs tests it against real servers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::OK;
use crate::support::command::{Ran, has_feature, porthole};
use crate::support::server::{Server, Step, answer, response, send};

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

fn check(script: Vec<Step>, options: &[&str]) -> (String, Ran) {
    let server = Server::new(script);
    let url = server.url("/chat").replace("http://", "ws://");
    let ran = porthole([&["http", &url, "-t", "500ms"], options].concat()).run().within(TIME_LIMIT);
    (url, ran)
}

#[track_caller]
fn unhealthy(script: Vec<Step>, reason: &str) {
    let (url, ran) = check(script, &[]);
    ran.is(1, &format!("unhealthy: http {url}: {reason}"), "");
}

#[test]
fn the_request_asks_for_a_websocket() {
    let server = Server::scripts(vec![answer(OK), answer(OK)]);
    let url = server.url("/chat?a=b").replace("http://", "ws://");
    for _ in 0..2 {
        porthole(["http", &url, "-H", "Origin: https://app.example", "-H", "Sec-WebSocket-Protocol: chat"])
            .unhealthy(&format!("unhealthy: http {url}: 200 OK, expected 101; body: ok"));
    }
    let keys: Vec<String> = server
        .asked()
        .into_iter()
        .map(|asked| {
            assert!(asked.starts_with("GET /chat?a=b HTTP/1.1\r\n"), "{asked}");
            for line in [
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Origin: https://app.example",
                "Sec-WebSocket-Protocol: chat",
            ] {
                assert_eq!(asked.lines().filter(|known| *known == line).count(), 1, "{line}: {asked}");
            }
            assert!(!asked.contains("Content-Length"), "{asked}");
            asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap().to_owned()
        })
        .collect();
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| STANDARD.decode(key).unwrap().len() == 16), "{keys:?}");
}

#[test]
fn an_answer_that_opens_nothing_is_reported() {
    let wrong = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let accept = "101 Switching Protocols, expected a Sec-WebSocket-Accept that matches the key";
    let upgrade = "101 Switching Protocols, expected header Upgrade: websocket";
    for (text, reason) in [
        (format!("{SWITCHING}{wrong}\r\n"), accept.to_owned()),
        (format!("{SWITCHING}\r\n"), accept.to_owned()),
        (format!("{SWITCHING}Sec-WebSocket-Accept:\r\n\r\n"), accept.to_owned()),
        (format!("HTTP/1.1 101 No\r\n{wrong}\r\n"), upgrade.to_owned()),
        (
            format!("HTTP/1.1 101 No\r\nUpgrade: h2c\x1b\r\nConnection: Upgrade\r\n{wrong}\r\n"),
            format!("{upgrade}; received: Upgrade: h2c\\x1b"),
        ),
        (
            format!("HTTP/1.1 101 No\r\nUpgrade: websocket\r\nConnection: close\r\n{wrong}\r\n"),
            "101 Switching Protocols, expected header Connection: Upgrade; received: Connection: close"
                .to_owned(),
        ),
        (response("200 OK", "a page"), "200 OK, expected 101; body: a page".to_owned()),
        (response("400 Bad", "no \x1b[2J"), "400 Bad Request, expected 101; body: no \\x1b[2J".to_owned()),
        (response("403 No", ""), "403 Forbidden, expected 101".to_owned()),
        (response("426 No", "old"), "426 Upgrade Required, expected 101; body: old".to_owned()),
        // Another interim response precedes one that counts.
        (
            format!("HTTP/1.1 100 Continue\r\n\r\n{}", response("503 No", "")),
            "503 Service Unavailable, expected 101".to_owned(),
        ),
    ] {
        // Whether the connection stays open or not.
        unhealthy([answer(&text), vec![Step::Hold]].concat(), &reason);
        unhealthy(answer(&text), &reason);
    }
    // Not HTTP.
    let tls = "the port speaks TLS, not HTTP (wss://…)";
    for (bytes, reason) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "the port speaks SSH, not HTTP"),
        (b"-ERR unknown command 'GET'\r\n", "the port speaks Redis, not HTTP"),
        (b"\x15\x03\x01\0\x02\x02F", tls),
        (b"\0\0\x12\x04\0\0\0\0\0", "the port speaks HTTP/2 only"),
        (b"\x81\x05hello", "the response is not HTTP; received: \\x81\\x05hello"),
    ] {
        unhealthy(vec![Step::Request, send(bytes), Step::Hold], reason);
    }
}

#[test]
fn a_server_that_stalls_or_closes_is_reported() {
    unhealthy(vec![Step::Request, Step::Hold], "timed out after 500 ms waiting for the response head");
    let rest = "timed out after 500 ms waiting for the rest of the response head";
    unhealthy(vec![Step::Request, send(SWITCHING), Step::Hold], rest);
    let drip = Step::Drip(SWITCHING.into(), Duration::from_millis(200));
    let (_, ran) = check(vec![Step::Request, drip], &[]);
    assert!(ran.status == Some(1) && ran.stdout.contains(rest), "{}", ran.story());
    let silent = "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";
    unhealthy(vec![Step::Request], silent);
    unhealthy(vec![Step::Request, Step::Reset], silent);
    unhealthy(
        answer(SWITCHING),
        "the server closed the connection waiting for the rest of the response head",
    );
    let endless = vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(vec![b'x'; 65_536])];
    let (_, ran) = check(endless, &[]);
    assert!(
        ran.status == Some(1) && ran.stdout.contains(": 200 OK, expected 101; body: xxx"),
        "{}",
        ran.story()
    );
    let header = Step::Flood(b"X: y\r\n".repeat(1000));
    unhealthy(
        vec![Step::Request, send(SWITCHING), header],
        "the response head is too large, expected at most 64 KiB",
    );
}

/// Reads a request for a WebSocket from this connection and returns what belongs to its key: the
/// SHA-1 of it and a suffix. RFC 6455, section 4.2.2.
fn accept(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let mut sum = Command::new("sha1sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    write!(sum.stdin.take().unwrap(), "{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").unwrap();
    let output = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    let hash: Vec<u8> =
        (0..20).map(|at| u8::from_str_radix(&output[2 * at..2 * at + 2], 16).unwrap()).collect();
    STANDARD.encode(hash)
}

/// Runs a check of a server that opens the WebSocket, and then does this with the connection.
fn opened(options: &[&str], behaviour: impl FnOnce(TcpStream) + Send + 'static) -> (String, Ran) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let accept = accept(&mut stream);
        write!(stream, "{SWITCHING}Set-Cookie: id=t0psecret\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
            .unwrap();
        behaviour(stream);
    });
    let ran = porthole([&["http", &url, "-t", "10s"], options].concat()).run();
    server.join().unwrap();
    (url, ran)
}

#[test]
fn what_follows_the_opening_does_not_matter() {
    let behaviours: [fn(TcpStream); 5] = [
        // Closes at once.
        drop,
        // Never closes: the end of our stream is read only after the verdict.
        |mut stream| drop(stream.read_to_end(&mut Vec::new())),
        // Sends frames for ever.
        |mut stream| while stream.write_all(&[0x82, 0x7e, 0xff, 0xff, 0, 0]).is_ok() {},
        // Sends what is no frame.
        |mut stream| {
            let _ = stream.write_all(&[0xff; 1000]);
            let _ = stream.read_to_end(&mut Vec::new());
        },
        |mut stream| {
            let _ = stream.write_all(b"\x81\x05hello\x88\x02\x03\xe8");
            let _ = stream.read_to_end(&mut Vec::new());
        },
    ];
    for behaviour in behaviours {
        let (url, ran) = opened(&[], behaviour);
        ran.is(0, &format!("healthy: http {url}: 101 Switching Protocols in <T>"), "").within(TIME_LIMIT);
    }
}

#[test]
fn the_websocket_is_left_with_a_close_frame() {
    let (sender, frames) = std::sync::mpsc::channel();
    let (url, ran) = opened(&[], move |mut stream| {
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        sender.send(received).unwrap();
    });
    ran.is(0, &format!("healthy: http {url}: 101 Switching Protocols in <T>"), "");
    let frame = frames.recv().unwrap();
    // FIN and Close; masked, as every frame of a client, with the status 1000. Section 5.5.1.
    assert_eq!((frame.len(), &frame[..2]), (8, &[0x88, 0x82][..]), "{frame:?}");
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], 1000_u16.to_be_bytes());
}

#[test]
fn the_head_of_the_opening_is_shown() {
    for what in ["head", "all"] {
        let (url, ran) = opened(&["--show", what], |mut stream| {
            let _ = stream.write_all(b"\x81\x05hello");
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let (verdict, below) = ran.stdout.split_once('\n').unwrap();
        assert!(
            verdict.starts_with(&format!("healthy: http {url}: 101 Switching Protocols in ")),
            "{}",
            ran.story()
        );
        let start = "  HTTP/1.1 101 Switching Protocols\n  Upgrade: websocket\n  Connection: Upgrade\n  Set-Cookie: <hidden>\n";
        assert!(below.starts_with(start) && !below.contains("hello"), "{}", ran.story());
    }
}

#[test]
fn options_that_a_websocket_has_no_use_for_are_refused() {
    for (option, value) in [
        ("--method", Some("POST")),
        ("--data", Some("x")),
        ("--http2", None),
        ("--contains", Some("x")),
        ("--not-contains", Some("x")),
        ("--matches", Some("x")),
        ("--field", Some("/a")),
    ] {
        porthole(["http", "ws://127.0.0.1:1/", option].into_iter().chain(value))
            .refused(&format!("http: {option}: cannot be used with a WebSocket"));
    }
    for name in ["Upgrade", "Sec-WebSocket-Key", "sec-websocket-version", "Connection"] {
        let message = format!("{} is set by porthole and cannot be overridden", name.to_lowercase());
        porthole(["http", "ws://127.0.0.1:1/", "-H", &format!("{name}: x")])
            .refused(&format!("http: --header: {message}"));
    }
    if !has_feature("tls") {
        let ran = porthole(["http", "wss://127.0.0.1:1/"]).run();
        assert!(ran.status == Some(1) && ran.stderr.contains("TLS"), "{}", ran.story());
    }
}
