//! Failures of events at those who hear them: which handlers of which services a target is.

use super::Diagnostic;
use super::compile_failure::cannot;
use super::compile_traffic::unknown;
use super::draft::{Draft, FailureDraft, HandlerDraft};
use super::names::Names;
use super::near::did_you_mean;
use super::reader::Ref;
use crate::model::{Blueprint, ServiceId, Target, Verb};

type Found<T> = Result<T, Box<Diagnostic>>;

/// The target of a verb that strikes events where they are heard; none of another verb.
pub(super) fn target(
    draft: &FailureDraft,
    all: &Draft,
    names: &Names,
    blueprint: &Blueprint,
) -> Found<Option<Target>> {
    match draft.verb {
        Verb::Poison { .. } => handlers(draft, all, names).map(Some),
        Verb::Schema => form(draft, names, blueprint).map(Some),
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
