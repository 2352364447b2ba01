//! What ptrace(2) tells about a process: its system calls, and its peak memory just before it ends.
//!
//! `ru_maxrss` is not suitable for the memory: it counts the pages that the child shared with its
//! parent before the exec, so for a small program under a larger harness it shows the harness.
//! Instead, a shell waits for input, is attached to with `PTRACE_SEIZE`, and then execs the
//! program, whose memory starts from nothing. ptrace(2) stops the program when it exits, while its
//! memory can still be read. The stops cost time, so these runs are not timed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::thread;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::Result;

/// Whether system calls are counted. Each then stops the program twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    Count,
    Ignore,
}

/// What is known of a process that has ended.
pub struct Traced {
    /// The system calls of all its threads, including the exec; 1 if they were not counted.
    pub calls: u64,
    /// Its peak memory, in KiB.
    pub peak: u64,
    /// Its exit status.
    pub status: i32,
    /// How many bytes it printed, if the command's stdout is a pipe.
    pub printed: u64,
}

impl Traced {
    /// Returns an error if the program failed.
    pub fn succeeded(&self) -> Result<()> {
        if self.status == 0 { Ok(()) } else { Err(format!("exit status: {}", self.status).into()) }
    }
}

/// Returns a command that runs this program as soon as it receives a line on stdin.
pub fn held(file: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"read go && exec "$@" </dev/null"#, "sh"]).arg(file).args(arguments);
    command.stdin(Stdio::piped());
    command
}

/// Reads all that a program prints, and returns how many bytes that is.
pub fn drain(mut stdout: ChildStdout) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut printed = 0;
    loop {
        match stdout.read(&mut buffer)? {
            0 => return Ok(printed),
            count => printed += u64::try_from(count)?,
        }
    }
}

/// Runs a [`held`] command to its end; `None` if this process may not trace others.
pub fn run(command: &mut Command, calls: Calls) -> Result<Option<Traced>> {
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let mut options = Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_EXITKILL;
    if calls == Calls::Count {
        options |= Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE;
    }
    let traced = match ptrace::seize(pid, options) {
        Ok(()) => true,
        Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => false,
        Err(errno) => return Err(errno.into()),
    };
    // Must not fill the pipe while this thread waits for the process.
    let printed = child.stdout.take().map(|stdout| thread::spawn(move || drain(stdout)));
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(b"go\n")?;
    }
    let mut followed = if traced {
        Some(follow(pid, calls)?)
    } else {
        child.wait()?;
        None
    };
    if let (Some(printed), Some(followed)) = (printed, &mut followed) {
        followed.printed = printed.join().map_err(|_| "the thread that reads the output panicked")??;
    }
    Ok(followed)
}

/// Follows a process and its threads until it ends.
fn follow(pid: Pid, calls: Calls) -> Result<Traced> {
    let mut traced = Traced { calls: 0, peak: 0, status: 0, printed: 0 };
    // The threads that are in a system call: each stops when it enters one, and when it returns.
    let mut inside = BTreeSet::new();
    // Not the children of other threads of this process.
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        let (stopped, signal) = match waitpid(None, Some(flags))? {
            WaitStatus::Exited(ended, status) if ended == pid => {
                traced.status = status;
                return Ok(traced);
            }
            WaitStatus::Signaled(ended, signal, _) if ended == pid => {
                return Err(format!("ended by {signal}").into());
            }
            WaitStatus::PtraceSyscall(stopped) => {
                if !inside.remove(&stopped) {
                    traced.calls += 1;
                    inside.insert(stopped);
                }
                (stopped, None)
            }
            WaitStatus::PtraceEvent(stopped, _, event) if stopped == pid => {
                if event == Event::PTRACE_EVENT_EXEC as i32 {
                    traced.calls = 1;
                    inside.insert(pid);
                } else if event == Event::PTRACE_EVENT_EXIT as i32 {
                    traced.peak = peak(pid)?;
                }
                (stopped, None)
            }
            WaitStatus::PtraceEvent(stopped, ..) => (stopped, None),
            WaitStatus::Stopped(stopped, signal) => (stopped, Some(signal)),
            _ => continue,
        };
        match resume(stopped, signal, calls == Calls::Count && traced.calls > 0) {
            // A thread that another one ended meanwhile.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn resume(pid: Pid, signal: Option<Signal>, to_system_call: bool) -> nix::Result<()> {
    if to_system_call { ptrace::syscall(pid, signal) } else { ptrace::cont(pid, signal) }
}

/// Returns the peak memory of a process that is about to end, in KiB. On older kernels the
/// high-water mark comes from counters that lag by some pages. The sum over all mappings is exact,
/// but current. The larger of the two is closer to the peak.
fn peak(pid: Pid) -> Result<u64> {
    let mark = kib(pid, "status", "VmHWM:")?;
    Ok(mark.max(kib(pid, "smaps_rollup", "Rss:").unwrap_or(0)))
}

/// Reads a value from a file of proc(5), such as `VmHWM:     620 kB`.
fn kib(pid: Pid, file: &str, key: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().next());
    Ok(value.ok_or_else(|| format!("{path} has no {key}"))?.parse()?)
}
