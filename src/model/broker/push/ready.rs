//! What waits in one queue, in the order in which it is given out. Knows places, not messages.

use std::collections::VecDeque;

/// Messages by priority, highest first, and within one by place.
#[derive(Debug)]
pub(super) struct Ready {
    /// Place and message, by priority from 0.
    levels: Vec<VecDeque<(u64, u32)>>,
    len: u64,
}

impl Ready {
    /// For priorities from 0 to `highest`.
    pub(super) fn new(highest: u8) -> Self {
        Self { levels: vec![VecDeque::new(); usize::from(highest) + 1], len: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The level of a priority: what is too high counts as the highest.
    pub(super) fn level(&self, priority: u8) -> u8 {
        priority.min((self.levels.len() - 1) as u8)
    }

    /// Puts a message at its place: the last one if it is new, or where it was before.
    #[inline]
    pub(super) fn put(&mut self, level: u8, place: u64, message: u32) {
        let level = &mut self.levels[usize::from(level)];
        if level.back().is_none_or(|last| last.0 < place) {
            level.push_back((place, message));
        } else {
            // What returns was near the head: few have to move.
            let at = level.partition_point(|other| other.0 < place);
            level.insert(at, (place, message));
        }
        self.len += 1;
    }

    /// The message that is next.
    #[inline]
    pub(super) fn head(&self) -> Option<u32> {
        self.levels.iter().rev().find_map(|level| level.front()).map(|head| head.1)
    }

    /// Takes the message that is next.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<u32> {
        let head = self.levels.iter_mut().rev().find_map(VecDeque::pop_front)?;
        self.len -= 1;
        Some(head.1)
    }

    /// Takes the message at a place, if it is there.
    pub(super) fn take(&mut self, level: u8, place: u64) -> Option<u32> {
        let level = &mut self.levels[usize::from(level)];
        let at = level.binary_search_by_key(&place, |other| other.0).ok()?;
        self.len -= 1;
        level.remove(at).map(|taken| taken.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_priorities_go_first_and_what_returns_keeps_its_place() {
        let mut ready = Ready::new(2);
        assert_eq!([0, 1, 2, 9].map(|p| ready.level(p)), [0, 1, 2, 2]);
        for (level, place) in [(0, 1), (2, 2), (0, 3), (2, 4), (1, 5)] {
            ready.put(level, place, place as u32 * 10);
        }
        let gone = [ready.pop(), ready.pop(), ready.pop(), ready.pop()];
        assert_eq!(gone, [20, 40, 50, 10].map(Some));
        ready.put(0, 1, 10);
        ready.put(0, 6, 60);
        assert_eq!((ready.take(0, 3), ready.take(0, 3), ready.take(1, 6)), (Some(30), None, None));
        assert_eq!((ready.head(), ready.len()), (Some(10), 2));
        assert_eq!([ready.pop(), ready.pop(), ready.pop()], [Some(10), Some(60), None]);
        assert_eq!((ready.head(), ready.len()), (None, 0));
    }
}
