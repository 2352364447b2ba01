//! A link to an open file, in the directory of a process or in that of its descriptors.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use nix::fcntl::{AtFlags, OFlag};
use nix::libc::{PATH_MAX, S_IRUSR, S_IWUSR};
use nix::sys::stat::{FileStat, fstatat};

use super::row::parse_info;
use crate::directory::Directory;
use crate::error::Error;
use crate::procfs::handle::{Handle, read_once};
use crate::sys::read_link;

/// The most descriptors of one process that are listed: NR_OPEN, the kernel's default limit.
const MAX_DESCRIPTORS: usize = 1 << 20;
/// `O_ACCMODE` and `O_PATH`, in the flags of fdinfo.
const ACCESS: u32 = 0o3;
/// See [`ACCESS`].
const PATH_ONLY: u32 = 0o10_000_000;

/// A link, which is not followed unless that is asked for.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    pub folder: BorrowedFd<'a>,
    pub name: &'a CStr,
}

impl Link<'_> {
    /// Returns its target, as the kernel writes it.
    pub fn target(&self) -> Result<Vec<u8>, Error> {
        let mut buffer = [0; PATH_MAX as usize];
        let target = read_link(self.folder, self.name, &mut buffer).map_err(Error::of_process)?;
        Ok(target.to_vec())
    }

    /// Returns the metadata of the file that it leads to.
    pub fn file(&self) -> Option<FileStat> {
        fstatat(self.folder, self.name, AtFlags::empty()).ok()
    }

    /// Returns the access mode of a descriptor, of which the kernel makes the permissions of the
    /// link: proc_pid_fd(5). It is empty for a descriptor that was opened with O_PATH.
    pub fn mode(&self) -> &'static str {
        match fstatat(self.folder, self.name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(link) if link.st_mode & (S_IRUSR | S_IWUSR) == S_IRUSR | S_IWUSR => "u",
            Ok(link) if link.st_mode & S_IRUSR != 0 => "r",
            Ok(link) if link.st_mode & S_IWUSR != 0 => "w",
            _ => "",
        }
    }
}

/// Returns the directory of a process's descriptors, and their numbers in order.
pub fn descriptors(process: &Handle) -> Result<(Directory, Vec<u32>), Error> {
    let mut list = Directory::of(process.descriptor("fd", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?);
    let mut numbers: Vec<u32> = Vec::new();
    while let Some(entry) = list.next().map_err(Error::of_process)? {
        if numbers.len() < MAX_DESCRIPTORS {
            numbers.extend(std::str::from_utf8(entry.name).ok().and_then(|name| name.parse::<u32>().ok()));
        }
    }
    // The kernel's order.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    Ok((list, numbers))
}

/// Reads the access mode and the offset of a descriptor.
pub fn info(process: &Handle, fd: &str) -> (&'static str, Option<u64>) {
    let mut info = [0; 512];
    let path = CString::new(["fdinfo/", fd].concat()).unwrap_or_default();
    let length = read_once(process, &path, &mut info).unwrap_or_default();
    let (offset, flags) = parse_info(info.get(..length).unwrap_or_default());
    let mode = match flags {
        Some(flags) if flags & PATH_ONLY != 0 => "",
        Some(flags) => ["r", "w", "u", ""].get((flags & ACCESS) as usize).copied().unwrap_or_default(),
        None => "",
    };
    (mode, offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::open;
    use nix::sys::stat::Mode;
    use std::os::fd::{AsFd as _, AsRawFd as _};
    use std::path::Path;

    #[test]
    fn the_link_has_the_access_mode_of_fdinfo() {
        let process = Handle::open(Path::new("/proc"), std::process::id()).unwrap();
        for (flags, mode) in [
            (OFlag::O_RDONLY, "r"),
            (OFlag::O_WRONLY, "w"),
            (OFlag::O_RDWR | OFlag::O_APPEND, "u"),
            (OFlag::O_PATH, ""),
            // For ioctl(2) only: open(2).
            (OFlag::O_ACCMODE, ""),
        ] {
            let file = open("/dev/null", flags, Mode::empty()).unwrap();
            let fd = file.as_raw_fd().to_string();
            let (list, numbers) = descriptors(&process).unwrap();
            assert!(numbers.contains(&file.as_raw_fd().cast_unsigned()));
            let link = Link { folder: list.as_fd(), name: &CString::new(fd.as_str()).unwrap() };
            assert_eq!(link.target().unwrap(), b"/dev/null");
            assert_eq!((link.mode(), info(&process, &fd).0), (mode, mode), "{flags:?}");
        }
    }
}
