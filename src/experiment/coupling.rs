//! Who breaks with whom: each service is broken in turn, and each failure of the file happens by
//! itself, in runs that draw the same random numbers as a run without any failure.
//!
//! Decides what is broken and when; whose objectives that breaks is in [`objective`].
//!
//! [`objective`]: super::objective

use super::interval::{interval, mean};
use super::objective::{Party, Readings, mean_of, parties};
use super::reduce::Replication;
use super::replicate::{self, End};
use super::simulate::Simulate;
use super::{Interrupted, Limit, Outcome, RunError, RunOptions, digest, head, merge};
use crate::model::{Blueprint, Failure, FailureTrigger, ServiceId, Target, Verb};
use crate::probe::Control;
use crate::results::{Coupling, Effect, Metric, Ordered, Radius, VariantResult};
use crate::scenario::{Scenario, Variant};
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeSet;

/// A service is broken for this part of the measured phase at most,
const PART: u64 = 10;
/// and for no longer than this.
const LONGEST: SimDuration = SimDuration::from_secs(60);
/// It is broken when this part of the measured phase is over.
const WHEN: u64 = 3;
/// How many times as long the work of a slow service takes.
const SLOW: f64 = 10.0;

/// What happens to each service in turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breakage {
    /// All instances stop and lose what they had in memory.
    #[default]
    Crash,
    /// Work takes ten times as long.
    Slow,
    /// No progress; clocks and connections go on.
    Pause,
    /// Instances finish their work, leave, and come back.
    Stop,
}

impl Breakage {
    /// As a scenario writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Slow => "slow",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }

    fn verb(self) -> Verb {
        match self {
            Self::Crash => Verb::Crash,
            Self::Slow => Verb::Slow(SLOW),
            Self::Pause => Verb::Pause,
            Self::Stop => Verb::Stop,
        }
    }
}

/// How the services are broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CouplingOptions {
    /// What happens to each.
    pub verb: Breakage,
    /// When, from the start of the run; `None`: when a third of the measured phase is over.
    pub at: Option<SimDuration>,
    /// For how long; `None`: a tenth of the measured phase, and at most a minute.
    pub lasts: Option<SimDuration>,
}

impl CouplingOptions {
    /// When and for how long the services of an architecture are broken.
    fn window(&self, blueprint: &Blueprint) -> (SimTime, SimDuration) {
        let phases = blueprint.phases;
        let third = SimDuration::from_ns(phases.duration.ns() / WHEN);
        let tenth = SimDuration::from_ns(phases.duration.ns() / PART);
        let at = self.at.map_or(phases.measure_from() + third, |at| SimTime::ZERO + at);
        (at, self.lasts.unwrap_or(LONGEST.min(tenth)))
    }

    /// Whether something would be broken while somebody could notice.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, scenario: &Scenario) -> Result<(), String> {
        if self.lasts == Some(SimDuration::ZERO) {
            return Err("--for 0s breaks nothing".to_owned());
        }
        let (Some(variant), Some(at)) = (scenario.variants.first(), self.at) else { return Ok(()) };
        let phases = variant.blueprint.phases;
        if SimTime::ZERO + at < phases.traffic_end() {
            return Ok(());
        }
        let end = phases.traffic_end().as_secs();
        Err(format!("--at {} s: the traffic ends at {end} s", at.as_secs()))
    }
}

/// Runs that [`coupling`] makes.
pub fn coupling_runs(scenario: &Scenario) -> u64 {
    (cases(scenario).len() as u64).saturating_mul(scenario.seeds)
}

/// Breaks each service of each variant in turn, and lets each failure of the file happen by itself.
///
/// # Errors
/// See [`RunError`].
pub fn coupling(
    scenario: &Scenario,
    options: CouplingOptions,
    run: RunOptions,
    control: Control<'_>,
) -> Result<Outcome, RunError> {
    coupling_with(scenario, options, run, control, &crate::probe::simulate)
}

/// What happens in a run of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Nothing,
    Service(usize),
    Failure(usize),
}

