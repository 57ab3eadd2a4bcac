//! The log as its clients meet it: one row of the tables of the partition leader after the other,
//! and the laws that hold whatever happens.

use crate::engine::Model;
use crate::model::broker::Departure;
use crate::model::event::{Event, Kind};
use crate::model::testing::*;
use std::collections::BTreeMap;

/// Adds up what it hears.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Work that arrived, in order: instant in ms, id.
    pub(super) arrived: Vec<(f64, u64)>,
    /// Facts applied: instant in ms and commit in ms.
    pub(super) applied: Vec<(f64, f64)>,
    pub(super) again: u64,
    pub(super) redelivered: u64,
    pub(super) resurrected: u64,
    pub(super) ended: BTreeMap<&'static str, u64>,
    /// What waits, by lane.
    pub(super) waits: Vec<i64>,
    /// Waiting and in work at services, by instants: Little's law in whole ns.
    level: i64,
    waiting: i64,
    area: i128,
    since: u64,
    stays: i128,
}

impl Watch {
    fn level(&mut self, now: SimTime, change: i64) {
        self.area += i128::from(now.ns() - self.since) * i128::from(self.level);
        self.since = now.ns();
        self.level += change;
    }

    pub(super) fn ended(&self, how: Fate) -> u64 {
        self.ended.get(format!("{how:?}").as_str()).copied().unwrap_or(0)
    }
}

fn ms(t: SimTime) -> f64 {
    t.ns() as f64 / 1e6
}

impl Observer for Watch {
    fn emitted(&mut self, _: u32, _: SimTime, _: u64) {}
    fn not_emitted(&mut self, _: u32) {}
    fn committed(&mut self, _: u32, _: SimTime) {}
    fn opened(&mut self, _: u32, _: SimTime) {}
    fn moved(&mut self, _: u32, _: Fate, to: Fate) {
        if !to.is_open() && to != Fate::Applied {
            let name: &'static str = Box::leak(format!("{to:?}").into_boxed_str());
            *self.ended.entry(name).or_insert(0) += 1;
        }
    }
    fn delivered(&mut self, _: u32, again: bool) {
        self.redelivered += u64::from(again);
    }
    fn filtered(&mut self, _: u32) {}
    fn unroutable(&mut self, _: u32) {}
    fn stored(&mut self, lane: u32, _: SimTime, up: bool) {
        self.waits.resize(self.waits.len().max(lane as usize + 1), 0);
        self.waits[lane as usize] += if up { 1 } else { -1 };
        assert!(self.waits[lane as usize] >= 0, "lane {lane} holds less than nothing");
    }
    fn fact(&mut self, _: u32, _: SimTime) {}
    fn arrived(&mut self, _: u32, now: SimTime, id: u64, _: u32, _: SimTime) {
        self.arrived.push((ms(now), id));
    }
    fn queued(&mut self, _: u32, now: SimTime) {
        self.level(now, 1);
        self.waiting += 1;
    }
    fn unqueued(&mut self, _: u32, now: SimTime) {
        self.level(now, -1);
        self.waiting -= 1;
        assert!(self.waiting >= 0);
    }
    fn started(&mut self, _: u32, now: SimTime, _: Option<u32>, queued: bool) {
        self.level(now, i64::from(!queued));
        self.waiting -= i64::from(queued);
        assert!(self.waiting >= 0);
    }
    fn released(&mut self, _: u32, now: SimTime) {
        self.level(now, -1);
    }
    fn interrupted(&mut self, _: u32) {}
    fn failed(&mut self, _: u32) {}
    fn left(&mut self, _: u32, now: SimTime, _: u64, _: u32, v: &Visit) {
        self.level(now, -1);
        self.stays += i128::from(now.since(v.arrived).ns());
    }
    fn cut_off(&mut self, _: u32, now: SimTime, _: u64, _: u32, arrived: SimTime) {
        self.stays += i128::from(now.since(arrived).ns());
    }
    fn applied(&mut self, _: u32, now: SimTime, commit: SimTime, s: &Segments, _: bool) {
        assert_eq!(s.total(), now.since(commit).ns());
        self.applied.push((ms(now), ms(commit)));
    }
    fn resurrected(&mut self, _: u32) {
        self.resurrected += 1;
    }
    fn applied_again(&mut self, _: u32) {
        self.again += 1;
    }
    fn exhausted(&mut self, _: u32) {}
    fn lost(&mut self, _: u32, _: SimTime) {}
    fn converged(&mut self, _: u32, _: SimTime, _: SimTime) {}
    fn requested(&mut self, _: u32, _: SimTime, _: u64) {}
    fn answered(&mut self, _: u32, _: SimTime, _: u64, _: SimTime, _: bool) {}
}

/// Something that a test does to the log itself. Nodes by number, instances by their place in the
/// consuming service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Down(u32),
    Unclean(u32),
    Up(u32),
    Stop(u32),
    Join(u32),
    Pause(u32),
    Resume(u32),
    /// To an instant, in ms.
    Replay(u64),
}

/// A world with a script: deeds at instants in ms.
pub(super) struct Scripted {
    pub(super) world: World<Watch>,
    script: Vec<(u64, Deed)>,
}

