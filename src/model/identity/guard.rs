//! What a service checks before it takes an event or a request up, and again when it commits:
//! whether it has done that already, and whether it is that version's turn.

use super::super::blueprint::{Dedup, OrderGuard};
use super::super::event::{Event, Kind};
use super::super::fate::Fate;
use super::super::observation::Observer;
use super::super::tables::{NONE, State};
use super::super::{Sched, World};
use super::individuals::Owed;
use crate::random::derive_id;
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeSet;

/// Salt of the marks of handlers.
const MARK: u64 = 0x6d61_726b_206f_6b21;

/// (individual, subscription, version, fact or job).
type Item = (u32, u32, u32, u32);

/// The versions that subscriptions with a buffer wait for, and what waits.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Versions that have not been applied; last their fact.
    owed: BTreeSet<Item>,
    /// Jobs that wait for them.
    put_by: BTreeSet<Item>,
}

impl Gaps {
    /// A subscription with a buffer is owed a version.
    pub(super) fn owe(&mut self, (subscription, at, version): Owed, fact: u32) {
        self.owed.insert((at, subscription, version, fact));
    }

    /// A version is not owed any more.
    pub(super) fn close(&mut self, (subscription, at, version): Owed, fact: u32) {
        self.owed.remove(&(at, subscription, version, fact));
    }

    /// Nobody waits any longer for versions before this one.
    fn give_up(&mut self, (subscription, at, version): Owed) {
        self.give_up_all((at, subscription, 0, 0)..(at, subscription, version, 0));
    }

    fn give_up_all(&mut self, range: std::ops::Range<Item>) {
        while let Some(&item) = self.owed.range(range.clone()).next() {
            self.owed.remove(&item);
        }
    }

    /// An individual is forgotten.
    pub(super) fn forget(&mut self, at: u32) {
        self.give_up_all((at, 0, 0, 0)..(at + 1, 0, 0, 0));
    }

    /// Whether a version before this one is still to come.
    fn is_open(&self, (subscription, at, version): Owed) -> bool {
        let before = (at, subscription, 0, 0)..(at, subscription, version, 0);
        self.owed.range(before).next().is_some()
    }

    /// Takes out the next job whose turn it is.
    fn next(&mut self, subscription: u32, at: u32) -> Option<u32> {
        let all = (at, subscription, 0, 0)..=(at, subscription, u32::MAX, u32::MAX);
        let item = *self.put_by.range(all).next()?;
        if self.is_open((subscription, at, item.2)) {
            return None;
        }
        self.put_by.remove(&item);
        Some(item.3)
    }
}

impl<O: Observer> World<O> {
    /// The version that a job brings, if it is one of an individual that is followed.
    fn brings(&self, job: u32) -> Option<Owed> {
        let j = self.jobs.get(job);
        if j.delivery == NONE {
            return None;
        }
        let t = &self.book.identity.facts[j.origin as usize];
        (t.individual != NONE).then_some((j.subscription, t.individual, t.version))
    }

    fn memory(&self, job: u32) -> super::Memory {
        let service = self.handlers[self.jobs.get(job).handler as usize].service;
        self.book.identity.memory[service as usize]
    }

    /// What stands for the work of a job in the memory of its service.
    fn mark_of(&self, job: u32) -> u64 {
        let j = self.jobs.get(job);
        derive_id(derive_id(j.id, MARK), u64::from(j.handler))
    }

    /// Whether a service remembers that it has done the work of a job. Then the job does no more.
    fn repeats(&mut self, now: SimTime, job: u32) -> bool {
        let (family, mark) = (self.family_of(job), self.mark_of(job));
        let Some(at) = self.book.identity.families.marked(family, mark) else { return false };
        let window = self.memory(job).window;
        if window.is_some_and(|w| now.ns() - at > w.ns()) {
            return false;
        }
        let service = self.handlers[self.jobs.get(job).handler as usize].service;
        self.observer.recognised(service);
        self.skip(job);
        true
    }

    fn mark(&mut self, now: SimTime, job: u32) {
        let (family, mark) = (self.family_of(job), self.mark_of(job));
        self.book.identity.families.mark(family, mark, now.ns());
    }

    /// A job does nothing more, and ends well; one of a batch ends with the others.
    fn skip(&mut self, job: u32) {
        let j = self.jobs.get_mut(job);
        j.skips = true;
        if j.next == NONE && j.state != State::Riding {
            j.step = j.end;
            j.failing = false;
        }
    }

    /// Whether a newer version than that of a job has been shown. Then the job does no more.
    fn comes_late(&mut self, now: SimTime, job: u32) -> bool {
        let Some(of) = self.brings(job) else { return false };
        if !self.book.identity.individuals.outdated(of) {
            return false;
        }
        let fact = self.jobs.get(job).origin;
        let open = self.book.get(fact, of.0).fate.is_open();
        self.book.identity.gaps.close(of, fact);
        self.book.end(&mut self.observer, fact, of.0, Fate::Superseded);
        let f = self.book.facts.get(fact);
        if open && f.left == 0 && !f.given_up {
            self.observer.converged(f.event, now, SimTime::from_ns(f.commit));
        }
        self.skip(job);
        true
    }

