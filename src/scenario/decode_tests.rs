//! Text in; facts of the blueprint out.

use super::keys;
use super::meaning_tests::{HELLO, blueprint, check, good, meaning, variants};
use crate::model::{
    Blueprint, BreakerSpec, Budget, Emit, FailureTrigger, Guards, Load, RateLimit, Step, Target,
    ThrottleSpec, Trigger, Trip, Verb,
};
use crate::units::SimDuration;

#[test]
fn hello_is_read_with_its_defaults() {
    let variants = good(HELLO);
    assert_eq!(variants.len(), 1);
    let b = &variants[0].blueprint;
    assert_eq!(names(b), ["OrderPlaced"]);
    assert_eq!(b.max_events, 1_000_000_000);
    assert_eq!(b.phases.warmup, SimDuration::ZERO);
    assert_eq!(b.phases.duration, SimDuration::from_secs(60));
    assert_eq!(b.phases.drain, SimDuration::from_secs(600));
    assert_eq!(b.network.same_zone.to_string(), "150us p99 400us");
    assert_eq!(b.network.other_zone.to_string(), "500us p99 1.5ms");
    assert_eq!(b.network.other_region.to_string(), "40ms p99 60ms");
    assert_eq!(
        (b.brokers[0].name.as_str(), b.brokers[0].deliver.to_string()),
        ("bus", "1ms".into())
    );
    assert_eq!(b.zones.len(), 1);
    let email = &b.services[2];
    assert_eq!((email.instances, email.workers), (1, 1));
    assert_eq!(email.start, SimDuration::from_secs(5));
    assert_eq!(email.write.to_string(), "2ms");
    let handler = &email.handlers[0];
    assert_eq!(handler.attempts, 3);
    assert_eq!(handler.timeout, SimDuration::from_secs(1));
    assert_eq!(handler.backoff, crate::random::Backoff::default());
    assert_eq!(handler.retry.attempts, 1);
    assert!(matches!(&handler.steps[..], [Step::Work(takes)] if takes.to_string() == "30ms"));
    let source = &b.services[0].sources[0];
    assert_eq!(source.rate.to_string(), "100/s");
    let topology = &variants[0].topology;
    assert_eq!(topology.broker, "ideal bus, deliver 1ms");
    assert_eq!(topology.services[0].emits, ["OrderPlaced"]);
    assert_eq!(topology.services[1].on, ["OrderPlaced"]);
}

/// Every supported key, with a value that is not its default.
const EVERY_KEY: &str = r#"
schema = 1
title = "T"
question = "Q"
lesson = "L"
duration = "2m"
warmup = "10s"
drain = "1m"
seed = 7
seeds = 3
max_events = 5000
zones = ["eu/a", "us/b"]
[network]
same_zone = "1ms"
other_zone = "2ms"
other_region = "3ms"
[broker.nervous]
preset = "ideal"
deliver = "~2ms"
[service.shop]
instances = 3
workers = 2
zone = "us/b"
start = "7s"
balance = "least-loaded"
store = { write = "9ms" }
emits.Tick = { rate = ["0s 100/s", "30s 500/s"], burst = "geometric 4" }
emits.Tack = { rate = "every 10ms", burst = 5 }
api.do = { do = ["4ms", "write order", "emit D x100", "call psp.charge"] }
on.Tick = "file lat.csv"
on.Tack = "1ms"
on.B = "1ms"
on.C = "1ms"
on.D = { takes = "1ms", attempts = 9, fails = "1%" }
[service.shop.api.buy]
takes = "4ms"
calls = [["psp.charge", "psp.check"], "psp.log"]
writes = ["order", "line"]
emits = ["B 30%", "C 70%"]
fails = "2%"
attempts = 2
backoff = "1s fixed"
timeout = "3s"
retry = { attempts = 4, backoff = "~2s" }
[service.psp]
api.charge = "5ms"
api.check = "5ms"
api.log = "5ms"
[client.web]
calls = "shop.buy"
rate = "200/s"
timeout = "2s"
retry = { attempts = 3, backoff = "100ms..2s exp", budget = { deposit = 0.5, cost = 2, size = 10 } }
zone = "us/b"
deadline = true
cancel = true
hedge = "10ms"
pool = 7
health = true
breaker = { consecutive = 5, open = "3s", probes = 1 }
bulkhead = 9
throttle = { k = 1.5 }
rate_limit = { "shop.buy" = "100/s burst 20" }
slo = "9s"
[client.lab]
calls = ["shop.do"]
users = 50
think = "~2s"
[[failure]]
name = "night"
crash = "30% of shop"
at = "20s"
for = "5s"
[[failure]]
slow = { psp = "4x" }
every = "30s"
for = "1s"
[[failure]]
slow = "shop[2]"
at = "21s"
[[failure]]
crash = "psp"
at = "22s"
off = true
[expect]
shop.lag.p99 = "< 2s"
"#;

