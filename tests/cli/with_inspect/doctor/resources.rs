//! Resource limits, and how close they are.

use std::fs;
use std::os::unix::fs::symlink;

use super::World;

#[test]
fn limits_that_were_hit_or_are_close_are_reported() {
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
    world.prints(
        &[],
        1,
        "error: the kernel killed 2 processes for lack of memory: the limit is 64M\n    \
             seen: @/groups/app/memory.events: oom_kill 2\n    \
             seen: @/groups/app/memory.max: 67108864\n    \
             Kubernetes: resources.limits.memory: 128Mi\n    \
             Docker: --memory 128m\n    \
             Application: use less memory: size heap, pools and workers to fit the limit\n\
         error: starting a process or thread failed 3 times; the limit is 100\n    \
             seen: @/groups/app/pids.events: max 3\n    \
             seen: @/groups/app/pids.max: 100\n    \
             Docker: --pids-limit 200\n    \
             Kubernetes: podPidsLimit: 200 in the kubelet's configuration, or fewer threads\n\
         warning: 64M of at most 64M of memory are in use\n    \
             seen: @/groups/app/memory.current: 67000000\n    \
             seen: @/groups/app/memory.max: 67108864\n    \
             Kubernetes: resources.limits.memory: 128Mi\n    \
             Docker: --memory 128m\n\
         warning: throttled in 40% of its scheduling periods; the limit is 0.5 CPU\n    \
             seen: @/groups/app/cpu.stat: nr_throttled 400 of nr_periods 1000\n    \
             seen: @/groups/app/cpu.max: quota / period = 0.5 CPU\n    \
             Kubernetes: resources.limits.cpu: \"1\"\n    \
             Docker: --cpus 1\n    \
             Application: size thread pools by the CPU limit, not by the machine: GOMAXPROCS, -XX:ActiveProcessorCount\n\
         warning: 9 of at most 10 file descriptors are open: few more connections can be accepted\n    \
             seen: @/1/fd: 9 entries\n    \
             seen: @/1/limits: Max open files 10\n    \
             Docker: --ulimit nofile=20:4096\n    \
             Application: close unused descriptors (porthole lsof lists them), or raise the limit with setrlimit(2), up to 4096\n\
         pid 1 (server): 2 errors, 3 warnings",
    );
    // A soft limit that equals the hard limit cannot be raised.
    let limits = "Max open files            10                   10                   files     \n";
    let ran = world.file("1/limits", limits).run(&[]);
    for line in [
        "    Docker: --ulimit nofile=20:20\n",
        "    Kubernetes: no pod field sets it: set LimitNOFILE of the container runtime's service on the node\n",
        "    Application: close unused descriptors (porthole lsof lists them)\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
    // Without a memory limit of its own, a parent cgroup or the machine ran out.
    let world = World::new();
    let ran = world
        .file("groups/app/memory.events", "oom_kill 1\n")
        .file("groups/app/memory.max", "max\n")
        .run(&[]);
    let first = "error: the kernel killed a process for lack of memory: no limit is visible here, so a parent cgroup or the machine ran out of memory\n";
    assert!(ran.stdout.starts_with(first), "{}", ran.story());
}

/// The page cache can be reclaimed, so it does not count; shared memory and tmpfs are part of it,
/// but cannot be reclaimed.
#[test]
fn reclaimable_page_cache_is_not_counted() {
    let world = World::new();
    world.file("groups/app/memory.current", "67000000\n");
    world
        .file(
            "groups/app/memory.stat",
            "anon 1\nfile 60000000\nactive_file 10000000\ninactive_file 50000000\n",
        )
        .prints(&[], 0, "in order: pid 1 (server): nothing stands out");
    let ran = world
        .file("groups/app/memory.stat", "anon 1\nfile 60000000\nshmem 60000000\ninactive_file 0\n")
        .run(&[]);
    assert!(ran.stdout.starts_with("warning: 64M of at most 64M of memory are in use\n"), "{}", ran.story());
}

/// At the pids limit, porthole starts no thread: the failure would be counted as the application's.
#[test]
fn at_the_pids_limit_no_thread_is_started() {
    let world = World::new();
    let ran = world.file("groups/app/pids.current", "100\n").run(&["--expect-file", "/none"]);
    assert!(
        ran.stdout.contains("warning: 100 of at most 100 processes and threads are running\n"),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.contains("cannot read /none\n"), "{}", ran.story());
    let line = "not checked: free space: the pids limit is reached, and querying a file system takes one more thread\n";
    assert!(ran.stderr.contains(line), "{}", ran.story());
}

/// porthole's own threads are in the cgroup while it runs, and are not counted.
#[test]
fn the_threads_of_porthole_are_not_counted() {
    let world = World::new();
    let path = world.proc.path();
    fs::remove_file(format!("{path}/self")).unwrap();
    symlink("7", format!("{path}/self")).unwrap();
    world.file("7/mountinfo", fs::read(format!("{path}/1/mountinfo")).unwrap());
    world.file("7/task/7/stat", "").file("7/task/8/stat", "");
    world.file("groups/app/pids.max", "10\n").file("groups/app/pids.current", "10\n");
    let prints = |ours: &str, finding: &str| {
        let ran = world.file("7/cgroup", ours).run(&[]);
        let holds = if finding.is_empty() {
            !ran.stdout.contains("processes and threads")
        } else {
            ran.stdout.contains(finding)
        };
        assert!(holds, "{ours}{}", ran.story());
    };
    prints("0::/app\n", "");
    prints("0::/app/below\n", "");
    prints("0::/application\n", "warning: 10 of at most 10 processes and threads are running\n");
    world.file("groups/app/pids.max", "20\n").file("groups/app/pids.current", "20\n");
    let finding = "warning: 18 of at most 20 processes and threads are running\n    seen: ";
    prints("0::/app\n", finding);
    prints("0::/app\n", "/pids.current: 20, including porthole's own\n");
}
