//! Hard links: later names of a file become links to its first name in the archive.

use crate::view::root::Meta;

/// The most files that are remembered.
const MAX_FILES: usize = 10_000;
/// The most bytes of their names.
const MAX_NAME_BYTES: usize = 1 << 20;

/// The files that may have more names.
#[derive(Debug, Default)]
pub struct Links {
    /// Sorted by device and inode.
    known: Vec<Known>,
    /// The total length of their names.
    name_bytes: usize,
}

#[derive(Debug)]
struct Known {
    /// Device and inode.
    file: (u64, u64),
    /// How many of its names have not been met yet.
    left: u64,
    name: Box<[u8]>,
}

impl Links {
    /// Returns the name that the file already has in the archive. Forgets the file once all of its
    /// names have been met.
    pub fn first_name(&mut self, meta: &Meta) -> Option<Vec<u8>> {
        let at = self.index(meta).ok()?;
        let known = self.known.get_mut(at)?;
        known.left = known.left.saturating_sub(1);
        let name = known.name.to_vec();
        if known.left == 0 {
            self.known.remove(at);
            self.name_bytes -= name.len();
        }
        Some(name)
    }

    /// Remembers the first name of a file that has others. Returns false if there is no room.
    pub fn remember(&mut self, meta: &Meta, name: &[u8]) -> bool {
        let Err(at) = self.index(meta) else { return true };
        #[allow(clippy::useless_conversion, reason = "the type differs between architectures")]
        let names = u64::from(meta.st_nlink);
        if names < 2 {
            return true;
        }
        if self.known.len() >= MAX_FILES || self.name_bytes + name.len() > MAX_NAME_BYTES {
            return false;
        }
        self.name_bytes += name.len();
        self.known.insert(at, Known { file: (meta.st_dev, meta.st_ino), left: names - 1, name: name.into() });
        true
    }

    /// Returns the index of the file, or where to insert it.
    fn index(&self, meta: &Meta) -> Result<usize, usize> {
        self.known.binary_search_by_key(&(meta.st_dev, meta.st_ino), |known| known.file)
    }
}
