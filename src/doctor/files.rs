//! Read-only and full mounts, /tmp, and expected files. mount(8), statvfs(3).

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::finding::{Finding, Level, shell_quoted};
use super::{Case, Request, Root};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::file_type::FileType;
use crate::procfs::mountinfo::Mounts;
use crate::text::{Shown as _, decode};
use crate::units::show_short_size;
use crate::view::filesystems::{Row, Space, listed};
use crate::view::mounts::options_of_interest;
use crate::view::permission::{
    CANNOT_LOOK, Class, EXEC, Examined, READ, Row as Component, WRITE, Who, examine,
};
use crate::view::resolve::DeadEnd;
use crate::view::target::Target;

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

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    let Some(root) = case.root.clone() else {
        for path in &request.files {
            if let Err(error) = case.target.root() {
                cannot_tell(case, path, &error);
            }
        }
        case.skipped.push("free space and /tmp");
        return;
    };
    let who = Who::of_process(case.status.clone()).mapped(case.target, case.handle);
    // Without credentials the uid would be 0 by default.
    let is_known = case.status.known.has_credentials();
    match case.handle.read("mountinfo", crate::procfs::handle::MAX_PROC_FILE_BYTES) {
        Ok(text) => {
            let mounts = Mounts::parse(&text);
            if is_known && !case.is_fallback {
                temporary(case, &root, &who, &mounts);
            }
            // With its own user namespace it is root only there: ext4_has_free_clusters in the
            // kernel's balloc.c.
            let is_root = who.uid == 0 || who.capabilities & SYS_RESOURCE != 0;
            full(case, &root, &mounts, is_known && is_root && who.mapped.is_none());
        }
        Err(error) => case.unread.push(case.target.explain(error, case.handle, "mountinfo")),
    }
    for path in &request.files {
        if !is_known {
            let error = Error::from("has no Uid or CapPrm line").at(&case.handle.path("status"));
            cannot_tell(case, path, &error);
            continue;
        }
        readable(case, &root, &who, path);
    }
}

/// Adds a finding if the root file system is read-only and /tmp is not writable.
fn temporary(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, mounts: &Mounts) {
    let Some(mount) = mounts.by_path(b"/").filter(|mount| mount.is_read_only()) else { return };
    let found = match examined(case, root, who, Path::new("/tmp"), &[WRITE, EXEC]) {
        Ok(found) => found,
        Err(error) => return case.unread.push(error.at(Path::new("/tmp"))),
    };
    if found.allowed != Some(false) {
        return;
    }
    let (path, why) = failure(&found, "/tmp");
    let options = options_of_interest(mount).join(&b',');
    case.add(
        Finding::new(Level::Warning, "the root file system is read-only, and /tmp is not writable")
            .seen(case.path("mountinfo"), format!("/ {}", decode(&options)))
            .seen(path, why)
            .kubernetes(
                "volumes: [{name: tmp, emptyDir: {}}] and volumeMounts: [{name: tmp, mountPath: /tmp}]",
            )
            .docker("--tmpfs /tmp"),
    );
}

/// Applies the access rules to a path. Fails if its file system does not answer.
fn examined(
    case: &Case<'_>,
    root: &Arc<Root>,
    who: &Who,
    path: &Path,
    wanted: &'static [u32],
) -> Result<Examined, Error> {
    let (proc, root, who, path) = (case.target.proc.clone(), Arc::clone(root), who.clone(), path.to_owned());
    case.with_timeout(move || Ok(examine(&Target::new(&proc, None)?, &root, &path, &who, wanted)))
}

/// Returns the component of the path that denies access, and the rule.
fn denial(found: &Examined) -> Option<(String, &str)> {
    let row = found.rows.last()?;
    let why = row.outcome.as_ref().err()?;
    Some((decode(&row.path), why))
}

