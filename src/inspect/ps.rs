//! `ps [NAME]`: the visible processes. ps(1), proc_pid_stat(5).

mod sort;
mod tree;
mod view;

use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use self::sort::Sort;
use self::view::{Row, View};
use super::{Command, Habits, Inspect, Properties, Target};
use crate::args::{Given, UsageError, flag, operand, option};
use crate::error::{Cause, Error};
use crate::procfs::all::{Look, Seen};
use crate::procfs::process::{Process, own_pid};
use crate::report::Answer;
use crate::text::{Shown as _, clip};
use crate::view::named::Named;
use crate::view::target::HIDDEN_PROCESSES;
use crate::view::target::not_mounted;
use crate::view::users::Names;

pub(super) const COMMAND: Command = Command {
    name: "ps",
    summary: "list processes, with secrets in their arguments masked",
    options: &[&[
        operand("NAME", "only processes with this name, or whose executable has it").optional(),
        flag("tree", "print children below their parents"),
        option("sort", "KEY", "cpu, rss, elapsed: the largest first; pid: the smallest first"),
        flag("reveal-all", "show arguments that look like secrets"),
    ]],
    plan,
    examples: r"porthole ps
porthole ps nginx --tree
porthole ps --sort rss
porthole ps --json",
    properties: Properties {
        // All processes, in full format, wide: all of that is the default here.
        habits: Habits {
            letters: "eAfw",
            words: &["aux", "auxw", "auxww", "auxf", "-aux", "ax"],
            ..Habits::NONE
        },
        ..Properties::PLAIN
    },
};

/// The size of the smallest entry of a process in a JSON document, in bytes.
const SMALLEST: usize = 180;
/// What to do if the name of an executable cannot be read.
const UNREAD: &str = "run as their user, or as root with the capability SYS_PTRACE";

#[derive(Debug)]
struct Ps {
    name: Option<Vec<u8>>,
    tree: bool,
    sort: Option<Sort>,
    reveal: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let name = given.words("NAME").pop().map(OsStringExt::into_vec);
    if name.as_ref().is_some_and(Vec::is_empty) {
        return Err(given.unexpected("NAME", "the name of a process"));
    }
    let sort = given.parsed("sort", sort::EXPECTED, Sort::parse)?;
    Ok(Box::new(Ps { name, tree: given.has("tree"), sort, reveal: given.has("reveal-all") }))
}

impl Inspect for Ps {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        answer.list("processes");
        // Of a name, any process may be the only one; in another order, any may be the first.
        let limit =
            if self.name.is_some() || self.sort.is_some() { usize::MAX } else { answer.room_for(SMALLEST) };
        let mut all = look(target, limit.saturating_add(1))?;
        let denied = |seen: &Seen| seen.stat.as_ref().is_err_and(Error::is_denied);
        let of_kernel = target.is_of_kernel();
        let hidden = of_kernel
            && (all.iter().any(denied)
                || target.process.is_none() && target.hides_some(all.first().map(|first| first.pid)));
        for seen in &all {
            if let Err(error) = &seen.stat
                && !error.is_gone()
                && !(of_kernel && error.is_denied())
            {
                let path = target.proc.join(seen.pid.to_string()).join("stat");
                answer.error(error.clone().at(&path));
            }
        }
        let unread = self.keep_named(&mut all, target);
        let uptime = uptime(target);
        if all.is_empty() {
            return Err(self.nothing(target, hidden, &unread).into());
        }
        if !unread.is_empty() {
            answer.info(&unread);
        }
        if hidden {
            answer.info(HIDDEN_PROCESSES);
        }
        if let Err(why) = &uptime {
            answer.info(&format!("{why}: start and CPU times are unknown"));
        }
        let conf = |name| sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
        let names = Names::of(target, answer);
        let view = View {
            users: Named::of(all.iter().filter_map(|seen| seen.uid), &names),
            uptime: uptime.ok(),
            ticks: conf(SysconfVar::CLK_TCK).unwrap_or(100).max(1),
            page: conf(SysconfVar::PAGE_SIZE).unwrap_or(4096),
            reveal: self.reveal,
        };
        let order = sort::order(&all, self.sort, &view);
        if self.tree && !answer.is_json() {
            let mut ranks = vec![0; all.len()];
            for (rank, &at) in order.iter().enumerate() {
                if let Some(place) = ranks.get_mut(at) {
                    *place = rank;
                }
            }
            let order = tree::order(&all, &ranks);
            let mut rows = order.iter().filter_map(|branch| {
                Some(Row { view: &view, seen: all.get(branch.at)?, lines: &branch.lines })
            });
            answer.rows("processes", Row::COLUMNS, false, &mut rows);
        } else {
            let rows = order.iter().filter_map(|&at| all.get(at));
            let mut rows = rows.map(|seen| Row { view: &view, seen, lines: "" });
            answer.rows("processes", Row::COLUMNS, false, &mut rows);
        }
        Ok(true)
    }
}

