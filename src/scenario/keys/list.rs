//! The list of keys, table by table.
//!
//! It knows nothing of how values are read.

use Grammar as G;
use Place as P;

use super::{BALANCES, Grammar, Key, PRESETS, Place, Status};

const HANDLERS: &[Place] = &[P::On, P::Api];
const MANY: u64 = u32::MAX as u64;

const fn key(
    places: &'static [Place],
    name: &'static str,
    grammar: Grammar,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { places, name, grammar, default, doc, status: Status::Supported }
}

const fn later(places: &'static [Place], name: &'static str, doc: &'static str) -> Key {
    Key { places, name, grammar: G::Other(""), default: "", doc, status: Status::Later }
}

/// All keys, table by table.
pub const KEYS: &[&[Key]] = &[
    ROOT,
    PARTS,
    CLIENT,
    SERVICE,
    SERVICE_LATER,
    HANDLER,
    HANDLER_LATER,
    RETRY,
    BROKER,
    BROKER_LATER,
    FAILURE,
    FAILURE_LATER,
];

const ROOT: &[Key] = &[
    key(&[P::Root], "schema", G::Whole(1, 1), "1", "version of the format"),
    key(&[P::Root], "title", G::Text, "", "what the scenario is called"),
    key(&[P::Root], "question", G::Text, "", "the question that the scenario answers"),
    key(&[P::Root], "lesson", G::Text, "", "what the scenario teaches"),
    key(&[P::Root], "duration", G::Duration, "60s", "length of the measured phase"),
    key(&[P::Root], "warmup", G::Duration, "0s", "traffic before the measured phase"),
    key(&[P::Root], "drain", G::Duration, "10m", "longest time to come to rest after the traffic"),
    key(&[P::Root], "seed", G::Whole(0, u64::MAX), "1", "root seed of all random numbers"),
    key(&[P::Root], "seeds", G::Whole(1, 1_000_000), "1", "number of replications"),
    key(
        &[P::Root],
        "max_events",
        G::Whole(1, u64::MAX),
        "1_000_000_000",
        "events after which a run is given up",
    ),
    key(
        &[P::Root],
        "network",
        G::TextOr("a delay for every placement", P::Network),
        "",
        "one-way delay by placement",
    ),
    key(
        &[P::Root],
        "zones",
        G::List("a name such as \"a\" or, with its region, \"eu/a\""),
        "",
        "failure domains, over which instances are spread",
    ),
    key(&[P::Root], "extends", G::Text, "", "the file that this one builds upon"),
    key(&[P::Root], "remove", G::List("a path"), "", "what is taken out of that file"),
    key(&[P::Root], "service", G::Other("tables by name"), "", "services by name"),
    key(&[P::Root], "client", G::Other("tables by name"), "", "load generators by name"),
    key(&[P::Root], "broker", G::Other("tables by name"), "", "the bus that carries the events"),
    key(&[P::Root], "event", G::Other("tables by name"), "", "details of event types"),
    key(&[P::Root], "entity", G::Other("tables by name"), "", "details of entities"),
    key(&[P::Root], "failure", G::Other("a list of tables"), "", "what breaks, and when"),
    key(&[P::Root], "variant", G::Other("tables by name"), "", "changes to the file, by name"),
    key(&[P::Root], "expect", G::Other("bounds by metric path"), "", "how results are judged"),
    later(&[P::Root], "saga", "long transactions with compensation"),
    later(&[P::Root], "sweep", "values to be tried in turn"),
];

const PARTS: &[Key] = &[
    key(
        &[P::Network],
        "same_zone",
        G::Distribution,
        "150us p99 400us",
        "between instances of one zone",
    ),
    key(
        &[P::Network],
        "other_zone",
        G::Distribution,
        "500us p99 1.5ms",
        "between zones of one region",
    ),
    key(&[P::Network], "other_region", G::Distribution, "40ms p99 60ms", "between regions"),
    later(&[P::Entity], "count", "how many there are"),
    later(&[P::Entity], "popularity", "how often each is drawn"),
    later(&[P::Event], "key", "entity by which the event is routed and ordered"),
    later(&[P::Event], "size", "size of the event"),
    later(&[P::Event], "attrs", "attributes for filters"),
    later(&[P::Event], "history", "facts that exist before the run"),
    later(&[P::Event], "priority", "priority in a queue"),
    later(&[P::Event], "version", "version of the event's schema"),
    later(&[P::Event], "external", "whether somebody outside the scenario emits it"),
];

