//! Failures in small worlds whose every instant can be worked out by hand, and every pair of them
//! in every overlap.

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
        && matches!(broker.engine, EngineSpec::FanOut(_))
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

#[test]
fn a_stop_finishes_requests_in_work_and_refuses_the_others() {
    let mut b = asked(45, 10, 18);
    b.failures = vec![failure(Verb::Stop, 1, 25, 5)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    20 c0 asks
    21 s1 queues
    25 s1 cuts off
    26 c0 fails after 6
    29 s1 done: wait 0, work 18, draw 0
    30 c0 is answered after 20
    30 c0 asks
    32 c0 fails after 2
    40 c0 asks
    41 s1 starts
    59 s1 done: wait 0, work 18, draw 0
    60 c0 is answered after 20
    ");
}

#[test]
fn a_stop_gives_back_what_waits_and_what_is_on_its_way() {
    // The event of 5 is in work, that of 10 waits.
    let mut b = tapped(13, 5, 20);
    b.failures = vec![failure(Verb::Stop, 1, 15, 10)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    5 s0 emits
    6 s1 starts
    10 s0 emits
    11 s1 queues
    15 tap: i1 leaves: Stop
    15 s1 cuts off
    15 tap: i1 gives back
    26 s1 done: wait 0, work 20, draw 0
    26 applied 0: [0.0, 1.0, 0.0, 0.0, 20.0, 0.0]
    26 converged
    26 tap: i1 leaves: Crash
    31 tap: i1 joins 0
    32 s1 starts
    52 s1 done: wait 0, work 20, draw 0
    52 applied 0: [0.0, 1.0, 0.0, 21.0, 20.0, 0.0]
    52 converged
    ");
    // The event of 10 arrives at 13, that of 20 comes too late; the other instance takes it.
    let mut b = tapped(25, 10, 20);
    b.services[1].instances = 2;
    b.brokers[1].deliver = fixed(3);
    b.failures =
        vec![failure(Verb::Pause, 1, 5, 1), crash(1, 5, 12), failure(Verb::Stop, 1, 22, 10)];
    b.failures[1].target = Target::Instances { service: ServiceId(1), instances: vec![1] };
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i2 joins 0
    5 tap: i1 stands still
    5 tap: i2 leaves: Crash
    6 tap: i1 goes on
    10 s0 emits
    13 s1 starts
    20 s0 emits
    22 tap: i1 leaves: Stop
    22 tap: i2 joins 0
    23 tap: i1 gives back
    26 s1 starts
    33 s1 done: wait 0, work 20, draw 0
    33 applied 0: [0.0, 3.0, 0.0, 0.0, 20.0, 0.0]
    33 converged
    33 tap: i1 leaves: Crash
    38 tap: i1 joins 0
    46 s1 done: wait 0, work 20, draw 0
    46 applied 0: [0.0, 3.0, 0.0, 3.0, 20.0, 0.0]
    46 converged
    ");
}

#[test]
fn a_stop_gives_back_what_waits_for_its_next_attempt() {
    let mut b = tapped(15, 10, 2);
    let h = &mut b.services[1].handlers[0];
    h.fails = Probability::ONE;
    h.attempts = 2;
    h.backoff = "30ms fixed".parse().expect("valid");
    h.consume.retry_in = RetryIn::Requeue;
    b.failures = vec![failure(Verb::Stop, 1, 20, 1)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    13 s1 done: wait 0, work 2, draw 0, in vain
    20 tap: i1 leaves: Stop
    20 tap: i1 gives back, failed
    20 tap: i1 leaves: Crash
    26 tap: i1 joins 0
    27 s1 starts
    29 s1 done: wait 0, work 2, draw 1, in vain
    0 was Leased and is Exhausted
    ");
}

#[test]
fn a_stop_works_off_what_its_broker_has_forgotten() {
    let mut b = tapped(25, 10, 20);
    b.brokers[1].ack = AckMode::Before;
    b.failures = vec![failure(Verb::Stop, 1, 24, 10)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    20 s0 emits
    21 s1 queues
    24 tap: i1 leaves: Stop
    31 s1 done: wait 0, work 20, draw 0
    31 applied 0: [0.0, 1.0, 0.0, 0.0, 20.0, 0.0]
    31 converged
    31 s1 starts
    51 s1 done: wait 10, work 20, draw 0
    51 applied 0: [0.0, 1.0, 10.0, 0.0, 20.0, 0.0]
    51 converged
    51 tap: i1 leaves: Crash
    56 tap: i1 joins 0
    ");
}

#[test]
fn a_stop_kills_what_is_unfinished_after_its_grace() {
    let mut b = asked(15, 10, 40_000);
    b.clients[0].timeout = SimDuration::MAX;
    b.failures = vec![failure(Verb::Stop, 1, 12, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    30012 s1 cuts off
    30013 c0 fails after 30003
    ");
}

#[test]
fn a_rolling_restart_goes_on_when_a_batch_has_come_back() {
    let mut b = tapped(5, 10, 20);
    b.services[1].instances = 8;
    b.failures = vec![failure(Verb::Restart, 8, 10, 0), failure(Verb::Crash, 3, 17, 1_000)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i2 joins 0
    0 tap: i3 joins 0
    0 tap: i4 joins 0
    0 tap: i5 joins 0
    0 tap: i6 joins 0
    0 tap: i7 joins 0
    0 tap: i8 joins 0
    10 tap: i1 leaves: Stop
    10 tap: i1 leaves: Crash
    10 tap: i2 leaves: Stop
    10 tap: i2 leaves: Crash
    15 tap: i1 joins 0
    15 tap: i2 joins 0
    15 tap: i3 leaves: Stop
    15 tap: i3 leaves: Crash
    15 tap: i4 leaves: Stop
    15 tap: i4 leaves: Crash
    17 tap: i1 leaves: Crash
    17 tap: i2 leaves: Crash
    20 tap: i4 joins 0
    20 tap: i5 leaves: Stop
    20 tap: i5 leaves: Crash
    20 tap: i6 leaves: Stop
    20 tap: i6 leaves: Crash
    25 tap: i5 joins 0
    25 tap: i6 joins 0
    25 tap: i7 leaves: Stop
    25 tap: i7 leaves: Crash
    25 tap: i8 leaves: Stop
    25 tap: i8 leaves: Crash
    30 tap: i7 joins 0
    30 tap: i8 joins 0
    1022 tap: i1 joins 0
    1022 tap: i2 joins 0
    1022 tap: i3 joins 0
    ");
}

#[test]
fn a_rolling_restart_does_not_wait_for_what_is_kept_down() {
    // The first instance finishes its work, or is killed, and stays down.
    for (ms, ends) in [(20, 31), (40_000, 30_012)] {
        let mut b = tapped(15, 10, ms);
        b.services[1].instances = 2;
        let stop = Failure { lasts: None, ..failure(Verb::Stop, 1, 12, 0) };
        b.failures = vec![stop, failure(Verb::Restart, 2, 20, 0)];
        let stops = [
            "12 tap: i1 leaves: Stop".to_owned(),
            format!("{ends} tap: i1 leaves: Crash"),
            format!("{ends} tap: i2 leaves: Stop"),
        ];
        let log = run(&b).observer.0;
        let left: Vec<&String> = log.iter().filter(|l| l.contains("leaves")).take(3).collect();
        assert_eq!(left, stops.iter().collect::<Vec<_>>());
    }
}

#[test]
fn every_stop_has_a_grace_of_its_own() {
    // The first one ends at once, since nothing is in work, and its grace at 30005.
    let mut b = asked(15, 10, 40_000);
    b.clients[0].timeout = SimDuration::MAX;
    b.failures = vec![failure(Verb::Stop, 1, 5, 1), failure(Verb::Stop, 1, 20_000, 1)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    40011 s1 done: wait 0, work 40000, draw 0
    40012 c0 is answered after 40002
    ");
}

#[test]
fn a_pause_puts_off_the_end_of_work_and_the_start_of_the_next() {
    let mut b = tapped(25, 10, 8);
    b.failures = vec![failure(Verb::Pause, 1, 15, 10), failure(Verb::Pause, 1, 27, 3)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    15 tap: i1 stands still
    20 s0 emits
    21 s1 queues
    25 tap: i1 goes on
    27 tap: i1 stands still
    30 tap: i1 goes on
    32 s1 done: wait 0, work 21, draw 0
    32 applied 0: [0.0, 1.0, 0.0, 0.0, 21.0, 0.0]
    32 converged
    32 s1 starts
    40 s1 done: wait 11, work 8, draw 0
    40 applied 0: [0.0, 1.0, 11.0, 0.0, 8.0, 0.0]
    40 converged
    ");
}

#[test]
fn clocks_run_through_a_pause() {
    // The pause between attempts ends at 26: at 30 for this instance.
    let mut h = handler(on(0), vec![Step::Call(vec![BACK]), work(1)]);
    h.attempts = 2;
    h.backoff = "12ms fixed".parse().expect("valid");
    let mut back = service("back", vec![handler(Trigger::Api("b".to_owned()), vec![work(1)])]);
    back.handlers[0].fails = Probability::ONE;
    let mut b = blueprint(15, 1, vec![source(10), service("s", vec![h]), back]);
    b.failures = vec![failure(Verb::Pause, 1, 20, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    13 s2 done: wait 0, work 1, draw 0, in vain
    31 s2 starts
    32 s2 done: wait 0, work 1, draw 256, in vain
    33 s1 done: wait 0, work 22, draw 1, in vain
    0 gives up
    ");
    // The answer that comes at 14 is heard at 22.
    b.failures = vec![failure(Verb::Pause, 1, 12, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    13 s2 done: wait 0, work 1, draw 0, in vain
    35 s2 starts
    36 s2 done: wait 0, work 1, draw 256, in vain
    37 s1 done: wait 0, work 26, draw 1, in vain
    0 gives up
    ");
    // The deadline of 16 is heard at 22.
    b.services[1].handlers[0].timeout = SimDuration::from_ms(5);
    b.services[2].handlers[0].steps = vec![work(20)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    32 s2 done: wait 0, work 20, draw 0, in vain
    35 s2 starts
    39 s1 done: wait 0, work 28, draw 1, in vain
    0 gives up
    55 s2 done: wait 0, work 20, draw 256, in vain
    ");
}

const BACK: Operation = Operation { service: ServiceId(2), handler: 0 };

#[test]
fn requests_that_find_a_full_line_fail_or_make_room() {
    let outcomes = |policy: BacklogPolicy, cap: u64| {
        // From 2 to 7 one request each; the worker is free at 22, 42, 62.
        let mut b = asked(7, 1, 20);
        b.services[1].backlog = Backlog { cap: Some(cap), policy };
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("c0 is") || l.contains("c0 fails"));
        lines.map(|l| l.replace("c0 ", "")).collect::<Vec<_>>().join(", ")
    };
    insta::assert_snapshot!(outcomes(BacklogPolicy::RejectNew, 0), @"4 fails after 2, 5 fails after 2, 6 fails after 2, 7 fails after 2, 8 fails after 2, 23 is answered after 22");
    insta::assert_snapshot!(outcomes(BacklogPolicy::DropOldest, 0), @"4 fails after 2, 5 fails after 2, 6 fails after 2, 7 fails after 2, 8 fails after 2, 23 is answered after 22");
    insta::assert_snapshot!(outcomes(BacklogPolicy::RejectNew, 2), @"6 fails after 2, 7 fails after 2, 8 fails after 2, 23 is answered after 22, 43 is answered after 41, 63 is answered after 60");
    insta::assert_snapshot!(outcomes(BacklogPolicy::DropOldest, 2), @"6 fails after 4, 7 fails after 4, 8 fails after 4, 23 is answered after 22, 43 is answered after 38, 63 is answered after 57");
    insta::assert_snapshot!(outcomes(BacklogPolicy::Lifo, 2), @"6 fails after 4, 7 fails after 4, 8 fails after 4, 23 is answered after 22, 43 is answered after 37, 63 is answered after 58");
}

#[test]
fn events_that_find_a_full_line_are_shed() {
    let ends = |policy: BacklogPolicy, cap: Option<u64>| {
        let mut s = service("s", vec![handler(on(0), vec![work(20)])]);
        s.backlog = Backlog { cap, policy };
        let b = blueprint(7, 1, vec![source(1), s]);
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("applied") || l.contains("Shed"));
        let wait = |l: &str| l.split(", ").nth(2).unwrap_or(l).to_owned();
        lines.map(|l| wait(&l)).collect::<Vec<_>>().join(", ")
    };
    insta::assert_snapshot!(ends(BacklogPolicy::RejectNew, Some(2)), @"0 was Stored and is Shed, 0 was Stored and is Shed, 0 was Stored and is Shed, 0.0, 19.0, 38.0");
    insta::assert_snapshot!(ends(BacklogPolicy::DropOldest, Some(2)), @"0 was Stored and is Shed, 0 was Stored and is Shed, 0 was Stored and is Shed, 0.0, 16.0, 35.0");
    insta::assert_snapshot!(ends(BacklogPolicy::Lifo, Some(2)), @"0 was Stored and is Shed, 0 was Stored and is Shed, 0 was Stored and is Shed, 0.0, 15.0, 36.0");
    insta::assert_snapshot!(ends(BacklogPolicy::Lifo, None), @"0.0, 15.0, 36.0, 57.0, 78.0, 99.0");
}

#[test]
fn the_last_message_of_a_broker_goes_first_too() {
    // It gives out at once what it forgets at once: at 2, 3, 4, 5.
    let waits = |policy: BacklogPolicy| {
        let mut b = tapped(5, 1, 20);
        b.brokers[1].ack = AckMode::Before;
        b.services[1].backlog = Backlog { cap: None, policy };
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("done"));
        lines.map(|l| l.replace(", work 20, draw 0", "")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(waits(BacklogPolicy::RejectNew), @r"
    22 s1 done: wait 0
    42 s1 done: wait 19
    62 s1 done: wait 38
    82 s1 done: wait 57
    ");
    insta::assert_snapshot!(waits(BacklogPolicy::Lifo), @r"
    22 s1 done: wait 0
    42 s1 done: wait 17
    62 s1 done: wait 38
    82 s1 done: wait 59
    ");
}

#[test]
fn order_by_key_and_a_bounded_line_go_together() {
    // Three events of one key at once: one starts, one waits for it, one finds no room.
    let burst = Emission { event: EventTypeId(1), count: 3 };
    let order = handler(on(0), vec![Step::Write(EntityId(0)), Step::Emit(Emit::All(vec![burst]))]);
    let mut last = service("last", vec![handler(on(1), vec![work(10)])]);
    last.workers = 2;
    last.backlog = Backlog { cap: Some(1), policy: BacklogPolicy::RejectNew };
    let b = blueprint(15, 2, vec![source(10), service("order", vec![order]), last]);
    let end = run(&b);
    assert!(end.lines.is_empty());
    insta::assert_snapshot!(end.observer.0.join("\n"), @r"
    10 s0 emits
    11 s1 starts
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    13 converged
    13 s1 done: wait 0, work 2, draw 0
    14 s2 starts
    14 s2 queues
    1 was Stored and is Shed
    1 is harmed first
    24 s2 done: wait 0, work 10, draw 0
    24 applied 1: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    24 converged
    24 s2 queues
    24 s2 starts
    34 s2 done: wait 10, work 10, draw 0
    34 applied 1: [0.0, 1.0, 10.0, 0.0, 10.0, 0.0]
    34 converged
    ");
}

#[test]
fn store_operations_wait_for_a_connection_with_their_worker() {
    let api = handler(Trigger::Api("put".to_owned()), vec![Step::Write(EntityId(0))]);
    let mut b = blueprint(25, 0, vec![service("none", vec![]), service("s", vec![api])]);
    let put = Operation { service: ServiceId(1), handler: 0 };
    b.clients = vec![client(put, 1, 100, 1)];
    b.phases.duration = SimDuration::from_ms(4);
    b.services[1] = Service {
        instances: 2,
        workers: 2,
        connections: Some(1),
        write: fixed(10),
        ..b.services[1].clone()
    };
    // The first holds the only connection and dies with its instance, and the third dies too.
    b.failures = vec![failure(Verb::Crash, 1, 7, 10)];
    insta::assert_snapshot!(story(&b), @r"
    1 c0 asks
    2 s1 starts
    2 c0 asks
    3 s1 starts
    3 c0 asks
    4 s1 starts
    7 s1 cuts off
    7 s1 cuts off
    8 c0 fails after 7
    8 c0 fails after 5
    17 s1 done: wait 0, work 14, draw 0
    18 c0 is answered after 16
    ");
    // A write that starts during a pause takes its time afterwards.
    b.failures = vec![failure(Verb::Pause, 1, 13, 20)];
    insta::assert_snapshot!(story(&b), @r"
    1 c0 asks
    2 s1 starts
    2 c0 asks
    3 s1 starts
    3 c0 asks
    4 s1 starts
    12 s1 done: wait 0, work 10, draw 0
    13 c0 is answered after 12
    22 s1 done: wait 0, work 19, draw 0
    23 c0 is answered after 21
    43 s1 done: wait 0, work 39, draw 0
    44 c0 is answered after 41
    ");
}

#[test]
fn a_poisoned_event_fails_every_attempt() {
    let mut h = handler(on(0), vec![work(4)]);
    h.attempts = 3;
    h.consume.poison = Probability::ONE;
    let mut b = blueprint(15, 1, vec![source(10), service("s", vec![h])]);
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    25 s1 done: wait 0, work 14, draw 2, in vain
    0 was Leased and is Exhausted
    ");
    // A share of them fails for good, and of the others none.
    b.phases.duration = SimDuration::from_ms(10_000);
    b.services[1].handlers[0].consume.poison = Probability::new(0.3).expect("valid");
    let log = run(&b).observer.0;
    let exhausted = log.iter().filter(|l| l.contains("is Exhausted")).count();
    // 999 events: 300 expected, a standard deviation of 14.5.
    assert!((240..360).contains(&exhausted), "{exhausted}");
    let failed = log.iter().filter(|l| l.contains("in vain")).count();
    let tried = log.iter().filter(|l| l.contains("draw 2, in vain")).count();
    assert_eq!((failed, tried), (exhausted, exhausted));
}

#[test]
fn a_node_is_up_when_no_cause_lasts() {
    let mut b = tapped(5, 10, 1);
    let node = |verb: Verb, node: u32, at_ms: u64, for_ms: u64| Failure {
        target: Target::Node { broker: BrokerId(1), node },
        ..failure(verb, 0, at_ms, for_ms)
    };
    b.failures = vec![
        node(Verb::Crash, 1, 10, 20),
        node(Verb::Unclean, 1, 20, 20),
        node(Verb::Unclean, 0, 25, 1),
    ];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 tap: node 1 is down, unclean: false
    25 tap: node 0 is down, unclean: true
    26 tap: node 0 is up
    40 tap: node 1 is up
    ");
}

#[test]
fn groups_are_replayed_and_redriven() {
    let mut b = tapped(5, 10, 1);
    let mut other = b.services[1].handlers[0].clone();
    other.trigger = on(1);
    b.events.push(EventType::new("E1"));
    b.services[1].handlers.push(other);
    b.failures = vec![failure(Verb::Replay(at(3)), 1, 10, 0), failure(Verb::Redrive, 1, 20, 0)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i1 joins 1
    10 tap: replay 0 from 3
    10 tap: replay 1 from 3
    20 tap: redrive 0
    20 tap: redrive 1
    ");
}

// ---- Every pair in every overlap

/// Three instances that hear events from an ideal bus and a queue, some in the order of a key, that
/// write, call, retry in both ways, and are asked. Its unit of time is `ms`.
fn busy(ms: u64) -> Blueprint {
    let t = |n: u64| SimDuration::from_ms(n * ms);
    let v = |n: u64| Variate::constant(t(n));
    let timed = |h: Handler| Handler {
        timeout: t(50),
        backoff: Backoff::Fixed { base: t(3) },
        fails: Probability::new(0.2).expect("valid"),
        attempts: 3,
        ..h
    };
    let two = Emission { event: EventTypeId(2), count: 2 };
    let mut from = source(7 * ms);
    from.sources.push(Source {
        event: EventTypeId(1),
        publish: Publish::plain(BrokerId(1)),
        ..source(11 * ms).sources.remove(0)
    });
    let first = vec![Step::Work(v(3)), Step::Write(EntityId(0)), Step::Emit(Emit::All(vec![two]))];
    let first = timed(handler(on(0), first));
    let mut second =
        timed(handler(on(1), vec![Step::Work(v(4)), Step::Call(vec![BACK]), Step::Work(v(1))]));
    second.consume = Consume {
        retry_in: RetryIn::Requeue,
        on_exhausted: Some(Exhausted::Drop),
        ..Consume::plain(BrokerId(1))
    };
    let third = handler(on(2), vec![Step::Work(v(2))]);
    let api = handler(Trigger::Api("get".to_owned()), vec![Step::Work(v(3))]);
    let mut s = service("s", vec![first, second, third, api]);
    (s.instances, s.workers, s.start, s.connections) = (3, 2, t(5), Some(1));
    s.write = v(2);
    let back = service("back", vec![handler(Trigger::Api("b".to_owned()), vec![Step::Work(v(1))])]);
    let mut b = blueprint(400 * ms, 3, vec![from, s, back]);
    b.network = Network { same_zone: v(1), other_zone: v(2), other_region: v(40) };
    b.brokers.push(tap());
    b.brokers[1].deliver = v(1);
    b.clients = vec![client(Operation { service: ServiceId(1), handler: 3 }, 5 * ms, 100 * ms, 1)];
    b
}

/// Asserts that nothing is left of any failure or of any work.
fn assert_healthy(w: &World<Log>) {
    for i in &w.instances {
        let order = w.services[i.service as usize].order;
        assert!(i.up && !i.draining && i.takes == order && i.slow == 1.0, "{i:?}");
        assert!(i.crashes + i.stops + i.pauses + i.busy + i.coming == 0, "{i:?}");
        assert!(i.inbox.is_empty(), "{i:?}");
    }
    for s in &w.services {
        assert_eq!(s.up as usize, s.instances.len());
        assert!(s.backlog.is_empty() && s.held == 0);
        assert!(s.store.as_ref().is_none_or(super::super::store::Store::is_idle));
    }
    let t = &w.trouble;
    assert!(t.frozen.is_empty() && t.held.is_empty() && t.rolls.is_empty(), "{t:?}");
    let left = [w.jobs.len(), w.calls.len(), w.deliveries.len(), w.records.len()];
    assert_eq!((left, w.running, w.book.facts.len()), ([0; 4], 0, 0));
    assert!(w.lines.is_empty());
    assert!(w.engines.iter().all(|e| e.at_rest()));
}

/// What happens from `from` on.
fn tail(log: &[String], from_ms: u64) -> &[String] {
    let time = |l: &String| l.split(' ').next().and_then(|t| t.parse::<f64>().ok());
    let late = |l: &String| time(l).is_some_and(|t| t >= from_ms as f64);
    &log[log.iter().position(late).unwrap_or(log.len())..]
}

/// Runs an architecture with failures that are over at 320, and compares the rest with a run
/// without.
fn assert_overlap(b: &Blueprint, ms: u64, failures: Vec<Failure>) {
    let calm = run(b);
    let struck = run(&Blueprint { failures, ..b.clone() });
    assert_healthy(&struck);
    let (calm, struck) = (tail(&calm.observer.0, 320 * ms), tail(&struck.observer.0, 320 * ms));
    assert!(calm.len() > 100);
    assert_eq!(calm, struck);
}

const VERBS: [Verb; 5] = [Verb::Crash, Verb::Stop, Verb::Restart, Verb::Pause, Verb::Slow(2.0)];

#[test]
fn every_pair_of_failures_ends_in_the_healthy_state_whatever_their_overlap() {
    for (first, second) in VERBS.iter().flat_map(|a| VERBS.map(|b| (*a, b))) {
        for (begins, lasts) in [(20, 40), (20, 5), (30, 5), (30, 40), (40, 10), (23, 17)] {
            // In seconds, the grace of a stop ends within a pause.
            for ms in [1, 1_000] {
                let mut failures = vec![
                    failure(first, 2, 20 * ms, 20 * ms),
                    failure(second, 1, begins * ms, lasts * ms),
                ];
                assert_overlap(&busy(ms), ms, failures.clone());
                failures.reverse();
                assert_overlap(&busy(ms), ms, failures);
            }
        }
    }
}

fn backlog() -> impl Strategy<Value = Backlog> {
    let policy = prop_oneof![
        Just(BacklogPolicy::RejectNew),
        Just(BacklogPolicy::DropOldest),
        Just(BacklogPolicy::Lifo)
    ];
    (prop::option::of(0u64..6), policy).prop_map(|(cap, policy)| Backlog { cap, policy })
}

fn strike() -> impl Strategy<Value = (usize, u32, u64, u64)> {
    (0..VERBS.len(), 1u32..=3, 0u64..60_000, 0u64..40_000)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_failures_end_in_the_healthy_state(
        strikes in prop::collection::vec(strike(), 1..6),
        backlog in backlog(),
        before in any::<bool>(),
        seconds in any::<bool>(),
    ) {
        let (ms, per) = if seconds { (1_000, 1) } else { (1, 1_000) };
        let failures = strikes.into_iter().map(|(verb, instances, begins, lasts)| {
            failure(VERBS[verb], instances, begins / per, lasts / per)
        });
        let mut b = busy(ms);
        b.services[1].backlog = backlog;
        b.brokers[1].ack = if before { AckMode::Before } else { AckMode::After };
        assert_overlap(&b, ms, failures.collect());
    }

    #[test]
    fn any_failures_end_in_the_healthy_state_with_any_broker(
        strikes in prop::collection::vec(strike(), 1..6),
        kind in 0..3,
        connected in any::<bool>(),
        batch in any::<bool>(),
        seconds in any::<bool>(),
    ) {
        let (ms, per) = if seconds { (1_000, 1) } else { (1, 1_000) };
        let t = |n: u64| SimDuration::from_ms(n * ms);
        let failures = strikes.into_iter().map(|(verb, instances, begins, lasts)| {
            failure(VERBS[verb], instances, begins / per, lasts / per)
        });
        let mut b = busy(ms);
        b.failures = failures.collect();
        b.brokers[1].engine = match kind {
            0 => pushes(ms, connected),
            1 => pulls(ms, connected),
            _ => logs(ms, connected),
        };
        if batch {
            let consume = &mut b.services[1].handlers[1].consume;
            let each = Variate::constant(t(1));
            consume.retry_in = RetryIn::Inline;
            consume.batch = Some(BatchSpec { max: 3, wait: t(10), each, bisect: connected });
        }
        assert_recovery(&b, t(50));
    }
}

/// Runs an architecture until it is at rest, and what is still on its way back to brokers arrives.
fn assert_recovery(b: &Blueprint, on_its_way: SimDuration) {
    let limits = Limits { events: 1_000_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world(b), limits, World::start);
    engine.run_until::<false>(b.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    engine.run_until::<false>(engine.now() + on_its_way);
    assert_healthy(engine.model());
}

#[test]
fn a_partition_that_changed_hands_is_read_by_its_new_owner() {
    // All members are given up, and come back in another order.
    for (verb, lasts) in [(Verb::Pause, 16), (Verb::Pause, 30), (Verb::Crash, 11)] {
        let mut b = busy(1);
        b.failures = vec![failure(verb, 3, 34, lasts)];
        b.brokers[1].engine = logs(1, true);
        assert_recovery(&b, SimDuration::from_ms(50));
    }
}

fn pushes(ms: u64, connected: bool) -> EngineSpec {
    EngineSpec::Push(PushSpec {
        prefetch: 2,
        priorities: 0,
        ttl: None,
        max_length: None,
        overflow: Overflow::DropHead,
        quorum: None,
        fsync: fixed(0),
        delivery_limit: None,
        ack_timeout: None,
        heartbeat: SimDuration::from_ms(if connected { 0 } else { 15 * ms }),
        dead_letters: false,
    })
}

fn logs(ms: u64, connected: bool) -> EngineSpec {
    let t = |n: u64| SimDuration::from_ms(n * ms);
    EngineSpec::Log(LogSpec {
        partitions: 4,
        replicas: 1,
        min_isr: 1,
        replication: fixed(0),
        unclean: false,
        replica_lag: t(30),
        detection: t(9),
        election: t(1),
        retention: None,
        retain: None,
        compaction: false,
        reset: Reset::Earliest,
        rebalance: if connected { Rebalance::Eager } else { Rebalance::Cooperative },
        session_timeout: t(15),
        max_poll_interval: t(60),
        heartbeat: t(3),
        max_poll_records: 5,
        long_poll: t(5),
    })
}

fn pulls(ms: u64, connected: bool) -> EngineSpec {
    let visibility = SimDuration::from_ms(60 * ms);
    EngineSpec::Pull(PullSpec {
        visibility: (!connected).then_some(visibility),
        heartbeat: false,
        long_poll: Some(SimDuration::from_ms(20 * ms)),
        poll: SimDuration::from_ms(ms),
        empty_poll: Probability::ZERO,
        batch: 10,
        prefetch: 1,
        max_in_flight: u64::MAX,
        dlq_after: None,
        fifo: false,
        dedup: None,
        duplicates: Probability::ZERO,
        retention: None,
        reclaim: None,
        nack_delay: SimDuration::ZERO,
        max_length: None,
        replication: fixed(0),
        failover: SimDuration::ZERO,
        unsynced: SimDuration::ZERO,
    })
}
