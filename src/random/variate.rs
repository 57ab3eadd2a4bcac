//! Random durations: the distributions that a scenario can name.
//!
//! Exponential numbers come from a ziggurat, all others by inversion, so that they rise with one
//! uniform number. Parameters are `f64` nanoseconds; only a draw is rounded to whole ones.

use std::sync::Arc;

use super::exponential::standard_exponential;
use super::shapes::{Empirical, LogNormal, Normal, Pareto, step};
use super::{Draw, StreamKey};
use crate::units::SimDuration;

/// A distribution of durations.
#[derive(Clone, Debug, PartialEq)]
pub enum Variate {
    /// Always the same.
    Constant {
        /// Length in nanoseconds, not necessarily whole.
        ns: f64,
        /// The length that is drawn.
        whole: SimDuration,
    },
    /// Exponential.
    Exponential {
        /// Mean in nanoseconds.
        mean_ns: f64,
    },
    /// Equally likely between two ends.
    Uniform {
        /// Lower end in nanoseconds.
        low_ns: f64,
        /// Upper end in nanoseconds.
        high_ns: f64,
    },
    /// Log-normal by median and p99, optionally shifted.
    LogNormal(LogNormal),
    /// Normal on condition of being at least 0.
    Normal(Normal),
    /// Pareto by smallest value and shape.
    Pareto(Pareto),
    /// One of several by a draw.
    Mix(Mix),
    /// Measured values.
    Empirical(Arc<Empirical>),
    /// Measured values in their order, over and over: what takes the place of an event's id is its
    /// number.
    Trace(Arc<Trace>),
}

/// Values to be replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The values in their order; at least one.
    pub(super) values: Box<[SimDuration]>,
    /// The same as a distribution, for moments and quantiles.
    pub(super) sorted: Empirical,
}

/// Several distributions, each drawn with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix(Arc<[Part]>);

/// One distribution of a [`Mix`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Its probability as written.
    pub(super) share: f64,
    /// Its probability, the sum of all being 1.
    weight: f64,
    /// Sum of the weights up to it.
    up_to: f64,
    pub(super) variate: Variate,
}

impl Mix {
    /// Shares that add up to about 1, and their distributions; at least one.
    pub(super) fn new(parts: Vec<(f64, Variate)>) -> Self {
        let total: f64 = parts.iter().map(|(share, _)| share).sum();
        let mut sum = 0.0;
        let add = |(share, variate)| {
            sum += share;
            Part { share, weight: share / total, up_to: sum / total, variate }
        };
        Self(parts.into_iter().map(add).collect())
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Sum over the parts of `f` by their weights.
    fn weigh(&self, f: impl Fn(&Variate) -> f64) -> f64 {
        // A weight of 0 of something infinite is nothing.
        let present = self.0.iter().filter(|part| part.weight > 0.0);
        present.fold(0.0, |sum, part| sum + part.weight * f(&part.variate))
    }

    fn draw_ns(&self, mut draw: Draw) -> f64 {
        let u = draw.unit();
        let last = self.0.len() - 1;
        let i = self.0.iter().position(|part| u < part.up_to).unwrap_or(last);
        self.0[i].variate.draw_ns(draw)
    }
}

/// `ns` rounded to whole nanoseconds, never negative; at most 292 years.
#[inline]
pub(super) fn nearest(ns: f64) -> SimDuration {
    // By way of a signed number, which is one machine instruction.
    SimDuration::from_ns((ns + 0.5) as i64 as u64)
}

impl Variate {
    /// Always `duration`.
    pub fn constant(duration: SimDuration) -> Self {
        Self::Constant { ns: duration.ns() as f64, whole: duration }
    }

    /// Log-normal by its `median` > 0 and `p99` >= `median`.
    pub fn log_normal(median: SimDuration, p99: SimDuration) -> Self {
        Self::LogNormal(LogNormal::new(0.0, median.ns() as f64, p99.ns() as f64))
    }

    /// The duration that belongs to an attempt of event `id`, in whole nanoseconds, rounded to the
    /// nearest. Of a trace `id` is the number of the event, counted from 0.
    pub fn sample(&self, key: StreamKey, id: u64, attempt: u32) -> SimDuration {
        self.sample_here(key, id, attempt)
    }

