//! `dns` against dnsmasq, and servers that misbehave, in a network namespace of its own, where port 53 is ours
//! and no packet leaves, and a mount namespace where `/etc` is.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use serde_json::json;

use crate::daemon::{Daemon, installed, open_folder, skip};
use crate::support::command::{Porthole, has_feature, porthole};

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
        if !has_feature("remote") {
            return None;
        }
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

#[test]
fn addresses_aliases_and_what_is_expected() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let options = [
        "--host-record=four.example,10.0.0.5",
        "--host-record=six.example,fd00::5",
        "--host-record=both.example,10.0.0.5,fd00::5",
        "--cname=alias.example,both.example",
        "--txt-record=text.example,words",
    ];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (words, found) in [
        ("four.example", "10.0.0.5 (from 127.0.0.1) in <T>"),
        ("six.example", "fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("BOTH.Example.", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("alias.example", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example --expect fd00:0::5", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
        ("both.example --expect fd00::5 --expect 10.0.0.5", "10.0.0.5, fd00::5 (from 127.0.0.1) in <T>"),
    ] {
        let name = words.split(' ').next().unwrap().to_lowercase();
        namespace.dns(words).healthy(&format!("healthy: dns {name}: {found}"));
    }
    for (words, found) in [
        ("four.example --expect 10.0.0.6", "10.0.0.5 (from 127.0.0.1), expected 10.0.0.6"),
        ("both.example --expect ::1 --expect 10.0.0.5", "10.0.0.5, fd00::5 (from 127.0.0.1), expected ::1"),
        ("none.example", "no such name (NXDOMAIN from 127.0.0.1)"),
        ("none.example --expect ::1", "no such name (NXDOMAIN from 127.0.0.1)"),
        ("text.example", "text.example exists but has no address (from 127.0.0.1)"),
    ] {
        let name = words.split(' ').next().unwrap();
        namespace.dns(words).unhealthy(&format!("unhealthy: dns {name}: {found}"));
    }
    namespace.dns("alias.example -v").healthy(
        "healthy: dns alias.example: 10.0.0.5, fd00::5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         alias.example: 10.0.0.5, fd00::5, from 127.0.0.1",
    );
}

#[test]
fn the_search_list() {
    let conf = "search a.example b.example\nnameserver 127.0.0.1\noptions ndots:2 timeout:1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    let options = [
        "--host-record=db.b.example,10.0.0.5",
        "--host-record=x.y.a.example,10.0.0.6",
        "--host-record=p.q.r,10.0.0.7",
        "--host-record=p.q.r.a.example,10.0.0.8",
        "--host-record=l.m.n.b.example,10.0.0.9",
        "--txt-record=t.a.example,words",
    ];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (name, found) in [
        ("db", "10.0.0.5 (db.b.example, from 127.0.0.1) in <T>"),
        ("db.b.example.", "10.0.0.5 (from 127.0.0.1) in <T>"),
        ("x.y", "10.0.0.6 (x.y.a.example, from 127.0.0.1) in <T>"),
        // Dots enough: first as it is.
        ("p.q.r", "10.0.0.7 (from 127.0.0.1) in <T>"),
        ("l.m.n", "10.0.0.9 (l.m.n.b.example, from 127.0.0.1) in <T>"),
    ] {
        namespace.dns(name).healthy(&format!("healthy: dns {name}: {found}"));
    }
    for (name, found) in [
        ("db.", "no such name (NXDOMAIN from 127.0.0.1)"),
        ("no", "no such name (NXDOMAIN from 127.0.0.1; tried no.a.example, no.b.example, no)"),
        ("t", "t.a.example exists but has no address (from 127.0.0.1; tried t.a.example, t.b.example, t)"),
    ] {
        namespace.dns(name).unhealthy(&format!("unhealthy: dns {name}: {found}"));
    }
    namespace.dns("db -v").healthy(
        "healthy: dns db: 10.0.0.5 (db.b.example, from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search a.example, b.example; ndots 2\n  \
         db.a.example: no such name (NXDOMAIN), from 127.0.0.1\n  \
         db.b.example: 10.0.0.5, from 127.0.0.1",
    );
    let json = namespace.dns("db --json -v").json();
    let check = &json["checks"][0];
    assert_eq!(
        check["facts"],
        json!({"addresses": ["10.0.0.5"], "server": "127.0.0.1", "name": "db.b.example",
               "tried": ["db.a.example", "db.b.example"]})
    );
    assert_eq!(check["details"][0], "servers 127.0.0.1; search a.example, b.example; ndots 2");
    assert!(namespace.dns("db --json").json()["checks"][0].get("details").is_none());
}

