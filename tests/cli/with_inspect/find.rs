//! `porthole find`, compared with GNU find.

mod slow;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::support::command::{for_other_users, output, porthole};
use crate::support::place::Place;

/// A tree with a file of each type, and names that are hard to match.
fn tree() -> (Place, UnixListener) {
    let place = Place::new();
    for folder in ["a/b/c", ".hidden", "empty", "a/[x]"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    let names = [
        "one.yaml",
        "a/two.yaml",
        "a/b/Three.YAML",
        ".hidden/x",
        "a/b/c/é1",
        "a/[x]/y*",
        "a/b/c/-dash",
        "a/\\",
    ];
    for (at, name) in names.into_iter().enumerate() {
        place.file(name, vec![b'x'; at * 600]);
        let age = Duration::from_secs(3600 * at as u64 + 60);
        File::open(place.path(name)).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }
    symlink("a", place.path("link")).unwrap();
    symlink("none", place.path("a/dangling")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("a/fifo")).status().unwrap().success());
    let socket = UnixListener::bind(place.path("socket")).unwrap();
    (place, socket)
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Asserts that both find the same paths. Returns their number.
#[track_caller]
fn assert_same(path: &str, ours: &[&str], theirs: &[&str]) -> usize {
    let ran = porthole([&["find", path], ours].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let mut command = Command::new("find");
    let found = output(command.arg(path).args(theirs).env("LC_ALL", "C.UTF-8"));
    // porthole doubles the backslash in a name.
    assert_eq!(sorted(&ran.stdout), sorted(&found.stdout.replace('\\', "\\\\")), "{ours:?}");
    ran.stdout.lines().count()
}

#[test]
fn porthole_finds_the_paths_that_gnu_find_finds() {
    let (place, _socket) = tree();
    let root = place.path("");
    let root = root.trim_end_matches('/');
    assert_eq!(assert_same(root, &[], &[]), 19);
    assert_same(&format!("{root}/"), &[], &[]);
    for (letter, count) in [("f", 8), ("d", 7), ("l", 2), ("s", 1), ("p", 1)] {
        assert_eq!(assert_same(root, &["--type", letter], &["-type", letter]), count, "{letter}");
    }
    for depth in ["0", "1", "2", "9"] {
        assert_same(root, &["--max-depth", depth], &["-maxdepth", depth]);
    }
    let mut found = 0;
    for pattern in [
        "*.yaml",
        "*.[yY]*",
        "?",
        "??",
        "*",
        ".*",
        "[!a-z]*",
        "\\[x\\]",
        "[[]*",
        "y\\*",
        "-*",
        "*a*",
        "[]x]",
        "[x",
        "",
        "\\\\",
        "*\\",
        "[[:alpha:]]",
        "[^[:alpha:]]",
        "[a-c]",
    ] {
        found += assert_same(root, &["--name", pattern], &["-name", pattern]);
    }
    assert!(found > 30);
    for (size, bytes) in [("0", "+0c"), ("1k", "+1024c"), ("1800", "+1800c")] {
        assert_same(root, &["--larger", size, "--type", "f"], &["-size", bytes, "-type", "f"]);
    }
    for (newer, minutes) in [("30m", "-30"), ("2h30m", "-150"), ("1d", "-1440")] {
        assert_same(root, &["--newer", newer, "--type", "f"], &["-mmin", minutes, "-type", "f"]);
    }
    assert_eq!(assert_same(&place.path("link"), &[], &[]), 1, "a link is not followed");
    assert!(assert_same(&format!("{}/", place.path("link")), &[], &[]) > 5);
    assert_eq!(assert_same(&place.path("one.yaml"), &["--name", "one*"], &["-name", "one*"]), 1);
    assert_same(&place.path("empty/"), &["--name", "empty"], &["-name", "empty"]);
    assert_same("/etc", &["--name", "*.conf"], &["-name", "*.conf"]);
}

#[test]
fn json_has_the_type_of_each_path() {
    let place = Place::new();
    let path = place.file("new\nline", "");
    let root = place.path("");
    let ran = porthole(["find", "--json", &root]).run();
    assert_eq!(
        ran.content(),
        json!({"paths": [{"path": root, "type": "directory"}, {"path": path, "type": "file"}]})
    );
    porthole(["find", &path]).healthy(&format!("{root}new\\nline"));
    porthole(["find", "--json", &root, "--name", "none"]).run().has(0, &json!({"paths": []}), "");
    let none = place.path("none");
    porthole(["find", &none]).refused(&format!("find: {none}: no such file or directory"));
}

#[test]
fn unreadable_directories_are_reported_and_skipped() {
    let place = Place::new();
    let Some(programs) = for_other_users() else { return };
    place.mode("", 0o755);
    for name in ["a", "closed", "searched", "z"] {
        fs::create_dir(place.path(name)).unwrap();
        place.file(&format!("{name}/file"), "xx");
    }
    place.mode("closed", 0o700);
    place.mode("searched", 0o744);
    let run = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
        output(command.arg("find").arg(&place.0).args(words))
    };
    let root = place.0.display();
    let ran = run(&[]);
    assert_eq!(ran.stderr, format!("porthole: find: {root}/closed: permission denied\n"), "{}", ran.story());
    assert_eq!((ran.stdout.lines().count(), ran.status), (8, Some(1)), "{}", ran.story());
    let ran = run(&["--larger", "1", "--type", "f"]);
    let mut errors = sorted(&ran.stderr);
    errors.dedup();
    let denied = |name: &str| format!("porthole: find: {root}/{name}: permission denied");
    assert_eq!(errors, [denied("closed"), denied("searched/file")], "{}", ran.story());
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.story());
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn a_wide_and_deep_tree_is_searched_completely() {
    let place = Place::new();
    // Two trees of three directories on each of a hundred levels. Some entries are left in
    // directories that are closed to make room, and reopened directories are closed again.
    for top in ["x", "y"] {
        let mut path = place.path(&format!("{top}/"));
        fs::create_dir(&path).unwrap();
        for level in 0..100 {
            for name in ["a", "b", "c"] {
                fs::create_dir(format!("{path}{name}")).unwrap();
                fs::write(format!("{path}{name}/{level}"), "").unwrap();
            }
            path.push_str(["a/", "b/", "c/"][level % 3]);
        }
    }
    let root = place.path("");
    assert_eq!(assert_same(root.trim_end_matches('/'), &[], &[]), 1203);
    assert_eq!(assert_same(root.trim_end_matches('/'), &["--larger", "0"], &["-size", "+0c"]), 603);
}

#[test]
fn invalid_options_are_usage_errors() {
    for (words, message) in [
        (&["find"][..], "find: PATH is missing; see porthole find --help"),
        (
            &["find", "/", "--type", "x"],
            "find: --type: expected f (file), d (directory), l (link), s (socket) or p (FIFO), got 'x'",
        ),
        (
            &["find", "/", "--newer", "1y"],
            "find: --newer: expected a duration such as 30s, 26h, 7d or 1d4h, more than zero, got '1y'",
        ),
        (
            &["find", "/", "--max-depth", "-1"],
            "find: --max-depth: expected a whole number, 0 for only PATH, got '-1'",
        ),
        (
            &["find", "/", "--larger", "1T"],
            "find: --larger: expected a size such as 512, 64k or 10M (powers of 1024), got '1T'",
        ),
    ] {
        porthole(words).refused(message);
    }
}
