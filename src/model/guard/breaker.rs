//! Circuit breakers: closed, open, or finding out by a few probes whether to close.
//!
//! After Resilience4j 2, whose count-based window this is; with `consecutive` after M. Nygard,
//! *Release It!*. What began before the state last changed does not count.

use crate::model::blueprint::{BreakerSpec, Trip};
use std::collections::VecDeque;

/// What a change of state is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It refuses everything from now on.
    Opened,
    /// It lets a few through.
    Probing,
    /// It lets everything through.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Until then, ns.
    Open(u64),
    /// So many may still pass.
    Probing(u32),
}

/// A breaker and what it remembers.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    spec: BreakerSpec,
    phase: Phase,
    /// Moves on with the phase.
    generation: u32,
    /// Whether each of the last calls failed, and whether it was slow.
    recent: VecDeque<(bool, bool)>,
    failures: u32,
    slow: u32,
    /// Failures on end.
    on_end: u32,
}

impl Breaker {
    pub(super) fn new(spec: BreakerSpec) -> Self {
        let (phase, recent) = (Phase::Closed, VecDeque::new());
        Self { spec, phase, generation: 0, recent, failures: 0, slow: 0, on_end: 0 }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
        self.recent.clear();
        (self.failures, self.slow, self.on_end) = (0, 0, 0);
    }

    /// Whether a call may pass, with the generation to which it belongs, and what changed.
    pub(super) fn admits(&mut self, now: u64) -> (Option<u32>, Option<Switch>) {
        let mut switch = None;
        if let Phase::Open(until) = self.phase
            && until <= now
        {
            self.enter(Phase::Probing(self.spec.probes));
            switch = Some(Switch::Probing);
        }
        let passes = match &mut self.phase {
            Phase::Closed => true,
            Phase::Open(_) | Phase::Probing(0) => false,
            Phase::Probing(left) => {
                *left -= 1;
                true
            }
        };
        (passes.then_some(self.generation), switch)
    }

    /// A call that may have passed was not made.
    pub(super) fn forgets(&mut self, generation: u32) {
        if let Phase::Probing(left) = &mut self.phase
            && generation == self.generation
        {
            *left += 1;
        }
    }

    /// A call that passed has its outcome, after so many ns.
    pub(super) fn notes(
        &mut self,
        now: u64,
        generation: u32,
        ok: bool,
        took: u64,
    ) -> Option<Switch> {
        if generation != self.generation || matches!(self.phase, Phase::Open(_)) {
            return None;
        }
        let probing = self.phase != Phase::Closed;
        self.on_end = if ok { 0 } else { self.on_end + 1 };
        let trips = match self.spec.trip {
            Trip::Consecutive(_) if probing => !ok,
            Trip::Consecutive(failures) => self.on_end >= failures,
            Trip::Share { window, calls, failures, slow, slow_calls } => {
                let (window, calls) =
                    if probing { (self.spec.probes, self.spec.probes) } else { (window, calls) };
                self.remember(window, !ok, took > slow.ns());
                let n = self.recent.len() as f64;
                self.recent.len() as u32 >= calls
                    && (f64::from(self.failures) >= failures.get() * n
                        || f64::from(self.slow) >= slow_calls.get() * n)
            }
        };
        if trips {
            self.enter(Phase::Open(now.saturating_add(self.spec.open.ns())));
            return Some(Switch::Opened);
        }
        if probing && matches!(self.spec.trip, Trip::Consecutive(_)) {
            self.remember(self.spec.probes, false, false);
        }
        if probing && self.recent.len() as u32 >= self.spec.probes {
            self.enter(Phase::Closed);
            return Some(Switch::Closed);
        }
        None
    }

