//! Runs the program under test, and asserts all of stdout, stderr and the exit status at once.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::contract::assert_conforms;
#[allow(unused_imports, reason = "not every test binary needs it")]
pub use super::features::has_feature;
use super::features::{assert_fit, program};
use super::server::folder;
use super::skip::{is_root, skip};
use super::times::timeless;

/// After how many seconds a run that hangs is killed, which fails the test.
const HANG: &str = "60";

/// How much longer a run may take on a busy machine than on an idle one.
const BUSY: Duration = Duration::from_secs(10);

/// Whether so many threads want to run that any of them may have to wait. proc_loadavg(5)
pub fn is_busy() -> bool {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut fields = text.split([' ', '/']);
    let numbers =
        [fields.next(), fields.nth(2)].map(|field| field.and_then(|field| field.parse::<f64>().ok()));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // The tests themselves keep each processor busy.
    let most = 2.5 * f64::from(u32::try_from(processors).unwrap_or(u32::MAX));
    numbers.into_iter().flatten().any(|threads| threads > most)
}

/// How much longer a run that has just ended may have taken than on an idle machine.
pub fn allowance() -> Duration {
    if is_busy() { BUSY } else { Duration::ZERO }
}

/// How long a test may wait on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the programs are with which a test runs porthole.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Returns the path of the program under test. Fails a test that does not fit its features.
#[track_caller]
pub fn binary() -> String {
    assert_fit();
    program()
}

/// A run of porthole that is being set up. Its environment is empty except for what is added.
pub struct Porthole {
    command: Command,
    shown: String,
}

/// The result of a run.
pub struct Ran {
    shown: String,
    pub stdout: String,
    pub stderr: String,
    pub status: Option<i32>,
    pub elapsed: Duration,
}

/// Sets up a run of porthole with these arguments.
#[track_caller]
pub fn porthole<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Porthole {
    // timeout(1) ends a run that hangs, with its own exit status.
    let mut command = Command::new("/usr/bin/timeout");
    command.arg(HANG).arg(binary()).env_clear().stdin(Stdio::null());
    let mut shown = String::from("porthole");
    for argument in arguments {
        if shown.len() < 1000 {
            let _ = write!(shown, " {}", argument.as_ref().to_string_lossy());
        }
        command.arg(argument);
    }
    Porthole { command, shown }
}

/// Returns a directory that other users can enter, with a copy of the program for them. If the
/// tests do not run as root, and so cannot become another user, reports the test as skipped and
/// returns `None`.
pub fn for_other_users() -> Option<PathBuf> {
    if !is_root() {
        skip("only root can become another user");
        return None;
    }
    let folder = folder();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy_program(binary(), folder.join("porthole"));
    Some(folder)
}

/// Copies a program with cp(1). If this process wrote the file, a child that another test forks
/// would hold it open for writing until it calls exec, and the program could not be run meanwhile
/// (ETXTBSY in execve(2)).
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let status = Command::new("cp").arg("--").arg(from.as_ref()).arg(to.as_ref()).status().unwrap();
    assert!(status.success(), "cp {}", to.as_ref().display());
}

/// Runs a command (the copy from [`for_other_users`], or one that starts it), once no child of
/// another test holds the copy open for writing any more.
#[track_caller]
pub fn output(command: &mut Command) -> Ran {
    let start = Instant::now();
    let mut output = started(command, Command::output);
    // A program that starts the copy reports the error itself.
    while output.status.code() == Some(126) && output.stderr.ends_with(b": Text file busy\n") {
        output = started(command, Command::output);
    }
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_conforms([command.get_program()].into_iter().chain(command.get_args()), &stdout);
    Ran {
        shown: format!("{command:?}"),
        stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code(),
        elapsed: start.elapsed(),
    }
}

/// Starts a program that was just written. A child that another test forks may hold it open for
/// writing until it calls exec; until then the kernel returns ETXTBSY (execve(2)).
pub fn started<T>(command: &mut Command, start: impl Fn(&mut Command) -> io::Result<T>) -> T {
    loop {
        match start(command) {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            result => return result.unwrap(),
        }
    }
}

/// Repeats the run until its stdout satisfies the condition. A child that another test forks holds
/// our sockets until it calls exec, and the last part of a handshake may still be on its way.
#[track_caller]
pub fn until(run: impl Fn() -> Ran, holds: impl Fn(&str) -> bool) -> Ran {
    let start = Instant::now();
    loop {
        let ran = run();
        if holds(&ran.stdout) {
            return ran;
        }
        assert!(start.elapsed() < TIMEOUT, "{}", ran.story());
    }
}

/// Repeats the run until it takes less than this, and returns the last result. A busy machine may
/// delay one run, but a program that is too slow never succeeds.
#[allow(dead_code, reason = "not every test binary has such a bound")]
#[track_caller]
pub fn until_within(limit: Duration, measure: impl Fn() -> Ran) -> Ran {
    let start = Instant::now();
    loop {
        let ran = measure();
        if ran.elapsed < limit {
            return ran;
        }
        assert!(start.elapsed() < TIMEOUT, "took {:?}, at most {limit:?}\n{}", ran.elapsed, ran.story());
    }
}

