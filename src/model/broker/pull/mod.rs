//! Leased queue that consumers ask: each message is hidden while somebody has it, and returns when
//! its timer is over.

mod order;
mod queue;
mod reach;
mod receive;
#[cfg(test)]
mod tests;
mod timers;

use super::{Accept, Ctx, Delivery, Departure, Engine, Outcome, Publication};
use crate::model::blueprint::{AckMode, Broker, EngineSpec, Exhausted, PullSpec};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::random::{Chance, StreamKey};
use crate::units::SimDuration;
use order::Order;
use queue::{NEVER, Place, Queue};
use std::collections::{BTreeSet, VecDeque};
use timers::{AGE, DELAY, FAILOVER, KINDS, LEASE, POLL, schedule};

/// What it needs from outside: names have become keys and identities.
#[derive(Debug)]
pub(crate) struct PullParts {
    pub(crate) spec: PullSpec,
    /// Groups of this broker.
    pub(crate) groups: Vec<GroupParts>,
    /// Number of groups of all brokers.
    pub(crate) all_groups: usize,
    pub(crate) nodes: u32,
    /// Stream of the time that copies take.
    pub(crate) replication_key: StreamKey,
}

/// A group as such a broker sees it.
#[derive(Debug)]
pub(crate) struct GroupParts {
    pub(crate) group: u32,
    pub(crate) lane: u32,
    /// Identities of its instances.
    pub(crate) members: Vec<u64>,
    /// The first of them.
    pub(crate) first_instance: u32,
    /// Messages that a free worker takes at a time.
    pub(crate) each: u32,
    /// Messages that an instance holds beyond its free workers.
    pub(crate) prefetch: u32,
    /// Stream of the messages that are given out twice.
    pub(crate) duplicates_key: StreamKey,
    /// Stream of the polls that find nothing.
    pub(crate) polls_key: StreamKey,
}

/// What an answer means whose lease has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    /// Nothing.
    Ignored,
    /// The message goes, unless somebody has it again.
    IfFree,
    /// The message goes.
    Counts,
}

/// Whether an instance can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Gone,
    Here,
    /// It stands still.
    Paused,
}

/// What an instance waits for before it asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Nothing,
    /// The answer to its last question: it is on the list of its queue.
    Answer,
    /// The instant of its next poll.
    Poll,
}

/// An instance that asks a queue.
#[derive(Clone, Copy, Debug)]
struct Consumer {
    queue: u32,
    instance: u32,
    /// Identity, for draws.
    id: u64,
    presence: Presence,
    waits: Waits,
    /// Since when nothing arrives between it and the broker, ns.
    cut: Option<u64>,
    /// Polls made, for draws.
    polls: u32,
}

/// A broker that consumers ask.
#[derive(Debug)]
pub(crate) struct Pull {
    spec: PullSpec,
    parts: PullParts,
    /// When a lease ends, or an entry may be taken over.
    lapse: Option<SimDuration>,
    late: Late,
    empty_poll: Chance,
    duplicates: Chance,
    queues: Vec<Queue>,
    /// Queue of each group of the world, or [`NONE`].
    queue_of: Vec<u32>,
    consumers: Vec<Consumer>,
    /// First consumer of each queue.
    first: Vec<u32>,
    /// Consumers of each queue that wait for an answer, the longest first.
    parked: Vec<VecDeque<u32>>,
    /// What was published lately: identity and event type.
    known: BTreeSet<(u64, u32)>,
    /// The same by when it is forgotten, ns.
    forgotten: VecDeque<(u64, u64, u32)>,
    /// Which nodes are up.
    nodes: Vec<bool>,
    /// The node that serves.
    leader: Option<u32>,
}

