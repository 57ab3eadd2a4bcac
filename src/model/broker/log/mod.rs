//! Partitioned log with consumer groups.
//!
//! A topic is an event type; its partitions keep what is published in order. Nothing is deleted by
//! being read: a group remembers a place per partition, and what lies between two commits comes
//! again after a crash. Who reads which partition is decided by a coordinator (`group`).
//!
//! A record costs one event for its copies, one for its way to the consumer and one for its work:
//! polls, commits and heartbeats are no events while records flow.

mod consume;
mod group;
#[cfg(test)]
mod group_tests;
mod lag;
mod lane;
mod murmur;
mod nodes;
mod partition;
mod produce;
mod reach;
mod rebalance;
mod retention;
#[cfg(test)]
mod tests;
mod transaction;
#[cfg(test)]
mod transaction_tests;

pub use lag::{Lag, LagStatus};

use super::{Accept, Ctx, Departure, Engine, GroupTable, Outcome, Publication, Ticket};
use crate::model::Slab;
use crate::model::blueprint::{
    AckMode, Acks, Blueprint, Broker, BrokerId, EngineSpec, Filter, LogSpec, Target, Verb,
};
use crate::model::book::Book;
use crate::model::observation::Observer;
use crate::model::tables::{ServiceTable, SubscriptionTable};
use crate::random::{StreamKey, hash_name};
use crate::units::SimTime;
use group::{Group, Member};
use lag::History;
use lane::{Batch, Lane, Stray};
use nodes::Node;
use partition::Partition;
use transaction::Transactions;

/// What a token of the event list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum About {
    /// Copies of a partition; its index.
    Copies,
    /// A node that stopped may lose its place among those in step; node.
    OutOfStep,
    /// Partitions of a node that stopped get another leader; node.
    Elect,
    /// A member may have been silent for too long; member.
    Session,
    /// A member may have worked for too long on what it fetched; member.
    Overdue,
    /// A member may have to tell how far it got; member.
    Commit,
    /// A member may have to hear of a rebalance; member.
    Call,
    /// All members of a group may take up their partitions; group.
    Resume,
    /// Some members may have missed the barrier; group.
    Barrier,
    /// Old entries may have to go.
    Retention,
    /// A transaction may have to end; lane.
    Transaction,
    /// A node may lose its place among those in step that do not reach it; node.
    Apart,
}

impl About {
    const ALL: [Self; 12] = [
        Self::Copies,
        Self::OutOfStep,
        Self::Elect,
        Self::Session,
        Self::Overdue,
        Self::Commit,
        Self::Call,
        Self::Resume,
        Self::Barrier,
        Self::Retention,
        Self::Transaction,
        Self::Apart,
    ];

    const fn token(self, index: u32) -> u32 {
        (self as u32) << 28 | index
    }

    fn of(token: u32) -> (Self, u32) {
        (Self::ALL[(token >> 28) as usize], token & ((1 << 28) - 1))
    }
}

/// The engine of one log.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
pub(crate) struct LogEngine {
    spec: LogSpec,
    acks: Acks,
    idempotent: bool,
    /// Stream of the replication times.
    key: StreamKey,
    /// Whether everything within the retention stays, because a group may read it again.
    keep: bool,
    /// Partitions of each topic that there are at some time; the first `spec.partitions` are there.
    room: u32,
    /// By event type, then by number.
    partitions: Vec<Partition>,
    nodes: Vec<Node>,
    /// By group, then by event type, then by partition.
    lanes: Vec<Lane>,
    histories: Vec<History>,
    groups: Vec<Group>,
    /// For each group of the world, which of `groups` it is.
    group_of: Vec<u32>,
    members: Vec<Member>,
    free_members: Vec<u32>,
    batches: Slab<Batch>,
    strays: Vec<Stray>,
    transactions: Transactions,
    /// For each event type, the partition of the next event without a key.
    turn: Vec<u32>,
    started: bool,
    /// Whether it looks for what is too old.
    ticks: bool,
    /// Lanes that read again what they had read.
    replaying: u32,
    /// Which instances and nodes cannot reach each other: instance times nodes plus node. Empty if
    /// all can.
    apart: Vec<bool>,
    /// Whether the coordinator of its group cannot reach each instance. Empty if it can.
    cut: Vec<bool>,
}

/// Whether a failure makes the groups of a service read again.
fn is_replayed(blueprint: &Blueprint, service: u32) -> bool {
    let strikes = |target: &Target| match target {
        Target::Instances { service: s, .. } | Target::Handlers { service: s, .. } => {
            s.0 == service
        }
        _ => false,
    };
    let mut failures = blueprint.failures.iter();
    failures.any(|f| matches!(f.verb, Verb::Replay(_) | Verb::Bug(Some(_))) && strikes(&f.target))
}

