//! The book of obligations: which subscription still has to apply which fact, and how many copies
//! of it are left that could.
//!
//! An obligation lives as long as its fact; a fact lives until all of its obligations are resolved
//! and nothing refers to it. Copies that are lost matter only if no other is left.

use super::fate::Fate;
use super::identity::Identity;
use super::observation::Observer;
use super::slab::{Slab, in_order};
use super::tables::{Fact, NONE, Range};
use crate::units::SimTime;

/// One fact at one subscription, on its way through a broker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Obligation {
    /// When a broker first had it, ns; 0: never.
    pub(crate) stored: u64,
    /// When it was first given to a consumer, ns; 0: never.
    pub(crate) first: u64,
    /// Copies at the broker, on their way or in work.
    pub(crate) refs: u32,
    /// Attempts that consumers have made, for draws.
    pub(crate) attempts: u16,
    /// Attempts that failed.
    pub(crate) failed: u16,
    /// Times that it was given to a consumer.
    pub(crate) deliveries: u16,
    /// What has come of it at its subscription, for [`Families`](super::identity); 0: nothing.
    pub(crate) family: u32,
    pub(crate) fate: Fate,
    /// Whether the subscription wants it at all: through a broker, and past its filter.
    pub(crate) wanted: bool,
}

impl Obligation {
    /// A consumer has made an attempt, or begun it: whoever is next draws anew.
    #[inline]
    pub(crate) fn tried(&mut self, attempt: u32) {
        self.attempts = self.attempts.max((attempt + 1).min(u32::from(u16::MAX)) as u16);
    }

    /// If it is open it is pending, stored or leased from now on.
    #[inline]
    fn moves<O: Observer>(&mut self, o: &mut O, subscription: u32, to: Fate) {
        let from = self.fate;
        if from.is_open() && from != to {
            self.fate = to;
            o.moved(subscription, from, to);
        }
    }

    /// It is given to a consumer.
    #[inline]
    pub(crate) fn given_out(&mut self, now: u64) {
        if self.deliveries == 0 {
            self.first = now;
        }
        self.deliveries = self.deliveries.saturating_add(1);
    }
}

/// Facts and their obligations.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) facts: Slab<Fact>,
    /// Subscriptions of each event type.
    pub(crate) heard: Vec<Range>,
    obligations: Vec<Obligation>,
    /// Free blocks of obligations, by their size.
    free: Vec<Vec<u32>>,
    /// Facts that are resolved but not forgotten yet.
    resolved: usize,
    /// Who is who.
    pub(crate) identity: Identity,
}

impl Book {
    pub(crate) fn new(heard: Vec<Range>) -> Self {
        let most = heard.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        // Unused: what lies behind as many as there are subscriptions is never less than the
        // number of one.
        let blank = heard.iter().map(|h| h.end).max().unwrap_or(0);
        Self {
            facts: Slab::new(),
            heard,
            obligations: vec![Obligation::default(); blank as usize],
            free: vec![Vec::new(); most + 1],
            resolved: 0,
            identity: Identity::default(),
        }
    }

    /// Facts that somebody still has to resolve.
    #[inline]
    pub(crate) fn unresolved(&self) -> usize {
        self.facts.len() - self.resolved
    }

    /// Facts may have been forgotten in bulk since there were so many free slots: those that come
    /// next shall lie side by side.
    pub(crate) fn tidy(&mut self, free: usize) {
        let new = self.facts.spare().saturating_sub(free);
        self.facts.reuse_in_order(new);
        for blocks in &mut self.free {
            in_order(blocks, new);
        }
    }

    /// Gives a fact a blank obligation for each of its subscriptions.
    pub(crate) fn allot(&mut self, fact: u32) {
        let f = self.facts.get_mut(fact);
        let size = self.heard[f.event as usize].len();
        let block = if let Some(block) = self.free[size].pop() {
            block
        } else {
            let block = self.obligations.len() as u32;
            self.obligations.resize(block as usize + size, Obligation::default());
            block
        };
        f.base = block - self.heard[f.event as usize].start;
        let block = block as usize;
        self.obligations[block..block + size].fill(Obligation::default());
    }

