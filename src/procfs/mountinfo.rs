//! The mounts of a process: `mountinfo`, proc_pid_mountinfo(5).
//!
//! Fields are separated by single spaces and may be empty. A space, tab, newline, backslash or `#`
//! within a field is written as an octal escape. Fields are bytes, not necessarily UTF-8.

use std::cmp::Ordering;
use std::sync::OnceLock;

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Its id, unique among current mounts.
    pub id: u32,
    /// The id of the parent mount.
    pub parent: u32,
    /// The device number of its files: `254:0`.
    pub device: Vec<u8>,
    /// The directory of the file system that is mounted; `/` if all of it is.
    pub root: Vec<u8>,
    /// The mount point, as the process sees it.
    pub point: Vec<u8>,
    /// The options of the mount.
    pub options: Vec<u8>,
    /// The type of the file system.
    pub kind: Vec<u8>,
    /// The source: a device, a server's directory, or any word.
    pub source: Vec<u8>,
    /// The options of the file system.
    pub super_options: Vec<u8>,
}

/// The table of mounts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Its mounts, in the kernel's order.
    pub list: Vec<Mount>,
    /// How many malformed rows were skipped.
    pub odd: usize,
    /// Which of them are hidden; found when that is first needed.
    hidden: OnceLock<Vec<bool>>,
}

impl Mounts {
    /// Parses the text of the file.
    pub fn parse(text: &[u8]) -> Self {
        let mut found = Mounts::default();
        for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            match parse_line(line) {
                Some(mount) => found.list.push(mount),
                None => found.odd += 1,
            }
        }
        found
    }

    /// Returns the mount with this id.
    pub fn by_id(&self, id: u32) -> Option<&Mount> {
        self.list.iter().find(|mount| mount.id == id)
    }

    /// Returns the mount of this absolute path, which contains no links: the one with the longest
    /// mount point, and the last one of several on the same point.
    pub fn by_path(&self, path: &[u8]) -> Option<&Mount> {
        let above = self.list.iter().filter(|mount| below(&mount.point, path).is_some());
        above.max_by_key(|mount| mount.point.len())
    }

    /// Whether no path leads to the mount at this position, because another is mounted on the same
    /// point or on a directory above.
    pub fn is_hidden(&self, at: usize) -> bool {
        self.hidden.get_or_init(|| self.find_hidden()).get(at) == Some(&true)
    }

    /// Returns the mounts that are not hidden.
    pub fn visible(&self) -> impl Iterator<Item = &Mount> {
        let mounts = self.list.iter().enumerate();
        mounts.filter(|&(at, _)| !self.is_hidden(at)).map(|(_, mount)| mount)
    }

    /// See [`Mounts::is_hidden`], for all mounts.
    fn find_hidden(&self) -> Vec<bool> {
        let covered = self.find_covered();
        let ids = self.ids();
        let mut hidden = self.along(&ids, &|at, _| covered.get(at) == Some(&true));
        // A mount on the root of another one.
        for on_top in self.list.iter().filter(|mount| mount.id != mount.parent) {
            for (_, at) in with_id(&ids, on_top.parent) {
                if self.list.get(*at).is_some_and(|below| below.point == on_top.point)
                    && let Some(hidden) = hidden.get_mut(*at)
                {
                    *hidden = true;
                }
            }
        }
        hidden
    }

    /// Returns for each mount whether another on the same parent covers it. One above its point
    /// does: had it existed earlier, this mount would be on top of it. On the same point, a later
    /// mount covers an earlier one.
    fn find_covered(&self) -> Vec<bool> {
        let mut covered = vec![false; self.list.len()];
        let mut places: Vec<(usize, &Mount)> = self.list.iter().enumerate().collect();
        // What is below a directory comes right after it.
        places.sort_by(|(_, a), (_, b)| {
            a.parent.cmp(&b.parent).then_with(|| compare_by_component(&a.point, &b.point))
        });
        // The last mount that no other covers.
        let mut cover: Option<&Mount> = None;
        for place in places.chunk_by(|(_, a), (_, b)| (a.parent, &a.point) == (b.parent, &b.point)) {
            // The root of a namespace is its own parent and covers nothing.
            let last = place.iter().rev().find(|(_, mount)| mount.id != mount.parent);
            let is_below = |mount: &Mount| {
                cover.is_some_and(|cover| {
                    cover.parent == mount.parent && below(&cover.point, &mount.point).is_some()
                })
            };
            let all = place.first().is_some_and(|(_, mount)| is_below(mount));
            for (at, _) in place {
                if let Some(covered) = covered.get_mut(*at) {
                    *covered = all || last.is_some_and(|(last, _)| last > at);
                }
            }
            if !all && let Some((_, mount)) = last {
                cover = Some(mount);
            }
        }
        covered
    }

    /// Returns the ids of all mounts, sorted, with their positions.
    fn ids(&self) -> Vec<(u32, usize)> {
        let ids = self.list.iter().enumerate().map(|(at, mount)| (mount.id, at));
        let mut ids: Vec<(u32, usize)> = ids.collect();
        ids.sort_by_key(|&(id, _)| id);
        ids
    }

    /// Returns for each mount whether `holds` is true of it, which is at this position, or of a
    /// mount above it. In a loop of parents, which the kernel never writes, all have the same answer.
    pub fn along_parents(&self, holds: &dyn Fn(usize, &Mount) -> bool) -> Vec<bool> {
        self.along(&self.ids(), holds)
    }

    fn along(&self, ids: &[(u32, usize)], holds: &dyn Fn(usize, &Mount) -> bool) -> Vec<bool> {
        let position = |id: u32| with_id(ids, id).first().map(|&(_, at)| at);
        let mut answers: Vec<Option<bool>> = vec![None; self.list.len()];
        let mut path = Vec::new();
        for start in 0..self.list.len() {
            let mut next = Some(start);
            let mut answer = false;
            while let Some(at) = next
                && let (Some(known), Some(mount)) = (answers.get_mut(at), self.list.get(at))
            {
                if let Some(known) = *known {
                    answer = known;
                    break;
                }
                *known = Some(false);
                path.push(at);
                answer = holds(at, mount);
                if answer {
                    break;
                }
                next = position(mount.parent);
            }
            for at in path.drain(..) {
                if let Some(known) = answers.get_mut(at) {
                    *known = Some(answer);
                }
            }
        }
        answers.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Whether the root directory is on a mount of the table. After chroot(2) it may not be.
    pub fn has_root(&self) -> bool {
        self.list.iter().any(|mount| mount.point == b"/")
    }
}

