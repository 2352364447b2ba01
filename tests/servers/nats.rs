//! NATS: ready; asking for a password, a key or TLS; out of connections; shutting down.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use nix::sys::signal::Signal;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{End, Step, closed_port, send};

/// The greeting of version 2.9.10, shortened.
const INFO: &str = "INFO {\"server_id\":\"NABC\",\"version\":\"2.9.10\",\"proto\":1,\"host\":\"127.0.0.1\",\
                    \"headers\":true,\"max_payload\":1048576,\"client_id\":4} \r\n";
/// The end of what the check sends.
const PING: &[u8] = b"\"name\":\"porthole\"}\r\nPING\r\n";
/// The bcrypt hash of a password. The server logs a warning about a plain one.
const HASH: &str = "$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy";
/// A user's public key.
const KEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

/// Starts a server with this configuration. Returns it and its address.
pub fn nats(configuration: &str) -> Option<(Daemon, String)> {
    let (program, folder, port) = (installed("nats-server")?, open_folder(), closed_port());
    let file = folder.join("nats.conf");
    std::fs::write(&file, format!("listen: 127.0.0.1:{port}\n{configuration}\n")).unwrap();
    let mut daemon = Daemon::start(folder, &program, ["-c", file.to_str().unwrap()], unprivileged);
    daemon.until_listening(port);
    Some((daemon, format!("127.0.0.1:{port}")))
}

/// Connects a client that the server counts. The greeting is sent before the client is counted, and
/// the answer to a PING after it.
fn counted_client(address: &str) -> BufReader<TcpStream> {
    let mut client = BufReader::new(TcpStream::connect(address).unwrap());
    client.get_mut().write_all(b"CONNECT {}\r\nPING\r\n").unwrap();
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        assert_ne!(client.read_line(&mut line).unwrap(), 0, "the server closed the connection of a client");
    }
    client
}

/// Returns the version of the server.
pub fn version() -> String {
    let program = installed("nats-server").unwrap();
    let output = std::process::Command::new(program).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().trim_start_matches("nats-server: v").to_owned()
}

/// Asserts that the server has logged no warning and no error.
#[track_caller]
fn assert_quiet(daemon: &Daemon) {
    let log = daemon.log();
    assert!(!["[WRN]", "[ERR]", "[FTL]"].iter().any(|level| log.contains(level)), "{log}");
}

#[test]
fn ready() {
    let Some((mut daemon, address)) = nats("debug: true") else { return };
    let version = version();
    let json = porthole(["nats", &address, "--json"]).json();
    let facts = serde_json::json!({"address": address, "version": version, "auth": false});
    assert_eq!(json["checks"][0]["facts"], facts);
    for _ in 0..10 {
        porthole(["nats", &address]).healthy(&format!("healthy: nats {address}: version {version} in <T>"));
    }
    let log = daemon.folder.join("nats-server.log");
    let closed = || std::fs::read_to_string(&log).unwrap().matches("Client connection closed").count();
    daemon.until("it has closed all connections", || closed() >= 11);
    assert_quiet(&daemon);
    for check in ["redis", "kafka", "mongodb", "mqtt", "mysql"] {
        porthole([check, &address])
            .unhealthy(&format!("unhealthy: {check} {address}: the port speaks NATS, not {check}"));
    }
    let url = format!("http://{address}/");
    porthole(["http", &url]).unhealthy(&format!("unhealthy: http {url}: the port speaks NATS, not HTTP"));
}

#[test]
fn a_server_that_asks_for_a_password_is_up() {
    for configuration in [
        format!("authorization {{ users: [{{user: app, password: \"{HASH}\"}}] }}"),
        format!("authorization {{ token: \"{HASH}\" }}"),
        format!("authorization {{ users: [{{nkey: {KEY}}}] }}"),
    ] {
        let Some((daemon, address)) = nats(&configuration) else { return };
        let found = format!("version {}, asks for a password", version());
        porthole(["nats", &address]).healthy(&format!("healthy: nats {address}: {found} in <T>"));
        assert_quiet(&daemon);
    }
    // A client that does not log in gets the rights of a user. The server logs a warning about the
    // password.
    let users = "accounts { A { users: [{user: app, password: secret}] } }\nno_auth_user: app";
    let Some((daemon, address)) = nats(users) else { return };
    porthole(["nats", &address]).healthy(&format!("healthy: nats {address}: version {} in <T>", version()));
    assert!(!daemon.log().contains("[ERR]"), "{}", daemon.log());
}

