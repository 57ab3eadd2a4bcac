//! Which of the waiting is next where that is neither simply the oldest nor the newest, and who
//! leaves without having been next: what has expired, what `CoDel` drops, whose patience is over.
//!
//! What a broker gave to an instance is its broker's, and is never dropped here.

use super::{CoDel, newest, oldest};
use crate::model::blueprint::BacklogPolicy;
use crate::model::event::{Event, Kind};
use crate::model::guard::about;
use crate::model::observation::Observer;
use crate::model::slab::Slab;
use crate::model::tables::{Job, NONE, Takes};
use crate::model::{Sched, World};
use crate::random::{Draw, StreamKey, Variate};
use crate::units::SimTime;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Who is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// What has waited longest.
    Oldest,
    /// What came last.
    Newest,
    /// Anyone, with equal chances.
    Random,
    /// The request whose caller gives up first; events after all requests.
    Earliest,
}

impl Order {
    pub(crate) const fn of(policy: BacklogPolicy) -> Self {
        match policy {
            BacklogPolicy::RejectNew | BacklogPolicy::DropOldest | BacklogPolicy::Codel { .. } => {
                Self::Oldest
            }
            BacklogPolicy::Lifo => Self::Newest,
            BacklogPolicy::Random => Self::Random,
            BacklogPolicy::Deadline => Self::Earliest,
        }
    }

    /// What workers take up if nothing else is to be looked at.
    pub(crate) const fn takes(self) -> Takes {
        match self {
            Self::Oldest => Takes::Oldest,
            Self::Newest => Takes::Newest,
            Self::Random | Self::Earliest => Takes::Picked,
        }
    }
}

/// How the waiting of a service is treated.
#[derive(Debug)]
pub(crate) struct Discipline {
    pub(crate) order: Order,
    pub(crate) key: StreamKey,
    /// Drawn so far.
    picks: u64,
    /// One for the line of each instance and one for the events; empty unless the policy is
    /// `codel`.
    codels: Vec<CoDel>,
    pub(crate) patience: Option<(Variate, StreamKey)>,
    /// Who leaves when: instant in ns, place in line, and the instance or [`NONE`] for an event.
    leaving: BinaryHeap<Reverse<(u64, u64, u32)>>,
    /// Whether some of the waiting may have expired.
    pub(crate) expires: bool,
}

impl Discipline {
    pub(crate) fn new(order: Order, key: StreamKey) -> Self {
        Self {
            order,
            key,
            picks: 0,
            codels: Vec::new(),
            patience: None,
            leaving: BinaryHeap::new(),
            expires: false,
        }
    }

    /// Adds the law of `CoDel` for the lines of so many instances.
    pub(crate) fn thin_out(&mut self, law: CoDel, instances: u32) {
        self.codels = vec![law; instances as usize + 1];
    }

    /// What workers take up, who may have to ask it for what is next.
    pub(crate) fn takes(&self) -> Takes {
        if self.expires || !self.codels.is_empty() { Takes::Picked } else { self.order.takes() }
    }
}

/// Where the job with this place is in a line, most often ordered by place.
fn position(jobs: &Slab<Job>, line: &VecDeque<u32>, place: u64) -> Option<usize> {
    let at = line.partition_point(|&j| jobs.get(j).place < place);
    if line.get(at).is_some_and(|&j| jobs.get(j).place == place) {
        return Some(at);
    }
    line.iter().position(|&j| jobs.get(j).place == place)
}

impl<O: Observer> World<O> {
    /// Gives waiting work to the free workers of an instance as its discipline says.
    #[inline(never)]
    pub(crate) fn feed_picked(&mut self, s: &mut Sched, instance: u32) {
        loop {
            let i = &self.instances[instance as usize];
            let table = &self.services[i.service as usize];
            if i.takes != Takes::Picked || i.busy >= table.workers {
                return;
            }
            let asks = table.asks;
            let Some(job) = self.pick(s, instance) else {
                if asks {
                    self.asks(s, instance);
                }
                return;
            };
            self.begin(s, instance, job, true);
        }
    }

    /// Takes the next one out of line that is still worth a worker.
    fn pick(&mut self, s: &mut Sched, instance: u32) -> Option<u32> {
        loop {
            let job = self.next_of(instance)?;
            if !self.is_dropped(s.now(), instance, job) {
                return Some(job);
            }
            let service = self.instances[instance as usize].service;
            self.thrown_out(s, service, job);
        }
    }

    /// Takes the next one out of line.
    fn next_of(&mut self, instance: u32) -> Option<u32> {
        let i = &mut self.instances[instance as usize];
        let table = &mut self.services[i.service as usize];
        let d = table.discipline.as_mut()?;
        let (events, requests) = (&mut table.backlog, &mut i.inbox);
        match d.order {
            Order::Oldest => oldest(&self.jobs, events, requests),
            Order::Newest => newest(&self.jobs, events, requests),
            Order::Random => {
                let n = (events.len() + requests.len()) as u32;
                if n == 0 {
                    return None;
                }
                let at = Draw::new(d.key, d.picks, 0).below(n) as usize;
                d.picks += 1;
                // Nobody asks for an order of those who stay.
                match at.checked_sub(requests.len()) {
                    None => requests.swap_remove_back(at),
                    Some(at) => events.swap_remove_back(at),
                }
            }
            Order::Earliest => requests.pop_front().or_else(|| events.pop_front()),
        }
    }

