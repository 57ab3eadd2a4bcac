//! The facts that the world states. What they add up to is decided by whoever observes.

use super::fate::Fate;
use crate::units::SimTime;

/// Where the time of one delivery went, in ns. The sum is exactly the time from commit to
/// application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// In an outbox.
    pub outbox: u64,
    /// In the buffer of a client.
    pub batch: u64,
    /// From there until the broker had it.
    pub publish: u64,
    /// At the broker, until it was first given out.
    pub broker: u64,
    /// From the broker to the service.
    pub deliver: u64,
    /// Waiting for a worker.
    pub wait: u64,
    /// Failed and interrupted attempts and deliveries, and the pauses between them.
    pub retry: u64,
    /// Work of the attempt that applied it, the answers of callees included.
    pub service: u64,
    /// Its store writes.
    pub commit: u64,
}

impl Segments {
    /// All of it.
    pub fn total(&self) -> u64 {
        let before = self.outbox + self.batch + self.publish + self.broker + self.deliver;
        before + self.wait + self.retry + self.service + self.commit
    }
}

/// One job's stay at a service.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// Commit of the fact or intended start of the call: decides whether the visit is measured.
    pub intended: SimTime,
    /// When it arrived.
    pub arrived: SimTime,
    /// Time without a worker, in ns.
    pub wait: u64,
    /// Time with a worker, in ns.
    pub service: u64,
    /// Whether it ended with success while somebody still wanted it, for the first time.
    pub good: bool,
}

/// What an observer may hear. Indices are those of the world's tables: services and clients as in
/// the blueprint, subscriptions as in [`subscriptions`](super::subscriptions).
pub trait Observer {
    /// A service emitted an event by itself.
    fn emitted(&mut self, service: u32, now: SimTime, id: u64);
    /// A service has so many instances with so many workers each from now on.
    fn sized(&mut self, _service: u32, _now: SimTime, _instances: u32, _workers: u32) {}
    /// An arrival of a source found all instances of its service down.
    fn not_emitted(&mut self, service: u32);
    /// A fact was committed that a subscription has to apply.
    fn committed(&mut self, subscription: u32, commit: SimTime);
    /// A fact was committed that a subscription has to apply, through the book: its obligation is
    /// pending.
    fn opened(&mut self, subscription: u32, commit: SimTime);
    /// A subscription has to apply a fact that is older than the run, through the book: its
    /// obligation is pending. That it applied it, or that all did, is no statement about lag.
    fn backfilled(&mut self, subscription: u32);
    /// An obligation of the book changed.
    fn moved(&mut self, subscription: u32, from: Fate, to: Fate);
    /// A copy was given to a consumer, again if it had been given out before.
    fn delivered(&mut self, subscription: u32, again: bool);
    /// A fact was published that a subscription does not want.
    fn filtered(&mut self, subscription: u32);
    /// A fact was published that nobody wants.
    fn unroutable(&mut self, event: u32);
    /// A message joined (`up`) or left what waits in a lane of a broker.
    fn stored(&mut self, lane: u32, now: SimTime, up: bool);
    /// A fact was committed that somebody hears.
    fn fact(&mut self, event: u32, commit: SimTime);
    /// Work arrived at a service.
    fn arrived(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, intended: SimTime);
    /// Work joined the backlog.
    fn queued(&mut self, service: u32, now: SimTime);
    /// Work left the backlog without a worker.
    fn unqueued(&mut self, service: u32, now: SimTime);
    /// A worker took work up, from the backlog if `queued`. `subscription`: of an event that is not
    /// applied yet; its obligation was `stored`.
    fn started(&mut self, service: u32, now: SimTime, subscription: Option<u32>, queued: bool);
    /// Work gets a place with the worker of another's batch (`on`), or has a worker of its own from
    /// now on.
    fn rides(&mut self, service: u32, now: SimTime, on: bool);
    /// A worker was released from work that has not left for good.
    fn released(&mut self, service: u32, now: SimTime);
    /// A worker lost an event that was not applied yet; its obligation was `leased` and is `stored`
    /// again.
    fn interrupted(&mut self, subscription: u32);
    /// An attempt failed and another one follows.
    fn failed(&mut self, service: u32);
    /// A job left the service for good and released its worker.
    fn left(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, visit: &Visit);
    /// A request was cut off before its end.
    fn cut_off(&mut self, service: u32, now: SimTime, id: u64, attempt: u32, arrived: SimTime);
    /// A subscription applied a fact. `booked`: its obligation is one of the book, which tells how
    /// it moved; otherwise it was `leased`.
    fn applied(
        &mut self,
        subscription: u32,
        now: SimTime,
        commit: SimTime,
        segments: &Segments,
        booked: bool,
    );
    /// As [`applied`](Self::applied) with `booked`, where individuals have versions: what is
    /// `visible` then is another matter.
    fn applied_version(
        &mut self,
        subscription: u32,
        now: SimTime,
        commit: SimTime,
        segments: &Segments,
    );
    /// A subscription shows the version of a fact that was committed at `commit`, or a newer one,
    /// for the first time.
    fn visible(&mut self, subscription: u32, now: SimTime, commit: SimTime);
    /// A subscription begins (`up`) or ceases to show an individual in another version than the
    /// newest that it is owed. `entity`: the first subscription to do so, or the last.
    fn behind(&mut self, subscription: u32, now: SimTime, up: bool, entity: bool);
    /// A copy was handed out after one of a newer version.
    fn out_of_order(&mut self, subscription: u32);
    /// A subscription had to do without a fact, or showed an older version after a newer one, for
    /// the first time for this individual. `entity`: no other subscription had to before.
    fn harmed(&mut self, subscription: u32, entity: bool);
    /// A service recognised work as done already, and skipped it.
    fn recognised(&mut self, service: u32);
    /// What was applied had been given up before.
    fn resurrected(&mut self, subscription: u32);
    /// A subscription applied a fact again.
    fn applied_again(&mut self, subscription: u32);
    /// A subscription gave a fact up after its last attempt; its obligation was `leased`.
    fn exhausted(&mut self, subscription: u32);
    /// An event was published, but what it tells of was never committed.
    fn phantom(&mut self, event: u32);
    /// A fact was committed but its event was never published.
    fn lost(&mut self, subscription: u32, commit: SimTime);
    /// The last subscriber applied a fact.
    fn converged(&mut self, event: u32, now: SimTime, commit: SimTime);
    /// A client intends a request.
    fn requested(&mut self, client: u32, now: SimTime, id: u64);
    /// A client's request has its final outcome.
    fn answered(&mut self, client: u32, now: SimTime, id: u64, intended: SimTime, ok: bool);
}
