//! `porthole du`, compared with GNU du.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::{for_other_users, output, porthole};
use crate::support::elsewhere::{DEAD_AND_ALIVE, Elsewhere};
use crate::support::place::Place;
use crate::support::skip::skip;

/// The sizes that `du -x` of this command prints for each path, in bytes.
fn by_gnu(du: &mut Command, words: &[&str]) -> BTreeMap<String, u64> {
    let ran = output(du.args(["-x", "-B1"]).args(words).env("LC_ALL", "C"));
    let lines = ran.stdout.lines().map(|line| line.split_once('\t').unwrap());
    lines.map(|(size, path)| (path.to_owned(), size.parse().unwrap())).collect()
}

/// The entries of the JSON document of `porthole du`, which has no errors.
#[track_caller]
fn entries(words: &[&str]) -> Vec<Value> {
    let ran = porthole([&["du", "--json"], words].concat()).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    json["paths"].as_array().unwrap().clone()
}

#[track_caller]
fn by_porthole(words: &[&str]) -> BTreeMap<String, u64> {
    let size = |entry: Value| {
        assert_eq!(entry["incomplete"], false);
        (entry["path"].as_str().unwrap().to_owned(), entry["size"].as_u64().unwrap())
    };
    entries(words).into_iter().map(size).collect()
}

/// A tree with files of all types, a sparse file, and files with several links.
fn tree() -> (Place, UnixListener) {
    let place = Place::new();
    for folder in ["a/b/c", "d/e", "empty", "outside"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for (name, size) in [("one", 1), ("a/two", 5000), ("a/b/three", 70_000), ("d/e/four", 300_000)] {
        place.file(name, vec![b'x'; size]);
    }
    File::create(place.path("d/sparse")).unwrap().set_len(1 << 30).unwrap();
    for link in ["a/b/c/link", "d/link", "d/e/link", "outside/link"] {
        fs::hard_link(place.path("a/b/three"), place.path(link)).unwrap();
    }
    symlink("/usr", place.path("a/symlink")).unwrap();
    symlink("d", place.path("to-d")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("a/fifo")).status().unwrap().success());
    let socket = UnixListener::bind(place.path("socket")).unwrap();
    (place, socket)
}

#[test]
fn sizes_are_those_of_gnu_du() {
    let (place, _socket) = tree();
    let root = place.path("");
    let root = root.trim_end_matches('/');
    let paths = ["a", "d", "one", "to-d", "to-d/", "a/b", "d/e/"].map(|name| format!("{root}/{name}"));
    for (ours, theirs) in [
        (&[][..], &[][..]),
        (&["-d", "1"], &["-d", "1"]),
        (&["--max-depth=2"], &["--max-depth=2"]),
        (&["-sh"], &["-s"]),
        (&["-xk"], &[]),
    ] {
        for path in [root, "/etc"].into_iter().chain(paths.iter().map(String::as_str)) {
            let theirs = by_gnu(&mut Command::new("du"), &[theirs, &[path]].concat());
            assert_eq!(by_porthole(&[ours, &[path]].concat()), theirs, "{ours:?} {path}");
        }
    }
    // A link counts in the first of the operands.
    let operands = [paths[1].as_str(), &paths[0], &paths[2]];
    assert_eq!(by_porthole(&operands), by_gnu(&mut Command::new("du"), &operands));
    let sum = |paths: &[&str]| by_porthole(&[&["-s"], paths].concat()).values().sum::<u64>();
    assert!(sum(&operands) < operands.iter().map(|path| sum(&[path])).sum());
}

