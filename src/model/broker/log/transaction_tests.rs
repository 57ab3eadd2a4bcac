//! Transactions, as whoever reads what comes of them sees it.

use super::tests::*;
use crate::model::testing::*;

/// A source, a service that makes E1 of each E0, and one that hears E1: all by one log. The
/// subscription of the latter is [`READER`].
fn chain(rate: &str, secs: u64, spec: LogSpec, work_ms: u64) -> Blueprint {
    let mut b = world(rate, secs, spec, work_ms);
    b.events.push(EventType::new("E1"));
    let output = Emission { event: EventTypeId(1), count: 1 };
    let transform = &mut b.services[1].handlers[0];
    transform.steps.push(Step::Emit(Emit::All(vec![output])));
    transform.consume.ack = Some(AckMode::Transaction);
    b.services.push(service("reader", vec![handler(on(1), vec![work(1)])]));
    b.brokers[0].producer.idempotent = true;
    b
}

const READER: u32 = 1;

/// The same without transactions.
fn plain(mut b: Blueprint, every_ms: u64) -> Blueprint {
    let every = SimDuration::from_ms(every_ms);
    b.services[1].handlers[0].consume.ack = Some(AckMode::Interval(every));
    b
}

/// A world in which nothing takes time.
fn instant(rate: &str, secs: u64) -> Blueprint {
    let mut b = chain(rate, secs, LogSpec { replication: fixed(0), ..log(4) }, 0);
    b.services[2].handlers[0].steps = vec![work(0)];
    (b.brokers[0].publish, b.brokers[0].deliver) = (fixed(0), fixed(0));
    b
}

fn read(w: &World<Watch>) -> &[(f64, f64)] {
    w.observer.applied_by.get(&READER).map_or(&[], Vec::as_slice)
}

fn twice(w: &World<Watch>, subscription: u32) -> u64 {
    w.observer.again_by.get(&subscription).copied().unwrap_or(0)
}

/// Everything was read, and nothing twice.
fn exactly_once(w: &World<Watch>, name: &str) {
    let made = w.observer.opened_by[&READER];
    assert_eq!(read(w).len() as u64, made, "{name}: {:?}", w.observer.ended);
    assert_eq!(twice(w, READER), 0, "{name}");
}

#[test]
fn outputs_are_shown_at_the_beats_of_a_clock() {
    // Published in 1 ms, copied in 1, delivered in 1, worked on for 2: emitted 5 ms after its
    // cause, safe 2 ms later.
    let b = chain("every 10ms", 3, log(1), 2);
    let (w, rest) = run(&plain(b.clone(), 1000), &[]);
    assert!(rest);
    assert!(read(&w).iter().all(|(at, from)| at - from == 4.0), "{:?}", read(&w));
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    exactly_once(&w, "by the clock");
    // A beat finds the member at work or its output not safe, and waits for that, or neither.
    let first = read(&w)[0].0 - 2.0;
    let in_cycle = first % 10.0;
    assert!(!(3.0..6.999).contains(&in_cycle), "{first}");
    // The last beat finds nothing in work.
    for (at, from) in read(&w).iter().filter(|(_, from)| *from < 2_850.0) {
        let safe = from + 2.0;
        let shown = first + ((safe - first) / 100.0).ceil().max(0.0) * 100.0;
        // In one answer, worked on one after the other.
        let before = ((shown - safe) / 10.0).floor();
        let rank = if shown == first { (from - 15.0) / 10.0 } else { 9.0 - before };
        assert!((at - (shown + 2.0 + rank)).abs() < 1e-6, "{from} at {at}: {shown} {rank}");
    }
}

#[test]
fn a_commit_costs_half_its_interval_on_average() {
    let b = instant("100/s", 200);
    let (w, rest) = run(&plain(b.clone(), 1000), &[]);
    assert!(rest);
    assert!(read(&w).iter().all(|(at, from)| at == from));
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    exactly_once(&w, "at once");
    let lags: Vec<f64> = read(&w).iter().map(|(at, from)| at - from).collect();
    let n = lags.len() as f64;
    let mean = lags.iter().sum::<f64>() / n;
    // Uniform over 100 ms: 28.9 ms of deviation, four errors of the mean.
    assert!((mean - 50.0).abs() < 4.0 * 28.9 / n.sqrt(), "{mean} of {n}");
    let most = lags.iter().fold(0.0f64, |most, lag| most.max(*lag));
    assert!(most > 99.0 && most <= 100.0, "{most}");
}

