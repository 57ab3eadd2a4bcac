//! What guards of calls did, by who makes the calls.

use crate::model::{Asker, Blueprint, Guarded, Switch};

/// The metrics of a caller whose calls are guarded.
pub(crate) const NAMES: [&str; 8] = [
    "retries",
    "retries_refused",
    "throttle_refused",
    "breaker_refused",
    "breaker_opened",
    "bulkhead_refused",
    "hedges",
    "ejections",
];

/// Counts of one caller, in the order of [`NAMES`].
pub(crate) type Acts = [u64; NAMES.len()];

/// The counts of the measured phase of all callers.
#[derive(Debug)]
pub(crate) struct Guards {
    clients: Vec<Acts>,
    services: Vec<Acts>,
}

impl Guards {
    pub(super) fn new(blueprint: &Blueprint) -> Self {
        Self {
            clients: vec![Acts::default(); blueprint.clients.len()],
            services: vec![Acts::default(); blueprint.services.len()],
        }
    }

    pub(super) fn of(&self, asker: Asker) -> &Acts {
        match asker {
            Asker::Client(at) => &self.clients[at as usize],
            Asker::Service(at) => &self.services[at as usize],
        }
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
        let acts = match asker {
            Asker::Client(at) => &mut self.clients[at as usize],
            Asker::Service(at) => &mut self.services[at as usize],
        };
        acts[at] += 1;
    }
}
