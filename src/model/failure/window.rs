//! When a failure begins and ends, as observers are told.

use crate::model::World;
use crate::model::blueprint::Verb;
use crate::model::observation::Observer;
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// States that a failure strikes. What neither `lasts` nor stays is over at once.
    pub(super) fn states_begin(&mut self, now: SimTime, failure: u32, lasts: bool) {
        if self.rolls(failure) {
            // One restart takes the place of another: it is the same trouble.
            return;
        }
        self.observer.failure_began(failure, now);
        let once = self.verb(failure).is_over_at_once() && self.verb(failure) != Verb::Restart;
        if once && !lasts {
            self.observer.failure_ended(failure, now);
        }
    }

    /// States that the cause of a strike is removed. A rolling restart ends when the last instance
    /// is back, whatever its trigger says.
    pub(super) fn states_end(&mut self, now: SimTime, failure: u32) {
        if self.verb(failure) != Verb::Restart {
            self.observer.failure_ended(failure, now);
        }
    }

    fn verb(&self, failure: u32) -> Verb {
        self.failures[failure as usize].verb
    }
}
