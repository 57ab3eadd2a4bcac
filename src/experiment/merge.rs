//! The replications of one variant become its results: means with intervals, sums of counts, pooled
//! distributions. Everything is added up in the order of the replications, so the bytes do not
//! depend on who finished first.

use super::digest;
use super::interval::{interval, mean};
use super::partitions;
use super::reduce::{Buckets, Line, Replication};
use super::statistics::Known;
use crate::probe::bin_width;
use crate::results::{Histogram, Ledger, Metric, Ordered, Phases, Series, VariantResult};
use crate::scenario::Variant;
use std::collections::BTreeMap;

/// One metric with its value in each replication.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    pub(super) path: String,
    pub(super) unit: &'static str,
    pub(super) values: Vec<Known>,
}

/// Merges the replications of a variant; there is at least one. Expectations are judged later.
pub(super) fn merge(variant: &Variant, runs: &[Replication]) -> (VariantResult, Vec<Samples>) {
    let plan = variant.blueprint.phases;
    let samples = collect(runs);
    let digests: Ordered<String> = (0..runs[0].digests.len())
        .map(|i| {
            let combined = digest::over_replications(runs.iter().map(|run| run.digests[i].1));
            (runs[0].digests[i].0.clone(), combined)
        })
        .collect();
    let result = VariantResult {
        digest: digest::over_components(digests.iter()),
        digests,
        events: runs.iter().map(|run| run.events).sum(),
        phases: Phases {
            warmup_s: plan.warmup.as_secs(),
            measured_s: plan.duration.as_secs(),
            drained_s: runs.iter().map(|run| run.drained_s).fold(0.0, f64::max),
            converged: runs.iter().all(|run| run.converged),
        },
        topology: variant.topology.clone(),
        metrics: metrics(runs, &samples),
        series: series(runs, bin_width(plan.warmup + plan.duration).as_secs()),
        histograms: histograms(runs),
        ledger: ledgers(runs),
        partitions: partitions::merge(&variant.blueprint, runs),
        expect: Vec::new(),
        advice: variant.advice.clone(),
        failures: runs[0].trouble.windows.clone(),
        failures_note: failures_note(runs),
        recoveries: runs[0].trouble.recoveries.clone(),
        coupling: None,
        metastability: None,
    };
    (result, samples)
}

/// What must be known to read the list of failures, where there is one.
fn failures_note(runs: &[Replication]) -> Option<String> {
    let trouble = &runs[0].trouble;
    let mut notes = Vec::new();
    if trouble.more > 0 {
        let (kept, all) = (trouble.windows.len(), trouble.windows.len() as u64 + trouble.more);
        notes.push(format!("the first {kept} of {all} windows"));
    }
    if runs.len() > 1 && !trouble.windows.is_empty() {
        notes.push(format!("of the first of {} replications", runs.len()));
    }
    (!notes.is_empty()).then(|| notes.join(", "))
}

/// Every metric's values, replications in order. Every replication has the same metrics in the same
/// order.
fn collect(runs: &[Replication]) -> Vec<Samples> {
    let heads = &runs[0].heads;
    assert!(
        runs.iter().all(|run| run.numbers.len() == heads.len()),
        "every replication has the same measures"
    );
    heads
        .iter()
        .enumerate()
        .map(|(i, head)| Samples {
            path: head.path.clone(),
            unit: head.unit,
            values: runs.iter().map(|run| run.numbers[i].value.clone()).collect(),
        })
        .collect()
}

/// All values, or the reason of the first that is unknown.
pub(super) fn all_known(values: &[Known]) -> Result<Vec<f64>, String> {
    values.iter().cloned().collect()
}

