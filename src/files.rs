//! Reading small files of this container, bounded in size and never blocking.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::net::words;
use crate::units::show_size;

/// The bytes of a regular file of at most `limit` bytes, or why they cannot be had. A FIFO or device is
/// not read: opened without blocking (open(2)), it is told from a file by fstat(2).
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let nonblock = nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(|e| words(&e))?;
    if !file.metadata().map_err(|e| words(&e))?.is_file() {
        return Err("not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| words(&e))?;
    if bytes.len() as u64 > limit { Err(format!("larger than {}", show_size(limit))) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_within_the_limit() {
        let size = std::fs::metadata("Cargo.toml").unwrap().len();
        assert_eq!(read_regular(Path::new("Cargo.toml"), size).unwrap().len() as u64, size);
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
