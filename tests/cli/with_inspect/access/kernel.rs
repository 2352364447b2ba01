//! What the kernel denies besides the mode: read-only and `noexec` mounts, `chattr` flags, sticky
//! directories, and files with rules of their own.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::process::Command;

use serde_json::{Value, json};

use super::{assert_same, by_kernel, by_porthole, place};
use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::processes::{Proc, Sleeper};
use crate::support::skip::{skip, skip_by_design};

#[test]
fn links_in_sticky_directories_are_judged_as_by_the_kernel() {
    let Some(place) = place() else { return };
    fs::create_dir(place.path("shared")).unwrap();
    place.mode("shared", 0o1777);
    let file = place.file("file", "");
    place.mode("file", 0o644);
    let link = place.path("shared/link");
    symlink(&file, &link).unwrap();
    lchown(&link, Some(70_001), None).unwrap();
    for (uid, expected) in [("70001", "r--"), ("70002", "---")] {
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
        let theirs = by_kernel(&[&ids[0], &ids[1], "--clear-groups"], std::slice::from_ref(&link));
        let program = binary();
        let by_porthole =
            by_porthole(&[&program], &["--uid", uid, "--gid", uid], std::slice::from_ref(&link));
        assert_eq!(by_porthole, theirs);
        if fs::read("/proc/sys/fs/protected_symlinks").unwrap().trim_ascii() == b"1" {
            assert_eq!(by_porthole, [expected]);
        }
    }
}

#[test]
fn mount_options_deny_writing_executing_and_devices() {
    let Some(place) = place() else { return };
    let script = "mount -t tmpfs -o ro,noexec none \"$1\" && mount -o remount,rw,noexec \"$1\" && cp /bin/true \"$1/file\" && \
        chmod 755 \"$1/file\" && mkdir -m 755 \"$1/folder\" && mknod -m 666 \"$1/null\" c 1 3 && \
        mount -o remount,ro,noexec \"$1\" || exit 77; cd \"$1\"; for path in file folder null; do for how in --write --exec; do \
        \"$2\" access $path $how | tail -1; done; done; mount -o remount,bind,nodev \"$1\" && ! true <null && \
        \"$2\" access null | tail -1";
    let mut command = Command::new("unshare");
    let program = binary();
    let root = place.path("");
    let ran = output(command.args(["-m", "sh", "-c", script, "sh", &root, &program]));
    if ran.status == Some(77) {
        return skip_by_design("cannot mount a file system here");
    }
    let at = root.trim_end_matches('/');
    let expected = format!(
        "no: 0:0 may not write file: {at}/file: is on a read-only mount\n\
         no: 0:0 may not execute file: {at}/file: is on a mount with noexec\n\
         no: 0:0 may not write folder: {at}/folder: is on a read-only mount\n\
         yes: 0:0 may search {at}/folder\n\
         yes: 0:0 may write {at}/null\n\
         no: 0:0 may not execute null: {at}/null: is a character device, which cannot be executed\n\
         no: 0:0 may not read null: {at}/null: is a character device on a mount with nodev\n"
    );
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), expected.as_str()), "{}", ran.story());
}

#[test]
fn files_guarded_by_ptrace_are_not_judged() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let sleeper = Sleeper::called("sleeper", &[]);
    let pid = sleeper.pid();
    let last = |path: &str, words: &[&str]| {
        let ran = porthole([&["access", path, "--json"], words].concat()).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(ran.status == Some(0), json["allowed"] == json!(true), "{}", ran.story());
        (json["allowed"].clone(), json["reason"].as_str().unwrap().to_owned())
    };
    let maps = format!("/proc/{pid}/maps");
    let other = ["--uid", "65532", "--gid", "65532"];
    let why = format!(
        "cannot tell whether 65532:65532 may read {maps}: {maps}: belongs to a process, so ptrace(2) decides too: try it as \
         that user (docker exec --user, setpriv)"
    );
    assert_eq!(last(&maps, &other), (Value::Null, why));
    let ids = ["--reuid=65532", "--regid=65532", "--clear-groups", "cat", &maps];
    assert_ne!(output(Command::new("setpriv").args(ids)).status, Some(0));
    assert_eq!(last(&maps, &[]).0, Value::Null);
    // The mode alone denies here, whatever ptrace(2) would decide.
    let (allowed, why) = last(&format!("/proc/{pid}/environ"), &other);
    assert!(allowed == json!(false) && why.ends_with("mode 0400 does not let others read"), "{why}");
    for link in ["exe", "cwd", "root"]
        .map(|name| format!("/proc/{pid}/{name}"))
        .into_iter()
        .chain(["/proc/self/fd/0".to_owned()])
    {
        let (allowed, why) = last(&link, &["--exec"]);
        assert!(allowed.is_null() && why.ends_with("(docker exec --user, setpriv)"), "{why}");
    }
    // The caller's own files, and files that belong to no process.
    for path in ["/proc/self/maps", "/proc/self/environ", "/proc/mounts", "/proc/version"] {
        assert_eq!(last(path, &[]).0, json!(true), "{path}");
    }
    for words in [&other[..], &["-p", &pid.to_string()]] {
        assert_eq!(last("/proc/self/status", words).0, Value::Null);
        assert_eq!(last("/proc/version", words).0, json!(true));
    }
    assert_eq!(last(&maps, &["-p", &pid.to_string()]).0, json!(true));
    drop(place);
    fs::remove_dir_all(programs).unwrap();
}

