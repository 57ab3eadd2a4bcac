//! From the probes to the record of a replication: every family of the catalogue for every
//! component.

use super::groups::Behind;
use super::measure::{LaneRecord, Measure, RunRecord, Shape};
use super::obligations::{Count, Obligations, SHOWN};
use super::parts::{Delivery, Demand, Station, Totals};
use super::recorder::Recorder;
use super::run::End;
use super::standard::{Probes, sum};
use super::trouble::Trouble;
use super::waiting::Lane;
use crate::engine::Engine;
use crate::model::{Asker, Blueprint, Client, Fate, Service, World};
use crate::results::catalogue::{
    FAMILIES, LEDGER_COUNTS, LEDGER_STATES, RUN_COUNTS, SEGMENTS, Scope,
};
use crate::results::{Ledger, Ordered};
use crate::units::SimDuration;

const NOTHING: &str = "no sample in the measured phase";

/// Everything that a finished run has to say.
pub(crate) fn record(
    blueprint: &Blueprint,
    engine: Engine<World<Probes>>,
    bin: SimDuration,
    end: &End,
) -> RunRecord {
    let events = engine.events();
    let probes = engine.into_model().observer;
    let trouble = Trouble::new(blueprint, &probes, bin, end);
    let mut out = Writer {
        blueprint,
        measured: end.measured.as_secs(),
        from_bin: blueprint.phases.warmup.ns().div_ceil(bin.ns()) as usize,
        to_bin: blueprint.phases.traffic_end().ns().div_ceil(bin.ns()) as usize,
        measures: Vec::new(),
    };
    for (at, client) in blueprint.clients.iter().enumerate() {
        out.client(client, at, &probes, &trouble);
    }
    for (at, service) in blueprint.services.iter().enumerate() {
        out.service(service, at, &probes, &trouble);
    }
    out.events(&probes);
    out.brokers(&probes);
    out.ledgers(&probes);
    RunRecord {
        events,
        digests: digests(blueprint, &probes),
        drained_s: end.drained.as_secs(),
        converged: end.converged,
        limit: end.limit.clone(),
        measures: out.measures,
        ledgers: ledgers(blueprint, &probes),
        lanes: lanes(&probes, end),
        trouble: trouble.record(),
    }
}

/// What waited in each lane.
fn lanes(probes: &Probes, end: &End) -> Vec<LaneRecord> {
    let ns = end.measured.ns() as f64;
    let record = |(at, lane): (usize, &Lane)| LaneRecord {
        mean: lane.ready.mean(ns),
        max: lane.ready.max,
        status: probes.groups.status(at),
    };
    probes.waiting.lanes.iter().enumerate().map(record).collect()
}

fn digests(blueprint: &Blueprint, probes: &Probes) -> Vec<(String, u64)> {
    let clients = blueprint.clients.iter().zip(&probes.demands);
    let services = blueprint.services.iter().zip(&probes.stations);
    clients
        .map(|(c, d)| (c.name.clone(), d.history.value()))
        .chain(services.map(|(s, p)| (s.name.clone(), p.history.value())))
        .collect()
}

fn ledgers(blueprint: &Blueprint, probes: &Probes) -> Vec<(String, Ledger)> {
    let services = blueprint.services.iter().zip(&probes.heard_by);
    services
        .filter(|(_, heard)| !heard.is_empty())
        .map(|(s, heard)| (s.name.clone(), as_ledger(&obligations(probes, heard))))
        .collect()
}

/// The ledger of several subscriptions, with the phantoms of the event types that they hear.
fn obligations(probes: &Probes, heard: &[u32]) -> Obligations {
    let mut all = sum(&probes.deliveries, heard);
    let phantoms = |d: &u32| probes.spreads[probes.deliveries[*d as usize].event as usize].phantom;
    all[Count::Phantom] = heard.iter().map(phantoms).sum();
    all
}

fn as_ledger(o: &Obligations) -> Ledger {
    let reasons = |state: &str| {
        Fate::ALL
            .iter()
            .filter_map(|&fate| match fate.words() {
                (s, Some(reason)) if s == state && usual(fate, o) => {
                    Some((reason.to_owned(), o[fate]))
                }
                _ => None,
            })
            .collect::<Ordered<u64>>()
    };
    Ledger {
        committed: o.committed,
        pending: o[Fate::Pending],
        stored: o[Fate::Stored],
        leased: o[Fate::Leased],
        applied: o[Fate::Applied],
        superseded: o[Fate::Superseded],
        rejected: o[Fate::Rejected],
        dropped: reasons("dropped"),
        dead_lettered: o[Fate::DeadLettered],
        expired: o[Fate::Expired],
        lost: reasons("lost"),
        double_applied: o[Count::DoubleApplied],
        filtered: o[Count::Filtered],
        backfill: o[Count::Backfill],
        phantom: o[Count::Phantom],
        redelivered: o[Count::Redelivered],
        out_of_order: o[Count::OutOfOrder],
        resurrected: o[Count::Resurrected],
        wrong_entities: o[Count::WrongEntities],
        harmed: o[Count::Harmed],
    }
}

