//! Every verb and every trigger of the format, alone and two by two, in several small worlds: what
//! came before is not touched, what is off is not there, and in the end all is well again.

use super::*;
use crate::scenario::keys;
use crate::scenario::testing::scenario;

/// Each verb as a file writes it, and the kind of broker that it needs, if it needs one.
const VERBS: &[(&str, &str, &str)] = &[
    ("crash", "crash = \"books\"", ""),
    ("slow", "slow = { books = \"4x\" }", ""),
    ("unclean", "unclean = \"bus/broker:0\"", "kafka"),
    ("crash", "crash = \"bus/partition:0\"", "kafka"),
    ("stop", "stop = \"30% of books\"", ""),
    ("restart", "restart = \"books\"", ""),
    ("pause", "pause = \"books[1]\"", ""),
    ("replay", "replay = { books = \"0s\" }", "kafka"),
    ("redrive", "redrive = \"books\"", ""),
    ("set", "set = { \"service.books.workers\" = 3 }", ""),
    ("spike", "spike = { shop = \"3x\" }", ""),
    ("hot", "hot = { E = \"80%\" }", ""),
    ("herd", "herd = { web = \"full 100ms\" }", ""),
    ("leak", "leak = { books = \"50%/s\" }", ""),
    ("brownout", "brownout = { psp = \"50% 3x\" }", ""),
    ("partition", "partition = [\"books\", \"psp\"]", ""),
    ("loss", "loss = { \"books->psp\" = \"30%\" }", ""),
    ("duplicate", "duplicate = { \"app->books\" = \"30% ~20ms\" }", ""),
    ("reorder", "reorder = { \"app->books\" = \"30% ~20ms\" }", ""),
    ("delay", "delay = { \"books->psp\" = \"~10ms\" }", ""),
    ("throttle", "throttle = { \"books->psp\" = \"20KB/s\" }", ""),
    ("zone", "zone = \"b\"", ""),
    ("poison", "poison = { \"books.on.E\" = \"40%\" }\nkills = true", ""),
    ("schema", "schema = { E = \"books\" }", ""),
    ("drop_consumer", "drop_consumer = \"books\"", ""),
    ("bug", "bug = \"books\"", ""),
    ("expire", "expire = { bus = \"50ms\" }", "kafka"),
    ("expire", "expire = { bus = \"50ms\" }", "rabbitmq-classic"),
    ("expire", "expire = { bus = \"50ms\" }", "sqs"),
    ("skew", "skew = { \"shop[0]\" = \"-40ms\" }", "kafka"),
    ("skew", "skew = { \"shop[0]\" = \"40ms\" }", "sqs"),
    ("bug", "bug = \"books.on.E\"\nfix = \"0s\"", "kafka"),
    ("disk_full", "disk_full = \"books\"", ""),
    ("disk_full", "disk_full = \"bus\"", "kafka"),
    ("disk_full", "disk_full = \"bus\"", "sqs"),
];

/// Each trigger, and whether its strikes have an end of their own.
const TRIGGERS: &[(&str, &str)] = &[
    ("at", "at = \"300ms\"\nfor = \"200ms\""),
    ("every", "every = \"400ms\"\nfor = \"100ms\""),
    ("mtbf", "mtbf = \"150ms\"\nmttr = \"50ms\""),
    ("when", "when = \"books.inflight >= 2\"\ncooldown = \"200ms\"\nfor = \"50ms\""),
    ("chance", "chance = \"5%\"\nfor = \"50ms\""),
    ("after", "after = \"first\"\nfor = \"50ms\""),
];

const PRESETS: [&str; 4] = ["ideal", "kafka", "rabbitmq-classic", "sqs"];

/// A shop that emits events of a key, books that write them down and ask, a client with users and
/// one without.
fn text(preset: &str, failures: &str) -> String {
    let bus = if preset == "ideal" {
        String::new()
    } else {
        {
            let nodes = if preset == "rabbitmq-classic" { "" } else { "nodes = 3\n" };
            format!("[broker.bus]\npreset = \"{preset}\"\n{nodes}")
        }
    };
    format!(
        r#"
duration = "1200ms"
drain = "40m"
zones = ["a", "b", "c"]
{bus}
[entity.account]
count = 20
[event.E]
key = "account"
[client.web]
calls = "psp.pay"
users = 3
think = "~60ms"
timeout = "200ms"
[client.app]
calls = "books.get"
rate = "30/s"
timeout = "200ms"
[service.shop]
emits.E = "60/s"
[service.books]
instances = 2
workers = 2
start = "50ms"
api.get = "~3ms"
[service.books.on.E]
takes = "~4ms"
calls = "psp.pay"
writes = "entry"
attempts = 8
backoff = "5ms fixed"
[service.psp]
workers = 3
start = "50ms"
api.pay = "~4ms"
{failures}
"#
    )
}

fn built(preset: &str, failures: &str) -> Blueprint {
    scenario(&text(preset, failures)).variants.remove(0).blueprint
}

