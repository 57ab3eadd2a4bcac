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
        if !self.admits(p) {
            // Its transaction is over: it is not appended, and nobody asks why.
            return Accept::After(SimDuration::ZERO);
        }
        let part = &mut self.partitions[at as usize];
        if p.again && self.idempotent {
            // A retry of what is there already is answered, not appended.
            let denied = part.was_denied(p.producer, p.sequence);
            let known = part.repeat(p.producer, p.sequence);
            if let Some(offset) = known
                && offset >= part.hw
                && self.acks == Acks::All
            {
                let before = std::mem::replace(&mut part.get_mut(offset).record, p.record);
                if before != NONE && before != p.record {
                    // Nobody waits for that attempt any more.
                    ctx.reply(before, false);
                }
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
        self.appended(ctx, p, offset);
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
                (l.position, l.committed) = (end, end);
                (l.released, l.kept) = (end, end);
            }
        }
        self.passed(ctx, p.destination, before, end);
    }

    /// A publication becomes the last entry of its partition.
    fn append<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication, record: u32, acked: bool) {
        let part = &mut self.partitions[p.destination as usize];
        let entry = Entry {
            fact: p.fact,
            record,
            producer: p.producer,
            size: p.size.min(u64::from(u32::MAX)) as u32,
            sequence: p.sequence,
            at: ctx.now().ns(),
            acked,
            open: p.ticket.lane,
            gone: false,
        };
        part.append(entry, p.skew);
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
    fn feed_followers<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, fact: u32, upto: u64) {
        let part = &mut self.partitions[at as usize];
        for r in 0..part.replicas.len() {
            let node = part.replicas[r].node as usize;
            if r as u32 != part.leader && self.nodes[node].up {
                let id = ctx.book.facts.get(fact).id;
                let mut lag = self.spec.replication.sample(self.key, id, r as u32);
                if ctx.links.any {
                    let (leader, bytes) = (part.node(), part.bytes_of(upto - 1..upto));
                    if ctx.nodes_apart(leader, node as u32) {
                        continue;
                    }
                    let (way, of) = ((leader, node as u32), (id, r as u32));
                    lag += ctx.copy_over_links(way, bytes, self.key, of);
                }
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
            let reached = self.nodes[replica.node as usize].up && !replica.apart;
            if out && reached && replica.leo >= common {
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

    /// Entries from `from` to `to` are safe: publishers hear it, consumers see them up to the first
    /// one of an open transaction.
    fn passed<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, from: u64, to: u64) {
        let part = &mut self.partitions[at as usize];
        for offset in from..to {
            let entry = part.get_mut(offset);
            if entry.record != NONE {
                entry.acked = true;
                ctx.reply(std::mem::replace(&mut entry.record, NONE), true);
            }
            if entry.open != NONE {
                self.transactions.safe.push(entry.open);
            }
        }
        let stable = part.stable;
        self.show(ctx, at, from, to.min(stable));
        self.shown_up_to(ctx, at);
        if !self.transactions.safe.is_empty() {
            self.outputs_safe(ctx);
        }
    }

    /// Entries from `from` to `to` wait for whoever wants them.
    pub(super) fn show<O: Observer>(&self, ctx: &mut Ctx<O>, at: u32, from: u64, to: u64) {
        let part = &self.partitions[at as usize];
        for offset in from..to {
            let entry = part.get(offset);
            for &lane in &part.lanes {
                let lane = &self.lanes[lane as usize];
                if lane.wants(ctx.book, entry) {
                    ctx.stored(lane.world, true);
                }
            }
        }
    }

    /// Consumers see more of a partition.
    pub(super) fn shown_up_to<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
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
        let mut upto = part.visible();
        for &lane in &part.lanes {
            upto = upto.min(self.lanes[lane as usize].kept);
        }
        while let Some(fact) = part.forget_one(upto, self.idempotent) {
            ctx.book.facts.get_mut(fact).refs -= 1;
            ctx.book.forget(fact);
        }
    }

    /// The log's copies for a lane up to `upto` are given back; what nobody applies any more ends
    /// with `reason`. Entries that may be read again stay, and count as copies when they are.
    pub(super) fn release<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        lane: u32,
        upto: u64,
        reason: Fate,
    ) {
        let l = &mut self.lanes[lane as usize];
        let (at, subscription) = (l.partition, l.subscription);
        let (from, held) = (l.released, l.holds_from());
        l.released = upto.max(from);
        if !self.keep {
            l.kept = l.released;
        }
        let part = &self.partitions[at as usize];
        for offset in held..upto {
            let entry = part.get(offset);
            if l.wants(ctx.book, entry) {
                // The entry itself refers to the fact.
                ctx.book.give_back(ctx.observer, entry.fact, subscription, reason);
            }
        }
        if from == part.live && !self.keep {
            self.forget(ctx, at);
        }
    }
}
