//! What a service does with an event or a request: wait for a worker, go through the handler's
//! steps, end.
//!
//! A step that takes no time takes no event. A handler never calls [`World::feed`] for itself:
//! whoever handled the event that released a worker does, so that nothing recurses.

use super::blueprint::{PublishMode, RetryIn};
use super::call::Caller;
use super::event::{Event, Kind};
use super::observation::{Observer, Segments, Visit};
use super::publish::Emitted;
use super::tables::{Instance, Job, NONE, Op, State};
use super::{Sched, World};
use crate::random::{Draw, derive_id};
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// The next place in the line of a service.
    pub(crate) fn next_place(&mut self, service: u32) -> u64 {
        let table = &mut self.services[service as usize];
        table.place += 1;
        table.place
    }

    /// An event that may start: on an idle worker, or into the backlog at its place.
    #[inline(always)]
    pub(crate) fn event_arrives(&mut self, s: &mut Sched, service: u32, job: u32) {
        if let Some(instance) = self.idle_instance(service) {
            if !self.begin(s, instance, job, false) {
                self.feed(s, instance);
            }
        } else {
            // Nothing has a later place than what arrives now.
            self.observer.queued(service, s.now());
            self.services[service as usize].backlog.push_back(job);
        }
    }

    /// Puts a job of an event that had to wait elsewhere into the backlog, ordered by place.
    pub(crate) fn wait_in_backlog(&mut self, s: &Sched, service: u32, job: u32) {
        self.observer.queued(service, s.now());
        let place = self.jobs.get(job).place;
        let backlog = &mut self.services[service as usize].backlog;
        let last = backlog.back().map_or(0, |&j| self.jobs.get(j).place);
        if last < place {
            backlog.push_back(job);
        } else {
            let at = backlog.partition_point(|&j| self.jobs.get(j).place < place);
            backlog.insert(at, job);
        }
    }

    /// The instance with a free worker that has the fewest busy ones, of equals the first.
    fn idle_instance(&self, service: u32) -> Option<u32> {
        let table = &self.services[service as usize];
        let mut best = None;
        let mut fewest = table.workers;
        for i in table.instances.clone() {
            let instance = &self.instances[i as usize];
            if instance.up && instance.busy < fewest {
                best = Some(i);
                fewest = instance.busy;
                if fewest == 0 {
                    break;
                }
            }
        }
        best
    }

    /// [`World::feed_here`] for where few jobs start.
    #[inline(never)]
    pub(crate) fn feed(&mut self, s: &mut Sched, instance: u32) {
        self.feed_here(s, instance);
    }

    /// Gives waiting work to the free workers of an instance, first come, first served.
    #[inline(always)]
    fn feed_here(&mut self, s: &mut Sched, instance: u32) {
        loop {
            let i = &mut self.instances[instance as usize];
            let table = &mut self.services[i.service as usize];
            if !i.up || i.busy >= table.workers {
                return;
            }
            let event = table.backlog.front().copied();
            let request = i.inbox.front().copied();
            let job = match (event, request) {
                (None, None) => {
                    if table.asks {
                        self.asks(s, instance);
                    }
                    return;
                }
                (Some(e), Some(r)) if self.jobs.get(r).place < self.jobs.get(e).place => {
                    i.inbox.pop_front()
                }
                (None, Some(_)) => i.inbox.pop_front(),
                (Some(_), _) => table.backlog.pop_front(),
            };
            let Some(job) = job else { return };
            self.begin(s, instance, job, true);
        }
    }

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
            self.lease(job);
        }
        let (i, j) = (&self.instances[instance as usize], self.jobs.get_mut(job));
        // Most jobs start with work.
        if let Some(Op::Work(duration, key)) = self.ops.get(j.step as usize)
            && j.step != j.end
        {
            let d = stretched(duration.sample(*key, j.id, j.attempt), i.slow);
            if d != SimDuration::ZERO {
                j.timer = true;
                s.after(d, Event::new(Kind::StepDone, 0, job));
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
            if j.failing && !matches!(op, Op::Work(..) | Op::Recall(..)) {
                self.attempt_fails(s, job);
                return;
            }
            let slow = self.instances[j.instance as usize].slow;
            match op {
                Op::Work(duration, key)
                | Op::Recall(duration, key)
                | Op::Write { duration, key, .. } => {
                    let d = stretched(duration.sample(*key, j.id, j.attempt), slow);
                    if d != SimDuration::ZERO {
                        j.timer = true;
                        s.after(d, Event::new(Kind::StepDone, 0, job));
                        return;
                    }
                    if !self.step_ends(s, job) {
                        return;
                    }
                }
                Op::Call(sites) => {
                    let sites = sites.clone();
                    self.call_all(s, job, sites);
                    return;
                }
                Op::EmitAll(_) | Op::EmitOne(..) => {
                    if self.emit(s, job) {
                        return;
                    }
                    self.jobs.get_mut(job).step += 1;
                }
            }
        }
    }

    /// The timer of a step is over.
    pub(crate) fn step_done(&mut self, s: &mut Sched, job: u32) {
        let j = self.jobs.get_mut(job);
        if j.state == State::Ghost {
            self.jobs.free(job);
            return;
        }
        j.timer = false;
        let instance = j.instance;
        if j.step + 1 == j.end && !j.failing && matches!(self.ops[j.step as usize], Op::Work(..)) {
            // The most frequent case: the only step was work.
            j.step += 1;
            self.finish(s, job, true);
        } else {
            if self.step_ends(s, job) {
                self.run(s, job);
            }
        }
        self.feed_here(s, instance);
    }

    /// Accounts for the time of the current step, commits it if it is a write, and moves on. Whether
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
                self.commit(s, job, name, entity);
                true
            }
            Op::Recall(..) => self.recall(s, job),
            _ => true,
        }
    }

    /// A store write is durable. Apart from the rest, which most jobs go through without it.
    #[inline(never)]
    fn commit(&mut self, s: &Sched, job: u32, name: u64, entity: u32) {
        let j = self.jobs.get_mut(job);
        let first = j.committed == 0;
        // A repeated request makes another entity, as a service without deduplication does.
        let new = derive_id(derive_id(j.id, name), u64::from(j.attempt)) | 1;
        if self.traced(job) {
            if first && !self.admits(s.now(), job) {
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
            if !fact.given_up {
                self.observer.converged(fact.event, now, commit);
            }
            self.book.facts.free(j.origin);
        }
    }

    /// Publishes the events of the current emit step. Whether the job has to wait for answers.
    #[inline(never)]
    fn emit(&mut self, s: &mut Sched, job: u32) -> bool {
        let j = *self.jobs.get(job);
        let commit = if j.committed == 0 { s.now().ns() } else { j.committed };
        let chosen = self.chosen(&j, j.step);
        let publish = self.handlers[j.handler as usize].publish;
        let waits = publish.mode == PublishMode::Sync;
        let stamp = if waits { self.next_stamp() } else { 0 };
        let mut awaited = 0;
        if waits {
            self.jobs.get_mut(job).stamp_of_calls = stamp;
            // Answers that come at once must not end the step before all is sent.
            self.jobs.get_mut(job).unanswered = u32::MAX;
        }
        for at in chosen {
            let e = &self.emissions[at as usize];
            let (event, count, first) = (e.event, e.count, derive_id(j.id, e.salt));
            let plain = self.events[event as usize].plain;
            for n in 0..count {
                let id = if n == 0 { first } else { derive_id(first, u64::from(n)) };
                if plain {
                    self.publish(s, event, id, commit, j.key);
                    continue;
                }
                let (instance, key) = (j.instance, j.key);
                let e = Emitted { event, id, commit, key, publish, instance, job, stamp };
                awaited += u32::from(self.publish_booked(s, &e));
            }
        }
        self.awaits(job, stamp, awaited)
    }

    /// A job has sent what it waits for. Whether an answer is still to come.
    fn awaits(&mut self, job: u32, stamp: u32, awaited: u32) -> bool {
        let j = self.jobs.get_mut(job);
        if stamp == 0 {
            return false;
        }
        if j.stamp_of_calls != stamp {
            // A refusal has come at once, and has ended the attempt.
            return true;
        }
        let answered = u32::MAX - j.unanswered;
        j.unanswered = awaited - answered;
        if j.unanswered == 0 {
            j.stamp_of_calls = 0;
        }
        j.unanswered > 0
    }

    /// The emissions of step `step` for this job: all, or the one that its draw chooses.
    fn chosen(&self, job: &Job, step: u32) -> std::ops::Range<u32> {
        match &self.ops[step as usize] {
            Op::EmitAll(all) => all.clone(),
            Op::EmitOne(all, key) => {
                let u = Draw::new(*key, job.id, job.attempt).unit();
                let one = all.clone().find(|&at| u < self.emissions[at as usize].below);
                one.map_or(0..0, |at| at..at + 1)
            }
            _ => 0..0,
        }
    }

    /// An attempt fails: a pause with the worker held, or the end.
    #[inline(never)]
    pub(crate) fn attempt_fails(&mut self, s: &mut Sched, job: u32) {
        self.remembers_failure(job);
        let j = self.jobs.get_mut(job);
        let handler = &self.handlers[j.handler as usize];
        j.stamp_of_calls = 0;
        j.failed += 1;
        if j.failed >= handler.attempts {
            self.finish_elsewhere(s, job, false);
            return;
        }
        if handler.retry_in != RetryIn::Inline && j.delivery != NONE {
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
            self.aside_over(s, job);
            return;
        }
        if j.state == State::Held {
            self.held_over(s, job);
            return;
        }
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
        self.run(s, job);
        self.feed(s, instance);
    }

    /// [`World::finish`] for where few jobs end.
    #[inline(never)]
    fn finish_elsewhere(&mut self, s: &mut Sched, job: u32, ok: bool) {
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
        };
        if subscription == NONE {
            let (id, attempt) = (j.id, j.attempt);
            visit.good = ok && self.waited_for(self.jobs.get(job));
            self.observer.left(handler.service, now, id, attempt, &visit);
            self.answer(s, job, ok);
            return;
        }
        self.observer.left(handler.service, now, j.id, j.attempt, &visit);
        if j.delivery != NONE {
            self.finish_booked(s, job, ok);
            return;
        }
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

    /// A handler that committed ends without having published: its events are lost.
    pub(crate) fn unpublished(&mut self, job: u32) {
        let j = *self.jobs.get(job);
        if j.committed == 0 {
            return;
        }
        for step in j.step..self.handlers[j.handler as usize].steps.end {
            for at in self.chosen(&j, step) {
                let e = &self.emissions[at as usize];
                let (event, count) = (e.event as usize, e.count);
                for subscription in self.book.heard[event].clone() {
                    for _ in 0..count {
                        self.observer.lost(subscription, SimTime::from_ns(j.committed));
                        self.book.identity.harm(&mut self.observer, j.key, subscription);
                    }
                }
            }
        }
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
        let now = s.now().ns();
        let j = self.jobs.get_mut(job);
        if j.stamp_of_calls != stamp {
            return;
        }
        j.unanswered -= 1;
        if ok && j.unanswered > 0 {
            return;
        }
        let instance = j.instance;
        let took = now - j.mark;
        j.mark = now;
        j.worked += took;
        if ok {
            j.stamp_of_calls = 0;
            j.step += 1;
            self.run(s, job);
        } else {
            self.attempt_fails(s, job);
        }
        self.feed(s, instance);
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

/// `d` times `slow`.
#[inline]
fn stretched(d: SimDuration, slow: f64) -> SimDuration {
    if slow == 1.0 { d } else { SimDuration::from_ns((d.ns() as f64 * slow + 0.5) as u64) }
}
