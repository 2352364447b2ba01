//! Kafka, as librdkafka's own broker for tests speaks it, which kcat starts.

use std::process::Command;

use crate::daemon::{Daemon, installed, open_folder, unprivileged};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{End, Step, send};

/// What the check sends: `ApiVersions`, version 0, the number of the request, the client's name.
const API_VERSIONS: &[u8] = b"\0\0\0\x12\0\x12\0\0\0\0\0\x01\0\x08porthole";
/// An answer that names two APIs and their versions.
const ANSWER: &[u8] = b"\0\0\0\x16\0\0\0\x01\0\0\0\0\0\x02\0\0\0\0\0\x09\0\x12\0\0\0\x03";

/// Starts a cluster of one broker. Returns it and its address.
pub fn kafka() -> Option<(Daemon, String)> {
    let program = installed("kcat")?;
    // The consumer that kcat runs is a client of the broker. It logs to stderr what both do.
    let arguments =
        ["-C", "-t", "porthole", "-b", "none", "-X", "test.mock.num.brokers=1", "-X", "debug=mock"];
    let mut daemon = Daemon::start(open_folder(), &program, arguments, unprivileged);
    let log = daemon.folder.join("kcat.log");
    let mut address = None;
    daemon.until("it listens", || {
        let log = std::fs::read_to_string(&log).unwrap();
        let found = log.split_once("bootstrap.servers=").and_then(|(_, rest)| rest.split_once('\n'));
        address = found.map(|(address, _)| address.to_owned());
        address.is_some()
    });
    Some((daemon, address.unwrap()))
}

#[test]
fn ready() {
    let Some((daemon, address)) = kafka() else { return };
    // Another client finds the broker there.
    let output = Command::new(installed("kcat").unwrap()).args(["-L", "-b", &address]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.contains(&format!("broker 1 at {address}")), "{listed}");
    let line = format!("healthy: kafka {address}: answers ApiVersions in <T>");
    (0..10).for_each(|_| drop(porthole(["kafka", &address]).healthy(&line)));
    let facts = &porthole(["kafka", &address, "--json"]).json()["checks"][0]["facts"];
    assert_eq!(facts["address"], address);
    assert!(facts["apis"].as_u64().is_some_and(|apis| apis > 10), "{facts}");
    let log = daemon.log();
    assert!(log.matches("Received ApiVersionRequestV0").count() >= 11, "{log}");
    assert!(!log.contains("Unsupported") && !log.contains("parse"), "{log}");
}

fn manners() -> Manners {
    Manners {
        check: "kafka",
        opening: API_VERSIONS,
        again: b"",
        awaited: "the answer to ApiVersions",
        talk: vec![send(ANSWER)],
        found: "answers ApiVersions",
    }
}

#[test]
fn misbehaving() {
    manners().all();
}

#[test]
fn answers() {
    let server = manners();
    let failed = |error: u8| [b"\0\0\0\x0a\0\0\0\x01\0", &[error][..], b"\0\0\0\0"].concat();
    server.each_unhealthy(&[
        (failed(35).as_slice(), "ApiVersions failed with error 35"),
        (failed(42).as_slice(), "ApiVersions failed with error 42"),
        // Too short, too long, the answer to another request.
        (b"\0\0\0\0\0\0\0\x01\0\0\0\0\0", "timed out after 300 ms waiting for the answer to ApiVersions"),
        (b"\xff\xff\xff\xff\0\0\0\x01", r"the response is not kafka; received: \xff\xff\xff\xff\0\0\0\x01"),
        (b"\0\0\0\x16\0\0\0\x02", r"the response is not kafka; received: \0\0\0\x16\0\0\0\x02"),
    ]);
    let server = server.server(vec![send(ANSWER), Step::Hold]);
    let address = server.address();
    porthole(["kafka", &address.to_string()])
        .healthy(&format!("healthy: kafka {address}: answers ApiVersions in <T>"));
    assert_eq!(server.ends(1), [End::Orderly]);
}
