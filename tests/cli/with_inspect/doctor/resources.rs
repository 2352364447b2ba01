//! Resource limits, and how close they are.

use std::fs;
use std::os::unix::fs::symlink;

use super::{IN_ORDER, LISTENING, World};
use crate::support::command::porthole;
use crate::support::processes::Made;

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
        .prints(&[], 0, IN_ORDER);
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

/// Since Linux 6.11 a failed fork is counted in the group whose limit was reached.
#[test]
fn failed_forks_are_reported_with_the_limit_that_caused_them() {
    let world = World::new();
    world.file("groups/app/pids.max", "max\n").file("groups/app/pids.events", "max 3\n");
    world.prints(
        &[],
        1,
        "error: starting a process or thread failed 3 times; no limit is visible here, so that of a parent cgroup was reached\n    \
             seen: @/groups/app/pids.events: max 3\n    \
             Kubernetes: podPidsLimit in the kubelet's configuration: it holds for all containers of the pod; or fewer threads\n    \
             Docker: the limit of the slice (--cgroup-parent) or of the engine's service: TasksMax= of systemd\n\
         pid 1 (server): 1 error",
    );
    let world = World::new();
    world
        .file("1/cgroup", "0::/pod/app\n")
        .file("groups/pod/app/memory.max", "max\n")
        .file("groups/pod/app/pids.max", "1000\n")
        .file("groups/pod/app/pids.current", "5\n")
        .file("groups/pod/app/pids.events", "max 0\n")
        .file("groups/pod/app/pids.events.local", "max 0\n")
        .file("groups/pod/app/cpu.max", "max 100000\n")
        .file("groups/pod/pids.max", "300\n")
        .file("groups/pod/pids.current", "20\n")
        .file("groups/pod/pids.events", "max 7\n")
        .file("groups/pod/pids.events.local", "max 7\n");
    let ran = world.run(&[]);
    let finding = "error: starting a process or thread failed 7 times; the limit is 300\n";
    assert!(ran.stdout.starts_with(finding), "{}", ran.story());
    for source in ["/groups/pod/pids.events.local: max 7\n", "/groups/pod/pids.max: 300\n"] {
        assert!(ran.stdout.contains(source), "{source}{}", ran.story());
    }
}

/// A limit that ends no process slows all of them down.
#[test]
fn memory_high_and_the_limit_of_swap_are_reported_when_reached() {
    let world = World::new();
    world
        .file("groups/app/memory.high", "52428800\n")
        .file("groups/app/memory.events", "low 0\nhigh 1234\nmax 0\noom_kill 0\n")
        .file("groups/app/memory.swap.max", "1048576\n")
        .file("groups/app/memory.swap.current", "1048576\n")
        .file("groups/app/memory.swap.events", "high 0\nmax 9\nfail 9\n");
    world.prints(
        &[],
        0,
        "warning: memory use, 48M, is at memory.high, 50M: the kernel slows the processes down, and kills none\n    \
             seen: @/groups/app/memory.events: high 1234\n    \
             seen: @/groups/app/memory.current: 50000000\n    \
             seen: @/groups/app/memory.high: 52428800\n    \
             Kubernetes: resources.limits.memory: 100Mi (memoryThrottlingFactor of the kubelet sets memory.high)\n    \
             Docker: --memory 100m, and without memory.high (MemoryHigh= of systemd)\n    \
             Application: use less memory: size heap, pools and workers to fit the limit\n\
         warning: 1.0M of at most 1.0M of swap are in use\n    \
             seen: @/groups/app/memory.swap.events: max 9\n    \
             seen: @/groups/app/memory.swap.current: 1048576\n    \
             seen: @/groups/app/memory.swap.max: 1048576\n    \
             Docker: a larger --memory, or --memory-swap so that it exceeds --memory by 2m\n    \
             Kubernetes: resources.limits.memory: more, so that less is swapped\n\
         pid 1 (server): 2 warnings",
    );
    // Page cache is reclaimed at once; a limit that was reached long ago matters no more.
    world.file("groups/app/memory.stat", "anon 1\ninactive_file 20000000\n");
    world.file("groups/app/memory.swap.current", "0\n");
    world.prints(&[], 0, IN_ORDER);
}

#[test]
fn a_frozen_group_is_an_error() {
    let world = World::new();
    let finding = |file: &str, says: &str| {
        format!(
            "error: the control group is frozen: none of its processes runs\n    \
                 seen: @/groups/{file}: {says}\n    \
                 Docker: docker unpause NAME\n    \
                 Kubernetes: on the node, write "
        )
    };
    let starts = |expected: &str| {
        let ran = world.run(&[]);
        let text = ran.stdout.replace(world.proc.path(), "@");
        assert!(text.starts_with(expected) && ran.status == Some(1), "{}", ran.story());
    };
    world.file("groups/app/cgroup.freeze", "1\n");
    starts(&(finding("app/cgroup.freeze", "1") + "0 to that file"));
    // A group above may be frozen that is not visible here.
    world.file("groups/app/cgroup.freeze", "0\n").file("groups/app/cgroup.events", "populated 1\nfrozen 1\n");
    starts(&finding("app/cgroup.events", "frozen 1"));
    world.file("groups/app/cgroup.events", "populated 1\nfrozen 0\n");
    world.prints(&[], 0, IN_ORDER);
    // In v1 its processes are in uninterruptible sleep, which is not reported as another fault.
    let path = world.proc.path().to_owned();
    world.proc.process(1, &Made { name: b"server", ppid: 0, state: 'D', ..Made::default() }, b"/server\0");
    world.file("1/cgroup", "0::/app\n3:freezer:/app\n").file("groups/freezer/app/freezer.state", "FROZEN\n");
    world.file(
        "1/mountinfo",
        format!(
            "1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / {path}/groups ro - cgroup2 cgroup rw\n\
             31 30 0:28 / {path}/groups/freezer ro - cgroup cgroup rw,freezer\n"
        ),
    );
    starts(&(finding("freezer/app/freezer.state", "FROZEN") + "THAWED to that file"));
    assert!(!world.run(&[]).stdout.contains("uninterruptible"));
}

