//! Failures: which instances, node or process a target is, and whether its verb can strike it.

use super::compile_link::{Around, not_ideal};
use super::compile_message::{is_dated, target as message};
use super::compile_traffic::target as traffic;
use super::compile_trigger::{numbers, trigger};
use super::decode_failure::word;
use super::draft::{Draft, FailureDraft, Part};
use super::names::Names;
use super::{Diagnostic, Span};
use crate::model::{
    Blueprint, Broker, BrokerId, EngineSpec, Failure, FailureTrigger, PublishMode, Service,
    ServiceId, Target, Trigger, Verb,
};

/// The failures of a draft that are not switched off. What is wrong is noted in `found`.
pub(super) fn failures(
    draft: &Draft,
    names: &Names,
    blueprint: &Blueprint,
    found: &mut Vec<Diagnostic>,
) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    let mut sets = 0..;
    let numbers = numbers(draft);
    let Blueprint { services, brokers, clients, .. } = blueprint;
    let around = Around { names, services, brokers, clients };
    for (stated, number) in draft.failures.iter().zip(&numbers) {
        let stated = failure(stated, draft, &around, blueprint, &numbers);
        match stated.map(|failure| failure.filter(|_| number.is_some())) {
            Ok(Some(mut failure)) => {
                if let Verb::Set(n) = &mut failure.verb {
                    *n = sets.next().unwrap_or_default();
                }
                failures.push(failure);
            }
            Ok(None) => {}
            Err(diagnostic) => found.push(*diagnostic),
        }
    }
    failures
}

/// The failure that `draft` states.
fn failure(
    draft: &FailureDraft,
    all: &Draft,
    around: &Around,
    blueprint: &Blueprint,
    numbers: &[Option<u32>],
) -> Result<Option<Failure>, Box<Diagnostic>> {
    let Around { names, services, brokers, .. } = *around;
    let special = match traffic(draft, names, blueprint)? {
        None => message(draft, all, around, blueprint)?,
        found => found,
    };
    let target = match (special, draft.part) {
        (Some(target), _) => target,
        (None, Part::Values) => Target::Values,
        _ if let Some(link) = &draft.link => around.link(draft, link)?,
        (None, Part::Zone) => {
            if draft.verb != Verb::Crash {
                return Err(cannot(draft, "a zone", "use `zone`: all of it crashes"));
            }
            Target::Zone(names.zone(&draft.owner)?)
        }
        (None, Part::Shards) => {
            let id = names.broker(Some(&draft.owner))?;
            not_ideal(draft, draft.owner.span, brokers.get(id.0 as usize))?;
            Target::Shards(id)
        }
        (None, Part::Node(node, span)) => {
            let id = names.broker(Some(&draft.owner))?;
            let Some(broker) = brokers.get(id.0 as usize) else { return Ok(None) };
            node_of(draft, broker, (id, node), span)?
        }
        (None, Part::Partition(partition, span)) => {
            let id = names.broker(Some(&draft.owner))?;
            let Some(broker) = brokers.get(id.0 as usize) else { return Ok(None) };
            partition_of(draft, broker, (id, partition), (span, blueprint))?
        }
        (None, part) => {
            let id = names.service(&draft.owner)?;
            let Some(service) = services.get(id.0 as usize) else { return Ok(None) };
            if part == Part::Relay {
                relay_of(draft, service, id)?
            } else {
                instances_of(draft, service, id, blueprint)?
            }
        }
    };
    let trigger = trigger(draft, all, blueprint, numbers)?;
    if let FailureTrigger::Chance(_) = trigger {
        by_message(draft, &target)?;
    }
    let (name, verb, lasts) = (draft.name.clone(), draft.verb, draft.lasts);
    Ok(Some(Failure { name, verb, target, trigger, lasts }))
}

/// What strikes by chance strikes where a message is taken up.
fn by_message(draft: &FailureDraft, target: &Target) -> Result<(), Box<Diagnostic>> {
    let at_an_instance = matches!(
        draft.verb,
        Verb::Crash
            | Verb::Stop
            | Verb::Pause
            | Verb::Slow(_)
            | Verb::Leak(_)
            | Verb::Brownout { .. }
    );
    if at_an_instance && matches!(target, Target::Instances { .. }) {
        return Ok(());
    }
    let message = "`chance` strikes the instance that takes a message up, and this strikes none";
    let help = "use another trigger: `at`, `every`, `mtbf`, `when` or `after`";
    let diagnostic = Diagnostic::error("E136", draft.when, message);
    Err(Box::new(diagnostic.related(draft.verb_at, "the verb").help(help)))
}

pub(super) fn cannot(draft: &FailureDraft, what: &str, help: &str) -> Box<Diagnostic> {
    let message = format!("`{}` cannot strike {what}", word(draft.verb));
    let diagnostic = Diagnostic::error("E136", draft.verb_at, message);
    Box::new(diagnostic.related(draft.owner.span, "the target").help(help))
}

