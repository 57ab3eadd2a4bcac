//! The emit step of a handler: what it publishes, what it has to wait for, and what is never
//! published because the handler ended before.

use super::blueprint::Publish;
use super::observation::Observer;
use super::publish::{Emitted, is_outbox};
use super::tables::{EmissionTable, Job, NONE, Op};
use super::{Sched, World};
use crate::random::{Draw, derive_id};
use crate::units::SimTime;

impl<O: Observer> World<O> {
    /// Publishes the events of the emit step that the job has just passed. Whether it has to wait
    /// for answers.
    #[inline(never)]
    pub(crate) fn emit(&mut self, s: &mut Sched, job: u32) -> bool {
        let j = *self.jobs.get(job);
        if self.emits_with_write(&j) {
            return false;
        }
        let publish = self.handlers[j.handler as usize].publish;
        let waits = self.waits_for_broker(publish);
        let stamp = if waits { self.next_stamp() } else { 0 };
        if waits {
            self.jobs.get_mut(job).stamp_of_calls = stamp;
            // Answers that come at once must not end the step before all is sent.
            self.jobs.get_mut(job).unanswered = u32::MAX;
        }
        let mut awaited = 0;
        let mut member = job;
        while member != NONE {
            awaited += self.emit_of(s, member, job, j.step - 1, publish, stamp);
            member = self.jobs.get(member).next;
        }
        self.awaits(job, stamp, awaited)
    }

    /// Publishes the events of one job at an emit step. `leader`: the job itself or the one that
    /// leads its batch. How many of them have to be waited for.
    pub(crate) fn emit_of(
        &mut self,
        s: &mut Sched,
        of: u32,
        leader: u32,
        step: u32,
        publish: Publish,
        stamp: u32,
    ) -> u32 {
        let j = *self.jobs.get(of);
        if j.skips {
            return 0;
        }
        let instance = self.jobs.get(leader).instance;
        let commit = if j.committed == 0 { s.now().ns() } else { j.committed };
        let mut awaited = 0;
        for at in self.chosen(&j, step) {
            let e = &self.emissions[at as usize];
            let (event, count, first) = (e.event, e.count, derive_id(j.id, e.salt));
            let plain = self.events[event as usize].plain;
            for n in 0..count {
                let id = if n == 0 { first } else { derive_id(first, u64::from(n)) };
                if plain {
                    self.publish(s, event, id, commit, j.key);
                    continue;
                }
                let (key, job) = (j.key, leader);
                let e = Emitted { event, id, commit, key, publish, instance, of, job, stamp };
                awaited += u32::from(self.publish_booked(s, &e));
            }
        }
        awaited
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

    /// A handler ends for good before its end. If it has committed, the events that it has not
    /// published are lost; if it has not, those that it has published are phantoms. Rows of an
    /// outbox are neither.
    pub(crate) fn unpublished(&mut self, job: u32) {
        let j = *self.jobs.get(job);
        let handler = &self.handlers[j.handler as usize];
        if !handler.writes || is_outbox(handler.publish.mode) {
            return;
        }
        let (start, end) = (handler.steps.start, handler.steps.end);
        let steps = if j.committed == 0 {
            start..j.step.max(start + u32::from(j.exposed))
        } else {
            j.step..end
        };
        for step in steps {
            for at in self.chosen(&j, step) {
                let EmissionTable { event, count, .. } = self.emissions[at as usize];
                for _ in 0..count {
                    self.ends_without(job, event);
                }
            }
        }
    }

    /// An event of a job was published and its cause is not committed, or the other way round.
    fn ends_without(&mut self, job: u32, event: u32) {
        let j = *self.jobs.get(job);
        if j.committed == 0 {
            self.observer.phantom(event);
            return;
        }
        let heard = self.book.heard[event as usize].clone();
        if self.book.identity.objectives
            && let Some(root) = self.book.identity.root_of(job)
        {
            self.observer.caused(root, heard.len() as u32);
        }
        for subscription in heard {
            self.observer.lost(subscription, SimTime::from_ns(j.committed));
            self.book.identity.harm(&mut self.observer, j.key, subscription);
        }
    }
}
