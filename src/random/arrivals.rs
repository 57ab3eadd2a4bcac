//! The instants of a source, one after the other.
//!
//! Arrival n takes draw n of its stream. A Poisson source is one process of rate 1 whose gaps are stretched by the
//! rate that holds, so a changed rate moves instants and changes no draw.

use std::sync::Arc;

use super::exponential::standard_exponential;
use super::rate::{Rate, State, Step};
use super::variate::nearest;
use super::{Draw, StreamKey, Variate};
use crate::units::SimTime;

/// The arrivals of one source in ascending order.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Index of the next arrival.
    n: u64,
    /// The last arrival, in ns.
    now: u64,
    /// No arrival at or after this, in ns.
    end: u64,
    gaps: StreamKey,
    process: Process,
}

#[derive(Clone, Debug)]
enum Process {
    Poisson { gap_ns: f64 },
    Periodic { interval_ns: f64 },
    Gaps(Variate),
    Profile(Profile),
}

/// A Poisson rate that changes.
#[derive(Clone, Debug)]
struct Profile {
    plan: Plan,
    states: StreamKey,
    /// Index of the next segment.
    next: u64,
    /// Mean gap of the present segment; infinite if nothing arrives.
    gap_ns: f64,
    /// End of the present segment, in ns.
    until: u64,
}

#[derive(Clone, Debug)]
enum Plan {
    Steps(Arc<[Step]>),
    Cycle(Arc<[State]>),
}

impl Arrivals {
    /// The arrivals at `rate`: gap n is draw n of the stream `gaps`, the length of the n-th state of a cycle draw n of
    /// the stream `states`.
    pub fn new(rate: &Rate, gaps: StreamKey, states: StreamKey) -> Self {
        let profile = |plan| {
            // Before the first segment nothing arrives.
            Process::Profile(Profile { plan, states, next: 0, gap_ns: f64::INFINITY, until: 0 })
        };
        let process = match rate {
            Rate::Poisson(frequency) => Process::Poisson { gap_ns: frequency.gap_ns() },
            Rate::Periodic { interval_ns } => Process::Periodic { interval_ns: *interval_ns },
            Rate::Gaps(gap) => Process::Gaps(gap.clone()),
            Rate::Steps(steps) => profile(Plan::Steps(steps.clone())),
            Rate::Cycle(states) => profile(Plan::Cycle(states.clone())),
        };
        // Without arrivals there is nothing to draw.
        let end = if rate.peak_per_s() == 0.0 { 0 } else { u64::MAX };
        Self { n: 0, now: 0, end, gaps, process }
    }

    /// The same arrivals without those at or after `end`.
    #[must_use]
    pub fn stop_at(self, end: SimTime) -> Self {
        Self { end: self.end.min(end.ns()), ..self }
    }

    /// The next arrival; `None` when no more will ever come.
    // Not an iterator: a model asks for one instant at a time, and nothing else.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "no adaptor of an iterator is wanted here")]
    pub fn next(&mut self) -> Option<SimTime> {
        let n = self.n;
        self.n += 1;
        self.now = match &mut self.process {
            Process::Poisson { gap_ns } => {
                let gap = standard_exponential(Draw::new(self.gaps, n, 0)) * *gap_ns;
                self.now.saturating_add(nearest(gap).ns())
            }
            Process::Periodic { interval_ns } => multiple(*interval_ns, self.n),
            Process::Gaps(gap) => self.now.saturating_add(gap.sample(self.gaps, n, 0).ns()),
            Process::Profile(profile) => {
                profile.after(self.now, Draw::new(self.gaps, n, 0), self.end)
            }
        };
        (self.now < self.end).then_some(SimTime::from_ns(self.now))
    }
}

/// `interval` times `n`, exact if the interval is whole.
fn multiple(interval: f64, n: u64) -> u64 {
    if interval == libm::trunc(interval) {
        return (interval as u64).saturating_mul(n);
    }
    (interval * n as f64 + 0.5) as u64
}

impl Profile {
    /// The arrival after the instant `now`; `end` or later if there is none before.
    fn after(&mut self, mut now: u64, draw: Draw, end: u64) -> u64 {
        // In units of the mean gap, whatever that is in each segment on the way.
        let mut need = standard_exponential(draw);
        loop {
            let left = self.until.saturating_sub(now) as f64;
            if self.gap_ns.is_finite() {
                let gap = need * self.gap_ns;
                if gap < left {
                    return now.saturating_add(nearest(gap).ns());
                }
                need -= left / self.gap_ns;
            }
            now = self.until;
            if now >= end {
                return now;
            }
            self.advance();
        }
    }

    /// Enters the next segment.
    fn advance(&mut self) {
        match &self.plan {
            Plan::Steps(steps) => {
                let i = self.next as usize;
                let starts_at = |i: usize| steps.get(i).map_or(u64::MAX, |step| step.from.ns());
                if i == 0 && self.until < starts_at(0) {
                    self.until = starts_at(0);
                    return;
                }
                self.gap_ns = steps[i].rate.gap_ns();
                self.until = starts_at(i + 1);
            }
            Plan::Cycle(states) => {
                let state = &states[(self.next % states.len() as u64) as usize];
                self.gap_ns = state.rate.gap_ns();
                let lasts = state.lasts.sample(self.states, self.next, 0);
                self.until = self.until.saturating_add(lasts.ns());
            }
        }
        self.next += 1;
    }
}
