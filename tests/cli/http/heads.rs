//! Response heads as real servers send them: those that curl or the client of Go accepts are
//! accepted.

use super::{healthy, unhealthy};
use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, send};

/// The end of a head, and a body of two bytes.
const END: &str = "Content-Length: 2\r\n\r\nok";

/// Returns a valid status line, these bytes, and the rest of the head with a body.
fn head_with(lines: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", lines, END.as_bytes()].concat()
}

/// Heads that are accepted as a 200 with the body `ok`. The clients that accept each are named next
/// to it: curl 7.88.1 as observed, net/http of Go according to its source
/// (textproto.Reader.ReadMIMEHeader, http.ReadResponse and readTransfer).
#[test]
fn unusual_heads_are_accepted() {
    let fields = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("X-{number}: 1\r\n")).collect();
        head_with(lines.concat().as_bytes())
    };
    for (clients, head) in [
        // Folded lines: RFC 9112, section 5.2.
        ("curl, Go", head_with(b"X-A: 1\r\n 2\r\n")),
        ("curl, Go", head_with(b"X-A: 1\r\n\t2\r\n")),
        ("curl, Go", head_with(b"X-A: 1\r\n \t  2\r\n   3\r\n")),
        ("curl, Go", head_with(b"X-A: 1\n 2\n")),
        ("curl, Go", head_with(b"X-A: 1\r\n \r\n")),
        ("curl, Go", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n 2\r\n\r\nok".to_vec()),
        ("curl, Go", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\t2\r\n\r\nok".to_vec()),
        ("curl, Go", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\t\r\n\r\nok".to_vec()),
        ("Go", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok".to_vec()),
        // Names.
        ("curl", head_with(b"X-A : 1\r\n")),
        ("curl", head_with(b"X-A\t: 1\r\n")),
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok".to_vec()),
        ("curl", head_with(b"X A: 1\r\n")),
        ("curl", head_with("X-Grün: 1\r\n".as_bytes())),
        ("curl", head_with(b"X-Gr\xfcn: 1\r\n")),
        ("curl", head_with(b"X-(A)[b]{c}@,;<>=?/\"\\: 1\r\n")),
        ("curl", head_with(b"X-\x01\x7f: 1\r\n")),
        ("curl", head_with(b": 1\r\n")),
        ("curl, Go", b"HTTP/1.1 200 OK\r\ncONTENT-lENGTH:2\r\n\r\nok".to_vec()),
        // Values.
        ("curl", head_with(b"X-A: 1\r2\r\n")),
        ("curl", head_with(b"X-A:\r1\r\n")),
        ("curl", head_with(b"X-A: 1\r\r\n")),
        ("curl", head_with(b"X-A: 1\x01\x1b\x082\x7f\r\n")),
        ("curl, Go", head_with(b"X-A: gr\xfcn\r\n")),
        ("curl, Go", head_with(b"X-A:\r\n")),
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\r\nok".to_vec()),
        // Number and length.
        ("curl, Go", fields(130)),
        ("curl, Go", fields(200)),
        ("curl, Go", head_with(format!("X-A: {}\r\n", "a".repeat(60_000)).as_bytes())),
        // The status line.
        ("Go", format!("HTTP/1.2 200 OK\r\n{END}").into_bytes()),
        ("Go", format!("HTTP/9.9 200 OK\r\n{END}").into_bytes()),
        ("curl, Go", format!("HTTP/1.0 200 OK\r\n{END}").into_bytes()),
        ("curl", format!("HTTP/2 200\r\n{END}").into_bytes()),
        ("curl", format!("http/1.1 200 OK\r\n{END}").into_bytes()),
        ("curl, Go", format!("HTTP/1.1 200\r\n{END}").into_bytes()),
        ("curl, Go", format!("HTTP/1.1 200 \r\n{END}").into_bytes()),
        ("curl, Go", format!("HTTP/1.1  200 OK\r\n{END}").into_bytes()),
        ("curl", format!("HTTP/1.1 200\tOK\r\n{END}").into_bytes()),
        ("curl", format!("HTTP/1.1 200OK\r\n{END}").into_bytes()),
        ("curl, Go", format!("HTTP/1.1 200 Gr\u{fc}n\x1b\x01\r!\r\n{END}").into_bytes()),
        ("curl, Go", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_vec()),
        ("curl, Go", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\nok".to_vec()),
        // Neither accepts an empty line in front; nginx and Node accept one before a request (RFC
        // 9112, section 2.2).
        ("porthole", [b"\r\n", head_with(b"").as_slice()].concat()),
        // What delimits the body.
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok".to_vec()),
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length: 2; x\r\n\r\nok".to_vec()),
        ("curl, Go", b"HTTP/1.1 200 OK\r\nContent-Length: 02\r\n\r\nok".to_vec()),
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok".to_vec()),
        ("curl, Go", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        ("curl", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok".to_vec()),
        ("curl, Go", chunked("Transfer-Encoding: CHUNKED\r\n")),
        ("curl, Go", chunked("Transfer-Encoding:\r\n chunked\r\n")),
        ("curl, Go", chunked("Content-Length: 9\r\nTransfer-Encoding: chunked\r\n")),
        ("Go", chunked("Content-Length: x\r\nTransfer-Encoding: chunked\r\n")),
        // Interim responses are skipped, however unusual.
        (
            "curl, Go",
            [b"HTTP/1.1 103 Early\r\nLink: a\r\n b\r\n\r\n", head_with(b"X A: 1\r\n").as_slice()].concat(),
        ),
    ] {
        let server = Server::new(answer(&head));
        let url = server.url("/");
        let ran = porthole(["http", &url, "--matches", "^ok$"]).run();
        let line = format!("healthy: http {url}: 200 OK in ");
        assert!(ran.stdout.starts_with(&line), "{clients}: {}\n{}", head.escape_ascii(), ran.story());
    }
}

fn chunked(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n2\r\nok\r\n0\r\n\r\n").into_bytes()
}

#[test]
fn a_refused_line_is_quoted() {
    for (line, shown) in [
        // Lines that neither curl nor Go accepts.
        (&b"X-A: 1\x002\r\n"[..], r"X-A: 1\02"),
        (b"X-\0A: 1\r\n", r"X-\0A: 1"),
        (b"nonsense\r\n", "nonsense"),
        (b"\x1b[2J\xe2\x80\xae\r\n", r"\x1b[2J\u{202e}"),
        (b"nonsense\r\n with: a colon\r\n", r"nonsense\r\n with: a colon"),
        (b" X-A: 1\r\n", r"\x20X-A: 1"),
        (b"\t\r\n", r"\t"),
        (b" \r\n", r"\x20"),
    ] {
        unhealthy(head_with(line), &[], &format!("invalid header line in the response; received: {shown}"));
    }
    for lines in [
        "Content-Length: 1\r\nX-A: b\r\nContent-length : 2",
        "Content-Length: 1, 2",
        "Content-Length: x",
        "Content-Length:",
        "Content-Length: -2",
        "Content-Length: 2,",
    ] {
        let shown = lines.replace("X-A: b\r\n", "").replace('\r', "\\r").replace('\n', "\\n");
        let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nok");
        unhealthy(head, &[], &format!("invalid Content-Length in the response; received: {shown}"));
    }
    // If there is no body, fields that would delimit one are ignored.
    healthy("HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", &[], "204 No Content");
    healthy("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", &["-X", "HEAD"], "200 OK");
    let server = Server::new(answer(head_with(b"X-A: hunter2\0\r\n")));
    let url = server.url("/");
    porthole(["http", &url, "-H", "X-Key: hunter2"]).unhealthy(&format!(
        "unhealthy: http {url}: invalid header line in the response; received: X-A: <header x-key>\\0"
    ));
    let facts = porthole(["http", &url, "--json"]).json()["checks"][0]["facts"].clone();
    assert_eq!(facts["received"], "X-A: hunter2\0", "{facts}");
}

#[test]
fn a_head_may_arrive_byte_by_byte() {
    let head = head_with(b"X-A: 1\r\n 2\r\n");
    let interim = b"\r\nHTTP/1.1 100 Continue\r\nX: \r\n\r\n";
    let bytes = [interim, head.as_slice()].concat();
    let server = Server::new(vec![Step::Request, Step::Drip(bytes, std::time::Duration::from_millis(1))]);
    porthole(["http", &server.url("/"), "--contains", "ok", "-t", "20s"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
}

#[test]
fn the_head_is_at_most_64_kib() {
    let head = |length: usize| {
        let rest = "HTTP/1.1 200 OK\r\nX-A: \r\nContent-Length: 2\r\n\r\n".len();
        [head_with(format!("X-A: {}\r\n", "a".repeat(length - rest)).as_bytes()), b"!".to_vec()].concat()
    };
    healthy(head(65_536), &["--contains", "ok"], "200 OK");
    unhealthy(head(65_537), &[], "the response head is too large, expected at most 64 KiB");
    unhealthy(
        format!("HTTP/1.1 200 {}", "K".repeat(70_000)),
        &[],
        "the response head is too large, expected at most 64 KiB",
    );
}

#[test]
fn other_protocols_are_recognized() {
    for (bytes, reason) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "the port speaks SSH, not HTTP"),
        (b"220 mail ESMTP\r\n", "the port speaks SMTP or FTP, not HTTP"),
        (b"-ERR wrong number\r\n", "the port speaks Redis, not HTTP"),
        (b"ERROR\r\n", "the port speaks memcached, not HTTP"),
        (b"AMQP\0\0\x09\x01", "the port speaks AMQP, not HTTP"),
        (b"E\0\0\0\x84SFATAL\0", "the port speaks PostgreSQL, not HTTP"),
        (b"J\0\0\0\n8.0.36\0", "the port speaks MySQL, not HTTP"),
        (b"\x15\x03\x03\0\x02\x02\x46", "the port speaks TLS, not HTTP (https://…)"),
        (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", "the port speaks HTTP/2 only (--http2)"),
        (b" \x02\0\x05 ", r"the response is not HTTP; received: \x20\x02\0\x05\x20"),
    ] {
        let server = Server::new(vec![Step::Request, send(bytes), Step::Hold]);
        let url = server.url("/");
        porthole(["http", &url]).unhealthy(&format!("unhealthy: http {url}: {reason}"));
    }
}
