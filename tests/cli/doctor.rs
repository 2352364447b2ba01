//! `porthole doctor`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::{Ran, for_other_users, has_feature, output, porthole, until};
use crate::support::elsewhere::Elsewhere;
use crate::support::network::in_own_network;
use crate::support::processes::{Made, Proc, Sleeper};
use crate::support::server::folder;

/// A process that has what it should, in a container that has nothing to spare.
const STATUS: &str = "Name:\tserver\nUid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nGroups:\t\n\
    NSpid:\t1\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\nSigBlk:\t0\nSigIgn:\t0\n\
    SigCgt:\t0000000000004000\n";
const LISTENING: &str = "  sl  local_address\n\
    0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532 0 100 1 0 100 0\n";
const ONLY_LO: &str = "Inter-|\n face |\n    lo: 0 0\n";
const WITH_ETH0: &str = "Inter-|\n face |\n    lo: 0 0\n  eth0: 0 0\n";

/// A made-up proc with one process, its root directory and its control groups.
struct World {
    proc: Proc,
}

impl World {
    fn new() -> Self {
        let proc = Proc::new();
        let world = World { proc };
        let path = world.proc.path().to_owned();
        fs::create_dir_all(format!("{path}/root/tmp")).unwrap();
        symlink("1", format!("{path}/self")).unwrap();
        fs::create_dir(format!("{path}/1")).unwrap();
        symlink("../root", format!("{path}/1/root")).unwrap();
        let mounts =
            format!("1 0 0:1 / / rw - overlay o rw\n30 1 0:27 / {path}/groups ro - cgroup2 cgroup rw\n");
        let made = Made { name: b"server", ppid: 0, ..Made::default() };
        world
            .file("1/fd/0", "")
            .file("1/status", STATUS)
            .file("1/mountinfo", mounts)
            .file("1/cgroup", "0::/app\n")
            .file("1/net/tcp", LISTENING)
            .file("1/net/dev", ONLY_LO)
            .file(
                "1/limits",
                "Max open files            10                   4096                 files     \n",
            )
            .file("groups/cgroup.controllers", "cpu memory pids\n")
            .file("groups/app/memory.max", "67108864\n")
            .file("groups/app/memory.current", "50000000\n")
            .file("groups/app/memory.stat", "anon 1\nfile 10000000\n")
            .file("groups/app/memory.events", "oom 0\noom_kill 0\n")
            .file("groups/app/cpu.max", "50000 100000\n")
            .file("groups/app/cpu.stat", "usage_usec 1\nnr_periods 1000\nnr_throttled 10\nthrottled_usec 1\n")
            .file("groups/app/pids.max", "100\n")
            .file("groups/app/pids.current", "5\n")
            .file("groups/app/pids.events", "max 0\n");
        world.proc.process(1, &made, b"/server\0");
        world
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        self.proc.file(path, content);
        self
    }

    /// What is said of it, with `@` for where it is.
    #[track_caller]
    fn says(&self, words: &[&str], status: i32, stdout: &str) {
        let ran = self.run(words);
        let text = ran.stdout.replace(self.proc.path(), "@");
        assert_eq!(
            (ran.status, text.trim_end(), ran.stderr.as_str()),
            (Some(status), stdout, ""),
            "{}",
            ran.story()
        );
    }

    fn run(&self, words: &[&str]) -> Ran {
        porthole([&["doctor", "--proc", self.proc.path()], words].concat()).run()
    }
}

#[test]
fn what_is_in_order_is_one_line() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let in_order = "in order: pid 1 (server): nothing stands out";
    world.says(&[], 0, in_order);
    world.says(&["-p", "1"], 0, in_order);
    world.file("root/etc/app.yaml", "").says(
        &["--expect-port", "8080", "--expect-file", "/etc/app.yaml"],
        0,
        in_order,
    );
    world.says(&["--json"], 0, r#"{"pid": 1, "process": "server", "findings": []}"#);
}

