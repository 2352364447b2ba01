//! `porthole ss`: sockets and their owners, from fabricated tables, in a network namespace of the
//! test, and compared with ss(8).

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use serde_json::{Value, json};

use crate::support::command::{for_other_users, output, porthole, until};
use crate::support::network::in_own_network;
use crate::support::proc_tree::ProcTree;
use crate::support::server::folder;
use crate::support::skip::skip;

const NOBODY: &str = "porthole: ss: ?: no process in PROC holds the socket: its owner is in another pid namespace, \
                      or it is the kernel";

/// This process, which holds the sockets: `7 (cli-1234)`.
fn own_process() -> String {
    let name = fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap();
    format!("{} ({})", std::process::id(), name.trim_end())
}

fn inode(socket: &impl std::os::fd::AsFd) -> u64 {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_fd().as_raw_fd())).unwrap();
    link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

fn fabricated() -> ProcTree {
    let tree = ProcTree::new(3);
    tree.network(
        1,
        &[
            " 0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 100 1 0 100 0",
            " 1: 00000000:0050 00000000:0000 0A 00000000:00000004 00:00000000 00000000 99999        0 101 1 0 100 0",
            " 2: 0100007F:1F90 0100007F:9DB4 01 00000005:00000007 00:00000000 00000000     0        0 102 1 0 100 0",
            " 3: 0100007F:1F90 0100007F:9DB5 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0",
        ],
        &["90: 00000000:0035 00000000:0000 07 00000000:00000900 00:00000000 00000000     0        0 103 2 0 0"],
        "0000000000000000: 00000002 00000000 00010000 0001 01 104 /run/a b\n\
         0000000000000000: 00000003 00000000 00000000 0001 03 105\n\
         0000000000000000: 00000002 00000000 00000000 0002 01 106 /run/new\nline\x1b.sock\n",
    );
    tree.process(1, "init", &[(0, "/dev/null"), (3, "socket:[100]"), (4, "socket:[100]")]);
    tree.process(7, "ngi\nnx", &[(3, "socket:[100]"), (5, "socket:[102]"), (6, "socket:[106]")]);
    for pid in 20..30 {
        tree.process(pid, "w", &[(3, "socket:[101]")]);
    }
    tree
}

#[test]
fn listeners_are_listed_with_queues_and_owners() {
    let tree = fabricated();
    porthole(["ss", "--proc", tree.path()]).run().is(
        0,
        "PROTO  STATE   QUEUE      LOCAL           USER   PROCESS\n\
         tcp    LISTEN  4 FULL     0.0.0.0:80      99999  20 (w), 21 (w), 22 (w), 23 (w), 24 (w), 25 (w), 26 (w), 27 (w) and 2 more\n\
         tcp    LISTEN  3 waiting  127.0.0.1:8080  root   1 (init), 7 (ngi\\nnx)\n\
         udp    UNCONN  recv 2304  0.0.0.0:53      root   ?",
        &NOBODY.replace("PROC", tree.path()),
    );
    for kinds in [&["-tln"][..], &["--tcp", "--listening"]] {
        let ran = porthole([&["ss", "--proc", tree.path()], kinds].concat()).run();
        assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (3, ""), "{}", ran.story());
    }
}

