//! `doctor`: what stands out about a process and its container, why, and what to change.
//!
//! Each topic is a file with its `look`, and a line in the list below. A topic adds findings, each with what it was seen
//! by; what it could not look at it says, and the others go on.

mod finding;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::finding::{Finding, Level, few};
#[cfg(feature = "remote")]
use crate::args::flag;
use crate::args::{Given, UsageError, option_list};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::inspect::{Command, Inspect, Properties, inspections};
use crate::net::target::parse_port;
use crate::outcome::Fact;
use crate::procfs::all::{Look, Seen};
use crate::procfs::handle::{Fate, Handle};
use crate::procfs::process::{Process, own_pid};
use crate::procfs::stat::Stat;
use crate::procfs::status::Status;
use crate::report::Answer;
use crate::text::{Shown as _, decode};
use crate::view::control_groups::Groups;
use crate::view::mounts::with_timeout;
use crate::view::root::Root;
use crate::view::target::Target;

/// Declares each topic's module and lists its `look`, so that a new topic is one line.
macro_rules! topics {
    ($($name:ident,)*) => {
        $(mod $name;)*
        /// Every topic, in the order in which they are looked at: who says what could not be looked at comes last.
        const TOPICS: &[fn(&mut Case<'_>, &Asked)] = &[$($name::look,)*];
    };
}

topics! {
    processes,
    listeners,
    resources,
    files,
    names,
    privileges,
    reach,
}

/// First processes that start one application, pass signals on to it, and wait for orphans.
const INITS: [&str; 5] = ["tini", "docker-init", "podman-init", "dumb-init", "catatonit"];
/// How long something has to last that may be over in a moment: a zombie, a connection that waits.
const LASTING: Duration = Duration::from_millis(100);
/// The most of what could not be looked at that is said.
const MOST: usize = 20;
/// How long one file system may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most generations that are looked at.
const DEEPEST: usize = 64;
/// The most of one file of proc that is read, in bytes.
const LIMIT: usize = 64 << 10;

/// Lists `doctor`, and declares and lists the other commands of diagnosis.
macro_rules! commands {
    (inspection $inspection:tt diagnosis { doctor, $($name:ident,)* } copying $copying:tt) => {
        $(mod $name;)*
        /// What explains what is wrong, in the order in which help lists it.
        pub const COMMANDS: &[Command] = &[COMMAND, $($name::COMMAND,)*];
    };
}

inspections!(commands);

const COMMAND: Command = Command {
    name: "doctor",
    summary: "say what is wrong, by what it is seen, and what to change",
    options: &[&[
        option_list(
            "expect-port",
            "PORT",
            "something listens on this TCP port, not for this container alone; repeatable",
        ),
        option_list("expect-file", "PATH", "the process may read this file; repeatable"),
        #[cfg(feature = "remote")]
        flag("remote", "ask the name servers of /etc/resolv.conf whether they answer"),
    ]],
    plan,
    examples: r"porthole doctor
porthole doctor --expect-port 8080 --expect-file /etc/app/config.yaml
porthole doctor -p 7 --json",
    properties: Properties::PLAIN,
};

/// What was asked for besides what is always looked at.
#[derive(Debug)]
struct Asked {
    ports: Vec<u16>,
    files: Vec<PathBuf>,
    /// Whether name servers may be asked.
    remote: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut ports = Vec::new();
    for word in given.words("expect-port") {
        let port = word.to_str().and_then(parse_port);
        ports.push(port.ok_or_else(|| given.unexpected("expect-port", "a port from 1 to 65535"))?);
    }
    let files = given.paths("expect-file");
    if files.iter().any(|path| path.as_os_str().is_empty()) {
        return Err(given.unexpected("expect-file", "the path of a file"));
    }
    Ok(Box::new(Asked { ports, files, remote: given.has("remote") }))
}

/// Whose case it is, and what is known of it so far.
struct Case<'a> {
    target: &'a Target,
    process: &'a Handle,
    /// Its name.
    known: Process,
    /// Its credentials and signals.
    status: Status,
    /// Ours.
    ours: Status,
    /// All processes that are to be seen.
    all: &'a [Seen],
    /// Its files; nothing where they may not be looked at.
    root: Option<Arc<Root>>,
    /// Its control groups.
    groups: Result<Groups, Error>,
    findings: Vec<Finding>,
    /// What was not looked at because the process may not be.
    skipped: Vec<&'static str>,
    /// What else could not be looked at, and why.
    unread: Vec<Error>,
    /// When looking began.
    since: Instant,
    /// Whether nobody named the process, and it is ourselves for want of another one.
    is_makeshift: bool,
    /// Whether as many processes and threads run as may.
    is_crowded: bool,
}

impl Case<'_> {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A file of the process, for what it is seen by.
    fn path(&self, name: &str) -> String {
        self.process.path(name).shown()
    }

    /// Whether it is the first process of its pid namespace, which the kernel treats in a way of its own.
    fn is_init(&self) -> bool {
        match self.status.ns_pids.as_slice() {
            [] => self.process.pid == 1,
            [.., last] => *last == 1,
        }
    }

    /// What this comes to, unless a file system does not answer. Where as many processes run as may, it has no thread
    /// of its own: that would be refused, and counted as what could not be started.
    fn patient<T: Send + 'static>(
        &self,
        work: impl Fn() -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        if self.is_crowded { work() } else { with_timeout(Deadline::after(PATIENCE), work) }
    }

    /// Waits until what was there when looking began has lasted.
    fn wait(&self) {
        let left = LASTING.saturating_sub(self.since.elapsed());
        if !left.is_zero() {
            // Nothing to wake up for.
            let _ = Deadline::after(left).wait_any(&mut [], left);
        }
    }
}

