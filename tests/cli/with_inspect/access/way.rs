//! Path resolution: links, components that are not directories, paths that are too long.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::Command;

use serde_json::{Value, json};

use super::place;
use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::processes::Sleeper;
use crate::support::skip::skip;

#[test]
fn a_file_as_a_component_is_not_a_directory() {
    let Some(place) = place() else { return };
    let path = place.file("db", "");
    place.mode("db", 0o644);
    let below = format!("{path}/x");
    for ids in [&["--uid", "65532"][..], &[]] {
        let ran = porthole([&["access", &below], ids].concat()).run();
        let end = format!("may not read {below}: {path}: is a regular file, not a directory\n");
        assert!(ran.status == Some(1) && ran.stdout.ends_with(&end), "{}", ran.story());
    }
    assert_eq!(fs::read(below).unwrap_err().raw_os_error(), Some(nix::errno::Errno::ENOTDIR as i32));
}

#[test]
fn a_trailing_slash_in_a_link_requires_a_directory() {
    let Some(place) = place() else { return };
    place.file("f", "");
    fs::create_dir(place.path("d")).unwrap();
    place.mode("d", 0o755);
    for (name, to) in
        [("sl", "f/"), ("again", "sl"), ("slashes", "again//"), ("to", "d/"), ("into", "d/../f")]
    {
        symlink(to, place.path(name)).unwrap();
    }
    let file = place.path("f");
    for (name, is_there) in
        [("sl", false), ("again", false), ("slashes", false), ("to", true), ("into", true)]
    {
        let path = place.path(name);
        assert_eq!(fs::metadata(&path).is_ok(), is_there, "{name}");
        let ran = porthole(["access", &path]).run();
        assert_eq!(ran.status == Some(0), is_there, "{}", ran.story());
        assert!(
            is_there || ran.stdout.ends_with(&format!("no: {file}: not a directory\n")),
            "{}",
            ran.story()
        );
    }
}

#[test]
fn a_path_longer_than_path_max_is_too_long() {
    for (length, is_there) in [(4095, true), (4096, false), (5000, false)] {
        let path = "/".repeat(length);
        assert_eq!(fs::metadata(&path).is_ok(), is_there);
        let ran = porthole(["access", &path]).run();
        assert_eq!(ran.status == Some(0), is_there, "{length}");
        assert!(is_there || ran.stdout.contains("name too long"), "{length}: {}", &ran.stdout[length..]);
    }
}

#[test]
fn without_openat2_another_process_cannot_be_inspected() {
    let sleeper = Sleeper::called("sleeper", &[]);
    let pid = sleeper.pid().to_string();
    let program = binary();
    for command in ["ls", "access"] {
        // Like a seccomp profile that is older than the system call.
        let mut strace = Command::new("strace");
        strace.args([
            // The call is made by another thread.
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=openat2:error=EPERM",
            &program,
            command,
            "-p",
            &pid,
            "/",
        ]);
        if strace.output().is_err() {
            return skip("strace is not installed");
        }
        let ran = output(&mut strace);
        let why = "/: openat2(2) is not available (it needs Linux 5.6 and a seccomp profile that allows it: a newer \
            engine's, or one of your own); without it, another process's files cannot be told apart from our own\n";
        assert_eq!(ran.status, Some(1), "{}", ran.story());
        assert!(ran.stderr.ends_with(&format!("porthole: {command}: {why}")), "{}", ran.story());
    }
}

#[test]
fn a_directory_porthole_cannot_search_gives_no_verdict() {
    let Some(place) = place() else { return };
    let Some(programs) = for_other_users() else { return };
    fs::create_dir(place.path("closed")).unwrap();
    let path = place.file("closed/file", "");
    place.mode("closed", 0o700);
    chown(place.path("closed"), Some(70_001), None).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
    let ran = output(command.args(["access", &path, "--uid", "70001", "--json"]));
    let error =
        format!("{path}: permission denied: porthole cannot look further, even if the user can; run as root");
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&json["allowed"], &json["errors"]), (&Value::Null, &json!([error])), "{}", ran.story());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), format!("porthole: access: {error}\n").as_str()));
    fs::remove_dir_all(programs).unwrap();
}
