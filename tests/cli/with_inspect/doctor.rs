//! `porthole doctor`: one file per topic.

mod files;
mod listeners;
mod names;
mod privileges;
mod processes;
mod reach;
mod resources;
mod stuck;
mod variables;
mod volumes;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::command::{Ran, porthole};
use crate::support::network::in_own_network;
use crate::support::processes::{Made, Proc, Sleeper};
use crate::support::server::folder;

/// A process without findings, which has used up none of its limits and holds no privileges it
/// could drop.
const STATUS: &str = "Name:\tserver\nUid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nGroups:\t\n\
    NSpid:\t1\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\nSigBlk:\t0\nSigIgn:\t0\n\
    SigCgt:\t0000000000004000\n";
const LISTENING: &str = "  sl  local_address\n\
    0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65532 0 100 1 0 100 0\n";
const ONLY_LO: &str = "Inter-|\n face |\n    lo: 0 0\n";
const WITH_ETH0: &str = "Inter-|\n face |\n    lo: 0 0\n  eth0: 0 0\n";

/// The verdict for a process without findings and without a network.
const IN_ORDER: &str =
    "in order: pid 1 (server), listening on no TCP port; not asked: which port is expected (--expect-port)";

/// A fabricated proc with one process, its root directory and its control groups.
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

    /// Makes the process hold the socket with inode 100, that of [`LISTENING`].
    fn holds_the_listener(&self) -> &Self {
        symlink("socket:[100]", format!("{}/1/fd/3", self.proc.path())).unwrap();
        self
    }

    /// Asserts the status and the output, in which `@` stands for the proc mount.
    #[track_caller]
    fn prints(&self, words: &[&str], status: i32, stdout: &str) {
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
fn a_process_without_findings_is_one_line() {
    let world = World::new();
    world.prints(&[], 0, IN_ORDER);
    world.prints(&["-p", "1"], 0, IN_ORDER);
    world.holds_the_listener();
    world.file("root/etc/app.yaml", "").prints(
        &["--expect-port", "8080", "--expect-file", "/etc/app.yaml"],
        0,
        "in order: pid 1 (server), listening on 0.0.0.0:8080",
    );
    let looked_at = r#"["signals and zombies", "control groups", "process states", "file descriptors", "clock", "loopback interface", "listeners and accept queues", "variables", "free space", "mounted secrets and volumes", "temporary files", "name resolution", "privileges"]"#;
    let verdict = r#"{"pid": 1, "process": "server", "verdict": "in order", "findings": [], "looked_at": "#;
    world.prints(
        &["--json", "--expect-port", "8080"],
        0,
        &format!(r#"{verdict}{looked_at}, "not_asked": ["expect-file", "expect-writable", "expect-env"], "errors": []}}"#),
    );
}

/// A service in a network has more that may be wrong than can be seen.
#[test]
fn the_verdict_says_what_was_not_asked() {
    let world = World::new();
    world
        .holds_the_listener()
        .file("1/net/dev", WITH_ETH0)
        .file("root/etc/resolv.conf", "nameserver 10.0.0.10\n");
    world.prints(
        &[],
        0,
        "in order: pid 1 (server), listening on 0.0.0.0:8080; not asked: which port is expected (--expect-port), \
         whether the name servers answer (--remote)",
    );
    let json = |words: &[&str]| -> Value {
        serde_json::from_str(&world.run(&[&["--json"], words].concat()).stdout).unwrap()
    };
    assert_eq!(json(&["--expect-env", "X"])["verdict"], "error");
    let not_asked = ["expect-port", "expect-file", "expect-writable", "remote"];
    assert_eq!(json(&["--expect-env", "X"])["not_asked"], serde_json::json!(not_asked));
    world.file("1/status", STATUS.replace("Seccomp:\t2", "Seccomp:\t0"));
    assert_eq!(json(&[])["verdict"], "hint");
    world.file("1/environ", "PORT=1\0");
    assert_eq!(json(&[])["verdict"], "warning");
    // What could not be looked at is not in the list.
    fs::remove_file(format!("{}/1/cgroup", world.proc.path())).unwrap();
    let json = json(&[]);
    assert!(!json["looked_at"].as_array().unwrap().contains(&"control groups".into()), "{json}");
    assert_eq!(json["errors"].as_array().unwrap().len(), 1, "{json}");
}

/// Tokens and certificates are not valid yet if the clock is behind.
#[test]
fn a_clock_that_is_behind_is_a_warning() {
    let folder = folder();
    let program = folder.join("sleep");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut command = Command::new(&program);
    let sleeper = Sleeper::start(command.arg("600"), program.to_str().unwrap());
    let doctor = || porthole(["doctor", "-p", &sleeper.pid().to_string()]).run();
    assert!(!doctor().stdout.contains("the clock is wrong"));
    let later = SystemTime::now() + Duration::from_hours(48);
    fs::File::open(&program).unwrap().set_modified(later).unwrap();
    let ran = doctor();
    let finding = "warning: the clock is wrong: it is earlier than the program of the application was built, \
         so certificates and tokens seem not yet valid\n    seen: clock_gettime(2): ";
    assert!(ran.stdout.contains(finding), "{}", ran.story());
    assert!(
        ran.stdout.contains(&format!("    seen: /proc/{}/exe: last changed on ", sleeper.pid())),
        "{}",
        ran.story()
    );
    drop(sleeper);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_loopback_interface_that_is_down_is_an_error() {
    in_own_network(|| {
        let sleeper = Sleeper::called("of-this-network", &[]);
        let doctor = || porthole(["doctor", "-p", &sleeper.pid().to_string()]).run();
        let finding = "error: the interface lo is down: localhost, 127.0.0.1 and ::1 cannot be reached\n";
        let ran = doctor();
        assert!(!ran.stdout.contains(finding), "{}", ran.story());
        assert!(Command::new("ip").args(["link", "set", "lo", "down"]).status().unwrap().success());
        let ran = doctor();
        assert!(ran.status == Some(1) && ran.stdout.contains(finding), "{}", ran.story());
        // The advised command, as it is run in that network.
        assert!(ran.stdout.contains(" ip link set lo up\n"), "{}", ran.story());
        assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
        assert!(!doctor().stdout.contains(finding));
    });
}

/// Fifty other processes do not slow it down.
#[test]
fn it_is_fast_among_many_processes() {
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
