//! What a component's history is made of, and the two things that may become of it: a hash, which
//! costs next to nothing, or a list to look into. Knows nothing of who looks.

use crate::engine::Digest;
use crate::units::SimTime;

/// Kinds of events in a component's history.
pub(super) mod kind {
    pub(in crate::probe) const EMITTED: u8 = 1;
    pub(in crate::probe) const ARRIVED: u8 = 2;
    pub(in crate::probe) const LEFT: u8 = 3;
    pub(in crate::probe) const CUT_OFF: u8 = 4;
    pub(in crate::probe) const REQUESTED: u8 = 5;
    pub(in crate::probe) const SUCCEEDED: u8 = 6;
    pub(in crate::probe) const FAILED: u8 = 7;

    /// What happened, in a word or two.
    pub(super) fn name(kind: u8) -> &'static str {
        match kind {
            EMITTED => "emitted",
            ARRIVED => "arrived",
            LEFT => "left",
            CUT_OFF => "cut off",
            REQUESTED => "requested",
            SUCCEEDED => "succeeded",
            FAILED => "failed",
            _ => "unknown",
        }
    }
}

/// Takes up the events of one component in their order.
pub(crate) trait History: Default {
    /// Appends an event; `time` in ns, `kind` one of [`kind`].
    fn step(&mut self, time: u64, kind: u8, id: u64, attempt: u32);
}

impl History for Digest {
    #[inline(always)]
    fn step(&mut self, time: u64, kind: u8, id: u64, attempt: u32) {
        Digest::step(self, time, kind, id, attempt);
    }
}

/// One event of a component's history: all that its digest takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: SimTime,
    pub(crate) kind: u8,
    /// Identity of the event, request or job.
    pub id: u64,
    /// Number of its attempt, from 0.
    pub attempt: u32,
}

impl Entry {
    /// What happened, in a word or two.
    pub fn what(&self) -> &'static str {
        kind::name(self.kind)
    }
}

impl History for Vec<Entry> {
    fn step(&mut self, time: u64, kind: u8, id: u64, attempt: u32) {
        self.push(Entry { at: SimTime::from_ns(time), kind, id, attempt });
    }
}
