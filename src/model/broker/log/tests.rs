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
    /// The same by subscription.
    pub(super) applied_by: BTreeMap<u32, Vec<(f64, f64)>>,
    pub(super) again_by: BTreeMap<u32, u64>,
    pub(super) opened_by: BTreeMap<u32, u64>,
    /// Obligations.
    pub(super) opened: u64,
    pub(super) redelivered: u64,
    pub(super) resurrected: u64,
    pub(super) ended: BTreeMap<&'static str, u64>,
    /// Outcomes of requests: how long they took in ms.
    pub(super) answered: Vec<f64>,
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
    fn backfilled(&mut self, _: u32) {}
    fn opened(&mut self, of: u32, _: SimTime) {
        self.opened += 1;
        *self.opened_by.entry(of).or_default() += 1;
    }
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
    fn phantom(&mut self, _: u32) {}
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
    fn rides(&mut self, _: u32, now: SimTime, on: bool) {
        // With a worker of its own, it is there as before.
        self.level(now, i64::from(on));
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
    fn applied(&mut self, of: u32, now: SimTime, commit: SimTime, s: &Segments, _: bool) {
        assert_eq!(s.total(), now.since(commit).ns());
        self.applied.push((ms(now), ms(commit)));
        self.applied_by.entry(of).or_default().push((ms(now), ms(commit)));
    }
    fn applied_version(&mut self, of: u32, now: SimTime, commit: SimTime, s: &Segments) {
        self.applied(of, now, commit, s, true);
    }
    fn visible(&mut self, _: u32, _: SimTime, _: SimTime) {}
    fn behind(&mut self, _: u32, _: SimTime, _: bool, _: bool) {}
    fn out_of_order(&mut self, _: u32) {}
    fn harmed(&mut self, _: u32, _: bool) {}
    fn recognised(&mut self, _: u32) {}
    fn resurrected(&mut self, _: u32) {
        self.resurrected += 1;
    }
    fn applied_again(&mut self, of: u32) {
        self.again += 1;
        *self.again_by.entry(of).or_default() += 1;
    }
    fn exhausted(&mut self, _: u32) {}
    fn lost(&mut self, _: u32, _: SimTime) {}
    fn converged(&mut self, _: u32, _: SimTime, _: SimTime) {}
    fn requested(&mut self, _: u32, _: SimTime, _: u64) {}
    fn answered(&mut self, _: u32, now: SimTime, _: u64, intended: SimTime, ok: bool) {
        assert!(ok);
        self.answered.push(ms(now) - ms(intended));
    }
}

/// Something that a test does to the log itself. Nodes by number, instances by their place in the
/// consuming service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Down(u32),
    Unclean(u32),
    Up(u32),
    Offline(u32),
    Online(u32),
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
            Deed::Offline(nth) => engine.partition_down(&mut ctx, nth),
            Deed::Online(nth) => engine.partition_up(&mut ctx, nth),
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

