//! The client of a broker in one instance: buffer, batches, and its end with the instance.

use super::record::{Chain, Stage, Waiter};
use super::{Emitted, due};
use crate::model::blueprint::PublishMode;
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::model::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::VecDeque;

/// What one instance, relay or bridge has to do with one broker as a publisher.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publisher {
    /// When the last of what it sent arrives, ns: none overtakes another.
    pub(super) last: u64,
    /// When its quota lets the next one go, ns.
    pub(super) free: u64,
    /// Destinations that have halted.
    pub(super) halted: u32,
    /// Bytes in its buffer, from the hand-over until their fate is decided.
    buffered: u64,
    /// Open batches by destination.
    open: Vec<Batch>,
    /// Records before the full buffer.
    blocked: VecDeque<u32>,
    /// Whether what is blocked is being let in.
    letting_in: bool,
}

/// A batch that is not closed.
#[derive(Clone, Copy, Debug)]
struct Batch {
    chain: Chain,
    bytes: u64,
}

/// Deadlines that are all equally far away: they pass in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Deadlines {
    after: SimDuration,
    /// When, which record, and the turn in which it is meant.
    line: VecDeque<(u64, u32, u32)>,
    /// When the timer in the event list is over, ns, or [`NEVER`]; any other one is void.
    armed: u64,
}

/// No timer is set.
const NEVER: u64 = u64::MAX;

impl Deadlines {
    pub(crate) fn new(after: SimDuration) -> Self {
        Self { after, line: VecDeque::new(), armed: NEVER }
    }

    /// From now on they are so far away.
    pub(super) fn set(&mut self, after: SimDuration) {
        self.after = after;
    }
}

impl<O: Observer> World<O> {
    #[inline]
    pub(super) fn publisher(&mut self, broker: u32, producer: u32) -> &mut Publisher {
        &mut self.publishers[broker as usize][producer as usize]
    }

    /// Takes room for a record in the buffer of its client, if there is enough.
    pub(super) fn take_room(&mut self, record: u32) -> bool {
        let r = self.records.get_mut(record);
        let most = self.brokers[r.broker as usize].spec.producer.buffer;
        let p = &mut self.publishers[r.broker as usize][r.producer as usize];
        let fits = p.buffered == 0 || p.buffered.saturating_add(r.size) <= most;
        if fits && p.blocked.is_empty() {
            p.buffered += r.size;
            r.held = true;
        }
        r.held
    }

    /// A record finds the buffer full: it waits, or is lost if nobody would hear of it. Whether the
    /// job has to wait.
    pub(super) fn no_room(&mut self, s: &mut Sched, record: u32, e: &Emitted) -> bool {
        let r = self.records.get_mut(record);
        let (broker, producer) = (r.broker, r.producer);
        if r.mode == PublishMode::Fire {
            self.forget_record(s, record, Fate::LostPublish);
            return false;
        }
        if e.job != NONE {
            r.waiter = Waiter::Job { job: e.job, stamp: e.stamp };
        }
        self.stage(record, Stage::Blocked);
        self.publisher(broker, producer).blocked.push_back(record);
        self.set_record_deadline(s, due::BLOCK, broker, record);
        e.job != NONE
    }

    /// Room in a buffer is free again: what waits for it goes on in its order.
    pub(super) fn give_room(&mut self, s: &mut Sched, broker: u32, producer: u32, size: u64) {
        let p = self.publisher(broker, producer);
        p.buffered -= size;
        // What goes on may be confirmed at once, and come back here.
        if p.blocked.is_empty() || p.letting_in {
            return;
        }
        p.letting_in = true;
        while let Some(record) = self.next_in(broker, producer) {
            let r = self.records.get_mut(record);
            let waiter = r.waiter;
            if r.mode == PublishMode::Async {
                r.waiter = Waiter::Nobody;
            }
            let told = if r.mode == PublishMode::Async { waiter } else { Waiter::Nobody };
            self.buffer(s, record);
            self.tell(s, told, true);
        }
        self.publisher(broker, producer).letting_in = false;
    }

    /// Lets the first blocked record into the buffer, if there is room for it.
    fn next_in(&mut self, broker: u32, producer: u32) -> Option<u32> {
        let most = self.brokers[broker as usize].spec.producer.buffer;
        let p = &mut self.publishers[broker as usize][producer as usize];
        let record = *p.blocked.front()?;
        let r = self.records.get_mut(record);
        if p.buffered > 0 && p.buffered.saturating_add(r.size) > most {
            return None;
        }
        p.blocked.pop_front();
        p.buffered += r.size;
        r.held = true;
        Some(record)
    }

    /// A record joins the open batch of its destination, or leaves by itself if nothing is batched.
    pub(super) fn buffer(&mut self, s: &mut Sched, record: u32) {
        let r = *self.records.get(record);
        let spec = &self.brokers[r.broker as usize].spec.producer;
        let most = spec.batch;
        if most == 0 || spec.linger == SimDuration::ZERO {
            self.leave_buffer(s, record);
            return;
        }
        let at = r.destination as usize;
        let p = self.publisher(r.broker, r.producer);
        if p.open.len() <= at {
            p.open.resize(at + 1, Batch { chain: Chain::EMPTY, bytes: 0 });
        }
        if p.open[at].chain.head != NONE && p.open[at].bytes + r.size > most {
            self.close(s, r.broker, r.producer, r.destination);
        }
        let p = self.publisher(r.broker, r.producer);
        let mut batch = p.open[at];
        let opens = batch.chain.head == NONE;
        batch.bytes += r.size;
        self.stage(record, Stage::Buffered);
        self.link(&mut batch.chain, record);
        self.publisher(r.broker, r.producer).open[at] = batch;
        if batch.bytes >= most {
            self.close(s, r.broker, r.producer, r.destination);
        } else if opens {
            self.set_record_deadline(s, due::LINGER, r.broker, record);
        }
    }