#[test]
fn an_answer_that_needs_tcp() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let records: Vec<String> = (1..=40).map(|n| format!("--host-record=many.example,10.0.1.{n}")).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &records) else { return };
    let json = namespace.dns("many.example --expect 10.0.1.1 --expect 10.0.1.40 --json").json();
    let check = &json["checks"][0];
    assert_eq!(
        (&check["healthy"], check["facts"]["addresses"].as_array().unwrap().len()),
        (&json!(true), 40)
    );
    assert!(check["reason"].as_str().unwrap().ends_with(" and 32 more (from 127.0.0.1)"), "{check}");

    // Truncated, and nobody takes TCP connections.
    let _truncating = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8380, 0, b"")]);
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\n");
    namespace.dns("many.example").unhealthy(
        "unhealthy: dns many.example: truncated reply from 127.0.0.2, and over TCP: connection refused",
    );
    // Somebody does, and says nothing: the whole of the time is for that.
    let silent = namespace.listener("127.0.0.2");
    let ran = namespace.porthole(["dns", "many.example", "--remote", "-t", "1s"]).run();
    assert!(ran.elapsed >= Duration::from_secs(1), "{}", ran.story());
    ran.is(1, "unhealthy: dns many.example: truncated reply from 127.0.0.2, and over TCP: no reply", "");
    drop(silent);
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\nnameserver 127.0.0.1\n");
    assert_eq!(namespace.dns("many.example --json").json()["checks"][0]["facts"]["server"], "127.0.0.1");
}

#[test]
fn servers_that_do_not_answer() {
    let conf = "search a.example b.example c.example\nnameserver 127.0.0.2\nnameserver 127.0.0.1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    // Nothing on port 53.
    namespace
        .dns("db")
        .unhealthy("unhealthy: dns db: connection refused (127.0.0.2, 127.0.0.1), asked for db.a.example")
        .within(Duration::from_secs(10));
    // One that is silent, one that refuses.
    let silent = namespace.socket("127.0.0.2");
    namespace
        .porthole(["dns", "db.", "--remote", "-t", "2s"])
        .unhealthy("unhealthy: dns db.: no reply from 127.0.0.2; connection refused (127.0.0.1)");
    // One that is silent, one that answers: within the deadline, and the silent one is waited for once.
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    namespace
        .porthole(["dns", "db", "--remote", "-t", "12s"])
        .healthy("healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>")
        .within(Duration::from_secs(9));
    namespace.etc("resolv.conf", &format!("{conf}options timeout:1\n"));
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.5 (from 127.0.0.1) in <T>");
    // Patience of its own, over before the deadline.
    drop(dnsmasq);
    let second = namespace.socket("127.0.0.1");
    namespace.etc("resolv.conf", &format!("{conf}options timeout:1 attempts:1\n"));
    namespace
        .dns("db.")
        .unhealthy("unhealthy: dns db.: no reply from 127.0.0.2, 127.0.0.1")
        .within(Duration::from_secs(15));
    drop((silent, second));
}

#[test]
fn an_address_that_leads_nowhere() {
    let Some(namespace) = Namespace::new("nameserver 203.0.113.1\n") else { return };
    let ran = namespace.dns("db").run();
    // In the words of glibc, and of musl.
    let words =
        if ran.stdout.contains("network is") { "network is unreachable" } else { "network unreachable" };
    ran.is(1, &format!("unhealthy: dns db: {words} (203.0.113.1)"), "");
}

#[test]
fn answers_with_an_error_code() {
    let conf = "search a.example\nnameserver 127.0.0.2\nnameserver 127.0.0.3\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    let _failing = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8182, 0, b"")]);
    let refusing = namespace.server("127.0.0.3", |question| vec![reply(question, 0x8185, 0, b"")]);
    namespace.dns("db -v").unhealthy(
        "unhealthy: dns db: SERVFAIL from 127.0.0.2; REFUSED from 127.0.0.3, asked for db.a.example\n  \
         servers 127.0.0.2, 127.0.0.3; search a.example; ndots 1\n  \
         db.a.example: SERVFAIL from 127.0.0.2; REFUSED from 127.0.0.3\n  \
         db: SERVFAIL from 127.0.0.2; REFUSED from 127.0.0.3",
    );
    drop(refusing);
    let _answering = namespace.server("127.0.0.3", |question| vec![address(question)]);
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.3) in <T>");
    // The one that has an address but fails for the other type is good enough.
    let _half = namespace.server("127.0.0.4", |question| {
        let of_a = question[question.len() - 3] == 1;
        vec![if of_a { address(question) } else { reply(question, 0x8182, 0, b"") }]
    });
    namespace.etc("resolv.conf", "nameserver 127.0.0.4\n");
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.4; no answer for AAAA) in <T>");
}

