//! The coordinator: who reads what when members come, go, fall silent or work for too long.

use super::tests::*;
use crate::model::testing::*;
use crate::random::{Draw, StreamKey};

/// The longest stretch without an arrival on each of four partitions, in s, between two instants.
/// Records without a key take turns.
fn gaps(w: &World<Watch>, from: f64, to: f64) -> [f64; 4] {
    let first = w.observer.arrived.iter().map(|a| a.1).min().unwrap_or(0);
    let mut last = [from; 4];
    let mut gaps = [0.0f64; 4];
    for (at, id) in &w.observer.arrived {
        let (at, p) = (at / 1e3, ((id - first) % 4) as usize);
        if (from..to).contains(&at) {
            gaps[p] = gaps[p].max(at - last[p]);
            last[p] = at;
        }
    }
    for p in 0..4 {
        gaps[p] = gaps[p].max(to - last[p]);
    }
    gaps
}

/// Two members on four partitions, 400/s.
fn pair(rebalance: Rebalance) -> Blueprint {
    let mut b = world("400/s", 100, log(4), 1);
    b.services[1].instances = 2;
    spec(&mut b).rebalance = rebalance;
    if rebalance == Rebalance::Server {
        spec(&mut b).heartbeat = SimDuration::from_secs(5);
    }
    b
}

const ALL: [Rebalance; 3] = [Rebalance::Eager, Rebalance::Cooperative, Rebalance::Server];

/// Everything was applied, none of it twice.
fn exactly_once(w: &World<Watch>, name: &str) {
    let n = w.observer.applied.len();
    assert!(n.abs_diff(40_000) < 1_000, "{name}: {n}");
    assert_eq!((w.observer.again, w.observer.redelivered), (0, 0), "{name}");
    assert!(w.observer.ended.is_empty(), "{name}: {:?}", w.observer.ended);
}

#[test]
fn one_leaves_and_one_joins_under_traffic() {
    for rebalance in ALL {
        let b = pair(rebalance);
        let script = [(30_000, Deed::Stop(0)), (60_000, Deed::Join(0))];
        let (w, rest) = run(&b, &script);
        assert!(rest);
        exactly_once(&w, &format!("{rebalance:?}"));
        // The longest pause of partitions that stay and of those that move, when one leaves and
        // when one joins; in s.
        let left = gaps(&w, 29.0, 59.0);
        let back = gaps(&w, 59.0, 90.0);
        let stay = |g: [f64; 4]| g[2].max(g[3]);
        let most = |g: [f64; 4]| g.into_iter().fold(0.0, f64::max);
        match rebalance {
            // The barrier comes with the next poll; then two round trips.
            Rebalance::Eager => assert!(most(left) < 0.6 && most(back) < 0.6),
            Rebalance::Cooperative => {
                assert!(stay(left) < 0.1 && most(left) < 1.1, "{left:?}");
                assert!(most(back) < 1.2, "{back:?}");
            }
            Rebalance::Server => {
                // Two heartbeats at most, then 500 records of each that moved come first.
                assert!(stay(left) < 1.1 && most(left) < 6.1, "{left:?}");
                let moved = back.iter().filter(|g| **g > 0.2).count();
                assert!(moved <= 2 && most(back) < 10.1, "{back:?}");
            }
        }
    }
}

#[test]
fn a_crash_is_noticed_when_the_session_ends() {
    for rebalance in ALL {
        let mut b = pair(rebalance);
        b.failures = vec![crash_of(0, 10_000, 200_000)];
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        let mut pauses = gaps(&w, 9.0, 90.0);
        pauses.sort_unstable_by(f64::total_cmp);
        // Two partitions are unserved for 45 s, and until they have been shared out.
        let longest = if rebalance == Rebalance::Server { 50.1 } else { 46.1 };
        assert!(pauses[2] > 44.9 && pauses[3] < longest, "{rebalance:?} {pauses:?}");
        // The others wait while the one worker that is left works off 500 of each of those.
        assert!(pauses[1] < 1.1, "{rebalance:?} {pauses:?}");
        // With a commit after each answer, only what was in hand comes twice.
        assert!(w.observer.redelivered <= 20, "{}", w.observer.redelivered);
        assert_eq!(w.observer.ended.len(), 0);
    }
}