const CLIENT: &[Key] = &[
    key(&[P::Client], "calls", G::Name("an operation, SERVICE.OPERATION"), "", "what it calls"),
    key(&[P::Client], "rate", G::Rate, "", "when it calls, whatever the system does (open loop)"),
    key(
        &[P::Client],
        "users",
        G::Whole(1, 10_000_000),
        "",
        "number of users who wait for each answer (closed loop)",
    ),
    key(&[P::Client], "think", G::Distribution, "0s", "pause of a user before each request"),
    key(&[P::Client], "timeout", G::Duration, "1s", "how long an attempt may take"),
    key(&[P::Client], "retry", G::Table(P::Retry), "", "how failed attempts are repeated"),
    key(&[P::Client], "zone", G::Name("a zone"), "", "where it is; the first zone by default"),
    later(&[P::Client], "session", "the client whose users act again"),
    later(&[P::Client], "after", "pause before they do"),
    later(&[P::Client], "repeat", "how often they do"),
    later(&[P::Client], "slo", "objective for asynchronous operations"),
];

const SERVICE: &[Key] = &[
    key(&[P::Service], "instances", G::Whole(1, MANY), "1", "number of instances"),
    key(&[P::Service], "workers", G::Whole(1, MANY), "1", "workers of each instance"),
    key(
        &[P::Service],
        "start",
        G::Duration,
        "5s",
        "time from the end of a crash until an instance works again",
    ),
    key(
        &[P::Service],
        "balance",
        G::Choice(BALANCES),
        "round-robin",
        "how requests are spread over the instances",
    ),
    key(
        &[P::Service],
        "zone",
        G::Name("a zone"),
        "",
        "zone of all instances; round robin over all zones by default",
    ),
    key(&[P::Service], "store", G::Table(P::Store), "", "its database"),
    key(&[P::Service], "emits", G::Other("rates by event"), "", "events that it emits by itself"),
    key(&[P::Service], "on", G::Other("handlers by event"), "", "what it does on an event"),
    key(&[P::Service], "api", G::Other("handlers by operation"), "", "operations that it offers"),
    key(&[P::Store], "write", G::Distribution, "2ms", "duration of a write"),
    key(&[P::Source], "rate", G::Rate, "", "when the event is emitted"),
    key(&[P::Source], "burst", G::Burst, "1", "how many are emitted at a time"),
];

const SERVICE_LATER: &[Key] = &[
    later(&[P::Service], "cores", "processors that its workers share"),
    later(&[P::Service], "dedup", "recognition of duplicates"),
    later(&[P::Service], "dedup_window", "how long duplicates are recognised"),
    later(&[P::Service], "order", "guard against older versions"),
    later(&[P::Service], "gap_timeout", "how long the guard waits for a gap to close"),
    later(&[P::Service], "ids", "whether a repeated attempt emits the same ids"),
    later(&[P::Service], "static_id", "membership that outlives a restart"),
    later(&[P::Service], "backlog", "limit and order of the waiting work"),
    later(&[P::Service], "autoscale", "number of instances by load"),
    later(&[P::Service], "cache", "copies of another service's data"),
    later(&[P::Service], "view", "read model"),
    later(&[P::Store], "read", "duration of a read"),
    later(&[P::Store], "replicas", "copies for reading"),
    later(&[P::Store], "replica_lag", "how far the copies are behind"),
    later(&[P::Store], "connections", "limit of concurrent operations"),
    later(&[P::Source], "late", "age of the fact when it arrives"),
];

const HANDLER: &[Key] = &[
    key(HANDLERS, "takes", G::Distribution, "0s", "worker time"),
    key(
        HANDLERS,
        "calls",
        G::List("an operation"),
        "",
        "operations called, one after the other; those of an inner list at once",
    ),
    key(HANDLERS, "writes", G::List("an entity"), "", "entities written to the service's store"),
    key(
        HANDLERS,
        "emits",
        G::List("an event such as \"E\", \"E x100\" or \"E 30%\""),
        "",
        "events emitted: all of them, or one of them by its share",
    ),
    key(
        HANDLERS,
        "do",
        G::List("a step such as \"4ms\", \"write order\", \"emit E\", \"call psp.charge\""),
        "",
        "steps in an order of one's own, instead of takes, calls, writes and emits",
    ),
    key(HANDLERS, "fails", G::Share, "0%", "share of attempts that fail"),
    key(&[P::On], "attempts", G::Whole(1, MANY), "3", "attempts in all before it gives up"),
    key(&[P::Api], "attempts", G::Whole(1, MANY), "1", "attempts in all before it gives up"),
    key(HANDLERS, "backoff", G::Backoff, "100ms..20s full-jitter", "pause between attempts"),
    key(HANDLERS, "timeout", G::Duration, "1s", "how long each attempt of a call may take"),
    key(HANDLERS, "retry", G::Table(P::Retry), "", "how its calls are repeated"),
];

