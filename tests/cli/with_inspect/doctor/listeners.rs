//! Expected ports, and accept queues.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

use super::{LISTENING, WITH_ETH0, World};
use crate::support::command::{porthole, until};
use crate::support::network::{bound, in_own_network};
use crate::support::processes::Sleeper;
use crate::support::server::folder;

#[test]
fn expected_ports_must_be_reachable() {
    let world = World::new();
    let expect = ["--expect-port", "8080"];
    let row = |address: &str| {
        format!("  sl  local_address\n 0: {address}:1F90 {} 0A 0:0 00:0 0 65532 0 100 1 0\n", "0:0")
    };
    let application = "    Application: listen on 0.0.0.0:8080, or on [::]:8080 for IPv6 too: set its address option or variable, such as HOST=0.0.0.0";
    world.file("1/net/tcp", "  sl  local_address\n").prints(
        &expect,
        1,
        "error: nothing listens on TCP port 8080\n    \
             seen: @/1/net/tcp: no listening socket\n    \
             Application: listen on 0.0.0.0:8080 or [::]:8080: set its port option or variable, such as PORT=8080\n\
         pid 1 (server): 1 error",
    );
    world.file("1/net/tcp6", row("00000000000000000000000001000000")).prints(
        &expect,
        1,
        &format!(
            "error: TCP port 8080 is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside the container\n    \
                 seen: @/1/net/tcp6: LISTEN [::1]:8080\n\
             {application}\n    \
                 Docker: check it where it listens: porthole tcp [::1]:8080\n\
             pid 1 (server): 1 error"
        ),
    );
    let ran = world.run(&["--expect-port", "81"]);
    assert!(
        ran.stdout.contains("    seen: ") && ran.stdout.contains(": LISTEN [::1]:8080\n"),
        "{}",
        ran.story()
    );
    fs::remove_file(format!("{}/1/net/tcp6", world.proc.path())).unwrap();
    for (address, addresses, level, status) in [
        ("0100007F", "loopback addresses only: it is unreachable from outside the container", "error", 1),
        ("0A00000A", "10.0.0.10:8080 only: a check of localhost does not reach it", "warning", 0),
    ] {
        let ran = world.file("1/net/tcp", row(address)).run(&expect);
        let start = format!("{level}: TCP port 8080 is bound to {addresses}\n");
        assert!(ran.stdout.starts_with(&start), "{}", ran.story());
        assert_eq!(ran.status, Some(status));
    }
    // One address for health checks, one for everything else.
    let both = row("0A00000A") + row("0100007F").lines().nth(1).unwrap();
    world.file("1/net/tcp", both).prints(&expect, 0, "in order: pid 1 (server), listening on no TCP port");
    for wrong in ["0", "65536", "x", ""] {
        let why = format!("doctor: --expect-port: expected a port from 1 to 65535, got '{wrong}'");
        porthole(["doctor", "--expect-port", wrong]).refused(&why);
    }
}

/// Whoever listens on loopback only cannot be reached by other containers, whether that was asked
/// or not.
#[test]
fn a_service_on_loopback_only_is_a_warning_where_there_is_a_network() {
    let world = World::new();
    let quiet = |world: &World| {
        let ran = world.run(&[]);
        assert!(!ran.stdout.contains("is bound to"), "{}", ran.story());
    };
    let table = |address: &str| LISTENING.replace("00000000:1F90", &format!("{address}:1F90"));
    world.file("root/etc/resolv.conf", "nameserver 10.0.0.10\n").file("1/net/tcp", table("0100007F"));
    world.holds_the_listener();
    // Nobody else can reach a container without a network.
    quiet(&world);
    world.file("1/net/dev", WITH_ETH0).prints(
        &[],
        0,
        "warning: TCP port 8080 is bound to loopback addresses only: it is unreachable from outside the container\n    \
             seen: @/1/net/tcp: LISTEN 127.0.0.1:8080\n    \
             Application: listen on 0.0.0.0:8080, or on [::]:8080 for IPv6 too: set its address option or variable, such as HOST=0.0.0.0\n    \
             Docker: check it where it listens: porthole tcp 127.0.0.1:8080\n\
         pid 1 (server): 1 warning",
    );
    // A tunnel that the kernel creates by itself leads nowhere.
    world.file("1/net/dev", super::ONLY_LO.to_owned() + " tunl0: 0 0\n");
    quiet(&world);
    world.file("1/net/dev", WITH_ETH0);
    // A port for administrators, and a proxy in the same pod, are meant to be that way.
    let other =
        "1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 101 1 0 100 0\n";
    world.file("1/net/tcp", table("0100007F") + other);
    quiet(&world);
    // Of another process: Docker's name server, for example.
    world.file("1/net/tcp", table("0B00007F").replace(" 100 1 ", " 102 1 "));
    quiet(&world);
    world.file("1/net/tcp", "  sl  local_address\n");
    world.file("1/net/tcp6", table("00000000000000000000000001000000"));
    let ran = world.run(&[]);
    let start = "warning: TCP port 8080 is bound to ::1 only: it is unreachable from 127.0.0.1 and from outside the container\n";
    assert!(ran.stdout.starts_with(start), "{}", ran.story());
    // What was asked is an error, and is said once.
    let ran = world.run(&["--expect-port", "8080"]);
    let start = start.replace("warning", "error");
    assert!(ran.stdout.starts_with(&start) && ran.stdout.ends_with(": 1 error\n"), "{}", ran.story());
}

