//! From the emit to the broker: records on their way, confirmations, further attempts.
//!
//! A record is one fact on its way into one broker. It holds its fact until it is known what became
//! of it.

use super::blueprint::{Acks, Publish, PublishMode};
use super::broker::{Accept, Publication};
use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::Observer;
use super::tables::{Fact, NONE};
use super::{Sched, World};
use crate::random::StreamKey;
use crate::units::{SimDuration, SimTime};

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
    /// The job that waits for the confirmation, if the mode says so.
    pub(crate) job: u32,
    /// Stamp of that job.
    pub(crate) stamp: u32,
}

/// A fact on its way into a broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) fact: u32,
    pub(crate) broker: u32,
    pub(crate) destination: u32,
    /// The instance that publishes it, or [`NONE`] for a bridge or a relay of its own.
    pub(crate) producer: u32,
    pub(crate) sequence: u64,
    pub(crate) mode: PublishMode,
    /// The job that waits for it, or [`NONE`].
    pub(crate) job: u32,
    pub(crate) stamp: u32,
    /// Attempts made.
    pub(crate) tries: u32,
    /// When its publisher gives up, ns.
    pub(crate) until: u64,
    /// Whether the last attempt was taken.
    pub(crate) ok: bool,
    /// Whether it is the bridge from another broker.
    pub(crate) bridge: bool,
}

impl Record {
    const BLANK: Self = Self {
        fact: NONE,
        broker: 0,
        destination: 0,
        producer: NONE,
        sequence: 0,
        mode: PublishMode::Async,
        job: NONE,
        stamp: 0,
        tries: 0,
        until: 0,
        ok: false,
        bridge: false,
    };
}

/// Streams of a broker's publishers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishKeys {
    pub(crate) publish: StreamKey,
    pub(crate) confirm: StreamKey,
    pub(crate) backoff: StreamKey,
}

impl<O: Observer> World<O> {
    /// Emits an event that is not plain. Whether somebody has to wait for it.
    pub(crate) fn publish_booked(&mut self, s: &mut Sched, e: &Emitted) -> bool {
        let mut e = *e;
        let fact = match self.emitted_before(&mut e) {
            Some(fact) => fact,
            None => {
                let Some(fact) = self.commit_booked(s.now(), &e) else { return false };
                self.emitted(&e, fact);
                fact
            }
        };
        self.hand_over(s, fact, &e);
        e.publish.mode == PublishMode::Sync
    }

    /// A fact is committed: an obligation for each subscription that wants it.
    fn commit_booked(&mut self, now: SimTime, e: &Emitted) -> Option<u32> {
        let heard = self.book.heard[e.event as usize].clone();
        let wanted = heard.clone().any(|subscription| self.passes(subscription, e.id));
        if !wanted {
            heard.for_each(|subscription| self.observer.filtered(subscription));
            self.observer.unroutable(e.event);
            return None;
        }
        let (key, trace) = self.traces(e);
        let fact = self.book.facts.reserve(&Fact::BLANK);
        *self.book.facts.get_mut(fact) = Fact {
            id: e.id,
            commit: e.commit,
            relayed: e.commit,
            sent: now.ns(),
            published: now.ns(),
            key,
            event: e.event,
            ..Fact::BLANK
        };
        self.book.allot(fact);
        self.observer.fact(e.event, SimTime::from_ns(e.commit));
        for subscription in heard {
            if !self.passes(subscription, e.id) {
                self.observer.filtered(subscription);
                continue;
            }
            self.book.open(&mut self.observer, fact, subscription);
        }
        self.follows(now, fact, trace);
        Some(fact)
    }

    /// Whether a subscription wants event `id`.
    #[inline]
    pub(crate) fn passes(&self, _subscription: u32, _id: u64) -> bool {
        true
    }

    /// A fact leaves its handler for its broker.
    fn hand_over(&mut self, s: &mut Sched, fact: u32, e: &Emitted) {
        let f = self.book.facts.get_mut(fact);
        if !f.out {
            f.relayed = s.now().ns();
        }
        let waits = e.publish.mode == PublishMode::Sync;
        let record = self.record(s.now(), fact, e.publish.to.0, e.instance);
        let r = self.records.get_mut(record);
        r.mode = e.publish.mode;
        r.job = if waits { e.job } else { NONE };
        r.stamp = e.stamp;
        self.send(s, record);
    }

