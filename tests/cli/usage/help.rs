//! What is printed on request: help and the version.

use std::process::Command;

use crate::support::command::{binary, has_feature, porthole};

#[test]
fn without_arguments_the_commands_are_listed_and_the_status_is_1() {
    let ran = porthole::<&str>([]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.story());
    for word in ["http TARGET", "tcp TARGET", "unix PATH", "--help"] {
        assert!(ran.stdout.contains(word), "{}", ran.story());
    }
}

#[test]
fn help_lists_every_option() {
    let long = porthole(["--help"]).run();
    assert_eq!((long.status, long.stderr.as_str()), (Some(0), ""));
    for option in [
        "--timeout",
        "--wait",
        "--every",
        "--json",
        "--quiet",
        "--verbose",
        "--version",
        "and|or [not] COMMAND",
    ] {
        assert!(long.stdout.contains(option), "{option}\n{}", long.story());
    }
    assert_eq!(long.stdout.contains("--remote"), has_feature("remote"));
    assert_eq!(long.stdout.contains("--explain"), has_feature("inspect"));
    for arguments in ["help", "-h", "help --help", "help -h", "help help"] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((&ran.stdout, ran.status), (&long.stdout, Some(0)), "{arguments}");
    }
    let http = porthole(["http", "--help"]).run();
    assert_eq!((http.status, http.stderr.as_str()), (Some(0), ""));
    for option in [
        "--method",
        "--header",
        "--data",
        "--user",
        "--status",
        "--contains",
        "--matches",
        "--field",
        "--max-body",
        "--follow",
        "--connect",
        "--unix",
        "--timeout",
    ] {
        assert!(http.stdout.contains(option), "{option}\n{}", http.story());
    }
    assert_eq!(http.stdout.contains("https://"), has_feature("tls"), "{}", http.story());
    for arguments in ["help http", "http -h", "--help http", "-h http"] {
        let ran = porthole(arguments.split(' ')).run();
        assert_eq!((&ran.stdout, ran.status), (&http.stdout, Some(0)), "{arguments}");
    }
    assert!(http.stdout.lines().all(|line| line.len() <= 100), "{}", http.story());
}

#[test]
fn version_names_features_and_target() {
    let ran = porthole(["--version"]).run();
    assert!(
        ran.stdout.starts_with("porthole 0.1.0 (features: ") && ran.stdout.contains("; target: "),
        "{}",
        ran.story()
    );
    for arguments in ["-V", "http -V", "http --version", "-V http"] {
        let again = porthole(arguments.split(' ')).run();
        assert_eq!((again.stdout.as_str(), again.status), (ran.stdout.as_str(), Some(0)), "{arguments}");
    }
}

#[test]
fn a_link_with_the_name_of_a_check_runs_that_check() {
    let folder = crate::support::server::folder();
    let link = folder.join("tcp");
    std::os::unix::fs::symlink(binary(), &link).unwrap();
    let output = Command::new(&link).arg("abc").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("porthole: tcp: TARGET: expected"));
    std::fs::remove_dir_all(folder).unwrap();
}
