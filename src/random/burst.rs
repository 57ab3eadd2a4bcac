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
