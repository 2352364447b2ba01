//! examples/compose: Compose starts a service once another one is healthy.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::{self, Container, Folder, project, unique};
use crate::shared;
use crate::skip::skip;
use crate::times::timeless;

/// Returns the command line of Compose: Docker's plugin or the standalone program. If neither is
/// installed, reports the test as skipped and returns `None`.
fn compose() -> Option<&'static [&'static str]> {
    let is_installed = |words: &&&[&str]| {
        let version = Command::new(words[0]).args(&words[1..]).arg("version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let found = [&["docker", "compose"][..], &["docker-compose"]].iter().find(is_installed).copied();
    if found.is_none() {
        skip("neither docker compose nor docker-compose is installed; scripts/need.sh examples installs one");
    }
    found
}

/// The override file of a project, with our image of porthole and no network.
const OVERRIDE: &str = "compose.override.yaml";

/// A Compose project. Dropping it removes it with everything in it.
struct Project {
    command: &'static [&'static str],
    name: String,
    /// The directory of the override file.
    folder: Folder,
}

impl Project {
    /// Runs Compose with these arguments on the example.
    fn command(&self, words: &[&str]) -> Output {
        let mut command = Command::new(self.command[0]);
        let file = "examples/compose/compose.yaml";
        command.args(&self.command[1..]).args(["-p", &self.name, "-f", file, "-f"]);
        command.arg(self.folder.0.join(OVERRIDE)).args(words);
        command.current_dir(project()).output().unwrap()
    }

    /// Runs Compose, asserts that it succeeds, and returns what it printed.
    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the container of a service. Dropping the project removes it too.
    #[track_caller]
    fn container(&self, service: &str) -> Container {
        Container(self.run(&["ps", "-q", service]).trim().to_owned())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.command(&["down", "--rmi", "local", "--volumes", "--timeout", "1"]);
    }
}

#[test]
fn a_service_is_started_once_the_other_is_healthy() {
    if !engine::is_there() {
        return;
    }
    let Some(command) = compose() else { return };
    for name in ["python", "worker"] {
        if !shared::bases_of(&project().join("examples").join(name).join("Dockerfile")) {
            return;
        }
    }
    let folder = Folder::new("override");
    let service = |retries| {
        let porthole = shared::porthole("porthole-probe");
        format!(
            "{{build: {{args: {{PORTHOLE: {porthole}}}, network: none}}, network_mode: none, healthcheck: {retries}}}"
        )
    };
    let [api, worker] = ["{retries: 1}", "{interval: 1s}"].map(service);
    std::fs::write(folder.0.join(OVERRIDE), format!("services:\n  api: {api}\n  worker: {worker}\n"))
        .unwrap();
    let project = Project { command, name: unique("compose"), folder };
    project.run(&["build", "--no-cache"]);
    // The engine reports each start and each change of health in order. With --since it repeats
    // earlier events.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let label = format!("label=com.docker.compose.project={}", project.name);
    let format = "{{.Action}} {{index .Actor.Attributes \"com.docker.compose.service\"}}";
    // timeout(1) ends it even if the tests are killed.
    let mut events = Command::new("timeout");
    events.args(["300", "docker", "events", "--since", &since, "--filter", &label, "--format", format]);
    events.args(["--filter", "event=start", "--filter", "event=health_status"]);
    let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
    project.run(&["up", "--detach", "--no-build"]);
    let lines = BufReader::new(events.stdout.take().unwrap()).lines().map(Result::unwrap);
    let until_worker: Vec<String> = lines.take_while(|line| line != "start worker").collect();
    events.kill().unwrap();
    events.wait().unwrap();
    assert_eq!(until_worker, ["start api", "health_status: healthy api"]);
    let (api, worker) = (project.container("api"), project.container("worker"));
    worker.until_health("healthy");
    // Compose has passed ${PORT} on to porthole.
    assert!(api.last_health().1.starts_with("healthy: http http://localhost:8080/healthz: 200 OK"));
    api.exec(&["/porthole", "http", ":8080/break", "-X", "POST"]);
    api.until_health("unhealthy");
    assert_eq!(
        timeless(&api.last_health().1),
        "unhealthy: http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection\n"
    );
}
