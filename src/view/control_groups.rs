//! What the control groups of a process allow, and how much of it is used.
//!
//! The tightest limit of all groups above counts, as far up as they are mounted. The files are looked for where the
//! cgroup filesystems are mounted for us, and failing that where they are for the process.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::error::{Cause, Error};
use crate::files::read_start;
use crate::procfs::ROOT;
use crate::procfs::cgroup::{
    self, Membership, NoNumber, amount, cpu_max, entry, hierarchy, is_of, locate, millicores,
};
use crate::procfs::handle::Handle;
use crate::procfs::mountinfo::Mounts;
use crate::text::{clip, decode};
use crate::view::root::Root;
use crate::view::target::Target;

/// The most of one file that is read, in bytes.
const MAX_CGROUP_FILE_BYTES: u64 = 64 << 10;
/// The most groups above one another that are looked at.
const MAX_DEPTH: usize = 128;

/// What a controller allows, and what is used of it.
#[derive(Debug, Default)]
pub struct Resource {
    /// Whether of cgroup v2.
    pub v2: bool,
    /// The group, as `/proc/PID/cgroup` names it.
    pub group: Vec<u8>,
    /// The tightest limit: bytes, processes, thousandths of a CPU.
    pub limit: Option<u64>,
    /// The group that it is of; empty where that is one above those that are mounted.
    pub limit_group: Vec<u8>,
    /// Whether there is no limit as far as is to be seen, and there are groups above that.
    pub cut: bool,
    /// What the process's own group uses: bytes, processes, milliseconds.
    pub used: Option<u64>,
    /// What the group uses that the limit is of, in the limit's unit.
    pub limit_used: Option<u64>,
    /// How much of that is our own: threads, which end when we do.
    pub ours: u64,
    /// The most that was ever used.
    pub peak: Option<u64>,
    /// Bytes of files in memory, which are given up when memory runs short.
    pub page_cache: Option<u64>,
    /// Bytes of files in memory that were not used of late, of the group that the limit is of: what is given up first.
    pub reclaimable: Option<u64>,
    /// How often something was refused: processes killed for memory, forks that failed.
    pub refused: Option<u64>,
    /// Periods in which a limited CPU was used.
    pub periods: Option<u64>,
    /// Those in which its processes had to wait.
    pub throttled_periods: Option<u64>,
    /// How long they waited, in milliseconds.
    pub throttled: Option<u64>,
    /// The files that say so: the limit, what was refused, the throttling.
    pub sources: Sources,
    /// Why some of it could not be read.
    pub unread: Option<Error>,
}

/// From how much of a limit in use, in percent, it stands out.
pub const NEAR: u64 = 90;
/// From how many throttled periods of a hundred they stand out.
pub const OFTEN: u64 = 10;

/// Where as many processes run as may, asks for no thread: it would be refused.
pub fn avoid_threads_at_pids_limit() {
    // The threads are ours, whatever proc is looked at.
    let pids = Target::new(Path::new(ROOT), None).and_then(|ours| Groups::of(&ours)?.pids());
    if pids.is_ok_and(|pids| pids.is_used_up()) {
        crate::threads::forgo();
    }
}

impl Resource {
    /// Whether all is in use that may be.
    pub fn is_used_up(&self) -> bool {
        self.limit.zip(self.limit_used).is_some_and(|(limit, used)| used >= limit)
    }

    /// What is needed of the limit, as the kubelet counts it: what of the page cache was not used of late is given up before
    /// anything is killed. Shared memory and tmpfs are in the page cache too, and are not.
    pub fn needed(&self) -> Option<u64> {
        Some(self.limit_used?.saturating_sub(self.reclaimable.unwrap_or_default()))
    }
}

