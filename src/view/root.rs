//! Files as a process sees them: our own, or another process's, below its root directory.
//!
//! Invariant: below another root every path is resolved by openat2(2) with `RESOLVE_IN_ROOT`, so
//! that an absolute link leads to that process's file, never to ours of the same name. If openat2
//! is not available, that is an error; no other way would be right. FIFOs, devices and the kernel's
//! log are opened for reading only on request, and no open blocks.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use nix::NixPath as _;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, FsType, OVERLAYFS_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC,
    TMPFS_MAGIC, fstatfs,
};

use crate::directory::{Directory, Entry};
use crate::error::{Cause, Error};
use crate::file_type::FileType;
use crate::sys::{device_of, mount_id};

/// Why another process's files cannot be inspected without openat2(2).
const NO_OPENAT2: &str = "openat2(2) is not available (it needs Linux 5.6 and a seccomp profile that allows it: a newer \
     engine's, or one of your own); without it, another process's files cannot be told apart from our own";
/// Why a link cannot be followed.
const LEAVES_ROOT: &str = "the link leads out of the process's root directory, as links in proc do, and openat2(2) does not follow it";

/// XFS_SUPER_MAGIC of statfs(2), which nix does not have with musl.
const XFS_MAGIC: FsType = FsType(0x5846_5342);
/// File systems of this machine that store their files.
const STORED: [FsType; 5] =
    [BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_MAGIC];

/// The name of the kernel's log in proc.
const KERNEL_LOG: &[u8] = b"kmsg";

/// A root directory: ours or another process's.
#[derive(Debug)]
pub struct Root {
    /// The root directory of another process; `None` for our own view.
    root: Option<OwnedFd>,
    /// The directory that the process's relative paths start from.
    folder: PathBuf,
}

/// The metadata of a file, as fstat(2) returns it.
pub type Meta = FileStat;

impl Root {
    /// Our own view.
    pub fn own() -> Self {
        Root { root: None, folder: PathBuf::new() }
    }

    /// The view of a process that has this root directory and whose relative paths start from
    /// `folder`.
    pub fn of(root: OwnedFd, folder: PathBuf) -> Self {
        Root { root: Some(root), folder }
    }

    /// Whether this is our own view.
    pub fn is_own(&self) -> bool {
        self.root.is_none()
    }

    /// Returns the directory that relative paths start from, as an absolute path if it is known.
    pub fn base(&self) -> PathBuf {
        match &self.root {
            None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            Some(_) => self.folder.clone(),
        }
    }

    /// Opens the path with these flags.
    fn at(&self, path: &Path, flags: OFlag) -> Result<OwnedFd, Error> {
        let flags = flags | OFlag::O_CLOEXEC;
        match &self.root {
            // As open(2); musl's needs another system call for O_CLOEXEC.
            None => Ok(openat(AT_FDCWD, path, flags, Mode::empty())?),
            Some(root) => {
                let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
                let seen = how.flags(OFlag::O_PATH | OFlag::O_CLOEXEC);
                // A concurrent rename elsewhere makes the kernel ask for another try: openat2(2),
                // EAGAIN.
                let mut tries = 0;
                loop {
                    match openat2(root, &self.folder.join(path), how) {
                        Err(Errno::EAGAIN) if tries < 8 => tries += 1,
                        // A seccomp profile older than the call rejects it even for the root
                        // itself.
                        Err(Errno::EPERM) if openat2(root, ".", seen).err() == Some(Errno::EPERM) => {
                            return Err(Cause::Unsupported(NO_OPENAT2).into());
                        }
                        Err(Errno::ENOSYS) => return Err(Cause::Unsupported(NO_OPENAT2).into()),
                        Err(Errno::EXDEV) => return Err(LEAVES_ROOT.into()),
                        other => return Ok(other?),
                    }
                }
            }
        }
    }

    /// Returns the metadata of what the path leads to; of a link itself, unless `follow` is set.
    pub fn meta(&self, path: &Path, follow: bool) -> Result<Meta, Error> {
        let flags = if follow { OFlag::empty() } else { OFlag::O_NOFOLLOW };
        Ok(fstat(self.at(path, OFlag::O_PATH | flags)?)?)
    }

