//! `--json`: the exact keys of its output.

use serde_json::{Value, json};

use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, closed_port, response};

/// Replaces the times, after asserting that they are numbers.
fn timeless(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
                if key.ends_with("_ms") {
                    assert!(value.is_f64(), "{key}: {value}");
                    *value = json!("<T>");
                } else {
                    walk(value);
                }
            }),
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

#[test]
fn an_unhealthy_response_has_exactly_these_keys() {
    let server = Server::new(answer(response("503 Service Unavailable", "db: no connection")));
    let url = server.url("/healthz");
    let json = timeless(porthole(["http", &url, "--json"]).json());
    assert_eq!(
        json,
        json!({"healthy": false, "elapsed_ms": "<T>", "attempts": 1,
               "checks": [{"check": "http", "target": url, "healthy": false,
                           "reason": "503 Service Unavailable, expected 200-399", "elapsed_ms": "<T>",
                           "facts": {"status": 503, "address": server.address().to_string(), "body": "db: no connection"}}]})
    );
}

#[test]
fn keys_are_in_the_documented_order() {
    let server = Server::new(vec![Step::Hold]);
    let ran = porthole(["tcp", &server.address().to_string(), "--json", "-v"]).run();
    let mut from = 0;
    for key in [
        "healthy",
        "elapsed_ms",
        "attempts",
        "checks",
        "check",
        "target",
        "healthy",
        "reason",
        "elapsed_ms",
        "facts",
        "address",
        "phases",
        "phase",
        "elapsed_ms",
    ] {
        let at = ran.stdout[from..].find(&format!("\"{key}\": "));
        from += at.unwrap_or_else(|| panic!("{key}\n{}", ran.story()));
    }
}

#[test]
fn each_check_has_its_own_entry() {
    let server = Server::new(vec![Step::Hold]);
    let (address, closed) = (server.address().to_string(), format!("127.0.0.1:{}", closed_port()));
    let json = timeless(porthole(["tcp", &address, "and", "tcp", &closed, "--json"]).json());
    assert_eq!(
        json["checks"],
        json!([{"check": "tcp", "target": address, "healthy": true, "reason": "connected", "elapsed_ms": "<T>",
                "facts": {"address": address}},
               {"check": "tcp", "target": closed, "healthy": false,
                "reason": "connection refused (127.0.0.1)", "elapsed_ms": "<T>", "facts": {}}])
    );
}

#[test]
fn redirects_are_reported_as_facts() {
    let redirect = answer("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    let server = Server::scripts(vec![redirect.clone(), answer(response("200 OK", ""))]);
    let facts =
        porthole(["http", &server.url("/a"), "--follow", "1", "--json"]).json()["checks"][0]["facts"].clone();
    let address = server.address().to_string();
    assert_eq!(facts, json!({"status": 200, "address": address, "redirects": 1, "url": server.url("/b")}));
    let server = Server::new(redirect);
    let facts = porthole(["http", &server.url("/a"), "--json"]).json()["checks"][0]["facts"].clone();
    assert_eq!(
        facts,
        json!({"status": 302, "address": server.address().to_string(), "location": server.url("/b")})
    );
}

#[test]
fn invalid_utf8_is_in_base64_and_unsafe_characters_are_escaped() {
    let server = Server::new(answer(b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nab\xff"));
    let ran = porthole(["http", &server.url("/"), "--json"]);
    assert_eq!(ran.json()["checks"][0]["facts"]["body"], json!({"bytes": "YWL/"}));

    let body = "\u{7f}\u{9b}\u{202e}\u{200b}\u{e0041}\"\\é";
    let server = Server::new(answer(response("500 No", body)));
    let ran = porthole(["http", &server.url("/"), "--json"]).run();
    assert!(ran.stdout.contains(r#""\u007f\u009b\u202e\u200b\udb40\udc41\"\\é""#), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["checks"][0]["facts"]["body"], body);
}

#[test]
fn quiet_prints_no_json_when_healthy() {
    let server = Server::new(vec![Step::Hold]);
    porthole(["tcp", &server.address().to_string(), "--json", "-q"]).healthy("");
    let json = porthole(["tcp", &format!("127.0.0.1:{}", closed_port()), "--json", "-q"]).json();
    assert_eq!(json["healthy"], false);
}
