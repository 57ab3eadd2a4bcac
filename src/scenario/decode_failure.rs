//! `[[failure]]`: one verb, one trigger, one target.

use super::decode_handler::words;
use super::decode_link::{self, Linked};
use super::decode_message::{self, offset};
use super::decode_trigger::trigger;
use super::decode_verb::{above_0, has_no_end, value, valued};
use super::draft::{FailureDraft, Part};
use super::keys::{Grammar, LATER_VERBS, Place, VERBS};
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Node, Sources, Span, Value};
use crate::model::Verb;
use crate::units::{ParseError, SimDuration, SimTime};
use std::ops::Range;

/// How long a pause lasts if the file does not say.
const PAUSE: SimDuration = SimDuration::from_secs(2);
/// By how much a clock is wrong if the file does not say: 5 minutes, in ns.
const SKEW: i64 = 300_000_000_000;

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
    let entry = verb?;
    let verb_at = entry.key_span;
    check_company(reader, fields, entry);
    let values = if entry.key == "set" { values_set(reader, entry)? } else { Vec::new() };
    let linked = if decode_link::is_link(entry) {
        decode_link::link(reader, fields, entry)?
    } else if decode_message::is_one(entry) {
        decode_message::message(reader, fields, entry)?
    } else {
        let (target, verb) = struck(reader, entry)?;
        let (owner, part) = match verb {
            Verb::Set(_) => (target.clone(), Part::Values),
            _ => parse_target(reader, &target, &entry.key)?,
        };
        Linked { verb, text: target.text, owner, part, link: None, names: Vec::new() }
    };
    let Linked { verb, text, owner, part, link, names } = linked;
    let (trigger, when) = trigger?;
    let named = if name.is_empty() { format!("{} {text}", entry.key) } else { name };
    has_no_end(reader, fields, verb, verb_at);
    let lasts = if verb == Verb::Pause { lasts.or(Some(PAUSE)) } else { lasts };
    Some(FailureDraft {
        name: named,
        verb,
        verb_at,
        owner,
        part,
        link,
        names,
        trigger,
        when,
        lasts,
        off,
        values,
    })
}

/// Notes keys that go with one verb only, and stand beside another.
fn check_company(reader: &mut Reader, fields: &Fields, verb: &Entry) {
    let all = [
        ("datagram", "loss", "says how messages are lost"),
        ("kills", "poison", "says that an event ends its instance"),
        ("fix", "bug", "says from when on everything is done again"),
    ];
    for (key, goes_with, what) in all {
        if let (Some(entry), false) = (fields.get(key), verb.key == goes_with) {
            let message = format!("`{key}` {what}, and goes with `{goes_with}` alone");
            let diagnostic = Diagnostic::error("E109", entry.key_span, message);
            let diagnostic = diagnostic.related(verb.key_span, "the verb");
            reader.note(diagnostic.help(format!("remove `{key}`")));
        }
    }
}

/// A verb as a file writes it.
pub(super) fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Crash => "crash",
        Verb::Slow(_) => "slow",
        Verb::Unclean => "unclean",
        Verb::Stop => "stop",
        Verb::Restart => "restart",
        Verb::Pause => "pause",
        Verb::Replay(_) => "replay",
        Verb::Redrive => "redrive",
        Verb::Set(_) => "set",
        Verb::Throttle(_) => "throttle",
        Verb::Link => "a failure of links",
        Verb::Spike(_) => "spike",
        Verb::Hot(_) => "hot",
        Verb::Herd { .. } => "herd",
        Verb::Leak(_) => "leak",
        Verb::Brownout { .. } => "brownout",
        Verb::Poison { .. } => "poison",
        Verb::Schema => "schema",
        Verb::DropConsumer => "drop_consumer",
        Verb::DiskFull => "disk_full",
        Verb::Bug(_) => "bug",
        Verb::Expire(_) => "expire",
        Verb::Skew(_) => "skew",
    }
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

/// The values that a `set` sets, by path; at least one.
fn values_set(reader: &mut Reader, entry: &Entry) -> Option<Vec<Entry>> {
    match &entry.node.value {
        Value::Table(table) if !table.entries.is_empty() => Some(table.entries.clone()),
        _ => {
            let message = "`set` takes values by path";
            let help = "write set = { \"service.email.workers\" = 4 }";
            reader.note(Diagnostic::error("E103", entry.node.span, message).help(help));
            None
        }
    }
}

