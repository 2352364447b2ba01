//! The limits of control groups on memory, CPU and processes, and how close they are. cgroups(7).

use std::path::Path;

use super::finding::{Finding, Level};
use super::{Case, Request};
use crate::error::Error;
use crate::text::Shown as _;
use crate::units::show_short_size;
use crate::view::control_groups::{Groups, NEAR, Reached, Resource, Throttled, cores};

/// The fewest scheduling periods, some seconds, from which throttling is reported.
const MIN_PERIODS: u64 = 20;

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    let found = match &case.groups {
        Ok(groups) => {
            let (findings, unread) = assess(groups);
            // If that needs the files of the process and these are denied, it is reported once,
            // with the rule that forbids it.
            let is_denied = case.handle.link("root").is_err_and(|error| error.is_denied());
            for unread in unread {
                match unread {
                    Unread::Resource(name, _) if is_denied => case.skipped.push(name),
                    Unread::Resource(_, why) | Unread::Part(why) if case.unread.contains(&why) => {}
                    Unread::Resource(_, why) | Unread::Part(why) => case.unread.push(why),
                }
            }
            findings
        }
        Err(why) => {
            case.unread.push(why.clone());
            Vec::new()
        }
    };
    case.findings.extend(found);
}

/// Returns what is wrong with the control groups, and what of them could not be read.
pub(super) fn assess(groups: &Groups) -> (Vec<Finding>, Vec<Unread>) {
    let (mut findings, mut unread) = (Vec::new(), Vec::new());
    findings.extend(groups.frozen().map(|(path, says)| frozen(&path, says)));
    let kinds: [(&str, Reader, Assessor); 3] = [
        ("memory", Groups::memory, memory),
        ("CPU", Groups::cpu, no_findings),
        ("pids", Groups::pids, processes),
    ];
    for (name, read, assess) in kinds {
        match read(groups) {
            Ok(resource) => {
                unread.extend(resource.unread.clone().map(Unread::Part));
                assess(&resource, &mut findings);
            }
            Err(why) => unread.push(Unread::Resource(name, why)),
        }
    }
    findings.extend(groups.high().filter(|high| is_near(high.used, high.limit)).map(|high| slowed(&high)));
    findings.extend(groups.swap().filter(|swap| is_near(swap.used, swap.limit)).map(|swap| swapped(&swap)));
    findings.extend(groups.throttled(MIN_PERIODS).iter().map(throttled));
    (findings, unread)
}

/// Throttling is assessed by group.
fn no_findings(_: &Resource, _: &mut Vec<Finding>) {}

/// Returns the finding for a group that is frozen; `path` is the file that says so.
fn frozen(path: &Path, says: &str) -> Finding {
    let what = "the control group is frozen: none of its processes runs";
    let thaws = if says == "1" { "0" } else { "THAWED" };
    Finding::new(Level::Error, what)
        .seen(path.shown(), says)
        .docker("docker unpause NAME")
        .kubernetes(format!("on the node, write {thaws} to that file of the container's control group"))
}

/// Returns the finding for a group that is slowed down by `memory.high`.
fn slowed(high: &Reached) -> Finding {
    let (limit, used) = (show_short_size(high.limit), show_short_size(high.used));
    let mebibytes = (high.limit >> 20).max(1).saturating_mul(2);
    let [limit_file, used_file, events] = &high.sources;
    let what = format!(
        "memory use, {used}, is at memory.high, {limit}: the kernel slows the processes down, and kills none"
    );
    Finding::new(Level::Warning, what)
        .brief(format!("memory use is at memory.high, {limit}: the kernel slows the processes down"))
        .seen(events.shown(), format!("high {}", high.times))
        .seen(used_file.shown(), high.used)
        .seen(limit_file.shown(), high.limit)
        .kubernetes(format!(
            "resources.limits.memory: {mebibytes}Mi (memoryThrottlingFactor of the kubelet sets memory.high)"
        ))
        .docker(format!("--memory {mebibytes}m, and without memory.high (MemoryHigh= of systemd)"))
        .application("use less memory: size heap, pools and workers to fit the limit")
}

