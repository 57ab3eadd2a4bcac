//! Every metric path that a blueprint can have, from the catalogue and the blueprint's names.

use crate::model::{Asker, Blueprint, EngineSpec, Handler, Service, ServiceId, Trigger};
use crate::results::catalogue::{
    FAMILIES, Family, Kind, LEDGER_COUNTS, LEDGER_STATES, RUN_COUNTS, SEGMENTS, Scope,
};

/// Metric families of later versions: known, but refused.
pub(super) const LATER: &[&str] = &[
    "stale",
    "ryw",
    "mr",
    "aoi",
    "completion",
    "compensated",
    "stuck",
    "since_root",
    "late",
    "result_delay",
    "divergence",
    "messages",
    "instance_hours",
    "coupling",
    "cost",
];

/// Every metric path of `blueprint`, service by service, then subscriptions, events, clients,
/// brokers and the ledger.
pub fn metric_paths(blueprint: &Blueprint) -> Vec<String> {
    with_units(blueprint).into_iter().map(|(path, _)| path).collect()
}

/// Every metric path with its SI unit.
pub(super) fn with_units(blueprint: &Blueprint) -> Vec<(String, &'static str)> {
    let mut paths = Vec::new();
    let heard = heard(blueprint);
    for (at, service) in blueprint.services.iter().enumerate() {
        if subscriptions(service).next().is_some() {
            families(&mut paths, Scope::Subscriber, &service.name);
            for segment in SEGMENTS {
                paths.push((format!("{}.segment.{segment}.mean", service.name), "s"));
            }
            for name in ledger() {
                paths.push((format!("{}.ledger.{name}", service.name), "1"));
            }
        }
        if !service.handlers.is_empty() {
            families(&mut paths, Scope::Service, &service.name);
        }
        if !service.handlers.is_empty() && blueprint.is_elastic(ServiceId(at as u32)) {
            families(&mut paths, Scope::Elastic, &service.name);
        }
        if blueprint.guards_calls(Asker::Service(at as u32)) {
            families(&mut paths, Scope::Guarded, &service.name);
        }
        if service.handlers.iter().any(|h| follows_a_log(blueprint, h)) {
            families(&mut paths, Scope::Group, &service.name);
        }
        for event in subscriptions(service) {
            // A blueprint with mistakes may hear what it does not have.
            if let Some(event) = blueprint.events.get(event as usize) {
                families(
                    &mut paths,
                    Scope::Subscription,
                    &format!("{}@{}", event.name, service.name),
                );
            }
        }
    }
    for (event, _) in blueprint.events.iter().zip(&heard).filter(|(_, heard)| **heard) {
        families(&mut paths, Scope::Event, &event.name);
    }
    for (at, client) in blueprint.clients.iter().enumerate() {
        families(&mut paths, Scope::Client, &client.name);
        if blueprint.guards_calls(Asker::Client(at as u32)) {
            families(&mut paths, Scope::Guarded, &client.name);
        }
    }
    for broker in blueprint.brokers.iter().filter(|b| !matches!(b.engine, EngineSpec::Ideal)) {
        families(&mut paths, Scope::Broker, &broker.name);
    }
    for name in ledger().chain(RUN_COUNTS.map(|c| c.0)) {
        paths.push((format!("ledger.{name}"), "1"));
    }
    paths
}

/// All that the ledger of a service counts.
fn ledger() -> impl Iterator<Item = &'static str> {
    ["committed"].into_iter().chain(LEDGER_STATES).chain(LEDGER_COUNTS.map(|c| c.0))
}

fn follows_a_log(blueprint: &Blueprint, handler: &Handler) -> bool {
    let broker = blueprint.brokers.get(handler.consume.via.0 as usize);
    matches!(handler.trigger, Trigger::On(_))
        && broker.is_some_and(|b| matches!(b.engine, EngineSpec::Log(_)))
}

fn subscriptions(service: &Service) -> impl Iterator<Item = u32> {
    service
        .handlers
        .iter()
        .flat_map(|handler| match &handler.trigger {
            Trigger::On(events) => events.as_slice(),
            Trigger::Api(_) => &[],
        })
        .map(|event| event.0)
}

fn heard(blueprint: &Blueprint) -> Vec<bool> {
    let mut heard = vec![false; blueprint.events.len()];
    for event in blueprint.services.iter().flat_map(subscriptions) {
        if let Some(heard) = heard.get_mut(event as usize) {
            *heard = true;
        }
    }
    heard
}

fn families(paths: &mut Vec<(String, &'static str)>, scope: Scope, name: &str) {
    for Family { name: family, kind, unit, .. } in FAMILIES.iter().filter(|f| f.scope == scope) {
        if *kind == Kind::Scalar {
            paths.push((format!("{name}.{family}"), *unit));
        }
        for statistic in kind.statistics() {
            let unit = if *statistic == "count" { "1" } else { unit };
            paths.push((format!("{name}.{family}.{statistic}"), unit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::meaning_tests::blueprint;
    use super::*;

    #[test]
    fn paths_are_those_of_the_catalogue_and_each_stands_once() {
        let b = blueprint(
            r#"
[service.shop]
emits.E = "1/s"
api.buy = "1ms"
[service.email]
on.E = "1ms"
[client.web]
rate = "1/s"
calls = "shop.buy"
"#,
        );
        let paths = metric_paths(&b);
        let distinct: std::collections::BTreeSet<&String> = paths.iter().collect();
        assert_eq!(distinct.len(), paths.len());
        let without_statistics: std::collections::BTreeSet<String> = paths
            .iter()
            .map(|p| match p.rsplit_once('.') {
                Some((path, last)) if Kind::Tally.statistics().contains(&last) => path.to_owned(),
                _ => p.clone(),
            })
            .collect();
        let list: Vec<String> = without_statistics.into_iter().collect();
        insta::assert_snapshot!(list.join("\n"));
    }
}
