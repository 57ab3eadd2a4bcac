//! Every key of the format matters: for each there is a scenario in which another value gives
//! another result. A key without one fails the test that walks the list of keys.

use crate::support::{self, status};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use tidelag::scenario::keys::{KEYS, Status};

#[derive(Deserialize)]
struct File {
    group: Vec<Group>,
}

/// Keys of one kind of table in one scenario.
#[derive(Deserialize)]
struct Group {
    place: String,
    /// The scenario, with `@` where the setting goes.
    scenario: String,
    /// Two settings for each key.
    key: BTreeMap<String, [String; 2]>,
}

fn groups() -> Vec<Group> {
    let texts = [
        include_str!("../knobs/knobs.toml"),
        include_str!("../knobs/brokers.toml"),
        include_str!("../knobs/failures.toml"),
        include_str!("../knobs/guards.toml"),
    ];
    let read = |text: &str| toml::from_str::<File>(text).expect("the knobs are well formed").group;
    texts.into_iter().flat_map(read).collect()
}

/// Exit status and results.json of the scenario with one of the settings, or what is wrong with it.
/// What merely repeats the settings is taken out.
fn outcome(scenario: &str, setting: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let file = support::write(dir.path(), "knob.toml", scenario.replace('@', setting));
    let mut command = support::tidelag();
    command.arg("run").arg(&file).args(["--format", "json", "--quiet", "--threads", "1"]);
    let output = command.output().expect("the binary starts");
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else {
        let said = support::stderr(&output).lines().next().unwrap_or_default().to_owned();
        return format!("{}: {said}", status(&output));
    };
    json["scenario"]["hash"] = serde_json::Value::Null;
    if let Some(variants) = json["variants"].as_object_mut() {
        for variant in variants.values_mut() {
            variant["settings"] = serde_json::Value::Null;
            variant["topology"] = serde_json::Value::Null;
            variant["advice"] = serde_json::Value::Null;
        }
    }
    format!("{}: {json}", status(&output))
}

#[test]
fn another_value_gives_another_result() {
    let mut faults = Vec::new();
    for group in groups() {
        for (key, [one, other]) in &group.key {
            let (a, b) = (outcome(&group.scenario, one), outcome(&group.scenario, other));
            let name = format!("{}.{key}", group.place);
            if a == b {
                faults.push(format!("{name} changes nothing"));
            }
            // The first setting always is a good one, and so is the second but for what it tests.
            if !a.starts_with("0: {") {
                faults.push(format!("{name}, first setting: {}", &a[..a.len().min(200)]));
            }
            let may_fail = ["schema", "max_events", "extends", "external"].contains(&key.as_str());
            if !b.starts_with("0: {") && !may_fail {
                faults.push(format!("{name}, second setting: {}", &b[..b.len().min(200)]));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_key_has_a_scenario_in_which_it_matters() {
    let tested: BTreeSet<String> = groups()
        .iter()
        .flat_map(|g| g.key.keys().map(|k| format!("{}.{k}", g.place)).collect::<Vec<_>>())
        .collect();
    let supported = KEYS.iter().flat_map(|keys| keys.iter());
    let all: BTreeSet<String> = supported
        .filter(|k| k.status == Status::Supported)
        .flat_map(|k| k.places.iter().map(move |place| format!("{place:?}.{}", k.name)))
        .collect();
    let missing: Vec<&String> = all.difference(&tested).collect();
    assert!(missing.is_empty(), "no scenario for {missing:?}");
    let unknown: Vec<&String> = tested.difference(&all).collect();
    assert!(unknown.is_empty(), "no such keys: {unknown:?}");
}
