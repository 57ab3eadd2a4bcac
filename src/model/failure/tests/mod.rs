//! Failures in small worlds whose every instant can be worked out by hand, and every pair of them
//! in every overlap.

mod bug;
mod dates;
mod deaf;
mod disk;
mod every_verb_tests;
mod guards;
mod lines;
mod message;
mod node;
pub(super) mod overlap;
mod pause;
mod set;
mod stop;
mod strain;
mod traffic;
mod trigger;

use crate::model::broker::{
    Accept, Ctx, Delivery, Departure, Engine as Queue, Outcome, Publication,
};
use crate::model::testing::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// A queue that gives each consumer two messages at a time, acknowledges before the work if told
/// so, and writes down what it hears.
#[derive(Debug, Default)]
struct Tap {
    before: bool,
    ready: VecDeque<(u32, u32)>,
    /// Fact, subscription and consumer of each lease.
    leased: BTreeMap<u32, (u32, u32, u32)>,
    members: Vec<u32>,
    leases: u32,
}

const PREFETCH: usize = 2;

impl Tap {
    fn say(ctx: &mut Ctx<Log>, what: &str) {
        let now = ctx.now().ns() as f64 / 1e6;
        ctx.observer.0.push(format!("{now} tap: {what}"));
    }

    fn dispatch(&mut self, ctx: &mut Ctx<Log>) {
        loop {
            let held = |i: u32| self.leased.values().filter(|l| l.2 == i).count();
            let free = self.members.iter().copied().filter(|&i| held(i) < PREFETCH);
            let Some(to) = free.min_by_key(|&i| (held(i), i)) else { return };
            let Some((fact, subscription)) = self.ready.pop_front() else { return };
            self.leases += 1;
            ctx.deliver(fact, subscription, to, self.leases, 0);
            if self.before {
                ctx.unstore(fact, subscription, Fate::LostCrash);
            } else {
                self.leased.insert(self.leases, (fact, subscription, to));
            }
        }
    }

    fn put_back(&mut self, ctx: &mut Ctx<Log>, fact: u32, subscription: u32) {
        ctx.book.put(ctx.observer, fact, subscription, Fate::Stored);
        self.ready.push_front((fact, subscription));
    }
}

impl Queue<Log> for Tap {
    fn accept(&mut self, ctx: &mut Ctx<Log>, p: &Publication) -> Accept {
        for subscription in ctx.wanted_by(p.fact) {
            if ctx.wants(p.fact, subscription) {
                ctx.store(p.fact, subscription);
                self.ready.push_back((p.fact, subscription));
            }
        }
        self.dispatch(ctx);
        Accept::After(SimDuration::ZERO)
    }

    fn done(&mut self, ctx: &mut Ctx<Log>, slot: u32, outcome: Outcome) {
        let Delivery { token, instance, .. } = *ctx.deliveries.get(slot);
        if let Outcome::Requeue { failed } = outcome {
            let why = if failed { ", failed" } else { "" };
            Self::say(ctx, &format!("i{instance} gives back{why}"));
        }
        let Some((fact, subscription, _)) = self.leased.remove(&token) else { return };
        match outcome {
            Outcome::Requeue { .. } => self.put_back(ctx, fact, subscription),
            _ => ctx.unstore(fact, subscription, Fate::Exhausted),
        }
        self.dispatch(ctx);
    }

    fn joined(&mut self, ctx: &mut Ctx<Log>, group: u32, instance: u32) {
        Self::say(ctx, &format!("i{instance} joins {group}"));
        self.members.push(instance);
        self.members.sort_unstable();
        self.dispatch(ctx);
    }

    fn left(&mut self, ctx: &mut Ctx<Log>, _: u32, instance: u32, how: Departure) {
        Self::say(ctx, &format!("i{instance} leaves: {how:?}"));
        self.members.retain(|&i| i != instance);
        if how == Departure::Crash {
            let tokens: Vec<u32> = self.leased.keys().copied().rev().collect();
            for token in tokens {
                if self.leased[&token].2 == instance {
                    let (fact, subscription, _) = self.leased.remove(&token).expect("it is there");
                    self.put_back(ctx, fact, subscription);
                }
            }
        }
        self.dispatch(ctx);
    }

