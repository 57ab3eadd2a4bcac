//! Records: one fact on its way into one broker each, and what waits for them.

use crate::model::blueprint::PublishMode;
use crate::model::broker::Ticket;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::model::{Sched, World};
use crate::units::SimTime;

/// Who waits until it is known what became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    Nobody,
    /// A job that publishes.
    Job {
        job: u32,
        stamp: u32,
    },
    /// A relay, about a row of its outbox.
    Row {
        relay: u32,
        row: u64,
    },
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nowhere: its slot is free.
    Free,
    /// In an open batch.
    Buffered,
    /// Before a full buffer.
    Blocked,
    /// On its way to the broker, or waiting to be served by a shard.
    Flying,
    /// At a broker that has no room for it now.
    Held,
    /// The broker has it and will say what becomes of it.
    Taken,
    /// The last answer is on its way: yes or no, for good.
    Decided { ok: bool },
    /// "Not now" is on its way.
    Failed,
    /// Between two attempts.
    Pausing,
    /// In line for a destination that answers "not now".
    Halted,
    /// Gone; its slot only waits for its event to come back.
    Ghost,
}

/// A fact on its way into a broker.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Its fact, which it holds until its fate is decided, then [`NONE`].
    pub(crate) fact: u32,
    /// Identity of the event.
    pub(crate) id: u64,
    pub(crate) broker: u32,
    pub(crate) destination: u32,
    /// Who publishes it: an instance, then the relays, then all bridges together.
    pub(crate) producer: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Place among all records; a further attempt keeps it.
    pub(crate) sequence: u64,
    pub(crate) mode: PublishMode,
    pub(crate) waiter: Waiter,
    pub(crate) stage: Stage,
    /// Moves on with every stage, so that a deadline of an earlier one is void.
    pub(crate) turn: u32,
    /// Next record of its chain.
    pub(crate) next: u32,
    /// The transaction that it is part of.
    pub(crate) ticket: Ticket,
    /// Attempts made.
    pub(crate) tries: u32,
    /// When it was handed to its client, ns.
    pub(crate) handed: u64,
    /// When its last attempt left, ns.
    pub(crate) departed: u64,
    /// When its publisher gives up, ns.
    pub(crate) until: u64,
    /// By how much the clock of its publisher was wrong, ns.
    pub(crate) skew: i64,
    /// Whether it is the first of its fact.
    pub(crate) first: bool,
    /// Whether it takes room in the buffer of its client.
    pub(crate) held: bool,
    /// Whether whoever published it is gone, or has given this attempt up.
    pub(crate) gone: bool,
    /// Whether it is the bridge from another broker.
    pub(crate) bridge: bool,
}

impl Record {
    pub(super) const BLANK: Self = Self {
        fact: NONE,
        id: 0,
        broker: 0,
        destination: 0,
        producer: NONE,
        size: 0,
        sequence: 0,
        mode: PublishMode::Async,
        waiter: Waiter::Nobody,
        stage: Stage::Free,
        turn: 0,
        next: NONE,
        ticket: Ticket::NONE,
        tries: 0,
        handed: 0,
        departed: 0,
        until: u64::MAX,
        skew: 0,
        first: false,
        held: false,
        gone: false,
        bridge: false,
    };

    /// Whether nobody hears an answer.
    pub(crate) fn deaf(&self) -> bool {
        self.gone || self.mode == PublishMode::Fire
    }
}

/// Records linked one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE };
}

impl<O: Observer> World<O> {
    /// A new record, which holds its fact.
    pub(super) fn record(&mut self, now: SimTime, fact: u32, broker: u32, producer: u32) -> u32 {
        self.book.hold(fact);
        let f = self.book.facts.get(fact);
        let destination = self.engines[broker as usize].destination(f.event, f.id, f.key);
        let until = now + self.brokers[broker as usize].spec.producer.delivery_timeout;
        let skew = self.skew_of(producer);
        self.sequence += 1;
        let record = self.records.reserve(&Record::BLANK);
        let r = self.records.get_mut(record);
        *r = Record {
            fact,
            id: f.id,
            broker,
            destination,
            producer,
            size: self.events[f.event as usize].size,
            sequence: self.sequence,
            turn: r.turn.wrapping_add(1),
            handed: now.ns(),
            until: until.ns(),
            skew,
            ..Record::BLANK
        };
        record
    }

