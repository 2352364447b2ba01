//! `df [PATH...]`: space and inodes of the filesystems. df(1), statvfs(3).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Command, Habits, Inspect, Properties, Scope, Target};
use crate::args::{Given, UsageError, operands};
use crate::error::Error;
use crate::outcome::Fact;
use crate::redact::mask_mount;
use crate::report::{Answer, Column};
use crate::table::{Cell, Mark};
use crate::units::{push_number, show_short_size};
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::filesystems::{FULL, Row, Space, listed, named};
use crate::view::mounts::{may_block, read};

/// The time limit for all filesystems together.
const TIME_LIMIT: Duration = Duration::from_secs(5);
pub(super) const COMMAND: Command = Command {
    name: "df",
    summary: "print the space and inodes of filesystems",
    options: &[&[operands("PATH", "only the filesystems that these paths are on").optional()]],
    plan,
    examples: r"porthole df
porthole df /var/lib/data
porthole df -p 7 --json",
    properties: Properties {
        scope: Scope::Files,
        habits: Habits { letters: "hk", ..Habits::NONE },
        ..Properties::PLAIN
    },
};

#[derive(Debug)]
struct Df {
    paths: Vec<PathBuf>,
}

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Df { paths: given.paths("PATH") }))
}

impl Inspect for Df {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        answer.list("filesystems");
        let mounts = read(target, answer)?;
        if !self.paths.is_empty() || may_block(&mounts) {
            avoid_threads_at_pids_limit();
        }
        let root = target.root().map(Arc::new);
        let whole = answer.within(TIME_LIMIT);
        let rows = if self.paths.is_empty() {
            // The list of mounts may be readable even if the root directory is not.
            let root = root.map_err(|why| answer.error(why)).ok();
            listed(target, root.as_ref(), &mounts, whole, &mut |error| answer.error(error))
        } else {
            named(&self.paths, target, &root?, &mounts, whole, answer)
        };
        if !rows.is_empty() {
            answer.rows("filesystems", Line::COLUMNS, false, &mut rows.into_iter().map(Line));
        }
        Ok(true)
    }
}

/// A row of the table.
struct Line<'a>(Row<'a>);

type C<'a> = Column<Line<'a>>;

impl<'a> Line<'a> {
    const COLUMNS: &'a [Column<Line<'a>>] = &[
        C::new(
            "MOUNT",
            |row| row.0.mount.point.as_slice().into(),
            "mount_point",
            |row| Some(row.0.mount.point.clone().into()),
        )
        .right()
        .cut(1),
        C::new(
            "TYPE",
            |row| row.0.mount.kind.as_slice().into(),
            "filesystem",
            |row| Some(row.0.mount.kind.clone().into()),
        ),
        C::new(
            "SOURCE",
            |row| mask_mount(&row.0.mount.source).into(),
            "source",
            |row| Some(mask_mount(&row.0.mount.source).into()),
        )
        .left()
        .cut(0),
        C::new(
            "SIZE",
            |row| size(&row.0, |space| space.size),
            "size",
            |row| Some(count(&row.0, |space| space.size)),
        )
        .numbers(),
        C::new(
            "USED",
            |row| size(&row.0, |space| space.used),
            "use",
            |row| Some(count(&row.0, |space| space.used)),
        )
        .numbers(),
        C::new(
            "AVAIL",
            |row| size(&row.0, |space| space.available),
            "available",
            |row| Some(count(&row.0, |space| space.available)),
        )
        .numbers(),
        C::new(
            "USE%",
            |row| percent(&row.0, row.0.space_percent()),
            "use_percent",
            |row| Some(row.0.space_percent().into()),
        )
        .numbers(),
        C::json("inodes", |row| Some(count(&row.0, |space| space.inodes))),
        C::json("inodes_use", |row| Some(count(&row.0, |space| space.inodes_used))),
        C::json("inodes_available", |row| Some(count(&row.0, |space| space.inodes_available))),
        C::new(
            "IUSE%",
            |row| percent(&row.0, row.0.inode_percent()),
            "inodes_use_percent",
            |row| Some(row.0.inode_percent().into()),
        )
        .numbers(),
        C::new("STATE", |row| state(&row.0), "read_only", |row| Some(row.0.mount.is_read_only().into())),
        C::json("full", |row| Some(row.0.is_full().into())),
    ];
}

fn size(row: &Row, of: fn(Space) -> u64) -> Cell {
    row.space.map_or("?".into(), |space| show_short_size(of(space)).into())
}
fn count(row: &Row, of: fn(Space) -> u64) -> Fact {
    row.space.map(of).into()
}

/// The used share, marked if it is why the filesystem counts as full.
fn percent(row: &Row, used: Option<u64>) -> Cell {
    let mark = if row.is_full() && used >= Some(FULL) { Mark::Wrong } else { Mark::None };
    let none = if row.space.is_some() { "-" } else { "?" };
    let shown = |used| {
        let mut text = Vec::new();
        push_number(&mut text, used);
        text.push(b'%');
        Cell::from(text)
    };
    used.map_or(none.into(), shown).marked(mark)
}

fn state(row: &Row) -> Cell {
    match (row.mount.is_read_only(), row.is_full()) {
        (true, _) => Cell::from("ro").marked(Mark::Notable),
        (_, true) => Cell::from("full").marked(Mark::Wrong),
        _ => "".into(),
    }
}
