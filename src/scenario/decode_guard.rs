//! What guards calls: `retry.budget`, `breaker`, `throttle`, `rate_limit` and the rest, and how the
//! waiting of a service are treated.
//!
//! It looks up no names.

use super::decode::{idle, name_of};
use super::draft::{GuardDraft, IdleKey, Needs};
use super::keys::{Grammar, Place, find};
use super::reader::{Fields, Reader};
use super::{Diagnostic, Entry, Node, Value};
use crate::model::{
    Backlog, BacklogPolicy, BreakerSpec, Budget, Guards, RateLimit, ThrottleSpec, Trip,
};
use crate::random::Variate;
use crate::units::{ParseError, Probability, Scan, SimDuration};

/// Keys that do nothing where nothing is called.
const CALLING: [&str; 9] = [
    "deadline",
    "cancel",
    "hedge",
    "pool",
    "health",
    "breaker",
    "bulkhead",
    "throttle",
    "rate_limit",
];

/// What `true`, a table, or nothing and `false` say.
enum Given<'t> {
    No,
    Default,
    Table(Fields<'t>),
    Other(&'t Node),
}

fn given<'t>(reader: &mut Reader, fields: &Fields<'t>, name: &str, place: Place) -> Given<'t> {
    let Some(Entry { node, .. }) = fields.get(name) else { return Given::No };
    match node.value {
        Value::Boolean(true) => Given::Default,
        Value::Boolean(false) => Given::No,
        Value::Table(_) => reader.fields(node, place).map_or(Given::No, Given::Table),
        _ => Given::Other(node),
    }
}

/// The table of `name`, with the defaults for `true`; `None`: no such guard.
fn table<'t>(
    reader: &mut Reader,
    fields: &Fields<'t>,
    name: &str,
    place: Place,
) -> Option<Fields<'t>> {
    match given(reader, fields, name, place) {
        Given::No => None,
        Given::Default => Some(Reader::absent(fields.head, place)),
        Given::Table(fields) => Some(fields),
        Given::Other(node) => {
            let grammar = find(fields.place(), name).map_or(Grammar::Text, |key| key.grammar);
            reader.wrong_kind(node, &grammar);
            None
        }
    }
}

/// Two settings that exclude each other.
fn clash(reader: &mut Reader, node: &Node, message: String, help: &str) {
    reader.note(Diagnostic::error("E109", node.span, message).help(help));
}

/// The budget of a `retry`.
pub(super) fn budget(reader: &mut Reader, fields: &Fields) -> Option<Budget> {
    let table = match given(reader, fields, "budget", Place::Budget) {
        Given::No => return None,
        Given::Default => Reader::absent(fields.head, Place::Budget),
        Given::Table(fields) => fields,
        Given::Other(node @ Node { value: Value::String(_), .. }) => {
            let share = reader.parsed(node, &Grammar::Share, |_, text| text.parse::<Probability>());
            return share.map(Budget::Share);
        }
        Given::Other(node) => {
            reader.wrong_kind(node, &Grammar::Share);
            return None;
        }
    };
    let mut tokens = |name: &str, min: f64| {
        let millionths = reader.number(&table, name, min, 1e9) * 1e6;
        (millionths + 0.5) as u64
    };
    let (deposit, cost, size) = (tokens("deposit", 0.0), tokens("cost", 1e-6), tokens("size", 0.0));
    if size < cost
        && let Some(entry) = table.get("size").or_else(|| table.get("cost"))
    {
        let message = "a budget of less than the `cost` of a retry allows none".to_owned();
        clash(reader, &entry.node, message, "make `size` at least as large as `cost`");
    }
    Some(Budget::Tokens { deposit, cost, size })
}

