//! The scenario as canonical text, and the hash of it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::document::Document;
use super::syntax::{quoted, quoted_key};
use super::tree::{Entry, Node, Table, Value};

/// What a scenario says about itself, and not about what is simulated.
const NOT_SIMULATED: [&str; 4] = ["title", "question", "lesson", "expect"];

/// The canonical text of `document`: equal for all ways to write the same architectures.
///
/// Each value has a line `path = value`, sorted by path, below a line with the name of its
/// variant; variants are sorted by name, `base` among them. Short forms are expanded; comments,
/// layout, file names and the split into files leave no trace. Title, question, lesson and
/// `expect` are left out, so that the text names what is simulated and not how it is judged.
///
/// Only brokers keep the order of the file, since what names no broker uses the first.
pub(crate) fn normal_form(document: &Document) -> String {
    let mut out = String::from("tidelag scenario 1\n");
    let mut tables: Vec<(&str, &Table)> = vec![("base", &document.base)];
    tables.extend(document.variants.iter().map(|(name, _, table)| (name.as_str(), table)));
    tables.sort_by_key(|(name, _)| *name);
    for (name, table) in tables {
        let _ = writeln!(out, "[{}]", quoted(name));
        write_table(&mut out, &mut Vec::new(), table);
    }
    out
}

/// The SHA-256 of the [`normal_form`] in lower-case hexadecimal digits: `scenario.hash`.
pub(crate) fn hash(document: &Document) -> String {
    let digest = Sha256::digest(normal_form(document));
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn write_table(out: &mut String, path: &mut Vec<String>, table: &Table) {
    let mut entries: Vec<_> = table.entries.iter().collect();
    if !path.is_empty() && entries.is_empty() {
        let _ = writeln!(out, "{} = {{}}", path.join("."));
        return;
    }
    if path.as_slice() != ["broker"] {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
    }
    for entry in entries {
        if path.is_empty() && NOT_SIMULATED.contains(&entry.key.as_str()) {
            continue;
        }
        path.push(quoted_key(&entry.key));
        if let Value::Table(inner) = &entry.node.value {
            write_table(out, path, inner);
        } else {
            let _ = writeln!(out, "{} = {}", path.join("."), inline(&entry.node));
        }
        path.pop();
    }
}

fn inline(node: &Node) -> String {
    match &node.value {
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let mut entries: Vec<_> = table.entries.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            let pair = |e: &&Entry| format!("{} = {}", quoted_key(&e.key), inline(&e.node));
            format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}
