//! Every row of what such a queue does, in worlds whose instants can be worked out by hand.
//!
//! The broker is 1 ms from its subscribers and at no distance from its publishers; the source emits
//! at 10, 20, 30 ms and so on; leases last 100 ms.

use super::super::script::*;
use crate::model::testing::*;

/// Name, queue, workers, their work in ms, failures, script, and the story.
type Case<'a> = (&'a str, PullSpec, u32, u64, Vec<Failure>, Script<'a>, &'a str);

fn spec() -> PullSpec {
    PullSpec {
        visibility: Some(SimDuration::from_ms(100)),
        heartbeat: false,
        long_poll: Some(SimDuration::from_secs(20)),
        poll: SimDuration::from_ms(100),
        empty_poll: Probability::ZERO,
        batch: 10,
        prefetch: 0,
        max_in_flight: u64::MAX,
        dlq_after: None,
        fifo: false,
        dedup: None,
        duplicates: Probability::ZERO,
        retention: None,
        reclaim: None,
        nack_delay: SimDuration::ZERO,
        max_length: None,
        replication: fixed(0),
        failover: SimDuration::ZERO,
        unsynced: SimDuration::ZERO,
    }
}

/// Leases that end only when somebody takes them over.
fn reclaimed() -> PullSpec {
    PullSpec { visibility: None, reclaim: Some(SimDuration::from_ms(100)), ..spec() }
}

/// Leases that end with their connection.
fn connected() -> PullSpec {
    PullSpec { visibility: None, ..spec() }
}

fn workers(workers: u32, ms: u64) -> Service {
    Service { workers, ..service("s", vec![handler(on(0), vec![work(ms)])]) }
}

/// The first `events` emissions, to one service, watched for 495 ms.
fn queue(spec: PullSpec, events: u64, service: Service) -> Blueprint {
    let mut b = via(EngineSpec::Pull(spec), 10, events * 10 + 5, vec![service]);
    b.phases.drain = SimDuration::from_ms(490 - events * 10);
    b
}

/// What a history says of the only service that consumes: when it starts, when it has done, and
/// what it ends with, in its order.
fn story(history: &str) -> String {
    let ends = |line: &&str| line.contains("again") || line.contains(" is ");
    let mut told = Vec::new();
    for line in history.lines() {
        if line.contains("s1 starts") || line.contains("s1 done") {
            let (at, rest) = line.split_once(' ').expect("an instant");
            told.push(format!("{at} {}", if rest.contains("starts") { "start" } else { "done" }));
        } else if line.contains("applied 0:") {
            told.push("applied".to_owned());
        } else if ends(&line) {
            told.push(line.replace("applied 0 again", "again").replace("0 was ", "was "));
        }
    }
    told.join(", ")
}

