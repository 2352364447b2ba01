//! Space and inodes of the file systems that a process sees. statvfs(3)

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::statvfs::fstatvfs;

use super::mounts::{MountedPath, Proc, is_local, may_block, next_deadline, with_timeout};
use super::root::Root;
use super::target::Target;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::procfs::mountinfo::{Mount, Mounts};
use crate::report::Answer;
use crate::units::show_duration;

/// The use of space or inodes, in percent, from which a file system counts as full.
pub const FULL: u64 = 95;
/// File systems that contain only the kernel's own data and are examined only if a path names them.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// The space, in bytes, and the inodes of a file system.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    pub size: u64,
    pub used: u64,
    pub available: u64,
    pub inodes: u64,
    pub inodes_used: u64,
    /// The inodes available to a user other than root.
    pub inodes_available: u64,
}

/// A file system and its space.
#[derive(Debug)]
pub struct Row<'a> {
    pub mount: Cow<'a, Mount>,
    /// `None` if it is not available.
    pub space: Option<Space>,
}

/// Whether a mount contains only the kernel's own data.
pub fn is_pseudo(mount: &Mount) -> bool {
    PSEUDO.iter().any(|kind| kind.as_bytes() == mount.kind)
}

/// Returns the file systems of these paths.
pub fn named<'a>(
    paths: &[PathBuf],
    target: &Target,
    root: &Arc<Root>,
    mounts: &'a Mounts,
    whole: Deadline,
    answer: &mut Answer,
) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let proc = Proc::of(target);
    for path in paths {
        match space_at(&proc, root, path, whole) {
            Ok((found, space)) => {
                let mount = found.mount(mounts).map(Cow::Borrowed);
                // After chroot(2), the mount that contains the root directory is not in the table.
                let mount = mount.unwrap_or_else(|| {
                    Cow::Owned(Mount {
                        point: path.as_os_str().as_bytes().to_vec(),
                        source: b"?".to_vec(),
                        kind: b"?".to_vec(),
                        ..Mount::default()
                    })
                });
                rows.push(Row { mount, space: Some(space) });
            }
            Err(error) => answer.error(error.at(path)),
        }
    }
    rows
}

/// Returns all file systems that contain data, each once: preferably a mount that is writable, and
/// the one with the shortest mount point. Calls `report` with each error.
pub fn listed<'a>(
    target: &Target,
    root: Option<&Arc<Root>>,
    mounts: &'a Mounts,
    whole: Deadline,
    report: &mut dyn FnMut(Error),
) -> Vec<Row<'a>> {
    let candidates = mounts.list.iter().enumerate().filter(|(_, mount)| !is_pseudo(mount));
    let rank = |(at, mount): (usize, &Mount)| (mount.is_read_only(), mount.point.len(), at);
    let mut candidates: Vec<_> = candidates.map(rank).collect();
    candidates.sort_by_key(|&(is_read_only, length, _)| (is_read_only, length));
    // A path leads through the mounts above its own. If all of them are local, it cannot block.
    let has_root = mounts.has_root();
    let is_remote = |_, mount: &Mount| !has_root || !is_local(&mount.kind);
    let blocking = may_block(mounts).then(|| mounts.along_parents(&is_remote));
    let proc = Proc::of(target);
    let mut devices: BTreeSet<&[u8]> = BTreeSet::new();
    // By the positions of their mounts.
    let mut spaces: BTreeMap<usize, Option<Space>> = BTreeMap::new();
    let count = candidates.len();
    for (tried, (_, _, at)) in candidates.into_iter().enumerate() {
        let Some(mount) = mounts.list.get(at) else { continue };
        if whole.remaining().is_err() {
            let time = show_duration(whole.limit());
            let why = format!("{} of {count} mounts not checked: timed out after {time}", count - tried);
            report(why.into());
            break;
        }
        if devices.contains(mount.device.as_slice()) || mounts.is_hidden(at) {
            continue;
        }
        let path = Path::new(OsStr::from_bytes(&mount.point));
        let may_block = blocking.as_ref().is_some_and(|blocking| blocking.get(at) != Some(&false));
        let found = root.map(|root| {
            if may_block { space_at(&proc, root, path, whole) } else { find_space(&proc, root, path) }
        });
        let space = match found {
            // Hidden by a mount on a directory above it.
            Some(Ok((found, _))) if found.id.is_some_and(|id| id != mount.id) => continue,
            Some(Ok((_, space))) if space.size == 0 => continue,
            Some(Ok((_, space))) => Some(space),
            Some(Err(error)) => {
                report(error.at(path));
                None
            }
            None => None,
        };
        devices.insert(&mount.device);
        spaces.insert(at, space);
    }
    let row =
        |(at, space): (usize, Option<Space>)| Some(Row { mount: Cow::Borrowed(mounts.list.get(at)?), space });
    spaces.into_iter().filter_map(row).collect()
}

fn space_at(
    proc: &Proc,
    root: &Arc<Root>,
    path: &Path,
    whole: Deadline,
) -> Result<(MountedPath, Space), Error> {
    let (proc, root, path) = (proc.clone(), Arc::clone(root), path.to_owned());
    with_timeout(next_deadline(whole), move || find_space(&proc, &root, &path))
}

/// As [`space_at`], however long the file system takes to answer.
fn find_space(proc: &Proc, root: &Root, path: &Path) -> Result<(MountedPath, Space), Error> {
    let found = MountedPath::find(proc, root, path)?;
    let space = space(&found)?;
    Ok((found, space))
}

#[allow(clippy::useless_conversion, reason = "counts have other types on other platforms")]
fn space(path: &MountedPath) -> Result<Space, Errno> {
    let found = fstatvfs(&path.handle)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size().into());
    let (blocks, inodes) = (found.blocks().into(), found.files().into());
    Ok(Space {
        size: bytes(blocks),
        used: bytes(blocks.saturating_sub(found.blocks_free().into())),
        available: bytes(found.blocks_available().into()),
        inodes,
        inodes_used: inodes.saturating_sub(found.files_free().into()),
        inodes_available: found.files_available().into(),
    })
}

impl Row<'_> {
    /// Returns how much of the space is in use, in percent.
    pub fn space_percent(&self) -> Option<u64> {
        self.space.and_then(|space| percent(space.used, space.available))
    }

    /// Returns how many of the inodes are in use, in percent; `None` if the file system does not
    /// count them.
    pub fn inode_percent(&self) -> Option<u64> {
        self.space.and_then(|space| percent(space.inodes_used, space.inodes_available))
    }

    /// Whether it is full. A read-only file system is always full, which means nothing.
    pub fn is_full(&self) -> bool {
        let most = self.space_percent().max(self.inode_percent());
        most >= Some(FULL) && !self.mount.is_read_only()
    }
}

/// Returns the percentage, rounded up, as df(1) does: what is reserved for root counts as used.
fn percent(used: u64, available: u64) -> Option<u64> {
    let whole = used.checked_add(available).filter(|&whole| whole > 0)?;
    Some(match used.checked_mul(100) {
        Some(hundredfold) => hundredfold.div_ceil(whole),
        None => used / (whole / 100),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        for (used, available, expected) in [
            (0, 0, None),
            (0, 5, Some(0)),
            (1, 1000, Some(1)),
            (1, 1, Some(50)),
            (7, 0, Some(100)),
            (u64::MAX - 1, 1, Some(100)),
            (u64::MAX, 1, None),
        ] {
            assert_eq!(percent(used, available), expected, "{used} {available}");
        }
    }
}
