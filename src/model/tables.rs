//! The world's tables: what never changes during a run (compiled from the blueprint) and the
//! records that come and go.

use super::backlog::Discipline;
pub(crate) use super::backlog::Takes;
use super::blueprint::{Balance, Exhausted, Filter, Publish, RetryIn};
use super::filter::AttributeTable;
use super::store::Store;
use crate::random::{Arrivals, Backoff, Burst, Chance, StreamKey, Variate};
use crate::units::SimDuration;
use std::collections::VecDeque;

/// A stamp that nothing carries.
pub(crate) const VOID: u32 = 0;
/// No index.
pub(crate) const NONE: u32 = u32::MAX;

/// `(service, event type)`: who hears what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Index of the event type.
    pub event: u32,
    /// Index of the subscribing service.
    pub service: u32,
}

/// A subscription as the bus and the service see it.
#[derive(Debug)]
pub(crate) struct SubscriptionTable {
    pub(crate) service: u32,
    pub(crate) handler: u32,
    /// Stream of the delivery time.
    pub(crate) deliver: StreamKey,
    /// Whether two unfinished items may have one key, so that their order has to be kept.
    pub(crate) ordered: bool,
    /// The broker that it listens to.
    pub(crate) broker: u32,
    /// Its group, or [`NONE`] on the ideal bus.
    pub(crate) group: u32,
    pub(crate) filter: Filter,
    /// Whether it is given what is older than the run.
    pub(crate) backfill: bool,
}

/// An event type.
#[derive(Debug)]
pub(crate) struct EventTable {
    /// Whether the ideal bus alone carries it to everybody, as fast as can be: nothing is filtered,
    /// refused, remembered or put aside.
    pub(crate) plain: bool,
    pub(crate) size: u64,
    pub(crate) priority: u8,
    /// Events of it so far that were not plain.
    pub(crate) count: u64,
    /// Brokers through which somebody hears it, ascending.
    pub(crate) via: Vec<u32>,
    /// What filters look at.
    pub(crate) attributes: Vec<AttributeTable>,
    /// Facts older than the run that somebody is given.
    pub(crate) history: u64,
    /// Identity of the first of them; number n has this plus n.
    pub(crate) history_id: u64,
}

/// A range of another table.
pub(crate) type Range = std::ops::Range<u32>;

/// `on.E` or `api.op`.
#[derive(Debug)]
pub(crate) struct HandlerTable {
    pub(crate) service: u32,
    pub(crate) steps: Range,
    pub(crate) fails: Chance,
    pub(crate) fails_key: StreamKey,
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) backoff_key: StreamKey,
    /// Whether it holds its worker during calls.
    pub(crate) blocking: bool,
    /// Whether a store write is among its steps.
    pub(crate) writes: bool,
    pub(crate) publish: Publish,
    pub(crate) retry_in: RetryIn,
    pub(crate) on_exhausted: Option<Exhausted>,
    /// Requests that have started a replayed step.
    pub(crate) replayed: u64,
    /// Its batch table, or [`NONE`].
    pub(crate) batch: u32,
    /// Share of events that always fail.
    pub(crate) poison: Chance,
    pub(crate) poison_key: StreamKey,
    /// Failures that can make its work fail.
    pub(crate) faults: Vec<u32>,
}

/// One step of a handler.
#[derive(Debug)]
pub(crate) enum Op {
    /// Worker time.
    Work(Variate, StreamKey),
    /// Worker time for each of a batch.
    Each,
    /// Worker time of the n-th event of its type, or of the n-th request to its handler.
    Replay(Variate, StreamKey),
    /// Calls made at once: a range of call sites.
    Call(Range),
    /// A store write of an entity, by its hashed name and its index: a new individual unless the
    /// cause has one.
    Write { duration: Variate, key: StreamKey, name: u64, entity: u32 },
    /// A store operation that looks up, or marks, whether the work has been done already.
    Recall(Variate, StreamKey),
    /// A look at the version, which takes no time.
    Guard,
    /// Every one of a range of emissions.
    EmitAll(Range),
    /// One of a range of emissions, by cumulated shares.
    EmitOne(Range, StreamKey),
}