#[test]
fn leases_end_and_late_answers_mean_what_the_queue_makes_of_them() {
    let fifo = || PullSpec { fifo: true, ..spec() };
    let heartbeat = || PullSpec { heartbeat: true, ..spec() };
    let pauses: Script = &[(50, |e, ctx| e.paused(ctx, 0, 1))];
    let crashes = vec![crash(1, 50, 5)];
    // One event, 10 ms; columns: queue, workers, ms of work, failures, script.
    let cases: [Case; 12] = [
        ("in time", spec(), 2, 99, vec![], &[], "11 start, 110 done, applied"),
        // With one worker it is visible from 110 on, and nobody has it when the answer comes.
        ("nobody has it", spec(), 1, 150, vec![], &[], "11 start, 161 done, applied"),
        // Leased again at 110; the answer at 161 does not count, so that it is visible at 210.
        (
            "somebody has it",
            PullSpec { dlq_after: Some(2), ..spec() },
            2,
            150,
            vec![],
            &[],
            "11 start, 111 start, 161 done, applied, 261 done, again",
        ),
        ("in order, nobody has it", fifo(), 1, 150, vec![], &[], "11 start, 161 done, applied"),
        (
            "taken over",
            reclaimed(),
            2,
            150,
            vec![],
            &[],
            "11 start, 111 start, 161 done, applied, 261 done, again",
        ),
        ("no timer", connected(), 2, 450, vec![], &[], "11 start, 461 done, applied"),
        ("extended", heartbeat(), 2, 450, vec![], &[], "11 start, 461 done, applied"),
        // A crash: back at 60, and its lease ends as if nothing had happened.
        ("crash", spec(), 1, 80, crashes.clone(), &[], "11 start, 111 start, 191 done, applied"),
        (
            "crash while extended",
            heartbeat(),
            1,
            80,
            crashes.clone(),
            &[],
            "11 start, 111 start, 191 done, applied",
        ),
        (
            "crash and taken over",
            reclaimed(),
            1,
            80,
            crashes.clone(),
            &[],
            "11 start, 111 start, 191 done, applied",
        ),
        (
            "crash and no timer",
            connected(),
            1,
            80,
            crashes,
            &[],
            "11 start, 61 start, 141 done, applied",
        ),
        // Paused from 50 on: no heartbeat, and nobody else to take it.
        ("paused", heartbeat(), 2, 150, vec![], pauses, "11 start, 161 done, applied"),
    ];
    for (name, spec, n, ms, failures, script, expected) in cases {
        let mut b = queue(spec, 1, workers(n, ms));
        b.failures = failures;
        assert_eq!(story(&scripted(&b, script)), expected, "{name}");
    }
}

/// The same until 495 ms, whether or not anything is left to be done.
fn to_the_end(mut b: Blueprint) -> Blueprint {
    // The source is too slow to emit again.
    b.services[0].sources[0].rate =
        Rate::parse("every 300ms", &mut |_| Err(String::new())).expect("valid");
    b.phases.duration = SimDuration::from_ms(595);
    b.phases.drain = SimDuration::ZERO;
    b
}

#[test]
fn a_message_comes_again_until_somebody_answers_in_time() {
    // From 300 on: leased at 300, 400 and 500, each time to the worker that is free.
    let b = to_the_end(queue(spec(), 1, workers(2, 150)));
    let expected = "301 start, 401 start, 451 done, applied, 501 start, 551 done, again";
    assert_eq!(story(&scripted(&b, &[])), expected);
    // The answer at 451 counts though another worker has it.
    let b = to_the_end(queue(reclaimed(), 1, workers(2, 150)));
    let expected = "301 start, 401 start, 451 done, applied, 551 done, again";
    assert_eq!(story(&scripted(&b, &[])), expected);
    // With order the answer at 451 does not count though nobody has it: it comes again at once.
    let b = to_the_end(queue(PullSpec { fifo: true, ..spec() }, 1, workers(1, 120)));
    let expected = "301 start, 421 done, applied, 422 start, 542 done, again, 543 start";
    assert_eq!(story(&scripted(&b, &[])), expected);
}

#[test]
fn a_zombie_that_finishes_late_has_applied_first() {
    let mut b = to_the_end(queue(
        PullSpec { heartbeat: true, ..spec() },
        1,
        Service { instances: 2, ..workers(1, 150) },
    ));
    b.phases.duration = SimDuration::from_ms(597);
    // The first instance stands still from 350 on, to which the world itself would add a delay.
    let log = scripted(&b, &[(350, |e, ctx| e.paused(ctx, 0, 1))]);
    assert_eq!(story(&log), "301 start, 401 start, 451 done, applied, 551 done, again");
}

