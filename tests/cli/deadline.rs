//! Servers that misbehave: the deadline holds against each, memory use stays small, and the verdict
//! names the fault.

use std::time::Duration;

use crate::support::command::{Ran, has_feature, porthole};
use crate::support::elsewhere::Elsewhere;
use crate::support::server::{Server, Step, answer, folder, response, send};

/// Long enough for a busy machine, and far less than these servers would take.
const TIME_LIMIT: Duration = Duration::from_secs(8);
/// The pause between two bytes of a server that sends them one by one.
const PACE: Duration = Duration::from_millis(200);

/// Runs one http check with a deadline of half a second.
fn check(script: Vec<Step>, options: &[&str]) -> (Server, Ran) {
    let server = Server::new(script);
    let url = server.url("/");
    let ran = porthole([&["http", &url, "-t", "500ms"], options].concat()).run();
    (server, ran)
}

fn unhealthy(script: Vec<Step>, options: &[&str], reason: &str) {
    let (server, ran) = check(script, options);
    ran.is(1, &format!("unhealthy: http {}: {reason}", server.url("/")), "").within(TIME_LIMIT);
}

fn healthy(script: Vec<Step>, options: &[&str]) {
    let (server, ran) = check(script, options);
    ran.is(0, &format!("healthy: http {}: 200 OK in <T>", server.url("/")), "").within(TIME_LIMIT);
}

#[test]
fn a_server_that_stays_silent_times_out() {
    unhealthy(vec![Step::Hold], &[], "timed out after 500 ms waiting for the response head");
    unhealthy(vec![Step::Request, Step::Hold], &[], "timed out after 500 ms waiting for the response head");
}

#[test]
fn a_server_that_sends_byte_by_byte_times_out() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".to_vec();
    let (server, ran) = check(vec![Step::Request, Step::Drip(head, PACE)], &[]);
    let start = format!("unhealthy: http {}: timed out after 500 ms waiting for the ", server.url("/"));
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    ran.within(TIME_LIMIT);

    let body = b"x".repeat(100);
    let script =
        vec![Step::Request, send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), Step::Drip(body, PACE)];
    // The head is enough if nothing is asserted about the body.
    healthy(script.clone(), &[]);
    let (server, ran) = check(script, &["--contains", "y"]);
    let start =
        format!("unhealthy: http {}: 200 OK, but timed out after 500 ms reading the body\n", server.url("/"));
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn an_incomplete_head_is_reported() {
    let half = "HTTP/1.1 200 OK\r\nContent-";
    unhealthy(
        vec![Step::Request, send(half), Step::Hold],
        &[],
        "timed out after 500 ms waiting for the rest of the response head",
    );
    unhealthy(
        answer(half),
        &[],
        "the server closed the connection waiting for the rest of the response head",
    );
}

#[test]
fn a_connection_closed_without_a_reply_is_reported() {
    unhealthy(
        vec![Step::Request],
        &[],
        "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)",
    );
    unhealthy(
        vec![Step::Request, Step::Reset],
        &[],
        "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)",
    );
}

