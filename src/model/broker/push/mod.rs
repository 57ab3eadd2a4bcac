//! Leased queue that pushes: each group is a queue, which gives its messages in turn to consumers
//! that have credit, and takes back what they do not acknowledge.
//!
//! Knows neither products nor text: a queue on one node is a replicated one with a single copy.

mod consumers;
mod dispatch;
mod nodes;
mod publish;
mod ready;
#[cfg(test)]
mod tests;

use super::{Accept, Ctx, Departure, Engine, Outcome, Publication};
use crate::model::World;
use crate::model::blueprint::{AckMode, Blueprint, Broker, EngineSpec, PushSpec};
use crate::model::build::subscriptions;
use crate::model::observation::Observer;
use crate::model::slab::Slab;
use crate::model::tables::{NONE, VOID};
use crate::random::{StreamKey, Streams};
use consumers::Consumer;
use nodes::Nodes;
use publish::{Confirm, Write};
use ready::Ready;
use std::collections::VecDeque;

/// Most messages that a consumer of a replicated queue may hold.
const MOST_OF_QUORUM: u32 = 2_000;

/// All queues of one broker.
#[derive(Debug)]
pub(crate) struct Push {
    spec: PushSpec,
    /// Queue of each group of the world, or [`NONE`].
    queue_of: Vec<u32>,
    /// First queue that hears each event type.
    first_of: Vec<u32>,
    /// Priority of each event type.
    priority_of: Vec<u8>,
    queues: Vec<Queue>,
    /// Consumers of all queues, one for each instance.
    consumers: Vec<Consumer>,
    messages: Slab<Message>,
    /// Messages that are neither dead nor done.
    live: u64,
    confirms: Slab<Confirm>,
    nodes: Nodes,
    /// Leases so far.
    stamps: u32,
    /// When each copy of a message would be on disk, while that is worked out.
    copies: Vec<u64>,
}

/// One queue.
#[derive(Debug)]
struct Queue {
    lane: u32,
    /// First of its consumers.
    first: u32,
    /// Whether delivery counts as acknowledgement.
    auto: bool,
    /// Messages that a consumer holds at most.
    credit: u32,
    ready: Ready,
    /// Places given so far.
    places: u64,
    /// Consumers with credit, next one first.
    turns: VecDeque<u32>,
    /// What is not on enough disks yet, in order.
    writes: VecDeque<Write>,
    /// Publications that wait for room.
    blocked: VecDeque<Publication>,
    /// Dead letters, oldest first.
    dead: Vec<u32>,
    /// The next instant at which its head is looked at, ns.
    alarm: u64,
    fsync: StreamKey,
    replication: StreamKey,
    reconnect: StreamKey,
}

/// A message in a queue.
#[derive(Clone, Copy, Debug)]
struct Message {
    fact: u32,
    subscription: u32,
    queue: u32,
    level: u8,
    state: State,
    /// Its place in line, for as long as it is in the queue: also tells it from the next message in
    /// its slot.
    place: u64,
    /// When it was there for consumers for the first time, ns.
    entered: u64,
    /// How much later it is dated, ns.
    skew: i64,
    /// Deliveries that failed.
    returns: u32,
    /// Of its lease, or [`VOID`].
    stamp: u32,
    /// Delivery, consumer, and start in ns of its lease.
    slot: u32,
    consumer: u32,
    since: u64,
    /// Lease of the same consumer that began before it, and after it.
    before: u32,
    after: u32,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// On its way to the disks, not there for consumers yet.
    Written,
    Ready,
    Leased,
    Dead,
}

impl Message {
    const BLANK: Self = Self {
        fact: NONE,
        subscription: NONE,
        queue: 0,
        level: 0,
        state: State::Written,
        place: 0,
        entered: 0,
        skew: 0,
        returns: 0,
        stamp: VOID,
        slot: NONE,
        consumer: NONE,
        since: 0,
        before: NONE,
        after: NONE,
    };
}

/// What the engine asks to be reminded of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alarm {
    /// The head of a queue may be too old.
    Expire(u32),
    /// A consumer tries to connect.
    Connect(u32),
    /// A consumer may have been silent for too long.
    Silent(u32),
    /// A node takes the lead.
    Lead,
    /// Leases may be too old.
    Check,
}

impl Alarm {
    const BITS: u32 = 29;

    fn token(self) -> u32 {
        let (kind, of) = match self {
            Self::Expire(queue) => (0, queue),
            Self::Connect(consumer) => (1, consumer),
            Self::Silent(consumer) => (2, consumer),
            Self::Lead => (3, 0),
            Self::Check => (4, 0),
        };
        kind << Self::BITS | of
    }

    fn from_token(token: u32) -> Self {
        let of = token & ((1 << Self::BITS) - 1);
        match token >> Self::BITS {
            0 => Self::Expire(of),
            1 => Self::Connect(of),
            2 => Self::Silent(of),
            3 => Self::Lead,
            _ => Self::Check,
        }
    }
}