#[test]
fn a_server_without_a_free_connection_is_not_ready() {
    let Some((_daemon, address)) = nats("max_connections: 1") else { return };
    let client = counted_client(&address);
    porthole(["nats", &address])
        .unhealthy(&format!("unhealthy: nats {address}: maximum connections exceeded"));
    drop(client);
    // In lame duck mode it does not listen.
    let Some((mut daemon, address)) = nats("lame_duck_grace_period: 1s\nlame_duck_duration: 30s") else {
        return;
    };
    // Without a client the server would end at once.
    let client = counted_client(&address);
    daemon.signal(Signal::SIGUSR2);
    daemon.until("it is in lame duck mode", || {
        !porthole(["nats", &address]).run().stdout.starts_with("healthy")
    });
    porthole(["nats", &address])
        .unhealthy(&format!("unhealthy: nats {address}: connection refused (127.0.0.1)"));
    drop(client);
}

fn manners() -> Manners {
    Manners {
        check: "nats",
        opening: b"",
        again: b"",
        awaited: "the greeting",
        talk: vec![send(INFO), Step::Until(PING), send("PONG\r\n"), Step::Hold],
        found: "version 2.9.10",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn greetings() {
    let server = manners();
    let info = |more: &str| INFO.replace("\"headers\"", &format!("{more},\"headers\""));
    for (more, found) in [
        ("\"tls_required\":true", "up, asks for TLS"),
        ("\"tls_required\":true,\"auth_required\":true", "up, asks for TLS"),
        ("\"auth_required\":true", "version 2.9.10, asks for a password"),
        ("\"auth_required\":true,\"ldm\":false", "version 2.9.10, asks for a password"),
    ] {
        server.healthy(vec![send(info(more)), Step::Hold], found);
    }
    server.each_unhealthy(&[
        (info("\"ldm\":true").as_str(), "shutting down (lame duck mode)"),
        ("-ERR 'maximum connections exceeded'\r\n", "maximum connections exceeded"),
        ("-ERR '\x1b[31m\u{202e}'\r\n", r"\x1b[31m\u{202e}"),
        ("-ERR unknown command 'x'\r\n", "the port speaks Redis, not nats"),
        ("+OK POP3 ready\r\n", "the response is not nats; received: +OK POP3 ready\\r\\n"),
        ("INFO {\"version\":\r\n", "the response is not nats; received: INFO {\"version\":\\r\\n"),
        ("INFO \r\n", "the response is not nats; received: INFO \\r\\n"),
    ]);
    // An endless line, and deep nesting.
    let shown = format!("the response is not nats; received: INFO {}", "[".repeat(59));
    server.unhealthy(vec![send("INFO "), Step::Flood(vec![b'['; 4096])], &shown);
    // The names of many servers of a cluster.
    let urls = format!("\"connect_urls\":[{}\"x:1\"]", "\"nats-17.nats.default.svc:4222\",".repeat(900));
    server
        .healthy(vec![send(info(&urls)), Step::Until(PING), send("PONG\r\n"), Step::Hold], "version 2.9.10");
}

#[test]
fn answers() {
    let server = manners();
    let after = |answer: &str| vec![send(INFO), Step::Until(PING), send(answer), Step::Hold];
    // What a server may send first.
    server.healthy(after(&format!("+OK\r\nPING\r\n{INFO}PONG\r\n")), "version 2.9.10");
    server.healthy(after("-ERR 'Authorization Violation'\r\n"), "up, asks for a password");
    let shutting_down = INFO.replace("\"headers\"", "\"ldm\":true,\"headers\"");
    for (answer, reason) in [
        (shutting_down.as_str(), "shutting down (lame duck mode)"),
        ("-ERR 'Server Shutdown'\r\n", "Server Shutdown"),
        (
            "MSG\r\n",
            "the response is not nats; received: INFO {\"server_id\":\"NABC\",\"version\":\"2.9.10\",\"proto\":1,\"host\":\"12",
        ),
        ("P", "timed out after 300 ms waiting for the answer to PING"),
        ("PING\r\n", "timed out after 300 ms waiting for the answer to PING"),
    ] {
        server.unhealthy(after(answer), reason);
    }
    let closed = "the server closed the connection, expected the answer to PING";
    server.unhealthy(vec![send(INFO), Step::Until(PING)], closed);
    server.unhealthy(vec![send(INFO), Step::Until(PING), Step::Reset], closed);
    // Lines without an end in sight do not extend the deadline.
    let timed_out = "timed out after 300 ms waiting for the answer to PING";
    server.unhealthy(vec![send(INFO), Step::Flood(b"+OK\r\n".repeat(500))], timed_out);
    // The check ends by closing the connection.
    let server = server.server(after("PONG\r\n"));
    let address = server.address();
    porthole(["nats", &address.to_string()])
        .healthy(&format!("healthy: nats {address}: version 2.9.10 in <T>"));
    assert_eq!(server.ends(1), [End::Orderly]);
}
