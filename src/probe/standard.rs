//! The standard probes: every metric of the catalogue in one struct, inlined into the world.
//!
//! Hears what happens, never asks. What is cut at the borders of bins and phases is cut by
//! [`Probes::boundary`](super::borders), which the driver calls between two events.

use super::groups::Groups;
use super::guards::Guards;
use super::history::{History, kind};
use super::objectives::Objectives;
use super::obligations::{Count, Obligations};
use super::parts::{Delivery, Demand, Station};
use super::recorder::Counts;
use super::sizes::Sizes;
use super::spread::{Spread, spreads};
use super::waiting::Waiting;
use super::windows::{Answers, Windows};
use crate::engine::Digest;
use crate::model::{
    Asker, Blueprint, Fate, Guarded, Observer, Segments, Service, ServiceId, Subscription, Visit,
    subscriptions,
};
use crate::units::{SimDuration, SimTime};

/// All of it. `H`: what becomes of the history, a digest unless somebody looks into it.
#[derive(Debug)]
pub(crate) struct Probes<H = Digest> {
    from: SimTime,
    to: SimTime,
    pub(crate) stations: Vec<Station<H>>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) demands: Vec<Demand<H>>,
    pub(crate) spreads: Vec<Spread>,
    pub(crate) waiting: Waiting,
    pub(crate) groups: Groups,
    pub(crate) guards: Guards,
    /// Individuals that some subscription now shows in another version than the newest.
    pub(crate) wrong_entities: u64,
    /// Individuals that some subscription ever showed wrong or had to do without.
    pub(crate) harmed_entities: u64,
    /// Deliveries of each station.
    pub(crate) heard_by: Vec<Vec<u32>>,
    pub(crate) windows: Windows,
    pub(crate) objectives: Option<Box<Objectives>>,
    pub(super) bin_start: SimTime,
    /// Bins that have ended.
    pub(super) bins: usize,
    /// Length of the longest of them, ns: one that the end of the run cuts short is no shorter when
    /// it comes to rates.
    pub(super) longest: f64,
    pub(super) scratch: Counts,
}

fn answers<H>(demands: &[Demand<H>]) -> Answers {
    demands.iter().map(|d| d.answered).collect()
}

/// Obligations of several subscriptions together.
pub(super) fn sum(deliveries: &[Delivery], which: &[u32]) -> Obligations {
    let mut all = Obligations::default();
    for &d in which {
        all += &deliveries[d as usize].ledger;
    }
    all
}

#[inline(always)]
fn add_segments(sums: &mut [u128; 9], s: &Segments) {
    let parts =
        [s.outbox, s.batch, s.publish, s.broker, s.deliver, s.wait, s.retry, s.service, s.commit];
    for (sum, part) in sums.iter_mut().zip(parts) {
        if part != 0 {
            *sum += u128::from(part);
        }
    }
}

