//! How much of a service there is, where that changes, and how busy it is.

use super::level::Level;
use super::standard::{Station, Totals};
use crate::model::Service;
use crate::units::SimTime;

/// Instances of a service, and workers of all of them, over time.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    instances: Level,
    workers: Level,
}

impl Sizes {
    pub(super) fn from_start(service: &Service) -> Self {
        let mut sizes = Self::default();
        sizes.set(SimTime::ZERO, service.instances, service.workers);
        sizes
    }

    /// From now on there are so many instances with so many workers each.
    pub(super) fn set(&mut self, now: SimTime, instances: u32, workers: u32) {
        self.instances.set(now, u64::from(instances));
        self.workers.set(now, u64::from(instances) * u64::from(workers));
    }

    /// Brings the integrals up to `now`.
    pub(super) fn settle(&mut self, now: SimTime) {
        self.instances.settle(now);
        self.workers.settle(now);
    }

    /// Worker time that there was, ns.
    pub(super) fn capacity(&self) -> u128 {
        self.workers.area()
    }
}

impl<H> Station<H> {
    /// Busy worker time over all worker time between two instants that are so many ns apart.
    /// `whole`: over the measured phase, not a bin.
    pub(crate) fn utilisation(&self, from: &Totals, to: &Totals, ns: f64, whole: bool) -> f64 {
        let busy = (to.workers - from.workers) as f64;
        match &self.sizes {
            // Rounded as it has always been.
            None if whole => busy / ns / self.capacity,
            None => busy / (ns * self.capacity),
            Some(_) if to.capacity == from.capacity => 0.0,
            Some(_) => busy / (to.capacity - from.capacity) as f64,
        }
    }
}