    fn remember(&mut self, window: u32, failed: bool, slow: bool) {
        if self.recent.len() as u32 >= window
            && let Some((failed, slow)) = self.recent.pop_front()
        {
            self.failures -= u32::from(failed);
            self.slow -= u32::from(slow);
        }
        self.recent.push_back((failed, slow));
        self.failures += u32::from(failed);
        self.slow += u32::from(slow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Arrivals, Chance, Rate, Streams};
    use crate::units::{Probability, SimDuration};
    use std::fmt::Write as _;

    const S: u64 = 1_000_000_000;

    fn consecutive(failures: u32, open_s: u64, probes: u32) -> Breaker {
        let open = SimDuration::from_secs(open_s);
        Breaker::new(BreakerSpec { trip: Trip::Consecutive(failures), open, probes })
    }

    fn of_shares(window: u32, calls: u32, failures: &str, slow_calls: &str) -> Breaker {
        Breaker::new(BreakerSpec {
            trip: Trip::Share {
                window,
                calls,
                failures: failures.parse().unwrap(),
                slow: SimDuration::from_secs(1),
                slow_calls: slow_calls.parse().unwrap(),
            },
            open: SimDuration::from_secs(60),
            probes: 4,
        })
    }

    /// What happens to calls made one after the other: `.` success, `x` failure, `s` slow, each at
    /// its second; `-` one that is refused. Ends with what changed last.
    fn story(breaker: &mut Breaker, from: u64, calls: &str) -> String {
        let mut told = String::new();
        for (second, call) in (from..).zip(calls.chars()) {
            let now = second * S;
            let (passed, switch) = breaker.admits(now);
            if let Some(switch) = switch {
                let _ = write!(told, "[{switch:?}]");
            }
            let Some(generation) = passed else {
                told.push('-');
                continue;
            };
            told.push(call);
            let took = if call == 's' { 2 * S } else { S };
            if let Some(switch) = breaker.notes(now, generation, call != 'x', took) {
                let _ = write!(told, "[{switch:?}]");
            }
        }
        told
    }

    #[test]
    fn shares_of_the_last_calls_open_it() {
        let mut b = of_shares(4, 4, "50%", "100%");
        assert_eq!(story(&mut b, 0, "x.."), "x..", "too few to tell");
        assert_eq!(story(&mut b, 3, "..x.x"), "..x.x[Opened]");
        assert_eq!(story(&mut b, 60, "......"), "------");
        // Open from 7 to 67. Four probes; two failures of four are half.
        assert_eq!(story(&mut b, 67, "..xx.."), "[Probing]..xx[Opened]--");
        assert_eq!(story(&mut b, 130, "..x..x"), "[Probing]..x.[Closed].x");
    }

    #[test]
    fn slow_calls_open_it_though_they_succeed() {
        let mut b = of_shares(4, 2, "100%", "75%");
        assert_eq!(story(&mut b, 0, "..ss.sss"), "..ss.s[Opened]--");
        assert_eq!(story(&mut b, 65, "ss.s"), "[Probing]ss.s[Opened]");
    }

    #[test]
    fn failures_on_end_open_it_and_one_failed_probe_again() {
        let mut b = consecutive(3, 10, 2);
        assert_eq!(story(&mut b, 0, "xx.xxx..."), "xx.xxx[Opened]---");
        assert_eq!(story(&mut b, 15, ".x.."), "[Probing].x[Opened]--");
        assert_eq!(story(&mut b, 26, "..xx."), "[Probing]..[Closed]xx.");
    }

    #[test]
    fn no_more_than_the_probes_pass_and_what_came_before_does_not_count() {
        let mut b = consecutive(1, 10, 2);
        let (early, _) = b.admits(0);
        let (first, _) = b.admits(0);
        assert_eq!(b.notes(S, first.unwrap(), false, S), Some(Switch::Opened));
        assert_eq!(b.admits(11 * S - 1), (None, None));
        let (one, switch) = b.admits(11 * S);
        assert_eq!(switch, Some(Switch::Probing));
        let (two, _) = b.admits(11 * S);
        assert_eq!(b.admits(12 * S), (None, None), "both probes are under way");
        assert_eq!(b.notes(12 * S, early.unwrap(), false, 12 * S), None, "of an earlier time");
        b.forgets(two.unwrap());
        let (three, _) = b.admits(12 * S);
        assert_eq!(b.notes(13 * S, one.unwrap(), true, S), None);
        assert_eq!(b.notes(13 * S, three.unwrap(), true, S), Some(Switch::Closed));
    }

    #[test]
    fn half_of_the_calls_failing_refuses_fifteen_of_thirty_one() {
        // Renewal theory. An opening refuses 30 calls of 10/s. Then one probe passes, and if it
        // succeeds, which half of them do, (2^5 - 1) x 2 = 62 more until 5 fail on end. So 32 pass
        // for 30 that are refused, and it opens once in the time of 62 calls.
        let streams = Streams::new(7, 0);
        let key = |name: &str| streams.key(name);
        let rate = Rate::parse("10/s", &mut |_| Err(String::new())).unwrap();
        let mut arrivals = Arrivals::new(&rate, key("gap"), key("state"));
        let fails = Chance::new("50%".parse::<Probability>().unwrap());
        let mut breaker = consecutive(5, 3, 1);
        let (mut refused, mut opened, mut last) = (0_u32, 0_u32, 0);
        let n = 2_000_000_u32;
        for i in 0..n {
            let now = arrivals.next().unwrap().ns();
            last = now;
            match breaker.admits(now).0 {
                None => refused += 1,
                Some(generation) => {
                    let ok = !fails.draw(key("fails"), u64::from(i), 0);
                    opened += u32::from(
                        breaker.notes(now, generation, ok, 0).is_some_and(|s| s == Switch::Opened),
                    );
                }
            }
        }
        let share = f64::from(refused) / f64::from(n);
        let per_s = f64::from(opened) / (last as f64 / 1e9);
        // A cycle lasts 62 calls, with a standard deviation of 50: of 32 000 cycles the share has an
        // error of 0.0022 and the rate one of 0.00073; four of them.
        assert!((share - 0.483_871).abs() < 0.0088, "{share}");
        assert!((per_s - 0.161_290).abs() < 0.0029, "{per_s}");
    }
}
