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

    /// The answer for an attempt of event `id`. An answer that is yes stays yes when the
    /// probability grows.
    #[inline]
    pub const fn draw(self, key: StreamKey, id: u64, attempt: u32) -> bool {
        self.0 != 0 && Draw::new(key, id, attempt).next_u64() >> 11 < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Streams;
    use super::*;

    fn yes(p: f64, of: u64) -> usize {
        let (key, chance) =
            (Streams::new(1, 0).key("fails"), Chance::new(Probability::new(p).unwrap()));
        (0..of).filter(|&id| chance.draw(key, id, 0)).count()
    }

    #[test]
    fn never_and_always_are_exact() {
        assert_eq!(yes(0.0, 10_000), 0);
        assert_eq!(yes(1.0, 10_000), 10_000);
        assert_eq!(Chance::new(Probability::ZERO), Chance::never());
        assert!(Chance::never().is_never() && !Chance::new(Probability::ONE).is_never());
        // The greatest number that can be drawn says yes to 1 and no to anything less.
        assert_eq!(Chance::new(Probability::ONE).0, (u64::MAX >> 11) + 1);
    }

    #[test]
    fn the_share_of_yes_is_the_probability() {
        for p in [0.001, 0.02, 0.3, 0.5, 0.97] {
            let (n, seen) = (100_000.0, yes(p, 100_000) as f64);
            let z = (seen - n * p) / libm::sqrt(n * p * (1.0 - p));
            assert!(z.abs() < 4.0, "{p}: {seen}");
        }
    }

    #[test]
    fn a_yes_stays_a_yes_when_the_probability_grows() {
        let key = Streams::new(1, 0).key("fails");
        let chance = |p| Chance::new(Probability::new(p).unwrap());
        for id in 0..10_000 {
            assert!(!chance(0.1).draw(key, id, 0) || chance(0.2).draw(key, id, 0));
        }
        let repeated =
            (0..10_000).filter(|&id| chance(0.5).draw(key, id, 0) == chance(0.5).draw(key, id, 1));
        assert!((repeated.count() as f64 - 5_000.0).abs() < 200.0, "attempts are independent");
    }
}
