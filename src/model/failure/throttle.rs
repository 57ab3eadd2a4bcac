//! Shards of a broker that serve less than usual.

use crate::model::World;
use crate::model::blueprint::{Target, Verb};

impl<O> World<O> {
    /// Recomputes what the shards serve of the broker that a failure strikes: the least of what all
    /// strikes leave.
    pub(super) fn throttle(&mut self, failure: u32) {
        let Target::Shards(broker) = self.failures[failure as usize].target else { return };
        let mut least: Option<f64> = None;
        for (at, f) in self.failures.iter().enumerate() {
            if let (Verb::Throttle(rate), Target::Shards(other)) = (f.verb, &f.target)
                && *other == broker
                && self.strikes[at] > 0
            {
                least = Some(least.map_or(rate, |l| l.min(rate)));
            }
        }
        self.capacities[broker.0 as usize].throttle(least);
    }
}
