//! The chain of files that `extends` makes, from the one asked for to the one it all rests on.
//!
//! How a file is read is the caller's affair: the simulator never touches the file system.

use std::path::{Component, Path};

use super::diagnostic::{Diagnostic, Severity};
use super::read::read_bytes;
use super::remove::{Removal, removals};
use super::shorthand::{expand, unknown_preset};
use super::tree::{Entry, Node, Sources, Span, Table, Value};

/// Reads files for a scenario: the real ones, or some in memory.
pub trait Files {
    /// The bytes of the file at `path`, which is the path of the scenario as the caller gave it,
    /// or one beside it that the scenario extends.
    ///
    /// # Errors
    /// Why it cannot be read, for instance "no such file", as it is to be shown.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// Files that may extend one another in a row.
const MAX_CHAIN: usize = 32;

/// What a file's root or a variant's block says, apart from what it extends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    /// Expanded, without `extends`, `remove` and `variant`.
    pub(crate) table: Table,
    /// What it takes from what it extends; this happens before `table` is laid over that.
    pub(crate) removals: Vec<Removal>,
    /// What it extends, as written.
    pub(crate) extends: Option<(String, Span)>,
}

/// A file of the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceFile {
    /// Its root.
    pub(crate) root: Layer,
    /// Its `[variant.NAME]` blocks with the places of their names.
    pub(crate) variants: Vec<(String, Span, Layer)>,
}

/// Reads the file at `path` and all that it extends; the file itself comes first.
pub(crate) fn read_chain(
    files: &dyn Files,
    path: &str,
    sources: &mut Sources,
    errors: &mut Vec<Diagnostic>,
) -> Vec<SourceFile> {
    let mut chain = Vec::new();
    let mut visited: Vec<(String, Option<Span>)> = Vec::new();
    let mut next = Some((path.to_owned(), None));
    while let Some((path, extended_at)) = next.take() {
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(why) => {
                errors.push(unreadable(&path, extended_at, &why));
                break;
            }
        };
        visited.push((path.clone(), extended_at));
        let table = read_bytes(sources, &path, bytes, errors);
        let file = source_file(table, sources, errors);
        let extends = file.root.extends.clone();
        chain.push(file);
        let Some((target, span)) = extends else { continue };
        match target.strip_prefix("preset:") {
            Some(preset) => match unknown_preset(preset, span, sources) {
                Some(unknown) => errors.push(unknown),
                None => chain.push(preset_file(preset, span)),
            },
            None => next = follow(&path, &target, span, &visited, errors),
        }
    }
    chain
}

/// What a file of a preset says: a broker called `bus` that is one.
fn preset_file(preset: &str, span: Span) -> SourceFile {
    let mut node = Node { value: Value::String(preset.to_owned()), span };
    for key in ["preset", "bus", "broker"] {
        let entry = Entry { key: key.to_owned(), key_span: span, node };
        node = Node { value: Value::Table(Table { entries: vec![entry] }), span };
    }
    let table = if let Value::Table(table) = node.value { table } else { Table::default() };
    SourceFile { root: Layer { table, ..Layer::default() }, variants: Vec::new() }
}

fn unreadable(path: &str, extended_at: Option<Span>, why: &str) -> Diagnostic {
    let message = format!("cannot read `{path}`: {why}");
    let diagnostic = Diagnostic::new("E011", Severity::Error, extended_at, message);
    match extended_at {
        Some(_) => diagnostic
            .label("extended here")
            .help("the path is relative to the file that extends it"),
        None => diagnostic,
    }
}

/// The file that `target`, extended by the file at `path`, stands for; none if there is nothing to
/// read.
fn follow(
    path: &str,
    target: &str,
    span: Span,
    visited: &[(String, Option<Span>)],
    errors: &mut Vec<Diagnostic>,
) -> Option<(String, Option<Span>)> {
    let next = beside(path, target);
    let same = |(seen, _): &(String, _)| normal(seen) == normal(&next);
    if let Some(first) = visited.iter().position(same) {
        let names: Vec<&str> = visited[first..].iter().map(|(name, _)| name.as_str()).collect();
        let circle = format!("{} -> {}", names.join(" -> "), names[0]);
        let mut error =
            Diagnostic::error("E012", span, format!("`extends` goes in a circle: {circle}"))
                .label("leads back")
                .help("let one of the files stand on its own");
        for (name, at) in &visited[first + 1..] {
            if let Some(at) = at {
                error = error.related(*at, format!("leads to {name}"));
            }
        }
        errors.push(error);
        return None;
    }
    if visited.len() >= MAX_CHAIN {
        let message = format!("more than {MAX_CHAIN} files extend one another");
        errors.push(Diagnostic::error("E012", span, message));
        return None;
    }
    Some((next, Some(span)))
}

