//! examples/kubernetes: the files match the Kubernetes schemas; every probe runs in a container as
//! the kubelet would run it; and a debug container sees what each profile of kubectl allows, tested
//! in a container with what the profile adds. No cluster is used.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::engine::{self, Container, Folder, HARDENED, docker, docker_ok, project};
use crate::examples::build;
use crate::shared;
use crate::skip::skip;

/// Returns the Python that has the schemas. If it is not installed, reports the test as skipped and
/// returns `None`.
pub fn python() -> Option<PathBuf> {
    let python = project().join("target/kubernetes-venv/bin/python");
    if !python.exists() {
        skip("the Kubernetes schemas are not in target/; scripts/need.sh examples installs them");
        return None;
    }
    Some(python)
}

/// Reads a file of the example, and returns it as JSON.
#[track_caller]
pub fn read(python: &Path, file: &str) -> Value {
    read_yaml(python, &format!("examples/kubernetes/{file}"))
}

/// Reads a YAML file of this project, and returns it as JSON.
#[track_caller]
pub fn read_yaml(python: &Path, file: &str) -> Value {
    parse_yaml(python, &std::fs::read(project().join(file)).unwrap())
}

/// Returns a YAML document as JSON.
#[track_caller]
pub fn parse_yaml(python: &Path, document: &[u8]) -> Value {
    let print = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))";
    let mut command = Command::new(python);
    let mut child = command.args(["-c", print]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(document).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(document));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Validates a resource against the schema of its kind; unknown fields are errors.
fn validate(python: &Path, resource: &Value) -> Output {
    let folder = Folder::new("resource");
    let file = folder.0.join("resource.json");
    std::fs::write(&file, resource.to_string()).unwrap();
    let validator = python.with_file_name("kubernetes-validate");
    Command::new(validator).arg("--strict").arg(&file).output().unwrap()
}

