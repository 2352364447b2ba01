//! `porthole tail -f`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::command::{binary, porthole};
use crate::support::rooted::rooted;
use crate::support::server::folder;
use crate::support::skip::skip;

/// A python3 script that executes the program named by its arguments without inotify: a seccomp(2)
/// filter makes inotify_init1(2) fail with EPERM.
const NO_INOTIFY: &str = r#"
import ctypes, os, platform, struct, sys
call = {"x86_64": 294, "aarch64": 26}.get(platform.machine())
if call is None:
    sys.exit(77)
code = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// How long a line may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A directory with a log, and a run of `tail -f`. Dropping this ends the run.
struct Followed {
    place: PathBuf,
    child: Option<Child>,
    lines: Option<Receiver<String>>,
    errors: Option<Receiver<String>>,
}

/// Sends each line that is read.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

impl Followed {
    fn new() -> Self {
        Followed { place: folder(), child: None, lines: None, errors: None }
    }

    fn path(&self, name: &str) -> String {
        self.place.join(name).to_str().unwrap().to_owned()
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.place.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.place.join(from), self.place.join(to)).unwrap();
    }

    /// Starts it with these words, in which names of files have their directory.
    fn start(&mut self, words: &[&str]) {
        // It becomes the program. timeout(1) would not: a signal that it gets right after fork(2) ends it
        // alone.
        self.start_with(&mut Command::new("/usr/bin/env"), words);
    }

    fn start_with(&mut self, command: &mut Command, words: &[&str]) {
        command.arg(binary()).arg("tail").args(words).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        self.lines = Some(lines(child.stdout.take().unwrap()));
        self.errors = Some(lines(child.stderr.take().unwrap()));
        self.child = Some(child);
    }

    /// Asserts that these lines are printed next.
    #[track_caller]
    fn prints(&self, expected: &[&str]) {
        for &line in expected {
            assert_eq!(
                self.lines.as_ref().unwrap().recv_timeout(TIMEOUT).as_deref(),
                Ok(line),
                "{expected:?}"
            );
        }
    }

    /// Asserts that this is reported next about the file of this name.
    #[track_caller]
    fn reports(&self, name: &str, what: &str) {
        let expected = format!("porthole: tail: {}: {what}", self.path(name));
        assert_eq!(self.errors.as_ref().unwrap().recv_timeout(TIMEOUT), Ok(expected));
    }

    /// Stops it, and asserts that it has printed nothing else.
    #[track_caller]
    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        child.wait().unwrap();
        for stream in [&self.lines, &self.errors] {
            assert_eq!(stream.as_ref().unwrap().iter().collect::<Vec<_>>(), [""; 0]);
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.place);
    }
}

const REPLACED: &str = "was replaced; printing the new file from its start";
const MISSING: &str = "no such file or directory; waiting for a file of that name";

#[test]
fn what_is_added_is_printed() {
    let mut tail = Followed::new();
    tail.append("log", "1\n2\n3\n");
    tail.start(&["-f", "-n", "2", &tail.path("log")]);
    tail.prints(&["2", "3"]);
    for line in ["4", "5"] {
        tail.append("log", &format!("{line}\n"));
        tail.prints(&[line]);
    }
    let many: Vec<String> = (0..100_000).map(|number| format!("line {number}")).collect();
    tail.append("log", &(many.join("\n") + "\n"));
    for line in &many {
        tail.prints(&[line]);
    }
    tail.stop();
}

/// As logrotate(8) does it: with `create` and with `copytruncate`.
#[test]
fn a_rotated_log_is_followed_by_its_name() {
    let mut tail = Followed::new();
    tail.append("log", "1\n");
    tail.start(&["-F", &tail.path("log")]);
    tail.prints(&["1"]);
    // The service goes on writing to the old file for a while.
    tail.rename("log", "log.1");
    tail.reports("log", MISSING);
    tail.append("log.1", "2\n");
    tail.prints(&["2"]);
    File::create(tail.place.join("log")).unwrap();
    tail.append("log.1", "3\n");
    tail.prints(&["3"]);
    tail.append("log", "4\n");
    tail.prints(&["4"]);
    tail.reports("log", REPLACED);
    tail.append("log.1", "not followed\n");
    File::create(tail.place.join("log")).unwrap();
    tail.reports("log", "was truncated; printing it from its start");
    tail.append("log", "5\n");
    tail.prints(&["5"]);
    // In one step.
    tail.append("new", "6\n");
    tail.rename("new", "log");
    tail.prints(&["6"]);
    tail.reports("log", REPLACED);
    tail.stop();
}

#[test]
fn a_name_is_waited_for() {
    let mut tail = Followed::new();
    tail.start(&["--follow", &tail.path("log")]);
    tail.reports("log", MISSING);
    tail.append("log", "1\n");
    tail.prints(&["1"]);
    tail.reports("log", "is there now");
    fs::remove_file(tail.place.join("log")).unwrap();
    tail.reports("log", MISSING);
    tail.append("log", "2\n");
    tail.prints(&["2"]);
    tail.reports("log", REPLACED);
    tail.stop();
}

