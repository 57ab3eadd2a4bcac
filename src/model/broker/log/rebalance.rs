//! Who reads what: assignors, and the protocols by which partitions change hands.

use super::group::Phase;
use super::{About, LogEngine};
use crate::model::blueprint::Rebalance;
use crate::model::broker::Ctx;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::SimDuration;

/// A group that starts empty waits this long for more members.
const INITIAL_DELAY: SimDuration = SimDuration::from_secs(3);

/// For each of the lanes of some topics of `partitions`, the place of its member among `members`:
/// contiguous ranges of each topic.
fn by_range(lanes: usize, partitions: usize, members: usize) -> Vec<usize> {
    let (share, more) = (partitions / members, partitions % members);
    let longer = more * (share + 1);
    let of = |p: usize| {
        if p < longer { p / (share + 1) } else { more + (p - longer) / share.max(1) }
    };
    (0..lanes).map(|lane| of(lane % partitions)).collect()
}

/// The same with as few moves as an even spread allows. `now`: the place of the present member.
fn sticky(now: &[Option<usize>], members: usize) -> Vec<usize> {
    let mut held = vec![0; members];
    now.iter().flatten().for_each(|&m| held[m] += 1);
    let mut order: Vec<usize> = (0..members).collect();
    order.sort_by_key(|&m| (std::cmp::Reverse(held[m]), m));
    let mut quota = vec![now.len() / members; members];
    order[..now.len() % members].iter().for_each(|&m| quota[m] += 1);
    let mut keeps = |m: usize| {
        let kept = quota[m] > 0;
        quota[m] -= usize::from(kept);
        kept
    };
    let kept: Vec<Option<usize>> = now.iter().map(|m| m.filter(|&m| keeps(m))).collect();
    let mut next = 0;
    let mut free = || {
        while quota[next] == 0 {
            next += 1;
        }
        quota[next] -= 1;
        next
    };
    kept.into_iter().map(|m| m.unwrap_or_else(&mut free)).collect()
}

impl LogEngine {
    /// Each lane of a group, and the member that is to read it. Counts those who may get some.
    fn assignment(&self, group: u32, members: &[u32]) -> Vec<(u32, u32)> {
        let all = self.groups[group as usize].lanes.clone();
        let there = |lane: &u32| (lane - all.start) % self.room < self.spec.partitions;
        let lanes: Vec<u32> = all.clone().filter(there).collect();
        let places = if self.spec.rebalance == Rebalance::Eager {
            by_range(lanes.len(), self.spec.partitions as usize, members.len())
        } else {
            let place = |owner: u32| members.iter().position(|&m| m == owner);
            let mut now = Vec::with_capacity(lanes.len());
            let (mut last, mut at) = (NONE, None);
            for lane in lanes.iter().map(|&lane| &self.lanes[lane as usize]) {
                if lane.owner != last {
                    (last, at) = (lane.owner, place(lane.owner));
                }
                now.push(at);
            }
            sticky(&now, members.len())
        };
        lanes.into_iter().zip(places.into_iter().map(|place| members[place])).collect()
    }

