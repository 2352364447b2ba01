//! PostgreSQL: ready, asking for a password, out of connections, in recovery; each on a separate
//! socket or address.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::daemon::{Daemon, installed, open_folder, prepare, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{Step, closed_port, send};

/// What the check sends first.
pub const STARTUP: &[u8] =
    b"\0\0\0\x43\0\x03\0\0user\0postgres\0database\0postgres\0application_name\0porthole\0\0";

/// The pause between two bytes of a message that arrives slowly.
const PACE: Duration = Duration::from_millis(1);

/// Starts the server of the cluster in this directory, with these options. Returns it and its
/// socket.
pub fn start(program: &Path, folder: &Path, port: u16, options: &[&str]) -> (Daemon, String) {
    let shown = folder.to_str().unwrap();
    let (data, sockets, port) =
        (format!("{shown}/data"), format!("unix_socket_directories={shown}"), port.to_string());
    let mut arguments = vec!["-D", &data, "-p", &port, "-c", &sockets, "-c", "fsync=off"];
    arguments.extend(options);
    let daemon = Daemon::start(folder.to_owned(), program, arguments, unprivileged);
    (daemon, format!("{shown}/.s.PGSQL.{port}"))
}

/// Creates a cluster in a new directory. Returns the server's program and the directory.
pub fn cluster() -> Option<(PathBuf, PathBuf)> {
    let (program, initdb) = (installed("postgres")?, installed("initdb")?);
    let folder = open_folder();
    let arguments = ["-D", "data", "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C"];
    prepare(&folder, &initdb, arguments);
    // The local socket is trusted, IPv4 requires a password, and there is no rule for IPv6.
    let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    std::fs::write(folder.join("data/pg_hba.conf"), rules).unwrap();
    Some((program, folder))
}

