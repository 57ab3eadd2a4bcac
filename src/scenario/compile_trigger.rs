//! Triggers that name something: levels that are watched, and failures that follow others.

use super::Diagnostic;
use super::draft::{Draft, FailureDraft, TriggerDraft, WhenDraft};
use super::near::nearest;
use super::reader::Ref;
use crate::model::{Blueprint, BrokerId, Condition, EngineSpec, FailureTrigger, Level, ServiceId};

/// Levels of a service, by their names.
const OF_SERVICE: [&str; 2] = ["backlog", "inflight"];

/// The number of each failure of a draft among those that are there: not those that are switched
/// off, nor what would follow them.
pub(super) fn numbers(draft: &Draft) -> Vec<Option<u32>> {
    let mut there: Vec<bool> = draft.failures.iter().map(|f| !f.off).collect();
    for _ in 0..there.len() {
        for (at, failure) in draft.failures.iter().enumerate() {
            if let TriggerDraft::After(of) = &failure.trigger
                && let Some(first) = find(draft, of)
            {
                there[at] &= there[first];
            }
        }
    }
    let mut next = 0..;
    there.into_iter().map(|there| if there { next.next() } else { None }).collect()
}

fn find(draft: &Draft, of: &Ref) -> Option<usize> {
    draft.failures.iter().position(|f| f.name == of.text)
}

/// The trigger that a draft states.
pub(super) fn trigger(
    failure: &FailureDraft,
    draft: &Draft,
    blueprint: &Blueprint,
    numbers: &[Option<u32>],
) -> Result<FailureTrigger, Box<Diagnostic>> {
    match &failure.trigger {
        TriggerDraft::Known(trigger) => Ok(*trigger),
        TriggerDraft::When(when) => {
            let level = level(when, blueprint)?;
            let condition = Condition { level, is: when.is, than: when.than };
            Ok(FailureTrigger::When { condition, cooldown: when.cooldown })
        }
        TriggerDraft::After(of) => {
            let first = followed(failure, of, draft)?;
            Ok(FailureTrigger::After(numbers[first].unwrap_or_default()))
        }
    }
}

/// The failure that another follows.
fn followed(failure: &FailureDraft, of: &Ref, draft: &Draft) -> Result<usize, Box<Diagnostic>> {
    let wrong = |message: String, help: String| {
        Box::new(Diagnostic::error("E141", of.span, message).help(help))
    };
    let Some(first) = find(draft, of) else {
        let names =
            || draft.failures.iter().map(|f| f.name.as_str()).filter(|n| *n != failure.name);
        let help = match nearest(&of.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names().next().is_none() => "give another failure a `name`".to_owned(),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(wrong(format!("there is no failure `{}`", of.text), help));
    };
    let mut at = first;
    for _ in 0..draft.failures.len() {
        let TriggerDraft::After(next) = &draft.failures[at].trigger else {
            return if ends(&draft.failures[first]) {
                Ok(first)
            } else {
                let message = format!("`{}` never ends, so nothing follows it", of.text);
                Err(wrong(message, "say how long it lasts: for = \"1m\"".to_owned()))
            };
        };
        // What is not there is noted where it is named.
        let Some(earlier) = find(draft, next) else { return Ok(first) };
        at = earlier;
    }
    let message = format!("`{}` follows itself in the end", failure.name);
    Err(wrong(message, "let one of the circle strike at = \"2m\"".to_owned()))
}

/// Whether a strike of a failure is over at some time.
fn ends(failure: &FailureDraft) -> bool {
    let by_trigger = matches!(
        failure.trigger,
        TriggerDraft::Known(FailureTrigger::Every(_) | FailureTrigger::Mtbf { mttr: Some(_), .. })
    );
    by_trigger || failure.lasts.is_some() || failure.verb.is_over_at_once()
}

/// The level that a condition watches.
fn level(when: &WhenDraft, blueprint: &Blueprint) -> Result<Level, Box<Diagnostic>> {
    let wrong = |message: String, help: String| {
        Box::new(Diagnostic::error("E142", when.path.span, message).help(help))
    };
    let text = &when.path.text;
    let Some((owner, metric)) = text.rsplit_once('.') else {
        let message = format!("`{text}` is not a level");
        return Err(wrong(message, "write \"SERVICE.backlog\"".to_owned()));
    };
    let service = blueprint.services.iter().position(|s| s.name == owner);
    let stores = |b: &&crate::model::Broker| !matches!(b.engine, EngineSpec::Ideal);
    let broker = blueprint.brokers.iter().position(|b| b.name == owner && stores(&b));
    let id = service.or(broker).unwrap_or_default() as u32;
    match (service.is_some(), broker.is_some(), metric) {
        (true, _, "backlog") => Ok(Level::Backlog(ServiceId(id))),
        (true, _, "inflight") => Ok(Level::InFlight(ServiceId(id))),
        (false, true, "backlog") => Ok(Level::BrokerBacklog(BrokerId(id))),
        (false, false, _) => {
            let message = format!("nothing called `{owner}` has a level to be watched");
            let services = blueprint.services.iter().map(|s| s.name.as_str());
            let brokers = blueprint.brokers.iter().filter(stores).map(|b| b.name.as_str());
            let help = match nearest(owner, services.chain(brokers)) {
                Some(near) => format!("did you mean `{near}.{metric}`?"),
                None => "watch a service, or a broker that stores".to_owned(),
            };
            Err(wrong(message, help))
        }
        (of_service, ..) => {
            let message = format!("`{metric}` of `{owner}` cannot be watched");
            let known = if of_service { &OF_SERVICE[..] } else { &OF_SERVICE[..1] };
            let help = match nearest(metric, known.iter().copied()) {
                Some(near) => format!("did you mean `{owner}.{near}`?"),
                None => format!("what can be watched: {}", known.join(", ")),
            };
            Err(wrong(message, help))
        }
    }
}
