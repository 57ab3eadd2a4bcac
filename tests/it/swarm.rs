//! The swarm: architectures with any broker, any way to publish and to consume, and anything that
//! may break, drawn from a number. The program itself checks conservation, segments and Little's
//! law at the end of every run and ends with status 70 if one is broken; what it publishes is
//! judged here once more. `SWARM=10000 cargo test --release swarm` runs as many as it says.

use crate::support::{self, Dice};
use std::fmt::Write as _;
use tidelag::results::{Ledger, Results};

/// Runs of the everyday test.
const FEW: u64 = if cfg!(debug_assertions) { 40 } else { 400 };

/// Kinds of brokers by what they can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
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
fn broker(dice: &mut Dice, text: &mut String, name: &str) -> Engine {
    let &(preset, engine) = dice.pick(PRESETS);
    let _ = writeln!(text, "[broker.{name}]\npreset = \"{preset}\"");
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
        let _ = writeln!(text, "{}", dice.pick(settings));
    }
    engine
}

/// One of some texts.
fn any(dice: &mut Dice, of: &[&'static str]) -> &'static str {
    of[dice.below(of.len())]
}

fn consumes(dice: &mut Dice, engine: Engine) -> String {
    let mut keys = String::new();
    if dice.below(3) == 0 {
        keys.push_str(", fails = \"20%\", backoff = \"5ms..50ms full-jitter\"");
        let places = [", retry_in = \"delayed\"", ", retry_in = \"inline\"", ""];
        // An ideal bus has nowhere to put work aside, and what is not acknowledged cannot be.
        let from = usize::from(matches!(engine, Engine::FanOut | Engine::Ideal));
        keys.push_str(any(dice, &places[from..]));
        if matches!(engine, Engine::Push | Engine::Pull) && dice.below(2) == 0 {
            keys.push_str(", on_exhausted = \"dlq\"");
        }
        if engine == Engine::Log {
            keys.push_str(any(dice, &[", on_exhausted = \"skip\"", ", on_exhausted = \"dlq\""]));
        }
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

fn failure(dice: &mut Dice, text: &mut String, services: &[(String, usize)], engine: Engine) {
    let (service, instances) = dice.pick(services).clone();
    if !matches!(engine, Engine::Ideal) && dice.below(3) == 0 {
        link_failure(dice, text, &service);
        return;
    }
    let verb = match dice.below(9) {
        0 if !matches!(engine, Engine::Ideal) => "crash = \"bus/broker:0\"".to_owned(),
        1 => format!("stop = \"{service}\""),
        2 => format!("pause = \"{service}\""),
        3 => format!("restart = \"{service}\""),
        4 => format!("slow = {{ {service} = \"3x\" }}"),
        5 => "zone = \"b\"".to_owned(),
        6 => format!("crash = \"{service}[{}]\"", dice.below(instances)),
        _ => format!("crash = \"{service}\""),
    };
    let at = 100 + dice.below(3_000);
    let lasts = 10 + dice.below(1_500);
    let _ = writeln!(text, "[[failure]]\n{verb}\nat = \"{at}ms\"");
    if !verb.starts_with("restart") {
        let _ = writeln!(text, "for = \"{lasts}ms\"");
    }
}

/// Something is wrong between a service and its broker, or between zones.
fn link_failure(dice: &mut Dice, text: &mut String, service: &str) {
    let ends = [
        (service, "bus"),
        ("bus", service),
        ("zone:a", "zone:b"),
        ("itself", "bus"),
        ("web", "shop"),
        ("shop", "web"),
    ];
    let (from, to) = *dice.pick(&ends);
    let verb = match dice.below(8) {
        0 | 1 => format!("partition = [\"{from}\", \"{to}\"]"),
        2 => format!("loss = {{ \"{from}->{to}\" = \"20%\" }}"),
        3 => format!("loss = {{ \"{from}->{to}\" = \"20%\" }}\ndatagram = true"),
        4 => format!("duplicate = {{ \"{from}->{to}\" = \"20%\" }}"),
        5 => format!("reorder = {{ \"{from}->{to}\" = \"20%\" }}"),
        6 => format!("throttle = {{ \"{from}->{to}\" = \"30KB/s\" }}"),
        _ => format!("delay = {{ \"{from}->{to}\" = \"~60ms\" }}"),
    };
    // A broker of one node has nothing between its nodes.
    let verb = if to == "bus" && from != service {
        format!("throttle = {{ bus = \"{}KB/s\" }}", 30 + dice.below(100))
    } else {
        verb
    };
    let (at, lasts) = (100 + dice.below(3_000), 10 + dice.below(3_000));
    let _ = writeln!(text, "[[failure]]\n{verb}\nat = \"{at}ms\"\nfor = \"{lasts}ms\"");
}

/// The architecture of a number. Traffic ends after 4 s.
pub(crate) fn architecture(seed: u64) -> String {
    let dice = &mut Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut text =
        format!("duration = \"4s\"\ndrain = \"40m\"\nseed = {seed}\nzones = [\"a\", \"b\"]\n");
    let keyed = dice.below(2) == 0;
    if keyed {
        text.push_str("[entity.account]\ncount = 20\n[event.A]\nkey = \"account\"\n");
    }
    let engine = broker(dice, &mut text, "bus");
    let _ = writeln!(text, "[service.source]\ninstances = {}", 1 + dice.below(2));
    let _ = writeln!(text, "start = \"100ms\"\nemits.A = \"{}/s\"", 20 + dice.below(80));
    let _ =
        writeln!(text, "[client.web]\ncalls = \"shop.buy\"\nrate = \"{}/s\"", 10 + dice.below(40));
    let order = if dice.below(4) == 0 {
        "do = [\"2ms\", \"emit B\", \"write order\"]"
    } else {
        "takes = \"2ms\", writes = \"order\", emits = \"B\""
    };
    let _ = writeln!(
        text,
        "[service.shop]\nworkers = 4\nstart = \"100ms\"\napi.buy = {{ {order}{} }}",
        publishes(dice)
    );
    let mut services = vec![("source".to_owned(), 1), ("shop".to_owned(), 1)];
    for n in 0..=dice.below(2) {
        let instances = 1 + dice.below(3);
        let _ = writeln!(
            text,
            "[service.s{n}]\ninstances = {instances}\nworkers = {}\nstart = \"100ms\"",
            1 + dice.below(3)
        );
        text.push_str(any(dice, &["", "", "dedup = \"inbox\"\n"]));
        for event in ["A", "B"] {
            if event == "B" && n > 0 && dice.below(2) == 0 {
                continue;
            }
            let writes = any(dice, &["", ", writes = \"copy\""]);
            let emits = if event == "A" && dice.below(3) == 0 {
                format!(", emits = \"C{n}\"{}", publishes(dice))
            } else {
                String::new()
            };
            let (work, keys) = (*dice.pick(WORK), consumes(dice, engine));
            let _ = writeln!(text, "on.{event} = {{ takes = \"{work}\"{writes}{emits}{keys} }}");
            if !emits.is_empty() {
                let _ = writeln!(text, "on.C{n} = \"1ms\"");
            }
        }
        services.push((format!("s{n}"), instances));
    }
    for _ in 0..dice.below(4) {
        failure(dice, &mut text, &services, engine);
    }
    if engine == Engine::Log && seed.is_multiple_of(2) { with_transactions(&text) } else { text }
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

fn accounted(ledger: &Ledger) -> u64 {
    let reasons = ledger.dropped.iter().chain(ledger.lost.iter()).map(|(_, n)| *n).sum::<u64>();
    let open = ledger.pending + ledger.stored + ledger.leased;
    let judged = ledger.applied + ledger.superseded + ledger.rejected;
    open + judged + ledger.dead_lettered + ledger.expired + reasons
}

/// What is wrong with the results, if anything.
fn fault(results: &Results) -> Option<String> {
    let base = results.variants.get("base")?;
    for (service, ledger) in base.ledger.iter() {
        if accounted(ledger) != ledger.committed {
            return Some(format!("{service} does not balance: {ledger:?}"));
        }
        let open = ledger.pending + ledger.stored + ledger.leased;
        if base.phases.converged && open > 0 {
            return Some(format!("{service} at rest with live obligations: {ledger:?}"));
        }
    }
    None
}

#[test]
fn swarm() {
    let runs = std::env::var("SWARM").ok().and_then(|n| n.parse().ok()).unwrap_or(FEW);
    for seed in 1..=runs {
        let text = architecture(seed);
        let dir = tempfile::tempdir().expect("a directory");
        let file = support::write(dir.path(), "swarm.toml", &text);
        let mut command = support::tidelag();
        command.arg("run").arg(&file).args(["--format", "json", "--quiet", "--threads", "1"]);
        let output = command.output().expect("the binary starts");
        let status = support::status(&output);
        let said = support::stderr(&output);
        assert!(status == 0, "swarm number {seed}: status {status}\n{said}\n{text}");
        let results: Results = serde_json::from_slice(&output.stdout).expect("results.json");
        if let Some(fault) = fault(&results) {
            panic!("swarm number {seed}: {fault}\n{text}");
        }
    }
}
