//! Stops and rolling restarts.

use super::*;

#[test]
fn a_stop_finishes_requests_in_work_and_refuses_the_others() {
    let mut b = asked(45, 10, 18);
    b.failures = vec![failure(Verb::Stop, 1, 25, 5)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    20 c0 asks
    21 s1 queues
    25 s1 cuts off
    26 c0 fails after 6
    29 s1 done: wait 0, work 18, draw 0
    30 c0 is answered after 20
    30 c0 asks
    32 c0 fails after 2
    40 c0 asks
    41 s1 starts
    59 s1 done: wait 0, work 18, draw 0
    60 c0 is answered after 20
    ");
}

#[test]
fn a_stop_gives_back_what_waits_and_what_is_on_its_way() {
    // The event of 5 is in work, that of 10 waits.
    let mut b = tapped(13, 5, 20);
    b.failures = vec![failure(Verb::Stop, 1, 15, 10)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    5 s0 emits
    6 s1 starts
    10 s0 emits
    11 s1 queues
    15 tap: i1 leaves: Stop
    15 s1 cuts off
    15 tap: i1 gives back
    26 s1 done: wait 0, work 20, draw 0
    26 applied 0: [0.0, 1.0, 0.0, 0.0, 20.0, 0.0]
    26 converged
    26 tap: i1 leaves: Crash
    31 tap: i1 joins 0
    32 s1 starts
    52 s1 done: wait 0, work 20, draw 0
    52 applied 0: [0.0, 1.0, 0.0, 21.0, 20.0, 0.0]
    52 converged
    ");
    // The event of 10 arrives at 13, that of 20 comes too late; the other instance takes it.
    let mut b = tapped(25, 10, 20);
    b.services[1].instances = 2;
    b.brokers[1].deliver = fixed(3);
    b.failures =
        vec![failure(Verb::Pause, 1, 5, 1), crash(1, 5, 12), failure(Verb::Stop, 1, 22, 10)];
    b.failures[1].target = Target::Instances { service: ServiceId(1), instances: vec![1] };
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i2 joins 0
    5 tap: i1 stands still
    5 tap: i2 leaves: Crash
    6 tap: i1 goes on
    10 s0 emits
    13 s1 starts
    20 s0 emits
    22 tap: i1 leaves: Stop
    22 tap: i2 joins 0
    23 tap: i1 gives back
    26 s1 starts
    33 s1 done: wait 0, work 20, draw 0
    33 applied 0: [0.0, 3.0, 0.0, 0.0, 20.0, 0.0]
    33 converged
    33 tap: i1 leaves: Crash
    38 tap: i1 joins 0
    46 s1 done: wait 0, work 20, draw 0
    46 applied 0: [0.0, 3.0, 0.0, 3.0, 20.0, 0.0]
    46 converged
    ");
}

#[test]
fn a_stop_gives_back_what_waits_for_its_next_attempt() {
    let mut b = tapped(15, 10, 2);
    let h = &mut b.services[1].handlers[0];
    h.fails = Probability::ONE;
    h.attempts = 2;
    h.backoff = "30ms fixed".parse().expect("valid");
    h.consume.retry_in = RetryIn::Requeue;
    b.failures = vec![failure(Verb::Stop, 1, 20, 1)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    13 s1 done: wait 0, work 2, draw 0, in vain
    20 tap: i1 leaves: Stop
    20 tap: i1 gives back, failed
    20 tap: i1 leaves: Crash
    26 tap: i1 joins 0
    27 s1 starts
    29 s1 done: wait 0, work 2, draw 1, in vain
    0 was Leased and is Exhausted
    ");
}

#[test]
fn a_stop_works_off_what_its_broker_has_forgotten() {
    let mut b = tapped(25, 10, 20);
    b.brokers[1].ack = AckMode::Before;
    b.failures = vec![failure(Verb::Stop, 1, 24, 10)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    20 s0 emits
    21 s1 queues
    24 tap: i1 leaves: Stop
    31 s1 done: wait 0, work 20, draw 0
    31 applied 0: [0.0, 1.0, 0.0, 0.0, 20.0, 0.0]
    31 converged
    31 s1 starts
    51 s1 done: wait 10, work 20, draw 0
    51 applied 0: [0.0, 1.0, 10.0, 0.0, 20.0, 0.0]
    51 converged
    51 tap: i1 leaves: Crash
    56 tap: i1 joins 0
    ");
}

#[test]
fn a_stop_kills_what_is_unfinished_after_its_grace() {
    let mut b = asked(15, 10, 40_000);
    b.clients[0].timeout = SimDuration::MAX;
    b.failures = vec![failure(Verb::Stop, 1, 12, 10)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    30012 s1 cuts off
    30013 c0 fails after 30003
    ");
}

#[test]
fn a_rolling_restart_goes_on_when_a_batch_has_come_back() {
    let mut b = tapped(5, 10, 20);
    b.services[1].instances = 8;
    b.failures = vec![failure(Verb::Restart, 8, 10, 0), failure(Verb::Crash, 3, 17, 1_000)];
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    0 tap: i2 joins 0
    0 tap: i3 joins 0
    0 tap: i4 joins 0
    0 tap: i5 joins 0
    0 tap: i6 joins 0
    0 tap: i7 joins 0
    0 tap: i8 joins 0
    10 tap: i1 leaves: Stop
    10 tap: i1 leaves: Crash
    10 tap: i2 leaves: Stop
    10 tap: i2 leaves: Crash
    15 tap: i1 joins 0
    15 tap: i2 joins 0
    15 tap: i3 leaves: Stop
    15 tap: i3 leaves: Crash
    15 tap: i4 leaves: Stop
    15 tap: i4 leaves: Crash
    17 tap: i1 leaves: Crash
    17 tap: i2 leaves: Crash
    20 tap: i4 joins 0
    20 tap: i5 leaves: Stop
    20 tap: i5 leaves: Crash
    20 tap: i6 leaves: Stop
    20 tap: i6 leaves: Crash
    25 tap: i5 joins 0
    25 tap: i6 joins 0
    25 tap: i7 leaves: Stop
    25 tap: i7 leaves: Crash
    25 tap: i8 leaves: Stop
    25 tap: i8 leaves: Crash
    30 tap: i7 joins 0
    30 tap: i8 joins 0
    1022 tap: i1 joins 0
    1022 tap: i2 joins 0
    1022 tap: i3 joins 0
    ");
}

#[test]
fn a_rolling_restart_does_not_wait_for_what_is_kept_down() {
    // The first instance finishes its work, or is killed, and stays down.
    for (ms, ends) in [(20, 31), (40_000, 30_012)] {
        let mut b = tapped(15, 10, ms);
        b.services[1].instances = 2;
        let stop = Failure { lasts: None, ..failure(Verb::Stop, 1, 12, 0) };
        b.failures = vec![stop, failure(Verb::Restart, 2, 20, 0)];
        let stops = [
            "12 tap: i1 leaves: Stop".to_owned(),
            format!("{ends} tap: i1 leaves: Crash"),
            format!("{ends} tap: i2 leaves: Stop"),
        ];
        let log = run(&b).observer.0;
        let left: Vec<&String> = log.iter().filter(|l| l.contains("leaves")).take(3).collect();
        assert_eq!(left, stops.iter().collect::<Vec<_>>());
    }
}

#[test]
fn every_stop_has_a_grace_of_its_own() {
    // The first one ends at once, since nothing is in work, and its grace at 30005.
    let mut b = asked(15, 10, 40_000);
    b.clients[0].timeout = SimDuration::MAX;
    b.failures = vec![failure(Verb::Stop, 1, 5, 1), failure(Verb::Stop, 1, 20_000, 1)];
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    40011 s1 done: wait 0, work 40000, draw 0
    40012 c0 is answered after 40002
    ");
}
