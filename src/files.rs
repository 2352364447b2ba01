//! Reading files of this container, bounded in size and, where it matters, in time.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};

use crate::deadline::{Deadline, Passed};
use crate::error::describe;
use crate::outcome::{Finding, Verdict};
use crate::sys::read_cached;
use crate::text::Shown as _;
use crate::threads::bounded;
use crate::units::{show_duration, show_size};

/// What a file is given to begin with, in bytes; pages that stay empty cost nothing.
const ROOM: usize = 8 << 10;

/// Why something cannot be read: not permitted is told apart from all else.
#[derive(Debug, PartialEq, Eq)]
pub struct Unread {
    /// Whether it is a matter of permission.
    pub denied: bool,
    /// Whether there is nothing of this name, or the process is gone.
    pub absent: bool,
    /// The reason in words: `no such file or directory`.
    pub why: String,
}

impl Unread {
    /// Its file system did not answer by the deadline.
    pub fn silent(deadline: Deadline) -> Self {
        let limit = show_duration(deadline.limit());
        ["the file system does not answer within ", &limit].concat().as_str().into()
    }

    /// The reason with the path in front.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        Unread { why: format!("{}: {}", path.shown(), self.why), ..self }
    }

    /// What a check says of it: not permitted is no answer, all else is unhealthy.
    pub fn finding(self, what: &str) -> Finding {
        if self.denied {
            let why = format!("{what}{}; run the check as a user who may read it", self.why);
            Finding::new(Verdict::Denied, why)
        } else {
            Finding::unhealthy(format!("{what}{}", self.why))
        }
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        let is = |errno: Errno| error.raw_os_error() == Some(errno as i32);
        Unread {
            denied: error.kind() == io::ErrorKind::PermissionDenied,
            absent: is(Errno::ENOENT) || is(Errno::ESRCH),
            why: describe(&error),
        }
    }
}

impl From<&str> for Unread {
    fn from(why: &str) -> Self {
        Unread { denied: false, absent: false, why: why.to_owned() }
    }
}

/// Opens a regular file. A FIFO or device is not even opened, for that alone has effects: it lets the writer of a
/// FIFO go on, into nowhere. Should one take the file's place in between, it does not block (open(2)).
pub fn open_regular(path: &Path) -> Result<File, Unread> {
    let regular = |found: &Metadata| if found.is_file() { Ok(()) } else { Err("not a regular file") };
    regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_NOCTTY | O_CLOEXEC).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The first bytes of a regular file, at most `limit`, and whether there are more.
pub fn read_start(path: &Path, limit: u64) -> Result<(Vec<u8>, bool), Unread> {
    // With room from the start: std reads a few bytes into an empty one to see what comes, and each read of a table
    // of /proc/net walks all of the kernel's sockets.
    let mut bytes = Vec::with_capacity(usize::try_from(limit).map_or(ROOM, |limit| limit.min(ROOM)));
    open_regular(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    let more = bytes.len() as u64 > limit;
    if more {
        bytes.pop();
    }
    Ok((bytes, more))
}

/// The bytes of a regular file of at most `limit` bytes, in which a newline at its end does not count.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, Unread> {
    let (bytes, _) = read_start(path, limit + 2)?;
    if without_newline(&bytes).len() as u64 > limit {
        return Err(format!("larger than {}", show_size(limit)).as_str().into());
    }
    Ok(bytes)
}

/// As [`read_regular`], by the deadline: a file system that does not answer (a network's, FUSE) keeps whoever asks it for
/// good, and no signal may end that. What is at hand is read at once; for all else there is a thread.
pub fn read_in_time(path: &Path, limit: u64, deadline: Deadline) -> Result<Vec<u8>, Unread> {
    match read_cached(path, limit) {
        Ok(bytes) => return Ok(bytes),
        Err(Errno::ENOENT) => return Err(io::Error::from(Errno::ENOENT).into()),
        Err(_) => {}
    }
    let path = path.to_owned();
    let work = move || read_regular(&path, limit);
    bounded(deadline, Box::new(work)).unwrap_or_else(|Passed| Err(Unread::silent(deadline)))
}

/// The bytes without the newline at their end, a carriage return in front of it included.
pub fn without_newline(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_within_the_limit() {
        let size = fs::metadata("Cargo.toml").unwrap().len();
        assert_eq!(read_regular(Path::new("Cargo.toml"), size).unwrap().len() as u64, size);
        assert!(read_regular(Path::new("Cargo.toml"), size - 1).is_ok());
        assert!(read_regular(Path::new("Cargo.toml"), size - 2).is_err());
        assert_eq!(read_start(Path::new("Cargo.toml"), 9).unwrap(), (b"[package]".to_vec(), true));
        let error = read_regular(Path::new("Cargo.toml"), 512).unwrap_err();
        assert_eq!(error.why, "larger than 512 bytes");
    }

    #[test]
    fn what_is_no_regular_file_is_named() {
        assert_eq!(read_regular(Path::new("src"), 1).unwrap_err().why, "not a regular file");
        assert_eq!(read_regular(Path::new("/dev/zero"), 1).unwrap_err().why, "not a regular file");
        assert_eq!(read_regular(Path::new("src/none"), 1).unwrap_err().why, "no such file or directory");
    }
}
