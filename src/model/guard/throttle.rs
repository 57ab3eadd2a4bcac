//! Adaptive throttling: a caller whose requests are in vain refuses some of them itself.
//!
//! After "Handling Overload" in Site Reliability Engineering (O'Reilly, 2016).

use super::window::Window;
use crate::model::blueprint::ThrottleSpec;

/// Slots of the time that it looks back.
const SLOTS: usize = 120;
const REQUESTS: usize = 0;
const ACCEPTS: usize = 1;

/// What it remembers.
#[derive(Clone, Debug)]
pub(super) struct Throttle {
    k: f64,
    window: Window,
}

impl Throttle {
    pub(super) fn new(spec: ThrottleSpec) -> Self {
        Self { k: spec.k, window: Window::new(spec.window, SLOTS) }
    }

    /// Whether the next request is refused; `unit` is drawn uniformly from [0, 1). Refused ones are
    /// requests too.
    pub(super) fn refuses(&mut self, now: u64, unit: f64) -> bool {
        let [requests, accepts] = self.window.counts(now).map(|n| n as f64);
        self.window.add(now, REQUESTS);
        unit < (requests - self.k * accepts) / (requests + 1.0)
    }

    /// A request was answered with success.
    pub(super) fn accepted(&mut self, now: u64) {
        self.window.add(now, ACCEPTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Draw, Streams};
    use crate::units::SimDuration;

    /// Share of requests that are sent when the other side takes `capacity` of 100 per second.
    fn sent(k: f64, capacity: f64) -> f64 {
        let mut throttle = Throttle::new(ThrottleSpec { k, window: SimDuration::from_secs(120) });
        let key = Streams::new(1, 0).key("throttle");
        let (mut sent, mut credit) = (0_u32, 0.0_f64);
        let n = 200_000_u64;
        for i in 0..n {
            let now = i * 10_000_000;
            credit = (credit + capacity / 100.0).min(50.0);
            if throttle.refuses(now, Draw::new(key, i, 0).unit()) {
                continue;
            }
            sent += u32::from(i >= n / 2);
            if credit >= 1.0 {
                credit -= 1.0;
                throttle.accepted(now);
            }
        }
        f64::from(sent) / (n / 2) as f64
    }

    #[test]
    fn it_sends_k_times_what_is_accepted() {
        // It sends K x accepts of the requests, so K x capacity as long as that is less than all;
        // 100 000 draws have a standard error of 0.0016 at most.
        for (k, capacity, share) in
            [(2.0, 20.0, 0.4), (2.0, 10.0, 0.2), (1.1, 50.0, 0.55), (2.0, 60.0, 1.0)]
        {
            let found = sent(k, capacity);
            assert!((found - share).abs() < 0.0065, "{k} {capacity}: {found}");
        }
    }

    #[test]
    fn an_outage_leaves_one_try_now_and_then() {
        // Nothing is accepted: of n requests 1 / (n + 1) is sent, 1 / 12 000 in the long run.
        assert!(sent(2.0, 0.0) < 0.0005);
    }
}