#[test]
fn a_crash_in_a_transaction_repeats_work_and_shows_nothing_twice() {
    let mut duplicates = 0;
    for rebalance in [Rebalance::Eager, Rebalance::Cooperative, Rebalance::Server] {
        for (instances, is_static, at) in
            [(1, false, 10_000), (1, true, 10_031), (2, false, 10_052), (3, true, 10_073)]
        {
            let name = format!("{rebalance:?} {instances} {is_static} {at}");
            let mut b = chain("400/s", 40, LogSpec { rebalance, ..log(4) }, 1);
            b.services[1].instances = instances;
            b.services[1].static_id = is_static;
            b.failures = vec![crash_of(0, at, 1_000)];
            let (w, rest) = run(&b, &[]);
            assert!(rest, "{name}");
            exactly_once(&w, &name);
            assert_eq!(w.observer.ended.len(), 0, "{name}: {:?}", w.observer.ended);
            // Of about 100 ms of its share the work is done again.
            let again = twice(&w, 0);
            assert!(again <= 45, "{name}: {again}");
            duplicates += again;
            let (w, rest) = run(&plain(b, 100), &[]);
            assert!(rest, "{name}");
            assert_eq!(twice(&w, READER), twice(&w, 0), "{name}");
        }
    }
    assert!(duplicates > 0);
}

