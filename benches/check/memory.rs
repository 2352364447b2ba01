//! The peak memory of a process, read just before it ends.
//!
//! `ru_maxrss` is not suitable: it counts the pages that the child shared with its parent before
//! the exec, so for a small program under a larger harness it shows the harness. Instead, a shell
//! waits for input, is attached to with `PTRACE_SEIZE`, and then execs the program, whose memory
//! starts from nothing. ptrace(2) stops the program when it exits, while its memory can still be
//! read. The stop costs time, so these runs are not timed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::Result;

/// How many runs of each program are traced.
pub const RUNS: usize = 5;

/// Returns a command that runs this program as soon as it receives a line on stdin.
pub fn held(file: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"read go && exec "$@" </dev/null"#, "sh"]).arg(file).args(arguments);
    command.stdin(Stdio::piped());
    command
}

/// Returns the peak memory of a held command, in KiB; `None` if this process may not trace others.
pub fn peak(command: &mut Command) -> Result<Option<f64>> {
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let options = Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_EXITKILL;
    let traced = match ptrace::seize(pid, options) {
        Ok(()) => true,
        Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => false,
        Err(errno) => return Err(errno.into()),
    };
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(b"go\n")?;
    }
    let peak = if traced { Some(at_exit(pid)?) } else { None };
    let status = child.wait()?;
    if status.success() { Ok(peak) } else { Err(status.to_string().into()) }
}

/// Waits until a traced process exits, reads its peak memory, and lets it end.
fn at_exit(pid: Pid) -> Result<f64> {
    loop {
        match waitpid(pid, None)? {
            WaitStatus::PtraceEvent(_, _, event) if event == Event::PTRACE_EVENT_EXIT as i32 => {
                // On older kernels the high-water mark comes from counters that lag by some pages.
                // The sum over all mappings is exact, but current. The larger of the two is closer
                // to the peak.
                let mark = kib(pid, "status", "VmHWM:");
                let now = kib(pid, "smaps_rollup", "Rss:");
                ptrace::detach(pid, None)?;
                return Ok(mark?.max(now.unwrap_or(0.0)));
            }
            WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal)?,
            WaitStatus::PtraceEvent(..) => ptrace::cont(pid, None)?,
            other => return Err(format!("ended before its memory could be read: {other:?}").into()),
        }
    }
}

/// Reads a value from a file of proc(5), such as `VmHWM:     620 kB`.
fn kib(pid: Pid, file: &str, key: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().next());
    Ok(value.ok_or_else(|| format!("{path} has no {key}"))?.parse()?)
}
