//! `grep`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

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
        json.content(),
        json!({"matches": [{"path": files[8], "line": 1, "text": {"bytes": "Y2Fm6SBOZWVkbGU="}}]})
    );
}

/// A line is a text of its own, in which a character takes the place of bytes that are not UTF-8.
#[test]
fn an_expression_matches_within_a_line() {
    let place = Place::new();
    let file = place.file("x", b"one\n\ntwo \xc3\xa4\nbad \xff\xfe\n\xe4\xb8 1-a2\nend");
    for (expression, numbers) in [
        ("^$", &[2][..]),
        ("^", &[1, 2, 3, 4, 5, 6]),
        (r"\A[ot]", &[1, 3]),
        (r"[en]\z", &[1]),
        ("^.{5}$", &[3]),
        ("^bad ..$", &[4]),
        ("^[^a-z] [0-9]-", &[5]),
        ("\u{fffd}", &[4, 5]),
        ("e[^x]", &[6]),
        (r"one\n", &[]),
        (r"e\s", &[]),
        ("(?s)e.t", &[]),
        (r"\W$", &[3, 4]),
        (r"d\b", &[4, 6]),
        ("[0-9]-[a-z]+[0-9]", &[5]),
        ("(?R)end$", &[6]),
        ("(?x) o n e", &[1]),
        (r"\B|z", &[1, 2, 3, 4, 5, 6]),
    ] {
        let ran = porthole(["grep", "-nE", expression, &file]).run();
        let found: Vec<usize> =
            ran.stdout.lines().map(|line| line.split(':').next().unwrap().parse().unwrap()).collect();
        assert_eq!(found, numbers, "{expression}: {}", ran.story());
    }
}

/// Many lines are searched at once.
#[test]
fn an_expression_in_a_large_file() {
    let place = Place::new();
    let mut text = String::new();
    let mut wanted = Vec::new();
    for number in 1..=40_000 {
        let line = match number {
            7 | 8 | 20_000 | 39_999 => format!("{number} level={number}-x9"),
            _ => format!("{number} level={} 9-{}", number % 100, "abc ".repeat(number % 13)),
        };
        if line.ends_with("x9") {
            wanted.push(format!("{number}:{line}"));
        }
        text.push_str(&line);
        text.push('\n');
    }
    let file = place.file("x", text);
    for expression in ["[0-9]-[a-z]+[0-9]", "^[^-]*[0-9]-[^ab]9$", "=[0-9]+-.[0-9]"] {
        porthole(["grep", "-nE", expression, &file]).in_little_memory().healthy(&wanted.join("\n"));
    }
    let count = |expression: &str| porthole(["grep", "-E", expression, &file]).run().stdout.lines().count();
    assert_eq!((count("^.*$"), count("[0-9]$"), count("(9|8)9 ")), (40_000, 4, 800));
}

/// Expressions for which other engines need exponential time, or memory.
#[test]
fn an_expression_takes_linear_time_and_little_memory() {
    let place = Place::new();
    let file = place.file("x", vec![b'a'; 300_000]);
    for expression in ["^(a+)+$b", "(a*)*[b]", "(a|aa)+[^a]", "(?:a?){40}a{40}[^a]"] {
        let ran = porthole(["grep", "-E", expression, &file]).in_little_memory().run();
        ran.within(Duration::from_secs(30)).is(1, "", "");
    }
    // More states than are kept.
    let mut seed = 1_u32;
    let mut letter = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefgh"[(seed >> 16) as usize % 8]
    };
    let text: Vec<u8> = (0..30_000).map(|at| if at % 2000 == 0 { b'\n' } else { letter() }).collect();
    let file = place.file("y", text);
    let ran = porthole(["grep", "-E", "[ab].{300}[^a-h]", &file]).in_little_memory().run();
    ran.within(Duration::from_mins(1)).is(1, "", "");
    let too_large = "grep: TEXT: the regular expression is too large: more than 64 KiB once compiled";
    porthole(["grep", "-E", "(a{100}){100}", &file]).refused(too_large);
}

/// What the syntax of the checks' expressions does not have, no build takes.
#[test]
fn an_expression_has_the_syntax_of_the_checks() {
    for expression in [r"\pL", "[a&&b]", "[[a]b]", "a{1", "(?=a)", r"(a)\1"] {
        let refused = |words: &[&str]| {
            let ran = porthole(words).run();
            assert!(ran.stderr.contains("invalid regular expression: "), "{}", ran.story());
            ran.stderr.split_once(": invalid").unwrap().1.to_owned()
        };
        let theirs = refused(&["http", "--matches", expression, ":1"]);
        assert_eq!(refused(&["grep", "-E", expression, "/x"]), theirs);
    }
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
