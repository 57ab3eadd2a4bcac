//! The way out of the queues: turns, leases, what becomes of them, and what grows too old.

use super::{Alarm, Message, Push, State};
use crate::model::blueprint::{Exhausted, Overflow};
use crate::model::broker::{Ctx, Delivery, Outcome};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::{NONE, VOID};
use crate::units::SimDuration;

impl Push {
    /// A message joins what is ready, at its place.
    pub(super) fn put<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32) {
        let m = self.messages.get_mut(message);
        m.state = State::Ready;
        let queue = &mut self.queues[m.queue as usize];
        queue.ready.put(m.level, m.place, message);
        ctx.stored(queue.lane, true);
    }

    /// The head leaves what is ready.
    fn pop<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) -> Option<u32> {
        let queue = &mut self.queues[queue as usize];
        let message = queue.ready.pop()?;
        ctx.stored(queue.lane, false);
        Some(message)
    }

    /// Consumers, messages or room may have come to a queue.
    pub(super) fn pump<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        if self.nodes.leader.is_some() {
            self.turn(ctx, queue);
            self.admit(ctx, queue);
        }
    }

    /// Gives messages to consumers as far as both go; what is too much is thrown out.
    pub(super) fn turn<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        let now = ctx.now().ns();
        while !self.queues[queue as usize].turns.is_empty()
            && let Some(message) = self.pop(ctx, queue)
        {
            // At its last instant it may still go.
            if self.due(message) < now {
                self.give_up(ctx, message, Fate::Expired);
            } else if let Some(consumer) = self.queues[queue as usize].turns.pop_front() {
                self.lease(ctx, message, consumer);
            }
        }
        if self.spec.overflow == Overflow::DropHead
            && let Some(most) = self.spec.max_length
        {
            while self.queues[queue as usize].ready.len() > most
                && let Some(message) = self.pop(ctx, queue)
            {
                self.give_up(ctx, message, Fate::Overflow);
            }
        }
        self.watch_head(ctx, queue);
    }

    /// A message goes to a consumer, whose turn it was.
    fn lease<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32, consumer: u32) {
        let m = *self.messages.get(message);
        let instance = self.consumers[consumer as usize].instance;
        self.consumers[consumer as usize].in_turn = false;
        ctx.node = self.nodes.leader.unwrap_or(0);
        if self.queues[m.queue as usize].auto {
            ctx.deliver(m.fact, m.subscription, instance, NONE, VOID);
            self.discard(ctx, message, Fate::LostCrash);
        } else {
            self.stamps = self.stamps.wrapping_add(1).max(1);
            let stamp = self.stamps;
            let slot = ctx.deliver(m.fact, m.subscription, instance, message, stamp);
            let since = ctx.now().ns();
            let holder = &mut self.consumers[consumer as usize];
            let before = std::mem::replace(&mut holder.newest, message);
            holder.held += 1;
            if before == NONE {
                holder.oldest = message;
            } else {
                self.messages.get_mut(before).after = message;
            }
            *self.messages.get_mut(message) = Message {
                state: State::Leased,
                stamp,
                slot,
                consumer,
                since,
                before,
                after: NONE,
                ..m
            };
        }
        self.offer(consumer);
    }

    /// A lease ends: its consumer has credit for another.
    fn unlease(&mut self, message: u32) {
        let m = self.messages.get_mut(message);
        m.stamp = VOID;
        let Message { before, after, consumer, .. } = *m;
        let holder = &mut self.consumers[consumer as usize];
        holder.held -= 1;
        if before == NONE {
            holder.oldest = after;
        } else {
            self.messages.get_mut(before).after = after;
        }
        if after == NONE {
            holder.newest = before;
        } else {
            self.messages.get_mut(after).before = before;
        }
        self.offer(consumer);
    }

    /// Whether a delivery belongs to a lease that lasts.
    fn is_leased(&self, d: &Delivery) -> bool {
        d.token != NONE && self.messages.get(d.token).stamp == d.stamp
    }

    /// A consumer is done with a delivery and says so.
    pub(super) fn answered<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        let d = *ctx.deliveries.get(slot);
        if d.token == NONE {
            if outcome == Outcome::Reject(Exhausted::Dlq) {
                // The queue has forgotten it: the consumer itself puts it aside.
                let group = ctx.subscriptions[d.subscription as usize].group;
                let queue = self.queue_of[group as usize];
                self.stillborn(ctx, queue, d.fact, d.subscription);
            }
            return;
        }
        let Some(leader) = self.nodes.leader else { return };
        if self.is_leased(&d) && ctx.travel(slot, leader, outcome) {
            self.settle(ctx, slot, outcome);
        }
    }

    /// The answer of a consumer is here.
    pub(super) fn settle<O: Observer>(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        let d = *ctx.deliveries.get(slot);
        if !self.is_leased(&d) {
            return;
        }
        let message = d.token;
        let queue = self.messages.get(message).queue;
        self.unlease(message);
        match outcome {
            // The copy of the consumer, which has applied it, outlives this one.
            Outcome::Ack => self.discard(ctx, message, Fate::LostCrash),
            Outcome::Requeue { failed } => self.hand_back(ctx, message, Some(slot), failed),
            Outcome::Reject(Exhausted::Dlq) => self.bury(ctx, message),
            Outcome::Reject(_) => self.discard(ctx, message, Fate::Exhausted),
        }
        self.pump(ctx, queue);
    }

    /// The leases of a consumer end with its connection. `counts`: as failed. `arrive`: the answers
    /// that are on their way still do.
    pub(super) fn end_leases<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        consumer: u32,
        counts: bool,
        arrive: bool,
    ) {
        let mut next = self.consumers[consumer as usize].oldest;
        while next != NONE {
            let message = next;
            let m = self.messages.get(message);
            next = m.after;
            let (slot, stamp, broker) = (m.slot, m.stamp, ctx.broker);
            let d = ctx.deliveries.get_mut(slot);
            // What the network has lost is forgotten already.
            let known = d.broker == broker && d.token == message && d.stamp == stamp;
            if known {
                if arrive && d.travels {
                    continue;
                }
                d.void = true;
            }
            self.unlease(message);
            self.hand_back(ctx, message, known.then_some(slot), counts);
        }
    }

    /// A message returns to its place, unless that has happened too often. `slot`: its delivery.
    fn hand_back<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        message: u32,
        slot: Option<u32>,
        counts: bool,
    ) {
        let m = self.messages.get_mut(message);
        m.returns += u32::from(counts);
        let (fact, subscription, returns) = (m.fact, m.subscription, m.returns);
        if counts && self.spec.delivery_limit.is_some_and(|most| returns > most) {
            // It does not end as lost if the consumer that crashed had the last copy.
            if let Some(slot) = slot {
                ctx.deliveries.get_mut(slot).reason = Fate::Exhausted;
            }
            self.give_up(ctx, message, Fate::Exhausted);
        } else {
            ctx.book.put(ctx.observer, fact, subscription, Fate::Stored);
            self.put(ctx, message);
        }
    }

    /// The queue gives a message up that nobody refused.
    fn give_up<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32, reason: Fate) {
        if self.spec.dead_letters {
            self.bury(ctx, message);
        } else {
            self.discard(ctx, message, reason);
        }
    }

    /// A message is gone.
    pub(super) fn discard<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32, reason: Fate) {
        let m = self.messages.get_mut(message);
        let (fact, subscription) = (m.fact, m.subscription);
        // Neither a lease nor a write is about it any more.
        m.stamp = VOID;
        m.place = 0;
        self.messages.free(message);
        self.live -= 1;
        ctx.unstore(fact, subscription, reason);
    }

    /// A message becomes a dead letter, which is kept.
    pub(super) fn bury<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32) {
        let m = self.messages.get_mut(message);
        m.state = State::Dead;
        self.live -= 1;
        ctx.book.end(ctx.observer, m.fact, m.subscription, Fate::DeadLettered);
        self.queues[m.queue as usize].dead.push(message);
    }

    /// The dead letters of a queue return, as if they were new.
    pub(super) fn revive<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        for message in std::mem::take(&mut self.queues[queue as usize].dead) {
            let q = &mut self.queues[queue as usize];
            q.places += 1;
            self.live += 1;
            let m = self.messages.get_mut(message);
            m.place = q.places;
            m.entered = ctx.now().ns();
            m.returns = 0;
            let (fact, subscription) = (m.fact, m.subscription);
            ctx.book.reopen(ctx.observer, fact, subscription);
            self.put(ctx, message);
        }
        self.pump(ctx, queue);
    }

    /// When a message is too old, ns.
    fn due(&self, message: u32) -> u64 {
        let entered = self.messages.get(message).entered;
        self.spec.ttl.map_or(u64::MAX, |ttl| entered.saturating_add(ttl.ns()))
    }

    /// Has the engine look at the head of a queue when it is too old.
    fn watch_head<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        if self.spec.ttl.is_none() {
            return;
        }
        if let Some(head) = self.queues[queue as usize].ready.head() {
            let now = ctx.now().ns();
            let due = self.due(head).max(now);
            if due < self.queues[queue as usize].alarm {
                self.queues[queue as usize].alarm = due;
                ctx.timer(SimDuration::from_ns(due - now), Alarm::Expire(queue).token());
            }
        }
    }

    /// The head of a queue may be too old.
    pub(super) fn expire_due<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        // An earlier head had the alarm set anew.
        if self.queues[queue as usize].alarm == ctx.now().ns() {
            self.queues[queue as usize].alarm = u64::MAX;
            self.expire(ctx, queue);
        }
    }

    /// Heads that are too old go.
    pub(super) fn expire<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        if self.nodes.leader.is_none() {
            return;
        }
        let now = ctx.now().ns();
        while let Some(head) = self.queues[queue as usize].ready.head()
            && self.due(head) <= now
        {
            self.pop(ctx, queue);
            self.give_up(ctx, head, Fate::Expired);
        }
        self.pump(ctx, queue);
    }
}
