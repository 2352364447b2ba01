//! `porthole access`, compared with what the kernel grants that user.

mod generated;
mod kernel;
mod lists;
mod owners;
mod way;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::Command;

use serde_json::json;

use crate::support::command::{output, porthole};
use crate::support::place::Place;
use crate::support::skip::{is_root, skip};

/// A directory for files with several owners; `None` unless the test runs as root.
fn place() -> Option<Place> {
    let place = Place::new();
    if !is_root() {
        skip("only root can give files to other users");
        return None;
    }
    place.mode("", 0o755);
    Some(place)
}

#[test]
fn every_component_is_listed_and_the_one_that_denies_is_marked() {
    let Some(place) = place() else { return };
    fs::create_dir_all(place.path("app/config")).unwrap();
    place.file("app/config/secret", "");
    symlink("app/config/secret", place.path("link")).unwrap();
    let (root, secret) = (place.path(""), place.path("app/config/secret"));
    let root = root.trim_end_matches('/');
    place.mode("app/config/secret", 0o400);
    let ran = porthole(["access", &place.path("link"), "--uid", "65532", "--gid", "65532"]).run();
    let denied = "owner 0:0 mode 0400 does not let others read";
    let last = format!("no: 65532:65532 may not read {root}/link: {secret}: {denied}");
    let lines: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    assert_eq!(lines[0], ["MODE", "OWNER", "GROUP", "NAME", "GRANTS"]);
    assert_eq!(lines[1], ["drwxr-xr-x", "root", "root", "/", "search"]);
    let at = lines.iter().position(|line| line[0].starts_with('l')).unwrap();
    assert_eq!(
        lines[at],
        ["lrwxrwxrwx", "root", "root", &format!("{root}/link"), "->", "app/config/secret", "follow"]
    );
    assert_eq!(lines[at + 1], ["drwxr-xr-x", "root", "root", &format!("{root}/app"), "search"]);
    assert_eq!(lines[at + 3][4..], format!("DENIED: {denied}").split(' ').collect::<Vec<_>>());
    assert!(ran.stdout.ends_with(&format!("{last}\n")), "{}", ran.story());

    chown(&secret, Some(65_532), None).unwrap();
    let ran = porthole(["access", &secret, "--uid", "65532"]).run();
    assert!(
        ran.status == Some(0) && ran.stdout.ends_with(&format!("yes: 65532:0 may read {secret}\n")),
        "{}",
        ran.story()
    );
    place.mode("app", 0o700);
    let ran = porthole(["access", &secret, "--uid", "65532", "--gid", "5"]).run();
    let denied = format!(
        "no: 65532:5 may not read {secret}: {root}/app: owner 0:0 mode 0700 does not let others search\n"
    );
    assert!(ran.stdout.ends_with(&denied), "{}", ran.story());
    let none = place.path("app/none");
    let ran = porthole(["access", &none]).run();
    assert!(
        ran.status == Some(1) && ran.stdout.ends_with(&format!("no: {none}: no such file or directory\n"))
    );
}

#[test]
fn json_has_the_ids_the_verdict_and_all_components() {
    let Some(place) = place() else { return };
    let path = place.file("file", "");
    place.mode("file", 0o640);
    let words = ["access", &path, "--uid", "7", "--gid", "8", "--groups", "0,9", "--write", "--json"];
    let ran = porthole(words).run();
    let json = ran.content();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    let denied = "owner 0:0 mode 0640 does not let the group write";
    assert_eq!(
        json,
        json!({"path": path, "uid": 7, "gid": 8, "groups": [{"gid": 0, "group": "root"}, {"gid": 9, "group": "news"}], "wanted": ["write"], "allowed": false,
            "reason": format!("7:8 may not write {path}: {path}: {denied}"), "components": json["components"]})
    );
    let last = json["components"].as_array().unwrap().last().unwrap();
    assert_eq!(
        *last,
        json!({"path": path, "type": "file", "mode": "0640", "uid": 0, "user": "root", "gid": 0, "group": "root",
            "granted": false, "reason": denied})
    );
}

/// Reproducible pseudorandom numbers: xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

const IDS: [u32; 4] = [0, 70_001, 70_002, 70_003];

/// What test(1) reports as this user: `r`, `w`, `x` for each path, or `-`.
fn by_kernel(setpriv: &[&str], paths: &[String]) -> Vec<String> {
    let script = "for p; do a=; for o in r w x; do if test -$o \"$p\"; then a=$a$o; else a=$a-; fi; done; echo $a; done";
    let mut command = Command::new("setpriv");
    let ran = output(command.args(setpriv).args(["/bin/sh", "-c", script, "sh"]).args(paths));
    assert_eq!(ran.status, Some(0), "{}", ran.story());
    ran.stdout.lines().map(str::to_owned).collect()
}

/// What porthole reports for the same paths.
fn by_porthole(before: &[&str], words: &[&str], paths: &[String]) -> Vec<String> {
    let granted = |path: &String, option: &[&str]| {
        let all = [before, &["access", path], words, option].concat();
        output(Command::new(all[0]).args(&all[1..])).status == Some(0)
    };
    let one = |path: &String| {
        let bits = [("r", &[][..]), ("w", &["--write"]), ("x", &["--exec"])];
        bits.map(|(letter, option)| if granted(path, option) { letter } else { "-" }).concat()
    };
    paths.iter().map(one).collect()
}

#[track_caller]
fn assert_same(paths: &[String], theirs: &[String], by_porthole: &[String], who: &str) {
    for ((path, theirs), by_porthole) in paths.iter().zip(theirs).zip(by_porthole) {
        let listing = output(Command::new("namei").args(["-lx", path])).stdout;
        assert_eq!(by_porthole, theirs, "{who}: {path}\n{listing}");
    }
    // Comparing only denials would prove little.
    assert!(theirs.iter().any(|access| access.contains('r')), "{who}");
}

#[test]
fn invalid_ids_are_usage_errors() {
    porthole(["access", "/", "--uid", "root"])
        .refused("access: --uid: expected a number from 0 to 4294967294, got 'root'");
    porthole(["access", "/", "--groups", "1,x"])
        .refused("access: --groups: expected numbers with commas between, such as 5,20, got '1,x'");
}