/// The target of a verb, and what happens to it. Of a `set`, which has none, the paths stand for
/// it.
fn struck(reader: &mut Reader, entry: &Entry) -> Option<(Ref, Verb)> {
    let verb = match entry.key.as_str() {
        "crash" | "zone" => Verb::Crash,
        "slow" => Verb::Slow(10.0),
        "unclean" => Verb::Unclean,
        "stop" => Verb::Stop,
        "restart" => Verb::Restart,
        "pause" => Verb::Pause,
        "replay" => Verb::Replay(SimTime::ZERO),
        "set" => Verb::Set(0),
        "redrive" => Verb::Redrive,
        "drop_consumer" => Verb::DropConsumer,
        "skew" => Verb::Skew(SKEW),
        "disk_full" => Verb::DiskFull,
        key => valued(key)?,
    };
    if let (Verb::Set(0), Value::Table(table)) = (verb, &entry.node.value) {
        let paths: Vec<&str> = table.entries.iter().map(|e| e.key.as_str()).collect();
        let paths = Ref { text: paths.join(", "), span: entry.node.span };
        return Some((paths, verb));
    }
    let (target, node) = target(reader, entry)?;
    let Some(node) = node else { return Some((target, verb)) };
    let verb = match verb {
        Verb::Slow(_) => Verb::Slow(factor_at(reader, node)?),
        _ if valued(&entry.key).is_some() => value(reader, verb, node)?,
        Verb::Skew(_) => {
            Verb::Skew(reader.parsed(node, &Grammar::Duration, |_, text| offset(text))?)
        }
        Verb::Replay(_) => {
            Verb::Replay(reader.parsed(node, &Grammar::Duration, |_, text| text.parse())?)
        }
        _ => {
            let message = format!("`{}` takes a target and no value", entry.key);
            let help = format!("write {} = \"{}\"", entry.key, target.text);
            reader.note(Diagnostic::error("E103", node.span, message).help(help));
            return None;
        }
    };
    Some((target, verb))
}

/// The one target of a verb, and the value that stands beside it.
pub(super) fn target<'t>(reader: &mut Reader, entry: &'t Entry) -> Option<(Ref, Option<&'t Node>)> {
    let Value::Table(table) = &entry.node.value else {
        let text = reader.string(&entry.node, &Grammar::Target)?;
        return Some((Ref { text: text.to_owned(), span: entry.node.span }, None));
    };
    let [target] = table.entries.as_slice() else {
        let message = format!("`{}` has one target", entry.key);
        let help = "write a [[failure]] for each";
        reader.note(Diagnostic::error("E118", entry.node.span, message).help(help));
        return None;
    };
    Some((Ref { text: target.key.clone(), span: target.key_span }, Some(&target.node)))
}

pub(super) fn factor_at(reader: &mut Reader, node: &Node) -> Option<f64> {
    let number = match node.value {
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        _ => return reader.parsed(node, &Grammar::Target, |_, text| factor(text)),
    };
    let message = format!("a factor needs an x: `{number}`; write \"{number}x\"");
    reader.note(Diagnostic::error("E104", node.span, message).label("a bare number"));
    None
}

/// `4x`
pub(super) fn factor(text: &str) -> Result<f64, ParseError> {
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

/// The place of a part of a target.
pub(super) fn inside(sources: &Sources, target: &Ref, at: &Range<usize>) -> Span {
    // A key of an inline table has no quotes around it that could be counted.
    let Span { file, start, end } = target.span;
    let raw = &sources.text(file)[start as usize..end as usize];
    let quoted = raw.starts_with('"') || raw.starts_with('\'');
    if quoted { sources.inside(target.span, at) } else { target.span }
}

/// A part of a number.
type Numbered = fn(u64, Span) -> Part;

/// What stands before and after the number of a part, what that is, and the part.
const NUMBERED: [(&str, &str, &str, Numbered); 3] = [
    ("/broker:", "", "a node", Part::Node),
    ("/partition:", "", "a partition", Part::Partition),
    ("[", "]", "an instance", Part::Instance),
];

/// `email`, `email[0]`, `30% of email`, `bus/broker:1`, `bus/partition:3`, `email/relay`, `zone:a`;
/// for the verb `zone` just `a`.
fn parse_target(reader: &mut Reader, target: &Ref, verb: &str) -> Option<(Ref, Part)> {
    let text = target.text.as_str();
    let sources = reader.sources;
    let place = |at: Range<usize>| inside(sources, target, &at);
    let name =
        |at: usize, word: &str| Ref { text: word.to_owned(), span: place(at..at + word.len()) };
    if let Some(zone) = text.strip_prefix("zone:").or((verb == "zone").then_some(text)) {
        return Some((name(text.len() - zone.len(), zone), Part::Zone));
    }
    if let [(at, share), (_, "of"), (of_at, word)] = words(text)[..] {
        return match above_0(at, share) {
            Ok(share) => Some((name(of_at, word), Part::Share(share))),
            Err(error) => {
                reader.wrong_text(target.span, &error);
                None
            }
        };
    }
    if let Some((owner, "relay")) = text.split_once('/') {
        return Some((name(0, owner), Part::Relay));
    }
    let numbered = |open: &str, close: &str| {
        let (owner, rest) = text.split_once(open)?;
        Some((owner, rest.strip_suffix(close)?, owner.len() + open.len()))
    };
    for (open, close, noun, part) in NUMBERED {
        let Some((owner, index, at)) = numbered(open, close) else { continue };
        let span = place(at..at + index.len());
        let Ok(number) = index.parse::<u64>() else {
            let message = format!("`{index}` is not the number of {noun}");
            let help = "they count from 0, as in \"email[0]\" and \"bus/broker:0\"";
            reader.note(Diagnostic::error("E118", span, message).help(help));
            return None;
        };
        return Some((name(0, owner), part(number, span)));
    }
    if text.contains("->") || text.contains(['/', ':']) {
        let message = format!("`{text}` is no target");
        let help = "targets are \"email\", \"email[0]\", \"30% of email\", \"bus/broker:0\", \
                    \"bus/partition:0\", \"email/relay\" and \"zone:a\"";
        reader.note(Diagnostic::error("E118", target.span, message).help(help));
        return None;
    }
    Some((name(0, text), Part::All))
}
