//! What guards calls: budgets, breakers, limits, hedges. Each field left out guards nothing.

use super::{Operation, Retry};
use crate::units::{Probability, SimDuration};

/// What guards the calls of a client or of a handler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guards {
    /// Whether requests say when their caller gives up, so that nobody starts them afterwards.
    pub deadline: bool,
    /// Whether a caller that gives up withdraws a request that still waits.
    pub cancel: bool,
    /// When a second copy follows one that is not answered.
    pub hedge: Option<SimDuration>,
    /// Attempts under way at a time; more wait their turn.
    pub pool: Option<u32>,
    /// Whether instances that are down or fail again and again are left out.
    pub health: bool,
    /// When calls are refused because earlier ones failed.
    pub breaker: Option<BreakerSpec>,
    /// Attempts under way at a time; more are refused.
    pub bulkhead: Option<u32>,
    /// How often each operation may be called; more waits.
    pub limits: Vec<(Operation, RateLimit)>,
    /// When some calls are refused because many were in vain.
    pub throttle: Option<ThrottleSpec>,
}

impl Guards {
    /// Whether there is anything that guards calls which are tried again so.
    pub fn guard(&self, retry: &Retry) -> bool {
        *self != Self::default() || retry.budget.is_some()
    }
}

/// A limit of the retries of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// A bucket that a success fills and a retry empties; in millionths.
    Tokens {
        /// What a success puts in.
        deposit: u64,
        /// What a retry takes out.
        cost: u64,
        /// What it holds at most, and at the start.
        size: u64,
    },
    /// Retries at most per request of the last 10 s.
    Share(Probability),
}

/// A circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSpec {
    /// When it opens.
    pub trip: Trip,
    /// How long it refuses everything.
    pub open: SimDuration,
    /// Calls by which it finds out afterwards whether to close, at least 1.
    pub probes: u32,
}

/// When a circuit breaker opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trip {
    /// After so many failures on end.
    Consecutive(u32),
    /// By shares of the last calls.
    Share {
        /// How many of the last calls are looked at.
        window: u32,
        /// How many there must be.
        calls: u32,
        /// Share of failures from which it opens.
        failures: Probability,
        /// What takes longer is a slow call.
        slow: SimDuration,
        /// Share of slow calls from which it opens.
        slow_calls: Probability,
    },
}

/// So many at a time, and then at regular distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Time in which one more may pass.
    pub every: SimDuration,
    /// How many may pass at once after a rest, at least 1.
    pub burst: u32,
}

/// Refusal by a caller that was refused often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThrottleSpec {
    /// Requests per accepted one that are let through.
    pub k: f64,
    /// How far it looks back.
    pub window: SimDuration,
}
