//! The sandbox: once a check has connected, its process may do only what checks do. The unit test of
//! src/sys/sandbox.rs shows what that is.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::command::{binary, started};
use crate::support::skip::skip;

/// Returns the number of seccomp filters of each thread of a process: proc_pid_status(5). `None` if
/// this kernel, older than 5.9, does not tell.
fn filters(pid: u32) -> Option<Vec<u32>> {
    let count = |path: &std::path::Path| -> Option<u32> {
        let status = fs::read_to_string(path.join("status")).unwrap();
        status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
    };
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.map(|thread| count(&thread.unwrap().path())).collect()
}

#[test]
fn all_threads_are_sealed_before_the_first_answer() {
    let Some(ours) = filters(std::process::id()) else {
        return skip("this kernel does not tell the number of seccomp filters");
    };
    for words in [&["http", "@"][..], &["tcp", "@", "--expect", "x"], &["http", "@", "or", "redis", "@"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut command = Command::new(binary());
        command.args(words.iter().map(|&word| if word == "@" { &address } else { word }));
        command.args(["--timeout", "1m"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = started(&mut command, Command::spawn);
        let checks = words.iter().filter(|&&word| word == "@").count();
        let connections: Vec<_> = (0..checks).map(|_| listener.accept().unwrap()).collect();
        let theirs = filters(child.id()).unwrap();
        drop(connections);
        child.wait().unwrap();
        assert_eq!(theirs, vec![ours[0] + 1; checks], "{words:?}");
    }
}