/// The path of `target` as seen from the folder of the file at `path`.
pub(super) fn beside(path: &str, target: &str) -> String {
    match Path::new(path).parent() {
        Some(folder) if folder != Path::new("") => folder.join(target).to_string_lossy().into(),
        _ => target.to_owned(),
    }
}

/// The path without `.` and `..`, to recognise a file by another way to it.
fn normal(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            other => parts.push(other.as_os_str().to_string_lossy().into()),
        }
    }
    parts
}

fn source_file(mut root: Table, sources: &Sources, errors: &mut Vec<Diagnostic>) -> SourceFile {
    let blocks = root.remove("variant");
    let mut file = SourceFile { root: layer(root, sources, errors), variants: Vec::new() };
    let Some(blocks) = blocks else { return file };
    let Value::Table(blocks) = blocks.node.value else {
        errors.push(
            Diagnostic::error("E020", blocks.node.span, "`variant` is a table of variants")
                .help("head each variant with [variant.NAME]"),
        );
        return file;
    };
    for block in blocks.entries {
        file.variants.extend(variant_block(block, sources, errors));
    }
    file
}

fn variant_block(
    block: Entry,
    sources: &Sources,
    errors: &mut Vec<Diagnostic>,
) -> Option<(String, Span, Layer)> {
    let name = block.key;
    let reason = match name.as_str() {
        "base" => Some("`base` is the name of the file without any variant"),
        "ledger" => Some("`ledger` stands for the ledger in metric paths"),
        "cost" => Some("`cost` stands for the costs in metric paths"),
        _ if name.trim().is_empty() => Some("a variant needs a name to be shown by"),
        _ => None,
    };
    if let Some(reason) = reason {
        errors.push(
            Diagnostic::error("E017", block.key_span, format!("no variant can be named `{name}`"))
                .label("reserved")
                .help(format!("{reason}: choose another name")),
        );
        return None;
    }
    let Value::Table(mut table) = block.node.value else {
        errors.push(
            Diagnostic::error("E020", block.node.span, format!("variant `{name}` is no table"))
                .help(format!("head it with [variant.{name}] and write its changes below")),
        );
        return None;
    };
    if let Some(inner) = table.remove("variant") {
        errors.push(
            Diagnostic::error("E020", inner.key_span, "a variant inside of a variant")
                .help(format!("write [variant.OTHER] with extends = \"{name}\"")),
        );
    }
    Some((name, block.key_span, layer(table, sources, errors)))
}

/// Takes `extends` and `remove` out of a root or a variant's block, and expands what is left.
fn layer(mut table: Table, sources: &Sources, errors: &mut Vec<Diagnostic>) -> Layer {
    let extends = table.remove("extends").and_then(|entry| {
        let span = entry.node.span;
        if let Value::String(target) = entry.node.value {
            return Some((target, span));
        }
        errors.push(
            Diagnostic::error("E013", span, "`extends` takes one string")
                .help("at the root extends = \"file.toml\", in a variant the name of another"),
        );
        None
    });
    let removals =
        table.remove("remove").map_or_else(Vec::new, |entry| removals(&entry, sources, errors));
    expand(&mut table, sources, errors);
    check_failure_names(&table, errors);
    Layer { table, removals, extends }
}

/// Merging goes by the name, so that one block must not use a name twice.
fn check_failure_names(table: &Table, errors: &mut Vec<Diagnostic>) {
    let Some(Entry { node, .. }) = table.get("failure") else { return };
    let Value::Array(items) = &node.value else { return };
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for item in items {
        let Value::Table(failure) = &item.value else { continue };
        let Some(entry) = failure.get("name") else { continue };
        let Value::String(name) = &entry.node.value else { continue };
        let span = entry.node.span;
        match seen.iter().find(|(other, _)| other == name) {
            Some((_, first)) => errors.push(
                Diagnostic::error("E024", span, format!("two failures are named `{name}`"))
                    .label("again here")
                    .related(*first, "first here")
                    .help("a variant changes a failure by its name: give each its own"),
            ),
            None => seen.push((name, span)),
        }
    }
}
