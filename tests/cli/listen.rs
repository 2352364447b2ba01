//! `porthole listen`.

mod with_inspect;

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use serde_json::json;

use crate::support::command::{Ran, binary, for_other_users, has_feature, output, porthole, until};
use crate::support::network::{NO_NETLINK, bound, in_own_network};
use crate::support::server::folder;
use crate::support::skip::skip;

/// Returns this process, which holds the listeners, as it is printed: `pid 7 (cli-1234)`.
fn ourselves() -> String {
    format!("pid {} ({})", std::process::id(), our_name())
}

fn our_name() -> String {
    std::fs::read_to_string(format!("/proc/{}/comm", std::process::id())).unwrap().trim_end().to_owned()
}

/// Runs the check until no child of another test also holds our sockets: the check may name that
/// child instead of us.
#[track_caller]
fn listens(arguments: &[&str]) -> Ran {
    let run = || porthole([&["listen"], arguments].concat()).run();
    until(run, |out| !out.contains(", pid ") || out.contains(&ourselves()))
}

#[test]
fn a_listener_is_found_with_address_owner_and_queue() {
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "127.1.2.3:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port().to_string();
        let us = ourselves();
        let found = format!("healthy: listen {port}: listening on {address}, {us}, accept queue 0 in <T>");
        listens(&[&port]).is(0, &found, "");
    }
}

#[test]
fn connections_that_wait_to_be_accepted_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let _waiting: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let start = Instant::now();
    loop {
        let json = porthole(["listen", &address.port().to_string(), "--json"]).json();
        let facts = &json["checks"][0]["facts"];
        if facts["accept_queue"] == 3 && facts["pid"] == std::process::id() {
            assert_eq!(
                *facts,
                json!({"addresses": [address.to_string()], "uid": nix::unistd::getuid().as_raw(), "pid": std::process::id(),
                       "process": our_name(), "accept_queue": 3})
            );
            return;
        }
        // The last part of a handshake may still be in transit, or a child of another test may hold
        // the listener too.
        assert!(start.elapsed() < Duration::from_secs(30), "{json}");
    }
}

#[test]
fn a_listener_is_reached_at_its_own_addresses_only() {
    let reached = |bound: &str, requested: &str| {
        let listener = TcpListener::bind(bound).unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port().to_string();
        let ran = listens(&[&port, "--address", requested]);
        if ran.status == Some(0) {
            assert!(
                ran.stdout.contains(&format!(": listening on {address}, {}", ourselves())),
                "{}",
                ran.story()
            );
            return true;
        }
        let requested = requested.trim_matches(['[', ']']);
        ran.is(
            1,
            &format!(
                "unhealthy: listen {port}: TCP port {port} has a listener, but only at {address}, expected {requested}"
            ),
            "",
        );
        false
    };
    assert!(reached("127.0.0.1:0", "127.0.0.1"));
    assert!(reached("0.0.0.0:0", "10.0.0.5") && reached("0.0.0.0:0", "0.0.0.0"));
    assert!(reached("[::]:0", "::1") && reached("[::]:0", "[::1]") && reached("[::]:0", "10.0.0.5"));
    assert!(reached("[::1]:0", "[::1]"));
    assert!(!reached("127.0.0.1:0", "10.0.0.5") && !reached("127.0.0.1:0", "0.0.0.0"));
    assert!(!reached("0.0.0.0:0", "::1") && !reached("[::1]:0", "127.0.0.1") && !reached("[::1]:0", "::"));
}

#[test]
fn an_ipv6_only_wildcard_is_not_reached_by_ipv4() {
    in_own_network(|| {
        let run = |only: &str| {
            std::fs::write("/proc/sys/net/ipv6/bindv6only", only).unwrap();
            let _listener = bound("[::]:8080");
            let requested = ["127.0.0.1", "::1"];
            requested.map(|requested| porthole(["listen", "8080", "--address", requested]).run())
        };
        let [four, six] = run("0");
        assert_eq!((four.status, six.status), (Some(0), Some(0)), "{}{}", four.story(), six.story());
        let [four, six] = run("1");
        assert!(six.stdout.starts_with("healthy: listen 8080: listening on [::]:8080, "), "{}", six.story());
        let only =
            "TCP port 8080 has a listener, but only at [::]:8080 (accepts IPv6 only), expected 127.0.0.1";
        four.is(1, &format!("unhealthy: listen 8080: {only}"), "");
    });
}

