//! The way from merged tables to resolved variants: decode, look up names, compile, judge, expect,
//! advise.
//!
//! All mistakes of all variants are gathered in one pass; one that several variants share is told
//! once.

use super::advice::advice;
use super::check::{Verdict, nothing_to_do, unanimous, verdicts};
use super::compile_failure::failures;
use super::draft::Draft;
use super::expect::expectations;
use super::names::Names;
use super::reader::{Reader, Samples};
use super::{
    Diagnostic, Expect, FileId, Severity, Sources, Span, Table, Value, Variant, compile, decode,
    settings, topology,
};
use crate::results::{ScenarioInfo, Topology};

/// What the tables of all variants mean.
#[derive(Debug)]
pub(super) struct Meaning {
    /// Title, question and lesson; the hash is somebody else's.
    pub(super) info: ScenarioInfo,
    pub(super) seed: u64,
    pub(super) seeds: u64,
    pub(super) variants: Vec<Variant>,
    /// In the order of the file.
    pub(super) warnings: Vec<Diagnostic>,
}

/// Understands the merged tables of all variants, `base` first.
///
/// # Errors
/// All diagnostics, warnings included, in the order of the file.
pub(super) fn understand(
    tables: &[(String, Table)],
    sources: &Sources,
    samples: &mut Samples,
) -> Result<Meaning, Vec<Diagnostic>> {
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    let mut all = Vec::new();
    let mut judged = Vec::new();
    let mut variants = Vec::new();
    let mut first: Option<(ScenarioInfo, u64, u64)> = None;
    for (name, table) in tables {
        let mut found = Vec::new();
        let variant = one(name, table, &names, sources, samples, &mut found, &mut judged);
        let (draft, variant) = variant;
        if first.is_none() {
            let info = ScenarioInfo {
                title: draft.title,
                question: draft.question,
                lesson: draft.lesson,
                hash: String::new(),
                settings: Vec::new(),
            };
            first = Some((info, draft.seed, draft.seeds));
        } else if let Some((_, seed, seeds)) = &first
            && (*seed, *seeds) != (draft.seed, draft.seeds)
        {
            found.extend(seeds_differ(table));
        }
        add_new(&mut all, found, name);
        variants.push(variant);
    }
    let failed = all.iter().any(|d| d.severity == Severity::Error);
    // Beside mistakes a warning would mostly be their echo: nobody calls what a misspelt call
    // means.
    if !failed {
        add_new(&mut all, unanimous(judged), "base");
    }
    all.sort_by_key(|d| d.span.map(|s| (s.file, s.start, s.end)));
    let (Some((info, seed, seeds)), false) = (first, failed) else { return Err(all) };
    Ok(Meaning { info, seed, seeds, variants, warnings: all })
}

fn one<'t>(
    name: &str,
    table: &'t Table,
    variants: &[&str],
    sources: &Sources,
    samples: &mut Samples,
    found: &mut Vec<Diagnostic>,
    judged: &mut Vec<Verdict>,
) -> (Draft<'t>, Variant) {
    let head = Span { file: FileId(0), start: 0, end: 0 };
    let mut reader = Reader { sources, samples, found: Vec::new() };
    let draft = decode::scenario(&mut reader, table, head);
    let unread = reader.found.iter().any(|d| d.severity == Severity::Error);
    // A mistake in a key is told alone: "nothing to simulate" would only be its echo.
    if !unread {
        reader.found.extend(nothing_to_do(&draft));
    }
    let names = Names::of(&draft, &mut reader.found);
    let mut blueprint = compile::blueprint(&draft, &names, sources, &mut reader.found);
    blueprint.sets = settings::sets(&mut reader, table, &draft, &blueprint);
    blueprint.failures = failures(&draft, &names, &blueprint, &mut reader.found);
    let mut expect: Vec<Expect> = Vec::new();
    match draft.expect {
        Some((Value::Table(table), _)) => {
            expect = expectations(&mut reader, table, &blueprint, variants);
        }
        Some((_, span)) => {
            let message = "expected a table of bounds by metric path";
            let help = "write [expect] and below it email.lag.p99 = \"< 2s\"";
            reader.note(Diagnostic::error("E103", span, message).help(help));
        }
        None => {}
    }
    found.append(&mut reader.found);
    judged.extend(verdicts(&draft, &names));
    // Of a scenario with mistakes nothing can be foretold.
    let sound = !found.iter().any(|d| d.severity == Severity::Error);
    let advice = if sound { advice(&blueprint, &expect, table, sources) } else { Vec::new() };
    let variant = Variant {
        name: name.to_owned(),
        expect,
        advice,
        failures: if sound { topology::windows(&blueprint) } else { Vec::new() },
        topology: if sound { topology::topology(&draft, &blueprint) } else { Topology::default() },
        blueprint,
    };
    (draft, variant)
}

/// Adds what is not known yet; what only a variant has is told with its name.
fn add_new(all: &mut Vec<Diagnostic>, found: Vec<Diagnostic>, variant: &str) {
    let known: std::collections::BTreeSet<_> = all.iter().map(place).collect();
    for mut diagnostic in found {
        if known.contains(&place(&diagnostic)) {
            continue;
        }
        if variant != "base" {
            diagnostic.message = format!("{} (in variant `{variant}`)", diagnostic.message);
        }
        all.push(diagnostic);
    }
}

fn place(diagnostic: &Diagnostic) -> (&'static str, Option<(FileId, u32, u32)>) {
    (diagnostic.code, diagnostic.span.map(|s| (s.file, s.start, s.end)))
}

/// Common random numbers need the same seeds everywhere.
fn seeds_differ(table: &Table) -> Option<Diagnostic> {
    let entry = table.get("seeds").or_else(|| table.get("seed"))?;
    let message = format!("`{}` cannot differ between variants", entry.key);
    let diagnostic = Diagnostic::error("E109", entry.key_span, message);
    Some(diagnostic.help("set it for the whole file, so that variants share their luck"))
}
