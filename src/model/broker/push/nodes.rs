//! The nodes that have copies: which one leads, and how long a majority of them takes to write.

use super::{Alarm, Push};
use crate::model::broker::{Ctx, Publication};
use crate::model::observation::Observer;
use crate::units::SimDuration;

/// Nodes with a copy of every queue.
#[derive(Debug)]
pub(super) struct Nodes {
    up: Vec<bool>,
    /// The one that all queues are served by.
    pub(super) leader: Option<u32>,
    /// The one that led last.
    pub(super) last: u32,
    /// When the next one leads, ns.
    leads: u64,
}

impl Nodes {
    pub(super) fn new(copies: u32) -> Self {
        Self { up: vec![true; copies as usize], leader: Some(0), last: 0, leads: u64::MAX }
    }

    fn majority(&self) -> usize {
        self.up.len() / 2 + 1
    }

    /// Whether a node is up and reaches a majority that is, itself included.
    fn can_lead<O: Observer>(&self, ctx: &Ctx<O>, node: u32) -> bool {
        let reached = (0..).zip(&self.up).filter(|&(n, up)| *up && !ctx.nodes_apart(node, n));
        self.up[node as usize] && reached.count() >= self.majority()
    }

    /// The first node that can lead, from the last leader on.
    fn next<O: Observer>(&self, ctx: &Ctx<O>) -> Option<u32> {
        let count = self.up.len() as u32;
        (0..count).map(|n| (self.last + n) % count).find(|&n| self.can_lead(ctx, n))
    }
}

impl Push {
    /// Time until a publication is on the disks of a majority of a queue's nodes: each node that is
    /// up draws its own, and the slowest of the fastest half and one more counts.
    pub(super) fn persist<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        queue: u32,
        p: &Publication,
    ) -> SimDuration {
        if self.spec.fsync.is_zero() && self.spec.quorum.is_none() {
            return SimDuration::ZERO;
        }
        let queue = &self.queues[queue as usize];
        let id = ctx.book.facts.get(p.fact).id;
        let count = self.nodes.up.len() as u32;
        self.copies.clear();
        for node in (0..count).filter(|&n| self.nodes.up[n as usize]) {
            let nth = p.attempt.wrapping_mul(count).wrapping_add(node);
            let mut time = self.spec.fsync.sample(queue.fsync, id, nth);
            if let Some(quorum) = &self.spec.quorum
                && self.nodes.leader != Some(node)
            {
                time += quorum.replication.sample(queue.replication, id, nth);
                if let (true, Some(leader)) = (ctx.links.any, self.nodes.leader) {
                    let (key, of) = (queue.replication, (id, nth));
                    time += ctx.copy_over_links((leader, node), p.size, key, of);
                    time += ctx.copy_over_links((node, leader), 0, key, of);
                }
            }
            self.copies.push(time.ns());
        }
        let (_, time, _) = self.copies.select_nth_unstable(self.nodes.majority() - 1);
        SimDuration::from_ns(*time)
    }

    /// A node stops.
    pub(super) fn node_stops<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        let Some(up) = self.nodes.up.get_mut(node as usize) else { return };
        *up = false;
        self.agree(ctx);
    }

    /// A node is back.
    pub(super) fn node_returns<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        let Some(up) = self.nodes.up.get_mut(node as usize) else { return };
        *up = true;
        self.agree(ctx);
    }

    /// Nodes are up or reach one another as they did not before: one that cannot lead any more does
    /// not, and if that is needed and possible another one does after a while.
    pub(super) fn agree<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let n = &mut self.nodes;
        let possible = n.next(ctx).is_some();
        if !possible {
            n.leads = u64::MAX;
        }
        if n.leader.is_some_and(|leader| !n.can_lead(ctx, leader)) {
            n.leads = u64::MAX;
            n.leader = None;
            self.lose_all(ctx);
            self.forget_unwritten(ctx);
        }
        let n = &mut self.nodes;
        if n.leader.is_some() || n.leads != u64::MAX || !possible {
            return;
        }
        let takes = self.spec.quorum.as_ref().map_or(SimDuration::ZERO, |q| q.failover);
        n.leads = (ctx.now() + takes).ns();
        if takes == SimDuration::ZERO {
            self.lead_due(ctx);
        } else {
            ctx.timer(takes, Alarm::Lead.token());
        }
    }

    /// A node takes the lead, unless its election has been overtaken.
    pub(super) fn lead_due<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let n = &mut self.nodes;
        if n.leads != ctx.now().ns() {
            return;
        }
        n.leads = u64::MAX;
        n.leader = n.next(ctx);
        n.last = n.leader.unwrap_or(n.last);
        if ctx.links.cuts {
            self.look_around(ctx);
        }
        for queue in 0..self.queues.len() as u32 {
            self.expire(ctx, queue);
        }
    }
}
