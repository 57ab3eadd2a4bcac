//! `on.E` and `api.op`: what a handler does, from its verbs or from `do`.

use super::decode::{idle, name_of, named};
use super::draft::{
    ConsumeDraft, EmissionDraft, EmitDraft, HandlerDraft, IdleKey, Needs, PublishDraft, StepDraft,
};
use super::keys::{Grammar, Place, find};
use super::near::did_you_mean;
use super::reader::{Fields, Reader, Ref};
use super::{Diagnostic, Entry, Node, Span, Value};
use crate::model::{BatchSpec, Exhausted, PublishMode, Retry, RetryIn};
use crate::units::{ParseError, Probability, SimDuration};

/// Step verbs that `do` replaces.
const VERBS: [&str; 4] = ["takes", "calls", "writes", "emits"];

/// First words of steps in `do`.
const STEPS: [&str; 3] = ["write", "emit", "call"];

/// First words of distributions.
const DISTRIBUTIONS: [&str; 5] = ["normal", "pareto", "mix", "file", "trace"];

/// All handlers of a service that stand under `on` or `api`.
pub(super) fn handlers(reader: &mut Reader, service: &Fields, place: Place) -> Vec<HandlerDraft> {
    let is_api = place == Place::Api;
    let mut handlers = Vec::new();
    for entry in named(reader, service, if is_api { "api" } else { "on" }) {
        let absent = Reader::absent(entry.node.span, place);
        let handler = if matches!(entry.node.value, Value::Table(_)) {
            let Some(fields) = reader.fields(&entry.node, place) else { continue };
            let steps = steps(reader, &fields);
            handler(reader, entry, &fields, is_api, steps)
        } else {
            let work = reader.work_at(&entry.node, place);
            let steps = work.into_iter().map(StepDraft::Work).collect();
            handler(reader, entry, &absent, is_api, steps)
        };
        handlers.push(handler);
    }
    handlers
}

fn handler(
    reader: &mut Reader,
    entry: &Entry,
    fields: &Fields,
    is_api: bool,
    steps: Vec<StepDraft>,
) -> HandlerDraft {
    let (retry, mut idle_keys) = retry(reader, fields);
    idle_keys.extend(idle(fields, "timeout", Needs::Calls));
    idle_keys.extend(idle(fields, "retry", Needs::Calls));
    idle_keys.extend(idle(fields, "attempts", Needs::Failing));
    idle_keys.extend(idle(fields, "backoff", Needs::Failing));
    let (publish, more) = publish(reader, fields);
    idle_keys.extend(more);
    let consume = if is_api {
        // An operation consumes nothing: the defaults, which nobody asks for.
        consume(reader, &Reader::absent(fields.head, Place::On))
    } else {
        for (key, needs) in [
            ("from", Needs::History),
            ("ack", Needs::Acknowledging),
            ("prefetch", Needs::Queue),
            ("retry_in", Needs::Failing),
            ("on_exhausted", Needs::Failing),
        ] {
            idle_keys.extend(idle(fields, key, needs));
        }
        consume(reader, fields)
    };
    HandlerDraft {
        name: name_of(entry),
        is_api,
        steps,
        fails: reader.share(fields, "fails"),
        attempts: reader.whole(fields, "attempts") as u32,
        backoff: reader.backoff(fields, "backoff"),
        timeout: positive(reader, fields, "timeout"),
        retry,
        publish,
        consume,
        idle: idle_keys,
    }
}

/// How events of a handler or source reach their broker.
pub(super) fn publish(reader: &mut Reader, fields: &Fields) -> (PublishDraft, Vec<IdleKey>) {
    let mut idle_keys = Vec::new();
    let poll = positive(reader, fields, "poll");
    let cdc = reader.choice(fields, "relay") == 1;
    let mode = match reader.choice(fields, "publish") {
        0 => PublishMode::Async,
        1 => PublishMode::Sync,
        2 => PublishMode::Fire,
        _ if cdc => PublishMode::OutboxCdc,
        _ => PublishMode::OutboxPoll(poll),
    };
    if !matches!(mode, PublishMode::OutboxCdc | PublishMode::OutboxPoll(_)) {
        idle_keys.extend(idle(fields, "relay", Needs::Outbox));
    }
    if !matches!(mode, PublishMode::OutboxPoll(_)) {
        idle_keys.extend(idle(fields, "poll", Needs::PolledOutbox));
    }
    for key in ["publish", "to"] {
        idle_keys.extend(idle(fields, key, Needs::Emitting));
    }
    let at = fields.get("publish").map(|entry| entry.node.span);
    (PublishDraft { mode, at, to: reader.reference(fields, "to") }, idle_keys)
}

