//! Real servers, of Debian's packages: each is started for a test, on loopback or a Unix socket in a folder of its
//! own, and is gone with it. Where a server is not installed the test says so aloud, and fails where nothing
//! may be skipped.

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

/// What a server may take to start.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is asked whether it has.
const INTERVAL: Duration = Duration::from_millis(20);
/// When timeout(1) ends a server that nobody ended, in seconds.
const END: &str = "900";
/// A user that servers may run as which refuse to be root: Debian's nobody.
const NOBODY: u32 = 65_534;

/// The path of this program; nothing, said aloud, where it is not installed.
pub fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    // Debian keeps a folder for each version of PostgreSQL.
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

/// Has the command run as nobody, where it would be root.
pub fn unprivileged(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Runs what prepares a server to its end, as nobody.
#[track_caller]
pub fn prepare<S: AsRef<OsStr>>(folder: &Path, program: &Path, arguments: impl IntoIterator<Item = S>) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    unprivileged(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", program.display());
}

/// A server of a real package.
pub struct Daemon {
    child: Child,
    name: String,
    log: PathBuf,
    /// Its own folder, which is removed with it.
    pub folder: PathBuf,
}

/// A folder for a server that may run as another user.
pub fn open_folder() -> PathBuf {
    let folder = folder();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

impl Daemon {
    /// Starts this program in its folder; what it prints goes to a log there. `adapt` sets what else it needs.
    pub fn start<S: AsRef<OsStr>>(
        folder: PathBuf,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        adapt: impl FnOnce(&mut Command),
    ) -> Daemon {
        let name = program.file_name().unwrap().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        // Past its end or with the tests killed, no server stays behind.
        let mut command = Command::new("/usr/bin/timeout");
        command.args(["--kill-after=10", END]).arg(program).args(arguments);
        command.current_dir(&folder).stdin(Stdio::null());
        command.stdout(out.try_clone().unwrap()).stderr(out).process_group(0);
        adapt(&mut command);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Daemon { child, name, log, folder }
    }

    /// Waits until the condition holds; the server has to live.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended ({status}) before {what}; its log:\n{}", self.name, self.log());
            }
            assert!(start.elapsed() < PATIENCE, "{}: not yet {what}; its log:\n{}", self.name, self.log());
            // No server tells when it is ready in a way that all share.
            std::thread::sleep(INTERVAL);
        }
    }

    /// Waits until the server's port or socket accepts.
    #[track_caller]
    pub fn until_listening(&mut self, port: u16) {
        self.until("it listens", || {
            let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
            // In order, as what a server logs of a reset would be taken for the check's.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            true
        });
    }

    /// Ends the server, and leaves its folder.
    pub fn end(mut self) -> PathBuf {
        let folder = std::mem::take(&mut self.folder);
        drop(self);
        folder
    }

    /// Sends the server this signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(-self.child.id().cast_signed()), signal);
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // To timeout(1), which passes it on, and follows with SIGKILL where that does not help.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGCONT);
        let _ = self.child.wait();
        self.signal(Signal::SIGKILL);
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
