//! `limits`: the limits of a process and how much of them is used: control groups (cgroups(7)) and
//! resource limits (getrlimit(2)).

mod process;

use std::time::Duration;

use self::process::{RLIMITS, Use, of_process};
use super::{Command, Inspect, Properties, Target};
use crate::args::{Given, UsageError};
use crate::error::Error;
use crate::outcome::Fact;
use crate::procfs::rlimits::Rlimit;
use crate::report::{Answer, Column, cells, object, table};
use crate::table::{Cell, Mark, Table};
use crate::units::{show_age, show_short_size};
use crate::view::control_groups::{Groups, OFTEN, Resource, bar, cores, share};

pub(super) const COMMAND: Command = Command {
    name: "limits",
    summary: "print limits and use of memory, CPU, processes and files",
    options: &[],
    plan,
    examples: r"porthole limits
porthole limits -p 7 --json",
    properties: Properties::of_process(Some("limits")),
};

#[derive(Debug)]
struct Limits;

#[allow(clippy::unnecessary_wraps, reason = "as every command has it")]
fn plan(_: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    Ok(Box::new(Limits))
}

/// A resource that control groups limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Cpu,
    Pids,
}

/// All of them, in the order of the table.
const KINDS: [Kind; 3] = [Kind::Memory, Kind::Cpu, Kind::Pids];

impl Kind {
    /// The name of its controller.
    fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Cpu => "cpu",
            Kind::Pids => "pids",
        }
    }

    fn read(self, groups: &Groups) -> Result<Resource, Error> {
        match self {
            Kind::Memory => groups.memory(),
            Kind::Cpu => groups.cpu(),
            Kind::Pids => groups.pids(),
        }
    }
}

/// A resource of control groups; `None` if it cannot be read.
type Found = (Kind, Option<Resource>);

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
    for kind in KINDS {
        let resource = groups.as_ref().and_then(|groups| kind.read(groups).map_err(&mut say).ok());
        if let Some(why) = resource.as_ref().and_then(|resource| resource.unread.clone()) {
            say(why);
        }
        found.push((kind, resource));
    }
    found
}

/// A resource of control groups, and what was read of it.
struct Row<'a> {
    kind: Kind,
    found: &'a Resource,
}

type C<'a> = Column<Row<'a>>;

impl<'a> Row<'a> {
    const COLUMNS: &'a [Column<Row<'a>>] = &[
        C::shown("RESOURCE", |row| row.kind.name().into()).left(),
        C::json("cgroup_version", |row| Some(Fact::Count(if row.found.v2 { 2 } else { 1 }))),
        C::json("cgroup", |row| Some(row.found.group.clone().into())),
        C::new("LIMIT", Row::limit, "limit", |row| Some(row.limit_fact())).numbers(),
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
        C::json("page_cache", |row| row.of(Kind::Memory, row.found.page_cache)),
        C::json("oom_kills", |row| row.of(Kind::Memory, row.found.refused)),
        C::json("forks_refused", |row| row.of(Kind::Pids, row.found.refused)),
        C::shown("NOTES", |row| notes(row.kind, row.found)).cut(0),
    ];

    /// The value, if this is that resource.
    fn of(&self, kind: Kind, value: Option<u64>) -> Option<Fact> {
        (self.kind == kind).then(|| value.into())
    }

    fn cpu(&self, value: Option<u64>) -> Option<Fact> {
        self.of(Kind::Cpu, value)
    }

    fn not_cpu(&self, value: Option<u64>) -> Option<Fact> {
        (self.kind != Kind::Cpu).then(|| value.into())
    }

    /// A number in the resource's unit.
    fn unit(&self, count: u64) -> String {
        unit(self.kind, count)
    }

    /// What is printed if there is no value: the word, unless it could not be read.
    fn missing(&self, word: &'static str) -> Cell {
        if self.found.unread.is_some() { "?" } else { word }.into()
    }

    fn used(&self) -> Cell {
        let show = |used| match self.kind {
            Kind::Cpu => show_age(Duration::from_millis(used)),
            _ => self.unit(used),
        };
        self.found.used.map_or_else(|| self.missing("-"), |used| show(used).into())
    }

    fn limit(&self) -> Cell {
        let show = |limit| match self.kind {
            Kind::Cpu => format!("{} CPU", cores(limit)),
            _ => self.unit(limit),
        };
        self.found.limit.map_or_else(|| self.missing("none"), |limit| show(limit).into())
    }

    /// Of CPU time the limit is a number of CPUs.
    fn limit_fact(&self) -> Fact {
        match (self.kind, self.found.limit) {
            (Kind::Cpu, Some(limit)) => Fact::Json(cores(limit)),
            (_, limit) => limit.into(),
        }
    }

    fn of_limit(&self) -> Cell {
        match (self.found.limit, self.found.limit_used, self.found.needed()) {
            (Some(limit), Some(used), Some(needed)) => bar(share(used, limit), share(needed, limit)),
            _ => "".into(),
        }
    }

    fn peak(&self) -> Cell {
        match (self.kind, self.found.peak) {
            (Kind::Cpu, _) => "-".into(),
            (_, Some(peak)) => self.unit(peak).into(),
            (_, None) => self.missing("-"),
        }
    }
}

fn resource_table(resources: &[Found]) -> Table {
    let mut table = table(Row::COLUMNS, false);
    for &(kind, ref resource) in resources {
        table.row(match resource {
            Some(found) => cells(Row::COLUMNS, false, &Row { kind, found }),
            None => [kind.name(), "?", "?", "", "?", ""].map(Cell::from).into(),
        });
    }
    table
}

/// A number in the unit of a resource.
fn unit(kind: Kind, count: u64) -> String {
    if kind == Kind::Memory { show_short_size(count) } else { count.to_string() }
}

/// The notes on a resource.
fn notes(kind: Kind, found: &Resource) -> Cell {
    let mut notes: Vec<Vec<u8>> = Vec::new();
    let mut mark = Mark::None;
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (kind, found.refused) {
        (Kind::Memory, Some(count)) => {
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
            note.extend_from_slice(format!(", which uses {}", unit(kind, used)).as_bytes());
        }
        notes.push(note);
    }
    if let Some(cache) = found.page_cache {
        notes.push(format!("{} of page cache", show_short_size(cache)).into());
    }
    Cell::from(notes.join(&b"; "[..])).marked(mark)
}

fn document(resources: &[Found], rlimits: &[(Rlimit, Use)], answer: &mut Answer) {
    let resource = |&(kind, ref resource): &Found| {
        let found = resource.as_ref();
        (kind.name(), found.map_or(Fact::Null, |found| object(Row::COLUMNS, &Row { kind, found })))
    };
    let mut entries: Vec<(&'static str, Fact)> = resources.iter().map(resource).collect();
    let rlimits = rlimits.iter().map(|rlimit| object(RLIMITS, rlimit));
    entries.push(("rlimits", Fact::List(rlimits.collect())));
    answer.document(entries);
}
