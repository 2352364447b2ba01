//! `process NAME`: a process runs and is not a zombie. proc_pid_stat(5).
//!
//! NAME is the name of the process, of its executable or of the first word of its command line, as for pgrep(1)
//! and pidof(8). The check never counts itself. A stopped process counts, for it has not ended, and is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AT_FILE, Attempt, Check, Kind, in_time};
use crate::args::{Foreign, Given, UsageError, operand, option};
use crate::deadline::Deadline;
use crate::error::{Cause, Error};
use crate::files::{read_regular, unreadable};
use crate::net::socket::WireError;
use crate::net::target::Endpoint;
use crate::outcome::{Fact, Finding, Verdict};
use crate::procfs;
use crate::procfs::process::{
    hiding_option, is_hidden, own_pid, parse_pid, pids, process, state_words, thread_group,
};
use crate::text::{Shown as _, decode, list};
use crate::units::number;

/// The most of a pid file that is read, in bytes.
const FILE_LIMIT: u64 = 4096;
/// The most processes there may be: no pid is larger.
const MOST: u64 = 4 << 20;
/// What is expected as `--pid`.
const PID: &str = "a process ID from 1 to 4194304";
/// What is expected as `--min` and `--max`.
const COUNT: &str = "a number of processes, from 0 to 4194304";

pub(super) const KIND: Kind = Kind {
    name: "process",
    summary: "a process runs and is not a zombie",
    options: &[&[
        operand("NAME", "name of the process or its executable (or --pid, --pid-file)").optional(),
        option("pid", "N", "the process with this ID"),
        option("pid-file", "PATH", "the process whose ID is on the first line of this file"),
        option("min", "N", "at least this many are running (1, or 0 with --max 0)"),
        option("max", "N", "at most this many are running"),
    ]],
    plan,
    examples: r"porthole process nginx --min 2
porthole process --pid-file /run/app.pid
porthole process debugger --max 0",
    foreign: Foreign::NONE,
};

#[derive(Debug)]
enum Wanted {
    Name(Vec<u8>),
    Pid(u32),
    PidFile(PathBuf),
}

/// What may not be seen.
#[derive(Debug, Default)]
struct Unseen {
    /// Why at least one process cannot be looked at.
    why: Option<Error>,
    /// Of so many, whether they are called as asked for.
    unknown: u64,
    /// Whether it is certain that there are no others.
    is_all: bool,
}

#[derive(Debug)]
struct Processes {
    wanted: Wanted,
    min: u64,
    max: Option<u64>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let mut named = ["NAME", "pid", "pid-file"].into_iter().filter(|name| given.has(name));
    let wanted = match (named.next(), named.next()) {
        (Some("NAME"), None) => Wanted::Name(given.path("NAME", |text| {
            let name = text.into_encoded_bytes();
            if name.is_empty() { Err("the name of a process") } else { Ok(name) }
        })?),
        (Some("pid"), None) => {
            Wanted::Pid(given.operand("pid", PID, |text| parse_pid(text.as_bytes()).ok_or(PID))?)
        }
        (Some(name), None) => Wanted::PidFile(given.file(name)?.unwrap_or_default()),
        (Some(first), Some(name)) => {
            let dashes = if first == "NAME" { "" } else { "--" };
            return Err(given.wrong(name, &format!("cannot be used together with {dashes}{first}")));
        }
        (None, _) => return Err(given.wrong("NAME", "expected a name, --pid or --pid-file")),
    };
    let count = |text: &str| number(text, MOST).ok_or(COUNT);
    let max = given.parsed("max", COUNT, count)?;
    let min = given.parsed("min", COUNT, count)?.unwrap_or(u64::from(max != Some(0)));
    if max.is_some_and(|max| max < min) {
        return Err(given.wrong("min", "is more than --max"));
    }
    Ok(Box::new(Arc::new(Processes { wanted, min, max })))
}

impl Check for Arc<Processes> {
    fn target(&self) -> Vec<u8> {
        self.named()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    #[cfg(feature = "inspect")]
    fn depends_on_first_process(&self) -> bool {
        true
    }

    fn run(&self, attempt: &Attempt) -> Finding {
        let (processes, deadline) = (Arc::clone(self), attempt.deadline);
        // A command line is in the process's own memory, which may be mapped from a file.
        let doing = if matches!(self.wanted, Wanted::PidFile(_)) { AT_FILE } else { "looking at processes" };
        in_time(deadline, doing, Box::new(move || processes.look(Path::new(procfs::ROOT), deadline)))
    }
}

impl Processes {
    /// As it was asked for.
    fn named(&self) -> Vec<u8> {
        match &self.wanted {
            Wanted::Name(name) => name.clone(),
            Wanted::Pid(pid) => pid.to_string().into_bytes(),
            Wanted::PidFile(path) => path.as_os_str().as_encoded_bytes().to_vec(),
        }
    }

