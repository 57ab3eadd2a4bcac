//! The ledger of one subscription: how many obligations are in each fate, and what is counted
//! beside them.

use crate::model::Fate;
use crate::results::catalogue::LEDGER_COUNTS;
use std::ops::{AddAssign, Index, IndexMut};

/// What is counted beside the fates, in the order of [`LEDGER_COUNTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Filtered,
    Backfill,
    Phantom,
    Redelivered,
    DoubleApplied,
    OutOfOrder,
    Resurrected,
    WrongEntities,
    Harmed,
}

impl Count {
    pub(crate) const ALL: [Self; LEDGER_COUNTS.len()] = [
        Self::Filtered,
        Self::Backfill,
        Self::Phantom,
        Self::Redelivered,
        Self::DoubleApplied,
        Self::OutOfOrder,
        Self::Resurrected,
        Self::WrongEntities,
        Self::Harmed,
    ];
}

/// Fate of the obligations of one subscription, or of several together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Obligations {
    pub(crate) committed: u64,
    fates: [u64; Fate::COUNT],
    counts: [u64; LEDGER_COUNTS.len()],
}

impl Obligations {
    /// How many are in a state of the ledger, whatever the reason.
    pub(crate) fn state(&self, name: &str) -> u64 {
        Fate::ALL.iter().filter(|fate| fate.words().0 == name).map(|&fate| self[fate]).sum()
    }

    /// How many are in any state at all: as many as were committed.
    pub(crate) fn states(&self) -> u64 {
        self.fates.iter().sum()
    }

    /// How many may still be applied.
    pub(crate) fn open(&self) -> u64 {
        Fate::ALL.iter().filter(|fate| fate.is_open()).map(|&fate| self[fate]).sum()
    }
}

impl AddAssign<&Self> for Obligations {
    fn add_assign(&mut self, other: &Self) {
        self.committed += other.committed;
        self.fates.iter_mut().zip(other.fates).for_each(|(sum, n)| *sum += n);
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, n)| *sum += n);
    }
}

impl Index<Fate> for Obligations {
    type Output = u64;

    #[inline]
    fn index(&self, fate: Fate) -> &u64 {
        &self.fates[fate as usize]
    }
}

impl IndexMut<Fate> for Obligations {
    #[inline]
    fn index_mut(&mut self, fate: Fate) -> &mut u64 {
        &mut self.fates[fate as usize]
    }
}

impl Index<Count> for Obligations {
    type Output = u64;

    #[inline]
    fn index(&self, count: Count) -> &u64 {
        &self.counts[count as usize]
    }
}

impl IndexMut<Count> for Obligations {
    #[inline]
    fn index_mut(&mut self, count: Count) -> &mut u64 {
        &mut self.counts[count as usize]
    }
}

/// What is shown over time of a service that consumes from brokers, as names of the ledger.
pub(crate) const SHOWN: [&str; 5] =
    ["lost", "dropped", "dead_lettered", "redelivered", "double_applied"];

/// How much more of each of [`SHOWN`] there is in each bin than before it. Less where dead letters
/// go back to their queue, or where the lost turns up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incidents {
    last: [u64; SHOWN.len()],
    pub(crate) series: [Vec<f64>; SHOWN.len()],
}

impl Incidents {
    /// Ends a bin at whose end the ledger reads `o`.
    pub(crate) fn close(&mut self, o: &Obligations) {
        let now = [
            o.state("lost"),
            o.state("dropped"),
            o[Fate::DeadLettered],
            o[Count::Redelivered],
            o[Count::DoubleApplied],
        ];
        for ((series, last), now) in self.series.iter_mut().zip(&mut self.last).zip(now) {
            series.push(now as f64 - std::mem::replace(last, now) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_in_the_order_of_the_catalogue() {
        let snake = |count: Count| {
            let mut name = String::new();
            for c in format!("{count:?}").chars() {
                if c.is_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.extend(c.to_lowercase());
            }
            name
        };
        for (at, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!((count as usize, LEDGER_COUNTS[at].0), (at, snake(count).as_str()));
        }
    }

    #[test]
    fn bins_hold_what_is_new_in_them_and_add_up() {
        let mut incidents = Incidents::default();
        let mut o = Obligations::default();
        o[Fate::LostCrash] = 2;
        o[Fate::LostNode] = 1;
        o[Fate::DeadLettered] = 4;
        o[Count::Redelivered] = 5;
        incidents.close(&o);
        // Three dead letters go back, one is lost for good.
        o[Fate::DeadLettered] = 1;
        o[Fate::LostNode] = 2;
        o[Fate::Shed] = 7;
        incidents.close(&o);
        let of = |name: &str| {
            let at = SHOWN.iter().position(|n| *n == name).expect("it is shown");
            incidents.series[at].clone()
        };
        assert_eq!(of("lost"), [3.0, 1.0]);
        assert_eq!(of("dropped"), [0.0, 7.0]);
        assert_eq!(of("dead_lettered"), [4.0, -3.0]);
        assert_eq!(of("redelivered"), [5.0, 0.0]);
        assert_eq!(of("double_applied"), [0.0, 0.0]);
    }
}
