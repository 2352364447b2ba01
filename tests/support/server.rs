//! Scripted servers on port 0 or a Unix socket. Each records what it receives. Its drop asserts
//! that there was a connection, and that no connection's thread panicked.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt::Linger};

/// A step of a server's script.
#[derive(Clone)]
pub enum Step {
    /// Reads until the head of a request has been received.
    Request,
    /// Reads until this has been received.
    Until(&'static [u8]),
    /// Sends this at once.
    Send(Vec<u8>),
    /// Sends this a byte at a time, with a pause of this length before each.
    Drip(Vec<u8>, Duration),
    /// Sends this repeatedly until the peer disconnects.
    Flood(Vec<u8>),
    /// Sends nothing more until the peer disconnects.
    Hold,
    /// Closes with a reset.
    Reset,
}

/// How a connection ended, from the server's point of view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The script ended.
    Script,
    /// The peer closed its side: the end of the stream was read.
    Orderly,
    /// Reading or writing failed: a reset, a broken pipe.
    Failed(io::ErrorKind),
}

/// How long a connection may take to end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a step that sends this at once.
pub fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

/// Returns a script that waits for a request and sends this answer.
pub fn answer(text: impl AsRef<[u8]>) -> Vec<Step> {
    vec![Step::Request, send(text)]
}

/// Returns a response with this status line, this body and its length.
pub fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

trait Conn: Read + Write + AsFd + Send {}
impl<T: Read + Write + AsFd + Send> Conn for T {}

#[derive(Default)]
struct Shared {
    stop: Mutex<bool>,
    stopped: Condvar,
    asked: Mutex<Vec<Vec<u8>>>,
    /// How each finished connection ended.
    ends: Mutex<Vec<End>>,
    ended: Condvar,
    connections: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    fn is_stopped(&self) -> bool {
        *self.stop.lock().unwrap()
    }

    /// Waits, but no longer than until the server is stopped.
    fn pause(&self, pause: Duration) {
        let stop = self.stop.lock().unwrap();
        drop(self.stopped.wait_timeout_while(stop, pause, |stop| !*stop).unwrap());
    }
}

/// A server. Dropping it stops it.
pub struct Server {
    shared: Arc<Shared>,
    /// The accepting thread, which returns the number of connections.
    accepting: Option<JoinHandle<usize>>,
    wake: Box<dyn Fn() + Send>,
    address: Option<SocketAddr>,
    socket: Option<PathBuf>,
    may_idle: bool,
}

impl Server {
    /// Starts a server on 127.0.0.1: the n-th connection gets the n-th script, later ones get the
    /// last.
    pub fn scripts(scripts: Vec<Vec<Step>>) -> Self {
        Server::on("127.0.0.1:0", scripts)
    }

    /// Starts a server on 127.0.0.1 with the same script for every connection.
    pub fn new(script: Vec<Step>) -> Self {
        Server::scripts(vec![script])
    }

    /// Starts a server on this address.
    pub fn on(address: &str, scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let accept = move |waits: bool| {
            listener.set_nonblocking(!waits).ok()?;
            listener.accept().map(|(stream, _)| Box::new(stream) as Box<dyn Conn>).ok()
        };
        let wake = Box::new(move || drop(TcpStream::connect(address)));
        let mut server = Server::start(accept, wake, scripts);
        server.address = Some(address);
        server
    }

