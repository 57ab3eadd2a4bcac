//! Connections to the store of a service: so many operations at a time, over all its instances.
//! What finds none waits with its worker, first come, first served; as do writes while there is no
//! room for them.

use super::blueprint::{Dedup, Memory};
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
    /// Jobs that wait for one, and whether they want to write.
    waiting: VecDeque<(u32, bool)>,
    /// Causes by which nothing can be written.
    full: u32,
    /// Jobs that wait to write rows of an outbox alone, each with the stamp by which it is told.
    rows: Vec<(u32, u32)>,
}

impl Store {
    /// So many connections, all of them free; `None`: without limit.
    pub(crate) fn new(limit: Option<u32>) -> Self {
        let limit = limit.map_or(usize::MAX, |n| n as usize);
        let (holders, waiting, rows) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { limit, holders, waiting, full: 0, rows }
    }

    /// From now on there are so many connections. What has one keeps it.
    pub(crate) fn set_limit(&mut self, limit: Option<u32>) {
        self.limit = limit.map_or(usize::MAX, |n| n as usize);
    }

    /// A job comes to a step, which may be an operation. Whether it may start; otherwise it waits.
    pub(crate) fn starts(&mut self, job: u32, op: &Op, memory: &Memory) -> bool {
        match op {
            Op::Write { .. } => self.connect(job, true),
            // What it looks up it may mark as well.
            Op::Recall(..) => self.connect(job, memory.dedup == Dedup::Separate),
            _ => true,
        }
    }

    /// A job wants to start an operation. Whether it may; otherwise it waits.
    fn connect(&mut self, job: u32, writes: bool) -> bool {
        let free = self.holders.len() < self.limit && !(writes && self.is_full());
        if free {
            self.holders.push(job);
        } else {
            self.waiting.push_back((job, writes));
        }
        free
    }

    /// Whether nothing can be written.
    pub(crate) fn is_full(&self) -> bool {
        self.full > 0
    }

    /// Another cause by which nothing can be written.
    pub(crate) fn fills_up(&mut self) {
        self.full += 1;
    }

    /// Such a cause is removed. If it was the last one, the jobs whose rows have waited.
    pub(crate) fn has_room_again(&mut self) -> Option<Vec<(u32, u32)>> {
        self.full -= 1;
        (self.full == 0).then(|| std::mem::take(&mut self.rows))
    }

    /// A job waits to write rows.
    pub(crate) fn row_waits(&mut self, job: u32, stamp: u32) {
        self.rows.push((job, stamp));
    }

    /// The next job that gets a free connection, if there are both.
    fn next(&mut self) -> Option<u32> {
        if self.holders.len() >= self.limit {
            return None;
        }
        let full = self.is_full();
        let at = self.waiting.iter().position(|&(_, writes)| !(writes && full))?;
        let (next, _) = self.waiting.remove(at)?;
        self.holders.push(next);
        Some(next)
    }

    /// Whether nobody has or wants a connection, and everything can be written.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty() && self.rows.is_empty() && self.full == 0
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
            store.waiting.retain(|(job, _)| !gone.contains(job));
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
