//! What tests share: files in memory, and what was read of them as text or as a scenario.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::draw::render;
use super::files::Files;
use super::tree::{Node, Table, Value};
use super::{LoadOptions, Scenario};

/// Files in memory.
pub(super) struct Memory(pub(super) BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

/// The scenario of a text in which nothing is wrong.
pub(crate) fn scenario(text: &str) -> Scenario {
    let files = Memory(BTreeMap::from([("a.toml".to_owned(), text.as_bytes().to_vec())]));
    let loaded = Scenario::load(&files, "a.toml", &LoadOptions::default());
    loaded.expect("a right scenario").scenario
}

/// The document of the first file, and the mistakes found.
pub(super) fn open(files: &[(&str, &str)], sets: &[&str]) -> (Document, Vec<Diagnostic>) {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
    let memory = Memory(files.iter().map(own).collect());
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    let mut errors = Vec::new();
    let document = Document::open(&memory, files[0].0, &sets, &mut errors);
    (document, errors)
}

/// The merged tables, or the mistakes as they are drawn.
pub(super) fn out(files: &[(&str, &str)], sets: &[&str]) -> String {
    let (document, errors) = open(files, sets);
    if errors.is_empty() { dump(&document) } else { render(&errors, &document.sources, false) }
}

/// As [`out`], of one file.
pub(super) fn one(text: &str) -> String {
    out(&[("a.toml", text)], &[])
}

/// As [`out`], of one file and some `--set`.
pub(super) fn set(text: &str, sets: &[&str]) -> String {
    out(&[("a.toml", text)], sets)
}

/// Each variant with a line per key of its root, in order.
fn dump(document: &Document) -> String {
    let mut out = String::new();
    for (name, table) in document.tables() {
        writeln!(out, "[{name}]").unwrap();
        for entry in &table.entries {
            writeln!(out, "{} = {}", entry.key, text(&entry.node)).unwrap();
        }
    }
    out
}

fn text(node: &Node) -> String {
    match &node.value {
        Value::Table(Table { entries }) => {
            let pairs = entries.iter().map(|e| format!("{}: {}", e.key, text(&e.node)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Value::String(s) => s.clone(),
        Value::Integer(i) => i.to_string(),
        Value::Float(f) => format!("{f:?}"),
        Value::Boolean(b) => b.to_string(),
        Value::Datetime(d) => d.clone(),
    }
}
