//! `process NAME`: a process runs and is not a zombie. proc_pid_stat(5).
//!
//! NAME is the name of the process, of its executable or of the first word of its command line, as
//! for pgrep(1) and pidof(8). With `--args`, `--pid` and `--pid-file` all that is given has to hold
//! of the same process. The check never counts itself, nor what was told to start it. A stopped process counts, because it
//! has not exited, and is reported as stopped.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AT_FILE, Attempt, Check, Kind, in_time};
use crate::args::{Foreign, Given, Text, UsageError, operand, option};
use crate::deadline::Deadline;
use crate::error::{Cause, Error};
use crate::files::{read_regular, unreadable};
use crate::net::socket::WireError;
use crate::net::target::Endpoint;
use crate::outcome::{Fact, Finding, Verdict};
use crate::procfs;
use crate::procfs::process::{
    Process, has_arguments, hiding_option, is_hidden, own_pid, parent, parse_pid, pids, process, state_words,
    thread_group,
};
use crate::sys::sandbox;
use crate::text::{Shown as _, decode, list, quoted};
use crate::units::number;

/// How much of a pid file is read, in bytes.
const FILE_LIMIT: u64 = 4096;
/// The maximum number of processes: no pid is larger.
const PID_LIMIT: u64 = 4 << 20;
/// How many generations of parents are looked at.
const MAX_PARENTS: usize = 32;
/// What is expected as `--pid`.
const PID: &str = "a process ID from 1 to 4194304";
/// What is expected as `--min` and `--max`.
const COUNT: &str = "a number of processes, from 0 to 4194304";

pub(super) const KIND: Kind = Kind {
    name: "process",
    summary: "a process runs and is not a zombie",
    options: &[&[
        operand("NAME", "name of the process or its executable (or --args, --pid, --pid-file)").optional(),
        option("args", "TEXT", "this text is in its command line, as for pgrep -f"),
        option("pid", "N", "the process with this ID"),
        option("pid-file", "PATH", "the process whose ID is on the first line of this file"),
        option("min", "N", "at least this many are running (1, or 0 with --max 0)"),
        option("max", "N", "at most this many are running"),
    ]],
    plan,
    examples: r"porthole process nginx --min 2
porthole process php --args queue:work
porthole process --pid-file /run/app.pid
porthole process debugger --max 0",
    foreign: Foreign::NONE,
};

/// The processes that the check looks for. What is given has to hold together.
#[derive(Debug, Default)]
struct Wanted {
    name: Option<Vec<u8>>,
    /// A text in the command line.
    arguments: Option<Text>,
    pid: Option<u32>,
    pid_file: Option<PathBuf>,
}

/// The processes that are not visible.
#[derive(Debug, Default)]
struct Unseen {
    /// Why at least one process cannot be inspected.
    why: Option<Error>,
    /// How many visible processes may or may not have the wanted name.
    unnamed: u64,
    /// Whether it is certain that no other processes exist.
    is_complete: bool,
}

#[derive(Debug)]
struct Processes {
    wanted: Wanted,
    min: u64,
    max: Option<u64>,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Check>, UsageError> {
    let wanted = wanted(given)?;
    let count = |text: &str| number(text, PID_LIMIT).ok_or(COUNT);
    let max = given.parsed("max", COUNT, count)?;
    let min = given.parsed("min", COUNT, count)?.unwrap_or(u64::from(max != Some(0)));
    if max.is_some_and(|max| max < min) {
        return Err(given.wrong("min", "is more than --max"));
    }
    Ok(Box::new(Arc::new(Processes { wanted, min, max })))
}

fn wanted(given: &mut Given<'_>) -> Result<Wanted, UsageError> {
    let mut wanted = Wanted::default();
    if given.has("NAME") {
        let parse = |text: OsString| {
            let name = text.into_vec();
            if name.is_empty() { Err("the name of a process") } else { Ok(name) }
        };
        wanted.name = Some(given.path("NAME", parse)?);
    }
    wanted.arguments = given.texts(&["args"])?.pop().map(|(_, text)| text);
    if wanted.arguments.as_ref().is_some_and(|text| text.value.is_empty()) {
        return Err(given.wrong("args", "expected at least one character to look for"));
    }
    wanted.pid = given.parsed("pid", PID, |text| parse_pid(text.as_bytes()).ok_or(PID))?;
    wanted.pid_file = given.file("pid-file")?;
    if wanted.names().is_empty() {
        return Err(given.wrong("NAME", "expected a name, --args, --pid or --pid-file"));
    }
    Ok(wanted)
}

/// Whether a process is a wanted one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    /// It may or may not be.
    Perhaps,
    OtherName,
    OtherArguments,
}

