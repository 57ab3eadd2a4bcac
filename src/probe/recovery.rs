//! How long it takes until a failure is over for those who felt it: how many samples of each bin
//! come later than usual, and from when on they are few.
//!
//! Begins with the first failure; a run without one has none of it.

use super::recorder::Counts;

/// Lag and latency are small again for good if they are for so long, in s.
pub(crate) const HOLD_S: f64 = 10.0;
/// What is faster than this is never too late, in ns.
const LEAST: u64 = 1_000_000_000;
/// Share of samples that may be later than the threshold: what the 99th percentile says.
const TOLERATED: f64 = 0.01;

/// One bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bin {
    /// Samples later than the threshold, and requests that failed.
    pub(crate) late: u64,
    pub(crate) all: u64,
    /// Whether something was still to be done when it ended.
    pub(crate) open: bool,
}

/// What is late, since the first failure began.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recovery {
    /// What is later than this is late, in ns.
    pub(crate) threshold: u64,
    tolerated: f64,
    /// Bins before the first of `bins`.
    pub(crate) first: usize,
    pub(crate) bins: Vec<Bin>,
}

/// When a run ended, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// When the last cause was removed, in s.
    pub(crate) cause: f64,
    /// When the traffic ended, in s.
    pub(crate) traffic: f64,
    /// Whether the run came to rest.
    pub(crate) rest: bool,
}

impl Recovery {
    /// From bin number `first` on, after samples of which the 99th percentile is `usual` s, and of
    /// which `failing` failed.
    pub(crate) fn new(first: usize, usual: f64, failing: f64) -> Self {
        let twice = if usual.is_finite() { (2.0 * usual * 1e9) as u64 } else { 0 };
        let tolerated = TOLERATED.max(2.0 * failing);
        Self { threshold: twice.max(LEAST), tolerated, first, bins: Vec::new() }
    }

    /// Ends a bin with these samples, after so many requests that failed.
    pub(crate) fn close(&mut self, samples: &Counts, failed: u64, open: bool) {
        let late = samples.above(self.threshold) + failed;
        self.bins.push(Bin { late, all: samples.samples() + failed, open });
    }

    /// Samples that were late in the bins from the one at `from` s on, up to the one at `to` s.
    pub(crate) fn late_between(&self, from: f64, to: f64, bin_s: f64) -> u64 {
        let within = |(k, _): &(usize, &Bin)| {
            let start = (self.first + k) as f64 * bin_s;
            start + bin_s > from && start + bin_s <= to
        };
        self.bins.iter().enumerate().filter(within).map(|(_, bin)| bin.late).sum()
    }

    /// Seconds from the end of the cause until, for [`HOLD_S`] on end, hardly anything is late;
    /// whole bins count. What follows a run that came to rest is as calm as can be.
    pub(crate) fn time(&self, ends: Ends, bin_s: f64) -> Result<f64, &'static str> {
        let start = |k: usize| ((self.first + k) as f64 * bin_s).max(ends.cause);
        let calm = |bins: &[Bin]| {
            let sum = |f: fn(&Bin) -> u64| bins.iter().map(f).sum::<u64>();
            sum(|b| b.late) as f64 <= self.tolerated * sum(|b| b.all) as f64
        };
        let after = ((ends.cause / bin_s + 1e-9) as usize).saturating_sub(self.first);
        for k in after..self.bins.len() {
            let from = start(k);
            if from > ends.traffic {
                break;
            }
            let ended = (k..self.bins.len()).find(|&j| start(j) >= from + HOLD_S - 1e-9);
            let window = &self.bins[k..ended.unwrap_or(self.bins.len())];
            let seen = window.iter().any(|b| b.all > 0) || !window.iter().any(|b| b.open);
            if calm(&self.bins[k..=k]) && calm(window) && seen && (ended.is_some() || ends.rest) {
                return Ok(from - ends.cause);
            }
        }
        Err("did not recover: the 99th percentile was not at or below the threshold for 10 s \
             before the traffic ended")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends { cause: 20.0, traffic: 60.0, rest: true };

    /// Bins of 1 s from 10 s on: late samples of 100, or `None` for an empty one with work left.
    fn recovery(late: &[(usize, Option<u64>)]) -> Recovery {
        let mut r = Recovery::new(10, 0.02, 0.0);
        for &(times, late) in late {
            let bin = match late {
                Some(late) => Bin { late, all: 100, open: true },
                None => Bin { late: 0, all: 0, open: true },
            };
            r.bins.extend(std::iter::repeat_n(bin, times));
        }
        r
    }

    #[test]
    fn it_is_over_when_hardly_anything_is_late_for_ten_seconds() {
        let time = |late: &[(usize, Option<u64>)]| recovery(late).time(ENDS, 1.0).ok();
        // 10 s of failure, then calm.
        assert_eq!(time(&[(10, Some(90)), (40, Some(0))]), Some(0.0));
        // It is down for 5 s more, works off what has waited for 7 s, and is calm from 32 s on.
        assert_eq!(time(&[(15, None), (7, Some(100)), (28, Some(0))]), Some(12.0));
        // 5 s of calm do not count, because 3 s of trouble follow.
        assert_eq!(time(&[(15, Some(50)), (5, Some(0)), (3, Some(50)), (27, Some(1))]), Some(13.0));
        // One of a hundred may be late.
        assert_eq!(time(&[(12, Some(2)), (38, Some(1))]), Some(2.0));
    }

    #[test]
    fn what_does_not_come_to_rest_under_load_never_recovers() {
        let time = |late: &[(usize, Option<u64>)]| recovery(late).time(ENDS, 1.0);
        // Late up to the end of the traffic and after it.
        assert!(time(&[(55, Some(100))]).is_err_and(|why| why.starts_with("did not recover")));
        // Nothing comes out any more.
        assert!(time(&[(50, None)]).is_err());
        // Calm for the last 5 s: enough only because nothing is left.
        let last = recovery(&[(45, Some(50)), (5, Some(0))]);
        assert_eq!(last.time(ENDS, 1.0), Ok(35.0));
        assert!(last.time(Ends { rest: false, ..ENDS }, 1.0).is_err());
    }

    #[test]
    fn the_threshold_is_twice_what_was_usual_and_a_second_at_least() {
        let threshold = |usual| Recovery::new(0, usual, 0.0).threshold;
        assert_eq!(
            [threshold(0.1), threshold(0.5), threshold(0.75)],
            [LEAST, LEAST, LEAST * 3 / 2]
        );
        assert_eq!(threshold(f64::NAN), LEAST);
        // Where 5 % fail anyway, 10 % are no trouble.
        let mut r = Recovery::new(0, 0.1, 0.05);
        r.bins = vec![Bin { late: 10, all: 100, open: false }; 20];
        let ends = Ends { cause: 1.0, traffic: 20.0, rest: true };
        assert_eq!(r.time(ends, 1.0), Ok(0.0));
        r.bins[5].late = 60;
        assert!(r.time(ends, 1.0).is_ok_and(|s| s == 5.0), "{:?}", r.time(ends, 1.0));
    }

    #[test]
    fn late_samples_are_counted_between_two_instants() {
        let r = recovery(&[(3, Some(5)), (3, Some(7))]);
        assert_eq!(r.late_between(11.0, 14.0, 1.0), 5 + 5 + 7);
    }
}
