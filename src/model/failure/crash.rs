//! Crashes: an instance dies with what it had in memory, and starts again when nothing keeps it
//! down.

use crate::model::blueprint::{Failure, Target, Verb};
use crate::model::broker::Departure;
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::service::release;
use crate::model::tables::{NONE, State, Takes};
use crate::model::{Sched, World};
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// Instances, a node, a partition or a relay crash.
    pub(super) fn crash(&mut self, s: &mut Sched, failure: u32, struck: &[u32]) {
        let Failure { verb, ref target, .. } = self.failures[failure as usize];
        match *target {
            Target::Instances { .. } => {
                for &instance in struck {
                    self.instances[instance as usize].crashes += 1;
                    self.kill(s, instance);
                }
            }
            Target::Node { broker, node } => {
                self.node_fails(s, broker.0, node, verb == Verb::Unclean);
            }
            Target::Partition { broker, partition } => {
                self.partition_fails(s, broker.0, partition);
            }
            Target::Relay(service) => self.relay_crashes(s, service.0),
            Target::Zone(_) => self.zone_falls(s, failure),
            _ => {}
        }
    }

    /// The cause of a crash is removed.
    pub(super) fn recover(&mut self, s: &mut Sched, failure: u32, struck: &[u32]) {
        match self.failures[failure as usize].target {
            Target::Instances { .. } => {
                for &instance in struck {
                    self.instances[instance as usize].crashes -= 1;
                    self.revive(s, instance);
                }
            }
            Target::Node { broker, node } => self.node_recovers(s, broker.0, node),
            Target::Partition { broker, partition } => {
                self.partition_recovers(s, broker.0, partition);
            }
            Target::Relay(service) => self.relay_recovers(s, service.0),
            Target::Zone(_) => self.zone_returns(s, failure),
            _ => {}
        }
    }

    /// An instance that is down starts if nothing keeps it down.
    pub(super) fn revive(&mut self, s: &mut Sched, instance: u32) {
        let i = &self.instances[instance as usize];
        if !i.up && !i.draining && i.crashes + i.stops == 0 {
            let at = s.now() + self.start_of(instance);
            self.instances[instance as usize].starts_at = at.ns();
            s.at(at, Event::new(Kind::InstanceStarted, 0, instance));
        }
    }

    /// The process of an instance dies: events in work go back to their place in line, requests
    /// fail.
    pub(super) fn kill(&mut self, s: &mut Sched, instance: u32) {
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
        self.recall_away(s, instance);
        self.instances[instance as usize].coming = 0;
        self.cores_die(instance);
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
        if self.instances[instance as usize].absent {
            self.shrinks(s, instance);
        }
        self.catch_up(s, instance);
        self.guards_die(s, instance);
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
        if instance - table.instances.start >= table.size {
            self.grows(s, instance);
        }
        self.is_not_fresh(instance);
        self.relays_follow(s, service);
        self.joins(s, instance);
        if self.instances[instance as usize].pauses > 0 {
            self.stand_still(s, instance);
        }
        self.feed(s, instance);
        self.roll_on(s);
    }
}
