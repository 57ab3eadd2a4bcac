//! A scenario as its file states it: quantities read, defaults filled in, names still words with a
//! place.

use super::keys::Place;
use super::reader::{Ref, Worded};
use super::{Entry, Span, Value};
use crate::model::{
    AckMode, AttributeSpec, Autoscale, Backlog, Balance, BatchSpec, Broker, Comparison, Exhausted,
    FailureTrigger, Guards, LinkEffect, Memory, Network, PhasePlan, Population, PublishMode,
    RateLimit, Retry, RetryIn, Verb, Zone,
};
use crate::random::{Backoff, Burst, Rate, Variate};
use crate::units::{Probability, SimDuration};

/// One variant of a scenario.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) title: String,
    pub(super) question: String,
    pub(super) lesson: String,
    pub(super) seed: u64,
    pub(super) seeds: u64,
    pub(super) max_events: u64,
    pub(super) phases: PhasePlan,
    pub(super) zones: Vec<ZoneDraft>,
    pub(super) network: Network,
    /// At least one.
    pub(super) brokers: Vec<BrokerDraft>,
    pub(super) services: Vec<ServiceDraft>,
    pub(super) clients: Vec<ClientDraft>,
    pub(super) failures: Vec<FailureDraft>,
    /// The tables `[event.X]`.
    pub(super) events: Vec<EventDraft>,
    /// The tables `[entity.X]`.
    pub(super) entities: Vec<EntityDraft>,
    /// The value of `expect`, with its place.
    pub(super) expect: Option<(&'t Value, Span)>,
}

#[derive(Debug)]
pub(super) struct ZoneDraft {
    pub(super) zone: Zone,
    /// As the file writes it, with its region.
    pub(super) written: Ref,
}

#[derive(Debug)]
pub(super) struct BrokerDraft {
    /// Its name, if the file declares it.
    pub(super) name: Option<Ref>,
    /// What kind of table it is.
    pub(super) engine: Place,
    /// All but its alternate.
    pub(super) broker: Broker,
    /// The event as which one that nobody hears is published again.
    pub(super) alternate: Option<Ref>,
    /// Whether it has a dead-letter queue.
    pub(super) dlq: bool,
    /// Where it asks for transactions.
    pub(super) exactly_once: Option<Span>,
    /// Keys that have no effect.
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) struct EventDraft {
    pub(super) name: Ref,
    pub(super) key: Option<Ref>,
    pub(super) size: u64,
    pub(super) attributes: Vec<AttributeSpec>,
    pub(super) history: u64,
    pub(super) priority: u8,
    pub(super) external: bool,
    /// Keys that have no effect.
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) struct EntityDraft {
    pub(super) name: Ref,
    pub(super) population: Population,
}

/// How events reach their broker.
#[derive(Debug)]
pub(super) struct PublishDraft {
    pub(super) mode: PublishMode,
    /// Where the mode stands, if it is given.
    pub(super) at: Option<Span>,
    /// None: the first broker.
    pub(super) to: Option<Ref>,
}

/// How a handler consumes.
#[derive(Debug)]
pub(super) struct ConsumeDraft {
    /// None: the first broker.
    pub(super) via: Option<Ref>,
    pub(super) filter: Option<Ref>,
    /// With its place.
    pub(super) ack: Option<(AckMode, Span)>,
    pub(super) prefetch: Option<u32>,
    pub(super) batch: Option<BatchSpec>,
    pub(super) backfill: bool,
    /// With its place, if it is given.
    pub(super) retry_in: (RetryIn, Option<Span>),
    /// With its place.
    pub(super) on_exhausted: Option<(Exhausted, Span)>,
    pub(super) poison: Probability,
}

#[derive(Debug)]
pub(super) struct ServiceDraft {
    pub(super) name: Ref,
    pub(super) instances: u32,
    pub(super) autoscale: Option<Autoscale>,
    pub(super) workers: u32,
    pub(super) cores: Option<u32>,
    pub(super) zone: Option<Ref>,
    pub(super) start: SimDuration,
    pub(super) balance: Balance,
    pub(super) write: Variate,
    pub(super) read: Variate,
    pub(super) connections: Option<u32>,
    pub(super) memory: Memory,
    pub(super) static_id: bool,
    pub(super) backlog: Backlog,
    pub(super) patience: Option<Variate>,
    pub(super) sources: Vec<SourceDraft>,
    pub(super) handlers: Vec<HandlerDraft>,
    /// Keys that are set but need something else to matter.
    pub(super) idle: Vec<IdleKey>,
}

/// A key that is set, and what it would need to matter.
#[derive(Debug)]
pub(super) struct IdleKey {
    pub(super) key: Ref,
    pub(super) needs: Needs,
}

/// What a key needs to matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// At least one write step.
    Writes,
    /// At least one operation and more than one instance.
    SeveralInstancesAndApi,
    /// At least one call.
    Calls,
    /// More than one attempt.
    Attempts,
    /// Attempts that fail.
    Failing,
    /// Recognition of duplicates.
    Dedup,
    /// Something that uses the store.
    Store,
    /// At least one handler.
    Handlers,
    /// At least one subscription.
    On,
    /// The guard that waits for a gap to close.
    Buffer,
    /// A handler that emits.
    Emitting,
    /// A subscription to a log.
    Log,
    /// Events that are older than the run, and a broker that keeps them.
    History,
    /// A subscription to them.
    Backfill,
    /// A broker that keeps messages until they are acknowledged.
    Acknowledging,
    /// A queue.
    Queue,
    /// Publishing by an outbox.
    Outbox,
    /// An outbox that is polled.
    PolledOutbox,
    /// Copies by majority.
    Quorum,
    /// A limit of the queue's length.
    MaxLength,
    /// A queue without long polls.
    ShortPolls,
    /// A lease with a timer.
    Visibility,
    /// A handler that hears the broker and emits to it.
    Transform,
    /// The policy `codel`.
    Codel,
    /// A handler, and more workers than processors.
    FewerCores,
}