    /// Another attempt beside one that may still arrive: a record of the same fact with the same
    /// sequence. The old one goes on with nobody who hears of it.
    pub(super) fn twin(&mut self, record: u32) -> u32 {
        let old = self.records.get_mut(record);
        let copy = *old;
        old.gone = true;
        old.held = false;
        old.waiter = Waiter::Nobody;
        self.book.hold(copy.fact);
        let twin = self.records.reserve(&Record::BLANK);
        let r = self.records.get_mut(twin);
        *r = Record { next: NONE, turn: r.turn.wrapping_add(1), ..copy };
        twin
    }

    /// What a chain leaves that arrives a second time: records of the same facts of which nobody
    /// hears.
    pub(crate) fn echo(&mut self, head: u32) -> u32 {
        let (mut chain, mut at) = (Chain::EMPTY, head);
        while at != NONE {
            let r = *self.records.get(at);
            self.book.hold(r.fact);
            let echo = self.records.reserve(&Record::BLANK);
            let e = self.records.get_mut(echo);
            let turn = e.turn.wrapping_add(1);
            *e = Record { waiter: Waiter::Nobody, held: false, gone: true, turn, ..r };
            self.link(&mut chain, echo);
            at = r.next;
        }
        chain.head
    }

    /// A record goes on to another stage.
    #[inline]
    pub(super) fn stage(&mut self, record: u32, stage: Stage) {
        let r = self.records.get_mut(record);
        r.stage = stage;
        r.turn = r.turn.wrapping_add(1);
    }

    /// Links a record to the end of a chain.
    #[inline]
    pub(super) fn link(&mut self, chain: &mut Chain, record: u32) {
        self.records.get_mut(record).next = NONE;
        if chain.head == NONE {
            chain.head = record;
        } else {
            self.records.get_mut(chain.tail).next = record;
        }
        chain.tail = record;
    }

    /// The first record of a chain, and the rest of it.
    #[inline]
    pub(super) fn unlink(&mut self, chain: &mut u32) -> Option<u32> {
        if *chain == NONE {
            return None;
        }
        let record = *chain;
        *chain = std::mem::replace(&mut self.records.get_mut(record).next, NONE);
        Some(record)
    }

    /// Nothing more comes of a record: obligations that no copy is left of end with `reason`.
    pub(super) fn settle_record(&mut self, s: &mut Sched, record: u32, reason: Fate) {
        let r = self.records.get_mut(record);
        let fact = std::mem::replace(&mut r.fact, NONE);
        let held = std::mem::replace(&mut r.held, false);
        let (broker, producer, size, waiter) = (r.broker, r.producer, r.size, r.waiter);
        if fact != NONE {
            if let Waiter::Row { relay, row } = waiter {
                self.row_decided(relay, row, reason);
            }
            self.book.release(&mut self.observer, fact, reason);
        }
        if held {
            self.give_room(s, broker, producer, size);
        }
    }

    /// A record ends.
    pub(super) fn forget_record(&mut self, s: &mut Sched, record: u32, reason: Fate) {
        self.settle_record(s, record, reason);
        self.free_record(record);
    }

    /// The slot of a record is free.
    pub(super) fn free_record(&mut self, record: u32) {
        self.stage(record, Stage::Free);
        self.records.free(record);
    }

    /// All slots of a chain are free.
    pub(super) fn free_chain(&mut self, mut chain: u32) {
        while let Some(record) = self.unlink(&mut chain) {
            self.free_record(record);
        }
    }

    /// The publisher gives a record up, or the broker has refused it, and the publisher hears it
    /// now.
    pub(super) fn reject(&mut self, s: &mut Sched, record: u32) {
        let Record { waiter, ticket, broker, .. } = *self.records.get(record);
        self.forget_record(s, record, Fate::Rejected);
        if ticket != Ticket::NONE {
            self.transaction_fails(s, broker, ticket);
        }
        self.tell(s, waiter, false);
    }

    /// Tells whoever waits for a record what became of it.
    pub(super) fn tell(&mut self, s: &mut Sched, waiter: Waiter, ok: bool) {
        match waiter {
            Waiter::Nobody => {}
            Waiter::Job { job, stamp } => self.call_returns(s, job, stamp, ok),
            Waiter::Row { relay, row } => self.row_answered(s, relay, row),
        }
    }
}
