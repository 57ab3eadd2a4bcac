//! What a run found, as plain data: the shape of `results.json`.
//!
//! Reports, CSV and charts are drawn from these types alone, so a saved file can be drawn again
//! years later. Knows nothing of how the numbers came to be.

pub mod catalogue;
mod ordered;
mod studies;

pub use ordered::Ordered;
pub use studies::{Coupling, Effect, Fate, Metastability, Radius, Search, Trial};

use serde::{Deserialize, Serialize};

/// Version of the results format. It changes only together with a migration.
pub const SCHEMA: u32 = 1;

/// All that one invocation found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Version of this format, [`SCHEMA`].
    pub schema: u32,
    /// Program and version that wrote it.
    pub program: String,
    /// What was simulated.
    pub scenario: ScenarioInfo,
    /// Root seed of all random numbers.
    pub seed: u64,
    /// Number of replications.
    pub seeds: u64,
    /// Results by variant, `base` first, then in the order of the file.
    pub variants: Ordered<VariantResult>,
    /// Paired differences between variants under common random numbers.
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
}

/// What the scenario says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioInfo {
    /// Title, empty if the file has none.
    #[serde(default)]
    pub title: String,
    /// The question that the scenario asks.
    #[serde(default)]
    pub question: String,
    /// What the scenario teaches.
    #[serde(default)]
    pub lesson: String,
    /// SHA-256 of the merged, normalised scenario, in hexadecimal.
    pub hash: String,
    /// Settings of the command line that the hash covers too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
}

/// Results of one variant, over all its replications.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantResult {
    /// Hash over `digests`, by name.
    pub digest: String,
    /// Hash of each component's history over (time, kind, event id, attempt), replications in
    /// order.
    pub digests: Ordered<String>,
    /// Events processed, summed over the replications.
    pub events: u64,
    /// How long the phases took.
    pub phases: Phases,
    /// What the architecture is made of, for tables and headings.
    pub topology: Topology,
    /// Every number, by its metric path.
    pub metrics: Ordered<Metric>,
    /// Numbers over time, by metric path.
    pub series: Ordered<Series>,
    /// Distribution of every tally, by the path without its statistic (`email.lag`), pooled over
    /// the replications.
    pub histograms: Ordered<Histogram>,
    /// Fate of every obligation, by subscribing service, summed over the replications.
    pub ledger: Ordered<Ledger>,
    /// What waited in each partition of each log, for each event type at each subscriber.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<Partitions>,
    /// Expectations of the scenario and whether they hold; empty: the variant is unjudged.
    pub expect: Vec<Expectation>,
    /// What the pre-flight check said.
    pub advice: Vec<Advice>,
    /// When something was broken, in the first replication.
    pub failures: Vec<FailureWindow>,
    /// What must be known to read `failures`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures_note: Option<String>,
    /// Who felt the failures, and until when, in the first replication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recoveries: Vec<Recovery>,
    /// Who breaks with whom, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupling: Option<Coupling>,
    /// From where there is no return, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metastability: Option<Metastability>,
}

/// Lengths of the phases in seconds of simulated time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Warm-up, whose samples are not counted.
    pub warmup_s: f64,
    /// Measured phase.
    pub measured_s: f64,
    /// From the end of the traffic until nothing was left to do (the longest of the replications).
    pub drained_s: f64,
    /// Whether every replication came to rest.
    pub converged: bool,
}

/// The parts of the architecture in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// Services.
    pub services: Vec<ServiceInfo>,
    /// Clients.
    pub clients: Vec<ClientInfo>,
    /// Names of the event types.
    pub events: Vec<String>,
    /// One line on the brokers, for instance "ideal bus, deliver 1ms".
    pub broker: String,
    /// Brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brokers: Vec<BrokerInfo>,
}

