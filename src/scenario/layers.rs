//! Files that extend files, and variants that extend variants, become one table per variant.

use super::Files;
use super::diagnostic::Diagnostic;
use super::merge::{overlay, remove};
use super::near::did_you_mean;
use super::read::read_bytes;
use super::shorthand::expand;
use super::tree::{Entry, Node, Sources, Span, Table, Value};

/// Names that mean something else in paths.
const RESERVED: [&str; 3] = ["base", "ledger", "cost"];
/// Files in one chain of `extends`.
const MAX_CHAIN: usize = 64;

/// A file over what it extends: the base, and what each variant changes.
#[derive(Debug, Default)]
struct Layer {
    base: Table,
    variants: Vec<Entry>,
}

/// The merged table of every variant, `base` first, then in the order of the files.
///
/// Every value keeps the place where it was written. `expect` of the root table belongs to `base` alone; a variant has
/// its own and that of the variant which it extends.
pub(super) fn read_all(
    files: &dyn Files,
    path: &str,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> Result<Vec<(String, Table)>, String> {
    let bytes = files.read(path)?;
    let mut chain = vec![path.to_owned()];
    let layer = read_layer(files, bytes, sources, found, &mut chain);
    let mut tables = vec![("base".to_owned(), layer.base.clone())];
    for variant in &layer.variants {
        let mut seen = Vec::new();
        let table = resolve(&layer, variant, &mut seen, found);
        tables.push((variant.key.clone(), table));
    }
    Ok(tables)
}

fn read_layer(
    files: &dyn Files,
    bytes: Vec<u8>,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
    chain: &mut Vec<String>,
) -> Layer {
    let name = chain.last().cloned().unwrap_or_default();
    let mut root = read_bytes(sources, &name, bytes, found);
    expand(&mut root);
    let extends = root.remove("extends");
    let removed = root.remove("remove");
    let variants = root.remove("variant");
    let mut layer = match extends {
        Some(entry) => parent(files, &entry.node, sources, found, chain),
        None => Layer::default(),
    };
    if let Some(list) = &removed {
        remove(&mut layer.base, list, found);
    }
    overlay(&mut layer.base, root);
    for variant in variants.into_iter().flat_map(|v| own_variants(v, found)) {
        match layer.variants.iter_mut().find(|v| v.key == variant.key) {
            Some(Entry { node: Node { value: Value::Table(old), .. }, .. }) => {
                if let Value::Table(new) = variant.node.value {
                    overlay(old, new);
                }
            }
            _ => layer.variants.push(variant),
        }
    }
    layer
}

/// What `extends = "file.toml"` of a file stands for.
fn parent(
    files: &dyn Files,
    extends: &Node,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
    chain: &mut Vec<String>,
) -> Layer {
    let mut fail = |code, message: String, help: &str| {
        found.push(Diagnostic::error(code, extends.span, message).help(help));
        Layer::default()
    };
    let Value::String(text) = &extends.value else {
        return fail("E017", "`extends` takes one file".into(), "write extends = \"base.toml\"");
    };
    if text.starts_with("preset:") {
        let message = format!("`{text}` is not supported yet here");
        return fail("E102", message, "name the preset of a broker: preset = \"ideal\"");
    }
    let own = chain.last().map_or("", String::as_str);
    let path = files.beside(own, text);
    if chain.contains(&path) || chain.len() >= MAX_CHAIN {
        let circle = chain.iter().chain([&path]).cloned().collect::<Vec<_>>().join(" -> ");
        return fail("E011", format!("files extend each other: {circle}"), "one of them must not");
    }
    match files.read(&path) {
        Ok(bytes) => {
            chain.push(path);
            let layer = read_layer(files, bytes, sources, found, chain);
            chain.pop();
            layer
        }
        Err(why) => {
            let help = "the path is relative to the file that extends";
            fail("E012", format!("cannot read `{path}`: {why}"), help)
        }
    }
}

/// The variants that a file declares.
fn own_variants(entry: Entry, found: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let Value::Table(table) = entry.node.value else {
        let diagnostic = Diagnostic::error("E017", entry.node.span, "`variant` holds tables");
        found.push(diagnostic.help("write [variant.NAME] and below it what it changes"));
        return Vec::new();
    };
    let mut own = Vec::new();
    for variant in table.entries {
        let name = variant.key.as_str();
        if RESERVED.contains(&name) {
            let message = format!("`{name}` cannot be the name of a variant");
            found.push(
                Diagnostic::error("E015", variant.key_span, message)
                    .help("`base` is the unmodified file; `ledger` and `cost` are metrics"),
            );
        } else if !matches!(variant.node.value, Value::Table(_)) {
            let message = format!("the variant `{name}` is no table");
            found.push(
                Diagnostic::error("E017", variant.node.span, message)
                    .help(format!("write [variant.{name}] and below it what it changes")),
            );
        } else {
            own.push(variant);
        }
    }
    own
}

/// The table of a variant: base, or what it extends, with its changes.
fn resolve<'l>(
    layer: &'l Layer,
    variant: &'l Entry,
    seen: &mut Vec<&'l str>,
    found: &mut Vec<Diagnostic>,
) -> Table {
    let mut base = layer.base.clone();
    base.remove("expect");
    let Value::Table(changes) = &variant.node.value else { return base };
    let mut changes = changes.clone();
    let removed = changes.remove("remove");
    seen.push(&variant.key);
    let mut table = match changes.remove("extends") {
        None => base,
        Some(extends) => match extended(layer, &extends.node, seen, found) {
            Some(other) => resolve(layer, other, seen, found),
            None => base,
        },
    };
    if let Some(list) = &removed {
        remove(&mut table, list, found);
    }
    overlay(&mut table, changes);
    table
}

/// The variant that `extends` of a variant names.
fn extended<'l>(
    layer: &'l Layer,
    extends: &Node,
    seen: &[&str],
    found: &mut Vec<Diagnostic>,
) -> Option<&'l Entry> {
    let span: Span = extends.span;
    let Value::String(name) = &extends.value else {
        let diagnostic = Diagnostic::error("E017", span, "`extends` takes one variant");
        found.push(diagnostic.help("write extends = \"NAME\""));
        return None;
    };
    if name == "base" {
        return None;
    }
    if seen.contains(&name.as_str()) {
        let circle = seen.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(" -> ");
        let message = format!("variants extend each other: {circle}");
        found.push(Diagnostic::error("E011", span, message).help("one of them must not"));
        return None;
    }
    let other = layer.variants.iter().find(|v| v.key == *name);
    if other.is_none() {
        let names = layer.variants.iter().map(|v| v.key.as_str()).filter(|v| !seen.contains(v));
        let mut diagnostic =
            Diagnostic::error("E013", span, format!("there is no variant `{name}`"));
        diagnostic.help = did_you_mean(name, names);
        found.push(diagnostic);
    }
    other
}
