//! HTTP/2 over TLS, chosen by ALPN.

use super::{assert_nginx, assert_node, http2, nginx_with_http2, node, unhealthy};
use crate::certificates::certificates;
use crate::daemon::{Daemon, installed, open_folder};
use crate::https::{block, s_server, started};
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn nginx_by_alpn() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (port, upstream) = (closed_port(), closed_port());
    let more = format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;",
        set.pem("server"),
        set.key("server")
    );
    let mut daemon = nginx_with_http2(&program, port, upstream, "ssl http2", &more);
    let base = format!("https://127.0.0.1:{port}");
    assert_nginx(&mut daemon, &base, &["--ca-file", &set.pem("root")]);
    let facts =
        &http2(&format!("{base}/health"), &["-k", "--json", "--show", "head"]).json()["checks"][0]["facts"];
    assert!(facts["head"].as_str().unwrap().starts_with("HTTP/2 200\n") && facts["tls"] == "1.3", "{facts}");
    // HTTP/1 is there too.
    porthole(["http", &format!("{base}/health"), "-k"])
        .healthy(&format!("healthy: http {base}/health: 200 OK in <T>"));
    // The port speaks TLS: nginx answers plain text with a page of HTTP/1.
    unhealthy(&format!("http://127.0.0.1:{port}/"), &[], "the port speaks HTTP/1, not HTTP/2");
}

#[test]
fn node_by_alpn() {
    let Some(set) = certificates() else { return };
    let Some((mut daemon, port)) = node(&[&set.pem("server"), &set.key("server")]) else { return };
    assert_node(
        &mut daemon,
        &format!("https://localhost:{port}"),
        &["--ca-file", &set.pem("root"), "--connect", &format!("127.0.0.1:{port}")],
    );
}

#[test]
fn the_server_of_go_by_alpn() {
    let (Some(set), Some(program)) = (certificates(), installed("etcd")) else { return };
    let (folder, port, peers) = (open_folder(), closed_port(), closed_port());
    let (client, peer) = (format!("https://127.0.0.1:{port}"), format!("http://127.0.0.1:{peers}"));
    let cluster = format!("default={peer}");
    let (data, certificate, key) =
        (folder.join("data").display().to_string(), set.pem("server"), set.key("server"));
    let arguments = [
        ["--data-dir", &data],
        ["--listen-client-urls", &client],
        ["--advertise-client-urls", &client],
        ["--listen-peer-urls", &peer],
        ["--initial-advertise-peer-urls", &peer],
        ["--initial-cluster", &cluster],
        ["--cert-file", &certificate],
        ["--key-file", &key],
    ];
    let mut daemon = Daemon::start(folder, &program, arguments.concat(), |_| {});
    let trust = ["--ca-file", &set.pem("root")];
    let check =
        |path: &str, options: &[&str]| http2(&format!("{client}{path}"), &[&trust[..], options].concat());
    daemon
        .until("it has a leader", || check("/health", &["--field", "/health=true"]).run().status == Some(0));
    let healthy = |path: &str, options: &[&str]| {
        check(path, options).healthy(&format!("healthy: http {client}{path}: 200 OK in <T>"));
    };
    healthy("/health", &["--contains", "true", "--expect-header", "content-length: 17"]);
    // Compressed by nobody, and longer than a window.
    healthy("/metrics", &["--max-body", "1M", "--matches", "^etcd_server_has_leader 1$"]);
    // gRPC behind JSON.
    healthy("/v3/kv/range", &["-d", r#"{"key":"Zm9v"}"#, "--field", "/header/revision=1"]);
    check("/nope", &[]).unhealthy(&format!(
        "unhealthy: http {client}/nope: 404 Not Found, expected 200-399; body: 404 page not found"
    ));
    let log = daemon.log();
    assert!(!log.contains("http2: ") && !log.contains("connection reset"), "{log}");
}

#[test]
fn a_server_without_http2_is_reported() {
    let Some(set) = certificates() else { return };
    let missing = |how: &str| {
        format!("the server did not negotiate HTTP/2 by ALPN ({how}); HTTP/2 over TLS requires it")
    };
    if let Some(program) = installed("nginx") {
        let port = closed_port();
        let _daemon = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), ""));
        let reason = missing("it sent the TLS alert no_application_protocol");
        unhealthy(&format!("https://127.0.0.1:{port}/"), &["-k"], &reason);
    }
    // It has no ALPN at all.
    let Some((_daemon, port)) = s_server(set, "") else { return };
    unhealthy(&format!("https://127.0.0.1:{port}/"), &["-k"], &missing("it chose no protocol"));
}
