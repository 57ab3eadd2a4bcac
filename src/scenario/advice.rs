//! The pre-flight check: what can be said of a run before it, from rates and means alone.

use super::flow::Flow;
use super::presets::{origin, preset_of};
use super::{Expect, Sources, Table, Value};
use crate::model::{Blueprint, Load, Service, Trigger};
use crate::results::Advice;

/// A service at or above this utilisation cannot keep up.
const FULL: f64 = 1.0;
/// Above this utilisation waits are long and a run must be long to measure them.
const CROWDED: f64 = 0.9;
/// Utilisation that the advice aims at.
const AIM: f64 = 0.8;
/// A quantile needs this many samples beyond it.
const BEYOND: f64 = 10.0;

/// How busy a service will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Utilisation {
    /// Its name.
    pub service: String,
    /// Busy workers over all workers: sum of rate x E[takes + writes + waiting in calls] /
    /// (instances x workers). Closed loops count with the most that their users can ask for.
    /// Infinite if events feed themselves.
    pub rho: f64,
    /// The same without closed loops.
    pub open_rho: f64,
    /// Workers kept busy: `rho` x `workers`.
    pub busy: f64,
    /// All workers of all instances, or all their processors if `cores` are the scarcer ones.
    pub workers: u64,
    /// The key that says how many there are of each instance: `workers` or `cores`.
    pub key: &'static str,
    /// Arrivals per second.
    pub rate_per_s: f64,
    /// Mean worker time for an arrival, in seconds.
    pub takes_s: f64,
}

/// How busy each service with handlers will be, in the order of the file.
pub fn utilisations(blueprint: &Blueprint) -> Vec<Utilisation> {
    let all = Flow::of(blueprint, true);
    let has_closed = blueprint.clients.iter().any(|c| matches!(c.load, Load::Closed { .. }));
    let open = if has_closed { Some(Flow::of(blueprint, false)) } else { None };
    of_flows(blueprint, &all, open.as_ref().unwrap_or(&all))
}

fn of_flows(blueprint: &Blueprint, all: &Flow, open: &Flow) -> Vec<Utilisation> {
    let busy = |rates: &[f64], times: &[f64]| -> f64 {
        rates
            .iter()
            .zip(times)
            .filter(|(rate, hold)| **rate > 0.0 && **hold > 0.0)
            .map(|(rate, hold)| rate * hold)
            // An empty `sum` would be -0.
            .fold(0.0, |sum, busy| sum + busy)
    };
    let services = blueprint.services.iter().enumerate().filter(|(_, s)| !s.handlers.is_empty());
    services
        .map(|(s, service)| {
            let rate_per_s: f64 = all.handlers[s].iter().sum();
            let of = |key, each: u32, times: &[f64]| {
                let busy_all = busy(&all.handlers[s], times);
                (key, each, busy_all, busy(&open.handlers[s], times))
            };
            let held = of("workers", service.workers, &all.holds_s[s]);
            let shared = service.cores.map(|cores| of("cores", cores, &all.works_s[s]));
            let fuller = |cores: &(_, u32, f64, f64)| {
                cores.2 * f64::from(held.1) > held.2 * f64::from(cores.1)
            };
            let (key, each, busy_all, busy_open) = shared.filter(fuller).unwrap_or(held);
            let workers = u64::from(instances(service)) * u64::from(each);
            Utilisation {
                service: service.name.clone(),
                rho: busy_all / workers as f64,
                open_rho: busy_open / workers as f64,
                busy: busy_all,
                workers,
                key,
                rate_per_s,
                takes_s: if rate_per_s > 0.0 { busy_all / rate_per_s } else { 0.0 },
            }
        })
        .collect()
}

/// All remarks on one variant, whose merged table knows where its values come from.
pub(super) fn advice(
    blueprint: &Blueprint,
    expect: &[Expect],
    table: &Table,
    sources: &Sources,
) -> Vec<Advice> {
    let flow = Flow::of(blueprint, true);
    let mut advice = Vec::new();
    for used in utilisations(blueprint) {
        advice.extend(crowding(blueprint, &used));
    }
    for line in expect {
        advice.extend(too_short(blueprint, &flow, &line.metric));
    }
    advice.extend(untested_numbers(table, sources));
    if let Some(endless) = &flow.endless {
        let first = endless.cycle.first().map_or("", String::as_str);
        advice.push(Advice {
            code: "A004".into(),
            text: format!(
                "{} -> {first}: the cycle feeds itself (one becomes {} each time round), so the \
                 run never comes to rest",
                endless.cycle.join(" -> "),
                short(endless.gain)
            ),
            try_next: None,
        });
    }
    advice
}

/// Keys that hold how fast a broker is.
const NUMBERS: [&str; 6] = ["publish", "deliver", "replication", "per_shard", "per_node", "fsync"];

