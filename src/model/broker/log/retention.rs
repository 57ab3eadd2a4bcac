//! What the log deletes by age, size or key, where a group goes on whose place is gone, and groups
//! that read again.

use super::{About, LogEngine};
use crate::model::blueprint::Reset;
use crate::model::broker::Ctx;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeSet;

/// The log looks for what is too old this often.
pub(super) const TICK: SimDuration = SimDuration::from_secs(300);

impl LogEngine {
    /// Looks for what is too old at each multiple of the tick, if something ever is.
    pub(super) fn start_ticking<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let deletes = self.spec.retention.is_some() || self.spec.retain.is_some();
        if !self.ticks && (deletes || self.spec.compaction) {
            self.ticks = true;
            let past = ctx.now().ns() % TICK.ns();
            ctx.timer(SimDuration::from_ns(TICK.ns() - past), About::Retention.token(0));
        }
    }

    /// Deletes what is too old or too much, and what compaction makes superfluous.
    pub(super) fn retention_tick<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        ctx.timer(TICK, About::Retention.token(0));
        for at in 0..self.partitions.len() as u32 {
            let part = &self.partitions[at as usize];
            let mut upto = part.start;
            if let Some(age) = self.spec.retention {
                upto = upto.max(part.dated_since(ctx.now().ns().saturating_sub(age.ns())));
            }
            if let Some(most) = self.spec.retain {
                let mut bytes = part.bytes();
                let mut first = part.start.max(part.live);
                while bytes > most && first < part.leo() {
                    bytes -= u64::from(part.get(first).size);
                    first += 1;
                    upto = upto.max(first);
                }
            }
            let upto = upto.min(part.visible());
            if upto > part.start {
                self.delete(ctx, at, upto);
            }
            if self.spec.compaction {
                self.compact(ctx, at);
            }
        }
    }

    /// Entries before `upto` are deleted.
    fn delete<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32, upto: u64) {
        self.partitions[at as usize].start = upto;
        for nth in 0..self.partitions[at as usize].lanes.len() {
            let lane = self.partitions[at as usize].lanes[nth];
            let l = &self.lanes[lane as usize];
            // What a member has in hand it works on.
            let held = if l.batch == NONE { upto } else { self.batches.get(l.batch).first };
            self.expire(ctx, lane, upto.min(held));
        }
    }

    /// A group does without the entries before `upto`.
    fn expire<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, upto: u64) {
        let l = &self.lanes[lane as usize];
        let world = l.world;
        for offset in l.position.max(l.released)..upto {
            if self.wants(ctx.book, lane, offset) {
                ctx.stored(world, false);
            }
        }
        if upto > self.lanes[lane as usize].released {
            self.release(ctx, lane, upto, Fate::Expired);
        }
        let l = &mut self.lanes[lane as usize];
        if upto > l.kept {
            l.kept = upto;
            let at = l.partition;
            self.forget(ctx, at);
        }
    }

    /// The place of a group has been deleted: it goes on somewhere else.
    pub(super) fn reset<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let part = &self.partitions[self.lanes[lane as usize].partition as usize];
        let to = match self.spec.reset {
            Reset::Latest => part.readable(),
            Reset::Earliest => part.start,
        };
        self.expire(ctx, lane, to);
        self.lanes[lane as usize].position = to;
    }

    /// Of each key only the newest entry is kept, as far as nobody is at work on it.
    fn compact<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &self.partitions[at as usize];
        let busy = |lane: &u32| {
            let l = &self.lanes[*lane as usize];
            l.kept..l.position
        };
        let lanes = part.lanes.clone();
        let busy: Vec<_> = lanes.iter().map(busy).collect();
        let mut newest = BTreeSet::new();
        for offset in (part.live.max(part.start)..part.visible()).rev() {
            let part = &mut self.partitions[at as usize];
            let entry = part.get_mut(offset);
            let fact = entry.fact;
            let key = ctx.book.facts.get(fact).key;
            if key == 0 || entry.gone || newest.insert(key) {
                continue;
            }
            if busy.iter().any(|b| b.contains(&offset)) {
                continue;
            }
            for &lane in &lanes {
                if offset >= self.lanes[lane as usize].position
                    && self.wants(ctx.book, lane, offset)
                {
                    let l = &self.lanes[lane as usize];
                    ctx.stored(l.world, false);
                    if offset >= l.holds_from() {
                        ctx.unstore(fact, l.subscription, Fate::Superseded);
                    }
                }
            }
            self.partitions[at as usize].get_mut(offset).gone = true;
        }
    }

    /// A group starts again at the place of an instant, if that lies behind it.
    pub(super) fn reads_again<O: Observer>(&mut self, ctx: &mut Ctx<O>, group: u32, to: SimTime) {
        for lane in self.groups[group as usize].lanes.clone() {
            let (batch, at) = {
                let l = &self.lanes[lane as usize];
                (l.batch, l.partition as usize)
            };
            if batch != NONE {
                self.cut_short(ctx, batch);
            }
            let part = &self.partitions[at];
            let place = part.dated_since(to.ns()).max(part.start).max(part.live);
            if place >= self.lanes[lane as usize].position {
                continue;
            }
            let place = self.breaks_off(ctx, lane, place);
            let l = &mut self.lanes[lane as usize];
            let (end, world) = (l.position, l.world);
            let held = l.holds_from();
            (l.position, l.committed, l.halted) = (place, place, false);
            l.released = l.released.min(place);
            l.settled = l.settled.min(place);
            self.replaying += u32::from(l.again == 0);
            l.again = l.again.max(end);
            // After a crash it may have been behind what it had applied.
            for offset in place..end.max(held) {
                if self.wants(ctx.book, lane, offset) {
                    if offset < end {
                        ctx.stored(world, true);
                    }
                    if offset < held {
                        let fact = self.partitions[at].get(offset).fact;
                        ctx.book.copy(fact, self.lanes[lane as usize].subscription);
                    }
                }
            }
            self.offer_now(ctx, lane);
        }
    }
}
