//! The columns of a process.

use crate::outcome::Fact;
use crate::procfs::all::Seen;
use crate::procfs::stat::Stat;
use crate::report::Column;
use crate::table::{Cell, Mark};
use crate::units::{push_number, show_number, show_short_size, show_tenths};
use crate::view::command_line::{arguments, push_command_line};
use crate::view::named::Named;

/// The text of a cell whose value is not known.
const UNKNOWN: &str = "?";

/// What all rows have in common.
#[derive(Debug)]
pub struct View {
    /// The users that appear.
    pub users: Named,
    /// The time since boot in hundredths of a second; `None` if it cannot be read.
    pub uptime: Option<u64>,
    /// The clock ticks in a second.
    pub ticks: u64,
    /// The size of a page in bytes.
    pub page: u64,
    /// Whether secrets are shown.
    pub reveal: bool,
}

/// A process and its place in the tree.
#[derive(Debug)]
pub struct Row<'a> {
    pub view: &'a View,
    pub seen: &'a Seen,
    /// The lines of the tree, drawn before the command.
    pub lines: &'a str,
}

/// See [`Row::COLUMNS`].
type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    /// The columns, as ps(1) names them, and the keys.
    pub const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::new(
            "PID",
            |row| show_number(row.seen.pid.into()).into(),
            "pid",
            |row| Some(count(Some(row.seen.pid))),
        )
        .numbers()
        .left(),
        C::json("uid", |row| Some(count(row.seen.uid))),
        C::new(
            "USER",
            |row| row.user().map_or_else(|| UNKNOWN.into(), Cell::from),
            "user",
            |row| Some(row.user().map_or(Fact::Null, |name| Fact::Bytes(name.to_vec()))),
        ),
        C::new(
            "PPID",
            |row| row.cell(|stat| show_number(stat.ppid.into())),
            "ppid",
            |row| Some(row.value(|stat| u64::from(stat.ppid))),
        )
        .numbers()
        .left(),
        C::json("process", |row| Some(row.value(|stat| stat.name.clone()))),
        C::json("state", |row| Some(row.value(|stat| char::from(stat.state).to_string()))),
        C::new(
            "STAT",
            |row| row.cell(|stat| stat.letters(row.seen.pid)).marked(row.mark()),
            "stat",
            |row| Some(row.value(|stat| stat.letters(row.seen.pid))),
        ),
        C::json("zombie", |row| Some(row.value(Stat::is_zombie))),
        C::json("threads", |row| Some(row.value(|stat| stat.threads))),
        C::new(
            "ELAPSED",
            |row| row.known(|stat| Some(show_elapsed(row.view.elapsed(stat)? / 100))),
            "elapsed_ms",
            |row| {
                Some(row.value(|stat| row.view.elapsed(stat).map(|hundredths| hundredths.saturating_mul(10))))
            },
        )
        .numbers(),
        C::json("cpu_ms", |row| Some(row.value(|stat| stat.cpu.saturating_mul(1000) / row.view.ticks))),
        C::new(
            "CPU",
            |row| row.known(|stat| row.view.cpu_tenths(stat).map(show_tenths)),
            "cpu_percent",
            |row| Some(row.value(|stat| row.view.cpu_tenths(stat).map_or(Fact::Null, Fact::tenths))),
        )
        .numbers(),
        C::new(
            "RSS",
            |row| row.cell(|stat| show_short_size(row.view.rss(stat))),
            "rss",
            |row| Some(row.value(|stat| row.view.rss(stat))),
        )
        .numbers(),
        C::new(
            "COMMAND",
            |row| Cell::from(row.command()).marked(row.mark()),
            "args",
            |row| Some(row.value(|_| Fact::List(arguments(row.seen, row.view.reveal)))),
        )
        .cut(0),
        C::json("args_cut", |row| (row.seen.stat.is_ok() && row.seen.cut).then_some(Fact::Bool(true))),
    ];

    /// A cell of a value from `stat`.
    fn cell(&self, of: impl FnOnce(&Stat) -> String) -> Cell {
        self.known(|stat| Some(of(stat)))
    }

    /// A cell of a value that may be unknown even if `stat` can be read.
    fn known(&self, of: impl FnOnce(&Stat) -> Option<String>) -> Cell {
        self.seen.stat.as_ref().ok().and_then(of).map_or_else(|| UNKNOWN.into(), Cell::from)
    }

    /// The JSON value of something in `stat`; null if that cannot be read.
    fn value<T: Into<Fact>>(&self, of: impl FnOnce(&Stat) -> T) -> Fact {
        self.seen.stat.as_ref().map_or(Fact::Null, |stat| of(stat).into())
    }

    /// The name of its user, unless that is unknown.
    fn user(&self) -> Option<&[u8]> {
        self.seen.uid.map(|uid| self.view.users.name(uid))
    }

    fn mark(&self) -> Mark {
        match &self.seen.stat {
            Ok(stat) if stat.is_zombie() => Mark::Wrong,
            _ => Mark::None,
        }
    }

    /// The lines of the tree, then the command line.
    fn command(&self) -> Vec<u8> {
        let mut out = self.lines.as_bytes().to_vec();
        push_command_line(&mut out, self.seen, self.view.reveal);
        out
    }
}

