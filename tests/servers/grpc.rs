//! grpcio, Python's gRPC: the health service of grpcio-health-checking, and servers without it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::daemon::{Daemon, open_folder, skip};
use crate::https::{s_server, with_tls};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// Where scripts/need.sh installs the packages.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/grpc-venv/bin/python");
    if !python.exists() {
        skip("grpcio is not installed in target/grpc-venv (scripts/need.sh servers)");
        return None;
    }
    Some(python)
}

/// tests/servers/grpc_server.py in this mode on this address.
fn start(python: &Path, folder: PathBuf, address: &str, mode: &[&str]) -> Daemon {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/grpc_server.py");
    Daemon::start(folder, python, [&[script.to_str().unwrap(), address], mode].concat(), |_| {})
}

/// A server of this mode that listens, and its port.
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
    // Metadata longer than a frame, which is more than this server takes.
    let long = format!("x-long: {}", "v".repeat(20_000));
    let ran = grpc(&["-H", &long]).run();
    assert!(ran.stdout.starts_with(&format!("unhealthy: grpc {target}: ")), "{}", ran.story());
}

#[test]
fn the_server_is_told_that_the_client_goes() {
    let (Some(python), port) = (python(), closed_port()) else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/grpc_server.py");
    let address = format!("127.0.0.1:{port}");
    let arguments = [script.to_str().unwrap(), &address, "health"];
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |command| {
        command.env("GRPC_VERBOSITY", "debug").env("GRPC_TRACE", "http");
    });
    daemon.until_listening(port);
    let log = daemon.folder.join("python.log");
    let said = || std::fs::read_to_string(&log).unwrap();
    for _ in 0..10 {
        porthole(["grpc", &address, "-t", "10s"])
            .healthy(&format!("healthy: grpc {address}: SERVING in <T>"));
    }
    let is_farewell = |line: &&str| line.contains("INCOMING") && line.contains("GOAWAY");
    daemon.until("all of them have said GOAWAY", || said().lines().filter(is_farewell).count() >= 10);
    let errors: Vec<String> =
        said().lines().filter(|line| line.starts_with('E')).map(str::to_owned).collect();
    assert_eq!(errors, [""; 0]);
    assert!(!said().contains("Connection reset"), "{}", said());
}

#[test]
fn a_server_without_the_health_service() {
    let Some((_daemon, port)) = listening("bare") else { return };
    porthole(["grpc", &format!("127.0.0.1:{port}"), "-t", "10s"]).unhealthy(&format!(
        "unhealthy: grpc 127.0.0.1:{port}: the server speaks gRPC, but has no health service (UNIMPLEMENTED); message: Method not found!"
    ));
}

#[test]
fn a_server_that_wants_metadata() {
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
fn a_server_that_takes_its_time() {
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

#[test]
fn tls_without_h2() {
    let Some(set) = with_tls() else { return };
    let h2 = "the server did not negotiate HTTP/2 by ALPN";
    let alert = "it sent the TLS alert no_application_protocol";
    for (options, how) in [
        ("-tls1_2", "it chose no protocol"),
        ("-tls1_3", "it chose no protocol"),
        ("-tls1_2 -alpn http/1.1", alert),
        ("-tls1_3 -alpn http/1.1", alert),
    ] {
        let Some((_server, port)) = s_server(set, options) else { return };
        let target = format!("127.0.0.1:{port}");
        porthole(["grpc", &target, "--tls", "--ca-file", &set.pem("root")])
            .unhealthy(&format!("unhealthy: grpc {target}: {h2} ({how}); gRPC clients require h2"));
    }
    // With it the answer counts, which is one of HTTP/1 here.
    let Some((_server, port)) = s_server(set, "-alpn h2") else { return };
    let target = format!("127.0.0.1:{port}");
    let ran = porthole(["grpc", &target, "--tls", "--ca-file", &set.pem("root")]).run();
    assert!(ran.status == Some(1) && !ran.stdout.contains("ALPN"), "{}", ran.story());
}

#[test]
fn over_tls_to_a_server_that_requires_a_client_certificate() {
    let (Some(set), Some(python)) = (with_tls(), python()) else { return };
    let port = closed_port();
    let mode = ["health", &set.pem("server"), &set.key("server"), &set.pem("root")];
    let mut daemon = start(&python, open_folder(), &format!("127.0.0.1:{port}"), &mode);
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    let grpc = |options: &[&str]| {
        porthole([&["grpc", &target, "--tls", "--ca-file", &set.pem("root"), "-t", "10s"], options].concat())
    };
    grpc(&[]).unhealthy(&format!(
        "unhealthy: grpc {target}: the server requested a client certificate, got none and closed the connection \
         (--client-cert, --client-key)"
    ));
    grpc(&["--client-cert", &set.pem("client"), "--client-key", &set.key("server")])
        .healthy(&format!("healthy: grpc {target}: SERVING in <T>"));
}

#[test]
fn over_tls_on_a_port_and_on_a_unix_socket() {
    let (Some(set), Some(python)) = (with_tls(), python()) else { return };
    let mode = ["health", &set.pem("server"), &set.key("server")];
    let trust = ["--tls", "--ca-file", &set.pem("root"), "-t", "10s"];
    let port = closed_port();
    let mut daemon = start(&python, open_folder(), &format!("127.0.0.1:{port}"), &mode);
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    porthole([&["grpc", &target], &trust[..]].concat())
        .healthy(&format!("healthy: grpc {target}: SERVING in <T>"));

    let folder = open_folder();
    let socket = folder.join("grpc.sock");
    let shown = socket.to_str().unwrap();
    let mut daemon = start(&python, folder, &format!("unix:{shown}"), &mode);
    daemon.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let grpc = |target| porthole([&["grpc", target, "--unix", shown], &trust[..]].concat());
    grpc("app.example:80").healthy(&format!("healthy: grpc app.example:80 via {shown}: SERVING in <T>"));
    // The name stays that of the target.
    grpc("db.example:80").unhealthy(&format!(
        "unhealthy: grpc db.example:80 via {shown}: the certificate is not valid for db.example, only for localhost, \
         app.example, *.app.example, 127.0.0.1, ::1 (--server-name NAME expects another name)"
    ));
}
