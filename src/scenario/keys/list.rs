//! The list of keys, table by table.
//!
//! It knows nothing of how values are read.

use Grammar as G;
use Place as P;

use super::{BALANCES, Grammar, Key, Place, Status, list_broker, list_failure, list_guard};

const HANDLERS: &[Place] = &[P::On, P::Api];
const PUBLISHERS: &[Place] = &[P::On, P::Api, P::Source];
const ON: &[Place] = &[P::On];
/// How a service recognises duplicates.
const DEDUPS: &[&str] = &["none", "inbox", "separate"];
/// How a service guards against older versions.
const ORDERS: &[&str] = &["none", "version", "buffer"];
/// What a full backlog does.
const POLICIES: &[&str] = &["reject-new", "drop-oldest", "lifo", "random", "deadline", "codel"];
/// As many as are counted in 32 bits.
pub(super) const MANY: u64 = u32::MAX as u64;

pub(super) const fn key(
    places: &'static [Place],
    name: &'static str,
    grammar: Grammar,
    default: &'static str,
    doc: &'static str,
) -> Key {
    Key { places, name, grammar, default, doc, status: Status::Supported }
}

pub(super) const fn later(places: &'static [Place], name: &'static str, doc: &'static str) -> Key {
    Key { places, name, grammar: G::Other(""), default: "", doc, status: Status::Later }
}

/// All keys, table by table.
pub const KEYS: &[&[Key]] = &[
    ROOT,
    PARTS,
    CLIENT,
    SERVICE,
    SERVICE_LATER,
    SMALL,
    HANDLER,
    PUBLISHING,
    CONSUMING,
    HANDLER_LATER,
    RETRY,
    list_guard::CALLING,
    list_guard::TABLES,
    list_broker::COMMON,
    list_broker::PRODUCER,
    list_broker::LOG,
    list_broker::PUSH,
    list_broker::PULL,
    list_broker::FAN_OUT,
    list_failure::FAILURE,
    list_failure::FAILURE_LATER,
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
    key(&[P::Root], "broker", G::Other("tables by name"), "", "what carries the events, by name"),
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
    key(&[P::Entity], "count", G::Whole(1, MANY), "10_000", "how many there are"),
    key(&[P::Entity], "popularity", G::Popularity, "uniform", "how often each is drawn"),
    key(
        &[P::Event],
        "key",
        G::Name("an entity"),
        "",
        "what routes and orders it; the first entity that its cause wrote by default",
    ),
    key(&[P::Event], "size", G::Size, "1KB", "its size"),
    key(
        &[P::Event],
        "attrs",
        G::Other(
            "attributes by name, such as { amount = \"5..500\", country = \"de 60%, us 40%\" }",
        ),
        "",
        "attributes for filters, drawn for each event",
    ),
    key(&[P::Event], "history", G::Whole(0, MANY), "0", "facts that exist before the run"),
    key(&[P::Event], "priority", G::Whole(0, 255), "0", "priority in a queue that has some"),
    key(
        &[P::Event],
        "external",
        G::Truth,
        "false",
        "whether it may be heard though nobody emits it",
    ),
    later(&[P::Event], "version", "version of the event's schema"),
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
    key(
        &[P::Client],
        "slo",
        G::Duration,
        "",
        "how soon all that a request leads to has to be done to be fulfilled",
    ),
];

const SERVICE: &[Key] = &[
    key(&[P::Service], "instances", G::Whole(1, MANY), "1", "number of instances"),
    key(&[P::Service], "workers", G::Whole(1, MANY), "1", "workers of each instance"),
    key(
        &[P::Service],
        "cores",
        G::WholeOrNone(1, MANY),
        "none",
        "processors that the workers of an instance share; one for each by default",
    ),
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
    key(&[P::Service], "dedup", G::Choice(DEDUPS), "none", "recognition of duplicates"),
    key(
        &[P::Service],
        "dedup_window",
        G::DurationOrNone,
        "none",
        "how long duplicates are recognised; for ever by default",
    ),
    key(&[P::Service], "order", G::Choice(ORDERS), "none", "guard against older versions"),
    key(
        &[P::Service],
        "gap_timeout",
        G::Duration,
        "30s",
        "how long a version waits for those before it",
    ),
    key(
        &[P::Service],
        "ids",
        G::Choice(&["stable", "fresh"]),
        "stable",
        "whether each attempt emits events of the same identity or of a new one",
    ),
    key(
        &[P::Service],
        "static_id",
        G::Truth,
        "false",
        "whether its membership of a group outlives a restart",
    ),
    key(&[P::Service], "backlog", G::Table(P::Backlog), "", "limit and order of the waiting work"),
    key(&[P::Service], "autoscale", G::Table(P::Autoscale), "", "number of instances by load"),
];

