//! PgBouncer in front of PostgreSQL. It has one SQLSTATE, 08P01, for all its own errors.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::certificates::certificates;
use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::postgres::{STARTUP, cluster, start};
use crate::support::command::porthole;
use crate::support::server::closed_port;

/// PgBouncer's accounts.
const USERS: &str = "\"postgres\" \"secret\"\n\"admin\" \"secret\"\n";

/// PgBouncer with these settings, these accounts and this database.
pub struct Bouncer {
    daemon: Daemon,
    pub port: u16,
}

impl Bouncer {
    pub fn start(program: &Path, settings: &str, users: &str, database: &str) -> Bouncer {
        Bouncer::in_folder(program, open_folder(), settings, users, database)
    }

    fn in_folder(program: &Path, folder: PathBuf, settings: &str, users: &str, database: &str) -> Bouncer {
        let (port, shown) = (closed_port(), folder.to_str().unwrap().to_owned());
        let configuration = format!(
            "[databases]\n{database}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir = {shown}\nauth_file = {shown}/users\nauth_hba_file = {shown}/hba\n\
             admin_users = admin\n{settings}\n"
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, configuration).unwrap();
        std::fs::write(folder.join("users"), users).unwrap();
        let mut daemon = Daemon::start(folder, program, [&file], unprivileged);
        daemon.until_listening(port);
        Bouncer { daemon, port }
    }

    /// Runs the check; returns its verdict, the reason, and the SQLSTATE if it received one.
    fn found(&self) -> (bool, String, Option<String>) {
        let json = porthole(["postgres", &format!("127.0.0.1:{}", self.port), "--json", "-t", "5s"]).json();
        let check = &json["checks"][0];
        (
            check["healthy"].as_bool().unwrap(),
            check["reason"].as_str().unwrap().to_owned(),
            check["facts"]["sqlstate"].as_str().map(str::to_owned),
        )
    }

    /// Asserts that the check is healthy for this reason.
    #[track_caller]
    fn accepts(&self, reason: &str) {
        assert_eq!(self.found(), (true, reason.to_owned(), None), "{}", self.daemon.log());
    }

    /// Asserts that the check is healthy because PgBouncer refuses this client with this message.
    #[track_caller]
    fn refuses(&self, message: &str) {
        let reason = format!("up, refuses this client: {message}");
        assert_eq!(self.found(), (true, reason, Some("08P01".to_owned())), "{}", self.daemon.log());
    }