#[test]
fn ready_or_not() {
    let Some((program, folder)) = cluster() else { return };
    let port = closed_port();
    let options = ["listen_addresses=127.0.0.1,::1", "max_connections=3", "superuser_reserved_connections=0"];
    let options: Vec<&str> =
        options.iter().flat_map(|option| ["-c", option]).chain(["-c", "max_wal_senders=0"]).collect();
    let (mut daemon, socket) = start(&program, &folder, port, &options);
    // Waits for the server's own message: a check that came too early would appear in its log.
    let ready = "database system is ready to accept connections";
    let log = folder.join("postgres.log");
    daemon.until("it is ready", || std::fs::read_to_string(&log).is_ok_and(|log| log.contains(ready)));
    let before = daemon.log();

    porthole(["postgres", &socket])
        .healthy(&format!("healthy: postgres {socket}: accepts connections in <T>"));
    porthole(["postgres", &format!("127.0.0.1:{port}")]).healthy(&format!(
        "healthy: postgres 127.0.0.1:{port}: accepts connections, asks for a password in <T>"
    ));
    let json = porthole(["postgres", &socket, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"], serde_json::json!({"address": socket, "auth": false}));
    assert_eq!(daemon.log(), before, "a check leaves nothing in the log");

    porthole(["postgres", &format!("[::1]:{port}")]).healthy(&format!(
        "healthy: postgres [::1]:{port}: up, refuses this client: no pg_hba.conf entry for host \"::1\", user \
         \"postgres\", database \"postgres\", no encryption in <T>"
    ));

    // Opens sessions until none are left.
    let mut sessions = Vec::new();
    daemon.until("its connections are used up", || {
        let mut session = UnixStream::connect(&socket).unwrap();
        session.write_all(STARTUP).unwrap();
        let mut kind = [0];
        session.read_exact(&mut kind).unwrap();
        sessions.push(session);
        kind == *b"E"
    });
    porthole(["postgres", &socket])
        .unhealthy(&format!("unhealthy: postgres {socket}: sorry, too many clients already"));
    drop(sessions);

    // The same cluster as a standby, which recovers for ever and accepts no queries meanwhile.
    daemon.signal(Signal::SIGINT);
    let folder = daemon.end();
    std::fs::write(folder.join("data/standby.signal"), "").unwrap();
    let (mut daemon, socket) =
        start(&program, &folder, port, &["-c", "hot_standby=off", "-c", "listen_addresses=127.0.0.1"]);
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    daemon.until("it is in standby", || {
        !porthole(["postgres", &target]).run().stdout.contains("is starting up")
    });
    for target in [&target, &socket] {
        porthole(["postgres", target]).unhealthy(&format!(
            "unhealthy: postgres {target}: the database system is not accepting connections"
        ));
    }
    let json = porthole(["postgres", &socket, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"], serde_json::json!({"address": socket, "sqlstate": "57P03"}));
}

#[test]
fn what_the_server_logs_for_a_check() {
    let Some((program, folder)) = cluster() else { return };
    let port = closed_port();
    let options =
        ["-c", "listen_addresses=127.0.0.1", "-c", "log_connections=on", "-c", "log_disconnections=on"];
    let (mut daemon, _) = start(&program, &folder, port, &options);
    let log = folder.join("postgres.log");
    let log = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it is ready", || log().contains("database system is ready to accept connections"));
    let target = format!("127.0.0.1:{port}");
    let asks = "accepts connections, asks for a password";
    let rejected = "up, refuses this client: pg_hba.conf rejects connection for host \"127.0.0.1\", user \"postgres\", \
                    database \"postgres\", no encryp…";
    for (reloads, (method, found, refusals)) in [
        ("trust", "accepts connections", 0),
        ("scram-sha-256", asks, 0),
        ("md5", asks, 0),
        ("password", asks, 0),
        ("reject", rejected, 10),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(folder.join("data/pg_hba.conf"), format!("host all all 127.0.0.1/32 {method}\n"))
            .unwrap();
        let postmaster = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        let postmaster = postmaster.lines().next().unwrap().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(postmaster), Signal::SIGHUP).unwrap();
        daemon.until("it has read its configuration", || {
            log().matches("reloading configuration files").count() > reloads
        });
        let before = log().len();
        for _ in 0..10 {
            porthole(["postgres", &target]).healthy(&format!("healthy: postgres {target}: {found} in <T>"));
        }
        daemon.until("it has logged all checks", || {
            log()[before..].matches("LOG:  connection received: ").count() >= 10
                && (method != "trust" || log()[before..].matches("LOG:  disconnection: ").count() >= 10)
        });
        let all = log();
        let logged = &all[before..];
        // It logs a refusal for any client.
        assert_eq!(logged.matches("FATAL:").count(), refusals, "{logged}");
        for word in ["unexpected EOF", "reset", "incomplete", "Broken pipe", "ERROR"] {
            assert!(!logged.contains(word), "{logged}");
        }
    }
    // It need not save anything.
    daemon.signal(Signal::SIGKILL);
}

/// Returns an error with this state and message, as version 15 sends it.
fn error(state: &str, message: &str) -> Step {
    let fields =
        format!("SFATAL\0VFATAL\0C{state}\0M{message}\0Fpostmaster.c\0L2288\0RProcessStartupPacket\0\0");
    message_of(b'E', fields.as_bytes())
}

fn message_of(kind: u8, body: &[u8]) -> Step {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    send([&[kind][..], &length, body].concat())
}

fn manners() -> Manners {
    Manners {
        check: "postgres",
        opening: STARTUP,
        again: b"",
        awaited: "the answer to the startup message",
        talk: vec![
            send(b"R\0\0\0\x08\0\0\0\0"),
            message_of(b'S', b"server_version\x0015.18 (Debian 15.18-0+deb12u1)\0"),
            message_of(b'K', b"\0\0\x12\x34\0\0\x56\x78"),
            message_of(b'Z', b"I"),
            Step::Until(b"X\0\0\0\x04"),
        ],
        found: "accepts connections",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn answers() {
    let server = manners();
    for (state, message) in [
        ("57P03", "the database system is starting up"),
        ("57P03", "the database system is shutting down"),
        ("53300", "sorry, too many clients already"),
        ("XX000", "could not open file"),
        ("57P01", "server is not accepting clients, try another node"),
        ("57P02", "terminating connection because of crash of another server process"),
        ("53200", "out of memory"),
        ("58P01", "could not open file \"global/pg_filenode.map\""),
        ("08006", "server closed the connection unexpectedly"),
        // From PgBouncer.
        ("08P01", "no more connections allowed (max_client_conn)"),
        ("08P01", "client connections exceeded (max_user_client_connections)"),
        ("08P01", "pooler is shutting down"),
    ] {
        server.unhealthy(vec![error(state, message)], message);
    }
    server.unhealthy(vec![error("57P03", "\x1b[31m\u{202e}no\n")], r"\x1b[31m\u{202e}no\n");
    // A server that cannot fork sends an error of protocol 2, in any language.
    let text = "could not fork new process for connection: Cannot allocate memory";
    server.unhealthy(vec![send(format!("E{text}\n\0"))], text);
    server.unhealthy(vec![send("Ech"), Step::Drip(b"\xc3\xa9c\n\0".into(), PACE)], "chéc");
    for (state, message) in [
        ("28000", "role \"postgres\" does not exist"),
        ("3D000", "database \"postgres\" does not exist"),
        ("42501", "permission denied for database \"postgres\""),
        ("0A000", "unsupported frontend protocol 3.0: server supports 2.0 to 2.0"),
        ("55000", "database \"postgres\" is not currently accepting connections"),
        // From PgBouncer and CockroachDB.
        ("08P01", "no such database: postgres"),
        ("08P01", "login rejected"),
        ("08P01", "node is running secure mode, SSL connection required"),
        ("08004", "server rejected the connection"),
    ] {
        let up = format!("up, refuses this client: {message}");
        server.healthy(vec![error(state, message)], &up);
        // If no password is required, the refusal follows the authentication.
        server.healthy(vec![send(b"R\0\0\0\x08\0\0\0\0"), error(state, message)], &up);
    }
    // Requests for MD5, and for SASL with its mechanisms.
    for request in [&b"\0\0\0\x05salt"[..], b"\0\0\0\x0aSCRAM-SHA-256\0\0"] {
        server
            .healthy(vec![message_of(b'R', request), Step::Hold], "accepts connections, asks for a password");
    }
}

#[test]
fn not_quite_postgres() {
    let server = manners();
    server.each_foreign(&[
        // Lengths that are too short or too long, an unknown kind of authentication, no fields.
        (&b"R\0\0\0\x03"[..], r"R\0\0\0\x03"),
        (b"R\xff\xff\xff\xff", r"R\xff\xff\xff\xff"),
        (b"R\0\0\x07\xd0....", r"R\0\0\x07\xd0...."),
        (b"E\x00\x10\x00\x00", r"E\0\x10\0\0"),
        (b"R\0\0\0\x0810.1", r"R\0\0\0\x0810.1"),
        (b"E\0\0\0\x05\0", r"E\0\0\0\x05\0"),
        (b"N", "N"),
        // Invalid errors of protocol 2.
        (b"Ecould\r\n", r"Ecould\r\n"),
        (b"Ecould\x1b\0", r"Ecould\x1b\0"),
    ]);
    server.each_unhealthy(&[(&b"\x5b\0\0\0\x0a8.0.36\0"[..], "the port speaks MySQL, not postgres")]);
    // An endless stream of messages.
    let notice = b"N\0\0\0\x05\0".repeat(700);
    let server = server.server(vec![send(b"R\0\0\0\x08\0\0\0\0"), Step::Flood(notice)]);
    let address = server.address();
    let ran = porthole(["postgres", &address.to_string(), "-t", "300ms"]).run();
    let reason = "timed out after 300 ms waiting for the session to begin";
    ran.is(1, &format!("unhealthy: postgres {address}: {reason}"), "");
}
