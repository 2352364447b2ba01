//! `http --http2` against nginx, haproxy, Node.js and Go's server, and against servers that only speak
//! HTTP/1.

mod with_tls;

use std::path::Path;
use std::time::Duration;

use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::proxy_protocol::haproxy;
use crate::support::command::{Porthole, porthole};
use crate::support::server::closed_port;

/// The size of a body that needs the flow-control window to be opened again and again, in bytes.
const LARGE: usize = 3 << 20;
/// `/health` of nginx, after a redirect from `/old`; a file that needs many windows; an error.
const LOCATIONS: &str = "default_type text/plain;\n\
     location = /health { return 200 '{\"status\": \"UP\"}'; }\n\
     location = /old { return 301 /health; }\n\
     location = /broken { return 503 'no backend'; }\n\
     location = /echo { client_max_body_size 1m; client_body_buffer_size 1m; proxy_pass http://127.0.0.1:UPSTREAM/; }\n";

/// Returns an HTTP/2 check with this URL and these options.
fn http2(url: &str, options: &[&str]) -> Porthole {
    let limit = if options.contains(&"-t") { &[][..] } else { &["-t", "20s"] };
    porthole([&["http", url, "--http2"], limit, options].concat())
}

/// Returns how the target is shown.
fn target(url: &str, options: &[&str]) -> String {
    match options.iter().position(|&option| option == "--connect") {
        Some(at) => format!("{url} via {}", options[at + 1]),
        None => url.to_owned(),
    }
}

#[track_caller]
fn healthy(url: &str, options: &[&str]) {
    http2(url, options).healthy(&format!("healthy: http {}: 200 OK in <T>", target(url, options)));
}

#[track_caller]
fn unhealthy(url: &str, options: &[&str], reason: &str) {
    http2(url, options).unhealthy(&format!("unhealthy: http {}: {reason}", target(url, options)));
}

/// Starts nginx with HTTP/2 on this port; `more` is for its `server` block. It logs requests and
/// how they ended to `access`, and clients that misbehave at level `info`.
fn nginx_with_http2(program: &Path, port: u16, upstream: u16, listen: &str, more: &str) -> Daemon {
    let folder = open_folder();
    std::fs::write(folder.join("large"), vec![b'x'; LARGE]).unwrap();
    let shown = folder.to_str().unwrap().to_owned();
    let locations = LOCATIONS.replace("UPSTREAM", &upstream.to_string());
    let servers = format!(
        "log_format brief '$server_protocol $request_method $request_uri $status $request_completion $http_host';\n\
         server {{ listen 127.0.0.1:{port} {listen}; access_log {shown}/access brief; error_log stderr info;\n\
         root {shown}; {more}\n{locations} }}\n\
         server {{ listen 127.0.0.1:{upstream}; location / {{ return 200 '$request_method $content_length'; }} }}"
    );
    let mut daemon = nginx(program, folder, &servers);
    daemon.until_listening(upstream);
    daemon.until_listening(port);
    daemon
}