#[test]
fn the_first_process_and_its_signals() {
    if !has_feature("inspect") {
        return;
    }
    let signals = |caught: &str, ignored: &str, blocked: &str| {
        STATUS
            .replace("SigCgt:\t0000000000004000", &format!("SigCgt:\t{caught}"))
            .replace("SigIgn:\t0", &format!("SigIgn:\t{ignored}"))
            .replace("SigBlk:\t0", &format!("SigBlk:\t{blocked}"))
    };
    let world = World::new();
    world.file("1/status", signals("0", "4000", "0")).says(
        &[],
        0,
        "warning: pid 1 (server) ignores SIGTERM, so that it is killed once the grace period is over\n    \
             seen: @/1/status: SigIgn: 0000000000004000 has SIGTERM\n    \
             Application: handle SIGTERM: stop taking requests, finish those there are, exit\n\
         pid 1 (server): 1 warning",
    );
    world.file("1/status", signals("0", "0", "0")).says(
        &[],
        0,
        "warning: pid 1 (server) has no handler for SIGTERM, which the kernel does not deliver to the first process without one, so that it is killed once the grace period is over\n    \
             seen: @/1/status: SigCgt: 0000000000000000 and SigIgn: 0000000000000000 lack SIGTERM\n    \
             Application: handle SIGTERM: stop taking requests, finish those there are, exit\n    \
             Docker: --init (in Compose: init: true)\n    \
             Kubernetes: shareProcessNamespace: true, so that the application is not the first process\n\
         pid 1 (server): 1 warning",
    );
    let ran = world.file("1/status", signals("2", "0", "0")).run(&[]);
    assert!(
        ran.stdout.contains("    Docker: STOPSIGNAL SIGINT in the Dockerfile or --stop-signal SIGINT"),
        "{}",
        ran.story()
    );
    // It may wait for it by sigwait(3).
    let in_order = "in order: pid 1 (server): nothing stands out";
    world.file("1/status", signals("0", "0", "4000")).says(&[], 0, in_order);
    world.file("1/status", signals("0", "0", "0")).file("1/wchan", "do_sigtimedwait").says(&[], 0, in_order);
    fs::remove_file(format!("{}/1/wchan", world.proc.path())).unwrap();
    // Any other process is ended by it.
    world.file("1/status", signals("0", "0", "0").replace("NSpid:\t1", "NSpid:\t77\t7")).says(
        &[],
        0,
        in_order,
    );
    world.proc.process(
        1,
        &Made { name: b"sh", ppid: 0, ..Made::default() },
        b"/bin/sh\0-c\0app --password x\0",
    );
    world.file("1/status", signals("0", "0", "0")).says(
        &[],
        0,
        "warning: pid 1 (sh) is a shell, which does not pass SIGTERM on to the application, so that it is killed once the grace period is over\n    \
             seen: @/1/cmdline: /bin/sh -c app --password <1 byte>\n    \
             seen: @/1/status: SigCgt: 0000000000000000 and SigIgn: 0000000000000000 lack SIGTERM\n    \
             Docker: ENTRYPOINT [\"/application\"] in its exec form, or at the end of the script: exec /application\n    \
             Kubernetes: command: [\"/application\"] without sh -c\n\
         pid 1 (sh): 1 warning",
    );
}

#[test]
fn what_it_could_do_without() {
    if !has_feature("inspect") {
        return;
    }
    let status = STATUS
        .replace("Uid:\t65532\t65532", "Uid:\t0\t0")
        .replace("CapPrm:\t0", "CapPrm:\t00000000a82425fb")
        .replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
        .replace("Seccomp:\t2", "Seccomp:\t0");
    let world = World::new();
    world.file("1/status", status).says(
        &[],
        0,
        "hint: pid 1 (server) runs as root\n    \
             seen: @/1/status: Uid: 0\n    \
             Kubernetes: securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532}\n    \
             Docker: USER 65532:65532 in the Dockerfile, or --user 65532:65532\n\
         hint: pid 1 (server) has capabilities that Docker does not give by default: cap_sys_admin\n    \
             seen: @/1/status: CapPrm: 00000000a82425fb\n    \
             Kubernetes: securityContext: {privileged: false, capabilities: {drop: [\"ALL\"]}}\n    \
             Docker: --cap-drop ALL, and no --privileged\n\
         hint: pid 1 (server) may gain privileges by what it executes\n    \
             seen: @/1/status: NoNewPrivs: 0\n    \
             Kubernetes: securityContext.allowPrivilegeEscalation: false\n    \
             Docker: --security-opt no-new-privileges\n\
         hint: pid 1 (server) may make every system call\n    \
             seen: @/1/status: Seccomp: 0\n    \
             Kubernetes: securityContext.seccompProfile: {type: RuntimeDefault}\n    \
             Docker: no --security-opt seccomp=unconfined, no --privileged\n\
         pid 1 (server): 4 hints",
    );
    // In a user namespace of its own it is root there alone.
    let ran = world.file("1/uid_map", "0 100000 65536\n").run(&[]);
    assert!(ran.stdout.ends_with("pid 1 (server): 2 hints\n"), "{}", ran.story());
}

