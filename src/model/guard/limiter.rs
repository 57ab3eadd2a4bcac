//! Rate limits: a token bucket in whole nanoseconds, told by when the next one is due (the generic
//! cell rate algorithm).

use crate::model::blueprint::RateLimit;

/// A limiter and how far its future is spoken for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    every: u64,
    /// How far ahead of its time one may be, ns.
    slack: u64,
    /// When the bucket would be full if nothing more came, ns.
    due: u64,
}

impl Limiter {
    /// A full bucket.
    pub(crate) fn new(limit: RateLimit) -> Self {
        let every = limit.every.ns();
        Self { every, slack: every.saturating_mul(u64::from(limit.burst - 1)), due: 0 }
    }

    /// Takes a token if there is one now.
    pub(crate) fn passes(&mut self, now: u64) -> bool {
        let passes = self.due.saturating_sub(self.slack) <= now;
        if passes {
            self.due = self.due.max(now) + self.every;
        }
        passes
    }

    /// Takes a token, now or when there will be one. How long that is, ns.
    pub(crate) fn waits(&mut self, now: u64) -> u64 {
        let wait = self.due.saturating_sub(self.slack).saturating_sub(now);
        self.due = self.due.max(now).saturating_add(self.every);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimDuration;

    fn limiter(ms: u64, burst: u32) -> Limiter {
        Limiter::new(RateLimit { every: SimDuration::from_ms(ms), burst })
    }

    #[test]
    fn of_periodic_arrivals_a_fixed_share_passes() {
        // (distance of arrivals, arrivals, passed): 10 ms for each, 5 at once.
        for (distance, arrivals, passed) in [(4_u64, 1_000_u64, 404), (10, 500, 500), (5, 200, 104)]
        {
            let mut limiter = limiter(10, 5);
            let ms = 1_000_000;
            let n = (0..arrivals).filter(|n| limiter.passes(n * distance * ms)).count();
            // One per 10 ms of the time up to the last arrival, and the five of the start.
            assert_eq!(n as u64, (((arrivals - 1) * distance) / 10 + 5).min(arrivals));
            assert_eq!(n, passed, "{distance}");
        }
    }

    #[test]
    fn those_who_wait_pass_at_regular_distances_in_their_order() {
        let mut limiter = limiter(10, 3);
        let waits: Vec<u64> = (0..6).map(|_| limiter.waits(0) / 1_000_000).collect();
        assert_eq!(waits, [0, 0, 0, 10, 20, 30]);
        assert_eq!(limiter.waits(40_000_000), 0);
        // A long rest fills the bucket, and no more than that.
        let waits: Vec<u64> = (0..5).map(|_| limiter.waits(1_000_000_000) / 1_000_000).collect();
        assert_eq!(waits, [0, 0, 0, 10, 20]);
    }
}
