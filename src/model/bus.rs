//! The ideal bus: from the emit to the subscriber's backlog, lossless and in the order of each key.

use super::event::{Event, Kind};
use super::observation::Observer;
use super::tables::{Fact, NONE};
use super::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

/// Unfinished items of one (subscription, key) in the order of publication: the event's identity, and the job once it
/// arrived.
pub(crate) type Line = VecDeque<(u64, u32)>;

impl<O: Observer> World<O> {
    /// Publishes an event: one obligation per subscription.
    pub(crate) fn publish(&mut self, s: &mut Sched, event: u32, id: u64, commit: u64, key: u64) {
        let Some(fact) = self.commit_fact(s.now(), event, id, commit, key) else { return };
        if let Some(delay) = self.deliver_constant {
            s.after(delay, Event::new(Kind::Fanout, 0, fact));
            return;
        }
        for subscription in self.heard[event as usize].clone() {
            let stream = self.subscriptions[subscription as usize].deliver;
            let delay = self.deliver.sample(stream, id, 0);
            s.after(delay, Event::new(Kind::Deliver, subscription, fact));
        }
    }

    /// Publishes an event of a source. A hop that takes no time is a call here and not an event: nothing that is still
    /// to happen at this instant comes before a delivery.
    pub(crate) fn publish_at_source(&mut self, s: &mut Sched, event: u32, id: u64) {
        let now = s.now().ns();
        if self.deliver_constant != Some(SimDuration::ZERO) {
            self.publish(s, event, id, now, 0);
        } else if let Some(fact) = self.commit_fact(s.now(), event, id, now, 0) {
            self.fan_out(s, fact);
        }
    }

    /// A fact is committed: one obligation per subscription. `None` if nobody hears it.
    fn commit_fact(
        &mut self,
        now: SimTime,
        event: u32,
        id: u64,
        commit: u64,
        key: u64,
    ) -> Option<u32> {
        let heard = self.heard[event as usize].clone();
        if heard.is_empty() {
            return None;
        }
        let left = heard.len() as u32;
        let fact = self.facts.insert(Fact {
            id,
            commit,
            published: now.ns(),
            key,
            event,
            left,
            given_up: false,
        });
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
    pub(crate) fn fan_out(&mut self, s: &mut Sched, fact: u32) {
        // The fact may be resolved, and its slot reused, before the last copy is handed over; so read it first.
        let copy = *self.facts.get(fact);
        for subscription in self.heard[copy.event as usize].clone() {
            self.hand_over(s, subscription, fact, &copy);
        }
    }

    /// One copy of a fact arrives.
    pub(crate) fn deliver(&mut self, s: &mut Sched, subscription: u32, fact: u32) {
        let copy = *self.facts.get(fact);
        self.hand_over(s, subscription, fact, &copy);
    }

    fn hand_over(&mut self, s: &mut Sched, subscription: u32, slot: u32, fact: &Fact) {
        let table = &self.subscriptions[subscription as usize];
        let (service, handler, ordered) = (table.service, table.handler, table.ordered);
        let job = self.new_job(s.now(), service, handler, fact.id, fact.commit);
        let record = self.jobs.get_mut(job);
        record.subscription = subscription;
        record.origin = slot;
        record.key = fact.key;
        record.line = fact.key;
        if ordered && fact.key != 0 {
            let line = self.lines.entry((subscription, fact.key)).or_default();
            if line.front().is_some_and(|&(first, _)| first != fact.id) {
                if let Some(item) = line.iter_mut().find(|(id, _)| *id == fact.id) {
                    item.1 = job;
                }
                self.observer.queued(service, s.now());
                return;
            }
        }
        self.event_arrives(s, service, job);
    }

    /// A subscription is done with a fact: `applied`, or given up.
    pub(crate) fn resolve(&mut self, now: SimTime, fact: u32, applied: bool) {
        let record = self.facts.get_mut(fact);
        record.left -= 1;
        record.given_up |= !applied;
        if record.left > 0 {
            return;
        }
        if !record.given_up {
            self.observer.converged(record.event, now, SimTime::from_ns(record.commit));
        }
        self.facts.free(fact);
    }

    /// The first item of a line is finished: the next one joins the backlog at its place. The worker that was just
    /// released will take it, or an earlier one.
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
                self.wait_in_backlog(s, service, job);
            }
            Some(_) => {}
        }
    }
}
