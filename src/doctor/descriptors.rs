//! File descriptors, and how close to their limit they are. getrlimit(2).

use super::finding::{Finding, Level};
use super::resources::is_near;
use super::{Case, PROC_FILE_LIMIT, Request};
use crate::procfs::rlimits;

/// Adds a finding if nearly all file descriptors are in use.
pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    if case.is_fallback {
        return;
    }
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
