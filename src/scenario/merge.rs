//! One table laid over another: tables merge key by key, scalars and lists replace.
//!
//! Tables have been expanded before. Some keys say the same thing in different ways; laid over
//! each other, the newer way replaces the older, so that a variant need not undo what it inherits.

use super::Diagnostic;
use super::presets::drop_foreign_keys;
use super::tree::{Entry, Node, Table, Value};

/// Ways to say one thing, each a set of keys. Keys of two ways in one written table are a
/// contradiction, which is for the meaning layer to report.
type Ways = &'static [&'static [&'static str]];

/// Steps of a handler: one list, or one key for each verb.
const HANDLER: &[Ways] = &[&[&["do"], &["takes", "calls", "reads", "writes", "emits"]]];
/// What makes a client act.
const CLIENT: &[Ways] = &[&[&["rate"], &["users", "think"], &["session", "after", "repeat"]]];
/// What happens in a failure, what triggers it and what ends it.
const FAILURE: &[Ways] = &[
    &[
        &["crash"],
        &["restart"],
        &["slow"],
        &["pause"],
        &["unclean"],
        &["partition"],
        &["loss", "datagram"],
        &["duplicate"],
        &["reorder"],
        &["delay"],
        &["throttle"],
        &["poison", "kills"],
        &["hot"],
        &["spike"],
        &["herd"],
        &["brownout"],
        &["disk_full"],
        &["expire"],
        &["skew"],
        &["zone"],
        &["bug", "fix"],
        &["replay"],
        &["lag_replica"],
        &["leak"],
        &["schema"],
        &["drop_consumer"],
        &["stop"],
        &["redrive"],
        &["set"],
    ],
    &[&["at"], &["every"], &["mtbf", "mttr"], &["when", "cooldown"], &["chance"], &["after"]],
    &[&["for"], &["mttr"]],
];
/// Distances that a bare `network = "0s"` sets.
const DISTANCES: [&str; 3] = ["same_zone", "other_zone", "other_region"];

/// Lays `over` on `base`, both roots of a scenario.
///
/// Keys keep their order; new ones follow. `[[failure]]` entries with the name of an inherited one
/// merge with it, the others are added. A table that gets more keys keeps the place of its head.
///
/// A broker that becomes another product loses the keys that this one does not have, and `notes`
/// tell of it.
pub(crate) fn merge(base: &mut Table, over: Table, notes: &mut Vec<Diagnostic>) {
    merge_at(base, over, &[], notes);
}

fn merge_at(base: &mut Table, over: Table, path: &[&str], notes: &mut Vec<Diagnostic>) {
    replace_other_ways(base, &over, path);
    if let ["broker", _] = path {
        notes.extend(drop_foreign_keys(base, &over));
    }
    for entry in over.entries {
        let Some(at) = base.entries.iter().position(|e| e.key == entry.key) else {
            base.entries.push(entry);
            continue;
        };
        let old = &mut base.entries[at];
        let inner: Vec<&str> = path.iter().copied().chain([entry.key.as_str()]).collect();
        match (&mut old.node.value, entry.node.value) {
            (Value::Table(base), Value::Table(over)) => merge_at(base, over, &inner, notes),
            (Value::Array(base), Value::Array(over)) if inner == ["failure"] => {
                merge_failures(base, over, notes);
            }
            (old_value, Value::Table(over)) if inner == ["network"] => {
                let distance = std::mem::replace(old_value, Value::Boolean(false));
                let mut distances = all_distances(&Node { value: distance, span: old.node.span });
                merge_at(&mut distances, over, &inner, notes);
                *old_value = Value::Table(distances);
                old.node.span = entry.node.span;
            }
            (_, value) => {
                old.node = Node { value, span: entry.node.span };
                old.key_span = entry.key_span;
            }
        }
    }
}

/// Drops from `base` what `over` says in another way.
fn replace_other_ways(base: &mut Table, over: &Table, path: &[&str]) {
    let questions = match path {
        ["service", _, "on" | "api", _] => HANDLER,
        ["client", _] => CLIENT,
        ["failure"] => FAILURE,
        _ => return,
    };
    for ways in questions {
        let taken = |way: &&[&str]| way.iter().any(|key| over.get(key).is_some());
        if !ways.iter().any(taken) {
            continue;
        }
        for way in ways.iter().filter(|way| !taken(way)) {
            base.entries.retain(|entry| !way.contains(&entry.key.as_str()));
        }
    }
    // `do` replaces all verbs, even those that are, by mistake, written beside it.
    if questions == HANDLER && over.get("do").is_some() {
        base.entries.retain(|entry| !HANDLER[0][1].contains(&entry.key.as_str()));
    }
}

fn merge_failures(base: &mut Vec<Node>, over: Vec<Node>, notes: &mut Vec<Diagnostic>) {
    for item in over {
        let name = failure_name(&item).map(str::to_owned);
        let same = |n: &&mut Node| name.is_some() && failure_name(n) == name.as_deref();
        match (base.iter_mut().find(same), item) {
            (
                Some(Node { value: Value::Table(old), .. }),
                Node { value: Value::Table(new), .. },
            ) => merge_at(old, new, &["failure"], notes),
            (_, item) => base.push(item),
        }
    }
}

/// The `name` of an entry of `[[failure]]`.
pub(crate) fn failure_name(node: &Node) -> Option<&str> {
    let Value::Table(table) = &node.value else { return None };
    match &table.get("name")?.node.value {
        Value::String(name) => Some(name),
        _ => None,
    }
}

fn all_distances(distance: &Node) -> Table {
    let entry = |key: &&str| Entry {
        key: (*key).to_owned(),
        key_span: distance.span,
        node: distance.clone(),
    };
    Table { entries: DISTANCES.iter().map(entry).collect() }
}
