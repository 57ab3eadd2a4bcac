//! One partition: its entries, its copies on the nodes, and how far consumers may read.
//!
//! It knows neither groups nor the book of obligations. The entries are those of the leader: every
//! other copy is a prefix of them.

use crate::model::broker::Ctx;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use std::collections::{BTreeMap, VecDeque};

/// Entries that stay behind what everybody has committed, so that a repeated publish is recognised.
const REPEATS: u64 = 16;

/// One event in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) fact: u32,
    /// The publish attempt that waits for the answer, or `NONE`.
    pub(super) record: u32,
    pub(super) producer: u32,
    pub(super) size: u32,
    pub(super) sequence: u64,
    /// When it was appended, ns.
    pub(super) at: u64,
    /// Whether its publisher was told that it is safe.
    pub(super) acked: bool,
    /// The lane whose open transaction it belongs to, or [`NONE`].
    pub(super) open: u32,
    /// Whether compaction has removed it, or its transaction was aborted.
    pub(super) gone: bool,
}

/// A copy of a partition on a node.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) node: u32,
    /// Offset after its last entry; of the leader, see [`Partition::leo`].
    pub(super) leo: u64,
    /// Whether the leader does not reach it.
    pub(super) apart: bool,
    /// At which instant it will have entries up to which offset; ascending.
    due: VecDeque<(u64, u64)>,
}

/// A partition of a topic.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    entries: VecDeque<Entry>,
    /// Offset of the first of `entries`.
    base: u64,
    /// Log start: what lies before was deleted.
    pub(super) start: u64,
    /// What lies before has been committed by all groups, and is forgotten.
    pub(super) live: u64,
    /// High watermark: what lies before is safe.
    pub(super) hw: u64,
    /// The first entry of an open transaction; the greatest number if there is none.
    pub(super) stable: u64,
    /// Copies in the order in which they are asked to lead.
    pub(super) replicas: Vec<Replica>,
    /// Index of the copy that leads, or led last.
    pub(super) leader: u32,
    /// Whether it does lead.
    pub(super) serving: bool,
    /// Whether nobody may lead it.
    pub(super) offline: bool,
    /// Bit r: replica r is in step.
    pub(super) isr: u64,
    /// When its copies are looked at next, ns; 0: nothing is scheduled.
    pub(super) armed: u64,
    /// Producer and sequence of entries that may have survived though their publisher heard that
    /// they did not.
    pub(super) denied: Vec<(u32, u64)>,
    /// Lanes that read it.
    pub(super) lanes: Vec<u32>,
    /// Dates of entries whose publishers' clocks were wrong, ns, by their offsets.
    dates: BTreeMap<u64, u64>,
}

impl Partition {
    /// The `nth` partition of a broker, led by the nodes in turn.
    pub(super) fn new(nth: u32, nodes: u32, replicas: u32) -> Self {
        let copies = replicas.min(nodes).clamp(1, 64);
        let replica = |r| Replica {
            node: (nth % nodes + r) % nodes,
            leo: 0,
            apart: false,
            due: VecDeque::new(),
        };
        Self {
            entries: VecDeque::new(),
            base: 0,
            start: 0,
            live: 0,
            hw: 0,
            stable: u64::MAX,
            replicas: (0..copies).map(replica).collect(),
            leader: 0,
            serving: true,
            offline: false,
            isr: u64::MAX >> (64 - copies),
            armed: 0,
            denied: Vec::new(),
            lanes: Vec::new(),
            dates: BTreeMap::new(),
        }
    }

