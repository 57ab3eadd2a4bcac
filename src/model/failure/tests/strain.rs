//! Brownouts and leaks.

use super::*;

#[test]
fn a_brownout_makes_work_slow_and_some_of_it_fail() {
    let mut b = asked(45, 10, 4);
    let verb = Verb::Brownout { errors: Probability::ONE, slow: 2.0 };
    b.failures = vec![failure(verb, 1, 15, 20)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    15 s1 done: wait 0, work 4, draw 0
    16 c0 is answered after 6
    20 c0 asks
    21 s1 starts
    29 s1 done: wait 0, work 8, draw 0, in vain
    30 c0 fails after 10
    30 c0 asks
    31 s1 starts
    39 s1 done: wait 0, work 8, draw 0, in vain
    40 c0 fails after 10
    40 c0 asks
    41 s1 starts
    45 s1 done: wait 0, work 4, draw 0
    46 c0 is answered after 6
    ");
    // Of 1000 requests a fifth fails, with a standard deviation of 12.6.
    let mut b = asked(10_005, 10, 1);
    let verb = Verb::Brownout { errors: Probability::new(0.2).expect("valid"), slow: 1.0 };
    b.failures = vec![failure(verb, 1, 5, 20_000)];
    let failed = run(&b).observer.0.iter().filter(|l| l.contains("c0 fails")).count();
    assert!((150..=250).contains(&failed), "{failed}");
}

#[test]
fn a_failing_attempt_of_a_brownout_is_made_again() {
    let mut b = tapped(15, 10, 2);
    b.services[1].handlers[0].attempts = 3;
    let verb = Verb::Brownout { errors: Probability::ONE, slow: 1.0 };
    b.failures = vec![failure(verb, 1, 5, 8)];
    // The attempt of 11 begins within it, that of 14 does not.
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    16 s1 done: wait 0, work 5, draw 1
    16 applied 0: [0.0, 1.0, 0.0, 3.0, 2.0, 0.0]
    16 converged
    ");
}

#[test]
fn a_leak_grows_until_the_instance_starts_again_or_the_cause_is_gone() {
    // Work of 10 ms, and 10 % more every 10 ms.
    let mut b = asked(175, 20, 10);
    b.services[1].workers = 5;
    b.failures = vec![failure(Verb::Leak(10.0), 1, 21, 120), crash(1, 65, 10)];
    let log = run(&b).observer.0;
    let done: Vec<&String> = log.iter().filter(|l| l.contains("s1 done")).collect();
    insta::assert_snapshot!(done.iter().map(|l| l.as_str()).collect::<Vec<_>>().join("\n"), @r"
    31 s1 done: wait 0, work 10, draw 0
    53 s1 done: wait 0, work 12, draw 0
    91.1 s1 done: wait 0, work 10.1, draw 0
    113.1 s1 done: wait 0, work 12.1, draw 0
    135.1 s1 done: wait 0, work 14.1, draw 0
    151 s1 done: wait 0, work 10, draw 0
    171 s1 done: wait 0, work 10, draw 0
    ");
}
