//! ws:// and wss://: NATS (in Go), nginx in front of it, the package websockets of Python, and Node.js,
//! which also answers wrongly.

mod with_tls;

use std::path::Path;
use std::process::Command;

use crate::daemon::{Daemon, installed, open_folder, skip};
use crate::nats::nats;
use crate::nginx::nginx;
use crate::support::command::porthole;
use crate::support::server::closed_port;

const FOUND: &str = "101 Switching Protocols";

#[track_caller]
fn healthy(url: &str, options: &[&str]) {
    porthole([&["http", url], options].concat()).healthy(&format!("healthy: http {url}: {FOUND} in <T>"));
}

#[track_caller]
fn unhealthy(url: &str, options: &[&str], reason: &str) {
    porthole([&["http", url], options].concat()).unhealthy(&format!("unhealthy: http {url}: {reason}"));
}

/// Starts a NATS server with WebSockets. Returns it and their port.
fn nats_with_websockets() -> Option<(Daemon, u16)> {
    let port = closed_port();
    let (mut daemon, _) =
        nats(&format!("debug: true\nwebsocket {{ listen: '127.0.0.1:{port}', no_tls: true }}"))?;
    daemon.until_listening(port);
    Some((daemon, port))
}

/// Returns an nginx `location` that passes WebSockets on to this port, and one that passes only the
/// request on, as happens if its headers of the hop are forgotten.
fn locations(upstream: u16) -> String {
    format!(
        "location / {{ proxy_pass http://127.0.0.1:{upstream}/; proxy_http_version 1.1;\n\
         proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; }}\n\
         location /plain/ {{ proxy_pass http://127.0.0.1:{upstream}/; }}\n\
         location = /page {{ return 200 'a page'; }}\n"
    )
}

/// What nginx's manual recommends for the header of the hop.
const MAP: &str = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n";

#[test]
fn nats_opens_a_websocket() {
    let Some((mut daemon, port)) = nats_with_websockets() else { return };
    let url = format!("ws://127.0.0.1:{port}/");
    for _ in 0..10 {
        healthy(&url, &["--expect-header", "Upgrade: websocket"]);
    }
    // It receives each Close frame, and has nothing to complain about.
    let log = daemon.folder.join("nats-server.log");
    let logged = || std::fs::read_to_string(&log).unwrap();
    let ends = || {
        logged()
            .lines()
            .filter(|line| line.contains("wid:") && line.contains("closed: Client Closed"))
            .count()
    };
    daemon.until("it has seen all clients leave", || ends() >= 10);
    // A client of the test only opened a connection and closed it.
    let errors: Vec<String> = logged()
        .lines()
        .filter(|line| line.contains("[ERR]") && !line.contains("EOF"))
        .map(str::to_owned)
        .collect();
    assert_eq!(errors, [""; 0]);
    let facts = &porthole(["http", &url, "--json"]).json()["checks"][0]["facts"];
    assert_eq!(*facts, serde_json::json!({"status": 101, "address": format!("127.0.0.1:{port}")}));
    // The same by plain HTTP.
    unhealthy(&url.replace("ws:", "http:"), &[], "400 Bad Request, expected 200-399; body: Bad Request");
}

#[test]
fn through_nginx() {
    let (Some(program), Some((_nats, upstream))) = (installed("nginx"), nats_with_websockets()) else {
        return;
    };
    let port = closed_port();
    let servers = format!("{MAP}server {{ listen 127.0.0.1:{port};\n{} }}", locations(upstream));
    let mut daemon = nginx(&program, open_folder(), &servers);
    daemon.until_listening(port);
    let url = |path: &str| format!("ws://127.0.0.1:{port}{path}");
    healthy(&url("/"), &[]);
    let shown = porthole(["http", &url("/"), "--show", "head"]).run().stdout;
    assert!(
        shown.contains("\n  HTTP/1.1 101 Switching Protocols\n")
            && shown.contains("\n  Upgrade: websocket\n"),
        "{shown}"
    );
    // The proxy does not pass the upgrade on.
    unhealthy(&url("/plain/"), &[], "400 Bad Request, expected 101; body: Bad Request");
    unhealthy(&url("/page"), &[], "200 OK, expected 101; body: a page");
    // A server that serves nothing but answers is healthy if the user says so.
    healthy(&url("/"), &["--status", "101,426"]);
    porthole(["http", &url("/plain/"), "--status", "101,400"])
        .healthy(&format!("healthy: http {}: 400 Bad Request in <T>", url("/plain/")));
    assert!(!daemon.log().contains("[error]"), "{}", daemon.log());
}

