//! The instants of a source, one after the other.
//!
//! Arrival n takes draw n of its stream. A Poisson source is one process of rate 1 whose gaps are
//! stretched by the rate that holds, so a changed rate moves instants and changes no draw.

use std::sync::Arc;

use super::exponential::standard_exponential;
use super::rate::{Individuals, Instants, Rate, State, Step};
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
    /// The arrival before it, in ns.
    before: u64,
    /// No arrival at or after this, in ns.
    end: u64,
    /// The end of the run, in ns.
    stop: u64,
    gaps: StreamKey,
    states: StreamKey,
    process: Process,
    /// What was left of the gap before the last arrival when the rate last changed: its number, the
    /// instant in ns, and what was left.
    changed: (u64, u64, f64),
}

#[derive(Clone, Debug)]
enum Process {
    Poisson {
        gap_ns: f64,
    },
    /// Multiples of the interval after an instant in ns, which is that of arrival `first`.
    Periodic {
        interval_ns: f64,
        from: u64,
        first: u64,
    },
    Gaps(Variate),
    Profile(Profile),
    Trace(Arc<Instants>),
    Each(Turns),
}

/// Individuals in the order of their phases, over and over.
#[derive(Clone, Debug)]
struct Turns {
    interval_ns: f64,
    /// Phase in ns and individual.
    order: Arc<[(u64, u32)]>,
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
    /// The arrivals at `rate`: gap n is draw n of the stream `gaps`, the length of the n-th state
    /// of a cycle draw n of the stream `states`.
    pub fn new(rate: &Rate, gaps: StreamKey, states: StreamKey) -> Self {
        // Without arrivals there is nothing to draw.
        let end = if rate.peak_per_s() == 0.0 { 0 } else { u64::MAX };
        let process = Process::new(rate, gaps, states);
        let changed = (0, 0, 0.0);
        Self { n: 0, now: 0, before: 0, end, stop: u64::MAX, gaps, states, process, changed }
    }

    /// The same arrivals without those at or after `end`.
    #[must_use]
    pub fn stop_at(self, end: SimTime) -> Self {
        Self { end: self.end.min(end.ns()), stop: self.stop.min(end.ns()), ..self }
    }

    /// From the instant `at` on, which is not after the last arrival, another rate holds. That
    /// arrival comes when what is left of its gap has passed at the new rate. Where it is now;
    /// `None` if it does not come.
    pub fn change(&mut self, at: SimTime, from: &Rate, to: &Rate) -> Option<SimTime> {
        let at = at.ns();
        // Draws are numbered from 0, and `n` is that of the next arrival.
        let nth = self.n - 1;
        let (number, since, left) = self.changed;
        let (since, left) =
            if number == self.n { (since, left) } else { (self.before, self.gap_of(from, nth)) };
        let passed = Process::new(from, self.gaps, self.states);
        let left = (left - passed.units(since, at, self.gaps, nth)).max(0.0);
        self.changed = (self.n, at, left);
        self.end = if to.peak_per_s() == 0.0 { 0 } else { self.stop };
        self.process = Process::new(to, self.gaps, self.states);
        self.now = match &mut self.process {
            Process::Profile(profile) => {
                profile.go_to(at);
                profile.after(at, left, self.stop)
            }
            Process::Periodic { interval_ns, from, first } => {
                *from = at.saturating_add(nearest(left * *interval_ns).ns());
                *first = self.n;
                *from
            }
            process => {
                let gap = process.gap_ns(self.gaps, nth);
                if left == 0.0 { at } else { at.saturating_add(nearest(left * gap).ns()) }
            }
        };
        (self.now < self.end).then_some(SimTime::from_ns(self.now))
    }

    /// The gap before an arrival, in units that pass at the rate that holds.
    fn gap_of(&self, rate: &Rate, nth: u64) -> f64 {
        match rate {
            Rate::Poisson(_) | Rate::Steps(_) | Rate::Cycle(_) => {
                standard_exponential(Draw::new(self.gaps, nth, 0))
            }
            _ => 1.0,
        }
    }

    /// The individual whose turn arrival `n` is, of a rate that holds for each of a population.
    pub fn individual(&self, n: u64) -> Option<u32> {
        let Process::Each(turns) = &self.process else { return None };
        Some(turns.order[(n % turns.order.len() as u64) as usize].1)
    }

