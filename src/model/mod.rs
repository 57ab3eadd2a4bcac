//! The running world: what happens at each event.
//!
//! Components do not call each other's insides: they publish, call and answer, and everything that
//! takes time goes through the event list. Knows nothing of text, files or statistics.

mod autoscale;
mod away;
mod backfill;
mod backlog;
mod batch;
mod blueprint;
mod book;
mod broker;
mod build;
mod bus;
mod call;
mod capacity;
mod client;
mod consume;
mod cores;
mod emit;
mod event;
mod failure;
mod fate;
mod filter;
mod guard;
mod identity;
mod observation;
mod order;
mod publish;
mod resize;
mod retune;
mod service;
mod slab;
mod store;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use blueprint::*;
pub use broker::log::{Lag, LagStatus};
pub use build::{LaneInfo, lanes, subscriptions};
pub use event::Event;
pub use fate::Fate;
pub use guard::Switch;
pub use observation::{Asker, Guarded, Observer, Segments, Visit};
pub use tables::Subscription;

use crate::engine::{Model, Schedule};
use crate::random::{StreamKey, Variate};
use crate::units::{SimDuration, SimTime};
use autoscale::Scaling;
use away::Away;
use batch::{BatchTable, Gathering};
use book::Book;
use broker::{BrokerTable, Delivery, Engine, GroupTable, Reply};
use bus::Line;
use capacity::Capacities;
use cores::Cores;
use event::Kind;
use failure::{Settings, Trouble};
use guard::Guarding;
use publish::{Deadlines, Halts, PublishKeys, Publisher, Record, Relay};
use slab::Slab;
use std::collections::BTreeMap;
use tables::{
    Call, ClientTable, EmissionTable, EventTable, HandlerTable, Instance, Job, Lane, Op,
    ServiceTable, Site, SourceTable, SubscriptionTable,
};

pub(crate) type Sched = Schedule<Event>;

/// An architecture in motion, watched by `O`.
#[derive(Debug)]
pub struct World<O> {
    /// Who watches.
    pub observer: O,
    traffic_end: SimTime,
    network: NetworkTable,
    deliver: Variate,
    deliver_constant: Option<SimDuration>,
    subscriptions: Vec<SubscriptionTable>,
    handlers: Vec<HandlerTable>,
    ops: Vec<Op>,
    emissions: Vec<EmissionTable>,
    sites: Vec<Site>,
    lanes: Vec<Lane>,
    services: Vec<ServiceTable>,
    instances: Vec<Instance>,
    sources: Vec<SourceTable>,
    clients: Vec<ClientTable>,
    failures: Vec<Failure>,
    /// First instance of the service that each failure strikes.
    failure_base: Vec<u32>,
    /// Strikes of each failure that last.
    strikes: Vec<u32>,
    /// Values that change, if some do.
    settings: Option<Box<Settings>>,
    scaling: Scaling,
    trouble: Trouble,
    events: Vec<EventTable>,
    /// Facts and what is owed of them.
    book: Book,
    brokers: Vec<BrokerTable>,
    engines: Vec<Box<dyn Engine<O>>>,
    capacities: Vec<Capacities>,
    publish_keys: Vec<PublishKeys>,
    groups: Vec<GroupTable>,
    deliveries: Slab<Delivery>,
    batches: Vec<BatchTable>,
    gatherings: Vec<Gathering>,
    records: Slab<Record>,
    /// Records made so far.
    sequence: u64,
    /// When the last copy arrives on each connection from a broker to an instance, ns.
    connections: Vec<Vec<u64>>,
    /// Who publishes to each broker: instances, relays, and all bridges together.
    publishers: Vec<Vec<Publisher>>,
    /// Zones of the instances and relays.
    producer_zones: Vec<u32>,
    /// Of each broker: closing of batches, patience before a full buffer, patience for an answer.
    deadlines: Vec<[Deadlines; 3]>,
    halts: Halts,
    relays: Vec<Relay>,
    /// What engines have said to publishers and is still to be handed on.
    replies: Vec<Reply>,
    jobs: Slab<Job>,
    calls: Slab<Call>,
    /// What guards calls.
    guarding: Guarding,
    /// Processors, by instance, if workers share any.
    cores: Vec<Option<Box<Cores>>>,
    /// Work without a worker, by instance.
    away: BTreeMap<u32, Away>,
    /// Jobs that are not ghosts.
    running: u64,
    stamps: u32,
    /// Items whose order by key has to be kept.
    lines: BTreeMap<(u32, u64), Line>,
}

