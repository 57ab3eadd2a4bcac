//! Request and response: calls, attempts, balancing, deadlines.
//!
//! A deadline frees the caller only: the server keeps working on what nobody waits for any more.

use super::blueprint::Balance;
use super::event::{Event, Kind};
use super::failure::Held;
use super::observation::Observer;
use super::tables::{Call, Deadline, Job, NONE, Site, State, Takes, VOID};
use super::{Sched, World};
use crate::random::{Draw, derive_id};
use crate::units::{SimDuration, SimTime};

/// The job that makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) job: u32,
    pub(crate) stamp: u32,
    pub(crate) instance: u32,
    pub(crate) id: u64,
    pub(crate) key: u64,
    pub(crate) round: u32,
}

/// Attempts of one call that have draws of their own, whatever attempt of its caller makes the
/// call.
const ATTEMPTS_PER_ROUND: u32 = 1 << 8;
/// Bit of the attempt that marks a second copy of it.
pub(crate) const HEDGED: u32 = ATTEMPTS_PER_ROUND >> 1;

impl Call {
    /// Number of its current attempt for draws.
    pub(crate) fn attempt(&self) -> u32 {
        number(self.round, self.tries - 1)
    }
}

/// The number of an attempt of a call for its draws, after so many earlier ones in attempt `round`
/// of its caller. Only the first of all has 0. In the fifth layer of calls that are all repeated
/// numbers would no longer fit; there they are scattered, so that they hardly ever meet.
fn number(round: u32, earlier: u32) -> u32 {
    if round < u32::MAX / ATTEMPTS_PER_ROUND {
        round * ATTEMPTS_PER_ROUND + earlier
    } else {
        (round.wrapping_mul(0x9e37_79b1).wrapping_add(earlier)) | 1 << 31
    }
}

impl<O: Observer> World<O> {
    /// A job calls.
    pub(crate) fn start_call(&mut self, s: &mut Sched, site: u32, caller: &Caller) {
        let call = self.calls.insert(Call {
            id: derive_id(caller.id, self.sites[site as usize].salt),
            key: caller.key,
            intended: s.now().ns(),
            site,
            caller: caller.job,
            caller_stamp: caller.stamp,
            instance: caller.instance,
            tries: 0,
            round: caller.round,
            stamp: 0,
        });
        if self.book.identity.on {
            self.call_begins(call, caller.job);
        }
        self.try_call(s, call);
    }

    /// A client's user calls.
    pub(crate) fn start_request(&mut self, s: &mut Sched, site: u32, user: u32, id: u64) {
        let call = self.calls.insert(Call {
            id,
            key: 0,
            intended: s.now().ns(),
            site,
            caller: user,
            caller_stamp: 0,
            instance: NONE,
            tries: 0,
            round: 0,
            stamp: 0,
        });
        if self.book.identity.on {
            self.call_begins(call, NONE);
        }
        self.try_call(s, call);
    }

    /// Sends the next attempt of a call on its way.
    fn try_call(&mut self, s: &mut Sched, call: u32) {
        let stamp = self.next_stamp();
        let c = self.calls.get_mut(call);
        c.tries += 1;
        c.stamp = stamp;
        let c = *c;
        let Site { lane, guard, .. } = self.sites[c.site as usize];
        if guard != NONE {
            self.try_guarded(s, call);
            return;
        }
        let instance = self.balance(&c, c.attempt());
        self.send_request(s, call, c.attempt(), instance);
        self.set_deadline(s, lane, call, stamp);
    }

