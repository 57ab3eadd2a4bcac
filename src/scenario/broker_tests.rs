//! Brokers, presets, and what depends on them: filters, patterns, settings that cannot be followed.

use super::keys::Place;
use super::meaning_tests::{blueprint, check, variants};
use super::testing::open;
use super::*;
use crate::model::{
    EngineSpec, EventTypeId, Exhausted, Filter, PublishMode, Target, Trigger, Verb,
};
use crate::units::SimDuration;
use std::fmt::Write;

/// Remarks on several texts, each below its number.
fn checks(texts: &[String]) -> String {
    let mut out = String::new();
    for (i, text) in texts.iter().enumerate() {
        let _ = write!(out, "-- {i}\n{}", check(text));
    }
    out
}

/// A shop and a listener on a broker of a preset, with more lines for each.
fn on(preset: &str, broker: &str, on: &str) -> String {
    format!(
        "[broker.bus]\npreset = \"{preset}\"\n{broker}\n[service.shop]\nemits.E = \"1/s\"\n\
         [event.E]\nattrs = {{ amount = \"5..500\", country = \"de 60%, us 40%\" }}\n\
         [service.email]\non.E = {{ takes = \"1ms\", {on} }}\n"
    )
}

/// A service that makes another event of what it hears, by one log.
fn transforms(broker: &str, on: &str) -> String {
    format!(
        "[broker.bus]\npreset = \"kafka\"\n{broker}\n[service.shop]\nemits.E = \"1/s\"\n\
         [service.tax]\non.E = {{ takes = \"1ms\", emits = \"F\"{on} }}\n\
         [service.email]\non.F = {{ takes = \"1ms\", ack = \"before\" }}\n"
    )
}

#[test]
fn settings_that_a_broker_cannot_follow_are_errors() {
    insta::assert_snapshot!(checks(&[
        on("sqs", "partitions = 4\nvisibility = 30", "fails = \"1%\""),
        on("nats-core", "acks = 1", "ack = \"interval 1s\""),
        on("rabbitmq-classic", "", "fails = \"1%\", on_exhausted = \"halt\""),
        on("ideal", "", "fails = \"1%\", on_exhausted = \"dlq\""),
        on("kafka", "", "fails = \"1%\", retry_in = \"requeue\""),
        on("redis-pubsub", "", "fails = \"1%\", retry_in = \"delayed\""),
        on("kafka", "acks = 1\nidempotent = true", "fails = \"1%\""),
        on("kafka", "replicas = 5", "fails = \"1%\""),
        on("kafka", "replicas = 1", "fails = \"1%\""),
        on("kafka", "acks = 2\nper_shard = \"5\"\nbatch = \"5\"", "filter = \"amount >\""),
        on("kafka", "", "filter = \"size > 5 and amount > 3\""),
        on("kafka", "", "filter = \"country = fr\", via = \"buss\""),
        on("kafka", "alternate = \"E\"", "batch = { mx = 5 }"),
        transforms("exactly_once = true\nacks = 1", ""),
        transforms("exactly_once = true\nidempotent = false", ", ack = \"before\""),
        transforms("exactly_once = true", ", ack = \"after\", publish = \"fire\""),
        transforms("exactly_once = true", ", publish = \"outbox\""),
        transforms("exactly_once = true", ", fails = \"1%\", retry_in = \"delayed\""),
        transforms("exactly_once = 1", ""),
    ]));
}

#[test]
fn settings_without_effect_are_warnings() {
    insta::assert_snapshot!(checks(&[
        on("kafka", "exactly_once = true", "emits = \"F\", to = \"aside\"")
            + "[broker.aside]\npreset = \"ideal\"\n[service.other]\non.F = { via = \"aside\" }\n",
        transforms("exactly_once = true", ""),
        on("ideal", "", "ack = \"before\", prefetch = 5, from = \"earliest\""),
        on("kafka", "", "prefetch = 5, retry_in = \"delayed\", publish = \"sync\", poll = \"1s\""),
        on("rabbitmq-classic", "replicas = 3\noverflow = \"block\"", "fails = \"1%\""),
        on("sqs", "poll = \"2s\"", "fails = \"1%\""),
        on("sqs", "", "fails = \"1%\"").replace(
            "[service.email]",
            "[service.email]\ngap_timeout = \"1s\"\ndedup_window = \"1s\"\nstatic_id = true\n\
             ids = \"fresh\"\nstore = { read = \"1ms\", connections = 3 }",
        ),
        on("sqs", "", "fails = \"1%\"") + "[event.F]\nsize = \"2KB\"\n",
    ]));
}

