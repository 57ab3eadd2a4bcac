//! Two counts over the last so many seconds, in slots that are forgotten one by one.

use crate::units::SimDuration;

/// Two counts of what happened in the current slot of time and the ones before it.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Length of a slot, ns.
    slot: u64,
    slots: Vec<[u64; 2]>,
    sums: [u64; 2],
    /// Number of the current slot since the start of the run.
    at: u64,
}

impl Window {
    /// Nothing has happened yet. A window remembers what is up to `length` old, and forgets one of
    /// its slots at a time.
    pub(super) fn new(length: SimDuration, slots: usize) -> Self {
        let slot = (length.ns() / slots as u64).max(1);
        Self { slot, slots: vec![[0; 2]; slots], sums: [0; 2], at: 0 }
    }

    /// Forgets what is too old.
    fn advance(&mut self, now: u64) {
        let to = now / self.slot;
        let len = self.slots.len() as u64;
        for n in 0..(to - self.at).min(len) {
            let old = &mut self.slots[((self.at + 1 + n) % len) as usize];
            self.sums[0] -= old[0];
            self.sums[1] -= old[1];
            *old = [0; 2];
        }
        self.at = to;
    }

    /// Counts one more of kind `which`.
    pub(super) fn add(&mut self, now: u64, which: usize) {
        self.advance(now);
        let len = self.slots.len() as u64;
        self.slots[(self.at % len) as usize][which] += 1;
        self.sums[which] += 1;
    }

    /// Both counts.
    pub(super) fn counts(&mut self, now: u64) -> [u64; 2] {
        self.advance(now);
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut w = Window::new(SimDuration::from_ns(100), 10);
        for (now, which) in [(0, 0), (5, 1), (9, 0), (15, 0), (95, 1)] {
            w.add(now, which);
        }
        let counts = [95, 99, 100, 109, 110, 199, 205].map(|now| w.counts(now));
        assert_eq!(counts, [[3, 2], [3, 2], [1, 1], [1, 1], [0, 1], [0, 0], [0, 0]]);
        w.add(1_000_000, 0);
        assert_eq!(w.counts(1_000_000), [1, 0]);
    }
}
