//! `porthole ls`, compared with coreutils' ls.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::command::{binary, copy_program, for_other_users, output, porthole, started};
use crate::support::place::Place;
use crate::support::skip::{is_root, skip, skip_by_design};

/// The rows of `ls -l` in porthole's columns: without link counts and the total, with times in UTC.
fn by_coreutils(path: &str) -> Vec<Vec<String>> {
    let mut command = Command::new("ls");
    command.args(["-lAh", "--time-style=+%Y-%m-%d %H:%M", "--quoting-style=literal", path]);
    let text = output(command.env("LC_ALL", "C").env("TZ", "UTC")).stdout;
    let rows = text.lines().filter(|line| !line.starts_with("total "));
    rows.map(|line| {
        line.split_whitespace().enumerate().filter(|(at, _)| *at != 1).map(|(_, w)| w.to_owned()).collect()
    })
    .collect()
}

fn by_porthole(path: &str) -> Vec<Vec<String>> {
    let ran = porthole(["ls", path]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    ran.stdout.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn a_directory_is_listed_as_by_coreutils() {
    let place = Place::new();
    for (at, mode) in [0o644, 0o4755, 0o2640, 0o1777, 0o000, 0o6111, 0o755].into_iter().enumerate() {
        let name = format!("file{at}");
        place.file(&name, vec![b'x'; 700 * at * at]);
        place.mode(&name, mode);
    }
    fs::create_dir(place.path("folder")).unwrap();
    place.mode("folder", 0o3777);
    symlink("../some where", place.path("link")).unwrap();
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path(".fifo")).status().unwrap().success());
    File::open(place.path("file1"))
        .unwrap()
        .set_modified(UNIX_EPOCH + Duration::from_secs(951_782_399))
        .unwrap();
    let root = place.path("");
    assert_eq!(by_porthole(&root), by_coreutils(&root));
    assert_eq!(by_porthole(&root).len(), 11);
    assert_eq!(by_porthole("/dev/null"), by_coreutils("/dev/null"));
    assert_eq!(by_porthole("/etc"), by_coreutils("/etc"));
}

#[test]
fn columns_are_aligned_and_names_escaped() {
    let place = Place::new();
    let modified = |name: &str| {
        File::open(place.path(name))
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_secs(1_795_603_621))
            .unwrap();
    };
    for name in ["a\x1b[2Jb", "new\nline", "\u{202e}x"] {
        place.file(name, "12345");
        place.mode(name, 0o640);
        modified(name);
    }
    if !is_root() {
        return skip("the expected owner is root");
    }
    porthole(["ls", &place.path("")]).healthy(
        "-rw-r-----  root  root  5  2026-11-25 10:47  a\\x1b[2Jb\n\
         -rw-r-----  root  root  5  2026-11-25 10:47  new\\nline\n\
         -rw-r-----  root  root  5  2026-11-25 10:47  \\u{202e}x",
    );
    let path = place.file("plain", "12345");
    place.mode("plain", 0o640);
    modified("plain");
    let entry = json!({"path": path, "name": path, "type": "file", "mode": "0640", "uid": 0, "user": "root", "gid": 0,
        "group": "root", "size": 5, "modified": 1_795_603_621.0});
    let ran = porthole(["ls", &path, "--json"]).run();
    assert_eq!(ran.content(), json!({"entries": [entry]}));
    assert_eq!(ran.stdout.lines().count(), 1);
}

#[test]
fn several_paths_have_headings_and_a_missing_one_is_an_error() {
    let place = Place::new();
    fs::create_dir(place.path("one")).unwrap();
    fs::create_dir_all(place.path("two/deep")).unwrap();
    place.file("one/file", "");
    let (one, two, none) = (place.path("one"), place.path("two"), place.path("none"));
    let ran = porthole(["ls", &one, &none, &two]).run();
    assert_eq!(ran.status, Some(1));
    assert_eq!(ran.stderr, format!("porthole: ls: {none}: no such file or directory\n"));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines[0], lines[2], lines[3]), (format!("{one}:").as_str(), "", format!("{two}:").as_str()));
    assert!(lines[1].ends_with("  file") && lines[4].ends_with("  deep"), "{}", ran.story());
    porthole(["ls", &place.path("two/deep")]).healthy("");
    porthole(["ls", &place.path("two/deep"), "--json"]).run().has(0, &json!({"entries": []}), "");
    porthole(["ls", &none, "--json"]).run().has(
        1,
        &json!({"entries": [], "errors": [format!("{none}: no such file or directory")]}),
        &format!("porthole: ls: {none}: no such file or directory"),
    );
}

