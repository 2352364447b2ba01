//! A fabricated proc mount: a directory with the processes, descriptors and tables that a test
//! defines.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::server::folder;

/// A fabricated proc mount. Pid 1 is `self`. Dropping this removes it.
pub struct ProcTree(pub PathBuf);

impl ProcTree {
    /// Creates one without processes, with this limit for accept queues.
    pub fn new(somaxconn: u32) -> Self {
        let tree = ProcTree(folder());
        tree.file("sys/net/core/somaxconn", format!("{somaxconn}\n"));
        symlink("1", tree.0.join("self")).unwrap();
        tree
    }

    /// Returns its path.
    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Writes a file in it, and creates the parent directories.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Creates a link in it, and the parent directories.
    pub fn link(&self, name: &str, target: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// Adds a process of root with this name and these open descriptors.
    pub fn process(&self, pid: u32, name: &str, descriptors: &[(u32, &str)]) {
        self.file(&format!("{pid}/stat"), format!("{pid} ({name}) S 0 1"));
        self.file(&format!("{pid}/status"), format!("Name:\t{name}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"));
        fs::create_dir_all(self.0.join(format!("{pid}/fd"))).unwrap();
        for (number, target) in descriptors {
            self.link(&format!("{pid}/fd/{number}"), target);
        }
    }

    /// Adds the sockets of a process's network namespace: the rows of the tables `tcp` and `udp`,
    /// and the text of `unix`.
    pub fn network(&self, pid: u32, tcp: &[&str], udp: &[&str], unix: &str) {
        let table = |rows: &[&str]| format!("  sl  local_address …\n{}\n", rows.join("\n"));
        self.file(&format!("{pid}/net/tcp"), table(tcp));
        self.file(&format!("{pid}/net/udp"), table(udp));
        self.file(&format!("{pid}/net/unix"), format!("Num       RefCount …\n{unix}"));
    }
}

impl Drop for ProcTree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
