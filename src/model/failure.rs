//! What breaks. Failures stack, and ending one undoes exactly that one: causes are counted, never
//! saved and restored.

mod pause;
mod stop;
mod window;
#[cfg(test)]
mod tests;

pub(crate) use pause::{Frozen, Held};

use super::blueprint::{Failure, FailureTrigger, Target, Verb};
use super::broker::{Ctx, Departure, Engine};
use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::Observer;
use super::service::release;
use super::tables::{NONE, State, Takes};
use super::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeMap;
use stop::Roll;

/// What failures have done that is not undone yet.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// Causes that keep the nodes of each broker down.
    nodes: Vec<Causes>,
    /// Rolling restarts under way.
    rolls: Vec<Roll>,
    /// Timers of jobs, put off by a pause.
    pub(crate) frozen: BTreeMap<u32, Frozen>,
    /// What has reached each instance that stands still.
    held: BTreeMap<u32, Vec<Held>>,
}

impl Trouble {
    /// None, with so many nodes of each broker.
    pub(crate) fn none(nodes: impl Iterator<Item = u32>) -> Self {
        Self {
            nodes: nodes.map(|n| Causes(vec![0; n as usize])).collect(),
            rolls: Vec::new(),
            frozen: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }
}

/// How many causes keep each of some things down.
#[derive(Debug)]
struct Causes(Vec<u32>);

impl Causes {
    /// Another cause begins. Whether it is the only one.
    fn begins(&mut self, which: u32) -> bool {
        let causes = &mut self.0[which as usize];
        *causes += 1;
        *causes == 1
    }

