//! A process held by a descriptor of its directory in proc, so that a reused pid is never mistaken
//! for it.
//!
//! After the process has ended, openat(2) below the descriptor fails with ESRCH or ENOENT, even if
//! its pid has been reused. Errors tell denied from absent.

use std::ffi::CStr;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, stat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs, statfs};
use nix::unistd::read;

use super::process::Process;
use super::stat::Stat;
use crate::directory::Directory;
use crate::error::Error;
use crate::text::Shown as _;

/// How much of one file of proc is read, in bytes.
pub const MAX_PROC_FILE_BYTES: usize = 4 << 20;

/// What has become of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is alive.
    Lives,
    /// It is a kernel thread, which has neither files nor memory of its own.
    Kernel(Process),
    /// It has ended and waits for its parent to collect its status.
    Zombie(Process),
    /// It no longer exists.
    Gone,
}

/// A process that is held; clones share the descriptor.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Its pid in the pid namespace of this proc.
    pub pid: u32,
    folder: Arc<OwnedFd>,
    path: PathBuf,
}

impl Handle {
    /// Holds the process with this pid.
    pub fn open(proc: &Path, pid: u32) -> Result<Self, Error> {
        let path = proc.join(pid.to_string());
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        // Not open(2), after which musl calls fcntl(2) in case the kernel does not know O_CLOEXEC.
        let folder = openat(AT_FDCWD, &path, flags, Mode::empty()).map_err(Error::of_process)?;
        Ok(Handle { pid, folder: Arc::new(folder), path })
    }

    /// Returns what has become of it, which explains why it lacks a file.
    pub fn fate(&self) -> Fate {
        let text = match self.read("stat", 4096) {
            Ok(text) => text,
            Err(error) if error.is_gone() => return Fate::Gone,
            Err(_) => return Fate::Lives,
        };
        match Process::parse(self.pid, &text) {
            Some(process) if matches!(process.state, 'X' | 'x') => Fate::Gone,
            Some(process) if process.is_zombie() => Fate::Zombie(process),
            Some(process) if Stat::parse(&text).is_some_and(|stat| stat.is_of_kernel()) => {
                Fate::Kernel(process)
            }
            _ => Fate::Lives,
        }
    }

    /// Whether it is alive but hidden from us. With hidepid of proc(5) fstat(2) fails on its
    /// directory; on the held directory of a process that has ended it succeeds (pid_getattr in
    /// fs/proc/base.c).
    pub fn is_hidden(&self) -> bool {
        fstat(&self.folder) == Err(Errno::ENOENT)
    }

    /// Whether it is in our own network namespace. Of another process only those who may trace it
    /// can tell (ptrace(2)), and a fabricated proc (tests) has none.
    pub fn is_in_our_network(&self) -> bool {
        let is_of_kernel =
            fstatfs(&self.folder).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC);
        let ours = self.path.parent().map(|proc| stat(&proc.join("self/ns/net")));
        let id = |link: FileStat| (link.st_dev, link.st_ino);
        match (self.meta("ns/net"), ours) {
            (Ok(theirs), Some(Ok(ours))) => is_of_kernel && id(theirs) == id(ours),
            _ => false,
        }
    }

    /// Returns what identifies the network namespace that it is in, for anyone: the tables of each have
    /// inodes of their own (proc_register in the kernel's fs/proc/generic.c). proc_pid_net(5)
    pub fn network(&self) -> Option<(u64, u64)> {
        self.meta("net/dev").ok().map(|tables| (tables.st_dev, tables.st_ino))
    }

    /// Returns the user that its directory belongs to.
    pub fn owner(&self) -> Option<u32> {
        fstat(&self.folder).ok().map(|folder| folder.st_uid)
    }

    /// Returns the path of one of its files, for messages.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the message that its status lacks a line.
    pub fn missing_line(&self, line: &str) -> String {
        format!("{}: has no {line} line", self.path("status").shown())
    }

    /// Opens one of its files with these flags.
    pub fn descriptor(&self, name: &str, flags: OFlag) -> Result<OwnedFd, Error> {
        openat(&self.folder, name, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(Error::of_process)
    }

    /// Reads the first bytes of one of its files, at most `limit`.
    pub fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, Error> {
        // A fabricated proc may contain a FIFO, which must not block.
        let file = File::from(self.descriptor(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        let mut bytes = Vec::with_capacity(limit.min(4096));
        let read = file.take(limit as u64).read_to_end(&mut bytes);
        read.map_err(|error| Error::of_process(Errno::from_raw(error.raw_os_error().unwrap_or_default())))?;
        Ok(bytes)
    }

    /// Reads the target of one of its links, as the kernel writes it.
    pub fn link(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(readlinkat(&self.folder, name).map_err(Error::of_process)?.into_vec())
    }

    /// Returns the metadata of one of its files, or of what one of its links leads to, without
    /// opening it.
    pub fn meta(&self, name: &str) -> Result<FileStat, Error> {
        fstatat(&self.folder, name, AtFlags::empty()).map_err(Error::of_process)
    }

    /// Calls `visit` with the name of each entry of one of its directories.
    pub fn each(&self, name: &str, visit: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let directory = Directory::of(self.descriptor(name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?);
        let visit = &mut |name: &[u8]| {
            visit(name);
            true
        };
        directory.each(visit).map_err(Error::of_process)
    }
}

/// Whether the kernel's proc is mounted here.
pub fn is_proc(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| system.filesystem_type() == PROC_SUPER_MAGIC)
}

/// Reads the first bytes of a file in this directory with one read(2), which is all that a file with
/// one process's data needs: it returns everything it has at once. Returns how many bytes there are.
pub fn read_once(folder: impl AsFd, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
    // A fabricated proc may contain a FIFO, which must not block.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file: OwnedFd = openat(folder, name, flags, Mode::empty())?;
    read(&file, buffer)
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_stays_gone() {
        let mut child = std::process::Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let handle = Handle::open(Path::new("/proc"), child.id()).unwrap();
        assert!(handle.read("stat", 4096).unwrap().starts_with(child.id().to_string().as_bytes()));
        assert_eq!(handle.fate(), Fate::Lives);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(handle.fate(), Fate::Gone);
        assert!(handle.read("stat", 4096).unwrap_err().is_gone());
        assert!(handle.link("exe").unwrap_err().is_gone());
        assert!(Handle::open(Path::new("/proc"), u32::MAX).unwrap_err().is_gone());
    }
}
