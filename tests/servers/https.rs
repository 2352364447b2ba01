//! https against nginx, haproxy, `openssl s_server`, and a server of Python's that sends records as it is told.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificates::{Certificates, VALID, certificates};
use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::{Porthole, has_feature, porthole};
use crate::support::server::{Server, Step, closed_port};

/// Far below what a server that is slow on purpose would take.
const SOON: Duration = Duration::from_secs(8);
pub const WANTED: &str = "the server requires a client certificate (--client-cert, --client-key)";

/// The certificates, where this is a build with TLS.
pub fn with_tls() -> Option<&'static Certificates> {
    if has_feature("tls") { certificates() } else { None }
}

/// A `server` block of nginx that speaks TLS with this certificate and key.
pub fn block(port: u16, certificate: &str, key: &str, more: &str) -> String {
    // Debian's nginx has no TLS 1.3 unless it is told.
    let protocols = if more.contains("ssl_protocols") { "" } else { "ssl_protocols TLSv1.2 TLSv1.3;" };
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n{protocols} {more}\n\
         location / {{ return 200 'all well'; }}\n\
         location = /broken {{ return 503 'no backend'; }}\n\
         location = /old {{ return 301 /healthz; }} }}\n"
    )
}

/// nginx that listens on this port.
pub fn started(program: &Path, port: u16, servers: &str) -> Daemon {
    let mut daemon = nginx(program, open_folder(), servers);
    daemon.until_listening(port);
    daemon
}

/// An https check that trusts the root of the tests.
fn check(certificates: &Certificates, url: &str, options: &[&str]) -> Porthole {
    porthole([&["http", url, "--ca-file", &certificates.pem("root")], options].concat())
}

#[track_caller]
fn healthy(certificates: &Certificates, url: &str, options: &[&str]) {
    check(certificates, url, options).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
}

#[track_caller]
fn unhealthy(certificates: &Certificates, url: &str, options: &[&str], reason: &str) {
    check(certificates, url, options).unhealthy(&format!("unhealthy: http {url}: {reason}"));
}

fn facts(json: &Value) -> &Value {
    &json["checks"][0]["facts"]
}

#[test]
fn each_version_and_kind_of_key() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    for (protocol, version) in [("TLSv1.2", "1.2"), ("TLSv1.3", "1.3")] {
        for kind in ["server", "rsa", "ed25519"] {
            let port = closed_port();
            let more = format!("ssl_protocols {protocol};");
            let _nginx = started(&program, port, &block(port, &set.pem(kind), &set.key(kind), &more));
            let url = format!("https://127.0.0.1:{port}/");
            healthy(set, &url, &[]);
            healthy(set, &url, &["--contains", "all well"]);
            assert_eq!(facts(&check(set, &url, &["--json"]).json())["tls"], version, "{kind}");
        }
    }
}

#[test]
fn verdicts_and_facts_are_those_of_http() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
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
    // Two of them at once: the other one has a thread, with a small stack.
    let (first, second) = (url("/"), url("/healthz"));
    let root = set.pem("root");
    porthole(["http", &first, "--ca-file", &root, "and", "http", &second, "--ca-file", &root])
        .healthy(&format!("healthy: http {first}: 200 OK in <T>\nhealthy: http {second}: 200 OK in <T>"));
}

