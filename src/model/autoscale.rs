//! Autoscalers: how many instances a service is to have, by what waits for it or by how busy it is.
//!
//! The loop is that of Kubernetes' horizontal autoscaler; that a service may have no instance at
//! all, and that more than there are partitions are of no use, is KEDA's.

use super::blueprint::{Autoscale, Blueprint, EngineSpec, ScaleBy};
use super::event::{Event, Kind};
use super::observation::Observer;
use super::tables::NONE;
use super::{Sched, World};
use crate::units::{SimDuration, SimTime};
use std::collections::{BTreeSet, VecDeque};

/// How often the number of instances is decided on.
const SYNC: SimDuration = SimDuration::from_secs(15);
/// How often it is looked whether instances are busy.
const LOOK: SimDuration = SimDuration::from_secs(1);
/// How often it is looked whether a service without instances needs one, or one with does not.
const POLL: SimDuration = SimDuration::from_secs(30);
/// What this close to the target is left alone, as a share of it.
const TOLERANCE: f64 = 0.1;
/// Instances go when none of the decisions of this last stretch asks for them.
const STABLE: SimDuration = SimDuration::from_secs(300);
/// The last instance goes when nothing has waited for this long.
const COOL_DOWN: SimDuration = SimDuration::from_secs(300);

/// All autoscalers of a world.
#[derive(Debug)]
pub(crate) struct Scaling {
    scalers: Vec<Scaler>,
    /// Instances that start for the first time, or anew after they left.
    fresh: BTreeSet<u32>,
}

/// What decides on the instances of one service.
#[derive(Debug)]
struct Scaler {
    service: u32,
    spec: Autoscale,
    /// Instances of more use than which there are none: partitions, if all that it hears is logs.
    useful: u32,
    /// How many there are to be.
    target: u32,
    /// What was decided lately: when, ns, and how many.
    recommended: VecDeque<(u64, u32)>,
    /// Busy workers seen since the last decision, and how often they were looked at.
    busy: u64,
    looks: u64,
    /// When something last waited, ns.
    active: u64,
}

/// What a timer of an autoscaler is for.
mod due {
    pub(super) const LOOK: u32 = 0;
    pub(super) const POLL: u32 = 1;
    pub(super) const SYNC: u32 = 2;
}

impl Scaling {
    /// The autoscalers of a blueprint.
    pub(crate) fn of(blueprint: &Blueprint) -> Self {
        let services = blueprint.services.iter().enumerate();
        let scaler = |(at, service): (usize, &super::Service)| {
            let spec = service.autoscale.clone()?;
            Some(Scaler {
                service: at as u32,
                useful: useful(blueprint, service),
                target: service.instances,
                // It begins as if it had just decided on what there is.
                recommended: VecDeque::from([(0, service.instances)]),
                busy: 0,
                looks: 0,
                active: 0,
                spec,
            })
        };
        Self { scalers: services.filter_map(scaler).collect(), fresh: BTreeSet::new() }
    }
}

/// How many instances of a service can have something to do: as many as the largest of its groups
/// has partitions, if it has nothing else to do.
fn useful(blueprint: &Blueprint, service: &super::Service) -> u32 {
    let mut most = 0;
    for handler in &service.handlers {
        let broker = &blueprint.brokers[handler.consume.via.0 as usize];
        match &broker.engine {
            EngineSpec::Log(_) if !handler.trigger.heard().is_empty() => {
                let partitions = blueprint.partitions(handler.consume.via);
                most = most.max(partitions * handler.trigger.heard().len() as u32);
            }
            _ => return u32::MAX,
        }
    }
    if most == 0 { u32::MAX } else { most }
}

/// Whether what is there is close enough to the target, of which it is so many times as much.
fn is_close(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= TOLERANCE + 1e-9
}

/// How many instances are wanted if `waits` wait and there are `now`, bounds aside.
fn by_backlog(waits: u64, now: u32, each: u64) -> u32 {
    let ratio = waits as f64 / (each as f64 * f64::from(now));
    if is_close(ratio) {
        return now;
    }
    u32::try_from(waits.div_ceil(each)).unwrap_or(u32::MAX)
}

impl Scaler {
    /// How many are wanted if `ready` instances with `workers` each were as busy as has been seen,
    /// and there are `now`, those that start included.
    fn by_rho(&self, ready: u32, workers: u32, now: u32, target: f64) -> u32 {
        if self.looks == 0 || ready == 0 {
            return now;
        }
        let busy = self.busy as f64 / self.looks as f64 / f64::from(workers);
        let ratio = busy / f64::from(ready) / target;
        // Those that start are taken to be idle when more are wanted, and busy when fewer are.
        let starting = f64::from(now.saturating_sub(ready));
        let fair = if ratio > 1.0 { busy } else { busy + starting * target };
        let fair = fair / f64::from(now.max(ready)) / target;
        if is_close(ratio) || is_close(fair) || (fair > 1.0) != (ratio > 1.0) {
            return now;
        }
        (fair * f64::from(now.max(ready)) - 1e-9).ceil() as u32
    }

