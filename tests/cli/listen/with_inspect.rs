//! `--explain` and `doctor`, in builds with inspections.

use std::net::{Ipv6Addr, SocketAddrV6, TcpListener, TcpStream};
use std::process::Command;

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn6, bind, listen, socket};

use crate::support::command::{Ran, binary, output, porthole};
use crate::support::network::{NO_NETLINK, in_own_network};
use crate::support::processes::Sleeper;
use crate::support::skip::skip;

/// Each connection that is not accepted stays in the accept queue; the explanation must not change
/// with its length.
#[test]
fn an_explanation_stays_the_same() {
    in_own_network(|| {
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let waits = |ran: &Ran| ran.stdout.contains("; connections are waiting to be accepted\n");
        let explained = || {
            let target = "127.0.0.1:8080";
            let ran = porthole(["tcp", target, "--expect", "x", "-t", "100ms", "--explain"]).run();
            (waits(&ran), ran.stdout.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        };
        let first = explained();
        assert!(first.0, "{:?}", first.1);
        for _ in 0..3 {
            assert_eq!(explained(), first);
        }
        drop(listener);
    });
}

/// The kernel reports over netlink, if that is allowed, whether an IPv6 wildcard accepts IPv4; the
/// tables in /proc/net do not.
#[test]
fn an_ipv6_wildcard_that_may_accept_ipv4_is_explained() {
    in_own_network(|| {
        let run = |arguments: &[&str]| {
            output(Command::new("python3").args(["-c", NO_NETLINK, &binary()]).args(arguments))
        };
        let _listener = TcpListener::bind("[::]:8080").unwrap();
        let ran = run(&["listen", "8080"]);
        if ran.status != Some(0) {
            return skip(&format!("no program can be started without netlink: {}", ran.stderr));
        }
        let line = "warning: TCP port 8080 is bound to [::]:8080; cannot tell whether [::] accepts IPv4 too";
        let sleeper = Sleeper::called("of-this-network", &[]);
        let pid = sleeper.pid().to_string();
        let doctor = run(&["doctor", "-p", &pid, "--expect-port", "8080"]);
        assert!(doctor.stdout.contains(line), "{}", doctor.story());
        // If the connection is established, it is known after all; if it is not, because the queue
        // is full, it is not known.
        let explained = |port: u16| {
            let target = format!("127.0.0.1:{port}");
            run(&["tcp", &target, "--explain", "--expect", "x", "-t", "50ms"])
        };
        let ran = explained(8080);
        assert!(!ran.stdout.contains("IPV6_V6ONLY"), "{}", ran.story());
        let full = socket(AddressFamily::Inet6, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let any = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 82, 0, 0));
        bind(std::os::fd::AsRawFd::as_raw_fd(&full), &any).unwrap();
        listen(&full, Backlog::new(0).unwrap()).unwrap();
        let _waiting = TcpStream::connect("127.0.0.1:82").unwrap();
        let ran = explained(82);
        assert!(
            ran.stdout.contains(" listens on [::]:82; ")
                && ran.stdout.contains("; it is unknown whether it accepts IPv4 (IPV6_V6ONLY)\n"),
            "{}",
            ran.story()
        );
    });
}
