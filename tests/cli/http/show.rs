//! `--show`: the answer below the verdict.

use std::time::Duration;

use crate::grpc::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, fields, frame, settings};
use crate::support::command::{Ran, porthole};
use crate::support::server::{Server, Step, answer, response, send};

/// Runs a check of a server with this answer. Returns what is below the verdict.
#[track_caller]
fn below(text: impl AsRef<[u8]>, status: i32, options: &[&str]) -> String {
    let server = Server::new(answer(text));
    let ran = porthole([&["http", &server.url("/")], options].concat()).run();
    rest(&ran, status)
}

#[track_caller]
fn rest(ran: &Ran, status: i32) -> String {
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(status), ""), "{}", ran.story());
    let (verdict, below) = ran.stdout.split_once('\n').unwrap();
    assert!(verdict.starts_with(["healthy: ", "unhealthy: "][usize::from(status == 1)]), "{}", ran.story());
    below.to_owned()
}

#[test]
fn nothing_reaches_a_terminal_unescaped() {
    let body = b"\x1b[2J\x07\r\n\\ \x00\x7f\tcaf\xe9 \xe2\x80\xae\xc2\x9b\r\n\n end";
    let shown = "  \\x1b[2J\\x07\\r\n  \\\\ \\0\\x7f\tcaf\\xe9 \\u{202e}\\u{9b}\\r\n  \n   end\n";
    let text =
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    assert_eq!(below(text, 0, &["--show", "body"]), shown);
    let head =
        b"HTTP/1.1 200 O\x1bK\r\nX-\x1b[1m: \xe2\x80\xaea\x9b\r\n b\r\nX: \\\r\nContent-Length: 0\r\n\r\n";
    let shown =
        "  HTTP/1.1 200 O\\x1bK\n  X-\\x1b[1m: \\u{202e}a\\x9b\\r\n   b\n  X: \\\n  Content-Length: 0\n";
    assert_eq!(below(head, 0, &["--show", "head"]), shown);
}

#[test]
fn secrets_of_the_answer_are_hidden() {
    let head = "HTTP/1.1 200 OK\r\nSet-Cookie: id=t0psecret\r\n folded-t0psecret\r\nX-Auth-Token: t0psecret\r\n\
                X-API-KEY : t0psecret\r\nAuthorization: t0psecret\r\nLocation: http://me:t0psecret@app.example/a\r\n\
                Link: <https://t0psecret@app.example/>; rel=next\r\nETag: \"abc\"\r\nContent-Length: 2\r\n\r\nok";
    let shown = below(head, 0, &["--show", "all"]);
    assert!(!shown.contains("t0psecret"), "{shown}");
    for line in [
        "Set-Cookie: <hidden>",
        "X-Auth-Token: <hidden>",
        "X-API-KEY: <hidden>",
        "Authorization: <hidden>",
        "Location: http://<hidden>@app.example/a",
        "Link: <https://<hidden>@app.example/>; rel=next",
        "ETag: \"abc\"",
    ] {
        assert!(shown.contains(&format!("\n  {line}\n")), "{line}: {shown}");
    }
    let server = Server::new(answer(head));
    let json = porthole(["http", &server.url("/"), "--show", "all", "--json"]).json();
    assert!(!json.to_string().contains("t0psecret"), "{json}");
}