/// Every case of every variant.
fn cases(scenario: &Scenario) -> Vec<(usize, Case)> {
    let of = |(at, variant): (usize, &Variant)| {
        let services = (0..variant.blueprint.services.len()).map(Case::Service);
        let failures = (0..variant.blueprint.failures.len()).map(Case::Failure);
        let all = std::iter::once(Case::Nothing).chain(services).chain(failures);
        all.map(move |case| (at, case)).collect::<Vec<_>>()
    };
    scenario.variants.iter().enumerate().flat_map(of).collect()
}

/// The architecture in which this happens and nothing else.
fn blueprint(variant: &Variant, case: Case, options: &CouplingOptions) -> Blueprint {
    let mut blueprint = variant.blueprint.clone();
    let failures = std::mem::take(&mut blueprint.failures);
    blueprint.failures = match case {
        Case::Nothing => Vec::new(),
        Case::Failure(at) => with_causes(&failures, at),
        Case::Service(at) => {
            let (from, lasts) = options.window(&blueprint);
            let service = &blueprint.services[at];
            let target = Target::Instances {
                service: ServiceId(at as u32),
                instances: (0..service.instances).collect(),
            };
            vec![Failure {
                name: format!("{} {}", options.verb.word(), service.name),
                verb: options.verb.verb(),
                target,
                trigger: FailureTrigger::At(from),
                lasts: Some(lasts),
            }]
        }
    };
    blueprint
}

/// A failure, and before it those that it waits for.
fn with_causes(failures: &[Failure], at: usize) -> Vec<Failure> {
    let before = |f: &&Failure| match f.trigger {
        FailureTrigger::After(cause) => Some(&failures[cause as usize]),
        _ => None,
    };
    let mut chain: Vec<Failure> =
        std::iter::successors(Some(&failures[at]), before).cloned().collect();
    chain.reverse();
    for (cause, f) in (0..).zip(chain.iter_mut().skip(1)) {
        f.trigger = FailureTrigger::After(cause);
    }
    chain
}

/// What is kept of a run.
#[derive(Clone, Debug)]
struct Run {
    readings: Readings,
    events: u64,
    digests: Vec<u64>,
    limit: Option<String>,
    /// All of it, where nothing was broken.
    whole: Option<Replication>,
}

fn coupling_with(
    scenario: &Scenario,
    options: CouplingOptions,
    run: RunOptions,
    control: Control<'_>,
    simulate: &Simulate,
) -> Result<Outcome, RunError> {
    let cases = cases(scenario);
    let parties: Vec<Vec<Party>> = scenario.variants.iter().map(parties).collect();
    let wanted: Vec<BTreeSet<String>> =
        parties.iter().map(|all| all.iter().flat_map(Party::wanted).collect()).collect();
    let jobs = usize::try_from(coupling_runs(scenario)).unwrap_or(usize::MAX);
    let ends = replicate::in_order(run.threads, jobs, control.cancelled, |job| {
        let (variant, case) = cases[job % cases.len()];
        let blueprint = blueprint(&scenario.variants[variant], case, &options);
        let replication = (job / cases.len()) as u64;
        let record = simulate(&blueprint, scenario.seed, replication, control).ok()?;
        let whole = Replication::new(record, true);
        Some(Run {
            readings: Readings::of(&whole, &wanted[variant]),
            events: whole.events,
            digests: whole.digests.iter().map(|(_, digest)| *digest).collect(),
            limit: whole.limit.clone(),
            whole: (case == Case::Nothing).then_some(whole),
        })
    })
    .map_err(RunError::Threads)?;
    let (complete, limits) = complete(scenario, &cases, ends)?;
    let mut variants = Ordered::default();
    for (at, (variant, mut parties)) in scenario.variants.iter().zip(parties).enumerate() {
        let of = |case: Case| -> Vec<&Run> {
            let place = cases.iter().position(|known| *known == (at, case)).unwrap_or(0);
            complete.iter().map(|replication| &replication[place]).collect()
        };
        let found = Found { variant, options: &options, of: &of };
        variants.push(variant.name.clone(), found.result(&mut parties));
    }
    let finished = complete.len() as u64;
    let planned = scenario.seeds;
    let interrupted = (finished < planned).then_some(Interrupted { finished, planned });
    Ok(Outcome { results: head(scenario, finished, variants), limits, interrupted })
}