#[test]
fn resources_and_their_limits() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    world
        .file("groups/app/memory.events", "oom 2\noom_kill 2\n")
        .file("groups/app/memory.current", "67000000\n")
        .file("groups/app/memory.stat", "file 1\n")
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
             seen: @/groups/app/cpu.max: 0.5 CPU\n    \
             Kubernetes: resources.limits.cpu: \"1\"\n    \
             Docker: --cpus 1\n    \
             Application: use as many threads as it has CPUs, not as the machine has: GOMAXPROCS, -XX:ActiveProcessorCount\n\
         warning: 9 files are open, of 10 that may be: few more connections can be taken\n    \
             seen: @/1/fd: 9 entries\n    \
             seen: @/1/limits: Max open files 10\n    \
             Docker: --ulimit nofile=20:20\n    \
             Application: close what is not used (porthole lsof shows it), or raise the limit by setrlimit(2), up to 4096\n\
         pid 1 (server): 2 errors, 3 warnings",
    );
    // Without a limit of its own it was the machine that had none left.
    let world = World::new();
    let ran = world
        .file("groups/app/memory.events", "oom_kill 1\n")
        .file("groups/app/memory.max", "max\n")
        .run(&[]);
    let first = "error: the kernel killed a process here for want of memory: there is no limit of its own, so it was that of the machine\n";
    assert!(ran.stdout.starts_with(first), "{}", ran.story());
}

#[test]
fn ports_that_are_expected() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let expect = ["--expect-port", "8080"];
    let row = |address: &str| {
        format!("  sl  local_address\n 0: {address}:1F90 {} 0A 0:0 00:0 0 65532 0 100 1 0\n", "0:0")
    };
    let application = "    Application: listen on 0.0.0.0:8080, or on [::]:8080 for IPv6 too: its option or variable for the address, such as HOST=0.0.0.0";
    world.file("1/net/tcp", "  sl  local_address\n").says(
        &expect,
        1,
        "error: nothing listens on TCP port 8080\n    \
             seen: @/1/net/tcp: no socket listens\n    \
             Application: listen on 0.0.0.0:8080 or [::]:8080: its option or variable for the port, such as PORT=8080\n\
         pid 1 (server): 1 error",
    );
    world.file("1/net/tcp6", row("00000000000000000000000001000000")).says(
        &expect,
        1,
        &format!(
            "error: TCP port 8080 is listened on at ::1 only: neither 127.0.0.1 nor anybody outside of the container reaches it\n    \
                 seen: @/1/net/tcp6: LISTEN [::1]:8080\n\
             {application}\n    \
                 Docker: a check that fits it as it is: porthole http http://[::1]:8080/\n\
             pid 1 (server): 1 error"
        ),
    );
    let ran = world.run(&["--expect-port", "81"]);
    assert!(
        ran.stdout.contains("    seen: ") && ran.stdout.contains(": LISTEN [::1]:8080\n"),
        "{}",
        ran.story()
    );
    fs::remove_file(format!("{}/1/net/tcp6", world.proc.path())).unwrap();
    for (address, what) in [
        ("0100007F", "the loopback addresses only: nobody outside of the container reaches it"),
        ("0A00000A", "10.0.0.10:8080 only: a check by localhost does not reach it"),
    ] {
        let ran = world.file("1/net/tcp", row(address)).run(&expect);
        assert!(
            ran.stdout.starts_with(&format!("warning: TCP port 8080 is listened on at {what}\n")),
            "{}",
            ran.story()
        );
        assert_eq!(ran.status, Some(0));
    }
    for wrong in ["0", "65536", "x", ""] {
        let why = format!("doctor: --expect-port: expected a port from 1 to 65535, got '{wrong}'");
        porthole(["doctor", "--expect-port", wrong]).refused(&why);
    }
}

