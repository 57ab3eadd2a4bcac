//! Brokers, their groups and lanes, and what the world knows of event types.

use super::Builder;
use crate::model::World;
use crate::model::batch::{BatchTable, Gathering};
use crate::model::blueprint::{
    AckMode, Backlog, Blueprint, Consume, Dedup, EngineSpec, Exhausted, Failure, FanOutSpec,
    Filter, OrderGuard, PublishMode, PullSpec, RetryIn, Service, ServiceId, Target,
};
use crate::model::broker::fan_out::{FanOut, FanOutParts};
use crate::model::broker::log::LogEngine;
use crate::model::broker::pull::{GroupParts, Pull, PullParts};
use crate::model::broker::push::Push;
use crate::model::broker::{BrokerTable, Engine, GroupTable, NoEngine};
use crate::model::capacity::Capacities;
use crate::model::failure::concerns;
use crate::model::filter::AttributeTable;
use crate::model::identity::ungated;
use crate::model::observation::Observer;
use crate::model::publish::{Deadlines, PublishKeys, Publisher, Relay, RelayKind, is_outbox};
use crate::model::tables::{EventTable, NONE, Range};
use crate::model::{EventTypeId, Sched};
use crate::random::{StreamKey, Variate, derive_id, hash_name};
use crate::units::{Probability, SimDuration};

/// Something that waits at a broker for one group: a queue, or a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneInfo {
    /// Index of the broker.
    pub broker: u32,
    /// Index of the service that consumes.
    pub service: u32,
    /// Index of the event type, if it is a partition.
    pub event: Option<u32>,
    /// Number of the partition, if it is one.
    pub partition: Option<u32>,
}

/// Every lane of every group, in the order of services and their handlers; of a log one for each
/// partition of each event type that the group hears.
pub fn lanes(blueprint: &Blueprint) -> Vec<LaneInfo> {
    let mut lanes = Vec::new();
    for (service, heard, consume) in consumers(blueprint) {
        let broker = consume.via.0;
        match &blueprint.brokers[broker as usize].engine {
            EngineSpec::Ideal => {}
            EngineSpec::Log(_) => {
                let partitions = blueprint.partitions(consume.via);
                for event in heard {
                    lanes.extend((0..partitions).map(|p| LaneInfo {
                        broker,
                        service,
                        event: Some(event.0),
                        partition: Some(p),
                    }));
                }
            }
            _ => lanes.push(LaneInfo { broker, service, event: None, partition: None }),
        }
    }
    lanes
}

/// Handlers of events: index of the service, what they hear, and how they consume.
fn consumers(blueprint: &Blueprint) -> impl Iterator<Item = (u32, &[EventTypeId], &Consume)> {
    let services = blueprint.services.iter().enumerate();
    services.flat_map(|(at, s)| {
        let heard = s.handlers.iter().filter(|h| !h.trigger.heard().is_empty());
        heard.map(move |h| (at as u32, h.trigger.heard(), &h.consume))
    })
}

fn is_ideal(blueprint: &Blueprint, broker: u32) -> bool {
    matches!(blueprint.brokers[broker as usize].engine, EngineSpec::Ideal)
}

/// Whether the work of a handler is replayed, which takes the number of each event.
fn replays(handler: &super::Handler) -> bool {
    handler.steps.iter().any(|s| matches!(s, super::Step::Work(w) if w.is_trace()))
}

/// Whether the ideal bus can carry events to this handler without the book.
fn is_plain(blueprint: &Blueprint, service: &Service, consume: &Consume) -> bool {
    is_ideal(blueprint, consume.via.0)
        && consume.filters.iter().all(|f| *f == Filter::All)
        && consume.retry_in == RetryIn::Inline
        && consume.batch.is_none()
        && matches!(consume.on_exhausted, None | Some(Exhausted::Drop))
        && consume.poison == Probability::ZERO
        && service.backlog == Backlog::default()
        && service.patience.is_none()
        && service.memory.dedup == Dedup::None
        && service.memory.order == OrderGuard::None
}

