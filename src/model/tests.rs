//! Small worlds whose every instant can be worked out by hand.

use super::testing::*;

#[test]
fn one_worker_serves_in_the_order_of_arrival() {
    let b = blueprint(25, 1, vec![source(10), service("s", vec![handler(on(0), vec![work(12)])])]);
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    20 s0 emits
    21 s1 queues
    23 s1 done: wait 0, work 12, draw 0
    23 applied 0: [0.0, 1.0, 0.0, 0.0, 12.0, 0.0]
    23 converged
    23 s1 starts
    35 s1 done: wait 2, work 12, draw 0
    35 applied 0: [0.0, 1.0, 2.0, 0.0, 12.0, 0.0]
    35 converged
    ");
}

#[test]
fn a_crash_puts_work_back_and_the_next_attempt_draws_anew() {
    let mut b =
        blueprint(25, 1, vec![source(10), service("s", vec![handler(on(0), vec![work(12)])])]);
    b.failures = vec![crash(1, 15, 10)];
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    15 s1 queues
    20 s0 emits
    21 s1 queues
    30 s1 starts
    42 s1 done: wait 15, work 16, draw 1
    42 applied 0: [0.0, 1.0, 15.0, 4.0, 12.0, 0.0]
    42 converged
    42 s1 starts
    54 s1 done: wait 21, work 12, draw 0
    54 applied 0: [0.0, 1.0, 21.0, 0.0, 12.0, 0.0]
    54 converged
    ");
}

#[test]
fn a_crash_after_the_commit_applies_twice() {
    let steps = vec![Step::Write(EntityId(0)), work(6)];
    let mut b = blueprint(15, 1, vec![source(10), service("s", vec![handler(on(0), steps)])]);
    b.failures = vec![crash(1, 15, 2)];
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    13 converged
    15 s1 queues
    22 s1 starts
    applied 0 again
    30 s1 done: wait 7, work 12, draw 1
    ");
}

#[test]
fn a_source_emits_nothing_while_its_service_is_down() {
    let mut b =
        blueprint(35, 1, vec![source(10), service("s", vec![handler(on(0), vec![work(1)])])]);
    b.failures = vec![crash(0, 15, 3)];
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s1 done: wait 0, work 1, draw 0
    12 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    12 converged
    s0 is down and emits nothing
    30 s0 emits
    31 s1 starts
    32 s1 done: wait 0, work 1, draw 0
    32 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    32 converged
    ");
}

fn api(name: &str) -> Trigger {
    Trigger::Api(name.to_owned())
}

const FIRST: Operation = Operation { service: ServiceId(0), handler: 0 };
const SECOND: Operation = Operation { service: ServiceId(1), handler: 0 };

#[test]
fn a_request_passes_the_network_twice_per_call() {
    let front = handler(api("get"), vec![work(2), Step::Call(vec![SECOND])]);
    let back = handler(api("load"), vec![work(4)]);
    let mut b = blueprint(15, 0, vec![service("front", vec![front]), service("back", vec![back])]);
    b.clients = vec![client(FIRST, 10, 100, 1)];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    14 s1 starts
    18 s1 done: wait 0, work 4, draw 0
    19 s0 done: wait 0, work 8, draw 0
    20 c0 is answered after 10
    ");
}

#[test]
fn a_timeout_frees_the_caller_and_the_server_works_on() {
    let mut b = blueprint(15, 0, vec![service("slow", vec![handler(api("get"), vec![work(20)])])]);
    b.clients = vec![client(FIRST, 10, 8, 2)];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    22 s0 queues
    29 c0 fails after 19
    31 s0 done: wait 0, work 20, draw 0, in vain
    31 s0 starts
    51 s0 done: wait 9, work 20, draw 1, in vain
    ");
}

#[test]
fn a_crashed_instance_cuts_off_what_it_had_and_refuses_the_rest() {
    let mut b = blueprint(45, 0, vec![service("s", vec![handler(api("get"), vec![work(8)])])]);
    b.clients = vec![client(FIRST, 10, 100, 1)];
    b.failures = vec![crash(0, 15, 10)];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    15 s0 cuts off
    16 c0 fails after 6
    20 c0 asks
    22 c0 fails after 2
    30 c0 asks
    31 s0 starts
    39 s0 done: wait 0, work 8, draw 0
    40 c0 is answered after 10
    40 c0 asks
    41 s0 starts
    49 s0 done: wait 0, work 8, draw 0
    50 c0 is answered after 10
    ");
}

