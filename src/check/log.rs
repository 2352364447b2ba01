//! `--log`: an unhealthy verdict in the log of the container itself.
//!
//! The engine keeps the output of a health check apart from the log, and Kubernetes shows only an
//! event. So the verdict also goes, as one line, to what the container's first process has open as
//! its standard error: `/proc/1/fd/2`, proc_pid_fd(5).
//!
//! Invariant: this never waits, and never changes a verdict. Only a pipe, a file or a terminal is
//! opened, for appending.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};
use nix::sys::stat::major;

use crate::deadline::Deadline;
use crate::error::Error;
use crate::file_type::FileType;
use crate::files::answer_in_time;
use crate::procfs::process::{Process, own_pid, pids, process};

/// How long a file system may take to open the log, and again to take a line.
const LIMIT: Duration = Duration::from_millis(100);
/// The name of the process that holds a pod's namespaces:
/// <https://github.com/kubernetes/kubernetes/tree/master/build/pause>.
const PAUSE: &[u8] = b"pause";
/// Major numbers of terminals: virtual consoles and serial ports, `/dev/tty` and `/dev/console`,
/// and pseudo-terminals (from here on eight of them). The kernel's devices.txt.
const TTY: u64 = 4;
const CONSOLE: u64 = 5;
const PTS: u64 = 136;

/// The log of a container, open for appending.
#[derive(Debug)]
pub struct Log {
    file: Arc<File>,
    /// The process whose standard error it is, for messages.
    of: String,
}

impl Log {
    /// Opens the log of this container. The error says why there is none. Checks can no longer open
    /// a file for writing once they are connected: sys/sandbox.rs.
    pub(super) fn open(proc: &Path) -> Result<Self, Error> {
        let process = logger(proc)?;
        let path = proc.join(process.pid.to_string()).join("fd/2");
        let of = process.shown();
        match answer_in_time(Deadline::after(LIMIT), Box::new(move || open(&path))) {
            Ok(file) => Ok(Log { file: Arc::new(file), of }),
            Err(error) => Err(about(&of, &error)),
        }
    }

    /// Appends this line. The error says why it could not.
    pub(super) fn append(&self, line: &str) -> Result<(), Error> {
        let (file, line) = (Arc::clone(&self.file), line.as_bytes().to_vec());
        // One write: lines of others do not come between (pipe(7), PIPE_BUF).
        let work = move || Ok((&*file).write_all(&line)?);
        answer_in_time(Deadline::after(LIMIT), Box::new(work)).map_err(|error| about(&self.of, &error))
    }
}

/// Says whose log an error is about.
fn about(process: &str, error: &Error) -> Error {
    format!("the standard error of {process}: {error}").into()
}

/// Returns the process whose standard error is the log: the first one, or the first one of this
/// container if that only holds a pod.
fn logger(proc: &Path) -> Result<Process, Error> {
    let first = process(proc, 1)?;
    let own = own_pid(proc);
    if own == Some(1) {
        return Err("porthole is the container's first process itself".into());
    }
    if first.name != PAUSE {
        return Ok(first);
    }
    let namespace =
        |pid: u32| -> Option<PathBuf> { fs::read_link(proc.join(pid.to_string()).join("ns/mnt")).ok() };
    let ours = own.and_then(namespace);
    let is_ours = |pid: &u32| Some(*pid) != own && ours.is_some() && namespace(*pid) == ours;
    match pids(proc)?.into_iter().find(is_ours) {
        Some(pid) => process(proc, pid),
        None => Err("no process of this container is visible".into()),
    }
}

/// Opens what this is, if that is a pipe, a file or a terminal.
fn open(path: &Path) -> Result<File, Error> {
    let found = fs::metadata(path)?;
    if !is_log(&found) {
        let kind = FileType::of_mode(found.mode()).described();
        return Err(format!("is {kind}, not a pipe, a file or a terminal").into());
    }
    let flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    Ok(OpenOptions::new().append(true).custom_flags(flags).open(path)?)
}

fn is_log(found: &Metadata) -> bool {
    match FileType::of_mode(found.mode()) {
        FileType::Fifo | FileType::Regular => true,
        FileType::CharacterDevice => {
            let major = major(found.rdev());
            matches!(major, TTY | CONSOLE) || (PTS..PTS + 8).contains(&major)
        }
        _ => false,
    }
}
