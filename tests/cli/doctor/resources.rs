//! Limits, and how near they are.

use std::fs;
use std::os::unix::fs::symlink;

use super::World;
use crate::support::command::has_feature;

#[test]
fn resources_and_their_limits() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    world
        .file("groups/app/memory.events", "oom 2\noom_kill 2\n")
        .file("groups/app/memory.current", "67000000\n")
        .file("groups/app/memory.stat", "file 1\ninactive_file 1000\n")
        .file("groups/app/cpu.stat", "nr_periods 1000\nnr_throttled 400\nthrottled_usec 1\n")
        .file("groups/app/pids.events", "max 3\n");
    for fd in 1..9 {
        world.file(&format!("1/fd/{fd}"), "");
    }
    world.says(
        &[],
        1,
        "error: the kernel killed 2 processes here for want of memory: the limit is 64M\n    \
             seen: @/groups/app/memory.events: oom_kill 2\n    \
             seen: @/groups/app/memory.max: 67108864\n    \
             Kubernetes: resources.limits.memory: 128Mi\n    \
             Docker: --memory 128m\n    \
             Application: use less: limit its heap, pools, workers to what the limit allows\n\
         error: a process or thread could not be started, 3 times: no more than 100 may run\n    \
             seen: @/groups/app/pids.events: max 3\n    \
             seen: @/groups/app/pids.max: 100\n    \
             Docker: --pids-limit 200\n    \
             Kubernetes: podPidsLimit: 200 of the kubelet, or fewer threads\n\
         warning: 64M of memory are in use, of 64M that may be\n    \
             seen: @/groups/app/memory.current: 67000000\n    \
             seen: @/groups/app/memory.max: 67108864\n    \
             Kubernetes: resources.limits.memory: 128Mi\n    \
             Docker: --memory 128m\n\
         warning: it is throttled in 40% of the time that it runs: the limit is 0.5 of a CPU\n    \
             seen: @/groups/app/cpu.stat: nr_throttled 400 of nr_periods 1000\n    \
             seen: @/groups/app/cpu.max: quota and period come to 0.5 of a CPU\n    \
             Kubernetes: resources.limits.cpu: \"1\"\n    \
             Docker: --cpus 1\n    \
             Application: use as many threads as it has CPUs, not as the machine has: GOMAXPROCS, -XX:ActiveProcessorCount\n\
         warning: 9 files are open, of 10 that may be: few more connections can be taken\n    \
             seen: @/1/fd: 9 entries\n    \
             seen: @/1/limits: Max open files 10\n    \
             Docker: --ulimit nofile=20:4096\n    \
             Application: close what is not used (porthole lsof shows it), or raise the limit with setrlimit(2), up to 4096\n\
         pid 1 (server): 2 errors, 3 warnings",
    );
    // What is at its hard limit cannot raise it.
    let limits = "Max open files            10                   10                   files     \n";
    let ran = world.file("1/limits", limits).run(&[]);
    for line in [
        "    Docker: --ulimit nofile=20:20\n",
        "    Kubernetes: no field of a pod sets it: LimitNOFILE of the container runtime's service on the node\n",
        "    Application: close what is not used (porthole lsof shows it)\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
    // Without a limit of its own it was the machine that had none left.
    let world = World::new();
    let ran = world
        .file("groups/app/memory.events", "oom_kill 1\n")
        .file("groups/app/memory.max", "max\n")
        .run(&[]);
    let first = "error: the kernel killed a process here for want of memory: no limit is to be seen here, so it was that of a group above or of the machine\n";
    assert!(ran.stdout.starts_with(first), "{}", ran.story());
}

/// What is in the page cache is no reason to kill anything, unless it is shared memory or a tmpfs, which is in it too.
#[test]
fn memory_that_is_given_up_first() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    world.file("groups/app/memory.current", "67000000\n");
    world
        .file(
            "groups/app/memory.stat",
            "anon 1\nfile 60000000\nactive_file 10000000\ninactive_file 50000000\n",
        )
        .says(&[], 0, "in order: pid 1 (server): nothing stands out");
    let ran = world
        .file("groups/app/memory.stat", "anon 1\nfile 60000000\nshmem 60000000\ninactive_file 0\n")
        .run(&[]);
    assert!(
        ran.stdout.starts_with("warning: 64M of memory are in use, of 64M that may be\n"),
        "{}",
        ran.story()
    );
}

/// To look takes no process where none can be started: that would be counted as one that was refused.
#[test]
fn as_many_processes_as_may_run() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let ran = world.file("groups/app/pids.current", "100\n").run(&["--expect-file", "/none"]);
    assert!(
        ran.stdout.contains("warning: 100 processes and threads run, of 100 that may\n"),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.contains("cannot read /none\n"), "{}", ran.story());
    let line =
        "not looked at: free space: as many processes run as may, and to ask a file system takes one more\n";
    assert!(ran.stderr.contains(line), "{}", ran.story());
}

/// We are in its group for as long as we look, and do not count.
#[test]
fn processes_without_our_own() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let path = world.proc.path();
    fs::remove_file(format!("{path}/self")).unwrap();
    symlink("7", format!("{path}/self")).unwrap();
    world.file("7/mountinfo", fs::read(format!("{path}/1/mountinfo")).unwrap());
    world.file("7/task/7/stat", "").file("7/task/8/stat", "");
    world.file("groups/app/pids.max", "10\n").file("groups/app/pids.current", "10\n");
    let says = |ours: &str, what: &str| {
        let ran = world.file("7/cgroup", ours).run(&[]);
        let is_said = if what.is_empty() {
            !ran.stdout.contains("processes and threads")
        } else {
            ran.stdout.contains(what)
        };
        assert!(is_said, "{ours}{}", ran.story());
    };
    says("0::/app\n", "");
    says("0::/app/below\n", "");
    says("0::/application\n", "warning: 10 processes and threads run, of 10 that may\n");
    world.file("groups/app/pids.max", "20\n").file("groups/app/pids.current", "20\n");
    let what = "warning: 18 processes and threads run, of 20 that may\n    seen: ";
    says("0::/app\n", what);
    says("0::/app\n", "/pids.current: 20, porthole's own among them\n");
}
