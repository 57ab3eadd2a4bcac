//! What all brokers have in common: how the world talks to an engine, and what an engine may do.
//!
//! An engine stores and dispatches. It never runs a handler: it hands copies to [`Ctx::deliver`],
//! and hears through [`Engine::done`] what became of them.

pub(crate) mod fan_out;
#[cfg(test)]
mod fan_out_tests;
pub(crate) mod log;
pub(crate) mod pull;
pub(crate) mod push;
#[cfg(test)]
pub(crate) mod script;

use super::blueprint::{AckMode, Consume, Exhausted};
use super::book::Book;
use super::event::{Event, Kind};
use super::failure::Links;
use super::fate::Fate;
use super::observation::Observer;
use super::slab::Slab;
use super::tables::{EventTable, Instance, NONE, ServiceTable, SubscriptionTable};
use super::{Sched, World};
use crate::random::{StreamKey, Variate};
use crate::units::{SimDuration, SimTime};

/// The part of a broker that decides who gets what, when.
pub(crate) trait Engine<O: Observer>: std::fmt::Debug {
    /// Before the first event.
    fn start(&mut self, _ctx: &mut Ctx<O>) {}

    /// The part of the topic or queue that an event goes to: a client batches by it, and each part
    /// has a capacity of its own.
    fn destination(&mut self, _event: u32, _id: u64, _key: u64) -> u32 {
        0
    }

    /// The node that serves a destination; `None` while there is none.
    fn node_of(&self, _destination: u32) -> Option<u32> {
        Some(0)
    }

    /// The node that serves a destination, or did last: where a client sends.
    fn last_node_of(&self, destination: u32) -> u32 {
        self.node_of(destination).unwrap_or(0)
    }

    /// A published event has reached its destination.
    fn accept(&mut self, ctx: &mut Ctx<O>, p: &Publication) -> Accept;

    /// An event is there that is older than the run, for the subscriptions that want it; heard
    /// before anybody consumes. An engine that keeps nothing hears of none.
    fn remember(&mut self, _ctx: &mut Ctx<O>, _p: &Publication) {}

    /// A consumer with transactions emits a fact to this broker while it works on the delivery in
    /// `slot`. What it is published with; `None`: it is not published.
    fn enlist(&mut self, _ctx: &mut Ctx<O>, _slot: u32, _fact: u32) -> Option<Ticket> {
        Some(Ticket::NONE)
    }

    /// Somebody gives up publishing what has this ticket.
    fn unpublished(&mut self, _ctx: &mut Ctx<O>, _ticket: Ticket) {}

    /// A consumer is done with the delivery in `slot`. The engine may let the answer travel
    /// ([`Ctx::travel`]); the world forgets the delivery otherwise.
    fn done(&mut self, ctx: &mut Ctx<O>, slot: u32, outcome: Outcome);

    /// The answer about a delivery has reached the broker.
    fn settled(&mut self, _ctx: &mut Ctx<O>, _slot: u32, _outcome: Outcome) {}

    /// What it scheduled with [`Ctx::step`] is due.
    fn step(&mut self, _ctx: &mut Ctx<O>, _token: u32) {}

    /// What it scheduled with [`Ctx::timer`] is due.
    fn timer(&mut self, _ctx: &mut Ctx<O>, _token: u32) {}

    /// An instance consumes (again).
    fn joined(&mut self, _ctx: &mut Ctx<O>, _group: u32, _instance: u32) {}

    /// An instance consumes no more. After [`Departure::Stop`] it is given nothing, and
    /// [`Engine::done`] is still heard of what it has: `Requeue` of what it has not begun, then the
    /// outcomes of the rest. When its process ends, at once if it was idle, [`Departure::Crash`]
    /// follows: what is leased to it then, a copy on its way for instance, has to come again.
    fn left(&mut self, _ctx: &mut Ctx<O>, _group: u32, _instance: u32, _how: Departure) {}

    /// An instance that consumes stands still: it asks for nothing and sends no heartbeat. Heard
    /// again after [`Engine::joined`] if it starts during a pause; void once it has left.
    fn paused(&mut self, _ctx: &mut Ctx<O>, _group: u32, _instance: u32) {}

    /// An instance goes on.
    fn resumed(&mut self, _ctx: &mut Ctx<O>, _group: u32, _instance: u32) {}

    /// An instance has a worker without work.
    fn idle(&mut self, _ctx: &mut Ctx<O>, _group: u32, _instance: u32) {}

