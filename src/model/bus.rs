//! The ideal bus: from the emit to the subscriber's backlog, lossless and in the order of each key.

use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::Observer;
use super::tables::{Fact, Job, NONE};
use super::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

/// Unfinished items of one (subscription, key) in the order of publication: the event's identity,
/// and the job once it arrived.
pub(crate) type Line = VecDeque<(u64, u32)>;

impl<O: Observer> World<O> {
    /// Publishes an event: one obligation per subscription.
    pub(crate) fn publish(&mut self, s: &mut Sched, event: u32, id: u64, commit: u64, key: u64) {
        let Some(fact) = self.commit_fact(s.now(), event, id, commit, key) else { return };
        if let Some(delay) = self.deliver_constant {
            s.after(delay, Event::new(Kind::Fanout, 0, fact));
            return;
        }
        for subscription in self.book.heard[event as usize].clone() {
            let stream = self.subscriptions[subscription as usize].deliver;
            let delay = self.deliver.sample_here(stream, id, 0);
            s.after_here(delay, Event::new(Kind::Deliver, subscription, fact));
        }
    }

    /// Publishes an event of a source. A hop that takes no time is a call here and not an event:
    /// nothing that is still to happen at this instant comes before a delivery.
    pub(crate) fn publish_at_source(&mut self, s: &mut Sched, event: u32, id: u64, commit: u64) {
        if self.deliver_constant != Some(SimDuration::ZERO) {
            self.publish(s, event, id, commit, 0);
        } else if let Some(fact) = self.commit_fact(s.now(), event, id, commit, 0) {
            self.fan_out(s, fact);
        }
    }

    /// A fact is committed: one obligation per subscription. `None` if nobody hears it.
    #[inline(always)]
    fn commit_fact(
        &mut self,
        now: SimTime,
        event: u32,
        id: u64,
        commit: u64,
        key: u64,
    ) -> Option<u32> {
        let heard = self.book.heard[event as usize].clone();
        if heard.is_empty() {
            return None;
        }
        let left = heard.len() as u32;
        // The rest is blank in a free slot, or means nothing outside the book.
        let fact = self.book.facts.reserve(&Fact::BLANK);
        let f = self.book.facts.get_mut(fact);
        debug_assert!(f.is_blank(), "{f:?}");
        (f.id, f.commit, f.published) = (id, commit, now.ns());
        (f.key, f.event, f.left) = (key, event, left);
        self.observer.fact(event, SimTime::from_ns(commit));
        for subscription in heard {
            self.observer.committed(subscription, SimTime::from_ns(commit));
            if key != 0 && self.subscriptions[subscription as usize].ordered {
                self.lines.entry((subscription, key)).or_default().push_back((id, NONE));
            }
        }
        Some(fact)
    }

    /// All copies of a fact arrive at one instant, in the order of the subscriptions.
    #[inline(always)]
    pub(crate) fn fan_out(&mut self, s: &mut Sched, fact: u32) {
        // It lives until the last of them has been handed over and resolved.
        let event = self.book.facts.get(fact).event;
        for subscription in self.book.heard[event as usize].clone() {
            self.arrive(s, subscription, fact);
        }
    }

    /// One copy of a fact arrives by itself.
    #[inline(never)]
    pub(crate) fn deliver(&mut self, s: &mut Sched, subscription: u32, fact: u32) {
        if self.book.facts.get(fact).base == NONE {
            self.arrive(s, subscription, fact);
        } else {
            self.arrive_booked(s, subscription, fact);
        }
    }

    /// An ideal bus carries a fact of the book to those who hear it there.
    pub(crate) fn carry(&mut self, s: &mut Sched, fact: u32, broker: u32) {
        let Fact { id, event, key, .. } = *self.book.facts.get(fact);
        self.book.facts.get_mut(fact).published = s.now().ns();
        for subscription in self.book.heard[event as usize].clone() {
            let table = &self.subscriptions[subscription as usize];
            if table.broker != broker || !self.book.wants(fact, subscription) {
                continue;
            }
            let delay = self.brokers[broker as usize].deliver.sample(table.deliver, id, 0);
            if key != 0 && table.ordered {
                self.lines.entry((subscription, key)).or_default().push_back((id, NONE));
            }
            self.book.gain(&mut self.observer, fact, subscription, Fate::Stored);
            s.after(delay, Event::new(Kind::Deliver, subscription, fact));
        }
    }

    /// One copy of a fact arrives.
    #[inline(always)]
    fn arrive(&mut self, s: &mut Sched, subscription: u32, fact: u32) {
        let table = &self.subscriptions[subscription as usize];
        let (service, handler, ordered) = (table.service, table.handler, table.ordered);
        let place = self.next_place(service);
        let Fact { id, commit, key, .. } = *self.book.facts.get(fact);
        self.running += 1;
        self.observer.arrived(service, s.now(), id, 0, SimTime::from_ns(commit));
        let job = self.jobs.reserve(&Job::BLANK);
        *self.jobs.get_mut(job) = Job {
            id,
            key,
            line: key,
            intended: commit,
            arrived: s.now().ns(),
            mark: s.now().ns(),
            place,
            subscription,
            origin: fact,
            handler,
            ..Job::BLANK
        };
        if ordered && key != 0 && self.waits_in_line(subscription, key, id, job) {
            self.observer.queued(service, s.now());
        } else {
            self.event_arrives(s, service, job);
        }
    }

    /// Whether an earlier item of the same key is unfinished.
    pub(crate) fn is_behind(&self, subscription: u32, key: u64, id: u64) -> bool {
        let line = self.lines.get(&(subscription, key));
        line.and_then(|line| line.front()).is_some_and(|&(first, _)| first != id)
    }

    /// Whether an earlier item of the same key is unfinished; then the job is noted in its line.
    pub(crate) fn waits_in_line(&mut self, subscription: u32, key: u64, id: u64, job: u32) -> bool {
        let line = self.lines.entry((subscription, key)).or_default();
        if line.front().is_none_or(|&(first, _)| first == id) {
            return false;
        }
        // A repeated publication has an item of its own.
        if let Some(item) = line.iter_mut().find(|(other, j)| *other == id && *j == NONE) {
            item.1 = job;
        }
        true
    }

    /// A subscription gives a fact up.
    pub(crate) fn give_up(&mut self, fact: u32) {
        let record = self.book.facts.get_mut(fact);
        record.left -= 1;
        record.given_up = true;
        if record.left == 0 {
            record.given_up = false;
            self.book.facts.free(fact);
        }
    }

    /// The first item of a line is finished: the next one joins the backlog at its place. The
    /// worker that was just released will take it, or an earlier one.
    pub(crate) fn next_in_line(&mut self, s: &mut Sched, subscription: u32, key: u64) {
        let Some(line) = self.lines.get_mut(&(subscription, key)) else { return };
        line.pop_front();
        match line.front() {
            None => {
                self.lines.remove(&(subscription, key));
            }
            Some(&(_, job)) if job != NONE => {
                let service = self.subscriptions[subscription as usize].service;
                self.observer.unqueued(service, s.now());
                let booked = self.jobs.get(job).delivery != NONE;
                self.services[service as usize].held -= usize::from(booked);
                self.wait_in_backlog(s, service, job);
            }
            Some(_) => {}
        }
    }
}