impl<H: History> Probes<H> {
    /// Probes for an architecture; measured is what is committed or intended in the measured phase.
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        let subscriptions = subscriptions(blueprint);
        let mut heard_by = vec![Vec::new(); blueprint.services.len()];
        for (at, s) in subscriptions.iter().enumerate() {
            heard_by[s.service as usize].push(at as u32);
        }
        let waiting = Waiting::new(blueprint);
        let station = |(at, s): (usize, &Service)| Station {
            capacity: f64::from(s.workers) * f64::from(s.instances),
            sizes: blueprint
                .is_elastic(ServiceId(at as u32))
                .then(|| Box::new(Sizes::from_start(s))),
            incidents: waiting.serves(at).then(Box::default),
            ..Station::default()
        };
        let delivery = |s: &Subscription| Delivery {
            event: s.event,
            service: s.service,
            ..Delivery::default()
        };
        Self {
            from: blueprint.phases.measure_from(),
            to: blueprint.phases.traffic_end(),
            stations: blueprint.services.iter().enumerate().map(station).collect(),
            deliveries: subscriptions.iter().map(delivery).collect(),
            demands: blueprint.clients.iter().map(|_| Demand::default()).collect(),
            spreads: spreads(blueprint.events.len(), &subscriptions),
            waiting,
            groups: Groups::new(blueprint),
            guards: Guards::new(blueprint),
            wrong_entities: 0,
            harmed_entities: 0,
            heard_by,
            windows: Windows::new(blueprint.failures.len()),
            objectives: Objectives::new(
                blueprint.clients.iter().map(|c| c.slo.map(SimDuration::ns)).collect(),
            ),
            bin_start: SimTime::ZERO,
            bins: 0,
            longest: 0.0,
            scratch: Counts::default(),
        }
    }

    #[inline(always)]
    fn measured(&self, at: SimTime) -> bool {
        self.from <= at && at < self.to
    }

    /// Answers so far.
    pub(crate) fn answers(&self) -> Answers {
        answers(&self.demands)
    }

    /// Panics if an invariant of the run is broken: conservation of obligations, segments that add
    /// up to the lag, and Little's law in whole nanoseconds where the run came to rest.
    pub(crate) fn check(&self, at_rest: bool) {
        for d in &self.deliveries {
            let l = &d.ledger;
            assert_eq!(l.committed, l.states(), "the ledger does not balance: {l:?}");
            assert!(!at_rest || l.open() == 0, "at rest with live obligations: {l:?}");
        }
        let Some(now) = self.stations.first().map(|s| s.backlog.settled()) else { return };
        let ahead = self.waiting.areas(self.stations.len(), now);
        for ((s, heard), ahead) in self.stations.iter().zip(&self.heard_by).zip(ahead) {
            let e2e: u128 = heard.iter().map(|&d| self.deliveries[d as usize].e2e().sum).sum();
            let segments: u128 = s.segments.iter().sum();
            assert_eq!(e2e, segments, "segments do not add up to the end-to-end latency");
            if at_rest {
                // Little's law is of what is here; what waits at brokers has not arrived.
                let area = s.backlog.area() - ahead + s.busy.area();
                assert_eq!(area, s.stays, "Little's law does not hold");
            }
        }
    }
}

impl<H: History> Observer for Probes<H> {
    #[inline(always)]
    fn emitted(&mut self, service: u32, now: SimTime, id: u64) {
        self.stations[service as usize].history.step(now.ns(), kind::EMITTED, id, 0);
    }

    fn sized(&mut self, service: u32, now: SimTime, instances: u32, workers: u32) {
        if let Some(sizes) = &mut self.stations[service as usize].sizes {
            sizes.set(now, instances, workers);
        }
    }

    fn not_emitted(&mut self, service: u32) {
        self.stations[service as usize].not_emitted += 1;
    }

    #[inline(always)]
    fn committed(&mut self, subscription: u32, commit: SimTime) {
        let measured = self.measured(commit);
        let d = &mut self.deliveries[subscription as usize];
        d.ledger.committed += 1;
        d.ledger[Fate::Stored] += 1;
        d.expected += u64::from(measured);
    }

    #[inline(always)]
    fn fact(&mut self, event: u32, commit: SimTime) {
        self.spreads[event as usize].expected += u64::from(self.measured(commit));
    }

    #[inline(always)]
    fn arrived(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, intended: SimTime) {
        let measured = self.measured(intended);
        let s = &mut self.stations[service as usize];
        s.history.step(now.ns(), kind::ARRIVED, id, attempt);
        s.arrivals += 1;
        s.expected += u64::from(measured);
        s.inflight_max = s.inflight_max.max(s.backlog.value() + s.busy.value() + 1);
    }

    #[inline(always)]
    fn queued(&mut self, service: u32, now: SimTime) {
        self.stations[service as usize].backlog.rise(now);
    }

    #[inline(always)]
    fn unqueued(&mut self, service: u32, now: SimTime) {
        self.stations[service as usize].backlog.fall(now);
    }

    #[inline(always)]
    fn started(&mut self, service: u32, now: SimTime, subscription: Option<u32>, queued: bool) {
        let s = &mut self.stations[service as usize];
        if queued {
            s.backlog.fall(now);
        }
        s.busy.rise(now);
        if let Some(subscription) = subscription {
            let l = &mut self.deliveries[subscription as usize].ledger;
            l[Fate::Stored] -= 1;
            l[Fate::Leased] += 1;
        }
    }

    fn rides(&mut self, service: u32, now: SimTime, on: bool) {
        let s = &mut self.stations[service as usize];
        if on {
            s.busy.rise(now);
            s.riding.rise(now);
        } else {
            s.riding.fall(now);
        }
    }

    #[inline(always)]
    fn released(&mut self, service: u32, now: SimTime) {
        self.stations[service as usize].busy.fall(now);
    }