/// A server that requires a subprotocol, and prints the status with which each client has left.
const PYTHON: &str = r#"
import asyncio, sys, websockets
async def handle(client):
    async for _ in client:
        pass
    print(client.subprotocol, client.close_code, flush=True)
async def main():
    async with websockets.serve(handle, "127.0.0.1", int(sys.argv[1]), subprotocols=["chat"]):
        await asyncio.Future()
asyncio.run(main())
"#;

#[test]
fn python_sees_the_websocket_closed_in_order() {
    let Some(python) = crate::grpc::python() else { return };
    let output = Command::new(&python).args(["-c", "import websockets"]).output().unwrap();
    if !output.status.success() {
        return skip("websockets is not installed in target/grpc-venv (scripts/need.sh servers)");
    }
    let (port, log) = (closed_port(), "python.log");
    let mut daemon = Daemon::start(open_folder(), &python, ["-c", PYTHON, &port.to_string()], |_| {});
    daemon.until_listening(port);
    let url = format!("ws://127.0.0.1:{port}/");
    let options =
        ["-H", "Sec-WebSocket-Protocol: other, chat", "--expect-header", "Sec-WebSocket-Protocol: chat"];
    for _ in 0..10 {
        healthy(&url, &options);
    }
    let log = daemon.folder.join(log);
    let left = || std::fs::read_to_string(&log).unwrap().matches("chat 1000\n").count();
    daemon.until("it has seen all clients leave", || left() >= 10);
    for (options, reason) in
        [(&[][..], "missing subprotocol"), (&["-H", "Sec-WebSocket-Protocol: other"], "invalid subprotocol")]
    {
        let ran = porthole([&["http", &url], options].concat()).run();
        let start = format!("unhealthy: http {url}: 400 Bad Request, expected 101; body: ");
        assert!(ran.status == Some(1) && ran.stdout.starts_with(&start), "{}", ran.story());
        assert!(ran.stdout.contains(reason), "{}", ran.story());
    }
}

/// Starts tests/servers/websocket_server.js. Returns it and its port.
fn node() -> Option<(Daemon, u16)> {
    let (program, port) = (installed("node")?, closed_port());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/websocket_server.js");
    let mut daemon =
        Daemon::start(open_folder(), &program, [script.to_str().unwrap(), &port.to_string()], |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

#[test]
fn node_sees_the_websocket_closed_in_order() {
    let Some((mut daemon, port)) = node() else { return };
    let url = format!("ws://127.0.0.1:{port}/");
    for _ in 0..9 {
        healthy(&url, &[]);
    }
    // A subprotocol that the server accepts.
    let options = ["-H", "Sec-WebSocket-Protocol: chat", "--expect-header", "Sec-WebSocket-Protocol: chat"];
    healthy(&url, &options);
    let log = daemon.folder.join("node.log");
    let log = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it has received all Close frames", || log().lines().count() >= 10);
    assert_eq!(log(), "close 1000, 8 bytes\n".repeat(10));
    // One that it does not.
    unhealthy(&url, &options[2..], &format!("{FOUND}, expected header Sec-WebSocket-Protocol: chat"));
}

#[test]
fn a_websocket_that_is_not_opened() {
    let Some((_daemon, port)) = node() else { return };
    let url = |path: &str| format!("ws://127.0.0.1:{port}{path}");
    let accept = format!("{FOUND}, expected a Sec-WebSocket-Accept that matches the key");
    for (path, reason) in [
        ("/accept", accept.as_str()),
        ("/no-accept", &accept),
        ("/upgrade", &format!("{FOUND}, expected header Upgrade: websocket; received: Upgrade: h2c")),
        ("/no-upgrade", &format!("{FOUND}, expected header Upgrade: websocket")),
        (
            "/connection",
            &format!("{FOUND}, expected header Connection: Upgrade; received: Connection: keep-alive"),
        ),
        ("/400", "400 Bad Request, expected 101; body: no"),
        ("/401", "401 Unauthorized, expected 101; body: no"),
        ("/403", "403 Forbidden, expected 101; body: no"),
        ("/old", &format!("302 Found to {}, expected 101", url("/new"))),
    ] {
        unhealthy(&url(path), &[], reason);
    }
    // Followed, if the user says so.
    porthole(["http", &url("/old"), "--follow", "1"])
        .healthy(&format!("healthy: http {}: {FOUND} in <T>", url("/old")));
    // Not asked for.
    porthole(["http", &format!("http://127.0.0.1:{port}/")])
        .healthy(&format!("healthy: http http://127.0.0.1:{port}/: 200 OK in <T>"));
}
