//! Further attempts to publish: pauses, deadlines, and destinations that halt.
//!
//! A client that may not change the order, or has no connection, sends nothing to a destination
//! while it repeats something there: what follows waits behind it, and leaves with it. Other
//! clients repeat each chain by itself, so what is repeated is overtaken.

use super::due;
use super::record::{Chain, Record, Stage};
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::{BTreeMap, VecDeque};

/// Destinations of publishers that have halted at some time.
#[derive(Debug, Default)]
pub(crate) struct Halts {
    all: Vec<Halt>,
    /// By producer, broker and destination.
    of: BTreeMap<(u32, u32, u32), u32>,
}

/// A destination of a publisher that answers "not now".
#[derive(Debug, Default)]
struct Halt {
    /// Its broker and producer.
    publisher: (u32, u32),
    active: bool,
    /// Records in their order.
    line: VecDeque<u32>,
    /// When the next attempt is due, ns.
    due: u64,
    /// When it is looked at again, ns; anything earlier is void.
    wakes: u64,
}

impl Halts {
    /// Whether the destination of a record has halted.
    pub(super) fn active(&self, r: &Record) -> bool {
        let at = self.of.get(&(r.producer, r.broker, r.destination));
        at.is_some_and(|&at| self.all[at as usize].active)
    }

    /// The halt of the destination of a record.
    fn at(&mut self, r: &Record) -> u32 {
        let fresh = self.all.len() as u32;
        let at = *self.of.entry((r.producer, r.broker, r.destination)).or_insert(fresh);
        if at == fresh {
            let publisher = (r.broker, r.producer);
            self.all.push(Halt { publisher, ..Halt::default() });
        }
        at
    }

    /// A publisher dies.
    pub(super) fn clear(&mut self, producer: u32) {
        for (_, &at) in self.of.range((producer, 0, 0)..=(producer, u32::MAX, u32::MAX)) {
            let h = &mut self.all[at as usize];
            h.active = false;
            h.line.clear();
        }
    }
}

impl<O: Observer> World<O> {
    /// An attempt to publish a chain has failed for now. Who publishes without an answer loses it.
    pub(super) fn fails(&mut self, s: &mut Sched, head: u32, disconnected: bool) {
        let r = *self.records.get(head);
        let mut back = self.way_back(&r);
        if self.trouble.links.any && !disconnected {
            back += self.refusal_over_links(s, &r);
        }
        let head = self.without_deaf(s, head, Fate::LostPublish);
        if head == NONE {
            return;
        }
        if disconnected || self.brokers[r.broker as usize].spec.producer.idempotent {
            self.join_halt(s, head, back, disconnected);
            return;
        }
        self.stage_all(head, Stage::Failed);
        if back == SimDuration::ZERO {
            self.pause_chain(s, head);
        } else {
            s.after(back, Event::new(Kind::Confirmed, 0, head));
        }
    }

    /// Forgets the records of a chain that nobody repeats, lost for `reason`; the rest of it.
    pub(crate) fn without_deaf(&mut self, s: &mut Sched, head: u32, reason: Fate) -> u32 {
        let mut chain = head;
        let mut rest = Chain::EMPTY;
        while let Some(record) = self.unlink(&mut chain) {
            let r = *self.records.get(record);
            if r.deaf() {
                let reason = if r.gone { Fate::LostCrash } else { reason };
                self.forget_record(s, record, reason);
                self.tell(s, r.waiter, true);
            } else {
                self.link(&mut rest, record);
            }
        }
        rest.head
    }

    pub(super) fn stage_all(&mut self, head: u32, stage: Stage) {
        let mut at = head;
        while at != NONE {
            self.stage(at, stage);
            at = self.records.get(at).next;
        }
    }

    /// Lets a chain pause before its next attempt.
    pub(super) fn pause_chain(&mut self, s: &mut Sched, head: u32) {
        self.pause_chain_after(s, head, SimDuration::ZERO);
    }

    /// The same, for a publisher that waits for an answer for so long before.
    pub(crate) fn pause_chain_after(&mut self, s: &mut Sched, head: u32, back: SimDuration) {
        self.stage_all(head, Stage::Pausing);
        let r = self.records.get(head);
        let due = s.now() + back + self.backoff(r, false);
        let due = due.min(SimTime::from_ns(r.until)).max(s.now());
        s.at(due, Event::new(Kind::PublishDue, due::PAUSE, head));
    }

    fn backoff(&self, r: &Record, disconnected: bool) -> SimDuration {
        let spec = &self.brokers[r.broker as usize].spec;
        let backoff = if disconnected { &spec.reconnect } else { &spec.producer.backoff };
        let key = self.publish_keys[r.broker as usize].backoff;
        backoff.sample(key, r.id, r.tries, r.tries.max(1) - 1)
    }

