//! Transactions: what a group emits to the log that it reads is shown together with its place.
//!
//! Each lane of such a group has one at a time, of what its member has worked on since the last
//! commit. An entry of an open transaction is in its partition like any other, and nobody reads it
//! or what follows it. An event that is emitted in one is *held* until a commit passes the record
//! that it came of: until then that record may be read again, and emit it again.

use super::group::Phase;
use super::{About, LogEngine};
use crate::model::blueprint::AckMode;
use crate::model::broker::{Ctx, Publication, Ticket};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::random::{Draw, StreamKey, derive_id};
use crate::units::SimDuration;

/// A member ends its transactions this often.
const EVERY: SimDuration = SimDuration::from_ms(100);
/// The coordinator aborts what is open for longer, ...
const TIMEOUT: u64 = 10_000_000_000;
/// ... when it looks, which is this often, ns.
const SWEEP: u64 = 10_000_000_000;

/// Not in the log.
const NOWHERE: u64 = u64::MAX;

/// An event that was emitted in a transaction, and is held.
#[derive(Clone, Copy, Debug)]
struct Output {
    fact: u32,
    /// The transaction that takes it along, or [`NONE`].
    number: u32,
    /// A commit up to here passes the record that it came of.
    after: u64,
    partition: u32,
    /// Where its entry lies, or [`NOWHERE`].
    offset: u64,
}

/// The transaction of a lane.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
pub(super) struct Transaction {
    /// Tells it from those before.
    number: u32,
    /// Outputs that are not safe in the log.
    waits: u32,
    /// When its first entry was appended, ns; 0: it has none.
    began: u64,
    /// What is held, in the order of emission.
    outputs: Vec<Output>,
    /// Whether a beat is in the event list.
    armed: bool,
    /// Whether it ends as soon as its member has nothing in work and its outputs are safe.
    ending: bool,
    /// Whether it was aborted under a member at work, which has to read again.
    doomed: bool,
    /// Whether its member is gone and the coordinator does not know.
    hangs: bool,
}

/// The transactions of all lanes.
#[derive(Debug)]
pub(super) struct Transactions {
    /// By lane; empty if no group has any.
    of: Vec<Transaction>,
    /// Stream of the clocks of members.
    key: StreamKey,
    /// Names of the services, by group.
    names: Vec<u64>,
    /// Lanes an output of which has become safe.
    pub(super) safe: Vec<u32>,
}

impl Transactions {
    pub(super) fn new(key: StreamKey) -> Self {
        Self { of: Vec::new(), key, names: Vec::new(), safe: Vec::new() }
    }

    /// There is a group of a service of this name.
    pub(super) fn add_group(&mut self, name: u64) {
        self.names.push(name);
    }

    /// Whether any lane has transactions.
    #[inline]
    pub(super) fn are_used(&self) -> bool {
        !self.of.is_empty()
    }

    /// There are as many lanes, some of which have transactions.
    pub(super) fn serve(&mut self, lanes: usize) {
        self.of = vec![Transaction::default(); lanes];
    }
}

impl LogEngine {
    #[inline]
    pub(super) fn transacts(&self, lane: u32) -> bool {
        self.transactions.are_used() && self.ack_of(lane) == AckMode::Transaction
    }

    fn transaction(&mut self, lane: u32) -> &mut Transaction {
        &mut self.transactions.of[lane as usize]
    }

