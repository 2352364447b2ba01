//! The sandbox of the checks: when they enter it, and that nothing they need is missing there.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use nix::libc::{self, c_long};

use super::launcher::{be_an_old_kernel, ended, prepared};
use super::trace::traced;
use super::{Targets, programs, words};
use crate::skip::skip;

/// The calls by which something from outside could arrive.
const FROM_OUTSIDE: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_recvfrom,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

/// Returns whether a check takes nothing from outside: it only looks at a file, or there is none.
fn only_looks(words: &[String]) -> bool {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    has("no-command") || (has("file") && !has("--contains") && !has("http"))
}

/// Each check is sealed before anything from outside can arrive. From then on no call is refused but
/// openat2(2): porthole reads files without it, too.
#[test]
fn checks_are_sealed_before_anything_arrives() {
    let targets = Targets::new();
    for program in programs() {
        let mut cases: Vec<_> = targets.checks().into_iter().map(|(words, _)| words).collect();
        cases.retain(|words| !only_looks(words));
        cases.push(words("dns name.test --server 127.0.0.1 --timeout 100ms"));
        assert!(cases.len() > 20);
        for words in cases {
            let Some(calls) = traced(&program, &words) else {
                return skip("ptrace(2) is not permitted");
            };
            let sealed = calls.iter().position(|call| call.number == libc::SYS_seccomp);
            let sealed = sealed.unwrap_or_else(|| panic!("{words:?} is not sealed"));
            assert_eq!(calls[sealed].result, Some(0), "{words:?}");
            let early: Vec<_> =
                calls[..sealed].iter().filter(|call| FROM_OUTSIDE.contains(&call.number)).collect();
            assert!(early.is_empty(), "{words:?}: {early:?}");
            let is_missing =
                |number, result| result == -i64::from(libc::ENOSYS) && number != libc::SYS_openat2;
            let missing: Vec<_> = calls[sealed..]
                .iter()
                .filter(|call| call.result.is_some_and(|result| is_missing(call.number, result)))
                .collect();
            assert!(missing.is_empty(), "{words:?}: {missing:?}");
        }
    }
}

/// Returns the number of seccomp filters of a process: proc_pid_status(5). `None` if this kernel,
/// older than 5.9, does not tell.
fn filters(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
}

#[test]
fn an_old_kernel_gets_the_filter_without_a_flag() {
    let Some(ours) = filters(std::process::id()) else {
        return skip("this kernel does not tell the number of seccomp filters");
    };
    for program in programs() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = Command::new(program);
        command.args(["http", &listener.local_addr().unwrap().to_string(), "--timeout", "1m"]);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepared(&mut command, be_an_old_kernel);
        let mut child = command.spawn().unwrap();
        let connection = listener.accept().unwrap();
        let theirs = filters(child.id());
        drop(connection);
        assert_eq!(ended(&mut child).code(), Some(1));
        // That of the old kernel is one of them.
        assert_eq!(theirs, Some(ours + 2));
    }
}
