//! The checks of servers, with each of the static binaries. The servers say what real ones said:
//! Redis 7.0, memcached 1.6, PostgreSQL 15, MariaDB 10.11, RabbitMQ 3.10, NATS 2.9, Mosquitto 2.0,
//! MongoDB and Kafka as their protocols define it. The real ones run in one of the boots: init.sh.

use std::net::UdpSocket;
use std::thread;

use crate::checks::{BINARIES, run};
use crate::support::server::{Server, Step, answer, response, send};

const MARIADB: &[u8] = b"\x64\0\0\0\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0\x12\0\0\0x,mc)@G#\0\xfe\xf7\x08\x02\0\xff\x81\x15\0\0\0\
    \0\0\0\x1d\0\0\0vLXW,s~Cn%fV\0mysql_native_password\0";
const MARIADB_DENIES: &[u8] =
    b"\x4b\0\0\x02\xff\x15\x04#28000Access denied for user 'porthole'@'127.0.0.1' (using password: NO)";
const INFO: &str = "INFO {\"server_id\":\"NABC\",\"version\":\"2.9.10\",\"proto\":1,\"host\":\"127.0.0.1\",\
                    \"headers\":true,\"max_payload\":1048576,\"client_id\":4} \r\n";
/// `connection.start` with an empty table of server properties, `PLAIN` and `en_US`.
const CONNECTION_START: &[u8] =
    b"\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US\xce";
/// `{ismaster: true, ok: 1.0}`
const IS_MASTER: &[u8] = b"\x31\0\0\0\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0\
    \x1c\0\0\0\x08ismaster\0\x01\x01ok\0\0\0\0\0\0\0\xf0\x3f\0";
/// Two APIs and their versions.
const API_VERSIONS: &[u8] = b"\0\0\0\x16\0\0\0\x01\0\0\0\0\0\x02\0\0\0\0\0\x09\0\x12\0\0\0\x03";
/// SETTINGS without an entry, then `:status: 200`, the message `SERVING`, and `grpc-status: 0`.
const GRPC_SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
const GRPC_ANSWER: &[u8] = b"\0\0\x20\x01\x04\0\0\0\x01\x88\0\x0ccontent-type\x10application/grpc\
    \0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01\
    \0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";

/// What a server of each kind says, and what porthole finds.
fn servers() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    vec![
        ("redis", vec![Step::Until(b"PING\r\n"), send("+PONG\r\n")], "PONG"),
        ("memcached", vec![Step::Until(b"version\r\n"), send("VERSION 1.6.18\r\n")], "version 1.6.18"),
        (
            "postgres",
            vec![
                Step::Until(b"application_name\0porthole\0\0"),
                // AuthenticationOk, ParameterStatus, ReadyForQuery.
                send(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19server_version\x0015.18\0Z\0\0\0\x05I"),
                Step::Until(b"X\0\0\0\x04"),
            ],
            "accepts connections",
        ),
        (
            "mysql",
            vec![send(MARIADB), Step::Until(b"porthole\0\0mysql_native_password\0"), send(MARIADB_DENIES)],
            "accepts connections, version 10.11.19-MariaDB-0+deb12u1",
        ),
        ("amqp", vec![Step::Until(b"AMQP\0\0\x09\x01"), send(CONNECTION_START)], "accepts connections"),
        ("mongodb", vec![Step::Until(b"$db\0\x06\0\0\0admin\0\0"), send(IS_MASTER)], "standalone"),
        ("kafka", vec![Step::Until(b"porthole"), send(API_VERSIONS)], "answers ApiVersions"),
        ("nats", vec![send(INFO), Step::Until(b"PING\r\n"), send("PONG\r\n"), Step::Hold], "version 2.9.10"),
        (
            "mqtt",
            vec![Step::Until(b"\x04MQTT\x04\x02\0\x3c\0\0"), send(b"\x20\x02\0\0"), Step::Until(b"\xe0\0")],
            "accepts connections",
        ),
        (
            "grpc",
            vec![send(GRPC_SETTINGS), Step::Until(b"/grpc.health.v1.Health/Check"), send(GRPC_ANSWER)],
            "SERVING",
        ),
    ]
}

