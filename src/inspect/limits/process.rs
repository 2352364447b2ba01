//! The resource limits of a process, and how much of them is used: getrlimit(2),
//! proc_pid_limits(5).

use std::ffi::CStr;

use crate::bytes::find;
use crate::error::Error;
use crate::procfs::handle::read_once;
use crate::procfs::rlimits::{self, Rlimit};
use crate::report::{Answer, Column};
use crate::table::Cell;
use crate::units::{push_number, show_short_size};
use crate::view::control_groups::{bar, share};
use crate::view::target::Target;

/// The most bytes of one `status` that are read.
const STATUS: usize = 64 << 10;

type L = Column<(Rlimit, Use)>;

pub(super) const RLIMITS: &[Column<(Rlimit, Use)>] = &[
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

/// How much of a resource limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
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

pub(super) fn of_process(target: &Target, answer: &mut Answer) -> Vec<(Rlimit, Use)> {
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
    let Ok(list) = target.processes() else { return 0 };
    let (mut count, mut status, mut path) = (0, vec![0; STATUS], Vec::new());
    for &pid in &*list.pids {
        path.clear();
        push_number(&mut path, pid.into());
        path.extend_from_slice(b"/status\0");
        let Ok(path) = CStr::from_bytes_with_nul(&path) else { continue };
        // A process that has ended since does not count.
        let length = read_once(&list, path, &mut status).unwrap_or_default();
        let status = status.get(..length).unwrap_or_default();
        if value(status, "Uid:") == Some(uid) {
            count += value(status, "Threads:").unwrap_or(1);
        }
    }
    count
}

/// The first number of the line of `status` that begins so: `VmSize:     6548 kB`, `SigQ: 0/96365`.
fn value(status: &[u8], name: &str) -> Option<u64> {
    let start = find(status, ["\n", name].concat().as_bytes())? + 1 + name.len();
    let text = status.get(start..)?.split(|&b| b == b'\n').next()?;
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
