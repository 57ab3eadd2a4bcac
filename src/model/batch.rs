//! Several events in one go: they gather while they wait for a worker, and one worker takes all.
//!
//! The first of a batch leads it: it stands in line, has the worker and goes through the steps. The
//! others ride along, linked by [`Job::next`](super::tables::Job): they begin with it, and end with
//! it, each with an end of its own.

use super::event::{Event, Kind};
use super::fate::Fate;
use super::observation::Observer;
use super::tables::{Instance, NONE, State};
use super::{Sched, World};
use crate::random::{StreamKey, Variate};
use crate::units::SimDuration;

/// A handler that takes several events in one go.
#[derive(Debug)]
pub(crate) struct BatchTable {
    pub(crate) max: u32,
    pub(crate) wait: SimDuration,
    pub(crate) each: Variate,
    pub(crate) each_key: StreamKey,
    pub(crate) bisect: bool,
    /// Where its batches gather: one place for each instance, and one for all of them.
    pub(crate) first: u32,
    /// First instance of its service.
    pub(crate) instances: u32,
}

/// A batch that may still grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering {
    pub(crate) leader: u32,
    last: u32,
    count: u32,
    /// When its leader gets in line, ns.
    due: u64,
    in_line: bool,
}

impl Gathering {
    pub(crate) const NONE: Self =
        Self { leader: NONE, last: NONE, count: 0, due: 0, in_line: false };
}

impl<O: Observer> World<O> {
    /// Where the batches of a handler gather on an instance, or for all instances.
    fn gathering(&self, batch: u32, instance: u32) -> u32 {
        let table = &self.batches[batch as usize];
        match instance {
            NONE => table.first,
            i => table.first + 1 + i - table.instances,
        }
    }

    /// A job joins the batch that gathers for it. `instance`: the one that a broker gave it to.
    pub(crate) fn gather(&mut self, s: &mut Sched, service: u32, instance: u32, job: u32) {
        self.observer.queued(service, s.now());
        let batch = self.handlers[self.jobs.get(job).handler as usize].batch;
        self.jobs.get_mut(job).instance = instance;
        let place = self.gathering(batch, instance);
        let (max, wait) = {
            let table = &self.batches[batch as usize];
            (table.max, table.wait)
        };
        let g = &mut self.gatherings[place as usize];
        if let Some(i) = self.instances.get_mut(instance as usize)
            && !g.in_line
        {
            i.coming += 1;
        }
        g.count += 1;
        if g.leader == NONE {
            let due = s.now() + wait;
            *g = Gathering { leader: job, last: job, count: 1, due: due.ns(), in_line: false };
            if max > 1 && wait != SimDuration::ZERO {
                s.at(due, Event::new(Kind::BatchDue, batch, place));
                return;
            }
        } else {
            let last = std::mem::replace(&mut g.last, job);
            let full = g.count >= max;
            self.jobs.get_mut(last).next = job;
            if !full {
                return;
            }
        }
        self.line_up(s, place);
    }

    /// The first of a batch has waited long enough for more.
    pub(crate) fn batch_due(&mut self, s: &mut Sched, place: u32) {
        let g = &self.gatherings[place as usize];
        if g.leader != NONE && g.due == s.now().ns() {
            self.line_up(s, place);
        }
    }

    /// The leader of a batch gets in line, where the batch may still grow to its full size.
    fn line_up(&mut self, s: &mut Sched, place: u32) {
        let g = self.gatherings[place as usize];
        let j = self.jobs.get(g.leader);
        let (handler, instance) = (&self.handlers[j.handler as usize], j.instance);
        let (service, max) = (handler.service, self.batches[handler.batch as usize].max);
        if g.count >= max {
            self.gatherings[place as usize] = Gathering::NONE;
        } else {
            self.gatherings[place as usize].in_line = true;
        }
        if g.in_line {
            return;
        }
        if let Some(i) = self.instances.get_mut(instance as usize) {
            i.coming -= g.count;
        }
        self.observer.unqueued(service, s.now());
        if instance == NONE {
            self.booked_arrives(s, service, g.leader);
        } else {
            self.enters(s, instance, g.leader);
        }
    }

