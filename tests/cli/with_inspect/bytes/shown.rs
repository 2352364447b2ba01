//! The output is that of coreutils and hexdump(1).

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Place, assert_same};
use crate::support::command::{binary, output, porthole};
use crate::support::rooted::rooted;
use crate::support::skip::skip;

#[test]
#[ignore = "slow: run by make test"]
fn output_is_that_of_coreutils() {
    let place = Place::new();
    let files = place.files();
    for file in &files {
        assert_same("cat", &[file], &[file]);
        for lines in ["0", "1", "2", "10", "29999", "30000", "99999999"] {
            assert_same("head", &["-n", lines, file], &["-n", lines, file]);
            assert_same("tail", &["-n", lines, file], &["-n", lines, file]);
            let from = format!("+{lines}");
            assert_same("tail", &["-n", &from, file], &["-n", &from, file]);
        }
    }
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    for name in ["cat", "head", "tail", "sha256sum"] {
        assert_same(name, &all, &all);
    }
}

#[test]
fn tail_from_a_line_on() {
    let place = Place::new();
    let file = place.file("x", "1\n2\n3\n4\n");
    porthole(["tail", "-n", "+3", &file]).healthy("3\n4");
    porthole(["tail", "-n+5", &file]).run().is(0, "", "");
    let note = format!("porthole: tail: {file}: cut after 4 bytes (--max)");
    porthole(["tail", "-n", "+2", "--max", "4", &file]).run().is(0, "2\n3", &note);
    let ran = porthole(["tail", "--json", "-n", "+4", &file]).run();
    assert_eq!(ran.content(), json!({"files": [{"path": file, "content": "4\n", "cut": false}]}));
    let expected = "expected a number of lines, or +N for all from line N on";
    porthole(["tail", "-n", "+x", &file]).refused(&format!("tail: --lines: {expected}, got '+x'"));
    porthole(["head", "-n", "+1", &file]).refused("head: --lines: expected a number of lines, got '+1'");
}

#[test]
fn dumps_are_those_of_hexdump() {
    let place = Place::new();
    for file in &place.files() {
        assert_same("hexdump", &["-C", file], &["--max", "10M", file]);
    }
    let file = place.file("x", (0..=255).collect::<Vec<u8>>());
    porthole(["hexdump", "-n", "20", "-s", "250", &file])
        .healthy("000000fa  fa fb fc fd fe ff                                 |......|\n00000100");
    // Stopping at the requested length is not reported as a cut.
    let ran = porthole(["hexdump", "-n", "17", &file]).run();
    ran.is(
        0,
        "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n\
         00000010  10                                                |.|\n00000011",
        "",
    );
    for skip in ["255", "256", "257", "100000"] {
        assert_same("hexdump", &["-C", "-s", skip, &file], &["-s", skip, &file]);
    }
    let empty = place.file("empty", "");
    assert_same("hexdump", &["-C", "-s", "5", &empty], &["-s", "5", &empty]);
    let ran = porthole(["hexdump", "--json", "-s", "253", &file]).run();
    let json = ran.content();
    assert_eq!(json, json!({"path": file, "offset": 253, "bytes": "/f7/", "cut": false}));
}

#[test]
fn names_are_escaped_as_sha256sum_does() {
    let place = Place::new();
    for name in ["a b", "new\nline", "back\\slash", "carriage\rreturn", "grün"] {
        let file = place.file(name, "x");
        assert_same("sha256sum", &[&file], &[&file]);
    }
    let file = place.0.join(std::ffi::OsStr::from_bytes(b"\x1b[2J\xff"));
    fs::write(&file, "x").unwrap();
    let ran = porthole([std::ffi::OsStr::new("sha256sum"), file.as_os_str()]).run();
    assert!(ran.stdout.starts_with('\\') && ran.stdout.ends_with("/\\x1b[2J\\xff\n"), "{}", ran.story());
    let ran = porthole(["head", &place.file("x\x1b", "1\n"), &place.file("y", "2\n")]).run();
    let folder = place.0.display();
    ran.is(0, &format!("==> {folder}/x\\x1b <==\n1\n\n==> {folder}/y <==\n2"), "");
    let file = place.file("sum", "x");
    let json = porthole(["sha256sum", "--json", &file]).run().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["files"][0]["sha256"],
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    );
}

