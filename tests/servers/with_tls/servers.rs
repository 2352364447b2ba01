//! TLS of the checks of servers: by upgrade or at once, with the servers' own TLS where they have it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use serde_json::json;

use crate::amqp::rabbitmq;
use crate::certificates::{Certificates, certificates};
use crate::daemon::{Daemon, installed, open_folder};
use crate::kafka::kafka;
use crate::memcached;
use crate::mongodb::mongodb;
use crate::mqtt::mosquitto;
use crate::mysql::{mariadb, mariadb_version};
use crate::nats::{self, nats};
use crate::postgres;
use crate::redis::redis;
use crate::support::command::{Porthole, porthole, until};
use crate::support::server::{Server, Step, closed_port, send};
use crate::support::skip::is_root;

/// The user that servers run as: see [`crate::daemon::unprivileged`].
const NOBODY: u32 = 65_534;
/// The reason of a server that requires a client certificate.
const ASKS: &str = "up, asks for a client certificate";

/// Copies the server's certificate and key, and the root, to this directory, where only the user
/// that servers run as can read the key. Returns the three paths.
fn credentials(set: &Certificates, folder: &Path) -> [String; 3] {
    [set.pem("server"), set.key("server"), set.pem("root")].map(|from| {
        let to = folder.join(Path::new(&from).file_name().unwrap());
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            chown(&to, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        to.to_str().unwrap().to_owned()
    })
}

/// A check with TLS that trusts the tests' root.
fn check(set: &Certificates, check: &str, target: &str, options: &[&str]) -> Porthole {
    porthole([&[check, target, "--tls", "--ca-file", &set.pem("root"), "-t", "10s"], options].concat())
}

/// Asserts that this server is ready for this reason with TLS 1.3, and unhealthy for a client that
/// does not trust its certificate or expects another name.
#[track_caller]
fn secured(set: &Certificates, name: &str, target: &str, found: &str) {
    check(set, name, target, &[]).healthy(&format!("healthy: {name} {target}: {found} in <T>"));
    let facts = &check(set, name, target, &["--json"]).json()["checks"][0]["facts"];
    assert_eq!((&facts["tls"], &facts["address"]), (&json!("1.3"), &json!(target)));
    assert_eq!(facts["certificate"]["subject"], "CN=app, O=Acme");
    check(set, name, target, &["--min-days", "31"]).unhealthy(&format!(
        "unhealthy: {name} {target}: the certificate expires on {}, expected at least 31 days (--min-days)",
        set.day(crate::certificates::VALID)
    ));
    porthole([name, target, "--tls", "--ca-file", &set.pem("other-root")]).unhealthy(&format!(
        "unhealthy: {name} {target}: the certificate is issued by an unknown CA: CN=Test Root (--ca-file with the CA's \
         certificate, or --insecure; or the server does not send its intermediate certificate)"
    ));
    check(set, name, target, &["--server-name", "db.example"]).unhealthy(&format!(
        "unhealthy: {name} {target}: the certificate is not valid for db.example, only for localhost, app.example, \
         *.app.example, 127.0.0.1, ::1 (--server-name NAME expects another name)"
    ));
}

/// Asserts that this server, which requires a client certificate, is up without one, and ready for
/// this reason with one.
#[track_caller]
fn asks_for_certificate(set: &Certificates, name: &str, target: &str, found: &str) {
    check(set, name, target, &[]).healthy(&format!("healthy: {name} {target}: {ASKS} in <T>"));
    let facts = &check(set, name, target, &["--json"]).json()["checks"][0]["facts"];
    assert_eq!(facts["client_certificate_wanted"], true);
    assert_eq!(facts["certificate"]["issuer"], "CN=Test Root");
    let more = ["--client-cert", &set.pem("client"), "--client-key", &set.key("server")];
    check(set, name, target, &more).healthy(&format!("healthy: {name} {target}: {found} in <T>"));
    // What the server's certificate lacks is not forgiven.
    check(set, name, target, &["--min-days", "31"]).unhealthy(&format!(
        "unhealthy: {name} {target}: the certificate expires on {}, expected at least 31 days (--min-days)",
        set.day(crate::certificates::VALID)
    ));
}

/// Asserts that this server, which speaks plain text, has no TLS to upgrade to.
#[track_caller]
fn offers_none(name: &str, target: &str) {
    porthole([name, target, "--tls", "-k", "-t", "10s"])
        .unhealthy(&format!("unhealthy: {name} {target}: the server does not offer TLS"));
}

/// Starts haproxy, which ends TLS in front of the server on this port. Returns it and its address.
fn in_front_of(set: &Certificates, port: u16) -> Option<(Daemon, String)> {
    let (program, folder, own) = (installed("haproxy")?, open_folder(), closed_port());
    let pem = folder.join("server.pem");
    fs::write(&pem, [set.pem("server"), set.key("server")].map(|path| fs::read(path).unwrap()).concat())
        .unwrap();
    let configuration = format!(
        "defaults\n mode tcp\n timeout client 60s\n timeout server 60s\n timeout connect 60s\n\
         frontend f\n bind 127.0.0.1:{own} ssl crt {}\n default_backend b\n\
         backend b\n server s 127.0.0.1:{port}\n",
        pem.display()
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, configuration).unwrap();
    let mut daemon = Daemon::start(folder, &program, ["-db", "-f", file.to_str().unwrap()], |_| {});
    daemon.until_listening(own);
    Some((daemon, format!("127.0.0.1:{own}")))
}

fn port_of(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn postgres_by_upgrade() {
    let (Some(set), Some((program, folder))) = (certificates(), postgres::cluster()) else { return };
    let [certificate, key, root] = credentials(set, &folder);
    let rules = "hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust clientcert=verify-ca\n";
    fs::write(folder.join("data/pg_hba.conf"), rules).unwrap();
    let port = closed_port();
    let options = [
        "listen_addresses=127.0.0.1,::1".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={certificate}"),
        format!("ssl_key_file={key}"),
        format!("ssl_ca_file={root}"),
    ];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-c", option]).collect();
    let (mut daemon, _) = postgres::start(&program, &folder, port, &options);
    let log = folder.join("postgres.log");
    daemon.until("it is ready", || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("is ready to accept connections"))
    });
    let before = daemon.log();
    let target = format!("127.0.0.1:{port}");
    check(set, "postgres", &target, &[])
        .healthy(&format!("healthy: postgres {target}: accepts connections in <T>"));
    assert_eq!(daemon.log(), before, "a check leaves nothing in the log");
    secured(set, "postgres", &target, "accepts connections");
    let refused = "up, refuses this client: no pg_hba.conf entry for host \"127.0.0.1\", user \"postgres\", database \
                   \"postgres\", no encryption";
    porthole(["postgres", &target]).healthy(&format!("healthy: postgres {target}: {refused} in <T>"));
    // Here it requires a client certificate, after TLS has begun.
    let target = format!("[::1]:{port}");
    let refused = "up, refuses this client: connection requires a valid client certificate";
    check(set, "postgres", &target, &[]).healthy(&format!("healthy: postgres {target}: {refused} in <T>"));
    let more = ["--client-cert", &set.pem("client"), "--client-key", &set.key("server")];
    check(set, "postgres", &target, &more)
        .healthy(&format!("healthy: postgres {target}: accepts connections in <T>"));
    drop(daemon);

    let Some((program, folder)) = postgres::cluster() else { return };
    let (mut daemon, socket) =
        postgres::start(&program, &folder, closed_port(), &["-c", "listen_addresses="]);
    daemon.until("it listens", || Path::new(&socket).exists());
    offers_none("postgres", &socket);
}

