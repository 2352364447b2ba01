//! /tmp, and expected files.

use std::path::{Path, PathBuf};
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
use crate::view::permission::{CANNOT_LOOK, EXEC, Examined, READ, WRITE, Who};

pub(super) fn diagnose(case: &mut Case<'_>, request: &Request) {
    let Some(root) = case.root.clone() else {
        for (path, wanted) in expected(request) {
            if let Err(error) = case.target.root() {
                cannot_tell(case, path, wanted, &error);
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
    for (path, wanted) in expected(request) {
        if !is_known {
            let error = Error::from("has no Uid or CapPrm line").at(&case.handle.path("status"));
            cannot_tell(case, path, wanted, &error);
            continue;
        }
        accessible(case, &root, &who, path, wanted);
    }
}

/// Returns what is expected, and for what.
fn expected(request: &Request) -> impl Iterator<Item = (&PathBuf, Wanted)> {
    let readable = request.files.iter().map(|path| (path, Wanted::Read));
    readable.chain(request.writable.iter().map(|path| (path, Wanted::Write)))
}

/// What is expected of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// It is a file that can be read.
    Read,
    /// It is a file or directory that can be written to.
    Write,
}

impl Wanted {
    fn verb(self) -> &'static str {
        match self {
            Wanted::Read => "read",
            Wanted::Write => "write to",
        }
    }

    /// The bits to check: a directory that is written to is also searched.
    fn bits(self, is_folder: bool) -> &'static [u32] {
        match self {
            Wanted::Read => &[READ],
            Wanted::Write if is_folder => &[WRITE, EXEC],
            Wanted::Write => &[WRITE],
        }
    }
}

/// The variables that name the directory for temporary files: tmpnam(3), and the manuals of Python
/// and Node.js.
const TEMPORARY: [&str; 3] = ["TMPDIR", "TEMP", "TMP"];

/// Runtimes whose programs commonly create temporary files, if only for their own diagnostics.
const RUNTIMES: [&str; 12] = [
    "java", "python", "pypy", "node", "nodejs", "ruby", "php", "php-fpm", "perl", "dotnet", "deno",
    "beam.smp",
];