#[track_caller]
fn assert_valid(python: &Path, resource: &Value) {
    let output = validate(python, resource);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

/// Returns the pod that a file describes, and all its containers. Asserts that the resource is
/// valid and hardened.
#[track_caller]
pub fn pod(python: &Path, file: &str) -> (Value, Vec<Value>) {
    pod_of(python, &read(python, file))
}

/// The same for a resource.
#[track_caller]
pub fn pod_of(python: &Path, resource: &Value) -> (Value, Vec<Value>) {
    assert_valid(python, resource);
    let template = &resource["spec"]["template"]["spec"];
    let pod = if template.is_null() { &resource["spec"] } else { template };
    let ids = json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}});
    assert_eq!(pod["securityContext"], ids);
    let containers = ["initContainers", "containers"].map(|kind| pod[kind].as_array().cloned());
    let containers: Vec<Value> = containers.into_iter().flatten().flatten().collect();
    for container in &containers {
        let hardened = json!({"readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        assert_eq!(container["securityContext"], hardened, "{}", container["name"]);
    }
    (pod.clone(), containers)
}

pub const PROBES: [&str; 3] = ["startupProbe", "readinessProbe", "livenessProbe"];

/// Runs the three probes of a described container in a running one; returns their exit statuses.
#[track_caller]
pub fn probe(container: &Container, described: &Value) -> [Option<i32>; 3] {
    PROBES.map(|probe| {
        let words = described[probe]["exec"]["command"].as_array().unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
        let (status, stdout, stderr) = container.exec(&words);
        let verdict = if status == Some(0) { "healthy: " } else { "unhealthy: " };
        assert!(stdout.starts_with(verdict) && stderr.is_empty(), "{probe}: {stdout}{stderr}");
        status
    })
}

/// Asserts that porthole times out before the kubelet does, and that probes do not overlap.
#[track_caller]
pub fn assert_timeouts_in_order(described: &Value) {
    for probe in PROBES {
        let probe = &described[probe];
        let words = probe["exec"]["command"].as_array().unwrap();
        let own = words.iter().skip_while(|word| *word != "--timeout").nth(1).unwrap().as_str().unwrap();
        let milliseconds = match own.strip_suffix("ms") {
            Some(number) => number.parse::<u64>().unwrap(),
            None => own.strip_suffix('s').unwrap().parse::<u64>().unwrap() * 1000,
        };
        let [timeout, period] = ["timeoutSeconds", "periodSeconds"].map(|key| probe[key].as_u64().unwrap());
        assert!(milliseconds < timeout * 1000 && timeout <= period, "{probe}");
    }
}

/// What `--custom` is given: fields of a container.
pub const CUSTOM: [&str; 2] = ["debug-user.yaml", "debug-root.yaml"];

/// The profiles of `kubectl debug`, the default first, and the securityContext that each gives a
/// debug container: kubectl.rs asks kubectl.
pub fn profiles() -> [(&'static str, Value); 5] {
    [
        ("general", json!({"capabilities": {"add": ["SYS_PTRACE"]}})),
        ("baseline", json!({})),
        (
            "restricted",
            json!({"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false,
                   "seccompProfile": {"type": "RuntimeDefault"}}),
        ),
        ("netadmin", json!({"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}})),
        ("sysadmin", json!({"privileged": true})),
    ]
}

/// Returns an object with the members of another, which take precedence.
pub fn merged(object: &Value, other: &Value) -> Value {
    let mut all = object.as_object().unwrap().clone();
    all.extend(other.as_object().unwrap().clone());
    Value::Object(all)
}

/// Returns a pod with a debug container as kubectl creates it, with these custom fields.
fn debugger(custom: &Value) -> Value {
    let mut container = custom.clone();
    container["name"] = json!("debugger");
    container["image"] = json!("registry.example/porthole:0.1.0");
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"},
           "spec": {"containers": [{"name": "app", "image": "shop"}], "ephemeralContainers": [container]}})
}

#[test]
fn an_unknown_field_is_detected() {
    let Some(python) = python() else { return };
    let mut resource = read(&python, "deployment.yaml");
    let probe = &mut resource["spec"]["template"]["spec"]["containers"][0]["readinessProbe"];
    probe["timeout"] = json!(1);
    assert!(!validate(&python, &resource).status.success());
}

// Docker runs the commands in place of the kubelet; the pod's user is that of the image.
#[test]
fn the_probes_of_a_deployment() {
    let Some(python) = python() else { return };
    let (_, containers) = pod(&python, "deployment.yaml");
    let app = &containers[0];
    assert_timeouts_in_order(app);
    let Some(image) = build("static", &[]) else { return };
    let container = Container::run(&image, &["--user", "65532:65532"]);
    container.until_listening(8080);
    assert_eq!(probe(&container, app), [Some(0); 3]);
    container.exec(&["/porthole", "http", ":8080/break", "-X", "POST"]);
    // Its dependency is gone: it must receive no requests, but a restart would not help.
    assert_eq!(probe(&container, app), [Some(1), Some(1), Some(0)]);
}

// The application is the example service in an image without porthole; the volume is a directory of
// the host.
#[test]
fn the_probes_of_a_pod_that_porthole_is_installed_into() {
    let base = "porthole-stand-in/buildpack";
    let Some(python) = python() else { return };
    let (pod, containers) = pod(&python, "install.yaml");
    let [init, app] = &containers[..] else { panic!("{containers:?}") };
    assert_timeouts_in_order(app);
    let mount = |container: &Value| container["volumeMounts"][0].clone();
    assert_eq!(mount(init), json!({"name": "shared", "mountPath": "/shared"}));
    assert_eq!(mount(app), json!({"name": "shared", "mountPath": "/shared", "readOnly": true}));
    assert_eq!(pod["volumes"][0]["name"], "shared");
    if !engine::is_there() || !shared::stand_in(base) {
        return;
    }
    let shared = Folder::new("shared");
    install(init, &shared.0);
    let volume = format!("{}:/shared:ro", shared.0.display());
    let container = Container::run_named(base, &["--user", "65532:65532", "-v", &volume]);
    let wait = ["/shared/porthole", "tcp", ":8080", "--wait", "60s", "--every", "50ms"];
    assert_eq!(container.exec(&wait).0, Some(0));
    assert_eq!(probe(&container, app), [Some(0); 3]);
    container.exec(&["/shared/porthole", "http", ":8080/break", "-X", "POST"]);
    assert_eq!(probe(&container, app), [Some(1), Some(1), Some(0)]);
}

/// Runs the init container on the volume, with the image of the full build.
#[track_caller]
pub fn install(init: &Value, shared: &Path) {
    let porthole = shared::porthole("porthole");
    let words: Vec<&str> =
        init["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let (entrypoint, rest) = words.split_first().unwrap();
    // Every user can write to an emptyDir.
    std::fs::set_permissions(shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let volume = format!("{}:/shared", shared.display());
    let options = ["--user", "65532:65532", "-v", &volume, "--entrypoint", entrypoint, &porthole];
    docker_ok(&[&["run", "--rm"][..], &HARDENED, &options, rest].concat());
    let installed = std::fs::metadata(shared.join("porthole")).unwrap();
    assert_eq!(installed.permissions().mode() & 0o7777, 0o755);
}

// The options are Docker's equivalent of what each profile adds. A custom profile is applied last, so
// its user takes precedence.
#[test]
fn what_a_debug_container_can_see() {
    let Some(python) = python() else { return };
    let custom = CUSTOM.map(|file| read(&python, file));
    let [user, root] = custom.each_ref().map(|custom| {
        assert_valid(&python, &debugger(custom));
        let ids = ["runAsUser", "runAsGroup"].map(|key| custom["securityContext"][key].as_u64().unwrap());
        format!("{}:{}", ids[0], ids[1])
    });
    let Some(image) = build("static", &[]) else { return };
    let debugger = shared::porthole("porthole");
    let ours = Container::run(&image, &[]);
    let other = Container::run(&image, &["--user", "1000:1000"]);
    for container in [&ours, &other] {
        container.until_listening(8080);
    }
    let can_see = |target: &Container, options: &[&str], words: &str| {
        let pid = format!("container:{}", target.0);
        let run = ["run", "--rm", "--network", "none", "--read-only", "--pid", &pid];
        let words: Vec<&str> = words.split(' ').collect();
        let output = docker(&[&run[..], options, &[&debugger], &words].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        let seen = output.status.success();
        assert!(seen || stderr.contains("permission denied"), "{options:?}: {stderr}");
        seen
    };
    let readme = std::fs::read_to_string(project().join("examples/kubernetes/README.md")).unwrap();
    for (profile, adds) in [
        ("general", &["--cap-add", "SYS_PTRACE"][..]),
        ("baseline", &[]),
        ("restricted", &["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]),
        ("netadmin", &["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"]),
        // The relevant parts of `--privileged`, which fails if the engine itself lacks a
        // capability.
        (
            "sysadmin",
            &["--cap-add", "SYS_PTRACE", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"],
        ),
    ] {
        let [user, root] = [&user, &root].map(|ids| [adds, &["--user", ids]].concat());
        let seen = [
            can_see(&ours, adds, "env -p 1"),
            can_see(&other, adds, "env -p 1"),
            can_see(&other, &user, "env -p 1"),
            can_see(&other, &root, "env -p 1"),
        ];
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{profile}`"))).unwrap();
        let documented: Vec<bool> =
            row.split(" | ").skip(2).map(|cell| cell.trim_end_matches(" |") == "yes").collect();
        assert_eq!(seen[..], documented[..], "{row}");
        for words in ["ps", "ss -p 1", "mounts -p 1"] {
            assert!(can_see(&other, adds, words), "{profile}: {words}");
        }
    }
}
