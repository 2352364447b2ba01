//! A process as a row and as JSON.

use crate::outcome::Fact;
use crate::procfs::all::Seen;
use crate::procfs::stat::Stat;
use crate::redact::Masked;
use crate::table::{Align, Mark, Table};
use crate::text::ELLIPSIS;
use crate::units::show_short_size;
use crate::view::users::Names;

use super::tree::Branch;

/// What stands where something is not known.
const UNKNOWN: &[u8] = b"?";

const COLUMNS: &[(&str, Align)] = &[
    ("PID", Align::Right),
    ("PPID", Align::Right),
    ("USER", Align::Left),
    ("STAT", Align::Left),
    ("ELAPSED", Align::Right),
    ("CPU", Align::Right),
    ("RSS", Align::Right),
    ("COMMAND", Align::Left),
];
/// Where STAT and COMMAND stand.
const STAT: usize = 3;
const LAST: usize = 7;

/// What it takes to show one.
#[derive(Debug)]
pub struct View {
    /// Names of users.
    pub names: Names,
    /// How long the system has run, in hundredths of a second; nothing where that cannot be read.
    pub uptime: Option<u64>,
    /// How many ticks a second has.
    pub ticks: u64,
    /// The size of a page in bytes.
    pub page: u64,
    /// Whether secrets are shown.
    pub reveal: bool,
}

impl View {
    /// All of them, in their order or in that of the branches.
    pub fn table(&self, all: &[Seen], order: &[Branch]) -> Table {
        let mut table = Table::new(COLUMNS);
        let mut users: Vec<(u32, Vec<u8>)> = Vec::new();
        let mut row = |seen: &Seen, lines: &str| {
            let known = seen.uid.map(|uid| {
                users.iter().position(|(known, _)| *known == uid).unwrap_or_else(|| {
                    users.push((uid, self.names.user(uid)));
                    users.len() - 1
                })
            });
            let user = known.and_then(|at| users.get(at)).map_or(UNKNOWN, |(_, name)| name);
            self.row(&mut table, seen, user, lines);
        };
        if order.is_empty() {
            for seen in all {
                row(seen, "");
            }
        }
        for branch in order {
            if let Some(seen) = all.get(branch.at) {
                row(seen, &branch.lines);
            }
        }
        table
    }

    fn row(&self, table: &mut Table, seen: &Seen, user: &[u8], lines: &str) {
        let pid = seen.pid.to_string();
        let mut command = lines.as_bytes().to_vec();
        let Ok(stat) = &seen.stat else {
            command.extend_from_slice(UNKNOWN);
            let unknown = UNKNOWN;
            table.row(&[pid.as_bytes(), unknown, user, unknown, unknown, unknown, unknown, &command]);
            return;
        };
        self.push_command(&mut command, seen, stat);
        let elapsed = self.elapsed(stat);
        let (elapsed, cpu) = match elapsed {
            Some(elapsed) => {
                let tenths = self.cpu_tenths(stat, elapsed);
                (show_elapsed(elapsed / 100), format!("{}.{}%", tenths / 10, tenths % 10))
            }
            None => ("?".to_owned(), "?".to_owned()),
        };
        table.row(&[
            pid.as_bytes(),
            stat.ppid.to_string().as_bytes(),
            user,
            stat.letters(seen.pid).as_bytes(),
            elapsed.as_bytes(),
            cpu.as_bytes(),
            show_short_size(self.rss(stat)).as_bytes(),
            &command,
        ]);
        if stat.is_zombie() {
            table.mark(STAT, Mark::Wrong);
            table.mark(LAST, Mark::Wrong);
        }
    }

    /// The arguments with spaces between, or where there are none the name in brackets.
    fn push_command(&self, out: &mut Vec<u8>, seen: &Seen, stat: &Stat) {
        if seen.command.is_empty() {
            out.push(b'[');
            out.extend_from_slice(&stat.name);
            out.push(b']');
            out.extend_from_slice(if stat.is_zombie() { b" <defunct>" } else { b"" });
            return;
        }
        let mut masked = Masked::default();
        for (at, argument) in seen.command.split(|&b| b == 0).enumerate() {
            out.extend_from_slice(if at > 0 { b" " } else { b"" });
            if self.reveal {
                out.extend_from_slice(argument);
            } else {
                masked.push(out, argument);
            }
        }
        out.extend_from_slice(if seen.cut { ELLIPSIS.as_bytes() } else { b"" });
    }

