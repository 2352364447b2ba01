//! `limits`: the limits of a process and how much of them is used: control groups (cgroups(7)) and
//! resource limits (getrlimit(2)).

use std::time::Duration;

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::files::read_start;
use crate::outcome::Fact;
use crate::procfs::process::pids;
use crate::procfs::rlimits::{self, Rlimit};
use crate::report::{Answer, Column, cells, object, table};
use crate::table::{Cell, Mark, Table};
use crate::units::{show_age, show_short_size};
use crate::view::control_groups::{Groups, NEAR, OFTEN, Resource, cores};

/// The most bytes of one `status` that are read.
const STATUS: u64 = 64 << 10;
/// The length of a full bar, in characters.
const BAR: usize = 10;

pub(super) const COMMAND: Command = Command {
    name: "limits",
    summary: "print limits and use of memory, CPU, processes and files",
    options: &[],
    plan,
    examples: r"porthole limits
porthole limits -p 7 --json",
    properties: Properties::PLAIN,
};

#[derive(Debug)]
struct Limits;

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(_: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Limits))
}

/// Reads a resource.
type Reader = fn(&Groups) -> Result<Resource, Error>;
/// A resource of control groups; `None` if it cannot be read.
type Found = (&'static str, Option<Resource>);

impl Inspect for Limits {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let resources = of_groups(target, answer);
        let rlimits = of_process(target, answer);
        if answer.is_json() {
            document(&resources, &rlimits, answer);
            return Ok(true);
        }
        answer.table(&resource_table(&resources));
        if !rlimits.is_empty() {
            answer.line(b"");
            let mut table = table(RLIMITS, false);
            for rlimit in &rlimits {
                table.row(cells(RLIMITS, false, rlimit));
            }
            answer.table(&table);
        }
        Ok(true)
    }
}

fn of_groups(target: &Target, answer: &mut Answer) -> Vec<Found> {
    let mut said: Vec<Error> = Vec::new();
    let mut say = |why: Error| {
        if !said.contains(&why) {
            answer.error(&why);
            said.push(why);
        }
    };
    let groups = match Groups::of(target) {
        Ok(groups) => Some(groups),
        Err(why) => {
            say(why);
            None
        }
    };
    let mut found = Vec::new();
    let kinds: [(&str, Reader); 3] =
        [("memory", Groups::memory), ("cpu", Groups::cpu), ("pids", Groups::pids)];
    for (name, of) in kinds {
        let resource = groups.as_ref().and_then(|groups| of(groups).map_err(&mut say).ok());
        if let Some(why) = resource.as_ref().and_then(|resource| resource.unread.clone()) {
            say(why);
        }
        found.push((name, resource));
    }
    found
}

/// How much of a resource limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// The use of this limit is not known.
    Unknown,
    /// Reading it is not permitted.
    Denied,
    /// This many of its units.
    Count(u64),
}

impl Use {
    fn count(self) -> Option<u64> {
        match self {
            Use::Count(count) => Some(count),
            Use::Unknown | Use::Denied => None,
        }
    }
}

fn of_process(target: &Target, answer: &mut Answer) -> Vec<(Rlimit, Use)> {
    let (limits, status) = match (target.read("limits"), target.read("status")) {
        (Ok(limits), Ok(status)) => (limits, status),
        (Err(why), _) | (_, Err(why)) => {
            answer.error(&why);
            return Vec::new();
        }
    };
    let limits = rlimits::parse(&limits).into_iter();
    limits
        .map(|limit| (used(&limit, &status, target, answer), limit))
        .map(|(used, limit)| (limit, used))
        .collect()
}