fn metrics(runs: &[Replication], samples: &[Samples]) -> Ordered<Metric> {
    let sum = |i: usize, pick: &dyn Fn((u64, u64)) -> u64| {
        runs.iter().map(|run| run.numbers[i].samples.map(pick)).sum::<Option<u64>>()
    };
    samples
        .iter()
        .enumerate()
        .map(|(i, sample)| {
            let values = all_known(&sample.values);
            let metric = Metric {
                unit: sample.unit.to_owned(),
                value: values.as_ref().ok().map(|values| mean(values)),
                ci95: values.as_ref().ok().and_then(|values| interval(values)),
                count: sum(i, &|(count, _)| count),
                censored: sum(i, &|(_, censored)| censored),
                meaning: runs[0].heads[i].meaning.clone(),
                note: values.err(),
            };
            (sample.path.clone(), metric)
        })
        .collect()
}

/// In each bin the mean of the runs that have a value there.
fn series(runs: &[Replication], bin_s: f64) -> Ordered<Series> {
    let heads = &runs[0].series;
    heads
        .iter()
        .enumerate()
        .map(|(i, head)| {
            let lines: Vec<&Line> = runs.iter().map(|run| &run.series[i]).collect();
            let bins = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
            let values = (0..bins).map(|bin| mean_of_bin(&lines, bin)).collect();
            (head.path.clone(), Series { unit: head.unit.to_owned(), bin_s, values })
        })
        .collect()
}

fn mean_of_bin(lines: &[&Line], bin: usize) -> Option<f64> {
    let known: Vec<f64> = lines
        .iter()
        .filter_map(|line| line.values.get(bin).copied())
        .filter(|value| value.is_finite())
        .collect();
    (!known.is_empty()).then(|| mean(&known))
}

fn histograms(runs: &[Replication]) -> Ordered<Histogram> {
    (0..runs[0].buckets.len())
        .map(|i| {
            let tallies: Vec<&Buckets> = runs.iter().map(|run| &run.buckets[i]).collect();
            (tallies[0].path.clone(), pool(&tallies))
        })
        .collect()
}

/// One distribution of all samples. Middles are positive numbers, so their bits sort as they do.
fn pool(tallies: &[&Buckets]) -> Histogram {
    let mut pooled = BTreeMap::new();
    for (middle, count) in tallies.iter().flat_map(|tally| &tally.counts) {
        *pooled.entry(middle.to_bits()).or_insert(0_u64) += count;
    }
    Histogram {
        unit: tallies[0].unit.to_owned(),
        values: pooled.keys().map(|&bits| f64::from_bits(bits) / 1e9).collect(),
        counts: pooled.into_values().collect(),
        censored: tallies.iter().map(|tally| tally.censored).sum(),
    }
}

/// Every count summed, reasons in the order in which they first appear.
fn ledgers(runs: &[Replication]) -> Ordered<Ledger> {
    (0..runs[0].ledgers.len())
        .map(|i| {
            let mut sum = Ledger::default();
            for run in runs {
                add(&mut sum, &run.ledgers[i].1);
            }
            (runs[0].ledgers[i].0.clone(), sum)
        })
        .collect()
}

fn add(sum: &mut Ledger, run: &Ledger) {
    sum.committed += run.committed;
    sum.pending += run.pending;
    sum.stored += run.stored;
    sum.leased += run.leased;
    sum.applied += run.applied;
    sum.superseded += run.superseded;
    sum.rejected += run.rejected;
    add_reasons(&mut sum.dropped, &run.dropped);
    sum.dead_lettered += run.dead_lettered;
    sum.expired += run.expired;
    add_reasons(&mut sum.lost, &run.lost);
    sum.double_applied += run.double_applied;
    sum.filtered += run.filtered;
    sum.backfill += run.backfill;
    sum.phantom += run.phantom;
    sum.redelivered += run.redelivered;
    sum.out_of_order += run.out_of_order;
    sum.resurrected += run.resurrected;
    sum.wrong_entities += run.wrong_entities;
    sum.harmed += run.harmed;
}

fn add_reasons(sum: &mut Ordered<u64>, run: &Ordered<u64>) {
    for (reason, count) in run.iter() {
        match sum.get_mut(reason) {
            Some(total) => *total += count,
            None => sum.push(reason, *count),
        }
    }
}
