//! How much of a service there is, where that changes, and how busy it is.

use super::borders::Border;
use super::level::Level;
use super::parts::{Station, Totals};
use crate::model::Service;
use crate::units::SimTime;

/// Instances of a service, and workers of all of them, over time.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    instances: Level,
    workers: Level,
    /// Integral of the instances at the start of the bin, and at both ends of the measured phase.
    last: u128,
    from: u128,
    to: u128,
    /// Most instances in the measured phase.
    max: u64,
    /// Mean number of instances in each bin.
    pub(super) series: Vec<f64>,
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

    /// Brings the integrals up to `now`, which is a border. `width`: ns since the last bin ended.
    pub(super) fn boundary(&mut self, now: SimTime, border: Border, width: f64) {
        self.instances.settle(now);
        self.workers.settle(now);
        let area = self.instances.area();
        if border.from {
            self.from = area;
            self.instances.forget_max();
        }
        if border.to {
            self.to = area;
            self.max = self.instances.max();
        }
        if border.bin && width > 0.0 {
            let last = std::mem::replace(&mut self.last, area);
            self.series.push((area - last) as f64 / width);
        }
    }

    /// Mean and most instances of the measured phase of so many ns.
    pub(super) fn instances(&self, ns: f64) -> (f64, f64) {
        ((self.to - self.from) as f64 / ns, self.max as f64)
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