/// One emission of a handler or a source.
#[derive(Debug)]
pub(crate) struct EmissionTable {
    pub(crate) event: u32,
    pub(crate) count: u32,
    /// Salt of the event's identity.
    pub(crate) salt: u64,
    /// Upper end of its share, for an exclusive choice.
    pub(crate) below: f64,
}

/// A place that makes calls: one target in a handler's call step, or a client.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) service: u32,
    pub(crate) handler: u32,
    pub(crate) salt: u64,
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    /// Lane of its deadlines.
    pub(crate) lane: u32,
    /// Column of the callee in the caller's table of round-robin pointers.
    pub(crate) pointer: u32,
    pub(crate) request_key: StreamKey,
    pub(crate) answer_key: StreamKey,
    pub(crate) balance_key: StreamKey,
    pub(crate) backoff_key: StreamKey,
    /// The client that calls, or [`NONE`].
    pub(crate) client: u32,
    /// What guards it, or [`NONE`].
    pub(crate) guard: u32,
}

/// Deadlines that are all equally far away: they pass in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) timeout: SimDuration,
    pub(crate) deadlines: VecDeque<Deadline>,
    /// Whether a timer is in the event list.
    pub(crate) armed: bool,
}

/// A deadline of an attempt of a call, void once the call's stamp has moved on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: u64,
    pub(crate) call: u32,
    pub(crate) stamp: u32,
}

/// A service: its handlers' backlog and its instances.
#[derive(Debug)]
pub(crate) struct ServiceTable {
    pub(crate) workers: u32,
    pub(crate) start: SimDuration,
    pub(crate) balance: Balance,
    /// Its instances, and room for those that there may be later.
    pub(crate) instances: Range,
    /// How many of them there are, the first ones; a new one counts when it has started.
    pub(crate) size: u32,
    /// Jobs of events that wait for a worker, by their place in line.
    pub(crate) backlog: VecDeque<u32>,
    /// Next place in line.
    pub(crate) place: u64,
    /// Instances that are up.
    pub(crate) up: u32,
    /// Groups of its handlers that consume from a broker with an engine.
    pub(crate) groups: Range,
    /// Whether one of them asks for work when a worker is idle.
    pub(crate) asks: bool,
    /// Which waiting work its instances take up next.
    pub(crate) order: Takes,
    /// Waiting work at most, in each line; `None`: without limit.
    pub(crate) cap: Option<usize>,
    /// Whether the oldest makes room when a line is full.
    pub(crate) evicts: bool,
    /// Whether requests may be turned away before they ask for a worker.
    pub(crate) gated: bool,
    /// How its waiting is treated, if not by the order of arrival alone.
    pub(crate) discipline: Option<Box<Discipline>>,
    /// Events of the book that wait for an earlier one of their key.
    pub(crate) held: usize,
    /// Connections to its store, if there is a limit.
    pub(crate) store: Option<Store>,
    /// Causes by which it hears no events.
    pub(crate) deaf: u32,
}

/// An instance of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) service: u32,
    pub(crate) zone: u32,
    /// Moves on with every crash, so that what was sent to an earlier one is void.
    pub(crate) incarnation: u32,
    /// Crashes whose cause lasts.
    pub(crate) crashes: u32,
    /// Stops whose cause lasts.
    pub(crate) stops: u32,
    /// Pauses that last.
    pub(crate) pauses: u32,
    /// Whether it consumes and takes requests.
    pub(crate) up: bool,
    /// Whether it is not up any more, but still finishes its work.
    pub(crate) draining: bool,
    /// Whether there is none now; counts as a stop.
    pub(crate) absent: bool,
    /// What its free workers take up.
    pub(crate) takes: Takes,
    /// When it will have started, if it is starting.
    pub(crate) starts_at: u64,
    /// When it will have stopped, if it is draining.
    pub(crate) stops_at: u64,
    /// Since when it stands still, if it does.
    pub(crate) paused_at: u64,
    /// Product of the slow-downs that strike it.
    pub(crate) slow: f64,
    /// Jobs with a worker.
    pub(crate) busy: u32,
    /// Jobs that wait for a worker of this instance: requests, and events that a broker gave it.
    pub(crate) inbox: VecDeque<u32>,
    /// Copies from brokers that are on their way to it, or gather there for a batch.
    pub(crate) coming: u32,
    /// Round-robin pointers, one per service called.
    pub(crate) pointers: Vec<u32>,
}

