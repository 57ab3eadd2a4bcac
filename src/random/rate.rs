//! How often something happens: the rates that a scenario can name.
//!
//! What a rate is and how high it is on average; its instants are in [`Arrivals`](super::Arrivals).

use std::sync::Arc;

use super::Variate;
use crate::units::SimTime;

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// When events arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Rate {
    /// Poisson.
    Poisson(Frequency),
    /// At each multiple of an interval, the first after one interval.
    Periodic {
        /// The interval in nanoseconds, at least 1, not necessarily whole.
        interval_ns: f64,
    },
    /// Independent gaps of one distribution, the first from the start of the run.
    Gaps(Variate),
    /// Poisson at a rate that is a step function of the time since the start of the run, and 0
    /// before the first step.
    Steps(Arc<[Step]>),
    /// Poisson at the rates of several states in turn, for ever.
    Cycle(Arc<[State]>),
    /// At given instants.
    Trace(Arc<Instants>),
    /// Each individual of a population at every multiple of an interval after a drawn phase.
    Each(Individuals),
}

/// Instants to be replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Instants {
    /// In ascending order; at least one.
    pub(super) at: Box<[SimTime]>,
    /// The file that they come from.
    pub(super) path: String,
}

/// Individuals of a population that take turns.
#[derive(Clone, Debug, PartialEq)]
pub struct Individuals {
    /// Time from one event of an individual to its next, in nanoseconds.
    pub(super) interval_ns: f64,
    /// The entity, as the text names it.
    pub of: Arc<str>,
    /// How many there are.
    pub count: u32,
}

/// So many per second, minute or hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frequency {
    pub(super) count: f64,
    pub(super) per: Per,
}

/// The unit of time that a frequency is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Per {
    Second,
    Minute,
    Hour,
}

impl Per {
    pub(super) const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
        }
    }

    fn ns(self) -> f64 {
        match self {
            Self::Second => SECOND,
            Self::Minute => 60.0 * SECOND,
            Self::Hour => 3600.0 * SECOND,
        }
    }
}

impl Frequency {
    /// Mean number per second.
    pub fn per_s(self) -> f64 {
        self.count / (self.per.ns() / SECOND)
    }

    /// Mean time from one to the next in nanoseconds, infinite for a frequency of 0.
    #[inline]
    pub(super) fn gap_ns(self) -> f64 {
        self.per.ns() / self.count
    }
}

/// From an instant on, a rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub(super) from: SimTime,
    pub(super) rate: Frequency,
}

/// For a while, a rate.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub(super) rate: Frequency,
    pub(super) lasts: Variate,
}

impl Rate {
    /// Mean number per second over `from`..`to`; the long-run mean where the instants of the
    /// changes are random.
    pub fn mean_per_s(&self, from: SimTime, to: SimTime) -> f64 {
        let (from, to) = (from.ns() as f64, to.ns() as f64);
        let count_before = |t: f64| match self {
            Self::Steps(steps) => steps_before(steps, t),
            Self::Cycle(states) => cycle_before(states, t),
            Self::Trace(trace) => trace.at.partition_point(|at| (at.ns() as f64) < t) as f64,
            steady => t / SECOND * steady.peak_per_s(),
        };
        if from >= to {
            return self.per_s_at(from);
        }
        (count_before(to) - count_before(from)) / ((to - from) / SECOND)
    }

    /// Highest rate that ever holds, per second; for gaps and instants the mean.
    pub fn peak_per_s(&self) -> f64 {
        match self {
            Self::Poisson(frequency) => frequency.per_s(),
            Self::Periodic { interval_ns } => SECOND / interval_ns,
            Self::Gaps(gap) => SECOND / gap.mean_ns(),
            Self::Steps(steps) => steps.iter().map(|step| step.rate.per_s()).fold(0.0, f64::max),
            Self::Cycle(states) => {
                states.iter().map(|state| state.rate.per_s()).fold(0.0, f64::max)
            }
            Self::Trace(trace) => trace.mean_per_s(),
            Self::Each(each) => SECOND / each.interval_ns * f64::from(each.count),
        }
    }

    /// The population whose individuals take turns, if it is that kind of rate.
    pub fn individuals(&self) -> Option<&Individuals> {
        if let Self::Each(each) = self { Some(each) } else { None }
    }

    /// The same, to be told how many there are.
    pub fn individuals_mut(&mut self) -> Option<&mut Individuals> {
        if let Self::Each(each) = self { Some(each) } else { None }
    }

    /// Whether a source may go over from this rate to `other` and keep its draws.
    pub fn can_become(&self, other: &Self) -> bool {
        let flows = |rate: &Self| !matches!(rate, Self::Trace(_) | Self::Each(_));
        flows(self) && flows(other)
    }

