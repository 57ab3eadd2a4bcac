//! What waits: lines that are full, the order of what waits, connections; and poison.

use super::*;

#[test]
fn requests_that_find_a_full_line_fail_or_make_room() {
    let outcomes = |policy: BacklogPolicy, cap: u64| {
        // From 2 to 7 one request each; the worker is free at 22, 42, 62.
        let mut b = asked(7, 1, 20);
        b.services[1].backlog = Backlog { cap: Some(cap), policy };
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("c0 is") || l.contains("c0 fails"));
        lines.map(|l| l.replace("c0 ", "")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(outcomes(BacklogPolicy::RejectNew, 0), @r"
    4 fails after 2
    5 fails after 2
    6 fails after 2
    7 fails after 2
    8 fails after 2
    23 is answered after 22
    ");
    insta::assert_snapshot!(outcomes(BacklogPolicy::DropOldest, 0), @r"
    4 fails after 2
    5 fails after 2
    6 fails after 2
    7 fails after 2
    8 fails after 2
    23 is answered after 22
    ");
    insta::assert_snapshot!(outcomes(BacklogPolicy::RejectNew, 2), @r"
    6 fails after 2
    7 fails after 2
    8 fails after 2
    23 is answered after 22
    43 is answered after 41
    63 is answered after 60
    ");
    insta::assert_snapshot!(outcomes(BacklogPolicy::DropOldest, 2), @r"
    6 fails after 4
    7 fails after 4
    8 fails after 4
    23 is answered after 22
    43 is answered after 38
    63 is answered after 57
    ");
    insta::assert_snapshot!(outcomes(BacklogPolicy::Lifo, 2), @r"
    6 fails after 4
    7 fails after 4
    8 fails after 4
    23 is answered after 22
    43 is answered after 37
    63 is answered after 58
    ");
}

#[test]
fn events_that_find_a_full_line_are_shed() {
    let ends = |policy: BacklogPolicy, cap: Option<u64>| {
        let mut s = service("s", vec![handler(on(0), vec![work(20)])]);
        s.backlog = Backlog { cap, policy };
        let b = blueprint(7, 1, vec![source(1), s]);
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("applied") || l.contains("Shed"));
        let wait = |l: &str| l.split(", ").nth(2).unwrap_or(l).to_owned();
        lines.map(|l| wait(&l)).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(ends(BacklogPolicy::RejectNew, Some(2)), @r"
    0 was Stored and is Shed
    0 was Stored and is Shed
    0 was Stored and is Shed
    0.0
    19.0
    38.0
    ");
    insta::assert_snapshot!(ends(BacklogPolicy::DropOldest, Some(2)), @r"
    0 was Stored and is Shed
    0 was Stored and is Shed
    0 was Stored and is Shed
    0.0
    16.0
    35.0
    ");
    insta::assert_snapshot!(ends(BacklogPolicy::Lifo, Some(2)), @r"
    0 was Stored and is Shed
    0 was Stored and is Shed
    0 was Stored and is Shed
    0.0
    15.0
    36.0
    ");
    let all = ends(BacklogPolicy::Lifo, None).replace('\n', " ");
    insta::assert_snapshot!(all, @"0.0 15.0 36.0 57.0 78.0 99.0");
}

#[test]
fn the_last_message_of_a_broker_goes_first_too() {
    // It gives out at once what it forgets at once: at 2, 3, 4, 5.
    let waits = |policy: BacklogPolicy| {
        let mut b = tapped(5, 1, 20);
        b.brokers[1].ack = AckMode::Before;
        b.services[1].backlog = Backlog { cap: None, policy };
        let log = run(&b).observer.0;
        let lines = log.into_iter().filter(|l| l.contains("done"));
        lines.map(|l| l.replace(", work 20, draw 0", "")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(waits(BacklogPolicy::RejectNew), @r"
    22 s1 done: wait 0
    42 s1 done: wait 19
    62 s1 done: wait 38
    82 s1 done: wait 57
    ");
    insta::assert_snapshot!(waits(BacklogPolicy::Lifo), @r"
    22 s1 done: wait 0
    42 s1 done: wait 17
    62 s1 done: wait 38
    82 s1 done: wait 59
    ");
}

#[test]
fn order_by_key_and_a_bounded_line_go_together() {
    // Three events of one key at once: one starts, one waits for it, one finds no room.
    let burst = Emission { event: EventTypeId(1), count: 3 };
    let order = handler(on(0), vec![Step::Write(EntityId(0)), Step::Emit(Emit::All(vec![burst]))]);
    let mut last = service("last", vec![handler(on(1), vec![work(10)])]);
    last.workers = 2;
    last.backlog = Backlog { cap: Some(1), policy: BacklogPolicy::RejectNew };
    let b = blueprint(15, 2, vec![source(10), service("order", vec![order]), last]);
    let end = run(&b);
    assert!(end.lines.is_empty());
    insta::assert_snapshot!(end.observer.0.join("\n"), @r"
    10 s0 emits
    11 s1 starts
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    13 converged
    13 s1 done: wait 0, work 2, draw 0
    14 s2 starts
    14 s2 queues
    1 was Stored and is Shed
    1 is harmed first
    24 s2 done: wait 0, work 10, draw 0
    24 applied 1: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    24 converged
    24 s2 queues
    24 s2 starts
    34 s2 done: wait 10, work 10, draw 0
    34 applied 1: [0.0, 1.0, 10.0, 0.0, 10.0, 0.0]
    34 converged
    ");
}

#[test]
fn store_operations_wait_for_a_connection_with_their_worker() {
    let api = handler(Trigger::Api("put".to_owned()), vec![Step::Write(EntityId(0))]);
    let mut b = blueprint(25, 0, vec![service("none", vec![]), service("s", vec![api])]);
    let put = Operation { service: ServiceId(1), handler: 0 };
    b.clients = vec![client(put, 1, 100, 1)];
    b.phases.duration = SimDuration::from_ms(4);
    b.services[1] = Service {
        instances: 2,
        workers: 2,
        connections: Some(1),
        write: fixed(10),
        ..b.services[1].clone()
    };
    // The first holds the only connection and dies with its instance, and the third dies too.
    b.failures = vec![failure(Verb::Crash, 1, 7, 10)];
    insta::assert_snapshot!(story(&b), @r"
    1 c0 asks
    2 s1 starts
    2 c0 asks
    3 s1 starts
    3 c0 asks
    4 s1 starts
    7 s1 cuts off
    7 s1 cuts off
    8 c0 fails after 7
    8 c0 fails after 5
    17 s1 done: wait 0, work 14, draw 0
    18 c0 is answered after 16
    ");
    // A write that starts during a pause takes its time afterwards.
    b.failures = vec![failure(Verb::Pause, 1, 13, 20)];
    insta::assert_snapshot!(story(&b), @r"
    1 c0 asks
    2 s1 starts
    2 c0 asks
    3 s1 starts
    3 c0 asks
    4 s1 starts
    12 s1 done: wait 0, work 10, draw 0
    13 c0 is answered after 12
    22 s1 done: wait 0, work 19, draw 0
    23 c0 is answered after 21
    43 s1 done: wait 0, work 39, draw 0
    44 c0 is answered after 41
    ");
}

#[test]
fn a_poisoned_event_fails_every_attempt() {
    let mut h = handler(on(0), vec![work(4)]);
    h.attempts = 3;
    h.consume.poison = Probability::ONE;
    let mut b = blueprint(15, 1, vec![source(10), service("s", vec![h])]);
    insta::assert_snapshot!(story(&b), @r"
    10 s0 emits
    11 s1 starts
    25 s1 done: wait 0, work 14, draw 2, in vain
    0 was Leased and is Exhausted
    ");
    // A share of them fails for good, and of the others none.
    b.phases.duration = SimDuration::from_ms(10_000);
    b.services[1].handlers[0].consume.poison = Probability::new(0.3).expect("valid");
    let log = run(&b).observer.0;
    let exhausted = log.iter().filter(|l| l.contains("is Exhausted")).count();
    // 999 events: 300 expected, a standard deviation of 14.5.
    assert!((240..360).contains(&exhausted), "{exhausted}");
    let failed = log.iter().filter(|l| l.contains("in vain")).count();
    let tried = log.iter().filter(|l| l.contains("draw 2, in vain")).count();
    assert_eq!((failed, tried), (exhausted, exhausted));
}