const SCRIPT: u32 = 1 << 20;

impl Model for Scripted {
    type Event = Event;

    fn handle(&mut self, event: Event, s: &mut Sched) {
        if event.kind() != Kind::FailureBegins || event.slot() < SCRIPT {
            self.world.handle(event, s);
            return;
        }
        let deed = self.script[(event.slot() - SCRIPT) as usize].1;
        let first = self.world.services[1].instances.start;
        let (engine, mut ctx) = self.world.at_broker(s, 0);
        match deed {
            Deed::Down(node) => engine.node_down(&mut ctx, node, false),
            Deed::Unclean(node) => engine.node_down(&mut ctx, node, true),
            Deed::Up(node) => engine.node_up(&mut ctx, node),
            Deed::Stop(i) => engine.left(&mut ctx, 0, first + i, Departure::Stop),
            Deed::Join(i) => engine.joined(&mut ctx, 0, first + i),
            Deed::Pause(i) => engine.paused(&mut ctx, 0, first + i),
            Deed::Resume(i) => engine.resumed(&mut ctx, 0, first + i),
            Deed::Replay(to) => engine.replay(&mut ctx, 0, SimTime::from_ns(to * 1_000_000)),
        }
        self.world.replies(s);
    }

    fn at_rest(&self) -> bool {
        self.world.at_rest()
    }
}

/// Runs to rest, or to the end of the drain. Whether it came to rest.
pub(super) fn run(b: &Blueprint, script: &[(u64, Deed)]) -> (World<Watch>, bool) {
    run_until(b, script, b.phases.traffic_end() + b.phases.drain)
}

pub(super) fn run_until(
    b: &Blueprint,
    script: &[(u64, Deed)],
    until: SimTime,
) -> (World<Watch>, bool) {
    let world = World::new(b, &Streams::new(1, 0), Watch::default());
    let limits = Limits { events: 50_000_000, events_per_instant: 100_000 };
    let scripted = Scripted { world, script: script.to_vec() };
    let mut engine = Engine::new(scripted, limits, |m, s| {
        m.world.start(s);
        for (nth, (at, _)) in m.script.iter().enumerate() {
            let at = SimTime::from_ns(at * 1_000_000);
            s.at(at, Event::new(Kind::FailureBegins, 0, SCRIPT + nth as u32));
        }
    });
    engine.run_until::<false>(until.min(b.phases.traffic_end()));
    let rest = engine.run_until::<true>(until) == Stop::Rest;
    let world = engine.into_model().world;
    let w = &world.observer;
    if rest {
        assert_eq!(w.area, w.stays, "Little's law does not hold");
        assert!(w.waits.iter().all(|n| *n == 0), "at rest with something waiting: {:?}", w.waits);
    }
    (world, rest)
}

/// A log on three nodes, every way 1 ms long.
pub(super) fn log(partitions: u32) -> LogSpec {
    let s = SimDuration::from_secs;
    LogSpec {
        partitions,
        replicas: 3,
        min_isr: 2,
        replication: fixed(1),
        unclean: false,
        replica_lag: s(30),
        detection: s(9),
        election: SimDuration::from_ms(500),
        retention: None,
        retain: None,
        compaction: false,
        reset: Reset::Latest,
        rebalance: Rebalance::Eager,
        session_timeout: s(45),
        max_poll_interval: s(300),
        heartbeat: s(3),
        max_poll_records: 500,
        long_poll: SimDuration::from_ms(500),
        exactly_once: None,
    }
}

/// A source at `rate` for `secs` seconds, a log, and a service that works `work` ms on each.
pub(super) fn world(rate: &str, secs: u64, spec: LogSpec, work_ms: u64) -> Blueprint {
    let mut from = source(1);
    from.sources[0].rate = Rate::parse(rate, &mut |_| Err(String::new())).expect("valid");
    let to = service("s", vec![handler(on(0), vec![work(work_ms)])]);
    let mut b = blueprint(secs * 1000, 1, vec![from, to]);
    b.phases.drain = SimDuration::from_secs(600);
    b.brokers[0] = Broker {
        preset: "kafka".to_owned(),
        engine: EngineSpec::Log(spec),
        publish: fixed(1),
        nodes: 3,
        producer: ProducerSpec {
            acks: Acks::All,
            backoff: "100ms fixed".parse().expect("valid"),
            delivery_timeout: SimDuration::from_secs(120),
            ..Broker::ideal("bus", fixed(1)).producer
        },
        ..Broker::ideal("bus", fixed(1))
    };
    b
}

pub(super) fn spec(b: &mut Blueprint) -> &mut LogSpec {
    match &mut b.brokers[0].engine {
        EngineSpec::Log(spec) => spec,
        other => panic!("no log: {other:?}"),
    }
}

/// A crash of one instance of the consuming service.
pub(super) fn crash_of(instance: u32, at_ms: u64, for_ms: u64) -> Failure {
    let instances = vec![instance];
    let target = Target::Instances { service: ServiceId(1), instances };
    Failure { target, ..crash(1, at_ms, for_ms) }
}