/// The same until an instant.
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
        let left = (w.level, w.waiting);
        assert_eq!(w.area, w.stays, "Little's law does not hold: {left:?}");
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
        reconnect: "100ms fixed".parse().expect("valid"),
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
fn a_replay_while_a_crash_has_not_been_made_up_for_counts_every_copy_once() {
    // 13 s are applied and 10 s committed when the member dies; the replay comes before it is back.
    let mut b = world("every 10ms", 30, log(1), 1);
    b.brokers[0].ack = AckMode::Interval(SimDuration::from_secs(5));
    let replay = Verb::Replay(SimTime::from_ns(5_000_000_000));
    b.failures =
        vec![crash_of(0, 13_000, 1_000), Failure { verb: replay, ..crash_of(0, 13_500, 0) }];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    assert_eq!(w.observer.applied.len(), 2999);
    assert!(w.observer.again.abs_diff(800) <= 1, "{}", w.observer.again);
    assert_eq!(w.observer.ended.len(), 0);
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

#[test]
fn a_partition_that_nobody_may_lead_waits_alone() {
    use Deed::{Down, Offline, Online, Up};
    type Row<'a> = (&'a str, &'a [(u64, Deed)], u64);
    // What happens; when partition 0 leads again, in ms. It goes offline at 5 s.
    let rows: [Row; 5] = [
        ("its leader leads again at once", &[(8_000, Online(0))], 8_000),
        (
            "a leader that died is replaced in its time",
            &[(6_000, Down(0)), (8_000, Online(0))],
            15_500,
        ),
        ("one that died long ago at once", &[(6_000, Down(0)), (20_000, Online(0))], 20_000),
        (
            "one that died and returned leads as if it had not",
            &[(6_000, Down(0)), (7_000, Up(0)), (20_000, Online(0))],
            20_000,
        ),
        ("a copy that died is not waited for", &[(6_000, Down(1)), (16_000, Online(0))], 16_000),
    ];
    for (what, then, leads) in rows {
        let script = [&[(5_000, Offline(0))], then].concat();
        let (w, rest) = run(&world("every 10ms", 30, log(2), 1), &script);
        assert!(rest, "{what}");
        // Partition 0 gets the first of every two events.
        let of = |nth| {
            let mine = move |a: &&(f64, f64)| (a.1 / 10.0).round() as u64 % 2 != nth;
            w.observer.applied.iter().filter(mine).map(|a| a.0)
        };
        let next = of(0).find(|&at| at > 5_020.0).expect("it goes on");
        // A publisher whose connection was refused tries again within a second.
        assert!((leads as f64..leads as f64 + 1_010.0).contains(&next), "{what}: {next}");
        let idle = of(1).filter(|at| (5_020.0..5_980.0).contains(at)).count();
        assert_eq!(idle, 48, "{what}: the other one goes on");
        assert_eq!((w.observer.applied.len(), w.observer.again), (2999, 0), "{what}");
    }
}

/// Instants of applications in a stretch, in ms.
fn applied_within(w: &World<Watch>, from: f64, to: f64) -> usize {
    w.observer.applied.iter().filter(|(at, _)| (from..to).contains(at)).count()
}

/// 100 records a second for 60 s on one partition whose copies are on nodes 0, 1 and 2.
fn steady() -> Blueprint {
    world("every 10ms", 60, log(1), 1)
}

#[test]
fn the_leaders_table_row_by_row() {
    type Change = fn(&mut Blueprint);
    type Row<'a> = (&'a str, Change, &'a [(u64, Deed)], (f64, f64), usize);
    // What happens; a stretch in which nothing is applied; applied by then.
    let rows: [Row; 8] = [
        ("produce without a leader: retry", |_| {}, &[(5_000, Deed::Down(0))], (5.1, 14.5), 600),
        (
            "a copy that is down leaves those in step when it is noticed",
            |_| {},
            &[(5_000, Deed::Down(2))],
            (5.1, 14.5),
            600,
        ),
        (
            "... or when it lags for too long",
            |b| spec(b).replica_lag = SimDuration::from_secs(4),
            &[(5_000, Deed::Down(2))],
            (5.1, 9.0),
            600,
        ),
        (
            "produce with too few in step: retry until one is back",
            |_| {},
            &[(5_000, Deed::Down(1)), (5_000, Deed::Down(2)), (30_000, Deed::Up(2))],
            (16.0, 30.0),
            600,
        ),
        (
            "a node that returns copies what it missed, and may lead",
            |b| spec(b).min_isr = 1,
            &[
                (5_000, Deed::Down(1)),
                (20_000, Deed::Up(1)),
                (30_000, Deed::Down(0)),
                (30_000, Deed::Down(2)),
            ],
            (30.1, 39.5),
            600,
        ),
        (
            "no copy in step: offline until one returns",
            |b| spec(b).min_isr = 1,
            &[
                (5_000, Deed::Down(1)),
                (5_000, Deed::Down(2)),
                (20_000, Deed::Down(0)),
                (25_000, Deed::Up(1)),
                (40_000, Deed::Up(0)),
            ],
            (20.1, 40.0),
            600,
        ),
        (
            "a leader that is back before it is missed goes on",
            |_| {},
            &[(5_000, Deed::Down(0)), (7_000, Deed::Up(0))],
            (5.1, 7.0),
            600,
        ),
        ("no failure", |_| {}, &[], (60.1, 70.0), 600),
    ];
    for (name, change, script, (from, to), _) in rows {
        let mut b = steady();
        change(&mut b);
        let (w, rest) = run(&b, script);
        assert!(rest, "{name}");
        assert_eq!(applied_within(&w, from * 1e3, to * 1e3), 0, "{name}");
        assert!(applied_within(&w, to * 1e3, to * 1e3 + 300.0) > 0 || to > 60.0, "{name}");
        // Nothing is lost with acks = all, and nothing comes twice.
        assert_eq!((w.observer.applied.len(), w.observer.again), (5999, 0), "{name}");
    }
}

#[test]
fn a_repeated_publish_is_recognised_if_producers_are_idempotent() {
    for idempotent in [true, false] {
        let mut b = world("every 1ms", 20, log(12), 0);
        // Some entries are on the next leader and not on the third node when the first one dies.
        spec(&mut b).replication = "~30ms".parse().expect("valid");
        b.brokers[0].producer.idempotent = idempotent;
        let (w, rest) = run(&b, &[(10_000, Deed::Down(0))]);
        assert!(rest);
        assert_eq!(w.observer.applied.len(), 19_999);
        assert_eq!(w.observer.again == 0, idempotent, "{}", w.observer.again);
    }
}

#[test]
fn acks_decide_when_a_publisher_hears() {
    for (acks, took) in [(Acks::Leader, 4.0), (Acks::All, 11.0)] {
        let mut b = world("every 10ms", 1, log(1), 1);
        spec(&mut b).replication = fixed(7);
        b.brokers[0].producer.acks = acks;
        let emission = Emission { event: EventTypeId(0), count: 1 };
        let mut h =
            handler(Trigger::Api("buy".to_owned()), vec![Step::Emit(Emit::All(vec![emission]))]);
        h.publish.mode = PublishMode::Sync;
        b.services[0] = service("shop", vec![h]);
        b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 50, 900, 1)];
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        // There and back 1 ms each; publish and confirmation 1 ms each; 7 ms to the copies.
        assert!(
            w.observer.answered.iter().all(|a| *a == took),
            "{acks:?} {:?}",
            w.observer.answered
        );
    }
}

