//! Failures of events where they are heard or kept: which handlers, services, disks and clocks a
//! target is.

use super::Diagnostic;
use super::compile_failure::cannot;
use super::compile_link::{Around, not_ideal};
use super::compile_traffic::unknown;
use super::draft::{Draft, FailureDraft, HandlerDraft, Part};
use super::names::Names;
use super::near::did_you_mean;
use super::reader::Ref;
use crate::model::{
    Blueprint, Broker, BrokerId, Dedup, End, EngineSpec, Handler, PublishMode, Service, ServiceId,
    Step, Target, Verb,
};
use crate::units::SimDuration;

type Found<T> = Result<T, Box<Diagnostic>>;

/// The target of a verb that strikes events where they are heard; none of another verb.
pub(super) fn target(
    draft: &FailureDraft,
    all: &Draft,
    around: &Around,
    blueprint: &Blueprint,
) -> Found<Option<Target>> {
    match draft.verb {
        Verb::Poison { .. } => handlers(draft, all, around.names).map(Some),
        Verb::Bug(fix) => {
            let target = handlers(draft, all, around.names)?;
            shows_something(draft, &target, blueprint)?;
            if fix.is_some() {
                can_be_read_again(draft, &target, around)?;
            }
            Ok(Some(target))
        }
        Verb::Schema => form(draft, around.names, blueprint).map(Some),
        Verb::DiskFull => disk(draft, around).map(Some),
        Verb::Expire(age) => kept(draft, around, age).map(Some),
        _ => Ok(None),
    }
}

/// The handlers of a service that hear events: one, or all.
fn handlers(draft: &FailureDraft, all: &Draft, names: &Names) -> Found<Target> {
    let service = names.service(&draft.owner)?;
    let drafted = all.services.get(service.0 as usize);
    let handlers: &[HandlerDraft] = drafted.map_or(&[], |s| &s.handlers);
    let hears = || handlers.iter().enumerate().filter(|(_, handler)| !handler.is_api);
    if hears().next().is_none() {
        let help = "an operation has no events: let `fails` or `brownout` make it fail";
        return Err(cannot(draft, "a service that hears no events", help));
    }
    let wanted = |handler: &HandlerDraft| match draft.names.first() {
        Some(event) => handler.name.text == event.text,
        None => true,
    };
    let struck: Vec<u32> =
        hears().filter(|(_, handler)| wanted(handler)).map(|(at, _)| at as u32).collect();
    match draft.names.first() {
        Some(event) if struck.is_empty() => {
            let all = hears().map(|(_, handler)| handler.name.text.as_str());
            Err(does_not_hear(&draft.owner, event, all))
        }
        _ => Ok(Target::Handlers { service, handlers: struck }),
    }
}

fn does_not_hear<'a>(
    service: &Ref,
    event: &Ref,
    all: impl Iterator<Item = &'a str>,
) -> Box<Diagnostic> {
    let message = format!("service `{}` does not hear `{}`", service.text, event.text);
    let all: Vec<&str> = all.collect();
    let help = did_you_mean(&event.text, all.iter().copied())
        .unwrap_or_else(|| format!("it hears {}", all.join(", ")));
    Box::new(Diagnostic::error("E118", event.span, message).help(help))
}

/// The handlers that a target names.
fn struck<'a>(target: &Target, services: &'a [Service]) -> Vec<&'a Handler> {
    let Target::Handlers { service, handlers } = target else { return Vec::new() };
    let of = services.get(service.0 as usize);
    let handler = |nth: &u32| of.and_then(|s| s.handlers.get(*nth as usize));
    handlers.iter().filter_map(handler).collect()
}

/// What is wrong is an individual, so there has to be one.
fn shows_something(draft: &FailureDraft, target: &Target, blueprint: &Blueprint) -> Found<()> {
    for handler in struck(target, &blueprint.services) {
        for heard in handler.trigger.heard() {
            let event = blueprint.events.get(heard.0 as usize);
            if let Some(event) = event.filter(|event| event.key.is_none()) {
                let help = format!(
                    "what would be wrong? Give `{0}` a key: [entity.account] count = 10_000 and \
                     [event.{0}] key = \"account\"",
                    event.name
                );
                return Err(cannot(draft, "a handler of events without a key", &help));
            }
        }
    }
    Ok(())
}

