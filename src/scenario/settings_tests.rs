//! What `set` may change, what it may not, and that each change takes effect.

use super::meaning_tests::{blueprint, check};
use crate::model::{Blueprint, Verb};
use crate::probe::{Control, Entry, Part, Replay, Shape, simulate};
use crate::units::SimTime;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// A scenario with most things that change, and a `set` in place of `@`.
fn with(broker: &str, set: &str) -> String {
    format!(
        "duration = \"4s\"\nnetwork = \"1ms\"\n[broker.bus]\n{broker}\n[service.shop]\n\
         emits.E = {{ rate = \"90/s\" }}\n[service.email]\ninstances = 2\nstart = \"50ms\"\nstore = {{ connections = 4, write = \"~9ms\" }}\n\
         [service.email.on.E]\ntakes = \"~20ms\"\nwrites = \"o\"\ncalls = \"psp.op\"\nfails = \"5%\"\n\
         [service.psp]\ninstances = 2\napi.op = {{ takes = \"~5ms\", emits = \"F x2\", fails = \"15%\", publish = \"sync\" }}\n\
         [service.log]\non.F = {{ takes = \"~2ms\" }}\n[client.web]\ncalls = \"psp.op\"\nrate = \"20/s\"\n{set}"
    )
}

fn set(path: &str, value: &str) -> String {
    format!("[[failure]]\nset = {{ \"{path}\" = {value} }}\nat = \"1s\"\nfor = \"2s\"\n")
}

/// The histories of all components.
fn histories(blueprint: &Blueprint) -> Part {
    let mut all = Part::new();
    for part in Replay::new(blueprint, 1, 0) {
        all.resize(part.len(), Vec::new());
        for (all, part) in all.iter_mut().zip(part) {
            all.extend(part);
        }
    }
    all
}

/// Paths with a value each that changes something, in any scenario.
const ANYWHERE: &[(&str, &str)] = &[
    ("network", "\"3ms\""),
    ("network.same_zone", "\"3ms\""),
    ("client.web.rate", "[\"0s 20/s\", \"2s 90/s\"]"),
    ("client.web.timeout", "\"6ms\""),
    ("client.web.retry", "{ attempts = 3, backoff = \"1ms fixed\" }"),
    ("service.shop.emits.E", "\"every 9ms\""),
    ("service.shop.emits.E.burst", "3"),
    ("service.email.instances", "4"),
    ("service.email.workers", "2"),
    ("service.email.store.write", "\"9ms\""),
    ("service.email.store.connections", "1"),
    ("service.psp.balance", "\"random\""),
    ("service.email.on.E", "\"40ms\""),
    ("service.email.on.E.fails", "\"40%\""),
    ("service.email.on.E.attempts", "1"),
    ("service.email.on.E.backoff", "\"1ms fixed\""),
    ("service.email.on.E.timeout", "\"4ms\""),
    ("service.email.on.E.retry.attempts", "3"),
    ("service.psp.api.op.emits", "\"F x5\""),
    ("service.psp.api.op.fails", "\"40%\""),
];

/// The same for those with a broker of a kind.
const BROKERS: &[(&str, &[(&str, &str)])] = &[
    (
        "preset = \"ideal\"",
        &[
            ("broker.bus.deliver", "\"9ms\""),
            ("service.log.backlog.cap", "0"),
            ("service.log.backlog", "{ cap = 0, policy = \"drop-oldest\" }"),
            ("service.log.on.F.poison", "\"50%\""),
        ],
    ),
    (
        "preset = \"kafka\"\npartitions = 4",
        &[
            ("broker.bus.publish", "\"9ms\""),
            ("broker.bus.deliver", "\"9ms\""),
            ("broker.bus.acks", "1"),
            ("broker.bus.replication", "\"40ms\""),
            ("broker.bus.linger", "\"100ms\""),
            ("broker.bus.per_shard", "\"20/s\""),
            ("broker.bus.per_node", "\"20/s\""),
            ("broker.bus.quota", "\"9/s\""),
            ("broker.bus.max_poll_records", "1"),
            ("event.E.size", "\"1MB\""),
            ("service.psp.api.op.publish", "\"fire\""),
        ],
    ),
    (
        "preset = \"rabbitmq-quorum\"\nprefetch = 2",
        &[
            ("broker.bus.prefetch", "1"),
            ("broker.bus.fsync", "\"30ms\""),
            ("broker.bus.replication", "\"30ms\""),
            ("broker.bus.max_length", "1"),
            ("broker.bus.ttl", "\"1ms\""),
            ("service.email.on.E.prefetch", "1"),
            ("service.email.on.E.retry_in", "\"requeue\""),
        ],
    ),
    (
        "preset = \"sqs\"",
        &[
            ("broker.bus.visibility", "\"30ms\""),
            ("broker.bus.replication", "\"90ms\""),
            ("broker.bus.duplicates", "\"50%\""),
            ("broker.bus.retention", "\"100ms\""),
            ("broker.bus.in_flight", "1"),
        ],
    ),
    ("preset = \"nats-core\"", &[("broker.bus.subscriber_buffer", "\"1KB\"")]),
];