#[test]
fn files_that_are_expected() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let path = |name: &str| format!("{}/root/{name}", world.proc.path());
    world.file("root/run/secrets/db", "x").file("root/run/open", "x");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(path(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode("run/secrets/db", 0o400);
    let me = fs::metadata(path("run")).unwrap();
    let owner =
        format!("{}:{}", std::os::unix::fs::MetadataExt::uid(&me), std::os::unix::fs::MetadataExt::gid(&me));
    world.says(
        &["--expect-file", "/run/secrets/db", "--expect-file", "/run/open"],
        1,
        &format!(
            "error: pid 1 (server) cannot read /run/secrets/db\n    \
                 seen: /run/secrets/db: owner {owner} mode 0400 gives others no read\n    \
                 Kubernetes: securityContext.fsGroup: 65532 (of the pod), and defaultMode: 0440 of the volume\n    \
                 Docker: chown 65532:65532 of the file that is mounted, or chmod o+r; in an image: COPY --chown=65532:65532\n\
             pid 1 (server): 1 error"
        ),
    );
    mode("run/secrets", 0o700);
    let ran = world.run(&["--expect-file", "/run/secrets/db"]);
    let seen = format!("    seen: /run/secrets: owner {owner} mode 0700 gives others no search\n");
    assert!(
        ran.stdout.contains(&seen) && ran.stdout.contains("chmod o+x /run/secrets, or chown 65532:65532"),
        "{}",
        ran.story()
    );
    let ran = world.run(&["--expect-file", "/etc/app.yaml"]);
    assert!(ran.stdout.starts_with("error: pid 1 (server) cannot read /etc/app.yaml\n    seen: /etc/app.yaml: no such file or directory\n"), "{}", ran.story());
}

#[test]
fn a_read_only_root_wants_a_place_to_write() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let mounts = fs::read_to_string(format!("{}/1/mountinfo", world.proc.path())).unwrap();
    let mounts = mounts.replace("/ / rw - overlay o rw", "/ / ro,relatime - overlay o rw");
    world.file("1/mountinfo", mounts);
    // Nobody but its owner writes to it as it was made.
    let ran = world.run(&[]);
    let start = "warning: the root is read-only, and there is no /tmp that can be written to\n    seen: ";
    assert!(ran.stdout.starts_with(start), "{}", ran.story());
    for line in [
        "/mountinfo: / ro,relatime\n",
        "    seen: /tmp: owner ",
        "    Docker: --tmpfs /tmp\n",
        "mountPath: /tmp}]\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}{}", ran.story());
    }
    let tmp = format!("{}/root/tmp", world.proc.path());
    fs::remove_dir(&tmp).unwrap();
    let ran = world.run(&[]);
    assert!(ran.stdout.contains("    seen: /tmp: no such file or directory\n"), "{}", ran.story());
    fs::create_dir(&tmp).unwrap();
    fs::set_permissions(tmp, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    world.says(&[], 0, "in order: pid 1 (server): nothing stands out");
}

#[test]
fn names_and_who_is_asked() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let ran = world.file("1/net/dev", WITH_ETH0).run(&[]);
    let missing = "warning: names are asked of 127.0.0.1, for there is no resolv.conf that can be read\n    \
                   seen: /etc/resolv.conf: no such file or directory\n";
    assert!(ran.stdout.starts_with(missing), "{}", ran.story());
    let conf = "search a.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
    world.file("root/etc/resolv.conf", conf).says(
        &[],
        0,
        "hint: a name outside with fewer than 5 dots costs 6 questions before the right one\n    \
             seen: /etc/resolv.conf: options ndots:5\n    \
             Kubernetes: dnsConfig: {options: [{name: ndots, value: \"1\"}]}\n    \
             Application: a dot behind names of the outside: api.example.org.\n\
         pid 1 (server): 1 hint",
    );
}

