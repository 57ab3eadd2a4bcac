//! What the standard probes keep of each service, subscription, client and event type.
//!
//! Knows no event of the world; [`standard`](super::standard) fills it.

use super::borders::Border;
use super::level::Level;
use super::obligations::{Incidents, Obligations};
use super::recorder::{Binned, Recorder};
use super::recovery::Recovery;
use super::sizes::Sizes;
use crate::engine::Digest;

/// Totals of a station at an instant, from which a phase or a bin is the difference of two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) backlog: u128,
    pub(crate) busy: u128,
    /// Busy workers: what rides along in a batch has none of its own.
    pub(crate) workers: u128,
    /// Worker time that there was, if that ever changes.
    pub(super) capacity: u128,
    pub(crate) attempted: u64,
    pub(crate) good: u64,
    /// Attempts that were made, the first ones and the others.
    pub(crate) attempts: u64,
    /// The others.
    pub(crate) repeats: u64,
}

/// One service.
#[derive(Debug, Default)]
pub(crate) struct Station<H = Digest> {
    pub(crate) history: H,
    /// Waiting here and, for it, at brokers.
    pub(crate) backlog: Level,
    /// With a worker.
    pub(crate) busy: Level,
    /// Of those, with the worker of a batch that another one leads.
    pub(crate) riding: Level,
    pub(crate) inflight_max: u64,
    pub(crate) wait: Recorder,
    pub(crate) service: Recorder,
    pub(crate) sojourn: Recorder,
    /// Measured arrivals.
    pub(crate) expected: u64,
    /// What arrived.
    pub(crate) arrivals: u64,
    pub(crate) attempted: u64,
    pub(crate) good: u64,
    /// Attempts that did not arrive: turned away, or made in place of one before.
    pub(crate) further: u64,
    /// Attempts, arrived or not, that were not the first.
    pub(crate) repeats: u64,
    /// Sum of the times that everything that left had spent here, ns.
    pub(crate) stays: u128,
    pub(crate) not_emitted: u64,
    pub(crate) segments: [u128; 9],
    /// All worker time per ns, as long as it does not change.
    pub(super) capacity: f64,
    /// Instances and workers over time, once they have changed.
    pub(super) sizes: Option<Box<Sizes>>,
    pub(crate) last: Totals,
    pub(crate) from: Totals,
    pub(crate) to: Totals,
    /// Largest values of the measured phase, once it is over.
    pub(crate) measured_max: (u64, u64),
    pub(crate) series: StationSeries,
    /// Of a service that consumes from brokers.
    pub(crate) incidents: Option<Box<Incidents>>,
    /// Of a subscriber, since the first failure.
    pub(crate) recovery: Option<Box<Recovery>>,
}

/// What a service shows over time, one value per bin.
#[derive(Debug, Default)]
pub(crate) struct StationSeries {
    pub(crate) lag_p50: Vec<f64>,
    pub(crate) lag_p99: Vec<f64>,
    pub(crate) backlog: Vec<f64>,
    pub(crate) rho: Vec<f64>,
    pub(crate) throughput: Vec<f64>,
    pub(crate) goodput: Vec<f64>,
    pub(crate) offered: Vec<f64>,
}

/// One event type at one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) event: u32,
    pub(crate) service: u32,
    pub(crate) lag: Binned,
    /// Until the fact itself was applied, where that may differ from its lag.
    pub(crate) e2e: Option<Box<Recorder>>,
    /// Measured commits.
    pub(crate) expected: u64,
    pub(crate) ledger: Obligations,
}

impl Delivery {
    /// Until the fact itself was applied.
    pub(crate) fn e2e(&self) -> &Recorder {
        self.e2e.as_deref().unwrap_or(&self.lag.total)
    }
}

/// One client.
#[derive(Debug, Default)]
pub(crate) struct Demand<H = Digest> {
    pub(crate) history: H,
    pub(crate) latency: Binned,
    /// Measured requests.
    pub(crate) intended: u64,
    pub(crate) succeeded: u64,
    /// Requests so far.
    pub(crate) asked: u64,
    /// Attempts of them beyond the first.
    pub(crate) retried: u64,
    /// Answers so far: those that were good, and all.
    pub(crate) answered: (u64, u64),
    /// Requests that failed in the bin that ended last.
    pub(crate) failed_in_bin: u64,
    last: Totals,
    pub(crate) from: Totals,
    pub(crate) to: Totals,
    pub(crate) series: DemandSeries,
    /// Since the first failure.
    pub(crate) recovery: Option<Box<Recovery>>,
}

impl<H> Demand<H> {
    /// Cuts bins and phases; the open bin is `width` ns long, and counts as one of `bin_s` seconds.
    pub(crate) fn boundary(&mut self, border: Border, width: f64, bin_s: f64) {
        let totals = Totals {
            attempted: self.answered.1,
            good: self.answered.0,
            attempts: self.asked + self.retried,
            repeats: self.retried,
            ..Totals::default()
        };
        if border.from {
            self.from = totals;
        }
        if border.to {
            self.to = totals;
        }
        if border.bin && width > 0.0 {
            let last = std::mem::replace(&mut self.last, totals);
            let (good, all) = (totals.good - last.good, totals.attempted - last.attempted);
            self.failed_in_bin = all - good;
            let share = if all == 0 { f64::NAN } else { good as f64 / all as f64 };
            self.series.availability.push(share);
            self.series.goodput.push(good as f64 / bin_s);
            let attempts = totals.attempts - last.attempts;
            self.series.offered.push(attempts as f64 / bin_s);
        }
    }
}

/// What a client shows over time, one value per bin.
#[derive(Debug, Default)]
pub(crate) struct DemandSeries {
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    pub(crate) availability: Vec<f64>,
    pub(crate) goodput: Vec<f64>,
    pub(crate) offered: Vec<f64>,
}
