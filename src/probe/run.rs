//! One replication from start to end: the engine is run from border to border of bins and phases,
//! so that the borders are no events and cost nothing in between.

use super::borders::Border;
use super::history::History;
use super::measure::RunRecord;
use super::record;
use super::standard::Probes;
use crate::engine::{Engine, Limits, Stop};
use crate::model::{Blueprint, World};
use crate::random::Streams;
use crate::units::{SimDuration, SimTime};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bins of the traffic are at most this many.
const BINS: u64 = 600;
/// Series end after this many bins; a longer drain is not shown over time.
const MOST_BINS: usize = 6_000;
/// More events than this within one instant are a loop that takes no time.
const EVENTS_PER_INSTANT: u64 = 1_000_000;

/// How a run is watched and ended from outside.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// Set it and the run ends at the next bin.
    pub cancelled: &'a AtomicBool,
    /// Grows by 1000 over each run.
    pub progress: &'a AtomicU64,
}

/// The run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

/// The smallest 1, 2 or 5 x 10^k ns that cuts `traffic` into at most 600 bins.
pub fn bin_width(traffic: SimDuration) -> SimDuration {
    let mut power = 1u64;
    loop {
        for m in [1, 2, 5] {
            let width = power.saturating_mul(m);
            if traffic.ns().div_ceil(width) <= BINS {
                return SimDuration::from_ns(width);
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Simulates replication number `replication` of an architecture.
///
/// # Errors
/// If `control` cancels it.
///
/// # Panics
/// If an invariant is broken (conservation, segments, Little's law): a defect of this program.
pub fn simulate(
    blueprint: &Blueprint,
    seed: u64,
    replication: u64,
    control: Control<'_>,
) -> Result<RunRecord, Cancelled> {
    let phases = blueprint.phases;
    let engine = engine(blueprint, seed, replication);
    let bin = bin_width(phases.warmup + phases.duration);
    let mut run = Run { engine, blueprint, control, bin, bins: 0, reported: 0 };
    let end = run.finish()?;
    run.engine.model().observer.check(end.converged);
    Ok(record::record(blueprint, run.engine, bin, &end))
}

/// A replication before its first event.
pub(crate) fn engine<H: History>(
    blueprint: &Blueprint,
    seed: u64,
    replication: u64,
) -> Engine<World<Probes<H>>> {
    let probes = Probes::new(blueprint);
    let world = World::new(blueprint, &Streams::new(seed, replication), probes);
    let limits = Limits { events: blueprint.max_events, events_per_instant: EVENTS_PER_INSTANT };
    Engine::new(world, limits, World::start)
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) converged: bool,
    pub(crate) drained: SimDuration,
    /// Length of the measured phase; shorter than planned if a limit ended it.
    pub(crate) measured: SimDuration,
    pub(crate) limit: Option<String>,
}

struct Run<'a> {
    engine: Engine<World<Probes>>,
    blueprint: &'a Blueprint,
    control: Control<'a>,
    bin: SimDuration,
    bins: usize,
    reported: u64,
}

impl Run<'_> {
    fn finish(&mut self) -> Result<End, Cancelled> {
        let phases = self.blueprint.phases;
        let traffic_end = phases.traffic_end();
        let drain_end = traffic_end + phases.drain;
        if phases.warmup == SimDuration::ZERO {
            self.border(SimTime::ZERO, false);
        }
        let mut now = SimTime::ZERO;
        while now < traffic_end {
            let next = self.next_border(now, traffic_end);
            let stop = self.engine.run_until::<false>(next);
            if let Some(limit) = self.limit(stop) {
                return Ok(self.ended_by(limit, traffic_end));
            }
            now = next;
            self.border(now, now == self.bin_end());
            self.report(now, traffic_end)?;
        }
        loop {
            let next = self.next_border(now, drain_end);
            let stop = self.engine.run_until::<true>(next);
            if let Some(limit) = self.limit(stop) {
                return Ok(self.ended_by(limit, traffic_end));
            }
            // Without events nothing will change: the rest of the drain passes in vain.
            let rest = stop == Stop::Rest;
            now = if rest { now.max(self.engine.now()) } else { next };
            if rest || stop == Stop::Empty || now >= drain_end {
                // What came after the last bin of the series counts in the totals all the same.
                self.bins = self.bins.min(MOST_BINS - 1);
                self.border(now, true);
                let drained = if rest { now.since(traffic_end) } else { phases.drain };
                self.report(traffic_end, traffic_end)?;
                return Ok(End {
                    converged: rest,
                    drained,
                    measured: phases.duration,
                    limit: None,
                });
            }
            self.border(now, now == self.bin_end());
            self.report(traffic_end, traffic_end)?;
        }
    }

    fn limit(&self, stop: Stop) -> Option<String> {
        let at = self.engine.now().as_secs();
        match stop {
            Stop::Events => Some(format!(
                "max_events: {} events were reached at {at} s",
                self.blueprint.max_events
            )),
            Stop::Instant => Some(format!(
                "events per instant: {EVENTS_PER_INSTANT} events happened at {at} s without time \
                 passing; something feeds itself and takes no time"
            )),
            Stop::Time | Stop::Rest | Stop::Empty => None,
        }
    }

    fn ended_by(&mut self, limit: String, traffic_end: SimTime) -> End {
        let now = self.engine.now();
        self.cut(now, Border { bin: true, from: false, to: now < traffic_end });
        let phases = self.blueprint.phases;
        End {
            converged: false,
            drained: now.since(traffic_end),
            measured: now.min(traffic_end).since(phases.measure_from()),
            limit: Some(limit),
        }
    }

    fn bin_end(&self) -> SimTime {
        SimTime::from_ns(self.bin.ns().saturating_mul(self.bins as u64 + 1))
    }

    /// The next border after `now`, at most `end`.
    fn next_border(&self, now: SimTime, end: SimTime) -> SimTime {
        let mut next = end;
        if self.bins < MOST_BINS {
            next = next.min(self.bin_end());
        }
        let from = self.blueprint.phases.measure_from();
        if from > now { next.min(from) } else { next }
    }

    fn border(&mut self, now: SimTime, bin: bool) {
        let phases = self.blueprint.phases;
        let bin = bin && self.bins < MOST_BINS;
        let border =
            Border { bin, from: now == phases.measure_from(), to: now == phases.traffic_end() };
        self.cut(now, border);
        self.bins += usize::from(bin);
    }

    fn cut(&mut self, now: SimTime, border: Border) {
        let world = self.engine.model_mut();
        let mut groups = std::mem::take(&mut world.observer.groups);
        groups.sample(now, border, |lane| world.consumer_lag(now, lane));
        world.observer.groups = groups;
        world.observer.boundary(now, border);
    }

    fn report(&mut self, now: SimTime, end: SimTime) -> Result<(), Cancelled> {
        let done = (now.as_secs() / end.as_secs().max(1e-9) * 1000.0) as u64;
        self.control.progress.fetch_add(done - self.reported, Ordering::Relaxed);
        self.reported = done;
        if self.control.cancelled.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::measure::Shape;
    use crate::scenario::testing::scenario;

    #[test]
    fn bins_are_the_finest_round_ones() {
        let width = |s: u64| bin_width(SimDuration::from_secs(s)).as_secs();
        assert_eq!(
            [width(1), width(60), width(61), width(600), width(601), width(360), width(12_500)],
            [0.002, 0.1, 0.2, 1.0, 2.0, 1.0, 50.0]
        );
    }

    #[test]
    fn what_is_older_than_the_run_is_in_the_ledger_and_in_no_lag() {
        let text = "duration = \"2s\"\nwarmup = \"0s\"\n[service.shop]\nemits.E = \"every 100ms\"\n\
                    [service.new]\non.E = { takes = \"2ms\", from = \"earliest\" }\n\
                    [service.old]\non.E = \"2ms\"\n[event.E]\nhistory = 10\n";
        let blueprint = &scenario(text).variants[0].blueprint;
        let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
        let control = Control { cancelled: &cancelled, progress: &progress };
        let record = simulate(blueprint, 1, 0, control).expect("not cancelled");
        let of = |(name, l): &(String, crate::results::Ledger)| {
            (name.clone(), l.committed, l.applied, l.backfill)
        };
        let ledgers: Vec<_> = record.ledgers.iter().map(of).collect();
        assert_eq!(ledgers, [("new".to_owned(), 29, 29, 10), ("old".to_owned(), 19, 19, 0)]);
        for path in ["new.lag", "new.e2e", "old.lag", "E@new.lag", "E.convergence"] {
            let measure = record.measures.iter().find(|m| m.path == path).expect("a metric");
            let Shape::Tally(tally) = &measure.shape else { panic!("{path} is a distribution") };
            // Live ones find nobody at work: 2 ms and the way.
            assert_eq!((tally.count, tally.censored), (19, 0), "{path}");
            assert!(tally.max < 10_000_000, "{path}: {} ns", tally.max);
        }
    }
}
