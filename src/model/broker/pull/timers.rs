//! What time does to a queue: leases end, delays end, messages grow too old.
//!
//! Messages that wait for one of these are kept in the order of its instants, so that one timer for
//! the first of them is enough.

use super::super::Ctx;
use super::queue::NEVER;
use super::{Presence, Pull};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::SimDuration;

/// Kinds of timers. A token is the index of what it is about times [`KINDS`], plus its kind.
pub(super) const LEASE: u32 = 0;
pub(super) const DELAY: u32 = 1;
pub(super) const AGE: u32 = 2;
pub(super) const POLL: u32 = 3;
/// Index 0; any other is about the consumer before it, which has been silent for too long.
pub(super) const FAILOVER: u32 = 4;
pub(super) const KINDS: u32 = 5;

/// Schedules a timer of `kind` about `index`.
pub(super) fn schedule<O: Observer>(ctx: &mut Ctx<O>, at: u64, kind: u32, index: usize) {
    let delay = SimDuration::from_ns(at - ctx.now().ns());
    ctx.timer(delay, index as u32 * KINDS + kind);
}

impl Pull {
    /// Makes sure that a timer waits for the oldest message to become too old.
    pub(super) fn watch_age<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize) {
        let Some(retention) = self.spec.retention else { return };
        let queue = &mut self.queues[q];
        if queue.oldest == NONE {
            return;
        }
        let at = queue.messages.get(queue.oldest).dated().saturating_add(retention.ns());
        let at = at.max(ctx.now().ns());
        if at >= queue.ages {
            return;
        }
        queue.ages = at;
        schedule(ctx, at, AGE, q);
    }

    /// Messages that are too old are deleted.
    pub(super) fn expire<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize) {
        let Some(retention) = self.spec.retention else { return };
        let now = ctx.now().ns();
        let queue = &mut self.queues[q];
        if queue.ages != now {
            return;
        }
        queue.ages = NEVER;
        while queue.oldest != NONE
            && queue.messages.get(queue.oldest).dated().saturating_add(retention.ns()) <= now
        {
            queue.remove(ctx, queue.oldest, Fate::Expired);
        }
        self.watch_age(ctx, q);
        // What kept others of its group back may be gone.
        self.pump(ctx, q);
    }

    /// Leases end whose time is over.
    pub(super) fn lapse<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize) {
        let Some(lapse) = self.lapse else { return };
        let now = ctx.now();
        if self.queues[q].leases.armed != now.ns() {
            return;
        }
        let next = loop {
            let queue = &mut self.queues[q];
            let slot = match queue.leases.pop(&queue.messages, now.ns()) {
                Ok(slot) => slot,
                Err(next) => break next,
            };
            if self.extends(ctx, q, slot) {
                let queue = &mut self.queues[q];
                let stamp = queue.messages.get(slot).stamp;
                queue.leases.push((now + lapse).ns(), slot, stamp);
            } else {
                self.queues[q].take_back(ctx, slot, None);
            }
        };
        self.queues[q].leases.armed = next.unwrap_or(NEVER);
        if let Some(at) = next {
            schedule(ctx, at, LEASE, q);
        }
        self.pump(ctx, q);
    }

    /// Whether the holder of a message has just asked for more time.
    fn extends<O: Observer>(&self, ctx: &Ctx<O>, q: usize, slot: u32) -> bool {
        let m = self.queues[q].messages.get(slot);
        let alive = !m.lost && ctx.instances[m.holder as usize].incarnation == m.incarnation;
        let consumer = self.consumer(self.queues[q].group, m.holder);
        let c = &self.consumers[consumer];
        self.spec.heartbeat && alive && c.presence != Presence::Paused && c.cut.is_none()
    }

    /// What was handed back may be given out again.
    pub(super) fn delays_end<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize) {
        let now = ctx.now().ns();
        let queue = &mut self.queues[q];
        if queue.delays.armed != now {
            return;
        }
        let next = loop {
            match queue.delays.pop(&queue.messages, now) {
                Ok(slot) => queue.show_again(slot),
                Err(next) => break next,
            }
        };
        queue.delays.armed = next.unwrap_or(NEVER);
        if let Some(at) = next {
            schedule(ctx, at, DELAY, q);
        }
        self.pump(ctx, q);
    }

    /// A message is handed back.
    pub(super) fn handed_back<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize, slot: u32) {
        let queue = &mut self.queues[q];
        if self.spec.nack_delay == SimDuration::ZERO {
            queue.take_back(ctx, slot, None);
            return;
        }
        let at = (ctx.now() + self.spec.nack_delay).ns();
        if queue.take_back(ctx, slot, Some(at)) {
            schedule(ctx, at, DELAY, q);
        }
    }
}
