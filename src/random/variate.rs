//! Random durations: the distributions that a scenario can name.
//!
//! Exponential numbers come from a ziggurat, all others by inversion, so that they rise with one uniform number.
//! Parameters are `f64` nanoseconds; only a draw is rounded to whole ones.

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
}

/// Several distributions, each drawn with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix(Arc<[Part]>);

/// One distribution of a [`Mix`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Its probability as written.
    pub(super) share: f64,
    /// Sum of the probabilities up to it, the sum of all being 1.
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
            Part { share, up_to: sum / total, variate }
        };
        Self(parts.into_iter().map(add).collect())
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Sum over the parts of `f` weighted by the shares.
    fn weigh(&self, f: impl Fn(&Variate) -> f64) -> f64 {
        let mut before = 0.0;
        self.0.iter().fold(0.0, |sum, part| {
            let share = part.up_to - before;
            before = part.up_to;
            // A share of 0 of something infinite is nothing.
            if share == 0.0 { sum } else { sum + share * f(&part.variate) }
        })
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

    /// The duration that belongs to an attempt of event `id`, in whole nanoseconds, rounded to the nearest.
    #[inline]
    pub fn sample(&self, key: StreamKey, id: u64, attempt: u32) -> SimDuration {
        match self {
            Self::Constant { whole, .. } => *whole,
            Self::Exponential { mean_ns } => {
                nearest(standard_exponential(Draw::new(key, id, attempt)) * mean_ns)
            }
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
        }
    }

    /// The value in nanoseconds below which a share `q` in 0..=1 lies; infinite at 1 where there is no greatest.
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
        }
    }

    /// The duration, if it is the same in every draw by its form.
    pub fn as_constant(&self) -> Option<SimDuration> {
        if let Self::Constant { whole, .. } = self { Some(*whole) } else { None }
    }

    /// Whether every draw is 0.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Constant { whole, .. } => *whole == SimDuration::ZERO,
            other => other.mean_ns() == 0.0,
        }
    }
}