    /// The next arrival; `None` when no more will ever come.
    // Not an iterator: a model asks for one instant at a time, and nothing else.
    #[inline(always)]
    #[expect(clippy::should_implement_trait, reason = "no adaptor of an iterator is wanted here")]
    pub fn next(&mut self) -> Option<SimTime> {
        let n = self.n;
        self.n += 1;
        self.before = self.now;
        self.now = match &mut self.process {
            Process::Poisson { gap_ns } => {
                let gap = standard_exponential(Draw::new(self.gaps, n, 0)) * *gap_ns;
                self.now.saturating_add(nearest(gap).ns())
            }
            Process::Periodic { interval_ns, from, first } => {
                from.saturating_add(multiple(*interval_ns, self.n - *first))
            }
            Process::Gaps(gap) => self.now.saturating_add(gap.sample(self.gaps, n, 0).ns()),
            Process::Profile(profile) => {
                let gap = standard_exponential(Draw::new(self.gaps, n, 0));
                profile.after(self.now, gap, self.end)
            }
            Process::Trace(trace) => trace.at.get(n as usize).map_or(u64::MAX, |at| at.ns()),
            Process::Each(turns) => turns.at(n),
        };
        (self.now < self.end).then_some(SimTime::from_ns(self.now))
    }
}

impl Process {
    fn new(rate: &Rate, gaps: StreamKey, states: StreamKey) -> Self {
        let profile = |plan| {
            // Before the first segment nothing arrives.
            Self::Profile(Profile { plan, states, next: 0, gap_ns: f64::INFINITY, until: 0 })
        };
        match rate {
            Rate::Poisson(frequency) => Self::Poisson { gap_ns: frequency.gap_ns() },
            Rate::Periodic { interval_ns } => {
                Self::Periodic { interval_ns: *interval_ns, from: 0, first: 0 }
            }
            Rate::Gaps(gap) => Self::Gaps(gap.clone()),
            Rate::Steps(steps) => profile(Plan::Steps(steps.clone())),
            Rate::Cycle(states) => profile(Plan::Cycle(states.clone())),
            Rate::Trace(trace) => Self::Trace(trace.clone()),
            Rate::Each(each) => Self::Each(Turns::new(each, gaps)),
        }
    }

    /// The mean gap, or that before an arrival where each is drawn as a whole.
    fn gap_ns(&self, gaps: StreamKey, nth: u64) -> f64 {
        match self {
            Self::Poisson { gap_ns } => *gap_ns,
            Self::Periodic { interval_ns, .. } => *interval_ns,
            Self::Gaps(gap) => gap.sample(gaps, nth, 0).ns() as f64,
            Self::Profile(_) | Self::Trace(_) | Self::Each(_) => f64::INFINITY,
        }
    }

    /// How many gaps, the mean or the one before arrival `nth`, pass from `since` to `at`, in ns.
    fn units(self, since: u64, at: u64, gaps: StreamKey, nth: u64) -> f64 {
        if let Self::Profile(mut profile) = self {
            profile.go_to(since);
            return profile.units(since, at);
        }
        let gap = self.gap_ns(gaps, nth);
        if gap == 0.0 { f64::INFINITY } else { (at - since) as f64 / gap }
    }
}

impl Turns {
    /// The phase of individual i is draw i of `phases`.
    fn new(each: &Individuals, phases: StreamKey) -> Self {
        let phase = |i: u32| {
            let share = Draw::new(phases, u64::from(i), 0).unit();
            (nearest(share * each.interval_ns).ns(), i)
        };
        let mut order: Vec<(u64, u32)> = (0..each.count).map(phase).collect();
        order.sort_unstable();
        Self { interval_ns: each.interval_ns, order: order.into() }
    }

