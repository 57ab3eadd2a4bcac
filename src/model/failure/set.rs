//! Values that change while the architecture runs, and change back.
//!
//! What holds is worked out anew with every beginning and end, from the blueprint and from those
//! changes that last: of several that change one value, the last one in the order of the file.

use crate::model::blueprint::{Blueprint, Verb};
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
        (!sets.is_empty()).then(|| Box::new(Self { now: base.clone(), base, sets }))
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
        let old = std::mem::replace(&mut settings.now, next);
        self.retune(s, &old, &settings.now);
        self.settings = Some(settings);
    }
}
