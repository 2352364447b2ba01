//! Commands that come to a halt, on a file system that does not answer.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command::{binary, output, porthole, until_within};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::server::folder;

#[test]
fn what_stands_still_is_given_up() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let (pid, all, dead) = (elsewhere.pid(), elsewhere.path(""), elsewhere.path("dead"));
    let why = format!("{dead}: the file system does not answer: no progress for 10 s, given up");
    let commands: [&[&str]; 6] = [
        &["ls", &all],
        &["stat", &dead],
        &["find", &all, "--larger", "1"],
        &["grep", "-r", "x", &all],
        &["access", &dead],
        &["ls", "--json", &all],
    ];
    // Side by side, for each takes its time.
    std::thread::scope(|scope| {
        for words in commands {
            let (pid, why) = (&pid, &why);
            scope.spawn(move || {
                let ran = porthole([words, &["-p", pid]].concat()).run().within(Duration::from_secs(25));
                let error = format!("porthole: {}: {why}\n", words[0]);
                assert_eq!((ran.status, &ran.stderr), (Some(1), &error), "{}", ran.story());
                if words.contains(&"--json") {
                    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
                    assert_eq!(document, json!({"errors": [why]}));
                }
            });
        }
    });
}

/// Names of users are a convenience, which nobody waits for.
#[test]
fn names_on_a_file_system_that_does_not_answer_are_numbers() {
    let script = format!(
        "{DEAD_AND_ALIVE}\nmkdir \"$1/alive/x\"; exec 4<>/dev/fuse\n\
        mount -i -t fuse -o fd=4,rootmode=40000,user_id=0,group_id=0 dead /etc"
    );
    let Some(elsewhere) = Elsewhere::mounted(&script) else { return };
    let (pid, alive) = (elsewhere.pid(), elsewhere.path("alive"));
    let commands: [&[&str]; 9] = [
        &["ps"],
        &["ps", "--json"],
        &["id"],
        &["ss", "-a"],
        &["ls", &alive],
        &["stat", &alive],
        &["lsof"],
        &["access", &alive],
        &["tar", "cf", "-", &alive],
    ];
    let why = "/etc/passwd: the file system does not answer, so users and groups are shown as numbers";
    std::thread::scope(|scope| {
        for words in commands {
            let pid = &pid;
            scope.spawn(move || {
                let ran =
                    until_within(Duration::from_secs(9), || porthole([words, &["-p", pid]].concat()).run());
                let error = format!("porthole: {}: {why}\n", words[0]);
                assert!(ran.status == Some(0) && !ran.stdout.is_empty(), "{}", ran.story());
                assert_eq!(ran.stderr.matches(&error).count(), 1, "{}", ran.story());
                if words.contains(&"--json") {
                    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
                    assert_eq!(document["errors"], json!([why]));
                    assert_eq!(document["processes"][0]["user"], "0");
                }
            });
        }
    });
}

/// Whoever reads may take longer than a file system.
#[test]
fn a_slow_reader_is_waited_for() {
    let folder = folder();
    let file = folder.join("long");
    std::fs::write(&file, "a line\n".repeat(100_000)).unwrap();
    let start = Instant::now();
    let mut child = Command::new(binary()).arg("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut read = String::new();
    let mut stdout = child.stdout.take().unwrap();
    // What is written fills the pipe, and is not read for longer than a file system may take.
    while start.elapsed() < Duration::from_secs(13) {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::park_timeout(Duration::from_millis(100));
    }
    stdout.read_to_string(&mut read).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(read.lines().count(), 100_000);
    std::fs::remove_dir_all(folder).unwrap();
}

/// It has no view but our own, so it runs where the file system is mounted.
#[test]
fn an_install_that_stands_still_is_given_up() {
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
