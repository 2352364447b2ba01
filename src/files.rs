//! Reads files of this container, bounded in size and, where it matters, in time.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};

use crate::deadline::{Deadline, Passed};
use crate::error::{Cause, Error};
use crate::outcome::{Finding, Verdict};
use crate::sys::read_cached;
use crate::threads::bounded;
use crate::units::show_size;

/// The initial capacity of the buffer for a file, in bytes. Pages that stay empty cost nothing.
const INITIAL_CAPACITY: usize = 8 << 10;

/// Returns what a check reports about a file that it cannot read, with text before and after the
/// error. Without permission there is no verdict; any other error is unhealthy.
pub fn unreadable(before: &str, error: &Error, behind: &str) -> Finding {
    let why = format!("{before}{error}{behind}");
    if error.is_denied() {
        Finding::new(Verdict::Denied, why + "; run the check as a user who may read it")
    } else if error.is_uninformative() {
        Finding::undecided(why)
    } else {
        Finding::unhealthy(why)
    }
}

/// Returns the error for a file system that did not answer by the deadline.
pub fn unanswered(deadline: Deadline) -> Error {
    Cause::Unanswered(Some(deadline.limit())).into()
}

/// Opens a regular file. A FIFO or device is not even opened, because opening alone has effects: it
/// unblocks the writer of a FIFO, whose data then goes nowhere. If one takes the file's place in
/// between, opening it does not block (open(2)).
pub fn open_regular(path: &Path) -> Result<File, Error> {
    let regular = |found: &Metadata| if found.is_file() { Ok(()) } else { Err("not a regular file") };
    regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_NOCTTY | O_CLOEXEC).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads the first bytes of a regular file, at most `limit`; also returns whether there are more.
pub fn read_start(path: &Path, limit: u64) -> Result<(Vec<u8>, bool), Error> {
    // The buffer has capacity from the start: std probes with a read of a few bytes if it is empty,
    // and each read of a table in /proc/net walks all sockets of the kernel.
    let mut bytes = Vec::with_capacity(
        usize::try_from(limit).map_or(INITIAL_CAPACITY, |limit| limit.min(INITIAL_CAPACITY)),
    );
    open_regular(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    let more = bytes.len() as u64 > limit;
    if more {
        bytes.pop();
    }
    Ok((bytes, more))
}

/// Reads a regular file of at most `limit` bytes, not counting a newline at its end.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let (bytes, _) = read_start(path, limit + 2)?;
    if without_newline(&bytes).len() as u64 > limit {
        return Err(format!("larger than {}", show_size(limit)).into());
    }
    Ok(bytes)
}

/// Works as [`read_regular`], but within the deadline. A file system that does not answer (a
/// network file system, FUSE) blocks its callers for good, and a signal may not interrupt them.
/// Cached bytes are read at once; anything else is read in a thread.
pub fn read_in_time(path: &Path, limit: u64, deadline: Deadline) -> Result<Vec<u8>, Error> {
    match read_cached(path, limit) {
        Ok(bytes) => return Ok(bytes),
        Err(Errno::ENOENT) => return Err(Errno::ENOENT.into()),
        Err(_) => {}
    }
    let path = path.to_owned();
    answer_in_time(deadline, Box::new(move || read_regular(&path, limit)))
}

/// Does this with a file in a thread. The error is [`unanswered`] if the deadline passes first. If
/// most of the time had passed before, as when many files are read by one deadline on a slow
/// machine, the file system is not to blame.
pub fn answer_in_time<T: Send + 'static>(
    deadline: Deadline,
    work: Box<dyn Fn() -> Result<T, Error> + Send + Sync>,
) -> Result<T, Error> {
    let is_late = deadline.remaining().unwrap_or_default() < deadline.limit() / 2;
    bounded(deadline, work).unwrap_or_else(|Passed| {
        Err(if is_late { Cause::TimedOut(deadline.limit()).into() } else { unanswered(deadline) })
    })
}

/// Strips the newline at the end, and a carriage return before it.
pub fn without_newline(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[test]
    fn regular_files_within_the_limit() {
        let size = fs::metadata("Cargo.toml").unwrap().len();
        assert_eq!(read_regular(Path::new("Cargo.toml"), size).unwrap().len() as u64, size);
        assert!(read_regular(Path::new("Cargo.toml"), size - 1).is_ok());
        assert!(read_regular(Path::new("Cargo.toml"), size - 2).is_err());
        assert_eq!(read_start(Path::new("Cargo.toml"), 9).unwrap(), (b"[package]".to_vec(), true));
        let error = read_regular(Path::new("Cargo.toml"), 512).unwrap_err();
        assert_eq!(error.to_string(), "larger than 512 bytes");
    }

    #[test]
    fn a_file_system_is_blamed_for_its_own_time_only() {
        let limit = Duration::from_millis(200);
        let silent = Arc::new(Mutex::new(()));
        for (is_late, words) in [
            (false, "the file system does not answer within 200 ms"),
            (true, "timed out after 200 ms before it was read"),
        ] {
            let until_read = silent.lock().unwrap();
            let deadline = Deadline::after(limit);
            while is_late && deadline.remaining().is_ok_and(|left| left >= limit / 2) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let file = Arc::clone(&silent);
            let work = Box::new(move || {
                drop(file.lock());
                Ok(())
            });
            let error = answer_in_time(deadline, work).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.is_uninformative()), (words, true));
            drop(until_read);
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(read_regular(Path::new("src"), 1).unwrap_err().to_string(), "not a regular file");
        assert_eq!(read_regular(Path::new("/dev/zero"), 1).unwrap_err().to_string(), "not a regular file");
        assert_eq!(
            read_regular(Path::new("src/none"), 1).unwrap_err().to_string(),
            "no such file or directory"
        );
    }
}
