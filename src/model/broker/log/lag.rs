//! How far a group is behind, as an operator sees it.

use super::LogEngine;
use crate::units::{SimDuration, SimTime};

/// Commits that a judgement rests on.
const WINDOW: usize = 10;

/// How far a group is behind on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Entries that the group has not committed: the high watermark less the committed offset.
    pub messages: u64,
    /// Entries that it has not fetched.
    pub fetch: u64,
    /// Age of the first entry that it has not committed; 0 if there is none.
    pub age: SimDuration,
    /// What its last commits say.
    pub status: LagStatus,
}

/// Whether a group keeps up with a partition, by the rules of Burrow, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LagStatus {
    /// It keeps up, or catches up.
    Ok,
    /// It commits, and its lag never shrinks.
    Warn,
    /// It commits the same place again and again.
    Stall,
    /// It went back and has not come as far again.
    Rewind,
    /// It commits no more.
    Stop,
}

/// The last commits of a group on a partition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    commits: [(u64, u64, u64); WINDOW],
    next: u32,
    len: u32,
}

impl History {
    /// A commit at `at` ns of `offset`, `lag` entries before the high watermark.
    #[inline]
    pub(super) fn push(&mut self, at: u64, offset: u64, lag: u64) {
        self.commits[self.next as usize] = (at, offset, lag);
        self.next = (self.next + 1) % WINDOW as u32;
        self.len = (self.len + 1).min(WINDOW as u32);
    }

    /// What the commits say at `now` ns if the group is `lag` behind.
    fn status(&self, now: u64, lag: u64) -> LagStatus {
        // A full ring begins at `next`, one that is not at its start.
        let commits = &self.commits[..self.len as usize];
        let (newer, older) = commits.split_at(self.next as usize % commits.len().max(1));
        let mut inorder = older.iter().chain(newer).copied();
        let Some(oldest) = inorder.next() else { return LagStatus::Ok };
        let (mut last, mut highest) = (oldest, oldest.1);
        let (mut fell, mut empty, mut grows) = (false, oldest.2 == 0, true);
        for commit in inorder {
            fell |= commit.1 < last.1;
            empty |= commit.2 == 0;
            grows &= commit.2 >= last.2;
            highest = highest.max(commit.1);
            last = commit;
        }
        if commits.len() < 2 {
            LagStatus::Ok
        } else if now - last.0 > last.0 - oldest.0 && last.2 > 0 && lag > 0 {
            LagStatus::Stop
        } else if fell && last.1 < highest {
            LagStatus::Rewind
        } else if empty {
            LagStatus::Ok
        } else if oldest.1 == last.1 {
            LagStatus::Stall
        } else if grows {
            LagStatus::Warn
        } else {
            LagStatus::Ok
        }
    }
}

impl LogEngine {
    /// How far a group is behind on the lane that is the world's `lane`.
    pub(super) fn lag_of(&self, now: SimTime, group: u32, lane: u32) -> Lag {
        let first = self.groups[group as usize].lanes.start;
        let at = first + (lane - self.lanes[first as usize].world);
        let l = &self.lanes[at as usize];
        let part = &self.partitions[l.partition as usize];
        let messages = part.hw.saturating_sub(l.committed);
        let oldest = l.committed.max(part.live);
        let age = if oldest < part.hw {
            now.since(SimTime::from_ns(part.get(oldest).at))
        } else {
            SimDuration::ZERO
        };
        Lag {
            messages,
            fetch: part.hw.saturating_sub(l.position),
            age,
            status: self.histories[at as usize].status(now.ns(), messages),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_follows_from_the_last_commits() {
        use LagStatus::{Ok, Rewind, Stall, Stop, Warn};
        // Commits as (offset, lag), one per second; when asked; the lag then.
        for (commits, now, lag, status) in [
            (vec![(5, 3)], 100, 3, Ok),
            (vec![(5, 3), (6, 4), (7, 5)], 4, 5, Warn),
            (vec![(5, 3), (6, 4), (7, 3)], 4, 3, Ok),
            (vec![(5, 3), (5, 4), (5, 5)], 4, 5, Stall),
            (vec![(5, 0), (5, 4), (5, 5)], 4, 5, Ok),
            (vec![(5, 3), (9, 1), (6, 4)], 4, 4, Rewind),
            (vec![(5, 3), (4, 4), (6, 4)], 4, 4, Warn),
            (vec![(5, 3), (6, 4), (7, 5)], 6, 5, Stop),
            (vec![(5, 3), (6, 4), (7, 0)], 6, 9, Ok),
        ] {
            let mut h = History::default();
            for (nth, (offset, lag)) in commits.iter().enumerate() {
                h.push(1 + nth as u64, *offset, *lag);
            }
            assert_eq!(h.status(now, lag), status, "{commits:?} at {now}");
        }
    }

    #[test]
    fn only_the_last_ten_commits_count() {
        let mut h = History::default();
        (0..30).for_each(|n| h.push(n, n, if n < 20 { 0 } else { n }));
        assert_eq!(h.status(30, 30), LagStatus::Warn);
    }
}