#[test]
fn what_fails_comes_again_or_ends() {
    let failing = |attempts: u32, how: Option<Exhausted>| {
        let mut s = workers(1, 1);
        let h = &mut s.handlers[0];
        h.fails = Probability::ONE;
        h.attempts = attempts;
        h.consume.retry_in = RetryIn::Requeue;
        h.consume.on_exhausted = how;
        s
    };
    let delayed = PullSpec { nack_delay: SimDuration::from_ms(50), ..spec() };
    let limited = PullSpec { dlq_after: Some(2), ..spec() };
    let dlq = Some(Exhausted::Dlq);
    let (ends, dead) = ("was Leased and is Exhausted", "was Leased and is DeadLettered");
    // 1 ms there, 1 ms of work, 1 ms of pause, then back: 13.
    let cases = [
        ("dropped", spec(), failing(1, None), format!("11 start, 12 done, {ends}")),
        (
            "twice",
            spec(),
            failing(2, None),
            format!("11 start, 12 done, 14 start, 15 done, {ends}"),
        ),
        (
            "handed back for a while",
            delayed,
            failing(2, None),
            format!("11 start, 12 done, 64 start, 65 done, {ends}"),
        ),
        ("a dead letter", spec(), failing(1, dlq), format!("11 start, 12 done, {dead}")),
        (
            "too many receipts",
            limited,
            failing(9, None),
            "11 start, 12 done, 14 start, 15 done, was Stored and is DeadLettered".to_owned(),
        ),
    ];
    for (name, spec, service, expected) in cases {
        assert_eq!(story(&scripted(&queue(spec, 1, service), &[])), expected, "{name}");
    }
}

#[test]
fn dead_letters_that_are_too_old_do_not_return() {
    let mut s = workers(1, 1);
    s.handlers[0].fails = Probability::ONE;
    s.handlers[0].consume.on_exhausted = Some(Exhausted::Dlq);
    for (retention, starts) in [(60, 1), (100, 2)] {
        let spec = PullSpec { retention: Some(SimDuration::from_ms(retention)), ..spec() };
        let mut b = to_the_end(queue(spec, 1, s.clone()));
        b.phases.duration = SimDuration::from_ms(500);
        // Emitted at 300, dead at 302, redriven at 390.
        let log = scripted(&b, &[(390, |e, ctx| e.redrive(ctx, 0))]);
        assert_eq!(count(&log, "s1 starts"), starts, "{retention}: {log}");
        assert_eq!(count(&log, "is DeadLettered"), starts, "{retention}: {log}");
    }
}

#[test]
fn limits_hold() {
    // Nobody takes anything for the first 200 ms, in which nine events are emitted.
    let down = vec![crash(1, 1, 194)];
    let ms = SimDuration::from_ms;
    // Columns: applied, expired, thrown out.
    let cases = [
        ("none", spec(), [9, 0, 0]),
        // At 200 what was emitted up to 120 is gone.
        ("retention", PullSpec { retention: Some(ms(75)), ..spec() }, [0, 9, 0]),
        ("retention of some", PullSpec { retention: Some(ms(145)), ..spec() }, [4, 5, 0]),
        ("length", PullSpec { max_length: Some(3), ..spec() }, [3, 0, 6]),
    ];
    for (name, spec, expected) in cases {
        let mut b = queue(spec, 9, workers(9, 1));
        b.failures.clone_from(&down);
        let log = scripted(&b, &[]);
        let found = ["applied 0:", "is Expired", "is Overflow"].map(|text| count(&log, text));
        assert_eq!(found, expected, "{name}: {log}");
    }
}

#[test]
fn what_was_read_counts_towards_the_length_of_a_stream() {
    // Two workers hold what was emitted at 10 and 20. Of the last three, at 90, only those from 70
    // on are left.
    let stream = PullSpec { max_length: Some(3), ..connected() };
    let log = scripted(&queue(stream, 9, workers(2, 100)), &[]);
    assert_eq!(count(&log, "applied 0:"), 5, "{log}");
    assert_eq!(count(&log, "is Overflow"), 4, "{log}");
}

#[test]
fn messages_given_out_are_limited() {
    for (most, starts) in [(u64::MAX, "11 start, 21 start, 31 start"), (2, "11 start, 21 start")] {
        let spec = PullSpec { max_in_flight: most, ..spec() };
        let told = story(&scripted(&queue(spec, 3, workers(5, 50)), &[]));
        assert!(told.starts_with(&format!("{starts}, 61 done")), "{told}");
        // The answer at 61 lets the third go.
        assert_eq!(told.contains("62 start"), most == 2, "{told}");
    }
}