#[test]
fn failures_strike_what_they_can() {
    let kafka =
        |lines: &str| on("kafka", "", "fails = \"1%\"") + "[[failure]]\nat = \"1s\"\n" + lines;
    insta::assert_snapshot!(checks(&[
        kafka("crash = \"bus/broker:3\""),
        kafka("crash = \"bus/broker:x\""),
        kafka("crash = \"buss/broker:0\""),
        kafka("slow = { \"bus/broker:0\" = \"4x\" }"),
        kafka("unclean = \"email\""),
        kafka("unclean = \"bus/broker:0\"").replace("kafka", "sqs"),
        kafka("replay = { email = \"0s\" }").replace("kafka", "sqs"),
        kafka("replay = { \"email[0]\" = \"0s\" }"),
        kafka("replay = { shop = \"0s\" }\nfor = \"1s\""),
        kafka("crash = \"email/relay\""),
        kafka("pause = { email = \"2s\" }"),
        kafka("crash = \"bus/partition:12\""),
        kafka("crash = \"bus/partition:x\""),
        kafka("pause = \"bus/partition:3\""),
        kafka("crash = \"bus/partition:3\"").replace("kafka", "sqs"),
        kafka("crash = \"bus/parts:3\""),
    ]));
    let b = blueprint(&kafka(
        "pause = \"email\"\n[[failure]]\nat = \"2s\"\nunclean = \"bus/broker:2\"",
    ));
    assert_eq!(b.failures[0].lasts.map(SimDuration::as_secs), Some(2.0));
    assert_eq!(b.failures[1].verb, Verb::Unclean);
    assert_eq!(b.failures[1].name, "unclean bus/broker:2");
    assert!(matches!(b.failures[1].target, Target::Node { node: 2, .. }));
}

#[test]
fn patterns_stand_for_all_events_that_match() {
    let text = |preset: &str, pattern: &str| {
        format!(
            "[broker.bus]\npreset = \"{preset}\"\n[service.shop.emits]\n\"order.placed\" = \"1/s\"\n\
             \"order.paid.eu\" = \"1/s\"\n\"stock.low\" = \"1/s\"\n[service.all]\n\
             on.\"{pattern}\" = \"1ms\"\n"
        )
    };
    let heard = |preset: &str, pattern: &str| match &blueprint(&text(preset, pattern)).services[1]
        .handlers[0]
        .trigger
    {
        Trigger::On(events) => events.iter().map(|EventTypeId(i)| *i).collect::<Vec<_>>(),
        Trigger::Api(_) => Vec::new(),
    };
    assert_eq!(heard("rabbitmq-quorum", "order.*"), [0]);
    assert_eq!(heard("rabbitmq-quorum", "order.#"), [0, 1]);
    assert_eq!(heard("nats-core", "order.>"), [0, 1]);
    assert_eq!(heard("nats-jetstream", "*.*"), [0, 2]);
    insta::assert_snapshot!(checks(&[
        text("kafka", "order.*"),
        text("nats-core", "pay.*"),
        text("nats-core", ">") + "on.\"stock.low\" = \"1ms\"\n",
    ]));
}

