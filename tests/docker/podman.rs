//! Podman as a second engine, with its own storage, as root and without: the HEALTHCHECK of an
//! image, `--health-cmd`, the unit of examples/podman, and `podman kube play`. No systemd runs the
//! checks here: `podman healthcheck run` does.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{self, Folder, binary, docker_ok, project};
use crate::shared;
use crate::skip::{is_root, skip};

/// The image's Dockerfile, as users write it.
const DOCKERFILE: &str = r#"FROM scratch
COPY service porthole-probe /
USER 65532:65532
HEALTHCHECK CMD ["/porthole-probe", "http", ":8080/healthz"]
ENTRYPOINT ["/service"]
"#;

/// The same command for `--health-cmd`.
const CHECK: &str = r#"["/porthole-probe", "http", ":8080/healthz"]"#;

/// The reason once the service is broken.
const REASON: &str = "unhealthy: http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection";

/// How long a container may take to end.
const LIMIT: Duration = Duration::from_secs(30);

/// A user of this machine who has further IDs, for containers; it exists only for the processes in
/// namespaces of its own.
const USER: &str = "20001";
const SUBORDINATE: &str = "rootless:300000:65536\n";
/// Replaces the users of this machine by those in the folder $1, for its own mount namespace, and
/// waits for the end of its input: the end of this process.
const REPLACE: &str = r#"
for file in passwd group subuid subgid; do mount --bind "$1/$file" "/etc/$file" || exit 1; done
echo ready
cat >/dev/null
"#;

/// Mount and PID namespaces. Dropping them ends every process in them.
struct Namespaces {
    holder: Child,
}

