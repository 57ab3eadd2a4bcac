//! What one replication measured, boiled down to what the merge needs: a few numbers and the
//! non-empty buckets of each tally. A run's full histograms are dropped at once, so memory does not
//! grow with the number of replications.

use super::statistics::{self, Known};
use crate::probe::{LaneRecord, Measure, RunRecord, Shape, TroubleRecord};
use crate::results::Ledger;
use crate::results::catalogue::Kind;

/// One replication.
#[derive(Clone, Debug)]
pub(super) struct Replication {
    pub(super) events: u64,
    pub(super) digests: Vec<(String, u64)>,
    pub(super) drained_s: f64,
    pub(super) converged: bool,
    pub(super) limit: Option<String>,
    /// What the numbers are called; kept of the first replication only, as all have the same.
    pub(super) heads: Vec<Head>,
    /// All metrics, in the order of the measures.
    pub(super) numbers: Vec<Number>,
    pub(super) series: Vec<Line>,
    pub(super) buckets: Vec<Buckets>,
    pub(super) ledgers: Vec<(String, Ledger)>,
    /// What waited in each lane.
    pub(super) lanes: Vec<LaneRecord>,
    /// What was broken; kept of the first replication only.
    pub(super) trouble: TroubleRecord,
}

/// What a metric is called and means.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) path: String,
    pub(super) unit: &'static str,
    pub(super) meaning: String,
}

/// One metric of one replication.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) value: Known,
    /// Completed and censored samples of a tally.
    pub(super) samples: Option<(u64, u64)>,
}

/// One number over time.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) unit: &'static str,
    /// A value per bin, NaN where empty.
    pub(super) values: Vec<f64>,
}

/// One tally's distribution: middle of each non-empty bucket in ns, ascending, with its samples.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    pub(super) path: String,
    pub(super) unit: &'static str,
    pub(super) counts: Vec<(f64, u64)>,
    pub(super) censored: u64,
}

impl Replication {
    /// Boils a record down; of the `first` replication the names of the metrics are kept.
    pub(super) fn new(record: RunRecord, first: bool) -> Self {
        let mut metrics = Metrics { named: first, heads: Vec::new(), numbers: Vec::new() };
        let mut series = Vec::new();
        let mut buckets = Vec::new();
        for measure in record.measures {
            metrics.add(&measure);
            if let Shape::Tally(tally) = &measure.shape {
                buckets.push(Buckets {
                    path: measure.path.clone(),
                    unit: measure.unit,
                    counts: statistics::buckets(tally),
                    censored: tally.censored,
                });
            }
            for (statistic, values) in measure.series {
                let path = join(&measure.path, statistic);
                series.push(Line { path, unit: measure.unit, values });
            }
        }
        Self {
            events: record.events,
            digests: record.digests,
            drained_s: record.drained_s,
            converged: record.converged,
            limit: record.limit,
            heads: metrics.heads,
            numbers: metrics.numbers,
            series,
            buckets,
            ledgers: record.ledgers,
            lanes: record.lanes,
            trouble: if first { record.trouble } else { TroubleRecord::default() },
        }
    }
}

/// `path.statistic`, or `path` where there is no statistic.
fn join(path: &str, statistic: &str) -> String {
    if statistic.is_empty() { path.to_owned() } else { format!("{path}.{statistic}") }
}

/// The metrics of a replication as they are gathered.
struct Metrics {
    named: bool,
    heads: Vec<Head>,
    numbers: Vec<Number>,
}

impl Metrics {
    /// Adds a metric; `head` is asked only where names are kept.
    fn push(&mut self, head: impl FnOnce() -> Head, value: Known, samples: Option<(u64, u64)>) {
        if self.named {
            self.heads.push(head());
        }
        self.numbers.push(Number { value: finite(value), samples });
    }

    /// Adds the metrics of one measure.
    fn add(&mut self, measure: &Measure) {
        let head = |statistic| move || head(measure, statistic);
        match &measure.shape {
            Shape::Scalar(value) => self.push(head(""), value.map_err(str::to_owned), None),
            Shape::Level { mean, max } => {
                self.push(head("mean"), Ok(*mean), None);
                self.push(head("max"), Ok(*max), None);
            }
            Shape::Tally(tally) => {
                for &name in Kind::Tally.statistics() {
                    let samples = Some((tally.count, tally.censored));
                    self.push(head(name), statistics::statistic(tally, name), samples);
                }
            }
        }
    }
}

/// What a statistic of a measure is called.
fn head(measure: &Measure, statistic: &str) -> Head {
    let (unit, meaning) = match statistic {
        "" => (measure.unit, measure.meaning.to_owned()),
        "count" => ("1", format!("number of samples, {}", measure.meaning)),
        _ => (measure.unit, format!("{}, {}", statistics::label(statistic), measure.meaning)),
    };
    Head { path: join(&measure.path, statistic), unit, meaning }
}

/// JSON has no number for these, so they become an unknown with a reason.
fn finite(value: Known) -> Known {
    value.and_then(|v| if v.is_finite() { Ok(v) } else { Err("not a finite number".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_replication_keeps_the_names() {
        let measure = Measure {
            path: "ledger.lost".to_owned(),
            unit: "1",
            meaning: "",
            shape: Shape::Scalar(Ok(7.0)),
            series: Vec::new(),
        };
        let record = RunRecord {
            events: 0,
            digests: Vec::new(),
            drained_s: 0.0,
            converged: true,
            limit: None,
            measures: vec![measure],
            ledgers: vec![("email".to_owned(), Ledger::default())],
            lanes: Vec::new(),
            trouble: TroubleRecord::default(),
        };
        let first = Replication::new(record.clone(), true);
        let paths: Vec<&str> = first.heads.iter().map(|head| head.path.as_str()).collect();
        // The ledger's metrics are those that were measured; none is made here.
        assert_eq!(paths, ["ledger.lost"]);
        assert_eq!(first.numbers.len(), 1);
        assert_eq!(first.numbers[0].value, Ok(7.0));
        let later = Replication::new(record, false);
        assert!(later.heads.is_empty());
        assert_eq!(later.numbers.len(), 1);
    }

    #[test]
    fn no_number_is_infinite() {
        assert!(finite(Ok(f64::NAN)).is_err());
        assert_eq!(finite(Ok(1.0)), Ok(1.0));
    }
}
