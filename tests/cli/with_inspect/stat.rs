//! `porthole stat`, compared with coreutils' stat.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::command::{output, porthole};
use crate::support::place::Place;

/// What coreutils says in this format.
fn coreutils(format: &str, path: &str) -> String {
    let mut command = Command::new("stat");
    let text = output(command.args(["--printf", format, path]).env("LC_ALL", "C").env("TZ", "UTC")).stdout;
    // Times to the nanosecond, and the zone in our words.
    text.replace(" +0000", " UTC")
}

const TIMES: &str = "accessed:    %x\nmodified:    %y\nchanged:     %z";

#[test]
fn a_file_as_coreutils_describes_it() {
    let place = Place::new();
    let path = place.file("file", "x".repeat(3000));
    place.mode("file", 0o2641);
    let modified = UNIX_EPOCH + Duration::new(951_782_399, 123_456_789);
    File::open(&path).unwrap().set_modified(modified).unwrap();
    let format = format!(
        "path:        %n\ntype:        %F\nsize:        %s (3.0K)\nblocks:      %b of %B bytes\ndevice:      %Hd, %Ld\n\
         inode:       %i\nlinks:       %h\nmode:        %04a %A\nuser:        %u (%U)\ngroup:       %g (%G)\n{TIMES}"
    );
    porthole(["stat", &path]).healthy(&coreutils(&format, &path));
    let format = format!(
        "path:        %n\ntype:        character device\nnumbers:     %Hr, %Lr\nblocks:      %b of %B bytes\n\
         device:      %Hd, %Ld\ninode:       %i\nlinks:       %h\nmode:        %04a %A\nuser:        %u (%U)\n\
         group:       %g (%G)\n{TIMES}"
    );
    porthole(["stat", "/dev/null"]).healthy(&coreutils(&format, "/dev/null"));
}

#[test]
fn where_links_lead() {
    let place = Place::new();
    fs::create_dir_all(place.path("a/b")).unwrap();
    place.file("a/b/file", "");
    symlink("a/b/../b", place.path("folder")).unwrap();
    symlink("folder/file", place.path("link")).unwrap();
    symlink("folder/none", place.path("dangling")).unwrap();
    symlink("loop", place.path("loop")).unwrap();
    symlink(place.path("link"), place.path("absolute")).unwrap();
    let says = |name: &str, to: &str, end: &str| {
        let ran = porthole(["stat", &place.path(name)]).run();
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        assert_eq!(
            lines[1..4],
            ["type:        link", &format!("link to:     {to}"), &format!("resolves to: {end}")]
        );
    };
    let file = place.path("a/b/file");
    says("link", "folder/file", &file);
    says("absolute", &place.path("link"), &file);
    says(
        "dangling",
        "folder/none",
        &format!("nothing ({}: no such file or directory)", place.path("a/b/none")),
    );
    // musl and glibc have other words for it.
    let ran = porthole(["stat", &place.path("loop")]).run();
    let nothing = format!("\nresolves to: nothing ({}: ", place.path("loop"));
    assert!(ran.stdout.contains(&nothing) && ran.stdout.contains("symbolic link"), "{}", ran.story());
    // A slash at the end asks for what the link leads to.
    let ran = porthole(["stat", &format!("{}/", place.path("folder"))]).run();
    assert!(ran.stdout.contains("\ntype:        directory\n"), "{}", ran.story());
}

#[test]
fn as_json() {
    let place = Place::new();
    let path = place.file("file", "hello");
    place.mode("file", 0o604);
    symlink("file", place.path("link")).unwrap();
    let ran = porthole(["stat", "--json", &path, &place.path("link"), &place.path("none")]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let number = |format: &str| -> Value { serde_json::from_str(&coreutils(format, &path)).unwrap() };
    let file = &json["files"][0];
    assert_eq!(
        *file,
        json!({"path": path, "type": "file", "mode": "0604", "uid": number("%u"), "user": coreutils("%U", &path),
            "gid": number("%g"), "group": coreutils("%G", &path), "size": 5, "blocks": number("%b"),
            "device": number("%d"), "inode": number("%i"), "links": 1, "accessed": file["accessed"],
            "modified": file["modified"], "changed": file["changed"]})
    );
    // Exactly, which a number of serde_json's is not.
    for (key, format) in [("accessed", "%.9X"), ("modified", "%.9Y"), ("changed", "%.9Z")] {
        let exact = format!("\"{key}\": {}", coreutils(format, &path));
        let after = ran.stdout.split_once(&exact).map(|(_, after)| after);
        assert!(after.is_some_and(|after| after.starts_with([',', '}'])), "{exact}\n{}", ran.story());
    }
    assert_eq!((&json["files"][1]["link"], &json["files"][1]["resolves_to"]), (&json!("file"), &json!(path)));
    let complaint = format!("{}: no such file or directory", place.path("none"));
    assert_eq!(json["errors"], json!([complaint]));
    assert_eq!((ran.status, ran.stderr), (Some(1), format!("porthole: stat: {complaint}\n")));
}

#[test]
fn wrong_usage() {
    porthole(["stat"]).refused("stat: PATH is missing; see porthole stat --help");
    porthole(["stat", ""]).refused("stat: : no such file or directory");
    porthole(["stat", "-p", "0", "/"])
        .refused("stat: --pid: expected a process ID from 1 to 4194304, got '0'");
}
