//! What guards calls: retry budgets, breakers, bulkheads, pools, rate limits, throttles, hedges,
//! health, deadlines and withdrawal.
//!
//! The machines are small and know nothing of the world. This file asks them before an attempt is
//! sent and tells them what became of it. What they know belongs to one calling instance (or
//! client), one handler and one service called, and dies with the process. A call without guards
//! pays one branch.

mod breaker;
mod budget;
mod health;
mod hedge;
mod limiter;
mod pool;
#[cfg(test)]
mod tests;
mod throttle;
mod window;

pub use breaker::Switch;
pub(crate) use hedge::Hedges;
pub(crate) use limiter::Limiter;

use super::blueprint::{self, Guards};
use super::event::{Event, Kind};
use super::failure::Held;
use super::observation::{Asker, Guarded, Observer};
use super::tables::{Call, Job, NONE, State};
use super::{Sched, World};
use crate::random::{Draw, StreamKey};
use crate::units::{SimDuration, SimTime};
use breaker::Breaker;
use budget::Budget;
use health::Health;
use pool::Places;
use throttle::Throttle;

/// What an event of this module is about, as its component.
pub(crate) mod about {
    /// A refused call returns; slot: call.
    pub(crate) const REFUSED: u32 = 0;
    /// A call has waited for its turn; slot: call.
    pub(crate) const LIMITED: u32 = 1;
    /// The oldest hedge of a guard may be due; slot: guard.
    pub(crate) const HEDGE: u32 = 2;
    /// The patience of something that waits at a service may be over; slot: service.
    pub(crate) const PATIENCE: u32 = 3;
}

/// What guards the calls of one client or handler to one service.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) asker: Asker,
    /// The calling handler, or the client.
    pub(crate) owner: u32,
    /// The service called, and how many instances it has.
    pub(crate) service: u32,
    pub(crate) of: u32,
    pub(crate) spec: Guards,
    /// Whether its requests may not start when their caller has given up.
    pub(crate) expires: bool,
    pub(crate) budget: Option<blueprint::Budget>,
    /// Rate limits by the handler called.
    pub(crate) limits: Vec<(u32, blueprint::RateLimit)>,
    pub(crate) throttle_key: StreamKey,
    /// First calling instance, or [`NONE`] for a client.
    pub(crate) first: u32,
    /// One for each calling instance.
    pub(crate) states: Vec<Knows>,
    pub(crate) hedges: Hedges,
}

/// What one calling instance knows.
#[derive(Clone, Debug)]
pub(crate) struct Knows {
    budget: Option<Budget>,
    breaker: Option<Breaker>,
    throttle: Option<Throttle>,
    limits: Vec<(u32, Limiter)>,
    bulkhead: Places,
    pool: Places,
    health: Option<Health>,
}

impl Guard {
    /// Which of its states the caller of `call` has: each instance one, a client the only one.
    fn place(&self, call: &Call) -> usize {
        if self.first == NONE { 0 } else { (call.instance - self.first) as usize }
    }

    /// What a process knows that has just started.
    pub(crate) fn nothing_known(&self) -> Knows {
        Knows {
            budget: self.budget.map(Budget::new),
            breaker: self.spec.breaker.map(Breaker::new),
            throttle: self.spec.throttle.map(Throttle::new),
            limits: self.limits.iter().map(|&(of, limit)| (of, Limiter::new(limit))).collect(),
            bulkhead: Places::new(self.spec.bulkhead),
            pool: Places::new(self.spec.pool),
            health: self.spec.health.then(|| Health::new(self.of)),
        }
    }
}

/// An attempt of a guarded call.
#[derive(Clone, Copy, Debug)]
struct Ward {
    /// When it began, ns.
    since: u64,
    /// Of the calling instance.
    incarnation: u32,
    /// Of the breaker that let it pass.
    generation: u32,
    /// Whether it has a place of the bulkhead.
    bulkhead: bool,
    /// Whether it has a place of the pool.
    pool: bool,
    /// Jobs of its copies that are not answered, with their instances.
    copies: [(u32, u32); 2],
}

const NO_COPY: (u32, u32) = (NONE, NONE);

impl Ward {
    const BLANK: Self = Self {
        since: 0,
        incarnation: 0,
        generation: 0,
        bulkhead: false,
        pool: false,
        copies: [NO_COPY; 2],
    };
}

