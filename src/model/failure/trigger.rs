//! When failures strike, and when their causes are removed.
//!
//! Triggers go on in the drain, as long as the run does; none of them keeps it from coming to rest.

use super::{WHOLE, stream};
use crate::model::blueprint::{Failure, FailureTrigger};
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::{Sched, World};
use crate::random::{StreamKey, Streams, Variate};
use crate::units::{SimDuration, SimTime};

/// How often a failure with a condition looks whether it holds.
const LOOK: SimDuration = SimDuration::from_ms(100);

/// What the trigger of a failure has to remember.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Streams of its times without it and with it.
    up: StreamKey,
    down: StreamKey,
    /// Stream of what is decided by each message.
    pub(super) luck: StreamKey,
    /// Strikes so far.
    strikes: u64,
    /// Until when it does not strike again.
    cools_until: SimTime,
    /// Failures that strike when it ends.
    followers: Vec<u32>,
}

/// The clocks of failures, with streams named after them.
pub(crate) fn clocks(failures: &[Failure], streams: &Streams) -> Vec<Clock> {
    let clock = |at: usize| {
        let key = |purpose: &str| stream(failures, at, purpose, streams);
        let follows = |other: &Failure| other.trigger == FailureTrigger::After(at as u32);
        let followers = (0..failures.len() as u32).filter(|&i| follows(&failures[i as usize]));
        Clock {
            up: key("up"),
            down: key("down"),
            luck: key("luck"),
            strikes: 0,
            cools_until: SimTime::ZERO,
            followers: followers.collect(),
        }
    };
    (0..failures.len()).map(clock).collect()
}

fn exponential(mean: SimDuration, key: StreamKey, n: u64) -> SimDuration {
    Variate::Exponential { mean_ns: mean.ns() as f64 }.sample(key, n, 0)
}

impl Clock {
    /// Whether its failure has ever struck.
    #[cfg(test)]
    pub(super) fn has_struck(&self) -> bool {
        self.strikes > 0
    }

    /// The number of the present strike.
    pub(super) fn strike(&self) -> u32 {
        self.strikes as u32
    }
}

impl<O: Observer> World<O> {
    /// Schedules the first strike of a failure, or watches for it.
    pub(crate) fn arm_failure(&mut self, s: &mut Sched, failure: u32) {
        let begins = Event::new(Kind::FailureBegins, WHOLE, failure);
        match self.failures[failure as usize].trigger {
            FailureTrigger::At(at) => s.at(at, begins),
            FailureTrigger::Every(period) => s.after(period, begins),
            FailureTrigger::Mtbf { .. } => self.next_breakdown(s, failure),
            FailureTrigger::When { .. } => {
                s.after(LOOK, Event::new(Kind::FailureLooks, 0, failure));
            }
            FailureTrigger::Chance(_) => {
                self.struck(failure).into_iter().for_each(|instance| self.strain(instance));
            }
            FailureTrigger::After(_) => {}
        }
    }

    /// A failure strikes.
    pub(crate) fn failure_begins(&mut self, s: &mut Sched, part: u32, failure: u32) {
        let Failure { trigger, verb, .. } = self.failures[failure as usize];
        if let FailureTrigger::Every(period) = trigger {
            s.after(period, Event::new(Kind::FailureBegins, WHOLE, failure));
        }
        let lasts = self.strike_lasts(failure);
        if let Some(lasts) = lasts {
            s.after(lasts, Event::new(Kind::FailureEnds, part, failure));
        }
        self.strikes[failure as usize] += 1;
        self.trouble.clocks[failure as usize].strikes += 1;
        self.states_begin(s.now(), failure, lasts.is_some());
        self.strike(s, failure, part);
        if lasts.is_none() && verb.is_over_at_once() {
            self.strikes[failure as usize] -= 1;
            self.is_over(s, failure);
        }
    }

    /// How long the next strike of a failure lasts, if it has an end.
    fn strike_lasts(&self, failure: u32) -> Option<SimDuration> {
        let f = &self.failures[failure as usize];
        match f.trigger {
            FailureTrigger::Every(_) => Some(f.lasts.unwrap_or(SimDuration::ZERO)),
            FailureTrigger::Mtbf { mttr: Some(mttr), .. } => {
                let clock = &self.trouble.clocks[failure as usize];
                Some(exponential(mttr, clock.down, clock.strikes))
            }
            _ => f.lasts,
        }
    }

    /// The cause of a strike is removed.
    pub(crate) fn failure_ends(&mut self, s: &mut Sched, part: u32, failure: u32) {
        self.strikes[failure as usize] -= 1;
        self.states_end(s.now(), failure);
        self.relent(s, failure, part);
        self.is_over(s, failure);
    }

    /// A strike is over: what comes next begins.
    fn is_over(&mut self, s: &mut Sched, failure: u32) {
        match self.failures[failure as usize].trigger {
            FailureTrigger::Mtbf { .. } => self.next_breakdown(s, failure),
            FailureTrigger::When { cooldown, .. } => {
                self.trouble.clocks[failure as usize].cools_until = s.now() + cooldown;
            }
            _ => {}
        }
        for &follower in &self.trouble.clocks[failure as usize].followers {
            s.after(SimDuration::ZERO, Event::new(Kind::FailureBegins, WHOLE, follower));
        }
    }

    /// Schedules the next strike of a failure that comes by itself.
    fn next_breakdown(&mut self, s: &mut Sched, failure: u32) {
        let FailureTrigger::Mtbf { mtbf, .. } = self.failures[failure as usize].trigger else {
            return;
        };
        let clock = &self.trouble.clocks[failure as usize];
        let up = exponential(mtbf, clock.up, clock.strikes);
        s.after(up, Event::new(Kind::FailureBegins, WHOLE, failure));
    }

    /// A failure with a condition looks whether it holds.
    pub(crate) fn failure_looks(&mut self, s: &mut Sched, failure: u32) {
        let f = &self.failures[failure as usize];
        let (FailureTrigger::When { condition, .. }, over_at_once) =
            (f.trigger, f.verb.is_over_at_once())
        else {
            return;
        };
        let lasts = self.strikes[failure as usize] > 0;
        if lasts && f.lasts.is_none() && !over_at_once {
            // For ever, so nobody has to look any more.
            return;
        }
        s.after(LOOK, Event::new(Kind::FailureLooks, 0, failure));
        let cools = s.now() < self.trouble.clocks[failure as usize].cools_until;
        if !lasts && !cools && condition.holds(self.level(condition.level)) {
            self.failure_begins(s, WHOLE, failure);
        }
    }
}
