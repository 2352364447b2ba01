//! Memory, CPU, processes and open files, and how close to their limits they are. cgroups(7),
//! getrlimit(2).

use super::finding::{Finding, Level};
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::error::Error;
use crate::procfs::rlimits;
use crate::text::Shown as _;
use crate::units::show_short_size;
use crate::view::control_groups::{Groups, NEAR, OFTEN, Resource, cores};

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
    if !case.is_fallback {
        open_files(case);
    }
}

/// Returns what is wrong with the control groups, and what of them could not be read.
pub(super) fn assess(groups: &Groups) -> (Vec<Finding>, Vec<Unread>) {
    let (mut findings, mut unread) = (Vec::new(), Vec::new());
    let kinds: [(&str, Reader, Assessor); 3] =
        [("memory", Groups::memory, memory), ("CPU", Groups::cpu, cpu), ("pids", Groups::pids, processes)];
    for (name, read, assess) in kinds {
        match read(groups) {
            Ok(resource) => {
                unread.extend(resource.unread.clone().map(Unread::Part));
                assess(&resource, &mut findings);
            }
            Err(why) => unread.push(Unread::Resource(name, why)),
        }
    }
    (findings, unread)
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

fn cpu(found: &Resource, findings: &mut Vec<Finding>) {
    let (Some(limit), Some(periods), Some(throttled)) = (found.limit, found.periods, found.throttled_periods)
    else {
        return;
    };
    if periods < MIN_PERIODS || throttled < periods.saturating_mul(OFTEN) / 100 {
        return;
    }
    let share = throttled.saturating_mul(100) / periods;
    let (now, more) = (cores(limit), cores(limit.saturating_mul(2)));
    let what = format!("throttled in {share}% of its scheduling periods; the limit is {now} CPU");
    findings.push(
        Finding::new(Level::Warning, what)
            .brief(format!("often throttled; the limit is {now} CPU"))
            .seen(found.sources.events.shown(), format!("nr_throttled {throttled} of nr_periods {periods}"))
            .seen(found.sources.limit.shown(), format!("quota / period = {now} CPU"))
            .kubernetes(format!("resources.limits.cpu: \"{more}\""))
            .docker(format!("--cpus {more}"))
            .application("size thread pools by the CPU limit, not by the machine: GOMAXPROCS, -XX:ActiveProcessorCount"),
    );
}

fn processes(found: &Resource, findings: &mut Vec<Finding>) {
    let Some(limit) = found.limit else { return };
    let more = limit.saturating_mul(2);
    let advised = |finding: Finding| {
        finding
            .seen(found.sources.limit.shown(), limit)
            .docker(format!("--pids-limit {more}"))
            .kubernetes(format!("podPidsLimit: {more} in the kubelet's configuration, or fewer threads"))
    };
    if let Some(refused @ 1..) = found.refused {
        let what = format!("starting a process or thread failed {refused} times; the limit is {limit}");
        let finding = Finding::new(Level::Error, what)
            .brief(format!("processes or threads could not be started; the limit is {limit}"))
            .seen(found.sources.events.shown(), format!("max {refused}"));
        findings.push(advised(finding));
    } else if let Some(used) = found.limit_used
        && let others = used.saturating_sub(found.ours)
        && is_near(others, limit)
    {
        let what = format!("{others} of at most {limit} processes and threads are running");
        let ours = if others < used { ", including porthole's own" } else { "" };
        let says = format!("{used}{ours}");
        let finding = Finding::new(Level::Warning, what)
            .brief(format!("the number of processes and threads is close to its limit of {limit}"))
            .seen(found.sources.used.shown(), says);
        findings.push(advised(finding));
    }
}

/// Adds a finding if nearly all file descriptors are in use.
fn open_files(case: &mut Case<'_>) {
    let Ok(limits) = case.handle.read("limits", PROC_FILE_LIMIT) else { return };
    let limits = rlimits::parse(&limits);
    let Some(limit) = limits.iter().find(|limit| limit.name == "open files") else { return };
    let Some(soft) = limit.soft else { return };
    let mut count = 0;
    match case.handle.each("fd", &mut |_| count += 1) {
        Err(error) if error.is_denied() => return case.skipped.push("the number of open files"),
        Err(_) => return,
        Ok(()) => {}
    }
    if soft == 0 || !is_near(count, soft) {
        return;
    }
    let (level, more) = if count >= soft { (Level::Error, "no more") } else { (Level::Warning, "few more") };
    let twice = soft.saturating_mul(2);
    let finding = Finding::new(
        level,
        format!("{count} of at most {soft} file descriptors are open: {more} connections can be accepted"),
    )
    .seen(case.path("fd"), format!("{count} entries"))
    .seen(case.path("limits"), format!("Max open files {soft}"))
    // Never below the present hard limit.
    .docker(format!(
        "--ulimit nofile={twice}:{}",
        limit.hard.map_or(-1_i128, |hard| i128::from(hard.max(twice)))
    ));
    let close = "close unused descriptors (porthole lsof lists them)";
    let finding = match limit.hard {
        // The application cannot raise its soft limit.
        Some(hard) if hard <= soft => finding
            .kubernetes(
                "no pod field sets it: set LimitNOFILE of the container runtime's service on the node",
            )
            .application(close),
        Some(hard) => {
            finding.application(format!("{close}, or raise the limit with setrlimit(2), up to {hard}"))
        }
        None => finding.application(format!("{close}, or raise the limit with setrlimit(2)")),
    };
    case.add(finding);
}

fn is_near(used: u64, limit: u64) -> bool {
    used >= limit || used.saturating_mul(100) / limit.max(1) >= NEAR
}

#[cfg(test)]
mod tests {
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
            periods: Some(100 + number),
            throttled_periods: Some(50 + number),
            ..Resource::default()
        };
        for assess in [memory as Assessor, cpu, processes] {
            let earlier = sentences(assess, &of(1));
            assert!(!earlier.is_empty());
            assert_eq!(earlier, sentences(assess, &of(3)));
        }
        let near = |used| Resource { limit_used: Some(used), refused: None, ..of(1) };
        assert_eq!(sentences(processes, &near(95)), sentences(processes, &near(99)));
        assert_eq!(sentences(processes, &near(95)).len(), 1);
    }
}
