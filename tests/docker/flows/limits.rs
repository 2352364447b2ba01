//! Running out of memory, and the duties of a first process: ending on SIGTERM, and waiting for
//! orphans.

use std::time::{Duration, Instant};

use super::{
    Diagnosis, IN_ORDER, PATIENT, advice, assert_finding_in_manual, has_init, image, options, until,
};
use crate::engine::{self, Container, docker_ok};
use crate::scenarios::assert_in_page;

#[test]
fn a_child_that_is_killed_for_lack_of_memory() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let run = |limit: &str| {
        // No swap in addition, even if the machine has some.
        let memory = ["--memory", limit, "--memory-swap", limit];
        let container =
            Container::run_words(&image, &[&IN_ORDER[..], &PATIENT, &memory].concat(), &["allocate", "48"]);
        let end = container.until_logged();
        (container, end)
    };
    let (container, end) = run("32m");
    assert!(end.starts_with("signal: 9"), "{end}");
    let diagnosis = Diagnosis::of(&container, &[]);
    // From cgroup v1 or v2.
    let seen = [": oom_kill 1", ": 33554432"];
    let text = "the kernel killed a process for lack of memory: the limit is 32M";
    let finding = diagnosis.assert_finding("error", text, &seen);
    assert_in_page(text);
    let files = finding["seen"].as_array().unwrap().iter().map(|seen| seen["source"].as_str().unwrap());
    for (file, names) in
        files.zip([["memory.oom_control", "memory.events"], ["memory.limit_in_bytes", "memory.max"]])
    {
        assert!(
            file.starts_with("/sys/fs/cgroup/") && names.iter().any(|name| file.ends_with(name)),
            "{file}"
        );
    }
    assert_eq!(diagnosis.status, Some(1));
    assert_finding_in_manual(&container.exec(&["/porthole", "doctor"]).1, text);
    let [option, limit] = options(advice(finding, "Docker"))[..] else { panic!("{finding}") };
    assert_eq!(option, "--memory");
    let (container, end) = run(limit);
    assert_eq!(end, "allocated");
    Diagnosis::of(&container, &[]).assert_in_order();
}

#[test]
fn a_first_process_that_neither_ends_on_sigterm_nor_waits() {
    if !engine::is_there() || !has_init() {
        return;
    }
    let image = image();
    let run = |options: &[&str], words: &[&str]| {
        Container::run_words(&image, &[&PATIENT[..], &["--tmpfs", "/tmp"], options].concat(), words)
    };
    let orphans = ["orphans", "3"];
    // Stops the container; returns its exit status and how long that took.
    let stop = |container: &Container, grace: &str| {
        let start = Instant::now();
        docker_ok(&["stop", "-t", grace, &container.0]);
        (docker_ok(&["inspect", "-f", "{{.State.ExitCode}}", &container.0]), start.elapsed())
    };
    let container = run(&[], &orphans);
    let diagnosis =
        until(|| Diagnosis::of(&container, &[]), |diagnosis| diagnosis.find("3 zombies").is_some());
    let zombies = "3 zombies, which pid 1 (patient) does not wait for";
    let state = "(patient), state Z";
    let finding = diagnosis.assert_finding("warning", zombies, &[state; 3]);
    assert_in_page(zombies);
    assert!(advice(finding, "Docker").starts_with("--init "));
    let sigterm = "pid 1 (patient) has no handler for SIGTERM";
    let seen = ["/proc/1/status: SigCgt: 0000000000000000 and SigIgn: "];
    let finding = diagnosis.assert_finding("warning", sigterm, &seen);
    assert_eq!((diagnosis.findings().len(), diagnosis.status), (2, Some(0)), "{}", diagnosis.json);
    let stdout = container.exec(&["/porthole", "doctor"]).1;
    assert_finding_in_manual(&stdout, sigterm);
    assert_finding_in_manual(&stdout, zombies);
    // It is killed when the grace period ends.
    let (code, took) = stop(&container, "1");
    assert!(code == "137" && took >= Duration::from_secs(1), "{code} {took:?}");

    let init = options(advice(finding, "Docker"));
    let container = run(&init, &orphans);
    assert_eq!(container.until_logged(), "orphaned");
    // The orphans may take some time to end.
    until(|| Diagnosis::of(&container, &[]), |diagnosis| diagnosis.find("zombie").is_none())
        .assert_in_order();
    let grace = 60;
    let (code, took) = stop(&container, &grace.to_string());
    // It ended by SIGTERM, within a quarter of the grace period.
    assert!(code == "143" && took < Duration::from_secs(grace / 4), "{code} {took:?}");

    // The application must wait for its own children.
    let container = run(&init, &["children", "2"]);
    let diagnosis =
        until(|| Diagnosis::of(&container, &[]), |diagnosis| diagnosis.find("2 zombies").is_some());
    let finding = diagnosis.assert_finding("warning", "(patient) does not wait for", &[state; 2]);
    assert_eq!(finding["change"].as_array().unwrap().len(), 1, "{finding}");
    assert!(advice(finding, "Application").contains("(patient) must wait for its children"));
}
