//! Events, entities, and how services publish and consume, as they are declared.

use super::{BrokerId, EntityId};
use crate::random::Variate;
use crate::units::{Probability, SimDuration};

/// Something that has versions, such as an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Name.
    pub name: String,
    /// The individuals that exist from the start; `None`: each write makes a new one.
    pub population: Option<Population>,
}

impl Entity {
    /// One of which each write makes a new individual.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), population: None }
    }
}

/// Individuals, drawn by popularity.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// How many there are, at least 1.
    pub count: u64,
    /// How often each is drawn.
    pub popularity: Popularity,
}

/// How often each individual is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// Equally often.
    Uniform,
    /// The k-th with probability proportional to k to the power of minus this.
    Zipf(f64),
    /// A share of the individuals gets a share of the draws.
    Hot {
        /// Share of the individuals.
        individuals: Probability,
        /// Share of the draws.
        draws: Probability,
    },
}

/// A type of event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventType {
    /// Name.
    pub name: String,
    /// The entity that routes and orders it; `None`: the first one that its cause wrote.
    pub key: Option<EntityId>,
    /// Bytes.
    pub size: u64,
    /// Attributes for filters.
    pub attributes: Vec<AttributeSpec>,
    /// Facts that exist before t = 0.
    pub history: u64,
    /// Priority in a queue that has some.
    pub priority: u8,
}

impl EventType {
    /// One of 1 KB without attributes.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: None,
            size: 1024,
            attributes: Vec::new(),
            history: 0,
            priority: 0,
        }
    }
}

/// An attribute of an event, drawn for each.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeSpec {
    /// Name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// Values of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A number between two, uniform.
    Number(f64, f64),
    /// A word by its share; the shares add up to 1.
    Word(Vec<(Probability, String)>),
}

/// Which events a subscription hears.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Filter {
    /// All.
    #[default]
    All,
    /// An attribute, by its index in [`EventType::attributes`], compared with a number.
    Compare(u32, Comparison, f64),
    /// An attribute that is one of these words, by index in [`Values::Word`].
    OneOf(u32, Vec<u32>),
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// At least one.
    Or(Box<Filter>, Box<Filter>),
    /// Not.
    Not(Box<Filter>),
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    Differs,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

/// How the events of a handler or source reach their broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The broker.
    pub to: BrokerId,
    /// How.
    pub mode: PublishMode,
}

impl Publish {
    /// Asynchronously.
    pub fn plain(to: BrokerId) -> Self {
        Self { to, mode: PublishMode::Async }
    }
}

/// How an event reaches its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishMode {
    /// Through the client's buffer; nobody waits, failures are repeated.
    Async,
    /// The worker waits for the confirmation.
    Sync,
    /// Without confirmation: nobody learns of a failure.
    Fire,
    /// As a row of the transaction, which a relay reads this often after its last round.
    OutboxPoll(SimDuration),
    /// As a row of the transaction, which a process of its own reads from the database's log.
    OutboxCdc,
}

/// How a handler consumes.
#[derive(Clone, Debug, PartialEq)]
pub struct Consume {
    /// The broker that it listens to.
    pub via: BrokerId,
    /// What it hears, for each of the events of its trigger.
    pub filters: Vec<Filter>,
    /// When it acknowledges; `None`: as the broker does.
    pub ack: Option<super::AckMode>,
    /// Messages held at most; `None`: as the broker does.
    pub prefetch: Option<u32>,
    /// Several at a time.
    pub batch: Option<BatchSpec>,
    /// Whether it also gets what was published before t = 0.
    pub backfill: bool,
    /// Where failed work waits.
    pub retry_in: RetryIn,
    /// What becomes of work that failed for good; `None`: dropped on a queue, halts a partition.
    pub on_exhausted: Option<Exhausted>,
    /// Share of events that always fail.
    pub poison: Probability,
}

impl Consume {
    /// With all defaults.
    pub fn plain(via: BrokerId) -> Self {
        Self {
            via,
            filters: Vec::new(),
            ack: None,
            prefetch: None,
            batch: None,
            backfill: false,
            retry_in: RetryIn::Inline,
            on_exhausted: None,
            poison: Probability::ZERO,
        }
    }
}

/// Several events in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchSpec {
    /// At most this many.
    pub max: u32,
    /// How long the first one waits for more.
    pub wait: SimDuration,
    /// Work for each, on top of `takes`.
    pub each: Variate,
    /// Whether a batch that fails is repeated in halves, until the culprit stands alone.
    pub bisect: bool,
}

/// Where failed work waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryIn {
    /// With its worker.
    #[default]
    Inline,
    /// Back in the queue.
    Requeue,
    /// Beside the queue, until its pause is over.
    Delayed,
}

/// What becomes of work that failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// It is given up.
    Drop,
    /// The partition stands still.
    Halt,
    /// The partition goes on without it.
    Skip,
    /// It goes to the dead-letter queue.
    Dlq,
}

/// Recognition of duplicates by a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dedup {
    /// None.
    #[default]
    None,
    /// The identity is stored in the transaction of the effect.
    Inbox,
    /// The identity is stored in a transaction of its own, before the effect.
    Separate,
}

/// Guard against older versions of an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderGuard {
    /// Events are applied as they come.
    #[default]
    None,
    /// An older version is not applied.
    Version,
    /// A version waits until those before it have come.
    Buffer,
}

/// What a service remembers of what it has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Recognition of duplicates.
    pub dedup: Dedup,
    /// How long duplicates are recognised; `None`: for ever.
    pub window: Option<SimDuration>,
    /// Guard against older versions.
    pub order: OrderGuard,
    /// How long a version waits for those before it.
    pub gap_timeout: SimDuration,
    /// Whether each attempt emits events of a new identity.
    pub fresh_ids: bool,
}

impl Memory {
    /// Nothing is remembered.
    pub const NONE: Self = Self {
        dedup: Dedup::None,
        window: None,
        order: OrderGuard::None,
        gap_timeout: SimDuration::ZERO,
        fresh_ids: false,
    };
}
