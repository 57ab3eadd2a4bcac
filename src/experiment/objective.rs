//! What is expected of each client and service, and whether a failure breaks it: the run with the
//! failure is held against the run of the same replication without.
//!
//! Knows nothing of which failure it was.

use super::interval::mean;
use super::judge::keeps;
use super::reduce::{Number, Replication};
use crate::model::{Blueprint, Service, Trigger};
use crate::scenario::{Bound, Expect, Variant};
use std::collections::{BTreeMap, BTreeSet};

/// A client is unharmed if this share of the requests that succeed without the failure succeeds.
const AVAILABLE: f64 = 0.999;
/// Lag and latency are unharmed up to this many times what they are without the failure,
const TIMES: f64 = 2.0;
/// and in any case up to this many seconds.
const ANY_S: f64 = 1.0;
/// More events than this share that never arrive are a lag without end.
const NEVER: f64 = 0.01;

/// Metrics by which somebody notices that a service is worse; `true`: less is worse.
const NOTICED: [(&str, bool); 10] = [
    ("availability", true),
    ("fulfilled", true),
    ("goodput", true),
    ("latency", false),
    ("lag", false),
    ("e2e", false),
    ("stale", false),
    ("aoi", false),
    ("ttr", false),
    ("ledger", false),
];
/// What a ledger counts that should happen.
const WANTED: [&str; 2] = ["ledger.applied", "ledger.committed"];
/// States of the ledger in which an event is missing for good.
const MISSING: [&str; 5] = ["lost", "dropped", "rejected", "expired", "dead_lettered"];

/// The numbers of a run that somebody's objectives need, by their paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(BTreeMap<String, Number>);

impl Readings {
    /// Of a replication that has its names.
    pub(super) fn of(replication: &Replication, wanted: &BTreeSet<String>) -> Self {
        let named = replication.heads.iter().zip(&replication.numbers);
        let kept = named.filter(|(head, _)| wanted.contains(&head.path));
        Self(kept.map(|(head, number)| (head.path.clone(), number.clone())).collect())
    }

    /// A number, if it is known.
    pub(super) fn value(&self, path: &str) -> Option<f64> {
        self.0.get(path)?.value.clone().ok()
    }

    /// Samples of a tally that ended, and those that did not.
    fn samples(&self, path: &str) -> (u64, u64) {
        self.0.get(&format!("{path}.count")).and_then(|n| n.samples).unwrap_or_default()
    }

    /// Share of the samples that did not end.
    fn never(&self, path: &str) -> f64 {
        let (ended, open) = self.samples(path);
        open as f64 / ended.saturating_add(open).max(1) as f64
    }
}

/// Mean over the replications, if all have a value.
pub(super) fn mean_of(readings: &[&Readings], path: &str) -> Option<f64> {
    let values: Option<Vec<f64>> = readings.iter().map(|r| r.value(path)).collect();
    values.filter(|values| !values.is_empty()).map(|values| mean(&values))
}

/// One objective.
#[derive(Clone, Debug)]
enum Line {
    /// A line of `[expect]`.
    Stated(Expect),
    /// Requests succeed as they do without the failure.
    Available,
    /// Answers are as fast as they are without the failure.
    Fast,
    /// Events are shown as soon as they are without the failure.
    Fresh,
    /// No more events are missing than without the failure.
    Complete,
}

/// A client or a service of which something is expected.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) name: String,
    pub(super) client: bool,
    /// Whether it hears events.
    hears: bool,
    lines: Vec<Line>,
}

/// Whether a service hears events.
pub(super) fn hears(service: &Service) -> bool {
    service.handlers.iter().any(|handler| matches!(handler.trigger, Trigger::On(_)))
}

/// Clients, then services, each with the lines of `[expect]` that are about what it offers.
pub(super) fn parties(variant: &Variant) -> Vec<Party> {
    let Blueprint { clients, services, .. } = &variant.blueprint;
    let party = |name: &String, client, hears| Party {
        name: name.clone(),
        client,
        hears,
        lines: Vec::new(),
    };
    let mut parties: Vec<Party> =
        clients.iter().map(|client| party(&client.name, true, false)).collect();
    parties.extend(services.iter().map(|s| party(&s.name, false, hears(s))));
    for line in &variant.expect {
        let relative = matches!(line.bound, Bound::Relative { .. });
        let owner = parties
            .iter_mut()
            .filter(|party| about(&line.metric, &party.name).is_some())
            .max_by_key(|party| party.name.len());
        if let Some(owner) = owner.filter(|_| !relative)
            && about(&line.metric, &owner.name).and_then(less_is_worse).is_some()
        {
            owner.lines.push(Line::Stated(line.clone()));
        }
    }
    parties
}