    /// Sends the request of a call to an instance. Its job.
    pub(crate) fn send_request(
        &mut self,
        s: &mut Sched,
        call: u32,
        attempt: u32,
        instance: u32,
    ) -> u32 {
        let c = *self.calls.get(call);
        let site = &self.sites[c.site as usize];
        let key = site.request_key;
        let further = c.tries > 1 || attempt != c.attempt();
        let job = self.jobs.reserve(&Job::BLANK);
        *self.jobs.get_mut(job) = Job {
            id: c.id,
            key: c.key,
            intended: c.intended,
            origin: call,
            stamp: c.stamp,
            handler: site.handler,
            instance,
            attempt,
            state: State::Travelling,
            ..Job::BLANK
        };
        self.running += 1;
        if further {
            self.tries_again(c.site);
        }
        if self.book.identity.on {
            self.book.identity.tried(call, job);
        }
        let delay = self.hop(&c, instance, key, c.id, attempt);
        if self.trouble.links.any {
            self.request_over_links(s, job, delay);
        } else {
            s.after(delay, Event::new(Kind::RequestArrives, 0, job));
        }
        job
    }

    /// Another attempt of a call is sent.
    #[cold]
    #[inline(never)]
    fn tries_again(&mut self, site: u32) {
        let client = self.sites[site as usize].client;
        if client != NONE {
            self.observer.retried(client);
        }
    }

    /// A request is not taken in.
    #[cold]
    #[inline(never)]
    fn turn_away(&mut self, s: &mut Sched, service: u32, job: u32) {
        if self.jobs.get(job).attempt != 0 {
            self.observer.repeats(service);
        }
        self.observer.turned_away(service);
        self.answer(s, job, false);
    }

    /// One-way delay between the caller of `call` and `instance`.
    fn hop(
        &self,
        call: &Call,
        instance: u32,
        key: crate::random::StreamKey,
        id: u64,
        attempt: u32,
    ) -> SimDuration {
        if call.instance == instance {
            return SimDuration::ZERO;
        }
        let there = self.instances[instance as usize].zone;
        let here = match self.sites[call.site as usize].client {
            NONE => self.instances[call.instance as usize].zone,
            client => self.clients[client as usize].zone,
        };
        self.network.delay(here, there, key, id, attempt)
    }

    /// The instance that an attempt goes to. Instances that are down stay in the rotation and
    /// refuse.
    pub(crate) fn balance(&mut self, call: &Call, attempt: u32) -> u32 {
        let site = &self.sites[call.site as usize];
        let table = &self.services[site.service as usize];
        let first = table.instances.start;
        let count = table.size;
        if count <= 1 {
            return first;
        }
        let mut draw = Draw::new(site.balance_key, call.id, attempt);
        match table.balance {
            Balance::RoundRobin => {
                let pointer = self.pointer(call);
                let at = *pointer % count;
                *pointer = (at + 1) % count;
                first + at
            }
            Balance::Random => first + draw.below(count),
            Balance::LeastLoaded => self.least_loaded(first..first + count),
            Balance::TwoChoices => self.best_of::<2>(|at| first + at, count, &mut draw),
            Balance::ThreeChoices => self.best_of::<3>(|at| first + at, count, &mut draw),
        }
    }

    /// Whose turn it is among the instances of the service that `call` goes to.
    pub(crate) fn pointer(&mut self, call: &Call) -> &mut u32 {
        let site = &self.sites[call.site as usize];
        match site.client {
            NONE => &mut self.instances[call.instance as usize].pointers[site.pointer as usize],
            client => &mut self.clients[client as usize].pointer,
        }
    }

    /// The least loaded of `N` different ones of `count` instances, drawn at random, of equals the
    /// lowest index.
    pub(crate) fn best_of<const N: usize>(
        &self,
        instance: impl Fn(u32) -> u32,
        count: u32,
        draw: &mut Draw,
    ) -> u32 {
        let mut drawn = [u32::MAX; N];
        let n = N.min(count as usize);
        for k in 0..n {
            // The k-th draw ranges over what is left; stepping over earlier ones in order keeps it
            // uniform.
            let mut at = draw.below(count - k as u32);
            drawn[..k].sort_unstable();
            for &earlier in &drawn[..k] {
                at += u32::from(at >= earlier);
            }
            drawn[k] = at;
        }
        drawn[..n].sort_unstable();
        self.least_loaded(drawn[..n].iter().map(|&at| instance(at)))
    }

