//! How much CPU each process used between two readings of its `stat`.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use super::Target;
use crate::error::{Cause, Error};
use crate::procfs::all::{Look, Seen};
use crate::view::target::{HIDDEN_PROCESSES, not_mounted};

/// Reads the processes of a target.
pub struct Reader<'a> {
    target: &'a Target,
    /// The clock ticks in a second.
    pub ticks: u64,
    /// The size of a page in bytes.
    pub page: u64,
}

/// The processes at one moment.
pub struct Sample {
    /// When they were read.
    pub at: Instant,
    /// In the order of their pids, with nothing but their `stat`.
    processes: Vec<Seen>,
    /// Why some may be missing.
    pub hidden: Option<&'static str>,
}

/// A process, and how much CPU it used.
pub struct Share {
    pub seen: Seen,
    /// Of one CPU, in tenths of a percent.
    pub tenths: u64,
}

impl<'a> Reader<'a> {
    pub fn of(target: &'a Target) -> Self {
        let conf = |name| sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
        let ticks = conf(SysconfVar::CLK_TCK).unwrap_or(100).max(1);
        Reader { target, ticks, page: conf(SysconfVar::PAGE_SIZE).unwrap_or(4096) }
    }

    /// Reads the `stat` of all processes, or of the requested one.
    pub fn sample(&self) -> Result<Sample, Error> {
        let at = Instant::now();
        let mut look = Look::new();
        if let Some(process) = &self.target.process {
            let seen = look.at(process.as_fd(), process.pid);
            let seen = seen.ok_or_else(|| self.target.explain(Cause::Gone.into(), process, "stat"))?;
            if let Err(error) = seen.stat {
                return Err(self.target.explain(error, process, "stat"));
            }
            return Ok(Sample { at, processes: vec![seen], hidden: None });
        }
        let list = self.target.processes().map_err(|error| match error.cause {
            Cause::System(Errno::ENOENT) => not_mounted(&self.target.proc),
            _ => error,
        })?;
        let mut processes = look.stats(&list);
        let first = processes.first().map(|first| first.pid);
        let is_denied = |seen: &Seen| seen.stat.as_ref().is_err_and(Error::is_denied);
        let is_hidden = processes.iter().any(is_denied) || self.target.hides_some(first);
        let hidden = (is_hidden && self.target.is_of_kernel()).then_some(HIDDEN_PROCESSES);
        processes.retain(|seen| seen.stat.is_ok());
        Ok(Sample { at, processes, hidden })
    }

    /// Returns the first of the processes, at most `room`, with their users and command lines. One
    /// that has ended is left out.
    pub fn details(&self, shares: &[Share], room: usize) -> Vec<Share> {
        let shares = shares.iter().take(room);
        let mut look = Look::new();
        if let Some(process) = &self.target.process {
            let share = shares.filter_map(|share| {
                Some(Share { seen: look.at(process.as_fd(), process.pid)?, tenths: share.tenths })
            });
            return share.collect();
        }
        let Ok(list) = self.target.processes() else { return Vec::new() };
        let mut list = list;
        let mut pids: Vec<u32> = shares.clone().map(|share| share.seen.pid).collect();
        pids.sort_unstable();
        list.pids = pids.into();
        let mut all = look.all(&list, usize::MAX);
        let mut shown: Vec<Share> = shares
            .filter_map(|share| {
                let at = all.binary_search_by_key(&share.seen.pid, |seen| seen.pid).ok()?;
                let seen = all.get_mut(at)?;
                // Another process may have its pid by now.
                (start(seen) == start(&share.seen)).then(|| Share { seen: taken(seen), tenths: share.tenths })
            })
            .collect();
        sort(&mut shown);
        shown
    }
}

/// Takes what was read of a process, and leaves only its pid.
fn taken(seen: &mut Seen) -> Seen {
    let rest = Seen { pid: seen.pid, uid: None, stat: Err("".into()), command: Vec::new(), cut: false };
    std::mem::replace(seen, rest)
}

