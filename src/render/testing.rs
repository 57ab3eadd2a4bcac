//! Results as a simulator would write them, made up for the tests of this room: an overloaded
//! subscriber beside its cure, and a crash seen by callers and by subscribers.

use crate::results::{
    Advice, BrokerInfo, ClientInfo, Comparison, Expectation, FailureCost, FailureWindow, Histogram,
    Ledger, Metric, Ordered, PartitionBacklog, Partitions, Phases, Recovery, Results, SCHEMA,
    ScenarioInfo, Series, ServiceInfo, Topology, VariantResult, Verdict,
};

/// A repeatable number in 0..1 that looks like noise.
fn noise(k: u64) -> f64 {
    let mixed = (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64
        / (1_u64 << 53) as f64
}

fn metric(v: &mut VariantResult, path: &str, unit: &str, value: Option<f64>, spread: Option<f64>) {
    v.metrics.push(
        path,
        Metric {
            unit: unit.to_owned(),
            value,
            ci95: value.zip(spread).map(|(v, s)| [v * (1.0 - s), v * (1.0 + s)]),
            count: path.contains(".lag.").then_some(6000),
            censored: path.contains(".lag.").then_some(0),
            meaning: "made up for a test".to_owned(),
            note: value.is_none().then(|| "p99.9 needs 10 000 samples".to_owned()),
        },
    );
}

fn series(
    v: &mut VariantResult,
    path: &str,
    unit: &str,
    bins: u64,
    f: &dyn Fn(u64) -> Option<f64>,
) {
    let values = (0..bins).map(f).collect();
    let bin_s = if bins > 200 { 0.1 } else { 5.0 };
    v.series.push(path, Series { unit: unit.to_owned(), bin_s, values });
}

fn tally(v: &mut VariantResult, path: &str, p50: f64, p99: f64, spread: Option<f64>) {
    let values = [
        ("mean", p50 * 1.1),
        ("sd", p50 * 0.5),
        ("p50", p50),
        ("p90", f64::midpoint(p50, p99)),
        ("p95", p50 * 0.3 + p99 * 0.7),
        ("p99", p99),
        ("max", p99 * 1.2),
    ];
    for (stat, value) in values {
        metric(v, &format!("{path}.{stat}"), "s", Some(value), spread);
    }
    metric(v, &format!("{path}.p999"), "s", None, None);
    let steps: Vec<f64> =
        (0..40_u8).map(|k| p50 / 4.0 + (p99 * 1.2 - p50 / 4.0) * f64::from(k) / 39.0).collect();
    let counts = (0..40).map(|k| 400 / (1 + k) + u64::from(k == 39)).collect();
    v.histograms.push(path, Histogram { unit: "s".to_owned(), values: steps, counts, censored: 0 });
}

struct Load {
    name: &'static str,
    workers: u32,
    busy: f64,
    p50: f64,
    p99: f64,
    work: f64,
}

fn subscriber(v: &mut VariantResult, load: &Load, spread: Option<f64>) {
    let name = load.name;
    v.topology.services.push(ServiceInfo {
        name: name.to_owned(),
        instances: 1,
        workers: load.workers,
        on: vec!["OrderPlaced".to_owned()],
        ..ServiceInfo::default()
    });
    tally(v, &format!("{name}.lag"), load.p50, load.p99, spread);
    tally(v, &format!("{name}.wait"), load.p50 / 2.0, load.p99 / 2.0, spread);
    metric(v, &format!("{name}.service.mean"), "s", Some(load.work), spread);
    metric(v, &format!("{name}.rho.mean"), "1", Some(load.busy), spread);
    metric(
        v,
        &format!("{name}.throughput"),
        "1/s",
        Some(100.0_f64.min(f64::from(load.workers) / load.work)),
        spread,
    );
    let behind = load.p50 * 100.0;
    metric(v, &format!("{name}.backlog.mean"), "1", Some(behind), spread);
    metric(v, &format!("{name}.backlog.max"), "1", Some((behind * 2.0).round()), spread);
    metric(v, &format!("{name}.segment.deliver.mean"), "s", Some(0.001), spread);
    metric(v, &format!("{name}.segment.wait.mean"), "s", Some(load.p50 * 0.8), spread);
    metric(v, &format!("{name}.segment.service.mean"), "s", Some(load.work), spread);
    let all = if spread.is_some() { 60_000 } else { 6000 };
    let ledger = Ledger { committed: all, applied: all, ..Ledger::default() };
    v.ledger.push(name, ledger);
}

fn quiet_series(v: &mut VariantResult, load: &Load) {
    let name = load.name;
    let (p50, p99) = (load.p50, load.p99);
    series(v, &format!("{name}.lag.p50"), "s", 600, &|k| Some(p50 * (0.9 + 0.2 * noise(k))));
    series(v, &format!("{name}.lag.p99"), "s", 600, &|k| Some(p99 * (0.7 + 0.5 * noise(k))));
    series(v, &format!("{name}.throughput"), "1/s", 600, &|k| Some(80.0 + 40.0 * noise(k)));
    series(v, &format!("{name}.backlog.mean"), "1", 600, &|k| Some(p50 * 100.0 * noise(k)));
}

fn hello(email_workers: u32, spread: Option<f64>) -> VariantResult {
    let mut v =
        VariantResult { events: 24_011, digest: "00c0ffee".to_owned(), ..Default::default() };
    v.phases = Phases { warmup_s: 0.0, measured_s: 60.0, drained_s: 0.1, converged: true };
    v.topology.broker = "ideal bus, deliver 1ms".to_owned();
    v.topology.events = vec!["OrderPlaced".to_owned()];
    v.topology.services.push(ServiceInfo {
        name: "shop".to_owned(),
        instances: 1,
        workers: 1,
        emits: vec!["OrderPlaced".to_owned()],
        ..ServiceInfo::default()
    });
    let billing =
        Load { name: "billing", workers: 1, busy: 0.8, p50: 0.021, p99: 0.118, work: 0.008 };
    subscriber(&mut v, &billing, spread);
    quiet_series(&mut v, &billing);
    let over = email_workers < 3;
    let email = if over {
        Load { name: "email", workers: 1, busy: 0.998, p50: 60.3, p99: 118.0, work: 0.03 }
    } else {
        Load {
            name: "email",
            workers: email_workers,
            busy: 0.75,
            p50: 0.034,
            p99: 0.119,
            work: 0.03,
        }
    };
    subscriber(&mut v, &email, spread);
    if over {
        v.phases.drained_s = 120.4;
        let growing = |k: u64| Some((k as f64 * 0.1 * 0.667).max(0.03));
        series(&mut v, "email.lag.p50", "s", 1800, &growing);
        series(&mut v, "email.lag.p99", "s", 1800, &|k| growing(k).map(|l| l + 0.3 * noise(k)));
        series(&mut v, "email.throughput", "1/s", 1800, &|k| Some(30.0 + 7.0 * noise(k)));
        series(&mut v, "email.backlog.mean", "1", 1800, &|k| {
            let t = k as f64 * 0.1;
            Some(if t < 60.0 { 66.7 * t } else { (6000.0 - 33.3 * t).max(0.0) })
        });
        v.advice.push(Advice {
            code: "A001".to_owned(),
            text: "email needs 3.0 busy workers and has 1".to_owned(),
            try_next: Some("--set service.email.workers=4".to_owned()),
        });
    } else {
        quiet_series(&mut v, &email);
    }
    metric(&mut v, "ledger.lost", "1", Some(0.0), spread);
    for name in ["shop", "billing", "email"] {
        v.digests.push(name, format!("{:016x}", name.len() * 0x00ab_cdef));
    }
    v.expect = vec![Expectation {
        metric: "email.lag.p99".to_owned(),
        bound: "< 2s".to_owned(),
        value: Some(email.p99),
        unit: "s".to_owned(),
        holds: !over,
        note: None,
    }];
    v
}

/// An overloaded email service and its cure by four workers, ten seeds.
pub(crate) fn overload() -> Results {
    let mut variants = Ordered::default();
    variants.push("base", hello(1, Some(0.02)));
    variants.push("fixed", hello(4, Some(0.02)));
    Results {
        schema: SCHEMA,
        program: "tidelag 0.1.0".to_owned(),
        scenario: ScenarioInfo {
            title: "Hello, lag".to_owned(),
            question: "How far behind does each subscriber fall, and does a faster one cure it?"
                .to_owned(),
            lesson: "A subscriber that needs more workers than it has is never merely slow: \
                     its lag grows for as long as the traffic lasts."
                .to_owned(),
            hash: "5f".repeat(32),
            settings: Vec::new(),
        },
        seed: 1,
        seeds: 10,
        variants,
        comparisons: vec![
            compared("email.lag.p99", "s", -117.9, Some(-0.999), Verdict::Lower),
            compared("billing.lag.p99", "s", 0.0, Some(0.0), Verdict::Equal),
            compared("email.rho.mean", "1", -0.25, Some(-0.25), Verdict::Lower),
        ],
    }
}

fn compared(m: &str, unit: &str, diff: f64, relative: Option<f64>, verdict: Verdict) -> Comparison {
    Comparison {
        a: "base".to_owned(),
        b: "fixed".to_owned(),
        metric: m.to_owned(),
        unit: unit.to_owned(),
        diff: Some(diff),
        ci95: Some([diff * 1.02, diff * 0.98]),
        relative,
        relative_ci95: relative.map(|r| [r * 1.0002, r * 0.9998]),
        verdict,
        note: None,
    }
}

/// A minute without email, seen by a client that calls it and by one that tells it; one seed.
pub(crate) fn crash() -> Results {
    let mut variants = Ordered::default();
    variants.push("base", checkout(false));
    variants.push("events", checkout(true));
    let one = |m: &str, unit: &str, diff: Option<f64>, relative: Option<f64>| Comparison {
        b: "events".to_owned(),
        diff,
        ci95: None,
        relative_ci95: None,
        note: diff.is_none().then(|| "base has no such metric".to_owned()),
        ..compared(m, unit, 0.0, relative, Verdict::Undetected)
    };
    Results {
        scenario: ScenarioInfo {
            title: "Checkout: call everyone, or tell everyone?".to_owned(),
            question: "What does a customer notice when email is down for a minute?".to_owned(),
            lesson: String::new(),
            hash: "a1".repeat(32),
            settings: Vec::new(),
        },
        seeds: 1,
        variants,
        comparisons: vec![
            one("web.availability", "1", Some(0.1796), Some(0.2188)),
            one("web.latency.p99", "s", Some(-0.17), Some(-0.616)),
            one("email.lag.max", "s", None, None),
        ],
        ..overload()
    }
}

/// What the crash cost, and how it was got over.
fn felt(v: &mut VariantResult, events: bool) {
    v.failures[0].costs = vec![if events {
        FailureCost { name: "email".to_owned(), late: 18_870, ..FailureCost::default() }
    } else {
        FailureCost { name: "web".to_owned(), requests: 12_010, failed: 11_998, late: 0 }
    }];
    v.recoveries = vec![Recovery {
        name: if events { "email" } else { "web" }.to_owned(),
        threshold: 1.0,
        cause_end: Some(180.0),
        recovered: Some(if events { 275.0 } else { 185.0 }),
    }];
}

/// What is asked, and how much of it comes to something.
fn load(v: &mut VariantResult, events: bool, good: f64) {
    let down = |k: u64| (24..37).contains(&k);
    metric(v, "web.goodput", "1/s", Some(200.0 * good), None);
    metric(v, "web.offered", "1/s", Some(if events { 200.2 } else { 272.0 }), None);
    let asked = |k: u64| 190.0 + 20.0 * noise(k);
    series(v, "web.goodput", "1/s", 72, &|k| Some(if down(k) && !events { 0.0 } else { asked(k) }));
    series(v, "web.offered", "1/s", 72, &|k| {
        Some(if down(k) && !events { 3.0 * asked(k) } else { asked(k) })
    });
}

fn checkout(events: bool) -> VariantResult {
    let mut v =
        VariantResult { events: 812_345, digest: "0badcafe".to_owned(), ..Default::default() };
    v.phases = Phases { warmup_s: 0.0, measured_s: 360.0, drained_s: 1.1, converged: true };
    v.topology = Topology {
        clients: vec![ClientInfo {
            name: "web".to_owned(),
            calls: "shop.checkout".to_owned(),
            load: "open loop, 200/s".to_owned(),
        }],
        broker: "ideal bus, deliver 1ms".to_owned(),
        ..Topology::default()
    };
    for (name, workers) in [("shop", 100), ("billing", 16)] {
        v.topology.services.push(ServiceInfo {
            name: name.to_owned(),
            instances: 1,
            workers,
            api: vec!["charge".to_owned()],
            ..ServiceInfo::default()
        });
        metric(&mut v, &format!("{name}.rho.mean"), "1", Some(0.07), None);
        metric(&mut v, &format!("{name}.throughput"), "1/s", Some(200.3), None);
        metric(&mut v, &format!("{name}.wait.mean"), "s", Some(1.2e-6), None);
        series(&mut v, &format!("{name}.throughput"), "1/s", 72, &|k| {
            Some(190.0 + 20.0 * noise(k))
        });
    }
    v.failures.push(FailureWindow {
        name: "crash email".to_owned(),
        from: 120.0,
        to: Some(180.0),
        ..FailureWindow::default()
    });
    felt(&mut v, events);
    let down = |k: u64| (24..37).contains(&k);
    tally(
        &mut v,
        "web.latency",
        if events { 0.028 } else { 0.063 },
        if events { 0.106 } else { 0.276 },
        None,
    );
    let good = if events { 0.9999 } else { 0.8203 };
    load(&mut v, events, good);
    metric(&mut v, "web.availability", "1", Some(good), None);
    series(&mut v, "web.availability", "1", 72, &|k| {
        Some(if down(k) && !events { 0.0 } else { 1.0 })
    });
    series(&mut v, "web.latency.p50", "s", 72, &|k| {
        (!down(k) || events).then(|| 0.028 + 0.01 * noise(k))
    });
    series(&mut v, "web.latency.p99", "s", 72, &|k| {
        (!down(k) || events).then(|| 0.1 + 0.2 * noise(k))
    });
    if events {
        let email =
            Load { name: "email", workers: 16, busy: 0.42, p50: 0.041, p99: 54.2, work: 0.034 };
        subscriber(&mut v, &email, None);
        if let Some(ledger) = v.ledger.get_mut("email") {
            *ledger = Ledger { committed: 72_096, applied: 72_084, ..Ledger::default() };
            ledger.lost.push("crash", 12);
        }
        let falling = |k: u64| match k {
            24..37 => None,
            37..55 => Some(65.0 - (k - 37) as f64 * 3.6),
            _ => Some(0.04 + 0.02 * noise(k)),
        };
        series(&mut v, "email.lag.p50", "s", 73, &falling);
        series(&mut v, "email.lag.p99", "s", 73, &|k| falling(k).map(|l| l * 1.05 + 0.1));
        series(&mut v, "email.backlog.mean", "1", 73, &|k| falling(k).map(|l| l * 200.0));
    }
    let expect = |m: &str, bound: &str, value: Option<f64>, unit: &str, holds: bool| Expectation {
        metric: m.to_owned(),
        bound: bound.to_owned(),
        value,
        unit: unit.to_owned(),
        holds,
        note: value.is_none().then(|| "email applied nothing".to_owned()),
    };
    v.expect = if events {
        vec![
            expect("web.availability", "> 99.9%", Some(good), "1", true),
            expect("email.lag.p999", "60s..80s", None, "s", false),
            expect("ledger.lost", "= 0", Some(12.0), "1", false),
        ]
    } else {
        vec![expect("web.availability", "80%..86%", Some(good), "1", true)]
    };
    v
}

/// Results that say nothing at all.
pub(crate) fn empty() -> Results {
    Results {
        variants: Ordered::default(),
        comparisons: Vec::new(),
        scenario: ScenarioInfo::default(),
        ..overload()
    }
}

/// Ways to publish and to consume, with crashes: a variant for each combination, and `base`
/// without crashes; three seeds.
pub(crate) fn delivery() -> Results {
    let mut variants = Ordered::default();
    variants.push("base", delivered(0, 0, 0));
    for (k, ack) in ["after", "before"].into_iter().enumerate() {
        for (m, publish) in ["outbox", "dual"].into_iter().enumerate() {
            for (n, dedup) in ["inbox", "plain"].into_iter().enumerate() {
                let lost = 210 * k as u64 + 48 * m as u64;
                let again = if k == 0 { 1_230 } else { 0 };
                let twice = if n == 1 { again } else { 0 };
                variants.push(format!("{ack}-{publish}-{dedup}"), delivered(lost, again, twice));
            }
        }
    }
    Results {
        scenario: ScenarioInfo {
            title: "The delivery matrix".to_owned(),
            question: "Which combination loses nothing and does nothing twice?".to_owned(),
            lesson: String::new(),
            hash: "c3".repeat(32),
            settings: Vec::new(),
        },
        seeds: 3,
        variants,
        comparisons: Vec::new(),
        ..overload()
    }
}

fn delivered(lost: u64, again: u64, twice: u64) -> VariantResult {
    let mut v =
        VariantResult { events: 99_000, digest: "0ddba11".to_owned(), ..Default::default() };
    v.phases = Phases { warmup_s: 0.0, measured_s: 360.0, drained_s: 2.1, converged: true };
    v.topology.broker = "log (kafka): partitioned log, 12 partitions".to_owned();
    v.topology.brokers.push(BrokerInfo {
        name: "log".to_owned(),
        preset: "kafka".to_owned(),
        engine: "partitioned log, 12 partitions, 3 copies on 3 nodes".to_owned(),
        stores: true,
    });
    v.advice.push(Advice {
        code: "A006".to_owned(),
        text: "log: of preset kafka, `replication` (D) is of grade C or D".to_owned(),
        try_next: None,
    });
    let email = Load { name: "email", workers: 4, busy: 0.5, p50: 0.02, p99: 0.2, work: 0.01 };
    subscriber(&mut v, &email, None);
    for (path, unit, value) in [
        ("log.backlog.mean", "1", 12.0),
        ("email.consumer_lag.mean", "1", 14.5),
        ("email.consumer_lag.max", "1", 230.0),
        ("email.consumer_lag_s.max", "s", 2.5),
        ("email.fetch_lag.max", "1", 12.0),
        ("email.lagging", "1", 0.125),
    ] {
        metric(&mut v, path, unit, Some(value), None);
    }
    if let Some(ledger) = v.ledger.get_mut("email") {
        *ledger = Ledger { committed: 36_000, applied: 36_000 - lost, ..Ledger::default() };
        ledger.lost.push("crash", lost);
        (ledger.redelivered, ledger.double_applied) = (again, twice);
    }
    for (name, n) in [("lost", lost), ("redelivered", again), ("double_applied", twice)] {
        metric(&mut v, &format!("email.ledger.{name}"), "1", Some(n as f64 / 3.0), None);
        metric(&mut v, &format!("ledger.{name}"), "1", Some(n as f64 / 3.0), None);
        let each = n as f64 / 18.0;
        series(&mut v, &format!("email.ledger.{name}"), "1", 72, &|k| {
            Some(if k % 12 == 11 { each * (0.5 + noise(k)) } else { 0.0 })
        });
    }
    if lost + again > 0 {
        for minute in 1..6_u32 {
            let from = f64::from(minute) * 60.0;
            v.failures.push(FailureWindow {
                name: "crash email".to_owned(),
                from,
                to: Some(from + 5.0),
                ..FailureWindow::default()
            });
        }
    }
    let backlog = |partition: u32| {
        let hot = if partition == 3 { 9.0 } else { 1.0 };
        let mean = hot * (4.0 + 8.0 * noise(u64::from(partition) + lost));
        PartitionBacklog { partition, mean, max: (mean * 2.5) as u64 + 20 }
    };
    v.partitions.push(Partitions {
        service: "email".to_owned(),
        event: "OrderPlaced".to_owned(),
        broker: "log".to_owned(),
        count: 12,
        status: if lost > 0 { "WARN" } else { "OK" }.to_owned(),
        backlogs: (0..12).map(backlog).collect(),
    });
    v
}
