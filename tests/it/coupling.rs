//! `tidelag coupling`: who breaks with whom, how loose that is, and the same bytes at any number of
//! threads.

use crate::support::{status, stderr, tidelag, write};
use std::path::Path;
use tidelag::results::{Coupling, Results};

/// A shop that calls billing and tells email. 50/s for 20 s are 1 000 requests; who is crashed for
/// 2 s takes another 5 s to start.
const SHOP: &str = r#"
duration = "20s"
[client.web]
calls = "shop.buy"
rate  = "every 20ms"
[service.shop]
workers = 4
api.buy = { takes = "1ms", calls = "billing.charge", emits = "Bought" }
[service.billing]
api.charge = "2ms"
[service.email]
on.Bought = "1ms"
[[failure]]
name  = "no mail"
crash = "email"
at    = "5s"
for   = "2s"
"#;

fn coupling(dir: &Path, text: &str, more: &[&str]) -> Results {
    let file = write(dir, "shop.toml", text);
    let mut command = tidelag();
    command.arg("coupling").arg(file).args(["--format", "json", "--quiet"]).args(more);
    let output = command.output().expect("it starts");
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("results.json on stdout")
}

fn value(results: &Results, metric: &str) -> f64 {
    let base = results.variants.get("base").expect("a variant");
    base.metrics.get(metric).and_then(|m| m.value).unwrap_or_else(|| panic!("{metric}"))
}

fn found(results: &Results) -> &Coupling {
    results.variants.get("base").and_then(|v| v.coupling.as_ref()).expect("a coupling")
}

#[test]
fn a_call_couples_and_an_event_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let results = coupling(dir.path(), SHOP, &["--seeds", "2"]);
    for (pair, breaks) in [
        ("shop.web", 1.0),
        ("billing.web", 1.0),
        ("email.web", 0.0),
        ("shop.email", 0.0),
        ("billing.email", 0.0),
        ("email.email", 1.0),
    ] {
        assert_eq!(value(&results, &format!("coupling.{pair}")), breaks, "{pair}");
    }
    // Of 7 s of 20 s each request fails, whoever is missing; two are on their way.
    for from in ["shop", "billing"] {
        let lost = value(&results, &format!("coupling.{from}.web.effect"));
        assert!((lost - 0.35).abs() < 0.004, "{from}: {lost}");
    }
    // The first event of the outage waits all of its 7 s; 1 % of the events are within 0.2 s of it.
    let late = value(&results, "coupling.email.email.effect");
    assert!((6.6..7.1).contains(&late), "{late}");
    // Three of the five pairs hold.
    assert_eq!(value(&results, "coupling.loose"), 0.6);
    let failure = &found(&results).failures[0];
    assert_eq!((failure.name.as_str(), failure.share), ("no mail", 0.5));
    assert_eq!(failure.broken().map(|e| e.to.as_str()).collect::<Vec<_>>(), ["email"]);
}

#[test]
fn a_failure_comes_with_those_that_it_waits_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = "[[failure]]\nname = \"idle\"\npause = \"email\"\nat = \"1s\"\nfor = \"1ms\"\n\
        [[failure]]\nname = \"no bills\"\ncrash = \"billing\"\nafter = \"no mail\"\n\
        for = \"2s\"\n";
    let results = coupling(dir.path(), &format!("{SHOP}{chain}"), &[]);
    let radius = |at: usize| {
        let failure = &found(&results).failures[at];
        failure.broken().map(|e| e.to.clone()).collect::<Vec<_>>()
    };
    assert_eq!(radius(0), ["email"]);
    assert_eq!(radius(1), [""; 0]);
    assert_eq!(radius(2), ["web", "email"]);
}

#[test]
fn a_shorter_stop_at_another_time_harms_less() {
    let dir = tempfile::tempdir().expect("a directory");
    let pause = ["--verb", "pause", "--at", "4s", "--for", "500ms"];
    let results = coupling(dir.path(), SHOP, &pause);
    let (at, lasts) = (found(&results).at_s, found(&results).for_s);
    assert_eq!((at, lasts, found(&results).verb.as_str()), (4.0, 0.5, "pause"));
    // Everybody waits half a second at most: no answer takes a second.
    assert_eq!(value(&results, "coupling.loose"), 1.0);
}

#[test]
fn what_a_scenario_expects_is_the_objective_if_it_holds_without_a_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let stated = "[expect]\nweb.availability = \"50%..90%\"\nemail.lag.max = \"< 1m\"\n\
                  email.rho.mean = \"4%..6%\"\nledger.lost = \"= 0\"\n";
    let results = coupling(dir.path(), &format!("{SHOP}{stated}"), &[]);
    let objectives = &found(&results).objectives;
    let of = |name: &str| objectives.get(name).expect("objectives").join("; ");
    assert_eq!(of("email"), "email.lag.max < 1m");
    assert!(of("web").starts_with("web.availability >= 99.9%"), "{}", of("web"));
    assert_eq!(value(&results, "coupling.email.email"), 0.0);
    assert_eq!(value(&results, "coupling.billing.web"), 1.0);
}

#[test]
fn reports_are_the_same_at_any_number_of_threads_and_can_be_drawn_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = write(dir.path(), "shop.toml", SHOP);
    let run = |out: &str, threads: &str| {
        let mut command = tidelag();
        command.arg("coupling").arg(&file).args(["--threads", threads, "--verify", "--out"]);
        let output = command.arg(dir.path().join(out)).output().expect("it starts");
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let (one, three) = (run("one", "1"), run("three", "3"));
    assert_eq!(one, three);
    assert!(one.contains("loose coupling 60"), "{one}");
    let mut again = tidelag();
    again.arg("report").arg(dir.path().join("one/results.json"));
    let output = again.arg("--out").arg(dir.path().join("again")).output().expect("it starts");
    assert_eq!(String::from_utf8(output.stdout).expect("text"), one);
    for name in ["results.json", "report.html", "charts/coupling.svg"] {
        let read = |out: &str| std::fs::read(dir.path().join(out).join(name)).expect(name);
        assert!(read("one") == read("three") && read("one") == read("again"), "{name}");
    }
    let mut late = tidelag();
    let output = late.arg("coupling").arg(&file).args(["--at", "20s"]).output().expect("starts");
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("the traffic ends at 20 s"), "{}", stderr(&output));
}
