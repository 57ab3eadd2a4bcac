//! Every key of brokers, events, entities, services, handlers and failures is read: another value
//! makes another blueprint.

use super::keys::{self, Place as P};
use super::meaning_tests::blueprint;

/// What a table of a kind stands in; `@` is the place of a key.
pub(super) fn around(place: P) -> String {
    let broker = |preset: &str| {
        format!(
            "[broker.bus]\npreset = \"{preset}\"\n@\n[service.shop]\nemits.E = \"1/s\"\n\
             emits.F = \"1/s\"\n[service.email]\non.E = \"1ms\"\non.F = \"1ms\"\n"
        )
    };
    let email = "[broker.bus]\npreset = \"kafka\"\n[broker.jobs]\npreset = \"sqs\"\n[service.shop]\n\
                 emits.E = \"1/s\"\n[event.E]\nattrs = { amount = \"1..9\" }\n[service.psp]\n\
                 api.op = \"1ms\"\n[client.web]\nrate = \"1/s\"\ncalls = \"psp.op\"\n";
    let failure = "zones = [\"a\", \"b\"]\n[broker.bus]\npreset = \"kafka\"\n[service.shop]\nemits.E = \"1/s\"\n\
                   [service.email]\ninstances = 2\non.E = \"1ms\"\napi.op = \"1ms\"\n\
                   [entity.o]\ncount = 9\n[event.E]\nkey = \"o\"\n\
                   [client.web]\nusers = 5\ncalls = \"email.op\"\n[[failure]]\n@\n";
    match place {
        P::Ideal => broker("ideal"),
        P::Log => broker("kafka"),
        P::Push => broker("rabbitmq-classic"),
        P::Pull => broker("sqs"),
        P::FanOut => broker("nats-core"),
        P::Dlq => broker("sqs").replace('@', "dlq = { @ }"),
        P::Entity => {
            "[service.shop]\nemits.E = \"1/s\"\n[service.email]\non.E = { writes = \"o\" }\n\
                      [entity.o]\n@\n"
                .to_owned()
        }
        P::Event => {
            "[service.shop]\nemits.E = \"1/s\"\n[service.email]\non.E = { writes = \"o\" }\n\
                     [event.E]\n@\n"
                .to_owned()
        }
        P::Service => format!("{email}[service.email]\non.E = \"1ms\"\n@\n"),
        P::Store => format!("{email}[service.email]\non.E = \"1ms\"\nstore = {{ @ }}\n"),
        P::Backlog => format!("{email}[service.email]\non.E = \"1ms\"\nbacklog = {{ @ }}\n"),
        P::On => format!("{email}[service.email]\non.E = {{ @ }}\n"),
        P::Budget => format!("{email}retry = {{ attempts = 3, budget = {{ @ }} }}\n"),
        P::Breaker => format!("{email}breaker = {{ @ }}\n"),
        P::Throttle => format!("{email}throttle = {{ @ }}\n"),
        P::Api => email.replace("api.op = \"1ms\"", "api.op = { @ }"),
        P::Batch => format!("{email}[service.email]\non.E = {{ batch = {{ @ }} }}\n"),
        P::Source => email.replace("emits.E = \"1/s\"", "emits.E = { rate = \"1/s\", @ }"),
        P::Failure => failure.to_owned(),
        _ => String::new(),
    }
}

