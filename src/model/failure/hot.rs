//! A hot key: a share of new events is about one individual.

use crate::model::World;
use crate::model::blueprint::{Target, Verb};
use crate::model::identity::Hot;
use crate::model::observation::Observer;
use crate::random::Chance;

impl<O: Observer> World<O> {
    /// A key becomes hot or is so no more.
    pub(super) fn heat(&mut self) {
        let mut all = Vec::new();
        for (at, f) in self.failures.iter().enumerate() {
            let (Verb::Hot(share), Target::Events(event)) = (f.verb, &f.target) else { continue };
            if self.strikes[at] > 0 {
                let luck = self.trouble.clocks[at].luck;
                all.push(Hot { event: event.0, chance: Chance::new(share), luck });
            }
        }
        self.book.identity.hot = all;
    }
}
