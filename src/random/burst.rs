//! How many events come at once.

use std::fmt;
use std::str::FromStr;

use super::{Draw, StreamKey};
use crate::units::{ParseError, Scan, decimal};

/// A number of events, at least 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Burst {
    /// Always the same, at least 1.
    Fixed(u32),
    /// 1, 2, 3 and so on, each less likely by the same factor.
    Geometric(Geometric),
}

/// Geometric numbers from 1 upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometric {
    mean: f64,
    /// Logarithm of the probability of going on, 1 - 1 / mean.
    log_more: f64,
}

impl Default for Burst {
    fn default() -> Self {
        Self::ONE
    }
}

impl Burst {
    /// One at a time.
    pub const ONE: Self = Self::Fixed(1);

    /// Always `n`; none for 0.
    pub fn fixed(n: u32) -> Option<Self> {
        (n > 0).then_some(Self::Fixed(n))
    }

    /// Geometric of this mean; none unless it is finite and at least 1.
    pub fn geometric(mean: f64) -> Option<Self> {
        (mean >= 1.0 && mean.is_finite())
            .then(|| Self::Geometric(Geometric { mean, log_more: libm::log1p(-1.0 / mean) }))
    }

    /// Reads `"5"` or `"geometric 4"`.
    ///
    /// # Errors
    /// If the text is neither, or the number too small or too large.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        const FORMS: &str = "write 5 or \"geometric 4\"";
        let mut scan = Scan::new(text);
        if scan.eat_word("geometric") {
            let number = scan.number()?;
            scan.skip_spaces();
            scan.end()?;
            return Self::geometric(number.scaled(0))
                .ok_or_else(|| ParseError::new(number.at, "the mean must be at least 1"));
        }
        if scan.is_done() || scan.rest().starts_with(char::is_alphabetic) {
            return Err(ParseError::new(scan.rest_at(), "not a number of events").help(FORMS));
        }
        let number = scan.number()?;
        scan.skip_spaces();
        scan.end()?;
        number.text.parse().ok().and_then(Self::fixed).ok_or_else(|| {
            ParseError::new(number.at, "a whole number from 1 to 4294967295 is needed").help(FORMS)
        })
    }

    /// The number that belongs to event `id`.
    #[inline]
    pub fn sample(&self, key: StreamKey, id: u64) -> u32 {
        match self {
            Self::Fixed(n) => *n,
            Self::Geometric(geometric) => geometric.sample(key, id),
        }
    }

    /// The mean number.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(n) => f64::from(*n),
            Self::Geometric(geometric) => geometric.mean,
        }
    }
}

impl Geometric {
    /// By inversion: more than k with probability (1 - 1 / mean)^k. It rises with the number drawn.
    fn sample(&self, key: StreamKey, id: u64) -> u32 {
        let u = Draw::new(key, id, 0).unit();
        let more = libm::log1p(-u) / self.log_more;
        1_u32.saturating_add(more as u32)
    }
}

impl FromStr for Burst {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(n) => write!(f, "{n}"),
            Self::Geometric(geometric) => write!(f, "geometric {}", decimal(geometric.mean, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Z, fault, key, moments};
    use super::*;

    #[test]
    fn numbers_are_geometric() {
        for mean in [1.0, 1.5, 4.0, 100.0] {
            let burst = Burst::geometric(mean).unwrap();
            let numbers: Vec<f64> =
                (0..100_000).map(|id| f64::from(burst.sample(key(), id))).collect();
            let (seen, variance, error) = moments(&numbers);
            // Variance (1 - p) / p^2 with p = 1 / mean.
            let expected = mean * (mean - 1.0);
            assert!((seen - mean).abs() <= Z * libm::sqrt(expected / 1e5), "{mean}: {seen}");
            assert!((variance - expected).abs() <= Z * error, "{mean}: variance {variance}");
            for k in 1..8 {
                let p = libm::pow(1.0 - 1.0 / mean, f64::from(k - 1)) / mean;
                let share = numbers.iter().filter(|&&n| n == f64::from(k)).count() as f64 / 1e5;
                assert!(
                    (share - p).abs() <= Z * libm::sqrt(p * (1.0 - p) / 1e5),
                    "{mean}: {k}: {share}"
                );
            }
            assert_eq!(burst.mean(), mean);
        }
    }

    #[test]
    fn texts_read_back() {
        for text in ["1", "5", "geometric 4", "geometric 1.5", "4294967295"] {
            assert_eq!(text.parse::<Burst>().unwrap().to_string(), text);
        }
        assert_eq!(Burst::parse("1"), Ok(Burst::ONE));
        assert_eq!(Burst::fixed(0), None);
        assert_eq!(
            Burst::fixed(7).map(|burst| (burst.sample(key(), 0), burst.mean())),
            Some((7, 7.0))
        );
        assert_eq!((Burst::geometric(0.5), Burst::geometric(f64::NAN)), (None, None));
    }

    #[test]
    fn faults_are_pointed_at() {
        let wrong = [
            "",
            "0",
            "1.5",
            "-1",
            "4294967296",
            "geometric",
            "geometric 0.5",
            "geometric x",
            "geometric 4 or so",
            "poisson 4",
            "5ms",
        ];
        let faults: Vec<String> =
            wrong.iter().map(|text| fault(text, Burst::parse(text))).collect();
        insta::assert_snapshot!(faults.join("\n"), @r#"
        []: not a number of events; write 5 or "geometric 4"
        [0]: a whole number from 1 to 4294967295 is needed; write 5 or "geometric 4"
        [1.5]: a whole number from 1 to 4294967295 is needed; write 5 or "geometric 4"
        [-1]: `-1` is not a number; it cannot be negative
        [4294967296]: a whole number from 1 to 4294967295 is needed; write 5 or "geometric 4"
        geometri[c]: a number is missing
        geometric [0.5]: the mean must be at least 1
        geometric [x]: `x` is not a number
        geometric 4 [or so]: `or so` is too much here
        [poisson 4]: not a number of events; write 5 or "geometric 4"
        5[ms]: `ms` is too much here
        "#);
    }

    #[test]
    fn first_numbers_are_fixed() {
        let burst = Burst::geometric(4.0).unwrap();
        let numbers: Vec<u32> = (0..10).map(|id| burst.sample(key(), id)).collect();
        insta::assert_snapshot!(format!("{numbers:?}"), @"[3, 5, 2, 4, 2, 2, 5, 1, 4, 1]");
    }
}
