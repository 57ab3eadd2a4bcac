//! What is to be simulated, resolved: indices instead of names, quantities instead of text, nothing
//! missing.
//!
//! A scenario is compiled into this, and a [`World`](super::World) is built from it. It knows
//! nothing of files.

mod broker;
mod change;
mod guard;
mod link;
mod message;
mod trigger;

pub use broker::*;
pub use guard::*;
pub use link::*;
pub use message::*;
pub use trigger::*;

use super::observation::Asker;
use crate::random::{Backoff, Burst, Rate, Variate};
use crate::units::{Probability, SimDuration, SimTime};

/// Index of a service in [`Blueprint::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u32);

/// Index of a client in [`Blueprint::clients`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// Index of an event type in [`Blueprint::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTypeId(pub u32);

/// Index of an entity in [`Blueprint::entities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

/// Index of a zone in [`Blueprint::zones`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub u32);

/// A whole architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    /// Lengths of the phases.
    pub phases: PhasePlan,
    /// Events after which a run is given up.
    pub max_events: u64,
    /// Zones; at least one.
    pub zones: Vec<Zone>,
    /// One-way delays.
    pub network: Network,
    /// The entities that handlers write or events are about.
    pub entities: Vec<Entity>,
    /// The event types.
    pub events: Vec<EventType>,
    /// The brokers in the order of the file; at least one.
    pub brokers: Vec<Broker>,
    /// Services in the order of the file.
    pub services: Vec<Service>,
    /// Clients in the order of the file.
    pub clients: Vec<Client>,
    /// Failures in the order of the file, without those that are switched off.
    pub failures: Vec<Failure>,
    /// What it is while a [`Verb::Set`] lasts, without failures.
    pub sets: Vec<Blueprint>,
}

/// Lengths of the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhasePlan {
    /// Traffic whose samples are not counted.
    pub warmup: SimDuration,
    /// Traffic whose samples are counted.
    pub duration: SimDuration,
    /// Longest time after the traffic for the run to come to rest.
    pub drain: SimDuration,
}

impl Blueprint {
    /// The most instances that a service ever has.
    pub fn room(&self, service: ServiceId) -> u32 {
        let of = |b: &Self| {
            let service = &b.services[service.0 as usize];
            service.instances.max(service.autoscale.as_ref().map_or(0, |a| a.max))
        };
        self.sets.iter().map(of).fold(of(self), u32::max)
    }

    /// Whether something guards calls that somebody makes, at some time.
    pub fn guards_calls(&self, asker: Asker) -> bool {
        let now = |b: &Self| match asker {
            Asker::Client(at) => {
                let client = &b.clients[at as usize];
                client.guards.guard(&client.retry)
            }
            Asker::Service(at) => b.services[at as usize].handlers.iter().any(|h| {
                let calls = h.steps.iter().any(|step| matches!(step, Step::Call(_)));
                calls && h.guards.guard(&h.retry)
            }),
        };
        now(self) || self.sets.iter().any(now)
    }

    /// Partitions of each topic of a log that there are at some time; 0 if the broker is none.
    pub fn partitions(&self, broker: BrokerId) -> u32 {
        let of = |b: &Self| match &b.brokers[broker.0 as usize].engine {
            EngineSpec::Log(log) => log.partitions,
            _ => 0,
        };
        self.sets.iter().map(of).fold(of(self), u32::max)
    }

    /// Whether a service has more or less of its workers at some time.
    pub fn is_elastic(&self, service: ServiceId) -> bool {
        let of = |b: &Self| {
            let service = &b.services[service.0 as usize];
            (service.instances, service.workers)
        };
        let scales = self.services[service.0 as usize].autoscale.is_some();
        scales || self.sets.iter().any(|set| of(set) != of(self))
    }
}

impl PhasePlan {
    /// Start of the measured phase.
    pub fn measure_from(self) -> SimTime {
        SimTime::ZERO + self.warmup
    }

