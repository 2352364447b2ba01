//! `porthole stat`, compared with coreutils' stat.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::command::{output, porthole};
use crate::support::place::Place;

/// The output of coreutils' stat in this format.
fn by_coreutils(format: &str, path: &str) -> String {
    let mut command = Command::new("stat");
    let text = output(command.args(["--printf", format, path]).env("LC_ALL", "C").env("TZ", "UTC")).stdout;
    // Times are to the nanosecond; the zone is printed as `UTC`.
    text.replace(" +0000", " UTC")
}

const TIMES: &str = "accessed:    %x\nmodified:    %y\nchanged:     %z";

#[test]
fn a_file_is_described_as_by_coreutils() {
    let place = Place::new();
    let path = place.file("file", "x".repeat(3000));
    place.mode("file", 0o2641);
    let modified = UNIX_EPOCH + Duration::new(951_782_399, 123_456_789);
    File::open(&path).unwrap().set_modified(modified).unwrap();
    let format = format!(
        "path:        %n\ntype:        %F\nsize:        %s (3.0K)\nblocks:      %b of %B bytes\ndevice:      %Hd, %Ld\n\
         inode:       %i\nlinks:       %h\nmode:        %04a %A\nuser:        %u (%U)\ngroup:       %g (%G)\n{TIMES}"
    );
    porthole(["stat", &path]).healthy(&by_coreutils(&format, &path));
    let format = format!(
        "path:        %n\ntype:        character device\nnumbers:     %Hr, %Lr\nblocks:      %b of %B bytes\n\
         device:      %Hd, %Ld\ninode:       %i\nlinks:       %h\nmode:        %04a %A\nuser:        %u (%U)\n\
         group:       %g (%G)\n{TIMES}"
    );
    porthole(["stat", "/dev/null"]).healthy(&by_coreutils(&format, "/dev/null"));
}

#[test]
fn the_target_of_a_link_is_shown() {
    let place = Place::new();
    fs::create_dir_all(place.path("a/b")).unwrap();
    place.file("a/b/file", "");
    symlink("a/b/../b", place.path("folder")).unwrap();
    symlink("folder/file", place.path("link")).unwrap();
    symlink("folder/none", place.path("dangling")).unwrap();
    symlink("loop", place.path("loop")).unwrap();
    symlink(place.path("link"), place.path("absolute")).unwrap();
    let assert_resolves = |name: &str, to: &str, end: &str| {
        let ran = porthole(["stat", &place.path(name)]).run();
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        assert_eq!(
            lines[1..4],
            ["type:        link", &format!("link to:     {to}"), &format!("resolves to: {end}")]
        );
    };
    let file = place.path("a/b/file");
    assert_resolves("link", "folder/file", &file);
    assert_resolves("absolute", &place.path("link"), &file);
    assert_resolves(
        "dangling",
        "folder/none",
        &format!("nothing ({}: no such file or directory)", place.path("a/b/none")),
    );
    // musl and glibc word this differently.
    let ran = porthole(["stat", &place.path("loop")]).run();
    let nothing = format!("\nresolves to: nothing ({}: ", place.path("loop"));
    assert!(ran.stdout.contains(&nothing) && ran.stdout.contains("symbolic link"), "{}", ran.story());
    // With a trailing slash the link is followed.
    let ran = porthole(["stat", &format!("{}/", place.path("folder"))]).run();
    assert!(ran.stdout.contains("\ntype:        directory\n"), "{}", ran.story());
}

#[test]
fn json_has_exact_times_and_errors() {
    let place = Place::new();
    let path = place.file("file", "hello");
    place.mode("file", 0o604);
    symlink("file", place.path("link")).unwrap();
    let ran = porthole(["stat", "--json", &path, &place.path("link"), &place.path("none")]).run();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    let number = |format: &str| -> Value { serde_json::from_str(&by_coreutils(format, &path)).unwrap() };
    let file = &json["files"][0];
    assert_eq!(
        *file,
        json!({"path": path, "type": "file", "mode": "0604", "uid": number("%u"), "user": by_coreutils("%U", &path),
            "gid": number("%g"), "group": by_coreutils("%G", &path), "size": 5, "blocks": number("%b"),
            "device": by_coreutils("%Hd:%Ld", &path), "inode": number("%i"), "links": 1, "accessed": file["accessed"],
            "modified": file["modified"], "changed": file["changed"]})
    );
    // Compared as text, because a floating-point number in serde_json is not exact.
    for (key, format) in [("accessed", "%.9X"), ("modified", "%.9Y"), ("changed", "%.9Z")] {
        let exact = format!("\"{key}\": {}", by_coreutils(format, &path));
        let after = ran.stdout.split_once(&exact).map(|(_, after)| after);
        assert!(after.is_some_and(|after| after.starts_with([',', '}'])), "{exact}\n{}", ran.story());
    }
    assert_eq!((&json["files"][1]["link"], &json["files"][1]["resolves_to"]), (&json!("file"), &json!(path)));
    let error = format!("{}: no such file or directory", place.path("none"));
    assert_eq!(json["errors"], json!([error]));
    assert_eq!((ran.status, ran.stderr), (Some(1), format!("porthole: stat: {error}\n")));
}

#[test]
fn missing_and_invalid_arguments_are_usage_errors() {
    porthole(["stat"]).refused("stat: PATH is missing; see porthole stat --help");
    porthole(["stat", ""]).refused("stat: : no such file or directory");
    porthole(["stat", "-p", "0", "/"])
        .refused("stat: --pid: expected a process ID from 1 to 4194304, or self, got '0'");
}
