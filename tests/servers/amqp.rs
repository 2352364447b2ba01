//! RabbitMQ: ready; and servers that speak another version of AMQP.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{closed_port, send};

/// The script that starts the server. Debian's own in /usr/sbin is a wrapper for the system's
/// service.
const SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A running RabbitMQ.
pub struct Broker {
    pub daemon: Daemon,
    variables: Vec<(String, String)>,
    _mapper: Daemon,
}

/// Starts RabbitMQ on this port, with these settings and this plugin if it is not empty. It listens
/// only after it has started.
pub fn rabbitmq(port: u16, settings: &str, plugin: &str) -> Option<Broker> {
    let (_, epmd) = (installed("rabbitmq-server")?, installed("epmd")?);
    let (names, distribution) = (closed_port().to_string(), closed_port().to_string());
    // If no port mapper runs, Erlang starts one as a daemon, which would remain.
    let mut mapper =
        Daemon::start(open_folder(), &epmd, ["-port", &names, "-address", "127.0.0.1"], unprivileged);
    mapper.until_listening(names.parse().unwrap());
    let folder = open_folder();
    let shown = folder.to_str().unwrap().to_owned();
    let settings = format!("listeners.tcp.1 = 127.0.0.1:{port}\n{settings}");
    std::fs::write(folder.join("rabbitmq.conf"), settings).unwrap();
    std::fs::write(folder.join("plugins"), format!("[{plugin}].\n")).unwrap();
    let mut variables: Vec<(String, String)> = [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", &shown),
        ("ERL_EPMD_PORT", &names),
        ("ERL_EPMD_ADDRESS", "127.0.0.1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    for (name, value) in [
        // Its port is part of the name: two brokers may run side by side.
        ("NODENAME", &*format!("porthole{port}@localhost")),
        ("CONF_ENV_FILE", "/dev/null"),
        ("ENABLED_PLUGINS_FILE", &format!("{shown}/plugins")),
        ("CONFIG_FILE", &format!("{shown}/rabbitmq.conf")),
        ("MNESIA_BASE", &format!("{shown}/mnesia")),
        ("LOG_BASE", &format!("{shown}/log")),
        ("LOGS", "-"),
        ("DIST_PORT", &distribution),
        ("SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"),
    ] {
        variables.push((format!("RABBITMQ_{name}"), value.to_owned()));
    }
    let daemon = Daemon::start(folder, Path::new(SCRIPT), [""; 0], |command| {
        command.env_clear().envs(variables.iter().cloned());
        unprivileged(command);
    });
    Some(Broker { daemon, variables, _mapper: mapper })
}

impl Broker {
    /// Runs rabbitmqctl(8) with these arguments, and asserts that it succeeds.
    #[track_caller]
    pub fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(Path::new(SCRIPT).with_file_name("rabbitmqctl"));
        command.args(arguments).env_clear().envs(self.variables.iter().cloned()).stdin(Stdio::null());
        unprivileged(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn ready() {
    let port = closed_port();
    let Some(broker) = rabbitmq(port, "", "") else { return };
    let mut daemon = broker.daemon;
    let target = format!("127.0.0.1:{port}");
    // The server listens only after it has started.
    porthole(["amqp", &target])
        .unhealthy(&format!("unhealthy: amqp {target}: connection refused (127.0.0.1)"));
    daemon.until_listening(port);
    let json = porthole(["amqp", &target, "--json"]).json();
    let facts = &json["checks"][0]["facts"];
    let version = facts["version"].as_str().unwrap();
    assert_eq!(*facts, serde_json::json!({"address": target, "product": "RabbitMQ", "version": version}));
    assert!(daemon.log().contains(&format!("Starting RabbitMQ {version} ")), "{}", daemon.log());
    porthole(["amqp", &format!("localhost:{port}")]).healthy(&format!(
        "healthy: amqp localhost:{port}: accepts connections, RabbitMQ {version} (127.0.0.1) in <T>"
    ));
    // Each check is a client that leaves before it logs in, which is a warning, not an error.
    let left = "client unexpectedly closed TCP connection";
    let log = daemon.folder.join("rabbitmq-server.log");
    let whole = || String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
    // Two checks ran above.
    daemon.until("it has logged the earlier checks", || whole().matches(left).count() >= 2);
    let before = whole().len();
    (0..10).for_each(|_| drop(porthole(["amqp", &target]).run()));
    let logged = || whole()[before..].to_owned();
    daemon.until("it has logged all checks", || logged().matches(left).count() >= 10);
    assert_eq!(logged().matches(left).count(), 10, "{}", logged());
    assert!(!logged().contains("[error]"), "{}", logged());
    // The server's response to a request of another protocol.
    porthole(["redis", &target])
        .unhealthy(&format!("unhealthy: redis {target}: the port speaks AMQP, not redis"));
    // It need not save anything.
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
}

/// Returns `connection.start` with these server properties.
fn start(properties: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_be_bytes();
    let method =
        [&b"\0\x0a\0\x0a\0\x09"[..], &length(properties), properties, b"\0\0\0\x05PLAIN\0\0\0\x05en_US"]
            .concat();
    [&b"\x01\0\0"[..], &length(&method), &method, b"\xce"].concat()
}

fn manners() -> Manners {
    Manners {
        check: "amqp",
        opening: b"AMQP\0\0\x09\x01",
        again: b"",
        awaited: "the start of the connection",
        talk: vec![send(start(b"\x07productS\0\0\0\x01Q\x07versionS\0\0\0\x031.0"))],
        found: "accepts connections, Q 1.0",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn answers() {
    let server = manners();
    for (properties, found) in [
        (&b""[..], "accepts connections"),
        (b"\x07productS\0\0\0\x01\x1b", r"accepts connections, \x1b"),
        // A length beyond the end of the table.
        (b"\x07productS\xff\xff\xff\xff", "accepts connections"),
    ] {
        server.healthy(vec![send(start(properties))], found);
    }
    server.each_unhealthy(&[
        (&b"AMQP\0\x01\0\0"[..], "the server speaks AMQP 1-0-0, expected 0-9-1"),
        (b"AMQP\x03\x01\0\0", "the server speaks AMQP 1-0-0, expected 0-9-1"),
        (b"AMQP\x01\x01\0\x0a", "the server speaks AMQP 1-0-10, expected 0-9-1"),
        (b"AMQP\0\0\x09\x01", "the server refuses AMQP 0-9-1"),
        // Too long, another channel, another method, no end.
        (b"\x01\0\0\xff\xff\xff\xff", r"the response is not amqp; received: \x01\0\0\xff\xff\xff\xff"),
        (b"\x01\0\x01\0", r"the response is not amqp; received: \x01\0\x01\0"),
        (
            b"\x01\0\0\0\0\0\x04\0\x0a\0\x0b\xce",
            r"the response is not amqp; received: \x01\0\0\0\0\0\x04\0\n\0\x0b\xce",
        ),
        (
            b"\x01\0\0\0\0\0\x04\0\x0a\0\x0a\0",
            r"the response is not amqp; received: \x01\0\0\0\0\0\x04\0\n\0\n\0",
        ),
        (b"-ERR unknown command 'AMQP'\r\n", "the port speaks Redis, not amqp"),
    ]);
}