#[test]
fn what_is_no_answer() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\noptions timeout:1\n") else { return };
    // Another number, another name, half of a message, an echo; then the answer.
    let patient = namespace.server("127.0.0.1", |question| {
        let answer = address(question);
        let (mut number, mut name) = (answer.clone(), answer.clone());
        number[0] ^= 1;
        name[13] = b'x';
        vec![number, name, answer[..20].to_vec(), question.to_vec(), vec![], vec![0xff; 9000], answer]
    });
    namespace.dns("db.").healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.1) in <T>");
    drop(patient);
    // Half an answer, of which the other half is not waited for long.
    let half = namespace.server("127.0.0.1", |question| {
        if question[question.len() - 3] == 1 { vec![address(question)] } else { vec![] }
    });
    namespace
        .porthole(["dns", "db.", "--remote", "-t", "2s"])
        .healthy("healthy: dns db.: 10.0.0.7 (from 127.0.0.1; no answer for AAAA) in <T>");
    drop(half);
    let _garbage = namespace.server("127.0.0.1", |_| vec![b"\x1b[2Jno DNS".to_vec()]);
    namespace
        .dns("db.")
        .unhealthy("unhealthy: dns db.: invalid reply from 127.0.0.1; received: \\x1b[2Jno DNS")
        .within(Duration::from_secs(15));
}

#[test]
fn a_configuration_that_is_missing_or_odd() {
    let Some(namespace) = Namespace::new("nameserver fe80::1%eth0\n\u{7f}garbage\n") else { return };
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    namespace.dns("db -v").healthy(
        "healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         /etc/resolv.conf: nameserver fe80::1%eth0 is ignored\n  \
         db: 10.0.0.5, from 127.0.0.1",
    );
    fs::remove_file(namespace.holder.folder.join("etc/resolv.conf")).unwrap();
    let missing = "/etc/resolv.conf: no such file or directory, so 127.0.0.1 is queried";
    namespace.dns("db -v").healthy(&format!(
        "healthy: dns db: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  {missing}\n  \
         db: 10.0.0.5, from 127.0.0.1"
    ));
    drop(dnsmasq);
    namespace.dns("db").unhealthy(&format!("unhealthy: dns db: connection refused (127.0.0.1); {missing}"));
}

#[test]
fn what_the_hosts_file_says_is_told_but_not_taken() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.etc("hosts", "127.0.0.1 localhost\n10.0.0.9 db\n10.0.0.8 db other\n");
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &["--host-record=db,10.0.0.5"]) else { return };
    namespace.dns("db. -v").healthy(
        "healthy: dns db.: 10.0.0.5 (from 127.0.0.1) in <T>\n  \
         servers 127.0.0.1; search none; ndots 1\n  \
         db: 10.0.0.5, from 127.0.0.1\n  \
         applications use 10.0.0.9, 10.0.0.8 from /etc/hosts",
    );
    namespace.dns("other").unhealthy("unhealthy: dns other: no such name (NXDOMAIN from 127.0.0.1)");
    assert_eq!(namespace.dns("other --json").json()["checks"][0]["facts"]["hosts"], json!(["10.0.0.8"]));
}

/// Whether a question asks for A.
fn is_of_a(question: &[u8]) -> bool {
    question[question.len() - 3] == 1
}

