//! What is in force and where it comes from; what a metric means.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::keys::{self, Grammar, Key, Place, Status};
use super::metric_paths::LATER;
use super::presets::{engine, origin, preset_of};
use super::{FileId, Node, Sources, Span, Table, Value, codes, codes_meaning};
use crate::results::catalogue::{
    FAMILIES, Family, Kind, LEDGER_COUNTS, LEDGER_STATES, RUN_COUNTS, SEGMENTS, STUDIES, Scope,
};

/// One effective value.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    path: String,
    value: String,
    source: String,
    /// Place of a value that a text states.
    span: Option<Span>,
}

/// All effective values of every variant, aligned: path, value, source. Variants list what they
/// change.
pub(super) fn explain_tables(tables: &[(String, Table)], sources: &Sources) -> String {
    let mut text = String::new();
    let mut places = Places::new(sources);
    let mut base: Vec<Line> = Vec::new();
    for (i, (name, table)) in tables.iter().enumerate() {
        let mut lines = Vec::new();
        walk(&mut lines, &mut places, Place::Root, "", Some(table));
        if i == 0 {
            text.push_str("base\n");
            layout(&mut text, &lines);
            base = lines;
            continue;
        }
        let _ = writeln!(text, "\nvariant {name}: as base, except");
        layout(&mut text, &changes(&base, lines, name));
    }
    text
}

/// The lines of a variant that are not those of base, and what it removes.
fn changes(base: &[Line], lines: Vec<Line>, variant: &str) -> Vec<Line> {
    let before: BTreeMap<&str, &Line> = base.iter().map(|l| (l.path.as_str(), l)).collect();
    let after: std::collections::BTreeSet<String> = lines.iter().map(|l| l.path.clone()).collect();
    let mut changed: Vec<Line> = lines
        .into_iter()
        .filter(|line| before.get(line.path.as_str()).is_none_or(|old| *old != line))
        .map(|mut line| {
            if line.span.is_some() {
                let _ = write!(line.source, ", variant {variant}");
            }
            line
        })
        .collect();
    let removed = base.iter().filter(|line| !after.contains(&line.path)).map(|line| Line {
        path: line.path.clone(),
        value: "removed".into(),
        source: format!("variant {variant}"),
        span: None,
    });
    changed.extend(removed);
    changed
}

fn layout(text: &mut String, lines: &[Line]) {
    const WIDEST_VALUE: usize = 40;
    let width = |of: fn(&Line) -> &str| {
        lines.iter().map(|line| of(line).chars().count()).max().unwrap_or(0)
    };
    let (paths, values) = (width(|l| &l.path), width(|l| &l.value).min(WIDEST_VALUE));
    for Line { path, value, source, .. } in lines {
        let _ = writeln!(text, "  {path:paths$}  {value:values$}  {source}");
    }
}

/// Lines of the texts, found once.
struct Places<'a> {
    sources: &'a Sources,
    lines: BTreeMap<FileId, Vec<u32>>,
}

impl<'a> Places<'a> {
    fn new(sources: &'a Sources) -> Self {
        Self { sources, lines: BTreeMap::new() }
    }

    /// `file.toml:12`, or the name alone of a text of one line such as that of `--set`.
    fn tell(&mut self, span: Span) -> String {
        let sources = self.sources;
        let starts = self.lines.entry(span.file).or_insert_with(|| {
            let text = sources.text(span.file);
            text.match_indices('\n').map(|(at, _)| at as u32 + 1).collect()
        });
        let line = starts.partition_point(|start| *start <= span.start) + 1;
        if let Some(origin) = origin(sources, span) {
            let remark = if origin.remark.is_empty() { "" } else { ", " };
            return format!(
                "preset {} (grade {}{remark}{})",
                origin.preset, origin.grade, origin.remark
            );
        }
        let name = sources.name(span.file);
        if name.starts_with("--") { name.to_owned() } else { format!("{name}:{line}") }
    }
}

fn walk(
    lines: &mut Vec<Line>,
    places: &mut Places,
    place: Place,
    path: &str,
    table: Option<&Table>,
) {
    for key in keys::of(place).filter(|k| k.status == Status::Supported) {
        let path = if path.is_empty() { key.name.to_owned() } else { join(path, key.name) };
        let node = table.and_then(|t| t.get(key.name)).map(|e| &e.node);
        match (key.grammar, key.name) {
            _ if node.is_none() && !matters(key, table) => {}
            (Grammar::Table(inner) | Grammar::TextOr(_, inner), _) => {
                nested(lines, places, inner, &path, node);
            }
            (Grammar::Other(_), "service") => named(lines, places, Place::Service, &path, node),
            (Grammar::Other(_), "client") => named(lines, places, Place::Client, &path, node),
            (Grammar::Other(_), "emits") => named(lines, places, Place::Source, &path, node),
            (Grammar::Other(_), "on") => named(lines, places, Place::On, &path, node),
            (Grammar::Other(_), "api") => named(lines, places, Place::Api, &path, node),
            (Grammar::Other(_), "broker") => match node {
                Some(_) => brokers(lines, places, &path, node),
                None => walk(lines, places, Place::Ideal, "broker.bus", None),
            },
            (Grammar::Other(_), "event") => named(lines, places, Place::Event, &path, node),
            (Grammar::Other(_), "entity") => named(lines, places, Place::Entity, &path, node),
            (Grammar::Other(_), "failure") => failures(lines, places, node),
            (Grammar::Other(_), "variant") => {}
            (Grammar::Other(_), _) => leaves(lines, places, &path, node),
            _ => value(lines, places, key, path, node),
        }
    }
}