    /// A node stops.
    fn node_down(&mut self, _ctx: &mut Ctx<O>, _node: u32, _unclean: bool) {}

    /// A node is back.
    fn node_up(&mut self, _ctx: &mut Ctx<O>, _node: u32) {}

    /// The partitions of this number, one of each topic, have no leader.
    fn partition_down(&mut self, _ctx: &mut Ctx<O>, _nth: u32) {}

    /// They may have one again.
    fn partition_up(&mut self, _ctx: &mut Ctx<O>, _nth: u32) {}

    /// Links to instances or between nodes have been cut or mended ([`Ctx::apart`]). What was lost
    /// meanwhile stays lost: a connection begins anew.
    fn reach_changed(&mut self, _ctx: &mut Ctx<O>) {}

    /// The connection to an instance breaks.
    fn connection_breaks(&mut self, _ctx: &mut Ctx<O>, _instance: u32) {}

    /// Dead letters of a group return.
    fn redrive(&mut self, _ctx: &mut Ctx<O>, _group: u32) {}

    /// What made the work of a group fail is mended: what it had stopped over that goes on.
    fn mended(&mut self, _ctx: &mut Ctx<O>, _group: u32) {}

    /// A group starts again at the place of an instant.
    fn replay(&mut self, _ctx: &mut Ctx<O>, _group: u32, _to: SimTime) {}

    /// The broker, or how a group consumes, has changed: it goes on with the new values. What never
    /// changes while a world runs is as it was ([`Blueprint::adopt`](super::Blueprint::adopt)).
    fn reconfigure(&mut self, _ctx: &mut Ctx<O>, _broker: &super::Broker) {}

    /// Messages that members of a group have fetched and that have not reached it yet.
    fn in_hand(&self, _group: u32) -> u64 {
        0
    }

    /// Whether nothing is left to be given out.
    fn at_rest(&self) -> bool;

    /// What waits for a group, as an operator sees it: messages of a queue that nobody has, or
    /// entries of a log that it has not committed.
    fn backlog(&self, _group: u32) -> u64 {
        0
    }

    /// Messages that a group wants and has not been given: those that [`Ctx::stored`] told of.
    fn waiting(&self, _book: &Book, group: u32) -> u64 {
        self.backlog(group)
    }

    /// How far a group is behind on one of its lanes, if that is something that it can tell.
    fn lag(&self, _now: SimTime, _group: u32, _lane: u32) -> Option<log::Lag> {
        None
    }
}

/// An event on its way into a broker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication {
    /// The attempt to publish it, for [`Ctx::reply`].
    pub(crate) record: u32,
    pub(crate) fact: u32,
    pub(crate) destination: u32,
    /// Bytes.
    pub(crate) size: u64,
    /// Who publishes: an instance, or [`NONE`] for a process of its own.
    pub(crate) producer: u32,
    /// Its number among the events of that producer to that destination.
    pub(crate) sequence: u64,
    /// Attempts to publish it before this one, for draws.
    pub(crate) attempt: u32,
    /// Whether this is not the first attempt.
    pub(crate) again: bool,
    /// The transaction that it is part of.
    pub(crate) ticket: Ticket,
    /// How much later than it comes it is dated, ns.
    pub(crate) skew: i64,
}

/// The transaction of a consumer that an event is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// What the consumer reads, by the engine's own number; [`NONE`]: it is part of none.
    pub(crate) lane: u32,
    /// Which of its transactions.
    pub(crate) number: u32,
}

impl Ticket {
    pub(crate) const NONE: Self = Self { lane: NONE, number: 0 };
}

/// What a broker says to a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// It has it, and says so after this time.
    After(SimDuration),
    /// It will say so with [`Ctx::reply`], once and in any case: the fact lives until then.
    Later,
    /// Not now: worth another attempt.
    NotNow,
    /// No, for good; the obligations end like this. Publishers who want no answer hear nothing.
    Refused(Fate),
}

/// What a broker says later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Whether it has the event of a record; worth another attempt otherwise.
    Publish { record: u32, ok: bool },
    /// A fact that it has had for a while is for others to see; one of its holds is given up.
    Shown { fact: u32, broker: u32 },
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The consumer is done with it.
    Ack,
    /// It has to come again, as soon as may be; `failed`: because an attempt failed.
    Requeue { failed: bool },
    /// The consumer gives up.
    Reject(Exhausted),
}

