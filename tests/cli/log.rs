//! `--log`: an unhealthy verdict in the log of the container.

use std::process::Command;

use crate::support::command::{Ran, binary, output};
use crate::support::place::Place;
use crate::support::server::closed_port;
use crate::support::skip::{is_root, skip};

/// Runs these lines in a shell that is the first process of a pid namespace; `$P` is porthole. What
/// the shell has as its standard error is the log: a command with redirections has to be in a
/// subshell, because the shell redirects itself first. `None` if that is not possible.
fn in_container(lines: &str, variables: &[(&str, &str)]) -> Option<Ran> {
    if !is_root() {
        skip("only root can create a pid namespace");
        return None;
    }
    let mut command = Command::new("/usr/bin/unshare");
    // `true`: a shell may become its last command.
    command.args(["--pid", "--fork", "--mount-proc", "/bin/sh", "-c", &format!("{lines}\ntrue")]);
    command.env("P", binary()).envs(variables.iter().copied());
    Some(output(&mut command))
}

fn failed(port: u16) -> String {
    format!("porthole: unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)\n")
}

#[test]
fn an_unhealthy_verdict_is_one_line_of_the_log() {
    let port = closed_port();
    let lines = |options: &str| format!("($P tcp 127.0.0.1:{port} {options} >/dev/null 2>/dev/null)");
    let Some(ran) = in_container(&lines("--log"), &[]) else { return };
    assert_eq!(ran.stderr, failed(port), "{}", ran.story());
    for (options, variables, line) in [
        ("", &[][..], String::new()),
        ("", &[("PORTHOLE_LOG", "1")], failed(port)),
        ("", &[("PORTHOLE_LOG", "0")], String::new()),
        ("", &[("PORTHOLE_LOG", "")], String::new()),
        ("--log --wait 300ms --every 50ms", &[], failed(port)),
        ("--log -q --json", &[], failed(port)),
        (&*format!("and tcp 127.0.0.1:{port} --log"), &[], failed(port).replace('\n', " (and 1 more)\n")),
        ("or file / --log", &[], String::new()),
        ("and tcp 192.0.2.1:1 --log", &[], failed(port).replace('\n', " (and 1 more)\n")),
    ] {
        let Some(ran) = in_container(&lines(options), variables) else { return };
        assert_eq!(ran.stderr, line, "{options} {variables:?}: {}", ran.story());
    }
}

#[test]
fn a_file_is_appended_to() {
    let port = closed_port();
    let place = Place::new();
    let file = place.file("log", "before\n");
    let lines = format!("exec 2>>{file}\n($P tcp 127.0.0.1:{port} --log >/dev/null 2>/dev/null)");
    let Some(_) = in_container(&lines, &[]) else { return };
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("before\n{}", failed(port)));
}

#[test]
fn a_log_that_cannot_be_written_changes_no_verdict() {
    let port = closed_port();
    let refused = format!("unhealthy: tcp 127.0.0.1:{port}: connection refused (127.0.0.1)\n");
    for (setup, why) in [
        (
            "exec 2>/dev/null",
            "the standard error of pid 1 (sh): is a character device, not a pipe, a file or a terminal",
        ),
        ("exec 2>&-", "the standard error of pid 1 (sh): no such file or directory"),
    ] {
        for (options, printed) in
            [("", String::new()), ("-v", format!("porthole: --log: cannot write to the log: {why}\n"))]
        {
            // What porthole itself prints goes to the standard output.
            let lines = format!("{setup}\n($P tcp 127.0.0.1:{port} --log {options} 2>&1; echo $?)");
            let Some(ran) = in_container(&lines, &[]) else { return };
            let without_phases: String = ran
                .stdout
                .lines()
                .filter(|line| !line.starts_with("  "))
                .map(|line| line.to_owned() + "\n")
                .collect();
            assert_eq!(without_phases, format!("{refused}{printed}1\n"), "{}", ran.story());
        }
    }
}
