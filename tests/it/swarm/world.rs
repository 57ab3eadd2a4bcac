//! The architectures of the swarm: a source, a shop with a client, one to three listeners, and a
//! back end that some of them call.

use super::rest::Restless;
use super::{failures, guards};
use crate::support::Dice;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What is drawn of a number.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Debug, Default)]
pub(super) struct Drawn {
    pub(super) text: String,
    pub(super) engine: Engine,
    /// Events A have a key.
    pub(super) keyed: bool,
    /// The broker has but one node.
    pub(super) one_node: bool,
    /// What the broker leases it takes back only when a connection ends.
    pub(super) connected: bool,
    /// The shop has a relay.
    pub(super) relay: bool,
    pub(super) shop_calls: bool,
    /// Services with the instances that they may have.
    pub(super) services: Vec<(String, usize)>,
    /// Those whose instances an autoscaler decides on.
    pub(super) scaled: Vec<String>,
    /// Those with a handler that stops a partition of a log when its attempts are used up.
    pub(super) halting: Vec<String>,
    /// How many failures there are, and which of them end.
    pub(super) failures: usize,
    pub(super) over: Vec<String>,
    /// Verbs and triggers.
    pub(super) seen: BTreeSet<&'static str>,
    /// Why it may not come to rest.
    pub(super) restless: BTreeSet<Restless>,
}

/// Kinds of brokers by what they can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Engine {
    #[default]
    Ideal,
    Log,
    Push,
    Pull,
    FanOut,
}

const PRESETS: &[(&str, Engine)] = &[
    ("ideal", Engine::Ideal),
    ("kafka", Engine::Log),
    ("kafka", Engine::Log),
    ("pulsar", Engine::Pull),
    ("kafka-share", Engine::Pull),
    ("rabbitmq-classic", Engine::Push),
    ("rabbitmq-quorum", Engine::Push),
    ("sqs", Engine::Pull),
    ("sqs-fifo", Engine::Pull),
    ("sns-sqs", Engine::Pull),
    ("eventbridge", Engine::Push),
    ("nats-core", Engine::FanOut),
    ("nats-jetstream", Engine::Pull),
    ("redis-streams", Engine::Pull),
    ("redis-pubsub", Engine::FanOut),
    ("gcp-pubsub", Engine::Pull),
];

const WORK: &[&str] =
    &["0ms", "3ms", "~5ms", "2ms..9ms", "4ms p99 20ms", "mix 90% ~2ms, 10% 300ms"];

/// Settings that make rare things happen within seconds.
fn broker(dice: &mut Dice, drawn: &mut Drawn) {
    let &(preset, engine) = dice.pick(PRESETS);
    let _ = writeln!(drawn.text, "[broker.bus]\npreset = \"{preset}\"");
    let settings: &[&str] = match engine {
        Engine::Ideal => &["deliver = \"~2ms\""],
        Engine::Log => &[
            "partitions = 3",
            "partitions = 1\nsession_timeout = \"800ms\"",
            "acks = 1",
            "acks = 0",
            "replication = \"40ms\"\nmin_isr = 1",
            "rebalance = \"cooperative\"\nsession_timeout = \"600ms\"",
            "rebalance = \"server\"\nsession_timeout = \"600ms\"",
            "commit = \"interval 500ms\"",
            "linger = \"20ms\"\nbatch = \"4KB\"",
            "retention = \"1s\"\nreset = \"earliest\"",
            "unclean = true\nreplicas = 2\nmin_isr = 1",
            "per_shard = \"300/s\"",
        ],
        Engine::Push => &[
            "prefetch = 1",
            "prefetch = 10\nmax_length = 20\noverflow = \"drop-head\"",
            "max_length = 15\noverflow = \"reject-publish\"",
            "max_length = 15\noverflow = \"block\"",
            "ttl = \"200ms\"",
            "dlq.after = 3",
            "per_shard = \"400/s\"",
        ],
        Engine::Pull => &["dlq.after = 4", "visibility = \"100ms\"", "prefetch = 5", "nodes = 3"],
        Engine::FanOut => &["deliver = \"~3ms\"", "nodes = 1"],
    };
    if dice.below(4) > 0 {
        let setting = *dice.pick(settings);
        let _ = writeln!(drawn.text, "{setting}");
        if setting.starts_with("visibility") {
            drawn.restless.insert(Restless::ShortLease);
        }
    }
    drawn.engine = engine;
    let timed = drawn.text.contains("visibility");
    drawn.connected = preset == "pulsar" && !timed || preset == "eventbridge";
}

