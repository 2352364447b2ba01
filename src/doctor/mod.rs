//! `doctor`: what is wrong with a process and its container, the evidence, and what to change.
//!
//! Each topic is a file with a function `diagnose`, and a line in the list below. A topic adds
//! findings, each with its evidence, and records what it could not check. One topic that fails does
//! not stop the others.

mod access;
mod deleted;
mod family;
mod finding;
mod servers;
mod verdict;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::family::family;
use self::finding::{Finding, Level};
use self::verdict::print;
#[cfg(feature = "remote")]
use crate::args::flag;
use crate::args::{Given, UsageError, option_list};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::inspect::{Command, Inspect, Properties, inspections};
use crate::net::target::parse_port;
use crate::procfs::all::{Look, Seen, unreadable};
use crate::procfs::handle::{Fate, Handle, MAX_PROC_FILE_BYTES};
use crate::procfs::listing::Listing;
use crate::procfs::mountinfo::Mounts;
use crate::procfs::process::{MALFORMED, Process};
use crate::procfs::sockets::{Socket, Sockets, Wanted};
use crate::procfs::status::Status;
use crate::report::Answer;
use crate::text::Shown as _;
use crate::view::control_groups::Groups;
use crate::view::mounts::with_timeout;
use crate::view::permission::Who;
use crate::view::root::Root;
use crate::view::target::{Choice, Target};

/// Declares each topic's module and lists its `diagnose`, so that a new topic is one line.
macro_rules! topics {
    ($($name:ident: $what:literal,)*) => {
        $(mod $name;)*
        /// Every topic, what it looks at, and in the order in which they run: causes come before
        /// their effects. The one that reports what was skipped comes last.
        const TOPICS: &[(&str, Topic)] = &[$(($what, $name::diagnose),)*];
    };
}

/// Looks at a topic, and adds what it finds to the case.
type Topic = fn(&mut Case<'_>, &Request);

topics! {
    containers: "",
    processes: "signals and zombies",
    resources: "control groups",
    stuck: "process states",
    descriptors: "file descriptors",
    clock: "clock",
    network: "loopback interface",
    listeners: "listeners and accept queues",
    variables: "variables",
    space: "free space",
    volumes: "mounted secrets and volumes",
    files: "temporary files",
    names: "name resolution",
    privileges: "privileges",
    reach: "",
}

/// How long a condition that may be transient, such as a zombie or a waiting connection, has to
/// last to be reported.
const MIN_DURATION: Duration = Duration::from_millis(100);
/// The most messages about what was not checked.
const MAX_NOT_CHECKED: usize = 20;
/// How long one file system may take to answer.
const FILE_SYSTEM_TIMEOUT: Duration = Duration::from_secs(1);
/// The most that is read of one file in proc, in bytes.
const PROC_FILE_LIMIT: usize = 64 << 10;

/// Lists `doctor`, and declares and lists the other commands of diagnosis.
macro_rules! commands {
    (inspection $inspection:tt diagnosis { doctor, $($name:ident,)* } copying $copying:tt) => {
        $(mod $name;)*
        /// The commands that diagnose, in the order of the help text.
        pub const COMMANDS: &[Command] = &[COMMAND, $($name::COMMAND,)*];
    };
}

inspections!(commands);

const COMMAND: Command = Command {
    name: "doctor",
    summary: "report what is wrong, the evidence for it, and what to change",
    options: &[&[
        option_list(
            "expect-port",
            "PORT",
            "this TCP port has a listener that other hosts can reach; repeatable",
        ),
        option_list("expect-file", "PATH", "the process can read this file; repeatable"),
        option_list("expect-writable", "PATH", "the process can write to this file or directory; repeatable"),
        option_list("expect-env", "NAME", "this variable is set and not empty; repeatable"),
        #[cfg(feature = "remote")]
        flag("remote", "query all name servers of /etc/resolv.conf, not only those on loopback"),
    ]],
    plan,
    examples: r"porthole doctor
porthole doctor --expect-port 8080 --expect-file /etc/app/config.yaml
porthole doctor --expect-writable /data --expect-env DATABASE_URL
porthole doctor -p 7 --json",
    properties: Properties::of_process(None),
};

/// What the user asked for in addition to what is always checked.
#[derive(Debug)]
struct Request {
    /// TCP ports that should have a listener.
    ports: Vec<u16>,
    /// Files that the process should be able to read.
    files: Vec<PathBuf>,
    /// Files and directories that it should be able to write to.
    writable: Vec<PathBuf>,
    /// Variables that it should have.
    variables: Vec<OsString>,
    /// Whether name servers may be queried.
    remote: bool,
}

fn plan(given: &mut Given<'_>) -> Result<Box<dyn Inspect>, UsageError> {
    let mut ports = Vec::new();
    for word in given.words("expect-port") {
        let port = word.to_str().and_then(parse_port);
        ports.push(port.ok_or_else(|| given.unexpected("expect-port", "a port from 1 to 65535"))?);
    }
    let (files, writable) = (given.paths("expect-file"), given.paths("expect-writable"));
    for (option, paths) in [("expect-file", &files), ("expect-writable", &writable)] {
        if paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(given.unexpected(option, "the path of a file"));
        }
    }
    let variables = given.words("expect-env");
    let is_name = |name: &OsString| !name.is_empty() && !name.as_bytes().contains(&b'=');
    if !variables.iter().all(is_name) {
        return Err(given.unexpected("expect-env", "the name of a variable"));
    }
    Ok(Box::new(Request { ports, files, writable, variables, remote: given.has("remote") }))
}