/// The first label of the name that is asked for.
fn label(question: &[u8]) -> &str {
    let length = usize::from(question[12]);
    std::str::from_utf8(&question[13..13 + length]).unwrap()
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

/// For names such as `a-servfail`: an address of that family, and for the other what the word says.
fn one_family(question: &[u8]) -> Vec<Vec<u8>> {
    let (good, other) = label(question).split_once('-').unwrap();
    if is_of_a(question) == (good == "a") {
        return vec![loopback(question)];
    }
    match other {
        "none" => vec![reply(question, 0x8180, 0, b"")],
        "nxdomain" => vec![reply(question, 0x8183, 0, b"")],
        "servfail" => vec![reply(question, 0x8182, 0, b"")],
        "refused" => vec![reply(question, 0x8185, 0, b"")],
        "truncated" => vec![reply(question, 0x8380, 0, b"")],
        "silent" => vec![],
        other => panic!("{other}"),
    }
}

#[test]
fn an_address_of_either_family_suffices() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let _server = namespace.server("127.0.0.1", one_family);
    // Of TCP somebody takes the connection, and says nothing.
    let _silent = namespace.listener("127.0.0.1");
    for family in ["a", "aaaa"] {
        let (address, unanswered) = if family == "a" { ("127.0.0.7", "AAAA") } else { ("::1", "A") };
        for other in ["none", "nxdomain", "servfail", "refused", "truncated", "silent"] {
            let name = format!("{family}-{other}.example");
            let missing = match other {
                "none" | "nxdomain" => String::new(),
                _ => format!("; no answer for {unanswered}"),
            };
            namespace
                .remote(&format!("dns {name}"))
                .healthy(&format!("healthy: dns {name}: {address} (from 127.0.0.1{missing}) in <T>"));
            namespace
                .remote(&format!("http http://{name}:8080/"))
                .healthy(&format!("healthy: http http://{name}:8080/: 200 OK in <T>"));
            namespace
                .remote(&format!("tcp {name}:8080"))
                .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
        }
    }
}

/// As dnsmasq has it with a domain of its own.
#[test]
fn one_family_of_dnsmasq() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let options = ["--address=/x.example/127.0.0.7", "--local=/x.example/", "--local=/y.example/"];
    let Some(_dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    namespace
        .remote("tcp x.example:8080")
        .healthy("healthy: tcp x.example:8080: connected (127.0.0.7) in <T>");
    namespace.remote("http http://y.example:8080/").unhealthy(
        "unhealthy: http http://y.example:8080/: could not resolve y.example: no such name (NXDOMAIN from 127.0.0.1)",
    );
}

#[test]
fn every_check_has_the_search_list() {
    let conf = "search a.example b.example\nnameserver 127.0.0.1\n";
    let Some(namespace) = Namespace::new(conf) else { return };
    namespace.web();
    let options = ["--host-record=sub.deep.b.example,127.0.0.7", "--host-record=db.a.example,::1"];
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    for (name, address) in [("sub.deep", "127.0.0.7"), ("db", "::1"), ("db.a.example.", "::1")] {
        namespace
            .remote(&format!("tcp {name}:8080"))
            .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
        namespace
            .remote(&format!("http http://{name}:8080/"))
            .healthy(&format!("healthy: http http://{name}:8080/: 200 OK in <T>"));
    }
    for (name, tried) in [
        ("no", "; tried no.a.example, no.b.example, no"),
        ("no.deep", "; tried no.deep, no.deep.a.example, no.deep.b.example"),
        ("db.", ""),
    ] {
        namespace.remote(&format!("tcp {name}:8080")).unhealthy(&format!(
            "unhealthy: tcp {name}:8080: could not resolve {name}: no such name (NXDOMAIN from 127.0.0.1{tried})"
        ));
    }
    namespace.etc("resolv.conf", &format!("{conf}options ndots:2\n"));
    namespace.remote("tcp no.deep:8080").unhealthy(
        "unhealthy: tcp no.deep:8080: could not resolve no.deep: no such name (NXDOMAIN from 127.0.0.1; \
         tried no.deep.a.example, no.deep.b.example, no.deep)",
    );
    drop(dnsmasq);
    // A server that drops all questions for AAAA: the time suffices for every name.
    let _half = namespace.server("127.0.0.1", |question| match (is_of_a(question), question[12 + 3]) {
        (false, _) => vec![],
        // The last name has no more than its own label.
        (true, 0) => vec![loopback(question)],
        (true, _) => vec![reply(question, 0x8183, 0, b"")],
    });
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (127.0.0.7) in <T>");
    // An error code for one name says nothing of the next.
    let _refusing = namespace.server("127.0.0.2", |question| match question[12 + 3] {
        0 => vec![loopback(question)],
        _ => vec![reply(question, 0x8185, 0, b"")],
    });
    namespace.etc("resolv.conf", &conf.replace("127.0.0.1", "127.0.0.2"));
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (::1) in <T>");
}

