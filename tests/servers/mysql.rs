//! MariaDB: ready; refusing this host; accepting the check's own account; out of connections.

use std::io::Read as _;
use std::net::TcpStream;
use std::process::Command;

use crate::daemon::{Daemon, installed, open_folder, prepare, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{Step, closed_port, send};

/// The greeting of MySQL 8.0.36, and below that of MariaDB 10.11.
const MYSQL: &[u8] =
    b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0\x1dn>8Y\x0b\x1d4\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0\
    Y\x10\x1fGl\x01\x02\x03\x04\x05\x06\x07\0caching_sha2_password\0";
const MARIADB: &[u8] = b"\x64\0\0\0\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0\x12\0\0\0x,mc)@G#\0\xfe\xf7\x08\x02\0\xff\x81\x15\0\0\0\
    \0\0\0\x1d\0\0\0vLXW,s~Cn%fV\0mysql_native_password\0";
/// The end of the login, which the server answers.
const LOGIN: &[u8] = b"porthole\0\0mysql_native_password\0";
const QUIT: Step = Step::Until(b"\x01\0\0\0\x01");
const DENIED: &[u8] =
    b"\x4b\0\0\x02\xff\x15\x04#28000Access denied for user 'porthole'@'127.0.0.2' (using password: NO)";
const OK: &[u8] = b"\x07\0\0\x02\0\0\0\x02\0\0\0";

/// Starts MariaDB with these options. Returns it, its port and its socket.
pub fn mariadb(options: &[&str]) -> Option<(Daemon, u16, String)> {
    let (program, install) = (installed("mariadbd")?, installed("mariadb-install-db")?);
    let (folder, port) = (open_folder(), closed_port());
    let shown = folder.to_str().unwrap();
    let (data, socket) = (format!("--datadir={shown}/data"), format!("{shown}/m.sock"));
    let root = "--auth-root-authentication-method=normal";
    prepare(&folder, &install, ["--no-defaults", &data, root, "--skip-test-db"]);
    let (at, port_option) = (format!("--socket={socket}"), format!("--port={port}"));
    let small = [
        "--skip-name-resolve",
        "--log-warnings=9",
        "--max-connections=10",
        "--innodb-buffer-pool-size=8M",
        "--bind-address=127.0.0.1",
    ];
    let arguments =
        ["--no-defaults", &data, &at, &port_option].into_iter().chain(small).chain(options.iter().copied());
    let mut daemon = Daemon::start(folder.clone(), &program, arguments, unprivileged);
    daemon.until_listening(port);
    Some((daemon, port, socket))
}

/// Returns the version of MariaDB.
pub fn mariadb_version() -> String {
    let program = installed("mariadbd").unwrap();
    let version = String::from_utf8(Command::new(program).arg("--version").output().unwrap().stdout).unwrap();
    version.split(' ').skip_while(|&word| word != "Ver").nth(1).unwrap().to_owned()
}

#[test]
fn ready_or_not() {
    let Some((mut daemon, port, socket)) = mariadb(&[]) else { return };
    let version = mariadb_version();

    let sql = |statement: &str| {
        let client = installed("mariadb").unwrap();
        let at = format!("--socket={socket}");
        let arguments = ["--no-defaults", &at, "-uroot", "-NBe", statement];
        let output = Command::new(client).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };

    // The login is refused, because the account does not exist.
    let accepts = format!("accepts connections, version {version}");
    let target = format!("127.0.0.1:{port}");
    for target in [&target, &socket] {
        porthole(["mysql", target]).healthy(&format!("healthy: mysql {target}: {accepts} in <T>"));
    }
    let json = porthole(["mysql", &socket, "--json"]).json();
    let facts = serde_json::json!({"address": socket, "version": version, "auth": true});
    assert_eq!(json["checks"][0]["facts"], facts);

    // However the account logs in, the server logs at most that access was denied, as for any
    // client.
    sql("INSTALL SONAME 'auth_ed25519'");
    for (identified, denials) in [
        ("", 0),
        ("ACCOUNT LOCK", 0),
        ("IDENTIFIED BY 'x'", 10),
        ("IDENTIFIED VIA ed25519 USING PASSWORD('x')", 10),
        ("IDENTIFIED VIA unix_socket", 10),
        ("IDENTIFIED VIA ed25519 USING PASSWORD('x') OR mysql_native_password USING PASSWORD('x')", 10),
    ] {
        sql(&format!("CREATE USER porthole@localhost {identified}"));
        let before = daemon.log().len();
        for _ in 0..10 {
            porthole(["mysql", &socket]).healthy(&format!("healthy: mysql {socket}: {accepts} in <T>"));
        }
        sql("DROP USER porthole@localhost");
        let logged = daemon.log()[before..].to_owned();
        let denied = "[Warning] Access denied for user 'porthole'@'localhost'";
        assert_eq!(logged.matches(denied).count(), denials, "{identified}: {logged}");
        assert_eq!(logged.lines().count(), denials, "{identified}: {logged}");
    }

    // No account may connect from 127.0.0.1.
    sql("DELETE FROM mysql.global_priv WHERE host <> 'localhost'; FLUSH PRIVILEGES");
    porthole(["mysql", &target]).healthy(&format!(
        "healthy: mysql {target}: up, refuses this client: Host '127.0.0.1' is not allowed to connect to this MariaDB \
         server in <T>"
    ));

    // With its own account, the check causes no aborted connections.
    let aborted = "SHOW GLOBAL STATUS LIKE 'Aborted%'";
    sql("CREATE USER porthole@'127.0.0.1'");
    let before = sql(aborted);
    porthole(["mysql", &target]).healthy(&format!("healthy: mysql {target}: {accepts} in <T>"));
    let json = porthole(["mysql", &target, "--json"]).json();
    assert_eq!(json["checks"][0]["facts"]["auth"], false);
    assert_eq!(sql(aborted), before);

    // Opens connections until none are left.
    let mut connections = Vec::new();
    daemon.until("its connections are used up", || {
        let mut connection = TcpStream::connect(&target).unwrap();
        let mut beginning = [0; 5];
        connection.read_exact(&mut beginning).unwrap();
        connections.push(connection);
        beginning[4] == 0xff
    });
    porthole(["mysql", &target]).unhealthy(&format!("unhealthy: mysql {target}: Too many connections"));
    drop(connections);
    // It need not save anything.
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
}

fn manners() -> Manners {
    Manners {
        check: "mysql",
        opening: b"",
        again: b"",
        awaited: "the greeting",
        talk: vec![send(MARIADB), Step::Until(LOGIN), send(DENIED)],
        found: "accepts connections, version 10.11.19-MariaDB-0+deb12u1",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn greetings_and_answers() {
    let server = manners();
    let login = || vec![send(MYSQL), Step::Until(LOGIN)];
    let accepts = "accepts connections, version 8.0.36";
    // A session; a refusal; and a refusal after a switch of the authentication plugin.
    let switch = b"\x2c\0\0\x02\xfecaching_sha2_password\0Y\x10\x1fGl\x01\x02\x03\x04\x05\x06\x07Y\x10\x1fGl\x01\x02\x03\0";
    let empty: [&'static [u8]; 2] = [b"\0\0\0\x03", b"\0\0\0\x05"];
    for answer in [
        vec![send(OK), QUIT],
        vec![send(DENIED)],
        vec![send(switch), Step::Until(empty[0]), send(DENIED)],
        // The same plugin continues; then a second switch of the plugin.
        vec![send(b"\x02\0\0\x02\x01\x04"), Step::Until(empty[0]), send(DENIED)],
        vec![
            send(switch),
            Step::Until(empty[0]),
            send(b"\x0b\0\0\x04\xfegssapi\0abc"),
            Step::Until(empty[1]),
            send(DENIED),
        ],
    ] {
        server.healthy([login(), answer].concat(), accepts);
    }
    // A server that requests data for ever.
    let asking = vec![send(b"\x02\0\0\x02\x01\x04".repeat(20)), Step::Hold];
    server.healthy([login(), asking].concat(), accepts);
    // Errors about the server's state count before and after the login.
    for (code, message) in [
        (1037_u16, "Out of memory; restart server and try again"),
        (1040, "Too many connections"),
        (1041, "Out of memory."),
        (1053, "Server shutdown in progress"),
        (1135, "Can't create a new thread (errno 11)"),
        (3032, "The server is currently in offline mode"),
    ] {
        let error = |number, state: &str| {
            let payload = [b"\xff", &code.to_le_bytes()[..], state.as_bytes(), message.as_bytes()].concat();
            vec![send([&[u8::try_from(payload.len()).unwrap(), 0, 0, number], payload.as_slice()].concat())]
        };
        server.unhealthy(error(0, ""), message);
        server.unhealthy([login(), error(2, "#08S01")].concat(), message);
    }
    // The message contains neither the connection id nor the scramble of the greeting.
    server.unhealthy(
        [login(), vec![Step::Hold]].concat(),
        "timed out after 300 ms waiting for the answer to the login",
    );
    for end in [vec![], vec![Step::Reset]] {
        server.unhealthy(
            [login(), end].concat(),
            "the server closed the connection, expected the answer to the login",
        );
    }
    for (error, found) in [
        (&b"\x18\0\0\0\xff\x6a\x04Host is not allowed"[..], "up, refuses this client: Host is not allowed"),
        (b"\x13\0\0\0\xff\x69\x04Host is blocked", "up, refuses this client: Host is blocked"),
    ] {
        let length = [u8::try_from(error.len() - 4).unwrap()];
        server.healthy(vec![send([&length, &error[1..]].concat())], found);
    }
    server.unhealthy(vec![send(b"\x0b\0\0\0\xff\x1d\x04\x1b[2Jend\n")], r"\x1b[2Jend\n");
}

#[test]
fn not_quite_mysql() {
    let server = manners();
    server.each_foreign(&[
        // A packet that is too long, one that is not the first, an unknown version of the protocol.
        (&b"\xff\xff\xff\0\x0a"[..], r"\xff\xff\xff\0\n"),
        (b"\x0b\0\0\x01\x0a", r"\x0b\0\0\x01\n"),
        (b"\x0b\0\0\0\x0b", r"\x0b\0\0\0\x0b"),
        (b"+PONG\r\n", r"+PONG\r\n"),
        // Packets without an error code or without content.
        (b"\x01\0\0\0\xff", r"\x01\0\0\0\xff"),
        (b"\0\0\0\0\x0a", r"\0\0\0\0\n"),
    ]);
    // Invalid answers to a login: an unknown packet, an empty one, errors without a complete code.
    for answer in [&b"\x03\0\0\x02BBB"[..], b"\0\0\0\x02", b"\x01\0\0\x02\xff", b"\x02\0\0\x02\xff\x15"] {
        let greeting = send(b"\x0b\0\0\0\x0a8.0\0number");
        server.unhealthy(
            vec![greeting, Step::Until(LOGIN), send(answer), Step::Hold],
            r"the response is not mysql; received: \x0b\0\0\0\n8.0\0",
        );
    }
}