    /// A new record, which holds its fact.
    fn record(&mut self, now: SimTime, fact: u32, broker: u32, producer: u32) -> u32 {
        self.book.hold(fact);
        let f = self.book.facts.get(fact);
        let destination = self.engines[broker as usize].destination(f.event, f.id, f.key);
        let until = now + self.brokers[broker as usize].spec.producer.delivery_timeout;
        self.sequence += 1;
        let record = self.records.reserve(&Record::BLANK);
        *self.records.get_mut(record) = Record {
            fact,
            broker,
            destination,
            producer,
            sequence: self.sequence,
            until: until.ns(),
            ..Record::BLANK
        };
        record
    }

    /// Sends a record on its way.
    fn send(&mut self, s: &mut Sched, record: u32) {
        let now = s.now().ns();
        let r = self.records.get_mut(record);
        let attempt = r.tries;
        r.tries += 1;
        let (fact, broker, producer) = (r.fact, r.broker as usize, r.producer);
        let f = self.book.facts.get_mut(fact);
        if !f.out {
            f.out = true;
            f.sent = now;
        }
        let key = self.publish_keys[broker].publish;
        let at = s.now() + self.brokers[broker].publish.sample(key, f.id, attempt);
        let at = match self.uplinks[broker].get_mut(producer as usize) {
            None => at,
            Some(last) => {
                *last = (*last).max(at.ns());
                SimTime::from_ns(*last)
            }
        };
        if at == s.now() {
            self.publication_arrives(s, record);
        } else {
            s.at(at, Event::new(Kind::Publication, 0, record));
        }
    }

    /// A record reaches its broker: the shard serves it, when it has served what came before.
    pub(crate) fn publication_arrives(&mut self, s: &mut Sched, record: u32) {
        let r = *self.records.get(record);
        let spec = &self.brokers[r.broker as usize].spec;
        if spec.per_shard.is_unlimited() && spec.per_node.is_unlimited() {
            self.served(s, record);
            return;
        }
        let size = self.events[self.book.facts.get(r.fact).event as usize].size;
        let Some(node) = self.engines[r.broker as usize].node_of(r.destination) else {
            self.answer_record(s, record, Accept::NotNow);
            return;
        };
        let done = self.capacities[r.broker as usize].serve(s.now(), r.destination, node, 1, size);
        if done == s.now() {
            self.served(s, record);
        } else {
            s.at(done, Event::new(Kind::Served, 0, record));
        }
    }

    /// A record has been served: the engine takes it, or does not.
    pub(crate) fn served(&mut self, s: &mut Sched, record: u32) {
        let r = *self.records.get(record);
        let f = self.book.facts.get(r.fact);
        let p = Publication {
            record,
            fact: r.fact,
            event: f.event,
            destination: r.destination,
            size: self.events[f.event as usize].size,
            producer: r.producer,
            sequence: r.sequence,
            again: r.tries > 1,
        };
        let (engine, mut ctx) = self.at_broker(s, r.broker);
        let accept = engine.accept(&mut ctx, &p);
        if accept == Accept::Later {
            // Whoever wants no answer is done with it.
            if matches!(r.mode, PublishMode::Fire) || self.acks(r.broker) == Acks::None {
                self.records.get_mut(record).job = NONE;
            }
        } else {
            self.answer_record(s, record, accept);
        }
        self.replies(s);
    }

    fn acks(&self, broker: u32) -> Acks {
        self.brokers[broker as usize].spec.producer.acks
    }

    /// Hands on what engines have answered to publishers.
    #[inline]
    pub(crate) fn replies(&mut self, s: &mut Sched) {
        while let Some(reply) = self.replies.pop() {
            let accept = if reply.ok { Accept::After(SimDuration::ZERO) } else { Accept::NotNow };
            self.answer_record(s, reply.record, accept);
        }
    }

