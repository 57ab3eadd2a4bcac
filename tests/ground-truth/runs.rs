//! What real brokers did, and what the scenarios say about it: shared by the test and by the
//! command that writes docs/ground-truth.md. Knows nothing of how they are simulated.

use serde::Deserialize;
use std::collections::BTreeMap;
use tidelag::results::VariantResult;

/// Scenario file, variant, run, service.
pub(crate) const RUNS: &[(&str, &str, &str, &str)] = &[
    ("e1-load", "base", "e1-rabbitmq-exp-rho080", "s1"),
    ("e1-load", "s2", "e1-rabbitmq-exp-rho080-s2", "s1"),
    ("e2-fanout", "base", "e2-rabbitmq-fanout3", "fast"),
    ("e2-fanout", "base", "e2-rabbitmq-fanout3", "medium"),
    ("e2-fanout", "base", "e2-rabbitmq-fanout3", "slow"),
    ("e2-fanout", "s2", "e2-rabbitmq-fanout3-s2", "fast"),
    ("e2-fanout", "s2", "e2-rabbitmq-fanout3-s2", "medium"),
    ("e2-fanout", "s2", "e2-rabbitmq-fanout3-s2", "slow"),
    ("e3-stall", "base", "e3-rabbitmq-stall10", "s1"),
    ("e3-stall", "base", "e3-rabbitmq-stall10-r2", "s1"),
    ("e3-stall", "s2", "e3-rabbitmq-stall10-s2", "s1"),
    ("e3-stall", "kill", "e3x-rabbitmq-kill10", "s1"),
    ("e3-stall", "nats", "e3-nats-stall10", "s1"),
    ("e3-stall", "redis", "e3-redis-stall10", "s1"),
    ("e4-competing", "base", "e4-rabbitmq-shared-w4", "s1"),
    ("e4-competing", "s2", "e4-rabbitmq-shared-w4-s2", "s1"),
    ("e5-redelivery", "base", "e5-rabbitmq-nack5", "s1"),
    ("e5-redelivery", "ack-lost", "e5-nats-acklost5-redeliver2s", "s1"),
    ("e5-redelivery", "no-ack", "e5-redis-noack5-redeliver2s", "s1"),
    ("e7-outbox", "base", "e7-outbox-poll100", "s1"),
    ("e7-outbox", "s2", "e7-outbox-poll100-s2", "s1"),
    ("e8-restart", "base", "e8-rabbitmq-term5", "s1"),
    ("e8-restart", "nats", "e8-nats-kill5", "s1"),
    ("e8-restart", "redis", "e8-redis-kill5", "s1"),
];

/// Scenario files, each once.
pub(crate) fn files() -> Vec<&'static str> {
    let mut files: Vec<&str> = RUNS.iter().map(|r| r.0).collect();
    files.dedup();
    files
}

/// What was measured of one subscriber, in ms but for the peak and the drain.
#[derive(Deserialize)]
pub(crate) struct Measured {
    mean: f64,
    p99: f64,
    peak: Option<f64>,
    drain_s: Option<f64>,
    drained_threshold: Option<f64>,
    #[serde(default = "within_3_percent")]
    mean_goal: f64,
    #[serde(default = "within_5_percent")]
    p99_goal: f64,
}

fn within_3_percent() -> f64 {
    0.03
}

fn within_5_percent() -> f64 {
    0.05
}

#[derive(Deserialize)]
struct Run {
    #[serde(default)]
    before_commit_ms: f64,
    #[serde(default)]
    outage_ends_s: f64,
    #[serde(flatten)]
    services: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct File {
    run: BTreeMap<String, Run>,
}

/// One number: what it is, measured, simulated, and the relative error that is accepted.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) measured: f64,
    pub(crate) simulated: f64,
    pub(crate) goal: f64,
}

impl Line {
    /// Relative error of the simulation.
    pub(crate) fn error(&self) -> f64 {
        (self.simulated - self.measured) / self.measured
    }

    /// Whether the goal is met.
    pub(crate) fn holds(&self) -> bool {
        self.error().abs() <= self.goal
    }

    /// One row of docs/ground-truth.md.
    pub(crate) fn row(&self) -> String {
        format!(
            "| {} | {:.3} | {:.3} | {:+.2} % | {:.0} % | {} |",
            self.name,
            self.measured,
            self.simulated,
            100.0 * self.error(),
            100.0 * self.goal,
            if self.holds() { "met" } else { "missed" }
        )
    }
}

/// The lines of one run and subscriber.
pub(crate) fn lines(run: &str, service: &str, found: &VariantResult) -> Vec<Line> {
    let all: File = toml::from_str(include_str!("runs.toml")).expect("runs.toml is well formed");
    let of_run = &all.run[run];
    let measured: Measured =
        of_run.services[service].clone().try_into().expect("what was measured of the subscriber");
    let value = |metric: &str| {
        let path = format!("{service}.{metric}");
        found.metrics.get(&path).and_then(|m| m.value).unwrap_or(f64::NAN)
    };
    let line = |what: &str, measured: f64, simulated: f64, goal: f64| Line {
        name: format!("{run}: {service} {what}"),
        measured,
        simulated,
        goal,
    };
    let lag = |q: &str| value(&format!("lag.{q}")) * 1e3 + of_run.before_commit_ms;
    let mut lines = vec![
        line("mean lag, ms", measured.mean, lag("mean"), measured.mean_goal),
        line("p99 lag, ms", measured.p99, lag("p99"), measured.p99_goal),
    ];
    if let (Some(peak), Some(drain), Some(threshold)) =
        (measured.peak, measured.drain_s, measured.drained_threshold)
    {
        lines.push(line("peak backlog", peak, value("inflight.max"), 0.01));
        let series = found.series.get(&format!("{service}.backlog.mean"));
        let drained = series.and_then(|s| {
            let bin = first_low(&s.values, threshold)?;
            Some(bin as f64 * s.bin_s - of_run.outage_ends_s)
        });
        lines.push(line("drain, s", drain, drained.unwrap_or(f64::NAN), 0.03));
    }
    lines
}

/// First bin from the highest one on that is at most `threshold`: while a broker is away nothing
/// waits at it.
fn first_low(values: &[Option<f64>], threshold: f64) -> Option<usize> {
    let highest = values.iter().flatten().fold(0.0, |a: f64, &b| a.max(b));
    let peak = values.iter().position(|v| *v == Some(highest))?;
    (peak..values.len()).find(|&at| values[at].is_some_and(|v| v <= threshold))
}