impl Ps {
    /// Keeps the processes with the requested name, if there is one. Returns the message about
    /// those that may have it too; it is empty if there are none.
    fn keep_named(&self, all: &mut Vec<Seen>, target: &Target) -> String {
        let Some(name) = &self.name else { return String::new() };
        let own = own_pid(&target.proc);
        let mut unknown = 0;
        all.retain(|seen| {
            let is_called = if own == Some(seen.pid) { Some(false) } else { is_called(seen, name, target) };
            unknown += u32::from(is_called.is_none());
            is_called == Some(true)
        });
        match unknown {
            0 => String::new(),
            1 => format!("the executable of 1 process cannot be read, so it may match too; {UNREAD}"),
            n => format!(
                "the executables of {n} processes cannot be read, so some of them may match too; {UNREAD}"
            ),
        }
    }

    /// The error if there is nothing to list.
    fn nothing(&self, target: &Target, hidden: bool, unread: &str) -> String {
        let none = match &self.name {
            Some(name) => format!("{}: no such process", clip(name)),
            None => format!("{}: no processes", target.proc.shown()),
        };
        match (hidden, unread.is_empty()) {
            (true, _) => format!("{none} visible; {HIDDEN_PROCESSES}"),
            (false, false) => format!("{none} visible; {unread}"),
            (false, true) => none,
        }
    }
}

/// The time since boot, in hundredths of a second.
fn uptime(target: &Target) -> Result<u64, Error> {
    let path = target.proc.join("uptime");
    let subset = if target.is_of_kernel() && !path.exists() { " (subset=pid of proc(5))" } else { "" };
    let text = target.start_of("uptime").map_err(|error| format!("{error}{subset}"))?;
    view::uptime(&text).ok_or_else(|| Error::from("not a number of seconds").at(&path))
}

/// All processes, but at most `limit`, or the requested one.
fn look(target: &Target, limit: usize) -> Result<Vec<Seen>, Error> {
    let mut look = Look::new();
    if let Some(process) = &target.process {
        let seen = look.at(process.as_fd(), process.pid);
        return seen
            .map(|seen| vec![seen])
            .ok_or_else(|| target.explain(Cause::Gone.into(), process, "stat"));
    }
    let list = target.processes().map_err(|error| match error.cause {
        Cause::System(Errno::ENOENT) => not_mounted(&target.proc),
        _ => error,
    })?;
    Ok(look.all(&list, limit))
}

/// Whether the process has this name; `None` if that cannot be read.
fn is_called(seen: &Seen, name: &[u8], target: &Target) -> Option<bool> {
    let Ok(stat) = &seen.stat else { return Some(false) };
    let process = Process { pid: seen.pid, name: stat.name.clone(), state: char::from(stat.state) };
    process.is_called(&target.proc, name)
}
