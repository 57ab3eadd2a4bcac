//! From the blueprint to the world's tables: the last place with names, which become stream keys
//! and identities.

mod brokers;
mod guards;
mod traffic;

pub use brokers::{LaneInfo, lanes};

use super::autoscale::Scaling;
use super::blueprint::{
    Blueprint, Dedup, Emission, Emit, EngineSpec, Handler, Operation, OrderGuard, Retry, Service,
    ServiceId, Step, Target, Trigger,
};
use super::book::Book;
use super::cores::Cores;
use super::failure::{Links, Settings, Trouble, clocks, faults};
use super::guard::Guarding;
use super::identity::Identity;
use super::observation::Observer;
use super::order::repeats_keys;
use super::publish::Halts;
use super::slab::Slab;
use super::store::Store;
use super::tables::{
    EmissionTable, HandlerTable, Instance, Lane, LoadTable, NONE, Op, Range, ServiceTable, Site,
    Subscription, SubscriptionTable, Takes,
};
use super::{NetworkTable, Sched, World};
use crate::random::{Chance, Streams, hash_name};
use crate::units::{Probability, SimDuration};
use std::collections::{BTreeMap, VecDeque};

/// Every subscription, by event type, then by service.
pub fn subscriptions(blueprint: &Blueprint) -> Vec<Subscription> {
    let mut all: Vec<Subscription> = handlers(blueprint)
        .flat_map(|(service, _, handler)| {
            let heard = handler.trigger.heard().iter();
            heard.map(move |event| Subscription { event: event.0, service })
        })
        .collect();
    all.sort_by_key(|s| (s.event, s.service));
    all
}

fn handlers(blueprint: &Blueprint) -> impl Iterator<Item = (u32, &Service, &Handler)> {
    let services = blueprint.services.iter().enumerate();
    services.flat_map(|(at, s)| s.handlers.iter().map(move |h| (at as u32, s, h)))
}

impl<O: Observer> World<O> {
    /// The world of a blueprint before its first event. All draws come from `streams`.
    pub fn new(blueprint: &Blueprint, streams: &Streams, observer: O) -> Self {
        let subscribed = subscriptions(blueprint);
        let mut regions: Vec<&str> = blueprint.zones.iter().map(|z| z.region.as_str()).collect();
        regions.sort_unstable();
        let region = |name: &str| regions.iter().position(|r| *r == name).unwrap_or(0) as u32;
        let delays = &blueprint.network;
        let room = |s: usize| blueprint.room(ServiceId(s as u32)) as usize;
        let instances = (0..blueprint.services.len()).map(room).sum();
        let brokers = blueprint.brokers.len();
        let mut world = Self {
            observer,
            traffic_end: blueprint.phases.traffic_end(),
            network: NetworkTable {
                delays: [&delays.same_zone, &delays.other_zone, &delays.other_region]
                    .map(Clone::clone),
                regions: blueprint.zones.iter().map(|z| region(&z.region)).collect(),
            },
            deliver: blueprint.brokers[0].deliver.clone(),
            deliver_constant: blueprint.brokers[0].deliver.as_constant(),
            events: Vec::new(),
            book: Book::new(ranges(&subscribed, blueprint.events.len())),
            brokers: Vec::new(),
            engines: Vec::new(),
            capacities: Vec::new(),
            publish_keys: Vec::new(),
            groups: Vec::new(),
            deliveries: Slab::new(),
            batches: Vec::new(),
            gatherings: Vec::new(),
            records: Slab::new(),
            sequence: 0,
            connections: vec![vec![0; instances]; brokers],
            publishers: Vec::new(),
            producer_zones: Vec::new(),
            deadlines: Vec::new(),
            halts: Halts::default(),
            relays: Vec::new(),
            replies: Vec::new(),
            subscriptions: Vec::new(),
            handlers: Vec::new(),
            ops: Vec::new(),
            emissions: Vec::new(),
            sites: Vec::new(),
            lanes: Vec::new(),
            services: Vec::new(),
            instances: Vec::new(),
            sources: Vec::new(),
            clients: Vec::new(),
            failures: blueprint.failures.clone(),
            failure_base: Vec::new(),
            strikes: vec![0; blueprint.failures.len()],
            settings: Settings::of(blueprint),
            scaling: Scaling::of(blueprint),
            trouble: Trouble::none(blueprint),
            jobs: Slab::new(),
            calls: Slab::new(),
            guarding: Guarding::default(),
            cores: Vec::new(),
            away: BTreeMap::new(),
            running: 0,
            stamps: 0,
            lines: BTreeMap::new(),
        };
        Builder { blueprint, streams, world: &mut world, handler_of: Vec::new() }
            .build(&subscribed);
        world
    }

