//! Traces the system calls of a program: ptrace(2).

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::launcher::prepared;

/// A system call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: c_long,
    /// What it returned; `None` if it did not return.
    pub result: Option<i64>,
}

/// A stop of a thread at a system call.
enum Stop {
    /// It makes this call.
    Entry(c_long),
    /// The call returns this.
    Exit(i64),
}

/// Returns the calls that all threads of a program make, in their order; `None` if this process may
/// not trace others.
pub fn traced(program: &Path, words: &[String]) -> Option<Vec<Call>> {
    let mut command = Command::new(program);
    command.args(words).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    prepared(&mut command, || Ok(ptrace::traceme()?));
    let Ok(child) = command.spawn() else { return None };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut calls = Vec::new();
    // Which call each thread is in.
    let mut current = HashMap::new();
    // It stops at the exec.
    waitpid(pid, None).unwrap();
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(pid, options).unwrap();
    let mut stopped = (pid, None);
    loop {
        match ptrace::syscall(stopped.0, stopped.1) {
            // A thread that another one ended meanwhile.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => panic!("ptrace: {errno}"),
        }
        // Not the children of other threads of this process.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        stopped = loop {
            match waitpid(None, Some(flags)).unwrap() {
                WaitStatus::Exited(ended, _) | WaitStatus::Signaled(ended, ..) if ended == pid => {
                    return Some(calls);
                }
                WaitStatus::PtraceSyscall(stopped) => {
                    match stop(stopped) {
                        Some(Stop::Entry(number)) => {
                            current.insert(stopped, calls.len());
                            calls.push(Call { number, result: None });
                        }
                        Some(Stop::Exit(result)) => {
                            if let Some(at) = current.remove(&stopped) {
                                calls[at].result = Some(result);
                            }
                        }
                        None => {}
                    }
                    break (stopped, None);
                }
                // A new thread starts with a stop.
                WaitStatus::PtraceEvent(stopped, ..) | WaitStatus::Stopped(stopped, Signal::SIGSTOP) => {
                    break (stopped, None);
                }
                WaitStatus::Stopped(stopped, signal) => break (stopped, Some(signal)),
                _ => {}
            }
        };
    }
}

/// Returns why a thread has stopped at a system call.
#[allow(unsafe_code, reason = "the information is a union")]
fn stop(thread: Pid) -> Option<Stop> {
    let info = ptrace::syscall_info(thread).ok()?;
    // SAFETY: the kernel says which member of the union it has written. ptrace(2)
    unsafe {
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => Some(Stop::Entry(info.u.entry.nr.cast_signed())),
            libc::PTRACE_SYSCALL_INFO_EXIT => Some(Stop::Exit(info.u.exit.sval)),
            _ => None,
        }
    }
}
