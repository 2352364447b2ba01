//! Arguments of arbitrary bytes, and output that cannot be written.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use super::{DURATION, HOST_PORT};
use crate::support::command::{binary, porthole};
use crate::support::server::{Server, Step};

#[test]
fn arguments_are_escaped_exactly_once() {
    porthole(["no\x1b[2Jpe"]).refused(r"unknown command 'no\x1b[2Jpe'; see porthole --help");
    porthole(["tcp", "a\nb:1"]).refused(&format!(r"tcp: TARGET: {HOST_PORT}, got 'a\nb:1'"));
}

/// Every message escapes each byte of an argument that is not UTF-8.
#[test]
fn arguments_that_are_not_utf8_are_escaped() {
    let run = |words: &[&[u8]]| porthole(words.iter().map(|word| OsStr::from_bytes(word)));
    let see = |command: &str| format!("; see porthole {command} --help");
    for (words, message) in [
        (&[&b"\xff"[..]][..], r"unknown command '\xff'; see porthole --help".to_owned()),
        (&[b"-\xff"], r"unknown option -\xff; see porthole --help".to_owned()),
        (&[b"help", b"\xc3"], r"unknown command '\xc3'; see porthole --help".to_owned()),
        (&[b"http", b"\xff"], r"http: TARGET: expected UTF-8 text, got '\xff'".to_owned()),
        (&[b"http", b":1", b"--a\xfeb=1"], format!(r"http: unknown option --a\xfeb{}", see("http"))),
        (&[b"tcp", b":1", b"-q\xffz"], format!(r"tcp: unknown option -\xff{}", see("tcp"))),
        (&[b"tcp", b":1", b"\xe9t\xe9"], format!(r"tcp: unexpected argument '\xe9t\xe9'{}", see("tcp"))),
        (
            &[b"tcp", b":1", b"and", b"\xff"],
            r"tcp: unknown check '\xff' after 'and'; see porthole --help".to_owned(),
        ),
        (&[b"tcp", b":1", b"-t", b"\xff"], format!(r"--timeout: {DURATION}, got '\xff'")),
        (&[b"tcp", b"h\xffst:1"], r"tcp: TARGET: expected UTF-8 text, got 'h\xffst:1'".to_owned()),
        (
            &[b"redis", b"h\xffst:1"],
            format!(r"redis: TARGET: {HOST_PORT}, or the path of a Unix socket, got 'h\xffst:1'"),
        ),
        (
            &[b"tcp", b":1", b"--send", b"\xff\\q"],
            r"tcp: --send: expected text in which \\ is followed by r, n, t, 0, xNN or \\, got '\xff\\q'"
                .to_owned(),
        ),
        // The value may be a secret.
        (&[b"http", b":1", b"--data", b"\xff"], "http: --data: expected UTF-8 text".to_owned()),
        (
            &[b"http", b":1", b"-d", b"${file:/no\xff}"],
            r"http: --data: ${file:/no\xff}: no such file or directory".to_owned(),
        ),
    ] {
        run(words).refused(&message);
    }
    run(&[b"file", b"/no\xff"]).unhealthy(r"unhealthy: file /no\xff: no such file or directory");
    run(&[b"unix", b"/no\xff"]).unhealthy(r"unhealthy: unix /no\xff: no such socket");
    run(&[b"process", b"no\xff"]).unhealthy(r"unhealthy: process no\xff: none running, expected at least 1");

    let server = Server::new(vec![Step::Send("hello".into())]);
    let at = server.address().to_string();
    run(&[b"tcp", at.as_bytes(), b"--expect", b"\xff\xfe"]).unhealthy(&format!(
        "unhealthy: tcp {at}: the server closed the connection, expected \"{}\"; received: hello",
        r"\xff\xfe"
    ));
    drop(server);

    // In JSON, a message is text and the target is bytes.
    let folder = crate::support::server::folder();
    let link = folder.join("link");
    std::os::unix::fs::symlink(OsStr::from_bytes(b"/no\xff"), &link).unwrap();
    let link = link.to_str().unwrap();
    porthole(["file", link])
        .unhealthy(&format!(r"unhealthy: file {link}: no such file or directory: a link to /no\xff"));
    let json = porthole(["file", link, "--json"]).json();
    assert_eq!(json["checks"][0]["reason"], r"no such file or directory: a link to /no\xff");
    let json = run(&[b"file", b"/no\xff", b"--json"]).json();
    assert_eq!(json["checks"][0]["target"], serde_json::json!({"bytes": "L25v/w=="}));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = Command::new(binary())
        .args(["tcp", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

/// Help that cannot be written is an error; the verdict of a check does not change.
#[test]
fn output_that_cannot_be_written_is_reported() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = |words: &str| {
        let output =
            Command::new(binary()).args(words.split(' ')).env_clear().stdout(full()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let error = "porthole: cannot write to standard output: no space left on device\n";
    for words in ["--help", "--version", "help", "http --help", "http -V"] {
        assert_eq!(run(words), (Some(1), error.to_owned()), "{words}");
    }
    assert_eq!(run("file /dev/null --absent").0, Some(1));
    assert_eq!(run("file /nowhere --absent"), (Some(0), String::new()));
}