/// What a metric says of a client or service: `lag.p99` of `email.lag.p99` and `E@email.lag.p99`.
fn about<'a>(metric: &'a str, name: &str) -> Option<&'a str> {
    let own = metric.split_once('@').map_or(metric, |(_, own)| own);
    own.strip_prefix(name)?.strip_prefix('.')
}

/// Whether less of it is worse; nothing if nobody would notice.
fn less_is_worse(quantity: &str) -> Option<bool> {
    if WANTED.contains(&quantity) {
        return Some(true);
    }
    let family = quantity.split('.').next().unwrap_or_default();
    NOTICED.iter().find(|(name, _)| *name == family).map(|(_, less)| *less)
}

impl Party {
    /// Paths of all numbers that its objectives may need.
    pub(super) fn wanted(&self) -> Vec<String> {
        let own = |what: &str| format!("{}.{what}", self.name);
        let mut paths: Vec<String> = Vec::new();
        for line in &self.lines {
            if let Line::Stated(line) = line {
                paths.push(line.metric.clone());
            }
        }
        if self.client {
            paths.extend(["availability", "latency.p99", "latency.max", "latency.count"].map(own));
        } else {
            paths.push(own("goodput"));
        }
        if self.hears {
            paths.extend(["lag.p99", "lag.max", "lag.count"].map(own));
            paths.extend(MISSING.map(|state| own(&format!("ledger.{state}"))));
        }
        paths
    }

    /// Keeps the stated lines that hold without any failure: the others say what a failure does,
    /// and are no objectives. Where none is left the usual ones are taken. Returns whether there
    /// are any.
    pub(super) fn settle(&mut self, healthy: &[&Readings]) -> bool {
        self.lines.retain(|line| match line {
            Line::Stated(line) => mean_of(healthy, &line.metric)
                .is_some_and(|value| keeps(value, &line.bound) == Some(true)),
            _ => true,
        });
        if self.lines.is_empty() && self.client {
            self.lines = vec![Line::Available, Line::Fast];
        } else if self.lines.is_empty() && self.hears {
            self.lines = vec![Line::Fresh, Line::Complete];
        }
        !self.lines.is_empty()
    }

    /// Its objectives in words.
    pub(super) fn objectives(&self) -> Vec<String> {
        self.lines.iter().map(|line| self.text(line)).collect()
    }

    fn text(&self, line: &Line) -> String {
        let name = &self.name;
        match line {
            Line::Stated(line) => format!("{} {}", line.metric, line.text),
            Line::Available => format!("{name}.availability >= 99.9% of that without the failure"),
            Line::Fast => format!("{name}.latency.p99 <= max(2x that without the failure, 1s)"),
            Line::Fresh => format!("{name}.lag.p99 <= max(2x that without the failure, 1s)"),
            Line::Complete => {
                format!("{name}: no more events missing for good than without the failure")
            }
        }
    }

    /// The objectives that hold in the run without the failure and break in the one with it: their
    /// places among all, each with the metric that says so.
    pub(super) fn broken(&self, without: &Readings, with: &Readings) -> Vec<(usize, String)> {
        let lines = self.lines.iter().enumerate();
        lines.filter_map(|(at, line)| Some((at, self.breaks(line, without, with)?))).collect()
    }

