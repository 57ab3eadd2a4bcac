//! Small worlds around one broker with pushing queues, whose every instant can be worked out by
//! hand: publish and deliver take 1 ms each, and so does an acknowledgement.

use crate::model::broker::script::{Act, played, played_until};
use crate::model::testing::*;

mod failover;
mod limits;

const DOWN: [Act; 3] = [
    |e, ctx| e.node_down(ctx, 0, false),
    |e, ctx| e.node_down(ctx, 1, false),
    |e, ctx| e.node_down(ctx, 2, false),
];
const UP: [Act; 3] =
    [|e, ctx| e.node_up(ctx, 0), |e, ctx| e.node_up(ctx, 1), |e, ctx| e.node_up(ctx, 2)];

const PAUSE: Act = |e, ctx| e.paused(ctx, 0, 1);
const RESUME: Act = |e, ctx| e.resumed(ctx, 0, 1);

/// When what waits at an instance was committed, ms.
fn inbox(world: &World<Log>, instance: u32) -> Vec<u64> {
    let inbox = &world.instances[instance as usize].inbox;
    inbox.iter().map(|&job| world.jobs.get(job).intended / 1_000_000).collect()
}

/// What an instance has got, waiting and in work.
fn has(world: &World<Log>, instance: u32) -> usize {
    let i = &world.instances[instance as usize];
    i.inbox.len() + i.busy as usize
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

/// What became of all obligations until everything is at rest, with the instants of applications.
fn ends_of(b: &Blueprint, script: &[(u64, Act)]) -> Vec<String> {
    let world = played(b, script);
    assert!(crate::engine::Model::at_rest(&world), "{:?}", world.observer.0);
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
    world.observer.0.iter().filter_map(short).collect()
}

fn ends(b: &Blueprint) -> Vec<String> {
    ends_of(b, &[])
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
        assert_eq!(has(&played_until(&b, &[], 2_600), 1), most);
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
        let now = played_until(&b, &[], 60);
        assert_eq!((has(&now, 1), has(&now, 2)), (slow, fast), "prefetch {prefetch}");
    }
}

#[test]
fn a_queue_takes_turns() {
    let mut s = service("s", vec![consumer(1_000)]);
    s.instances = 3;
    let now = played_until(&world(9, PushSpec { prefetch: 0, ..spec() }, s), &[], 20);
    assert_eq!([1, 2, 3].map(|i| inbox(&now, i)), [vec![4, 7], vec![5, 8], vec![6]]);
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
    let before = played_until(&b, &[], 19);
    assert_eq!((inbox(&before, 1), inbox(&before, 2)), (vec![3, 5], vec![4, 6]));
    let after = played_until(&b, &[], 30);
    assert_eq!((inbox(&after, 1), inbox(&after, 2)), (vec![3, 5], vec![4, 6]));
    assert_eq!(has(&after, 1), 3);
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
    let script = [(1, PAUSE), (100, RESUME)];
    let now = played_until(&b, &script, 60);
    assert_eq!((inbox(&now, 1), inbox(&now, 2)), (vec![3], vec![4]));
    // Given up at 61, noticed at 100, connected at 110, and given what it had again. It works
    // on what it was given before all the same.
    let now = played_until(&b, &script, 109);
    assert_eq!((inbox(&now, 1), inbox(&now, 2)), (vec![3], vec![4]));
    assert_eq!(inbox(&played_until(&b, &script, 112), 1), vec![3, 1, 3]);
    // One whose node goes while it pauses tries to connect 10 ms after it goes on; the other one
    // has come before it.
    let script = [(1, PAUSE), (20, DOWN[0]), (25, UP[0]), (30, RESUME)];
    let now = |ms| inbox(&played_until(&b, &script, ms), 1);
    assert_eq!((now(40), now(42)), (vec![3], vec![3, 3, 4]));
    let script = [(1, PAUSE), (60, RESUME)];
    assert_eq!(inbox(&played_until(&b, &script, 200), 1), vec![3]);
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
    let mut b = world(2, spec.clone(), service("s", vec![h]));
    b.phases.drain = SimDuration::from_secs(300);
    assert_eq!(ends(&b), ["100003 applied 0", "applied 0 again"]);
    b = Blueprint { services: world(2, spec, service("s", vec![consumer(50_000)])).services, ..b };
    assert_eq!(ends(&b), ["50003 applied 0"]);
}

#[test]
fn a_stop_in_good_order_repeats_nothing() {
    // It has the first two at 5: it works on the first until 13 and hands the second back. Its
    // process ends before its last acknowledgement is there. It is back at 20.
    let mut b = world(5, PushSpec { prefetch: 2, ..spec() }, service("s", vec![consumer(10)]));
    b.failures = vec![Failure { verb: Verb::Stop, ..crash(1, 5, 10) }];
    assert_eq!(ends(&b), ["13 applied 0", "31 applied 0", "41 applied 0", "51 applied 0"]);
}