/// A value for each key that is not what it would be without.
const VALUES: &[(&str, &str)] = &[
    // Brokers.
    ("deliver", "\"7ms\""),
    ("publish", "\"7ms\""),
    ("nodes", "7"),
    ("per_shard", "[\"7/s\", \"7MB/s\"]"),
    ("per_node", "\"7MB/s\""),
    ("quota", "\"7/s\""),
    ("mandatory", "true"),
    ("alternate", "\"F\""),
    ("reconnect", "\"7s fixed\""),
    ("acks", "0"),
    ("idempotent", "@not"),
    ("batch", "\"7KB\""),
    ("linger", "\"7ms\""),
    ("buffer", "\"7MB\""),
    ("max_block", "\"7s\""),
    ("request_timeout", "\"7s\""),
    ("delivery_timeout", "\"7s\""),
    ("backoff", "\"7s fixed\""),
    ("partitions", "7"),
    ("replicas", "@quorum"),
    ("min_isr", "1"),
    ("replication", "@quorum"),
    ("unclean", "true"),
    ("replica_lag", "\"7s\""),
    ("detection", "\"7s\""),
    ("election", "\"7s\""),
    ("retention", "\"7h\""),
    ("retain", "\"7GB\""),
    ("compaction", "true"),
    ("exactly_once", "@transform"),
    ("reset", "\"earliest\""),
    ("rebalance", "\"server\""),
    ("session_timeout", "\"7s\""),
    ("max_poll_interval", "\"7s\""),
    ("heartbeat", "@heartbeat"),
    ("max_poll_records", "7"),
    ("long_poll", "\"7s\""),
    ("commit", "\"after\""),
    ("prefetch", "7"),
    ("priority", "7"),
    ("ttl", "\"7s\""),
    ("max_length", "7"),
    ("overflow", "\"block\""),
    ("quorum", "@quorum"),
    ("fsync", "\"7ms\""),
    ("failover", "@quorum"),
    ("delivery_limit", "7"),
    ("ack_timeout", "\"7s\""),
    ("dlq", "{ after = 7 }"),
    ("after", "7"),
    ("visibility", "\"7s\""),
    ("poll", "@poll"),
    ("empty_poll", "\"7%\""),
    ("receive", "7"),
    ("in_flight", "7"),
    ("fifo", "true"),
    ("dedup", "@dedup"),
    ("duplicates", "\"7%\""),
    ("reclaim", "\"7s\""),
    ("nack_delay", "\"7s\""),
    ("unsynced", "\"7s\""),
    ("subscriber_buffer", "\"7MB\""),
    ("soft_buffer", "\"7MB\""),
    ("soft_time", "\"7s\""),
    // Events and entities.
    ("count", "7"),
    ("popularity", "\"zipf 0.7\""),
    ("key", "\"o\""),
    ("size", "\"7KB\""),
    ("attrs", "{ amount = \"5..500\" }"),
    ("history", "7"),
    // Services.
    ("instances", "7"),
    ("workers", "7"),
    ("cores", "7"),
    ("start", "\"7s\""),
    ("balance", "\"random\""),
    ("store", "{ write = \"7ms\" }"),
    ("emits", "@emits"),
    ("dedup_window", "\"7s\""),
    ("order", "\"buffer\""),
    ("gap_timeout", "\"7s\""),
    ("ids", "\"fresh\""),
    ("static_id", "true"),
    ("backlog", "{ cap = 7 }"),
    ("write", "\"7ms\""),
    ("read", "\"7ms\""),
    ("connections", "7"),
    ("cap", "7"),
    ("policy", "\"lifo\""),
    ("max", "7"),
    ("wait", "\"7ms\""),
    ("each", "\"7ms\""),
    ("bisect", "true"),
    // Sources and handlers.
    ("burst", "7"),
    ("late", "\"7s\""),
    ("relay", "@relay"),
    ("to", "\"jobs\""),
    ("via", "\"jobs\""),
    ("filter", "\"amount > 7\""),
    ("from", "\"earliest\""),
    ("ack", "\"before\""),
    ("poison", "\"7%\""),
    ("retry_in", "\"delayed\""),
    ("on_exhausted", "\"skip\""),
    ("takes", "\"7ms\""),
    ("calls", "\"psp.op\""),
    ("writes", "\"o\""),
    ("do", "\"7ms\""),
    ("fails", "\"7%\""),
    ("attempts", "7"),
    ("timeout", "\"7s\""),
    ("retry", "{ attempts = 7 }"),
    // What guards calls.
    ("blocking", "false"),
    ("deadline", "true"),
    ("cancel", "true"),
    ("hedge", "\"7ms\""),
    ("pool", "7"),
    ("health", "true"),
    ("breaker", "true"),
    ("bulkhead", "7"),
    ("throttle", "true"),
    ("rate_limit", "@rate_limit"),
    ("patience", "\"7ms\""),
    ("target", "@codel"),
    ("interval", "@codel"),
    ("deposit", "0.7"),
    ("cost", "0.7"),
    ("consecutive", "7"),
    ("window", "@window"),
    ("failures", "\"7%\""),
    ("slow_calls", "\"7%\""),
    ("open", "\"7s\""),
    ("probes", "7"),
    ("k", "7"),
    // Failures.
    ("crash", "\"bus/broker:1\""),
    ("slow", "{ email = \"7x\" }"),
    ("unclean", "\"bus/broker:1\""),
    ("stop", "\"email\""),
    ("restart", "\"email\""),
    ("pause", "\"email[1]\""),
    ("replay", "{ email = \"7s\" }"),
    ("redrive", "\"email\""),
    ("autoscale", "{ backlog = 7 }"),
    ("spike", "{ shop = \"7x\" }"),
    ("hot", "{ E = \"7%\" }"),
    ("herd", "{ web = \"full 7s\" }"),
    ("leak", "{ email = \"7%/m\" }"),
    ("brownout", "{ email = \"7%\" }"),
    ("set", "{ \"service.email.workers\" = 7 }"),
    ("partition", "[\"email\", \"bus\"]"),
    ("loss", "{ \"shop->bus\" = \"7%\" }"),
    ("datagram", "true\nloss = \"shop->bus\""),
    ("duplicate", "\"shop->bus\""),
    ("reorder", "\"shop->bus\""),
    ("delay", "{ \"bus->email[1]\" = \"7ms\" }"),
    ("throttle", "{ bus = \"7MB/s\" }"),
    ("zone", "\"a\""),
    ("poison", "{ \"email.on.E\" = \"7%\" }"),
    ("kills", "true\npoison = \"email.on.E\""),
    ("schema", "{ E = \"email\" }"),
    ("drop_consumer", "\"email\""),
    ("disk_full", "\"bus\""),
    ("bug", "\"email.on.E\""),
    ("expire", "{ bus = \"7m\" }"),
    ("skew", "{ \"shop[0]\" = \"-7m\" }"),
    ("fix", "\"7s\"\nbug = \"email.on.E\""),
];

