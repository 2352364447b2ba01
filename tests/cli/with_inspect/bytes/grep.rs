//! `grep`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use super::{Place, assert_same, printed};
use crate::support::command::{binary, porthole};

#[test]
fn backslashes_are_doubled_only_in_lines_with_other_escapes() {
    let place = Place::new();
    let file = place.file("x", b"back\\slash\t1\n\\xff \xff 1\n");
    porthole(["grep", "1", &file]).healthy("back\\slash\t1\n\\\\xff \\xff 1");
}

#[test]
fn ignore_case_applies_to_ascii_letters_only() {
    let place = Place::new();
    let file = place.file("x", "GRÜN\nGRüN\n");
    let note = "porthole: grep: -i applies to ASCII letters only: the case of other letters in TEXT matters";
    for words in [&["grep", "-i", "grün"][..], &["grep", "-iE", "gr[ü]n"]] {
        porthole(words.iter().chain(&[file.as_str()])).run().is(0, "GRüN", note);
    }
    porthole(["grep", "-i", "gr", &file]).healthy("GRÜN\nGRüN");
    porthole(["grep", "grün", &file]).run().is(1, "", "");
}

#[test]
#[ignore = "slow: run by make test"]
fn porthole_finds_the_lines_that_grep_finds() {
    let place = Place::new();
    let files = place.files();
    for file in files.iter().filter(|file| !file.ends_with("latin") && !file.ends_with("crlf")) {
        for text in ["needle", "NEEDLE", "one", "line 299", "e", "", "\r", "xn"] {
            let is_binary = file.ends_with("nuls") || file.ends_with("random");
            for (theirs, ours) in [("-F", ""), ("-Fn", "-n"), ("-Fi", "-i"), ("-Fni", "-ni"), ("-E", "-E")] {
                let mut arguments = vec![text, file.as_str()];
                if !ours.is_empty() {
                    arguments.insert(0, ours);
                }
                if is_binary {
                    let Some((_, found)) = printed("grep", &["-a", theirs, text, file]) else { return };
                    let words: Vec<&str> = ["grep"].into_iter().chain(arguments).collect();
                    let (out, ours) = printed(&binary(), &words).unwrap();
                    assert_eq!(ours, found, "{words:?}");
                    let line = if found { format!("Binary file {file} matches\n") } else { String::new() };
                    assert_eq!(String::from_utf8_lossy(&out), line, "{words:?}");
                } else {
                    assert_same("grep", &[theirs, text, file], &arguments);
                }
            }
        }
    }
    for expression in [
        "^line 1.*9$",
        "(one|two)",
        "^$",
        "t.o",
        "e{2}",
        "[0-9]+7$",
        "ne 29+8",
        "ine 2(9|8)99",
        "tw?o",
        "(t|x)hre+$",
        "one|two",
        "LINE [12]5?77",
        "x*two",
        r"e\b",
    ] {
        for file in [&files[2], &files[6]] {
            for letters in ["-nE", "-niE"] {
                assert_same("grep", &[letters, expression, file], &[letters, expression, file]);
            }
        }
    }
    assert_same("grep", &["-n", "two", &files[2], &files[0]], &["-n", "two", &files[2], &files[0]]);
    // Control characters are escaped even in a pipe, as a terminal may be at its end; a line that
    // is not UTF-8 is still a line.
    let ran = printed(&binary(), &["grep", "two", &files[3]]).unwrap();
    assert_eq!(ran, (b"two\\r\n".to_vec(), true));
    let ran = printed(&binary(), &["grep", "-i", "needle", &files[8]]).unwrap();
    assert_eq!(ran, (b"caf\\xe9 Needle\n".to_vec(), true));
    let json = porthole(["grep", "--json", "aïve|café|Needle", "-E", &files[8], &files[3]]).run();
    assert_eq!(
        serde_json::from_str::<Value>(&json.stdout).unwrap(),
        json!({"matches": [{"path": files[8], "line": 1, "text": {"bytes": "Y2Fm6SBOZWVkbGU="}}]})
    );
}

/// POSIX: with `-q`, a match exits 0 "even if an error was detected".
#[test]
fn a_quiet_match_outweighs_errors() {
    let place = Place::new();
    let file = place.file("file", "a needle\n");
    let (none, folder) = (place.path("none"), place.0.to_str().unwrap().to_owned());
    let missing = format!("porthole: grep: {none}: no such file or directory");
    let is_folder = format!("porthole: grep: {folder}: is a directory");
    let quiet = |paths: &[&str]| porthole([&["grep", "-q", "needle"], paths].concat()).run();
    quiet(&[&file, &none]).is(0, "", "");
    quiet(&[&none, &file]).is(0, "", &missing);
    quiet(&[&folder, &none, &file]).is(0, "", &format!("{is_folder}\n{missing}"));
    quiet(&[&none]).is(1, "", &missing);
    porthole(["grep", "-q", "nothing", &none, &file]).run().is(1, "", &missing);
    porthole(["grep", "--no-filename", "needle", &none, &file]).run().is(1, "a needle", &missing);
    let json = porthole(["grep", "-q", "--json", "needle", &none, &file]).run();
    assert_eq!(json.status, Some(0), "{}", json.story());
}

#[test]
fn recursive_grep_does_not_follow_links() {
    let place = Place::new();
    fs::create_dir_all(place.0.join("a/b")).unwrap();
    place.file("a/x", "needle 1\n");
    place.file("a/b/y", "no\nneedle 2\n");
    symlink("..", place.0.join("a/b/loop")).unwrap();
    symlink("x", place.0.join("a/link")).unwrap();
    let fifo = place.path("a/fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (top, link) = (place.path("a"), place.path("top"));
    symlink("a", &link).unwrap();
    for folder in [&top, &link] {
        let ran = porthole(["grep", "-rn", "needle", folder]).run();
        let mut lines: Vec<&str> = ran.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, [format!("{folder}/b/y:2:needle 2"), format!("{folder}/x:1:needle 1")]);
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.story());
    }
    porthole(["grep", "-r", "nothing", &top]).unhealthy("");
    porthole(["grep", "needle", &top]).refused(&format!("grep: {top}: is a directory"));
    let looped = place.path("looped");
    symlink("looped", &looped).unwrap();
    let ran = porthole(["grep", "-r", "needle", &looped]).run();
    // The wording of musl or of glibc.
    let errors = ["symbolic link loop", "too many levels of symbolic links"]
        .map(|why| format!("porthole: grep: {looped}: {why}\n"));
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""), "{}", ran.story());
    assert!(errors.contains(&ran.stderr), "{}", ran.story());
}