const HANDLER_LATER: &[Key] = &[
    later(HANDLERS, "reads", "what it reads"),
    later(HANDLERS, "publish", "how events reach the broker"),
    later(HANDLERS, "relay", "how an outbox is emptied"),
    later(HANDLERS, "poll", "how often an outbox is read"),
    later(HANDLERS, "to", "the broker that its events go to"),
    later(HANDLERS, "via", "the broker that it listens to"),
    later(HANDLERS, "filter", "which events it hears"),
    later(HANDLERS, "from", "where a new subscription starts"),
    later(HANDLERS, "from_time", "instant at which a new subscription starts"),
    later(HANDLERS, "ack", "when it acknowledges"),
    later(HANDLERS, "prefetch", "how many it takes ahead"),
    later(HANDLERS, "batch", "several at a time"),
    later(HANDLERS, "window", "results over spans of event time"),
    later(HANDLERS, "declines", "share of requests refused for good reason"),
    later(HANDLERS, "poison", "share of events that always fail"),
    later(HANDLERS, "retry_in", "where failed work waits"),
    later(HANDLERS, "on_exhausted", "what becomes of work that failed for good"),
    later(HANDLERS, "hedge", "a second copy of a slow call"),
    later(HANDLERS, "breaker", "circuit breaker"),
    later(HANDLERS, "bulkhead", "limit of concurrent calls"),
    later(HANDLERS, "rate_limit", "limit of calls per second"),
    later(HANDLERS, "throttle", "refusal by the caller itself"),
    later(HANDLERS, "health", "avoidance of broken instances"),
    later(HANDLERS, "pool", "connections"),
    later(HANDLERS, "blocking", "whether a worker waits for its calls"),
    later(HANDLERS, "deadline", "time after which work is dropped"),
    later(HANDLERS, "cancel", "whether abandoned requests are withdrawn"),
];

const RETRY: &[Key] = &[
    key(&[P::Retry], "attempts", G::Whole(1, MANY), "1", "attempts of a call in all"),
    key(&[P::Retry], "backoff", G::Backoff, "100ms..20s full-jitter", "pause between attempts"),
    later(&[P::Retry], "budget", "limit of retries"),
];

const BROKER: &[Key] = &[
    key(&[P::Broker], "preset", G::Choice(PRESETS), "ideal", "which product it resembles"),
    key(
        &[P::Broker],
        "deliver",
        G::Distribution,
        "1ms",
        "time from the emit to the subscriber's backlog",
    ),
];

const BROKER_LATER: &[Key] = &[
    later(&[P::Broker], "nodes", "number of nodes"),
    later(&[P::Broker], "partitions", "partitions of a topic"),
    later(&[P::Broker], "replicas", "copies of a partition"),
    later(&[P::Broker], "min_isr", "copies that must be in step"),
    later(&[P::Broker], "acks", "when a publish counts as done"),
    later(&[P::Broker], "linger", "how long a batch waits"),
    later(&[P::Broker], "batch", "size of a batch"),
    later(&[P::Broker], "unclean", "whether a stale copy may lead"),
    later(&[P::Broker], "retention", "how long events are kept"),
    later(&[P::Broker], "retain", "how much is kept"),
    later(&[P::Broker], "reset", "where a consumer starts that has fallen off"),
    later(&[P::Broker], "compaction", "whether only the newest of a key is kept"),
    later(&[P::Broker], "exactly_once", "transactions"),
    later(&[P::Broker], "rebalance", "how partitions are shared out"),
    later(&[P::Broker], "session_timeout", "when a silent consumer is given up"),
    later(&[P::Broker], "max_poll_interval", "when a busy consumer is given up"),
    later(&[P::Broker], "commit", "when offsets are stored"),
    later(&[P::Broker], "mandatory", "whether unroutable events are errors"),
    later(&[P::Broker], "alternate", "where unroutable events go"),
    later(&[P::Broker], "reconnect", "pause before a lost connection is tried again"),
    later(&[P::Broker], "quota", "limit per client"),
    later(&[P::Broker], "prefetch", "how many a consumer takes ahead"),
    later(&[P::Broker], "priority", "levels of priority"),
    later(&[P::Broker], "ttl", "how long a message lives"),
    later(&[P::Broker], "max_length", "how many messages a queue holds"),
    later(&[P::Broker], "overflow", "what happens when it is full"),
    later(&[P::Broker], "dlq", "dead-letter queue"),
    later(&[P::Broker], "quorum", "replicated queue"),
    later(&[P::Broker], "idempotent", "whether repeated publishes are recognised"),
    later(&[P::Broker], "visibility", "how long a message is leased"),
    later(&[P::Broker], "heartbeat", "extension of leases"),
    later(&[P::Broker], "long_poll", "how long a poll waits"),
    later(&[P::Broker], "fifo", "order by group"),
    later(&[P::Broker], "reclaim", "when idle entries are taken over"),
    later(&[P::Broker], "publish", "time from the publisher to the broker"),
    later(&[P::Broker], "replication", "time to copy to a follower"),
    later(&[P::Broker], "per_shard", "capacity of a shard"),
    later(&[P::Broker], "per_node", "capacity of a node"),
    later(&[P::Broker], "fsync", "time to write to disk"),
];

