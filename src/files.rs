//! Reading small files of this container, bounded in size and never blocking.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};

use crate::net::words;
use crate::units::show_size;

/// Opens a regular file. A FIFO or device is not even opened, for that alone has effects: it lets the writer of a
/// FIFO go on, into nowhere. Should one take the file's place in between, it does not block (open(2)).
pub fn open_regular(path: &Path) -> io::Result<File> {
    let regular = |found: &Metadata| {
        if found.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) }
    };
    regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_NOCTTY | O_CLOEXEC).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The bytes of a regular file of at most `limit` bytes, in which a newline at its end does not count, or why they
/// cannot be had.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(limit + 3).read_to_end(&mut bytes))
        .map_err(|error| words(&error))?;
    if without_newline(&bytes).len() as u64 > limit {
        return Err(format!("larger than {}", show_size(limit)));
    }
    Ok(bytes)
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
        let error = read_regular(Path::new("Cargo.toml"), 512).unwrap_err();
        assert_eq!(error, "larger than 512 bytes");
    }

    #[test]
    fn what_is_no_regular_file_is_named() {
        assert_eq!(read_regular(Path::new("src"), 1).unwrap_err(), "not a regular file");
        assert_eq!(read_regular(Path::new("/dev/zero"), 1).unwrap_err(), "not a regular file");
        assert_eq!(read_regular(Path::new("src/none"), 1).unwrap_err(), "no such file or directory");
    }
}
