//! examples/github-actions: what GitHub's runner does with the services of the workflow, by hand.
//! It creates each container with the words of `options`, starts it, and asks for its health until
//! that is no longer `starting` (actions/runner, ContainerOperationProvider.cs).

use serde_json::Value;

use crate::engine::{self, Container, Image, docker, docker_ok, project, unique};
use crate::kubernetes::{python, read_yaml};
use crate::own_engine::service;
use crate::shared;

/// Creates and starts a service as the runner does, but without network.
#[track_caller]
fn start(image: &Image, options: &[&str]) -> Container {
    let container = Container(unique("service"));
    let create = ["create", "--name", &container.0, "--network", "none"];
    docker_ok(&[&create[..], options, &[&image.0]].concat());
    docker_ok(&["start", &container.0]);
    container
}

/// Returns the health that the runner waits for.
#[track_caller]
fn first_health(container: &Container) -> String {
    let format = "{{if .Config.Healthcheck}}{{print .State.Health.Status}}{{end}}";
    loop {
        let health = docker_ok(&["inspect", "-f", format, &container.0]);
        if health != "starting" {
            return health;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[track_caller]
fn words(value: &Value) -> Vec<&str> {
    value.as_str().unwrap().split_whitespace().collect()
}

#[test]
fn services_are_healthy_before_the_first_step() {
    let Some(python) = python() else { return };
    let workflow = read_yaml(&python, "examples/github-actions/test.yml");
    if !engine::is_there() {
        return;
    }
    let job = &workflow["jobs"]["test"];
    let options = words(&job["services"]["shop"]["options"]);
    assert!(!options.contains(&"--health-cmd"));
    let with_check = service("/healthz");
    let shop = start(&with_check, &options);
    assert_eq!(first_health(&shop), "healthy");
    let command = docker_ok(&["inspect", "-f", "{{json .Config.Healthcheck.Test}}", &shop.0]);
    assert_eq!(command, r#"["CMD","/porthole","http",":${PORT}/healthz"]"#);

    let without_check = Image::of(&["service"], "STOPSIGNAL SIGKILL\nENTRYPOINT [\"/service\"]");
    let cart = start(&without_check, &[]);
    assert_eq!(first_health(&cart), "");
    let step = job["steps"][0]["run"].as_str().unwrap();
    let step = step.replace("${{ job.services.cart.id }}", &cart.0);
    let step = step.replace("ghcr.io/OWNER/porthole:probe", &shared::porthole("porthole-probe"));
    let step: Vec<&str> = step.split_whitespace().collect();
    assert_eq!(step[0], "docker");
    let verdict = docker_ok(&step[1..]);
    assert!(verdict.starts_with("healthy: http http://localhost:8080/healthz: 200 OK"), "{verdict}");
    docker_ok(&["stop", &cart.0]);
    // The service has ended, and its network with it.
    assert!(!docker(&step[1..]).status.success());
}

// The other way to write it, which the README warns of.
#[test]
fn a_health_cmd_needs_a_shell_in_the_image() {
    if !engine::is_there() {
        return;
    }
    let image = service("/healthz");
    let options = ["--health-cmd", "/porthole http :8080/healthz", "--health-interval", "500ms"];
    let container = start(&image, &[&options[..], &["--health-retries", "1"]].concat());
    assert_eq!(first_health(&container), "unhealthy");
    let (_, output) = container.last_health();
    let readme = std::fs::read_to_string(project().join("examples/github-actions/README.md")).unwrap();
    assert!(readme.contains(output.trim()), "{output}");
}
