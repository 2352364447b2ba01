//! Names of users and groups, from passwd(5) and group(5) as the target sees them. An image often has neither.
//!
//! They are a convenience: a file system that does not answer is not waited for, and then there are numbers.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::procfs;
use crate::procfs::mountinfo::Mounts;
use crate::report::Answer;
use crate::threads::bounded;
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::root::Root;
use crate::view::target::Target;

/// The most of one file that is read, in bytes.
const MAX_PASSWD_BYTES: u64 = 1 << 20;
/// How long the file system of such a file may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
/// The file systems that answer as long as the machine does. Others ask a server, which may be gone.
const LOCAL: [&str; 32] = [
    "aufs",
    "binfmt_misc",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "xfs",
];

/// The names of ids.
#[derive(Debug, Default)]
pub struct Names {
    users: Vec<(u32, Vec<u8>)>,
    groups: Vec<(u32, Vec<u8>)>,
}

impl Names {
    /// As the target's files have them. Where those may not be read, its users have numbers, which is said.
    pub fn of(target: &Target, answer: &mut Answer) -> Self {
        match target.root() {
            Ok(root) => Names::read(target, root, answer),
            Err(error) => {
                // A thread of the kernel has no files, and a fabricated process need not have any.
                if error.is_denied() {
                    answer.note(&format!(
                        "users are shown as numbers: cannot read the files of the process: {error}"
                    ));
                }
                Names::default()
            }
        }
    }

    /// As this root's files have them, which is the target's; none where there are no such files.
    pub fn read(target: &Target, root: Root, answer: &mut Answer) -> Self {
        let mut names = Names::default();
        if !may_halt(target) {
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
                answer.lack(&format!(
                    "{path}: the file system does not answer, so {whose} are shown as numbers"
                ));
                break;
            };
            *ids = parse(&text);
        }
        names
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

/// The text of this file, as much of it as could be read.
fn text(root: &Root, path: &str) -> Vec<u8> {
    let mut text = Vec::new();
    if let Ok((file, _)) = root.open(Path::new(path), false) {
        // What could be read of it counts.
        let _ = file.take(MAX_PASSWD_BYTES).read_to_end(&mut text);
    }
    text
}

/// Whether the target sees a file system that may not answer, wherever it is: a link may lead there.
fn may_halt(target: &Target) -> bool {
    let text = match &target.process {
        // A fabricated proc says nothing of the file systems that there are.
        Some(_) if target.is_of_kernel() => target.read("mountinfo"),
        Some(_) => return true,
        // Our own files are what we see, whatever proc is looked at.
        None => Target { proc: procfs::ROOT.into(), process: None }.read("mountinfo"),
    };
    let mounts = Mounts::parse(&text.unwrap_or_default()).mounts;
    let is_local = |kind: &[u8]| LOCAL.iter().any(|local| local.as_bytes() == kind);
    // The mount that the root directory is on may be one that the table does not have: chroot(2).
    let has_root = mounts.iter().any(|mount| mount.point == b"/");
    !has_root || !mounts.iter().all(|mount| is_local(&mount.kind))
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
