//! `porthole install`: the program where another container finds it, or nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{Ran, binary, for_other_users, output, porthole};
use crate::support::place::Place;
use crate::support::processes::Sleeper;
use crate::support::skip::{is_root, skip};

/// It is the program, anyone may run it, and it runs.
#[track_caller]
fn is_the_program(path: &str) {
    assert!(fs::read(path).unwrap() == fs::read(binary()).unwrap());
    let meta = fs::symlink_metadata(path).unwrap();
    assert_eq!(meta.mode(), 0o100_755, "{:o}", meta.mode());
    let ran = output(Command::new(path).arg("--version"));
    assert!(ran.stdout.starts_with("porthole "), "{}", ran.story());
}

/// What it says once it is done, whatever the size.
#[track_caller]
fn is_said(ran: &Ran, path: &str) {
    let start = format!("installed {path} (");
    assert!(ran.stdout.starts_with(&start) && ran.stdout.ends_with("M)\n"), "{}", ran.story());
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str(), ran.status), (1, "", Some(0)));
}

/// What is in a folder.
fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(&place.0).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn as_a_new_file_and_into_a_folder() {
    let place = Place::new();
    let new = place.path("new");
    is_said(&porthole(["install", &new]).run(), &new);
    is_the_program(&new);
    fs::create_dir(place.path("folder")).unwrap();
    symlink("folder", place.path("link")).unwrap();
    for (dest, path) in
        [("folder", "folder/porthole"), ("folder/", "folder/porthole"), ("link", "link/porthole")]
    {
        let path = place.path(path);
        is_said(&porthole(["install", &place.path(dest)]).run(), &path);
        is_the_program(&path);
        fs::remove_file(path).unwrap();
    }
    // Relative to where it is, and by its name.
    let name = place.path("install");
    symlink(binary(), &name).unwrap();
    let ran = output(Command::new(&name).arg("beside").current_dir(&place.0));
    is_said(&ran, "beside");
    is_the_program(&place.path("beside"));
    assert_eq!(names(&place), ["beside", "folder", "install", "link", "new"]);
    assert_eq!(fs::read_dir(place.path("folder")).unwrap().count(), 0);
}

#[test]
fn in_the_place_of_what_is_there() {
    let place = Place::new();
    let old = place.file("old", "something older");
    place.mode("old", 0o400);
    porthole(["install", &old]).run();
    is_the_program(&old);
    // Also where it runs just now.
    let none = place.path("none");
    let mut command = Command::new(&old);
    command.args(["file", &none, "--wait", "600s"]);
    let running = Sleeper::start(&mut command, &format!("{old} file"));
    let before = fs::metadata(&old).unwrap().ino();
    is_said(&porthole(["install", &old]).run(), &old);
    assert_ne!(fs::metadata(&old).unwrap().ino(), before);
    let exe = fs::read_link(format!("/proc/{}/exe", running.pid())).unwrap();
    assert!(exe.to_str().unwrap().ends_with(" (deleted)"), "{exe:?}");
    is_the_program(&old);
    // A link is replaced, not what it leads to, as install(1) has it.
    let target = place.file("target", "untouched");
    for (name, to) in [("link", "target"), ("dangling", "none")] {
        let link = place.path(name);
        symlink(to, &link).unwrap();
        porthole(["install", &link]).run();
        is_the_program(&link);
    }
    assert_eq!(fs::read(target).unwrap(), b"untouched");
    assert_eq!(names(&place), ["dangling", "link", "old", "target"]);
}

#[test]
fn as_json() {
    let place = Place::new();
    let path = place.path("x");
    let ran = porthole(["install", "--json", &path]).run();
    let size = fs::metadata(&path).unwrap().len();
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap(),
        json!({"path": path, "size": size, "mode": "0755"})
    );
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let (none, there) = (place.path("none"), "choose an existing directory, or mount a volume");
    let why = format!("install: {none}: no such file or directory: {there}");
    let ran = porthole(["install", "--json", &format!("{none}/x")]).run();
    let json = format!(r#"{{"errors": ["{}"]}}"#, why.strip_prefix("install: ").unwrap());
    ran.is(1, &json, &format!("porthole: {why}"));
}

#[test]
fn whatever_the_umask() {
    let place = Place::new();
    let path = place.path("x");
    let umask = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];
    is_said(&porthole(["install", &path]).inside(&umask).run(), &path);
    is_the_program(&path);
}