    /// [`Variate::sample`] for where most draws are made.
    #[inline(always)]
    pub(crate) fn sample_here(&self, key: StreamKey, id: u64, attempt: u32) -> SimDuration {
        match self {
            Self::Constant { whole, .. } => *whole,
            Self::Exponential { mean_ns } => {
                nearest(standard_exponential(Draw::new(key, id, attempt)) * mean_ns)
            }
            Self::Trace(trace) => trace.values[(id % trace.values.len() as u64) as usize],
            other => nearest(other.draw_ns(Draw::new(key, id, attempt))),
        }
    }

    #[inline(never)]
    fn draw_ns(&self, mut draw: Draw) -> f64 {
        match self {
            Self::Exponential { mean_ns } => standard_exponential(draw) * mean_ns,
            Self::Mix(mix) => mix.draw_ns(draw),
            Self::Empirical(sample) => {
                sample.values[draw.below(sample.values.len() as u32) as usize] as f64
            }
            Self::Constant { ns, .. } => *ns,
            _ => self.quantile_ns(draw.unit()),
        }
    }

    /// The mean in nanoseconds; infinite where it is (Pareto with a shape of at most 1).
    pub fn mean_ns(&self) -> f64 {
        match self {
            Self::Constant { ns, .. } => *ns,
            Self::Exponential { mean_ns } => *mean_ns,
            Self::Uniform { low_ns, high_ns } => 0.5 * (low_ns + high_ns),
            Self::LogNormal(shape) => shape.mean(),
            Self::Normal(shape) => shape.mean(),
            Self::Pareto(shape) => shape.mean(),
            Self::Mix(mix) => mix.weigh(Self::mean_ns),
            Self::Empirical(sample) => sample.mean(),
            Self::Trace(trace) => trace.sorted.mean(),
        }
    }

    /// The variance in square nanoseconds; infinite where it is (Pareto with a shape of at most 2).
    pub fn variance_ns2(&self) -> f64 {
        match self {
            Self::Constant { .. } => 0.0,
            Self::Exponential { mean_ns } => mean_ns * mean_ns,
            Self::Uniform { low_ns, high_ns } => (high_ns - low_ns) * (high_ns - low_ns) / 12.0,
            Self::LogNormal(shape) => shape.variance(),
            Self::Normal(shape) => shape.variance(),
            Self::Pareto(shape) => shape.variance(),
            Self::Mix(mix) => {
                let mean = self.mean_ns();
                if mean.is_infinite() {
                    return f64::INFINITY;
                }
                // Within the parts and between them.
                mix.weigh(|part| {
                    let off = part.mean_ns() - mean;
                    part.variance_ns2() + off * off
                })
            }
            Self::Empirical(sample) => sample.variance(),
            Self::Trace(trace) => trace.sorted.variance(),
        }
    }

    /// The value in nanoseconds below which a share `q` in 0..=1 lies; infinite at 1 where there is
    /// no greatest.
    pub fn quantile_ns(&self, q: f64) -> f64 {
        match self {
            Self::Constant { ns, .. } => *ns,
            Self::Exponential { mean_ns } if *mean_ns == 0.0 => 0.0,
            Self::Exponential { mean_ns } => -libm::log1p(-q) * mean_ns,
            Self::Uniform { low_ns, high_ns } => low_ns + q * (high_ns - low_ns),
            Self::LogNormal(shape) => shape.quantile(q),
            Self::Normal(shape) => shape.quantile(q),
            Self::Pareto(shape) => shape.quantile(q),
            Self::Mix(mix) => self.mix_quantile(mix, q),
            Self::Empirical(sample) => sample.quantile(q),
            Self::Trace(trace) => trace.sorted.quantile(q),
        }
    }

    /// By halving the interval between the quantiles of the parts, between which it must lie.
    fn mix_quantile(&self, mix: &Mix, q: f64) -> f64 {
        let parts = || mix.parts().iter().filter(|part| part.share > 0.0);
        let mut low = parts().map(|part| part.variate.quantile_ns(q)).fold(f64::INFINITY, f64::min);
        let mut high = parts().map(|part| part.variate.quantile_ns(q)).fold(0.0, f64::max);
        if low.is_infinite() || high.is_infinite() || self.cdf(low) >= q {
            return if self.cdf(low) >= q { low } else { high };
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return high;
            }
            if self.cdf(middle) < q { low = middle } else { high = middle }
        }
    }

