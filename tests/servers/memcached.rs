//! memcached: ready; with a password, in both protocols; and memcached and Redis with each other's
//! check.

use std::path::Path;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{End, Step, closed_port, send};

pub fn memcached(program: &Path, port: u16, options: &[&str]) -> Daemon {
    let folder = open_folder();
    // For SASL, which needs a mechanism, but no accounts.
    std::fs::write(folder.join("memcached.conf"), "mech_list: plain\n").unwrap();
    std::fs::write(folder.join("accounts"), "name:secret\n").unwrap();
    let sasl = folder.clone();
    let port_text = port.to_string();
    let arguments = ["-l", "127.0.0.1", "-p", &port_text].into_iter().chain(options.iter().copied());
    let mut daemon = Daemon::start(folder, program, arguments, |command| {
        command.env("SASL_CONF_PATH", sasl);
        unprivileged(command);
    });
    daemon.until_listening(port);
    daemon
}

pub fn version(program: &Path) -> String {
    let output = std::process::Command::new(program).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().trim_start_matches("memcached ").to_owned()
}

#[test]
fn ready() {
    let Some(program) = installed("memcached") else { return };
    let (port, version) = (closed_port(), version(&program));
    let _daemon = memcached(&program, port, &[]);
    porthole(["memcached", &port.to_string()])
        .healthy(&format!("healthy: memcached localhost:{port}: version {version} (127.0.0.1) in <T>"));
    let target = format!("127.0.0.1:{port}");
    let json = porthole(["memcached", &target, "--json"]).json();
    let facts = serde_json::json!({"address": target, "version": version, "auth": false});
    assert_eq!(json["checks"][0]["facts"], facts);
    // It replies with an error for each line of the request; the message shows those that came at
    // once.
    let ran = porthole(["redis", &target]).run();
    let line = format!("unhealthy: redis {target}: the port speaks memcached, not redis");
    assert!(ran.stdout.starts_with(&line) && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn a_server_that_asks_for_a_password_is_up() {
    let Some(program) = installed("memcached") else { return };
    let (port, version) = (closed_port(), version(&program));
    let target = format!("127.0.0.1:{port}");
    let daemon = memcached(&program, port, &["-Y", "accounts"]);
    porthole(["memcached", &target])
        .healthy(&format!("healthy: memcached {target}: up, asks for a password in <T>"));
    drop(daemon);
    // With SASL it speaks the binary protocol only.
    let _daemon = memcached(&program, port, &["-S"]);
    porthole(["memcached", &target])
        .healthy(&format!("healthy: memcached {target}: version {version}, asks for a password in <T>"));
}

#[test]
fn redis_is_not_memcached() {
    let Some(program) = installed("redis-server") else { return };
    let (folder, port) = (open_folder(), closed_port());
    let _daemon = crate::redis::redis(&program, folder, port, &[]);
    porthole(["memcached", &format!("127.0.0.1:{port}")])
        .unhealthy(&format!("unhealthy: memcached 127.0.0.1:{port}: the port speaks Redis, not memcached"));
}

fn manners() -> Manners {
    Manners {
        check: "memcached",
        opening: b"version\r\n",
        again: b"\x80\x0b",
        awaited: "the version",
        talk: vec![send("VERSION 1.6.18\r\n")],
        found: "version 1.6.18",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn answers() {
    let server = manners();
    server.each_unhealthy(&[
        ("SERVER_ERROR out of memory \x1b[2J\r\n", r"SERVER_ERROR out of memory \x1b[2J"),
        ("ERROR Too many open connections\r\n", "ERROR Too many open connections"),
        ("ERROR\r\n", "the response is not memcached; received: ERROR\\r\\n"),
        ("VERSIONS\r\n", "the response is not memcached; received: VERSIONS\\r\\n"),
    ]);
    let shown = format!("the response is not memcached; received: {}", "V".repeat(64));
    server.unhealthy(vec![Step::Flood(vec![b'V'; 4096])], &shown);
}

#[test]
fn both_answers_are_read() {
    let version = "VERSION 1.6.18\r\n";
    let late = Step::Drip(b"V".into(), std::time::Duration::from_millis(4));
    let server = manners().server(vec![send(version), late, send(&version[1..]), Step::Hold]);
    let target = server.address().to_string();
    porthole(["memcached", &target]).healthy(&format!("healthy: memcached {target}: version 1.6.18 in <T>"));
    assert_eq!(server.ends(1), [End::Orderly]);
    assert_eq!(server.asked(), ["version\r\nversion\r\nquit\r\n"]);
}

#[test]
fn binary_answers() {
    // The first connection is closed without a reply, as with SASL; then the client tries the
    // binary protocol.
    let (text, binary) = (b"quit\r\n", b"\x80\x0b\0\0");
    for (answer, reason) in [
        (&b"\x81\x0b\xff\0\0\0\0\0\0\0\xff\0"[..], r"received: \x81\x0b\xff\0\0\0\0\0\0\0\xff\0"),
        (b"\x81\x07", r"received: \x81\x07"),
    ] {
        let server = crate::support::server::Server::scripts(vec![
            vec![Step::Until(text)],
            vec![Step::Until(binary), send(answer), Step::Hold],
        ]);
        let address = server.address();
        porthole(["memcached", &address.to_string()])
            .unhealthy(&format!("unhealthy: memcached {address}: the response is not memcached; {reason}"));
    }
}
