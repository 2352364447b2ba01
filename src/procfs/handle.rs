//! A process that is held: its folder in proc by a descriptor, so that its number is never met again as another's.
//!
//! After its end openat(2) below the descriptor gives ESRCH or ENOENT, whoever has its number by then. What may not
//! be read is told from what is not there.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};

use super::process::Process;
use super::stat::Stat;
use crate::directory::Directory;
use crate::error::Error;
use crate::text::Shown as _;

/// What has become of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Lives,
    /// It runs, and is a thread of the kernel, which has neither files nor memory of its own.
    Kernel(Process),
    /// It has ended, and only waits for its parent to ask how.
    Zombie(Process),
    /// There is nothing left of it.
    Gone,
}

/// A process, held; by all clones of it together.
#[derive(Debug, Clone)]
pub struct Handle {
    /// Its number in the pid namespace of this proc.
    pub pid: u32,
    folder: Arc<OwnedFd>,
    path: PathBuf,
}

impl Handle {
    /// Holds the process of this number.
    pub fn open(proc: &Path, pid: u32) -> Result<Self, Error> {
        let path = proc.join(pid.to_string());
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = open(&path, flags, Mode::empty()).map_err(Error::of_process)?;
        Ok(Handle { pid, folder: Arc::new(folder), path })
    }

    /// What has become of it, so that it can be told why it lacks a file.
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

    /// Whether it lives and is hidden from us: by hidepid of proc(5) not even its folder is there then, which is there for
    /// as long as it is held where the process has ended (pid_getattr in fs/proc/base.c).
    pub fn is_hidden(&self) -> bool {
        fstat(&self.folder) == Err(Errno::ENOENT)
    }

    /// The path of one of its files, for messages.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// That its status lacks a line, for messages.
    pub fn lacks(&self, line: &str) -> String {
        format!("{}: has no {line} line", self.path("status").shown())
    }

    /// Opens one of its files with these flags.
    pub fn descriptor(&self, name: &str, flags: OFlag) -> Result<OwnedFd, Error> {
        openat(&self.folder, name, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(Error::of_process)
    }

    /// The first bytes of one of its files, at most `limit`.
    pub fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>, Error> {
        // A made-up proc may hold a FIFO, which is not waited for.
        let file = File::from(self.descriptor(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        let mut bytes = Vec::with_capacity(limit.min(4096));
        let read = file.take(limit as u64).read_to_end(&mut bytes);
        read.map_err(|error| Error::of_process(Errno::from_raw(error.raw_os_error().unwrap_or_default())))?;
        Ok(bytes)
    }

    /// Where one of its links leads, as the kernel writes it.
    pub fn link(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(readlinkat(&self.folder, name).map_err(Error::of_process)?.into_vec())
    }

    /// What one of its links leads to, which is not opened, or one of its files.
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

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_is_gone_whoever_has_its_number() {
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
