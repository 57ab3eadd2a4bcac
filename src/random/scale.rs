//! A rate multiplied by a factor. The draws are those of the rate itself: only instants move.

use super::rate::{Frequency, Individuals, Rate, State, Step};
use super::variate::{Variate, nearest};

impl Rate {
    /// The same rate `factor` times as high; `None` for one that consists of given instants or of
    /// gaps that have no scale.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Option<Self> {
        let faster = |rate: Frequency| Frequency { count: rate.count * factor, ..rate };
        Some(match self {
            Self::Poisson(frequency) => Self::Poisson(faster(*frequency)),
            Self::Periodic { interval_ns } => {
                Self::Periodic { interval_ns: (interval_ns / factor).max(1.0) }
            }
            Self::Gaps(gap) => Self::Gaps(shorter(gap, factor)?),
            Self::Steps(steps) => {
                let step = |s: &Step| Step { rate: faster(s.rate), ..s.clone() };
                Self::Steps(steps.iter().map(step).collect())
            }
            Self::Cycle(states) => {
                let state = |s: &State| State { rate: faster(s.rate), ..s.clone() };
                Self::Cycle(states.iter().map(state).collect())
            }
            Self::Each(each) => {
                let interval_ns = (each.interval_ns / factor).max(1.0);
                Self::Each(Individuals { interval_ns, ..each.clone() })
            }
            Self::Trace(_) => return None,
        })
    }
}

/// A duration divided by a factor, of the distributions that stay what they are.
fn shorter(gap: &Variate, factor: f64) -> Option<Variate> {
    Some(match gap {
        Variate::Constant { ns, .. } => {
            Variate::Constant { ns: ns / factor, whole: nearest(ns / factor) }
        }
        Variate::Exponential { mean_ns } => Variate::Exponential { mean_ns: mean_ns / factor },
        Variate::Uniform { low_ns, high_ns } => {
            Variate::Uniform { low_ns: low_ns / factor, high_ns: high_ns / factor }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimTime;

    #[test]
    fn a_scaled_rate_has_its_factor_and_what_has_no_scale_says_so() {
        let (from, to) = (SimTime::ZERO, SimTime::from_ns(60_000_000_000));
        let texts = [
            "10/s",
            "every 100ms",
            "every ~100ms",
            "every 50ms..150ms",
            "cycle 120/s ~500ms, 30/s ~1s",
        ];
        let mut rates: Vec<Rate> = texts.map(|text| text.parse().expect(text)).to_vec();
        rates.push(Rate::parse_steps(&["0s 10/s", "30s 20/s"]).expect("steps"));
        for rate in rates {
            let text = rate.to_string();
            let scaled = rate.scaled(2.5).unwrap_or_else(|| panic!("{text}"));
            let (one, other) = (rate.mean_per_s(from, to), scaled.mean_per_s(from, to));
            assert!((other / one - 2.5).abs() < 1e-9, "{text}: {one} and {other}");
            assert_eq!(rate.scaled(1.0), Some(rate), "{text}");
        }
        let gaps: Rate = Rate::Gaps("10ms p99 80ms".parse().expect("a duration"));
        assert_eq!(gaps.scaled(2.0), None);
    }
}
