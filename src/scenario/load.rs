//! From a path to a scenario: read, merge, set, understand.

use super::diagnostic::{Diagnostic, Severity};
use super::meaning::understand;
use super::near::did_you_mean;
use super::tree::{FileId, Sources, Table};
use super::{Scenario, explain, layers, normal, overrides};
use crate::units::SimDuration;

/// Where texts come from. The simulator itself touches no file system.
pub trait Files {
    /// The bytes at `path`.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The path of what the file at `own` calls `other`: relative to its folder.
    fn beside(&self, own: &str, other: &str) -> String {
        match own.rfind('/') {
            Some(at) if !other.starts_with('/') => format!("{}{other}", &own[..=at]),
            _ => other.to_owned(),
        }
    }
}

/// What the command line adds to the file.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Settings `PATH=VALUE`, applied to every variant in this order.
    pub set: Vec<String>,
    /// Root seed instead of the file's.
    pub seed: Option<u64>,
    /// Number of replications instead of the file's.
    pub seeds: Option<u64>,
    /// The variants wanted; empty: all.
    pub variants: Vec<String>,
}

/// A scenario that can be simulated, with what was noticed about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// What has no effect or is hardly meant.
    pub warnings: Vec<Diagnostic>,
    /// The texts that the warnings point at.
    pub sources: Sources,
}

/// Why there is no scenario.
#[derive(Clone, Debug)]
pub struct Failed {
    /// All mistakes, and the remarks beside them.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they point at.
    pub sources: Sources,
}

impl Scenario {
    /// Reads the scenario at `path`.
    ///
    /// # Errors
    /// All its mistakes at once.
    pub fn load(files: &dyn Files, path: &str, options: &LoadOptions) -> Result<Loaded, Failed> {
        let mut sources = Sources::default();
        match load(files, path, options, &mut sources) {
            Ok((scenario, warnings, _)) => Ok(Loaded { scenario, warnings, sources }),
            Err(diagnostics) => Err(Failed { diagnostics, sources }),
        }
    }
}

/// All effective values of every variant of the scenario at `path` with their source, aligned.
///
/// # Errors
/// All mistakes of the scenario at once.
pub fn explain_file(
    files: &dyn Files,
    path: &str,
    options: &LoadOptions,
) -> Result<String, Failed> {
    let mut sources = Sources::default();
    match load(files, path, options, &mut sources) {
        Ok((_, _, tables)) => Ok(explain::explain_tables(&tables, &sources)),
        Err(diagnostics) => Err(Failed { diagnostics, sources }),
    }
}

type Parts = (Scenario, Vec<Diagnostic>, Vec<(String, Table)>);

fn load(
    files: &dyn Files,
    path: &str,
    options: &LoadOptions,
    sources: &mut Sources,
) -> Result<Parts, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let tables = layers::read_all(files, path, sources, &mut found);
    let mut tables = tables.map_err(|why| {
        let message = format!("cannot read `{path}`: {why}");
        vec![Diagnostic::new("E012", Severity::Error, None, message)]
    })?;
    overrides::apply(&options.set, &mut tables, sources, &mut found);
    choose(&options.variants, &mut tables, &mut found);
    if !found.is_empty() {
        return Err(found);
    }
    let names: Vec<String> =
        (0..sources.len()).map(|at| sources.name(FileId(at as u16)).to_owned()).collect();
    let mut samples = |file: FileId, name: &str| {
        let own = names.get(file.0 as usize).map_or("", String::as_str);
        let bytes = files.read(&files.beside(own, name))?;
        durations(&bytes)
    };
    let meaning = understand(&tables, sources, &mut samples)?;
    let mut info = meaning.info;
    info.hash = normal::hash(&tables);
    info.settings.clone_from(&options.set);
    let scenario = Scenario {
        info,
        seed: options.seed.unwrap_or(meaning.seed),
        seeds: options.seeds.unwrap_or(meaning.seeds).max(1),
        variants: meaning.variants,
    };
    Ok((scenario, meaning.warnings, tables))
}

/// Keeps the variants that were asked for.
fn choose(wanted: &[String], tables: &mut Vec<(String, Table)>, found: &mut Vec<Diagnostic>) {
    for name in wanted {
        if !tables.iter().any(|(known, _)| known == name) {
            let message = format!("there is no variant `{name}`");
            let mut diagnostic = Diagnostic::new("E013", Severity::Error, None, message);
            let known: Vec<&str> = tables.iter().map(|(known, _)| known.as_str()).collect();
            diagnostic.help = did_you_mean(name, known.iter().copied())
                .or_else(|| Some(format!("there are: {}", known.join(", "))));
            found.push(diagnostic);
        }
    }
    if !wanted.is_empty() && found.is_empty() {
        tables.retain(|(name, _)| wanted.contains(name));
    }
}

/// Durations from a text: the first column of each line, with a unit or in seconds. A first line that is no number is
/// taken for a heading; empty lines and lines with `#` are passed over.
fn durations(bytes: &[u8]) -> Result<Vec<SimDuration>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let word = line.split([',', ';', '\t']).next().unwrap_or("").trim();
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        let duration = if word.ends_with(|c: char| c.is_ascii_alphabetic()) {
            word.parse().ok()
        } else {
            word.parse::<f64>().ok().and_then(seconds)
        };
        match duration {
            Some(duration) => all.push(duration),
            None if all.is_empty() && at == 0 => {}
            None => return Err(format!("line {}: `{word}` is no duration", at + 1)),
        }
    }
    if all.is_empty() { Err("no durations in it".to_owned()) } else { Ok(all) }
}

fn seconds(s: f64) -> Option<SimDuration> {
    (0.0..9e9).contains(&s).then(|| SimDuration::from_ns((s * 1e9 + 0.5) as u64))
}