#[test]
fn an_unclean_election_loses_what_was_committed() {
    // Node 1 is out of step from 5 s on. The consumer is down and has read nothing of it.
    let script = [
        (5_000, Deed::Down(1)),
        (30_000, Deed::Down(0)),
        (32_000, Deed::Up(1)),
        (70_000, Deed::Up(0)),
    ];
    for (unclean, lost) in [(false, 0), (true, 2500)] {
        let mut b = steady();
        (spec(&mut b).replicas, spec(&mut b).min_isr) = (2, 1);
        spec(&mut b).unclean = unclean;
        b.failures = vec![crash_of(0, 4_000, 50_000)];
        let (w, rest) = run(&b, &script);
        assert!(rest);
        let n = w.observer.ended(Fate::LostAcked);
        assert!(u64::abs_diff(n, lost) <= 2, "{unclean}: {n}");
        assert_eq!(w.observer.applied.len() as u64 + n, 5999);
    }
}

#[test]
fn an_unclean_stop_takes_those_in_step_along() {
    let mut b = steady();
    spec(&mut b).replica_lag = SimDuration::from_secs(10);
    b.failures = vec![crash_of(0, 15_000, 40_000)];
    let (w, rest) = run(&b, &[(30_000, Deed::Unclean(0))]);
    assert!(rest);
    // What was appended in the last 10 s, and had been confirmed.
    let n = w.observer.ended(Fate::LostAcked);
    assert!(n.abs_diff(1000) <= 2, "{n}");
}

