//! `porthole install`: the program is installed completely, or nothing changes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::command::{Ran, binary, for_other_users, output, porthole};
use crate::support::place::Place;
use crate::support::processes::Sleeper;
use crate::support::skip::{is_root, skip};

/// Asserts that the file is the program, executable by anyone, and that it runs.
#[track_caller]
fn assert_is_the_program(path: &str) {
    assert!(fs::read(path).unwrap() == fs::read(binary()).unwrap());
    let meta = fs::symlink_metadata(path).unwrap();
    assert_eq!(meta.mode(), 0o100_755, "{:o}", meta.mode());
    let ran = output(Command::new(path).arg("--version"));
    assert!(ran.stdout.starts_with("porthole "), "{}", ran.story());
}

/// Asserts the output of a successful run, whatever the size.
#[track_caller]
fn assert_installed(ran: &Ran, path: &str) {
    let start = format!("installed {path} (");
    assert!(ran.stdout.starts_with(&start) && ran.stdout.ends_with("M)\n"), "{}", ran.story());
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str(), ran.status), (1, "", Some(0)));
}

/// The names in a directory, sorted.
fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(&place.0).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn installs_a_new_file_or_into_a_directory() {
    let place = Place::new();
    let new = place.path("new");
    assert_installed(&porthole(["install", &new]).run(), &new);
    assert_is_the_program(&new);
    fs::create_dir(place.path("folder")).unwrap();
    symlink("folder", place.path("link")).unwrap();
    for (dest, path) in
        [("folder", "folder/porthole"), ("folder/", "folder/porthole"), ("link", "link/porthole")]
    {
        let path = place.path(path);
        assert_installed(&porthole(["install", &place.path(dest)]).run(), &path);
        assert_is_the_program(&path);
        fs::remove_file(path).unwrap();
    }
    // A relative path, and install called by the name of a link.
    let name = place.path("install");
    symlink(binary(), &name).unwrap();
    let ran = output(Command::new(&name).arg("beside").current_dir(&place.0));
    assert_installed(&ran, "beside");
    assert_is_the_program(&place.path("beside"));
    assert_eq!(names(&place), ["beside", "folder", "install", "link", "new"]);
    assert_eq!(fs::read_dir(place.path("folder")).unwrap().count(), 0);
}

#[test]
fn an_existing_file_or_link_is_replaced() {
    let place = Place::new();
    let old = place.file("old", "something older");
    place.mode("old", 0o400);
    porthole(["install", &old]).run();
    assert_is_the_program(&old);
    // Replaces a program that is running.
    let none = place.path("none");
    let mut command = Command::new(&old);
    command.args(["file", &none, "--wait", "600s"]);
    let running = Sleeper::start(&mut command, &format!("{old} file"));
    let before = fs::metadata(&old).unwrap().ino();
    assert_installed(&porthole(["install", &old]).run(), &old);
    assert_ne!(fs::metadata(&old).unwrap().ino(), before);
    let exe = fs::read_link(format!("/proc/{}/exe", running.pid())).unwrap();
    assert!(exe.to_str().unwrap().ends_with(" (deleted)"), "{exe:?}");
    assert_is_the_program(&old);
    // Like install(1), it replaces a link itself, not its target.
    let target = place.file("target", "untouched");
    for (name, to) in [("link", "target"), ("dangling", "none")] {
        let link = place.path(name);
        symlink(to, &link).unwrap();
        porthole(["install", &link]).run();
        assert_is_the_program(&link);
    }
    assert_eq!(fs::read(target).unwrap(), b"untouched");
    assert_eq!(names(&place), ["dangling", "link", "old", "target"]);
}

#[test]
fn json_has_the_path_size_and_mode() {
    let place = Place::new();
    let path = place.path("x");
    let ran = porthole(["install", "--json", &path]).run();
    let size = fs::metadata(&path).unwrap().len();
    assert_eq!(ran.content(), json!({"path": path, "size": size, "mode": "0755"}));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let (none, there) = (place.path("none"), "choose an existing directory, or mount a volume");
    let why = format!("install: {none}: no such file or directory: {there}");
    let ran = porthole(["install", "--json", &format!("{none}/x")]).run();
    ran.has(
        1,
        &json!({"errors": [format!("{none}: no such file or directory: {there}")]}),
        &format!("porthole: {why}"),
    );
}

#[test]
fn the_umask_does_not_apply() {
    let place = Place::new();
    let path = place.path("x");
    let umask = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];
    assert_installed(&porthole(["install", &path]).inside(&umask).run(), &path);
    assert_is_the_program(&path);
}

#[test]
fn a_failed_install_leaves_nothing_behind() {
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
        // Help does not list it either.
        assert!(!porthole(["install", "--help"]).run().stdout.contains(option));
    }
    assert_eq!(names(&place), ["fifo", "file", "folder"]);
    assert_eq!(fs::read(place.path("file")).unwrap(), b"x");
}

/// Runs `install` in a mount namespace in which a shell script has mounted something at `$0`. A
/// listing of `$0` follows on stdout.
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
        skip("cannot create a mount namespace here, or the mounts in it");
        return None;
    }
    Some(ran)
}

#[test]
fn read_only_and_full_file_systems_are_errors() {
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
                "porthole: install: {dest}: no space left on device: free some space, or choose another location"
            ),
        );
    }
}

#[test]
fn no_proc_is_needed() {
    let place = Place::new();
    let dest = place.path("mount/x");
    let script = "mount -t tmpfs none \"$0\" && mount -t tmpfs none /proc";
    let Some(ran) = mounted(&place, script, &dest) else { return };
    let start = format!("installed {dest} (");
    assert!(ran.stdout.starts_with(&start) && ran.stdout.ends_with("M)\nx\n"), "{}", ran.story());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
}

#[test]
fn a_denied_install_suggests_a_remedy() {
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
    // A program that can be executed but not read cannot be copied.
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

/// A write beyond RLIMIT_FSIZE fails like any other, and the partial copy is removed.
#[test]
fn a_file_above_the_size_limit_is_removed() {
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