impl Push {
    /// The queues of a broker. Groups, subscriptions, services and event types come first.
    pub(crate) fn new<O: Observer>(
        world: &World<O>,
        blueprint: &Blueprint,
        streams: &Streams,
        broker: u32,
        spec: &PushSpec,
    ) -> Self {
        let nodes = blueprint.brokers[broker as usize].nodes.max(1);
        let copies = spec.quorum.as_ref().map_or(1, |q| q.replicas.clamp(1, nodes));
        let mut push = Self {
            spec: spec.clone(),
            queue_of: vec![NONE; world.groups.len()],
            first_of: Vec::new(),
            priority_of: world.events.iter().map(|e| e.priority).collect(),
            queues: Vec::new(),
            consumers: Vec::new(),
            messages: Slab::new(),
            live: 0,
            confirms: Slab::new(),
            nodes: Nodes::new(copies),
            stamps: 0,
            copies: Vec::new(),
        };
        let subscribed = subscriptions(blueprint);
        for (at, group) in world.groups.iter().enumerate().filter(|(_, g)| g.broker == broker) {
            push.queue_of[at] = push.queues.len() as u32;
            let event = group.subscriptions.first().map_or(0, |&s| subscribed[s as usize].event);
            let name = format!(
                "{}/{}/on.{}",
                blueprint.brokers[broker as usize].name,
                blueprint.services[group.service as usize].name,
                blueprint.events[event as usize].name
            );
            let key = |purpose: &str| streams.key(&format!("{name}/{purpose}"));
            let first = push.consumers.len() as u32;
            let queue = push.queues.len() as u32;
            let instances = world.services[group.service as usize].instances.clone();
            push.consumers.extend(instances.map(|i| Consumer::new(queue, i)));
            push.queues.push(Queue {
                lane: group.lane,
                first,
                auto: group.ack == AckMode::Before,
                credit: push.credit(group.consume.prefetch),
                ready: Ready::new(spec.priorities),
                places: 0,
                turns: VecDeque::new(),
                writes: VecDeque::new(),
                blocked: VecDeque::new(),
                dead: Vec::new(),
                alarm: u64::MAX,
                fsync: key("fsync"),
                replication: key("replication"),
                reconnect: key("reconnect"),
            });
        }
        push.first_of = world.book.heard.iter().map(|heard| push.first(world, heard)).collect();
        push
    }

    /// The first queue of some subscriptions.
    fn first<O: Observer>(&self, world: &World<O>, heard: &std::ops::Range<u32>) -> u32 {
        let group = |s: u32| world.subscriptions[s as usize].group as usize;
        let queue = |s: u32| self.queue_of.get(group(s)).copied();
        heard.clone().filter_map(queue).find(|&q| q != NONE).unwrap_or(0)
    }

    /// Messages that a consumer holds at most.
    fn credit(&self, prefetch: Option<u32>) -> u32 {
        let most = if self.spec.quorum.is_some() { MOST_OF_QUORUM } else { u32::MAX };
        match prefetch.unwrap_or(self.spec.prefetch) {
            0 => most,
            some => some.min(most),
        }
    }

    /// The consumer of a group at an instance.
    fn consumer<O: Observer>(&self, ctx: &Ctx<O>, group: u32, instance: u32) -> u32 {
        let service = ctx.groups[group as usize].service;
        let nth = instance - ctx.services[service as usize].instances.start;
        self.queues[self.queue_of[group as usize] as usize].first + nth
    }
}

impl<O: Observer> Engine<O> for Push {
    fn start(&mut self, ctx: &mut Ctx<O>) {
        self.check_leases(ctx);
    }

    fn destination(&mut self, event: u32, _id: u64, _key: u64) -> u32 {
        self.first_of[event as usize]
    }

    fn node_of(&self, _destination: u32) -> Option<u32> {
        self.nodes.leader
    }

    fn last_node_of(&self, _destination: u32) -> u32 {
        self.nodes.last
    }

    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        self.take_in(ctx, p)
    }

    fn remember(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        self.keep(ctx, p);
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        self.answered(ctx, slot, outcome);
    }

    fn settled(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        self.settle(ctx, slot, outcome);
    }

    fn step(&mut self, ctx: &mut Ctx<O>, token: u32) {
        self.written(ctx, token);
    }

    fn timer(&mut self, ctx: &mut Ctx<O>, token: u32) {
        match Alarm::from_token(token) {
            Alarm::Expire(queue) => self.expire_due(ctx, queue),
            Alarm::Connect(consumer) => self.connect_due(ctx, consumer),
            Alarm::Silent(consumer) => self.silent_due(ctx, consumer),
            Alarm::Lead => self.lead_due(ctx),
            Alarm::Check => self.check_leases(ctx),
        }
    }

    fn joined(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(ctx, group, instance);
        self.consumer_joins(ctx, consumer);
    }

    fn left(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32, how: Departure) {
        let consumer = self.consumer(ctx, group, instance);
        self.consumer_leaves(ctx, consumer, how);
    }

    fn paused(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(ctx, group, instance);
        self.consumer_pauses(ctx, consumer);
    }

    fn resumed(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(ctx, group, instance);
        self.consumer_resumes(ctx, consumer);
    }

    fn node_down(&mut self, ctx: &mut Ctx<O>, node: u32, _unclean: bool) {
        self.node_stops(ctx, node);
    }

    fn node_up(&mut self, ctx: &mut Ctx<O>, node: u32) {
        self.node_returns(ctx, node);
    }

    fn reach_changed(&mut self, ctx: &mut Ctx<O>) {
        self.agree(ctx);
        self.look_around(ctx);
    }

    fn connection_breaks(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        self.break_all_off(ctx, instance);
    }

    fn redrive(&mut self, ctx: &mut Ctx<O>, group: u32) {
        self.revive(ctx, self.queue_of[group as usize]);
    }

    fn reconfigure(&mut self, ctx: &mut Ctx<O>, broker: &Broker) {
        let EngineSpec::Push(spec) = &broker.engine else { return };
        self.spec.clone_from(spec);
        for (group, &queue) in self.queue_of.clone().iter().enumerate() {
            if queue != NONE {
                let credit = self.credit(ctx.groups[group].consume.prefetch);
                self.set_credit(queue, credit);
                self.pump(ctx, queue);
            }
        }
    }

    fn backlog(&self, group: u32) -> u64 {
        self.queues[self.queue_of[group as usize] as usize].ready.len()
    }

    fn at_rest(&self) -> bool {
        self.live == 0
    }
}