/// What guards the calls of a client or handler, and the keys that need something else to matter.
pub(super) fn guards(
    reader: &mut Reader,
    fields: &Fields,
    timeout: SimDuration,
) -> (GuardDraft, Vec<IdleKey>) {
    let hedge = reader.duration_or_none(fields, "hedge");
    if let (Some(after), Some(entry)) = (hedge, fields.get("hedge"))
        && after >= timeout
    {
        let message = format!("a hedge after {after} comes too late: the `timeout` is {timeout}");
        clash(reader, &entry.node, message, "make it shorter than `timeout`");
    }
    let guards = Guards {
        deadline: reader.truth(fields, "deadline"),
        cancel: reader.truth(fields, "cancel"),
        hedge,
        pool: reader.whole_or_none(fields, "pool").map(|n| n as u32),
        health: reader.truth(fields, "health"),
        breaker: breaker(reader, fields),
        bulkhead: reader.whole_or_none(fields, "bulkhead").map(|n| n as u32),
        limits: Vec::new(),
        throttle: throttle(reader, fields),
    };
    let mut idle_keys = Vec::new();
    let own = match fields.get("rate_limit").map(|entry| &entry.node) {
        Some(node @ Node { value: Value::String(_), .. }) if fields.place() == Place::Api => {
            reader.parsed(node, &Grammar::Text, |_, text| rate_limit(text))
        }
        _ => None,
    };
    for key in CALLING.into_iter().filter(|key| own.is_none() || *key != "rate_limit") {
        idle_keys.extend(idle(fields, key, Needs::Calls));
    }
    let limits = if own.is_none() { limits(reader, fields) } else { Vec::new() };
    (GuardDraft { guards, limits, own }, idle_keys)
}

fn breaker(reader: &mut Reader, fields: &Fields) -> Option<BreakerSpec> {
    let table = table(reader, fields, "breaker", Place::Breaker)?;
    let consecutive = reader.whole_or_none(&table, "consecutive");
    let shares = ["window", "calls", "failures", "slow", "slow_calls"];
    let share = shares.iter().find_map(|name| table.get(name));
    if let (Some(share), Some(on_end)) = (share, table.get("consecutive"))
        && consecutive.is_some()
    {
        let message = format!("`consecutive` and `{}` exclude each other", share.key);
        let diagnostic = Diagnostic::error("E109", share.key_span, message)
            .related(on_end.key_span, "failures on end open it")
            .help("keep `consecutive`, or the shares of the last calls");
        reader.note(diagnostic);
    }
    let (window, calls) = (reader.whole(&table, "window"), reader.whole(&table, "calls"));
    if let Some(entry) = table.get("window").or_else(|| table.get("calls"))
        && calls > window
    {
        let message = format!("it never sees {calls} calls in a `window` of {window}");
        clash(reader, &entry.node, message, "let `calls` be at most `window`");
    }
    let trip = match consecutive {
        Some(failures) => Trip::Consecutive(failures as u32),
        None => Trip::Share {
            window: window as u32,
            calls: calls as u32,
            failures: above_zero(reader, &table, "failures"),
            slow: reader.duration(&table, "slow"),
            slow_calls: above_zero(reader, &table, "slow_calls"),
        },
    };
    let open = reader.duration(&table, "open");
    Some(BreakerSpec { trip, open, probes: reader.whole(&table, "probes") as u32 })
}

/// The share of `name`: with 0 it would open by itself.
fn above_zero(reader: &mut Reader, fields: &Fields, name: &str) -> Probability {
    let share = reader.share(fields, name);
    if share.get() == 0.0
        && let Some(entry) = fields.get(name)
    {
        let message = format!("`{name}` must be above 0");
        reader.note(Diagnostic::error("E106", entry.node.span, message));
    }
    share
}

fn throttle(reader: &mut Reader, fields: &Fields) -> Option<ThrottleSpec> {
    let table = table(reader, fields, "throttle", Place::Throttle)?;
    let k = reader.number(&table, "k", 1.0, 1e6);
    let window = super::decode_handler::positive(reader, &table, "window");
    Some(ThrottleSpec { k, window })
}