    fn paused(&mut self, ctx: &mut Ctx<Log>, _: u32, instance: u32) {
        Self::say(ctx, &format!("i{instance} stands still"));
    }

    fn resumed(&mut self, ctx: &mut Ctx<Log>, _: u32, instance: u32) {
        Self::say(ctx, &format!("i{instance} goes on"));
    }

    fn node_down(&mut self, ctx: &mut Ctx<Log>, node: u32, unclean: bool) {
        Self::say(ctx, &format!("node {node} is down, unclean: {unclean}"));
    }

    fn node_up(&mut self, ctx: &mut Ctx<Log>, node: u32) {
        Self::say(ctx, &format!("node {node} is up"));
    }

    fn redrive(&mut self, ctx: &mut Ctx<Log>, group: u32) {
        Self::say(ctx, &format!("redrive {group}"));
    }

    fn replay(&mut self, ctx: &mut Ctx<Log>, group: u32, to: SimTime) {
        Self::say(ctx, &format!("replay {group} from {}", to.ns() as f64 / 1e6));
    }

    fn at_rest(&self) -> bool {
        self.ready.is_empty() && self.leased.is_empty()
    }
}

/// A broker whose engine is to be replaced.
fn tap() -> Broker {
    let nothing = FanOutSpec { buffer: 0, soft_buffer: None, soft_time: SimDuration::ZERO };
    Broker {
        engine: EngineSpec::FanOut(nothing),
        nodes: 2,
        ack: AckMode::After,
        ..Broker::ideal("tap", fixed(1))
    }
}

/// The world of a blueprint whose second broker, if there is one, is a [`Tap`].
fn world(b: &Blueprint) -> World<Log> {
    let mut world = World::new(b, &Streams::new(1, 0), Log::default());
    if let Some(broker) = b.brokers.get(1)
        && matches!(&broker.engine, EngineSpec::FanOut(spec) if spec.buffer == 0)
    {
        let before = broker.ack == AckMode::Before;
        world.engines[1] = Box::new(Tap { before, ..Tap::default() });
    }
    world
}

/// Runs a blueprint until nothing is to happen any more.
fn run(b: &Blueprint) -> World<Log> {
    let limits = Limits { events: 1_000_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world(b), limits, World::start);
    assert_eq!(engine.run_until::<false>(SimTime::MAX), Stop::Empty);
    engine.into_model()
}

/// What happens in a blueprint.
fn story(b: &Blueprint) -> String {
    run(b).observer.0.join("\n")
}

fn at(ms: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_ms(ms)
}

/// Strikes the first instances of service 1.
fn failure(verb: Verb, instances: u32, at_ms: u64, for_ms: u64) -> Failure {
    let target = Target::Instances { service: ServiceId(1), instances: (0..instances).collect() };
    Failure { verb, target, ..crash(1, at_ms, for_ms) }
}

/// A source every `every` ms, and a service that works on it for `ms`, through a tap.
fn tapped(until: u64, every: u64, ms: u64) -> Blueprint {
    let mut from = source(every);
    from.sources[0].publish = Publish::plain(BrokerId(1));
    let mut h = handler(on(0), vec![work(ms)]);
    h.consume = Consume::plain(BrokerId(1));
    let mut b = blueprint(until, 1, vec![from, service("s", vec![h])]);
    b.brokers.push(tap());
    b
}

/// A client that asks service 1 every `every` ms, and one that works on it for `ms`.
fn asked(until: u64, every: u64, ms: u64) -> Blueprint {
    let api = handler(Trigger::Api("get".to_owned()), vec![work(ms)]);
    let mut b = blueprint(until, 0, vec![service("none", vec![]), service("s", vec![api])]);
    b.clients = vec![client(Operation { service: ServiceId(1), handler: 0 }, every, 1_000, 1)];
    b
}

const BACK: Operation = Operation { service: ServiceId(2), handler: 0 };
