//! Stops in good order, one at a time or rolling through a service.

use crate::model::blueprint::AckMode;
use crate::model::broker::{Departure, Outcome};
use crate::model::consume::note_attempt;
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::tables::{State, Takes};
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};

/// How long an instance may take to finish its work before it is killed: what Kubernetes grants.
const GRACE: SimDuration = SimDuration::from_secs(30);
/// A rolling restart stops one in so many instances at a time.
const ROLLING_SHARE: u32 = 4;

/// A rolling restart under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Roll {
    failure: u32,
    /// Which of the instances that it strikes are in the current batch.
    batch: (usize, usize),
}

impl<O: Observer> World<O> {
    /// Another cause keeps an instance stopped.
    pub(crate) fn stop(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.stops += 1;
        i.starts_at = u64::MAX;
        self.drain(s, instance);
    }

    /// A cause that kept an instance stopped is removed.
    pub(crate) fn stop_ends(&mut self, s: &mut Sched, instance: u32) {
        self.instances[instance as usize].stops -= 1;
        self.revive(s, instance);
    }

    /// An instance that is up takes no new work from now on and ends with what it has begun.
    fn drain(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        if !i.up {
            return;
        }
        let by = s.now() + GRACE;
        i.up = false;
        i.takes = Takes::Nothing;
        i.stops_at = by.ns();
        let service = i.service;
        let mut waiting = self.waiting_at(instance);
        s.at(by, Event::new(Kind::GraceEnds, 0, instance));
        self.services[service as usize].up -= 1;
        self.leaves(s, instance, Departure::Stop);
        waiting.retain(|&job| {
            if self.given(job) && self.is_settled(job) {
                return true;
            }
            self.observer.unqueued(service, s.now());
            if self.given(job) {
                self.hand_back(s, job);
            } else {
                self.cut_off(s, service, job);
            }
            false
        });
        let i = &mut self.instances[instance as usize];
        i.inbox = waiting;
        i.draining = true;
        self.drains(s, instance);
    }

    /// Whether the broker has forgotten a delivery already, so that it cannot take it back.
    fn is_settled(&self, job: u32) -> bool {
        self.is_settled_at(self.jobs.get(job).subscription)
    }

    fn is_settled_at(&self, subscription: u32) -> bool {
        let group = self.subscriptions[subscription as usize].group;
        self.groups[group as usize].ack == AckMode::Before
    }

    /// A job whose delivery waits for a worker, or for its next attempt, goes back to its broker.
    fn hand_back(&mut self, s: &mut Sched, job: u32) {
        let j = *self.jobs.get(job);
        self.trouble.frozen.remove(&job);
        let tried = j.state == State::Parked;
        if tried {
            note_attempt(self.book.get(j.origin, j.subscription), &j);
        } else {
            let service = self.handlers[j.handler as usize].service;
            let arrived = SimTime::from_ns(j.arrived);
            self.observer.cut_off(service, s.now(), j.id, j.attempt, arrived);
        }
        self.return_copy(s, j.delivery, tried);
        self.withdraw(job);
    }

    /// A copy that will not be worked on goes back to its broker.
    fn return_copy(&mut self, s: &mut Sched, slot: u32, failed: bool) {
        let d = self.done_with(s, slot, Outcome::Requeue { failed });
        self.book.drop(&mut self.observer, d.fact, d.subscription, d.reason);
        self.replies(s);
    }

    /// A copy reaches an instance that is not up, but still knows the connection. Whether it has to
    /// be worked on all the same, because nobody would take it back.
    #[cold]
    pub(crate) fn too_late(&mut self, s: &mut Sched, slot: u32) -> bool {
        if self.is_settled_at(self.deliveries.get(slot).subscription) {
            return true;
        }
        self.return_copy(s, slot, false);
        false
    }

    /// An instance that takes no new work goes on with what it has, if it is draining, and has
    /// stopped when nothing is left.
    pub(crate) fn drains(&mut self, s: &mut Sched, instance: u32) {
        loop {
            let i = &mut self.instances[instance as usize];
            if !i.draining {
                return;
            }
            let workers = self.services[i.service as usize].workers;
            if i.pauses == 0
                && i.busy < workers
                && let Some(job) = i.inbox.pop_front()
            {
                self.begin(s, instance, job, true);
                continue;
            }
            if i.busy == 0 && i.inbox.is_empty() {
                self.stopped(s, instance);
            }
            return;
        }
    }

    /// The time that an instance had to finish its work is over; it may have needed less.
    pub(crate) fn grace_ends(&mut self, s: &mut Sched, instance: u32) {
        let i = &self.instances[instance as usize];
        if i.draining && i.stops_at == s.now().ns() {
            self.kill(s, instance);
            self.revive(s, instance);
            self.roll_on(s);
        }
    }

    /// An instance has finished its work: its process ends.
    fn stopped(&mut self, s: &mut Sched, instance: u32) {
        // What is left has no worker: it waits for its next attempt.
        for job in self.in_work(instance) {
            self.hand_back(s, job);
        }
        let i = &mut self.instances[instance as usize];
        i.draining = false;
        // Copies that are still on their way find nobody.
        i.incarnation += 1;
        i.coming = 0;
        let service = i.service;
        self.leaves(s, instance, Departure::Crash);
        self.publisher_closes(s, instance);
        self.relays_follow(s, service);
        if self.instances[instance as usize].absent {
            self.shrinks(s, instance);
        }
        self.catch_up(s, instance);
        self.revive(s, instance);
        self.roll_on(s);
    }

    /// A rolling restart begins, in place of an earlier one by the same failure.
    pub(super) fn roll_out(&mut self, failure: u32) {
        self.trouble.rolls.retain(|roll| roll.failure != failure);
        self.trouble.rolls.push(Roll { failure, batch: (0, 0) });
    }

    /// Rolling restarts go on with their next batch when the last one has come back. What another
    /// failure keeps down is not waited for.
    pub(super) fn roll_on(&mut self, s: &mut Sched) {
        // What happens below must not come back here.
        let mut rolls = std::mem::take(&mut self.trouble.rolls);
        rolls.retain_mut(|roll| {
            let struck = self.struck(roll.failure);
            loop {
                let (from, to) = roll.batch;
                if struck[from..to].iter().any(|&i| self.comes_back(i)) {
                    return true;
                }
                if to == struck.len() {
                    return false;
                }
                let service = self.instances[struck[0] as usize].service;
                let of = self.services[service as usize].size;
                let size = (of / ROLLING_SHARE).max(1) as usize;
                roll.batch = (to, struck.len().min(to + size));
                for &instance in &struck[roll.batch.0..roll.batch.1] {
                    self.drain(s, instance);
                }
            }
        });
        self.trouble.rolls = rolls;
    }

    /// Whether an instance is not up, but will be.
    fn comes_back(&self, instance: u32) -> bool {
        let i = &self.instances[instance as usize];
        i.draining || !i.up && i.crashes + i.stops == 0
    }
}
