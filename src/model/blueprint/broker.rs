//! Brokers as they are declared: which engine, and the numbers that make one product of it.
//!
//! It knows nothing of presets: those are files of the scenario room, and become these values.

use super::EventTypeId;
use crate::random::{Backoff, Variate};
use crate::units::{Probability, SimDuration};

/// Index of a broker in [`Blueprint::brokers`](super::Blueprint::brokers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub u32);

/// A broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Name in the file, `bus` if the file declares none.
    pub name: String,
    /// The preset that it started from, for instance `kafka`.
    pub preset: String,
    /// How it stores and dispatches.
    pub engine: EngineSpec,
    /// From the hand-over by the publisher until the broker has the event, at low load, network
    /// included.
    pub publish: Variate,
    /// From the broker to the subscriber, network included; on the ideal bus from the emit to the
    /// subscriber's backlog.
    pub deliver: Variate,
    /// Number of nodes, at least 1; spread over the zones in turn.
    pub nodes: u32,
    /// What a shard (partition leader, queue, bus) serves.
    pub per_shard: Capacity,
    /// What a node serves, over all of its shards.
    pub per_node: Capacity,
    /// What each publishing client may send.
    pub quota: Capacity,
    /// Whether an event that nobody hears is an error to its publisher.
    pub mandatory: bool,
    /// The event type as which an event that nobody hears is published again.
    pub alternate: Option<EventTypeId>,
    /// Pause before a lost connection is tried again.
    pub reconnect: Backoff,
    /// How clients publish.
    pub producer: ProducerSpec,
    /// When consumers acknowledge, unless their handler says otherwise.
    pub ack: AckMode,
}

impl Broker {
    /// The ideal bus.
    pub fn ideal(name: &str, deliver: Variate) -> Self {
        Self {
            name: name.to_owned(),
            preset: "ideal".to_owned(),
            engine: EngineSpec::Ideal,
            publish: Variate::constant(SimDuration::ZERO),
            deliver,
            nodes: 1,
            per_shard: Capacity::default(),
            per_node: Capacity::default(),
            quota: Capacity::default(),
            mandatory: false,
            alternate: None,
            reconnect: Backoff::Fixed { base: SimDuration::ZERO },
            producer: ProducerSpec::plain(),
            ack: AckMode::After,
        }
    }
}

/// How clients of a broker publish.
#[derive(Clone, Debug, PartialEq)]
pub struct ProducerSpec {
    /// When a publish counts as done.
    pub acks: Acks,
    /// Whether the broker recognises a repeated publish.
    pub idempotent: bool,
    /// A batch leaves at this many bytes; 0: each event by itself.
    pub batch: u64,
    /// A batch leaves after this time.
    pub linger: SimDuration,
    /// Bytes that a client buffers before a publish blocks.
    pub buffer: u64,
    /// How long a full buffer blocks before it is an error.
    pub max_block: SimDuration,
    /// How long an attempt waits for its confirmation.
    pub request_timeout: SimDuration,
    /// How long all attempts together may take.
    pub delivery_timeout: SimDuration,
    /// Pause between attempts.
    pub backoff: Backoff,
}

impl ProducerSpec {
    /// Each event by itself, without an answer or any limit.
    pub fn plain() -> Self {
        Self {
            acks: Acks::None,
            idempotent: false,
            batch: 0,
            linger: SimDuration::ZERO,
            buffer: u64::MAX,
            max_block: SimDuration::ZERO,
            request_timeout: SimDuration::MAX,
            delivery_timeout: SimDuration::MAX,
            backoff: Backoff::Fixed { base: SimDuration::ZERO },
        }
    }
}

/// When a publish counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// At once: nobody waits for an answer.
    None,
    /// When the leader or the queue has it.
    Leader,
    /// When enough copies have it.
    All,
}

/// What something serves; 0 stands for "without limit".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Messages per second.
    pub messages_per_s: f64,
    /// Bytes per second.
    pub bytes_per_s: f64,
}

