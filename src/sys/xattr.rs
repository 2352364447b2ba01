//! Facts about a file that stat(2) does not report: extended attributes, by getxattr(2), and the
//! flags of chattr(1), by statx(2). nix provides neither, and not every version of musl has
//! statx(3).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

/// Fills the buffer with the value of an attribute of the file that the path leads to, and returns
/// its length in bytes.
pub fn read_attribute(path: &Path, name: &CStr, value: &mut [u8]) -> Result<usize, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: both strings end in NUL, and the kernel writes only into the buffer, and at most its
    // length.
    let count =
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    usize::try_from(count).map_err(|_| Errno::last())
}

/// STATX_ATTR_IMMUTABLE: the file may not be changed.
pub const IMMUTABLE: u64 = 0x10;
/// STATX_ATTR_APPEND: the file may only grow.
pub const APPEND_ONLY: u64 = 0x20;

/// Returns the flags of an open file, such as [`IMMUTABLE`]; 0 if the kernel does not report them.
pub fn flags(file: impl AsFd) -> u64 {
    // struct statx: the first word is the mask and the block size, the next word is the flags.
    let mut found = [0_u64; 32];
    // SAFETY: the path is empty and ends in NUL, and the kernel writes the 256 bytes of the struct.
    let done = unsafe {
        let file = file.as_fd().as_raw_fd();
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), libc::AT_EMPTY_PATH, 0, found.as_mut_ptr())
    };
    let [_, flags, ..] = found;
    if done == 0 { flags } else { 0 }
}