    /// The batch that a job leads, if it does, grows no more.
    pub(crate) fn closes(&mut self, leader: u32) {
        let j = self.jobs.get(leader);
        let (batch, instance) = (self.handlers[j.handler as usize].batch, j.instance);
        if batch == NONE {
            return;
        }
        for instance in [NONE, instance] {
            let place = self.gathering(batch, instance);
            if self.gatherings[place as usize].leader == leader {
                self.gatherings[place as usize] = Gathering::NONE;
            }
        }
    }

    /// A worker takes up a batch, which grows no more: the others ride along.
    pub(crate) fn board(&mut self, s: &Sched, leader: u32) {
        let j = *self.jobs.get(leader);
        let service = self.handlers[j.handler as usize].service;
        self.closes(leader);
        let (now, mut rider) = (s.now(), j.next);
        while rider != NONE {
            self.observer.unqueued(service, now);
            self.observer.rides(service, now, true);
            let r = self.jobs.get_mut(rider);
            r.wait += now.ns() - r.mark;
            r.mark = now.ns();
            r.instance = j.instance;
            r.state = State::Riding;
            self.book.put(&mut self.observer, r.origin, r.subscription, Fate::Leased);
            rider = r.next;
        }
    }

    /// Whether one of those who ride along is poison.
    pub(crate) fn carries_poison(&self, leader: u32) -> bool {
        self.any_of_batch(self.jobs.get(leader).next, |rider| self.poisoned(rider))
    }

    /// Work for each of a batch.
    pub(crate) fn work_for_each(&self, leader: u32) -> SimDuration {
        let mut job = leader;
        let mut sum = SimDuration::ZERO;
        while job != NONE {
            let j = self.jobs.get(job);
            let table = &self.batches[self.handlers[j.handler as usize].batch as usize];
            sum += table.each.sample(table.each_key, j.id, j.attempt);
            job = j.next;
        }
        sum
    }

    /// What the leader has gone through, its riders have too.
    fn keep_up(&mut self, leader: u32, rider: u32) {
        let j = *self.jobs.get(leader);
        let r = self.jobs.get_mut(rider);
        r.mark = j.mark;
        r.worked = j.worked;
        r.retry = j.retry;
        r.commit = j.commit;
        r.attempt = j.attempt;
        r.failed = j.failed;
        r.step = j.step;
        r.end = j.end;
        r.exposed = j.exposed;
    }

    /// A write of the leader is a write of all.
    pub(crate) fn commit_riders(&mut self, s: &mut Sched, leader: u32, name: u64, entity: u32) {
        let mut rider = self.jobs.get(leader).next;
        while rider != NONE {
            self.keep_up(leader, rider);
            self.commit(s, rider, name, entity);
            rider = self.jobs.get(rider).next;
        }
    }

    /// Those who rode along go on by themselves, as if each had a worker. The leader still has its
    /// own.
    pub(crate) fn part(&mut self, s: &Sched, leader: u32) -> Vec<u32> {
        let mut parted = Vec::new();
        let mut rider = std::mem::replace(&mut self.jobs.get_mut(leader).next, NONE);
        while rider != NONE {
            self.keep_up(leader, rider);
            let instance = self.jobs.get(leader).instance;
            let service = self.instances[instance as usize].service;
            self.observer.rides(service, s.now(), false);
            self.instances[instance as usize].busy += 1;
            let r = self.jobs.get_mut(rider);
            r.state = State::Working;
            parted.push(rider);
            rider = std::mem::replace(&mut r.next, NONE);
        }
        parted
    }

