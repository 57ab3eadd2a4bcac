//! `CoDel` for a line of requests: when work has waited too long for too long, some of it is
//! dropped, ever more often until the wait is short again.
//!
//! The control law of RFC 8289, section 5, with requests for packets: an item is judged when a
//! worker would take it up, and the last one of a line is never dropped.

use crate::units::SimDuration;

/// How long after a bout of dropping the next one remembers it, in intervals.
const MEMORY: u64 = 16;

/// State of the law for one line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoDel {
    target: u64,
    interval: u64,
    /// When the wait will have been too long for an interval, ns; 0 while it is short.
    first_above: u64,
    dropping: bool,
    /// When the next item is dropped, ns.
    next: u64,
    /// Items dropped in this bout, and in the one before when it began.
    count: u64,
    last_count: u64,
}

impl CoDel {
    pub(crate) fn new(target: SimDuration, interval: SimDuration) -> Self {
        Self { target: target.ns(), interval: interval.ns(), ..Self::default() }
    }

    /// When to drop again after having dropped `count` items.
    fn law(&self, from: u64) -> u64 {
        from + (self.interval as f64 / (self.count as f64).sqrt() + 0.5) as u64
    }

    /// Whether the item is dropped that a worker would take up now. `waited`: for how long, ns.
    /// `last`: nothing else waits.
    pub(crate) fn drops(&mut self, now: u64, waited: u64, last: bool) -> bool {
        if waited < self.target || last {
            self.first_above = 0;
            self.dropping = false;
            return false;
        }
        if self.first_above == 0 {
            self.first_above = now + self.interval;
        }
        if now < self.first_above {
            self.dropping = false;
            return false;
        }
        if self.dropping {
            if now < self.next {
                return false;
            }
            self.count += 1;
            self.next = self.law(self.next);
            return true;
        }
        self.dropping = true;
        let dropped = self.count - self.last_count;
        let recent = now.saturating_sub(self.next) < MEMORY * self.interval;
        self.count = if dropped > 1 && recent { dropped } else { 1 };
        self.next = self.law(now);
        self.last_count = self.count;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn codel() -> CoDel {
        CoDel::new(SimDuration::from_ms(5), SimDuration::from_ms(100))
    }

    /// At which ms of `range` an item that has waited `waited` ms is dropped; one is taken each ms.
    fn dropped(c: &mut CoDel, range: std::ops::Range<u64>, waited: u64) -> Vec<u64> {
        range.filter(|ms| c.drops(ms * MS, waited * MS, false)).collect()
    }

    #[test]
    fn a_standing_line_is_thinned_out_by_the_square_root_law() {
        let mut c = codel();
        assert_eq!(dropped(&mut c, 0..1_000, 4), [0; 0], "short enough");
        // Too long from 1 000 on: after an interval the first, then 100 ms / sqrt(n) after the
        // n-th: 100, 70.71, 57.74, 50 and 44.72 ms later, on the next whole ms.
        assert_eq!(dropped(&mut c, 1_000..1_430, 6), [1_100, 1_200, 1_271, 1_329, 1_379, 1_424]);
        // Short once: it stops. Too long again: it waits an interval, and goes on as before.
        assert_eq!(dropped(&mut c, 1_430..1_431, 1), [0; 0]);
        assert_eq!(dropped(&mut c, 1_431..1_580, 6), [1_531, 1_576]);
    }

    #[test]
    fn the_last_one_is_never_dropped_and_an_old_bout_is_forgotten() {
        let mut c = codel();
        assert_eq!(dropped(&mut c, 0..450, 6).len(), 6);
        assert!(!c.drops(450 * MS, 900 * MS, true));
        assert_eq!(dropped(&mut c, 5_000..5_201, 6), [5_100, 5_200]);
    }
}
