//! The future event list, ordered by (time, rank, order of insertion).
//!
//! Three parts: the events of the current instant, one first-in first-out queue per rank; the
//! nearest events in a small sorted array; behind it buckets by the digits of the time in base 64,
//! each a chain of blocks out of one pool. A bucket of few events is sorted into the array when its
//! turn comes, a larger one is dealt out one level down. Chains and sorts keep the order of
//! insertion, so an entry needs no sequence number: time and event, 16 bytes for an 8-byte event.
//! Why not a heap: see docs/performance.md.

use super::Event;
use crate::units::SimTime;
use std::cmp::Reverse;
use std::collections::VecDeque;

/// Events per block: a block of 16-byte entries fills eight cache lines.
const BLOCK: usize = 31;
/// A bucket of at most this many events is sorted rather than dealt out.
const LEAF: u32 = 48;
/// The array is cut in two when it grows beyond this.
const SPILL: usize = 96;
/// Digits of 6 bits in a 64-bit time.
const LEVELS: usize = 11;
const DIGITS: usize = 64;
/// Ranks are below this.
const RANKS: usize = 8;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    time: u64,
    event: E,
}

impl<E: Event> Entry<E> {
    /// Whether `self` is due before `other` or, all else being equal, is not later.
    #[inline]
    fn not_after(&self, other: &Self) -> bool {
        self.time < other.time
            || (self.time == other.time && self.event.rank() <= other.event.rank())
    }
}

#[derive(Debug)]
struct Block<E> {
    entries: Vec<Entry<E>>,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    head: u32,
    tail: u32,
    count: u32,
}

const EMPTY: Bucket = Bucket { head: NONE, tail: NONE, count: 0 };

/// The events to come.
#[derive(Debug)]
pub struct EventList<E> {
    /// Time of the event popped last.
    now: u64,
    /// Events inserted for the instant `now` since it was reached, by rank.
    instant: [VecDeque<E>; RANKS],
    /// Ranks whose queue in `instant` is not empty.
    ranks: u8,
    /// Latest first, so that the next event is the last element.
    near: Vec<Entry<E>>,
    /// Every event before this time is in `near` (or `instant`).
    limit: u64,
    /// Buckets are relative to this time.
    base: u64,
    /// Bit l: level l has events.
    levels: u16,
    /// Bit d of element l: bucket d of level l has events.
    digits: [u64; LEVELS],
    buckets: Vec<Bucket>,
    pool: Vec<Block<E>>,
    free: u32,
}

impl<E: Event> Default for EventList<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Event> EventList<E> {
    /// No events.
    pub fn new() -> Self {
        Self {
            now: 0,
            instant: std::array::from_fn(|_| VecDeque::new()),
            ranks: 0,
            near: Vec::with_capacity(2 * SPILL),
            limit: 0,
            base: 0,
            levels: 0,
            digits: [0; LEVELS],
            buckets: vec![EMPTY; LEVELS * DIGITS],
            pool: Vec::new(),
            free: NONE,
        }
    }

    /// Whether no event is left.
    pub fn is_empty(&self) -> bool {
        self.ranks == 0 && self.near.is_empty() && self.levels == 0
    }

    /// Adds an event at `at`, which is not before the event popped last.
    #[inline(always)]
    pub fn insert(&mut self, at: SimTime, event: E) {
        let entry = Entry { time: at.ns(), event };
        if entry.time >= self.limit {
            self.place(entry);
        } else if entry.time == self.now {
            let rank = event.rank() as usize % RANKS;
            self.ranks |= 1 << rank;
            self.instant[rank].push_back(event);
        } else {
            self.insert_near(entry);
        }
    }

    #[inline(always)]
    fn insert_near(&mut self, entry: Entry<E>) {
        let mut at = self.near.len();
        self.near.push(entry);
        while at > 0 && self.near[at - 1].not_after(&entry) {
            self.near[at] = self.near[at - 1];
            at -= 1;
        }
        self.near[at] = entry;
        if self.near.len() > SPILL {
            self.spill();
        }
    }

    /// Takes the earliest event out if it is due by `until`.
    #[inline]
    pub fn pop_until(&mut self, until: SimTime) -> Option<(SimTime, E)> {
        if self.ranks != 0 {
            return self.pop_instant(until);
        }
        loop {
            if let Some(entry) = self.near.last() {
                if entry.time > until.ns() {
                    return None;
                }
                self.now = entry.time;
                return self.near.pop().map(|e| (SimTime::from_ns(e.time), e.event));
            }
            if !self.refill() {
                return None;
            }
        }
    }

