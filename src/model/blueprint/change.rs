//! What may change while an architecture runs: the difference between two blueprints.
//!
//! A field that is not named here is part of what the architecture is, and stays.

use super::{
    Acks, BacklogPolicy, Blueprint, Broker, Client, Emission, Emit, EngineSpec, Handler, Load,
    Publish, ScaleBy, Service, Source, Step,
};
use crate::model::publish::is_outbox;

/// Takes over each of the named fields that `other` has different from `base`.
macro_rules! adopt {
    ($now:expr, $base:expr, $other:expr; $($($field:ident).+),+ $(,)?) => {
        $(if $base.$($field).+ != $other.$($field).+ {
            $now.$($field).+.clone_from(&$other.$($field).+);
        })+
    };
}

/// Pairs each part with the parts at its place in `base` and `other`.
fn each<'a, T>(
    now: &'a mut [T],
    base: &'a [T],
    other: &'a [T],
) -> impl Iterator<Item = (&'a mut T, &'a T, &'a T)> {
    now.iter_mut().zip(base).zip(other).map(|((now, base), other)| (now, base, other))
}

impl Blueprint {
    /// Takes over every value that can change while it runs and that `other` has different from
    /// `base`. All three are one architecture.
    pub fn adopt(&mut self, base: &Self, other: &Self) {
        adopt!(self.network, base.network, other.network; same_zone, other_zone, other_region);
        for (now, base, other) in each(&mut self.events, &base.events, &other.events) {
            adopt!(now, base, other; size);
        }
        for (now, base, other) in each(&mut self.brokers, &base.brokers, &other.brokers) {
            broker(now, base, other);
        }
        let brokers = &base.brokers;
        for (now, base, other) in each(&mut self.services, &base.services, &other.services) {
            service(now, base, other, brokers);
        }
        for (now, base, other) in each(&mut self.clients, &base.clients, &other.clients) {
            client(now, base, other);
        }
    }

    /// Whether it can become `other` while it runs.
    pub fn can_become(&self, other: &Self) -> bool {
        let mut now = self.clone();
        now.adopt(self, other);
        now == *other
    }
}

fn service(now: &mut Service, base: &Service, other: &Service, brokers: &[Broker]) {
    adopt!(
        now, base, other;
        workers, start, balance, write, read, connections, backlog.cap,
    );
    if base.cores.is_some() && other.cores.is_some() {
        adopt!(now, base, other; cores);
    }
    // What draws, looks at deadlines or measures waits keeps records of what waits.
    let by_arrival = |s: &Service| {
        use BacklogPolicy::{DropOldest, Lifo, RejectNew};
        matches!(s.backlog.policy, RejectNew | DropOldest | Lifo)
    };
    if by_arrival(base) && by_arrival(other) {
        adopt!(now, base, other; backlog.policy);
    }
    match (&base.autoscale, &other.autoscale) {
        (None, None) => adopt!(now, base, other; instances),
        // Its timers stay.
        (Some(from), Some(to))
            if matches!(from.by, ScaleBy::Rho(_)) == matches!(to.by, ScaleBy::Rho(_))
                && (from.min == 0) == (to.min == 0) =>
        {
            adopt!(now, base, other; autoscale);
        }
        _ => {}
    }
    for (now, base, other) in each(&mut now.sources, &base.sources, &other.sources) {
        source(now, base, other, brokers);
    }
    for (now, base, other) in each(&mut now.handlers, &base.handlers, &other.handlers) {
        handler(now, base, other, brokers);
    }
}

fn source(now: &mut Source, base: &Source, other: &Source, brokers: &[Broker]) {
    if base.rate.can_become(&other.rate) {
        adopt!(now, base, other; rate);
    }
    adopt!(now, base, other; burst, late);
    publish(&mut now.publish, base.publish, other.publish, brokers);
}

/// A relay is there or is not, and the ideal bus carries what is published there and asynchronously
/// in another way.
fn publish(now: &mut Publish, base: Publish, other: Publish, brokers: &[Broker]) {
    let ideal = |b: &Broker| b.engine == EngineSpec::Ideal;
    let to_ideal = brokers.get(base.to.0 as usize).is_none_or(ideal);
    if !to_ideal && !is_outbox(base.mode) && !is_outbox(other.mode) {
        adopt!(now, base, other; mode);
    }
}

