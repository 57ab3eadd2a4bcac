//! Order within groups: of each group one message at a time may be given out, the oldest.
//!
//! Such a queue looks at its first messages only. When they all belong to groups that wait, those
//! behind them are not given out though nothing else stands in their way.

use super::queue::{Place, Queue};
use crate::model::tables::NONE;
use std::collections::BTreeMap;

/// What a queue needs to keep order.
#[derive(Debug)]
pub(super) struct Order {
    /// First and last message of each group that has one.
    groups: BTreeMap<u64, (u32, u32)>,
    /// How many messages from the oldest on are looked at.
    window: u64,
    /// How many are.
    inside: u64,
    /// The first one beyond, or [`NONE`].
    edge: u32,
}

impl Order {
    pub(super) fn new(window: u64) -> Self {
        Self { groups: BTreeMap::new(), window, inside: 0, edge: NONE }
    }
}

impl Queue {
    /// A new message takes its place in its group. A message without a key is a group of its own.
    pub(super) fn line_up(&mut self, slot: u32) {
        let Some(order) = &mut self.order else { return };
        let m = self.messages.get_mut(slot);
        m.place = Place::Behind;
        m.inside = order.inside < order.window;
        if m.inside {
            order.inside += 1;
        } else if order.edge == NONE {
            order.edge = slot;
        }
        if m.key != 0 {
            let (_, last) = order.groups.entry(m.key).or_insert((slot, slot));
            let before = std::mem::replace(last, slot);
            if before != slot {
                self.messages.get_mut(before).next = slot;
            }
        }
        self.show_if_first(slot);
    }

    /// A message is about to leave: the next one of its group takes its place, and the queue looks
    /// one message further.
    pub(super) fn close_up(&mut self, slot: u32) {
        let follower = self.leave_group(slot);
        let Some(order) = &mut self.order else { return };
        let m = *self.messages.get(slot);
        let mut entering = NONE;
        if order.edge == slot {
            order.edge = m.newer;
        } else if m.inside {
            entering = order.edge;
            if entering == NONE {
                order.inside -= 1;
            } else {
                let e = self.messages.get_mut(entering);
                e.inside = true;
                order.edge = e.newer;
            }
        }
        for slot in [follower, entering] {
            if slot != NONE {
                self.show_if_first(slot);
            }
        }
    }

    /// Takes a message out of its group. Which one stands first now in its stead, if it did.
    fn leave_group(&mut self, slot: u32) -> u32 {
        let m = *self.messages.get(slot);
        let Some(order) = &mut self.order else { return NONE };
        let Some((first, last)) = order.groups.get_mut(&m.key) else { return NONE };
        if *first == slot {
            *first = m.next;
            if m.next == NONE {
                order.groups.remove(&m.key);
            }
            return m.next;
        }
        // Only what a lost node takes along leaves from the middle.
        let mut before = *first;
        while self.messages.get(before).next != slot {
            before = self.messages.get(before).next;
        }
        self.messages.get_mut(before).next = m.next;
        if *last == slot {
            *last = before;
        }
        NONE
    }

    /// Lets a message be given out if it is the first of its group and among those looked at.
    fn show_if_first(&mut self, slot: u32) {
        let m = *self.messages.get(slot);
        let Some(order) = &self.order else { return };
        let first = m.key == 0 || order.groups.get(&m.key).is_some_and(|g| g.0 == slot);
        if first && m.inside && m.place == Place::Behind {
            self.show(slot);
        }
    }
}