/// Each group throttles for itself; the one whose limit is the lowest need not be the one that does.
#[test]
fn throttling_of_a_parent_group_is_reported() {
    let world = World::new();
    world
        .file("1/cgroup", "0::/pod/app\n")
        .file("groups/pod/app/memory.max", "max\n")
        .file("groups/pod/app/pids.max", "max\n")
        .file("groups/pod/app/cpu.max", "50000 100000\n")
        .file("groups/pod/app/cpu.stat", "usage_usec 1\nnr_periods 1000\nnr_throttled 1\nthrottled_usec 1\n")
        .file("groups/pod/cpu.max", "100000 100000\n")
        .file("groups/pod/cpu.stat", "usage_usec 1\nnr_periods 1000\nnr_throttled 500\nthrottled_usec 1\n");
    let ran = world.run(&[]);
    let finding = "warning: throttled in 50% of its scheduling periods; the limit is 1 CPU\n";
    assert!(
        ran.stdout.starts_with(finding) && ran.stdout.contains("/groups/pod/cpu.stat: "),
        "{}",
        ran.story()
    );
}

/// The limit that is reached first is the one with the least room, not the smallest.
#[test]
fn the_limit_with_the_least_room_counts() {
    let world = World::new();
    world
        .file("1/cgroup", "0::/pod/app\n")
        .file("groups/pod/app/pids.max", "max\n")
        .file("groups/pod/app/cpu.max", "max 100000\n")
        .file("groups/pod/app/memory.max", "50331648\n")
        .file("groups/pod/app/memory.current", "10000000\n")
        .file("groups/pod/app/memory.stat", "inactive_file 0\n")
        .file("groups/pod/memory.max", "67108864\n")
        .file("groups/pod/memory.current", "67000000\n")
        .file("groups/pod/memory.stat", "inactive_file 0\n");
    let ran = world.run(&[]);
    let finding = "warning: 64M of at most 64M of memory are in use\n";
    assert!(ran.stdout.starts_with(finding), "{}", ran.story());
    let ran = porthole(["limits", "--proc", world.proc.path(), "-p", "1", "--json"]).run();
    assert!(ran.stdout.contains("67108864"), "{}", ran.story());
    // In v1 a parent without use_hierarchy does not count what its children use.
    let path = world.proc.path();
    world
        .file("1/cgroup", "4:memory:/pod/app\n0::/pod/app\n")
        .file(
            "1/mountinfo",
            format!(
                "1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / {path}/groups ro - cgroup2 cgroup rw\n\
                 31 30 0:28 / {path}/groups/v1 ro - cgroup cgroup rw,memory\n"
            ),
        )
        .file("groups/v1/pod/app/memory.limit_in_bytes", "50331648\n")
        .file("groups/v1/pod/app/memory.usage_in_bytes", "10000000\n")
        .file("groups/v1/pod/app/memory.stat", "total_inactive_file 0\n")
        .file("groups/v1/pod/memory.use_hierarchy", "0\n")
        .file("groups/v1/pod/memory.limit_in_bytes", "67108864\n")
        .file("groups/v1/pod/memory.usage_in_bytes", "67000000\n")
        .file("groups/v1/pod/memory.stat", "total_inactive_file 0\n");
    world.prints(&[], 0, IN_ORDER);
    let ran = world.file("groups/v1/pod/memory.use_hierarchy", "1\n").run(&[]);
    assert!(ran.stdout.starts_with(finding), "{}", ran.story());
}

/// Who is out of descriptors accepts no connections: the cause comes first.
#[test]
fn descriptors_come_before_the_accept_queue_that_fills_for_their_lack() {
    let world = World::new();
    let waiting = LISTENING.replace("00000000:00000000 00:00000000", "00000000:00000003 00:00000000");
    world.file("1/net/tcp", waiting);
    for fd in 1..9 {
        world.file(&format!("1/fd/{fd}"), "");
    }
    let ran = world.run(&[]);
    let positions =
        ["warning: 9 of at most 10 file descriptors", "warning: 3 connections wait to be accepted"]
            .map(|finding| ran.stdout.find(finding).unwrap_or_else(|| panic!("{finding}{}", ran.story())));
    assert!(positions.is_sorted(), "{}", ran.story());
}
