//! Launchers that refuse a system call, as the seccomp filters of container engines do: with EPERM,
//! or with ENOSYS as if the kernel did not have it.
//!
//! Which calls a command makes is found by tracing it, so that no call is missing here.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::launcher::{Expected, launch, prepared, refuse};
use super::{Case, THREADS, Targets, each, full, inspections, programs, tls_checks};
use crate::cost;
use crate::place::Place;
use crate::skip::skip;

/// Returns whether there is no program without this call, whatever porthole does.
fn is_vital(call: c_long, errno: i32) -> bool {
    // The launcher makes it, not porthole.
    if call == libc::SYS_execve {
        return true;
    }
    // musl cannot set up the first thread without it, and crashes.
    #[cfg(target_arch = "x86_64")]
    if call == libc::SYS_arch_prctl {
        return true;
    }
    // Without it, musl ends the first thread alone, and the kernel takes the status of the last one.
    if call == libc::SYS_exit_group {
        return true;
    }
    // A thread has already unmapped its stack, and has nothing to return to.
    if call == libc::SYS_exit {
        return true;
    }
    // musl takes that for success when it creates a thread's stack.
    call == libc::SYS_mprotect && errno == libc::ENOSYS
}

/// Returns the numbers of the calls that all threads of a program make; `None` if this process may
/// not trace others.
fn calls(program: &Path, words: &[String]) -> Option<BTreeSet<c_long>> {
    let mut command = Command::new(program);
    command.args(words).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    prepared(&mut command, || Ok(ptrace::traceme()?));
    let Ok(child) = command.spawn() else { return None };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut calls = BTreeSet::new();
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
                    calls.extend(number(stopped));
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

/// Returns the number of the call that a thread enters.
#[allow(unsafe_code, reason = "the information is a union")]
fn number(thread: Pid) -> Option<c_long> {
    let info = ptrace::syscall_info(thread).ok()?;
    // SAFETY: the kernel says which member of the union it has written. ptrace(2)
    (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then(|| unsafe { info.u.entry.nr }.cast_signed())
}

/// A command, a call that it makes, and the error with which that fails.
type Refusal = (Vec<String>, Expected, c_long, i32);

/// Returns each command with each call that it makes, and both errors; `None` if this process may
/// not trace others.
fn refusals(program: &Path, cases: Vec<Case>) -> Option<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (words, expected) in cases {
        for call in calls(program, &words)? {
            for errno in [libc::EPERM, libc::ENOSYS].into_iter().filter(|&errno| !is_vital(call, errno)) {
                refusals.push((words.clone(), expected, call, errno));
            }
        }
    }
    Some(refusals)
}

fn judge(program: &Path, (words, expected, call, errno): &Refusal) -> Result<(), String> {
    let (call, errno) = (*call, *errno);
    let end = launch(program, words, move || refuse(call, errno));
    // Without write(2) nothing can be said.
    let result = if call == libc::SYS_write { end.exited(*expected) } else { end.judged(*expected) };
    result.map_err(|problem| format!("call {call} fails with {}: {problem}", Errno::from_raw(errno)))
}

/// Refuses each call to each command.
fn refuse_each(program: &Path, cases: Vec<Case>, threads: usize) {
    let Some(refusals) = refusals(program, cases) else {
        return skip("ptrace(2) is not permitted");
    };
    assert!(refusals.iter().any(|refusal| refusal.2 == libc::SYS_read), "no call is seen");
    each(threads, &refusals, |refusal| judge(program, refusal));
}

#[test]
fn any_system_call_of_a_check_may_be_refused() {
    let targets = Targets::new();
    let Some(program) = programs().into_iter().next() else { return };
    refuse_each(&program, targets.checks(), THREADS);
}

#[test]
fn any_system_call_of_a_check_with_tls_may_be_refused() {
    let Some(program) = full() else { return };
    let server = cost::server::Server::start().unwrap();
    let Some(cases) = tls_checks(&server) else {
        return skip("openssl, which creates the certificate, is not installed");
    };
    // The server serves one connection after the other.
    refuse_each(&program, cases, 1);
}

#[test]
fn any_system_call_of_an_inspection_may_be_refused() {
    let Some(program) = full() else { return };
    refuse_each(&program, inspections(&Place::new()), THREADS);
}
