//! `[[failure]]`: one verb, one trigger, one target.

use super::decode_handler::words;
use super::draft::{FailureDraft, Part};
use super::keys::{Grammar, LATER_VERBS, Place, TRIGGERS, VERBS};
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Node, Span, Value};
use crate::model::{FailureTrigger, Verb};
use crate::units::{ParseError, Probability, SimTime};

/// All failures of the file, those that are switched off included.
pub(super) fn failures(reader: &mut Reader, root: &Fields) -> Vec<FailureDraft> {
    let nodes: &[Node] = match root.get("failure") {
        None => &[],
        Some(Entry { node: Node { value: Value::Array(nodes), .. }, .. }) => nodes,
        Some(entry) => {
            let message = "failures are a list: write [[failure]]";
            reader.note(Diagnostic::error("E103", entry.key_span, message));
            &[]
        }
    };
    let mut failures = Vec::new();
    for node in nodes {
        if let Some(fields) = reader.fields(node, Place::Failure) {
            failures.extend(failure(reader, &fields));
        }
    }
    failures
}

fn failure(reader: &mut Reader, fields: &Fields) -> Option<FailureDraft> {
    let name = reader.text(fields, "name");
    let off = reader.truth(fields, "off");
    let lasts = reader.duration_given(fields, "for");
    let verb = verb(reader, fields);
    let trigger = trigger(reader, fields);
    let (target, verb) = verb.and_then(|entry| struck(reader, entry))?;
    let (trigger, when) = trigger?;
    let (service, part) = parse_target(reader, &target)?;
    let named = if name.is_empty() { default_name(verb, &target.text) } else { name };
    Some(FailureDraft { name: named, verb, service, part, trigger, when, lasts, off })
}

fn default_name(verb: Verb, target: &str) -> String {
    let verb = if verb == Verb::Crash { "crash" } else { "slow" };
    format!("{verb} {target}")
}

/// The one verb of a failure.
fn verb<'t>(reader: &mut Reader, fields: &Fields<'t>) -> Option<&'t Entry> {
    let is_verb =
        |e: &&Entry| VERBS.contains(&e.key.as_str()) || LATER_VERBS.contains(&e.key.as_str());
    let mut verbs = fields.entries().iter().filter(is_verb);
    let Some(first) = verbs.next() else {
        if fields.all_known() {
            let message = "a failure without a verb";
            let help = "say what happens: crash = \"email\" or slow = { email = \"4x\" }";
            reader.note(Diagnostic::error("E108", fields.head, message).help(help));
        }
        return None;
    };
    if let Some(second) = verbs.next() {
        let message = format!("a failure has one verb: `{}` and `{}`", first.key, second.key);
        let diagnostic = Diagnostic::error("E109", second.key_span, message)
            .related(first.key_span, "the first verb")
            .help("write a [[failure]] for each");
        reader.note(diagnostic);
        return None;
    }
    VERBS.contains(&first.key.as_str()).then_some(first)
}

/// The one trigger of a failure, and its place.
fn trigger(reader: &mut Reader, fields: &Fields) -> Option<(FailureTrigger, Span)> {
    let mut triggers = fields.entries().iter().filter(|e| TRIGGERS.contains(&e.key.as_str()));
    let Some(first) = triggers.next() else {
        if fields.all_known() {
            let message = "a failure without a trigger";
            let help = "say when it strikes: at = \"2m\" or every = \"60s\"";
            reader.note(Diagnostic::error("E108", fields.head, message).help(help));
        }
        return None;
    };
    if let Some(second) = triggers.next() {
        let message = format!("a failure has one trigger: `{}` and `{}`", first.key, second.key);
        let diagnostic = Diagnostic::error("E109", second.key_span, message)
            .related(first.key_span, "the first trigger")
            .help("keep one of them");
        reader.note(diagnostic);
        return None;
    }
    let trigger = match first.key.as_str() {
        "at" => {
            let at = reader.duration_given(fields, "at")?;
            FailureTrigger::At(SimTime::ZERO + at)
        }
        "every" => {
            let every = reader.duration_given(fields, "every")?;
            if every.ns() == 0 {
                let message = "`every` must be longer than 0";
                reader.note(Diagnostic::error("E106", first.node.span, message));
                return None;
            }
            FailureTrigger::Every(every)
        }
        _ => return None,
    };
    Some((trigger, first.key_span))
}

