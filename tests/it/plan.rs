//! `tidelag plan --metastable`: a storm of retries has a point of no return, and without retries,
//! or at a load that bears them, there is none.

use crate::support::{root, status, stderr, tidelag, write};
use tidelag::results::{Fate, Metastability, Results};

const STORM: &str = "tests/plan/retry-storm.toml";

fn plan(more: &[&str]) -> Results {
    let mut command = tidelag();
    command.args(["plan", STORM, "--metastable", "--within", "20s", "--format", "json", "-q"]);
    let output = command.args(more).output().expect("it starts");
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("results.json on stdout")
}

fn of<'a>(results: &'a Results, variant: &str) -> &'a Metastability {
    let found = results.variants.get(variant).and_then(|v| v.metastability.as_ref());
    found.expect("a search")
}

#[test]
fn three_attempts_never_return_and_one_does() {
    let results = plan(&["--up-to", "10s", "--seeds", "2"]);
    let base = of(&results, "base");
    // Nobody gives up before a second has passed, and ten seconds are known to be too many.
    let threshold = base.threshold.expect("a point of no return");
    assert!((1.0..10.0).contains(&threshold), "{threshold}");
    let metric = results.variants.get("base").and_then(|v| v.metrics.get("metastable.for"));
    assert_eq!(metric.and_then(|m| m.value), Some(threshold));
    assert!(base.ci95.is_some());
    for search in &base.replications {
        let stays = search.stays.expect("it stays down");
        assert!(search.returns < stays && stays - search.returns <= 0.02 * stays + 0.001);
        let good = search.trial(search.returns).expect("tried");
        let bad = search.trial(stays).expect("tried");
        assert_eq!((good.outcome, bad.outcome), (Fate::Returns, Fate::Stays));
        assert!(good.goodput >= 0.9 * good.reference && bad.goodput < 0.9 * bad.reference);
        // Not slow but down for good: nothing is done 100 s later.
        let later = search.later.as_ref().expect("looked at again");
        assert!(later.outcome == Fate::Stays && later.goodput < 0.02 * later.reference);
    }
    for variant in ["once", "quiet"] {
        let found = of(&results, variant);
        assert_eq!(found.threshold, None, "{variant}");
        assert!(found.replications.iter().all(|s| s.returns == 10.0), "{variant}");
        let metric = results.variants.get(variant).and_then(|v| v.metrics.get("metastable.for"));
        assert!(metric.is_some_and(|m| m.value.is_none() && m.note.is_some()), "{variant}");
    }
}

#[test]
fn no_load_that_bears_all_attempts_goes_down() {
    let results = plan(&["--over", "load", "--variant", "base"]);
    // Three attempts of 700/s at 10 workers of 10 ms each: they fit below 1000 / 2100 of the load.
    let threshold = of(&results, "base").threshold.expect("a load");
    assert!((0.47..1.0).contains(&threshold), "{threshold}");
}

#[test]
fn a_system_that_is_down_anyway_is_said_to_be() {
    let results = plan(&["--variant", "once", "--set", "client.web.rate=\"1500/s\""]);
    let found = of(&results, "once");
    assert_eq!(found.replications[0].trials[0].outcome, Fate::Overloaded);
    assert_eq!(found.threshold, Some(0.0));
}

#[test]
fn reports_do_not_depend_on_threads_and_questions_without_sense_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |out: &str, threads: &str| {
        let mut command = tidelag();
        command.args(["plan", STORM, "--metastable", "--within", "5s", "--variant", "base"]);
        command.args(["--seeds", "2", "--threads", threads, "--out"]).arg(dir.path().join(out));
        assert_eq!(status(&command.output().expect("it starts")), 0);
    };
    run("one", "1");
    run("two", "2");
    for name in ["results.json", "report.html", "charts/no-return.svg"] {
        let read = |out: &str| std::fs::read(dir.path().join(out).join(name)).expect(name);
        assert!(read("one") == read("two"), "{name}");
    }
    let storm = std::fs::read_to_string(root().join(STORM)).expect("a file");
    let calm = storm.replace("[[failure]]", "[[failure]]\noff = true");
    let calm = write(dir.path(), "calm.toml", calm);
    let calm = calm.to_string_lossy().into_owned();
    for (arguments, says) in [
        (vec!["plan", STORM], "--metastable"),
        (vec!["plan", STORM, "--vary", "seeds=1..4"], "a later version"),
        (vec!["plan", STORM, "--metastable", "--failure", "grey"], "there are gray"),
        (vec!["plan", STORM, "--metastable", "--up-to", "4x"], "a duration above 0"),
        (vec!["plan", &calm, "--metastable"], "no [[failure]] to pull the trigger"),
    ] {
        let output = tidelag().args(&arguments).output().expect("it starts");
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(says), "{arguments:?}: {}", stderr(&output));
    }
}