/// One of some texts.
fn any(dice: &mut Dice, of: &[&'static str]) -> &'static str {
    of[dice.below(of.len())]
}

fn consumes(dice: &mut Dice, drawn: &mut Drawn) -> String {
    let mut keys = String::new();
    let engine = drawn.engine;
    if dice.below(3) == 0 {
        keys.push_str(", fails = \"20%\", backoff = \"5ms..50ms full-jitter\"");
        let places = [", retry_in = \"delayed\"", ", retry_in = \"inline\"", ""];
        // An ideal bus has nowhere to put work aside, and what is not acknowledged cannot be.
        let from = usize::from(matches!(engine, Engine::FanOut | Engine::Ideal));
        keys.push_str(any(dice, &places[from..]));
    }
    match engine {
        Engine::Push | Engine::Pull if dice.below(2) == 0 => {
            keys.push_str(", on_exhausted = \"dlq\"");
        }
        Engine::Log if dice.below(10) == 0 => {
            drawn.restless.insert(Restless::Halts);
        }
        Engine::Log => {
            keys.push_str(any(dice, &[", on_exhausted = \"skip\"", ", on_exhausted = \"dlq\""]));
        }
        _ => {}
    }
    if matches!(engine, Engine::Push | Engine::Log | Engine::Pull) {
        keys.push_str(any(dice, &["", "", ", ack = \"before\"", ", ack = \"after\""]));
    }
    keys
}

fn publishes(dice: &mut Dice) -> &'static str {
    any(
        dice,
        &[
            "",
            "",
            ", publish = \"sync\"",
            ", publish = \"fire\"",
            ", publish = \"outbox\", relay = \"poll\", poll = \"50ms\"",
            ", publish = \"outbox\", relay = \"cdc\"",
        ],
    )
}

/// The architecture of a number. Traffic ends after 4 s, or later if something is to be scaled.
pub(super) fn architecture(seed: u64) -> Drawn {
    let dice = &mut Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut drawn = Drawn::default();
    let lasts = if dice.below(12) == 0 { 40 } else { 4 };
    let _ = writeln!(
        drawn.text,
        "duration = \"{lasts}s\"\ndrain = \"40m\"\nseed = {seed}\nzones = [\"a\", \"b\"]"
    );
    drawn.keyed = dice.below(2) == 0;
    if drawn.keyed {
        drawn.text.push_str("[entity.account]\ncount = 20\n[event.A]\nkey = \"account\"\n");
    }
    broker(dice, &mut drawn);
    sources(dice, &mut drawn);
    shop(dice, &mut drawn);
    back_end(dice, &mut drawn);
    for n in 0..=dice.below(2) {
        listener(dice, &mut drawn, n);
    }
    for _ in 0..dice.below(6) {
        failures::failure(dice, &mut drawn);
    }
    if drawn.engine == Engine::Log && seed.is_multiple_of(2) {
        drawn.text = with_transactions(&drawn.text);
    }
    // Workers that share a processor, of one service or of several.
    for (n, service) in ["[service.psp]\n", "[service.s0]\n"].into_iter().enumerate() {
        if (seed >> n).is_multiple_of(4) {
            drawn.text = drawn.text.replacen(service, &format!("{service}cores = 1\n"), 1);
        }
    }
    drawn
}

/// What asks and emits by itself.
fn sources(dice: &mut Dice, drawn: &mut Drawn) {
    let text = &mut drawn.text;
    let instances = 1 + dice.below(2);
    let _ = writeln!(text, "[service.source]\ninstances = {instances}\nstart = \"100ms\"");
    let _ = writeln!(text, "emits.A = \"{}/s\"", 20 + dice.below(80));
    let rate = 10 + dice.below(40);
    let _ = writeln!(text, "[client.web]\ncalls = \"shop.buy\"\nrate = \"{rate}/s\"");
    for key in guards::of_client(dice) {
        text.extend([key, "\n"]);
    }
    let users = 1 + dice.below(6);
    let _ = writeln!(text, "[client.crowd]\ncalls = \"psp.charge\"\nusers = {users}");
    text.push_str("think = \"~300ms\"\n");
    for key in guards::calling(dice) {
        text.extend([key, "\n"]);
    }
    drawn.services.push(("source".to_owned(), instances));
}

fn shop(dice: &mut Dice, drawn: &mut Drawn) {
    let publish = publishes(dice);
    drawn.relay = publish.contains("cdc");
    drawn.shop_calls = dice.below(2) == 0;
    let order = match (drawn.shop_calls, dice.below(4)) {
        (true, 0) => "do = [\"2ms\", \"emit B\", \"call psp.charge\", \"write order\"]",
        (true, _) => "takes = \"2ms\", calls = \"psp.charge\", writes = \"order\", emits = \"B\"",
        (false, 0) => "do = [\"2ms\", \"emit B\", \"write order\"]",
        (false, _) => "takes = \"2ms\", writes = \"order\", emits = \"B\"",
    };
    let (guards, own) = if drawn.shop_calls {
        (guards::of_handler(dice), "")
    } else {
        (String::new(), any(dice, &["", "", "", ", rate_limit = \"20/s burst 5\""]))
    };
    let (room, size) = sized(dice, drawn, "shop");
    let _ = writeln!(
        drawn.text,
        "[service.shop]\n{size}workers = {}\nstart = \"100ms\"\n{}\
         api.buy = {{ {order}{publish}{guards}{own} }}",
        1 + dice.below(4),
        guards::backlog(dice)
    );
    drawn.services.push(("shop".to_owned(), room));
}

fn back_end(dice: &mut Dice, drawn: &mut Drawn) {
    let (room, size) = sized(dice, drawn, "psp");
    let work = *dice.pick(WORK);
    let fails = any(dice, &["", "", ", fails = \"20%\""]);
    let balance = any(dice, &["round-robin", "random", "least-loaded", "two-choices"]);
    let _ = writeln!(
        drawn.text,
        "[service.psp]\n{size}workers = {}\nstart = \"100ms\"\nbalance = \"{balance}\"\n{}\
         api.charge = {{ takes = \"{work}\"{fails} }}",
        1 + dice.below(3),
        guards::backlog(dice)
    );
    drawn.services.push(("psp".to_owned(), room));
}

/// How many instances a service may have, and the keys that say so.
fn sized(dice: &mut Dice, drawn: &mut Drawn, service: &str) -> (usize, String) {
    let (_, room, keys) = guards::size(dice);
    if keys.contains("autoscale") {
        drawn.scaled.push(service.to_owned());
    }
    (room, keys)
}

/// A service that hears events.
fn listener(dice: &mut Dice, drawn: &mut Drawn, n: usize) {
    let (room, size) = sized(dice, drawn, &format!("s{n}"));
    let _ = writeln!(
        drawn.text,
        "[service.s{n}]\n{size}workers = {}\nstart = \"100ms\"\n{}{}",
        1 + dice.below(3),
        any(dice, &["", "", "dedup = \"inbox\"\n"]),
        guards::backlog(dice)
    );
    for event in ["A", "B"] {
        if event == "B" && n > 0 && dice.below(2) == 0 {
            continue;
        }
        let calls = if dice.below(4) == 0 {
            format!(", calls = \"psp.charge\"{}", guards::of_handler(dice))
        } else {
            String::new()
        };
        let writes = any(dice, &["", ", writes = \"copy\""]);
        let emits = if event == "A" && dice.below(3) == 0 {
            format!(", emits = \"C{n}\"{}", publishes(dice))
        } else {
            String::new()
        };
        let (work, keys) = (*dice.pick(WORK), consumes(dice, drawn));
        let _ = writeln!(
            drawn.text,
            "on.{event} = {{ takes = \"{work}\"{calls}{writes}{emits}{keys} }}"
        );
        if !emits.is_empty() {
            let _ = writeln!(drawn.text, "on.C{n} = \"1ms\"");
            if drawn.engine == Engine::Log {
                drawn.halting.push(format!("s{n}"));
            }
        }
    }
    drawn.services.push((format!("s{n}"), room));
}

/// The same architecture with `exactly_once`, without what that leaves no room for.
fn with_transactions(text: &str) -> String {
    let excluded = [
        ", publish = \"fire\"",
        ", publish = \"outbox\", relay = \"poll\", poll = \"50ms\"",
        ", publish = \"outbox\", relay = \"cdc\"",
        ", retry_in = \"delayed\"",
        ", ack = \"before\"",
        ", ack = \"after\"",
    ];
    let line = |line: &str| match line {
        "preset = \"kafka\"" => format!("{line}\nexactly_once = true\n"),
        "acks = 0" | "acks = 1" => String::new(),
        _ if line.starts_with("on.") && line.contains("emits = ") => {
            excluded.iter().fold(line.to_owned(), |line, key| line.replace(key, "")) + "\n"
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
