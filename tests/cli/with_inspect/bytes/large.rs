//! Files and lines of any length are handled in bounded memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, printed};
use crate::support::command::{binary, porthole};
use crate::support::skip::skip;

#[test]
fn cut_output_is_reported() {
    let place = Place::new();
    let file = place.file("x", "one\ntwo\nthree\n");
    let cut = |words: &[&str], stdout: &str, note: &str| {
        let words: Vec<&str> = words.iter().copied().chain([file.as_str()]).collect();
        porthole(&words).run().is(0, stdout, &format!("porthole: {}: {file}: {note} (--max)", words[0]));
    };
    cut(&["cat", "--max", "4"], "one", "cut after 4 bytes");
    cut(&["head", "--max", "4", "-n", "3"], "one", "cut after 4 bytes");
    cut(&["tail", "--max", "6"], "three", "cut to the last 6 bytes");
    porthole(["cat", "--max", "14", &file]).healthy("one\ntwo\nthree");
    porthole(["tail", "--max", "10", "-n", "2", &file]).healthy("two\nthree");
    let ran = porthole(["tail", "--json", "-n", "1", &file]).run();
    let json = ran.content();
    assert_eq!(json, json!({"files": [{"path": file, "content": "three\n", "cut": false}]}));
}

#[test]
fn a_sparse_file_of_ten_gigabytes_is_shown_at_once_and_in_little_memory() {
    let place = Place::new();
    let file = place.sparse("x", 10 << 30);
    for (name, note) in [
        ("cat", "cut after 1 MiB"),
        ("head", "cut after 1 MiB"),
        ("tail", "cut to the last 1 MiB"),
        ("hexdump", "cut after 64 KiB"),
    ] {
        let ran = porthole([name, &file]).in_little_memory().run().within(Duration::from_secs(10));
        assert_eq!(ran.stderr, format!("porthole: {name}: {file}: {note} (--max)\n"), "{}", ran.stderr);
        assert_eq!(ran.status, Some(0));
    }
}

#[test]
fn long_lines_and_large_files_are_searched_in_little_memory() {
    let place = Place::new();
    let file = place.file("x", [vec![0; 40 << 20], b"needle".to_vec()].concat());
    let note = format!("porthole: grep: {file}: a line longer than 1 MiB is searched in parts");
    let found = format!("Binary file {file} matches");
    porthole(["grep", "needle", &file]).in_little_memory().run().is(0, &found, &note);
    // The text spans the boundary between two parts.
    let mut text = vec![b'x'; (1 << 20) - 3];
    text.extend_from_slice(b"needle\nneedle\n");
    let file = place.file("y", text);
    let ran = porthole(["grep", "-n", "needle", &file]).in_little_memory().run();
    assert_eq!(ran.stdout.matches("needle").count(), 2, "{}", ran.stderr);
    assert!(ran.stdout.ends_with("\n2:needle\n"));
    let Some((theirs, _)) = printed("sha256sum", &[&file]) else { return };
    porthole(["sha256sum", &file]).in_little_memory().healthy(String::from_utf8(theirs).unwrap().trim_end());
}

/// The last line is found wherever the pieces end in which a file is read.
#[test]
fn files_of_any_size_are_searched_to_their_end() {
    let place = Place::new();
    for size in [1, 7, 65_535, 65_536, 65_537, 131_072, (1 << 20) - 1, 1 << 20, (1 << 20) + 1] {
        for end in ["x", "\nx", "x\n"] {
            let mut text = "line\n".repeat(size / 5 + 1).into_bytes();
            text.truncate(size.saturating_sub(end.len()));
            text.extend_from_slice(end.as_bytes());
            let file = place.file("x", &text);
            let lines = text.strip_suffix(b"\n").unwrap_or(&text).split(|&byte| byte == b'\n');
            let last = lines.clone().next_back().unwrap();
            let found = format!("{}:{}", lines.count(), String::from_utf8_lossy(last));
            porthole(["grep", "-n", "x", &file]).healthy(&found);
            porthole(["grep", "-nE", "[x-z]$", &file]).healthy(&found);
        }
    }
    // Files whose size does not tell how much they hold: of proc and sysfs.
    for (file, text) in [("/proc/version", "Linux"), ("/sys/kernel/mm/transparent_hugepage/enabled", "never")]
    {
        if fs::exists(file).unwrap() {
            let content = fs::read_to_string(file).unwrap();
            porthole(["grep", text, file]).healthy(content.trim_end());
        }
    }
}

/// A mostly sparse file is not read from end to end, which would take hours.
#[test]
fn holes_are_skipped() {
    use std::os::unix::fs::FileExt as _;
    let place = Place::new();
    let file = place.file("x", "one\nneedle 1\ntwo");
    let mut data = File::options().write(true).open(&file).unwrap();
    for (text, at) in [("nee", 1_u64 << 30), ("dle", 2 << 30), ("\nneedle 5", 3 << 40)] {
        if data.write_all_at(text.as_bytes(), at).is_err() {
            skip("files cannot be that large here");
            return;
        }
    }
    data.set_len(4 << 40).unwrap();
    data.flush().unwrap();
    let binary = format!("Binary file {file} matches");
    porthole(["grep", "-n", "needle", &file]).healthy(&binary);
    porthole(["grep", "e 5", &file]).healthy(&binary);
    porthole(["grep", "-i", "NEEDLE 5", &file]).healthy(&binary);
    porthole(["grep", "none", &file]).unhealthy("");
    // A hole contains no newline; nor does it join the text on either side.
    let file = place.file("y", "nee");
    let data = File::options().write(true).open(&file).unwrap();
    data.write_all_at(b"dle\nneedle\n", 1 << 30).unwrap();
    let ran = porthole(["grep", "--json", "needle", &file]).run();
    assert_eq!(ran.stdout.matches("\"binary\": true").count(), 1, "{}", ran.story());
    porthole(["grep", "needle", &place.sparse("z", 4 << 40)]).unhealthy("");
}

/// JSON content is held in memory, so its size is limited.
#[test]
fn json_content_is_limited() {
    let place = Place::new();
    let file = place.sparse("huge", 10 << 30);
    let output = Command::new(binary()).args(["cat", "--json", "--max", "5G", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["errors"][0].as_str().unwrap().starts_with("--max 5"), "{document}");
}