/// One broker of the topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrokerInfo {
    /// Name.
    pub name: String,
    /// The preset that it started from.
    pub preset: String,
    /// Its engine in words: "partitioned log, 12 partitions, 3 copies".
    pub engine: String,
    /// Whether anything waits there, so that it has a backlog.
    pub stores: bool,
}

/// One service of the topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceInfo {
    /// Name.
    pub name: String,
    /// Number of instances.
    pub instances: u32,
    /// Workers of each instance.
    pub workers: u32,
    /// Event types that it subscribes to.
    pub on: Vec<String>,
    /// Operations that it offers.
    pub api: Vec<String>,
    /// Event types that it emits.
    pub emits: Vec<String>,
}

/// One client of the topology.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Name.
    pub name: String,
    /// Operation that it calls, `service.operation`.
    pub calls: String,
    /// "open loop, 200/s" or "closed loop, 50 users, think ~2s".
    pub load: String,
}

/// One number. `value` is `null`, with the reason in `note`, where it cannot be known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// SI unit: `s`, `1/s`, `1` or `B`.
    pub unit: String,
    /// Mean of the replications' values.
    pub value: Option<f64>,
    /// 95 % interval of that mean; `null` with one replication.
    pub ci95: Option<[f64; 2]>,
    /// Samples behind the value, summed over the replications (tallies only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Samples that never ended, summed over the replications (tallies only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub censored: Option<u64>,
    /// What the number means, in one sentence.
    pub meaning: String,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A number over time: `values[k]` belongs to the bin from `k * bin_s` to `(k + 1) * bin_s`, `null`
/// where it is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// SI unit.
    pub unit: String,
    /// Width of a bin in seconds.
    pub bin_s: f64,
    /// One value per bin from the start of the run, warm-up and drain included.
    pub values: Vec<Option<f64>>,
}

/// A distribution: `counts[i]` samples lie near `values[i]` (ascending, within 0.4 %).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// SI unit.
    pub unit: String,
    /// Middle of each non-empty bucket.
    pub values: Vec<f64>,
    /// Samples of each bucket.
    pub counts: Vec<u64>,
    /// Samples that never ended; they rank above all others.
    pub censored: u64,
}

impl Histogram {
    /// Each value with the share of all samples, those that never ended included, that lie at or
    /// below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, f64)> {
        let ended = self.counts.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let all = ended.saturating_add(self.censored).max(1) as f64;
        let mut below = 0_u64;
        self.values.iter().zip(&self.counts).map(move |(value, n)| {
            below = below.saturating_add(*n);
            (*value, below as f64 / all)
        })
    }
}

/// Fate of the obligations of one subscriber. The states from `pending` to `lost` add up to
/// `committed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Facts committed while the subscription existed.
    pub committed: u64,
    /// Not yet handed to the broker, or waiting for a retry.
    pub pending: u64,
    /// With the broker or waiting at the service.
    pub stored: u64,
    /// With a worker.
    pub leased: u64,
    /// Done.
    pub applied: u64,
    /// Not applied because a newer version already was.
    pub superseded: u64,
    /// Refused by the broker for good.
    pub rejected: u64,
    /// Given up, by reason (`exhausted`, `overflow`, `shed`).
    pub dropped: Ordered<u64>,
    /// Moved to a dead-letter queue.
    pub dead_lettered: u64,
    /// Deleted by retention or time to live.
    pub expired: u64,
    /// Gone without a trace, by reason (`crash`).
    pub lost: Ordered<u64>,
    /// Effects that happened more than once; not a state, like all that follows.
    pub double_applied: u64,
    /// Facts that a filter did not let through.
    #[serde(default)]
    pub filtered: u64,
    /// Facts older than the run that the subscriber was given.
    #[serde(default)]
    pub backfill: u64,
    /// Events that were published although their fact was never committed.
    #[serde(default)]
    pub phantom: u64,
    /// Copies given to a consumer again.
    #[serde(default)]
    pub redelivered: u64,
    /// Copies that came after a newer version.
    #[serde(default)]
    pub out_of_order: u64,
    /// Applied after they had been given up.
    #[serde(default)]
    pub resurrected: u64,
    /// Entities that differ from the owner's in the end.
    #[serde(default)]
    pub wrong_entities: u64,
    /// Entities that were ever wrong, late or missing.
    #[serde(default)]
    pub harmed: u64,
}