/// All guards, and what is under way.
#[derive(Debug, Default)]
pub(crate) struct Guarding {
    pub(crate) guards: Vec<Guard>,
    /// By call.
    wards: Vec<Ward>,
    /// Until when a request may start, ns, by job and only for the attempt with this stamp.
    expiries: Vec<(u32, u64)>,
    /// What each operation lets in, by handler; empty if none has a limit.
    pub(crate) lets_in: Vec<Option<Limiter>>,
}

impl Guarding {
    fn ward(&mut self, call: u32) -> &mut Ward {
        if self.wards.len() <= call as usize {
            self.wards.resize(call as usize + 1, Ward::BLANK);
        }
        &mut self.wards[call as usize]
    }

    fn expires(&mut self, job: u32, stamp: u32, at: u64) {
        if self.expiries.len() <= job as usize {
            self.expiries.resize(job as usize + 1, (0, 0));
        }
        self.expiries[job as usize] = (stamp, at);
    }

    /// Until when a request may start, ns.
    pub(crate) fn expiry(&self, job: u32, j: &Job) -> u64 {
        let noted = self.expiries.get(job as usize);
        noted.filter(|(stamp, _)| *stamp == j.stamp).map_or(u64::MAX, |(_, at)| *at)
    }
}

#[cfg(test)]
impl Guarding {
    /// Whether no place is taken.
    pub(crate) fn is_idle(&self) -> bool {
        let states = self.guards.iter().flat_map(|guard| &guard.states);
        states.into_iter().all(|knows| knows.pool.is_idle() && knows.bulkhead.is_idle())
    }
}

impl<O: Observer> World<O> {
    fn guard_of(&self, call: &Call) -> Option<&Guard> {
        let guard = self.sites[call.site as usize].guard;
        self.guarding.guards.get(guard as usize)
    }

    /// What the caller of `call` knows.
    fn state_of(&self, call: &Call) -> Option<&Knows> {
        let guard = self.guard_of(call)?;
        guard.states.get(guard.place(call))
    }

    fn state_of_mut(&mut self, call: u32) -> Option<&mut Knows> {
        let c = self.calls.get(call);
        let guard = self.sites[c.site as usize].guard;
        let guard = self.guarding.guards.get_mut(guard as usize)?;
        let at = guard.place(c);
        guard.states.get_mut(at)
    }

    fn guard_says(&mut self, now: SimTime, site: u32, what: Guarded) {
        let guard = self.sites[site as usize].guard;
        if let Some(&Guard { asker, service, .. }) = self.guarding.guards.get(guard as usize) {
            self.observer.guarded(asker, service, now, what);
        }
    }

    fn incarnation_of(&self, call: &Call) -> u32 {
        self.instances.get(call.instance as usize).map_or(0, |i| i.incarnation)
    }

    /// An event of this module.
    pub(crate) fn guard_event(&mut self, s: &mut Sched, what: u32, slot: u32) {
        match what {
            about::REFUSED => self.settle(s, slot, false),
            about::LIMITED => self.limit_over(s, slot),
            about::HEDGE => self.hedge_due(s, slot),
            _ => self.patience_over(s, slot),
        }
    }

    /// A guarded call makes its next attempt, if its guards let it.
    #[inline(never)]
    pub(crate) fn try_guarded(&mut self, s: &mut Sched, call: u32) {
        let now = s.now();
        let c = *self.calls.get(call);
        let incarnation = self.incarnation_of(&c);
        *self.guarding.ward(call) = Ward { incarnation, ..Ward::BLANK };
        let throttle_key = self.guard_of(&c).map(|g| g.throttle_key);
        let of = self.sites[c.site as usize].handler;
        let Some(knows) = self.state_of_mut(call) else { return };
        if c.tries == 1
            && let Some(budget) = &mut knows.budget
        {
            budget.request(now.ns());
        }
        if let (Some(throttle), Some(key)) = (&mut knows.throttle, throttle_key)
            && throttle.refuses(now.ns(), Draw::new(key, c.id, c.attempt()).unit())
        {
            self.refuse(s, call, Guarded::Throttled);
            return;
        }
        let passed = knows.breaker.as_mut().map(|breaker| breaker.admits(now.ns()));
        let limit = knows.limits.iter_mut().find(|(handler, _)| *handler == of);
        let refused = matches!(passed, Some((None, _)));
        let wait = match limit {
            Some((_, limiter)) if !refused => limiter.waits(now.ns()),
            _ => 0,
        };
        if let Some((generation, switch)) = passed {
            if let Some(switch) = switch {
                self.guard_says(now, c.site, Guarded::Breaker(switch));
            }
            let Some(generation) = generation else {
                self.refuse(s, call, Guarded::BrokenOff);
                return;
            };
            self.guarding.ward(call).generation = generation;
        }
        if wait > 0 {
            let event = Event::new(Kind::Guard, about::LIMITED, call);
            s.after(SimDuration::from_ns(wait), event);
        } else {
            self.begins(s, call);
        }
    }