    /// The instance with the fewest requests and events waiting or in work, of equals the first.
    pub(crate) fn least_loaded(&self, of: impl IntoIterator<Item = u32>) -> u32 {
        of.into_iter()
            .min_by_key(|&i| {
                let instance = &self.instances[i as usize];
                instance.inbox.len() + instance.busy as usize
            })
            .unwrap_or(NONE)
    }

    /// A request reaches its instance: a worker, the backlog, or a refusal.
    pub(crate) fn request_arrives(&mut self, s: &mut Sched, job: u32) {
        let now = s.now();
        let instance = self.jobs.get(job).instance;
        let i = &self.instances[instance as usize];
        let service = i.service;
        if !i.up {
            self.turn_away(s, service, job);
            return;
        }
        if self.services[service as usize].gated && !self.lets_in(now, job) {
            self.turn_away(s, service, job);
            return;
        }
        let i = &self.instances[instance as usize];
        let table = &self.services[service as usize];
        let idle = i.takes != Takes::Nothing && i.busy < table.workers;
        if !idle && table.cap.is_some() && !self.request_finds_room(s, instance) {
            self.turn_away(s, service, job);
            return;
        }
        let place = self.next_place(service);
        let j = self.jobs.get_mut(job);
        j.place = place;
        j.arrived = now.ns();
        j.mark = now.ns();
        j.state = State::Waiting;
        let (id, attempt, intended) = (j.id, j.attempt, j.intended);
        if attempt != 0 {
            self.observer.repeats(service);
        }
        self.observer.arrived(service, now, id, attempt, SimTime::from_ns(intended));
        if idle {
            if !self.begin(s, instance, job, false) {
                self.feed(s, instance);
            }
        } else {
            self.observer.queued(service, now);
            self.instances[instance as usize].inbox.push_back(job);
            if self.services[service as usize].discipline.is_some() {
                self.joined(s, service, instance, job);
            }
        }
    }

    /// Whether the answer of a request will still be of use to its caller.
    pub(crate) fn waited_for(&self, job: &Job) -> bool {
        self.wanted(job) && !self.caller_gone(self.calls.get(job.origin))
    }

    /// Whether an attempt of a call is still the current one.
    fn wanted(&self, job: &Job) -> bool {
        self.calls.get(job.origin).stamp == job.stamp
    }

    /// Sends the outcome of a request on its way back, if somebody waits for it, and ends the job.
    pub(crate) fn answer(&mut self, s: &mut Sched, job: u32, ok: bool) {
        let j = *self.jobs.get(job);
        if !self.wanted(&j) {
            self.end_request(job);
            return;
        }
        let call = *self.calls.get(j.origin);
        let key = self.sites[call.site as usize].answer_key;
        let mut delay = self.hop(&call, j.instance, key, j.id, j.attempt);
        if self.trouble.links.any {
            let Some(later) = self.answer_over_links(s, job, key) else {
                self.end_request(job);
                return;
            };
            delay += later;
        }
        let j = self.jobs.get_mut(job);
        j.ok = ok;
        j.state = State::Travelling;
        s.after(delay, Event::new(Kind::AnswerArrives, 0, job));
    }

    /// An answer reaches the caller.
    pub(crate) fn answer_arrives(&mut self, s: &mut Sched, job: u32) {
        let j = *self.jobs.get(job);
        self.end_request(job);
        if !self.wanted(&j) {
            return;
        }
        let guard = self.sites[self.calls.get(j.origin).site as usize].guard;
        if guard == NONE || self.copy_returns(s.now(), job, &j) {
            self.attempt_returns(s, j.origin, j.ok);
        }
    }