#[test]
fn a_static_member_that_is_back_in_time_keeps_its_partitions() {
    for (is_static, longest) in [(false, 45.0), (true, 12.1)] {
        let mut b = pair(Rebalance::Eager);
        b.services[1].static_id = is_static;
        b.failures = vec![crash_of(0, 10_000, 12_000)];
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        let pauses = gaps(&w, 9.0, 90.0);
        let most = pauses.into_iter().fold(0.0, f64::max);
        let least = pauses.into_iter().fold(f64::MAX, f64::min);
        assert!(most > longest - 1.0 && most < longest + 1.0, "{is_static}: {pauses:?}");
        // A new member's barrier waits for the session of the old one, and stops everybody.
        assert_eq!(least > 30.0, !is_static, "{pauses:?}");
    }
}

#[test]
fn a_static_member_says_nothing_when_it_stops() {
    let mut b = pair(Rebalance::Eager);
    b.services[1].static_id = true;
    let (w, rest) = run(&b, &[(20_000, Deed::Stop(1)), (30_000, Deed::Join(1))]);
    assert!(rest);
    exactly_once(&w, "static");
    let pauses = gaps(&w, 19.0, 90.0);
    assert!(pauses[0] < 0.1 && pauses[1] < 0.1, "{pauses:?}");
    assert!(pauses[2] > 9.9 && pauses[3] > 9.9, "{pauses:?}");
}

#[test]
fn whoever_works_for_too_long_is_given_up_and_commits_in_vain() {
    // Two records of 40 s each in one answer; 30 s are allowed.
    let mut b = world("every 1s", 3, log(1), 40_000);
    b.services[1].instances = 2;
    spec(&mut b).max_poll_interval = SimDuration::from_secs(30);
    spec(&mut b).session_timeout = SimDuration::from_secs(20);
    b.phases.drain = SimDuration::from_secs(400);
    let (w, _) = run(&b, &[]);
    assert_eq!(w.observer.applied.len(), 2);
    // Each member is given up while it works, and its work comes again at the other one.
    assert!(w.observer.again >= 4, "{}", w.observer.again);
}

#[test]
fn a_zombie_finishes_late_and_its_work_is_repeated() {
    let mut b = pair(Rebalance::Eager);
    b.services[1].handlers[0].steps = vec![work(5)];
    b.services[1].workers = 4;
    // What it begins just before it stands still takes a minute.
    b.failures = vec![Failure { verb: Verb::Slow(12_000.0), ..crash_of(0, 19_950, 50) }];
    let (w, rest) = run(&b, &[(20_000, Deed::Pause(0)), (70_000, Deed::Resume(0))]);
    assert!(rest);
    let pauses = gaps(&w, 19.0, 65.5);
    assert!(pauses[0] > 44.5 && pauses[1] > 44.5, "{pauses:?}");
    // What it had in hand of each partition, at 5 ms each while 200 a second arrive: a few.
    assert!((2..=40).contains(&w.observer.again), "{}", w.observer.again);
    assert_eq!(w.observer.ended.len(), 0);
    // Shorter than the session: nothing moves and nothing comes twice.
    let (w, rest) = run(&b, &[(20_000, Deed::Pause(0)), (60_000, Deed::Resume(0))]);
    assert!(rest);
    exactly_once(&w, "a short pause");
}

#[test]
fn an_eager_barrier_waits_for_the_slowest_poll() {
    // Records of partition 0 take long: its member polls late, and everybody waits for it.
    for (rebalance, longest) in [(Rebalance::Eager, 8.0), (Rebalance::Cooperative, 2.0)] {
        let mut b = world("every 5ms", 60, log(4), 1);
        b.services[1].instances = 3;
        b.services[1].workers = 4;
        spec(&mut b).rebalance = rebalance;
        b.failures = vec![Failure { verb: Verb::Slow(10_000.0), ..crash_of(0, 20_000, 20) }];
        let (w, rest) = run(&b, &[(21_000, Deed::Stop(2))]);
        assert!(rest);
        // Member 0 has partitions 0 and 1, of member 2 is partition 3: partition 2 stays.
        let pauses = gaps(&w, 19.0, 50.0);
        assert_eq!(pauses[2] > longest, rebalance == Rebalance::Eager, "{rebalance:?} {pauses:?}");
    }
}

