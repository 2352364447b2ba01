//! Read-only and full mounts, a place for temporary files, and files that have to be there. mount(8), statvfs(3).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::df::listed;
use super::super::permission::{EXEC, Examined, READ, WRITE, Who, examine};
use super::finding::{Finding, Level};
use super::{Asked, Case, Root};
use crate::net::deadline::Deadline;
use crate::procfs::mountinfo::Mounts;
use crate::rootfs::kind;
use crate::units::show_short_size;

/// The most mounts that are named.
const MOST: usize = 20;
/// How long all file systems together may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(case: &mut Case<'_>, asked: &Asked) {
    let Some(root) = case.root.clone() else {
        for path in &asked.files {
            let why = case.target.root().err().unwrap_or_default();
            unknown(case, path, &why);
        }
        case.skipped.push("free space and /tmp");
        return;
    };
    let who = Who::of_process(case.status.clone()).mapped(case.target, case.process);
    match case.process.read("mountinfo", super::super::target::LIMIT) {
        Ok(text) => {
            let mounts = Mounts::parse(&text);
            temporary(case, &root, &who, &mounts);
            full(case, &root, &mounts);
        }
        Err(lost) => case.unread.push(case.target.lost(&lost, case.process, "mountinfo")),
    }
    for path in &asked.files {
        readable(case, &root, &who, path);
    }
}

/// Where the root is read-only, /tmp is to be writable.
fn temporary(case: &mut Case<'_>, root: &Root, who: &Who, mounts: &Mounts) {
    let Some(mount) = mounts.by_path(b"/").filter(|mount| mount.is_read_only()) else { return };
    let found = examine(case.target, root, Path::new("/tmp"), who, &[WRITE, EXEC]);
    if found.allowed != Some(false) {
        return;
    }
    let (place, why) = denial(&found).unwrap_or_else(|| ("/tmp".to_owned(), &found.reason));
    let options = mount.all_options().join(&b',');
    case.add(
        Finding::new(Level::Warning, "the root is read-only, and there is no /tmp that can be written to")
            .seen(case.path("mountinfo"), format!("/ {}", String::from_utf8_lossy(&options)))
            .seen(place, why)
            .kubernetes(
                "volumes: [{name: tmp, emptyDir: {}}] and volumeMounts: [{name: tmp, mountPath: /tmp}]",
            )
            .docker("--tmpfs /tmp"),
    );
}

/// The place on the way that denies, and by what rule.
fn denial(found: &Examined) -> Option<(String, &str)> {
    let row = found.rows.last()?;
    let why = row.outcome.as_ref().err()?;
    Some((String::from_utf8_lossy(&row.path).into_owned(), why))
}

/// File systems with no space or no inode left.
fn full(case: &mut Case<'_>, root: &Arc<Root>, mounts: &Mounts) {
    let unread = &mut case.unread;
    let rows =
        listed(case.target, Some(root), mounts, Deadline::after(PATIENCE), &mut |why| unread.push(why));
    for row in rows.into_iter().filter(super::super::df::Row::is_full).take(MOST) {
        let Some(space) = row.space else { continue };
        let point = String::from_utf8_lossy(&row.mount.point).into_owned();
        let lacks_inodes = space.available > 0 && row.inode_percent() > row.space_percent();
        let none = if lacks_inodes { space.inodes_available == 0 } else { space.available == 0 };
        let (what, left) = if lacks_inodes {
            (
                "inodes, so that no file can be made",
                format!("{} of {} inodes free", space.inodes_available, space.inodes),
            )
        } else {
            let (free, size) = (show_short_size(space.available), show_short_size(space.size));
            ("space", format!("{free} of {size} free"))
        };
        let (level, what) = if none {
            (Level::Error, format!("{point} is full: it has no {what}"))
        } else {
            (Level::Warning, format!("{point} has nearly no {what}"))
        };
        let mut finding = Finding::new(level, what).seen(format!("statvfs(3) of {point}"), left);
        finding = if row.mount.kind == b"tmpfs" {
            let twice = (space.size >> 20).max(1).saturating_mul(2);
            finding
                .kubernetes(format!("emptyDir: {{medium: Memory, sizeLimit: {twice}Mi}}"))
                .docker(format!("--tmpfs {point}:size={twice}m (--shm-size for /dev/shm)"))
        } else {
            finding
                .kubernetes("a larger volume, or less of what is kept there")
                .docker(format!("a larger volume: --volume NAME:{point}"))
        };
        case.add(finding.application(format!("remove what is not needed: porthole find {point} --larger 1M shows what is large, porthole lsof --deleted what is held")));
    }
}

/// Whether the process may read this file cannot be told, for this reason.
fn unknown(case: &mut Case<'_>, path: &Path, why: &str) {
    let what = format!("it cannot be told whether {} can read {}", case.known.shown(), path.display());
    case.add(Finding::new(Level::Error, what).seen(path.display(), why));
}

/// What keeps the process from reading a file, if anything does.
fn readable(case: &mut Case<'_>, root: &Root, who: &Who, path: &Path) {
    let found = examine(case.target, root, path, who, &[READ]);
    let name = path.display();
    let end = found.rows.last().filter(|row| row.is_end).map(|row| kind(row.meta.st_mode));
    match found.allowed {
        Some(true) if end.is_none_or(|(letter, _)| letter == '-') => return,
        Some(true) => {
            let what = end.map_or("", |(_, what)| what);
            return case.add(
                Finding::new(Level::Error, format!("{name} is {what}, not a file"))
                    .seen(name, what)
                    .kubernetes("volumeMounts: a mountPath of the file, with subPath: its key")
                    .docker("--volume: where the path on the host is missing, Docker makes a directory of that name"),
            );
        }
        Some(false) => {}
        None => return unknown(case, path, &found.reason),
    }
    let finding = Finding::new(Level::Error, format!("{} cannot read {name}", case.known.shown()));
    let Some((place, why)) = denial(&found) else {
        // The path leads nowhere.
        let (place, why) = found.reason.rsplit_once(": ").unwrap_or((&found.reason, ""));
        case.add(
            finding
                .seen(place, why)
                .kubernetes("volumes and volumeMounts: mountPath and the keys of the ConfigMap or Secret")
                .docker(
                    "--volume, or COPY in the Dockerfile: is the path the one that the application reads?",
                ),
        );
        return;
    };
    let (uid, gid) = (who.uid, who.gid);
    let finding = finding.seen(&place, why);
    let last = found.rows.last();
    let is_owner = last.is_some_and(|row| row.meta.st_uid == uid);
    let finding = if last.is_some_and(|row| row.link.is_some()) {
        finding.docker(format!(
            "a link of the user who follows it, or of the directory's owner: chown -h {uid}:{gid} {place}"
        ))
    } else if is_owner {
        // Its own bits count, whatever the others have.
        finding.docker(format!(
            "chmod {} {place}",
            if last.is_some_and(|row| row.is_end) { "u+r" } else { "u+x" }
        ))
    } else if last.is_some_and(|row| row.is_end) {
        finding
            .kubernetes(format!(
                "securityContext.fsGroup: {gid} (of the pod), and defaultMode: 0440 of the volume"
            ))
            .docker(format!(
                "chown {uid}:{gid} of the file that is mounted; in an image: COPY --chown={uid}:{gid}"
            ))
    } else {
        finding
            .kubernetes(format!("securityContext.fsGroup: {gid} (of the pod) for a volume"))
            .docker(format!("chmod o+x {place}, or chown {uid}:{gid}; in an image: COPY --chown={uid}:{gid}"))
    };
    case.add(finding);
}
