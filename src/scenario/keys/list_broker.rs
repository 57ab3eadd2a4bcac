//! The list of keys of a broker: those of every broker, then those of each engine.
//!
//! The defaults are neutral; what makes a product of an engine stands in its preset.

use Grammar as G;
use Place as P;

use super::list::{MANY, key};
use super::{Grammar, Key, PRESETS, Place};

const ALL: &[Place] = &[P::Ideal, P::Log, P::Push, P::Pull, P::FanOut];
/// Engines with nodes, networks and limits.
const REAL: &[Place] = &[P::Log, P::Push, P::Pull, P::FanOut];
/// Engines that confirm what they were given.
const CONFIRMING: &[Place] = &[P::Log, P::Push, P::Pull];
/// Brokers whose confirmation may fail to come.
const REPEATING: &[Place] = &[P::Log, P::Push];

/// Of every broker, and of every one but the ideal bus.
pub(super) const COMMON: &[Key] = &[
    key(ALL, "preset", G::Choice(PRESETS), "ideal", "which product it resembles"),
    key(
        ALL,
        "deliver",
        G::Distribution,
        "1ms",
        "time to the subscriber: from the broker, on the ideal bus from the emit",
    ),
    key(REAL, "publish", G::Distribution, "0s", "time from the publisher to the broker"),
    key(
        &[P::Log, P::Pull, P::FanOut],
        "nodes",
        G::Whole(1, 10_000),
        "3",
        "number of nodes, spread over the zones; a queue that pushes has as many as copies",
    ),
    key(
        REAL,
        "per_shard",
        G::Capacity,
        "none",
        "what a partition leader, a queue or a bus serves at most",
    ),
    key(REAL, "per_node", G::Capacity, "none", "what a node serves at most"),
    key(REAL, "quota", G::Capacity, "none", "what each publishing instance may send"),
    key(
        CONFIRMING,
        "mandatory",
        G::Truth,
        "false",
        "whether an event that nobody hears is an error to its publisher",
    ),
    key(
        REAL,
        "alternate",
        G::Name("an event"),
        "",
        "the event as which one that nobody hears is published again",
    ),
    key(
        REAL,
        "reconnect",
        G::Backoff,
        "100ms..10s full-jitter",
        "pause before a lost connection is tried again",
    ),
];

/// How clients publish.
pub(super) const PRODUCER: &[Key] = &[
    key(
        CONFIRMING,
        "acks",
        G::Acks,
        "all",
        "when a publish counts as done: at once, with one copy, with enough copies",
    ),
    key(REPEATING, "idempotent", G::Truth, "false", "whether a repeated publish is recognised"),
    key(
        CONFIRMING,
        "batch",
        G::Size,
        "0B",
        "a client's batch leaves at this size; 0B: each event by itself",
    ),
    key(CONFIRMING, "linger", G::Duration, "0s", "a client's batch leaves after this time"),
    key(CONFIRMING, "buffer", G::Size, "32MB", "what a client buffers before a publish blocks"),
    key(
        CONFIRMING,
        "max_block",
        G::Duration,
        "60s",
        "how long a full buffer blocks before it is an error",
    ),
    key(
        REPEATING,
        "request_timeout",
        G::Duration,
        "30s",
        "how long an attempt to publish waits for its confirmation",
    ),
    key(
        CONFIRMING,
        "delivery_timeout",
        G::Duration,
        "2m",
        "how long all attempts to publish together may take",
    ),
    key(
        REPEATING,
        "backoff",
        G::Backoff,
        "100ms..1s exp-jitter",
        "pause between attempts to publish",
    ),
];

/// Of a partitioned log.
pub(super) const LOG: &[Key] = &[
    key(&[P::Log], "partitions", G::Whole(1, 1_000_000), "1", "partitions of each topic"),
    key(&[P::Log, P::Push], "replicas", G::Whole(1, 99), "3", "copies, the leader included"),
    key(&[P::Log], "min_isr", G::Whole(1, 99), "2", "copies in step that acks = \"all\" needs"),
    key(
        &[P::Log, P::Push, P::Pull],
        "replication",
        G::Distribution,
        "0s",
        "time for an entry to reach a copy",
    ),
    key(&[P::Log], "unclean", G::Truth, "false", "whether a copy that is not in step may lead"),
    key(&[P::Log], "replica_lag", G::Duration, "30s", "a copy so far behind is no longer in step"),
    key(&[P::Log], "detection", G::Duration, "9s", "from the crash of a node until it is noticed"),
    key(&[P::Log], "election", G::Duration, "500ms", "from there until a new leader serves"),
    key(&[P::Log, P::Pull], "retention", G::DurationOrNone, "none", "age at which events go"),
    key(&[P::Log], "retain", G::SizeOrNone, "none", "size of a partition at which events go"),
    key(&[P::Log], "compaction", G::Truth, "false", "whether only the newest of a key is kept"),
    key(
        &[P::Log],
        "reset",
        G::Choice(&["latest", "earliest"]),
        "latest",
        "where a group goes on whose place has been deleted",
    ),
    key(
        &[P::Log],
        "rebalance",
        G::Choice(&["eager", "cooperative", "server"]),
        "eager",
        "how partitions are shared out among the members of a group",
    ),
    key(
        &[P::Log],
        "session_timeout",
        G::Duration,
        "45s",
        "a member that was silent this long is given up",
    ),
    key(
        &[P::Log],
        "max_poll_interval",
        G::Duration,
        "5m",
        "a member that asked for nothing this long is given up",
    ),
    key(
        &[P::Log, P::Push],
        "heartbeat",
        G::Duration,
        "3s",
        "how often members speak up; of a queue, how long a lost host goes unnoticed",
    ),
    key(&[P::Log], "max_poll_records", G::Whole(1, MANY), "500", "entries of one answer"),
    key(&[P::Log], "long_poll", G::Duration, "500ms", "how long a question waits for entries"),
    key(
        &[P::Log],
        "exactly_once",
        G::Truth,
        "false",
        "whether a handler that hears this log and emits to it commits both together",
    ),
    key(&[P::Log], "commit", G::Ack, "after", "when consumers store their offsets"),
];

