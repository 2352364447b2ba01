//! What a controller of cgroups(7) allows, and how much of it is used.

use std::path::PathBuf;

use crate::error::Error;

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
