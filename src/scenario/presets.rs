//! The built-in presets of brokers: what a preset brings along, and how far each value can be
//! trusted.
//!
//! A preset is a TOML file like any other; the grade and the source of a value stand in the comment
//! behind it.

use super::keys::{self, Place};
use super::merge::merge;
use super::read::read_text;
use super::{Diagnostic, Entry, Node, Sources, Span, Table, Value};

/// A built-in file.
struct Preset {
    name: &'static str,
    /// What kind of table its broker is.
    engine: Place,
    text: &'static str,
}

/// Names of the texts of presets begin with this.
const PREFIX: &str = "preset:";

macro_rules! preset {
    ($name:literal, $engine:ident) => {
        Preset {
            name: $name,
            engine: Place::$engine,
            text: include_str!(concat!("presets/", $name, ".toml")),
        }
    };
}

/// In the order of the list of names.
const PRESETS: [Preset; 15] = [
    preset!("ideal", Ideal),
    preset!("kafka", Log),
    preset!("kafka-share", Pull),
    preset!("rabbitmq-classic", Push),
    preset!("rabbitmq-quorum", Push),
    preset!("sqs", Pull),
    preset!("sqs-fifo", Pull),
    preset!("sns-sqs", Pull),
    preset!("eventbridge", Push),
    preset!("nats-core", FanOut),
    preset!("nats-jetstream", Pull),
    preset!("redis-streams", Pull),
    preset!("redis-pubsub", FanOut),
    preset!("gcp-pubsub", Pull),
    preset!("pulsar", Pull),
];

/// Name and first words of every preset.
pub fn presets() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().map(|preset| {
        let first = preset.text.lines().next().unwrap_or_default().trim_start_matches("# ");
        let end = first.find(':').unwrap_or(first.len());
        (preset.name, &first[..end])
    })
}

/// The file of a preset: TOML that can be copied and changed.
pub fn preset(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.text)
}

/// What kind of table the broker of a preset is.
pub(super) fn engine(name: &str) -> Option<Place> {
    PRESETS.iter().find(|preset| preset.name == name).map(|preset| preset.engine)
}

/// A few presets of this engine.
pub(super) fn examples(engine: Place) -> String {
    let of_engine = PRESETS.iter().filter(|preset| preset.engine == engine);
    of_engine.map(|preset| preset.name).take(2).collect::<Vec<_>>().join(", ")
}

/// The preset that a broker's table names, `ideal` if it names none.
pub(super) fn preset_of(broker: &Table) -> &str {
    match broker.get("preset").map(|entry| &entry.node.value) {
        Some(Value::String(name)) => name,
        _ => keys::PRESETS[0],
    }
}

/// Drops from `base` the known keys that the preset of `over`, if it is another one, does not have.
/// The note names them.
pub(super) fn drop_foreign_keys(base: &mut Table, over: &Table) -> Option<Diagnostic> {
    let new = over.get("preset")?;
    let (name, old) = (preset_of(over), preset_of(base));
    let engine = engine(name).filter(|_| name != old)?;
    let foreign = |entry: &Entry| {
        keys::find(engine, &entry.key).is_none()
            && keys::ENGINES.iter().any(|other| keys::find(*other, &entry.key).is_some())
    };
    let dropped: Vec<&Entry> = base.entries.iter().filter(|e| foreign(e)).collect();
    let first = dropped.first()?.key_span;
    let names: Vec<String> = dropped.iter().map(|e| format!("`{}`", e.key)).collect();
    let message = format!("preset `{name}` has no {}: dropped", names.join(", "));
    let note = Diagnostic::warning("W107", new.node.span, message)
        .related(first, format!("written for preset `{old}`"))
        .help(format!("`tidelag presets {name}` prints the keys it has"));
    base.entries.retain(|entry| !foreign(entry));
    Some(note)
}

/// Presets that have been read, so that each is a text only once.
#[derive(Default)]
pub(super) struct Shelf {
    read: Vec<(String, Table)>,
}

