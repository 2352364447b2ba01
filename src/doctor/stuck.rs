//! Processes that do not run: stopped, or in uninterruptible sleep. proc_pid_stat(5), signal(7).

use std::time::Duration;

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::procfs::all::{Look, Seen};
use crate::procfs::all::{ancestors, stat_of};
use crate::procfs::cgroup::count;
use crate::procfs::handle::Handle;
use crate::text::{Shown as _, decode};

/// The most processes that are named.
const MAX_NAMED: usize = 5;
/// How long a process has to stay in uninterruptible sleep to be reported. A disk that is busy
/// answers sooner.
const MIN_SLEEP: Duration = Duration::from_millis(400);

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    if case.is_fallback {
        return;
    }
    let mut earlier = halted(case, case.all);
    // The freezer of cgroup v1 leaves processes in uninterruptible sleep.
    if earlier.iter().any(|halt| halt.state == b'D')
        && case.groups.as_ref().is_ok_and(|groups| groups.frozen().is_some())
    {
        earlier.retain(|halt| halt.state != b'D');
    }
    if earlier.is_empty() {
        return;
    }
    case.wait_for(if earlier.iter().any(|halt| halt.state == b'D') {
        MIN_SLEEP
    } else {
        super::MIN_DURATION
    });
    let mut listing = case.listing.clone();
    listing.pids = earlier.iter().map(|halt| halt.pid).collect();
    let later = halted(case, &Look::new().stats(&listing));
    for halt in later.into_iter().filter(|halt| earlier.contains(halt)).take(MAX_NAMED) {
        let finding = if halt.state == b'D' { asleep(case, &halt) } else { stopped(case, &halt) };
        case.add(finding);
    }
}

/// A process that does not run.
#[derive(Debug, PartialEq, Eq)]
struct Halt {
    pid: u32,
    name: Vec<u8>,
    /// When it started, in ticks since boot.
    start: u64,
    state: u8,
    /// How often it has left the processor, which does not change while it sleeps.
    switches: Option<u64>,
}

impl Halt {
    fn shown(&self) -> String {
        format!("pid {} ({})", self.pid, decode(&self.name))
    }
}

/// Returns the processes of the application that do not run, in order of pid.
fn halted(case: &Case<'_>, all: &[Seen]) -> Vec<Halt> {
    let mut family = case.family.clone();
    family.sort_unstable();
    // An init that is stopped passes on no signal.
    let above = ancestors(case.handle.pid, &|pid| stat_of(case.all, pid).map(|stat| stat.ppid));
    let mut found = Vec::new();
    for Seen { pid, stat, .. } in all {
        let Ok(stat) = stat else { continue };
        let is_stopped = matches!(stat.state, b'T' | b't');
        let is_of_family = || family.binary_search(pid).is_ok();
        let is_halted = match stat.state {
            b'D' => is_of_family(),
            _ => is_stopped && (is_of_family() || above.contains(pid)),
        };
        if !is_halted {
            continue;
        }
        let switches = (stat.state == b'D').then(|| entry(case, *pid, b"voluntary_ctxt_switches:")).flatten();
        found.push(Halt {
            pid: *pid,
            name: stat.name.clone(),
            start: stat.start,
            state: stat.state,
            switches,
        });
    }
    found
}

/// Returns the number in a line of a process's `status`.
fn entry(case: &Case<'_>, pid: u32, name: &[u8]) -> Option<u64> {
    let status = Handle::open(&case.target.proc, pid).ok()?.read("status", PROC_FILE_LIMIT).ok()?;
    status.split(|&b| b == b'\n').find_map(|line| count(line.strip_prefix(name)?.trim_ascii()))
}

/// Returns the path of a file of this process, as evidence.
fn path(case: &Case<'_>, pid: u32, name: &str) -> String {
    case.target.proc.join(pid.to_string()).join(name).shown()
}

/// Returns the finding for a process that was stopped by a signal or a tracer.
fn stopped(case: &Case<'_>, halt: &Halt) -> Finding {
    let pid = halt.pid;
    let is_examined = pid == case.handle.pid;
    let level = if is_examined { Level::Error } else { Level::Warning };
    let tracer = entry(case, pid, b"TracerPid:").filter(|&tracer| tracer != 0);
    let state = format!("state {}", char::from(halt.state));
    if let Some(tracer) = tracer.filter(|_| halt.state == b't') {
        let what = format!("{} is stopped by a debugger, pid {tracer}, and does not run", halt.shown());
        return Finding::new(level, what)
            .seen(path(case, pid, "stat"), state)
            .seen(path(case, pid, "status"), format!("TracerPid: {tracer}"))
            .application("continue it in the debugger, or detach the debugger");
    }
    let what = format!("{} is stopped: it does not run until it receives SIGCONT", halt.shown());
    let finding = Finding::new(level, what).seen(path(case, pid, "stat"), state);
    let finding = if pid == 1 || is_examined && case.is_init() {
        finding.docker("docker kill --signal CONT NAME")
    } else {
        finding.docker(format!("docker run --rm --pid container:NAME busybox kill -CONT {pid}"))
    };
    finding
        .kubernetes(format!("kubectl debug POD --image busybox --target CONTAINER -- kill -CONT {pid}"))
        .application(
            "it was stopped by SIGSTOP or SIGTSTP, or it reads from a terminal in the background (SIGTTIN)",
        )
}

/// Returns the finding for a process that waits for the kernel, and that no signal ends.
fn asleep(case: &Case<'_>, halt: &Halt) -> Finding {
    let pid = halt.pid;
    let what = format!(
        "{} is in uninterruptible sleep: it waits in the kernel, usually for a disk or a file server",
        halt.shown()
    );
    let finding = Finding::new(Level::Warning, what).seen(path(case, pid, "stat"), "state D");
    let wchan = Handle::open(&case.target.proc, pid).and_then(|process| process.read("wchan", 128));
    let finding = match wchan.map(|wchan| decode(wchan.trim_ascii())) {
        // Without the privilege to read it, the kernel writes 0.
        Ok(wchan) if !wchan.is_empty() && wchan != "0" => finding.seen(path(case, pid, "wchan"), wchan),
        _ => finding,
    };
    finding
        .application("porthole df shows which file system does not answer")
        .kubernetes("check the volume's server, and the events of the PersistentVolumeClaim and of the node")
}
