//! Podman as a second engine, with its own storage: the HEALTHCHECK of an image, `--health-cmd` (as
//! in examples/podman), and `podman kube play`. systemd would run the checks; here `podman healthcheck run` does.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::engine::{Folder, binary, project};
use crate::skip::{is_root, skip};

/// The image's Dockerfile, as users write it.
const DOCKERFILE: &str = r#"FROM scratch
COPY service porthole-probe /
USER 65532:65532
HEALTHCHECK CMD ["/porthole-probe", "http", ":8080/healthz"]
ENTRYPOINT ["/service"]
"#;

struct Podman {
    folder: Folder,
}

impl Podman {
    /// Prepares a storage, and builds an image in it.
    #[track_caller]
    fn new(format: &str) -> Option<Self> {
        if !is_root() || Command::new("podman").arg("--version").output().is_err() {
            skip("podman is not installed, or this is not root; scripts/need.sh engine installs it");
            return None;
        }
        let folder = Folder::new("podman");
        for name in ["service", "porthole-probe"] {
            std::fs::copy(binary(name), folder.0.join(name)).unwrap();
        }
        std::fs::write(folder.0.join("Dockerfile"), DOCKERFILE).unwrap();
        // The default limits may be more than those of this machine.
        let conf = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
        std::fs::write(folder.0.join("containers.conf"), conf).unwrap();
        let podman = Podman { folder };
        let context = podman.folder.0.to_str().unwrap();
        podman.ok(&["build", "-q", "--format", format, "-t", "app", context]);
        Some(podman)
    }

    fn run(&self, words: &[&str]) -> Output {
        let at = |name: &str| self.folder.0.join(name);
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", at("containers.conf")).arg("--root").arg(at("root"));
        command.arg("--runroot").arg(at("run")).args(["--storage-driver", "vfs", "--events-backend", "none"]);
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

    #[track_caller]
    fn inspect(&self, container: &str, what: &str) -> Value {
        serde_json::from_str(&self.ok(&["inspect", "-f", &format!("{{{{json {what}}}}}"), container]))
            .unwrap()
    }

    /// Checks until the service listens.
    #[track_caller]
    fn until_healthy(&self, container: &str) {
        let wait = ["/porthole-probe", "http", ":8080/healthz", "--wait", "30s", "--every", "50ms"];
        self.ok(&[&["exec", container][..], &wait].concat());
        assert_eq!(self.check(container), Some(0));
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
    let container = podman.start(&[]);
    podman.until_healthy(&container);
    podman.ok(&["exec", &container, "/porthole-probe", "http", ":8080/break", "-X", "POST"]);
    assert_eq!(podman.check(&container), Some(1));
    let health = podman.inspect(&container, ".State.Health");
    let last = health["Log"].as_array().unwrap().last().unwrap();
    let words = "unhealthy: http http://localhost:8080/healthz: 503 Service Unavailable, expected 200-399; body: db: no connection";
    assert_eq!((&last["ExitCode"], &last["Output"]), (&json!(1), &json!(words)), "{health}");
}

/// The OCI format has no HEALTHCHECK, and is the default of `podman build`.
#[test]
fn the_oci_format_drops_the_healthcheck() {
    let Some(podman) = Podman::new("oci") else { return };
    let container = podman.start(&[]);
    assert_eq!(podman.inspect(&container, ".Config.Healthcheck"), Value::Null);
    assert_eq!(podman.check(&container), Some(125));
}

/// A string is a shell's command; a JSON array without "CMD" is not.
#[test]
fn the_forms_of_health_cmd() {
    let Some(podman) = Podman::new("oci") else { return };
    let unit = std::fs::read_to_string(project().join("examples/podman/shop.container")).unwrap();
    let example = unit.lines().find_map(|line| line.strip_prefix("HealthCmd=")).unwrap();
    for (form, status) in [
        (example, 0),
        (r#"["/porthole-probe", "http", ":8080/healthz"]"#, 0),
        ("CMD /porthole-probe http :8080/healthz", 0),
        ("/porthole-probe http :8080/healthz", 1),
        (r#"["CMD-SHELL", "/porthole-probe http :8080/healthz"]"#, 1),
        (r#"["/gone"]"#, 1),
    ] {
        let container = podman.start(&["--health-cmd", form]);
        let wait = ["/porthole-probe", "http", ":8080/healthz", "--wait", "30s", "--every", "50ms"];
        podman.ok(&[&["exec", &container][..], &wait].concat());
        assert_eq!(podman.check(&container), Some(status), "{form}");
        podman.ok(&["rm", "-f", "-t", "0", &container]);
    }
}

/// `podman kube play` makes a shell's command of an exec probe, which no image without a shell can run,
/// and ignores the HEALTHCHECK of the image.
#[test]
fn the_probe_of_kube_play_is_for_a_shell() {
    let Some(podman) = Podman::new("docker") else { return };
    let manifest = |probe: &Value| {
        let mut container = json!({"name": "app", "image": "localhost/app:latest"});
        if !probe.is_null() {
            container["livenessProbe"] = json!({"exec": {"command": probe}});
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"},
            "spec": {"hostNetwork": true, "containers": [container]}})
    };
    let file = podman.folder.0.join("pod.yaml");
    for (probe, test) in [
        (json!(["/porthole-probe", "http", ":8080/healthz"]), "CMD-SHELL"),
        (json!(["CMD", "/porthole-probe", "http", ":8080/healthz"]), "CMD-SHELL"),
        (Value::Null, ""),
    ] {
        std::fs::write(&file, manifest(&probe).to_string()).unwrap();
        podman.ok(&["kube", "play", "--start=false", file.to_str().unwrap()]);
        let health = podman.inspect("shop-app", ".Config.Healthcheck");
        assert_eq!(health["Test"][0].as_str().unwrap_or_default(), test, "{health}");
        podman.ok(&["pod", "rm", "-f", "-t", "0", "shop"]);
    }
}
