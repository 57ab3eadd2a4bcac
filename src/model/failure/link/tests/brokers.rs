//! Publications, deliveries and what engines make of links. Emits every 10 ms; publishing and
//! delivering take 1 ms each, the way back 1 ms, the work 3 ms.

use super::*;

const SHOP: End = End::Service(ServiceId(0));
const EMAIL: End = End::Service(ServiceId(1));
const BUS: End = End::Broker(BrokerId(1));

/// Publishers wait 20 ms for an answer and 5 ms more, connections that break 10 ms, and a silence
/// is noticed after 40 ms.
fn broker(engine: EngineSpec) -> Broker {
    let ideal = Broker::ideal("bus", fixed(1));
    let producer = ProducerSpec {
        acks: Acks::All,
        request_timeout: ms(20),
        delivery_timeout: SimDuration::from_secs(100),
        backoff: "5ms fixed".parse().expect("valid"),
        ..ideal.producer
    };
    Broker {
        engine,
        publish: fixed(1),
        reconnect: "10ms fixed".parse().expect("valid"),
        producer,
        ..ideal
    }
}

fn push(prefetch: u32) -> EngineSpec {
    EngineSpec::Push(PushSpec {
        prefetch,
        priorities: 0,
        ttl: None,
        max_length: None,
        overflow: Overflow::DropHead,
        quorum: None,
        fsync: fixed(0),
        delivery_limit: None,
        ack_timeout: None,
        heartbeat: ms(40),
        dead_letters: false,
    })
}

fn quorum(nodes: u32) -> Broker {
    let EngineSpec::Push(spec) = push(1) else { unreachable!("it pushes") };
    let (replication, failover) = (fixed(1), ms(30));
    let quorum = Some(QuorumSpec { replicas: 3, replication, failover });
    Broker { nodes, ..broker(EngineSpec::Push(PushSpec { quorum, fsync: fixed(1), ..spec })) }
}

fn pull(visibility: Option<u64>) -> EngineSpec {
    EngineSpec::Pull(PullSpec {
        visibility: visibility.map(ms),
        heartbeat: false,
        long_poll: Some(SimDuration::from_secs(20)),
        poll: ms(100),
        empty_poll: Probability::ZERO,
        batch: 10,
        prefetch: 0,
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
        failover: ms(30),
        unsynced: SimDuration::ZERO,
    })
}

fn fan_out() -> EngineSpec {
    let soft_time = SimDuration::ZERO;
    EngineSpec::FanOut(FanOutSpec { buffer: 1 << 20, soft_buffer: None, soft_time })
}

/// A log on three nodes with three copies, or on one.
fn log(nodes: u32) -> Broker {
    let EngineSpec::Log(spec) = plain_log(1).engine else { unreachable!("it is a log") };
    let spec = LogSpec {
        replicas: nodes,
        min_isr: nodes.min(2),
        replication: fixed(1),
        replica_lag: ms(60),
        detection: ms(20),
        election: ms(10),
        session_timeout: ms(40),
        heartbeat: ms(10),
        max_poll_interval: SimDuration::from_secs(10),
        ..spec
    };
    let mut b = Broker { nodes, ack: AckMode::After, ..broker(EngineSpec::Log(spec)) };
    b.producer.idempotent = true;
    b
}

/// Emits until `until`.
fn world(until: u64, broker: Broker) -> Blueprint {
    let mut from = source(10);
    from.sources[0].publish = Publish::plain(BrokerId(1));
    let mut h = handler(on(0), vec![work(3)]);
    h.consume = Consume::plain(BrokerId(1));
    let mut b = blueprint(until, 1, vec![from, service("email", vec![h])]);
    b.brokers.push(broker);
    b
}

/// When events were applied, ms, and what became of others.
fn ends(b: &Blueprint) -> Vec<String> {
    let short = |line: String| match line.split_once(" applied ") {
        Some((at, _)) => at.to_owned(),
        None => line,
    };
    told(b, &["applied", " is "]).into_iter().map(short).collect()
}

