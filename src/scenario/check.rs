//! What can be simulated but hardly says what was meant: parts without effect, failures that never
//! strike.
//!
//! A part that one variant leaves unused may be used in another, so each verdict is kept with its
//! place and only those that hold in every variant are told.

use std::collections::BTreeSet;

use super::draft::{Draft, HandlerDraft, IdleKey, Needs, ServiceDraft, StepDraft};
use super::names::Names;
use super::{Diagnostic, Span};
use crate::model::{FailureTrigger, PhasePlan};

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
    let heard: BTreeSet<&str> =
        handlers().filter(|h| !h.is_api).map(|h| h.name.text.as_str()).collect();
    for event in &names.events {
        verdicts.push(verdict("W101", event.span, heard.contains(event.text.as_str()), |d| {
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
    for service in &draft.services {
        judge_service(&mut verdicts, service, &called);
    }
    for client in &draft.clients {
        judge_keys(&mut verdicts, &client.idle, |needs| needs != Needs::Attempts);
    }
    for (tables, noun) in [(&draft.events, "event"), (&draft.entities, "entity")] {
        for name in tables {
            verdicts.push(verdict("W102", name.span, false, |d| {
                let message = format!("[{noun}.{}] has no effect", name.text);
                say(d, message, "remove it")
            }));
        }
    }
    judge_failures(&mut verdicts, draft);
    verdicts
}

fn judge_service(verdicts: &mut Vec<Verdict>, service: &ServiceDraft, called: &BTreeSet<&str>) {
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
    judge_keys(verdicts, &service.idle, |needs| match needs {
        Needs::Writes => writes,
        Needs::SeveralInstancesAndApi => balanced,
        _ => true,
    });
    for handler in &service.handlers {
        judge_handler(verdicts, handler);
    }
}

fn judge_handler(verdicts: &mut Vec<Verdict>, handler: &HandlerDraft) {
    let calls = handler.steps.iter().any(|s| matches!(s, StepDraft::Call(_)));
    // A handler that calls can fail through them.
    let fails = handler.fails.get() > 0.0 || calls;
    judge_keys(verdicts, &handler.idle, |needs| match needs {
        Needs::Calls => calls,
        Needs::Failing => fails,
        Needs::Attempts => false,
        Needs::Writes | Needs::SeveralInstancesAndApi => true,
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
                Needs::Failing => "`fails` or calls",
            };
            let message = format!("`{}` has no effect without {without}", key.text);
            say(d, message, "remove it, or add what it needs")
        }));
    }
}

fn judge_failures(verdicts: &mut Vec<Verdict>, draft: &Draft) {
    let plan: PhasePlan = draft.phases;
    for failure in draft.failures.iter().filter(|f| !f.off) {
        let (first, when) = match failure.trigger {
            FailureTrigger::At(at) => (at, failure.when),
            FailureTrigger::Every(every) => (crate::units::SimTime::ZERO + every, failure.when),
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
