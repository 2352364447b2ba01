//! https against nginx, haproxy, `openssl s_server`, and a Python server that sends scripted
//! records.

mod with_tls;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::certificates::{Certificates, certificates};
use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::{Porthole, has_feature, porthole};
use crate::support::server::{Server, Step, closed_port};

/// A limit far below the time that a deliberately slow server would take.
const SOON: Duration = Duration::from_secs(8);

pub const WANTED: &str = "the server requires a client certificate (--client-cert, --client-key)";

/// Returns an nginx `server` block for TLS with this certificate and key.
pub fn block(port: u16, certificate: &str, key: &str, more: &str) -> String {
    // Debian's nginx does not enable TLS 1.3 by default.
    let protocols = if more.contains("ssl_protocols") { "" } else { "ssl_protocols TLSv1.2 TLSv1.3;" };
    format!(
        "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n{protocols} {more}\n\
         location / {{ return 200 'all well'; }}\n\
         location = /broken {{ return 503 'no backend'; }}\n\
         location = /old {{ return 301 /healthz; }} }}\n"
    )
}

/// Starts nginx and waits until it listens on this port.
pub fn started(program: &Path, port: u16, servers: &str) -> Daemon {
    let mut daemon = nginx(program, open_folder(), servers);
    daemon.until_listening(port);
    daemon
}

/// Returns an https check that trusts the tests' root.
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

/// Starts haproxy with this version of TLS, requiring a client certificate. Returns it and its
/// port.
pub fn requiring_client_certificate(set: &Certificates, version: &str) -> Option<(Daemon, u16)> {
    let (program, folder, port) = (installed("haproxy")?, open_folder(), closed_port());
    // haproxy expects certificate and key in one file.
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

/// Starts a server that sends these records after a request. Returns it and its port.
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

/// Starts `openssl s_server` with these options. Returns it and its port.
pub fn s_server(set: &Certificates, options: &str) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("openssl")?, closed_port());
    let arguments = format!(
        "s_server -www -accept 127.0.0.1:{port} -cert {} -key {} {options}",
        set.pem("rsa"),
        set.key("rsa")
    );
    let mut daemon = Daemon::start(open_folder(), &program, arguments.split_ascii_whitespace(), |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

/// Starts tests/servers/tls_judge.py with this version of TLS and in this mode. Returns it and its
/// port.
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

/// Returns whether a socket listens on this port, without connecting to it.
fn listens(port: u16) -> bool {
    let listeners = std::fs::read_to_string("/proc/net/tcp").unwrap();
    listeners.contains(&format!(" 0100007F:{port:04X} 00000000:0000 0A "))
}

/// Asserts the reason that each check reports for a server that drops the connection (see
/// tls_judge.py).
#[track_caller]
fn assert_dropped(set: &Certificates, version: &str, mode: &str, options: &[&str], reason: &str) {
    let Some((_daemon, port)) = judge(set, version, mode) else { return };
    let target = format!("127.0.0.1:{port}");
    let url = format!("https://{target}/");
    for check in [&["tls", &target][..], &["http", &url], &["grpc", &target, "--tls"]] {
        let line = format!("unhealthy: {} {}: {reason}", check[0], check[1]);
        let ran = porthole([check, &["--ca-file", &set.pem("root")], options].concat()).run();
        // `tls` only needs the handshake, which may be complete before the server closes the
        // connection, as in TLS 1.2.
        if check[0] == "tls" && ran.status == Some(0) && matches!(mode, "asking" | "anybody") {
            continue;
        }
        ran.is(1, &line, "");
    }
}

#[test]
fn a_tls_server_that_receives_plain_text() {
    let Some(set) = certificates() else { return };
    let Some((_server, port)) = s_server(set, "") else { return };
    let python = if has_feature("tls") { script(set, "close", &["early", "*0@0"]) } else { None };
    for port in [Some(port), python.as_ref().map(|(_, port)| *port)].into_iter().flatten() {
        for check in ["http", "grpc", "redis", "postgres", "amqp", "memcached"] {
            let target = format!("127.0.0.1:{port}");
            let target = if check == "http" { format!("http://{target}/") } else { target };
            let ran = porthole([check, &target]).run();
            // openssl closes the connection. Python's server does not read the request, so the
            // kernel sends a reset.
            let silent =
                "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";
            let line = format!("unhealthy: {check} {target}: {silent}");
            assert!(ran.stdout.starts_with(&line), "{}", ran.story());
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
        }
    }
    // A TLS alert.
    let server = Server::new(vec![Step::Request, Step::Send(b"\x15\x03\x01\x00\x02\x02\x46".to_vec())]);
    let url = server.url("/");
    porthole(["http", &url])
        .unhealthy(&format!("unhealthy: http {url}: the port speaks TLS, not HTTP (https://…)"));
}