#[test]
fn a_name_server_that_does_not_answer() {
    if !has_feature("inspect") {
        return;
    }
    in_own_network(|| {
        let world = World::new();
        world.file("1/net/dev", WITH_ETH0).file("root/etc/resolv.conf", "nameserver 127.0.0.1\n");
        // Nothing is asked without being told to.
        world.says(&[], 0, "in order: pid 1 (server): nothing stands out");
        world.says(
            &["--remote"],
            1,
            "error: the name server 127.0.0.1 does not answer\n    \
                 seen: /etc/resolv.conf: nameserver 127.0.0.1\n    \
                 seen: 127.0.0.1, port 53: connection refused\n    \
                 Kubernetes: is a NetworkPolicy in the way (egress to port 53, UDP and TCP), and does kube-dns run?\n    \
                 Docker: --dns ADDRESS, of a server that this network reaches\n\
             pid 1 (server): 1 error",
        );
    });
}

/// The first process of a pod holds its namespaces, and is not the one that is meant.
#[test]
fn the_application_of_a_pod() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let path = world.proc.path();
    for pid in [7, 9] {
        let made = Made { name: b"app", ppid: 0, ..Made::default() };
        world.proc.process(pid, &made, b"/app\0");
        world.file(&format!("{pid}/status"), STATUS.replace("NSpid:\t1", &format!("NSpid:\t{pid}")));
    }
    world.proc.process(1, &Made { name: b"pause", ppid: 0, ..Made::default() }, b"/pause\0");
    // We are one of the containers too.
    fs::remove_file(format!("{path}/self")).unwrap();
    symlink("7", format!("{path}/self")).unwrap();
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!((&json["pid"], &json["process"]), (&json!(9), &json!("app")));
}

/// An init in front of it is not what is meant either, and neither are the orphans that it took on.
#[test]
fn the_application_behind_an_init() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    for (pid, ppid, state, start) in
        [(5, 1, 'S', 9), (7, 1, 'S', 2), (8, 7, 'S', 1), (9, 0, 'S', 1), (10, 1, 'Z', 1)]
    {
        world.proc.process(pid, &Made { name: b"app", ppid, state, start, ..Made::default() }, b"/app\0");
        let status = STATUS.replace("NSpid:\t1", &format!("NSpid:\t{pid}"));
        world.file(&format!("{pid}/status"), status.replace("SigCgt:\t0000000000004000", "SigCgt:\t0"));
    }
    for (first, pid) in [("tini", 7), ("docker-init", 7), ("sh", 1), ("server", 1)] {
        world.proc.process(1, &Made { name: first.as_bytes(), ppid: 0, ..Made::default() }, b"/first\0");
        let ran = world.run(&["--json"]);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(json["pid"], json!(pid), "{first}: {}", ran.story());
        // SIGTERM ends what is not the first process.
        assert!(pid == 1 || !ran.stdout.contains("SIGTERM"), "{first}: {}", ran.story());
    }
}

/// One unreadable source is no reason not to look at the others.
#[test]
fn what_cannot_be_read_is_said() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    let path = world.proc.path();
    for file in ["cgroup", "mountinfo", "net/tcp", "net/dev", "limits"] {
        fs::remove_file(format!("{path}/1/{file}")).unwrap();
    }
    let ran = world.run(&["--expect-port", "80"]);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), "in order: pid 1 (server): nothing stands out in what could be looked at\n")
    );
    for file in ["cgroup", "mountinfo", "net/tcp"] {
        let line = format!("porthole: doctor: not looked at: {path}/1/{file}: no such file or directory\n");
        assert!(ran.stderr.contains(&line), "{}", ran.story());
    }
    let json: Value = serde_json::from_str(&world.run(&["--json"]).stdout).unwrap();
    assert_eq!(
        (json["findings"].as_array().unwrap().len(), json["errors"].as_array().unwrap().len()),
        (0, 3)
    );
    for file in ["status", "cgroup", "mountinfo", "net/tcp", "net/dev", "limits", "cmdline"] {
        world.file(&format!("1/{file}"), b"\xff\xfe(\n\x1b[2J: ) -1 18446744073709551616\n\0".repeat(50));
    }
    let ran = world.run(&["--expect-port", "80", "--expect-file", "/x\n"]);
    assert!(ran.status == Some(1) && !ran.stdout.contains('\x1b'), "{}", ran.story());
    porthole(["doctor", "-p", "7", "--proc", path]).refused("doctor: pid 7: no such process");
    porthole(["doctor", "--proc", "/none"]).refused("doctor: /none: no such file or directory");
}