/// What can be read is listed, and the tables that are missing are named once.
#[test]
fn without_some_tables_the_other_sockets_are_listed() {
    let tree = fabricated();
    let path = tree.path();
    for name in ["udp", "unix"] {
        fs::remove_file(tree.0.join("1/net").join(name)).unwrap();
    }
    let why = format!(
        "{path}/1/net/udp, {path}/1/net/udp6, {path}/1/net/unix: no such file or directory; sockets are missing"
    );
    porthole(["ss", "-t", "-u", "-x", "--proc", path]).run().is(
        1,
        "PROTO  STATE   QUEUE      LOCAL           USER   PROCESS\n\
         tcp    LISTEN  4 FULL     0.0.0.0:80      99999  20 (w), 21 (w), 22 (w), 23 (w), 24 (w), 25 (w), 26 (w), 27 (w) and 2 more\n\
         tcp    LISTEN  3 waiting  127.0.0.1:8080  root   1 (init), 7 (ngi\\nnx)",
        &format!("porthole: ss: {why}"),
    );
    let ran = porthole(["ss", "-t", "-u", "-x", "--json", "--proc", path]).run();
    let json = ran.content();
    assert_eq!((ran.status, json["sockets"].as_array().unwrap().len()), (Some(1), 2), "{}", ran.story());
    assert_eq!(json["errors"], json!([why]));
    for (option, name) in [("-u", "udp"), ("-x", "unix")] {
        let why = format!("{path}/1/net/{name}: no such file or directory");
        porthole(["ss", option, "--proc", path]).run().is(1, "", &format!("porthole: ss: {why}"));
        let json = porthole(["ss", option, "--json", "--proc", path]).run().content();
        assert_eq!(json, json!({"sockets": [], "errors": [why]}));
    }
}

#[test]
fn all_states_are_listed_with_peers_and_unix_names() {
    let tree = fabricated();
    porthole(["ss", "-at", "--proc", tree.path()]).run().is(
        0,
        "PROTO  STATE      QUEUE           LOCAL           PEER             USER   PROCESS\n\
         tcp    LISTEN     4 FULL          0.0.0.0:80      -                99999  20 (w), 21 (w), 22 (w), 23 (w), 24 (w), 25 (w), 26 (w), 27 (w) and 2 more\n\
         tcp    LISTEN     3 waiting       127.0.0.1:8080  -                root   1 (init), 7 (ngi\\nnx)\n\
         tcp    ESTAB      recv 7, send 5  127.0.0.1:8080  127.0.0.1:40372  root   7 (ngi\\nnx)\n\
         tcp    TIME-WAIT  0               127.0.0.1:8080  127.0.0.1:40373  root   -",
        "",
    );
    porthole(["ss", "-x", "--proc", tree.path()]).run().is(
        0,
        "PROTO        STATE   QUEUE  LOCAL                    USER  PROCESS\n\
         unix-stream  LISTEN  0      /run/a b                 -     ?\n\
         unix-dgram   UNCONN  -      /run/new\\nline\\x1b.sock  -     7 (ngi\\nnx)",
        &NOBODY.replace("PROC", tree.path()),
    );
    let ran = porthole(["ss", "-ax", "--json", "--proc", tree.path()]).run();
    let json = ran.content();
    assert_eq!(
        json,
        json!({"sockets": [
            {"protocol": "unix", "socket_type": "stream", "state": "LISTEN", "local": "/run/a b", "accept_queue": 0, "backlog": null, "inode": 104, "processes": null},
            {"protocol": "unix", "socket_type": "stream", "state": "ESTAB", "local": "", "inode": 105, "processes": null},
            {"protocol": "unix", "socket_type": "dgram", "state": "UNCONN", "local": "/run/new\nline\u{1b}.sock", "inode": 106,
             "processes": [{"pid": 7, "process": "ngi\nnx"}]},
        ], "errors": [NOBODY.replace("PROC", tree.path()).replace("porthole: ss: ", "")]})
    );
    let ran = porthole(["ss", "-at", "--json", "--proc", tree.path()]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        json["sockets"].as_array().unwrap()[1..],
        [
            json!({"protocol": "tcp", "state": "LISTEN", "local": "127.0.0.1:8080", "accept_queue": 3, "backlog": null, "uid": 0, "user": "root",
                   "inode": 100, "processes": [{"pid": 1, "process": "init"}, {"pid": 7, "process": "ngi\nnx"}]}),
            json!({"protocol": "tcp", "state": "ESTAB", "local": "127.0.0.1:8080", "peer": "127.0.0.1:40372",
                   "receive_queue": 7, "send_queue": 5, "uid": 0, "user": "root", "inode": 102,
                   "processes": [{"pid": 7, "process": "ngi\nnx"}]}),
            json!({"protocol": "tcp", "state": "TIME-WAIT", "local": "127.0.0.1:8080", "peer": "127.0.0.1:40373",
                   "receive_queue": 0, "send_queue": 0, "uid": 0, "user": "root", "inode": 0, "processes": []}),
        ]
    );
}

