//! The standard probes: every metric of the catalogue in one struct, inlined into the world.
//!
//! Hears what happens, never asks. What is cut at the borders of bins and phases is cut by
//! [`Probes::boundary`], which the driver calls between two events.

use super::groups::Groups;
use super::history::{History, kind};
use super::level::Level;
use super::obligations::{Count, Incidents, Obligations};
use super::recorder::{Binned, Counts, Recorder};
use super::sizes::Sizes;
use super::spread::{Spread, spreads};
use super::waiting::Waiting;
use crate::engine::Digest;
use crate::model::{
    Blueprint, Fate, Observer, Segments, Service, ServiceId, Subscription, Visit, subscriptions,
};
use crate::units::SimTime;

/// Totals of a station at an instant, from which a phase or a bin is the difference of two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) backlog: u128,
    pub(crate) busy: u128,
    /// Busy workers: what rides along in a batch has none of its own.
    pub(crate) workers: u128,
    /// Worker time that there was, if that ever changes.
    pub(super) capacity: u128,
    pub(crate) attempted: u64,
    pub(crate) good: u64,
}

/// One service.
#[derive(Debug, Default)]
pub(crate) struct Station<H = Digest> {
    pub(crate) history: H,
    /// Waiting here and, for it, at brokers.
    pub(crate) backlog: Level,
    /// With a worker.
    pub(crate) busy: Level,
    /// Of those, with the worker of a batch that another one leads.
    pub(crate) riding: Level,
    pub(crate) inflight_max: u64,
    pub(crate) wait: Recorder,
    pub(crate) service: Recorder,
    pub(crate) sojourn: Recorder,
    /// Measured arrivals.
    pub(crate) expected: u64,
    attempted: u64,
    good: u64,
    /// Sum of the times that everything that left had spent here, ns.
    pub(crate) stays: u128,
    pub(crate) not_emitted: u64,
    pub(crate) segments: [u128; 9],
    /// All worker time per ns, as long as it does not change.
    pub(super) capacity: f64,
    /// Instances and workers over time, once they have changed.
    pub(super) sizes: Option<Box<Sizes>>,
    pub(crate) last: Totals,
    pub(crate) from: Totals,
    pub(crate) to: Totals,
    /// Largest values of the measured phase, once it is over.
    pub(crate) measured_max: (u64, u64),
    pub(crate) series: StationSeries,
    /// Of a service that consumes from brokers.
    pub(crate) incidents: Option<Box<Incidents>>,
}

/// What a service shows over time, one value per bin.
#[derive(Debug, Default)]
pub(crate) struct StationSeries {
    pub(crate) lag_p50: Vec<f64>,
    pub(crate) lag_p99: Vec<f64>,
    pub(crate) backlog: Vec<f64>,
    pub(crate) rho: Vec<f64>,
    pub(crate) throughput: Vec<f64>,
}

/// One event type at one subscriber.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) event: u32,
    pub(crate) service: u32,
    pub(crate) lag: Binned,
    /// Until the fact itself was applied, where that may differ from its lag.
    pub(crate) e2e: Option<Box<Recorder>>,
    /// Measured commits.
    pub(crate) expected: u64,
    pub(crate) ledger: Obligations,
}

impl Delivery {
    /// Until the fact itself was applied.
    pub(crate) fn e2e(&self) -> &Recorder {
        self.e2e.as_deref().unwrap_or(&self.lag.total)
    }
}

/// One client.
#[derive(Debug, Default)]
pub(crate) struct Demand<H = Digest> {
    pub(crate) history: H,
    pub(crate) latency: Binned,
    /// Measured requests.
    pub(crate) intended: u64,
    pub(crate) succeeded: u64,
    bin: (u64, u64),
    pub(crate) series: DemandSeries,
}

/// What a client shows over time, one value per bin.
#[derive(Debug, Default)]
pub(crate) struct DemandSeries {
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    pub(crate) availability: Vec<f64>,
}

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
    /// Individuals that some subscription now shows in another version than the newest.
    pub(crate) wrong_entities: u64,
    /// Individuals that some subscription ever showed wrong or had to do without.
    pub(crate) harmed_entities: u64,
    /// Deliveries of each station.
    pub(crate) heard_by: Vec<Vec<u32>>,
    bin_start: SimTime,
    scratch: Counts,
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

