//! Nodes that stop and return: who leads, who is in step, and what the new leader does not have.

use super::{About, LogEngine};
use crate::model::broker::Ctx;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;

/// A node of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) up: bool,
    /// When it stopped, ns.
    down_at: u64,
    /// When it loses its place among those in step, ns.
    drop_at: u64,
    /// When others lead instead, ns.
    elect_at: u64,
    /// When leaders that do not reach it wait for it no more, ns.
    pub(super) apart_at: u64,
    /// Whether those in step with it are gone too.
    unclean: bool,
}

impl Default for Node {
    fn default() -> Self {
        Self { up: true, down_at: 0, drop_at: 0, elect_at: 0, apart_at: 0, unclean: false }
    }
}

impl LogEngine {
    /// A node stops. Connections to it break; that it is gone is noticed later.
    pub(super) fn node_stops<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32, unclean: bool) {
        let now = ctx.now();
        let elects = self.spec.detection + self.spec.election;
        let drops = elects.min(self.spec.replica_lag);
        let n = &mut self.nodes[node as usize];
        if !n.up {
            n.unclean |= unclean;
            return;
        }
        *n = Node {
            up: false,
            down_at: now.ns(),
            drop_at: (now + drops).ns(),
            elect_at: (now + elects).ns(),
            apart_at: n.apart_at,
            unclean,
        };
        for part in &mut self.partitions {
            let Some(r) = part.replicas.iter().position(|r| r.node == node) else { continue };
            part.catch_up(now.ns());
            part.stops_copying(r);
            if part.leader == r as u32 {
                part.steps_down(ctx, self.idempotent);
            }
        }
        ctx.timer(drops, About::OutOfStep.token(node));
        ctx.timer(elects, About::Elect.token(node));
    }

    /// Partition `nth` of every topic has no leader until it is back; no copy of it is touched.
    pub(super) fn goes_offline<O: Observer>(&mut self, ctx: &mut Ctx<O>, nth: u32) {
        for part in self.partitions.iter_mut().skip(nth as usize).step_by(self.room as usize) {
            part.offline = true;
            part.catch_up(ctx.now().ns());
            part.steps_down(ctx, self.idempotent);
        }
    }

    /// Partition `nth` of every topic may have a leader again: the one before, or whoever takes
    /// over if that is gone.
    pub(super) fn comes_online<O: Observer>(&mut self, ctx: &mut Ctx<O>, nth: u32) {
        for at in (nth..self.partitions.len() as u32).step_by(self.room as usize) {
            self.partitions[at as usize].offline = false;
            self.finds_leader(ctx, at);
        }
    }

    /// A node that is still gone is not waited for any more.
    pub(super) fn out_of_step<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        let n = self.nodes[node as usize];
        if n.up || n.drop_at != ctx.now().ns() {
            return;
        }
        for at in 0..self.partitions.len() {
            let part = &mut self.partitions[at];
            let r = part.replicas.iter().position(|r| r.node == node);
            if let Some(r) = r
                && part.serving
            {
                part.isr &= !(1 << r);
                self.advance(ctx, at as u32);
            }
        }
    }

    /// Partitions that a node led which is still gone get another leader.
    pub(super) fn elect_for<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        let n = self.nodes[node as usize];
        if n.up || n.elect_at != ctx.now().ns() {
            return;
        }
        for at in 0..self.partitions.len() as u32 {
            let part = &self.partitions[at as usize];
            if !part.serving && part.node() == node {
                self.elect(ctx, at);
            }
        }
    }

    /// A node returns: it leads again what nobody took over, and copies what it missed.
    pub(super) fn node_returns<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        if std::mem::replace(&mut self.nodes[node as usize].up, true) {
            return;
        }
        for at in 0..self.partitions.len() as u32 {
            let part = &self.partitions[at as usize];
            let Some(r) = part.replicas.iter().position(|r| r.node == node) else { continue };
            if part.serving {
                self.refill(ctx, at, r);
                self.advance(ctx, at);
            } else {
                self.finds_leader(ctx, at);
            }
        }
    }

    /// A partition without a leader: the last one leads if it is up and in step, or else whoever
    /// is chosen once it has been gone for long enough.
    fn finds_leader<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &self.partitions[at as usize];
        let (r, last) = (part.leader, self.nodes[part.node() as usize]);
        if last.up && part.isr >> r & 1 == 1 && !part.offline {
            self.leads(ctx, at, r as usize);
        } else if last.elect_at <= ctx.now().ns() {
            self.elect(ctx, at);
        }
    }

    /// A replica copies all that it has not.
    pub(super) fn refill<O: Observer>(&mut self, ctx: &Ctx<O>, at: u32, r: usize) {
        let part = &mut self.partitions[at as usize];
        part.stops_copying(r);
        if ctx.nodes_apart(part.node(), part.replicas[r].node) {
            return;
        }
        let (have, all) = (part.replicas[r].leo, part.leo());
        if have < all {
            let id = u64::from(at) << 32 ^ all;
            let lag = self.spec.replication.sample(self.key, id, r as u32);
            part.copies(r, (ctx.now() + lag).ns(), all);
        }
    }

    /// Looks for a leader: the first live copy in step; failing that any live one, if that is
    /// allowed; otherwise the partition stays offline until a node returns.
    fn elect<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &self.partitions[at as usize];
        if part.offline {
            return;
        }
        let old = self.nodes[part.node() as usize];
        let live = |&r: &usize| self.nodes[part.replicas[r].node as usize].up;
        let copies = 0..part.replicas.len();
        let in_step = copies.clone().filter(live).find(|r| part.isr >> r & 1 == 1);
        let unclean = !old.up && old.unclean;
        if let Some(r) = in_step
            && !unclean
        {
            self.leads(ctx, at, r);
        } else if let Some(r) = copies.clone().find(live)
            && (unclean || self.spec.unclean)
        {
            // A copy out of step may be as old as it may get without being in step.
            let lag = self.spec.replica_lag.ns();
            let oldest = part.since(old.down_at.saturating_sub(lag));
            let part = &mut self.partitions[at as usize];
            if unclean {
                part.replicas[r].leo = part.replicas[r].leo.min(oldest);
            }
            part.isr = 0;
            self.leads(ctx, at, r);
        }
    }

    /// A replica leads: its entries are the truth, and everybody else follows.
    fn leads<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, leader: usize) {
        let part = &mut self.partitions[at as usize];
        part.leader = leader as u32;
        part.serving = true;
        part.isr |= 1 << leader;
        part.stops_copying(leader);
        let leo = part.replicas[leader].leo;
        self.cut(ctx, at, leo);
        for r in 0..self.partitions[at as usize].replicas.len() {
            let part = &mut self.partitions[at as usize];
            if !self.nodes[part.replicas[r].node as usize].up {
                part.isr &= !(1 << r);
            } else if r != leader {
                self.refill(ctx, at, r);
            }
            self.follower_looks(ctx, at, r);
        }
        self.advance(ctx, at);
        self.wake(ctx, at);
        if ctx.links.cuts {
            self.look_around(ctx);
        }
    }

    /// Entries from `offset` are gone: what was confirmed is lost, and what was not may be
    /// published again.
    fn cut<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, offset: u64) {
        let lanes = self.partitions[at as usize].lanes.clone();
        for &lane in &lanes {
            self.shorten(ctx, lane, offset);
        }
        let visible = self.partitions[at as usize].visible();
        while let Some(entry) = self.partitions[at as usize].pop_from(offset) {
            let gone = self.partitions[at as usize].leo();
            self.partitions[at as usize].was_denied(entry.producer, entry.sequence);
            let reason = if entry.acked { Fate::LostAcked } else { Fate::LostNode };
            for &lane in &lanes {
                let l = &self.lanes[lane as usize];
                let wants = l.wants(ctx.book, &entry);
                if gone < l.released || !wants {
                    continue;
                }
                if gone >= l.position && gone < visible {
                    ctx.stored(l.world, false);
                }
                if gone >= l.holds_from() {
                    ctx.takes_out(entry.fact, l.subscription, reason);
                }
            }
            if entry.open != NONE {
                self.output_gone(ctx, entry.open, (at, gone), entry.acked);
            }
            ctx.book.facts.get_mut(entry.fact).refs -= 1;
            ctx.book.forget(entry.fact);
        }
        self.partitions[at as usize].end_at(offset);
        for lane in lanes {
            let l = &mut self.lanes[lane as usize];
            l.position = l.position.min(offset);
            l.committed = l.committed.min(offset);
            l.released = l.released.min(offset);
            l.settled = l.settled.min(offset);
            l.kept = l.kept.min(offset);
            l.again = l.again.min(offset);
            self.inputs_gone(lane, offset);
        }
    }

    /// A member keeps nothing in hand of entries from `offset` but the record in work.
    fn shorten<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, offset: u64) {
        let batch = self.lanes[lane as usize].batch;
        if batch != NONE && self.batches.get(batch).end > offset {
            self.cut_short(ctx, batch);
        }
    }
}