#[test]
fn unreadable_malformed_and_huge_tables_are_reported() {
    let tree = ProcTree::new(3);
    tree.process(1, "init", &[]);
    porthole(["ss", "--proc", tree.path()]).run().is(
        1,
        "",
        &format!("porthole: ss: {}/1/net/tcp: no such file or directory", tree.path()),
    );
    porthole(["ss", "--proc", tree.path(), "--json"]).run().has(
        1,
        &json!({"sockets": [], "errors": [format!("{}/1/net/tcp: no such file or directory", tree.path())]}),
        &format!("porthole: ss: {}/1/net/tcp: no such file or directory", tree.path()),
    );
    let garbled = fabricated();
    let garbage = "  sl  local\n 0: garbage\n\n 1: \n";
    fs::write(garbled.path().to_owned() + "/1/net/tcp", garbage).unwrap();
    porthole(["ss", "-t", "--proc", garbled.path()]).run().is(
        1,
        "PROTO  STATE  QUEUE  LOCAL  USER  PROCESS",
        &format!("porthole: ss: {}/1/net/tcp: malformed lines ignored: 2", garbled.path()),
    );
    porthole(["ss", "--proc", "/none"]).run().is(1, "", "porthole: ss: /none: no proc is mounted there");
    porthole(["ss", "-al"]).run().is(1, "", "porthole: ss: --all: cannot be used together with --listening");
    let mut row = String::new();
    while row.len() < 5 << 20 {
        let _ =
            writeln!(row, " 0: 0100007F:1F90 0100007F:0001 01 0:0 00:0 0     0        0 {} 1 0", row.len());
    }
    tree.network(1, &[" 0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 0 1 0", &row], &[], "");
    porthole(["ss", "--proc", tree.path()]).run().is(
        1,
        "PROTO  STATE   QUEUE  LOCAL           USER  PROCESS\ntcp    LISTEN  0      127.0.0.1:8080  root  -",
        &format!(
            "porthole: ss: {}/1/net/tcp: too large to be read to its end; sockets are missing",
            tree.path()
        ),
    );
}