    /// A batch fails: if it may be cut in halves, the first half is repeated at once and the second
    /// one after it.
    pub(crate) fn bisect(&mut self, s: &mut Sched, leader: u32) -> bool {
        let j = *self.jobs.get(leader);
        let batch = self.handlers[j.handler as usize].batch;
        if batch == NONE || j.next == NONE || !self.batches[batch as usize].bisect {
            return false;
        }
        let mut chain = vec![leader];
        while let Some(&last) = chain.last()
            && self.jobs.get(last).next != NONE
        {
            chain.push(self.jobs.get(last).next);
        }
        let middle = chain.len().div_ceil(2);
        let service = self.instances[j.instance as usize].service;
        self.observer.failed(service);
        let l = self.jobs.get_mut(leader);
        l.retry = l.worked;
        l.commit = 0;
        l.attempt += 1;
        let given = self.given(leader);
        for &rider in &chain[middle..] {
            self.keep_up(leader, rider);
            self.observer.rides(service, s.now(), false);
            self.observer.released(service, s.now());
            self.observer.queued(service, s.now());
            let r = self.jobs.get_mut(rider);
            r.state = State::Waiting;
            r.instance = if given { j.instance } else { NONE };
            self.book.put(&mut self.observer, r.origin, r.subscription, Fate::Stored);
        }
        self.jobs.get_mut(chain[middle - 1]).next = NONE;
        let second = chain[middle];
        if given {
            self.instances[j.instance as usize].inbox.push_front(second);
        } else {
            self.services[service as usize].backlog.push_front(second);
        }
        self.jobs.get_mut(leader).timer = true;
        s.after(SimDuration::ZERO, Event::new(Kind::AttemptDue, 0, leader));
        true
    }

    /// An instance is gone: those who ride along on it go on by themselves.
    pub(crate) fn part_all(&mut self, s: &Sched, instance: u32) {
        if self.batches.is_empty() {
            return;
        }
        let leads = |&job: &u32| {
            let j = self.jobs.get(job);
            j.instance == instance
                && j.next != NONE
                && matches!(j.state, State::Working | State::Frozen)
        };
        let leaders: Vec<u32> = self.jobs.slots().filter(leads).collect();
        for leader in leaders {
            self.part(s, leader);
        }
    }