    /// A service has looked up what it remembers about the work of a job. Whether the job goes on
    /// with its worker.
    pub(crate) fn recall(&mut self, s: &mut Sched, job: u32) -> bool {
        if self.jobs.get(job).next == NONE {
            return self.recall_one(s, job);
        }
        let mut member = job;
        let mut all = true;
        while member != NONE {
            self.recall_one(s, member);
            let m = self.jobs.get(member);
            all &= m.skips;
            member = m.next;
        }
        if all {
            let j = self.jobs.get_mut(job);
            j.step = j.end;
            j.failing = false;
        }
        true
    }

    /// [`World::recall`] for one that works alone, or for one of a batch, which nobody leaves.
    fn recall_one(&mut self, s: &mut Sched, job: u32) -> bool {
        let memory = self.memory(job);
        let j = self.jobs.get_mut(job);
        j.skips = false;
        let alone = j.next == NONE && j.state != State::Riding;
        if memory.dedup != Dedup::None && self.repeats(s.now(), job) {
            return true;
        }
        if memory.order != OrderGuard::None && self.comes_late(s.now(), job) {
            return true;
        }
        if memory.order == OrderGuard::Buffer
            && alone
            && let Some(of) = self.brings(job)
            && self.book.identity.gaps.is_open(of)
        {
            self.put_by(s, job, of);
            return false;
        }
        if memory.dedup == Dedup::Separate {
            self.mark(s.now(), job);
        }
        true
    }

    /// The effect of a job is about to be committed: whether nothing has happened meanwhile that
    /// forbids it.
    pub(crate) fn admits(&mut self, now: SimTime, job: u32) -> bool {
        let memory = self.memory(job);
        if memory.dedup == Dedup::Inbox && self.repeats(now, job) {
            return false;
        }
        if memory.order != OrderGuard::None && self.comes_late(now, job) {
            return false;
        }
        if memory.dedup == Dedup::Inbox {
            self.mark(now, job);
        }
        true
    }

    /// An attempt fails, and the service knows it: what it marked as done before the effect is not
    /// done. If it is done, nobody will do it again, and what was not published never will be.
    pub(crate) fn remembers_failure(&mut self, job: u32) {
        if !self.traced(job) || self.memory(job).dedup == Dedup::None {
            return;
        }
        let (mut member, step) = (job, self.jobs.get(job).step);
        while member != NONE {
            if self.is_done(member) {
                self.jobs.get_mut(member).step = step;
                self.unpublished(member);
                let m = self.jobs.get_mut(member);
                m.step = self.handlers[m.handler as usize].steps.end;
            } else if self.memory(job).dedup == Dedup::Separate && !self.jobs.get(member).skips {
                let (family, mark) = (self.family_of(member), self.mark_of(member));
                self.book.identity.families.unmark(family, mark);
            }
            member = self.jobs.get(member).next;
        }
    }

    /// A version that is not due is put into a table of the service until it is, and the broker is
    /// told that it is done.
    fn put_by(&mut self, s: &mut Sched, job: u32, of: Owed) {
        let timeout = self.memory(job).gap_timeout;
        self.leaves_worker(s.now(), job);
        let j = self.jobs.get_mut(job);
        j.state = State::PutBy;
        let due = s.now() + timeout;
        j.timer = due != SimTime::MAX;
        if j.timer {
            s.at(due, Event::new(Kind::AttemptDue, 0, job));
        }
        let (subscription, individual, version) = of;
        self.book.identity.gaps.put_by.insert((individual, subscription, version, job));
        self.leave_broker(s, job);
    }

    /// An individual may have been shown in a newer version: the next ones may be due.
    pub(crate) fn next_versions(&mut self, s: &mut Sched, (subscription, individual): (u32, u32)) {
        while let Some(job) = self.book.identity.gaps.next(subscription, individual) {
            let job = self.without_timer(job);
            self.jobs.get_mut(job).timer = true;
            s.after(SimDuration::ZERO, Event::new(Kind::AttemptDue, 0, job));
        }
    }

    /// Whose next versions may be due when a job has ended, if anything is held at all.
    pub(crate) fn unblocks(&self, job: u32) -> Option<(u32, u32)> {
        if self.book.identity.gaps.put_by.is_empty() {
            return None;
        }
        self.brings(job).map(|(subscription, individual, _)| (subscription, individual))
    }

    /// A version that was held is due, or has waited long enough.
    pub(crate) fn put_by_over(&mut self, s: &mut Sched, job: u32) {
        if let Some(of) = self.brings(job) {
            let (subscription, individual, version) = of;
            let gaps = &mut self.book.identity.gaps;
            if gaps.put_by.remove(&(individual, subscription, version, job)) {
                gaps.give_up(of);
            }
        }
        self.back_in_line(s, job, false);
    }
}