fn used(limit: &Rlimit, status: &[u8], target: &Target, answer: &mut Answer) -> Use {
    let kibibytes = |name: &str| value(status, name).and_then(|count| count.checked_mul(1024));
    let count = match limit.name.as_str() {
        "open files" => match open_files(target) {
            Ok(count) => Some(count),
            Err(why) => {
                answer.error(&why);
                return Use::Denied;
            }
        },
        "processes" => limit.soft.and(value(status, "Uid:")).map(|uid| threads_of(target, uid)),
        "address space" => kibibytes("VmSize:"),
        "data size" => kibibytes("VmData:"),
        "locked memory" => kibibytes("VmLck:"),
        "pending signals" => value(status, "SigQ:"),
        _ => None,
    };
    count.map_or(Use::Unknown, Use::Count)
}

fn open_files(target: &Target) -> Result<u64, Error> {
    let process = target.handle()?;
    let mut count = 0;
    process.each("fd", &mut |_| count += 1).map_err(|error| target.explain(error, &process, "fd"))?;
    Ok(count)
}

/// The number of threads in all visible processes of the user, which is what the limit counts.
fn threads_of(target: &Target, uid: u64) -> u64 {
    let mut count = 0;
    for pid in pids(&target.proc).unwrap_or_default() {
        // A process that has ended since does not count.
        let path = target.proc.join(pid.to_string()).join("status");
        let (status, _) = read_start(&path, STATUS).unwrap_or_default();
        if value(&status, "Uid:") == Some(uid) {
            count += value(&status, "Threads:").unwrap_or(1);
        }
    }
    count
}

/// The first number of the line of `status` that begins so: `VmSize:     6548 kB`, `SigQ: 0/96365`.
fn value(status: &[u8], name: &str) -> Option<u64> {
    let mut lines = status.split(|&b| b == b'\n');
    let text = lines.find_map(|line| line.strip_prefix(name.as_bytes()))?;
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The used share of the limit, in percent: 100 only if the limit is reached.
fn share(used: u64, limit: u64) -> u64 {
    if used >= limit {
        return 100;
    }
    let part = used.checked_mul(100).map_or_else(|| used / (limit / 100), |hundredfold| hundredfold / limit);
    part.min(99)
}

/// `[#####-----] 52%`, with a `!` if `needed`, which is in percent too, is close to the limit.
fn bar(share: u64, needed: u64) -> Cell {
    let full = (usize::try_from(share).unwrap_or_default().saturating_mul(BAR) / 100).min(BAR);
    let (hashes, dashes) = ("#".repeat(full), "-".repeat(BAR - full));
    let (mark, sign) = match needed {
        100.. => (Mark::Wrong, " !"),
        NEAR.. => (Mark::Notable, " !"),
        _ => (Mark::None, ""),
    };
    Cell::from(format!("[{hashes}{dashes}] {share}%{sign}")).marked(mark)
}

/// A resource of control groups, and what was read of it.
struct Row<'a> {
    name: &'static str,
    found: &'a Resource,
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::shown("RESOURCE", |row| row.name.into()).left(),
        C::json("cgroup_version", |row| Some(Fact::Count(if row.found.v2 { 2 } else { 1 }))),
        C::json("cgroup", |row| Some(row.found.group.clone().into())),
        C::json("limit_millicores", |row| row.cpu(row.found.limit)),
        C::new("LIMIT", Row::limit, "limit", |row| row.not_cpu(row.found.limit)).numbers(),
        C::json("limit_cgroup", |row| {
            let group = &row.found.limit_group;
            Some(if group.is_empty() { Fact::Null } else { group.clone().into() })
        }),
        C::shown("OF LIMIT", Row::of_limit),
        C::json("limit_cgroup_use", |row| row.not_cpu(row.found.limit_used)),
        C::json("use_ms", |row| row.cpu(row.found.used)),
        C::new("USE", Row::used, "use", |row| row.not_cpu(row.found.used)).numbers().left(),
        C::new("PEAK", Row::peak, "peak", |row| row.not_cpu(row.found.peak)).numbers(),
        C::json("periods", |row| row.cpu(row.found.periods)),
        C::json("throttled_periods", |row| row.cpu(row.found.throttled_periods)),
        C::json("throttled_ms", |row| row.cpu(row.found.throttled)),
        C::json("page_cache", |row| row.of("memory", row.found.page_cache)),
        C::json("oom_kills", |row| row.of("memory", row.found.refused)),
        C::json("forks_refused", |row| row.of("pids", row.found.refused)),
        C::shown("NOTES", |row| notes(row.name, row.found)).cut(0),
    ];

    /// The value, if this is the resource of that name.
    fn of(&self, name: &str, value: Option<u64>) -> Option<Fact> {
        (self.name == name).then(|| value.into())
    }

    fn cpu(&self, value: Option<u64>) -> Option<Fact> {
        self.of("cpu", value)
    }

    fn not_cpu(&self, value: Option<u64>) -> Option<Fact> {
        (self.name != "cpu").then(|| value.into())
    }

    /// A number in the resource's unit.
    fn unit(&self, count: u64) -> String {
        if self.name == "memory" { show_short_size(count) } else { count.to_string() }
    }

    /// What is printed if there is no value: the word, unless it could not be read.
    fn missing(&self, word: &'static str) -> Cell {
        if self.found.unread.is_some() { "?" } else { word }.into()
    }

    fn used(&self) -> Cell {
        let show = |used| match self.name {
            "cpu" => show_age(Duration::from_millis(used)),
            _ => self.unit(used),
        };
        self.found.used.map_or_else(|| self.missing("-"), |used| show(used).into())
    }

    fn limit(&self) -> Cell {
        let show = |limit| match self.name {
            "cpu" => format!("{} CPU", cores(limit)),
            _ => self.unit(limit),
        };
        self.found.limit.map_or_else(|| self.missing("none"), |limit| show(limit).into())
    }

    fn of_limit(&self) -> Cell {
        match (self.found.limit, self.found.limit_used, self.found.needed()) {
            (Some(limit), Some(used), Some(needed)) => bar(share(used, limit), share(needed, limit)),
            _ => "".into(),
        }
    }

    fn peak(&self) -> Cell {
        match (self.name, self.found.peak) {
            ("cpu", _) => "-".into(),
            (_, Some(peak)) => self.unit(peak).into(),
            (_, None) => self.missing("-"),
        }
    }
}