#[test]
fn zombies_and_whose_they_are() {
    if !has_feature("inspect") {
        return;
    }
    let mut child =
        Command::new("sh").args(["-c", "/bin/true & /bin/true & exec sleep 600"]).spawn().unwrap();
    let pid = child.id().to_string();
    let what = format!(
        "warning: 2 zombies, which pid {pid} (sleep) does not wait for: each keeps a place of the pids limit\n"
    );
    let ran = until(|| porthole(["doctor", "-p", &pid]).run(), |out| out.contains(&what));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ran.stdout.contains(&format!("{what}    seen: /proc/")), "{}", ran.story());
    assert!(ran.stdout.contains(" (true), state Z\n"), "{}", ran.story());
    assert!(
        ran.stdout.contains(&format!("    Application: pid {pid} (sleep) has to wait for its children")),
        "{}",
        ran.story()
    );
    // They are not the first process's, which an init in its place would see to.
    assert!(!ran.stdout.contains("--init"), "{}", ran.story());
}

/// An init would wait for orphans; that it does not for other children is said along with it.
#[test]
fn zombies_of_the_first_process() {
    if !has_feature("inspect") {
        return;
    }
    let world = World::new();
    world.proc.process(5, &Made { name: b"job", state: 'Z', ..Made::default() }, b"");
    world.says(
        &[],
        0,
        "warning: 1 zombie, which pid 1 (server) does not wait for: each keeps a place of the pids limit\n    \
             seen: @/5/stat: pid 5 (job), state Z\n    \
             Application: pid 1 (server) has to wait for its children (wait(2), or SIGCHLD ignored)\n    \
             Docker: --init (in Compose: init: true), which waits for orphans, but not for what the application started itself\n    \
             Kubernetes: shareProcessNamespace: true, where the pause process waits for orphans\n\
         pid 1 (server): 1 warning",
    );
}

#[test]
fn a_queue_that_nobody_accepts_from() {
    if !has_feature("inspect") {
        return;
    }
    in_own_network(|| {
        fs::write("/proc/sys/net/core/somaxconn", "2").unwrap();
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let sleeper = Sleeper::called("of-this-network", &[]);
        let pid = sleeper.pid().to_string();
        let run = || porthole(["doctor", "-p", &pid, "--expect-port", "8080"]).run();
        let one = TcpStream::connect("127.0.0.1:8080").unwrap();
        let ran = until(run, |out| out.contains("accept queue 1\n"));
        let what = "warning: 1 connection waits to be accepted on 127.0.0.1:8080: the application does not come to it\n";
        assert!(ran.stdout.contains(what), "{}", ran.story());
        let more =
            [TcpStream::connect("127.0.0.1:8080").unwrap(), TcpStream::connect("127.0.0.1:8080").unwrap()];
        let ran = until(run, |out| out.contains("accept queue 3\n"));
        let what =
            "error: the accept queue of 127.0.0.1:8080 is full: 3 connections wait, and others are dropped\n";
        assert!(
            ran.stdout.contains(what) && ran.stdout.contains("    seen: sock_diag(7): backlog 2\n"),
            "{}",
            ran.story()
        );
        assert_eq!(ran.status, Some(1));
        let ran = porthole(["tcp", "127.0.0.1:8080", "--explain", "--expect", "x", "-t", "50ms"]).run();
        assert!(
            ran.stdout.contains(
                "3 connections wait to be accepted: its queue is full (backlog 2), and others are dropped"
            ),
            "{}",
            ran.story()
        );
        drop((listener, one, more));
    });
}

