//! What `set` changes: the scenario is compiled once more with the other values, so that they are
//! read, checked and completed like those of a file.

use super::draft::{Draft, FailureDraft, Part};
use super::merge::merge;
use super::names::Names;
use super::near::did_you_mean;
use super::path::parse_path;
use super::reader::Reader;
use super::shorthand::expand;
use super::{Diagnostic, Entry, FileId, Node, Severity, Span, Table, Value, compile, decode};
use crate::model::{Blueprint, BrokerId};

/// Kinds of tables in which something can change, and what.
const CAN_CHANGE: &[(&str, &str)] = &[
    ("network", "same_zone, other_zone, other_region"),
    ("event", "size"),
    (
        "client",
        "rate (but for traces), users, think, timeout, retry; whether it is a rate or users stays",
    ),
    (
        "service",
        "instances, autoscale, workers, cores (from one number to another), start, balance, \
         store.write, store.read, store.connections, backlog.cap, backlog.policy (among \
         reject-new, drop-oldest and lifo), rates, burst and late of what it emits; of its \
         handlers takes, fails, attempts, backoff, timeout, retry, poison, filter, prefetch, \
         retry_in, on_exhausted, batch.wait, batch.each, batch.bisect, and publish if neither \
         value is \"outbox\" nor the broker ideal",
    ),
    (
        "broker",
        "publish, deliver, per_shard, per_node, quota, reconnect, batch, linger, buffer, \
         max_block, request_timeout, delivery_timeout, backoff, idempotent, acks (not from or \
         to 0); of a log partitions (more of them, for good), min_isr, replication, unclean, \
         replica_lag, detection, election, retention, retain, reset, session_timeout, \
         heartbeat, max_poll_records, long_poll; of a queue prefetch, ttl, max_length, \
         overflow, fsync, replication, failover, delivery_limit, ack_timeout, heartbeat, dlq, \
         visibility, poll, empty_poll, receive, in_flight, duplicates, retention, reclaim, \
         nack_delay, unsynced; of fan-out subscriber_buffer, soft_buffer, soft_time",
    ),
];

/// For each `set` that is not switched off, in the order of the file, what the scenario of `table`
/// is while it lasts.
pub(super) fn sets(
    reader: &mut Reader,
    table: &Table,
    draft: &Draft,
    base: &Blueprint,
) -> Vec<Blueprint> {
    // What is wrong already would be told again.
    if reader.found.iter().any(|d| d.severity == Severity::Error) {
        return Vec::new();
    }
    let mut plain = table.clone();
    plain.remove("failure");
    plain.remove("expect");
    let mut sets = Vec::new();
    for failure in draft.failures.iter().filter(|f| f.part == Part::Values) {
        let set = set(reader, &plain, failure, base);
        sets.extend(set.filter(|_| !failure.off));
    }
    sets
}

/// What the scenario of `plain` is with the values of a failure.
fn set(
    reader: &mut Reader,
    plain: &Table,
    failure: &FailureDraft,
    base: &Blueprint,
) -> Option<Blueprint> {
    let all: Vec<&Entry> = failure.values.iter().collect();
    let other = with(reader, plain, &all)?;
    if base.can_become(&other) {
        if *base == other {
            let message = "it sets what is so already";
            let place = failure.verb_at;
            reader.note(Diagnostic::warning("W106", place, message).help("set another value"));
        }
        let more = |nth| other.partitions(BrokerId(nth)) > base.partitions(BrokerId(nth));
        if failure.lasts.is_some() && (0..base.brokers.len() as u32).any(more) {
            let message = "partitions that have come do not go";
            let help = "remove `for`, and set what is to end in a [[failure]] of its own";
            reader.note(Diagnostic::error("E145", failure.verb_at, message).help(help));
        }
        return Some(other);
    }
    let mut told = false;
    for entry in all {
        if let Some(other) = with(reader, plain, &[entry])
            && !base.can_become(&other)
        {
            told = true;
            reader.note(cannot_change(entry.key_span, &entry.key));
        }
    }
    if !told {
        reader.note(cannot_change(failure.verb_at, &failure.owner.text));
    }
    None
}