/// The replications of which all cases are done, and the limits that ended their runs early.
fn complete(
    scenario: &Scenario,
    cases: &[(usize, Case)],
    ends: Vec<End<Run>>,
) -> Result<(Vec<Vec<Run>>, Vec<Limit>), RunError> {
    let mut complete: Vec<Vec<Run>> = Vec::new();
    let mut limits = Vec::new();
    let mut open = Vec::new();
    for (job, end) in ends.into_iter().enumerate() {
        let replication = (job / cases.len()) as u64;
        let (variant, case) = cases[job % cases.len()];
        let variant = &scenario.variants[variant];
        if job % cases.len() == 0 {
            open = Vec::new();
        }
        match end {
            End::Done(run) => open.push(run),
            End::Skipped => {}
            End::Broken(message) => {
                let message = format!("{message} (with {})", words(variant, case));
                return Err(RunError::Broken {
                    variant: variant.name.clone(),
                    replication,
                    message,
                });
            }
        }
        if let Some(Run { limit: Some(reason), .. }) = open.last() {
            let reason = format!("{reason} (with {})", words(variant, case));
            limits.push(Limit { variant: variant.name.clone(), replication, reason });
        }
        if open.len() == cases.len() && complete.len() as u64 == replication {
            complete.push(std::mem::take(&mut open));
        }
    }
    if complete.is_empty() { Err(RunError::Interrupted) } else { Ok((complete, limits)) }
}

fn words(variant: &Variant, case: Case) -> String {
    match case {
        Case::Nothing => "nothing broken".to_owned(),
        Case::Service(at) => format!("{} broken", variant.blueprint.services[at].name),
        Case::Failure(at) => format!("failure {}", variant.blueprint.failures[at].name),
    }
}

/// The runs of a variant, by what happened in them, replications in order.
struct Found<'a> {
    variant: &'a Variant,
    options: &'a CouplingOptions,
    of: &'a dyn Fn(Case) -> Vec<&'a Run>,
}

impl Found<'_> {
    fn result(&self, parties: &mut Vec<Party>) -> VariantResult {
        let healthy = (self.of)(Case::Nothing);
        let without: Vec<&Readings> = healthy.iter().map(|run| &run.readings).collect();
        parties.retain_mut(|party| party.settle(&without));
        let wholes: Vec<Replication> = healthy.iter().filter_map(|r| r.whole.clone()).collect();
        let (mut result, _) = merge::merge(self.variant, &wholes);
        // Of the runs without a failure only the numbers are needed.
        result.series = Ordered::default();
        result.histograms = Ordered::default();
        result.ledger = Ordered::default();
        result.partitions = Vec::new();
        let blueprint = &self.variant.blueprint;
        let mut rows = Vec::new();
        let mut metrics = Ordered::default();
        let mut pairs = Vec::new();
        for (at, service) in blueprint.services.iter().enumerate() {
            let row = self.radius(&service.name, Case::Service(at), parties, &mut |to, broken| {
                coupling_metric(&mut metrics, &service.name, to, broken);
            });
            let others = row.effects.iter().filter(|effect| effect.to != service.name);
            pairs.extend(others.map(Effect::breaks));
            rows.push(row);
        }
        let failures = blueprint.failures.iter().enumerate();
        let failures: Vec<Radius> = failures
            .map(|(at, f)| self.radius(&f.name, Case::Failure(at), parties, &mut |_, _| {}))
            .collect();
        let hold = pairs.iter().filter(|breaks| !**breaks).count();
        let loose = (!pairs.is_empty()).then(|| hold as f64 / pairs.len() as f64);
        let (at, lasts) = self.options.window(blueprint);
        loose_metric(&mut metrics, loose);
        sizes(&mut metrics, &rows);
        result.metrics = metrics
            .iter()
            .chain(result.metrics.iter())
            .map(|(path, metric)| (path.to_owned(), metric.clone()))
            .collect();
        let mut all: Vec<Case> = (0..rows.len()).map(Case::Service).collect();
        all.extend((0..failures.len()).map(Case::Failure));
        let runs = all.into_iter().flat_map(|case| (self.of)(case));
        result.events += runs.map(|run| run.events).sum::<u64>();
        let objectives = parties.iter().map(|p| (p.name.clone(), p.objectives())).collect();
        result.coupling = Some(Coupling {
            verb: self.options.verb.word().to_owned(),
            at_s: at.as_secs(),
            for_s: lasts.as_secs(),
            loose,
            objectives,
            services: rows,
            failures,
        });
        result
    }

    /// What one case does to everybody; `note` gets who and whether it broke in each replication.
    fn radius(
        &self,
        name: &str,
        case: Case,
        parties: &[Party],
        note: &mut dyn FnMut(&str, &[f64]),
    ) -> Radius {
        let (healthy, struck) = ((self.of)(Case::Nothing), (self.of)(case));
        let without: Vec<&Readings> = healthy.iter().map(|run| &run.readings).collect();
        let with: Vec<&Readings> = struck.iter().map(|run| &run.readings).collect();
        let mut effects = Vec::new();
        for party in parties {
            let (effect, broken) = effect(party, &without, &with);
            note(&party.name, &broken);
            effects.push(effect);
        }
        let breaking = effects.iter().filter(|effect| effect.breaks()).count();
        let share = breaking as f64 / effects.len().max(1) as f64;
        let digests = struck.iter().flat_map(|run| run.digests.iter().copied());
        let digest = digest::over_replications(digests);
        Radius { name: name.to_owned(), share, effects, digest }
    }
}

