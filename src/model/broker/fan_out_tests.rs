//! Who gets a copy, and by which reasons copies are lost.

use super::script::*;
use crate::model::testing::*;

/// Name, engine, work in ms, failure, script, and how many copies ended how.
type Case<'a> = (&'a str, EngineSpec, u64, Option<Failure>, Script<'a>, [usize; 4]);

fn fan_out(buffer: u64, soft: Option<u64>) -> EngineSpec {
    let soft_time = SimDuration::from_ms(25);
    EngineSpec::FanOut(FanOutSpec { buffer, soft_buffer: soft, soft_time })
}

fn unlimited() -> EngineSpec {
    fan_out(u64::MAX, None)
}

fn worker(ms: u64) -> Service {
    service("s", vec![handler(on(0), vec![work(ms)])])
}

#[test]
fn a_copy_goes_at_once_to_who_is_connected() {
    insta::assert_snapshot!(scripted(&via(unlimited(), 10, 15, vec![worker(3)]), &[]), @r"
    10 s0 emits
    11 s1 starts
    14 s1 done: wait 0, work 3, draw 0
    14 applied 0: [0.0, 1.0, 0.0, 0.0, 3.0, 0.0]
    14 converged
    ");
}

#[test]
fn copies_are_lost_by_the_reason_that_applies() {
    let kb = 1024;
    // Emits at 10, 20, .. 90; a copy is at work after 1 ms. Columns: engine, work, failure and
    // script; applied, LostNotConnected, LostBuffer, LostCrash.
    let crashed = Some(crash(1, 33, 22));
    let down: Script =
        &[(32, |e, ctx| e.node_down(ctx, 0, false)), (52, |e, ctx| e.node_up(ctx, 0))];
    let cases: [Case; 6] = [
        ("all is well", unlimited(), 3, None, &[], [9, 0, 0, 0]),
        // In work: 30. Down: 40, 50; starts at 60, before that of 60 is emitted.
        ("crash", unlimited(), 5, crashed.clone(), &[], [6, 2, 0, 1]),
        // In work: 30; waiting: none. With 25 ms of work those of 20 and 30 wait for that of 10.
        ("crash with some waiting", unlimited(), 25, crashed, &[], [4, 2, 0, 3]),
        // Of two: 10 in work until 51, 20 waits, 30 is too much; connected again at 40, with an
        // empty buffer: 40, 50 fit, 60 does not; 70 (10 ms later) and 80 fit, 90 does not.
        ("buffer", fan_out(2 * kb, None), 400, None, &[], [6, 0, 3, 0]),
        // Above 1 KB from 20 on: cut off at 45, back at 55, so that 50 finds nobody; above it
        // again from 70 on, cut off at 95.
        ("soft limit", fan_out(9 * kb, Some(kb)), 400, None, &[], [8, 1, 0, 0]),
        // The broker is down for 40 and 50, which nobody takes; at 52 it is up, and its
        // subscriber connects at 62, so that 60 finds nobody.
        ("node", unlimited(), 3, None, down, [6, 1, 0, 0]),
    ];
    for (name, engine, ms, failure, script, expected) in cases {
        let mut b = via(engine, 10, 95, vec![worker(ms)]);
        b.phases.drain = SimDuration::from_secs(10);
        b.failures.extend(failure);
        let log = scripted(&b, script);
        let found = ["applied 0:", "is LostNotConnected", "is LostBuffer", "is LostCrash"];
        assert_eq!(found.map(|text| count(&log, text)), expected, "{name}:\n{log}");
        let unpublished = if name == "node" { 2 } else { 0 };
        assert_eq!(count(&log, "is LostPublish"), unpublished, "{name}:\n{log}");
    }
}

#[test]
fn each_group_gets_one_copy_at_a_random_member() {
    let mut shared = worker(1);
    shared.instances = 4;
    let other = service("other", vec![handler(on(0), vec![work(1)])]);
    let n = 2000;
    let b = via(unlimited(), 10, 10 * n + 5, vec![shared, other]);
    let world = played(&b, &[]);
    let log = world.observer.0.join("\n");
    assert_eq!(count(&log, "applied 0:"), n as usize);
    assert_eq!(count(&log, "applied 1:"), n as usize);
}

#[test]
fn a_member_that_is_gone_gets_nothing_while_another_is_there() {
    let mut shared = worker(1);
    shared.instances = 2;
    let mut b = via(unlimited(), 10, 505, vec![shared]);
    b.failures = vec![crash(1, 95, 300)];
    let log = scripted(&b, &[]);
    assert_eq!(count(&log, "applied 0:"), 50);
}

#[test]
fn a_member_is_drawn_with_equal_chances() {
    // Four members of one worker each that never finish: what each holds is what it was given.
    let mut shared = worker(1_000_000);
    shared.instances = 4;
    let n = 4000;
    let b = via(unlimited(), 1, n, vec![shared]);
    let world = played(&b, &[]);
    for i in &world.instances[1..] {
        let given = f64::from(i.busy) + i.inbox.len() as f64;
        // Four standard deviations of a binomial of 4000 and 1/4.
        assert!((given - 1000.0).abs() < 4.0 * libm::sqrt(4000.0 * 0.25 * 0.75), "{given}");
    }
}

#[test]
fn a_subscriber_of_a_lost_node_connects_to_another() {
    let mut b = via(unlimited(), 10, 95, vec![worker(3)]);
    b.brokers[1].nodes = 2;
    let log = scripted(&b, &[(35, |e, ctx| e.node_down(ctx, 0, false))]);
    // Not there from 35 to 45: the event of 40 finds nobody.
    assert_eq!(count(&log, "applied 0:"), 8, "{log}");
    assert_eq!(count(&log, "is LostNotConnected"), 1, "{log}");
}