#[test]
fn real_sockets_are_those_of_ss() {
    in_own_network(|| {
        let tcp: Vec<TcpListener> = ["127.0.0.1:8080", "[::]:8081", "0.0.0.0:8082", "[::1]:8083"]
            .iter()
            .map(|address| TcpListener::bind(address).unwrap())
            .collect();
        let _waiting: Vec<_> = (0..2).map(|_| TcpStream::connect("127.0.0.1:8080").unwrap()).collect();
        let _accepted = (TcpStream::connect("127.0.0.1:8082").unwrap(), tcp[2].accept().unwrap());
        let udp = UdpSocket::bind("127.0.0.1:53").unwrap();
        let connected = UdpSocket::bind("127.0.0.1:54").unwrap();
        connected.connect("127.0.0.1:53").unwrap();
        let us = own_process();
        let table = format!(
            "PROTO  STATE   QUEUE      LOCAL           USER  PROCESS\n\
             tcp    LISTEN  2 waiting  127.0.0.1:8080  root  {us}\n\
             tcp    LISTEN  0          [::]:8081       root  {us}\n\
             tcp    LISTEN  0          0.0.0.0:8082    root  {us}\n\
             tcp    LISTEN  0          [::1]:8083      root  {us}\n\
             udp    UNCONN  0          127.0.0.1:53    root  {us}\n"
        );
        until(|| porthole(["ss"]).run(), |out| out == table);
        // From another network namespace, through a process inside this one.
        let mut inside = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = inside.id().to_string();
        let there = std::thread::scope(|scope| {
            // A separate thread joins the network namespace of the test runner.
            let elsewhere = fs::File::open(format!("/proc/{}/ns/net", std::process::id())).unwrap();
            let run = move || {
                nix::sched::setns(elsewhere, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                until(|| porthole(["ss", "-p", &pid]).run(), |out| out == table)
            };
            scope.spawn(run).join().unwrap()
        });
        inside.kill().unwrap();
        inside.wait().unwrap();
        assert_eq!((there.status, there.stderr.as_str()), (Some(0), ""), "{}", there.story());
        assert_same_sockets(&["-t"], &["-ltn"]);
        assert_same_sockets(&["-t", "-a"], &["-tan"]);
        assert_same_sockets(&["-u"], &["-lun"]);
        assert_same_sockets(&["-u", "-a"], &["-uan"]);
        drop((udp, connected));
    });
}

/// Asserts that ss(8) shows the same states, queues and addresses in this network namespace.
#[track_caller]
fn assert_same_sockets(ours: &[&str], theirs: &[&str]) {
    let Some(theirs) = ss(theirs) else { return };
    let mut theirs: Vec<String> = theirs
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let plain = |address: &str| address.replace('*', "[::]");
            let receive = if fields[0] == "LISTEN" || fields[1] != "0" { fields[1] } else { "0" };
            format!("{} {receive} {} {}", fields[0], plain(fields[3]), plain(fields[4]))
        })
        .collect();
    theirs.sort();
    let ran = porthole([&["ss", "--json"], ours].concat()).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let sockets = json["sockets"].as_array().unwrap();
    let mut ours: Vec<String> = sockets
        .iter()
        .map(|socket| {
            let local = socket["local"].as_str().unwrap();
            let none = if local.starts_with('[') { "[::]:[::]" } else { "0.0.0.0:[::]" };
            let none = if local.starts_with("[::1]") { "[::]:[::]" } else { none };
            let peer = socket["peer"].as_str().unwrap_or(none);
            let queue = if socket["state"] == "LISTEN" { "accept_queue" } else { "receive_queue" };
            format!("{} {} {local} {peer}", socket["state"].as_str().unwrap(), socket[queue])
        })
        .collect();
    ours.sort();
    assert_eq!(ours, theirs);
}

fn ss(arguments: &[&str]) -> Option<String> {
    match Command::new("ss").arg("-H").args(arguments).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip("ss is not installed");
            None
        }
        output => Some(String::from_utf8(output.unwrap().stdout).unwrap()),
    }
}

#[test]
fn a_full_accept_queue_is_marked() {
    in_own_network(|| {
        // The namespace has its own setting.
        fs::write("/proc/sys/net/core/somaxconn", "2").unwrap();
        let _listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        // A backlog of 2 holds 3 connections.
        let _waiting: Vec<_> = (0..3).map(|_| TcpStream::connect("127.0.0.1:8080").unwrap()).collect();
        let ran = until(|| porthole(["ss"]).run(), |out| out.contains("LISTEN  3 "));
        assert!(ran.stdout.contains("  3 FULL  127.0.0.1:8080  "), "{}", ran.story());
    });
}