/// The line that sets a key, and the line that it is held against.
fn lines(place: P, name: &str) -> (String, String) {
    // Failures stand at the end, and one of them is also a key of a log.
    let find = |mut all: std::slice::Iter<(&str, &'static str)>| match place {
        P::Failure => all.rfind(|(key, _)| *key == name).map(|(_, value)| *value),
        _ => all.find(|(key, _)| *key == name).map(|(_, value)| *value),
    };
    let value = find(VALUES.iter());
    let value = value.unwrap_or_else(|| panic!("{name} of {place:?} has no value here"));
    let guards = matches!(place, P::Budget | P::Breaker | P::Throttle);
    let comma =
        matches!(place, P::On | P::Api | P::Source | P::Store | P::Backlog | P::Batch) || guards;
    let and = if comma { ", " } else { "\n" };
    let handler = matches!(place, P::On | P::Api | P::Source);
    let plain = |value: &str| (format!("{name} = {value}"), String::new());
    match (value, place) {
        ("@not", P::Log) => plain("false"),
        ("@not", _) | ("@heartbeat", P::Pull) => plain("true"),
        ("@heartbeat", _) | ("@poll", P::Pull) => plain("\"7s\""),
        ("@dedup", P::Service) => plain("\"inbox\""),
        ("@dedup", _) => plain("\"7m\""),
        ("@emits", P::Service) => plain("{ G = \"1/s\" }"),
        ("@emits", _) => plain("\"G\""),
        ("@poll", _) => {
            (format!("publish = \"outbox\"{and}poll = \"7s\""), "publish = \"outbox\"".into())
        }
        ("@relay", _) => {
            (format!("publish = \"outbox\"{and}relay = \"cdc\""), "publish = \"outbox\"".into())
        }
        ("@transform", _) => {
            let transform = "[service.tax]\non.E = { emits = \"G\" }";
            (format!("{name} = true\n{transform}"), transform.to_owned())
        }
        ("@quorum", P::Push) => {
            let value = match name {
                "replicas" => "2",
                "quorum" => "true",
                _ => "\"7ms\"",
            };
            let quorum = if name == "quorum" { "" } else { "quorum = true" };
            let nodes = if name == "quorum" { "replicas = 3" } else { quorum };
            (format!("{nodes}\n{name} = {value}"), nodes.to_owned())
        }
        ("@rate_limit", P::Api) => plain("\"7/s\""),
        ("@rate_limit", _) => (
            "calls = \"psp.op\", rate_limit = { \"psp.op\" = \"7/s\" }".into(),
            "calls = \"psp.op\"".into(),
        ),
        ("@codel", _) => {
            let codel = "policy = \"codel\"";
            (format!("{codel}, {name} = \"7ms\""), codel.into())
        }
        ("@window", P::Breaker) => ("calls = 7, window = 7".into(), "calls = 7".into()),
        ("@window", _) => plain("\"7s\""),
        ("@quorum", _) => plain(if name == "replicas" { "2" } else { "\"7ms\"" }),
        _ if name == "publish" && handler => plain("\"sync\""),
        _ if name == "batch" && place == P::On => plain("{ max = 7 }"),
        _ if guards && name == "calls" => plain("7"),
        _ if guards && name == "size" => plain("7"),
        _ if name == "slow" && place == P::Breaker => plain("\"7s\""),
        _ if name == "overflow" => {
            ("max_length = 7\noverflow = \"block\"".into(), "max_length = 7".into())
        }
        // Sometimes a failure is needed for a difference.
        _ if place == P::Failure => {
            let before = if name == "crash" { "slow" } else { "crash" };
            (format!("{name} = {value}\nat = \"1s\""), format!("{before} = \"email\"\nat = \"1s\""))
        }
        _ => plain(value),
    }
}

#[test]
fn every_key_makes_another_blueprint() {
    let places = [P::Dlq, P::Entity, P::Event, P::Service, P::Store, P::Backlog, P::On, P::Api];
    let others = [P::Batch, P::Source, P::Failure, P::Budget, P::Breaker, P::Throttle];
    let all = keys::ENGINES.into_iter().chain(places).chain(others);
    // Tables by name, what the templates hold, and what other tests read.
    let elsewhere =
        ["preset", "rate", "on", "api", "zone", "external", "at", "every", "for", "name"];
    for place in all {
        for name in keys::names(place) {
            let of_failures = ["off", "mtbf", "mttr", "when", "cooldown", "chance", "after"];
            let trigger = place == P::Failure && of_failures.contains(&name);
            if elsewhere.contains(&name) || trigger {
                continue;
            }
            let (with, without) = lines(place, name);
            let around = around(place);
            let of = |line: &str| {
                let text = around.replace("{ @ }", &format!("{{ {line} }}"));
                let text = text.replace(
                    ", @ }",
                    &format!("{}{line} }}", if line.is_empty() { "" } else { ", " }),
                );
                format!("{:?}", blueprint(&text.replace('@', line)))
            };
            assert_ne!(of(&with), of(&without), "`{name}` of {place:?} is not read");
        }
    }
}
