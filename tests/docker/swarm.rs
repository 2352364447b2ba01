//! examples/swarm: Swarm replaces an unhealthy task, and rolls back an update whose tasks do not
//! become healthy. The engine is one of its own, in a network namespace that has only loopback.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::engine::{self, Folder, Image, docker_ok, project};
use crate::skip::{is_root, skip};

/// How long the engine or a task may take.
const LIMIT: Duration = Duration::from_secs(90);
/// The pause between two attempts to see a change: events of a service do not cover its tasks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Starts an engine with all its data below $1, and stops it at the end of the input: the end of
/// this process.
const ENGINE: &str = r#"
ip link set lo up
echo '{}' >"$1/config"
dockerd --config-file "$1/config" --iptables=false --bridge=none --data-root "$1/data" --exec-root "$1/exec" \
    --pidfile "$1/pid" --host "unix://$1/socket" >"$1/log" 2>&1 &
cat >/dev/null
kill $!
wait
"#;

/// Only makes it faster.
const OVERRIDE: &str = "services: {app: {healthcheck: {interval: 500ms, start_period: 2s}, deploy: {update_config: {monitor: 15s}, restart_policy: {delay: 100ms}}}}";

const REASON: &str = "unhealthy: http http://localhost:8080/gone: 404 Not Found, expected 200-399; body: GET /healthz, POST /break, /hang or /heal\n";

struct Swarm {
    process: Child,
    folder: Folder,
}

impl Swarm {
    /// Starts an engine that manages a swarm of its own, with these images.
    #[track_caller]
    fn start(images: [(&Image, &str); 2]) -> Self {
        let folder = Folder::new("swarm");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["sh", "-c", ENGINE, "sh"]).arg(&folder.0).stdin(Stdio::piped());
        let swarm = Swarm { process: command.spawn().unwrap(), folder };
        let start = Instant::now();
        while !swarm.docker(&["version"]).status.success() {
            assert!(start.elapsed() < LIMIT, "{:?}", std::fs::read_to_string(swarm.folder.0.join("log")));
            std::thread::sleep(INTERVAL);
        }
        let archive = swarm.folder.0.join("images.tar");
        let archive = archive.to_str().unwrap();
        docker_ok(&["save", "-o", archive, &images[0].0.0, &images[1].0.0]);
        swarm.ok(&["load", "-i", archive]);
        for (image, name) in images {
            swarm.ok(&["tag", &image.0, name]);
        }
        swarm.ok(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1"]);
        std::fs::write(swarm.folder.0.join("override.yaml"), OVERRIDE).unwrap();
        swarm
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(words).env("DOCKER_HOST", format!("unix://{}/socket", self.folder.0.display()));
        command.current_dir(project());
        command
    }

    fn docker(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        let output = self.docker(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Deploys the example with this version of the image.
    #[track_caller]
    fn deploy(&self, version: &str) {
        let faster = self.folder.0.join("override.yaml");
        let mut command = self.command(&["stack", "deploy", "--resolve-image", "never", "--detach=true"]);
        command.args(["-c", "examples/swarm/stack.yaml", "-c"]).arg(faster).arg("shop");
        let output = command.env("VERSION", version).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Returns the containers that are healthy, sorted.
    fn healthy(&self) -> Vec<String> {
        let list = self.ok(&["ps", "--quiet", "--no-trunc", "--filter", "health=healthy"]);
        let mut ids: Vec<String> = list.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }

    /// Waits until a condition holds.
    #[track_caller]
    fn until(&self, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            assert!(start.elapsed() < LIMIT, "{}", self.ok(&["service", "ps", "--no-trunc", "shop_app"]));
            std::thread::sleep(INTERVAL);
        }
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        // Its containers end with it, and their control groups too.
        self.docker(&["swarm", "leave", "--force"]);
        let all = self.docker(&["ps", "--all", "--quiet"]).stdout;
        for id in String::from_utf8_lossy(&all).lines() {
            self.docker(&["rm", "--force", id]);
        }
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The example's service, with a health check of this path.
fn image(path: &str) -> Image {
    let check = format!(r#"HEALTHCHECK --timeout=5s CMD ["/porthole", "http", ":${{PORT}}{path}"]"#);
    let lines = format!("ENV PORT=8080\nSTOPSIGNAL SIGKILL\n{check}\nENTRYPOINT [\"/service\"]");
    Image::of(&["service", "porthole"], &lines)
}

#[test]
fn swarm_replaces_an_unhealthy_task_and_rolls_back_an_unhealthy_update() {
    if !engine::is_there() {
        return;
    }
    if !is_root() || Command::new("dockerd").arg("--version").output().is_err() {
        return skip("an engine for a swarm needs root and dockerd; scripts/need.sh engine installs it");
    }
    let [good, bad] = ["/healthz", "/gone"].map(image);
    let swarm = Swarm::start([(&good, "registry.example/shop:1.0.0"), (&bad, "registry.example/shop:2.0.0")]);
    swarm.deploy("1.0.0");
    swarm.until(|swarm| swarm.healthy().len() == 2);

    let broken = swarm.healthy().remove(0);
    swarm.ok(&["exec", &broken, "/porthole", "http", ":8080/break", "-X", "POST"]);
    swarm.until(|swarm| {
        let healthy = swarm.healthy();
        healthy.len() == 2 && !healthy.contains(&broken)
    });

    let before = swarm.healthy();
    swarm.deploy("2.0.0");
    let state =
        ["service", "inspect", "shop_app", "-f", "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"];
    swarm.until(|swarm| swarm.ok(&state) == "rollback_completed");
    assert_eq!(swarm.healthy(), before);
    let image = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
    assert_eq!(swarm.ok(&["service", "inspect", "shop_app", "-f", image]), "registry.example/shop:1.0.0");

    let readme = std::fs::read_to_string(project().join("examples/swarm/README.md")).unwrap();
    let errors = swarm.ok(&["service", "ps", "shop_app", "--no-trunc", "--format", "{{.Image}} {{.Error}}"]);
    let error = errors
        .lines()
        .find_map(|line| line.strip_prefix("registry.example/shop:2.0.0 \""))
        .unwrap_or_else(|| panic!("{errors}"));
    assert!(readme.contains(error.trim_end_matches('"')), "{errors}");
    let failed = ["ps", "--all", "--quiet", "--filter", "ancestor=registry.example/shop:2.0.0"];
    let outputs = "{{range .State.Health.Log}}{{.Output}}{{end}}";
    let reasons: String =
        swarm.ok(&failed).lines().map(|id| swarm.ok(&["inspect", "-f", outputs, id]) + "\n").collect();
    assert!(reasons.contains(REASON) && readme.contains(REASON), "{reasons}");
}
