//! Small worlds with guarded calls, whose every instant can be worked out by hand. A hop takes 1 ms.

use crate::model::testing::*;

const FIRST: Operation = Operation { service: ServiceId(0), handler: 0 };
const SECOND: Operation = Operation { service: ServiceId(1), handler: 0 };

fn api(name: &str) -> Trigger {
    Trigger::Api(name.to_owned())
}

/// A service of one worker whose requests take `takes` ms, and a client that asks every `every` ms
/// for `lasts` ms.
fn asked(takes: u64, every: u64, lasts: u64, timeout: u64, attempts: u32) -> Blueprint {
    let s = service("s", vec![handler(api("get"), vec![work(takes)])]);
    let mut b = blueprint(lasts, 0, vec![s]);
    b.clients = vec![client(FIRST, every, timeout, attempts)];
    b
}

/// The lines of the history of a blueprint that contain one of `words`, without those words.
fn told(b: &Blueprint, words: &[&str]) -> Vec<String> {
    let said = history(b);
    let lines = said.lines().filter(|l| words.iter().any(|w| l.contains(w)));
    lines.map(|l| l.replace("c0 to s0: ", "").replace("c0 ", "")).collect()
}

fn ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

fn breaker(open: u64) -> BreakerSpec {
    BreakerSpec { trip: Trip::Consecutive(2), open: ms(open), probes: 1 }
}

#[test]
fn calls_pause_before_retries_by_every_kind_of_backoff() {
    // A failed attempt comes back after 4 ms. Least and most of the three pauses, in ms.
    for (text, pauses) in [
        ("5ms fixed", [(5.0, 5.0); 3]),
        ("5ms..15ms exp", [(5.0, 5.0), (10.0, 10.0), (15.0, 15.0)]),
        ("5ms..15ms full-jitter", [(0.0, 5.0), (0.0, 10.0), (0.0, 15.0)]),
        ("5ms..15ms equal-jitter", [(2.5, 5.0), (5.0, 10.0), (7.5, 15.0)]),
        ("5ms..15ms exp-jitter", [(4.0, 6.0), (8.0, 12.0), (12.0, 18.0)]),
        ("5ms..20ms decorrelated", [(5.0, 15.0), (5.0, 20.0), (5.0, 20.0)]),
        ("1ms..3ms", [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0)]),
    ] {
        let mut b = asked(2, 10, 15, 100, 4);
        b.services[0].handlers[0].fails = Probability::ONE;
        b.clients[0].retry.backoff = text.parse().unwrap();
        let starts = told(&b, &["starts"]);
        let at = |l: &String| l.split(' ').next().unwrap().parse::<f64>().unwrap();
        let starts: Vec<f64> = starts.iter().map(at).collect();
        assert_eq!(starts.len(), 4, "{text}");
        for (two, (least, most)) in starts.windows(2).zip(pauses) {
            let pause = two[1] - two[0] - 4.0;
            assert!((least - 1e-6..=most + 1e-6).contains(&pause), "{text}: {pause}");
        }
    }
}

