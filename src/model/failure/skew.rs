//! Clocks of instances that go wrong: what they publish has a wrong date, by which brokers delete
//! it. Nothing that they do happens earlier or later.

use crate::model::World;
use crate::model::blueprint::Verb;
use crate::model::observation::Observer;

impl<O: Observer> World<O> {
    /// Works out anew by how much clocks are wrong.
    pub(super) fn clocks_change(&mut self) {
        self.trouble.skews.clear();
        for failure in 0..self.failures.len() as u32 {
            let strikes = self.strikes[failure as usize];
            let (Verb::Skew(by), 1..) = (self.failures[failure as usize].verb, strikes) else {
                continue;
            };
            let by = by.saturating_mul(i64::from(strikes));
            for instance in self.struck(failure) {
                let skew = self.trouble.skews.entry(instance).or_default();
                *skew = skew.saturating_add(by);
            }
        }
    }

    /// By how much the clock of whoever publishes is wrong, ns.
    #[inline]
    pub(crate) fn skew_of(&self, producer: u32) -> i64 {
        if self.trouble.skews.is_empty() {
            return 0;
        }
        self.trouble.skews.get(&producer).copied().unwrap_or(0)
    }
}