    /// One as JSON.
    pub fn json(&self, seen: &Seen) -> Fact {
        let mut entries = vec![
            ("pid", Fact::Count(u64::from(seen.pid))),
            ("uid", seen.uid.map_or(Fact::Null, |uid| Fact::Count(u64::from(uid)))),
            ("user", seen.uid.map_or(Fact::Null, |uid| Fact::Bytes(self.names.user(uid)))),
        ];
        let keys = [
            "ppid",
            "name",
            "state",
            "stat",
            "zombie",
            "threads",
            "elapsed",
            "cpu_ms",
            "cpu_percent",
            "rss",
            "args",
        ];
        let Ok(stat) = &seen.stat else {
            entries.extend(keys.map(|key| (key, Fact::Null)));
            return Fact::Object(entries);
        };
        let elapsed = self.elapsed(stat);
        let percent =
            |tenths: u64| Fact::Hundredths(i64::try_from(tenths.saturating_mul(10)).unwrap_or(i64::MAX));
        let mut masked = Masked::default();
        let mut arguments = Vec::new();
        for argument in seen.command.split(|&b| b == 0).filter(|_| !seen.command.is_empty()) {
            let mut out = Vec::new();
            if self.reveal {
                out.extend_from_slice(argument);
            } else {
                masked.push(&mut out, argument);
            }
            arguments.push(Fact::Bytes(out));
        }
        let values = [
            Fact::Count(u64::from(stat.ppid)),
            Fact::Bytes(stat.name.clone()),
            Fact::Text(char::from(stat.state).to_string()),
            Fact::Text(stat.letters(seen.pid)),
            Fact::Bool(stat.is_zombie()),
            Fact::Count(stat.threads),
            elapsed.map_or(Fact::Null, |elapsed| Fact::Count(elapsed / 100)),
            Fact::Count(stat.cpu.saturating_mul(1000) / self.ticks),
            elapsed.map_or(Fact::Null, |elapsed| percent(self.cpu_tenths(stat, elapsed))),
            Fact::Count(self.rss(stat)),
            Fact::List(arguments),
        ];
        entries.extend(keys.into_iter().zip(values));
        if seen.cut {
            entries.push(("args_cut", Fact::Bool(true)));
        }
        Fact::Object(entries)
    }

    /// For how long it has run, in hundredths of a second.
    fn elapsed(&self, stat: &Stat) -> Option<u64> {
        Some(self.uptime?.saturating_sub(stat.start.saturating_mul(100) / self.ticks))
    }

    /// How much of one processor it had in that time, in tenths of a percent.
    fn cpu_tenths(&self, stat: &Stat, elapsed: u64) -> u64 {
        (stat.cpu.saturating_mul(100) / self.ticks).saturating_mul(1000).checked_div(elapsed).unwrap_or(0)
    }

    fn rss(&self, stat: &Stat) -> u64 {
        stat.pages.saturating_mul(self.page)
    }
}

/// The first number of `uptime`, in hundredths of a second. proc_uptime(5)
pub fn uptime(text: &[u8]) -> Option<u64> {
    let word = std::str::from_utf8(text.split(|&b| b == b' ').next()?).ok()?;
    let (seconds, hundredths) = word.trim_ascii_end().split_once('.')?;
    let seconds = seconds.parse::<u64>().ok()?.checked_mul(100)?;
    seconds.checked_add(hundredths.parse().ok().filter(|_| hundredths.len() == 2)?)
}

/// `[[DD-]hh:]mm:ss`, as ps(1) has it under ELAPSED.
fn show_elapsed(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    let end = format!("{minutes:02}:{:02}", seconds % 60);
    match (days, hours) {
        (0, 0) => end,
        (0, _) => format!("{hours:02}:{end}"),
        _ => format!("{days}-{hours:02}:{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn shares_of_a_processor() {
        let view =
            View { names: Names::default(), uptime: Some(1000), ticks: 100, page: 4096, reveal: false };
        let stat = |cpu, start| Stat { cpu, start, ..Stat::default() };
        let tenths = |stat: &Stat| view.cpu_tenths(stat, view.elapsed(stat).unwrap());
        assert_eq!(tenths(&stat(500, 0)), 500);
        assert_eq!(tenths(&stat(4000, 0)), 4000);
        // Younger than the clock tells, and nonsense.
        assert_eq!(tenths(&stat(5, 1000)), 0);
        assert_eq!(tenths(&stat(u64::MAX, u64::MAX)), 0);
    }
}
