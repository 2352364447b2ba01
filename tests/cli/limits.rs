//! `porthole limits`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, has_feature, output, porthole};
use crate::support::elsewhere::{Proc, write};
use crate::support::skip::{is_root, skip};

const STATUS: &[u8] =
    b"Name:\tx\nUid:\t70001\t0\t0\t0\nVmSize:\t1024 kB\nVmLck:\t8 kB\nSigQ:\t3/4\nThreads:\t3\n";
const LIMITS: &[u8] = b"Limit                     Soft Limit           Hard Limit           Units     \n\
    Max cpu time              60                   unlimited            seconds   \n\
    Max stack size            8388608              unlimited            bytes     \n\
    Max processes             3                    96365                processes \n\
    Max open files            10                   4096                 files     \n\
    Max address space         1048576000           unlimited            bytes     \n\
    Max pending signals       4                    4                    signals   \n\
    Max nice priority         0                    0                    \n";
const RLIMITS: &str = "
RLIMIT            USE   SOFT   HARD  OF SOFT
cpu time            -   60 s   none
stack size          -   8.0M   none
processes           3      3  96365  [##########] 100% !
open files          0     10   4096  [----------] 0%
address space    1.0M  1000M   none  [----------] 0%
pending signals     3      4      4  [#######---] 75%
nice priority       -      0      0";

/// A proc tree with control groups below a folder `groups` beside it.
fn made_up(cgroup: &str, mounts: &str, files: &[(&str, &str)]) -> Proc {
    let proc = Proc::new(&[("cgroup", cgroup.as_bytes()), ("limits", LIMITS), ("status", STATUS)]);
    let groups = proc.0.join("groups");
    write(&proc.0.join("7/mountinfo"), mounts.replace('@', groups.to_str().unwrap()).as_bytes());
    for (name, content) in files {
        write(&groups.join(name), format!("{content}\n").as_bytes());
    }
    proc
}

const V2: &str = "1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / @ ro - cgroup2 cgroup rw,nsdelegate\n";

fn v2() -> Proc {
    made_up(
        "0::/pod/app\n",
        V2,
        &[
            ("cgroup.controllers", "cpu memory pids"),
            ("memory.stat", "file 1"),
            ("cpu.stat", "usage_usec 9"),
            ("pod/memory.max", "536870912"),
            ("pod/memory.current", "500000000"),
            ("pod/cpu.max", "max 100000"),
            ("pod/pids.max", "max"),
            ("pod/app/memory.max", "1073741824"),
            ("pod/app/memory.current", "104857600"),
            ("pod/app/memory.peak", "209715200"),
            ("pod/app/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0"),
            ("pod/app/memory.stat", "anon 5\nfile 52428800\nfile_mapped 7"),
            ("pod/app/cpu.max", "50000 100000"),
            (
                "pod/app/cpu.stat",
                "usage_usec 4500000\nuser_usec 1\nnr_periods 200\nnr_throttled 50\nthrottled_usec 1500000",
            ),
            ("pod/app/pids.max", "20"),
            ("pod/app/pids.current", "20"),
            ("pod/app/pids.peak", "20"),
            ("pod/app/pids.events", "max 1"),
        ],
    )
}

#[test]
fn version_2() {
    if !has_feature("inspect") {
        return;
    }
    let proc = v2();
    let table = format!(
        "\
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
        json!({"cgroup_version": 2, "cgroup": "/pod/app", "limit_millicores": 500, "limit_cgroup": "/pod/app",
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
    assert_eq!((json["rlimits"].as_array().unwrap().len(), json.get("errors")), (7, None));
}

/// In a container the own group is what is mounted, whatever it is called outside.
#[test]
fn a_container_of_version_1() {
    if !has_feature("inspect") {
        return;
    }
    let id = "/docker/0123";
    let proc = made_up(
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
RESOURCE   USE    LIMIT  OF LIMIT          PEAK  NOTES
memory    196K     977K  [###-------] 30%  245K  2 OOM kills; limit of /docker/0123, which uses 293K; 4.0K of page cache
cpu        3 s  1.5 CPU                       -  throttled in 1 of 100 periods (1%), 2 s
pids         5     none                       -  limits of parent groups are not visible from here
{RLIMITS}"
    );
    porthole(["limits", "--proc", proc.path()]).run().is(0, &table, "");
}

/// v1 for some controllers and v2 for the others, as systemd calls it.
#[test]
fn a_hybrid() {
    if !has_feature("inspect") {
        return;
    }
    let proc = made_up(
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
RESOURCE   USE  LIMIT  OF LIMIT             PEAK  NOTES
memory    4.0K   4.0K  [##########] 100% !     -
cpu       1 ms   none                          -
pids         1      7  [#---------] 14%        -
{RLIMITS}"
    );
    porthole(["limits", "--proc", proc.path()]).run().is(0, &table, "");
}

#[test]
fn what_cannot_be_had_is_said() {
    if !has_feature("inspect") {
        return;
    }
    let unknown = format!(
        "\
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
        let proc = made_up(cgroup, mounts, &[("x", "")]);
        let groups = proc.0.join("groups");
        let said = format!("porthole: limits: {}", why.replace('@', groups.to_str().unwrap()));
        porthole(["limits", "--proc", proc.path()]).run().is(1, &unknown, &said);
    }
    let proc = made_up("\n", root, &[]);
    let said = ["memory", "cpu", "pids"]
        .map(|name| format!("porthole: limits: no cgroup of the process has the controller {name}"));
    porthole(["limits", "--proc", proc.path()]).run().is(1, &unknown, &said.join("\n"));
}

/// Garbage is no number, and neither is it no limit.
#[test]
fn garbage_is_said() {
    if !has_feature("inspect") {
        return;
    }
    let huge = "99999999999999999999999";
    let proc = made_up(
        "0::/a\n",
        V2,
        &[("a/memory.max", "\x1b[2Jx"), ("a/cpu.max", "1 0"), ("a/pids.max", huge), ("a/pids.current", "3")],
    );
    let table = format!(
        "\
RESOURCE  USE  LIMIT  OF LIMIT  PEAK  NOTES
memory      ?      ?               ?
cpu         ?      ?               -
pids        3      ?               ?
{RLIMITS}"
    );
    let said = |files: &[(&str, &str)]| {
        let line = |(file, text)| {
            format!("porthole: limits: {}/groups/a/{file}: not a number: '{text}'", proc.path())
        };
        files.iter().copied().map(line).collect::<Vec<_>>().join("\n")
    };
    let all = said(&[("memory.max", r"\x1b[2Jx"), ("cpu.max", "1 0"), ("pids.max", huge)]);
    porthole(["limits", "--proc", proc.path()]).run().is(1, &table, &all);
    for (file, text) in
        [("memory.max", "max"), ("memory.current", "-5"), ("cpu.max", "max 1"), ("pids.max", "max")]
    {
        write(&proc.0.join("groups/a").join(file), text.as_bytes());
    }
    let ran = porthole(["limits", "--proc", proc.path(), "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.status, ran.stderr.trim_end()), (Some(1), said(&[("memory.current", "-5")]).as_str()));
    assert_eq!((&json["memory"]["use"], &json["memory"]["limit"]), (&Value::Null, &Value::Null));
}

/// A container of which a group above has a limit: v1 has that of memory in a file of the container's own.
#[test]
fn limits_of_groups_that_are_not_mounted() {
    if !has_feature("inspect") {
        return;
    }
    let v1 = |limits: &[(&str, &str)]| {
        made_up(
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
    // Its own that is as tight is its own.
    write(&proc.0.join("groups/memory/memory.limit_in_bytes"), b"67108864\n");
    let ran = of(&proc);
    assert!(!ran.stdout.contains("limit of a group"), "{}", ran.story());
    // None above either.
    write(&proc.0.join("groups/memory/memory.limit_in_bytes"), b"9223372036854771712\n");
    write(&proc.0.join("groups/memory/memory.stat"), b"hierarchical_memory_limit 9223372036854771712\n");
    let ran = of(&proc);
    assert!(ran.stdout.contains("\nmemory    4.0K   none               -\n"), "{}", ran.story());
    // v2 says nothing of groups above, and has a file in all but the root.
    let proc =
        made_up("0::/\n", V2, &[("cgroup.events", "populated 1"), ("memory.max", "max"), ("pids.max", "7")]);
    let ran = of(&proc);
    assert_eq!(
        ran.stdout.matches("limits of parent groups are not visible from here").count(),
        2,
        "{}",
        ran.story()
    );
}

#[test]
fn the_rlimits_of_another_process_are_those_of_prlimit() {
    if !has_feature("inspect") {
        return;
    }
    let mut child = Command::new("prlimit")
        .args(["--nofile=100:200", "--nproc=5000", "--stack=unlimited:unlimited", "sleep", "600"])
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let name = format!("/proc/{pid}/comm");
    while fs::read_to_string(&name).unwrap() != "sleep\n" {
        std::thread::yield_now();
    }
    let ran = porthole(["limits", "-p", &pid, "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let prlimit = output(Command::new("prlimit").args([
        "-p",
        &pid,
        "--raw",
        "--noheadings",
        "-o",
        "RESOURCE,SOFT,HARD",
    ]));
    let names = [
        ("AS", "address space"),
        ("CORE", "core file size"),
        ("CPU", "cpu time"),
        ("DATA", "data size"),
        ("FSIZE", "file size"),
        ("LOCKS", "file locks"),
        ("MEMLOCK", "locked memory"),
        ("MSGQUEUE", "msgqueue size"),
        ("NICE", "nice priority"),
        ("NOFILE", "open files"),
        ("NPROC", "processes"),
        ("RSS", "resident set"),
        ("RTPRIO", "realtime priority"),
        ("RTTIME", "realtime timeout"),
        ("SIGPENDING", "pending signals"),
        ("STACK", "stack size"),
    ];
    let found = json["rlimits"].as_array().unwrap();
    let of = |name: &str| found.iter().find(|limit| limit["name"] == json!(name)).unwrap();
    assert_eq!((found.len(), prlimit.stdout.lines().count()), (16, 16), "{}", prlimit.story());
    for line in prlimit.stdout.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let limit = of(names.iter().find(|(name, _)| *name == fields[0]).unwrap().1);
        assert_eq!([&limit["soft"], &limit["hard"]], [&number(fields[1]), &number(fields[2])], "{line}");
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!(of("open files")["use"], json!(open));
    assert!(of("processes")["use"].as_u64().unwrap() > 1);
    // Of a process of another user all but its open files.
    if let Some(folder) = for_other_users() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(folder.join("porthole"));
        let ran = output(command.args(["limits", "-p", &pid]));
        let why =
            format!("porthole: limits: /proc/{pid}/fd: permission denied: its uid is 0, ours is 65532: ");
        assert!(ran.status == Some(1) && ran.stderr.contains(&why), "{}", ran.story());
        let row = ran.stdout.lines().find(|line| line.starts_with("open files")).unwrap().to_owned();
        assert_eq!(row.split_ascii_whitespace().collect::<Vec<_>>(), ["open", "files", "?", "100", "200"]);
        fs::remove_dir_all(folder).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    porthole(["limits", "-p", &pid]).refused(&format!("limits: pid {pid}: no such process"));
}

fn number(text: &str) -> Value {
    text.parse::<u64>().map_or(Value::Null, Value::from)
}

/// A group of our own, and processes in it; both end with it.
struct Group {
    path: PathBuf,
    children: Vec<Child>,
}

impl Group {
    /// Below the root of the hierarchy of this controller; nothing, said aloud, where none can be made.
    fn new(controller: &str) -> Option<(Self, bool)> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let found = mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let of_v1 = fields[2] == "cgroup" && fields[3].split(',').any(|option| option == controller);
            let of_v2 = fields[2] == "cgroup2"
                && fs::read_to_string(Path::new(fields[1]).join("cgroup.subtree_control"))
                    .is_ok_and(|text| text.split_ascii_whitespace().any(|name| name == controller));
            (of_v1 || of_v2).then(|| (PathBuf::from(fields[1]), of_v2))
        });
        let name = crate::support::server::folder();
        fs::remove_dir(&name).unwrap();
        let Some((root, v2)) = found.filter(|_| is_root()) else {
            skip(&format!("only root can make a cgroup, where {controller} is mounted"));
            return None;
        };
        let path = root.join(name.file_name().unwrap());
        if fs::create_dir(&path).is_err() {
            skip("no cgroup can be made here");
            return None;
        }
        Some((Group { path, children: Vec::new() }, v2))
    }

    fn set(&self, file: &str, value: &str) {
        fs::write(self.path.join(file), value).unwrap();
    }

    fn get(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap().trim().to_owned()
    }

    /// Starts a script in the group below.
    fn start(&mut self, below: &str, script: &str) -> u32 {
        let procs = self.path.join(below).join("cgroup.procs");
        let script = format!("echo $$ >{} && {script}", procs.display());
        let child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        self.children.push(child);
        pid
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < Duration::from_secs(30), "not yet: {what}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What a child has started ends a moment later.
        let start = Instant::now();
        for folder in [self.path.join("in"), self.path.clone()] {
            while folder.exists()
                && fs::remove_dir(&folder).is_err()
                && start.elapsed() < Duration::from_secs(10)
            {
                std::thread::yield_now();
            }
        }
    }
}

fn limits_of(pid: u32, resource: &str) -> Value {
    let ran = porthole(["limits", "-p", &pid.to_string(), "--json"]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}\n{}", ran.story()));
    assert!(json[resource].is_object(), "{}", ran.story());
    json[resource].clone()
}

#[test]
fn a_limit_of_processes_is_reached() {
    if !has_feature("inspect") {
        return;
    }
    let Some((mut group, v2)) = Group::new("pids") else { return };
    fs::create_dir(group.path.join("in")).unwrap();
    group.set("pids.max", "2");
    let pid = group.start("in", "exec sleep 600");
    group.until("it is in the group", |group| group.get("pids.current") == "1");
    let second = group.start("in", "exec sleep 600");
    group.until("they are two", |group| group.get("pids.current") == "2");
    let found = limits_of(pid, "pids");
    let name = group.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(found["cgroup_version"], json!(if v2 { 2 } else { 1 }));
    assert!(found["cgroup"].as_str().unwrap().ends_with(&format!("/{name}/in")), "{found}");
    assert!(found["limit_cgroup"].as_str().unwrap().ends_with(&format!("/{name}")), "{found}");
    assert_eq!([&found["limit"], &found["limit_cgroup_use"], &found["use"]], [&json!(2); 3]);
    let ran = porthole(["limits", "-p", &second.to_string()]).run();
    let row = ran.stdout.lines().find(|line| line.starts_with("pids")).unwrap();
    assert!(row.contains(" [##########] 100% ! "), "{}", ran.story());
}

/// From one container into another: neither cgroup is below the other's root, and each has mounted its own alone.
#[test]
fn a_group_of_another_cgroup_namespace() {
    if !has_feature("inspect") {
        return;
    }
    let Some((mut theirs, v2)) = Group::new("pids") else { return };
    let Some((mut ours, _)) = Group::new("pids") else { return };
    theirs.set("pids.max", "70");
    ours.set("pids.max", "90");
    let folder = crate::support::server::folder();
    let point = folder.join("groups");
    fs::create_dir(&point).unwrap();
    let kind = if v2 { "cgroup2" } else { "cgroup -o pids" };
    let inside = |then: &str| {
        let mount = format!("mount -t {kind} none {} && {then}", point.display());
        format!("exec unshare --cgroup --mount sh -c '{mount}'")
    };
    let (ready, answer) = (folder.join("ready"), folder.join("answer"));
    let pid = theirs.start("", &inside(&format!(": >{} && exec sleep 600", ready.display())));
    theirs.until("it has its namespaces", |_| ready.exists());
    let look = format!("{} limits --json -p {pid} >{}; :", binary(), answer.display());
    ours.start("", &inside(&look));
    assert!(ours.children[0].wait().unwrap().success());
    let json: Value = serde_json::from_slice(&fs::read(&answer).unwrap()).unwrap();
    let found = &json["pids"];
    let name = format!("/../{}", theirs.path.file_name().unwrap().to_str().unwrap());
    assert_eq!([&found["limit"], &found["limit_cgroup"]], [&json!(70), &json!(name)], "{json}");
    assert_eq!(found["use"], number(&theirs.get("pids.current")));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_limit_of_memory_and_its_kills() {
    if !has_feature("inspect") {
        return;
    }
    let Some((mut group, v2)) = Group::new("memory") else { return };
    let (limit, used) = if v2 {
        ("memory.max", "memory.current")
    } else {
        ("memory.limit_in_bytes", "memory.usage_in_bytes")
    };
    group.set(limit, "16777216");
    // Where there is swap, it would be used first.
    for (file, most) in [("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", "16777216")] {
        let _ = fs::write(group.path.join(file), most);
    }
    // tail keeps what it reads, as there is no newline in it.
    group.start("", "exec tail /dev/zero");
    let killed = group.children[0].wait().unwrap();
    assert!(!killed.success());
    let pid = group.start("", "exec sleep 600");
    let comm = format!("/proc/{pid}/comm");
    group.until("it has begun", |_| fs::read_to_string(&comm).unwrap() == "sleep\n");
    let found = limits_of(pid, "memory");
    assert_eq!([&found["limit"], &found["oom_kills"]], [&json!(16_777_216), &json!(1)], "{found}");
    // It changes for a moment yet.
    group.until("it uses what the kernel says", |group| {
        limits_of(pid, "memory")["use"] == number(&group.get(used))
    });
    let peak = if v2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
    assert_eq!(found["peak"], number(&group.get(peak)));
    let ran = porthole(["limits", "-p", &pid.to_string()]).run();
    let row = ran.stdout.lines().find(|line| line.starts_with("memory")).unwrap();
    assert!(row.contains(" 16M  [") && row.contains("  1 OOM kill; "), "{}", ran.story());
}

#[test]
fn a_limit_of_the_cpu_and_its_waiting() {
    if !has_feature("inspect") {
        return;
    }
    let Some((mut group, v2)) = Group::new("cpu") else { return };
    if v2 {
        group.set("cpu.max", "5000 50000");
    } else {
        group.set("cpu.cfs_period_us", "50000");
        group.set("cpu.cfs_quota_us", "5000");
    }
    let pid = group.start("", "while :; do :; done");
    group.until("it was throttled", |group| !group.get("cpu.stat").contains("nr_throttled 0"));
    let found = limits_of(pid, "cpu");
    assert_eq!(found["limit_millicores"], json!(100));
    assert!(found["periods"].as_u64().unwrap() >= found["throttled_periods"].as_u64().unwrap());
    assert!(found["throttled_periods"].as_u64().unwrap() >= 1, "{found}");
}