#[test]
fn connections_that_wait_to_be_accepted_are_reported() {
    in_own_network(|| {
        fs::write("/proc/sys/net/core/somaxconn", "2").unwrap();
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let sleeper = Sleeper::called("of-this-network", &[]);
        let pid = sleeper.pid().to_string();
        let run = || porthole(["doctor", "-p", &pid, "--expect-port", "8080"]).run();
        let one = TcpStream::connect("127.0.0.1:8080").unwrap();
        let ran = until(run, |out| out.contains("accept queue 1\n"));
        let finding = "warning: 1 connection waits to be accepted on 127.0.0.1:8080: the application is not accepting connections\n";
        assert!(ran.stdout.contains(finding), "{}", ran.story());
        let more =
            [TcpStream::connect("127.0.0.1:8080").unwrap(), TcpStream::connect("127.0.0.1:8080").unwrap()];
        let ran = until(run, |out| out.contains("accept queue 3\n"));
        let finding =
            "error: the accept queue of 127.0.0.1:8080 is full: 3 connections wait, new ones are dropped\n";
        assert!(
            ran.stdout.contains(finding) && ran.stdout.contains("    seen: sock_diag(7): backlog 2\n"),
            "{}",
            ran.story()
        );
        assert_eq!(ran.status, Some(1));
        let ran = porthole(["tcp", "127.0.0.1:8080", "--explain", "--expect", "x", "-t", "50ms"]).run();
        assert!(
            ran.stdout.contains("; its accept queue is full (backlog 2): new connections are dropped"),
            "{}",
            ran.story()
        );
        drop((listener, one, more));
    });
}

/// Unix sockets have accept queues too.
#[test]
fn a_full_accept_queue_of_a_unix_socket_is_an_error() {
    let folder = folder();
    let path = folder.join("app.sock");
    let shown = path.to_str().unwrap().to_owned();
    in_own_network(move || {
        fs::write("/proc/sys/net/core/somaxconn", "1").unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let sleeper = Sleeper::called("of-this-network", &[]);
        let pid = sleeper.pid().to_string();
        let doctor = || porthole(["doctor", "-p", &pid]).run();
        let one = UnixStream::connect(&path).unwrap();
        assert!(!doctor().stdout.contains(&shown));
        let more = UnixStream::connect(&path).unwrap();
        let ran = doctor();
        let start = format!(
            "error: the accept queue of {shown} is full: 2 connections wait, new ones are not accepted\n    \
                 seen: /proc/{pid}/net/unix: {shown} LISTEN, accept queue 2\n    \
                 seen: sock_diag(7): backlog 1\n"
        );
        assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
        let ran = porthole(["unix", &shown, "--explain", "-t", "1s"]).run();
        let line = format!(
            "  a socket with this name is listening in this network namespace, held by pid {} (",
            std::process::id()
        );
        let end = "; its accept queue is full (backlog 1): new connections are not accepted\n";
        assert!(ran.stdout.contains(&line) && ran.stdout.contains(end), "{}", ran.story());
        drop((listener, one, more));
    });
    fs::remove_dir_all(folder).unwrap();
}

/// Whether `[::]` accepts IPv4 too is not shown in proc.
#[test]
fn a_listener_for_ipv6_only_is_an_error() {
    in_own_network(|| {
        let sleeper = Sleeper::called("of-this-network", &[]);
        let pid = sleeper.pid().to_string();
        let doctor = |only: &str| {
            fs::write("/proc/sys/net/ipv6/bindv6only", only).unwrap();
            let listener = bound("[::]:8080");
            let run = || porthole(["doctor", "-p", &pid, "--expect-port", "8080"]).run();
            let (ran, ipv4) = (run(), TcpListener::bind("127.0.0.1:8080"));
            // The IPv4 address is free only if the other socket does not accept IPv4.
            if ipv4.is_ok() {
                let ran = run();
                let start = "error: TCP port 8080 is bound to 127.0.0.1:8080, [::]:8080: IPv4 is served on loopback only and unreachable";
                assert!(ran.status == Some(1) && ran.stdout.starts_with(start), "{}", ran.story());
                let change = "    Application: listen on 0.0.0.0:8080, or let [::] accept both";
                assert!(ran.stdout.contains(change), "{}", ran.story());
            }
            assert_eq!(ipv4.is_ok(), only == "1");
            drop((listener, ipv4));
            ran
        };
        let ran = doctor("0");
        assert!(ran.status == Some(0) && !ran.stdout.contains("8080"), "{}", ran.story());
        let ran = doctor("1");
        let finding =
            "error: TCP port 8080 is bound to [::]:8080 only, which does not accept IPv4 (IPV6_V6ONLY)\n";
        assert!(ran.status == Some(1) && ran.stdout.starts_with(finding), "{}", ran.story());
        // The usual advice, to listen on [::], would change nothing here.
        assert!(
            ran.stdout.contains("    Application: listen on 0.0.0.0:8080 too, or let [::] accept both"),
            "{}",
            ran.story()
        );
    });
}

/// Findings about queues are limited in number.
#[test]
fn waiting_connections_of_many_listeners_are_summed_up() {
    let rows: Vec<String> = (1..=100)
        .map(|n| format!("{n}: 00000000:{n:04X} 0:0 0A 00000000:00000003 00:0 0 65532 0 {n} 1 0\n"))
        .collect();
    let world = World::new();
    let ran = world.file("1/net/tcp", format!("  sl  local_address\n{}", rows.concat())).run(&[]);
    let more = "warning: connections wait on 92 more listeners\n";
    assert!(ran.stdout.contains(more) && ran.stdout.ends_with(": 9 warnings\n"), "{}", ran.story());
}