    /// Everything that waits at an instance, the members of its batches included, each by itself.
    pub(crate) fn waiting_at(&mut self, instance: u32) -> std::collections::VecDeque<u32> {
        let Instance { inbox, service, .. } = &mut self.instances[instance as usize];
        let (waiting, service) = (std::mem::take(inbox), *service);
        if self.batches.is_empty() {
            return waiting;
        }
        let mut heads: Vec<u32> = waiting.into();
        for batch in 0..self.batches.len() as u32 {
            let first = self.batches[batch as usize].instances;
            if !self.services[service as usize].instances.contains(&first) {
                continue;
            }
            let place = self.gathering(batch, instance);
            let g = std::mem::replace(&mut self.gatherings[place as usize], Gathering::NONE);
            if g.leader != NONE && !g.in_line {
                self.instances[instance as usize].coming -= g.count;
                heads.push(g.leader);
            }
        }
        let mut all = std::collections::VecDeque::new();
        for head in heads {
            let mut job = head;
            while job != NONE {
                all.push_back(job);
                job = std::mem::replace(&mut self.jobs.get_mut(job).next, NONE);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use crate::model::testing::*;
    use crate::model::{BatchSpec, Exhausted};

    fn batch(max: u32, wait: u64, bisect: bool) -> Handler {
        let mut h = handler(on(0), vec![work(5)]);
        let wait = SimDuration::from_ms(wait);
        h.consume.batch = Some(BatchSpec { max, wait, each: fixed(1), bisect });
        h
    }

    #[test]
    fn a_full_batch_starts_at_once() {
        let services = vec![source(10), service("s", vec![batch(3, 100, false)])];
        insta::assert_snapshot!(history(&blueprint(35, 1, services)), @r"
        10 s0 emits
        11 s1 queues
        20 s0 emits
        21 s1 queues
        30 s0 emits
        31 s1 queues
        31 s1 starts
        39 s1 done: wait 20, work 8, draw 0
        39 s1 done: wait 10, work 8, draw 0
        39 applied 0: [0.0, 1.0, 10.0, 0.0, 8.0, 0.0]
        39 converged
        39 s1 done: wait 0, work 8, draw 0
        39 applied 0: [0.0, 1.0, 0.0, 0.0, 8.0, 0.0]
        39 converged
        39 applied 0: [0.0, 1.0, 20.0, 0.0, 8.0, 0.0]
        39 converged
        ");
    }

    #[test]
    fn a_batch_that_does_not_fill_starts_when_its_first_has_waited() {
        let services = vec![source(10), service("s", vec![batch(9, 15, false)])];
        insta::assert_snapshot!(history(&blueprint(25, 1, services)), @r"
        10 s0 emits
        11 s1 queues
        20 s0 emits
        21 s1 queues
        26 s1 starts
        33 s1 done: wait 15, work 7, draw 0
        33 s1 done: wait 5, work 7, draw 0
        33 applied 0: [0.0, 1.0, 5.0, 0.0, 7.0, 0.0]
        33 converged
        33 applied 0: [0.0, 1.0, 15.0, 0.0, 7.0, 0.0]
        33 converged
        ");
    }

    #[test]
    fn a_batch_grows_while_it_waits_for_a_worker() {
        let mut h = batch(9, 0, false);
        h.steps = vec![work(25)];
        let services = vec![source(10), service("s", vec![h])];
        insta::assert_snapshot!(history(&blueprint(45, 1, services)), @r"
        10 s0 emits
        11 s1 queues
        11 s1 starts
        20 s0 emits
        21 s1 queues
        21 s1 queues
        30 s0 emits
        31 s1 queues
        37 s1 done: wait 0, work 26, draw 0
        37 applied 0: [0.0, 1.0, 0.0, 0.0, 26.0, 0.0]
        37 converged
        37 s1 starts
        40 s0 emits
        41 s1 queues
        41 s1 queues
        64 s1 done: wait 16, work 27, draw 0
        64 s1 done: wait 6, work 27, draw 0
        64 applied 0: [0.0, 1.0, 6.0, 0.0, 27.0, 0.0]
        64 converged
        64 applied 0: [0.0, 1.0, 16.0, 0.0, 27.0, 0.0]
        64 converged
        64 s1 starts
        90 s1 done: wait 23, work 26, draw 0
        90 applied 0: [0.0, 1.0, 23.0, 0.0, 26.0, 0.0]
        90 converged
        ");
    }

    #[test]
    fn one_bad_item_fails_the_batch_unless_it_is_cut_in_halves() {
        let all = |bisect: bool| {
            let mut h = batch(4, 100, bisect);
            h.attempts = 1;
            h.consume.poison = Probability::new(0.3).expect("a share");
            h.consume.on_exhausted = Some(Exhausted::Drop);
            let services = vec![source(10), service("s", vec![h])];
            let text = history(&blueprint(2005, 1, services));
            (text.matches("applied 0").count(), text.matches("is Exhausted").count())
        };
        let (whole, halves) = (all(false), all(true));
        assert_eq!(whole.0 + whole.1, 200);
        assert_eq!(halves.0 + halves.1, 200);
        // 0.7 of 200 are good, standard deviation 6.5; of whole batches 0.7^4 of 50.
        assert!((114..=166).contains(&halves.0), "{halves:?}");
        assert!(whole.0 < 90, "{whole:?}");
    }

    #[test]
    fn a_crash_puts_all_of_a_batch_back() {
        let services = vec![source(10), service("s", vec![batch(2, 100, false)])];
        let mut b = blueprint(25, 1, services);
        b.failures = vec![crash(1, 24, 10)];
        insta::assert_snapshot!(history(&b), @r"
        10 s0 emits
        11 s1 queues
        20 s0 emits
        21 s1 queues
        21 s1 starts
        24 s1 queues
        24 s1 queues
        39 s1 starts
        45 s1 done: wait 25, work 9, draw 1
        45 applied 0: [0.0, 1.0, 25.0, 3.0, 6.0, 0.0]
        45 converged
        45 s1 starts
        51 s1 done: wait 21, work 9, draw 1
        51 applied 0: [0.0, 1.0, 21.0, 3.0, 6.0, 0.0]
        51 converged
        ");
    }
}
