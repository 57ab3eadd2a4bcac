//! What waits at a service: events in one line for all instances, requests and what brokers gave
//! at each instance. Who is next, and what happens when a line is full.

mod codel;
mod discipline;

pub(crate) use codel::CoDel;
pub(crate) use discipline::{Discipline, Order};

use super::fate::Fate;
use super::observation::Observer;
use super::tables::{Job, NONE, State};
use super::{Sched, Slab, World};
use std::collections::VecDeque;

/// Which waiting work an instance takes up next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// What has waited longest.
    Oldest,
    /// What came last.
    Newest,
    /// What its service's discipline says.
    Picked,
    /// First those whose calls have returned, then as before.
    Resumes,
    /// Nothing: it is down, on its way there, or stands still.
    Nothing,
}

/// Takes what has waited longest out of the lines of a service and of an instance.
#[inline(always)]
fn oldest(
    jobs: &Slab<Job>,
    events: &mut VecDeque<u32>,
    requests: &mut VecDeque<u32>,
) -> Option<u32> {
    match (events.front(), requests.front()) {
        (Some(&e), Some(&r)) if jobs.get(r).place < jobs.get(e).place => requests.pop_front(),
        (None, _) => requests.pop_front(),
        (Some(_), _) => events.pop_front(),
    }
}

/// Takes what came last out of them.
#[inline(always)]
fn newest(
    jobs: &Slab<Job>,
    events: &mut VecDeque<u32>,
    requests: &mut VecDeque<u32>,
) -> Option<u32> {
    match (events.back(), requests.back()) {
        (Some(&e), Some(&r)) if jobs.get(r).place > jobs.get(e).place => requests.pop_back(),
        (None, _) => requests.pop_back(),
        (Some(_), _) => events.pop_back(),
    }
}

impl<O: Observer> World<O> {
    /// The next place in the line of a service.
    pub(crate) fn next_place(&mut self, service: u32) -> u64 {
        let table = &mut self.services[service as usize];
        table.place += 1;
        table.place
    }

    /// An event that may start: on an idle worker, or into the backlog at its place.
    #[inline(always)]
    pub(crate) fn event_arrives(&mut self, s: &mut Sched, service: u32, job: u32) {
        if let Some(instance) = self.idle_instance(service) {
            if !self.begin(s, instance, job, false) {
                self.feed(s, instance);
            }
        } else {
            // Nothing has a later place than what arrives now.
            self.observer.queued(service, s.now());
            self.services[service as usize].backlog.push_back(job);
        }
    }

    /// Puts a job of an event that had to wait elsewhere into the backlog, ordered by place.
    pub(crate) fn wait_in_backlog(&mut self, s: &mut Sched, service: u32, job: u32) {
        self.observer.queued(service, s.now());
        let place = self.jobs.get(job).place;
        let backlog = &mut self.services[service as usize].backlog;
        let last = backlog.back().map_or(0, |&j| self.jobs.get(j).place);
        if last < place {
            backlog.push_back(job);
        } else {
            let at = backlog.partition_point(|&j| self.jobs.get(j).place < place);
            backlog.insert(at, job);
        }
        if self.services[service as usize].discipline.is_some() {
            self.joined(s, service, NONE, job);
        }
    }

    /// The instance with a free worker that has the fewest busy ones, of equals the first.
    fn idle_instance(&self, service: u32) -> Option<u32> {
        let table = &self.services[service as usize];
        let mut best = None;
        let mut fewest = table.workers;
        for i in table.instances.clone() {
            let instance = &self.instances[i as usize];
            if instance.takes != Takes::Nothing && instance.busy < fewest {
                best = Some(i);
                fewest = instance.busy;
                if fewest == 0 {
                    break;
                }
            }
        }
        best
    }

    /// [`World::feed_here`] for where few jobs start.
    #[inline(never)]
    pub(crate) fn feed(&mut self, s: &mut Sched, instance: u32) {
        self.feed_here(s, instance);
    }

