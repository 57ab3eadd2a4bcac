//! When a failure strikes: its one trigger, and the keys that go with some of them.

use super::decode_handler::words;
use super::decode_verb::above_0;
use super::draft::{TriggerDraft, WhenDraft};
use super::keys::{Grammar, TRIGGERS};
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Span};
use crate::model::{Comparison, FailureTrigger};
use crate::units::{ParseError, Probability, SimDuration, SimTime};

/// The one trigger of a failure, and its place.
pub(super) fn trigger(reader: &mut Reader, fields: &Fields) -> Option<(TriggerDraft, Span)> {
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
    for (key, needs) in [("mttr", "mtbf"), ("cooldown", "when")] {
        if let Some(entry) = fields.get(key)
            && first.key != needs
        {
            let diagnostic =
                Diagnostic::error("E109", entry.key_span, format!("`{key}` needs `{needs}`"));
            reader.note(diagnostic.related(first.key_span, "the trigger").help("remove it"));
        }
    }
    let known = match first.key.as_str() {
        "at" => FailureTrigger::At(SimTime::ZERO + reader.duration_given(fields, "at")?),
        "every" => FailureTrigger::Every(longer_than_0(reader, fields, "every")?),
        "mtbf" => breakdowns(reader, fields)?,
        "chance" => FailureTrigger::Chance(chance(reader, first)?),
        "when" => {
            let when = condition(reader, fields, first)?;
            return Some((TriggerDraft::When(when), first.key_span));
        }
        _ => {
            let text = reader.string(&first.node, &Grammar::Name("another failure"))?;
            let of = Ref { text: text.to_owned(), span: first.node.span };
            return Some((TriggerDraft::After(of), first.key_span));
        }
    };
    Some((TriggerDraft::Known(known), first.key_span))
}

fn longer_than_0(reader: &mut Reader, fields: &Fields, key: &str) -> Option<SimDuration> {
    let duration = reader.duration_given(fields, key)?;
    if duration.ns() == 0 {
        let span = fields.get(key)?.node.span;
        let message = format!("`{key}` must be longer than 0");
        reader.note(Diagnostic::error("E106", span, message));
        return None;
    }
    Some(duration)
}

fn breakdowns(reader: &mut Reader, fields: &Fields) -> Option<FailureTrigger> {
    let mtbf = longer_than_0(reader, fields, "mtbf");
    let mttr = match fields.get("mttr") {
        Some(_) => Some(longer_than_0(reader, fields, "mttr")?),
        None => None,
    };
    if let (Some(lasts), Some(repair)) = (fields.get("for"), fields.get("mttr")) {
        let message = "`for` and `mttr` both say how long it lasts";
        let diagnostic = Diagnostic::error("E109", lasts.key_span, message)
            .related(repair.key_span, "a mean of drawn times")
            .help("keep `mttr` (drawn) or `for` (always the same)");
        reader.note(diagnostic);
    }
    Some(FailureTrigger::Mtbf { mtbf: mtbf?, mttr })
}

fn chance(reader: &mut Reader, entry: &Entry) -> Option<Probability> {
    reader.parsed(&entry.node, &Grammar::Share, |_, text| above_0(0, text))
}

/// `billing.backlog > 10000`
fn condition(reader: &mut Reader, fields: &Fields, entry: &Entry) -> Option<WhenDraft> {
    let grammar = fields.listed("when").0;
    let cooldown = reader.duration(fields, "cooldown");
    let (path, is, than) = reader.parsed(&entry.node, &grammar, |_, text| {
        let error = |at: std::ops::Range<usize>, message: &str| {
            ParseError::new(at, message).help("write \"billing.backlog > 10000\"")
        };
        let [(at, path), (is_at, is), (than_at, than)] = words(text)[..] else {
            return Err(error(0..text.len(), "not a condition"));
        };
        let is = match is {
            "<" => Comparison::Less,
            "<=" => Comparison::AtMost,
            ">" => Comparison::More,
            ">=" => Comparison::AtLeast,
            _ => {
                let message = "a comparison is <, <=, > or >=";
                return Err(error(is_at..is_at + is.len(), message));
            }
        };
        let digits = than.replace('_', "");
        let than = digits.parse().map_err(|_| {
            error(than_at..than_at + than.len(), "a level is compared with a whole number")
        })?;
        Ok(((at, path.to_owned()), is, than))
    })?;
    let (at, text) = path;
    let span = reader.sources.inside(entry.node.span, &(at..at + text.len()));
    Some(WhenDraft { path: Ref { text, span }, is, than, cooldown })
}
