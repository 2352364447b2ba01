//! /tmp, and expected files.

use std::path::Path;
use std::sync::Arc;

use super::access::{denial, examined, failure, with_grant};
use super::finding::{Finding, Level, shell_quoted};
use super::variables::Variables;
use super::{Case, Request, Root};
use crate::error::Error;
use crate::file_type::FileType;
use crate::procfs::mountinfo::Mounts;
use crate::text::{Shown as _, decode};
use crate::view::mounts::options_of_interest;
use crate::view::permission::{CANNOT_LOOK, EXEC, READ, WRITE, Who};

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
    let who = case.who.clone();
    // Without credentials the uid would be 0 by default.
    let is_known = case.status.known.has_credentials();
    if let Some(mounts) = case.mounts.clone().filter(|_| is_known && !case.is_fallback) {
        temporary(case, &root, &who, &mounts);
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

/// The variables that name the directory for temporary files: tmpnam(3), and the manuals of Python
/// and Node.js.
const TEMPORARY: [&str; 3] = ["TMPDIR", "TEMP", "TMP"];

/// Adds a finding if the process cannot create temporary files where a variable says, or if the root
/// file system is read-only and /tmp is not writable.
fn temporary(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, mounts: &Mounts) {
    let environ = case.environ.clone().unwrap_or_default();
    let variables = Variables::parse(&environ);
    let named = TEMPORARY.iter().find_map(|name| Some((*name, variables.get(name)?)));
    let named = named.filter(|(_, path)| path.starts_with('/'));
    let mount = mounts.by_path(b"/").filter(|mount| mount.is_read_only());
    if named.is_none() && mount.is_none() {
        return;
    }
    let folder = named.map_or("/tmp", |(_, path)| path);
    let found = match examined(case, root, who, Path::new(folder), &[WRITE, EXEC]) {
        Ok(found) => found,
        Err(error) => return case.unread.push(error.at(Path::new(folder))),
    };
    if found.allowed != Some(false) {
        return;
    }
    let quoted = shell_quoted(folder);
    let (path, why) = failure(&found, folder);
    let finding = match named {
        Some((name, _)) => {
            let what = format!("{name} names {folder} for temporary files, which is not writable");
            Finding::new(Level::Warning, what).seen(case.path("environ"), format!("{name}={folder}"))
        }
        // Not every application needs such files.
        None => Finding::new(Level::Hint, "the root file system is read-only, and /tmp is not writable"),
    };
    let finding = match mount {
        Some(mount) => finding
            .seen(case.path("mountinfo"), format!("/ {}", decode(&options_of_interest(mount).join(&b',')))),
        None => finding,
    };
    case.add(
        finding
            .seen(path, why)
            .kubernetes(format!(
                "volumes: [{{name: tmp, emptyDir: {{}}}}] and volumeMounts: [{{name: tmp, mountPath: {folder}}}]"
            ))
            .docker(format!("--tmpfs {quoted}")),
    );
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
        Some((row, Some(by))) => with_grant(finding, who, row, by, &shell_quoted(&denied), &[READ]),
        _ if end.is_none() && !is_folder => leads_elsewhere(finding),
        _ => finding,
    });
}