impl Outcome {
    /// As what an obligation ends whose last copy ends like this.
    pub(crate) fn reason(self) -> Fate {
        match self {
            Self::Reject(Exhausted::Dlq) => Fate::DeadLettered,
            _ => Fate::Exhausted,
        }
    }
}

/// How an instance stops consuming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Its process died: connections break at once.
    Crash,
    /// In good order.
    Stop,
    /// It listens no more, while its process goes on with what it has: it may join again at any
    /// time, and what it holds then is still its own.
    Leave,
}

/// A copy that was given to a consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) fact: u32,
    pub(crate) subscription: u32,
    pub(crate) broker: u32,
    pub(crate) instance: u32,
    /// Incarnation of the instance that it was sent to.
    pub(crate) incarnation: u32,
    /// Whether its connection is gone, so that it finds nobody if it is still on its way.
    pub(crate) void: bool,
    /// The engine's own name for it.
    pub(crate) token: u32,
    /// Tells one lease of a token from the next.
    pub(crate) stamp: u32,
    /// When it was given out, ns.
    pub(crate) leased: u64,
    /// Since when it has waited at the consumer, ns; 0: it does not wait there yet.
    pub(crate) waits: u64,
    /// Copies that come with it and wait at the consumer until they are handed on.
    pub(crate) behind: u32,
    /// Whether it has come a second time by itself: its broker knows nothing of it.
    pub(crate) echo: bool,
    /// Whether an answer is on its way.
    pub(crate) travels: bool,
    pub(crate) outcome: Outcome,
    /// As what the obligation ends if this is its last copy and its consumer crashes.
    pub(crate) reason: Fate,
}

impl Delivery {
    pub(crate) const BLANK: Self = Self {
        fact: NONE,
        subscription: NONE,
        broker: 0,
        instance: NONE,
        incarnation: 0,
        void: false,
        token: 0,
        stamp: 0,
        leased: 0,
        waits: 0,
        behind: 0,
        echo: false,
        travels: false,
        outcome: Outcome::Ack,
        reason: Fate::LostCrash,
    };
}

/// A handler that consumes from a broker: one queue, or one consumer group.
#[derive(Clone, Debug)]
pub(crate) struct GroupTable {
    pub(crate) broker: u32,
    pub(crate) service: u32,
    /// Its subscriptions, one for each event type that it hears.
    pub(crate) subscriptions: Vec<u32>,
    pub(crate) ack: AckMode,
    pub(crate) consume: Consume,
    /// First of its lanes (see [`lanes`](super::lanes)).
    pub(crate) lane: u32,
    /// Whether the membership of its instances outlives a restart.
    pub(crate) static_id: bool,
}

/// What the world knows of a broker whatever its engine.
#[derive(Debug)]
pub(crate) struct BrokerTable {
    pub(crate) publish: Variate,
    pub(crate) deliver: Variate,
    pub(crate) ack_key: StreamKey,
    /// Zones of its nodes.
    pub(crate) zones: Vec<u32>,
    /// Whether a consumer has transactions.
    pub(crate) transacts: bool,
    pub(crate) spec: super::Broker,
}

/// What an engine may see and do.
pub(crate) struct Ctx<'a, O> {
    pub(crate) observer: &'a mut O,
    pub(crate) book: &'a mut Book,
    pub(crate) s: &'a mut Sched,
    /// The broker that it is.
    pub(crate) broker: u32,
    pub(crate) table: &'a BrokerTable,
    pub(crate) groups: &'a [GroupTable],
    pub(crate) subscriptions: &'a [SubscriptionTable],
    pub(crate) services: &'a [ServiceTable],
    pub(crate) instances: &'a mut [Instance],
    pub(crate) events: &'a [EventTable],
    pub(crate) network: &'a super::NetworkTable,
    pub(crate) deliveries: &'a mut Slab<Delivery>,
    pub(crate) replies: &'a mut Vec<Reply>,
    /// When the last copy arrives on each connection, so that none overtakes another.
    pub(crate) connections: &'a mut [u64],
    /// What is wrong with links.
    pub(crate) links: &'a mut Links,
    /// The node that sends; an engine says which it is before it delivers.
    pub(crate) node: u32,
}