fn failing(verb: &str, trigger: &str, more: &str) -> String {
    // What is over at once has no use for an end.
    let once = ["restart", "replay", "redrive", "herd"].iter().any(|v| verb.starts_with(v));
    let lines =
        trigger.lines().filter(|l| !once || !l.starts_with("for") && !l.starts_with("mttr"));
    format!("[[failure]]\n{verb}\n{}\n{more}\n", lines.collect::<Vec<_>>().join("\n"))
}

fn engine(b: &Blueprint) -> Engine<World<Log>> {
    let limits = Limits { events: 5_000_000, events_per_instant: 100_000 };
    Engine::new(World::new(b, &Streams::new(1, 0), Log::default()), limits, World::start)
}

/// Runs to the end, and a while on, in which brokers find out.
fn ended(b: &Blueprint, what: &str) -> World<Log> {
    let mut engine = engine(b);
    let mut now = SimTime::ZERO;
    while now < b.phases.traffic_end() {
        now = b.phases.traffic_end().min(now + SimDuration::from_ms(20));
        engine.run_until::<false>(now);
        assert_told(engine.model());
    }
    let stop = engine.run_until::<true>(b.phases.traffic_end() + b.phases.drain);
    assert_eq!(stop, Stop::Rest, "{what}");
    engine.run_until::<false>(engine.now() + SimDuration::from_secs(120));
    engine.into_model()
}

#[test]
fn every_verb_and_trigger_is_here() {
    let verbs: Vec<&str> = VERBS.iter().map(|v| v.0).collect();
    let mut known = keys::VERBS.to_vec();
    let mut listed = verbs.clone();
    known.sort_unstable();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed, known);
    let triggers: Vec<&str> = TRIGGERS.iter().map(|t| t.0).collect();
    assert_eq!(triggers, keys::TRIGGERS);
}

/// The presets in which a verb can strike.
fn presets(needs: &str) -> impl Iterator<Item = &'static str> {
    PRESETS.into_iter().filter(move |p| needs.is_empty() || *p == needs)
}

#[test]
fn nothing_changes_before_the_first_strike_and_nothing_at_all_by_what_is_off() {
    let at_instances = ["crash", "stop", "slow", "pause", "leak", "brownout"];
    for &(verb, line, needs) in VERBS {
        for &(trigger, when) in TRIGGERS {
            if trigger == "chance" && (!at_instances.contains(&verb) || line.contains('/')) {
                continue;
            }
            let preset = presets(needs).next().expect("one at least");
            let first = if trigger == "after" {
                "[[failure]]\nname = \"first\"\nslow = { psp = \"2x\" }\nat = \"300ms\"\n\
                 for = \"100ms\"\n"
            } else {
                ""
            };
            let calm = built(preset, first);
            let off = built(preset, &format!("{first}{}", failing(line, when, "off = true")));
            assert_eq!(format!("{:?}", off.failures), format!("{:?}", calm.failures));
            let struck = built(preset, &format!("{first}{}", failing(line, when, "")));
            let (mut calm, mut struck) = (engine(&calm), engine(&struck));
            let last = struck.model().failures.len() - 1;
            let mut now = SimTime::ZERO;
            let end = SimTime::ZERO + SimDuration::from_ms(1_200);
            while !struck.model().trouble.clocks[last].has_struck() && now < end {
                assert_eq!(calm.model().observer.0, struck.model().observer.0, "{verb} {trigger}");
                now = now + SimDuration::from_ms(1);
                calm.run_until::<false>(now);
                struck.run_until::<false>(now);
            }
            assert!(now < end, "{verb} never strikes by {trigger}");
            // A drawn time may be as short as it likes.
            assert!(now > at(1) || trigger == "mtbf", "{verb} strikes by {trigger} at once");
        }
    }
}

#[test]
fn every_pair_ends_in_the_healthy_state() {
    let overlaps = [(40, 200), (200, 20), (120, 40), (200, 80)];
    let mut pairs = 0;
    for (i, &(one, first, needs)) in VERBS.iter().enumerate() {
        for (j, &(other, second, also)) in VERBS.iter().enumerate() {
            for preset in presets(needs).filter(|p| also.is_empty() || *p == also) {
                let which = (i + j) % overlaps.len();
                // In some worlds all overlaps, in the others one of each pair.
                for (n, &(begins, lasts)) in overlaps.iter().enumerate() {
                    if preset != "ideal" && n != which {
                        continue;
                    }
                    let when =
                        |at: u32, lasts: u32| format!("at = \"{at}ms\"\nfor = \"{lasts}ms\"");
                    let name = |name: &str| format!("name = \"{name}\"");
                    let failures = failing(first, &when(100, 100), &name("a"))
                        + &failing(second, &when(begins, lasts), &name("b"));
                    let what = format!("{one} and {other} on {preset}, {begins} for {lasts}");
                    let end = ended(&built(preset, &failures), &what);
                    assert!(end.trouble.is_over(), "{what}: {:?}", end.trouble);
                    assert_healthy(&end);
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > VERBS.len() * VERBS.len());
}