#[test]
fn the_largest_come_first() {
    let (place, _socket) = tree();
    let root = place.path("");
    let root = root.trim_end_matches('/');
    let found = entries(&[root]);
    let sizes: Vec<u64> = found.iter().map(|entry| entry["size"].as_u64().unwrap()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.len() == 8, "{found:?}");
    let ran = porthole(["du", root]).run();
    let names = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
    let lines: Vec<(&str, &str)> =
        ran.stdout.lines().map(|line| line.trim_start().split_once("  ").unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| line.1).collect::<Vec<_>>(),
        found.iter().map(names).collect::<Vec<_>>()
    );
    // As `du -h` rounds.
    let theirs = output(Command::new("du").args(["-sh", root])).stdout;
    assert_eq!(lines[0], (theirs.split_once('\t').unwrap().0, root));
    // What is not on disk is in the document.
    let total = &found[0];
    let apparent = 1 + 5000 + 70_000 + 300_000 + (1 << 30) + "/usr".len() + "d".len();
    assert_eq!((&total["apparent_size"], &total["entries"]), (&json!(apparent), &json!(20)));
    assert_eq!(total["incomplete"], false);
    // The names of directories are escaped, and `.` is the default.
    fs::create_dir(place.path("d/new\nline")).unwrap();
    let ran = porthole(["du", "-d1", &place.path("d")]).run();
    assert!(ran.stdout.contains("/new\\nline\n"), "{}", ran.story());
    let ran = output(Command::new("env").current_dir(root).args([
        crate::support::command::binary().as_str(),
        "du",
        "-s",
    ]));
    assert!(ran.stdout.ends_with("  .\n") && ran.stdout.lines().count() == 1, "{}", ran.story());
}

#[test]
fn other_file_systems_are_left_out() {
    let script = r#"
        mount -t tmpfs base "$1"
        mkdir "$1/a" "$1/a/other" "$1/bind" "$1/lower" "$1/upper" "$1/both"
        head -c 100000 /dev/zero >"$1/a/file"
        mount -t tmpfs other "$1/a/other"
        head -c 200000 /dev/zero >"$1/a/other/large"
        : >"$1/a/target"
        mount --bind "$1/a/other/large" "$1/a/target"
        mount --bind "$1/a" "$1/bind""#;
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let (pid, top) = (elsewhere.pid(), elsewhere.path("").trim_end_matches('/').to_owned());
    let mut du = Command::new("nsenter");
    let theirs = by_gnu(du.args(["-m", "-t", &pid, "du"]), &[&top]);
    assert_eq!(by_porthole(&["-p", &pid, &top]), theirs);
    assert!(!theirs.keys().any(|path| path.ends_with("/a/other")), "{theirs:?}");
    // It is one file system with itself.
    let other = format!("{top}/a/other");
    assert_eq!(by_porthole(&["-p", &pid, &other]).into_values().collect::<Vec<_>>(), [200_704]);
}

#[test]
fn another_file_system_need_not_answer() {
    let Some(elsewhere) = Elsewhere::mounted(DEAD_AND_ALIVE) else { return };
    let top = elsewhere.path("");
    let sizes = by_porthole(&["-p", &elsewhere.pid(), &top]);
    assert_eq!(sizes.keys().collect::<Vec<_>>(), [&top]);
}

/// The files of an overlay may have the devices of its layers, which GNU du takes for another file
/// system. A container's root is an overlay.
#[test]
fn the_files_of_an_overlay_are_on_one_file_system() {
    let script = r#"
        mount -t tmpfs base "$1"
        mkdir "$1/lower" "$1/upper" "$1/both"
        mount -t tmpfs lower "$1/lower"
        mount -t tmpfs upper "$1/upper"
        mkdir "$1/lower/a" "$1/upper/work" "$1/upper/files"
        head -c 100000 /dev/zero >"$1/lower/a/low"
        ln "$1/lower/a/low" "$1/lower/a/again"
        mount -t overlay -o "lowerdir=$1/lower,upperdir=$1/upper/files,workdir=$1/upper/work,xino=off" overlay "$1/both"
        head -c 50000 /dev/zero >"$1/both/a/up"
        head -c 100000 /dev/zero >"$1/lower/other"
        : >"$1/both/a/point"
        mount --bind "$1/lower/other" "$1/both/a/point""#;
    let Some(elsewhere) = Elsewhere::mounted(script) else { return };
    let both = elsewhere.path("both");
    let sizes = by_porthole(&["-p", &elsewhere.pid(), &both]);
    assert_eq!(sizes[&format!("{both}/a")], 102_400 + 53_248, "{sizes:?}");
}

