//! Small worlds around one broker with pushing queues, whose every instant can be worked out by
//! hand: publish and deliver take 1 ms each, and so does an acknowledgement.

use crate::engine::Model;
use crate::model::event::Kind;
use crate::model::testing::*;

mod failover;
mod limits;

/// What a test does to a broker or its consumers.
#[derive(Clone, Copy, Debug)]
enum Act {
    Down(u32),
    Up(u32),
    Pause(u32),
    Resume(u32),
    Redrive(u32),
}

/// A world to which things happen.
struct Driven {
    world: World<Log>,
    script: Vec<(u64, Act)>,
}

const FIRST_ACT: u32 = 1_000;

impl Driven {
    fn start(&mut self, s: &mut Sched) {
        for (nth, (ms, _)) in self.script.iter().enumerate() {
            let at = SimTime::ZERO + SimDuration::from_ms(*ms);
            s.at(at, Event::new(Kind::FailureBegins, 0, FIRST_ACT + nth as u32));
        }
        self.world.start(s);
    }

    fn act(&mut self, s: &mut Sched, act: Act) {
        let group = |world: &World<Log>, i: u32| {
            let service = world.instances[i as usize].service;
            world.services[service as usize].groups.start
        };
        let of = match act {
            Act::Pause(i) | Act::Resume(i) => group(&self.world, i),
            _ => 0,
        };
        let (engine, mut ctx) = self.world.at_broker(s, 1);
        match act {
            Act::Down(node) => engine.node_down(&mut ctx, node, false),
            Act::Up(node) => engine.node_up(&mut ctx, node),
            Act::Pause(instance) => engine.paused(&mut ctx, of, instance),
            Act::Resume(instance) => engine.resumed(&mut ctx, of, instance),
            Act::Redrive(group) => engine.redrive(&mut ctx, group),
        }
        self.world.replies(s);
    }

    /// When what waits at an instance was committed, ms.
    fn inbox(&self, instance: u32) -> Vec<u64> {
        let inbox = &self.world.instances[instance as usize].inbox;
        inbox.iter().map(|&job| self.world.jobs.get(job).intended / 1_000_000).collect()
    }

    fn has(&self, instance: u32) -> usize {
        let i = &self.world.instances[instance as usize];
        i.inbox.len() + i.busy as usize
    }
}

impl Model for Driven {
    type Event = Event;

    fn handle(&mut self, event: Event, s: &mut Sched) {
        match (event.kind(), event.slot().checked_sub(FIRST_ACT)) {
            (Kind::FailureBegins, Some(nth)) => self.act(s, self.script[nth as usize].1),
            _ => self.world.handle(event, s),
        }
    }

    fn at_rest(&self) -> bool {
        self.world.at_rest()
    }
}

fn spec() -> PushSpec {
    PushSpec {
        prefetch: 1,
        priorities: 0,
        ttl: None,
        max_length: None,
        overflow: Overflow::DropHead,
        quorum: None,
        fsync: fixed(0),
        delivery_limit: None,
        ack_timeout: None,
        heartbeat: SimDuration::ZERO,
        dead_letters: false,
    }
}

fn ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

fn broker(spec: PushSpec) -> Broker {
    let ideal = Broker::ideal("rabbit", fixed(1));
    let producer = ProducerSpec {
        acks: Acks::All,
        idempotent: false,
        backoff: "5ms fixed".parse().expect("valid"),
        delivery_timeout: SimDuration::from_secs(10),
        ..ideal.producer
    };
    Broker {
        engine: EngineSpec::Push(spec),
        publish: fixed(1),
        nodes: 3,
        reconnect: "10ms fixed".parse().expect("valid"),
        producer,
        ..ideal
    }
}

/// A handler that consumes from the broker, with this much work for each event.
fn consumer(takes: u64) -> Handler {
    Handler { consume: Consume::plain(BrokerId(1)), ..handler(on(0), vec![work(takes)]) }
}

/// A source of event 0 every ms until `until`, and a service with a queue.
fn world(until: u64, spec: PushSpec, consumes: Service) -> Blueprint {
    let mut source = source(1);
    source.sources[0].publish = Publish::plain(BrokerId(1));
    let mut b = blueprint(until, 2, vec![source, consumes]);
    b.brokers.push(broker(spec));
    b
}

fn engine(b: &Blueprint, script: &[(u64, Act)]) -> Engine<Driven> {
    let world = World::new(b, &Streams::new(1, 0), Log::default());
    let driven = Driven { world, script: script.to_vec() };
    Engine::new(driven, Limits { events: 100_000, events_per_instant: 1_000 }, Driven::start)
}

