//! Tests too slow for plain `cargo test`; `make test` runs them.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::command::{binary, output, porthole};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::server::folder;

#[test]
#[ignore = "slow: run by make test"]
fn commands_without_progress_time_out() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let (pid, all, dead) = (elsewhere.pid(), elsewhere.path(""), elsewhere.path("dead"));
    let why = format!("{dead}: the file system does not answer: no progress for 10 s, given up");
    let commands: [&[&str]; 7] = [
        &["ls", &all],
        &["du", &dead],
        &["stat", &dead],
        &["find", &all, "--larger", "1"],
        &["grep", "-r", "x", &all],
        &["access", &dead],
        &["ls", "--json", &all],
    ];
    // In parallel, because each takes its time.
    std::thread::scope(|scope| {
        for words in commands {
            let (pid, why) = (&pid, &why);
            scope.spawn(move || {
                let ran = porthole([words, &["-p", pid]].concat()).run().within(Duration::from_secs(25));
                let error = format!("porthole: {}: {why}\n", words[0]);
                assert_eq!((ran.status, &ran.stderr), (Some(1), &error), "{}", ran.story());
                if words.contains(&"--json") {
                    assert_eq!(ran.content(), json!({"errors": [why]}), "{}", ran.story());
                }
            });
        }
    });
}

/// A reader may take longer than a file system.
#[test]
#[ignore = "slow: run by make test"]
fn a_slow_reader_does_not_time_out() {
    let folder = folder();
    let file = folder.join("long");
    std::fs::write(&file, "a line\n".repeat(100_000)).unwrap();
    let start = Instant::now();
    // In parallel, because each takes its time.
    let mut children = [&["cat"][..], &["tar", "cf", "-"]].map(|words| {
        let mut command = Command::new(binary());
        command.args(words).arg(&file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    });
    // The output fills the pipe, and is not read for longer than a file system may take.
    while start.elapsed() < Duration::from_secs(13) {
        assert!(children.iter_mut().all(|child| child.try_wait().unwrap().is_none()));
        std::thread::park_timeout(Duration::from_millis(100));
    }
    for child in &mut children {
        let mut read = String::new();
        child.stdout.take().unwrap().read_to_string(&mut read).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(read.matches("a line\n").count(), 100_000);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// `install` works only on its own file system, so it runs in the mount namespace that has the dead
/// one.
#[test]
#[ignore = "slow: run by make test"]
fn an_install_without_progress_times_out() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let dead = elsewhere.path("dead");
    let mut command = Command::new("nsenter");
    command.args(["--mount", "-t", &elsewhere.pid(), "--"]);
    command.arg(binary()).args(["install", &format!("{dead}/porthole")]);
    let ran = output(&mut command);
    let error = format!(
        "porthole: install: {dead}: the file system does not answer: no progress for 10 s, given up\n"
    );
    assert_eq!((ran.status, &ran.stderr), (Some(1), &error), "{}", ran.story());
}
