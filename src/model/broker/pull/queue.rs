//! One queue: its messages in the order of their arrival, and which of them may be given out.
//!
//! Nothing is ever searched for. Whoever refers to a message carries its stamp, which moves on with
//! every change of its place; references with an older stamp are void, and are dropped where they
//! come to the front.

use super::super::Ctx;
use super::order::Order;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::slab::Slab;
use crate::model::tables::NONE;
use std::collections::VecDeque;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind others of its group, or too far back in a queue that keeps order.
    Behind,
    /// Handed back a moment ago.
    Delayed,
    /// To be given out.
    Ready,
    /// Given out.
    Leased,
    /// In the dead-letter queue.
    Dead,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) fact: u32,
    pub(super) subscription: u32,
    /// The group whose order is kept, or 0.
    pub(super) key: u64,
    /// Its number among all that ever arrived.
    pub(super) number: u64,
    /// When it arrived, ns.
    pub(super) enqueued: u64,
    /// How much later it is dated, ns.
    pub(super) skew: i64,
    /// Times that it was given out.
    pub(super) receives: u32,
    pub(super) stamp: u32,
    pub(super) place: Place,
    /// Who has it, in which incarnation, if it is leased.
    pub(super) holder: u32,
    pub(super) incarnation: u32,
    /// Whether it has been lost on its way there, or the answer on its way back: nobody asks for
    /// more time for it.
    pub(super) lost: bool,
    /// Neighbours in the order of arrival.
    pub(super) older: u32,
    pub(super) newer: u32,
    /// The next one of its group.
    pub(super) next: u32,
    /// Whether it is among the first that a queue that keeps order looks at.
    pub(super) inside: bool,
}

impl Message {
    /// Its date by the clock of its publisher, ns.
    pub(super) fn dated(&self) -> u64 {
        self.enqueued.saturating_add_signed(self.skew)
    }

    const BLANK: Self = Self {
        fact: NONE,
        subscription: NONE,
        key: 0,
        number: 0,
        enqueued: 0,
        skew: 0,
        receives: 0,
        stamp: 0,
        place: Place::Behind,
        holder: NONE,
        incarnation: 0,
        lost: false,
        older: NONE,
        newer: NONE,
        next: NONE,
        inside: true,
    };
}

/// Messages to which something happens a while after they are put in, mostly a constant one.
#[derive(Debug)]
pub(super) struct Lane {
    /// When, which, and its stamp.
    due: VecDeque<(u64, u32, u32)>,
    /// When the timer in the event list is over, ns, or [`NEVER`]; any other one is void.
    pub(super) armed: u64,
}

/// No timer is set.
pub(super) const NEVER: u64 = u64::MAX;

impl Lane {
    fn new() -> Self {
        Self { due: VecDeque::new(), armed: NEVER }
    }

    /// Something will be due. Whether a timer has to be set for it.
    pub(super) fn push(&mut self, at: u64, slot: u32, stamp: u32) -> bool {
        if self.due.back().is_none_or(|last| last.0 <= at) {
            self.due.push_back((at, slot, stamp));
        } else {
            let place = self.due.partition_point(|other| other.0 <= at);
            self.due.insert(place, (at, slot, stamp));
        }
        let first = at < self.armed;
        self.armed = self.armed.min(at);
        first
    }

    /// Takes the next message that is due by now. If none is, when the next one will be.
    pub(super) fn pop(&mut self, messages: &Slab<Message>, now: u64) -> Result<u32, Option<u64>> {
        while let Some(&(at, slot, stamp)) = self.due.front() {
            let valid = messages.get(slot).stamp == stamp;
            if valid && at > now {
                return Err(Some(at));
            }
            self.due.pop_front();
            if valid {
                return Ok(slot);
            }
        }
        Err(None)
    }
}

/// The queue of one group.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) group: u32,
    /// Its lane for statistics.
    lane: u32,
    pub(super) messages: Slab<Message>,
    pub(super) oldest: u32,
    pub(super) newest: u32,
    /// Messages, those that are given out included.
    pub(super) len: u64,
    /// Messages given out.
    pub(super) leased: u64,
    /// Messages that ever arrived.
    pub(super) arrivals: u64,
    /// To be given out: first those that were given out before.
    again: VecDeque<(u32, u32)>,
    fresh: VecDeque<(u32, u32)>,
    pub(super) leases: Lane,
    pub(super) delays: Lane,
    /// When the timer for its oldest message is over, ns, or [`NEVER`]; any other one is void.
    pub(super) ages: u64,
    /// What it takes to keep order within groups.
    pub(super) order: Option<Order>,
    dead: Vec<u32>,
    stamp: u32,
}

impl Queue {
    pub(super) fn new(group: u32, lane: u32, order: Option<Order>) -> Self {
        Self {
            group,
            lane,
            messages: Slab::new(),
            oldest: NONE,
            newest: NONE,
            len: 0,
            leased: 0,
            arrivals: 0,
            again: VecDeque::new(),
            fresh: VecDeque::new(),
            leases: Lane::new(),
            delays: Lane::new(),
            ages: NEVER,
            order,
            dead: Vec::new(),
            stamp: 0,
        }
    }

    fn next_stamp(&mut self) -> u32 {
        self.stamp = self.stamp.wrapping_add(1).max(1);
        self.stamp
    }