/// The kernel reports over netlink, if that is allowed, whether an IPv6 wildcard accepts IPv4; the
/// tables in /proc/net do not.
#[test]
fn an_ipv6_wildcard_that_may_accept_ipv4_gives_no_verdict() {
    in_own_network(|| {
        let run = |arguments: &[&str]| {
            output(Command::new("python3").args(["-c", NO_NETLINK, &binary()]).args(arguments))
        };
        let _listener = TcpListener::bind("[::]:8080").unwrap();
        let _datagrams = UdpSocket::bind("[::]:53").unwrap();
        let ran = run(&["listen", "8080"]);
        if ran.status != Some(0) {
            return skip(&format!("no program can be started without netlink: {}", ran.stderr));
        }
        let unknown = "is bound, but it is unknown whether it accepts IPv4: the kernel does not report IPV6_V6ONLY here \
                       (sock_diag(7))";
        run(&["listen", "8080", "--address", "127.0.0.1"]).is(
            1,
            "",
            &format!("porthole: listen 8080: TCP [::]:8080 {unknown}; porthole tcp 127.0.0.1:8080 finds out by connecting"),
        );
        run(&["listen", "53", "--udp", "--address", "127.0.0.1"]).is(
            1,
            "",
            &format!(
                "porthole: listen 53: UDP [::]:53 {unknown}; without --address only the port is checked"
            ),
        );
        for arguments in [["listen", "8080", "--address", "::1"], ["listen", "53", "--udp", "--address=::1"]]
        {
            let ran = run(&arguments);
            assert_eq!(ran.status, Some(0), "{}", ran.story());
        }
        // With netlink, the kernel reports both.
        for arguments in
            [["8080", "--address", "127.0.0.1"].as_slice(), &["53", "--udp", "--address", "127.0.0.1"]]
        {
            let ran = porthole([&["listen"], arguments].concat()).run();
            assert_eq!(ran.status, Some(0), "{}", ran.story());
        }
        // A listener on an IPv4 address certainly accepts IPv4.
        std::fs::write("/proc/sys/net/ipv6/bindv6only", "1").unwrap();
        let (_six, _four) = (TcpListener::bind("[::]:81").unwrap(), TcpListener::bind("0.0.0.0:81").unwrap());
        let ran = run(&["listen", "81", "--address", "127.0.0.1"]);
        assert!(ran.stdout.starts_with("healthy: listen 81: listening on 0.0.0.0:81, "), "{}", ran.story());
    });
}

