//! What a service does with an event or a request that has a worker: go through the handler's
//! steps, end.
//!
//! A step that takes no time takes no event. A handler never calls [`World::feed`] for itself:
//! whoever handled the event that released a worker does, so that nothing recurses.

use super::blueprint::RetryIn;
use super::call::Caller;
use super::event::{Event, Kind};
use super::failure::Held;
use super::observation::{Observer, Segments, Visit};
use super::tables::{Instance, Job, NONE, Op, Range, State};
use super::{Sched, World};
use crate::random::derive_id;
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// A worker takes a job up and goes through its steps until one takes time or the job ends.
    /// Whether the worker is surely still busy.
    #[inline(always)]
    pub(crate) fn begin(&mut self, s: &mut Sched, instance: u32, job: u32, queued: bool) -> bool {
        let now = s.now();
        let i = &mut self.instances[instance as usize];
        let j = self.jobs.get_mut(job);
        let handler = &self.handlers[j.handler as usize];
        j.wait += now.ns() - j.mark;
        j.mark = now.ns();
        j.state = State::Working;
        j.instance = instance;
        j.step = handler.steps.start;
        j.end = handler.steps.end;
        j.failing = handler.fails.draw(handler.fails_key, j.id, j.attempt);
        i.busy += 1;
        let plain = j.subscription != NONE && !j.applied && j.delivery == NONE;
        self.observer.started(i.service, now, plain.then_some(j.subscription), queued);
        if j.delivery != NONE {
            return self.begin_booked(s, job);
        }
        if i.slow != 1.0 {
            return self.begin_strained(s, job);
        }
        // Most jobs start with work.
        if let Some(Op::Work(duration, key)) = self.ops.get(j.step as usize)
            && j.step != j.end
        {
            let d = duration.sample_here(*key, j.id, j.attempt);
            if d != SimDuration::ZERO {
                j.timer = true;
                s.after_here(d, Event::new(Kind::StepDone, 0, job));
                return true;
            }
        }
        self.run(s, job);
        false
    }

    /// Goes on with [`World::begin`] where the job is one of the book. Apart from the rest, which
    /// looks nothing up twice without it.
    #[inline(never)]
    fn begin_booked(&mut self, s: &mut Sched, job: u32) -> bool {
        self.lease(s, job);
        let j = self.jobs.get_mut(job);
        if self.instances[j.instance as usize].slow != 1.0 {
            return self.begin_strained(s, job);
        }
        if let Some(Op::Work(duration, key)) = self.ops.get(j.step as usize)
            && j.step != j.end
        {
            let d = duration.sample_here(*key, j.id, j.attempt);
            if d != SimDuration::ZERO {
                j.timer = true;
                s.after_here(d, Event::new(Kind::StepDone, 0, job));
                return true;
            }
        }
        self.run(s, job);
        false
    }

    /// Goes on with [`World::begin`] where failures weigh on the instance.
    #[cold]
    #[inline(never)]
    fn begin_strained(&mut self, s: &mut Sched, job: u32) -> bool {
        self.begins_strained(s, job);
        let j = self.jobs.get(job);
        if let Some(Op::Work(duration, key)) = self.ops.get(j.step as usize)
            && j.step != j.end
        {
            let d = duration.sample(*key, j.id, j.attempt);
            let d = self.stretched(s.now(), j.instance, d);
            if self.computes(s, job, d) {
                return true;
            }
        }
        self.run(s, job);
        false
    }

    /// Goes through the steps until one takes time or the job ends.
    #[inline(never)]
    pub(crate) fn run(&mut self, s: &mut Sched, job: u32) {
        loop {
            let j = self.jobs.get_mut(job);
            if j.step == j.end {
                if j.failing {
                    self.attempt_fails(s, job);
                } else {
                    self.finish_elsewhere(s, job, true);
                }
                return;
            }
            let op = &self.ops[j.step as usize];
            let first = matches!(op, Op::Each | Op::Replay(..) | Op::Recall(..) | Op::Guard);
            if j.failing && !first && !matches!(op, Op::Work(..)) {
                self.attempt_fails(s, job);
                return;
            }
            let instance = j.instance;
            let service = self.instances[instance as usize].service;
            match op {
                Op::Work(duration, key)
                | Op::Recall(duration, key)
                | Op::Write { duration, key, .. } => {
                    if let Some(store) = &mut self.services[service as usize].store
                        && !store.starts(job, op, &self.book.identity.memory[service as usize])
                    {
                        return;
                    }
                    let works = matches!(op, Op::Work(..));
                    let d = duration.sample(*key, j.id, j.attempt);
                    let d = self.stretched(s.now(), instance, d);
                    let lasts =
                        if works { self.computes(s, job, d) } else { self.lasts(s, job, d) };
                    if lasts || !self.step_ends(s, job) {
                        return;
                    }
                }
                Op::Guard => {
                    if !self.step_ends(s, job) {
                        return;
                    }
                }
                Op::Replay(..) | Op::Each => {
                    let d = self.work_that_counts(job);
                    let d = self.stretched(s.now(), instance, d);
                    if self.computes(s, job, d) || !self.step_ends(s, job) {
                        return;
                    }
                }
                Op::Call(sites) => {
                    let sites = sites.clone();
                    j.step += 1;
                    self.call_out(s, job, sites);
                    return;
                }
                Op::EmitAll(_) | Op::EmitOne(..) => {
                    if self.rows_wait(service, job) {
                        return;
                    }
                    self.jobs.get_mut(job).step += 1;
                    if self.emit(s, job) {
                        return;
                    }
                }
            }
        }
    }

    /// How long work takes that depends on more than the draw of a job: on which one it is of all,
    /// or on how many ride along.
    fn work_that_counts(&mut self, job: u32) -> SimDuration {
        match &self.ops[self.jobs.get(job).step as usize] {
            Op::Replay(duration, key) => {
                let (duration, key) = (duration.clone(), *key);
                duration.sample(key, self.ordinal(job), 0)
            }
            _ => self.work_for_each(job),
        }
    }

    /// Makes the calls of a step, and lets the worker go meanwhile if its handler says so.
    fn call_out(&mut self, s: &mut Sched, job: u32, sites: Range) {
        let blocking = self.handlers[self.jobs.get(job).handler as usize].blocking;
        self.call_all(s, job, sites);
        if !blocking {
            self.steps_aside(s, job);
        }
    }

    /// Lets the current step of a job take its time. Whether it takes any.
    #[inline]
    pub(crate) fn lasts(&mut self, s: &mut Sched, job: u32, d: SimDuration) -> bool {
        if d == SimDuration::ZERO {
            return false;
        }
        self.jobs.get_mut(job).timer = true;
        s.after(d, Event::new(Kind::StepDone, 0, job));
        true
    }

    /// The timer of a step is over.
    #[inline(always)]
    pub(crate) fn step_done(&mut self, s: &mut Sched, job: u32) {
        if self.jobs.get(job).state != State::Working && !self.works_on(s, job) {
            return;
        }
        let j = self.jobs.get_mut(job);
        j.timer = false;
        let instance = j.instance;
        if j.step + 1 == j.end && !j.failing && matches!(self.ops[j.step as usize], Op::Work(..)) {
            // The most frequent case: the only step was work.
            j.step += 1;
            self.finish(s, job, true);
        } else if self.step_ends(s, job) {
            self.run(s, job);
        }
        self.feed_here(s, instance);
    }

    /// The timer of a step is over whose job is not simply at work. Whether it is now.
    #[cold]
    #[inline(never)]
    fn works_on(&mut self, s: &mut Sched, job: u32) -> bool {
        if self.jobs.get(job).state == State::Ghost {
            self.jobs.free(job);
            return false;
        }
        self.counts(s, job, Kind::StepDone)
    }

    /// The number of an event among those of its type, or of a request at its handler.
    fn ordinal(&mut self, job: u32) -> u64 {
        let j = self.jobs.get(job);
        if j.delivery != NONE {
            return self.book.facts.get(j.origin).ordinal;
        }
        let replayed = &mut self.handlers[j.handler as usize].replayed;
        *replayed += 1;
        *replayed - 1
    }

    /// Accounts for the time of the current step, commits it if it is a write, moves on. Whether
    /// the job keeps its worker.
    #[inline(never)]
    fn step_ends(&mut self, s: &mut Sched, job: u32) -> bool {
        let now = s.now().ns();
        let j = self.jobs.get_mut(job);
        let took = now - j.mark;
        j.mark = now;
        j.worked += took;
        let op = &self.ops[j.step as usize];
        j.step += 1;
        match *op {
            Op::Write { name, entity, .. } => {
                j.commit += took;
                let service = self.handlers[j.handler as usize].service;
                let leads = j.next != NONE;
                self.commit(s, job, name, entity);
                if leads {
                    self.commit_riders(s, job, name, entity);
                }
                self.disconnect(s, service, job);
                true
            }
            Op::Recall(..) => {
                let service = self.handlers[j.handler as usize].service;
                self.disconnect(s, service, job);
                self.recall(s, job)
            }
            Op::Guard => self.recall(s, job),
            _ => true,
        }
    }

    /// A store write is durable. Apart from the rest, which most jobs go through without it.
    #[inline(never)]
    pub(crate) fn commit(&mut self, s: &mut Sched, job: u32, name: u64, entity: u32) {
        let j = self.jobs.get_mut(job);
        let first = j.committed == 0;
        // A repeated request makes another entity, as a service without deduplication does.
        let new = derive_id(derive_id(j.id, name), u64::from(j.attempt)) | 1;
        if self.traced(job) {
            if self.jobs.get(job).skips || first && !self.admits(s.now(), job) {
                return;
            }
            self.write(job, entity, new);
        } else if self.jobs.get(job).key == 0 {
            self.jobs.get_mut(job).key = new;
        }
        let j = self.jobs.get_mut(job);
        j.committed = s.now().ns();
        if first && j.subscription != NONE {
            self.apply(s.now(), job);
        }
        self.commit_rows(s, job, first);
    }

    /// The effect of an event becomes visible.
    #[inline(always)]
    fn apply(&mut self, now: SimTime, job: u32) {
        let j = self.jobs.get_mut(job);
        if j.delivery != NONE {
            self.apply_booked(now, job);
            return;
        }
        let subscription = j.subscription;
        if j.applied {
            self.observer.applied_again(subscription);
            return;
        }
        j.applied = true;
        let fact = self.book.facts.get_mut(j.origin);
        let segments = Segments {
            outbox: 0,
            batch: 0,
            broker: 0,
            publish: fact.published - j.intended,
            deliver: j.arrived - fact.published,
            wait: j.wait,
            retry: j.retry,
            service: j.worked - j.retry - j.commit,
            commit: j.commit,
        };
        let commit = SimTime::from_ns(j.intended);
        self.observer.applied(subscription, now, commit, &segments, false);
        fact.left -= 1;
        if fact.left == 0 {
            if !std::mem::take(&mut fact.given_up) {
                self.observer.converged(fact.event, now, commit);
            }
            self.book.facts.free(j.origin);
        }
    }

    /// An attempt fails: a pause with the worker held, or the end.
    #[inline(never)]
    pub(crate) fn attempt_fails(&mut self, s: &mut Sched, job: u32) {
        if self.kills_its_instance(s, job) {
            return;
        }
        self.remembers_failure(job);
        let j = self.jobs.get_mut(job);
        j.stamp_of_calls = 0;
        let handler = &self.handlers[j.handler as usize];
        if j.committed == 0 && handler.writes {
            let passed = (j.step - handler.steps.start).min(u32::from(u16::MAX)) as u16;
            j.exposed = j.exposed.max(passed);
        }
        if j.next != NONE && self.bisect(s, job) {
            return;
        }
        let j = self.jobs.get_mut(job);
        let handler = &self.handlers[j.handler as usize];
        j.failed += 1;
        if j.failed >= handler.attempts {
            self.finish_elsewhere(s, job, false);
            return;
        }
        if handler.retry_in != RetryIn::Inline && j.delivery != NONE {
            for rider in self.part(s, job) {
                self.put_aside(s, rider);
            }
            self.put_aside(s, job);
            return;
        }
        self.observer.failed(handler.service);
        j.retry = j.worked;
        j.commit = 0;
        j.attempt += 1;
        j.timer = true;
        let pause = handler.backoff.sample(handler.backoff_key, j.id, j.attempt, j.failed - 1);
        s.after(pause, Event::new(Kind::AttemptDue, 0, job));
    }

    /// The pause before the next attempt is over.
    pub(crate) fn attempt_due(&mut self, s: &mut Sched, job: u32) {
        let now = s.now().ns();
        let j = self.jobs.get_mut(job);
        if j.state == State::Ghost {
            self.jobs.free(job);
            return;
        }
        if j.state == State::Parked {
            if !self.is_held(job) || self.counts(s, job, Kind::AttemptDue) {
                self.aside_over(s, job);
            }
            return;
        }
        if j.state == State::PutBy {
            self.put_by_over(s, job);
            return;
        }
        if j.state == State::Frozen && !self.counts(s, job, Kind::AttemptDue) {
            return;
        }
        let j = self.jobs.get_mut(job);
        let handler = &self.handlers[j.handler as usize];
        let took = now - j.mark;
        j.mark = now;
        j.worked += took;
        j.retry = j.worked;
        j.timer = false;
        j.committed = 0;
        j.step = handler.steps.start;
        j.failing = handler.fails.draw(handler.fails_key, j.id, j.attempt);
        let instance = j.instance;
        if self.instances[instance as usize].slow.is_nan() {
            self.fails_strained(job);
        }
        let poisoned = self.poisoned(self.jobs.get(job));
        let j = self.jobs.get_mut(job);
        j.failing |= poisoned;
        if j.next != NONE && self.carries_poison(job) {
            self.jobs.get_mut(job).failing = true;
        }
        self.run(s, job);
        self.feed(s, instance);
    }

    /// [`World::finish`] for where few jobs end.
    #[inline(never)]
    pub(crate) fn finish_elsewhere(&mut self, s: &mut Sched, job: u32, ok: bool) {
        self.finish(s, job, ok);
    }

    /// A job ends for good and its worker is released.
    #[inline(always)]
    fn finish(&mut self, s: &mut Sched, job: u32, ok: bool) {
        let now = s.now();
        if !ok {
            self.unpublished(job);
        }
        let j = self.jobs.get_mut(job);
        release(&mut self.instances, now, j);
        let (subscription, line) = (j.subscription, j.line);
        let handler = &self.handlers[j.handler as usize];
        let mut visit = Visit {
            intended: SimTime::from_ns(j.intended),
            arrived: SimTime::from_ns(j.arrived),
            wait: j.wait,
            service: j.worked,
            good: ok,
            booked: false,
        };
        if subscription == NONE {
            let (id, attempt) = (j.id, j.attempt);
            visit.good = ok && self.waited_for(self.jobs.get(job));
            self.observer.left(handler.service, now, id, attempt, &visit);
            self.answer(s, job, ok);
            return;
        }
        if j.delivery != NONE {
            visit.booked = true;
            self.observer.left(handler.service, now, j.id, j.attempt, &visit);
            self.finish_booked(s, job, ok);
            return;
        }
        self.observer.left(handler.service, now, j.id, j.attempt, &visit);
        if ok && !handler.writes {
            self.apply(now, job);
        } else if !ok && !j.applied {
            self.observer.exhausted(subscription);
            let fact = j.origin;
            self.book.identity.harm(&mut self.observer, line, subscription);
            self.give_up(fact);
        }
        if line != 0 && self.subscriptions[subscription as usize].ordered {
            self.next_in_line(s, subscription, line);
        }
        self.jobs.free(job);
        self.running -= 1;
    }

    /// Starts all calls of the current step.
    #[inline(never)]
    fn call_all(&mut self, s: &mut Sched, job: u32, sites: std::ops::Range<u32>) {
        let stamp = self.next_stamp();
        let j = self.jobs.get_mut(job);
        j.stamp_of_calls = stamp;
        j.unanswered = sites.len() as u32;
        let caller =
            Caller { job, stamp, instance: j.instance, id: j.id, key: j.key, round: j.attempt };
        for site in sites {
            self.start_call(s, site, &caller);
        }
    }

    /// One of the calls of a job has its outcome.
    pub(crate) fn call_returns(&mut self, s: &mut Sched, job: u32, stamp: u32, ok: bool) {
        let j = self.jobs.get_mut(job);
        if j.stamp_of_calls != stamp {
            return;
        }
        let (instance, away) = (j.instance, j.state == State::Away);
        if j.state == State::Frozen || away && self.stands_still(instance) {
            self.hold(instance, Held::Outcome { job, stamp, ok });
            return;
        }
        let j = self.jobs.get_mut(job);
        j.unanswered -= 1;
        if ok && j.unanswered > 0 {
            return;
        }
        if away {
            self.calls_are_back(s, job, ok);
            return;
        }
        self.goes_on(s, job, ok);
        self.feed(s, instance);
    }

    /// A job whose calls have this outcome goes on with its worker, or its attempt fails.
    pub(crate) fn goes_on(&mut self, s: &mut Sched, job: u32, ok: bool) {
        let now = s.now().ns();
        let j = self.jobs.get_mut(job);
        let took = now - j.mark;
        j.mark = now;
        j.worked += took;
        if ok {
            j.stamp_of_calls = 0;
            self.run(s, job);
        } else {
            if j.committed == 0
                && matches!(self.ops[j.step as usize - 1], Op::EmitAll(_) | Op::EmitOne(..))
            {
                // What was refused is not a phantom.
                j.step -= 1;
            }
            self.attempt_fails(s, job);
        }
    }
}

/// Takes the worker from a job.
#[inline(always)]
pub(crate) fn release(instances: &mut [Instance], now: SimTime, j: &mut Job) {
    j.worked += now.ns() - j.mark;
    j.mark = now.ns();
    j.stamp_of_calls = 0;
    j.state = State::Waiting;
    instances[j.instance as usize].busy -= 1;
}