impl<O: Observer> World<O> {
    /// A stamp that no other record carries. Never 0, which stands for "void".
    #[inline]
    fn next_stamp(&mut self) -> u32 {
        self.stamps = self.stamps.wrapping_add(1).max(1);
        self.stamps
    }

    /// What does not happen to the plain events of a source. Apart from the rest, which is the
    /// faster the less there is of it.
    #[inline(never)]
    fn handle_other(&mut self, event: Event, s: &mut Sched) {
        let slot = event.slot();
        match event.kind() {
            Kind::StepDone | Kind::Deliver | Kind::Fanout | Kind::SourceArrival => {}
            Kind::Settled => self.settled(s, slot),
            Kind::Served => self.served(s, slot),
            Kind::Confirmed => self.confirmed(s, slot),
            Kind::BrokerStep => self.broker_step(s, event.component(), slot),
            Kind::Publication => self.publication_arrives(s, slot),
            Kind::CopyArrives => self.copy_arrives(s, slot),
            Kind::BatchDue => self.batch_due(s, slot),
            Kind::BrokerTimer => self.broker_timer(s, event.component(), slot),
            Kind::PublishDue => self.publish_due(s, event.component(), slot),
            Kind::RequestArrives => self.request_arrives(s, slot),
            Kind::AnswerArrives => self.answer_arrives(s, slot),
            Kind::ClientArrival => self.client_arrival(s, event.component(), slot),
            Kind::UserAsks => self.user_asks(s, event.component(), slot),
            Kind::Deadline => self.deadline(s, slot),
            Kind::AttemptDue => self.attempt_due(s, slot),
            Kind::CallDue => self.call_due(s, slot),
            Kind::Guard => self.guard_event(s, event.component(), slot),
            Kind::FailureBegins => self.failure_begins(s, event.component(), slot),
            Kind::FailureEnds => self.failure_ends(s, event.component(), slot),
            Kind::FailureLooks => self.failure_looks(s, slot),
            Kind::InstanceStarted => self.instance_started(s, slot),
            Kind::GraceEnds => self.grace_ends(s, slot),
            Kind::ScaleDue => self.scale_due(s, event.component(), slot),
            Kind::ConnectionBreaks => self.connection_breaks(s, event.component(), slot),
            Kind::CoresDue => self.cores_due(s, slot),
            Kind::InstanceDies => self.instance_dies(s, event.component(), slot),
        }
    }
}

/// One-way delays by placement.
#[derive(Debug)]
pub(crate) struct NetworkTable {
    /// Within a zone, within a region, between regions.
    delays: [Variate; 3],
    /// Region of each zone, by number.
    regions: Vec<u32>,
}

impl NetworkTable {
    /// One-way delay between two zones.
    #[inline]
    pub(crate) fn delay(
        &self,
        from: u32,
        to: u32,
        key: StreamKey,
        id: u64,
        attempt: u32,
    ) -> SimDuration {
        let class = if from == to {
            0
        } else if self.regions[from as usize] == self.regions[to as usize] {
            1
        } else {
            2
        };
        self.delays[class].sample(key, id, attempt)
    }
}

impl<O: Observer> Model for World<O> {
    type Event = Event;

    #[inline]
    fn handle(&mut self, event: Event, s: &mut Sched) {
        let slot = event.slot();
        match event.kind() {
            Kind::StepDone => self.step_done(s, slot),
            Kind::Deliver => self.deliver(s, event.component(), slot),
            Kind::Fanout => self.fan_out(s, slot),
            Kind::SourceArrival => self.source_arrival(s, event.component(), slot),
            _ => self.handle_other(event, s),
        }
    }

    fn at_rest(&self) -> bool {
        self.book.unresolved() == 0
            && self.calls.len() == 0
            && self.running == 0
            && self.engines.iter().all(|e| e.at_rest())
    }
}
