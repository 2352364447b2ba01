//! readlinkat(2) into a buffer. For each link nix allocates PATH_MAX bytes and shrinks them.

use std::ffi::CStr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Reads the target of a link in this directory. It is cut if the buffer is too small.
pub fn read_link<'a>(folder: BorrowedFd<'_>, name: &CStr, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let (to, size) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the name ends in NUL, and the kernel writes only into the buffer, at most its length.
    let count = unsafe { libc::readlinkat(folder.as_raw_fd(), name.as_ptr(), to, size) };
    let count = usize::try_from(count).map_err(|_| Errno::last())?;
    Ok(buffer.get(..count).unwrap_or_default())
}
