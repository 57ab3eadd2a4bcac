//! The front door: from a path to a scenario, or to all that is wrong with it.

use super::document::Document;
use super::explain::explain_tables;
use super::files::{Files, beside};
use super::meaning::understand;
use super::near::did_you_mean;
use super::samples::durations;
use super::{Bound, Diagnostic, FileId, Scenario, Severity, Sources, Table, Variant, normal};

/// What a command line adds to the files.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Each a `PATH=VALUE` that is laid over every variant, the later over the earlier.
    pub set: Vec<String>,
    /// Root seed instead of the file's.
    pub seed: Option<u64>,
    /// Number of replications instead of the file's; 0 counts as 1.
    pub seeds: Option<u64>,
    /// Names of the variants wanted; none: all. A variant that a bound of theirs is relative to
    /// (`< 0.5x base`) comes along, without being held against bounds of its own.
    pub variants: Vec<String>,
}

/// A scenario that can be simulated, and what was noticed on the way.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// What has no effect, in the order of the file.
    pub warnings: Vec<Diagnostic>,
    /// The texts that the warnings point into.
    pub sources: Sources,
}

/// Why there is no scenario.
#[derive(Clone, Debug)]
pub struct Failed {
    /// All mistakes, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they point into.
    pub sources: Sources,
}

/// Codes below this are of texts that could not be read: what follows from them would be echoes.
const READ: &str = "E013";

impl Scenario {
    /// Reads the scenario at `path` with all it extends.
    ///
    /// # Errors
    /// All mistakes of all variants.
    pub fn load(files: &dyn Files, path: &str, options: &LoadOptions) -> Result<Loaded, Failed> {
        load(files, path, options).map(|(loaded, _)| loaded)
    }
}

/// All effective values of the scenario at `path` and where each comes from: the first of the
/// variants wanted in full, then what the others change.
///
/// # Errors
/// Those of [`Scenario::load`].
pub fn explain_file(
    files: &dyn Files,
    path: &str,
    options: &LoadOptions,
) -> Result<String, Failed> {
    let (loaded, tables) = load(files, path, options)?;
    Ok(explain_tables(&tables, &loaded.sources))
}

/// The scenario, and the merged tables of its variants.
fn load(
    files: &dyn Files,
    path: &str,
    options: &LoadOptions,
) -> Result<(Loaded, Vec<(String, Table)>), Failed> {
    let mut found = Vec::new();
    let document = Document::open(files, path, &options.set, &mut found);
    check_names(&document, &options.variants, &mut found);
    let fail =
        |diagnostics, document: Document| Err(Failed { diagnostics, sources: document.sources });
    if found.iter().any(|d| d.code < READ) {
        return fail(found, document);
    }
    let mut tables = document.tables();
    let sources = &document.sources;
    let meaning = understand(&tables, sources, &mut |file: FileId, name: &str| {
        let bytes = files.read(&beside(sources.name(file), name))?;
        durations(&bytes)
    });
    let mut meaning = match meaning {
        Ok(meaning) if found.is_empty() => meaning,
        Ok(_) => return fail(found, document),
        Err(more) => {
            found.extend(more);
            found.sort_by_key(|d| d.span.map(|s| (s.file, s.start, s.end)));
            return fail(found, document);
        }
    };
    meaning.info.hash = normal::hash(&document);
    meaning.info.settings.clone_from(&options.set);
    let wanted = |name: &String| options.variants.is_empty() || options.variants.contains(name);
    keep(&mut meaning.variants, &wanted);
    tables.retain(|(name, _)| wanted(name));
    let scenario = Scenario {
        info: meaning.info,
        seed: options.seed.unwrap_or(meaning.seed),
        seeds: options.seeds.unwrap_or(meaning.seeds).max(1),
        variants: meaning.variants,
    };
    let (mut warnings, sources) = (meaning.warnings, document.sources);
    warnings.extend(document.notes);
    warnings.sort_by_key(|d| d.span.map(|s| (s.file, s.start, s.end)));
    Ok((Loaded { scenario, warnings, sources }, tables))
}

/// Keeps the variants wanted, and as mere measures those that their bounds are relative to.
fn keep(variants: &mut Vec<Variant>, wanted: &dyn Fn(&String) -> bool) {
    let lines = variants.iter().filter(|v| wanted(&v.name)).flat_map(|v| &v.expect);
    let measures: Vec<String> = lines
        .filter_map(|line| match &line.bound {
            Bound::Relative { variant, .. } => Some(variant.clone()),
            _ => None,
        })
        .collect();
    variants.retain(|variant| wanted(&variant.name) || measures.contains(&variant.name));
    for variant in variants.iter_mut().filter(|variant| !wanted(&variant.name)) {
        variant.expect.clear();
    }
}

