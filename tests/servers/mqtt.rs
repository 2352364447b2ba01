//! Mosquitto: ready, with several clients at once; refusing a client without a name or password.

use std::sync::mpsc::channel;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{End, Step, closed_port, send};

/// What the check sends first: level 4, a new session, one minute, no client identifier.
const CONNECT: &[u8] = b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0";
const DISCONNECT: &[u8] = b"\xe0\0";

/// Starts the broker with this configuration. Returns it and its address.
pub fn mosquitto(configuration: &str) -> Option<(Daemon, String)> {
    let (program, folder, port) = (installed("mosquitto")?, open_folder(), closed_port());
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, format!("listener {port} 127.0.0.1\n{configuration}\n")).unwrap();
    let arguments = ["-v", "-c", file.to_str().unwrap()];
    let mut daemon = Daemon::start(folder, &program, arguments, unprivileged);
    daemon.until_listening(port);
    Some((daemon, format!("127.0.0.1:{port}")))
}

#[test]
fn ready() {
    let Some((mut daemon, address)) = mosquitto("allow_anonymous true") else { return };
    let line = format!("healthy: mqtt {address}: accepts connections in <T>");
    // Several checks at once do not disconnect one another.
    let (sender, receiver) = channel();
    for _ in 0..10 {
        let (sender, address) = (sender.clone(), address.clone());
        std::thread::spawn(move || sender.send(porthole(["mqtt", &address]).run()));
    }
    drop(sender);
    let ran: Vec<_> = receiver.iter().collect();
    assert_eq!(ran.len(), 10);
    for ran in ran {
        ran.is(0, &line, "");
    }
    let log = daemon.folder.join("mosquitto.log");
    let logged = || std::fs::read_to_string(&log).unwrap();
    daemon.until("it has received all ends", || logged().matches("Received DISCONNECT from").count() >= 10);
    for trouble in ["already connected", "protocol error", "closed its connection", "Socket error"] {
        // A client of the test only opened a connection and closed it.
        let most = usize::from(trouble == "closed its connection");
        assert!(logged().matches(trouble).count() <= most, "{}", logged());
    }
    let json = porthole(["mqtt", &address, "--json"]).json();
    let facts = serde_json::json!({"address": address, "auth": false, "code": 0});
    assert_eq!(json["checks"][0]["facts"], facts);
}

#[test]
fn a_broker_that_refuses_this_client_is_up() {
    for (configuration, found, code) in [
        ("allow_anonymous false", "up, asks for a password", 5),
        (
            "allow_anonymous true\nallow_zero_length_clientid false",
            "up, refuses this client: it has no identifier",
            2,
        ),
    ] {
        let Some((_daemon, address)) = mosquitto(configuration) else { return };
        porthole(["mqtt", &address]).healthy(&format!("healthy: mqtt {address}: {found} in <T>"));
        let json = porthole(["mqtt", &address, "--json"]).json();
        assert_eq!(json["checks"][0]["facts"]["code"], code);
    }
}

fn manners() -> Manners {
    Manners {
        check: "mqtt",
        opening: CONNECT,
        again: b"",
        awaited: "the answer to CONNECT",
        talk: vec![send(b"\x20\x02\0\0"), Step::Until(DISCONNECT)],
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
    for (answer, found) in [
        (b"\x20\x02\0\x02", "up, refuses this client: it has no identifier"),
        (b"\x20\x02\0\x04", "up, asks for a password"),
        (b"\x20\x02\0\x05", "up, asks for a password"),
        (b"\x20\x02\x01\0", "accepts connections"),
    ] {
        server.healthy(vec![send(answer)], found);
    }
    server.each_unhealthy(&[
        (&b"\x20\x02\0\x01"[..], "the server refuses MQTT 3.1.1"),
        // MQTT 5, without and with properties.
        (b"\x20\x03\0\x84\0", "the server refuses MQTT 3.1.1"),
        (b"\x20\x07\0\x84\x04\x1f\0\x01x", "the server refuses MQTT 3.1.1"),
        (b"\x20\x02\0\x03", "the server is unavailable"),
        (b"\x20\x02\0\x06", r"the response is not mqtt; received: \x20\x02\0\x06"),
        (b"\x20\x00", r"the response is not mqtt; received: \x20\0"),
        (b"\x20\xff\xff\xff\x7f", r"the response is not mqtt; received: \x20\xff\xff\xff\x7f"),
        (b"\xd0\x00", r"the response is not mqtt; received: \xd0\0"),
    ]);
    // A refused client does not send DISCONNECT.
    let server = server.server(vec![send(b"\x20\x02\0\x05"), Step::Hold]);
    let address = server.address();
    porthole(["mqtt", &address.to_string()])
        .healthy(&format!("healthy: mqtt {address}: up, asks for a password in <T>"));
    assert_eq!(server.ends(1), [End::Orderly]);
    assert_eq!(server.asked()[0].as_bytes(), CONNECT);
}