    /// Reads the target of a link, as it was written.
    pub fn link(&self, path: &Path) -> Result<OsString, Error> {
        let link = self.at(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
        Ok(readlinkat(link, "")?)
    }

    /// Opens a file for reading, without blocking. Directories are refused as read(2) would. FIFOs,
    /// sockets, devices and the kernel's log are not opened at all unless `special` is set.
    pub fn open(&self, path: &Path, special: bool) -> Result<(File, Meta), Error> {
        // Checked first: the writer of a FIFO notices an open, and opening a device may have
        // effects.
        let handle = self.at(path, OFlag::O_PATH)?;
        refuse(fstat(&handle)?.st_mode, special)?;
        if !special && is_log(&handle, path) {
            return Err(special_file("the kernel's log (each message goes to only one reader)"));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        // By the descriptor: meanwhile the path may lead to something else.
        let file = reopen(&handle, flags).or_else(|_| self.at(path, flags))?;
        let meta = fstat(&file)?;
        refuse(meta.st_mode, special)?;
        Ok((File::from(file), meta))
    }

    /// Opens a directory.
    pub fn folder(&self, path: &Path) -> Result<Folder, Error> {
        let descriptor = self.at(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK)?;
        Ok(Folder::of(descriptor))
    }

    /// Returns a descriptor that refers to the path without opening it, for statvfs(3) and similar
    /// calls.
    pub fn handle(&self, path: &Path) -> Result<OwnedFd, Error> {
        self.at(path, OFlag::O_PATH)
    }
}

/// Opens what this descriptor refers to: proc_pid_fd(5). Without a proc, or with one that denies
/// this, only the path remains.
fn reopen(handle: &OwnedFd, flags: OFlag) -> Result<OwnedFd, Errno> {
    let held = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    openat(AT_FDCWD, &held, flags | OFlag::O_CLOEXEC, Mode::empty())
}

fn refuse(mode: u32, special: bool) -> Result<(), Error> {
    match FileType::of_mode(mode) {
        FileType::Regular => Ok(()),
        FileType::Directory => Err("is a directory".into()),
        _ if special => Ok(()),
        kind => Err(special_file(kind.described())),
    }
}

fn special_file(what: &'static str) -> Error {
    Cause::Special { what, has_option: false }.into()
}

/// An open directory.
#[derive(Debug)]
pub struct Folder {
    directory: Directory,
}

impl Folder {
    fn of(descriptor: OwnedFd) -> Self {
        Folder { directory: Directory::of(descriptor) }
    }

    /// Returns the next entry other than `.` and `..`, in the directory's own order.
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, Error> {
        Ok(self.directory.next()?)
    }

    /// Returns the metadata of this directory itself.
    pub fn own_meta(&self) -> Result<Meta, Error> {
        Ok(fstat(&self.directory)?)
    }

    /// Returns the metadata of an entry; links are not followed.
    pub fn meta(&self, name: &[u8]) -> Result<Meta, Error> {
        Ok(fstatat(&self.directory, OsStr::from_bytes(name), AtFlags::AT_SYMLINK_NOFOLLOW)?)
    }

    /// Returns the device of an entry without asking the server of its file system, which may not
    /// answer; `None` if it cannot be found out.
    pub fn device(&self, name: &[u8]) -> Option<u64> {
        let find = |name: &CStr| device_of(self.directory.as_fd(), name);
        OsStr::from_bytes(name).with_nix_path(find).ok()?
    }

    /// Whether an entry is on the same mount as this directory; false if the kernel does not tell.
    pub fn shares_mount(&self, name: &[u8]) -> bool {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let entry = openat(&self.directory, OsStr::from_bytes(name), flags, Mode::empty());
        let id = entry.ok().and_then(|entry| mount_id(entry.as_fd()));
        id.is_some() && id == mount_id(self.directory.as_fd())
    }

    /// Reads the target of an entry that is a link.
    pub fn link(&self, name: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(readlinkat(&self.directory, OsStr::from_bytes(name))?.into_vec())
    }

    /// Opens a directory in this one without following a link, so that it stays below any root.
    pub fn folder(&self, name: &[u8]) -> Result<Folder, Error> {
        let flags =
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(Folder::of(openat(&self.directory, OsStr::from_bytes(name), flags, Mode::empty())?))
    }

    /// Opens a regular file in this directory without following a link; `None` for other files and
    /// for the kernel's log.
    pub fn open(&self, name: &[u8]) -> Result<Option<(File, Meta)>, Error> {
        self.open_seen(name, &self.meta(name)?)
    }

    /// Like [`Folder::open`], for an entry that had these metadata just now.
    pub fn open_seen(&self, name: &[u8], meta: &Meta) -> Result<Option<(File, Meta)>, Error> {
        let is_regular = |meta: &Meta| FileType::of_mode(meta.st_mode).is_regular();
        if !is_regular(meta) || name == KERNEL_LOG && self.is_of_kernel() {
            return Ok(None);
        }
        let flags =
            OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = openat(&self.directory, OsStr::from_bytes(name), flags, Mode::empty())?;
        let meta = fstat(&file)?;
        Ok(is_regular(&meta).then(|| (File::from(file), meta)))
    }

    /// Whether a file in it of size 0 is surely empty: it is on a file system of this machine that
    /// stores its files. What proc and FUSE generate may be longer than its size.
    pub fn has_true_sizes(&self) -> bool {
        fstatfs(&self.directory).is_ok_and(|system| STORED.contains(&system.filesystem_type()))
    }

    /// Whether its files are generated by the kernel, in proc or sysfs. Reading all of them never
    /// ends.
    pub fn is_of_kernel(&self) -> bool {
        is_of_kernel(&self.directory)
    }
}

/// Whether this is the kernel's log in proc, proc_kmsg(5), which has the mode of a regular file.
fn is_log(handle: &OwnedFd, path: &Path) -> bool {
    if !fstatfs(handle).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC) {
        return false;
    }
    // A link to it may have another name.
    let held = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    let found = std::fs::read_link(held).unwrap_or_default();
    [path, &found].iter().any(|path| path.as_os_str().as_bytes().ends_with(KERNEL_LOG))
}

/// Whether an open file is in proc or sysfs, where a size does not tell how much a file holds.
pub fn is_of_kernel(file: impl AsFd) -> bool {
    let kernel = [PROC_SUPER_MAGIC, SYSFS_MAGIC];
    fstatfs(file).is_ok_and(|system| kernel.contains(&system.filesystem_type()))
}
