//! Laws of the whole room, on a simulation of nothing.

use super::*;
use crate::model::{
    Backlog, Balance, Blueprint, Broker, Memory, Network, PhasePlan, Service, Zone,
};
use crate::probe::RunRecord;
use crate::random::Variate;
use crate::results::{ScenarioInfo, Topology};
use crate::scenario::{Bound, Expect};
use crate::units::SimDuration;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn blueprint(instances: u32) -> Blueprint {
    let none = || Variate::constant(SimDuration::ZERO);
    let service = Service {
        name: "email".to_owned(),
        instances,
        autoscale: None,
        workers: 1,
        zone: None,
        start: SimDuration::ZERO,
        balance: Balance::RoundRobin,
        write: none(),
        read: none(),
        connections: None,
        memory: Memory::NONE,
        static_id: false,
        backlog: Backlog::default(),
        patience: None,
        cores: None,
        sources: Vec::new(),
        handlers: Vec::new(),
    };
    Blueprint {
        phases: PhasePlan {
            warmup: SimDuration::ZERO,
            duration: SimDuration::from_secs(60),
            drain: SimDuration::ZERO,
        },
        max_events: 1_000,
        zones: vec![Zone { name: "a".to_owned(), region: String::new() }],
        network: Network { same_zone: none(), other_zone: none(), other_region: none() },
        entities: Vec::new(),
        events: Vec::new(),
        brokers: vec![Broker::ideal("bus", none())],
        services: vec![service],
        clients: Vec::new(),
        failures: Vec::new(),
        sets: Vec::new(),
    }
}

/// A scenario of variants named `base`, `v1`, `v2`... that differ in the number of instances.
fn scenario(seeds: u64, instances: &[u32]) -> Scenario {
    let variant = |(i, &n): (usize, &u32)| Variant {
        name: if i == 0 { "base".to_owned() } else { format!("v{i}") },
        blueprint: blueprint(n),
        expect: vec![Expect {
            metric: "email.lag.max".to_owned(),
            text: "< 1.5x base".to_owned(),
            bound: Bound::Relative {
                operator: "<".to_owned(),
                factor: 1.5,
                variant: "base".to_owned(),
            },
        }],
        advice: Vec::new(),
        topology: Topology::default(),
    };
    Scenario {
        info: ScenarioInfo::default(),
        seed: 1,
        seeds,
        variants: instances.iter().enumerate().map(variant).collect(),
    }
}

fn run_at(scenario: &Scenario, threads: usize, simulate: &Simulate) -> Result<Outcome, RunError> {
    let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, progress: &progress };
    run_with(scenario, RunOptions { threads }, control, simulate)
}

fn results_of(scenario: &Scenario) -> Results {
    run_at(scenario, 1, &fake::simulate).expect("it runs").results
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn results_do_not_depend_on_the_number_of_threads(
        seeds in 1_u64..6,
        instances in prop::collection::vec(1_u32..4, 1..4),
        threads in 2_usize..6,
    ) {
        let scenario = scenario(seeds, &instances);
        let parallel = run_at(&scenario, threads, &fake::simulate).expect("it runs").results;
        let bytes = |results: &Results| serde_json::to_vec(results).expect("plain data");
        prop_assert_eq!(bytes(&results_of(&scenario)), bytes(&parallel));
    }

    #[test]
    fn a_variant_that_changes_nothing_is_equal(seeds in 1_u64..5) {
        let results = results_of(&scenario(seeds, &[2, 2]));
        let known = results.comparisons.iter().filter(|c| c.diff.is_some());
        for comparison in known {
            prop_assert_eq!(comparison.verdict, crate::results::Verdict::Equal);
        }
        prop_assert_eq!(
            &results.variants.get("base").unwrap().digest,
            &results.variants.get("v1").unwrap().digest
        );
    }
}

#[test]
fn metrics_are_means_and_counts_are_sums() {
    let results = results_of(&scenario(3, &[1]));
    let base = results.variants.get("base").expect("it is there");
    // 1000, 1001 and 1002 samples.
    let count = base.metrics.get("email.lag.count").expect("it is there");
    assert_eq!((count.value, count.count, count.censored), (Some(1001.0), Some(3003), Some(1)));
    assert_eq!(count.unit, "1");
    assert_eq!(base.events, 3003);
    // 0, 1 and 2 lost.
    assert_eq!(base.metrics.get("ledger.lost").and_then(|m| m.value), Some(1.0));
    assert_eq!(base.ledger.get("email").map(|l| (l.committed, l.applied)), Some((3003, 3000)));
    assert_eq!(base.ledger.get("email").and_then(|l| l.lost.get("crash")), Some(&3));
    assert_eq!(base.phases.drained_s, 2.0);
    let histogram = base.histograms.get("email.lag").expect("it is there");
    assert_eq!(histogram.counts.iter().sum::<u64>(), 3003);
    assert!(histogram.values.is_sorted());
}