/// The target of a verb and what happens to it.
fn struck(reader: &mut Reader, entry: &Entry) -> Option<(Ref, Verb)> {
    let crash = entry.key == "crash";
    let Value::Table(table) = &entry.node.value else {
        let text = reader.string(&entry.node, &Grammar::Target)?;
        let verb = if crash { Verb::Crash } else { Verb::Slow(10.0) };
        return Some((Ref { text: text.to_owned(), span: entry.node.span }, verb));
    };
    let [target] = table.entries.as_slice() else {
        let message = format!("`{}` has one target", entry.key);
        let help = "write a [[failure]] for each";
        reader.note(Diagnostic::error("E118", entry.node.span, message).help(help));
        return None;
    };
    let name = Ref { text: target.key.clone(), span: target.key_span };
    if crash {
        let message = "`crash` takes a target and no value";
        let help = format!("write crash = \"{}\"", target.key);
        reader.note(Diagnostic::error("E103", target.node.span, message).help(help));
        return None;
    }
    let factor = match &target.node.value {
        Value::Integer(_) | Value::Float(_) => {
            let number = match target.node.value {
                Value::Integer(n) => n.to_string(),
                Value::Float(x) => x.to_string(),
                _ => String::new(),
            };
            let message = format!("a factor needs an x: `{number}`; write \"{number}x\"");
            let diagnostic = Diagnostic::error("E104", target.node.span, message);
            reader.note(diagnostic.label("a bare number"));
            return None;
        }
        _ => reader.parsed(&target.node, &Grammar::Target, |_, text| factor(text))?,
    };
    Some((name, Verb::Slow(factor)))
}

/// `4x`
fn factor(text: &str) -> Result<f64, ParseError> {
    let error = |message: &str| {
        ParseError::new(0..text.len(), message).help("write \"4x\", or \"0.5x\" for twice as fast")
    };
    let number = text.trim().strip_suffix('x').ok_or_else(|| error("a factor is missing"))?;
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match number.trim_end().parse::<f64>() {
        Ok(k) if plain && k.is_finite() && k > 0.0 => Ok(k),
        _ => Err(error("not a factor above 0")),
    }
}

/// `email`, `email[0]`, `30% of email`.
fn parse_target(reader: &mut Reader, target: &Ref) -> Option<(Ref, Part)> {
    let text = target.text.as_str();
    // A key of an inline table has no quotes around it that `inside` could count.
    let quoted = {
        let Span { file, start, end } = target.span;
        let raw = &reader.sources.text(file)[start as usize..end as usize];
        raw.starts_with('"') || raw.starts_with('\'')
    };
    let place = |reader: &Reader, at: std::ops::Range<usize>| {
        if quoted { reader.sources.inside(target.span, &at) } else { target.span }
    };
    let name = |reader: &Reader, at: usize, word: &str| Ref {
        text: word.to_owned(),
        span: place(reader, at..at + word.len()),
    };
    if let [(at, share), (_, "of"), (of_at, word)] = words(text)[..] {
        return match share.parse::<Probability>() {
            Ok(p) if p.get() > 0.0 => Some((name(reader, of_at, word), Part::Share(p))),
            Ok(_) => {
                let error = ParseError::new(at..at + share.len(), "a share above 0 is due");
                reader.wrong_text(target.span, &error);
                None
            }
            Err(error) => {
                reader.wrong_text(target.span, &error.shift(at));
                None
            }
        };
    }
    if text.contains("->") || text.contains(['/', ':']) {
        let message = format!("`{text}` as a target is not supported yet");
        let help = "targets are \"email\", \"email[0]\" and \"30% of email\"";
        reader.note(Diagnostic::error("E102", target.span, message).help(help));
        return None;
    }
    if let Some((service, rest)) = text.split_once('[')
        && let Some(index) = rest.strip_suffix(']')
    {
        let at = service.len() + 1;
        let span = place(reader, at..at + index.len());
        let Ok(number) = index.parse::<u64>() else {
            let message = format!("`{index}` is not the number of an instance");
            let help = "instances count from 0, as in \"email[0]\"";
            reader.note(Diagnostic::error("E118", span, message).help(help));
            return None;
        };
        return Some((name(reader, 0, service), Part::Instance(number, span)));
    }
    Some((name(reader, 0, text), Part::All))
}
