//! Launchers that refuse a system call, as the seccomp filters of container engines do: with EPERM,
//! or with ENOSYS as if the kernel did not have it.
//!
//! Which calls a command makes is found by tracing it, so that no call is missing here.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{self, c_long};

use super::launcher::{Expected, launch, refuse};
use super::trace::traced;
use super::{Case, THREADS, Targets, each, full, inspections, programs, tls_checks, typical_checks};
use crate::cost;
use crate::place::Place;
use crate::server::{Server, answer, response};
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

/// A command, two calls that it makes, which may be the same, and the error with which they fail.
type Refusal = (Vec<String>, Expected, [c_long; 2], i32);

/// Returns each command with each call that it makes, or with each pair of them, and both errors;
/// `None` if this process may not trace others.
fn refusals(program: &Path, cases: Vec<Case>, in_pairs: bool) -> Option<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (words, expected) in cases {
        let calls: BTreeSet<c_long> = traced(program, &words)?.iter().map(|call| call.number).collect();
        for errno in [libc::EPERM, libc::ENOSYS] {
            let calls: Vec<c_long> = calls.iter().copied().filter(|&call| !is_vital(call, errno)).collect();
            for (at, &one) in calls.iter().enumerate() {
                let others = if in_pairs { &calls[at + 1..] } else { &calls[at..=at] };
                refusals.extend(others.iter().map(|&other| (words.clone(), expected, [one, other], errno)));
            }
        }
    }
    Some(refusals)
}

fn judge(program: &Path, (words, expected, calls, errno): &Refusal) -> Result<(), String> {
    let (calls, errno) = (*calls, *errno);
    let end = launch(program, words, move || refuse(calls, errno));
    // Without write(2) nothing can be said.
    let is_mute = calls.contains(&libc::SYS_write);
    let result = if is_mute { end.exited(*expected) } else { end.judged(*expected) };
    result.map_err(|problem| format!("calls {calls:?} fail with {}: {problem}", Errno::from_raw(errno)))
}

/// Refuses each call to each command, or each pair of calls.
fn refuse_each(program: &Path, cases: Vec<Case>, in_pairs: bool, threads: usize) {
    let Some(refusals) = refusals(program, cases, in_pairs) else {
        return skip("ptrace(2) is not permitted");
    };
    let is_read = |refusal: &Refusal| refusal.2.contains(&libc::SYS_read);
    assert!(refusals.iter().any(is_read), "no call is seen");
    each(threads, &refusals, |refusal| judge(program, refusal));
}

#[test]
fn any_system_call_of_a_check_may_be_refused() {
    let targets = Targets::new();
    let Some(program) = programs().into_iter().next() else { return };
    refuse_each(&program, targets.checks(), false, THREADS);
}

#[test]
fn any_two_system_calls_of_a_check_may_be_refused() {
    let Some(program) = programs().into_iter().next() else { return };
    let (http, place) = (Server::new(answer(response("200 OK", "ready"))), Place::new());
    let text = place.file("text", "a line\n".repeat(1000));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    refuse_each(&program, typical_checks(&http, &text, port), true, THREADS);
}

#[test]
fn any_system_call_of_a_check_with_tls_may_be_refused() {
    for program in programs().into_iter().filter(|program| !program.ends_with("porthole-probe")) {
        let server = cost::server::Server::start().unwrap();
        let Some(cases) = tls_checks(&server) else {
            return skip("openssl, which creates the certificate, is not installed");
        };
        // The server serves one connection after the other.
        refuse_each(&program, cases, false, 1);
    }
}

#[test]
fn any_system_call_of_an_inspection_may_be_refused() {
    let Some(program) = full() else { return };
    refuse_each(&program, inspections(&Place::new()), false, THREADS);
}