/// Whether a fix has something to read again.
fn can_be_read_again(draft: &FailureDraft, target: &Target, around: &Around) -> Found<()> {
    let logs = |handler: &&Handler| {
        let broker = around.brokers.get(handler.consume.via.0 as usize);
        broker.is_none_or(|broker| matches!(broker.engine, EngineSpec::Log(_)))
    };
    if struck(target, around.services).iter().any(logs) {
        return Ok(());
    }
    let help = "only a log can be read again: let it listen to one, or remove `fix`";
    Err(cannot(draft, "with `fix` a handler that hears no log", help))
}

/// The disks of a broker, or the store of a service.
fn disk(draft: &FailureDraft, around: &Around) -> Found<Target> {
    if draft.part != Part::All {
        return Err(cannot(draft, "a part of something", "name the broker or the service alone"));
    }
    match around.names.end(&draft.owner)? {
        End::Broker(id) => {
            not_ideal(draft, draft.owner.span, around.brokers.get(id.0 as usize))?;
            Ok(Target::Disks(id))
        }
        End::Service(id) => {
            let service = around.services.get(id.0 as usize);
            if !service.is_none_or(keeps) {
                let help = "it has neither `writes` nor publish = \"outbox\": name the broker";
                return Err(cannot(draft, "a service that writes nothing", help));
            }
            Ok(Target::Store(id))
        }
        _ => Err(cannot(draft, "a client, which has no disk", "name a broker or a service")),
    }
}

/// What a broker keeps.
fn kept(draft: &FailureDraft, around: &Around, age: SimDuration) -> Found<Target> {
    let id = around.names.broker(Some(&draft.owner))?;
    let broker = around.brokers.get(id.0 as usize);
    not_ideal(draft, draft.owner.span, broker)?;
    let engine = broker.map(|broker| &broker.engine);
    if let Some(EngineSpec::FanOut(_)) = engine {
        return Err(cannot(draft, "a broker that keeps nothing", "name a log or a queue"));
    }
    if engine.and_then(EngineSpec::keeps_for).is_some_and(|usual| usual <= age) {
        let help = "say less than its `retention` or `ttl`";
        return Err(cannot(draft, "a broker that keeps nothing for longer anyway", help));
    }
    Ok(Target::Kept(id))
}

/// Whether a service publishes to a broker that looks at dates.
pub(super) fn is_dated(service: &Service, brokers: &[Broker]) -> bool {
    let looks = |to: BrokerId| {
        let engine = brokers.get(to.0 as usize).map(|broker| &broker.engine);
        !matches!(engine, Some(EngineSpec::Ideal | EngineSpec::FanOut(_)))
    };
    let emits = |h: &&Handler| h.steps.iter().any(|s| matches!(s, Step::Emit(_)));
    service.sources.iter().any(|source| looks(source.publish.to))
        || service.handlers.iter().filter(emits).any(|h| looks(h.publish.to))
}

/// Whether a service ever writes to its store.
fn keeps(service: &Service) -> bool {
    let writes = |h: &Handler| h.steps.iter().any(|s| matches!(s, Step::Write(_)));
    let outbox =
        |mode: PublishMode| matches!(mode, PublishMode::OutboxPoll(_) | PublishMode::OutboxCdc);
    service.handlers.iter().any(|h| writes(h) || outbox(h.publish.mode))
        || service.sources.iter().any(|source| outbox(source.publish.mode))
        || service.memory.dedup == Dedup::Separate
}

/// An event, and the services that fail on its new form.
fn form(draft: &FailureDraft, names: &Names, blueprint: &Blueprint) -> Found<Target> {
    let Some(event) = names.event_id(&draft.owner.text) else {
        return Err(unknown(draft, "event", blueprint.events.iter().map(|e| e.name.as_str())));
    };
    let hears = |service: ServiceId| {
        let service = blueprint.services.get(service.0 as usize);
        service.is_none_or(|s| s.handlers.iter().any(|h| h.trigger.heard().contains(&event)))
    };
    let mut at = Vec::new();
    for name in &draft.names {
        let service = names.service(name)?;
        if !hears(service) {
            let listeners = blueprint.services.iter().enumerate();
            let listeners = listeners.filter(|(at, _)| hears(ServiceId(*at as u32)));
            let all: Vec<&str> = listeners.map(|(_, s)| s.name.as_str()).collect();
            let message = format!("service `{}` does not hear `{}`", name.text, draft.owner.text);
            let help = match all.as_slice() {
                [] => "nobody does".to_owned(),
                all => format!("those who do are {}", all.join(", ")),
            };
            return Err(Box::new(Diagnostic::error("E118", name.span, message).help(help)));
        }
        if !at.contains(&service) {
            at.push(service);
        }
    }
    Ok(Target::Form { event, at })
}