    /// Probability of at most `ns` nanoseconds.
    pub fn cdf(&self, ns: f64) -> f64 {
        match self {
            Self::Constant { ns: value, .. } => step(ns, *value),
            Self::Exponential { mean_ns } if ns < 0.0 || *mean_ns == 0.0 => step(ns, 0.0),
            Self::Exponential { mean_ns } => -libm::expm1(-ns / mean_ns),
            Self::Uniform { low_ns, high_ns } if low_ns == high_ns => step(ns, *low_ns),
            Self::Uniform { low_ns, high_ns } => {
                ((ns - low_ns) / (high_ns - low_ns)).clamp(0.0, 1.0)
            }
            Self::LogNormal(shape) => shape.cdf(ns),
            Self::Normal(shape) => shape.cdf(ns),
            Self::Pareto(shape) => shape.cdf(ns),
            Self::Mix(mix) => mix.weigh(|part| part.cdf(ns)),
            Self::Empirical(sample) => sample.cdf(ns),
            Self::Trace(trace) => trace.sorted.cdf(ns),
        }
    }

    /// The duration, if it is the same in every draw by its form.
    pub fn as_constant(&self) -> Option<SimDuration> {
        if let Self::Constant { whole, .. } = self { Some(*whole) } else { None }
    }

    /// Whether it is replayed: sampled by the number of an event instead of its id.
    #[inline]
    pub fn is_trace(&self) -> bool {
        matches!(self, Self::Trace(_))
    }

    /// Whether every draw is 0.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Constant { whole, .. } => *whole == SimDuration::ZERO,
            other => other.mean_ns() == 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{self as oracle, ContinuousCDF};

    use super::super::testing::{Z, assert_follows, key, moments};
    use super::*;

    const DRAWS: u64 = 100_000;

    /// One of each kind and the borders of their parameters.
    const TEXTS: [&str; 22] = [
        "8ms",
        "~8ms",
        "~3.33333333ms",
        "0ms..26.6666667ms",
        "5ms..12ms",
        "5ms..5ms",
        "8ms p99 40ms",
        "8ms p99 8ms",
        "12ms + 4ms p99 90ms",
        "normal 8ms 2ms",
        "normal 8ms 0s",
        "normal 1ms 5ms",
        "normal 0s 2ms",
        "pareto 5ms 5",
        "pareto 5ms 1.5",
        "pareto 5ms 0.8",
        "mix 95% 5ms, 5% 200ms",
        "mix 88.7298334621% ~5.63508327ms, 11.2701665379% ~44.3649167ms",
        "mix 50% 1ms..2ms, 30% 5ms p99 20ms, 20% pareto 1ms 3",
        "mix 100% ~5ms, 0% pareto 1s 0.5",
        "file lat.csv",
        "mix 50% file lat.csv, 50% ~5ms",
    ];

    pub(super) fn variate(text: &str) -> Variate {
        let mut load = |_: &str| Ok([30, 10, 20, 20].map(SimDuration::from_ms).to_vec());
        Variate::parse(text, &mut load).unwrap()
    }

    fn draws(text: &str) -> Vec<f64> {
        let variate = variate(text);
        (0..DRAWS).map(|id| variate.sample(key(), id, 0).ns() as f64).collect()
    }

    #[test]
    fn draws_follow_the_distribution() {
        for text in TEXTS {
            assert_follows(text, draws(text), |ns| variate(text).cdf(ns));
        }
    }

    #[test]
    fn draws_have_the_mean_and_the_variance() {
        for text in TEXTS {
            let (variate, values) = (variate(text), draws(text));
            let (mean, variance, error) = moments(&values);
            if variate.variance_ns2().is_infinite() {
                continue;
            }
            // Rounding adds half a nanosecond at most.
            let tolerance = Z * libm::sqrt(variance / DRAWS as f64) + 0.5;
            assert!((mean - variate.mean_ns()).abs() < tolerance, "{text}: mean {mean}");
            let off = (variance - variate.variance_ns2()).abs();
            assert!(off <= Z * error + 1.0, "{text}: variance {variance}");
        }
    }