#[test]
fn retries_stop_when_the_budget_is_spent() {
    let mut b = asked(2, 10, 45, 100, 3);
    b.services[0].handlers[0].fails = Probability::ONE;
    let spent = |b: &Blueprint| {
        let told = told(b, &["Retried", "Budget", "fails"]);
        told.iter().map(|l| l.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let tokens = Budget::Tokens { deposit: 0, cost: 1_000_000, size: 3_000_000 };
    b.clients[0].retry.budget = Some(tokens);
    assert_eq!(
        spent(&b),
        "Retried Retried Retried fails BudgetSpent fails BudgetSpent fails BudgetSpent fails"
    );
    b.clients[0].retry.budget = Some(Budget::Share("50%".parse().unwrap()));
    // One retry for every two requests.
    assert_eq!(spent(&b).matches("Retried").count(), 2);
}

#[test]
fn an_open_breaker_refuses_at_once_and_for_good() {
    let mut b = asked(2, 10, 65, 100, 3);
    b.services[0].handlers[0].fails = Probability::ONE;
    b.clients[0].guards.breaker = Some(breaker(25));
    // Two failed attempts open it at 21, and a failed probe at 54. Attempts that were due are refused.
    assert_eq!(
        told(&b, &["Broken", "Breaker", "c0 fails"]),
        [
            "21 Breaker(Opened)",
            "24 BrokenOff",
            "24 fails after 14",
            "27 BrokenOff",
            "27 fails after 7",
            "30 BrokenOff",
            "30 fails after 0",
            "40 BrokenOff",
            "40 fails after 0",
            "50 Breaker(Probing)",
            "54 Breaker(Opened)",
            "57 BrokenOff",
            "57 fails after 7",
            "60 BrokenOff",
            "60 fails after 0",
        ]
    );
}

#[test]
fn a_crash_of_the_caller_closes_its_breaker() {
    let mut front = handler(api("get"), vec![Step::Call(vec![SECOND])]);
    front.guards.breaker = Some(breaker(1_000));
    let mut back = handler(api("load"), vec![work(1)]);
    back.fails = Probability::ONE;
    let services = vec![service("front", vec![front]), service("back", vec![back])];
    let mut b = blueprint(75, 0, services);
    b.clients = vec![client(FIRST, 10, 100, 1)];
    b.failures = vec![crash(0, 45, 1)];
    let said = told(&b, &["Opened", "BrokenOff"]);
    // Two failures at 14 and 24, nothing sent at 31 and 41; it starts again at 51.
    assert_eq!(
        said,
        [
            "24 s0 to s1: Breaker(Opened)",
            "31 s0 to s1: BrokenOff",
            "41 s0 to s1: BrokenOff",
            "64 s0 to s1: Breaker(Opened)",
            "71 s0 to s1: BrokenOff",
        ]
    );
}

#[test]
fn a_bulkhead_refuses_what_a_pool_lets_wait() {
    // Each request takes 20 + 2 ms; they come every 10 ms.
    let mut b = asked(20, 10, 45, 100, 1);
    b.services[0].workers = 10;
    b.clients[0].guards.bulkhead = Some(1);
    let ends = |b: &Blueprint| told(b, &["answered", "fails"]);
    assert_eq!(
        ends(&b),
        [
            "20 fails after 0",
            "30 fails after 0",
            "32 is answered after 22",
            "62 is answered after 22"
        ]
    );
    b.clients[0].guards = Guards { pool: Some(1), ..Guards::default() };
    assert_eq!(
        ends(&b),
        [
            "32 is answered after 22",
            "54 is answered after 34",
            "76 is answered after 46",
            "98 is answered after 58"
        ]
    );
    // Waiting for a place counts: the third, sent at 54, gives up at 70, and the fourth, sent then, at
    // 80.
    b.clients[0].timeout = ms(40);
    assert_eq!(
        ends(&b),
        [
            "32 is answered after 22",
            "54 is answered after 34",
            "70 fails after 40",
            "80 fails after 40"
        ]
    );
}

#[test]
fn a_rate_limit_makes_callers_wait_and_others_go_away() {
    let mut b = asked(1, 1, 6, 4, 1);
    b.services[0].workers = 10;
    let limit = RateLimit { every: ms(5), burst: 2 };
    b.clients[0].guards.limits = vec![(FIRST, limit)];
    // 1, 2 pass; 3 may at 6 (as the bucket was full at 1), 4 at 11, 5 at 16. The timeout of 4 ms runs
    // from there.
    let ends = |b: &Blueprint| told(b, &["answered", "fails"]);
    assert_eq!(
        ends(&b),
        [
            "4 is answered after 3",
            "5 is answered after 3",
            "9 is answered after 6",
            "14 is answered after 10",
            "19 is answered after 14"
        ]
    );
    b.clients[0].guards.limits.clear();
    b.services[0].handlers[0].limit = Some(limit);
    // They arrive from 2 to 6; the next token is there at 7.
    assert_eq!(
        ends(&b),
        [
            "4 is answered after 3",
            "5 is answered after 3",
            "5 fails after 2",
            "6 fails after 2",
            "7 fails after 2"
        ]
    );
}

#[test]
fn a_withdrawn_request_frees_its_place_in_line() {
    // Every 10 ms 25 ms of work; callers give up after 12 ms.
    let mut b = asked(25, 10, 45, 12, 1);
    let work = |b: &Blueprint| told(b, &["s0 done", "s0 cuts"]);
    assert_eq!(work(&b).len(), 4, "all of them are worked on");
    b.clients[0].guards.cancel = true;
    // The first is begun at 11 and done at 36. The second and third are withdrawn at 32 and 42;
    // at 36 the third begins, which is the last one that waits, and from then on nobody withdraws it.
    assert_eq!(
        work(&b),
        [
            "32 s0 cuts off",
            "36 s0 done: wait 0, work 25, draw 0, in vain",
            "52 s0 cuts off",
            "61 s0 done: wait 5, work 25, draw 0, in vain"
        ]
    );
}

#[test]
fn an_expired_request_is_not_begun() {
    let mut b = asked(25, 10, 45, 12, 1);
    b.clients[0].guards.deadline = true;
    // As above, but they stay in line until a worker comes to them.
    assert_eq!(
        told(&b, &["s0 done", "s0 cuts"]),
        [
            "36 s0 done: wait 0, work 25, draw 0, in vain",
            "36 s0 cuts off",
            "61 s0 done: wait 5, work 25, draw 0, in vain",
            "61 s0 cuts off"
        ]
    );
}

#[test]
fn the_faster_of_two_copies_answers() {
    let mut b = asked(20, 100, 150, 90, 1);
    b.services[0].instances = 2;
    b.clients[0].guards.hedge = Some(ms(10));
    b.failures = vec![Failure { verb: Verb::Slow(3.0), ..crash(0, 1, 500) }];
    // The first copy goes to the instance that takes 60 ms, the second one 10 ms later to the other.
    assert_eq!(
        told(&b, &["Hedged", "answered", "fails", "done"]),
        [
            "110 Hedged",
            "131 s0 done: wait 0, work 20, draw 128",
            "132 is answered after 32",
            "161 s0 done: wait 0, work 60, draw 0, in vain"
        ]
    );
    // A failure does not decide as long as the other copy is under way.
    b.failures[0].verb = Verb::Slow(1.0);
    b.failures.push(crash(0, 115, 1));
    assert_eq!(
        told(&b, &["answered", "fails", "cuts"]),
        ["115 s0 cuts off", "132 is answered after 32"]
    );
    // With `cancel` the other copy is taken back if it waits.
    let second = Target::Instances { service: ServiceId(0), instances: vec![1] };
    b.failures = vec![Failure { verb: Verb::Pause, target: second, ..crash(0, 1, 500) }];
    b.clients[0].guards.cancel = true;
    assert_eq!(
        told(&b, &["answered", "fails", "cuts"]),
        ["122 s0 cuts off", "122 is answered after 22"]
    );
}

#[test]
fn instances_that_are_down_or_give_errors_are_left_out() {
    let mut b = asked(1, 10, 205, 100, 1);
    b.services[0].instances = 2;
    b.failures = vec![crash(0, 5, 1_000)];
    let fails = |b: &Blueprint| told(b, &["c0 fails"]).len();
    assert_eq!(fails(&b), 10, "every second one is refused");
    b.clients[0].guards.health = true;
    assert_eq!(fails(&b), 0);
    // An instance that is far too slow for its caller is left out after five errors on end.
    b.failures = vec![Failure { verb: Verb::Slow(1_000.0), ..crash(0, 5, 1_000) }];
    b.clients[0].timeout = ms(5);
    assert_eq!(told(&b, &["Ejected"]), ["95 Ejected"]);
    assert_eq!(fails(&b), 5);
    // One that answers is not, however slow.
    b.failures[0].verb = Verb::Slow(90.0);
    b.clients[0].timeout = ms(1_000);
    assert_eq!(told(&b, &["Ejected"]).len() + fails(&b), 0);
}

#[test]
fn instances_that_come_later_are_known_and_guarded_like_the_first() {
    // From 15 to 65 there are two, which take turns.
    let mut b = asked(1, 10, 105, 100, 1);
    b.clients[0].guards.health = true;
    let mut more = b.clone();
    more.services[0].instances = 2;
    b.sets = vec![more];
    let change = Failure { verb: Verb::Set(0), target: Target::Values, ..crash(0, 15, 50) };
    b.failures = vec![change.clone()];
    assert_eq!(told(&b, &["c0 fails"]).len(), 0);
    // A second caller that comes later has a bulkhead of its own.
    let mut b = called(true);
    b.services[0].handlers[0].guards.bulkhead = Some(1);
    let mut more = b.clone();
    more.services[0].instances = 2;
    b.sets = vec![more];
    b.failures = vec![change];
    let world = World::new(&b, &Streams::new(1, 0), Log::default());
    let known: Vec<usize> = world.guarding.guards.iter().map(|g| g.states.len()).collect();
    assert_eq!(known, [2]);
}

#[test]
fn no_instance_in_good_health_means_all_of_them() {
    let mut b = asked(1, 10, 25, 100, 1);
    b.clients[0].guards.health = true;
    b.failures = vec![crash(0, 5, 1_000)];
    assert_eq!(told(&b, &["c0 fails"]), ["12 fails after 2", "22 fails after 2"]);
}

#[test]
fn a_throttled_call_is_not_sent() {
    let mut b = asked(1, 1, 1_000, 100, 1);
    b.max_events = 100_000;
    b.services[0].handlers[0].fails = Probability::ONE;
    b.clients[0].guards.throttle = Some(ThrottleSpec { k: 2.0, window: ms(10_000) });
    let sent = told(&b, &["s0 done"]).len();
    // 1/1 + 1/2 + ... + 1/999 = 7.5 in the mean, and 2.5 of standard deviation.
    assert!((2..=18).contains(&sent), "{sent}");
    assert_eq!(sent + told(&b, &["Throttled"]).len(), 999);
}

/// A client every 10 ms, a front of one worker that works for 2 ms, calls, and works for 2 ms more.
fn called(blocking: bool) -> Blueprint {
    let mut front = handler(api("get"), vec![work(2), Step::Call(vec![SECOND]), work(2)]);
    front.blocking = blocking;
    let mut back = service("back", vec![handler(api("load"), vec![work(20)])]);
    back.workers = 10;
    let mut b = blueprint(35, 0, vec![service("front", vec![front]), back]);
    b.clients = vec![client(FIRST, 10, 1_000, 1)];
    b
}

#[test]
fn a_worker_that_does_not_wait_for_its_calls_does_other_work() {
    // Each takes 2 + 22 + 2 ms, of which a worker that waits is held for all.
    assert_eq!(
        told(&called(true), &["answered"]),
        ["38 is answered after 28", "64 is answered after 44", "90 is answered after 60"]
    );
    assert_eq!(
        told(&called(false), &["answered"]),
        ["38 is answered after 28", "48 is answered after 28", "58 is answered after 28"]
    );
}

#[test]
fn what_goes_on_goes_before_what_has_not_begun() {
    // One at a time, 10 ms before and after the call of 2 + 5 ms. That of 10 begins at 11 and calls
    // from 21 to 28; that of 20 has the worker from 21 to 31. That of 30 waits from 31 on, behind
    // the first, which goes on until 41; at 41 the second goes on until 51.
    let mut b = called(false);
    b.services[0].handlers[0].steps = vec![work(10), Step::Call(vec![SECOND]), work(10)];
    b.services[1].handlers[0].steps = vec![work(5)];
    assert_eq!(
        told(&b, &["answered"]),
        ["42 is answered after 32", "52 is answered after 32", "79 is answered after 49"]
    );
}

/// A source of bursts for a service with one worker.
fn burst(policy: BacklogPolicy, cap: Option<u64>) -> Blueprint {
    let mut s = service("s", vec![handler(on(0), vec![work(20)])]);
    s.backlog = Backlog { cap, policy };
    blueprint(7, 1, vec![source(1), s])
}

#[test]
fn those_whose_patience_is_over_leave() {
    // From 1 to 6 one event each arrives a ms later, and waits 30 ms for one worker of 20 ms.
    let mut b = burst(BacklogPolicy::RejectNew, None);
    b.services[1].patience = Some(fixed(30));
    let ends = told(&b, &["done", "Shed"]);
    let expected = [
        "22 s1 done: wait 0, work 20, draw 0",
        "0 was Stored and is Shed",
        "0 was Stored and is Shed",
        "0 was Stored and is Shed",
        "0 was Stored and is Shed",
        "42 s1 done: wait 19, work 20, draw 0",
    ];
    assert_eq!(ends, expected);
    // Requests leave in the same way, and fail.
    let mut b = asked(20, 1, 4, 100, 1);
    b.services[0].patience = Some(fixed(30));
    let ends = told(&b, &["answered", "fails"]);
    assert_eq!(ends, ["23 is answered after 22", "35 fails after 32", "43 is answered after 41"]);
}

#[test]
fn the_next_is_the_one_who_gives_up_first() {
    // Two clients with different patience, three requests each, and a worker that takes 20 ms.
    let mut b = asked(20, 2, 7, 1_000, 1);
    let patient = b.clients[0].clone();
    b.clients.push(Client { name: "app".to_owned(), timeout: ms(50), ..patient });
    b.services[0].backlog = Backlog { cap: Some(5), policy: BacklogPolicy::Deadline };
    // At 3 web of 2 begins, at 23 app of 2, at 43 app of 4, too late for its answer; app of 6 has
    // expired at 63, and the others follow.
    assert_eq!(
        told(&b, &["answered", "fails"]).join(", ").replace("c1 ", "app "),
        "24 is answered after 22, 44 app is answered after 42, 54 app fails after 50, \
         56 app fails after 50, 84 is answered after 80, 104 is answered after 98"
    );
}

#[test]
fn a_line_that_stands_too_long_is_thinned_out() {
    let law = BacklogPolicy::Codel { target: ms(5), interval: ms(30) };
    let b = burst(law, None);
    // Worker at 2, 22, 42, 62 ...: the waits are 19 at 22 (too long until 52), 38 at 42, and at 62
    // the fourth is dropped; the fifth begins, and the last one is never dropped.
    let ends = told(&b, &["done", "Shed"]);
    let waits: Vec<&str> = ends.iter().map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(
        waits,
        [
            "22 s1 done: wait 0",
            "42 s1 done: wait 19",
            "62 s1 done: wait 38",
            "0 was Stored and is Shed",
            "82 s1 done: wait 56",
            "102 s1 done: wait 75"
        ]
    );
}

#[test]
fn a_worker_that_picks_at_random_waits_as_long_on_average() {
    // M/M/1 at 0.7: the mean wait is that of first come, first served, its second moment that
    // divided by 1 - rho / 2.
    let waits = |policy: BacklogPolicy| {
        let mut s = service("s", vec![handler(on(0), vec![Step::Work("~10ms".parse().unwrap())])]);
        s.backlog = Backlog { cap: None, policy };
        let mut b = blueprint(1_500_000, 1, vec![source(10), s]);
        b.services[0].sources[0].rate = Rate::parse("70/s", &mut |_| Err(String::new())).unwrap();
        let world = World::new(&b, &Streams::new(3, 0), Log::default());
        let limits = Limits { events: u64::MAX, events_per_instant: 1_000 };
        let mut engine = Engine::new(world, limits, World::start);
        engine.run_until::<false>(b.phases.traffic_end());
        assert_eq!(engine.run_until::<true>(SimTime::MAX), Stop::Rest);
        let said = engine.into_model().observer.0;
        let waits = said.iter().filter_map(|l| l.split("done: wait ").nth(1)?.split(',').next());
        let waits: Vec<f64> = waits.map(|ms| ms.parse().unwrap()).collect();
        let mean = |of: &dyn Fn(f64) -> f64| {
            waits.iter().map(|w| of(*w)).sum::<f64>() / waits.len() as f64
        };
        (mean(&|w| w), mean(&|w| w * w))
    };
    let (mean, square) = waits(BacklogPolicy::RejectNew);
    let (random_mean, random_square) = waits(BacklogPolicy::Random);
    // The order changes nothing about the total work, so the two runs differ little in their means:
    // all draws belong to the events.
    assert!((random_mean / mean - 1.0).abs() < 0.02, "{random_mean} {mean}");
    let ratio = random_square / square * (1.0 - 0.7 / 2.0);
    assert!((ratio - 1.0).abs() < 0.06, "{ratio}");
}
