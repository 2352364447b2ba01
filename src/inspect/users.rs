//! Names of users and groups, from passwd(5) and group(5) as the target sees them. An image often has neither.

use std::io::Read as _;
use std::path::Path;

use super::Target;
use crate::procfs::handle::Lost;
use crate::report::Answer;
use crate::rootfs::Root;

/// The most of one file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The names of ids.
#[derive(Debug, Default)]
pub struct Names {
    users: Vec<(u32, Vec<u8>)>,
    groups: Vec<(u32, Vec<u8>)>,
}

impl Names {
    /// As the target's files have them. They are a convenience: where those may not be read, its users have numbers,
    /// which is said.
    pub fn of(target: &Target, answer: &mut Answer) -> Self {
        target.root().map_or_else(
            |why| {
                // A thread of the kernel has no files, and what is made up need not.
                if target.process.as_ref().is_some_and(|process| process.meta("root") == Err(Lost::Denied)) {
                    answer.note(&format!(
                        "users have numbers, for their names are in files of the process: {why}"
                    ));
                }
                Names::default()
            },
            |root| Names::read(&root),
        )
    }

    /// As this root's files have them; none where there are no such files.
    pub fn read(root: &Root) -> Self {
        let read = |path: &str| {
            let mut text = Vec::new();
            if let Ok((file, _)) = root.open(Path::new(path), false) {
                // What could be read of it counts.
                let _ = file.take(LIMIT).read_to_end(&mut text);
            }
            parse(&text)
        };
        Names { users: read("/etc/passwd"), groups: read("/etc/group") }
    }

    /// The user's name, or its number.
    pub fn user(&self, uid: u32) -> Vec<u8> {
        or_number(self.known_user(uid), uid)
    }

    /// The group's name, or its number.
    pub fn group(&self, gid: u32) -> Vec<u8> {
        or_number(self.known_group(gid), gid)
    }

    /// The user's name, if it has one.
    pub fn known_user(&self, uid: u32) -> Option<&[u8]> {
        name(&self.users, uid)
    }

    /// The group's name, if it has one.
    pub fn known_group(&self, gid: u32) -> Option<&[u8]> {
        name(&self.groups, gid)
    }
}

fn name(names: &[(u32, Vec<u8>)], id: u32) -> Option<&[u8]> {
    names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_slice())
}

fn or_number(name: Option<&[u8]>, id: u32) -> Vec<u8> {
    name.map_or_else(|| id.to_string().into_bytes(), <[u8]>::to_vec)
}

/// `name:password:id:…`, a line each.
fn parse(text: &[u8]) -> Vec<(u32, Vec<u8>)> {
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
