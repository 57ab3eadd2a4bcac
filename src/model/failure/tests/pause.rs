//! Pauses.

use super::*;

#[test]
fn a_pause_puts_off_the_end_of_work_and_the_start_of_the_next() {
    let mut b = tapped(25, 10, 8);
    b.failures = vec![failure(Verb::Pause, 1, 15, 10), failure(Verb::Pause, 1, 27, 3)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    15 tap: i1 stands still
    20 s0 emits
    21 s1 queues
    25 tap: i1 goes on
    27 tap: i1 stands still
    30 tap: i1 goes on
    32 s1 done: wait 0, work 21, draw 0
    32 applied 0: [0.0, 1.0, 0.0, 0.0, 21.0, 0.0]
    32 converged
    32 s1 starts
    40 s1 done: wait 11, work 8, draw 0
    40 applied 0: [0.0, 1.0, 11.0, 0.0, 8.0, 0.0]
    40 converged
    ");
}

#[test]
fn clocks_run_through_a_pause() {
    // The pause between attempts ends at 26: at 30 for this instance.
    let mut h = handler(on(0), vec![Step::Call(vec![BACK]), work(1)]);
    h.attempts = 2;
    h.backoff = "12ms fixed".parse().expect("valid");
    let mut back = service("back", vec![handler(Trigger::Api("b".to_owned()), vec![work(1)])]);
    back.handlers[0].fails = Probability::ONE;
    let mut b = blueprint(15, 1, vec![source(10), service("s", vec![h]), back]);
    b.failures = vec![failure(Verb::Pause, 1, 20, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    13 s2 done: wait 0, work 1, draw 0, in vain
    31 s2 starts
    32 s2 done: wait 0, work 1, draw 256, in vain
    33 s1 done: wait 0, work 22, draw 1, in vain
    0 gives up
    ");
    // The answer that comes at 14 is heard at 22.
    b.failures = vec![failure(Verb::Pause, 1, 12, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    13 s2 done: wait 0, work 1, draw 0, in vain
    35 s2 starts
    36 s2 done: wait 0, work 1, draw 256, in vain
    37 s1 done: wait 0, work 26, draw 1, in vain
    0 gives up
    ");
    // The deadline of 16 is heard at 22.
    b.services[1].handlers[0].timeout = SimDuration::from_ms(5);
    b.services[2].handlers[0].steps = vec![work(20)];
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s2 starts
    32 s2 done: wait 0, work 20, draw 0, in vain
    35 s2 starts
    39 s1 done: wait 0, work 28, draw 1, in vain
    0 gives up
    55 s2 done: wait 0, work 20, draw 256, in vain
    ");
}