    /// The groups of the file have their partitions from the start, and read from the log's end.
    pub(super) fn share_out<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let members = self.groups[group as usize].members.clone();
        if members.is_empty() {
            return;
        }
        for (lane, member) in self.assignment(group, &members) {
            self.grant(ctx, lane, member);
        }
        for member in members {
            self.members[member as usize].joined = false;
            self.poll(ctx, member);
        }
    }

    /// A member gets a lane; it starts at the committed offset.
    fn grant<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, member: u32) {
        let l = &mut self.lanes[lane as usize];
        (l.owner, l.halted, l.leaving, l.target) = (member, false, false, NONE);
        self.members[member as usize].lanes.push(lane);
        if self.offer(lane) && self.members[member as usize].asking {
            self.poll(ctx, member);
        }
    }

    /// A member gives up lanes that it has nothing of in hand, after a commit: those that it has
    /// to, or all.
    fn revoke<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32, all: bool) {
        let mut lanes = std::mem::take(&mut self.members[member as usize].lanes);
        lanes.retain(|&lane| {
            let l = &mut self.lanes[lane as usize];
            let goes = all || l.leaving;
            if goes {
                (l.owner, l.queued, l.leaving) = (NONE, false, false);
                if l.target != NONE {
                    let target = l.target;
                    self.beat(ctx, target);
                }
            }
            !goes
        });
        self.members[member as usize].lanes = lanes;
    }

    /// Something has changed: partitions are shared out anew.
    pub(super) fn rebalance<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let g = &mut self.groups[group as usize];
        g.generation += 1;
        if g.members.is_empty() {
            g.phase = Phase::Stable;
            return;
        }
        if self.spec.rebalance == Rebalance::Server {
            self.retarget(ctx, group);
            return;
        }
        match g.phase {
            Phase::Stable => self.call_all(ctx, group),
            Phase::Joining => {}
            Phase::Assigning => {
                g.again |= !g.from_empty;
                return;
            }
        }
        self.check_barrier(ctx, group);
    }

    /// All members have to come to the barrier.
    fn call_all<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let now = ctx.now().ns();
        let g = &mut self.groups[group as usize];
        (g.phase, g.since) = (Phase::Joining, now);
        ctx.timer(self.spec.max_poll_interval, About::Barrier.token(group));
        for nth in 0..self.groups[group as usize].members.len() {
            let member = self.groups[group as usize].members[nth];
            let m = &mut self.members[member as usize];
            // Who has just entered is there already.
            let silent = m.silent || m.ghost;
            m.joined = !silent && !m.asking && m.in_hand == 0 && m.lanes.is_empty();
            if m.asking && !m.joined {
                // Whichever comes first tells it: the end of its long poll, or its heartbeat.
                let poll = after(m.asked, self.spec.long_poll, now);
                let at = poll.min(after(m.beats, self.spec.heartbeat, now));
                m.call = at;
                ctx.timer(SimDuration::from_ns(at - now), About::Call.token(member));
            }
        }
    }

    /// What a member has to do for its group when it polls. Whether it goes on to fetch.
    pub(super) fn attend<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) -> bool {
        let eager = self.spec.rebalance == Rebalance::Eager;
        let m = &self.members[member as usize];
        let group = m.group;
        if m.ghost || m.silent {
            return false;
        }
        if m.draining {
            self.departs(ctx, member);
            return false;
        }
        if !m.known {
            // Its commit was refused: it has been given up, and comes back.
            self.enter(ctx, member);
            return !eager;
        }
        if self.spec.rebalance == Rebalance::Server {
            if std::mem::take(&mut self.members[member as usize].revoking) {
                self.commit_all(ctx, member);
                self.revoke(ctx, member, false);
            }
            return true;
        }
        if self.groups[group as usize].phase == Phase::Joining && !m.joined {
            self.commit_all(ctx, member);
            self.revoke(ctx, member, eager);
            self.members[member as usize].joined = true;
            self.check_barrier(ctx, group);
        }
        !(eager && self.members[member as usize].joined)
    }

    /// If all members are at the barrier, they hear what they get after two round trips.
    fn check_barrier<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let g = &self.groups[group as usize];
        let here = |&m: &u32| self.members[m as usize].joined;
        if g.phase != Phase::Joining || !g.members.iter().all(here) {
            return;
        }
        let node = group % self.nodes.len() as u32;
        let (id, generation) = (u64::from(g.world), g.generation);
        let way = |&m: &u32| {
            let instance = self.members[m as usize].instance;
            let nth = u64::from(instance - g.first_instance + g.first_draw);
            ctx.delay(instance, node, id << 32 | nth, generation).ns()
        };
        let slowest = g.members.iter().map(way).max().unwrap_or(0);
        let wait = SimDuration::from_ns(4 * slowest);
        let wait = if g.from_empty { wait + INITIAL_DELAY } else { wait };
        self.groups[group as usize].phase = Phase::Assigning;
        ctx.timer(wait, About::Resume.token(group));
    }

    /// The barrier has waited long enough: whoever is not there is given up.
    pub(super) fn barrier_over<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let g = &self.groups[group as usize];
        let due = g.since + self.spec.max_poll_interval.ns();
        if g.phase != Phase::Joining || due != ctx.now().ns() {
            return;
        }
        for member in self.groups[group as usize].members.clone() {
            if !self.members[member as usize].joined {
                self.evict(ctx, member);
            }
        }
    }

    /// Members take up what they get.
    pub(super) fn resume<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let g = &mut self.groups[group as usize];
        if g.phase != Phase::Assigning {
            return;
        }
        (g.phase, g.from_empty) = (Phase::Stable, false);
        let again = std::mem::take(&mut g.again);
        let here = |m: &u32| self.members[*m as usize].joined;
        let members: Vec<u32> = g.members.iter().copied().filter(here).collect();
        if members.is_empty() {
            self.rebalance(ctx, group);
            return;
        }
        for &member in &members {
            self.members[member as usize].joined = false;
        }
        let mut moving = Vec::new();
        for (lane, member) in self.assignment(group, &members) {
            let owner = self.lanes[lane as usize].owner;
            if owner == NONE {
                self.grant(ctx, lane, member);
            } else if owner != member {
                // It has to be given up first: a second round.
                self.lanes[lane as usize].leaving = true;
                moving.push(owner);
            }
        }
        for &member in &members {
            if !self.members[member as usize].asking {
                self.poll(ctx, member);
            }
        }
        if again || !moving.is_empty() {
            self.rebalance(ctx, group);
        }
        for member in moving {
            if self.members[member as usize].asking {
                self.poll(ctx, member);
            }
        }
    }

    /// A member is called to the barrier, or has a heartbeat that tells it something.
    pub(super) fn called<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        if m.call != ctx.now().ns() {
            return;
        }
        m.call = 0;
        if m.silent || m.ghost || !m.known {
            return;
        }
        if self.spec.rebalance == Rebalance::Server {
            self.heartbeat(ctx, member);
        }
        self.poll(ctx, member);
    }

    /// The broker decides anew who is to read what; members hear of it with their heartbeats.
    fn retarget<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let members = self.groups[group as usize].members.clone();
        for (lane, member) in self.assignment(group, &members) {
            let l = &mut self.lanes[lane as usize];
            let owner = l.owner;
            l.leaving = owner != NONE && owner != member;
            l.target = if owner == member { NONE } else { member };
            if owner != member {
                self.beat(ctx, if owner == NONE { member } else { owner });
            }
        }
        for member in members {
            let m = &mut self.members[member as usize];
            m.joined = false;
            if m.in_hand == 0 && !m.asking {
                self.poll(ctx, member);
            }
        }
    }

    /// A member that is heard again may be told something with its next heartbeat.
    pub(super) fn hears<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        if self.spec.rebalance == Rebalance::Server && self.members[member as usize].known {
            self.beat(ctx, member);
        }
    }

    /// The next heartbeat of a member tells it something.
    fn beat<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let now = ctx.now().ns();
        let m = &mut self.members[member as usize];
        if m.call < now || m.call == 0 {
            let beat = self.spec.heartbeat.ns().max(1);
            m.call = m.beats + (now - m.beats).div_ceil(beat) * beat;
            ctx.timer(SimDuration::from_ns(m.call - now), About::Call.token(member));
        }
    }

    /// A heartbeat tells a member what to give up, and what it gets that is nobody's.
    fn heartbeat<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let group = self.members[member as usize].group;
        self.members[member as usize].revoking = true;
        for lane in self.groups[group as usize].lanes.clone() {
            let l = &self.lanes[lane as usize];
            if l.target == member && l.owner == NONE {
                self.grant(ctx, lane, member);
            }
        }
    }
}

/// The first instant after `now` that lies a multiple of `every` after `from`.
fn after(from: u64, every: SimDuration, now: u64) -> u64 {
    let every = every.ns().max(1);
    from + ((now - from) / every + 1) * every
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_contiguous_in_each_topic() {
        assert_eq!(by_range(10, 5, 2), [0, 0, 0, 1, 1, 0, 0, 0, 1, 1]);
        assert_eq!(by_range(2, 2, 3), [0, 1]);
        assert_eq!(by_range(4, 4, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn sticky_moves_as_little_as_it_can() {
        let (a, b, c) = (Some(0), Some(1), Some(2));
        assert_eq!(sticky(&[a, a, a, a], 2), [0, 0, 1, 1]);
        assert_eq!(sticky(&[a, b, None, None, a, b], 2), [0, 1, 0, 1, 0, 1]);
        assert_eq!(sticky(&[a, a, b, b, b, c], 3), [0, 0, 1, 1, 2, 2]);
        assert_eq!(sticky(&[None; 5], 2), [0, 0, 0, 1, 1]);
        // Who has more keeps more.
        assert_eq!(sticky(&[b, b, b, a, a], 2), [1, 1, 1, 0, 0]);
    }
}