    fn look(&self, proc: &Path, deadline: Deadline) -> Finding {
        let Some(own) = own_pid(proc) else {
            let why = format!("no processes are visible: {} is not mounted", proc.shown());
            return Finding::new(Verdict::Denied, why);
        };
        match &self.wanted {
            Wanted::Name(name) => self.by_name(name, own, proc, deadline),
            Wanted::Pid(pid) => self.by_pid(*pid, own, proc),
            Wanted::PidFile(path) => match read_pid(path) {
                Ok(pid) => self.by_pid(pid, own, proc),
                Err(error) => unreadable("", &error, ""),
            },
        }
    }

    fn by_name(&self, name: &[u8], own: u32, proc: &Path, deadline: Deadline) -> Finding {
        let all = match pids(proc) {
            Ok(all) => all,
            Err(error) => return Finding::new(Verdict::Denied, error.to_string()),
        };
        // Those that run, the stopped ones among them, and zombies.
        let mut groups = [Vec::new(), Vec::new(), Vec::new()];
        let mut unseen = Unseen::default();
        for pid in all.into_iter().filter(|&pid| pid != own) {
            if deadline.remaining().is_err() {
                return Finding::unhealthy(WireError::TimedOut.reason(deadline, "looking at processes"));
            }
            let process = match process(proc, pid) {
                Ok(process) => match process.is_called(proc, name) {
                    Some(true) => process,
                    is_called => {
                        unseen.unknown += u64::from(is_called.is_none());
                        continue;
                    }
                },
                Err(error) => {
                    if !error.is_absent() {
                        unseen.why.get_or_insert(error);
                    }
                    continue;
                }
            };
            let [alive, stopped, zombies] = &mut groups;
            if process.is_zombie() {
                zombies.push(pid);
            } else {
                alive.push(pid);
                if process.is_stopped() {
                    stopped.push(pid);
                }
            }
        }
        let count = groups.first().map_or(0, |alive| alive.len() as u64);
        let mut finding = self.judge(count, of_name(&groups, true), unseen, proc);
        // After a restart they have other numbers.
        if finding.verdict == Verdict::Unhealthy {
            finding.found = of_name(&groups, false);
        }
        for (group, name) in groups.into_iter().zip(["pids", "stopped", "zombies"]) {
            finding
                .push(name, Fact::List(group.into_iter().map(|pid| Fact::Count(u64::from(pid))).collect()));
        }
        finding
    }

    fn by_pid(&self, pid: u32, own: u32, proc: &Path) -> Finding {
        let process = match process(proc, pid) {
            Ok(process) => process,
            Err(error) => {
                // The kernel knows better than proc, where that is of our own pid namespace.
                let is_known = error.is_absent() && own == std::process::id();
                let why = match error.is_absent() {
                    true if is_known && is_hidden(pid) => {
                        Some(Cause::Denied(format!("pid {pid} is hidden in {}", proc.shown())).into())
                    }
                    true => None,
                    false => Some(error),
                };
                let unseen = Unseen { is_all: is_known && why.is_none(), why, unknown: 0 };
                return self.judge(0, format!("pid {pid}: no such process"), unseen, proc);
            }
        };
        // A number left over from an earlier start may by now be that of this check, or of a thread, which proc has
        // too though it does not list it.
        let group = thread_group(proc, pid).unwrap_or(pid);
        let (count, found) = if group == own {
            (0, format!("pid {pid} is this check itself"))
        } else if group != pid {
            (0, format!("pid {pid} is a thread of pid {group}"))
        } else {
            let state = match process.state {
                state if process.is_zombie() || process.is_stopped() => state_words(state),
                _ => "running",
            };
            (u64::from(!process.is_zombie()), format!("{} is {state}", process.shown()))
        };
        let unseen = Unseen { is_all: true, ..Unseen::default() };
        let mut finding = self.judge(count, found, unseen, proc);
        finding.push("pid", Fact::Count(u64::from(pid)));
        finding.push("process", Fact::Bytes(process.name));
        finding.push("state", Fact::Text(process.state.to_string()));
        finding
    }

