//! What a controller of cgroups(7) limits, and how much of it is used.

use std::path::PathBuf;

use crate::error::Error;

/// The limit of a controller, and its use.
#[derive(Debug, Default)]
pub struct Resource {
    /// Whether it is a controller of cgroup v2.
    pub v2: bool,
    /// The group, as `/proc/PID/cgroup` names it.
    pub group: Vec<u8>,
    /// The limit that is reached first, in bytes, processes or thousandths of a CPU.
    pub limit: Option<u64>,
    /// The group with that limit; empty if it is above those that are mounted.
    pub limit_group: Vec<u8>,
    /// Whether no limit is visible but there are groups above the visible ones.
    pub cut: bool,
    /// The use of the process's own group, in bytes, processes or milliseconds.
    pub used: Option<u64>,
    /// The use of the group with the limit, in the limit's unit.
    pub limit_used: Option<u64>,
    /// How much of that use is our own: threads, which end when we do.
    pub ours: u64,
    /// The peak use.
    pub peak: Option<u64>,
    /// Bytes of files in memory, which are reclaimed when memory runs short.
    pub page_cache: Option<u64>,
    /// Bytes of files in memory that were not used recently, in the group with the limit. They are
    /// reclaimed first.
    pub reclaimable: Option<u64>,
    /// How often something was refused: OOM kills, failed forks.
    pub refused: Option<u64>,
    /// The limit that caused the failed forks, if that is known.
    pub refused_by: Option<u64>,
    /// Scheduling periods in which a limited CPU was used.
    pub periods: Option<u64>,
    /// The periods in which processes were throttled.
    pub throttled_periods: Option<u64>,
    /// How long they were throttled, in milliseconds.
    pub throttled: Option<u64>,
    /// The files that these values come from.
    pub sources: Sources,
    /// Why a file could not be read.
    pub unread: Option<Error>,
}

/// The share of a limit in use, in percent, from which it is worth a warning.
pub const NEAR: u64 = 90;
/// The share of throttled periods, in percent, from which it is worth a warning.
pub const OFTEN: u64 = 10;

impl Resource {
    /// Whether the limit is reached.
    pub fn is_used_up(&self) -> bool {
        self.limit.zip(self.limit_used).is_some_and(|(limit, used)| used >= limit)
    }

    /// Returns how much of the limit is needed, as the kubelet counts it: page cache that was not
    /// used recently is reclaimed before anything is killed. Shared memory and tmpfs are page cache
    /// too, but are not reclaimed.
    pub fn needed(&self) -> Option<u64> {
        Some(self.limit_used?.saturating_sub(self.reclaimable.unwrap_or_default()))
    }
}

/// Formats thousandths of a CPU as a number of CPUs: `0.5`, `2`.
pub fn cores(millicores: u64) -> String {
    let text = format!("{}.{:03}", millicores / 1000, millicores % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The files that values come from; empty if there is none.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file with the limit.
    pub limit: PathBuf,
    /// The file with the use of the group that has the limit.
    pub used: PathBuf,
    /// The file that counts refusals or throttling.
    pub events: PathBuf,
    /// The file with [`Resource::refused_by`].
    pub refused_by: PathBuf,
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
