//! Work that waits for the answers of its calls without a worker: handlers that say
//! `blocking = false`.
//!
//! When the answers are there it goes on with a free worker of its instance, before anything that
//! has not begun. It is still in the service, so observers hear that it rides along.

use super::observation::Observer;
use super::tables::{NONE, State, Takes};
use super::{Sched, World};
use std::collections::VecDeque;

/// What of an instance is away from its workers.
#[derive(Debug, Default)]
pub(crate) struct Away {
    /// Jobs that have no worker.
    out: u32,
    /// Those of them that could go on, with the outcome of their calls.
    ready: VecDeque<(u32, bool)>,
}

impl<O: Observer> World<O> {
    /// A job has made its calls and gives its worker up until they return. Whoever handles the
    /// event lets the instance take up something else.
    #[cold]
    #[inline(never)]
    pub(crate) fn steps_aside(&mut self, s: &Sched, job: u32) {
        let now = s.now();
        let j = self.jobs.get_mut(job);
        if j.next != NONE {
            return;
        }
        j.worked += now.ns() - j.mark;
        j.mark = now.ns();
        j.state = State::Away;
        let i = &mut self.instances[j.instance as usize];
        i.busy -= 1;
        self.away.entry(j.instance).or_default().out += 1;
        self.observer.released(i.service, now);
        self.observer.rides(i.service, now, true);
    }

    /// The calls of a job that is away have their outcome: it goes on, now or when there is a
    /// worker.
    #[cold]
    #[inline(never)]
    pub(crate) fn calls_are_back(&mut self, s: &mut Sched, job: u32, ok: bool) {
        let j = self.jobs.get_mut(job);
        j.stamp_of_calls = 0;
        let instance = j.instance;
        let i = &mut self.instances[instance as usize];
        let works = i.takes != Takes::Nothing || i.draining && i.pauses == 0;
        if works && i.busy < self.services[i.service as usize].workers {
            self.resume(s, job, ok);
            self.feed(s, instance);
            return;
        }
        if i.takes != Takes::Nothing {
            i.takes = Takes::Resumes;
        }
        self.away.entry(instance).or_default().ready.push_back((job, ok));
    }

    /// A job that was away has a worker again.
    fn resume(&mut self, s: &mut Sched, job: u32, ok: bool) {
        self.has_worker_again(s, job);
        let instance = self.jobs.get(job).instance;
        if let Some(away) = self.away.get_mut(&instance) {
            away.out -= 1;
            if away.out == 0 {
                self.away.remove(&instance);
            }
        }
        self.goes_on(s, job, ok);
    }

    fn has_worker_again(&mut self, s: &Sched, job: u32) {
        let j = self.jobs.get_mut(job);
        j.state = State::Working;
        let i = &mut self.instances[j.instance as usize];
        i.busy += 1;
        self.observer.rides(i.service, s.now(), false);
    }

    /// Lets those go on that could, as far as there are free workers. Whether nobody is left.
    pub(crate) fn resume_ready(&mut self, s: &mut Sched, instance: u32) -> bool {
        loop {
            let i = &self.instances[instance as usize];
            if i.busy >= self.services[i.service as usize].workers {
                return false;
            }
            let away = self.away.get_mut(&instance);
            let Some((job, ok)) = away.and_then(|away| away.ready.pop_front()) else {
                return true;
            };
            self.resume(s, job, ok);
        }
    }

    /// What an instance takes up from now on that works again.
    pub(crate) fn takes_again(&self, instance: u32) -> Takes {
        let service = self.instances[instance as usize].service;
        match self.away.get(&instance) {
            Some(away) if !away.ready.is_empty() => Takes::Resumes,
            _ => self.services[service as usize].order,
        }
    }

    /// An instance dies: what was away dies with a worker, as everything in work does.
    pub(crate) fn recall_away(&mut self, s: &Sched, instance: u32) {
        if self.away.remove(&instance).is_none() {
            return;
        }
        let here = |&job: &u32| {
            let j = self.jobs.get(job);
            j.state == State::Away && j.instance == instance
        };
        let jobs: Vec<u32> = self.jobs.slots().filter(here).collect();
        for job in jobs {
            self.has_worker_again(s, job);
        }
    }
}
