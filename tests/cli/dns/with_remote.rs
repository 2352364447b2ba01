//! Builds with --remote.

use crate::support::command::porthole;

#[test]
fn a_server_elsewhere_needs_remote() {
    for server in ["203.0.113.1", "203.0.113.1:5353", "2001:db8::1", "[2001:db8::1]:5353"] {
        porthole(["dns", "db", "--server", server, "-t", "50s", "--wait", "50s"])
            .refused(&format!("dns db: a name server elsewhere ({server}), which only --remote allows"))
            .within(std::time::Duration::from_secs(5));
    }
}
