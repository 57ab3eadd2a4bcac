//! The one place where a replication is simulated, and what is known of it beforehand.

use crate::model::{Blueprint, PhasePlan};
use crate::probe::RunRecord;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// TEMP
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Set it and the run ends at the next bin.
    pub cancelled: &'a AtomicBool,
    /// Grows by 1000 over each run.
    pub progress: &'a AtomicU64,
}
/// The run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// How one replication is simulated: blueprint, root seed, replication index.
pub(super) type Simulate<'a> =
    dyn Fn(&Blueprint, u64, u64, Control<'_>) -> Result<RunRecord, Cancelled> + Sync + 'a;

/// Largest number of bins over the traffic.
const BINS: u64 = 600;

/// Width of a bin of every series in seconds: the smallest 1, 2 or 5 times a power of ten (from 1 ns) that covers
/// warm-up and measured phase with at most 600 bins.
pub(super) fn bin_s(plan: PhasePlan) -> f64 {
    let traffic = (plan.warmup + plan.duration).ns();
    let mut decade = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let bin = decade.saturating_mul(step);
            if traffic.div_ceil(bin) <= BINS {
                return bin as f64 / 1e9;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    fn check(warmup_ms: u64, duration_ms: u64, expected: f64) {
        let plan = PhasePlan {
            warmup: SimDuration::from_ms(warmup_ms),
            duration: SimDuration::from_ms(duration_ms),
            drain: SimDuration::ZERO,
        };
        assert_eq!(bin_s(plan), expected);
    }

    #[test]
    fn bins_are_the_smallest_of_1_2_5_that_fit() {
        check(0, 60_000, 0.1);
        check(0, 60_001, 0.2);
        check(60_000, 60_000, 0.2);
        check(0, 360_000, 1.0);
        check(0, 1_000, 0.002);
        check(0, 0, 1e-9);
    }
}
