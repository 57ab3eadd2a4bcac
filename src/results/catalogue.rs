//! Every metric family: its path, kind, unit and meaning. One list for the probes, for `[expect]`,
//! for `explain` and for the glossary, so that a number has one name everywhere.

/// What a metric belongs to; the first part of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A service with at least one `on`: `email.lag`.
    Subscriber,
    /// An event type at one subscriber: `OrderPlaced@email.lag`.
    Subscription,
    /// An event type that somebody hears: `OrderPlaced.convergence`.
    Event,
    /// A service with at least one handler: `email.rho`.
    Service,
    /// A client: `web.latency`.
    Client,
    /// A service that consumes from a log: `email.consumer_lag`.
    Group,
    /// A service whose number of instances or workers changes: `email.instances`.
    Elastic,
    /// A client or a service whose calls are guarded: `web.retries`.
    Guarded,
    /// A broker that stores: `jobs.backlog`.
    Broker,
}

/// What a metric is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Durations of single things: `.mean .sd .p50 .p90 .p95 .p99 .p999 .max .count`.
    Tally,
    /// A time-persistent quantity: `.mean .max`.
    Level,
    /// One number.
    Scalar,
}

impl Kind {
    /// The statistics of this kind, as path suffixes; empty for a scalar.
    pub fn statistics(self) -> &'static [&'static str] {
        match self {
            Self::Tally => &["mean", "sd", "p50", "p90", "p95", "p99", "p999", "max", "count"],
            Self::Level => &["mean", "max"],
            Self::Scalar => &[],
        }
    }
}

/// One metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// What it belongs to.
    pub scope: Scope,
    /// Name within its scope, for instance `lag`.
    pub name: &'static str,
    /// What it is made of.
    pub kind: Kind,
    /// SI unit.
    pub unit: &'static str,
    /// One sentence on what it means.
    pub meaning: &'static str,
}

const fn family(
    scope: Scope,
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    meaning: &'static str,
) -> Family {
    Family { scope, name, kind, unit, meaning }
}

/// Names of the segments that add up to a delivery's lag, in the order in which a delivery passes
/// them.
pub const SEGMENTS: [&str; 9] =
    ["outbox", "batch", "publish", "broker", "deliver", "wait", "retry", "service", "commit"];

/// Names of the ledger's states, in the order of their columns.
pub const LEDGER_STATES: [&str; 10] = [
    "pending",
    "stored",
    "leased",
    "applied",
    "superseded",
    "rejected",
    "dropped",
    "dead_lettered",
    "expired",
    "lost",
];

/// What the ledger counts beside its states, with what it means, in the order of its columns.
pub const LEDGER_COUNTS: [(&str, &str); 9] = [
    ("filtered", "facts that a subscription's filter did not let through"),
    ("backfill", "facts older than the run that a subscription was given; no sample of any lag"),
    ("phantom", "events that were published although their fact was never committed"),
    ("redelivered", "copies that were given to a consumer again"),
    ("double_applied", "facts whose effect happened more than once"),
    (
        "out_of_order",
        "copies that came after a newer version of the same entity, at the same subscription",
    ),
    ("resurrected", "facts that were applied after they had been given up"),
    ("wrong_entities", "entities whose copy at a subscriber differs from the owner's in the end"),
    ("harmed", "entities whose copy at a subscriber was ever wrong, late or missing"),
];

/// What the ledger counts for the run as a whole only, with what it means.
pub const RUN_COUNTS: [(&str, &str); 2] = [
    ("unroutable", "facts that were published and that no subscription wanted"),
    ("not_emitted", "arrivals of sources whose service was down"),
];

/// Metrics that only a study of many runs finds, with their units and meanings.
pub const STUDIES: [(&str, &str, &str); 5] = [
    (
        "coupling.<from>.<to>",
        "1",
        "share of the replications in which objectives of <to> break because <from> is broken",
    ),
    (
        "coupling.<from>.<to>.effect",
        "s or 1",
        "what is added to a lag or latency of <to>, or lost of its availability",
    ),
    (
        "coupling.loose",
        "1",
        "share of the pairs of a service and somebody else whose objectives hold although the \
         service is broken",
    ),
    ("metastable.for", "s", "shortest failure from which the system does not return"),
    (
        "metastable.load",
        "1",
        "smallest load, as a multiple of the file's, at which the system does not return",
    ),
];