impl Request {
    /// Whether something is expected that a process without files and sockets cannot have.
    fn expects(&self) -> bool {
        !(self.ports.is_empty()
            && self.files.is_empty()
            && self.writable.is_empty()
            && self.variables.is_empty())
    }
}

/// The process under examination, and what is known about it so far.
struct Case<'a> {
    target: &'a Target,
    /// Its files in proc.
    handle: &'a Handle,
    /// Its pid, name and state.
    process: Process,
    /// Its credentials and signals.
    status: Status,
    /// Those of porthole itself.
    own_status: Status,
    /// All visible processes.
    all: &'a [Seen],
    /// Their directories.
    listing: Listing,
    /// The process and its descendants.
    family: Vec<u32>,
    /// The addresses that they listen on, by TCP.
    listening: Vec<SocketAddr>,
    /// Whether that is known.
    knows_listeners: bool,
    /// Its root directory; `None` if that cannot be opened.
    root: Option<Arc<Root>>,
    /// Its ids and capabilities, for access to files.
    who: Who,
    /// Its mounts; `None` if they, or its root directory, cannot be read.
    mounts: Option<Arc<Mounts>>,
    /// Its variables; `None` if they cannot be read.
    environ: Option<Arc<Vec<u8>>>,
    /// Its control groups.
    groups: Result<Groups, Error>,
    findings: Vec<Finding>,
    /// The topics that were looked at.
    looked_at: Vec<&'static str>,
    /// What was not checked because access to the process is denied.
    skipped: Vec<&'static str>,
    /// What else could not be checked, and why.
    unread: Vec<Error>,
    /// When the examination began.
    started: Instant,
    /// Whether no process was named and porthole is examined because nothing else is visible.
    is_fallback: bool,
    /// Whether the pids limit is reached.
    at_pids_limit: bool,
}

impl Case<'_> {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Returns the path of one of the process's files in proc, as evidence.
    fn path(&self, name: &str) -> String {
        self.handle.path(name).shown()
    }

    /// Returns the sockets of its network namespace that listen or receive from anyone. It is an
    /// error if a table is missing.
    fn sockets(&self, wanted: Wanted) -> Result<Vec<Socket>, Error> {
        let sockets = Sockets::read(self.handle, wanted, false).and_then(Sockets::whole);
        let sockets = sockets.map_err(|(name, error)| self.target.explain(error, self.handle, name))?;
        Ok(sockets.list)
    }

    /// The same for a kind of socket that not every system has.
    fn sockets_if_any(&self, wanted: Wanted) -> Result<Vec<Socket>, Error> {
        self.sockets(wanted).or_else(|error| if error.is_absent() { Ok(Vec::new()) } else { Err(error) })
    }

    /// Whether it is PID 1 of its pid namespace, which the kernel treats specially.
    fn is_init(&self) -> bool {
        match self.status.ns_pids.as_slice() {
            [] => self.handle.pid == 1,
            [.., last] => *last == 1,
        }
    }

    /// Runs `work`, and abandons it if a file system does not answer. At the pids limit it runs in
    /// this thread: a new thread would be refused, and the refusal counted as a failed fork.
    fn with_timeout<T: Send + 'static>(
        &self,
        work: impl Fn() -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        if self.at_pids_limit { work() } else { with_timeout(Deadline::after(FILE_SYSTEM_TIMEOUT), work) }
    }

    /// Waits until [`MIN_DURATION`] has passed since the examination began.
    fn wait(&self) {
        self.wait_for(MIN_DURATION);
    }

    /// Waits until so much time has passed since the examination began.
    fn wait_for(&self, time: Duration) {
        let left = time.saturating_sub(self.started.elapsed());
        if !left.is_zero() {
            // No descriptor can end the wait early.
            let _ = Deadline::after(left).wait_any(&mut [], left);
        }
    }
}

