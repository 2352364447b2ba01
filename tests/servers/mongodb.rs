//! MongoDB's protocol: MockupDB (tests/servers/mongodb_server.py) answers like a server in each
//! state, and PyMongo says what a driver makes of it. There is no MongoDB in Debian.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::{Daemon, open_folder, skip};
use crate::manners::Manners;
use crate::support::command::porthole;
use crate::support::server::{End, Step, closed_port, send};

/// The end of what the check sends: `{isMaster: 1, $db: "admin"}`.
const IS_MASTER: &[u8] = b"\x10isMaster\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";
/// The documents `{ismaster: true, ok: 1.0}` and `{ok: 1.0}`.
const READY: &[u8] = b"\x1c\0\0\0\x08ismaster\0\x01\x01ok\0\0\0\0\0\0\0\xf0\x3f\0";
const ONLY_OK: &[u8] = b"\x11\0\0\0\x01ok\0\0\0\0\0\0\0\xf0\x3f\0";

/// Returns the Python for which scripts/need.sh installs the packages, and the script. If it is
/// missing, reports the test as skipped and returns `None`.
fn python() -> Option<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/mongodb-venv/bin/python");
    if !python.exists() {
        skip("MockupDB is not installed in target/mongodb-venv (scripts/need.sh servers)");
        return None;
    }
    Some((python, root.join("tests/servers/mongodb_server.py").to_str().unwrap().to_owned()))
}

/// Starts a server in this state. Returns it and its port.
pub fn mongodb(state: &str) -> Option<(Daemon, u16)> {
    let ((python, script), port) = (python()?, closed_port());
    let arguments = ["-u", &script, "serve", state, &port.to_string()];
    let mut daemon = Daemon::start(open_folder(), &python, arguments, |_| {});
    daemon.until_listening(port);
    Some((daemon, port))
}

/// Returns what kind of server PyMongo takes this one for.
fn kind(port: u16) -> String {
    let (python, script) = python().unwrap();
    let output = Command::new(python).args([&script, "client", &port.to_string()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn each_state_of_a_server() {
    for (state, driver, is_up, found) in [
        ("standalone", "Standalone", true, "standalone"),
        ("mongos", "Mongos", true, "mongos"),
        ("primary", "RSPrimary", true, "primary of rs0"),
        ("secondary", "RSSecondary", true, "secondary of rs0"),
        ("hidden", "RSOther", true, "secondary of rs0"),
        ("arbiter", "RSArbiter", false, "arbiter of rs0"),
        ("recovering", "RSOther", false, "neither primary nor secondary of rs0"),
        (
            "uninitiated",
            "RSGhost",
            false,
            "neither primary nor secondary: Does not have a valid replica set config",
        ),
    ] {
        let Some((daemon, port)) = mongodb(state) else { return };
        assert_eq!(kind(port), driver);
        let target = format!("127.0.0.1:{port}");
        let check = porthole(["mongodb", &target, "-t", "10s"]);
        if is_up {
            check.healthy(&format!("healthy: mongodb {target}: {found} in <T>"));
        } else {
            check.unhealthy(&format!("unhealthy: mongodb {target}: {found}"));
        }
        let facts = &porthole(["mongodb", &target, "--json"]).json()["checks"][0]["facts"];
        let role = found.split([':', ' ']).next().unwrap();
        assert!(facts["role"].as_str().unwrap().starts_with(role), "{facts}");
        assert_eq!(facts["max_wire_version"], 21);
        assert_eq!(facts["set"].as_str(), found.contains("rs0").then_some("rs0"));
        assert!(!daemon.log().contains("Traceback"), "{}", daemon.log());
    }
}

#[test]
fn errors() {
    let Some((_daemon, port)) = mongodb("stopping") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["mongodb", &target]).unhealthy(&format!(
        "unhealthy: mongodb {target}: isMaster failed: The server is in quiesce mode and will shut down"
    ));
    let facts = &porthole(["mongodb", &target, "--json"]).json()["checks"][0]["facts"];
    let error = "The server is in quiesce mode and will shut down";
    assert_eq!(*facts, serde_json::json!({"address": target, "error": error, "code": 91}));
    let Some((_daemon, port)) = mongodb("strict") else { return };
    let target = format!("127.0.0.1:{port}");
    porthole(["mongodb", &target]).healthy(&format!(
        "healthy: mongodb {target}: up, refuses this client: The apiVersion parameter is required, please configure your \
         MongoClient's API version in <T>"
    ));
}

/// Returns an answer to the check with this document.
fn answer(document: &[u8]) -> Vec<u8> {
    let length = u32::try_from(document.len() + 21).unwrap().to_le_bytes();
    [&length[..], b"\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0", document].concat()
}

fn manners() -> Manners {
    Manners {
        check: "mongodb",
        opening: IS_MASTER,
        again: b"",
        awaited: "the answer to isMaster",
        talk: vec![send(answer(READY))],
        found: "standalone",
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
        (answer(ONLY_OK).as_slice(), "neither primary nor secondary"),
        // A length of 4 GiB; the answer to another request; another operation.
        (b"\xff\xff\xff\xff", r"the response is not mongodb; received: \xff\xff\xff\xff"),
        (
            b"\x31\0\0\0\x07\0\0\0\x02\0\0\0\xdd\x07\0\0",
            r"the response is not mongodb; received: 1\0\0\0\x07\0\0\0\x02\0\0\0\xdd\x07\0\0",
        ),
        (
            b"\x31\0\0\0\x07\0\0\0\x01\0\0\0\x01\0\0\0",
            r"the response is not mongodb; received: 1\0\0\0\x07\0\0\0\x01\0\0\0\x01\0\0\0",
        ),
        // Too short; a document that ends in a field.
        (
            b"\0\0\0\0\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0",
            r"the response is not mongodb; received: \0\0\0\0\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0",
        ),
        (
            answer(&READY[..20]).as_slice(),
            r"the response is not mongodb; received: )\0\0\0\x07\0\0\0\x01\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1c\0\0\0\x08ismaster\0\x01\x01ok\0\0",
        ),
    ]);
    // Documents within documents, of which only the first one's length is looked at.
    let nested = [&0x6fff_u32.to_le_bytes()[..], &b"\xff\xff\xff\x7f\x03a\0".repeat(0x6fff)].concat();
    let document = [b"\x7f\x7f\0\0\x03a\0", nested.get(..0x6fff).unwrap(), &READY[4..]].concat();
    server.healthy(vec![send(answer(&document))], "standalone");
    let server = server.server(vec![send(answer(READY)), Step::Hold]);
    let address = server.address();
    porthole(["mongodb", &address.to_string()])
        .healthy(&format!("healthy: mongodb {address}: standalone in <T>"));
    assert_eq!(server.ends(1), [End::Orderly]);
}
