//! What breaks: crashes and slow-downs. They stack, and ending one undoes exactly that one.

use super::blueprint::{FailureTrigger, Target, Verb};
use super::broker::Departure;
use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::Observer;
use super::service::release;
use super::tables::{NONE, State};
use super::{Sched, World};
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
        for instance in self.struck(failure) {
            if self.failures[failure as usize].verb == Verb::Crash {
                self.instances[instance as usize].crashes += 1;
                self.kill(s, instance);
            } else {
                self.slow_down(instance);
            }
        }
    }

    /// The cause of a strike is removed.
    pub(crate) fn failure_ends(&mut self, s: &mut Sched, failure: u32) {
        self.strikes[failure as usize] -= 1;
        for instance in self.struck(failure) {
            if self.failures[failure as usize].verb == Verb::Crash {
                let i = &mut self.instances[instance as usize];
                i.crashes -= 1;
                if i.crashes == 0 {
                    let at = s.now() + self.services[i.service as usize].start;
                    i.starts_at = at.ns();
                    s.at(at, Event::new(Kind::InstanceStarted, 0, instance));
                }
            } else {
                self.slow_down(instance);
            }
        }
    }

    /// The instances that a failure strikes.
    fn struck(&self, failure: u32) -> Vec<u32> {
        let base = self.failure_base[failure as usize];
        match &self.failures[failure as usize].target {
            Target::Instances { instances, .. } => instances.iter().map(|i| base + i).collect(),
            Target::Node { .. } | Target::Relay(_) => Vec::new(),
        }
    }

    /// Recomputes the product of the slow-downs that strike an instance, in the order of the file,
    /// so that the end of one leaves exactly the others.
    fn slow_down(&mut self, instance: u32) {
        let mut slow = 1.0;
        for (at, f) in self.failures.iter().enumerate() {
            let base = self.failure_base[at];
            let struck = match &f.target {
                Target::Instances { instances, .. } => {
                    instances.iter().any(|i| base + i == instance)
                }
                Target::Node { .. } | Target::Relay(_) => false,
            };
            if let (Verb::Slow(factor), true) = (f.verb, struck) {
                (0..self.strikes[at]).for_each(|_| slow *= factor);
            }
        }
        self.instances[instance as usize].slow = slow;
    }

    /// An instance stops: events in work go back to their place in line, requests fail.
    fn kill(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.starts_at = u64::MAX;
        if !i.up {
            return;
        }
        i.up = false;
        i.incarnation += 1;
        let service = i.service;
        let waiting = std::mem::take(&mut i.inbox);
        self.services[service as usize].up -= 1;
        self.leaves(s, instance, Departure::Crash);
        for job in self.in_work(instance) {
            if self.given(job) {
                if self.jobs.get(job).state == State::Working {
                    release(&mut self.instances, s.now(), self.jobs.get_mut(job));
                    self.observer.released(service, s.now());
                }
                self.forsake(s, service, job);
            } else if self.jobs.get(job).subscription == NONE {
                self.unpublished(job);
                release(&mut self.instances, s.now(), self.jobs.get_mut(job));
                self.observer.released(service, s.now());
                let job = self.without_timer(job);
                self.cut_off(s, service, job);
            } else {
                self.interrupt(s, service, job);
            }
        }
        for job in waiting {
            self.observer.unqueued(service, s.now());
            if self.given(job) {
                self.forsake(s, service, job);
            } else {
                self.cut_off(s, service, job);
            }
        }
        // Other instances may have idle workers for what went back.
        for other in self.services[service as usize].instances.clone() {
            self.feed(s, other);
        }
    }

    /// Jobs with a worker of an instance, in the order of their places. A crash is rare enough to
    /// look for them, and every job cheaper for not being on a list.
    fn in_work(&self, instance: u32) -> Vec<u32> {
        let here = |&job: &u32| {
            let j = self.jobs.get(job);
            j.instance == instance
                && (j.state == State::Working || j.state == State::Parked && self.given(job))
        };
        let mut found: Vec<u32> = self.jobs.slots().filter(here).collect();
        found.sort_unstable_by_key(|&job| self.jobs.get(job).place);
        found
    }

    /// Whether a broker gave the job to its instance.
    fn given(&self, job: u32) -> bool {
        let delivery = self.jobs.get(job).delivery;
        delivery != NONE && self.deliveries.get(delivery).broker != NONE
    }

    /// The same job in a slot to which no timer will come back.
    pub(crate) fn without_timer(&mut self, job: u32) -> u32 {
        if !self.jobs.get(job).timer {
            return job;
        }
        let mut copy = *self.jobs.get(job);
        copy.timer = false;
        self.jobs.get_mut(job).state = State::Ghost;
        let moved = self.jobs.insert(copy);
        self.book.identity.moved(job, moved);
        moved
    }

    /// A request is cut off: its caller sees the connection break.
    fn cut_off(&mut self, s: &mut Sched, service: u32, job: u32) {
        let j = self.jobs.get(job);
        let arrived = SimTime::from_ns(j.arrived);
        self.observer.cut_off(service, s.now(), j.id, j.attempt, arrived);
        self.answer(s, job, false);
    }

    /// An event in work goes back to its place in line. The next attempt draws anew; it is not
    /// counted as failed.
    fn interrupt(&mut self, s: &mut Sched, service: u32, job: u32) {
        release(&mut self.instances, s.now(), self.jobs.get_mut(job));
        self.observer.released(service, s.now());
        let job = self.without_timer(job);
        if self.remembers(job) {
            self.unpublished(job);
        }
        let j = self.jobs.get_mut(job);
        j.retry = j.worked;
        j.commit = 0;
        j.committed = 0;
        j.attempt += 1;
        j.state = State::Waiting;
        j.instance = NONE;
        let (fact, subscription, booked) = (j.origin, j.subscription, j.delivery != NONE);
        if booked {
            self.book.put(&mut self.observer, fact, subscription, Fate::Stored);
        } else if !j.applied {
            self.observer.interrupted(subscription);
        }
        self.wait_in_backlog(s, service, job);
    }

    /// An instance may have finished starting; a crash meanwhile has put it off.
    pub(crate) fn instance_started(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        if i.up || i.crashes > 0 || i.starts_at != s.now().ns() {
            return;
        }
        i.up = true;
        self.services[i.service as usize].up += 1;
        self.joins(s, instance);
        self.feed(s, instance);
    }
}
