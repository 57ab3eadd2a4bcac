//! Real brokers: each scenario is fed what the real system was fed and held against what it did. A
//! goal that is missed is listed here, and docs/ground-truth.md names what the model lacks.

#[path = "../ground-truth/runs.rs"]
mod runs;

use crate::support;
use std::fmt::Write as _;

/// Numbers known to be out of their goal.
const MISSED: &[&str] = &[
    "e2-rabbitmq-fanout3-s2: fast p99 lag, ms",
    "e3-rabbitmq-stall10-s2: s1 drain, s",
    "e3x-rabbitmq-kill10: s1 drain, s",
    "e3-nats-stall10: s1 mean lag, ms",
    "e3-nats-stall10: s1 drain, s",
    "e3-redis-stall10: s1 drain, s",
    "e5-nats-acklost5-redeliver2s: s1 mean lag, ms",
    "e5-nats-acklost5-redeliver2s: s1 p99 lag, ms",
    "e8-nats-kill5: s1 drain, s",
];

fn check(file: &str) {
    let path = support::root().join(format!("tests/ground-truth/{file}.toml"));
    let results = support::results(&path, &["--threads", "1"]);
    let page = std::fs::read_to_string(support::root().join("docs/ground-truth.md"));
    let page = page.unwrap_or_default();
    let mut faults = String::new();
    for (_, variant, run, service) in runs::RUNS.iter().filter(|r| r.0 == file) {
        let found = results.variants.get(variant).expect("the variant");
        for line in runs::lines(run, service, found) {
            let row = line.row();
            if line.holds() == MISSED.contains(&line.name.as_str()) {
                let _ = writeln!(faults, "{row}");
            }
            if !page.contains(&row) {
                let _ = writeln!(faults, "docs/ground-truth.md lacks {row}");
            }
        }
    }
    assert!(faults.is_empty(), "{file}\n{faults}");
}

#[test]
fn one_queue_at_80_percent() {
    check("e1-load");
}

#[test]
fn three_subscribers() {
    check("e2-fanout");
}

#[test]
fn ten_seconds_of_standstill() {
    check("e3-stall");
}

#[test]
fn four_competing_workers() {
    check("e4-competing");
}

#[test]
fn one_delivery_in_twenty_fails() {
    check("e5-redelivery");
}

#[test]
fn five_seconds_without_the_broker() {
    check("e8-restart");
}

#[test]
fn a_polled_outbox() {
    check("e7-outbox");
}

#[test]
fn every_file_is_a_test() {
    let files = [
        "e1-load",
        "e2-fanout",
        "e3-stall",
        "e4-competing",
        "e5-redelivery",
        "e7-outbox",
        "e8-restart",
    ];
    assert_eq!(runs::files(), files);
}
