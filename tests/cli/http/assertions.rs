//! Assertions about the body.

use super::{OK, healthy, unhealthy};
use crate::support::command::porthole;
use crate::support::server::{Server, answer, response};

#[test]
fn text_is_searched_and_matched() {
    let body = response("200 OK", "status: ready\nworkers: 3");
    healthy(&body, &["--contains", "ready", "--contains", "workers"], "200 OK");
    healthy(&body, &["--matches", "workers: [1-9]$"], "200 OK");
    unhealthy(
        &body,
        &["--contains", "ready", "--contains", "steady"],
        "200 OK, expected the body to contain \"steady\"; body: status: ready\\nworkers: 3",
    );
    unhealthy(
        &body,
        &["--matches", "^orkers"],
        "200 OK, expected the body to match \"^orkers\"; body: status: ready\\nworkers: 3",
    );
}

#[test]
fn an_expression_is_matched_line_by_line() {
    // As `curl … | grep -qE` does.
    for (body, expression) in [
        ("ok\n", "^ok$"),
        ("a\nok\nb\n", "^ok$"),
        ("a\n\nb", "^$"),
        ("status: ok\r\n", "^status: ok.$"),
        ("", "^$"),
    ] {
        healthy(response("200 OK", body), &["--matches", expression], "200 OK");
    }
    for (body, expression, shown) in [
        ("a\nb", "^a.b$", "a\\nb"),
        ("ok\n", "^$", "ok\\n"),
        // grep sees the carriage return too, so the verdict has to show it.
        ("ok\r\n", "^ok$", "ok\\r\\n"),
        (" ok \n", "^ok$", "\\x20ok \\n"),
        (" ok ", "^ok$", "\\x20ok\\x20"),
    ] {
        let reason = format!("200 OK, expected the body to match \"{expression}\"; body: {shown}");
        unhealthy(response("200 OK", body), &["--matches", expression], &reason);
    }
    // Terminal control characters are escaped, and so is a backslash.
    for (expression, shown) in [(r"\Ax\z", r"\\Ax\\z"), (r"\d\.", r"\\d\\."), ("\\.\u{1b}\t$", r"\\.\x1b\t$")]
    {
        let reason = format!("200 OK, expected the body to match \"{shown}\"; body: a");
        unhealthy(response("200 OK", "a"), &["--matches", expression], &reason);
    }
    // In a truncated body, the end of a line is known only once the next line has begun.
    let long = response("200 OK", "ok\nx ok");
    healthy(&long, &["--matches", "^ok$", "--max-body", "3"], "200 OK");
    unhealthy(
        &long,
        &["--matches", "^ok$", "--max-body", "2"],
        "200 OK, expected the body to match \"^ok$\" within the first 2 bytes (--max-body); body: ok",
    );
}

#[test]
fn fields_of_json_are_compared() {
    let body = response("200 OK", r#"{"status":"UP","n":[1,{"a/b":null}]}"#);
    healthy(&body, &["--field", "/status=UP", "--field", "/n/0=1", "--field", "/n/1/a~1b"], "200 OK");
    unhealthy(
        &body,
        &["--field", "/status=DOWN"],
        "200 OK, expected /status to be \"DOWN\", not \"UP\"; body: {\"status\":\"UP\",\"n\":[1,{\"a/b\":null}]}",
    );
    unhealthy(
        OK,
        &["--field", "/status"],
        "200 OK, expected a JSON body (expected value at line 1 column 1); body: ok",
    );
}

#[test]
fn a_compressed_body_is_neither_quoted_nor_searched() {
    let compressed = |status: &str, encoding: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Encoding: {encoding}\r\nContent-Length: 3\r\n\r\n\x1f\x01\x08")
    };
    unhealthy(
        compressed("500 No", "gzip"),
        &[],
        "500 Internal Server Error, expected 200-399; body: compressed (gzip)",
    );
    unhealthy(
        compressed("200 OK", "br"),
        &["--contains", "ok"],
        "200 OK, expected an uncompressed body, not Content-Encoding: br",
    );
    healthy(compressed("200 OK", "gzip"), &[], "200 OK");
    healthy(compressed("200 OK", "Identity"), &["--matches", "\x1f"], "200 OK");
    unhealthy(
        "HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
        &[],
        "500 Internal Server Error, expected 200-399",
    );
    let server = Server::new(answer(compressed("500 No", "gzip")));
    let facts = porthole(["http", &server.url("/"), "--json"]).json()["checks"][0]["facts"].clone();
    assert_eq!((&facts["content_encoding"], facts.get("body")), (&"gzip".into(), None), "{facts}");
}

#[test]
fn only_the_first_part_of_the_body_is_searched() {
    let body = response("200 OK", &format!("{}needle", "x".repeat(100_000)));
    healthy(&body, &["--contains", "needle", "--max-body", "200k"], "200 OK");
    let server = Server::new(answer(&body));
    let ran = porthole(["http", &server.url("/"), "--contains", "needle"]).run();
    assert!(
        ran.stdout.contains(
            "expected the body to contain \"needle\" within the first 64 KiB (--max-body); body: xxx"
        ),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.len() <= 481, "{}", ran.story());
    // If one of two texts is there, it is found even though little of the body is kept.
    let server = Server::new(answer(response("200 OK", &format!("{}near{0}", "x".repeat(20_000)))));
    let ran = porthole(["http", &server.url("/"), "--contains", "near", "--contains", "far"]).run();
    assert!(ran.stdout.contains("expected the body to contain \"far\"; body: xxx"), "{}", ran.story());
    unhealthy(
        response("200 OK", "{\"a\":1}"),
        &["--field", "/a=1", "--max-body", "3"],
        "200 OK, expected a JSON body within the first 3 bytes (--max-body); body: {\"a",
    );
}

#[test]
fn control_characters_in_the_body_are_escaped() {
    unhealthy(
        response("500 Internal Server Error", "\x1b[2J\u{202e}evil\u{9b}\r\n\\ \x07"),
        &[],
        "500 Internal Server Error, expected 200-399; body: \\x1b[2J\\u{202e}evil\\u{9b}\\r\\n\\\\ \\x07",
    );
}

/// Every body contains an empty text, so such a check, perhaps of a variable that is empty, would
/// assert nothing.
#[test]
fn an_empty_text_is_refused() {
    for name in ["contains", "not-contains", "matches"] {
        let option = format!("--{name}");
        porthole(["http", ":1", &option, "${NOT_SET:-}"])
            .refused(&format!("http: --{name}: expected at least one character to look for"));
    }
}
