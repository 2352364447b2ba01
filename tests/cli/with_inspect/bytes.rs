//! `porthole cat`, `head`, `tail`, `grep`, `hexdump` and `sha256sum`, compared with the programs of
//! the same names.

mod fifos;
mod grep;
mod grep_options;
mod large;
mod shown;
mod stdin;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::command::{binary, for_other_users, output, porthole};
use crate::support::server::folder;
use crate::support::skip::skip;

/// A directory that is removed with its contents when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        Place(folder())
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    /// Creates a sparse file of this size.
    fn sparse(&self, name: &str, size: u64) -> String {
        File::create(self.0.join(name)).unwrap().set_len(size).unwrap();
        self.path(name)
    }

    /// Creates files with all kinds of content.
    fn files(&self) -> Vec<String> {
        let mut state = 7_u32;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(200_001)
        .collect();
        let many: String = (0..30_000).fold(String::new(), |text, n| text + &format!("line {n}\n"));
        vec![
            self.file("empty", ""),
            self.file("newline", "\n"),
            self.file("no-newline", "one\ntwo\nthree"),
            self.file("crlf", "one\r\ntwo\r\n\r\nneedle\r\n"),
            self.file("nuls", [&[0; 70][..], b"needle\n", &[0; 33]].concat()),
            self.file("long", [vec![b'x'; 150_000], b"needle\n".to_vec(), vec![b'y'; 70_000]].concat()),
            self.file("many", many),
            self.file("same", [b'a'; 1000]),
            self.file("latin", b"caf\xe9 Needle\nna\xefve\n"),
            self.file("random", random),
        ]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program's output, and whether it succeeded; skips and returns `None` if it is not installed.
fn printed<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S]) -> Option<(Vec<u8>, bool)> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    match command.output() {
        Ok(output) => Some((output.stdout, output.status.success())),
        Err(error) => {
            skip(&format!("{program}: {error}"));
            None
        }
    }
}

/// Asserts that porthole prints the same as the program of that name.
#[track_caller]
fn assert_same(name: &str, arguments: &[&str], ours: &[&str]) {
    let Some(theirs) = printed(name, arguments) else { return };
    let all: Vec<&str> = [name].iter().chain(ours).copied().collect();
    let ours = printed(&binary(), &all).unwrap();
    assert!(ours == theirs, "{all:?}\n{}", String::from_utf8_lossy(&ours.0[..ours.0.len().min(2000)]));
}

#[test]
fn unreadable_files_are_reported_and_the_others_shown() {
    let place = Place::new();
    let file = place.file("x", "needle\n");
    let fifo = place.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for name in ["cat", "grep", "sha256sum"] {
        let words: Vec<&str> = if name == "grep" { vec![name, "needle"] } else { vec![name] };
        let run = |path: &str, why: &str| {
            let ran = porthole(words.iter().copied().chain([path, file.as_str()])).run();
            assert_eq!(ran.status, Some(1), "{}", ran.story());
            assert_eq!(ran.stderr, format!("porthole: {name}: {path}: {why}\n"), "{}", ran.story());
            assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.story());
        };
        let hint = if name == "cat" { " unless --special is given" } else { "" };
        run("/nonexistent", "no such file or directory");
        run("/tmp", "is a directory");
        run(&fifo, &format!("is a FIFO, which is not read{hint}"));
        run("/dev/zero", &format!("is a character device, which is not read{hint}"));
    }
    for name in ["cat", "head", "tail", "hexdump"] {
        let ran = porthole([name, "--special", "--max", "4", "/dev/zero"]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.story());
        let note = format!("porthole: {name}: /dev/zero: cut after 4 bytes (--max)\n");
        assert_eq!(ran.stderr, if name == "hexdump" { "" } else { &note });
    }
    let Some(folder) = for_other_users() else { return };
    let secret = folder.join("secret");
    fs::write(&secret, "needle").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65532", "--regid", "65532", "--clear-groups"]);
    command.arg(folder.join("porthole")).args(["grep", "-r", "needle"]).arg(&secret);
    output(&mut command).is(1, "", &format!("porthole: grep: {}: permission denied", secret.display()));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn missing_and_invalid_arguments_are_usage_errors() {
    let _place = Place::new();
    porthole(["head"]).refused("head: PATH is missing; see porthole head --help");
    porthole(["grep", "x"]).refused("grep: PATH is missing; see porthole grep --help");
    porthole(["head", "-n", "x", "/x"]).refused("head: --lines: expected a number of lines, got 'x'");
    porthole(["grep", "a\nb", "/x"]).refused("grep: TEXT: expected a text of one line");
    porthole(["grep", "-E", "a(b", "/x"])
        .refused("grep: TEXT: invalid regular expression: found open group without closing ')'");
    porthole(["hexdump", "/x", "/y"])
        .refused("hexdump: unexpected argument '/y'; see porthole hexdump --help");
}

/// A failed write is an error, unless the reader has closed the pipe.
#[test]
fn a_failed_write_to_stdout_is_an_error() {
    let place = Place::new();
    let file = place.file("some", "text\n");
    for arguments in [vec!["cat", &file], vec!["sha256sum", &file], vec!["ls", &file], vec!["ps", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(binary()).args(&arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(&format!("porthole: {}: standard output: ", arguments[0])), "{stderr}");
        assert!(stderr.to_lowercase().contains("no space left on device"), "{stderr}");
    }
}