    /// The verdict on so many that run. Where there may be more, only what they cannot change is said.
    fn judge(&self, count: u64, found: String, unseen: Unseen, proc: &Path) -> Finding {
        let too_many = self.max.is_some_and(|max| count > max);
        let enough = count >= self.min;
        let may_change = |more: u64| {
            let most = count.saturating_add(more);
            !too_many && ((!enough && most >= self.min) || self.max.is_some_and(|max| most > max))
        };
        if may_change(u64::MAX)
            && !unseen.is_all
            && let Some(why) = why_unseen(unseen.why, proc)
        {
            return Finding::new(Verdict::Denied, why);
        }
        if may_change(unseen.unknown) {
            let name = decode(&self.named());
            let why = format!(
                "the executables of some processes cannot be read, so any of them may be {name}; \
                 run the check as their user or with CAP_SYS_PTRACE"
            );
            return Finding::new(Verdict::Denied, why);
        }
        if enough && !too_many {
            return Finding::new(Verdict::Healthy, found);
        }
        let mut finding = Finding::unhealthy(found);
        finding.expected = Some(match self.max {
            // That a process named by its number is to run is plain.
            None if self.min == 1 && !matches!(self.wanted, Wanted::Name(_)) => return finding,
            None => format!("at least {}", self.min),
            Some(0) => "none".to_owned(),
            Some(max) if max == self.min => format!("exactly {max}"),
            Some(max) if self.min == 0 => format!("at most {max}"),
            Some(max) => format!("{} to {max}", self.min),
        });
        finding
    }
}

/// How many processes of a name run, are stopped and are zombies, and which, if that is to be said. Zombies are not waited
/// for, so they become more and more while the trouble stays the same: without their numbers they are not counted.
fn of_name(groups: &[Vec<u32>; 3], is_which: bool) -> String {
    let mut words = Vec::new();
    for (group, what) in groups.iter().zip(["running", "stopped", "zombie"]) {
        let pids = || list(group.iter().map(ToString::to_string).collect());
        words.push(match group.len() {
            0 if what == "running" => "none running".to_owned(),
            0 => continue,
            count if is_which => {
                let s = if what == "zombie" && count > 1 { "s" } else { "" };
                format!("{count} {what}{s} (pid {})", pids())
            }
            _ if what == "zombie" => {
                let is_any = groups.first().is_some_and(|alive| !alive.is_empty());
                if is_any { "also zombies" } else { "only zombies" }.to_owned()
            }
            count => format!("{count} {what}"),
        });
    }
    words.join(", ")
}

/// Why there may be processes that are not to be seen, and what helps; `known` is why one of them cannot be looked at.
fn why_unseen(known: Option<Error>, proc: &Path) -> Option<String> {
    let shown = proc.shown();
    if let Some(option) = hiding_option(proc) {
        let hidden = "processes of other users are hidden in";
        return Some(format!("{hidden} {shown} ({option}); run the check as their user"));
    }
    // Every pid namespace has a first process; where it is not to be seen, others may not be either.
    let mut error = known.or_else(|| process(proc, 1).err())?;
    if error.is_absent() {
        error = Cause::Denied(format!("pid 1 is not visible in {shown}")).into();
    }
    let help = if error.is_denied() {
        "; run the check as the user of the processes, or with CAP_SYS_PTRACE"
    } else {
        ""
    };
    Some(error.to_string() + help)
}

/// The number in the first line of a pid file. The error does not repeat what is there.
fn read_pid(path: &Path) -> Result<u32, Error> {
    let text = read_regular(path, FILE_LIMIT)?;
    if text.trim_ascii().is_empty() {
        return Err("the pid file is empty".into());
    }
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii();
    parse_pid(line).ok_or_else(|| "the first line of the pid file is not a process ID".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    #[test]
    fn without_proc_nothing_is_said_of_processes() {
        let wanted = Processes { wanted: Wanted::Pid(1), min: 0, max: Some(0) };
        let finding = wanted.look(Path::new("/none"), Deadline::after(Duration::from_mins(1)));
        assert_eq!(finding.verdict, Verdict::Denied);
        assert_eq!(finding.found, "no processes are visible: /none is not mounted");
    }

    #[test]
    fn a_state_that_cannot_be_read_is_no_absence() {
        let proc = std::env::temp_dir().join(format!("porthole-odd-process-{}", std::process::id()));
        fs::create_dir_all(proc.join("7")).unwrap();
        std::os::unix::fs::symlink("8", proc.join("self")).unwrap();
        fs::write(proc.join("7/stat"), "odd").unwrap();
        let wanted = Processes { wanted: Wanted::Pid(7), min: 0, max: Some(0) };
        let finding = wanted.look(&proc, Deadline::after(Duration::from_mins(1)));
        fs::remove_dir_all(&proc).unwrap();
        assert_eq!(finding.verdict, Verdict::Denied, "{}", finding.found);
        assert!(finding.found.contains("/7/stat: malformed"), "{}", finding.found);
    }
}