#[test]
fn parallel_calls_end_with_the_last_answer_and_fail_with_the_first_failure() {
    let both = Step::Call(vec![SECOND, Operation { service: ServiceId(2), handler: 0 }]);
    let front = handler(api("get"), vec![both]);
    let mut failing = handler(api("b"), vec![work(1)]);
    failing.fails = Probability::ONE;
    let a = service("a", vec![handler(api("a"), vec![work(9)])]);
    let mut b = blueprint(
        15,
        0,
        vec![
            service("front", vec![front]),
            a,
            service("b", vec![handler(api("b"), vec![work(3)])]),
        ],
    );
    b.clients = vec![client(FIRST, 10, 100, 1)];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    12 s1 starts
    12 s2 starts
    15 s2 done: wait 0, work 3, draw 0
    21 s1 done: wait 0, work 9, draw 0
    22 s0 done: wait 0, work 11, draw 0
    23 c0 is answered after 13
    ");
    b.services[2].handlers = vec![failing];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    12 s1 starts
    12 s2 starts
    13 s2 done: wait 0, work 1, draw 0, in vain
    14 s0 done: wait 0, work 3, draw 0, in vain
    15 c0 fails after 5
    21 s1 done: wait 0, work 9, draw 0, in vain
    ");
}

#[test]
fn attempts_are_inline_and_end_in_giving_up() {
    let mut h = handler(on(0), vec![work(4)]);
    h.fails = Probability::ONE;
    h.attempts = 3;
    let b = blueprint(15, 1, vec![source(10), service("s", vec![h])]);
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    25 s1 done: wait 0, work 14, draw 2, in vain
    0 gives up
    ");
}

#[test]
fn items_of_one_key_run_one_after_the_other_and_others_overtake() {
    let burst = Emission { event: EventTypeId(1), count: 2 };
    let order = handler(on(0), vec![Step::Write(EntityId(0)), Step::Emit(Emit::All(vec![burst]))]);
    let mut worker = service("worker", vec![handler(on(1), vec![work(10)])]);
    worker.workers = 2;
    let b = blueprint(25, 2, vec![source(10), service("order", vec![order]), worker]);
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    13 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    13 converged
    13 s1 done: wait 0, work 2, draw 0
    14 s2 starts
    14 s2 queues
    20 s0 emits
    21 s1 starts
    23 applied 0: [0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    23 converged
    23 s1 done: wait 0, work 2, draw 0
    24 s2 done: wait 0, work 10, draw 0
    24 applied 1: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    24 converged
    24 s2 queues
    24 s2 starts
    24 s2 starts
    24 s2 queues
    34 s2 done: wait 10, work 10, draw 0
    34 applied 1: [0.0, 1.0, 10.0, 0.0, 10.0, 0.0]
    34 converged
    34 s2 done: wait 0, work 10, draw 0
    34 applied 1: [0.0, 1.0, 0.0, 0.0, 10.0, 0.0]
    34 converged
    34 s2 queues
    34 s2 starts
    44 s2 done: wait 10, work 10, draw 0
    44 applied 1: [0.0, 1.0, 10.0, 0.0, 10.0, 0.0]
    44 converged
    ");
}

#[test]
fn slow_downs_multiply_and_each_ends_alone() {
    let slow = |factor: f64, at: u64, lasts: u64| Failure {
        verb: Verb::Slow(factor),
        ..crash(1, at, lasts)
    };
    let mut b =
        blueprint(65, 1, vec![source(10), service("s", vec![handler(on(0), vec![work(1)])])]);
    b.failures = vec![slow(3.0, 15, 25), slow(2.0, 25, 30)];
    insta::assert_snapshot!(history(&b), @r"
    10 s0 emits
    11 s1 starts
    12 s1 done: wait 0, work 1, draw 0
    12 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    12 converged
    20 s0 emits
    21 s1 starts
    24 s1 done: wait 0, work 3, draw 0
    24 applied 0: [0.0, 1.0, 0.0, 0.0, 3.0, 0.0]
    24 converged
    30 s0 emits
    31 s1 starts
    37 s1 done: wait 0, work 6, draw 0
    37 applied 0: [0.0, 1.0, 0.0, 0.0, 6.0, 0.0]
    37 converged
    40 s0 emits
    41 s1 starts
    43 s1 done: wait 0, work 2, draw 0
    43 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    43 converged
    50 s0 emits
    51 s1 starts
    53 s1 done: wait 0, work 2, draw 0
    53 applied 0: [0.0, 1.0, 0.0, 0.0, 2.0, 0.0]
    53 converged
    60 s0 emits
    61 s1 starts
    62 s1 done: wait 0, work 1, draw 0
    62 applied 0: [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    62 converged
    ");
}

#[test]
fn a_publish_that_a_crash_prevents_is_lost() {
    let emission = Emission { event: EventTypeId(0), count: 1 };
    let steps = vec![Step::Write(EntityId(0)), work(5), Step::Emit(Emit::All(vec![emission]))];
    let shop = service("shop", vec![handler(api("buy"), steps)]);
    let mut b = blueprint(15, 1, vec![shop, service("s", vec![handler(on(0), vec![work(1)])])]);
    b.clients = vec![client(FIRST, 10, 100, 1)];
    b.failures = vec![crash(0, 15, 1)];
    insta::assert_snapshot!(history(&b), @r"
    10 c0 asks
    11 s0 starts
    0 never hears of it
    0 is harmed first
    15 s0 cuts off
    16 c0 fails after 6
    ");
}
