//! When failures strike.

use super::*;

fn triggered(trigger: FailureTrigger, verb: Verb, lasts: Option<u64>) -> Failure {
    let lasts = lasts.map(SimDuration::from_ms);
    Failure { trigger, lasts, ..failure(verb, 1, 0, 0) }
}

/// Runs until the traffic is over and all is at rest; what the log says of one thing.
fn until_rest(b: &Blueprint, what: &str) -> String {
    let limits = Limits { events: 1_000_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world(b), limits, World::start);
    engine.run_until::<false>(b.phases.traffic_end());
    assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
    let log = engine.into_model().observer.0;
    log.into_iter().filter(|l| l.contains(what)).collect::<Vec<_>>().join("\n")
}

#[test]
fn up_and_down_times_are_exponential_and_independent_of_load() {
    let of = |every: u64| {
        let mut b = tapped(1_000_000, every, 1);
        let trigger = FailureTrigger::Mtbf {
            mtbf: SimDuration::from_ms(900),
            mttr: Some(SimDuration::from_ms(100)),
        };
        b.failures = vec![triggered(trigger, Verb::Pause, None)];
        let said = until_rest(&b, "tap: i1 ");
        let times: Vec<(f64, bool)> = said
            .lines()
            .filter(|l| l.contains("still") || l.contains("on"))
            .filter(|l| !l.contains("joins"))
            .map(|l| (l.split(' ').next().unwrap().parse().unwrap(), l.contains("still")))
            .collect();
        times
    };
    let times = of(1_000);
    assert_eq!(times, of(5_000));
    assert!(times[0].1 && times[0].0 > 0.0);
    let mut spent = [0.0, 0.0];
    let mut since = 0.0;
    for &(t, down) in &times {
        spent[usize::from(down)] += t - since;
        since = t;
    }
    let n = (times.len() / 2) as f64;
    let (down, up) = (spent[0] / n, spent[1] / n);
    // 1000 of each: the mean of exponential times varies by 3 %.
    assert!((900.0..1_110.0).contains(&n), "{n}");
    assert!((up - 900.0).abs() < 120.0 && (down - 100.0).abs() < 14.0, "{up} {down}");
}

#[test]
fn failures_of_one_name_break_down_by_themselves() {
    let trigger = FailureTrigger::Mtbf {
        mtbf: SimDuration::from_ms(100),
        mttr: Some(SimDuration::from_ms(1)),
    };
    let f = triggered(trigger, Verb::Pause, None);
    let mut b = tapped(2_000, 10, 1);
    b.failures = vec![f.clone()];
    let alone = until_rest(&b, "stands still").lines().count();
    b.failures.push(f);
    let both = until_rest(&b, "stands still").lines().count();
    assert!(both > alone * 3 / 2, "{alone} {both}");
}

#[test]
fn what_breaks_down_without_a_repair_stays_so() {
    let mut b = asked(2_000, 10, 1);
    let trigger = FailureTrigger::Mtbf { mtbf: SimDuration::from_ms(200), mttr: None };
    b.failures = vec![triggered(trigger, Verb::Crash, None)];
    let log = until_rest(&b, "c0");
    let (good, bad): (Vec<&str>, Vec<&str>) =
        log.lines().filter(|l| !l.contains("asks")).partition(|l| l.contains("answered"));
    assert!(good.len() + bad.len() == 199 && bad.len() > 20, "{}", good.len());
    assert!(log.lines().last().is_some_and(|l| l.contains("fails")));
}

#[test]
fn a_condition_is_looked_at_every_100_ms_and_rests_after_each_strike() {
    // One every 10 ms, each takes 20: the backlog grows by 5 in 100 ms. A pause stops all work.
    let mut b = asked(1_000, 10, 20);
    b.clients[0].timeout = SimDuration::MAX;
    let condition =
        Condition { level: Level::Backlog(ServiceId(1)), is: Comparison::More, than: 12 };
    let trigger = FailureTrigger::When { condition, cooldown: SimDuration::from_ms(150) };
    b.services[1].handlers[0].consume = Consume::plain(BrokerId(0));
    b.failures = vec![triggered(trigger, Verb::Restart, None)];
    b.services[1].start = SimDuration::from_ms(1);
    let said = until_rest(&b, "cuts off");
    let mut at: Vec<&str> = said.lines().filter_map(|l| l.split(' ').next()).collect();
    at.dedup();
    insta::assert_snapshot!(at.join(" "), @"300 600 900");
}

#[test]
fn a_broker_has_a_level_too_and_what_lasts_for_ever_is_looked_at_no_more() {
    // Two at a time of one every 10 ms that takes 30: the rest waits at the broker.
    let mut b = tapped(1_000, 10, 30);
    let level = Level::BrokerBacklog(BrokerId(1));
    let condition = Condition { level, is: Comparison::AtLeast, than: 1 };
    let trigger = FailureTrigger::When { condition, cooldown: SimDuration::ZERO };
    b.brokers[1].engine = overlap::pushes(1, true);
    b.failures = vec![triggered(trigger, Verb::Slow(0.1), None)];
    let done = until_rest(&b, "s1 done");
    // From 100 ms on each takes 3 ms.
    let late: Vec<&str> = done.lines().filter(|l| l.contains("work 3,")).collect();
    assert_eq!(late.len() + 3, done.lines().count(), "{done}");
}

#[test]
fn by_chance_the_instance_that_takes_a_message_up_is_struck() {
    let mut b = asked(10_000, 10, 2);
    b.services[1].instances = 2;
    let chance = FailureTrigger::Chance(Probability::new(0.1).expect("valid"));
    b.failures = vec![Failure {
        target: Target::Instances { service: ServiceId(1), instances: vec![1] },
        ..triggered(chance, Verb::Crash, Some(0))
    }];
    let log = until_rest(&b, "cuts off");
    // Of about 500 requests at the second instance a tenth, standard deviation 6.7; one that comes
    // within the 5 ms of its start is refused.
    assert!((20..=80).contains(&log.lines().count()), "{}", log.lines().count());
    b.failures[0].trigger = FailureTrigger::Chance(Probability::ONE);
    b.phases.duration = SimDuration::from_ms(45);
    insta::assert_snapshot!(until_rest(&b, " "), @r"
    10 c0 asks
    11 s1 starts
    13 s1 done: wait 0, work 2, draw 0
    14 c0 is answered after 4
    20 c0 asks
    21 s1 starts
    21 s1 cuts off
    22 c0 fails after 2
    30 c0 asks
    31 s1 starts
    33 s1 done: wait 0, work 2, draw 0
    34 c0 is answered after 4
    40 c0 asks
    41 s1 starts
    41 s1 cuts off
    42 c0 fails after 2
    ");
}

#[test]
fn one_follows_the_end_of_another() {
    let mut b = tapped(100, 10, 1);
    let after = |n| triggered(FailureTrigger::After(n), Verb::Pause, Some(3));
    b.failures = vec![after(1), failure(Verb::Pause, 1, 22, 5), after(0), after(3)];
    b.failures[3] = Failure { lasts: None, ..failure(Verb::Restart, 1, 51, 0) };
    b.failures.push(after(3));
    insta::assert_snapshot!(until_rest(&b, "tap: i1"), @r"
    0 tap: i1 joins 0
    22 tap: i1 stands still
    27 tap: i1 goes on
    27 tap: i1 stands still
    30 tap: i1 goes on
    30 tap: i1 stands still
    33 tap: i1 goes on
    51 tap: i1 leaves: Stop
    51 tap: i1 leaves: Crash
    56 tap: i1 joins 0
    ");
}
