//! The container's own use of memory, CPU and processes, against its limits. cgroups(7)

use std::time::Instant;

use super::Target;
use crate::error::Error;
use crate::outcome::Fact;
use crate::report::Column;
use crate::table::Cell;
use crate::units::show_short_size;
use crate::view::control_groups::{Groups, Resource, bar, cores, share};

/// The control groups of the container; `None` if they cannot be read.
pub struct Container(Option<Groups>);

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Cpu,
    Pids,
}

/// How much of a resource is used.
#[derive(Debug)]
pub struct Usage {
    kind: Kind,
    /// In bytes, thousandths of a CPU, or processes; `None` if it is not known.
    used: Option<u64>,
    /// Likewise; `None` if there is none.
    limit: Option<u64>,
    /// How much of the limit is used and needed, in percent.
    of_limit: Option<(u64, u64)>,
    /// Whether something could not be read.
    is_unread: bool,
}

impl Container {
    /// Finds the control groups of the target, or of the application if no process is named. What
    /// cannot be read is added to `unread`.
    pub fn of(target: &Target, unread: &mut Vec<Error>) -> Self {
        let groups = match &target.process {
            Some(_) => Groups::of(target),
            None => Groups::of(&Target::application(&target.proc)),
        };
        Container(groups.map_err(|why| push(unread, why)).ok())
    }

    /// Reads the resources, and how much CPU time was used until now.
    pub fn read(&self, unread: &mut Vec<Error>) -> Reading {
        let at = Instant::now();
        let found = [Kind::Memory, Kind::Cpu, Kind::Pids].map(|kind| {
            let found = self.0.as_ref().map(|groups| match kind {
                Kind::Memory => groups.memory(),
                Kind::Cpu => groups.cpu(),
                Kind::Pids => groups.pids(),
            });
            let found = found.and_then(|found| found.map_err(|why| push(unread, why)).ok());
            if let Some(why) = found.as_ref().and_then(|found| found.unread.clone()) {
                push(unread, why);
            }
            (kind, found)
        });
        Reading { at, found }
    }
}

/// The resources at one moment; `None` for one that cannot be read.
pub struct Reading {
    at: Instant,
    found: [(Kind, Option<Resource>); 3],
}

impl Reading {
    /// Returns the use of each resource: of CPU, what was used since the reading `before`.
    pub fn usage(&self, before: &Reading) -> Vec<Usage> {
        let elapsed = self.at - before.at;
        let millicores = before.cpu().zip(self.cpu()).map(|(before, after)| {
            let used = u128::from(after.saturating_sub(before)).saturating_mul(1_000_000);
            let millicores = used.checked_div(elapsed.as_micros());
            u64::try_from(millicores.unwrap_or_default()).unwrap_or(u64::MAX)
        });
        self.found.iter().map(|(kind, found)| Usage::of(*kind, found.as_ref(), millicores)).collect()
    }

    /// How much CPU time was used until then, in milliseconds.
    fn cpu(&self) -> Option<u64> {
        let (_, found) = self.found.iter().find(|(kind, _)| *kind == Kind::Cpu)?;
        found.as_ref()?.used
    }
}

/// Adds an error that is not among them yet.
fn push(unread: &mut Vec<Error>, why: Error) {
    if !unread.contains(&why) {
        unread.push(why);
    }
}

type C = Column<Usage>;

impl Usage {
    /// The columns, as `limits` has them.
    pub const COLUMNS: &'static [Column<Usage>] = &[
        C::shown("RESOURCE", |usage| usage.name().into()),
        C::shown("USE", |usage| usage.shown(usage.used, "-")).numbers(),
        C::shown("LIMIT", |usage| usage.shown(usage.limit, "none")).numbers(),
        C::shown("OF LIMIT", |usage| usage.of_limit.map_or("".into(), |(used, needed)| bar(used, needed))),
    ];

    fn of(kind: Kind, found: Option<&Resource>, millicores: Option<u64>) -> Self {
        let limit = found.and_then(|found| found.limit);
        let of = |limit: u64| match kind {
            Kind::Cpu => Some((share(millicores?, limit), share(millicores?, limit))),
            _ => Some((share(found?.limit_used?, limit), share(found?.needed()?, limit))),
        };
        Usage {
            kind,
            used: if kind == Kind::Cpu { millicores } else { found.and_then(|found| found.used) },
            limit,
            of_limit: limit.and_then(of),
            is_unread: found.is_none_or(|found| found.unread.is_some()),
        }
    }

    /// The name of the controller.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Memory => "memory",
            Kind::Cpu => "cpu",
            Kind::Pids => "pids",
        }
    }

    /// A value, or this word if there is none.
    fn shown(&self, value: Option<u64>, none: &'static str) -> Cell {
        match (value, self.kind) {
            (Some(value), Kind::Memory) => show_short_size(value).into(),
            (Some(value), Kind::Cpu) => format!("{} CPU", cores(value)).into(),
            (Some(value), Kind::Pids) => value.to_string().into(),
            (None, _) if self.is_unread => "?".into(),
            (None, _) => none.into(),
        }
    }

    /// Use and limit for JSON; of CPU time, a number of CPUs.
    pub fn fact(&self) -> Fact {
        let fact = |value: Option<u64>| match (self.kind, value) {
            (Kind::Cpu, Some(value)) => Fact::Json(cores(value)),
            (_, value) => value.into(),
        };
        Fact::Object(vec![("use", fact(self.used)), ("limit", fact(self.limit))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_against_a_limit() {
        let found =
            Resource { limit: Some(500), used: Some(7), limit_used: Some(450), ..Resource::default() };
        let usage = Usage::of(Kind::Cpu, Some(&found), Some(125));
        assert_eq!((usage.used, usage.limit, usage.of_limit), (Some(125), Some(500), Some((25, 25))));
        assert_eq!(usage.shown(usage.used, "-"), "0.125 CPU".into());
        let usage = Usage::of(Kind::Pids, Some(&found), Some(125));
        assert_eq!((usage.used, usage.limit, usage.of_limit), (Some(7), Some(500), Some((90, 90))));
        let usage = Usage::of(Kind::Memory, None, None);
        assert_eq!([usage.shown(None, "-"), usage.shown(usage.limit, "none")], ["?".into(), "?".into()]);
        let usage = Usage::of(Kind::Memory, Some(&Resource::default()), None);
        assert_eq!(usage.shown(usage.limit, "none"), "none".into());
    }
}
