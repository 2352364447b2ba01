//! Read-only and full mounts, a place for temporary files, and files that have to be there. mount(8), statvfs(3).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::finding::{Finding, Level, word};
use super::{Asked, Case, Root};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::file_type::FileType;
use crate::procfs::mountinfo::Mounts;
use crate::text::{Shown as _, decode};
use crate::units::show_short_size;
use crate::view::filesystems::{Row, Space, listed};
use crate::view::mounts::options_of_interest;
use crate::view::permission::{Class, EXEC, Examined, READ, Row as Stop, WRITE, Who, examine};
use crate::view::resolve::DeadEnd;
use crate::view::target::Target;

/// CAP_SYS_RESOURCE, its bit in a set of capabilities.
const SYS_RESOURCE: u64 = 1 << 24;
/// The options of a tmpfs that say how large it is and whose: tmpfs(5).
const KEPT: [&str; 5] = ["size=", "nr_inodes=", "mode=", "uid=", "gid="];
/// The most mounts that are named.
const MOST: usize = 20;
/// The most mounts of which it is said that they could not be looked at.
const DENIED: usize = 3;
/// How long all file systems together may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(case: &mut Case<'_>, asked: &Asked) {
    let Some(root) = case.root.clone() else {
        for path in &asked.files {
            if let Err(error) = case.target.root() {
                unknown(case, path, &error);
            }
        }
        case.skipped.push("free space and /tmp");
        return;
    };
    let who = Who::of_process(case.status.clone()).mapped(case.target, case.process);
    // Nobody is not root.
    let is_known = case.status.known.is_somebody();
    match case.process.read("mountinfo", crate::view::target::MAX_PROC_FILE_BYTES) {
        Ok(text) => {
            let mounts = Mounts::parse(&text);
            if is_known && !case.is_makeshift {
                temporary(case, &root, &who, &mounts);
            }
            // In a user namespace of its own it is root there alone: ext4_has_free_clusters in the kernel's balloc.c.
            let is_root = who.uid == 0 || who.capabilities & SYS_RESOURCE != 0;
            full(case, &root, &mounts, is_known && is_root && who.mapped.is_none());
        }
        Err(error) => case.unread.push(case.target.explain(error, case.process, "mountinfo")),
    }
    for path in &asked.files {
        if !is_known {
            let error = Error::from("does not say whose it is").at(&case.process.path("status"));
            unknown(case, path, &error);
            continue;
        }
        readable(case, &root, &who, path);
    }
}

/// Where the root is read-only, /tmp is to be writable.
fn temporary(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, mounts: &Mounts) {
    let Some(mount) = mounts.by_path(b"/").filter(|mount| mount.is_read_only()) else { return };
    let found = match examined(case, root, who, Path::new("/tmp"), &[WRITE, EXEC]) {
        Ok(found) => found,
        Err(error) => return case.unread.push(error.at(Path::new("/tmp"))),
    };
    if found.allowed != Some(false) {
        return;
    }
    let (place, why) = match (denial(&found), &found.dead_end) {
        (Some((place, why)), _) => (place, why.to_owned()),
        (None, Some(DeadEnd { path, error })) => (decode(path), error.reason().into_owned()),
        (None, None) => ("/tmp".to_owned(), found.reason),
    };
    let options = options_of_interest(mount).join(&b',');
    case.add(
        Finding::new(Level::Warning, "the root file system is read-only, and /tmp is not writable")
            .seen(case.path("mountinfo"), format!("/ {}", decode(&options)))
            .seen(place, why)
            .kubernetes(
                "volumes: [{name: tmp, emptyDir: {}}] and volumeMounts: [{name: tmp, mountPath: /tmp}]",
            )
            .docker("--tmpfs /tmp"),
    );
}

/// What the rules say of a path, unless its file system does not answer.
fn examined(
    case: &Case<'_>,
    root: &Arc<Root>,
    who: &Who,
    path: &Path,
    wanted: &'static [u32],
) -> Result<Examined, Error> {
    let (proc, root, who, path) = (case.target.proc.clone(), Arc::clone(root), who.clone(), path.to_owned());
    case.patient(move || Ok(examine(&Target::new(&proc, None)?, &root, &path, &who, wanted)))
}

/// The place on the way that denies, and by what rule.
fn denial(found: &Examined) -> Option<(String, &str)> {
    let row = found.rows.last()?;
    let why = row.outcome.as_ref().err()?;
    Some((decode(&row.path), why))
}

