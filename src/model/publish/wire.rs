//! The way of a chain to its broker, and of the answers back.

use super::due;
use super::record::{Chain, Record, Stage, Waiter};
use crate::model::blueprint::PublishMode;
use crate::model::broker::{Accept, Publication, Reply, Ticket};
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::{Fact, NONE};
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// Sends a chain on its way, behind what its destination has halted.
    pub(super) fn depart(&mut self, s: &mut Sched, head: u32) {
        let r = self.records.get(head);
        let halted = self.publishers[r.broker as usize][r.producer as usize].halted > 0;
        if halted && self.halts.active(r) {
            self.join_halt(s, head, SimDuration::ZERO, false);
        } else {
            self.send(s, head);
        }
    }

    /// Sends a chain on its way: one publication.
    fn send(&mut self, s: &mut Sched, head: u32) {
        let now = s.now();
        let r = *self.records.get(head);
        let broker = &self.brokers[r.broker as usize];
        let p = &mut self.publishers[r.broker as usize][r.producer as usize];
        let mut departed = now.ns();
        if !broker.spec.quota.is_unlimited() {
            departed = departed.max(p.free);
            let (messages, bytes) = weight(&self.records, head);
            p.free = departed + broker.spec.quota.service(messages, bytes).ns();
        }
        let key = self.publish_keys[r.broker as usize].publish;
        let at = SimTime::from_ns(departed) + broker.publish.sample(key, r.id, r.tries);
        let mut member = head;
        while member != NONE {
            self.stage(member, Stage::Flying);
            let m = self.records.get_mut(member);
            m.tries += 1;
            m.departed = departed;
            member = m.next;
        }
        let (mut later, mut held) = (SimDuration::ZERO, SimDuration::ZERO);
        if self.trouble.links.any {
            let Some(passed) = self.chain_over_links(s, head, at) else { return };
            (later, held) = passed;
        }
        let p = self.publisher(r.broker, r.producer);
        p.last = p.last.max((at + later).ns());
        let at = SimTime::from_ns(p.last) + held;
        if at == now {
            self.publication_arrives(s, head);
        } else {
            s.at(at, Event::new(Kind::Publication, 0, head));
        }
    }

    /// A chain reaches its broker: the shard serves it, when it has served what came before.
    pub(crate) fn publication_arrives(&mut self, s: &mut Sched, head: u32) {
        let r = *self.records.get(head);
        if r.stage == Stage::Ghost {
            self.free_chain(head);
            return;
        }
        if !self.trouble.full.is_empty() && self.finds_no_room(head) {
            return;
        }
        let spec = &self.brokers[r.broker as usize].spec;
        if self.capacities[r.broker as usize].is_unlimited() {
            self.served(s, head);
            return;
        }
        let Some(node) = self.engines[r.broker as usize].node_of(r.destination) else {
            self.fails(s, head, true);
            return;
        };
        let late = SimTime::from_ns(r.departed) + spec.producer.request_timeout;
        let (messages, bytes) = weight(&self.records, head);
        let capacity = &mut self.capacities[r.broker as usize];
        let done = capacity.serve(s.now(), r.destination, node, messages, bytes);
        if done == s.now() {
            self.served(s, head);
            return;
        }
        if done > late && !r.deaf() {
            let late = late.max(s.now());
            s.at(late, Event::new(Kind::PublishDue, due::OVERDUE, head));
        }
        s.at(done, Event::new(Kind::Served, 0, head));
    }

    /// A chain waits at a broker that has no room for it: its connection is blocked.
    pub(crate) fn blocked(&mut self, head: u32) {
        self.stage_all(head, Stage::Held);
    }

    /// There is room for a chain. No answer could come before.
    pub(crate) fn unblocked(&mut self, s: &mut Sched, head: u32) {
        let mut member = head;
        while member != NONE {
            let r = self.records.get_mut(member);
            r.departed = s.now().ns();
            member = r.next;
        }
        if self.records.get(head).stage == Stage::Held {
            self.stage_all(head, Stage::Flying);
        }
        self.publication_arrives(s, head);
    }

    /// A chain has been served: the engine takes each of its records, or does not.
    pub(crate) fn served(&mut self, s: &mut Sched, head: u32) {
        let r = *self.records.get(head);
        if self.engines[r.broker as usize].node_of(r.destination).is_none() {
            self.fails(s, head, true);
            return;
        }
        let mut chain = head;
        let mut failed = Chain::EMPTY;
        let idempotent = self.brokers[r.broker as usize].spec.producer.idempotent;
        while let Some(record) = self.unlink(&mut chain) {
            if failed.head != NONE && idempotent {
                self.link(&mut failed, record);
                continue;
            }
            if self.follows_halt(record) {
                self.join_halt(s, record, SimDuration::ZERO, false);
                continue;
            }
            match self.accept(s, record) {
                Accept::NotNow => self.link(&mut failed, record),
                accept => self.answer_record(s, record, accept),
            }
        }
        if failed.head != NONE {
            self.fails(s, failed.head, false);
        }
        self.replies(s);
    }

    /// Whether a record has to wait for an earlier one of its client.
    fn follows_halt(&self, record: u32) -> bool {
        let r = self.records.get(record);
        self.publishers[r.broker as usize][r.producer as usize].halted > 0
            && !r.deaf()
            && self.halts.active(r)
    }

    fn accept(&mut self, s: &mut Sched, record: u32) -> Accept {
        let r = self.records.get(record);
        let f = self.book.facts.get(r.fact);
        if f.base == NONE {
            // There is no queue that it could go to.
            return if self.brokers[r.broker as usize].spec.mandatory {
                Accept::Refused(Fate::Rejected)
            } else {
                Accept::After(SimDuration::ZERO)
            };
        }
        let p = Publication {
            record,
            fact: r.fact,
            destination: r.destination,
            size: r.size,
            producer: r.producer,
            sequence: r.sequence,
            attempt: r.tries - 1,
            again: r.tries > 1,
            ticket: r.ticket,
            skew: r.skew,
        };
        let broker = r.broker;
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.accept(&mut ctx, &p)
    }

    /// Hands on what engines have answered to publishers.
    #[inline]
    pub(crate) fn replies(&mut self, s: &mut Sched) {
        if !self.replies.is_empty() {
            self.hand_on_replies(s);
        }
    }

    #[inline(never)]
    fn hand_on_replies(&mut self, s: &mut Sched) {
        // What is handed on may bring further answers, which are handed on meanwhile.
        let mut replies = std::mem::take(&mut self.replies);
        for reply in replies.drain(..) {
            match reply {
                Reply::Publish { record, ok: true } => {
                    self.answer_record(s, record, Accept::After(SimDuration::ZERO));
                }
                Reply::Publish { record, ok: false } => {
                    self.answer_record(s, record, Accept::NotNow);
                }
                Reply::Shown { fact, broker } => self.shown(s, fact, broker),
            }
        }
        self.replies = replies;
    }

    /// The broker has decided about a record: the answer goes back, if anybody wants it.
    fn answer_record(&mut self, s: &mut Sched, record: u32, accept: Accept) {
        let (ok, wait, reason) = match accept {
            Accept::Later => {
                self.taken(s, record);
                return;
            }
            Accept::NotNow => {
                let r = self.records.get(record);
                let node = self.engines[r.broker as usize].node_of(r.destination);
                self.fails(s, record, node.is_none());
                return;
            }
            Accept::After(wait) => (true, wait, Fate::LostPublish),
            Accept::Refused(fate) => (false, SimDuration::ZERO, fate),
        };
        if ok {
            let &Record { fact, broker, ticket, bridge, .. } = self.records.get(record);
            // Part of a transaction, nobody else has it before that is committed.
            if ticket == Ticket::NONE {
                self.bridges(s, fact, broker, bridge);
            }
        }
        let mut later = SimDuration::ZERO;
        if self.trouble.links.any && !self.records.get(record).deaf() {
            let Some(passed) = self.confirm_over_links(s, record) else { return };
            later = passed;
        }
        self.settle_record(s, record, reason);
        let &Record { waiter, mode, .. } = self.records.get(record);
        // Nobody waits, and nothing can go wrong any more.
        if waiter == Waiter::Nobody || mode == PublishMode::Fire {
            self.free_record(record);
            self.tell(s, waiter, ok);
            return;
        }
        self.stage(record, Stage::Decided { ok });
        let wait = wait + self.way_back(self.records.get(record)) + later;
        if wait == SimDuration::ZERO {
            self.confirmed(s, record);
        } else {
            s.after(wait, Event::new(Kind::Confirmed, 0, record));
        }
    }

    /// The broker will answer later: whoever wants no answer is done with it.
    fn taken(&mut self, s: &mut Sched, record: u32) {
        self.stage(record, Stage::Taken);
        let r = self.records.get_mut(record);
        if !r.deaf() {
            let broker = r.broker;
            self.set_record_deadline(s, due::ANSWER, broker, record);
            return;
        }
        let waiter = std::mem::replace(&mut r.waiter, Waiter::Nobody);
        self.tell(s, waiter, true);
    }

    /// One-way delay from the broker back to the publisher.
    pub(super) fn way_back(&self, r: &Record) -> SimDuration {
        let Some(&zone) = self.producer_zones.get(r.producer as usize) else {
            return SimDuration::ZERO;
        };
        let zones = &self.brokers[r.broker as usize].zones;
        let node = self.engines[r.broker as usize].node_of(r.destination).unwrap_or(0);
        let there = zones[node as usize % zones.len()];
        let key = self.publish_keys[r.broker as usize].confirm;
        self.network.delay(there, zone, key, r.id, r.tries - 1)
    }

    /// A publisher learns what became of a chain.
    pub(crate) fn confirmed(&mut self, s: &mut Sched, head: u32) {
        let r = *self.records.get(head);
        match r.stage {
            Stage::Decided { ok } => {
                self.free_record(head);
                self.tell(s, r.waiter, ok);
            }
            Stage::Failed => self.pause_chain(s, head),
            _ => self.free_chain(head),
        }
    }

    /// What a broker has taken goes on to the others through which somebody hears it, and from an
    /// ideal bus to its subscribers; what has come over a bridge crosses no other one.
    pub(super) fn bridges(&mut self, s: &mut Sched, fact: u32, from: u32, bridged: bool) {
        if self.engine_is_ideal(from) {
            self.carry(s, fact, from);
        }
        let Fact { event, base, .. } = *self.book.facts.get(fact);
        if bridged || base == NONE {
            return;
        }
        for at in 0..self.events[event as usize].via.len() {
            let broker = self.events[event as usize].via[at];
            if broker != from {
                let bridge = self.publishers[broker as usize].len() as u32 - 1;
                let record = self.record(s.now(), fact, broker, bridge);
                let r = self.records.get_mut(record);
                r.bridge = true;
                r.until = u64::MAX;
                self.depart(s, record);
            }
        }
    }
}

impl<O> World<O> {
    /// Records and bytes of a chain.
    pub(crate) fn weight(&self, head: u32) -> (u64, u64) {
        weight(&self.records, head)
    }
}

/// Records and bytes of a chain.
fn weight(records: &crate::model::slab::Slab<Record>, head: u32) -> (u64, u64) {
    let (mut messages, mut bytes, mut at) = (0, 0, head);
    while at != NONE {
        let r = records.get(at);
        messages += 1;
        bytes += r.size;
        at = r.next;
    }
    (messages, bytes)
}
