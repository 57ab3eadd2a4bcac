//! Processors that the workers of an instance share: everybody who computes at an instant gets the
//! same share of them (processor sharing), at most one processor each.
//!
//! Time is counted in what each has got, so that a change of the shares touches nobody's end: who
//! comes when each has got `g` and needs `d` is done when each has got `g + d`.

use super::event::{Event, Kind};
use super::observation::Observer;
use super::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Parts of a nanosecond in which shares are counted, as a power of two.
const FRACTION: u32 = 32;

/// No timer is set.
const NEVER: u64 = u64::MAX;

/// The processors of an instance, and who computes there.
#[derive(Debug)]
pub(crate) struct Cores {
    processors: u64,
    /// What each has got since there was somebody, in parts of a nanosecond.
    got: u128,
    /// The instant for which that holds, ns.
    at: u64,
    /// What each will have got when somebody is done, the order in which they came, and the job.
    line: BinaryHeap<Reverse<(u128, u64, u32)>>,
    came: u64,
    /// Whether the instance stands still.
    still: bool,
    /// When the timer in the event list is over, ns, or [`NEVER`]; any other one is void.
    armed: u64,
}

impl Cores {
    pub(crate) fn new(processors: u32) -> Self {
        let processors = u64::from(processors);
        let line = BinaryHeap::new();
        Self { processors, got: 0, at: 0, line, came: 0, still: false, armed: NEVER }
    }

    /// What each has got by `now`.
    fn got_by(&self, now: u64) -> u128 {
        let all = self.line.len() as u128;
        if all == 0 {
            return 0;
        }
        let passed = if self.still { 0 } else { u128::from(now - self.at) << FRACTION };
        self.got + passed * all.min(self.processors.into()) / all
    }

    /// Starts anew from what each has got by `now`, as the shares change. Not more often than that,
    /// since it rounds.
    fn settle(&mut self, now: u64) {
        self.got = self.got_by(now);
        self.at = now;
    }

    /// Somebody begins to compute, for `d` on a processor of its own.
    fn add(&mut self, now: u64, d: SimDuration, job: u32) {
        self.settle(now);
        self.came += 1;
        let done = self.got + (u128::from(d.ns()) << FRACTION);
        self.line.push(Reverse((done, self.came, job)));
    }

    /// Takes out the next of those who are done by now.
    fn done(&mut self, now: u64) -> Option<u32> {
        let &Reverse((done, _, job)) = self.line.peek()?;
        if done > self.got_by(now) {
            return None;
        }
        self.settle(now);
        self.line.pop();
        Some(job)
    }

    /// When the next one is done if nobody else comes, ns.
    fn next(&self) -> Option<u64> {
        let Reverse((done, ..)) = self.line.peek()?;
        let all = self.line.len() as u128;
        let share = all.min(self.processors.into()) << FRACTION;
        let left = (done.saturating_sub(self.got) * all).div_ceil(share);
        (!self.still).then(|| self.at.saturating_add(left as u64))
    }

    /// The instance dies, and with it all that it computes.
    fn clear(&mut self) {
        self.line.clear();
        (self.got, self.still, self.armed) = (0, false, NEVER);
    }

    /// Whether nobody computes.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.line.is_empty() && !self.still
    }
}

impl<O: Observer> World<O> {
    /// Lets a job compute for `d`, where processors are shared more slowly. Whether that takes any
    /// time.
    #[inline]
    pub(crate) fn computes(&mut self, s: &mut Sched, job: u32, d: SimDuration) -> bool {
        if self.cores.is_empty() { self.lasts(s, job, d) } else { self.shares(s, job, d) }
    }

    #[cold]
    #[inline(never)]
    fn shares(&mut self, s: &mut Sched, job: u32, d: SimDuration) -> bool {
        let instance = self.jobs.get(job).instance;
        let Some(cores) = self.cores_of(instance) else { return self.lasts(s, job, d) };
        if d == SimDuration::ZERO {
            return false;
        }
        cores.add(s.now().ns(), d, job);
        self.await_cores(s, instance);
        true
    }

    /// Has every instance with processors look at them whenever work begins.
    pub(crate) fn start_cores(&mut self) {
        for instance in 0..self.cores.len() as u32 {
            if self.cores_of(instance).is_some() {
                self.strain(instance);
            }
        }
    }

    pub(crate) fn cores_of(&mut self, instance: u32) -> Option<&mut Cores> {
        self.cores.get_mut(instance as usize)?.as_deref_mut()
    }

    /// Sets a timer for the next one who is done, if there is none that is over before.
    fn await_cores(&mut self, s: &mut Sched, instance: u32) {
        let Some(cores) = self.cores_of(instance) else { return };
        if let Some(next) = cores.next()
            && next < cores.armed
        {
            cores.armed = next;
            s.at(SimTime::from_ns(next), Event::new(Kind::CoresDue, 0, instance));
        }
    }