#[test]
fn a_delay_keeps_the_order_of_a_connection() {
    let delay = |by| LinkEffect::Delay(fixed(by));
    let mut b = world(35, broker(push(9)));
    assert_eq!(ends(&b), ["15", "25", "35"]);
    // The event of 10 comes at 31, and those of 20 and 30 not before it.
    b.failures = vec![link(SHOP, BUS, delay(20), 5, 10)];
    assert_eq!(ends(&b), ["35", "38", "41"]);
    b.failures = vec![link(BUS, EMAIL, delay(20), 5, 10)];
    assert_eq!(ends(&b), ["35", "38", "41"]);
    // Acknowledgements take their time on the way back.
    b.brokers[1] = broker(push(1));
    b.failures = vec![link(EMAIL, BUS, delay(20), 5, 50)];
    assert_eq!(ends(&b), ["15", "40", "65"]);
    // So do confirmations: two of three facts wait for a buffer of 1 KB.
    b.brokers[1] = broker(push(9));
    b.brokers[1].producer.buffer = 1024;
    b.brokers[1].producer.max_block = SimDuration::MAX;
    b.failures.clear();
    assert_eq!(ends(&b), ["15", "25", "35"]);
}

#[test]
fn a_publication_that_gets_no_answer_is_published_again() {
    for (idempotent, broker) in [(true, log(1)), (false, broker(push(9)))] {
        let mut b = world(35, broker);
        b.brokers[1].producer.idempotent = idempotent;
        // The events of 10 and 20 meet the partition; the next attempt is made at 35, and the event
        // of 30 waits for it.
        b.failures = vec![link(SHOP, BUS, LinkEffect::Partition, 5, 20)];
        // A log is asked for the others when the first one is done.
        let expected = if idempotent { ["40", "44", "47"] } else { ["40", "43", "46"] };
        assert_eq!(ends(&b), expected, "{idempotent}");
        // The answers of 10 and 20 are lost: a log recognises the repetition.
        b.failures = vec![link(SHOP, BUS, LinkEffect::Partition, 11, 10)];
        let again = told(&b, &["again"]).len();
        assert_eq!(again, usize::from(!idempotent), "{idempotent}: {:#?}", lines(&b));
    }
}

/// From `at` to `at` and `lasts` nothing arrives between the bus and its consumer.
fn cut(at: u64, lasts: u64) -> Failure {
    link(BUS, EMAIL, LinkEffect::Partition, at, lasts)
}

#[test]
fn a_consumer_behind_a_partition_is_given_up_and_comes_back() {
    // The acknowledgement of 10 is lost, and so is the copy of 20 and what would have come of 30.
    let cases = [
        // Given up at 52 and connected at 62; mended at 30, its connection begins anew at 40.
        ("push", broker(push(9)), ["15, again, 69, 72, 75", "15, again, 47, 50, 53"]),
        // The lease of 10 ends at 61. Mended, it asks at once.
        ("pull", broker(pull(Some(50))), ["15, 64, again, 72, 76", "15, 34, 38, 45, again"]),
        // What is bound to a connection returns with it.
        ("connected", broker(pull(None)), ["15, again, 68, 72, 76", "15, again, 38, 42, 46"]),
        // What is sent meanwhile is gone, and so is what is sent until it is connected again.
        ("fan out", broker(fan_out()), ["15, lost, lost, lost", "15, lost, nobody, 45"]),
        // Out of its group at 52, and back in it 3 s and two round trips after 60; in time, it
        // commits the event of 10 late.
        ("log", log(1), ["15, again, 3071, 3074, 3077", "15, 34, 38, 45"]),
    ];
    for (name, broker, expected) in cases {
        let mut b = world(45, broker);
        for (lasts, expected) in [48, 18].into_iter().zip(expected) {
            b.failures = vec![cut(12, lasts)];
            let found = ends(&b).join(", ");
            let found = found.replace("applied 0 again", "again");
            let found = found.replace("0 was Leased and is LostNetwork", "lost");
            let found = found.replace("0 was Pending and is LostNotConnected", "nobody");
            assert_eq!(found, expected, "{name}, {lasts}");
        }
    }
}

