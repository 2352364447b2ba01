//! Sockets as sock_diag(7) shows them: its modules are loaded.

use std::net::TcpListener;

use crate::support::command::porthole;

#[test]
fn a_wildcard_of_ipv6_accepts_ipv4() {
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ran = porthole(["listen", &port, "--address", "127.0.0.1"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.story());
}
