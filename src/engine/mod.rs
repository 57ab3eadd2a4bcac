//! The loop: pops the earliest event, hands it to the model, until time, the model or a limit says
//! stop.
//!
//! Knows neither brokers nor dice; its whole contract is [`Model`].

mod digest;
mod event_list;

pub use digest::Digest;
pub use event_list::EventList;

use crate::units::{SimDuration, SimTime};

/// Something that happens at an instant. Small and `Copy`: it is moved, never boxed.
pub trait Event: Copy {
    /// Order among events of one instant, lowest first. Equal ranks run in the order of their
    /// scheduling.
    fn rank(self) -> u8;
}

/// A world that events change.
pub trait Model {
    /// What happens in it.
    type Event: Event;

    /// Reacts to `event`, which is due now ([`Schedule::now`]), and schedules what follows from it.
    fn handle(&mut self, event: Self::Event, schedule: &mut Schedule<Self::Event>);

    /// Whether nothing is left to be done. Timers that only wait for trouble do not count.
    fn at_rest(&self) -> bool;
}

/// The clock and the events to come: what a handler may see and do of the engine.
#[derive(Debug)]
pub struct Schedule<E> {
    list: EventList<E>,
    now: SimTime,
}

impl<E: Event> Schedule<E> {
    /// The instant of the event being handled.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Schedules `event` at `at`, which is not before now.
    #[inline]
    pub fn at(&mut self, at: SimTime, event: E) {
        debug_assert!(at >= self.now, "an event in the past");
        self.list.insert(at, event);
    }

    /// Schedules `event` after `delay`; beyond the end of time it never happens.
    #[inline]
    pub fn after(&mut self, delay: SimDuration, event: E) {
        self.after_here(delay, event);
    }

    /// [`Schedule::after`] for where most events are scheduled.
    #[inline(always)]
    pub(crate) fn after_here(&mut self, delay: SimDuration, event: E) {
        self.list.insert(self.now + delay, event);
    }
}

/// Bounds that end a run which would not end by itself.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events in all.
    pub events: u64,
    /// Events within one instant.
    pub events_per_instant: u64,
}

/// Why [`Engine::run_until`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every event up to the given instant was handled.
    Time,
    /// The model is at rest.
    Rest,
    /// No event is left, at whatever time.
    Empty,
    /// [`Limits::events`] was reached.
    Events,
    /// [`Limits::events_per_instant`] was reached.
    Instant,
}

/// A model and its clock.
#[derive(Debug)]
pub struct Engine<M: Model> {
    model: M,
    schedule: Schedule<M::Event>,
    limits: Limits,
    events: u64,
    before_instant: u64,
}

impl<M: Model> Engine<M> {
    /// A model at t = 0, which `start` gives its first events.
    pub fn new(
        mut model: M,
        limits: Limits,
        start: impl FnOnce(&mut M, &mut Schedule<M::Event>),
    ) -> Self {
        let mut schedule = Schedule { list: EventList::new(), now: SimTime::ZERO };
        start(&mut model, &mut schedule);
        Self { model, schedule, limits, events: 0, before_instant: 0 }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, to read out or change between two calls of [`Engine::run_until`].
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The model alone, at the end.
    pub fn into_model(self) -> M {
        self.model
    }

    /// Events handled so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Instant of the last event handled.
    pub fn now(&self) -> SimTime {
        self.schedule.now
    }

    /// Handles every event up to `until`, that instant included. With `REST`, stops as soon as the
    /// model is at rest.
    pub fn run_until<const REST: bool>(&mut self, until: SimTime) -> Stop {
        if REST && self.model.at_rest() {
            return Stop::Rest;
        }
        loop {
            let Some((time, event)) = self.schedule.list.pop_until(until) else {
                return if self.schedule.list.is_empty() { Stop::Empty } else { Stop::Time };
            };
            if time != self.schedule.now {
                self.schedule.now = time;
                self.before_instant = self.events;
                if self.events >= self.limits.events {
                    return Stop::Events;
                }
            } else if self.events - self.before_instant >= self.limits.events_per_instant {
                return Stop::Instant;
            }
            self.events += 1;
            self.model.handle(event, &mut self.schedule);
            if REST && self.model.at_rest() {
                return Stop::Rest;
            }
        }
    }
}

#[cfg(test)]
mod tests;