/// Whether the default of a key says anything about a table that is silent about it.
fn matters(key: &Key, table: Option<&Table>) -> bool {
    let says = |name: &str| table.is_some_and(|t| t.get(name).is_some());
    match key.name {
        // An open loop has no users who could think.
        "think" => says("users"),
        "relay" | "poll" if key.places[0] != Place::Pull => says("publish"),
        "dedup_window" => says("dedup"),
        "gap_timeout" => says("order"),
        "target" | "interval" => says("policy"),
        // Nothing guards what is not said to be guarded.
        "deadline" | "cancel" | "hedge" | "pool" | "health" | "breaker" | "bulkhead"
        | "throttle" | "budget" | "consecutive" | "blocking" => false,
        // Without a table there is no such thing.
        "autoscale" | "backlog" | "batch" | "dlq" => !matches!(key.grammar, Grammar::Table(_)),
        _ => true,
    }
}

fn value(lines: &mut Vec<Line>, places: &mut Places, key: &Key, path: String, node: Option<&Node>) {
    match node {
        Some(node) => lines.push(stated(places, path, node)),
        None if key.default.is_empty() => {}
        None => {
            let bare = matches!(
                key.grammar,
                Grammar::Whole(..) | Grammar::Truth | Grammar::Burst | Grammar::Number
            );
            let value = if bare { key.default.to_owned() } else { format!("\"{}\"", key.default) };
            let source = format!("default ({})", key.grade());
            lines.push(Line { path, value, source, span: None });
        }
    }
}

fn stated(places: &mut Places, path: String, node: &Node) -> Line {
    let source = places.tell(node.span);
    Line { path, value: written(&node.value), source, span: Some(node.span) }
}

/// A table with a place of its own; anything else stands for all its keys.
fn nested(
    lines: &mut Vec<Line>,
    places: &mut Places,
    inner: Place,
    path: &str,
    node: Option<&Node>,
) {
    match node {
        Some(Node { value: Value::Table(table), .. }) => {
            walk(lines, places, inner, path, Some(table));
        }
        // What guards calls is there or not, by its defaults; a budget may be a share.
        Some(node) if matches!(inner, Place::Breaker | Place::Throttle | Place::Budget) => {
            lines.push(stated(places, path.to_owned(), node));
            if matches!(node.value, Value::Boolean(true)) {
                walk(lines, places, inner, path, None);
            }
        }
        Some(node) => {
            for name in keys::names(inner) {
                lines.push(stated(places, join(path, name), node));
            }
        }
        None => walk(lines, places, inner, path, None),
    }
}

/// Each broker with the keys that its engine has.
fn brokers(lines: &mut Vec<Line>, places: &mut Places, path: &str, node: Option<&Node>) {
    let Some(Node { value: Value::Table(table), .. }) = node else { return };
    for entry in &table.entries {
        let Value::Table(table) = &entry.node.value else { continue };
        let engine = engine(preset_of(table)).unwrap_or(Place::Ideal);
        walk(lines, places, engine, &join(path, &entry.key), Some(table));
    }
}

fn named(
    lines: &mut Vec<Line>,
    places: &mut Places,
    inner: Place,
    path: &str,
    node: Option<&Node>,
) {
    let Some(Node { value: Value::Table(table), .. }) = node else { return };
    for entry in &table.entries {
        let path = join(path, &entry.key);
        if let Value::Table(table) = &entry.node.value {
            walk(lines, places, inner, &path, Some(table));
            continue;
        }
        // A bare value is the first of the keys: the work of a handler, the rate of a source.
        let shown = |k: &&Key| k.status == Status::Supported && matters(k, None);
        for key in keys::of(inner).filter(shown) {
            let node = ["takes", "rate"].contains(&key.name).then_some(&entry.node);
            let path = join(&path, key.name);
            match key.grammar {
                Grammar::Table(place) => nested(lines, places, place, &path, None),
                _ => value(lines, places, key, path, node),
            }
        }
    }
}

