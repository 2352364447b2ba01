//! Sockets as /proc/net shows them: no module for sock_diag(7) is loaded.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::guest::document;
use crate::proc_options::{SUBSET, opens_tables_of_subset, with_proc};
use crate::support::command::porthole;
use crate::support::server::folder;

#[test]
fn listeners_are_read_from_proc() {
    let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
    let v6 = TcpListener::bind("[::1]:0").unwrap();
    let path = folder().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    for listener in [&v4, &v6] {
        let port = listener.local_addr().unwrap().port().to_string();
        let ran = porthole(["listen", &port]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let ran = porthole(["ss"]).run();
        assert!(ran.stdout.contains(&format!(":{port}")), "{}", ran.story());
    }
    let path = path.to_str().unwrap();
    let ran = porthole(["listen", path]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    let ran = porthole(["ss", "-x"]).run();
    assert!(ran.stdout.contains(path), "{}", ran.story());
    let ran = porthole(["lsof", "-p", &std::process::id().to_string()]).run();
    assert_eq!((ran.status, ran.stdout.contains(path)), (Some(0), true), "{}", ran.story());
    drop(unix);
}

/// Whether an IPv6 socket accepts IPv4 too cannot be known, and porthole does not claim to.
#[test]
fn whether_a_wildcard_of_ipv6_accepts_ipv4_is_not_known() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = porthole(["listen", &port, "--address", "127.0.0.1"]).run();
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(ran.stderr.contains("it is unknown whether it accepts IPv4"), "{}", ran.story());
}

/// Where the kernel opens no table and does not answer, nothing is called absent.
#[test]
fn with_subset_pid_the_reason_why_sockets_are_unknown_is_named() {
    let opens = opens_tables_of_subset();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = folder().join("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    let ports = [tcp.local_addr(), udp.local_addr()].map(|local| local.unwrap().port().to_string());
    let own = std::process::id().to_string();
    with_proc("subset=pid", || {
        for (table, arguments) in [
            ("tcp", &["listen", &ports[0]][..]),
            ("udp", &["listen", "--udp", &ports[1]]),
            ("unix", &["listen", path.to_str().unwrap()]),
        ] {
            let ran = porthole(arguments.iter().copied()).run();
            if opens {
                assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
                continue;
            }
            let target = arguments.last().unwrap();
            let why = format!("cannot list the listening sockets: /proc/self/net/{table}: {SUBSET}");
            ran.is(1, "", &format!("porthole: listen {target}: {why}"));
        }
        for (options, table) in [(&["ss"][..], "tcp"), (&["ss", "-a", "-u"], "udp"), (&["ss", "-x"], "unix")]
        {
            let sockets = document(i32::from(!opens), options);
            let list = sockets["sockets"].as_array().unwrap();
            assert_eq!(list.is_empty(), !opens, "{sockets}");
            if !opens {
                let error = sockets["errors"][0].as_str().unwrap();
                assert!(error.ends_with(&format!("/net/{table}: {SUBSET}")), "{error}");
                assert_eq!(sockets["errors"].as_array().unwrap().len(), 1, "{sockets}");
            }
        }
        let files = document(0, &["lsof", "-p", &own]);
        let lacks = format!("the addresses of sockets are missing: /proc/{own}/net/tcp: {SUBSET}");
        assert_eq!(files["errors"], if opens { json!([]) } else { json!([lacks]) });
        let ran = porthole(["doctor", "-p", &own, "--expect-port", &ports[0]]).run();
        let unknown = format!(
            "cannot tell whether anything listens on TCP port {}\n    seen: /proc/{own}/net/tcp: {SUBSET}",
            ports[0]
        );
        assert_eq!(ran.stdout.contains(&unknown), !opens, "{}", ran.story());
        let ran = porthole(["tcp", "127.0.0.1:1", "--explain"]).run();
        let unknown = format!("cannot list the listening sockets: /proc/self/net/tcp: {SUBSET}");
        assert_eq!(ran.stdout.contains(&unknown), !opens, "{}", ran.story());
    });
}
