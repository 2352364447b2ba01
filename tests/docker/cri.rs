//! Kubernetes without a cluster: containerd's CRI plugin, which a client drives as the kubelet does
//! (cri.py). Unlike `docker exec` it has the kubelet's timeout, its expansion of variables, and its
//! way to determine user and group.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::engine::{self, Folder, Image, docker_ok, project, unique};
use crate::examples::build;
use crate::kubernetes::{PROBES, pod, python};
use crate::skip::skip;

/// How long containerd may take to start.
const LIMIT: Duration = Duration::from_mins(1);

/// A container runtime of its own, beside the engine's.
struct Containerd {
    folder: Folder,
    process: Child,
}

impl Containerd {
    /// Starts it, with these images; the first one holds the namespaces of pods.
    #[track_caller]
    fn start(images: &[&Image]) -> Option<Self> {
        let client = project().join("target/grpc-venv/bin/python");
        if !client.exists() || Command::new("containerd").arg("--version").output().is_err() {
            skip("containerd or target/grpc-venv is missing; scripts/need.sh engine servers installs them");
            return None;
        }
        // A socket's path is short: unix(7).
        let folder = Folder::new("cri");
        let (at, pause) = (folder.0.display(), &images[0].0);
        let config = format!(
            r#"version = 2
root = "{at}/root"
state = "{at}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{at}/socket"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/{pause}:latest"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#
        );
        std::fs::write(folder.0.join("config.toml"), config).unwrap();
        let log = std::fs::File::create(folder.0.join("log")).unwrap();
        let mut command = Command::new("containerd");
        command.arg("-c").arg(folder.0.join("config.toml")).stdout(Stdio::null()).stderr(log);
        let mut started = Containerd { process: command.spawn().unwrap(), folder };
        let start = Instant::now();
        while !started.ctr(&["version"]).status().unwrap().success() {
            let has_ended = started.process.try_wait().unwrap().is_some();
            assert!(!has_ended && start.elapsed() < LIMIT, "{}", started.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let archive = started.folder.0.join("images.tar");
        let names: Vec<&str> = images.iter().map(|image| image.0.as_str()).collect();
        docker_ok(&[&["save", "-o", archive.to_str().unwrap()], &names[..]].concat());
        let imported = started.ctr(&["-n", "k8s.io", "images", "import", archive.to_str().unwrap()]).status();
        assert!(imported.unwrap().success(), "{}", started.log());
        Some(started)
    }

    fn ctr(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command.arg("-a").arg(self.folder.0.join("socket")).args(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("log")).unwrap()
    }

    /// Runs a pod, and these steps in it; returns the result of each.
    #[track_caller]
    fn run(&self, spec: &Value, steps: &[Value]) -> Vec<Value> {
        let mut command = Command::new(project().join("target/grpc-venv/bin/python"));
        command.arg(project().join("tests/docker/cri.py")).arg(self.folder.0.join("socket"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().unwrap();
        let document = json!({"spec": spec, "steps": steps}).to_string();
        client.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", self.log());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // SIGTERM, so that it unmounts what it mounted.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

/// An image with the example's service, which is Kubernetes' USER without an /etc/passwd.
fn service() -> Image {
    Image::of(&["service", "porthole"], "ENTRYPOINT [\"/service\"]")
}

/// What holds the namespaces of a pod: it waits, and opens no port of this machine.
fn pause() -> Image {
    Image::of(&["porthole"], r#"ENTRYPOINT ["/porthole", "tcp", ":1", "--wait", "30m", "--every", "1m"]"#)
}

/// Returns a port that is free now: the pods share the network of this machine.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

fn step(container: &str, words: &[&str], seconds: u64) -> Value {
    json!({"container": container, "command": words, "timeoutSeconds": seconds})
}

#[test]
fn the_probes_of_a_deployment() {
    let Some(python) = python() else { return };
    if !engine::is_there() {
        return;
    }
    let (mut spec, _) = pod(&python, "deployment.yaml");
    let Some(app) = build("static", &[]) else { return };
    let Some(runtime) = Containerd::start(&[&pause(), &app]) else { return };
    let port = free_port();
    let container = &mut spec["containers"][0];
    container["image"] = json!(app.0);
    container["env"] = json!([{"name": "PORT", "value": port}]);
    let probes: Vec<Value> = PROBES
        .iter()
        .map(|probe| {
            // Without the kubelet's limit, which a busy machine may exceed before porthole starts.
            json!({"container": "app", "command": container[probe]["exec"]["command"], "timeoutSeconds": 30})
        })
        .collect();
    let outage = step("app", &["/porthole", "http", ":$(PORT)/break", "-X", "POST"], 5);
    let wait = step("app", &["/porthole", "tcp", ":${PORT}", "--wait", "20s"], 30);
    let late = |own: &str, kubelet: u64| step("app", &["/porthole", "tcp", ":1", "--wait", own], kubelet);
    let steps = [
        &[wait][..],
        &probes,
        &[outage],
        &probes,
        &[late("900ms", 30), late("30s", 1), step("app", &["/gone"], 1)],
    ];
    let results = runtime.run(&spec, &steps.concat());
    let status: Vec<Option<i64>> = results.iter().map(|result| result["status"].as_i64()).collect();
    let (ok, bad) = (Some(0), Some(1));
    // What liveness asks for does not need the database.
    assert_eq!(status, [ok, ok, ok, ok, ok, bad, bad, ok, bad, None, None], "{results:#?}");
    let output = |at: usize| results[at]["output"].as_str().unwrap();
    assert!(output(6).starts_with("unhealthy: http http://localhost:"), "{}", output(6));
    assert!(output(8).starts_with("unhealthy: tcp localhost:1: connection refused"), "{}", output(8));
    // The kubelet's limit leaves its own words; a missing program is neither a status nor a timeout.
    assert_eq!(results[9]["error"], "DEADLINE_EXCEEDED", "{}", results[9]);
    assert!(output(9).contains("timeout 1s exceeded"), "{}", output(9));
    assert_eq!(results[10]["error"], "UNKNOWN", "{}", results[10]);
}

/// The kubelet takes the user from the image, and the group from its /etc/passwd, or else 0.
#[test]
fn the_group_of_a_debug_container() {
    if !engine::is_there() {
        return;
    }
    let app = service();
    let name = unique("cri");
    let mut build = Command::new("scripts/image.sh");
    let output = build.args([&name, "--no-cache"]).current_dir(project()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let images: Vec<Image> = String::from_utf8(output.stdout).unwrap().lines().map(Image::named).collect();
    let debug = images.iter().find(|image| image.0.ends_with(":latest")).unwrap();
    // The same without the file.
    let bare = Image::of(&["porthole"], "ENTRYPOINT [\"/porthole\"]");
    let Some(runtime) = Containerd::start(&[&pause(), &app, debug, &bare]) else { return };
    for (ids, image, custom, group, may_look) in [
        // An application of 65532:65532, by the pod's securityContext.
        (json!({"runAsUser": 65532, "runAsGroup": 65532}), debug, json!({}), "65532", true),
        // An application that is 65532:0, because its image has no /etc/passwd.
        (json!({}), debug, json!({}), "65532", false),
        (json!({}), debug, json!({"runAsUser": 65532, "runAsGroup": 0}), "0", true),
        (json!({"runAsUser": 65532, "runAsGroup": 65532}), &bare, json!({}), "0", false),
    ] {
        let port = free_port();
        let spec = json!({"containers": [
            {"name": "app", "image": app.0, "env": [{"name": "PORT", "value": port}], "securityContext": ids},
        ]});
        // kubectl debug --target: without the pod's securityContext, as in a pod without one.
        let endless = format!(":{port}/none");
        let container = json!({"name": "debug", "image": image.0, "securityContext": custom,
            "args": ["http", endless, "--wait", "10m"]});
        let steps = [
            json!({"debug": container, "target": "app"}),
            step("debug", &["/porthole", "id", "-p", "self"], 10),
            step("debug", &["/porthole", "env", "-p", "1", "PORT"], 10),
        ];
        let results = runtime.run(&spec, &steps);
        let (own, look) = (&results[0], &results[1]);
        let shown = own["output"].as_str().unwrap();
        let line = shown.lines().find(|line| line.starts_with("group ")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(group), "{ids} {custom}: {shown}");
        assert_eq!(look["status"] == 0, may_look, "{ids} {custom}: {look}");
        if !may_look {
            assert!(look["output"].as_str().unwrap().contains("gid is"), "{look}");
        }
    }
}
