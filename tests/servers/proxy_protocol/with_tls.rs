//! The PROXY protocol before TLS.

use super::{haproxy, with};
use crate::certificates::{Certificates, certificates};
use crate::daemon::{installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// Asserts what each check reports of a server that expects TLS after the PROXY protocol.
#[track_caller]
fn assert_expected(set: &Certificates, port: u16, closed: &str) {
    let (url, address, root) =
        (format!("https://127.0.0.1:{port}/"), format!("127.0.0.1:{port}"), set.pem("root"));
    let trust = ["--ca-file", root.as_str()];
    for version in ["1", "2"] {
        with(version, &[&["http", &url][..], &trust].concat())
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        with(version, &[&["http", &url, "--http2"][..], &trust].concat())
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        let ran = with(version, &[&["tls", &address][..], &trust].concat()).run();
        let start = format!("healthy: tls {address}: CN=app, O=Acme, valid for localhost, ");
        assert!(ran.status == Some(0) && ran.stdout.starts_with(&start), "{}", ran.story());
        let talk = ["tcp", &address, "--tls", "--send", r"GET / HTTP/1.0\r\n\r\n", "--expect", "200"];
        with(version, &[&talk[..], &trust].concat())
            .healthy(&format!("healthy: tcp {address}: received \"200\" in <T>"));
    }
    for check in [&["http", &url][..], &["tls", &address], &["tcp", &address, "--tls"]] {
        let (name, target) = (check[0], check[1]);
        porthole([check, &["-k"]].concat()).unhealthy(&format!("unhealthy: {name} {target}: {closed}"));
    }
}

const CLOSED: &str =
    "the server closed the connection during the TLS handshake (it may expect the PROXY protocol)";

#[test]
fn nginx_expects_it() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let (port, plain, secure) = (closed_port(), closed_port(), closed_port());
    let block = |listen: &str| {
        format!(
            "server {{ listen 127.0.0.1:{listen}; ssl_certificate {}; ssl_certificate_key {};\n\
             location / {{ return 200 'all well'; }} }}\n",
            set.pem("server"),
            set.key("server")
        )
    };
    let servers = block(&format!("{port} ssl http2 proxy_protocol"))
        + &block(&format!("{secure} ssl"))
        + &format!("server {{ listen 127.0.0.1:{plain}; }}");
    let mut daemon = nginx(&program, open_folder(), &servers);
    daemon.until_listening(plain);
    // This one logs the connections without the header as errors.
    assert_expected(set, port, CLOSED);
    assert!(daemon.log().contains("broken header"), "{}", daemon.log());
    // TLS without the PROXY protocol: nginx reads a bad request in plain text.
    let (url, address) = (format!("https://127.0.0.1:{secure}/"), format!("127.0.0.1:{secure}"));
    for version in ["1", "2"] {
        for check in [["http", &url], ["tls", &address]] {
            with(version, &[&check[..], &["-k"]].concat()).unhealthy(&format!(
                "unhealthy: {} {}: the port speaks HTTP, not TLS (it may expect no PROXY protocol)",
                check[0], check[1]
            ));
        }
    }
}

#[test]
fn haproxy_expects_it() {
    let Some(set) = certificates() else { return };
    let (port, plain) = (closed_port(), closed_port());
    let folder = open_folder();
    // haproxy expects certificate and key in one file.
    let pem = folder.join("server.pem");
    let both = [set.pem("server"), set.key("server")].map(|path| std::fs::read(path).unwrap()).concat();
    std::fs::write(&pem, both).unwrap();
    let configuration = format!(
        "frontend f\n bind 127.0.0.1:{port} accept-proxy ssl crt {} alpn h2,http/1.1\n bind 127.0.0.1:{plain}\n \
         http-request return status 200 content-type text/plain string ready\n",
        pem.display()
    );
    if let Some(_daemon) = haproxy(plain, &configuration) {
        assert_expected(set, port, CLOSED);
    }
    std::fs::remove_dir_all(folder).unwrap();
}