#[test]
fn whom_to_trust() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let port = closed_port();
    let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), ""));
    let url = format!("https://127.0.0.1:{port}/");
    let line = format!("healthy: http {url}: 200 OK in <T>");
    let unknown = format!(
        "unhealthy: http {url}: the certificate is issued by an unknown CA: CN=Test Root (--ca-file with the CA's \
         certificate, or --insecure; or the server does not send its intermediate certificate)"
    );
    porthole(["http", &url, "-k"]).healthy(&line);
    porthole(["http", &url]).env("SSL_CERT_FILE", set.pem("root")).healthy(&line);
    porthole(["http", &url, "--ca-file", &set.pem("other-root")]).unhealthy(&unknown);
    porthole(["http", &url]).env("SSL_CERT_FILE", set.pem("other-root")).unhealthy(&unknown);
    // --ca-file alone counts where it is given.
    porthole(["http", &url, "--ca-file", &set.pem("other-root")])
        .env("SSL_CERT_FILE", set.pem("root"))
        .unhealthy(&unknown);
    // A certificate that is trusted itself.
    porthole(["http", &url, "--ca-file", &set.pem("server")]).healthy(&line);

    let folder = open_folder();
    let (empty, roots) = (folder.join("empty"), folder.join("roots"));
    for folder in [&empty, &roots] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::copy(set.pem("root"), roots.join("one.pem")).unwrap();
    std::fs::copy(set.pem("other-root"), roots.join("another.pem")).unwrap();
    std::fs::write(roots.join("README"), "no certificate").unwrap();
    assert!(std::process::Command::new("mkfifo").arg(roots.join("fifo")).status().unwrap().success());
    let folders = format!("/none:{}:{}", empty.display(), roots.display());
    porthole(["http", &url]).env("SSL_CERT_DIR", &folders).healthy(&line);
    porthole(["http", &url])
        .env("SSL_CERT_DIR", &folders)
        .env("SSL_CERT_FILE", set.pem("other-root"))
        .healthy(&line);
    let advice = "(--ca-file PATH or SSL_CERT_FILE provides them, --insecure skips verification)";
    porthole(["http", &url]).env("SSL_CERT_DIR", &empty).run().is(
        1,
        "",
        &format!(
            "porthole: http {url}: no root certificates where SSL_CERT_FILE and SSL_CERT_DIR point {advice}"
        ),
    );
    // A folder that is not there, or may not be read, is not one without certificates.
    porthole(["http", &url]).env("SSL_CERT_DIR", "/none").run().is(
        1,
        "",
        &format!("porthole: http {url}: SSL_CERT_DIR: /none: no such file or directory {advice}"),
    );
    porthole(["http", &url, "--ca-file", "${CA}"]).env("CA", set.pem("root")).healthy(&line);
    porthole(["http", &url]).env("SSL_CERT_FILE", "/none").run().is(
        1,
        "",
        &format!("porthole: http {url}: SSL_CERT_FILE: /none: no such file or directory {advice}"),
    );
    // What webpki cannot read is no root.
    porthole(["http", &url, "--ca-file", &set.pem("nonsense")]).run().is(
        1,
        "",
        &format!("porthole: http {url}: none of the root certificates can be used {advice}"),
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_chain_with_an_intermediate() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let (full, alone) = (closed_port(), closed_port());
    let servers = block(full, &set.pem("chained-full"), &set.key("server"), "")
        + &block(alone, &set.pem("chained"), &set.key("server"), "");
    let mut nginx = started(&program, full, &servers);
    nginx.until_listening(alone);
    healthy(set, &format!("https://127.0.0.1:{full}/"), &[]);
    let url = format!("https://127.0.0.1:{alone}/");
    unhealthy(
        set,
        &url,
        &[],
        "the certificate is issued by an unknown CA: CN=Test Intermediate (--ca-file with the CA's certificate, or \
         --insecure; or the server does not send its intermediate certificate)",
    );
    // Whoever trusts the intermediate needs no more.
    porthole(["http", &url, "--ca-file", &set.pem("intermediate")])
        .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
}