    /// Whether a request has come to the end of its caller's patience.
    pub(crate) fn is_expired(&self, now: SimTime, job: u32) -> bool {
        let j = self.jobs.get(job);
        j.subscription == NONE && self.guarding.expiry(job, j) <= now.ns()
    }

    /// Whether something that was just taken out of line is not worth a worker.
    fn is_dropped(&mut self, now: SimTime, instance: u32, job: u32) -> bool {
        let j = self.jobs.get(job);
        let is_request = j.subscription == NONE;
        if self.is_expired(now, job) {
            return true;
        }
        if !is_request && (j.delivery == NONE || self.given(job)) {
            return false;
        }
        let waited = now.ns() - j.arrived;
        let i = &self.instances[instance as usize];
        let table = &mut self.services[i.service as usize];
        let Some(d) = &mut table.discipline else { return false };
        let (line, last) = if is_request {
            ((instance - table.instances.start) as usize, i.inbox.is_empty())
        } else {
            (table.instances.len(), table.backlog.is_empty())
        };
        d.codels.get_mut(line).is_some_and(|codel| codel.drops(now.ns(), waited, last))
    }

    /// Something that was taken out of line is not worked on: a request fails, an event is shed, of
    /// a batch all events.
    pub(crate) fn thrown_out(&mut self, s: &mut Sched, service: u32, job: u32) {
        if self.jobs.get(job).subscription == NONE {
            self.observer.unqueued(service, s.now());
            self.cut_off(s, service, job);
            return;
        }
        self.closes(job);
        let mut next = job;
        while next != NONE {
            let job = next;
            let j = *self.jobs.get(job);
            next = j.next;
            self.observer.unqueued(service, s.now());
            let arrived = SimTime::from_ns(j.arrived);
            self.observer.cut_off(service, s.now(), j.id, j.attempt, arrived);
            self.jobs.get_mut(job).next = NONE;
            self.shed_job(s, job);
        }
    }

    /// A request leaves the line of its instance before a worker takes it up.
    pub(crate) fn leaves_line(&mut self, s: &mut Sched, instance: u32, job: u32) {
        let place = self.jobs.get(job).place;
        let Some(i) = self.instances.get_mut(instance as usize) else { return };
        let service = i.service;
        if let Some(at) = position(&self.jobs, &i.inbox, place) {
            i.inbox.remove(at);
            self.thrown_out(s, service, job);
        }
    }

    /// An event of an ideal bus may start: on an idle worker, or in line, where it may lose
    /// patience.
    pub(crate) fn booked_arrives(&mut self, s: &mut Sched, service: u32, job: u32) {
        self.event_arrives(s, service, job);
        // What has begun is not found in line when its patience is over.
        if self.services[service as usize].discipline.is_some() {
            self.joined(s, service, NONE, job);
        }
    }

    /// Work has joined the line of an instance or, an event, of the service.
    #[cold]
    #[inline(never)]
    pub(crate) fn joined(&mut self, s: &mut Sched, service: u32, instance: u32, job: u32) {
        let Some(d) = &mut self.services[service as usize].discipline else { return };
        let j = *self.jobs.get(job);
        if let Some((patience, key)) = &d.patience {
            let at = s.now() + patience.sample(*key, j.id, j.attempt);
            d.leaving.push(Reverse((at.ns(), j.place, instance)));
            s.at(at, Event::new(Kind::Guard, about::PATIENCE, service));
        }
        if d.order == Order::Earliest && instance != NONE {
            // Nearly always the last one; callees of equal timeouts come in the order of those.
            let expiry = |job: u32| {
                let j = self.jobs.get(job);
                if j.subscription == NONE { self.guarding.expiry(job, j) } else { u64::MAX }
            };
            let inbox = &mut self.instances[instance as usize].inbox;
            inbox.pop_back();
            let until = expiry(job);
            let at = inbox.partition_point(|&other| expiry(other) <= until);
            inbox.insert(at, job);
        }
    }

    /// Those leave a service whose patience is over and who still wait.
    pub(crate) fn patience_over(&mut self, s: &mut Sched, service: u32) {
        while let Some(d) = &mut self.services[service as usize].discipline
            && let Some(&Reverse((at, place, instance))) = d.leaving.peek()
            && at <= s.now().ns()
        {
            d.leaving.pop();
            let line = match self.instances.get_mut(instance as usize) {
                Some(i) => &mut i.inbox,
                None => &mut self.services[service as usize].backlog,
            };
            let found = position(&self.jobs, line, place);
            if let Some(job) = found.and_then(|at| line.remove(at)) {
                self.thrown_out(s, service, job);
            }
        }
    }

    /// Where the next is the one who gives up first, those who have given up make room. Whether any
    /// did.
    #[cold]
    #[inline(never)]
    pub(crate) fn expired_leave(&mut self, s: &mut Sched, instance: u32) -> bool {
        let service = self.instances[instance as usize].service;
        let d = self.services[service as usize].discipline.as_ref();
        if d.is_none_or(|d| d.order != Order::Earliest) {
            return false;
        }
        let mut room = false;
        while let Some(&job) = self.instances[instance as usize].inbox.front()
            && self.is_expired(s.now(), job)
        {
            self.instances[instance as usize].inbox.pop_front();
            self.thrown_out(s, service, job);
            room = true;
        }
        room
    }
}