#[test]
fn unix_sockets_of_every_type_are_listed() {
    let folder = folder();
    let place = folder.clone();
    in_own_network(move || {
        let stream = UnixListener::bind(place.join("new\nline and space.sock")).unwrap();
        let datagram = UnixDatagram::bind(place.join("datagram.sock")).unwrap();
        let name = UnixAddress::from_abstract_name(b"in\0ner").unwrap();
        let hidden = UnixListener::bind_addr(&name).unwrap();
        let seqpacket =
            socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(seqpacket.as_raw_fd(), &UnixAddr::new(&place.join("seqpacket.sock")).unwrap()).unwrap();
        listen(&seqpacket, Backlog::new(1).unwrap()).unwrap();
        let pair = UnixStream::pair().unwrap();
        let (us, at) = (own_process(), place.to_str().unwrap());
        let table = format!(
            "PROTO STATE QUEUE LOCAL USER PROCESS\n\
             unix-stream LISTEN 0 {at}/new\\nline and space.sock - {us}\n\
             unix-seqpacket LISTEN 0 {at}/seqpacket.sock - {us}\n\
             unix-stream LISTEN 0 @in@ner - {us}\n\
             unix-dgram UNCONN - {at}/datagram.sock - {us}\n"
        );
        until(|| porthole(["ss", "-x"]).run(), |out| same_words(out, &table));
        let ran = porthole(["ss", "-x", "-a", "--json"]).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        let mut ours: Vec<u64> = json["sockets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|socket| socket["inode"].as_u64().unwrap())
            .collect();
        let mut all = vec![
            inode(&stream),
            inode(&datagram),
            inode(&hidden),
            inode(&seqpacket),
            inode(&pair.0),
            inode(&pair.1),
        ];
        ours.sort_unstable();
        all.sort_unstable();
        assert_eq!(ours, all);
        if let Some(theirs) = ss(&["-xa"]) {
            let words: Vec<&str> = theirs.split_ascii_whitespace().collect();
            for inode in all {
                assert!(words.contains(&inode.to_string().as_str()), "{inode} in {theirs}");
            }
            assert_eq!(theirs.lines().filter(|line| line.starts_with("u_")).count(), ours.len(), "{theirs}");
        }
    });
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_full_accept_queue_of_a_unix_socket_is_marked() {
    let folder = folder();
    let path = folder.join("full.sock");
    in_own_network(move || {
        let new = |flags| {
            let flags = flags | SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).unwrap()
        };
        let (listener, address) = (new(SockFlag::empty()), UnixAddr::new(&path).unwrap());
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let clients = [(); 3].map(|()| new(SockFlag::SOCK_NONBLOCK));
        // A backlog of 1 holds 2 connections.
        let connected = clients.each_ref().map(|client| connect(client.as_raw_fd(), &address).is_ok());
        assert_eq!(connected, [true, true, false]);
        let table = format!(
            "PROTO STATE QUEUE LOCAL USER PROCESS\n\
             unix-seqpacket LISTEN 2 FULL {} - {}\n",
            path.display(),
            own_process()
        );
        let ran = porthole(["ss", "-x"]).run();
        assert!(same_words(&ran.stdout, &table), "{}", ran.story());
        let ran = porthole(["ss", "-x", "--json"]).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        let socket = &json["sockets"][0];
        assert_eq!([&socket["accept_queue"], &socket["backlog"]], [&json!(2), &json!(1)], "{}", ran.story());
    });
    fs::remove_dir_all(folder).unwrap();
}

/// Whether both tables have the same words.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split_ascii_whitespace().map(str::to_owned).collect()).collect()
    };
    words(one) == words(other)
}

#[test]
fn for_another_user_missing_owners_are_explained() {
    let Some(folder) = for_other_users() else { return };
    let program = folder.join("porthole");
    in_own_network(move || {
        let _listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(program).arg("ss");
        let ran = output(&mut command);
        let table = "PROTO  STATE   QUEUE  LOCAL           USER  PROCESS\n\
                     tcp    LISTEN  0      127.0.0.1:8080  root  ?\n";
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), table), "{}", ran.story());
        assert!(
            ran.stderr.starts_with("porthole: ss: the network is porthole's own; to see what pid 1 ")
                && ran.stderr.contains("\nporthole: ss: ?: an owner may be among ")
                && ran
                    .stderr
                    .contains("permission denied: its uid is 0, ours is 65532: run as 0:0, or as root with")
                && ran.stderr.lines().count() == 2,
            "{}",
            ran.story()
        );
    });
    fs::remove_dir_all(folder).unwrap();
}
