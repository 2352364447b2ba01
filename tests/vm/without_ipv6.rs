//! A kernel that was booted with ipv6.disable=1: no family AF_INET6, no /proc/net/tcp6.

use std::net::TcpListener;

use crate::support::command::porthole;
use crate::support::server::{Server, answer, response};

#[test]
fn checks_use_ipv4() {
    assert!(TcpListener::bind("[::1]:0").is_err());
    let server = Server::new(answer(response("200 OK", "")));
    let url = format!("http://localhost:{}/", server.port());
    porthole(["http", &url]).healthy(&format!("healthy: http {url}: 200 OK in <T>"));
    let ran = porthole(["tcp", "localhost:1"]).run();
    assert_eq!((ran.status, ran.stdout.contains("connection refused")), (Some(1), true), "{}", ran.story());
    let ran = porthole(["tcp", "[::1]:1"]).run();
    assert_eq!(ran.status, Some(1), "{}", ran.story());
}

#[test]
fn missing_tables_are_no_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for arguments in [&["listen", &port][..], &["ss"], &["ss", "-a"], &["lsof"], &["ip"]] {
        let ran = porthole(arguments.iter().copied()).run();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    }
    let ran = porthole(["listen", "1"]).run();
    assert_eq!((ran.status, ran.stdout.contains("nothing listens")), (Some(1), true), "{}", ran.story());
}