#[test]
fn an_instance_takes_what_its_workers_and_its_prefetch_have_room_for() {
    for (prefetch, of_its_own, batch, expected) in [
        (0, None, 10, 2),
        (3, None, 10, 5),
        (3, Some(1), 10, 3),
        (0, Some(30), 10, 9),
        (8, None, 1, 9),
    ] {
        let spec = PullSpec { batch, prefetch, ..connected() };
        let mut b = queue(spec, 9, workers(2, 1_000_000));
        b.services[1].handlers[0].consume.prefetch = of_its_own;
        let world = played(&b, &[]);
        let i = &world.instances[1];
        assert_eq!(i.busy as usize + i.inbox.len(), expected, "{prefetch} {of_its_own:?} {batch}");
    }
}

#[test]
fn short_polls_come_at_their_pace_and_may_find_nothing() {
    let short = || PullSpec { long_poll: None, ..spec() };
    // Polls at 0, 100, 200: the event of 10 is found at 100, and leaves its worker to ask at once.
    let told = story(&scripted(&queue(short(), 1, workers(1, 7)), &[]));
    assert_eq!(told, "101 start, 108 done, applied");
    let told = story(&scripted(&queue(short(), 3, workers(1, 7)), &[]));
    assert!(told.starts_with("101 start, 108 done, applied, 109 start"), "{told}");
    // Always the wrong servers, until there are 1000 messages: not yet at 1000, when 999 have come.
    let blind = PullSpec { empty_poll: Probability::ONE, ..short() };
    let b = via(EngineSpec::Pull(blind), 1, 1150, vec![workers(1, 7)]);
    let told = story(&scripted(&b, &[]));
    assert!(told.starts_with("1101 start"), "{told}");
}

#[test]
fn the_share_of_empty_polls_is_what_was_asked_for() {
    let p = Probability::new(0.3).expect("a probability");
    let spec =
        PullSpec { long_poll: None, empty_poll: p, poll: SimDuration::from_ms(10), ..spec() };
    // One event per 200 ms waits for a poll (5 ms before the next one) that finds it, and 10 ms for
    // each that does not: 0.3 / 0.7 of them on average.
    let n = 4000;
    let mut b = via(EngineSpec::Pull(spec), 205, 205 * n + 1, vec![workers(1, 0)]);
    b.max_events = 10_000_000;
    let log = scripted(&b, &[]);
    let mut waited = 0.0;
    for line in log.lines().filter(|l| l.contains("applied 0:")) {
        let at: f64 = line.split(' ').next().and_then(|t| t.parse().ok()).expect("an instant");
        let emitted = (at / 205.0).floor() * 205.0;
        waited += ((at - 1.0 - emitted) / 10.0).floor();
    }
    let (mean, sd) = (0.3 / 0.7, libm::sqrt(0.3) / 0.7);
    let slack = 4.0 * sd / libm::sqrt(n as f64);
    assert!((waited / n as f64 - mean).abs() < slack, "{}", waited / n as f64);
}

#[test]
fn lease_timer_oracle() {
    // Share of messages given out at least twice: the probability that work lasts longer than the
    // lease. A third receipt is not possible, so that each such message is applied once again.
    let spec = PullSpec { dlq_after: Some(2), ..spec() };
    let n = 20_000_u64;
    let mut s = workers(400, 1);
    s.handlers[0].steps = vec![Step::Work("~50ms".parse().expect("valid"))];
    let mut b = via(EngineSpec::Pull(spec), 1, n + 1, vec![s]);
    b.brokers[1].deliver = fixed(0);
    let mut log = scripted(&b, &[]);
    log.push('\n');
    let twice = count(&log, "applied 0 again") as f64 / n as f64;
    let p = libm::exp(-2.0);
    let slack = 4.0 * libm::sqrt(p * (1.0 - p) / n as f64);
    assert!((twice - p).abs() < slack, "{twice} instead of {p}");
}

