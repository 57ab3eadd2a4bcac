//! Values that change while the world runs: from the difference of two blueprints to its tables.
//!
//! What has begun goes on as it began; what begins later is done with the new values.

use super::backlog::Order;
use super::blueprint::{Blueprint, Broker, Client, Dedup, Emit, Handler, Load, Service, Step};
use super::event::{Event, Kind, MAX_COMPONENTS};
use super::observation::Observer;
use super::publish::RelayKind;
use super::store::Store;
use super::tables::{Lane, LoadTable, Op, Takes};
use super::{Sched, World};
use crate::random::{Arrivals, Chance, Rate};
use crate::units::SimDuration;
use std::collections::VecDeque;

impl<O: Observer> World<O> {
    /// Goes over from the values of one blueprint to those of another.
    pub(crate) fn retune(&mut self, s: &mut Sched, old: &Blueprint, new: &Blueprint) {
        let delays = &new.network;
        self.network.delays =
            [&delays.same_zone, &delays.other_zone, &delays.other_region].map(Clone::clone);
        for (table, event) in self.events.iter_mut().zip(&new.events) {
            table.size = event.size;
        }
        for (at, (old, new)) in old.brokers.iter().zip(&new.brokers).enumerate() {
            if old != new {
                self.retune_broker(s, at as u32, old, new);
            }
        }
        let (mut handler, mut source) = (0, 0);
        for (at, (old, new)) in old.services.iter().zip(&new.services).enumerate() {
            if old != new {
                self.retune_handlers(at as u32, handler, new);
                self.retune_sources(s, source, old, new);
            }
            handler += new.handlers.len();
            source += new.sources.len();
        }
        for (at, (old, new)) in old.clients.iter().zip(&new.clients).enumerate() {
            if old != new {
                self.retune_client(s, at as u32, old, new);
            }
        }
        for (at, (old, new)) in old.services.iter().zip(&new.services).enumerate() {
            if old != new {
                self.retune_service(s, at as u32, old, new);
            }
        }
        for (at, (before, broker)) in old.brokers.iter().zip(&new.brokers).enumerate() {
            if before != broker || consumes_otherwise(at as u32, old, new) {
                let (engine, mut ctx) = self.at_broker(s, at as u32);
                engine.reconfigure(&mut ctx, broker);
                self.replies(s);
            }
        }
    }

    fn retune_broker(&mut self, s: &mut Sched, at: u32, old: &Broker, new: &Broker) {
        let table = &mut self.brokers[at as usize];
        table.publish.clone_from(&new.publish);
        table.deliver.clone_from(&new.deliver);
        table.spec.clone_from(new);
        if at == 0 {
            self.deliver.clone_from(&new.deliver);
            self.deliver_constant = new.deliver.as_constant();
        }
        self.capacities[at as usize].set(new.per_shard, new.per_node);
        self.retune_publishers(s, at, &old.producer, &new.producer);
    }

    /// `first`: of the handlers of the service in the world's table.
    fn retune_handlers(&mut self, at: u32, first: usize, new: &Service) {
        let mut groups = self.services[at as usize].groups.clone();
        for (nth, handler) in new.handlers.iter().enumerate() {
            self.retune_handler(first + nth, handler);
            self.retune_steps(first + nth, handler, new);
            if !handler.trigger.heard().is_empty()
                && !self.engine_is_ideal(handler.consume.via.0)
                && let Some(group) = groups.next()
            {
                self.groups[group as usize].consume.clone_from(&handler.consume);
            }
        }
        for relay in self.relays.iter_mut().filter(|r| r.service == at) {
            if let RelayKind::Poll { mark, .. } = &mut relay.kind {
                mark.clone_from(&new.write);
            }
        }
    }

