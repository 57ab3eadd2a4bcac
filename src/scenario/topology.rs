//! The parts of an architecture, as reports name them.

use super::draft::{Draft, LoadDraft};
use crate::model::{
    Blueprint, Broker, Emit, EngineSpec, Handler, PullSpec, PushSpec, Step, Trigger,
};
use crate::results::{BrokerInfo, ClientInfo, ServiceInfo, Topology};

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
