//! Real brokers: each scenario is fed what the real system was fed and held against what it did. A
//! goal that is missed is listed here, and docs/ground-truth.md names what the model lacks.

#[path = "../ground-truth/runs.rs"]
mod runs;

use crate::support;
use std::fmt::Write as _;

/// Numbers known to be out of their goal.
const MISSED: &[&str] = &["e2-fanout, s2: fast p99 lag, ms", "e3-stall, s2: s1 drain, s"];

fn check(file: &str) {
    let path = support::root().join(format!("tests/ground-truth/{file}.toml"));
    let results = support::results(&path, &["--threads", "1"]);
    let page = std::fs::read_to_string(support::root().join("docs/ground-truth.md"));
    let page = page.unwrap_or_default();
    let mut faults = String::new();
    for (_, variant, run, service) in runs::RUNS.iter().filter(|r| r.0 == file) {
        let found = results.variants.get(variant).expect("the variant");
        for line in runs::lines(variant, run, service, file, found) {
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
fn a_polled_outbox() {
    check("e7-outbox");
}

#[test]
fn every_file_is_a_test() {
    assert_eq!(runs::files(), ["e1-load", "e2-fanout", "e3-stall", "e4-competing", "e7-outbox"]);
}