#[test]
fn brokers_are_chosen_by_name_and_the_first_is_the_default() {
    let b = blueprint(
        r#"
[broker.log]
preset = "kafka"
[broker.jobs]
preset = "sqs"
dlq.after = 5
[service.shop]
emits.E = { rate = "1/s", late = "1s", publish = "outbox", relay = "cdc" }
[service.email]
on.E = { takes = "1ms", via = "jobs", emits = "F", to = "jobs" }
[service.audit]
on.F = { takes = "1ms", filter = "kind = a" }
[event.F]
attrs = { kind = "a 50%, b 50%" }
"#,
    );
    let engines: Vec<bool> =
        b.brokers.iter().map(|b| matches!(b.engine, EngineSpec::Log(_))).collect();
    assert_eq!(engines, [true, false]);
    assert_eq!(b.services[0].sources[0].publish.mode, PublishMode::OutboxCdc);
    let (email, audit) = (&b.services[1].handlers[0], &b.services[2].handlers[0]);
    assert_eq!((email.consume.via.0, email.publish.to.0), (1, 1));
    assert_eq!((audit.consume.via.0, audit.publish.to.0), (0, 0));
    assert_eq!(email.consume.on_exhausted, Some(Exhausted::Dlq), "there is a dead-letter queue");
    assert_eq!(audit.consume.on_exhausted, None);
    assert_eq!(audit.consume.filters, [Filter::OneOf(0, vec![0])]);
}

#[test]
fn turns_need_to_know_how_many_there_are() {
    let text = "[entity.driver]\ncount = 500\n[service.fleet]\nemits.Moved = \"every 4s per driver\"\n\
                [service.map]\non.Moved = \"1ms\"\n";
    let b = blueprint(text);
    assert_eq!(b.services[0].sources[0].rate.peak_per_s(), 125.0);
    assert_eq!(b.events[0].key, Some(crate::model::EntityId(0)));
    insta::assert_snapshot!(checks(&[
        text.replace("[entity.driver]", "[entity.drivers]"),
        format!("{text}[event.Moved]\nkey = \"car\"\n[entity.car]\ncount = 5\n"),
        text.replace("\"1ms\"", "{ takes = \"1ms\", writes = \"driver\" }\n")
            .replace("[entity.driver]\ncount = 500\n", ""),
    ]));
}

#[test]
fn work_is_replayed_and_nothing_else() {
    let text = on("kafka", "", "fails = \"1%\"");
    let b = blueprint(&text.replace("\"1ms\"", "\"trace lat.csv\""));
    assert!(matches!(&b.services[1].handlers[0].steps[0],
        crate::model::Step::Work(takes) if takes.is_trace()));
    let wrong = text.replace("\"kafka\"", "\"kafka\"\ndeliver = \"trace lat.csv\"");
    let refused = "only the work on an event (`on`) can be replayed";
    assert!(check(&wrong).contains(refused));
    let request = "[client.web]\nrate = \"1/s\"\ncalls = \"a.op\"\n[service.a]\n";
    for work in ["\"trace lat.csv\"", "{ do = [\"1ms\", \"trace lat.csv\"] }"] {
        assert!(check(&format!("{request}api.op = {work}")).contains(refused));
    }
}

const SWITCH: &str = r#"
[broker.bus]
preset = "kafka"
partitions = 4
deliver = "7ms"
retention = "3d"
[service.shop]
emits.E = "1/s"
[service.email]
on.E = "1ms"
[variant.queue]
broker.bus.preset = "sqs"
[variant.both]
broker.bus = { preset = "sqs", partitions = 5 }
[variant.more]
broker.bus.partitions = 8
"#;

#[test]
fn another_preset_drops_what_it_lacks_and_says_so() {
    let (document, errors) = open(&[("a.toml", SWITCH)], &["broker.bus.retention=\"1d\""]);
    assert!(errors.is_empty(), "{errors:?}");
    let bus = |variant: &str| {
        let (_, table) = document.tables().into_iter().find(|(name, _)| name == variant).unwrap();
        let Value::Table(brokers) = &table.get("broker").unwrap().node.value else { panic!() };
        let Value::Table(bus) = &brokers.get("bus").unwrap().node.value else { panic!() };
        ["partitions", "deliver", "retention", "visibility", "linger"].map(|key| {
            bus.get(key).map(|entry| match &entry.node.value {
                Value::String(text) => text.clone(),
                Value::Integer(n) => n.to_string(),
                _ => String::new(),
            })
        })
    };
    let texts = |values: [Option<&str>; 5]| values.map(|value| value.map(str::to_owned));
    let kafka = |n| texts([Some(n), Some("7ms"), Some("1d"), None, Some("5ms")]);
    assert_eq!(bus("base"), kafka("4"));
    assert_eq!(bus("more"), kafka("8"));
    assert_eq!(bus("queue"), texts([None, Some("7ms"), Some("1d"), Some("30s"), Some("0s")]));
    assert_eq!(bus("both")[0].as_deref(), Some("5"), "written beside the preset");
    let notes: Vec<String> =
        document.notes.iter().map(|note| format!("{} {}", note.code, note.message)).collect();
    assert_eq!(
        notes,
        [
            "W107 preset `sqs` has no `partitions`: dropped",
            "W107 preset `sqs` has no `partitions`: dropped",
        ]
    );
}

