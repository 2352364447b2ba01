//! Reads all processes, each through a descriptor of its directory, so that data of one process is
//! never attributed to another.
//!
//! The owner of the directory is the process's effective user, even if the process is not dumpable:
//! the kernel gives the files of such a process to root, but not its directory (task_dump_owner in
//! fs/proc/base.c). So `status`, which is expensive, need not be read.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::handle::read_once;
use super::listing::Listing;
use super::process::MALFORMED;
use super::stat::{Fields, Stat};
use crate::error::Error;
use crate::units::push_number;

/// How much of one command line is read, in bytes.
const MAX_COMMAND_BYTES: usize = 16 << 10;
/// How much of all command lines is read in full, in bytes; further ones are cut short.
const MAX_COMMANDS_BYTES: usize = 1 << 20;
/// How much of a command line is read after that, in bytes.
const SHORT_COMMAND_BYTES: usize = 128;
/// The most generations of processes that are followed.
pub const MAX_GENERATIONS: usize = 64;

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

impl Seen {
    /// A process whose directory or `stat` cannot be opened; `None` if it has ended, or is none.
    fn without(errno: Errno, pid: u32) -> Option<Self> {
        let is_gone = matches!(errno, Errno::ENOENT | Errno::ESRCH | Errno::ENOTDIR);
        let stat = Err(Error::of_process(errno));
        (!is_gone).then(|| Seen { pid, uid: None, stat, command: Vec::new(), cut: false })
    }
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

    /// Returns the listed processes in order of pid, but at most `limit`.
    pub fn all(&mut self, list: &Listing, limit: usize) -> Vec<Seen> {
        let mut all = Vec::with_capacity(list.pids.len().min(limit));
        let mut name = Vec::new();
        for &pid in &*list.pids {
            if all.len() >= limit {
                break;
            }
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            push_name(&mut name, pid, b"");
            match openat(list, name.as_slice(), flags, Mode::empty()) {
                Ok(process) => all.extend(self.at(process.as_fd(), pid)),
                Err(errno) => all.extend(Seen::without(errno, pid)),
            }
        }
        all
    }

    /// Returns the listed processes in order of pid, with nothing but their `stat`: one file needs
    /// no descriptor of the directory.
    pub fn stats(&mut self, list: &Listing) -> Vec<Seen> {
        let mut all = Vec::with_capacity(list.pids.len());
        let mut name = Vec::new();
        for &pid in &*list.pids {
            push_name(&mut name, pid, b"/stat\0");
            let Ok(path) = CStr::from_bytes_with_nul(&name) else { continue };
            match self.read_stat(list.as_fd(), path) {
                Ok(stat) if stat.as_ref().is_ok_and(Stat::is_dead) => {}
                Ok(stat) => all.push(Seen { pid, uid: None, stat, command: Vec::new(), cut: false }),
                Err(errno) => all.extend(Seen::without(errno, pid)),
            }
        }
        all
    }

    /// Reads the process with this directory; `None` if it has ended.
    pub fn at(&mut self, folder: BorrowedFd<'_>, pid: u32) -> Option<Seen> {
        let uid = fstat(folder).ok().map(|folder| folder.st_uid);
        let mut stat = match self.read_stat(folder, c"stat") {
            Ok(stat) => stat,
            Err(errno) => return Seen::without(errno, pid).map(|seen| Seen { uid, ..seen }),
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
            let buffer = self.buffer.get_mut(..limit).unwrap_or_default();
            let count = read_once(folder, c"cmdline", buffer).unwrap_or_default();
            let bytes = buffer.get(..count).unwrap_or_default();
            cut = count == limit;
            // A title that a process writes over its arguments is padded with NULs.
            let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            command = bytes.get(..end).unwrap_or_default().to_vec();
            self.left = self.left.saturating_sub(command.len());
        }
        Some(Seen { pid, uid, stat, command, cut })
    }

    /// Reads `stat`: of the outer error, the file; of the inner one, its content.
    fn read_stat(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> Result<Result<Stat, Error>, Errno> {
        let count = read_once(folder, name, &mut self.buffer)?;
        Ok(Stat::parse(self.buffer.get(..count).unwrap_or_default()).ok_or_else(|| MALFORMED.into()))
    }

    /// Reads the resident size in pages from `statm`, which sums the counters of all processors.
    fn resident(&mut self, folder: BorrowedFd<'_>) -> Option<u64> {
        let count = read_once(folder, c"statm", &mut self.buffer).ok()?;
        let mut fields = Fields(self.buffer.get(..count)?);
        fields.skip(1)?;
        fields.count()
    }
}

/// Returns the `stat` of the process with this pid.
pub fn stat_of(all: &[Seen], pid: u32) -> Option<&Stat> {
    let at = all.binary_search_by_key(&pid, |seen| seen.pid).ok()?;
    all.get(at)?.stat.as_ref().ok()
}

/// Returns why the `stat` of processes below this proc cannot be read: the first error, and how many
/// there are.
pub fn unreadable(proc: &Path, all: &[Seen]) -> Option<Error> {
    let mut errors = all.iter().filter_map(|seen| Some((seen.pid, seen.stat.as_ref().err()?)));
    let (pid, first) = errors.next()?;
    let error = first.clone().at(&proc.join(pid.to_string()).join("stat"));
    Some(match errors.count() {
        0 => error,
        more => format!("{error}, and {more} more").into(),
    })
}

/// Returns the process and its ancestors, at most [`MAX_GENERATIONS`] of them.
pub fn ancestors(pid: u32, parent: &dyn Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut found = vec![pid];
    while let Some(next) = found.last().and_then(|&pid| parent(pid)) {
        // The parents in a fabricated proc may form a circle.
        if next == 0 || found.len() == MAX_GENERATIONS || found.contains(&next) {
            break;
        }
        found.push(next);
    }
    found
}

/// Replaces the name by that of the directory of a process, and what follows.
fn push_name(name: &mut Vec<u8>, pid: u32, rest: &[u8]) {
    name.clear();
    push_number(name, pid.into());
    name.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_listed() {
        let list = Listing::of(Path::new("/proc")).unwrap();
        let all = Look::new().all(&list, usize::MAX);
        let us = all.iter().find(|seen| seen.pid == std::process::id()).unwrap();
        let first = std::env::args().next().unwrap();
        assert!(us.command.starts_with(first.as_bytes()));
        assert!(us.stat.as_ref().unwrap().threads > 1);
        assert!(all.is_sorted_by_key(|seen| seen.pid));
        let stats = Look::new().stats(&list);
        let again = stats.iter().find(|seen| seen.pid == us.pid).unwrap();
        let start = |seen: &Seen| seen.stat.as_ref().unwrap().start;
        assert_eq!((start(again), again.command.as_slice()), (start(us), &b""[..]));
    }
}
