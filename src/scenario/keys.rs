//! Every key of a scenario file, once: where it stands, what it takes, its default and its meaning.
//!
//! The decoder, "did you mean" and `explain` all read this list, so none of them can know a key
//! that the others do not. It knows nothing of any particular file.

mod list;
mod list_broker;
mod list_failure;
mod list_guard;

use Grammar as G;
use Place as P;

pub use list::KEYS;

/// Kinds of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file itself.
    Root,
    /// `[network]`
    Network,
    /// `[entity.X]`
    Entity,
    /// `[event.X]`
    Event,
    /// `[client.X]`
    Client,
    /// `[service.X]`
    Service,
    /// `store` of a service.
    Store,
    /// `emits.E` of a service.
    Source,
    /// `on.E` of a service.
    On,
    /// `api.op` of a service.
    Api,
    /// `retry` of a client or handler.
    Retry,
    /// `budget` of a `retry`.
    Budget,
    /// `breaker` of a client or handler.
    Breaker,
    /// `throttle` of a client or handler.
    Throttle,
    /// `backlog` of a service.
    Backlog,
    /// `autoscale` of a service.
    Autoscale,
    /// `batch` of a handler.
    Batch,
    /// `[broker.X]` that is the ideal bus.
    Ideal,
    /// `[broker.X]` that is a partitioned log.
    Log,
    /// `[broker.X]` that is a leased queue and pushes.
    Push,
    /// `[broker.X]` that is a leased queue and is polled.
    Pull,
    /// `[broker.X]` that is ephemeral fan-out.
    FanOut,
    /// `dlq` of a broker.
    Dlq,
    /// `[[failure]]`
    Failure,
}

