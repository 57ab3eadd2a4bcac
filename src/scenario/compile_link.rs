//! Links of failures: which components their ends are, and whether anything travels between them.

use super::draft::{EndDraft, EndPart, FailureDraft, LinkDraft};
use super::names::Names;
use super::{Diagnostic, Span};
use crate::model::{
    Broker, BrokerId, Client, End, EngineSpec, Link, Service, ServiceId, Step, Target, Trigger,
};

/// What a link may lead to.
pub(super) struct Around<'a> {
    pub(super) names: &'a Names,
    pub(super) services: &'a [Service],
    pub(super) brokers: &'a [Broker],
    pub(super) clients: &'a [Client],
}

type Found<T> = Result<T, Box<Diagnostic>>;

impl Around<'_> {
    /// The link that a draft states.
    pub(super) fn link(&self, draft: &FailureDraft, link: &LinkDraft) -> Found<Target> {
        let from = self.end(draft, &link.from)?;
        let to = self.end(draft, &link.to)?;
        if !self.travels(from, to) && !self.travels(to, from) {
            let (a, b) = (&link.from.name, &link.to.name);
            let message = format!("nothing travels between `{}` and `{}`", a.text, b.text);
            let diagnostic = Diagnostic::error("E136", draft.verb_at, message);
            let help = "links lead to whom one calls, and to the broker of one's events: \
                        \"web->shop\", \"shop->bus\", \"bus->email\"";
            return Err(Box::new(diagnostic.related(a.span, "the link").help(help)));
        }
        let effect = link.effect.clone();
        Ok(Target::Link(Box::new(Link { from, to, effect })))
    }

    fn end(&self, draft: &FailureDraft, end: &EndDraft) -> Found<End> {
        let name = &end.name;
        Ok(match end.part {
            EndPart::Zone => End::Zone(self.names.zone(name)?),
            EndPart::Instance(nth, span) => {
                let id = self.names.service(name)?;
                let n = self.services.get(id.0 as usize).map_or(u32::MAX, |s| s.instances);
                let noun = format!("service `{}` has no instance {nth}", name.text);
                within(nth, n, span, noun, "instance")?;
                End::Instance(id, nth as u32)
            }
            EndPart::Node(nth, span) => {
                let id = self.real(draft, end, self.names.broker(Some(name))?)?;
                let n = self.brokers.get(id.0 as usize).map_or(u32::MAX, |b| b.nodes);
                let noun = format!("broker `{}` has no node {nth}", name.text);
                within(nth, n, span, noun, "node")?;
                End::Node(id, nth as u32)
            }
            EndPart::Whole => match self.names.end(name)? {
                End::Broker(id) => End::Broker(self.real(draft, end, id)?),
                other => other,
            },
        })
    }

    /// The broker of that name, if it is not the ideal bus.
    fn real(&self, draft: &FailureDraft, end: &EndDraft, id: BrokerId) -> Found<BrokerId> {
        not_ideal(draft, end.name.span, self.brokers.get(id.0 as usize)).map(|()| id)
    }

    /// Whether one end calls the other, or uses it as its broker.
    fn travels(&self, from: End, to: End) -> bool {
        let service = |id: ServiceId| self.services.get(id.0 as usize);
        match (from, to) {
            (End::Zone(_), _) | (_, End::Zone(_)) => true,
            (End::Broker(a) | End::Node(a, _), End::Broker(b) | End::Node(b, _)) => {
                a == b && self.brokers.get(a.0 as usize).is_none_or(|broker| broker.nodes > 1)
            }
            (End::Service(a) | End::Instance(a, _), End::Service(b) | End::Instance(b, _)) => {
                service(a).is_none_or(|s| calls(s, b))
            }
            (End::Client(a), End::Service(b) | End::Instance(b, _)) => {
                self.clients.get(a.0 as usize).is_none_or(|client| client.calls.service == b)
            }
            (End::Service(a) | End::Instance(a, _), End::Broker(b) | End::Node(b, _)) => {
                service(a).is_none_or(|s| uses(s, b))
            }
            _ => false,
        }
    }
}

/// Notes that the ideal bus never fails.
pub(super) fn not_ideal(draft: &FailureDraft, at: Span, broker: Option<&Broker>) -> Found<()> {
    if broker.is_some_and(|broker| matches!(broker.engine, EngineSpec::Ideal)) {
        let message = "the ideal bus never fails, and neither do the ways to it";
        let diagnostic = Diagnostic::error("E136", draft.verb_at, message);
        let help = "name a product: preset = \"kafka\"";
        return Err(Box::new(diagnostic.related(at, "the ideal bus").help(help)));
    }
    Ok(())
}

fn within(nth: u64, n: u32, span: Span, message: String, noun: &str) -> Found<()> {
    if nth < u64::from(n) {
        return Ok(());
    }
    let help = match n {
        1 => format!("it has one {noun}, number 0"),
        n => format!("it has {n} {noun}s, from 0 to {}", n - 1),
    };
    Err(Box::new(Diagnostic::error("E124", span, message).help(help)))
}

fn calls(service: &Service, other: ServiceId) -> bool {
    service.handlers.iter().flat_map(|h| &h.steps).any(|step| match step {
        Step::Call(all) => all.iter().any(|operation| operation.service == other),
        _ => false,
    })
}

fn uses(service: &Service, broker: BrokerId) -> bool {
    let emits = |step: &Step| matches!(step, Step::Emit(_));
    service.sources.iter().any(|source| source.publish.to == broker)
        || service.handlers.iter().any(|handler| {
            let hears = matches!(handler.trigger, Trigger::On(_));
            hears && handler.consume.via == broker
                || handler.publish.to == broker && handler.steps.iter().any(emits)
        })
}
