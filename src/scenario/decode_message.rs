//! Failures of events at those who hear them: which handlers, which events, what share.

use super::decode_failure::{inside, target};
use super::decode_link::Linked;
use super::decode_verb::above_0;
use super::draft::Part;
use super::keys::Grammar;
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Node, Value};
use crate::model::Verb;
use crate::units::{ParseError, SimDuration, SimTime};

/// Between the service and the event of a handler.
const ON: &str = ".on.";

/// Whether a verb strikes events where they are heard.
pub(super) fn is_one(verb: &Entry) -> bool {
    ["poison", "schema", "bug", "expire"].contains(&verb.key.as_str())
}

/// Such a failure.
pub(super) fn message(reader: &mut Reader, fields: &Fields, entry: &Entry) -> Option<Linked> {
    let (target, value) = whole_target(reader, entry)?;
    let (verb, (owner, names)) = match entry.key.as_str() {
        "schema" => (Verb::Schema, form(reader, target, value)?),
        "expire" => {
            let Some(node) = value else {
                let message = "`expire` needs to know how long anything is kept";
                let help = format!("write expire = {{ \"{}\" = \"1h\" }}", target.text);
                reader.note(Diagnostic::error("E118", target.span, message).help(help));
                return None;
            };
            let age = reader.parsed(node, &Grammar::Duration, |_, text| longer_than_0(text))?;
            (Verb::Expire(age), (target, Vec::new()))
        }
        "bug" => {
            if let Some(node) = value {
                let message = "`bug` takes a target and no value";
                let help = format!("write bug = \"{}\"", target.text);
                reader.note(Diagnostic::error("E103", node.span, message).help(help));
                return None;
            }
            let fix = reader.duration_given(fields, "fix").map(|fix| SimTime::ZERO + fix);
            (Verb::Bug(fix), handler(reader, &target))
        }
        _ => {
            let (_, usual) = fields.listed("poison");
            let share = match value {
                None => usual.parse().ok()?,
                Some(node) => reader.parsed(node, &Grammar::Share, |_, text| above_0(0, text))?,
            };
            let kills = reader.truth(fields, "kills");
            (Verb::Poison { share, kills }, handler(reader, &target))
        }
    };
    let text = match names.first() {
        Some(event) if verb != Verb::Schema => format!("{}{ON}{}", owner.text, event.text),
        _ => owner.text.clone(),
    };
    Some(Linked { verb, text, owner, part: Part::All, link: None, names })
}

fn longer_than_0(text: &str) -> Result<SimDuration, ParseError> {
    let duration: SimDuration = text.parse()?;
    if duration == SimDuration::ZERO {
        return Err(ParseError::new(0..text.len(), "a time above 0 is due"));
    }
    Ok(duration)
}

/// `5m` or `-5m`: by how much a clock is wrong, in ns.
pub(super) fn offset(text: &str) -> Result<i64, ParseError> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let by = longer_than_0(rest).map_err(|e| e.shift(text.len() - rest.len()))?;
    i64::try_from(by.ns())
        .map(|ns| sign * ns)
        .map_err(|_| ParseError::new(0..text.len(), "no clock is so wrong"))
}

/// The one target of a verb, whose name may have dots, and the value that stands beside it.
fn whole_target<'t>(reader: &mut Reader, entry: &'t Entry) -> Option<(Ref, Option<&'t Node>)> {
    let (target, value) = target(reader, entry)?;
    if let Some(Node { value: Value::Table(_), .. }) = value {
        let message = format!("`{}` is not a whole target", target.text);
        let help = format!("put it in quotes: {} = {{ \"billing.on.E\" = .. }}", entry.key);
        reader.note(Diagnostic::error("E103", target.span, message).help(help));
        return None;
    }
    Some((target, value))
}

/// `billing.on.E`, one handler, or `billing`, all that hear events.
fn handler(reader: &Reader, target: &Ref) -> (Ref, Vec<Ref>) {
    let text = target.text.as_str();
    let part = |at: usize, word: &str| {
        let span = inside(reader.sources, target, &(at..at + word.len()));
        Ref { text: word.to_owned(), span }
    };
    match text.split_once(ON) {
        Some((service, event)) => (part(0, service), vec![part(service.len() + ON.len(), event)]),
        None => (part(0, text), Vec::new()),
    }
}

/// `{ E = ["billing"] }`: an event and those who fail on its new form.
fn form(reader: &mut Reader, event: Ref, value: Option<&Node>) -> Option<(Ref, Vec<Ref>)> {
    let Some(node) = value else {
        let message = "`schema` needs to know who fails on the new form";
        let help = format!(
            "write schema = {{ \"{}\" = [\"billing\"] }}, or [] if all can read it",
            event.text
        );
        reader.note(Diagnostic::error("E118", event.span, message).help(help));
        return None;
    };
    let nodes = match &node.value {
        Value::Array(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut services = Vec::new();
    for node in nodes {
        let text = reader.string(node, &Grammar::List("the name of a service"))?;
        services.push(Ref { text: text.to_owned(), span: node.span });
    }
    Some((event, services))
}
