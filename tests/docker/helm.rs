//! examples/helm: the chart as Helm renders it, with porthole in each of its three places; the
//! probes run in a container as the kubelet would run them. No cluster is used.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::engine::{self, Container, Folder, Image, docker_ok, project, unique};
use crate::kubernetes::{assert_timeouts_in_order, install, parse_yaml, pod_of, probe, python};
use crate::shared;
use crate::skip::skip;

/// Returns Helm: the machine's own or the one in target/. If there is none, reports the test as
/// skipped and returns `None`.
fn helm() -> Option<PathBuf> {
    let candidates = [PathBuf::from("helm"), project().join("target/helm/helm")];
    let found = candidates.into_iter().find(|path| Command::new(path).arg("version").output().is_ok());
    if found.is_none() {
        skip("helm is not installed; scripts/need.sh examples installs it in target/");
    }
    found
}

fn template(helm: &PathBuf, from: &str) -> Output {
    let value = format!("porthole.from={from}");
    let mut command = Command::new(helm);
    command.args(["template", "shop", "examples/helm", "--set", &value]).current_dir(project());
    command.output().unwrap()
}

/// Renders the chart. Asserts that its pod is valid and hardened, and returns it and the
/// application's container.
#[track_caller]
fn render(helm: &PathBuf, python: &std::path::Path, from: &str) -> (Value, Value) {
    let output = template(helm, from);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let resource = parse_yaml(python, &output.stdout);
    let (pod, containers) = pod_of(python, &resource);
    let app = containers.last().unwrap().clone();
    assert_timeouts_in_order(&app);
    (pod, app)
}

/// Asserts that the probes succeed, and that those for health fail once the service is broken.
#[track_caller]
fn assert_probes(container: &Container, app: &Value) {
    let path = app["readinessProbe"]["exec"]["command"][0].as_str().unwrap();
    let wait = [path, "tcp", ":8080", "--wait", "60s", "--every", "50ms"];
    assert_eq!(container.exec(&wait).0, Some(0));
    assert_eq!(probe(container, app), [Some(0); 3]);
    container.exec(&[path, "http", ":8080/break", "-X", "POST"]);
    assert_eq!(probe(container, app), [Some(1), Some(1), Some(0)]);
}

#[test]
fn helm_finds_no_fault_and_refuses_an_unknown_place() {
    let Some(helm) = helm() else { return };
    let mut lint = Command::new(&helm);
    let output = lint.args(["lint", "--strict", "examples/helm"]).current_dir(project()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let stderr = String::from_utf8(template(&helm, "shell").stderr).unwrap();
    assert!(stderr.contains(r#"porthole.from: expected image, volume or init, got "shell""#), "{stderr}");
}

// Docker 20 has no image volumes: the volume is a directory with the files of the image.
#[test]
fn the_probes_of_a_chart_with_porthole_in_each_place() {
    let (Some(helm), Some(python)) = (helm(), python()) else { return };
    let [image, volume, init] = ["image", "volume", "init"].map(|from| render(&helm, &python, from));
    assert_eq!((&image.0["volumes"], &image.0["initContainers"]), (&Value::Null, &Value::Null));
    let reference = "registry.example/porthole:0.1.0";
    assert_eq!(
        volume.0["volumes"][0]["image"],
        json!({"reference": reference, "pullPolicy": "IfNotPresent"})
    );
    assert_eq!(volume.0["initContainers"], Value::Null);
    assert_eq!(init.0["initContainers"][0]["image"], reference);
    for (pod, app) in [&volume, &init] {
        let mount = json!([{"name": "porthole", "mountPath": "/shared", "readOnly": true}]);
        assert_eq!((&app["volumeMounts"], &pod["volumes"][0]["name"]), (&mount, &json!("porthole")));
    }
    if !engine::is_there() {
        return;
    }
    let options = ["--user", "65532:65532", "-e", "PORT=8080"];
    let entrypoint = "STOPSIGNAL SIGKILL\nENTRYPOINT [\"/service\"]";
    let with = Image::of(&["service", "porthole"], entrypoint);
    assert_probes(&Container::run(&with, &options), &image.1);
    let without = Image::of(&["service"], entrypoint);
    let run = |shared: &Folder| {
        let mount = format!("{}:/shared:ro", shared.0.display());
        Container::run(&without, &[&options[..], &["-v", &mount]].concat())
    };
    let shared = Folder::new("shared");
    let files = Container(unique("container"));
    docker_ok(&["create", "--name", &files.0, &shared::porthole("porthole-probe")]);
    docker_ok(&["cp", &format!("{}:/porthole", files.0), shared.0.to_str().unwrap()]);
    assert_probes(&run(&shared), &volume.1);
    let shared = Folder::new("shared");
    install(&init.0["initContainers"][0], &shared.0);
    assert_probes(&run(&shared), &init.1);
}
