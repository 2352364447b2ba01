//! wss://

use super::{FOUND, MAP, healthy, locations, nats_with_websockets, unhealthy};
use crate::certificates::certificates;
use crate::daemon::{installed, open_folder};
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::closed_port;

#[test]
fn nginx_with_tls() {
    let (Some(set), Some(program)) = (certificates(), installed("nginx")) else { return };
    let Some((_nats, upstream)) = nats_with_websockets() else { return };
    let port = closed_port();
    let servers = format!(
        "{MAP}server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {}; ssl_certificate_key {};\n{} }}",
        set.pem("server"),
        set.key("server"),
        locations(upstream)
    );
    let mut daemon = nginx(&program, open_folder(), &servers);
    daemon.until_listening(port);
    let url = format!("wss://127.0.0.1:{port}/");
    healthy(&url, &["--ca-file", &set.pem("root"), "--min-days", "1"]);
    porthole(["http", "wss://app.example/", "--connect", &format!("127.0.0.1:{port}"), "-k"])
        .healthy(&format!("healthy: http wss://app.example/ via 127.0.0.1:{port}: {FOUND} in <T>"));
    unhealthy(&format!("{url}page"), &["-k"], "200 OK, expected 101; body: a page");
    let ran = porthole(["http", &format!("ws://127.0.0.1:{port}/")]).run();
    assert!(
        ran.status == Some(1) && ran.stdout.contains(": 400 Bad Request, expected 101"),
        "{}",
        ran.story()
    );
    porthole(["http", &format!("wss://127.0.0.1:{upstream}/"), "-k"])
        .unhealthy(&format!("unhealthy: http wss://127.0.0.1:{upstream}/: the port speaks HTTP, not TLS"));
    assert!(!daemon.log().contains("[error]"), "{}", daemon.log());
}