/// Reasons that are told even if there is nothing to tell of them; others only if they happened.
fn usual(fate: Fate, o: &Obligations) -> bool {
    matches!(fate, Fate::Exhausted | Fate::LostCrash) || o[fate] > 0
}

struct Writer<'a> {
    blueprint: &'a Blueprint,
    measured: f64,
    from_bin: usize,
    to_bin: usize,
    measures: Vec<Measure>,
}

type Known = Result<f64, &'static str>;
type Series = Vec<(&'static str, Vec<f64>)>;

impl Writer<'_> {
    /// Adds the measure `name` of `component`; unit and meaning are those of the catalogue.
    fn add(&mut self, scope: Scope, component: &str, name: &str, shape: Shape, series: Series) {
        let family = FAMILIES.iter().find(|f| f.scope == scope && f.name == name);
        let (unit, meaning) = family.map_or(("1", ""), |f| (f.unit, f.meaning));
        let path = format!("{component}.{name}");
        self.measures.push(Measure { path, unit, meaning, shape, series });
    }

    fn scalar(&mut self, of: (Scope, &str), name: &str, value: Known, series: Vec<f64>) {
        let series = if series.is_empty() { Vec::new() } else { vec![("", series)] };
        self.add(of.0, of.1, name, Shape::Scalar(value), series);
    }

    fn client(&mut self, client: &Client, at: usize, probes: &Probes, trouble: &Trouble<'_>) {
        let (d, name): (&Demand, _) = (&probes.demands[at], client.name.as_str());
        let latency = Shape::Tally(d.latency.total.tally(d.intended));
        let series = vec![("p50", d.series.p50.clone()), ("p99", d.series.p99.clone())];
        self.add(Scope::Client, name, "latency", latency, series);
        let share = |n: u64| match d.intended {
            0 => Err("no request in the measured phase"),
            intended => Ok(n as f64 / intended as f64),
        };
        let of = (Scope::Client, name);
        self.scalar(of, "availability", share(d.succeeded), d.series.availability.clone());
        let fulfilled = match &probes.objectives {
            Some(objectives) if objectives.of(at as u32) => share(objectives.fulfilled(at as u32)),
            _ => Err("what becomes of requests is followed only if the client has an `slo`"),
        };
        self.scalar(of, "fulfilled", fulfilled, Vec::new());
        self.rates(of, (&d.from, &d.to), &d.series.goodput, &d.series.offered);
        self.scalar(of, "ttr", trouble.time(d.recovery.as_deref()), Vec::new());
        self.guards(Asker::Client(at as u32), name, probes);
    }

    /// What the guards of somebody's calls did.
    fn guards(&mut self, asker: Asker, name: &str, probes: &Probes) {
        if self.blueprint.guards_calls(asker) {
            let families = FAMILIES.iter().filter(|f| f.scope == Scope::Guarded);
            for (family, &n) in families.zip(probes.guards.of(asker)) {
                self.scalar((Scope::Guarded, name), family.name, Ok(n as f64), Vec::new());
            }
        }
    }

    /// Load and what comes of it.
    fn rates(
        &mut self,
        of: (Scope, &str),
        (from, to): (&Totals, &Totals),
        goodput: &[f64],
        offered: &[f64],
    ) {
        let per_s = |n: u64| Ok(n as f64 / self.measured);
        let (attempts, repeats) = (to.attempts - from.attempts, to.repeats - from.repeats);
        let (good, all) = (per_s(to.good - from.good), per_s(attempts));
        let amplification = match attempts.saturating_sub(repeats) {
            0 => Err("nothing was tried for the first time in the measured phase"),
            distinct => Ok(attempts as f64 / distinct as f64),
        };
        self.scalar(of, "goodput", good, goodput.to_vec());
        self.scalar(of, "offered", all, offered.to_vec());
        self.scalar(of, "amplification", amplification, Vec::new());
    }

    fn service(&mut self, service: &Service, at: usize, probes: &Probes, trouble: &Trouble<'_>) {
        let (s, name) = (&probes.stations[at], service.name.as_str());
        let heard = &probes.heard_by[at];
        if !heard.is_empty() {
            self.lag(name, s, heard, probes);
            let ttr = trouble.time(s.recovery.as_deref());
            self.scalar((Scope::Subscriber, name), "ttr", ttr, Vec::new());
        }
        if service.handlers.is_empty() {
            return;
        }
        for (family, recorder) in
            [("wait", &s.wait), ("service", &s.service), ("sojourn", &s.sojourn)]
        {
            let shape = Shape::Tally(recorder.tally(s.expected));
            self.add(Scope::Service, name, family, shape, Vec::new());
        }
        self.levels(name, s);
        let of = (Scope::Service, name);
        let done = (s.to.attempted - s.from.attempted) as f64 / self.measured;
        self.scalar(of, "throughput", Ok(done), s.series.throughput.clone());
        self.rates(of, (&s.from, &s.to), &s.series.goodput, &s.series.offered);
        self.guards(Asker::Service(at as u32), name, probes);
        if let Some(behind) = &probes.groups.behind[at] {
            self.behind(name, behind);
        }
    }

    /// What waits at a service and what is with its workers.
    fn levels(&mut self, name: &str, s: &Station) {
        let ns = self.measured * 1e9;
        let backlog = (s.to.backlog - s.from.backlog) as f64 / ns;
        let busy = (s.to.busy - s.from.busy) as f64 / ns;
        let (backlog_max, inflight_max) = s.measured_max;
        let series = vec![("mean", s.series.backlog.clone())];
        let level = |mean: f64, max: f64| Shape::Level { mean, max };
        self.add(Scope::Service, name, "backlog", level(backlog, backlog_max as f64), series);
        let inflight = level(backlog + busy, inflight_max as f64);
        self.add(Scope::Service, name, "inflight", inflight, Vec::new());
        let rho = s.utilisation(&s.from, &s.to, ns, true);
        let bins = s.series.rho.iter().take(self.to_bin).skip(self.from_bin);
        let rho_max = bins.copied().fold(rho, f64::max);
        let series = vec![("mean", s.series.rho.clone())];
        self.add(Scope::Service, name, "rho", level(rho, rho_max), series);
        if let Some(sizes) = &s.sizes {
            let (mean, max) = sizes.instances(ns);
            let series = vec![("mean", sizes.series.clone())];
            self.add(Scope::Elastic, name, "instances", level(mean, max), series);
        }
    }

    /// How far the groups of a service are behind on logs.
    fn behind(&mut self, name: &str, behind: &Behind) {
        for (which, family) in ["consumer_lag", "fetch_lag", "consumer_lag_s"].iter().enumerate() {
            let (mean, max) = behind.measured(which);
            let series = vec![("mean", behind.what[which].series.clone())];
            self.add(Scope::Group, name, family, Shape::Level { mean, max }, series);
        }
        self.add(Scope::Group, name, "lagging", Shape::Scalar(behind.unwell()), Vec::new());
    }

    /// Lag of a subscriber as a whole, where it comes from, and by event type.
    fn lag(&mut self, name: &str, s: &Station, heard: &[u32], probes: &Probes) {
        let (mut all, mut e2e) = (Recorder::default(), Recorder::default());
        let mut expected = 0;
        for &d in heard {
            all.add(&probes.deliveries[d as usize].lag.total);
            e2e.add(probes.deliveries[d as usize].e2e());
            expected += probes.deliveries[d as usize].expected;
        }
        let series = vec![("p50", s.series.lag_p50.clone()), ("p99", s.series.lag_p99.clone())];
        self.add(Scope::Subscriber, name, "lag", Shape::Tally(all.tally(expected)), series);
        self.add(Scope::Subscriber, name, "e2e", Shape::Tally(e2e.tally(expected)), Vec::new());
        let count = e2e.counts.samples();
        for (segment, sum) in SEGMENTS.iter().zip(s.segments) {
            let mean = if count == 0 { Err(NOTHING) } else { Ok(sum as f64 / count as f64 / 1e9) };
            self.measures.push(Measure {
                path: format!("{name}.segment.{segment}.mean"),
                unit: "s",
                meaning: "mean part of the lag that is spent here",
                shape: Shape::Scalar(mean),
                series: Vec::new(),
            });
        }
        for &d in heard {
            let delivery: &Delivery = &probes.deliveries[d as usize];
            let event = &self.blueprint.events[delivery.event as usize].name;
            let shape = Shape::Tally(delivery.lag.total.tally(delivery.expected));
            let component = format!("{event}@{name}");
            self.add(Scope::Subscription, &component, "lag", shape, Vec::new());
        }
    }

    fn events(&mut self, probes: &Probes) {
        let mut heard = vec![false; self.blueprint.events.len()];
        probes.deliveries.iter().for_each(|d| heard[d.event as usize] = true);
        let spreads = self.blueprint.events.iter().zip(&probes.spreads).zip(heard);
        for ((event, spread), _) in spreads.filter(|(_, heard)| *heard) {
            let recorder = match spread.only {
                Some(d) => &probes.deliveries[d as usize].lag.total,
                None => &spread.convergence,
            };
            let shape = Shape::Tally(recorder.tally(spread.expected));
            self.add(Scope::Event, &event.name, "convergence", shape, Vec::new());
        }
    }

    /// What waits at brokers.
    fn brokers(&mut self, probes: &Probes) {
        let ns = self.measured * 1e9;
        let brokers = self.blueprint.brokers.iter().zip(&probes.waiting.brokers);
        for (broker, store) in brokers.filter(|(_, store)| store.stores) {
            let shape = Shape::Level { mean: store.ready.mean(ns), max: store.ready.max as f64 };
            let series = vec![("mean", store.series.clone())];
            self.add(Scope::Broker, &broker.name, "backlog", shape, series);
        }
    }

    fn ledgers(&mut self, probes: &Probes) {
        let services = self.blueprint.services.iter().zip(&probes.heard_by).enumerate();
        for (at, (service, heard)) in services.filter(|(_, (_, heard))| !heard.is_empty()) {
            let prefix = format!("{}.ledger", service.name);
            let mut all = ledger(&prefix, &obligations(probes, heard));
            for measure in &mut all {
                measure.series = over_time(&measure.path[prefix.len() + 1..], &probes.stations[at]);
            }
            self.measures.extend(all);
        }
        let every: Vec<u32> = (0..probes.deliveries.len() as u32).collect();
        let mut all = sum(&probes.deliveries, &every);
        all[Count::Phantom] = probes.spreads.iter().map(|s| s.phantom).sum();
        // An entity counts once, however many subscribers have it wrong.
        all[Count::WrongEntities] = probes.wrong_entities;
        all[Count::Harmed] = probes.harmed_entities;
        self.measures.extend(ledger("ledger", &all));
        let unroutable = probes.spreads.iter().map(|s| s.unroutable).sum();
        let not_emitted = probes.stations.iter().map(|s| s.not_emitted).sum();
        for ((name, meaning), n) in RUN_COUNTS.into_iter().zip([unroutable, not_emitted]) {
            self.measures.push(count(format!("ledger.{name}"), n, meaning));
        }
    }
}

