//! The server for the checks: one thread per listener, a fixed response. Only TLS allocates memory,
//! in rustls; it uses the certificate that the script created (P-256, TLS 1.3).
//!
//! The server reports every connection when it ends, so that a run counts only if it has really
//! sent its request, and so that no work of one run remains while the next one is timed.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Result;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long a connection may take to end once the program that opened it has ended.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What one run sends to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    None,
    /// A connection without data.
    Connection,
    /// A request that was answered.
    Http,
    /// A call of grpc.health.v1.Health/Check that was answered.
    Grpc,
    /// Something other than an HTTP/1 request. This is not the same work, so it must not be
    /// measured.
    Malformed,
}

/// The certificate and key that `scripts/bench.sh` creates for the server, if openssl is installed.
const CERTIFICATE: &str = "target/bench/cert.pem";
const KEY: &str = "target/bench/key.pem";

/// The first frame of a gRPC health service's response, RFC 9113: the SETTINGS that the client
/// waits for.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// The other frames: HEADERS (`:status` 200 by its index, content-type as a literal), DATA with
/// SERVING, and the trailers.
const SERVING: &[u8] = b"\0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
    \0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01\
    \0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";

/// Listeners for HTTP over TCP, over a Unix socket and over TLS, which behave alike, and for gRPC.
/// Dropping this removes the socket's file.
pub struct Server {
    address: SocketAddr,
    tls: Option<SocketAddr>,
    grpc: SocketAddr,
    path: PathBuf,
    received: Receiver<Request>,
}

impl Server {
    /// Starts the listeners, on free ports and a unique path.
    pub fn start() -> Result<Self> {
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let address = tcp.local_addr()?;
        let path = env::temp_dir().join(format!("porthole-bench-{}.sock", process::id()));
        let unix = UnixListener::bind(&path)?;
        let (report, received) = channel();
        let grpc = listen(&report, grpc_answer)?;
        let tls = match tls_config() {
            Some(config) => Some(listen(&report, move |tcp| tls_answer(tcp, &config))?),
            None => None,
        };
        let unix_report = report.clone();
        thread::spawn(move || serve(tcp.incoming(), &report, answer));
        thread::spawn(move || serve(unix.incoming(), &unix_report, answer));
        Ok(Server { address, tls, grpc, path, received })
    }

    /// Returns the address for HTTP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address for TLS, if the server has a certificate.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// Returns the address for gRPC.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Returns the path of the Unix socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the server has finished with a run, which must have sent this and nothing more.
    pub fn expect(&self, request: Request) -> Result<()> {
        if request != Request::None {
            let received = self.received.recv_timeout(TIMEOUT).map_err(|_| "a run made no connection")?;
            if received != request {
                return Err(format!("a run sent {received:?}, expected {request:?}").into());
            }
        }
        match self.received.try_recv() {
            Ok(more) => Err(format!("a run made a further connection: {more:?}").into()),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error cannot be reported from here.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns the path of the certificate that a check of this server must trust.
pub fn certificate() -> &'static str {
    CERTIFICATE
}

/// Listens on a free port and handles connections with `answer`. Returns the address.
fn listen(
    report: &Sender<Request>,
    answer: impl Fn(&mut TcpStream) -> Request + Send + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let report = report.clone();
    thread::spawn(move || serve(listener.incoming(), &report, answer));
    Ok(address)
}

fn tls_config() -> Option<Arc<ServerConfig>> {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).ok()?;
    let key = PrivateKeyDer::from_pem_file(KEY).ok()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .ok()?;
    config.with_no_client_auth().with_single_cert(vec![certificate], key).map(Arc::new).ok()
}

fn tls_answer(tcp: &mut TcpStream, config: &Arc<ServerConfig>) -> Request {
    let Ok(connection) = ServerConnection::new(Arc::clone(config)) else { return Request::Connection };
    let Ok(tcp) = tcp.try_clone() else { return Request::Connection };
    let mut tls = StreamOwned::new(connection, tcp);
    let request = answer(&mut tls);
    tls.conn.send_close_notify();
    let _ = tls.flush();
    request
}

/// Answers one call: reads the preface, then frames up to the one that ends the request. RFC 9113,
/// 3.4 and 4.1.
fn grpc_answer(tcp: &mut TcpStream) -> Request {
    let mut call = || -> std::io::Result<()> {
        tcp.write_all(SETTINGS)?;
        tcp.read_exact(&mut [0; 24])?;
        loop {
            let mut head = [0; 9];
            tcp.read_exact(&mut head)?;
            let [a, b, c, kind, flags, ..] = head;
            let length = u64::from(u32::from_be_bytes([0, a, b, c]));
            std::io::copy(&mut Read::by_ref(tcp).take(length), &mut std::io::sink())?;
            if kind == 0 && flags & 1 == 1 {
                return tcp.write_all(SERVING);
            }
        }
    };
    if call().is_err() {
        return Request::Connection;
    }
    // Reads until the client disconnects, because closing with unread data would send a reset.
    let _ = std::io::copy(tcp, &mut std::io::sink());
    Request::Grpc
}

fn serve<S: Read + Write>(
    connections: impl Iterator<Item = std::io::Result<S>>,
    report: &Sender<Request>,
    answer: impl Fn(&mut S) -> Request,
) {
    for mut connection in connections.flatten() {
        let request = answer(&mut connection);
        drop(connection);
        if report.send(request).is_err() {
            return;
        }
    }
}

/// Answers one request, if one arrives. If the program under test resets the connection, this is
/// not a request.
fn answer<S: Read + Write>(connection: &mut S) -> Request {
    let mut buffer = [0; 2048];
    let mut used = 0;
    while let Some(free) = buffer.get_mut(used..).filter(|free| !free.is_empty()) {
        match connection.read(free) {
            Ok(0) | Err(_) => break,
            Ok(count) => used += count,
        }
        let head = buffer.get(..used).unwrap_or_default();
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let (answer, request) =
            if is_request(head) { (ANSWER, Request::Http) } else { (REFUSAL, Request::Malformed) };
        return if connection.write_all(answer).is_ok() { request } else { Request::Connection };
    }
    Request::Connection
}

/// Returns whether the head is a valid request: method, target and version, and with HTTP/1.1 a
/// host. RFC 9112, section 3.
fn is_request(head: &[u8]) -> bool {
    let has_host = || head.windows(7).any(|window| window.eq_ignore_ascii_case(b"\r\nhost:"));
    head.starts_with(b"GET / HTTP/1.0\r\n") || (head.starts_with(b"GET / HTTP/1.1\r\n") && has_host())
}