/// A proc mounted with subset=pid has no `net` of its own, but each process directory has one.
#[test]
fn a_proc_with_only_processes_is_enough() {
    let Some(folder) = for_other_users() else { return };
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = folder.join("app.sock");
    let _unix = UnixListener::bind(&path).unwrap();
    let [tcp_port, udp_port] =
        [tcp.local_addr(), udp.local_addr()].map(|local| local.unwrap().port().to_string());
    let path = path.to_str().unwrap();
    let mut runs = vec![vec!["listen", &tcp_port], vec!["listen", &udp_port, "--udp"], vec!["listen", path]];
    let port = format!("--expect-port={tcp_port}");
    let target = format!("127.0.0.1:{tcp_port}");
    if has_feature("inspect") {
        runs.extend([
            vec!["ss", "-t"],
            vec!["doctor", &port],
            vec!["tcp", &target, "--explain", "--expect", "x", "-t", "50ms"],
        ]);
    }
    for arguments in runs {
        for launcher in [&["env"][..], &["python3", "-c", NO_NETLINK]] {
            let script =
                "mount -t proc -o subset=pid proc /proc && ! test -e /proc/net || exit 77; exec \"$@\"";
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", script, "sh"]).args(launcher).arg(folder.join("porthole"));
            let ran = output(command.args(&arguments));
            if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
                skip(&format!("cannot mount a proc with subset=pid: {}", ran.stderr));
                break;
            }
            let found = match arguments[0] {
                "listen" => {
                    ran.status == Some(0) && ran.stdout.contains("listening on ")
                        || ran.stdout.contains(": listening, ")
                }
                "ss" => ran.status == Some(0) && ran.stdout.contains(&target),
                "tcp" => ran.stdout.contains(&format!(" listens on {target}; ")),
                _ => ran.stdout.contains(&format!("TCP port {tcp_port} is bound to loopback addresses only")),
            };
            assert!(found && !ran.stderr.contains("net/"), "{}", ran.story());
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn other_listening_sockets_are_listed() {
    let _other = TcpListener::bind("127.0.0.1:0").unwrap();
    // The port of tcpmux, which is not in use.
    let ran = porthole(["listen", "1"]).run();
    let start = "unhealthy: listen 1: nothing listens on TCP port 1; listening sockets: ";
    assert!(ran.status == Some(1) && ran.stderr.is_empty(), "{}", ran.story());
    assert!(ran.stdout.strip_prefix(start).unwrap().contains(':'), "{}", ran.story());
    in_own_network(|| {
        let none = "unhealthy: listen 1: nothing listens on UDP port 1";
        let unhealthy = |end: &str| porthole(["listen", "1", "--udp"]).unhealthy(&format!("{none}{end}"));
        unhealthy(" or on any other in this network namespace");
        // The ports of clients change all the time, so they are not listed.
        let _client = UdpSocket::bind("127.0.0.1:0").unwrap();
        unhealthy(" in this network namespace");
        let _server = UdpSocket::bind("127.0.0.1:514").unwrap();
        unhealthy("; listening sockets: 127.0.0.1:514");
    });
}

#[test]
fn udp_sockets_count_unless_they_are_connected() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        let port = address.port().to_string();
        let found = format!("healthy: listen {port}: listening on {address}, {} in <T>", ourselves());
        listens(&[&port, "--udp"]).is(0, &found, "");
        porthole(["listen", "--udp", "--address", "10.0.0.5", &port]).unhealthy(&format!(
            "unhealthy: listen {port}: UDP port {port} has a listener, but only at {address}, expected 10.0.0.5"
        ));
        socket.connect(address).unwrap();
        assert_eq!(porthole(["listen", &port, "--udp"]).run().status, Some(1));
    }
}

