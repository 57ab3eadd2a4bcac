//! The coordinator: who reads what when members come, go, fall silent or work for too long.

use super::tests::*;
use crate::model::testing::*;

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