#[test]
fn a_mount_without_space() {
    if !has_feature("inspect") {
        return;
    }
    let script = "mount -t tmpfs -o size=64k full \"$1\"\nhead -c 65536 /dev/zero >\"$1/x\" || true";
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let ran = porthole(["doctor", "-p", &elsewhere.pid()]).run();
    let point = elsewhere.folder.display();
    let start = format!(
        "error: {point} is full: it has no space\n    \
             seen: statvfs(3) of {point}: 0 of 64K free\n    \
             Kubernetes: emptyDir: {{medium: Memory, sizeLimit: 2Mi}}\n    \
             Docker: --tmpfs {point}:size=2m (--shm-size for /dev/shm)\n    \
             Application: remove what is not needed: porthole find {point} --larger 1M shows what is large, porthole lsof --deleted what is held\n"
    );
    assert!(ran.status == Some(1) && ran.stdout.contains(&start), "{}", ran.story());
}

#[test]
fn the_rule_that_forbids_to_look() {
    if !has_feature("inspect") {
        return;
    }
    let Some(programs) = for_other_users() else { return };
    fs::copy("/bin/sleep", programs.join("unreadable")).unwrap();
    fs::set_permissions(programs.join("unreadable"), std::os::unix::fs::PermissionsExt::from_mode(0o111))
        .unwrap();
    let run = |ids: [&str; 2], pid: u32, more: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([
            format!("--reuid={}", ids[0]),
            format!("--regid={}", ids[1]),
            "--clear-groups".to_owned(),
        ]);
        command.args(more).arg(programs.join("porthole")).args(["doctor", "-p", &pid.to_string()]);
        output(&mut command)
    };
    let theirs = Sleeper::owned(std::path::Path::new("/bin/sleep"), 65_532, 65_532);
    // By a shell, for setpriv itself still has the capabilities to read it.
    let unreadable = programs.join("unreadable");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups", "sh", "-c", "exec \"$0\" 600"]);
    let hidden = Sleeper::start(command.arg(&unreadable), unreadable.to_str().unwrap());
    for (ids, pid, name, more, rule, skipped, change) in [
        (
            ["65532", "0"],
            theirs.pid(),
            "sleep",
            &[][..],
            "its group is 65532, ours is 0",
            "",
            "securityContext: {runAsUser: 65532, runAsGroup: 65532}; or kubectl debug --profile=general",
        ),
        (
            ["1000", "1000"],
            theirs.pid(),
            "sleep",
            &[],
            "its user is 65532, ours is 1000",
            "how many files are open",
            "    Docker: --user 65532:65532, or --cap-add SYS_PTRACE --user 0 for the container that looks\n",
        ),
        (
            ["0", "0"],
            theirs.pid(),
            "sleep",
            &["--bounding-set=-sys_ptrace"],
            "its user is 65532, ours is 0",
            "",
            "--cap-add SYS_PTRACE",
        ),
        (
            ["65532", "65532"],
            hidden.pid(),
            "unreadable",
            &[],
            "it is not dumpable, or in another user namespace",
            "how many files are open",
            "    Application: a binary that may be read (chmod +r), without file capabilities; no prctl(PR_SET_DUMPABLE, 0)\n",
        ),
    ] {
        let ran = run(ids, pid, more);
        let what = format!("warning: of pid {pid} ({name}) may not be read: ");
        let line = ran.stdout.lines().next().unwrap();
        assert!(
            line.starts_with(&what) && line.contains("exe, cwd, root, ") && line.contains(rule),
            "{what}{rule}\n{}",
            ran.story()
        );
        assert!(line.contains(skipped) && ran.stdout.contains(change), "{}", ran.story());
        assert!(ran.stdout.contains(": permission denied\n"), "{}", ran.story());
        assert_eq!(ran.status, Some(0), "{}", ran.story());
    }
    let ran = run(["65532", "65532"], theirs.pid(), &[]);
    assert!(!ran.stdout.contains("may not be read"), "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}

/// Fifty processes beside it do not make it slow.
#[test]
fn it_is_quick() {
    if !has_feature("inspect") {
        return;
    }
    let folder = folder();
    let mut children: Vec<_> =
        (0..50).map(|_| Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()).collect();
    let pid = children[0].id().to_string();
    porthole(["doctor", "-p", &pid]).run().within(Duration::from_secs(10));
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    fs::remove_dir_all(folder).unwrap();
}