#[test]
fn a_preset_that_is_copied_is_the_preset() {
    for name in keys::PRESETS.iter().filter(|name| **name != "ideal") {
        let parts = "[service.shop]\nemits.E = \"1/s\"\n[service.email]\non.E = \"1ms\"\n";
        let copied = format!("{}\n{parts}", preset(name).unwrap());
        let named = format!("[broker.bus]\npreset = \"{name}\"\n{parts}");
        let of = |text: &str| format!("{:?}", blueprint(text));
        assert_eq!(of(&copied), of(&named), "{name}");
        // Extending it is a third way to say the same.
        let extended = format!("extends = \"preset:{name}\"\n{parts}");
        let (a, _) = open(&[("a.toml", &extended)], &[]);
        let (b, _) = open(&[("a.toml", &named)], &[]);
        assert_eq!(normal::hash(&a), normal::hash(&b), "{name}");
    }
}

#[test]
fn history_and_who_asks_for_it_need_each_other() {
    let text = |preset: &str, history: &str, from: &str| {
        on(preset, "", from).replace("[event.E]\n", &format!("[event.E]\n{history}\n"))
    };
    let (some, asks) = ("history = 5", "from = \"earliest\"");
    for (preset, history, from, missing) in [
        ("kafka", some, asks, None),
        ("ideal", some, asks, None),
        ("sqs", some, asks, None),
        ("sqs", some, "poison = \"0%\"", Some("`history` has no effect")),
        ("kafka", "", asks, Some("`from` has no effect")),
        ("redis-pubsub", some, asks, Some("`from` has no effect")),
        ("redis-pubsub", some, asks, Some("`history` has no effect")),
    ] {
        let said = check(&text(preset, history, from));
        match missing {
            None => assert_eq!(said, "", "{preset}"),
            Some(what) => assert!(said.contains(what), "{preset}: {said}"),
        }
    }
}

#[test]
fn numbers_of_little_weight_are_told() {
    let advice = |text: &str| {
        let advice = variants(text).remove(0).advice;
        advice.iter().map(|a| format!("{} {}", a.code, a.text)).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(advice(&on("redis-streams", "", "fails = \"1%\"")), @"A006 bus: of preset redis-streams, `publish` (C), `deliver` (C), `replication` (D), `per_node` (D) are of grade C or D: single measurements or assumptions");
    let own = "publish = \"1ms\"\ndeliver = \"1ms\"\nreplication = \"1ms\"\nper_node = \"5/s\"";
    assert_eq!(advice(&on("redis-streams", own, "fails = \"1%\"")), "");
    assert_eq!(advice(&on("ideal", "", "fails = \"1%\"")), "");
}

#[test]
fn explain_shows_presets_with_their_grades() {
    let mut sources = Sources::default();
    let tables =
        meaning_tests::tables(&mut sources, &on("kafka", "partitions = 4", "fails = \"1%\""));
    let text = explain::explain_tables(&tables, &sources);
    let line = |key: &str| {
        let line = text.lines().find(|l| l.trim_start().starts_with(&format!("broker.bus.{key} ")));
        line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("partitions"), "broker.bus.partitions 4 t.toml:3");
    assert_eq!(line("retention"), "broker.bus.retention \"7d\" preset kafka (grade A, [K1])");
    assert_eq!(line("mandatory"), "broker.bus.mandatory false default (by definition)");
    assert!(text.contains("event.E.size"), "{text}");
    assert!(!text.contains("broker.bus.visibility"), "{text}");
}

#[test]
fn every_engine_has_a_noun_and_a_preset() {
    let engine = |place: Place| keys::PRESETS.iter().any(|p| presets::engine(p) == Some(place));
    assert!(keys::ENGINES.into_iter().all(engine));
}
