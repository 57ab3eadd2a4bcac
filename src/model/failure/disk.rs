//! Disks that are full: what has to be written waits, and everything else goes on.

use crate::model::blueprint::Target;
use crate::model::observation::Observer;
use crate::model::publish::is_outbox;
use crate::model::store::Store;
use crate::model::{Sched, World};
use std::collections::VecDeque;

/// A broker that cannot write.
#[derive(Debug, Default)]
pub(crate) struct Full {
    /// Causes of that.
    causes: u32,
    /// What has been published, in the order in which it came, by the first of each chain.
    waiting: VecDeque<u32>,
}

impl<O: Observer> World<O> {
    /// Another cause by which nothing can be written.
    pub(super) fn fills_up(&mut self, failure: u32) {
        match self.failures[failure as usize].target {
            Target::Disks(broker) => self.trouble.full.entry(broker.0).or_default().causes += 1,
            Target::Store(service) => {
                if let Some(store) = &mut self.services[service.0 as usize].store {
                    store.fills_up();
                }
            }
            _ => {}
        }
    }

    /// Such a cause is removed: what has waited is written.
    pub(super) fn has_room_again(&mut self, s: &mut Sched, failure: u32) {
        match self.failures[failure as usize].target {
            Target::Disks(broker) => {
                let Some(full) = self.trouble.full.get_mut(&broker.0) else { return };
                full.causes -= 1;
                if full.causes == 0
                    && let Some(full) = self.trouble.full.remove(&broker.0)
                {
                    for head in full.waiting {
                        self.unblocked(s, head);
                    }
                }
            }
            Target::Store(service) => self.store_has_room(s, service.0),
            _ => {}
        }
    }

    /// A publication has come to a broker. Whether it has to wait there for room.
    #[cold]
    #[inline(never)]
    pub(crate) fn finds_no_room(&mut self, head: u32) -> bool {
        let broker = self.records.get(head).broker;
        let Some(full) = self.trouble.full.get_mut(&broker) else { return false };
        full.waiting.push_back(head);
        self.blocked(head);
        true
    }

    /// Rows of the outbox of a service can be written again.
    fn store_has_room(&mut self, s: &mut Sched, service: u32) {
        let Some(store) = &mut self.services[service as usize].store else { return };
        let Some(rows) = store.has_room_again() else { return };
        self.marks_again(s, service);
        self.connect_next(s, service);
        for (job, stamp) in rows {
            self.call_returns(s, job, stamp, true);
        }
    }

    /// Whether nothing can be written to the store of a service.
    #[inline]
    pub(crate) fn cannot_write(&self, service: u32) -> bool {
        self.services[service as usize].store.as_ref().is_some_and(Store::is_full)
    }

    /// A job is about to emit rows of an outbox without any other write. Whether it has to wait
    /// until they can be written.
    #[inline]
    pub(crate) fn rows_wait(&mut self, service: u32, job: u32) -> bool {
        self.cannot_write(service) && self.row_waits(service, job)
    }

    #[cold]
    #[inline(never)]
    fn row_waits(&mut self, service: u32, job: u32) -> bool {
        let handler = &self.handlers[self.jobs.get(job).handler as usize];
        if handler.writes || !is_outbox(handler.publish.mode) {
            return false;
        }
        // As for an answer, which lets it go on at the same step.
        let stamp = self.next_stamp();
        let j = self.jobs.get_mut(job);
        (j.stamp_of_calls, j.unanswered) = (stamp, 1);
        if let Some(store) = &mut self.services[service as usize].store {
            store.row_waits(job, stamp);
        }
        true
    }
}
