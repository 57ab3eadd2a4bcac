//! The parts of an architecture, as reports name them, and when something in it is broken.

use super::draft::{Draft, LoadDraft};
use crate::model::{
    Blueprint, Broker, Emit, EngineSpec, Failure, FailureTrigger, Handler, PullSpec, PushSpec,
    Step, Trigger,
};
use crate::results::{BrokerInfo, ClientInfo, FailureWindow, ServiceInfo, Topology};
use crate::units::SimTime;

/// A failure that strikes more often than this is not drawn any further.
const MOST_WINDOWS: usize = 10_000;

/// The parts of the architecture in the order of the file.
pub(super) fn topology(draft: &Draft, blueprint: &Blueprint) -> Topology {
    let services = blueprint.services.iter().map(|service| ServiceInfo {
        name: service.name.clone(),
        instances: service.instances,
        workers: service.workers,
        on: service
            .handlers
            .iter()
            .flat_map(|h| match &h.trigger {
                Trigger::On(events) => events.as_slice(),
                Trigger::Api(_) => &[],
            })
            .map(|event| blueprint.events[event.0 as usize].name.clone())
            .collect(),
        api: service
            .handlers
            .iter()
            .filter_map(|h| match &h.trigger {
                Trigger::On(_) => None,
                Trigger::Api(name) => Some(name.clone()),
            })
            .collect(),
        emits: emitted(blueprint, service),
    });
    let clients = draft.clients.iter().map(|client| ClientInfo {
        name: client.name.text.clone(),
        calls: client.calls.as_ref().map_or_else(String::new, |calls| calls.text.clone()),
        load: match &client.load {
            None => String::new(),
            Some(LoadDraft::Open(rate)) => format!("open loop, {}", rate.text),
            Some(LoadDraft::Closed { users, think }) => {
                let noun = if *users == 1 { "user" } else { "users" };
                format!("closed loop, {users} {noun}, think {think}")
            }
        },
    });
    Topology {
        services: services.collect(),
        clients: clients.collect(),
        events: blueprint.events.iter().map(|e| e.name.clone()).collect(),
        broker: broker_line(blueprint),
        brokers: blueprint.brokers.iter().map(broker).collect(),
    }
}

/// In one line: a single broker by its product, several with their names.
fn broker_line(blueprint: &Blueprint) -> String {
    let what = |broker: &Broker| match &broker.engine {
        EngineSpec::Ideal => format!("ideal bus, deliver {}", broker.deliver),
        EngineSpec::Log(log) => format!("{}, {} partitions", broker.preset, log.partitions),
        _ => broker.preset.clone(),
    };
    match blueprint.brokers.as_slice() {
        [single] => what(single),
        several => {
            let named = several.iter().map(|broker| format!("{}: {}", broker.name, what(broker)));
            named.collect::<Vec<_>>().join("; ")
        }
    }
}

fn broker(broker: &Broker) -> BrokerInfo {
    BrokerInfo {
        name: broker.name.clone(),
        preset: broker.preset.clone(),
        engine: engine(broker),
        stores: !matches!(broker.engine, EngineSpec::Ideal),
    }
}

/// What kind of broker it is, in words.
fn engine(broker: &Broker) -> String {
    match &broker.engine {
        EngineSpec::Ideal => format!("ideal bus, deliver {}", broker.deliver),
        EngineSpec::Log(log) => format!(
            "partitioned log, {}, {} on {}",
            plural(log.partitions, "partition", "partitions"),
            plural(log.replicas, "copy", "copies"),
            plural(broker.nodes, "node", "nodes")
        ),
        EngineSpec::Push(push) => push_queue(push),
        EngineSpec::Pull(pull) => pull_queue(pull),
        EngineSpec::FanOut(_) => "ephemeral fan-out: who is not connected misses it".to_owned(),
    }
}

fn push_queue(push: &PushSpec) -> String {
    let copies = match &push.quorum {
        Some(quorum) => format!("quorum of {}", plural(quorum.replicas, "copy", "copies")),
        None => "one copy".to_owned(),
    };
    let prefetch = match push.prefetch {
        0 => "unlimited prefetch".to_owned(),
        n => format!("prefetch {n}"),
    };
    format!("leased queues that push, {copies}, {prefetch}")
}

fn pull_queue(pull: &PullSpec) -> String {
    let lease = match pull.visibility {
        Some(lease) => format!("leases of {lease}"),
        None => "leases without end".to_owned(),
    };
    let order = if pull.fifo { ", in order within groups" } else { "" };
    format!("leased queues that consumers poll, {lease}{order}")
}

fn plural(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn emitted(blueprint: &Blueprint, service: &crate::model::Service) -> Vec<String> {
    let mut events: Vec<u32> = service.sources.iter().map(|source| source.event.0).collect();
    events.extend(service.handlers.iter().flat_map(events_of));
    let mut seen = std::collections::BTreeSet::new();
    events.retain(|event| seen.insert(*event));
    events.into_iter().map(|event| blueprint.events[event as usize].name.clone()).collect()
}

/// Indices of the events that a handler may emit.
pub(super) fn events_of(handler: &Handler) -> Vec<u32> {
    let mut events = Vec::new();
    for step in &handler.steps {
        match step {
            Step::Emit(Emit::All(all)) => events.extend(all.iter().map(|e| e.event.0)),
            Step::Emit(Emit::OneOf(one)) => events.extend(one.iter().map(|(_, e)| e.event.0)),
            _ => {}
        }
    }
    events
}

/// When something is broken, as far as that is known before a run: of a repeated failure every time
/// up to the end of the traffic.
pub(super) fn windows(blueprint: &Blueprint) -> Vec<FailureWindow> {
    let mut windows = Vec::new();
    for failure in &blueprint.failures {
        let left = MOST_WINDOWS.saturating_sub(windows.len());
        windows.extend(spans(blueprint, failure).into_iter().take(left).map(|(from, to)| {
            FailureWindow {
                name: failure.name.clone(),
                from: from.as_secs(),
                to: to.map(SimTime::as_secs),
            }
        }));
    }
    windows.sort_by(|a, b| a.from.total_cmp(&b.from));
    windows
}

/// From when to when a failure lasts each time.
fn spans(blueprint: &Blueprint, failure: &Failure) -> Vec<(SimTime, Option<SimTime>)> {
    let end = blueprint.phases.traffic_end();
    let mut spans = Vec::new();
    match failure.trigger {
        FailureTrigger::At(at) => spans.push((at, failure.lasts.map(|lasts| at + lasts))),
        FailureTrigger::Every(every) => {
            let lasts = failure.lasts.unwrap_or_default();
            let mut at = SimTime::ZERO + every;
            while at < end && spans.len() < MOST_WINDOWS {
                spans.push((at, Some(at + lasts)));
                at = at + every;
            }
        }
        FailureTrigger::After(other) => {
            let Some(other) = blueprint.failures.get(other as usize) else { return spans };
            for (from, to) in self::spans(blueprint, other) {
                let to = if other.verb.is_over_at_once() { to.or(Some(from)) } else { to };
                let Some(at) = to else { continue };
                spans.push((at, failure.lasts.map(|lasts| at + lasts)));
            }
        }
        FailureTrigger::Mtbf { .. } | FailureTrigger::When { .. } | FailureTrigger::Chance(_) => {}
    }
    spans
}
