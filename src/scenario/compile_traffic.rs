//! Failures of what comes from outside: which sources, clients or events a target is.

use super::Diagnostic;
use super::compile_failure::cannot;
use super::draft::{FailureDraft, Part};
use super::names::Names;
use super::near::nearest;
use crate::model::{Blueprint, ClientId, EventTypeId, Load, Target, Verb};
use crate::random::Rate;

/// The target of a verb that strikes traffic; none of another verb.
pub(super) fn target(
    draft: &FailureDraft,
    names: &Names,
    blueprint: &Blueprint,
) -> Result<Option<Target>, Box<Diagnostic>> {
    if !matches!(draft.verb, Verb::Spike(_) | Verb::Hot(_) | Verb::Herd { .. }) {
        return Ok(None);
    }
    if draft.part != Part::All {
        return Err(cannot(draft, "a part of something", "name it alone"));
    }
    let name = draft.owner.text.as_str();
    let client = blueprint.clients.iter().position(|c| c.name == name);
    match draft.verb {
        Verb::Hot(_) => hot(draft, names.event_id(name), blueprint),
        Verb::Herd { clients, .. } => herd(draft, client, clients, blueprint),
        _ => spike(draft, client, names.event_id(name), blueprint),
    }
    .map(Some)
}

pub(super) fn unknown<'a>(
    draft: &FailureDraft,
    what: &str,
    among: impl Iterator<Item = &'a str>,
) -> Box<Diagnostic> {
    let name = &draft.owner.text;
    let diagnostic =
        Diagnostic::error("E118", draft.owner.span, format!("there is no {what} `{name}`"));
    Box::new(match nearest(name, among) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    })
}

fn spike(
    draft: &FailureDraft,
    client: Option<usize>,
    event: Option<EventTypeId>,
    blueprint: &Blueprint,
) -> Result<Target, Box<Diagnostic>> {
    let name = draft.owner.text.as_str();
    if let Some(at) = client {
        if let Load::Open(rate) = &blueprint.clients[at].load {
            has_a_pace(draft, rate)?;
        }
        return Ok(Target::Traffic { sources: Vec::new(), clients: vec![ClientId(at as u32)] });
    }
    let service = blueprint.services.iter().any(|s| s.name == name);
    if !service && event.is_none() {
        let clients = blueprint.clients.iter().map(|c| c.name.as_str());
        let services = blueprint.services.iter().map(|s| s.name.as_str());
        let events = blueprint.events.iter().map(|e| e.name.as_str());
        let among = clients.chain(services).chain(events);
        return Err(unknown(draft, "client, service or event", among));
    }
    let all = blueprint.services.iter().flat_map(|s| s.sources.iter().map(move |o| (s, o)));
    let struck =
        all.enumerate().filter(
            |(_, (of, source))| {
                if service { of.name == name } else { Some(source.event) == event }
            },
        );
    let struck: Vec<_> = struck.collect();
    if struck.is_empty() {
        let help = "a spike strikes clients and `emits`; handlers emit as often as they are asked";
        return Err(cannot(draft, "what has no rate of its own", help));
    }
    for (_, (_, source)) in &struck {
        has_a_pace(draft, &source.rate)?;
    }
    let sources = struck.iter().map(|(at, _)| *at as u32).collect();
    Ok(Target::Traffic { sources, clients: Vec::new() })
}

/// A rate that can be multiplied.
fn has_a_pace(draft: &FailureDraft, rate: &Rate) -> Result<(), Box<Diagnostic>> {
    if rate.can_become(rate) && rate.scaled(2.0).is_some() {
        return Ok(());
    }
    let help = "rates such as \"100/s\" and \"every 10ms\" can be multiplied";
    Err(cannot(draft, "instants or individuals that are given", help))
}

fn hot(
    draft: &FailureDraft,
    event: Option<EventTypeId>,
    blueprint: &Blueprint,
) -> Result<Target, Box<Diagnostic>> {
    let Some(event) = event else {
        return Err(unknown(draft, "event", blueprint.events.iter().map(|e| e.name.as_str())));
    };
    let key = blueprint.events.get(event.0 as usize).and_then(|e| e.key);
    let entity = key.and_then(|key| blueprint.entities.get(key.0 as usize));
    if entity.is_none_or(|entity| entity.population.is_none()) {
        let name = &draft.owner.text;
        let help = format!(
            "give it one: [entity.account] count = 10_000 and [event.{name}] key = \"account\""
        );
        return Err(cannot(draft, "an event without a key that is drawn", &help));
    }
    Ok(Target::Events(event))
}

fn herd(
    draft: &FailureDraft,
    client: Option<usize>,
    count: Option<u32>,
    blueprint: &Blueprint,
) -> Result<Target, Box<Diagnostic>> {
    let Some(at) = client else {
        return Err(unknown(draft, "client", blueprint.clients.iter().map(|c| c.name.as_str())));
    };
    if count.is_none() && matches!(blueprint.clients[at].load, Load::Open(_)) {
        let name = &draft.owner.text;
        let help = format!("say how many come: herd = {{ {name} = \"10000 full 30s\" }}");
        return Err(cannot(draft, "an open loop, which has no number of clients", &help));
    }
    Ok(Target::Traffic { sources: Vec::new(), clients: vec![ClientId(at as u32)] })
}
