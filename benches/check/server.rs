//! The server that the checks ask: one thread a listener, a fixed answer, nothing allocated for it.
//!
//! It reports every connection that is over, so that a run counts only if it has really asked, and so
//! that nothing of one run is left to do while the next is timed.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use super::Result;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const REFUSAL: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// How long a connection may take to be over once the program that made it has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one run asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing.
    None,
    /// A connection, and no word on it.
    Connection,
    /// A request, which was answered.
    Http,
    /// What is no request of HTTP/1: not the same work, so it must not be measured as if it were.
    Malformed,
}

/// A TCP and a Unix listener with the same manners. The socket's file goes when this is dropped.
pub struct Server {
    address: SocketAddr,
    path: PathBuf,
    seen: Receiver<Request>,
}

impl Server {
    /// Listens, on a port and a path of its own.
    pub fn start() -> Result<Self> {
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let address = tcp.local_addr()?;
        let path = env::temp_dir().join(format!("porthole-bench-{}.sock", process::id()));
        let unix = UnixListener::bind(&path)?;
        let (report, seen) = channel();
        let unix_report = report.clone();
        thread::spawn(move || serve(tcp.incoming(), &report));
        thread::spawn(move || serve(unix.incoming(), &unix_report));
        Ok(Server { address, path, seen })
    }

    /// Where it listens for TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path of its Unix socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the server is done with a run, which must have asked this and nothing more.
    pub fn expect(&self, request: Request) -> Result<()> {
        if request != Request::None {
            let seen = self.seen.recv_timeout(PATIENCE).map_err(|_| "a run made no connection")?;
            if seen != request {
                return Err(
                    format!("a run should have made: {request:?}, but the server saw: {seen:?}").into()
                );
            }
        }
        match self.seen.try_recv() {
            Ok(more) => Err(format!("a run made one more: {more:?}").into()),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to be told that a temporary file stays.
        let _ = fs::remove_file(&self.path);
    }
}

fn serve<S: Read + Write>(connections: impl Iterator<Item = std::io::Result<S>>, report: &Sender<Request>) {
    for mut connection in connections.flatten() {
        let request = answer(&mut connection);
        drop(connection);
        if report.send(request).is_err() {
            return;
        }
    }
}

/// Answers one request, if one comes. The peer is a program under test: if it resets, it asked nothing.
fn answer(connection: &mut (impl Read + Write)) -> Request {
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

/// RFC 9112, section 3: method, target and version, and with HTTP/1.1 a host.
fn is_request(head: &[u8]) -> bool {
    let has_host = || head.windows(7).any(|window| window.eq_ignore_ascii_case(b"\r\nhost:"));
    head.starts_with(b"GET / HTTP/1.0\r\n") || (head.starts_with(b"GET / HTTP/1.1\r\n") && has_host())
}
