//! A check of each kind, with each of the static binaries.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::command::{Ran, output};
use crate::support::server::{Server, answer, folder, response, send};

/// The static binaries.
pub const BINARIES: [&str; 3] = ["porthole", "porthole-probe-tls", "porthole-probe"];

/// A certificate for localhost, made by scripts/vm.sh when it packed this guest.
pub const CERTIFICATE: &str = "/certificates/localhost.pem";

/// Runs one of the static binaries.
#[track_caller]
pub fn run(binary: &str, arguments: &[&str]) -> Ran {
    output(Command::new(format!("/bin/{binary}")).args(arguments).env_clear().stdin(Stdio::null()))
}

/// Starts a TLS server that answers each connection with this, and returns its port.
pub fn tls_server(reply: &'static str) -> u16 {
    let certificates = CertificateDer::pem_file_iter(CERTIFICATE).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file("/certificates/localhost.key").unwrap();
    let config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(session, connection.unwrap());
            // A client that only looks at the certificate sends nothing.
            if stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {
                let _ = stream.write_all(reply.as_bytes());
            }
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    port
}

#[test]
fn http_is_judged_by_its_status() {
    for binary in BINARIES {
        let server = Server::new(answer(response("200 OK", "fine")));
        let url = format!("http://127.0.0.1:{}/healthz", server.port());
        run(binary, &["http", &url, "--contains", "fine"]).is(
            0,
            &format!("healthy: http {url}: 200 OK in <T>"),
            "",
        );
        run(binary, &["http", &url, "--status", "204"]).is(
            1,
            &format!("unhealthy: http {url}: 200 OK, expected 204; body: fine"),
            "",
        );
    }
}

#[test]
fn tcp_and_unix_sockets_are_connected_to() {
    for binary in BINARIES {
        let server = Server::new(vec![send("220 ready\r\n")]);
        let target = format!("127.0.0.1:{}", server.port());
        let ran = run(binary, &["tcp", &target, "--expect", "220 "]);
        assert_eq!(ran.status, Some(0), "{}", ran.story());

        let path = folder().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let ran = run(binary, &["unix", path.to_str().unwrap()]);
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        drop(listener);
        let ran = run(binary, &["unix", path.to_str().unwrap()]);
        assert_eq!(
            (ran.status, ran.stdout.contains("connection refused")),
            (Some(1), true),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn a_closed_port_refuses() {
    for binary in BINARIES {
        run(binary, &["tcp", "127.0.0.1:1"]).is(
            1,
            "unhealthy: tcp 127.0.0.1:1: connection refused (127.0.0.1)",
            "",
        );
    }
}

#[test]
fn listeners_are_read_from_the_kernel() {
    for binary in BINARIES {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port().to_string();
        let udp_port = udp.local_addr().unwrap().port().to_string();
        for arguments in [&["listen", &port][..], &["listen", "--udp", &udp_port]] {
            let ran = run(binary, arguments);
            assert_eq!(ran.status, Some(0), "{}", ran.story());
            assert!(ran.stdout.contains(&format!("{}", std::process::id())), "the owner\n{}", ran.story());
        }
        drop(tcp);
        let ran = run(binary, &["listen", &port]);
        assert_eq!((ran.status, ran.stdout.contains("nothing listens")), (Some(1), true), "{}", ran.story());
    }
}

#[test]
fn a_full_accept_queue_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    // The queue holds one more than the backlog. listen(2)
    let waiting: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let ran = run("porthole", &["listen", &address.port().to_string()]);
    assert!(ran.stdout.contains("accept queue 2 in"), "{}", ran.story());
    drop(waiting);
}

#[test]
fn files_and_processes_are_checked() {
    let path = folder().join("beat");
    drop(File::create(&path).unwrap());
    let path = path.to_str().unwrap();
    for binary in BINARIES {
        let own = std::process::id().to_string();
        for (status, arguments) in [
            (0, &["file", path, "--max-age", "1h"][..]),
            (1, &["file", path, "--min-size", "1"]),
            (1, &["file", path, "--absent"]),
            (0, &["process", "--pid", &own]),
            (0, &["process", "vm"]),
            (1, &["process", "no-such-process"]),
            (0, &["file", path, "and", "not", "process", "no-such-process"]),
        ] {
            let ran = run(binary, arguments);
            assert_eq!(ran.status, Some(status), "{}", ran.story());
        }
    }
}

#[test]
fn a_name_is_looked_up_in_the_hosts_file() {
    for binary in BINARIES {
        let server = Server::new(answer(response("200 OK", "")));
        let ran = run(binary, &["http", &format!("http://localhost:{}/", server.port())]);
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
}

#[test]
fn a_certificate_is_verified() {
    let port = tls_server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let target = format!("localhost:{port}");
    let url = format!("https://localhost:{port}/");
    for binary in ["porthole", "porthole-probe-tls"] {
        for (status, arguments) in [
            (0, &["tls", &target, "--ca-file", CERTIFICATE][..]),
            (0, &["tls", &target, "--ca-file", CERTIFICATE, "--min-days", "20"]),
            (1, &["tls", &target, "--ca-file", CERTIFICATE, "--min-days", "40"]),
            (0, &["http", &url, "--ca-file", CERTIFICATE, "--contains", "ok"]),
            (0, &["http", &url, "-k"]),
            (1, &["http", &url]),
        ] {
            let ran = run(binary, arguments);
            assert_eq!(ran.status, Some(status), "{}", ran.story());
        }
    }
    let ran = run("porthole-probe", &["http", &url]);
    assert_eq!(ran.status, Some(1), "{}", ran.story());
}
