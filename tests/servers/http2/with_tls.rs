//! HTTP/2 over TLS, chosen by ALPN.

use super::{assert_nginx, assert_node, http2, nginx_with_http2, node, unhealthy};
use crate::certificates::certificates;
use crate::daemon::installed;
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