fn consume(reader: &mut Reader, fields: &Fields) -> ConsumeDraft {
    let place = |name: &str| fields.get(name).map(|entry| entry.node.span);
    let ack = reader.ack_given(fields, "ack");
    let retry_in = match reader.choice(fields, "retry_in") {
        0 => RetryIn::Inline,
        1 => RetryIn::Requeue,
        _ => RetryIn::Delayed,
    };
    let on_exhausted = match reader.choice(fields, "on_exhausted") {
        0 => Exhausted::Drop,
        1 => Exhausted::Halt,
        2 => Exhausted::Skip,
        _ => Exhausted::Dlq,
    };
    ConsumeDraft {
        via: reader.reference(fields, "via"),
        filter: reader.reference(fields, "filter"),
        ack: ack.zip(place("ack")),
        prefetch: reader.whole_given(fields, "prefetch").map(|n| n as u32),
        batch: batch(reader, fields),
        backfill: reader.choice(fields, "from") == 1,
        retry_in: (retry_in, place("retry_in")),
        on_exhausted: place("on_exhausted").map(|span| (on_exhausted, span)),
        poison: reader.share(fields, "poison"),
    }
}

fn batch(reader: &mut Reader, fields: &Fields) -> Option<BatchSpec> {
    let fields = fields.get("batch").and_then(|e| reader.fields(&e.node, Place::Batch))?;
    Some(BatchSpec {
        max: reader.whole(&fields, "max") as u32,
        wait: reader.duration(&fields, "wait"),
        each: reader.variate(&fields, "each"),
        bisect: reader.truth(&fields, "bisect"),
    })
}

/// The duration of `name`, which must not be 0.
pub(super) fn positive(reader: &mut Reader, fields: &Fields, name: &str) -> SimDuration {
    let duration = reader.duration(fields, name);
    if duration.ns() == 0
        && let Some(entry) = fields.get(name)
    {
        let message = format!("`{name}` must be longer than 0");
        reader.note(Diagnostic::error("E106", entry.node.span, message));
    }
    duration
}

/// The `retry` of a client or handler.
pub(super) fn retry(reader: &mut Reader, fields: &Fields) -> (Retry, Vec<IdleKey>) {
    let given = fields.get("retry").and_then(|e| reader.fields(&e.node, Place::Retry));
    let fields = given.unwrap_or_else(|| Reader::absent(fields.head, Place::Retry));
    let attempts = reader.whole(&fields, "attempts") as u32;
    let retry = Retry { attempts, backoff: reader.backoff(&fields, "backoff") };
    let single = if attempts == 1 { idle(&fields, "backoff", Needs::Attempts) } else { None };
    (retry, single.into_iter().collect())
}

fn steps(reader: &mut Reader, fields: &Fields) -> Vec<StepDraft> {
    let verb = VERBS.iter().find_map(|verb| fields.get(verb));
    if let (Some(list), Some(verb)) = (fields.get("do"), verb) {
        let message = format!("`do` and `{}` exclude each other", verb.key);
        let diagnostic = Diagnostic::error("E109", verb.key_span, message)
            .related(list.key_span, "`do` states all steps")
            .help(format!("say `{}` as a step of `do`, or remove `do`", verb.key));
        reader.note(diagnostic);
    }
    let mut steps = canonical(reader, fields);
    for node in Reader::list(fields, "do") {
        steps.extend(step(reader, node, fields.place()));
    }
    steps
}

