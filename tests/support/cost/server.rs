//! The server for the checks: one thread per listener, fixed responses. Only TLS allocates memory,
//! in rustls; its certificate is P-256, its version 1.3. The Redis server answers PING as a real one
//! does.
//!
//! The server reports every connection when it ends, so that a run counts only if it has really
//! sent its request, and so that no work of one run remains while the next one is measured.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use std::{env, io, process, thread};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Result;
use super::log::Log;

/// What `--contains` looks for: the end of the longer responses, and nothing before it.
pub const NEEDLE: &str = "ready";
/// By how many bytes the response to `/long` is longer than that to `/short`.
pub const MORE_BYTES: usize = 1 << 20;
/// The least length of the response to `/short`.
const SHORT: usize = 1 << 16;

const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long a connection may take to end once the program that opened it has ended.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The same, for a program that failed, and so may have opened none.
const TIMEOUT_OF_FAILED: Duration = Duration::from_secs(1);

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
    /// A PING that was answered.
    Redis,
    /// Something other than these. This is not the same work, so it must not be measured.
    Malformed,
}

/// The first frame of a gRPC health service's response, RFC 9113: the SETTINGS that the client
/// waits for.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// The other frames: HEADERS (`:status` 200 by its index, content-type as a literal), DATA with
/// SERVING, and the trailers.
const SERVING: &[u8] = b"\0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
    \0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01\
    \0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";

/// Listeners for HTTP over TCP, over a Unix socket and over TLS, which behave alike, for gRPC and
/// for Redis. Dropping this removes its files.
pub struct Server {
    http: SocketAddr,
    tls: Option<Tls>,
    grpc: SocketAddr,
    redis: SocketAddr,
    folder: PathBuf,
    received: Receiver<Request>,
}

/// The listener for TLS, and what a client must trust.
pub struct Tls {
    pub address: SocketAddr,
    pub certificate: PathBuf,
}