    /// Where the obligation of a subscription is.
    #[inline]
    fn place(&self, fact: u32, subscription: u32) -> usize {
        (self.facts.get(fact).base + subscription) as usize
    }

    /// The obligation of a subscription.
    #[inline]
    pub(crate) fn get(&mut self, fact: u32, subscription: u32) -> &mut Obligation {
        let at = self.place(fact, subscription);
        &mut self.obligations[at]
    }

    /// Whether a subscription wants the fact.
    #[inline]
    pub(crate) fn wants(&self, fact: u32, subscription: u32) -> bool {
        let listed = self.facts.get(fact).base != NONE;
        listed && self.obligations[self.place(fact, subscription)].wanted
    }

    /// The subscription wants the fact: its obligation is pending.
    pub(crate) fn open<O: Observer>(&mut self, o: &mut O, fact: u32, subscription: u32) {
        self.get(fact, subscription).wanted = true;
        let f = self.facts.get_mut(fact);
        f.left += 1;
        if f.backfill {
            o.backfilled(subscription);
        } else {
            o.opened(subscription, SimTime::from_ns(f.commit));
        }
    }

    /// Something may still publish the fact.
    #[inline]
    pub(crate) fn hold(&mut self, fact: u32) {
        let f = self.facts.get_mut(fact);
        f.holds += 1;
        f.refs += 1;
    }

    /// Something will not publish the fact any more. Obligations that no copy is left of end with
    /// `reason`.
    pub(crate) fn release<O: Observer>(&mut self, o: &mut O, fact: u32, reason: Fate) {
        let f = self.facts.get_mut(fact);
        f.holds -= 1;
        f.refs -= 1;
        if f.holds == 0 && f.left > 0 {
            for subscription in self.heard[f.event as usize].clone() {
                let b = self.get(fact, subscription);
                if b.wanted && b.refs == 0 && b.fate.is_open() {
                    self.end(o, fact, subscription, reason);
                }
            }
        }
        self.forget(fact);
    }

    /// The fact must not be forgotten, though nothing will come of it by itself.
    #[inline]
    pub(crate) fn keep(&mut self, fact: u32) {
        self.facts.get_mut(fact).refs += 1;
    }

    /// The fact may be forgotten again.
    #[inline]
    pub(crate) fn let_go(&mut self, fact: u32) {
        self.facts.get_mut(fact).refs -= 1;
        self.forget(fact);
    }

    /// There is another copy for a subscription.
    #[inline]
    pub(crate) fn copy(&mut self, fact: u32, subscription: u32) {
        self.facts.get_mut(fact).refs += 1;
        self.get(fact, subscription).refs += 1;
    }

