//! The limits of a process's control groups, and how much of them is used. cgroups(7)
//!
//! Of the limits of the group and all groups above it, as far up as they are mounted, the one counts
//! that is reached first.
//! The files are looked up where the cgroup file systems are mounted for us and, if that fails,
//! where they are mounted for the process.

mod bar;
mod resource;
mod site;
mod slowed;

use std::path::Path;

pub use self::bar::{bar, share};
pub use self::resource::{NEAR, OFTEN, Resource, cores};
use self::site::Site;
pub use self::slowed::{Reached, Throttled};
use crate::error::Error;
use crate::files::read_start;
use crate::procfs::ROOT;
use crate::procfs::cgroup::{self, Membership, amount, cpu_max, entry, hierarchy, is_of, locate, millicores};
use crate::procfs::handle::{Handle, MAX_PROC_FILE_BYTES};
use crate::procfs::mountinfo::Mounts;
use crate::text::decode;
use crate::view::root::Root;
use crate::view::target::Target;

/// Starts no threads from now on if the pids limit is reached: they would be refused.
pub fn avoid_threads_at_pids_limit() {
    // The threads are ours, whichever proc is inspected.
    let pids = Target::new(Path::new(ROOT), None).and_then(|ours| Groups::of(&ours)?.pids());
    if pids.is_ok_and(|pids| pids.is_used_up()) {
        crate::threads::start_no_more();
    }
}

/// The groups of a process, and the views in which they may be found.
pub struct Groups {
    memberships: Vec<Membership>,
    views: Vec<(Root, Mounts)>,
    /// Why the process's own view is missing.
    denied: Option<Error>,
    /// Our own process, which is in a group too.
    us: Option<Handle>,
}

impl Groups {
    /// Returns the groups of the target.
    pub fn of(target: &Target) -> Result<Self, Error> {
        let memberships = cgroup::parse(&target.read("cgroup")?);
        let mut views = Vec::new();
        let mut denied = None;
        if let Ok((text, _)) = read_start(&target.proc.join("self/mountinfo"), MAX_PROC_FILE_BYTES as u64) {
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

    /// Returns the limit and use of memory.
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
        // In v1 this file contains the tightest limit of all groups above, including those that are
        // not mounted.
        if let Some((text, _)) = stat
            && let Some(tightest) = entry(&text, "hierarchical_memory_limit")
        {
            found.cut = false;
            if tightest < found.limit.unwrap_or(cgroup::V1_UNLIMITED) {
                found.limit = Some(tightest);
                found.limit_group.clear();
                found.limit_used = None;
                found.sources.limit = path;
            }
        }
        Ok(found)
    }

    /// Returns the limit and number of processes and threads.
    pub fn pids(&self) -> Result<Resource, Error> {
        let mut site = self.site("pids")?;
        let mut found = site.resource("pids.max", "pids.current", "pids.peak");
        // Since Linux 6.11 a failed fork is counted in the group whose limit was reached, before in
        // that of the process: "pids.events" in the kernel's admin-guide/cgroup-v2.rst.
        let by_limit = site.groups().into_iter().find_map(|group| {
            let text = site.read(group, "pids.events.local")?;
            Some((entry(&text, "max").filter(|&count| count > 0)?, group))
        });
        if let Some((refused, group)) = by_limit {
            found.refused = Some(refused);
            found.refused_by = site.number(group, "pids.max", cgroup::limit);
            found.sources.refused_by = site.source(Some(group), "pids.max");
            found.sources.events = site.source(Some(group), "pids.events.local");
        } else {
            let refused = site.nearest("pids.events");
            found.sources.events = site.source(refused.as_ref().map(|(_, group)| *group), "pids.events");
            found.refused = refused.and_then(|(text, _)| entry(&text, "max"));
            found.refused_by = found.limit;
            found.sources.refused_by.clone_from(&found.sources.limit);
        }
        found.ours = self.own_threads(&found.limit_group);
        Ok(site.done(found))
    }

    /// Counts our own threads if we are in this group of the pids controller or below it.
    fn own_threads(&self, group: &[u8]) -> u64 {
        let Some(us) = &self.us else { return 0 };
        let memberships = cgroup::parse(&us.read("cgroup", MAX_PROC_FILE_BYTES).unwrap_or_default());
        let group = group.strip_suffix(b"/").unwrap_or(group);
        let below = hierarchy(&memberships, "pids").and_then(|(own, _)| own.path.strip_prefix(group));
        let mut count = 0;
        if below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
            // If the directory cannot be read, the count is 0.
            let _ = us.each("task", &mut |_| count += 1);
        }
        count
    }

    /// Returns the limit and use of CPU time.
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
        // The group that has the limit counts the throttling.
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
            // Often mounted together with cpu, but it may be a hierarchy of its own.
            let usage = self.site("cpuacct").ok().and_then(|mut other| {
                let usage = other.nearest_amount("cpuacct.usage");
                site.unread = site.unread.take().or(other.unread);
                usage
            });
            usage.map(|nanos| nanos / 1_000_000)
        };
        Ok(site.done(found))
    }

    /// Finds the group of this controller.
    fn site(&self, controller: &'static str) -> Result<Site<'_>, Error> {
        let Some((membership, v2)) = hierarchy(&self.memberships, controller) else {
            return Err(format!("no cgroup of the process has the controller {controller}").into());
        };
        let shown = decode(&membership.path);
        let mut why: Error = if v2 {
            "no cgroup2 filesystem is mounted here".into()
        } else {
            format!("no cgroup filesystem with the controller {controller} is mounted here").into()
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
            } else if let Some(mount) = mounts.visible().find(|mount| is_of(mount, controller, v2)) {
                let point = decode(&mount.point);
                why = format!("the cgroup {shown} is outside the mount at {point}").into();
            }
        }
        match &self.denied {
            Some(denied) => Err(format!("{why}; the process's own view: {denied}").into()),
            None => Err(why),
        }
    }
}