impl Inspect for Asked {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let chosen;
        let mut others = None;
        let mut all = Look::new().all(&target.proc).map_err(|errno| Error::from(errno).at(&target.proc))?;
        let is_guess = target.process.is_none();
        let target = if is_guess {
            (chosen, others) = choose(target, &all)?;
            &chosen
        } else {
            target
        };
        let process = target.process.as_ref().ok_or("no process is to be looked at")?;
        // What is made up may call any process ours.
        let is_ours = || target.is_of_kernel() && own_pid(&target.proc) == Some(process.pid);
        let is_makeshift = is_guess && (stat_of(&all, 1).is_none() || is_ours());
        let read =
            |name: &str| process.read(name, LIMIT).map_err(|error| target.explain(error, process, name));
        let known = Process::parse(process.pid, &read("stat")?).ok_or("malformed")?;
        let mut unread = Vec::new();
        let status = read("status").map_err(|error| unread.push(error)).unwrap_or_default();
        let status = Status::parse(&status);
        unread.extend(unseen(target, &all));
        all.retain(|seen| seen.stat.is_ok());
        let groups = Groups::of(target);
        let pids = groups.as_ref().ok().and_then(|groups| groups.pids().ok());
        let is_crowded = pids.is_some_and(|pids| pids.is_used_up());
        let mut case = Case {
            target,
            process,
            known,
            status,
            ours: target.start_of("self/status").map(|text| Status::parse(&text)).unwrap_or_default(),
            all: &all,
            root: root(target, process).map(Arc::new),
            groups,
            findings: others.into_iter().collect(),
            skipped: Vec::new(),
            unread,
            since: Instant::now(),
            is_makeshift,
            is_crowded,
        };
        let topics = if ended(&mut case, self) { &[] } else { TOPICS };
        for look in topics {
            look(&mut case, self);
        }
        case.findings.sort_by_key(|finding| finding.level);
        for why in case.unread.iter().take(MOST) {
            answer.lack(&format!("not checked: {why}"));
        }
        if case.unread.len() > MOST {
            answer.lack(&format!("not checked: {} more", case.unread.len() - MOST));
        }
        print(&case, answer);
        Ok(case.findings.iter().all(|finding| finding.level != Level::Error))
    }
}

/// What the control groups that we are in lack, a sentence each. What cannot be read there is not said.
pub(super) fn lacking(proc: &Path) -> Vec<String> {
    let groups = Target::new(proc, None).and_then(|target| Groups::of(&target));
    let findings = groups.map(|groups| resources::bearing(&groups).0).unwrap_or_default();
    findings.iter().filter(|finding| finding.level != Level::Hint).map(Finding::sentence).collect()
}

/// The process to look at where none is named: the first one, or the application where that is only an init or holds the
/// namespaces of a pod; where it is not to be seen, ourselves. With it, what else could be meant.
fn choose(target: &Target, all: &[Seen]) -> Result<(Target, Option<Finding>), Error> {
    let chosen = |pid| Target::new(&target.proc, Some(pid));
    let own = target.ourselves()?;
    let of = |pid| stat_of(all, pid);
    let Some(first) = of(1) else { return Ok((chosen(own.pid)?, None)) };
    let holds = first.name == b"pause";
    let ours = ancestors(own.pid, &|pid| of(pid).map(|stat| stat.ppid));
    let below = |parent| {
        let children = all.iter().filter_map(|seen| {
            let stat = seen.stat.as_ref().ok()?;
            let is_application = seen.pid != 1
                && stat.ppid == parent
                && !stat.is_zombie()
                && !ours.contains(&seen.pid)
                && stat.name != b"pause";
            is_application.then_some((stat.start, seen.pid, &stat.name))
        });
        let mut children: Vec<_> = children.collect();
        children.sort_unstable();
        children
    };
    // What a runtime starts has no parent in the namespace.
    let mut applications = if holds { below(0) } else { Vec::new() };
    let mounts = if holds { mounts_of(&own) } else { None };
    if mounts.is_some() {
        // Run in one of the containers, it is that one which is meant.
        let is_own = |pid| Handle::open(&target.proc, pid).is_ok_and(|process| mounts_of(&process) == mounts);
        let same: Vec<_> = applications.iter().copied().filter(|&(_, pid, _)| is_own(pid)).collect();
        if !same.is_empty() {
            applications = same;
        }
    }
    let (_, mut pid, mut name) = applications.first().copied().unwrap_or((0, 1, &first.name));
    // Of an init's children the others are orphans that it took on; of a pod's, containers.
    for _ in 0..DEEPEST {
        let children = if is_named(name, &INITS) { below(pid) } else { break };
        let Some(&(_, child, called)) = children.first() else { break };
        (pid, name) = (child, called);
    }
    let others = (applications.len() > 1).then(|| {
        let shown = |&(_, pid, name): &(u64, u32, &Vec<u8>)| format!("{pid} ({})", decode(name));
        let named = few(applications.iter().map(shown).collect(), MOST);
        let what = format!(
            "the pod has {} containers, or someone has entered it; this is the first to start, porthole doctor -p PID examines another",
            applications.len()
        );
        Finding::new(Level::Hint, what).seen(target.proc.shown(), format!("pid {named}"))
    });
    Ok((chosen(pid)?, others))
}