    /// Schedules the first events.
    pub fn start(&mut self, s: &mut Sched) {
        self.backfill(s);
        self.start_brokers(s);
        self.start_scaling(s);
        self.start_cores();
        for failure in 0..self.failures.len() as u32 {
            self.arm_failure(s, failure);
        }
        for source in 0..self.sources.len() as u32 {
            self.next_source_arrival(s, source);
        }
        for client in 0..self.clients.len() as u32 {
            self.next_client_arrival(s, client);
            let users = match &self.clients[client as usize].load {
                LoadTable::Open(_) => 0,
                LoadTable::Closed { users, .. } => *users,
            };
            (0..users).for_each(|user| self.user_thinks(s, client, user));
        }
    }
}

/// The range of subscriptions of each event type.
fn ranges(subscribed: &[Subscription], events: usize) -> Vec<Range> {
    (0..events as u32)
        .map(|e| {
            let start = subscribed.partition_point(|s| s.event < e);
            let end = subscribed.partition_point(|s| s.event <= e);
            start as u32..end as u32
        })
        .collect()
}

/// Whether a handler may emit an event.
fn emits(handler: &Handler, event: u32) -> bool {
    handler.steps.iter().any(|step| match step {
        Step::Emit(Emit::All(all)) => all.iter().any(|e| e.event.0 == event),
        Step::Emit(Emit::OneOf(some)) => some.iter().any(|(_, e)| e.event.0 == event),
        _ => false,
    })
}

/// Upper ends of the shares of an exclusive choice, one after the other.
pub(crate) fn cumulated(some: &[(Probability, Emission)]) -> impl Iterator<Item = f64> {
    some.iter().scan(0.0, |below, (share, _)| {
        *below += share.get();
        // Shares that add up to 1 but for rounding leave no gap at the end.
        Some(if *below > 1.0 - 1e-9 { 1.0 } else { *below })
    })
}

struct Builder<'a, O> {
    blueprint: &'a Blueprint,
    streams: &'a Streams,
    world: &'a mut World<O>,
    /// First handler of each service in the world's table.
    handler_of: Vec<u32>,
}

/// Counts occurrences of a verb and target within one handler.
#[derive(Default)]
struct Occurrences(BTreeMap<String, u32>);

impl Occurrences {
    /// `verb#k` for the k-th occurrence of `verb`.
    fn name(&mut self, verb: &str) -> String {
        let k = self.0.entry(verb.to_owned()).or_insert(0);
        let name = format!("{verb}#{k}");
        *k += 1;
        name
    }
}

