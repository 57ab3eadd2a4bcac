//! Handlers that spoil what they apply: nothing fails, and what they show is wrong.

use crate::model::blueprint::Verb;
use crate::model::observation::Observer;
use crate::model::{Sched, World};
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// Whether what a job applies now is wrong.
    #[cold]
    pub(crate) fn is_spoilt(&self, job: u32) -> bool {
        let faults = &self.handlers[self.jobs.get(job).handler as usize].faults;
        let active = |&&at: &&u32| self.strikes[at as usize] > 0;
        let mut active = faults.iter().filter(active);
        active.any(|&at| matches!(self.failures[at as usize].verb, Verb::Bug(_)))
    }

    /// A bug is mended; with a fix, what its handlers have read since that instant they read again.
    pub(super) fn bug_is_fixed(&mut self, s: &mut Sched, failure: u32, fix: Option<SimTime>) {
        let (Some(fix), 0) = (fix, self.strikes[failure as usize]) else { return };
        self.each_group_at_fault(s, failure, |engine, ctx, group| engine.replay(ctx, group, fix));
    }
}
