//! `mounts [PATH]`: every mount that a process sees, or the one that a path is on. mount(8),
//! findmnt(8).

use std::path::PathBuf;
use std::rc::Rc;

use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use super::{Command, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, operand};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::mountinfo::Mount;
use crate::redact::mask_mount;
use crate::report::{Answer, Column};
use crate::table::{Cell, Mark};
use crate::text::Shown as _;
use crate::view::mounts::{
    MOUNT_TIMEOUT, MountedPath, Proc, options, options_of_interest, read, with_timeout,
};

pub(super) const COMMAND: Command = Command {
    name: "mounts",
    summary: "print all mounts, or the one that a path is on",
    options: &[&[operand("PATH", "only the mount that this path is on").optional()]],
    plan,
    examples: r"porthole mounts
porthole mounts /var/lib/data
porthole mounts -p 7 --json",
    properties: Properties { scope: Scope::Files, ..Properties::PLAIN },
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
            print(&mounts.list, answer);
            return Ok(true);
        };
        let root = target.root()?;
        let (proc, sought) = (Proc::of(target), path.clone());
        let place =
            with_timeout(Deadline::after(MOUNT_TIMEOUT), move || MountedPath::find(&proc, &root, &sought))
                .map_err(|why| format!("{}: {why}", path.shown()))?;
        let mount = place.mount(&mounts).ok_or_else(|| {
            let is_namespace =
                fstatfs(&place.handle).is_ok_and(|system| system.filesystem_type() == NSFS_MAGIC);
            let why = if is_namespace {
                "is a namespace, which is on no mount (nsfs)"
            } else {
                "its mount is not among those that the process sees: its root directory is below (chroot(2)), or a link of proc leads \
                 to what is in another mount namespace or, as a pipe, on no mount"
            };
            format!("{}: {why}", path.shown())
        })?;
        print(std::slice::from_ref(mount), answer);
        Ok(true)
    }
}

/// What is mounted, followed by the mounted folder if it is not the root of the filesystem, as in
/// findmnt(8): `/dev/vda[/var/lib]`. A password in it is masked.
fn source(mount: &Mount) -> Vec<u8> {
    let mut source = mask_mount(&mount.source);
    if mount.root != b"/" {
        for part in [b"[", mount.root.as_slice(), b"]"] {
            source.extend_from_slice(part);
        }
    }
    source
}

/// A mount, and those of its options that are shown.
struct Row<'a> {
    mount: &'a Mount,
    options: Rc<[Vec<u8>]>,
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::new(
            "MOUNT",
            |row| row.mount.point.as_slice().into(),
            "mount_point",
            |row| Some(row.mount.point.clone().into()),
        )
        .cut(2),
        C::new(
            "TYPE",
            |row| row.mount.kind.as_slice().into(),
            "filesystem",
            |row| Some(row.mount.kind.clone().into()),
        ),
        C::new(
            "SOURCE",
            |row| source(row.mount).into(),
            "source",
            |row| Some(mask_mount(&row.mount.source).into()),
        )
        .cut(1),
        C::json("root", |row| Some(row.mount.root.clone().into())),
        C::json("device", |row| Some(row.mount.device.clone().into())),
        C::json("read_only", |row| Some(row.mount.is_read_only().into())),
        C::new(
            "OPTIONS",
            |row| Cell::from(row.options.join(&b',')).marked(row.mark()),
            "options",
            |row| Some(Fact::List(row.options.iter().cloned().map(Fact::Bytes).collect())),
        )
        .cut(0),
        C::json("id", |row| Some(Fact::Count(row.mount.id.into()))),
        C::json("parent", |row| Some(Fact::Count(row.mount.parent.into()))),
    ];

    fn mark(&self) -> Mark {
        if self.mount.is_read_only() { Mark::Notable } else { Mark::None }
    }
}

fn print(mounts: &[Mount], answer: &mut Answer) {
    let options = if answer.is_kept() { options_of_interest } else { options };
    let mut last: Option<Row> = None;
    let mut rows = mounts.iter().map(|mount| {
        // Many mounts have the options of the one before.
        let same = last.take().filter(|last| last.mount.has_options_of(mount));
        let options = same.map_or_else(|| options(mount).into(), |last| last.options);
        last = Some(Row { mount, options: Rc::clone(&options) });
        Row { mount, options }
    });
    answer.rows("mounts", Row::COLUMNS, false, &mut rows);
}