#[test]
fn some_messages_are_given_out_twice() {
    let p = 0.1;
    let spec = PullSpec { duplicates: Probability::new(p).expect("a probability"), ..spec() };
    let n = 5000;
    let b = via(EngineSpec::Pull(spec), 1, n + 1, vec![workers(9, 1)]);
    let world = played(&b, &[]);
    let log = world.observer.0.join("\n");
    let twice = count(&log, "applied 0 again") as f64 / n as f64;
    assert!((twice - p).abs() < 4.0 * libm::sqrt(p * (1.0 - p) / n as f64), "{twice}");
    assert!(world.book.facts.len() <= 1, "nothing is kept");
}

#[test]
fn with_the_answer_before_the_work_a_crash_loses_it() {
    let mut b = queue(spec(), 1, workers(1, 80));
    b.services[1].handlers[0].consume.ack = Some(AckMode::Before);
    b.failures = vec![crash(1, 50, 5)];
    assert_eq!(story(&scripted(&b, &[])), "11 start, was Leased and is LostCrash");
}

#[test]
fn a_lost_node_takes_along_what_it_had_not_written() {
    // Nobody consumes until 200. At 35 the node that serves is lost, with what came after 15.
    let ms = SimDuration::from_ms;
    let base = || PullSpec { failover: ms(20), ..spec() };
    let node: Script = &[(35, |e, ctx| e.node_down(ctx, 0, false))];
    let both: Script = &[
        (35, |e, ctx| e.node_down(ctx, 0, false)),
        (36, |e, ctx| e.node_down(ctx, 1, false)),
        (72, |e, ctx| e.node_up(ctx, 1)),
    ];
    // Columns: applied, lost though confirmed, never taken.
    let cases = [
        ("written", base(), node, [7, 0, 2]),
        ("not written", PullSpec { unsynced: ms(20), ..base() }, node, [5, 2, 2]),
        ("both nodes", base(), both, [5, 0, 4]),
    ];
    for (name, spec, script, expected) in cases {
        let mut b = queue(spec, 9, workers(9, 1));
        b.brokers[1].nodes = 2;
        b.failures = vec![crash(1, 1, 194)];
        let log = scripted(&b, script);
        let texts = ["applied 0:", "is LostAcked", "is LostPublish"];
        assert_eq!(texts.map(|text| count(&log, text)), expected, "{name}: {log}");
    }
}

#[test]
fn copies_delay_the_confirmation_only() {
    let mut b = queue(PullSpec { replication: fixed(7), ..spec() }, 1, workers(1, 1));
    b.services[0].sources.clear();
    let emit = Emit::All(vec![Emission { event: EventTypeId(0), count: 1 }]);
    let mut api = handler(Trigger::Api("op".to_owned()), vec![Step::Emit(emit)]);
    api.publish = Publish { to: BrokerId(1), mode: PublishMode::Sync };
    b.services[0].handlers = vec![api];
    b.brokers[1].producer.acks = Acks::All;
    b.clients = vec![client(Operation { service: ServiceId(0), handler: 0 }, 10, 100, 1)];
    let log = scripted(&b, &[]);
    assert!(log.contains("17 c0 is answered after 7"), "{log}");
    assert!(log.contains("11 s1 starts"), "{log}");
}

/// Requests every 10 ms, each of which emits some events about an order of its own.
fn keyed(spec: PullSpec, counts: &[u32], ms: u64) -> Blueprint {
    let mut b = queue(spec, counts.len() as u64, workers(9, ms));
    b.services[0].sources.clear();
    let emit = |n: u32| Emit::All(vec![Emission { event: EventTypeId(0), count: n }]);
    let apis = counts.iter().enumerate().map(|(at, n)| {
        let steps = vec![Step::Write(EntityId(0)), Step::Emit(emit(*n))];
        let mut api = handler(Trigger::Api(format!("op{at}")), steps);
        api.publish = Publish::plain(BrokerId(1));
        api
    });
    b.services[0].handlers = apis.collect();
    b.services[0].write = fixed(0);
    // The client of the n-th operation asks once, at 10 n.
    let count = counts.len() as u32;
    b.clients = (0..count)
        .map(|n| {
            let every = 10 * (u64::from(n) + 1);
            let mut c = client(Operation { service: ServiceId(0), handler: n }, every, 900, 1);
            c.name = format!("web{n}");
            c
        })
        .collect();
    // Long enough for the last to ask once; the first ones ask more often unless there are few.
    b.phases.duration = SimDuration::from_ms(u64::from(count) * 10 + 5);
    b
}