#[test]
fn a_record_is_appended_copied_fetched_and_worked_on() {
    let b = world("every 10ms", 1, log(1), 2);
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    // Published in 1 ms, copied in 1, delivered in 1, worked on for 2.
    assert_eq!(w.observer.applied[0], (15.0, 10.0));
    assert_eq!(w.observer.applied.len(), 99);
    let lags = w.observer.applied.iter().map(|(at, from)| at - from);
    assert!(lags.into_iter().all(|lag| lag == 5.0));
}

#[test]
fn records_of_a_partition_are_worked_on_in_order_and_one_at_a_time() {
    for (instances, workers, poll) in [(1, 1, 500), (1, 8, 3), (3, 2, 1)] {
        let mut b = world("400/s", 20, log(4), 9);
        spec(&mut b).max_poll_records = poll;
        b.services[1].instances = instances;
        b.services[1].workers = workers;
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        let n = w.observer.applied.len();
        assert!(n.abs_diff(8000) < 400, "{n}");
        // Turns are taken by records without a key: each partition gets every fourth.
        let mut last = [0.0; 4];
        let mut ids: Vec<u64> = w.observer.arrived.iter().map(|a| a.1).collect();
        ids.sort_unstable();
        let first = ids[0];
        for (_, id) in &w.observer.arrived {
            let p = ((id - first) % 4) as usize;
            let nth = (id - first) as f64 + 1.0;
            assert!(last[p] < nth, "{id} overtakes in {p}");
            last[p] = nth;
        }
        assert_eq!((w.observer.again, w.observer.redelivered), (0, 0));
    }
}

#[test]
fn a_crash_brings_back_exactly_what_was_not_committed() {
    // 100/s, 1 ms of work, one member, which is back after 1 s and has a new session.
    for (ack, least, most) in [
        (AckMode::After, 0, 1),
        (AckMode::Interval(SimDuration::from_secs(5)), 290, 310),
        (AckMode::Before, 0, 0),
    ] {
        let mut b = world("every 10ms", 30, log(1), 1);
        b.brokers[0].ack = ack;
        b.failures = vec![crash_of(0, 13_000, 1_000)];
        let (w, rest) = run(&b, &[]);
        assert!(rest, "{ack:?}");
        // Commits at polls: at 5 s and a bit, at 10 s and a bit; the crash comes 3 s later.
        let again = w.observer.again;
        assert!((least..=most).contains(&again), "{ack:?}: {again}");
        let lost = w.observer.ended(Fate::LostCrash);
        assert_eq!(w.observer.applied.len() as u64 + lost, 2999, "{ack:?}");
        assert!(lost <= u64::from(ack == AckMode::Before), "{ack:?}: {lost}");
    }
}

#[test]
fn a_commit_every_interval_redelivers_half_of_it_on_average() {
    // Oracle 7: lambda C / 2 = 200/s x 5 s / 2. Crashes at 20 instants spread over the interval.
    let mut again = 0;
    for nth in 0..20 {
        let mut b = world("200/s", 25, log(1), 1);
        spec(&mut b).session_timeout = SimDuration::from_secs(2);
        b.brokers[0].ack = AckMode::Interval(SimDuration::from_secs(5));
        b.failures = vec![crash_of(0, 15_125 + nth * 250, 500)];
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        again += w.observer.again;
    }
    let mean = again as f64 / 20.0;
    assert!((mean - 500.0).abs() < 25.0, "{mean}");
}

#[test]
fn with_acks_of_the_leader_a_failover_loses_what_was_not_copied() {
    // Oracle 6: three partitions at 300/s, 100/s of them on the node that dies; 2 s to copy.
    for (acks, lost) in [(Acks::Leader, 200.0), (Acks::All, 0.0)] {
        let mut b = world("300/s", 60, log(3), 1);
        b.services[1].workers = 100;
        spec(&mut b).replication = Variate::constant(SimDuration::from_secs(2));
        b.brokers[0].producer.acks = acks;
        let (w, rest) = run(&b, &[(30_000, Deed::Down(0))]);
        assert!(rest);
        let n = w.observer.ended(Fate::LostAcked) as f64;
        // Poisson: one deviation is 14.
        assert!((n - lost).abs() < 3.0 * lost.sqrt() + 0.5, "{acks:?}: {n}");
        assert_eq!(w.observer.ended.len(), usize::from(acks == Acks::Leader), "{acks:?}");
        assert_eq!(w.observer.again, 0);
    }
}

#[test]
fn nothing_above_the_watermark_is_consumed() {
    // A copy in step is down and not yet given up: nothing passes for 9.5 s.
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        let mut b = world("every 10ms", 20, log(1), 1);
        b.brokers[0].producer.acks = acks;
        let (w, rest) = run(&b, &[(5_000, Deed::Down(1))]);
        assert!(rest);
        let idle = |&&(at, _): &&(f64, f64)| at > 5_005.0 && at < 14_500.0;
        assert_eq!(w.observer.applied.iter().filter(idle).count(), 0, "{acks:?}");
        assert_eq!(w.observer.applied.len(), 1999, "{acks:?}");
    }
}