/// Of a leased queue that pushes.
pub(super) const PUSH: &[Key] = &[
    key(
        &[P::Push, P::Pull],
        "prefetch",
        G::Whole(0, MANY),
        "0",
        "messages held by an instance: at most (0: all that come); of a polled queue, beyond its \
         free workers",
    ),
    key(&[P::Push], "priority", G::Whole(0, 255), "0", "levels of priority; 0: none"),
    key(&[P::Push], "ttl", G::DurationOrNone, "none", "messages that waited longer are dropped"),
    key(
        &[P::Push, P::Pull],
        "max_length",
        G::WholeOrNone(1, u64::MAX),
        "none",
        "messages that a queue holds, those with a consumer aside",
    ),
    key(
        &[P::Push],
        "overflow",
        G::Choice(&["drop-head", "reject-publish", "reject-publish-dlx", "block"]),
        "drop-head",
        "what happens when it is full",
    ),
    key(&[P::Push], "quorum", G::Truth, "false", "whether the queue has copies, kept by majority"),
    key(&[P::Push], "fsync", G::Distribution, "0s", "time to write to disk before a confirmation"),
    key(
        &[P::Push, P::Pull],
        "failover",
        G::Duration,
        "0s",
        "from the loss of the node that serves until another one does",
    ),
    key(
        &[P::Push],
        "delivery_limit",
        G::WholeOrNone(1, MANY),
        "none",
        "deliveries after which a message is dropped, or dead-lettered",
    ),
    key(
        &[P::Push],
        "ack_timeout",
        G::DurationOrNone,
        "none",
        "a delivery unacknowledged for this long is taken back, with its connection",
    ),
    key(&[P::Push, P::Pull], "dlq", G::Table(P::Dlq), "", "dead-letter queue"),
    key(
        &[P::Dlq],
        "after",
        G::WholeOrNone(1, MANY),
        "none",
        "deliveries after which a message goes there",
    ),
];

/// Of a leased queue that is polled.
pub(super) const PULL: &[Key] = &[
    key(
        &[P::Pull],
        "visibility",
        G::DurationOrNone,
        "none",
        "how long a message stays hidden after it was given out",
    ),
    key(&[P::Pull], "heartbeat", G::Truth, "false", "whether the lease is extended during work"),
    key(
        &[P::Pull],
        "long_poll",
        G::DurationOrNone,
        "none",
        "how long a question waits; none: short polls",
    ),
    key(&[P::Pull], "poll", G::Duration, "1s", "pause between two short polls that found nothing"),
    key(
        &[P::Pull],
        "empty_poll",
        G::Share,
        "0%",
        "chance that a short poll finds nothing though there is something",
    ),
    key(&[P::Pull], "receive", G::Whole(1, MANY), "10", "messages of one answer"),
    key(&[P::Pull], "in_flight", G::WholeOrNone(1, u64::MAX), "none", "messages given out at most"),
    key(&[P::Pull], "fifo", G::Truth, "false", "order by key, one message of each at a time"),
    key(
        &[P::Pull],
        "dedup",
        G::DurationOrNone,
        "none",
        "how long a repeated publish is recognised",
    ),
    key(&[P::Pull], "duplicates", G::Share, "0%", "chance that a message is given out twice"),
    key(
        &[P::Pull],
        "reclaim",
        G::DurationOrNone,
        "none",
        "messages idle this long are taken over by another consumer",
    ),
    key(
        &[P::Pull],
        "nack_delay",
        G::Duration,
        "0s",
        "pause before a message handed back is given out again",
    ),
    key(
        &[P::Pull],
        "unsynced",
        G::Duration,
        "0s",
        "confirmed messages of this last stretch are lost with the node",
    ),
];

/// Of ephemeral fan-out.
pub(super) const FAN_OUT: &[Key] = &[
    key(
        &[P::FanOut],
        "subscriber_buffer",
        G::Size,
        "64MB",
        "what is buffered for a subscriber before it is disconnected",
    ),
    key(
        &[P::FanOut],
        "soft_buffer",
        G::SizeOrNone,
        "none",
        "size at which it is disconnected, too, if it stays there for `soft_time`",
    ),
    key(&[P::FanOut], "soft_time", G::Duration, "60s", "how long it may stay there"),
];