#[test]
fn mysql_by_upgrade() {
    let Some(set) = certificates() else { return };
    let keys = open_folder();
    let [certificate, key, root] = credentials(set, &keys);
    let options =
        [format!("--ssl-cert={certificate}"), format!("--ssl-key={key}"), format!("--ssl-ca={root}")];
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let Some((daemon, port, _)) = mariadb(&options) else { return };
    let found = format!("accepts connections, version {}", mariadb_version());
    let before = daemon.log().len();
    secured(set, "mysql", &format!("127.0.0.1:{port}"), &found);
    // Checks that refuse the certificate leave during the handshake, the others log in.
    let logged = daemon.log()[before..].to_owned();
    assert_eq!(logged.matches("Access denied for user 'porthole'").count(), 2, "{logged}");
    daemon.signal(nix::sys::signal::Signal::SIGKILL);

    let Some((daemon, _, socket)) = mariadb(&["--skip-ssl"]) else { return };
    offers_none("mysql", &socket);
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    fs::remove_dir_all(keys).unwrap();
}

#[test]
fn redis_with_its_own_port() {
    let (Some(set), Some(program)) = (certificates(), installed("redis-server")) else { return };
    let folder = open_folder();
    let [certificate, key, root] = credentials(set, &folder);
    let ports = [closed_port(), closed_port()];
    let tls = ports[1].to_string();
    let options = [
        "--tls-port",
        &tls,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &root,
    ];
    let mut daemon = redis(&program, folder, ports[0], &options);
    daemon.until_listening(ports[1]);
    // By default it requires a client certificate.
    let target = format!("127.0.0.1:{tls}");
    asks_for_certificate(set, "redis", &target, "PONG");
    porthole(["redis", &target]).unhealthy(&format!(
        "unhealthy: redis {target}: the server closed the connection without a reply (it may expect TLS or the PROXY \
         protocol), expected the answer to PING"
    ));
    let target = format!("127.0.0.1:{}", ports[0]);
    // In plain text it waits for the end of a line.
    porthole(["redis", &target, "--tls", "-k", "-t", "300ms"])
        .unhealthy(&format!("unhealthy: redis {target}: timed out after 300 ms during the TLS handshake"));
    drop(daemon);
    let folder = open_folder();
    credentials(set, &folder);
    let options = ["--tls-port", &tls, "--tls-cert-file", "server.pem", "--tls-key-file", "server.key"];
    let options = [&options[..], &["--tls-ca-cert-file", "root.pem", "--tls-auth-clients", "no"]].concat();
    let mut daemon = redis(&program, folder, ports[0], &options);
    daemon.until_listening(ports[1]);
    secured(set, "redis", &format!("127.0.0.1:{tls}"), "PONG");
}

