//! `df [PATH...]`: space and inodes of the filesystems. df(1), statvfs(3).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::statvfs::fstatvfs;

use super::mounts::{Place, patience, patient, read};
use super::{Command, Inspect, Target};
use crate::cli::{Given, UsageError, operands};
use crate::deadline::Deadline;
use crate::outcome::Fact;
use crate::procfs::mountinfo::{Mount, Mounts};
use crate::redact::mounted;
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::text::Shown as _;
use crate::units::{show_duration, show_short_size};
use crate::view::control_groups::mind_the_limit;
use crate::view::root::{FileError, Root};

/// How long all filesystems together may take.
const LIMIT: Duration = Duration::from_secs(5);
/// From how much of its space or inodes in use, in percent, a filesystem counts as full.
const FULL: u64 = 95;
/// Filesystems that hold nothing but the kernel's own, and are looked at only when a path names them.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

pub(super) const COMMAND: Command = Command {
    name: "df",
    summary: "print space and inodes of the filesystems",
    options: &[&[operands("PATH", "only the filesystems that these are on").optional()]],
    plan,
    examples: r"porthole df
porthole df /var/lib/data
porthole df -p 7 --json",
};

#[derive(Debug)]
struct Df {
    paths: Vec<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Df { paths: given.paths("PATH") }))
}

/// What a filesystem holds: space in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub size: u64,
    pub used: u64,
    pub available: u64,
    pub inodes: u64,
    pub inodes_used: u64,
    /// Those that a user other than root may have.
    pub inodes_available: u64,
}

/// A row of the answer.
#[derive(Debug)]
pub(super) struct Row {
    pub mount: Mount,
    /// Nothing where it cannot be had.
    pub space: Option<Space>,
}

impl Inspect for Df {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, String> {
        answer.list("filesystems");
        mind_the_limit();
        let mounts = read(target, answer)?;
        let root = target.root().map(Arc::new);
        let whole = answer.within(LIMIT);
        let rows = if self.paths.is_empty() {
            // What is mounted may be seen where the files may not.
            let root = root.map_err(|why| answer.complain(&why)).ok();
            listed(target, root.as_ref(), &mounts, whole, &mut |why| answer.complain(&why))
        } else {
            named(&self.paths, target, &root?, &mounts, whole, answer)
        };
        print(&rows, answer);
        Ok(true)
    }
}

/// The filesystems of these paths.
fn named(
    paths: &[PathBuf],
    target: &Target,
    root: &Arc<Root>,
    mounts: &Mounts,
    whole: Deadline,
    answer: &mut Answer,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in paths {
        match space_at(target, root, path, whole) {
            Ok((place, space)) => {
                let mount = place.mount(mounts).cloned();
                // In a root directory of its own, chroot(2), the mount below that is not among those seen.
                let mount = mount.unwrap_or_else(|| Mount {
                    point: path.as_os_str().as_bytes().to_vec(),
                    source: b"?".to_vec(),
                    kind: b"?".to_vec(),
                    ..Mount::default()
                });
                rows.push(Row { mount, space: Some(space) });
            }
            Err(why) => answer.complain(&format!("{}: {why}", path.shown())),
        }
    }
    rows
}

/// All that hold something: each once, where it can be written to and its mount point is the shortest. `complain` is called for what is wrong
/// with one.
pub(super) fn listed(
    target: &Target,
    root: Option<&Arc<Root>>,
    mounts: &Mounts,
    whole: Deadline,
    complain: &mut dyn FnMut(String),
) -> Vec<Row> {
    let is_pseudo = |mount: &Mount| PSEUDO.iter().any(|kind| kind.as_bytes() == mount.kind);
    let mut candidates: Vec<(usize, &Mount)> = mounts.mounts.iter().enumerate().collect();
    candidates.retain(|(_, mount)| !is_pseudo(mount));
    candidates
        .sort_by_key(|(_, mount)| mount.point.len() + if mount.is_read_only() { usize::MAX / 2 } else { 0 });
    let mut rows: Vec<(usize, Row)> = Vec::new();
    let count = candidates.len();
    for (tried, (at, mount)) in candidates.into_iter().enumerate() {
        if whole.remaining().is_err() {
            let time = show_duration(whole.limit());
            complain(format!("{} of {count} mounts are not looked at: not done in {time}", count - tried));
            break;
        }
        if rows.iter().any(|(_, row)| row.mount.device == mount.device) || mounts.is_hidden(mount) {
            continue;
        }
        let path = Path::new(OsStr::from_bytes(&mount.point));
        let space = match root.map(|root| space_at(target, root, path, whole)) {
            // Hidden by a mount on a folder above it.
            Some(Ok((place, _))) if place.id.is_some_and(|id| id != mount.id) => continue,
            Some(Ok((_, space))) if space.size == 0 => continue,
            Some(Ok((_, space))) => Some(space),
            Some(Err(why)) => {
                complain(format!("{}: {why}", path.shown()));
                None
            }
            None => None,
        };
        rows.push((at, Row { mount: mount.clone(), space }));
    }
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn space_at(
    target: &Target,
    root: &Arc<Root>,
    path: &Path,
    whole: Deadline,
) -> Result<(Place, Space), String> {
    let (proc, root, path) = (target.proc.clone(), Arc::clone(root), path.to_owned());
    patient(patience(whole), move || {
        let place = Place::find(&proc, &root, &path)?;
        let space = space(&place).map_err(|errno| FileError(errno).words())?;
        Ok((place, space))
    })
}

#[allow(clippy::useless_conversion, reason = "counts are of other types on other platforms")]
fn space(place: &Place) -> Result<Space, Errno> {
    let found = fstatvfs(&place.handle)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size().into());
    let (blocks, inodes) = (found.blocks().into(), found.files().into());
    Ok(Space {
        size: bytes(blocks),
        used: bytes(blocks.saturating_sub(found.blocks_free().into())),
        available: bytes(found.blocks_available().into()),
        inodes,
        inodes_used: inodes.saturating_sub(found.files_free().into()),
        inodes_available: found.files_available().into(),
    })
}

