//! `tidelag compare`.

use super::args::Compare;
use super::job::{self, Job, Study};
use super::present::Lead;
use super::status::Failure;
use super::status::Status;
use super::{load, output, run};
use crate::results::{Results, Verdict};
use crate::scenario::{Bound, Scenario, Variant};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

/// Compares all variants of all files with the first, under common random numbers.
pub(super) fn compare(args: &Compare) -> Result<Status, Failure> {
    let conditions: Vec<Condition> =
        args.fail_if.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let mut scenarios = Vec::new();
    let mut files = Vec::new();
    for file in &args.files {
        let scenario = load::load(file, &args.selection, args.output.tone)?;
        scenarios.push((stem(file), scenario));
        files.push(load::text(file)?.to_owned());
    }
    let one_file = files.len() == 1;
    let job = Job {
        scenario: combine(scenarios)?,
        work: &args.work,
        output: &args.output,
        replay: run::replay("compare", files, &args.selection),
        one_file,
        study: Study::Runs,
        lead: Lead::Comparison,
    };
    if job.scenario.variants.len() < 2 {
        return Err(Failure::wrong(
            "there is nothing to compare: one file with one variant; add a [variant.NAME] to it or \
             name a second file",
        ));
    }
    for condition in &conditions {
        condition.check_possible(&job.scenario)?;
    }
    let outcome = job::carry_out(&job)?;
    let mut failed = job::expectation_failed(&outcome.results);
    for condition in &conditions {
        for found in condition.found(&outcome.results) {
            output::error(&format!("--fail-if came true: {found}"));
            failed = true;
        }
    }
    Ok(job::conclude(&outcome, failed))
}

/// File name without folder and ending.
fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// One scenario of several: each file's base becomes a variant named after the file, each further
/// variant `file/variant`. Seed and number of replications are those of the first file.
fn combine(mut scenarios: Vec<(String, Scenario)>) -> Result<Scenario, Failure> {
    if scenarios.len() == 1 {
        return Ok(scenarios.remove(0).1);
    }
    let mut hash = Sha256::new();
    let mut variants: Vec<Variant> = Vec::new();
    let mut titles = Vec::new();
    let (seed, seeds) = (scenarios[0].1.seed, scenarios[0].1.seeds);
    for (stem, scenario) in scenarios {
        if (scenario.seed, scenario.seeds) != (seed, seeds) {
            return Err(Failure::wrong(format!(
                "{stem} has seed {} and {} replications, the first file seed {seed} and {seeds}: \
                 pairs need the same; add --seed and --seeds",
                scenario.seed, scenario.seeds
            )));
        }
        hash.update(scenario.info.hash.as_bytes());
        let rename = |name: &str| match name {
            "base" => stem.clone(),
            other => format!("{stem}/{other}"),
        };
        for mut variant in scenario.variants {
            variant.name = rename(&variant.name);
            for line in &mut variant.expect {
                if let Bound::Relative { variant: other, .. } = &mut line.bound {
                    *other = rename(other);
                }
            }
            if variants.iter().any(|earlier| earlier.name == variant.name) {
                return Err(Failure::wrong(format!(
                    "two files are called {stem}; give one of them another name"
                )));
            }
            variants.push(variant);
        }
        titles.push(if scenario.info.title.is_empty() { stem } else { scenario.info.title });
    }
    let mut hex = String::new();
    for byte in hash.finalize() {
        let _to_a_string = write!(hex, "{byte:02x}");
    }
    let info = crate::results::ScenarioInfo {
        title: titles.join(" / "),
        hash: hex,
        ..crate::results::ScenarioInfo::default()
    };
    Ok(Scenario { info, seed, seeds, variants })
}

/// A `--fail-if`: a metric and the verdict that is not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    metric: String,
    verdict: Verdict,
}

impl FromStr for Condition {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let verdict = match words.get(1).copied() {
            Some("lower") => Some(Verdict::Lower),
            Some("higher") => Some(Verdict::Higher),
            Some("equal") => Some(Verdict::Equal),
            Some("undetected") => Some(Verdict::Undetected),
            _ => None,
        };
        match (words.as_slice(), verdict) {
            ([metric, _], Some(verdict)) => Ok(Self { metric: (*metric).to_owned(), verdict }),
            _ => Err(Failure::wrong(format!(
                "--fail-if '{text}': write a metric and one of lower, higher, equal, undetected, \
                 for instance 'email.lag.p99 higher'"
            ))),
        }
    }
}

impl Condition {
    /// A metric that no variant can have would never come true: better said than passed over.
    fn check_possible(&self, scenario: &Scenario) -> Result<(), Failure> {
        let has = |variant: &Variant| {
            crate::scenario::metric_paths(&variant.blueprint).contains(&self.metric)
        };
        if scenario.variants.iter().filter(|variant| has(variant)).count() >= 2 {
            return Ok(());
        }
        Err(Failure::wrong(format!(
            "--fail-if: no two variants have a metric {}; see tidelag explain METRIC",
            self.metric
        )))
    }

    /// Where it came true.
    fn found(&self, results: &Results) -> Vec<String> {
        results
            .comparisons
            .iter()
            .filter(|c| c.metric == self.metric && c.verdict == self.verdict)
            .map(|c| format!("{} of {} is {} against {}", c.metric, c.b, word(c.verdict), c.a))
            .collect()
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Lower => "lower",
        Verdict::Higher => "higher",
        Verdict::Equal => "equal",
        Verdict::Undetected => "undetected",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::Status;

    #[test]
    fn a_condition_is_a_metric_and_a_verdict() {
        let expected = Condition { metric: "a.lag.p99".to_owned(), verdict: Verdict::Higher };
        assert_eq!("a.lag.p99 higher".parse(), Ok(expected));
        for wrong in ["", "a.lag.p99", "a.lag.p99 > 3", "higher a", "a higher b"] {
            let failure = wrong.parse::<Condition>().expect_err(wrong);
            assert_eq!(failure.status, Status::Wrong);
        }
    }
}
