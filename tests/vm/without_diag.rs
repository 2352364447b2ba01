//! Sockets as /proc/net shows them: no module for sock_diag(7) is loaded.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

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
