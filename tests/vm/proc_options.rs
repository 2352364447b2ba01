//! The options of a mount of proc, and what else keeps processes from each other. proc(5)

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use serde_json::{Value, json};

use crate::guest::{Running, apart, as_nobody, assert_found, assert_guest, document};
use crate::support::command::{output, porthole};
use crate::support::server::folder;

/// What porthole says about a table of the network that `subset=pid` keeps it from reading.
pub const SUBSET: &str = "no such file or directory: /proc is mounted with subset=pid";

/// Whether this kernel opens the tables in /proc/PID/net if /proc is mounted with `subset=pid`. Of
/// those that the guests have, only Linux 5.10 does not, although it lists them.
pub fn opens_tables_of_subset() -> bool {
    let opens = !fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().starts_with("5.10.");
    with_proc("subset=pid", || {
        for table in ["tcp", "tcp6", "udp", "unix", "dev"] {
            let path = format!("/proc/self/net/{table}");
            // A kernel without IPv6 has no table of it.
            if fs::exists(&path).unwrap() {
                assert_eq!(fs::read(&path).is_ok(), opens, "{table}");
            }
        }
    });
    opens
}

/// Runs the body where /proc has these options.
pub fn with_proc<T: Send>(options: &str, body: impl FnOnce() -> T + Send) -> T {
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

/// /proc/net is missing, and so are /proc/stat and /proc/meminfo, but no process.
#[test]
fn with_subset_pid_processes_and_tcp_sockets_are_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let own = std::process::id().to_string();
    with_proc("subset=pid", || {
        assert!(!fs::exists("/proc/net").unwrap());
        for arguments in [&["listen", &port][..], &["process", "vm"], &["lsof"], &["limits"]] {
            let ran = porthole(arguments.iter().copied()).run();
            assert_eq!(ran.status, Some(0), "{}", ran.story());
        }
        let sockets = document(0, &["ss", "-t"]);
        let local = json!(format!("127.0.0.1:{port}"));
        let found = sockets["sockets"].as_array().unwrap().iter().find(|socket| socket["local"] == local);
        assert_eq!(found.unwrap()["processes"][0]["process"], "vm", "{sockets}");
        assert_eq!(sockets["errors"], json!([]));
        let ran = porthole(["ps", "vm"]).run();
        let unknown = "/proc/uptime: no such file or directory (subset=pid of proc(5)): start and CPU times are unknown";
        assert_eq!(
            (ran.status, ran.stderr.trim()),
            (Some(0), &*format!("porthole: ps: {unknown}")),
            "{}",
            ran.story()
        );
        let addresses = document(0, &["ip", "addr"]);
        assert_eq!(addresses["interfaces"][0]["name"], "lo", "{addresses}");
        let rows = document(0, &["top"]);
        assert!(rows["processes"].as_array().unwrap().iter().any(|row| row["process"] == "vm"), "{rows}");
        assert_found(std::process::id(), "hint", &["may make any system call"]);
        let report = document(0, &["report", "-p", &own]);
        assert_eq!(report["doctor"]["process"], "vm", "{report}");
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

/// In a user namespace that maps root alone, every other user is 65534. user_namespaces(7)
#[test]
fn a_user_namespace_hides_the_accounts_outside() {
    assert_guest();
    let folder = folder();
    let path = folder.join("file");
    fs::write(&path, "").unwrap();
    std::os::unix::fs::chown(&path, Some(1234), Some(1234)).unwrap();
    let path = path.to_str().unwrap();
    let other = Running::start(Command::new("/bin/sleep").arg("1000").uid(1234).gid(1234));
    let own = std::process::id();
    let run = |arguments: &[&str]| {
        let words = ["unshare", "-U", "-r", "/bin/porthole"];
        output(Command::new("/bin/busybox").args(words).args(arguments).env_clear())
    };
    let json = |arguments: &[&str]| {
        let ran = run(&[arguments, &["--json"]].concat());
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let id = json(&["id", "-p", "self"]);
    let root = json!({"real": 0, "effective": 0, "saved": 0, "fs": 0});
    assert_eq!((&id["user"], &id["uids"], &id["gids"]), (&json!("root"), &root, &root), "{id}");
    let of = |list: &Value, name: &str| (list[name].clone(), list["uid"].clone(), list["user"].clone());
    let entries = json(&["ls", "-l", path]);
    assert_eq!(of(&entries["entries"][0], "path"), (json!(path), json!(65534), json!("nobody")));
    let processes = json(&["ps"]);
    let row = |pid: u32| {
        let list = processes["processes"].as_array().unwrap();
        list.iter().find(|row| row["pid"] == pid).unwrap_or_else(|| panic!("{processes}"))
    };
    assert_eq!(of(row(other.pid()), "process"), (json!("sleep"), json!(65534), json!("nobody")));
    assert_eq!(of(row(own), "process"), (json!("vm"), json!(0), json!("root")));
    run(&["http", "http://127.0.0.1:1/"]).is(
        1,
        "unhealthy: http http://127.0.0.1:1/: connection refused (127.0.0.1)",
        "",
    );
    // All capabilities in a namespace are none over a process outside.
    let why = format!(
        "cannot read environ, exe, cwd, root, ns/mnt of pid {own} (vm): although porthole has CAP_SYS_PTRACE"
    );
    let ran = run(&["doctor", "-p", &own.to_string()]);
    assert!(ran.stdout.replace("\n  ", " ").contains(&why), "{}", ran.story());
    let barrier =
        format!("/proc/{own}/uid_map: 0 0 4294967295, porthole's is 0 0 1: it is in another user namespace");
    assert!(ran.stdout.contains(&barrier), "{}", ran.story());
    let ran = run(&["env", "-p", &own.to_string()]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(
        ran.stderr.starts_with(&format!("porthole: env: /proc/{own}/environ: permission denied")),
        "{}",
        ran.story()
    );
}
