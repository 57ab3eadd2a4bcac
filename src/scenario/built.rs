//! What the format has and the simulator cannot run yet: refused, so that no setting is without
//! effect.
//!
//! A line goes when what it names can be run.

use super::keys::Place;
use super::presets::{engine, origin, preset_of};
use super::{Diagnostic, Entry, Sources, Table, Value};

/// Something that cannot be run yet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Missing {
    /// Brokers of this engine.
    Engine(Place),
    /// A key of this kind of table.
    Key(Place, &'static str),
    /// Rates and steps with this word.
    Word(&'static str),
}

use Missing::{Engine, Key, Word};

/// All that cannot be run yet.
const MISSING: &[Missing] = &[Word("per"), Key(Place::On, "from")];

/// A diagnostic for everything in a root that cannot be run yet.
pub(super) fn refused(root: &Table, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit(&mut Gate { sources, found: &mut found }, Place::Root, root);
    found
}

struct Gate<'a> {
    sources: &'a Sources,
    found: &'a mut Vec<Diagnostic>,
}

impl Gate<'_> {
    fn refuse(&mut self, entry: &Entry, what: &str) {
        let message = format!("{what} is not supported yet");
        let help = "it is part of the format, but not of this version";
        self.found.push(Diagnostic::error("E102", entry.key_span, message).help(help));
    }
}

/// Looks at every key of `table`, and into the tables below.
fn visit(gate: &mut Gate, place: Place, table: &Table) {
    for entry in &table.entries {
        let key = entry.key.as_str();
        // What a preset brings along comes with its engine.
        if origin(gate.sources, entry.node.span).is_some() {
            continue;
        }
        let listed = MISSING.iter().any(|m| matches!(m, Key(p, k) if *p == place && *k == key));
        if listed {
            gate.refuse(entry, &format!("`{key}` of {}", place.noun()));
            continue;
        }
        match &entry.node.value {
            Value::Table(inner) if place == Place::Root && key == "broker" => brokers(gate, inner),
            Value::Table(inner) => below(gate, place, entry, inner),
            Value::Array(items) if place == Place::Root && key == "failure" => {
                for item in items {
                    if let Value::Table(failure) = &item.value {
                        visit(gate, Place::Failure, failure);
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    words(gate, place, entry, &item.value);
                }
            }
            value => words(gate, place, entry, value),
        }
    }
}

fn below(gate: &mut Gate, place: Place, entry: &Entry, inner: &Table) {
    let (members, single) = match (place, entry.key.as_str()) {
        (Place::Root, "service") => (Some(Place::Service), None),
        (Place::Root, "client") => (Some(Place::Client), None),
        (Place::Root, "entity") => (Some(Place::Entity), None),
        (Place::Root, "event") => (Some(Place::Event), None),
        (Place::Service, "on") => (Some(Place::On), None),
        (Place::Service, "api") => (Some(Place::Api), None),
        (Place::Service, "emits") => (Some(Place::Source), None),
        (Place::Service, "store") => (None, Some(Place::Store)),
        (Place::Service, "backlog") => (None, Some(Place::Backlog)),
        (Place::On, "batch") => (None, Some(Place::Batch)),
        _ => (None, None),
    };
    if let Some(place) = single {
        visit(gate, place, inner);
    }
    let Some(place) = members else { return };
    for member in &inner.entries {
        if let Value::Table(table) = &member.node.value {
            visit(gate, place, table);
        }
    }
}

fn brokers(gate: &mut Gate, table: &Table) {
    for entry in &table.entries {
        let Value::Table(broker) = &entry.node.value else { continue };
        let preset = preset_of(broker);
        let Some(engine) = engine(preset) else { continue };
        if MISSING.contains(&Engine(engine)) {
            let place = broker.get("preset").unwrap_or(entry);
            gate.refuse(place, &format!("preset `{preset}`"));
        } else {
            visit(gate, engine, broker);
        }
    }
}

fn words(gate: &mut Gate, place: Place, entry: &Entry, value: &Value) {
    let Value::String(text) = value else { return };
    if !matches!(place, Place::Source | Place::On | Place::Api | Place::Client) {
        return;
    }
    let missing = MISSING.iter().find_map(|missing| match missing {
        Word(word) if text.split_whitespace().any(|other| other == *word) => Some(word),
        _ => None,
    });
    if let Some(word) = missing {
        gate.refuse(entry, &format!("`{word}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::every_key_tests::around;
    use super::super::keys::PRESETS;
    use super::super::read::read_text;
    use super::*;

    /// A text that uses what is missing.
    fn text(missing: Missing) -> String {
        match missing {
            Engine(place) => {
                let preset = PRESETS.iter().find(|preset| engine(preset) == Some(place)).unwrap();
                format!("[broker.bus]\npreset = \"{preset}\"\n")
            }
            Key(Place::Root, name) => format!("[{name}.x]\n"),
            Key(place, name) => around(place).replace('@', &format!("{name} = 1")),
            Word(word) => format!("[service.a]\non.E = {{ takes = \"{word} lat.csv\" }}\n"),
        }
    }

    #[test]
    fn what_is_listed_is_refused() {
        for missing in MISSING {
            let mut sources = Sources::default();
            let mut errors = Vec::new();
            let root = read_text(&mut sources, "a.toml", &text(*missing), &mut errors);
            assert!(errors.is_empty(), "{missing:?}: {errors:?}");
            let refused = refused(&root, &sources);
            assert!(refused.iter().all(|d| d.code == "E102"), "{refused:?}");
            assert!(!refused.is_empty(), "{missing:?}");
        }
    }
}
