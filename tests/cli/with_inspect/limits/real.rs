//! Limits of real processes and control groups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::number;
use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::skip::{is_root, skip};

#[test]
fn the_rlimits_of_another_process_are_those_of_prlimit() {
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
    // For a process of another user, all but the number of open files.
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

/// A control group and the processes in it; both are removed when it is dropped.
struct Group {
    path: PathBuf,
    children: Vec<Child>,
}

impl Group {
    /// Creates it below the root of this controller's hierarchy, and returns whether that is v2;
    /// skips and returns `None` if it cannot.
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
            skip(&format!("only root can create a cgroup, and only if {controller} is mounted"));
            return None;
        };
        let path = root.join(name.file_name().unwrap());
        if fs::create_dir(&path).is_err() {
            skip("cannot create a cgroup here");
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

    /// Starts a shell script in the group `below` this one.
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
        // Processes that a child has started end a moment later.
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
fn a_reached_limit_of_a_parent_group_is_shown() {
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

/// From one container into another: neither cgroup is below the other's root, and each container
/// has mounted only its own.
#[test]
fn a_group_of_another_cgroup_namespace_is_found() {
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
fn a_memory_limit_and_its_oom_kills_are_shown() {
    let Some((mut group, v2)) = Group::new("memory") else { return };
    let (limit, used) = if v2 {
        ("memory.max", "memory.current")
    } else {
        ("memory.limit_in_bytes", "memory.usage_in_bytes")
    };
    group.set(limit, "16777216");
    // Swap, if any, would be used first.
    for (file, most) in [("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", "16777216")] {
        let _ = fs::write(group.path.join(file), most);
    }
    // tail(1) keeps all its input in memory, because it contains no newline.
    group.start("", "exec tail /dev/zero");
    let killed = group.children[0].wait().unwrap();
    assert!(!killed.success());
    let pid = group.start("", "exec sleep 600");
    let comm = format!("/proc/{pid}/comm");
    group.until("it has begun", |_| fs::read_to_string(&comm).unwrap() == "sleep\n");
    let found = limits_of(pid, "memory");
    assert_eq!([&found["limit"], &found["oom_kills"]], [&json!(16_777_216), &json!(1)], "{found}");
    // The usage still changes for a moment.
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
fn a_cpu_limit_and_its_throttling_are_shown() {
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
    assert_eq!(found["limit"], json!(0.1));
    assert!(found["periods"].as_u64().unwrap() >= found["throttled_periods"].as_u64().unwrap());
    assert!(found["throttled_periods"].as_u64().unwrap() >= 1, "{found}");
}