/// What became of all obligations until everything is at rest, with the instants of applications.
fn ends_of(b: &Blueprint, script: &[(u64, Act)]) -> Vec<String> {
    let mut engine = engine(b, script);
    engine.run_until::<false>(b.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    let log = engine.into_model().world.observer.0;
    let short = |line: &String| {
        let words: Vec<&str> = line.split([' ', ':']).collect();
        match words[..] {
            [at, "applied", subscription, "", ..] => Some(format!("{at} applied {subscription}")),
            [subscription, "was", from, _, _, to] => Some(format!("{subscription} {from}-{to}")),
            ["applied", ..] | [_, "is", "resurrected"] | [_, _, "is", "answered", ..] => {
                Some(line.clone())
            }
            _ => None,
        }
    };
    log.iter().filter_map(short).collect()
}

fn ends(b: &Blueprint) -> Vec<String> {
    ends_of(b, &[])
}

/// The run until an instant.
fn until(b: &Blueprint, script: &[(u64, Act)], at: u64) -> Driven {
    let mut engine = engine(b, script);
    assert_eq!(engine.run_until::<false>(SimTime::ZERO + ms(at)), Stop::Time);
    engine.into_model()
}

#[test]
fn a_consumer_holds_as_many_as_its_prefetch_and_an_ack_frees_one() {
    // Published at 1, 2 and 3; the first is worked on from 3 to 13 and acknowledged at 14.
    let one_by_one = ["13 applied 0", "25 applied 0", "37 applied 0"];
    let without_gap = ["13 applied 0", "23 applied 0", "33 applied 0"];
    for (prefetch, of_handler, ack, expected) in [
        (1, None, AckMode::After, one_by_one),
        (2, None, AckMode::After, without_gap),
        (0, None, AckMode::After, without_gap),
        (0, Some(1), AckMode::After, one_by_one),
        (1, Some(0), AckMode::After, without_gap),
        (1, None, AckMode::Before, without_gap),
    ] {
        let mut h = consumer(10);
        h.consume.prefetch = of_handler;
        h.consume.ack = Some(ack);
        let b = world(4, PushSpec { prefetch, ..spec() }, service("s", vec![h]));
        assert_eq!(ends(&b), expected, "{prefetch} {of_handler:?} {ack:?}");
    }
}

#[test]
fn a_replicated_queue_gives_a_consumer_at_most_2000() {
    let quorum = QuorumSpec { replicas: 3, replication: fixed(0), failover: ms(18) };
    for (quorum, most) in [(None, 2_499), (Some(quorum), 2_000)] {
        let one = service("s", vec![consumer(100_000)]);
        let b = world(2_500, PushSpec { prefetch: 0, quorum, ..spec() }, one);
        assert_eq!(until(&b, &[], 2_600).has(0), 0);
        assert_eq!(until(&b, &[], 2_600).has(1), most);
    }
}

#[test]
fn messages_go_round_and_a_slow_consumer_hoards_them() {
    // Twelve messages for two consumers, the first of which is a hundred times slower.
    for (prefetch, slow, fast) in [(0, 6, 0), (3, 3, 0), (1, 1, 0)] {
        let mut s = service("s", vec![consumer(1)]);
        s.instances = 2;
        let mut b = world(13, PushSpec { prefetch, ..spec() }, s);
        b.failures = vec![Failure { verb: Verb::Slow(100.0), ..crash(1, 0, 1_000) }];
        let now = until(&b, &[], 60);
        assert_eq!((now.has(1), now.has(2)), (slow, fast), "prefetch {prefetch}");
    }
}

#[test]
fn a_queue_takes_turns() {
    let mut s = service("s", vec![consumer(1_000)]);
    s.instances = 3;
    let now = until(&world(9, PushSpec { prefetch: 0, ..spec() }, s), &[], 20);
    assert_eq!([1, 2, 3].map(|i| now.inbox(i)), [vec![4, 7], vec![5, 8], vec![6]]);
}

#[test]
fn without_distance_a_prefetch_of_one_shares_work_as_one_backlog_does() {
    let mut source = source(1);
    source.sources[0].rate = Rate::parse("150/s", &mut |_| Err(String::new())).expect("valid");
    let mut s =
        service("s", vec![handler(on(0), vec![Step::Work("~10ms".parse().expect("valid"))])]);
    s.instances = 2;
    let mut ideal = blueprint(20_000, 1, vec![source, s]);
    ideal.network.same_zone = fixed(0);
    ideal.brokers[0].deliver = fixed(0);
    let mut push = ideal.clone();
    push.brokers.push(Broker { publish: fixed(0), deliver: fixed(0), ..broker(spec()) });
    push.services[0].sources[0].publish = Publish::plain(BrokerId(1));
    push.services[1].handlers[0].consume = Consume::plain(BrokerId(1));
    let applied = ends(&push);
    assert!(applied.len() > 2_500, "{}", applied.len());
    assert_eq!(applied, ends(&ideal));
}

#[test]
fn what_returns_keeps_its_place() {
    // Both consumers hold three; the first one crashes at 20 and is back at 25.
    let mut s = service("s", vec![consumer(1_000)]);
    s.instances = 2;
    let mut b = world(9, PushSpec { prefetch: 3, ..spec() }, s);
    b.failures = vec![crash(1, 20, 0)];
    let before = until(&b, &[], 19);
    assert_eq!((before.inbox(1), before.inbox(2)), (vec![3, 5], vec![4, 6]));
    let after = until(&b, &[], 30);
    assert_eq!((after.inbox(1), after.inbox(2)), (vec![3, 5], vec![4, 6]));
    assert_eq!(after.has(1), 3);
}

#[test]
fn a_crash_loses_only_what_was_acknowledged_before() {
    for (ack, end) in
        [(AckMode::After, vec!["18 applied 0"]), (AckMode::Before, vec!["0 Leased-LostCrash"])]
    {
        let mut h = consumer(6);
        h.consume.ack = Some(ack);
        let mut b = world(2, spec(), service("s", vec![h]));
        b.failures = vec![crash(1, 5, 1)];
        assert_eq!(ends(&b), end, "{ack:?}");
    }
}

#[test]
fn higher_priorities_go_first() {
    let mut h = consumer(10);
    h.trigger = Trigger::On(vec![EventTypeId(0), EventTypeId(1)]);
    let mut b = world(4, PushSpec { priorities: 9, ..spec() }, service("s", vec![h]));
    let mut urgent = b.services[0].sources[0].clone();
    urgent.event = EventTypeId(1);
    urgent.rate = Rate::parse("every 3ms", &mut |_| Err(String::new())).expect("valid");
    b.services[0].sources.push(urgent);
    b.events[1].priority = 5;
    assert_eq!(ends(&b), ["13 applied 0", "25 applied 1", "37 applied 0", "49 applied 0"]);
    let EngineSpec::Push(spec) = &mut b.brokers[1].engine else { panic!("a queue") };
    spec.priorities = 0;
    // Of two that are published at 3 the one whose source was asked first.
    assert_eq!(ends(&b), ["13 applied 0", "25 applied 0", "37 applied 1", "49 applied 0"]);
}

#[test]
fn a_paused_consumer_is_given_what_it_may_hold_until_its_heartbeats_are_missed() {
    let mut s = service("s", vec![consumer(1_000)]);
    s.instances = 2;
    let b = world(7, PushSpec { prefetch: 2, heartbeat: ms(60), ..spec() }, s);
    let script = [(1, Act::Pause(1)), (100, Act::Resume(1))];
    let now = until(&b, &script, 60);
    assert_eq!((now.inbox(1), now.inbox(2)), (vec![3], vec![4]));
    // Given up at 61, noticed at 100, connected at 110, and given what it had again. It works
    // on what it was given before all the same.
    let now = until(&b, &script, 109);
    assert_eq!((now.inbox(1), now.inbox(2)), (vec![3], vec![4]));
    assert_eq!(until(&b, &script, 112).inbox(1), vec![3, 1, 3]);
    let script = [(1, Act::Pause(1)), (60, Act::Resume(1))];
    assert_eq!(until(&b, &script, 200).inbox(1), vec![3]);
}

#[test]
fn a_delivery_that_is_never_acknowledged_costs_the_connection() {
    // Looked at every minute: given back at 60 and 120 s, and dropped the second time.
    let h = consumer(100_000);
    let spec = PushSpec {
        ack_timeout: Some(SimDuration::from_secs(30)),
        delivery_limit: Some(1),
        ..spec()
    };
    let b = world(2, spec.clone(), service("s", vec![h]));
    assert_eq!(ends(&b), ["100003 applied 0", "applied 0 again"]);
    let b = world(2, spec, service("s", vec![consumer(50_000)]));
    assert_eq!(ends(&b), ["50003 applied 0"]);
}