/// Addresses of documentation networks and of loopback, more than a line lists, in another order each time.
fn in_turn(question: &[u8]) -> Vec<Vec<u8>> {
    static TURN: AtomicUsize = AtomicUsize::new(1);
    let mut hosts: Vec<u8> = (1..=10).collect();
    if is_of_a(question) {
        hosts.rotate_left(TURN.fetch_add(3, Ordering::Relaxed) % 10);
        let record = |host: u8| [&b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\x09"[..], &[host]].concat();
        vec![reply(question, 0x8180, 10, &hosts.into_iter().flat_map(record).collect::<Vec<u8>>())]
    } else {
        vec![reply(question, 0x8180, 0, b"")]
    }
}

#[test]
fn the_same_trouble_has_the_same_words() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\noptions timeout:1\n") else { return };
    let turning = namespace.server("127.0.0.1", in_turn);
    let listed = "127.0.9.1, 127.0.9.2, 127.0.9.3, 127.0.9.4, 127.0.9.5, 127.0.9.6, 127.0.9.7, 127.0.9.8";
    for _ in 0..3 {
        namespace.dns("db. --expect 10.9.9.9").unhealthy(&format!(
            "unhealthy: dns db.: {listed} and 2 more (from 127.0.0.1), expected 10.9.9.9"
        ));
        namespace
            .remote("tcp db:9")
            .unhealthy(&format!("unhealthy: tcp db:9: connection refused ({listed}, 127.0.9.9, 127.0.9.10)"));
    }
    drop(turning);
    // What is no answer has the number of the question in it, which is another each time.
    let _garbage = namespace.server("127.0.0.1", |question| {
        let mut answer = reply(question, 0x8180, 0, b"");
        answer[13] = b'x';
        vec![answer]
    });
    let garbage = || namespace.dns("db.").run();
    let (one, other) = (garbage(), garbage());
    let start = "unhealthy: dns db.: invalid reply from 127.0.0.1; received: \\x81\\x80";
    assert!(one.stdout.starts_with(start), "{}", one.story());
    assert_eq!(one.stdout, other.stdout);
    // Over TCP, an end or a reset.
    let _truncating = namespace.server("127.0.0.2", |question| vec![reply(question, 0x8380, 0, b"")]);
    let listener = namespace.listener("127.0.0.2");
    namespace.etc("resolv.conf", "nameserver 127.0.0.2\n");
    std::thread::spawn(move || {
        for (at, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            // What is unread makes it a reset.
            if at % 2 == 0 {
                let _ = connection.read(&mut [0; 512]);
            } else {
                let _ = connection.read(&mut [0]);
            }
        }
    });
    for _ in 0..4 {
        namespace.dns("db.").unhealthy(
            "unhealthy: dns db.: truncated reply from 127.0.0.2, and over TCP: the connection was closed",
        );
    }
}

#[test]
fn nothing_is_waited_for_behind_an_answer_over_tcp() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    let _truncating = namespace.server("127.0.0.1", |question| vec![reply(question, 0x8380, 0, b"")]);
    let listener = namespace.listener("127.0.0.1");
    // A server that keeps its connections for the next question.
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut length = [0; 2];
            let _ = connection.read_exact(&mut length);
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            let _ = connection.read_exact(&mut question);
            let answer = address(&question);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = connection.write_all(&[&length[..], &answer].concat());
            kept.push(connection);
        }
    });
    let taken = (0..5).map(|_| {
        let json = namespace.dns("db. --json").json();
        assert_eq!(json["checks"][0]["healthy"], true, "{json}");
        json["checks"][0]["elapsed_ms"].as_f64().unwrap()
    });
    let quickest = taken.fold(f64::MAX, f64::min);
    assert!(quickest < 90.0, "{quickest}");
}