    /// A message arrives.
    pub(super) fn add<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        fact: u32,
        subscription: u32,
        skew: i64,
    ) {
        ctx.store(fact, subscription);
        let slot = self.messages.reserve(&Message::BLANK);
        let key = ctx.book.facts.get(fact).key;
        *self.messages.get_mut(slot) = Message { fact, subscription, key, skew, ..Message::BLANK };
        self.enter(ctx, slot);
    }

    /// A message joins the end of the queue.
    fn enter<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32) {
        self.arrivals += 1;
        self.len += 1;
        let (now, older) = (ctx.now(), self.newest);
        let m = self.messages.get_mut(slot);
        m.number = self.arrivals;
        m.enqueued = now.ns();
        m.older = older;
        m.newer = NONE;
        m.next = NONE;
        match older {
            NONE => self.oldest = slot,
            _ => self.messages.get_mut(older).newer = slot,
        }
        self.newest = slot;
        ctx.stored(self.lane, true);
        if self.order.is_some() {
            self.line_up(slot);
        } else {
            self.show(slot);
        }
    }

    /// A message may be given out for the first time.
    pub(super) fn show(&mut self, slot: u32) {
        let stamp = self.next_stamp();
        let m = self.messages.get_mut(slot);
        m.place = Place::Ready;
        m.stamp = stamp;
        self.fresh.push_back((slot, stamp));
    }

    /// A message that was given out may be given out again.
    pub(super) fn show_again(&mut self, slot: u32) {
        let stamp = self.next_stamp();
        let m = self.messages.get_mut(slot);
        m.place = Place::Ready;
        m.stamp = stamp;
        self.again.push_back((slot, stamp));
    }

    /// The message that is to be given out next.
    pub(super) fn next(&mut self) -> Option<u32> {
        for line in [&mut self.again, &mut self.fresh] {
            while let Some(&(slot, stamp)) = line.front() {
                if self.messages.get(slot).stamp == stamp {
                    return Some(slot);
                }
                line.pop_front();
            }
        }
        None
    }

    /// Gives a message to an instance.
    pub(super) fn lease<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        slot: u32,
        instance: u32,
    ) -> Message {
        let stamp = self.next_stamp();
        self.leased += 1;
        ctx.stored(self.lane, false);
        let m = self.messages.get_mut(slot);
        m.place = Place::Leased;
        m.stamp = stamp;
        m.receives += 1;
        m.holder = instance;
        m.incarnation = ctx.instances[instance as usize].incarnation;
        m.lost = false;
        *m
    }

    /// A lease ends and the message stays. It may be given out again, at `due` if that is given.
    /// Whether a timer has to be set for that.
    pub(super) fn take_back<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        slot: u32,
        due: Option<u64>,
    ) -> bool {
        self.leased -= 1;
        ctx.stored(self.lane, true);
        let Message { fact, subscription, .. } = *self.messages.get(slot);
        ctx.book.put(ctx.observer, fact, subscription, Fate::Stored);
        let Some(due) = due else {
            self.show_again(slot);
            return false;
        };
        let stamp = self.next_stamp();
        let m = self.messages.get_mut(slot);
        m.place = Place::Delayed;
        m.stamp = stamp;
        self.delays.push(due, slot, stamp)
    }

    /// Takes a message out of the queue.
    fn take_out<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32) -> Message {
        if self.messages.get(slot).place == Place::Leased {
            self.leased -= 1;
        } else {
            ctx.stored(self.lane, false);
        }
        if self.order.is_some() {
            self.close_up(slot);
        }
        let m = *self.messages.get(slot);
        match m.older {
            NONE => self.oldest = m.newer,
            older => self.messages.get_mut(older).newer = m.newer,
        }
        match m.newer {
            NONE => self.newest = m.older,
            newer => self.messages.get_mut(newer).older = m.older,
        }
        self.len -= 1;
        m
    }

    /// Deletes a message.
    pub(super) fn remove<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32, reason: Fate) {
        let m = self.take_out(ctx, slot);
        self.free(slot);
        ctx.unstore(m.fact, m.subscription, reason);
    }

    fn free(&mut self, slot: u32) {
        *self.messages.get_mut(slot) = Message::BLANK;
        self.messages.free(slot);
    }

    /// Moves a message to the dead-letter queue.
    pub(super) fn bury<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32) {
        let m = self.take_out(ctx, slot);
        let stamp = self.next_stamp();
        let buried = self.messages.get_mut(slot);
        buried.place = Place::Dead;
        buried.stamp = stamp;
        self.dead.push(slot);
        ctx.book.end(ctx.observer, m.fact, m.subscription, Fate::DeadLettered);
    }

    /// Dead letters return to the end of the queue, but for those that arrived before `since`.
    pub(super) fn redrive<O: Observer>(&mut self, ctx: &mut Ctx<O>, since: u64) {
        for slot in std::mem::take(&mut self.dead) {
            let m = *self.messages.get(slot);
            if m.dated() < since {
                self.free(slot);
                ctx.unstore(m.fact, m.subscription, Fate::Expired);
            } else {
                ctx.book.reopen(ctx.observer, m.fact, m.subscription);
                self.messages.get_mut(slot).receives = 0;
                self.enter(ctx, slot);
            }
        }
    }
}
