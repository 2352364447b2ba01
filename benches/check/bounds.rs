//! Upper bounds for the cost of a check. A build that exceeds them fails `make bench`.

use std::fmt;

use super::Measured;
use super::run::Summary;
use super::sizes::Size;

/// The row that the others are compared with: what users run if they have no dedicated tool.
pub const BASE: &str = "busybox wget";
/// The row of an http check with the small build.
pub const PROBE_HTTP: &str = "porthole-probe http";
/// The row of an http check with the full build.
pub const FULL_HTTP: &str = "porthole http";

/// The rows of an https check and of the program that it is compared with.
pub const FULL_HTTPS: &str = "porthole https";
/// See [`FULL_HTTPS`].
pub const CURL_HTTPS: &str = "curl https";

/// The rows of the inspections, each followed by that of the program that it is compared with.
pub const PS: &str = "porthole ps";
/// See [`PS`].
pub const PROCPS: &str = "ps aux";
/// See [`PS`].
pub const LS: &str = "porthole ls";
/// See [`PS`].
pub const LS_L: &str = "ls -l";
/// See [`PS`].
pub const FIND: &str = "porthole find";
/// See [`PS`].
pub const GNU_FIND: &str = "find -printf";
/// See [`PS`].
pub const SUM: &str = "porthole sha256sum";
/// See [`PS`].
pub const GNU_SUM: &str = "sha256sum";
/// See [`PS`].
pub const GREP: &str = "porthole grep";
/// See [`PS`].
pub const GNU_GREP: &str = "grep -F";

/// The row of `doctor`, which is compared with itself, because no other program does the same.
pub const DOCTOR: &str = "porthole doctor";
/// Its CPU time must stay below this, in microseconds.
const DOCTOR_CPU: f64 = 50_000.0;

/// The upper bound for an inspection's time, as a share of the other program's.
const INSPECTIONS: [(&str, &str, f64); 3] = [(PS, PROCPS, 1.0), (LS, LS_L, 1.2), (FIND, GNU_FIND, 1.2)];
/// The peak memory of an inspection must stay below this, in KiB.
const INSPECTION_PEAK: f64 = 32.0 * 1024.0;

/// The upper bound for the time of an https check, as a share of curl's.
const HTTPS_RATIO: f64 = 0.6;
/// The upper bound for the time, and for the CPU time, of an http check, as a share of the base's.
const RATIO: f64 = 0.65;
/// The upper bound for the page faults of an http check.
const FAULTS: f64 = 45.0;
/// The peak memory of an http check must stay below this, in KiB.
const PEAK: f64 = 2048.0;
/// The maximum size of each build, in bytes.
const SIZES: [(&str, f64); 2] = [("porthole-probe", 512.0 * 1024.0), ("porthole", 1792.0 * 1024.0)];

/// A bound and the measured value. A bound whose value was not measured does not hold.
pub struct Bound {
    what: String,
    limit: f64,
    found: Option<f64>,
    /// Whether the value must be below the limit; otherwise it may be equal.
    below: bool,
    decimals: usize,
}

impl Bound {
    /// Returns whether the measured value is within the bound.
    pub fn holds(&self) -> bool {
        self.found.is_some_and(|found| if self.below { found < self.limit } else { found <= self.limit })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.decimals;
        f.write_str(if self.holds() { "holds  " } else { "FAILS  " })?;
        match self.found {
            Some(found) => write!(f, "{}: {found:.decimals$}", self.what)?,
            None => write!(f, "{}: not measured", self.what)?,
        }
        let word = if self.below { "below" } else { "at most" };
        write!(f, " ({word} {:.decimals$})", self.limit)
    }
}

/// Returns every bound, with the value measured in this run.
pub fn judge(measured: &[Measured], sizes: &[Size]) -> Vec<Bound> {
    let summary =
        |name: &str| measured.iter().find(|measured| measured.row.name == name).map(|found| &found.summary);
    let ratio_to = |name: &str, base: &str, value: fn(&Summary) -> f64| {
        Some(value(summary(name)?) / value(summary(base)?))
    };
    let ratio = |name: &str, value: fn(&Summary) -> f64| ratio_to(name, BASE, value);
    let bound = |what, limit, found| Bound { what, limit, found, below: false, decimals: 0 };
    let mut bounds = Vec::new();
    for name in [PROBE_HTTP, FULL_HTTP] {
        let time = ratio(name, |summary| summary.time);
        let cpu = ratio(name, |summary| summary.cpu);
        let times = |what, found| Bound { decimals: 2, ..bound(what, RATIO, found) };
        bounds.push(times(format!("{name}: median time, as a share of {BASE}'s"), time));
        bounds.push(times(format!("{name}: median CPU, as a share of {BASE}'s"), cpu));
        let faults = summary(name).map(|summary| summary.faults);
        bounds.push(bound(format!("{name}: page faults"), FAULTS, faults));
        let peak = summary(name).and_then(|summary| summary.peak);
        bounds.push(Bound { below: true, ..bound(format!("{name}: peak memory in KiB"), PEAK, peak) });
    }
    bounds.push(Bound {
        decimals: 2,
        ..bound(
            format!("{FULL_HTTPS}: median time, as a share of {CURL_HTTPS}'s"),
            HTTPS_RATIO,
            ratio_to(FULL_HTTPS, CURL_HTTPS, |summary| summary.time),
        )
    });
    for (name, base, limit) in INSPECTIONS {
        let what = format!("{name}: median time, as a share of {base}'s");
        bounds
            .push(Bound { decimals: 2, ..bound(what, limit, ratio_to(name, base, |summary| summary.time)) });
    }
    let cpu = summary(DOCTOR).map(|summary| summary.cpu);
    bounds.push(Bound { below: true, ..bound(format!("{DOCTOR}: median CPU in us"), DOCTOR_CPU, cpu) });
    for name in [PS, LS, FIND, SUM, GREP, DOCTOR] {
        let peak = summary(name).and_then(|summary| summary.peak);
        let what = format!("{name}: peak memory in KiB");
        bounds.push(Bound { below: true, ..bound(what, INSPECTION_PEAK, peak) });
    }
    for (name, limit) in SIZES {
        // A size is far below 2^32, so the conversion is exact.
        let found = sizes.iter().find(|size| size.name == name);
        let found = found.and_then(|size| u32::try_from(size.file).ok()).map(f64::from);
        bounds.push(bound(format!("{name}: bytes"), limit, found));
    }
    bounds
}
