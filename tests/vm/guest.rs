//! What a test may do to the virtual machine that it runs in: namespaces, control groups, mounts,
//! the clock. Nothing here runs on a machine that scripts/vm.sh did not boot.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

use crate::support::command::{Ran, output, porthole};

/// An account without any privilege.
pub const NOBODY: u32 = 65534;

/// How long a test waits for something to happen. Emulation is slow.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Fails the test unless it runs in a virtual machine of scripts/vm.sh.
pub fn assert_guest() {
    let line = fs::read_to_string("/proc/cmdline").unwrap();
    assert!(line.contains("porthole.vm="), "these tests change the machine; scripts/vm.sh runs them");
}

/// Waits until this holds.
#[track_caller]
pub fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < TIMEOUT, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs the body in a thread with new namespaces, which the programs that it starts share. Mounts
/// that it makes are its own.
pub fn apart<T: Send>(namespaces: CloneFlags, body: impl FnOnce() -> T + Send) -> T {
    assert_guest();
    let result = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(namespaces | CloneFlags::CLONE_NEWNS).unwrap();
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
                .unwrap();
            body()
        });
        thread.join()
    });
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Mounts a file system of this type on a directory, which is created.
pub fn mount_at(kind: &str, path: &str, flags: MsFlags, options: &str) {
    assert_guest();
    fs::create_dir_all(path).unwrap();
    mount(Some(kind), path, Some(kind), flags, Some(options))
        .unwrap_or_else(|error| panic!("mount -t {kind} -o {options} {path}: {error}"));
}

/// Runs a program of the guest's, and asserts that it succeeds.
#[track_caller]
pub fn command(words: &[&str]) -> String {
    assert_guest();
    let done = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Runs porthole as [`NOBODY`].
#[track_caller]
pub fn as_nobody(arguments: &[&str]) -> Ran {
    let mut command = Command::new(crate::support::command::binary());
    output(command.args(arguments).env_clear().uid(NOBODY).gid(NOBODY).stdin(Stdio::null()))
}

/// Runs an inspection with `--json`, asserts its exit status, and returns the document.
#[track_caller]
pub fn document(status: i32, arguments: &[&str]) -> Value {
    let ran = porthole(arguments.iter().chain(&["--json"])).run();
    assert_eq!(ran.status, Some(status), "{}", ran.story());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.story()))
}

/// Asserts that `doctor` has a finding of this level about the process, whose sentence has each of
/// these texts.
#[track_caller]
pub fn assert_found(pid: u32, level: &str, texts: &[&str]) {
    let ran = porthole(["doctor", "-p", &pid.to_string(), "--json"]).run();
    let found: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ran.story()));
    let is_it = |finding: &Value| {
        let sentence = finding["finding"].as_str().unwrap_or_default();
        finding["level"] == level && texts.iter().all(|text| sentence.contains(text))
    };
    let found = found["findings"].as_array().is_some_and(|findings| findings.iter().any(is_it));
    assert!(found, "no {level} with {texts:?}\n{}", ran.story());
}

/// Asserts that no finding of `doctor` about the process has this text.
#[track_caller]
pub fn assert_not_found(pid: u32, text: &str) {
    let ran = porthole(["doctor", "-p", &pid.to_string()]).run();
    assert!(!ran.stdout.contains(text), "unexpected: {text}\n{}", ran.story());
}

/// A program that runs until it is dropped.
pub struct Running(Child);

impl Running {
    /// Starts the command, and waits for a line of its output that is `ready`.
    pub fn until_ready(command: &mut Command) -> Self {
        assert_guest();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"), "{command:?} ended before it was ready");
        Running(child)
    }

    /// Starts the command.
    pub fn start(command: &mut Command) -> Self {
        assert_guest();
        Running(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns a command that runs tests/programs/patient.rs.
pub fn patient<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("/bin/patient");
    command.args(arguments);
    command
}

/// A control group, which is removed when it is dropped.
pub struct Group(PathBuf);

impl Group {
    /// Creates a group below a directory of the hierarchy.
    pub fn new(parent: impl AsRef<Path>, name: &str) -> Self {
        assert_guest();
        let path = parent.as_ref().join(name);
        fs::create_dir(&path).unwrap();
        Group(path)
    }

    /// Writes to a file of the group.
    #[track_caller]
    pub fn set(self, file: &str, value: &str) -> Self {
        fs::write(self.0.join(file), value).unwrap_or_else(|error| panic!("{file}: {error}"));
        self
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Wraps a command so that it runs in these groups from its start.
    pub fn enter(groups: &[&Group], command: &Command) -> Command {
        let mut shell = Command::new("/bin/sh");
        let script =
            r#"while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@""#;
        shell.args(["-c", script, "sh"]).args(groups.iter().map(|group| &group.0)).arg("--");
        shell.arg(command.get_program()).args(command.get_args());
        shell
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that were killed leave the group a moment later.
        if !std::thread::panicking() {
            wait_for("the group to be empty", || fs::remove_dir(&self.0).is_ok());
        }
    }
}
