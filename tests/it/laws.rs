//! Laws that hold in every run, whatever the architecture and whatever breaks: Little's law to the
//! last nanosecond, segments that add up to the latency, a ledger that balances. Architectures
//! and crashes are drawn by proptest. A law broken inside the program ends it with exit status 70,
//! which [`support::simulate`] refuses; the numbers it publishes are judged here once more.

use crate::support;
use proptest::prelude::*;
use std::fmt::Write as _;
use tidelag::results::catalogue::SEGMENTS;
use tidelag::results::{Ledger, Results, VariantResult};

/// Work of a handler, as a distribution.
const WORK: &[&str] =
    &["0ms", "3ms", "~5ms", "2ms..9ms", "4ms p99 20ms", "mix 90% ~2ms, 10% 30ms", "pareto 2ms 2.5"];
const FAILS: &[&str] =
    &["", ", fails = \"5%\"", ", fails = \"30%\", backoff = \"5ms..200ms full-jitter\""];
const BALANCE: &[&str] = &["round-robin", "random", "least-loaded", "two-choices", "three-choices"];

/// A service that listens, and perhaps calls and emits.
#[derive(Clone, Debug)]
struct Listener {
    instances: u32,
    workers: u32,
    /// Which of the events known so far it hears.
    hears: Vec<prop::sample::Index>,
    work: prop::sample::Index,
    fails: prop::sample::Index,
    writes: bool,
    emits: bool,
    calls: bool,
}

/// An instance or a whole service that is gone for a while.
#[derive(Clone, Debug)]
struct Crash {
    service: prop::sample::Index,
    instance: Option<u32>,
    at_ms: u32,
    for_ms: u32,
}

#[derive(Clone, Debug)]
struct Architecture {
    seed: u16,
    rates: Vec<u32>,
    listeners: Vec<Listener>,
    /// Whether there is a back end that listeners and a client call.
    back_end: bool,
    balance: prop::sample::Index,
    crashes: Vec<Crash>,
}

fn listener() -> impl Strategy<Value = Listener> {
    let shape = (1..4_u32, 1..5_u32, prop::collection::vec(any::<prop::sample::Index>(), 1..4));
    let kind = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (shape, kind, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |((instances, workers, hears), (work, fails), writes, emits, calls)| Listener {
            instances,
            workers,
            hears,
            work,
            fails,
            writes,
            emits,
            calls,
        },
    )
}

fn crash() -> impl Strategy<Value = Crash> {
    let instance = prop::option::of(0..3_u32);
    (any::<prop::sample::Index>(), instance, 100..4_000_u32, 0..1_500_u32)
        .prop_map(|(service, instance, at_ms, for_ms)| Crash { service, instance, at_ms, for_ms })
}

fn architecture() -> impl Strategy<Value = Architecture> {
    (
        any::<u16>(),
        prop::collection::vec(5..120_u32, 1..4),
        prop::collection::vec(listener(), 1..7),
        any::<bool>(),
        any::<prop::sample::Index>(),
        prop::collection::vec(crash(), 0..4),
    )
        .prop_map(|(seed, rates, listeners, back_end, balance, crashes)| Architecture {
            seed,
            rates,
            listeners,
            back_end,
            balance,
            crashes,
        })
}

impl Architecture {
    /// The scenario. Traffic ends after 4 of 300 s, so that the run is at rest in the measured
    /// phase and every published mean is over the whole of it.
    fn text(&self) -> String {
        let mut text = format!("duration = \"300s\"\nseed = {}\n", self.seed);
        let mut events = Vec::new();
        text.push_str("[service.source]\n");
        for (i, rate) in self.rates.iter().enumerate() {
            let _ = writeln!(text, "emits.E{i} = [\"0s {rate}/s\", \"4s 0/s\"]");
            events.push(format!("E{i}"));
        }
        for (i, listener) in self.listeners.iter().enumerate() {
            self.listener(i, listener, &mut events, &mut text);
        }
        if self.back_end {
            let _ = writeln!(
                text,
                "[service.back]\ninstances = 2\nworkers = 3\nbalance = \"{}\"\nstart = \"300ms\"\n\
                 api.op = \"~4ms\"\n\
                 [client.web]\ncalls = \"back.op\"\nrate = [\"0s 50/s\", \"4s 0/s\"]\n\
                 retry = {{ attempts = 2, backoff = \"10ms fixed\" }}",
                self.balance.get(BALANCE)
            );
        }
        for crash in &self.crashes {
            let service = crash.service.index(self.listeners.len());
            let instances = self.listeners[service].instances;
            let target = match crash.instance {
                Some(k) => format!("s{service}[{}]", k % instances),
                None => format!("s{service}"),
            };
            let _ = writeln!(
                text,
                "[[failure]]\ncrash = \"{target}\"\nat = \"{}ms\"\nfor = \"{}ms\"",
                crash.at_ms, crash.for_ms
            );
        }
        text
    }