fn starts(log: &str) -> Vec<u64> {
    let starts = log.lines().filter(|l| l.contains("s1 starts"));
    starts.filter_map(|l| l.split(' ').next()?.parse().ok()).collect()
}

#[test]
fn of_a_group_one_message_is_in_work_at_a_time() {
    let fifo = || PullSpec { fifo: true, ..spec() };
    assert_eq!(starts(&scripted(&keyed(spec(), &[3], 5), &[])), [11, 11, 11]);
    // Done at 16, and so on.
    assert_eq!(starts(&scripted(&keyed(fifo(), &[3], 5), &[])), [11, 17, 23]);
    // The answer takes 2 ms.
    let mut far = keyed(fifo(), &[3], 5);
    far.network.same_zone = fixed(2);
    assert_eq!(starts(&scripted(&far, &[])), [13, 21, 29]);
    // Three orders: at 10 and, by two operations, at 20. Those of 20 do not wait for those of 10.
    let log = scripted(&keyed(fifo(), &[2, 2], 50), &[]);
    assert_eq!(starts(&log), [11, 21, 21, 62, 72, 72]);
}

#[test]
fn a_blocked_group_may_fill_all_that_is_looked_at() {
    // Two messages are looked at: the three of 10, then the two orders of 20, with three and one.
    let spec = PullSpec { fifo: true, max_in_flight: 2, ..spec() };
    let log = scripted(&keyed(spec, &[3, 1], 30), &[]);
    // 11: the first of three; the second is looked at but blocked until 41. Then the third is,
    // and the others are not until 72: then the third and the first of the next order.
    assert_eq!(starts(&log)[..4], [11, 42, 73, 73], "{log}");
}

#[test]
fn a_group_goes_on_after_a_message_that_is_given_up_or_lost() {
    let fifo = |spec: PullSpec| PullSpec { fifo: true, ..spec };
    let mut b = keyed(fifo(spec()), &[3], 5);
    b.services[1].handlers[0].fails = Probability::ONE;
    for how in [Exhausted::Drop, Exhausted::Dlq] {
        b.services[1].handlers[0].consume.on_exhausted = Some(how);
        assert_eq!(starts(&scripted(&b, &[])), [11, 17, 23], "{how:?}");
    }
    // A lease that ends blocks its group until the same message is done.
    let b = keyed(fifo(PullSpec { dlq_after: Some(1), ..spec() }), &[2], 150);
    assert_eq!(starts(&scripted(&b, &[]))[..2], [11, 111]);
    // Of an order there is something at 10, twice at 15, and at 20. The node that serves loses the
    // two of 15: what is left stays in line.
    let lossy = PullSpec { unsynced: SimDuration::from_ms(3), ..spec() };
    let mut b = keyed(fifo(lossy), &[1], 40);
    b.brokers[1].nodes = 2;
    let emit = b.services[0].handlers[0].steps[1].clone();
    let steps = [work(5), emit.clone(), emit.clone(), work(5), emit];
    b.services[0].handlers[0].steps.extend(steps);
    let log = scripted(&b, &[(16, |e, ctx| e.node_down(ctx, 0, false))]);
    assert_eq!(starts(&log), [11, 52], "{log}");
    assert_eq!(count(&log, "is LostAcked"), 2, "{log}");
    assert_eq!(count(&log, "applied 0:"), 2, "{log}");
}