/// The order of the verbs: takes, calls, writes, emits.
fn canonical(reader: &mut Reader, fields: &Fields) -> Vec<StepDraft> {
    let mut steps = Vec::new();
    if let Some(takes) = fields.get("takes") {
        steps.extend(reader.work_at(&takes.node, fields.place()).map(StepDraft::Work));
    }
    let grammar = find(Place::On, "calls").map_or(Grammar::Text, |k| k.grammar);
    for node in Reader::list(fields, "calls") {
        let at_once = match &node.value {
            Value::Array(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut operations = Vec::new();
        for node in at_once {
            if let Some(text) = reader.string(node, &grammar) {
                operations.push(Ref { text: text.to_owned(), span: node.span });
            }
        }
        if !operations.is_empty() {
            steps.push(StepDraft::Call(operations));
        }
    }
    steps.extend(reader.references(fields, "writes").into_iter().map(StepDraft::Write));
    if let Some(emits) = fields.get("emits") {
        let nodes = Reader::list(fields, "emits");
        steps.extend(emit(reader, nodes, emits.node.span).map(StepDraft::Emit));
    }
    steps
}

/// One step of `do`.
fn step(reader: &mut Reader, node: &Node, place: Place) -> Option<StepDraft> {
    let grammar = Grammar::List("a step such as \"4ms\", \"write order\", \"emit E\"");
    let text = reader.string(node, &grammar)?;
    let words = words(text);
    let Some(&(at, first)) = words.first() else {
        reader.wrong_text(node.span, &ParseError::new(0..text.len(), "a step is missing"));
        return None;
    };
    let verb = STEPS.contains(&first);
    if verb && words.len() < 2 {
        let error = ParseError::new(at..at + first.len(), format!("`{first}` what?"));
        reader.wrong_text(node.span, &error);
        return None;
    }
    match first {
        "emit" => {
            let emission = emission(reader, node, &words[1..])?;
            Some(StepDraft::Emit(choice_or_all(vec![emission])))
        }
        "write" | "call" => {
            if let Some(&(at, word)) = words.get(2) {
                let message = format!("one name follows `{first}`, not also `{word}`");
                let error =
                    ParseError::new(at..at + word.len(), message).help("write one step for each");
                reader.wrong_text(node.span, &error);
            }
            let name = word_ref(reader, node.span, words[1]);
            let write = first == "write";
            Some(if write { StepDraft::Write(name) } else { StepDraft::Call(vec![name]) })
        }
        "read" => {
            let error = ParseError::new(at..at + first.len(), "`read` is not supported yet");
            reader.wrong_text(node.span, &error);
            None
        }
        word if word.starts_with(char::is_alphabetic) && !DISTRIBUTIONS.contains(&word) => {
            let help = did_you_mean(word, STEPS.into_iter().chain(DISTRIBUTIONS))
                .unwrap_or_else(|| "a step is a duration, write, emit or call".into());
            let place = reader.sources.inside(node.span, &(at..at + word.len()));
            let message = format!("unknown step `{word}`");
            reader.note(Diagnostic::error("E127", place, message).help(help));
            None
        }
        _ => reader.work_at(node, place).map(StepDraft::Work),
    }
}

/// The words of a text, each with the byte at which it begins.
pub(super) fn words(text: &str) -> Vec<(usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(|word| (word.as_ptr() as usize - start, word)).collect()
}

fn word_ref(reader: &Reader, span: Span, (at, word): (usize, &str)) -> Ref {
    Ref { text: word.to_owned(), span: reader.sources.inside(span, &(at..at + word.len())) }
}

/// An emission and its share, if it has one.
type Emission = (Option<Probability>, EmissionDraft, Span);

fn emit(reader: &mut Reader, nodes: &[Node], list: Span) -> Option<EmitDraft> {
    let mut emissions: Vec<Emission> = Vec::new();
    for node in nodes {
        let grammar = Grammar::List("an event such as \"E\", \"E x100\" or \"E 30%\"");
        let Some(text) = reader.string(node, &grammar) else { continue };
        emissions.extend(emission(reader, node, &words(text)));
    }
    let shared = emissions.iter().find(|e| e.0.is_some()).map(|e| e.2);
    let plain = emissions.iter().find(|e| e.0.is_none()).map(|e| e.2);
    if let (Some(shared), Some(plain)) = (shared, plain) {
        let diagnostic =
            Diagnostic::error("E117", plain, "an event without a share among events with shares")
                .related(shared, "this one has a share")
                .help("give each a share (one of them is emitted), or none (all are)");
        reader.note(diagnostic);
        return Some(choice_or_all(emissions));
    }
    let sum: f64 = emissions.iter().filter_map(|e| e.0).map(Probability::get).sum();
    // Thirds cannot be written exactly.
    if sum > 1.0 + 1e-9 {
        let message = format!("the shares add up to {} %", (sum * 1e4).round() / 1e2);
        let help = "they may add up to at most 100 %; for the rest nothing is emitted";
        reader.note(Diagnostic::error("E117", list, message).help(help));
    }
    (!emissions.is_empty()).then(|| choice_or_all(emissions))
}

fn choice_or_all(emissions: Vec<Emission>) -> EmitDraft {
    if emissions.iter().any(|e| e.0.is_some()) {
        let share = |e: Emission| (e.0.unwrap_or(Probability::ONE), e.1);
        EmitDraft::OneOf(emissions.into_iter().map(share).collect())
    } else {
        EmitDraft::All(emissions.into_iter().map(|e| e.1).collect())
    }
}

/// `E`, `E x100`, `E 30%`.
fn emission(reader: &mut Reader, node: &Node, words: &[(usize, &str)]) -> Option<Emission> {
    let Some(&first) = words.first() else {
        reader.wrong_text(node.span, &ParseError::new(0..0, "an event is missing"));
        return None;
    };
    let event = word_ref(reader, node.span, first);
    let (mut share, mut count) = (None, None);
    for &(at, word) in &words[1..] {
        let at = at..at + word.len();
        let times = word.strip_prefix('x').map(str::parse::<u32>);
        let error = match times {
            Some(Ok(n)) if n > 0 && count.is_none() => {
                count = Some(n);
                continue;
            }
            Some(_) => ParseError::new(at, format!("`{word}` is not a number of events"))
                .help("write \"E x100\""),
            None if word.ends_with('%') && share.is_none() => match word.parse::<Probability>() {
                Ok(p) => {
                    share = Some(p);
                    continue;
                }
                Err(error) => error.shift(at.start),
            },
            None => ParseError::new(at, format!("`{word}` is neither a share nor a number"))
                .help("write \"E\", \"E x100\" or \"E 30%\""),
        };
        reader.wrong_text(node.span, &error);
        // The event exists all the same, so that its subscribers are not blamed.
        break;
    }
    Some((share, EmissionDraft { event, count: count.unwrap_or(1) }, node.span))
}
