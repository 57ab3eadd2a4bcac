//! Shorthand spelt out before merging, so that tables merge key by key: `on.E = "8ms"` is `on.E = { takes = "8ms" }`.

use super::tree::{Entry, Node, Table, Value};

/// Spells out all shorthand of a file's root table, its variants included.
pub(super) fn expand(root: &mut Table) {
    expand_variant(root);
    for variant in tables_of(root, "variant") {
        expand_variant(variant);
    }
}

fn expand_variant(root: &mut Table) {
    for service in tables_of(root, "service") {
        for (family, key) in [("on", "takes"), ("api", "takes"), ("emits", "rate")] {
            let Some(Entry { node: Node { value: Value::Table(family), .. }, .. }) =
                service.get_mut(family)
            else {
                continue;
            };
            for entry in &mut family.entries {
                if matches!(entry.node.value, Value::String(_) | Value::Array(_)) {
                    wrap(&mut entry.node, &[key]);
                }
            }
        }
    }
    if let Some(network) = root.get_mut("network")
        && matches!(network.node.value, Value::String(_))
    {
        wrap(&mut network.node, &["same_zone", "other_zone", "other_region"]);
    }
}

/// The tables below `root.family`.
fn tables_of<'t>(root: &'t mut Table, family: &str) -> impl Iterator<Item = &'t mut Table> {
    let entry = root.get_mut(family);
    let tables = entry.and_then(|e| match &mut e.node.value {
        Value::Table(tables) => Some(tables),
        _ => None,
    });
    tables.into_iter().flat_map(|t| &mut t.entries).filter_map(|e| match &mut e.node.value {
        Value::Table(table) => Some(table),
        _ => None,
    })
}

/// Turns a value into a table that has it at each of `keys`.
fn wrap(node: &mut Node, keys: &[&str]) {
    let span = node.span;
    let entry = |key: &&str| Entry { key: (*key).to_owned(), key_span: span, node: node.clone() };
    let entries = keys.iter().map(entry).collect();
    node.value = Value::Table(Table { entries });
}