    /// The job of a request is over.
    pub(crate) fn end_request(&mut self, job: u32) {
        self.jobs.free(job);
        self.running -= 1;
        if self.book.identity.on {
            self.request_ends(job);
        }
    }

    /// An attempt of a call has an outcome, or its deadline has passed.
    pub(crate) fn attempt_returns(&mut self, s: &mut Sched, call: u32, ok: bool) {
        let Call { instance, stamp, .. } = *self.calls.get(call);
        if self.stands_still(instance) {
            self.hold(instance, Held::Attempt { call, stamp, ok });
            return;
        }
        let over = stamp;
        let stamp = self.next_stamp();
        let c = self.calls.get_mut(call);
        c.stamp = stamp;
        let c = *c;
        let Site { attempts, guard, .. } = self.sites[c.site as usize];
        if guard != NONE {
            self.guard_returns(s, call, over, ok);
        }
        if ok
            || c.tries >= attempts
            || self.caller_gone(&c)
            || guard != NONE && !self.may_retry(s.now(), call)
        {
            self.settle(s, call, ok);
            return;
        }
        let site = &self.sites[c.site as usize];
        let attempt = number(c.round, c.tries);
        let pause = site.backoff.sample(site.backoff_key, c.id, attempt, c.tries - 1);
        s.after(pause, Event::new(Kind::CallDue, 0, call));
    }

    /// Whether the job that made a call has been interrupted or has given up.
    pub(crate) fn caller_gone(&self, call: &Call) -> bool {
        self.sites[call.site as usize].client == NONE
            && self.jobs.get(call.caller).stamp_of_calls != call.caller_stamp
    }

    /// The pause before the next attempt of a call is over.
    pub(crate) fn call_due(&mut self, s: &mut Sched, call: u32) {
        let instance = self.calls.get(call).instance;
        if self.stands_still(instance) {
            self.hold(instance, Held::Retry(call));
            return;
        }
        if self.caller_gone(self.calls.get(call)) {
            self.settle(s, call, false);
        } else {
            self.try_call(s, call);
        }
    }

    /// A call has its final outcome.
    pub(crate) fn settle(&mut self, s: &mut Sched, call: u32, ok: bool) {
        let c = *self.calls.get(call);
        self.calls.get_mut(call).stamp = VOID;
        self.calls.free(call);
        if self.book.identity.on {
            self.call_ends(call);
        }
        match self.sites[c.site as usize].client {
            NONE => self.call_returns(s, c.caller, c.caller_stamp, ok),
            client => self.request_returns(s, client, &c, ok),
        }
    }

    /// Notes the deadline of an attempt.
    pub(crate) fn set_deadline(&mut self, s: &mut Sched, lane: u32, call: u32, stamp: u32) {
        let at = s.now() + self.lanes[lane as usize].timeout;
        if at == SimTime::MAX {
            return;
        }
        let l = &mut self.lanes[lane as usize];
        // Drop what was answered in time, so that a lane is no longer than the calls under way.
        while l.deadlines.front().is_some_and(|d| self.calls.get(d.call).stamp != d.stamp) {
            l.deadlines.pop_front();
        }
        l.deadlines.push_back(Deadline { at: at.ns(), call, stamp });
        if !l.armed {
            l.armed = true;
            s.at(at, Event::new(Kind::Deadline, 0, lane));
        }
    }

    /// The oldest deadline of a lane may have passed.
    pub(crate) fn deadline(&mut self, s: &mut Sched, lane: u32) {
        let now = s.now().ns();
        while let Some(&d) = self.lanes[lane as usize].deadlines.front() {
            let void = self.calls.get(d.call).stamp != d.stamp;
            if !void && d.at > now {
                s.at(SimTime::from_ns(d.at), Event::new(Kind::Deadline, 0, lane));
                return;
            }
            self.lanes[lane as usize].deadlines.pop_front();
            if !void {
                self.attempt_returns(s, d.call, false);
            }
        }
        self.lanes[lane as usize].armed = false;
    }
}