impl Capacity {
    /// Time to serve a batch of `messages` with `bytes` in all.
    pub fn service(self, messages: u64, bytes: u64) -> SimDuration {
        let mut s = 0.0;
        if self.messages_per_s > 0.0 {
            s += messages as f64 / self.messages_per_s;
        }
        if self.bytes_per_s > 0.0 {
            s += bytes as f64 / self.bytes_per_s;
        }
        SimDuration::from_ns((s * 1e9 + 0.5) as u64)
    }

    /// Whether there is no limit.
    pub fn is_unlimited(self) -> bool {
        self.messages_per_s == 0.0 && self.bytes_per_s == 0.0
    }
}

/// When a consumer acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// Before the work: at most once.
    Before,
    /// After the work: at least once.
    After,
    /// Every so often; on a log only.
    Interval(SimDuration),
    /// Together with what is emitted to the same log, which is not seen before.
    Transaction,
}

/// Storage and dispatch.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineSpec {
    /// The lossless bus of infinite capacity.
    Ideal,
    /// Partitioned log with consumer groups.
    Log(LogSpec),
    /// Leased queue that pushes to consumers with credit.
    Push(PushSpec),
    /// Leased queue that consumers ask, with a timer for each lease.
    Pull(PullSpec),
    /// Ephemeral fan-out.
    FanOut(FanOutSpec),
}

impl EngineSpec {
    /// How long it keeps what nobody reads at most, if there is a limit.
    pub fn keeps_for(&self) -> Option<SimDuration> {
        match self {
            Self::Log(log) => log.retention,
            Self::Pull(queue) => queue.retention,
            Self::Push(queue) => queue.ttl,
            Self::Ideal | Self::FanOut(_) => None,
        }
    }

    /// Lets it keep nothing for longer than this.
    pub fn keep_no_longer(&mut self, than: SimDuration) {
        let most = self.keeps_for().map_or(than, |usual| usual.min(than));
        match self {
            Self::Log(log) => log.retention = Some(most),
            Self::Pull(queue) => queue.retention = Some(most),
            Self::Push(queue) => queue.ttl = Some(most),
            Self::Ideal | Self::FanOut(_) => {}
        }
    }
}

/// Partitioned log with consumer groups.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSpec {
    /// Partitions of each topic.
    pub partitions: u32,
    /// Copies of each partition, the leader included.
    pub replicas: u32,
    /// Copies that must be in step for a publish with acks = all.
    pub min_isr: u32,
    /// Time for an entry to reach a follower.
    pub replication: Variate,
    /// Whether a copy that is not in step may lead.
    pub unclean: bool,
    /// A follower that lags this long leaves the in-step set.
    pub replica_lag: SimDuration,
    /// From the crash of a node until the others notice.
    pub detection: SimDuration,
    /// From there until a new leader serves.
    pub election: SimDuration,
    /// Entries older than this are deleted.
    pub retention: Option<SimDuration>,
    /// Entries beyond this many bytes of a partition are deleted.
    pub retain: Option<u64>,
    /// Only the newest entry of each key is kept.
    pub compaction: bool,
    /// Where a group goes on whose place has been deleted.
    pub reset: Reset,
    /// How partitions are shared out.
    pub rebalance: Rebalance,
    /// A member that was silent this long is given up.
    pub session_timeout: SimDuration,
    /// A member that asked for nothing this long is given up.
    pub max_poll_interval: SimDuration,
    /// Members speak up this often.
    pub heartbeat: SimDuration,
    /// Entries of one answer.
    pub max_poll_records: u32,
    /// How long a question waits for entries.
    pub long_poll: SimDuration,
}

/// Where a group goes on whose place has been deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// At the end: what is there is skipped.
    Latest,
    /// At the first entry that is left.
    Earliest,
}

/// How partitions are shared out among the members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// All members stop and join again.
    Eager,
    /// Only what moves stops, in two rounds.
    Cooperative,
    /// The broker moves partitions with the heartbeats.
    Server,
}