/// Whether this is the name of one of these programs.
fn is_named(name: &[u8], programs: &[&str]) -> bool {
    programs.iter().any(|program| program.as_bytes() == name)
}

/// Of how many processes not even the state can be read, and why of the first.
fn unseen(target: &Target, all: &[Seen]) -> Option<Error> {
    let mut lost = all.iter().filter_map(|seen| Some((seen.pid, seen.stat.as_ref().err()?)));
    let (pid, first) = lost.next()?;
    let error = first.clone().at(&target.proc.join(pid.to_string()).join("stat"));
    Some(match lost.count() {
        0 => error,
        more => format!("{error}, and {more} more").into(),
    })
}

/// What `stat` says of the process of this number.
fn stat_of(all: &[Seen], pid: u32) -> Option<&Stat> {
    let at = all.binary_search_by_key(&pid, |seen| seen.pid).ok()?;
    all.get(at)?.stat.as_ref().ok()
}

/// The process and those above it.
fn ancestors(pid: u32, parent: &dyn Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut found = vec![pid];
    while let Some(next) = found.last().and_then(|&pid| parent(pid)) {
        // A made-up table may go round in circles.
        if next == 0 || found.len() == DEEPEST || found.contains(&next) {
            break;
        }
        found.push(next);
    }
    found
}

/// Whether there is nothing to look at, which is a finding.
fn ended(case: &mut Case<'_>, asked: &Asked) -> bool {
    let (level, what) = match case.process.fate() {
        Fate::Zombie(_) => (Level::Error, "is a zombie: it has ended, but its parent has not waited for it"),
        Fate::Gone => (Level::Error, "has ended"),
        // What was expected of it does not hold.
        Fate::Kernel(_) if !asked.ports.is_empty() || !asked.files.is_empty() => {
            (Level::Error, "is a kernel thread, which neither listens nor reads files")
        }
        Fate::Kernel(_) => (Level::Hint, "is a kernel thread: there is nothing to change"),
        Fate::Lives => return false,
    };
    let state = format!("state {}", case.known.state);
    case.add(Finding::new(level, format!("{} {what}", case.known.shown())).seen(case.path("stat"), state));
    true
}

/// The files of the process. Where it may not be looked at, but sees the very mounts that we do, they are ours.
fn root(target: &Target, process: &Handle) -> Option<Root> {
    target.root().ok().or_else(|| {
        let ours = mounts_of(&target.ourselves().ok()?)?;
        (mounts_of(process)? == ours).then(Root::own)
    })
}

/// The table of the mounts that a process sees, by which two are known to see the same.
fn mounts_of(process: &Handle) -> Option<Vec<u8>> {
    process.read("mountinfo", crate::view::target::MAX_PROC_FILE_BYTES).ok().filter(|text| !text.is_empty())
}

fn print(case: &Case<'_>, answer: &mut Answer) {
    let process = case.known.shown();
    if answer.is_json() {
        let findings = case.findings.iter().map(Finding::fact).collect();
        answer.document(vec![
            ("pid", Fact::Count(case.process.pid.into())),
            ("process", Fact::Bytes(case.known.name.clone())),
            ("findings", Fact::List(findings)),
        ]);
        return;
    }
    for finding in &case.findings {
        finding.print(answer);
    }
    if case.findings.is_empty() {
        let partly = if case.unread.is_empty() { "" } else { "; some checks could not be made" };
        answer.sentence(&format!("in order: {process}: nothing stands out{partly}"));
        return;
    }
    let counts =
        [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Hint, "hint")].map(|(level, word)| {
            let count = case.findings.iter().filter(|finding| finding.level == level).count();
            (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    answer.sentence(&format!("{process}: {}", counts.join(", ")));
}
