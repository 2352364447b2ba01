//! Which processes hold which sockets: one pass over the descriptors of all accessible processes.
//! proc_pid_fd(5)

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::handle::{Handle, read_once};
use super::listing::Listing;
use super::process::{Process, parse_socket};
use crate::directory::Directory;
use crate::error::{Cause, Error};
use crate::sys::read_link;
use crate::units::push_number;

/// How many pairs of socket and process are kept.
const MAX_PAIRS: usize = 1 << 16;
/// How many names of descriptors are collected before they are looked at, in bytes.
const MAX_NAMES_BYTES: usize = 16 << 10;
/// How much of the target of a descriptor is read, in bytes: more than a socket has.
const MAX_TARGET_BYTES: usize = 64;

/// The processes that hold sockets.
#[derive(Debug, Default)]
pub struct Owners {
    /// Inodes, each with the index of a process that holds it.
    pairs: Vec<(u64, usize)>,
    /// The processes that hold any of the sockets.
    processes: Vec<Process>,
    /// How many processes could not be inspected, and the first of them.
    pub unread: Option<(u32, Unseen)>,
    /// Whether pid 1 is listed.
    pub has_first: bool,
}

/// A process that could not be inspected.
#[derive(Debug)]
pub struct Unseen {
    /// Its pid.
    pub pid: u32,
    /// The process, if it could be held.
    pub handle: Option<Handle>,
    /// The reason.
    pub error: Error,
}

impl Owners {
    /// Finds the owners of the sockets with these inodes among the listed processes of this proc.
    /// Every process may hold any of them, so every descriptor is looked at.
    pub fn find(proc: &Path, list: &Listing, mut inodes: Vec<u64>) -> Self {
        let mut owners = Owners { has_first: list.pids.first() == Some(&1), ..Owners::default() };
        sort(&mut inodes);
        let mut names = Vec::new();
        for &pid in &*list.pids {
            match (owners.look(list, pid, &mut names, &inodes), &mut owners.unread) {
                // A process that has ended in between no longer holds anything.
                (Ok(()), _) => {}
                (Err(error), _) if error.is_gone() => {}
                (Err(_), Some((count, _))) => *count += 1,
                (Err(error), none) => {
                    let handle = Handle::open(proc, pid).ok();
                    *none = Some((1, Unseen { pid, handle, error }));
                }
            }
        }
        sort(&mut owners.pairs);
        owners.pairs.dedup();
        owners
    }

    /// Looks at the descriptors of a process. `names` is a buffer.
    fn look(&mut self, proc: &Listing, pid: u32, names: &mut Vec<u8>, inodes: &[u64]) -> Result<(), Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        names.clear();
        push_number(names, pid.into());
        names.extend_from_slice(b"/fd");
        let folder = openat(proc, names.as_slice(), flags, Mode::empty());
        let mut list = Directory::of(folder.map_err(Error::of_process)?);
        let (at, before) = (self.processes.len(), self.pairs.len());
        let (mut denied, mut is_end) = (false, false);
        while !is_end {
            names.clear();
            while names.len() < MAX_NAMES_BYTES {
                match list.next() {
                    Ok(Some(entry)) => {
                        names.extend_from_slice(entry.name);
                        names.push(0);
                    }
                    Ok(None) => {
                        is_end = true;
                        break;
                    }
                    Err(errno) => {
                        // Otherwise they would become those of the next process.
                        self.pairs.truncate(before);
                        return Err(Error::of_process(errno));
                    }
                }
            }
            denied |= self.look_at(list.as_fd(), names, inodes, at);
        }
        if self.pairs.len() > before {
            // The directory above is still that of this process, even if its pid is reused.
            let mut stat = [0; 1024];
            let read = read_once(list.as_fd(), c"../stat", &mut stat);
            let known = read.ok().and_then(|count| Process::parse(pid, stat.get(..count)?));
            let unknown = || Process { pid, name: b"?".to_vec(), state: '?' };
            self.processes.push(known.unwrap_or_else(unknown));
        }
        // Some systems show the numbers of descriptors but not their targets.
        if denied { Err(Cause::System(Errno::EACCES).into()) } else { Ok(()) }
    }

    /// Looks at the descriptors with these names, each of which ends in a NUL, of the process that
    /// will have this index. Returns whether access to any is denied.
    fn look_at(&mut self, folder: BorrowedFd<'_>, names: &[u8], inodes: &[u64], process: usize) -> bool {
        let (mut denied, mut target) = (false, [0; MAX_TARGET_BYTES]);
        for name in names.split_inclusive(|&b| b == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            let target = read_link(folder, name, &mut target);
            denied |= matches!(target, Err(Errno::EACCES | Errno::EPERM));
            if let Ok(target) = target
                && let Some(inode) = parse_socket(target)
                && inodes.binary_search(&inode).is_ok()
                && self.pairs.len() < MAX_PAIRS
            {
                self.pairs.push((inode, process));
            }
        }
        denied
    }

    /// Returns the processes that hold the socket with this inode, in order of pid.
    pub fn of(&self, inode: u64) -> impl Iterator<Item = &Process> {
        let from = self.pairs.partition_point(|&(known, _)| known < inode);
        let pairs = self.pairs.get(from..).unwrap_or_default();
        pairs
            .iter()
            .take_while(move |&&(known, _)| known == inode)
            .filter_map(|&(_, at)| self.processes.get(at))
    }
}

/// Sorts a list that may be long. In a build optimized for size, `sort_unstable` is heapsort, which
/// takes three times as long.
fn sort<T: Ord>(list: &mut [T]) {
    list.sort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn several_processes_hold_a_socket_and_each_counts_once() {
        let proc = std::env::temp_dir().join(format!("porthole-owners-{}", std::process::id()));
        for (pid, sockets) in [("7", &[100_u64, 100, 200][..]), ("12", &[100]), ("13", &[300])] {
            std::fs::create_dir_all(proc.join(pid).join("fd")).unwrap();
            std::fs::write(proc.join(pid).join("stat"), format!("{pid} (nginx {pid}) S 1")).unwrap();
            for (at, inode) in sockets.iter().enumerate() {
                symlink(format!("socket:[{inode}]"), proc.join(pid).join("fd").join(at.to_string())).unwrap();
            }
        }
        let owners = Owners::find(&proc, &Listing::of(&proc).unwrap(), vec![200, 100, 400]);
        assert_eq!(owners.of(100).map(|process| process.pid).collect::<Vec<_>>(), [7, 12]);
        assert_eq!(owners.of(200).map(|process| process.name.as_slice()).collect::<Vec<_>>(), [b"nginx 7"]);
        assert_eq!((owners.of(300).count(), owners.of(400).count()), (0, 0));
        assert!(owners.unread.is_none());
        std::fs::remove_dir_all(proc).unwrap();
    }
}
