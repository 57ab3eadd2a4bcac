//! What studies of many paired runs found: who breaks with whom, and from where there is no return.
//!
//! Knows nothing of how the runs were made.

use super::Ordered;
use serde::{Deserialize, Serialize};

/// Who breaks with whom: each service broken in turn, and each failure of the file by itself, held
/// against runs without any failure that drew the same random numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coupling {
    /// What happened to each service in turn: `crash`, `slow`, `pause` or `stop`.
    pub verb: String,
    /// When, in seconds from the start of the run.
    pub at_s: f64,
    /// For how long, in seconds.
    pub for_s: f64,
    /// Share of the pairs of a service and somebody else whose objectives hold although the service
    /// is broken; `null` if there are no such pairs.
    pub loose: Option<f64>,
    /// What is expected of whom, line by line: the columns of the matrix, in their order.
    pub objectives: Ordered<Vec<String>>,
    /// A row for each service.
    pub services: Vec<Radius>,
    /// A row for each failure of the file.
    pub failures: Vec<Radius>,
}

/// The blast radius of one failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Radius {
    /// The service that was broken, or the name of the failure.
    pub name: String,
    /// Share of those with objectives whose objectives break.
    pub share: f64,
    /// What became of each, in the order of the objectives.
    pub effects: Vec<Effect>,
    /// Hash of the histories of its runs.
    pub digest: String,
}

impl Radius {
    /// Those whose objectives break.
    pub fn broken(&self) -> impl Iterator<Item = &Effect> {
        self.effects.iter().filter(|effect| effect.breaks())
    }
}

/// What a failure did to one client or service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The client or service.
    pub to: String,
    /// Share of the replications in which an objective breaks that holds without the failure.
    pub broken: f64,
    /// The metric that says how large the effect is.
    pub metric: String,
    /// Its SI unit.
    pub unit: String,
    /// Its value without the failure; `null` if it cannot be known.
    pub without: Option<f64>,
    /// Its value with the failure; `null` if it cannot be known.
    pub with: Option<f64>,
    /// The objectives that break in some replication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Effect {
    /// Whether its objectives break in at least half of the replications.
    pub fn breaks(&self) -> bool {
        self.broken >= 0.5
    }

    /// How much worse the metric is with the failure.
    pub fn size(&self) -> Option<f64> {
        let worse = self.with? - self.without?;
        Some(if self.is_availability() { -worse } else { worse })
    }

    /// Whether less of the metric is worse.
    pub fn is_availability(&self) -> bool {
        self.metric.ends_with(".availability")
    }
}

/// Whether a system returns after a failure, and from where on it does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metastability {
    /// The failure that pulls the trigger.
    pub failure: String,
    /// What was varied: `for`, the length of the failure in seconds, or `load`, a factor on the
    /// rates of all clients and sources.
    pub over: String,
    /// Time after the end of the failure within which a system that returns has returned.
    pub within_s: f64,
    /// Length of the traffic that is judged after that.
    pub window_s: f64,
    /// Nothing beyond this was tried.
    pub limit: f64,
    /// Value of the file: the length of the failure, or 1; `null` if the file states no length.
    pub stated: Option<f64>,
    /// Smallest value from which the system does not return: mean over the replications, the middle
    /// of each bracket. `null` unless all replications found one.
    pub threshold: Option<f64>,
    /// 95 % interval of the threshold; `null` with one replication.
    pub ci95: Option<[f64; 2]>,
    /// Simulations made.
    pub runs: u64,
    /// What each replication found.
    pub replications: Vec<Search>,
}

/// The search of one replication.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Largest value known from which the system returns; 0 if none was found.
    pub returns: f64,
    /// Smallest value known from which it does not; `null` if it always returned.
    pub stays: Option<f64>,
    /// Everything tried, in the order of the search.
    pub trials: Vec<Trial>,
    /// The same as at `stays`, but judged five times as long after the end of the failure: whether
    /// it is down for good or only slow to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Trial>,
}

impl Search {
    /// Simulations made.
    pub fn runs(&self) -> u64 {
        2 * (self.trials.len() + usize::from(self.later.is_some())) as u64
    }

    /// Whether it comes back after all, given much longer.
    pub fn is_slow(&self) -> bool {
        self.later.as_ref().is_some_and(|trial| trial.outcome == Fate::Returns)
    }

    /// The trial at `value`.
    pub fn trial(&self, value: f64) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.value == value)
    }
}

/// A run with the failure beside one without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Length of the failure in seconds, or factor on the load.
    pub value: f64,
    /// What became of the system.
    pub outcome: Fate,
    /// Requests answered in time, or facts applied where there are no clients, per second in the
    /// window, with the failure.
    pub goodput: f64,
    /// The same without the failure.
    pub reference: f64,
    /// Who is not back, or is down without the failure: the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// What became of a system after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is as it would be without the failure.
    Returns,
    /// It stays down though the cause is gone.
    Stays,
    /// It is down without any failure.
    Overloaded,
}