/// Notes names of variants that do not exist.
fn check_names(document: &Document, wanted: &[String], found: &mut Vec<Diagnostic>) {
    let variants = || {
        std::iter::once("base").chain(document.variants.iter().map(|(name, _, _)| name.as_str()))
    };
    for name in wanted.iter().filter(|name| !variants().any(|known| known == name.as_str())) {
        let message = format!("there is no variant `{name}`");
        let help = did_you_mean(name, variants()).unwrap_or_else(|| {
            format!("the variants are {}", variants().collect::<Vec<_>>().join(", "))
        });
        found.push(Diagnostic::new("E121", Severity::Error, None, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Memory(BTreeMap<&'static str, &'static str>);

    impl Files for Memory {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            let text = self.0.get(path).ok_or_else(|| "no such file".to_owned())?;
            Ok(text.as_bytes().to_vec())
        }
    }

    fn files() -> Memory {
        Memory(BTreeMap::from([
            (
                "d/hello.toml",
                "title = \"Hello\"\n[service.shop]\nemits.E = \"100/s\"\n[service.email]\n\
                 on.E = \"30ms\"\n[variant.more]\nservice.email.workers = 4\n",
            ),
            (
                "d/slow.toml",
                "extends = \"hello.toml\"\nseeds = 4\nservice.email.on.E = \"file lat.csv\"\n",
            ),
            ("d/lat.csv", "latency\n10ms\n20ms\n0.03\n"),
            (
                "d/relative.toml",
                "extends = \"hello.toml\"\nexpect.ledger.lost = \"= 0\"\n\
                 variant.more.expect.email.lag.p99 = \"< 0.5x base\"\n",
            ),
            ("d/wrong.toml", "extends = \"hello.toml\"\nservice.email.wrokers = 4\n"),
            ("d/broken.toml", "[service.shop\nworkers: 4\n"),
        ]))
    }

    fn load(path: &str, options: &LoadOptions) -> Result<Loaded, Failed> {
        Scenario::load(&files(), path, options)
    }

    fn codes(result: Result<Loaded, Failed>) -> Vec<&'static str> {
        match result {
            Ok(_) => Vec::new(),
            Err(failed) => failed.diagnostics.iter().map(|d| d.code).collect(),
        }
    }

    #[test]
    fn files_variants_and_settings_come_together() {
        let set = vec!["service.email.instances=2".to_owned()];
        let options = LoadOptions { set, seed: Some(9), ..LoadOptions::default() };
        let loaded = load("d/slow.toml", &options).unwrap();
        let scenario = loaded.scenario;
        assert_eq!((scenario.seed, scenario.seeds), (9, 4));
        assert_eq!((scenario.info.title.as_str(), scenario.info.hash.len()), ("Hello", 64));
        let facts = scenario.variants.iter().map(|v| {
            let email = &v.blueprint.services[1];
            (v.name.as_str(), email.instances, email.workers)
        });
        assert_eq!(facts.collect::<Vec<_>>(), [("base", 2, 1), ("more", 2, 4)]);
        let text = explain_file(&files(), "d/slow.toml", &options).unwrap();
        assert!(text.contains("\"file lat.csv\""), "{text}");
        assert!(text.lines().any(|l| l.contains("email.instances") && l.ends_with("--set")));
        assert!(text.contains("d/hello.toml:7, variant more"), "{text}");
    }

    #[test]
    fn only_the_variants_asked_for_are_kept() {
        let only =
            |name: &str| LoadOptions { variants: vec![name.to_owned()], ..LoadOptions::default() };
        let loaded = load("d/hello.toml", &only("more")).unwrap();
        let all = load("d/hello.toml", &LoadOptions::default()).unwrap();
        assert_eq!(loaded.scenario.variants.len(), 1);
        assert_eq!(loaded.scenario.variants[0].name, "more");
        assert_eq!(loaded.scenario.info.hash, all.scenario.info.hash);
        assert_eq!(codes(load("d/hello.toml", &only("moer"))), ["E121"]);
    }

    #[test]
    fn what_a_bound_is_relative_to_comes_along_unjudged() {
        let variants = vec!["more".to_owned()];
        let options = LoadOptions { variants, ..LoadOptions::default() };
        let scenario = load("d/relative.toml", &options).unwrap().scenario;
        let lines = scenario.variants.iter().map(|v| (v.name.as_str(), v.expect.len()));
        assert_eq!(lines.collect::<Vec<_>>(), [("base", 0), ("more", 1)]);
    }

    #[test]
    fn mistakes_are_told_with_the_texts_they_stand_in() {
        let failed = load("d/wrong.toml", &LoadOptions::default()).unwrap_err();
        let drawn = super::super::render(&failed.diagnostics, &failed.sources, false);
        assert!(drawn.contains("d/wrong.toml:2:15"), "{drawn}");
        assert!(drawn.contains("did you mean `workers`?"), "{drawn}");
        assert_eq!(failed.diagnostics.len(), 1);
    }

    #[test]
    fn a_text_that_is_no_toml_has_no_echoes() {
        let codes = codes(load("d/broken.toml", &LoadOptions::default()));
        assert!(!codes.is_empty() && codes.iter().all(|code| *code < READ), "{codes:?}");
        let absent = load("d/absent.toml", &LoadOptions::default());
        assert_eq!(self::codes(absent), ["E011"]);
    }
}