#[test]
fn a_response_that_is_not_http_is_quoted() {
    for (text, shown) in [
        ("ok\n", "ok\\n"),
        ("ICY 200 OK\r\n\r\n", "ICY 200 OK\\r\\n\\r\\n"),
        ("HTTP/1 200 OK\r\n\r\n", "HTTP/1 200 OK\\r\\n\\r\\n"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 2000 OK\\r\\n\\r\\n"),
        ("HTTP/1.1 099 No\r\n\r\n", "HTTP/1.1 099 No\\r\\n\\r\\n"),
    ] {
        unhealthy(answer(text), &[], &format!("the response is not HTTP; received: {shown}"));
    }
    unhealthy(
        answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        &[],
        "invalid Content-Length in the response; received: Content-Length: 1\\r\\nContent-Length: 2",
    );
}

#[test]
fn an_endless_body_is_read_only_up_to_the_limit() {
    let flood = || vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(vec![b'x'; 65_536])];
    healthy(flood(), &[]);
    healthy(flood(), &["--contains", "xxx"]);
    let (_server, ran) = check(flood(), &["--contains", "y"]);
    assert!(ran.stdout.contains("within the first 64 KiB (--max-body)"), "{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn only_a_body_without_a_length_needs_the_end_of_the_connection() {
    healthy(vec![Step::Request, send(response("200 OK", "ok")), Step::Hold], &["--matches", "^ok$"]);
    // Without a length, the body ends when the connection does, and here it never does.
    unhealthy(
        vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\nok"), Step::Hold],
        &["--matches", "^ok$"],
        "200 OK, but timed out after 500 ms reading the body",
    );
}

#[test]
fn the_deadline_bounds_the_matching_of_an_expression() {
    let (server, ran) = check(
        answer(response("200 OK", &"x".repeat(60_000))),
        &["--matches", "^x", "--matches", "(x{50}){30}y"],
    );
    // The engine of the full build may be done in time.
    let start = format!("unhealthy: http {}: 200 OK, ", server.url("/"));
    let ends = ["but timed out after 500 ms matching --matches; body: xxxx", "expected the body to match "];
    let reason = ran.stdout.strip_prefix(&start).unwrap_or_else(|| panic!("{}", ran.story()));
    assert!(ends.iter().any(|end| reason.starts_with(end)) && ran.status == Some(1), "{}", ran.story());
    ran.within(TIME_LIMIT);
    let small = || answer(response("200 OK", "xxx"));
    unhealthy(
        small(),
        &["--matches", "^x", "--matches", "^y"],
        "200 OK, expected the body to match \"^y\"; body: xxx",
    );
    healthy(small(), &["--matches", "^x", "--matches", "x$"]);
}

#[test]
fn the_reported_time_ends_with_the_verdict() {
    let head = send("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nbody");
    let server = Server::new(vec![Step::Request, head, Step::Hold]);
    let ran = porthole(["http", &server.url("/"), "--json", "-t", "50s"]).run();
    let json = ran.json();
    assert_eq!(json["checks"][0]["facts"]["body"], "body");
    // After the verdict, the check waited 100 ms for the rest of the body.
    let took = ran.elapsed.as_secs_f64() * 1000.0;
    for reported in [&json["checks"][0]["elapsed_ms"], &json["elapsed_ms"]] {
        assert!(reported.as_f64().unwrap() + 90.0 < took, "{took} {json}");
    }
}

#[test]
fn endless_interim_responses_time_out() {
    let (server, ran) = check(
        vec![Step::Request, Step::Flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100))],
        &[],
    );
    let start = format!(
        "unhealthy: http {}: timed out after 500 ms waiting for the rest of the response head",
        server.url("/")
    );
    assert!(ran.stdout.starts_with(&start), "{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn a_head_that_is_too_large_is_reported() {
    let fields = format!("X-Filler: {}\r\n", "a".repeat(1000)).repeat(10_000);
    unhealthy(
        answer(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")),
        &[],
        "the response head is too large, expected at most 64 KiB",
    );
    healthy(answer(format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(10_000))), &[]);
}

#[test]
fn a_server_that_never_reads_the_request_times_out() {
    unhealthy(
        vec![Step::Until(b"GET"), Step::Hold],
        &[],
        "timed out after 500 ms waiting for the response head",
    );
    // A head of 12 MB exceeds the buffers of both sockets.
    let folder = folder();
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![b'x'; 60_000]).unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let mut arguments = vec!["http".to_owned(), url.clone(), "-t".to_owned(), "500ms".to_owned()];
    for number in 0..200 {
        arguments.extend(["-H".to_owned(), format!("X-{number}: ${{file:{}}}", filler.display())]);
    }
    porthole(arguments)
        .unhealthy(&format!("unhealthy: http {url}: timed out after 500 ms while the request was sent"))
        .within(TIME_LIMIT);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_endless_stream_without_the_expected_bytes_times_out() {
    let server = Server::new(vec![Step::Flood(vec![b'x'; 65_536])]);
    let address = server.address();
    let ran = porthole(["tcp", &address.to_string(), "--expect", "xy", "-t", "500ms"]).run();
    let start = format!("unhealthy: tcp {address}: timed out after 500 ms waiting for \"xy\"; received: xxx");
    assert!(ran.stdout.starts_with(&start), "{}", ran.story());
    ran.within(TIME_LIMIT);
}

#[test]
fn memory_stays_small_whatever_the_server_sends() {
    let fields = format!("X-Filler: {}\r\n", "a".repeat(1000)).repeat(10_000);
    let nested = format!("HTTP/1.1 200 OK\r\n\r\n{}", "[[],".repeat(16_000));
    for (script, options) in [
        (answer(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")), &["-q"][..]),
        (
            vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(vec![b'x'; 65_536])],
            &["--contains", "y"],
        ),
        (
            vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(vec![b'x'; 65_536])],
            &["--matches", "(x+x+)+y"],
        ),
        (answer(nested), &["--field", "/0/0=1"]),
        (
            vec![Step::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Step::Flood(vec![b'x'; 65_536])],
            &["--contains", "y", "--max-body", "1G"],
        ),
    ] {
        let server = Server::new(script);
        let url = server.url("/");
        let ran = porthole([&["http", &url, "-t", "3s"], options].concat()).in_little_memory().run();
        assert!(ran.stdout.starts_with("unhealthy: http ") && ran.status == Some(1), "{}", ran.story());
    }
}

