//! Processes to inspect: fabricated proc trees, and real processes that do nothing.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::command::started;
use super::server::folder;

/// A fabricated proc. Dropping it removes it.
pub struct Proc(PathBuf);

/// The fields in a fabricated process's `stat`.
pub struct Made {
    pub name: &'static [u8],
    pub state: char,
    pub ppid: u32,
    pub session: u32,
    /// Its process group, and the one in the foreground of its terminal.
    pub group: (u32, i32),
    pub ticks: u64,
    pub nice: i32,
    pub threads: u32,
    pub start: u64,
    pub pages: u64,
}

impl Default for Made {
    fn default() -> Self {
        Made {
            name: b"sleep",
            state: 'S',
            ppid: 1,
            session: 1,
            group: (1, -1),
            ticks: 0,
            nice: 0,
            threads: 1,
            start: 0,
            pages: 0,
        }
    }
}

impl Made {
    fn stat(&self, pid: u32) -> Vec<u8> {
        let size = if matches!(self.state, 'I' | 'Z') { 0 } else { 8192 };
        let Made { state, ppid, session, group, ticks, nice, threads, start, pages, .. } = self;
        let mut text = format!("{pid} (").into_bytes();
        text.extend_from_slice(self.name);
        let (group, foreground) = group;
        text.extend_from_slice(
            format!(
                ") {state} {ppid} {group} {session} 0 {foreground} 4194560 1 2 3 4 {ticks} 0 5 6 20 {nice} {threads} 0 \
                 {start} {size} {pages} 18446744073709551615 1 1 0 0\n"
            )
            .as_bytes(),
        );
        text
    }
}

impl Proc {
    pub fn new() -> Self {
        Proc(folder())
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Writes a file in it.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Adds a process with these arguments, each terminated by NUL.
    pub fn process(&self, pid: u32, made: &Made, arguments: &[u8]) -> &Self {
        self.file(&format!("{pid}/stat"), made.stat(pid)).file(&format!("{pid}/cmdline"), arguments)
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that does nothing. Dropping it ends it.
pub struct Sleeper(Child);

impl Sleeper {
    /// Starts this command, and waits until its command line begins with these words.
    pub fn start(command: &mut Command, words: &str) -> Self {
        let start = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut sleeper = Sleeper(started(command, Command::spawn));
        loop {
            let text = fs::read(format!("/proc/{}/cmdline", sleeper.pid())).unwrap();
            if String::from_utf8_lossy(&text).replace('\0', " ").starts_with(words) {
                return sleeper;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "not yet: {words}");
            // A wrapper may have failed to start a program that was just written: see `started`.
            if sleeper.0.try_wait().unwrap().is_some() {
                sleeper = Sleeper(started(command, Command::spawn));
            }
            std::thread::yield_now();
        }
    }

    /// Starts sleep(1) with this first argument and only these variables.
    pub fn called(first: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sleep");
        command.arg0(first).arg("600").env_clear().envs(variables.iter().copied());
        Self::start(&mut command, first)
    }

    /// Starts this sleep(1) as this user and group. Needs root.
    pub fn owned(program: &Path, uid: u32, gid: u32) -> Self {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
        Self::start(command.arg(program).arg("600"), program.to_str().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, and leaves it as a zombie.
    pub fn end(&mut self) {
        self.0.kill().unwrap();
        let start = Instant::now();
        let path = format!("/proc/{}/stat", self.pid());
        while !fs::read_to_string(&path).unwrap().contains(") Z ") {
            assert!(start.elapsed() < Duration::from_secs(30), "no zombie yet");
            std::thread::yield_now();
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program, and returns its output without the trailing newline.
pub fn printed(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