/// All metric families but the segments (`email.segment.wait.mean`, a mean in s per name of
/// [`SEGMENTS`]) and the ledger (`ledger.lost` and `email.ledger.lost`, a count per name of
/// [`LEDGER_STATES`] and [`LEDGER_COUNTS`], `ledger.committed`, and for the run as a whole
/// [`RUN_COUNTS`]).
pub const FAMILIES: &[Family] = &[
    family(
        Scope::Subscriber,
        "lag",
        Kind::Tally,
        "s",
        "consistency lag: from the commit of a fact until this service's own data shows it",
    ),
    family(
        Scope::Subscription,
        "lag",
        Kind::Tally,
        "s",
        "consistency lag of this event type at this subscriber",
    ),
    family(
        Scope::Subscriber,
        "e2e",
        Kind::Tally,
        "s",
        "end-to-end latency: from the commit of a fact until this very fact was applied",
    ),
    family(
        Scope::Event,
        "convergence",
        Kind::Tally,
        "s",
        "from the commit of a fact until its last subscriber has applied it",
    ),
    family(
        Scope::Service,
        "wait",
        Kind::Tally,
        "s",
        "from the arrival of work at the service until a worker starts it",
    ),
    family(Scope::Service, "service", Kind::Tally, "s", "time that work spends with a worker"),
    family(
        Scope::Service,
        "sojourn",
        Kind::Tally,
        "s",
        "from the arrival of work at the service until it is done: wait plus service",
    ),
    family(
        Scope::Service,
        "backlog",
        Kind::Level,
        "1",
        "work waiting for a worker, at the service or at the brokers it consumes from",
    ),
    family(
        Scope::Service,
        "inflight",
        Kind::Level,
        "1",
        "work waiting, here or at a broker, or with a worker",
    ),
    family(
        Scope::Service,
        "rho",
        Kind::Level,
        "1",
        "utilisation: busy worker time over all worker time, downtime included",
    ),
    family(
        Scope::Service,
        "throughput",
        Kind::Scalar,
        "1/s",
        "work completed per second, retries and duplicates included",
    ),
    family(
        Scope::Service,
        "goodput",
        Kind::Scalar,
        "1/s",
        "distinct facts and requests completed per second while somebody still waited for them",
    ),
    family(
        Scope::Elastic,
        "instances",
        Kind::Level,
        "1",
        "instances that there are: those that have started and not left, crashed ones included",
    ),
    family(
        Scope::Service,
        "offered",
        Kind::Scalar,
        "1/s",
        "attempts per second: first ones, repeated ones, and those that were turned away",
    ),
    family(
        Scope::Service,
        "amplification",
        Kind::Scalar,
        "1",
        "attempts over distinct facts and requests: 1 where nothing is ever tried again",
    ),
    family(
        Scope::Subscriber,
        "ttr",
        Kind::Scalar,
        "s",
        "time to recover: from the end of the last failure until its lag is as usual for 10 s",
    ),
    family(
        Scope::Client,
        "latency",
        Kind::Tally,
        "s",
        "from the intended start of a request until its successful answer",
    ),
    family(
        Scope::Client,
        "availability",
        Kind::Scalar,
        "1",
        "successful requests over intended ones, all attempts of a request counted as one",
    ),
    family(
        Scope::Client,
        "fulfilled",
        Kind::Scalar,
        "1",
        "requests answered, and all that they led to applied, within the client's `slo`, over \
         intended ones",
    ),
    family(
        Scope::Client,
        "goodput",
        Kind::Scalar,
        "1/s",
        "successful answers per second, each request counted once",
    ),
    family(
        Scope::Client,
        "offered",
        Kind::Scalar,
        "1/s",
        "attempts sent per second, the first of each request and the others",
    ),
    family(
        Scope::Client,
        "amplification",
        Kind::Scalar,
        "1",
        "attempts over requests: 1 where nothing is ever tried again",
    ),
    family(
        Scope::Client,
        "ttr",
        Kind::Scalar,
        "s",
        "time to recover: from the end of the last failure until its answers are as usual for 10 s",
    ),
    family(
        Scope::Guarded,
        "retries",
        Kind::Scalar,
        "1",
        "failed attempts of guarded calls that were tried again",
    ),
    family(
        Scope::Guarded,
        "retries_refused",
        Kind::Scalar,
        "1",
        "failed attempts that were not tried again, as the budget was spent",
    ),
    family(
        Scope::Guarded,
        "throttle_refused",
        Kind::Scalar,
        "1",
        "calls that the caller did not send, as many had been in vain",
    ),
    family(
        Scope::Guarded,
        "breaker_refused",
        Kind::Scalar,
        "1",
        "calls that the caller did not send, as a circuit breaker was open",
    ),
    family(
        Scope::Guarded,
        "breaker_opened",
        Kind::Scalar,
        "1",
        "times that a circuit breaker opened, each calling instance having its own",
    ),
    family(
        Scope::Guarded,
        "bulkhead_refused",
        Kind::Scalar,
        "1",
        "calls that the caller did not send, as too many were under way",
    ),
    family(
        Scope::Guarded,
        "hedges",
        Kind::Scalar,
        "1",
        "second copies of slow requests that were sent",
    ),
    family(
        Scope::Guarded,
        "ejections",
        Kind::Scalar,
        "1",
        "times that a caller left an instance out for a while",
    ),
    family(
        Scope::Group,
        "consumer_lag",
        Kind::Level,
        "1",
        "messages of a log, over all partitions, that the group has not committed",
    ),
    family(
        Scope::Group,
        "fetch_lag",
        Kind::Level,
        "1",
        "messages of a log, over all partitions, that the group has not fetched",
    ),
    family(
        Scope::Group,
        "consumer_lag_s",
        Kind::Level,
        "s",
        "age of the oldest message of any partition that the group has not committed",
    ),
    family(
        Scope::Group,
        "lagging",
        Kind::Scalar,
        "1",
        "share of the time in which the commits of some partition told of trouble, by Burrow's \
         rules",
    ),
    family(
        Scope::Broker,
        "backlog",
        Kind::Level,
        "1",
        "messages that wait at the broker for a consumer, over all queues and partitions",
    ),
];