    fn interrupted(&mut self, subscription: u32) {
        let l = &mut self.deliveries[subscription as usize].ledger;
        l[Fate::Leased] -= 1;
        l[Fate::Stored] += 1;
    }

    fn failed(&mut self, service: u32) {
        self.stations[service as usize].attempted += 1;
        self.begun_anew(service);
    }

    fn turned_away(&mut self, service: u32) {
        self.stations[service as usize].further += 1;
    }

    fn repeats(&mut self, service: u32) {
        self.stations[service as usize].repeats += 1;
    }

    fn begun_anew(&mut self, service: u32) {
        let s = &mut self.stations[service as usize];
        s.further += 1;
        s.repeats += 1;
    }

    fn retried(&mut self, client: u32) {
        self.demands[client as usize].retried += 1;
    }

    fn caused(&mut self, of: u64, subscriptions: u32) {
        if let Some(objectives) = &mut self.objectives {
            objectives.caused(of, subscriptions);
        }
    }

    fn took_effect(&mut self, of: u64, now: SimTime) {
        if let Some(objectives) = &mut self.objectives {
            objectives.done(of, Some(now));
        }
    }

    fn overtaken(&mut self, of: u64) {
        if let Some(objectives) = &mut self.objectives {
            objectives.done(of, None);
        }
    }

    fn failure_began(&mut self, failure: u32, now: SimTime) {
        if self.windows.all == 0 {
            self.first_failure();
        }
        self.windows.begins(failure, now, || answers(&self.demands));
    }

    fn failure_ended(&mut self, failure: u32, now: SimTime) {
        self.windows.ends(failure, now, || answers(&self.demands));
    }

    #[inline(always)]
    fn left(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, visit: &Visit) {
        let measured = self.measured(visit.intended);
        let s = &mut self.stations[service as usize];
        s.history.step(now.ns(), kind::LEFT, id, attempt);
        s.busy.fall(now);
        s.attempted += 1;
        let stay = now.since(visit.arrived).ns();
        s.stays += u128::from(stay);
        s.good += u64::from(visit.good && !visit.booked);
        if measured {
            s.wait.record(visit.wait);
            s.service.record(visit.service);
            s.sojourn.record(stay);
        }
    }

    fn cut_off(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, arrived: SimTime) {
        let s = &mut self.stations[service as usize];
        s.history.step(now.ns(), kind::CUT_OFF, id, attempt);
        s.stays += u128::from(now.since(arrived).ns());
    }

    #[inline(always)]
    fn applied(
        &mut self,
        subscription: u32,
        now: SimTime,
        commit: SimTime,
        segments: &Segments,
        booked: bool,
    ) {
        let measured = self.measured(commit);
        let lag = now.since(commit).ns();
        debug_assert_eq!(lag, segments.total());
        let d = &mut self.deliveries[subscription as usize];
        if booked {
            self.stations[d.service as usize].good += 1;
        } else {
            d.ledger[Fate::Leased] -= 1;
            d.ledger[Fate::Applied] += 1;
        }
        d.lag.record(lag, measured);
        if measured {
            add_segments(&mut self.stations[d.service as usize].segments, segments);
        }
    }

    fn applied_version(&mut self, subscription: u32, now: SimTime, commit: SimTime, s: &Segments) {
        let measured = self.measured(commit);
        let d = &mut self.deliveries[subscription as usize];
        self.stations[d.service as usize].good += 1;
        let e2e = d.e2e.get_or_insert_default();
        if measured {
            e2e.record(now.since(commit).ns());
            add_segments(&mut self.stations[d.service as usize].segments, s);
        }
    }

    fn visible(&mut self, subscription: u32, now: SimTime, commit: SimTime) {
        let measured = self.measured(commit);
        let lag = &mut self.deliveries[subscription as usize].lag;
        lag.record(now.since(commit).ns(), measured);
    }

    fn behind(&mut self, subscription: u32, _: SimTime, up: bool, entity: bool) {
        let wrong = &mut self.deliveries[subscription as usize].ledger[Count::WrongEntities];
        if up {
            *wrong += 1;
            self.wrong_entities += u64::from(entity);
        } else {
            *wrong -= 1;
            self.wrong_entities -= u64::from(entity);
        }
    }

    fn out_of_order(&mut self, subscription: u32) {
        self.deliveries[subscription as usize].ledger[Count::OutOfOrder] += 1;
    }