#[test]
fn secrets_of_the_request_are_hidden_in_the_answer() {
    // A server that repeats what it receives.
    let echo = "Authorization: Bearer t0ken-of-ours; cookie=c00kie-of-ours; me:w0rd-of-ours b0dy-of-ours";
    let text = format!("HTTP/1.1 200 OK\r\nX-Echo: {echo}\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
    let options = [
        "--show",
        "all",
        "-H",
        "X-Token: Bearer t0ken-of-ours",
        "-H",
        "Cookie: a=c00kie-of-ours",
        "--user",
        "me:w0rd-of-ours",
        "-d",
        "${BODY}",
    ];
    for json in [&[][..], &["--json"]] {
        let server = Server::new(answer(&text));
        let ran = porthole([&["http", &server.url("/")], &options[..], json].concat())
            .env("BODY", "b0dy-of-ours")
            .run();
        assert!(ran.status == Some(0) && !ran.stdout.contains("-of-ours"), "{}", ran.story());
    }
}

#[test]
fn at_most_max_body_is_shown() {
    let body = "0123456789".repeat(20);
    assert_eq!(
        below(response("200 OK", &body), 0, &["--show", "body", "--max-body", "15"]),
        "  012345678901234\n"
    );
    // By default 64 KiB, also of an endless body and of one whose assertion needs only its beginning.
    for options in [&["--show", "body"][..], &["--show", "body", "--contains", "xxx"]] {
        let endless = send("HTTP/1.1 200 OK\r\n\r\n");
        let server = Server::new(vec![Step::Request, endless, Step::Flood(vec![b'x'; 65_536])]);
        let ran =
            porthole([&["http", &server.url("/")], options].concat()).run().within(Duration::from_secs(8));
        assert_eq!(rest(&ran, 0).trim().len(), 64 << 10);
    }
    // The same of an unhealthy answer, whose verdict quotes less, and whose JSON has it once.
    let text = response("500 No", &body);
    let shown = below(&text, 1, &["--show", "body"]);
    assert_eq!(shown, format!("  {body}\n"));
    let server = Server::new(answer(response("500 No", &"y".repeat(5000))));
    let json = porthole(["http", &server.url("/"), "--show", "body", "--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["body"].as_str().unwrap().len(), 5000);
    porthole(["http", ":1", "--show", "body", "--max-body", "9M"]).refused(
        "http: --max-body: expected at most 8M with --matches, --field or --show, which keep the whole body",
    );
    // The head alone keeps nothing of the body.
    let ran = porthole(["http", ":1", "--show", "head", "--max-body", "9M"]).run();
    assert!(ran.stdout.contains("connection refused") && ran.stderr.is_empty(), "{}", ran.story());
}

#[test]
fn a_body_that_never_ends_is_shown_at_the_deadline() {
    let text = "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\ndata: 2\n\n";
    let server = Server::new(vec![Step::Request, send(text), Step::Hold]);
    let ran = porthole(["http", &server.url("/"), "--show", "body", "-t", "500ms"]).run();
    assert_eq!(rest(&ran, 0), "  data: 1\n  \n  data: 2\n  \n");
    ran.within(Duration::from_secs(8));
}

#[test]
fn only_the_last_answer_is_shown() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 5\r\n\r\nfirst";
    let server = Server::scripts(vec![answer(moved), answer(response("200 OK", "second"))]);
    let ran = porthole(["http", &server.url("/"), "--follow", "1", "--show", "all"]).run();
    assert_eq!(rest(&ran, 0), "  HTTP/1.1 200 OK\n  Content-Length: 6\n  \n  second\n");
    // Nothing of an answer that is none, or if the verdict is healthy and quiet.
    assert_eq!(below("SSH-2.0-x\r\n", 1, &["--show", "all"]), "");
    let server = Server::new(answer(response("200 OK", "ok")));
    porthole(["http", &server.url("/"), "--show", "all", "-q"]).healthy("");
    assert_eq!(below(response("200 OK", ""), 0, &["--show", "body"]), "");
    let shown = below(response("503 No", "down"), 1, &["--show", "all", "-q"]);
    assert_eq!(shown, "  HTTP/1.1 503 No\n  Content-Length: 4\n  \n  down\n");
}

#[test]
fn an_answer_of_http_2_is_shown() {
    let list = [(":status", "200"), ("set-cookie", "id=t0psecret"), ("x-a", "\x1b\u{202e}"), ("x-a", "")];
    let bytes = [
        frame(HEADERS, END_HEADERS, 1, fields(&list)),
        frame(DATA, 0, 1, "one\n\x1b[2J"),
        frame(DATA, 0, 1, "two"),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(&[("x-sum", "1")])),
    ];
    let server = Server::new(vec![send(settings()), Step::Until(b"*/*"), send(bytes.concat()), Step::Hold]);
    let ran = porthole(["http", &server.url("/"), "--http2", "--show", "all"]).run();
    let head = "  HTTP/2 200\n  set-cookie: <hidden>\n  x-a: \\x1b\\u{202e}\n  x-a:\n";
    assert_eq!(rest(&ran, 0), format!("{head}  \n  one\n  \\x1b[2Jtwo\n"));
    let json = porthole(["http", &server.url("/"), "--http2", "--show", "head", "--json"]).json();
    let head = json["checks"][0]["facts"]["head"].as_str().unwrap();
    assert!(head.starts_with("HTTP/2 200\nset-cookie: <hidden>\n"), "{json}");
}
