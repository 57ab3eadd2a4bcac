//! Clients of a broker whose settings change.

use super::due;
use crate::model::blueprint::ProducerSpec;
use crate::model::observation::Observer;
use crate::model::{Sched, World};

impl<O: Observer> World<O> {
    /// The clients of a broker have other settings from now on.
    pub(crate) fn retune_publishers(
        &mut self,
        s: &mut Sched,
        broker: u32,
        old: &ProducerSpec,
        new: &ProducerSpec,
    ) {
        let all = &mut self.deadlines[broker as usize];
        for (what, after) in [
            (due::LINGER, new.linger),
            (due::BLOCK, new.max_block),
            (due::ANSWER, new.request_timeout),
        ] {
            all[(what - due::LINGER) as usize].set(after);
        }
        let producers = self.publishers[broker as usize].len() as u32;
        if (old.batch, old.linger) != (new.batch, new.linger) {
            // Nothing may overtake what waits in a batch that is open.
            (0..producers).for_each(|producer| self.close_all(s, broker, producer));
        }
        if old.buffer < new.buffer {
            (0..producers).for_each(|producer| self.give_room(s, broker, producer, 0));
        }
    }
}