    fn listener(&self, i: usize, l: &Listener, events: &mut Vec<String>, text: &mut String) {
        let mut hears: Vec<usize> = l.hears.iter().map(|h| h.index(events.len())).collect();
        hears.sort_unstable();
        hears.dedup();
        let _ = writeln!(
            text,
            "[service.s{i}]\ninstances = {}\nworkers = {}\nstart = \"300ms\"",
            l.instances, l.workers
        );
        let mut rest = String::new();
        if l.calls && self.back_end {
            rest.push_str(", calls = \"back.op\", timeout = \"500ms\"");
        }
        if l.writes {
            rest.push_str(", writes = \"thing\"");
        }
        if l.emits {
            let _ = write!(rest, ", emits = \"F{i}\"");
        }
        let (work, fails) = (l.work.get(WORK), l.fails.get(FAILS));
        for heard in hears {
            let _ = writeln!(text, "on.{} = {{ takes = \"{work}\"{rest}{fails} }}", events[heard]);
        }
        if l.emits {
            events.push(format!("F{i}"));
        }
    }
}

fn base(results: &Results) -> &VariantResult {
    results.variants.get("base").expect("a variant `base`")
}

/// The mean and number of samples of a tally, if it has any.
fn mean(of: &VariantResult, path: &str) -> Option<(f64, u64)> {
    let metric = of.metrics.get(path)?;
    Some((metric.value?, metric.count?))
}

/// Obligations in some state, all states added up.
fn accounted(ledger: &Ledger) -> u64 {
    let reasons = ledger.dropped.iter().chain(ledger.lost.iter()).map(|(_, n)| *n).sum::<u64>();
    let open = ledger.pending + ledger.stored + ledger.leased;
    let judged = ledger.applied + ledger.superseded + ledger.rejected;
    open + judged + ledger.dead_lettered + ledger.expired + reasons
}

fn ledger_balances(of: &VariantResult) -> Result<(), TestCaseError> {
    prop_assert!(!of.ledger.is_empty());
    for (service, ledger) in of.ledger.iter() {
        prop_assert_eq!(accounted(ledger), ledger.committed, "{}: {:?}", service, ledger);
        if of.phases.converged {
            let open = ledger.pending + ledger.stored + ledger.leased;
            prop_assert_eq!(open, 0, "{}: {:?}", service, ledger);
        }
        prop_assert!(
            ledger.lost.iter().all(|(_, n)| *n == 0),
            "the ideal bus loses nothing: {:?}",
            ledger
        );
    }
    Ok(())
}

fn segments_add_up(of: &VariantResult) -> Result<(), TestCaseError> {
    for (service, _) in of.ledger.iter() {
        let Some((e2e, _)) = mean(of, &format!("{service}.e2e.mean")) else { continue };
        let parts = SEGMENTS.map(|s| {
            let path = format!("{service}.segment.{s}.mean");
            of.metrics.get(&path).and_then(|m| m.value).unwrap_or(0.0)
        });
        let sum: f64 = parts.iter().sum();
        prop_assert!((sum - e2e).abs() <= 1e-9 * e2e.max(1e-6), "{}: {} != {}", service, sum, e2e);
    }
    Ok(())
}

/// The time integral of the number in a station and the sum of all sojourn times come from two
/// probes. Both are below 2^53 ns here, so the published means give them back exactly.
fn little_holds(of: &VariantResult) -> Result<(), TestCaseError> {
    for (service, _) in of.ledger.iter() {
        let Some((sojourn, count)) = mean(of, &format!("{service}.sojourn.mean")) else { continue };
        let inflight = of.metrics.get(&format!("{service}.inflight.mean")).and_then(|m| m.value);
        let area = inflight.expect("a level is never unknown") * of.phases.measured_s;
        let (area_ns, sum_ns) = (area * 1e9, sojourn * count as f64 * 1e9);
        prop_assert!((area_ns - sum_ns).abs() < 0.5, "{}: {} != {}", service, area_ns, sum_ns);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(debug_assertions) { 48 } else { 200 },
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn laws_hold_in_every_architecture(architecture in architecture()) {
        let text = architecture.text();
        let results = support::simulate(&text, &["--threads", "1"]);
        let base = base(&results);
        ledger_balances(base)?;
        segments_add_up(base)?;
        if base.phases.converged {
            little_holds(base)?;
        }
    }
}
