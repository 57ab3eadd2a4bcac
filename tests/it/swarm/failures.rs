//! What breaks: any verb by any trigger, several at a time, some of them for good.

use super::rest::Restless;
use super::world::{Drawn, Engine};
use crate::support::Dice;
use std::fmt::Write as _;

/// How a verb strikes.
struct Strike {
    verb: &'static str,
    /// `verb = target`, and keys that go with it.
    text: String,
    /// It is over at once.
    at_once: bool,
    /// It strikes instances, so that a message may set it off.
    at_instances: bool,
}

/// Verbs, each as often as it stands here.
const VERBS: &[&str] = &[
    "crash",
    "crash",
    "crash",
    "stop",
    "restart",
    "pause",
    "slow",
    "zone",
    "leak",
    "brownout",
    "unclean",
    "unclean",
    "replay",
    "replay",
    "redrive",
    "partition",
    "partition",
    "loss",
    "duplicate",
    "reorder",
    "delay",
    "throttle",
    "set",
    "set",
    "set",
    "spike",
    "hot",
    "herd",
    "poison",
    "poison",
    "schema",
    "drop_consumer",
    "drop_consumer",
    "disk_full",
    "disk_full",
    "bug",
    "bug",
    "bug",
    "expire",
    "expire",
    "skew",
    "skew",
];

/// Draws a failure that makes sense in what is drawn so far.
pub(super) fn failure(dice: &mut Dice, drawn: &mut Drawn) {
    let strike = loop {
        let verb = *dice.pick(VERBS);
        if let Some(strike) = strike(dice, drawn, verb) {
            break strike;
        }
    };
    let (when, trigger, ends) = trigger(dice, drawn, &strike);
    let name = format!("f{}", drawn.failures);
    drawn.failures += 1;
    let _ = writeln!(drawn.text, "[[failure]]\nname = \"{name}\"\n{}\n{when}", strike.text);
    drawn.seen.insert(strike.verb);
    drawn.seen.insert(trigger);
    if matches!(trigger, "every" | "mtbf" | "when" | "chance") {
        drawn.restless.insert(Restless::ComesBack);
    }
    // What only takes longer does not fail.
    let fails = strike.verb == "brownout" && !strike.text.contains("\"3x\"");
    if fails && drawn.halting.iter().any(|service| strike.text.contains(service)) {
        drawn.restless.insert(Restless::Halts);
    }
    if drawn.connected && strike.text.contains("datagram") {
        drawn.restless.insert(Restless::NoLease);
    }
    if ends {
        drawn.over.push(name);
    } else {
        drawn.restless.insert(Restless::ForGood);
    }
}

