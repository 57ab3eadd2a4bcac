//! Does a system return when a failure is over, and from which length or load on does it not?
//!
//! Each replication is searched by itself: doubled until the system stays down, then bisected. A
//! trial is a pair of runs that draw the same random numbers, with the failure and without. Their
//! measured phase is the time in which a system that returns has returned: so its metrics are the
//! answer.

use super::interval::{interval, mean};
use super::objective::{Party, Readings, parties};
use super::reduce::Replication;
use super::replicate::{self, End};
use super::simulate::Simulate;
use super::{Interrupted, Limit, Outcome, RunError, RunOptions, digest, head};
use crate::model::{Blueprint, FailureTrigger, Load};
use crate::probe::{Cancelled, Control};
use crate::results::{Fate, Metastability, Metric, Ordered, Phases, Search, Trial, VariantResult};
use crate::scenario::{Scenario, Variant};
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// A client is back with this share of the answers that it gets without the failure.
const BACK: f64 = 0.9;
/// The search ends when the bracket is this narrow against its upper end.
const PRECISION: f64 = 0.02;
/// Unless the command line says more: this many times what the file states.
const UP_TO: f64 = 10.0;
/// Where the file states no length, the first length tried in seconds.
const FIRST_S: f64 = 10.0;
/// Whether a system is down for good is judged after this many times the time to return.
const FOR_GOOD: u64 = 5;
/// Trials that a search takes as a rule: for the progress only.
const TRIALS: u64 = 10;

/// What is varied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// The length of the failure.
    #[default]
    For,
    /// The rates of all clients and sources.
    Load,
}

impl Over {
    /// As the command line writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::For => "for",
            Self::Load => "load",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct MetastableOptions {
    /// The failure that pulls the trigger; `None`: the only one of the file.
    pub failure: Option<String>,
    /// What is varied.
    pub over: Over,
    /// Time after the end of the failure within which a system that returns has returned.
    pub within: SimDuration,
    /// Nothing beyond this is tried: seconds, or a factor on the load.
    pub up_to: Option<f64>,
}

impl MetastableOptions {
    /// Whether the question makes sense for every variant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, scenario: &Scenario) -> Result<(), String> {
        if self.within == SimDuration::ZERO {
            return Err("--within 0s: nothing returns in no time".to_owned());
        }
        for variant in &scenario.variants {
            Trigger::of(variant, self).map_err(|why| match scenario.variants.len() {
                1 => why,
                _ => format!("variant {}: {why}", variant.name),
            })?;
        }
        Ok(())
    }
}

/// Searches that [`metastability`] makes; each counts 1000 in the progress.
pub fn metastable_jobs(scenario: &Scenario) -> u64 {
    (scenario.variants.len() as u64).saturating_mul(scenario.seeds)
}

/// Finds the smallest failure, or load, after which the system does not return.
///
/// # Errors
/// See [`RunError`].
///
/// # Panics
/// If the options were not checked.
pub fn metastability(
    scenario: &Scenario,
    options: &MetastableOptions,
    run: RunOptions,
    control: Control<'_>,
) -> Result<Outcome, RunError> {
    let triggers: Vec<Trigger<'_>> = scenario
        .variants
        .iter()
        .map(|variant| Trigger::of(variant, options).expect("the options were checked"))
        .collect();
    let jobs = usize::try_from(metastable_jobs(scenario)).unwrap_or(usize::MAX);
    let ends = replicate::in_order(run.threads, jobs, control.cancelled, |job| {
        let trigger = &triggers[job % triggers.len()];
        let replication = (job / triggers.len()) as u64;
        let mut hunt = Hunt::new(trigger, (scenario.seed, replication), control);
        hunt.search(&crate::probe::simulate).ok()
    })
    .map_err(RunError::Threads)?;
    conclude(scenario, &triggers, ends)
}

