//! Guarded calls come to rest whatever fails meanwhile.

use super::overlap::{VERBS, assert_recovery, busy, strike};
use super::*;

fn budget() -> impl Strategy<Value = Option<Budget>> {
    let tokens = Budget::Tokens { deposit: 100_000, cost: 1_000_000, size: 5_000_000 };
    let half = Probability::new(0.5).expect("valid");
    prop_oneof![Just(None), Just(Some(tokens)), Just(Some(Budget::Share(half)))]
}

fn breaker(ms: u64) -> impl Strategy<Value = Option<BreakerSpec>> {
    let half = Probability::new(0.5).expect("valid");
    let t = move |n: u64| SimDuration::from_ms(n * ms);
    let shares = Trip::Share { window: 6, calls: 4, failures: half, slow: t(9), slow_calls: half };
    let of = move |trip, probes| Some(BreakerSpec { trip, open: t(20), probes });
    prop_oneof![Just(None), Just(of(shares, 3)), Just(of(Trip::Consecutive(2), 1))]
}

fn guards(ms: u64) -> impl Strategy<Value = Guards> {
    let t = move |n: u64| SimDuration::from_ms(n * ms);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let places = (prop::option::of(1u32..4), prop::option::of(1u32..4));
    (switches, places, prop::option::of(1u64..9), breaker(ms)).prop_map(
        move |((deadline, cancel, health, throttle, limit), (pool, bulkhead), hedge, breaker)| {
            let limit = limit.then_some((BACK, RateLimit { every: t(9), burst: 2 }));
            Guards {
                deadline,
                cancel,
                hedge: hedge.map(t),
                pool,
                health,
                breaker,
                bulkhead,
                limits: limit.into_iter().collect(),
                throttle: throttle.then_some(ThrottleSpec { k: 1.5, window: t(60) }),
            }
        },
    )
}

fn policy(ms: u64) -> impl Strategy<Value = BacklogPolicy> {
    let t = move |n: u64| SimDuration::from_ms(n * ms);
    prop_oneof![
        Just(BacklogPolicy::RejectNew),
        Just(BacklogPolicy::DropOldest),
        Just(BacklogPolicy::Lifo),
        Just(BacklogPolicy::Random),
        Just(BacklogPolicy::Deadline),
        Just(BacklogPolicy::Codel { target: t(1), interval: t(10) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn guarded_calls_come_to_rest_whatever_fails(
        strikes in prop::collection::vec(strike(), 0..6),
        (of_client, of_handler) in (guards(1), guards(1)),
        (budget, tries, balance) in (budget(), 1u32..4, 0usize..4),
        (first, second) in (policy(1), policy(1)),
        (cap, patience) in (prop::option::of(0u64..5), prop::option::of(1u64..20)),
        (struck, lets_in, batch) in (1u32..3, any::<bool>(), any::<bool>()),
        (blocking, asks_on) in (any::<bool>(), any::<bool>()),
    ) {
        let t = SimDuration::from_ms;
        let mut b = busy(1);
        b.failures = strikes
            .into_iter()
            .map(|(verb, instances, begins, lasts)| {
                let mut f = failure(VERBS[verb], instances, begins / 1_000, lasts / 1_000);
                if instances <= struck {
                    let instances = (0..instances.min(2)).collect();
                    f.target = Target::Instances { service: ServiceId(2), instances };
                }
                f
            })
            .collect();
        b.clients[0].timeout = t(12);
        b.clients[0].retry = Retry { attempts: tries, budget, ..b.clients[0].retry.clone() };
        b.clients[0].guards = Guards { limits: Vec::new(), ..of_client };
        let patience = patience.map(fixed);
        let s = &mut b.services[1];
        s.handlers[1].guards = of_handler;
        s.handlers[1].timeout = t(10);
        s.handlers[1].retry = Retry { attempts: tries, budget, ..s.handlers[1].retry.clone() };
        s.handlers[1].blocking = blocking;
        if asks_on {
            s.handlers[3].steps.insert(0, Step::Call(vec![BACK, BACK]));
            s.handlers[3].blocking = blocking;
            s.handlers[3].timeout = t(10);
        }
        s.handlers[3].limit = lets_in.then_some(RateLimit { every: t(4), burst: 3 });
        s.backlog = Backlog { cap, policy: first };
        s.patience.clone_from(&patience);
        s.balance = [Balance::RoundRobin, Balance::Random, Balance::LeastLoaded,
            Balance::TwoChoices][balance];
        if batch {
            s.handlers[0].consume.batch =
                Some(BatchSpec { max: 3, wait: t(5), each: fixed(1), bisect: true });
        }
        let back = &mut b.services[2];
        back.instances = 2;
        back.handlers[0].steps = vec![Step::Work(fixed(6))];
        back.backlog = Backlog { cap, policy: second };
        back.patience = patience;
        assert_recovery(&b, t(50));
    }
}