#[test]
fn what_was_published_before_is_recognised_for_some_time() {
    // A handler emits at 11, crashes at 15 and emits the same again when it is back at 25.
    for (window, expected) in [(None, [1, 1]), (Some(10), [1, 1]), (Some(50), [1, 0])] {
        let dedup = window.map(SimDuration::from_ms);
        let mut b = via(EngineSpec::Pull(PullSpec { dedup, ..spec() }), 10, 15, vec![]);
        b.events.push(EventType::new("E1"));
        b.services[0] = source(10);
        let emit = Emit::All(vec![Emission { event: EventTypeId(1), count: 1 }]);
        let mut first = handler(on(0), vec![Step::Emit(emit), work(20)]);
        first.publish = Publish::plain(BrokerId(1));
        let mut last = handler(on(1), vec![work(1)]);
        last.consume.via = BrokerId(1);
        b.services.push(service("first", vec![first]));
        b.services.push(service("last", vec![last]));
        b.failures = vec![crash(1, 15, 5)];
        let log = scripted(&b, &[]);
        let found = ["applied 1:", "applied 1 again"].map(|text| count(&log, text));
        assert_eq!(found, expected, "{window:?}: {log}");
    }
}

#[test]
fn handlers_of_one_service_take_turns() {
    // Two events a millisecond, and a worker that manages one: both handlers get their half.
    let mut s = service("s", vec![handler(on(0), vec![work(1)]), handler(on(1), vec![work(1)])]);
    s.workers = 1;
    let mut b = via(EngineSpec::Pull(connected()), 1, 1000, vec![s]);
    b.brokers[1].deliver = fixed(0);
    b.events.push(EventType::new("E1"));
    let mut other = b.services[0].sources[0].clone();
    other.event = EventTypeId(1);
    b.services[0].sources.push(other);
    b.phases.drain = SimDuration::ZERO;
    let log = scripted(&b, &[]);
    let (a, b) = (count(&log, "applied 0:"), count(&log, "applied 1:"));
    assert!(a + b > 990 && a.abs_diff(b) < 20, "{a} {b}");
}

#[test]
fn a_worker_that_takes_batches_asks_for_as_many() {
    let mut s = workers(1, 50);
    s.handlers[0].consume.batch =
        Some(BatchSpec { max: 3, wait: SimDuration::from_ms(5), each: fixed(0), bisect: false });
    // The first waits alone until 16. What came meanwhile is taken in threes, and the last two wait
    // 5 ms for another one.
    let log = scripted(&queue(spec(), 9, s), &[]);
    assert_eq!(starts(&log), [16, 67, 118, 174]);
    assert_eq!(count(&log, "applied 0:"), 9);
}

#[test]
fn what_answers_one_question_arrives_together_and_answers_may_overtake() {
    let b = |prefetch: u32, batch: u32| {
        let mut b = queue(PullSpec { batch, prefetch, ..connected() }, 9, workers(9, 0));
        b.brokers[1].deliver = "5ms..50ms".parse().expect("valid");
        b
    };
    let instants = |batch: u32| {
        // Nine messages wait for an instance that starts at 200.
        let mut b = b(0, batch);
        b.failures = vec![crash(1, 1, 194)];
        let log = scripted(&b, &[]);
        let mut at: Vec<&str> = log
            .lines()
            .filter(|l| l.contains("s1 starts"))
            .filter_map(|l| l.split(' ').next())
            .collect();
        at.dedup();
        at.len()
    };
    assert_eq!((instants(10), instants(1)), (1, 9));
    let in_order = |prefetch: u32| {
        let log = scripted(&b(prefetch, 10), &[]);
        let applied = log.lines().filter_map(|l| l.split_once(" applied 0: ["));
        let commits = applied.map(|(at, parts)| {
            let number = |text: &str| text.trim_end_matches(']').parse::<f64>().expect("a number");
            number(at) - parts.split(", ").map(number).sum::<f64>()
        });
        commits.collect::<Vec<f64>>().is_sorted()
    };
    assert!(!in_order(0), "each answer by itself");
    assert!(in_order(1), "a stream");
}