    /// Somebody at an instance may have computed enough.
    pub(crate) fn cores_due(&mut self, s: &mut Sched, instance: u32) {
        let now = s.now().ns();
        match self.cores_of(instance) {
            // Until all of them have gone on nobody sets another timer.
            Some(cores) if cores.armed == now => cores.armed = 0,
            _ => return,
        }
        while let Some(job) = self.cores_of(instance).and_then(|cores| cores.done(now)) {
            self.step_done(s, job);
        }
        if let Some(cores) = self.cores_of(instance) {
            cores.armed = NEVER;
        }
        self.await_cores(s, instance);
    }

    /// An instance stands still from now on, or goes on.
    pub(crate) fn cores_stand(&mut self, s: &mut Sched, instance: u32, still: bool) {
        if let Some(cores) = self.cores_of(instance) {
            cores.settle(s.now().ns());
            cores.still = still;
            self.await_cores(s, instance);
        }
    }

    /// An instance has so many processors from now on.
    pub(crate) fn set_cores(&mut self, s: &mut Sched, instance: u32, processors: u32) {
        if let Some(cores) = self.cores_of(instance) {
            cores.settle(s.now().ns());
            cores.processors = processors.into();
            self.await_cores(s, instance);
        }
    }

    /// An instance dies.
    pub(crate) fn cores_die(&mut self, instance: u32) {
        if let Some(cores) = self.cores_of(instance) {
            cores.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::testing::*;

    /// What a service with some processors says: requests every `every` ms that need `needs`.
    fn told(cores: u32, every: u64, needs: u64, change: impl Fn(&mut Blueprint)) -> Vec<String> {
        let api = handler(Trigger::Api("get".to_owned()), vec![work(needs)]);
        let mut b = blueprint(35, 0, vec![service("s", vec![api])]);
        let operation = Operation { service: ServiceId(0), handler: 0 };
        b.clients = vec![client(operation, every, 1_000, 1)];
        b.services[0].workers = 9;
        b.services[0].cores = Some(cores);
        change(&mut b);
        let said = history(&b);
        let lines = said.lines().filter(|l| l.contains("is answered") || l.contains("fails"));
        lines.map(|l| l.replace("c0 is answered after ", "")).collect()
    }

    #[test]
    fn workers_share_processors_evenly() {
        // Requests of 10, 20 and 30 arrive a ms later and need 15 ms. Alone until 21, the first has
        // 5 left: 10 ms of two. At 31 it is done, and the third comes: the second has 10 left and
        // the third 15, which takes 20 for the second, and 5 more alone for the third.
        assert_eq!(told(1, 10, 15, |_| ()), ["32 22", "52 32", "57 27"]);
        // With two there is one for each but while there are three.
        assert_eq!(told(2, 10, 15, |_| ()), ["27 17", "37 17", "47 17"]);
        // 25 ms each: the first and the second have 5 and 15 left when the third comes at 31. Each
        // gets two thirds of a processor, so that the first needs 7.5 ms; the second has 10 left.
        assert_eq!(told(2, 10, 25, |_| ()), ["39.5 29.5", "49.5 29.5", "59.5 29.5"]);
    }

    /// A failure of the service from 21 to 26 ms.
    fn strikes(verb: Verb) -> impl Fn(&mut Blueprint) {
        move |b| b.failures = vec![Failure { verb, ..crash(0, 21, 5) }]
    }

    #[test]
    fn failures_touch_what_is_computed() {
        // The first has 5 ms left when everything stands still, and the second waits outside. From
        // 26 to 31 they share, then with the third, when they need 2.5, 12.5 and 15 ms more.
        assert_eq!(told(1, 10, 15, strikes(Verb::Pause)), ["39.5 29.5", "59.5 39.5", "62 32"]);
        // A crash ends what it interrupts; the third comes to an instance that is idle.
        let crashed = told(1, 10, 15, strikes(Verb::Crash));
        assert_eq!(crashed, ["22 c0 fails after 12", "22 c0 fails after 2", "47 17"]);
    }

    #[test]
    fn there_may_be_more_processors_for_a_while() {
        // Two of them when the second comes, and so one for each of those who are there.
        let more = |b: &mut Blueprint| {
            let mut other = b.clone();
            other.services[0].cores = Some(2);
            assert!(b.can_become(&other));
            b.sets = vec![other];
            let set = Failure { target: Target::Values, ..crash(0, 21, 30) };
            b.failures = vec![Failure { verb: Verb::Set(0), ..set }];
        };
        assert_eq!(told(1, 10, 15, more), ["27 17", "37 17", "47 17"]);
    }

    #[test]
    fn only_work_is_shared() {
        // Each works for 5 ms and writes for 10. At 10 the first and the second have 0.5 and 3.5 ms
        // left, which takes until 11.5 and, with three more, until 21.5; nobody slows down writes.
        let writes = |b: &mut Blueprint| {
            b.services[0].handlers[0].steps = vec![work(5), Step::Write(EntityId(0))];
            b.services[0].write = fixed(10);
        };
        assert_eq!(told(1, 3, 1, writes)[..2], ["22.5 19.5", "32.5 26.5"]);
    }
}
