//! Memory, CPU, processes and open files, and how near their limits they are. cgroups(7), getrlimit(2).

use super::finding::{Finding, Level};
use super::{Asked, Case, LIMIT};
use crate::error::Error;
use crate::procfs::rlimits;
use crate::text::Shown as _;
use crate::units::show_short_size;
use crate::view::control_groups::{Groups, NEAR, OFTEN, Resource, cores};

/// What is too few periods to tell, some seconds.
const PERIODS: u64 = 20;

pub(super) fn look(case: &mut Case<'_>, _: &Asked) {
    let found = match &case.groups {
        Ok(groups) => {
            let (findings, lacking) = bearing(groups);
            // Where its files are needed for that, and denied, it is said once, with the rule.
            let is_denied = case.process.link("root").is_err_and(|error| error.is_denied());
            for lack in lacking {
                match lack {
                    Lack::All(what, _) if is_denied => case.skipped.push(what),
                    Lack::All(_, why) | Lack::Some(why) if case.unread.contains(&why) => {}
                    Lack::All(_, why) | Lack::Some(why) => case.unread.push(why),
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
    if !case.is_makeshift {
        open_files(case);
    }
}

/// What is to be said of the control groups, and what of them could not be read.
pub(in super::super) fn bearing(groups: &Groups) -> (Vec<Finding>, Vec<Lack>) {
    let (mut findings, mut lacking) = (Vec::new(), Vec::new());
    let kinds: [(&str, Reader, Judge); 3] =
        [("memory", Groups::memory, memory), ("CPU", Groups::cpu, cpu), ("pids", Groups::pids, processes)];
    for (name, read, judge) in kinds {
        match read(groups) {
            Ok(resource) => {
                lacking.extend(resource.unread.clone().map(Lack::Some));
                judge(&resource, &mut findings);
            }
            Err(why) => lacking.push(Lack::All(name, why)),
        }
    }
    (findings, lacking)
}

/// What could not be read of a control group, and why.
pub(in super::super) enum Lack {
    /// Anything of this resource.
    All(&'static str, Error),
    /// Something of it.
    Some(Error),
}

/// Reads a resource.
type Reader = fn(&Groups) -> Result<Resource, Error>;
/// Says what is to be said of it.
type Judge = fn(&Resource, &mut Vec<Finding>);

fn memory(found: &Resource, findings: &mut Vec<Finding>) {
    let limit = found.limit.map(|limit| (limit, show_short_size(limit)));
    // Twice as much is where to begin.
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
                "no limit is visible here, so it was that of a parent cgroup or of the machine".to_owned()
            }
        };
        let what = format!("the kernel killed {whom} for lack of memory: {limit}");
        let finding = Finding::new(Level::Error, what)
            .briefly(format!("the kernel has killed processes for lack of memory: {limit}"))
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
            .briefly(format!("memory use is close to its limit of {shown}"))
            .seen(found.sources.used.shown(), used);
        findings.push(advised(by_limit(finding)));
    }
}

fn cpu(found: &Resource, findings: &mut Vec<Finding>) {
    let (Some(limit), Some(periods), Some(throttled)) = (found.limit, found.periods, found.throttled_periods)
    else {
        return;
    };
    if periods < PERIODS || throttled < periods.saturating_mul(OFTEN) / 100 {
        return;
    }
    let share = throttled.saturating_mul(100) / periods;
    let (now, more) = (cores(limit), cores(limit.saturating_mul(2)));
    let what = format!("throttled in {share}% of its scheduling periods; the limit is {now} CPU");
    findings.push(
        Finding::new(Level::Warning, what)
            .briefly(format!("often throttled; the limit is {now} CPU"))
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
        let what = format!("starting a process or thread failed, {refused} times; the limit is {limit}");
        let finding = Finding::new(Level::Error, what)
            .briefly(format!("processes or threads could not be started; the limit is {limit}"))
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
            .briefly(format!("the number of processes and threads is close to its limit of {limit}"))
            .seen(found.sources.used.shown(), says);
        findings.push(advised(finding));
    }
}

/// How many files it has open, of those it may.
fn open_files(case: &mut Case<'_>) {
    let Ok(limits) = case.process.read("limits", LIMIT) else { return };
    let limits = rlimits::parse(&limits);
    let Some(limit) = limits.iter().find(|limit| limit.name == "open files") else { return };
    let Some(soft) = limit.soft else { return };
    let mut count = 0;
    match case.process.each("fd", &mut |_| count += 1) {
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
    // A lower hard limit than it has would be none of the help.
    .docker(format!(
        "--ulimit nofile={twice}:{}",
        limit.hard.map_or(-1_i128, |hard| i128::from(hard.max(twice)))
    ));
    let close = "close unused descriptors (porthole lsof lists them)";
    let finding = match limit.hard {
        // The application cannot raise it any further.
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
    fn the_same_trouble_has_the_same_words() {
        let sentences = |judge: Judge, resource: &Resource| {
            let mut findings = Vec::new();
            judge(resource, &mut findings);
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
        for judge in [memory as Judge, cpu, processes] {
            let earlier = sentences(judge, &of(1));
            assert!(!earlier.is_empty());
            assert_eq!(earlier, sentences(judge, &of(3)));
        }
        let near = |used| Resource { limit_used: Some(used), refused: None, ..of(1) };
        assert_eq!(sentences(processes, &near(95)), sentences(processes, &near(99)));
        assert_eq!(sentences(processes, &near(95)).len(), 1);
    }
}
