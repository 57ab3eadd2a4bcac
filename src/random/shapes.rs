//! The distributions that are drawn by inversion, as formulas; all times in nanoseconds.
//!
//! Each knows its mean, variance, quantile and distribution function, and nothing of random
//! numbers.

use super::normal::{Z99, normal_cdf, normal_density, normal_quantile};

/// Log-normal by median and 99 % quantile, shifted.
#[derive(Clone, Debug, PartialEq)]
pub struct LogNormal {
    pub(super) shift: f64,
    pub(super) median: f64,
    pub(super) p99: f64,
    /// Standard deviation of the logarithm: ln(p99 / median) / 2.3263.
    sigma: f64,
}

impl LogNormal {
    /// `shift` plus a log-normal of this `median` > 0 and `p99` >= `median`.
    pub(super) fn new(shift: f64, median: f64, p99: f64) -> Self {
        Self { shift, median, p99, sigma: libm::log(p99 / median) / Z99 }
    }

    /// shift + median e^(s^2 / 2).
    pub(super) fn mean(&self) -> f64 {
        self.shift + self.median * libm::exp(0.5 * self.sigma * self.sigma)
    }

    /// median^2 e^(s^2) (e^(s^2) - 1).
    pub(super) fn variance(&self) -> f64 {
        let s2 = self.sigma * self.sigma;
        self.median * self.median * libm::exp(s2) * libm::expm1(s2)
    }

    pub(super) fn quantile(&self, q: f64) -> f64 {
        // A sigma of 0 times an infinite normal quantile would be no number.
        let spread = if self.sigma == 0.0 { 0.0 } else { self.sigma * normal_quantile(q) };
        self.shift + self.median * libm::exp(spread)
    }

    pub(super) fn cdf(&self, ns: f64) -> f64 {
        let x = ns - self.shift;
        if x <= 0.0 {
            0.0
        } else if self.sigma == 0.0 {
            step(x, self.median)
        } else {
            normal_cdf(libm::log(x / self.median) / self.sigma)
        }
    }
}

/// Normal on condition of being at least 0, as if redrawn until it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    pub(super) mean: f64,
    pub(super) sd: f64,
    /// Probability that the unconditioned number is at least 0.
    kept: f64,
}

impl Normal {
    /// Normal of this mean and standard deviation before the condition; neither is negative.
    pub(super) fn new(mean: f64, sd: f64) -> Self {
        let kept = if sd == 0.0 { 1.0 } else { normal_cdf(mean / sd) };
        Self { mean, sd, kept }
    }

    /// Inverse Mills ratio at the cut: density over probability above it.
    fn mills(&self) -> f64 {
        if self.sd == 0.0 { 0.0 } else { normal_density(self.mean / self.sd) / self.kept }
    }

    /// mean + sd h with the inverse Mills ratio h (Johnson, Kotz, Balakrishnan, vol. 1, 13.10.1).
    pub(super) fn mean(&self) -> f64 {
        self.mean + self.sd * self.mills()
    }

    /// sd^2 (1 - h mean / sd - h^2).
    pub(super) fn variance(&self) -> f64 {
        let h = self.mills();
        self.sd * self.sd * (1.0 - h * h) - h * self.mean * self.sd
    }

    pub(super) fn quantile(&self, q: f64) -> f64 {
        if self.sd == 0.0 {
            return self.mean;
        }
        // Counted from above, where the tail is fine.
        (self.mean - self.sd * normal_quantile((1.0 - q) * self.kept)).max(0.0)
    }

    pub(super) fn cdf(&self, ns: f64) -> f64 {
        if ns < 0.0 {
            0.0
        } else if self.sd == 0.0 {
            step(ns, self.mean)
        } else {
            1.0 - normal_cdf((self.mean - ns) / self.sd) / self.kept
        }
    }
}

/// Pareto (type I): the share above x >= scale is (scale / x)^shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Pareto {
    pub(super) scale: f64,
    pub(super) shape: f64,
}

impl Pareto {
    /// Infinite for a shape of at most 1.
    pub(super) fn mean(&self) -> f64 {
        if self.shape <= 1.0 { f64::INFINITY } else { self.scale * self.shape / (self.shape - 1.0) }
    }

    /// Infinite for a shape of at most 2.
    pub(super) fn variance(&self) -> f64 {
        let a = self.shape;
        if a <= 2.0 {
            return f64::INFINITY;
        }
        self.scale * self.scale * a / ((a - 1.0) * (a - 1.0) * (a - 2.0))
    }

    pub(super) fn quantile(&self, q: f64) -> f64 {
        self.scale * libm::exp(-libm::log1p(-q) / self.shape)
    }

    pub(super) fn cdf(&self, ns: f64) -> f64 {
        if ns <= self.scale { 0.0 } else { -libm::expm1(self.shape * libm::log(self.scale / ns)) }
    }
}

/// Measured values, each as likely as any other.
#[derive(Clone, Debug, PartialEq)]
pub struct Empirical {
    /// The file that they came from.
    pub(super) path: String,
    /// Ascending, at least one.
    pub(super) values: Vec<u64>,
}

impl Empirical {
    pub(super) fn new(path: String, mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        Self { path, values }
    }

    pub(super) fn mean(&self) -> f64 {
        let sum: u128 = self.values.iter().map(|&ns| u128::from(ns)).sum();
        sum as f64 / self.values.len() as f64
    }

    pub(super) fn variance(&self) -> f64 {
        let mean = self.mean();
        let squares = self.values.iter().map(|&ns| (ns as f64 - mean) * (ns as f64 - mean));
        squares.fold(0.0, |sum, square| sum + square) / self.values.len() as f64
    }

    /// The smallest value with a share of at least `q` at or below it.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let n = self.values.len();
        let rank = libm::ceil(q * n as f64) as usize;
        self.values[rank.clamp(1, n) - 1] as f64
    }

    pub(super) fn cdf(&self, ns: f64) -> f64 {
        let below = self.values.partition_point(|&value| value as f64 <= ns);
        below as f64 / self.values.len() as f64
    }
}

/// Distribution function of what is always `value`.
pub(super) fn step(ns: f64, value: f64) -> f64 {
    if ns < value { 0.0 } else { 1.0 }
}