impl Porthole {
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it with a wrapper such as nsenter(1), given with its arguments.
    #[allow(dead_code, reason = "not every test binary needs separate namespaces")]
    pub fn inside(mut self, wrapper: &[&str]) -> Self {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        self.command = command;
        self
    }

    /// Runs it with 16 MiB of address space if it is a static binary, which would abort if it grew
    /// past that. For the host's own build only the data is limited, because its shared libraries
    /// alone take that much, and its stacks are larger.
    pub fn in_little_memory(self) -> Self {
        let is_static = std::env::var_os("PORTHOLE_BIN").is_some();
        self.under(&["prlimit", if is_static { "--as=16777216" } else { "--data=33554432" }])
    }

    /// Runs it as a separate user that may have no other process or thread. Needs root.
    pub fn one_process(self) -> Self {
        static USER: AtomicU32 = AtomicU32::new(0);
        let user = 70_000 + std::process::id() % 100_000 * 10 + USER.fetch_add(1, Ordering::Relaxed);
        let user = format!("--reuid={user}");
        self.under(&["prlimit", "--nproc=1", "setpriv", &user, "--regid=65532", "--clear-groups"])
    }

    /// Runs it with another program, given with its arguments.
    pub fn under(mut self, words: &[&str]) -> Self {
        let arguments: Vec<OsString> = self.command.get_args().map(OsStr::to_owned).collect();
        let (limit, rest) = arguments.split_first().unwrap();
        let mut command = Command::new("/usr/bin/timeout");
        command.arg(limit).args(words).args(rest).env_clear().env("PATH", PATH).stdin(Stdio::null());
        self.shown = format!("{} {}", words.join(" "), self.shown);
        self.command = command;
        self
    }

    /// Runs it. What it prints as JSON is held to docs/json.md.
    #[track_caller]
    pub fn run(mut self) -> Ran {
        let start = Instant::now();
        let output = self.command.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_conforms(self.command.get_args(), &stdout);
        Ran {
            shown: self.shown,
            stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code(),
            elapsed: start.elapsed(),
        }
    }

    /// Asserts exit status 0, this on stdout, nothing on stderr.
    #[track_caller]
    pub fn healthy(self, stdout: &str) -> Ran {
        self.run().is(0, stdout, "")
    }

    /// Asserts exit status 1, this on stdout, nothing on stderr.
    #[track_caller]
    pub fn unhealthy(self, stdout: &str) -> Ran {
        self.run().is(1, stdout, "")
    }

    /// Asserts exit status 1, nothing on stdout, this on stderr after `porthole: `.
    #[track_caller]
    pub fn refused(self, stderr: &str) -> Ran {
        self.run().is(1, "", &format!("porthole: {stderr}"))
    }

    /// Runs it, asserts that the exit status matches the JSON, and returns the JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        self.run().json()
    }
}

impl Ran {
    /// Asserts that the exit status matches the JSON on stdout, and returns the JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let json: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}\n{}", self.story()));
        let status = i32::from(json["healthy"] != Value::Bool(true));
        assert_eq!((self.status, self.stderr.as_str()), (Some(status), ""), "{}", self.story());
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.story());
        json
    }

    /// Returns the JSON document of an inspection without what each of them has: the process that it
    /// is about, and its errors if there are none.
    #[track_caller]
    pub fn content(&self) -> Value {
        let read = serde_json::from_str(&self.stdout);
        let mut json: Value = read.unwrap_or_else(|e| panic!("{e}\n{}", self.story()));
        let document = json.as_object_mut().unwrap_or_else(|| panic!("{}", self.story()));
        for key in ["pid", "process"] {
            assert!(document.remove(key).is_some(), "no {key}\n{}", self.story());
        }
        let errors = document.get("errors").unwrap_or_else(|| panic!("no errors\n{}", self.story()));
        if errors.as_array().is_some_and(Vec::is_empty) {
            document.remove("errors");
        }
        json
    }

    /// Asserts the exit status, the [content](Ran::content) of the document, and stderr.
    #[track_caller]
    pub fn has(&self, status: i32, content: &Value, stderr: &str) {
        assert_eq!(self.content(), *content, "{}", self.story());
        assert_eq!((self.status, self.stderr.trim_end()), (Some(status), stderr), "{}", self.story());
    }

    /// Asserts the exit status, stdout and stderr, each without the trailing newline and with times
    /// as `<T>`.
    #[track_caller]
    pub fn is(self, status: i32, stdout: &str, stderr: &str) -> Self {
        let line = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
        let same = self.status == Some(status)
            && timeless(&self.stdout) == line(stdout)
            && timeless(&self.stderr) == line(stderr);
        assert!(same, "expected status {status}\nstdout: {stdout}\nstderr: {stderr}\n\n{}", self.story());
        self
    }

    /// Asserts that it took no longer than this; on a busy machine, plus what that may add.
    #[track_caller]
    pub fn within(self, limit: Duration) -> Self {
        let limit = limit + allowance();
        assert!(self.elapsed < limit, "took {:?}, at most {limit:?}\n{}", self.elapsed, self.story());
        self
    }

    pub fn story(&self) -> String {
        format!(
            "$ {}\nstatus: {:?}\nstdout: {}\nstderr: {}",
            self.shown, self.status, self.stdout, self.stderr
        )
    }
}
