//! Pauses: an instance stands still, and goes on where it stood.
//!
//! What was in work has the rest of its time to do afterwards. Clocks run: what waits for an
//! instant is due at the end of the pause at the latest. What arrives meanwhile is taken up then,
//! in the order of arrival.

use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::tables::{State, Takes};
use crate::model::{Sched, World};
use crate::units::SimDuration;

/// A timer of a job whose instance stands still, or stood still since it was set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frozen {
    /// What is left to be done when the timer comes back, ns.
    pub(crate) owed: u64,
    /// The timer, if it came back during the pause.
    pub(crate) due: Option<Kind>,
}

/// Something that reached an instance while it stood still.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// The outcome of an attempt of a call.
    Attempt { call: u32, stamp: u32, ok: bool },
    /// The outcome of what a job waits for.
    Outcome { job: u32, stamp: u32, ok: bool },
    /// The next attempt of a call is due.
    Retry(u32),
    /// The turn of a call that waited for it.
    Turn(u32),
    /// A second copy of an attempt is due.
    Hedge { call: u32, stamp: u32 },
}

impl<O: Observer> World<O> {
    /// Whether an instance, if it is one, makes no progress.
    #[inline]
    pub(crate) fn stands_still(&self, instance: u32) -> bool {
        let i = self.instances.get(instance as usize);
        i.is_some_and(|i| i.pauses > 0 && (i.up || i.draining))
    }

    /// Whether a job that waits for its next attempt does so at an instance that stands still.
    pub(crate) fn is_held(&self, job: u32) -> bool {
        self.given(job) && self.stands_still(self.jobs.get(job).instance)
    }

    /// Notes what has reached an instance that stands still.
    #[cold]
    #[inline(never)]
    pub(crate) fn hold(&mut self, instance: u32, what: Held) {
        self.trouble.held.entry(instance).or_default().push(what);
    }

    /// Another pause begins.
    pub(super) fn pause(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.pauses += 1;
        if i.pauses == 1 && (i.up || i.draining) {
            self.stand_still(s, instance);
        }
    }

    /// From now on an instance makes no progress.
    pub(super) fn stand_still(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.paused_at = s.now().ns();
        i.takes = Takes::Nothing;
        let (service, up) = (i.service, i.up);
        self.cores_stand(s, instance, true);
        let listens = up && self.services[service as usize].deaf == 0;
        for job in self.in_work(instance) {
            let j = self.jobs.get_mut(job);
            if j.state != State::Working {
                continue;
            }
            j.state = State::Frozen;
            if j.timer {
                self.trouble.frozen.insert(job, Frozen::default());
            }
        }
        if listens {
            self.each_group(s, service, |engine, ctx, group| engine.paused(ctx, group, instance));
        }
    }

    /// A pause is over.
    pub(super) fn go_on(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.pauses -= 1;
        if i.pauses > 0 || !i.up && !i.draining {
            return;
        }
        let stood = s.now().ns() - i.paused_at;
        let (service, up) = (i.service, i.up);
        if up {
            self.instances[instance as usize].takes = self.takes_again(instance);
        }
        self.cores_stand(s, instance, false);
        for job in self.in_work(instance) {
            self.thaw(s, job, stood);
        }
        if up && self.services[service as usize].deaf == 0 {
            self.each_group(s, service, |engine, ctx, group| engine.resumed(ctx, group, instance));
        }
        self.catch_up(s, instance);
        self.feed(s, instance);
    }

    /// A job goes on after its instance stood still for so many ns.
    fn thaw(&mut self, s: &mut Sched, job: u32, stood: u64) {
        let j = self.jobs.get_mut(job);
        match self.trouble.frozen.get_mut(&job) {
            // Its timer is still to come back, too early.
            Some(Frozen { owed, due: None }) => *owed += stood,
            Some(&mut Frozen { owed, due: Some(kind) }) => {
                j.timer = true;
                if j.state == State::Frozen {
                    j.state = State::Working;
                }
                self.trouble.frozen.remove(&job);
                s.after(SimDuration::from_ns(owed), Event::new(kind, 0, job));
            }
            None if j.state == State::Frozen => j.state = State::Working,
            None => {}
        }
    }

    /// Handles what has reached an instance while it stood still.
    pub(super) fn catch_up(&mut self, s: &mut Sched, instance: u32) {
        for held in self.trouble.held.remove(&instance).unwrap_or_default() {
            match held {
                Held::Attempt { call, stamp, ok } => {
                    if self.calls.get(call).stamp == stamp {
                        self.attempt_returns(s, call, ok);
                    }
                }
                Held::Outcome { job, stamp, ok } => self.call_returns(s, job, stamp, ok),
                Held::Retry(call) => self.call_due(s, call),
                Held::Turn(call) => self.limit_over(s, call),
                Held::Hedge { call, stamp } => self.hedge(s, call, stamp),
            }
        }
    }

    /// The timer of a job comes back whose instance stands still, or stood still since it was set.
    /// Whether it counts now.
    pub(crate) fn counts(&mut self, s: &mut Sched, job: u32, kind: Kind) -> bool {
        let j = self.jobs.get_mut(job);
        let instance = &self.instances[j.instance as usize];
        let works = kind == Kind::StepDone;
        let frozen = self.trouble.frozen.entry(job).or_default();
        if instance.pauses > 0 {
            j.timer = false;
            frozen.due = Some(kind);
            frozen.owed = if works { frozen.owed + s.now().ns() - instance.paused_at } else { 0 };
            return false;
        }
        let owed = if works { frozen.owed } else { 0 };
        self.trouble.frozen.remove(&job);
        j.state = State::Working;
        if owed > 0 {
            s.after(SimDuration::from_ns(owed), Event::new(kind, 0, job));
        }
        owed == 0
    }
}