/// Thousandths of a CPU as a number of CPUs: `0.5`, `2`.
pub fn cores(millicores: u64) -> String {
    let text = format!("{}.{:03}", millicores / 1000, millicores % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Files that say something of a resource; empty where none does.
#[derive(Debug, Default)]
pub struct Sources {
    /// The tightest limit.
    pub limit: PathBuf,
    /// What the group uses that the limit is of.
    pub used: PathBuf,
    /// What was refused, or throttled.
    pub events: PathBuf,
}

/// Reads a number from the text of a file.
type Parse = fn(&[u8]) -> Result<Option<u64>, NoNumber>;

/// The groups of a process, and where they may be found.
pub struct Groups {
    memberships: Vec<Membership>,
    views: Vec<(Root, Mounts)>,
    /// Why the process's own view is not among them.
    denied: Option<Error>,
    /// Ourselves, who are in a group too.
    us: Option<Handle>,
}

impl Groups {
    /// Those of the target.
    pub fn of(target: &Target) -> Result<Self, Error> {
        let memberships = cgroup::parse(&target.read("cgroup")?);
        let mut views = Vec::new();
        let mut denied = None;
        if let Ok((text, _)) =
            read_start(&target.proc.join("self/mountinfo"), super::target::MAX_PROC_FILE_BYTES as u64)
        {
            views.push((Root::own(), Mounts::parse(&text)));
        }
        if target.process.is_some() {
            match (target.read("mountinfo"), target.root()) {
                (Ok(text), Ok(root)) => views.push((root, Mounts::parse(&text))),
                (Err(error), _) | (_, Err(error)) => denied = Some(error),
            }
        }
        Ok(Groups { memberships, views, denied, us: target.ourselves().ok() })
    }

    /// Memory.
    pub fn memory(&self) -> Result<Resource, Error> {
        let mut site = self.site("memory")?;
        let [limit, used, peak] = site.names(
            ["memory.max", "memory.current", "memory.peak"],
            ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes"],
        );
        let mut found = site.resource(limit, used, peak);
        let [events, cache] = site.names(["memory.events", "file"], ["memory.oom_control", "total_cache"]);
        let refused = site.nearest(events);
        found.sources.events = site.source(refused.as_ref().map(|(_, group)| *group), events);
        found.refused = refused.and_then(|(text, _)| entry(&text, "oom_kill"));
        let [inactive] = site.names(["inactive_file"], ["total_inactive_file"]);
        let of_limit = site.limit_group.and_then(|group| site.read(group, "memory.stat"));
        found.reclaimable = of_limit.and_then(|text| entry(&text, inactive));
        let stat = site.nearest("memory.stat");
        let path = site.source(stat.as_ref().map(|(_, group)| *group), "memory.stat");
        found.page_cache = stat.as_ref().and_then(|(text, _)| entry(text, cache));
        let mut found = site.done(found);
        // In v1 that file has the tightest limit of all groups above, also of those that are not mounted.
        if let Some((text, _)) = stat
            && let Some(tightest) = entry(&text, "hierarchical_memory_limit")
        {
            found.cut = false;
            if tightest < found.limit.unwrap_or(cgroup::V1_NONE) {
                found.limit = Some(tightest);
                found.limit_group.clear();
                found.limit_used = None;
                found.sources.limit = path;
            }
        }
        Ok(found)
    }

    /// Processes and threads.
    pub fn pids(&self) -> Result<Resource, Error> {
        let mut site = self.site("pids")?;
        let mut found = site.resource("pids.max", "pids.current", "pids.peak");
        let refused = site.nearest("pids.events");
        found.sources.events = site.source(refused.as_ref().map(|(_, group)| *group), "pids.events");
        found.refused = refused.and_then(|(text, _)| entry(&text, "max"));
        found.ours = self.own_threads(&found.limit_group);
        Ok(site.done(found))
    }

    /// How many threads of ours are in this group of the controller pids, or below it.
    fn own_threads(&self, group: &[u8]) -> u64 {
        let Some(us) = &self.us else { return 0 };
        let memberships =
            cgroup::parse(&us.read("cgroup", super::target::MAX_PROC_FILE_BYTES).unwrap_or_default());
        let group = group.strip_suffix(b"/").unwrap_or(group);
        let below = hierarchy(&memberships, "pids").and_then(|(own, _)| own.path.strip_prefix(group));
        let mut count = 0;
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
            // Without the folder there are none to be seen.
            let _ = us.each("task", &mut |_| count += 1);
        }
        count
    }

    /// CPU time.
    pub fn cpu(&self) -> Result<Resource, Error> {
        let mut site = self.site("cpu")?;
        let v2 = site.v2;
        let tightest = site.tightest(&|site, group| {
            if v2 {
                return site.number(group, "cpu.max", cpu_max);
            }
            let quota = site.number(group, "cpu.cfs_quota_us", cgroup::limit)?;
            millicores(quota, site.number(group, "cpu.cfs_period_us", amount)?)
        });
        let mut found = site.found(tightest);
        let [limit] = site.names(["cpu.max"], ["cpu.cfs_quota_us"]);
        let group = tightest.map(|(_, group)| group);
        found.sources.limit = site.source(group, limit);
        found.sources.events = site.source(group, "cpu.stat");
        // The group that has the limit knows of the waiting.
        let stat = tightest.and_then(|(_, group)| site.read(group, "cpu.stat"));
        let stat = stat.or_else(|| Some(site.nearest("cpu.stat")?.0)).unwrap_or_default();
        found.periods = entry(&stat, "nr_periods");
        found.throttled_periods = entry(&stat, "nr_throttled");
        found.throttled = if v2 {
            entry(&stat, "throttled_usec").map(|micros| micros / 1_000)
        } else {
            entry(&stat, "throttled_time").map(|nanos| nanos / 1_000_000)
        };
        found.used = if v2 {
            let stat = site.nearest("cpu.stat");
            stat.and_then(|(text, _)| entry(&text, "usage_usec")).map(|micros| micros / 1_000)
        } else {
            // Often mounted together with cpu, but a hierarchy of its own it may be as well.
            let usage = self.site("cpuacct").ok().and_then(|mut other| {
                let usage = other.nearest_amount("cpuacct.usage");
                site.unread = site.unread.take().or(other.unread);
                usage
            });
            usage.map(|nanos| nanos / 1_000_000)
        };
        Ok(site.done(found))
    }

    /// Where the group of this controller is.
    fn site(&self, controller: &'static str) -> Result<Site<'_>, Error> {
        let Some((membership, v2)) = hierarchy(&self.memberships, controller) else {
            return Err(format!("the process is in no cgroup that has the controller {controller}").into());
        };
        let shown = decode(&membership.path);
        let mut why: Error = if v2 {
            "no cgroup2 filesystem is mounted here".into()
        } else {
            format!("no cgroup filesystem of the controller {controller} is mounted here").into()
        };
        for (root, mounts) in &self.views {
            if let Some((mount, group)) = locate(mounts, membership, controller, v2) {
                let site = Site {
                    root,
                    v2,
                    membership,
                    point: &mount.point,
                    group,
                    limit_group: None,
                    unread: None,
                };
                match root.handle(&site.path(group, "")) {
                    Ok(_) => return Ok(site),
                    Err(error) => why = error.at(&site.path(group, "")),
                }
            } else if let Some(mount) =
                mounts.mounts.iter().find(|mount| is_of(mount, controller, v2) && !mounts.is_hidden(mount))
            {
                let point = decode(&mount.point);
                why = format!("the cgroup {shown} is not below what is mounted at {point}").into();
            }
        }
        match &self.denied {
            Some(denied) => Err(format!("{why}; the process's own view: {denied}").into()),
            None => Err(why),
        }
    }
}

/// Where a group's files are, and those of the groups above it.
struct Site<'a> {
    root: &'a Root,
    v2: bool,
    membership: &'a Membership,
    point: &'a [u8],
    /// The group below what is mounted.
    group: &'a [u8],
    /// The group that has the tightest limit, once it is known.
    limit_group: Option<&'a [u8]>,
    unread: Option<Error>,
}

impl<'a> Site<'a> {
    fn names<const N: usize>(&self, v2: [&'static str; N], v1: [&'static str; N]) -> [&'static str; N] {
        if self.v2 { v2 } else { v1 }
    }

    fn path(&self, group: &[u8], file: &str) -> PathBuf {
        let folder = PathBuf::from(OsString::from_vec([self.point, group].concat()));
        if file.is_empty() { folder } else { folder.join(file) }
    }

    /// The path of a group's file.
    fn source(&self, group: Option<&[u8]>, file: &str) -> PathBuf {
        group.map(|group| self.path(group, file)).unwrap_or_default()
    }

    /// The text of a file; nothing where the group has none of that name, as the root has none of limits.
    fn read(&mut self, group: &[u8], file: &str) -> Option<Vec<u8>> {
        use std::io::Read as _;
        let path = self.path(group, file);
        let text = self.root.open(&path, false).and_then(|(file, _)| {
            let mut text = Vec::new();
            let read = file.take(MAX_CGROUP_FILE_BYTES).read_to_end(&mut text);
            read.map(|_| text).map_err(Error::from)
        });
        match text {
            Ok(text) => Some(text),
            Err(_) if self.is_missing(&path) => None,
            Err(error) => {
                self.unread.get_or_insert_with(|| error.at(&path));
                None
            }
        }
    }

    fn is_missing(&self, path: &Path) -> bool {
        let is_missing = |error: Error| matches!(error.cause, Cause::System(Errno::ENOENT | Errno::ENODEV));
        self.root.meta(path, true).is_err_and(is_missing)
    }

    /// The text of the file of the nearest group that has it: one that does not count itself is counted above.
    fn nearest(&mut self, file: &str) -> Option<(Vec<u8>, &'a [u8])> {
        cgroup::upwards(self.group).take(MAX_DEPTH).find_map(|group| Some((self.read(group, file)?, group)))
    }

    /// The number in a group's file. One that has something else in it is not as if it had none.
    fn number(&mut self, group: &[u8], file: &str, parse: Parse) -> Option<u64> {
        let text = self.read(group, file)?;
        parse(&text).unwrap_or_else(|NoNumber| {
            let path = self.path(group, file);
            let why = || Error::from(format!("not a number: '{}'", clip(text.trim_ascii()))).at(&path);
            self.unread.get_or_insert_with(why);
            None
        })
    }

    /// The number in the file of the nearest group that has it.
    fn nearest_amount(&mut self, file: &str) -> Option<u64> {
        let (_, group) = self.nearest(file)?;
        self.number(group, file, amount)
    }

    /// Whether what is mounted begins below the root of the hierarchy: the one file that no root has, or only a root.
    fn is_cut(&self) -> bool {
        let file = if self.v2 { "cgroup.events" } else { "release_agent" };
        self.root.meta(&self.path(b"", file), true).is_ok() == self.v2
    }

    /// The lowest limit of the group and those above, the nearest of several that are the same.
    fn tightest(&mut self, limit: &dyn Fn(&mut Self, &[u8]) -> Option<u64>) -> Option<(u64, &'a [u8])> {
        let mut tightest: Option<(u64, &[u8])> = None;
        for group in cgroup::upwards(self.group).take(MAX_DEPTH) {
            if let Some(limit) = limit(self, group)
                && tightest.is_none_or(|(least, _)| limit < least)
            {
                tightest = Some((limit, group));
            }
        }
        tightest
    }

    /// The group as the process's own file names it.
    fn name(&self, group: &[u8]) -> Vec<u8> {
        let path = &self.membership.path;
        let hidden = path.len().saturating_sub(self.group.len());
        let name = [path.get(..hidden).unwrap_or_default(), group].concat();
        if name.is_empty() { b"/".to_vec() } else { name }
    }

    fn found(&self, tightest: Option<(u64, &[u8])>) -> Resource {
        Resource {
            v2: self.v2,
            group: self.membership.path.clone(),
            limit: tightest.map(|(limit, _)| limit),
            limit_group: tightest.map(|(_, group)| self.name(group)).unwrap_or_default(),
            ..Resource::default()
        }
    }

    /// A resource of which limit and use have a file each.
    fn resource(&mut self, limit: &str, used: &str, peak: &str) -> Resource {
        let tightest = self.tightest(&|site, group| site.number(group, limit, cgroup::limit));
        let mut found = self.found(tightest);
        found.used = self.nearest_amount(used);
        let group = tightest.map(|(_, group)| group);
        self.limit_group = group;
        found.sources.limit = self.source(group, limit);
        found.sources.used = self.source(group, used);
        found.limit_used = tightest.and_then(|(_, group)| self.number(group, used, amount));
        found.peak = self.nearest_amount(peak);
        found
    }

    fn done(self, mut found: Resource) -> Resource {
        found.cut = found.limit.is_none() && self.is_cut();
        found.unread = self.unread;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_cpu() {
        for (millicores, shown) in [(500, "0.5"), (2000, "2"), (10_250, "10.25"), (1, "0.001")] {
            assert_eq!(cores(millicores), shown);
        }
    }
}