/// The ways in which a service publishes from an outbox, each once.
fn outboxes(service: &Service) -> Vec<PublishMode> {
    let sources = service.sources.iter().map(|s| s.publish.mode);
    let mut modes: Vec<PublishMode> = Vec::new();
    for mode in sources.chain(service.handlers.iter().map(|h| h.publish.mode)) {
        if is_outbox(mode) && !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    modes
}

impl<O: Observer> Builder<'_, O> {
    /// The groups of all services.
    pub(super) fn groups(&mut self) {
        let mut lane = 0;
        for (service, heard, consume) in consumers(self.blueprint) {
            let broker = &self.blueprint.brokers[consume.via.0 as usize];
            let lanes = match &broker.engine {
                EngineSpec::Ideal => continue,
                EngineSpec::Log(_) => self.blueprint.partitions(consume.via) * heard.len() as u32,
                _ => 1,
            };
            let subscribed = super::subscriptions(self.blueprint);
            let of = |event: &EventTypeId| {
                let at = subscribed.iter().position(|s| s.event == event.0 && s.service == service);
                at.map_or(NONE, |at| at as u32)
            };
            self.world.groups.push(GroupTable {
                broker: consume.via.0,
                service,
                subscriptions: heard.iter().map(of).collect(),
                ack: consume.ack.unwrap_or(broker.ack),
                consume: consume.clone(),
                lane,
                static_id: self.blueprint.services[service as usize].static_id,
            });
            lane += lanes;
        }
    }

    /// The batch table of a handler, or [`NONE`].
    pub(super) fn batch(&mut self, at: u32, handler: &super::Handler, path: &str) -> u32 {
        let Some(batch) = &handler.consume.batch else { return NONE };
        // Those of its own service come next.
        let instances = self.world.instances.len() as u32;
        let first = self.world.gatherings.len() as u32;
        let places = self.blueprint.room(ServiceId(at)) as usize + 1;
        self.world.gatherings.extend(std::iter::repeat_n(Gathering::NONE, places));
        self.world.batches.push(BatchTable {
            max: batch.max,
            wait: batch.wait,
            each: batch.each.clone(),
            each_key: self.streams.key(&format!("{path}/each")),
            bisect: batch.bisect,
            first,
            instances,
        });
        self.world.batches.len() as u32 - 1
    }

    /// The groups of a service.
    pub(super) fn groups_of(&self, service: u32) -> Range {
        let groups = &self.world.groups;
        let start = groups.partition_point(|g| g.service < service);
        let end = groups.partition_point(|g| g.service <= service);
        start as u32..end as u32
    }

    /// Whether a group of a service asks for work when a worker is idle.
    pub(super) fn asks(&self, service: u32) -> bool {
        let broker = |g: u32| self.world.groups[g as usize].broker as usize;
        let engine = |g: u32| &self.blueprint.brokers[broker(g)].engine;
        self.groups_of(service).any(|g| matches!(engine(g), EngineSpec::Pull(_)))
    }

    /// The group of a handler, or [`NONE`].
    pub(super) fn group_at(&self, service: u32, handler: u32) -> u32 {
        let handlers = &self.blueprint.services[service as usize].handlers;
        let grouped = |at: usize| {
            let h = &handlers[at];
            !h.trigger.heard().is_empty() && !is_ideal(self.blueprint, h.consume.via.0)
        };
        if !grouped(handler as usize) {
            return NONE;
        }
        let before = (0..handler as usize).filter(|&at| grouped(at)).count();
        self.groups_of(service).start + before as u32
    }

    /// What the world knows of event types. Subscriptions come first.
    pub(super) fn events(&mut self) {
        let mut could = Vec::new();
        for (at, event) in self.blueprint.events.iter().enumerate() {
            let heard = self.world.book.heard[at].clone();
            let table = |s: u32| &self.world.subscriptions[s as usize];
            let mut via: Vec<u32> = heard.clone().map(|s| table(s).broker).collect();
            via.sort_unstable();
            via.dedup();
            let plain = heard.clone().all(|s| {
                let service = &self.blueprint.services[table(s).service as usize];
                let hears =
                    |h: &&super::Handler| h.trigger.heard().iter().any(|e| e.0 == at as u32);
                let handler = service.handlers.iter().find(hears);
                handler.is_none_or(|h| !replays(h))
                    && self.plain(table(s).service, service.handlers.iter().position(|h| hears(&h)))
            });
            let given = heard.clone().any(|s| table(s).backfill);
            let history = if given { event.history } else { 0 };
            could.push(plain && history == 0 && self.only_ideal(at as u32, &via));
            let attributes = event.attributes.iter().map(|a| {
                let key = self.streams.key(&format!("{}/attr:{}", event.name, a.name));
                AttributeTable::new(key, a)
            });
            let attributes = attributes.collect();
            self.world.events.push(EventTable {
                plain: false,
                size: event.size,
                count: 0,
                priority: event.priority,
                via,
                attributes,
                history,
                history_id: hash_name(&format!("event.{}/history", event.name)),
            });
        }
        for (event, plain) in self.world.events.iter_mut().zip(ungated(self.blueprint, could)) {
            event.plain = plain;
        }
    }

    /// Whether the ideal bus can carry events to a handler without the book, whatever changes.
    fn plain(&self, service: u32, handler: Option<usize>) -> bool {
        let Some(handler) = handler else { return true };
        if concerns(self.blueprint, service, handler as u32) {
            return false;
        }
        let is = |b: &Blueprint| {
            let service = &b.services[service as usize];
            is_plain(b, service, &service.handlers[handler].consume)
        };
        is(self.blueprint) && self.blueprint.sets.iter().all(is)
    }

    /// Whether an event is heard through no broker but the first, which is ideal, and whoever emits
    /// it publishes it there.
    fn only_ideal(&self, event: u32, via: &[u32]) -> bool {
        if !is_ideal(self.blueprint, 0) || via.iter().any(|&b| b != 0) {
            return false;
        }
        let first = &self.blueprint.brokers[0];
        if via.is_empty() && (first.mandatory || first.alternate.is_some()) {
            return false;
        }
        if self.blueprint.brokers.iter().any(|b| b.alternate.is_some_and(|e| e.0 == event)) {
            return false;
        }
        self.blueprint.services.iter().all(|service| {
            let sources = service.sources.iter().filter(|s| s.event.0 == event);
            let handlers = service.handlers.iter().filter(|h| super::emits(h, event));
            let mut handlers = handlers.peekable();
            if service.memory.fresh_ids && handlers.peek().is_some() {
                return false;
            }
            let mut all = sources.map(|s| s.publish).chain(handlers.map(|h| h.publish));
            all.all(|p| p == crate::model::Publish::plain(crate::model::BrokerId(0)))
        })
    }

    /// The brokers and their engines.
    pub(super) fn brokers(&mut self, zones: u32) {
        for (at, broker) in self.blueprint.brokers.iter().enumerate() {
            let key = |purpose: &str| self.streams.key(&format!("{}/{purpose}", broker.name));
            self.world.brokers.push(BrokerTable {
                publish: broker.publish.clone(),
                deliver: broker.deliver.clone(),
                ack_key: key("ack"),
                zones: (0..broker.nodes.max(1)).map(|n| n % zones).collect(),
                transacts: consumers(self.blueprint)
                    .any(|(.., c)| c.via.0 == at as u32 && c.ack == Some(AckMode::Transaction)),
                spec: broker.clone(),
            });
            self.world.publish_keys.push(PublishKeys {
                publish: key("publish"),
                confirm: key("confirm"),
                backoff: key("backoff"),
            });
            self.world.capacities.push(Capacities::new(broker.per_shard, broker.per_node));
            let engine: Box<dyn Engine<O>> = self.engine(at as u32);
            self.world.engines.push(engine);
        }
    }

    /// The relays of the outboxes, and who publishes to which broker.
    pub(super) fn publishers(&mut self) {
        for (at, service) in self.blueprint.services.iter().enumerate() {
            for mode in outboxes(service) {
                let kind = self.relay_kind(at as u32, service, mode);
                let producer = (self.world.instances.len() + self.world.relays.len()) as u32;
                self.world.relays.push(Relay::new(at as u32, kind, producer));
            }
        }
        let zone = |i: u32| self.world.instances[i as usize].zone;
        let first_of = |r: &Relay| self.world.services[r.service as usize].instances.start;
        let zones = self.world.instances.iter().map(|i| i.zone);
        self.world.producer_zones =
            zones.chain(self.world.relays.iter().map(|r| zone(first_of(r)))).collect();
        // One more for the bridges.
        let all = vec![Publisher::default(); self.world.producer_zones.len() + 1];
        self.world.publishers = vec![all; self.blueprint.brokers.len()];
        let deadlines = |b: &crate::model::Broker| {
            [b.producer.linger, b.producer.max_block, b.producer.request_timeout]
                .map(Deadlines::new)
        };
        self.world.deadlines = self.blueprint.brokers.iter().map(deadlines).collect();
    }

    fn relay_kind(&self, at: u32, service: &Service, mode: PublishMode) -> RelayKind {
        let key = |purpose: &str| self.streams.key(&format!("{}/relay/{purpose}", service.name));
        if let PublishMode::OutboxPoll(every) = mode {
            let (mark, mark_key) = (service.write.clone(), key("mark"));
            return RelayKind::Poll { every, mark, mark_key };
        }
        let struck = |f: &Failure| f.target == Target::Relay(ServiceId(at));
        let lag = Variate::log_normal(SimDuration::from_ms(60), SimDuration::from_ms(150));
        let crashes = self.blueprint.failures.iter().any(struck);
        RelayKind::Cdc { lag, lag_key: key("lag"), crashes }
    }

    fn engine(&self, broker: u32) -> Box<dyn Engine<O>> {
        match &self.blueprint.brokers[broker as usize].engine {
            EngineSpec::Ideal => Box::new(NoEngine),
            EngineSpec::Log(_) => {
                let name = &self.blueprint.brokers[broker as usize].name;
                let w = &self.world;
                let tables = (&w.groups[..], &w.subscriptions[..], &w.services[..]);
                let key = |purpose: &str| self.streams.key(&format!("{name}/{purpose}"));
                let keys = (key("replication"), key("transaction"));
                Box::new(LogEngine::new(broker, self.blueprint, keys, tables))
            }
            EngineSpec::Pull(spec) => Box::new(Pull::new(self.pull(broker, spec))),
            EngineSpec::FanOut(spec) => Box::new(FanOut::new(self.fan_out(broker, spec))),
            EngineSpec::Push(spec) => {
                Box::new(Push::new(self.world, self.blueprint, self.streams, broker, spec))
            }
        }
    }

    fn pull(&self, broker: u32, spec: &PullSpec) -> PullParts {
        let table = &self.blueprint.brokers[broker as usize];
        let ids = self.instance_ids();
        let duplicates = self.group_keys(broker, "duplicate");
        let polls = self.group_keys(broker, "poll");
        let group = |(at, g): (usize, &GroupTable)| {
            let instances = self.world.services[g.service as usize].instances.clone();
            GroupParts {
                group: at as u32,
                lane: g.lane,
                members: ids[instances.start as usize..instances.end as usize].to_vec(),
                first_instance: instances.start,
                each: g.consume.batch.as_ref().map_or(1, |b| b.max.max(1)),
                prefetch: g.consume.prefetch.unwrap_or(spec.prefetch),
                duplicates_key: duplicates[at],
                polls_key: polls[at],
            }
        };
        let all = self.world.groups.iter().enumerate();
        PullParts {
            spec: spec.clone(),
            groups: all.filter(|(_, g)| g.broker == broker).map(group).collect(),
            all_groups: self.world.groups.len(),
            nodes: table.nodes,
            replication_key: self.streams.key(&format!("{}/replication", table.name)),
        }
    }

    fn fan_out(&self, broker: u32, spec: &FanOutSpec) -> FanOutParts {
        let table = &self.blueprint.brokers[broker as usize];
        FanOutParts {
            spec: spec.clone(),
            reconnect: table.reconnect.clone(),
            reconnect_key: self.streams.key(&format!("{}/reconnect", table.name)),
            members: self.group_keys(broker, "member"),
            ids: self.instance_ids(),
            services: self.blueprint.services.len(),
            nodes: table.nodes,
        }
    }

    /// A stream of a broker for each group.
    fn group_keys(&self, broker: u32, purpose: &str) -> Vec<StreamKey> {
        let broker = &self.blueprint.brokers[broker as usize].name;
        let key = |g: &GroupTable| {
            let service = &self.blueprint.services[g.service as usize].name;
            let heard = g.subscriptions.first().map(|s| {
                let event = self.world.book.heard.iter().position(|range| range.contains(s));
                event.map_or("", |e| self.blueprint.events[e].name.as_str())
            });
            let event = heard.unwrap_or_default();
            self.streams.key(&format!("{broker}/{purpose}:{event}@{service}"))
        };
        self.world.groups.iter().map(key).collect()
    }

    /// Identity of each instance, for draws.
    fn instance_ids(&self) -> Vec<u64> {
        let services = self.blueprint.services.iter().enumerate();
        let ids = services.flat_map(|(at, s)| {
            let name = hash_name(&s.name);
            let room = self.blueprint.room(ServiceId(at as u32));
            (0..room).map(move |i| derive_id(name, u64::from(i)))
        });
        ids.collect()
    }
}

impl<O: Observer> World<O> {
    /// Whether a broker is an ideal bus.
    pub(crate) fn engine_is_ideal(&self, broker: u32) -> bool {
        matches!(self.brokers[broker as usize].spec.engine, EngineSpec::Ideal)
    }

    /// All instances consume from the start.
    pub(crate) fn start_brokers(&mut self, s: &mut Sched) {
        for instance in 0..self.instances.len() as u32 {
            if !self.instances[instance as usize].absent {
                self.joins(s, instance);
            }
        }
        for broker in 0..self.engines.len() as u32 {
            let (engine, mut ctx) = self.at_broker(s, broker);
            engine.start(&mut ctx);
            self.replies(s);
        }
        for instance in 0..self.instances.len() as u32 {
            if self.services[self.instances[instance as usize].service as usize].asks {
                self.asks(s, instance);
            }
        }
    }
}
