//! Redis: ready, asking for a password, loading, waiting for its master; Sentinel.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{Step, closed_port, send};

/// Starts Redis with these options, in addition to port and directory.
pub fn redis(program: &Path, folder: PathBuf, port: u16, options: &[&str]) -> Daemon {
    let port_text = port.to_string();
    let mut arguments = vec!["--bind", "127.0.0.1", "--port", &port_text, "--save", ""];
    arguments.extend(options);
    let mut daemon = Daemon::start(folder, program, arguments, unprivileged);
    daemon.until_listening(port);
    daemon
}

#[test]
fn ready_over_tcp_and_a_unix_socket() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let socket = folder.join("redis.sock").to_str().unwrap().to_owned();
    let mut daemon = redis(&program, folder, port, &["--unixsocket", &socket, "--loglevel", "debug"]);
    porthole(["redis", &port.to_string()])
        .healthy(&format!("healthy: redis localhost:{port}: PONG (127.0.0.1) in <T>"));
    porthole(["redis", &socket]).healthy(&format!("healthy: redis {socket}: PONG in <T>"));
    let json = porthole(["redis", &socket, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"], serde_json::json!({"address": socket, "auth": false}));
    // It only logs that the client closed the connection, and only at level debug.
    let log = daemon.folder.join("redis-server.log");
    let logged = || std::fs::read_to_string(&log).unwrap();
    let closed = "Client closed connection";
    let before = logged().matches(closed).count();
    for _ in 0..10 {
        porthole(["redis", &socket]).healthy(&format!("healthy: redis {socket}: PONG in <T>"));
    }
    daemon.until("it has closed all connections", || logged().matches(closed).count() >= before + 10);
    assert!(!logged().contains("Reading from client"), "{}", logged());
}

#[test]
fn a_server_that_asks_for_a_password_is_up() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let _daemon = redis(&program, folder, port, &["--requirepass", "secret"]);
    porthole(["redis", &format!("127.0.0.1:{port}")])
        .healthy(&format!("healthy: redis 127.0.0.1:{port}: up, asks for a password in <T>"));
}

#[test]
fn a_server_that_loads_its_data_set_is_not_ready() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let target = format!("127.0.0.1:{port}");
    let daemon = redis(&program, folder, port, &[]);
    let mut client = TcpStream::connect(&target).unwrap();
    let mut commands: Vec<String> = (0..1000).map(|key| format!("SET key{key} value\r\n")).collect();
    commands.push("SAVE\r\n".to_owned());
    client.write_all(commands.concat().as_bytes()).unwrap();
    let mut answers = vec![0; "+OK\r\n".len() * 1001];
    client.read_exact(&mut answers).unwrap();
    let folder = daemon.end();
    // The delay is in microseconds per key: twenty seconds in total. Redis handles requests after
    // each KiB.
    let slowly = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
    let daemon = redis(&program, folder, port, &slowly);
    porthole(["redis", &target, "-t", "20s"])
        .unhealthy(&format!("unhealthy: redis {target}: loading its data set"));
    // Until it has loaded everything, it would not handle another signal.
    daemon.signal(Signal::SIGKILL);
}

#[test]
fn a_replica_that_waits_for_its_master_is_not_ready() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port, nobody) = (open_folder(), closed_port(), closed_port().to_string());
    let stale = ["--replicaof", "127.0.0.1", &nobody, "--replica-serve-stale-data", "no"];
    let _daemon = redis(&program, folder, port, &stale);
    porthole(["redis", &format!("127.0.0.1:{port}")]).unhealthy(&format!(
        "unhealthy: redis 127.0.0.1:{port}: MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set \
         to 'no'."
    ));
}

#[test]
fn sentinel_is_ready_too() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let configuration = folder.join("sentinel.conf");
    std::fs::write(&configuration, format!("bind 127.0.0.1\nport {port}\n")).unwrap();
    // Sentinel writes its state to this file.
    std::fs::set_permissions(&configuration, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let arguments = [configuration.to_str().unwrap(), "--sentinel"];
    let mut daemon = Daemon::start(folder, &program, arguments, unprivileged);
    daemon.until_listening(port);
    porthole(["redis", &format!("127.0.0.1:{port}")])
        .healthy(&format!("healthy: redis 127.0.0.1:{port}: PONG in <T>"));
}

fn manners() -> Manners {
    Manners {
        check: "redis",
        opening: b"PING\r\n",
        again: b"",
        awaited: "the answer to PING",
        talk: vec![send("+PONG\r\n")],
        found: "PONG",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn errors() {
    let server = manners();
    server.each_unhealthy(&[
        ("-LOADING Redis is loading the dataset in memory\r\n", "loading its data set"),
        ("-BUSY Redis is busy running a script.\r\n", "BUSY Redis is busy running a script."),
        ("-MISCONF \x1b[31mno\u{202e}\x00\r\n", r"MISCONF \x1b[31mno\u{202e}\0"),
        ("-\r\n", ""),
        ("+OK POP3 ready\r\n", "the response is not redis; received: +OK POP3 ready\\r\\n"),
        (":1\r\n", "the response is not redis; received: :1\\r\\n"),
    ]);
    // A server that refuses a client does not wait for its request.
    server.unhealthy(
        vec![send("-ERR max number of clients reached\r\n"), Step::Reset],
        "ERR max number of clients reached",
    );
    for answer in [
        "-NOAUTH Authentication required.\r\n",
        "-NOPERM this user has no permissions\r\n",
        // Redis 2.6.
        "-ERR operation not permitted\r\n",
    ] {
        server.healthy(vec![send(answer)], "up, asks for a password");
    }
    let denied = "-DENIED Redis is running in protected mode because protected mode is enabled\r\n";
    server.healthy(vec![send(denied)], "up, refuses this client: it is in protected mode");
    // An endless line.
    let shown = format!("the response is not redis; received: +{}", "A".repeat(63));
    server.unhealthy(vec![send("+"), Step::Flood(vec![b'A'; 4096])], &shown);
}
