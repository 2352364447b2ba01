//! What is sent, and to which address.

use super::OK;
use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, response, send};

#[test]
fn a_request_has_only_the_usual_fields() {
    let server = Server::new(answer(OK));
    porthole(["http", &server.url("/healthz?full=1#part")])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/healthz?full=1")));
    let request = server.asked().remove(0);
    let (line, fields) = request.split_once("\r\n").unwrap();
    assert_eq!(line, "GET /healthz?full=1 HTTP/1.1");
    let mut fields: Vec<&str> = fields.trim_end().split("\r\n").collect();
    fields.sort_unstable();
    let host = format!("Host: {}", server.address());
    assert_eq!(fields, ["Accept: */*", "Connection: close", &host, "User-Agent: porthole/0.1.0"]);
}

#[test]
fn short_targets_mean_http_and_localhost() {
    let server = Server::new(answer(OK));
    let port = server.port();
    for target in [format!(":{port}/a"), format!("localhost:{port}/a"), format!("http://LocalHost:{port}/a")]
    {
        porthole(["http", &target])
            .healthy(&format!("healthy: http http://localhost:{port}/a: 200 OK in <T>"));
    }
}

#[test]
fn a_url_in_the_query_is_not_a_scheme() {
    let server = Server::new(answer(OK));
    let target = format!(":{}/ok?next=http://x/", server.port());
    porthole(["http", &target]).healthy(&format!("healthy: http http://localhost{target}: 200 OK in <T>"));
    assert!(server.asked()[0].starts_with("GET /ok?next=http://x/ HTTP/1.1\r\n"), "{}", server.asked()[0]);
}

#[test]
fn headers_and_body_can_be_set() {
    let server = Server::new(vec![Step::Until(b"{\"ping\": 1}"), send(OK)]);
    porthole([
        "http",
        &server.url("/"),
        "-d",
        "{\"ping\": 1}",
        "-H",
        "Content-Type: application/json",
        "-H",
        "X-A: 1",
        "-H",
        "X-A:2",
        "--header=Host: app.example",
        "-H",
        "User-Agent: me",
    ])
    .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    let request = server.asked().remove(0);
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    for field in [
        "Content-Type: application/json",
        "X-A: 1",
        "X-A: 2",
        "Host: app.example",
        "User-Agent: me",
        "Content-Length: 11",
    ] {
        assert_eq!(request.matches(&format!("\r\n{field}\r\n")).count(), 1, "{field}: {request}");
    }
    for name in ["Host:", "User-Agent:", "Content-Type:"] {
        assert_eq!(request.matches(&format!("\r\n{name}")).count(), 1, "{request}");
    }
}

#[test]
fn data_is_a_form_by_default_and_any_method_is_allowed() {
    let server = Server::new(vec![Step::Until(b"a=b"), send(OK)]);
    porthole(["http", &server.url("/"), "--data", "a=b", "-X", "PURGE"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    let request = server.asked().remove(0);
    assert!(request.starts_with("PURGE / HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Content-Type: application/x-www-form-urlencoded\r\n"), "{request}");
}

#[test]
fn an_empty_body_has_a_length_if_the_method_expects_a_body() {
    for (method, length) in [("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 0), ("GET", 0)] {
        let server = Server::new(answer(OK));
        porthole(["http", &server.url("/"), "-X", method])
            .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
        let request = server.asked().remove(0);
        assert_eq!(request.matches("\r\nContent-Length: 0\r\n").count(), length, "{request}");
        assert!(!request.contains("Transfer-Encoding") && !request.contains("Content-Type"), "{request}");
        assert!(request.ends_with("\r\n\r\n"), "{request}");
    }
}

#[test]
fn header_names_are_sent_as_typed() {
    let server = Server::scripts(vec![
        vec![Step::Until(b"a=b"), send("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n")],
        answer(OK),
    ]);
    let url = server.url("/first?x=1");
    porthole([
        "http",
        &url,
        "-d",
        "a=b",
        "--user",
        "me:word",
        "-H",
        "x-API-key: k",
        "-H",
        "SOAPAction: \"urn:a\"",
        "-H",
        "accept: text/plain",
        "-H",
        "x-api-KEY: l",
        "--follow",
        "1",
    ])
    .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    let host = server.address();
    let given = "x-API-key: k\r\nSOAPAction: \"urn:a\"\r\naccept: text/plain\r\nx-api-KEY: l\r\n\
        Authorization: Basic bWU6d29yZA==\r\n";
    let start =
        |line: &str| format!("{line} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: porthole/0.1.0\r\n{given}");
    assert_eq!(
        server.asked(),
        [
            start("POST /first?x=1")
                + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\
                   Connection: close\r\n\r\na=b",
            start("GET /next") + "Connection: close\r\n\r\n",
        ]
    );
}

#[test]
fn basic_authentication_comes_from_the_option_or_the_url() {
    let server = Server::new(answer(OK));
    let address = server.address();
    porthole(["http", &server.url("/"), "--user", "me:secret"]).run().is(
        0,
        &format!("healthy: http http://{address}/: 200 OK in <T>"),
        "",
    );
    porthole(["http", &format!("http://me:sec%72et@{address}/")]).run().is(
        0,
        &format!("healthy: http http://{address}/: 200 OK in <T>"),
        "",
    );
    for request in server.asked() {
        assert!(request.contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"), "{request}");
    }
}

#[test]
fn connect_and_unix_keep_the_host_header() {
    let server = Server::new(answer(OK));
    let address = server.address();
    porthole(["http", "http://app.example:81/health", "--connect", &address.to_string()])
        .healthy(&format!("healthy: http http://app.example:81/health via {address}: 200 OK in <T>"));
    assert!(server.asked()[0].contains("\r\nHost: app.example:81\r\n"));

    let server = Server::unix(answer(OK));
    let path = server.socket().to_str().unwrap();
    porthole(["http", "http://app.example/health", "--unix", path])
        .healthy(&format!("healthy: http http://app.example/health via {path}: 200 OK in <T>"));
    assert!(server.asked()[0].contains("\r\nHost: app.example\r\n"));

    porthole(["http", "http://app/", "--unix", "/none"])
        .unhealthy("unhealthy: http http://app/ via /none: no such socket");
}

#[test]
fn proxy_variables_are_ignored() {
    let server = Server::new(answer(OK));
    let proxy = Server::new(answer(response("500 From The Proxy", ""))).unasked();
    let mut run = porthole(["http", &server.url("/")]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy", "HTTPS_PROXY"] {
        run = run.env(name, proxy.url("/"));
    }
    run.healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
}