/// `emits.E = rate`.
#[derive(Debug)]
pub(crate) struct SourceTable {
    pub(crate) service: u32,
    pub(crate) event: u32,
    pub(crate) arrivals: Arrivals,
    /// Hash of the name of the entity whose individuals take turns, if they do.
    pub(crate) turns: u64,
    pub(crate) burst: Burst,
    pub(crate) burst_key: StreamKey,
    /// Identity of its arrival 0; arrival n has this plus n.
    pub(crate) first_id: u64,
    pub(crate) next: u64,
    /// Moves on when its rate changes, so that what was scheduled before is void.
    pub(crate) epoch: u32,
    /// Age of the fact when it arrives.
    pub(crate) late: Option<Variate>,
    pub(crate) late_key: StreamKey,
    pub(crate) publish: Publish,
}

/// A load generator.
#[derive(Debug)]
pub(crate) struct ClientTable {
    pub(crate) site: u32,
    pub(crate) zone: u32,
    pub(crate) load: LoadTable,
    pub(crate) first_id: u64,
    pub(crate) next: u64,
    /// Moves on when its rate changes, so that what was scheduled before is void.
    pub(crate) epoch: u32,
    pub(crate) pointer: u32,
    /// Identity that those who come in herds derive theirs from, and how many have.
    pub(crate) herd_id: u64,
    pub(crate) herd: u32,
}

/// When a client asks.
#[derive(Debug)]
pub(crate) enum LoadTable {
    Open(Arrivals),
    Closed {
        think: Variate,
        think_key: StreamKey,
        /// Requests made by each user that ever was one.
        requests_of: Vec<u32>,
        /// How many of them, the first ones, go on after their present request.
        users: u32,
        /// Users who did not, in ascending order.
        resting: Vec<u32>,
        /// Whether failures may strike them, so that it is known when each asks next.
        followed: bool,
    },
}

/// A committed fact while somebody still has to apply it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact {
    pub(crate) id: u64,
    pub(crate) commit: u64,
    pub(crate) published: u64,
    /// Entity that orders it, or 0.
    pub(crate) key: u64,
    pub(crate) event: u32,
    /// Subscriptions that have not resolved it.
    pub(crate) left: u32,
    /// Where its obligations are: that of a subscription is behind by the number of it. [`NONE`] if
    /// the ideal bus alone carries it.
    pub(crate) base: u32,
    /// What may still publish it.
    pub(crate) holds: u32,
    /// Everything that refers to it, holds included.
    pub(crate) refs: u32,
    /// Until when it waited in an outbox, ns.
    pub(crate) relayed: u64,
    /// When it left its client for the first time, ns.
    pub(crate) sent: u64,
    /// Its number among the events of its type, from 0.
    pub(crate) ordinal: u64,
    /// Whether it has been on its way to a broker.
    pub(crate) out: bool,
    /// Whether one of them gave it up.
    pub(crate) given_up: bool,
    /// Whether it is older than the run.
    pub(crate) backfill: bool,
    /// Whether a family has come of it at one of them.
    pub(crate) fruitful: bool,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A request on its way to its instance, or an answer on its way back.
    Travelling,
    /// The same, and nobody waits for it any longer.
    Withdrawn,
    /// In a backlog.
    Waiting,
    /// With a worker.
    Working,
    /// With the worker of the leader of its batch.
    Riding,
    /// In work, but without a worker until its calls return and one is free.
    Away,
    /// Without a worker until its pause is over.
    Parked,
    /// Put by until the versions before it have come.
    PutBy,
    /// Interrupted: only waits for its timer to come back.
    Ghost,
    /// With a worker of an instance that stands still, or stood still since its timer was set.
    Frozen,
}

