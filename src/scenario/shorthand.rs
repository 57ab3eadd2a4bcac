//! Short forms become long ones, so that merging sees the same keys however a file was written.
//!
//! It knows where short forms stand, and not what the values mean.

use super::diagnostic::Diagnostic;
use super::keys::PRESETS;
use super::near::did_you_mean;
use super::syntax::quoted_key;
use super::tree::{Entry, Node, Sources, Span, Table, Value};

/// Rewrites the short forms of `table`, which is a file's root, a variant's block or a `--set`:
///
/// - `on.E = "8ms"` and `api.op = "8ms"` of a service become `{ takes = "8ms" }`,
/// - `emits.E = "5/s"` of a service becomes `{ rate = "5/s" }`, lists of steps likewise,
/// - `extends = "preset:kafka"` of a broker becomes `preset = "kafka"`,
/// - nested keys of `expect` become one key with dots.
///
/// What is short stays where it was: a new key's place is that of its value.
pub(crate) fn expand(table: &mut Table, sources: &Sources, errors: &mut Vec<Diagnostic>) {
    for service in tables_in(table, "service") {
        for (group, long) in [("on", "takes"), ("api", "takes"), ("emits", "rate")] {
            if let Some(Entry { node: Node { value: Value::Table(members), .. }, .. }) =
                service.get_mut(group)
            {
                members.entries.iter_mut().for_each(|entry| lengthen(&mut entry.node, long));
            }
        }
    }
    for broker in tables_in(table, "broker") {
        broker_preset(broker, sources, errors);
    }
    if let Some(Entry { node: Node { value: Value::Table(expect), .. }, .. }) =
        table.get_mut("expect")
    {
        flatten(expect, sources, errors);
    }
}

/// The tables one level below `group`.
fn tables_in<'a>(table: &'a mut Table, group: &str) -> impl Iterator<Item = &'a mut Table> {
    let entries = match table.get_mut(group).map(|entry| &mut entry.node.value) {
        Some(Value::Table(members)) => members.entries.as_mut_slice(),
        _ => &mut [],
    };
    entries.iter_mut().filter_map(|entry| match &mut entry.node.value {
        Value::Table(member) => Some(member),
        _ => None,
    })
}

fn lengthen(node: &mut Node, key: &str) {
    if matches!(node.value, Value::Table(_)) {
        return;
    }
    let inner = std::mem::replace(&mut node.value, Value::Boolean(false));
    let entry = Entry {
        key: key.to_owned(),
        key_span: node.span,
        node: Node { value: inner, span: node.span },
    };
    node.value = Value::Table(Table { entries: vec![entry] });
}

fn broker_preset(broker: &mut Table, sources: &Sources, errors: &mut Vec<Diagnostic>) {
    let Some(extends) = broker.remove("extends") else { return };
    let span = extends.node.span;
    if let Value::String(target) = &extends.node.value
        && let Some(preset) = target.strip_prefix("preset:")
    {
        if let Some(unknown) = unknown_preset(preset, span, sources) {
            errors.push(unknown);
        } else if broker.get("preset").is_none() {
            let value = Value::String(preset.to_owned());
            let node = Node { value, span };
            broker.entries.push(Entry { key: "preset".into(), key_span: extends.key_span, node });
        }
        return;
    }
    errors.push(
        Diagnostic::error("E013", span, "a broker extends a preset")
            .help("write extends = \"preset:kafka\", or preset = \"kafka\""),
    );
}

/// The error for an `extends = "preset:…"` at `span` whose preset does not exist.
pub(crate) fn unknown_preset(preset: &str, span: Span, sources: &Sources) -> Option<Diagnostic> {
    if PRESETS.contains(&preset) {
        return None;
    }
    let prefix = "preset:".len();
    let at = sources.inside(span, &(prefix..prefix + preset.len()));
    let help = did_you_mean(preset, PRESETS.iter().copied())
        .unwrap_or_else(|| format!("the presets are {}", PRESETS.join(", ")));
    Some(Diagnostic::error("E014", at, format!("there is no preset `{preset}`")).help(help))
}

/// `email.lag.p99 = "< 2s"` becomes `"email.lag.p99" = "< 2s"`.
fn flatten(expect: &mut Table, sources: &Sources, errors: &mut Vec<Diagnostic>) {
    let mut flat = Table::default();
    let nested = std::mem::take(&mut expect.entries);
    for entry in nested {
        let key_span = entry.key_span;
        flatten_entry(entry.key, key_span, entry.node, &mut flat, sources, errors);
    }
    *expect = flat;
}

fn flatten_entry(
    key: String,
    key_span: Span,
    node: Node,
    flat: &mut Table,
    sources: &Sources,
    errors: &mut Vec<Diagnostic>,
) {
    if let Value::Table(table) = node.value {
        for entry in table.entries {
            let span = joined(key_span, entry.key_span, sources);
            let key = format!("{key}.{}", entry.key);
            flatten_entry(key, span, entry.node, flat, sources, errors);
        }
        return;
    }
    if let Some(first) = flat.get(&key) {
        let message = format!("`expect.{}` is written twice", quoted_key(&key));
        errors.push(
            Diagnostic::error("E006", key_span, message)
                .label("again here")
                .related(first.key_span, "first written here")
                .help("keep one of the two lines"),
        );
        return;
    }
    flat.entries.push(Entry { key, key_span, node });
}

/// The place of `a.b`, if both stand on one line with nothing but a dot between them, else of `b`.
fn joined(a: Span, b: Span, sources: &Sources) -> Span {
    let between = (a.file == b.file && a.end <= b.start)
        .then(|| sources.text(a.file).get(a.end as usize..b.start as usize))
        .flatten();
    match between {
        Some(text) if text.trim_matches([' ', '\t']) == "." => {
            Span { file: a.file, start: a.start, end: b.end }
        }
        _ => b,
    }
}