impl<O: Observer> Builder<'_, O> {
    fn build(&mut self, subscribed: &[Subscription]) {
        let mut next = 0;
        for service in &self.blueprint.services {
            self.handler_of.push(next);
            next += service.handlers.len() as u32;
        }
        let zones = self.blueprint.zones.len().max(1) as u32;
        self.groups();
        for (at, service) in self.blueprint.services.iter().enumerate() {
            self.service(at as u32, service, zones);
        }
        let repeats = repeats_keys(self.blueprint);
        for s in subscribed {
            self.subscription(*s, repeats[s.event as usize]);
        }
        self.events();
        let booked = self.world.events.iter().any(|e| !e.plain);
        self.world.book.identity =
            Identity::new(self.blueprint, self.streams, subscribed.len(), booked);
        self.brokers(zones);
        self.publishers();
        self.world.trouble.clocks = clocks(&self.blueprint.failures, self.streams);
        self.world.trouble.watch_traffic(self.blueprint);
        for (at, client) in self.blueprint.clients.iter().enumerate() {
            self.client(at as u32, client);
        }
        for failure in &self.blueprint.failures {
            let base = match &failure.target {
                Target::Instances { service, .. } => {
                    self.world.services[service.0 as usize].instances.start
                }
                _ => 0,
            };
            self.world.failure_base.push(base);
        }
        self.world.trouble.links = Links::new(self.world, self.blueprint, self.streams);
    }

    fn service(&mut self, at: u32, service: &Service, zones: u32) {
        let mut callees: Vec<u32> = service
            .handlers
            .iter()
            .flat_map(|h| &h.steps)
            .filter_map(|s| if let Step::Call(all) = s { Some(all) } else { None })
            .flatten()
            .map(|o| o.service.0)
            .collect();
        callees.sort_unstable();
        callees.dedup();
        for handler in &service.handlers {
            self.lets_in(handler);
            self.handler(at, service, handler, &callees);
        }
        self.sources(at, service);
        let first = self.world.instances.len() as u32;
        let (discipline, order) = self.discipline(at, service);
        let room = self.blueprint.room(ServiceId(at));
        for i in 0..room {
            let absent = i >= service.instances;
            self.world.instances.push(Instance {
                service: at,
                zone: service.zone.map_or(i % zones, |z| z.0),
                incarnation: 0,
                crashes: 0,
                stops: u32::from(absent),
                pauses: 0,
                up: !absent,
                draining: false,
                absent,
                takes: if absent { Takes::Nothing } else { order },
                starts_at: 0,
                stops_at: 0,
                paused_at: 0,
                slow: 1.0,
                busy: 0,
                inbox: VecDeque::new(),
                coming: 0,
                pointers: vec![i; callees.len()],
            });
        }
        if let Some(processors) = service.cores {
            let cores = &mut self.world.cores;
            cores.resize_with(first as usize, || None);
            cores.extend((0..room).map(|_| Some(Box::new(Cores::new(processors)))));
        }
        self.world.services.push(ServiceTable {
            workers: service.workers,
            start: service.start,
            balance: service.balance,
            instances: first..first + room,
            size: service.instances,
            backlog: VecDeque::new(),
            place: 0,
            up: service.instances,
            groups: self.groups_of(at),
            asks: self.asks(at),
            order,
            cap: service.backlog.cap.map(|cap| usize::try_from(cap).unwrap_or(usize::MAX)),
            evicts: service.backlog.policy.evicts(),
            gated: self.is_gated(at, service),
            discipline,
            held: 0,
            store: self.limits_store(at).then(|| Store::new(service.connections)),
            deaf: 0,
        });
    }

    fn handler(&mut self, at: u32, service: &Service, handler: &Handler, callees: &[u32]) {
        let path = self.path_of(service, handler);
        let lane = self.lane(handler.timeout);
        let mut seen = Occurrences::default();
        let start = self.world.ops.len() as u32;
        self.recall(&path, service, handler);
        if handler.consume.batch.is_some() {
            self.world.ops.push(Op::Each);
        }
        for step in &handler.steps {
            let op = match step {
                Step::Work(duration) => {
                    let name = seen.name("takes");
                    let key = self.streams.key(&format!("{path}/{name}"));
                    if duration.is_trace() {
                        Op::Replay(duration.clone(), key)
                    } else {
                        Op::Work(duration.clone(), key)
                    }
                }
                Step::Write(at) => {
                    let entity = &self.blueprint.entities[at.0 as usize].name;
                    let name = seen.name(&format!("write:{entity}"));
                    Op::Write {
                        duration: service.write.clone(),
                        key: self.streams.key(&format!("{path}/{name}")),
                        name: hash_name(entity),
                        entity: at.0,
                    }
                }
                Step::Call(operations) => {
                    let first = self.world.sites.len() as u32;
                    for o in operations {
                        let pointer = callees.partition_point(|c| *c < o.service.0) as u32;
                        let name = seen.name(&format!("call:{}", self.operation(*o)));
                        self.site(&format!("{path}/{name}"), *o, &handler.retry, lane, pointer);
                        let guards = (&handler.guards, &handler.retry);
                        self.guard(&path, self.asking(at), guards, *o);
                    }
                    Op::Call(first..self.world.sites.len() as u32)
                }
                Step::Emit(emit) => self.emit(&path, &mut seen, emit),
            };
            self.world.ops.push(op);
        }
        let batch = self.batch(at, handler, &path);
        let nth = self.world.handlers.len() as u32 - self.handler_of[at as usize];
        let key = |purpose: &str| self.streams.key(&format!("{path}/{purpose}"));
        self.world.handlers.push(HandlerTable {
            service: at,
            steps: start..self.world.ops.len() as u32,
            fails: Chance::new(handler.fails),
            fails_key: key("fails"),
            attempts: handler.attempts,
            backoff: handler.backoff.clone(),
            backoff_key: key("backoff"),
            blocking: handler.blocking,
            writes: handler.steps.iter().any(|s| matches!(s, Step::Write(_))),
            publish: handler.publish,
            retry_in: handler.consume.retry_in,
            on_exhausted: handler.consume.on_exhausted,
            batch,
            replayed: 0,
            poison: Chance::new(handler.consume.poison),
            poison_key: key("poison"),
            faults: faults(self.blueprint, at, nth),
        });
    }

    /// Whether the operations of a service on its store are ever limited.
    fn limits_store(&self, at: u32) -> bool {
        let of = |b: &Blueprint| b.services[at as usize].connections.is_some();
        let store = Target::Store(ServiceId(at));
        of(self.blueprint)
            || self.blueprint.sets.iter().any(of)
            || self.blueprint.failures.iter().any(|f| f.target == store)
    }

    /// What the streams of a handler begin with.
    fn path_of(&self, service: &Service, handler: &Handler) -> String {
        match &handler.trigger {
            Trigger::On(heard) => {
                let first = heard.first().map_or(0, |e| e.0);
                format!("{}/on.{}", service.name, self.blueprint.events[first as usize].name)
            }
            Trigger::Api(operation) => format!("{}/api.{operation}", service.name),
        }
    }

    /// The look into its memory with which a handler begins, if its service has one. An operation
    /// has something to remember only if it writes.
    fn recall(&mut self, path: &str, service: &Service, handler: &Handler) {
        let hears = matches!(handler.trigger, Trigger::On(_));
        let writes = handler.steps.iter().any(|s| matches!(s, Step::Write(_)));
        let key = self.streams.key(&format!("{path}/recall"));
        let op = match (service.memory.dedup, service.memory.order) {
            _ if !hears && !writes => return,
            (Dedup::Inbox, _) => Op::Recall(service.read.clone(), key),
            // The mark is a transaction of its own, which fails if there is one.
            (Dedup::Separate, _) => Op::Recall(service.write.clone(), key),
            (Dedup::None, OrderGuard::None) => return,
            (Dedup::None, _) if !hears => return,
            // Versions are compared in the transaction of the effect.
            (Dedup::None, _) => Op::Guard,
        };
        self.world.ops.push(op);
    }

    fn emit(&mut self, path: &str, seen: &mut Occurrences, emit: &Emit) -> Op {
        let first = self.world.emissions.len() as u32;
        match emit {
            Emit::All(all) => all.iter().for_each(|e| self.emission(path, seen, *e, 1.0)),
            Emit::OneOf(some) => {
                let pairs = some.iter().zip(cumulated(some));
                pairs.for_each(|((_, e), end)| self.emission(path, seen, *e, end));
            }
        }
        let all = first..self.world.emissions.len() as u32;
        match emit {
            Emit::All(_) => Op::EmitAll(all),
            Emit::OneOf(_) => {
                let name = seen.name("choice");
                Op::EmitOne(all, self.streams.key(&format!("{path}/{name}")))
            }
        }
    }

    fn emission(&mut self, path: &str, seen: &mut Occurrences, e: Emission, below: f64) {
        let name = seen.name(&format!("emit:{}", self.blueprint.events[e.event.0 as usize].name));
        self.world.emissions.push(EmissionTable {
            event: e.event.0,
            count: e.count,
            salt: hash_name(&format!("{path}/{name}")),
            below,
        });
    }

    fn operation(&self, o: Operation) -> String {
        let service = &self.blueprint.services[o.service.0 as usize];
        match &service.handlers[o.handler as usize].trigger {
            Trigger::Api(name) => format!("{}.{name}", service.name),
            Trigger::On(_) => service.name.clone(),
        }
    }

    fn site(&mut self, path: &str, o: Operation, retry: &Retry, lane: u32, pointer: u32) {
        let key = |purpose: &str| self.streams.key(&format!("{path}/{purpose}"));
        self.world.sites.push(Site {
            service: o.service.0,
            handler: self.handler_of[o.service.0 as usize] + o.handler,
            salt: hash_name(path),
            attempts: retry.attempts,
            backoff: retry.backoff.clone(),
            lane,
            pointer,
            request_key: key("request"),
            answer_key: key("answer"),
            balance_key: key("balance"),
            backoff_key: key("backoff"),
            client: NONE,
            guard: NONE,
        });
    }

    fn lane(&mut self, timeout: SimDuration) -> u32 {
        self.world.lanes.push(Lane { timeout, deadlines: VecDeque::new(), armed: false });
        self.world.lanes.len() as u32 - 1
    }

    fn subscription(&mut self, s: Subscription, ordered: bool) {
        let service = &self.blueprint.services[s.service as usize];
        let event = &self.blueprint.events[s.event as usize].name;
        let hears = |h: &Handler| h.trigger.heard().iter().position(|e| e.0 == s.event);
        let at = service.handlers.iter().position(|h| hears(h).is_some()).unwrap_or(0);
        let consume = &service.handlers[at].consume;
        let filter = hears(&service.handlers[at]).and_then(|nth| consume.filters.get(nth));
        let broker = &self.blueprint.brokers[consume.via.0 as usize];
        self.world.subscriptions.push(SubscriptionTable {
            service: s.service,
            handler: self.handler_of[s.service as usize] + at as u32,
            deliver: self.streams.key(&format!("{}/deliver:{event}@{}", broker.name, service.name)),
            ordered,
            broker: consume.via.0,
            group: self.group_at(s.service, at as u32),
            filter: filter.cloned().unwrap_or_default(),
            // What a broker does not keep is not there any more.
            backfill: consume.backfill && !matches!(broker.engine, EngineSpec::FanOut(_)),
        });
    }
}
