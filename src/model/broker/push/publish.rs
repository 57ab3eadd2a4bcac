//! The way into the queues: who gets a copy, what a full queue does, and when the publisher hears
//! that enough disks have it.

use super::{Message, Push, State};
use crate::model::blueprint::Overflow;
use crate::model::broker::{Accept, Ctx, Publication};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::SimDuration;

/// A message on its way to the disks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    /// When it is there, ns.
    at: u64,
    message: u32,
    /// Place of the message: whether it is still the same.
    place: u64,
    /// Who is to be told, or [`NONE`].
    confirm: u32,
}

/// A publisher that waits until all queues have what it published.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confirm {
    record: u32,
    /// Queues that have not said so.
    left: u32,
    ok: bool,
}

impl Push {
    /// A publication arrives.
    pub(super) fn take_in<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        if self.nodes.leader.is_none() {
            return Accept::NotNow;
        }
        if self.spec.overflow == Overflow::Block
            && let Some(queue) = self.first_full(ctx, p.fact)
        {
            self.queues[queue as usize].blocked.push_back(*p);
            return Accept::Later;
        }
        self.enter(ctx, p)
    }

    /// What is older than the run is in its queues, and safe.
    pub(super) fn keep<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        for subscription in ctx.wanted_by(p.fact) {
            if let Some(queue) = self.target(ctx, p.fact, subscription) {
                let message = self.message(queue, p.fact, subscription);
                self.enqueue(ctx, message);
            }
        }
    }

    /// The queue to which a subscription sends a fact.
    #[inline]
    fn target<O: Observer>(&self, ctx: &mut Ctx<O>, fact: u32, subscription: u32) -> Option<u32> {
        let group = ctx.subscriptions[subscription as usize].group;
        ctx.wants(fact, subscription).then(|| self.queue_of[group as usize])
    }

    fn is_full(&self, queue: u32) -> bool {
        self.spec.max_length.is_some_and(|most| self.queues[queue as usize].ready.len() >= most)
    }

    /// The first full queue that a fact goes to.
    fn first_full<O: Observer>(&self, ctx: &mut Ctx<O>, fact: u32) -> Option<u32> {
        self.spec.max_length?;
        ctx.wanted_by(fact).find_map(|subscription| {
            self.target(ctx, fact, subscription).filter(|&queue| self.is_full(queue))
        })
    }

    /// A publication goes to its queues, but for those that refuse it.
    fn enter<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        let picky =
            matches!(self.spec.overflow, Overflow::RejectPublish | Overflow::RejectPublishDlx);
        let refused = picky && self.first_full(ctx, p.fact).is_some();
        let mut confirm = NONE;
        for subscription in ctx.wanted_by(p.fact) {
            let Some(queue) = self.target(ctx, p.fact, subscription) else { continue };
            if refused && self.is_full(queue) {
                if self.spec.overflow == Overflow::RejectPublishDlx {
                    self.stillborn(ctx, queue, p.fact, subscription);
                }
                continue;
            }
            let delay = self.persist(ctx, queue, p);
            let message = self.message(queue, p.fact, subscription);
            self.messages.get_mut(message).skew = p.skew;
            if delay == SimDuration::ZERO {
                self.enqueue(ctx, message);
                continue;
            }
            if !refused && confirm == NONE {
                confirm = self.confirms.insert(Confirm { record: p.record, left: 0, ok: true });
            }
            self.write(ctx, message, delay, confirm);
        }
        if refused {
            Accept::Refused(Fate::Rejected)
        } else if confirm == NONE {
            Accept::After(SimDuration::ZERO)
        } else {
            Accept::Later
        }
    }

    /// A new message at the end of a queue.
    fn message(&mut self, queue: u32, fact: u32, subscription: u32) -> u32 {
        let q = &mut self.queues[queue as usize];
        q.places += 1;
        let place = q.places;
        self.live += 1;
        let message = self.messages.reserve(&Message::BLANK);
        *self.messages.get_mut(message) =
            Message { fact, subscription, queue, place, ..Message::BLANK };
        message
    }

    /// A message goes to the disks. On a single node consumers may have it meanwhile, a replicated
    /// queue shows it when it is safe.
    fn write<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        message: u32,
        delay: SimDuration,
        confirm: u32,
    ) {
        let m = *self.messages.get(message);
        if confirm != NONE {
            self.confirms.get_mut(confirm).left += 1;
        }
        let writes = &mut self.queues[m.queue as usize].writes;
        // In the order of the log.
        let at = writes.back().map_or(0, |last| last.at).max((ctx.now() + delay).ns());
        writes.push_back(Write { at, message, place: m.place, confirm });
        ctx.step(SimDuration::from_ns(at - ctx.now().ns()), m.queue);
        if self.spec.quorum.is_some() {
            ctx.book.copy(m.fact, m.subscription);
        } else {
            self.enqueue(ctx, message);
        }
    }

    /// Writes of a queue are on disk.
    pub(super) fn written<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        let now = ctx.now().ns();
        while let Some(&write) = self.queues[queue as usize].writes.front()
            && write.at <= now
        {
            self.queues[queue as usize].writes.pop_front();
            let m = *self.messages.get(write.message);
            if m.place == write.place && m.state == State::Written {
                self.enqueue(ctx, write.message);
                ctx.unstore(m.fact, m.subscription, Fate::LostNode);
            }
            self.confirm(ctx, write.confirm, true);
        }
    }

    /// A queue has what a publisher waits for, or has lost it.
    fn confirm<O: Observer>(&mut self, ctx: &mut Ctx<O>, confirm: u32, ok: bool) {
        if confirm == NONE {
            return;
        }
        let c = self.confirms.get_mut(confirm);
        c.left -= 1;
        c.ok &= ok;
        if c.left == 0 {
            ctx.reply(c.record, c.ok);
            self.confirms.free(confirm);
        }
    }

    /// A message is there for consumers.
    fn enqueue<O: Observer>(&mut self, ctx: &mut Ctx<O>, message: u32) {
        let m = self.messages.get_mut(message);
        m.entered = ctx.now().ns().saturating_add_signed(m.skew);
        let event = ctx.book.facts.get(m.fact).event;
        m.level = self.queues[m.queue as usize].ready.level(self.priority_of[event as usize]);
        let (queue, fact, subscription) = (m.queue, m.fact, m.subscription);
        ctx.store(fact, subscription);
        self.put(ctx, message);
        self.turn(ctx, queue);
    }

    /// A message that becomes a dead letter before it is a message.
    pub(super) fn stillborn<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        queue: u32,
        fact: u32,
        subscription: u32,
    ) {
        let message = self.message(queue, fact, subscription);
        ctx.book.copy(fact, subscription);
        let b = ctx.book.get(fact, subscription);
        if b.stored == 0 {
            b.stored = ctx.s.now().ns();
        }
        self.bury(ctx, message);
    }

    /// There may be room for publications that wait.
    pub(super) fn admit<O: Observer>(&mut self, ctx: &mut Ctx<O>, queue: u32) {
        while !self.queues[queue as usize].blocked.is_empty() && !self.is_full(queue) {
            let Some(p) = self.queues[queue as usize].blocked.pop_front() else { return };
            // It may have to wait for another queue now.
            match self.take_in(ctx, &p) {
                Accept::Later => {}
                answer => ctx.reply(p.record, matches!(answer, Accept::After(_))),
            }
        }
    }

    /// What is not on enough disks is lost, and those who wait learn that they have to try again.
    pub(super) fn forget_unwritten<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        for queue in 0..self.queues.len() {
            while let Some(write) = self.queues[queue].writes.pop_front() {
                let m = *self.messages.get(write.message);
                if m.place == write.place && m.state != State::Dead {
                    if m.state == State::Ready {
                        self.queues[queue].ready.take(m.level, m.place);
                        ctx.stored(self.queues[queue].lane, false);
                    }
                    self.discard(ctx, write.message, Fate::LostNode);
                }
                self.confirm(ctx, write.confirm, false);
            }
            while let Some(p) = self.queues[queue].blocked.pop_front() {
                ctx.reply(p.record, false);
            }
        }
    }
}
