//! Reads all processes, each through a descriptor of its directory, so that data of one process is
//! never attributed to another.
//!
//! The owner of the directory is the process's effective user, even if the process is not dumpable:
//! the kernel gives the files of such a process to root, but not its directory (task_dump_owner in
//! fs/proc/base.c). So `status`, which is expensive, need not be read.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::read;

use super::process::{MALFORMED, parse_folder};
use super::stat::Stat;
use crate::directory::Directory;
use crate::error::Error;

/// How much of one command line is read, in bytes.
const MAX_COMMAND_BYTES: usize = 16 << 10;
/// How much of all command lines is read in full, in bytes; further ones are cut short.
const MAX_COMMANDS_BYTES: usize = 1 << 20;
/// How much of a command line is read after that, in bytes.
const SHORT_COMMAND_BYTES: usize = 128;

/// A process and what was read of it.
#[derive(Debug)]
pub struct Seen {
    /// Its pid.
    pub pid: u32,
    /// Its effective user; `None` if not even that is visible.
    pub uid: Option<u32>,
    /// Its `stat`, or why that is not available.
    pub stat: Result<Stat, Error>,
    /// Its command line, with a NUL after each argument; empty for kernel threads and zombies.
    pub command: Vec<u8>,
    /// Whether the command line is cut.
    pub cut: bool,
}

/// A reader of one process after the other.
#[derive(Debug)]
pub struct Look {
    buffer: Vec<u8>,
    /// How many more bytes of command lines are read in full.
    left: usize,
}

impl Look {
    /// Creates a reader.
    pub fn new() -> Self {
        Look { buffer: vec![0; MAX_COMMAND_BYTES], left: MAX_COMMANDS_BYTES }
    }

    /// Returns all visible processes in order of pid. The error tells why proc cannot be listed.
    pub fn all(&mut self, proc: &Path) -> Result<Vec<Seen>, Errno> {
        let mut pids: Vec<u32> = Vec::new();
        let mut list = Directory::open(proc)?;
        while let Some(entry) = list.next()? {
            pids.extend(parse_folder(entry.name));
        }
        pids.sort_unstable();
        let mut all = Vec::with_capacity(pids.len());
        for pid in pids {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            match openat(list.as_fd(), pid.to_string().as_str(), flags, Mode::empty()) {
                Ok(process) => all.extend(self.at(process.as_fd(), pid)),
                // It has ended since, or is not a process.
                Err(Errno::ENOENT | Errno::ESRCH | Errno::ENOTDIR) => {}
                Err(errno) => {
                    let stat = Err(Error::of_process(errno));
                    all.push(Seen { pid, uid: None, stat, command: Vec::new(), cut: false });
                }
            }
        }
        Ok(all)
    }

    /// Reads the process with this directory; `None` if it has ended.
    pub fn at(&mut self, folder: BorrowedFd<'_>, pid: u32) -> Option<Seen> {
        let uid = fstat(folder).ok().map(|folder| folder.st_uid);
        let mut stat = match self.read(folder, "stat", MAX_COMMAND_BYTES) {
            Ok(count) => {
                Stat::parse(self.buffer.get(..count).unwrap_or_default()).ok_or_else(|| MALFORMED.into())
            }
            Err(Errno::ENOENT | Errno::ESRCH) => return None,
            Err(errno) => Err(Error::of_process(errno)),
        };
        if stat.as_ref().is_ok_and(Stat::is_dead) {
            return None;
        }
        let (mut command, mut cut) = (Vec::new(), false);
        if let Ok(stat) = &mut stat
            && stat.size > 0
        {
            stat.pages = self.resident(folder).unwrap_or(stat.pages);
            let limit = if self.left < MAX_COMMAND_BYTES { SHORT_COMMAND_BYTES } else { MAX_COMMAND_BYTES };
            // If it ends in between, at least its name is known.
            let count = self.read(folder, "cmdline", limit).unwrap_or_default();
            let bytes = self.buffer.get(..count).unwrap_or_default();
            cut = count == limit;
            // A title that a process writes over its arguments is padded with NULs.
            let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            command = bytes.get(..end).unwrap_or_default().to_vec();
            self.left = self.left.saturating_sub(command.len());
        }
        Some(Seen { pid, uid, stat, command, cut })
    }

    /// Reads the resident size in pages from `statm`, which sums the counters of all processors.
    fn resident(&mut self, folder: BorrowedFd<'_>) -> Option<u64> {
        let count = self.read(folder, "statm", MAX_COMMAND_BYTES).ok()?;
        let resident = self.buffer.get(..count)?.split(|&b| b == b' ').nth(1)?;
        std::str::from_utf8(resident).ok()?.parse().ok()
    }

    /// Reads the first bytes of a file into the buffer.
    fn read(&mut self, folder: BorrowedFd<'_>, name: &str, limit: usize) -> Result<usize, Errno> {
        let file: OwnedFd =
            openat(folder, name, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
        // One read is enough: these files return all they have at once.
        read(&file, self.buffer.get_mut(..limit).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_listed() {
        let all = Look::new().all(Path::new("/proc")).unwrap();
        let us = all.iter().find(|seen| seen.pid == std::process::id()).unwrap();
        let first = std::env::args().next().unwrap();
        assert!(us.command.starts_with(first.as_bytes()));
        assert!(us.stat.as_ref().unwrap().threads > 1);
        assert!(all.is_sorted_by_key(|seen| seen.pid));
    }
}