fn strike(dice: &mut Dice, drawn: &Drawn, verb: &'static str) -> Option<Strike> {
    let (service, room) = dice.pick(&drawn.services).clone();
    let engine = drawn.engine;
    let part = match dice.below(5) {
        0 | 1 => format!("{service}[{}]", dice.below(room)),
        2 => format!("{}% of {service}", 10 + dice.below(80)),
        _ => service.clone(),
    };
    let times = *dice.pick(&["3x", "0.5x", "20x"]);
    let node = dice.below(if engine == Engine::Log && !drawn.one_node { 3 } else { 1 });
    let mut at_instances = false;
    let mut at = |text: String| {
        at_instances = true;
        text
    };
    let text = match verb {
        "crash" => match dice.below(6) {
            0 if engine != Engine::Ideal => format!("crash = \"bus/broker:{node}\""),
            1 if drawn.relay => "crash = \"shop/relay\"".to_owned(),
            2 => "crash = \"zone:a\"".to_owned(),
            3 if engine == Engine::Log => "crash = \"bus/partition:0\"".to_owned(),
            _ => at(format!("crash = \"{part}\"")),
        },
        "stop" | "pause" => at(format!("{verb} = \"{part}\"")),
        "restart" => format!("restart = \"{part}\""),
        "slow" => at(format!("slow = {{ \"{part}\" = \"{times}\" }}")),
        "leak" => at(format!("leak = {{ \"{part}\" = \"{}%/s\" }}", 5 + dice.below(200))),
        "brownout" => {
            let how = *dice.pick(&["20% 5x", "60%", "3x"]);
            at(format!("brownout = {{ \"{part}\" = \"{how}\" }}"))
        }
        "zone" => format!("zone = \"{}\"", dice.pick(&["a", "b"])),
        "unclean" if engine == Engine::Log => format!("unclean = \"bus/broker:{node}\""),
        "replay" if engine == Engine::Log => {
            format!("replay = {{ s0 = \"{}ms\" }}", dice.below(2_000))
        }
        "redrive" => "redrive = \"s0\"".to_owned(),
        "spike" => {
            let target = *dice.pick(&["web", "crowd", "A", "source"]);
            format!("spike = {{ {target} = \"{}\" }}", dice.pick(&["3x", "0.2x", "6x"]))
        }
        "hot" if drawn.keyed => format!("hot = {{ A = \"{}%\" }}", 5 + dice.below(90)),
        "herd" => match dice.below(3) {
            0 => "herd = \"crowd\"".to_owned(),
            1 => "herd = { crowd = \"3 full 200ms\" }".to_owned(),
            _ => format!("herd = {{ web = \"{} full 300ms\" }}", 1 + dice.below(60)),
        },
        "set" => set(dice, drawn, &service),
        "poison" => {
            let of = *dice.pick(&["s0", "s0.on.A"]);
            let kills = *dice.pick(&["", "\nkills = true"]);
            format!("poison = {{ \"{of}\" = \"{}%\" }}{kills}", 1 + dice.below(60))
        }
        "drop_consumer" => "drop_consumer = \"s0\"".to_owned(),
        "disk_full" if engine != Engine::Ideal && dice.below(2) == 0 => {
            "disk_full = \"bus\"".to_owned()
        }
        "disk_full" => "disk_full = \"shop\"".to_owned(),
        "bug" if drawn.keyed && engine == Engine::Log && dice.below(2) == 0 => {
            format!("bug = \"s0.on.A\"\nfix = \"{}ms\"", dice.below(2_000))
        }
        "bug" if drawn.keyed => "bug = \"s0.on.A\"".to_owned(),
        "expire" if !matches!(engine, Engine::Ideal | Engine::FanOut) => {
            format!("expire = {{ bus = \"{}ms\" }}", 20 + dice.below(150))
        }
        "skew" if !matches!(engine, Engine::Ideal | Engine::FanOut) => {
            let sign = *dice.pick(&["", "-"]);
            format!("skew = {{ source = \"{sign}{}ms\" }}", 20 + dice.below(2_000))
        }
        "schema" => format!("schema = {{ A = [{}] }}", dice.pick(&["\"s0\"", ""])),
        "partition" | "loss" | "duplicate" | "reorder" | "delay" | "throttle" => {
            link(dice, drawn, verb)
        }
        _ => return None,
    };
    let at_once = matches!(verb, "restart" | "replay" | "redrive" | "herd");
    Some(Strike { verb, text, at_once, at_instances })
}

/// Another value for a while, or two.
fn set(dice: &mut Dice, drawn: &Drawn, service: &str) -> String {
    let n = 1 + dice.below(4);
    let mut paths = vec![
        ("service.s0.on.A.takes".to_owned(), "\"~12ms\"".to_owned()),
        (format!("service.{service}.workers"), n.to_string()),
        ("client.web.rate".to_owned(), format!("\"{}/s\"", 1 + dice.below(100))),
        ("client.web.timeout".to_owned(), format!("\"{}ms\"", 40 + dice.below(400))),
        ("client.crowd.users".to_owned(), dice.below(9).max(1).to_string()),
        ("service.source.emits.A".to_owned(), format!("\"{}/s\"", 1 + dice.below(200))),
    ];
    if !drawn.scaled.iter().any(|scaled| scaled == service) {
        let path = format!("service.{service}.instances");
        paths.extend([(path.clone(), n.to_string()), (path, n.to_string())]);
    }
    match drawn.engine {
        Engine::Log => paths.push(("broker.bus.linger".to_owned(), format!("\"{n}0ms\""))),
        Engine::Push => paths.push(("broker.bus.prefetch".to_owned(), n.to_string())),
        _ => {}
    }
    let (path, value) = dice.pick(&paths).clone();
    let mut text = format!("\"{path}\" = {value}");
    let (other, value) = dice.pick(&paths).clone();
    if dice.below(3) == 0 && other != path {
        let _ = write!(text, ", \"{other}\" = {value}");
    }
    format!("set = {{ {text} }}")
}

