//! Failures in every overlap end in the healthy state.

use super::*;

/// Three instances that hear events from an ideal bus and a queue, some in the order of a key, that
/// write, call, retry in both ways, and are asked. Its unit of time is `ms`.
pub(in crate::model::failure) fn busy(ms: u64) -> Blueprint {
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

/// What happens from `from` on.
pub(super) fn tail(log: &[String], from_ms: u64) -> &[String] {
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

pub(super) const VERBS: [Verb; 7] = [
    Verb::Crash,
    Verb::Stop,
    Verb::Restart,
    Verb::Pause,
    Verb::Slow(2.0),
    Verb::Leak(0.02),
    Verb::Brownout { errors: Probability::ONE, slow: 1.5 },
];

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

pub(super) fn strike() -> impl Strategy<Value = Strike> {
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
        sizes in prop::collection::vec((1u32..6, 1u32..4, 0u64..60_000, 0u64..40_000), 0..4),
        kind in 0u32..3,
        connected in any::<bool>(),
        batch in any::<bool>(),
        seconds in any::<bool>(),
    ) {
        recovers_with_any_broker(strikes, sizes, kind, (connected, batch, seconds));
    }
}

/// A strike: its verb, the number of instances, when it begins and how long it lasts.
type Strike = (usize, u32, u64, u64);
/// A change of size: instances, workers, when it begins and how long it lasts.
type Size = (u32, u32, u64, u64);

/// Lets failures strike a service that hears a broker of some kind, which has to recover.
fn recovers_with_any_broker(
    strikes: Vec<Strike>,
    sizes: Vec<Size>,
    kind: u32,
    (connected, batch, seconds): (bool, bool, bool),
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
    for (instances, workers, begins, lasts) in sizes {
        super::set::set(&mut b, begins / per, lasts / per, |o| {
            let service = &mut o.services[1];
            (service.instances, service.workers) = (instances, workers);
            service.handlers[1].consume.prefetch = Some(workers);
            service.connections = Some(workers);
            o.services[0].sources[0].rate = source(instances.into()).sources.remove(0).rate;
        });
    }
    assert_recovery(&b, t(50));
}

#[test]
fn what_a_pause_held_back_was_given_out_when_it_was_fetched() {
    // While its member stands still, another one is given a record that it had fetched before.
    let strikes = vec![(3, 1, 24_886, 33_732), (0, 2, 47_001, 173)];
    recovers_with_any_broker(strikes, vec![(5, 1, 36_573, 769)], 2, (true, false, true));
}

/// Runs an architecture until it is at rest, and what is still on its way back to brokers arrives.
pub(in crate::model::failure) fn assert_recovery(b: &Blueprint, on_its_way: SimDuration) {
    let limits = Limits { events: 1_000_000, events_per_instant: 20_000 };
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

pub(in crate::model::failure) fn pushes(ms: u64, connected: bool) -> EngineSpec {
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

pub(in crate::model::failure) fn logs(ms: u64, connected: bool) -> EngineSpec {
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

pub(in crate::model::failure) fn pulls(ms: u64, connected: bool) -> EngineSpec {
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