/// A link may lead to another file, as those of a ConfigMap do.
#[test]
fn a_link_is_followed_to_its_new_target() {
    let mut tail = Followed::new();
    tail.append("a", "1\n");
    tail.append("b", "2\n");
    std::os::unix::fs::symlink("a", tail.place.join("link")).unwrap();
    tail.start(&["-f", &tail.path("link")]);
    tail.prints(&["1"]);
    std::os::unix::fs::symlink("b", tail.place.join("new")).unwrap();
    tail.rename("new", "link");
    tail.prints(&["2"]);
    tail.reports("link", REPLACED);
    tail.stop();
}

#[test]
fn several_files_have_headings() {
    let mut tail = Followed::new();
    tail.append("a", "1\n");
    tail.append("b", "");
    let (a, b) = (tail.path("a"), tail.path("b"));
    let (head_a, head_b) = (format!("==> {a} <=="), format!("==> {b} <=="));
    tail.start(&["-f", "-n+1", &a, &b]);
    tail.prints(&[&head_a, "1", "", &head_b]);
    tail.append("b", "2\n");
    tail.prints(&["2"]);
    tail.append("b", "3\n");
    tail.prints(&["3"]);
    tail.append("a", "4\n");
    tail.prints(&["", &head_a, "4"]);
    tail.stop();
}

/// Lines are counted on where the file does not have as many yet.
#[test]
fn lines_from_a_number_on() {
    let mut tail = Followed::new();
    tail.append("log", "1\n2\n");
    tail.start(&["-f", "-n", "+4", &tail.path("log")]);
    tail.append("log", "3\n4\n");
    tail.prints(&["4"]);
    tail.stop();
    tail.append("log", "5\n6\n");
    tail.start(&["-fn1", "--max", "1", &tail.path("log")]);
    tail.reports("log", "cut to the last 1 byte (--max)");
    tail.prints(&[""]);
    tail.append("log", "longer than that\n");
    tail.prints(&["longer than that"]);
    tail.stop();
}

/// It does not take a line that is added for it to end.
#[test]
fn it_ends_with_its_reader() {
    let place = Followed::new();
    place.append("log", "1\n");
    let mut command = Command::new(binary());
    command.args(["tail", "-f", &place.path("log")]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "1\n");
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn without_inotify_the_file_is_looked_at_every_second() {
    let mut tail = Followed::new();
    tail.append("log", "1\n");
    let mut command = Command::new("/usr/bin/python3");
    if command
        .args(["-c", NO_INOTIFY, &binary()])
        .arg("--version")
        .output()
        .is_ok_and(|ran| !ran.status.success())
    {
        return skip("python3 cannot set a seccomp filter here");
    }
    let mut command = Command::new("/usr/bin/python3");
    tail.start_with(command.args(["-c", NO_INOTIFY]), &["-f", &tail.path("log")]);
    tail.prints(&["1"]);
    tail.append("log", "2\n");
    tail.prints(&["2"]);
    tail.rename("log", "log.1");
    tail.reports("log", MISSING);
    tail.append("log", "3\n");
    tail.prints(&["3"]);
    tail.reports("log", REPLACED);
    tail.stop();
}

#[test]
fn the_files_of_another_process() {
    let mut tail = Followed::new();
    let Some(other) = rooted() else { return };
    let path = other.file("/var/log/app.log", "theirs 1\n");
    tail.start(&["-f", "-p", &other.pid(), &path]);
    tail.prints(&["theirs 1"]);
    let outside = other.root.join("var/log/app.log");
    OpenOptions::new().append(true).open(&outside).unwrap().write_all(b"theirs 2\n").unwrap();
    tail.prints(&["theirs 2"]);
    fs::rename(&outside, other.root.join("var/log/app.log.1")).unwrap();
    other.file("/var/log/new", "theirs 3\n");
    fs::rename(other.root.join("var/log/new"), &outside).unwrap();
    tail.prints(&["theirs 3"]);
}

#[test]
fn what_cannot_be_followed() {
    let place = Followed::new();
    let folder = place.place.to_str().unwrap();
    porthole(["tail", "-f", folder]).refused(&format!("tail: {folder}: is a directory"));
    let why = "is a character device, which is not read unless --special is given";
    porthole(["tail", "-f", "/dev/zero"]).refused(&format!("tail: /dev/zero: {why}"));
    porthole(["tail", "-f", "-"]).refused("tail: --follow: stdin has no name by which it could be followed");
    let ran = porthole(["tail", "-f", "--json", "/x"]).run();
    let why = "porthole: tail: --follow: cannot be used together with --json: the document would not end\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), why));
}