    /// A call is refused before it is sent: it fails at once and for good.
    fn refuse(&mut self, s: &mut Sched, call: u32, why: Guarded) {
        let site = self.calls.get(call).site;
        self.guard_says(s.now(), site, why);
        // Its caller may be about to make other calls at this very instant.
        s.after(SimDuration::ZERO, Event::new(Kind::Guard, about::REFUSED, call));
    }

    /// The turn of a call has come that waited for it.
    pub(crate) fn limit_over(&mut self, s: &mut Sched, call: u32) {
        let c = *self.calls.get(call);
        if self.stands_still(c.instance) {
            self.hold(c.instance, Held::Turn(call));
        } else if self.caller_gone(&c) {
            self.not_made(call);
            self.settle(s, call, false);
        } else {
            self.begins(s, call);
        }
    }

    /// The breaker let an attempt pass that is not made after all.
    fn not_made(&mut self, call: u32) {
        let ward = *self.guarding.ward(call);
        if ward.incarnation == self.incarnation_of(self.calls.get(call))
            && let Some(knows) = self.state_of_mut(call)
            && let Some(breaker) = &mut knows.breaker
        {
            breaker.forgets(ward.generation);
        }
    }

    /// An attempt begins: it is sent, waits for a place of the pool, or finds the bulkhead full.
    fn begins(&mut self, s: &mut Sched, call: u32) {
        let c = *self.calls.get(call);
        self.guarding.ward(call).since = s.now().ns();
        let Some(knows) = self.state_of_mut(call) else { return };
        let bulkhead = knows.bulkhead.take();
        if bulkhead == Some(false) {
            self.not_made(call);
            self.refuse(s, call, Guarded::BulkheadFull);
            return;
        }
        let pool = knows.pool.take();
        let ward = self.guarding.ward(call);
        (ward.bulkhead, ward.pool) = (bulkhead.is_some(), pool == Some(true));
        self.set_deadline(s, self.sites[c.site as usize].lane, call, c.stamp);
        if pool == Some(false) {
            let calls = &self.calls;
            let guard = &mut self.guarding.guards[self.sites[c.site as usize].guard as usize];
            let at = guard.place(&c);
            let gone = |call: u32, stamp: u32| calls.get(call).stamp != stamp;
            guard.states[at].pool.wait(call, c.stamp, gone);
        } else {
            self.launch(s, call);
        }
    }

    /// An attempt is sent.
    fn launch(&mut self, s: &mut Sched, call: u32) {
        let c = *self.calls.get(call);
        self.send_copy(s, call, 0, c.attempt(), NONE);
        self.arm_hedge(s, call);
    }

    /// Sends the `nth` copy of an attempt, not to `avoid` if there is another instance.
    fn send_copy(&mut self, s: &mut Sched, call: u32, nth: usize, attempt: u32, avoid: u32) {
        let c = *self.calls.get(call);
        let instance = self.choose(s.now(), &c, attempt, avoid);
        let job = self.send_request(s, call, attempt, instance);
        let timeout = self.lanes[self.sites[c.site as usize].lane as usize].timeout;
        let expires = self.guard_of(&c).is_some_and(|guard| guard.expires);
        let ward = self.guarding.ward(call);
        ward.copies[nth] = (job, instance);
        if expires {
            let until = ward.since.saturating_add(timeout.ns());
            self.guarding.expires(job, c.stamp, until);
        }
    }

    /// A copy of the current attempt of a call is answered. Whether that decides the attempt: a
    /// failure does only if no other copy is under way.
    pub(crate) fn copy_returns(&mut self, now: SimTime, job: u32, j: &Job) -> bool {
        let ward = self.guarding.ward(j.origin);
        for copy in &mut ward.copies {
            if copy.0 == job {
                *copy = NO_COPY;
            }
        }
        let decided = j.ok || ward.copies == [NO_COPY; 2];
        self.judge(now, j.origin, j.instance, j.ok);
        decided
    }