#[test]
fn a_group_that_starts_empty_waits_for_more() {
    let mut b = pair(Rebalance::Eager);
    spec(&mut b).session_timeout = SimDuration::from_secs(6);
    b.failures = vec![crash_of(0, 10_000, 10_000), crash_of(1, 10_000, 10_000)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    // Both are back at 20.005 s; 3 s later, and two round trips, they have their partitions.
    for pause in gaps(&w, 9.9, 60.0) {
        // Each has two, one worker, and 500 records in an answer.
        assert!((13.0..13.6).contains(&pause), "{pause}");
    }
}

#[test]
fn a_commit_before_the_work_loses_what_a_crash_takes() {
    let mut b = pair(Rebalance::Eager);
    b.brokers[0].ack = AckMode::Before;
    b.services[1].handlers[0].steps = vec![work(4)];
    b.failures = vec![crash_of(0, 10_000, 100)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    let lost = w.observer.ended(Fate::LostCrash);
    assert!(lost > 0 && lost <= 40, "{lost}");
    assert_eq!(w.observer.again, 0);
}

#[test]
fn a_handler_that_takes_several_gets_several_of_one_partition() {
    let mut b = world("every 1ms", 20, log(2), 0);
    let each = Variate::constant(SimDuration::from_ns(100_000));
    b.services[1].handlers[0].steps = vec![work(5)];
    b.services[1].handlers[0].consume.batch =
        Some(BatchSpec { max: 10, wait: SimDuration::ZERO, each, bisect: false });
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    assert_eq!((w.observer.applied.len(), w.observer.again), (19_999, 0));
    // One at a time would take 5 ms for each, 100 s in all.
    let last = w.observer.applied.last().expect("some").0;
    assert!(last < 20_100.0, "{last}");
}

fn failure(verb: Verb, target: Target, at: u64, lasts: u64) -> Failure {
    let of = |ms: u64| SimDuration::from_ms(ms);
    let trigger = FailureTrigger::At(SimTime::ZERO + of(at));
    Failure { name: "f".to_owned(), verb, target, trigger, lasts: Some(of(lasts)) }
}

fn of_instance(nth: u32) -> Target {
    Target::Instances { service: ServiceId(1), instances: vec![nth] }
}

#[test]
fn whoever_stops_in_good_order_finishes_and_hands_over() {
    for rebalance in ALL {
        for ack in [AckMode::After, AckMode::Interval(SimDuration::from_secs(5)), AckMode::Before] {
            let mut b = pair(rebalance);
            b.services[1].handlers[0].steps = vec![work(3)];
            b.services[1].workers = 2;
            b.brokers[0].ack = ack;
            b.failures = vec![failure(Verb::Stop, of_instance(0), 30_000, 10_000)];
            let (w, rest) = run(&b, &[]);
            assert!(rest);
            let name = format!("{rebalance:?} {ack:?}");
            assert!(w.observer.applied.len().abs_diff(40_000) < 1_000, "{name}");
            // What was on its way when it stopped comes again, but was never worked on.
            assert!(w.observer.redelivered <= 4, "{name}: {}", w.observer.redelivered);
            // With the commit before the work nobody takes it back.
            let lost: u64 = w.observer.ended.values().sum();
            assert!(lost <= u64::from(ack == AckMode::Before), "{name}: {lost}");
            assert_eq!(w.observer.again, 0, "{name}");
        }
    }
}

/// A log, a group and ten failures, all drawn.
fn drawn(nth: u64) -> Blueprint {
    let mut draw = Draw::new(StreamKey::from_raw(0x1234_5678_9abc_def1), nth, 0);
    let mut pick = |n: u32| draw.below(n);
    let mut b = world("200/s", 40, log(1 + pick(6)), 0);
    b.phases.drain = SimDuration::from_secs(20_000);
    let acks = [Acks::None, Acks::Leader, Acks::All][pick(3) as usize];
    b.brokers[0].producer.acks = acks;
    b.brokers[0].producer.idempotent = acks == Acks::All && pick(3) > 0;
    let second = SimDuration::from_secs(1);
    b.brokers[0].ack =
        [AckMode::Before, AckMode::After, AckMode::Interval(second)][pick(3) as usize];
    let s = &mut b.services[1];
    (s.instances, s.workers, s.static_id) = (1 + pick(4), 1 + pick(3), pick(2) == 0);
    s.handlers[0].steps = vec![Step::Work("~6ms".parse().expect("valid"))];
    if pick(3) == 0 {
        let each = Variate::constant(SimDuration::from_ns(100_000));
        let batch = BatchSpec { max: 5, wait: SimDuration::ZERO, each, bisect: false };
        s.handlers[0].consume.batch = Some(batch);
    }
    let spec = spec(&mut b);
    spec.rebalance = ALL[pick(3) as usize];
    spec.replication = "~5ms".parse().expect("valid");
    spec.min_isr = 1 + pick(2);
    spec.unclean = pick(2) == 0;
    spec.session_timeout = SimDuration::from_secs(3);
    spec.detection = SimDuration::from_secs(2);
    spec.replica_lag = SimDuration::from_secs(4);
    spec.heartbeat = SimDuration::from_ms(700);
    spec.max_poll_interval = SimDuration::from_secs(6);
    spec.max_poll_records = 1 + pick(30);
    let instances = b.services[1].instances;
    for _ in 0..10 {
        let (at, lasts) = (1_000 + u64::from(pick(38_000)), u64::from(pick(9_000)));
        let node = Target::Node { broker: BrokerId(0), node: pick(3) };
        let instance = of_instance(pick(instances));
        let (verb, target) = match pick(8) {
            0 | 1 => (Verb::Crash, instance),
            2 => (Verb::Stop, instance),
            3 => (Verb::Pause, instance),
            4 => (Verb::Slow(400.0), instance),
            5 => (Verb::Crash, node),
            6 => (Verb::Crash, Target::Partition { broker: BrokerId(0), partition: 0 }),
            _ => (Verb::Unclean, node),
        };
        b.failures.push(failure(verb, target, at, lasts));
    }
    b
}

#[test]
fn whatever_breaks_nothing_is_forgotten() {
    for nth in 0..150 {
        let b = drawn(nth);
        let (w, rest) = run(&b, &[]);
        let o = &w.observer;
        let all = o.applied.len() as u64 + o.ended.values().sum::<u64>() - o.resurrected;
        assert!(rest, "{nth} does not come to rest: {all} of {} {:?}", o.opened, o.ended);
        assert_eq!(all, o.opened, "{nth}: {:?}", o.ended);
    }
}

#[test]
fn partitions_that_come_give_more_members_something_to_do() {
    for protocol in [Rebalance::Eager, Rebalance::Cooperative, Rebalance::Server] {
        // 100/s for two workers who manage 66.7/s each, of whom one has the only partition.
        let mut b = world("every 10ms", 60, log(1), 15);
        b.services[1].instances = 2;
        spec(&mut b).rebalance = protocol;
        let mut more = b.clone();
        spec(&mut more).partitions = 4;
        assert!(b.can_become(&more) && !more.can_become(&b), "they come and do not go");
        b.sets = vec![more];
        b.failures = vec![Failure {
            verb: Verb::Set(0),
            target: Target::Values,
            trigger: FailureTrigger::At(SimTime::from_ns(30_000_000_000)),
            lasts: None,
            ..crash(1, 0, 0)
        }];
        let (w, rest) = run(&b, &[]);
        assert!(rest, "{protocol:?}");
        let by = |until: f64| w.observer.applied.iter().filter(|(at, _)| *at < until).count();
        assert_eq!(by(f64::MAX), 5999, "{protocol:?}");
        // Then the other one has two of four partitions, to which 50/s go; both lose the seconds
        // that it takes to share them out.
        let (one, both) = (by(30_000.0), by(60_000.0) - by(30_000.0));
        assert!(one.abs_diff(2000) < 10, "{protocol:?}: {one}");
        assert!((3000..=3500).contains(&both), "{protocol:?}: {both}");
    }
}
