//! Names of users and groups, from passwd(5) and group(5) as the target sees them. An image often
//! has neither.
//!
//! Names are a convenience: if the file system does not answer in time, numbers are shown instead.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Fact;
use crate::procfs;
use crate::procfs::mountinfo::Mounts;
use crate::report::Answer;
use crate::threads::bounded;
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::mounts;
use crate::view::root::Root;
use crate::view::target::Target;

/// How much of one file is read, in bytes.
const MAX_PASSWD_BYTES: u64 = 1 << 20;
/// How long the file system of such a file may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// The names of user and group ids.
#[derive(Debug, Default)]
pub struct Names {
    users: Vec<(u32, Vec<u8>)>,
    groups: Vec<(u32, Vec<u8>)>,
}

impl Names {
    /// Reads the names from the target's files. If access is denied, users are shown as numbers,
    /// and a note says so.
    pub fn of(target: &Target, answer: &mut Answer) -> Self {
        match target.root() {
            Ok(root) => Names::read(target, root, answer),
            Err(error) => {
                // A thread of the kernel has no files, and a process in a fabricated proc need not
                // have any.
                if error.is_denied() {
                    answer.info(&format!(
                        "users are shown as numbers: cannot read the files of the process: {error}"
                    ));
                }
                Names::default()
            }
        }
    }

    /// Reads the names from the files of the target's root; there are none if the files do not
    /// exist.
    pub fn read(target: &Target, root: Root, answer: &mut Answer) -> Self {
        let mut names = Names::default();
        if !may_block(target) {
            names.users = parse(&text(&root, "/etc/passwd"));
            names.groups = parse(&text(&root, "/etc/group"));
            return names;
        }
        avoid_threads_at_pids_limit();
        let (root, deadline) = (Arc::new(root), answer.within(READ_TIMEOUT));
        let files = [
            (&mut names.users, "/etc/passwd", "users and groups"),
            (&mut names.groups, "/etc/group", "groups"),
        ];
        for (ids, path, whose) in files {
            let root = Arc::clone(&root);
            let Ok(text) = bounded(deadline, Box::new(move || text(&root, path))) else {
                answer.warn(&format!(
                    "{path}: the file system does not answer, so {whose} are shown as numbers"
                ));
                break;
            };
            *ids = parse(&text);
        }
        names
    }

    /// Returns the user's name, or its number.
    pub fn user(&self, uid: u32) -> Vec<u8> {
        or_number(self.known_user(uid), uid)
    }

    /// Returns the group's name, or its number.
    pub fn group(&self, gid: u32) -> Vec<u8> {
        or_number(self.known_group(gid), gid)
    }

    /// Returns the group for JSON: its number and its name.
    pub fn group_fact(&self, gid: u32) -> Fact {
        Fact::Object(vec![("gid", Fact::Count(gid.into())), ("group", Fact::Bytes(self.group(gid)))])
    }

    /// Returns the user's name, if it has one.
    pub fn known_user(&self, uid: u32) -> Option<&[u8]> {
        name(&self.users, uid)
    }

    /// Returns the group's name, if it has one.
    pub fn known_group(&self, gid: u32) -> Option<&[u8]> {
        name(&self.groups, gid)
    }
}

/// Reads as much of the file as possible.
fn text(root: &Root, path: &str) -> Vec<u8> {
    let mut text = Vec::new();
    if let Ok((file, _)) = root.open(Path::new(path), false) {
        // On an error, what was read before it counts.
        let _ = file.take(MAX_PASSWD_BYTES).read_to_end(&mut text);
    }
    text
}

/// Whether the target sees any file system that may not answer, wherever it is mounted: a link may
/// lead there.
fn may_block(target: &Target) -> bool {
    let text = match &target.process {
        // A fabricated proc does not list the real file systems.
        Some(_) if target.is_of_kernel() => target.read("mountinfo"),
        Some(_) => return true,
        // We always see our own files, whichever proc is inspected.
        None => Target::own(Path::new(procfs::ROOT)).read("mountinfo"),
    };
    mounts::may_block(&Mounts::parse(&text.unwrap_or_default()))
}

fn name(names: &[(u32, Vec<u8>)], id: u32) -> Option<&[u8]> {
    names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_slice())
}

fn or_number(name: Option<&[u8]>, id: u32) -> Vec<u8> {
    name.map_or_else(|| id.to_string().into_bytes(), <[u8]>::to_vec)
}

/// Parses lines of the form `name:password:id:…`.
pub fn parse(text: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let line = |line: &[u8]| {
        let mut fields = line.split(|&b| b == b':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_vec();
        Some((std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?, name))
    };
    text.split(|&b| b == b'\n').filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ids() {
        let users =
            parse(b"root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/:\n#\n:x:1:\nodd\nodd:x:y:\n");
        let names = Names { users, groups: parse(b"staff:x:50:a,b\n") };
        assert_eq!(
            (names.user(0), names.user(65_532), names.user(7)),
            (b"root".to_vec(), b"nonroot".to_vec(), b"7".to_vec())
        );
        assert_eq!((names.group(50), names.group(0)), (b"staff".to_vec(), b"0".to_vec()));
    }
}
