//! What can be simulated but hardly says what was meant: parts without effect, failures that never
//! strike.
//!
//! A part that one variant leaves unused may be used in another, so each verdict is kept with its
//! place and only those that hold in every variant are told.

use std::collections::BTreeSet;

use super::compile_consume::transforms;
use super::draft::{
    Draft, FailureDraft, HandlerDraft, IdleKey, Needs, ServiceDraft, StepDraft, TriggerDraft,
};
use super::keys::Place;
use super::names::{Names, emissions};
use super::reader::Ref;
use super::{Diagnostic, Span};
use crate::model::{Dedup, FailureTrigger, OrderGuard, PhasePlan, Verb};

/// Whether the thing at a place does something, and the warning if it does not.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Code of the warning.
    pub(super) code: &'static str,
    /// Place of the thing.
    pub(super) span: Span,
    /// None: it does something.
    pub(super) warning: Option<Diagnostic>,
}

fn verdict(
    code: &'static str,
    span: Span,
    fine: bool,
    warn: impl FnOnce(Diagnostic) -> Diagnostic,
) -> Verdict {
    let warning = (!fine).then(|| warn(Diagnostic::warning(code, span, "")));
    Verdict { code, span, warning }
}

fn say(mut diagnostic: Diagnostic, message: String, help: &str) -> Diagnostic {
    diagnostic.message = message;
    diagnostic.help(help)
}

/// A scenario needs something that starts something.
pub(super) fn nothing_to_do(draft: &Draft) -> Option<Diagnostic> {
    let starts = draft.services.iter().any(|s| !s.sources.is_empty()) || !draft.clients.is_empty();
    if draft.services.is_empty() {
        let help = "a first one: [service.shop] with emits.OrderPlaced = \"100/s\"";
        let message = "there is nothing to simulate: the scenario has no service";
        return Some(Diagnostic::new("E128", super::Severity::Error, None, message).help(help));
    }
    let first = &draft.services[0].name;
    (!starts).then(|| {
        let message = "nothing ever happens: no service emits at a rate, and there is no client";
        Diagnostic::error("E128", first.span, message)
            .help("write emits.EVENT = \"100/s\" in a service, or declare [client.web]")
    })
}

/// Judges every part of a draft.
pub(super) fn verdicts(draft: &Draft, names: &Names) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let handlers = || draft.services.iter().flat_map(|s| &s.handlers);
    let heard: BTreeSet<u32> = handlers()
        .filter(|h| !h.is_api)
        .flat_map(|h| names.subscribed(h).unwrap_or_default())
        .map(|event| event.0)
        .collect();
    for (i, event) in names.events.iter().enumerate() {
        verdicts.push(verdict("W101", event.span, heard.contains(&(i as u32)), |d| {
            let message = format!("nobody hears `{}`", event.text);
            say(d, message, "let a service hear it: on.EVENT = \"5ms\", or remove it")
        }));
    }
    let called: BTreeSet<&str> = handlers()
        .flat_map(|h| &h.steps)
        .flat_map(|step| match step {
            StepDraft::Call(calls) => calls.as_slice(),
            _ => &[],
        })
        .chain(draft.clients.iter().filter_map(|c| c.calls.as_ref()))
        .map(|call| call.text.as_str())
        .collect();
    let old: BTreeSet<u32> = draft
        .events
        .iter()
        .filter(|event| event.history > 0)
        .filter_map(|event| Some(names.event_id(&event.name.text)?.0))
        .collect();
    for service in &draft.services {
        judge_service(&mut verdicts, service, &draft.failures, names, &called, &old);
    }
    for client in &draft.clients {
        judge_keys(&mut verdicts, &client.idle, |needs| needs != Needs::Attempts);
    }
    let transforming: BTreeSet<usize> = handlers().filter_map(|h| transforms(h, names)).collect();
    for (at, broker) in draft.brokers.iter().enumerate() {
        let transforms = transforming.contains(&at);
        judge_keys(&mut verdicts, &broker.idle, |needs| needs == Needs::Transform && transforms);
    }
    judge_tables(&mut verdicts, draft, names);
    let asked: BTreeSet<u32> = handlers()
        .filter(|h| !h.is_api && h.consume.backfill && names.listens_to(h) != Place::FanOut)
        .flat_map(|h| names.subscribed(h).unwrap_or_default())
        .map(|event| event.0)
        .collect();
    for event in &draft.events {
        let id = names.event_id(&event.name.text);
        // A table without effect is told as a whole.
        let asked = id.is_none_or(|id| asked.contains(&id.0));
        judge_keys(&mut verdicts, &event.idle, |_| asked);
    }
    judge_failures(&mut verdicts, draft);
    verdicts
}

