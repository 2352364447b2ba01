//! What the process may access: the rules applied to a path, and the change that grants access.
//! path_resolution(7).

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::finding::{Finding, shell_quoted};
use super::{Case, Root};
use crate::error::Error;
use crate::procfs::mountinfo::Mounts;
use crate::text::decode;
use crate::view::permission::{Class, EXEC, Examined, READ, Row as Component, WRITE, Who, examine};
use crate::view::resolve::DeadEnd;
use crate::view::target::Target;

/// Applies the access rules to a path. Fails if its file system does not answer.
pub fn examined(
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
pub fn denial(found: &Examined) -> Option<(String, &str)> {
    let row = found.rows.last()?;
    let why = row.outcome.as_ref().err()?;
    Some((decode(&row.path), why))
}

/// Returns where access to a path fails, and why: a component that denies it, or that cannot be
/// reached.
pub fn failure<'a>(found: &'a Examined, path: &str) -> (String, Cow<'a, str>) {
    match (denial(found), &found.dead_end) {
        (Some((path, why)), _) => (path, why.into()),
        (None, Some(DeadEnd { path, error })) => (decode(path), error.reason()),
        (None, None) => (path.to_owned(), found.reason.as_str().into()),
    }
}

/// Adds the change that grants what is wanted here: to the permission bits that apply, because a
/// change to others would have no effect.
pub fn with_grant(
    finding: Finding,
    who: &Who,
    row: &Component,
    by: Class,
    path: &str,
    wanted: &[u32],
    mounts: Option<&Mounts>,
) -> Finding {
    let mount = mounts.and_then(|mounts| mounts.by_path(&row.path));
    let (uid, gid, is_end) = (who.uid, who.gid, row.is_end);
    let bits = if is_end { wanted.iter().fold(0, |bits, bit| bits | bit) } else { EXEC };
    let letter: String = [(READ, 'r'), (WRITE, 'w'), (EXEC, 'x')]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    let class = match by {
        Class::Owner => "u",
        // chmod(1) changes the mask in place of the group's bits.
        Class::Group | Class::Mask => "g",
        Class::Others => "o",
        Class::Entry(named, id) => {
            let id = id.map_or_else(String::new, |id| id.to_string());
            return finding.docker(["setfacl -m ", named.name(), ":", &id, ":", &letter, " ", path].concat());
        }
    };
    let chmod = ["chmod ", class, "+", &letter, " ", path].concat();
    if matches!(by, Class::Owner | Class::Mask) {
        return finding.docker(chmod);
    }
    // To a new owner only the owner's bits apply.
    let lacks = row.meta.st_mode & bits << 6 != bits << 6;
    let own = if lacks { [" and chmod u+", &letter].concat() } else { String::new() };
    let copied = if lacks { " and --chmod" } else { "" };
    let in_image = format!("in an image: COPY --chown={uid}:{gid}{copied}");
    if !is_end {
        return finding
            .kubernetes(format!("securityContext.fsGroup: {gid} (of the pod) for a volume"))
            .docker(format!("{chmod}, or chown {uid}:{gid}{own}; {in_image}"));
    }
    if bits & WRITE != 0 {
        let of_pod = format!("securityContext.fsGroup: {gid} (of the pod)");
        return match mount {
            // No volume: the image has it.
            Some(mount) if mount.point == b"/" => finding.docker(in_image),
            Some(mount) if mount.kind == b"tmpfs" => {
                let point = shell_quoted(&decode(&mount.point));
                finding.kubernetes(of_pod).docker(format!("--tmpfs {point}:mode=1777"))
            }
            _ => finding.kubernetes(of_pod).docker(format!(
                "docker run --rm --volumes-from NAME busybox chown {uid}:{gid} {path}{own}; {in_image}"
            )),
        };
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