impl Wanted {
    /// Returns what was given, each as it was typed.
    fn names(&self) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        names.extend(self.name.clone());
        names.extend(self.arguments.as_ref().map(|text| text.shown.clone().into_bytes()));
        names.extend(self.pid.map(|pid| pid.to_string().into_bytes()));
        names.extend(self.pid_file.as_ref().map(|path| path.as_os_str().as_encoded_bytes().to_vec()));
        names
    }

    /// Returns whether the process has the name and the arguments.
    fn fit(&self, process: &Process, proc: &Path) -> Fit {
        let named = self.name.as_ref().map_or(Some(true), |name| process.is_called(proc, name));
        if named == Some(false) {
            return Fit::OtherName;
        }
        let text = self.arguments.as_ref();
        match text.map_or(Some(true), |text| has_arguments(proc, process.pid, text.value.as_bytes())) {
            Some(false) => Fit::OtherArguments,
            Some(true) if named == Some(true) => Fit::Yes,
            _ => Fit::Perhaps,
        }
    }
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
        sandbox::seal();
        let (processes, deadline) = (Arc::clone(self), attempt.deadline);
        // This may block: a command line is in the memory of its process, which may be mapped from
        // a file.
        let doing = if self.wanted.pid_file.is_some() { AT_FILE } else { "looking at processes" };
        in_time(deadline, doing, Box::new(move || processes.look(Path::new(procfs::ROOT), deadline)))
    }
}

impl Processes {
    /// Returns the process as it was given.
    fn named(&self) -> Vec<u8> {
        self.wanted.names().join(&b' ')
    }

    fn look(&self, proc: &Path, deadline: Deadline) -> Finding {
        let Some(own) = own_pid(proc) else {
            let why = format!("no processes are visible: {} is not mounted", proc.shown());
            return Finding::new(Verdict::Denied, why);
        };
        let filed = match self.wanted.pid_file.as_deref().map(read_pid).transpose() {
            Ok(filed) => filed,
            Err(error) => return unreadable("", &error, ""),
        };
        match (self.wanted.pid, filed) {
            (Some(pid), Some(filed)) if pid != filed => {
                Finding::unhealthy("the pid file has another process ID").expected(pid.to_string())
            }
            (Some(pid), _) | (None, Some(pid)) => self.by_pid(pid, own, proc),
            (None, None) => self.by_name(own, proc, deadline),
        }
    }

