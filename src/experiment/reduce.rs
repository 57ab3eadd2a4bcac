//! What one replication measured, boiled down to what the merge needs: a few numbers and the non-empty buckets of each
//! tally. A run's full histograms are dropped at once, so memory does not grow with the number of replications.

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
    /// All metrics, in the order of the measures, the ledger's last.
    pub(super) numbers: Vec<Number>,
    pub(super) series: Vec<Line>,
    pub(super) buckets: Vec<Buckets>,
    pub(super) ledgers: Vec<(String, Ledger)>,
}

/// One metric of one replication.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) path: String,
    pub(super) unit: &'static str,
    pub(super) meaning: String,
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
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) censored: u64,
}

impl From<RunRecord> for Replication {
    fn from(record: RunRecord) -> Self {
        let mut numbers = Vec::new();
        let mut series = Vec::new();
        let mut buckets = Vec::new();
        for measure in record.measures {
            add_numbers(&measure, &mut numbers);
            if let Shape::Tally(tally) = &measure.shape {
                buckets.push(Buckets {
                    path: measure.path.clone(),
                    unit: measure.unit,
                    buckets: statistics::buckets(tally),
                    censored: tally.censored,
                });
            }
            for (statistic, values) in measure.series {
                let path = join(&measure.path, statistic);
                series.push(Line { path, unit: measure.unit, values });
            }
        }
        add_ledger_numbers(&record.ledgers, &mut numbers);
        Self {
            events: record.events,
            digests: record.digests,
            drained_s: record.drained_s,
            converged: record.converged,
            limit: record.limit,
            numbers,
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

/// The metrics of one measure.
fn add_numbers(measure: &Measure, numbers: &mut Vec<Number>) {
    let mut push = |statistic: &str, value: Known, samples: Option<(u64, u64)>| {
        let (unit, meaning) = match statistic {
            "" => (measure.unit, measure.meaning.to_owned()),
            "count" => ("1", format!("number of samples, {}", measure.meaning)),
            _ => (measure.unit, format!("{}, {}", statistics::label(statistic), measure.meaning)),
        };
        let path = join(&measure.path, statistic);
        numbers.push(Number { path, unit, meaning, value: finite(value), samples });
    };
    match &measure.shape {
        Shape::Scalar(value) => push("", value.map_err(str::to_owned), None),
        Shape::Level { mean, max } => {
            push("mean", Ok(*mean), None);
            push("max", Ok(*max), None);
        }
        Shape::Tally(tally) => {
            for name in Kind::Tally.statistics() {
                let samples = Some((tally.count, tally.censored));
                push(name, statistics::statistic(tally, name), samples);
            }
        }
    }
}

/// JSON has no number for these, so they become an unknown with a reason.
fn finite(value: Known) -> Known {
    value.and_then(|v| if v.is_finite() { Ok(v) } else { Err("not a finite number".to_owned()) })
}

/// `ledger.<state>` over all subscribers, then `<service>.ledger.<state>`; none that a probe has stated already.
fn add_ledger_numbers(ledgers: &[(String, Ledger)], numbers: &mut Vec<Number>) {
    let stated: BTreeSet<String> =
        numbers.iter().map(|n| &n.path).filter(|path| path.contains("ledger.")).cloned().collect();
    let mut push = |path: String, meaning: &str, value: u64| {
        if stated.contains(&path) {
            return;
        }
        let (meaning, value) = (meaning.to_owned(), Ok(value as f64));
        numbers.push(Number { path, unit: "1", meaning, value, samples: None });
    };
    let total = |count: &dyn Fn(&Ledger) -> u64| ledgers.iter().map(|(_, l)| count(l)).sum::<u64>();
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
        let mut numbers = Vec::new();
        add_numbers(&measure, &mut numbers);
        add_ledger_numbers(&[("email".to_owned(), Ledger::default())], &mut numbers);
        let lost: Vec<_> = numbers.iter().filter(|n| n.path == "ledger.lost").collect();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].value, Ok(7.0));
        assert!(numbers.iter().any(|n| n.path == "email.ledger.lost"));
    }

    #[test]
    fn no_number_is_infinite() {
        assert!(finite(Ok(f64::NAN)).is_err());
        assert_eq!(finite(Ok(1.0)), Ok(1.0));
    }
}
