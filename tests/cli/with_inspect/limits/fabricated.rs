//! Fabricated trees of proc and cgroup.

use serde_json::{Value, json};

use super::{V2, fabricated, v2};
use crate::support::command::porthole;
use crate::support::elsewhere::{Proc, write};

const RLIMITS: &str = "
RLIMIT            USE   SOFT   HARD  OF SOFT
cpu time            -   60 s   none
stack size          -   8.0M   none
processes           3      3  96365  [##########] 100% !
open files          0     10   4096  [----------] 0%
address space    1.0M  1000M   none  [----------] 0%
pending signals     3      4      4  [#######---] 75%
nice priority       -      0      0";

#[test]
fn limits_of_cgroup_v2_are_shown() {
    let proc = v2();
    let table = format!(
        "\
limits of pid 7
RESOURCE    USE    LIMIT  OF LIMIT             PEAK  NOTES
memory     100M     512M  [#########-] 93% !   200M  1 OOM kill; limit of /pod, which uses 477M; 50M of page cache
cpu       4.5 s  0.5 CPU                          -  throttled in 50 of 200 periods (25%), 1.5 s
pids         20       20  [##########] 100% !    20  1 fork refused
{RLIMITS}"
    );
    for words in [&["limits"][..], &["limits", "-p", "7"]] {
        porthole(words.iter().chain(&["--proc", proc.path()])).run().is(0, &table, "");
    }
    let ran = porthole(["limits", "--json", "--proc", proc.path()]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        json["memory"],
        json!({"cgroup_version": 2, "cgroup": "/pod/app", "limit": 536_870_912, "limit_cgroup": "/pod",
            "limit_cgroup_use": 500_000_000, "use": 104_857_600, "peak": 209_715_200, "page_cache": 52_428_800,
            "oom_kills": 1})
    );
    assert_eq!(
        json["cpu"],
        json!({"cgroup_version": 2, "cgroup": "/pod/app", "limit": 0.5, "limit_cgroup": "/pod/app",
            "use_ms": 4500, "periods": 200, "throttled_periods": 50, "throttled_ms": 1500})
    );
    assert_eq!(
        json["pids"],
        json!({"cgroup_version": 2, "cgroup": "/pod/app", "limit": 20, "limit_cgroup": "/pod/app",
            "limit_cgroup_use": 20, "use": 20, "peak": 20, "forks_refused": 1})
    );
    assert_eq!(
        json["rlimits"][3],
        json!({"name": "open files", "soft": 10, "hard": 4096, "unit": "files", "use": 0})
    );
    assert_eq!((json["rlimits"].as_array().unwrap().len(), json["errors"].clone()), (7, json!([])));
}

/// In a container its own group is the root of the mount, whatever its path outside.
#[test]
fn limits_of_a_container_in_cgroup_v1_are_shown() {
    let id = "/docker/0123";
    let proc = fabricated(
        &format!("9:pids:{id}\n5:memory:{id}/in\n4:cpu,cpuacct:{id}\n1:name=systemd:{id}\n0::/\n"),
        &format!(
            "1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / @ rw - tmpfs tmpfs rw\n\
            31 30 0:28 {id} @/memory ro - cgroup cgroup rw,memory\n\
            32 30 0:29 {id} @/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
            33 30 0:30 {id} @/pids ro - cgroup cgroup rw,pids\n34 30 0:31 / @/unified ro - cgroup2 cgroup rw\n"
        ),
        &[
            ("memory/memory.limit_in_bytes", "1000000"),
            ("memory/memory.usage_in_bytes", "300000"),
            ("memory/in/memory.limit_in_bytes", "9223372036854771712"),
            ("memory/in/memory.usage_in_bytes", "200000"),
            ("memory/in/memory.max_usage_in_bytes", "250000"),
            ("memory/in/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2"),
            ("memory/in/memory.stat", "cache 1\ntotal_cache 4096"),
            ("cpu,cpuacct/cpu.cfs_quota_us", "150000"),
            ("cpu,cpuacct/cpu.cfs_period_us", "100000"),
            ("cpu,cpuacct/cpu.stat", "nr_periods 100\nnr_throttled 1\nthrottled_time 2000000000"),
            ("cpu,cpuacct/cpuacct.usage", "3000000000"),
            ("pids/pids.max", "max"),
            ("pids/pids.current", "5"),
            ("unified/pids.max", "1"),
        ],
    );
    let table = format!(
        "\
limits of pid 7
RESOURCE   USE    LIMIT  OF LIMIT          PEAK  NOTES
memory    196K     977K  [###-------] 30%  245K  2 OOM kills; limit of /docker/0123, which uses 293K; 4.0K of page cache
cpu        3 s  1.5 CPU                       -  throttled in 1 of 100 periods (1%), 2 s
pids         5     none                       -  limits of parent groups are not visible from here
{RLIMITS}"
    );
    porthole(["limits", "--proc", proc.path()]).run().is(0, &table, "");
}

/// systemd's hybrid hierarchy: v1 for some controllers, v2 for the others.
#[test]
fn a_hybrid_hierarchy_is_shown() {
    let proc = fabricated(
        "5:memory:/a\n0::/b\n",
        "1 0 0:1 / / rw - overlay o rw\n31 1 0:28 / @/memory rw - cgroup cgroup rw,memory\n\
        34 1 0:31 / @/unified rw - cgroup2 cgroup rw\n",
        &[
            ("memory/a/memory.limit_in_bytes", "4096"),
            ("memory/a/memory.usage_in_bytes", "4096"),
            ("unified/b/pids.max", "7"),
            ("unified/b/pids.current", "1"),
            ("unified/b/cpu.stat", "usage_usec 1000"),
        ],
    );
    let table = format!(
        "\
limits of pid 7
RESOURCE   USE  LIMIT  OF LIMIT             PEAK  NOTES
memory    4.0K   4.0K  [##########] 100% !     -
cpu       1 ms   none                          -
pids         1      7  [#---------] 14%        -
{RLIMITS}"
    );
    porthole(["limits", "--proc", proc.path()]).run().is(0, &table, "");
}

#[test]
fn missing_groups_are_reported() {
    let unknown = format!(
        "\
limits of pid 7
RESOURCE  USE  LIMIT  OF LIMIT  PEAK  NOTES
memory      ?      ?               ?
cpu         ?      ?               ?
pids        ?      ?               ?
{RLIMITS}"
    );
    let root = "1 0 0:1 / / rw - overlay o rw\n";
    let covered = format!("{V2}40 30 0:50 / @ ro - tmpfs tmpfs ro\n");
    let elsewhere = V2.replace(" / @", " /other @");
    for (cgroup, mounts, why) in [
        ("0::/a\n", root, "no cgroup2 filesystem is mounted here"),
        ("0::/a\n", covered.as_str(), "no cgroup2 filesystem is mounted here"),
        ("0::/../a\n", V2, "@/../a: no such file or directory"),
        ("0::/a\n", elsewhere.as_str(), "the cgroup /a is outside the mount at @"),
        ("0::/a\n", V2, "@/a: no such file or directory"),
    ] {
        let proc = fabricated(cgroup, mounts, &[("x", "")]);
        let groups = proc.0.join("groups");
        let error = format!("porthole: limits: {}", why.replace('@', groups.to_str().unwrap()));
        porthole(["limits", "--proc", proc.path()]).run().is(1, &unknown, &error);
    }
    let proc = fabricated("\n", root, &[]);
    let errors = ["memory", "cpu", "pids"]
        .map(|name| format!("porthole: limits: no cgroup of the process has the controller {name}"));
    porthole(["limits", "--proc", proc.path()]).run().is(1, &unknown, &errors.join("\n"));
}

/// A malformed limit is neither a number nor "no limit".
#[test]
fn malformed_limits_are_reported() {
    let huge = "99999999999999999999999";
    let proc = fabricated(
        "0::/a\n",
        V2,
        &[("a/memory.max", "\x1b[2Jx"), ("a/cpu.max", "1 0"), ("a/pids.max", huge), ("a/pids.current", "3")],
    );
    let table = format!(
        "\
limits of pid 7
RESOURCE  USE  LIMIT  OF LIMIT  PEAK  NOTES
memory      ?      ?               ?
cpu         ?      ?               -
pids        3      ?               ?
{RLIMITS}"
    );
    let errors = |files: &[(&str, &str)]| {
        let line = |(file, text)| {
            format!("porthole: limits: {}/groups/a/{file}: not a number: '{text}'", proc.path())
        };
        files.iter().copied().map(line).collect::<Vec<_>>().join("\n")
    };
    let all = errors(&[("memory.max", r"\x1b[2Jx"), ("cpu.max", "1 0"), ("pids.max", huge)]);
    porthole(["limits", "--proc", proc.path()]).run().is(1, &table, &all);
    for (file, text) in
        [("memory.max", "max"), ("memory.current", "-5"), ("cpu.max", "max 1"), ("pids.max", "max")]
    {
        write(&proc.0.join("groups/a").join(file), text.as_bytes());
    }
    let ran = porthole(["limits", "--proc", proc.path(), "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, ran.stderr.trim_end()), (Some(1), errors(&[("memory.current", "-5")]).as_str()));
    assert_eq!((&json["memory"]["use"], &json["memory"]["limit"]), (&Value::Null, &Value::Null));
}

/// Containers whose parent group has a limit. In v1, a file of the container's own group has the
/// memory limit.
#[test]
fn limits_of_parent_groups_outside_the_mount_are_mentioned() {
    let v1 = |limits: &[(&str, &str)]| {
        fabricated(
            "9:pids:/above/in\n5:memory:/above/in\n4:cpu,cpuacct:/above/in\n",
            "1 0 0:1 / / rw - overlay o rw\n31 1 0:28 /above/in @/memory ro - cgroup cgroup rw,memory\n\
            32 1 0:29 /above/in @/cpu ro - cgroup cgroup rw,cpu,cpuacct\n33 1 0:30 / @/pids ro - cgroup cgroup rw,pids\n",
            &[
                &[
                    ("memory/memory.limit_in_bytes", "9223372036854771712"),
                    ("pids/release_agent", ""),
                    ("cpu/cpu.stat", "nr_periods 0"),
                ],
                limits,
            ]
            .concat(),
        )
    };
    let of = |proc: &Proc| porthole(["limits", "--proc", proc.path()]).run();
    let stat = "cache 1\nhierarchical_memory_limit 67108864\nhierarchical_memsw_limit 9223372036854771712";
    let proc = v1(&[("memory/memory.stat", stat), ("memory/memory.usage_in_bytes", "4096")]);
    write(&proc.0.join("groups/pids/above/in/pids.max"), b"max\n");
    let ran = of(&proc);
    let table = format!(
        "\
limits of pid 7
RESOURCE   USE  LIMIT  OF LIMIT  PEAK  NOTES
memory    4.0K    64M               -  limit of a parent group that is not visible from here
cpu          -   none               -  limits of parent groups are not visible from here
pids         -   none               -
{RLIMITS}"
    );
    ran.is(0, &table, "");
    let ran = porthole(["limits", "--proc", proc.path(), "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&json["memory"]["limit"], &json["memory"]["limit_cgroup"]),
        (&json!(67_108_864), &Value::Null)
    );
    // A limit of its own that is just as tight is shown as such.
    write(&proc.0.join("groups/memory/memory.limit_in_bytes"), b"67108864\n");
    let ran = of(&proc);
    assert!(!ran.stdout.contains("limit of a group"), "{}", ran.story());
    // No limit in a parent group either.
    write(&proc.0.join("groups/memory/memory.limit_in_bytes"), b"9223372036854771712\n");
    write(&proc.0.join("groups/memory/memory.stat"), b"hierarchical_memory_limit 9223372036854771712\n");
    let ran = of(&proc);
    assert!(ran.stdout.contains("\nmemory    4.0K   none               -\n"), "{}", ran.story());
    // v2 shows nothing of parent groups, but `cgroup.events` exists in all groups but the root.
    let proc = fabricated(
        "0::/\n",
        V2,
        &[("cgroup.events", "populated 1"), ("memory.max", "max"), ("pids.max", "7")],
    );
    let ran = of(&proc);
    assert_eq!(
        ran.stdout.matches("limits of parent groups are not visible from here").count(),
        2,
        "{}",
        ran.story()
    );
}
