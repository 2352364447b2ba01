//! What stat(2) does not tell of a file: extended attributes, by getxattr(2), and the flags of chattr(1), by statx(2).
//! nix has neither, and musl no statx(3) in every version.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

/// Fills the buffer with the value of an attribute of what the path leads to; how many bytes it is.
pub fn read_attribute(path: &Path, name: &CStr, value: &mut [u8]) -> Result<usize, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: both strings end in NUL, and the kernel writes into the buffer alone, no more than its length.
    let count =
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    usize::try_from(count).map_err(|_| Errno::last())
}

/// STATX_ATTR_IMMUTABLE: nothing of the file may be changed.
pub const IMMUTABLE: u64 = 0x10;
/// STATX_ATTR_APPEND: it may only grow.
pub const APPEND_ONLY: u64 = 0x20;

/// The flags of an open file, as [`IMMUTABLE`]; none where the kernel does not tell.
pub fn flags(file: impl AsFd) -> u64 {
    // struct statx: the mask and the size of a block are one word, the flags are the next.
    let mut found = [0_u64; 32];
    // SAFETY: the path is empty and ends in NUL, and the kernel writes the 256 bytes of the struct.
    let done = unsafe {
        let file = file.as_fd().as_raw_fd();
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), libc::AT_EMPTY_PATH, 0, found.as_mut_ptr())
    };
    let [_, flags, ..] = found;
    if done == 0 { flags } else { 0 }
}