fn conclude(
    scenario: &Scenario,
    triggers: &[Trigger<'_>],
    ends: Vec<End<Found>>,
) -> Result<Outcome, RunError> {
    let mut found: Vec<Vec<Found>> = vec![Vec::new(); triggers.len()];
    let mut limits = Vec::new();
    for (job, end) in ends.into_iter().enumerate() {
        let (at, replication) = (job % triggers.len(), (job / triggers.len()) as u64);
        let variant = triggers[at].variant.name.clone();
        match end {
            End::Done(search) if found[at].len() as u64 == replication => found[at].push(search),
            End::Done(_) | End::Skipped => {}
            End::Broken(message) => return Err(RunError::Broken { variant, replication, message }),
        }
    }
    let finished = found.iter().map(Vec::len).min().unwrap_or(0);
    if finished == 0 {
        return Err(RunError::Interrupted);
    }
    let mut variants = Ordered::default();
    for (trigger, mut searches) in triggers.iter().zip(found) {
        searches.truncate(finished);
        for (replication, search) in (0..).zip(&searches) {
            if let Some(reason) = search.limit.clone() {
                limits.push(Limit { variant: trigger.variant.name.clone(), replication, reason });
            }
        }
        variants.push(trigger.variant.name.clone(), trigger.result(&searches));
    }
    let (finished, planned) = (finished as u64, scenario.seeds);
    let interrupted = (finished < planned).then_some(Interrupted { finished, planned });
    Ok(Outcome { results: head(scenario, finished, variants), limits, interrupted })
}

/// The failure of a variant whose end is waited for, and how it is varied.
struct Trigger<'a> {
    variant: &'a Variant,
    failure: usize,
    at: SimTime,
    over: Over,
    within: SimDuration,
    stated: Option<f64>,
    limit: f64,
}

impl<'a> Trigger<'a> {
    fn of(variant: &'a Variant, options: &MetastableOptions) -> Result<Self, String> {
        let failures = &variant.blueprint.failures;
        let names = || failures.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ");
        let failure = match (&options.failure, failures.len()) {
            (_, 0) => return Err("there is no [[failure]] to pull the trigger".to_owned()),
            (None, 1) => 0,
            (None, _) => return Err(format!("which failure? --failure NAME, one of {}", names())),
            (Some(name), _) => failures
                .iter()
                .position(|failure| failure.name == *name)
                .ok_or_else(|| format!("no failure is named {name}; there are {}", names()))?,
        };
        let found = &failures[failure];
        let FailureTrigger::At(at) = found.trigger else {
            return Err(format!("failure {} has to strike once: give it an `at`", found.name));
        };
        if found.verb.is_over_at_once() {
            return Err(format!("failure {} is over at once: nothing can be awaited", found.name));
        }
        let stated = match options.over {
            Over::For => found.lasts.map(SimDuration::as_secs),
            Over::Load => {
                if found.lasts.is_none() {
                    let name = &found.name;
                    return Err(format!("failure {name} never ends: give it a `for`"));
                }
                scaled(&variant.blueprint, 1.0)?;
                Some(1.0)
            }
        };
        let (over, within) = (options.over, options.within);
        let limit = options.up_to.unwrap_or(UP_TO * stated.unwrap_or(FIRST_S));
        Ok(Self { variant, failure, at, over, within, stated, limit })
    }

    /// Length of the traffic that is judged.
    fn window(&self) -> SimDuration {
        SimDuration::from_ns((self.within.ns() / 2).max(1))
    }

    /// The architecture with the failure and without at a value of what is varied, to be judged
    /// `within` after the end of the failure.
    fn pair(&self, value: f64, within: SimDuration) -> [Blueprint; 2] {
        let mut with = match self.over {
            Over::For => self.variant.blueprint.clone(),
            Over::Load => scaled(&self.variant.blueprint, value).expect("it was tried at 1"),
        };
        let mut failure = with.failures.swap_remove(self.failure);
        if self.over == Over::For {
            failure.lasts = Some(whole_ms(value));
        }
        let ends = self.at + failure.lasts.unwrap_or_default();
        with.phases.warmup = (ends + within).since(SimTime::ZERO);
        with.phases.duration = self.window();
        // What was late in the window has as long again to come.
        with.phases.drain = self.within;
        for set in &mut with.sets {
            set.phases = with.phases;
        }
        with.failures = Vec::new();
        let without = with.clone();
        with.failures.push(failure);
        [with, without]
    }

