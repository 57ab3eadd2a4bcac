//! Which requests are fulfilled: answered, and all that they led to done in time.
//!
//! Keeps a request until the run ends, as something more may come of it; unless it has failed.

use crate::units::SimTime;
use std::collections::BTreeMap;

/// A request that may still be fulfilled.
#[derive(Clone, Copy, Debug)]
struct Operation {
    client: u32,
    answered: bool,
    /// Subscriptions that still have to apply something.
    missing: u32,
    /// When all has to be done, ns.
    by: u64,
}

/// The measured requests of all clients that have an objective, by identity.
#[derive(Clone, Debug)]
pub(crate) struct Objectives {
    /// How soon, ns, by client.
    slos: Vec<Option<u64>>,
    operations: BTreeMap<u64, Operation>,
}

impl Objectives {
    /// For clients with these objectives in ns; none if nobody has one.
    pub(crate) fn new(slos: Vec<Option<u64>>) -> Option<Box<Self>> {
        let some = slos.iter().any(Option::is_some);
        some.then(|| Box::new(Self { slos, operations: BTreeMap::new() }))
    }

    /// Whether a client has one.
    pub(crate) fn of(&self, client: u32) -> bool {
        self.slos[client as usize].is_some()
    }

    pub(crate) fn requested(&mut self, client: u32, now: SimTime, id: u64) {
        if let Some(slo) = self.slos[client as usize] {
            let by = now.ns().saturating_add(slo);
            self.operations.insert(id, Operation { client, answered: false, missing: 0, by });
        }
    }

    pub(crate) fn answered(&mut self, id: u64, now: SimTime, ok: bool) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.answered = true;
        if !ok || now.ns() > operation.by {
            self.operations.remove(&id);
        }
    }

    /// So many subscriptions have to apply something that a request led to.
    pub(crate) fn caused(&mut self, id: u64, subscriptions: u32) {
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.missing += subscriptions;
        }
    }

    /// One of them has, at `now`, or need not any more.
    pub(crate) fn done(&mut self, id: u64, now: Option<SimTime>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.missing -= 1;
        if now.is_some_and(|now| now.ns() > operation.by) {
            self.operations.remove(&id);
        }
    }

    /// How many of a client's requests are fulfilled.
    pub(crate) fn fulfilled(&self, client: u32) -> u64 {
        let is = |o: &&Operation| o.client == client && o.answered && o.missing == 0;
        self.operations.values().filter(is).count() as u64
    }
}
