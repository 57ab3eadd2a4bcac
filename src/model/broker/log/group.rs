//! Who is in a group: joining, leaving, falling silent, being given up.

use super::lane::Stray;
use super::{About, LogEngine};
use crate::model::blueprint::AckMode;
use crate::model::broker::{Ctx, GroupTable};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::{NONE, Range};
use std::collections::VecDeque;

/// What a group is doing about its assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing.
    Stable,
    /// It waits until all members have come to the barrier.
    Joining,
    /// The members are on their way to hear what they get.
    Assigning,
}

/// A consumer group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Its number among the groups of the world.
    pub(super) world: u32,
    pub(super) ack: AckMode,
    pub(super) is_static: bool,
    /// Records of a partition that a member works on at a time: more than one if its handler takes
    /// several in one go.
    pub(super) window: u32,
    pub(super) lanes: Range,
    pub(super) first_instance: u32,
    /// What its number would be without room for instances that come later, for draws.
    pub(super) first_draw: u32,
    /// The member that each instance is, or `NONE`.
    pub(super) current: Vec<u32>,
    /// Those that the coordinator knows, in the order of instances.
    pub(super) members: Vec<u32>,
    pub(super) generation: u32,
    pub(super) phase: Phase,
    /// Since when it waits at the barrier, ns.
    pub(super) since: u64,
    /// Whether nobody was in it before.
    pub(super) from_empty: bool,
    /// Whether something has changed while an assignment was on its way.
    pub(super) again: bool,
}

impl Group {
    /// `draw`: the number of the first instance, for draws.
    pub(super) fn new(
        world: u32,
        table: &GroupTable,
        lanes: Range,
        instances: Range,
        draw: u32,
    ) -> Self {
        Self {
            world,
            ack: table.ack,
            is_static: table.static_id,
            window: table.consume.batch.as_ref().map_or(1, |b| b.max.max(1)),
            lanes,
            first_instance: instances.start,
            first_draw: draw,
            current: vec![NONE; instances.len()],
            members: Vec::new(),
            generation: 1,
            phase: Phase::Stable,
            since: 0,
            from_empty: false,
            again: false,
        }
    }
}

/// An instance as a member of a group.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
pub(super) struct Member {
    pub(super) group: u32,
    pub(super) instance: u32,
    /// What it reads.
    pub(super) lanes: Vec<u32>,
    /// Those of them that have something, in turn.
    pub(super) ready: VecDeque<u32>,
    /// Those that the present answer is from.
    pub(super) fetched: Vec<u32>,
    /// Batches that it has not worked off.
    pub(super) in_hand: u32,
    /// Whether it waits for records, ...
    pub(super) asking: bool,
    /// ... since when, ns.
    pub(super) asked: u64,
    /// When it got the present answer, ns.
    pub(super) polled: u64,
    pub(super) committed_at: u64,
    /// Whether there may be something to commit.
    pub(super) dirty: bool,
    /// An instant of its heartbeats, ns.
    pub(super) beats: u64,
    /// Whether its process is gone and the coordinator does not know.
    pub(super) ghost: bool,
    /// Whether it stands still.
    pub(super) silent: bool,
    /// When its session ends if it is not heard, ns.
    pub(super) expires: u64,
    /// Whether the coordinator counts it.
    pub(super) known: bool,
    /// Whether it waits at the barrier.
    pub(super) joined: bool,
    /// Whether it leaves when it has finished what it works on.
    pub(super) draining: bool,
    /// Whether it gives up partitions at its next poll.
    pub(super) revoking: bool,
    /// Whether it waits for its outputs to be safe before it attends to its group.
    pub(super) flushing: bool,
    pub(super) commit_armed: bool,
    pub(super) watched: bool,
    /// When it is called to the barrier or has its next heartbeat to act on, ns; 0: not at all.
    pub(super) call: u64,
}

