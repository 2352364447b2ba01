//! `dns` against dnsmasq, unbound and BIND; and against the servers of resolv.conf(5), in a separate
//! network namespace, where port 53 is free and no packet leaves, and in a mount namespace with its
//! own `/etc`.

mod local;
mod real;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};

use crate::daemon::{Daemon, installed, open_folder, skip};
use crate::support::command::{Porthole, porthole};

/// The options of every dnsmasq here.
const DNSMASQ: [&str; 9] = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--user=root",
    "--pid-file=",
    "--log-facility=-",
    "--bind-interfaces",
    // Unknown names do not exist.
    "--address=/#/",
];

/// How long an address may stay in use.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The two namespaces, held by a process that only sleeps.
pub struct Namespace {
    pub holder: Daemon,
    pid: String,
}

impl Namespace {
    /// Creates the namespaces, with this resolv.conf. If that is not possible, reports the test as
    /// skipped and returns `None`.
    pub fn new(resolv_conf: &str) -> Option<Namespace> {
        installed("ip")?;
        let allowed =
            Command::new("unshare").args(["--mount", "--net", "true"]).stderr(Stdio::null()).status();
        if !allowed.is_ok_and(|status| status.success()) {
            skip("unshare(1) cannot create namespaces here");
            return None;
        }
        let folder = open_folder();
        let etc = folder.join("etc");
        fs::create_dir(&etc).unwrap();
        fs::write(etc.join("resolv.conf"), resolv_conf).unwrap();
        fs::write(etc.join("passwd"), "root:x:0:0:root:/:/bin/sh\n").unwrap();
        let script = "ip link set lo up && mount --bind \"$PWD/etc\" /etc && echo $$ >pid.new && \
                      mv pid.new pid && exec sleep 1000";
        let arguments = ["--mount", "--net", "sh", "-c", script];
        let mut holder = Daemon::start(folder, Path::new("/usr/bin/unshare"), arguments, |_| {});
        let file = holder.folder.join("pid");
        holder.until("the namespaces exist", || file.exists());
        let pid = fs::read_to_string(file).unwrap().trim().to_owned();
        Some(Namespace { holder, pid })
    }

    /// Writes a file below its /etc.
    pub fn etc(&self, name: &str, text: &str) {
        fs::write(self.holder.folder.join("etc").join(name), text).unwrap();
    }

    /// Returns a run of porthole in the namespaces.
    pub fn porthole<const N: usize>(&self, arguments: [&str; N]) -> Porthole {
        porthole(arguments).inside(&["/usr/bin/nsenter", "-t", &self.pid, "--mount", "--net"])
    }

    /// Returns a run with these words and --remote.
    pub fn remote(&self, words: &str) -> Porthole {
        porthole(words.split(' ').chain(["--remote"])).inside(&[
            "/usr/bin/nsenter",
            "-t",
            &self.pid,
            "--mount",
            "--net",
        ])
    }

    /// Returns a run of `dns` with these words and --remote.
    pub fn dns(&self, words: &str) -> Porthole {
        let words: Vec<&str> = words.split(' ').collect();
        let arguments = [&["dns", "--remote", "-t", "20s"], words.as_slice()].concat();
        porthole(arguments).inside(&["/usr/bin/nsenter", "-t", &self.pid, "--mount", "--net"])
    }

    /// Starts dnsmasq in the namespaces, on this address; returns `None` if it is not installed.
    pub fn dnsmasq(&self, address: &str, options: &[&str]) -> Option<Daemon> {
        let program = installed("dnsmasq")?;
        let listen = format!("--listen-address={address}");
        let enter = ["-t", &self.pid, "--mount", "--net", program.to_str().unwrap(), &listen];
        let arguments = [&enter[..], &DNSMASQ, options].concat();
        let mut daemon = Daemon::start(open_folder(), Path::new("/usr/bin/nsenter"), arguments, |_| {});
        let table = format!("/proc/{}/net/udp", self.pid);
        let octets: Vec<u8> = address.split('.').map(|octet| octet.parse().unwrap()).collect();
        let entry = format!("{:08X}:0035", u32::from_ne_bytes(octets.try_into().unwrap()));
        daemon.until("it listens", || fs::read_to_string(&table).unwrap().contains(&entry));
        Some(daemon)
    }

