//! From the emit to the broker: facts, records on their way, confirmations, further attempts.
//!
//! A record is one fact on its way into one broker. It holds its fact until it is known what became
//! of it. What one client sends together is a chain of records, addressed by the first.

mod change;
mod client;
mod outbox;
mod record;
mod repeat;
#[cfg(test)]
mod tests;
mod transaction;
mod wire;

pub(crate) use client::{Deadlines, Publisher};
pub(crate) use outbox::{Relay, RelayKind, is_outbox};
pub(crate) use record::Record;
pub(crate) use repeat::Halts;

use super::blueprint::{Acks, Publish, PublishMode};
use super::broker::Ticket;
use super::observation::Observer;
use super::tables::{Fact, NONE};
use super::{Sched, World};
use crate::random::StreamKey;
use crate::units::SimTime;
use record::Waiter;

/// An event that a handler or source emits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emitted {
    pub(crate) event: u32,
    pub(crate) id: u64,
    /// When its fact was committed, ns.
    pub(crate) commit: u64,
    /// Entity that orders it, or 0.
    pub(crate) key: u64,
    pub(crate) publish: Publish,
    /// The instance that emits it.
    pub(crate) instance: u32,
    /// The job that it comes of, or [`NONE`].
    pub(crate) of: u32,
    /// The job that waits until it is published, if it has to wait, or [`NONE`].
    pub(crate) job: u32,
    /// Stamp of that job.
    pub(crate) stamp: u32,
}

/// Streams of a broker's publishers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishKeys {
    pub(crate) publish: StreamKey,
    pub(crate) confirm: StreamKey,
    pub(crate) backoff: StreamKey,
}

/// What a [`Kind::PublishDue`](super::event::Kind::PublishDue) is about; its component.
pub(crate) mod due {
    /// The pause of a chain is over; slot: record.
    pub(crate) const PAUSE: u32 = 0;
    /// A chain has been at its broker for too long; slot: record.
    pub(crate) const OVERDUE: u32 = 1;
    /// The pause of a halted destination is over; slot: halt.
    pub(crate) const HALT: u32 = 2;
    /// A relay goes on; slot: relay.
    pub(crate) const RELAY: u32 = 3;
    /// A relay writes down its position; slot: relay.
    pub(crate) const FLUSH: u32 = 4;
    /// A relay may have started; slot: relay.
    pub(crate) const START: u32 = 5;
    /// A batch has waited for long enough; slot: broker.
    pub(crate) const LINGER: u32 = 6;
    /// A full buffer has blocked for too long; slot: broker.
    pub(crate) const BLOCK: u32 = 7;
    /// A confirmation has not come in time; slot: broker.
    pub(crate) const ANSWER: u32 = 8;
}

impl<O: Observer> World<O> {
    /// Emits an event that is not plain. Whether the job has to wait for it.
    pub(crate) fn publish_booked(&mut self, s: &mut Sched, e: &Emitted) -> bool {
        let mut e = *e;
        let fact = self.emitted_before(&mut e).unwrap_or_else(|| {
            let fact = self.commit_booked(s.now(), &e);
            self.emitted(&e, fact);
            fact
        });
        let service = self.instances[e.instance as usize].service;
        if let Some(relay) = self.relay_of(service, e.publish.mode) {
            self.add_row(s, relay, fact, e.publish.to.0);
            return false;
        }
        self.hand_over(s, fact, &e)
    }

    /// A fact is committed: an obligation for each subscription that wants it. What nobody wants
    /// goes its way too, as its broker finds out; it has no obligations.
    fn commit_booked(&mut self, now: SimTime, e: &Emitted) -> u32 {
        let heard = self.book.heard[e.event as usize].clone();
        let wanted = heard.clone().any(|subscription| self.passes(e.event, subscription, e.id));
        let alternate = self.brokers[e.publish.to.0 as usize].spec.alternate;
        if let Some(other) = alternate
            && !wanted
            && other.0 != e.event
        {
            heard.for_each(|subscription| self.observer.filtered(subscription));
            return self.commit_booked(now, &Emitted { event: other.0, ..*e });
        }
        let table = &mut self.events[e.event as usize];
        table.count += 1;
        let ordinal = table.count - 1;
        let (key, trace) = self.traces(e);
        let fact = self.book.facts.reserve(&Fact::BLANK);
        *self.book.facts.get_mut(fact) = Fact {
            id: e.id,
            commit: e.commit,
            relayed: e.commit,
            sent: e.commit,
            published: now.ns(),
            key,
            event: e.event,
            ordinal,
            ..Fact::BLANK
        };
        if wanted {
            self.book.allot(fact);
            self.observer.fact(e.event, SimTime::from_ns(e.commit));
        } else {
            self.observer.unroutable(e.event);
        }
        for subscription in heard {
            if self.passes(e.event, subscription, e.id) {
                self.book.open(&mut self.observer, fact, subscription);
            } else {
                self.observer.filtered(subscription);
            }
        }
        if wanted {
            self.follows(now, fact, trace);
            if self.trouble.deaf > 0 {
                self.misses(fact);
            }
        }
        fact
    }

    /// A fact leaves its handler for the client of its broker. Whether the job has to wait.
    fn hand_over(&mut self, s: &mut Sched, fact: u32, e: &Emitted) -> bool {
        let mut ticket = Ticket::NONE;
        if self.brokers[e.publish.to.0 as usize].transacts {
            let Some(its) = self.enlist(s, fact, e) else { return false };
            ticket = its;
        }
        let mode = self.mode_of(e.publish);
        let record = self.record(s.now(), fact, e.publish.to.0, e.instance);
        let r = self.records.get_mut(record);
        r.mode = mode;
        r.ticket = ticket;
        r.first = !std::mem::replace(&mut self.book.facts.get_mut(fact).out, true);
        if mode == PublishMode::Sync && e.job != NONE {
            r.waiter = Waiter::Job { job: e.job, stamp: e.stamp };
        }
        if self.take_room(record) {
            self.buffer(s, record);
            mode == PublishMode::Sync
        } else {
            self.no_room(s, record, e)
        }
    }

    /// How an event is published in the end: nobody can wait for a broker that does not answer.
    fn mode_of(&self, publish: Publish) -> PublishMode {
        match self.brokers[publish.to.0 as usize].spec.producer.acks {
            Acks::None => PublishMode::Fire,
            Acks::Leader | Acks::All => publish.mode,
        }
    }

    /// Whether a job may have to wait when it publishes like this.
    pub(crate) fn waits_for_broker(&self, publish: Publish) -> bool {
        match self.mode_of(publish) {
            PublishMode::Sync => true,
            PublishMode::Async => {
                self.brokers[publish.to.0 as usize].spec.producer.buffer != u64::MAX
            }
            PublishMode::Fire | PublishMode::OutboxPoll(_) | PublishMode::OutboxCdc => false,
        }
    }

    /// A timer of a publisher is over.
    pub(crate) fn publish_due(&mut self, s: &mut Sched, what: u32, slot: u32) {
        match what {
            due::PAUSE => self.pause_over(s, slot),
            due::OVERDUE => self.chain_overdue(s, slot),
            due::HALT => self.halt_due(s, slot),
            due::RELAY => self.relay_due(s, slot),
            due::FLUSH => self.flush_due(s, slot),
            due::START => self.relay_started(s, slot),
            _ => self.deadline_due(s, what, slot),
        }
    }
}
