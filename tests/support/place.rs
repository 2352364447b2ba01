//! A directory for a test, which is removed with everything in it.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::server::folder;

pub struct Place(pub PathBuf);

impl Place {
    pub fn new() -> Self {
        Place(folder())
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A tree may be too deep for std's remove_dir_all.
        let _ = std::process::Command::new("/bin/rm").arg("-rf").arg(&self.0).status();
    }
}
