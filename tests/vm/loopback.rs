//! A loopback interface that is down, or without addresses of IPv6.

use std::fs;

use nix::sched::CloneFlags;

use crate::guest::{Running, apart, assert_found, assert_not_found, command, patient};
use crate::support::command::porthole;
use crate::support::server::{Server, answer, response};

#[test]
fn while_lo_is_down_checks_and_doctor_say_so() {
    apart(CloneFlags::CLONE_NEWNET, || {
        let process = Running::until_ready(&mut patient(["allocate", "1"]));
        let down = "the interface lo is down";
        assert_found(process.pid(), "error", &[down]);
        let ran = porthole(["tcp", "127.0.0.1:1"]).run();
        assert_eq!((ran.status, ran.stdout.contains("unreachable")), (Some(1), true), "{}", ran.story());
        let ran = porthole(["ip", "addr"]).run();
        assert!(ran.stdout.contains("DOWN"), "{}", ran.story());
        command(&["/bin/ifconfig", "lo", "127.0.0.1", "up"]);
        assert_not_found(process.pid(), down);
        let ran = porthole(["tcp", "127.0.0.1:1"]).run();
        assert!(ran.stdout.contains("connection refused"), "{}", ran.story());
    });
}

/// With the sysctl the family is there, but no interface has an address of it.
#[test]
fn without_addresses_of_ipv6_localhost_is_reached_by_ipv4() {
    apart(CloneFlags::CLONE_NEWNET, || {
        command(&["/bin/ifconfig", "lo", "127.0.0.1", "up"]);
        for interface in ["all", "default", "lo"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"), "1").unwrap();
        }
        let server = Server::new(answer(response("200 OK", "")));
        let url = format!("http://localhost:{}/", server.port());
        porthole(["http", &url]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
        let ran = porthole(["tcp", "[::1]:1"]).run();
        assert_eq!((ran.status, ran.stdout.contains("not available")), (Some(1), true), "{}", ran.story());
        for arguments in [&["ss", "-a"][..], &["ip"]] {
            let ran = porthole(arguments.iter().copied()).run();
            assert_eq!(ran.status, Some(0), "{}", ran.story());
            assert!(!ran.stdout.contains("::1"), "{}", ran.story());
        }
    });
}