    fn retune_handler(&mut self, at: usize, new: &Handler) {
        let table = &mut self.handlers[at];
        table.fails = Chance::new(new.fails);
        table.attempts = new.attempts;
        table.backoff.clone_from(&new.backoff);
        table.publish = new.publish;
        table.retry_in = new.consume.retry_in;
        table.on_exhausted = new.consume.on_exhausted;
        table.poison = Chance::new(new.consume.poison);
        if let (Some(batch), Some(spec)) =
            (self.batches.get_mut(table.batch as usize), &new.consume.batch)
        {
            batch.wait = spec.wait;
            batch.each.clone_from(&spec.each);
            batch.bisect = spec.bisect;
        }
        for (nth, event) in new.trigger.heard().iter().enumerate() {
            let heard = self.book.heard[event.0 as usize].clone();
            for table in &mut self.subscriptions[heard.start as usize..heard.end as usize] {
                if table.handler as usize == at {
                    table.filter = new.consume.filters.get(nth).cloned().unwrap_or_default();
                }
            }
        }
    }

    fn retune_steps(&mut self, at: usize, new: &Handler, service: &Service) {
        let steps = self.handlers[at].steps.clone();
        let lane = self.lane_of(new.timeout);
        // A look into the memory comes before the steps of the blueprint.
        if let Op::Recall(duration, _) = &mut self.ops[steps.start as usize] {
            let inbox = service.memory.dedup == Dedup::Inbox;
            duration.clone_from(if inbox { &service.read } else { &service.write });
        }
        let first = steps.end as usize - new.steps.len();
        for (op, step) in self.ops[first..steps.end as usize].iter_mut().zip(&new.steps) {
            match (op, step) {
                (Op::Work(duration, _), Step::Work(takes)) => duration.clone_from(takes),
                (Op::Write { duration, .. }, Step::Write(_)) => {
                    duration.clone_from(&service.write);
                }
                (Op::Call(sites), Step::Call(_)) => {
                    for site in &mut self.sites[sites.start as usize..sites.end as usize] {
                        site.attempts = new.retry.attempts;
                        site.backoff.clone_from(&new.retry.backoff);
                        site.lane = lane;
                    }
                }
                (Op::EmitAll(range) | Op::EmitOne(range, _), Step::Emit(emit)) => {
                    let tables = &mut self.emissions[range.start as usize..range.end as usize];
                    match emit {
                        Emit::All(all) => {
                            let pairs = tables.iter_mut().zip(all);
                            pairs.for_each(|(table, emission)| table.count = emission.count);
                        }
                        Emit::OneOf(some) => {
                            let shares = super::build::cumulated(some);
                            for ((table, (_, emission)), below) in
                                tables.iter_mut().zip(some).zip(shares)
                            {
                                (table.count, table.below) = (emission.count, below);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A lane whose deadlines are so far away. What waits for one of another lane goes on waiting.
    fn lane_of(&mut self, timeout: SimDuration) -> u32 {
        if let Some(at) = self.lanes.iter().position(|lane| lane.timeout == timeout) {
            return at as u32;
        }
        self.lanes.push(Lane { timeout, deadlines: VecDeque::new(), armed: false });
        self.lanes.len() as u32 - 1
    }

    /// `first`: of the sources of the service in the world's table.
    fn retune_sources(&mut self, s: &mut Sched, first: usize, old: &Service, new: &Service) {
        for (nth, (old, new)) in old.sources.iter().zip(&new.sources).enumerate() {
            let source = (first + nth) as u32;
            let table = &mut self.sources[source as usize];
            table.burst.clone_from(&new.burst);
            table.late.clone_from(&new.late);
            table.publish = new.publish;
            if old.rate != new.rate {
                let kind = Kind::SourceArrival;
                self.change_rate(s, kind, source, &old.rate, &new.rate);
            }
        }
    }

    /// What is to arrive next arrives when the new rate lets it.
    fn change_rate(&mut self, s: &mut Sched, kind: Kind, of: u32, old: &Rate, new: &Rate) {
        let client = kind == Kind::ClientArrival;
        let [old, new] = self.trouble.with_pace(client, of, old, new);
        self.change_arrivals(s, kind, of, &old, &new);
    }

    /// Another rate holds from now on, spikes and all.
    pub(crate) fn change_arrivals(
        &mut self,
        s: &mut Sched,
        kind: Kind,
        of: u32,
        old: &Rate,
        new: &Rate,
    ) {
        let (arrivals, epoch): (&mut Arrivals, &mut u32) = if kind == Kind::SourceArrival {
            let table = &mut self.sources[of as usize];
            (&mut table.arrivals, &mut table.epoch)
        } else {
            let table = &mut self.clients[of as usize];
            let LoadTable::Open(arrivals) = &mut table.load else { return };
            (arrivals, &mut table.epoch)
        };
        // What has been scheduled is void.
        *epoch = (*epoch + 1) % MAX_COMPONENTS as u32;
        let epoch = *epoch;
        if let Some(at) = arrivals.change(s.now(), old, new) {
            s.at(at, Event::new(kind, epoch, of));
        }
    }

    fn retune_client(&mut self, s: &mut Sched, at: u32, old: &Client, new: &Client) {
        let lane = self.lane_of(new.timeout);
        let table = &mut self.clients[at as usize];
        let site = &mut self.sites[table.site as usize];
        site.attempts = new.retry.attempts;
        site.backoff.clone_from(&new.retry.backoff);
        site.lane = lane;
        match (&mut table.load, &old.load, &new.load) {
            (LoadTable::Open(_), Load::Open(old), Load::Open(new)) if old != new => {
                self.change_rate(s, Kind::ClientArrival, at, old, new);
            }
            (
                LoadTable::Closed { think, requests_of, users, resting, .. },
                Load::Closed { .. },
                Load::Closed { users: to, think: pause },
            ) => {
                think.clone_from(pause);
                let known = requests_of.len() as u32;
                *users = *to;
                requests_of.resize(known.max(*to) as usize, 0);
                let back = resting.partition_point(|user| user < to);
                let mut begin: Vec<u32> = resting.drain(..back).collect();
                begin.extend(known..*to);
                for user in begin {
                    self.user_thinks(s, at, user);
                }
            }
            _ => {}
        }
    }

    fn retune_service(&mut self, s: &mut Sched, at: u32, old: &Service, new: &Service) {
        let order = Order::of(new.backlog.policy);
        let table = &mut self.services[at as usize];
        table.workers = new.workers;
        table.start = new.start;
        table.balance = new.balance;
        table.cap = new.backlog.cap.map(|cap| usize::try_from(cap).unwrap_or(usize::MAX));
        table.evicts = new.backlog.policy.evicts();
        table.order = match &mut table.discipline {
            Some(discipline) => {
                discipline.order = order;
                discipline.takes()
            }
            None => order.takes(),
        };
        let all = table.instances.clone();
        table.store.iter_mut().for_each(|store: &mut Store| store.set_limit(new.connections));
        for instance in all.clone() {
            if let Some(cores) = new.cores {
                self.set_cores(s, instance, cores);
            }
            if self.instances[instance as usize].takes != Takes::Nothing {
                self.instances[instance as usize].takes = self.takes_again(instance);
            }
        }
        self.connect_next(s, at);
        if let Some(to) = &new.autoscale {
            self.retune_scaling(at, to);
        } else if old.instances != new.instances {
            self.resize(s, at, new.instances);
        }
        if old.workers != new.workers {
            self.tell_size(s, at);
        }
        for instance in all {
            self.feed(s, instance);
        }
    }
}

/// Whether somebody consumes from a broker in another way.
fn consumes_otherwise(broker: u32, old: &Blueprint, new: &Blueprint) -> bool {
    let old = old.services.iter().flat_map(|s| &s.handlers);
    let mut pairs = old.zip(new.services.iter().flat_map(|s| &s.handlers));
    pairs.any(|(old, new)| old.consume.via.0 == broker && old.consume != new.consume)
}