/// Backlog of the partitions of one event type at one subscriber.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Partitions {
    /// The subscribing service.
    pub service: String,
    /// Event type.
    pub event: String,
    /// The broker that keeps the log.
    pub broker: String,
    /// How many partitions there are.
    pub count: u32,
    /// What the last commits of the group say at the end of the traffic, by Burrow's rules, of the
    /// worst partition of any replication: `OK`, `WARN`, `STALL`, `REWIND` or `STOP`.
    #[serde(default)]
    pub status: String,
    /// The partitions by number; of more than 64 those with the largest mean.
    pub backlogs: Vec<PartitionBacklog>,
}

/// Messages that waited in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartitionBacklog {
    /// Number of the partition.
    pub partition: u32,
    /// Mean over the measured phase, of all replications.
    pub mean: f64,
    /// Largest value in the measured phase, of all replications.
    pub max: u64,
}

/// One line of `[expect]` and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Metric path.
    pub metric: String,
    /// Bound as the file states it.
    pub bound: String,
    /// Value found.
    pub value: Option<f64>,
    /// SI unit of the value.
    pub unit: String,
    /// Whether it holds; a `null` value does not.
    pub holds: bool,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One remark of the pre-flight check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// Stable code, see `tidelag explain CODE`.
    pub code: String,
    /// What was noticed.
    pub text: String,
    /// Something to try, as arguments of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_next: Option<String>,
}

/// A time during which something was broken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FailureWindow {
    /// Name of the failure, or its verb and target.
    pub name: String,
    /// Start in seconds.
    pub from: f64,
    /// End of the cause in seconds; `null`: it was never removed as long as the run lasted.
    pub to: Option<f64>,
    /// What it cost, of those whom it cost anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<FailureCost>,
}

/// What a failure cost a client or a subscriber.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FailureCost {
    /// Name of the client or service.
    pub name: String,
    /// Of a client: requests that ended while the failure had a cause.
    #[serde(default)]
    pub requests: u64,
    /// Of a client: those of them that failed.
    #[serde(default)]
    pub failed: u64,
    /// Of a subscriber: events that it showed late, from the beginning of this failure to that of
    /// the next; late is what is said in [`Recovery::threshold`].
    #[serde(default)]
    pub late: u64,
}

/// How a client or a subscriber got over the failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Name of the client or service.
    pub name: String,
    /// The lag or latency in seconds above which something is late.
    pub threshold: f64,
    /// When the last cause was removed, in seconds; `null`: something stayed broken.
    pub cause_end: Option<f64>,
    /// When it had recovered, in seconds; `null`: never.
    pub recovered: Option<f64>,
}

/// How metric `metric` differs between two variants: `diff` = b - a, paired by replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// First variant.
    pub a: String,
    /// Second variant.
    pub b: String,
    /// Metric path.
    pub metric: String,
    /// SI unit of `diff`.
    pub unit: String,
    /// Mean of the paired differences b - a; `null` if one side has no value.
    pub diff: Option<f64>,
    /// 95 % interval of `diff`; `null` with one replication.
    pub ci95: Option<[f64; 2]>,
    /// `diff` / a.
    pub relative: Option<f64>,
    /// 95 % interval of `relative`.
    pub relative_ci95: Option<[f64; 2]>,
    /// What can be said.
    pub verdict: Verdict,
    /// Why there is no difference to state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The second variant is lower.
    Lower,
    /// The second variant is higher.
    Higher,
    /// Every pair is exactly equal.
    Equal,
    /// The interval holds zero, or there is none.
    Undetected,
}
