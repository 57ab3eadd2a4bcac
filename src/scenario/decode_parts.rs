//! `[event.X]` and `[entity.X]`: what events are like, and what they are about.
//!
//! It looks up no names.

use super::Diagnostic;
use super::attributes::{is_word, values};
use super::decode::{idle, name_of, named};
use super::draft::{EntityDraft, EventDraft, Needs};
use super::keys::{Grammar, Place};
use super::reader::{Fields, Reader};
use crate::model::{AttributeSpec, Population};

/// The tables of `event`.
pub(super) fn events(reader: &mut Reader, root: &Fields) -> Vec<EventDraft> {
    let mut events = Vec::new();
    for entry in named(reader, root, "event") {
        let Some(fields) = reader.fields(&entry.node, Place::Event) else { continue };
        events.push(EventDraft {
            name: name_of(entry),
            key: reader.reference(&fields, "key"),
            size: reader.size(&fields, "size"),
            attributes: attributes(reader, &fields),
            history: reader.whole(&fields, "history"),
            priority: reader.whole(&fields, "priority") as u8,
            external: reader.truth(&fields, "external"),
            idle: idle(&fields, "history", Needs::Backfill).into_iter().collect(),
        });
    }
    events
}

fn attributes(reader: &mut Reader, fields: &Fields) -> Vec<AttributeSpec> {
    let mut attributes = Vec::new();
    for entry in named(reader, fields, "attrs") {
        if !is_word(&entry.key) || ["and", "or", "not", "in"].contains(&entry.key.as_str()) {
            let message = format!("`{}` cannot name an attribute", entry.key);
            let help = "a name is made of letters, digits, `_` and `-`, and no word of a filter";
            reader.note(Diagnostic::error("E115", entry.key_span, message).help(help));
            continue;
        }
        let grammar = Grammar::Other("values such as \"5..500\" or \"de 60%, us 40%\"");
        if let Some(values) = reader.parsed(&entry.node, &grammar, |_, text| values(text)) {
            attributes.push(AttributeSpec { name: entry.key.clone(), values });
        }
    }
    attributes
}

/// The tables of `entity`.
pub(super) fn entities(reader: &mut Reader, root: &Fields) -> Vec<EntityDraft> {
    let mut entities = Vec::new();
    for entry in named(reader, root, "entity") {
        let Some(fields) = reader.fields(&entry.node, Place::Entity) else { continue };
        let count = reader.whole(&fields, "count");
        let popularity = reader.popularity(&fields, "popularity");
        entities.push(EntityDraft {
            name: name_of(entry),
            population: Population { count, popularity },
        });
    }
    entities
}
