//! Limits of what is under way at a time: a bulkhead refuses more, a pool lets more wait.

use std::collections::VecDeque;

/// So many at a time, and who waits for a place: calls with their stamps.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    limit: Option<u32>,
    taken: u32,
    waiting: VecDeque<(u32, u32)>,
}

impl Places {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Takes a place. `None` if there is no limit, else whether one was free.
    pub(super) fn take(&mut self) -> Option<bool> {
        let free = self.taken < self.limit?;
        self.taken += u32::from(free);
        Some(free)
    }

    /// A call waits for a place. `gone` tells of those before it who do not any more; they are
    /// forgotten, so that the line is no longer than the calls under way.
    pub(super) fn wait(&mut self, call: u32, stamp: u32, gone: impl Fn(u32, u32) -> bool) {
        while self.waiting.front().is_some_and(|&(call, stamp)| gone(call, stamp)) {
            self.waiting.pop_front();
        }
        self.waiting.push_back((call, stamp));
    }

    /// A place is free, and goes to the first who waits for it, if anybody does.
    pub(super) fn give(&mut self, gone: impl Fn(u32, u32) -> bool) -> Option<u32> {
        while let Some((call, stamp)) = self.waiting.pop_front() {
            if !gone(call, stamp) {
                return Some(call);
            }
        }
        self.taken -= 1;
        None
    }

    /// Whether no place is taken.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.taken == 0
    }

    /// All who wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, u32)> {
        self.waiting.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_to_those_who_still_wait_in_their_order() {
        assert_eq!(Places::new(None).take(), None);
        let mut p = Places::new(Some(2));
        assert_eq!([p.take(), p.take(), p.take()], [Some(true), Some(true), Some(false)]);
        (1..=4).for_each(|call| p.wait(call, 0, |_, _| false));
        assert_eq!(p.give(|call, _| call == 1), Some(2));
        p.wait(5, 0, |call, _| call == 3);
        assert_eq!(p.waiting().collect::<Vec<_>>(), [(4, 0), (5, 0)]);
        assert_eq!(p.give(|_, _| true), None);
        assert_eq!([p.take(), p.take()], [Some(true), Some(false)]);
    }
}
