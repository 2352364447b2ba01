//! Reads directories with getdents64(2) on a descriptor: the one way for all rooms.
//!
//! std panics if the directory cannot be closed, and the C library reads only 2 KiB at a time. Here
//! a small directory needs one small buffer, and a large one gets a larger buffer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::file_type::FileType;
use crate::sys::read_entries;

/// The size of the first buffer, in bytes.
const FIRST_BUFFER_BYTES: usize = 2 << 10;
/// The size of the buffer for larger directories, in bytes.
const BUFFER_BYTES: usize = 16 << 10;
/// The offset of `d_type` in a record, after the inode, the offset and the length: getdents64(2).
const TYPE_AT: usize = 18;

/// An open directory and the records read from it.
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    /// Records of getdents64(2).
    buffer: Vec<u8>,
    /// How many bytes of the buffer are records.
    filled: usize,
    /// The offset of the next record.
    at: usize,
}

/// An entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its type, `d_type` of readdir(3), if the file system reports it.
    pub kind: Option<FileType>,
}

impl Directory {
    /// Opens the directory at this path.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open(path, flags, Mode::empty()).map(Directory::of)
    }

    /// Wraps a descriptor of a directory that is open for reading.
    pub fn of(descriptor: OwnedFd) -> Self {
        Directory { descriptor, buffer: Vec::new(), filled: 0, at: 0 }
    }

    /// Returns the next entry other than `.` and `..`, in the directory's own order.
    pub fn next(&mut self) -> Result<Option<Entry<'_>>, Errno> {
        let record = loop {
            let records = self.buffer.get(self.at..self.filled).unwrap_or_default();
            let Some(length) = record_length(records) else {
                if !self.fill()? {
                    return Ok(None);
                }
                continue;
            };
            let start = self.at;
            self.at += length;
            let record = start..self.at;
            // `.` and `..`, which end in a NUL as every name.
            let name = self.buffer.get(start + TYPE_AT + 1..).unwrap_or_default();
            if !matches!(name, [b'.', 0, ..] | [b'.', b'.', 0, ..]) {
                break record;
            }
        };
        Ok(Some(parse(self.buffer.get(record).unwrap_or_default())))
    }

    /// Calls `visit` with the name of each entry until `visit` returns false.
    pub fn each(mut self, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Errno> {
        while let Some(entry) = self.next()? {
            if !visit(entry.name) {
                break;
            }
        }
        Ok(())
    }

    /// Reads more records and returns whether there are any.
    fn fill(&mut self) -> Result<bool, Errno> {
        // A read that leaves half of the buffer empty was nearly the last one: the next needs no
        // larger buffer. A full one leaves room that the next record does not fit into.
        let was_full = self.filled > FIRST_BUFFER_BYTES / 2;
        let size = if self.buffer.is_empty() || !was_full { FIRST_BUFFER_BYTES } else { BUFFER_BYTES };
        if self.buffer.len() < size {
            // Not by `resize`, which fills byte by byte in a build optimized for size.
            self.buffer = vec![0; size];
        }
        (self.at, self.filled) = (0, 0);
        self.filled = match read_entries(self.descriptor.as_fd(), &mut self.buffer) {
            // A directory that is removed while it is read has no more entries.
            Err(Errno::ENOENT) => 0,
            count => count?,
        };
        Ok(self.filled > 0)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Returns the length of the first record, which is more than 0, or `None` if no whole record is
/// left.
fn record_length(records: &[u8]) -> Option<usize> {
    let (length, _) = records.get(TYPE_AT - 2..)?.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_ne_bytes(*length));
    (length > TYPE_AT && length <= records.len()).then_some(length)
}

/// Parses the entry of one record.
fn parse(record: &[u8]) -> Entry<'_> {
    let name = record.get(TYPE_AT + 1..).unwrap_or_default().split(|&b| b == 0).next().unwrap_or_default();
    let kind = record.get(TYPE_AT).copied().and_then(FileType::of_entry);
    Entry { name, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Two records, a directory and a link, as Linux 6.18 writes them on x86-64.
    const RECORDS: &[u8] = b"\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x18\0\x04abc\0\0\
        \x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x20\0\x0alonger-name\0\0";

    #[test]
    #[cfg(target_endian = "little")]
    fn records_of_a_directory() {
        assert_eq!(record_length(RECORDS), Some(24));
        assert_eq!(parse(&RECORDS[..24]), Entry { name: b"abc", kind: Some(FileType::Directory) });
        assert_eq!(record_length(&RECORDS[24..]), Some(32));
        assert_eq!(parse(&RECORDS[24..]), Entry { name: b"longer-name", kind: Some(FileType::Link) });
        for end in 0..24 {
            assert_eq!(record_length(&RECORDS[..end]), None);
        }
        // Lengths that would not move forward or that would go past the end.
        for length in [0, 18, 57] {
            let mut odd = RECORDS.to_vec();
            odd[16] = length;
            assert_eq!(record_length(&odd), None, "{length}");
        }
    }

    #[test]
    fn small_and_large_directories_are_read_to_their_end() {
        let folder = std::env::temp_dir().join(format!("porthole-directory-{}", std::process::id()));
        for count in [0, 3, 1500] {
            std::fs::create_dir(&folder).unwrap();
            for number in 0..count {
                std::fs::write(folder.join(format!("a-rather-long-name-{number}")), "").unwrap();
            }
            let mut names = BTreeSet::new();
            let visit = &mut |name: &[u8]| names.insert(name.to_vec());
            Directory::open(&folder).unwrap().each(visit).unwrap();
            assert_eq!(names.len(), count);
            let mut first = 0;
            let stop = &mut |_: &[u8]| {
                first += 1;
                false
            };
            Directory::open(&folder).unwrap().each(stop).unwrap();
            assert_eq!(first, count.min(1));
            std::fs::remove_dir_all(&folder).unwrap();
        }
        assert_eq!(Directory::open(Path::new("Cargo.toml")).unwrap_err(), Errno::ENOTDIR);
    }
}