#[test]
#[ignore = "slow: run by make test"]
fn kernel_settings_are_judged_as_by_the_kernel() {
    let Some(_place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    let program = programs.join("porthole");
    let program = program.to_str().unwrap();
    let paths: Vec<String> = [
        "kernel/ostype",
        "kernel/cad_pid",
        "kernel/hostname",
        "vm/drop_caches",
        "net/ipv4/route/flush",
        "net/ipv4/ip_forward",
        "net/ipv4",
    ]
    .map(|name| format!("/proc/sys/{name}"))
    .into_iter()
    .filter(|path| fs::metadata(path).is_ok())
    .collect();
    let ids = ["--reuid=65532", "--regid=65532", "--clear-groups"];
    assert_same(&paths, &by_kernel(&[], &paths), &by_porthole(&[program], &[], &paths), "root");
    let other = ["--uid", "65532", "--gid", "65532"];
    assert_same(&paths, &by_kernel(&ids, &paths), &by_porthole(&[program], &other, &paths), "65532");
    let ids = ["--reuid=65532", "--regid=65532", "--groups=0"];
    let member = ["--uid", "65532", "--gid", "65532", "--groups", "0"];
    assert_same(
        &paths,
        &by_kernel(&ids, &paths),
        &by_porthole(&[program], &member, &paths),
        "of root's group",
    );
    let sets = ["--bounding-set=-all", "--inh-caps=-all"];
    let before = ["setpriv", sets[0], sets[1], program];
    assert_same(
        &paths,
        &by_kernel(&sets, &paths),
        &by_porthole(&before, &[], &paths),
        "root without capabilities",
    );
    let admin = ["--reuid=65532", "--clear-groups", "--inh-caps=+net_admin", "--ambient-caps=+net_admin"];
    let before = [&["setpriv"], &admin[..], &[program]].concat();
    assert_same(
        &paths,
        &by_kernel(&admin, &paths),
        &by_porthole(&before, &[], &paths),
        "an administrator of the network",
    );
    let ran = porthole(["access", "/proc/sys/kernel/ostype", "--write"]).run();
    let why = "mode 0444 of a kernel setting does not let the owner write, whatever its capabilities\n";
    assert!(ran.stdout.ends_with(why), "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn the_kernel_log_requires_a_capability() {
    let Some(place) = place() else { return };
    // The verdict for each: true, false, or null if unknown.
    let verdict = |status: &str, restricts: Option<&str>, path: &str| {
        let proc = Proc::new();
        proc.file("7/status", status);
        symlink("/", format!("{}/7/root", proc.path())).unwrap();
        if let Some(restricts) = restricts {
            proc.file("sys/kernel/dmesg_restrict", restricts);
        }
        let ran = porthole(["access", path, "--json", "-p", "7", "--proc", proc.path()]).run();
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        (json["allowed"].clone(), json["reason"].as_str().unwrap().to_owned())
    };
    let ids = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t0\nCapBnd:\t000001ffffffffff\nCapEff:\t";
    let (without, with) = (format!("{ids}000001fbffffffff\n"), format!("{ids}000001ffffffffff\n"));
    let path = place.path("kmsg");
    let made = Command::new("mknod").args(["-m", "644", &path, "c", "1", "11"]).status();
    if made.unwrap().success() && !fs::File::open(&path).is_err_and(|why| why.raw_os_error() == Some(13)) {
        for (status, restricts, allowed) in [
            (&without, Some("1\n"), json!(false)),
            (&without, Some("0\n"), json!(true)),
            (&without, None, Value::Null),
            (&with, Some("1\n"), json!(true)),
            (&with, None, json!(true)),
        ] {
            let (found, why) = verdict(status, restricts, &path);
            assert_eq!(found, allowed, "{why}");
        }
    } else {
        skip("cannot create a device here");
    }
    assert_eq!(verdict(&with, None, "/proc/kmsg").0, json!(true));
    let (allowed, why) = verdict(&without, Some("0\n"), "/proc/kmsg");
    assert_eq!(allowed, json!(false));
    assert!(why.ends_with("/proc/kmsg: is the kernel's log, which requires CAP_SYSLOG (syslog(2))"), "{why}");
}

/// Clears the chattr(1) flags when dropped, so that the file can be removed.
struct ClearFlags(String);

impl Drop for ClearFlags {
    fn drop(&mut self) {
        let _ = Command::new("chattr").args(["-ia", &self.0]).output();
    }
}

#[test]
fn immutable_and_append_only_files_deny_writing() {
    let Some(place) = place() else { return };
    fs::create_dir(place.path("folder")).unwrap();
    let folder = place.path("folder");
    let file = place.file("file", "");
    let mut kept = Vec::new();
    for (path, flag, why) in [
        (&file, "+i", Some("is immutable for all users (chattr +i)")),
        (&file, "+a", Some("is append-only (chattr +a): it opens only with O_APPEND")),
        (&folder, "+i", Some("is immutable for all users (chattr +i)")),
        (&folder, "+a", None),
    ] {
        kept.push(ClearFlags(path.clone()));
        if !Command::new("chattr").args([flag, path]).output().is_ok_and(|ran| ran.status.success()) {
            return skip("chattr(1) is not installed, or this file system has no such flags");
        }
        let ran = porthole(["access", path, "--write"]).run();
        let by_kernel = if *path == file {
            fs::OpenOptions::new().write(true).open(path).map(drop)
        } else {
            fs::write(format!("{path}/new"), "")
        };
        assert_eq!(by_kernel.is_ok(), why.is_none(), "{flag} {path}");
        assert_eq!(ran.status == Some(0), why.is_none(), "{}", ran.story());
        let end = why.map_or_else(|| format!("write {path}\n"), |why| format!("{path}: {why}\n"));
        assert!(ran.stdout.ends_with(&end), "{}", ran.story());
        assert_eq!(porthole(["access", path]).run().status, Some(0));
        kept.clear();
    }
}
