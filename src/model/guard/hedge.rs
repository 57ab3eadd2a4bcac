//! Hedges: a second copy of a request that is slow to be answered, to another instance.

use super::about;
use crate::model::call::HEDGED;
use crate::model::event::{Event, Kind};
use crate::model::failure::Held;
use crate::model::observation::{Guarded, Observer};
use crate::model::tables::Deadline;
use crate::model::{Sched, World};
use crate::units::SimTime;
use std::collections::VecDeque;

/// When attempts want a second copy; all are equally far away, and so due in their order.
#[derive(Debug, Default)]
pub(crate) struct Hedges {
    due: VecDeque<Deadline>,
    /// Whether a timer is in the event list.
    armed: bool,
}

impl<O: Observer> World<O> {
    /// An attempt has been sent: notes when it wants a second copy.
    pub(super) fn arm_hedge(&mut self, s: &mut Sched, call: u32) {
        let c = *self.calls.get(call);
        let slot = self.sites[c.site as usize].guard;
        let guard = &mut self.guarding.guards[slot as usize];
        let Some(after) = guard.spec.hedge else { return };
        let at = s.now() + after;
        let (hedges, calls) = (&mut guard.hedges, &self.calls);
        while hedges.due.front().is_some_and(|d| calls.get(d.call).stamp != d.stamp) {
            hedges.due.pop_front();
        }
        hedges.due.push_back(Deadline { at: at.ns(), call, stamp: c.stamp });
        if !hedges.armed {
            hedges.armed = true;
            s.at(at, Event::new(Kind::Guard, about::HEDGE, slot));
        }
    }

    /// The oldest hedge of a guard may be due.
    pub(super) fn hedge_due(&mut self, s: &mut Sched, guard: u32) {
        while let Some(&d) = self.guarding.guards[guard as usize].hedges.due.front() {
            let void = self.calls.get(d.call).stamp != d.stamp;
            if !void && d.at > s.now().ns() {
                s.at(SimTime::from_ns(d.at), Event::new(Kind::Guard, about::HEDGE, guard));
                return;
            }
            self.guarding.guards[guard as usize].hedges.due.pop_front();
            if !void {
                self.hedge(s, d.call, d.stamp);
            }
        }
        self.guarding.guards[guard as usize].hedges.armed = false;
    }

    /// Sends the second copy of an attempt that is still not answered.
    pub(crate) fn hedge(&mut self, s: &mut Sched, call: u32, stamp: u32) {
        let c = *self.calls.get(call);
        if c.stamp != stamp || self.caller_gone(&c) {
            return;
        }
        if self.stands_still(c.instance) {
            self.hold(c.instance, Held::Hedge { call, stamp });
            return;
        }
        self.guard_says(s.now(), c.site, Guarded::Hedged);
        let first = self.guarding.ward(call).copies[0].1;
        // A copy draws for itself, and so do the calls that it makes.
        self.send_copy(s, call, 1, c.attempt() | HEDGED, first);
    }
}
