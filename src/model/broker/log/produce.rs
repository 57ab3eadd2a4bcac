//! From the publisher into the log, and from the leader to its followers.

use super::partition::Entry;
use super::{About, LogEngine};
use crate::model::blueprint::Acks;
use crate::model::broker::{Accept, Ctx, Publication};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::{SimDuration, SimTime};

impl LogEngine {
    /// A publication has reached its partition.
    pub(super) fn produce<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        let at = p.destination;
        let part = &mut self.partitions[at as usize];
        if !part.serving || self.acks == Acks::All && part.in_step() < self.spec.min_isr {
            return Accept::NotNow;
        }
        if p.again && self.idempotent {
            // A retry of what is there already is answered, not appended.
            let denied = part.was_denied(p.producer, p.sequence);
            let known = part.repeat(p.producer, p.sequence);
            if let Some(offset) = known
                && offset >= part.hw
                && self.acks == Acks::All
            {
                part.get_mut(offset).record = p.record;
                return Accept::Later;
            }
            if denied || known.is_some() {
                return Accept::After(SimDuration::ZERO);
            }
        }
        let waits = self.acks == Acks::All;
        let offset = part.leo();
        let record = if waits { p.record } else { NONE };
        self.append(ctx, p, record, self.acks == Acks::Leader);
        self.feed_followers(ctx, at, p.fact, offset + 1);
        self.advance(ctx, at);
        if waits { Accept::Later } else { Accept::After(SimDuration::ZERO) }
    }

    /// An event that is older than the run is on all nodes. Who does not ask for it reads on behind
    /// it.
    pub(super) fn keeps<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        self.append(ctx, p, NONE, true);
        let part = &mut self.partitions[p.destination as usize];
        let before = part.hw;
        part.settle();
        let end = part.hw;
        for &lane in &part.lanes {
            let l = &mut self.lanes[lane as usize];
            if !ctx.subscriptions[l.subscription as usize].backfill {
                (l.position, l.committed, l.released) = (end, end, end);
            }
        }
        self.passed(ctx, p.destination, before, end);
    }

    /// A publication becomes the last entry of its partition.
    fn append<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication, record: u32, acked: bool) {
        let part = &mut self.partitions[p.destination as usize];
        part.append(Entry {
            fact: p.fact,
            record,
            producer: p.producer,
            size: p.size.min(u64::from(u32::MAX)) as u32,
            sequence: p.sequence,
            at: ctx.now().ns(),
            acked,
            gone: false,
        });
        // The log itself refers to the fact, until all groups have committed it.
        ctx.book.facts.get_mut(p.fact).refs += 1;
        for at in 0..part.lanes.len() {
            let lane = &self.lanes[part.lanes[at] as usize];
            if !lane.picky || ctx.wants(p.fact, lane.subscription) {
                ctx.store(p.fact, lane.subscription);
            }
        }
    }

    /// Followers copy what has been appended, each after a draw.
    fn feed_followers<O: Observer>(&mut self, ctx: &Ctx<O>, at: u32, fact: u32, upto: u64) {
        let part = &mut self.partitions[at as usize];
        for r in 0..part.replicas.len() {
            let node = part.replicas[r].node as usize;
            if r as u32 != part.leader && self.nodes[node].up {
                let id = ctx.book.facts.get(fact).id;
                let lag = self.spec.replication.sample(self.key, id, r as u32);
                if lag != SimDuration::ZERO || !part.has_at_once(r, upto) {
                    part.copies(r, (ctx.now() + lag).ns(), upto);
                }
            }
        }
    }

    /// A copy may have come as far as the others wait for.
    pub(super) fn copied<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &mut self.partitions[at as usize];
        if part.armed == ctx.now().ns() {
            part.armed = 0;
            self.advance(ctx, at);
        }
    }

    /// Moves the high watermark to where all copies in step are, answers publishers and wakes
    /// consumers.
    pub(super) fn advance<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let now = ctx.now().ns();
        let part = &mut self.partitions[at as usize];
        if !part.serving {
            return;
        }
        part.catch_up(now);
        let before = part.hw;
        let mut common = part.common();
        for r in 0..part.replicas.len() {
            let replica = &part.replicas[r];
            let out = part.isr >> r & 1 == 0 && r as u32 != part.leader;
            if out && self.nodes[replica.node as usize].up && replica.leo >= common {
                part.isr |= 1 << r;
                common = common.min(replica.leo);
            }
        }
        part.hw = before.max(common);
        let hw = part.hw;
        self.arm(ctx, at);
        if hw > before {
            self.passed(ctx, at, before, hw);
        }
    }

    /// Schedules the next look at the copies of a partition.
    fn arm<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &mut self.partitions[at as usize];
        let now = ctx.now();
        if let Some(next) = part.next_change()
            && (part.armed == 0 || part.armed > next)
        {
            part.armed = next;
            ctx.step(SimTime::from_ns(next).since(now), About::Copies.token(at));
        }
    }

    /// Entries from `from` to `to` are safe: publishers hear it, consumers see them.
    fn passed<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, from: u64, to: u64) {
        let part = &mut self.partitions[at as usize];
        for offset in from..to {
            let entry = part.get_mut(offset);
            if entry.record != NONE {
                entry.acked = true;
                ctx.reply(std::mem::replace(&mut entry.record, NONE), true);
            }
            let fact = entry.fact;
            for nth in 0..part.lanes.len() {
                let lane = &self.lanes[part.lanes[nth] as usize];
                if !lane.picky || ctx.wants(fact, lane.subscription) {
                    ctx.stored(lane.world, true);
                }
            }
        }
        if self.partitions[at as usize].lanes.is_empty() {
            self.forget(ctx, at);
        }
        self.wake(ctx, at);
    }

    /// Members that read a partition learn that there is something.
    pub(super) fn wake<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        for nth in 0..self.partitions[at as usize].lanes.len() {
            let lane = self.partitions[at as usize].lanes[nth];
            if self.offer(lane) {
                let owner = self.lanes[lane as usize].owner;
                if self.members[owner as usize].asking {
                    self.poll(ctx, owner);
                }
            }
        }
    }

    /// Forgets entries that all groups have committed, unless they may be read again.
    pub(super) fn forget<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &mut self.partitions[at as usize];
        let mut upto = part.hw;
        for &lane in &part.lanes {
            upto = upto.min(self.lanes[lane as usize].released);
        }
        while let Some(fact) = part.forget_one(upto, self.idempotent) {
            ctx.book.facts.get_mut(fact).refs -= 1;
            ctx.book.forget(fact);
        }
    }

    /// The log's copies for a lane up to `upto` are given back; what nobody applies any more ends
    /// with `reason`.
    pub(super) fn release<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        lane: u32,
        upto: u64,
        reason: Fate,
    ) {
        let l = &mut self.lanes[lane as usize];
        let (at, subscription) = (l.partition, l.subscription);
        let from = l.released;
        l.released = upto.max(from);
        let part = &self.partitions[at as usize];
        for offset in from..upto {
            let entry = part.get(offset);
            if !entry.gone && (!l.picky || ctx.wants(entry.fact, subscription)) {
                ctx.unstore(entry.fact, subscription, reason);
            }
        }
        if from == part.live {
            self.forget(ctx, at);
        }
    }
}