impl Place {
    /// What a table of this kind is called in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            P::Root => "a scenario",
            P::Network => "`network`",
            P::Entity => "an entity",
            P::Event => "an event",
            P::Client => "a client",
            P::Service => "a service",
            P::Store => "`store`",
            P::Source => "`emits.EVENT` of a service",
            P::On => "`on.EVENT` of a service",
            P::Api => "`api.OPERATION` of a service",
            P::Retry => "`retry`",
            P::Budget => "`budget` of a `retry`",
            P::Breaker => "`breaker`",
            P::Throttle => "`throttle`",
            P::Backlog => "`backlog` of a service",
            P::Autoscale => "`autoscale` of a service",
            P::Batch => "`batch` of a handler",
            P::Ideal => "the ideal bus",
            P::Log => "a log",
            P::Push => "a queue that pushes",
            P::Pull => "a queue that is polled",
            P::FanOut => "a fan-out bus",
            P::Dlq => "`dlq` of a broker",
            P::Failure => "a failure",
        }
    }

    /// Where such a table stands in a file.
    pub fn path(self) -> &'static str {
        match self {
            P::Root => "",
            P::Network => "network",
            P::Entity => "entity.X",
            P::Event => "event.X",
            P::Client => "client.X",
            P::Service => "service.X",
            P::Store => "service.X.store",
            P::Source => "service.X.emits.E",
            P::On => "service.X.on.E",
            P::Api => "service.X.api.OP",
            P::Retry => "client.X.retry, service.X.on.E.retry, service.X.api.OP.retry",
            P::Budget => "client.X.retry.budget, service.X.on.E.retry.budget",
            P::Breaker => "client.X.breaker, service.X.on.E.breaker, service.X.api.OP.breaker",
            P::Throttle => "client.X.throttle, service.X.on.E.throttle, service.X.api.OP.throttle",
            P::Backlog => "service.X.backlog",
            P::Autoscale => "service.X.autoscale",
            P::Batch => "service.X.on.E.batch",
            P::Ideal | P::Log | P::Push | P::Pull | P::FanOut => "broker.X",
            P::Dlq => "broker.X.dlq",
            P::Failure => "failure",
        }
    }
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// Any text.
    Text,
    /// `true` or `false`.
    Truth,
    /// `0.1`
    Number,
    /// A whole number between these, both included.
    Whole(u64, u64),
    /// A whole number between these, or `"none"`.
    WholeOrNone(u64, u64),
    /// `"10ms"`
    Duration,
    /// `"10ms"` or `"none"`
    DurationOrNone,
    /// `"2KB"`
    Size,
    /// `"2KB"` or `"none"`
    SizeOrNone,
    /// `"40000/s"`, `"20MB/s"` or a list of both.
    Capacity,
    /// `"after"`, `"before"`, `"interval 5s"`
    Ack,
    /// 0, 1 or `"all"`
    Acks,
    /// `"uniform"`, `"zipf 0.99"`, `"hot 1% 50%"`
    Popularity,
    /// `"8ms p99 40ms"`
    Distribution,
    /// `"2%"`
    Share,
    /// `"100/s"` or a list of steps.
    Rate,
    /// `5` or `"geometric 4"`
    Burst,
    /// `"100ms..20s full-jitter"`
    Backoff,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of something declared elsewhere.
    Name(&'static str),
    /// One of them or a list.
    List(&'static str),
    /// A table of this kind.
    Table(Place),
    /// A string or a table of this kind.
    TextOr(&'static str, Place),
    /// A name or `{ name = value }`.
    Target,
    /// Tables by name, or something that another part of the reader understands.
    Other(&'static str),
}

impl Grammar {
    /// In words, with an example.
    pub fn words(self) -> String {
        match self {
            G::Text => "a text".into(),
            G::Truth => "true or false".into(),
            G::Number => "a number such as 0.1".into(),
            G::Whole(min, max) if max >= u64::from(u32::MAX) => {
                format!("a whole number from {min}")
            }
            G::Whole(min, max) => format!("a whole number from {min} to {max}"),
            G::WholeOrNone(min, max) => format!("{} or \"none\"", G::Whole(min, max).words()),
            G::DurationOrNone => "a duration such as \"10ms\", or \"none\"".into(),
            G::Size => "a size such as \"2KB\"".into(),
            G::SizeOrNone => "a size such as \"2KB\", or \"none\"".into(),
            G::Capacity => {
                "a limit such as \"40000/s\" or \"20MB/s\", a list of both, or \"none\"".into()
            }
            G::Ack => "one of \"after\", \"before\" and \"interval 5s\"".into(),
            G::Acks => "one of 0, 1 and \"all\"".into(),
            G::Popularity => "one of \"uniform\", \"zipf 0.99\" and \"hot 1% 50%\"".into(),
            G::Duration => "a duration such as \"10ms\"".into(),
            G::Distribution => {
                "a duration or distribution such as \"8ms\", \"~8ms\" or \"8ms p99 40ms\"".into()
            }
            G::Share => "a share such as \"2%\"".into(),
            G::Rate => "a rate such as \"100/s\", \"every 10ms\" or a list of steps".into(),
            G::Burst => "a whole number or \"geometric 4\"".into(),
            G::Backoff => "a pause such as \"100ms..20s full-jitter\" or \"1s fixed\"".into(),
            G::Choice(words) => format!("one of {}", words.join(", ")),
            G::Name(of) => format!("the name of {of}"),
            G::List(of) => format!("{of}, or a list of them"),
            G::Table(place) => format!("a table with the keys {}", names(place).join(", ")),
            G::TextOr(text, place) => {
                format!("{text}, or a table with the keys {}", names(place).join(", "))
            }
            G::Target => "a target such as \"email\", or { email = value }".into(),
            G::Other(words) => words.into(),
        }
    }
}

/// Whether a key can be used already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Supported,
    /// It is part of the format, but not of this version.
    Later,
}

/// One key of one kind of table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands.
    pub places: &'static [Place],
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub grammar: Grammar,
    /// Its value where the file is silent, written as in a file; empty: none.
    pub default: &'static str,
    /// What it means, in one line.
    pub doc: &'static str,
    /// Whether it works.
    pub status: Status,
}

impl Key {
    /// How far the default can be trusted, and where it comes from.
    pub fn grade(&self) -> &'static str {
        match (self.places[0], self.name) {
            (P::Breaker, _) => "grade A, Resilience4j's defaults",
            (P::Budget, _) => "grade C, Brooker, Fixing retries with token buckets (2022)",
            (P::Throttle, _) => "grade A, Site Reliability Engineering (2016), chapter 21",
            (P::Backlog, "target" | "interval") => "grade A, RFC 8289",
            (P::Autoscale, "min" | "max") => "grade A, KEDA",
            (P::Network, "other_zone") => "grade C, published round trips between zones",
            (
                P::Ideal
                | P::Log
                | P::Push
                | P::Pull
                | P::FanOut
                | P::Dlq
                | P::Source
                | P::Failure
                | P::Event
                | P::Batch,
                _,
            )
            | (
                _,
                "schema" | "seed" | "seeds" | "fails" | "poison" | "publish" | "relay" | "dedup"
                | "dedup_window" | "order" | "ids" | "static_id" | "from" | "retry_in"
                | "connections" | "cores" | "cap" | "policy" | "deadline" | "cancel" | "hedge"
                | "pool" | "health" | "bulkhead" | "blocking",
            ) => "by definition",
            _ => "grade D, our assumption",
        }
    }
}