    /// A batch closes, and leaves.
    fn close(&mut self, s: &mut Sched, broker: u32, producer: u32, destination: u32) {
        let batch = &mut self.publisher(broker, producer).open[destination as usize];
        let head = batch.chain.head;
        *batch = Batch { chain: Chain::EMPTY, bytes: 0 };
        self.leave_buffer(s, head);
    }

    /// A chain leaves its client for the first time. What passed between commit and hand-over
    /// counts as time to publish, as on an ideal bus.
    pub(super) fn leave_buffer(&mut self, s: &mut Sched, head: u32) {
        let mut at = head;
        while at != NONE {
            let r = self.records.get(at);
            if r.first {
                let f = self.book.facts.get_mut(r.fact);
                f.sent = f.relayed + (s.now().ns() - r.handed);
            }
            at = r.next;
        }
        self.depart(s, head);
    }

    /// Sets a deadline of a record in its present stage.
    pub(super) fn set_record_deadline(
        &mut self,
        s: &mut Sched,
        what: u32,
        broker: u32,
        record: u32,
    ) {
        let turn = self.records.get(record).turn;
        let d = &mut self.deadlines[broker as usize][(what - due::LINGER) as usize];
        // Most have been met long before they pass.
        while let Some(&(_, r, t)) = d.line.front()
            && self.records.get(r).turn != t
        {
            d.line.pop_front();
        }
        let at = s.now() + d.after;
        if at == SimTime::MAX {
            return;
        }
        if d.line.back().is_none_or(|last| last.0 <= at.ns()) {
            d.line.push_back((at.ns(), record, turn));
        } else {
            let place = d.line.partition_point(|other| other.0 <= at.ns());
            d.line.insert(place, (at.ns(), record, turn));
        }
        if at.ns() < d.armed {
            d.armed = at.ns();
            s.at(at, Event::new(Kind::PublishDue, what, broker));
        }
    }

    /// The first of some deadlines may have passed.
    pub(super) fn deadline_due(&mut self, s: &mut Sched, what: u32, broker: u32) {
        let at = (what - due::LINGER) as usize;
        if self.deadlines[broker as usize][at].armed != s.now().ns() {
            return;
        }
        loop {
            let d = &mut self.deadlines[broker as usize][at];
            let Some(&(when, record, turn)) = d.line.front() else {
                d.armed = NEVER;
                return;
            };
            let r = self.records.get(record);
            if r.turn != turn {
                d.line.pop_front();
                continue;
            }
            if when > s.now().ns() {
                d.armed = when;
                s.at(SimTime::from_ns(when), Event::new(Kind::PublishDue, what, broker));
                return;
            }
            d.line.pop_front();
            match what {
                due::LINGER => {
                    let (producer, destination) = (r.producer, r.destination);
                    self.close(s, broker, producer, destination);
                }
                due::BLOCK => {
                    let producer = r.producer;
                    self.publisher(broker, producer).blocked.retain(|b| *b != record);
                    self.reject(s, record);
                }
                _ => self.unanswered(s, record),
            }
        }
    }

    /// A publisher closes in good order: what it has buffered leaves at once, and is repeated as
    /// long as it takes.
    pub(crate) fn publisher_closes(&mut self, s: &mut Sched, producer: u32) {
        for broker in 0..self.publishers.len() as u32 {
            self.close_all(s, broker, producer);
        }
    }

    /// All open batches leave.
    pub(super) fn close_all(&mut self, s: &mut Sched, broker: u32, producer: u32) {
        for at in 0..self.publisher(broker, producer).open.len() {
            if self.publisher(broker, producer).open[at].chain.head != NONE {
                self.close(s, broker, producer, at as u32);
            }
        }
    }

    /// A publisher dies: what it had in memory is lost, its attempts end, and what is on its way
    /// arrives without anybody to hear of it.
    pub(crate) fn publisher_dies(&mut self, s: &Sched, producer: u32) {
        for broker in 0..self.publishers.len() as u32 {
            let p = self.publisher(broker, producer);
            p.buffered = 0;
            p.halted = 0;
            p.open.clear();
            p.blocked.clear();
        }
        self.halts.clear(producer);
        for record in self.records.slots() {
            let r = self.records.get_mut(record);
            if r.producer != producer || r.stage == Stage::Free {
                continue;
            }
            r.waiter = Waiter::Nobody;
            r.held = false;
            r.gone = true;
            match r.stage {
                Stage::Buffered | Stage::Blocked | Stage::Halted => {
                    self.lose(record);
                    self.free_record(record);
                }
                Stage::Failed | Stage::Pausing | Stage::Held => self.haunt(record),
                Stage::Flying if r.departed > s.now().ns() => self.haunt(record),
                // Nobody waits for the answer any more.
                Stage::Taken => self.stage(record, Stage::Taken),
                _ => {}
            }
        }
    }

    /// A record that still has an event to come is gone.
    fn haunt(&mut self, record: u32) {
        self.lose(record);
        self.stage(record, Stage::Ghost);
    }

    fn lose(&mut self, record: u32) {
        let fact = std::mem::replace(&mut self.records.get_mut(record).fact, NONE);
        if fact != NONE {
            self.book.release(&mut self.observer, fact, Fate::LostCrash);
        }
    }
}