const FAILURE: &[Key] = &[
    key(&[P::Failure], "crash", G::Target, "", "instances stop and lose what they had in memory"),
    key(&[P::Failure], "slow", G::Target, "10x", "work and writes take this many times as long"),
    key(&[P::Failure], "at", G::Duration, "", "when it strikes, once"),
    key(&[P::Failure], "every", G::Duration, "", "it strikes at each multiple of this"),
    key(
        &[P::Failure],
        "for",
        G::Duration,
        "",
        "how long it lasts; for ever (`at`) or no time (`every`) by default",
    ),
    key(&[P::Failure], "name", G::Text, "", "what it is called; verb and target by default"),
    key(&[P::Failure], "off", G::Truth, "false", "whether it is left out"),
];

const FAILURE_LATER: &[Key] = &[
    later(&[P::Failure], "restart", "rolling restart"),
    later(&[P::Failure], "pause", "no progress for a while"),
    later(&[P::Failure], "unclean", "failover to a stale copy"),
    later(&[P::Failure], "partition", "two groups cannot reach each other"),
    later(&[P::Failure], "loss", "messages get lost"),
    later(&[P::Failure], "duplicate", "messages arrive twice"),
    later(&[P::Failure], "reorder", "messages overtake"),
    later(&[P::Failure], "delay", "messages are late"),
    later(&[P::Failure], "throttle", "less bandwidth"),
    later(&[P::Failure], "poison", "an event that always fails"),
    later(&[P::Failure], "hot", "one key gets most events"),
    later(&[P::Failure], "spike", "a source emits more"),
    later(&[P::Failure], "herd", "all clients come at once"),
    later(&[P::Failure], "brownout", "errors and slowness of a dependency"),
    later(&[P::Failure], "disk_full", "writes are refused"),
    later(&[P::Failure], "expire", "shorter retention"),
    later(&[P::Failure], "skew", "a wrong clock"),
    later(&[P::Failure], "zone", "all of a zone"),
    later(&[P::Failure], "bug", "wrong results"),
    later(&[P::Failure], "replay", "a group starts again"),
    later(&[P::Failure], "lag_replica", "a replica falls behind"),
    later(&[P::Failure], "leak", "slower and slower"),
    later(&[P::Failure], "schema", "a new version of an event"),
    later(&[P::Failure], "drop_consumer", "a subscription is removed"),
    later(&[P::Failure], "stop", "graceful stop"),
    later(&[P::Failure], "redrive", "dead letters return"),
    later(&[P::Failure], "set", "any value of the scenario changes"),
    later(&[P::Failure], "mtbf", "mean time between failures"),
    later(&[P::Failure], "mttr", "mean time to repair"),
    later(&[P::Failure], "when", "a condition that triggers it"),
    later(&[P::Failure], "chance", "a chance per message"),
    later(&[P::Failure], "after", "another failure that triggers it"),
    later(&[P::Failure], "cooldown", "pause between two strikes"),
    later(&[P::Failure], "kills", "whether poison crashes the instance"),
    later(&[P::Failure], "datagram", "whether lost messages stay lost"),
    later(&[P::Failure], "fix", "how it is mended"),
];
