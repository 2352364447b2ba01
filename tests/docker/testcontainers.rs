//! examples/testcontainers: its test waits until the image's own health check is healthy, and fails
//! with porthole's reason if it is not.

use std::process::Output;

use crate::engine::{self, project};
use crate::own_engine::{OwnEngine, service};
use crate::skip::skip;

const REASON: &str = "RuntimeError: Container health check reported unhealthy. Exit code: 1, Output: unhealthy: http http://localhost:8080/gone: 404 Not Found, expected 200-399";

#[test]
fn a_test_waits_until_the_container_is_healthy() {
    let python = project().join("target/testcontainers-venv/bin/python");
    if !python.exists() {
        return skip("testcontainers is not in target/; scripts/need.sh examples installs it");
    }
    if !engine::is_there() {
        return;
    }
    let [good, bad] = ["/healthz", "/gone"].map(service);
    let Some(engine) = OwnEngine::start(&[(&good, "example"), (&bad, "gone")]) else { return };
    let run = |image: &str| -> Output {
        let mut command = engine.command(python.to_str().unwrap());
        command.args(["-m", "pytest", "-p", "no:cacheprovider", "examples/testcontainers"]);
        // Ryuk, which removes what is left of tests that were killed, is an image that does not exist
        // here.
        command.env("TESTCONTAINERS_RYUK_DISABLED", "true").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("IMAGE", image).output().unwrap()
    };
    let output = run("example");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("1 passed"), "{stdout}");
    let stdout = String::from_utf8(run("gone").stdout).unwrap();
    assert!(stdout.contains(REASON) && stdout.contains("1 error"), "{stdout}");
    let readme = std::fs::read_to_string(project().join("examples/testcontainers/README.md")).unwrap();
    assert!(readme.contains(REASON));
}
