//! Files with several links, each of which counts once.

use crate::view::root::Meta;

/// The most files that are remembered at the same time: 4 to 8 MiB.
pub const MAX_FILES: usize = 150_000;
/// The number of lists that the files are in: each is short, so that inserting is cheap.
const LISTS: usize = 1024;

/// The files that were seen and have links that were not seen.
#[derive(Debug)]
pub struct Links {
    /// Each is sorted by device and inode.
    lists: Vec<Vec<Known>>,
    /// How many files are in all of them.
    count: usize,
    is_incomplete: bool,
}

#[derive(Debug)]
struct Known {
    /// Device and inode.
    file: (u64, u64),
    /// How many of its links were not seen.
    unseen: u32,
}

impl Links {
    /// Remembers nothing yet.
    pub fn new() -> Self {
        let mut lists = Vec::new();
        lists.resize_with(LISTS, Vec::new);
        Links { lists, count: 0, is_incomplete: false }
    }

    /// Whether this is the first link to a file, which is no directory.
    pub fn is_new(&mut self, meta: &Meta) -> bool {
        self.is_first((meta.st_dev, meta.st_ino), count(meta.st_nlink))
    }

    fn is_first(&mut self, file: (u64, u64), links: u32) -> bool {
        if links < 2 {
            return true;
        }
        let Some(list) = self.lists.get_mut(list_of(file.1)) else { return true };
        match list.binary_search_by_key(&file, |known| known.file) {
            Err(at) => {
                if self.count < MAX_FILES {
                    list.insert(at, Known { file, unseen: links - 1 });
                    self.count += 1;
                } else {
                    self.is_incomplete = true;
                }
                true
            }
            Ok(at) => {
                let left = list.get_mut(at).map_or(0, |known| {
                    known.unseen = known.unseen.saturating_sub(1);
                    known.unseen
                });
                // After its last link there is nothing left to remember.
                if left == 0 {
                    list.remove(at);
                    self.count -= 1;
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

/// The list that a file with this inode is in. Inodes may all be multiples of something, so they are
/// mixed by Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
fn list_of(inode: u64) -> usize {
    let mixed = inode.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 32).unwrap_or_default() % LISTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_at_its_first_link() {
        let mut links = Links::new();
        let mut seen = |inode, count| links.is_first((1, inode), count);
        assert_eq!([seen(7, 1), seen(7, 1)], [true, true]);
        assert_eq!(
            [seen(8, 3), seen(9, 2), seen(8, 3), seen(8, 3), seen(9, 2)],
            [true, true, false, false, false]
        );
        assert!(links.count == 0 && !links.is_incomplete());
    }

    #[test]
    fn too_many_files_are_noticed() {
        let mut links = Links::new();
        for inode in 0..MAX_FILES as u64 {
            assert!(links.is_first((1, inode), 2));
        }
        assert!(!links.is_incomplete());
        assert!(links.is_first((2, 1), 2) && links.is_first((2, 1), 2) && links.is_incomplete());
        assert!(!links.is_first((1, 5), 2));
        // None of the lists is long.
        let longest = |links: &Links| links.lists.iter().map(Vec::len).max();
        assert!(longest(&links) < Some(400), "{:?}", longest(&links));
        let mut links = Links::new();
        for inode in 0..MAX_FILES as u64 {
            links.is_first((1, inode << 12), 2);
        }
        assert!(longest(&links) < Some(400), "{:?}", longest(&links));
    }
}