/// Tables of events that nobody emits, and of entities that nothing is about.
fn judge_tables(verdicts: &mut Vec<Verdict>, draft: &Draft, names: &Names) {
    let mut judge = |name: &super::reader::Ref, noun: &str, used: bool| {
        verdicts.push(verdict("W102", name.span, used, |d| {
            let message = format!("[{noun}.{}] has no effect", name.text);
            say(d, message, "remove it")
        }));
    };
    for event in &draft.events {
        judge(&event.name, "event", names.event_id(&event.name.text).is_some());
    }
    let written: BTreeSet<&str> = draft
        .services
        .iter()
        .flat_map(|service| &service.handlers)
        .flat_map(|handler| &handler.steps)
        .filter_map(|step| match step {
            StepDraft::Write(entity) => Some(entity.text.as_str()),
            _ => None,
        })
        .chain(draft.events.iter().filter_map(|event| Some(event.key.as_ref()?.text.as_str())))
        .collect();
    let turns = |name: &str| {
        let rates = draft.services.iter().flat_map(|s| &s.sources).filter_map(|s| s.rate.as_ref());
        rates.filter_map(|rate| rate.value.individuals()).any(|each| &*each.of == name)
    };
    for entity in &draft.entities {
        let name = entity.name.text.as_str();
        judge(&entity.name, "entity", written.contains(name) || turns(name));
    }
}

fn judge_service(
    verdicts: &mut Vec<Verdict>,
    service: &ServiceDraft,
    failures: &[FailureDraft],
    names: &Names,
    called: &BTreeSet<&str>,
    old: &BTreeSet<u32>,
) {
    let name = &service.name;
    let busy = !service.sources.is_empty() || !service.handlers.is_empty();
    verdicts.push(verdict("W104", name.span, busy, |d| {
        let message = format!("service `{}` does nothing", name.text);
        say(d, message, "give it `on`, `api` or `emits`, or remove it")
    }));
    for handler in service.handlers.iter().filter(|h| h.is_api) {
        let operation = format!("{}.{}", name.text, handler.name.text);
        let used = called.contains(operation.as_str());
        verdicts.push(verdict("W103", handler.name.span, used, |d| {
            let message = format!("nobody calls `{operation}`");
            say(d, message, "let a client or a handler call it, or remove it")
        }));
    }
    let step =
        |test: fn(&StepDraft) -> bool| service.handlers.iter().flat_map(|h| &h.steps).any(test);
    let writes = step(|s| matches!(s, StepDraft::Write(_)));
    let balanced = service.instances > 1 && service.handlers.iter().any(|h| h.is_api);
    let on = || service.handlers.iter().filter(|h| !h.is_api);
    let dedup = service.memory.dedup != Dedup::None;
    judge_keys(verdicts, &service.idle, |needs| match needs {
        Needs::Writes => writes,
        Needs::SeveralInstancesAndApi => balanced,
        Needs::Dedup => dedup,
        Needs::Store => writes || dedup,
        Needs::Handlers => !service.handlers.is_empty(),
        Needs::On => on().next().is_some(),
        Needs::Buffer => service.memory.order == OrderGuard::Buffer,
        Needs::Emitting => service.handlers.iter().any(|h| emissions(h).next().is_some()),
        Needs::Log => on().any(|h| names.listens_to(h) == Place::Log),
        Needs::Codel => false,
        Needs::FewerCores => {
            let fewer = service.cores.is_none_or(|cores| cores < service.workers);
            fewer && !service.handlers.is_empty()
        }
        _ => true,
    });
    for source in &service.sources {
        judge_keys(verdicts, &source.idle, |needs| needs == Needs::Emitting);
    }
    for handler in &service.handlers {
        let heard = names.subscribed(handler).unwrap_or_default();
        let keeps = names.listens_to(handler) != Place::FanOut;
        let given = keeps && heard.iter().any(|event| old.contains(&event.0));
        let struck = failures.iter().filter(|f| !f.off).any(|failure| {
            let changed = names.event_id(&failure.owner.text);
            let changed = changed.is_some_and(|event| heard.contains(&event));
            makes_fail(failure, name, handler, changed)
        });
        judge_handler(verdicts, handler, names.listens_to(handler), (given, struck));
    }
}

