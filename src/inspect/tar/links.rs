//! Files with several names, by which a second one becomes a link to the first.

use crate::view::root::Meta;

/// The most files that are kept in mind, and the most bytes of their names.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;

/// The files of which more names may come.
#[derive(Debug, Default)]
pub struct Links {
    /// In the order of device and inode.
    known: Vec<Known>,
    /// How long their names are together.
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    file: (u64, u64),
    /// How many names it has that did not come yet.
    left: u64,
    name: Box<[u8]>,
}

impl Links {
    /// The name under which the file is in the archive already. With the last of its names it is forgotten.
    pub fn first_name(&mut self, meta: &Meta) -> Option<Vec<u8>> {
        let at = self.place(meta).ok()?;
        let known = self.known.get_mut(at)?;
        known.left = known.left.saturating_sub(1);
        let name = known.name.to_vec();
        if known.left == 0 {
            self.known.remove(at);
            self.bytes -= name.len();
        }
        Some(name)
    }

    /// Keeps the file's first name in mind, if it has others; false where there is no room.
    pub fn keep(&mut self, meta: &Meta, name: &[u8]) -> bool {
        let Err(at) = self.place(meta) else { return true };
        // What other architectures have as 32 bits.
        #[allow(clippy::useless_conversion, reason = "not the same type on every architecture")]
        let names = u64::from(meta.st_nlink);
        if names < 2 {
            return true;
        }
        if self.known.len() >= MOST || self.bytes + name.len() > MOST_BYTES {
            return false;
        }
        self.bytes += name.len();
        self.known.insert(at, Known { file: (meta.st_dev, meta.st_ino), left: names - 1, name: name.into() });
        true
    }

    /// Where it is, or where it would be.
    fn place(&self, meta: &Meta) -> Result<usize, usize> {
        self.known.binary_search_by_key(&(meta.st_dev, meta.st_ino), |known| known.file)
    }
}