#[test]
fn each_change_takes_effect_and_only_from_then_on() {
    let mut faults = Vec::new();
    let begins = SimTime::from_ns(1_000_000_000);
    let early = |part: &Part| -> Part {
        let of = |h: &Vec<Entry>| h.iter().filter(|e| e.at < begins).copied().collect();
        part.iter().map(of).collect()
    };
    for (broker, own) in BROKERS {
        let calm = histories(&blueprint(&with(broker, "")));
        for (path, value) in ANYWHERE.iter().chain(*own) {
            let text = with(broker, &set(path, value));
            let changed = histories(&blueprint(&text));
            if changed == calm {
                faults.push(format!("{broker}: {path} changes nothing"));
            }
            if early(&changed) != early(&calm) {
                faults.push(format!("{broker}: {path} changes what comes before"));
            }
            let off = blueprint(&(text + "off = true\n"));
            if histories(&off) != calm {
                faults.push(format!("{broker}: {path} matters though it is off"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn several_values_and_nested_tables_are_one_set() {
    let b = blueprint(&with(
        "preset = \"ideal\"",
        "[[failure]]\nset = { \"service.email.workers\" = 3, service.psp.instances = 5 }\nat = \"1s\"\n\
         [[failure]]\nset = { \"service.psp.workers\" = 9 }\nevery = \"1s\"\noff = true\n\
         [[failure]]\nset = { \"service.psp.instances\" = 1 }\nevery = \"1s\"\n",
    ));
    let verbs: Vec<Verb> = b.failures.iter().map(|f| f.verb).collect();
    assert_eq!(verbs, [Verb::Set(0), Verb::Set(1)]);
    let numbers = |at: usize| {
        let s = &b.sets[at].services;
        (s[1].workers, s[2].instances)
    };
    assert_eq!((numbers(0), numbers(1)), ((3, 5), (1, 1)));
    let name = |at: usize| b.failures[at].name.as_str();
    assert_eq!(name(0), "set service.email.workers, service");
    assert_eq!(name(1), "set service.psp.instances");
}

#[test]
fn utilisation_is_of_the_workers_that_there_are() {
    // 5 ms of work every 10 ms: half of one worker. From 2 s to 3 s there are two, then one with
    // four workers.
    let text = "duration = \"4s\"\n[service.shop]\nemits.E = { rate = \"every 10ms\" }\n\
                [broker.bus]\ndeliver = \"0s\"\n[service.email]\nstart = \"0s\"\n\
                on.E = { takes = \"5ms\" }\n\
                [[failure]]\nset = { \"service.email.instances\" = 2 }\nat = \"2s\"\nfor = \"1s\"\n\
                [[failure]]\nset = { \"service.email.workers\" = 4 }\nat = \"3s\"\n";
    let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = Control { cancelled: &cancelled, progress: &progress };
    let record = simulate(&blueprint(text), 1, 0, control).expect("not cancelled");
    let rho = record.measures.iter().find(|m| m.path == "email.rho").expect("a metric");
    let Shape::Level { mean, .. } = rho.shape else { panic!("{rho:?}") };
    // 399 events of 5 ms, of 1 + 1 + 2 + 4 seconds of workers.
    assert_eq!(mean, 399.0 * 0.005 / 8.0);
    let series = &rho.series[0].1;
    let per_s = |s: usize| {
        let bins = series.len().min(400) / 4;
        series[s * bins..(s + 1) * bins].iter().sum::<f64>() / bins as f64
    };
    let seconds = [0, 1, 2, 3].map(|s| (per_s(s) * 1000.0).round() / 1000.0);
    assert_eq!(seconds, [0.495, 0.5, 0.25, 0.125]);
}

#[test]
fn what_cannot_change_is_refused_at_its_path() {
    let of = |path: &str, value: &str| check(&with("preset = \"kafka\"", &set(path, value)));
    let cases = [
        ("service.email.zone", "\"a\""),
        ("service.email.dedup", "\"inbox\""),
        ("service.email.on.E.publish", "\"outbox\""),
        ("service.email.wrokers", "4"),
        ("service.email.workers", "0"),
        ("service.mail.workers", "4"),
        ("broker.bus.partitions", "8"),
        ("broker.bus.partitions", "60"),
        ("broker.bus.preset", "\"sqs\""),
        ("client.web.users", "4"),
        ("duration", "\"9s\""),
        ("seed", "2"),
        ("service..x", "2"),
        ("service.email.workers", "1"),
    ];
    let told: Vec<String> =
        cases.iter().map(|(path, value)| format!("-- {path}\n{}", of(path, value))).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    -- service.email.zone
        set = { "service.email.zone" = "a" }
    E125 25:32+3 there is no zone `a`
      help: name the zones: zones = ["a", "b"]

    -- service.email.dedup
        set = { "service.email.dedup" = "inbox" }
    E145 25:9+21 `service.email.dedup` cannot change while the scenario runs
      help: of `service` these can: instances, autoscale, workers, cores (from one number to another), start, balance, store.write, store.read, store.connections, backlog.cap, backlog.policy (among reject-new, drop-oldest and lifo), rates, burst and late of what it emits; of its handlers takes, fails, attempts, backoff, timeout, retry, poison, filter, prefetch, retry_in, on_exhausted, batch.wait, batch.each, batch.bisect, and publish if neither value is "outbox" nor the broker ideal

    -- service.email.on.E.publish
        set = { "service.email.on.E.publish" = "outbox" }
    E145 25:9+28 `service.email.on.E.publish` cannot change while the scenario runs
      help: of `service` these can: instances, autoscale, workers, cores (from one number to another), start, balance, store.write, store.read, store.connections, backlog.cap, backlog.policy (among reject-new, drop-oldest and lifo), rates, burst and late of what it emits; of its handlers takes, fails, attempts, backoff, timeout, retry, poison, filter, prefetch, retry_in, on_exhausted, batch.wait, batch.each, batch.bisect, and publish if neither value is "outbox" nor the broker ideal

    -- service.email.wrokers
        set = { "service.email.wrokers" = 4 }
    E101 25:9+23 unknown key `wrokers` of a service
      help: did you mean `workers`?

    -- service.email.workers
        set = { "service.email.workers" = 0 }
    E106 25:35+1 `workers` must be at least 1

    -- service.mail.workers
        set = { "service.mail.workers" = 4 }
    E145 25:9+22 there is no service `mail`
      help: did you mean `email`?

    -- broker.bus.partitions
        set = { "broker.bus.partitions" = 8 }
    E145 25:9+23 `broker.bus.partitions` cannot change while the scenario runs
      help: of `broker` these can: publish, deliver, per_shard, per_node, quota, reconnect, batch, linger, buffer, max_block, request_timeout, delivery_timeout, backoff, idempotent, acks (not from or to 0); of a log partitions (more of them, for good), min_isr, replication, unclean, replica_lag, detection, election, retention, retain, reset, session_timeout, heartbeat, max_poll_records, long_poll; of a queue prefetch, ttl, max_length, overflow, fsync, replication, failover, delivery_limit, ack_timeout, heartbeat, dlq, visibility, poll, empty_poll, receive, in_flight, duplicates, retention, reclaim, nack_delay, unsynced; of fan-out subscriber_buffer, soft_buffer, soft_time

    -- broker.bus.partitions
        set = { "broker.bus.partitions" = 60 }
    E145 25:1+3 partitions that have come do not go
      help: remove `for`, and set what is to end in a [[failure]] of its own

    -- broker.bus.preset
        set = { "broker.bus.preset" = "sqs" }
    E145 25:9+19 `broker.bus.preset` cannot change while the scenario runs
      help: of `broker` these can: publish, deliver, per_shard, per_node, quota, reconnect, batch, linger, buffer, max_block, request_timeout, delivery_timeout, backoff, idempotent, acks (not from or to 0); of a log partitions (more of them, for good), min_isr, replication, unclean, replica_lag, detection, election, retention, retain, reset, session_timeout, heartbeat, max_poll_records, long_poll; of a queue prefetch, ttl, max_length, overflow, fsync, replication, failover, delivery_limit, ack_timeout, heartbeat, dlq, visibility, poll, empty_poll, receive, in_flight, duplicates, retention, reclaim, nack_delay, unsynced; of fan-out subscriber_buffer, soft_buffer, soft_time

    -- client.web.users
        set = { "client.web.users" = 4 }
    E145 25:9+18 `client.web.users` cannot change while the scenario runs
      help: of `client` these can: rate (but for traces), users, think, timeout, retry; whether it is a rate or users stays

    -- duration
        set = { "duration" = "9s" }
    E145 25:9+10 `duration` cannot change while the scenario runs
      help: what can change stands in one of: network, event, client, service, broker

    -- seed
        set = { "seed" = 2 }
    E145 25:9+6 `seed` cannot change while the scenario runs
      help: what can change stands in one of: network, event, client, service, broker

    -- service..x
        set = { "service..x" = 2 }
    E145 25:9+12 `service..x` is not the path of a value
      help: join plain names by dots, as in "service.email.workers"

    -- service.email.workers
        set = { "service.email.workers" = 1 }
    W106 25:1+3 it sets what is so already
      help: set another value
    "#);
    let text = with("", "[[failure]]\nset = \"email\"\nat = \"1s\"");
    insta::assert_snapshot!(check(&text), @r#"
        set = "email"
    E103 25:7+7 `set` takes values by path
      help: write set = { "service.email.workers" = 4 }
    "#);
}
