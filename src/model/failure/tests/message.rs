//! Events that cannot be handled, for a while.

use super::*;

/// A failure of all events of the handlers of service 1.
fn poison(share: f64, kills: bool, at_ms: u64, for_ms: u64) -> Failure {
    let share = Probability::new(share).expect("a share");
    let target = Target::Handlers { service: ServiceId(1), handlers: vec![0] };
    Failure { verb: Verb::Poison { share, kills }, target, ..crash(1, at_ms, for_ms) }
}

/// An event every 10 ms until 45, which takes 1 ms to come and 2 ms of work.
fn every_10(attempts: u32) -> Blueprint {
    let mut h = handler(on(0), vec![work(2)]);
    h.attempts = attempts;
    blueprint(45, 1, vec![source(10), service("s", vec![h])])
}

/// What happens, and that nothing is left of it.
pub(super) fn ends_well(b: &Blueprint) -> String {
    let end = run(b);
    assert_healthy(&end);
    end.observer.0.join("\n")
}

/// Lines of a story that say what became of events.
pub(super) fn fates(b: &Blueprint) -> String {
    let story = ends_well(b);
    let told = |l: &&str| l.contains("applied") || l.contains(" was ") || l.contains("in vain");
    let short = |l: &str| l.split(": [").next().unwrap_or(l).to_owned();
    story.lines().filter(told).map(short).collect::<Vec<_>>().join("\n")
}

