//! Control groups of version 2. kernel.org: admin-guide/cgroup-v2.rst

use std::fs;

use nix::sched::CloneFlags;
use serde_json::json;

use crate::guest::{Group, Running, apart, assert_found, assert_not_found, document, patient};
use crate::support::command::porthole;

const ROOT: &str = "/sys/fs/cgroup";
const MIB: u64 = 1 << 20;

/// Creates a group whose children may limit everything.
fn group(name: &str) -> Group {
    fs::write(format!("{ROOT}/cgroup.subtree_control"), "+memory +cpu +pids").unwrap();
    Group::new(ROOT, name)
}

fn delegating(group: Group) -> Group {
    group.set("cgroup.subtree_control", "+memory +cpu +pids")
}

fn run(group: &Group, words: &[&str]) -> Running {
    Running::until_ready(&mut Group::enter(&[group], &patient(words)))
}

/// Returns the section of `limits` about a process.
#[track_caller]
fn limits(process: &Running, section: &str) -> serde_json::Value {
    document(0, &["limits", "-p", &process.pid().to_string()])[section].take()
}

#[test]
fn an_oom_kill_is_counted_and_explained() {
    let group = group("oom").set("memory.max", "33554432");
    let process = run(&group, &["allocate", "64"]);
    let memory = limits(&process, "memory");
    assert_eq!(memory["cgroup_version"], 2, "{memory}");
    assert_eq!(memory["cgroup"], "/oom", "{memory}");
    assert_eq!(memory["limit"], 32 * MIB, "{memory}");
    assert_eq!(memory["limit_cgroup"], "/oom", "{memory}");
    assert_eq!(memory["oom_kills"], 1, "{memory}");
    assert_found(process.pid(), "error", &["killed a process for lack of memory", "limit is 32M"]);
}

#[test]
fn a_process_within_its_limits_has_no_finding_about_them() {
    let group =
        group("idle").set("memory.max", "67108864").set("pids.max", "20").set("cpu.max", "50000 100000");
    let process = run(&group, &["allocate", "1"]);
    assert_eq!(limits(&process, "memory")["oom_kills"], 0);
    assert_eq!(limits(&process, "cpu")["limit"], 0.5);
    let pids = limits(&process, "pids");
    assert_eq!((&pids["limit"], &pids["use"], &pids["forks_refused"]), (&json!(20), &json!(1), &json!(0)));
    for text in ["of memory", "lack of memory", "throttled", "failed"] {
        assert_not_found(process.pid(), text);
    }
}

#[test]
fn throttling_is_measured_and_explained() {
    let group = group("throttled").set("cpu.max", "20000 100000");
    // More than its limit in each tenth of a second.
    let process = run(&group, &["burn", "25"]);
    let cpu = limits(&process, "cpu");
    assert_eq!(cpu["limit"], 0.2, "{cpu}");
    assert!(cpu["throttled_periods"].as_u64() > Some(10), "{cpu}");
    assert!(cpu["throttled_ms"].as_u64() > Some(100), "{cpu}");
    assert_found(process.pid(), "warning", &["throttled in", "0.2 CPU"]);
}

#[test]
fn refused_forks_are_counted_at_the_own_limit() {
    let group = group("pids").set("pids.max", "4");
    let process = run(&group, &["threads", "10"]);
    let pids = limits(&process, "pids");
    assert_eq!((&pids["limit"], &pids["use"]), (&json!(4), &json!(4)), "{pids}");
    assert_eq!(pids["forks_refused"], 7, "{pids}");
    assert_found(process.pid(), "error", &["failed 7 times"]);
}

/// Since Linux 6.11 the group whose limit was reached counts them, and those above it; before, the
/// group of the process does.
#[test]
fn refused_forks_are_counted_at_a_limit_above() {
    let parent = delegating(group("above").set("pids.max", "4"));
    let child = Group::new(parent.path(), "child");
    let process = run(&child, &["threads", "10"]);
    let pids = limits(&process, "pids");
    assert_eq!((&pids["limit"], &pids["limit_cgroup"]), (&json!(4), &json!("/above")), "{pids}");
    assert_eq!(pids["forks_refused"], 7, "{pids}");
    assert_found(process.pid(), "error", &["failed 7 times", "the limit is 4"]);
    drop(process);
    drop(child);
}

#[test]
fn memory_high_slows_down_and_kills_nothing() {
    let group = group("high").set("memory.high", "16777216").set("memory.max", "67108864");
    let process = run(&group, &["allocate", "17", "write", "17000:/dev/shm/high"]);
    let memory = limits(&process, "memory");
    assert_eq!(memory["oom_kills"], 0, "{memory}");
    assert_found(process.pid(), "warning", &["is at memory.high, 16M", "kills none"]);
    fs::remove_file("/dev/shm/high").unwrap();
}

/// The limit that binds has the least room left, even if it is not the smallest.
#[test]
fn a_parent_that_a_sibling_fills_is_the_limit() {
    let parent = delegating(group("parent").set("memory.max", "67108864"));
    let sibling = Group::new(parent.path(), "sibling");
    let child = Group::new(parent.path(), "child").set("memory.max", "50331648");
    let filling = run(&sibling, &["write", "51200:/dev/shm/filling"]);
    let process = run(&child, &["allocate", "1"]);
    let memory = limits(&process, "memory");
    assert_eq!(memory["limit"], 64 * MIB, "{memory}");
    assert_eq!(memory["limit_cgroup"], "/parent", "{memory}");
    assert!(memory["limit_cgroup_use"].as_u64() > Some(50 * MIB), "{memory}");
    assert!(memory["use"].as_u64() < Some(10 * MIB), "{memory}");
    drop((process, filling));
    fs::remove_file("/dev/shm/filling").unwrap();
    drop((sibling, child));
}

/// In a container the groups above its own are not visible, and its own is the root.
#[test]
fn in_a_cgroup_namespace_the_own_group_is_the_root() {
    let group = group("namespace").set("memory.max", "33554432").set("pids.max", "9");
    fs::write(group.path().join("cgroup.procs"), "0").unwrap();
    let document = apart(CloneFlags::CLONE_NEWCGROUP, || {
        crate::guest::command(&["umount", ROOT]);
        crate::guest::mount_at("cgroup2", ROOT, nix::mount::MsFlags::MS_RDONLY, "");
        document(0, &["limits", "-p", "self"])
    });
    fs::write(format!("{ROOT}/cgroup.procs"), "0").unwrap();
    assert_eq!(document["memory"]["cgroup"], "/", "{document}");
    assert_eq!(document["memory"]["limit"], 32 * MIB, "{document}");
    assert_eq!(document["pids"]["limit"], 9, "{document}");
}

#[test]
fn a_frozen_group_is_named() {
    let group = group("frozen");
    let process = run(&group, &["allocate", "1"]);
    let group = group.set("cgroup.freeze", "1");
    assert_found(process.pid(), "error", &["the control group is frozen"]);
    let _group = group.set("cgroup.freeze", "0");
    drop(process);
}

#[test]
fn top_shows_the_limits_of_the_group() {
    let group = group("top").set("memory.max", "33554432").set("pids.max", "9");
    let process = run(&group, &["allocate", "1"]);
    let ran = porthole(["top", "-p", &process.pid().to_string()]).run();
    assert_eq!((ran.status, ran.stdout.contains("32M")), (Some(0), true), "{}", ran.story());
}