fn resource_table(resources: &[Found]) -> Table {
    let mut table = table(Row::COLUMNS, false);
    for (name, resource) in resources {
        table.row(match resource {
            Some(found) => cells(Row::COLUMNS, false, &Row { name, found }),
            None => [name, "?", "?", "", "?", ""].map(Cell::from).into(),
        });
    }
    table
}

/// The notes on a resource.
fn notes(name: &str, found: &Resource) -> Cell {
    let mut notes: Vec<Vec<u8>> = Vec::new();
    let mut mark = Mark::None;
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (name, found.refused) {
        ("memory", Some(count)) => {
            notes.push(plural(count, "OOM kill").into());
            mark = if count > 0 { Mark::Wrong } else { mark };
        }
        (_, Some(count @ 1..)) => {
            notes.push(format!("{} refused", plural(count, "fork")).into());
            mark = Mark::Notable;
        }
        _ => {}
    }
    if let (Some(periods @ 1..), Some(throttled)) = (found.periods, found.throttled_periods) {
        let share = share(throttled, periods);
        let waited = show_age(Duration::from_millis(found.throttled.unwrap_or_default()));
        notes.push(format!("throttled in {throttled} of {periods} periods ({share}%), {waited}").into());
        mark = if share >= OFTEN { Mark::Notable } else { mark };
    }
    if found.cut {
        notes.push(b"limits of parent groups are not visible from here".into());
    }
    if found.limit.is_some() && found.limit_group.is_empty() {
        notes.push(b"limit of a parent group that is not visible from here".into());
    } else if found.limit.is_some() && found.limit_group != found.group {
        let mut note = [b"limit of ", found.limit_group.as_slice()].concat();
        if let Some(used) = found.limit_used {
            let used = if name == "memory" { show_short_size(used) } else { used.to_string() };
            note.extend_from_slice(format!(", which uses {used}").as_bytes());
        }
        notes.push(note);
    }
    if let Some(cache) = found.page_cache {
        notes.push(format!("{} of page cache", show_short_size(cache)).into());
    }
    Cell::from(notes.join(&b"; "[..])).marked(mark)
}

