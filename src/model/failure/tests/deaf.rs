//! Subscriptions that are gone for a while.

use super::message::{ends_well, fates};
use super::*;

/// Service 1 hears nothing.
fn deaf(at_ms: u64, for_ms: u64) -> Failure {
    failure(Verb::DropConsumer, 1, at_ms, for_ms)
}

/// An event every `every` ms through a broker, and two instances or one that work on it for `ms`.
fn heard(broker: Option<Broker>, every: u64, ms: u64) -> Blueprint {
    let mut from = source(every);
    let mut h = handler(on(0), vec![work(ms)]);
    let via = BrokerId(u32::from(broker.is_some()));
    from.sources[0].publish = Publish::plain(via);
    h.consume = Consume::plain(via);
    let mut b = blueprint(65, 1, vec![from, service("s", vec![h])]);
    b.brokers.extend(broker);
    b
}

#[test]
fn an_ideal_bus_brings_nothing_meanwhile_and_what_it_brought_is_worked_on() {
    let mut b = heard(None, 10, 2);
    b.services[1].handlers[0].steps = vec![work(12)];
    b.failures = vec![deaf(15, 30)];
    // Only the event of 10 is on its way or in work at 15; that of 50 is the next one heard.
    insta::assert_snapshot!(fates(&b), @r"
    0 was Pending and is LostNotConnected
    23 applied 0
    0 was Pending and is LostNotConnected
    0 was Pending and is LostNotConnected
    63 applied 0
    75 applied 0
    ");
}

#[test]
fn individuals_are_behind_until_a_newer_version() {
    let mut b = heard(None, 10, 2);
    b.entities = vec![Entity {
        population: Some(Population { count: 1, popularity: Popularity::Uniform }),
        ..Entity::new("account")
    }];
    b.events[0].key = Some(EntityId(0));
    b.failures = vec![deaf(15, 20)];
    let story = ends_well(&b);
    let told = |l: &&str| l.contains("behind") || l.contains("caught up") || l.contains("harmed");
    let lines: Vec<&str> = story.lines().filter(told).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    10 0 is behind
    13 0 has caught up
    20 0 is behind
    0 is harmed first
    43 0 has caught up
    50 0 is behind
    53 0 has caught up
    60 0 is behind
    63 0 has caught up
    ");
}

#[test]
fn a_log_keeps_the_place_of_the_group() {
    let mut log = plain_log(1);
    if let EngineSpec::Log(spec) = &mut log.engine {
        spec.max_poll_interval = SimDuration::from_secs(60);
    }
    let mut b = heard(Some(log), 10, 2);
    b.failures = vec![deaf(15, 20)];
    // The group is back 3 s and two round trips of 2 ms after 35.
    insta::assert_snapshot!(fates(&b), @r"
    13 applied 0
    3042 applied 0
    3044 applied 0
    3046 applied 0
    3048 applied 0
    3050 applied 0
    ");
}

#[test]
fn a_queue_keeps_what_it_has_and_gets_nothing_new() {
    let queue = Broker { engine: overlap::pushes(1, true), ..Broker::ideal("queue", fixed(1)) };
    let mut b = heard(Some(queue), 5, 15);
    b.phases.duration = SimDuration::from_ms(62);
    b.failures = vec![deaf(25, 30)];
    // In hand at 25 are the events of 10 and 15; that of 20 waits in the queue until 55.
    insta::assert_snapshot!(fates(&b), @r"
    21 applied 0
    0 was Pending and is LostNotConnected
    0 was Pending and is LostNotConnected
    0 was Pending and is LostNotConnected
    36 applied 0
    0 was Pending and is LostNotConnected
    0 was Pending and is LostNotConnected
    0 was Pending and is LostNotConnected
    51 applied 0
    71 applied 0
    86 applied 0
    101 applied 0
    ");
}

#[test]
fn causes_are_counted_and_whoever_starts_meanwhile_does_not_listen() {
    let mut b = tapped(65, 10, 2);
    b.failures = vec![deaf(15, 20), deaf(25, 20), failure(Verb::Crash, 1, 18, 2)];
    insta::assert_snapshot!(ends_well(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    13 s1 done: wait 0, work 2, draw 0
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    13 converged
    15 tap: i1 leaves: Leave
    18 tap: i1 leaves: Crash
    20 s0 emits
    0 was Pending and is LostNotConnected
    30 s0 emits
    0 was Pending and is LostNotConnected
    40 s0 emits
    0 was Pending and is LostNotConnected
    45 tap: i1 joins 0
    50 s0 emits
    51 s1 starts
    53 s1 done: wait 0, work 2, draw 0
    53 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    53 converged
    60 s0 emits
    61 s1 starts
    63 s1 done: wait 0, work 2, draw 0
    63 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    63 converged
    ");
}

#[test]
fn work_in_hand_is_acknowledged_after_the_return_too() {
    for (engine, lag) in [
        (overlap::pushes(1, true), 0),
        (overlap::pulls(1, true), 0),
        (overlap::logs(100, false), 1),
    ] {
        let broker = Broker { engine, ..Broker::ideal("queue", fixed(1)) };
        let mut b = heard(Some(broker), 10, 30);
        // Gone from 15 to 25, in the middle of the first event, which takes until 41.
        b.failures = vec![deaf(15, 10)];
        let limits = Limits { events: 10_000, events_per_instant: 1_000 };
        let mut engine = Engine::new(world(&b), limits, World::start);
        engine.run_until::<false>(b.phases.traffic_end());
        assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
        engine.run_until::<false>(engine.now() + SimDuration::from_secs(10));
        assert_healthy(engine.model());
        let story = engine.into_model().observer.0.join("\n");
        let lost = story.matches("LostNotConnected").count();
        assert_eq!(lost, 1 - lag, "{story}");
        assert_eq!(story.matches("applied").count(), 6 - lost, "{story}");
        assert_eq!(story.matches("again").count(), 0, "{story}");
    }
}