    /// End of the measured phase and of all traffic.
    pub fn traffic_end(self) -> SimTime {
        SimTime::ZERO + self.warmup + self.duration
    }
}

/// A failure domain within a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Name, for instance `a`.
    pub name: String,
    /// Region, empty if the file names none.
    pub region: String,
}

/// One-way delays by placement; the same instance is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Between instances of one zone.
    pub same_zone: Variate,
    /// Between zones of one region.
    pub other_zone: Variate,
    /// Between regions.
    pub other_region: Variate,
}

/// A service: `instances` x `workers` and what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Name.
    pub name: String,
    /// Number of instances, at least 1; at the beginning if `autoscale` decides on it.
    pub instances: u32,
    /// What decides on their number.
    pub autoscale: Option<Autoscale>,
    /// Workers of each instance, at least 1.
    pub workers: u32,
    /// Zone of all instances; `None`: round robin over all zones.
    pub zone: Option<ZoneId>,
    /// Time from the end of a crash until an instance works again.
    pub start: SimDuration,
    /// How requests are spread over the instances.
    pub balance: Balance,
    /// Duration of a store write.
    pub write: Variate,
    /// Duration of a store read.
    pub read: Variate,
    /// Store operations at a time; `None`: without limit.
    pub connections: Option<u32>,
    /// What it remembers of what it has applied.
    pub memory: Memory,
    /// Whether its membership of a group outlives a restart.
    pub static_id: bool,
    /// Limit and order of the waiting work.
    pub backlog: Backlog,
    /// How long work waits before it leaves; `None`: for ever.
    pub patience: Option<Variate>,
    /// Processors that the workers of an instance share when they work, at least 1; `None`: one for
    /// each worker.
    pub cores: Option<u32>,
    /// Events that it emits by itself.
    pub sources: Vec<Source>,
    /// What it does on events and requests.
    pub handlers: Vec<Handler>,
}

/// What decides on the number of instances of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscale {
    /// By what.
    pub by: ScaleBy,
    /// Fewest instances.
    pub min: u32,
    /// Most instances, at least 1.
    pub max: u32,
    /// Time until a new instance works.
    pub start: SimDuration,
}

/// What an autoscaler aims at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScaleBy {
    /// So much waits for each instance.
    Backlog(u64),
    /// Workers are busy for this share of their time.
    Rho(f64),
}

/// Limit and order of the work that waits at a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Waiting work at most; `None`: without limit.
    pub cap: Option<u64>,
    /// What happens when it is full, and which is next.
    pub policy: BacklogPolicy,
}

/// Order of the waiting work, and what happens when there is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BacklogPolicy {
    /// First come, first served; what does not fit is refused.
    #[default]
    RejectNew,
    /// First come, first served; the oldest makes room.
    DropOldest,
    /// Last come, first served; the oldest makes room.
    Lifo,
    /// Drawn uniformly; what does not fit is refused.
    Random,
    /// The request first whose caller gives up first, and none that has been given up.
    Deadline,
    /// First come, first served; some are dropped while the wait is too long.
    Codel {
        /// Wait that is short enough.
        target: SimDuration,
        /// For how long it may be longer.
        interval: SimDuration,
    },
}

impl BacklogPolicy {
    /// Whether the oldest makes room when a line is full; otherwise what is new is refused.
    pub(crate) const fn evicts(self) -> bool {
        matches!(self, Self::DropOldest | Self::Lifo)
    }
}

/// Spreading of requests over the instances of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// In turn; one pointer per calling instance.
    #[default]
    RoundRobin,
    /// Drawn uniformly.
    Random,
    /// The fewest waiting and in work, ties to the lowest index.
    LeastLoaded,
    /// The less loaded of two drawn instances.
    TwoChoices,
    /// The least loaded of three drawn instances.
    ThreeChoices,
}

