//! How much of a limit is used, as a bar.

use super::NEAR;
use crate::table::{Cell, Mark};

/// The length of a full bar, in characters.
const BAR: usize = 10;

/// The used share of the limit, in percent: 100 only if the limit is reached.
pub fn share(used: u64, limit: u64) -> u64 {
    if used >= limit {
        return 100;
    }
    let part = used.checked_mul(100).map_or_else(|| used / (limit / 100), |hundredfold| hundredfold / limit);
    part.min(99)
}

/// `[#####-----] 52%`, with a `!` if `needed`, which is in percent too, is close to the limit.
pub fn bar(share: u64, needed: u64) -> Cell {
    let full = (usize::try_from(share).unwrap_or_default().saturating_mul(BAR) / 100).min(BAR);
    let (hashes, dashes) = ("#".repeat(full), "-".repeat(BAR - full));
    let (mark, sign) = match needed {
        100.. => (Mark::Wrong, " !"),
        NEAR.. => (Mark::Notable, " !"),
        _ => (Mark::None, ""),
    };
    Cell::from(format!("[{hashes}{dashes}] {share}%{sign}")).marked(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        for (used, limit, expected, mark) in [
            (0, 10, "[----------] 0%", Mark::None),
            (1, 100, "[----------] 1%", Mark::None),
            (52, 100, "[#####-----] 52%", Mark::None),
            (899, 1000, "[########--] 89%", Mark::None),
            (9, 10, "[#########-] 90% !", Mark::Notable),
            (999, 1000, "[#########-] 99% !", Mark::Notable),
            (10, 10, "[##########] 100% !", Mark::Wrong),
            (11, 10, "[##########] 100% !", Mark::Wrong),
            (0, 0, "[##########] 100% !", Mark::Wrong),
            (u64::MAX - 1, u64::MAX, "[#########-] 99% !", Mark::Notable),
        ] {
            let share = share(used, limit);
            assert_eq!(bar(share, share), Cell::from(expected).marked(mark), "{used} of {limit}");
        }
    }
}
