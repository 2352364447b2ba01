//! The columns of a process.

use super::sample::Share;
use crate::outcome::Fact;
use crate::procfs::stat::Stat;
use crate::report::Column;
use crate::table::{Cell, Mark};
use crate::units::{show_number, show_short_size, show_tenths};
use crate::view::command_line::{arguments, push_command_line};
use crate::view::named::Named;

/// What all rows have in common.
pub struct View {
    /// The users that appear.
    pub users: Named,
    /// The size of a page in bytes.
    pub page: u64,
}

/// A process and how much CPU it used.
pub struct Row<'a> {
    pub view: &'a View,
    pub share: &'a Share,
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    /// The columns and the keys.
    pub const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::new(
            "PID",
            |row| show_number(row.share.seen.pid.into()).into(),
            "pid",
            |row| Some(u64::from(row.share.seen.pid).into()),
        )
        .numbers(),
        C::json("uid", |row| Some(row.share.seen.uid.map(u64::from).into())),
        C::new(
            "USER",
            |row| row.user().map_or_else(|| "?".into(), Cell::from),
            "user",
            |row| Some(row.user().map_or(Fact::Null, |name| Fact::Bytes(name.to_vec()))),
        ),
        C::json("process", |row| Some(row.value(|stat| stat.name.clone()))),
        C::json("state", |row| Some(row.value(|stat| char::from(stat.state).to_string()))),
        C::new(
            "CPU",
            |row| show_tenths(row.share.tenths).into(),
            "cpu_percent",
            |row| Some(Fact::tenths(row.share.tenths)),
        )
        .numbers(),
        C::new(
            "RSS",
            |row| row.cell(|stat| show_short_size(row.rss(stat))),
            "rss",
            |row| Some(row.value(|stat| row.rss(stat))),
        )
        .numbers(),
        C::new(
            "THREADS",
            |row| row.cell(|stat| show_number(stat.threads)),
            "threads",
            |row| Some(row.value(|stat| stat.threads)),
        )
        .numbers(),
        C::new("COMMAND", Row::command, "args", |row| Some(Fact::List(arguments(&row.share.seen, false))))
            .cut(0),
    ];

    fn cell(&self, of: impl FnOnce(&Stat) -> String) -> Cell {
        self.share.seen.stat.as_ref().map_or_else(|_| "?".into(), |stat| of(stat).into())
    }

    fn value<T: Into<Fact>>(&self, of: impl FnOnce(&Stat) -> T) -> Fact {
        self.share.seen.stat.as_ref().map_or(Fact::Null, |stat| of(stat).into())
    }

    fn rss(&self, stat: &Stat) -> u64 {
        stat.pages.saturating_mul(self.view.page)
    }

    /// The name of its user, unless that is unknown.
    fn user(&self) -> Option<&[u8]> {
        self.share.seen.uid.map(|uid| self.view.users.name(uid))
    }

    fn command(&self) -> Cell {
        let mut text = Vec::new();
        push_command_line(&mut text, &self.share.seen, false);
        let is_zombie = self.share.seen.stat.as_ref().is_ok_and(Stat::is_zombie);
        Cell::from(text).marked(if is_zombie { Mark::Wrong } else { Mark::None })
    }
}