/// File systems with no space or no inode left; what root alone may use is space to it.
fn full(case: &mut Case<'_>, root: &Arc<Root>, mounts: &Mounts, is_root: bool) {
    if case.is_crowded {
        let why = "the pids limit is reached, and asking a file system takes one more thread";
        return case.unread.push(format!("free space: {why}").into());
    }
    let mut unread = Vec::new();
    let rows = listed(case.target, Some(root), mounts, Deadline::after(PATIENCE), &mut |error| {
        unread.push(error);
    });
    // Where another user looks, most may be denied.
    let more = unread.len().saturating_sub(DENIED);
    unread.truncate(DENIED);
    if more > 0 {
        unread.push(format!("the free space of {more} more mounts").into());
    }
    unread.retain(|why| !case.unread.contains(why));
    case.unread.append(&mut unread);
    for row in rows.into_iter().filter(Row::is_full).take(MOST) {
        let Some(space) = row.space else { continue };
        let point = decode(&row.mount.point);
        let (lacks_inodes, level, what, left) = shortage(&row, space, is_root);
        let word = word(&point);
        // What else it is mounted with stays as it is.
        let tmpfs = |option: &str, value: &str| {
            let mut options = [option, value].concat();
            for other in decode(&row.mount.super_options).split(',') {
                if KEPT.iter().any(|kept| *kept != option && other.starts_with(kept)) {
                    options.push_str(&[",", other].concat());
                }
            }
            format!("--tmpfs {word}:{options}")
        };
        let mut finding =
            Finding::new(level, format!("{point} {what}")).seen(format!("statvfs(3) of {point}"), left);
        finding = match (row.mount.kind == b"tmpfs", lacks_inodes) {
            (true, false) => {
                let twice = (space.size >> 20).max(1).saturating_mul(2);
                finding
                    .kubernetes(format!("emptyDir: {{medium: Memory, sizeLimit: {twice}Mi}}"))
                    .docker(format!("{} (--shm-size for /dev/shm)", tmpfs("size=", &format!("{twice}m"))))
            }
            (true, true) => finding.docker(tmpfs("nr_inodes=", &space.inodes.saturating_mul(2).to_string())),
            (false, _) => finding
                .kubernetes("a larger volume, or keep less there")
                .docker(format!("a larger volume: --volume NAME:{word}")),
        };
        let shows = if lacks_inodes {
            format!("porthole find {word} --type f lists the files")
        } else {
            // A share of the whole that few files can have.
            let large = (space.size / 64).clamp(1 << 10, 1 << 20) >> 10;
            format!("porthole find {word} --larger {large}K lists large files")
        };
        case.add(finding.application(format!(
            "remove what is not needed: {shows}, porthole lsof --deleted lists deleted files that are still open"
        )));
    }
}

/// Whether it is inodes that this file system lacks, how bad that is, in words, and how much is left.
fn shortage(row: &Row, space: Space, is_root: bool) -> (bool, Level, &'static str, String) {
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
        return (true, level, what, format!("{inodes_available} of {inodes} inodes free"));
    }
    let mut left = format!("{} of {} free", show_short_size(available), show_short_size(space.size));
    let (level, what) = match available {
        0 if has_reserve => {
            left.push_str(&[", and ", &show_short_size(reserve), " for root alone"].concat());
            (Level::Warning, "is full for everyone but root: only root's reserve is left")
        }
        0 => (Level::Error, "is full: no space is left"),
        _ => (Level::Warning, "is nearly full"),
    };
    (false, level, what, left)
}

/// Whether the process may read this file cannot be told, for this reason.
fn unknown(case: &mut Case<'_>, path: &Path, error: &Error) {
    let what = format!("cannot tell whether {} can read {}", case.known.shown(), path.shown());
    case.add(Finding::new(Level::Error, what).unseen(path.shown(), error));
}

