//! Names, patterns and options are those of GNU tar.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{archive, assert_same_names, forest, names, tar_in};
use crate::support::command::binary;

#[test]
fn members_have_the_names_that_gnu_tar_gives_them() {
    let place = forest();
    for paths in [
        &["t"][..],
        &["t/"],
        &["t//"],
        &["./t"],
        &["."],
        &["./"],
        &["t/a/../b"],
        &["t/.."],
        &["t/../t/a"],
        &["link"],
        &["link/"],
        &["link/a"],
        &["t/a/x.log", "t/log", "t/b"],
        &["t/a", "t/a"],
    ] {
        assert!(!assert_same_names(&place.0, &[], paths).is_empty());
        assert_same_names(Path::new("/"), &["-C", &place.path("")], paths);
    }
    let inner = place.0.join("t/a");
    for paths in [&[".."][..], &["../b"], &["../../t/b"], &["../", "x.log"]] {
        assert!(!assert_same_names(&inner, &[], paths).is_empty());
    }
    let absolute = place.path("t/a");
    assert!(assert_same_names(&place.0, &[], &[&absolute]).contains(&format!("{}/x.log", &absolute[1..])));
    assert_same_names(&place.0, &[], &[&format!("/{absolute}")]);
    assert_same_names(&place.0, &["-C", "t"], &[&absolute]);
    assert_same_names(&place.0, &["--exclude", "?*"], &["/"]);
}

#[test]
fn each_prefix_removed_from_names_is_reported_once() {
    let place = forest();
    let (a, b) = (place.path("t/a"), place.path("t/b"));
    let output = tar_in(&place.0, &["cf", "-", &a, &b, "t/../t/b", "t/a/../b"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "porthole: tar: removing leading '/' from member names\n\
         porthole: tar: removing leading 't/../' from member names\n\
         porthole: tar: removing leading 't/a/../' from member names\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn patterns_exclude_what_gnu_tar_excludes() {
    let place = forest();
    let mut left = Vec::new();
    for pattern in [
        "b",
        "b/",
        "b/c",
        "a/b",
        "a*c",
        "*/c",
        "t",
        "[b]",
        "b/*",
        "/a",
        "./t",
        "t/a/b/c/f",
        "*",
        "B",
        "\\b",
        "*.log",
        "?",
        "[!a-z]*",
        "\\[x\\]",
        "[[]x]",
        "\\*",
        "é",
        "?.log",
        "t/*.log",
        ".git",
        "*git*",
        "f",
        "log/y.log",
        "",
        "back\\\\slash",
    ] {
        for paths in [&["t"][..], &["t/a/b", "t/log/y.log"], &["."], &["./t/b/"]] {
            left.push(assert_same_names(&place.0, &["--exclude", pattern], paths).len());
        }
        let top = place.path("t");
        assert_same_names(&place.0, &["--exclude", pattern], &[&top]);
    }
    assert!(left.iter().min() == Some(&0) && left.iter().max() > Some(&15), "{left:?}");
    assert_same_names(&place.0, &["--exclude=b", "--exclude", "*.log"], &["t"]);
    let pattern = format!("--exclude={}", place.path("t/a"));
    assert!(assert_same_names(&place.0, &[&pattern], &[&place.path("t")]).len() > 5);
}

#[test]
fn the_options_of_kubectl_cp_and_other_forms_are_accepted() {
    let place = forest();
    let (top, folder) = (place.path("t"), place.path(""));
    let expected = archive(&place.0, &["cf", "-", "t"]);
    for arguments in [
        &["-cf", "-", "t"][..],
        &["-c", "-f", "-", "t"],
        &["-cf-", "t"],
        &["c", "t"],
        &["-c", "t"],
        &["--create", "--file=-", "--", "t"],
        &["cfC", "-", &folder, "t"],
        &["Ccf", &folder, "-", "t"],
        &["cf", "-", "-C", &folder, "t"],
        &["cf", "-", "t", "--directory", &folder],
    ] {
        assert!(archive(&place.0, arguments) == expected, "{arguments:?}");
    }
    // Called as `tar`, through a link in a container's image.
    let link = place.path("tar");
    symlink(binary(), &link).unwrap();
    let mut command = Command::new(&link);
    let output = command.args(["cf", "-", &top]).output().unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("porthole: tar: removing leading '/' from member names\n", Some(0))
    );
    assert!(names(&output.stdout).iter().all(|name| name.starts_with(&top[1..])));
    let output = tar_in(&place.0, &["cvf", "-", "t/b", "--exclude", "é"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "t/b/\nt/b/back\\\\slash\n");
    assert_eq!(output.status.code(), Some(0));
}
