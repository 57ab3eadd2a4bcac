//! Copies that come from the book: from a broker to a job, and from a job back to the broker.

use super::blueprint::{AckMode, Exhausted, RetryIn};
use super::book::Obligation;
use super::broker::{Delivery, Departure, Outcome};
use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::{Observer, Segments, Visit};
use super::service::release;
use super::tables::{Fact, Job, NONE, State, Takes};
use super::{Sched, World};
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// An engine is told something.
    #[inline]
    pub(crate) fn broker_step(&mut self, s: &mut Sched, broker: u32, token: u32) {
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.step(&mut ctx, token);
        self.replies(s);
    }

    /// A timer of an engine is over.
    #[inline]
    pub(crate) fn broker_timer(&mut self, s: &mut Sched, broker: u32, token: u32) {
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.timer(&mut ctx, token);
        self.replies(s);
    }

    /// A copy of a fact of the book arrives from an ideal bus.
    pub(crate) fn arrive_booked(&mut self, s: &mut Sched, subscription: u32, fact: u32) {
        let f = *self.book.facts.get(fact);
        let table = &self.subscriptions[subscription as usize];
        let (service, ordered) = (table.service, table.ordered && f.key != 0);
        let held = ordered && self.is_behind(subscription, f.key, f.id);
        if !self.event_finds_room(s, service, held) {
            self.shed(s, fact, subscription, if ordered { f.key } else { 0 });
            return;
        }
        let delivery = self.deliveries.reserve(&Delivery::BLANK);
        *self.deliveries.get_mut(delivery) =
            Delivery { fact, subscription, broker: NONE, leased: f.published, ..Delivery::BLANK };
        let b = self.book.get(fact, subscription);
        if b.stored == 0 {
            b.stored = f.published;
        }
        let again = b.deliveries > 0;
        b.given_out(f.published);
        self.observer.delivered(subscription, again);
        let job = self.job_of(s, delivery);
        if ordered && self.waits_in_line(subscription, f.key, f.id, job) {
            self.observer.queued(service, s.now());
            self.services[service as usize].held += 1;
        } else {
            self.starts_or_gathers(s, service, job);
        }
    }

    /// An event that no instance has yet may start, by itself or with others.
    pub(crate) fn starts_or_gathers(&mut self, s: &mut Sched, service: u32, job: u32) {
        if self.handlers[self.jobs.get(job).handler as usize].batch == NONE {
            self.booked_arrives(s, service, job);
        } else {
            self.gather(s, service, NONE, job);
        }
    }

    /// The job of a delivery that arrives now.
    fn job_of(&mut self, s: &Sched, delivery: u32) -> u32 {
        let d = *self.deliveries.get(delivery);
        let table = &self.subscriptions[d.subscription as usize];
        let (service, handler) = (table.service, table.handler);
        let ordered = table.ordered && d.broker == NONE;
        let place = self.next_place(service);
        let Fact { id, commit, key, .. } = *self.book.facts.get(d.fact);
        let b = self.book.get(d.fact, d.subscription);
        let (attempt, failed) = (u32::from(b.attempts), u32::from(b.failed));
        let applied = b.fate == Fate::Applied;
        self.running += 1;
        if attempt != 0 {
            self.observer.repeats(service);
        }
        self.observer.arrived(service, s.now(), id, attempt, SimTime::from_ns(commit));
        let job = self.jobs.reserve(&Job::BLANK);
        let o = &mut self.observer;
        let about = self.book.identity.delivered(o, d.fact, d.subscription, job);
        *self.jobs.get_mut(job) = Job {
            id,
            key: about,
            line: if ordered { key } else { 0 },
            intended: commit,
            arrived: s.now().ns(),
            mark: s.now().ns(),
            place,
            subscription: d.subscription,
            origin: d.fact,
            delivery,
            handler,
            attempt,
            failed,
            applied,
            ..Job::BLANK
        };
        job
    }

    /// A copy reaches the instance that a broker sent it to.
    pub(crate) fn copy_arrives(&mut self, s: &mut Sched, slot: u32) {
        let d = *self.deliveries.get(slot);
        let i = &mut self.instances[d.instance as usize];
        let service = i.service;
        let expected = i.incarnation == d.incarnation;
        i.coming -= u32::from(expected);
        if !expected || d.void {
            self.waits_no_more(s.now(), service, &d);
            self.deliveries.free(slot);
            self.book.drop(&mut self.observer, d.fact, d.subscription, d.reason);
            if d.reason == Fate::LostNetwork && self.services[service as usize].asks {
                self.asks(s, d.instance);
            }
            return;
        }
        let up = i.up;
        for _ in 0..d.behind {
            self.observer.queued(service, s.now());
        }
        self.deliveries.get_mut(slot).behind = 0;
        if !up {
            self.waits_no_more(s.now(), service, &d);
            if !self.too_late(s, slot) {
                return;
            }
        }
        let job = self.job_of(s, slot);
        if up && d.waits > 0 {
            // It has been there, waiting behind others, and gets in line now.
            self.observer.unqueued(service, s.now());
            let j = self.jobs.get_mut(job);
            (j.arrived, j.mark) = (d.waits, d.waits);
        }
        let alone = self.handlers[self.jobs.get(job).handler as usize].batch == NONE;
        // An instance that stops does not wait for more.
        if alone || !up {
            self.enters(s, d.instance, job);
        } else {
            self.gather(s, service, d.instance, job);
        }
    }

    /// A job that a broker gave to an instance may start: on an idle worker, or in line.
    #[inline]
    pub(crate) fn enters(&mut self, s: &mut Sched, instance: u32, job: u32) {
        let i = &self.instances[instance as usize];
        let service = i.service;
        let idle = i.takes != Takes::Nothing && i.busy < self.services[service as usize].workers;
        if idle {
            if !self.begin(s, instance, job, false) {
                self.feed(s, instance);
            }
        } else {
            self.observer.queued(service, s.now());
            self.instances[instance as usize].inbox.push_back(job);
            if !self.instances[instance as usize].up {
                self.drains(s, instance);
            }
        }
    }

    /// A copy that waited at an instance behind others waits there no more.
    fn waits_no_more(&mut self, now: SimTime, service: u32, d: &Delivery) {
        if d.waits > 0 {
            let id = self.book.facts.get(d.fact).id;
            let attempt = u32::from(self.book.get(d.fact, d.subscription).attempts);
            self.observer.unqueued(service, now);
            self.observer.cut_off(service, now, id, attempt, SimTime::from_ns(d.waits));
        }
    }

    /// The answer about a delivery reaches its broker.
    pub(crate) fn settled(&mut self, s: &mut Sched, slot: u32) {
        let d = *self.deliveries.get(slot);
        let (engine, mut ctx) = self.at_broker(s, d.broker);
        engine.settled(&mut ctx, slot, d.outcome);
        self.deliveries.free(slot);
        self.book.drop(&mut self.observer, d.fact, d.subscription, d.outcome.reason());
        self.replies(s);
    }

    /// A worker takes up work that is in the book.
    #[inline(never)]
    pub(crate) fn lease(&mut self, s: &Sched, job: u32) {
        let poisoned = self.poisoned(self.jobs.get(job));
        let j = self.jobs.get_mut(job);
        j.failing |= poisoned;
        let (fact, subscription, handler) = (j.origin, j.subscription, j.handler);
        // Another copy may come while this one is in work: it draws anew.
        self.book.get(fact, subscription).tried(j.attempt);
        if self.handlers[handler as usize].batch != NONE {
            self.board(s, job);
            self.jobs.get_mut(job).failing |= self.carries_poison(job);
        }
        self.book.put(&mut self.observer, fact, subscription, Fate::Leased);
    }

    /// The effect of an event of the book becomes visible.
    #[inline(never)]
    pub(crate) fn apply_booked(&mut self, now: SimTime, job: u32) {
        let j = self.jobs.get(job);
        let (origin, subscription) = (j.origin, j.subscription);
        let spoilt = !self.handlers[j.handler as usize].faults.is_empty() && self.is_spoilt(job);
        let Some(from) = self.book.apply(&mut self.observer, origin, subscription) else {
            self.observer.applied_again(subscription);
            self.shows(now, (origin, subscription), false, spoilt);
            return;
        };
        self.jobs.get_mut(job).applied = true;
        if self.book.identity.objectives {
            self.states_effect(now, origin);
        }
        if !from.is_open() {
            self.observer.resurrected(subscription);
        }
        let j = self.jobs.get(job);
        let d = self.deliveries.get(j.delivery);
        let b = *self.book.get(origin, subscription);
        let fact = self.book.facts.get(origin);
        // Another consumer may have been given it since it was fetched here.
        let first = b.first.min(d.leased);
        // Somebody else may have emitted the same, and have been faster.
        let (relayed, sent) = (fact.relayed.min(b.stored), fact.sent.min(b.stored));
        let segments = Segments {
            outbox: relayed - j.intended,
            batch: sent - relayed,
            publish: b.stored - sent,
            broker: first - b.stored,
            deliver: j.arrived - d.leased,
            wait: j.wait,
            retry: d.leased - first + j.retry,
            service: j.worked - j.retry - j.commit,
            commit: j.commit,
        };
        let commit = SimTime::from_ns(j.intended);
        let (event, converged) = (fact.event, fact.left == 0 && !fact.given_up);
        if fact.backfill {
            // How long that took says nothing of how far the subscription is behind.
            if self.book.identity.versions {
                self.shows(now, (origin, subscription), true, spoilt);
            }
            return;
        }
        if self.book.identity.versions {
            self.observer.applied_version(subscription, now, commit, &segments);
            self.shows(now, (origin, subscription), true, spoilt);
        } else {
            self.observer.applied(subscription, now, commit, &segments, true);
        }
        if converged {
            self.observer.converged(event, now, commit);
        }
    }

    /// A job of the book ends for good; its worker has been released and its visit stated.
    #[inline(never)]
    pub(crate) fn finish_booked(&mut self, s: &mut Sched, job: u32, ok: bool) {
        if self.jobs.get(job).next != NONE {
            for rider in self.part(s, job) {
                self.finish_elsewhere(s, rider, ok);
            }
        }
        let j = self.jobs.get(job);
        let handler = &self.handlers[j.handler as usize];
        let outcome = match (ok, handler.on_exhausted) {
            (true, _) => Outcome::Ack,
            (false, how) => Outcome::Reject(how.unwrap_or(self.default_end(j.delivery))),
        };
        let effects = ok && !handler.writes && !j.skips;
        if effects && self.admits(s.now(), job) {
            self.apply_booked(s.now(), job);
        }
        let next = self.unblocks(job);
        self.give_back(s, job, outcome);
        self.jobs.free(job);
        self.running -= 1;
        if let Some(of) = next {
            self.next_versions(s, of);
        }
    }

    /// What becomes of work that failed for good if its handler does not say.
    fn default_end(&self, delivery: u32) -> Exhausted {
        let d = self.deliveries.get(delivery);
        match self.brokers.get(d.broker as usize).map(|b| &b.spec.engine) {
            Some(super::EngineSpec::Log(_)) => Exhausted::Halt,
            Some(super::EngineSpec::Push(p)) if p.dead_letters => Exhausted::Dlq,
            _ => Exhausted::Drop,
        }
    }

    /// Tells the broker what became of a delivery, which is forgotten unless an answer about it is
    /// on its way. The delivery as the broker left it.
    pub(crate) fn done_with(&mut self, s: &mut Sched, slot: u32, outcome: Outcome) -> Delivery {
        if !self.deliveries.get(slot).echo {
            let (engine, mut ctx) = self.at_broker(s, self.deliveries.get(slot).broker);
            engine.done(&mut ctx, slot, outcome);
        }
        let d = *self.deliveries.get(slot);
        if !d.travels {
            self.deliveries.free(slot);
        }
        d
    }

    /// Tells the broker what became of a job's delivery, and gives up the job's copy.
    fn give_back(&mut self, s: &mut Sched, job: u32, outcome: Outcome) {
        let j = self.jobs.get(job);
        let (origin, subscription, delivery) = (j.origin, j.subscription, j.delivery);
        let (line, skips) = (j.line, j.skips);
        note_attempt(self.book.get(origin, subscription), j);
        let broker = self.deliveries.get(delivery).broker;
        if broker == NONE {
            self.deliveries.free(delivery);
            if line != 0 {
                self.next_in_line(s, subscription, line);
            }
            if let Outcome::Reject(_) = outcome {
                // A log may still have it, and does not hear of what it was told is done.
                self.book.end(&mut self.observer, origin, subscription, outcome.reason());
            }
        } else {
            self.done_with(s, delivery, outcome);
        }
        let reason = match outcome {
            // Its service takes it for done, but a crash came between the mark and the effect.
            Outcome::Ack if skips => Fate::LostCrash,
            _ => outcome.reason(),
        };
        self.book.drop(&mut self.observer, origin, subscription, reason);
        self.replies(s);
    }

    /// An attempt failed, and the next one is not made with this worker: the job leaves it, and is
    /// put aside until its pause is over.
    #[inline(never)]
    pub(crate) fn put_aside(&mut self, s: &mut Sched, job: u32) {
        self.leaves_worker(s.now(), job);
        let j = self.jobs.get_mut(job);
        let handler = &self.handlers[j.handler as usize];
        let pause = handler.backoff.sample(handler.backoff_key, j.id, j.attempt + 1, j.failed - 1);
        j.state = State::Parked;
        j.timer = true;
        s.after(pause, Event::new(Kind::AttemptDue, 0, job));
        let (delayed, broker) =
            (handler.retry_in == RetryIn::Delayed, self.deliveries.get(j.delivery).broker);
        if delayed && broker != NONE {
            self.leave_broker(s, job);
        }
    }

    /// A job is not done, but gives its worker up for a while.
    pub(crate) fn leaves_worker(&mut self, now: SimTime, job: u32) {
        let j = self.jobs.get_mut(job);
        release(&mut self.instances, now, j);
        let visit = Visit {
            intended: SimTime::from_ns(j.intended),
            arrived: SimTime::from_ns(j.arrived),
            wait: j.wait,
            service: j.worked,
            good: false,
            booked: true,
        };
        let service = self.handlers[j.handler as usize].service;
        self.observer.left(service, now, j.id, j.attempt, &visit);
    }

    /// A job goes on without its broker, which is told that it is done. An ideal bus lets the next
    /// of its key come.
    pub(crate) fn leave_broker(&mut self, s: &mut Sched, job: u32) {
        let j = *self.jobs.get(job);
        let d = *self.deliveries.get(j.delivery);
        if d.broker == NONE {
            self.jobs.get_mut(job).instance = NONE;
            self.jobs.get_mut(job).line = 0;
            self.book.put(&mut self.observer, j.origin, j.subscription, Fate::Pending);
            if j.line != 0 {
                self.next_in_line(s, j.subscription, j.line);
            }
            return;
        }
        let own = self.deliveries.reserve(&Delivery::BLANK);
        *self.deliveries.get_mut(own) = Delivery { broker: NONE, travels: false, ..d };
        self.jobs.get_mut(job).delivery = own;
        self.jobs.get_mut(job).instance = NONE;
        self.done_with(s, j.delivery, Outcome::Ack);
        self.book.put(&mut self.observer, j.origin, j.subscription, Fate::Pending);
        self.replies(s);
    }

    /// The pause of a job that was put aside is over.
    #[inline(never)]
    pub(crate) fn aside_over(&mut self, s: &mut Sched, job: u32) {
        let j = *self.jobs.get(job);
        if self.deliveries.get(j.delivery).broker != NONE {
            self.give_back(s, job, Outcome::Requeue { failed: true });
            // Whoever looks for jobs put aside must not find it.
            self.jobs.get_mut(job).state = State::Waiting;
            self.jobs.free(job);
            self.running -= 1;
            return;
        }
        // On an ideal bus, or past its broker.
        self.back_in_line(s, job, true);
    }

    /// A job waits for a worker again, at the end of the line, as if it had come now. `again`: for
    /// another attempt.
    pub(crate) fn back_in_line(&mut self, s: &mut Sched, job: u32, again: bool) {
        let j = *self.jobs.get(job);
        let attempt = j.attempt + u32::from(again);
        let service = self.handlers[j.handler as usize].service;
        if !self.event_finds_room(s, service, false) {
            self.shed_job(s, job);
            return;
        }
        let place = self.next_place(service);
        self.deliveries.get_mut(j.delivery).leased = s.now().ns();
        self.observer.repeats(service);
        self.observer.arrived(service, s.now(), j.id, attempt, SimTime::from_ns(j.intended));
        if again {
            self.observer.delivered(j.subscription, true);
        }
        self.book.put(&mut self.observer, j.origin, j.subscription, Fate::Stored);
        let fresh = self.jobs.get_mut(job);
        *fresh = Job {
            arrived: s.now().ns(),
            mark: s.now().ns(),
            place,
            attempt,
            instance: NONE,
            wait: 0,
            worked: 0,
            retry: 0,
            commit: 0,
            committed: 0,
            timer: false,
            failing: false,
            state: State::Waiting,
            ..j
        };
        self.starts_or_gathers(s, service, job);
    }

    /// An instance crashed: a copy that a broker gave it is gone. The job has no worker any more.
    pub(crate) fn forsake(&mut self, s: &mut Sched, service: u32, job: u32) {
        let j = *self.jobs.get(job);
        let d = *self.deliveries.get(j.delivery);
        if j.state != State::Parked {
            let arrived = SimTime::from_ns(j.arrived);
            self.observer.cut_off(service, s.now(), j.id, j.attempt, arrived);
        }
        let group = self.subscriptions[j.subscription as usize].group;
        if self.groups[group as usize].ack == AckMode::Before || self.is_done(job) {
            self.unpublished(job);
        }
        let next = self.unblocks(job);
        self.book.get(j.origin, j.subscription).tried(j.attempt);
        self.deliveries.free(j.delivery);
        self.book.drop(&mut self.observer, d.fact, d.subscription, d.reason);
        self.withdraw(job);
        if let Some(of) = next {
            self.next_versions(s, of);
        }
    }

    /// A job that nobody works on any more ends; its timer may still come back.
    pub(crate) fn withdraw(&mut self, job: u32) {
        let j = self.jobs.get_mut(job);
        if j.timer {
            j.state = State::Ghost;
        } else {
            j.state = State::Waiting;
            self.jobs.free(job);
        }
        self.running -= 1;
    }

    /// Engines learn that an instance consumes no more.
    pub(crate) fn leaves(&mut self, s: &mut Sched, instance: u32, how: Departure) {
        let service = self.instances[instance as usize].service;
        self.each_group(s, service, |engine, ctx, group| engine.left(ctx, group, instance, how));
    }

    /// Engines learn that an instance consumes.
    pub(crate) fn joins(&mut self, s: &mut Sched, instance: u32) {
        let service = self.instances[instance as usize].service;
        if self.services[service as usize].deaf == 0 {
            self.each_group(s, service, |engine, ctx, group| engine.joined(ctx, group, instance));
        }
    }

    /// Engines learn that an instance has a worker without work.
    #[inline(never)]
    pub(crate) fn asks(&mut self, s: &mut Sched, instance: u32) {
        let service = self.instances[instance as usize].service;
        let table = &self.services[service as usize];
        let groups = table.groups.clone();
        // Another handler comes first each time, so that none starves beside a busy one.
        let turn = (table.place % groups.len() as u64) as u32;
        for group in (groups.start + turn..groups.end).chain(groups.start..groups.start + turn) {
            let (engine, mut ctx) = self.at_broker(s, self.groups[group as usize].broker);
            engine.idle(&mut ctx, group, instance);
            self.replies(s);
        }
    }
}

/// Notes the attempt of a job for whoever works on its event next.
pub(crate) fn note_attempt(b: &mut Obligation, j: &Job) {
    b.tried(j.attempt);
    b.failed = j.failed.min(u32::from(u16::MAX)) as u16;
}