impl<O: Observer> Ctx<'_, O> {
    #[inline]
    pub(crate) fn now(&self) -> SimTime {
        self.s.now()
    }

    /// A message joins what waits in a lane, or leaves it.
    #[inline]
    pub(crate) fn stored(&mut self, lane: u32, up: bool) {
        self.observer.stored(lane, self.s.now(), up);
    }

    /// Subscriptions of this broker that want a fact.
    pub(crate) fn wanted_by(&self, fact: u32) -> super::tables::Range {
        self.book.heard[self.book.facts.get(fact).event as usize].clone()
    }

    /// Whether a subscription wants the fact from this broker.
    #[inline]
    pub(crate) fn wants(&self, fact: u32, subscription: u32) -> bool {
        self.subscriptions[subscription as usize].broker == self.broker
            && self.book.wants(fact, subscription)
    }

    /// Calls [`Engine::step`] after `delay`, before timers of that instant.
    pub(crate) fn step(&mut self, delay: SimDuration, token: u32) {
        self.s.after(delay, Event::new(Kind::BrokerStep, self.broker, token));
    }

    /// Calls [`Engine::timer`] after `delay`.
    pub(crate) fn timer(&mut self, delay: SimDuration, token: u32) {
        self.s.after(delay, Event::new(Kind::BrokerTimer, self.broker, token));
    }

    /// Tells the publisher of a record what became of it.
    pub(crate) fn reply(&mut self, record: u32, ok: bool) {
        self.replies.push(Reply::Publish { record, ok });
    }

    /// A fact that was part of a transaction is shown, and not held any more.
    pub(crate) fn shown(&mut self, fact: u32) {
        self.replies.push(Reply::Shown { fact, broker: self.broker });
    }

    /// This broker has a copy for a subscription.
    #[inline]
    pub(crate) fn store(&mut self, fact: u32, subscription: u32) {
        let now = self.s.now().ns();
        let b = self.book.gain(self.observer, fact, subscription, Fate::Stored);
        if b.stored == 0 {
            b.stored = now;
        }
    }

    /// This broker has a copy for a subscription no more.
    #[inline]
    pub(crate) fn unstore(&mut self, fact: u32, subscription: u32, reason: Fate) {
        self.book.drop(self.observer, fact, subscription, reason);
    }

    /// The same of a copy that a log takes out again. If nobody was given it and there is no other
    /// one, it was never there, as far as anybody can tell.
    pub(crate) fn takes_out(&mut self, fact: u32, subscription: u32, reason: Fate) {
        let b = self.book.get(fact, subscription);
        if b.deliveries == 0 && b.refs == 1 {
            b.stored = 0;
        }
        self.unstore(fact, subscription, reason);
    }

    /// Sends a copy of what this broker has to an instance: it is leased from now on. Counts as a
    /// copy of its own until it is done.
    pub(crate) fn deliver(
        &mut self,
        fact: u32,
        subscription: u32,
        instance: u32,
        token: u32,
        stamp: u32,
    ) -> u32 {
        let at = self.arrival(fact, subscription);
        if self.links.any {
            let (of, names) = ((fact, subscription), (token, stamp));
            return self.deliver_over_links(of, instance, names, at, true);
        }
        let at = self.in_turn(instance, at);
        self.deliver_at(fact, subscription, instance, token, stamp, at)
    }

    /// When a copy that is sent now arrives by itself.
    pub(crate) fn arrival(&mut self, fact: u32, subscription: u32) -> SimTime {
        let nth = u32::from(self.book.get(fact, subscription).deliveries);
        let key = self.subscriptions[subscription as usize].deliver;
        let id = self.book.facts.get(fact).id;
        self.s.now() + self.table.deliver.sample_here(key, id, nth)
    }

    /// When what would arrive at `at` by itself arrives on the connection to an instance, where
    /// nothing overtakes.
    pub(crate) fn in_turn(&mut self, instance: u32, at: SimTime) -> SimTime {
        let last = &mut self.connections[instance as usize];
        *last = (*last).max(at.ns());
        SimTime::from_ns(*last)
    }

    /// The same as [`Ctx::deliver`] for a copy whose arrival is known.
    pub(crate) fn deliver_at(
        &mut self,
        fact: u32,
        subscription: u32,
        instance: u32,
        token: u32,
        stamp: u32,
        at: SimTime,
    ) -> u32 {
        let slot = self.give_out(fact, subscription, instance, self.s.now().ns());
        let d = self.deliveries.get_mut(slot);
        (d.token, d.stamp) = (token, stamp);
        self.s.at(at, Event::new(Kind::CopyArrives, 0, slot));
        slot
    }

    /// Hands a copy that an instance has already to its workers. `since`: when it was sent, and
    /// since when it has waited there, ns; 0 if it did not wait.
    pub(crate) fn hand_on(
        &mut self,
        fact: u32,
        subscription: u32,
        instance: u32,
        token: u32,
        since: (u64, u64),
    ) -> u32 {
        let slot = self.give_out(fact, subscription, instance, since.0);
        let d = self.deliveries.get_mut(slot);
        (d.token, d.waits) = (token, since.1);
        self.s.at(self.s.now(), Event::new(Kind::CopyArrives, 0, slot));
        slot
    }

    /// A copy is leased to an instance from `leased` ns on.
    fn give_out(&mut self, fact: u32, subscription: u32, instance: u32, leased: u64) -> u32 {
        let b = self.book.gain(self.observer, fact, subscription, Fate::Leased);
        let again = b.deliveries > 0;
        b.given_out(leased);
        self.observer.delivered(subscription, again);
        let to = &mut self.instances[instance as usize];
        to.coming += 1;
        let incarnation = to.incarnation;
        let slot = self.deliveries.reserve(&Delivery::BLANK);
        *self.deliveries.get_mut(slot) = Delivery {
            fact,
            subscription,
            broker: self.broker,
            instance,
            incarnation,
            leased,
            ..Delivery::BLANK
        };
        slot
    }

    /// One-way delay of a small message between an instance and a node of this broker.
    pub(crate) fn delay(&self, instance: u32, node: u32, id: u64, attempt: u32) -> SimDuration {
        let zones = &self.table.zones;
        let there = zones[node as usize % zones.len()];
        let here = self.instances[instance as usize].zone;
        self.network.delay(here, there, self.table.ack_key, id, attempt)
    }

    /// Lets the answer about a delivery travel to the node: [`Engine::settled`] hears it, unless it
    /// is lost. Returns whether it is there at once.
    pub(crate) fn travel(&mut self, slot: u32, node: u32, outcome: Outcome) -> bool {
        let d = *self.deliveries.get(slot);
        let b = self.book.get(d.fact, d.subscription);
        let nth = u32::from(b.deliveries);
        let id = self.book.facts.get(d.fact).id;
        let mut delay = self.delay(d.instance, node, id, nth);
        if self.links.any {
            let Some(later) = self.ack_over_links(&d, node, id, nth) else { return false };
            delay += later;
        }
        if delay == SimDuration::ZERO {
            return true;
        }
        let d = self.deliveries.get_mut(slot);
        d.travels = true;
        d.outcome = outcome;
        // The fact must not be forgotten meanwhile.
        let (fact, subscription) = (d.fact, d.subscription);
        self.book.copy(fact, subscription);
        self.s.after(delay, Event::new(Kind::Settled, 0, slot));
        false
    }
}

