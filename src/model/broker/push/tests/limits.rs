//! Full queues, old messages, and messages that fail again and again.

use super::*;

/// Work of 10 ms, one at a time, events published at 1, 2, 3 and 4.
fn four(spec: PushSpec) -> Blueprint {
    world(5, spec, service("s", vec![consumer(10)]))
}

#[test]
fn each_policy_for_a_full_queue() {
    // The first is in work, the second waits, and two are too many.
    let two = ["13 applied 0", "25 applied 0"];
    for (overflow, dead_letters, expected) in [
        (Overflow::DropHead, false, [&["0 Stored-Overflow"; 2][..], &two].concat()),
        (Overflow::DropHead, true, [&["0 Stored-DeadLettered"; 2][..], &two].concat()),
        (Overflow::RejectPublish, false, [&["0 Pending-Rejected"; 2][..], &two].concat()),
        (Overflow::RejectPublishDlx, false, [&["0 Pending-DeadLettered"; 2][..], &two].concat()),
        (Overflow::Block, false, [&two[..], &["37 applied 0", "49 applied 0"]].concat()),
    ] {
        let b = four(PushSpec { max_length: Some(1), overflow, dead_letters, ..spec() });
        assert_eq!(ends(&b), expected, "{overflow:?}");
    }
}

#[test]
fn a_full_queue_drops_its_head_and_not_its_end() {
    let b = four(PushSpec { max_length: Some(1), ..spec() });
    // The second one in work is the last that was published.
    assert_eq!(played_until(&b, &[], 15).jobs.get(0).intended, 4_000_000);
}

#[test]
fn a_queue_that_refuses_keeps_nothing_from_the_others() {
    let mut b = four(PushSpec { max_length: Some(1), overflow: Overflow::RejectPublish, ..spec() });
    let mut fast = service("fast", vec![consumer(1)]);
    fast.handlers[0].consume.prefetch = Some(0);
    b.services.push(fast);
    let all = ends(&b);
    let of = |s: &str| all.iter().filter(|line| line.contains(s)).count();
    assert_eq!((of("applied 0"), of("0 Pending-Rejected"), of("applied 1")), (2, 2, 4));
}

#[test]
fn a_publisher_that_waits_for_a_full_queue_holds_its_worker() {
    // Published with confirmation: the third waits until the first has been acknowledged.
    let order = Emission { event: EventTypeId(0), count: 1 };
    let mut buy = handler(Trigger::Api("buy".to_owned()), vec![Step::Emit(Emit::All(vec![order]))]);
    buy.publish = Publish { to: BrokerId(1), mode: PublishMode::Sync };
    let mut b = four(PushSpec { max_length: Some(1), overflow: Overflow::Block, ..spec() });
    b.services[0] = Service { workers: 9, ..service("shop", vec![buy]) };
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 1, 1_000, 1)];
    // Asked at 1 to 4 ms; there and back takes 2 ms, to the broker and back another 2.
    let answers: Vec<String> =
        ends(&b).into_iter().filter(|line| line.contains("answered")).collect();
    assert_eq!(
        answers,
        [
            "5 c0 is answered after 4",
            "6 c0 is answered after 4",
            // The first is worked on from 4 to 14, the ack is there at 15.
            "17 c0 is answered after 14",
            "29 c0 is answered after 25",
        ]
    );
}

#[test]
fn messages_expire_at_the_head() {
    let old = |dead_letters| PushSpec { ttl: Some(ms(5)), dead_letters, ..spec() };
    assert_eq!(ends(&four(old(false))), [&["0 Stored-Expired"; 3][..], &["13 applied 0"]].concat());
    let dead = [&["0 Stored-DeadLettered"; 3][..], &["13 applied 0"]].concat();
    assert_eq!(ends(&four(old(true))), dead);
    // At its last instant a message may still go: the ack arrives at 14, the second came at 3.
    let b = four(PushSpec { ttl: Some(ms(11)), ..spec() });
    let expired = ["0 Stored-Expired"; 2];
    assert_eq!(ends(&b), [&["13 applied 0"][..], &expired, &["25 applied 0"]].concat());
    // Two that wait for a consumer with a higher priority before them: they are looked at last.
    let mut b = four(PushSpec { priorities: 1, ..old(false) });
    b.services[1].handlers[0].trigger = Trigger::On(vec![EventTypeId(0), EventTypeId(1)]);
    b.events[1].priority = 1;
    let mut urgent = b.services[0].sources[0].clone();
    urgent.event = EventTypeId(1);
    urgent.rate = Rate::parse("every 4ms", &mut |_| Err(String::new())).expect("valid");
    b.services[0].sources.push(urgent);
    let expired = ["1 Stored-Expired", "0 Stored-Expired", "0 Stored-Expired", "0 Stored-Expired"];
    assert_eq!(ends(&b), [&expired[..], &["13 applied 0"]].concat());
}

#[test]
fn a_message_that_fails_too_often_ends() {
    for (limit, dead_letters, attempts, end, deliveries) in [
        (Some(2), false, 9, "0 Leased-Exhausted", 3),
        (Some(2), true, 9, "0 Leased-DeadLettered", 3),
        (None, false, 9, "0 Leased-Exhausted", 9),
        // By default what fails for good goes where the queue's dead letters go.
        (None, true, 9, "0 Leased-DeadLettered", 9),
    ] {
        let mut h = consumer(1);
        h.fails = Probability::ONE;
        h.attempts = attempts;
        h.consume.retry_in = RetryIn::Requeue;
        let spec = PushSpec { delivery_limit: limit, dead_letters, ..spec() };
        let b = world(2, spec, service("s", vec![h]));
        let log = played(&b, &[]).observer.0;
        assert_eq!(log.iter().filter(|line| line.ends_with("s1 starts")).count(), deliveries);
        assert_eq!(ends(&b), [end]);
    }
}

#[test]
fn crashes_count_as_failures() {
    for (limit, end) in [(0, "0 Leased-Exhausted"), (1, "18 applied 0")] {
        let spec = PushSpec { delivery_limit: Some(limit), ..spec() };
        let mut b = world(2, spec, service("s", vec![consumer(6)]));
        b.failures = vec![crash(1, 5, 1)];
        assert_eq!(ends(&b), [end], "{limit}");
    }
}

#[test]
fn dead_letters_are_kept_and_return() {
    for ack in [AckMode::After, AckMode::Before] {
        for (how, end) in [
            (Some(Exhausted::Dlq), "0 Leased-DeadLettered"),
            (Some(Exhausted::Drop), "0 Leased-Exhausted"),
        ] {
            let mut h = consumer(2);
            h.fails = Probability::ONE;
            h.consume.on_exhausted = how;
            h.consume.ack = Some(ack);
            let b = world(2, spec(), service("s", vec![h]));
            assert_eq!(ends(&b), [end], "{ack:?}");
            // It fails at 5, returns at 20, and fails again at 23.
            let log = played_until(&b, &[(20, |e, ctx| e.redrive(ctx, 0))], 100).observer.0;
            let again = if how == Some(Exhausted::Dlq) { 2 } else { 1 };
            let ended = log.iter().filter(|line| line.contains("was Leased")).count();
            assert_eq!(ended, again, "{ack:?} {log:?}");
        }
    }
}
