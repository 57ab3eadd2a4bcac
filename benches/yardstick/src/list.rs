//! Event list: a small sorted array of the nearest events (all of them, while they are few), and
//! behind it buckets of
//! 64 per level on the integer time. A bucket of few events is sorted into the array, a larger one
//! is dealt out one
//! level down. Buckets are chains of fixed blocks out of one pool, so memory stays near the number
//! of events.
use std::cmp::Reverse;

/// 16 bytes: time, then rank (3 bits), sequence (37 bits), payload (24 bits). Sequence makes every
/// key unique.
#[derive(Clone, Copy)]
pub struct Event {
    pub time: u64,
    pub word: u64,
}

impl Event {
    #[inline(always)]
    fn key(&self) -> u128 {
        u128::from(self.time) << 64 | u128::from(self.word)
    }
    #[inline(always)]
    pub fn rank(&self) -> u64 {
        self.word >> 61
    }
    #[inline(always)]
    pub fn payload(&self) -> u32 {
        self.word as u32 & 0xff_ffff
    }
}

const NIL: u32 = u32::MAX;
const BLOCK: usize = 31;
const LEAF: u32 = 48;
const SPILL: usize = 96;
const DIGITS: usize = 11;

struct Block {
    next: u32,
    n: u32,
    events: [Event; BLOCK],
}

pub struct EventList {
    near: Vec<Event>, // descending: the next event is the last element
    limit: u64,       // every event before this time is in `near`
    base: u64,        // buckets are relative to this time
    levels: u16,      // bit l: level l is not empty
    mask: [u64; DIGITS],
    head: Vec<(u32, u32)>, // newest block and number of events of a bucket
    pool: Vec<Block>,
    free: u32,
    sequence: u64,
}

impl EventList {
    pub fn new() -> Self {
        EventList {
            near: Vec::with_capacity(2 * SPILL),
            limit: 0,
            base: 0,
            levels: 0,
            mask: [0; DIGITS],
            head: vec![(NIL, 0); DIGITS * 64],
            pool: Vec::new(),
            free: NIL,
            sequence: 0,
        }
    }

    #[inline(always)]
    pub fn schedule(&mut self, time: u64, rank: u64, payload: u32) {
        let e = Event { time, word: rank << 61 | self.sequence << 24 | u64::from(payload) };
        self.sequence += 1;
        if time >= self.limit {
            self.place(e);
            return;
        }
        let mut i = self.near.len();
        self.near.push(e);
        while i > 0 && self.near[i - 1].key() < e.key() {
            self.near[i] = self.near[i - 1];
            i -= 1;
        }
        self.near[i] = e;
        if self.near.len() > SPILL {
            self.spill();
        }
    }

    #[inline(always)]
    pub fn pop(&mut self) -> Option<Event> {
        loop {
            if let Some(e) = self.near.pop() {
                return Some(e);
            }
            if !self.refill() {
                return None;
            }
        }
    }

    fn block(&mut self, next: u32) -> u32 {
        if self.free == NIL {
            self.pool.push(Block { next, n: 0, events: [Event { time: 0, word: 0 }; BLOCK] });
            return self.pool.len() as u32 - 1;
        }
        let b = self.free;
        self.free = self.pool[b as usize].next;
        self.pool[b as usize].next = next;
        self.pool[b as usize].n = 0;
        b
    }

    #[inline(always)]
    fn place(&mut self, e: Event) {
        let level = (63 - ((e.time ^ self.base) | 1).leading_zeros()) as usize / 6;
        let digit = (e.time >> (6 * level)) as usize & 63;
        self.mask[level] |= 1 << digit;
        self.levels |= 1 << level;
        let i = level << 6 | digit;
        let (mut b, n) = self.head[i];
        if b == NIL || self.pool[b as usize].n as usize == BLOCK {
            b = self.block(b);
        }
        self.head[i] = (b, n + 1);
        let block = &mut self.pool[b as usize];
        block.events[block.n as usize] = e;
        block.n += 1;
    }

    /// Move the later half of the array into the buckets, if the times allow a cut.
    #[cold]
    #[inline(never)]
    fn spill(&mut self) {
        let cut = self.near[self.near.len() / 2].time;
        let later = self.near.partition_point(|e| e.time >= cut);
        if later == self.near.len() {
            return;
        }
        self.limit = cut;
        for i in 0..later {
            let e = self.near[i];
            self.place(e);
        }
        self.near.drain(..later);
    }

    /// Fill the array from the earliest bucket; false if there is none.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> bool {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros() as usize;
            let digit = u64::from(self.mask[level].trailing_zeros());
            self.mask[level] &= self.mask[level] - 1;
            if self.mask[level] == 0 {
                self.levels &= !(1 << level);
            }
            let shift = 6 * level as u32;
            let above = if shift + 6 >= 64 { 0 } else { self.base >> (shift + 6) << (shift + 6) };
            self.base = above | digit << shift;
            let (mut b, n) =
                std::mem::replace(&mut self.head[level << 6 | digit as usize], (NIL, 0));
            let leaf = level == 0 || n <= LEAF;
            let width = 1u64.checked_shl(shift).unwrap_or(u64::MAX);
            self.limit = if leaf { self.base.saturating_add(width) } else { self.base };
            while b != NIL {
                for j in 0..self.pool[b as usize].n as usize {
                    let e = self.pool[b as usize].events[j];
                    if leaf {
                        self.near.push(e);
                    } else {
                        self.place(e);
                    }
                }
                let next = std::mem::replace(&mut self.pool[b as usize].next, self.free);
                self.free = b;
                b = next;
            }
            if leaf {
                self.near.sort_unstable_by_key(|e| Reverse(e.key()));
                return true;
            }
        }
        false
    }
}