fn node_of(
    draft: &FailureDraft,
    broker: &Broker,
    (id, node): (BrokerId, u64),
    span: Span,
) -> Result<Target, Box<Diagnostic>> {
    match (draft.verb, &broker.engine) {
        (Verb::Crash | Verb::Unclean, EngineSpec::Ideal) => {
            let help = "name a product: preset = \"kafka\"";
            return Err(cannot(draft, "the ideal bus, which never fails", help));
        }
        (Verb::Crash, _) | (Verb::Unclean, EngineSpec::Log(_)) => {}
        (Verb::Unclean, _) => {
            let help = "only a log lets a copy lead that is not in step: use `crash`";
            return Err(cannot(draft, "a node of this broker", help));
        }
        _ => return Err(cannot(draft, "a node of a broker", "use `crash` or `unclean`")),
    }
    if node >= u64::from(broker.nodes) {
        let message = format!("broker `{}` has no node {node}", broker.name);
        let help = match broker.nodes {
            1 => "it has one node, number 0".to_owned(),
            n => format!("it has {n} nodes, from 0 to {}", n - 1),
        };
        return Err(Box::new(Diagnostic::error("E124", span, message).help(help)));
    }
    Ok(Target::Node { broker: id, node: node as u32 })
}

fn partition_of(
    draft: &FailureDraft,
    broker: &Broker,
    (id, partition): (BrokerId, u64),
    (span, blueprint): (Span, &Blueprint),
) -> Result<Target, Box<Diagnostic>> {
    if draft.verb != Verb::Crash {
        return Err(cannot(draft, "a partition of a broker", "use `crash`"));
    }
    let n = blueprint.partitions(id);
    if n == 0 {
        return Err(cannot(draft, "a broker without partitions", "name a log"));
    }
    if partition >= u64::from(n) {
        let message = format!("topics of broker `{}` have no partition {partition}", broker.name);
        let help = match n {
            1 => "they have one partition, number 0".to_owned(),
            n => format!("they have {n} partitions, from 0 to {}", n - 1),
        };
        return Err(Box::new(Diagnostic::error("E124", span, message).help(help)));
    }
    Ok(Target::Partition { broker: id, partition: partition as u32 })
}

fn relay_of(
    draft: &FailureDraft,
    service: &Service,
    id: ServiceId,
) -> Result<Target, Box<Diagnostic>> {
    let handlers = service.handlers.iter().map(|handler| handler.publish.mode);
    let mut modes = handlers.chain(service.sources.iter().map(|source| source.publish.mode));
    if draft.verb != Verb::Crash {
        return Err(cannot(draft, "a relay", "use `crash`"));
    }
    if !modes.any(|mode| mode == PublishMode::OutboxCdc) {
        let help = "it has a relay of its own with publish = \"outbox\" and relay = \"cdc\"; one \
                    that polls dies with its service";
        return Err(cannot(draft, "a relay that the service does not have", help));
    }
    Ok(Target::Relay(id))
}

fn instances_of(
    draft: &FailureDraft,
    service: &Service,
    id: ServiceId,
    blueprint: &Blueprint,
) -> Result<Target, Box<Diagnostic>> {
    let name = &service.name;
    // Those that are not there when it strikes it does not strike.
    let n = &blueprint.room(id);
    match draft.verb {
        Verb::Unclean => {
            let help = "name a node of a log: \"bus/broker:0\"";
            return Err(cannot(draft, "a service", help));
        }
        Verb::Replay(_) | Verb::Redrive | Verb::DropConsumer if draft.part != Part::All => {
            return Err(cannot(draft, "a part of a service", "name the service alone"));
        }
        Verb::Replay(_) if !hears_a_log(service, &blueprint.brokers) => {
            let help = "only a log can be read again: let it listen to one";
            return Err(cannot(draft, "a service that hears no log", help));
        }
        Verb::Skew(_) if !is_dated(service, &blueprint.brokers) => {
            let help = "logs and queues look at dates: let it publish to one";
            return Err(cannot(draft, "a service that publishes to no log or queue", help));
        }
        Verb::DropConsumer if service.handlers.iter().all(|h| h.trigger.heard().is_empty()) => {
            let help = "it has no subscription that could be gone";
            return Err(cannot(draft, "a service that hears no events", help));
        }
        _ => {}
    }
    let instances = match draft.part {
        Part::Instance(i, _) if i < u64::from(*n) => vec![i as u32],
        Part::Instance(i, span) => {
            let message = format!("service `{name}` has no instance {i}");
            let help = match n {
                1 => "it has one instance, number 0".to_owned(),
                n => format!("it has {n} instances, from 0 to {}", n - 1),
            };
            return Err(Box::new(Diagnostic::error("E124", span, message).help(help)));
        }
        Part::Share(share) => {
            // 7 % of 100 is 7, though 0.07 * 100 is a little more.
            let struck = (share.get() * f64::from(service.instances) - 1e-9).ceil().max(1.0);
            (0..struck as u32).collect()
        }
        _ => (0..*n).collect(),
    };
    Ok(Target::Instances { service: id, instances })
}

fn hears_a_log(service: &Service, brokers: &[Broker]) -> bool {
    service.handlers.iter().filter(|h| matches!(h.trigger, Trigger::On(_))).any(|handler| {
        let broker = brokers.get(handler.consume.via.0 as usize);
        broker.is_some_and(|broker| matches!(broker.engine, EngineSpec::Log(_)))
    })
}
