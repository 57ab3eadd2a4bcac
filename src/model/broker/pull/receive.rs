//! Questions and answers: who gets which message.

use super::super::Ctx;
use super::timers::{LEASE, POLL, schedule};
use super::{Presence, Pull, Waits};
use crate::model::blueprint::AckMode;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::units::SimTime;

/// With fewer messages than this a short poll may find nothing though there are some.
const FEW: u64 = 1000;

impl Pull {
    /// How many messages an instance can take, given what it works on, what waits at it and what is
    /// on its way to it.
    fn room<O: Observer>(&self, ctx: &Ctx<O>, consumer: usize) -> u32 {
        let c = &self.consumers[consumer];
        if c.presence != Presence::Here || c.cut.is_some() {
            return 0;
        }
        let parts = &self.parts.groups[c.queue as usize];
        let i = &ctx.instances[c.instance as usize];
        let workers = ctx.services[i.service as usize].workers;
        // What waits in line is a batch, if its handler takes several at a time.
        let taken = u64::from(i.busy) + i.inbox.len() as u64;
        let held = taken * u64::from(parts.each) + u64::from(i.coming);
        let most = u64::from(workers) * u64::from(parts.each) + u64::from(parts.prefetch);
        most.saturating_sub(held).min(u64::from(self.spec.batch)) as u32
    }

    /// An instance asks for messages while it can take some. When there are none it waits for an
    /// answer, or for its next poll.
    pub(super) fn ask<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: usize) {
        let c = self.consumers[consumer];
        if c.waits != Waits::Nothing {
            return;
        }
        loop {
            let room = self.room(ctx, consumer);
            if room == 0 {
                return;
            }
            if self.finds_nothing(consumer) || self.receive(ctx, consumer, room) < room {
                break;
            }
        }
        let c = &mut self.consumers[consumer];
        if self.spec.long_poll.is_some() {
            // A question that is not answered in time is asked again at once.
            c.waits = Waits::Answer;
            self.parked[c.queue as usize].push_back(consumer as u32);
        } else {
            c.waits = Waits::Poll;
            let at = (ctx.now() + self.spec.poll).ns();
            schedule(ctx, at, POLL, consumer);
        }
    }

    /// Whether a short poll asks the wrong servers.
    fn finds_nothing(&mut self, consumer: usize) -> bool {
        let c = &mut self.consumers[consumer];
        if self.spec.long_poll.is_some() || self.queues[c.queue as usize].len >= FEW {
            return false;
        }
        c.polls += 1;
        let key = self.parts.groups[c.queue as usize].polls_key;
        self.empty_poll.draw(key, c.id, c.polls)
    }

    /// Gives what may be given out to those who wait for it.
    pub(super) fn pump<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize) {
        if self.leader.is_none() {
            return;
        }
        while let Some(&consumer) = self.parked[q].front() {
            let room = self.room(ctx, consumer as usize);
            if room > 0 {
                let got = self.receive(ctx, consumer as usize, room);
                if got == 0 {
                    return;
                }
            }
            // Whoever can take more waits on, behind the others.
            self.parked[q].pop_front();
            if self.room(ctx, consumer as usize) > 0 {
                self.parked[q].push_back(consumer);
            } else {
                self.consumers[consumer as usize].waits = Waits::Nothing;
            }
        }
    }

    /// Gives an instance up to `most` messages. How many it gave.
    fn receive<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: usize, most: u32) -> u32 {
        if self.leader.is_none() {
            return 0;
        }
        let c = self.consumers[consumer];
        let q = c.queue as usize;
        let (mut got, mut arrival) = (0, None);
        while got < most && self.queues[q].leased < self.spec.max_in_flight {
            let queue = &mut self.queues[q];
            let Some(slot) = queue.next() else { break };
            let receives = queue.messages.get(slot).receives;
            if self.spec.dlq_after.is_some_and(|after| receives >= after) {
                queue.bury(ctx, slot);
                continue;
            }
            // What answers one question travels together, for as long as the first one would by
            // itself. Questions are calls: their answers may overtake each other. Who holds
            // messages in advance has asked for a stream, which keeps its order.
            let at = arrival.unwrap_or_else(|| {
                let m = self.queues[q].messages.get(slot);
                let at = ctx.arrival(m.fact, m.subscription);
                let streams = self.parts.groups[q].prefetch > 0;
                if streams && !ctx.links.any { ctx.in_turn(c.instance, at) } else { at }
            });
            arrival = Some(at);
            self.give(ctx, q, slot, c.instance, at);
            got += 1;
        }
        got
    }

    /// Gives a message to an instance, where it arrives at `at`.
    fn give<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        q: usize,
        slot: u32,
        instance: u32,
        at: SimTime,
    ) {
        let queue = &mut self.queues[q];
        let m = queue.lease(ctx, slot, instance);
        if ctx.links.any {
            let streams = self.parts.groups[q].prefetch > 0;
            let (of, names) = ((m.fact, m.subscription), (slot, m.stamp));
            ctx.node = self.leader.unwrap_or(0);
            let sent = ctx.deliver_over_links(of, instance, names, at, streams);
            queue.messages.get_mut(slot).lost = ctx.deliveries.get(sent).void;
        } else {
            ctx.deliver_at(m.fact, m.subscription, instance, slot, m.stamp, at);
        }
        let id = ctx.book.facts.get(m.fact).id;
        if self.duplicates.draw(self.parts.groups[q].duplicates_key, id, m.receives) {
            ctx.deliver_at(m.fact, m.subscription, instance, slot, m.stamp, at);
        }
        if ctx.groups[queue.group as usize].ack == AckMode::Before {
            queue.remove(ctx, slot, Fate::LostCrash);
            return;
        }
        let Some(lapse) = self.lapse else { return };
        let at = (ctx.now() + lapse).ns();
        if queue.leases.push(at, slot, m.stamp) {
            schedule(ctx, at, LEASE, q);
        }
    }
}
