//! `mounts [PATH]`: every mount that a process sees, or the one that a path is on. mount(8), findmnt(8).

use std::path::PathBuf;

use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operand};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::mountinfo::Mount;
use crate::redact::mounted;
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::text::Shown as _;
use crate::view::mounts::{MOUNT_TIMEOUT, MountedPath, options, options_of_interest, read, with_timeout};

pub(super) const COMMAND: Command = Command {
    name: "mounts",
    summary: "print the mounts, or the one that a path is on",
    options: &[&[operand("PATH", "only the mount that this path is on").optional()]],
    plan,
    examples: r"porthole mounts
porthole mounts /var/lib/data
porthole mounts -p 7 --json",
    properties: Properties::PLAIN,
};

#[derive(Debug)]
struct Show {
    path: Option<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Show { path: given.paths("PATH").pop() }))
}

impl Inspect for Show {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        answer.list("mounts");
        let mounts = read(target, answer)?;
        let Some(path) = &self.path else {
            print(&mounts.mounts, answer);
            return Ok(true);
        };
        let root = target.root()?;
        let (proc, sought) = (target.proc.clone(), path.clone());
        let place =
            with_timeout(Deadline::after(MOUNT_TIMEOUT), move || MountedPath::find(&proc, &root, &sought))
                .map_err(|why| format!("{}: {why}", path.shown()))?;
        let mount = place.mount(&mounts).ok_or_else(|| {
            let is_namespace =
                fstatfs(&place.handle).is_ok_and(|system| system.filesystem_type() == NSFS_MAGIC);
            let why = if is_namespace {
                "is a namespace, which is on no mount (nsfs)"
            } else {
                "its mount is none that the process sees: its root directory is below (chroot(2)), or a link of proc leads \
                 to what is in another mount namespace or, as a pipe, on no mount"
            };
            format!("{}: {why}", path.shown())
        })?;
        print(std::slice::from_ref(mount), answer);
        Ok(true)
    }
}

/// What is mounted, with the folder of it where it is not all: `/dev/vda[/var/lib]`, as findmnt(8) has it. It may have
/// a password in it.
fn source(mount: &Mount) -> Vec<u8> {
    let mut source = mounted(&mount.source);
    if mount.root != b"/" {
        for part in [b"[", mount.root.as_slice(), b"]"] {
            source.extend_from_slice(part);
        }
    }
    source
}

fn print(mounts: &[Mount], answer: &mut Answer) {
    if answer.is_json() {
        for mount in mounts {
            if answer.is_over() {
                break;
            }
            let options = if answer.is_kept() { options_of_interest(mount) } else { options(mount) };
            answer.item("mounts", &fact(mount, options));
        }
        return;
    }
    let left = |name| (name, Align::Left);
    let mut table = Table::new(&[left("MOUNT"), left("TYPE"), left("SOURCE"), left("OPTIONS")]);
    for mount in mounts {
        let options = options(mount).join(&b',');
        table.row(&[&mount.point, &mount.kind, &source(mount), &options]);
        if mount.is_read_only() {
            table.mark(3, Mark::Notable);
        }
    }
    answer.table(&table);
}

fn fact(mount: &Mount, options: Vec<Vec<u8>>) -> Fact {
    let options = options.into_iter().map(Fact::Bytes);
    Fact::Object(vec![
        ("mount_point", Fact::Bytes(mount.point.clone())),
        ("type", Fact::Bytes(mount.kind.clone())),
        ("source", Fact::Bytes(mounted(&mount.source))),
        ("root", Fact::Bytes(mount.root.clone())),
        ("device", Fact::Bytes(mount.device.clone())),
        ("read_only", Fact::Bool(mount.is_read_only())),
        ("options", Fact::List(options.collect())),
        ("id", Fact::Count(mount.id.into())),
        ("parent", Fact::Count(mount.parent.into())),
    ])
}