/// Which border an instant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Border {
    /// The open bin ends.
    pub(crate) bin: bool,
    /// The measured phase begins.
    pub(crate) from: bool,
    /// The measured phase ends.
    pub(crate) to: bool,
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
            wrong_entities: 0,
            harmed_entities: 0,
            heard_by,
            bin_start: SimTime::ZERO,
            scratch: Counts::default(),
        }
    }

    #[inline(always)]
    fn measured(&self, at: SimTime) -> bool {
        self.from <= at && at < self.to
    }

    /// Cuts bins and phases at `now`, after everything that happened then.
    pub(crate) fn boundary(&mut self, now: SimTime, border: Border) {
        for at in 0..self.stations.len() {
            self.station_boundary(at, now, border);
        }
        let width = now.since(self.bin_start).ns() as f64;
        self.waiting.boundary(now, border, width);
        if border.bin && now > self.bin_start {
            self.close_bin();
            self.bin_start = now;
        }
    }

    fn station_boundary(&mut self, at: usize, now: SimTime, border: Border) {
        let s = &mut self.stations[at];
        s.backlog.settle(now);
        s.busy.settle(now);
        s.riding.settle(now);
        let width = now.since(self.bin_start).ns() as f64;
        if let Some(sizes) = &mut s.sizes {
            sizes.boundary(now, border, width);
        }
        let totals = Totals {
            backlog: s.backlog.area(),
            busy: s.busy.area(),
            workers: s.busy.area() - s.riding.area(),
            capacity: s.sizes.as_ref().map_or(0, |sizes| sizes.capacity()),
            attempted: s.attempted,
            good: s.good,
        };
        if border.from {
            s.from = totals;
            s.backlog.forget_max();
            s.inflight_max = s.backlog.value() + s.busy.value();
        }
        if border.to {
            s.to = totals;
            s.measured_max = (s.backlog.max(), s.inflight_max);
        }
        if border.bin && width > 0.0 {
            let last = std::mem::replace(&mut s.last, totals);
            s.series.backlog.push((totals.backlog - last.backlog) as f64 / width);
            let rho = s.utilisation(&last, &totals, width, false);
            s.series.rho.push(rho);
            let done = (totals.attempted - last.attempted) as f64;
            s.series.throughput.push(done / (width / 1e9));
        }
    }

    fn close_bin(&mut self) {
        for (s, heard) in self.stations.iter_mut().zip(&self.heard_by) {
            if let Some(incidents) = &mut s.incidents {
                incidents.close(&sum(&self.deliveries, heard));
            }
            if heard.is_empty() {
                continue;
            }
            self.scratch.clear();
            for &delivery in heard {
                self.deliveries[delivery as usize].lag.close(&mut self.scratch);
            }
            let [p50, p99] = self.scratch.quantiles([0.5, 0.99]);
            s.series.lag_p50.push(p50);
            s.series.lag_p99.push(p99);
        }
        for d in &mut self.demands {
            self.scratch.clear();
            d.latency.close(&mut self.scratch);
            let [p50, p99] = self.scratch.quantiles([0.5, 0.99]);
            d.series.p50.push(p50);
            d.series.p99.push(p99);
            let (good, all) = std::mem::take(&mut d.bin);
            d.series.availability.push(if all == 0 { f64::NAN } else { good as f64 / all as f64 });
        }
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
        s.good += u64::from(visit.good);
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
        if !booked {
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

    #[inline(always)]
    fn requested(&mut self, client: u32, now: SimTime, id: u64) {
        let measured = self.measured(now);
        let d = &mut self.demands[client as usize];
        d.history.step(now.ns(), kind::REQUESTED, id, 0);
        d.intended += u64::from(measured);
    }

    #[inline(always)]
    fn answered(&mut self, client: u32, now: SimTime, id: u64, intended: SimTime, ok: bool) {
        let measured = self.measured(intended);
        let d = &mut self.demands[client as usize];
        let what = if ok { kind::SUCCEEDED } else { kind::FAILED };
        d.history.step(now.ns(), what, id, 0);
        d.bin.1 += 1;
        if ok {
            d.bin.0 += 1;
            d.succeeded += u64::from(measured);
            d.latency.record(now.since(intended).ns(), measured);
        }
    }
}
