//! Retry budgets: a failing service is not asked many times more than a healthy one.

use super::window::Window;
use crate::model::blueprint;
use crate::units::SimDuration;

/// How far a budget that is a share of the requests looks back.
const MEMORY: SimDuration = SimDuration::from_secs(10);
/// Slots of that time.
const SLOTS: usize = 10;
const REQUESTS: usize = 0;
const RETRIES: usize = 1;

/// What is left of a budget.
#[derive(Clone, Debug)]
pub(super) enum Budget {
    /// Millionths of tokens.
    Tokens { left: u64, deposit: u64, cost: u64, size: u64 },
    /// Retries per request.
    Share { share: f64, window: Window },
}

impl Budget {
    /// A full one.
    pub(super) fn new(spec: blueprint::Budget) -> Self {
        match spec {
            blueprint::Budget::Tokens { deposit, cost, size } => {
                Self::Tokens { left: size, deposit, cost, size }
            }
            blueprint::Budget::Share(share) => {
                Self::Share { share: share.get(), window: Window::new(MEMORY, SLOTS) }
            }
        }
    }

    /// A call makes its first attempt.
    pub(super) fn request(&mut self, now: u64) {
        if let Self::Share { window, .. } = self {
            window.add(now, REQUESTS);
        }
    }

    /// An attempt was successful.
    pub(super) fn success(&mut self) {
        if let Self::Tokens { left, deposit, size, .. } = self {
            *left = left.saturating_add(*deposit).min(*size);
        }
    }

    /// Pays for a retry. Whether that was possible.
    pub(super) fn pays(&mut self, now: u64) -> bool {
        match self {
            Self::Tokens { left, cost, .. } => {
                let enough = *left >= *cost;
                *left -= if enough { *cost } else { 0 };
                enough
            }
            Self::Share { share, window } => {
                let counts = window.counts(now);
                // A share such as 10 % is no binary number, and 1 of 10 must pass.
                let allowed = *share * counts[REQUESTS] as f64 + 1e-9;
                let enough = (counts[RETRIES] + 1) as f64 <= allowed;
                if enough {
                    window.add(now, RETRIES);
                }
                enough
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Budget {
        let (deposit, cost, size) = (100_000, 1_000_000, 100_000_000);
        Budget::new(blueprint::Budget::Tokens { deposit, cost, size })
    }

    #[test]
    fn an_outage_gets_as_many_retries_as_the_bucket_holds() {
        let mut budget = tokens();
        assert_eq!((0..1_000).filter(|_| budget.pays(0)).count(), 100);
        (0..9).for_each(|_| budget.success());
        assert!(!budget.pays(0), "nine successes are no token yet");
        budget.success();
        assert!(budget.pays(0) && !budget.pays(0));
        (0..10_000).for_each(|_| budget.success());
        assert_eq!((0..1_000).filter(|_| budget.pays(0)).count(), 100, "it overflows");
    }

    #[test]
    fn in_the_long_run_one_retry_comes_with_every_ten_successes() {
        // Two of three attempts fail, so that more retries are asked for than successes pay.
        let mut budget = tokens();
        let (mut successes, mut retries) = (0_u32, 0_u32);
        for n in 0..300_000 {
            if n % 3 == 0 {
                budget.success();
                successes += 1;
            } else {
                retries += u32::from(budget.pays(0));
            }
        }
        // But for the first success, which finds the bucket full.
        assert_eq!(retries - 100, successes / 10 - 1);
    }

    #[test]
    fn a_share_counts_requests_and_retries_of_ten_seconds() {
        let s = 1_000_000_000;
        let mut budget = Budget::new(blueprint::Budget::Share("10%".parse().unwrap()));
        assert!(!budget.pays(0), "nothing of nothing");
        (0..100).for_each(|_| budget.request(0));
        assert_eq!((0..50).filter(|_| budget.pays(0)).count(), 10);
        (0..20).for_each(|_| budget.request(5 * s));
        assert_eq!((0..50).filter(|_| budget.pays(9 * s)).count(), 2);
        // After ten seconds only the requests and retries of second 5 and 9 count.
        assert_eq!((0..50).filter(|_| budget.pays(10 * s)).count(), 0);
        (0..30).for_each(|_| budget.request(10 * s));
        assert_eq!((0..50).filter(|_| budget.pays(10 * s)).count(), 3);
    }
}
