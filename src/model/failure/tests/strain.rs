//! Brownouts and leaks.

use super::*;

#[test]
fn a_brownout_makes_work_slow_and_some_of_it_fail() {
    let mut b = asked(45, 10, 4);
    let verb = Verb::Brownout { errors: Probability::ONE, slow: 2.0 };
    b.failures = vec![failure(verb, 1, 15, 20)];
    insta::assert_snapshot!(story(&b), @r"");
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
    insta::assert_snapshot!(story(&b), @r"");
}

#[test]
fn a_leak_grows_until_the_instance_starts_again_or_the_cause_is_gone() {
    // Work of 10 ms, and 10 % more every 10 ms.
    let mut b = asked(175, 20, 10);
    b.services[1].workers = 5;
    b.failures = vec![failure(Verb::Leak(10.0), 1, 21, 120), crash(1, 65, 10)];
    let log = run(&b).observer.0;
    let done: Vec<&String> = log.iter().filter(|l| l.contains("s1 done")).collect();
    insta::assert_snapshot!(done.iter().map(|l| l.as_str()).collect::<Vec<_>>().join("\n"), @r"");
}
