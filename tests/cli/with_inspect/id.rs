//! `porthole id`.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::processes::{Proc, Sleeper, printed};
use crate::support::skip::{is_root, skip};

/// A process as Docker starts one, except that its user has no name and its ids differ.
fn world() -> Proc {
    let proc = Proc::new();
    proc.file("sys/kernel/cap_last_cap", "40\n");
    proc.file(
        "7/status",
        "Name:\tapp\nState:\tS (sleeping)\nPPid:\t1\nUid:\t4000000001\t4000000001\t4000000001\t4000000001\n\
         Gid:\t4000000002\t0\t0\t0\nGroups:\t4000000003 0 \nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\n\
         CapEff:\t00000000a80425fb\nCapBnd:\t000001fffff7ffff\nCapAmb:\t0000020000000001\nNoNewPrivs:\t1\nSeccomp:\t2\n",
    );
    proc.file("7/uid_map", "         0     100000      65536\n     65536          7          1\nodd\n");
    proc.file("7/gid_map", "         0          0 4294967295\n");
    proc.file("7/attr/current", "docker-default (enforce)\n");
    proc
}

#[test]
fn ids_capabilities_and_maps_are_printed() {
    let proc = world();
    // User names would be read below its root directory, which does not exist here.
    porthole(["id", "-p", "7", "--proc", proc.path()]).healthy(
        "ids of pid 7
user          4000000001
group         real 4000000002, effective 0, saved 0, fs 0
groups        4000000003, 0
permitted     all
effective     cap_chown, cap_dac_override, cap_fowner, cap_fsetid, cap_kill, cap_setgid, cap_setuid, cap_setpcap, cap_net_bind_service, cap_net_raw, cap_sys_chroot, cap_mknod, cap_audit_write, cap_setfcap (Docker's default)
bounding      all but cap_sys_ptrace
ambient       cap_chown, cap_41
inheritable   none
no_new_privs  yes
seccomp       filter
label         docker-default (enforce)
uid_map       0-65535 is 100000-165535 outside, 65536 is 7 outside
namespaces    none",
    );
    let ran = porthole(["id", "-p", "7", "--json", "--proc", proc.path()]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&json["user"], &json["uids"]),
        (
            &json!("4000000001"),
            &json!({"real": 4_000_000_001_u32, "effective": 4_000_000_001_u32,
                "saved": 4_000_000_001_u32, "fs": 4_000_000_001_u32})
        )
    );
    assert_eq!(json["capabilities"]["ambient"], json!(["cap_chown", "cap_41"]));
    assert_eq!(json["uid_map"][1], json!({"inside": 65_536, "outside": 7, "count": 1}));
    assert_eq!((&json["seccomp"], &json["label"]), (&json!("filter"), &json!("docker-default (enforce)")));
}

#[test]
fn missing_files_and_lines_are_errors() {
    porthole(["id", "--proc", "/none"]).refused("id: /none: no proc is mounted there");
    let proc = Proc::new();
    proc.file("7/x", "");
    porthole(["id", "-p", "7", "--proc", proc.path()])
        .refused(&format!("id: {}/7/status: the process is gone", proc.path()));
    let gone = format!("{}/7/status: the process is gone", proc.path());
    let ran = porthole(["id", "-p", "7", "--json", "--proc", proc.path()]).run();
    ran.has(1, &json!({"errors": [gone]}), &format!("porthole: id: {gone}"));
    let path = format!("{}/7/status", proc.path());
    for (text, line) in [("", "Uid"), ("Uid:\t7\t7\t7\t7\nSeccomp:\t0\n", "CapPrm")] {
        proc.file("7/status", text);
        porthole(["id", "-p", "7", "--proc", proc.path()])
            .refused(&format!("id: {path}: has no {line} line"));
    }
    // Some sandboxes leave lines out.
    proc.file("7/status", "Uid:\t7\t7\t7\t7\nGid:\t7\t7\t7\t7\nCapPrm:\t0\n");
    let ran = porthole(["id", "-p", "7", "--proc", proc.path()]).run();
    assert!(ran.stdout.contains("\nno_new_privs  ?\nseccomp       unknown\n"), "{}", ran.story());
    assert_eq!(
        (ran.status, ran.stderr),
        (Some(1), format!("porthole: id: {path}: has no NoNewPrivs line\n"))
    );
    let ran = porthole(["id", "-p", "7", "--json", "--proc", proc.path()]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&json["no_new_privs"], &json["seccomp"]),
        (&Value::Null, &json!("unknown")),
        "{}",
        ran.story()
    );
    porthole(["id", "x"]).refused("id: unexpected argument 'x'; see porthole id --help");
}