impl Pull {
    pub(crate) fn new(parts: PullParts) -> Self {
        let spec = parts.spec.clone();
        let mut queue_of = vec![NONE; parts.all_groups];
        let (mut consumers, mut first, mut queues) = (Vec::new(), Vec::new(), Vec::new());
        for (at, g) in parts.groups.iter().enumerate() {
            queue_of[g.group as usize] = at as u32;
            first.push(consumers.len() as u32);
            consumers.extend(g.members.iter().zip(g.first_instance..).map(|(&id, instance)| {
                let (presence, waits) = (Presence::Gone, Waits::Nothing);
                let queue = at as u32;
                Consumer { queue, instance, id, presence, waits, cut: None, polls: 0 }
            }));
            let order = spec.fifo.then(|| Order::new(spec.max_in_flight));
            queues.push(Queue::new(g.group, g.lane, order));
        }
        Self {
            lapse: spec.visibility.or(spec.reclaim),
            late: match (spec.fifo, spec.visibility) {
                (true, _) => Late::Ignored,
                (false, Some(_)) => Late::IfFree,
                (false, None) => Late::Counts,
            },
            empty_poll: Chance::new(spec.empty_poll),
            duplicates: Chance::new(spec.duplicates),
            parked: vec![VecDeque::new(); queues.len()],
            queues,
            queue_of,
            consumers,
            first,
            known: BTreeSet::new(),
            forgotten: VecDeque::new(),
            nodes: vec![true; parts.nodes.max(1) as usize],
            leader: Some(0),
            spec,
            parts,
        }
    }

    fn consumer(&self, group: u32, instance: u32) -> usize {
        let queue = self.queue_of[group as usize] as usize;
        let first_instance = self.parts.groups[queue].first_instance;
        (self.first[queue] + instance - first_instance) as usize
    }

    /// Whether an event was published before, within the time that the broker remembers.
    fn repeated<O: Observer>(&mut self, ctx: &Ctx<O>, fact: u32) -> bool {
        let Some(window) = self.spec.dedup else { return false };
        let now = ctx.now();
        while let Some(&(at, id, event)) = self.forgotten.front()
            && at <= now.ns()
        {
            self.forgotten.pop_front();
            self.known.remove(&(id, event));
        }
        let f = ctx.book.facts.get(fact);
        let new = self.known.insert((f.id, f.event));
        if new {
            self.forgotten.push_back(((now + window).ns(), f.id, f.event));
        }
        !new
    }

    /// A message joins a queue.
    fn enqueue<O: Observer>(
        &mut self,
        ctx: &mut Ctx<O>,
        (fact, subscription): (u32, u32),
        skew: i64,
    ) {
        let group = ctx.subscriptions[subscription as usize].group;
        let q = self.queue_of[group as usize] as usize;
        let queue = &mut self.queues[q];
        queue.add(ctx, fact, subscription, skew);
        if let Some(most) = self.spec.max_length {
            while queue.oldest != NONE
                && queue.messages.get(queue.oldest).number + most <= queue.arrivals
            {
                queue.remove(ctx, queue.oldest, Fate::Overflow);
            }
        }
        self.watch_age(ctx, q);
        self.pump(ctx, q);
    }

    /// The answer about a delivery is there.
    fn settle<O: Observer>(&mut self, ctx: &mut Ctx<O>, delivery: u32, outcome: Outcome) {
        let d = *ctx.deliveries.get(delivery);
        let q = self.queue_of[ctx.subscriptions[d.subscription as usize].group as usize] as usize;
        if self.leader.is_none() {
            self.answer_lost(q, &d);
            return;
        }
        let m = *self.queues[q].messages.get(d.token);
        let current = m.stamp == d.stamp;
        // It may be another message in its slot by now.
        let known = m.fact == d.fact && m.subscription == d.subscription && m.place != Place::Dead;
        let late = match self.late {
            Late::Ignored => false,
            Late::IfFree => known && m.place != Place::Leased,
            Late::Counts => known,
        };
        match outcome {
            Outcome::Ack if current || late => {
                self.queues[q].remove(ctx, d.token, Fate::Exhausted);
            }
            Outcome::Requeue { .. } if current => self.handed_back(ctx, q, d.token),
            Outcome::Reject(Exhausted::Dlq) if current => self.queues[q].bury(ctx, d.token),
            Outcome::Reject(_) if current => {
                self.queues[q].remove(ctx, d.token, Fate::Exhausted);
            }
            _ => return,
        }
        // Another one may be the oldest, and be dated before it.
        self.watch_age(ctx, q);
        self.pump(ctx, q);
    }

