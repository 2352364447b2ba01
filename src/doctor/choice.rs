//! Which process is examined if none is named, and what can be told of processes from a listing of
//! all of them.

use super::finding::{Finding, Level, first_of};
use crate::error::Error;
use crate::procfs::all::Seen;
use crate::procfs::handle::Handle;
use crate::procfs::stat::Stat;
use crate::text::{Shown as _, decode};
use crate::view::target::{MAX_PROC_FILE_BYTES, Target};

/// Programs that run as PID 1, start one application, forward signals to it, and reap orphans.
pub const INITS: [&str; 5] = ["tini", "docker-init", "podman-init", "dumb-init", "catatonit"];
/// The program that holds the namespaces of a pod.
const PAUSE: &[u8] = b"pause";
/// The most containers that are named.
const MAX_CONTAINERS: usize = 20;
/// The most generations of processes that are followed.
const MAX_GENERATIONS: usize = 64;

/// A process that may be the application: when it started, its pid, and its name.
type Candidate<'a> = (u64, u32, &'a Vec<u8>);

/// Chooses the process to examine: PID 1, or the application if PID 1 is only an init or holds the
/// namespaces of a pod, or porthole itself if PID 1 is not visible. The finding names the other
/// processes that could be meant.
pub fn choose(target: &Target, all: &[Seen]) -> Result<(Target, Option<Finding>), Error> {
    let chosen = |pid| Target::new(&target.proc, Some(pid));
    let own = target.ourselves()?;
    let Some(first) = stat_of(all, 1) else { return Ok((chosen(own.pid)?, None)) };
    let own_line = ancestors(own.pid, &|pid| stat_of(all, pid).map(|stat| stat.ppid));
    let is_pod = first.name == PAUSE;
    let applications = if is_pod { containers(target, &own, all, &own_line) } else { Vec::new() };
    let (_, mut pid, mut name) = applications.first().copied().unwrap_or((0, 1, &first.name));
    // Later children of an init are orphans that it adopted; the first one is the application.
    for _ in 0..MAX_GENERATIONS {
        let children = if is_named(name, &INITS) { children(all, pid, &own_line) } else { break };
        let Some(&(_, child, child_name)) = children.first() else { break };
        (pid, name) = (child, child_name);
    }
    let others = (applications.len() > 1).then(|| {
        let shown = |&(_, pid, name): &Candidate<'_>| format!("{pid} ({})", decode(name));
        let named = first_of(applications.iter().map(shown).collect(), MAX_CONTAINERS);
        let what = format!(
            "the pod has {} containers, or someone ran exec in it; this one started first, porthole doctor -p PID examines another",
            applications.len()
        );
        Finding::new(Level::Hint, what).seen(target.proc.shown(), format!("pid {named}"))
    });
    Ok((chosen(pid)?, others))
}

/// Returns the first processes of the containers in a pod, or only those of the container that
/// porthole runs in.
fn containers<'a>(target: &Target, own: &Handle, all: &'a [Seen], own_line: &[u32]) -> Vec<Candidate<'a>> {
    // The runtime starts them, so their parents are outside the pid namespace.
    let applications = children(all, 0, own_line);
    let mounts = mounts_of(own);
    if mounts.is_none() {
        return applications;
    }
    // If porthole runs in one of the containers, that one is meant.
    let is_own = |pid| Handle::open(&target.proc, pid).is_ok_and(|process| mounts_of(&process) == mounts);
    let same: Vec<_> = applications.iter().copied().filter(|&(_, pid, _)| is_own(pid)).collect();
    if same.is_empty() { applications } else { same }
}

/// Returns the running children of a process, the oldest first, without porthole and its ancestors.
fn children<'a>(all: &'a [Seen], parent: u32, own_line: &[u32]) -> Vec<Candidate<'a>> {
    let children = all.iter().filter_map(|seen| {
        let stat = seen.stat.as_ref().ok()?;
        let is_application = seen.pid != 1
            && stat.ppid == parent
            && !stat.is_zombie()
            && !own_line.contains(&seen.pid)
            && stat.name != PAUSE;
        is_application.then_some((stat.start, seen.pid, &stat.name))
    });
    let mut children: Vec<_> = children.collect();
    children.sort_unstable();
    children
}

/// Whether this is the name of one of these programs.
pub fn is_named(name: &[u8], programs: &[&str]) -> bool {
    programs.iter().any(|program| program.as_bytes() == name)
}

/// Returns why the `stat` of processes cannot be read: the first error, and how many there are.
pub fn unreadable(target: &Target, all: &[Seen]) -> Option<Error> {
    let mut errors = all.iter().filter_map(|seen| Some((seen.pid, seen.stat.as_ref().err()?)));
    let (pid, first) = errors.next()?;
    let error = first.clone().at(&target.proc.join(pid.to_string()).join("stat"));
    Some(match errors.count() {
        0 => error,
        more => format!("{error}, and {more} more").into(),
    })
}

/// Returns the `stat` of the process with this pid.
pub fn stat_of(all: &[Seen], pid: u32) -> Option<&Stat> {
    let at = all.binary_search_by_key(&pid, |seen| seen.pid).ok()?;
    all.get(at)?.stat.as_ref().ok()
}

/// Returns the process and its ancestors.
pub fn ancestors(pid: u32, parent: &dyn Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut found = vec![pid];
    while let Some(next) = found.last().and_then(|&pid| parent(pid)) {
        // The parents in a fabricated proc may form a circle.
        if next == 0 || found.len() == MAX_GENERATIONS || found.contains(&next) {
            break;
        }
        found.push(next);
    }
    found
}

/// Returns the mount table of a process. Two processes with equal tables see the same mounts.
pub fn mounts_of(process: &Handle) -> Option<Vec<u8>> {
    process.read("mountinfo", MAX_PROC_FILE_BYTES).ok().filter(|text| !text.is_empty())
}
