//! `--proxy-protocol` against nginx and haproxy, which expect it or not.

mod with_tls;

use std::path::Path;

use crate::daemon::{Daemon, installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::{Porthole, porthole};
use crate::support::server::{Server, Step, closed_port, send};

/// What follows a connection closed by a server that received something else.
const SILENT: &str =
    "the server closed the connection without a reply (it may expect TLS or the PROXY protocol)";

fn with(version: &str, arguments: &[&str]) -> Porthole {
    porthole([arguments, &["--proxy-protocol", version]].concat())
}

/// Starts haproxy with this configuration. Returns it once it listens on this port.
pub fn haproxy(port: u16, configuration: &str) -> Option<Daemon> {
    let (program, folder) = (installed("haproxy")?, open_folder());
    let file = folder.join("haproxy.cfg");
    let defaults = "defaults\n mode http\n log stdout format raw local0\n option httplog\n timeout client 60s\n \
                    timeout server 60s\n timeout connect 60s\n";
    std::fs::write(&file, format!("{defaults}{configuration}")).unwrap();
    let mut daemon = Daemon::start(folder, &program, ["-db", "-f", file.to_str().unwrap()], |_| {});
    daemon.until_listening(port);
    Some(daemon)
}

/// Asserts that nothing in the log of nginx is about a header that it could not read.
fn assert_quiet(daemon: &Daemon) {
    let log = daemon.log();
    assert!(!log.contains("[error]") && !log.contains("broken header"), "{log}");
}

#[test]
fn nginx_expects_it() {
    let Some(program) = installed("nginx") else { return };
    let (port, plain) = (closed_port(), closed_port());
    // Without addresses in the header, the address stays that of the connection.
    let servers = format!(
        "server {{ listen 127.0.0.1:{port} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;\n\
         location / {{ return 200 'from $remote_addr by \"$proxy_protocol_addr\"'; }} }}\n\
         server {{ listen 127.0.0.1:{plain}; }}"
    );
    // This server cannot be waited for by a connection without the header, which it logs as an error.
    let mut daemon = nginx(&program, open_folder(), &servers);
    daemon.until_listening(plain);
    let (url, address) = (format!("http://127.0.0.1:{port}/"), format!("127.0.0.1:{port}"));
    for version in ["1", "2"] {
        with(version, &["http", &url, "--matches", "^from 127\\.0\\.0\\.1 by"])
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        with(version, &["tcp", &address, "--send", r"GET / HTTP/1.0\r\n\r\n", "--expect", "200 OK"])
            .healthy(&format!("healthy: tcp {address}: received \"200 OK\" in <T>"));
        with(version, &["tcp", &address]).healthy(&format!("healthy: tcp {address}: connected in <T>"));
        // A server that does not expect it.
        let url = format!("http://127.0.0.1:{plain}/");
        let ran = with(version, &["http", &url]).run();
        let start = format!(
            "unhealthy: http {url}: 400 Bad Request (it may expect no PROXY protocol), expected 200-399"
        );
        assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
    }
    assert_quiet(&daemon);
    // Without it.
    porthole(["http", &url]).unhealthy(&format!("unhealthy: http {url}: {SILENT}"));
    porthole(["tcp", &address, "--send", r"GET / HTTP/1.0\r\n\r\n", "--expect", "200 OK"])
        .unhealthy(&format!("unhealthy: tcp {address}: {SILENT}, expected \"200 OK\""));
}

#[test]
fn nginx_expects_it_before_http2() {
    let (Some(program), Some(python)) = (installed("nginx"), super::grpc::python()) else { return };
    let (port, plain, upstream) = (closed_port(), closed_port(), closed_port());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/grpc_server.py");
    let arguments = [script.to_str().unwrap(), &format!("127.0.0.1:{upstream}"), "health"].map(str::to_owned);
    let mut grpc = Daemon::start(open_folder(), &python, arguments, |_| {});
    grpc.until_listening(upstream);
    let servers = format!(
        "server {{ listen 127.0.0.1:{port} http2 proxy_protocol; location / {{ return 200; }}\n\
         location /grpc. {{ grpc_pass grpc://127.0.0.1:{upstream}; }} }}\n\
         server {{ listen 127.0.0.1:{plain}; }}"
    );
    let mut daemon = nginx(&program, open_folder(), &servers);
    daemon.until_listening(plain);
    let (url, address) = (format!("http://127.0.0.1:{port}/"), format!("127.0.0.1:{port}"));
    for version in ["1", "2"] {
        with(version, &["http", &url, "--http2"]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        with(version, &["grpc", &address, "-t", "10s"])
            .healthy(&format!("healthy: grpc {address}: SERVING in <T>"));
    }
    assert_quiet(&daemon);
    let reason =
        "the server ended the connection with GOAWAY PROTOCOL_ERROR (it may expect the PROXY protocol)";
    porthole(["http", &url, "--http2"]).unhealthy(&format!("unhealthy: http {url}: {reason}"));
    porthole(["grpc", &address]).unhealthy(&format!("unhealthy: grpc {address}: {reason}"));
}

#[test]
fn haproxy_expects_it() {
    let (port, plain) = (closed_port(), closed_port());
    let configuration = format!(
        "frontend f\n bind 127.0.0.1:{port} accept-proxy\n bind 127.0.0.1:{plain}\n \
         http-request return status 200 content-type text/plain lf-string \"from %ci\"\n"
    );
    let Some(mut daemon) = haproxy(plain, &configuration) else { return };
    let url = format!("http://127.0.0.1:{port}/");
    for version in ["1", "2"] {
        with(version, &["http", &url, "--matches", "^from 127\\.0\\.0\\.1$"])
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    }
    let log = daemon.folder.join("haproxy.log");
    let logged = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it has logged both requests", || logged().matches(" 200 ").count() >= 2);
    // haproxy answered itself (LR), and noticed nothing else.
    let requests: Vec<String> =
        logged().lines().filter(|line| line.contains(" 200 ")).map(str::to_owned).collect();
    assert!(requests.iter().all(|line| line.contains(" LR-- ")), "{requests:?}");
    porthole(["http", &url]).unhealthy(&format!("unhealthy: http {url}: {SILENT}"));
    // haproxy answers a bad request with a status.
    let url = format!("http://127.0.0.1:{plain}/");
    for version in ["1", "2"] {
        let ran = with(version, &["http", &url]).run();
        let start = format!("unhealthy: http {url}: 400 Bad request (it may expect no PROXY protocol)");
        assert!(
            ran.status == Some(1) && ran.stdout.to_lowercase().starts_with(&start.to_lowercase()),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn haproxy_passes_only_its_own_header_on() {
    let server = Server::new(vec![Step::Until(b"PING\r\n"), send("+PONG\r\n"), Step::Hold]);
    let (port, plain) = (closed_port(), closed_port());
    let configuration = format!(
        "listen l\n mode tcp\n bind 127.0.0.1:{port} accept-proxy\n server s {} send-proxy\n\
         frontend f\n bind 127.0.0.1:{plain}\n http-request return status 200\n",
        server.address()
    );
    let Some(_daemon) = haproxy(plain, &configuration) else { return drop(server.unasked()) };
    let address = format!("127.0.0.1:{port}");
    for version in ["1", "2"] {
        with(version, &["tcp", &address, "--send", r"PING\r\n", "--expect", "+PONG"])
            .healthy(&format!("healthy: tcp {address}: received \"+PONG\" in <T>"));
    }
    for asked in server.asked() {
        let is_its_own = asked.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ");
        assert!(
            is_its_own && asked.matches("PROXY").count() == 1 && asked.ends_with("\r\nPING\r\n"),
            "{asked:?}"
        );
    }
}