    /// Returns a UDP socket in the namespace, on port 53 of this address.
    pub fn socket(&self, address: &str) -> UdpSocket {
        self.bound(address, |address| UdpSocket::bind((address, 53)))
    }

    /// Returns a TCP listener in the namespace, on port 53 of this address.
    pub fn listener(&self, address: &str) -> TcpListener {
        self.bound(address, |address| TcpListener::bind((address, 53)))
    }

    /// Starts a web server in the namespace, on port 8080 of every address, which answers each
    /// connection at once.
    pub fn web(&self) {
        let listener = self.bound("::", |address| TcpListener::bind((address, 8080)));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                let _ = connection.shutdown(Shutdown::Write);
                let _ = connection.read_to_end(&mut Vec::new());
            }
        });
    }

    /// Mounts a file system that never answers on a file of the namespaces' /etc, for as long as
    /// the daemon lives; returns `None` if FUSE is not available.
    pub fn dead(&self, name: &str) -> Option<Daemon> {
        let folder = open_folder();
        let file = folder.join("mounted");
        let options = "fd=3,rootmode=100000,user_id=0,group_id=0,allow_other";
        let script = format!(
            "exec 3<>/dev/fuse && touch /etc/{name} && mount -i -t fuse -o {options} dead /etc/{name} && \
             touch {} && exec sleep 1000",
            file.display()
        );
        if !Path::new("/dev/fuse").exists() {
            skip("FUSE is not available here");
            return None;
        }
        let enter = ["-t", &self.pid, "--mount", "sh", "-c", &script];
        let mut daemon = Daemon::start(folder, Path::new("/usr/bin/nsenter"), enter, |_| {});
        daemon.until("it is mounted", || file.exists());
        Some(daemon)
    }

    fn bound<T: Send + 'static>(&self, address: &str, bind: fn(&str) -> io::Result<T>) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.pid)).unwrap();
        let address = address.to_owned();
        // setns(2) moves only the calling thread, and a socket stays in the namespace where it was
        // created.
        let thread = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let start = Instant::now();
            loop {
                match bind(&address) {
                    // A child that another test has forked holds an earlier socket until it calls
                    // exec.
                    Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < TIMEOUT => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    bound => return bound.unwrap(),
                }
            }
        });
        thread.join().unwrap()
    }

    /// Starts a server on this address that answers each query with these messages.
    pub fn server(&self, address: &str, answer: fn(&[u8]) -> Vec<Vec<u8>>) -> Server {
        let socket = self.socket(address);
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                for message in answer(&buffer[..length]) {
                    // The peer may have closed its socket when it has its answer.
                    let _ = socket.send_to(&message, peer);
                }
            }
        });
        Server { stop, thread: Some(thread) }
    }
}

/// A server that misbehaves, until it is dropped.
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || std::thread::panicking(), "the server's thread panicked");
    }
}

/// Returns the reply to a query: with these flags, and these bytes as this number of records.
pub fn reply(question: &[u8], flags: u16, count: u8, records: &[u8]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message[7] = count;
    message.extend(records);
    message
}

/// Returns the reply with 10.0.0.7 for A, and without a record for AAAA.
pub fn address(question: &[u8]) -> Vec<u8> {
    if question[question.len() - 3] == 1 {
        reply(question, 0x8180, 1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x07")
    } else {
        reply(question, 0x8180, 0, b"")
    }
}

/// Returns whether a query is for type A.
pub fn is_of_a(question: &[u8]) -> bool {
    question[question.len() - 3] == 1
}

/// Returns the reply with a loopback address of the requested family.
pub fn loopback(question: &[u8]) -> Vec<u8> {
    if is_of_a(question) {
        reply(question, 0x8180, 1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x07")
    } else {
        let mut record = b"\xc0\x0c\0\x1c\0\x01\0\0\0\0\0\x10".to_vec();
        record.extend([[0; 15].as_slice(), &[1]].concat());
        reply(question, 0x8180, 1, &record)
    }
}
