//! A process in a separate mount namespace, and fabricated proc trees.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::server::folder;
use super::skip::{is_root, skip};

/// A script for [`Elsewhere::mounted`]. It mounts a FUSE file system `dead`, whose server never
/// answers, not even the first request, and a tmpfs `alive` next to it.
pub const DEAD_AND_ALIVE: &str = r#"
    mount -t tmpfs base "$1"
    mkdir "$1/dead" "$1/alive"
    mount -t tmpfs alive "$1/alive"
    exec 3<>/dev/fuse
    mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead "$1/dead""#;

/// A waiting process in a mount namespace in which a script has mounted something. Dropping this
/// ends it.
pub struct Elsewhere {
    child: Child,
    /// The directory for the script, its `$1`.
    pub folder: PathBuf,
}

impl Elsewhere {
    /// Runs this sh(1) script in a new namespace, and returns when it has ended. If that is not
    /// possible, reports the test as skipped and returns `None`.
    pub fn mounted(script: &str) -> Option<Self> {
        if !is_root() {
            skip("only root can mount");
            return None;
        }
        let folder = folder();
        let script = format!("set -e\n{script}\necho ready\nread end");
        let mut child = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let elsewhere = Elsewhere { child, folder };
        if line != "ready\n" {
            skip("cannot create a mount namespace here, or cannot mount in it");
            return None;
        }
        Some(elsewhere)
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Returns a path in the directory.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A proc tree with one process, pid 7, which is also `self`.
pub struct Proc(pub PathBuf);

impl Proc {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let proc = folder();
        let process = proc.join("7");
        fs::create_dir_all(process.join("fd")).unwrap();
        symlink("7", proc.join("self")).unwrap();
        symlink("/", process.join("root")).unwrap();
        for (name, content) in files {
            write(&process.join(name), content);
        }
        Proc(proc)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a file, and creates its parent directories.
pub fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}