    fn by_name(&self, own: u32, proc: &Path, deadline: Deadline) -> Finding {
        let all = match pids(proc) {
            Ok(all) => all,
            Err(error) => return Finding::new(Verdict::Denied, error.to_string()),
        };
        let mut groups = Groups::default();
        let mut unseen = Unseen::default();
        let starters = if self.wanted.arguments.is_some() { starters(proc, own) } else { Vec::new() };
        for pid in all.into_iter().filter(|pid| *pid != own && !starters.contains(pid)) {
            if deadline.remaining().is_err() {
                return Finding::undecided(WireError::TimedOut.reason(deadline, "looking at processes"));
            }
            let process = match process(proc, pid) {
                Ok(process) => match self.wanted.fit(&process, proc) {
                    Fit::Yes => process,
                    fit => {
                        unseen.unnamed += u64::from(fit == Fit::Perhaps);
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
            if process.is_zombie() {
                groups.zombies.push(pid);
            } else {
                groups.alive.push(pid);
                if process.is_stopped() {
                    groups.stopped.push(pid);
                }
            }
        }
        let mut finding = self.judge(groups.alive.len() as u64, groups.describe(true), unseen, proc);
        // After a restart the pids differ.
        let steady = groups.describe(false);
        if finding.verdict == Verdict::Unhealthy {
            finding.found = steady;
        } else {
            finding.steady = Some(steady);
        }
        for (name, pids) in [("pids", groups.alive), ("stopped", groups.stopped), ("zombies", groups.zombies)]
        {
            let pids = pids.into_iter().map(|pid| Fact::Count(u64::from(pid)));
            finding.push(name, Fact::List(pids.collect()));
        }
        finding
    }

    fn by_pid(&self, pid: u32, own: u32, proc: &Path) -> Finding {
        let process = match process(proc, pid) {
            Ok(process) => process,
            Err(error) => {
                // The kernel knows more than /proc, if that is of our own pid namespace.
                let is_known = error.is_absent() && own == std::process::id();
                let why = match error.is_absent() {
                    true if is_known && is_hidden(pid) => {
                        Some(Cause::Denied(format!("pid {pid} is hidden in {}", proc.shown())).into())
                    }
                    true => None,
                    false => Some(error),
                };
                let unseen = Unseen { is_complete: is_known && why.is_none(), why, unnamed: 0 };
                return self.judge(0, format!("pid {pid}: no such process"), unseen, proc);
            }
        };
        // A pid left over from an earlier start may now be that of this check, or of a thread:
        // /proc has threads too, although it does not list them.
        let group = thread_group(proc, pid).unwrap_or(pid);
        let fit = self.wanted.fit(&process, proc);
        let (count, found) = if group == own {
            (0, format!("pid {pid} is this check itself"))
        } else if group != pid {
            (0, format!("pid {pid} is a thread of pid {group}"))
        } else if fit == Fit::OtherName {
            (0, format!("{} has another name", process.shown()))
        } else if fit == Fit::OtherArguments {
            (0, format!("{} has other arguments", process.shown()))
        } else {
            let state = match process.state {
                state if process.is_zombie() || process.is_stopped() => state_words(state),
                _ => "running",
            };
            (u64::from(!process.is_zombie()), format!("{} is {state}", process.shown()))
        };
        let unnamed = if fit == Fit::Perhaps { count } else { 0 };
        let unseen = Unseen { is_complete: true, unnamed, ..Unseen::default() };
        let mut finding = self.judge(count - unnamed, found, unseen, proc);
        let expected = match fit {
            Fit::OtherName => self.wanted.name.as_deref().map(decode),
            Fit::OtherArguments => self.wanted.arguments.as_ref().map(|text| quoted(&text.shown)),
            Fit::Yes | Fit::Perhaps => None,
        };
        if finding.verdict == Verdict::Unhealthy && expected.is_some() {
            finding.expected = expected;
        }
        finding.push("pid", Fact::Count(u64::from(pid)));
        finding.push("process", Fact::Bytes(process.name));
        finding.push("state", Fact::Text(process.state.to_string()));
        finding
    }

    /// Returns the verdict on this number of running processes. If there may be more, it is decided
    /// only if they cannot change it.
    fn judge(&self, count: u64, found: String, unseen: Unseen, proc: &Path) -> Finding {
        let too_many = self.max.is_some_and(|max| count > max);
        let enough = count >= self.min;
        let may_change = |more: u64| {
            let most = count.saturating_add(more);
            !too_many && ((!enough && most >= self.min) || self.max.is_some_and(|max| most > max))
        };
        if may_change(u64::MAX)
            && !unseen.is_complete
            && let Some(why) = why_unseen(unseen.why, proc)
        {
            return Finding::new(Verdict::Denied, why);
        }
        if may_change(unseen.unnamed) {
            let name = decode(&self.named());
            let why = format!(
                "the executables or arguments of some processes cannot be read, so any of them may be {name}; \
                 run the check as their user or with CAP_SYS_PTRACE"
            );
            return Finding::new(Verdict::Denied, why);
        }
        if enough && !too_many {
            return Finding::new(Verdict::Healthy, found);
        }
        let mut finding = Finding::unhealthy(found);
        finding.expected = Some(match self.max {
            // It is obvious that a process given by its pid should run.
            None if self.min == 1 && (self.wanted.pid.is_some() || self.wanted.pid_file.is_some()) => {
                return finding;
            }
            None => format!("at least {}", self.min),
            Some(0) => "none".to_owned(),
            Some(max) if max == self.min => format!("exactly {max}"),
            Some(max) if self.min == 0 => format!("at most {max}"),
            Some(max) => format!("{} to {max}", self.min),
        });
        finding
    }
}

/// The pids of the processes with a name.
#[derive(Default)]
struct Groups {
    /// Those that have not exited, stopped ones included.
    alive: Vec<u32>,
    stopped: Vec<u32>,
    zombies: Vec<u32>,
}

impl Groups {
    /// Describes how many processes are running, stopped and zombies, and which. Without pids,
    /// zombies are not counted: nobody waits for them, so their number grows while the problem
    /// stays the same.
    fn describe(&self, with_pids: bool) -> String {
        let counted = |pids: &[u32], what: &str| {
            let mut words = format!("{} {what}", pids.len());
            if with_pids {
                words.push_str(
                    &[" (pid ", &list(&pids.iter().map(ToString::to_string).collect::<Vec<String>>()), ")"]
                        .concat(),
                );
            }
            words
        };
        let mut words = match self.alive.as_slice() {
            [] => "none running".to_owned(),
            alive => counted(alive, "running"),
        };
        let mut push = |part: &str| words.push_str(&[", ", part].concat());
        if !self.stopped.is_empty() {
            push(&counted(&self.stopped, "stopped"));
        }
        match self.zombies.as_slice() {
            [] => {}
            [_] if with_pids => push(&counted(&self.zombies, "zombie")),
            _ if with_pids => push(&counted(&self.zombies, "zombies")),
            _ if self.alive.is_empty() => push("only zombies"),
            _ => push("also zombies"),
        }
        words
    }
}

/// Returns the processes above this check whose command line contains the name of porthole's
/// program: a shell or `timeout` that was told to start the check has the text of `--args` in its
/// own command line.
fn starters(proc: &Path, own: u32) -> Vec<u32> {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default().as_encoded_bytes().to_vec();
    let mut found = Vec::new();
    let mut pid = own;
    // A chain of parents cannot be longer, but a made-up one may be a circle.
    for _ in 0..MAX_PARENTS {
        let Some(next) = parent(proc, pid) else { break };
        pid = next;
        if has_arguments(proc, pid, &program) == Some(true) {
            found.push(pid);
        }
    }
    found
}

/// Returns why some processes may not be visible, and what helps; `known` is why one of them cannot
/// be inspected.
fn why_unseen(known: Option<Error>, proc: &Path) -> Option<String> {
    let shown = proc.shown();
    if let Some(option) = hiding_option(proc) {
        let hidden = "processes of other users are hidden in";
        return Some(format!("{hidden} {shown} ({option}); run the check as their user"));
    }
    // Every pid namespace has a first process; if it is not visible, others may not be either.
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

/// Reads the pid from the first line of a pid file. The error does not repeat the content.
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
    fn without_proc_there_is_no_verdict() {
        let wanted = Processes { wanted: Wanted { pid: Some(1), ..Wanted::default() }, min: 0, max: Some(0) };
        let finding = wanted.look(Path::new("/none"), Deadline::after(Duration::from_mins(1)));
        assert_eq!(finding.verdict, Verdict::Denied);
        assert_eq!(finding.found, "no processes are visible: /none is not mounted");
    }

    #[test]
    fn an_unreadable_state_does_not_mean_absent() {
        let proc = std::env::temp_dir().join(format!("porthole-odd-process-{}", std::process::id()));
        fs::create_dir_all(proc.join("7")).unwrap();
        std::os::unix::fs::symlink("8", proc.join("self")).unwrap();
        fs::write(proc.join("7/stat"), "odd").unwrap();
        let wanted = Processes { wanted: Wanted { pid: Some(7), ..Wanted::default() }, min: 0, max: Some(0) };
        let finding = wanted.look(&proc, Deadline::after(Duration::from_mins(1)));
        fs::remove_dir_all(&proc).unwrap();
        assert_eq!(finding.verdict, Verdict::Denied, "{}", finding.found);
        assert!(finding.found.contains("/7/stat: malformed"), "{}", finding.found);
    }
}