#[test]
fn client_certificates_with_nginx() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    for protocol in ["TLSv1.2", "TLSv1.3"] {
        let port = closed_port();
        let more = format!(
            "ssl_protocols {protocol}; ssl_verify_client on; ssl_client_certificate {};",
            set.pem("root")
        );
        let _nginx = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), &more));
        let url = format!("https://127.0.0.1:{port}/");
        let (client, key) = (set.pem("client"), set.key("server"));
        healthy(set, &url, &["--client-cert", &client, "--client-key", &key]);
        healthy(set, &url, &["--client-cert", &set.pem("both")]);
        // nginx finishes the handshake all the same, and says so in HTTP.
        let body = "body: <html>\\r\\n<head><title>400 No required SSL certificate was sent</title></head>\\r\\n<body>";
        let ran = check(set, &url, &[]).run();
        let start = format!("unhealthy: http {url}: 400 Bad Request, ");
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(body), "{}", ran.story());
        assert_eq!(facts(&check(set, &url, &["--json"]).json())["client_certificate_wanted"], true);
        let ran = check(set, &url, &["--client-cert", &set.pem("other-client"), "--client-key", &key]).run();
        let body = "<title>400 The SSL certificate error</title>";
        assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(body), "{}", ran.story());
        assert_eq!(ran.status, Some(1));
    }
}

/// haproxy that insists on a client certificate, in this version of TLS, and its port.
pub fn insisting(set: &Certificates, version: &str) -> Option<(Daemon, u16)> {
    let (program, folder, port) = (installed("haproxy")?, open_folder(), closed_port());
    // haproxy wants certificate and key in one file.
    let pem = folder.join("server.pem");
    let both = std::fs::read(set.pem("server")).unwrap();
    std::fs::write(&pem, [both, std::fs::read(set.key("server")).unwrap()].concat()).unwrap();
    let configuration = format!(
        "defaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 60s\n\
         frontend f\n bind 127.0.0.1:{port} ssl crt {} verify required ca-file {} ssl-min-ver {version} \
         ssl-max-ver {version}\n http-request return status 200 content-type text/plain string ready\n",
        pem.display(),
        set.pem("root")
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, configuration).unwrap();
    let mut haproxy = Daemon::start(folder, &program, ["-db", "-f", file.to_str().unwrap()], |_| {});
    haproxy.until_listening(port);
    Some((haproxy, port))
}

#[test]
fn client_certificates_with_haproxy() {
    let Some(set) = with_tls() else { return };
    for version in ["TLSv1.2", "TLSv1.3"] {
        let Some((_haproxy, port)) = insisting(set, version) else { return };
        let url = format!("https://127.0.0.1:{port}/");
        let key = set.key("server");
        healthy(
            set,
            &url,
            &["--client-cert", &set.pem("client"), "--client-key", &key, "--contains", "ready"],
        );
        unhealthy(set, &url, &[], WANTED);
        unhealthy(
            set,
            &url,
            &["--client-cert", &set.pem("other-client"), "--client-key", &key],
            "the server sent the TLS alert unknown_ca (it does not trust the issuer of our certificate: --client-cert)",
        );
    }
}

#[test]
fn the_wrong_protocol_on_the_port() {
    let Some(program) = installed("nginx") else { return };
    let Some(set) = certificates() else { return };
    let (secure, plain) = (closed_port(), closed_port());
    let servers = block(secure, &set.pem("server"), &set.key("server"), "")
        + &format!("server {{ listen 127.0.0.1:{plain}; }}\n");
    let mut nginx = started(&program, secure, &servers);
    nginx.until_listening(plain);
    let url = format!("http://127.0.0.1:{secure}/");
    let ran = porthole(["http", &url]).run();
    let start = format!("unhealthy: http {url}: 400 Bad Request, ");
    let body = "<title>400 The plain HTTP request was sent to HTTPS port</title>";
    assert!(ran.stdout.starts_with(&start) && ran.stdout.contains(body), "{}", ran.story());
    assert_eq!(ran.status, Some(1));
    if has_feature("tls") {
        let url = format!("https://127.0.0.1:{plain}/");
        unhealthy(set, &url, &[], "the port speaks HTTP, not TLS");
    }
}

