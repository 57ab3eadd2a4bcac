//! Brokers, their groups and lanes, and what the world knows of event types.

use super::Builder;
use crate::model::World;
use crate::model::blueprint::{
    Blueprint, Consume, Dedup, EngineSpec, Exhausted, Filter, OrderGuard, RetryIn, Service,
};
use crate::model::broker::{BrokerTable, Engine, GroupTable, NoEngine};
use crate::model::capacity::Capacities;
use crate::model::identity::ungated;
use crate::model::observation::Observer;
use crate::model::publish::PublishKeys;
use crate::model::tables::{EventTable, NONE, Range};
use crate::model::{EventTypeId, Sched};

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
            EngineSpec::Log(log) => {
                for event in heard {
                    lanes.extend((0..log.partitions).map(|p| LaneInfo {
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

/// Whether the ideal bus can carry events to this handler without the book.
fn is_plain(blueprint: &Blueprint, service: &Service, consume: &Consume) -> bool {
    is_ideal(blueprint, consume.via.0)
        && consume.filters.iter().all(|f| *f == Filter::All)
        && consume.retry_in == RetryIn::Inline
        && matches!(consume.on_exhausted, None | Some(Exhausted::Drop))
        && service.memory.dedup == Dedup::None
        && service.memory.order == OrderGuard::None
}

impl<O: Observer> Builder<'_, O> {
    /// The groups of all services.
    pub(super) fn groups(&mut self) {
        let mut lane = 0;
        for (service, heard, consume) in consumers(self.blueprint) {
            let broker = &self.blueprint.brokers[consume.via.0 as usize];
            let lanes = match &broker.engine {
                EngineSpec::Ideal => continue,
                EngineSpec::Log(log) => log.partitions * heard.len() as u32,
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
            });
            lane += lanes;
        }
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
                handler.is_none_or(|h| is_plain(self.blueprint, service, &h.consume))
            });
            could.push(plain && self.only_ideal(at as u32, &via));
            self.world.events.push(EventTable {
                plain: false,
                size: event.size,
                priority: event.priority,
                via,
            });
        }
        for (event, plain) in self.world.events.iter_mut().zip(ungated(self.blueprint, could)) {
            event.plain = plain;
        }
    }

    /// Whether an event is heard through no broker but the first, which is ideal, and whoever emits
    /// it publishes it there.
    fn only_ideal(&self, event: u32, via: &[u32]) -> bool {
        if !is_ideal(self.blueprint, 0) || via.iter().any(|&b| b != 0) {
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

    fn engine(&self, broker: u32) -> Box<dyn Engine<O>> {
        match &self.blueprint.brokers[broker as usize].engine {
            EngineSpec::Ideal => Box::new(NoEngine),
            _ => Box::new(NoEngine),
        }
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
            self.joins(s, instance);
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
