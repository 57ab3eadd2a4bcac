//! When failures strike, and when their causes are removed.

use crate::model::blueprint::FailureTrigger;
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// Schedules the first strike of a failure.
    pub(crate) fn arm_failure(&mut self, s: &mut Sched, failure: u32) {
        let at = match self.failures[failure as usize].trigger {
            FailureTrigger::At(at) => at,
            FailureTrigger::Every(period) => SimTime::ZERO + period,
        };
        s.at(at, Event::new(Kind::FailureBegins, 0, failure));
    }

    /// A failure strikes.
    pub(crate) fn failure_begins(&mut self, s: &mut Sched, failure: u32) {
        let f = &self.failures[failure as usize];
        let lasts = match f.trigger {
            FailureTrigger::At(_) => f.lasts,
            FailureTrigger::Every(period) => {
                s.after(period, Event::new(Kind::FailureBegins, 0, failure));
                Some(f.lasts.unwrap_or(SimDuration::ZERO))
            }
        };
        if let Some(lasts) = lasts {
            s.after(lasts, Event::new(Kind::FailureEnds, 0, failure));
        }
        self.strikes[failure as usize] += 1;
        self.strike(s, failure);
    }

    /// The cause of a strike is removed.
    pub(crate) fn failure_ends(&mut self, s: &mut Sched, failure: u32) {
        self.strikes[failure as usize] -= 1;
        self.relent(s, failure);
    }
}