    /// The attempt of a guarded call that had this stamp is over.
    #[inline(never)]
    pub(crate) fn guard_returns(&mut self, s: &mut Sched, call: u32, stamp: u32, ok: bool) {
        let now = s.now();
        let c = *self.calls.get(call);
        let ward = std::mem::replace(self.guarding.ward(call), Ward::BLANK);
        self.guarding.ward(call).incarnation = ward.incarnation;
        let cancel = self.guard_of(&c).is_some_and(|guard| guard.spec.cancel);
        let lives = ward.incarnation == self.incarnation_of(&c);
        for (job, instance) in ward.copies.into_iter().filter(|copy| *copy != NO_COPY) {
            if !ok && lives {
                self.judge(now, call, instance, false);
            }
            if cancel {
                self.take_back(s, call, stamp, job);
            }
        }
        if !lives {
            return;
        }
        let calls = &self.calls;
        let Some(guard) = self.guarding.guards.get_mut(self.sites[c.site as usize].guard as usize)
        else {
            return;
        };
        let at = guard.place(&c);
        let knows = &mut guard.states[at];
        if ok {
            knows.budget.iter_mut().for_each(Budget::success);
            knows.throttle.iter_mut().for_each(|throttle| throttle.accepted(now.ns()));
        }
        let took = now.ns() - ward.since;
        let breaker = knows.breaker.as_mut();
        let switch = breaker.and_then(|b| b.notes(now.ns(), ward.generation, ok, took));
        let gone = |call: u32, stamp: u32| calls.get(call).stamp != stamp;
        if ward.bulkhead {
            knows.bulkhead.give(gone);
        }
        let next = if ward.pool { knows.pool.give(gone) } else { None };
        if let Some(switch) = switch {
            self.guard_says(now, c.site, Guarded::Breaker(switch));
        }
        if let Some(next) = next {
            self.guarding.ward(next).pool = true;
            self.launch(s, next);
        }
    }

    /// Whether the budget of a failed call's caller has another attempt for it.
    pub(crate) fn may_retry(&mut self, now: SimTime, call: u32) -> bool {
        let site = self.calls.get(call).site;
        let budget = self.state_of_mut(call).and_then(|knows| knows.budget.as_mut());
        let may = budget.is_none_or(|budget| budget.pays(now.ns()));
        self.guard_says(now, site, if may { Guarded::Retried } else { Guarded::BudgetSpent });
        may
    }

    /// Nobody waits any longer for a request: it is withdrawn unless a worker has it already.
    fn take_back(&mut self, s: &mut Sched, call: u32, stamp: u32, job: u32) {
        let j = *self.jobs.get(job);
        if j.origin != call || j.stamp != stamp || j.subscription != NONE {
            return;
        }
        if j.state == State::Travelling {
            self.jobs.get_mut(job).state = State::Withdrawn;
        } else if j.state == State::Waiting {
            self.leaves_line(s, j.instance, job);
        }
    }

    /// The process of an instance has ended, and what it knew with it.
    pub(crate) fn guards_die(&mut self, s: &mut Sched, instance: u32) {
        for guard in 0..self.guarding.guards.len() {
            let guard = &mut self.guarding.guards[guard];
            let fresh = guard.nothing_known();
            let at = instance.wrapping_sub(guard.first) as usize;
            if guard.first == NONE || at >= guard.states.len() {
                continue;
            }
            let knew = std::mem::replace(&mut guard.states[at], fresh);
            for (call, stamp) in knew.pool.waiting() {
                if self.calls.get(call).stamp == stamp {
                    self.attempt_returns(s, call, false);
                }
            }
        }
    }

    /// Whether a request that reaches an instance of a service may ask for a worker there.
    pub(crate) fn lets_in(&mut self, now: SimTime, job: u32) -> bool {
        let j = *self.jobs.get(job);
        if j.state == State::Withdrawn || self.is_expired(now, job) {
            return false;
        }
        let limiter = self.guarding.lets_in.get_mut(j.handler as usize);
        limiter.and_then(Option::as_mut).is_none_or(|limiter| limiter.passes(now.ns()))
    }
}