/// A remark for each broker whose speed rests on numbers that nobody has measured with a method.
fn untested_numbers(table: &Table, sources: &Sources) -> Vec<Advice> {
    let Some(Value::Table(brokers)) = table.get("broker").map(|entry| &entry.node.value) else {
        return Vec::new();
    };
    let mut advice = Vec::new();
    for entry in &brokers.entries {
        let Value::Table(broker) = &entry.node.value else { continue };
        let mut weak: Vec<String> = Vec::new();
        for name in NUMBERS {
            let Some(number) = broker.get(name) else { continue };
            // No limit and no time are no claim that could be wrong by much.
            let nothing =
                matches!(&number.node.value, Value::String(s) if s == "none" || s == "0s");
            if let Some(origin) = origin(sources, number.node.span)
                && matches!(origin.grade, 'C' | 'D')
                && !nothing
            {
                weak.push(format!("`{name}` ({})", origin.grade));
            }
        }
        if weak.is_empty() {
            continue;
        }
        advice.push(Advice {
            code: "A006".into(),
            text: format!(
                "{}: of preset {}, {} of grade C or D: single measurements or assumptions",
                entry.key,
                preset_of(broker),
                match weak.as_slice() {
                    [one] => format!("{one} is"),
                    several => format!("{} are", several.join(", ")),
                }
            ),
            try_next: None,
        });
    }
    advice
}

fn crowding(blueprint: &Blueprint, used: &Utilisation) -> Option<Advice> {
    let Utilisation { service, rho, open_rho, busy, workers, key, rate_per_s, takes_s } = used;
    // An endless cycle has a remark of its own.
    if !rho.is_finite() || *rho <= CROWDED {
        return None;
    }
    let load = format!(
        "{}/s x {} keeps {} {key} busy, and it has {workers}",
        short(*rate_per_s),
        seconds(*takes_s),
        short(*busy)
    );
    let instances = workers_of(blueprint, service);
    let enough = (busy / (instances * AIM) - 1e-9).ceil().max(1.0);
    let more = Some(format!("--set service.{service}.{key}={enough}"));
    let (code, text) = if *open_rho >= FULL {
        let end = "it cannot keep up, so its backlog and lag grow as long as the traffic lasts";
        ("A001", format!("{service}: utilisation {} ({load}); {end}", short(*rho)))
    } else if *rho >= FULL {
        let text = format!(
            "{service}: utilisation {} at most ({load}); {} wait for each answer (closed loop) and \
             so slow down with it, which hides the overload that `rate` (open loop) would show",
            short(*rho),
            closed_loops(blueprint)
        );
        ("A005", text)
    } else {
        let text = format!(
            "{service}: utilisation {} ({load}); waits are long, and vary much from run to run",
            short(*rho)
        );
        ("A002", text)
    };
    Some(Advice { code: code.into(), text, try_next: more })
}

/// How many instances a service has, or may have at most.
fn instances(service: &Service) -> u32 {
    service.autoscale.as_ref().map_or(service.instances, |scale| scale.max)
}

fn workers_of(blueprint: &Blueprint, service: &str) -> f64 {
    let found = blueprint.services.iter().find(|s| s.name == service);
    found.map_or(1.0, |s| f64::from(instances(s)))
}

fn closed_loops(blueprint: &Blueprint) -> String {
    let closed = blueprint.clients.iter().filter_map(|client| match client.load {
        Load::Closed { users, .. } => Some(format!("the {users} users of {}", client.name)),
        Load::Open(_) => None,
    });
    closed.collect::<Vec<_>>().join(" and ")
}

/// A remark if the run has too few samples for the quantile that `metric` names.
fn too_short(blueprint: &Blueprint, flow: &Flow, metric: &str) -> Option<Advice> {
    let (owner, statistic) = metric.rsplit_once('.')?;
    let beyond = match statistic {
        "p50" => 0.5,
        "p90" => 0.1,
        "p95" => 0.05,
        "p99" => 0.01,
        "p999" => 0.001,
        _ => return None,
    };
    let (owner, family) = owner.rsplit_once('.')?;
    let rate = rate_of(blueprint, flow, owner, family)?;
    let samples = rate * blueprint.phases.duration.as_secs();
    if !samples.is_finite() || samples <= 0.0 || samples * beyond >= BEYOND {
        return None;
    }
    // A tenth more, for the luck of the draw.
    let enough = (1.1 * BEYOND / beyond / rate).ceil();
    Some(Advice {
        code: "A003".into(),
        text: format!(
            "{metric}: about {} samples in {} are too few, since {statistic} needs {}",
            short(samples),
            blueprint.phases.duration,
            short(BEYOND / beyond)
        ),
        try_next: Some(format!("--set duration='\"{enough}s\"'")),
    })
}