#[test]
fn recursion_does_not_follow_links() {
    let place = Place::new();
    fs::create_dir_all(place.path("a/b/c")).unwrap();
    fs::create_dir_all(place.path("d")).unwrap();
    symlink("..", place.path("a/b/loop")).unwrap();
    place.file("a/b/c/x", "");
    let ran = porthole(["ls", "-R", &place.path("")]).run();
    let root = place.path("");
    let headings: Vec<&str> = ran.stdout.lines().filter(|line| line.ends_with(':')).collect();
    let expected = ["", "a", "a/b", "a/b/c", "d"].map(|name| format!("{root}{name}:"));
    assert_eq!(headings, expected, "{}", ran.story());
    let theirs = output(Command::new("ls").args(["-1R", &root]).env("LC_ALL", "C")).stdout;
    assert_eq!(theirs.lines().filter(|line| line.ends_with(':')).count(), headings.len());
    assert!(ran.stdout.contains("  loop -> ..\n") && ran.status == Some(0), "{}", ran.story());
}

#[test]
fn entries_of_a_directory_without_search_permission_are_unknown() {
    let place = Place::new();
    let Some(programs) = for_other_users() else { return };
    place.mode("", 0o755);
    fs::create_dir(place.path("closed")).unwrap();
    place.file("closed/one", "");
    fs::create_dir(place.path("closed/two")).unwrap();
    place.mode("closed", 0o744);
    let closed = place.path("closed");
    let run = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
        output(command.args(words))
    };
    let error = format!(
        "{closed}: cannot stat 2 entries: permission denied: the directory may be read, but not searched (no x in its mode)"
    );
    run(&["ls", &closed]).is(
        1,
        "-?????????  ?  ?  ?  ?                 one\nd?????????  ?  ?  ?  ?                 two",
        &format!("porthole: ls: {error}"),
    );
    let ran = run(&["ls", "--json", &closed]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let none = Value::Null;
    assert_eq!(json["errors"], json!([error]));
    assert_eq!(
        json["entries"][1],
        json!({"path": format!("{closed}/two"), "name": "two", "type": "directory", "mode": none,
        "uid": none, "user": none, "gid": none, "group": none, "size": none, "modified": none})
    );
    place.mode("closed", 0o700);
    run(&["ls", &closed]).is(1, "", &format!("porthole: ls: {closed}: permission denied"));
    // With search but no read permission, a file in it can still be listed.
    place.mode("closed", 0o711);
    assert_eq!(run(&["ls", &format!("{closed}/one")]).status, Some(0));
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn names_that_are_not_utf_8_are_escaped() {
    let place = Place::new();
    File::create(place.0.join(std::ffi::OsStr::from_bytes(b"\xff"))).unwrap();
    let ran = porthole(["ls", &place.path("")]).run();
    assert!(ran.stdout.ends_with("  \\xff\n"), "{}", ran.story());
    let ran = porthole(["ls", "--json", &place.path("")]).run();
    assert!(ran.stdout.contains(r#""name": {"bytes": "/w=="}"#), "{}", ran.story());
}

#[test]
fn files_are_listed_as_another_process_sees_them() {
    let place = Place::new();
    if !is_root() {
        return skip("only root can change its root directory");
    }
    fs::create_dir_all(place.path("root/etc")).unwrap();
    place.file("root/etc/passwd", "them:x:4711:1:::\n");
    place.file("root/etc/inside", "");
    symlink("/etc", place.path("root/link")).unwrap();
    std::os::unix::fs::chown(place.path("root/etc/inside"), Some(4711), Some(4712)).unwrap();
    // A process with that root directory: porthole itself, if it is static, waiting on a FIFO.
    let fifo = place.path("root/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    if std::env::var_os("PORTHOLE_BIN").is_none() {
        return skip_by_design("a process in an empty root must be static");
    }
    copy_program(binary(), place.path("root/porthole"));
    let mut command = Command::new("chroot");
    command.args([&place.path("root"), "/porthole", "cat", "--special", "/fifo"]);
    let mut child = started(&mut command, Command::spawn);
    let pid = child.id().to_string();
    // Waits until chroot(1) has executed the program in the new root.
    let start = std::time::Instant::now();
    while fs::read(format!("/proc/{pid}/comm")).unwrap().trim_ascii() != b"porthole" {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
    let ran = porthole(["ls", "-p", &pid, "/link/"]).run();
    let names: Vec<&str> = ran.stdout.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert_eq!(names, ["inside", "passwd"], "{}", ran.story());
    assert!(ran.stdout.contains("  them  4712  "), "{}", ran.story());
    let ran = porthole(["find", "-p", &pid, "/etc"]).run();
    let mut found: Vec<&str> = ran.stdout.lines().collect();
    found.sort_unstable();
    assert_eq!(found, ["/etc", "/etc/inside", "/etc/passwd"], "{}", ran.story());
    let ran = porthole(["stat", "-p", &pid, "/link"]).run();
    assert!(ran.stdout.contains("\nresolves to: /etc\n"), "{}", ran.story());
    let ran = porthole(["access", "-p", &pid, "/link/../../etc/inside"]).run();
    assert!(ran.stdout.ends_with("yes: 0:0 may read /etc/inside\n"), "{}", ran.story());
    child.kill().unwrap();
    child.wait().unwrap();
    porthole(["ls", "-p", &pid, "/"]).refused(&format!("ls: pid {pid}: no such process"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let script = format!("{} ls -R /usr/share | head -1; echo ${{PIPESTATUS[0]}}", binary());
    let ran = output(Command::new("bash").args(["-c", &script]));
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (2, ""), "{}", ran.story());
    assert!(ran.stdout.ends_with("\n0\n"), "{}", ran.story());
}

/// The names that ls of coreutils lists, and its headings.
fn order_by_coreutils(options: &str, paths: &[&str]) -> Vec<String> {
    let mut command = Command::new("ls");
    command.args(["-1A", options]).args(paths).env("LC_ALL", "C");
    output(&mut command).stdout.lines().map(str::to_owned).collect()
}

/// The same of porthole.
fn order_by_porthole(options: &str, paths: &[&str]) -> Vec<String> {
    let ran = porthole([&["ls", options], paths].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    ran.stdout.lines().map(|line| line.rsplit("  ").next().unwrap().to_owned()).collect()
}

/// Files of the same time and of the same size, in three directories, with operands in no order.
#[test]
fn files_are_sorted_as_by_coreutils() {
    let place = Place::new();
    let files = ["m/b", "m/a", "m/B", "m/c", "m/sub/y", "m/sub/x", "a/z", "a/y", "two", "one", "three"];
    for folder in ["m/sub", "m/other", "a"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    let base = UNIX_EPOCH + Duration::from_secs(1_795_603_621);
    let set = |name: &str, age: Duration| {
        File::open(place.path(name)).unwrap().set_modified(base - age).unwrap();
    };
    for (at, name) in files.into_iter().enumerate() {
        place.file(name, vec![b'x'; at % 4 * 1000]);
        // Some differ only by nanoseconds, some not at all.
        set(name, Duration::new(at as u64 % 3, u32::try_from(at).unwrap() % 2));
    }
    for (at, name) in ["m/sub", "m/other", "m", "a", ""].into_iter().enumerate() {
        set(name, Duration::from_secs(at as u64 % 2));
    }
    let paths = ["two", "m", "three", "a", "one"].map(|name| place.path(name));
    let paths = paths.each_ref().map(String::as_str);
    let mut seen = std::collections::BTreeSet::new();
    for options in ["-t", "-S", "-r", "-tr", "-Sr", "-tS", "-St", "-tSr", "-Rt", "-RSr", "-dt", "-dSr", "-Rr"]
    {
        for paths in [&paths[..], &paths[1..2], &paths[2..3]] {
            let ours = order_by_porthole(options, paths);
            assert_eq!(ours, order_by_coreutils(options, paths), "{options} {paths:?}");
            seen.insert(ours);
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
    let theirs = order_by_coreutils("-r", &paths);
    assert_ne!(theirs, order_by_coreutils("-1", &paths));
    // Operands are sorted without an option too.
    assert_eq!(order_by_porthole("-A", &paths), order_by_coreutils("-1", &paths));
    let ran = porthole(["ls", "-t", "--json", paths[1]]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let names = json["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), order_by_coreutils("-t", &paths[1..2]));
}