    fn result(&self, found: &[Found]) -> VariantResult {
        let replications: Vec<Search> = found.iter().map(|f| f.search.clone()).collect();
        let middles: Option<Vec<f64>> = replications
            .iter()
            .map(|s| s.stays.map(|stays| f64::midpoint(s.returns, stays)))
            .collect();
        let threshold = middles.as_ref().map(|middles| mean(middles));
        let ci95 = middles.as_ref().and_then(|middles| interval(middles));
        let always = replications.iter().filter(|s| s.stays.is_none()).count();
        let note = (always > 0).then(|| {
            let all = replications.len();
            format!("{always} of {all} replications return from everything up to {}", self.limit)
        });
        let (unit, meaning) = match self.over {
            Over::For => ("s", "shortest failure from which the system does not return"),
            Over::Load => (
                "1",
                "smallest load, as a multiple of the file's, at which the system \
                                 does not return from the failure",
            ),
        };
        let metric = Metric {
            unit: unit.to_owned(),
            value: threshold,
            ci95,
            meaning: meaning.to_owned(),
            note,
            ..Metric::default()
        };
        let runs = found.iter().flat_map(|f| f.digests.iter().copied());
        let digests: Ordered<String> =
            [("runs".to_owned(), digest::over_replications(runs))].into_iter().collect();
        let path = format!("metastable.{}", self.over.word());
        VariantResult {
            digest: digest::over_components(digests.iter()),
            digests,
            events: found.iter().map(|f| f.events).sum(),
            phases: Phases { converged: true, ..Phases::default() },
            topology: self.variant.topology.clone(),
            metrics: [(path, metric)].into_iter().collect(),
            advice: self.variant.advice.clone(),
            metastability: Some(Metastability {
                failure: self.variant.blueprint.failures[self.failure].name.clone(),
                over: self.over.word().to_owned(),
                within_s: self.within.as_secs(),
                window_s: self.window().as_secs(),
                limit: self.limit,
                stated: self.stated,
                threshold,
                ci95,
                runs: replications.iter().map(Search::runs).sum(),
                replications,
            }),
            ..VariantResult::default()
        }
    }
}

/// The architecture under `factor` times its load.
fn scaled(blueprint: &Blueprint, factor: f64) -> Result<Blueprint, String> {
    let no_scale =
        |who: &str| format!("the rate of {who} consists of given instants: it has no multiple");
    let mut scaled = blueprint.clone();
    for client in &mut scaled.clients {
        match &mut client.load {
            Load::Open(rate) => {
                *rate = rate.scaled(factor).ok_or_else(|| no_scale(&client.name))?;
            }
            Load::Closed { users, .. } => {
                *users = ((f64::from(*users) * factor).round() as u32).max(1);
            }
        }
    }
    for service in &mut scaled.services {
        for source in &mut service.sources {
            source.rate = source.rate.scaled(factor).ok_or_else(|| no_scale(&service.name))?;
        }
    }
    // What a planned change makes of it is under the same load.
    for set in &mut scaled.sets {
        *set = self::scaled(set, factor)?;
    }
    Ok(scaled)
}

/// Seconds as a duration in whole milliseconds.
fn whole_ms(seconds: f64) -> SimDuration {
    SimDuration::from_ms((seconds * 1000.0).round() as u64)
}

/// What one replication found.
#[derive(Clone, Debug)]
struct Found {
    search: Search,
    events: u64,
    digests: Vec<u64>,
    limit: Option<String>,
}

/// The search of one replication.
struct Hunt<'a> {
    trigger: &'a Trigger<'a>,
    parties: Vec<Party>,
    wanted: BTreeSet<String>,
    /// Root seed and replication.
    luck: (u64, u64),
    control: Control<'a>,
    /// What has been counted of this search's part of the progress.
    counted: u64,
    found: Found,
}

impl<'a> Hunt<'a> {
    fn new(trigger: &'a Trigger<'a>, luck: (u64, u64), control: Control<'a>) -> Self {
        let parties = parties(trigger.variant);
        let wanted = parties.iter().flat_map(Party::wanted).collect();
        let search = Search::default();
        let found = Found { search, events: 0, digests: Vec::new(), limit: None };
        Self { trigger, parties, wanted, luck, control, counted: 0, found }
    }

