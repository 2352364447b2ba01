//! getdents64(2), which nix offers only through a `DIR` of the C library.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Fills the buffer with the next entries of a directory and returns their length in bytes: 0 at
/// the end.
pub fn read_entries(folder: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes only into the buffer, and at most its length.
    let count =
        unsafe { libc::syscall(libc::SYS_getdents64, folder.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
    usize::try_from(count).map_err(|_| Errno::last())
}