#[test]
fn max_is_the_mean_of_the_largest_of_each_run() {
    let scenario = scenario(3, &[1]);
    let each: Vec<f64> = (0..3)
        .map(|replication| {
            let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
            let control = Control { cancelled: &cancelled, progress: &progress };
            let record = fake::simulate(&scenario.variants[0].blueprint, 1, replication, control)
                .expect("done");
            let crate::probe::Shape::Tally(tally) = &record.measures[0].shape else {
                panic!("the first measure is a tally")
            };
            tally.max as f64 / 1e9
        })
        .collect();
    let results = results_of(&scenario);
    let max = results.variants.get("base").and_then(|v| v.metrics.get("email.lag.max"));
    let max = max.expect("it is there");
    assert_eq!(max.value, Some((each[0] + each[1] + each[2]) / 3.0));
    assert!(max.ci95.is_some());
}

#[test]
fn series_are_means_of_the_runs_that_have_a_value() {
    let results = results_of(&scenario(2, &[1]));
    let series = results.variants.get("base").and_then(|v| v.series.get("email.lag.p99"));
    let series = series.expect("it is there");
    assert_eq!(series.values, [Some(0.0), None, Some(2.0), Some(3.0)]);
    assert_eq!(series.bin_s, 0.1);
}

#[test]
fn an_unknown_number_is_null_with_its_reason() {
    let results = results_of(&scenario(2, &[1]));
    let metric = results.variants.get("base").and_then(|v| v.metrics.get("web.availability"));
    let metric = metric.expect("it is there");
    assert_eq!((metric.value, metric.note.as_deref()), (None, Some("no request")));
}

#[test]
fn one_replication_has_no_interval() {
    let results = results_of(&scenario(1, &[1]));
    let base = results.variants.get("base").expect("it is there");
    assert!(base.metrics.iter().all(|(_, metric)| metric.ci95.is_none()));
}

#[test]
fn every_variant_is_judged_and_compared_with_the_first() {
    let results = results_of(&scenario(2, &[1, 2, 3]));
    assert!(results.variants.iter().all(|(_, v)| v.expect.len() == 1 && v.expect[0].holds));
    let pairs: Vec<_> = results
        .comparisons
        .iter()
        .filter(|c| c.metric == "email.lag.mean")
        .map(|c| (c.a.as_str(), c.b.as_str()))
        .collect();
    assert_eq!(pairs, [("base", "v1"), ("base", "v2")]);
}

#[test]
fn a_limit_keeps_what_was_measured() {
    let limited = |b: &Blueprint, seed: u64, replication: u64, control: Control<'_>| {
        let limit = (replication == 1).then(|| "max_events".to_owned());
        Ok(RunRecord { limit, ..fake::simulate(b, seed, replication, control)? })
    };
    let outcome = run_at(&scenario(3, &[1]), 2, &limited).expect("it runs");
    let expected =
        Limit { variant: "base".to_owned(), replication: 1, reason: "max_events".to_owned() };
    assert_eq!(outcome.limits, [expected]);
    assert_eq!(outcome.results.seeds, 3);
}

#[test]
fn a_broken_invariant_names_variant_and_replication() {
    let broken = |b: &Blueprint, seed: u64, replication: u64, control: Control<'_>| {
        assert!(b.services[0].instances != 2 || replication != 1, "the ledger does not balance");
        fake::simulate(b, seed, replication, control)
    };
    for threads in [1, 4] {
        let error = run_at(&scenario(4, &[1, 2]), threads, &broken).expect_err("it breaks");
        let expected = RunError::Broken {
            variant: "v1".to_owned(),
            replication: 1,
            message: "the ledger does not balance".to_owned(),
        };
        assert_eq!(error, expected);
    }
}

/// Cancels when the variant with `instances` begins `replication`.
fn cancelled_at(
    scenario: &Scenario,
    instances: u32,
    replication: u64,
) -> Result<Outcome, RunError> {
    run_at(scenario, 1, &|b: &Blueprint, seed: u64, r: u64, control: Control<'_>| {
        let now = b.services[0].instances == instances && r == replication;
        control.cancelled.fetch_or(now, Ordering::Relaxed);
        fake::simulate(b, seed, r, control)
    })
}

#[test]
fn an_interrupted_experiment_keeps_the_replications_that_every_variant_has() {
    let scenario_of_four = scenario(4, &[1, 2]);
    let outcome = cancelled_at(&scenario_of_four, 2, 2).expect("two are finished");
    assert_eq!(outcome.interrupted, Some(Interrupted { finished: 2, planned: 4 }));
    assert_eq!(outcome.results, results_of(&scenario(2, &[1, 2])));
}

#[test]
fn an_experiment_interrupted_in_its_first_replication_keeps_the_finished_variants() {
    let outcome = cancelled_at(&scenario(4, &[1, 2]), 2, 0).expect("one variant is finished");
    assert_eq!(outcome.interrupted, Some(Interrupted { finished: 1, planned: 4 }));
    assert_eq!(outcome.results.variants.len(), 1);
    let nothing = cancelled_at(&scenario(4, &[1, 2]), 1, 0).expect_err("nothing is finished");
    assert_eq!(nothing, RunError::Interrupted);
}
