//! Control groups of version 1, each controller with a hierarchy of its own.
//! kernel.org: admin-guide/cgroup-v1/memory.rst

use std::fs;

use nix::mount::MsFlags;

use crate::guest::{Group, Running, assert_found, document, mount_at, patient};

const MIB: u64 = 1 << 20;

/// Returns where the hierarchy of a controller is mounted; mounts all of them at first.
fn hierarchy(controller: &str) -> String {
    let root = "/sys/fs/cgroup";
    if !fs::exists(format!("{root}/memory")).unwrap() {
        mount_at("tmpfs", root, MsFlags::empty(), "mode=755");
        for name in ["memory", "cpu", "cpuacct", "pids", "freezer"] {
            mount_at("cgroup", &format!("{root}/{name}"), MsFlags::empty(), name);
        }
    }
    format!("{root}/{controller}")
}

fn run(groups: &[&Group], words: &[&str]) -> Running {
    Running::until_ready(&mut Group::enter(groups, &patient(words)))
}

#[track_caller]
fn limits(process: &Running, section: &str) -> serde_json::Value {
    document(0, &["limits", "-p", &process.pid().to_string()])[section].take()
}

#[test]
fn an_oom_kill_is_counted_and_explained() {
    let group = Group::new(hierarchy("memory"), "oom").set("memory.limit_in_bytes", "33554432");
    let process = run(&[&group], &["allocate", "64"]);
    let memory = limits(&process, "memory");
    assert_eq!(memory["cgroup_version"], 1, "{memory}");
    assert_eq!(memory["limit"], 32 * MIB, "{memory}");
    assert_eq!(memory["oom_kills"], 1, "{memory}");
    assert_found(process.pid(), "error", &["killed a process for lack of memory", "limit is 32M"]);
}

/// The limit of a parent without use_hierarchy is not in force below it. Linux 5.11 removed that.
#[test]
fn without_use_hierarchy_the_limit_of_a_parent_is_not_in_force() {
    let memory = hierarchy("memory");
    for (hierarchical, limit) in [("0", None), ("1", Some(32 * MIB))] {
        let parent = Group::new(&memory, "parent")
            .set("memory.use_hierarchy", hierarchical)
            .set("memory.limit_in_bytes", "33554432");
        let child = Group::new(parent.path(), "child");
        let process = run(&[&child], &["allocate", "1"]);
        let memory = limits(&process, "memory");
        assert_eq!(memory["limit"].as_u64(), limit, "use_hierarchy {hierarchical}: {memory}");
        drop(process);
        drop(child);
    }
}

#[test]
fn throttling_is_measured_and_explained() {
    let group = Group::new(hierarchy("cpu"), "throttled").set("cpu.cfs_quota_us", "20000");
    let process = run(&[&group], &["burn", "25"]);
    let cpu = limits(&process, "cpu");
    assert_eq!((&cpu["cgroup_version"], &cpu["limit"]), (&1.into(), &0.2.into()), "{cpu}");
    assert!(cpu["throttled_periods"].as_u64() > Some(10), "{cpu}");
    assert_found(process.pid(), "warning", &["throttled in", "0.2 CPU"]);
}

#[test]
fn refused_forks_are_counted() {
    let group = Group::new(hierarchy("pids"), "pids").set("pids.max", "4");
    let process = run(&[&group], &["threads", "10"]);
    let pids = limits(&process, "pids");
    assert_eq!((&pids["limit"], &pids["forks_refused"]), (&4.into(), &7.into()), "{pids}");
    assert_found(process.pid(), "error", &["failed 7 times"]);
}

#[test]
fn a_frozen_group_is_named() {
    let group = Group::new(hierarchy("freezer"), "frozen");
    let process = run(&[&group], &["allocate", "1"]);
    let group = group.set("freezer.state", "FROZEN");
    assert_found(process.pid(), "error", &["the control group is frozen"]);
    let _group = group.set("freezer.state", "THAWED");
    drop(process);
}