impl Inspect for Request {
    fn run(&self, target: &Target, answer: &mut Answer) -> Result<bool, Error> {
        let listing = target.processes()?;
        let mut all = Look::new().stats(&listing);
        let handle = &target.handle()?;
        let is_fallback = matches!(target.choice, Choice::Fallback);
        let read = |name: &str| {
            handle.read(name, PROC_FILE_LIMIT).map_err(|error| target.explain(error, handle, name))
        };
        let process = Process::parse(handle.pid, &read("stat")?)
            .ok_or_else(|| Error::from(MALFORMED).at(&handle.path("stat")))?;
        let mut unread = Vec::new();
        let status = read("status").map_err(|error| unread.push(error)).unwrap_or_default();
        let status = Status::parse(&status);
        unread.extend(unreadable(&target.proc, &all));
        all.retain(|seen| seen.stat.is_ok());
        let groups = Groups::of(target);
        let pids = groups.as_ref().ok().and_then(|groups| groups.pids().ok());
        let at_pids_limit = pids.is_some_and(|pids| pids.is_used_up());
        let root = target.root().ok().map(Arc::new);
        let mounts = root.as_ref().and_then(|_| {
            let text = handle.read("mountinfo", MAX_PROC_FILE_BYTES);
            let text = text.map_err(|error| unread.push(target.explain(error, handle, "mountinfo")));
            text.ok().map(|text| Arc::new(Mounts::parse(&text)))
        });
        let mut case = Case {
            target,
            handle,
            process,
            own_status: target.start_of("self/status").map(|text| Status::parse(&text)).unwrap_or_default(),
            all: &all,
            listing,
            family: family(&all, handle.pid),
            listening: Vec::new(),
            knows_listeners: false,
            who: Who::of_process(status.clone()).mapped(target, handle),
            status,
            root,
            mounts,
            environ: variables::read(handle).map(Arc::new),
            groups,
            findings: Vec::new(),
            looked_at: Vec::new(),
            skipped: Vec::new(),
            unread,
            started: Instant::now(),
            is_fallback,
            at_pids_limit,
        };
        let topics = if cannot_be_examined(&mut case, self) { &[] } else { TOPICS };
        for (name, diagnose) in topics {
            let before = case.skipped.len() + case.unread.len();
            diagnose(&mut case, self);
            // What could not be read is listed as an error, or as part of a finding.
            let is_whole = case.skipped.len() + case.unread.len() == before;
            case.looked_at.extend(Some(*name).filter(|name| is_whole && !name.is_empty()));
        }
        case.findings.sort_by_key(|finding| finding.level);
        for why in case.unread.iter().take(MAX_NOT_CHECKED) {
            answer.warn(&format!("not checked: {why}"));
        }
        if case.unread.len() > MAX_NOT_CHECKED {
            answer.warn(&format!("not checked: {} more", case.unread.len() - MAX_NOT_CHECKED));
        }
        print(&case, self, answer);
        Ok(case.findings.iter().all(|finding| finding.level != Level::Error))
    }
}

/// Returns a sentence for each problem with the resources of the control groups that porthole is
/// in. What cannot be read there is left out.
pub(super) fn resource_problems(proc: &Path) -> Vec<String> {
    let groups = Target::new(proc, None).and_then(|target| Groups::of(&target));
    let findings = groups.map(|groups| resources::assess(&groups).0).unwrap_or_default();
    findings.iter().filter(|finding| finding.level != Level::Hint).map(Finding::sentence).collect()
}

/// Whether the process has ended or is a kernel thread, so that there is nothing to examine. Adds a
/// finding that says so.
fn cannot_be_examined(case: &mut Case<'_>, request: &Request) -> bool {
    let (level, what) = match case.handle.fate() {
        Fate::Zombie(_) => (Level::Error, "is a zombie: it has ended, but its parent has not waited for it"),
        Fate::Gone => (Level::Error, "has ended"),
        // It cannot meet the expectations.
        Fate::Kernel(_) if request.expects() => {
            (Level::Error, "is a kernel thread, which neither listens nor reads files")
        }
        Fate::Kernel(_) => (Level::Hint, "is a kernel thread: there is nothing to change"),
        Fate::Lives => return false,
    };
    let state = format!("state {}", case.process.state);
    case.add(Finding::new(level, format!("{} {what}", case.process.shown())).seen(case.path("stat"), state));
    true
}
