//! Ephemeral fan-out: what is published goes at once to whoever is connected, and nowhere else.
//!
//! Nothing is stored and nothing acknowledged. Each group gets one copy, through one of its
//! connected instances. An instance has one connection, with a buffer that its slowness fills.

use super::{Accept, Ctx, Departure, Engine, Outcome, Publication};
use crate::model::blueprint::{Broker, EngineSpec, FanOutSpec};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::random::{Backoff, Draw, StreamKey};
use crate::units::{SimDuration, SimTime};

/// An instant that never comes.
const NEVER: u64 = u64::MAX;

/// Timers of a connection: its token is the instance times two, plus one of these.
const RECONNECT: u32 = 0;
const SOFT_LIMIT: u32 = 1;

/// What it needs from outside: names have become keys and identities.
#[derive(Debug)]
pub(crate) struct FanOutParts {
    pub(crate) spec: FanOutSpec,
    pub(crate) reconnect: Backoff,
    pub(crate) reconnect_key: StreamKey,
    /// Stream of the choice among the members of each group.
    pub(crate) members: Vec<StreamKey>,
    /// Identity of each instance.
    pub(crate) ids: Vec<u64>,
    pub(crate) services: usize,
    pub(crate) nodes: u32,
}

/// A broker that keeps nothing.
#[derive(Debug)]
pub(crate) struct FanOut {
    parts: FanOutParts,
    /// One for each instance.
    connections: Vec<Connection>,
    /// Connected instances of each service, ascending.
    connected: Vec<Vec<u32>>,
    /// Which nodes are up.
    nodes: Vec<bool>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone, Copy, Debug)]
struct Connection {
    /// Whether its instance is up and wants it.
    wanted: bool,
    open: bool,
    node: u32,
    /// Whether nothing arrives between it and its node.
    cut: bool,
    /// Moves on when it is lost: what was sent before is not in its buffer any more.
    epoch: u32,
    /// Bytes sent that the instance is not done with.
    buffered: u64,
    /// Since when it is above the soft limit, ns.
    above: u64,
    /// Whether a timer watches that.
    watched: bool,
    /// When it will be tried again, ns.
    retry: u64,
    /// Times that it was lost, for draws.
    losses: u32,
}

impl Connection {
    const BLANK: Self = Self {
        wanted: false,
        open: false,
        node: 0,
        cut: false,
        epoch: 0,
        buffered: 0,
        above: NEVER,
        watched: false,
        retry: NEVER,
        losses: 0,
    };
}

impl FanOut {
    pub(crate) fn new(parts: FanOutParts) -> Self {
        Self {
            connections: vec![Connection::BLANK; parts.ids.len()],
            connected: vec![Vec::new(); parts.services],
            nodes: vec![true; parts.nodes.max(1) as usize],
            parts,
        }
    }

    /// Connects an instance to a node that is up, its own first. Without one it waits.
    fn connect<O: Observer>(&mut self, ctx: &Ctx<O>, instance: u32) {
        let service = ctx.instances[instance as usize].service;
        let nodes = self.nodes.len() as u32;
        let own = instance - ctx.services[service as usize].instances.start;
        let serves = |n: &u32| self.nodes[*n as usize] && !ctx.apart(instance, *n);
        let up = (0..nodes).map(|n| (own + n) % nodes).find(serves);
        let c = &mut self.connections[instance as usize];
        c.retry = NEVER;
        let Some(node) = up else { return };
        c.open = true;
        c.node = node;
        let connected = &mut self.connected[service as usize];
        let at = connected.partition_point(|i| *i < instance);
        connected.insert(at, instance);
    }

    /// The connection of an instance is lost, with its place among the members.
    fn disconnect<O: Observer>(&mut self, ctx: &Ctx<O>, instance: u32) {
        let c = &mut self.connections[instance as usize];
        if !c.open {
            return;
        }
        let epoch = c.epoch + 1;
        *c = Connection { open: false, cut: false, epoch, buffered: 0, above: NEVER, ..*c };
        let service = ctx.instances[instance as usize].service;
        self.connected[service as usize].retain(|i| *i != instance);
    }