#[test]
fn every_key_of_the_file_and_of_services_is_decoded() {
    assert_eq!(check(EVERY_KEY), "");
    let m = meaning(EVERY_KEY).1.expect("a scenario");
    assert_eq!((m.info.title.as_str(), m.info.question.as_str()), ("T", "Q"));
    assert_eq!((m.info.lesson.as_str(), m.seed, m.seeds), ("L", 7, 3));
    let b = &m.variants[0].blueprint;
    assert_eq!(b.phases.traffic_end(), crate::units::SimTime::from_ns(130_000_000_000));
    assert_eq!((b.phases.drain, b.max_events), (SimDuration::from_secs(60), 5000));
    assert_eq!((b.zones[1].name.as_str(), b.zones[1].region.as_str()), ("b", "us"));
    assert_eq!(b.network.other_region.to_string(), "3ms");
    assert_eq!(
        (b.brokers[0].name.as_str(), b.brokers[0].deliver.to_string()),
        ("nervous", "~2ms".into())
    );
    assert_eq!(b.entities.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["order", "line"]);
    assert_eq!(names(b), ["Tick", "Tack", "D", "B", "C"]);
    let shop = &b.services[0];
    assert_eq!((shop.instances, shop.workers, shop.zone.map(|z| z.0)), (3, 2, Some(1)));
    assert_eq!(shop.start, SimDuration::from_secs(7));
    assert_eq!(shop.balance, crate::model::Balance::LeastLoaded);
    assert_eq!(shop.write.to_string(), "9ms");
    assert_eq!(shop.sources[0].burst.mean(), 4.0);
    assert_eq!(shop.sources[1].burst.mean(), 5.0);
    assert_eq!(shop.sources[0].rate.peak_per_s(), 500.0);
}

#[test]
fn every_guard_of_a_client_is_decoded() {
    let b = blueprint(EVERY_KEY);
    let (web, lab) = (&b.clients[0], &b.clients[1]);
    let tokens = Budget::Tokens { deposit: 500_000, cost: 2_000_000, size: 10_000_000 };
    assert_eq!(web.retry.budget, Some(tokens));
    let limit = RateLimit { every: SimDuration::from_ms(10), burst: 20 };
    let breaker =
        BreakerSpec { trip: Trip::Consecutive(5), open: SimDuration::from_secs(3), probes: 1 };
    let expected = Guards {
        deadline: true,
        cancel: true,
        hedge: Some(SimDuration::from_ms(10)),
        pool: Some(7),
        health: true,
        breaker: Some(breaker),
        bulkhead: Some(9),
        limits: vec![(web.calls, limit)],
        throttle: Some(ThrottleSpec { k: 1.5, window: SimDuration::from_secs(120) }),
    };
    assert_eq!(web.guards, expected);
    assert_eq!((&lab.guards, lab.retry.budget), (&Guards::default(), None));
}

