//! Which responses are accepted, and what the verdict on them is.

use super::{OK, healthy, unhealthy};
use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, closed_port, response, send};

#[test]
fn the_status_decides_the_verdict() {
    healthy(OK, &[], "200 OK");
    healthy(response("399 Odd", ""), &[], "399");
    healthy(response("404 Not Found", ""), &["-s", "200,404"], "404 Not Found");
    healthy(response("204 No Content", ""), &["--status", "2xx"], "204 No Content");
    unhealthy(
        response("503 Service Unavailable", "db: no connection\n"),
        &[],
        "503 Service Unavailable, expected 200-399; body: db: no connection",
    );
    unhealthy(response("400 Bad", ""), &[], "400 Bad Request, expected 200-399");
    unhealthy(
        OK,
        &["--status=500-599, 2xx,204".trim_end_matches(", 2xx,204")],
        "200 OK, expected 500-599; body: ok",
    );
}

#[test]
fn old_and_unusual_responses_are_accepted() {
    healthy("HTTP/1.0 200 OK\r\n\r\nok", &["--contains", "ok"], "200 OK");
    healthy("HTTP/1.1 200\r\nA: b\r\n\r\n", &[], "200 OK");
    healthy("HTTP/1.1 200 OK\nA: b\n\n", &[], "200 OK");
    healthy("HTTP/1.1 204 No Content\r\n\r\n", &[], "204 No Content");
    unhealthy("HTTP/1.1 101 Switching Protocols\r\n\r\n", &[], "101 Switching Protocols, expected 200-399");
}

#[test]
fn interim_responses_are_skipped() {
    let last = response("503 Service Unavailable", "no");
    let reason = "503 Service Unavailable, expected 200-399; body: no";
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nX-With: fields\r\n\r\n",
        "HTTP/1.1 100 Continue\n\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
    ] {
        unhealthy(format!("{interim}{last}"), &[], reason);
        healthy(format!("{interim}{OK}"), &["--contains", "ok"], "200 OK");
    }
}

#[test]
fn chunked_bodies_are_decoded() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    healthy(chunked, &["--matches", "^hello world$"], "200 OK");
    unhealthy(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n",
        &["--contains", "world"],
        "200 OK, but invalid chunked encoding in the response body",
    );
}

#[test]
fn a_truncated_body_is_unhealthy_unless_it_decided_already() {
    unhealthy(
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        &["--matches", "half"],
        "200 OK, but the server closed the connection reading the body",
    );
    // A verdict that was known before stays.
    healthy("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", &["--contains", "half"], "200 OK");
}

#[test]
fn a_response_that_ends_anywhere_before_its_end_is_unhealthy() {
    // RFC 9112, section 8: a body in chunks is complete with the chunk of length 0, before the trailers.
    for (whole, trailers) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nready"[..], &b""[..]),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nrea\r\n2\r\ndy\r\n0\r\n",
            b"X-Sum: 1\r\n\r\n",
        ),
    ] {
        for end in 0..whole.len() {
            let server = Server::new(answer(&whole[..end]));
            let ran = porthole(["http", &server.url("/"), "--matches", "^"]).run();
            assert_eq!(ran.status, Some(1), "{end}: {}", ran.story());
        }
        healthy([whole, trailers].concat(), &["--matches", "^"], "200 OK");
    }
}

#[test]
fn head_has_no_body() {
    let server = Server::new(answer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
    porthole(["http", &server.url("/"), "-X", "HEAD"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    assert!(server.asked()[0].starts_with("HEAD / HTTP/1.1\r\n"));
    porthole(["http", ":1", "-X", "HEAD", "--contains", "x"])
        .refused("http: --method: the response to HEAD has no body to assert anything about");
}

#[test]
fn a_response_sent_before_the_request_was_read_counts() {
    let server = Server::new(vec![send(response("413 Payload Too Large", "")), Step::Hold]);
    let body = "x".repeat(200_000);
    porthole([String::from("http"), server.url("/"), "-d".into(), body[..100_000].into()])
        .unhealthy(&format!("unhealthy: http {}: 413 Payload Too Large, expected 200-399", server.url("/")));
}

#[test]
fn a_response_counts_though_the_request_could_not_be_sent() {
    let text = response("503 Service Unavailable", "busy");
    let server = Server::unix(vec![send(text)]);
    let path = server.socket().to_str().unwrap();
    // More than fits into the socket before the server has closed it.
    let body = "x".repeat(100_000);
    let mut arguments = vec!["http", "http://app/", "--unix", path, "-d", &body];
    let fields: Vec<String> = (0..4).map(|n| format!("X-{n}: {body}")).collect();
    arguments.extend(fields.iter().flat_map(|field| ["-H", field]));
    porthole(arguments).unhealthy(&format!(
        "unhealthy: http http://app/ via {path}: 503 Service Unavailable, expected 200-399; body: busy"
    ));
}

#[test]
fn phases_are_reported_for_failures_too() {
    for (script, phases) in [
        (vec![Step::Hold], &["resolve", "connect", "request", "head"][..]),
        (vec![send("no HTTP\r\n\r\n")], &["resolve", "connect", "request", "head"]),
    ] {
        let server = Server::new(script);
        assert_eq!(phase_names(&server.url("/")), phases);
    }
    assert_eq!(phase_names(&format!("http://127.0.0.1:{}/", closed_port())), ["resolve", "connect"]);
    assert_eq!(phase_names("http://203.0.113.1/"), ["resolve"]);
}

fn phase_names(url: &str) -> Vec<String> {
    let json = porthole(["http", url, "--json", "-v", "-t", "400ms"]).json();
    let phases = json["checks"][0]["phases"].as_array().unwrap().clone();
    phases.iter().map(|phase| phase["phase"].as_str().unwrap().to_owned()).collect()
}