/// One delivery or request at a service.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts; packing them would hide them"
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    /// Identity of the event or of the call.
    pub(crate) id: u64,
    /// Entity that orders what it emits, or 0.
    pub(crate) key: u64,
    /// Entity of its fact, or 0.
    pub(crate) line: u64,
    /// Commit of the fact, or intended start of the call.
    pub(crate) intended: u64,
    pub(crate) arrived: u64,
    /// Since when the current stretch of waiting or work lasts.
    pub(crate) mark: u64,
    /// Waiting for a worker, ns.
    pub(crate) wait: u64,
    /// With a worker, ns, up to `mark`.
    pub(crate) worked: u64,
    /// Part of `worked` that went into failed and interrupted attempts and pauses, ns.
    pub(crate) retry: u64,
    /// Part of `worked` that went into store writes of this attempt, ns.
    pub(crate) commit: u64,
    /// Its place in line.
    pub(crate) place: u64,
    /// Last commit of this attempt, or 0.
    pub(crate) committed: u64,
    /// The subscription of an event, or [`NONE`].
    pub(crate) subscription: u32,
    /// The fact of an event, the call of a request.
    pub(crate) origin: u32,
    /// The delivery of an event that is in the book, or [`NONE`].
    pub(crate) delivery: u32,
    /// Stamp of the call.
    pub(crate) stamp: u32,
    pub(crate) handler: u32,
    pub(crate) instance: u32,
    pub(crate) step: u32,
    /// Step after the last.
    pub(crate) end: u32,
    /// The next of its batch, or [`NONE`].
    pub(crate) next: u32,
    /// Number of this attempt for draws; interruptions count.
    pub(crate) attempt: u32,
    /// Attempts that failed; interruptions do not count.
    pub(crate) failed: u32,
    /// Moves on when an attempt ends, so that answers to an earlier attempt are void.
    pub(crate) stamp_of_calls: u32,
    /// Calls of the current step that have not been answered.
    pub(crate) unanswered: u32,
    /// Step before which attempts that committed nothing have published what was to publish.
    pub(crate) exposed: u16,
    pub(crate) state: State,
    /// Whether a timer for it is in the event list.
    pub(crate) timer: bool,
    /// Whether this attempt is one that fails.
    pub(crate) failing: bool,
    /// Whether its fact was applied.
    pub(crate) applied: bool,
    /// Whether it ends without an effect, as there was one already or may be none.
    pub(crate) skips: bool,
    /// Outcome of a request, once it has one.
    pub(crate) ok: bool,
}

impl Fact {
    /// No fact.
    pub(crate) const BLANK: Self = Self {
        id: 0,
        commit: 0,
        published: 0,
        key: 0,
        event: 0,
        left: 0,
        base: NONE,
        holds: 0,
        refs: 0,
        relayed: 0,
        sent: 0,
        ordinal: 0,
        out: false,
        given_up: false,
        backfill: false,
        fruitful: false,
    };

    /// Whether it has nothing left of what the ideal bus leaves as it finds it: so it is in every
    /// free slot.
    pub(crate) fn is_blank(&self) -> bool {
        self.base == NONE && self.holds == 0 && self.refs == 0 && !self.given_up
    }
}

impl Job {
    /// No job.
    pub(crate) const BLANK: Self = Self {
        id: 0,
        key: 0,
        line: 0,
        intended: 0,
        arrived: 0,
        mark: 0,
        wait: 0,
        worked: 0,
        retry: 0,
        commit: 0,
        place: 0,
        committed: 0,
        subscription: NONE,
        origin: NONE,
        delivery: NONE,
        stamp: VOID,
        handler: 0,
        instance: NONE,
        step: 0,
        end: 0,
        next: NONE,
        attempt: 0,
        failed: 0,
        stamp_of_calls: VOID,
        unanswered: 0,
        exposed: 0,
        state: State::Waiting,
        timer: false,
        failing: false,
        applied: false,
        skips: false,
        ok: false,
    };
}

/// A call from its first attempt to its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    /// Entity that orders what the callee emits, or 0.
    pub(crate) key: u64,
    pub(crate) intended: u64,
    pub(crate) site: u32,
    /// The calling job, or the user of a closed loop, or [`NONE`].
    pub(crate) caller: u32,
    /// Stamp of the calling job.
    pub(crate) caller_stamp: u32,
    /// The calling instance, or [`NONE`] for a client.
    pub(crate) instance: u32,
    /// Attempts made.
    pub(crate) tries: u32,
    /// Attempt number of the calling job, so that a repeated handler draws anew.
    pub(crate) round: u32,
    /// Moves on with every attempt and with the outcome.
    pub(crate) stamp: u32,
}
