//! The files that are listed: there may be very many, so that each takes little memory, and no
//! block of its own.

use std::cmp::Reverse;
use std::ops::Range;

use crate::file_type::FileType;
use crate::outcome::Fact;
use crate::view::metadata::{count, device, facts, is_device, moment, type_name};
use crate::view::root::Meta;
use crate::view::users::Names;

/// Files with their names, in the order in which they were added or sorted.
#[derive(Default)]
pub struct Rows {
    /// All names, one after another.
    names: Vec<u8>,
    all: Vec<Row>,
    /// Positions in `all`, each after the sort key of its name.
    order: Vec<(u64, usize)>,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub by: By,
    /// From the last to the first.
    pub is_reversed: bool,
}

/// What files are sorted by.
#[derive(Debug, Clone, Copy)]
pub enum By {
    Name,
    /// The newest first; those of the same time by name.
    Time,
    /// The largest first; those of the same size by name.
    Size,
}

/// A file to list.
pub struct Row {
    /// Where its name is.
    name: Range<usize>,
    /// Its type, if the directory reported it.
    kind: Option<FileType>,
    /// Its metadata, unless that could not be read.
    pub stat: Option<Stat>,
}

/// The metadata that is listed; smaller than [`Meta`].
pub struct Stat {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// The size, or the device numbers of a device.
    pub size: u64,
    pub modified: i64,
    modified_nanos: u32,
}

impl From<&Meta> for Stat {
    fn from(meta: &Meta) -> Self {
        let size = if is_device(meta.st_mode) { meta.st_rdev } else { meta.st_size.cast_unsigned() };
        Stat {
            mode: meta.st_mode,
            uid: meta.st_uid,
            gid: meta.st_gid,
            size,
            modified: meta.st_mtime,
            modified_nanos: u32::try_from(meta.st_mtime_nsec).unwrap_or_default(),
        }
    }
}

impl Stat {
    /// The size: 0 for a device.
    fn bytes(&self) -> i64 {
        if is_device(self.mode) { 0 } else { self.size.cast_signed() }
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a file without metadata.
    pub fn push(&mut self, name: &[u8], kind: Option<FileType>) {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.order.push((0, self.all.len()));
        self.all.push(Row { name: start..self.names.len(), kind, stat: None });
    }

    /// Sets the metadata of the file that was added last.
    pub fn set_stat(&mut self, stat: Stat) {
        if let Some(row) = self.all.last_mut() {
            row.stat = Some(stat);
        }
    }

    /// Returns the name of the file that was added last.
    pub fn last_name(&self) -> &[u8] {
        self.all.last().map_or(&[], |row| self.name(row))
    }

    /// Removes the file that was added last.
    pub fn pop(&mut self) {
        if let Some(row) = self.all.pop() {
            self.names.truncate(row.name.start);
            self.order.pop();
        }
    }

    fn name(&self, row: &Row) -> &[u8] {
        self.names.get(row.name.clone()).unwrap_or_default()
    }

    fn name_at(&self, at: usize) -> &[u8] {
        self.all.get(at).map_or(&[], |row| self.name(row))
    }

    /// Sorts them.
    pub fn sort(&mut self, order: Order) {
        self.sort_by_name();
        let mut sorted = std::mem::take(&mut self.order);
        let key = |at: usize| {
            let stat = self.all.get(at).and_then(|row| row.stat.as_ref())?;
            Some(match order.by {
                By::Name => (0, 0),
                By::Time => (stat.modified, stat.modified_nanos),
                By::Size => (stat.bytes(), 0),
            })
        };
        // A stable sort: equal ones stay in the order of their names.
        if !matches!(order.by, By::Name) {
            sorted.sort_by_key(|&(_, at)| Reverse(key(at).unwrap_or_default()));
        }
        if order.is_reversed {
            sorted.reverse();
        }
        self.order = sorted;
    }

    fn sort_by_name(&mut self) {
        // The key is the eight bytes after what all names begin with. It usually decides.
        let first = self.name_at(0);
        let shared = |row: &Row| self.name(row).iter().zip(first).take_while(|(a, b)| a == b).count();
        let start = self.all.iter().map(shared).min().unwrap_or_default();
        let mut order = std::mem::take(&mut self.order);
        for (key, at) in &mut order {
            *key = sort_key(self.name_at(*at).get(start..).unwrap_or_default());
        }
        order.sort_by(|(a, at), (b, other)| {
            a.cmp(b).then_with(|| self.name_at(*at).cmp(self.name_at(*other)))
        });
        self.order = order;
    }

    /// Returns the files in the order in which they were added, which takes less time.
    pub fn unsorted(&self) -> impl Iterator<Item = &Row> {
        self.all.iter()
    }

    /// Returns the files with their names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Row)> {
        let rows = self.order.iter().filter_map(|(_, at)| self.all.get(*at));
        rows.map(|row| (self.name(row), row))
    }
}

/// Returns the first eight bytes as a number of the same order.
fn sort_key(name: &[u8]) -> u64 {
    let start = name.first_chunk().copied().unwrap_or_else(|| {
        let mut start = [0; 8];
        for (to, from) in start.iter_mut().zip(name) {
            *to = *from;
        }
        start
    });
    u64::from_be_bytes(start)
}

impl Row {
    pub fn kind(&self) -> FileType {
        let known = self.stat.as_ref().map(|stat| FileType::of_mode(stat.mode));
        known.or(self.kind).unwrap_or(FileType::Unknown)
    }

    pub fn facts(&self, names: &Names) -> Vec<(&'static str, Fact)> {
        let Some(stat) = &self.stat else {
            let unknown = ["mode", "uid", "user", "gid", "group", "size", "modified"];
            let mut facts = vec![("type", type_name(self.kind()))];
            facts.extend(unknown.map(|name| (name, Fact::Null)));
            return facts;
        };
        let mut facts = facts(stat.mode, stat.uid, stat.gid, names);
        if is_device(stat.mode) {
            let (major, minor) = device(stat.size);
            facts.extend([("major", count(major)), ("minor", count(minor))]);
        } else {
            facts.push(("size", count(stat.size)));
        }
        facts.push(("modified", moment(stat.modified, stat.modified_nanos.into())));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_their_bytes() {
        for names in [
            &["b", "a", "", "ab", "a-long-name-2", "a-long-name-1", "a-long-name"][..],
            &["file-10", "file-1", "file-100000000", "file-100000001", "file-\u{e9}", "file-9"],
            &["one"],
            &[],
        ] {
            let mut rows = Rows::default();
            for name in names {
                rows.push(name.as_bytes(), None);
            }
            rows.sort_by_name();
            let mut expected = names.to_vec();
            expected.sort_unstable();
            let sorted: Vec<&[u8]> = rows.iter().map(|(name, _)| name).collect();
            assert_eq!(sorted, expected.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_last_row_can_be_removed() {
        let mut rows = Rows::default();
        for name in [b"a".as_slice(), b"bc", b"d"] {
            rows.push(name, None);
        }
        rows.pop();
        assert_eq!((rows.len(), rows.last_name()), (2, &b"bc"[..]));
        rows.push(b"e", None);
        assert_eq!(rows.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&b"a"[..], b"bc", b"e"]);
    }
}