#[test]
fn what_may_not_be_read_is_reported() {
    let place = Place::new();
    let Some(programs) = for_other_users() else { return };
    place.mode("", 0o755);
    for folder in ["open/closed", "open/searched", "fine"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for name in ["open/closed/x", "open/searched/x", "open/searched/y", "fine/x"] {
        place.file(name, vec![b'x'; 9000]);
    }
    place.mode("open/closed", 0o700);
    place.mode("open/searched", 0o744);
    let run = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]).arg(programs.join("porthole"));
        output(command.arg("du").args(words))
    };
    let root = place.path("");
    let root = root.trim_end_matches('/');
    let ran = run(&[root]);
    let mut errors: Vec<&str> = ran.stderr.lines().collect();
    errors.sort_unstable();
    let expected = [
        format!("porthole: du: {root}/open/closed: permission denied"),
        format!("porthole: du: {root}/open/searched: cannot stat 2 entries: permission denied"),
    ];
    assert_eq!((errors, ran.status), (expected.each_ref().map(String::as_str).to_vec(), Some(1)));
    let line = |name: &str| ran.stdout.lines().find(|line| line.ends_with(name)).unwrap().trim_start();
    for name in [root, "/open", "/closed", "/searched"] {
        assert!(line(name).starts_with('>'), "{}", ran.story());
    }
    assert!(!line("/fine").starts_with('>'), "{}", ran.story());
    let json: Value = serde_json::from_str(&run(&["--json", root]).stdout).unwrap();
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
    let incomplete = |entry: &&Value| entry["incomplete"] == true;
    assert_eq!(json["paths"].as_array().unwrap().iter().filter(incomplete).count(), 4);
    let ran = run(&["-s", &place.path("open/closed")]);
    assert!(ran.stdout.starts_with('>') && ran.status == Some(1), "{}", ran.story());
    porthole(["du", "/none"]).refused("du: /none: no such file or directory");
    fs::remove_dir_all(programs).unwrap();
}

#[test]
fn very_deep_and_wide_trees_need_little_memory() {
    let place = Place::new();
    let script = "import os, sys\nos.chdir(sys.argv[1])\nfor i in range(3000): os.mkdir('w' + str(i))\n\
        for i in range(3000):\n os.mkdir('d' * 200)\n os.chdir('d' * 200)\n \
        if i % 500 == 499: open('f', 'w').write('x' * 9000)\n";
    let python = Command::new("python3").args(["-c", script, &place.path("")]).status();
    if !python.is_ok_and(|status| status.success()) {
        return skip("python3, which makes a path too long for mkdir(1), is not installed");
    }
    let root = place.path("");
    let ran = porthole(["du", "--json", &root]).in_little_memory().run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let total = &json["paths"][0];
    let theirs = by_gnu(&mut Command::new("du"), &["-s", &root]);
    assert_eq!(
        (total["path"].as_str(), total["size"].as_u64()),
        (Some(root.as_str()), theirs.get(&root).copied())
    );
    assert_eq!(total["entries"], 6006);
    // The paths of the directories are 900 MB.
    let listed = json["paths"].as_array().unwrap().len();
    let left_out = 6001 - listed;
    assert!(left_out > 2000, "{left_out}");
    let error = format!("the {left_out} smallest directories are not listed; -d 1 lists fewer");
    assert_eq!((ran.status, &json["errors"]), (Some(0), &json!([error])));
    let ran = porthole(["du", "-d1", &root]).in_little_memory().run();
    assert_eq!((ran.status, ran.stdout.lines().count()), (Some(0), 3002), "{}", ran.stderr);
}

#[test]
fn wrong_usage_of_du_is_refused() {
    for (words, message) in [
        (
            &["du", "-d", "x"][..],
            "du: --max-depth: expected a whole number, 0 for only the total of each PATH, got 'x'",
        ),
        (
            &["du", "-ah", "/"],
            "du: --all: only directories are listed; porthole find PATH --larger SIZE lists files; see porthole du --help",
        ),
        (
            &["du", "--apparent-size"],
            "du: --apparent-size: it is in the document that --json prints; see porthole du --help",
        ),
        (&["du", "-s", "-d1"], "du: --max-depth is given twice; see porthole du --help"),
    ] {
        porthole(words).refused(message);
    }
}