/// Tables within those of a service.
const SMALL: &[Key] = &[
    key(&[P::Store], "write", G::Distribution, "2ms", "duration of a write"),
    key(&[P::Store], "read", G::Distribution, "1ms", "duration of a read"),
    key(
        &[P::Store],
        "connections",
        G::WholeOrNone(1, MANY),
        "none",
        "operations at a time; without limit by default",
    ),
    key(
        &[P::Backlog],
        "cap",
        G::WholeOrNone(0, u64::MAX),
        "none",
        "waiting work at most; without limit by default",
    ),
    key(
        &[P::Backlog],
        "policy",
        G::Choice(POLICIES),
        "reject-new",
        "which is next, and what happens when it is full",
    ),
    key(&[P::Autoscale], "backlog", G::Whole(1, u64::MAX), "", "what is to wait for each instance"),
    key(&[P::Autoscale], "rho", G::Share, "", "share of the time that workers are to be busy"),
    key(&[P::Autoscale], "min", G::Whole(0, MANY), "1", "fewest instances"),
    key(&[P::Autoscale], "max", G::Whole(1, MANY), "100", "most instances"),
    key(&[P::Autoscale], "start", G::Duration, "30s", "time until a new instance works"),
    key(&[P::Source], "rate", G::Rate, "", "when the event is emitted"),
    key(&[P::Source], "burst", G::Burst, "1", "how many are emitted at a time"),
    key(&[P::Source], "late", G::Distribution, "0s", "age of the fact when it arrives"),
    key(&[P::Batch], "max", G::Whole(1, MANY), "100", "how many at most"),
    key(&[P::Batch], "wait", G::Duration, "0s", "how long the first waits for more"),
    key(&[P::Batch], "each", G::Distribution, "0s", "work for each, on top of `takes` for all"),
    key(
        &[P::Batch],
        "bisect",
        G::Truth,
        "false",
        "whether a batch that fails is repeated in halves",
    ),
];

const SERVICE_LATER: &[Key] = &[
    later(&[P::Service], "cache", "copies of another service's data"),
    later(&[P::Service], "view", "read model"),
    later(&[P::Store], "replicas", "copies for reading"),
    later(&[P::Store], "replica_lag", "how far the copies are behind"),
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

const PUBLISHING: &[Key] = &[
    key(
        PUBLISHERS,
        "publish",
        G::Choice(&["async", "sync", "fire", "outbox"]),
        "async",
        "how its events reach the broker",
    ),
    key(PUBLISHERS, "relay", G::Choice(&["poll", "cdc"]), "poll", "how the outbox is emptied"),
    key(PUBLISHERS, "poll", G::Duration, "1s", "pause of the relay between two rounds"),
    key(
        PUBLISHERS,
        "to",
        G::Name("a broker"),
        "",
        "the broker that its events go to; the first by default",
    ),
];

const CONSUMING: &[Key] = &[
    key(ON, "via", G::Name("a broker"), "", "the broker that it listens to; the first by default"),
    key(
        ON,
        "filter",
        G::Other("a condition such as \"amount > 100 and country in [de, fr]\""),
        "",
        "which events it hears, by their `attrs`",
    ),
    key(
        ON,
        "from",
        G::Choice(&["latest", "earliest"]),
        "latest",
        "whether it also gets what was published before the run",
    ),
    key(ON, "ack", G::Ack, "", "when it acknowledges; as the broker does by default"),
    key(
        ON,
        "prefetch",
        G::Whole(0, MANY),
        "",
        "messages that an instance holds at most; as the broker does by default",
    ),
    key(ON, "batch", G::Table(P::Batch), "", "several at a time"),
    key(ON, "poison", G::Share, "0%", "share of events that always fail"),
    key(
        ON,
        "retry_in",
        G::Choice(&["inline", "requeue", "delayed"]),
        "inline",
        "where failed work waits: with its worker, back in the queue, or beside it",
    ),
    key(
        ON,
        "on_exhausted",
        G::Choice(&["drop", "halt", "skip", "dlq"]),
        "",
        "what becomes of work that failed for good; drop or, with a `dlq`, dlq; on a log halt",
    ),
];

const HANDLER_LATER: &[Key] = &[
    later(HANDLERS, "reads", "what it reads"),
    later(ON, "from_time", "instant at which a new subscription starts"),
    later(ON, "window", "results over spans of event time"),
    later(HANDLERS, "declines", "share of requests refused for good reason"),
];

const RETRY: &[Key] = &[
    key(&[P::Retry], "attempts", G::Whole(1, MANY), "1", "attempts of a call in all"),
    key(&[P::Retry], "backoff", G::Backoff, "100ms..20s full-jitter", "pause between attempts"),
];