#[test]
fn what_cannot_be_is_said_and_leaves_nothing() {
    let place = Place::new();
    place.file("file", "x");
    fs::create_dir_all(place.path("folder/porthole")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());
    let there = "choose an existing directory, or mount a volume";
    for (dest, at, why) in [
        ("none/x", "none", format!("no such file or directory: {there}")),
        ("none/", "none/", format!("no such file or directory: {there}")),
        ("file/x", "file", format!("not a directory: {there}")),
        ("file/", "file/", format!("not a directory: {there}")),
        ("folder", "folder/porthole", "is a directory; not replaced".to_owned()),
        ("fifo", "fifo", "is a FIFO; not replaced".to_owned()),
    ] {
        porthole(["install", &place.path(dest)]).refused(&format!("install: {}: {why}", place.path(at)));
    }
    let long = place.path(&"x".repeat(256));
    let ran = porthole(["install", &long]).run();
    assert!(ran.stderr.starts_with(&format!("porthole: install: {long}: ")), "{}", ran.story());
    assert_eq!(ran.status, Some(1));
    porthole(["install", ""]).refused("install: DEST: expected the path of a file or directory, got ''");
    porthole(["install"]).refused("install: DEST is missing; see porthole install --help");
    for (option, value, why) in [
        ("--pid", "1", "it writes to porthole's own file system only"),
        ("--proc", "/proc", "it copies the running program"),
    ] {
        porthole(["install", &place.path("x"), option, value])
            .refused(&format!("install: {option}: cannot be used with this command: {why}"));
        // Nor does help name it.
        assert!(!porthole(["install", "--help"]).run().stdout.contains(option));
    }
    assert_eq!(names(&place), ["fifo", "file", "folder"]);
    assert_eq!(fs::read(place.path("file")).unwrap(), b"x");
}

/// Runs install in a mount namespace in which a script of sh(1) has mounted something at `$0`; what is there afterwards
/// follows on stdout.
fn mounted(place: &Place, script: &str, dest: &str) -> Option<Ran> {
    if !is_root() {
        skip("only root can mount");
        return None;
    }
    let script = format!("{script} || exit 77; \"$@\"; status=$?; ls -A \"$0\"; exit $status");
    let folder = place.path("mount");
    let _ = fs::create_dir(&folder);
    let ran = porthole(["install", dest]).inside(&["unshare", "--mount", "sh", "-c", &script, &folder]).run();
    if ran.status == Some(77) || ran.stderr.starts_with("unshare: ") {
        skip("no mount namespace can be had here, or not what is to be mounted");
        return None;
    }
    Some(ran)
}

#[test]
fn read_only_and_full_file_systems() {
    let place = Place::new();
    let dest = place.path("mount/x");
    let script = "mount -t tmpfs none \"$0\" && echo old > \"$0/x\" && mount -o remount,ro \"$0\"";
    let Some(ran) = mounted(&place, script, &dest) else { return };
    ran.is(1, "x", &format!("porthole: install: {dest}: read-only file system: mount a volume there"));
    let script = "mount -t tmpfs -o size=256k none \"$0\" && echo old > \"$0/x\"";
    for dest in [&dest, &place.path("mount/new")] {
        let ran = mounted(&place, script, dest).unwrap();
        ran.is(
            1,
            "x",
            &format!(
                "porthole: install: {dest}: no space left on device: free some space, or choose another place"
            ),
        );
    }
}

#[test]
fn where_no_proc_is_mounted() {
    let place = Place::new();
    let dest = place.path("mount/x");
    let script = "mount -t tmpfs none \"$0\" && mount -t tmpfs none /proc";
    let Some(ran) = mounted(&place, script, &dest) else { return };
    let said = format!("installed {dest} (");
    assert!(ran.stdout.starts_with(&said) && ran.stdout.ends_with("M)\nx\n"), "{}", ran.story());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
}

#[test]
fn what_is_denied_says_what_would_help() {
    let place = Place::new();
    let Some(programs) = for_other_users() else { return };
    place.mode("", 0o755);
    let as_other = |program: &Path, dest: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(program);
        output(command.args(["install", dest]))
    };
    let dest = place.path("x");
    as_other(&programs.join("porthole"), &dest).is(
        1,
        "",
        &format!(
            "porthole: install: {dest}: permission denied: run as a user who may write there, or give the volume to \
             this one (fsGroup in Kubernetes)"
        ),
    );
    assert!(names(&place).is_empty());
    // A program that may be run but not read cannot be copied.
    let program = programs.join("porthole");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o711)).unwrap();
    place.mode("", 0o777);
    as_other(&program, &dest).is(
        1,
        "",
        "porthole: install: /proc/self/exe: permission denied: needed to read the running program",
    );
    assert!(names(&place).is_empty());
    fs::remove_dir_all(programs).unwrap();
}

/// Past RLIMIT_FSIZE a write is an error like others, and what was begun does not stay.
#[test]
fn a_file_that_may_not_be_so_large() {
    let place = Place::new();
    let ran = porthole(["install", &place.path("x")]).inside(&["prlimit", "--fsize=4096"]).run();
    let why = format!("porthole: install: {}: file too large\n", place.path("x"));
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(1), "", why.as_str()),
        "{}",
        ran.story()
    );
    assert_eq!(names(&place), Vec::<String>::new());
}
