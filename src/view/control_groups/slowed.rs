//! What slows the processes of a group down, or keeps them from running, without ending them:
//! `memory.high`, swap, the freezer, and throttling. The kernel's admin-guide/cgroup-v2.rst and
//! admin-guide/cgroup-v1/freezer-subsystem.rst.

use std::path::PathBuf;

use super::Groups;
use super::resource::OFTEN;
use super::site::Site;
use crate::procfs::cgroup::{self, amount, cpu_max, entry, millicores};

/// A limit that was reached, which does not end processes.
#[derive(Debug)]
pub struct Reached {
    /// The limit, in bytes.
    pub limit: u64,
    /// The use, in bytes, without what is reclaimed first.
    pub used: u64,
    /// How often it was reached.
    pub times: u64,
    /// The files with the limit, with the use, and with the count.
    pub sources: [PathBuf; 3],
}

/// A group that was throttled.
#[derive(Debug)]
pub struct Throttled {
    /// Its limit, in thousandths of a CPU.
    pub limit: u64,
    /// Its scheduling periods, and those in which it was throttled.
    pub periods: [u64; 2],
    /// The files with the limit and with the periods.
    pub sources: [PathBuf; 2],
}

impl Groups {
    /// Returns the nearest group whose `memory.high` was reached.
    pub fn high(&self) -> Option<Reached> {
        self.reached(["memory.high", "memory.current", "memory.events", "high"])
    }

    /// Returns the nearest group whose swap limit was reached.
    pub fn swap(&self) -> Option<Reached> {
        self.reached(["memory.swap.max", "memory.swap.current", "memory.swap.events", "max"])
    }

    fn reached(&self, [limit_file, used_file, events_file, event]: [&'static str; 4]) -> Option<Reached> {
        let mut site = self.site("memory").ok().filter(|site| site.v2)?;
        site.groups().into_iter().find_map(|group| {
            let limit = site.number(group, limit_file, cgroup::limit).filter(|&limit| limit > 0)?;
            let events = site.read(group, events_file)?;
            let times = entry(&events, event).filter(|&times| times > 0)?;
            let used = site.number(group, used_file, amount)?;
            // Swap has no page cache.
            let cache = (used_file == "memory.current").then(|| site.read(group, "memory.stat")).flatten();
            let reclaimable = cache.and_then(|text| entry(&text, "inactive_file")).unwrap_or_default();
            let sources = [limit_file, used_file, events_file].map(|file| site.path(group, file));
            Some(Reached { limit, used: used.saturating_sub(reclaimable), times, sources })
        })
    }

    /// Returns the file that says that the group is frozen, and what it says, if it is.
    pub fn frozen(&self) -> Option<(PathBuf, &'static str)> {
        let mut site = self.site("freezer").ok()?;
        let is = |site: &mut Site<'_>, group: &[u8], file: &str, holds: fn(&[u8]) -> bool| {
            site.read(group, file).is_some_and(|text| holds(&text)).then(|| site.path(group, file))
        };
        for group in site.groups() {
            let found = if site.v2 {
                is(&mut site, group, "cgroup.freeze", |text| text.trim_ascii() == b"1")
                    .map(|path| (path, "1"))
            } else {
                let is_frozen = |text: &[u8]| matches!(text.trim_ascii(), b"FROZEN" | b"FREEZING");
                is(&mut site, group, "freezer.state", is_frozen).map(|path| (path, "FROZEN"))
            };
            if found.is_some() {
                return found;
            }
        }
        // A group above those that are mounted may be.
        let group = site.group;
        let is_frozen = |text: &[u8]| entry(text, "frozen") == Some(1);
        is(&mut site, group, "cgroup.events", is_frozen).map(|path| (path, "frozen 1"))
    }

    /// Returns the groups that were throttled in a good part of at least so many periods, the lowest
    /// first. Each counts for itself.
    pub fn throttled(&self, min_periods: u64) -> Vec<Throttled> {
        let Ok(mut site) = self.site("cpu") else { return Vec::new() };
        let v2 = site.v2;
        let mut found = Vec::new();
        for group in cgroup::upwards(site.group).take(super::site::MAX_DEPTH) {
            let limit = if v2 {
                site.number(group, "cpu.max", cpu_max)
            } else {
                let quota = site.number(group, "cpu.cfs_quota_us", cgroup::limit);
                let period = site.number(group, "cpu.cfs_period_us", amount);
                quota.zip(period).and_then(|(quota, period)| millicores(quota, period))
            };
            let (Some(limit), Some(stat)) = (limit, site.read(group, "cpu.stat")) else { continue };
            let (Some(periods), Some(throttled)) = (entry(&stat, "nr_periods"), entry(&stat, "nr_throttled"))
            else {
                continue;
            };
            if periods < min_periods || throttled < periods.saturating_mul(OFTEN) / 100 {
                continue;
            }
            let [limit_file] = site.names(["cpu.max"], ["cpu.cfs_quota_us"]);
            found.push(Throttled {
                limit,
                periods: [periods, throttled],
                sources: [limit_file, "cpu.stat"].map(|file| site.path(group, file)),
            });
        }
        found
    }
}
