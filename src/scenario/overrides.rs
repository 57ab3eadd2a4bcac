//! `--set PATH=VALUE`: one more layer, over every variant.

use super::diagnostic::Diagnostic;
use super::merge::overlay;
use super::near::did_you_mean;
use super::read::read_text;
use super::shorthand::expand;
use super::tree::{Sources, Table, Value};

/// Kinds of things with names; a setting may change one but not invent it.
const NAMED: [&str; 6] = ["service", "client", "broker", "entity", "event", "saga"];

/// Applies the settings in their order.
pub(super) fn apply(
    settings: &[String],
    tables: &mut [(String, Table)],
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) {
    for setting in settings {
        let mut errors = Vec::new();
        let mut change = read_text(sources, "--set", setting, &mut errors);
        if !errors.is_empty() {
            for error in &mut errors {
                error.code = "E016";
                error.help = Some(
                    "a setting is a path and a TOML value, and text stands in quotes: \
                     --set duration='\"1s\"' --set service.email.workers=4"
                        .to_owned(),
                );
            }
            found.extend(errors);
            continue;
        }
        expand(&mut change);
        if let Some(unknown) = invented(&change, tables) {
            found.push(unknown);
            continue;
        }
        for (_, table) in tables.iter_mut() {
            overlay(table, change.clone());
        }
    }
}

/// The error of a setting for something that no variant has.
fn invented(change: &Table, tables: &[(String, Table)]) -> Option<Diagnostic> {
    for entry in change.entries.iter().filter(|e| NAMED.contains(&e.key.as_str())) {
        let Value::Table(named) = &entry.node.value else { continue };
        for new in &named.entries {
            let mut known: Vec<&str> = Vec::new();
            for (_, table) in tables {
                if let Some(Value::Table(all)) = table.get(&entry.key).map(|e| &e.node.value) {
                    known.extend(all.entries.iter().map(|e| e.key.as_str()));
                }
            }
            // The bus is there without being declared.
            let implied = entry.key == "broker" && known.is_empty();
            if !implied && !known.contains(&new.key.as_str()) {
                let message = format!("there is no {} `{}` to set", entry.key, new.key);
                let mut diagnostic = Diagnostic::error("E016", new.key_span, message);
                diagnostic.help = did_you_mean(&new.key, known);
                return Some(diagnostic);
            }
        }
    }
    None
}