/// Asserts what nginx answers over HTTP/2 at this URL, and that it has nothing to complain about.
fn assert_nginx(daemon: &mut Daemon, base: &str, options: &[&str]) {
    let url = |path: &str| format!("{base}{path}");
    let with = |more: &[&'static str]| [options, more].concat();
    healthy(&url("/health"), options);
    healthy(&url("/health"), &with(&["--contains", "UP", "--field", "/status=UP", "--not-contains", "DOWN"]));
    healthy(&url("/health"), &with(&["-X", "HEAD", "--expect-header", "Content-Type: text/plain"]));
    healthy(&url("/old"), &with(&["--follow", "1", "--field", "/status=UP"]));
    let ran = http2(&url("/old"), &with(&["-s", "200"])).run();
    let found = format!(": 301 Moved Permanently to {base}/health, expected 200; body: <html>");
    assert!(ran.status == Some(1) && ran.stdout.contains(&found), "{}", ran.story());
    unhealthy(&url("/broken"), options, "503 Service Unavailable, expected 200-399; body: no backend");
    healthy(&url("/echo"), &with(&["-d", "a=b", "--matches", "^POST 3$"]));
    healthy(&url("/echo"), &with(&["-X", "PUT", "-H", "Host: app.example", "--contains", "PUT"]));
    // As much as several windows hold, in both directions.
    healthy(&url("/large"), &with(&["--max-body", "4M", "--not-contains", "y"]));
    let folder = daemon.folder.display();
    std::fs::write(daemon.folder.join("body"), "x".repeat(60_000)).unwrap();
    let body = format!("${{file:{folder}/body}}").repeat(5);
    http2(
        &url("/echo"),
        &with(&["--contains", "POST 300000"]).into_iter().chain(["-d", &body]).collect::<Vec<_>>(),
    )
    .healthy(&format!("healthy: http {base}/echo: 200 OK in <T>"));
    let access = daemon.folder.join("access");
    let access = || std::fs::read_to_string(&access).unwrap_or_default();
    let ours = |line: &&str| line.starts_with("HTTP/2.0 ");
    daemon.until("it has logged all requests", || access().lines().filter(ours).count() >= 11);
    let (access, authority) = (access(), base.split_once("//").unwrap().1);
    let lines: Vec<&str> =
        access.lines().filter(ours).map(|line| line.strip_prefix("HTTP/2.0 ").unwrap()).collect();
    let expected = [
        "GET /health 200 OK",
        "GET /health 200 OK",
        "HEAD /health 200 OK",
        "GET /old 301 OK",
        "GET /health 200 OK",
        "GET /old 301 OK",
        "GET /broken 503 OK",
        "POST /echo 200 OK",
        "PUT /echo 200 OK",
        "GET /large 200 OK",
        "POST /echo 200 OK",
    ];
    let expected = expected.map(|line| {
        let host = if line.starts_with("PUT") { "app.example" } else { authority };
        format!("{line} {host}")
    });
    assert_eq!(lines, expected);
    let log = daemon.log();
    let words = ["reset", "prematurely", "client sent", "SSL_", "[error]", "[warn]", "invalid"];
    assert_eq!(words.iter().find(|&word| log.contains(word)), None, "{log}");
}

#[test]
fn nginx_with_prior_knowledge() {
    let Some(program) = installed("nginx") else { return };
    let (port, upstream) = (closed_port(), closed_port());
    let mut daemon = nginx_with_http2(&program, port, upstream, "http2", "");
    let base = format!("http://127.0.0.1:{port}");
    assert_nginx(&mut daemon, &base, &[]);
    // HTTP/1, which this port does not speak.
    porthole(["http", &base])
        .unhealthy(&format!("unhealthy: http {base}/: the port speaks HTTP/2 only (--http2)"));
}

#[test]
fn over_a_unix_socket_or_elsewhere_the_authority_is_that_of_the_url() {
    let Some(program) = installed("nginx") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let socket = folder.join("nginx.sock");
    let shown = socket.display().to_string();
    let servers = format!(
        "server {{ listen 127.0.0.1:{port} http2; listen unix:{shown} http2;\n\
         location / {{ return 200 '$scheme://$http_host$request_uri'; }} }}"
    );
    let mut daemon = nginx(&program, folder, &servers);
    daemon.until_listening(port);
    for (option, place) in [("--unix", shown), ("--connect", format!("127.0.0.1:{port}"))] {
        http2("http://app.example/a?b=c", &[option, &place, "--matches", "^http://app\\.example/a\\?b=c$"])
            .healthy(&format!("healthy: http http://app.example/a?b=c via {place}: 200 OK in <T>"));
    }
}

/// Starts tests/servers/http2_server.js. Returns it and its port.
fn node(more: &[&str]) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("node")?, closed_port());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/http2_server.js");
    let port_text = port.to_string();
    let arguments = [&[script.to_str().unwrap(), &port_text], more].concat();
    let mut daemon = Daemon::start(open_folder(), &program, arguments, |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

/// Waits until Node.js has seen this many sessions end, and returns how.
fn sessions(daemon: &mut Daemon, number: usize) -> Vec<String> {
    let log = daemon.folder.join("node.log");
    let log = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it has seen all sessions end", || log().lines().count() >= number);
    log().lines().map(str::to_owned).collect()
}

/// Asserts what Node.js answers over HTTP/2 at this URL, and how it sees the sessions end.
fn assert_node(daemon: &mut Daemon, base: &str, options: &[&str]) {
    let url = |path: &str| format!("{base}{path}");
    let with = |more: &[&'static str]| [options, more].concat();
    healthy(
        &url("/health"),
        &with(&["--field", "/status=UP", "--expect-header", "content-type: application/json"]),
    );
    healthy(&url("/health"), &with(&["-X", "HEAD"]));
    healthy(&url("/old"), &with(&["--follow", "1", "--field", "/status=UP"]));
    unhealthy(
        &url("/broken"),
        options,
        "503 Service Unavailable, expected 200-399; body: no \\x1b[31mbackend",
    );
    healthy(&url("/large"), &with(&["--max-body", "4M", "--not-contains", "y"]));
    healthy(&url("/early"), &with(&["--matches", "^done$"]));
    healthy(&url("/leaving"), &with(&["--contains", "bye"]));
    for field in [
        "/body=a=b",
        "/headers/:method=POST",
        "/headers/content-length=3",
        "/headers/x-a=B c",
        "/headers/:path=/echo?q",
    ] {
        let more = ["-d", "a=b", "-H", "X-A: B c", "--user", "me:word", "--field", field];
        healthy(&url("/echo?q"), &[options, &more].concat());
    }
    // None of what a server with HTTP/2 must reject.
    for field in ["/headers/connection", "/headers/host"] {
        let ran = http2(&url("/echo"), &[options, &["--field", field]].concat()).run();
        assert!(ran.stdout.contains(&format!("expected {field} in the JSON body")), "{}", ran.story());
    }
    // With a redirect, two sessions.
    // A server that is leaving may be gone before our GOAWAY.
    let mut ends = sessions(daemon, 15);
    ends.retain(|end| end != "goaway 0");
    assert!(ends.iter().all(|end| end == "closed") && ends.len() <= 1, "{ends:?}");
}

#[test]
fn node_with_prior_knowledge() {
    let Some((mut daemon, port)) = node(&[]) else { return };
    assert_node(&mut daemon, &format!("http://127.0.0.1:{port}"), &[]);
}

#[test]
fn a_response_that_node_breaks_off() {
    let Some((mut daemon, port)) = node(&[]) else { return };
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    unhealthy(
        &url("/calm"),
        &[],
        "the server ended the connection with GOAWAY ENHANCE_YOUR_CALM; debug: slow down",
    );
    unhealthy(&url("/reset"), &[], "the server reset the stream with INTERNAL_ERROR");
    // The head decides if nothing is asserted about the body.
    healthy(&url("/half"), &[]);
    let half = http2(&url("/half"), &["--contains", "whole"]).run();
    assert!(half.status == Some(1) && half.stdout.contains(": 200 OK, but "), "{}", half.story());
    http2(&url("/never"), &["-t", "500ms"])
        .unhealthy(&format!(
            "unhealthy: http {}: timed out after 500 ms waiting for the response head",
            url("/never")
        ))
        .within(Duration::from_secs(8));
    // The request that is not needed any more is cancelled.
    let ends = sessions(&mut daemon, 5);
    assert!(ends[4].contains("aborted") && ends[4].contains("goaway 0"), "{ends:?}");
    assert!(ends.iter().all(|end| !end.contains("error")), "{ends:?}");
}

#[test]
fn a_server_of_http_1_is_named() {
    let name = "the port speaks HTTP/1, not HTTP/2";
    if let Some(program) = installed("nginx") {
        let port = closed_port();
        let mut daemon = nginx(&program, open_folder(), &format!("server {{ listen 127.0.0.1:{port}; }}"));
        daemon.until_listening(port);
        unhealthy(&format!("http://127.0.0.1:{port}/"), &[], name);
    }
    if let Some(program) = installed("node") {
        let port = closed_port();
        let script =
            format!("require('http').createServer((_, answer) => answer.end()).listen({port}, '127.0.0.1')");
        let mut daemon = Daemon::start(open_folder(), &program, ["-e", &script], |_| {});
        daemon.until_listening(port);
        unhealthy(&format!("http://127.0.0.1:{port}/"), &[], name);
    }
    // It answers with HTTP/0.9: a page without a head.
    if let Some(program) = installed("python3") {
        let port = closed_port();
        let text = port.to_string();
        let arguments = ["-u", "-m", "http.server", &text, "--bind", "127.0.0.1"];
        let mut daemon = Daemon::start(open_folder(), &program, arguments, |_| {});
        daemon.until_listening(port);
        unhealthy(&format!("http://127.0.0.1:{port}/"), &[], name);
    }
}

#[test]
fn haproxy_with_prior_knowledge() {
    let Some(program) = installed("nginx") else { return };
    let (port, upstream) = (closed_port(), closed_port());
    let folder = open_folder();
    std::fs::write(folder.join("large"), vec![b'x'; LARGE]).unwrap();
    let root = folder.display().to_string();
    let mut nginx =
        nginx(&program, folder, &format!("server {{ listen 127.0.0.1:{upstream}; root {root}; }}"));
    nginx.until_listening(upstream);
    let configuration = format!(
        "frontend f\n bind 127.0.0.1:{port}\n\
         http-request return status 302 hdr location /ready if {{ path /old }}\n\
         http-request return status 503 content-type text/plain string \"no backend\" if {{ path /broken }}\n\
         http-request return status 200 content-type text/plain lf-string \"%HM %HV %[req.body]\" if {{ path /ready }}\n\
         default_backend b\nbackend b\n server s 127.0.0.1:{upstream}\n"
    );
    let Some(mut daemon) = haproxy(port, &configuration) else { return };
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    healthy(&url("/ready"), &["--matches", "^GET HTTP/2.0"]);
    healthy(&url("/ready"), &["-X", "HEAD", "--expect-header", "content-type: text/plain"]);
    healthy(&url("/ready"), &["-d", "a=b", "--contains", "POST HTTP/2.0"]);
    healthy(&url("/old"), &["--follow", "1", "-s", "200"]);
    unhealthy(&url("/broken"), &[], "503 Service Unavailable, expected 200-399; body: no backend");
    healthy(&url("/large"), &["--max-body", "4M", "--not-contains", "y"]);
    // Every session is complete: haproxy answered itself (LR), or passed all of the answer on.
    let log = daemon.folder.join("haproxy.log");
    let sessions = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines().filter(|line| line.contains("HTTP/2.0\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    daemon.until("it has logged all sessions", || sessions().len() >= 7);
    for session in sessions() {
        assert!(session.contains(" LR-- ") || session.contains(" ---- "), "{session}");
    }
}