/// How requests are spread over instances.
pub const BALANCES: &[&str] =
    &["round-robin", "random", "least-loaded", "two-choices", "three-choices"];

/// Presets of brokers, the default first.
pub const PRESETS: &[&str] = &[
    "ideal",
    "kafka",
    "kafka-share",
    "rabbitmq-classic",
    "rabbitmq-quorum",
    "sqs",
    "sqs-fifo",
    "sns-sqs",
    "eventbridge",
    "nats-core",
    "nats-jetstream",
    "redis-streams",
    "redis-pubsub",
    "gcp-pubsub",
    "pulsar",
];

/// Verbs of failures that work.
pub const VERBS: &[&str] = &[
    "crash",
    "slow",
    "unclean",
    "stop",
    "restart",
    "pause",
    "replay",
    "redrive",
    "partition",
    "loss",
    "duplicate",
    "reorder",
    "delay",
    "throttle",
    "zone",
    "set",
    "spike",
    "hot",
    "herd",
    "leak",
    "brownout",
    "poison",
    "schema",
    "drop_consumer",
    "disk_full",
    "bug",
    "expire",
    "skew",
];

/// Verbs of failures that do not work yet.
pub const LATER_VERBS: &[&str] = &["lag_replica"];

/// Triggers of failures: those that work and those that do not yet.
pub const TRIGGERS: &[&str] = &["at", "every", "mtbf", "when", "chance", "after"];

/// Kinds of tables that are a broker's, by its engine.
pub const ENGINES: [Place; 5] = [P::Ideal, P::Log, P::Push, P::Pull, P::FanOut];

/// All keys of a kind of table, in the order of the list.
pub fn of(place: Place) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().flat_map(|group| group.iter()).filter(move |k| k.places.contains(&place))
}

/// The key of that name, if a table of this kind has it.
pub fn find(place: Place, name: &str) -> Option<&'static Key> {
    of(place).find(|k| k.name == name)
}

/// Names of all supported keys of a kind of table.
pub fn names(place: Place) -> Vec<&'static str> {
    of(place).filter(|k| k.status == Status::Supported).map(|k| k.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Key> {
        KEYS.iter().flat_map(|group| group.iter())
    }

    #[test]
    fn every_key_has_a_meaning_and_stands_once_in_its_table() {
        let mut seen = std::collections::BTreeSet::new();
        for key in all() {
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{}", key.name);
            assert!(!key.places.is_empty(), "{}", key.name);
            for place in key.places {
                assert!(seen.insert((*place, key.name)), "{} twice in {place:?}", key.name);
            }
        }
    }

    #[test]
    fn verbs_and_triggers_are_keys_of_a_failure() {
        for verb in VERBS {
            assert_eq!(find(P::Failure, verb).map(|k| k.status), Some(Status::Supported));
        }
        for verb in LATER_VERBS {
            assert_eq!(find(P::Failure, verb).map(|k| k.status), Some(Status::Later), "{verb}");
        }
        for trigger in TRIGGERS {
            assert!(find(P::Failure, trigger).is_some(), "{trigger}");
        }
    }

    #[test]
    fn every_supported_key_says_what_it_takes() {
        for key in all().filter(|k| k.status == Status::Supported) {
            assert!(!key.grammar.words().is_empty(), "{}", key.name);
        }
    }
}
