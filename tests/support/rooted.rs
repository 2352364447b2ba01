//! A process with another root directory, for inspections of its files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::server::folder;
use super::skip::{is_root, skip};

/// How long the process may take to start.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long it sleeps, in seconds, if nothing ends it.
const END: &str = "900";

/// A sleeping process and its root directory. Dropping this ends the process and removes the
/// directory.
pub struct Rooted {
    child: Child,
    /// Its root directory, as a path outside.
    pub root: PathBuf,
}

/// Starts a process in a root directory that contains only its program and its libraries. If that
/// is not possible, reports the test as skipped and returns `None`.
pub fn rooted() -> Option<Rooted> {
    let root = folder();
    let sleep = fs::canonicalize("/bin/sleep").unwrap();
    let to = root.join("bin/sleep");
    fs::create_dir(root.join("bin")).unwrap();
    fs::copy(&sleep, &to).unwrap();
    for library in libraries(&sleep) {
        let to = root.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&library, &to).unwrap();
    }
    let mut command = if is_root() {
        Command::new("chroot")
    } else {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "chroot"]);
        command
    };
    command.arg(&root).args(["/bin/sleep", END]).current_dir("/");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(child) = child else {
        skip("cannot start a process with another root");
        return None;
    };
    let mut rooted = Rooted { child, root };
    let start = Instant::now();
    while fs::read_link(format!("/proc/{}/exe", rooted.child.id())).ok() != Some(to.clone()) {
        if rooted.child.try_wait().unwrap().is_some() {
            skip("cannot give a process another root");
            return None;
        }
        assert!(start.elapsed() < TIMEOUT, "the process does not have its new root yet");
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(rooted)
}

/// Returns the libraries that a program needs, including its loader, as ldd(1) lists them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    paths.map(|path| PathBuf::from(path.trim_end_matches(':'))).collect()
}

impl Rooted {
    /// Returns its pid.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Writes a file below its root, and returns the path inside the root.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        let there = self.root.join(path.trim_start_matches('/'));
        fs::create_dir_all(there.parent().unwrap()).unwrap();
        fs::write(there, content).unwrap();
        path.to_owned()
    }

    /// Creates a link below its root, and returns the path inside the root.
    pub fn link(&self, path: &str, to: impl AsRef<Path>) -> String {
        symlink(to, self.root.join(path.trim_start_matches('/'))).unwrap();
        path.to_owned()
    }
}

impl Drop for Rooted {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.root);
    }
}