    /// Log end: the offset of the next entry.
    #[inline]
    pub(super) fn leo(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Consumers see what lies before, as long as somebody leads.
    #[inline]
    pub(super) fn visible(&self) -> u64 {
        self.hw.min(self.stable)
    }

    /// Where consumers may read up to now.
    #[inline]
    pub(super) fn readable(&self) -> u64 {
        if self.serving { self.visible() } else { 0 }
    }

    /// Its leader leads no more, if it did: the publishers of what is not safe hear so. `noted`:
    /// whether what they publish again is recognised.
    pub(super) fn steps_down<O: Observer>(&mut self, ctx: &mut Ctx<O>, noted: bool) {
        if !std::mem::replace(&mut self.serving, false) {
            return;
        }
        self.armed = 0;
        self.replicas[self.leader as usize].leo = self.leo();
        (0..self.replicas.len()).for_each(|r| self.stops_copying(r));
        for offset in self.hw..self.leo() {
            let entry = self.get_mut(offset);
            let record = std::mem::replace(&mut entry.record, NONE);
            let name = (entry.producer, entry.sequence);
            if record != NONE {
                ctx.reply(record, false);
                if noted {
                    self.denied.push(name);
                }
            }
        }
    }

    /// A transaction has ended: looks for the first entry of one that has not.
    pub(super) fn pass_closed(&mut self) {
        let end = self.leo();
        while self.stable < end && self.get(self.stable).open == NONE {
            self.stable += 1;
        }
        if self.stable >= end {
            self.stable = u64::MAX;
        }
    }

    #[inline]
    pub(super) fn get(&self, offset: u64) -> &Entry {
        &self.entries[(offset - self.base) as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, offset: u64) -> &mut Entry {
        &mut self.entries[(offset - self.base) as usize]
    }

    /// The node that leads.
    pub(super) fn node(&self) -> u32 {
        self.replicas[self.leader as usize].node
    }

    /// Copies in step.
    pub(super) fn in_step(&self) -> u32 {
        self.isr.count_ones()
    }

    /// The offset of an entry that a producer has published before.
    pub(super) fn repeat(&self, producer: u32, sequence: u64) -> Option<u64> {
        let same = |e: &Entry| e.producer == producer && e.sequence == sequence;
        let at = self.entries.iter().rposition(same)?;
        Some(self.base + at as u64)
    }

    /// Whether a publisher heard wrongly that its entry is gone. It will not ask again.
    pub(super) fn was_denied(&mut self, producer: u32, sequence: u64) -> bool {
        let at = self.denied.iter().position(|d| *d == (producer, sequence));
        at.is_some_and(|at| {
            self.denied.swap_remove(at);
            true
        })
    }

    /// Whether the entry at an offset is there and of this fact.
    #[inline]
    pub(super) fn is_at(&self, offset: u64, fact: u32) -> bool {
        let entry = self.entries.get(offset.wrapping_sub(self.base) as usize);
        entry.is_some_and(|entry| entry.fact == fact)
    }

    /// The first offset whose entry is not older than `at`.
    pub(super) fn since(&self, at: u64) -> u64 {
        self.base + self.entries.partition_point(|e| e.at < at) as u64
    }

    /// The first offset from the log start on whose entry is not dated before `at`.
    pub(super) fn dated_since(&self, at: u64) -> u64 {
        if self.dates.is_empty() {
            return self.since(at);
        }
        let date = |offset| self.dates.get(&offset).copied().unwrap_or(self.get(offset).at);
        let first = self.start.max(self.base);
        (first..self.leo()).find(|&offset| date(offset) >= at).unwrap_or(self.leo().max(first))
    }

    /// `skew`: by how much the clock of its publisher is wrong, ns.
    #[inline]
    pub(super) fn append(&mut self, entry: Entry, skew: i64) {
        if skew != 0 || !self.dates.is_empty() {
            self.note_date(entry.at, skew);
        }
        self.entries.push_back(entry);
    }

    /// Notes the date of the entry that comes next, and forgets those of entries that are gone.
    #[cold]
    fn note_date(&mut self, at: u64, skew: i64) {
        let next = self.leo();
        self.dates = self.dates.split_off(&self.base);
        self.dates.split_off(&next);
        if skew != 0 {
            self.dates.insert(next, at.saturating_add_signed(skew));
        }
    }

    /// All copies have all entries, as before the run.
    pub(super) fn settle(&mut self) {
        let end = self.leo();
        self.hw = end;
        self.replicas.iter_mut().for_each(|r| r.leo = end);
    }

    /// Takes away the last entry if it lies at `offset` or beyond.
    pub(super) fn pop_from(&mut self, offset: u64) -> Option<Entry> {
        if self.leo() > offset.max(self.live) { self.entries.pop_back() } else { None }
    }

    /// Ends the log at `offset` when everything in memory behind it has been taken away.
    pub(super) fn end_at(&mut self, offset: u64) {
        if offset < self.base {
            self.entries.clear();
            self.base = offset;
        }
        while self.leo() > offset {
            self.entries.pop_back();
        }
        self.hw = self.hw.min(offset);
        self.live = self.live.min(offset);
        self.start = self.start.min(offset);
        if self.stable >= offset {
            self.stable = u64::MAX;
        }
        for r in &mut self.replicas {
            r.leo = r.leo.min(offset);
        }
    }

    /// The fact of the first entry that is not forgotten yet, if it lies before `upto`; forgets it.
    #[inline]
    pub(super) fn forget_one(&mut self, upto: u64, repeats: bool) -> Option<u32> {
        if self.live >= upto {
            return None;
        }
        let fact = self.get(self.live).fact;
        self.live += 1;
        let kept = if repeats { REPEATS } else { 0 };
        while self.base + kept < self.live {
            self.entries.pop_front();
            self.base += 1;
        }
        Some(fact)
    }

    /// Replica `r` will have everything up to `upto` at `at`, or when it has what came before.
    #[inline]
    pub(super) fn copies(&mut self, r: usize, at: u64, upto: u64) {
        let due = &mut self.replicas[r].due;
        match due.back_mut() {
            Some(last) if last.0 >= at => last.1 = upto,
            _ => due.push_back((at, upto)),
        }
    }

    /// Replica `r` has everything up to `upto` now, if it waits for nothing that came before.
    /// Whether it has.
    #[inline]
    pub(super) fn has_at_once(&mut self, r: usize, upto: u64) -> bool {
        let replica = &mut self.replicas[r];
        let at_once = replica.due.is_empty();
        if at_once {
            replica.leo = upto;
        }
        at_once
    }

    /// Replica `r` copies no more.
    pub(super) fn stops_copying(&mut self, r: usize) {
        self.replicas[r].due.clear();
    }

    /// What copies have up to `now`.
    #[inline]
    pub(super) fn catch_up(&mut self, now: u64) {
        for r in &mut self.replicas {
            while let Some(&(at, upto)) = r.due.front() {
                if at > now {
                    break;
                }
                r.leo = upto;
                r.due.pop_front();
            }
        }
    }

    /// The least log end of the copies in step.
    #[inline]
    pub(super) fn common(&self) -> u64 {
        let mut least = self.leo();
        for (r, replica) in self.replicas.iter().enumerate() {
            if self.isr >> r & 1 == 1 && r as u32 != self.leader {
                least = least.min(replica.leo);
            }
        }
        least
    }

    /// When the high watermark or the set in step can change next; `None`: not by copying.
    pub(super) fn next_change(&self) -> Option<u64> {
        let (mut passes, mut returns, mut blocked) = (0, u64::MAX, false);
        for (r, replica) in self.replicas.iter().enumerate() {
            if r as u32 == self.leader {
                continue;
            }
            let front = replica.due.front().map(|d| d.0);
            if self.isr >> r & 1 == 0 {
                returns = returns.min(front.unwrap_or(u64::MAX));
            } else if replica.leo <= self.hw {
                blocked |= front.is_none();
                passes = passes.max(front.unwrap_or(0));
            }
        }
        let waits = self.leo() > self.hw && !blocked;
        let next = if waits { passes.min(returns) } else { returns };
        (next != u64::MAX).then_some(next)
    }

    /// Bytes of some entries.
    pub(super) fn bytes_of(&self, offsets: std::ops::Range<u64>) -> u64 {
        offsets.map(|offset| u64::from(self.get(offset).size)).sum()
    }

    /// Bytes of entries from `start`.
    pub(super) fn bytes(&self) -> u64 {
        let skipped = self.start.saturating_sub(self.base) as usize;
        self.entries.iter().skip(skipped).map(|e| u64::from(e.size)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry {
            fact: sequence as u32,
            record: 0,
            producer: 1,
            size: 10,
            sequence,
            at: sequence * 10,
            acked: true,
            open: NONE,
            gone: false,
        }
    }

    fn filled(n: u64) -> Partition {
        let mut p = Partition::new(4, 3, 3);
        (0..n).for_each(|s| p.append(entry(s), 0));
        p
    }

    #[test]
    fn leaders_take_turns_and_replicas_follow() {
        let p = Partition::new(4, 3, 2);
        assert_eq!(p.replicas.iter().map(|r| r.node).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((p.isr, p.in_step()), (0b11, 2));
    }

    #[test]
    fn the_slowest_copy_in_step_holds_the_watermark() {
        let mut p = filled(2);
        p.copies(1, 5, 1);
        p.copies(1, 6, 2);
        p.copies(2, 9, 1);
        // An entry never overtakes the one before.
        p.copies(2, 7, 2);
        assert_eq!(p.next_change(), Some(9));
        p.catch_up(6);
        assert_eq!((p.replicas[1].leo, p.common()), (2, 0));
        p.catch_up(9);
        assert_eq!(p.common(), 2);
        p.isr = 0b011;
        p.stops_copying(2);
        p.append(entry(2), 0);
        p.copies(1, 20, 3);
        p.hw = 2;
        assert_eq!(p.next_change(), Some(20));
    }

    #[test]
    fn what_everybody_has_is_forgotten_but_for_the_last_repeats() {
        let mut p = filled(100);
        p.hw = 100;
        while p.forget_one(90, true).is_some() {}
        assert_eq!((p.live, p.base, p.leo()), (90, 90 - REPEATS, 100));
        assert_eq!(p.repeat(1, 80), Some(80));
        assert_eq!((p.repeat(1, 70), p.repeat(2, 80)), (None, None));
        assert_eq!((p.since(955), p.since(0)), (96, 74));
    }
}