/// Whether a failure can make a handler of a service fail. `heard`: whether that hears the event
/// that the failure names, if it does.
fn makes_fail(failure: &FailureDraft, service: &Ref, handler: &HandlerDraft, heard: bool) -> bool {
    let is = |name: &Ref, other: &Ref| name.text == other.text;
    match failure.verb {
        Verb::Poison { .. } => {
            let all = failure.names.is_empty() && !handler.is_api;
            let it = failure.names.iter().any(|event| is(event, &handler.name));
            is(&failure.owner, service) && (all || it)
        }
        Verb::Schema => heard && failure.names.iter().any(|at| is(at, service)),
        _ => false,
    }
}

/// `given`: whether there are events from before the run that it may ask for; `struck`: whether a
/// failure makes it fail.
fn judge_handler(
    verdicts: &mut Vec<Verdict>,
    handler: &HandlerDraft,
    via: Place,
    (given, struck): (bool, bool),
) {
    let calls = handler.steps.iter().any(|s| matches!(s, StepDraft::Call(_)));
    // A handler that calls can fail through them.
    let fails = handler.fails.get() > 0.0 || handler.consume.poison.get() > 0.0 || calls || struck;
    judge_keys(verdicts, &handler.idle, |needs| match needs {
        Needs::Calls => calls,
        Needs::Failing => fails,
        Needs::Attempts | Needs::Outbox | Needs::PolledOutbox => false,
        Needs::Emitting => emissions(handler).next().is_some(),
        Needs::Log => via == Place::Log,
        Needs::History => given,
        Needs::Acknowledging => !matches!(via, Place::Ideal | Place::FanOut),
        Needs::Queue => matches!(via, Place::Push | Place::Pull),
        _ => true,
    });
}

fn judge_keys(verdicts: &mut Vec<Verdict>, keys: &[IdleKey], fine: impl Fn(Needs) -> bool) {
    for IdleKey { key, needs } in keys {
        verdicts.push(verdict("W106", key.span, fine(*needs), |d| {
            let without = match needs {
                Needs::Writes => "a handler that writes",
                Needs::SeveralInstancesAndApi => "several instances and an `api`",
                Needs::Calls => "calls",
                Needs::Attempts => "`attempts` above 1",
                Needs::Failing => "`fails`, `poison` or calls",
                Needs::Dedup => "`dedup`",
                Needs::FewerCores => "more workers than `cores`, and `on` or `api`",
                Needs::Store => "writes or `dedup`",
                Needs::Handlers => "`on` or `api`",
                Needs::On => "`on`",
                Needs::Buffer => "`order = \"buffer\"`",
                Needs::Emitting => "`emits`",
                Needs::Log => "a log that it hears",
                Needs::History => "`history` of what it hears, at a broker that keeps it",
                Needs::Backfill => "`from = \"earliest\"` where it is heard and kept",
                Needs::Acknowledging => "a broker that keeps messages",
                Needs::Queue => "a queue that it hears",
                Needs::Outbox => "`publish = \"outbox\"`",
                Needs::PolledOutbox => "an outbox that is polled",
                Needs::Quorum => "`quorum`",
                Needs::MaxLength => "`max_length`",
                Needs::ShortPolls => "`long_poll = \"none\"`",
                Needs::Visibility => "`visibility`",
                Needs::Transform => "a handler that hears this broker and emits to it",
                Needs::Codel => "`policy = \"codel\"`",
            };
            let message = format!("`{}` has no effect without {without}", key.text);
            say(d, message, "remove it, or add what it needs")
        }));
    }
}

fn judge_failures(verdicts: &mut Vec<Verdict>, draft: &Draft) {
    let plan: PhasePlan = draft.phases;
    for failure in draft.failures.iter().filter(|f| !f.off) {
        let when = failure.when;
        let first = match &failure.trigger {
            TriggerDraft::Known(FailureTrigger::At(at)) => *at,
            TriggerDraft::Known(FailureTrigger::Every(every)) => {
                crate::units::SimTime::ZERO + *every
            }
            // Nobody knows when.
            _ => continue,
        };
        verdicts.push(verdict("W105", when, first < plan.traffic_end(), |d| {
            let message = format!(
                "`{}` strikes at {first}, when the traffic is over (at {})",
                failure.name,
                plan.traffic_end()
            );
            say(d, message, "let it strike earlier, or make `duration` longer")
        }));
    }
}

/// The warnings that hold wherever their place was judged.
pub(super) fn unanimous(judged: Vec<Verdict>) -> Vec<Diagnostic> {
    let key = |v: &Verdict| (v.code, v.span.file, v.span.start, v.span.end);
    let fine: BTreeSet<_> = judged.iter().filter(|v| v.warning.is_none()).map(key).collect();
    judged.into_iter().filter(|v| !fine.contains(&key(v))).filter_map(|v| v.warning).collect()
}