/// What guards calls.
#[derive(Debug)]
pub(super) struct GuardDraft {
    /// All but its limits.
    pub(super) guards: Guards,
    /// Limits of operations that are called.
    pub(super) limits: Vec<(Ref, RateLimit)>,
    /// Limit of the requests that are let in.
    pub(super) own: Option<RateLimit>,
}

#[derive(Debug)]
pub(super) struct SourceDraft {
    pub(super) event: Ref,
    /// None if it is wrong.
    pub(super) rate: Option<Worded<Rate>>,
    pub(super) burst: Burst,
    pub(super) late: Option<Variate>,
    pub(super) publish: PublishDraft,
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) struct HandlerDraft {
    /// Event or operation.
    pub(super) name: Ref,
    /// Whether `name` is an operation.
    pub(super) is_api: bool,
    pub(super) steps: Vec<StepDraft>,
    pub(super) fails: Probability,
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) timeout: SimDuration,
    pub(super) retry: Retry,
    pub(super) guards: GuardDraft,
    pub(super) blocking: bool,
    pub(super) publish: PublishDraft,
    pub(super) consume: ConsumeDraft,
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) enum StepDraft {
    Work(Variate),
    /// Operations called at once.
    Call(Vec<Ref>),
    Write(Ref),
    Emit(EmitDraft),
}

#[derive(Debug)]
pub(super) enum EmitDraft {
    All(Vec<EmissionDraft>),
    OneOf(Vec<(Probability, EmissionDraft)>),
}

#[derive(Debug)]
pub(super) struct EmissionDraft {
    pub(super) event: Ref,
    pub(super) count: u32,
}

#[derive(Debug)]
pub(super) struct ClientDraft {
    pub(super) name: Ref,
    /// None if it is missing.
    pub(super) calls: Option<Ref>,
    /// None if it is missing or wrong.
    pub(super) load: Option<LoadDraft>,
    pub(super) timeout: SimDuration,
    pub(super) retry: Retry,
    pub(super) guards: GuardDraft,
    pub(super) zone: Option<Ref>,
    pub(super) slo: Option<SimDuration>,
    pub(super) idle: Vec<IdleKey>,
}

#[derive(Debug)]
pub(super) enum LoadDraft {
    Open(Worded<Rate>),
    Closed { users: u32, think: Variate },
}

#[derive(Debug)]
pub(super) struct FailureDraft {
    pub(super) name: String,
    pub(super) verb: Verb,
    /// Where the verb stands.
    pub(super) verb_at: Span,
    /// A service or, for a node, a broker.
    pub(super) owner: Ref,
    pub(super) part: Part,
    /// If it strikes a link.
    pub(super) link: Option<LinkDraft>,
    /// The handler that it strikes, or the services that fail on an event.
    pub(super) names: Vec<Ref>,
    pub(super) trigger: TriggerDraft,
    /// Where the trigger stands.
    pub(super) when: Span,
    pub(super) lasts: Option<SimDuration>,
    pub(super) off: bool,
    /// What [`Verb::Set`] sets, by path.
    pub(super) values: Vec<Entry>,
}

#[derive(Debug)]
pub(super) enum TriggerDraft {
    /// One that names nothing.
    Known(FailureTrigger),
    /// While a condition holds.
    When(WhenDraft),
    /// When a failure of that name ends.
    After(Ref),
}

#[derive(Debug)]
pub(super) struct WhenDraft {
    /// The level that is watched.
    pub(super) path: Ref,
    pub(super) is: Comparison,
    pub(super) than: u64,
    pub(super) cooldown: SimDuration,
}

/// Which part of a service or broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of them.
    All,
    /// This one, with the place of its number.
    Instance(u64, Span),
    /// The lowest ones that make up this share, rounded up.
    Share(Probability),
    /// This node of a broker, with the place of its number.
    Node(u64, Span),
    /// This partition of every topic of a log, with the place of its number.
    Partition(u64, Span),
    /// The process that empties its outbox.
    Relay,
    /// Nothing: values of the scenario change.
    Values,
    /// All that is placed in it.
    Zone,
    /// What a broker serves with.
    Shards,
}

/// A link that fails.
#[derive(Debug)]
pub(super) struct LinkDraft {
    pub(super) from: EndDraft,
    pub(super) to: EndDraft,
    pub(super) effect: LinkEffect,
}

/// One end of a link.
#[derive(Clone, Debug)]
pub(super) struct EndDraft {
    pub(super) name: Ref,
    pub(super) part: EndPart,
}

/// What an end of a link is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EndPart {
    /// All of a service, client or broker.
    Whole,
    /// An instance of a service, with the place of its number.
    Instance(u64, Span),
    /// A node of a broker, with the place of its number.
    Node(u64, Span),
    /// Everything in a zone.
    Zone,
}
