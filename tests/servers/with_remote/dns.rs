//! `dns` against dnsmasq, and servers that misbehave, in a network namespace of its own, where port 53 is ours
//! and no packet leaves, and a mount namespace where `/etc` is.

mod answers;
mod checks;
mod families;
mod files;

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

/// What every dnsmasq here is told.
const DNSMASQ: [&str; 9] = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--user=root",
    "--pid-file=",
    "--log-facility=-",
    "--bind-interfaces",
    // What it does not know does not exist.
    "--address=/#/",
];

/// How long an address may stay in use.
const PATIENCE: Duration = Duration::from_secs(30);

/// The two namespaces, held by a process that only sleeps.
struct Namespace {
    holder: Daemon,
    pid: String,
}

impl Namespace {
    /// With this resolv.conf; nothing, said aloud, where namespaces cannot be had.
    fn new(resolv_conf: &str) -> Option<Namespace> {
        installed("ip")?;
        let allowed =
            Command::new("unshare").args(["--mount", "--net", "true"]).stderr(Stdio::null()).status();
        if !allowed.is_ok_and(|status| status.success()) {
            skip("unshare(1) may not make namespaces here");
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
        holder.until("the namespaces are there", || file.exists());
        let pid = fs::read_to_string(file).unwrap().trim().to_owned();
        Some(Namespace { holder, pid })
    }

    /// Writes a file below its /etc.
    fn etc(&self, name: &str, text: &str) {
        fs::write(self.holder.folder.join("etc").join(name), text).unwrap();
    }

    /// porthole in here.
    fn porthole<const N: usize>(&self, arguments: [&str; N]) -> Porthole {
        porthole(arguments).inside(&["/usr/bin/nsenter", "-t", &self.pid, "--mount", "--net"])
    }

    /// The same with these words, and --remote.
    fn remote(&self, words: &str) -> Porthole {
        porthole(words.split(' ').chain(["--remote"])).inside(&[
            "/usr/bin/nsenter",
            "-t",
            &self.pid,
            "--mount",
            "--net",
        ])
    }

    /// `dns` of these words, with --remote.
    fn dns(&self, words: &str) -> Porthole {
        let words: Vec<&str> = words.split(' ').collect();
        let arguments = [&["dns", "--remote", "-t", "20s"], words.as_slice()].concat();
        porthole(arguments).inside(&["/usr/bin/nsenter", "-t", &self.pid, "--mount", "--net"])
    }

    /// dnsmasq in here, at this address; nothing where it is not installed.
    fn dnsmasq(&self, address: &str, options: &[&str]) -> Option<Daemon> {
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

    /// A UDP socket in here on port 53 of this address.
    fn socket(&self, address: &str) -> UdpSocket {
        self.bound(address, |address| UdpSocket::bind((address, 53)))
    }

    /// The same of TCP, which listens.
    fn listener(&self, address: &str) -> TcpListener {
        self.bound(address, |address| TcpListener::bind((address, 53)))
    }

    /// A web server in here, on port 8080 of every address: each connection is answered at once.
    fn web(&self) {
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

    /// Has a file of its /etc be on a file system that never answers, as long as the daemon lives; nothing where there is
    /// no FUSE.
    fn dead(&self, name: &str) -> Option<Daemon> {
        let folder = open_folder();
        let file = folder.join("mounted");
        let options = "fd=3,rootmode=100000,user_id=0,group_id=0,allow_other";
        let script = format!(
            "exec 3<>/dev/fuse && touch /etc/{name} && mount -i -t fuse -o {options} dead /etc/{name} && \
             touch {} && exec sleep 1000",
            file.display()
        );
        if !Path::new("/dev/fuse").exists() {
            skip("no FUSE can be mounted here");
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
        // setns(2) moves the calling thread alone, and a socket stays where it was made.
        let made = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let start = Instant::now();
            loop {
                match bind(&address) {
                    // A child of another test, on its way to its exec, holds an earlier socket a little longer.
                    Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < PATIENCE => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    bound => return bound.unwrap(),
                }
            }
        });
        made.join().unwrap()
    }

    /// A server on this address that answers each question with these messages.
    fn server(&self, address: &str, answer: fn(&[u8]) -> Vec<Vec<u8>>) -> Server {
        let socket = self.socket(address);
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
                for message in answer(&buffer[..length]) {
                    // The peer may be gone once it knows enough.
                    let _ = socket.send_to(&message, peer);
                }
            }
        });
        Server { stop, thread: Some(thread) }
    }
}

/// A server that misbehaves, until it is dropped.
struct Server {
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

/// The question as an answer with these flags, and these bytes behind it as so many records.
fn reply(question: &[u8], flags: u16, count: u8, records: &[u8]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message[7] = count;
    message.extend(records);
    message
}

/// A record of 10.0.0.7 for A, none for AAAA.
fn address(question: &[u8]) -> Vec<u8> {
    if question[question.len() - 3] == 1 {
        reply(question, 0x8180, 1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x07")
    } else {
        reply(question, 0x8180, 0, b"")
    }
}

/// Whether a question asks for A.
fn is_of_a(question: &[u8]) -> bool {
    question[question.len() - 3] == 1
}

/// The machine itself, in the family that is asked for.
fn loopback(question: &[u8]) -> Vec<u8> {
    if is_of_a(question) {
        reply(question, 0x8180, 1, b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x07")
    } else {
        let mut record = b"\xc0\x0c\0\x1c\0\x01\0\0\0\0\0\x10".to_vec();
        record.extend([[0; 15].as_slice(), &[1]].concat());
        reply(question, 0x8180, 1, &record)
    }
}