    /// Notes what is wanted, and says how many there are to be: the most that was wanted lately.
    fn decide(&mut self, at: SimTime, wanted: u32) -> u32 {
        let most = self.spec.max.min(self.useful).max(1);
        let least = self.spec.min.max(1).min(most);
        let wanted = wanted.clamp(least, most);
        let since = at.ns().saturating_sub(STABLE.ns());
        while self.recommended.front().is_some_and(|&(at, _)| at < since) {
            self.recommended.pop_front();
        }
        self.recommended.push_back((at.ns(), wanted));
        let lately = self.recommended.iter().map(|&(_, n)| n).max().unwrap_or(wanted);
        // What was wanted lately keeps what is there, and calls for no more.
        if wanted >= self.target { wanted } else { lately.min(self.target).min(most) }
    }
}

impl<O: Observer> World<O> {
    /// Sets the first timers of all autoscalers.
    pub(crate) fn start_scaling(&mut self, s: &mut Sched) {
        for at in 0..self.scaling.scalers.len() as u32 {
            let spec = &self.scaling.scalers[at as usize].spec;
            if matches!(spec.by, ScaleBy::Rho(_)) {
                s.after(LOOK, Event::new(Kind::ScaleDue, due::LOOK, at));
            }
            if spec.min == 0 {
                s.after(POLL, Event::new(Kind::ScaleDue, due::POLL, at));
            }
            s.after(SYNC, Event::new(Kind::ScaleDue, due::SYNC, at));
        }
    }

    /// A timer of an autoscaler is over.
    pub(crate) fn scale_due(&mut self, s: &mut Sched, what: u32, at: u32) {
        let every = match what {
            due::LOOK => {
                self.look(at);
                LOOK
            }
            due::POLL => {
                self.wakes_or_rests(s, at);
                POLL
            }
            _ => {
                self.decide(s, at);
                SYNC
            }
        };
        s.after(every, Event::new(Kind::ScaleDue, what, at));
    }

    /// Instances of a service that work, or take work up.
    fn ready(&self, service: u32) -> impl Iterator<Item = &super::tables::Instance> {
        let all = self.services[service as usize].instances.clone();
        let all = &self.instances[all.start as usize..all.end as usize];
        all.iter().filter(|i| i.up)
    }

    /// Notes how many workers are busy.
    fn look(&mut self, at: u32) {
        let service = self.scaling.scalers[at as usize].service;
        let busy: u64 = self.ready(service).map(|i| u64::from(i.busy)).sum();
        let scaler = &mut self.scaling.scalers[at as usize];
        scaler.busy += busy;
        scaler.looks += 1;
    }

    /// Decides on the number of instances of a service.
    fn decide(&mut self, s: &mut Sched, at: u32) {
        let scaler = &self.scaling.scalers[at as usize];
        let (service, now) = (scaler.service, scaler.target);
        if now == 0 {
            return;
        }
        let wanted = match scaler.spec.by {
            ScaleBy::Backlog(each) => by_backlog(self.waits_for(service), now, each),
            ScaleBy::Rho(target) => {
                let workers = self.services[service as usize].workers;
                let ready = self.ready(service).count() as u32;
                scaler.by_rho(ready, workers, now, target)
            }
        };
        let scaler = &mut self.scaling.scalers[at as usize];
        (scaler.busy, scaler.looks) = (0, 0);
        let to = scaler.decide(s.now(), wanted);
        self.scale(s, at, to);
    }

    /// A service without instances gets one if something waits for it, and loses its last ones if
    /// nothing has for long.
    fn wakes_or_rests(&mut self, s: &mut Sched, at: u32) {
        let now = s.now();
        let waits = self.waits_for(self.scaling.scalers[at as usize].service) > 0;
        let scaler = &mut self.scaling.scalers[at as usize];
        if waits {
            scaler.active = now.ns();
        }
        let idle = now.since(SimTime::from_ns(scaler.active)) >= COOL_DOWN;
        if waits && scaler.target == 0 {
            scaler.recommended.clear();
            self.scale(s, at, 1);
        } else if idle && scaler.spec.min == 0 && scaler.target > 0 {
            self.scale(s, at, 0);
        }
    }

    fn scale(&mut self, s: &mut Sched, at: u32, to: u32) {
        let scaler = &mut self.scaling.scalers[at as usize];
        let service = scaler.service;
        if std::mem::replace(&mut scaler.target, to) != to {
            self.resize(s, service, to);
        }
    }