/// What keeps the process from reading a file, if anything does.
fn readable(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, path: &Path) {
    let found = match examined(case, root, who, path, &[READ]) {
        Ok(found) => found,
        Err(error) => return unknown(case, path, &error),
    };
    let name = path.shown();
    let last = found.rows.last();
    let end = last.filter(|row| row.is_end).map(|row| FileType::of_mode(row.meta.st_mode));
    match found.allowed {
        Some(true) if end.is_none_or(FileType::is_regular) => return,
        Some(true) => {
            let kind = end.unwrap_or(FileType::Unknown);
            let what = kind.described();
            let finding =
                Finding::new(Level::Error, format!("{name} is {what}, not a file")).seen(name, what);
            return case.add(if kind.is_directory() {
                finding.kubernetes("volumeMounts: a mountPath of the file, with subPath: its key").docker(
                    "--volume: where the path on the host is missing, Docker makes a directory of that name",
                )
            } else {
                finding
            });
        }
        Some(false) => {}
        None => return unknown(case, path, &found.reason.into()),
    }
    let finding = Finding::new(Level::Error, format!("{} cannot read {name}", case.known.shown()));
    let leads_elsewhere = |finding: Finding| {
        finding
            .kubernetes("volumes and volumeMounts: mountPath and the keys of the ConfigMap or Secret")
            .docker("--volume, or COPY in the Dockerfile: is the path the one that the application reads?")
    };
    let Some((place, why)) = denial(&found) else {
        let finding = match &found.dead_end {
            Some(DeadEnd { path, error }) => {
                let finding = finding.seen(decode(path), error.reason());
                // What exists and fails otherwise is the volume's own trouble.
                if error.is_absent() { leads_elsewhere(finding) } else { finding }
            }
            None => finding.seen(name, found.reason),
        };
        return case.add(finding);
    };
    let finding = finding.seen(&place, why);
    let is_folder = last.is_some_and(|row| FileType::of_mode(row.meta.st_mode).is_directory());
    case.add(match last.map(|row| (row, row.by)) {
        Some((row, _)) if row.link.is_some() => finding.docker(format!(
            "the link must belong to the user who follows it or to the directory's owner: chown -h {}:{} {}",
            who.uid,
            who.gid,
            word(&place)
        )),
        Some((row, Some(by))) => granted(finding, who, row, by, &word(&place)),
        _ if end.is_none() && !is_folder => leads_elsewhere(finding),
        _ => finding,
    });
}

/// What to change so that the bits that count grant what they deny here: others would change nothing.
fn granted(finding: Finding, who: &Who, row: &Stop, by: Class, place: &str) -> Finding {
    let (uid, gid, is_end) = (who.uid, who.gid, row.is_end);
    let (letter, bit) = if is_end { ("r", READ) } else { ("x", EXEC) };
    let class = match by {
        Class::Owner => "u",
        // To chmod(1) the mask is what the group has.
        Class::Group | Class::Mask => "g",
        Class::Others => "o",
        Class::Entry(kind, id) => {
            let id = id.map_or_else(String::new, |id| id.to_string());
            return finding.docker(["setfacl -m ", kind, ":", &id, ":", letter, " ", place].concat());
        }
    };
    let chmod = ["chmod ", class, "+", letter, " ", place].concat();
    if matches!(by, Class::Owner | Class::Mask) {
        return finding.docker(chmod);
    }
    // Who comes to own it has the owner's bits alone.
    let lacks = row.meta.st_mode & bit << 6 == 0;
    let own = if lacks { [" and chmod u+", letter].concat() } else { String::new() };
    let copied = if lacks { " and --chmod" } else { "" };
    let in_image = format!("in an image: COPY --chown={uid}:{gid}{copied}");
    if !is_end {
        return finding
            .kubernetes(format!("securityContext.fsGroup: {gid} (of the pod) for a volume"))
            .docker(format!("{chmod}, or chown {uid}:{gid}{own}; {in_image}"));
    }
    let finding = finding.kubernetes(format!(
        "securityContext.fsGroup: {gid} (of the pod), and defaultMode: 0440 of the volume"
    ));
    finding.docker(if by == Class::Group {
        chmod
    } else {
        format!("chown {uid}:{gid}{own} of the file that is mounted; {in_image}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short() {
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
                (false, Level::Warning, reserve, "0 of 100M free, and 5.0M for root alone"),
            ),
            (space(100, 0, 1, 9), true, (false, Level::Error, none, "0 of 100M free")),
            (space(94, 1, 1, 9), true, (false, Level::Warning, "is nearly full", "1.0M of 100M free")),
            (space(5, 90, 10, 0), false, (true, Level::Error, no_inodes, "0 of 10 inodes free")),
            (space(95, 0, 10, 0), false, (false, Level::Error, none, "0 of 100M free")),
            (space(95, 0, 10, 0), true, (true, Level::Error, no_inodes, "0 of 10 inodes free")),
            (
                space(95, 0, 0, 0),
                true,
                (false, Level::Warning, reserve, "0 of 100M free, and 5.0M for root alone"),
            ),
        ] {
            let row = Row { mount: crate::procfs::mountinfo::Mount::default(), space: Some(space) };
            let (lacks_inodes, level, what, left) = shortage(&row, space, is_root);
            assert_eq!((lacks_inodes, level, what, left.as_str()), expected, "{space:?} {is_root}");
        }
    }
}