#[test]
fn every_check_has_the_servers() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.2\nnameserver 127.0.0.1\n") else { return };
    namespace.web();
    let tcp = |words: &str, reason: &str| {
        let target = words.split(' ').next().unwrap();
        let host = target.split(':').next().unwrap();
        namespace
            .remote(&format!("tcp {words}"))
            .unhealthy(&format!("unhealthy: tcp {target}: could not resolve {host}: {reason}"))
            .within(Duration::from_secs(10));
    };
    tcp("db:8080", "connection refused (127.0.0.2, 127.0.0.1)");
    // One is silent and the other is not there, then answers.
    let _silent = namespace.socket("127.0.0.2");
    tcp("db:8080 -t 1s", "no reply from 127.0.0.2; connection refused (127.0.0.1)");
    let records: Vec<String> = (1..=40).map(|n| format!("--host-record=many,127.0.1.{n}")).collect();
    let mut options: Vec<&str> = records.iter().map(String::as_str).collect();
    options.push("--host-record=db,127.0.0.7");
    let Some(dnsmasq) = namespace.dnsmasq("127.0.0.1", &options) else { return };
    namespace.remote("tcp db:8080").healthy("healthy: tcp db:8080: connected (127.0.0.7) in <T>");
    namespace.remote("http http://db:8080/").healthy("healthy: http http://db:8080/: 200 OK in <T>");
    // Too many for a datagram.
    namespace.remote("http http://many:8080/").healthy("healthy: http http://many:8080/: 200 OK in <T>");
    drop(dnsmasq);
    let failing = namespace.server("127.0.0.1", |question| vec![reply(question, 0x8182, 0, b"")]);
    tcp("db:8080", "no reply from 127.0.0.2; SERVFAIL from 127.0.0.1");
    drop(failing);
    let refusing = namespace.server("127.0.0.1", |question| {
        vec![reply(question, if is_of_a(question) { 0x8183 } else { 0x8185 }, 0, b"")]
    });
    namespace.etc("resolv.conf", "nameserver 127.0.0.1\n");
    tcp("db:8080", "REFUSED from 127.0.0.1, asked for AAAA (A: NXDOMAIN)");
    drop(refusing);
    let lying = namespace.server("127.0.0.1", |question| {
        let answer = loopback(question);
        let (mut number, mut name) = (answer.clone(), answer.clone());
        number[0] ^= 1;
        name[13] = b'x';
        vec![number, name]
    });
    let lied = namespace.remote("tcp db:8080 -t 1s").run();
    let start = "unhealthy: tcp db:8080: could not resolve db: invalid reply from 127.0.0.1; received: ";
    assert!(lied.stdout.starts_with(start) && lied.status == Some(1), "{}", lied.story());
    drop(lying);
    fs::remove_file(namespace.holder.folder.join("etc/resolv.conf")).unwrap();
    tcp(
        "db:8080",
        "connection refused (127.0.0.1); /etc/resolv.conf: no such file or directory, so 127.0.0.1 is queried",
    );
}

#[test]
fn what_the_hosts_file_says_comes_first() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.etc("hosts", "127.0.0.7 db db.example\n");
    namespace.web();
    let _server = namespace.server("127.0.0.1", |question| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        vec![reply(question, 0x8183, 0, b"")]
    });
    for (name, address) in
        [("db", "127.0.0.7"), ("db.example.", "127.0.0.7"), ("localhost", "::1"), ("app.localhost", "::1")]
    {
        namespace
            .remote(&format!("tcp {name}:8080"))
            .healthy(&format!("healthy: tcp {name}:8080: connected ({address}) in <T>"));
    }
    namespace.remote("http :8080").healthy("healthy: http http://localhost:8080/: 200 OK in <T>");
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
    namespace.remote("tcp other:8080").unhealthy(
        "unhealthy: tcp other:8080: could not resolve other: no such name (NXDOMAIN from 127.0.0.1)",
    );
    assert_eq!(ASKED.load(Ordering::Relaxed), 2);
}

#[test]
fn files_on_a_file_system_that_does_not_answer() {
    let Some(namespace) = Namespace::new("nameserver 127.0.0.1\n") else { return };
    namespace.web();
    let soon = Duration::from_secs(3);
    let Some(hosts) = namespace.dead("hosts") else { return };
    let silent = "the file system does not answer within 500 ms";
    namespace
        .remote("tcp db:8080 -t 500ms")
        .unhealthy(&format!("unhealthy: tcp db:8080: could not resolve db: /etc/hosts: {silent}"))
        .within(soon);
    namespace
        .remote("http :8080")
        .healthy("healthy: http http://localhost:8080/: 200 OK in <T>")
        .within(soon);
    // What it says is only told.
    let _server = namespace.server("127.0.0.1", |question| vec![address(question)]);
    namespace
        .remote("dns db -t 500ms")
        .healthy("healthy: dns db: 10.0.0.7 (from 127.0.0.1) in <T>")
        .within(soon);
    drop(hosts);
    let Some(namespace) = Namespace::new("") else { return };
    let Some(_conf) = namespace.dead("resolv.conf") else { return };
    for check in ["dns db", "tcp db:8080"] {
        let ran = namespace.remote(&format!("{check} -t 500ms")).run().within(soon);
        let end = format!("/etc/resolv.conf: {silent}\n");
        assert!(ran.stdout.ends_with(&end) && ran.status == Some(1), "{}", ran.story());
    }
}