/// Compared with id(1), capsh(1) and readlink(1).
#[test]
fn its_own_ids_are_those_of_other_programs() {
    let ran = porthole(["id", "-p", "self", "--json"]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["uids"]["effective"].to_string(), printed(&["id", "-u"]));
    assert_eq!(json["user"], printed(&["id", "-un"]));
    assert_eq!(json["group"], printed(&["id", "-gn"]));
    let net = printed(&["readlink", "/proc/self/ns/net"]);
    let namespaces = json["namespaces"].as_array().unwrap();
    let found = namespaces.iter().find(|namespace| namespace["namespace"] == "net").unwrap();
    assert_eq!(format!("net:[{}]", found["inode"]), net);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    if Command::new("capsh").arg("--print").output().is_err() {
        skip("capsh (libcap2-bin) is not installed");
        return;
    }
    let theirs = printed(&["capsh", &format!("--decode={set}")]);
    let ours: Vec<&str> = json["capabilities"]["bounding"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(format!("0x{set}={}", ours.join(",")), theirs);
}

#[test]
fn unreadable_namespaces_are_reported() {
    let Some(folder) = for_other_users() else { return };
    let sleeper = Sleeper::called("sleeper", &[]);
    let pid = sleeper.pid().to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--groups=5,65531"]);
    let ran = output(command.arg(folder.join("porthole")).args(["id", "-p", &pid]));
    assert_eq!(ran.status, Some(1), "{}", ran.story());
    let why = format!(
        "porthole: id: /proc/{pid}/ns/cgroup: permission denied: its uid is 0, ours is 65532: run as 0:0, or as root with \
         the capability SYS_PTRACE"
    );
    assert!(ran.stderr.starts_with(&why) && ran.stderr.lines().count() == 1, "{}", ran.story());
    // The names of users are read in porthole's own root, which is that of the process.
    assert!(
        ran.stdout.starts_with(&format!("ids of pid {pid} (sleep)\nuser          0 (root)\n")),
        "{}",
        ran.story()
    );
    assert!(ran.stdout.contains("namespaces    cgroup ?, ipc ?, mnt ?, net ?, pid ?, "), "{}", ran.story());
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65532",
        "--regid=65532",
        "--groups=5,65531",
        "--no-new-privs",
        "--bounding-set=-all",
    ]);
    let ran = output(command.arg(folder.join("porthole")).args(["id", "-p", "self"]));
    assert!(ran.stdout.contains("\ngroups        5 (tty), 65531\npermitted     none\n"), "{}", ran.story());
    assert!(ran.stdout.contains("\nno_new_privs  yes\n"), "{}", ran.story());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_user_namespace_has_id_maps() {
    if !is_root() {
        return skip("only root can create a user namespace here");
    }
    let ran = output(
        Command::new("unshare").args(["--user", "--map-root-user"]).arg(binary()).args(["id", "-p", "self"]),
    );
    if ran.stderr.starts_with("unshare: ") {
        skip(&format!("cannot create a user namespace here: {}", ran.stderr));
        return;
    }
    assert!(
        ran.stdout.contains("\nuid_map       0 is 0 outside\ngid_map       0 is 0 outside\n"),
        "{}",
        ran.story()
    );
}