impl View {
    /// How long the process has run, in hundredths of a second.
    pub fn elapsed(&self, stat: &Stat) -> Option<u64> {
        Some(self.uptime?.saturating_sub(stat.start.saturating_mul(100) / self.ticks))
    }

    /// The share of one CPU that the process has used since it started, in tenths of a percent.
    pub fn cpu_tenths(&self, stat: &Stat) -> Option<u64> {
        let used = stat.cpu.saturating_mul(100) / self.ticks;
        Some(used.saturating_mul(1000).checked_div(self.elapsed(stat)?).unwrap_or(0))
    }

    /// The resident size in bytes.
    pub fn rss(&self, stat: &Stat) -> u64 {
        stat.pages.saturating_mul(self.page)
    }
}

/// The number as a JSON value: null if it is unknown.
fn count(number: Option<u32>) -> Fact {
    number.map(u64::from).into()
}

/// The first number of `uptime`, in hundredths of a second. proc_uptime(5)
pub fn uptime(text: &[u8]) -> Option<u64> {
    let word = std::str::from_utf8(text.split(|&b| b == b' ').next()?).ok()?;
    let (seconds, hundredths) = word.trim_ascii_end().split_once('.')?;
    let seconds = seconds.parse::<u64>().ok()?.checked_mul(100)?;
    seconds.checked_add(hundredths.parse().ok().filter(|_| hundredths.len() == 2)?)
}

/// `[[DD-]hh:]mm:ss`, the format of ELAPSED in ps(1).
fn show_elapsed(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    let mut text = Vec::new();
    if days > 0 {
        push_number(&mut text, days);
        text.push(b'-');
    }
    if days > 0 || hours > 0 {
        push_two_digits(&mut text, hours);
        text.push(b':');
    }
    push_two_digits(&mut text, minutes);
    text.push(b':');
    push_two_digits(&mut text, seconds % 60);
    String::from_utf8(text).unwrap_or_default()
}

fn push_two_digits(text: &mut Vec<u8>, number: u64) {
    push_number(text, number / 10);
    push_number(text, number % 10);
}

#[cfg(test)]
mod tests {
    use super::super::SMALLEST;
    use super::*;
    use crate::report::object;

    #[test]
    fn times() {
        assert_eq!(uptime(b"5931.07 10801.22\n"), Some(593_107));
        for text in [&b""[..], b"x", b"1", b"1.2 3", b"99999999999999999999.00 1", b"\xff.00"] {
            assert_eq!(uptime(text), None);
        }
        for (seconds, shown) in
            [(0, "00:00"), (61, "01:01"), (3600, "01:00:00"), (86_399, "23:59:59"), (183_845, "2-03:04:05")]
        {
            assert_eq!(show_elapsed(seconds), shown);
        }
    }

    #[test]
    fn no_entry_is_smaller_than_the_smallest() {
        let view = View { users: Named::default(), uptime: Some(0), ticks: 100, page: 1, reveal: true };
        for stat in [Ok(Stat { state: b'R', ..Stat::default() }), Err("".into())] {
            let seen = Seen { pid: 1, uid: Some(0), stat, command: Vec::new(), cut: false };
            let mut json = String::new();
            object(Row::COLUMNS, &Row { view: &view, seen: &seen, lines: "" }).push_json(&mut json);
            assert!(json.len() > SMALLEST, "{json}");
        }
    }

    #[test]
    fn shares_of_a_processor() {
        let view =
            View { users: Named::default(), uptime: Some(1000), ticks: 100, page: 4096, reveal: false };
        let stat = |cpu, start| Stat { cpu, start, ..Stat::default() };
        let tenths = |stat: &Stat| view.cpu_tenths(stat).unwrap();
        assert_eq!(tenths(&stat(500, 0)), 500);
        assert_eq!(tenths(&stat(4000, 0)), 4000);
        // Younger than the clock can tell, and nonsense.
        assert_eq!(tenths(&stat(5, 1000)), 0);
        assert_eq!(tenths(&stat(u64::MAX, u64::MAX)), 0);
    }
}