#[test]
fn nodes_that_do_not_reach_most_others_commit_nothing() {
    let split = |from, at, lasts| link(from, BUS, LinkEffect::Partition, at, lasts);
    let first = End::Node(BrokerId(1), 0);
    let cases = [
        ("log", log(3), vec![], "16, 26, 36, 46"),
        // Its leader is alone from 15 on; another leads at 45. Publishers try every 12 ms.
        ("log, leader alone", log(3), vec![split(first, 15, 100)], "16, 62, 65, 68"),
        ("log, all alone", log(3), vec![split(BUS, 15, 60)], "16, 86, 89, 92"),
        ("quorum", quorum(3), vec![], "17, 27, 37, 47"),
        ("quorum, leader alone", quorum(3), vec![split(first, 15, 100)], "17, again, 63, 68, 73"),
        ("quorum, all alone", quorum(3), vec![split(BUS, 15, 60)], "17, again, 123, 128, 133"),
    ];
    for (name, broker, failures, expected) in cases {
        let b = Blueprint { failures, ..world(45, broker) };
        let found = ends(&b).join(", ").replace("applied 0 again", "again");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_follower_that_is_not_reached_is_waited_for_only_for_a_while() {
    // The third node is cut off from the first alone: it stays in step until 15 + 60, and what
    // comes meanwhile waits.
    let nodes = [End::Node(BrokerId(1), 0), End::Node(BrokerId(1), 2)];
    let mut b = world(45, log(3));
    b.failures = vec![link(nodes[0], nodes[1], LinkEffect::Partition, 15, 200)];
    assert_eq!(ends(&b), ["16", "79", "82", "85"]);
    b.failures[0].lasts = Some(ms(20));
    assert_eq!(ends(&b), ["16", "40", "43", "47"]);
}

#[test]
fn what_is_lost_for_good_is_what_its_broker_makes_of_it() {
    let lost = |from, to| {
        let loss = LinkEffect::Loss { share: EVERY, datagram: true };
        vec![link(from, to, loss, 5, 10)]
    };
    let mut fire = broker(fan_out());
    fire.producer.acks = Acks::None;
    let of_log = world(15, log(1));
    // Whose clients ask for more time; not for what they do not have.
    let mut extended = broker(pull(Some(50)));
    let EngineSpec::Pull(spec) = &mut extended.engine else { unreachable!("it is polled") };
    spec.heartbeat = true;
    let cases = [
        // The event of 10 is published again at 35, and others pass it.
        ("push", broker(push(9)), SHOP, BUS, "25, 35, 40"),
        ("pull", broker(pull(Some(50))), SHOP, BUS, "25, 35, 40"),
        ("fan out", broker(fan_out()), SHOP, BUS, "25, 35, 40"),
        ("log", log(1), SHOP, BUS, "25, 35, 40"),
        ("fire", fire.clone(), SHOP, BUS, "lost, 25, 35"),
        // Its copy is leased until 61.
        ("pull", broker(pull(Some(50))), BUS, EMAIL, "25, 35, 65"),
        ("extended", extended.clone(), BUS, EMAIL, "25, 35, 65"),
        ("fan out", broker(fan_out()), BUS, EMAIL, "gone, 25, 35"),
        ("fire", fire, BUS, EMAIL, "gone, 25, 35"),
    ];
    for (name, broker, from, to, expected) in cases {
        let b = Blueprint { failures: lost(from, to), ..world(35, broker) };
        let found = ends(&b).join(", ").replace("0 was Pending and is LostNetwork", "lost");
        let found = found.replace("0 was Leased and is LostNetwork", "gone");
        assert_eq!(found, expected, "{name}");
    }
    // The answer of 15 is lost, and nobody asks for more time for what is done: it comes again.
    let loss = LinkEffect::Loss { share: EVERY, datagram: true };
    let mut b = world(15, extended);
    b.failures = vec![link(EMAIL, BUS, loss, 5, 15)];
    assert_eq!(ends(&b), ["15", "applied 0 again"]);
    // A log is asked again after 30 s, as often as it takes.
    let mut b = of_log;
    let EngineSpec::Log(spec) = &mut b.brokers[1].engine else { unreachable!("it is a log") };
    spec.max_poll_interval = SimDuration::from_secs(3_600);
    let loss = LinkEffect::Loss { share: share(0.9), datagram: true };
    b.failures = vec![link(BUS, EMAIL, loss, 5, 10)];
    let found = ends(&b).join(", ");
    let late = found.parse::<u64>().expect("one event") - 15;
    assert!(late > 0 && late.is_multiple_of(30_000), "{late}");
}

#[test]
fn what_arrives_twice_is_worked_on_twice_unless_somebody_notices() {
    let twice = |from, to| {
        let double = LinkEffect::Duplicate { share: EVERY, after: fixed(2) };
        vec![link(from, to, double, 5, 10)]
    };
    let careless = Broker { producer: broker(push(9)).producer, ..log(1) };
    let cases = [
        ("push", broker(push(9)), ["15, again, 25", "15, again, 25"]),
        ("pull", broker(pull(Some(50))), ["15, again, 25", "15, again, 25"]),
        ("fan out", broker(fan_out()), ["15, again, 25", "15, again, 25"]),
        ("log", log(1), ["15, 25", "15, again, 25"]),
        ("log, careless", careless, ["15, again, 25", "15, again, 25"]),
    ];
    for (name, broker, expected) in cases {
        let links = [twice(SHOP, BUS), twice(BUS, EMAIL)];
        for (failures, expected) in links.into_iter().zip(expected) {
            let b = Blueprint { failures, ..world(25, broker.clone()) };
            let found = ends(&b).join(", ").replace("applied 0 again", "again");
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn what_is_held_back_is_passed() {
    let hold = LinkEffect::Reorder { share: EVERY, hold: fixed(15) };
    for (from, to) in [(SHOP, BUS), (BUS, EMAIL)] {
        let mut b = world(35, broker(push(9)));
        b.failures = vec![link(from, to, hold.clone(), 5, 10)];
        assert_eq!(ends(&b), ["25", "30", "35"]);
    }
}

#[test]
fn a_link_or_a_broker_serves_what_a_failure_leaves_it() {
    let rate = |ms: u64| 1024.0 * 1000.0 / ms as f64;
    let narrow = |ms| link(SHOP, BUS, LinkEffect::Throttle(rate(ms)), 5, 100);
    let shards = |ms, at, lasts| Failure {
        verb: Verb::Throttle(rate(ms)),
        target: Target::Shards(BrokerId(1)),
        ..crash(0, at, lasts)
    };
    let mut b = world(35, broker(push(9)));
    b.brokers[1].producer.request_timeout = SimDuration::MAX;
    // 15 ms for each event: the first arrives at 26.
    for failures in [vec![narrow(15)], vec![shards(15, 5, 100), shards(7, 5, 100)]] {
        b.failures = failures;
        assert_eq!(ends(&b), ["30", "45", "60"]);
    }
    // The slower one ends at 15; the broker's own limit is less than what is left then.
    b.failures = vec![shards(15, 5, 10), shards(1, 5, 100)];
    b.brokers[1].per_shard = Capacity { messages_per_s: 0.0, bytes_per_s: rate(4) };
    assert_eq!(ends(&b), ["30", "34", "39"]);
}

#[test]
fn a_link_serves_events_of_the_size_that_they_have_now() {
    let narrow = LinkEffect::Throttle(1024.0 * 1000.0 / 15.0);
    let mut b = world(35, broker(push(9)));
    b.failures = vec![link(BUS, EMAIL, narrow, 5, 100)];
    assert_eq!(ends(&b), ["30", "45", "60"]);
    // The last of them leaves when events are smaller.
    let mut smaller = b.clone();
    smaller.events[0].size = 512;
    b.sets = vec![Blueprint { failures: Vec::new(), ..smaller }];
    b.failures.push(Failure { verb: Verb::Set(0), target: Target::Values, ..crash(0, 24, 100) });
    assert_eq!(ends(&b), ["30", "45", "52.5"]);
}

#[test]
fn a_zone_that_falls_is_noticed_by_its_silence() {
    // Two instances, in zones of their own; 30 ms of work, so that the event of 20 goes to the
    // second one.
    let mut b = world(25, broker(push(1)));
    b.zones.push(Zone { name: "b".to_owned(), region: String::new() });
    b.services[1].instances = 2;
    b.services[1].handlers[0].steps = vec![work(30)];
    let instances = vec![1];
    let one = Target::Instances { service: ServiceId(1), instances };
    for (target, expected) in [(one, ["42", "74"]), (Target::Zone(ZoneId(1)), ["42", "96"])] {
        b.failures = vec![Failure { target, ..crash(1, 25, 200) }];
        assert_eq!(ends(&b), expected);
    }
}
