//! `tls`, and TLS in the other checks, in builds with it and without.

mod with_tls;
mod without_tls;

use crate::support::command::porthole;
use crate::support::server::{Server, Step, send};

#[test]
fn plain_http_to_a_tls_port_is_recognized() {
    for alert in [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x0a"] {
        let server = Server::new(vec![Step::Request, send(alert)]);
        let url = server.url("/");
        porthole(["http", &url])
            .unhealthy(&format!("unhealthy: http {url}: the port speaks TLS, not HTTP (https://…)"));
    }
}
