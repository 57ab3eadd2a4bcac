//! Who reaches whom: members that their coordinator or a leader does not hear, and followers that
//! their leader does not reach.

use super::{About, LogEngine};
use crate::model::broker::Ctx;
use crate::model::observation::Observer;
use crate::model::tables::NONE;

impl LogEngine {
    /// Whether the coordinator does not hear an instance.
    pub(super) fn unheard(&self, instance: u32) -> bool {
        self.cut.get(instance as usize).is_some_and(|&cut| cut)
    }

    /// Whether the coordinator does not hear a member.
    #[inline]
    pub(super) fn is_cut(&self, member: u32) -> bool {
        !self.cut.is_empty() && self.unheard(self.members[member as usize].instance)
    }

    /// Whether the owner of a lane cannot reach the node that leads its partition.
    #[cold]
    pub(super) fn out_of_reach(&self, lane: u32) -> bool {
        let l = &self.lanes[lane as usize];
        let node = self.partitions[l.partition as usize].node();
        let instance = self.members[l.owner as usize].instance;
        self.apart[instance as usize * self.nodes.len() + node as usize]
    }

    /// The node that coordinates a group: its own, or the next one that is up.
    fn coordinator(&self, group: u32) -> Option<u32> {
        let count = self.nodes.len() as u32;
        let mut all = (0..count).map(|n| (group + n) % count);
        all.find(|&n| self.nodes[n as usize].up)
    }

    /// Links have been cut or mended.
    pub(super) fn look_around<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let (instances, nodes) = (ctx.instances.len(), self.nodes.len() as u32);
        let all = (0..instances as u32).flat_map(|i| (0..nodes).map(move |n| (i, n)));
        self.apart.clear();
        if ctx.links.cuts {
            self.apart.extend(all.map(|(instance, node)| ctx.apart(instance, node)));
        }
        self.members_look(ctx, instances);
        self.followers_look(ctx);
        for lane in 0..self.lanes.len() as u32 {
            let owner = self.lanes[lane as usize].owner;
            if owner != NONE && self.offer(lane) && self.members[owner as usize].asking {
                self.poll(ctx, owner);
            }
        }
    }

    /// Members that their coordinator does not hear fall silent; those that it hears again speak.
    fn members_look<O: Observer>(&mut self, ctx: &mut Ctx<O>, instances: usize) {
        let mut before = std::mem::take(&mut self.cut);
        before.resize(instances, false);
        let mut changed = Vec::new();
        self.cut.resize(instances, false);
        for group in 0..self.groups.len() as u32 {
            let Some(node) = self.coordinator(group) else { continue };
            let g = &self.groups[group as usize];
            for nth in 0..g.current.len() as u32 {
                let instance = g.first_instance + nth;
                let cut = ctx.apart(instance, node);
                self.cut[instance as usize] |= cut;
            }
        }
        for group in 0..self.groups.len() as u32 {
            let g = &self.groups[group as usize];
            for nth in 0..g.current.len() as u32 {
                let instance = g.first_instance + nth;
                if before[instance as usize] != self.cut[instance as usize] {
                    changed.push((group, instance));
                }
            }
        }
        if !self.cut.contains(&true) {
            self.cut.clear();
        }
        for (group, instance) in changed {
            let member = self.member_of(group, instance);
            let i = &ctx.instances[instance as usize];
            let up = i.up && ctx.services[i.service as usize].deaf == 0;
            let stands = i.pauses > 0;
            if self.unheard(instance) {
                if let Some(member) = member {
                    self.falls_silent(ctx, member);
                }
            } else if let Some(member) = member
                && !self.members[member as usize].ghost
            {
                if !stands {
                    self.speaks_again(ctx, member);
                }
            } else if up {
                self.joins(ctx, group, instance);
                if let (true, Some(member)) = (stands, self.member_of(group, instance)) {
                    self.falls_silent(ctx, member);
                }
            }
        }
    }

    /// Followers that their leader does not reach copy nothing, and are not waited for after a
    /// while; those that it reaches again copy what they missed.
    fn followers_look<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        for at in 0..self.partitions.len() {
            if !self.partitions[at].serving {
                continue;
            }
            for r in 0..self.partitions[at].replicas.len() {
                if self.follower_looks(ctx, at as u32, r) {
                    self.refill(ctx, at as u32, r);
                    self.advance(ctx, at as u32);
                }
            }
        }
    }

    /// A follower may have been cut off from its leader, or not be any more. Whether it has to
    /// catch up.
    pub(super) fn follower_looks<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        at: u32,
        r: usize,
    ) -> bool {
        let now = ctx.now();
        let part = &mut self.partitions[at as usize];
        let (leader, node) = (part.node(), part.replicas[r].node);
        let apart = ctx.nodes_apart(leader, node);
        if std::mem::replace(&mut part.replicas[r].apart, apart) == apart {
            return false;
        }
        if apart {
            part.catch_up(now.ns());
            part.stops_copying(r);
            self.nodes[node as usize].apart_at = (now + self.spec.replica_lag).ns();
            ctx.timer(self.spec.replica_lag, About::Apart.token(node));
        }
        !apart && self.nodes[node as usize].up
    }

    /// Leaders that have not reached a node for long do not wait for it any more.
    pub(super) fn apart_for_long<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        if self.nodes[node as usize].apart_at != ctx.now().ns() {
            return;
        }
        for at in 0..self.partitions.len() {
            let part = &mut self.partitions[at];
            let r = part.replicas.iter().position(|r| r.node == node && r.apart);
            if let (Some(r), true) = (r, part.serving) {
                part.isr &= !(1 << r);
                self.advance(ctx, at as u32);
            }
        }
    }
}