impl<O: Observer> World<O> {
    /// How far a group is behind on a lane (see [`lanes`](super::lanes)), if it reads a log.
    pub fn consumer_lag(&self, now: SimTime, lane: u32) -> Option<log::Lag> {
        let group = self.groups.partition_point(|g| g.lane <= lane).checked_sub(1)?;
        self.engines[self.groups[group].broker as usize].lag(now, group as u32, lane)
    }

    /// The engine of a broker, and what it may see and do.
    #[inline]
    pub(crate) fn at_broker<'a>(
        &'a mut self,
        s: &'a mut Sched,
        broker: u32,
    ) -> (&'a mut (dyn Engine<O> + 'static), Ctx<'a, O>) {
        let engine = self.engines[broker as usize].as_mut();
        let ctx = Ctx {
            observer: &mut self.observer,
            book: &mut self.book,
            s,
            broker,
            table: &self.brokers[broker as usize],
            groups: &self.groups,
            subscriptions: &self.subscriptions,
            services: &self.services,
            instances: &mut self.instances,
            events: &self.events,
            network: &self.network,
            deliveries: &mut self.deliveries,
            replies: &mut self.replies,
            connections: &mut self.connections[broker as usize],
            links: &mut self.trouble.links,
            node: 0,
        };
        (engine, ctx)
    }
}

/// The ideal bus has no engine: the world carries its events itself.
#[derive(Debug)]
pub(crate) struct NoEngine;

impl<O: Observer> Engine<O> for NoEngine {
    fn accept(&mut self, _: &mut Ctx<O>, _: &Publication) -> Accept {
        Accept::After(SimDuration::ZERO)
    }

    fn done(&mut self, _: &mut Ctx<O>, _: u32, _: Outcome) {}

    fn at_rest(&self) -> bool {
        true
    }
}