impl Mount {
    /// Whether the mount or its file system is read-only.
    pub fn is_read_only(&self) -> bool {
        let is_ro = |options: &[u8]| options.split(|&b| b == b',').any(|option| option == b"ro");
        is_ro(&self.options) || is_ro(&self.super_options)
    }

    /// Returns its options and those of its file system, each once, `ro` or `rw` first.
    pub fn all_options(&self) -> Vec<&[u8]> {
        let mut all: Vec<&[u8]> = vec![if self.is_read_only() { b"ro" } else { b"rw" }];
        let options = [&self.options, &self.super_options];
        for option in options.into_iter().flat_map(|options| options.split(|&b| b == b',')) {
            if option != b"ro" && option != b"rw" && !option.is_empty() && !all.contains(&option) {
                all.push(option);
            }
        }
        all
    }

    /// Whether the other mount is of the same type and has the same options.
    pub fn has_options_of(&self, other: &Mount) -> bool {
        (&self.kind, &self.options, &self.super_options)
            == (&other.kind, &other.options, &other.super_options)
    }

    /// Whether the file system has this option.
    pub fn has_super_option(&self, option: &[u8]) -> bool {
        self.super_options.split(|&b| b == b',').any(|one| one == option)
    }
}

/// Returns those of the sorted ids that are this one.
fn with_id(ids: &[(u32, usize)], id: u32) -> &[(u32, usize)] {
    let rest = ids.get(ids.partition_point(|&(known, _)| known < id)..).unwrap_or_default();
    let count = rest.iter().take_while(|&&(known, _)| known == id).count();
    rest.get(..count).unwrap_or_default()
}

/// Compares paths so that what is below a directory comes right after it: a slash comes before all
/// other bytes.
fn compare_by_component(a: &[u8], b: &[u8]) -> Ordering {
    let differ = a.iter().zip(b).find(|(a, b)| a != b);
    differ.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| (*a != b'/', a).cmp(&(*b != b'/', b)))
}