#[test]
fn the_name_stays_that_of_the_url() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let port = closed_port();
    let folder = open_folder();
    let socket = folder.join("nginx.sock");
    let shown = socket.display().to_string();
    let servers = format!(
        "server {{ listen unix:{shown} ssl; listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
         location / {{ return 200 'for $ssl_server_name, $host'; }} }}",
        set.pem("server"),
        set.key("server")
    );
    let mut nginx = nginx(&program, folder, &servers);
    nginx.until_listening(port);
    let place = format!("127.0.0.1:{port}");
    for (option, value, via) in [("--unix", &shown, &shown), ("--connect", &place, &place)] {
        let contains = ["--contains", "for app.example, app.example"];
        check(set, "https://app.example/", &[&[option, value][..], &contains].concat())
            .healthy(&format!("healthy: http https://app.example/ via {via}: 200 OK in <T>"));
        check(set, "https://db.example/", &[option, value]).unhealthy(&format!(
            "unhealthy: http https://db.example/ via {via}: the certificate is not valid for db.example, only for \
             localhost, app.example, *.app.example, 127.0.0.1, ::1 (--server-name NAME expects another name)"
        ));
        let name = ["--server-name", "x.app.example", "--contains", "for x.app.example, db.example"];
        check(set, "https://db.example/", &[&[option, value][..], &name].concat())
            .healthy(&format!("healthy: http https://db.example/ via {via}: 200 OK in <T>"));
    }
}

#[test]
fn servers_by_name() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let port = closed_port();
    let servers = block(port, &set.pem("elsewhere"), &set.key("server"), "server_name a.example;")
        + &block(port, &set.pem("server"), &set.key("server"), "server_name localhost app.example;");
    let _nginx = started(&program, port, &servers);
    healthy(set, &format!("https://localhost:{port}/"), &[]);
    healthy(set, &format!("https://localhost:{port}/"), &["--server-name", "a.example"]);
    // An address is no name that a server could choose by (RFC 6066, 3): it is the first one's.
    let valid = "a.example, b.example, c.example, d.example, *.e.example and 2 more";
    unhealthy(
        set,
        &format!("https://127.0.0.1:{port}/"),
        &[],
        &format!(
            "the certificate is not valid for 127.0.0.1, only for {valid} (--server-name NAME expects another name)"
        ),
    );
}

#[test]
fn redirects_between_http_and_https() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
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
    // Of no use, and no harm.
    let url = format!("http://127.0.0.1:{plain}/");
    porthole(["http", &url, "--ca-file", &set.pem("root")])
        .healthy(&format!("healthy: http {url}: 301 Moved Permanently in <T>"));
    let ran = porthole(["http", &url, "--status", "200"]).run();
    let moved = format!("301 Moved Permanently to https://127.0.0.1:{secure}/, expected 200; body: <html>");
    assert!(ran.stdout.starts_with(&format!("unhealthy: http {url}: {moved}")), "{}", ran.story());
}

#[test]
fn for_how_long_a_certificate_stays_valid() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let (long, short) = (closed_port(), closed_port());
    let servers = block(long, &set.pem("server"), &set.key("server"), "")
        + &block(short, &set.pem("last-day"), &set.key("server"), "");
    let mut nginx = started(&program, long, &servers);
    nginx.until_listening(short);
    let url = format!("https://127.0.0.1:{long}/");
    healthy(set, &url, &["--min-days", "30"]);
    let day = set.day(VALID);
    unhealthy(
        set,
        &url,
        &["--min-days", "31"],
        &format!("the certificate expires on {day}, expected at least 31 days (--min-days)"),
    );
    let url = format!("https://127.0.0.1:{short}/");
    healthy(set, &url, &["--min-days", "1"]);
    let day = set.day(1);
    let reason = format!("the certificate expires on {day}, expected at least 2 days (--min-days)");
    unhealthy(set, &url, &["--min-days", "2"], &reason);
    // Asked for, it counts whoever is trusted.
    unhealthy(set, &url, &["--min-days", "2", "-k"], &reason);
    let json = check(set, &url, &["--min-days", "2", "--json"]).json();
    let facts = facts(&json);
    assert_eq!(facts["address"], format!("127.0.0.1:{short}"));
    assert_eq!(facts["certificate"]["subject"], "CN=app, O=Acme");
}