#[test]
fn the_kernel_log_is_not_read_unless_requested() {
    let place = Place::new();
    let link = place.path("link");
    symlink("/proc/kmsg", &link).unwrap();
    let why = "is the kernel's log (each message goes to only one reader), which is not read";
    for path in ["/proc/kmsg", &link] {
        for name in ["cat", "head", "tail", "hexdump"] {
            porthole([name, path]).refused(&format!("{name}: {path}: {why} unless --special is given"));
        }
        porthole(["sha256sum", path]).refused(&format!("sha256sum: {path}: {why}"));
        porthole(["grep", "x", path]).refused(&format!("grep: {path}: {why}"));
    }
    // The end of the log is EAGAIN: no message is left. strace(1) stands in for the kernel here.
    let file = place.file("file", "x");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P", &file, "-e", "inject=read:error=EAGAIN"]);
    if strace.args([&binary(), "cat", &file]).output().is_err() {
        return skip("strace is not installed");
    }
    output(&mut strace).is(0, "", "");
}

#[test]
fn files_in_proc_are_read_despite_their_size_of_0() {
    let _place = Place::new();
    porthole(["tail", "-n", "1", "/proc/self/limits"]).run().is(
        0,
        fs::read_to_string("/proc/self/limits").unwrap().lines().last().unwrap(),
        "",
    );
    let ran = porthole(["grep", "Name", "/proc/self/status"]).run();
    assert_eq!(ran.stdout, "Name:\tporthole\n", "{}", ran.story());
    porthole(["cat", "/proc/sys/kernel/ostype"]).healthy("Linux");
}

#[test]
fn an_absolute_link_is_resolved_below_the_root_of_the_process() {
    let _place = Place::new();
    let Some(other) = rooted() else { return };
    let pid = other.pid();
    other.file("/etc/hostname", "theirs needle\n");
    let link = other.link("/link", "/etc/hostname");
    other.link("/up", "../../../../../../etc/hostname");
    for path in [link.as_str(), "/up", "up", "/etc/hostname", "/../etc/hostname"] {
        for name in ["cat", "head", "tail"] {
            porthole([name, "-p", &pid, path]).healthy("theirs needle");
        }
        porthole(["grep", "-p", &pid, "needle", path]).healthy("theirs needle");
        porthole(["hexdump", "-p", &pid, "-n", "14", path]).healthy(
            "00000000  74 68 65 69 72 73 20 6e  65 65 64 6c 65 0a        |theirs needle.|\n0000000e",
        );
        porthole(["sha256sum", "-p", &pid, path])
            .healthy(&format!("9c07e99aa0bf9de0aadca483ce2039d8ee658183f2fa5e09d5c8076accec0169  {path}"));
    }
    porthole(["grep", "-r", "-p", &pid, "needle", "/etc"]).healthy("/etc/hostname:theirs needle");
    assert!(Path::new("/etc/passwd").exists());
    porthole(["cat", "-p", &pid, "/etc/passwd"]).refused("cat: /etc/passwd: no such file or directory");
}

/// Between the look at a file and its opening, the path may come to lead to a FIFO.
#[test]
fn a_file_is_opened_by_the_descriptor_that_was_looked_at() {
    let place = Place::new();
    let (file, log) = (place.file("file", "x\n"), place.path("log"));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", &log, "-e", "trace=openat,openat2", &binary(), "cat", &file]);
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed");
    }
    output(&mut strace).is(0, "x", "");
    let calls = fs::read_to_string(log).unwrap();
    let of_path: Vec<&str> = calls.lines().filter(|line| line.contains(&format!("{file:?}"))).collect();
    assert!(!of_path.is_empty() && of_path.iter().all(|line| line.contains("O_PATH")), "{calls}");
    assert!(calls.contains("\"/proc/self/fd/"), "{calls}");
}
