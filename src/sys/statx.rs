//! statx(2), which nix does not have: what a file is, without asking the server of its file system.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc;

/// Returns what is known of an open file without asking a server. `wanted` are `STATX_*` bits; the
/// kernel may leave some of them out of `stx_mask`.
pub(super) fn statx(file: BorrowedFd<'_>, wanted: u32) -> Result<libc::statx, Errno> {
    statx_at(file, c"", libc::AT_EMPTY_PATH, wanted)
}

/// The same of an entry of a directory.
fn statx_at(
    folder: BorrowedFd<'_>,
    name: &CStr,
    flags: libc::c_int,
    wanted: u32,
) -> Result<libc::statx, Errno> {
    // SAFETY: a struct of integers.
    let mut found: libc::statx = unsafe { MaybeUninit::zeroed().assume_init() };
    let flags = flags | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path ends in NUL, and the kernel writes only into the struct.
    let done = unsafe {
        let folder = folder.as_raw_fd();
        libc::syscall(libc::SYS_statx, folder, name.as_ptr(), flags, wanted, &raw mut found)
    };
    if done == 0 { Ok(found) } else { Err(Errno::last()) }
}

/// Returns the device of an entry of a directory, a link not followed and nothing mounted for it;
/// `None` if it cannot be found out.
#[cfg(feature = "inspect")]
pub fn device_of(folder: BorrowedFd<'_>, name: &CStr) -> Option<u64> {
    let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
    let found = statx_at(folder, name, flags, 0).ok()?;
    Some(libc::makedev(found.stx_dev_major, found.stx_dev_minor))
}

/// Returns the id of the mount that the file was opened on, as in `mountinfo`; `None` if the kernel
/// does not report it (before Linux 5.8).
#[cfg(feature = "inspect")]
pub fn mount_id(file: BorrowedFd<'_>) -> Option<u32> {
    let found = statx(file, libc::STATX_MNT_ID).ok()?;
    let is_known = found.stx_mask & libc::STATX_MNT_ID != 0;
    u32::try_from(found.stx_mnt_id).ok().filter(|_| is_known)
}