    #[test]
    fn shares_below_the_quantiles_are_right() {
        for text in TEXTS {
            let (variate, values) = (variate(text), draws(text));
            for q in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999] {
                let quantile = variate.quantile_ns(q);
                let share = |keep: &dyn Fn(f64) -> bool| {
                    values.iter().filter(|&&x| keep(x)).count() as f64 / DRAWS as f64
                };
                let tolerance = Z * libm::sqrt(q * (1.0 - q) / DRAWS as f64);
                let (below, up_to) =
                    (share(&|x| x < quantile - 0.5), share(&|x| x <= quantile + 0.5));
                assert!(
                    below <= q + tolerance && up_to >= q - tolerance,
                    "{text}: {q}: {quantile}"
                );
            }
        }
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        for text in TEXTS {
            let variate = variate(text);
            for i in 1..100 {
                let q = f64::from(i) / 100.0;
                let x = variate.quantile_ns(q);
                // Where the function jumps, q lies within the jump.
                let (before, after) =
                    (variate.cdf(x * (1.0 - 1e-12)), variate.cdf(x * (1.0 + 1e-12)));
                assert!(before <= q + 1e-9 && after >= q - 1e-9, "{text}: {q}: {x}");
            }
            assert_eq!(variate.cdf(-1.0), 0.0, "{text}");
            assert!(variate.quantile_ns(0.0) >= 0.0, "{text}");
        }
    }

    #[test]
    fn means_and_variances_have_their_known_values() {
        let ms = |text: &str| variate(text).mean_ns() / 1e6;
        let sd = |text: &str| libm::sqrt(variate(text).variance_ns2()) / 1e6;
        assert_eq!((ms("8ms"), sd("8ms")), (8.0, 0.0));
        assert_eq!((ms("~8ms"), sd("~8ms")), (8.0, 8.0));
        assert_eq!(ms("5ms..12ms"), 8.5);
        // p50 e^(s^2 / 2) with s = ln 5 / 2.32634787404 = 0.6918268: 10.1630.
        assert!((ms("8ms p99 40ms") - 10.163).abs() < 1e-3);
        assert!((variate("8ms p99 40ms").quantile_ns(0.99) - 40e6).abs() < 1e-6);
        assert!((variate("8ms p99 40ms").quantile_ns(0.5) - 8e6).abs() < 1e-6);
        assert!((variate("12ms + 4ms p99 90ms").quantile_ns(0.99) - 102e6).abs() < 1e-6);
        // Half normal: sd sqrt(2 / pi).
        assert!((ms("normal 0s 2ms") - 1.595_769_121_605_731).abs() < 1e-12);
        assert_eq!(ms("pareto 5ms 1.5"), 15.0);
        assert_eq!(ms("pareto 5ms 1"), f64::INFINITY);
        assert_eq!(sd("pareto 5ms 2"), f64::INFINITY);
        assert_eq!(ms("mix 95% 5ms, 5% 200ms"), 14.75);
        assert_eq!(ms("mix 100% ~5ms, 0% pareto 1s 0.5"), 5.0);
        // Two exponentials with mean 10 ms and a squared coefficient of variation of 4.
        let text = "mix 88.7298334621% ~5.63508327ms, 11.2701665379% ~44.3649167ms";
        assert!((ms(text) - 10.0).abs() < 1e-7 && (sd(text) - 20.0).abs() < 0.01, "{}", sd(text));
        assert_eq!(ms("file lat.csv"), 20.0);
        assert!((sd("file lat.csv") - libm::sqrt(50.0)).abs() < 1e-12);
    }

    #[test]
    fn another_implementation_agrees() {
        let sigma = libm::log(5.0) / 2.326_347_874_040_841;
        let log_normal = oracle::LogNormal::new(libm::log(8e6), sigma).unwrap();
        let pareto = oracle::Pareto::new(5e6, 1.5).unwrap();
        let exponential = oracle::Exp::new(1.0 / 8e6).unwrap();
        for i in 0..200 {
            let ns = f64::from(i) * 4e5;
            let near = |text: &str, other: f64| {
                let cdf = variate(text).cdf(ns);
                assert!((cdf - other).abs() < 1e-9, "{text} at {ns}: {cdf} {other}");
            };
            near("8ms p99 40ms", log_normal.cdf(ns));
            near("pareto 5ms 1.5", pareto.cdf(ns));
            near("~8ms", exponential.cdf(ns));
        }
    }

    #[test]
    fn a_changed_mean_scales_every_draw() {
        let (short, long) = (variate("~2ms"), variate("~4ms"));
        for id in 0..10_000 {
            let (a, b) = (short.sample(key(), id, 0).ns(), long.sample(key(), id, 0).ns());
            assert!(b.abs_diff(2 * a) <= 1, "{id}: {a} {b}");
        }
    }

    #[test]
    fn shapes_drawn_by_inversion_rise_with_one_number() {
        for text in
            ["5ms..12ms", "8ms p99 40ms", "normal 1ms 5ms", "pareto 5ms 1.5", "file lat.csv"]
        {
            let variate = variate(text);
            let mut pairs: Vec<(u64, u64)> = (0..5000)
                .map(|id| (Draw::new(key(), id, 3).next_u64(), variate.sample(key(), id, 3).ns()))
                .collect();
            pairs.sort_unstable();
            assert!(pairs.is_sorted_by_key(|&(_, ns)| ns), "{text}");
        }
    }

    #[test]
    fn a_trace_is_replayed_by_number_over_and_over() {
        let trace = variate("trace lat.csv");
        let ms: Vec<u64> =
            (0..6).map(|n| trace.sample(key(), n, n as u32).ns() / 1_000_000).collect();
        assert_eq!(ms, [30, 10, 20, 20, 30, 10]);
        assert_eq!((trace.mean_ns(), trace.quantile_ns(0.25)), (2e7, 1e7));
        assert!(trace.is_trace() && !variate("file lat.csv").is_trace());
    }

    #[test]
    fn attempts_are_drawn_anew() {
        let variate = variate("~8ms");
        let sample = |id, attempt| variate.sample(key(), id, attempt);
        assert!(
            (0..1000).all(|id| sample(id, 0) == sample(id, 0) && sample(id, 0) != sample(id, 1))
        );
    }

    #[test]
    fn constants_are_recognised() {
        assert_eq!(variate("8ms").as_constant(), Some(SimDuration::from_ms(8)));
        assert_eq!(variate("~8ms").as_constant(), None);
        assert_eq!(variate("1.5ns").sample(key(), 0, 0), SimDuration::from_ns(2));
        let longest = Variate::constant(SimDuration::MAX);
        assert_eq!(longest.sample(key(), 0, 0), SimDuration::MAX);
        for (text, zero) in
            [("0s", true), ("~0s", true), ("0s..0s", true), ("mix 50% 0s, 50% ~1ns", false)]
        {
            assert_eq!(variate(text).is_zero(), zero, "{text}");
        }
    }

    #[test]
    fn a_draw_is_small_and_a_distribution_fits_a_cache_line() {
        assert!(size_of::<Variate>() <= 40, "{}", size_of::<Variate>());
    }

    #[test]
    fn first_values_are_fixed() {
        let first =
            |text| (0..4).map(|id| variate(text).sample(key(), id, 0).ns()).collect::<Vec<_>>();
        let table: Vec<String> =
            TEXTS.iter().map(|text| format!("{text}: {:?}", first(text))).collect();
        insta::assert_snapshot!(table.join("\n"), @r#"
        8ms: [8000000, 8000000, 8000000, 8000000]
        ~8ms: [3940171, 18758319, 2918450, 14297315]
        ~3.33333333ms: [1641738, 7815966, 1216021, 5957215]
        0ms..26.6666667ms: [12685184, 19209469, 10127147, 15620923]
        5ms..12ms: [8329861, 10042486, 7658376, 9100492]
        5ms..5ms: [5000000, 5000000, 5000000, 5000000]
        8ms p99 40ms: [7669609, 11981921, 6473255, 9294021]
        8ms p99 8ms: [8000000, 8000000, 8000000, 8000000]
        12ms + 4ms p99 90ms: [15686596, 20738726, 14655499, 17345947]
        normal 8ms 2ms: [7878158, 9167846, 7387923, 8433496]
        normal 8ms 0s: [8000000, 8000000, 8000000, 8000000]
        normal 1ms 5ms: [3568811, 5931621, 2801982, 4532505]
        normal 0s 2ms: [1273445, 2162235, 991043, 1632996]
        pareto 5ms 5: [5689225, 6451321, 5501222, 5963823]
        pareto 5ms 1.5: [7689776, 11692267, 6874913, 8998135]
        pareto 5ms 0.8: [11207000, 24587329, 9084004, 15046560]
        mix 95% 5ms, 5% 200ms: [5000000, 5000000, 5000000, 5000000]
        mix 88.7298334621% ~5.63508327ms, 11.2701665379% ~44.3649167ms: [3493868, 1556029, 324740, 394709]
        mix 50% 1ms..2ms, 30% 5ms p99 20ms, 20% pareto 1ms 3: [1645450, 2924114, 1026502, 1839530]
        mix 100% ~5ms, 0% pareto 1s 0.5: [3100103, 1380662, 288142, 350225]
        file lat.csv: [20000000, 20000000, 20000000, 20000000]
        mix 50% file lat.csv, 50% ~5ms: [20000000, 1380662, 10000000, 350225]
        "#);
    }
}
