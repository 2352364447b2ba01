//! Whose view an inspection takes: the application's, porthole's own, or that of all processes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::command::porthole;
use crate::support::network::in_own_network;
use crate::support::processes::{Made, Proc};

/// A container whose PID 1 is an init. The application is its first child.
fn container() -> Proc {
    let proc = Proc::new();
    for (pid, name, ppid, start) in
        [(1, "tini", 0, 1), (7, "service", 1, 2), (8, "worker", 7, 3), (9, "late", 1, 4)]
    {
        let made = Made { name: name.as_bytes(), ppid, start, ..Made::default() };
        proc.process(pid, &made, format!("/{name}\0").as_bytes());
        proc.file(&format!("{pid}/environ"), format!("NAME={name}\0"));
        proc.file(
            &format!("{pid}/status"),
            "Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nCapPrm:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n",
        );
        proc.file(&format!("{pid}/limits"), "Limit Soft Hard Units\nMax open files  10  4096  files\n");
    }
    symlink("9", Path::new(proc.path()).join("self")).unwrap();
    proc
}

#[test]
fn what_is_of_a_process_is_of_the_application() {
    let proc = container();
    for (words, heading) in [
        (&["env"][..], "environment of pid 7 (service)"),
        (&["id"], "ids of pid 7 (service)"),
        (&["limits"], "limits of pid 7 (service)"),
        (&["env", "-p", "8"], "environment of pid 8 (worker)"),
        (&["env", "-p", "self"], "environment of pid 9 (late)"),
    ] {
        let ran = porthole(words.iter().chain(&["--proc", proc.path()])).run();
        assert_eq!(ran.stdout.lines().next(), Some(heading), "{}", ran.story());
    }
    for (command, pid, name) in [
        ("env", 7, "service"),
        ("id", 7, "service"),
        ("limits", 7, "service"),
        ("doctor", 7, "service"),
        ("report", 7, "service"),
        // What is of the container is porthole's own.
        ("mounts", 9, "late"),
        ("ps", 9, "late"),
    ] {
        let ran = porthole([command, "--json", "--proc", proc.path()]).run();
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((&document["pid"], &document["process"]), (&json!(pid), &json!(name)), "{}", ran.story());
        assert!(document["errors"].is_array() || command == "report", "{}", ran.story());
    }
    let ran = porthole(["ps", "--proc", proc.path(), "-p", "self"]).run();
    assert!(ran.stdout.lines().count() == 2 && ran.stdout.contains(" /late"), "{}", ran.story());
}

/// If PID 1 is porthole itself, or not visible, there is no application.
#[test]
fn without_an_application_it_is_porthole_itself() {
    let proc = Proc::new();
    proc.process(5, &Made { name: b"porthole", ..Made::default() }, b"/porthole\0");
    proc.file("5/environ", "A=\0").file("self/environ", "A=\0");
    porthole(["env", "--proc", proc.path()]).healthy("A=");
    fs::remove_dir_all(Path::new(proc.path()).join("self")).unwrap();
    symlink("5", Path::new(proc.path()).join("self")).unwrap();
    porthole(["env", "--proc", proc.path()]).healthy("environment of pid 5 (porthole)\nA=");
}

#[test]
fn another_network_than_that_of_the_application_is_noted_once() {
    in_own_network(|| {
        let note = "porthole: ss: the network is porthole's own; to see what pid 1 ";
        let ran = porthole(["ss"]).run();
        assert!(ran.stderr.starts_with(note) && ran.stderr.ends_with(" sees, add -p 1\n"), "{}", ran.story());
        assert_eq!((ran.status, ran.stderr.lines().count()), (Some(0), 1), "{}", ran.story());
        for words in [&["ss", "-p", "self"][..], &["ss", "--json"], &["ls", "/"]] {
            let ran = porthole(words).run();
            assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        }
    });
}

#[test]
fn a_usage_error_is_a_document_too() {
    for (words, message) in [
        (
            &["ls", "--json", "-p", "x"][..],
            "ls: --pid: expected a process ID from 1 to 4194304, or self, got 'x'",
        ),
        (&["http", "--json"], "http: TARGET is missing; see porthole http --help"),
        (&["--json", "lss"], "unknown command 'lss'; did you mean 'ls'?"),
    ] {
        let ran = porthole(words).run();
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document, json!({"errors": [message]}), "{}", ran.story());
        assert_eq!((ran.status, ran.stderr), (Some(1), format!("porthole: {message}\n")));
    }
}