    /// Runs a command in PgBouncer's console.
    fn console(&self, command: &str) {
        let arguments = ["-h", "127.0.0.1", "-U", "admin", "-d", "pgbouncer", "-c", command];
        let output = Command::new(installed("psql").unwrap())
            .args(arguments)
            .env("PGPORT", self.port.to_string())
            .env("PGPASSWORD", "secret")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn a_server_that_refuses_this_client_is_up() {
    let (Some(program), Some((postgres, folder))) = (installed("pgbouncer"), cluster()) else { return };
    let (mut server, socket) =
        start(&postgres, &folder, closed_port(), &["-c", "listen_addresses=", "-c", "log_connections=on"]);
    server.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let (place, port) = (folder.to_str().unwrap(), socket.rsplit('.').next().unwrap());
    let behind = format!("host={place} port={port}");
    let database = format!("postgres = {behind}");
    let other = format!("other = {behind}");
    let with =
        |settings: &str, users: &str, database: &str| Bouncer::start(&program, settings, users, database);

    let accepts = "accepts connections";
    let asks = "accepts connections, asks for a password";
    let trusting = with("auth_type = trust", USERS, &database);
    trusting.accepts(accepts);
    with("auth_type = any", USERS, &format!("{database} user=postgres")).accepts(accepts);
    for method in ["plain", "md5", "scram-sha-256"] {
        let asking = with(&format!("auth_type = {method}"), USERS, &database);
        (0..10).for_each(|_| asking.accepts(asks));
        // It asks an unknown user for a password like any other, and also for an unknown database.
        with(&format!("auth_type = {method}"), "", &database).accepts(asks);
        with(&format!("auth_type = {method}"), USERS, &other).accepts(asks);
        assert!(!asking.daemon.log().contains("WARNING C-"), "{}", asking.daemon.log());
    }

    with("auth_type = trust", "", &database).refuses("\"trust\" authentication failed");
    with("auth_type = trust", USERS, &other).refuses("no such database: postgres");
    with("auth_type = any", USERS, &other).refuses("bouncer config error");
    for (rules, found) in [
        ("host all all 127.0.0.1/32 md5\n", None),
        ("host all all 127.0.0.1/32 reject\n", Some("login rejected")),
        ("local all all trust\n", Some("login rejected")),
    ] {
        let folder = open_folder();
        std::fs::write(folder.join("hba"), rules).unwrap();
        let bouncer = Bouncer::in_folder(&program, folder, "auth_type = hba", USERS, &database);
        match found {
            None => bouncer.accepts(asks),
            Some(message) => bouncer.refuses(message),
        }
    }
    trusting.console("DISABLE postgres");
    trusting.refuses("database \"postgres\" is disabled");
    if let Some(set) = certificates() {
        let folder = open_folder();
        for (from, to) in [(set.pem("server"), "server.pem"), (set.key("server"), "server.key")] {
            // PgBouncer may run as another user.
            std::fs::write(folder.join(to), std::fs::read(from).unwrap()).unwrap();
        }
        let shown = folder.to_str().unwrap().to_owned();
        let settings = format!(
            "auth_type = trust\nclient_tls_sslmode = require\nclient_tls_cert_file = {shown}/server.pem\n\
             client_tls_key_file = {shown}/server.key"
        );
        Bouncer::in_folder(&program, folder, &settings, USERS, &database).refuses("SSL required");
    }
    // PgBouncer reuses the session that it opened for a check, so PostgreSQL sees no aborted ones.
    assert!(!server.log().contains("unexpected EOF"), "{}", server.log());
    // It need not save anything.
    server.signal(Signal::SIGKILL);
}

#[test]
fn a_server_that_cannot_serve_is_not_ready() {
    let (Some(program), Some((postgres, folder))) = (installed("pgbouncer"), cluster()) else { return };
    let (mut server, socket) = start(&postgres, &folder, closed_port(), &["-c", "listen_addresses="]);
    server.until("it listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let (place, port) = (folder.to_str().unwrap(), socket.rsplit('.').next().unwrap());
    let database = format!("postgres = host={place} port={port}");

    let mut full = Bouncer::start(&program, "auth_type = trust\nmax_client_conn = 1", USERS, &database);
    let target = format!("127.0.0.1:{}", full.port);
    // The only client that it accepts, once it has noticed that the previous one disconnected.
    let mut client = None;
    full.daemon.until("it accepts a client", || {
        let mut stream = TcpStream::connect(&target).unwrap();
        stream.write_all(STARTUP).unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).unwrap();
        client = Some(stream);
        kind == *b"R"
    });
    porthole(["postgres", &target])
        .unhealthy(&format!("unhealthy: postgres {target}: no more connections allowed (max_client_conn)"));
    drop(client);

    // Clients wait until it is resumed or its server is available, and receive nothing meanwhile.
    let silent = "timed out after 300 ms waiting for the answer to the startup message";
    let paused = Bouncer::start(&program, "auth_type = trust", USERS, &database);
    paused.console("PAUSE");
    let target = format!("127.0.0.1:{}", paused.port);
    porthole(["postgres", &target, "-t", "300ms"])
        .unhealthy(&format!("unhealthy: postgres {target}: {silent}"));
    let alone = Bouncer::start(&program, "auth_type = trust", USERS, "postgres = host=/nowhere");
    let target = format!("127.0.0.1:{}", alone.port);
    porthole(["postgres", &target, "-t", "300ms"])
        .unhealthy(&format!("unhealthy: postgres {target}: {silent}"));
    server.signal(Signal::SIGKILL);
}