    /// There is another copy for a subscription: stored at a broker, or leased to a consumer.
    #[inline]
    pub(crate) fn gain<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
        to: Fate,
    ) -> &mut Obligation {
        self.facts.get_mut(fact).refs += 1;
        let b = self.get(fact, subscription);
        b.refs += 1;
        b.moves(o, subscription, to);
        b
    }

    /// A copy is gone. If it was the last that could be applied, the obligation ends with `reason`;
    /// unless it was lost by accident and may be published again.
    #[inline]
    pub(crate) fn drop<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
        reason: Fate,
    ) {
        self.give_back(o, fact, subscription, reason);
        self.forget(fact);
    }

    /// The same of a copy of a fact that something else still refers to.
    #[inline]
    pub(crate) fn give_back<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
        reason: Fate,
    ) {
        let f = self.facts.get_mut(fact);
        f.refs -= 1;
        let held = f.holds > 0;
        let b = self.get(fact, subscription);
        b.refs -= 1;
        if b.refs == 0 && b.fate.is_open() {
            if reason.is_loss() && held {
                self.put(o, fact, subscription, Fate::Pending);
            } else {
                self.end(o, fact, subscription, reason);
            }
        }
    }

    /// If a subscription has applied the fact, or a newer one instead, a copy for it is given back:
    /// nothing changes any more what has become of it, and something else still refers to the fact.
    /// Whether it is so.
    #[inline]
    pub(crate) fn settles(&mut self, fact: u32, subscription: u32) -> bool {
        let b = self.get(fact, subscription);
        let settled = matches!(b.fate, Fate::Applied | Fate::Superseded);
        if settled {
            b.refs -= 1;
            self.facts.get_mut(fact).refs -= 1;
        }
        settled
    }

    /// An open obligation changes between pending, stored and leased.
    #[inline]
    pub(crate) fn put<O: Observer>(&mut self, o: &mut O, fact: u32, subscription: u32, to: Fate) {
        self.get(fact, subscription).moves(o, subscription, to);
    }

    /// An open obligation is resolved, whatever copies are left.
    pub(crate) fn end<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
        reason: Fate,
    ) {
        let b = self.get(fact, subscription);
        let from = b.fate;
        if !from.is_open() {
            return;
        }
        b.fate = reason;
        // Whoever is given it again all the same has all attempts.
        b.failed = 0;
        o.moved(subscription, from, reason);
        let missing = !matches!(reason, Fate::Applied | Fate::Superseded);
        if reason == Fate::Superseded {
            self.identity.overtaken(o, fact);
        }
        if missing {
            self.identity.harm(o, self.identity.about(fact), subscription);
        }
        let f = self.facts.get_mut(fact);
        f.given_up |= missing;
        f.left -= 1;
        self.resolved += usize::from(f.left == 0);
    }

    /// A subscription has applied the fact. What it was before, or `None` if it had applied it
    /// already.
    pub(crate) fn apply<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
    ) -> Option<Fate> {
        let b = self.get(fact, subscription);
        let from = b.fate;
        if from == Fate::Applied {
            return None;
        }
        b.fate = Fate::Applied;
        o.moved(subscription, from, Fate::Applied);
        if from.is_open() {
            let f = self.facts.get_mut(fact);
            f.left -= 1;
            self.resolved += usize::from(f.left == 0);
        }
        Some(from)
    }

    /// A dead letter returns to its queue.
    pub(crate) fn reopen<O: Observer>(&mut self, o: &mut O, fact: u32, subscription: u32) {
        let b = self.get(fact, subscription);
        if b.fate != Fate::DeadLettered {
            return;
        }
        b.fate = Fate::Stored;
        o.moved(subscription, Fate::DeadLettered, Fate::Stored);
        let f = self.facts.get_mut(fact);
        self.resolved -= usize::from(f.left == 0);
        f.left += 1;
    }

    /// Forgets a fact that nothing refers to any more, and what only it kept in memory.
    #[inline]
    pub(crate) fn forget(&mut self, fact: u32) {
        self.clear(fact);
        self.bury();
    }

    /// Forgets a fact that nothing refers to any more, but for what came of it.
    #[inline]
    pub(crate) fn clear(&mut self, fact: u32) {
        let f = self.facts.get_mut(fact);
        if f.left > 0 || f.refs > 0 {
            return;
        }
        let heard = self.heard[f.event as usize].clone();
        let size = heard.len();
        let base = std::mem::replace(&mut f.base, NONE);
        let fruitful = std::mem::take(&mut f.fruitful);
        if base != NONE {
            let block = base + heard.start;
            if fruitful {
                for at in block as usize..block as usize + size {
                    self.orphan(self.obligations[at].family);
                }
            }
            self.identity.forget(fact);
            self.free[size].push(block);
            self.resolved -= 1;
        }
        self.facts.get_mut(fact).given_up = false;
        self.facts.free(fact);
    }
}