#[test]
fn without_transactions_a_crash_shows_outputs_twice() {
    let mut b = plain(chain("400/s", 20, log(4), 1), 5_000);
    b.failures = vec![crash_of(0, 9_000, 1_000)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    // A commit every 5 s: about 4 s of 400/s.
    assert!(twice(&w, READER) > 1_000, "{}", twice(&w, READER));
}

#[test]
fn what_a_crash_leaves_open_is_closed_when_the_coordinator_looks() {
    // Two members, whose outputs are in the same partitions. One dies after 12 s: what the other
    // one commits waits behind what that one has left, for 10 s and until the next look, at 30 s.
    let mut b = chain("400/s", 60, log(2), 1);
    b.services[1].instances = 2;
    spec(&mut b).rebalance = Rebalance::Server;
    // With three outputs each, whose partitions alternate, both write to both.
    let outputs = Emission { event: EventTypeId(1), count: 3 };
    b.services[1].handlers[0].steps[1] = Step::Emit(Emit::All(vec![outputs]));
    b.services[2].handlers[0].steps = vec![work(0)];
    let mut stood = 0;
    for at in [12_000, 12_020, 12_040, 12_060, 12_080] {
        b.failures = vec![crash_of(0, at, 100_000)];
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        exactly_once(&w, "open");
        let times: Vec<f64> = read(&w).iter().map(|(at, _)| *at).collect();
        let (mut longest, mut until) = (0.0, 0.0);
        for pair in times.windows(2).filter(|pair| pair[1] < 40_000.0) {
            if pair[1] - pair[0] > longest {
                (longest, until) = (pair[1] - pair[0], pair[1]);
            }
        }
        if longest > 1_000.0 {
            assert!((17_000.0..18_100.0).contains(&longest), "{at}: {longest}");
            assert!((30_000.0..30_110.0).contains(&until), "{at}: {until}");
            stood += 1;
        }
    }
    // Only what dies right after a beat leaves nothing.
    assert!(stood >= 4, "{stood}");
}

#[test]
fn whoever_is_given_up_cannot_show_anything() {
    // Silent for longer than its session, and back: it worked on meanwhile, in vain.
    let mut b = chain("200/s", 100, log(4), 1);
    b.services[1].instances = 2;
    for (from, to) in [(20_000, 80_000), (20_000, 40_000), (20_000, 33_000), (20_000, 20_500)] {
        let (w, rest) = run(&b, &[(from, Deed::Pause(0)), (to, Deed::Resume(0))]);
        assert!(rest, "{to}");
        exactly_once(&w, &format!("{to}"));
        assert_eq!(w.observer.ended.len(), 0, "{to}: {:?}", w.observer.ended);
    }
}

#[test]
fn members_that_come_and_go_commit_what_they_did() {
    for rebalance in [Rebalance::Eager, Rebalance::Cooperative, Rebalance::Server] {
        let mut b = chain("400/s", 60, LogSpec { rebalance, ..log(4) }, 1);
        b.services[1].instances = 2;
        let script = [(20_013, Deed::Stop(0)), (40_000, Deed::Join(0))];
        let (w, rest) = run(&b, &script);
        assert!(rest);
        exactly_once(&w, &format!("{rebalance:?}"));
        assert_eq!((twice(&w, 0), w.observer.ended.len()), (0, 0), "{rebalance:?}");
    }
}

#[test]
fn nodes_that_stop_neither_lose_nor_double_what_is_in_a_transaction() {
    let mut b = chain("200/s", 60, log(4), 1);
    b.services[1].instances = 2;
    for script in [
        vec![(10_020, Deed::Down(0)), (12_000, Deed::Up(0))],
        vec![(10_020, Deed::Down(1)), (40_000, Deed::Up(1))],
        // For longer than a transaction may be open.
        vec![(10_020, Deed::Down(0)), (10_030, Deed::Down(1)), (33_000, Deed::Up(0))],
    ] {
        let (w, rest) = run(&b, &script);
        assert!(rest, "{script:?}");
        exactly_once(&w, &format!("{script:?}"));
        assert_eq!(w.observer.ended.len(), 0, "{script:?}: {:?}", w.observer.ended);
    }
}

#[test]
fn an_unclean_leader_may_lose_what_was_open() {
    let mut b = chain("200/s", 60, log(2), 1);
    b.services[1].instances = 2;
    let script = [(10_020, Deed::Unclean(0)), (40_000, Deed::Up(0))];
    let (w, rest) = run(&b, &script);
    assert!(rest);
    assert_eq!(twice(&w, READER), 0);
    let lost: u64 = w.observer.ended.values().sum();
    let applied: u64 = w.observer.applied_by.values().map(|a| a.len() as u64).sum();
    assert_eq!(
        applied - w.observer.resurrected + lost,
        w.observer.opened,
        "{:?}",
        w.observer.ended
    );
    assert!(w.observer.ended(Fate::LostAcked) > 0, "{:?}", w.observer.ended);
}

#[test]
fn a_failed_attempt_leaves_nothing_behind() {
    for (attempts, how) in [(1, Exhausted::Skip), (3, Exhausted::Skip), (2, Exhausted::Dlq)] {
        let mut b = chain("200/s", 50, log(4), 1);
        let h = &mut b.services[1].handlers[0];
        // What it calls fails after it has emitted.
        h.steps.push(Step::Call(vec![Operation { service: ServiceId(3), handler: 0 }]));
        h.attempts = attempts;
        h.consume.on_exhausted = Some(how);
        let mut asked = handler(Trigger::Api("ask".to_owned()), vec![work(1)]);
        asked.fails = Probability::new(0.5).expect("valid");
        b.services.push(service("asked", vec![asked]));
        let (w, rest) = run(&b, &[]);
        assert!(rest);
        let given_up = w.observer.ended(Fate::Exhausted) + w.observer.ended(Fate::DeadLettered);
        assert!(given_up > 0);
        assert_eq!(w.observer.ended(Fate::LostAborted), given_up, "{attempts}");
        let made = w.observer.opened_by[&READER];
        assert_eq!(read(&w).len() as u64 + given_up, made, "{attempts}");
        assert_eq!((twice(&w, READER), w.observer.resurrected), (0, 0), "{attempts}");
    }
}

#[test]
fn what_its_service_takes_for_done_is_not_emitted_again() {
    let mut b = chain("400/s", 40, log(4), 1);
    b.services[1].memory.dedup = Dedup::Inbox;
    b.failures = vec![crash_of(0, 10_073, 1_000)];
    let (w, rest) = run(&b, &[]);
    assert!(rest);
    let lost = w.observer.ended(Fate::LostAborted);
    // The inbox is not part of the transaction.
    assert!(lost > 0);
    assert_eq!(read(&w).len() as u64 + lost, w.observer.opened_by[&READER]);
    assert_eq!((twice(&w, 0), twice(&w, READER)), (0, 0));
}
