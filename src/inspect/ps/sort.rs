//! The order of `ps --sort`.

use super::view::View;
use crate::procfs::all::Seen;

/// What `--sort` expects.
pub const EXPECTED: &str = "cpu, rss, elapsed or pid";

/// An order of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    key: Key,
    /// Whether the largest value comes first.
    is_descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Cpu,
    Rss,
    Elapsed,
    Pid,
}

impl Sort {
    /// Parses a key: the largest values come first, but the smallest pid. A sign, as ps(1) takes
    /// it, overrides that: `-` for the largest first, `+` for the smallest first.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, is_descending) = match text.as_bytes().first() {
            Some(b'-') => (text.get(1..), Some(true)),
            Some(b'+') => (text.get(1..), Some(false)),
            _ => (Some(text), None),
        };
        // With the names of ps(1) for the same columns.
        let key = match name.unwrap_or_default() {
            "cpu" | "pcpu" | "%cpu" => Key::Cpu,
            "rss" | "rsz" | "pmem" | "%mem" => Key::Rss,
            "elapsed" | "etime" | "etimes" => Key::Elapsed,
            "pid" => Key::Pid,
            _ => return Err(EXPECTED),
        };
        Ok(Sort { key, is_descending: is_descending.unwrap_or(key != Key::Pid) })
    }
}

/// Returns the positions of the processes, which are sorted by pid, in this order. Those whose value
/// is unknown come last.
pub fn order(all: &[Seen], sort: Option<Sort>, view: &View) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    let Some(sort) = sort else { return order };
    let value = |at: usize| {
        let seen = all.get(at)?;
        let stat = seen.stat.as_ref().ok();
        match sort.key {
            Key::Cpu => view.cpu_tenths(stat?),
            Key::Rss => Some(view.rss(stat?)),
            Key::Elapsed => view.elapsed(stat?),
            Key::Pid => Some(seen.pid.into()),
        }
    };
    order.sort_by_cached_key(|&at| {
        let value = value(at);
        (value.is_none(), value.map(|value| if sort.is_descending { u64::MAX - value } else { value }))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::stat::Stat;
    use crate::view::named::Named;

    #[test]
    fn keys_and_signs() {
        let parse = |text| Sort::parse(text).map(|sort| (sort.key, sort.is_descending));
        for (text, expected) in [
            ("cpu", (Key::Cpu, true)),
            ("-rss", (Key::Rss, true)),
            ("+rss", (Key::Rss, false)),
            ("-%mem", (Key::Rss, true)),
            ("etime", (Key::Elapsed, true)),
            ("pid", (Key::Pid, false)),
            ("-pid", (Key::Pid, true)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in ["", "-", "--rss", "RSS", "rss,pid", "\u{e9}"] {
            assert_eq!(parse(text), Err(EXPECTED), "{text}");
        }
    }

    #[test]
    fn unknown_values_come_last_and_equal_ones_by_pid() {
        let seen = |(pid, pages): (u32, Option<u64>)| {
            let stat = pages.map(|pages| Stat { pages, ..Stat::default() }).ok_or_else(|| "".into());
            Seen { pid, uid: None, stat, command: Vec::new(), cut: false }
        };
        let all: Vec<Seen> =
            [(1, Some(5)), (2, None), (3, Some(7)), (4, Some(5))].into_iter().map(seen).collect();
        let view = View { users: Named::default(), uptime: None, ticks: 100, page: 1, reveal: false };
        for (text, expected) in
            [("rss", [2, 0, 3, 1]), ("+rss", [0, 3, 2, 1]), ("pid", [0, 1, 2, 3]), ("-pid", [3, 2, 1, 0])]
        {
            assert_eq!(order(&all, Sort::parse(text).ok(), &view), expected, "{text}");
        }
        assert_eq!(order(&all, None, &view), [0, 1, 2, 3]);
    }
}
