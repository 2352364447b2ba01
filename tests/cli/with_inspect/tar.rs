//! `porthole tar`: GNU tar and Python's tarfile unpack its archives.

mod changes;
mod files;
mod gnu;
mod refusals;
mod views;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::command::binary;
use crate::support::place::Place;

/// Commands that unpack an archive from stdin into the directory given as the last argument, and
/// keep modes and owners.
const READERS: [&[&str]; 2] = [
    &["tar", "--warning=no-timestamp", "--warning=no-unknown-keyword", "-xpf", "-", "-C"],
    &[
        "python3",
        "-c",
        "import sys, tarfile\n\
         tarfile.TarFile.extraction_filter = staticmethod(lambda member, path: member)\n\
         tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall(sys.argv[1])",
    ],
];

/// GNU tar, without warnings about entries that it handles correctly anyway.
const LIST: [&str; 2] = ["tar", "--warning=no-unknown-keyword"];

/// Runs `porthole tar` in this directory.
fn tar_in<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    let mut command = Command::new(binary());
    command.arg("tar").args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command.output().unwrap()
}

/// The archive for these arguments; asserts that there are no messages.
#[track_caller]
fn archive<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Vec<u8> {
    let output = tar_in(folder, arguments);
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
    output.stdout
}

/// The program's output when it is given this input.
#[track_caller]
fn output_given(program: &[&str], last: &Path, input: &[u8]) -> String {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg(last).env("LC_ALL", "C.UTF-8").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{program:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names in an archive, as listed by GNU tar.
#[track_caller]
fn names(archive: &[u8]) -> Vec<String> {
    let text =
        output_given(&[&LIST, &["--quoting-style=escape", "-tf"][..]].concat(), Path::new("-"), archive);
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// Asserts that the names are those of GNU tar, which reports the prefixes that it removes. Returns
/// the names.
#[track_caller]
fn assert_same_names(folder: &Path, arguments: &[&str], paths: &[&str]) -> Vec<String> {
    let mut theirs = Command::new("tar");
    theirs.args(arguments).args(["-c", "-f", "-"]).args(paths).current_dir(folder);
    let theirs = names(&theirs.output().unwrap().stdout);
    let ours = tar_in(folder, &[arguments, &["-c", "-f", "-"], paths].concat());
    let found = names(&ours.stdout);
    assert_eq!(found, theirs, "{arguments:?} {paths:?} {}", String::from_utf8_lossy(&ours.stderr));
    found
}

/// A tree for testing patterns.
fn forest() -> Place {
    let place = Place::new();
    for folder in ["t/a/b/c", "t/b", "t/log", "t/.git", "t/[x]"] {
        fs::create_dir_all(place.path(folder)).unwrap();
    }
    for name in
        ["t/a/b/c/f", "t/a/x.log", "t/log/y.log", "t/.git/HEAD", "t/[x]/*", "t/b/é", "t/b/back\\slash"]
    {
        place.file(name, name);
    }
    symlink("t", place.path("link")).unwrap();
    place
}
