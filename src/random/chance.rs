//! Decisions that fall one way with a given probability.

use super::{Draw, StreamKey};
use crate::units::Probability;

const ALL: f64 = (1_u64 << 53) as f64;

/// A probability made ready for drawing: how many of 2^53 equally likely numbers say yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// Yes with probability `p`, to within 2^-54; 0 and 1 are exact.
    pub fn new(p: Probability) -> Self {
        Self((p.get() * ALL + 0.5) as u64)
    }

    /// Always no.
    pub const fn never() -> Self {
        Self(0)
    }

    /// Whether the answer is always no.
    #[inline]
    pub const fn is_never(self) -> bool {
        self.0 == 0
    }

    /// The answer for an attempt of event `id`. An answer that is yes stays yes when the probability grows.
    #[inline]
    pub const fn draw(self, key: StreamKey, id: u64, attempt: u32) -> bool {
        self.0 != 0 && Draw::new(key, id, attempt).next_u64() >> 11 < self.0
    }
}
