//! `tls`, and what concerns TLS in a build that has it or not.

mod with_tls;
mod without_tls;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, send};

#[test]
fn a_tls_server_asked_in_plain_http() {
    for alert in [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x0a"] {
        let server = Server::new(vec![Step::Request, send(alert)]);
        let url = server.url("/");
        porthole(["http", &url])
            .unhealthy(&format!("unhealthy: http {url}: the port speaks TLS, not HTTP (https://…)"));
    }
}
