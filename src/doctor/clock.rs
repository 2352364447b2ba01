//! The clock. clock_gettime(2), `CLOCK_REALTIME`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::finding::{Finding, Level};
use super::{Case, Request};
use crate::units::{date, minute};

/// 2026-01-01, in seconds since 1970: no porthole with this check is older.
const EARLIEST: i64 = 1_767_225_600;
/// How far the clocks of two machines may differ, in seconds.
const TOLERANCE: i64 = 24 * 60 * 60;

pub(super) fn diagnose(case: &mut Case<'_>, _: &Request) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    // Its program was built, and its image made, in the past.
    let handle = case.handle.clone();
    let built = case.with_timeout(move || handle.meta("exe")).ok().map(|meta| meta.st_mtime);
    if let Some(finding) = assess(now, built, case.path("exe")) {
        case.add(finding);
    }
}

/// Returns the finding if it is earlier than can be, given when the program was last changed.
fn assess(now: i64, built: Option<i64>, path: String) -> Option<Finding> {
    let (is_before, than, source, says) = match built {
        Some(built) if now.saturating_add(TOLERANCE) < built => (
            true,
            "the program of the application was built",
            path,
            format!("last changed on {}", date(built)),
        ),
        _ => (
            now < EARLIEST,
            "porthole was",
            "porthole".to_owned(),
            format!("is of {} or later", date(EARLIEST)),
        ),
    };
    if !is_before {
        return None;
    }
    let what = format!(
        "the clock is wrong: it is earlier than {than}, so certificates and tokens seem not yet valid"
    );
    Some(
        Finding::new(Level::Warning, what)
            .seen("clock_gettime(2)", minute(now))
            .seen(source, says)
            .kubernetes(
                "set the clock of the node (chrony, systemd-timesyncd): containers have none of their own",
            )
            .docker(
                "set the clock of the host (chrony, systemd-timesyncd): containers have none of their own",
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind() {
        let what = |now, built| assess(now, built, "exe".to_owned()).map(|finding| finding.what);
        let now = EARLIEST + 1_000_000;
        assert_eq!(
            (what(now, None), what(now, Some(0)), what(now, Some(now + TOLERANCE))),
            (None, None, None)
        );
        assert!(what(0, None).unwrap().contains("earlier than porthole was, "));
        assert!(what(now, Some(now + TOLERANCE + 1)).unwrap().contains("program of the application"));
        assert!(what(i64::MIN, Some(i64::MAX)).is_some());
    }
}
