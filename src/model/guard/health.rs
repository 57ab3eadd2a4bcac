//! Which instance an attempt goes to where some are left out: those that are down, those that
//! failed again and again, and the one that has a copy already.

use crate::model::World;
use crate::model::blueprint::Balance;
use crate::model::observation::{Guarded, Observer};
use crate::model::tables::Call;
use crate::random::Draw;
use crate::units::{SimDuration, SimTime};

/// Errors on end after which an instance is left out.
const ERRORS: u32 = 5;
/// For how long.
const EJECTED: SimDuration = SimDuration::from_secs(30);

/// What a caller knows of the instances of a service.
#[derive(Clone, Debug)]
pub(super) struct Health {
    /// Of each: errors on end, and until when it is left out, ns.
    instances: Vec<(u32, u64)>,
}

impl Health {
    pub(super) fn new(instances: u32) -> Self {
        Self { instances: vec![(0, 0); instances as usize] }
    }

    /// An instance has answered, or has not. Whether it is left out from now on.
    pub(super) fn notes(&mut self, instance: u32, now: u64, ok: bool) -> bool {
        let (errors, until) = &mut self.instances[instance as usize];
        if *until > now {
            return false;
        }
        *errors = if ok { 0 } else { *errors + 1 };
        let ejects = *errors >= ERRORS;
        if ejects {
            *errors = 0;
            *until = now + EJECTED.ns();
        }
        ejects
    }

    fn is_ejected(&self, instance: u32, now: u64) -> bool {
        self.instances[instance as usize].1 > now
    }
}

impl<O: Observer> World<O> {
    /// The instance for an attempt, not `avoid` if there is another one. If none is any good, all
    /// are as good as before.
    pub(super) fn choose(&mut self, now: SimTime, call: &Call, attempt: u32, avoid: u32) -> u32 {
        let site = &self.sites[call.site as usize];
        let table = &self.services[site.service as usize];
        // Not the room for those that there may be later.
        let all = table.instances.start..table.instances.start + table.size;
        let health = self.state_of(call).and_then(|state| state.health.as_ref());
        let fine = |i: u32| match health {
            None => true,
            Some(h) => self.instances[i as usize].up && !h.is_ejected(i - all.start, now.ns()),
        };
        let mut some: Vec<u32> = all.clone().filter(|&i| i != avoid && fine(i)).collect();
        if some.is_empty() {
            some = all.clone().filter(|&i| i != avoid).collect();
        }
        if some.is_empty() || some.len() == all.len() {
            return self.balance(call, attempt);
        }
        let n = some.len() as u32;
        let mut draw = Draw::new(site.balance_key, call.id, attempt);
        match self.services[site.service as usize].balance {
            Balance::RoundRobin => {
                let count = all.end - all.start;
                let pointer = self.pointer(call);
                let at = *pointer % count;
                let next = (0..count).map(|k| (at + k) % count);
                let found = next.into_iter().find(|k| some.contains(&(all.start + k)));
                let at = found.unwrap_or(at);
                *pointer = (at + 1) % count;
                all.start + at
            }
            Balance::Random => some[draw.below(n) as usize],
            Balance::LeastLoaded => self.least_loaded(some),
            Balance::TwoChoices => self.best_of::<2>(|at| some[at as usize], n, &mut draw),
            Balance::ThreeChoices => self.best_of::<3>(|at| some[at as usize], n, &mut draw),
        }
    }

    /// An instance has answered a call with `ok`, or not in time.
    pub(super) fn judge(&mut self, now: SimTime, call: u32, instance: u32, ok: bool) {
        let c = *self.calls.get(call);
        let service = self.sites[c.site as usize].service;
        let first = self.services[service as usize].instances.start;
        let health = self.state_of_mut(call).and_then(|state| state.health.as_mut());
        if health.is_some_and(|h| h.notes(instance - first, now.ns(), ok)) {
            self.guard_says(now, c.site, Guarded::Ejected);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_errors_on_end_leave_an_instance_out_for_thirty_seconds() {
        let s = 1_000_000_000;
        let mut h = Health::new(2);
        assert!((0..4).all(|_| !h.notes(1, 0, false)));
        assert!(!h.notes(1, 0, true), "four are not enough");
        assert!((0..4).all(|_| !h.notes(1, s, false)));
        assert!(h.notes(1, s, false));
        assert_eq!([0, 1].map(|i| h.is_ejected(i, 31 * s - 1)), [false, true]);
        assert!(!h.is_ejected(1, 31 * s));
        // What was under way meanwhile neither prolongs it nor counts afterwards.
        assert!((0..9).all(|_| !h.notes(1, 2 * s, false)));
        assert!(!h.notes(1, 31 * s, false));
    }
}