    /// The rate that holds at the instant `t` ns.
    fn per_s_at(&self, t: f64) -> f64 {
        match self {
            Self::Steps(steps) => {
                let passed = steps.partition_point(|step| step.from.ns() as f64 <= t);
                passed.checked_sub(1).map_or(0.0, |i| steps[i].rate.per_s())
            }
            Self::Cycle(states) => cycle_mean(states),
            steady => steady.peak_per_s(),
        }
    }
}

impl Instants {
    /// From the start of the run to the last of them.
    fn mean_per_s(&self) -> f64 {
        let last = self.at.last().map_or(0, |at| at.ns()).max(1);
        self.at.len() as f64 / (last as f64 / SECOND)
    }
}

/// Mean number of arrivals in the first `t` ns.
fn steps_before(steps: &[Step], t: f64) -> f64 {
    let ends = steps.iter().skip(1).map(|step| step.from.ns() as f64).chain([f64::INFINITY]);
    let spans = steps.iter().zip(ends).map(|(step, end)| {
        (end.min(t) - step.from.ns() as f64).max(0.0) / SECOND * step.rate.per_s()
    });
    spans.fold(0.0, |sum, count| sum + count)
}

/// Mean number of arrivals per second over many turns.
fn cycle_mean(states: &[State]) -> f64 {
    let (count, ns) = one_turn(states);
    count / (ns / SECOND)
}

/// Mean number of arrivals in one turn, and its mean length in ns.
fn one_turn(states: &[State]) -> (f64, f64) {
    states.iter().fold((0.0, 0.0), |(count, ns), state| {
        let lasts = state.lasts.mean_ns();
        (count + state.rate.per_s() * lasts / SECOND, ns + lasts)
    })
}

/// Mean number of arrivals in the first `t` ns: by whole turns and the states of the last if their
/// lengths are fixed, else by the long-run mean.
fn cycle_before(states: &[State], t: f64) -> f64 {
    if states.iter().any(|state| state.lasts.as_constant().is_none()) {
        return t / SECOND * cycle_mean(states);
    }
    let (count, ns) = one_turn(states);
    let turns = libm::floor(t / ns);
    let mut left = t - turns * ns;
    states.iter().fold(turns * count, |sum, state| {
        let spent = state.lasts.mean_ns().min(left);
        left -= spent;
        sum + spent / SECOND * state.rate.per_s()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str, from: u64, to: u64, expected: f64) {
        let rate: Rate = text.parse().unwrap();
        check(&rate, from, to, expected);
    }

    fn check(rate: &Rate, from: u64, to: u64, expected: f64) {
        let second = |s: u64| SimTime::from_ns(s * 1_000_000_000);
        let mean = rate.mean_per_s(second(from), second(to));
        assert!((mean - expected).abs() < 1e-9 * expected.max(1.0), "{rate}: {mean}");
    }

    #[test]
    fn steady_rates_have_one_mean() {
        near("100/s", 5, 50, 100.0);
        near("6/m", 0, 50, 0.1);
        near("9/h", 0, 50, 0.0025);
        near("every 10ms", 3, 4, 100.0);
        near("every ~10ms", 3, 4, 100.0);
        near("every 0s..20ms", 3, 4, 100.0);
        near("every pareto 5ms 0.9", 3, 4, 0.0);
        near("0/s", 3, 4, 0.0);
    }

    #[test]
    fn the_mean_of_steps_is_their_integral() {
        let steps = Rate::parse_steps(&["1s 100/s", "10s 500/s", "20s 0/s"]).unwrap();
        check(&steps, 0, 1, 0.0);
        check(&steps, 0, 2, 50.0);
        check(&steps, 9, 11, 300.0);
        check(&steps, 0, 40, (900.0 + 5000.0) / 40.0);
        check(&steps, 5, 5, 100.0);
        check(&steps, 20, 20, 0.0);
        check(&steps, 0, 0, 0.0);
        assert_eq!(steps.peak_per_s(), 500.0);
    }

    #[test]
    fn the_mean_of_a_cycle_is_its_integral_or_its_long_run_mean() {
        near("cycle 120/s 1s, 30/s 2s", 0, 1, 120.0);
        near("cycle 120/s 1s, 30/s 2s", 0, 3, 60.0);
        near("cycle 120/s 1s, 30/s 2s", 5, 7, 75.0);
        near("cycle 120/s 1s, 30/s 2s", 4, 4, 60.0);
        near("cycle 120/s ~500ms, 30/s ~1s", 0, 1, 60.0);
        assert_eq!("cycle 120/s ~500ms, 30/s ~1s".parse::<Rate>().unwrap().peak_per_s(), 120.0);
    }
}