impl Member {
    fn new(group: u32, instance: u32) -> Self {
        Self {
            group,
            instance,
            lanes: Vec::new(),
            ready: VecDeque::new(),
            fetched: Vec::new(),
            in_hand: 0,
            asking: false,
            asked: 0,
            polled: 0,
            committed_at: 0,
            dirty: false,
            beats: 0,
            ghost: false,
            silent: false,
            expires: 0,
            known: false,
            joined: false,
            draining: false,
            revoking: false,
            flushing: false,
            commit_armed: false,
            watched: false,
            call: 0,
        }
    }
}

impl LogEngine {
    /// The member that an instance is.
    pub(super) fn member_of(&self, group: u32, instance: u32) -> Option<u32> {
        let g = &self.groups[group as usize];
        let member = g.current[(instance - g.first_instance) as usize];
        (member != NONE).then_some(member)
    }

    fn set_current(&mut self, group: u32, instance: u32, member: u32) {
        let g = &mut self.groups[group as usize];
        g.current[(instance - g.first_instance) as usize] = member;
    }

    /// An instance consumes (again).
    pub(super) fn joins<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let there = self.member_of(group, instance);
        if let Some(member) = there
            && !self.members[member as usize].ghost
        {
            // It was about to leave, and stays.
            self.members[member as usize].draining = false;
        }
        if self.unheard(instance) {
            // It will be when it is heard again.
            return;
        }
        if let Some(member) = there {
            let m = &mut self.members[member as usize];
            if m.ghost {
                // A static member: everything is as it was.
                (m.ghost, m.draining, m.expires) = (false, false, 0);
                m.committed_at = ctx.now().ns();
                self.take_up(ctx, member);
            } else {
                (m.silent, m.expires) = (false, 0);
                self.hears(ctx, member);
                self.poll(ctx, member);
            }
            return;
        }
        let new = Member::new(group, instance);
        let member = if let Some(slot) = self.free_members.pop() {
            self.members[slot as usize] = new;
            slot
        } else {
            self.members.push(new);
            self.members.len() as u32 - 1
        };
        self.set_current(group, instance, member);
        self.enter(ctx, member);
    }

    /// A member goes on with the partitions that it has kept.
    fn take_up<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        for nth in 0..self.members[member as usize].lanes.len() {
            let lane = self.members[member as usize].lanes[nth];
            self.lanes[lane as usize].halted = false;
            self.fences(ctx, lane);
            self.offer(lane);
        }
        self.hears(ctx, member);
        self.poll(ctx, member);
    }

    /// The coordinator hears of a new member.
    pub(super) fn enter<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let now = ctx.now().ns();
        let (group, instance) = {
            let m = &self.members[member as usize];
            (m.group, m.instance)
        };
        let g = &self.groups[group as usize];
        // Whoever comes while an assignment is on its way is in the next one.
        let joined = g.phase != Phase::Assigning || g.from_empty;
        let m = &mut self.members[member as usize];
        (m.known, m.joined, m.beats, m.committed_at) = (true, joined, now, now);
        let at = {
            let of = |&m: &u32| self.members[m as usize].instance <= instance;
            self.groups[group as usize].members.partition_point(of)
        };
        let g = &mut self.groups[group as usize];
        g.members.insert(at, member);
        if self.started {
            g.from_empty |= g.members.len() == 1;
            self.rebalance(ctx, group);
        }
    }

    /// The process of a member died. The coordinator notices when its session ends.
    pub(super) fn crashes<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &self.members[member as usize];
        // It ends in good order; only what was still on its way to it comes again.
        let told = !self.unheard(m.instance);
        if m.ghost && !told {
            return;
        }
        let finished = told && m.draining && ctx.instances[m.instance as usize].busy == 0;
        self.drop_strays(ctx, member);
        for nth in 0..self.members[member as usize].lanes.len() {
            let lane = self.members[member as usize].lanes[nth];
            self.lose_hand(ctx, lane, finished);
        }
        let m = &mut self.members[member as usize];
        let (group, instance) = (m.group, m.instance);
        m.in_hand = 0;
        m.silent = false;
        m.ready.clear();
        m.fetched.clear();
        if m.known && finished {
            self.departs(ctx, member);
        } else if m.known {
            self.haunts(ctx, member);
        } else {
            self.set_current(group, instance, NONE);
            self.free_members.push(member);
        }
    }

    /// A member is gone, and its session goes on.
    fn haunts<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let session = self.spec.session_timeout;
        let m = &mut self.members[member as usize];
        (m.ghost, m.asking, m.joined) = (true, false, false);
        m.expires = (ctx.now() + session).ns();
        ctx.timer(session, About::Session.token(member));
        let (group, instance) = (m.group, m.instance);
        if !self.groups[group as usize].is_static {
            self.set_current(group, instance, NONE);
        }
    }

    /// What a crashed member had in hand of a lane is gone; what it had not committed is read
    /// again, or what it had not `finished`.
    fn lose_hand<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, finished: bool) {
        let finished = finished && self.is_settled(lane);
        if self.transacts(lane) && !finished {
            self.hang(ctx, lane);
        }
        let l = &self.lanes[lane as usize];
        let (batch, position, before) = (l.batch, l.position, self.ack_of(lane) == AckMode::Before);
        let mut from = if finished { position } else { l.committed };
        if batch != NONE {
            let b = *self.batches.get(batch);
            self.drop_rest(ctx, batch);
            if before {
                // Up to where it has read, which a replay may have put back.
                self.release(ctx, lane, b.end.min(position), Fate::LostCrash);
            } else if finished && !before {
                from = b.first;
            }
            self.batches.free(batch);
            self.lanes[lane as usize].batch = NONE;
        }
        self.lanes[lane as usize].queued = false;
        self.give_up(ctx, lane, from);
    }

    /// A member leaves in good order: it finishes the records in work, commits, and goes.
    pub(super) fn stops<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        if self.members[member as usize].ghost {
            return;
        }
        self.members[member as usize].draining = true;
        for nth in 0..self.members[member as usize].lanes.len() {
            let lane = self.members[member as usize].lanes[nth];
            let batch = self.lanes[lane as usize].batch;
            if batch != NONE {
                self.cut_short(ctx, batch);
            }
        }
        self.forget_strays(ctx, member);
        self.poll(ctx, member);
    }

    /// A member that leaves has finished.
    pub(super) fn departs<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        self.commit_all(ctx, member);
        let m = &self.members[member as usize];
        let (group, instance) = (m.group, m.instance);
        if self.groups[group as usize].is_static {
            // It says nothing, and may be back before anybody notices.
            self.haunts(ctx, member);
            return;
        }
        self.set_current(group, instance, NONE);
        self.remove(ctx, member);
        self.free_members.push(member);
        self.rebalance(ctx, group);
    }

    /// The coordinator counts a member no more; its partitions are nobody's.
    fn remove<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let lanes = std::mem::take(&mut self.members[member as usize].lanes);
        for lane in lanes {
            self.estrange(ctx, lane);
            let l = &mut self.lanes[lane as usize];
            (l.owner, l.queued, l.leaving) = (NONE, false, false);
        }
        let m = &mut self.members[member as usize];
        (m.known, m.asking, m.joined) = (false, false, false);
        m.ready.clear();
        m.fetched.clear();
        let group = m.group as usize;
        self.groups[group].members.retain(|&other| other != member);
    }

    /// What a member that is given up has in hand of a lane becomes work in vain, and what it had
    /// not committed is read again by somebody else.
    fn estrange<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let l = &self.lanes[lane as usize];
        let (batch, committed, position) = (l.batch, l.committed, l.position);
        let (subscription, at) = (l.subscription, l.partition as usize);
        if batch != NONE {
            let b = *self.batches.get(batch);
            let mut facts = VecDeque::new();
            for offset in b.next..b.end {
                if self.wants(ctx.book, lane, offset) {
                    let fact = self.partitions[at].get(offset).fact;
                    ctx.book.copy(fact, subscription);
                    facts.push_back(fact);
                }
            }
            self.batches.get_mut(batch).stray = true;
            self.strays.push(Stray { batch, facts });
            self.lanes[lane as usize].batch = NONE;
            if self.ack_of(lane) == AckMode::Before {
                self.release(ctx, lane, b.end.min(position), Fate::LostCrash);
            }
        }
        if self.transacts(lane) {
            self.abort(ctx, lane);
        }
        self.give_up(ctx, lane, committed);
    }

    /// The coordinator gives up a member that is still there.
    pub(super) fn evict<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let group = self.members[member as usize].group;
        self.remove(ctx, member);
        self.rebalance(ctx, group);
    }

    /// A member that was given up is done with what it had in work.
    pub(super) fn stray_done<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        let Some(at) = self.strays.iter().position(|s| s.batch == batch) else { return };
        let b = *self.batches.get(batch);
        let l = &self.lanes[b.lane as usize];
        let (subscription, group) = (l.subscription, l.group);
        let instance = self.members[b.member as usize].instance;
        for _ in 0..self.groups[group as usize].window {
            let Some(fact) = self.strays[at].facts.pop_front() else { break };
            ctx.hand_on(fact, subscription, instance, batch, (b.fetched, b.arrives));
            ctx.unstore(fact, subscription, Fate::LostCrash);
            self.batches.get_mut(batch).out += 1;
        }
        if self.batches.get(batch).out == 0 {
            self.strays.remove(at);
            self.batches.free(batch);
            self.one_less(ctx, b.member);
        }
    }

    /// What a member that was given up has not begun, it does not begin any more.
    fn forget_strays<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        for at in 0..self.strays.len() {
            let b = *self.batches.get(self.strays[at].batch);
            if b.member != member {
                continue;
            }
            let subscription = self.lanes[b.lane as usize].subscription;
            let arrived = b.slot == NONE || ctx.deliveries.get(b.slot).behind == 0;
            for fact in std::mem::take(&mut self.strays[at].facts) {
                if arrived {
                    super::consume::waits_no_more(ctx, fact, subscription, b.arrives);
                }
                ctx.unstore(fact, subscription, Fate::LostCrash);
            }
            if b.slot != NONE {
                ctx.deliveries.get_mut(b.slot).behind = 0;
            }
        }
    }

    /// The work in vain of a member ends with its process.
    fn drop_strays<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        self.forget_strays(ctx, member);
        let batches = &mut self.batches;
        self.strays.retain(|s| {
            let other = batches.get(s.batch).member != member;
            if !other {
                batches.free(s.batch);
            }
            other
        });
    }

    /// The session of a member is over, if it was not heard meanwhile.
    pub(super) fn session_over<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &self.members[member as usize];
        if m.expires != ctx.now().ns() || !m.known {
            return;
        }
        let (group, instance) = (m.group, m.instance);
        if m.silent {
            self.evict(ctx, member);
        } else if m.ghost {
            if self.groups[group as usize].is_static {
                self.set_current(group, instance, NONE);
            }
            self.remove(ctx, member);
            self.free_members.push(member);
            self.rebalance(ctx, group);
        }
    }

    /// A member stands still.
    pub(super) fn falls_silent<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let session = self.spec.session_timeout;
        let m = &mut self.members[member as usize];
        if !m.ghost && !m.silent {
            (m.silent, m.asking) = (true, false);
            m.expires = (ctx.now() + session).ns();
            ctx.timer(session, About::Session.token(member));
        }
    }

    /// A member goes on.
    pub(super) fn speaks_again<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let heard = !self.is_cut(member);
        let m = &mut self.members[member as usize];
        if m.silent && heard {
            (m.silent, m.expires) = (false, 0);
            self.hears(ctx, member);
            self.poll(ctx, member);
        }
    }
}
