//! Many mounts, in a mount namespace that ends with the thread.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::super::programs::{BUSYBOX, DF, FINDMNT, Programs};
use super::{Created, Fixture, Inspection};

/// How many mounts, each of a file system of its own: df(1) shows one mount of each.
const MOUNTS: usize = 2_000;

struct Mounts {
    folder: PathBuf,
}

pub fn create(folder: &Path, _: &Programs) -> Created {
    // From here on, no mount reaches the machine's namespace.
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let tmpfs = |path: &Path| mount(Some("bench"), path, Some("tmpfs"), MsFlags::empty(), Some("size=1m"));
    tmpfs(folder)?;
    let mounts = Mounts { folder: folder.to_owned() };
    for number in 0..MOUNTS {
        let path = folder.join(format!("mount-{number}"));
        fs::create_dir(&path)?;
        tmpfs(&path)?;
    }
    Ok(Some(Box::new(mounts)))
}

impl Fixture for Mounts {
    fn inspections(&self) -> Vec<Inspection> {
        let prints = MOUNTS * "mount-1".len();
        vec![
            Inspection::new("`df`, 2,000 mounts", &["df"], prints).against(DF, "GNU `df`", &[], 1.5),
            Inspection::new("`mounts`, 2,000 mounts", &["mounts"], prints)
                .against(FINDMNT, "`findmnt`", &[], 0.3)
                .against(BUSYBOX, "`busybox mount`", &["mount"], 2.0),
        ]
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        // With all mounts below it, so that the directory can be removed.
        let _ = umount2(&self.folder, MntFlags::MNT_DETACH);
    }
}