#[test]
fn a_group_that_was_away_too_long_goes_on_by_its_reset_policy() {
    // 10/s for 400 s. The consumer is away from 1 s to 351 s. At 300 s, what is older than 100 s
    // is deleted.
    let mut b = world("every 100ms", 400, log(1), 1);
    b.failures = vec![crash_of(0, 1_000, 350_000)];
    spec(&mut b).retention = Some(SimDuration::from_secs(100));
    for (reset, expired) in [(Reset::Earliest, 1990), (Reset::Latest, 3500)] {
        spec(&mut b).reset = reset;
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        let n = w.observer.ended(Fate::Expired);
        assert!(n.abs_diff(expired) <= 31, "{reset:?}: {n}");
        assert_eq!(w.observer.applied.len() as u64 + n, 3999);
    }
    // By size: 1000 entries of 1 KB are the last 100 s.
    (spec(&mut b).retention, spec(&mut b).retain) = (None, Some(1000 * 1024));
    spec(&mut b).reset = Reset::Earliest;
    let (w, _) = run(&b, &[]);
    let n = w.observer.ended(Fate::Expired);
    assert!(n.abs_diff(1990) <= 11, "{n}");
}

#[test]
fn compaction_keeps_the_newest_of_each_key() {
    // Every 100 ms three events of one key, for a consumer that is away while the log is cleaned.
    let mut b = world("every 100ms", 310, log(4), 1);
    let three = Emission { event: EventTypeId(1), count: 3 };
    let order = handler(on(0), vec![Step::Write(EntityId(0)), Step::Emit(Emit::All(vec![three]))]);
    b.events.push(EventType::new("E1"));
    b.services.insert(1, service("s", vec![handler(on(1), vec![work(1)])]));
    b.services[2] = service("order", vec![order]);
    b.failures = vec![crash_of(0, 1_000, 305_000)];
    spec(&mut b).compaction = true;
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    // 299 s of them, two of three.
    let n = w.observer.ended(Fate::Superseded);
    assert!(n.abs_diff(299 * 10 * 2) <= 6, "{n}");
    // A fact of each kind is applied or superseded.
    assert_eq!(w.observer.applied.len() as u64 + n, 4 * 3099);
}

#[test]
fn an_answer_has_at_most_so_many_records() {
    // All records are there at 1 s; the commit after each answer shows how many it had.
    for (most, again) in [(500, 500), (20, 20)] {
        let mut b = world("every 1ms", 1, log(1), 10);
        spec(&mut b).max_poll_records = most;
        let crash_at = 5_000 + 9_000 * u64::from(most == 500) / 9;
        b.failures = vec![crash_of(0, crash_at, 100)];
        spec(&mut b).session_timeout = SimDuration::from_secs(1);
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        assert!(w.observer.again < again, "{}", w.observer.again);
        assert_eq!(w.observer.again > 20, most == 500, "{}", w.observer.again);
    }
}

/// The log keeps what may be read again.
fn replay_that_never_comes() -> Failure {
    Failure {
        verb: Verb::Replay(SimTime::ZERO),
        trigger: FailureTrigger::At(SimTime::MAX),
        ..crash(1, 0, 0)
    }
}

#[test]
fn a_replay_runs_handlers_again_from_an_instant() {
    let mut b = steady();
    b.failures = vec![replay_that_never_comes()];
    let (w, rest) = run(&b, &[(50_000, Deed::Replay(20_000))]);
    assert!(rest);
    assert_eq!(w.observer.applied.len(), 5999);
    assert!(w.observer.again.abs_diff(3000) <= 2, "{}", w.observer.again);
}