    /// The pause of a chain is over.
    pub(super) fn pause_over(&mut self, s: &mut Sched, head: u32) {
        if self.records.get(head).stage == Stage::Ghost {
            self.free_chain(head);
            return;
        }
        let mut chain = head;
        let mut rest = Chain::EMPTY;
        while let Some(record) = self.unlink(&mut chain) {
            if self.records.get(record).until <= s.now().ns() {
                self.reject(s, record);
            } else {
                self.link(&mut rest, record);
            }
        }
        if rest.head != NONE {
            self.depart(s, rest.head);
        }
    }

    /// A chain waits in line for a destination that has halted, or halts it; then the answer takes
    /// `back` to arrive.
    pub(crate) fn join_halt(
        &mut self,
        s: &mut Sched,
        head: u32,
        back: SimDuration,
        disconnected: bool,
    ) {
        let r = *self.records.get(head);
        let at = self.halts.at(&r);
        let mut chain = head;
        while let Some(record) = self.unlink(&mut chain) {
            self.stage(record, Stage::Halted);
            let sequence = self.records.get(record).sequence;
            let line = &mut self.halts.all[at as usize].line;
            let place = match line.back() {
                Some(&last) if self.records.get(last).sequence > sequence => {
                    line.partition_point(|&x| self.records.get(x).sequence < sequence)
                }
                _ => line.len(),
            };
            line.insert(place, record);
        }
        if self.halts.all[at as usize].active {
            return;
        }
        self.publisher(r.broker, r.producer).halted += 1;
        let due = s.now() + back + self.backoff(&r, disconnected);
        let h = &mut self.halts.all[at as usize];
        h.active = true;
        h.due = due.ns();
        self.watch_halt(s, at);
    }

    /// Looks at a halt again when its next attempt is due or its first record is given up.
    fn watch_halt(&mut self, s: &mut Sched, at: u32) {
        let h = &mut self.halts.all[at as usize];
        let first = h.line.front().map_or(u64::MAX, |&first| self.records.get(first).until);
        h.wakes = h.due.min(first).max(s.now().ns());
        s.at(SimTime::from_ns(h.wakes), Event::new(Kind::PublishDue, due::HALT, at));
    }

    /// A halted destination may be tried again.
    pub(super) fn halt_due(&mut self, s: &mut Sched, at: u32) {
        let now = s.now().ns();
        let h = &self.halts.all[at as usize];
        if !h.active || h.wakes != now {
            return;
        }
        while let Some(&first) = self.halts.all[at as usize].line.front()
            && self.records.get(first).until <= now
        {
            self.halts.all[at as usize].line.pop_front();
            self.reject(s, first);
        }
        let h = &mut self.halts.all[at as usize];
        if !h.line.is_empty() && h.due > now {
            self.watch_halt(s, at);
            return;
        }
        h.active = false;
        let (broker, producer) = h.publisher;
        let line = std::mem::take(&mut h.line);
        self.publisher(broker, producer).halted -= 1;
        self.send_again(s, line);
    }

    /// Sends records again, in their order, as batches where the client batches.
    fn send_again(&mut self, s: &mut Sched, line: VecDeque<u32>) {
        let mut chain = Chain::EMPTY;
        let mut bytes = 0;
        for record in line {
            let r = self.records.get(record);
            let (size, most) = (r.size, self.brokers[r.broker as usize].spec.producer.batch);
            if chain.head != NONE && bytes + size > most {
                self.depart(s, chain.head);
                chain = Chain::EMPTY;
                bytes = 0;
            }
            bytes += size;
            self.link(&mut chain, record);
        }
        if chain.head != NONE {
            self.depart(s, chain.head);
        }
    }

    /// No answer about a record in time: it is published again, and the first attempt may still
    /// have its effect.
    pub(super) fn unanswered(&mut self, s: &mut Sched, record: u32) {
        let twin = self.twin(record);
        self.late(s, twin);
    }

    /// A chain has been waiting to be served for too long.
    pub(super) fn chain_overdue(&mut self, s: &mut Sched, head: u32) {
        if self.records.get(head).gone {
            return;
        }
        let mut twins = Chain::EMPTY;
        let mut at = head;
        while at != NONE {
            let r = *self.records.get(at);
            if !r.deaf() {
                let twin = self.twin(at);
                self.link(&mut twins, twin);
            }
            at = r.next;
        }
        self.late(s, twins.head);
    }

    /// A chain was not answered in time.
    fn late(&mut self, s: &mut Sched, head: u32) {
        let r = *self.records.get(head);
        if self.brokers[r.broker as usize].spec.producer.idempotent {
            self.join_halt(s, head, SimDuration::ZERO, false);
        } else {
            self.pause_chain(s, head);
        }
    }
}