    /// A record in work emits an event to this log. Whether it is published, and with what.
    pub(super) fn enlists<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        slot: u32,
        fact: u32,
    ) -> Option<Ticket> {
        let d = *ctx.deliveries.get(slot);
        let b = *self.batches.get(d.token);
        let offset = b.first + u64::from(d.stamp.wrapping_sub(b.first as u32));
        let t = &mut self.transactions.of[b.lane as usize];
        let mut younger = t.outputs.iter().rev().take_while(|o| o.after > b.first);
        // A further attempt finds what an earlier one has put into the transaction.
        if younger.any(|o| o.fact == fact && o.number == t.number) {
            return None;
        }
        ctx.book.hold(fact);
        if b.stray && offset < self.lanes[b.lane as usize].committed {
            // Somebody else has done that work.
            ctx.book.release(ctx.observer, fact, Fate::LostAborted);
            return None;
        }
        let refused = b.stray || t.doomed;
        let number = if refused { NONE } else { t.number };
        t.outputs.push(Output { fact, number, after: offset + 1, partition: 0, offset: NOWHERE });
        if refused {
            return None;
        }
        t.waits += 1;
        self.winds(ctx, b.lane);
        Some(Ticket { lane: b.lane, number })
    }

    /// Whether the transaction of a publication is still open for it.
    pub(super) fn admits(&mut self, p: &Publication) -> bool {
        p.ticket.lane == NONE || self.output(p).is_some()
    }

    /// What a publication has to bring about.
    fn output(&mut self, p: &Publication) -> Option<&mut Output> {
        let t = &mut self.transactions.of[p.ticket.lane as usize];
        let open = t.number == p.ticket.number;
        let mut outputs = t.outputs.iter_mut().rev();
        outputs.find(|o| open && o.fact == p.fact && o.number == p.ticket.number)
    }

    /// A publication of a transaction is the entry at `offset`.
    pub(super) fn appended<O: Observer>(&mut self, ctx: &Ctx<O>, p: &Publication, offset: u64) {
        if p.ticket.lane == NONE {
            return;
        }
        if let Some(output) = self.output(p) {
            (output.partition, output.offset) = (p.destination, offset);
        }
        let t = self.transaction(p.ticket.lane);
        t.began = if t.began == 0 { ctx.now().ns() } else { t.began };
        let part = &mut self.partitions[p.destination as usize];
        part.stable = part.stable.min(offset);
    }

    /// Outputs of transactions are safe: those may end that have waited for it.
    #[cold]
    #[inline(never)]
    pub(super) fn outputs_safe<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        let mut safe = std::mem::take(&mut self.transactions.safe);
        for lane in safe.drain(..) {
            let t = self.transaction(lane);
            if t.hangs {
                continue;
            }
            t.waits -= 1;
            if t.waits == 0 {
                self.settle(ctx, lane);
            }
        }
        self.transactions.safe = safe;
    }

    /// An event of a transaction could not be published.
    pub(super) fn not_published<O: Observer>(&mut self, ctx: &mut Ctx<O>, ticket: Ticket) {
        if self.transaction(ticket.lane).number == ticket.number {
            self.doom(ctx, ticket.lane);
        }
    }

    /// Winds up the clock that ends a transaction, if it does not go.
    pub(super) fn winds<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        if self.transaction(lane).armed {
            return;
        }
        self.transaction(lane).armed = true;
        let l = &self.lanes[lane as usize];
        let mut phase = 0;
        if l.owner != NONE {
            let group = &self.groups[l.group as usize];
            let nth = self.members[l.owner as usize].instance - group.first_instance;
            let id = derive_id(self.transactions.names[l.group as usize], u64::from(nth));
            let unit = Draw::new(self.transactions.key, id, 0).unit();
            phase = (unit * EVERY.ns() as f64) as u64;
        }
        let since = (ctx.now().ns() + EVERY.ns() - phase) % EVERY.ns();
        let wait = SimDuration::from_ns(EVERY.ns() - since);
        ctx.timer(wait, About::Transaction.token(lane));
    }

    /// The clock of a member beats: its transaction ends, or has been open for too long.
    pub(super) fn beat_of<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let now = ctx.now().ns();
        let owner = self.lanes[lane as usize].owner;
        let (ghost, silent) = match self.members.get(owner as usize) {
            Some(m) => (m.ghost, m.silent),
            None => (true, true),
        };
        let t = self.transaction(lane);
        t.armed = false;
        if t.began != 0 && now >= (t.began + TIMEOUT).next_multiple_of(SWEEP) {
            if ghost {
                self.abort(ctx, lane);
            } else {
                self.doom(ctx, lane);
            }
        } else if !ghost && !silent {
            t.ending = true;
            self.settle(ctx, lane);
        }
        let l = &self.lanes[lane as usize];
        let more = l.batch != NONE || l.position > l.committed;
        if more || self.transaction(lane).began != 0 {
            self.winds(ctx, lane);
        }
    }

    /// A member of a group with transactions has nothing of a batch in work.
    pub(super) fn goes_on<O: Observer>(&mut self, ctx: &mut Ctx<O>, batch: u32) {
        let lane = self.batches.get(batch).lane;
        self.winds(ctx, lane);
        let t = self.transaction(lane);
        if t.ending || t.doomed {
            self.settle(ctx, lane);
        } else if !self.hand(ctx, batch) {
            self.batch_over(ctx, batch);
        }
    }

    /// The transaction of a lane ends if it is to and nothing keeps it; its member goes on.
    fn settle<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let (batch, owner) = {
            let l = &self.lanes[lane as usize];
            (l.batch, l.owner)
        };
        let t = self.transaction(lane);
        let (doomed, ready) = (t.doomed, t.doomed || t.ending && t.waits == 0);
        if !ready || batch != NONE && self.batches.get(batch).out > 0 {
            return;
        }
        if doomed && batch != NONE {
            self.drop_rest(ctx, batch);
            let b = self.batches.get_mut(batch);
            b.end = b.next;
        }
        self.finish(ctx, lane);
        if batch != NONE {
            if !self.hand(ctx, batch) {
                self.batch_over(ctx, batch);
            }
        } else if self.offer(lane) && self.members[owner as usize].asking {
            self.poll(ctx, owner);
        }
        if owner != NONE && self.members[owner as usize].flushing {
            self.poll(ctx, owner);
        }
    }

    /// The transaction of a lane of which nothing is in work ends, one way or the other.
    pub(super) fn finish<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let t = self.transaction(lane);
        if std::mem::take(&mut t.doomed) {
            t.ending = false;
            let committed = self.lanes[lane as usize].committed;
            self.give_up(ctx, lane, committed);
        } else if t.waits == 0 && !t.hangs {
            self.commit_all_of(ctx, lane);
        }
    }

    /// What a lane has done since its last commit is committed, and its outputs are shown.
    fn commit_all_of<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let l = &self.lanes[lane as usize];
        // What is behind the records that were in work has to be read first.
        let done = if l.batch == NONE { l.position } else { self.batches.get(l.batch).first };
        let (place, committed) = (done.min(l.position), l.committed);
        let t = self.transaction(lane);
        (t.ending, t.began) = (false, 0);
        if place == committed && t.outputs.is_empty() {
            return;
        }
        let number = t.number;
        t.number += 1;
        let mut outputs = std::mem::take(&mut t.outputs);
        let mut touched = Vec::new();
        outputs.retain_mut(|o| {
            let passed = o.after <= place;
            if o.offset != NOWHERE {
                touched.push(o.partition);
            }
            if !passed {
                // The record will be read again, and emit it again.
                self.retract(ctx, o);
            } else if o.number == number && o.offset != NOWHERE {
                self.partitions[o.partition as usize].get_mut(o.offset).open = NONE;
                ctx.shown(o.fact);
            } else {
                ctx.book.release(ctx.observer, o.fact, Fate::LostAborted);
            }
            !passed
        });
        self.transaction(lane).outputs = outputs;
        self.note_place(ctx, lane, place);
        self.release(ctx, lane, place, Fate::Exhausted);
        for at in touched {
            self.show_more(ctx, at);
        }
    }

    /// The outputs of a transaction will never be shown.
    pub(super) fn abort<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let t = self.transaction(lane);
        t.number += 1;
        (t.waits, t.began, t.ending, t.doomed, t.hangs) = (0, 0, false, false, false);
        let mut outputs = std::mem::take(&mut t.outputs);
        let mut touched = Vec::new();
        for o in outputs.iter_mut().filter(|o| o.offset != NOWHERE) {
            touched.push(o.partition);
            self.retract(ctx, o);
        }
        self.transaction(lane).outputs = outputs;
        for at in touched {
            self.show_more(ctx, at);
        }
    }

    /// A transaction is aborted under a member that is there: it has to read again.
    fn doom<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        self.abort(ctx, lane);
        self.transaction(lane).doomed = true;
        self.settle(ctx, lane);
    }

    /// The member of a lane has died: whatever it has sent comes too late, and what is in the log
    /// stays open until the coordinator looks, or somebody takes the place of the member.
    pub(super) fn hang<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        let t = self.transaction(lane);
        t.number += 1;
        (t.waits, t.ending, t.doomed, t.hangs) = (0, false, false, t.began != 0);
        if t.hangs {
            self.winds(ctx, lane);
        }
    }

    /// Whether a member of a lane may leave without anything to come.
    pub(super) fn is_settled(&self, lane: u32) -> bool {
        let t = self.transactions.of.get(lane as usize);
        !self.transacts(lane) || t.is_some_and(|t| t.waits == 0 && !t.doomed)
    }

    /// A member takes up its lane again: the transaction that its last life left ends.
    pub(super) fn fences<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32) {
        if self.transacts(lane) && self.transaction(lane).hangs {
            self.abort(ctx, lane);
        }
    }

    /// A lane goes back to `place`: an open transaction is aborted, and what it would have
    /// committed is read again, too. Where the lane goes on.
    pub(super) fn breaks_off<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        lane: u32,
        place: u64,
    ) -> u64 {
        if !self.transacts(lane) {
            return place;
        }
        self.abort(ctx, lane);
        place.min(self.lanes[lane as usize].committed)
    }

    /// Work on a record has failed for good: what it has emitted is not shown.
    #[cold]
    #[inline(never)]
    pub(super) fn recants<O: Observer>(&mut self, ctx: &mut Ctx<O>, lane: u32, offset: u64) {
        if !self.transacts(lane) {
            return;
        }
        let t = self.transaction(lane);
        let number = t.number;
        let mut outputs = std::mem::take(&mut t.outputs);
        let mut touched = Vec::new();
        for o in outputs.iter_mut().filter(|o| o.after == offset + 1 && o.number == number) {
            if o.offset == NOWHERE || o.offset >= self.partitions[o.partition as usize].hw {
                self.transaction(lane).waits -= 1;
            }
            if o.offset != NOWHERE {
                touched.push(o.partition);
            }
            self.retract(ctx, o);
            o.number = NONE;
        }
        self.transaction(lane).outputs = outputs;
        for at in touched {
            self.show_more(ctx, at);
        }
    }

    /// An output will not be shown: its entry is as good as gone.
    fn retract<O: Observer>(&mut self, ctx: &mut Ctx<O>, o: &mut Output) {
        let offset = std::mem::replace(&mut o.offset, NOWHERE);
        if offset == NOWHERE {
            return;
        }
        let part = &mut self.partitions[o.partition as usize];
        let entry = part.get_mut(offset);
        (entry.open, entry.gone) = (NONE, true);
        for &lane in &part.lanes {
            let l = &self.lanes[lane as usize];
            if !l.picky || ctx.wants(o.fact, l.subscription) {
                ctx.takes_out(o.fact, l.subscription, Fate::LostAborted);
            }
        }
    }

    /// An entry of an open transaction is gone with a node.
    #[cold]
    #[inline(never)]
    pub(super) fn output_gone<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        lane: u32,
        (partition, offset): (u32, u64),
        acked: bool,
    ) {
        let outputs = &mut self.transactions.of[lane as usize].outputs;
        let here = |o: &Output| (o.partition, o.offset) == (partition, offset);
        let Some(at) = outputs.iter().position(here) else { return };
        outputs[at].offset = NOWHERE;
        if acked {
            // Nobody publishes it again.
            let fact = outputs.remove(at).fact;
            ctx.book.release(ctx.observer, fact, Fate::LostAcked);
        }
    }

    /// Records from `offset` on that a lane has read are gone: a commit up to there passes them.
    pub(super) fn inputs_gone(&mut self, lane: u32, offset: u64) {
        if self.transacts(lane) {
            for o in &mut self.transaction(lane).outputs {
                o.after = o.after.min(offset);
            }
        }
    }

    /// Consumers see what lies before the first entry of a transaction that is still open.
    fn show_more<O: Observer>(&mut self, ctx: &mut Ctx<O>, at: u32) {
        let part = &mut self.partitions[at as usize];
        let before = part.visible();
        part.pass_closed();
        let after = part.visible();
        if after > before {
            self.show(ctx, at, before, after);
            self.shown_up_to(ctx, at);
        }
    }

    /// A member that has to do something for its group, or leaves, ends its transactions first.
    /// Whether it waits for that.
    pub(super) fn flushes(&mut self, member: u32) -> bool {
        let m = &mut self.members[member as usize];
        let g = &self.groups[m.group as usize];
        if g.ack != AckMode::Transaction {
            return false;
        }
        let called = g.phase == Phase::Joining && !m.joined;
        m.flushing = false;
        if m.draining || m.revoking || called {
            for &lane in &m.lanes {
                let t = &mut self.transactions.of[lane as usize];
                if t.waits > 0 {
                    t.ending = true;
                    m.flushing = true;
                }
            }
        }
        m.asking &= !m.flushing;
        m.flushing
    }
}