/// A script that mounts an unresponsive file system three times: over /etc/hosts, and over a file
/// and a folder of its own. It also writes a file of certificates.
const UNRESPONSIVE_FILES: &str = r#"
    touch "$1/file"
    options=rootmode=100000,user_id=0,group_id=0,allow_other
    exec 3<>/dev/fuse 4<>/dev/fuse
    mount -i -t fuse -o fd=3,$options dead /etc/hosts
    mount -i -t fuse -o fd=4,$options dead "$1/file"
    mkdir "$1/dead-folder"
    exec 5>&-; exec 5<>/dev/fuse
    mount -i -t fuse -o fd=5,rootmode=40000,user_id=0,group_id=0,allow_other dead "$1/dead-folder"
    printf '%s\n' '-----BEGIN CERTIFICATE-----' 'MAA=' '-----END CERTIFICATE-----' >"$1/roots.pem""#;

#[test]
fn files_on_an_unresponsive_file_system_time_out() {
    let Some(elsewhere) = Elsewhere::mounted(UNRESPONSIVE_FILES) else { return };
    let pid = elsewhere.pid();
    let run = |words: &str| {
        let words = ["-t 500ms", words].join(" ");
        porthole(words.split(' '))
            .inside(&["/usr/bin/nsenter", "-t", &pid, "--mount"])
            .run()
            .within(TIME_LIMIT)
    };
    let server = Server::new(answer(response("200 OK", "ok")));
    let port = server.address().port();
    let file = elsewhere.path("file");
    let silent = "the file system does not answer within 500 ms";
    for host in ["localhost", "127.0.0.1"] {
        let target = format!("http://{host}:{port}/");
        run(&format!("http {target}")).is(0, &format!("healthy: http {target}: 200 OK in <T>"), "");
    }
    for name in ["app", "app.localhost"] {
        run(&format!("tcp {name}:{port}")).is(
            1,
            &format!("unhealthy: tcp {name}:{port}: could not resolve {name}: /etc/hosts: {silent}"),
            "",
        );
    }
    run(&format!("unix {file}")).is(
        1,
        &format!("unhealthy: unix {file}: timed out after 500 ms looking at the socket"),
        "",
    );
    let secret = format!("${{file:{file}}}");
    run(&format!("tcp :{port} --send {secret}")).is(
        1,
        "",
        &format!("porthole: tcp: --send: {secret}: {silent}"),
    );
    // PORTHOLE_TIMEOUT applies here too. If the timeout is invalid, the default applies until the
    // first error is reported.
    porthole(["tcp", ":1", "--send", &secret])
        .env("PORTHOLE_TIMEOUT", "100ms")
        .inside(&["/usr/bin/nsenter", "-t", &pid, "--mount"])
        .run()
        .is(
            1,
            "",
            &format!("porthole: tcp: --send: {secret}: the file system does not answer within 100 ms"),
        );
    if has_feature("tls") {
        for option in ["--ca-file", "--client-cert"] {
            run(&format!("http https://localhost:{port}/ {option} {file}")).is(
                1,
                "",
                &format!("porthole: http: {option}: {file}: {silent}"),
            );
        }
        porthole(["-t", "500ms", "tls", &format!(":{port}")])
            .env("SSL_CERT_FILE", &file)
            .inside(&["/usr/bin/nsenter", "-t", &pid, "--mount"])
            .unhealthy(&format!("unhealthy: tls localhost:{port}: SSL_CERT_FILE: {file}: {silent}"));
        // The file system may answer the next attempt.
        let json = porthole([
            "-t",
            "500ms",
            "--wait",
            "1200ms",
            "--every",
            "1ms",
            "--json",
            "tls",
            &format!(":{port}"),
        ])
        .env("SSL_CERT_FILE", &file)
        .inside(&["/usr/bin/nsenter", "-t", &pid, "--mount"])
        .json();
        assert!(json["attempts"].as_u64().unwrap() >= 2, "{json}");
        let folder = elsewhere.path("dead-folder");
        porthole(["-t", "500ms", "tls", &format!(":{port}")])
            .env("SSL_CERT_FILE", elsewhere.path("roots.pem"))
            .env("SSL_CERT_DIR", &folder)
            .inside(&["/usr/bin/nsenter", "-t", &pid, "--mount"])
            .unhealthy(&format!("unhealthy: tls localhost:{port}: SSL_CERT_DIR: {folder}: {silent}"));
    }
}
