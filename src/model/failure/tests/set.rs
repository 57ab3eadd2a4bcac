//! Values that change: from when on, for what, and what holds when several change them.

use super::*;

/// What changes from `at_ms` for `for_ms`.
pub(super) fn set(b: &mut Blueprint, at_ms: u64, for_ms: u64, change: impl Fn(&mut Blueprint)) {
    let mut other = Blueprint { failures: Vec::new(), sets: Vec::new(), ..b.clone() };
    change(&mut other);
    assert!(Blueprint { failures: Vec::new(), sets: Vec::new(), ..b.clone() }.can_become(&other));
    let verb = Verb::Set(b.sets.len() as u32);
    b.sets.push(other);
    b.failures.push(Failure { verb, target: Target::Values, ..crash(0, at_ms, for_ms) });
}

/// Lines of a story about one thing.
fn only(b: &Blueprint, what: &str) -> String {
    let lines = run(b).observer.0;
    lines.into_iter().filter(|l| l.contains(what)).collect::<Vec<_>>().join("\n")
}

#[test]
fn work_that_begins_meanwhile_takes_the_other_time() {
    let mut b = asked(45, 10, 4);
    set(&mut b, 21, 10, |o| o.services[1].handlers[0].steps = vec![work(7)]);
    insta::assert_snapshot!(only(&b, "s1 done"), @r"
    15 s1 done: wait 0, work 4, draw 0
    28 s1 done: wait 0, work 7, draw 0
    35 s1 done: wait 0, work 4, draw 0
    45 s1 done: wait 0, work 4, draw 0
    ");
}

#[test]
fn the_last_of_several_changes_holds_and_each_ends_by_itself() {
    let mut b = asked(95, 10, 1);
    let takes = |ms: u64| move |o: &mut Blueprint| o.services[1].handlers[0].steps = vec![work(ms)];
    set(&mut b, 15, 50, takes(2));
    set(&mut b, 25, 20, takes(3));
    set(&mut b, 35, 40, takes(4));
    insta::assert_snapshot!(only(&b, "s1 done"), @r"
    12 s1 done: wait 0, work 1, draw 0
    23 s1 done: wait 0, work 2, draw 0
    34 s1 done: wait 0, work 3, draw 0
    45 s1 done: wait 0, work 4, draw 0
    55 s1 done: wait 0, work 4, draw 0
    65 s1 done: wait 0, work 4, draw 0
    75 s1 done: wait 0, work 4, draw 0
    82 s1 done: wait 0, work 1, draw 0
    92 s1 done: wait 0, work 1, draw 0
    ");
}

#[test]
fn new_instances_start_and_those_that_leave_finish() {
    // Requests come every 10 ms and take 18; a new instance starts within 5 ms.
    let mut b = asked(95, 10, 18);
    set(&mut b, 25, 40, |o| o.services[1].instances = 2);
    insta::assert_snapshot!(story(&b), @r"
    10 c0 asks
    11 s1 starts
    20 c0 asks
    21 s1 queues
    29 s1 done: wait 0, work 18, draw 0
    29 s1 starts
    30 c0 is answered after 20
    30 c0 asks
    31 s1 queues
    40 c0 asks
    41 s1 starts
    47 s1 done: wait 8, work 18, draw 0
    47 s1 starts
    48 c0 is answered after 28
    50 c0 asks
    51 s1 queues
    59 s1 done: wait 0, work 18, draw 0
    60 c0 is answered after 20
    60 c0 asks
    61 s1 starts
    65 s1 done: wait 16, work 18, draw 0
    65 s1 starts
    66 c0 is answered after 36
    70 c0 asks
    71 s1 queues
    79 s1 done: wait 0, work 18, draw 0
    80 c0 is answered after 20
    80 c0 asks
    81 s1 queues
    83 s1 done: wait 14, work 18, draw 0
    83 s1 starts
    84 c0 is answered after 34
    90 c0 asks
    91 s1 queues
    101 s1 done: wait 12, work 18, draw 0
    101 s1 starts
    102 c0 is answered after 32
    119 s1 done: wait 20, work 18, draw 0
    119 s1 starts
    120 c0 is answered after 40
    137 s1 done: wait 28, work 18, draw 0
    138 c0 is answered after 48
    ");
}

#[test]
fn members_of_a_group_come_and_go() {
    let mut b = tapped(65, 10, 12);
    set(&mut b, 15, 30, |o| o.services[1].instances = 3);
    insta::assert_snapshot!(story(&b), @r"
    0 tap: i1 joins 0
    10 s0 emits
    11 s1 starts
    20 tap: i2 joins 0
    20 tap: i3 joins 0
    20 s0 emits
    21 s1 starts
    23 s1 done: wait 0, work 12, draw 0
    23 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    23 converged
    30 s0 emits
    31 s1 starts
    33 s1 done: wait 0, work 12, draw 0
    33 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    33 converged
    40 s0 emits
    41 s1 starts
    43 s1 done: wait 0, work 12, draw 0
    43 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    43 converged
    45 tap: i3 leaves: Stop
    45 tap: i3 leaves: Crash
    45 tap: i2 leaves: Stop
    50 s0 emits
    51 s1 starts
    53 s1 done: wait 0, work 12, draw 0
    53 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    53 converged
    53 tap: i2 leaves: Crash
    60 s0 emits
    61 s1 queues
    63 s1 done: wait 0, work 12, draw 0
    63 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    63 converged
    63 s1 starts
    75 s1 done: wait 2, work 12, draw 0
    75 applied 0: [0.0, 1.0, 2.0, 0.0, 12.0, 0.0]
    75 converged
    ");
}

#[test]
fn a_crash_of_an_instance_that_is_not_there_waits_for_it() {
    let mut b = tapped(45, 10, 12);
    set(&mut b, 20, 100, |o| o.services[1].instances = 2);
    let mut struck = crash(1, 10, 15);
    struck.target = Target::Instances { service: ServiceId(1), instances: vec![1] };
    b.failures.push(struck);
    insta::assert_snapshot!(only(&b, "tap: i2"), @r"
    30 tap: i2 joins 0
    120 tap: i2 leaves: Stop
    120 tap: i2 leaves: Crash
    ");
}

#[test]
fn more_workers_take_up_what_waits() {
    let mut b = asked(45, 10, 30);
    set(&mut b, 25, 100, |o| o.services[1].workers = 3);
    insta::assert_snapshot!(only(&b, "s1"), @r"
    11 s1 starts
    21 s1 queues
    25 s1 starts
    31 s1 starts
    41 s1 done: wait 0, work 30, draw 0
    41 s1 starts
    55 s1 done: wait 4, work 30, draw 0
    61 s1 done: wait 0, work 30, draw 0
    71 s1 done: wait 0, work 30, draw 0
    ");
}

#[test]
fn rates_timeouts_retries_and_delays_change() {
    let mut b = asked(80, 10, 4);
    set(&mut b, 25, 30, |o| {
        let fast = client(o.clients[0].calls, 5, 3, 2);
        o.clients[0].load = fast.load;
        o.clients[0].timeout = fast.timeout;
        o.clients[0].retry = fast.retry;
        o.network.same_zone = fixed(0);
    });
    insta::assert_snapshot!(only(&b, "c0"), @r"
    10 c0 asks
    16 c0 is answered after 6
    20 c0 asks
    25 c0 is answered after 5
    27.5 c0 asks
    32.5 c0 asks
    36.5 c0 fails after 9
    37.5 c0 asks
    41.5 c0 fails after 9
    42.5 c0 asks
    46.5 c0 fails after 9
    47.5 c0 asks
    51.5 c0 fails after 9
    52.5 c0 asks
    55.5 c0 fails after 3
    56.5 c0 fails after 9
    60 c0 asks
    70 c0 asks
    77.5 c0 is answered after 17.5
    81.5 c0 is answered after 11.5
    ");
}

#[test]
fn users_come_and_go_after_their_request() {
    let mut b = asked(100, 10, 4);
    b.clients[0].load = Load::Closed { users: 1, think: fixed(14) };
    set(&mut b, 30, 30, |o| o.clients[0].load = Load::Closed { users: 3, think: fixed(4) });
    insta::assert_snapshot!(only(&b, "c0"), @r"
    14 c0 asks
    20 c0 is answered after 6
    34 c0 asks
    34 c0 asks
    34 c0 asks
    40 c0 is answered after 6
    44 c0 is answered after 10
    44 c0 asks
    48 c0 is answered after 14
    48 c0 asks
    52 c0 is answered after 8
    52 c0 asks
    56 c0 is answered after 8
    56 c0 asks
    60 c0 is answered after 8
    60 c0 asks
    64 c0 is answered after 8
    68 c0 is answered after 8
    78 c0 asks
    84 c0 is answered after 6
    98 c0 asks
    104 c0 is answered after 6
    ");
}

#[test]
fn a_backlog_is_limited_meanwhile() {
    let mut b =
        blueprint(95, 1, vec![source(10), service("s", vec![handler(on(0), vec![work(30)])])]);
    set(&mut b, 25, 30, |o| o.services[1].backlog.cap = Some(1));
    insta::assert_snapshot!(only(&b, "Shed"), @r"
    0 was Stored and is Shed
    0 was Stored and is Shed
    ");
}

#[test]
fn nothing_before_a_change_is_different() {
    for ms in [1, 1_000] {
        let calm = overlap::busy(ms);
        let mut b = calm.clone();
        set(&mut b, 100 * ms, 100 * ms, |o| {
            let t = |n: u64| Variate::constant(SimDuration::from_ms(n * ms));
            o.services[0].instances = 2;
            o.services[1].instances = 5;
            o.services[1].write = t(1);
            o.services[1].connections = None;
            o.services[1].backlog = Backlog { cap: Some(3), policy: BacklogPolicy::Lifo };
            o.services[1].handlers[0].consume.poison = Probability::ONE;
            o.services[2].workers = 2;
            o.brokers[0].deliver = t(3);
        });
        let (calm, changed) = (run(&calm).observer.0, run(&b).observer.0);
        let head = |log: &[String]| {
            let before = &log[..log.len() - overlap::tail(log, 100 * ms).len()];
            // The tap counts instances over all services.
            before.iter().filter(|l| !l.contains("tap:")).cloned().collect::<Vec<_>>()
        };
        assert!(head(&calm).len() > 100);
        assert_eq!(head(&calm), head(&changed));
        assert_ne!(calm, changed);
    }
}

/// A set that changes nothing that is looked at: there is one instance to choose.
fn set_beside(b: &mut Blueprint, at_ms: u64, service: usize) {
    set(b, at_ms, 5, move |o| o.services[service].balance = Balance::Random);
}

#[test]
fn a_discipline_stays_when_something_else_changes() {
    use BacklogPolicy::{Codel, DropOldest, Lifo, Random, RejectNew};
    let time = SimDuration::from_ms;
    let codel = Codel { target: time(5), interval: time(20) };
    let of = |policy, patience: Option<u64>| {
        let mut b = asked(195, 5, 12);
        b.services[1].backlog = Backlog { cap: Some(4), policy };
        b.services[1].patience = patience.map(fixed);
        b
    };
    let plain = story(&of(RejectNew, None));
    for (policy, patience) in [
        (Random, None),
        (codel, None),
        (DropOldest, None),
        (Lifo, None),
        (RejectNew, Some(25)),
        (Lifo, Some(25)),
    ] {
        let b = of(policy, patience);
        let before = story(&b);
        assert_ne!(before, plain, "{policy:?} {patience:?} does nothing");
        let mut changed = b.clone();
        set_beside(&mut changed, 52, 1);
        assert_eq!(story(&changed), before, "{policy:?} {patience:?}");
    }
}

#[test]
fn an_order_that_changes_back_is_again_what_it_was() {
    let mut b = asked(195, 5, 12);
    b.services[1].backlog.policy = BacklogPolicy::Lifo;
    let all = story(&b);
    b.services[1].backlog.policy = BacklogPolicy::RejectNew;
    set(&mut b, 0, 1_000, |o| o.services[1].backlog.policy = BacklogPolicy::Lifo);
    assert_eq!(story(&b), all);
    let mut other = b.clone();
    other.services[1].backlog.policy = BacklogPolicy::Random;
    assert!(!b.can_become(&other), "what draws keeps records from the start");
}

#[test]
fn what_goes_on_still_goes_first_when_something_changes() {
    // A worker that does not wait for its call; answers come back while it has other work.
    let front = handler(
        Trigger::Api("get".to_owned()),
        vec![work(10), Step::Call(vec![Operation { service: ServiceId(1), handler: 0 }]), work(10)],
    );
    let back = handler(Trigger::Api("load".to_owned()), vec![work(5)]);
    let mut b = blueprint(35, 0, vec![service("front", vec![front]), service("back", vec![back])]);
    b.services[0].handlers[0].blocking = false;
    b.services[1].workers = 10;
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 1_000, 1)];
    let before = story(&b);
    // From 28 to 31 the first has its answer and waits for the worker.
    set_beside(&mut b, 29, 0);
    assert_eq!(story(&b), before);
}