#[test]
fn unix_sockets_of_every_type_are_found() {
    let folder = folder();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let _stream = UnixListener::bind(path("with space and\nnewline")).unwrap();
    let _datagram = UnixDatagram::bind(path("datagram")).unwrap();
    let seqpacket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(std::os::fd::AsRawFd::as_raw_fd(&seqpacket), &UnixAddr::new(path("seqpacket").as_str()).unwrap())
        .unwrap();
    listen(&seqpacket, Backlog::new(1).unwrap()).unwrap();
    for (name, found) in [
        ("with space and\nnewline", "listening"),
        ("datagram", "bound for datagrams"),
        ("seqpacket", "listening for sequenced packets"),
    ] {
        let shown = path(name).replace('\n', "\\n");
        let found = format!("healthy: listen {shown}: {found}, {} in <T>", ourselves());
        listens(&[&path(name)]).is(0, &found, "");
    }
    let pid = format!("\"pid\": {},", std::process::id());
    let ran = until(|| porthole(["listen", &path("datagram"), "--json"]).run(), |out| out.contains(&pid));
    assert_eq!(
        ran.json()["checks"][0]["facts"],
        json!({"type": "datagram", "pid": std::process::id(), "process": our_name()})
    );
    // As when /var/run is a link to /run.
    let link = crate::support::server::folder();
    symlink(&folder, link.join("run")).unwrap();
    let other = link.join("run/seqpacket");
    let other = other.to_str().unwrap();
    let found = format!("healthy: listen {other}: listening for sequenced packets, {} in <T>", ourselves());
    listens(&[other]).is(0, &found, "");
    std::fs::remove_dir_all(link).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn abstract_unix_sockets_are_found_by_their_exact_name() {
    let name = format!("porthole-listen-{}", std::process::id());
    let none =
        format!("unhealthy: listen @{name}: no socket with this name is listening in this network namespace");
    porthole(["listen", &format!("@{name}")]).unhealthy(&none);
    let address = UnixAddress::from_abstract_name(format!("{name}-and-more")).unwrap();
    let _longer = UnixListener::bind_addr(&address).unwrap();
    porthole(["listen", &format!("@{name}")]).unhealthy(&none);
    let _listener = UnixListener::bind_addr(&UnixAddress::from_abstract_name(&name).unwrap()).unwrap();
    let found = format!("healthy: listen @{name}: listening, {} in <T>", ourselves());
    listens(&[&format!("@{name}")]).is(0, &found, "");
}

#[test]
fn the_reason_why_no_unix_socket_listens_is_named() {
    let folder = folder();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("file"), "").unwrap();
    drop(UnixListener::bind(path("stale")).unwrap());
    let bound = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(std::os::fd::AsRawFd::as_raw_fd(&bound), &UnixAddr::new(path("bound").as_str()).unwrap()).unwrap();
    // Listening, but its path was removed, so nobody can connect.
    let _unlinked = UnixListener::bind(path("unlinked")).unwrap();
    std::fs::remove_file(path("unlinked")).unwrap();
    let no_listener = "the socket exists, but nothing in this network namespace listens on it";
    for (name, reason) in [
        ("none", "no such socket"),
        ("file", "not a socket"),
        ("stale", no_listener),
        ("bound", no_listener),
        ("unlinked", "no such socket"),
    ] {
        porthole(["listen", &path(name)]).unhealthy(&format!("unhealthy: listen {}: {reason}", path(name)));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_user_is_printed_if_the_process_is_not_visible() {
    let Some(folder) = for_other_users() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
    output(command.arg(folder.join("porthole")).args(["listen", &port.to_string()])).is(
        0,
        &format!("healthy: listen {port}: listening on 127.0.0.1:{port}, uid 0, accept queue 0 in <T>"),
        "",
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn usage_errors_are_explained() {
    const EXPECTED: &str = "expected a port from 1 to 65535, a Unix socket's path with a / in it, or @name";
    porthole(["listen"]).refused("listen: PORT is missing; see porthole listen --help");
    for port in ["0", "65536", "http", "-1x", "app.sock", "+1", ""] {
        porthole(["listen", "--", port]).refused(&format!("listen: PORT: {EXPECTED}, got '{port}'"));
    }
    porthole(["listen", "@"]).refused(
        "listen: PORT: expected the path of a Unix socket, at most 107 bytes long (or @name for an abstract one), got '@'",
    );
    porthole(["listen", "80", "--address", "localhost"])
        .refused("listen: --address: expected an IPv4 or IPv6 address, got 'localhost'");
    porthole(["listen", "/run/x", "--udp"])
        .refused("listen: --udp: cannot be used together with a Unix socket");
    porthole(["listen", "@x", "--address", "::1"])
        .refused("listen: --address: cannot be used together with a Unix socket");
}

#[test]
fn a_socket_is_found_whatever_path_it_was_bound_to() {
    let folder = folder();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    // As haproxy does.
    let _renamed = UnixListener::bind(path("app.sock.1.tmp")).unwrap();
    std::fs::rename(path("app.sock.1.tmp"), path("app.sock")).unwrap();
    let found = format!("healthy: listen {}: listening, {} in <T>", path("app.sock"), ourselves());
    listens(&[&path("app.sock")]).is(0, &found, "");
    let script = "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind('relative')\ns.listen()\n\
                  print(flush=True)\nsys.stdin.read()";
    let mut server = Command::new("python3")
        .args(["-c", script])
        .current_dir(&folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0];
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut line).unwrap();
    let ran = porthole(["listen", &path("relative")]).run();
    drop(server.stdin.take());
    let pid = server.id();
    server.wait().unwrap();
    ran.is(0, &format!("healthy: listen {}: listening, pid {pid} (python3) in <T>", path("relative")), "");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_socket_that_cannot_be_accessed_gives_no_verdict() {
    let Some(folder) = for_other_users() else { return };
    let closed = folder.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let path = closed.join("none.sock");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
    output(command.arg(folder.join("porthole")).arg("listen").arg(&path)).is(
        1,
        "",
        &format!(
            "porthole: listen {}: permission denied; run the check as a user who may read it",
            path.display()
        ),
    );
    std::fs::remove_dir_all(folder).unwrap();
}
