//! One of many by popularity: which customer, product or device an event is about.
//!
//! Individuals are numbered from 0, the most popular first. Knows nothing of what they are.

use super::{Draw, StreamKey};

/// Who is drawn how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    count: u64,
    law: Law,
}

#[derive(Clone, Debug, PartialEq)]
enum Law {
    /// Equally often.
    Uniform,
    /// The k-th in proportion to k to the power of minus the exponent.
    Zipf(Zipf),
    /// The first `hot` get a share of the draws.
    Hot { hot: u64, draws: f64 },
}

impl Ranking {
    /// `count` individuals (at least 1), each as likely as any other.
    pub fn uniform(count: u64) -> Self {
        Self { count: count.max(1), law: Law::Uniform }
    }

    /// The k-th with probability proportional to k to the power of minus `exponent`.
    pub fn zipf(count: u64, exponent: f64) -> Self {
        let count = count.max(1);
        if exponent <= 0.0 {
            return Self::uniform(count);
        }
        Self { count, law: Law::Zipf(Zipf::new(count, exponent)) }
    }

    /// A share of the individuals, rounded up, gets a share of the draws.
    pub fn hot(count: u64, individuals: f64, draws: f64) -> Self {
        let count = count.max(1);
        // A share that is whole but for rounding is not rounded up.
        let hot = libm::ceil(individuals * count as f64 - 1e-9) as u64;
        let hot = hot.clamp(1, count);
        if hot == count {
            return Self::uniform(count);
        }
        Self { count, law: Law::Hot { hot, draws } }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The individual that event `id` is about.
    #[inline]
    pub fn sample(&self, key: StreamKey, id: u64) -> u64 {
        let mut draw = Draw::new(key, id, 0);
        match &self.law {
            Law::Uniform => below(&mut draw, self.count),
            Law::Zipf(zipf) => zipf.sample(&mut draw) - 1,
            Law::Hot { hot, draws } => {
                if draw.unit() < *draws {
                    below(&mut draw, *hot)
                } else {
                    hot + below(&mut draw, self.count - hot)
                }
            }
        }
    }
}

/// Uniform in `0..n`; the bias of at most n / 2^64 cannot be seen.
fn below(draw: &mut Draw, n: u64) -> u64 {
    ((u128::from(draw.next_u64()) * u128::from(n)) >> 64) as u64
}

/// Rejection-inversion (W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates
/// from monotone discrete distributions", 1996): exact, without a table, about 1.1 tries a draw.
#[derive(Clone, Debug, PartialEq)]
struct Zipf {
    exponent: f64,
    count: f64,
    /// Integral of the hat up to 1.5, less the first probability.
    low: f64,
    /// Integral of the hat up to the end.
    high: f64,
    /// Nearer than this, no test is needed.
    near: f64,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut z = Self { exponent, count: count as f64, low: 0.0, high: 0.0, near: 0.0 };
        z.low = z.integral(1.5) - 1.0;
        z.high = z.integral(z.count + 0.5);
        z.near = 2.0 - z.inverse(z.integral(2.5) - z.hat(2.0));
        z
    }

    fn sample(&self, draw: &mut Draw) -> u64 {
        loop {
            let u = self.high + draw.unit() * (self.low - self.high);
            let x = self.inverse(u);
            let k = libm::floor(x + 0.5).clamp(1.0, self.count);
            if k - x <= self.near || u >= self.integral(k + 0.5) - self.hat(k) {
                return k as u64;
            }
        }
    }

    /// x to the power of minus the exponent.
    fn hat(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// Integral of the hat from 1 to x; the logarithm where the exponent is 1.
    fn integral(&self, x: f64) -> f64 {
        let log = libm::log(x);
        let t = (1.0 - self.exponent) * log;
        let slope = if t.abs() > 1e-8 { libm::expm1(t) / t } else { 1.0 + t / 2.0 };
        slope * log
    }

    fn inverse(&self, x: f64) -> f64 {
        let t = (x * (1.0 - self.exponent)).max(-1.0);
        let slope = if t.abs() > 1e-8 { libm::log1p(t) / t } else { 1.0 - t / 2.0 };
        libm::exp(slope * x)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Streams;
    use super::*;

    const DRAWS: u64 = 200_000;

    fn counts(ranking: &Ranking) -> Vec<u64> {
        let key = Streams::new(1, 0).key("entity.customer/pick");
        let mut counts = vec![0; ranking.count() as usize];
        (0..DRAWS).for_each(|id| counts[ranking.sample(key, id) as usize] += 1);
        counts
    }

    /// Within 4.5 standard deviations of a binomial count.
    fn agrees(seen: u64, p: f64) -> bool {
        let n = DRAWS as f64;
        (seen as f64 - n * p).abs() <= 4.5 * libm::sqrt(n * p * (1.0 - p)) + 1.0
    }

    #[test]
    fn zipf_numbers_have_their_frequencies() {
        for (count, exponent) in [(1000, 1.0), (1000, 0.99), (50, 2.5), (300, 0.3), (1, 1.0)] {
            let seen = counts(&Ranking::zipf(count, exponent));
            let weight = |k: u64| libm::pow(k as f64, -exponent);
            let total: f64 = (1..=count).map(weight).sum();
            for (at, &n) in seen.iter().enumerate() {
                let p = weight(at as u64 + 1) / total;
                assert!(agrees(n, p), "zipf {exponent} of {count}, {at}: {n} of {DRAWS} x {p}");
            }
        }
    }

    #[test]
    fn the_top_key_of_a_thousand_has_thirteen_per_cent() {
        let total: f64 = (1..=1000).map(|k| 1.0 / f64::from(k)).sum();
        assert!((1.0 / total - 0.134).abs() < 5e-4);
        let seen = counts(&Ranking::zipf(1000, 1.0))[0];
        assert!(agrees(seen, 0.1336), "{seen}");
    }

    #[test]
    fn uniform_and_hot_shares_have_their_frequencies() {
        for n in counts(&Ranking::uniform(40)) {
            assert!(agrees(n, 1.0 / 40.0), "{n}");
        }
        let seen = counts(&Ranking::hot(200, 0.05, 0.4));
        for (at, n) in seen.into_iter().enumerate() {
            let p = if at < 10 { 0.4 / 10.0 } else { 0.6 / 190.0 };
            assert!(agrees(n, p), "{at}: {n}");
        }
        // A share is rounded up, and all of them are nothing special.
        assert_eq!(Ranking::hot(10, 0.01, 0.5).law, Law::Hot { hot: 1, draws: 0.5 });
        assert_eq!(Ranking::hot(10, 1.0, 0.5), Ranking::uniform(10));
        assert_eq!(Ranking::zipf(10, 0.0), Ranking::uniform(10));
    }

    #[test]
    fn first_draws_are_fixed() {
        let key = Streams::new(1, 0).key("entity.customer/pick");
        let of = |r: &Ranking| (0..8).map(|id| r.sample(key, id)).collect::<Vec<_>>();
        let all = [Ranking::uniform(1000), Ranking::zipf(1000, 1.0), Ranking::hot(1000, 0.01, 0.5)];
        insta::assert_snapshot!(all.map(|r| format!("{:?}", of(&r))).join("\n"), @r"
        [467, 85, 5, 654, 3, 149, 931, 718]
        [29, 525, 960, 6, 970, 325, 0, 4]
        [1, 8, 0, 488, 4, 4, 142, 245]
        ");
    }
}