#[test]
fn poison_fails_at_every_attempt_as_long_as_it_lasts() {
    let mut b = every_10(1);
    b.failures = vec![poison(1.0, false, 15, 20)];
    insta::assert_snapshot!(fates(&b), @r"
    13 applied 0
    23 s1 done: wait 0, work 2, draw 0, in vain
    0 was Leased and is Exhausted
    33 s1 done: wait 0, work 2, draw 0, in vain
    0 was Leased and is Exhausted
    43 applied 0
    ");
    // The fifth attempt of the event of 20 ends as the poison does.
    b.services[1].handlers[0].attempts = 9;
    insta::assert_snapshot!(fates(&b), @r"
    13 applied 0
    35 applied 0
    37 applied 0
    43 applied 0
    ");
}

#[test]
fn the_same_events_are_poison_to_every_attempt_and_the_share_is_right() {
    let mut b = every_10(3);
    b.phases.duration = SimDuration::from_secs(20);
    b.failures = vec![poison(0.1, false, 0, 60_000)];
    let story = ends_well(&b);
    // 10 % of 1999, standard deviation 13.4; each is tried three times.
    let (good, bad) = (story.matches("applied").count(), story.matches("is Exhausted").count());
    assert_eq!(good + bad, 1_999);
    assert!((140..=260).contains(&bad), "{bad}");
    assert_eq!(story.matches("starts").count(), 1_999);
    assert_eq!(story.matches("work 2, draw 0").count(), good);
    assert_eq!(story.matches("work 8, draw 2, in vain").count(), bad);
}

#[test]
fn poison_that_kills_ends_the_instance_which_starts_again() {
    let mut b = every_10(1);
    b.failures = vec![poison(1.0, true, 15, 20)];
    // It dies at 23, starts at 28, dies at 30, starts at 35.
    insta::assert_snapshot!(ends_well(&b), @r"
    10 s0 emits
    11 s1 starts
    13 s1 done: wait 0, work 2, draw 0
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    13 converged
    20 s0 emits
    21 s1 starts
    23 s1 queues
    28 s1 starts
    30 s1 queues
    30 s0 emits
    31 s1 queues
    35 s1 starts
    37 s1 done: wait 10, work 6, draw 2
    37 applied 0: [0.0, 1.0, 10.0, 4.0, 2.0, 0.0]
    37 converged
    37 s1 starts
    39 s1 done: wait 6, work 2, draw 0
    39 applied 0: [0.0, 1.0, 6.0, 0.0, 2.0, 0.0]
    39 converged
    40 s0 emits
    41 s1 starts
    43 s1 done: wait 0, work 2, draw 0
    43 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    43 converged
    ");
}

#[test]
fn a_broker_gives_out_again_what_has_killed() {
    let mut b = tapped(25, 20, 2);
    b.services[1].instances = 2;
    b.failures = vec![poison(1.0, true, 15, 12)];
    insta::assert_snapshot!(ends_well(&b), @r"
    0 tap: i1 joins 0
    0 tap: i2 joins 0
    20 s0 emits
    21 s1 starts
    23 tap: i1 leaves: Crash
    23 s1 cuts off
    24 s1 starts
    26 tap: i2 leaves: Crash
    26 s1 cuts off
    28 tap: i1 joins 0
    29 s1 starts
    31 tap: i2 joins 0
    31 s1 done: wait 0, work 2, draw 2
    31 applied 0: [0.0, 1.0, 0.0, 8.0, 2.0, 0.0]
    31 converged
    ");
    // One that forgets what it hands out loses it.
    b.brokers[1].ack = AckMode::Before;
    insta::assert_snapshot!(fates(&b), @"0 was Leased and is LostCrash");
}

#[test]
fn a_pause_or_a_crash_at_the_instant_of_death_changes_nothing_in_the_end() {
    for (verb, lasts) in [(Verb::Crash, 1), (Verb::Crash, 0), (Verb::Pause, 4), (Verb::Stop, 3)] {
        let mut b = every_10(1);
        b.failures = vec![poison(1.0, true, 15, 20), failure(verb, 1, 23, lasts)];
        let story = ends_well(&b);
        assert_eq!(story.matches("applied").count(), 4, "{verb:?}\n{story}");
    }
}

/// Two services that hear event 0; the second does not know its new form from 15 to 35.
fn new_form() -> Blueprint {
    let hears = |name: &str| service(name, vec![handler(on(0), vec![work(2)])]);
    let mut b = blueprint(45, 1, vec![source(10), hears("a"), hears("b")]);
    let target = Target::Form { event: EventTypeId(0), at: vec![ServiceId(2)] };
    b.failures = vec![Failure { verb: Verb::Schema, target, ..crash(0, 15, 20) }];
    b
}

#[test]
fn a_new_form_fails_only_where_it_is_not_known() {
    insta::assert_snapshot!(fates(&new_form()), @r"
    13 applied 0
    13 applied 1
    23 applied 0
    23 s2 done: wait 0, work 2, draw 0, in vain
    1 was Leased and is Exhausted
    33 applied 0
    33 s2 done: wait 0, work 2, draw 0, in vain
    1 was Leased and is Exhausted
    43 applied 0
    43 applied 1
    ");
}

#[test]
fn what_was_committed_before_has_the_old_form() {
    let mut b = new_form();
    // That of 10 ms reaches its handler when the form has changed.
    b.brokers[0].deliver = fixed(6);
    insta::assert_snapshot!(fates(&b), @r"
    18 applied 0
    18 applied 1
    28 applied 0
    28 s2 done: wait 0, work 2, draw 0, in vain
    1 was Leased and is Exhausted
    38 applied 0
    38 applied 1
    48 applied 0
    48 applied 1
    ");
}

#[test]
fn strikes_of_one_change_overlap_and_end_one_by_one() {
    let mut b = new_form();
    b.phases.duration = SimDuration::from_ms(95);
    // From 20 to 45, from 40 to 65 and so on: each event is tried again, and becomes known.
    b.failures[0].trigger = FailureTrigger::Every(SimDuration::from_ms(20));
    b.failures[0].lasts = Some(SimDuration::from_ms(25));
    b.services[2].handlers[0].attempts = 100;
    let mut engine =
        Engine::new(world(&b), Limits { events: 10_000, events_per_instant: 1_000 }, World::start);
    engine.run_until::<false>(at(39));
    let first = |w: &World<Log>| w.trouble.forms.get(&0).cloned().unwrap_or_default();
    assert_eq!(first(engine.model()), [20_000_000]);
    engine.run_until::<false>(at(42));
    assert_eq!(first(engine.model()), [20_000_000, 40_000_000]);
    engine.run_until::<false>(at(46));
    assert_eq!(first(engine.model()), [40_000_000]);
}

/// The same from a log.
fn new_form_in_a_log() -> Blueprint {
    let mut b = new_form();
    b.brokers.push(plain_log(1));
    b.services[0].sources[0].publish = Publish::plain(BrokerId(1));
    for s in [1, 2] {
        b.services[s].handlers[0].consume = Consume::plain(BrokerId(1));
    }
    b
}

#[test]
fn a_partition_that_stopped_goes_on_after_the_deploy() {
    let b = new_form_in_a_log();
    // It stops at the event of 20, and reads on from there at 35.
    insta::assert_snapshot!(fates(&b), @r"
    13 applied 0
    13 applied 1
    23 applied 0
    23 s2 done: wait 0, work 2, draw 0, in vain
    33 applied 0
    38 applied 1
    40 applied 1
    43 applied 0
    43 applied 1
    ");
}

#[test]
fn what_stopped_a_partition_has_all_of_its_attempts_after_the_deploy() {
    let mut b = new_form_in_a_log();
    b.services[2].handlers[0].attempts = 3;
    // It stops at 29, the third time that the event of 20 fails. Read again, that fails at 38 and
    // 41 for another reason.
    let verb = Verb::Brownout { errors: Probability::ONE, slow: 1.0 };
    let target = Target::Instances { service: ServiceId(2), instances: vec![0] };
    b.failures.push(Failure { verb, target, ..crash(2, 34, 6) });
    insta::assert_snapshot!(fates(&b), @r"
    13 applied 0
    13 applied 1
    23 applied 0
    29 s2 done: wait 0, work 8, draw 2, in vain
    33 applied 0
    43 applied 0
    44 applied 1
    46 applied 1
    49 applied 1
    ");
}