impl Row {
    /// How much of the space is in use, in percent.
    pub fn space_percent(&self) -> Option<u64> {
        self.space.and_then(|space| percent(space.used, space.available))
    }

    /// How many of the inodes are in use; nothing where the filesystem does not count them.
    pub fn inode_percent(&self) -> Option<u64> {
        self.space.and_then(|space| percent(space.inodes_used, space.inodes_available))
    }

    /// A filesystem made to be read alone is always full, which says nothing.
    pub fn is_full(&self) -> bool {
        let most = self.space_percent().max(self.inode_percent());
        !self.mount.is_read_only() && most >= Some(FULL)
    }
}

/// Rounded up, as df(1) does: what root alone may use counts as used up.
fn percent(used: u64, available: u64) -> Option<u64> {
    let whole = used.checked_add(available).filter(|&whole| whole > 0)?;
    Some(match used.checked_mul(100) {
        Some(hundredfold) => hundredfold.div_ceil(whole),
        None => used / (whole / 100),
    })
}

fn print(rows: &[Row], answer: &mut Answer) {
    if answer.is_json() {
        for row in rows {
            if answer.is_over() {
                break;
            }
            answer.item("filesystems", &fact(row));
        }
        return;
    }
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        left("SOURCE"),
        left("TYPE"),
        right("SIZE"),
        right("USED"),
        right("AVAIL"),
        right("USE%"),
        right("IUSE%"),
        left("STATE"),
        left("MOUNT"),
    ]);
    for row in rows {
        let size = |of: fn(Space) -> u64| {
            row.space.map_or_else(|| "?".to_owned(), |space| show_short_size(of(space)))
        };
        let none = if row.space.is_some() { "-" } else { "?" };
        let percent = |value: Option<u64>| value.map_or_else(|| none.to_owned(), |value| format!("{value}%"));
        let (state, mark) = match (row.mount.is_read_only(), row.is_full()) {
            (true, _) => ("ro", Mark::Notable),
            (_, true) => ("full", Mark::Wrong),
            _ => ("", Mark::None),
        };
        table.row(&[
            &mounted(&row.mount.source),
            &row.mount.kind,
            size(|space| space.size).as_bytes(),
            size(|space| space.used).as_bytes(),
            size(|space| space.available).as_bytes(),
            percent(row.space_percent()).as_bytes(),
            percent(row.inode_percent()).as_bytes(),
            state.as_bytes(),
            &row.mount.point,
        ]);
        table.mark(7, mark);
        for (column, used) in [(5, row.space_percent()), (6, row.inode_percent())] {
            if row.is_full() && used >= Some(FULL) {
                table.mark(column, Mark::Wrong);
            }
        }
    }
    if !table.is_empty() {
        answer.table(&table);
    }
}

fn fact(row: &Row) -> Fact {
    let of = |of: fn(Space) -> u64| Fact::from(row.space.map(of));
    Fact::Object(vec![
        ("mount_point", Fact::Bytes(row.mount.point.clone())),
        ("type", Fact::Bytes(row.mount.kind.clone())),
        ("source", Fact::Bytes(mounted(&row.mount.source))),
        ("size", of(|space| space.size)),
        ("used", of(|space| space.used)),
        ("available", of(|space| space.available)),
        ("use_percent", row.space_percent().into()),
        ("inodes", of(|space| space.inodes)),
        ("inodes_used", of(|space| space.inodes_used)),
        ("inodes_available", of(|space| space.inodes_available)),
        ("inode_use_percent", row.inode_percent().into()),
        ("read_only", Fact::Bool(row.mount.is_read_only())),
        ("full", Fact::Bool(row.is_full())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        for (used, available, expected) in [
            (0, 0, None),
            (0, 5, Some(0)),
            (1, 1000, Some(1)),
            (1, 1, Some(50)),
            (7, 0, Some(100)),
            (u64::MAX - 1, 1, Some(100)),
            (u64::MAX, 1, None),
        ] {
            assert_eq!(percent(used, available), expected, "{used} {available}");
        }
    }
}