/// `emits.E = rate`.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What is emitted.
    pub event: EventTypeId,
    /// When.
    pub rate: Rate,
    /// How many at a time.
    pub burst: Burst,
    /// Age of the fact when it arrives.
    pub late: Option<Variate>,
    /// Where it goes, and how.
    pub publish: Publish,
}

/// What starts a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// `on.E`; several if `E` is a pattern.
    On(Vec<EventTypeId>),
    /// `api.op`, by its name.
    Api(String),
}

impl Trigger {
    /// The events that start it.
    pub fn heard(&self) -> &[EventTypeId] {
        match self {
            Self::On(events) => events,
            Self::Api(_) => &[],
        }
    }
}

/// `on.E` or `api.op`.
#[derive(Clone, Debug, PartialEq)]
pub struct Handler {
    /// What starts it.
    pub trigger: Trigger,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// Share of attempts that fail.
    pub fails: Probability,
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Pause before the next attempt.
    pub backoff: Backoff,
    /// How long each attempt of a call may take.
    pub timeout: SimDuration,
    /// How its calls are retried.
    pub retry: Retry,
    /// What guards its calls.
    pub guards: Guards,
    /// Whether it holds its worker during calls.
    pub blocking: bool,
    /// How many requests an operation lets in.
    pub limit: Option<RateLimit>,
    /// Where its events go, and how.
    pub publish: Publish,
    /// How it consumes; of an operation, the defaults.
    pub consume: Consume,
}

/// One step of a handler.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Worker time.
    Work(Variate),
    /// Calls made at once; the step ends with the last answer. A plain call is a list of one.
    Call(Vec<Operation>),
    /// A local commit that takes the store's write time.
    Write(EntityId),
    /// Events published together, or one of several by a draw.
    Emit(Emit),
}

/// An operation of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The service called.
    pub service: ServiceId,
    /// Index of the `api` handler in [`Service::handlers`].
    pub handler: u32,
}

/// The events of an emit step.
#[derive(Clone, Debug, PartialEq)]
pub enum Emit {
    /// Every one of these.
    All(Vec<Emission>),
    /// One of these by its share; the shares add up to at most 1, and nothing is emitted for the
    /// rest.
    OneOf(Vec<(Probability, Emission)>),
}

/// `E x100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// What is emitted.
    pub event: EventTypeId,
    /// How many, at least 1.
    pub count: u32,
}

/// A load generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Name.
    pub name: String,
    /// What it calls.
    pub calls: Operation,
    /// When.
    pub load: Load,
    /// How long each attempt may take.
    pub timeout: SimDuration,
    /// How failed attempts are repeated.
    pub retry: Retry,
    /// What guards its calls.
    pub guards: Guards,
    /// Where it is.
    pub zone: ZoneId,
    /// How soon all that a request leads to has to be done. `None`: nobody asks.
    pub slo: Option<SimDuration>,
}

/// When a client issues requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// At given instants, whatever the system does.
    Open(Rate),
    /// `users` who each think, ask and wait for the outcome.
    Closed {
        /// Number of users.
        users: u32,
        /// Pause before each request.
        think: Variate,
    },
}

/// Repetition of failed calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Pause before the next attempt.
    pub backoff: Backoff,
    /// How many retries there may be.
    pub budget: Option<Budget>,
}

/// Something that breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Its name in the file, or verb and target.
    pub name: String,
    /// What happens.
    pub verb: Verb,
    /// What it strikes.
    pub target: Target,
    /// When.
    pub trigger: FailureTrigger,
    /// How long the cause lasts; `None`: no time at all (`every`), else for ever, unless the
    /// trigger says how long, or the verb is one that is over at once.
    pub lasts: Option<SimDuration>,
}

