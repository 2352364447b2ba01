//! Reading a file without waiting for its file system: openat2(2) with `RESOLVE_CACHED` and preadv2(2) with `RWF_NOWAIT`.
//!
//! Invariant: nothing here waits. A path is looked up in the kernel's cache alone. To open a file is up to its file
//! system, of which one of a network or FUSE asks its server even for what is cached: so a file is looked at through
//! `O_PATH`, which asks nobody, and opened only where it is on a block device. What is read has to be in the page cache.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

/// The bytes of a regular file of at most `limit` bytes. `ENOENT` is sure; any other error, a larger file's too, means
/// only that this cannot be had without waiting: no such call in this kernel, none allowed by a seccomp profile, a file
/// system that has to be asked.
pub fn read_cached(path: &Path, limit: u64) -> Result<Vec<u8>, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let seen = look(&open(&path, libc::O_PATH)?)?;
    let is_regular = u32::from(seen.stx_mode) & libc::S_IFMT == libc::S_IFREG;
    // File systems without a block device have a number of their own with the major 0.
    if !is_regular || seen.stx_dev_major == 0 || seen.stx_size > limit {
        return Err(Errno::EAGAIN);
    }
    let file = open(&path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?;
    let mut bytes = vec![0; usize::try_from(seen.stx_size).map_err(|_| Errno::EFBIG)?];
    if read_now(&file, &mut bytes)? == bytes.len() { Ok(bytes) } else { Err(Errno::EAGAIN) }
}

/// Opens what the kernel's cache leads to. A file that takes its place in between is on the same file system: to mount
/// another there takes a moment that nobody hits.
fn open(path: &CStr, flags: i32) -> Result<File, Errno> {
    // SAFETY: a struct of integers, in which 0 means nothing asked for.
    let mut how: libc::open_how = unsafe { MaybeUninit::zeroed().assume_init() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).unsigned_abs());
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: the path ends in NUL, and the struct has the size that is told.
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
    // SAFETY: the call just opened it, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into())
}

/// What is known of a file, without asking anybody.
fn look(file: &File) -> Result<libc::statx, Errno> {
    // SAFETY: a struct of integers.
    let mut found: libc::statx = unsafe { MaybeUninit::zeroed().assume_init() };
    let (flags, wanted) =
        (libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC, libc::STATX_TYPE | libc::STATX_SIZE);
    // SAFETY: the path is empty and ends in NUL, and the kernel writes into the struct alone.
    let done = unsafe {
        let file = file.as_raw_fd();
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), flags, wanted, &raw mut found)
    };
    if done == 0 { Ok(found) } else { Err(Errno::last()) }
}

/// Fills the buffer from the beginning of the file, as far as that is in the page cache; how many bytes it is.
fn read_now(file: &File, buffer: &mut [u8]) -> Result<usize, Errno> {
    let piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let (one, start) = (1_usize, 0_usize);
    // SAFETY: the kernel writes into the buffer alone, no more than its length. The place in the file is two words.
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
    fn what_is_not_a_regular_file_or_too_large_is_left_alone() {
        let whole = std::fs::read("Cargo.toml").unwrap();
        // Where it may be had in this way, it is the same.
        if let Ok(read) = read_cached(Path::new("Cargo.toml"), 1 << 20) {
            assert_eq!(read, whole);
        }
        assert!(read_cached(Path::new("Cargo.toml"), whole.len() as u64 - 1).is_err());
        assert!(read_cached(Path::new("src"), 1 << 20).is_err());
        assert!(read_cached(Path::new("/dev/null"), 1 << 20).is_err());
        assert!(read_cached(Path::new("/proc/self/status"), 1 << 20).is_err());
    }
}