/// Returns the finding for a group that has used up its swap.
fn swapped(swap: &Reached) -> Finding {
    let limit = show_short_size(swap.limit);
    let mebibytes = (swap.limit >> 20).max(1).saturating_mul(2);
    let [limit_file, used_file, events] = &swap.sources;
    let what = format!("{} of at most {limit} of swap are in use", show_short_size(swap.used));
    Finding::new(Level::Warning, what)
        .brief(format!("swap use is close to its limit of {limit}"))
        .seen(events.shown(), format!("max {}", swap.times))
        .seen(used_file.shown(), swap.used)
        .seen(limit_file.shown(), swap.limit)
        .docker(format!("a larger --memory, or --memory-swap so that it exceeds --memory by {mebibytes}m"))
        .kubernetes("resources.limits.memory: more, so that less is swapped")
}

/// What could not be read of the control groups, and why.
pub(super) enum Unread {
    /// A resource, by its name.
    Resource(&'static str, Error),
    /// A part of a resource.
    Part(Error),
}

/// Reads a resource.
type Reader = fn(&Groups) -> Result<Resource, Error>;
/// Adds findings about a resource.
type Assessor = fn(&Resource, &mut Vec<Finding>);

fn memory(found: &Resource, findings: &mut Vec<Finding>) {
    let limit = found.limit.map(|limit| (limit, show_short_size(limit)));
    // Twice the limit is a first guess.
    let advised = |finding: Finding| match limit {
        Some((limit, _)) => {
            let mebibytes = (limit >> 20).max(1).saturating_mul(2);
            finding
                .kubernetes(format!("resources.limits.memory: {mebibytes}Mi"))
                .docker(format!("--memory {mebibytes}m"))
        }
        None => {
            finding.kubernetes("resources.requests.memory: as much as it needs, so that the node reserves it")
        }
    };
    let by_limit = |finding: Finding| match limit {
        Some((limit, _)) => finding.seen(found.sources.limit.shown(), limit),
        None => finding,
    };
    if let Some(kills @ 1..) = found.refused {
        let whom = if kills == 1 { "a process".to_owned() } else { format!("{kills} processes") };
        let limit = match &limit {
            Some((_, shown)) => format!("the limit is {shown}"),
            None => {
                "no limit is visible here, so a parent cgroup or the machine ran out of memory".to_owned()
            }
        };
        let what = format!("the kernel killed {whom} for lack of memory: {limit}");
        let finding = Finding::new(Level::Error, what)
            .brief(format!("the kernel has killed processes for lack of memory: {limit}"))
            .seen(found.sources.events.shown(), format!("oom_kill {kills}"));
        findings.push(
            advised(by_limit(finding))
                .application("use less memory: size heap, pools and workers to fit the limit"),
        );
    }
    if let (Some((limit, shown)), Some(used), Some(needed)) = (&limit, found.limit_used, found.needed())
        && is_near(needed, *limit)
    {
        let what = format!("{} of at most {shown} of memory are in use", show_short_size(needed));
        let finding = Finding::new(Level::Warning, what)
            .brief(format!("memory use is close to its limit of {shown}"))
            .seen(found.sources.used.shown(), used);
        findings.push(advised(by_limit(finding)));
    }
}

/// Returns the finding for a group that is often throttled.
fn throttled(group: &Throttled) -> Finding {
    let [periods, throttled] = group.periods;
    let share = throttled.saturating_mul(100) / periods.max(1);
    let (now, more) = (cores(group.limit), cores(group.limit.saturating_mul(2)));
    let [limit, stat] = &group.sources;
    let what = format!("throttled in {share}% of its scheduling periods; the limit is {now} CPU");
    Finding::new(Level::Warning, what)
        .brief(format!("often throttled; the limit is {now} CPU"))
        .seen(stat.shown(), format!("nr_throttled {throttled} of nr_periods {periods}"))
        .seen(limit.shown(), format!("quota / period = {now} CPU"))
        .kubernetes(format!("resources.limits.cpu: \"{more}\""))
        .docker(format!("--cpus {more}"))
        .application(
            "size thread pools by the CPU limit, not by the machine: GOMAXPROCS, -XX:ActiveProcessorCount",
        )
}

fn processes(found: &Resource, findings: &mut Vec<Finding>) {
    let advised = |finding: Finding, limit: u64| {
        let more = limit.saturating_mul(2);
        finding
            .docker(format!("--pids-limit {more}"))
            .kubernetes(format!("podPidsLimit: {more} in the kubelet's configuration, or fewer threads"))
    };
    if let Some(refused @ 1..) = found.refused {
        let limit = match found.refused_by {
            Some(limit) => format!("the limit is {limit}"),
            None => "no limit is visible here, so that of a parent cgroup was reached".to_owned(),
        };
        let what = format!("starting a process or thread failed {refused} times; {limit}");
        let finding = Finding::new(Level::Error, what)
            .brief(format!("processes or threads could not be started; {limit}"))
            .seen(found.sources.events.shown(), format!("max {refused}"));
        findings.push(match found.refused_by {
            Some(limit) => advised(finding.seen(found.sources.refused_by.shown(), limit), limit),
            None => finding
                .kubernetes("podPidsLimit in the kubelet's configuration: it holds for all containers of the pod; or fewer threads")
                .docker("the limit of the slice (--cgroup-parent) or of the engine's service: TasksMax= of systemd"),
        });
        return;
    }
    if let (Some(limit), Some(used)) = (found.limit, found.limit_used)
        && let others = used.saturating_sub(found.ours)
        && is_near(others, limit)
    {
        let what = format!("{others} of at most {limit} processes and threads are running");
        let ours = if others < used { ", including porthole's own" } else { "" };
        let says = format!("{used}{ours}");
        let finding = Finding::new(Level::Warning, what)
            .brief(format!("the number of processes and threads is close to its limit of {limit}"))
            .seen(found.sources.used.shown(), says)
            .seen(found.sources.limit.shown(), limit);
        findings.push(advised(finding, limit));
    }
}

pub(super) fn is_near(used: u64, limit: u64) -> bool {
    used >= limit || used.saturating_mul(100) / limit.max(1) >= NEAR
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_same_problem_has_the_same_words() {
        let sentences = |assess: Assessor, resource: &Resource| {
            let mut findings = Vec::new();
            assess(resource, &mut findings);
            findings.iter().map(Finding::sentence).collect::<Vec<_>>()
        };
        let of = |number: u64| Resource {
            limit: Some(100),
            limit_used: Some(95 + number),
            refused: Some(number),
            refused_by: Some(100),
            ..Resource::default()
        };
        for assess in [memory as Assessor, processes] {
            let earlier = sentences(assess, &of(1));
            assert!(!earlier.is_empty());
            assert_eq!(earlier, sentences(assess, &of(3)));
        }
        let group = |number: u64| Throttled {
            limit: 500,
            periods: [100 + number, 50 + number],
            sources: [PathBuf::new(), PathBuf::new()],
        };
        assert_eq!(throttled(&group(1)).sentence(), throttled(&group(3)).sentence());
        let reached = |number| Reached {
            limit: 1 << 20,
            used: (1 << 20) - number,
            times: number,
            sources: [PathBuf::new(), PathBuf::new(), PathBuf::new()],
        };
        for finding in [slowed as fn(&Reached) -> Finding, swapped] {
            assert_eq!(finding(&reached(1)).sentence(), finding(&reached(3)).sentence());
        }
        let near = |used| Resource { limit_used: Some(used), refused: None, ..of(1) };
        assert_eq!(sentences(processes, &near(95)), sentences(processes, &near(99)));
        assert_eq!(sentences(processes, &near(95)).len(), 1);
    }
}