/// What a failure strikes.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Instances of a service.
    Instances {
        /// The service.
        service: ServiceId,
        /// Its instances, ascending.
        instances: Vec<u32>,
    },
    /// A node of a broker.
    Node {
        /// The broker.
        broker: BrokerId,
        /// The node.
        node: u32,
    },
    /// A partition of every topic of a log.
    Partition {
        /// The broker.
        broker: BrokerId,
        /// The number of the partition in its topic.
        partition: u32,
    },
    /// The process that reads the outbox of a service from its database's log.
    Relay(ServiceId),
    /// Values of the scenario.
    Values,
    /// Messages between two ends.
    Link(Box<Link>),
    /// Everything that is placed in a zone.
    Zone(ZoneId),
    /// All shards of a broker.
    Shards(BrokerId),
    /// What comes from outside.
    Traffic {
        /// Sources, by their number among those of all services.
        sources: Vec<u32>,
        /// Clients.
        clients: Vec<ClientId>,
    },
    /// New events of a type.
    Events(EventTypeId),
    /// The disks of a broker.
    Disks(BrokerId),
    /// How long a broker keeps what nobody reads.
    Kept(BrokerId),
    /// The store of a service, with its outbox.
    Store(ServiceId),
    /// Handlers of a service, by their index there.
    Handlers {
        /// The service.
        service: ServiceId,
        /// Those of its handlers that hear events, ascending.
        handlers: Vec<u32>,
    },
    /// The form of an event.
    Form {
        /// What is emitted in another form.
        event: EventTypeId,
        /// Services that fail on it.
        at: Vec<ServiceId>,
    },
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verb {
    /// Instances, nodes, relays or all of a zone stop and lose what they had in memory.
    Crash,
    /// Work and store steps begun meanwhile take this many times as long.
    Slow(f64),
    /// A node stops, and a copy that is not in step may lead.
    Unclean,
    /// Instances finish their work, leave, and come back.
    Stop,
    /// Instances stop and start in batches of at most a quarter.
    Restart,
    /// No progress; clocks and connections go on.
    Pause,
    /// Groups of the service start again at this instant's place.
    Replay(SimTime),
    /// Dead letters of the service return to its queues.
    Redrive,
    /// Values are those of another blueprint, by its number in [`Blueprint::sets`].
    Set(u32),
    /// Whatever the link says.
    Link,
    /// Shards serve no more than so many bytes per second.
    Throttle(f64),
    /// So many times the traffic.
    Spike(f64),
    /// This share of new events is about the first individual of their key.
    Hot(Probability),
    /// Clients ask at once.
    Herd {
        /// How many of them; `None`: all users of a closed loop.
        clients: Option<u32>,
        /// The time over which they are spread evenly.
        spread: SimDuration,
    },
    /// Work and writes begun meanwhile take longer by this share for every second that the failure
    /// has lasted since the instance started.
    Leak(f64),
    /// A dependency answers with errors, and slowly.
    Brownout {
        /// Share of the attempts begun meanwhile that fail.
        errors: Probability,
        /// Their work and writes take this many times as long.
        slow: f64,
    },
    /// A share of the events of some handlers fails at every attempt.
    Poison {
        /// Share of the events, drawn once for each.
        share: Probability,
        /// Whether the instance that makes the attempt crashes.
        kills: bool,
    },
    /// Events emitted meanwhile have a form that some services fail on until they are deployed.
    Schema,
    /// Nothing can be written: publications, or commits, wait.
    DiskFull,
    /// What a broker keeps it keeps for so long at most.
    Expire(SimDuration),
    /// Clocks of instances go wrong: what they publish is dated by so many ns later, or earlier if
    /// it is below 0.
    Skew(i64),
    /// What handlers apply is wrong; if there is a fix, their groups start again at this instant
    /// when it is mended.
    Bug(Option<SimTime>),
    /// A service hears nothing: its groups have no members, and nothing new goes to its queues.
    DropConsumer,
}

impl Verb {
    /// Whether a strike is over as soon as it has begun.
    pub fn is_over_at_once(self) -> bool {
        matches!(self, Self::Restart | Self::Replay(_) | Self::Redrive | Self::Herd { .. })
    }
}