    /// Doubles from what the file states until the system stays down or the limit is reached, then
    /// halves the bracket.
    fn search(&mut self, simulate: &Simulate) -> Result<Found, Cancelled> {
        let limit = self.trigger.limit;
        let mut value = self.round(self.trigger.stated.unwrap_or(FIRST_S).min(limit));
        loop {
            let fate = self.trial(value, simulate)?;
            if fate != Fate::Returns {
                break;
            }
            if value >= limit {
                return Ok(self.finish());
            }
            value = self.round((2.0 * value).min(limit));
        }
        // A system that is down anyway is not brought down by a longer failure.
        let down = self.trigger.over == Over::For
            && self.found.search.trials.last().is_some_and(|t| t.outcome == Fate::Overloaded);
        if down {
            self.found.search.stays = Some(0.0);
            return Ok(self.finish());
        }
        loop {
            let Search { returns, stays, .. } = self.found.search;
            let stays = stays.unwrap_or(limit);
            let middle = self.round(f64::midpoint(returns, stays));
            if stays - returns <= PRECISION * stays || middle <= returns || middle >= stays {
                self.confirm(stays, simulate)?;
                return Ok(self.finish());
            }
            self.trial(middle, simulate)?;
        }
    }

    /// Lengths are whole milliseconds.
    fn round(&self, value: f64) -> f64 {
        match self.trigger.over {
            Over::For => whole_ms(value).as_secs(),
            Over::Load => value,
        }
    }

    fn finish(&mut self) -> Found {
        self.control.progress.fetch_add(1000 - self.counted, Ordering::Relaxed);
        self.counted = 1000;
        self.found.clone()
    }

    /// Looks again much later.
    fn confirm(&mut self, stays: f64, simulate: &Simulate) -> Result<(), Cancelled> {
        if self.found.search.trial(stays).is_some_and(|trial| trial.outcome == Fate::Stays) {
            let within = SimDuration::from_ns(self.trigger.within.ns().saturating_mul(FOR_GOOD));
            self.found.search.later = Some(self.pair(stays, within, simulate)?);
        }
        Ok(())
    }

    /// Tries a value.
    fn trial(&mut self, value: f64, simulate: &Simulate) -> Result<Fate, Cancelled> {
        let trial = self.pair(value, self.trigger.within, simulate)?;
        let outcome = trial.outcome;
        let search = &mut self.found.search;
        match outcome {
            Fate::Returns => search.returns = value,
            Fate::Stays | Fate::Overloaded => search.stays = Some(value),
        }
        search.trials.push(trial);
        let step = (1000 / TRIALS).min(1000 - self.counted);
        self.counted += step;
        self.control.progress.fetch_add(step, Ordering::Relaxed);
        Ok(outcome)
    }

    /// A run with the failure beside one without.
    fn pair(
        &mut self,
        value: f64,
        within: SimDuration,
        simulate: &Simulate,
    ) -> Result<Trial, Cancelled> {
        let [with, without] = self.trigger.pair(value, within);
        let with = self.run(&with, simulate)?;
        let without = self.run(&without, simulate)?;
        let late = self.trigger.within.as_secs();
        let down = self.parties.iter().find(|party| party.is_down(&without, BACK, late));
        let away = self.parties.iter().find(|party| !party.is_back(&without, &with, BACK));
        let outcome = match (down, away) {
            (Some(_), _) => Fate::Overloaded,
            (None, Some(_)) => Fate::Stays,
            (None, None) => Fate::Returns,
        };
        let clients = self.parties.iter().any(|party| party.client);
        let seconds = self.trigger.window().as_secs();
        let goodput = |readings: &Readings| -> f64 {
            let counted = self.parties.iter().filter(|party| party.client == clients);
            counted.map(|party| party.goodput(readings, seconds)).sum()
        };
        let (goodput, reference) = (goodput(&with), goodput(&without));
        let who = down.or(away).map(|party| party.name.clone());
        Ok(Trial { value, outcome, goodput, reference, who })
    }

    fn run(&mut self, blueprint: &Blueprint, simulate: &Simulate) -> Result<Readings, Cancelled> {
        let uncounted = AtomicU64::new(0);
        let control = Control { progress: &uncounted, ..self.control };
        let record = simulate(blueprint, self.luck.0, self.luck.1, control)?;
        let run = Replication::new(record, true);
        self.found.events += run.events;
        self.found.digests.extend(run.digests.iter().map(|(_, digest)| *digest));
        if self.found.limit.is_none() {
            self.found.limit.clone_from(&run.limit);
        }
        Ok(Readings::of(&run, &self.wanted))
    }
}
