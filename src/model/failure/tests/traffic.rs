//! Spikes, herds and hot keys.

use super::*;

fn outside(
    verb: Verb,
    sources: Vec<u32>,
    clients: Vec<ClientId>,
    at_ms: u64,
    for_ms: u64,
) -> Failure {
    Failure { verb, target: Target::Traffic { sources, clients }, ..crash(0, at_ms, for_ms) }
}

fn times(b: &Blueprint, what: &str) -> Vec<f64> {
    let log = run(b).observer.0;
    let hits = log.iter().filter(|l| l.contains(what));
    hits.filter_map(|l| l.split(' ').next()?.parse().ok()).collect()
}

#[test]
fn a_spike_moves_what_is_to_come() {
    // The arrival of 30 has half of its gap left at 25, which passes five times as fast.
    let mut b = tapped(60, 10, 1);
    b.failures = vec![outside(Verb::Spike(5.0), vec![0], vec![], 25, 8)];
    assert_eq!(times(&b, "s0 emits"), [10.0, 20.0, 26.0, 28.0, 30.0, 32.0, 38.0, 48.0, 58.0]);
    // Two multiply.
    b.failures.push(outside(Verb::Spike(2.0), vec![0], vec![], 25, 8));
    assert_eq!(times(&b, "s0 emits")[..5], [10.0, 20.0, 25.5, 26.5, 27.5]);
}

#[test]
fn a_spike_keeps_every_draw() {
    let mut b = asked(20_000, 10, 1);
    b.clients[0].load = Load::Open("100/s".parse().expect("valid"));
    let calm = times(&b, "c0 asks");
    b.failures = vec![outside(Verb::Spike(5.0), vec![], vec![ClientId(0)], 5_000, 1_000)];
    let spiked = times(&b, "c0 asks");
    let before = calm.iter().filter(|t| **t < 5_000.0).count();
    assert_eq!(calm[..before], spiked[..before]);
    // What is expected up to an arrival is what it was, but for rounding.
    let expected = |t: f64| t + 4.0 * (t - 5_000.0).clamp(0.0, 1_000.0);
    for (a, b) in calm.iter().zip(&spiked) {
        assert!((a - expected(*b)).abs() < 0.01, "{a} {b}");
    }
    let during = spiked.iter().filter(|t| (5_000.0..6_000.0).contains(*t)).count() as f64;
    // 500 expected, a standard deviation of 22.
    assert!((during - 500.0).abs() < 100.0, "{during}");
}

fn users(n: u32, think_ms: u64) -> Blueprint {
    let mut b = asked(100, 10, 1);
    b.services[1].workers = 10;
    b.clients[0].load = Load::Closed { users: n, think: fixed(think_ms) };
    b
}

#[test]
fn a_spike_shortens_thoughts() {
    // Asked at 20, answered at 23; 10 of 20 ms are left at 33 and take 5. Answered again at 41; 18
    // of the next 20 ms pass until 50, and 2 are left.
    let mut b = users(1, 20);
    b.failures = vec![outside(Verb::Spike(2.0), vec![], vec![ClientId(0)], 33, 17)];
    assert_eq!(times(&b, "c0 asks"), [20.0, 38.0, 52.0, 75.0, 98.0]);
}

#[test]
fn a_herd_of_users_asks_at_once_and_then_goes_on() {
    let mut b = users(3, 60);
    let herd = Verb::Herd { clients: None, spread: SimDuration::ZERO };
    b.failures = vec![outside(herd, vec![], vec![ClientId(0)], 30, 0)];
    assert_eq!(times(&b, "c0 asks"), [30.0, 30.0, 30.0, 93.0, 93.0, 93.0]);
    // Two of the three, and who waits for an answer is let alone.
    let herd = Verb::Herd { clients: Some(2), spread: SimDuration::ZERO };
    b.failures = vec![outside(herd, vec![], vec![ClientId(0)], 61, 0)];
    assert_eq!(times(&b, "c0 asks"), [60.0, 60.0, 60.0]);
    b.failures = vec![outside(herd, vec![], vec![ClientId(0)], 70, 0)];
    assert_eq!(times(&b, "c0 asks"), [60.0, 60.0, 60.0, 70.0, 70.0]);
}

#[test]
fn a_herd_of_an_open_loop_comes_beside_the_others_and_may_be_spread() {
    let mut b = asked(35, 10, 1);
    b.services[1].workers = 10;
    let herd = |spread| Verb::Herd { clients: Some(2), spread: SimDuration::from_ms(spread) };
    b.failures = vec![outside(herd(0), vec![], vec![ClientId(0)], 15, 0)];
    assert_eq!(times(&b, "c0 asks"), [10.0, 15.0, 15.0, 20.0, 30.0]);
    let mut b = asked(2_000, 1_999, 1);
    b.services[1].workers = 1_000;
    let herd = Verb::Herd { clients: Some(1_000), spread: SimDuration::from_ms(1_000) };
    b.failures = vec![outside(herd, vec![], vec![ClientId(0)], 500, 0)];
    let asks = times(&b, "c0 asks");
    assert_eq!(asks.len(), 1_001);
    let early = asks.iter().filter(|t| (500.0..750.0).contains(*t)).count();
    let last = asks[asks.len() - 2];
    // A quarter, with a standard deviation of 14.
    assert!((195..=305).contains(&early) && (1_400.0..1_500.0).contains(&last), "{early} {last}");
}

#[test]
fn a_hot_key_gets_its_share_of_new_events_while_it_lasts() {
    let of = |at_ms: u64, for_ms: u64| {
        let mut b = tapped(2_000, 1, 1);
        b.services[1].workers = 100;
        let popularity = Popularity::Uniform;
        b.entities[0].population = Some(Population { count: 1_000_000, popularity });
        b.events[0].key = Some(EntityId(0));
        let hot = Verb::Hot(Probability::new(0.5).expect("valid"));
        let target = Target::Events(EventTypeId(0));
        b.failures = vec![Failure { verb: hot, target, ..crash(0, at_ms, for_ms) }];
        let end = run(&b);
        end.book.identity.version_of_first(0)
    };
    // 1000 events of the second that it lasts: 500 expected, a standard deviation of 16.
    let seen = of(500, 1_000);
    assert!((430..=570).contains(&seen), "{seen}");
    assert_eq!(of(3_000, 1), 0);
}
