//! Every verb and every trigger of failures, held against what can be worked out by hand.
//! `UPDATE=1 cargo test --release --test it failures` writes docs/failures.md, which must show the
//! very numbers that come out.

use crate::support;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tidelag::scenario::keys::{TRIGGERS, VERBS};

const HEAD: &str = "\
# Failures, expected and simulated

Written by `UPDATE=1 cargo test --release --test it failures`; do not edit. A scenario for \
each verb and each trigger of [failures](model/failures.md) whose result follows from arithmetic; \
[tests/failures](../tests/failures/README.md) has the scenarios. SI units. Where no tolerance is \
stated there is none but for rounding: arrivals are periodic, work is constant and nothing is drawn.

";

/// What is added to each tolerance, relative to the value: sums of floating-point numbers.
const ROUNDING: f64 = 1e-9;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    case: Vec<Case>,
}

/// One scenario of a verb or of a trigger.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    verb: Option<String>,
    trigger: Option<String>,
    id: String,
    scenario: String,
    check: Vec<Check>,
}

/// One number that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    metric: String,
    value: f64,
    tol: f64,
    /// The arithmetic.
    because: String,
    /// What the tolerance is made of; empty if there is none.
    #[serde(default)]
    why: String,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../failures/oracles.toml");
    let file: File = toml::from_str(text).expect("the cases are well formed");
    assert_eq!(file.schema, 1);
    file.case
}

/// A line of the page.
fn row(name: &str, case: &Case, check: &Check, found: f64) -> String {
    let Check { metric, value, tol, because, why } = check;
    let tolerance = if *tol == 0.0 { String::new() } else { format!("{tol}: {why}") };
    format!(
        "| {name} | {} | `{metric}` | {found:.6} | {value:.6} | {because} | {tolerance} |",
        case.id
    )
}

/// A table of the cases of `kind`, what is wrong with them, and how many numbers it has.
fn table(kind: &str, name: impl Fn(&Case) -> Option<&str>, faults: &mut Vec<String>) -> String {
    let mut table = format!(
        "| {kind} | scenario | metric | simulated | expected | because | tolerance |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for case in &cases() {
        let Some(name) = name(case) else { continue };
        let results = support::simulate(&case.scenario, &["--threads", "1"]);
        for check in &case.check {
            let found = support::value(&results, &check.metric);
            let difference = (found - check.value).abs();
            let most = check.tol + ROUNDING * check.value.abs();
            if difference.is_nan() || difference > most {
                let Check { metric, value, because, .. } = check;
                faults.push(format!("{}: {metric} is {found}, not {value}: {because}", case.id));
            }
            let _ = writeln!(table, "{}", row(name, case, check, found));
        }
    }
    table
}

#[test]
fn every_verb_and_every_trigger_does_what_arithmetic_says() {
    let mut faults = Vec::new();
    let verbs = table("verb", |case| case.verb.as_deref(), &mut faults);
    let triggers = table("trigger", |case| case.trigger.as_deref(), &mut faults);
    let page = format!("{HEAD}## Verbs\n\n{verbs}\n## Triggers\n\n{triggers}");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let path = support::root().join("docs/failures.md");
    if support::update() {
        std::fs::write(&path, &page).expect("docs/failures.md");
    }
    let there = std::fs::read_to_string(&path).expect("docs/failures.md");
    let lacks: Vec<&str> = page.lines().filter(|line| !there.lines().any(|l| l == *line)).collect();
    assert!(lacks.is_empty(), "docs/failures.md lacks\n{}", lacks.join("\n"));
    assert_eq!(there, page, "docs/failures.md says more than it should");
}

#[test]
fn every_verb_and_every_trigger_has_a_case() {
    let cases = cases();
    let all = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let verbs: BTreeSet<&str> = cases.iter().filter_map(|c| c.verb.as_deref()).collect();
    assert_eq!(verbs, all(VERBS));
    let triggers: BTreeSet<&str> = cases.iter().filter_map(|c| c.trigger.as_deref()).collect();
    assert_eq!(triggers, all(TRIGGERS));
}

#[test]
fn a_case_is_of_one_kind_uses_what_it_is_of_and_explains_its_tolerance() {
    let mut seen = BTreeSet::new();
    for case in &cases() {
        let ((Some(name), None) | (None, Some(name))) = (&case.verb, &case.trigger) else {
            panic!("{} is of a verb or of a trigger", case.id);
        };
        let used = case.scenario.lines().any(|l| l.split('=').next().unwrap_or("").trim() == name);
        assert!(used, "{} has no {name}", case.id);
        assert!(seen.insert(case.id.clone()), "{} twice", case.id);
        assert!(!case.check.is_empty(), "{} checks nothing", case.id);
        for check in &case.check {
            assert_eq!(check.tol == 0.0, check.why.is_empty(), "{}: {}", case.id, check.metric);
        }
    }
}
