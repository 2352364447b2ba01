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
use crate::kubernetes::{CUSTOM, PROBES, merged, pod, profiles, python, read};
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

/// The example's service in an image without /etc/passwd.
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

/// The three probes of a container, without their own limits: a busy machine may exceed them before
/// porthole starts.
fn probes(container: &Value) -> Vec<Value> {
    let step = |probe: &&str| json!({"container": container["name"], "command": container[*probe]["exec"]["command"], "timeoutSeconds": 30});
    PROBES.iter().map(step).collect()
}

/// Asserts that each step ended with this status and with the output of a verdict.
#[track_caller]
fn assert_verdicts(results: &[Value], expected: &[i64]) {
    let status: Vec<Option<i64>> = results.iter().map(|result| result["status"].as_i64()).collect();
    let expected: Vec<Option<i64>> = expected.iter().copied().map(Some).collect();
    assert_eq!(status, expected, "{results:#?}");
    for result in results {
        let verdict = if result["status"] == 0 { "healthy: " } else { "unhealthy: " };
        let output = result["output"].as_str().unwrap();
        assert!(
            output.starts_with(verdict) && output.ends_with('\n') && output.lines().count() == 1,
            "{output}"
        );
    }
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
    let container = &mut spec["containers"][0];
    container["image"] = json!(app.0);
    container["env"] = json!([{"name": "PORT", "value": free_port()}]);
    let probes = probes(container);
    let steps = [
        &[step("app", &["/porthole", "tcp", ":${PORT}", "--wait", "20s"], 30)][..],
        &probes,
        // Kubernetes itself expands $(PORT), and makes a $ of $$.
        &[step("app", &["/porthole", "http", ":$(PORT)/healthz"], 30)],
        &[step("app", &["/porthole", "http", ":$${PORT}/healthz"], 30)],
        &[step("app", &["/porthole", "http", ":${PORT}/break", "-X", "POST"], 30)],
        &probes,
    ];
    // What liveness asks for does not need the database.
    assert_verdicts(&runtime.run(&spec, &steps.concat()), &[0, 0, 0, 0, 0, 0, 0, 1, 1, 0]);
}

/// Which limit ends a probe that is late, and what an event then says.
#[test]
fn the_timeout_of_a_probe() {
    if !engine::is_there() {
        return;
    }
    let app = service();
    let Some(runtime) = Containerd::start(&[&pause(), &app]) else { return };
    let port = free_port();
    let spec =
        json!({"containers": [{"name": "app", "image": app.0, "env": [{"name": "PORT", "value": port}]}]});
    let late = ["/porthole", "http", ":${PORT}/healthz", "--timeout"];
    let results = runtime.run(
        &spec,
        &[
            step("app", &["/porthole", "tcp", ":${PORT}", "--wait", "20s"], 30),
            step("app", &["/porthole", "http", ":${PORT}/hang", "-X", "POST", "--timeout", "1s"], 30),
            step("app", &[&late[..], &["900ms"]].concat(), 30),
            step("app", &[&late[..], &["30s"]].concat(), 1),
            step("app", &["/gone"], 30),
            // The one that was killed has left nothing.
            step("app", &["/porthole", "process", "porthole"], 30),
        ],
    );
    let output = |at: usize| results[at]["output"].as_str().unwrap();
    assert_eq!(
        (&results[2]["status"], &results[3]["error"]),
        (&json!(1), &json!("DEADLINE_EXCEEDED")),
        "{results:#?}"
    );
    assert!(output(2).ends_with("timed out after 900 ms waiting for the response head\n"), "{}", output(2));
    assert!(output(3).contains("timeout 1s exceeded"), "{}", output(3));
    // A missing program is neither an exit status nor a timeout.
    assert_eq!(results[4]["error"], "UNKNOWN", "{}", results[4]);
    let missing =
        r#"unable to start container process: exec: "/gone": stat /gone: no such file or directory"#;
    assert!(output(4).contains(missing), "{}", output(4));
    assert_eq!(results[5]["status"], 1, "{}", results[5]);
}

/// The init container installs porthole into a volume, within the limits of the manifest.
#[test]
fn the_probes_of_a_pod_that_porthole_is_installed_into() {
    let Some(python) = python() else { return };
    if !engine::is_there() {
        return;
    }
    let (mut spec, _) = pod(&python, "install.yaml");
    let porthole = Image::build(&["."]);
    let app = Image::of(&["service"], "ENTRYPOINT [\"/service\"]");
    let Some(runtime) = Containerd::start(&[&pause(), &porthole, &app]) else { return };
    let port = free_port();
    spec["initContainers"][0]["image"] = json!(porthole.0);
    let container = &mut spec["containers"][0];
    container["image"] = json!(app.0);
    container["env"] = json!([{"name": "PORT", "value": port}]);
    let text = container.to_string().replace(":8080", &format!(":{port}"));
    *container = serde_json::from_str(&text).unwrap();
    let probes = probes(container);
    let target = format!(":{port}");
    let outage = format!(":{port}/break");
    let steps = [
        &[step("app", &["/shared/porthole", "tcp", &target, "--wait", "20s"], 30)][..],
        &probes,
        &[step("app", &["/shared/porthole", "http", &outage, "-X", "POST"], 30)],
        &probes,
    ];
    assert_verdicts(&runtime.run(&spec, &steps.concat()), &[0, 0, 0, 0, 0, 1, 1, 0]);
}

