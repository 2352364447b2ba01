//! Recipes that need TLS.

use super::recipe;
use crate::certificates::certificates;
use crate::daemon::{installed, open_folder};
use crate::nginx::nginx;
use crate::support::server::closed_port;

#[test]
fn either_scheme() {
    let Some(program) = installed("nginx") else { return };
    let Some(set) = certificates() else { return };
    let tls = format!("ssl_certificate {}; ssl_certificate_key {};", set.pem("server"), set.key("server"));
    for (option, settings, answers, refuses, why) in [
        ("", "", "http", "https", "the port speaks HTTP, not TLS"),
        (" ssl", &*tls, "https", "http", "400 Bad Request, expected 200-399"),
    ] {
        let port = closed_port();
        let server = format!(
            "server {{ listen 127.0.0.1:{port}{option}; {settings} location = /healthz {{ return 200 ok; }} }}"
        );
        let mut daemon = nginx(&program, open_folder(), &server);
        daemon.until_listening(port);
        let ran = recipe("either_scheme").port(8080, port).run().run();
        let (first, second) = ran.stdout.split_once('\n').unwrap_or_else(|| panic!("{}", ran.story()));
        let healthy = format!("healthy: http {answers}://localhost:{port}/healthz: 200 OK in ");
        let unhealthy = format!("unhealthy: http {refuses}://localhost:{port}/healthz: {why}");
        let is_right = first.starts_with(&healthy) && second.starts_with(&unhealthy);
        assert!(is_right && ran.status == Some(0), "{}", ran.story());
    }
    let port = closed_port();
    assert_eq!(recipe("either_scheme").port(8080, port).run().run().status, Some(1));
}
