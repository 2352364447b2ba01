//! Real servers from Debian packages. Each is started for one test, on loopback or a Unix socket in
//! a separate directory, and ends with it. If a server is not installed, the test is reported as
//! skipped, or fails if nothing may be skipped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::server::folder;
use crate::support::skip::is_root;
pub use crate::support::skip::skip;

/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_mins(2);
/// The pause between two attempts to see whether it has.
const INTERVAL: Duration = Duration::from_millis(20);
/// After how many seconds timeout(1) ends a server that is still running.
const END: &str = "900";
/// The user for servers that refuse to run as root: Debian's nobody.
const NOBODY: u32 = 65_534;

/// Returns the path of this program. If it is not installed, reports the test as skipped and
/// returns `None`.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    // Debian has a directory for each version of PostgreSQL.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = path
        .split(':')
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"])
        .map(PathBuf::from)
        .chain(versions.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Makes the command run as nobody if it would run as root.
pub fn unprivileged(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Runs a program that prepares a server, as nobody, and asserts that it succeeds.
#[track_caller]
pub fn prepare<S: AsRef<OsStr>>(folder: &Path, program: &Path, arguments: impl IntoIterator<Item = S>) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    unprivileged(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", program.display());
}

/// A running server.
pub struct Daemon {
    child: Child,
    name: String,
    log: PathBuf,
    /// Its directory, which is removed with it.
    pub folder: PathBuf,
}

/// Creates a directory for a server that may run as another user.
pub fn open_folder() -> PathBuf {
    let folder = folder();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

impl Daemon {
    /// Starts this program in its directory, where its output goes to a log. `adapt` sets what else
    /// it needs.
    pub fn start<S: AsRef<OsStr>>(
        folder: PathBuf,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        adapt: impl FnOnce(&mut Command),
    ) -> Daemon {
        let name = program.file_name().unwrap().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        // timeout(1) ends the server even if the tests are killed.
        let mut command = Command::new("/usr/bin/timeout");
        command.args(["--kill-after=10", END]).arg(program).args(arguments);
        command.current_dir(&folder).stdin(Stdio::null());
        command.stdout(out.try_clone().unwrap()).stderr(out).process_group(0);
        adapt(&mut command);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Daemon { child, name, log, folder }
    }

    /// Waits until the condition holds. Fails if the server ends meanwhile.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended ({status}) before {what}; its log:\n{}", self.name, self.log());
            }
            assert!(start.elapsed() < TIMEOUT, "{}: not yet {what}; its log:\n{}", self.name, self.log());
            // There is no common way in which servers report that they are ready.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Waits until the server accepts connections on this port.
    #[track_caller]
    pub fn until_listening(&mut self, port: u16) {
        self.until("it listens", || {
            let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
            // Closes in order: what a server logs about a reset would be attributed to the check.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            true
        });
    }

    /// Ends the server, and returns its directory, which remains.
    pub fn end(mut self) -> PathBuf {
        let folder = std::mem::take(&mut self.folder);
        drop(self);
        folder
    }

    /// Sends the server this signal, and not timeout(1), which most signals would end. Its own
    /// children get it only if it is SIGKILL.
    pub fn signal(&self, signal: Signal) {
        let timeout = self.child.id();
        if signal == Signal::SIGKILL {
            let _ = kill(Pid::from_raw(-timeout.cast_signed()), signal);
            return;
        }
        let children = fs::read_to_string(format!("/proc/{timeout}/task/{timeout}/children")).unwrap();
        kill(Pid::from_raw(children.trim().parse().unwrap()), signal).unwrap();
    }

    /// Returns what it has printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // timeout(1) forwards the signal, and sends SIGKILL if that does not suffice.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGCONT);
        let _ = self.child.wait();
        self.signal(Signal::SIGKILL);
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