impl Namespaces {
    #[track_caller]
    fn new(folder: &Path) -> Self {
        for (file, line) in [
            ("passwd", format!("rootless:x:{USER}:{USER}::{}:/bin/sh\n", folder.display())),
            ("group", format!("rootless:x:{USER}:\n")),
            ("subuid", SUBORDINATE.to_owned()),
            ("subgid", SUBORDINATE.to_owned()),
        ] {
            let existing = std::fs::read_to_string(Path::new("/etc").join(file)).unwrap();
            std::fs::write(folder.join(file), existing + &line).unwrap();
        }
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            REPLACE,
            "sh",
        ]);
        let mut holder = command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Namespaces { holder }
    }

    /// Runs a program as the user.
    fn command(&self, program: &str, folder: &Path) -> Command {
        let of = |name: &str| format!("/proc/{}/ns/{name}", self.holder.id());
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount={}", of("mnt"))).arg(format!("--pid={}", of("pid_for_children")));
        command.args(["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", program]);
        command.env("HOME", folder.join("own")).env("XDG_RUNTIME_DIR", folder.join("own"));
        command
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

struct Podman {
    namespaces: Option<Namespaces>,
    folder: Folder,
}

impl Podman {
    /// Prepares a storage, and builds an image in it.
    #[track_caller]
    fn new(format: &str) -> Option<Self> {
        let podman = Podman::empty()?;
        podman.build(format);
        Some(podman)
    }

    /// The same, without root.
    #[track_caller]
    fn rootless() -> Option<Self> {
        let mut podman = Podman::empty()?;
        if Command::new("newuidmap").output().is_err() {
            skip("newuidmap is not installed; scripts/need.sh engine installs it");
            return None;
        }
        podman.namespaces = Some(Namespaces::new(&podman.folder.0));
        let id = Some(USER.parse().unwrap());
        std::os::unix::fs::chown(podman.folder.0.join("own"), id, id).unwrap();
        podman.build("docker");
        Some(podman)
    }

    #[track_caller]
    fn empty() -> Option<Self> {
        if !is_root() || Command::new("podman").arg("--version").output().is_err() {
            skip("podman is not installed, or this is not root; scripts/need.sh engine installs it");
            return None;
        }
        let folder = Folder::new("podman");
        std::fs::create_dir(folder.0.join("own")).unwrap();
        // The default limits may be more than those of this machine.
        let conf = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
        std::fs::write(folder.0.join("containers.conf"), conf).unwrap();
        Some(Podman { namespaces: None, folder })
    }

    #[track_caller]
    fn build(&self, format: &str) {
        let context = self.folder.0.join("context");
        std::fs::create_dir(&context).unwrap();
        for name in ["service", "porthole-probe", "porthole"] {
            std::fs::copy(binary(name), context.join(name)).unwrap();
        }
        std::fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();
        self.ok(&["build", "-q", "--format", format, "-t", "app", context.to_str().unwrap()]);
    }

    fn run(&self, words: &[&str]) -> Output {
        let at = |name: &str| self.folder.0.join(name);
        let mut command = match &self.namespaces {
            Some(namespaces) => namespaces.command("podman", &self.folder.0),
            None => Command::new("podman"),
        };
        command.env("CONTAINERS_CONF", at("containers.conf")).arg("--root").arg(at("own/root"));
        command.arg("--runroot").arg(at("own/run")).args([
            "--storage-driver",
            "vfs",
            "--events-backend",
            "none",
        ]);
        command.args(["--cgroup-manager", "cgroupfs", "--runtime", "runc"]).args(words);
        command.output().unwrap()
    }

    /// Returns what a command prints that succeeds.
    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Returns whether this is Podman 4.4 or later.
    fn is_newer(&self) -> bool {
        let version = self.ok(&["version", "-f", "{{.Client.Version}}"]);
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
        (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= (4, 4)
    }

    /// Starts a container without network, whose health is only checked on request.
    #[track_caller]
    fn start(&self, options: &[&str]) -> String {
        let plain = ["run", "-d", "--network", "none", "--health-interval", "disable", "--stop-timeout", "0"];
        self.ok(&[&plain, options, &["app"]].concat())
    }

    /// Checks the health of a container; returns the exit status.
    fn check(&self, container: &str) -> Option<i32> {
        self.run(&["healthcheck", "run", container]).status.code()
    }

    /// Runs porthole in a container.
    #[track_caller]
    fn exec(&self, container: &str, words: &str) -> String {
        let words: Vec<&str> = words.split(' ').collect();
        self.ok(&[&["exec", container, "/porthole-probe"], &words[..]].concat())
    }

    #[track_caller]
    fn inspect(&self, container: &str, what: &str) -> Value {
        serde_json::from_str(&self.ok(&["inspect", "-f", &format!("{{{{json {what}}}}}"), container]))
            .unwrap()
    }

    /// Waits until the service listens.
    #[track_caller]
    fn until_listening(&self, container: &str) {
        self.exec(container, "http :8080/healthz --wait 30s --every 50ms");
    }

    /// Waits until the container has ended.
    #[track_caller]
    fn until_ended(&self, container: &str) {
        let start = Instant::now();
        while self.inspect(container, ".State.Status") != "exited" {
            assert!(start.elapsed() < LIMIT, "the container has not ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asserts that the container is healthy, and that it is unhealthy once it is broken.
    #[track_caller]
    fn assert_health(&self, container: &str) {
        self.until_listening(container);
        assert_eq!(self.check(container), Some(0));
        self.exec(container, "http :8080/break -X POST");
        assert_eq!(self.check(container), Some(1));
        let health = self.inspect(container, ".State.Health");
        let last = health["Log"].as_array().unwrap().last().unwrap();
        assert_eq!(last["ExitCode"], 1, "{health}");
        assert_eq!(last["Output"].as_str().unwrap().trim_end(), REASON);
    }

    /// Creates the pod `shop` from a manifest, whose container has these probes.
    #[track_caller]
    fn play(&self, probes: &Value) {
        let mut container = json!({"name": "app", "image": "localhost/app:latest"});
        container.as_object_mut().unwrap().extend(probes.as_object().unwrap().clone());
        let manifest = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"},
            "spec": {"containers": [container]}});
        let file = self.folder.0.join("pod.yaml");
        std::fs::write(&file, manifest.to_string()).unwrap();
        self.ok(&["kube", "play", "--network", "none", file.to_str().unwrap()]);
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run(&["pod", "rm", "-a", "-f", "-t", "0"]);
        self.run(&["rm", "-a", "-f", "-t", "0"]);
        self.run(&["rmi", "-a", "-f"]);
    }
}

#[test]
fn the_healthcheck_of_an_image() {
    let Some(podman) = Podman::new("docker") else { return };
    podman.assert_health(&podman.start(&[]));
}

/// The user of the container is one of the subordinate users, and so is that of a debug container.
#[test]
fn without_root() {
    let Some(podman) = Podman::rootless() else { return };
    let container = podman.start(&["-e", "COLOUR=blue"]);
    podman.assert_health(&container);
    let users = podman.ok(&["top", &container, "huser", "user"]);
    assert_eq!(users.split_whitespace().skip(2).collect::<Vec<_>>(), ["365531", "65532"]);
    let pids = format!("container:{container}");
    let volume = format!("{}:/porthole:ro", podman.folder.0.join("context/porthole").display());
    let debug = |user: &str, words: &[&str]| {
        let options = ["run", "--rm", "--no-healthcheck", "--network", "none", "--pid", &pids, "-v", &volume];
        let rest = ["--user", user, "--entrypoint", "/porthole", "app"];
        podman.run(&[&options[..], &rest, words].concat())
    };
    let output = debug("65532:65532", &["env", "-p", "1", "COLOUR"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("COLOUR="), "{output:?}");
    let output = debug("1000:1000", &["env", "-p", "1", "COLOUR"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("permission denied"), "{output:?}");
}

/// The OCI format has no HEALTHCHECK, and is the default of `podman build`.
#[test]
fn the_oci_format_drops_the_healthcheck() {
    let Some(podman) = Podman::new("oci") else { return };
    let container = podman.start(&[]);
    assert_eq!(podman.inspect(&container, ".Config.Healthcheck"), Value::Null);
    assert_eq!(podman.check(&container), Some(125));
}

/// A string is a shell's command, and so is an array of a single word. An array of more is not, but
/// it must not begin with CMD, which is for a string.
#[test]
fn the_forms_of_health_cmd() {
    let Some(podman) = Podman::new("oci") else { return };
    for (form, first, status) in [
        (CHECK, "CMD", 0),
        ("CMD /porthole-probe http :8080/healthz", "CMD", 0),
        (r#"["CMD", "/porthole-probe", "http", ":8080/healthz"]"#, r#"["CMD","#, 1),
        ("/porthole-probe http :8080/healthz", "CMD-SHELL", 1),
        (r#"["CMD-SHELL", "/porthole-probe http :8080/healthz"]"#, "CMD-SHELL", 1),
        (r#"["/porthole-probe"]"#, "CMD-SHELL", 1),
        (r#"["/gone", "http"]"#, "CMD", 1),
    ] {
        let container = podman.start(&["--health-cmd", form]);
        podman.until_listening(&container);
        assert_eq!(podman.inspect(&container, ".Config.Healthcheck")["Test"][0], first, "{form}");
        assert_eq!(podman.check(&container), Some(status), "{form}");
        podman.ok(&["rm", "-f", "-t", "0", &container]);
    }
}

/// A check that is late has failed; whether Podman ends it or not, porthole's own timeout has to.
#[test]
fn a_check_that_exceeds_the_timeout() {
    let Some(podman) = Podman::new("oci") else { return };
    let late = r#"["/porthole-probe", "tcp", ":1", "--wait", "2s"]"#;
    let container = podman.start(&["--health-cmd", late, "--health-timeout", "1s"]);
    assert_eq!(podman.check(&container), Some(125));
    let log = podman.inspect(&container, ".State.Health.Log");
    assert_eq!(log[0]["ExitCode"], -1, "{log}");
    if !podman.is_newer() {
        // It ran to its own end.
        let reason = "unhealthy: tcp localhost:1: connection refused";
        assert!(log[0]["Output"].as_str().unwrap().starts_with(reason), "{log}");
    }
}

/// Returns the options of `podman run` that Quadlet makes of a unit's keys, as in `handleHealth` of
/// its source. Debian's Podman has no Quadlet that would tell.
fn options_of(unit: &str) -> Vec<String> {
    let mut options = Vec::new();
    for (key, value) in unit.lines().filter_map(|line| line.strip_prefix("Health")?.split_once('=')) {
        let mut option = String::from("--health");
        for letter in key.chars() {
            let dash = if letter.is_ascii_uppercase() { "-" } else { "" };
            write!(option, "{dash}{}", letter.to_ascii_lowercase()).unwrap();
        }
        options.extend([option, value.to_owned()]);
    }
    options
}

/// The container ends when it has become unhealthy, so that systemd starts it again.
#[test]
fn the_unit_of_the_example() {
    let Some(podman) = Podman::new("oci") else { return };
    let unit = std::fs::read_to_string(project().join("examples/podman/shop.container")).unwrap();
    let options = options_of(&unit);
    assert_eq!(options[..2], ["--health-cmd", CHECK]);
    let given: Vec<&str> = options.iter().map(String::as_str).collect();
    // Neither the timer, which only systemd has, nor the wait for it.
    let rest = ["--health-interval", "disable", "--health-start-period", "0s"];
    let container = podman.start(&[&given, &rest[..]].concat());
    let config = podman.inspect(&container, ".Config.Healthcheck");
    assert_eq!(config["Test"], json!(["CMD", "/porthole-probe", "http", ":8080/healthz"]));
    assert_eq!((&config["Timeout"], &config["Retries"]), (&json!(5_000_000_000_u64), &json!(3)), "{config}");
    podman.assert_health(&container);
    assert_eq!(podman.inspect(&container, ".State.Status"), "running");
    for _ in 1..3 {
        podman.check(&container);
    }
    podman.until_ended(&container);
    assert_eq!(podman.inspect(&container, ".State.ExitCode"), 137);
}

/// The root's Dockerfile.example, unchanged, on a stand-in for its base.
#[test]
fn the_example_of_a_dockerfile() {
    let base = "gcr.io/distroless/static-debian13:nonroot";
    let Some(podman) = Podman::empty() else { return };
    if !engine::is_there() || !shared::stand_in(base) {
        return;
    }
    let archive = podman.folder.0.join("base.tar");
    docker_ok(&["save", "-o", archive.to_str().unwrap(), base]);
    podman.ok(&["load", "-q", "-i", archive.to_str().unwrap()]);
    let [file, context] = [project().join("Dockerfile.example"), project().to_path_buf()];
    let [file, context] = [&file, &context].map(|path| path.to_str().unwrap());
    podman.ok(&["build", "-q", "--pull=never", "--format", "docker", "-f", file, "-t", "app", context]);
    let container = podman.start(&["--read-only", "--cap-drop", "ALL"]);
    let wait = ["exec", &container, "/porthole", "http", ":8080/healthz", "--wait", "30s", "--every", "50ms"];
    podman.ok(&wait);
    assert_eq!(podman.check(&container), Some(0));
    podman.ok(&["exec", &container, "/porthole", "http", ":8080/break", "-X", "POST"]);
    assert_eq!(podman.check(&container), Some(1));
}

/// `podman kube play` before 4.4 makes a shell's command of an exec probe, which no image without a
/// shell can run. The other probes are for curl and nc, or ignored, and so is the HEALTHCHECK of the
/// image.
#[test]
fn the_probes_of_kube_play() {
    let Some(podman) = Podman::new("docker") else { return };
    let words = json!(["/porthole-probe", "http", ":8080/healthz"]);
    podman.play(&json!({"livenessProbe": {"exec": {"command": words}}}));
    podman.until_listening("shop-app");
    let (test, status) = if podman.is_newer() { ("CMD", Some(0)) } else { ("CMD-SHELL", Some(1)) };
    assert_eq!(podman.inspect("shop-app", ".Config.Healthcheck")["Test"][0], test);
    assert_eq!(podman.check("shop-app"), status);
    podman.ok(&["pod", "rm", "-f", "-t", "0", "shop"]);
    for (probes, program) in [
        (json!({"livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}}), Some("curl")),
        (json!({"livenessProbe": {"tcpSocket": {"port": 8080}}}), Some("nc")),
        (json!({"readinessProbe": {"exec": {"command": words}}}), None),
    ] {
        podman.play(&probes);
        let health = podman.inspect("shop-app", ".Config.Healthcheck");
        let given = program.map(|program| json!(["CMD-SHELL", program]));
        let first = health["Test"].as_array().map(|test| json!(test[..2]));
        assert_eq!(first, given, "{probes}: {health}");
        podman.ok(&["pod", "rm", "-f", "-t", "0", "shop"]);
    }
}

/// What works with every version: a pod without the probe, in which something outside executes the
/// check; and a pod to which a container is added with its check.
#[test]
fn pods_whose_health_is_checked() {
    let Some(podman) = Podman::new("docker") else { return };
    podman.play(&json!({}));
    podman.until_listening("shop-app");
    assert_eq!(podman.check("shop-app"), Some(125));
    podman.exec("shop-app", "http :8080/break -X POST");
    let output = podman.run(&["exec", "shop-app", "/porthole-probe", "http", ":8080/healthz"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), REASON);
    podman.ok(&["pod", "create", "--name", "store", "--network", "none"]);
    let options = ["run", "-d", "--pod", "store", "--name", "store-app", "--health-interval", "disable"];
    podman.ok(&[&options[..], &["--health-cmd", CHECK, "app"]].concat());
    podman.assert_health("store-app");
}