    /// Events of this instant that were known before it began go first within their rank.
    fn pop_instant(&mut self, until: SimTime) -> Option<(SimTime, E)> {
        let now = SimTime::from_ns(self.now);
        if now > until {
            return None;
        }
        let rank = self.ranks.trailing_zeros() as usize;
        if self.near.last().is_some_and(|e| e.time == self.now && e.event.rank() as usize <= rank) {
            return self.near.pop().map(|e| (now, e.event));
        }
        let event = self.instant[rank].pop_front();
        if self.instant[rank].is_empty() {
            self.ranks &= !(1 << rank);
        }
        event.map(|e| (now, e))
    }

    /// Appends an entry to its bucket.
    #[inline]
    fn place(&mut self, entry: Entry<E>) {
        let level = ((entry.time ^ self.base) | 1).ilog2() as usize / 6;
        let digit = (entry.time >> (6 * level)) as usize % DIGITS;
        self.digits[level] |= 1 << digit;
        self.levels |= 1 << level;
        let bucket = &mut self.buckets[level * DIGITS + digit];
        bucket.count += 1;
        let tail = bucket.tail;
        if tail != NONE && self.pool[tail as usize].entries.len() < BLOCK {
            self.pool[tail as usize].entries.push(entry);
            return;
        }
        self.append_block(level * DIGITS + digit, entry);
    }

    #[inline(never)]
    fn append_block(&mut self, bucket: usize, entry: Entry<E>) {
        let block = if self.free == NONE {
            self.pool.push(Block { entries: Vec::with_capacity(BLOCK), next: NONE });
            self.pool.len() as u32 - 1
        } else {
            let block = self.free;
            self.free = self.pool[block as usize].next;
            self.pool[block as usize].next = NONE;
            block
        };
        self.pool[block as usize].entries.push(entry);
        let bucket = &mut self.buckets[bucket];
        let tail = std::mem::replace(&mut bucket.tail, block);
        if tail == NONE {
            bucket.head = block;
        } else {
            self.pool[tail as usize].next = block;
        }
    }

    /// Moves the later half of the array into the buckets; all of it if it is of one instant.
    #[cold]
    #[inline(never)]
    fn spill(&mut self) {
        let cut = self.near[self.near.len() / 2].time;
        let later = self.near.partition_point(|e| e.time >= cut);
        self.limit = cut;
        for at in (0..later).rev() {
            let entry = self.near[at];
            self.place(entry);
        }
        self.near.drain(..later);
    }

    /// Fills the empty array from the earliest bucket; false if there is none.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> bool {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.digits[level].trailing_zeros() as usize;
            self.digits[level] &= self.digits[level] - 1;
            if self.digits[level] == 0 {
                self.levels &= !(1 << level);
            }
            let shift = 6 * level as u32;
            let above = if shift + 6 >= 64 { 0 } else { self.base >> (shift + 6) << (shift + 6) };
            self.base = above | (digit as u64) << shift;
            let bucket = std::mem::replace(&mut self.buckets[level * DIGITS + digit], EMPTY);
            let leaf = level == 0 || bucket.count <= LEAF;
            self.limit = if leaf { self.base.saturating_add(1 << shift) } else { self.base };
            self.empty_chain(bucket.head, leaf);
            if leaf {
                // Latest first, and of equals the one inserted last first: reverse, then sort
                // stably.
                self.near.reverse();
                self.near.sort_by_key(|e| Reverse((e.time, e.event.rank())));
                return true;
            }
        }
        false
    }

    /// Moves a chain's entries, in order, into the array or one level down, and frees its blocks.
    fn empty_chain(&mut self, head: u32, leaf: bool) {
        let mut block = head;
        while block != NONE {
            let mut entries = std::mem::take(&mut self.pool[block as usize].entries);
            if leaf {
                self.near.extend_from_slice(&entries);
            } else {
                for &entry in &entries {
                    self.place(entry);
                }
            }
            entries.clear();
            self.pool[block as usize].entries = entries;
            let next = std::mem::replace(&mut self.pool[block as usize].next, self.free);
            self.free = block;
            block = next;
        }
    }
}