    fn breaks(&self, line: &Line, without: &Readings, with: &Readings) -> Option<String> {
        let name = &self.name;
        match line {
            Line::Stated(line) => {
                let before = without.value(&line.metric)?;
                let after = with.value(&line.metric);
                let less = about(&line.metric, name).and_then(less_is_worse)?;
                let held = keeps(before, &line.bound) == Some(true);
                let broken = after.is_none_or(|after| {
                    let worse = if less { after < before } else { after > before };
                    worse && keeps(after, &line.bound) != Some(true)
                });
                // Nothing was committed: nothing can be late.
                let idle = after.is_none() && self.hears && nothing_due(with, name);
                (held && broken && !idle).then(|| line.metric.clone())
            }
            Line::Available => {
                let path = format!("{name}.availability");
                let before = without.value(&path)?;
                let kept = with.value(&path).is_some_and(|after| after >= AVAILABLE * before);
                (!kept).then_some(path)
            }
            Line::Fast => {
                let (path, before, after) =
                    by_same_statistic(without, with, &format!("{name}.latency"))?;
                slower(before, after).then_some(path)
            }
            Line::Fresh => later(without, with, name),
            Line::Complete => {
                let path = |state: &str| format!("{name}.ledger.{state}");
                let more = |state: &str| {
                    let path = path(state);
                    with.value(&path).unwrap_or(0.0) - without.value(&path).unwrap_or(0.0)
                };
                let most = MISSING.into_iter().max_by(|a, b| more(a).total_cmp(&more(b)))?;
                let all: f64 = MISSING.into_iter().map(more).sum();
                (all > 0.0).then(|| path(most))
            }
        }
    }

    /// The metric that says how it fares when nothing is broken.
    pub(super) fn usual_metric(&self, without: &[&Readings], with: &[&Readings]) -> String {
        if self.client {
            return format!("{}.availability", self.name);
        }
        let [p99, max] = ["p99", "max"].map(|stat| format!("{}.lag.{stat}", self.name));
        let known = |path: &str| mean_of(without, path).is_some() && mean_of(with, path).is_some();
        if known(&p99) { p99 } else { max }
    }

    /// Whether it is back in the run with the failure: a client gets at least `share` of the
    /// answers, a subscriber is no later.
    pub(super) fn is_back(&self, without: &Readings, with: &Readings, share: f64) -> bool {
        if self.client {
            let answered = format!("{}.latency.count", self.name);
            let [before, after] = [without, with].map(|r| r.value(&answered).unwrap_or(0.0));
            return after >= share * before;
        }
        !self.hears || later(without, with, &self.name).is_none()
    }

    /// Whether it is down in a run without any failure: a client gets less than `share` of what it
    /// asks for, a subscriber is more than `late` seconds late.
    pub(super) fn is_down(&self, healthy: &Readings, share: f64, late: f64) -> bool {
        if self.client {
            let path = format!("{}.availability", self.name);
            return healthy.value(&path).is_some_and(|available| available < share);
        }
        let lag = format!("{}.lag", self.name);
        let statistic = |stat| healthy.value(&format!("{lag}.{stat}"));
        self.hears
            && (healthy.never(&lag) > NEVER
                || statistic("p99").or_else(|| statistic("max")).is_some_and(|lag| lag > late))
    }

    /// What it gets done: answers to a client, else facts applied per second.
    pub(super) fn goodput(&self, readings: &Readings, seconds: f64) -> f64 {
        let own = |what| readings.value(&format!("{}.{what}", self.name)).unwrap_or(0.0);
        match (self.client, self.hears) {
            (true, _) => own("latency.count") / seconds,
            (false, true) => own("goodput"),
            (false, false) => 0.0,
        }
    }
}

/// Whether no event was committed that a service should have shown.
fn nothing_due(readings: &Readings, name: &str) -> bool {
    readings.samples(&format!("{name}.lag")) == (0, 0)
}

fn slower(before: f64, after: f64) -> bool {
    after > (TIMES * before).max(ANY_S)
}

/// The path and both values of a tally's p99 if both runs have one, else of its largest.
fn by_same_statistic(
    without: &Readings,
    with: &Readings,
    tally: &str,
) -> Option<(String, f64, f64)> {
    ["p99", "max"].into_iter().find_map(|stat| {
        let path = format!("{tally}.{stat}");
        let (before, after) = (without.value(&path)?, with.value(&path)?);
        Some((path, before, after))
    })
}

/// The metric by which a subscriber is later than it would be, if it is.
fn later(without: &Readings, with: &Readings, name: &str) -> Option<String> {
    let lag = format!("{name}.lag");
    if nothing_due(with, name) || nothing_due(without, name) {
        return None;
    }
    if with.never(&lag) > without.never(&lag) + NEVER {
        return Some(format!("{lag}.p99"));
    }
    let (path, before, after) = by_same_statistic(without, with, &lag)?;
    slower(before, after).then_some(path)
}
