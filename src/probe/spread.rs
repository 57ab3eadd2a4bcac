//! How far the facts of an event type have come.

use super::recorder::Recorder;
use crate::model::Subscription;

/// One event type.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    pub(crate) convergence: Recorder,
    /// The only delivery of it: then its lag is the convergence, and is recorded once.
    pub(crate) only: Option<u32>,
    /// Measured commits.
    pub(crate) expected: u64,
    /// Facts that nobody wanted.
    pub(crate) unroutable: u64,
    /// Published without a commit.
    pub(crate) phantom: u64,
}

/// One for each event type.
pub(super) fn spreads(events: usize, subscriptions: &[Subscription]) -> Vec<Spread> {
    let mut spreads: Vec<Spread> = (0..events).map(|_| Spread::default()).collect();
    let mut heard = vec![0; events];
    for (at, s) in subscriptions.iter().enumerate() {
        heard[s.event as usize] += 1;
        spreads[s.event as usize].only = (heard[s.event as usize] == 1).then_some(at as u32);
    }
    spreads
}