    /// Gives waiting work to the free workers of an instance, first come, first served.
    #[inline(always)]
    pub(crate) fn feed_here(&mut self, s: &mut Sched, instance: u32) {
        loop {
            let i = &mut self.instances[instance as usize];
            if i.takes != Takes::Oldest {
                self.feed_otherwise(s, instance);
                return;
            }
            let table = &mut self.services[i.service as usize];
            if i.busy >= table.workers {
                return;
            }
            let Some(job) = oldest(&self.jobs, &mut table.backlog, &mut i.inbox) else {
                if table.asks {
                    self.asks(s, instance);
                }
                return;
            };
            self.begin(s, instance, job, true);
        }
    }

    /// [`World::feed`] for instances that do not take what has waited longest.
    #[cold]
    #[inline(never)]
    fn feed_otherwise(&mut self, s: &mut Sched, instance: u32) {
        if self.instances[instance as usize].takes == Takes::Resumes {
            if self.resume_ready(s, instance) {
                self.instances[instance as usize].takes = self.takes_again(instance);
                self.feed(s, instance);
            }
            return;
        }
        loop {
            let i = &mut self.instances[instance as usize];
            if i.takes == Takes::Nothing {
                self.drains(s, instance);
                return;
            }
            if i.takes == Takes::Picked {
                self.feed_picked(s, instance);
                return;
            }
            let table = &mut self.services[i.service as usize];
            if i.busy >= table.workers {
                return;
            }
            let Some(job) = newest(&self.jobs, &mut table.backlog, &mut i.inbox) else {
                if table.asks {
                    self.asks(s, instance);
                }
                return;
            };
            self.begin(s, instance, job, true);
        }
    }

    /// Whether an event of the book finds room at its service, which may cost the oldest one its
    /// place. `held`: an earlier event of its key is unfinished.
    pub(crate) fn event_finds_room(&mut self, s: &mut Sched, service: u32, held: bool) -> bool {
        let table = &self.services[service as usize];
        let Some(cap) = table.cap else { return true };
        if table.backlog.len() + table.held < cap || !held && self.idle_instance(service).is_some()
        {
            return true;
        }
        if !table.evicts || cap == 0 {
            return false;
        }
        let Some(oldest) = self.services[service as usize].backlog.pop_front() else {
            return false;
        };
        self.thrown_out(s, service, oldest);
        true
    }

    /// Ends a job of the book that finds no room.
    pub(crate) fn shed_job(&mut self, s: &mut Sched, job: u32) {
        let j = *self.jobs.get(job);
        self.deliveries.free(j.delivery);
        self.jobs.get_mut(job).state = State::Waiting;
        self.jobs.free(job);
        self.running -= 1;
        // A log that was told that it is done may still have it.
        self.book.end(&mut self.observer, j.origin, j.subscription, Fate::Shed);
        self.shed(s, j.origin, j.subscription, j.line);
    }

    /// A copy of an event of the book is refused by a full backlog. `line`: the key whose order it
    /// was part of, or 0.
    pub(crate) fn shed(&mut self, s: &mut Sched, fact: u32, subscription: u32, line: u64) {
        let id = self.book.facts.get(fact).id;
        self.book.drop(&mut self.observer, fact, subscription, Fate::Shed);
        if line == 0 {
            return;
        }
        let Some(waiting) = self.lines.get_mut(&(subscription, line)) else { return };
        if waiting.front().is_some_and(|&(first, _)| first == id) {
            self.next_in_line(s, subscription, line);
        } else {
            waiting.retain(|&(other, _)| other != id);
        }
    }

    /// Whether a request that finds no idle worker may wait at its instance, which may cost the
    /// oldest one its place.
    pub(crate) fn request_finds_room(&mut self, s: &mut Sched, instance: u32) -> bool {
        let i = &self.instances[instance as usize];
        let service = i.service;
        let table = &self.services[service as usize];
        let Some(cap) = table.cap else { return true };
        if i.inbox.len() < cap {
            return true;
        }
        if table.discipline.is_some() && self.expired_leave(s, instance) {
            return true;
        }
        let (i, table) = (&self.instances[instance as usize], &self.services[service as usize]);
        if !table.evicts || cap == 0 {
            return false;
        }
        // What a broker gave is bounded by what it gives, and stays.
        let oldest = i.inbox.iter().position(|&j| self.jobs.get(j).subscription == NONE);
        let Some(oldest) = oldest else { return false };
        let Some(job) = self.instances[instance as usize].inbox.remove(oldest) else {
            return false;
        };
        self.thrown_out(s, service, job);
        true
    }
}
