//! The options of a mount of proc, and what else keeps processes from each other. proc(5)

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use std::fs;
use std::process::Command;

use crate::guest::{Running, apart, as_nobody, assert_guest, document};
use crate::support::command::porthole;

/// Runs the body where /proc has these options.
fn with_proc<T: Send>(options: &str, body: impl FnOnce() -> T + Send) -> T {
    apart(CloneFlags::empty(), || {
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), Some(options)).unwrap();
        body()
    })
}

#[test]
fn hidden_processes_are_not_called_absent() {
    let process = Running::start(Command::new("/bin/sleep").arg("1000"));
    let pid = process.pid().to_string();
    for (option, name_is_visible) in [("0", true), ("1", true), ("2", false), ("4", false)] {
        let (seen, ps, by_pid) = with_proc(&format!("hidepid={option}"), || {
            (as_nobody(&["process", "sleep"]), as_nobody(&["ps"]), as_nobody(&["process", "--pid", &pid]))
        });
        let what = format!("hidepid={option}\n{}\n{}\n{}", seen.story(), ps.story(), by_pid.story());
        if option == "0" {
            assert_eq!((seen.status, by_pid.status, ps.status), (Some(0), Some(0), Some(0)), "{what}");
            assert!(ps.stdout.contains("sleep"), "{what}");
            continue;
        }
        // Whatever cannot be seen, the answer is no verdict of absence, and says why.
        assert_ne!(seen.status, Some(0), "{what}");
        assert!(seen.stderr.contains("hidepid"), "{what}");
        assert!(!ps.stdout.contains("sleep") || name_is_visible, "{what}");
        assert!(ps.stderr.contains("hidepid"), "{what}");
    }
}

#[test]
fn root_sees_everything_whatever_hidepid_is() {
    let process = Running::start(Command::new("/bin/sleep").arg("1000"));
    for option in ["0", "1", "2", "4"] {
        let ran = with_proc(&format!("hidepid={option}"), || porthole(["process", "sleep"]).run());
        assert_eq!(ran.status, Some(0), "hidepid={option}\n{}", ran.story());
    }
    drop(process);
}

/// /proc/net is missing, but /proc/self/net is not; nor are /proc/stat, /proc/meminfo.
#[test]
fn with_subset_pid_sockets_and_processes_are_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    with_proc("subset=pid", || {
        assert!(!fs::exists("/proc/net").unwrap());
        for arguments in
            [&["listen", &port][..], &["process", "vm"], &["ps"], &["ss", "-t"], &["lsof"], &["limits"]]
        {
            let ran = porthole(arguments.iter().copied()).run();
            assert_eq!(ran.status, Some(0), "{}", ran.story());
        }
        let ran = porthole(["ss", "-t"]).run();
        assert!(ran.stdout.contains(&port), "{}", ran.story());
        for arguments in [&["top"][..], &["doctor"], &["report"]] {
            let ran = porthole(arguments.iter().copied()).run();
            assert!(!ran.stdout.is_empty(), "{}", ran.story());
        }
    });
}

/// With ptrace_scope 2 and 3 only the capability, or nobody, may trace; reading is not tracing, so
/// that root sees what it saw before. kernel.org: admin-guide/LSM/Yama.rst
#[test]
fn yama_keeps_nothing_from_root() {
    assert_guest();
    let process = Running::start(Command::new("/bin/sleep").arg("1000"));
    let pid = process.pid().to_string();
    for scope in ["0", "1", "2", "3"] {
        fs::write("/proc/sys/kernel/yama/ptrace_scope", scope).unwrap();
        let env = document(0, &["env", "-p", &pid]);
        assert_eq!(env["errors"], serde_json::json!([]), "ptrace_scope {scope}: {env}");
        let open = document(0, &["lsof", "-p", &pid]);
        assert_eq!(open["errors"], serde_json::json!([]), "ptrace_scope {scope}: {open}");
    }
}

#[test]
fn denied_is_told_from_empty() {
    let process = Running::start(Command::new("/bin/sleep").arg("1000"));
    let pid = process.pid().to_string();
    for command in ["env", "lsof"] {
        let ran = as_nobody(&[command, "-p", &pid]);
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        assert!(
            ran.stderr.contains("ermission denied") || ran.stderr.contains("cannot read"),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn a_user_namespace_hides_the_accounts_outside() {
    assert_guest();
    let run = |arguments: &[&str]| {
        let mut words = vec!["unshare", "-U", "-r", "/bin/porthole"];
        words.extend(arguments);
        let ran = Command::new("/bin/busybox").args(&words).output().unwrap();
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stdout).into_owned(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        )
    };
    for arguments in [
        &["id", "-p", "self"][..],
        &["ps"],
        &["ls", "-l", "/"],
        &["http", "http://127.0.0.1:1/"],
        &["doctor"],
    ] {
        let (status, stdout, stderr) = run(arguments);
        assert!(status == Some(0) || status == Some(1), "{arguments:?}: {stdout}{stderr}");
        assert!(!stdout.is_empty(), "{arguments:?}: {stderr}");
    }
    let (_, stdout, _) = run(&["id", "-p", "self"]);
    assert!(stdout.contains("root"), "{stdout}");
}
