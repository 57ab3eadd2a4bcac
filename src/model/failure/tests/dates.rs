//! What brokers keep for less long than usual, and what is dated wrongly.

use super::*;

/// An event every `every` ms through a broker to a service whose process is down until `until`.
fn unread(engine: EngineSpec, every: u64, until: u64) -> Blueprint {
    let mut from = source(every);
    from.sources[0].publish = Publish::plain(BrokerId(1));
    let mut h = handler(on(0), vec![work(2)]);
    h.consume = Consume::plain(BrokerId(1));
    let mut b = blueprint(6 * every + every / 2, 1, vec![from, service("s", vec![h])]);
    b.services[1].workers = 9;
    b.brokers.push(Broker { engine, ..Broker::ideal("bus", fixed(1)) });
    b.failures = vec![crash(1, 0, until)];
    b
}

fn expire(age_ms: u64, at_ms: u64, for_ms: u64) -> Failure {
    let verb = Verb::Expire(SimDuration::from_ms(age_ms));
    Failure { verb, target: Target::Kept(BrokerId(1)), ..crash(1, at_ms, for_ms) }
}

/// The clock of the source is wrong.
fn skew(by_ms: i64, at_ms: u64, for_ms: u64) -> Failure {
    Failure { verb: Verb::Skew(by_ms * 1_000_000), ..crash(0, at_ms, for_ms) }
}

/// How many events have expired at each of these instants, and how many are applied in the end.
fn expired(b: &Blueprint, instants: &[u64]) -> (Vec<usize>, usize) {
    let limits = Limits { events: 100_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world(b), limits, World::start);
    let count =
        |w: &World<Log>, what: &str| w.observer.0.iter().filter(|l| l.contains(what)).count();
    let mut found = Vec::new();
    for &ms in instants {
        engine.run_until::<false>(at(ms));
        found.push(count(engine.model(), "is Expired"));
    }
    engine.run_until::<false>(b.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    engine.run_until::<false>(engine.now() + SimDuration::from_secs(60));
    assert_healthy(engine.model());
    assert!(engine.model().settings.as_ref().is_none_or(|s| s.are_usual()));
    (found, count(engine.model(), "applied"))
}

/// A queue that pushes, and one that is polled; nothing ever expires.
fn queues() -> [EngineSpec; 2] {
    [overlap::pushes(1, true), overlap::pulls(1, true)]
}

#[test]
fn what_is_too_old_goes_from_the_head_while_it_lasts() {
    for engine in queues() {
        let mut b = unread(engine, 10, 100);
        b.failures.push(expire(20, 35, 30));
        // At 35 the event of 10 is 25 ms old; those of 20, 30, 40 are 20 ms old at 40, 50, 60.
        // Those of 50 and 60 never are before 65.
        let (found, applied) = expired(&b, &[34, 36, 41, 51, 61, 99]);
        assert_eq!(found, [0, 1, 2, 3, 4, 4]);
        assert_eq!(applied, 2);
    }
}

#[test]
fn the_shortest_of_several_holds_and_a_set_does_not_lengthen_it() {
    for engine in queues() {
        let mut b = unread(engine, 10, 100);
        // 40 ms from 25 on, 20 ms from 35 to 45, 30 ms by a `set` from 45 on.
        b.failures.extend([expire(40, 25, 65), expire(20, 35, 10)]);
        set::set(&mut b, 45, 45, |o| o.brokers[1].engine.keep_no_longer(SimDuration::from_ms(30)));
        // At 35 and 40 those of 10 and 20; 30 is 30 ms old at 60, 40 at 70, 50 at 80, 60 at 90.
        let (found, applied) = expired(&b, &[34, 36, 41, 59, 61, 71, 81, 89]);
        assert_eq!(found, [0, 1, 2, 2, 3, 4, 5, 5]);
        assert_eq!(applied, 1);
    }
}

#[test]
fn a_log_looks_every_five_minutes() {
    let mut b = unread(overlap::logs(1_000, true), 60_000, 800_000);
    b.phases.duration = SimDuration::from_secs(690);
    b.failures.push(expire(120_000, 400_000, 300_000));
    // At 600 s those of 60 to 420 s are older than 120 s, and that of 480 s is just as old.
    let (found, applied) = expired(&b, &[599_000, 601_000, 799_000]);
    assert_eq!(found, [0, 7, 7]);
    assert_eq!(applied, 4);
}

/// The same engines, in which messages expire after 30 ms.
fn aging() -> impl Iterator<Item = EngineSpec> {
    queues().into_iter().map(|mut engine| {
        engine.keep_no_longer(SimDuration::from_ms(30));
        engine
    })
}

#[test]
fn what_is_dated_back_expires_early_once_it_is_the_head() {
    for engine in aging() {
        let mut b = unread(engine, 10, 90);
        b.failures.push(skew(-20, 25, 20));
        // Those of 30 and 40 are dated 10 and 20: due at 40 and 50, and behind that of 20 until 50.
        let (found, applied) = expired(&b, &[39, 41, 49, 51, 79, 81, 91]);
        assert_eq!(found, [0, 1, 1, 4, 4, 5, 6]);
        assert_eq!(applied, 0);
    }
}

#[test]
fn what_is_dated_ahead_keeps_what_lies_behind_it() {
    // At 95 one gives it out and finds the others too old; the other one gives out all at once,
    // while it still has that of 20.
    for (engine, read) in aging().zip([1, 5]) {
        let mut b = unread(engine, 10, 90);
        b.failures.extend([skew(100, 15, 10), skew(400, 15, 10)]);
        // That of 20 is dated 520.
        let (found, applied) = expired(&b, &[39, 41, 94]);
        assert_eq!(found, [0, 1, 1]);
        assert_eq!(applied, read);
    }
}

#[test]
fn a_log_is_read_again_from_a_date_and_deletes_up_to_one() {
    let mut engine = overlap::logs(1_000, true);
    if let EngineSpec::Log(log) = &mut engine {
        log.partitions = 1;
        log.retention = Some(SimDuration::from_secs(120));
    }
    let expired_at_300 = |by: Option<i64>| {
        let mut b = unread(engine.clone(), 60_000, 400_000);
        b.failures.extend(by.map(|by| skew(by, 100_000, 50_000)));
        expired(&b, &[301_000]).0[0]
    };
    // By right dates those of 60 and 120 s; that of 120 s is dated 720 s, or 0 s.
    assert_eq!(expired_at_300(None), 2);
    assert_eq!(expired_at_300(Some(600_000)), 1);
    assert_eq!(expired_at_300(Some(-120_000)), 2);
}
