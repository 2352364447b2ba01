//! `limits`: what the process may use, and what it does: control groups (cgroups(7)) and resource limits
//! (getrlimit(2)).

use std::time::Duration;

use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::files::read_start;
use crate::outcome::Fact;
use crate::procfs::process::pids;
use crate::procfs::rlimits::{self, Rlimit};
use crate::report::Answer;
use crate::table::{Align, Mark, Table};
use crate::units::{show_age, show_short_size};
use crate::view::control_groups::{Groups, NEAR, OFTEN, Resource, cores};

/// The most of one `status` that is read, in bytes.
const STATUS: u64 = 64 << 10;
/// How many characters the whole of a limit takes.
const BAR: usize = 10;

pub(super) const COMMAND: Command = Command {
    name: "limits",
    summary: "print what of memory, CPU, processes and files may be used, and is",
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
/// A resource of control groups; nothing where they cannot be had.
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
            answer.table(&rlimit_table(&rlimits));
        }
        Ok(true)
    }
}

fn of_groups(target: &Target, answer: &mut Answer) -> Vec<Found> {
    let mut said: Vec<Error> = Vec::new();
    let mut say = |why: Error| {
        if !said.contains(&why) {
            answer.complain(&why);
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
    /// It is not known of this limit.
    Unknown,
    /// It may not be read.
    Denied,
    /// So much.
    Count(u64),
}

fn of_process(target: &Target, answer: &mut Answer) -> Vec<(Rlimit, Use)> {
    let (limits, status) = match (target.read("limits"), target.read("status")) {
        (Ok(limits), Ok(status)) => (limits, status),
        (Err(why), _) | (_, Err(why)) => {
            answer.complain(&why);
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
                answer.complain(&why);
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

/// The threads of all processes of the user that can be seen: that is what the limit counts.
fn threads_of(target: &Target, uid: u64) -> u64 {
    let mut count = 0;
    for pid in pids(&target.proc).unwrap_or_default() {
        // One that has ended by now does not count.
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

/// How much of the limit is used, in percent: a hundred only where it is reached.
fn share(used: u64, limit: u64) -> u64 {
    if used >= limit {
        return 100;
    }
    let part = used.checked_mul(100).map_or_else(|| used / (limit / 100), |hundredfold| hundredfold / limit);
    part.min(99)
}

/// `[#####-----] 52%`, with a `!` where the limit is near to what is `needed` of it, in percent as well.
fn bar(share: u64, needed: u64) -> (String, Mark) {
    let full = (usize::try_from(share).unwrap_or_default().saturating_mul(BAR) / 100).min(BAR);
    let (hashes, dashes) = ("#".repeat(full), "-".repeat(BAR - full));
    let (mark, sign) = match needed {
        100.. => (Mark::Wrong, " !"),
        NEAR.. => (Mark::Notable, " !"),
        _ => (Mark::None, ""),
    };
    (format!("[{hashes}{dashes}] {share}%{sign}"), mark)
}

fn resource_table(resources: &[Found]) -> Table {
    let left = |name| (name, Align::Left);
    let mut table = Table::new(&[
        left("RESOURCE"),
        ("USE", Align::Right),
        ("LIMIT", Align::Right),
        left("OF LIMIT"),
        ("PEAK", Align::Right),
        left("NOTES"),
    ]);
    for (name, resource) in resources {
        let Some(found) = resource else {
            table.row(&[name.as_bytes(), b"?", b"?", b"", b"?", b""]);
            continue;
        };
        let unit = |count: u64| if *name == "memory" { show_short_size(count) } else { count.to_string() };
        let missing = |word: &str| if found.unread.is_some() { "?" } else { word }.to_owned();
        let or_missing = |count: Option<u64>| count.map_or_else(|| missing("-"), unit);
        let (used, limit) = if *name == "cpu" {
            let time = |millis| show_age(Duration::from_millis(millis));
            (
                found.used.map_or_else(|| missing("-"), time),
                found.limit.map(|limit| format!("{} CPU", cores(limit))),
            )
        } else {
            (or_missing(found.used), found.limit.map(unit))
        };
        let limit = limit.unwrap_or_else(|| missing("none"));
        let (bar, mark) = match (found.limit, found.limit_used, found.needed()) {
            (Some(limit), Some(used), Some(needed)) => bar(share(used, limit), share(needed, limit)),
            _ => (String::new(), Mark::None),
        };
        let (notes, notes_mark) = notes(name, found);
        let peak = if *name == "cpu" { "-".to_owned() } else { or_missing(found.peak) };
        table.row(&[
            name.as_bytes(),
            used.as_bytes(),
            limit.as_bytes(),
            bar.as_bytes(),
            peak.as_bytes(),
            &notes,
        ]);
        table.mark(3, mark);
        table.mark(5, notes_mark);
    }
    table
}

/// What else is to be said of a resource.
fn notes(name: &str, found: &Resource) -> (Vec<u8>, Mark) {
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
    (notes.join(&b"; "[..]), mark)
}

fn rlimit_table(rlimits: &[(Rlimit, Use)]) -> Table {
    let mut table = Table::new(&[
        ("RLIMIT", Align::Left),
        ("USE", Align::Right),
        ("SOFT", Align::Right),
        ("HARD", Align::Right),
        ("OF SOFT", Align::Left),
    ]);
    for (limit, used) in rlimits {
        let unit = |count: u64| match limit.unit.as_str() {
            "bytes" => show_short_size(count),
            "seconds" | "us" => {
                format!("{count} {}", limit.unit.get(..1).filter(|s| *s == "s").unwrap_or("us"))
            }
            _ => count.to_string(),
        };
        let value = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), unit);
        let (shown, (bar, mark)) = match *used {
            Use::Unknown => ("-".to_owned(), (String::new(), Mark::None)),
            Use::Denied => ("?".to_owned(), (String::new(), Mark::None)),
            Use::Count(count) => {
                let bar = limit
                    .soft
                    .filter(|&soft| soft > 0)
                    .map(|soft| share(count, soft))
                    .map(|share| bar(share, share));
                (unit(count), bar.unwrap_or_default())
            }
        };
        table.row(&[
            limit.name.as_bytes(),
            shown.as_bytes(),
            value(limit.soft).as_bytes(),
            value(limit.hard).as_bytes(),
            bar.as_bytes(),
        ]);
        table.mark(4, mark);
    }
    table
}

fn document(resources: &[Found], rlimits: &[(Rlimit, Use)], answer: &mut Answer) {
    let mut entries: Vec<(&'static str, Fact)> = Vec::new();
    for (name, resource) in resources {
        entries.push((name, resource.as_ref().map_or(Fact::Null, |found| resource_fact(name, found))));
    }
    let rlimits = rlimits.iter().map(|(limit, used)| {
        let used = match *used {
            Use::Count(count) => Some(count),
            _ => None,
        };
        Fact::Object(vec![
            ("name", Fact::Text(limit.name.clone())),
            ("soft", limit.soft.into()),
            ("hard", limit.hard.into()),
            ("unit", Fact::Text(limit.unit.clone())),
            ("use", used.into()),
        ])
    });
    entries.push(("rlimits", Fact::List(rlimits.collect())));
    answer.document(entries);
}

fn resource_fact(name: &str, found: &Resource) -> Fact {
    let mut entries = vec![
        ("cgroup_version", Fact::Count(if found.v2 { 2 } else { 1 })),
        ("cgroup", Fact::Bytes(found.group.clone())),
    ];
    let limit_group =
        if found.limit_group.is_empty() { Fact::Null } else { Fact::Bytes(found.limit_group.clone()) };
    if name == "cpu" {
        entries.extend([
            ("limit_millicores", found.limit.into()),
            ("limit_cgroup", limit_group),
            ("use_ms", found.used.into()),
            ("periods", found.periods.into()),
            ("throttled_periods", found.throttled_periods.into()),
            ("throttled_ms", found.throttled.into()),
        ]);
        return Fact::Object(entries);
    }
    entries.extend([
        ("limit", found.limit.into()),
        ("limit_cgroup", limit_group),
        ("limit_cgroup_use", found.limit_used.into()),
        ("use", found.used.into()),
        ("peak", found.peak.into()),
    ]);
    if name == "memory" {
        entries.push(("page_cache", found.page_cache.into()));
        entries.push(("oom_kills", found.refused.into()));
    } else {
        entries.push(("forks_refused", found.refused.into()));
    }
    Fact::Object(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        for (used, limit, expected) in [
            (0, 10, "[----------] 0%"),
            (1, 100, "[----------] 1%"),
            (52, 100, "[#####-----] 52%"),
            (899, 1000, "[########--] 89%"),
            (9, 10, "[#########-] 90% !"),
            (999, 1000, "[#########-] 99% !"),
            (10, 10, "[##########] 100% !"),
            (11, 10, "[##########] 100% !"),
            (0, 0, "[##########] 100% !"),
            (u64::MAX - 1, u64::MAX, "[#########-] 99% !"),
        ] {
            assert_eq!(bar(share(used, limit), share(used, limit)).0, expected, "{used} of {limit}");
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