/// When a process started, by which it differs from others of its pid.
fn start(seen: &Seen) -> Option<u64> {
    seen.stat.as_ref().ok().map(|stat| stat.start)
}

/// Sorts them: the one that used the most CPU first, then the largest.
fn sort(shares: &mut [Share]) {
    shares.sort_by_cached_key(|share| {
        let pages = share.seen.stat.as_ref().map_or(0, |stat| stat.pages);
        (u64::MAX - share.tenths, u64::MAX - pages, share.seen.pid)
    });
}

impl Sample {
    /// Returns the processes with the CPU that each used since the sample `before`, the one that
    /// used the most first. `ticks` is the number of clock ticks in a second.
    pub fn shares(&self, before: &Sample, ticks: u64) -> Vec<Share> {
        let elapsed = self.at - before.at;
        let share = |seen: &Seen| {
            let stat = seen.stat.as_ref().ok()?;
            let earlier = before.processes.binary_search_by_key(&seen.pid, |seen| seen.pid);
            let earlier = earlier.ok().and_then(|at| before.processes.get(at));
            let earlier = earlier.filter(|earlier| start(earlier) == Some(stat.start));
            // One that has started since then used all of its CPU since then.
            let used = earlier.and_then(|earlier| earlier.stat.as_ref().ok()).map_or(0, |stat| stat.cpu);
            let seen = Seen {
                pid: seen.pid,
                uid: seen.uid,
                stat: Ok(stat.clone()),
                command: Vec::new(),
                cut: false,
            };
            Some(Share { seen, tenths: tenths(stat.cpu.saturating_sub(used), ticks, elapsed) })
        };
        let mut shares: Vec<Share> = self.processes.iter().filter_map(share).collect();
        sort(&mut shares);
        shares
    }
}

/// Returns the share of one CPU, in tenths of a percent.
fn tenths(used: u64, ticks: u64, elapsed: Duration) -> u64 {
    let whole = elapsed.as_nanos().saturating_mul(ticks.into());
    let share = u128::from(used).saturating_mul(1_000_000_000_000).checked_div(whole);
    u64::try_from(share.unwrap_or_default()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::stat::Stat;

    fn sample(at: Instant, processes: &[(u32, u64, u64, u64)]) -> Sample {
        let seen = |&(pid, start, cpu, pages): &(u32, u64, u64, u64)| {
            let stat = Ok(Stat { cpu, start, pages, ..Stat::default() });
            Seen { pid, uid: None, stat, command: Vec::new(), cut: false }
        };
        Sample { at, processes: processes.iter().map(seen).collect(), hidden: None }
    }

    #[test]
    fn shares_of_processes_that_come_and_go() {
        let now = Instant::now();
        let before = sample(now, &[(1, 0, 500, 9), (2, 7, 100, 3), (3, 8, 90, 4), (5, 9, 70, 2)]);
        let after = sample(
            now + Duration::from_secs(2),
            &[(1, 0, 500, 5), (2, 7, 300, 3), (4, 900, 20, 6), (5, 950, 30, 2), (6, 901, 0, 7)],
        );
        let shares = after.shares(&before, 100);
        let found: Vec<(u32, u64)> = shares.iter().map(|share| (share.seen.pid, share.tenths)).collect();
        // Pid 5 is another process. Those without CPU follow by their size.
        assert_eq!(found, [(2, 1000), (5, 150), (4, 100), (6, 0), (1, 0)]);
    }

    #[test]
    fn shares_of_one_cpu() {
        for (used, millis, expected) in
            [(0, 1000, 0), (1, 1000, 10), (100, 1000, 1000), (400, 1000, 4000), (50, 1003, 498), (5, 0, 0)]
        {
            assert_eq!(tenths(used, 100, Duration::from_millis(millis)), expected, "{used} in {millis}");
        }
        assert_eq!(tenths(u64::MAX, 1, Duration::from_nanos(1)), u64::MAX);
    }
}