/// Samples per second of a family.
fn rate_of(blueprint: &Blueprint, flow: &Flow, owner: &str, family: &str) -> Option<f64> {
    let event = |name: &str| {
        let i = blueprint.events.iter().position(|e| e.name == name)?;
        flow.events.get(i).copied()
    };
    if let Some((name, _)) = owner.rsplit_once('@') {
        return event(name);
    }
    if let Some(i) = blueprint.clients.iter().position(|c| c.name == owner) {
        return flow.clients.get(i).copied();
    }
    let Some(s) = blueprint.services.iter().position(|s| s.name == owner) else {
        return event(owner);
    };
    let heard_only = matches!(family, "lag" | "e2e");
    let handlers = blueprint.services[s].handlers.iter().zip(&flow.handlers[s]);
    let counted = handlers.filter(|(h, _)| !heard_only || matches!(h.trigger, Trigger::On(_)));
    Some(counted.map(|(_, rate)| rate).sum())
}

/// A number with three significant digits.
pub(super) fn short(x: f64) -> String {
    if !x.is_finite() {
        return "endless".into();
    }
    if x == 0.0 {
        return "0".into();
    }
    let digits = (2.0 - libm::floor(libm::log10(x.abs()))).clamp(0.0, 9.0) as usize;
    let text = format!("{x:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Seconds with a fitting unit.
pub(super) fn seconds(s: f64) -> String {
    match s {
        s if s >= 1.0 => format!("{}s", short(s)),
        s if s >= 1e-3 => format!("{}ms", short(s * 1e3)),
        s => format!("{}us", short(s * 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning_tests::variants;
    use super::*;

    fn told(text: &str) -> String {
        let advice = variants(text).remove(0).advice;
        let line = |a: &Advice| {
            let next = a.try_next.as_ref().map_or(String::new(), |n| format!("\n  {n}"));
            format!("{} {}{next}", a.code, a.text)
        };
        advice.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    const HELLO: &str = r#"
[service.shop]
emits.OrderPlaced = "100/s"
[service.billing]
on.OrderPlaced = "8ms"
[service.email]
on.OrderPlaced = "30ms"
"#;

    #[test]
    fn overload_is_foretold_with_its_cure() {
        insta::assert_snapshot!(told(HELLO));
        let cured = HELLO.replace("\"30ms\"", "\"30ms\"\nworkers = 4");
        assert_eq!(told(&cured), "");
    }

    #[test]
    fn high_utilisation_closed_loops_and_endless_cycles_are_told() {
        let crowded = HELLO.replace("\"8ms\"", "\"9.5ms\"").replace("30ms", "1ms");
        let closed = "[client.web]\nusers = 20\nthink = \"1s\"\ncalls = \"a.op\"\n\
                      [service.a]\ninstances = 2\napi.op = \"400ms\"";
        let cycle = "[service.s]\nemits.A = \"1/s\"\n[service.a]\non.A = { emits = \"B\" }\n\
                     on.B = { emits = \"A\" }";
        insta::assert_snapshot!([crowded.as_str(), closed, cycle].map(told).join("\n"));
    }

    #[test]
    fn a_run_too_short_for_a_percentile_gets_a_longer_one() {
        let text = HELLO.replace("100/s", "3/s");
        let text = format!(
            "{text}[expect]\nemail.lag.p99 = \"< 1s\"\nemail.lag.p90 = \"< 1s\"\n\
             \"OrderPlaced@email.lag.p999\" = \"< 1s\"\nOrderPlaced.convergence.p99 = \"< 1s\"\n\
             email.lag.max = \"< 1s\""
        );
        insta::assert_snapshot!(told(&text));
        assert_eq!(told(&text.replacen('[', "duration = \"4000s\"\n[", 1)), "");
    }

    #[test]
    fn utilisation_counts_instances_and_workers() {
        let text = HELLO.replace("\"30ms\"", "\"30ms\"\nworkers = 3\ninstances = 2");
        let used = utilisations(&variants(&text)[0].blueprint);
        assert_eq!(used.len(), 2, "shop has nothing to do");
        assert_eq!((used[1].service.as_str(), used[1].workers), ("email", 6));
        assert!((used[1].rho - 0.5).abs() < 1e-9 && (used[1].busy - 3.0).abs() < 1e-9);
        assert!((used[1].takes_s - 0.03).abs() < 1e-9 && used[1].rate_per_s == 100.0);
    }

    #[test]
    fn utilisation_is_that_of_the_scarcer_workers_or_processors() {
        // 100/s of 30 ms of work and a write of 2 ms: 3.2 of 8 workers, and 3 processors.
        let email = "{ takes = \"30ms\", writes = \"mail\" }\nworkers = 8\ncores = ";
        for (cores, key, all, busy) in [(2, "cores", 2, 3.0), (8, "workers", 8, 3.2)] {
            let text = HELLO.replace("\"30ms\"", &format!("{email}{cores}"));
            let used = &utilisations(&variants(&text)[0].blueprint)[1];
            assert_eq!((used.key, used.workers), (key, all));
            assert!((used.busy - busy).abs() < 1e-9, "{}", used.busy);
        }
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 3.0, 0.95, 12.345, 1234.5, 0.000_123_4, 100.0].map(short);
        assert_eq!(texts, ["0", "3", "0.95", "12.3", "1234", "0.000123", "100"]);
        assert_eq!([0.03, 1.5, 2e-6].map(seconds), ["30ms", "1.5s", "2us"]);
    }
}
