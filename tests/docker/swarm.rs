//! examples/swarm: Swarm replaces an unhealthy task, and rolls back an update whose tasks do not
//! become healthy.

use std::time::{Duration, Instant};

use crate::engine::{self, project};
use crate::own_engine::{OwnEngine, service};

/// How long a task may take.
const LIMIT: Duration = Duration::from_secs(90);
/// The pause between two attempts to see a change: the events of a service do not cover its tasks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Only makes it faster.
const OVERRIDE: &str = "services: {app: {healthcheck: {interval: 500ms, start_period: 2s}, deploy: {update_config: {monitor: 15s}, restart_policy: {delay: 100ms}}}}";

const REASON: &str = "unhealthy: http http://localhost:8080/gone: 404 Not Found, expected 200-399; body: GET /healthz, POST /break, /hang or /heal";

/// Deploys the example with this version of the image.
#[track_caller]
fn deploy(engine: &OwnEngine, version: &str) {
    let faster = engine.folder.0.join("override.yaml");
    std::fs::write(&faster, OVERRIDE).unwrap();
    let mut command = engine.command("docker");
    command.args(["stack", "deploy", "--resolve-image", "never", "--detach=true"]);
    command.args(["-c", "examples/swarm/stack.yaml", "-c"]).arg(faster).arg("shop");
    let output = command.env("VERSION", version).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the containers that are healthy, sorted.
#[track_caller]
fn healthy(engine: &OwnEngine) -> Vec<String> {
    let list = engine.ok(&["ps", "--quiet", "--no-trunc", "--filter", "health=healthy"]);
    let mut ids: Vec<String> = list.lines().map(str::to_owned).collect();
    ids.sort();
    ids
}

/// Waits until a condition holds.
#[track_caller]
fn until(engine: &OwnEngine, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "{}", engine.ok(&["service", "ps", "--no-trunc", "shop_app"]));
        std::thread::sleep(INTERVAL);
    }
}

#[test]
fn swarm_replaces_an_unhealthy_task_and_rolls_back_an_unhealthy_update() {
    if !engine::is_there() {
        return;
    }
    let [good, bad] = ["/healthz", "/gone"].map(service);
    let images = [(&good, "registry.example/shop:1.0.0"), (&bad, "registry.example/shop:2.0.0")];
    let Some(engine) = OwnEngine::start(&images) else { return };
    engine.ok(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1"]);
    deploy(&engine, "1.0.0");
    until(&engine, || healthy(&engine).len() == 2);

    let broken = healthy(&engine).remove(0);
    engine.ok(&["exec", &broken, "/porthole", "http", ":8080/break", "-X", "POST"]);
    until(&engine, || {
        let healthy = healthy(&engine);
        healthy.len() == 2 && !healthy.contains(&broken)
    });

    let before = healthy(&engine);
    deploy(&engine, "2.0.0");
    let state =
        ["service", "inspect", "shop_app", "-f", "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"];
    until(&engine, || engine.ok(&state) == "rollback_completed");
    // The tasks of the old version have served all the while.
    assert_eq!(healthy(&engine), before);

    let readme = std::fs::read_to_string(project().join("examples/swarm/README.md")).unwrap();
    let errors = ["service", "ps", "shop_app", "--no-trunc", "--format", "{{.Image}} {{.Error}}"];
    let errors = engine.ok(&errors);
    let error = errors.lines().find_map(|line| line.strip_prefix("registry.example/shop:2.0.0 \"")).unwrap();
    assert!(readme.contains(error.trim_end_matches('"')), "{errors}");
    let failed = ["ps", "--all", "--quiet", "--filter", "ancestor=registry.example/shop:2.0.0"];
    let outputs = ["inspect", "-f", "{{range .State.Health.Log}}{{.Output}}{{end}}"];
    let mut reasons =
        engine.ok(&failed).lines().map(|id| engine.ok(&[&outputs[..], &[id]].concat())).collect::<Vec<_>>();
    reasons.retain(|reason| reason.contains(REASON));
    assert!(!reasons.is_empty() && readme.contains(REASON), "{errors}");
}