#[test]
fn large_bodies() {
    let (Some(set), Some(program)) = (with_tls(), installed("nginx")) else { return };
    let (folder, port) = (open_folder(), closed_port());
    std::fs::write(folder.join("large"), "0123456789abcdef".repeat(20_000) + "the end").unwrap();
    let more = format!("location = /large {{ root {}; }}", folder.display());
    let mut nginx = nginx(&program, folder, &block(port, &set.pem("server"), &set.key("server"), &more));
    nginx.until_listening(port);
    let url = format!("https://127.0.0.1:{port}/large");
    healthy(set, &url, &["--contains", "the end", "--max-body", "1M"]);
    healthy(set, &url, &["--matches", "f0123456789abcdefthe end$", "--max-body", "1M"]);
    let ran = check(set, &url, &["--contains", "the end"]).run();
    assert!(ran.stdout.contains("\"the end\" within the first 64 KiB (--max-body)"), "{}", ran.story());
}

/// A server that sends these records once it was asked, on its port.
fn script(set: &Certificates, end: &str, steps: &[&str]) -> Option<(Daemon, u16)> {
    let (python, port) = (installed("python3")?, closed_port());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/tls_script.py");
    let arguments = [file.to_str().unwrap(), &port.to_string(), &set.pem("server"), &set.key("server"), end]
        .into_iter()
        .chain(steps.iter().copied())
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

#[test]
fn records_of_every_size() {
    let Some(set) = with_tls() else { return };
    let length = 16_384 + 100 + 16_384 + 3_000 + 7;
    let head = format!("HTTP/1.1 200 OK\\r\\nContent-Length: {length}\\r\\n\\r\\n*1@0");
    // A small record right behind a full one, and both of them in one piece of what is read.
    let steps = [&head, "a*16384@0", "b*100@0", "c*16384@0", "d*3000@0", "the end*1@0"];
    let Some((_server, port)) = script(set, "notify", &steps) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &["--matches", "^a+b{100}c+d+the end$"]);

    let chunked = "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n*1@0";
    let steps = [
        chunked,
        "4000\\r\\n*1@0",
        "x*16384@0",
        "\\r\\n*1@0",
        "7\\r\\nthe end\\r\\n*1@0",
        "0\\r\\n\\r\\n*1@0",
    ];
    let Some((_server, port)) = script(set, "notify", &steps) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^x+the end$"]);
}