#[test]
fn true_and_a_share_stand_for_whole_guards() {
    let base = "[service.s]\napi.op = \"1ms\"\n[client.web]\nrate = \"1/s\"\ncalls = \"s.op\"\n";
    let web = |keys: &str| blueprint(&format!("{base}{keys}")).clients.remove(0);
    let half = "50%".parse().unwrap();
    let shares = Trip::Share {
        window: 100,
        calls: 100,
        failures: half,
        slow: SimDuration::from_secs(60),
        slow_calls: crate::units::Probability::ONE,
    };
    let breaker = BreakerSpec { trip: shares, open: SimDuration::from_secs(60), probes: 10 };
    assert_eq!(web("breaker = true").guards.breaker, Some(breaker));
    assert_eq!(web("breaker = false").guards.breaker, None);
    let budget =
        |text: &str| web(&format!("retry = {{ attempts = 3, budget = {text} }}")).retry.budget;
    let tokens = Budget::Tokens { deposit: 100_000, cost: 1_000_000, size: 100_000_000 };
    assert_eq!(budget("true"), Some(tokens));
    assert_eq!(budget("\"50%\""), Some(Budget::Share(half)));
}

#[test]
fn guards_that_contradict_themselves_are_refused() {
    let base = "[service.s]\napi.op = \"1ms\"\napi.other = \"1ms\"\n\
                [client.aside]\nrate = \"1/s\"\ncalls = \"s.other\"\n\
                [client.web]\nrate = \"1/s\"\ncalls = \"s.op\"\n";
    for (keys, code) in [
        ("hedge = \"1s\"", "E109"),
        ("breaker = { consecutive = 5, window = 10 }", "E109"),
        ("breaker = { window = 10 }", "E109"),
        ("breaker = { failures = \"0%\" }", "E106"),
        ("breaker = 5", "E103"),
        ("throttle = { k = 0.5 }", "E106"),
        ("throttle = \"hard\"", "E103"),
        ("retry = { attempts = 2, budget = { size = 0.5 } }", "E109"),
        ("retry = { attempts = 2, budget = 0.1 }", "E104"),
        ("retry = { budget = true }", "W106"),
        ("rate_limit = \"5/s\"", "E103"),
        ("rate_limit = { \"s.op\" = \"5\" }", "E105"),
        ("rate_limit = { \"s.nothing\" = \"5/s\" }", "E112"),
        ("rate_limit = { \"s.other\" = \"5/s\" }", "E109"),
    ] {
        let said = check(&format!("{base}{keys}\n"));
        assert!(said.contains(code), "{keys}: {said}");
    }
    let said =
        check(&format!("{base}[service.t]\nemits.E = \"1/s\"\non.E = {{ cancel = true }}\n"));
    assert!(said.contains("W106"), "{said}");
    let said = check(&format!("{base}[service.s.backlog]\ntarget = \"7ms\"\n"));
    assert!(said.contains("W106"), "{said}");
}

#[test]
fn every_key_of_handlers_is_decoded() {
    let b = blueprint(EVERY_KEY);
    let shop = &b.services[0];
    let buy = shop.handlers.iter().find(|h| h.trigger == Trigger::Api("buy".into())).unwrap();
    let kinds: Vec<String> = buy
        .steps
        .iter()
        .map(|s| match s {
            Step::Work(takes) => format!("work {takes}"),
            Step::Call(calls) => format!("call {}", calls.len()),
            Step::Write(entity) => format!("write {}", entity.0),
            Step::Emit(Emit::All(all)) => format!("all {}", all.len()),
            Step::Emit(Emit::OneOf(one)) => {
                let shares: Vec<f64> = one.iter().map(|(share, _)| share.get()).collect();
                format!("one of {shares:?}")
            }
        })
        .collect();
    let order = ["work 4ms", "call 2", "call 1", "write 0", "write 1", "one of [0.3, 0.7]"];
    assert_eq!(kinds, order);
    assert_eq!((buy.fails.get(), buy.attempts), (0.02, 2));
    assert_eq!(buy.backoff.to_string(), "1s fixed");
    assert_eq!((buy.timeout, buy.retry.attempts), (SimDuration::from_secs(3), 4));
    let listed = shop.handlers.iter().find(|h| h.trigger == Trigger::Api("do".into())).unwrap();
    assert!(matches!(
        &listed.steps[..],
        [Step::Work(_), Step::Write(_), Step::Emit(Emit::All(all)), Step::Call(_)]
            if all[0].count == 100
    ));
    assert_eq!(listed.attempts, 1);
}

