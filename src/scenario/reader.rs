//! Typed reading of tables: every mistake becomes a diagnostic at its place, and reading goes on.
//!
//! It knows the list of keys, but not what the keys are for.

use super::keys::{self, Grammar, Key, Place, Status};
use super::near::did_you_mean;
use super::presets;
use super::{Diagnostic, Entry, FileId, Node, Sources, Span, Table, Value};
use crate::random::{Backoff, Burst, Rate, Variate};
use crate::units::{ParseError, Probability, SimDuration};

/// Gets the durations that a file holds, by the text that names it and its name there.
pub(super) type Samples<'a> = dyn FnMut(FileId, &str) -> Result<Vec<SimDuration>, String> + 'a;

/// A word of the file and its place: a name to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ref {
    /// The word.
    pub(super) text: String,
    /// Its place.
    pub(super) span: Span,
}

/// A value and the text that stands for it in reports.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worded<T> {
    /// The value.
    pub(super) value: T,
    /// As the file or the default writes it.
    pub(super) text: String,
}

/// A table whose keys have been checked.
#[derive(Clone, Copy)]
pub(super) struct Fields<'t> {
    place: Place,
    table: Option<&'t Table>,
    /// Head of the table.
    pub(super) head: Span,
}

impl<'t> Fields<'t> {
    /// The entry of a supported key.
    pub(super) fn get(&self, name: &str) -> Option<&'t Entry> {
        debug_assert!(keys::find(self.place, name).is_some(), "{name} is not in the list of keys");
        self.table?.get(name)
    }

    /// Whether every key is one that such a table may have; what is missing may stand under a
    /// misspelt key.
    pub(super) fn all_known(&self) -> bool {
        self.entries().iter().all(|entry| keys::find(self.place, &entry.key).is_some())
    }

    /// What kind of table it is.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// All entries in the order of the file.
    pub(super) fn entries(&self) -> &'t [Entry] {
        self.table.map_or(&[], |t| &t.entries)
    }

    fn default_of(&self, name: &str) -> &'static str {
        self.listed(name).1
    }

    /// What the list of keys says of `name`: what it takes, and its default.
    pub(super) fn listed(&self, name: &str) -> (Grammar, &'static str) {
        keys::find(self.place, name).map_or((Grammar::Text, ""), |k| (k.grammar, k.default))
    }
}

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) sources: &'a Sources,
    pub(super) samples: &'a mut Samples<'a>,
    pub(super) found: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Notes a diagnostic.
    pub(super) fn note(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Checks the keys of the table at `node`. `None` (noted) if it is no table.
    pub(super) fn fields<'t>(&mut self, node: &'t Node, place: Place) -> Option<Fields<'t>> {
        let Value::Table(table) = &node.value else {
            self.wrong_kind(node, &Grammar::Table(place));
            return None;
        };
        Some(self.fields_of(table, node.span, place))
    }

    /// Checks the keys of `table`.
    pub(super) fn fields_of<'t>(
        &mut self,
        table: &'t Table,
        head: Span,
        place: Place,
    ) -> Fields<'t> {
        for entry in &table.entries {
            match keys::find(place, &entry.key) {
                Some(key) if key.status == Status::Later => self.not_yet(entry, place),
                Some(_) => {}
                None => self.unknown_key(entry, place),
            }
        }
        Fields { place, table: Some(table), head }
    }

    /// A table that the file does not have: all defaults.
    pub(super) fn absent(head: Span, place: Place) -> Fields<'static> {
        Fields { place, table: None, head }
    }

    fn not_yet(&mut self, entry: &Entry, place: Place) {
        let message = format!("`{}` of {} is not supported yet", entry.key, place.noun());
        let names = keys::names(place);
        let mut help = "it is part of the format, but not of this version".to_owned();
        if !names.is_empty() && place != Place::Root {
            help = format!("{help}; supported: {}", names.join(", "));
        }
        self.note(Diagnostic::error("E102", entry.key_span, message).help(help));
    }

    fn unknown_key(&mut self, entry: &Entry, place: Place) {
        if let Some(diagnostic) = Self::of_other_broker(entry, place) {
            self.note(diagnostic);
            return;
        }
        let known = keys::of(place).map(|k| k.name);
        let help = did_you_mean(&entry.key, known)
            .or_else(|| Self::elsewhere(&entry.key, place))
            .unwrap_or_else(|| match keys::names(place) {
                names if names.is_empty() => "remove it".into(),
                names => format!("the keys are {}", names.join(", ")),
            });
        let message = format!("unknown key `{}` of {}", entry.key, place.noun());
        self.note(Diagnostic::error("E101", entry.key_span, message).help(help));
    }

    /// The mistake of a broker's key that its engine does not have.
    fn of_other_broker(entry: &Entry, place: Place) -> Option<Diagnostic> {
        if !keys::ENGINES.contains(&place) {
            return None;
        }
        let others: Vec<String> = keys::ENGINES
            .iter()
            .filter(|other| keys::find(**other, &entry.key).is_some())
            .map(|other| format!("{} ({})", other.noun(), presets::examples(*other)))
            .collect();
        if others.is_empty() {
            return None;
        }
        let message = format!("{} has no `{}`", place.noun(), entry.key);
        let help = format!("`{}` is a key of {}", entry.key, others.join(", "));
        Some(Diagnostic::error("E129", entry.key_span, message).help(help))
    }

    /// Help for a key that is right in another kind of table.
    fn elsewhere(name: &str, place: Place) -> Option<String> {
        let names_event = matches!(place, Place::On | Place::Source);
        let other = keys::KEYS
            .iter()
            .flat_map(|group| group.iter())
            .find(|k| k.name == name && k.status == Status::Supported);
        match other {
            Some(key) => Some(format!("`{name}` is a key of {}", key.places[0].noun())),
            None if names_event => Some(format!(
                "the keys are {}; a name with a dot is quoted, as in \"order.placed\"",
                keys::names(place).join(", ")
            )),
            None => None,
        }
    }

    /// The value at `node` is of another kind than `grammar` wants; a bare number gets the fix.
    pub(super) fn wrong_kind(&mut self, node: &Node, grammar: &Grammar) {
        let number = match &node.value {
            Value::Integer(n) if *n >= 0 => Some(n.to_string()),
            Value::Float(x) if *x >= 0.0 && x.is_finite() => Some(x.to_string()),
            _ => None,
        };
        let fix = number.as_ref().and_then(|n| {
            Some(match grammar {
                Grammar::Duration | Grammar::Distribution if n == "0" => {
                    ("a duration", "\"0s\"".into())
                }
                Grammar::Duration => ("a duration", format!("\"{n}s\" or \"{n}ms\"")),
                Grammar::Distribution => ("a duration", format!("\"{n}ms\"")),
                Grammar::Backoff => ("a pause", format!("\"{n}ms\"")),
                Grammar::Rate => ("a rate", format!("\"{n}/s\"")),
                Grammar::Share => ("a share", format!("\"{}\"", share_text(n))),
                _ => return None,
            })
        });
        let diagnostic = if let (Some((what, fix)), Some(number)) = (fix, number) {
            let message = format!("{what} needs a unit: `{number}`; write {fix}");
            Diagnostic::error("E104", node.span, message).label("a bare number")
        } else {
            Diagnostic::error("E103", node.span, format!("expected {}", grammar.words()))
                .label(format!("this is {}", kind_of(&node.value)))
        };
        self.note(diagnostic);
    }

    /// Shows the error of a string at its characters.
    pub(super) fn wrong_text(&mut self, span: Span, error: &ParseError) {
        let place = self.sources.inside(span, &error.at);
        let code = if error.message.ends_with("not supported yet") { "E102" } else { "E105" };
        let mut diagnostic = Diagnostic::error(code, place, error.message.clone());
        diagnostic.help.clone_from(&error.help);
        self.note(diagnostic);
    }

    /// The string at `node`.
    pub(super) fn string<'t>(&mut self, node: &'t Node, grammar: &Grammar) -> Option<&'t str> {
        if let Value::String(text) = &node.value {
            return Some(text);
        }
        self.wrong_kind(node, grammar);
        None
    }

    /// The string at `node` read by `parse`.
    pub(super) fn parsed<T>(
        &mut self,
        node: &Node,
        grammar: &Grammar,
        parse: impl FnOnce(&mut Self, &str) -> Result<T, ParseError>,
    ) -> Option<T> {
        let text = self.string(node, grammar)?;
        match parse(self, text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong_text(node.span, &error);
                None
            }
        }
    }

    /// A distribution; a trace is replayed by the numbers of events, and only work on events has
    /// those.
    pub(super) fn variate_at(&mut self, node: &Node) -> Option<Variate> {
        let variate = self.replayable_at(node)?;
        if variate.is_trace() {
            let message = "only the work on an event (`on`) can be replayed in order";
            let help = "write \"file ...\" to draw from the same values";
            self.note(Diagnostic::error("E105", node.span, message).help(help));
            return None;
        }
        Some(variate)
    }

    /// The work of a handler of this kind: a distribution or, on events, a trace.
    pub(super) fn work_at(&mut self, node: &Node, place: Place) -> Option<Variate> {
        if place == Place::On { self.replayable_at(node) } else { self.variate_at(node) }
    }

    /// A distribution or trace.
    fn replayable_at(&mut self, node: &Node) -> Option<Variate> {
        let file = node.span.file;
        self.parsed(node, &Grammar::Distribution, |reader, text| {
            Variate::parse(text, &mut |name| (reader.samples)(file, name))
        })
    }

    /// The distribution of `name`, or its default.
    pub(super) fn variate(&mut self, fields: &Fields, name: &str) -> Variate {
        let given = fields.get(name).and_then(|e| self.variate_at(&e.node));
        given.unwrap_or_else(|| listed(fields, name))
    }

    /// The duration of `name`, if the file has one.
    pub(super) fn duration_given(&mut self, fields: &Fields, name: &str) -> Option<SimDuration> {
        let node = &fields.get(name)?.node;
        self.parsed(node, &Grammar::Duration, |_, text| text.parse())
    }

    /// The duration of `name`, or its default.
    pub(super) fn duration(&mut self, fields: &Fields, name: &str) -> SimDuration {
        self.duration_given(fields, name).unwrap_or_else(|| listed(fields, name))
    }

    /// The share of `name`, or its default.
    pub(super) fn share(&mut self, fields: &Fields, name: &str) -> Probability {
        let given = fields.get(name).and_then(|e| {
            self.parsed(&e.node, &Grammar::Share, |_, text| text.parse::<Probability>())
        });
        given.unwrap_or_else(|| listed(fields, name))
    }

    /// The back-off of `name`, or its default.
    pub(super) fn backoff(&mut self, fields: &Fields, name: &str) -> Backoff {
        let given = fields.get(name).and_then(|e| {
            let file = e.node.span.file;
            self.parsed(&e.node, &Grammar::Backoff, |reader, text| {
                Backoff::parse(text, &mut |name| (reader.samples)(file, name))
            })
        });
        given.unwrap_or_else(|| listed(fields, name))
    }

    /// A rate with its text: a string, or a list of steps.
    pub(super) fn rate_at(&mut self, node: &Node) -> Option<Worded<Rate>> {
        if let Value::Array(steps) = &node.value {
            let texts: Option<Vec<&str>> =
                steps.iter().map(|step| self.string(step, &Grammar::Rate)).collect();
            let texts = texts?;
            return match Rate::parse_steps(&texts) {
                Ok(value) => Some(Worded { value, text: texts.join(", ") }),
                Err((i, error)) => {
                    let span = steps.get(i).map_or(node.span, |step| step.span);
                    self.wrong_text(span, &error);
                    None
                }
            };
        }
        let file = node.span.file;
        self.parsed(node, &Grammar::Rate, |reader, text| {
            let value = Rate::parse(text, &mut |name| (reader.samples)(file, name))?;
            Ok(Worded { value, text: text.to_owned() })
        })
    }

    /// How many at a time: a whole number or a string.
    pub(super) fn burst(&mut self, fields: &Fields, name: &str) -> Burst {
        let Some(entry) = fields.get(name) else { return Burst::ONE };
        let given = match &entry.node.value {
            Value::Integer(_) => {
                let n = self.whole_at(&entry.node, name, 1, u64::from(u32::MAX));
                n.and_then(|n| Burst::fixed(n as u32))
            }
            _ => self.parsed(&entry.node, &Grammar::Burst, |_, text| Burst::parse(text)),
        };
        given.unwrap_or(Burst::ONE)
    }

    /// The whole number at `node`, the value of `name`.
    pub(super) fn whole_at(&mut self, node: &Node, name: &str, min: u64, max: u64) -> Option<u64> {
        let Value::Integer(n) = node.value else {
            self.wrong_kind(node, &Grammar::Whole(min, max));
            return None;
        };
        if let Ok(n) = u64::try_from(n)
            && (min..=max).contains(&n)
        {
            return Some(n);
        }
        let limit = if n < min as i64 || n < 0 {
            format!("must be at least {min}")
        } else if min == max {
            format!("must be {max}")
        } else {
            format!("must be at most {max}")
        };
        self.note(Diagnostic::error("E106", node.span, format!("`{name}` {limit}")));
        None
    }

    /// The whole number of `name`, if the file has one.
    pub(super) fn whole_given(&mut self, fields: &Fields, name: &str) -> Option<u64> {
        let Some(Key { grammar: Grammar::Whole(min, max), .. }) = keys::find(fields.place, name)
        else {
            return None;
        };
        self.whole_at(&fields.get(name)?.node, name, *min, *max)
    }

    /// The whole number of `name`, or its default.
    pub(super) fn whole(&mut self, fields: &Fields, name: &str) -> u64 {
        let default = || fields.default_of(name).replace('_', "").parse().unwrap_or(1);
        self.whole_given(fields, name).unwrap_or_else(default)
    }

    /// The number of `name`, or its default.
    pub(super) fn number(&mut self, fields: &Fields, name: &str, min: f64, max: f64) -> f64 {
        let default = fields.default_of(name).parse().unwrap_or(min);
        let Some(entry) = fields.get(name) else { return default };
        let number = match entry.node.value {
            Value::Integer(n) => n as f64,
            Value::Float(x) => x,
            _ => {
                self.wrong_kind(&entry.node, &Grammar::Number);
                return default;
            }
        };
        if (min..=max).contains(&number) {
            return number;
        }
        let message = format!("`{name}` must lie between {min} and {max}");
        self.note(Diagnostic::error("E106", entry.node.span, message));
        default
    }

    /// The text of `name`, empty if there is none.
    pub(super) fn text(&mut self, fields: &Fields, name: &str) -> String {
        let entry = fields.get(name);
        let text = entry.and_then(|e| self.string(&e.node, &Grammar::Text));
        text.unwrap_or_default().to_owned()
    }

    /// The truth value of `name`, or its default.
    pub(super) fn truth(&mut self, fields: &Fields, name: &str) -> bool {
        let default = fields.default_of(name) == "true";
        let Some(entry) = fields.get(name) else { return default };
        let Value::Boolean(truth) = entry.node.value else {
            self.wrong_kind(&entry.node, &Grammar::Truth);
            return default;
        };
        truth
    }

    /// Index of the word of `name` in its choice, or of the default.
    pub(super) fn choice(&mut self, fields: &Fields, name: &str) -> usize {
        let Some(Key { grammar: Grammar::Choice(words), default, .. }) =
            keys::find(fields.place, name)
        else {
            return 0;
        };
        let index = |word: &str| words.iter().position(|w| *w == word);
        let default = index(default).unwrap_or(0);
        let Some(entry) = fields.get(name) else { return default };
        let grammar = Grammar::Choice(words);
        let Some(word) = self.string(&entry.node, &grammar) else { return default };
        index(word).unwrap_or_else(|| {
            let help = did_you_mean(word, words.iter().copied())
                .unwrap_or_else(|| format!("use {}", grammar.words()));
            let message = format!("unknown `{name}`: `{word}`");
            self.note(Diagnostic::error("E107", entry.node.span, message).help(help));
            default
        })
    }

    /// The name of `name`, if the file has one.
    pub(super) fn reference(&mut self, fields: &Fields, name: &str) -> Option<Ref> {
        let node = &fields.get(name)?.node;
        let grammar = keys::find(fields.place, name).map_or(Grammar::Text, |k| k.grammar);
        let text = self.string(node, &grammar)?;
        Some(Ref { text: text.to_owned(), span: node.span })
    }

    /// The nodes of `name`: of a list its elements, else the value itself.
    pub(super) fn list<'t>(fields: &Fields<'t>, name: &str) -> &'t [Node] {
        match fields.get(name) {
            None => &[],
            Some(Entry { node: Node { value: Value::Array(nodes), .. }, .. }) => nodes,
            Some(entry) => std::slice::from_ref(&entry.node),
        }
    }

    /// Strings of the list of `name`.
    pub(super) fn references(&mut self, fields: &Fields, name: &str) -> Vec<Ref> {
        let grammar = keys::find(fields.place, name).map_or(Grammar::Text, |k| k.grammar);
        let mut found = Vec::new();
        for node in Self::list(fields, name) {
            if let Some(text) = self.string(node, &grammar) {
                found.push(Ref { text: text.to_owned(), span: node.span });
            }
        }
        found
    }
}

/// The default of the list of keys; a test reads every one of them.
fn listed<T: std::str::FromStr<Err = ParseError>>(fields: &Fields, name: &str) -> T {
    let text = fields.default_of(name);
    text.parse().unwrap_or_else(|error| panic!("the default {text:?} of `{name}`: {error}"))
}

fn share_text(number: &str) -> String {
    match number.parse::<f64>() {
        Ok(x) if x <= 1.0 => format!("{}%", (x * 1e8).round() / 1e6),
        _ => format!("{number}%"),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "a truth value",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