    /// An instance will try to connect again.
    fn retry<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        let c = &mut self.connections[instance as usize];
        let (key, id) = (self.parts.reconnect_key, self.parts.ids[instance as usize]);
        let pause = self.parts.reconnect.sample(key, id, c.losses, 0);
        c.losses += 1;
        c.retry = (ctx.now() + pause).ns();
        ctx.timer(pause, instance * 2 + RECONNECT);
    }

    /// Counts what is sent to an instance. Whether its buffer has room for it.
    fn buffer<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32, size: u64) -> bool {
        let spec = &self.parts.spec;
        let c = &mut self.connections[instance as usize];
        if c.buffered + size > spec.buffer {
            return false;
        }
        c.buffered += size;
        if c.above == NEVER && spec.soft_buffer.is_some_and(|soft| c.buffered > soft) {
            c.above = ctx.now().ns();
            if !c.watched {
                c.watched = true;
                ctx.timer(spec.soft_time, instance * 2 + SOFT_LIMIT);
            }
        }
        true
    }

    /// The soft limit of an instance may have been exceeded for too long.
    fn soft_limit<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        let c = &mut self.connections[instance as usize];
        c.watched = false;
        if c.above == NEVER {
            return;
        }
        let until = SimTime::from_ns(c.above) + self.parts.spec.soft_time;
        if ctx.now() >= until {
            self.disconnect(ctx, instance);
            self.retry(ctx, instance);
        } else {
            c.watched = true;
            ctx.timer(until.since(ctx.now()), instance * 2 + SOFT_LIMIT);
        }
    }

    /// The node that takes what is published.
    fn node(&self) -> Option<u32> {
        self.nodes.iter().position(|up| *up).map(|node| node as u32)
    }

    /// An instance is done with bytes that it was sent.
    fn leaves_buffer(&mut self, instance: u32, bytes: u64) {
        let c = &mut self.connections[instance as usize];
        c.buffered -= bytes;
        if self.parts.spec.soft_buffer.is_some_and(|soft| c.buffered <= soft) {
            c.above = NEVER;
        }
    }

    /// The connection of an instance breaks, if it has one.
    fn break_off<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        if self.connections[instance as usize].open {
            self.disconnect(ctx, instance);
            self.retry(ctx, instance);
        }
    }

    /// The copy for one subscription.
    fn give<O: Observer>(&mut self, ctx: &mut Ctx<O>, p: &Publication, subscription: u32) {
        let group = ctx.subscriptions[subscription as usize].group;
        let members = &self.connected[ctx.groups[group as usize].service as usize];
        if members.is_empty() {
            lose(ctx, p.fact, subscription, Fate::LostNotConnected);
            return;
        }
        let id = ctx.book.facts.get(p.fact).id;
        let key = self.parts.members[group as usize];
        let instance = members[Draw::new(key, id, 0).below(members.len() as u32) as usize];
        let Connection { epoch, node, cut, .. } = self.connections[instance as usize];
        if self.node().is_some_and(|from| ctx.nodes_apart(from, node)) {
            lose(ctx, p.fact, subscription, Fate::LostNetwork);
        } else if self.buffer(ctx, instance, u64::from(bytes(p.size))) {
            ctx.store(p.fact, subscription);
            ctx.node = node;
            let slot = ctx.deliver(p.fact, subscription, instance, bytes(p.size), epoch);
            if ctx.deliveries.get(slot).void && !cut {
                // It has left the buffer.
                self.leaves_buffer(instance, u64::from(bytes(p.size)));
            }
            ctx.unstore(p.fact, subscription, Fate::LostCrash);
        } else {
            lose(ctx, p.fact, subscription, Fate::LostBuffer);
            self.disconnect(ctx, instance);
            self.retry(ctx, instance);
        }
    }
}

/// A size as the token of a delivery.
fn bytes(size: u64) -> u32 {
    size.min(u64::from(u32::MAX)) as u32
}

/// A copy is lost before it was sent to anybody.
fn lose<O: Observer>(ctx: &mut Ctx<O>, fact: u32, subscription: u32, reason: Fate) {
    if ctx.book.get(fact, subscription).refs == 0 {
        ctx.book.end(ctx.observer, fact, subscription, reason);
    }
}

impl<O: Observer> Engine<O> for FanOut {
    fn node_of(&self, _destination: u32) -> Option<u32> {
        self.node()
    }

    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        if !self.nodes.contains(&true) {
            return Accept::NotNow;
        }
        for subscription in ctx.wanted_by(p.fact) {
            if ctx.wants(p.fact, subscription) {
                self.give(ctx, p, subscription);
            }
        }
        Accept::After(SimDuration::ZERO)
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, _outcome: Outcome) {
        let d = ctx.deliveries.get(slot);
        if self.connections[d.instance as usize].epoch != d.stamp {
            return;
        }
        self.leaves_buffer(d.instance, u64::from(d.token));
    }

    fn timer(&mut self, ctx: &mut Ctx<O>, token: u32) {
        let instance = token / 2;
        if token % 2 == SOFT_LIMIT {
            self.soft_limit(ctx, instance);
        } else if self.connections[instance as usize].retry == ctx.now().ns() {
            self.connect(ctx, instance);
        }
    }

    fn joined(&mut self, ctx: &mut Ctx<O>, _group: u32, instance: u32) {
        let c = &mut self.connections[instance as usize];
        if !c.wanted {
            c.wanted = true;
            self.connect(ctx, instance);
        }
    }

    fn left(&mut self, ctx: &mut Ctx<O>, _group: u32, instance: u32, _how: Departure) {
        self.disconnect(ctx, instance);
        let c = &mut self.connections[instance as usize];
        c.wanted = false;
        c.retry = NEVER;
    }

    fn node_down(&mut self, ctx: &mut Ctx<O>, node: u32, _unclean: bool) {
        self.nodes[node as usize] = false;
        for instance in 0..self.connections.len() as u32 {
            let c = &self.connections[instance as usize];
            if c.open && c.node == node {
                self.disconnect(ctx, instance);
                self.retry(ctx, instance);
            }
        }
    }

    fn node_up(&mut self, ctx: &mut Ctx<O>, node: u32) {
        self.nodes[node as usize] = true;
        for instance in 0..self.connections.len() as u32 {
            let c = &self.connections[instance as usize];
            if c.wanted && !c.open && c.retry == NEVER {
                self.retry(ctx, instance);
            }
        }
    }

    fn reconfigure(&mut self, _ctx: &mut Ctx<O>, broker: &Broker) {
        if let EngineSpec::FanOut(spec) = &broker.engine {
            self.parts.spec.clone_from(spec);
            self.parts.reconnect.clone_from(&broker.reconnect);
        }
    }

    fn reach_changed(&mut self, ctx: &mut Ctx<O>) {
        for instance in 0..self.connections.len() as u32 {
            let c = &mut self.connections[instance as usize];
            let cut = c.open && ctx.apart(instance, c.node);
            if std::mem::replace(&mut c.cut, cut) && !cut {
                self.break_off(ctx, instance);
            } else if c.wanted && !c.open && c.retry == NEVER {
                self.retry(ctx, instance);
            }
        }
    }

    fn connection_breaks(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        self.break_off(ctx, instance);
    }

    fn at_rest(&self) -> bool {
        true
    }
}