/// Counts of the ledger over time: of services that consume from brokers.
fn over_time(name: &str, station: &Station) -> Series {
    let Some(incidents) = &station.incidents else { return Vec::new() };
    let shown = SHOWN.iter().zip(&incidents.series).filter(|(shown, _)| **shown == name);
    shown.map(|(_, series)| ("", series.clone())).collect()
}

/// `PREFIX.committed`, `PREFIX.<state>` for every state, `PREFIX.<count>` for all that is counted
/// beside them: the one place where the ledger becomes metrics.
fn ledger(prefix: &str, o: &Obligations) -> Vec<Measure> {
    let mut all = vec![count(format!("{prefix}.committed"), o.committed, "obligations in all")];
    let state = "obligations that ended the run in this state";
    all.extend(LEDGER_STATES.map(|name| count(format!("{prefix}.{name}"), o.state(name), state)));
    let beside = LEDGER_COUNTS.iter().zip(Count::ALL);
    all.extend(beside.map(|((name, what), at)| count(format!("{prefix}.{name}"), o[at], what)));
    all
}

fn count(path: String, n: u64, meaning: &'static str) -> Measure {
    let shape = Shape::Scalar(Ok(n as f64));
    Measure { path, unit: "1", meaning, shape, series: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_the_ledger_say_what_the_ledger_says() {
        let mut o = Obligations::default();
        Count::ALL.into_iter().enumerate().for_each(|(n, count)| o[count] = 1000 + n as u64);
        for (n, fate) in Fate::ALL.into_iter().enumerate() {
            o[fate] = 1 << n;
            o.committed += 1 << n;
        }
        let written = serde_json::to_value(as_ledger(&o)).expect("plain data");
        let metrics = super::ledger("email.ledger", &o);
        let mut states = Vec::new();
        for metric in &metrics {
            let state = metric.path.strip_prefix("email.ledger.").expect("the prefix");
            let entry = written.get(state).unwrap_or_else(|| panic!("no state {state}"));
            let n = match entry.as_object() {
                Some(reasons) => reasons.values().filter_map(serde_json::Value::as_f64).sum(),
                None => entry.as_f64().expect("a number"),
            };
            assert!(matches!(metric.shape, Shape::Scalar(Ok(value)) if value == n), "{metric:?}");
            states.push(state);
        }
        let beside = LEDGER_COUNTS.map(|c| c.0);
        let all = ["committed"].into_iter().chain(LEDGER_STATES).chain(beside);
        assert_eq!(states, all.collect::<Vec<_>>());
    }
}
