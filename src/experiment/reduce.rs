//! What one replication measured, boiled down to what the merge needs: a few numbers and the
//! non-empty buckets of each tally. A run's full histograms are dropped at once, so memory does not
//! grow with the number of replications.

use super::statistics::{self, Known};
use crate::probe::{Measure, RunRecord, Shape};
use crate::results::Ledger;
use crate::results::catalogue::{Kind, LEDGER_STATES};
use std::collections::BTreeSet;

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
    /// All metrics, in the order of the measures, the ledger's last.
    pub(super) numbers: Vec<Number>,
    pub(super) series: Vec<Line>,
    pub(super) buckets: Vec<Buckets>,
    pub(super) ledgers: Vec<(String, Ledger)>,
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
        let mut stated = BTreeSet::new();
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
            if measure.path.contains("ledger.") {
                stated.insert(measure.path);
            }
        }
        metrics.add_ledgers(&record.ledgers, &stated);
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

    /// Adds `ledger.<state>` over all subscribers, then `<service>.ledger.<state>`; none that a
    /// probe has stated already.
    fn add_ledgers(&mut self, ledgers: &[(String, Ledger)], stated: &BTreeSet<String>) {
        let mut push = |path: String, meaning: &str, count: u64| {
            if !stated.contains(&path) {
                let head = || Head { path, unit: "1", meaning: meaning.to_owned() };
                self.push(head, Ok(count as f64), None);
            }
        };
        let total =
            |count: &dyn Fn(&Ledger) -> u64| ledgers.iter().map(|(_, l)| count(l)).sum::<u64>();
        push(
            "ledger.committed".to_owned(),
            "obligations: facts committed, counted once for each subscriber",
            total(&|l| l.committed),
        );
        for state in LEDGER_STATES {
            push(format!("ledger.{state}"), state_meaning(state), total(&|l| in_state(l, state)));
        }
        push(
            "ledger.double_applied".to_owned(),
            "effects that happened more than once",
            total(&|l| l.double_applied),
        );
        for (service, ledger) in ledgers {
            for state in LEDGER_STATES {
                let path = format!("{service}.ledger.{state}");
                push(path, state_meaning(state), in_state(ledger, state));
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

/// Number of obligations in a state, all reasons together.
pub(super) fn in_state(ledger: &Ledger, state: &str) -> u64 {
    let all = |reasons: &crate::results::Ordered<u64>| reasons.iter().map(|(_, n)| n).sum();
    match state {
        "pending" => ledger.pending,
        "stored" => ledger.stored,
        "leased" => ledger.leased,
        "applied" => ledger.applied,
        "superseded" => ledger.superseded,
        "rejected" => ledger.rejected,
        "dropped" => all(&ledger.dropped),
        "dead_lettered" => ledger.dead_lettered,
        "expired" => ledger.expired,
        "lost" => all(&ledger.lost),
        _ => 0,
    }
}

/// One sentence on a state.
fn state_meaning(state: &str) -> &'static str {
    match state {
        "pending" => "obligations not yet handed to the broker, or waiting for a retry, at the end",
        "stored" => "obligations with the broker or waiting at the service, at the end",
        "leased" => "obligations with a worker, at the end",
        "applied" => "obligations that were met",
        "superseded" => "obligations not met because a newer version already was",
        "rejected" => "obligations that the broker refused for good",
        "dropped" => "obligations given up",
        "dead_lettered" => "obligations moved to a dead-letter queue",
        "expired" => "obligations deleted by retention or time to live",
        _ => "obligations gone without a trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Ordered;

    #[test]
    fn the_ledger_names_every_state_of_the_catalogue() {
        let one = || Ordered::from_iter([("crash".to_owned(), 1_u64)]);
        let ledger = Ledger {
            committed: 10,
            pending: 1,
            stored: 1,
            leased: 1,
            applied: 1,
            superseded: 1,
            rejected: 1,
            dropped: one(),
            dead_lettered: 1,
            expired: 1,
            lost: one(),
            double_applied: 0,
        };
        for state in LEDGER_STATES {
            assert_eq!(in_state(&ledger, state), 1, "{state}");
        }
    }

    #[test]
    fn a_ledger_number_that_a_probe_states_is_not_repeated() {
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
        };
        let run = Replication::new(record.clone(), true);
        let paths: Vec<&str> = run.heads.iter().map(|head| head.path.as_str()).collect();
        let lost: Vec<_> = (0..paths.len()).filter(|&i| paths[i] == "ledger.lost").collect();
        assert_eq!(lost.len(), 1);
        assert_eq!(run.numbers[lost[0]].value, Ok(7.0));
        assert!(paths.contains(&"email.ledger.lost"));
        let later = Replication::new(record, false);
        assert!(later.heads.is_empty());
        assert_eq!(later.numbers.len(), run.numbers.len());
    }

    #[test]
    fn no_number_is_infinite() {
        assert!(finite(Ok(f64::NAN)).is_err());
        assert_eq!(finite(Ok(1.0)), Ok(1.0));
    }
}