#[test]
fn amqp_with_a_client_certificate() {
    let Some(set) = certificates() else { return };
    let (keys, port) = (open_folder(), closed_port());
    let [certificate, key, root] = credentials(set, &keys);
    let settings = format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {root}\n\
         ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\nssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true\n"
    );
    let Some(broker) = rabbitmq(closed_port(), &settings, "") else { return };
    let mut daemon = broker.daemon;
    daemon.until_listening(port);
    let target = format!("127.0.0.1:{port}");
    let more = ["--client-cert", &set.pem("client"), "--client-key", &set.key("server"), "--json"];
    let json = check(set, "amqp", &target, &more).json();
    let version = json["checks"][0]["facts"]["version"].as_str().unwrap().to_owned();
    asks_for_certificate(set, "amqp", &target, &format!("accepts connections, RabbitMQ {version}"));
    daemon.signal(nix::sys::signal::Signal::SIGKILL);
    fs::remove_dir_all(keys).unwrap();
}

#[test]
fn memcached_with_and_without_client_certificates() {
    let (Some(set), Some(program)) = (certificates(), installed("memcached")) else { return };
    let keys = open_folder();
    let [certificate, key, root] = credentials(set, &keys);
    let found = format!("version {}", memcached::version(&program));
    for (verify, asks) in [("", false), (",ssl_verify_mode=2", true)] {
        let port = closed_port();
        let extended = format!("ssl_chain_cert={certificate},ssl_key={key},ssl_ca_cert={root}{verify}");
        let _daemon = memcached::memcached(&program, port, &["-Z", "-o", &extended]);
        let target = format!("127.0.0.1:{port}");
        if asks {
            asks_for_certificate(set, "memcached", &target, &found);
        } else {
            secured(set, "memcached", &target, &found);
        }
    }
    fs::remove_dir_all(keys).unwrap();
}

#[test]
fn mqtt_with_and_without_client_certificates() {
    let Some(set) = certificates() else { return };
    let keys = open_folder();
    let [certificate, key, root] = credentials(set, &keys);
    let tls = format!("allow_anonymous true\ncertfile {certificate}\nkeyfile {key}\ncafile {root}\n");
    let Some((_daemon, target)) = mosquitto(&tls) else { return };
    secured(set, "mqtt", &target, "accepts connections");
    let Some((_daemon, target)) = mosquitto(&(tls + "require_certificate true\n")) else { return };
    asks_for_certificate(set, "mqtt", &target, "accepts connections");
    fs::remove_dir_all(keys).unwrap();
}