#[test]
fn what_a_crash_takes_of_a_log_that_keeps_it_is_lost_until_it_is_read_again() {
    let mut b = world("every 10ms", 2, log(1), 9);
    b.brokers[0].ack = AckMode::Before;
    spec(&mut b).session_timeout = SimDuration::from_secs(1);
    b.failures = vec![crash_of(0, 305, 100)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    let lost = w.observer.ended(Fate::LostCrash);
    assert!(lost > 0);
    // The same of one that keeps what it may be asked for again.
    b.failures.push(replay_that_never_comes());
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    assert_eq!(w.observer.ended(Fate::LostCrash), lost);
    assert_eq!(w.observer.applied.len() as u64, 199 - lost);
    let (w, rest) = run(&b, &[(1_900, Deed::Replay(0))]);
    assert!(rest);
    assert_eq!((w.observer.resurrected, w.observer.applied.len()), (lost, 199));
    // What it has in hand when it is put back, and dies, is read again like all before it.
    let (w, rest) = run(&b, &[(304, Deed::Replay(0))]);
    assert!(rest);
    assert_eq!((w.observer.ended(Fate::LostCrash), w.observer.applied.len()), (0, 199));
}

#[test]
fn what_was_given_up_and_is_read_again_has_all_attempts() {
    for retry_in in [RetryIn::Inline, RetryIn::Delayed] {
        let mut b = steady();
        let handler = &mut b.services[1].handlers[0];
        handler.fails = Probability::new(0.5).expect("valid");
        handler.attempts = 3;
        handler.consume.retry_in = retry_in;
        handler.consume.on_exhausted = Some(Exhausted::Skip);
        b.failures = vec![replay_that_never_comes()];
        let (w, rest) = run(&b, &[(50_000, Deed::Replay(0))]);
        assert!(rest);
        // An eighth fails three times; of those before 50 s an eighth once more.
        let left = w.observer.ended(Fate::Exhausted) - w.observer.resurrected;
        let expected: f64 = 5_000.0 / 64.0 + 1_000.0 / 8.0;
        let far = (left as f64 - expected).abs();
        assert!(far < 4.0 * expected.sqrt(), "{retry_in:?}: {left} for {expected}");
    }
}

#[test]
fn what_fails_for_good_past_a_log_that_still_has_it_has_failed() {
    let mut b = world("every 10ms", 2, log(1), 1);
    b.services[1].handlers[0].fails = Probability::ONE;
    b.services[1].handlers[0].attempts = 3;
    b.services[1].handlers[0].consume.retry_in = RetryIn::Delayed;
    b.services[1].handlers[0].consume.on_exhausted = Some(Exhausted::Skip);
    // It keeps what may be read again.
    b.failures = vec![replay_that_never_comes()];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    assert_eq!(w.observer.ended(Fate::Exhausted), 199);
    // The same if there is no room for it when its pause is over.
    b.services[1].backlog.cap = Some(0);
    b.services[1].handlers[0].steps = vec![work(8)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    let shed = w.observer.ended(Fate::Shed);
    assert!(shed > 0 && shed + w.observer.ended(Fate::Exhausted) == 199, "{shed}");
}

#[test]
fn a_poisoned_record_halts_its_partition_or_is_skipped() {
    for (how, ended) in [
        (Exhausted::Halt, None),
        (Exhausted::Skip, Some(Fate::Exhausted)),
        (Exhausted::Dlq, Some(Fate::DeadLettered)),
    ] {
        let mut b = world("every 10ms", 2, log(4), 1);
        b.services[1].handlers[0].fails = Probability::new(0.05).expect("valid");
        b.services[1].handlers[0].consume.on_exhausted = Some(how);
        let (w, rest) = run(&b, &[]);
        assert_eq!(rest, ended.is_some(), "{how:?}");
        match ended {
            Some(fate) => {
                let n = w.observer.ended(fate);
                assert!(n > 0 && n + w.observer.applied.len() as u64 == 199, "{how:?}: {n}");
            }
            // Four partitions, each up to its first failure: 20 records of 5 % on average.
            None => assert!(w.observer.applied.len() < 199, "{how:?}"),
        }
    }
}

#[test]
fn lag_counts_what_is_not_committed() {
    let mut b = world("every 10ms", 30, log(1), 1);
    b.failures = vec![crash_of(0, 10_000, 60_000)];
    let (w, _) = run_until(&b, &[], SimTime::from_ns(20_000_000_000));
    let lag = w.consumer_lag(SimTime::from_ns(20_000_000_000), 0).expect("a log");
    assert!(lag.messages.abs_diff(1000) <= 2, "{lag:?}");
    assert!(lag.age.ns().abs_diff(10_000_000_000) < 30_000_000, "{lag:?}");
    assert_eq!(lag.fetch, lag.messages);
}