    fn harmed(&mut self, subscription: u32, entity: bool) {
        self.deliveries[subscription as usize].ledger[Count::Harmed] += 1;
        self.harmed_entities += u64::from(entity);
    }

    fn recognised(&mut self, _: u32) {}

    fn resurrected(&mut self, subscription: u32) {
        self.deliveries[subscription as usize].ledger[Count::Resurrected] += 1;
    }

    fn opened(&mut self, subscription: u32, commit: SimTime) {
        let measured = self.measured(commit);
        let d = &mut self.deliveries[subscription as usize];
        d.ledger.committed += 1;
        d.ledger[Fate::Pending] += 1;
        d.expected += u64::from(measured);
    }

    fn backfilled(&mut self, subscription: u32) {
        let l = &mut self.deliveries[subscription as usize].ledger;
        l.committed += 1;
        l[Fate::Pending] += 1;
        l[Count::Backfill] += 1;
    }

    #[inline]
    fn moved(&mut self, subscription: u32, from: Fate, to: Fate) {
        let l = &mut self.deliveries[subscription as usize].ledger;
        l[from] -= 1;
        l[to] += 1;
    }

    #[inline]
    fn delivered(&mut self, subscription: u32, again: bool) {
        self.deliveries[subscription as usize].ledger[Count::Redelivered] += u64::from(again);
    }

    fn filtered(&mut self, subscription: u32) {
        self.deliveries[subscription as usize].ledger[Count::Filtered] += 1;
    }

    fn unroutable(&mut self, event: u32) {
        self.spreads[event as usize].unroutable += 1;
    }

    #[inline]
    fn stored(&mut self, lane: u32, now: SimTime, up: bool) {
        let service = self.waiting.change(lane, now, up);
        let s = &mut self.stations[service as usize];
        if up {
            s.backlog.rise(now);
            s.inflight_max = s.inflight_max.max(s.backlog.value() + s.busy.value());
        } else {
            s.backlog.fall(now);
        }
    }

    fn applied_again(&mut self, subscription: u32) {
        self.deliveries[subscription as usize].ledger[Count::DoubleApplied] += 1;
    }

    fn exhausted(&mut self, subscription: u32) {
        let l = &mut self.deliveries[subscription as usize].ledger;
        l[Fate::Leased] -= 1;
        l[Fate::Exhausted] += 1;
    }

    fn phantom(&mut self, event: u32) {
        self.spreads[event as usize].phantom += 1;
    }

    fn lost(&mut self, subscription: u32, commit: SimTime) {
        let measured = self.measured(commit);
        let d = &mut self.deliveries[subscription as usize];
        d.ledger.committed += 1;
        d.ledger[Fate::LostCrash] += 1;
        d.expected += u64::from(measured);
    }

    #[inline(always)]
    fn converged(&mut self, event: u32, now: SimTime, commit: SimTime) {
        let measured = self.measured(commit);
        let spread = &mut self.spreads[event as usize];
        if measured && spread.only.is_none() {
            spread.convergence.record(now.since(commit).ns());
        }
    }

    fn guarded(&mut self, asker: Asker, _: u32, now: SimTime, what: Guarded) {
        if self.measured(now) {
            self.guards.count(asker, what);
        }
    }

    #[inline(always)]
    fn requested(&mut self, client: u32, now: SimTime, id: u64) {
        let measured = self.measured(now);
        let d = &mut self.demands[client as usize];
        d.history.step(now.ns(), kind::REQUESTED, id, 0);
        d.asked += 1;
        d.intended += u64::from(measured);
        if measured && let Some(objectives) = &mut self.objectives {
            objectives.requested(client, now, id);
        }
    }

    #[inline(always)]
    fn answered(&mut self, client: u32, now: SimTime, id: u64, intended: SimTime, ok: bool) {
        let measured = self.measured(intended);
        let d = &mut self.demands[client as usize];
        let what = if ok { kind::SUCCEEDED } else { kind::FAILED };
        d.history.step(now.ns(), what, id, 0);
        d.answered.1 += 1;
        if ok {
            d.answered.0 += 1;
            d.succeeded += u64::from(measured);
            d.latency.record(now.since(intended).ns(), measured);
        }
        if let Some(objectives) = &mut self.objectives {
            objectives.answered(id, now, ok);
        }
    }
}
