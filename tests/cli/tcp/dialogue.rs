//! Dialogues with servers that misbehave, and the PROXY protocol before them.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::command::{Ran, porthole};
use crate::support::server::{End, Server, Step, folder, send};

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);
const SILENT: &str =
    "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";

fn check(script: Vec<Step>, options: &[&str]) -> (Server, Ran) {
    let server = Server::new(script);
    let limit = if options.contains(&"-t") { &[][..] } else { &["-t", "10s"] };
    let ran =
        porthole([&["tcp", &server.address().to_string()], limit, options].concat()).run().within(TIME_LIMIT);
    (server, ran)
}

#[track_caller]
fn healthy(script: Vec<Step>, options: &[&str], found: &str) -> Server {
    let (server, ran) = check(script, options);
    ran.is(0, &format!("healthy: tcp {}: received {found} in <T>", server.address()), "");
    server
}

#[track_caller]
fn unhealthy(script: Vec<Step>, options: &[&str], reason: &str) -> Server {
    let (server, ran) = check(script, options);
    ran.is(1, &format!("unhealthy: tcp {}: {reason}", server.address()), "");
    server
}

#[test]
fn each_text_is_found_after_the_one_before() {
    let hold = |text: &str| vec![send(text), Step::Hold];
    let both = ["--expect", "one", "--expect", "two", "-t", "500ms"];
    healthy(hold("one, two"), &both, "\"one\", then \"two\"");
    healthy(hold("two, one, two"), &both, "\"one\", then \"two\"");
    unhealthy(hold("two, one"), &both, "timed out after 500 ms waiting for \"two\"");
    unhealthy(hold("two, one."), &both, "timed out after 500 ms waiting for \"two\"; received: .");
    // What was found is not looked through again.
    let twice = ["--expect", "aa", "--expect", "aa", "-t", "500ms"];
    healthy(hold("aaaa"), &twice, "\"aa\", then \"aa\"");
    unhealthy(hold("aaa"), &twice, "timed out after 500 ms waiting for \"aa\"; received: a");
    // However it arrives, and whatever comes before: more than is kept.
    let noise = "on\0\u{ff}e\r\n".repeat(20_000);
    let script = vec![
        send(noise + "on"),
        Step::Drip(b"e, t".to_vec(), Duration::from_millis(2)),
        send("wo"),
        Step::Hold,
    ];
    healthy(script, &both[..4], "\"one\", then \"two\"");
}

#[test]
fn nothing_is_sent_before_its_turn() {
    // The server never greets.
    let options = ["--expect", "220 ", "--send", r"QUIT\r\n", "--expect", "221 ", "-t", "300ms"];
    let server = unhealthy(vec![Step::Hold], &options, "timed out after 300 ms waiting for \"220 \"");
    assert_eq!((server.ends(1), server.asked()), (vec![End::Orderly], vec![String::new()]));
    // It greets, but with another text.
    let other = vec![send("554 no\r\n"), Step::Hold];
    let server =
        unhealthy(other, &options, "timed out after 300 ms waiting for \"220 \"; received: 554 no\\r\\n");
    assert_eq!((server.ends(1), server.asked()), (vec![End::Orderly], vec![String::new()]));
    // Several texts between two answers are sent in order.
    let script = vec![Step::Until(b"one two "), send("+"), Step::Until(b"three"), send("-"), Step::Hold];
    let options = ["--send", "one ", "--send", "two ", "--expect", "+", "--send", "three", "--expect", "-"];
    let server = healthy(script, &options, "\"+\", then \"-\"");
    assert_eq!(server.asked(), ["one two three"]);
}