/// Leased queue that pushes.
#[derive(Clone, Debug, PartialEq)]
pub struct PushSpec {
    /// Messages that a consumer holds at most, unless its handler says otherwise; 0: without limit.
    pub prefetch: u32,
    /// Highest priority that it tells from lower ones; 0: all are equal.
    pub priorities: u8,
    /// Messages that waited longer are dropped.
    pub ttl: Option<SimDuration>,
    /// Ready messages that the queue holds at most.
    pub max_length: Option<u64>,
    /// What happens when it is full.
    pub overflow: Overflow,
    /// Copies by majority (quorum queue), or `None` for a single node.
    pub quorum: Option<QuorumSpec>,
    /// Time to write to disk before the confirmation, by a majority if there is a quorum.
    pub fsync: Variate,
    /// Failed deliveries that a message survives; with one more it is dropped or dead-lettered.
    pub delivery_limit: Option<u32>,
    /// A delivery unacknowledged for this long is taken back, with its connection.
    pub ack_timeout: Option<SimDuration>,
    /// From the loss of a host until its connections are given up.
    pub heartbeat: SimDuration,
    /// Whether what is refused, expired or thrown out goes to a dead-letter queue.
    pub dead_letters: bool,
}

/// What a replicated queue needs.
#[derive(Clone, Debug, PartialEq)]
pub struct QuorumSpec {
    /// Copies, the leader included.
    pub replicas: u32,
    /// Time for an entry to reach a follower.
    pub replication: Variate,
    /// From the loss of the leader until another one serves.
    pub failover: SimDuration,
}

/// What a full queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest message goes.
    DropHead,
    /// The new one is refused.
    RejectPublish,
    /// The new one is refused and dead-lettered.
    RejectPublishDlx,
    /// The publisher waits.
    Block,
}

/// Leased queue that consumers ask.
#[derive(Clone, Debug, PartialEq)]
pub struct PullSpec {
    /// How long a message stays hidden after it was given out; `None`: until somebody reclaims it.
    pub visibility: Option<SimDuration>,
    /// Whether the lease is extended while work goes on.
    pub heartbeat: bool,
    /// How long a question waits; `None`: short polls, repeated every `poll`.
    pub long_poll: Option<SimDuration>,
    /// Pause between two short polls of an idle consumer.
    pub poll: SimDuration,
    /// Chance that a short poll finds nothing though messages exist.
    pub empty_poll: Probability,
    /// Messages of one answer.
    pub batch: u32,
    /// Messages that a consumer may hold beyond its free workers, unless its handler says
    /// otherwise; 0: only what its free workers can take.
    pub prefetch: u32,
    /// Messages given out at most.
    pub max_in_flight: u64,
    /// Receipts after which a message is dead-lettered; `None`: never.
    pub dlq_after: Option<u32>,
    /// Order within groups (the event's key), one at a time.
    pub fifo: bool,
    /// Publishes of one event within this time are recognised.
    pub dedup: Option<SimDuration>,
    /// Chance that a message is given out twice.
    pub duplicates: Probability,
    /// Messages older than this are deleted.
    pub retention: Option<SimDuration>,
    /// Entries that were idle this long are taken over by another consumer.
    pub reclaim: Option<SimDuration>,
    /// Pause before a message that was handed back is given out again.
    pub nack_delay: SimDuration,
    /// Stored events at most, the oldest make room; `None`: without limit.
    pub max_length: Option<u64>,
    /// Copies besides the first, and what the loss of the first node costs.
    pub replication: Variate,
    /// From the loss of the node that serves until another one does.
    pub failover: SimDuration,
    /// Confirmed events of this last stretch are lost with the node.
    pub unsynced: SimDuration,
}

/// Ephemeral fan-out.
#[derive(Clone, Debug, PartialEq)]
pub struct FanOutSpec {
    /// Bytes buffered for a subscriber before it is disconnected.
    pub buffer: u64,
    /// Bytes above which it is disconnected if it stays there for `soft_time`.
    pub soft_buffer: Option<u64>,
    /// See `soft_buffer`.
    pub soft_time: SimDuration,
}