/// Returns the path relative to this directory: empty if it is the directory itself, otherwise with
/// a slash at its start; `None` if it is elsewhere.
pub fn below<'a>(folder: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    let rest = path.strip_prefix(folder)?;
    match rest {
        [] | b"/" => Some(b""),
        [b'/', ..] => Some(rest),
        _ => None,
    }
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut rest = Some(line);
    let mut next = || field(&mut rest);
    let mount = Mount {
        id: number(next()?)?,
        parent: number(next()?)?,
        device: next()?.to_vec(),
        root: decode(next()?),
        point: decode(next().filter(|point| !point.is_empty())?),
        options: decode(next()?),
        ..Mount::default()
    };
    // Any number of optional fields, `shared:1 master:2`, up to a hyphen.
    while next()? != b"-" {}
    let kind = decode(next()?);
    let source = decode(next()?);
    // Not every file system escapes the source and options, so the rest of the line is all options.
    Some(Mount { kind, source, super_options: decode(rest.unwrap_or_default()), ..mount })
}

/// Splits off the first field; `None` if there is none.
fn field<'a>(rest: &mut Option<&'a [u8]>) -> Option<&'a [u8]> {
    let line = rest.take()?;
    let end = line.iter().position(|&b| b == b' ');
    *rest = end.and_then(|end| line.get(end + 1..));
    line.get(..end.unwrap_or(line.len()))
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Decodes the escapes of a field, a backslash and three octal digits each. Other backslashes are
/// literal.
fn decode(field: &[u8]) -> Vec<u8> {
    if !field.contains(&b'\\') {
        return field.to_vec();
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    loop {
        rest = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
            [] => return out,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const ODD: &[u8] =
        include_bytes!("../../tests/fixtures/linux-6.18-mountinfo-escapes-empty-source-stacked");

    fn points(mounts: &[Mount]) -> Vec<&[u8]> {
        mounts.iter().map(|mount| mount.point.as_slice()).collect()
    }

    #[test]
    fn a_real_table() {
        let found = Mounts::parse(ODD);
        assert_eq!(found.odd, 0);
        assert_eq!(
            points(&found.list)[found.list.len() - 7..],
            [
                &b"/mnt/odd"[..],
                b"/mnt/odd/a b\tc\nd\\e#f",
                b"/mnt/odd/not-utf8-\xff",
                b"/mnt/odd/no-source",
                b"/mnt/odd/bind",
                b"/mnt/odd/stacked",
                b"/mnt/odd/stacked"
            ]
        );
        let last = |point: &[u8]| found.list.iter().rfind(|mount| mount.point == point).unwrap();
        let odd = last(b"/mnt/odd/a b\tc\nd\\e#f");
        assert_eq!((odd.kind.as_slice(), odd.source.as_slice()), (&b"tmpfs"[..], &b"a source\\"[..]));
        let empty = last(b"/mnt/odd/no-source");
        assert_eq!((empty.source.as_slice(), empty.kind.as_slice()), (&b""[..], &b"tmpfs"[..]));
        let bind = last(b"/mnt/odd/bind");
        assert_eq!((bind.root.as_slice(), bind.is_read_only()), (&b"/a b\\040"[..], true));
        assert_eq!(bind.all_options()[..3], [&b"ro"[..], b"nosuid", b"relatime"]);
        let stacked: Vec<&Mount> =
            found.list.iter().filter(|mount| mount.point == b"/mnt/odd/stacked").collect();
        assert!(is_hidden(&found, stacked[0].id) && !is_hidden(&found, stacked[1].id));
        assert_eq!(found.by_path(b"/mnt/odd/stacked/x").unwrap().id, stacked[1].id);
        assert_eq!(found.by_path(b"/mnt/odd/stackedx").unwrap().point, b"/mnt/odd");
        assert_eq!(found.by_path(b"/mnt/odd/bind").unwrap(), bind);
        assert_eq!(found.by_id(bind.id), Some(bind));
        // Either the file system or only the mount is read-only.
        assert!(last(b"/mnt/odd/stacked").options.starts_with(b"rw"));
        assert!(last(b"/mnt/odd/stacked").is_read_only());
    }

    #[test]
    fn malformed_rows_are_counted() {
        for row in [
            &b"x"[..],
            b"1 2 3:4 / /a rw",
            b"1 2 3:4 / /a rw shared:1 tmpfs t rw",
            b"-1 2 3:4 / /a rw - tmpfs t rw",
            b"1 2 3:4 /  rw - tmpfs t rw",
            b"1 2 3:4 / /a rw - tmpfs",
            b"4294967296 2 3:4 / /a rw - tmpfs t rw",
            b"\xff\x00",
        ] {
            let text = [b"1 0 0:1 / / rw - rootfs none rw\n", row, b"\n"].concat();
            let found = Mounts::parse(&text);
            assert_eq!((found.list.len(), found.odd), (1, 1), "{}", String::from_utf8_lossy(row));
        }
        assert_eq!(Mounts::parse(b""), Mounts::default());
        let optional =
            Mounts::parse(b"7 1 0:1 / /a rw shared:1 master:2 propagate_from:3 unbindable - fuse.x y z w");
        assert_eq!(optional.list[0].super_options, b"z w");
        assert_eq!(decode(b"\\04\\0400\\8\\"), b"\\04 0\\8\\");
        assert_eq!(decode(b"\\777"), b"\\777");
    }

    #[test]
    fn hidden_mounts() {
        let found = Mounts::parse(
            b"1 0 0:1 / / rw - a a rw\n2 1 0:2 / /x/below rw - a hidden rw\n3 2 0:3 / /x/below/in rw - a hidden rw\n\
            4 1 0:4 / /x rw - a seen rw\n5 4 0:5 / /x/below rw - a seen rw\n6 1 0:6 / /xy rw - a seen rw\n\
            7 1 0:7 / /y rw - a hidden rw\n8 1 0:8 / /y rw - a seen rw\n9 9 0:9 / /z rw - a seen rw\n",
        );
        for mount in &found.list {
            assert_eq!(is_hidden(&found, mount.id), mount.source == b"hidden", "{}", mount.id);
        }
        // A loop of parents, which the kernel never writes, must terminate.
        let odd =
            Mounts::parse(b"1 2 0:1 / /a rw - a a rw\n2 1 0:2 / /a rw - a a rw\n1 1 0:2 / /b rw - a a rw\n");
        assert!(odd.visible().count() < odd.list.len());
    }

    fn is_hidden(mounts: &Mounts, id: u32) -> bool {
        mounts.visible().all(|mount| mount.id != id)
    }

    /// Whether a mount is hidden, found by comparing it with all others.
    fn is_hidden_by_comparing(mounts: &[Mount], at: usize) -> bool {
        let mount = &mounts[at];
        if mounts
            .iter()
            .any(|other| other.parent == mount.id && other.id != other.parent && other.point == mount.point)
        {
            return true;
        }
        let mut one = at;
        for _ in 0..mounts.len() {
            let covers = |(other_at, other): (usize, &Mount)| {
                other.parent == mounts[one].parent
                    && other_at != one
                    && other.id != other.parent
                    && below(&other.point, &mounts[one].point)
                        .is_some_and(|rest| !rest.is_empty() || other_at > one)
            };
            if mounts.iter().enumerate().any(covers) {
                return true;
            }
            match mounts.iter().position(|parent| parent.id == mounts[one].parent) {
                Some(parent) => one = parent,
                None => return false,
            }
        }
        false
    }

    #[test]
    fn hidden_mounts_of_many_tables() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % limit as u64).unwrap()
        };
        let points = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/b/c"];
        let (mut hidden, mut seen) = (0, 0);
        for _ in 0..3000 {
            let count = 1 + below(8);
            let mut text = String::from("1 0 0:1 / / rw - a a rw\n");
            for id in 2..2 + count {
                // A mount's parent is older; loops are tested elsewhere.
                writeln!(
                    text,
                    "{id} {} 0:{id} / {} rw - a a rw",
                    1 + below(id - 1),
                    points[below(points.len())]
                )
                .unwrap();
            }
            let found = Mounts::parse(text.as_bytes());
            for (at, mount) in found.list.iter().enumerate() {
                let is_hidden = is_hidden(&found, mount.id);
                assert_eq!(is_hidden, is_hidden_by_comparing(&found.list, at), "{}\n{text}", mount.id);
                if is_hidden { hidden += 1 } else { seen += 1 }
            }
        }
        assert!(hidden > 1000 && seen > 1000, "{hidden} {seen}");
    }

    #[test]
    fn paths_below_a_directory() {
        for (folder, path, rest) in [
            ("/", "/", Some("")),
            ("/", "/a", Some("/a")),
            ("/a", "/a", Some("")),
            ("/a", "/a/", Some("")),
            ("/a", "/a/b", Some("/b")),
            ("/a/", "/a/b", Some("/b")),
            ("/a", "/ab", None),
            ("/a", "/", None),
            ("/../x", "/../x/y", Some("/y")),
        ] {
            assert_eq!(below(folder.as_bytes(), path.as_bytes()), rest.map(str::as_bytes), "{folder} {path}");
        }
    }
}
