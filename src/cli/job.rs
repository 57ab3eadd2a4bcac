//! One experiment from the command line: simulate, verify, save, print, and choose the status.

use super::args::{Output, Work};
use super::present::{self, Lead};
use super::status::{Failure, Status};
use super::timings::Stopwatch;
use super::{broken, interrupt, output, progress, report_dir, verify};
use crate::experiment::{
    self, Control, CouplingOptions, Interrupted, MetastableOptions, Outcome, RunError, RunOptions,
};
use crate::results::Results;
use crate::scenario::Scenario;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;

/// Limits that are told one by one.
const LIMITS_TOLD: usize = 5;

/// What is to be done, and the words of the command line that would do it again.
pub(super) struct Job<'a> {
    pub(super) scenario: Scenario,
    pub(super) work: &'a Work,
    pub(super) output: &'a Output,
    /// Program, command, files and `--set`s; variants, seeds and threads are added.
    pub(super) replay: Vec<String>,
    /// Whether a `--variant` in the replay names a variant of the file.
    pub(super) one_file: bool,
    /// What is found out.
    pub(super) study: Study,
    /// What a text report shows first.
    pub(super) lead: Lead,
}

/// What is found out of a scenario.
#[derive(Clone, Debug)]
pub(super) enum Study {
    /// How each variant does.
    Runs,
    /// Who breaks with whom.
    Coupling(CouplingOptions),
    /// From where there is no return.
    Metastability(MetastableOptions),
}

/// Carries it out: results are saved and printed. The status does not yet say whether expectations
/// hold.
///
/// # Errors
/// If there are no results, or they cannot be saved or printed.
pub(super) fn carry_out(job: &Job) -> Result<Outcome, Failure> {
    if let Some(dir) = &job.output.out {
        report_dir::inspect(dir, job.output.force)?;
    }
    let stopwatch = Stopwatch::start();
    let mut outcome = simulate(job)?;
    if job.work.verify && outcome.interrupted.is_none() {
        match simulate(job) {
            Ok(again) if again.interrupted.is_none() => {
                verify::verify(&job.scenario, &outcome.results, &again.results, &job.replay)?;
            }
            Err(failure) if failure.status != Status::Interrupted => return Err(failure),
            _ => {
                let planned = job.scenario.seeds;
                outcome.interrupted = Some(Interrupted { finished: planned, planned });
            }
        }
    }
    if job.work.timings {
        output::say(&stopwatch.report(events(&outcome.results)));
    }
    present::present(&outcome.results, job.lead, job.output)?;
    Ok(outcome)
}

/// Says what ended early, and chooses the status; `failed`: an expectation or a `--fail-if`.
pub(super) fn conclude(outcome: &Outcome, failed: bool) -> Status {
    for limit in outcome.limits.iter().take(LIMITS_TOLD) {
        output::error(&format!(
            "variant {}, replication {} was ended by a limit: {}",
            limit.variant, limit.replication, limit.reason
        ));
    }
    if outcome.limits.len() > LIMITS_TOLD {
        output::error(&format!("and {} more", outcome.limits.len() - LIMITS_TOLD));
    }
    if let Some(interrupted) = outcome.interrupted {
        let variants = outcome.results.variants.len();
        output::error(&format!(
            "interrupted: the report holds {} of {} replications of {variants} variant{}",
            interrupted.finished,
            interrupted.planned,
            if variants == 1 { "" } else { "s" }
        ));
    }
    match (outcome.interrupted, outcome.limits.is_empty(), failed) {
        (Some(_), _, _) => Status::Interrupted,
        (None, false, _) => Status::Unfinished,
        (None, true, true) => Status::Failed,
        (None, true, false) => Status::Fine,
    }
}

/// Whether an expectation of any variant failed.
pub(super) fn expectation_failed(results: &Results) -> bool {
    results.variants.iter().any(|(_, variant)| variant.expect.iter().any(|line| !line.holds))
}

fn events(results: &Results) -> u64 {
    results.variants.iter().map(|(_, variant)| variant.events).sum()
}

fn simulate(job: &Job) -> Result<Outcome, Failure> {
    let scenario = &job.scenario;
    let options = RunOptions { threads: threads(job.work) };
    let done = AtomicU64::new(0);
    let control = Control { cancelled: interrupt::listen(), progress: &done };
    let runs = match &job.study {
        Study::Runs => scenario.seeds.saturating_mul(scenario.variants.len() as u64),
        Study::Coupling(_) => experiment::coupling_runs(scenario),
        Study::Metastability(_) => experiment::metastable_jobs(scenario),
    };
    let watched = !job.output.tone.quiet && output::stderr_is_watched();
    let outcome =
        progress::with_bar(watched, runs.saturating_mul(1000), &done, || match &job.study {
            Study::Runs => experiment::run(scenario, options, control),
            Study::Coupling(how) => experiment::coupling(scenario, *how, options, control),
            Study::Metastability(what) => {
                experiment::metastability(scenario, what, options, control)
            }
        });
    outcome.map_err(|error| explain(&error, job))
}

/// As asked for, or as many as the machine has cores.
fn threads(work: &Work) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    work.threads.map_or_else(cores, |threads| threads as usize)
}

fn explain(error: &RunError, job: &Job) -> Failure {
    match error {
        RunError::Interrupted => Failure {
            status: Status::Interrupted,
            message: "interrupted before the first replication was finished; nothing was saved"
                .to_owned(),
        },
        RunError::Threads(message) => Failure::unfinished(message.clone()),
        RunError::Broken { variant, replication, message } => {
            let mut words = job.replay.clone();
            if job.one_file {
                words.extend(["--variant".to_owned(), variant.clone()]);
            }
            words.extend(["--seed".to_owned(), job.scenario.seed.to_string()]);
            words.extend(["--seeds".to_owned(), (replication + 1).to_string()]);
            words.extend(["--threads".to_owned(), "1".to_owned()]);
            let context = format!("variant {variant}, replication {replication}");
            broken::invariant(&context, message, &broken::command_line(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Limit;
    use crate::results::{Ordered, ScenarioInfo, VariantResult};

    fn results() -> Results {
        Results {
            schema: 1,
            program: String::new(),
            scenario: ScenarioInfo::default(),
            seed: 1,
            seeds: 1,
            variants: Ordered::from_iter([("base".to_owned(), VariantResult::default())]),
            comparisons: Vec::new(),
        }
    }

    fn status(limited: bool, interrupted: bool, failed: bool) -> Status {
        let limit = Limit { variant: "base".into(), replication: 0, reason: "max_events".into() };
        let outcome = Outcome {
            results: results(),
            limits: if limited { vec![limit] } else { Vec::new() },
            interrupted: interrupted.then_some(Interrupted { finished: 1, planned: 2 }),
        };
        conclude(&outcome, failed)
    }

    #[test]
    fn the_gravest_outcome_decides_the_status() {
        assert_eq!(status(false, false, false), Status::Fine);
        assert_eq!(status(false, false, true), Status::Failed);
        assert_eq!(status(true, false, true), Status::Unfinished);
        assert_eq!(status(true, true, true), Status::Interrupted);
    }
}
