//! A folder of a test's own, removed with everything in it.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::command::has_feature;
use super::server::folder;
use super::skip::skip_by_design;

pub struct Place(pub PathBuf);

impl Place {
    pub fn new() -> Self {
        Place(folder())
    }

    /// A folder for what only a build with inspections can do.
    pub fn for_inspection() -> Option<Self> {
        if has_feature("inspect") {
            return Some(Place::new());
        }
        skip_by_design("this build has no inspections");
        None
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
        // A tree may be deeper than std's own remove_dir_all goes.
        let _ = std::process::Command::new("/bin/rm").arg("-rf").arg(&self.0).status();
    }
}