#[test]
fn a_server_that_stalls_times_out() {
    let expect = ["--send", "x", "--expect", "ready", "-t", "500ms"];
    let waiting = "timed out after 500 ms waiting for \"ready\"";
    unhealthy(vec![Step::Hold], &expect, waiting);
    unhealthy(vec![send("rea"), Step::Hold], &expect, &format!("{waiting}; received: rea"));
    // A byte at a time, and without an end.
    for script in [
        vec![Step::Drip(b"not yet, not yet".to_vec(), Duration::from_millis(150))],
        vec![Step::Flood(vec![b'-'; 65_536])],
    ] {
        let (server, ran) = check(script, &expect);
        let start = format!("unhealthy: tcp {}: {waiting}; received: ", server.address());
        assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
        assert!(ran.stdout.len() <= 481, "{}", ran.story());
    }
    // It does not read what it is sent.
    let folder = folder();
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![b'x'; 60_000]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let text = format!("${{file:{}}}", filler.display()).repeat(200);
    porthole(["tcp", &address, "--send", &text, "--expect", "x", "-t", "500ms"])
        .unhealthy(&format!("unhealthy: tcp {address}: timed out after 500 ms while sending"))
        .within(TIME_LIMIT);
    drop(listener);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_server_may_close_at_every_step() {
    let options = ["--send", "a", "--expect", "1", "--send", "b", "--expect", "2"];
    let steps = [Step::Until(b"a"), send("1"), Step::Until(b"ab"), send("2")];
    for (count, reason) in [
        (0, format!("{SILENT}, expected \"1\"")),
        (1, format!("{SILENT}, expected \"1\"")),
        (2, "the server closed the connection, expected \"2\"".to_owned()),
        (3, "the server closed the connection, expected \"2\"".to_owned()),
    ] {
        unhealthy(steps[..count].to_vec(), &options, &reason);
        unhealthy([&steps[..count], &[Step::Reset]].concat(), &options, &reason);
    }
    healthy(steps.to_vec(), &options, "\"1\", then \"2\"");
    // The client has not spoken, so that the server expects nothing else.
    unhealthy(vec![], &["--expect", "1"], "the server closed the connection, expected \"1\"");
}

#[test]
fn garbage_is_shown_byte_by_byte() {
    let closed = "the server closed the connection, expected \"ready\"";
    for (bytes, shown) in [
        (&b"\x00\xff\x1b[2J\x7f"[..], "\\0\\xff\\x1b[2J\\x7f"),
        (b"\xe2\x80\xae\xc2\x9b", "\\u{202e}\\u{9b}"),
        (b" \\ \r\n", "\\x20\\\\ \\r\\n"),
        (b"\x15\x03\x01\0\x02\x02\x46", "\\x15\\x03\\x01\\0\\x02\\x02F"),
    ] {
        unhealthy(vec![send(bytes)], &["--expect", "ready"], &format!("{closed}; received: {shown}"));
    }
    // As much as fits into the verdict.
    let (_server, ran) = check(vec![send(vec![0xff; 100_000])], &["--expect", "ready"]);
    assert!(
        ran.status == Some(1) && ran.stdout.len() <= 481 && ran.stdout.ends_with("…\n"),
        "{}",
        ran.story()
    );
}

#[test]
fn the_proxy_protocol_comes_first() {
    for (version, header) in [("1", &b"PROXY UNKNOWN\r\n"[..]), ("2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")] {
        let options = ["--proxy-protocol", version, "--send", "PING", "--expect", "+PONG"];
        let script = vec![Step::Until(b"PING"), send("+PONG"), Step::Hold];
        let server = healthy(script, &options, "\"+PONG\"");
        assert_eq!(server.asked()[0].as_bytes(), [header, b"PING"].concat());
        let reason =
            "the server closed the connection without a reply (it may expect TLS, or no PROXY protocol)";
        unhealthy(vec![Step::Until(header)], &options, &format!("{reason}, expected \"+PONG\""));
        unhealthy(vec![Step::Until(header), Step::Reset], &options, &format!("{reason}, expected \"+PONG\""));
        // Only the header.
        let (server, ran) = check(vec![Step::Hold], &options[..2]);
        ran.is(0, &format!("healthy: tcp {}: connected in <T>", server.address()), "");
        assert_eq!((server.ends(1), server.asked()[0].as_bytes()), (vec![End::Orderly], header));
        // Over HTTP/2 and gRPC, before their preface.
        for check in [&["grpc"][..], &["http", "--http2"]] {
            let server = Server::new(vec![Step::Until(b"SM\r\n\r\n"), send("SSH-2.0-x\r\n"), Step::Hold]);
            let target = if check[0] == "grpc" { server.address().to_string() } else { server.url("/") };
            porthole([check, &[&target, "--proxy-protocol", version]].concat())
                .unhealthy(&format!("unhealthy: {} {target}: the port speaks SSH, not HTTP/2", check[0]));
            let asked = server.asked().remove(0);
            assert!(asked.as_bytes().starts_with(&[header, b"PRI * HTTP/2.0\r\n"].concat()), "{asked:?}");
        }
    }
    for check in ["tcp", "http", "grpc", "tls"] {
        if check == "tls" && !crate::support::command::has_feature("tls") {
            continue;
        }
        porthole([check, ":1", "--proxy-protocol", "3"])
            .refused(&format!("{check}: --proxy-protocol: expected 1 or 2, got '3'"));
    }
}
