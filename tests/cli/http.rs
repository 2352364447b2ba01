//! `porthole http`: requests as they are sent, and verdicts of answers.

mod heads;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, answer, closed_port, response, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn healthy(answer_text: impl AsRef<[u8]>, options: &[&str], found: &str) {
    let server = Server::new(answer(answer_text));
    let url = server.url("/healthz");
    porthole([&["http", &url], options].concat()).healthy(&format!("healthy: http {url}: {found} in <T>"));
}

fn unhealthy(answer_text: impl AsRef<[u8]>, options: &[&str], reason: &str) {
    let server = Server::new(answer(answer_text));
    let url = server.url("/healthz");
    porthole([&["http", &url], options].concat()).unhealthy(&format!("unhealthy: http {url}: {reason}"));
}

#[test]
fn the_request_is_plain_http() {
    let server = Server::new(answer(OK));
    porthole(["http", &server.url("/healthz?full=1#part")])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/healthz?full=1")));
    let asked = server.asked().remove(0);
    let (line, fields) = asked.split_once("\r\n").unwrap();
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
fn a_url_in_the_query_is_no_scheme() {
    let server = Server::new(answer(OK));
    let target = format!(":{}/ok?next=http://x/", server.port());
    porthole(["http", &target]).healthy(&format!("healthy: http http://localhost{target}: 200 OK in <T>"));
    assert!(server.asked()[0].starts_with("GET /ok?next=http://x/ HTTP/1.1\r\n"), "{}", server.asked()[0]);
}

#[test]
fn the_verdict_of_a_status() {
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
fn older_and_odder_answers_count() {
    healthy("HTTP/1.0 200 OK\r\n\r\nok", &["--contains", "ok"], "200 OK");
    healthy("HTTP/1.1 200\r\nA: b\r\n\r\n", &[], "200 OK");
    healthy("HTTP/1.1 200 OK\nA: b\n\n", &[], "200 OK");
    healthy("HTTP/1.1 204 No Content\r\n\r\n", &[], "204 No Content");
    unhealthy("HTTP/1.1 101 Switching Protocols\r\n\r\n", &[], "101 Switching Protocols, expected 200-399");
}

#[test]
fn interim_answers_are_skipped() {
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
fn chunks_and_trailers() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    healthy(chunked, &["--matches", "^hello world$"], "200 OK");
    unhealthy(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n",
        &["--contains", "world"],
        "200 OK, but invalid chunked encoding in the response body",
    );
}

#[test]
fn a_body_that_breaks_off_is_no_body() {
    unhealthy(
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        &["--matches", "half"],
        "200 OK, but the server closed the connection reading the body",
    );
    // What is known already stays known.
    healthy("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", &["--contains", "half"], "200 OK");
}

#[test]
fn head_has_no_body() {
    let server = Server::new(answer("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"));
    porthole(["http", &server.url("/"), "-X", "HEAD"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    assert!(server.asked()[0].starts_with("HEAD / HTTP/1.1\r\n"));
    porthole(["http", ":1", "-X", "HEAD", "--contains", "x"])
        .refused("http: --method: the response to HEAD has no body for --contains, --matches or --field");
}

#[test]
fn what_is_sent_can_be_chosen() {
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
    let asked = server.asked().remove(0);
    assert!(asked.starts_with("POST / HTTP/1.1\r\n"), "{asked}");
    for field in [
        "Content-Type: application/json",
        "X-A: 1",
        "X-A: 2",
        "Host: app.example",
        "User-Agent: me",
        "Content-Length: 11",
    ] {
        assert_eq!(asked.matches(&format!("\r\n{field}\r\n")).count(), 1, "{field}: {asked}");
    }
    for name in ["Host:", "User-Agent:", "Content-Type:"] {
        assert_eq!(asked.matches(&format!("\r\n{name}")).count(), 1, "{asked}");
    }
}

#[test]
fn data_is_a_form_unless_said_otherwise_and_the_method_can_be_any() {
    let server = Server::new(vec![Step::Until(b"a=b"), send(OK)]);
    porthole(["http", &server.url("/"), "--data", "a=b", "-X", "PURGE"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
    let asked = server.asked().remove(0);
    assert!(asked.starts_with("PURGE / HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("Content-Type: application/x-www-form-urlencoded\r\n"), "{asked}");
}

#[test]
fn a_method_that_has_a_body_says_that_it_is_empty() {
    for (method, length) in [("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 0), ("GET", 0)] {
        let server = Server::new(answer(OK));
        porthole(["http", &server.url("/"), "-X", method])
            .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
        let asked = server.asked().remove(0);
        assert_eq!(asked.matches("\r\nContent-Length: 0\r\n").count(), length, "{asked}");
        assert!(!asked.contains("Transfer-Encoding") && !asked.contains("Content-Type"), "{asked}");
        assert!(asked.ends_with("\r\n\r\n"), "{asked}");
    }
}

#[test]
fn names_go_out_as_they_were_typed() {
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
fn basic_authentication_from_the_option_or_the_url() {
    let server = Server::new(answer(OK));
    let place = server.address();
    porthole(["http", &server.url("/"), "--user", "me:secret"]).run().is(
        0,
        &format!("healthy: http http://{place}/: 200 OK in <T>"),
        "",
    );
    porthole(["http", &format!("http://me:sec%72et@{place}/")]).run().is(
        0,
        &format!("healthy: http http://{place}/: 200 OK in <T>"),
        "",
    );
    for asked in server.asked() {
        assert!(asked.contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"), "{asked}");
    }
}

#[test]
fn a_server_that_answers_before_it_reads_is_heard() {
    let server = Server::new(vec![send(response("413 Payload Too Large", "")), Step::Hold]);
    let body = "x".repeat(200_000);
    porthole([String::from("http"), server.url("/"), "-d".into(), body[..100_000].into()])
        .unhealthy(&format!("unhealthy: http {}: 413 Payload Too Large, expected 200-399", server.url("/")));
}

#[test]
fn an_answer_that_came_before_the_request_could_be_sent_counts() {
    let text = response("503 Service Unavailable", "busy");
    let server = Server::unix(vec![send(text)]);
    let path = server.socket().to_str().unwrap();
    // More than the socket takes before the server is gone.
    let body = "x".repeat(100_000);
    let mut arguments = vec!["http", "http://app/", "--unix", path, "-d", &body];
    let fields: Vec<String> = (0..4).map(|n| format!("X-{n}: {body}")).collect();
    arguments.extend(fields.iter().flat_map(|field| ["-H", field]));
    porthole(arguments).unhealthy(&format!(
        "unhealthy: http http://app/ via {path}: 503 Service Unavailable, expected 200-399; body: busy"
    ));
}

#[test]
fn phases_are_told_of_failures_too() {
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

#[test]
fn assertions_on_text() {
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
fn an_expression_is_matched_by_line() {
    // As curl … | grep -qE does.
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
        // grep sees the carriage return as well: the verdict has to show it.
        ("ok\r\n", "^ok$", "ok\\r\\n"),
        (" ok \n", "^ok$", "\\x20ok \\n"),
        (" ok ", "^ok$", "\\x20ok\\x20"),
    ] {
        let reason = format!("200 OK, expected the body to match \"{expression}\"; body: {shown}");
        unhealthy(response("200 OK", body), &["--matches", expression], &reason);
    }
    // What acts on a terminal is escaped, and so is a backslash.
    for (expression, shown) in [(r"\Ax\z", r"\\Ax\\z"), (r"\d\.", r"\\d\\."), ("\\.\u{1b}\t$", r"\\.\x1b\t$")]
    {
        let reason = format!("200 OK, expected the body to match \"{shown}\"; body: a");
        unhealthy(response("200 OK", "a"), &["--matches", expression], &reason);
    }
    // Of a body that is cut, the end of a line is known where the next one has begun.
    let long = response("200 OK", "ok\nx ok");
    healthy(&long, &["--matches", "^ok$", "--max-body", "3"], "200 OK");
    unhealthy(
        &long,
        &["--matches", "^ok$", "--max-body", "2"],
        "200 OK, expected the body to match \"^ok$\" within the first 2 bytes (--max-body); body: ok",
    );
}

#[test]
fn an_unexpected_redirect_shows_where_it_leads() {
    for (location, shown) in [
        ("/login", " to {place}/login"),
        ("../a", " to {place}/a"),
        // What changes from one answer to the next is in the query.
        ("/login?state=4711#x", " to {place}/login?…"),
        ("https://me:hunter2@other.example/x", " to https://other.example/x"),
        ("mailto:x@y", ""),
        ("app://\x1b[2J/x", " to app://\\x1b[2J/x"),
    ] {
        let server = Server::new(answer(format!(
            "HTTP/1.1 302 Found\r\nLocation:\r\n {location}\r\nContent-Length: 0\r\n\r\n"
        )));
        let (url, place) = (server.url("/b/c"), server.url(""));
        let shown = shown.replace("{place}", &place);
        for options in [&["-s", "200"][..], &["--status", "200-299"]] {
            let expected = options[1];
            porthole([&["http", &url], options].concat())
                .unhealthy(&format!("unhealthy: http {url}: 302 Found{shown}, expected {expected}"));
        }
        porthole(["http", &url]).healthy(&format!("healthy: http {url}: 302 Found in <T>"));
    }
    // Bytes that are no character.
    let head = b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9\r\nContent-Length: 0\r\n\r\n";
    let server = Server::new(vec![Step::Request, send(head)]);
    let url = server.url("/");
    porthole(["http", &url, "-s", "200"])
        .unhealthy(&format!("unhealthy: http {url}: 302 Found to /caf\\xe9, expected 200"));
    porthole(["http", &url, "--follow", "1"]).unhealthy(&format!(
        "unhealthy: http {url}: 302 Found with an invalid Location, expected a URL with '\\xe9' written as %E9"
    ));
    // However long it is, what was expected is said.
    let long = format!("/{}", "x".repeat(600));
    let server =
        Server::new(answer(format!("HTTP/1.1 301 Moved\r\nLocation: {long}\r\nContent-Length: 0\r\n\r\n")));
    let ran = porthole(["http", &server.url("/"), "-s", "200"]).run();
    assert!(ran.stdout.ends_with("…, expected 200\n"), "{}", ran.story());
}

#[test]
fn assertions_on_json() {
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
fn a_compressed_body_is_not_quoted_nor_looked_into() {
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
fn no_more_of_the_body_is_read_than_allowed() {
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
    // Of two texts the one that is there is not missed, though little of the body is kept.
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
fn a_redirect_is_an_answer_unless_it_is_followed() {
    let redirect =
        |to: &str| answer(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"));
    let server = Server::scripts(vec![redirect("/login")]);
    porthole(["http", &server.url("/")])
        .healthy(&format!("healthy: http {}: 302 Found in <T>", server.url("/")));

    let server = Server::scripts(vec![redirect("a?b"), redirect("../c"), answer(OK)]);
    porthole(["http", &server.url("/x/y"), "--follow", "2"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/x/y")));
    let lines: Vec<String> =
        server.asked().iter().map(|asked| asked.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["GET /x/y HTTP/1.1", "GET /x/a?b HTTP/1.1", "GET /c HTTP/1.1"]);

    let server = Server::scripts(vec![redirect("/loop")]);
    porthole(["http", &server.url("/"), "--follow", "3"]).unhealthy(&format!(
        "unhealthy: http {}: redirected to {}: 302 Found after 3 redirects, expected at most 3 (--follow)",
        server.url("/"),
        server.url("/loop")
    ));
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn redirects_change_post_to_get_as_browsers_do() {
    let redirect = |status: &str| {
        vec![
            Step::Until(b"a=b"),
            send(format!("HTTP/1.1 {status}\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n")),
        ]
    };
    for (status, line) in [
        ("302 Found", "GET /next HTTP/1.1"),
        ("303 See Other", "GET /next HTTP/1.1"),
        ("307 Temporary Redirect", "POST /next HTTP/1.1"),
    ] {
        let server = Server::scripts(vec![redirect(status), answer(OK)]);
        porthole(["http", &server.url("/"), "-d", "a=b", "--follow", "1"])
            .healthy(&format!("healthy: http {}: 200 OK in <T>", server.url("/")));
        assert_eq!(server.asked()[1].lines().next().unwrap(), line, "{status}");
    }
}

#[test]
fn credentials_stay_with_host_port_and_scheme() {
    let other = Server::new(answer(OK));
    let first = Server::scripts(vec![
        answer("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"),
        answer(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
            other.port()
        )),
    ]);
    let secret = ["Authorization: Bearer t", "Cookie: s=1"];
    let options = ["--follow", "2", "-H", "Authorization: Bearer t", "-H", "Cookie: s=1", "-H", "X-A: b"];
    porthole([&["http", &first.url("/")], &options[..]].concat())
        .healthy(&format!("healthy: http {}: 200 OK in <T>", first.url("/")));
    for asked in first.asked() {
        assert!(secret.iter().all(|field| asked.contains(field)), "{asked}");
    }
    let asked = other.asked().remove(0);
    assert!(!secret.iter().any(|field| asked.contains(field)) && asked.contains("X-A: b"), "{asked}");
    drop(first);

    let first = Server::new(answer(format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        other.port()
    )));
    let url = format!("http://me:word@{}/", first.address());
    porthole(["http", &url, "--follow", "1"])
        .healthy(&format!("healthy: http {}: 200 OK in <T>", first.url("/")));
    assert!(
        first.asked()[0].contains("Authorization: Basic ") && !other.asked()[1].contains("Authorization")
    );
}

#[test]
fn user_info_of_a_location_is_not_printed() {
    for location in ["http://me:hunter2@other.example/", "http://me:hunter2@other.example:0/"] {
        for options in [&["--json"][..], &["--json", "--follow", "1"]] {
            let server = Server::new(answer(format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            )));
            let ran = porthole([&["http", &server.url("/")], options].concat()).run();
            assert!(ran.stdout.contains("302 Found") && !ran.stdout.contains("hunter2"), "{}", ran.story());
        }
    }
}

#[test]
fn what_a_redirect_elsewhere_says_is_judged_too() {
    let text = "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 5\r\n\r\nmoved";
    let found = "302 Found, not followed to another host, http://other.example/";
    healthy(text, &["--follow", "1", "--contains", "moved"], found);
    unhealthy(
        text,
        &["--follow", "1", "--contains", "ready"],
        &format!("{found}, expected the body to contain \"ready\"; body: moved"),
    );
}

#[test]
fn odd_locations() {
    let redirect =
        |location: &str| answer(format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"));
    for (location, reason) in [
        (
            "Location: mailto:x@y\r\n",
            "302 Found with an invalid Location, expected an http:// or https:// URL",
        ),
        (
            "Location: http://127.0.0.1:0/\r\n",
            "302 Found with an invalid Location, expected a port from 1 to 65535",
        ),
    ] {
        let server = Server::new(redirect(location));
        porthole(["http", &server.url("/"), "--follow", "1"])
            .unhealthy(&format!("unhealthy: http {}: {reason}", server.url("/")));
    }
    let server = Server::new(redirect(""));
    porthole(["http", &server.url("/"), "--follow", "1"])
        .healthy(&format!("healthy: http {}: 302 Found in <T>", server.url("/")));
}

#[test]
fn connecting_elsewhere_keeps_the_host_header() {
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

#[test]
fn what_a_server_says_is_harmless() {
    unhealthy(
        response("500 Internal Server Error", "\x1b[2J\u{202e}evil\u{9b}\r\n\\ \x07"),
        &[],
        "500 Internal Server Error, expected 200-399; body: \\x1b[2J\\u{202e}evil\\u{9b}\\r\\n\\\\ \\x07",
    );
}
