//! Files with several links, each of which counts once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::view::root::Meta;

/// The most files that are remembered at the same time: 5 MiB.
pub const MAX_FILES: usize = 150_000;

/// The files that were seen and have links that were not seen.
#[derive(Debug, Default)]
pub struct Links {
    /// By device and inode, how many of its links were not seen.
    unseen: BTreeMap<(u64, u64), u32>,
    is_incomplete: bool,
}

impl Links {
    /// Whether this is the first link to a file, which is no directory.
    pub fn is_new(&mut self, meta: &Meta) -> bool {
        self.is_first((meta.st_dev, meta.st_ino), count(meta.st_nlink))
    }

    fn is_first(&mut self, file: (u64, u64), links: u32) -> bool {
        if links < 2 {
            return true;
        }
        let is_full = self.unseen.len() >= MAX_FILES;
        match self.unseen.entry(file) {
            Entry::Vacant(place) => {
                if is_full {
                    self.is_incomplete = true;
                } else {
                    place.insert(links - 1);
                }
                true
            }
            Entry::Occupied(mut place) => {
                if *place.get() > 1 {
                    *place.get_mut() -= 1;
                } else {
                    // This is its last link: there is nothing left to remember.
                    place.remove();
                }
                false
            }
        }
    }

    /// Whether there were more files than are remembered.
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }
}

/// The number of links, whose type depends on the architecture.
fn count(links: impl TryInto<u32>) -> u32 {
    links.try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_at_its_first_link() {
        let mut links = Links::default();
        let mut seen = |inode, count| links.is_first((1, inode), count);
        assert_eq!([seen(7, 1), seen(7, 1)], [true, true]);
        assert_eq!(
            [seen(8, 3), seen(9, 2), seen(8, 3), seen(8, 3), seen(9, 2)],
            [true, true, false, false, false]
        );
        assert!(links.unseen.is_empty() && !links.is_incomplete());
    }

    #[test]
    fn too_many_files_are_noticed() {
        let mut links = Links::default();
        for inode in 0..MAX_FILES as u64 {
            assert!(links.is_first((1, inode), 2));
        }
        assert!(!links.is_incomplete());
        assert!(links.is_first((2, 1), 2) && links.is_first((2, 1), 2) && links.is_incomplete());
        assert!(!links.is_first((1, 5), 2));
    }
}
