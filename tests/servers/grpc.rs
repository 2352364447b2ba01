//! grpcio, gRPC for Python: the health service of grpcio-health-checking, and servers without it.

mod with_tls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::daemon::{Daemon, open_folder, skip};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// Returns the Python for which scripts/need.sh installs the packages. If it is missing, reports
/// the test as skipped and returns `None`.
pub fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/grpc-venv/bin/python");
    if !python.exists() {
        skip("grpcio is not installed in target/grpc-venv (scripts/need.sh servers)");
        return None;
    }
    Some(python)
}

/// Starts tests/servers/grpc_server.py in this mode on this address.
fn start(python: &Path, folder: PathBuf, address: &str, mode: &[&str]) -> Daemon {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/grpc_server.py");
    Daemon::start(folder, python, [&[script.to_str().unwrap(), address], mode].concat(), |_| {})
}

/// Starts a server in this mode and waits until it listens. Returns it and its port.
fn listening(mode: &str) -> Option<(Daemon, u16)> {
    let (python, port) = (python()?, closed_port());
    let mut daemon = start(&python, open_folder(), &format!("127.0.0.1:{port}"), &[mode]);
    daemon.until_listening(port);
    Some((daemon, port))
}

#[test]
fn the_health_service() {
    let Some((_daemon, port)) = listening("health") else { return };
    let target = format!("localhost:{port}");
    let grpc = |options: &[&str]| porthole([&["grpc", &target, "-t", "10s"], options].concat());
    grpc(&[]).healthy(&format!("healthy: grpc {target}: SERVING (127.0.0.1) in <T>"));
    grpc(&["--service", "grpc.health.v1.Health"]).unhealthy(&format!(
        "unhealthy: grpc {target}: the server does not know the service \"grpc.health.v1.Health\" (NOT_FOUND; see --service)"
    ));
    grpc(&["--service", "db"])
        .unhealthy(&format!("unhealthy: grpc {target}: \"db\" is NOT_SERVING, expected SERVING"));
    grpc(&["--service", "cache"])
        .unhealthy(&format!("unhealthy: grpc {target}: \"cache\" is UNKNOWN, expected SERVING"));
    let facts = &grpc(&["--service", "db", "--json"]).json()["checks"][0]["facts"];
    assert_eq!(
        *facts,
        serde_json::json!({
            "address": format!("127.0.0.1:{port}"), "service": "db", "status": "NOT_SERVING",
            "grpc_status": 0, "http_status": 200,
        })
    );
    grpc(&["--service", ""]).healthy(&format!("healthy: grpc {target}: SERVING (127.0.0.1) in <T>"));
    // Metadata longer than a frame, which is more than this server accepts.
    let long = format!("x-long: {}", "v".repeat(20_000));
    let ran = grpc(&["-H", &long]).run();
    assert!(ran.stdout.starts_with(&format!("unhealthy: grpc {target}: ")), "{}", ran.story());
}

#[test]
fn the_server_receives_goaway() {
    let (Some(python), port) = (python(), closed_port()) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/grpc_server.py");
    let address = format!("127.0.0.1:{port}");
    let arguments = [script.to_str().unwrap(), &address, "health"];
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |command| {
        command.env("GRPC_VERBOSITY", "debug").env("GRPC_TRACE", "http");
    });
    daemon.until_listening(port);
    let log = daemon.folder.join("python.log");
    let logged = || std::fs::read_to_string(&log).unwrap();
    for _ in 0..10 {
        porthole(["grpc", &address, "-t", "10s"])
            .healthy(&format!("healthy: grpc {address}: SERVING in <T>"));
    }
    let is_goaway = |line: &&str| line.contains("INCOMING") && line.contains("GOAWAY");
    daemon.until("all clients have sent GOAWAY", || logged().lines().filter(is_goaway).count() >= 10);
    let errors: Vec<String> =
        logged().lines().filter(|line| line.starts_with('E')).map(str::to_owned).collect();
    assert_eq!(errors, [""; 0]);
    assert!(!logged().contains("Connection reset"), "{}", logged());
}

#[test]
fn a_server_without_the_health_service() {
    let Some((_daemon, port)) = listening("bare") else { return };
    porthole(["grpc", &format!("127.0.0.1:{port}"), "-t", "10s"]).unhealthy(&format!(
        "unhealthy: grpc 127.0.0.1:{port}: the server speaks gRPC, but has no health service (UNIMPLEMENTED); message: Method not found!"
    ));
}

#[test]
fn a_server_that_requires_metadata() {
    let Some((_daemon, port)) = listening("guarded") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["grpc", &target, "-t", "10s"]).unhealthy(&format!(
        "unhealthy: grpc {target}: UNAUTHENTICATED (-H 'authorization: …' sends credentials); message: no token: \\x1b[31mgrün 100%"
    ));
    porthole([
        "grpc",
        &target,
        "-t",
        "10s",
        "-H",
        "x-trace-bin: AAE=",
        "-H",
        "Authorization: Bearer ${TOKEN}",
    ])
    .env("TOKEN", "right")
    .healthy(&format!("healthy: grpc {target}: SERVING in <T>"));
}

#[test]
fn a_slow_server() {
    let Some((_daemon, port)) = listening("slow") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["grpc", &target, "--service", "late", "-t", "10s"])
        .healthy(&format!("healthy: grpc {target}: \"late\" is SERVING in <T>"));
    let ran = porthole(["grpc", &target, "--service", "never", "-t", "1s"]).run();
    let start = format!("unhealthy: grpc {target}: timed out after 1 s waiting for the response head\n");
    assert!(ran.stdout.starts_with(&start) && ran.status == Some(1), "{}", ran.story());
    ran.within(Duration::from_secs(8));
}

#[test]
fn over_a_unix_socket() {
    let Some(python) = python() else { return };
    let folder = open_folder();
    let socket = folder.join("grpc.sock");
    let shown = socket.to_str().unwrap();
    let mut daemon = start(&python, folder, &format!("unix:{shown}"), &["health"]);
    daemon.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    porthole(["grpc", "app:80", "--unix", shown, "-t", "10s"])
        .healthy(&format!("healthy: grpc app:80 via {shown}: SERVING in <T>"));
}