/// Returns the runtime that executes the process, as its executable or else its name tells.
fn runtime(case: &Case<'_>) -> Option<&'static str> {
    let exe = case.handle.link("exe").unwrap_or_else(|_| case.process.name.clone());
    let name = exe.rsplit(|&b| b == b'/').next().unwrap_or_default();
    // The version: `python3.11`.
    let end = name.iter().rposition(|b| !b.is_ascii_digit() && *b != b'.').map_or(0, |last| last + 1);
    let name = name.get(..end).unwrap_or_default();
    RUNTIMES.into_iter().find(|runtime| runtime.as_bytes() == name)
}

/// Adds a finding if the process cannot create temporary files where a variable says, or if it is of
/// a runtime that needs them, the root file system is read-only and /tmp is not writable.
fn temporary(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, mounts: &Mounts) {
    let environ = case.environ.clone().unwrap_or_default();
    let variables = Variables::parse(&environ);
    let named = TEMPORARY.iter().find_map(|name| Some((*name, variables.get(name)?)));
    let named = named.filter(|(_, path)| path.starts_with('/'));
    let mount = mounts.by_path(b"/").filter(|mount| mount.is_read_only());
    let runtime = runtime(case).filter(|_| mount.is_some());
    if named.is_none() && runtime.is_none() {
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
    let finding = if let Some((name, _)) = named {
        let what = format!("{name} names {folder} for temporary files, which is not writable");
        Finding::new(Level::Warning, what).seen(case.path("environ"), format!("{name}={folder}"))
    } else {
        let what = "the root file system is read-only, and /tmp is not writable";
        let runtime = runtime.unwrap_or_default();
        Finding::new(Level::Hint, what)
            .seen(case.path("exe"), format!("{runtime}, whose programs commonly need temporary files"))
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

/// Adds a finding that it is not known whether the process has access to this file, and why.
fn cannot_tell(case: &mut Case<'_>, path: &Path, wanted: Wanted, error: &Error) {
    let finding = unknown(case, path, wanted).unreadable(path.shown(), error);
    case.add(finding);
}

/// A finding that it is not known whether the process has access to this file.
fn unknown(case: &Case<'_>, path: &Path, wanted: Wanted) -> Finding {
    let (process, verb) = (case.process.shown(), wanted.verb());
    let what = format!("cannot tell whether {process} can {verb} {}", path.shown());
    Finding::new(Level::Error, what)
}

/// Adds a finding if the process does not have the expected access.
fn accessible(case: &mut Case<'_>, root: &Arc<Root>, who: &Who, path: &Path, wanted: Wanted) {
    let kind = |found: &Examined| {
        let last = found.rows.last().filter(|row| row.is_end)?;
        Some(FileType::of_mode(last.meta.st_mode))
    };
    let mut bits = wanted.bits(false);
    let mut found = examined(case, root, who, path, bits);
    if found.as_ref().is_ok_and(|found| kind(found).is_some_and(FileType::is_directory)) {
        bits = wanted.bits(true);
        found = examined(case, root, who, path, bits);
    }
    let found = match found {
        Ok(found) => found,
        Err(error) => return cannot_tell(case, path, wanted, &error),
    };
    let name = path.shown();
    let end = kind(&found);
    match found.allowed {
        Some(true) if wanted == Wanted::Write || end.is_none_or(FileType::is_regular) => return,
        Some(true) => {
            let finding = not_a_file(&name, end.unwrap_or(FileType::Unknown));
            return case.add(finding);
        }
        Some(false) => {}
        None => {
            let (place, mut why) = failure(&found, &name);
            if found.dead_end.as_ref().is_some_and(|dead| dead.error.is_denied()) {
                why = format!("{why}: {CANNOT_LOOK}").into();
            }
            let finding = unknown(case, path, wanted).seen(place, why);
            return case.add(finding);
        }
    }
    let finding = denied(case, who, &name, wanted, bits, &found);
    case.add(finding);
}

/// Returns the finding for a path that leads to something else than a file.
fn not_a_file(name: &str, kind: FileType) -> Finding {
    let what = kind.described();
    let finding = Finding::new(Level::Error, format!("{name} is {what}, not a file")).seen(name, what);
    if !kind.is_directory() {
        return finding;
    }
    finding
        .kubernetes("volumeMounts: a mountPath of the file, with subPath: its key")
        .docker("--volume: if the path on the host does not exist, Docker creates a directory there")
}

/// Returns the finding for a path to which the process has no access.
fn denied(case: &Case<'_>, who: &Who, name: &str, wanted: Wanted, bits: &[u32], found: &Examined) -> Finding {
    let (process, verb) = (case.process.shown(), wanted.verb());
    let finding = Finding::new(Level::Error, format!("{process} cannot {verb} {name}"));
    let last = found.rows.last();
    let has_end = last.is_some_and(|row| row.is_end);
    let leads_elsewhere = |finding: Finding| {
        finding
            .kubernetes("volumes and volumeMounts: mountPath and the keys of the ConfigMap or Secret")
            .docker("--volume, or COPY in the Dockerfile: is the path the one that the application reads?")
    };
    let (denied, why) = failure(found, name);
    let finding = finding.seen(&denied, why);
    if denial(found).is_none() {
        // An existing file that fails in another way is a problem of the volume.
        let is_absent = found.dead_end.as_ref().is_some_and(|dead| dead.error.is_absent());
        return if is_absent { leads_elsewhere(finding) } else { finding };
    }
    let is_folder = last.is_some_and(|row| FileType::of_mode(row.meta.st_mode).is_directory());
    let quoted = shell_quoted(name);
    match last.map(|row| (row, row.by)) {
        Some((row, _)) if row.link.is_some() => finding.docker(format!(
            "the link must belong to the user who follows it or to the directory's owner: chown -h {}:{} {}",
            who.uid,
            who.gid,
            shell_quoted(&denied)
        )),
        Some((row, Some(by))) => {
            with_grant(finding, who, row, by, &shell_quoted(&denied), bits, case.mounts.as_deref())
        }
        _ if !has_end && !is_folder => leads_elsewhere(finding),
        // Nothing else than the mount denies this to everyone.
        Some((row, None)) if wanted == Wanted::Write && row.outcome.is_err() => finding
            .kubernetes(format!("volumeMounts: a writable volume at {name}, without readOnly: true"))
            .docker(format!("--volume NAME:{quoted} without :ro, or --tmpfs {quoted}")),
        _ => finding,
    }
}
