//! Every scenario of the course: it teaches something, its expectations hold, and its history is
//! pinned (`UPDATE=1` rewrites tests/golden/digests.toml, and the changelog then has a headline).

use crate::support::{self, files, results};
use std::fmt::Write as _;
use tidelag::results::Results;

/// Variants that show what never comes to rest.
const ENDLESS: &[(&str, &str)] = &[("17-poison", "queue-without-limit")];

const PINNED: &str = "tests/golden/digests.toml";

#[test]
fn expectations_hold_and_histories_are_the_pinned_ones() {
    let mut faults = String::new();
    let mut digests = String::from(
        "# Digest of every scenario's history, by variant. A change means that the same seed now\n\
         # gives another history: say so, and why, at the top of the changelog.\n",
    );
    for (name, file) in files("scenarios", "toml") {
        let results = results(&file, &[]);
        let _ = writeln!(digests, "\n[{name:?}]");
        for (variant, found) in results.variants.iter() {
            let _ = writeln!(digests, "{variant:?} = {:?}", found.digest);
        }
        teaches(&name, &results, &mut faults);
    }
    let pinned = support::root().join(PINNED);
    if support::update() {
        std::fs::create_dir_all(pinned.parent().expect("a parent")).expect("a directory");
        std::fs::write(&pinned, &digests).expect("a writable file");
    }
    assert!(faults.is_empty(), "\n{faults}");
    let expected = std::fs::read_to_string(&pinned).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(expected, digests, "{PINNED} is out of date");
}

/// A scenario asks, answers, is judged in every variant, and keeps what it promises.
fn teaches(name: &str, results: &Results, faults: &mut String) {
    let info = &results.scenario;
    for (what, text) in
        [("title", &info.title), ("question", &info.question), ("lesson", &info.lesson)]
    {
        if text.is_empty() {
            let _ = writeln!(faults, "{name}: no {what}");
        }
    }
    if !info.question.trim_end().ends_with('?') {
        let _ = writeln!(faults, "{name}: the question does not end with a question mark");
    }
    for (variant, found) in results.variants.iter() {
        if found.expect.is_empty() {
            let _ = writeln!(faults, "{name}, {variant}: expects nothing");
        }
        for line in found.expect.iter().filter(|line| !line.holds) {
            let value = line.value.map_or("no value".to_owned(), |v| format!("{v} {}", line.unit));
            let _ = writeln!(faults, "{name}, {variant}: {} {}: {value}", line.metric, line.bound);
        }
        let endless = ENDLESS.contains(&(name, variant));
        if found.phases.converged == endless {
            let _ = writeln!(
                faults,
                "{name}, {variant}: at rest after the drain: {}",
                found.phases.converged
            );
        }
    }
}

#[test]
fn the_checkers_have_nothing_to_remark() {
    for (name, file) in files("scenarios", "toml") {
        let output = support::tidelag().arg("check").arg(&file).output().expect("it starts");
        let text = support::stderr(&output);
        assert_eq!(support::status(&output), 0, "{name}: {text}");
        assert!(!text.contains("warning"), "{name}: {text}");
    }
}
