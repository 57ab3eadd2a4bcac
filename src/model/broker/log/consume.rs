//! From the log to the members: polls, the work on what they got, commits.

use super::group::Group;
use super::lane::Batch;
use super::{About, LogEngine};
use crate::model::blueprint::{AckMode, Exhausted};
use crate::model::book::Book;
use crate::model::broker::{Ctx, Outcome};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::{SimDuration, SimTime};

impl LogEngine {
    pub(super) fn ack_of(&self, lane: u32) -> AckMode {
        self.groups[self.lanes[lane as usize].group as usize].ack
    }

    /// Whether a group wants an entry that is still there.
    #[inline(always)]
    pub(super) fn wants(&self, book: &Book, lane: u32, offset: u64) -> bool {
        let l = &self.lanes[lane as usize];
        let entry = self.partitions[l.partition as usize].get(offset);
        l.wants(book, entry)
    }

    /// Entries of a lane that its group wants and has not fetched.
    pub(super) fn unread(&self, book: &Book, lane: u32) -> u64 {
        let l = &self.lanes[lane as usize];
        let visible = self.partitions[l.partition as usize].visible();
        let unread = l.position.max(l.released)..visible;
        unread.filter(|&offset| self.wants(book, lane, offset)).count() as u64
    }

    /// Puts a lane among those that its member fetches from. Whether it was not there and is now.
    #[inline]
    pub(super) fn offer(&mut self, lane: u32) -> bool {
        let l = &mut self.lanes[lane as usize];
        let readable = self.partitions[l.partition as usize].readable();
        if l.queued || l.leaving || !l.is_open() || l.position >= readable {
            return false;
        }
        if !self.apart.is_empty() && self.out_of_reach(lane) {
            return false;
        }
        let l = &mut self.lanes[lane as usize];
        l.queued = true;
        self.members[l.owner as usize].ready.push_back(lane);
        true
    }

