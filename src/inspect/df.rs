//! `df [PATH...]`: space and inodes of the filesystems. df(1), statvfs(3).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, operands};
use crate::error::Error;
use crate::outcome::Fact;
use crate::redact::mounted;
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::units::show_short_size;
use crate::view::control_groups::avoid_threads_at_pids_limit;
use crate::view::filesystems::{FULL, Row, Space, listed, named};
use crate::view::mounts::read;

/// How long all filesystems together may take.
const LIMIT: Duration = Duration::from_secs(5);
pub(super) const COMMAND: Command = Command {
    name: "df",
    summary: "print space and inodes of the filesystems",
    options: &[&[operands("PATH", "only the filesystems that these are on").optional()]],
    plan,
    examples: r"porthole df
porthole df /var/lib/data
porthole df -p 7 --json",
    properties: Properties { habits: Habits { letters: "hk", ..Habits::NONE }, ..Properties::PLAIN },
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
        avoid_threads_at_pids_limit();
        let mounts = read(target, answer)?;
        let root = target.root().map(Arc::new);
        let whole = answer.within(LIMIT);
        let rows = if self.paths.is_empty() {
            // What is mounted may be seen where the files may not.
            let root = root.map_err(|why| answer.complain(why)).ok();
            listed(target, root.as_ref(), &mounts, whole, &mut |error| answer.complain(error))
        } else {
            named(&self.paths, target, &root?, &mounts, whole, answer)
        };
        print(&rows, answer);
        Ok(true)
    }
}

fn print(rows: &[Row], answer: &mut Answer) {
    if answer.is_json() {
        for row in rows {
            if answer.is_over() {
                break;
            }
            answer.item("filesystems", &fact(row));
        }
        return;
    }
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new(&[
        left("SOURCE"),
        left("TYPE"),
        right("SIZE"),
        right("USED"),
        right("AVAIL"),
        right("USE%"),
        right("IUSE%"),
        left("STATE"),
        left("MOUNT"),
    ]);
    for row in rows {
        let size = |of: fn(Space) -> u64| {
            row.space.map_or_else(|| "?".to_owned(), |space| show_short_size(of(space)))
        };
        let none = if row.space.is_some() { "-" } else { "?" };
        let percent = |value: Option<u64>| value.map_or_else(|| none.to_owned(), |value| format!("{value}%"));
        let (state, mark) = match (row.mount.is_read_only(), row.is_full()) {
            (true, _) => ("ro", Mark::Notable),
            (_, true) => ("full", Mark::Wrong),
            _ => ("", Mark::None),
        };
        table.row(&[
            &mounted(&row.mount.source),
            &row.mount.kind,
            size(|space| space.size).as_bytes(),
            size(|space| space.used).as_bytes(),
            size(|space| space.available).as_bytes(),
            percent(row.space_percent()).as_bytes(),
            percent(row.inode_percent()).as_bytes(),
            state.as_bytes(),
            &row.mount.point,
        ]);
        table.mark(7, mark);
        for (column, used) in [(5, row.space_percent()), (6, row.inode_percent())] {
            if row.is_full() && used >= Some(FULL) {
                table.mark(column, Mark::Wrong);
            }
        }
    }
    if !table.is_empty() {
        answer.table(&table);
    }
}

fn fact(row: &Row) -> Fact {
    let of = |of: fn(Space) -> u64| Fact::from(row.space.map(of));
    Fact::Object(vec![
        ("mount_point", Fact::Bytes(row.mount.point.clone())),
        ("type", Fact::Bytes(row.mount.kind.clone())),
        ("source", Fact::Bytes(mounted(&row.mount.source))),
        ("size", of(|space| space.size)),
        ("used", of(|space| space.used)),
        ("available", of(|space| space.available)),
        ("use_percent", row.space_percent().into()),
        ("inodes", of(|space| space.inodes)),
        ("inodes_used", of(|space| space.inodes_used)),
        ("inodes_available", of(|space| space.inodes_available)),
        ("inode_use_percent", row.inode_percent().into()),
        ("read_only", Fact::Bool(row.mount.is_read_only())),
        ("full", Fact::Bool(row.is_full())),
    ])
}