    /// The broker has decided about a record: the answer goes back, if anybody wants it.
    fn answer_record(&mut self, s: &mut Sched, record: u32, accept: Accept) {
        let r = *self.records.get(record);
        let deaf = r.mode == PublishMode::Fire || self.acks(r.broker) == Acks::None;
        let (ok, wait) = match accept {
            Accept::Later => return,
            Accept::After(d) => {
                if !r.ok {
                    self.records.get_mut(record).ok = true;
                    self.bridges(s, &r);
                }
                // Nobody waits, and nothing can go wrong any more.
                if deaf || r.job == NONE && r.mode == PublishMode::Async || r.bridge {
                    self.forget_record(record, Fate::LostPublish);
                    return;
                }
                (true, d)
            }
            Accept::Refused(fate) => {
                self.refuse(s, record, fate);
                return;
            }
            Accept::NotNow if deaf => {
                self.forget_record(record, Fate::LostPublish);
                return;
            }
            Accept::NotNow => (false, SimDuration::ZERO),
        };
        self.records.get_mut(record).ok = ok;
        let back = self.way_back(&r);
        if wait + back == SimDuration::ZERO {
            self.confirmed(s, record);
        } else {
            s.after(wait + back, Event::new(Kind::Confirmed, 0, record));
        }
    }

    /// One-way delay from the broker back to the publisher.
    fn way_back(&self, r: &Record) -> SimDuration {
        let Some(instance) = self.instances.get(r.producer as usize) else {
            return SimDuration::ZERO;
        };
        let zones = &self.brokers[r.broker as usize].zones;
        let node = self.engines[r.broker as usize].node_of(r.destination).unwrap_or(0);
        let there = zones[node as usize % zones.len()];
        let key = self.publish_keys[r.broker as usize].confirm;
        let id = self.book.facts.get(r.fact).id;
        self.network.delay(there, instance.zone, key, id, r.tries - 1)
    }

    /// The broker refuses a record for good.
    fn refuse(&mut self, s: &mut Sched, record: u32, fate: Fate) {
        let r = *self.records.get(record);
        self.forget_record(record, fate);
        if r.job != NONE {
            self.call_returns(s, r.job, r.stamp, false);
        }
    }

    /// A publisher learns what became of a record.
    pub(crate) fn confirmed(&mut self, s: &mut Sched, record: u32) {
        let r = *self.records.get(record);
        if r.ok {
            self.forget_record(record, Fate::LostPublish);
            if r.job != NONE {
                self.call_returns(s, r.job, r.stamp, true);
            }
            return;
        }
        let f = self.book.facts.get(r.fact);
        let key = self.publish_keys[r.broker as usize].backoff;
        let backoff = &self.brokers[r.broker as usize].spec.producer.backoff;
        let due = s.now() + backoff.sample(key, f.id, r.tries, r.tries - 1);
        if due.ns() > r.until {
            self.refuse(s, record, Fate::Rejected);
        } else {
            s.at(due, Event::new(Kind::PublishDue, 0, record));
        }
    }

    /// The pause before the next attempt of a record is over.
    pub(crate) fn publish_due(&mut self, s: &mut Sched, record: u32) {
        self.send(s, record);
    }

    /// A record ends.
    fn forget_record(&mut self, record: u32, reason: Fate) {
        let fact = self.records.get(record).fact;
        self.records.free(record);
        self.book.release(&mut self.observer, fact, reason);
    }

    /// What a broker has taken goes on to the others through which somebody hears it, and from an
    /// ideal bus to its subscribers.
    fn bridges(&mut self, s: &mut Sched, r: &Record) {
        if self.engine_is_ideal(r.broker) {
            self.carry(s, r.fact, r.broker);
        }
        if r.bridge {
            return;
        }
        let event = self.book.facts.get(r.fact).event;
        for at in 0..self.events[event as usize].via.len() {
            let broker = self.events[event as usize].via[at];
            if broker != r.broker {
                let record = self.record(s.now(), r.fact, broker, NONE);
                self.records.get_mut(record).bridge = true;
                self.records.get_mut(record).until = u64::MAX;
                self.send(s, record);
            }
        }
    }
}
