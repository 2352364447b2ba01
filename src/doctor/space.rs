//! File systems that are full. statvfs(3).

use std::sync::Arc;
use std::time::Duration;

use super::finding::{Finding, Level, shell_quoted};
use super::{Case, Request, Root, deleted};
use crate::deadline::Deadline;
use crate::procfs::mountinfo::Mounts;
use crate::text::decode;
use crate::units::show_short_size;
use crate::view::filesystems::{Row, Space, listed};

/// CAP_SYS_RESOURCE, its bit in a set of capabilities.
const SYS_RESOURCE: u64 = 1 << 24;
/// The options for size and ownership of a tmpfs: tmpfs(5).
const TMPFS_OPTIONS: [&str; 5] = ["size=", "nr_inodes=", "mode=", "uid=", "gid="];
/// The most full mounts that are reported.
const MAX_FULL: usize = 20;
/// The most mounts that are reported as not checked.
const MAX_NOT_CHECKED: usize = 3;
/// How long all file systems together may take to answer.
const FILE_SYSTEMS_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    let (Some(root), Some(mounts)) = (case.root.clone(), case.mounts.clone()) else { return };
    // With its own user namespace it is root only there: ext4_has_free_clusters in the kernel's
    // balloc.c.
    let who = &case.who;
    let is_root = (who.uid == 0 || who.capabilities & SYS_RESOURCE != 0) && who.mapped.is_none();
    let is_root = is_root && case.status.known.has_credentials();
    full(case, &root, &mounts, is_root);
}

/// Adds findings for file systems with little or no space or inodes left. To root, the space that
/// is reserved for root is free.
fn full(case: &mut Case<'_>, root: &Arc<Root>, mounts: &Mounts, is_root: bool) {
    if case.at_pids_limit {
        let why = "the pids limit is reached, and querying a file system takes one more thread";
        return case.unread.push(format!("free space: {why}").into());
    }
    let mut unread = Vec::new();
    let rows = listed(case.target, Some(root), mounts, Deadline::after(FILE_SYSTEMS_TIMEOUT), &mut |error| {
        unread.push(error);
    });
    // Most may be denied if porthole runs as another user.
    let more = unread.len().saturating_sub(MAX_NOT_CHECKED);
    unread.truncate(MAX_NOT_CHECKED);
    if more > 0 {
        unread.push(format!("the free space of {more} more mounts").into());
    }
    unread.retain(|why| !case.unread.contains(why));
    case.unread.append(&mut unread);
    for row in rows.into_iter().filter(Row::is_full).take(MAX_FULL) {
        if let Some(space) = row.space {
            let Shortage { of_inodes, level, .. } = Shortage::of(&row, space, is_root);
            if !of_inodes {
                deleted::on_full(case, &row.mount.device, &decode(&row.mount.point), space.size, level);
            }
            case.add(full_mount(&row, space, is_root));
        }
    }
}

/// Returns the finding for one full file system.
fn full_mount(row: &Row, space: Space, is_root: bool) -> Finding {
    let point = decode(&row.mount.point);
    let quoted = shell_quoted(&point);
    let Shortage { of_inodes, level, what, left } = Shortage::of(row, space, is_root);
    // The other options of the mount stay the same.
    let tmpfs = |option: &str, value: &str| {
        let mut options = [option, value].concat();
        for other in decode(&row.mount.super_options).split(',') {
            if TMPFS_OPTIONS.iter().any(|kept| *kept != option && other.starts_with(kept)) {
                options.push_str(&[",", other].concat());
            }
        }
        format!("--tmpfs {quoted}:{options}")
    };
    let mut finding =
        Finding::new(level, format!("{point} {what}")).seen(format!("statvfs(3) of {point}"), left);
    finding = match (row.mount.kind == b"tmpfs", of_inodes) {
        (true, false) => {
            let twice = (space.size >> 20).max(1).saturating_mul(2);
            finding
                .kubernetes(format!("emptyDir: {{medium: Memory, sizeLimit: {twice}Mi}}"))
                .docker(format!("{} (--shm-size for /dev/shm)", tmpfs("size=", &format!("{twice}m"))))
        }
        (true, true) => finding.docker(tmpfs("nr_inodes=", &space.inodes.saturating_mul(2).to_string())),
        (false, _) => finding
            .kubernetes("a larger volume, or store less data there")
            .docker(format!("a larger volume: --volume NAME:{quoted}")),
    };
    let shows = if of_inodes {
        format!("porthole find {quoted} --type f lists the files")
    } else {
        // Only few files can be as large as this part of the file system.
        let large = (space.size / 64).clamp(1 << 10, 1 << 20) >> 10;
        format!("porthole find {quoted} --larger {large}K lists large files")
    };
    finding.application(format!(
        "remove what is not needed: {shows}, porthole lsof --deleted lists deleted files that are still open"
    ))
}