    /// What an operator sees waiting for a service: messages of logs that its groups have not
    /// committed, of queues those that wait there or at an instance, and requests that wait.
    fn waits_for(&self, service: u32) -> u64 {
        let table = &self.services[service as usize];
        let is_log = |broker: u32| {
            broker != NONE
                && matches!(self.brokers[broker as usize].spec.engine, EngineSpec::Log(_))
        };
        let at_brokers: u64 = table
            .groups
            .clone()
            .map(|g| self.engines[self.groups[g as usize].broker as usize].backlog(g))
            .sum();
        // What a log gave is not committed, and has been counted.
        let counted = |job: u32| {
            let delivery = self.jobs.get(job).delivery;
            delivery != NONE && is_log(self.deliveries.get(delivery).broker)
        };
        let all = &self.instances[table.instances.start as usize..table.instances.end as usize];
        let here = all.iter().flat_map(|i| &i.inbox).filter(|&&job| !counted(job)).count();
        at_brokers + (table.backlog.len() + table.held + here) as u64
    }

    /// An autoscaler has other limits from now on.
    pub(crate) fn retune_scaling(&mut self, service: u32, to: &Autoscale) {
        for scaler in self.scaling.scalers.iter_mut().filter(|s| s.service == service) {
            scaler.spec.clone_from(to);
        }
    }

    /// Whether autoscalers decide on the instances of a service: its new instances take long to
    /// start.
    pub(crate) fn is_scaled(&self, service: u32) -> bool {
        self.scaling.scalers.iter().any(|scaler| scaler.service == service)
    }

    /// An instance has to start anew, and not after a crash.
    pub(crate) fn starts_afresh(&mut self, instance: u32) {
        let service = self.instances[instance as usize].service;
        if self.is_scaled(service) {
            self.scaling.fresh.insert(instance);
        }
    }

    /// How long an instance takes to start.
    pub(crate) fn start_of(&self, instance: u32) -> SimDuration {
        let service = self.instances[instance as usize].service;
        if self.scaling.fresh.contains(&instance) {
            let mut scalers = self.scaling.scalers.iter();
            if let Some(scaler) = scalers.find(|scaler| scaler.service == service) {
                return scaler.spec.start;
            }
        }
        self.services[service as usize].start
    }

    /// An instance has started.
    pub(crate) fn is_not_fresh(&mut self, instance: u32) {
        self.scaling.fresh.remove(&instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaler(by: ScaleBy, min: u32, max: u32, target: u32) -> Scaler {
        let spec = Autoscale { by, min, max, start: SimDuration::from_secs(30) };
        let recommended = VecDeque::from([(0, target)]);
        Scaler { service: 0, spec, useful: 24, target, recommended, busy: 0, looks: 0, active: 0 }
    }

    #[test]
    fn what_waits_is_shared_out_by_the_target() {
        let wanted = [0, 1, 1_799, 1_800, 2_200, 2_201, 36_000].map(|n| by_backlog(n, 4, 500));
        // Within a tenth of 4 x 500 nothing changes.
        assert_eq!(wanted, [0, 1, 4, 4, 4, 5, 72]);
    }

    #[test]
    fn utilisation_is_brought_to_the_target() {
        let by_rho = |busy: u64, ready: u32, now: u32| {
            let s = Scaler { busy, looks: 15, ..scaler(ScaleBy::Rho(0.5), 1, 40, now) };
            s.by_rho(ready, 2, now, 0.5)
        };
        // 4 instances of 2 workers: 15 looks at 8 busy ones are 120.
        assert_eq!([120, 66, 63, 54, 45, 0].map(|busy| by_rho(busy, 4, 4)), [8, 4, 4, 4, 3, 0]);
        // 4 more are on their way: they may be enough.
        assert_eq!([120, 100, 60].map(|busy| by_rho(busy, 4, 8)), [8, 8, 8]);
        assert_eq!(by_rho(120, 0, 3), 3);
    }

    #[test]
    fn more_come_at_once_and_fewer_after_five_minutes() {
        let mut s = scaler(ScaleBy::Backlog(500), 2, 30, 4);
        let mut at = |secs: u64, wanted: u32| {
            s.target = s.decide(SimTime::ZERO + SimDuration::from_secs(secs), wanted);
            s.target
        };
        assert_eq!(at(15, 72), 24, "no more than are of use");
        assert_eq!([30, 300, 315].map(|t| at(t, 0)), [24; 3]);
        assert_eq!(at(316, 9), 9, "what was wanted at 15 s is older than 300 s");
        assert_eq!([600, 616].map(|t| at(t, 0)), [9, 9]);
        assert_eq!(at(617, 0), 2, "no fewer than the least");
    }
}
