//! Which process of the container is its application: PID 1, or its child if PID 1 is only an init,
//! or the first process of the container if PID 1 only holds the namespaces of a pod.

use std::path::Path;

use nix::sys::stat::{FileStat, stat};

use crate::procfs::all::{Look, MAX_GENERATIONS, Seen, ancestors, stat_of};
use crate::procfs::handle::{Handle, MAX_PROC_FILE_BYTES, is_proc};
use crate::procfs::listing::Listing;
use crate::procfs::stat::Stat;

/// Programs that run as PID 1, start one application, forward signals to it, and reap orphans.
pub const INITS: [&str; 5] = ["tini", "docker-init", "podman-init", "dumb-init", "catatonit"];
/// The program that holds the namespaces of a pod.
const PAUSE: &[u8] = b"pause";

/// How much of a mount table is compared, in bytes: some of its first mounts.
const FIRST_MOUNTS_BYTES: usize = 4096;

/// A process that may be the application: when it started, its pid, and its name.
type Candidate<'a> = (u64, u32, &'a Vec<u8>);

/// The application, and what else might be meant.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its process.
    pub process: Handle,
    /// Its name.
    pub name: Vec<u8>,
    /// The first processes of all containers of the pod, with their names, if there are several.
    pub containers: Vec<(u32, Vec<u8>)>,
}

impl Application {
    /// Finds the application of the container or pod that porthole runs in, with its own process;
    /// `None` if PID 1 is not visible, or is porthole itself.
    pub fn of(proc: &Path, own: &Handle) -> Option<Self> {
        let first = Handle::open(proc, 1).ok()?;
        let stat = Stat::parse(&first.read("stat", MAX_PROC_FILE_BYTES).ok()?)?;
        // All processes need to be read only if PID 1 is not the application.
        if stat.name != PAUSE && !is_named(&stat.name, &INITS) {
            return Self::new(proc, own, 1, &stat.name, Vec::new());
        }
        let all = Look::new().stats(&Listing::of(proc).ok()?);
        let own_line = ancestors(own.pid, &|pid| stat_of(&all, pid).map(|stat| stat.ppid));
        let is_pod = stat.name == PAUSE;
        let applications = if is_pod { containers(proc, own, &all, &own_line) } else { Vec::new() };
        let (_, mut pid, mut name) = applications.first().copied().unwrap_or((0, 1, &stat.name));
        // Later children of an init are orphans that it adopted; the first one is the application.
        for _ in 0..MAX_GENERATIONS {
            let children = if is_named(name, &INITS) { children(&all, pid, &own_line) } else { break };
            let Some(&(_, child, child_name)) = children.first() else { break };
            (pid, name) = (child, child_name);
        }
        let containers = applications.iter().map(|&(_, pid, name)| (pid, name.clone()));
        let containers = if applications.len() > 1 { containers.collect() } else { Vec::new() };
        Self::new(proc, own, pid, name, containers)
    }

    fn new(
        proc: &Path,
        own: &Handle,
        pid: u32,
        name: &[u8],
        containers: Vec<(u32, Vec<u8>)>,
    ) -> Option<Self> {
        // In a fabricated proc (tests) any process may appear to be porthole.
        if pid == own.pid && is_proc(proc) {
            return None;
        }
        let process = Handle::open(proc, pid).ok()?;
        Some(Application { process, name: name.to_owned(), containers })
    }

    /// Whether its root directory is another one than porthole's. If that cannot be read, the
    /// tables of mounts tell.
    pub fn has_other_files(&self, own: &Handle) -> bool {
        match (self.process.meta("root"), stat("/")) {
            (Ok(theirs), Ok(ours)) => id(theirs) != id(ours),
            _ => differ(mounts_of(&self.process), mounts_of(own)),
        }
    }

    /// Whether it is in another network namespace than porthole.
    pub fn has_other_network(&self, own: &Handle) -> bool {
        differ(self.process.network(), own.network())
    }
}

/// What identifies a file.
fn id(file: FileStat) -> (u64, u64) {
    (file.st_dev, file.st_ino)
}

/// Whether both are known, and differ.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Returns the first processes of the containers in a pod, or only those of the container that
/// porthole runs in.
fn containers<'a>(proc: &Path, own: &Handle, all: &'a [Seen], own_line: &[u32]) -> Vec<Candidate<'a>> {
    // The runtime starts them, so their parents are outside the pid namespace.
    let applications = children(all, 0, own_line);
    let mounts = mounts_of(own);
    if mounts.is_none() {
        return applications;
    }
    // If porthole runs in one of the containers, that one is meant.
    let is_own = |pid| Handle::open(proc, pid).is_ok_and(|process| mounts_of(&process) == mounts);
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

/// Returns the beginning of the mount table of a process. Each mount has a number of its own, so two
/// processes whose tables begin alike see the same mounts.
pub fn mounts_of(process: &Handle) -> Option<Vec<u8>> {
    process.read("mountinfo", FIRST_MOUNTS_BYTES).ok().filter(|text| !text.is_empty())
}
