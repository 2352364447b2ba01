//! The most memory that a process ever had, read at the moment before it ends.
//!
//! `ru_maxrss` does not tell: it counts the pages that the child shared with its parent before the exec, so
//! that a small program under a larger harness shows the harness. Here a shell that waits for a word is
//! attached to with `PTRACE_SEIZE`, then told to exec the program, whose memory starts from nothing.
//! ptrace(2) stops it at its end, with its memory still there to be read. The stop costs time, so these
//! runs are none of the timed ones.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::Result;

/// How many runs of each program are looked at.
pub const RUNS: usize = 5;

/// A command that runs this program as soon as it is told so.
pub fn held(file: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"read go && exec "$@" </dev/null"#, "sh"]).arg(file).args(arguments);
    command.stdin(Stdio::piped());
    command
}

/// The peak of a held command, in KiB; `None` where this process may trace no other.
pub fn peak(command: &mut Command) -> Result<Option<f64>> {
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let options = Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_EXITKILL;
    let traced = match ptrace::seize(pid, options) {
        Ok(()) => true,
        Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => false,
        Err(errno) => return Err(errno.into()),
    };
    if let Some(mut told) = child.stdin.take() {
        told.write_all(b"go\n")?;
    }
    let peak = if traced { Some(at_exit(pid)?) } else { None };
    let status = child.wait()?;
    if status.success() { Ok(peak) } else { Err(status.to_string().into()) }
}

/// Waits for the end of a traced process, and lets it end.
fn at_exit(pid: Pid) -> Result<f64> {
    loop {
        match waitpid(pid, None)? {
            WaitStatus::PtraceEvent(_, _, event) if event == Event::PTRACE_EVENT_EXIT as i32 => {
                // The high-water mark of older kernels comes from counters that lag by some pages, while
                // the sum over all mappings is exact, but of now: the larger of the two is nearer.
                let mark = kib(pid, "status", "VmHWM:");
                let now = kib(pid, "smaps_rollup", "Rss:");
                ptrace::detach(pid, None)?;
                return Ok(mark?.max(now.unwrap_or(0.0)));
            }
            WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal)?,
            WaitStatus::PtraceEvent(..) => ptrace::cont(pid, None)?,
            other => return Err(format!("ended before it could be looked at: {other:?}").into()),
        }
    }
}

/// A line of a file of proc(5), as `VmHWM:     620 kB`.
fn kib(pid: Pid, file: &str, key: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().next());
    Ok(value.ok_or_else(|| format!("{path} has no {key}"))?.parse()?)
}