type L = Column<(Rlimit, Use)>;

const RLIMITS: &[Column<(Rlimit, Use)>] = &[
    L::new(
        "RLIMIT",
        |(limit, _)| limit.name.as_str().into(),
        "name",
        |(limit, _)| Some(limit.name.clone().into()),
    )
    .left(),
    L::new("SOFT", |(limit, _)| value_of(limit, limit.soft), "soft", |(limit, _)| Some(limit.soft.into()))
        .numbers(),
    L::new("HARD", |(limit, _)| value_of(limit, limit.hard), "hard", |(limit, _)| Some(limit.hard.into()))
        .numbers(),
    L::json("unit", |(limit, _)| Some(limit.unit.clone().into())),
    L::new(
        "USE",
        |(limit, used)| match *used {
            Use::Unknown => "-".into(),
            Use::Denied => "?".into(),
            Use::Count(count) => in_unit(limit, count).into(),
        },
        "use",
        |(_, used)| Some(used.count().into()),
    )
    .numbers()
    .left(),
    L::shown("OF SOFT", |(limit, used)| match (used.count(), limit.soft.filter(|&soft| soft > 0)) {
        (Some(count), Some(soft)) => bar(share(count, soft), share(count, soft)),
        _ => "".into(),
    })
    .cut(0),
];

/// A number in the unit of the limit.
fn in_unit(limit: &Rlimit, count: u64) -> String {
    match limit.unit.as_str() {
        "bytes" => show_short_size(count),
        "seconds" => format!("{count} s"),
        "us" => format!("{count} us"),
        _ => count.to_string(),
    }
}

fn value_of(limit: &Rlimit, value: Option<u64>) -> Cell {
    value.map_or("none".into(), |value| in_unit(limit, value).into())
}

fn document(resources: &[Found], rlimits: &[(Rlimit, Use)], answer: &mut Answer) {
    let resource = |(name, resource): &Found| {
        let found = resource.as_ref();
        (*name, found.map_or(Fact::Null, |found| object(Row::COLUMNS, &Row { name, found })))
    };
    let mut entries: Vec<(&'static str, Fact)> = resources.iter().map(resource).collect();
    let rlimits = rlimits.iter().map(|rlimit| object(RLIMITS, rlimit));
    entries.push(("rlimits", Fact::List(rlimits.collect())));
    answer.document(entries);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        for (used, limit, expected, mark) in [
            (0, 10, "[----------] 0%", Mark::None),
            (1, 100, "[----------] 1%", Mark::None),
            (52, 100, "[#####-----] 52%", Mark::None),
            (899, 1000, "[########--] 89%", Mark::None),
            (9, 10, "[#########-] 90% !", Mark::Notable),
            (999, 1000, "[#########-] 99% !", Mark::Notable),
            (10, 10, "[##########] 100% !", Mark::Wrong),
            (11, 10, "[##########] 100% !", Mark::Wrong),
            (0, 0, "[##########] 100% !", Mark::Wrong),
            (u64::MAX - 1, u64::MAX, "[#########-] 99% !", Mark::Notable),
        ] {
            let share = share(used, limit);
            assert_eq!(bar(share, share), Cell::from(expected).marked(mark), "{used} of {limit}");
        }
    }

    #[test]
    fn numbers_of_status() {
        let status = b"Name:\tx\nUid:\t7\t8\t9\t10\nVmSize:\t    6548 kB\nSigQ:\t3/96365\nThreads:\t2";
        let of = |name| value(status, name);
        assert_eq!(
            (of("Uid:"), of("VmSize:"), of("SigQ:"), of("Threads:")),
            (Some(7), Some(6548), Some(3), Some(2))
        );
        assert_eq!((of("VmLck:"), value(b"VmLck:\tx", "VmLck:")), (None, None));
    }
}