#[test]
fn servers_that_are_ready() {
    for binary in BINARIES {
        for (check, script, found) in servers() {
            let server = Server::new(script);
            let target = server.address().to_string();
            run(binary, &[check, &target]).is(0, &format!("healthy: {check} {target}: {found} in <T>"), "");
        }
    }
}

#[test]
fn servers_that_are_not_ready() {
    for binary in BINARIES {
        for (check, reply, why) in [
            ("redis", &b"-LOADING Redis is loading the dataset in memory\r\n"[..], "loading"),
            (
                "postgres",
                b"E\0\0\0\x44SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0Rexec\0\0",
                "the database system is starting up",
            ),
            ("mongodb", b"\x26\0\0\0\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0\x11\0\0\0\x01ok\0\0\0\0\0\0\0\xf0\x3f\0", "neither primary nor secondary"),
            ("mqtt", b"\x20\x02\0\x03", "unavailable"),
        ] {
            let server = Server::new(vec![send(reply), Step::Hold]);
            let target = server.address().to_string();
            let ran = run(binary, &[check, &target]);
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
            assert!(ran.stdout.starts_with(&format!("unhealthy: {check} {target}: ")), "{}", ran.story());
            assert!(ran.stdout.to_lowercase().contains(why), "{}", ran.story());
        }
    }
}

/// Answers questions for addresses of IPv4 with 127.0.0.2, until it is asked for nothing.
fn name_server() -> (String, thread::JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let mut buffer = [0; 512];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            if length == 0 {
                return;
            }
            // The question ends with the name's last, empty label, a type and a class.
            let end = 12 + buffer[12..length].iter().position(|&byte| byte == 0).unwrap() + 5;
            let is_ipv4 = buffer[end - 4..end - 2] == [0, 1];
            let mut reply = buffer[..end].to_vec();
            reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
            if is_ipv4 {
                reply.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x02");
            }
            socket.send_to(&reply, peer).unwrap();
        }
    });
    (address, thread)
}

#[test]
fn a_name_is_asked_of_a_name_server() {
    let (server, thread) = name_server();
    for binary in BINARIES {
        let ran = run(binary, &["dns", "web.example.org", "--server", &server, "--json"]).json();
        let check = &ran["checks"][0];
        assert_eq!(
            (&check["healthy"], &check["facts"]["addresses"][0]),
            (&true.into(), &"127.0.0.2".into()),
            "{ran}"
        );
        let ran = run(binary, &["dns", "web.example.org", "--server", &server, "--expect", "127.0.0.3"]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    }
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], server).unwrap();
    thread.join().unwrap();
}

#[test]
fn an_attempt_is_repeated_until_it_succeeds() {
    for binary in BINARIES {
        let server = Server::scripts(vec![
            answer(response("503 Service Unavailable", "")),
            answer(response("503 Service Unavailable", "")),
            answer(response("200 OK", "")),
        ]);
        let url = format!("http://{}/", server.address());
        let ran = run(binary, &["http", &url, "--wait", "50s", "--every", "10ms", "--json"]).json();
        assert_eq!((&ran["healthy"], &ran["attempts"]), (&true.into(), &3.into()), "{ran}");
    }
}

#[test]
fn one_of_several_checks_suffices() {
    for binary in BINARIES {
        let server = Server::new(vec![send("220 ready\r\n")]);
        let target = server.address().to_string();
        let ran = run(binary, &["tcp", "127.0.0.1:1", "or", "tcp", &target, "--expect", "220 "]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        assert!(ran.stdout.starts_with(&format!("healthy: tcp {target}: ")), "{}", ran.story());
    }
}
