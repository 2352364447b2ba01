//! The mounts that a process sees, and the mount that a path is on.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::root::Root;
use super::target::Target;
use crate::deadline::Deadline;
use crate::error::{Cause, Error};
use crate::files::read_start;
use crate::procfs::cgroup::count;
use crate::procfs::mountinfo::{Mount, Mounts};
use crate::redact::mask_mount;
use crate::report::Answer;
use crate::sys::mount_id;
use crate::threads::bounded;

/// How long a file system may take to answer. One whose server is down never answers.
pub const MOUNT_TIMEOUT: Duration = Duration::from_secs(1);

/// The options of an overlay that name its layers: Documentation/filesystems/overlayfs.rst of the
/// kernel.
const LAYERS: [&str; 5] = ["lowerdir=", "lowerdir+=", "datadir+=", "upperdir=", "workdir="];

/// File systems that answer as long as the machine runs. Others depend on a server, which may be
/// down.
const LOCAL: [&str; 32] = [
    "aufs",
    "binfmt_misc",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "xfs",
];

/// Reads the mounts of the process.
pub fn read(target: &Target, answer: &mut Answer) -> Result<Mounts, Error> {
    let mounts = Mounts::parse(&target.read("mountinfo")?);
    if mounts.odd > 0 {
        answer.error(format!("mountinfo: malformed lines ignored: {}", mounts.odd));
    }
    Ok(mounts)
}

/// The proc that tells which mount a descriptor is on.
#[derive(Debug, Clone)]
pub struct Proc {
    path: PathBuf,
    /// The kernel's ids say nothing of a fabricated table (tests).
    is_of_kernel: bool,
}

impl Proc {
    /// Returns the proc of this target.
    pub fn of(target: &Target) -> Self {
        Proc { path: target.proc.clone(), is_of_kernel: target.is_of_kernel() }
    }
}

/// A path that was found, and the mount that it is on.
#[derive(Debug)]
pub struct MountedPath {
    /// A descriptor that refers to what the path leads to.
    pub handle: OwnedFd,
    /// The id of the mount that the path is on, if the kernel reports it.
    pub id: Option<u32>,
    path: PathBuf,
}

impl MountedPath {
    /// Finds the path as the target sees it. This may wait forever for a server that is down.
    pub fn find(proc: &Proc, root: &Root, path: &Path) -> Result<Self, Error> {
        let handle = root.handle(path)?;
        let id = proc.is_of_kernel.then(|| mount_id(handle.as_fd())).flatten().or_else(|| {
            let info = format!("self/fdinfo/{}", handle.as_raw_fd());
            parse_fdinfo(&read_start(&proc.path.join(info), 4096).unwrap_or_default().0)
        });
        // Without a mount id, the path as given has to do.
        let path = if id.is_some() { PathBuf::new() } else { std::path::absolute(path).unwrap_or_default() };
        Ok(MountedPath { handle, id, path })
    }

    /// Returns the mount that the path is on.
    pub fn mount<'a>(&self, mounts: &'a Mounts) -> Option<&'a Mount> {
        match self.id {
            Some(id) => mounts.by_id(id),
            None => mounts.by_path(self.path.as_os_str().as_bytes()),
        }
    }
}

/// Whether a path of the process may lead to a file system that does not answer.
pub fn may_block(mounts: &Mounts) -> bool {
    !mounts.has_root() || !mounts.list.iter().all(|mount| is_local(&mount.kind))
}

/// Whether a file system of this type answers as long as the machine runs.
pub fn is_local(kind: &[u8]) -> bool {
    LOCAL.iter().any(|local| local.as_bytes() == kind)
}

/// Runs `work`; returns [`Cause::Unanswered`] if a file system does not answer by the deadline.
pub fn with_timeout<T: Send + 'static>(
    deadline: Deadline,
    work: impl Fn() -> Result<T, Error> + Send + Sync + 'static,
) -> Result<T, Error> {
    bounded(deadline, Box::new(work)).unwrap_or_else(|_| Err(Cause::Unanswered(None).into()))
}

/// Returns the deadline for the next file system: unresponsive ones together take no longer than
/// `whole`, and each leaves half of the remaining time to those after it.
pub fn next_deadline(whole: Deadline) -> Deadline {
    whole.at_most(MOUNT_TIMEOUT.min(whole.remaining().unwrap_or_default() / 2))
}

/// Parses the line `mnt_id:`, proc_pid_fdinfo(5).
pub fn parse_fdinfo(text: &[u8]) -> Option<u32> {
    let id = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"mnt_id:"))?;
    count(id).and_then(|id| u32::try_from(id).ok())
}

/// Returns the options of a mount, with secrets redacted.
pub fn options(mount: &Mount) -> Vec<Vec<u8>> {
    mount.all_options().into_iter().map(mask_mount).collect()
}

/// Returns the options without the layers of an overlay, which are many, long, and paths on the
/// host.
pub fn options_of_interest(mount: &Mount) -> Vec<Vec<u8>> {
    let is_layer = |option: &[u8]| LAYERS.iter().any(|layer| option.starts_with(layer.as_bytes()));
    let mut options = options(mount);
    options.retain(|option| mount.kind != b"overlay" || !is_layer(option));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_descriptor() {
        assert_eq!(parse_fdinfo(b"pos:\t0\nflags:\t012100000\nmnt_id:\t27\nino:\t2\n"), Some(27));
        for text in [&b""[..], b"mnt_id:", b"mnt_id:\tx", b"mnt_id:\t4294967296"] {
            assert_eq!(parse_fdinfo(text), None);
        }
    }
}