#[test]
fn nats_by_upgrade_or_at_once() {
    let Some(set) = certificates() else { return };
    let keys = open_folder();
    let [certificate, key, root] = credentials(set, &keys);
    let tls = |more: &str| {
        format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{root}\"\n{more} }}")
    };
    let Some((_daemon, target)) = nats(&tls("")) else { return };
    let found = format!("version {}", nats::version());
    secured(set, "nats", &target, &found);
    porthole(["nats", &target]).healthy(&format!("healthy: nats {target}: up, asks for TLS in <T>"));
    let Some((_daemon, target)) = nats(&tls("verify: true")) else { return };
    asks_for_certificate(set, "nats", &target, &found);
    // Here clients may use TLS or not.
    let Some((_daemon, target)) = nats(&(tls("") + "\nallow_non_tls: true")) else { return };
    secured(set, "nats", &target, &found);
    porthole(["nats", &target]).healthy(&format!("healthy: nats {target}: {found} in <T>"));
    let Some((_daemon, target)) = nats("") else { return };
    offers_none("nats", &target);
    // TLS first, as with `handshake_first` of version 2.10.
    let Some((_haproxy, target)) = in_front_of(set, port_of(&target)) else { return };
    secured(set, "nats", &target, &found);
    // Out of connections, which the server says in plain text after its greeting. It counts a client a
    // moment after it greets it.
    let Some((_daemon, target)) = nats(&(tls("timeout: 60") + "\nmax_connections: 1")) else { return };
    let client = std::net::TcpStream::connect(&target).unwrap();
    client.peek(&mut [0]).unwrap();
    let full = format!("unhealthy: nats {target}: maximum connections exceeded\n");
    until(|| check(set, "nats", &target, &[]).run(), |stdout| stdout == full);
    fs::remove_dir_all(keys).unwrap();
}

#[test]
fn an_error_of_nats_in_place_of_tls() {
    let greeting = "INFO {\"tls_required\":true}\r\n";
    let error = "-ERR 'maximum connections exceeded'\r\n";
    let reason = "maximum connections exceeded";
    for (script, reason) in [
        (vec![send([greeting, error].concat())], reason),
        (vec![send(greeting), Step::Until(b"\x16\x03\x01"), send(error)], reason),
        (
            vec![send(greeting), Step::Until(b"\x16\x03\x01")],
            "the server closed the connection during the TLS handshake",
        ),
        // Plain text that pretends to have been encrypted.
        (
            vec![send([greeting, "PONG\r\n"].concat()), Step::Hold],
            "the response is not nats; received: INFO {\"tls_required\":true}\\r\\nPONG\\r\\n",
        ),
        (vec![send("INFO {\"version\":\"2\"}\r\n"), Step::Hold], "the server does not offer TLS"),
    ] {
        let server = Server::new(script);
        let address = server.address().to_string();
        porthole(["nats", &address, "--tls", "-k"])
            .unhealthy(&format!("unhealthy: nats {address}: {reason}"));
    }
    // Silence, in which TLS begins after 250 ms.
    let server = Server::new(vec![Step::Until(b"\x16\x03\x01"), Step::Hold]);
    let address = server.address().to_string();
    porthole(["nats", &address, "--tls", "-k", "-t", "600ms"])
        .unhealthy(&format!("unhealthy: nats {address}: timed out after 600 ms during the TLS handshake"));
}

#[test]
fn mongodb_and_kafka_behind_tls() {
    let Some(set) = certificates() else { return };
    if let Some((_server, port)) = mongodb("primary")
        && let Some((_haproxy, target)) = in_front_of(set, port)
    {
        secured(set, "mongodb", &target, "primary of rs0");
    }
    if let Some((_server, address)) = kafka()
        && let Some((_haproxy, target)) = in_front_of(set, port_of(&address))
    {
        secured(set, "kafka", &target, "answers ApiVersions");
        // Without TLS.
        porthole(["kafka", &target]).unhealthy(&format!(
            "unhealthy: kafka {target}: the server closed the connection without a reply (it may expect TLS or the PROXY \
             protocol), expected the answer to ApiVersions"
        ));
    }
}