/// The container runs porthole to its end, as a debug container of the pod's container `target`.
fn debug(target: &str, image: &Image, security: &Value, words: &[&str]) -> Value {
    json!({"debug": {"image": image.0, "args": words, "securityContext": security}, "target": target})
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
    let image = images.iter().find(|image| image.0.ends_with(":latest")).unwrap();
    // The same without the file.
    let bare = Image::of(&["porthole"], "ENTRYPOINT [\"/porthole\"]");
    let Some(runtime) = Containerd::start(&[&pause(), &app, image, &bare]) else { return };
    let nonroot = json!({"runAsUser": 65532, "runAsGroup": 65532});
    let of_group_0 = json!({"runAsUser": 65532, "runAsGroup": 0});
    for (ids, image, custom, group, may_look) in [
        // An application of 65532:65532, by its container's securityContext.
        (&nonroot, image, json!({}), "65532", true),
        (&nonroot, &bare, json!({}), "0", false),
        // An application that is 65532:0, because its image has no /etc/passwd.
        (&json!({}), image, json!({}), "65532", false),
        (&json!({}), image, of_group_0, "0", true),
    ] {
        let spec = json!({"containers": [
            {"name": "app", "image": app.0, "env": [{"name": "PORT", "value": free_port()}], "securityContext": ids},
        ]});
        let look = |words: &[&str]| debug("app", image, &custom, words);
        let results = runtime.run(&spec, &[look(&["id", "-p", "self"]), look(&["env", "-p", "1", "PORT"])]);
        let shown = results[0]["output"].as_str().unwrap();
        let line = shown.lines().find(|line| line.starts_with("group ")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(group), "{ids} {custom}: {shown}");
        assert_eq!(results[1]["status"] == 0, may_look, "{ids} {custom}: {results:#?}");
        if !may_look {
            assert!(results[1]["output"].as_str().unwrap().contains("gid is"), "{results:#?}");
        }
    }
}

/// The table of the README.
#[test]
fn what_a_debug_container_can_see() {
    let Some(python) = python() else { return };
    if !engine::is_there() {
        return;
    }
    let custom = CUSTOM.map(|file| read(&python, file)["securityContext"].clone());
    let porthole = Image::build(&["."]);
    let app = service();
    let Some(runtime) = Containerd::start(&[&pause(), &app, &porthole]) else { return };
    let application = |name: &str, id: u32| {
        json!({"name": name, "image": app.0, "env": [{"name": "PORT", "value": free_port()}],
               "securityContext": {"runAsUser": id, "runAsGroup": id}})
    };
    let spec = json!({"containers": [application("same", 65532), application("other", 1000)]});
    let profiles = profiles();
    let mut steps = Vec::new();
    for (_, profile) in &profiles {
        // What is given with --custom takes precedence.
        let [user, root] = custom.each_ref().map(|custom| merged(profile, custom));
        for (target, security) in [("same", profile), ("other", profile), ("other", &user), ("other", &root)]
        {
            steps.push(debug(target, &porthole, security, &["env", "-p", "1", "PORT"]));
        }
        for words in [&["ps"][..], &["ss", "-p", "1"], &["mounts", "-p", "1"]] {
            steps.push(debug("other", &porthole, profile, words));
        }
    }
    let results = runtime.run(&spec, &steps);
    let readme = std::fs::read_to_string(project().join("examples/kubernetes/README.md")).unwrap();
    for ((profile, _), results) in profiles.iter().zip(results.chunks(7)) {
        let (of_table, always) = results.split_at(4);
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{profile}`"))).unwrap();
        let cells = row.split(" | ").skip(2).map(|cell| cell.trim_end_matches(" |") == "yes");
        let seen = of_table.iter().map(|result| result["status"] == 0);
        assert!(cells.eq(seen), "{row}: {of_table:#?}");
        for result in of_table.iter().filter(|result| result["status"] != 0) {
            assert!(result["output"].as_str().unwrap().contains("permission denied"), "{profile}: {result}");
        }
        assert!(always.iter().all(|result| result["status"] == 0), "{profile}: {always:#?}");
    }
}

/// With shareProcessNamespace every container of the pod sees all processes, and reads those of its
/// own user and group.
#[test]
fn a_pod_that_shares_its_process_namespace() {
    if !engine::is_there() {
        return;
    }
    let porthole = Image::build(&["."]);
    let app = service();
    let Some(runtime) = Containerd::start(&[&pause(), &app, &porthole]) else { return };
    let spec = json!({"shareProcessNamespace": true, "securityContext": {"runAsUser": 65532, "runAsGroup": 65532},
    "containers": [
        {"name": "app", "image": app.0, "env": [{"name": "PORT", "value": free_port()}]},
        {"name": "porthole", "image": porthole.0, "args": ["process", "none", "--wait", "30m"]},
    ]});
    let own = |words: &[&str]| step("porthole", words, 30);
    // A debug container without a target.
    let beside = |words: &[&str]| json!({"debug": {"image": porthole.0, "args": words}, "target": null});
    let results = runtime.run(
        &spec,
        &[
            own(&["/porthole", "process", "service", "--min", "1", "--max", "1", "--wait", "20s"]),
            own(&["/porthole", "lsof"]),
            beside(&["lsof"]),
        ],
    );
    assert_verdicts(&results[..1], &[0]);
    // PID 1 is the one that holds the namespaces.
    for result in &results[1..] {
        let open = result["output"].as_str().unwrap();
        let of_service = |line: &&str| line.contains(" service ") && line.contains("(LISTEN)");
        let socket = open.lines().find(of_service).unwrap_or_else(|| panic!("{open}"));
        assert_ne!(socket.split_whitespace().next(), Some("1"), "{open}");
    }
}