#[test]
fn a_record_now_and_then() {
    let Some(set) = with_tls() else { return };
    let head = "HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\n*1@0";
    let Some((_server, port)) = script(set, "again", &[head, "x*1@200"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &[]);
    let ran = check(set, &url, &["--contains", "y", "-t", "700ms"]).run().within(SOON);
    let start = format!("unhealthy: http {url}: 200 OK, but timed out after 700 ms reading the body\n");
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    let Some((_server, port)) = script(set, "again", &["HTTP/1.1 200 OK\\r\\nX: *1@0", "y*1@200"]) else {
        return;
    };
    let url = format!("https://127.0.0.1:{port}/");
    let ran = check(set, &url, &["-t", "700ms"]).run().within(SOON);
    let start = format!("unhealthy: http {url}: timed out after 700 ms waiting for the ");
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn a_stream_without_an_end() {
    let Some(set) = with_tls() else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\n*1@0";
    let Some((_server, port)) = script(set, "again", &[head, "x*16384@0"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    healthy(set, &url, &["--contains", "xxx"]);
    let ran = check(set, &url, &["--contains", "y"]).run().within(SOON);
    assert!(ran.stdout.contains("\"y\" within the first 64 KiB (--max-body)"), "{}", ran.story());
    let Some((_server, port)) = script(set, "again", &["X: y\\r\\n*1000@0"]) else { return };
    let url = format!("https://127.0.0.1:{port}/");
    let ran = check(set, &url, &[]).run().within(SOON);
    assert!(ran.stdout.starts_with(&format!("unhealthy: http {url}: the response is not HTTP; ")));
}

#[test]
fn the_end_of_a_connection() {
    let Some(set) = with_tls() else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\nall*1@0";
    for end in ["notify", "close"] {
        // Without a length the end of the connection is that of the body, whether it is announced or not.
        let Some((_server, port)) = script(set, end, &[head]) else { return };
        healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^all$"]);
        let cut = "HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nall*1@0";
        let Some((_server, port)) = script(set, end, &[cut]) else { return };
        unhealthy(
            set,
            &format!("https://127.0.0.1:{port}/"),
            &["--contains", "y"],
            "200 OK, but the server closed the connection reading the body",
        );
        let Some((_server, port)) = script(set, end, &["early", "*0@0"]) else { return };
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run();
        let closed = "the server closed the connection without a reply";
        assert!(ran.stdout.contains(closed), "{}", ran.story());
    }
    let Some((_server, port)) = script(set, "hold", &["HTTP/1.1 204 No Content\\r\\n\\r\\n*1@0"]) else {
        return;
    };
    let url = format!("https://127.0.0.1:{port}/");
    check(set, &url, &[]).healthy(&format!("healthy: http {url}: 204 No Content in <T>"));
}

#[test]
fn what_came_before_tls_broke_counts() {
    let Some(set) = with_tls() else { return };
    let whole = "HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nall*1@0";
    let Some((_server, port)) = script(set, "junk", &[whole]) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &["--matches", "^all$"]);
    let cut = "HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nall*1@0";
    let Some((_server, port)) = script(set, "junk", &[cut]) else { return };
    unhealthy(
        set,
        &format!("https://127.0.0.1:{port}/"),
        &["--contains", "y"],
        "200 OK, but the server violated the TLS protocol reading the body",
    );
    let Some((_server, port)) = script(set, "junk", &["early", "HTTP/1.1 20*1@0"]) else { return };
    unhealthy(set, &format!("https://127.0.0.1:{port}/"), &[], "the server violated the TLS protocol");
}

#[test]
fn memory_stays_small_whatever_comes() {
    // As for http: the static binaries are what is bounded.
    let Some(set) = with_tls().filter(|_| std::env::var_os("PORTHOLE_BIN").is_some()) else { return };
    let head = "HTTP/1.1 200 OK\\r\\n\\r\\n*1@0";
    for steps in [&["X: y\\r\\n*1000@0"][..], &[head, "x*16384@0"], &[head, "x*1@0"]] {
        let Some((_server, port)) = script(set, "again", steps) else { return };
        let url = format!("https://127.0.0.1:{port}/");
        for trust in [&["-k"][..], &["--ca-file", "/etc/ssl/certs/ca-certificates.crt"]] {
            let output = std::process::Command::new("prlimit")
                .args(["--as=16777216", &crate::support::command::binary(), "http", &url, "-t", "1s"])
                .args(["--contains", "y", "--max-body", "1M"])
                .args(trust)
                .output()
                .unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{steps:?}: {:?} {stdout}{stderr}", output.status);
            let answered = stdout.starts_with("unhealthy: http ") || stderr.contains("no such file");
            assert!(answered, "{steps:?}: {stdout}{stderr}");
        }
    }
}

/// `openssl s_server` with these options.
pub fn s_server(set: &Certificates, options: &str) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("openssl")?, closed_port());
    let fixed = format!(
        "s_server -www -accept 127.0.0.1:{port} -cert {} -key {} {options}",
        set.pem("rsa"),
        set.key("rsa")
    );
    let mut daemon = Daemon::start(open_folder(), &program, fixed.split_ascii_whitespace(), |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

/// tests/servers/tls_judge.py in this version of TLS and mode, and its port.
pub fn judge(set: &Certificates, version: &str, mode: &str) -> Option<(Daemon, u16)> {
    let (python, port) = (installed("python3")?, closed_port());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/tls_judge.py");
    let (certificate, key, root) = (set.pem("server"), set.key("server"), set.pem("root"));
    let port_shown = port.to_string();
    let arguments = [file.to_str().unwrap(), &port_shown, &certificate, &key, &root, version, mode];
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |_| {});
    daemon.until("it listens", || listens(port));
    Some((daemon, port))
}

/// Whether something listens on this port, without a connection to it.
fn listens(port: u16) -> bool {
    let listeners = std::fs::read_to_string("/proc/net/tcp").unwrap();
    listeners.contains(&format!(" 0100007F:{port:04X} 00000000:0000 0A "))
}

#[test]
fn tls_is_left_politely() {
    let Some(set) = with_tls() else { return };
    for version in ["1.2", "1.3"] {
        let Some((mut daemon, port)) = judge(set, version, "watch") else { return };
        let target = format!("127.0.0.1:{port}");
        let url = format!("https://{target}/");
        let checks = [&["tls", &target][..], &["http", &url], &["grpc", &target, "--tls"]];
        for check in checks {
            for _ in 0..5 {
                let ran = porthole([check, &["--ca-file", &set.pem("root")]].concat()).run();
                assert_eq!(ran.stderr, "", "{}", ran.story());
                let is_healthy = check[0] != "grpc";
                assert_eq!(ran.status, Some(i32::from(!is_healthy)), "{}", ran.story());
            }
        }
        let log = daemon.folder.join("python3.log");
        let left = || std::fs::read_to_string(&log).unwrap();
        daemon.until("each check is over", || left().lines().count() == checks.len() * 5);
        assert_eq!(left(), "close_notify\n".repeat(checks.len() * 5), "TLS {version}");
    }
}

/// What each check says of such a server, and of one with no more than a certificate that is asked for.
#[track_caller]
fn dropped(set: &Certificates, version: &str, mode: &str, options: &[&str], reason: &str) {
    let Some((_daemon, port)) = judge(set, version, mode) else { return };
    let target = format!("127.0.0.1:{port}");
    let url = format!("https://{target}/");
    for check in [&["tls", &target][..], &["http", &url], &["grpc", &target, "--tls"]] {
        let line = format!("unhealthy: {} {}: {reason}", check[0], check[1]);
        let ran = porthole([check, &["--ca-file", &set.pem("root")], options].concat()).run();
        // A handshake that is over by all rules, as it is in TLS 1.2 before the server closes, is all there is to `tls`.
        if check[0] == "tls" && ran.status == Some(0) && matches!(mode, "asking" | "anybody") {
            continue;
        }
        ran.is(1, &line, "");
    }
}

#[test]
fn a_client_certificate_is_named_where_the_server_goes_without_a_word() {
    let Some(set) = with_tls() else { return };
    let lacking = "the server requested a client certificate, got none and closed the connection \
                   (--client-cert, --client-key)";
    let given = "the server closed the connection after receiving our client certificate, which it may not accept \
                 (--client-cert)";
    let (foreign, key) = (set.pem("other-client"), set.key("server"));
    let ours = ["--client-cert", &foreign, "--client-key", &key];
    for version in ["1.2", "1.3"] {
        for mode in ["silent", "reset"] {
            dropped(set, version, mode, &[], lacking);
            dropped(set, version, mode, &ours, given);
        }
        dropped(set, version, "asking", &[], lacking);
        // Without having been asked nobody is to be told of certificates.
        let Some((_daemon, port)) = judge(set, version, "anybody") else { return };
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run();
        let is_plain =
            ran.stdout.contains("the server closed the connection") && !ran.stdout.contains("--client");
        let is_reset =
            ran.stdout.contains("the server reset the connection") && !ran.stdout.contains("--client");
        assert!(is_plain || is_reset, "{}", ran.story());
    }
}

#[test]
fn key_updates_without_an_end() {
    let (Some(set), Some(program)) = (with_tls(), installed("openssl")) else { return };
    // Each line that s_server reads has it update its keys, and ask for ours (RFC 8446, 4.6.3).
    for letter in ["K", "k"] {
        let port = closed_port();
        let mut yes = std::process::Command::new("yes")
            .arg(letter)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = yes.stdout.take().unwrap();
        let options = format!(
            "s_server -tls1_3 -alpn h2 -accept 127.0.0.1:{port} -cert {} -key {}",
            set.pem("server"),
            set.key("server")
        );
        let mut daemon =
            Daemon::start(open_folder(), &program, options.split_ascii_whitespace(), |command| {
                command.stdin(lines);
            });
        daemon.until("it listens", || listens(port));
        let ran = check(set, &format!("https://127.0.0.1:{port}/"), &[]).run().within(SOON);
        let line = format!("unhealthy: http https://127.0.0.1:{port}/: the server violated the TLS protocol");
        ran.is(1, &line, "");
        drop(daemon);
        // It ends as nobody reads any more.
        yes.wait().unwrap();
    }
}

#[test]
fn what_is_too_old() {
    let Some(set) = with_tls() else { return };
    let Some((_server, port)) = s_server(set, "-tls1_1 -cipher ALL:@SECLEVEL=0") else { return };
    let url = format!("https://127.0.0.1:{port}/");
    unhealthy(set, &url, &[], "the server supports neither TLS 1.2 nor TLS 1.3");
    // ChaCha20-Poly1305 alone is not too old, but not spoken here.
    let chacha = "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256";
    for options in ["-tls1_2 -cipher AES128-SHA", chacha] {
        let Some((_server, port)) = s_server(set, options) else { return };
        unhealthy(
            set,
            &format!("https://127.0.0.1:{port}/"),
            &[],
            "the server sent the TLS alert handshake_failure (no cipher suite, key exchange or signature algorithm in common)",
        );
    }
    // Where it comes first for the server, the next one is taken.
    let first = "-tls1_3 -serverpref -ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    let Some((_server, port)) = s_server(set, first) else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &[]);
    // The one key exchange in common is not the one that is offered first.
    let Some((_server, port)) = s_server(set, "-groups P-384") else { return };
    healthy(set, &format!("https://127.0.0.1:{port}/"), &[]);
}

#[test]
fn a_tls_server_that_is_asked_in_plain() {
    let Some(set) = certificates() else { return };
    let Some((_server, port)) = s_server(set, "") else { return };
    let python = if has_feature("tls") { script(set, "close", &["early", "*0@0"]) } else { None };
    for port in [Some(port), python.as_ref().map(|(_, port)| *port)].into_iter().flatten() {
        for check in ["http", "grpc", "redis", "postgres", "amqp", "memcached"] {
            let target = format!("127.0.0.1:{port}");
            let target = if check == "http" { format!("http://{target}/") } else { target };
            let ran = porthole([check, &target]).run();
            // openssl closes, and Python's server leaves unread what it was sent, which the system makes a reset of.
            let silent =
                "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";
            let line = format!("unhealthy: {check} {target}: {silent}");
            assert!(ran.stdout.starts_with(&line), "{}", ran.story());
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
        }
    }
    // An alert.
    let server = Server::new(vec![Step::Request, Step::Send(b"\x15\x03\x01\x00\x02\x02\x46".to_vec())]);
    let url = server.url("/");
    porthole(["http", &url])
        .unhealthy(&format!("unhealthy: http {url}: the port speaks TLS, not HTTP (https://…)"));
}