fn cannot_change(at: Span, path: &str) -> Diagnostic {
    let root = path.split('.').next().unwrap_or_default();
    let message = format!("`{path}` cannot change while the scenario runs");
    let help = CAN_CHANGE.iter().find(|(kind, _)| *kind == root).map_or_else(
        || {
            let kinds: Vec<&str> = CAN_CHANGE.iter().map(|(kind, _)| *kind).collect();
            format!("what can change stands in one of: {}", kinds.join(", "))
        },
        |(kind, keys)| format!("of `{kind}` these can: {keys}"),
    );
    Diagnostic::error("E145", at, message).label("set here").help(help)
}

/// The scenario of `plain` with some values laid over it; none after a mistake.
fn with(reader: &mut Reader, plain: &Table, values: &[&Entry]) -> Option<Blueprint> {
    let mut table = plain.clone();
    let mut found = Vec::new();
    for entry in values {
        let mut over = overlay(reader, plain, entry)?;
        expand(&mut over, reader.sources, &mut found);
        merge(&mut table, over, &mut Vec::new());
    }
    let head = Span { file: FileId(0), start: 0, end: 0 };
    let mut inner = Reader { sources: reader.sources, samples: &mut *reader.samples, found };
    let draft = decode::scenario(&mut inner, &table, head);
    let names = Names::of(&draft, &mut inner.found);
    let blueprint = compile::blueprint(&draft, &names, inner.sources, &mut inner.found);
    let mut found = inner.found;
    found.retain(|d| d.severity == Severity::Error);
    if found.is_empty() {
        return Some(blueprint);
    }
    // What is wrong elsewhere is so because of these.
    let here = |d: &Diagnostic| values.iter().any(|entry| stands_in(d.span, entry));
    if found.iter().any(here) {
        found.into_iter().filter(here).for_each(|diagnostic| reader.note(diagnostic));
    } else {
        values.iter().take(1).for_each(|e| reader.note(cannot_change(e.key_span, &e.key)));
    }
    None
}

/// Whether a place is within an entry.
fn stands_in(place: Option<Span>, entry: &Entry) -> bool {
    let (key, value) = (entry.key_span, entry.node.span);
    place.is_some_and(|at| at.file == key.file && key.start <= at.start && at.end <= value.end)
}

/// A value by its path as a table.
fn overlay(reader: &mut Reader, plain: &Table, entry: &Entry) -> Option<Table> {
    let Some(parts) = parse_path(&entry.key) else {
        let message = format!("`{}` is not the path of a value", entry.key);
        let help = "join plain names by dots, as in \"service.email.workers\"";
        reader.note(Diagnostic::error("E145", entry.key_span, message).help(help));
        return None;
    };
    let root = parts.first().map_or("", |(part, _)| part.as_str());
    if CAN_CHANGE.iter().all(|(kind, _)| *kind != root) {
        reader.note(cannot_change(entry.key_span, &entry.key));
        return None;
    }
    if let [_, (name, _), _, ..] = parts.as_slice()
        && let Some(Value::Table(known)) = plain.get(root).map(|e| &e.node.value)
        && known.get(name).is_none()
        && root != "event"
    {
        let message = format!("there is no {root} `{name}`");
        let names = || known.entries.iter().map(|e| e.key.as_str());
        let help = did_you_mean(name, names())
            .unwrap_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", ")));
        reader.note(Diagnostic::error("E145", entry.key_span, message).help(help));
        return None;
    }
    let (key_span, span) = (entry.key_span, entry.node.span);
    let mut node = entry.node.clone();
    for (part, _) in parts.into_iter().rev() {
        let entry = Entry { key: part, key_span, node };
        node = Node { value: Value::Table(Table { entries: vec![entry] }), span };
    }
    if let Value::Table(table) = node.value { Some(table) } else { None }
}