/// Returns where access to a path fails, and why: a component that denies it, or that cannot be
/// reached.
fn failure<'a>(found: &'a Examined, path: &str) -> (String, Cow<'a, str>) {
    match (denial(found), &found.dead_end) {
        (Some((path, why)), _) => (path, why.into()),
        (None, Some(DeadEnd { path, error })) => (decode(path), error.reason()),
        (None, None) => (path.to_owned(), found.reason.as_str().into()),
    }
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

/// Adds a finding that it is not known whether the process can read this file, and why.
fn cannot_tell(case: &mut Case<'_>, path: &Path, error: &Error) {
    let finding = unknown(case, path).unreadable(path.shown(), error);
    case.add(finding);
}

/// A finding that it is not known whether the process can read this file.
fn unknown(case: &Case<'_>, path: &Path) -> Finding {
    let what = format!("cannot tell whether {} can read {}", case.process.shown(), path.shown());
    Finding::new(Level::Error, what)
}

/// Adds a finding if the process cannot read an expected file.
fn readable(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, path: &Path) {
    let found = match examined(case, root, who, path, &[READ]) {
        Ok(found) => found,
        Err(error) => return cannot_tell(case, path, &error),
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
                    "--volume: if the path on the host does not exist, Docker creates a directory there",
                )
            } else {
                finding
            });
        }
        Some(false) => {}
        None => {
            let (place, mut why) = failure(&found, &name);
            if found.dead_end.as_ref().is_some_and(|dead| dead.error.is_denied()) {
                why = format!("{why}: {CANNOT_LOOK}").into();
            }
            let finding = unknown(case, path).seen(place, why);
            return case.add(finding);
        }
    }
    let finding = Finding::new(Level::Error, format!("{} cannot read {name}", case.process.shown()));
    let leads_elsewhere = |finding: Finding| {
        finding
            .kubernetes("volumes and volumeMounts: mountPath and the keys of the ConfigMap or Secret")
            .docker("--volume, or COPY in the Dockerfile: is the path the one that the application reads?")
    };
    let (denied, why) = failure(&found, &name);
    let finding = finding.seen(&denied, why);
    if denial(&found).is_none() {
        // An existing file that fails in another way is a problem of the volume.
        let is_absent = found.dead_end.as_ref().is_some_and(|dead| dead.error.is_absent());
        return case.add(if is_absent { leads_elsewhere(finding) } else { finding });
    }
    let is_folder = last.is_some_and(|row| FileType::of_mode(row.meta.st_mode).is_directory());
    case.add(match last.map(|row| (row, row.by)) {
        Some((row, _)) if row.link.is_some() => finding.docker(format!(
            "the link must belong to the user who follows it or to the directory's owner: chown -h {}:{} {}",
            who.uid,
            who.gid,
            shell_quoted(&denied)
        )),
        Some((row, Some(by))) => with_grant(finding, who, row, by, &shell_quoted(&denied)),
        _ if end.is_none() && !is_folder => leads_elsewhere(finding),
        _ => finding,
    });
}

/// Adds the change that grants access here: to the permission bits that apply, because a change to
/// others would have no effect.
fn with_grant(finding: Finding, who: &Who, row: &Component, by: Class, path: &str) -> Finding {
    let (uid, gid, is_end) = (who.uid, who.gid, row.is_end);
    let (letter, bit) = if is_end { ("r", READ) } else { ("x", EXEC) };
    let class = match by {
        Class::Owner => "u",
        // chmod(1) changes the mask in place of the group's bits.
        Class::Group | Class::Mask => "g",
        Class::Others => "o",
        Class::Entry(named, id) => {
            let id = id.map_or_else(String::new, |id| id.to_string());
            return finding.docker(["setfacl -m ", named.name(), ":", &id, ":", letter, " ", path].concat());
        }
    };
    let chmod = ["chmod ", class, "+", letter, " ", path].concat();
    if matches!(by, Class::Owner | Class::Mask) {
        return finding.docker(chmod);
    }
    // To a new owner only the owner's bits apply.
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
