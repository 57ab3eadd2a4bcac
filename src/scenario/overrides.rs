//! `--set PATH=VALUE`: values from the command line, laid over every variant.

use super::diagnostic::Diagnostic;
use super::document::Document;
use super::merge::{failure_name, merge};
use super::near::did_you_mean;
use super::read::{read_text, span};
use super::scan::{Kind, outline};
use super::shorthand::expand;
use super::tree::{Entry, Node, Sources, Table, Value};

/// The name under which messages show the text of a `--set`.
const NAME: &str = "--set";
/// Each is a text of its own, and there are 65 536 texts at most.
const MAX_SETS: usize = 10_000;

/// Lays each of `sets` over the base and every variant of `document`, the later over the earlier.
pub(crate) fn apply_sets(document: &mut Document, sets: &[String], errors: &mut Vec<Diagnostic>) {
    for set in sets.iter().take(MAX_SETS) {
        let Some(table) = parse_set(set, &mut document.sources, errors) else { continue };
        let variants = document.variants.iter_mut().map(|(_, _, table)| table);
        let targets = std::iter::once(&mut document.base).chain(variants);
        let notes = &mut document.notes;
        let laid: Vec<_> = targets.map(|target| lay_set(target, table.clone(), notes)).collect();
        // A failure may be there in some variants only.
        if laid.iter().all(Result::is_err) {
            errors.extend(laid.into_iter().filter_map(Result::err).map(|error| *error).take(1));
        }
    }
    if sets.len() > MAX_SETS {
        let file = document.sources.add(NAME, sets[MAX_SETS].as_str());
        let message = format!("more than {MAX_SETS} values are set");
        errors.push(Diagnostic::error("E021", span(file, 0..0), message));
    }
}

/// The table that `set` writes, expanded; none after a mistake.
fn parse_set(set: &str, sources: &mut Sources, errors: &mut Vec<Diagnostic>) -> Option<Table> {
    let Some(equals) = equals_sign(set) else {
        let file = sources.add(NAME, set);
        errors.push(
            Diagnostic::error("E021", span(file, 0..set.len()), "`--set` takes PATH=VALUE")
                .label("has no `=`")
                .help("for instance --set service.email.workers=4"),
        );
        return None;
    };
    let mut found = Vec::new();
    // A text of one line `path = value` is TOML, and so has the right places at once.
    let mut table = read_text(sources, NAME, set, &mut found);
    if let Some(mistake) = found.into_iter().next() {
        errors.push(reword(mistake, set, equals));
        return None;
    }
    let first = table.entries.first()?.key_span;
    if !writes_one_value(set) {
        errors.push(
            Diagnostic::error("E021", span(first.file, 0..set.len()), "`--set` sets one value")
                .help("repeat --set for each, as in --set seeds=4 --set seed=7"),
        );
        return None;
    }
    let first = table.entries.first()?;
    if let "variant" | "extends" | "remove" = first.key.as_str() {
        let message = format!("`{}` cannot be set", first.key);
        errors.push(
            Diagnostic::error("E023", first.key_span, message)
                .label("shapes the file")
                .help("--set changes values of every variant; pick variants with --variant NAME"),
        );
        return None;
    }
    expand(&mut table, sources, errors);
    Some(table)
}

/// The first `=` outside of quotes.
fn equals_sign(set: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in set.char_indices() {
        match (quote, c) {
            (None, '=') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// A mistake that the parser found, as one of the path or of the value.
fn reword(mistake: Diagnostic, set: &str, equals: usize) -> Diagnostic {
    let at = mistake.span.map_or(0, |s| s.start as usize);
    let mut mistake = mistake;
    if at <= equals && !set[equals + 1..].trim().is_empty() {
        mistake.code = "E021";
        mistake.message = String::from("the path is not written as TOML writes keys");
        mistake.help = Some(
            "join plain names by dots and quote others, as in service.\"eu.shop\".workers"
                .to_owned(),
        );
        return mistake;
    }
    let (path, value) = (set[..equals].trim(), set[equals + 1..].trim());
    let plain = !value.starts_with(['[', '{']) && !value.contains(['"', '\'', '\n', '\\']);
    mistake.code = "E022";
    if value.is_empty() {
        mistake.message = format!("`{path}` is set to nothing");
        mistake.help = Some(format!("write a value, as in --set {path}='\"1s\"'"));
    } else if plain {
        mistake.message = format!("`{value}` is not a TOML value");
        // The outer quotes are for the shell.
        mistake.help =
            Some(format!("text needs quotes, and those the shell's: --set {path}='\"{value}\"'"));
    } else {
        mistake.message = String::from("the value is not a TOML value");
    }
    mistake
}

/// Whether the text is a single `path = value` and has no head.
fn writes_one_value(set: &str) -> bool {
    matches!(outline(set).statements.as_slice(), [one] if one.kind == Kind::Pair)
}

/// Lays `set` over the root `target`; failures are addressed by their name.
fn lay_set(
    target: &mut Table,
    mut set: Table,
    notes: &mut Vec<Diagnostic>,
) -> Result<(), Box<Diagnostic>> {
    if let Some(Entry { node: Node { value, .. }, .. }) = set.get_mut("failure")
        && let Value::Table(by_name) = value
    {
        let entries = std::mem::take(&mut by_name.entries);
        let items: Result<Vec<Node>, _> =
            entries.into_iter().map(|entry| named_failure(target, entry)).collect();
        *value = Value::Array(items?);
    }
    merge(target, set, notes);
    Ok(())
}

/// The entry of `[[failure]]` that changes the failure named by the key of `entry`.
fn named_failure(target: &Table, entry: Entry) -> Result<Node, Box<Diagnostic>> {
    let items = match target.get("failure").map(|e| &e.node.value) {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    let names = || items.iter().filter_map(failure_name);
    let span = entry.key_span;
    if !names().any(|name| name == entry.key) {
        let message = format!("no failure is named `{}`", entry.key);
        let help = did_you_mean(&entry.key, names()).unwrap_or_else(|| {
            "give the failure a `name` and set it as failure.NAME.for".to_owned()
        });
        return Err(Diagnostic::error("E023", span, message).label("unknown").help(help).into());
    }
    let Value::Table(mut table) = entry.node.value else {
        let message = format!("the failure `{}` is a table", entry.key);
        let help = format!("set one of its keys, as in failure.{}.for", entry.key);
        return Err(Diagnostic::error("E023", entry.node.span, message).help(help).into());
    };
    let node = Node { value: Value::String(entry.key), span };
    table.entries.push(Entry { key: "name".into(), key_span: span, node });
    Ok(Node { value: Value::Table(table), span: entry.node.span })
}