    /// A cause ends. Whether it was the last one.
    fn ends(&mut self, which: u32) -> bool {
        let causes = &mut self.0[which as usize];
        *causes -= 1;
        *causes == 0
    }
}

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
        self.states_begin(s.now(), failure, lasts.is_some());
        let Failure { verb, ref target, .. } = self.failures[failure as usize];
        match *target {
            Target::Instances { service, .. } => self.strike(s, failure, verb, service.0),
            Target::Node { broker, node } => {
                if self.trouble.nodes[broker.0 as usize].begins(node) {
                    let (engine, mut ctx) = self.at_broker(s, broker.0);
                    engine.node_down(&mut ctx, node, verb == Verb::Unclean);
                    self.replies(s);
                }
            }
            Target::Relay(service) => self.relay_crashes(s, service.0),
        }
        self.roll_on(s);
    }

    /// A failure strikes instances of a service.
    fn strike(&mut self, s: &mut Sched, failure: u32, verb: Verb, service: u32) {
        match verb {
            Verb::Restart => self.roll_out(failure),
            Verb::Replay(to) => self.each_group(s, service, |engine, ctx, group| {
                engine.replay(ctx, group, to);
            }),
            Verb::Redrive => self.each_group(s, service, |engine, ctx, group| {
                engine.redrive(ctx, group);
            }),
            Verb::Crash | Verb::Unclean => {
                for instance in self.struck(failure) {
                    self.instances[instance as usize].crashes += 1;
                    self.kill(s, instance);
                }
            }
            Verb::Stop => self.struck(failure).into_iter().for_each(|i| self.stop(s, i)),
            Verb::Pause => self.struck(failure).into_iter().for_each(|i| self.pause(s, i)),
            Verb::Slow(_) => self.struck(failure).into_iter().for_each(|i| self.slow_down(i)),
        }
    }

    /// The cause of a strike is removed.
    pub(crate) fn failure_ends(&mut self, s: &mut Sched, failure: u32) {
        self.strikes[failure as usize] -= 1;
        self.states_end(s.now(), failure);
        let Failure { verb, ref target, .. } = self.failures[failure as usize];
        if let Target::Node { broker, node } = *target
            && self.trouble.nodes[broker.0 as usize].ends(node)
        {
            let (engine, mut ctx) = self.at_broker(s, broker.0);
            engine.node_up(&mut ctx, node);
            self.replies(s);
        }
        if let Target::Relay(service) = self.failures[failure as usize].target {
            self.relay_recovers(s, service.0);
        }
        for instance in self.struck(failure) {
            let i = &mut self.instances[instance as usize];
            match verb {
                Verb::Crash | Verb::Unclean => {
                    i.crashes -= 1;
                    self.revive(s, instance);
                }
                Verb::Stop => {
                    i.stops -= 1;
                    self.revive(s, instance);
                }
                Verb::Pause => self.go_on(s, instance),
                Verb::Slow(_) => self.slow_down(instance),
                Verb::Restart | Verb::Replay(_) | Verb::Redrive => {}
            }
        }
    }

    /// An instance that is down starts if nothing keeps it down.
    fn revive(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        if !i.up && !i.draining && i.crashes + i.stops == 0 {
            let at = s.now() + self.services[i.service as usize].start;
            i.starts_at = at.ns();
            s.at(at, Event::new(Kind::InstanceStarted, 0, instance));
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

    /// Tells the engines of a service's groups something.
    pub(crate) fn each_group(
        &mut self,
        s: &mut Sched,
        service: u32,
        tell: impl Fn(&mut (dyn Engine<O> + 'static), &mut Ctx<O>, u32),
    ) {
        for group in self.services[service as usize].groups.clone() {
            let (engine, mut ctx) = self.at_broker(s, self.groups[group as usize].broker);
            tell(engine, &mut ctx, group);
            self.replies(s);
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

    /// The process of an instance dies: events in work go back to their place in line, requests
    /// fail.
    fn kill(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        i.starts_at = u64::MAX;
        if !i.up && !i.draining {
            return;
        }
        let service = i.service;
        self.services[service as usize].up -= u32::from(i.up);
        i.up = false;
        i.draining = false;
        i.takes = Takes::Nothing;
        i.incarnation += 1;
        let waiting = self.waiting_at(instance);
        self.instances[instance as usize].coming = 0;
        self.leaves(s, instance, Departure::Crash);
        self.publisher_dies(s, instance);
        self.relays_follow(s, service);
        self.part_all(s, instance);
        let in_work = self.in_work(instance);
        self.abandon(service, &in_work);
        for job in in_work {
            self.trouble.frozen.remove(&job);
            if self.given(job) {
                if self.jobs.get(job).state != State::Parked {
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
        self.catch_up(s, instance);
        self.connect_next(s, service);
        // Other instances may have idle workers for what went back.
        for other in self.services[service as usize].instances.clone() {
            self.feed(s, other);
        }
    }

    /// Jobs with a worker of an instance, in the order of their places. A crash is rare enough to
    /// look for them, and every job cheaper for not being on a list.
    pub(crate) fn in_work(&self, instance: u32) -> Vec<u32> {
        let here = |&job: &u32| {
            let j = self.jobs.get(job);
            j.instance == instance
                && (matches!(j.state, State::Working | State::Frozen)
                    || j.state == State::Parked && self.given(job))
        };
        let mut found: Vec<u32> = self.jobs.slots().filter(here).collect();
        found.sort_unstable_by_key(|&job| self.jobs.get(job).place);
        found
    }

    /// Whether a broker gave the job to its instance.
    pub(crate) fn given(&self, job: u32) -> bool {
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
    pub(crate) fn cut_off(&mut self, s: &mut Sched, service: u32, job: u32) {
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
        self.observer.begun_anew(service);
        let job = self.without_timer(job);
        if self.is_done(job) {
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

    /// An instance may have finished starting; something meanwhile has put it off.
    pub(crate) fn instance_started(&mut self, s: &mut Sched, instance: u32) {
        let i = &mut self.instances[instance as usize];
        if i.up || i.draining || i.crashes + i.stops > 0 || i.starts_at != s.now().ns() {
            return;
        }
        let table = &mut self.services[i.service as usize];
        i.up = true;
        let service = i.service;
        i.takes = table.order;
        table.up += 1;
        self.relays_follow(s, service);
        self.joins(s, instance);
        if self.instances[instance as usize].pauses > 0 {
            self.stand_still(s, instance);
        }
        self.feed(s, instance);
        self.roll_on(s);
    }
}