impl Shelf {
    /// Lays every broker of `root` over what its preset brings along.
    pub(super) fn complete(&mut self, root: &mut Table, sources: &mut Sources) {
        let Some(Entry { node: Node { value: Value::Table(brokers), .. }, .. }) =
            root.get_mut("broker")
        else {
            return;
        };
        for entry in &mut brokers.entries {
            let Value::Table(broker) = &mut entry.node.value else { continue };
            let name = preset_of(broker).to_owned();
            // The ideal bus has nothing but the default.
            if name == keys::PRESETS[0] {
                continue;
            }
            let Some(mut whole) = self.get(&name, sources) else { continue };
            merge(&mut whole, std::mem::take(broker), &mut Vec::new());
            *broker = whole;
        }
    }

    fn get(&mut self, name: &str, sources: &mut Sources) -> Option<Table> {
        if let Some((_, table)) = self.read.iter().find(|(known, _)| known == name) {
            return Some(table.clone());
        }
        let text = preset(name)?;
        let mut root = read_text(sources, &format!("{PREFIX}{name}"), text, &mut Vec::new());
        let Value::Table(mut brokers) = root.remove("broker")?.node.value else { return None };
        let Value::Table(table) = brokers.remove("bus")?.node.value else { return None };
        self.read.push((name.to_owned(), table.clone()));
        Some(table)
    }
}

/// Where a value of a preset comes from.
pub(super) struct Origin<'a> {
    /// The preset.
    pub(super) preset: &'a str,
    /// `A` to `D`.
    pub(super) grade: char,
    /// Tags of sources and remarks.
    pub(super) remark: &'a str,
}

/// The origin of the value at `span`, if it stands in a preset.
pub(super) fn origin(sources: &Sources, span: Span) -> Option<Origin<'_>> {
    let preset = sources.name(span.file).strip_prefix(PREFIX)?;
    let rest = &sources.text(span.file)[span.end as usize..];
    let (_, comment) = rest.lines().next()?.split_once("# ")?;
    let grade = comment.chars().next()?;
    Some(Origin { preset, grade, remark: comment[grade.len_utf8()..].trim() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::keys::Status;

    fn table(name: &str) -> (Sources, Table) {
        let mut sources = Sources::default();
        let table = Shelf::default().get(name, &mut sources).unwrap();
        (sources, table)
    }

    #[test]
    fn the_names_are_those_of_the_list() {
        assert!(PRESETS.iter().map(|p| p.name).eq(keys::PRESETS.iter().copied()));
    }

    #[test]
    fn every_value_is_a_key_of_its_engine_with_grade_and_source() {
        for preset in &PRESETS {
            let (sources, table) = table(preset.name);
            assert_eq!(preset_of(&table), preset.name);
            for entry in table.entries.iter().filter(|e| e.key != "preset") {
                let what = format!("{} of {}", entry.key, preset.name);
                assert!(keys::find(preset.engine, &entry.key).is_some(), "{what}");
                let span = match &entry.node.value {
                    Value::Table(inner) => inner.entries[0].node.span,
                    _ => entry.node.span,
                };
                let origin = origin(&sources, span).expect(&what);
                assert!(('A'..='D').contains(&origin.grade), "{what}");
                assert_eq!(origin.preset, preset.name);
                // What is not an assumption has a source, and the file says what the tag means.
                let tags: Vec<&str> = origin.remark.split('[').skip(1).collect();
                assert!(origin.grade == 'D' || !tags.is_empty(), "{what}");
                for tag in tags {
                    let tag = tag.split(']').next().unwrap();
                    assert!(preset.text.contains(&format!("\n# [{tag}] ")), "{what}: {tag}");
                }
            }
        }
    }

    #[test]
    fn a_preset_states_all_that_its_engine_has() {
        let absent = ["preset", "quota", "mandatory", "alternate", "dlq"];
        for preset in &PRESETS {
            let (_, table) = table(preset.name);
            let supported = keys::of(preset.engine).filter(|k| k.status == Status::Supported);
            for key in supported.filter(|key| !absent.contains(&key.name)) {
                assert!(table.get(key.name).is_some(), "{} of {}", key.name, preset.name);
            }
        }
    }

    #[test]
    fn every_preset_has_a_few_words() {
        for (name, words) in presets() {
            assert!((3..60).contains(&words.len()), "{name}: {words}");
        }
        assert!(preset("kafka").is_some() && preset("kafak").is_none());
    }
}
