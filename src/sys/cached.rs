//! Looking at a file, and reading it, without waiting for its file system: openat2(2) with
//! `RESOLVE_CACHED`, statx(2) with `AT_STATX_DONT_SYNC` and preadv2(2) with `RWF_NOWAIT`.
//!
//! Invariant: nothing here waits. A path is looked up only in the kernel's cache. Opening a file is
//! up to its file system, and a network file system or FUSE asks its server even if the file is
//! cached. So a file is first examined through `O_PATH`, which asks no server, and is opened only
//! if it is on a block device. Its content must be in the page cache.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::major;

use super::statx::statx;

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// Type and permissions, as in `st_mode` of stat(3type).
    pub mode: u32,
    /// The size in bytes.
    pub size: u64,
    /// When the content was last modified: seconds and nanoseconds since the epoch.
    pub modified: (i64, u32),
    /// Whether it is on a block device, so that its file system asks no server.
    pub is_on_device: bool,
}

impl From<Metadata> for Status {
    fn from(found: Metadata) -> Self {
        let nanos = u32::try_from(found.mtime_nsec()).unwrap_or_default();
        Status {
            mode: found.mode(),
            size: found.size(),
            modified: (found.mtime(), nanos),
            is_on_device: major(found.dev()) != 0,
        }
    }
}

/// Returns what the kernel knows of the file at this path without asking its file system. A network
/// file system or FUSE has confirmed the path within the time that it allows for caching, but may
/// know better about size and time. It never confirms the root of a mount, so for that there is no
/// status. Symbolic links are followed. An error only means that the file system has to be asked.
pub fn status_cached(path: &Path) -> Result<Status, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let wanted = libc::STATX_TYPE | libc::STATX_MODE | libc::STATX_SIZE | libc::STATX_MTIME;
    let seen = statx(open(&path, libc::O_PATH)?.as_fd(), wanted)?;
    let is_root = seen.stx_attributes & u64::from(libc::STATX_ATTR_MOUNT_ROOT.unsigned_abs()) != 0;
    if is_root || seen.stx_mask & wanted != wanted {
        return Err(Errno::EAGAIN);
    }
    Ok(Status {
        mode: u32::from(seen.stx_mode),
        size: seen.stx_size,
        modified: (seen.stx_mtime.tv_sec, seen.stx_mtime.tv_nsec),
        is_on_device: is_on_device(&seen),
    })
}

/// Reads a regular file of at most `limit` bytes. `ENOENT` is definite. Any other error, including
/// that of a larger file, only means that the bytes are not available without waiting: the kernel
/// does not have the system call, a seccomp profile forbids it, or the file system has to be asked.
pub fn read_cached(path: &Path, limit: u64) -> Result<Vec<u8>, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let seen = statx(open(&path, libc::O_PATH)?.as_fd(), libc::STATX_TYPE | libc::STATX_SIZE)?;
    let is_regular = u32::from(seen.stx_mode) & libc::S_IFMT == libc::S_IFREG;
    if !is_regular || !is_on_device(&seen) || seen.stx_size > limit {
        return Err(Errno::EAGAIN);
    }
    let file = open(&path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?;
    let mut bytes = vec![0; usize::try_from(seen.stx_size).map_err(|_| Errno::EFBIG)?];
    if read_now(&file, &mut bytes)? == bytes.len() { Ok(bytes) } else { Err(Errno::EAGAIN) }
}

/// File systems without a block device have a device number with the major number 0.
fn is_on_device(seen: &libc::statx) -> bool {
    seen.stx_dev_major != 0
}

/// Opens a path by the kernel's cache. If the file is replaced between the two calls, the new one
/// is on the same file system, unless another one is mounted there at that very moment. That is too
/// unlikely to matter.
fn open(path: &CStr, flags: i32) -> Result<File, Errno> {
    // SAFETY: a struct of integers, in which 0 requests nothing.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).unsigned_abs());
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: the path ends in NUL, and the struct has the size that is passed.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    let descriptor =
        RawFd::try_from(opened).ok().filter(|&descriptor| descriptor >= 0).ok_or_else(Errno::last)?;
    // SAFETY: the call just opened it, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

/// Fills the buffer from the beginning of the file as far as that is in the page cache, and returns
/// the number of bytes.
fn read_now(file: &File, buffer: &mut [u8]) -> Result<usize, Errno> {
    let piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let (one, start) = (1_usize, 0_usize);
    // SAFETY: the kernel writes only into the buffer, and at most its length. The offset in the
    // file is two words.
    let count = unsafe {
        let file = file.as_raw_fd();
        libc::syscall(libc::SYS_preadv2, file, &raw const piece, one, start, start, libc::RWF_NOWAIT)
    };
    usize::try_from(count).map_err(|_| Errno::last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_status_is_that_of_stat() {
        for path in ["Cargo.toml", "src", "/dev/null"] {
            let known = Status::from(std::fs::metadata(path).unwrap());
            // Without openat2 or the cache there is none.
            if let Ok(seen) = status_cached(Path::new(path)) {
                assert_eq!((seen.mode, seen.size, seen.modified), (known.mode, known.size, known.modified));
                assert_eq!(seen.is_on_device, known.is_on_device);
            }
        }
        for path in ["src/none", "/", "/proc"] {
            assert!(status_cached(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let whole = std::fs::read("Cargo.toml").unwrap();
        // If it can be read in this way, the content is the same.
        if let Ok(read) = read_cached(Path::new("Cargo.toml"), 1 << 20) {
            assert_eq!(read, whole);
        }
        assert!(read_cached(Path::new("Cargo.toml"), whole.len() as u64 - 1).is_err());
        assert!(read_cached(Path::new("src"), 1 << 20).is_err());
        assert!(read_cached(Path::new("/dev/null"), 1 << 20).is_err());
        assert!(read_cached(Path::new("/proc/self/status"), 1 << 20).is_err());
    }
}
