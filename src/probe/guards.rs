//! What guards of calls did, by who makes the calls.

use crate::model::{Asker, Blueprint, Guarded, Switch};

/// What the guards of one caller did, in the order in which the catalogue has it.
pub(crate) type Acts = [u64; 8];

/// The counts of the measured phase of all callers: clients, then services.
#[derive(Debug)]
pub(crate) struct Guards {
    clients: usize,
    acts: Vec<Acts>,
}

impl Guards {
    pub(super) fn new(blueprint: &Blueprint) -> Self {
        let (clients, services) = (blueprint.clients.len(), blueprint.services.len());
        Self { clients, acts: vec![Acts::default(); clients + services] }
    }

    fn place(&self, asker: Asker) -> usize {
        match asker {
            Asker::Client(at) => at as usize,
            Asker::Service(at) => self.clients + at as usize,
        }
    }

    pub(super) fn of(&self, asker: Asker) -> &Acts {
        &self.acts[self.place(asker)]
    }

    pub(super) fn count(&mut self, asker: Asker, what: Guarded) {
        let at = match what {
            Guarded::Retried => 0,
            Guarded::BudgetSpent => 1,
            Guarded::Throttled => 2,
            Guarded::BrokenOff => 3,
            Guarded::Breaker(Switch::Opened) => 4,
            Guarded::BulkheadFull => 5,
            Guarded::Hedged => 6,
            Guarded::Ejected => 7,
            Guarded::Breaker(Switch::Probing | Switch::Closed) => return,
        };
        let caller = self.place(asker);
        self.acts[caller][at] += 1;
    }
}