    fn at(&self, n: u64) -> u64 {
        let count = self.order.len() as u64;
        multiple(self.interval_ns, n / count).saturating_add(self.order[(n % count) as usize].0)
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
    /// The arrival after the instant `now`; `end` or later if there is none before. `need`: the gap
    /// before it, in units of the mean gap, whatever that is in each segment on the way.
    fn after(&mut self, mut now: u64, mut need: f64, end: u64) -> u64 {
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

    /// Enters the segment that holds at an instant.
    fn go_to(&mut self, at: u64) {
        while self.until <= at && self.until != u64::MAX {
            self.advance();
        }
    }

    /// How many mean gaps pass between two instants, of which the first lies in this segment.
    fn units(&mut self, since: u64, to: u64) -> f64 {
        let (mut now, mut units) = (since, 0.0);
        while now < to {
            let end = self.until.min(to);
            units += (end - now) as f64 / self.gap_ns;
            now = end;
            self.go_to(now);
        }
        units
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

#[cfg(test)]
mod tests {
    use super::super::Streams;
    use super::super::testing::{Z, assert_follows, key};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn states() -> StreamKey {
        Streams::new(1, 0).key("states")
    }

    /// Arrivals before `seconds`, in ns.
    fn arrivals(rate: &Rate, seconds: u64) -> Vec<u64> {
        let end = SimTime::from_ns(seconds * SECOND);
        let mut arrivals = Arrivals::new(rate, key(), states()).stop_at(end);
        std::iter::from_fn(|| arrivals.next()).map(SimTime::ns).collect()
    }

    fn of(text: &str, seconds: u64) -> Vec<u64> {
        arrivals(&text.parse().unwrap(), seconds)
    }

    fn steps(texts: &[&str]) -> Rate {
        Rate::parse_steps(texts).unwrap()
    }

    fn count(times: &[u64], from: f64, to: f64) -> f64 {
        let inside = |&&t: &&u64| t as f64 >= from * 1e9 && (t as f64) < to * 1e9;
        times.iter().filter(inside).count() as f64
    }

    fn assert_poisson(seen: f64, expected: f64) {
        assert!((seen - expected).abs() <= Z * libm::sqrt(expected), "{seen} for {expected}");
    }

    #[test]
    fn poisson_counts_and_gaps_are_right() {
        let times = of("100/s", 1000);
        assert!(times.is_sorted());
        assert_poisson(times.len() as f64, 1e5);
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        assert_follows("gaps", gaps, |ns| -libm::expm1(-ns.max(0.0) / 1e7));
        // Counts per second have a variance equal to their mean: sum of squares over mean is
        // chi-square.
        let squares: f64 = (0..1000)
            .map(|s| count(&times, f64::from(s), f64::from(s + 1)) - 100.0)
            .map(|off| off * off / 100.0)
            .sum();
        assert!((squares - 1000.0).abs() < Z * libm::sqrt(2000.0), "{squares}");
        assert_poisson(of("6/m", 10_000).len() as f64, 1000.0);
    }

    #[test]
    fn poisson_gap_n_is_draw_n() {
        let gap: Variate = "~10ms".parse().unwrap();
        let mut t = 0;
        for (n, time) in of("100/s", 10).into_iter().enumerate() {
            t += gap.sample(key(), n as u64, 0).ns();
            assert_eq!(time, t);
        }
        assert_eq!(of("100/s", 10), of("every ~10ms", 10));
    }

    #[test]
    fn one_step_is_no_step() {
        assert_eq!(arrivals(&steps(&["0s 100/s"]), 100), of("100/s", 100));
        assert_eq!(of("cycle 100/s 1000s", 100), of("100/s", 100));
    }

    #[test]
    fn each_step_has_its_rate() {
        let times = arrivals(&steps(&["1s 100/s", "100s 0/s", "200s 500/s", "300s 50/s"]), 500);
        assert!(times.is_sorted());
        assert_eq!(count(&times, 0.0, 1.0), 0.0);
        assert_poisson(count(&times, 1.0, 100.0), 9900.0);
        assert_eq!(count(&times, 100.0, 200.0), 0.0);
        assert_poisson(count(&times, 200.0, 300.0), 50_000.0);
        assert_poisson(count(&times, 300.0, 500.0), 10_000.0);
    }

    #[test]
    fn steps_move_instants_and_no_draws() {
        // The expected number of arrivals up to arrival n is the same sum of draws under any rate.
        let unit = |t: u64| t as f64 / 1e7; // 100/s
        let stepped = |t: u64| {
            let t = t as f64 / 1e9;
            if t < 10.0 { 100.0 * t } else { 1000.0 + 500.0 * (t - 10.0) }
        };
        let plain = of("100/s", 50);
        let spiked = arrivals(&steps(&["0s 100/s", "10s 500/s"]), 18);
        assert!(spiked.len() > 4500);
        for (a, b) in plain.iter().zip(&spiked) {
            assert!((unit(*a) - stepped(*b)).abs() < 1e-3, "{a} {b}");
        }
        // Before the step nothing moves.
        let before = plain.iter().take_while(|&&t| t < 10 * SECOND).count();
        assert_eq!(plain[..before], spiked[..before]);
    }

    #[test]
    fn a_profile_repeats() {
        let times = of("cycle 120/s 1s, 30/s 2s, 0/s 1s", 4000);
        let phase = |from: u64, to: u64| {
            let inside = |&&t: &&u64| (from * SECOND..to * SECOND).contains(&(t % (4 * SECOND)));
            times.iter().filter(inside).count() as f64
        };
        assert_poisson(phase(0, 1), 120_000.0);
        assert_poisson(phase(1, 3), 60_000.0);
        assert_eq!(phase(3, 4), 0.0);
    }

    #[test]
    fn random_states_have_the_long_run_mean() {
        let times = of("cycle 120/s ~500ms, 30/s ~1s", 10_000);
        // Variance of the count per second in the long run: 60 + 2 (120 - 30)^2 a b / (a + b)^3
        // with the rates a = 2 and b = 1 of leaving the states (W. Fischer, K. Meier-Hellstern,
        // "The MMPP cookbook", 1993).
        let off = times.len() as f64 - 600_000.0;
        assert!(off.abs() < Z * libm::sqrt(1260.0 * 10_000.0), "{off}");
        // It varies more than Poisson, else the states are not there.
        let squares: f64 = (0..10_000)
            .map(|s| count(&times[..], f64::from(s), f64::from(s + 1)))
            .take(1000)
            .map(|n| (n - 60.0) * (n - 60.0) / 60.0)
            .sum();
        assert!(squares > 5000.0, "{squares}");
    }

    #[test]
    fn periodic_instants_are_multiples() {
        assert_eq!(of("every 300ms", 1), [300_000_000, 600_000_000, 900_000_000]);
        // The end does not belong to the run.
        assert_eq!(of("every 500ms", 1), [500_000_000]);
        // Thirds do not drift.
        let times = of("every 3.33333333ms", 100);
        assert_eq!(times.len(), 30_000);
        assert_eq!(times[0], 3_333_333);
        assert_eq!(times[29_999], 99_999_999_900);
    }

    #[test]
    fn gaps_are_drawn_from_any_distribution() {
        let times = of("every 0ms..26.6666667ms", 1000);
        // Mean 13.33 ms, coefficient of variation 1 / sqrt 3: the count varies a third of a Poisson
        // count.
        assert!((times.len() as f64 - 75_000.0).abs() < Z * libm::sqrt(75_000.0 / 3.0));
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        assert_follows("gaps", gaps, |ns| (ns / 26.666_666_7e6).clamp(0.0, 1.0));
    }

    #[test]
    fn each_individual_has_a_phase_and_keeps_it() {
        let mut rate: Rate = "every 4s per driver".parse().unwrap();
        rate.individuals_mut().unwrap().count = 1000;
        assert_eq!(rate.peak_per_s(), 250.0);
        let mut arrivals = Arrivals::new(&rate, key(), states());
        let turns: Vec<(u64, u32)> = (0..3000)
            .map(|n| (arrivals.next().unwrap().ns(), arrivals.individual(n).unwrap()))
            .collect();
        assert!(turns.is_sorted());
        for n in 0..2000 {
            assert_eq!((turns[n].0 + 4 * SECOND, turns[n].1), turns[n + 1000]);
        }
        let mut drivers: Vec<u32> = turns[..1000].iter().map(|turn| turn.1).collect();
        drivers.sort_unstable();
        assert!(drivers.iter().copied().eq(0..1000));
        let phases = turns[..1000].iter().map(|turn| turn.0 as f64).collect();
        assert_follows("phases", phases, |ns| (ns / 4e9).clamp(0.0, 1.0));
    }

    #[test]
    fn instants_are_replayed_and_end() {
        let mut load = |_: &str| Ok([1, 5, 5].map(crate::units::SimDuration::from_ms).to_vec());
        let rate = Rate::parse("trace t.csv", &mut load).unwrap();
        assert_eq!(arrivals(&rate, 1), [1_000_000, 5_000_000, 5_000_000]);
        assert_eq!(Arrivals::new(&rate, key(), states()).individual(0), None);
    }

    #[test]
    fn what_ends_has_ended() {
        for rate in ["0/s".parse().unwrap(), steps(&["5s 0/s"])] {
            let mut arrivals = Arrivals::new(&rate, key(), states());
            assert_eq!((arrivals.next(), arrivals.next()), (None, None));
        }
        let mut arrivals = Arrivals::new(&steps(&["0s 100/s", "1s 0/s"]), key(), states());
        let times = std::iter::from_fn(|| arrivals.next()).count();
        assert_poisson(times as f64, 100.0);
        assert_eq!(arrivals.next(), None);
    }

    #[test]
    fn a_cycle_that_hardly_moves_ends_with_the_run() {
        let times = of("cycle 1/s 1ns, 0/s 1h", 360_000);
        assert!(times.len() < 2, "{times:?}");
    }

    /// Instants before `seconds` of a source whose rate changes at some seconds.
    fn changing(first: &str, changes: &[(u64, &str)], seconds: u64) -> Vec<u64> {
        let mut rate: Rate = first.parse().unwrap();
        let end = SimTime::from_ns(seconds * SECOND);
        let mut arrivals = Arrivals::new(&rate, key(), states()).stop_at(end);
        let mut next = arrivals.next();
        let mut times = Vec::new();
        for &(at, to) in changes {
            let at = SimTime::from_ns(at * SECOND);
            while let Some(time) = next
                && time < at
            {
                times.push(time.ns());
                next = arrivals.next();
            }
            let to: Rate = to.parse().unwrap();
            assert!(rate.can_become(&to));
            next = arrivals.change(at, &rate, &to);
            rate = to;
        }
        while let Some(time) = next {
            times.push(time.ns());
            next = arrivals.next();
        }
        times
    }

    #[test]
    fn a_change_moves_instants_as_steps_do() {
        let close = |a: &[u64], b: &[u64]| {
            assert_eq!(a.len(), b.len());
            // Each gap is rounded by itself.
            let apart = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart < Some(100), "{apart:?}");
        };
        let stepped = arrivals(&steps(&["0s 100/s", "10s 500/s", "12s 0/s", "15s 50/s"]), 30);
        let changed = [(10, "500/s"), (12, "0/s"), (15, "50/s")];
        close(&changing("100/s", &changed, 30), &stepped);
        // Changes in between two arrivals and back leave everything where it was.
        close(&changing("1/s", &[(3, "9/s"), (3, "1/s"), (4, "1/s")], 90), &of("1/s", 90));
        let none = arrivals(&steps(&["0s 0/s", "5s 100/s"]), 10);
        close(&changing("0/s", &[(5, "100/s")], 10), &none);
        let cycle = "cycle 120/s ~500ms, 30/s ~1s";
        close(&changing(cycle, &[(7, cycle), (20, cycle)], 60), &of(cycle, 60));
        assert_eq!(changing("100/s", &[(5, "0/s")], 60), of("100/s", 5));
    }

    #[test]
    fn a_period_that_changes_keeps_its_phase() {
        let ms = |times: Vec<u64>| times.into_iter().map(|t| t / 1_000_000).collect::<Vec<_>>();
        // At 5 s three quarters of a period are left, at 9 s again.
        let times = changing("every 4s", &[(5, "every 2s"), (9, "every 4s")], 16);
        assert_eq!(ms(times), [4000, 6500, 8500, 12_000]);
    }

    #[test]
    fn first_instants_are_fixed() {
        let first = |rate: &Rate| {
            let mut arrivals = Arrivals::new(rate, key(), states());
            let times: Vec<u64> = (0..4).filter_map(|_| arrivals.next()).map(SimTime::ns).collect();
            format!("{rate}: {times:?}")
        };
        let texts = ["100/s", "every 10ms", "every 8ms p99 40ms", "cycle 120/s ~500ms, 30/s ~1s"];
        let table: Vec<String> = texts.iter().map(|text| first(&text.parse().unwrap())).collect();
        insta::assert_snapshot!(table.join("\n"), @r#"
        100/s: [4925213, 28373112, 32021174, 49892818]
        every 10ms: [10000000, 20000000, 30000000, 40000000]
        every 8ms p99 40ms: [7669609, 19651530, 26124785, 35418806]
        cycle 120/s ~500ms, 30/s ~1s: [4104345, 23644261, 26684313, 41577350]
        "#);
    }
}
