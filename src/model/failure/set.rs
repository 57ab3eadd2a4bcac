//! Values that change while the architecture runs, and change back.
//!
//! What holds is worked out anew with every beginning and end, from the blueprint and from those
//! changes that last: of several that change one value, the last one in the order of the file. What
//! a broker keeps while something makes it expire is the least of all that is said.

use crate::model::blueprint::{Blueprint, Target, Verb};
use crate::model::observation::Observer;
use crate::model::{Sched, World};

/// The values that hold, and those that may.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Those of the blueprint.
    base: Blueprint,
    /// By the number of [`Verb::Set`].
    sets: Vec<Blueprint>,
    /// Those that hold.
    now: Blueprint,
}

impl Settings {
    /// For a blueprint, if any of its values changes.
    pub(crate) fn of(blueprint: &Blueprint) -> Option<Box<Self>> {
        let mut base = blueprint.clone();
        let sets = std::mem::take(&mut base.sets);
        let expires = blueprint.failures.iter().any(|f| matches!(f.verb, Verb::Expire(_)));
        (expires || !sets.is_empty()).then(|| Box::new(Self { now: base.clone(), base, sets }))
    }
}

#[cfg(test)]
impl Settings {
    /// Whether every value is that of the blueprint.
    pub(crate) fn are_usual(&self) -> bool {
        self.now == self.base
    }
}

impl<O: Observer> World<O> {
    /// A change of values begins or ends.
    pub(super) fn values_change(&mut self, s: &mut Sched) {
        let Some(mut settings) = self.settings.take() else { return };
        let mut next = settings.base.clone();
        for (failure, strikes) in self.failures.iter().zip(&self.strikes) {
            if let Verb::Set(n) = failure.verb
                && *strikes > 0
            {
                next.adopt(&settings.base, &settings.sets[n as usize]);
            }
        }
        for (failure, strikes) in self.failures.iter().zip(&self.strikes) {
            if let (Verb::Expire(age), &Target::Kept(broker), 1..) =
                (failure.verb, &failure.target, *strikes)
            {
                next.brokers[broker.0 as usize].engine.keep_no_longer(age);
            }
        }
        let old = std::mem::replace(&mut settings.now, next);
        self.retune(s, &old, &settings.now);
        self.settings = Some(settings);
    }
}
