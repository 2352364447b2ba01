//! Memory that runs out, and what a first process has to do: end on SIGTERM, and wait for orphans.

use std::time::{Duration, Instant};

use super::{IN_ORDER, PATIENT, Said, advice, has_init, image, is_found_in_readme, options, until};
use crate::engine::{self, Container, docker_ok};

#[test]
fn a_child_that_was_killed_for_memory() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let run = |limit: &str| {
        // No swap beside it, where the machine has some.
        let memory = ["--memory", limit, "--memory-swap", limit];
        let container =
            Container::run_words(&image, &[&IN_ORDER[..], &PATIENT, &memory].concat(), &["eats", "48"]);
        let end = container.until_logged();
        (container, end)
    };
    let (container, end) = run("32m");
    assert!(end.starts_with("signal: 9"), "{end}");
    let said = Said::of(&container, &[]);
    // Of cgroup v1 or v2.
    let seen = [": oom_kill 1", ": 33554432"];
    let text = "the kernel killed a process for lack of memory: the limit is 32M";
    let finding = said.finds("error", text, &seen);
    let files = finding["seen"].as_array().unwrap().iter().map(|seen| seen["source"].as_str().unwrap());
    for (file, names) in
        files.zip([["memory.oom_control", "memory.events"], ["memory.limit_in_bytes", "memory.max"]])
    {
        assert!(
            file.starts_with("/sys/fs/cgroup/") && names.iter().any(|name| file.ends_with(name)),
            "{file}"
        );
    }
    assert_eq!(said.status, Some(1));
    is_found_in_readme(&container.exec(&["/porthole", "doctor"]).1, text);
    let [option, limit] = options(advice(finding, "Docker"))[..] else { panic!("{finding}") };
    assert_eq!(option, "--memory");
    let (container, end) = run(limit);
    assert_eq!(end, "fed");
    Said::of(&container, &[]).is_in_order();
}

#[test]
fn a_first_process_that_neither_ends_nor_waits() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let run = |options: &[&str], words: &[&str]| {
        Container::run_words(&image, &[&PATIENT[..], &["--tmpfs", "/tmp"], options].concat(), words)
    };
    let orphans = ["orphans", "3"];
    // How it is stopped: its exit status and how long that takes.
    let stop = |container: &Container, grace: &str| {
        let start = Instant::now();
        docker_ok(&["stop", "-t", grace, &container.0]);
        (docker_ok(&["inspect", "-f", "{{.State.ExitCode}}", &container.0]), start.elapsed())
    };
    let container = run(&[], &orphans);
    let said = until(|| Said::of(&container, &[]), |said| said.has("3 zombies").is_some());
    let zombies = "3 zombies, which pid 1 (patient) does not wait for";
    let state = "(patient), state Z";
    let finding = said.finds("warning", zombies, &[state; 3]);
    assert!(advice(finding, "Docker").starts_with("--init "));
    let sigterm = "pid 1 (patient) has no handler for SIGTERM";
    let seen = ["/proc/1/status: SigCgt: 0000000000000000 and SigIgn: "];
    let finding = said.finds("warning", sigterm, &seen);
    assert_eq!((said.findings().len(), said.status), (2, Some(0)), "{}", said.json);
    let stdout = container.exec(&["/porthole", "doctor"]).1;
    is_found_in_readme(&stdout, sigterm);
    is_found_in_readme(&stdout, zombies);
    // It is killed, once the grace period is over.
    let (code, took) = stop(&container, "1");
    assert!(code == "137" && took >= Duration::from_secs(1), "{code} {took:?}");

    let init = options(advice(finding, "Docker"));
    let container = run(&init, &orphans);
    assert_eq!(container.until_logged(), "left");
    // They end in their own time.
    until(|| Said::of(&container, &[]), |said| said.has("zombie").is_none()).is_in_order();
    let grace = 60;
    let (code, took) = stop(&container, &grace.to_string());
    // SIGTERM, and no more than a quarter of what it had for it.
    assert!(code == "143" && took < Duration::from_secs(grace / 4), "{code} {took:?}");

    // What the application started itself is the application's to wait for.
    let container = run(&init, &["children", "2"]);
    let said = until(|| Said::of(&container, &[]), |said| said.has("2 zombies").is_some());
    let finding = said.finds("warning", "(patient) does not wait for", &[state; 2]);
    assert_eq!(finding["change"].as_array().unwrap().len(), 1, "{finding}");
    assert!(advice(finding, "Application").contains("(patient) must wait for its children"));
}
