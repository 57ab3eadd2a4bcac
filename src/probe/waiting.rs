//! What waits at brokers: in each lane (a queue or a partition, for one group) and in each broker.
//!
//! Only events that pass through a broker come here.

use super::borders::Border;
use super::level::Level;
use crate::model::{Blueprint, EngineSpec, lanes};
use crate::units::SimTime;

/// A level and what it was in the measured phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    level: Level,
    from: u128,
    to: u128,
    /// Largest value of the measured phase, once it is over.
    pub(crate) max: u64,
}

impl Measured {
    #[inline]
    fn change(&mut self, now: SimTime, up: bool) {
        if up {
            self.level.rise(now);
        } else {
            self.level.fall(now);
        }
    }

    fn boundary(&mut self, now: SimTime, border: Border) {
        self.level.settle(now);
        if border.from {
            self.from = self.level.area();
            self.level.forget_max();
        }
        if border.to {
            self.to = self.level.area();
            self.max = self.level.max();
        }
    }

    /// Mean over a measured phase of `ns`.
    pub(crate) fn mean(&self, ns: f64) -> f64 {
        (self.to - self.from) as f64 / ns
    }
}

/// What waits for one group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lane {
    broker: u32,
    service: u32,
    pub(crate) ready: Measured,
}

/// What waits at one broker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    /// Whether anything ever waits there.
    pub(crate) stores: bool,
    pub(crate) ready: Measured,
    last: u128,
    /// Mean of each bin.
    pub(crate) series: Vec<f64>,
}

/// Everything that waits at brokers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) brokers: Vec<Store>,
}

impl Waiting {
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        let lane = |l: crate::model::LaneInfo| Lane {
            broker: l.broker,
            service: l.service,
            ..Lane::default()
        };
        let stores = |b: &crate::model::Broker| !matches!(b.engine, EngineSpec::Ideal);
        Self {
            lanes: lanes(blueprint).into_iter().map(lane).collect(),
            brokers: blueprint
                .brokers
                .iter()
                .map(|b| Store { stores: stores(b), ..Store::default() })
                .collect(),
        }
    }

    /// A message joins or leaves a lane. Returns the service that it waits for.
    #[inline]
    pub(crate) fn change(&mut self, lane: u32, now: SimTime, up: bool) -> u32 {
        let lane = &mut self.lanes[lane as usize];
        lane.ready.change(now, up);
        self.brokers[lane.broker as usize].ready.change(now, up);
        lane.service
    }

    /// Cuts bins and phases; the open bin is `width` ns long.
    pub(crate) fn boundary(&mut self, now: SimTime, border: Border, width: f64) {
        if border.from || border.to {
            self.lanes.iter_mut().for_each(|lane| lane.ready.boundary(now, border));
        }
        for broker in self.brokers.iter_mut().filter(|b| b.stores) {
            broker.ready.boundary(now, border);
            if border.bin && width > 0.0 {
                let area = broker.ready.level.area();
                let last = std::mem::replace(&mut broker.last, area);
                broker.series.push((area - last) as f64 / width);
            }
        }
    }

    /// Whether a service consumes from a broker where things wait.
    pub(crate) fn serves(&self, service: usize) -> bool {
        self.lanes.iter().any(|lane| lane.service as usize == service)
    }

    /// The time that everything has waited so far for each of so many services, in ns.
    pub(crate) fn areas(&self, services: usize, now: SimTime) -> Vec<u128> {
        let mut areas = vec![0; services];
        for lane in &self.lanes {
            let mut level = lane.ready.level;
            level.settle(now);
            areas[lane.service as usize] += level.area();
        }
        areas
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Digest;
    use crate::model::testing::{blueprint, fixed, handler, on, service, source, work};
    use crate::model::{Broker, BrokerId, Consume, FanOutSpec, Observer, Visit};
    use crate::probe::standard::Probes;
    use crate::units::SimDuration;

    /// Service 1 consumes from a broker, service 2 from the ideal bus.
    fn two_ways() -> Blueprint {
        let direct = handler(on(0), vec![work(1)]);
        let mut brokered = direct.clone();
        brokered.consume = Consume::plain(BrokerId(1));
        let services =
            vec![source(2), service("email", vec![brokered]), service("audit", vec![direct])];
        let mut blueprint = blueprint(10, 1, services);
        let spec = FanOutSpec { buffer: 1, soft_buffer: None, soft_time: SimDuration::ZERO };
        let engine = EngineSpec::FanOut(spec);
        blueprint.brokers.push(Broker { engine, ..Broker::ideal("jobs", fixed(1)) });
        blueprint
    }

    /// A message that waits at the broker, is carried to the service, waits there and is worked
    /// at; another one right behind it; a third one that the broker gives up.
    fn play(p: &mut Probes<Digest>) {
        let at = |ms: u64| SimTime::ZERO + SimDuration::from_ms(ms);
        let border = |from, to| Border { bin: true, from, to };
        let ms = |n: u64| SimDuration::from_ms(n).ns();
        let visit = |arrived: u64, wait, service| Visit {
            intended: SimTime::ZERO,
            arrived: at(arrived),
            wait: ms(wait),
            service: ms(service),
            good: true,
            booked: true,
        };
        p.boundary(SimTime::ZERO, border(true, false));
        p.stored(0, at(1), true);
        p.stored(0, at(2), true);
        p.stored(0, at(4), false);
        p.arrived(1, at(5), 0, 0, SimTime::ZERO);
        p.queued(1, at(5));
        p.stored(0, at(5), true);
        p.started(1, at(6), None, true);
        p.stored(0, at(6), false);
        p.arrived(1, at(7), 1, 0, SimTime::ZERO);
        p.queued(1, at(7));
        p.left(1, at(8), 0, 0, &visit(5, 1, 2));
        p.started(1, at(8), None, true);
        p.left(1, at(9), 1, 0, &visit(7, 1, 1));
        p.boundary(at(9), border(false, false));
        p.stored(0, at(10), false);
        p.boundary(at(10), border(false, true));
    }

    #[test]
    fn what_waits_at_a_broker_counts_for_its_service_but_not_for_littles_law() {
        let mut p = Probes::<Digest>::new(&two_ways());
        play(&mut p);
        let ns = 10e6;
        // Waits at the broker: 1 to 4, 2 to 6 and 5 to 10; at the service: 5 to 6 and 7 to 8.
        let email = &p.stations[1];
        assert_eq!((email.to.backlog - email.from.backlog) as f64 / ns, 1.2 + 0.2);
        // At 5 two waited at the broker and one at the service.
        assert_eq!(email.measured_max, (3, 3));
        let jobs = &p.waiting.brokers[1];
        assert_eq!((jobs.ready.mean(ns), jobs.ready.max), (1.2, 2));
        assert_eq!(jobs.series, [11.0 / 9.0, 1.0]);
        let lane = &p.waiting.lanes[0];
        assert_eq!((lane.ready.mean(ns), lane.ready.max), (1.2, 2));
        // Here for 3 ms and 2 ms: exactly what was waiting here or with the worker.
        p.check(true);
    }

    #[test]
    fn only_what_may_hold_messages_has_a_backlog_and_incidents() {
        let p = Probes::<Digest>::new(&two_ways());
        let stores: Vec<bool> = p.waiting.brokers.iter().map(|b| b.stores).collect();
        assert_eq!(stores, [false, true]);
        let incidents: Vec<bool> = p.stations.iter().map(|s| s.incidents.is_some()).collect();
        assert_eq!(incidents, [false, true, false]);
    }
}