fn failures(lines: &mut Vec<Line>, places: &mut Places, node: Option<&Node>) {
    let Some(Node { value: Value::Array(nodes), .. }) = node else { return };
    for (i, node) in nodes.iter().enumerate() {
        let Value::Table(table) = &node.value else { continue };
        for key in keys::of(Place::Failure) {
            let path = format!("failure[{i}].{}", key.name);
            let node = table.get(key.name).map(|e| &e.node);
            // A verb that is absent has no default.
            if node.is_some() || key.name == "off" {
                value(lines, places, key, path, node);
            }
        }
    }
}

fn leaves(lines: &mut Vec<Line>, places: &mut Places, path: &str, node: Option<&Node>) {
    match node {
        None => {}
        Some(Node { value: Value::Table(table), .. }) => {
            for entry in &table.entries {
                // A metric path is shown as one, with or without quotes in the file.
                leaves(lines, places, &format!("{path}.{}", entry.key), Some(&entry.node));
            }
        }
        Some(node) => lines.push(stated(places, path.to_owned(), node)),
    }
}

fn join(path: &str, key: &str) -> String {
    format!("{path}.{}", super::names::quoted(key))
}

/// A value as a file would state it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(text) => text.clone(),
        Value::Array(nodes) => {
            let items: Vec<String> = nodes.iter().map(|node| written(&node.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let pair = |e: &super::Entry| {
                format!("{} = {}", super::names::quoted(&e.key), written(&e.node.value))
            };
            let pairs: Vec<String> = table.entries.iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// The long story of a code such as `E110`, whichever layer tells it; letter case does not matter.
pub fn explain_code(code: &str) -> Option<String> {
    codes_meaning::explain(code).or_else(|| codes::explain(code))
}

/// What a metric means: `path` is a whole path (`email.lag.p99`) or a family (`lag`). `None` if
/// there is none such.
pub fn explain_metric(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('.').collect();
    let last = *parts.last()?;
    if parts.contains(&"ledger") {
        return Some(explain_ledger(last));
    }
    if parts.contains(&"segment") || SEGMENTS.contains(&last) && !is_family(last) {
        return Some(explain_segment(parts.iter().rev().find(|p| SEGMENTS.contains(p)).copied()));
    }
    let statistics = Kind::Tally.statistics();
    let family = match parts.as_slice() {
        [.., family, statistic] if statistics.contains(statistic) => family,
        [.., family] => family,
        [] => return None,
    };
    if let Some((scope @ ("coupling" | "metastable"), _)) = path.split_once('.') {
        return Some(explain_study(scope));
    }
    if LATER.contains(family) && !is_family(family) {
        return Some(format!("{family}\n  This metric is not supported yet.\n"));
    }
    let of_subscription = path.contains('@');
    let found: Vec<String> = FAMILIES
        .iter()
        .filter(|f| f.name == *family)
        .filter(|f| !of_subscription || f.scope == Scope::Subscription)
        .map(explain_family)
        .collect();
    (!found.is_empty()).then(|| found.join("\n"))
}

/// Metrics that a run does not have: what finds them, and what they mean.
fn explain_study(scope: &str) -> String {
    let command = if scope == "coupling" { "coupling" } else { "plan --metastable" };
    let mut text = format!("Found by `tidelag {command}`; [expect] cannot bound it.\n");
    let known = STUDIES.iter().filter(|(path, _, _)| path.starts_with(scope));
    for (path, unit, meaning) in known {
        let _ = writeln!(text, "{path} ({unit})\n  {meaning}");
    }
    text
}

fn is_family(name: &str) -> bool {
    FAMILIES.iter().any(|f| f.name == name)
}

fn explain_family(family: &Family) -> String {
    let owner = match family.scope {
        Scope::Subscriber | Scope::Service | Scope::Group | Scope::Elastic => "<service>",
        Scope::Subscription => "<Event>@<service>",
        Scope::Event => "<Event>",
        Scope::Client => "<client>",
        Scope::Guarded => "<client or service>",
        Scope::Broker => "<broker>",
    };
    let how = match family.kind {
        Kind::Tally => {
            "Measured one by one. A sample counts if its fact was committed, or its request \
             intended, in the measured phase, even if it ends later; what never ends is counted \
             as censored and ranks above all others. A quantile q needs n (1 - q) >= 10 samples. \
             Quantiles are exact to 1 %, count, mean and max exactly."
        }
        Kind::Level => {
            "Measured over time: the mean over the measured phase, and the largest value in it \
             (of `rho` the largest mean of a bin)."
        }
        Kind::Scalar => "One number for the measured phase.",
    };
    let statistics = match family.kind.statistics() {
        [] => String::new(),
        all => format!("  Statistics: .{}\n", all.join(" .")),
    };
    let unit = match family.unit {
        "1" => "a plain number",
        "s" => "seconds",
        "1/s" => "per second",
        other => other,
    };
    format!(
        "{owner}.{}\n  Meaning: {}\n  Unit: {unit}\n{statistics}  {how}\n",
        family.name, family.meaning
    )
}

fn explain_segment(segment: Option<&str>) -> String {
    let name = segment.unwrap_or("<segment>");
    let meaning = match segment {
        Some("outbox") => "in the producer's outbox",
        Some("batch") => "in the producer's batch",
        Some("publish") => "on the way to the broker",
        Some("broker") => "stored by the broker",
        Some("deliver") => "on the way to the subscriber",
        Some("wait") => "waiting at the subscriber for a worker",
        Some("retry") => "in failed attempts and the pauses after them",
        Some("service") => "with a worker in the attempt that succeeded",
        Some("commit") => "until the effect was durable",
        _ => "in one part of the way",
    };
    format!(
        "<service>.segment.{name}.mean\n  Meaning: mean time of a delivery {meaning}\n  Unit: \
         seconds\n  The segments {} add up to the end-to-end latency of every delivery exactly.\n",
        SEGMENTS.join(", ")
    )
}

fn explain_ledger(state: &str) -> String {
    let count = LEDGER_COUNTS.iter().chain(&RUN_COUNTS).find(|c| c.0 == state);
    let meaning = match state {
        _ if count.is_some() => count.map_or("", |c| c.1),
        "committed" => "facts committed while the subscription existed",
        "pending" => "not yet handed to the broker, or waiting for a retry",
        "stored" => "with the broker or waiting at the service",
        "leased" => "with a worker",
        "applied" => "done",
        "superseded" => "not applied, because a newer version already was",
        "rejected" => "refused by the broker for good",
        "dropped" => "given up",
        "dead_lettered" => "moved to a dead-letter queue",
        "expired" => "deleted by retention or time to live",
        "lost" => "gone without a trace",
        _ => "the fate of every obligation (a fact and a subscription to it)",
    };
    let of_a_service = if RUN_COUNTS.iter().any(|c| c.0 == state) {
        String::new()
    } else {
        format!(", <service>.ledger.{state}")
    };
    format!(
        "ledger.{state}{of_a_service}\n  Meaning: {meaning}\n  Unit: a plain number\n  \
         Counted over the whole run, warm-up and drain included. The states {} add up to \
         `committed`{}.\n",
        LEDGER_STATES.join(", "),
        if count.is_some() { "; this is counted beside them" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use super::super::meaning_tests::tables;
    use super::*;

    #[test]
    fn a_guard_is_listed_with_what_it_is_made_of() {
        let text = r#"
[service.s]
api.op = "1ms"
[client.web]
rate = "1/s"
calls = "s.op"
throttle = true
breaker = false
retry = { attempts = 3, budget = "10%" }
"#;
        let mut sources = Sources::default();
        let tables = tables(&mut sources, text);
        let told = explain_tables(&tables, &sources);
        let lines: Vec<String> = told
            .lines()
            .filter(|l| ["throttle", "breaker", "budget"].iter().any(|word| l.contains(word)))
            .map(|l| l.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let expected = [
            "client.web.retry.budget \"10%\"",
            "client.web.breaker false",
            "client.web.throttle true",
            "client.web.throttle.k 2",
            "client.web.throttle.window \"2m\"",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_value_is_listed_with_its_source() {
        let text = r#"
duration = "2m"
[service.shop]
emits.OrderPlaced = "100/s"
[service.email]
workers = 4
on.OrderPlaced = { takes = "30ms", retry = { attempts = 2 } }
[client.web]
calls = "shop.buy"
users = 3
[[failure]]
crash = "email"
at = "5s"
[expect]
email.lag.p99 = "< 2s"
[variant.more]
service.email.workers = 8
service.audit.on."a.b" = "1ms"
"#;
        let mut sources = Sources::default();
        let tables = tables(&mut sources, text);
        insta::assert_snapshot!(explain_tables(&tables, &sources));
    }

    #[test]
    fn metrics_are_explained_by_path_and_by_family() {
        let paths = [
            "email.lag.p99",
            "OrderPlaced@email.lag.max",
            "rho",
            "email.throughput",
            "ledger.lost",
            "email.segment.wait.mean",
            "stale",
            "web.availability",
        ];
        let all: Vec<String> = paths
            .iter()
            .map(|path| format!("-- {path}\n{}", explain_metric(path).unwrap_or_default()))
            .collect();
        insta::assert_snapshot!(all.join("\n"));
        assert_eq!(explain_metric("nonsense"), None);
        assert_eq!(explain_metric(""), None);
    }

    #[test]
    fn every_family_is_explained() {
        for family in FAMILIES {
            assert!(explain_metric(family.name).is_some_and(|t| t.contains(family.meaning)));
        }
    }
}