fn handler(now: &mut Handler, base: &Handler, other: &Handler, brokers: &[Broker]) {
    if base.steps.len() == other.steps.len() {
        for (now, base, other) in each(&mut now.steps, &base.steps, &other.steps) {
            step(now, base, other);
        }
    }
    adopt!(
        now, base, other;
        fails, attempts, backoff, timeout, retry.attempts, retry.backoff, consume.prefetch,
        consume.retry_in, consume.on_exhausted, consume.poison, consume.filters,
    );
    publish(&mut now.publish, base.publish, other.publish, brokers);
    if let (Some(now), Some(base), Some(other)) =
        (&mut now.consume.batch, &base.consume.batch, &other.consume.batch)
    {
        adopt!(now, base, other; wait, each, bisect);
    }
}

fn step(now: &mut Step, base: &Step, other: &Step) {
    match (now, base, other) {
        (Step::Work(now), Step::Work(base), Step::Work(other))
            if base != other && !base.is_trace() && !other.is_trace() =>
        {
            now.clone_from(other);
        }
        (Step::Emit(Emit::All(now)), Step::Emit(Emit::All(base)), Step::Emit(Emit::All(other))) => {
            for (now, base, other) in each(now, base, other) {
                count(now, *base, *other);
            }
        }
        (
            Step::Emit(Emit::OneOf(now)),
            Step::Emit(Emit::OneOf(base)),
            Step::Emit(Emit::OneOf(other)),
        ) => {
            for (now, base, other) in each(now, base, other) {
                if base.0 != other.0 {
                    now.0 = other.0;
                }
                count(&mut now.1, base.1, other.1);
            }
        }
        _ => {}
    }
}

fn count(now: &mut Emission, base: Emission, other: Emission) {
    adopt!(now, base, other; count);
}

fn client(now: &mut Client, base: &Client, other: &Client) {
    adopt!(now, base, other; timeout, retry.attempts, retry.backoff);
    match (&mut now.load, &base.load, &other.load) {
        (Load::Open(now), Load::Open(base), Load::Open(other))
            if base != other && base.can_become(other) =>
        {
            now.clone_from(other);
        }
        (
            Load::Closed { users, think },
            Load::Closed { users: base_users, think: base_think },
            Load::Closed { users: other_users, think: other_think },
        ) => {
            if base_users != other_users {
                *users = *other_users;
            }
            if base_think != other_think {
                think.clone_from(other_think);
            }
        }
        _ => {}
    }
}

fn broker(now: &mut Broker, base: &Broker, other: &Broker) {
    adopt!(
        now, base, other;
        publish, deliver, per_shard, per_node, quota, reconnect, producer.batch, producer.linger,
        producer.buffer, producer.max_block, producer.request_timeout, producer.delivery_timeout,
        producer.backoff,
    );
    let waits = |b: &Broker| b.producer.acks != Acks::None;
    if waits(base) && waits(other) {
        adopt!(now, base, other; producer.acks, producer.idempotent);
    }
    match (&mut now.engine, &base.engine, &other.engine) {
        (EngineSpec::Log(now), EngineSpec::Log(base), EngineSpec::Log(other)) => {
            adopt!(
                now, base, other;
                min_isr, replication, unclean, replica_lag, detection, election, retention, retain,
                reset, session_timeout, heartbeat, max_poll_records, long_poll,
            );
            // What is in one cannot be put into others.
            if other.partitions > base.partitions {
                adopt!(now, base, other; partitions);
            }
        }
        (EngineSpec::Push(now), EngineSpec::Push(base), EngineSpec::Push(other)) => {
            adopt!(
                now, base, other;
                prefetch, ttl, max_length, overflow, fsync, delivery_limit, heartbeat,
                dead_letters,
            );
            if base.ack_timeout.is_some() && other.ack_timeout.is_some() {
                adopt!(now, base, other; ack_timeout);
            }
            if let (Some(now), Some(base), Some(other)) =
                (&mut now.quorum, &base.quorum, &other.quorum)
            {
                adopt!(now, base, other; replication, failover);
            }
        }
        (EngineSpec::Pull(now), EngineSpec::Pull(base), EngineSpec::Pull(other)) => {
            adopt!(
                now, base, other;
                heartbeat, poll, empty_poll, batch, prefetch, dlq_after, duplicates, retention,
                nack_delay, max_length, replication, failover, unsynced,
            );
            if base.visibility.is_some() && other.visibility.is_some() {
                adopt!(now, base, other; visibility);
            }
            if base.reclaim.is_some() && other.reclaim.is_some() {
                adopt!(now, base, other; reclaim);
            }
            if !base.fifo {
                adopt!(now, base, other; max_in_flight);
            }
        }
        (EngineSpec::FanOut(now), EngineSpec::FanOut(base), EngineSpec::FanOut(other)) => {
            adopt!(now, base, other; buffer, soft_buffer, soft_time);
        }
        _ => {}
    }
}