/// What became of somebody, and whether it broke (1 or 0) in each replication.
fn effect(party: &Party, without: &[&Readings], with: &[&Readings]) -> (Effect, Vec<f64>) {
    let objectives = party.objectives();
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut broken = Vec::new();
    for (before, after) in without.iter().zip(with) {
        let found = party.broken(before, after);
        broken.push(if found.is_empty() { 0.0 } else { 1.0 });
        lines.extend(found);
    }
    lines.sort();
    lines.dedup_by_key(|(at, _)| *at);
    let metric = match lines.first() {
        Some((_, metric)) => metric.clone(),
        None => party.usual_metric(without, with),
    };
    let time = ["lag", "latency", "e2e"].iter().any(|t| metric.contains(&format!(".{t}.")));
    let effect = Effect {
        to: party.name.clone(),
        broken: mean(&broken),
        unit: if time { "s" } else { "1" }.to_owned(),
        without: mean_of(without, &metric),
        with: mean_of(with, &metric),
        metric,
        lines: lines.iter().filter_map(|(at, _)| objectives.get(*at).cloned()).collect(),
    };
    (effect, broken)
}

/// `coupling.<from>.<to>`.
fn coupling_metric(metrics: &mut Ordered<Metric>, from: &str, to: &str, broken: &[f64]) {
    let metric = Metric {
        unit: "1".to_owned(),
        value: Some(mean(broken)),
        ci95: interval(broken),
        meaning: format!(
            "share of the replications in which objectives of {to} break because {from} is broken"
        ),
        ..Metric::default()
    };
    metrics.push(format!("coupling.{from}.{to}"), metric);
}

/// `coupling.loose`.
fn loose_metric(metrics: &mut Ordered<Metric>, loose: Option<f64>) {
    let metric = Metric {
        unit: "1".to_owned(),
        value: loose,
        meaning: "loose coupling: share of the pairs of a service and somebody else whose \
                  objectives hold although the service is broken"
            .to_owned(),
        note: loose.is_none().then(|| "nobody else has objectives".to_owned()),
        ..Metric::default()
    };
    metrics.push("coupling.loose", metric);
}

/// `coupling.<from>.<to>.effect`: how much is added to a lag, or lost of an availability.
fn sizes(metrics: &mut Ordered<Metric>, rows: &[Radius]) {
    for (row, effect) in rows.iter().flat_map(|row| row.effects.iter().map(move |e| (row, e))) {
        let verb = if effect.is_availability() { "lost of" } else { "added to" };
        let metric = Metric {
            unit: effect.unit.clone(),
            value: effect.size(),
            meaning: format!("{verb} {} because {} is broken", effect.metric, row.name),
            note: effect.size().is_none().then(|| format!("{} has no value", effect.metric)),
            ..Metric::default()
        };
        metrics.push(format!("coupling.{}.{}.effect", row.name, effect.to), metric);
    }
}