/// Something is wrong between two ends between which something travels.
fn link(dice: &mut Dice, drawn: &Drawn, verb: &str) -> String {
    let mut ends =
        vec![("web", "shop"), ("crowd", "psp"), ("zone:a", "zone:b"), ("crowd", "psp[0]")];
    if drawn.shop_calls {
        ends.extend([("shop", "psp"), ("shop[0]", "psp")]);
    }
    if drawn.engine != Engine::Ideal {
        let at_bus = [("shop", "bus"), ("source", "bus"), ("s0", "bus"), ("s0[0]", "bus")];
        ends.extend(at_bus);
        ends.extend([("s0", "bus/broker:0"), ("zone:a", "bus")]);
        if verb == "throttle" && dice.below(2) == 0 {
            return format!("throttle = {{ bus = \"{}KB/s\" }}", 30 + dice.below(100));
        }
    }
    let (mut from, mut to) = *dice.pick(&ends);
    if dice.below(2) == 0 {
        (from, to) = (to, from);
    }
    let link = format!("{from}->{to}");
    match verb {
        "partition" => format!("partition = [\"{from}\", \"{to}\"]"),
        "loss" if dice.below(2) == 0 => {
            format!("loss = {{ \"{link}\" = \"20%\" }}\ndatagram = true")
        }
        "throttle" => format!("throttle = {{ \"{link}\" = \"{}KB/s\" }}", 20 + dice.below(60)),
        "delay" => format!("delay = {{ \"{link}\" = \"~60ms\" }}"),
        _ => format!("{verb} = {{ \"{link}\" = \"20%\" }}"),
    }
}

/// When it strikes and for how long; which trigger that is; whether each strike ends.
fn trigger(dice: &mut Dice, drawn: &Drawn, strike: &Strike) -> (String, &'static str, bool) {
    let lasts = 10 + dice.below(1_500);
    // What multiplies the traffic and never ends would, time after time, leave no end of it.
    let for_good = !strike.at_once && strike.verb != "spike" && dice.below(20) == 0;
    let ends =
        if strike.at_once || for_good { String::new() } else { format!("\nfor = \"{lasts}ms\"") };
    let level = ["s0.backlog > 3", "shop.inflight >= 2", "psp.backlog > 1", "s0.inflight < 1"];
    match dice.below(12) {
        0 | 1 => (format!("every = \"{}ms\"{ends}", 1_600 + dice.below(1_500)), "every", true),
        2 if strike.at_once => (format!("mtbf = \"{lasts}ms\""), "mtbf", true),
        2 => (format!("mtbf = \"2s\"\nmttr = \"{lasts}ms\""), "mtbf", true),
        3 => (format!("mtbf = \"3s\"{ends}"), "mtbf", !for_good),
        4 | 5 => {
            let cooldown = *dice.pick(&["", "\ncooldown = \"2s\""]);
            let when = format!("when = \"{}\"{ends}{cooldown}", dice.pick(&level));
            (when, "when", !for_good)
        }
        6 if strike.at_instances => (format!("chance = \"1%\"{ends}"), "chance", !for_good),
        7 | 8 if !drawn.over.is_empty() => {
            (format!("after = \"{}\"{ends}", dice.pick(&drawn.over)), "after", !for_good)
        }
        _ => (format!("at = \"{}ms\"{ends}", 100 + dice.below(3_000)), "at", !for_good),
    }
}
