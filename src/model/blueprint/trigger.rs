//! When failures strike.

use super::{BrokerId, Comparison, ServiceId};
use crate::units::{Probability, SimDuration, SimTime};

/// When a failure strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailureTrigger {
    /// Once.
    At(SimTime),
    /// At each multiple of this.
    Every(SimDuration),
    /// After an exponential time without it, counted from the start and from each of its ends.
    Mtbf {
        /// Mean of the times without it.
        mtbf: SimDuration,
        /// Mean of the exponential times with it; `None`: as long as the failure says.
        mttr: Option<SimDuration>,
    },
    /// Whenever a condition holds.
    When {
        /// The condition.
        condition: Condition,
        /// Time after the end of a strike in which it strikes no more.
        cooldown: SimDuration,
    },
    /// With this probability by each message that is taken up, where that happens.
    Chance(Probability),
    /// At each end of another failure, by its index.
    After(u32),
}

/// A level compared with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is watched.
    pub level: Level,
    /// How it is compared.
    pub is: Comparison,
    /// With what.
    pub than: u64,
}

/// Something that can be counted at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What waits at a service, or for it at brokers.
    Backlog(ServiceId),
    /// What waits for a service or is in work there.
    InFlight(ServiceId),
    /// What waits at a broker.
    BrokerBacklog(BrokerId),
}

impl Condition {
    /// Whether it holds for a level of `n`.
    pub fn holds(self, n: u64) -> bool {
        match self.is {
            Comparison::Less => n < self.than,
            Comparison::AtMost => n <= self.than,
            Comparison::More => n > self.than,
            Comparison::AtLeast => n >= self.than,
            Comparison::Equal => n == self.than,
            Comparison::Differs => n != self.than,
        }
    }
}
