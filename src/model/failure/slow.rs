//! Slow-downs: work and writes that begin meanwhile take longer.

use crate::model::World;
use crate::model::blueprint::{Target, Verb};
use crate::model::observation::Observer;

impl<O: Observer> World<O> {
    /// Recomputes the product of the slow-downs that strike an instance, in the order of the file,
    /// so that the end of one leaves exactly the others.
    pub(super) fn slow_down(&mut self, instance: u32) {
        let mut slow = 1.0;
        for (at, f) in self.failures.iter().enumerate() {
            let base = self.failure_base[at];
            let struck = match &f.target {
                Target::Instances { instances, .. } => {
                    instances.iter().any(|i| base + i == instance)
                }
                _ => false,
            };
            if let (Verb::Slow(factor), true) = (f.verb, struck) {
                (0..self.strikes[at]).for_each(|_| slow *= factor);
            }
        }
        self.instances[instance as usize].slow = slow;
    }
}
