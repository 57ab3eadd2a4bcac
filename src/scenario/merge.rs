//! One table over another: tables merge key by key, scalars and lists replace, failures append or merge by name.
//!
//! Keys that exclude each other replace each other too when one is inherited; written in one table they stay, and the
//! mistake is told where the table is read.

use super::diagnostic::Diagnostic;
use super::near::nearest;
use super::tree::{Entry, Node, Span, Table, Value};

/// Groups of keys that exclude each other, by the table in which they stand.
const EXCLUSIVE: &[(&str, &[&[&str]])] = &[
    ("handler", &[&["do"], &["takes", "calls", "reads", "writes", "emits"]]),
    ("client", &[&["rate"], &["users", "think"], &["session", "after", "repeat"]]),
];

/// Triggers of a failure.
const TRIGGERS: [&str; 6] = ["at", "every", "mtbf", "when", "chance", "after"];
/// Keys of a failure that are neither verb nor trigger.
const OTHERS: [&str; 8] = ["for", "name", "off", "cooldown", "kills", "datagram", "fix", "mttr"];

/// Lays `over` on `under`, both root tables.
pub(super) fn overlay(under: &mut Table, over: Table) {
    overlay_at(under, over, &mut Vec::new());
}

fn overlay_at(under: &mut Table, over: Table, path: &mut Vec<String>) {
    replace_excluded(under, &over, kind(path));
    for entry in over.entries {
        let Some(old) = under.get_mut(&entry.key) else {
            under.entries.push(entry);
            continue;
        };
        let failures = path.is_empty() && entry.key == "failure";
        match (&mut old.node.value, entry.node.value) {
            (Value::Table(old), Value::Table(new)) => {
                path.push(entry.key);
                overlay_at(old, new, path);
                path.pop();
            }
            (Value::Array(old), Value::Array(new)) if failures => {
                new.into_iter().for_each(|failure| add_failure(old, failure));
            }
            (_, value) => {
                old.key_span = entry.key_span;
                old.node = Node { value, span: entry.node.span };
            }
        }
    }
}

/// Which list of exclusive keys holds for the table at `path`.
fn kind(path: &[String]) -> &'static str {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["service", _, "on" | "api", _] => "handler",
        ["client", _] => "client",
        _ => "",
    }
}

/// Drops inherited keys that exclude a key of `over`.
fn replace_excluded(under: &mut Table, over: &Table, kind: &str) {
    let groups = EXCLUSIVE.iter().filter(|(k, _)| *k == kind).flat_map(|(_, groups)| *groups);
    let groups: Vec<_> = groups.collect();
    for group in &groups {
        if group.iter().any(|key| over.get(key).is_some()) {
            for other in groups.iter().filter(|other| *other != group) {
                under.entries.retain(|e| !other.contains(&e.key.as_str()));
            }
        }
    }
}

fn name_of(failure: &Node) -> Option<&str> {
    let Value::Table(table) = &failure.value else { return None };
    match &table.get("name")?.node.value {
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// Adds a failure, or lays it on the one of its name; then a verb or trigger replaces the inherited one.
fn add_failure(failures: &mut Vec<Node>, new: Node) {
    let same = name_of(&new)
        .and_then(|name| failures.iter().position(|old| name_of(old) == Some(name)))
        .map(|at| &mut failures[at]);
    match (same, new.value) {
        (Some(Node { value: Value::Table(old), .. }), Value::Table(new)) => {
            let is_verb = |key: &str| !TRIGGERS.contains(&key) && !OTHERS.contains(&key);
            if new.entries.iter().any(|e| is_verb(&e.key)) {
                old.entries.retain(|e| !is_verb(&e.key));
            }
            if new.entries.iter().any(|e| TRIGGERS.contains(&e.key.as_str())) {
                old.entries.retain(|e| !TRIGGERS.contains(&e.key.as_str()));
            }
            overlay(old, new);
        }
        (_, value) => failures.push(Node { value, span: new.span }),
    }
}

/// Deletes what `remove = ["service.email"]` names.
pub(super) fn remove(table: &mut Table, list: &Entry, found: &mut Vec<Diagnostic>) {
    let Value::Array(paths) = &list.node.value else {
        found.push(
            Diagnostic::error("E017", list.node.span, "`remove` takes a list of paths")
                .help("for instance remove = [\"service.email\"]"),
        );
        return;
    };
    for path in paths {
        let Value::String(text) = &path.value else {
            found.push(Diagnostic::error("E017", path.span, "a path is a string"));
            continue;
        };
        if let Err(diagnostic) = remove_one(table, &split(text), text, path.span) {
            found.push(diagnostic);
        }
    }
}

/// The keys of a dotted path; a key with dots stands in quotes.
pub(super) fn split(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' | '\'' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            c => keys.last_mut().expect("never empty").push(c),
        }
    }
    keys
}

fn remove_one(table: &mut Table, keys: &[String], all: &str, span: Span) -> Result<(), Diagnostic> {
    let Some((key, rest)) = keys.split_first() else { return Ok(()) };
    let unknown = |near: Option<&str>| {
        let diagnostic =
            Diagnostic::error("E014", span, format!("`{all}` is not there to be removed"));
        match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}` for `{key}`?")),
            None => diagnostic.label(format!("there is no `{key}`")),
        }
    };
    let near = nearest(key, table.entries.iter().map(|e| e.key.as_str())).map(str::to_owned);
    if rest.is_empty() {
        return match table.remove(key) {
            Some(_) => Ok(()),
            None => Err(unknown(near.as_deref())),
        };
    }
    match table.get_mut(key).map(|e| &mut e.node.value) {
        Some(Value::Table(inner)) => remove_one(inner, rest, all, span),
        Some(Value::Array(failures)) if key == "failure" => {
            let at = failures.iter().position(|f| name_of(f) == Some(&rest[0]));
            match at {
                Some(at) => {
                    failures.remove(at);
                    Ok(())
                }
                None => Err(unknown(nearest(&rest[0], failures.iter().filter_map(name_of)))),
            }
        }
        _ => Err(unknown(near.as_deref())),
    }
}