/// The limits of `rate_limit` by operation.
fn limits(reader: &mut Reader, fields: &Fields) -> Vec<(super::reader::Ref, RateLimit)> {
    let Some(Entry { node, .. }) = fields.get("rate_limit") else { return Vec::new() };
    let Value::Table(table) = &node.value else {
        let grammar = find(fields.place(), "rate_limit").map_or(Grammar::Text, |k| k.grammar);
        reader.wrong_kind(node, &grammar);
        return Vec::new();
    };
    let grammar = Grammar::Other("a limit such as \"100/s burst 20\"");
    let mut limits = Vec::new();
    for entry in &table.entries {
        let limit = reader.parsed(&entry.node, &grammar, |_, text| rate_limit(text));
        limits.extend(limit.map(|limit| (name_of(entry), limit)));
    }
    limits
}

/// `100/s`, `100/s burst 20`
fn rate_limit(text: &str) -> Result<RateLimit, ParseError> {
    const HELP: &str = "write \"100/s\" or \"100/s burst 20\"";
    let mut scan = Scan::new(text);
    let wrong = |message: &str| ParseError::new(0..text.len(), message).help(HELP);
    if !scan.rest().trim_start().starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong("a limit begins with a number"));
    }
    let number = scan.number()?;
    let per_s = [("/s", 1.0), ("/m", 60.0), ("/h", 3600.0)];
    let Some((_, seconds)) = per_s.into_iter().find(|(unit, _)| scan.eat(unit)) else {
        return Err(wrong("a limit is so many per s, m or h"));
    };
    scan.skip_spaces();
    let count = number.scaled(0);
    if count <= 0.0 {
        return Err(wrong("a limit of 0 lets nothing through"));
    }
    let every = SimDuration::from_ns((seconds * 1e9 / count + 0.5) as u64);
    if every.ns() == 0 {
        return Err(wrong("more than one per nanosecond"));
    }
    let mut burst = 1;
    if scan.eat_word("burst") {
        scan.skip_spaces();
        let n = scan.number()?;
        scan.skip_spaces();
        burst =
            n.text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                ParseError::new(n.at, "a burst is a whole number from 1").help(HELP)
            })?;
    }
    scan.end()?;
    Ok(RateLimit { every, burst })
}

/// Limit and order of what waits at a service, how long it stays, and keys that need something else
/// to matter.
pub(super) fn backlog(
    reader: &mut Reader,
    fields: &Fields,
) -> (Backlog, Option<Variate>, Vec<IdleKey>) {
    let Some(fields) = fields.get("backlog").and_then(|e| reader.fields(&e.node, Place::Backlog))
    else {
        return (Backlog::default(), None, Vec::new());
    };
    let cap = reader.whole_or_none(&fields, "cap");
    let target = reader.duration(&fields, "target");
    let interval = super::decode_handler::positive(reader, &fields, "interval");
    let policy = match reader.choice(&fields, "policy") {
        0 => BacklogPolicy::RejectNew,
        1 => BacklogPolicy::DropOldest,
        2 => BacklogPolicy::Lifo,
        3 => BacklogPolicy::Random,
        4 => BacklogPolicy::Deadline,
        _ => BacklogPolicy::Codel { target, interval },
    };
    let mut idle_keys = Vec::new();
    if !matches!(policy, BacklogPolicy::Codel { .. }) {
        idle_keys.extend(idle(&fields, "target", Needs::Codel));
        idle_keys.extend(idle(&fields, "interval", Needs::Codel));
    }
    let patience = fields.get("patience").and_then(|e| reader.variate_at(&e.node));
    (Backlog { cap, policy }, patience, idle_keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let read = |text: &str| rate_limit(text).map(|l| (l.every.ns(), l.burst));
        assert_eq!(read("100/s"), Ok((10_000_000, 1)));
        assert_eq!(read("100/s burst 20"), Ok((10_000_000, 20)));
        assert_eq!(read("6/m"), Ok((10_000_000_000, 1)));
        let wrong = ["", "x", "100", "0/s", "100/d", "5/s burst", "5/s burst 0", "5/s burst 1.5"];
        for text in wrong.into_iter().chain(["5/s of", "5000000000/s"]) {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
