//! Repeats a scenario over seeds and variants, and says what the repetitions together tell: means
//! with intervals, paired differences, expectations held or not. Knows nothing of files, terminals
//! and drawings.

mod compare;
mod coupling;
mod difference;
mod digest;
#[cfg(test)]
mod fake;
mod interval;
mod judge;
mod merge;
mod metastable;
mod objective;
mod partitions;
mod reduce;
mod replicate;
mod simulate;
mod statistics;
#[cfg(test)]
mod tests;

pub use crate::probe::{Cancelled, Control};
use crate::results::{Ordered, Results, SCHEMA, VariantResult};
use crate::scenario::{Scenario, Variant};
pub use coupling::{Breakage, CouplingOptions, coupling, coupling_runs};
pub use difference::{Difference, first_difference};
use merge::Samples;
pub use metastable::{MetastableOptions, Over, metastability, metastable_jobs};
use reduce::Replication;
use replicate::End;
use simulate::Simulate;

/// How an experiment is carried out. None of it changes a byte of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Replications simulated at once, at least 1.
    pub threads: usize,
}

/// What an experiment found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The results, ready to be drawn and saved.
    pub results: Results,
    /// Runs that a limit ended early; their measures up to there are in the results.
    pub limits: Vec<Limit>,
    /// Set if the experiment was cancelled; the results then hold the replications that were
    /// finished.
    pub interrupted: Option<Interrupted>,
}

/// A run that a limit ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its variant.
    pub variant: String,
    /// Its replication, counted from 0.
    pub replication: u64,
    /// Which limit.
    pub reason: String,
}

/// How far a cancelled experiment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Replications in the results.
    pub finished: u64,
    /// Replications asked for.
    pub planned: u64,
}

/// Why an experiment has no results.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// An invariant of the simulator broke: a bug of ours.
    #[error("variant {variant}, replication {replication}: {message}")]
    Broken {
        /// The variant being simulated.
        variant: String,
        /// Its replication, counted from 0.
        replication: u64,
        /// What the invariant says.
        message: String,
    },
    /// It was cancelled before any replication was finished.
    #[error("interrupted before the first replication was finished")]
    Interrupted,
    /// The machine does not let it start.
    #[error("{0}")]
    Threads(String),
}

/// Simulates every variant of a scenario with every seed, and merges, judges and compares what was
/// found.
///
/// The results do not depend on the number of threads, nor on which run was done first: everything
/// is added up in the order of variants and replications.
///
/// # Errors
/// See [`RunError`]. A limit that ended a run, or a cancellation after the first replication, is no
/// error: see [`Outcome`].
pub fn run(
    scenario: &Scenario,
    options: RunOptions,
    control: Control<'_>,
) -> Result<Outcome, RunError> {
    run_with(scenario, options, control, &crate::probe::simulate)
}

/// As [`run`], with the simulation given.
fn run_with(
    scenario: &Scenario,
    options: RunOptions,
    control: Control<'_>,
    simulate: &Simulate,
) -> Result<Outcome, RunError> {
    let variants = scenario.variants.len();
    let jobs = usize::try_from(scenario.seeds).unwrap_or(usize::MAX).saturating_mul(variants);
    // All variants of a replication before the next replication: what an interruption leaves is
    // then paired.
    let ends = replicate::in_order(options.threads, jobs, control.cancelled, |job| {
        let blueprint = &scenario.variants[job % variants].blueprint;
        let replication = (job / variants) as u64;
        simulate(blueprint, scenario.seed, replication, control)
            .ok()
            .map(|record| Replication::new(record, replication == 0))
    })
    .map_err(RunError::Threads)?;
    let mut runs: Vec<Vec<Replication>> = vec![Vec::new(); variants];
    let mut complete = vec![true; variants];
    for (job, end) in ends.into_iter().enumerate() {
        match end {
            End::Done(run) if complete[job % variants] => runs[job % variants].push(run),
            End::Done(_) => {}
            End::Skipped => complete[job % variants] = false,
            End::Broken(message) => {
                return Err(RunError::Broken {
                    variant: scenario.variants[job % variants].name.clone(),
                    replication: (job / variants) as u64,
                    message,
                });
            }
        }
    }
    conclude(scenario, runs)
}

/// Keeps as many replications as every variant has, or one of those variants that have one, and
/// draws the conclusions.
fn conclude(scenario: &Scenario, runs: Vec<Vec<Replication>>) -> Result<Outcome, RunError> {
    let common = runs.iter().map(Vec::len).min().unwrap_or(0).max(1);
    let kept: Vec<(&Variant, Vec<Replication>)> = scenario
        .variants
        .iter()
        .zip(runs)
        .filter(|(_, runs)| runs.len() >= common)
        .map(|(variant, mut runs)| {
            runs.truncate(common);
            (variant, runs)
        })
        .collect();
    if kept.is_empty() {
        return Err(RunError::Interrupted);
    }
    let finished = common as u64;
    let cut = finished < scenario.seeds || kept.len() < scenario.variants.len();
    let interrupted = cut.then_some(Interrupted { finished, planned: scenario.seeds });
    let limits = limits(&kept);
    Ok(Outcome { results: results(scenario, finished, &kept), limits, interrupted })
}

fn limits(kept: &[(&Variant, Vec<Replication>)]) -> Vec<Limit> {
    let mut limits = Vec::new();
    for (variant, runs) in kept {
        for (replication, run) in (0_u64..).zip(runs) {
            if let Some(reason) = &run.limit {
                let (variant, reason) = (variant.name.clone(), reason.clone());
                limits.push(Limit { variant, replication, reason });
            }
        }
    }
    limits
}

fn results(scenario: &Scenario, seeds: u64, kept: &[(&Variant, Vec<Replication>)]) -> Results {
    let mut variants: Ordered<VariantResult> = Ordered::default();
    let mut samples: Vec<(&str, Vec<Samples>)> = Vec::new();
    for (variant, runs) in kept {
        let (result, values) = merge::merge(variant, runs);
        variants.push(variant.name.clone(), result);
        samples.push((&variant.name, values));
    }
    for (variant, _) in kept {
        let Some(own) = variants.get(&variant.name) else { continue };
        let judged = judge::judge(&variant.expect, &own.metrics, &variants);
        if let Some(own) = variants.get_mut(&variant.name) {
            own.expect = judged;
        }
    }
    let (base, others) = samples.split_first().map_or((None, &[][..]), |(b, o)| (Some(b), o));
    let comparisons = others
        .iter()
        .filter_map(|other| base.map(|base| (base, other)))
        .flat_map(|(base, other)| compare::compare((base.0, &base.1), (other.0, &other.1)))
        .collect();
    Results { comparisons, ..head(scenario, seeds, variants) }
}

/// Results of so many replications without comparisons.
fn head(scenario: &Scenario, seeds: u64, variants: Ordered<VariantResult>) -> Results {
    Results {
        schema: SCHEMA,
        program: concat!("tidelag ", env!("CARGO_PKG_VERSION")).to_owned(),
        scenario: scenario.info.clone(),
        seed: scenario.seed,
        seeds,
        variants,
        comparisons: Vec::new(),
    }
}