    /// A member has worked off what it had, and asks for more.
    pub(super) fn poll<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        if self.members[member as usize].in_hand > 0 || self.is_cut(member) {
            return;
        }
        if self.flushes(member) {
            return;
        }
        self.members[member as usize].asking = false;
        self.commit_at_poll(ctx, member);
        if !self.attend(ctx, member) {
            return;
        }
        self.fetch(ctx, member);
        let m = &mut self.members[member as usize];
        if m.in_hand == 0 {
            m.asking = true;
            m.asked = ctx.now().ns();
            self.commit_later(ctx, member);
        } else {
            m.polled = ctx.now().ns();
            self.watch(ctx, member);
        }
    }

    /// A member gets what is there of its partitions, up to the size of an answer: of each the same
    /// share, so that a long backlog does not keep all of its workers but one idle.
    fn fetch<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let mut left = u64::from(self.spec.max_poll_records.max(1));
        while left > 0 {
            let Some(lane) = self.members[member as usize].ready.pop_front() else { return };
            let l = &mut self.lanes[lane as usize];
            // It may have been taken away since it was put here, and have come back.
            if l.owner != member || !std::mem::take(&mut l.queued) || !l.is_open() {
                continue;
            }
            let at = l.partition as usize;
            if !self.apart.is_empty() && self.out_of_reach(lane) {
                continue;
            }
            let l = &self.lanes[lane as usize];
            if l.position < self.partitions[at].start {
                self.reset(ctx, lane);
            }
            let position = self.lanes[lane as usize].position;
            let share = left.div_ceil(self.members[member as usize].ready.len() as u64 + 1);
            let n = self.partitions[at].readable().saturating_sub(position).min(share);
            if n > 0 {
                left -= n;
                self.take(ctx, lane, n);
            }
        }
    }

    /// The owner of a lane gets its next `n` entries.
    fn take<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, n: u64) {
        let now = ctx.now();
        let l = &self.lanes[lane as usize];
        let (from, end, world, member) = (l.position, l.position + n, l.world, l.owner);
        let mut wanted = 0;
        let part = &self.partitions[l.partition as usize];
        for offset in from..end {
            if l.wants(ctx.book, part.get(offset)) {
                wanted += 1;
                ctx.stored(world, false);
            }
        }
        let ack = self.ack_of(lane);
        self.lanes[lane as usize].position = end;
        let m = &mut self.members[member as usize];
        m.dirty = true;
        if ack == AckMode::After {
            m.fetched.push(lane);
        }
        match ack {
            AckMode::Before => self.note_commit(ctx, lane),
            AckMode::Transaction => self.winds(ctx, lane),
            AckMode::After | AckMode::Interval(_) => {}
        }
        if wanted == 0 {
            if ack == AckMode::Before {
                self.release(ctx, lane, end, Fate::LostCrash);
            }
            self.offer(lane);
            return;
        }
        let batch = self.batches.reserve(&Batch::BLANK);
        let (behind, fetched) = (wanted, now.ns());
        let b =
            Batch { lane, member, first: from, next: from, end, fetched, behind, ..Batch::BLANK };
        *self.batches.get_mut(batch) = b;
        self.lanes[lane as usize].batch = batch;
        self.members[member as usize].in_hand += 1;
        self.hand_of(ctx, batch, b);
    }

    /// Hands as many records of a batch to the instance as its handler takes. Whether there was
    /// one.
    pub(super) fn hand<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) -> bool {
        let b = self.batches.get(batch);
        if b.next == b.end {
            return b.out > 0;
        }
        self.hand_of(ctx, batch, *b)
    }

    /// The same of a batch that is `b`. What changes is written one by one: a copy would wait for
    /// the writes.
    #[inline]
    fn hand_of<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32, mut b: Batch) -> bool {
        let l = &self.lanes[b.lane as usize];
        let (subscription, at, group) = (l.subscription, l.partition as usize, l.group);
        let Group { window, ack, .. } = self.groups[group as usize];
        let instance = self.members[b.member as usize].instance;
        let comes = b.arrives == 0;
        let mut arrives = 0;
        while b.out < window && b.next < b.end {
            let offset = b.next;
            b.next += 1;
            let entry = self.partitions[at].get(offset);
            if !self.lanes[b.lane as usize].wants(ctx.book, entry) {
                continue;
            }
            let fact = entry.fact;
            let stamp = offset as u32;
            let slot = if comes {
                ctx.node = self.partitions[at].node();
                let bytes = || self.partitions[at].bytes_of(offset..b.end);
                let of = (fact, subscription);
                (b.slot, arrives) = ctx.deliver_asked(of, instance, (batch, stamp), bytes);
                b.slot
            } else {
                ctx.hand_on(fact, subscription, instance, batch, (b.fetched, b.arrives))
            };
            ctx.deliveries.get_mut(slot).stamp = stamp;
            b.out += 1;
            b.behind -= 1;
            if ack == AckMode::Before {
                self.release(ctx, b.lane, b.next, Fate::LostCrash);
            }
        }
        if comes && b.out > 0 {
            ctx.deliveries.get_mut(b.slot).behind = b.behind;
            b.arrives = arrives;
        }
        let kept = self.batches.get_mut(batch);
        (kept.next, kept.out, kept.behind) = (b.next, b.out, b.behind);
        (kept.slot, kept.arrives) = (b.slot, b.arrives);
        b.out > 0
    }

    /// A member is done with a record.
    pub(super) fn record_done<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        slot: u32,
        outcome: Outcome,
    ) {
        let d = *ctx.deliveries.get(slot);
        let batch = d.token;
        let b = *self.batches.get(batch);
        let offset = b.first + u64::from(d.stamp.wrapping_sub(b.first as u32));
        if matches!(outcome, Outcome::Reject(_)) && !b.stray {
            self.recants(ctx, b.lane, offset);
        }
        let b = self.batches.get_mut(batch);
        match outcome {
            Outcome::Ack if b.stray => {}
            Outcome::Ack => {
                let lane = b.lane;
                self.worked_off(ctx, (lane, offset), (d.fact, d.subscription));
            }
            Outcome::Reject(Exhausted::Halt) => {
                b.halts = b.halts.min(offset);
                // Whoever takes the partition up anew has all attempts.
                ctx.book.get(d.fact, d.subscription).failed = 0;
            }
            Outcome::Reject(Exhausted::Dlq) => {
                ctx.book.end(ctx.observer, d.fact, d.subscription, Fate::DeadLettered);
            }
            Outcome::Reject(Exhausted::Drop | Exhausted::Skip) => {
                ctx.book.end(ctx.observer, d.fact, d.subscription, Fate::Exhausted);
            }
            Outcome::Requeue { .. } if self.members[b.member as usize].draining => {
                // It goes back: somebody else reads it.
                let (lane, stray) = (b.lane, b.stray);
                if !stray && self.ack_of(lane) != AckMode::Before {
                    self.give_up(ctx, lane, offset);
                }
            }
            Outcome::Requeue { .. } => {
                // In a log it keeps its place: the same record again.
                let since = (ctx.now().ns(), 0);
                let again = ctx.hand_on(d.fact, d.subscription, d.instance, batch, since);
                ctx.deliveries.get_mut(again).stamp = d.stamp;
                b.slot = if b.slot == slot { NONE } else { b.slot };
                return;
            }
        }
        let b = self.batches.get_mut(batch);
        b.slot = if b.slot == slot { NONE } else { b.slot };
        b.out -= 1;
        if b.out > 0 {
            return;
        }
        b.first = b.next;
        let (stray, halts, lane) = (b.stray, b.halts, b.lane);
        if stray {
            self.stray_done(ctx, batch);
        } else if halts < u64::MAX {
            self.halt(ctx, batch);
            self.batch_over(ctx, batch);
        } else if self.transacts(lane) {
            self.goes_on(ctx, batch);
        } else if !self.hand(ctx, batch) {
            self.batch_over(ctx, batch);
        }
    }

    /// A group has worked off an entry: its copy is given back, if nothing can come of it any more
    /// and those before it have been. Where the log has been cut there is none.
    #[inline]
    fn worked_off<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        (lane, offset): (u32, u64),
        (fact, subscription): (u32, u32),
    ) {
        let l = &mut self.lanes[lane as usize];
        let part = &self.partitions[l.partition as usize];
        let next = offset == l.holds_from() && part.is_at(offset, fact);
        if next && ctx.book.settles(fact, subscription) {
            l.settled = offset + 1;
        }
    }

    /// A member has nothing left of a batch.
    pub(super) fn batch_over<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        let b = *self.batches.get(batch);
        self.batches.free(batch);
        self.lanes[b.lane as usize].batch = NONE;
        self.offer(b.lane);
        self.one_less(ctx, b.member);
    }

    /// A member has one batch less in hand.
    pub(super) fn one_less<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        m.in_hand -= 1;
        if m.in_hand == 0 {
            self.poll(ctx, member);
        }
    }

    /// A record that nobody can work on stops its partition.
    fn halt<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        let b = *self.batches.get(batch);
        self.lanes[b.lane as usize].halted = true;
        self.drop_rest(ctx, batch);
        let before = self.ack_of(b.lane) == AckMode::Before;
        self.give_up(ctx, b.lane, if before { b.next } else { b.halts });
        if before {
            self.note_commit(ctx, b.lane);
        }
    }

    /// Partitions that work for a group had stopped go on at the record that stopped them.
    pub(super) fn reads_on<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32) {
        for lane in self.groups[group as usize].lanes.clone() {
            if std::mem::take(&mut self.lanes[lane as usize].halted) {
                self.offer_now(ctx, lane);
            }
        }
    }

    /// A lane may have something to fetch, and its member may wait for just that.
    pub(super) fn offer_now<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        if self.offer(lane) {
            let owner = self.lanes[lane as usize].owner;
            if self.members[owner as usize].asking {
                self.poll(ctx, owner);
            }
        }
    }

    /// What waits at the member behind those in work is not worked on there.
    pub(super) fn drop_rest<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        let b = *self.batches.get(batch);
        // What is still on its way has not begun to wait.
        let arrived = b.slot == NONE || ctx.deliveries.get(b.slot).behind == 0;
        if b.slot != NONE {
            ctx.deliveries.get_mut(b.slot).behind = 0;
        }
        let l = &self.lanes[b.lane as usize];
        let (partition, subscription) = (l.partition as usize, l.subscription);
        for offset in b.next..b.end {
            if arrived && b.behind > 0 && self.wants(ctx.book, b.lane, offset) {
                let fact = self.partitions[partition].get(offset).fact;
                waits_no_more(ctx, fact, subscription, b.arrives);
            }
        }
        self.batches.get_mut(batch).behind = 0;
    }

    /// The member keeps of a batch only what is in work; the rest waits in the log again.
    pub(super) fn cut_short<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        self.drop_rest(ctx, batch);
        let b = self.batches.get_mut(batch);
        b.end = b.next;
        let (lane, end) = (b.lane, b.end);
        self.give_up(ctx, lane, end);
    }

    /// Entries from `from` that were fetched wait in the log again.
    pub(super) fn give_up<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, from: u64) {
        let l = &mut self.lanes[lane as usize];
        let (to, world, subscription) = (l.position, l.world, l.subscription);
        let released = l.released;
        l.position = from.min(to);
        for offset in from.max(released)..to {
            if self.wants(ctx.book, lane, offset) {
                let at = self.lanes[lane as usize].partition as usize;
                let fact = self.partitions[at].get(offset).fact;
                ctx.stored(world, true);
                ctx.book.put(ctx.observer, fact, subscription, Fate::Stored);
            }
        }
    }

    /// Commits what is due when a member polls.
    fn commit_at_poll<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        match self.groups[m.group as usize].ack {
            AckMode::Before | AckMode::Transaction => {}
            AckMode::After => {
                let mut lanes = std::mem::take(&mut m.fetched);
                for &lane in &lanes {
                    if self.lanes[lane as usize].owner == member {
                        self.commit(ctx, lane);
                    }
                }
                lanes.clear();
                self.members[member as usize].fetched = lanes;
            }
            AckMode::Interval(every) => {
                if ctx.now().ns() >= m.committed_at + every.ns() {
                    self.commit_all(ctx, member);
                }
            }
        }
    }

    /// A member commits all that it has done.
    pub(super) fn commit_all<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        m.committed_at = ctx.now().ns();
        m.dirty = false;
        let before = self.groups[m.group as usize].ack == AckMode::Before;
        let spare = ctx.book.facts.spare();
        for nth in 0..self.members[member as usize].lanes.len() {
            let lane = self.members[member as usize].lanes[nth];
            if before {
                self.note_commit(ctx, lane);
            } else {
                self.commit(ctx, lane);
            }
        }
        ctx.book.tidy(spare);
    }

    /// The owner of a lane, which has nothing of it in hand, commits its place.
    pub(super) fn commit<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        if self.transacts(lane) {
            self.finish(ctx, lane);
            return;
        }
        self.note_commit(ctx, lane);
        let upto = self.lanes[lane as usize].committed;
        self.release(ctx, lane, upto, Fate::Exhausted);
    }

    fn note_commit<O: Observer>(&mut self, ctx: &Ctx<O>, lane: u32) {
        self.note_place(ctx, lane, self.lanes[lane as usize].position);
    }

    /// The place of a group is committed.
    pub(super) fn note_place<O: Observer>(&mut self, ctx: &Ctx<O>, lane: u32, place: u64) {
        let l = &mut self.lanes[lane as usize];
        l.committed = place;
        if l.again > 0 && l.committed >= l.again {
            l.again = 0;
            self.replaying -= 1;
        }
        let hw = self.partitions[l.partition as usize].hw;
        let behind = hw.saturating_sub(l.committed);
        self.histories[lane as usize].push(ctx.now().ns(), l.committed, behind);
    }

    /// A member that waits for records commits at the first poll after its interval.
    fn commit_later<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        let AckMode::Interval(every) = self.groups[m.group as usize].ack else { return };
        if m.dirty && !m.commit_armed {
            m.commit_armed = true;
            let due = m.committed_at + every.ns();
            let polls = self.spec.long_poll.ns().max(1);
            let at = m.asked + due.saturating_sub(m.asked).div_ceil(polls) * polls;
            let wait = SimDuration::from_ns(at - ctx.now().ns());
            ctx.timer(wait, About::Commit.token(member));
        }
    }

    /// An idle member polls, and commits if its interval is over.
    pub(super) fn commit_due<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        m.commit_armed = false;
        // A member at work commits when it polls next.
        if m.asking {
            self.commit_at_poll(ctx, member);
            self.commit_later(ctx, member);
        }
    }

    /// Sees to it that a member that works for too long on what it got is noticed.
    fn watch<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        if !m.watched {
            m.watched = true;
            ctx.timer(self.spec.max_poll_interval, About::Overdue.token(member));
        }
    }

    /// A member may not have polled for too long.
    pub(super) fn overdue<O: Observer>(&mut self, ctx: &mut Ctx<O>, member: u32) {
        let m = &mut self.members[member as usize];
        m.watched = false;
        if m.in_hand == 0 || !m.known {
            return;
        }
        let due = SimTime::from_ns(m.polled) + self.spec.max_poll_interval;
        if due <= ctx.now() {
            self.evict(ctx, member);
        } else {
            m.watched = true;
            ctx.timer(due.since(ctx.now()), About::Overdue.token(member));
        }
    }
}

/// A record that a member was to work on later leaves it unworked.
pub(super) fn waits_no_more<O: Observer>(
    ctx: &mut Ctx<O>,
    fact: u32,
    subscription: u32,
    since: u64,
) {
    let now = ctx.now();
    let service = ctx.subscriptions[subscription as usize].service;
    let id = ctx.book.facts.get(fact).id;
    let attempt = u32::from(ctx.book.get(fact, subscription).attempts);
    ctx.observer.unqueued(service, now);
    ctx.observer.cut_off(service, now, id, attempt, SimTime::from_ns(since));
}