impl LogEngine {
    /// The log of broker `at`.
    pub(crate) fn new(
        at: u32,
        blueprint: &Blueprint,
        (key, clocks): (StreamKey, StreamKey),
        tables: (&[GroupTable], &[SubscriptionTable], &[ServiceTable]),
    ) -> Self {
        let (groups, subscriptions, services) = tables;
        let broker = &blueprint.brokers[at as usize];
        let EngineSpec::Log(spec) = &broker.engine else { unreachable!("only a log has one") };
        let events = blueprint.events.len() as u32;
        let room = blueprint.partitions(BrokerId(at));
        let own = |g: &&GroupTable| g.broker == at;
        let mut log = Self {
            spec: spec.clone(),
            acks: broker.producer.acks,
            idempotent: broker.producer.idempotent,
            key,
            keep: groups.iter().filter(own).any(|g| is_replayed(blueprint, g.service)),
            room,
            partitions: (0..events * room)
                .map(|nth| Partition::new(nth % room, broker.nodes, spec.replicas))
                .collect(),
            nodes: vec![Node::default(); broker.nodes as usize],
            lanes: Vec::new(),
            histories: Vec::new(),
            groups: Vec::new(),
            group_of: vec![u32::MAX; groups.len()],
            members: Vec::new(),
            free_members: Vec::new(),
            batches: Slab::new(),
            strays: Vec::new(),
            transactions: Transactions::new(clocks),
            turn: vec![0; events as usize],
            started: false,
            ticks: false,
            replaying: 0,
            apart: Vec::new(),
            cut: Vec::new(),
        };
        let subscribed = super::super::subscriptions(blueprint);
        for (world, table) in groups.iter().enumerate().filter(|(_, g)| own(g)) {
            log.group_of[world] = log.groups.len() as u32;
            let first = log.lanes.len() as u32;
            for &subscription in &table.subscriptions {
                let event = subscribed[subscription as usize].event;
                let of = &subscriptions[subscription as usize];
                // Of what is older than the run it may want nothing.
                let late = !of.backfill && blueprint.events[event as usize].history > 0;
                let filtered = of.filter != Filter::All || !blueprint.sets.is_empty();
                let picky = late || filtered;
                log.lanes_of_topic(table.lane - first, event, subscription, picky);
            }
            let lanes = first..log.lanes.len() as u32;
            let instances = services[table.service as usize].instances.clone();
            let before = &blueprint.services[..table.service as usize];
            let draw = before.iter().map(|s| s.instances).sum();
            log.groups.push(Group::new(world as u32, table, lanes, instances, draw));
            let name = &blueprint.services[table.service as usize].name;
            log.transactions.add_group(hash_name(name));
        }
        if log.groups.iter().any(|g| g.ack == AckMode::Transaction) {
            log.transactions.serve(log.lanes.len());
        }
        log
    }

    /// The lanes of a group for one topic. `world`: from a lane's own index to the world's.
    fn lanes_of_topic(&mut self, world: u32, event: u32, subscription: u32, picky: bool) {
        let group = self.groups.len() as u32;
        for p in 0..self.room {
            let lane = self.lanes.len() as u32;
            let partition = event * self.room + p;
            self.partitions[partition as usize].lanes.push(lane);
            let world = world.wrapping_add(lane);
            self.lanes.push(Lane::new(world, partition, group, subscription, picky));
            self.histories.push(History::default());
        }
    }
}

impl<O: Observer> Engine<O> for LogEngine {
    fn start(&mut self, ctx: &mut Ctx<O>) {
        self.started = true;
        for group in 0..self.groups.len() as u32 {
            self.share_out(ctx, group);
        }
        self.start_ticking(ctx);
    }

    fn destination(&mut self, event: u32, _id: u64, key: u64) -> u32 {
        let n = self.spec.partitions;
        let partition = if key == 0 {
            let turn = &mut self.turn[event as usize];
            std::mem::replace(turn, (*turn + 1) % n)
        } else {
            murmur::partition_of(key, n)
        };
        event * self.room + partition
    }

    fn node_of(&self, destination: u32) -> Option<u32> {
        let p = &self.partitions[destination as usize];
        p.serving.then(|| p.node())
    }

    fn last_node_of(&self, destination: u32) -> u32 {
        self.partitions[destination as usize].node()
    }

    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept {
        self.produce(ctx, p)
    }

    fn remember(&mut self, ctx: &mut Ctx<O>, p: &Publication) {
        self.keeps(ctx, p);
    }

    fn enlist(&mut self, ctx: &mut Ctx<O>, slot: u32, fact: u32) -> Option<Ticket> {
        self.enlists(ctx, slot, fact)
    }

