//! Verdicts and facts are the same as for http.

use serde_json::json;

use super::super::{block, check, facts, healthy, started, unhealthy};
use crate::certificates::certificates;
use crate::daemon::installed;
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn verdicts_and_facts_are_the_same_as_for_http() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let port = closed_port();
    let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), ""));
    let url = |path: &str| format!("https://localhost:{port}{path}");
    healthy(set, &url("/healthz"), &[]);
    healthy(set, &url("/old"), &["--follow", "1", "--status", "200"]);
    unhealthy(set, &url("/broken"), &[], "503 Service Unavailable, expected 200-399; body: no backend");
    let json = check(set, &url("/"), &["--json", "-v"]).json();
    let (not_before, not_after) = set.validity();
    let names = ["localhost", "app.example", "*.app.example", "127.0.0.1", "::1"];
    assert_eq!(
        *facts(&json),
        json!({"status": 200, "address": format!("127.0.0.1:{port}"), "tls": "1.3",
               "certificate": {"subject": "CN=app, O=Acme", "issuer": "CN=Test Root", "names": names,
                               "not_before": not_before, "not_after": not_after}})
    );
    let phases: Vec<&str> = json["checks"][0]["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase["phase"].as_str().unwrap())
        .collect();
    assert_eq!(phases, ["resolve", "connect", "tls", "request", "head"]);
    // Two checks at once: the second one runs in a thread with a small stack.
    let (first, second) = (url("/"), url("/healthz"));
    let root = set.pem("root");
    porthole(["http", &first, "--ca-file", &root, "and", "http", &second, "--ca-file", &root])
        .healthy(&format!("healthy: http {first}: 200 OK in <T>\nhealthy: http {second}: 200 OK in <T>"));
}

#[test]
fn redirects_between_http_and_https() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (plain, secure) = (closed_port(), closed_port());
    let back = format!("location = /back {{ return 302 http://127.0.0.1:{plain}/end; }}");
    let servers = format!(
        "server {{ listen 127.0.0.1:{plain}; location = / {{ return 301 https://127.0.0.1:{secure}/; }}\n\
         location = /end {{ return 200 'the end'; }} }}\n"
    ) + &block(secure, &set.pem("server"), &set.key("server"), &back);
    let mut nginx = started(&program, plain, &servers);
    nginx.until_listening(secure);
    let url = format!("http://127.0.0.1:{plain}/");
    check(set, &url, &["--follow", "1", "--contains", "all well"])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    porthole(["http", &url, "--follow", "1", "--ca-file", &set.pem("other-root")]).unhealthy(&format!(
        "unhealthy: http {url}: redirected to https://127.0.0.1:{secure}/: the certificate is issued by \
         an unknown CA: CN=Test Root (--ca-file with the CA's certificate, or --insecure; or the server does not send its \
         intermediate certificate)"
    ));
    let json = check(set, &url, &["--follow", "1", "--json"]).json();
    assert_eq!(facts(&json)["url"], format!("https://127.0.0.1:{secure}/"));
    assert_eq!(facts(&json)["tls"], "1.3");
    let url = format!("https://127.0.0.1:{secure}/back");
    healthy(set, &url, &["--follow", "1", "--contains", "the end"]);
    // With an http URL the option has no effect.
    let url = format!("http://127.0.0.1:{plain}/");
    porthole(["http", &url, "--ca-file", &set.pem("root")])
        .healthy(&format!("healthy: http {url}: 301 Moved Permanently in <T>"));
    let ran = porthole(["http", &url, "--status", "200"]).run();
    let moved = format!("301 Moved Permanently to https://127.0.0.1:{secure}/, expected 200; body: <html>");
    assert!(ran.stdout.starts_with(&format!("unhealthy: http {url}: {moved}")), "{}", ran.story());
}