    /// The answer about a delivery is lost: its holder has done with it, and asks for no more time.
    fn answer_lost(&mut self, q: usize, d: &Delivery) {
        let m = self.queues[q].messages.get_mut(d.token);
        m.lost |= m.stamp == d.stamp;
    }

    /// Ends leases of an instance, or of everybody.
    fn take_all_back<O: Observer>(&mut self, ctx: &mut Ctx<O>, q: usize, holder: Option<u32>) {
        let queue = &mut self.queues[q];
        for slot in queue.messages.slots() {
            let m = queue.messages.get(slot);
            if m.place == Place::Leased && holder.is_none_or(|h| h == m.holder) {
                queue.take_back(ctx, slot, None);
            }
        }
        self.pump(ctx, q);
    }

    /// A node serves from now on.
    fn lead<O: Observer>(&mut self, ctx: &mut Ctx<O>, node: u32) {
        self.leader = Some(node);
        if ctx.links.cuts {
            self.look_around(ctx);
        }
        for q in 0..self.queues.len() {
            self.pump(ctx, q);
        }
    }
}

impl<O: Observer> Engine<O> for Pull {
    fn destination(&mut self, event: u32, _id: u64, _key: u64) -> u32 {
        event
    }

    fn node_of(&self, _destination: u32) -> Option<u32> {
        self.leader
    }

    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        if self.leader.is_none() {
            return Accept::NotNow;
        }
        let repeated = self.repeated(ctx, p.fact);
        for subscription in ctx.wanted_by(p.fact) {
            if !ctx.wants(p.fact, subscription) {
                continue;
            }
            if !repeated {
                self.enqueue(ctx, (p.fact, subscription), p.skew);
            } else if ctx.book.get(p.fact, subscription).stored == 0 {
                // The same event, emitted anew: what is there of it is enough.
                ctx.book.end(ctx.observer, p.fact, subscription, Fate::Superseded);
            }
        }
        let id = ctx.book.facts.get(p.fact).id;
        let (key, attempt) = (self.parts.replication_key, u32::from(p.again));
        Accept::After(self.spec.replication.sample(key, id, attempt))
    }

    fn remember(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        for subscription in ctx.wanted_by(p.fact) {
            if ctx.wants(p.fact, subscription) {
                self.enqueue(ctx, (p.fact, subscription), p.skew);
            }
        }
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        let d = *ctx.deliveries.get(slot);
        let group = ctx.subscriptions[d.subscription as usize].group;
        // Before the work it has been acknowledged already.
        if ctx.groups[group as usize].ack != AckMode::Before {
            if ctx.travel(slot, self.leader.unwrap_or(0), outcome) {
                self.settle(ctx, slot, outcome);
            } else if !ctx.deliveries.get(slot).travels {
                self.answer_lost(self.queue_of[group as usize] as usize, &d);
            }
        }
        let consumer = self.consumer(group, d.instance);
        if self.parts.groups[self.consumers[consumer].queue as usize].prefetch > 0 {
            self.ask(ctx, consumer);
        }
    }

    fn settled(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        self.settle(ctx, slot, outcome);
    }

    fn timer(&mut self, ctx: &mut Ctx<O>, token: u32) {
        let index = (token / KINDS) as usize;
        match token % KINDS {
            FAILOVER if index > 0 => self.silent_due(ctx, index - 1),
            LEASE => self.lapse(ctx, index),
            DELAY => self.delays_end(ctx, index),
            AGE => self.expire(ctx, index),
            POLL => {
                self.consumers[index].waits = Waits::Nothing;
                self.ask(ctx, index);
            }
            _ => {
                if let (None, Some(next)) = (self.leader, self.nodes.iter().position(|up| *up)) {
                    self.lead(ctx, next as u32);
                }
            }
        }
    }

    fn joined(&mut self, _ctx: &mut Ctx<O>, group: u32, instance: u32) {
        // Its first question comes with its first idle worker.
        let consumer = self.consumer(group, instance);
        self.consumers[consumer].presence = Presence::Here;
    }

    fn left(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32, how: Departure) {
        let consumer = self.consumer(group, instance);
        self.consumers[consumer].presence = Presence::Gone;
        let told = self.consumers[consumer].cut.is_none();
        if how == Departure::Crash && self.lapse.is_none() && told {
            // Without a timer a lease is bound to its connection.
            self.take_all_back(ctx, self.queue_of[group as usize] as usize, Some(instance));
        }
    }

    fn paused(&mut self, _ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(group, instance);
        self.consumers[consumer].presence = Presence::Paused;
    }

    fn resumed(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(group, instance);
        self.consumers[consumer].presence = Presence::Here;
        self.ask(ctx, consumer);
    }

    fn idle(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        let consumer = self.consumer(group, instance);
        self.ask(ctx, consumer);
    }

    fn node_down(&mut self, ctx: &mut Ctx<O>, node: u32, _unclean: bool) {
        self.nodes[node as usize] = false;
        if self.leader != Some(node) {
            return;
        }
        self.leader = None;
        let now = ctx.now().ns();
        for q in 0..self.queues.len() {
            let queue = &mut self.queues[q];
            while queue.newest != NONE
                && queue.messages.get(queue.newest).enqueued + self.spec.unsynced.ns() > now
            {
                queue.remove(ctx, queue.newest, Fate::LostAcked);
            }
            if self.lapse.is_none() {
                self.take_all_back(ctx, q, None);
            }
        }
        let at = (ctx.now() + self.spec.failover).ns();
        schedule(ctx, at, FAILOVER, 0);
    }

    fn node_up(&mut self, ctx: &mut Ctx<O>, node: u32) {
        let alone = !self.nodes.contains(&true);
        self.nodes[node as usize] = true;
        if self.leader.is_none() && alone {
            self.lead(ctx, node);
        }
    }

    fn reach_changed(&mut self, ctx: &mut Ctx<O>) {
        self.look_around(ctx);
    }

    fn connection_breaks(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        self.break_off(ctx, instance);
    }

    fn redrive(&mut self, ctx: &mut Ctx<O>, group: u32) {
        let q = self.queue_of[group as usize] as usize;
        let retention = self.spec.retention.unwrap_or(SimDuration::MAX);
        let since = ctx.now().ns().saturating_sub(retention.ns());
        self.queues[q].redrive(ctx, since);
        self.watch_age(ctx, q);
        self.pump(ctx, q);
    }

    fn reconfigure(&mut self, ctx: &mut Ctx<O>, broker: &Broker) {
        let EngineSpec::Pull(spec) = &broker.engine else { return };
        self.spec.clone_from(spec);
        self.lapse = spec.visibility.or(spec.reclaim);
        self.empty_poll = Chance::new(spec.empty_poll);
        self.duplicates = Chance::new(spec.duplicates);
        for g in &mut self.parts.groups {
            let consume = &ctx.groups[g.group as usize].consume;
            g.prefetch = consume.prefetch.unwrap_or(spec.prefetch);
        }
        for q in 0..self.queues.len() {
            self.queues[q].ages = NEVER;
            self.watch_age(ctx, q);
            self.pump(ctx, q);
        }
        // Whoever asked for nothing may have room now.
        for consumer in 0..self.consumers.len() {
            self.ask(ctx, consumer);
        }
    }

    fn backlog(&self, group: u32) -> u64 {
        let queue = &self.queues[self.queue_of[group as usize] as usize];
        queue.len - queue.leased
    }

    fn at_rest(&self) -> bool {
        true
    }
}
