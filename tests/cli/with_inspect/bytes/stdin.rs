//! `-` is stdin.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Place;
use crate::support::command::{binary, porthole};

/// What porthole prints to both streams if stdin is a pipe with this content, and its exit status.
fn piped(words: &[&str], content: &[u8]) -> (String, String, Option<i32>) {
    let mut command = Command::new(binary());
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let content = content.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&content).is_ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn a_pipe_is_read_under_its_usual_name() {
    let place = Place::new();
    let file = place.file("x", "of the file\n");
    let content = b"1\n2 needle\n3\n";
    for (words, expected) in [
        ("cat -", "1\n2 needle\n3\n".to_owned()),
        ("cat - FILE", "1\n2 needle\n3\nof the file\n".to_owned()),
        ("head -n 1 -", "1\n".to_owned()),
        ("tail -n 1 -", "3\n".to_owned()),
        ("tail -n +2 -", "2 needle\n3\n".to_owned()),
        ("tail -c 4 -", "e\n3\n".to_owned()),
        ("head -n 1 FILE -", format!("==> {file} <==\nof the file\n\n==> standard input <==\n1\n")),
        ("grep needle -", "2 needle\n".to_owned()),
        ("grep -Hn needle -", "(standard input):2:2 needle\n".to_owned()),
        ("grep -c needle - FILE", format!("(standard input):1\n{file}:0\n")),
        ("grep -l needle -", "(standard input)\n".to_owned()),
        ("grep -rh needle -", "2 needle\n".to_owned()),
        (
            "hexdump -s 4 -n 6 -",
            "00000004  6e 65 65 64 6c 65                                 |needle|\n0000000a\n".to_owned(),
        ),
    ] {
        let words: Vec<&str> =
            words.split(' ').map(|word| if word == "FILE" { &file } else { word }).collect();
        assert_eq!(piped(&words, content), (expected, String::new(), Some(0)), "{words:?}");
    }
    let (out, err, status) = piped(&["sha256sum", "-"], b"x");
    let sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!((out, err, status), (format!("{sum}  -\n"), String::new(), Some(0)));
    let (out, ..) = piped(&["grep", "--json", "needle", "-"], content);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()["matches"],
        json!([{"path": "-", "line": 2, "text": "2 needle"}])
    );
    porthole(["cat", "./-"]).refused("cat: ./-: no such file or directory");
}

/// Stdin is never too large, and is cut as a file is.
#[test]
fn a_long_pipe_is_cut_where_a_file_is() {
    let _place = Place::new();
    let long = "0123456789abcde\n".repeat(200_000);
    let (out, err, status) = piped(&["tail", "-n", "2", "-"], long.as_bytes());
    assert_eq!((out.as_str(), err.as_str(), status), (&long[..32], "", Some(0)));
    let (out, err, _) = piped(&["tail", "-n", "200000", "--max", "64k", "-"], long.as_bytes());
    assert_eq!((out.len(), err.as_str()), (65_536, "porthole: tail: -: cut to the last 64 KiB (--max)\n"));
    let (out, err, _) = piped(&["cat", "-"], long.as_bytes());
    assert_eq!((out.len(), err.as_str()), (1 << 20, "porthole: cat: -: cut after 1 MiB (--max)\n"));
}

/// A file that another process has read a part of goes on from there.
#[test]
fn stdin_may_be_a_file_or_a_directory() {
    let place = Place::new();
    let file = place.file("x", "1\n2\n3\n");
    let run = |words: &[&str], path: &str| {
        let output = Command::new(binary()).args(words).stdin(File::open(path).unwrap()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&["tail", "-n", "1", "-"], &file), ("3\n".to_owned(), String::new()));
    assert_eq!(run(&["cat", "-", "-"], &file), ("1\n2\n3\n".to_owned(), String::new()));
    let error = "porthole: cat: -: is a directory\n".to_owned();
    assert_eq!(run(&["cat", "-"], place.0.to_str().unwrap()), (String::new(), error));
    let script = "read line; exec \"$0\" tail -n 5 -";
    let mut command = Command::new("sh");
    command.args(["-c", script, &binary()]).stdin(File::open(&file).unwrap());
    assert_eq!(command.output().unwrap().stdout, b"2\n3\n");
}

/// What is written is printed at once, however long the next line takes.
#[test]
fn a_pipe_is_waited_for() {
    let _place = Place::new();
    for words in [&["cat", "-"][..], &["grep", "needle", "-"], &["tail", "-n", "+1", "-"]] {
        let mut command = Command::new(binary());
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..3 {
            stdin.write_all(b"a needle\n").unwrap();
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert_eq!(line, "a needle\n");
        }
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}