    fn unpublished(&mut self, ctx: &mut Ctx<O>, ticket: Ticket) {
        self.not_published(ctx, ticket);
    }

    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome) {
        self.record_done(ctx, slot, outcome);
    }

    fn step(&mut self, ctx: &mut Ctx<O>, token: u32) {
        let (_, partition) = About::of(token);
        self.copied(ctx, partition);
    }

    fn timer(&mut self, ctx: &mut Ctx<O>, token: u32) {
        let (about, index) = About::of(token);
        match about {
            About::Copies => {}
            About::OutOfStep => self.out_of_step(ctx, index),
            About::Elect => self.elect_for(ctx, index),
            About::Session => self.session_over(ctx, index),
            About::Overdue => self.overdue(ctx, index),
            About::Commit => self.commit_due(ctx, index),
            About::Call => self.called(ctx, index),
            About::Resume => self.resume(ctx, index),
            About::Barrier => self.barrier_over(ctx, index),
            About::Retention => self.retention_tick(ctx),
            About::Transaction => self.beat_of(ctx, index),
            About::Apart => self.apart_for_long(ctx, index),
        }
    }

    fn joined(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        self.joins(ctx, self.group_of[group as usize], instance);
    }

    fn left(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32, how: Departure) {
        let group = self.group_of[group as usize];
        let Some(member) = self.member_of(group, instance) else { return };
        match how {
            Departure::Crash => self.crashes(ctx, member),
            Departure::Stop | Departure::Leave => self.stops(ctx, member),
        }
    }

    fn paused(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        if let Some(member) = self.member_of(self.group_of[group as usize], instance) {
            self.falls_silent(ctx, member);
        }
    }

    fn resumed(&mut self, ctx: &mut Ctx<O>, group: u32, instance: u32) {
        if let Some(member) = self.member_of(self.group_of[group as usize], instance) {
            self.speaks_again(ctx, member);
        }
    }

    fn node_down(&mut self, ctx: &mut Ctx<O>, node: u32, unclean: bool) {
        self.node_stops(ctx, node, unclean);
    }

    fn node_up(&mut self, ctx: &mut Ctx<O>, node: u32) {
        self.node_returns(ctx, node);
    }

    fn partition_down(&mut self, ctx: &mut Ctx<O>, nth: u32) {
        self.goes_offline(ctx, nth);
    }

    fn partition_up(&mut self, ctx: &mut Ctx<O>, nth: u32) {
        self.comes_online(ctx, nth);
    }

    fn reach_changed(&mut self, ctx: &mut Ctx<O>) {
        self.look_around(ctx);
    }

    fn replay(&mut self, ctx: &mut Ctx<O>, group: u32, to: SimTime) {
        self.reads_again(ctx, self.group_of[group as usize], to);
    }

    fn mended(&mut self, ctx: &mut Ctx<O>, group: u32) {
        self.reads_on(ctx, self.group_of[group as usize]);
    }

    fn reconfigure(&mut self, ctx: &mut Ctx<O>, broker: &Broker) {
        let EngineSpec::Log(spec) = &broker.engine else { return };
        let before = self.spec.partitions;
        self.spec.clone_from(spec);
        // Partitions come and never go.
        self.spec.partitions = before.max(spec.partitions);
        self.acks = broker.producer.acks;
        self.idempotent = broker.producer.idempotent;
        self.start_ticking(ctx);
        // Fewer copies in step may be enough now.
        for partition in 0..self.partitions.len() as u32 {
            self.advance(ctx, partition);
        }
        if self.spec.partitions > before {
            for group in 0..self.groups.len() as u32 {
                self.rebalance(ctx, group);
            }
        }
    }

    fn at_rest(&self) -> bool {
        // What a member has in hand it works off, even if it was applied before.
        self.replaying == 0 && self.batches.len() == 0
    }

    fn backlog(&self, group: u32) -> u64 {
        let g = &self.groups[self.group_of[group as usize] as usize];
        let lanes = &self.lanes[g.lanes.start as usize..g.lanes.end as usize];
        let behind =
            |l: &Lane| self.partitions[l.partition as usize].hw.saturating_sub(l.committed);
        lanes.iter().map(behind).sum()
    }

    fn waiting(&self, book: &Book, group: u32) -> u64 {
        let lanes = self.groups[self.group_of[group as usize] as usize].lanes.clone();
        lanes.map(|lane| self.unread(book, lane)).sum()
    }

    fn in_hand(&self, group: u32) -> u64 {
        let group = self.group_of[group as usize];
        let batches = self.lanes.iter().filter(|l| l.group == group && l.batch != u32::MAX);
        batches.map(|l| u64::from(self.batches.get(l.batch).behind)).sum()
    }

    fn lag(&self, now: SimTime, group: u32, lane: u32) -> Option<Lag> {
        Some(self.lag_of(now, self.group_of[group as usize], lane))
    }
}
