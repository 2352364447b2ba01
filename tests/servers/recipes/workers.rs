//! Recipes for workers without a port, and for sentences.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use super::{block, from_pypi, recipe};
use crate::daemon::{Daemon, installed, open_folder};
use crate::support::command::{binary, output};
use crate::support::place::Place;
use crate::support::server::{Server, answer, closed_port, response};
use crate::support::skip::{is_root, skip};

/// Makes this file this old.
fn age(path: &str, age: Duration) {
    File::options().append(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

/// Starts a process with this command line. It ends by itself if the test does not end it.
fn stand_in(title: &str) -> Child {
    Command::new("/usr/bin/sleep").arg0(title).arg("60").spawn().unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn celery() {
    let (Some(celery), Some(redis)) = (from_pypi("celery"), installed("redis-server")) else { return };
    let (folder, port) = (open_folder(), closed_port());
    let port_text = port.to_string();
    let mut broker = Daemon::start(
        open_folder(),
        &redis,
        ["--port", &port_text, "--bind", "127.0.0.1", "--save", ""],
        |_| {},
    );
    broker.until_listening(port);
    let beat = folder.join("celery.beat").to_str().unwrap().to_owned();
    let module = block("python recipe celery_app").replace("/run/celery.beat", &beat);
    let app = format!(
        "{module}\n\nfrom celery import Celery\n\napp = Celery(broker=\"redis://127.0.0.1:{port}\")\n"
    );
    std::fs::write(folder.join("app.py"), app).unwrap();
    let recipe = || recipe("celery").with("/run/celery.beat", &beat);
    recipe().unhealthy(&format!("file {beat}: no such file or directory"));
    let arguments = ["-A", "app", "worker", "--concurrency", "1"];
    let mut worker = Daemon::start(folder, &celery, arguments, |_| {});
    worker.until("it is ready", || recipe().run().run().status == Some(0));
    // The next heartbeat touches the file again.
    age(&beat, HOUR);
    worker.until("its heart beats", || recipe().run().run().status == Some(0));
    let folder = worker.end();
    age(&beat, HOUR);
    let ran = recipe().run().run();
    assert!(ran.stdout.contains(", older than 60 s") && ran.status == Some(1), "{}", ran.story());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn sidekiq() {
    // Another Sidekiq may run on this machine.
    let state = format!("app{} [2 of 5 busy]", std::process::id());
    let recipe = || recipe("sidekiq").with(" busy]", &state);
    assert_eq!(recipe().run().run().status, Some(1));
    let mut worker = stand_in(&format!("sidekiq 7.3.9 {state}"));
    assert_eq!(recipe().run().run().status, Some(0));
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(recipe().run().run().status, Some(1));
}

#[test]
fn nightly_job() {
    let place = Place::new();
    let path = place.path("backup.done");
    let recipe = || recipe("nightly_job").with("/run/backup.done", &path);
    recipe().unhealthy(&format!("file {path}: no such file or directory"));
    place.file("backup.done", "");
    age(&path, 25 * HOUR);
    assert_eq!(recipe().run().run().status, Some(0));
    age(&path, 27 * HOUR);
    let ran = recipe().run().run();
    assert!(ran.stdout.contains(", older than 26 h") && ran.status == Some(1), "{}", ran.story());
}

#[test]
fn not_listen() {
    let port = closed_port();
    let recipe = || recipe("not_listen").with("8080", &port.to_string()).with("30s", "10ms");
    // The full build adds which sockets do listen.
    let ran = recipe().run().run();
    let line = format!("healthy: not listen {port}: nothing listens on TCP port {port}");
    assert!(ran.stdout.starts_with(&line) && ran.status == Some(0), "{}", ran.story());
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert_eq!(recipe().run().run().status, Some(1));
    drop(listener);
}

#[test]
fn log() {
    if !is_root() {
        return skip("only root can create a pid namespace");
    }
    for (status, logged) in [
        ("200 OK", String::new()),
        ("503 Service Unavailable", "503 Service Unavailable, expected 200-399; body: db\n".to_owned()),
    ] {
        let server = Server::new(answer(response(status, "db")));
        let recipe = recipe("log").port(8080, server.port());
        // The standard error of the shell, which is the first process, is the container's log.
        let script = "(\"$@\" >/dev/null 2>/dev/null)\ntrue";
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--pid", "--fork", "--mount-proc", "/bin/sh", "-c", script, "sh"]);
        command.arg(binary()).args(&recipe.words);
        let line = format!("porthole: unhealthy: http http://localhost:{}/healthz: {logged}", server.port());
        let expected = if logged.is_empty() { String::new() } else { line };
        assert_eq!(output(&mut command).stderr, expected);
    }
}
