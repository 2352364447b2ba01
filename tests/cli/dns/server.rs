//! Name servers on loopback that answer as a script says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::server::closed_port;

/// Returns the messages that answer this query over UDP.
type Udp = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>> + Send>;
/// Answers this query over TCP.
type Tcp = Box<dyn FnMut(&[u8], &mut TcpStream) + Send>;

/// A query: over `udp` or `tcp`, and the message.
type Query = (&'static str, Vec<u8>);

/// A name server, until it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    /// The queries that it received.
    queries: Arc<Mutex<Vec<Query>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    /// Starts a server on 127.0.0.1 that answers over UDP; on TCP nothing listens.
    pub fn new(udp: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        NameServer::on("127.0.0.1", Box::new(udp), None)
    }

    /// Starts a server that also answers over TCP, on the same port.
    pub fn with_tcp(
        udp: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
        tcp: impl FnMut(&[u8], &mut TcpStream) + Send + 'static,
    ) -> Self {
        NameServer::on("127.0.0.1", Box::new(udp), Some(Box::new(tcp)))
    }

    /// Starts a server at this address.
    pub fn on(address: &str, mut udp: Udp, tcp: Option<Tcp>) -> Self {
        // A port that is free for TCP may be in use for UDP, or be taken for TCP meanwhile.
        let sockets = std::iter::repeat_with(|| {
            let socket = UdpSocket::bind((address, closed_port()))?;
            let listener = TcpListener::bind(socket.local_addr()?)?;
            Ok::<_, std::io::Error>((socket, listener))
        });
        let (socket, listener) = sockets.flatten().next().unwrap();
        let address = socket.local_addr().unwrap();
        let queries = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, stopped) = (Arc::clone(&queries), Arc::clone(&stop));
        let mut threads = vec![std::thread::spawn(move || {
            let mut buffer = [0; 512];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).unwrap();
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                asked.lock().unwrap().push(("udp", buffer[..length].to_vec()));
                for message in udp(&buffer[..length]) {
                    // The peer may have closed its socket when it has its answer.
                    let _ = socket.send_to(&message, peer);
                }
            }
        })];
        if let Some(mut tcp) = tcp {
            let (asked, stopped) = (Arc::clone(&queries), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || {
                for connection in listener.incoming() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let mut connection = connection.unwrap();
                    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    let mut length = [0; 2];
                    if connection.read_exact(&mut length).is_err() {
                        continue;
                    }
                    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                    connection.read_exact(&mut query).unwrap();
                    asked.lock().unwrap().push(("tcp", query.clone()));
                    tcp(&query, &mut connection);
                }
            }));
        }
        NameServer { address, queries, stop, threads }
    }

    /// The queries that it received so far.
    pub fn queries(&self) -> Vec<Query> {
        self.queries.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let any = if self.address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        UdpSocket::bind(any).unwrap().send_to(b"", self.address).unwrap();
        let _ = TcpStream::connect(self.address);
        let failed = self.threads.drain(..).filter_map(|thread| thread.join().err()).count();
        assert!(failed == 0 || std::thread::panicking(), "a thread of the server panicked");
    }
}

/// Returns the reply to a query: with these flags, and these records.
pub fn reply(query: &[u8], flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    message.extend(records.concat());
    message
}

/// Returns a record of the queried name.
pub fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [b"\xc0\x0c", &kind.to_be_bytes()[..], &[0, 1, 0, 0, 0, 60], &length, data].concat()
}

/// Returns the type that a query asks for.
pub fn kind(query: &[u8]) -> u16 {
    let at = query.len() - 4;
    u16::from_be_bytes([query[at], query[at + 1]])
}

/// Returns the reply with an address of the queried family: 10.0.0.7, fd00::7.
pub fn address(query: &[u8]) -> Vec<u8> {
    let data = if kind(query) == 1 { &b"\x0a\0\0\x07"[..] } else { b"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07" };
    reply(query, 0x8180, &[record(kind(query), data)])
}

/// Returns a message as it is sent over TCP, after its length.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// Sends this over TCP. The peer may have left.
pub fn send(connection: &mut TcpStream, bytes: &[u8]) {
    let _ = connection.write_all(bytes);
}

/// Sends nothing more over TCP until the peer has left.
pub fn hold(connection: &mut TcpStream) {
    let _ = connection.read(&mut [0]);
}