impl Server {
    /// Starts the listeners, on free ports and a unique path.
    pub fn start() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("porthole-cost-{}-{number}", process::id()));
        fs::create_dir_all(&folder)?;
        let (report, received) = channel();
        let pages = Arc::new(Pages::create());
        let ours = Arc::clone(&pages);
        let http = listen(&report, move |tcp| ours.serve(tcp))?;
        let grpc = listen(&report, serve_grpc)?;
        let redis = listen(&report, serve_redis)?;
        let ours = Arc::clone(&pages);
        let tls = match create_certificate(&folder)? {
            Some((certificate, key)) => {
                let config = tls_config(&certificate, &key)?;
                let address = listen(&report, move |tcp| serve_tls(tcp, &config, &ours))?;
                Some(Tls { address, certificate })
            }
            None => None,
        };
        let server = Server { http, tls, grpc, redis, folder, received };
        let unix = UnixListener::bind(server.path())?;
        thread::spawn(move || accept(unix.incoming(), &report, |unix| pages.serve(unix)));
        Ok(server)
    }

    /// Returns the address for HTTP.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Returns the listener for TLS. There is none if openssl(1), which creates the certificate, is
    /// not installed.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Returns the address for gRPC.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Returns the address for Redis.
    pub fn redis(&self) -> SocketAddr {
        self.redis
    }

    /// Returns the directory that is removed with the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of the Unix socket.
    pub fn path(&self) -> PathBuf {
        self.folder.join("http.sock")
    }

    /// Waits until the server has finished with a run that failed, whatever it sent, if anything.
    pub fn forget(&self) {
        while self.received.recv_timeout(TIMEOUT_OF_FAILED).is_ok() {}
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
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Listens on a free port and handles connections with `serve`. Returns the address.
fn listen(
    report: &Sender<Request>,
    serve: impl Fn(&mut TcpStream) -> Request + Send + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let report = report.clone();
    thread::spawn(move || accept(listener.incoming(), &report, serve));
    Ok(address)
}

fn accept<S: Read + Write>(
    connections: impl Iterator<Item = io::Result<S>>,
    report: &Sender<Request>,
    serve: impl Fn(&mut S) -> Request,
) {
    for mut connection in connections.flatten() {
        let request = serve(&mut connection);
        drop(connection);
        if report.send(request).is_err() {
            return;
        }
    }
}

/// The bodies of the responses over HTTP, by path.
struct Pages([(&'static str, String); 3]);

impl Pages {
    fn create() -> Self {
        let text = Log::default().lines(SHORT + MORE_BYTES);
        let page = |bytes: usize| {
            let text = text.get(..bytes).unwrap_or_default();
            format!("{text}{NEEDLE}")
        };
        Pages([("/", "ok".to_owned()), ("/short", page(SHORT)), ("/long", page(SHORT + MORE_BYTES))])
    }

    /// Answers one request, if one arrives. If the program under test resets the connection, this
    /// is not a request. The connection stays open until the client closes it, unless the client
    /// asks for the contrary.
    fn serve<S: Read + Write>(&self, connection: &mut S) -> Request {
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
            let Some(answer) = self.answer(head) else {
                let _ = connection.write_all(REFUSAL);
                return Request::Malformed;
            };
            if connection.write_all(&answer).is_err() {
                return Request::Connection;
            }
            if !has_field(head, "connection: close") {
                let _ = io::copy(connection, &mut io::sink());
            }
            return Request::Http;
        }
        Request::Connection
    }

    /// Returns the answer if the head is valid: method, target and version, and with HTTP/1.1 a
    /// host. RFC 9112, section 3.
    fn answer(&self, head: &[u8]) -> Option<Vec<u8>> {
        let request = str::from_utf8(head).ok()?.lines().next()?;
        let target = request.strip_prefix("GET ")?;
        let path = match target.strip_suffix(" HTTP/1.1") {
            Some(path) => Some(path).filter(|_| has_field(head, "host:")),
            None => target.strip_suffix(" HTTP/1.0"),
        };
        let body = &self.0.iter().find(|page| path == Some(page.0))?.1;
        let close = if has_field(head, "connection: close") { "Connection: close\r\n" } else { "" };
        // The fields that most servers send.
        let answer = format!(
            "HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 13:52:14 GMT\r\nContent-Type: text/plain\r\n\
             Content-Length: {}\r\n{close}\r\n{body}",
            body.len()
        );
        Some(answer.into_bytes())
    }
}

/// Returns whether the head of a request has a line that starts with this, in lower case.
fn has_field(head: &[u8], start: &str) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().any(|line| line.starts_with(start))
}

/// Creates a certificate and its key; `None` if openssl(1) is not installed.
fn create_certificate(folder: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    openssl.args(["-days", "30", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    match openssl.output() {
        Ok(output) if output.status.success() => Ok(Some((certificate, key))),
        Ok(output) => Err(format!("openssl: {}", String::from_utf8_lossy(&output.stderr)).into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("openssl: {error}").into()),
    }
}

fn tls_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let certificate = CertificateDer::from_pem_file(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

fn serve_tls(tcp: &mut TcpStream, config: &Arc<ServerConfig>, pages: &Pages) -> Request {
    let Ok(connection) = ServerConnection::new(Arc::clone(config)) else { return Request::Connection };
    let Ok(tcp) = tcp.try_clone() else { return Request::Connection };
    let mut tls = StreamOwned::new(connection, tcp);
    let request = pages.serve(&mut tls);
    tls.conn.send_close_notify();
    let _ = tls.flush();
    request
}

/// Answers one call: reads the preface, then frames up to the one that ends the request. RFC 9113,
/// 3.4 and 4.1.
fn serve_grpc(tcp: &mut TcpStream) -> Request {
    let mut call = || -> io::Result<()> {
        tcp.write_all(SETTINGS)?;
        tcp.read_exact(&mut [0; 24])?;
        loop {
            let mut head = [0; 9];
            tcp.read_exact(&mut head)?;
            let [a, b, c, kind, flags, ..] = head;
            let length = u64::from(u32::from_be_bytes([0, a, b, c]));
            io::copy(&mut Read::by_ref(tcp).take(length), &mut io::sink())?;
            if kind == 0 && flags & 1 == 1 {
                return tcp.write_all(SERVING);
            }
        }
    };
    if call().is_err() {
        return Request::Connection;
    }
    // Reads until the client disconnects, because closing with unread data would send a reset.
    let _ = io::copy(tcp, &mut io::sink());
    Request::Grpc
}

/// Answers PING, as an array or inline, until the client disconnects. RESP:
/// <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
fn serve_redis(tcp: &mut TcpStream) -> Request {
    let mut buffer = [0; 256];
    let mut request = Request::Connection;
    loop {
        let Ok(count) = tcp.read(&mut buffer) else { return request };
        match buffer.get(..count).unwrap_or_default() {
            b"" => return request,
            b"*1\r\n$4\r\nPING\r\n" | b"PING\r\n" if tcp.write_all(b"+PONG\r\n").is_ok() => {
                request = Request::Redis;
            }
            _ => return Request::Malformed,
        }
    }
}