/// What a file system lacks.
#[derive(Debug, PartialEq, Eq)]
struct Shortage {
    /// Whether it lacks inodes; otherwise it lacks space.
    of_inodes: bool,
    /// The severity.
    level: Level,
    /// The shortage in words.
    what: &'static str,
    /// How much is left, in words.
    left: String,
}

impl Shortage {
    fn of(row: &Row, space: Space, is_root: bool) -> Self {
        let Space { available, inodes, inodes_available, .. } = space;
        let reserve = space.size.saturating_sub(space.used).saturating_sub(available);
        let has_reserve = is_root && reserve > 0;
        let inode_percent = row.inode_percent();
        let has_none = inode_percent.is_some() && inodes_available == 0;
        if (available > 0 || has_reserve) && (has_none || inode_percent > row.space_percent()) {
            let what = if has_none {
                "is full: no inodes are left, so no file can be created"
            } else {
                "is nearly out of inodes, without which no file can be created"
            };
            let level = if has_none { Level::Error } else { Level::Warning };
            let left = format!("{inodes_available} of {inodes} inodes free");
            return Shortage { of_inodes: true, level, what, left };
        }
        let mut left = format!("{} of {} free", show_short_size(available), show_short_size(space.size));
        let (level, what) = match available {
            0 if has_reserve => {
                left.push_str(&[", and ", &show_short_size(reserve), " for root only"].concat());
                (Level::Warning, "is full for everyone but root: only root's reserve is left")
            }
            0 => (Level::Error, "is full: no space is left"),
            _ => (Level::Warning, "is nearly full"),
        };
        Shortage { of_inodes: false, level, what, left }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn shortages() {
        let space = |used: u64, available: u64, inodes_used, inodes_available| Space {
            size: 100 << 20,
            used: used << 20,
            available: available << 20,
            inodes: 10,
            inodes_used,
            inodes_available,
        };
        let none = "is full: no space is left";
        let no_inodes = "is full: no inodes are left, so no file can be created";
        let reserve = "is full for everyone but root: only root's reserve is left";
        for (space, is_root, expected) in [
            (space(95, 0, 1, 9), false, (false, Level::Error, none, "0 of 100M free")),
            (
                space(95, 0, 1, 9),
                true,
                (false, Level::Warning, reserve, "0 of 100M free, and 5.0M for root only"),
            ),
            (space(100, 0, 1, 9), true, (false, Level::Error, none, "0 of 100M free")),
            (space(94, 1, 1, 9), true, (false, Level::Warning, "is nearly full", "1.0M of 100M free")),
            (space(5, 90, 10, 0), false, (true, Level::Error, no_inodes, "0 of 10 inodes free")),
            (space(95, 0, 10, 0), false, (false, Level::Error, none, "0 of 100M free")),
            (space(95, 0, 10, 0), true, (true, Level::Error, no_inodes, "0 of 10 inodes free")),
            (
                space(95, 0, 0, 0),
                true,
                (false, Level::Warning, reserve, "0 of 100M free, and 5.0M for root only"),
            ),
        ] {
            let row = Row { mount: Cow::default(), space: Some(space) };
            let found = Shortage::of(&row, space, is_root);
            let found = (found.of_inodes, found.level, found.what, found.left.as_str());
            assert_eq!(found, expected, "{space:?} {is_root}");
        }
    }
}
