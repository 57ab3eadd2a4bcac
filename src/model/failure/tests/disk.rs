//! Full disks of brokers and of stores.

use super::message::{ends_well, fates};
use super::*;
use crate::model::PublishMode;

fn full(target: Target, at_ms: u64, for_ms: u64) -> Failure {
    Failure { verb: Verb::DiskFull, target, ..crash(1, at_ms, for_ms) }
}

fn full_bus(at_ms: u64, for_ms: u64) -> Failure {
    full(Target::Disks(BrokerId(1)), at_ms, for_ms)
}

#[test]
fn publications_wait_in_their_order_and_consumers_go_on() {
    let mut b = tapped(45, 10, 7);
    b.failures = vec![full_bus(15, 20)];
    // The events of 20 and 30 are taken at 35; that of 10 is in work until 18.
    insta::assert_snapshot!(fates(&b), @r"
    18 applied 0
    43 applied 0
    50 applied 0
    57 applied 0
    ");
    // Until the last cause is gone, at 42.
    b.failures.push(full_bus(30, 12));
    insta::assert_snapshot!(fates(&b), @r"
    18 applied 0
    50 applied 0
    57 applied 0
    64 applied 0
    ");
}

/// A service that is asked every 10 ms, works for 1 ms and emits through a tap, and one that hears
/// it.
fn shop(mode: PublishMode) -> Blueprint {
    let mut b = tapped(45, 10, 1);
    b.services[0].sources.clear();
    let emission = Emission { event: EventTypeId(0), count: 1 };
    let steps = vec![work(1), Step::Emit(Emit::All(vec![emission]))];
    let mut h = handler(Trigger::Api("buy".to_owned()), steps);
    h.publish = Publish { to: BrokerId(1), mode };
    b.services[0].handlers = vec![h];
    b.brokers[1].producer.acks = Acks::Leader;
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 1_000, 1)];
    b
}

/// When requests are answered.
fn answers(b: &Blueprint) -> String {
    let story = ends_well(b);
    story
        .lines()
        .filter(|l| l.contains("c0 "))
        .filter(|l| !l.contains("asks"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn who_publishes_waits_only_if_it_wants_an_answer_or_has_no_buffer_left() {
    let mut b = shop(PublishMode::Async);
    b.failures = vec![full_bus(15, 20)];
    // 1 ms there, 1 ms of work, 1 ms back.
    insta::assert_snapshot!(answers(&b), @r"
    13 c0 is answered after 3
    23 c0 is answered after 3
    33 c0 is answered after 3
    43 c0 is answered after 3
    ");
    // The worker waits for the answer of 35.
    let mut b = shop(PublishMode::Sync);
    b.failures = vec![full_bus(15, 20)];
    insta::assert_snapshot!(answers(&b), @r"
    14 c0 is answered after 4
    37 c0 is answered after 17
    39 c0 is answered after 9
    44 c0 is answered after 4
    ");
    // There is room for the event of 20, and none for that of 30.
    let mut b = shop(PublishMode::Async);
    b.brokers[1].producer.buffer = 1_024;
    b.brokers[1].producer.max_block = SimDuration::from_secs(60);
    b.failures = vec![full_bus(15, 20)];
    insta::assert_snapshot!(answers(&b), @r"
    13 c0 is answered after 3
    23 c0 is answered after 3
    36 c0 is answered after 6
    43 c0 is answered after 3
    ");
}

#[test]
fn a_blocked_connection_has_no_deadline_and_dies_with_its_publisher() {
    let mut b = shop(PublishMode::Async);
    b.brokers[1].producer.request_timeout = SimDuration::from_ms(5);
    b.failures = vec![full_bus(15, 20)];
    assert_eq!(ends_well(&b).matches("applied").count(), 4);
    b.failures.push(crash(0, 33, 1));
    let story = ends_well(&b);
    // The events of 20 and 30 are gone with the process; that of 40 was asked for while it was up
    // again.
    assert_eq!(story.matches("LostCrash").count(), 2, "{story}");
    assert_eq!(story.matches("applied").count(), 2, "{story}");
}

/// A service that writes what it hears every 10 ms, after 1 ms of work, in 2 ms.
fn writer() -> Blueprint {
    let h = handler(on(0), vec![work(1), Step::Write(EntityId(0)), work(1)]);
    let mut b = blueprint(45, 1, vec![source(10), service("s", vec![h])]);
    b.services[1].workers = 2;
    b.failures = vec![full(Target::Store(ServiceId(1)), 15, 20)];
    b
}

#[test]
fn writes_wait_with_their_workers() {
    // From 35 on two are written; those of 20 and 30 hold both workers until then.
    insta::assert_snapshot!(ends_well(&writer()), @r"
    10 s0 emits
    11 s1 starts
    14 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 2.0]
    14 converged
    15 s1 done: wait 0, work 4, draw 0
    20 s0 emits
    21 s1 starts
    30 s0 emits
    31 s1 starts
    37 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 15.0]
    37 converged
    37 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 5.0]
    37 converged
    38 s1 done: wait 0, work 17, draw 0
    38 s1 done: wait 0, work 7, draw 0
    40 s0 emits
    41 s1 starts
    44 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 2.0]
    44 converged
    45 s1 done: wait 0, work 4, draw 0
    ");
}

#[test]
fn with_one_connection_a_read_goes_on_and_writes_follow_one_by_one() {
    let mut b = writer();
    b.services[1].connections = Some(1);
    b.services[1].memory.dedup = Dedup::Inbox;
    b.services[1].workers = 3;
    insta::assert_snapshot!(fates(&b), @r"
    15 applied 0
    37 applied 0
    39 applied 0
    45 applied 0
    ");
}

#[test]
fn a_crash_or_a_pause_of_a_writer_that_waits_leaves_nothing() {
    for verb in [Verb::Crash, Verb::Pause, Verb::Stop] {
        for (begins, lasts) in [(22, 3), (22, 30), (34, 5), (35, 5)] {
            let mut b = writer();
            b.failures.push(failure(verb, 1, begins, lasts));
            let story = ends_well(&b);
            assert_eq!(story.matches("applied").count(), 4, "{verb:?} {begins}\n{story}");
        }
    }
}

/// A shop whose events are rows of an outbox.
fn outbox(mode: PublishMode) -> Blueprint {
    let mut b = shop(mode);
    b.failures = vec![full(Target::Store(ServiceId(0)), 15, 20)];
    b
}

#[test]
fn rows_of_an_outbox_wait_and_those_of_sources_are_not_emitted() {
    let every = SimDuration::from_ms(7);
    for mode in [PublishMode::OutboxPoll(every), PublishMode::OutboxCdc] {
        // One worker: that of 20 waits with it until 35, and then that of 30 begins.
        let b = outbox(mode);
        insta::allow_duplicates! {
            insta::assert_snapshot!(answers(&b), @r"
            13 c0 is answered after 3
            36 c0 is answered after 16
            37 c0 is answered after 7
            43 c0 is answered after 3
            ");
        }
        for verb in [Verb::Crash, Verb::Pause] {
            for begins in [22, 34, 35] {
                let mut b = outbox(mode);
                b.failures.push(Failure { verb, ..crash(0, begins, 4) });
                ends_well(&b);
            }
        }
        let mut b = outbox(mode);
        b.clients.clear();
        b.services[0].sources = source(10).sources;
        b.services[0].sources[0].publish = Publish { to: BrokerId(1), mode };
        let story = ends_well(&b);
        assert_eq!(story.matches("emits nothing").count(), 2, "{story}");
        assert_eq!(story.matches("applied").count(), 2, "{story}");
    }
}
