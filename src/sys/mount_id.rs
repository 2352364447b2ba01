//! The mount of an open file: statx(2), which nix does not have.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::libc;

/// Returns the id of the mount that the file was opened on, as in `mountinfo`; `None` if the kernel
/// does not report it (before Linux 5.8).
pub fn mount_id(file: BorrowedFd<'_>) -> Option<u32> {
    // SAFETY: a struct of integers.
    let mut found: libc::statx = unsafe { MaybeUninit::zeroed().assume_init() };
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path is empty and ends in NUL, and the kernel writes only into the struct.
    let done = unsafe {
        let file = file.as_raw_fd();
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), flags, libc::STATX_MNT_ID, &raw mut found)
    };
    let is_known = done == 0 && found.stx_mask & libc::STATX_MNT_ID != 0;
    u32::try_from(found.stx_mnt_id).ok().filter(|_| is_known)
}
