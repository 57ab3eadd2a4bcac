//! Connections to the store of a service: so many operations at a time, over all its instances.
//! What finds none waits with its worker, first come, first served.

use super::event::{Event, Kind};
use super::failure::Frozen;
use super::observation::Observer;
use super::tables::{Op, State};
use super::{Sched, World};
use std::collections::VecDeque;

/// The connections of a service.
#[derive(Debug)]
pub(crate) struct Store {
    /// How many there are.
    limit: usize,
    /// Jobs that have one.
    holders: Vec<u32>,
    /// Jobs that wait for one.
    waiting: VecDeque<u32>,
}

impl Store {
    /// So many connections, all of them free; `None`: without limit.
    pub(crate) fn new(limit: Option<u32>) -> Self {
        let limit = limit.map_or(usize::MAX, |n| n as usize);
        Self { limit, holders: Vec::new(), waiting: VecDeque::new() }
    }

    /// From now on there are so many connections. What has one keeps it.
    pub(crate) fn set_limit(&mut self, limit: Option<u32>) {
        self.limit = limit.map_or(usize::MAX, |n| n as usize);
    }

    /// A job wants to start an operation. Whether it may; otherwise it waits.
    pub(crate) fn connect(&mut self, job: u32) -> bool {
        let free = self.holders.len() < self.limit;
        if free {
            self.holders.push(job);
        } else {
            self.waiting.push_back(job);
        }
        free
    }

    /// The next job that gets a free connection, if there are both.
    fn next(&mut self) -> Option<u32> {
        if self.holders.len() >= self.limit {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.holders.push(next);
        Some(next)
    }

    /// Whether nobody has or wants a connection.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }
}

impl<O: Observer> World<O> {
    /// The operation of a job is over: its connection goes to whoever waits for one.
    pub(crate) fn disconnect(&mut self, s: &mut Sched, service: u32, job: u32) {
        if let Some(store) = &mut self.services[service as usize].store {
            store.holders.retain(|&holder| holder != job);
            self.connect_next(s, service);
        }
    }

    /// Jobs are gone, with the connections that they had or waited for. The connections stay unused
    /// until [`World::connect_next`].
    pub(crate) fn abandon(&mut self, service: u32, gone: &[u32]) {
        if let Some(store) = &mut self.services[service as usize].store {
            store.holders.retain(|job| !gone.contains(job));
            store.waiting.retain(|job| !gone.contains(job));
        }
    }

    /// Gives free connections to those who wait for one.
    pub(crate) fn connect_next(&mut self, s: &mut Sched, service: u32) {
        while let Some(job) = self.services[service as usize].store.as_mut().and_then(Store::next) {
            let j = self.jobs.get(job);
            let (Op::Write { duration, key, .. } | Op::Recall(duration, key)) =
                &self.ops[j.step as usize]
            else {
                continue;
            };
            let d = duration.sample(*key, j.id, j.attempt);
            let d = self.stretched(s.now(), j.instance, d);
            let j = self.jobs.get_mut(job);
            if j.state == State::Frozen {
                self.trouble.frozen.insert(job, Frozen { owed: d.ns(), due: Some(Kind::StepDone) });
            } else {
                j.timer = true;
                s.after(d, Event::new(Kind::StepDone, 0, job));
            }
        }
    }
}
