//! The end of a check over TLS.

use std::process::Stdio;

use super::CHECKS;
use crate::certificates::{Certificates, certificates};
use crate::daemon::{Daemon, installed, open_folder};
use crate::https::{block, started};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// Starts `openssl s_server`, which logs how each connection ended: `DONE` or `ERROR`.
fn logging(set: &Certificates, version: &str) -> Option<(Daemon, u16)> {
    let (program, port) = (installed("openssl")?, closed_port());
    let arguments = format!(
        "s_server {version} -accept 127.0.0.1:{port} -cert {} -key {}",
        set.pem("server"),
        set.key("server")
    );
    let mut daemon = Daemon::start(open_folder(), &program, arguments.split_ascii_whitespace(), |command| {
        // It sends its input and ends with it, so the input stays open.
        command.stdin(Stdio::piped());
    });
    let log = daemon.folder.join("openssl.log");
    daemon.until("it listens", || std::fs::read_to_string(&log).unwrap().contains("ACCEPT"));
    Some((daemon, port))
}

#[test]
fn openssl_sees_every_session_end_in_order() {
    let Some(set) = certificates() else { return };
    // In TLS 1.3 the session tickets follow the handshake.
    for version in ["-tls1_3", "-tls1_2"] {
        let Some((mut daemon, port)) = logging(set, version) else { return };
        let target = format!("127.0.0.1:{port}");
        for _ in 0..CHECKS {
            let ran = porthole(["tls", &target, "--ca-file", &set.pem("root"), "-t", "20s"]).run();
            assert_eq!(ran.status, Some(0), "{}\n{}", ran.story(), daemon.log());
        }
        let log = daemon.folder.join("openssl.log");
        let done = || std::fs::read_to_string(&log).unwrap().matches("\nDONE").count();
        daemon.until("it has closed all sessions", || done() >= CHECKS);
        assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
    }
}

/// A TLS server that reports whether each connection ended with `close_notify` and then the end of
/// the stream.
const ENDS: &str = r#"
import socket, ssl, sys
certificate, key, port, version = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.maximum_version = ssl.TLSVersion[version]
listener = socket.create_server(("127.0.0.1", int(port)))
print("listens")
while True:
    raw, _ = listener.accept()
    try:
        client = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
        received = client.recv(1)
        below = socket.socket(fileno=client.detach())
        print("in order" if received + below.recv(1) == b"" else "received data")
        below.close()
    except OSError as error:
        print(type(error).__name__)
"#;

#[test]
fn a_certificate_check_ends_politely() {
    let (Some(set), Some(python)) = (certificates(), installed("python3")) else { return };
    // In TLS 1.3 the session tickets follow the handshake.
    for version in ["TLSv1_3", "TLSv1_2"] {
        let port = closed_port();
        let port_text = port.to_string();
        let (certificate, key) = (set.pem("server"), set.key("server"));
        let arguments = ["-u", "-c", ENDS, &certificate, &key, &port_text, version];
        let mut daemon = Daemon::start(open_folder(), &python, arguments, |_| {});
        let log = daemon.folder.join("python3.log");
        let log = || std::fs::read_to_string(&log).unwrap();
        daemon.until("it listens", || log() == "listens\n");
        let target = format!("127.0.0.1:{port}");
        for _ in 0..CHECKS {
            let ran = porthole(["tls", &target, "--ca-file", &set.pem("root"), "-t", "20s"]).run();
            assert_eq!(ran.status, Some(0), "{}\n{}", ran.story(), log());
        }
        daemon.until("it has reported the end of all connections", || log().lines().count() > CHECKS);
        assert_eq!(log(), ["listens\n", &"in order\n".repeat(CHECKS)].concat(), "{version}");
    }
}

#[test]
fn nginx_sees_every_tls_session_end_in_order() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let port = closed_port();
    let more = "error_log stderr info;";
    let daemon = started(&program, port, &block(port, &set.pem("server"), &set.key("server"), more));
    let url = format!("https://127.0.0.1:{port}/");
    for _ in 0..10 {
        porthole(["http", &url, "--ca-file", &set.pem("root")])
            .healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        let ran = porthole(["tls", &format!("127.0.0.1:{port}"), "--ca-file", &set.pem("root")]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
    let log = daemon.log();
    let found = ["reset", "Broken pipe", "prematurely", "SSL_"].iter().find(|&word| log.contains(word));
    assert_eq!(found, None, "{log}");
}