    /// Starts a server on a Unix socket in a new directory.
    pub fn unix(script: Vec<Step>) -> Self {
        let socket = folder().join("server.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let path = socket.clone();
        let accept = move |waits: bool| {
            listener.set_nonblocking(!waits).ok()?;
            listener.accept().map(|(stream, _)| Box::new(stream) as Box<dyn Conn>).ok()
        };
        let wake = Box::new(move || drop(UnixStream::connect(&path)));
        let mut server = Server::start(accept, wake, vec![script]);
        server.socket = Some(socket);
        server
    }

    /// Starts a server on an abstract Unix socket with this name.
    pub fn abstract_socket(name: &str, script: Vec<Step>) -> Self {
        let address = UnixAddress::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let accept = move |waits: bool| {
            listener.set_nonblocking(!waits).ok()?;
            listener.accept().map(|(stream, _)| Box::new(stream) as Box<dyn Conn>).ok()
        };
        let wake = Box::new(move || drop(UnixStream::connect_addr(&address)));
        Server::start(accept, wake, vec![script])
    }

    fn start(
        accept: impl Fn(bool) -> Option<Box<dyn Conn>> + Send + 'static,
        wake: Box<dyn Fn() + Send>,
        scripts: Vec<Vec<Step>>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let ours = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            let mut number = 0;
            while let Some(connection) = accept(true) {
                if ours.is_stopped() {
                    // What is queued now arrived before the end, except for the connection that
                    // wakes this thread.
                    let queued = std::iter::from_fn(|| accept(false)).count();
                    return number + queued;
                }
                let script = scripts[number.min(scripts.len() - 1)].clone();
                number += 1;
                let theirs = Arc::clone(&ours);
                let thread = std::thread::spawn(move || serve(connection, &script, &theirs));
                ours.connections.lock().unwrap().push(thread);
            }
            number
        });
        Server { shared, accepting: Some(accepting), wake, address: None, socket: None, may_idle: false }
    }

    /// Expects that no connection is made.
    pub fn unasked(mut self) -> Self {
        self.may_idle = true;
        self
    }

    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    pub fn socket(&self) -> &Path {
        self.socket.as_deref().unwrap()
    }

    /// Returns `http://127.0.0.1:PORT` with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Waits until this many connections have ended, and returns how they ended.
    #[allow(dead_code, reason = "not every test binary needs it")]
    #[track_caller]
    pub fn ends(&self, number: usize) -> Vec<End> {
        let ends = self.shared.ends.lock().unwrap();
        let wait = self.shared.ended.wait_timeout_while(ends, TIMEOUT, |ends| ends.len() < number);
        let (ends, waited) = wait.unwrap();
        assert!(!waited.timed_out(), "{} of {number} connections ended", ends.len());
        ends.clone()
    }

    /// Returns what was received so far, one item per connection.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.shared.stop.lock().unwrap() = true;
        self.shared.stopped.notify_all();
        (self.wake)();
        let accepted = self.accepting.take().unwrap().join();
        let connections = std::mem::take(&mut *self.shared.connections.lock().unwrap());
        let failed = connections.into_iter().filter_map(|thread| thread.join().err()).count();
        if let Some(folder) = self.socket.as_ref().and_then(|socket| socket.parent()) {
            let _ = std::fs::remove_dir_all(folder);
        }
        if !std::thread::panicking() {
            assert_eq!(failed, 0, "a connection's thread panicked");
            let number = accepted.expect("the accepting thread panicked");
            assert_eq!(number == 0, self.may_idle, "{number} connections were made");
        }
    }
}

/// Returns a port on which nothing listens for as long as this process lives. No test in another
/// process gets it either: each port is claimed by an abstract Unix socket with its number, which
/// the kernel releases. The ports are below the ephemeral ones, which begin at 32768 (ip(7)).
pub fn closed_port() -> u16 {
    static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let mut claims = CLAIMS.lock().unwrap();
    let first = u16::try_from(std::process::id().wrapping_mul(211) % 20_000).unwrap();
    for at in 0..20_000 {
        let port = 10_000 + (first + at) % 20_000;
        let name = UnixAddress::from_abstract_name(format!("porthole-test-port-{port}")).unwrap();
        let Ok(claim) = UnixListener::bind_addr(&name) else { continue };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            claims.push(claim);
            return port;
        }
    }
    panic!("no port from 10000 to 29999 is free")
}

/// Creates a directory, which the caller removes.
pub fn folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("porthole-test-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Executes the script. It ends if the peer disconnects, as a real server would.
fn serve(mut connection: Box<dyn Conn>, script: &[Step], shared: &Shared) {
    let number = {
        let mut asked = shared.asked.lock().unwrap();
        asked.push(Vec::new());
        asked.len() - 1
    };
    let end = execute(&mut connection, script, shared, number);
    shared.ends.lock().unwrap().push(end);
    shared.ended.notify_all();
}

fn execute(connection: &mut Box<dyn Conn>, script: &[Step], shared: &Shared, number: usize) -> End {
    let read_until = |connection: &mut Box<dyn Conn>, end: &[u8]| {
        let mut piece = [0; 4096];
        loop {
            let is_received = {
                let asked = shared.asked.lock().unwrap();
                !end.is_empty() && asked[number].windows(end.len()).any(|window| window == end)
            };
            if is_received {
                return Ok(());
            }
            match connection.read(&mut piece) {
                Ok(0) => return Err(End::Orderly),
                Err(error) => return Err(End::Failed(error.kind())),
                Ok(count) => shared.asked.lock().unwrap()[number].extend_from_slice(&piece[..count]),
            }
        }
    };
    let write = |connection: &mut Box<dyn Conn>, bytes: &[u8]| {
        connection.write_all(bytes).map_err(|error| End::Failed(error.kind()))
    };
    for step in script {
        let result = match step {
            Step::Request => read_until(connection, b"\r\n\r\n"),
            Step::Until(end) => read_until(connection, end),
            Step::Send(bytes) => write(connection, bytes),
            Step::Drip(bytes, pause) => bytes.iter().try_for_each(|&byte| {
                shared.pause(*pause);
                if shared.is_stopped() { Err(End::Script) } else { write(connection, &[byte]) }
            }),
            Step::Flood(bytes) => loop {
                if shared.is_stopped() {
                    break Err(End::Script);
                }
                if let Err(end) = write(connection, bytes) {
                    break Err(end);
                }
            },
            // Only the peer ends this.
            Step::Hold => read_until(connection, b""),
            Step::Reset => {
                let now = nix::libc::linger { l_onoff: 1, l_linger: 0 };
                setsockopt(&connection.as_fd(), Linger, &now).unwrap();
                Err(End::Script)
            }
        };
        if let Err(end) = result {
            return end;
        }
    }
    End::Script
}