#[test]
fn every_key_of_clients_and_failures_is_decoded() {
    let variant = variants(EVERY_KEY).remove(0);
    let b = &variant.blueprint;
    assert_eq!(b.clients[0].zone.0, 1);
    assert_eq!(b.clients[0].retry.backoff.to_string(), "100ms..2s exp");
    let Load::Closed { users: 50, think } = &b.clients[1].load else { panic!("50 users") };
    assert_eq!(think.to_string(), "~2s");
    assert_eq!(b.clients[1].timeout, SimDuration::from_secs(1));
    let names: Vec<&str> = b.failures.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["night", "slow psp", "slow shop[2]"]);
    assert_eq!(struck(b, 0), [0]);
    assert_eq!(b.failures[0].lasts, Some(SimDuration::from_secs(5)));
    assert_eq!(b.failures[1].verb, Verb::Slow(4.0));
    assert_eq!(b.failures[1].trigger, FailureTrigger::Every(SimDuration::from_secs(30)));
    assert_eq!((b.failures[2].verb, &struck(b, 2)[..]), (Verb::Slow(10.0), &[2][..]));
    assert_eq!([b.clients[0].slo, b.clients[1].slo], [Some(SimDuration::from_secs(9)), None]);
    assert_eq!(variant.topology.clients[1].load, "closed loop, 50 users, think ~2s");
}

#[test]
fn the_list_of_keys_and_the_tests_keep_step() {
    for (place, name) in [
        keys::Place::Root,
        keys::Place::Network,
        keys::Place::Client,
        keys::Place::Retry,
        keys::Place::Ideal,
    ]
    .into_iter()
    .flat_map(|place| keys::names(place).into_iter().map(move |name| (place, name)))
    {
        let elsewhere = ["extends", "remove", "variant", "event", "entity"];
        let said = EVERY_KEY.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name);
        assert!(said || elsewhere.contains(&name), "{name} of {place:?} is not tested");
    }
}

#[test]
fn every_default_is_of_the_kind_that_its_key_takes() {
    use crate::random::{Backoff, Variate};
    use keys::Grammar;
    let all = keys::KEYS.iter().flat_map(|group| group.iter());
    for key in all.filter(|k| !k.default.is_empty()) {
        let fine = match key.grammar {
            Grammar::Duration => key.default.parse::<SimDuration>().is_ok(),
            Grammar::Distribution => key.default.parse::<Variate>().is_ok(),
            Grammar::Share => key.default.parse::<crate::units::Probability>().is_ok(),
            Grammar::Backoff => key.default.parse::<Backoff>().is_ok(),
            Grammar::Whole(min, max) => {
                key.default.replace('_', "").parse().is_ok_and(|n: u64| (min..=max).contains(&n))
            }
            Grammar::Number => key.default.parse::<f64>().is_ok(),
            Grammar::Burst => key.default == "1",
            Grammar::Choice(words) => words.contains(&key.default),
            Grammar::Truth => ["true", "false"].contains(&key.default),
            Grammar::Target => {
                let links = ["1%", "1% ~100ms", "1% ~50ms", "100ms"];
                let others = ["10x", "5x", "50%", "1%/m", "20% 5x", "0.1%", "5m"];
                links.contains(&key.default) || others.contains(&key.default)
            }
            // The tests of `quantities` read the defaults of these.
            Grammar::Size | Grammar::SizeOrNone | Grammar::Capacity | Grammar::Ack => true,
            Grammar::Acks => key.default == "all",
            Grammar::Popularity => key.default == "uniform",
            Grammar::DurationOrNone => {
                key.default == "none" || key.default.parse::<SimDuration>().is_ok()
            }
            Grammar::WholeOrNone(..) => key.default == "none",
            _ => false,
        };
        assert!(fine, "{} = {}", key.name, key.default);
    }
}

fn names(b: &Blueprint) -> Vec<&str> {
    b.events.iter().map(|e| e.name.as_str()).collect()
}

fn struck(b: &Blueprint, failure: usize) -> Vec<u32> {
    match &b.failures[failure].target {
        Target::Instances { instances, .. } => instances.clone(),
        other => panic!("{other:?}"),
    }
}
