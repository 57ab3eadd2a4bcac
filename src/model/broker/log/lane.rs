//! A lane: what one group has read of one partition. And what its members have in hand.

use std::collections::VecDeque;

use super::partition::Entry;
use crate::model::book::Book;
use crate::model::tables::NONE;

/// How far a group is with a partition.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
pub(super) struct Lane {
    /// Its number among the lanes of the world.
    pub(super) world: u32,
    pub(super) partition: u32,
    pub(super) group: u32,
    pub(super) subscription: u32,
    /// Whether the subscription has a filter.
    pub(super) picky: bool,
    /// The member that reads it, or `NONE`.
    pub(super) owner: u32,
    /// What its member has in hand of it, or `NONE`.
    pub(super) batch: u32,
    /// Offset that is fetched next.
    pub(super) position: u64,
    /// Where the next owner starts.
    pub(super) committed: u64,
    /// The log's copies for this group up to here have been given back.
    pub(super) released: u64,
    /// Copies up to here were given back when they had been applied, ahead of the commit: they are
    /// at hand then, and out of every cache when it comes.
    pub(super) settled: u64,
    /// The log keeps entries from here on for this group, because it may read them again.
    pub(super) kept: u64,
    /// Offsets before this one are read again, though that had been committed.
    pub(super) again: u64,
    /// Whether it is among those that its member fetches from.
    pub(super) queued: bool,
    /// Whether work that failed for good stops it.
    pub(super) halted: bool,
    /// Whether its owner has to give it up.
    pub(super) leaving: bool,
    /// The member that it is meant for, or `NONE`.
    pub(super) target: u32,
}

impl Lane {
    pub(super) fn new(
        world: u32,
        partition: u32,
        group: u32,
        subscription: u32,
        picky: bool,
    ) -> Self {
        Self {
            world,
            partition,
            group,
            subscription,
            picky,
            owner: NONE,
            batch: NONE,
            position: 0,
            committed: 0,
            released: 0,
            settled: 0,
            kept: 0,
            again: 0,
            queued: false,
            halted: false,
            leaving: false,
            target: NONE,
        }
    }

    /// Whether the group wants an entry that is still there.
    #[inline(always)]
    pub(super) fn wants(&self, book: &Book, entry: &Entry) -> bool {
        !entry.gone && (!self.picky || book.wants(entry.fact, self.subscription))
    }

    /// The first entry of which the log's copy for this group has not been given back.
    #[inline]
    pub(super) fn holds_from(&self) -> u64 {
        self.released.max(self.settled)
    }

    /// Whether its owner may fetch from it, if there is something.
    pub(super) fn is_open(&self) -> bool {
        self.owner != NONE && self.batch == NONE && !self.halted
    }
}

/// Records of one partition that a member got in one answer, and works off one after the other, or
/// as many at a time as its handler takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) lane: u32,
    pub(super) member: u32,
    /// The first record that may still be in work.
    pub(super) first: u64,
    /// The first record that waits behind those in work.
    pub(super) next: u64,
    pub(super) end: u64,
    /// Records in work.
    pub(super) out: u32,
    /// Records that wait behind them.
    pub(super) behind: u32,
    /// When the member asked for them, ns.
    pub(super) fetched: u64,
    /// When they reach the member, ns.
    pub(super) arrives: u64,
    /// The last delivery of those that came by themselves, which brings the others along; `NONE`
    /// once it is done.
    pub(super) slot: u32,
    /// The first record that failed for good and stops the partition.
    pub(super) halts: u64,
    /// Whether the partition has been taken from the member meanwhile.
    pub(super) stray: bool,
}

impl Batch {
    pub(super) const BLANK: Self = Self {
        lane: NONE,
        member: NONE,
        first: 0,
        next: 0,
        end: 0,
        out: 0,
        behind: 0,
        fetched: 0,
        arrives: 0,
        slot: NONE,
        halts: u64::MAX,
        stray: false,
    };
}

/// What a member still has of a partition that was taken from it: it works on, in vain.
#[derive(Clone, Debug)]
pub(super) struct Stray {
    pub(super) batch: u32,
    /// Facts behind those in work. Each counts as a copy.
    pub(super) facts: VecDeque<u32>,
}
