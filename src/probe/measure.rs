//! What one replication measured, as shapes that the layers above treat alike whatever the metric.

use crate::model::LagStatus;
use crate::results::{FailureWindow, Recovery};
use hdrhistogram::Histogram;

/// Everything that one replication found out.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Events processed.
    pub events: u64,
    /// Digest of each component's history, by name, in the order of the file.
    pub digests: Vec<(String, u64)>,
    /// Time from the end of the traffic until the run was at rest, or the whole drain, in seconds.
    pub drained_s: f64,
    /// Whether the run came to rest.
    pub converged: bool,
    /// Whether a limit ended the run early, and which.
    pub limit: Option<String>,
    /// All measures. Every replication of one scenario has the same ones in the same order.
    pub measures: Vec<Measure>,
    /// Ledger of each subscribing service.
    pub ledgers: Vec<(String, crate::results::Ledger)>,
    /// What waited in each lane of the blueprint.
    pub lanes: Vec<LaneRecord>,
    /// What was broken.
    pub trouble: TroubleRecord,
}

/// What was broken, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct TroubleRecord {
    /// The windows in the order in which they began.
    pub windows: Vec<FailureWindow>,
    /// Windows that are not among them, because there are too many.
    pub more: u64,
    /// Who felt it.
    pub recoveries: Vec<Recovery>,
}

/// What waited in one lane in the measured phase.
#[derive(Clone, Copy, Debug)]
pub struct LaneRecord {
    /// Mean backlog.
    pub mean: f64,
    /// Largest backlog.
    pub max: u64,
    /// Of a partition: how its group fared with it at the end.
    pub status: Option<LagStatus>,
}

/// One quantity of one component.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Path without the statistic (`email.lag`), or the whole path of a scalar
    /// (`email.throughput`).
    pub path: String,
    /// SI unit.
    pub unit: &'static str,
    /// One sentence on what it means.
    pub meaning: &'static str,
    /// Its numbers.
    pub shape: Shape,
    /// Numbers over time: the statistic (`p99`, empty for a scalar) and a value per bin, NaN where
    /// empty.
    pub series: Vec<(&'static str, Vec<f64>)>,
}

/// The numbers of a measure.
#[derive(Clone, Debug)]
pub enum Shape {
    /// One number, or the reason why it cannot be known.
    Scalar(Result<f64, &'static str>),
    /// A time-persistent quantity: mean over the measured phase and its largest value.
    Level {
        /// Time average.
        mean: f64,
        /// Largest value (of `rho`: largest bin mean).
        max: f64,
    },
    /// Durations of single things.
    Tally(Box<Tally>),
}

/// Durations in nanoseconds: exact count, sum, sum of squares and maximum, and a log-linear
/// histogram.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Completed samples by duration in ns, two significant digits (buckets at most 0.8 % wide).
    pub histogram: Histogram<u64>,
    /// Number of completed samples.
    pub count: u64,
    /// Sum in ns.
    pub sum: u128,
    /// Sum of squares in ns².
    pub squares: u128,
    /// Largest completed sample in ns.
    pub max: u64,
    /// Samples that never ended. They rank above all others.
    pub censored: u64,
}
