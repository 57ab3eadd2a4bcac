//! A draft becomes a blueprint: the last place with names.

use super::draft::{
    ClientDraft, Draft, EmissionDraft, EmitDraft, FailureDraft, HandlerDraft, LoadDraft, Part,
    ServiceDraft, StepDraft,
};
use super::names::Names;
use super::reader::Ref;
use super::{Diagnostic, Sources, Span};
use crate::model::{
    Backlog, Blueprint, Broker, BrokerId, Client, Consume, Emission, Emit, Entity, EntityId,
    EventType, EventTypeId, Failure, Handler, Load, Memory, Operation, Publish, Service, ServiceId,
    Source, Step, Target, Trigger, Zone, ZoneId,
};

/// Looks up every name of a draft. What is not found is noted in `found`, and the blueprint is then
/// of no use.
pub(super) fn blueprint(
    draft: &Draft,
    names: &Names,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Blueprint {
    let mut compiler = Compiler { names, sources, found };
    let services: Vec<Service> = draft.services.iter().map(|s| compiler.service(s)).collect();
    let mut zones: Vec<Zone> = draft.zones.iter().map(|z| z.zone.clone()).collect();
    if zones.is_empty() {
        zones.push(Zone { name: "a".into(), region: String::new() });
    }
    let name = draft.bus.name.as_ref().map_or("bus", |name| &name.text).to_owned();
    Blueprint {
        phases: draft.phases,
        max_events: draft.max_events,
        zones,
        network: draft.network.clone(),
        entities: names.entities.iter().map(|name| Entity::new(name)).collect(),
        events: names.events.iter().map(|e| EventType::new(&e.text)).collect(),
        brokers: vec![Broker::ideal(&name, draft.bus.deliver.clone())],
        clients: draft.clients.iter().filter_map(|c| compiler.client(c)).collect(),
        failures: draft.failures.iter().filter_map(|f| compiler.failure(f, &services)).collect(),
        services,
    }
}

struct Compiler<'a> {
    names: &'a Names,
    sources: &'a Sources,
    found: &'a mut Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn keep<T>(&mut self, found: Result<T, Box<Diagnostic>>) -> Option<T> {
        found.map_err(|diagnostic| self.found.push(*diagnostic)).ok()
    }

    fn zone(&mut self, name: Option<&Ref>) -> Option<ZoneId> {
        let found = self.names.zone(name?);
        self.keep(found)
    }

    fn operation(&mut self, call: &Ref) -> Option<Operation> {
        let sources = self.sources;
        let raw = &sources.text(call.span.file)[call.span.start as usize..call.span.end as usize];
        let whole = raw == call.text;
        let part = |at: std::ops::Range<usize>| {
            if !whole {
                return sources.inside(call.span, &at);
            }
            let start = call.span.start;
            Span {
                file: call.span.file,
                start: start + at.start as u32,
                end: start + at.end as u32,
            }
        };
        let found = self.names.operation(call, part);
        self.keep(found)
    }

    fn service(&mut self, draft: &ServiceDraft) -> Service {
        Service {
            name: draft.name.text.clone(),
            instances: draft.instances,
            workers: draft.workers,
            zone: self.zone(draft.zone.as_ref()),
            start: draft.start,
            balance: draft.balance,
            write: draft.write.clone(),
            read: draft.write.clone(),
            connections: None,
            memory: Memory::NONE,
            static_id: false,
            backlog: Backlog::default(),
            sources: draft
                .sources
                .iter()
                .filter_map(|source| {
                    Some(Source {
                        event: self.emitted(&source.event),
                        rate: source.rate.as_ref()?.value.clone(),
                        burst: source.burst.clone(),
                        late: None,
                        publish: Publish::plain(BrokerId(0)),
                    })
                })
                .collect(),
            handlers: draft.handlers.iter().map(|h| self.handler(h)).collect(),
        }
    }

    /// An emitted event exists by being emitted.
    fn emitted(&self, event: &Ref) -> EventTypeId {
        self.names.event_id(&event.text).unwrap_or(EventTypeId(0))
    }

    fn handler(&mut self, draft: &HandlerDraft) -> Handler {
        let trigger = if draft.is_api {
            Trigger::Api(draft.name.text.clone())
        } else {
            let heard = self.names.heard(&draft.name);
            Trigger::On(vec![self.keep(heard).unwrap_or(EventTypeId(0))])
        };
        Handler {
            trigger,
            steps: draft.steps.iter().map(|step| self.step(step)).collect(),
            fails: draft.fails,
            attempts: draft.attempts,
            backoff: draft.backoff.clone(),
            timeout: draft.timeout,
            retry: draft.retry.clone(),
            publish: Publish::plain(BrokerId(0)),
            consume: Consume::plain(BrokerId(0)),
        }
    }

    fn step(&mut self, draft: &StepDraft) -> Step {
        match draft {
            StepDraft::Work(takes) => Step::Work(takes.clone()),
            StepDraft::Call(calls) => {
                Step::Call(calls.iter().filter_map(|call| self.operation(call)).collect())
            }
            StepDraft::Write(entity) => Step::Write(EntityId(self.names.entity_id(entity))),
            StepDraft::Emit(EmitDraft::All(all)) => {
                Step::Emit(Emit::All(all.iter().map(|e| self.emission(e)).collect()))
            }
            StepDraft::Emit(EmitDraft::OneOf(one_of)) => Step::Emit(Emit::OneOf(
                one_of.iter().map(|(share, e)| (*share, self.emission(e))).collect(),
            )),
        }
    }

    fn emission(&self, draft: &EmissionDraft) -> Emission {
        Emission { event: self.emitted(&draft.event), count: draft.count }
    }

    fn client(&mut self, draft: &ClientDraft) -> Option<Client> {
        let nowhere = Operation { service: ServiceId(0), handler: 0 };
        let calls = draft.calls.as_ref().and_then(|calls| self.operation(calls));
        Some(Client {
            name: draft.name.text.clone(),
            calls: calls.unwrap_or(nowhere),
            load: match draft.load.as_ref()? {
                LoadDraft::Open(rate) => Load::Open(rate.value.clone()),
                LoadDraft::Closed { users, think } => {
                    Load::Closed { users: *users, think: think.clone() }
                }
            },
            timeout: draft.timeout,
            retry: draft.retry.clone(),
            zone: self.zone(draft.zone.as_ref()).unwrap_or(ZoneId(0)),
        })
    }

    fn failure(&mut self, draft: &FailureDraft, services: &[Service]) -> Option<Failure> {
        let found = self.names.service(&draft.service);
        let service = self.keep(found)?;
        let Service { instances: n, name, .. } = services.get(service.0 as usize)?;
        let instances = match draft.part {
            Part::All => (0..*n).collect(),
            Part::Instance(i, _) if i < u64::from(*n) => vec![i as u32],
            Part::Instance(i, span) => {
                let message = format!("service `{name}` has no instance {i}");
                let help = match n {
                    1 => "it has one instance, number 0".to_owned(),
                    n => format!("it has {n} instances, from 0 to {}", n - 1),
                };
                self.found.push(Diagnostic::error("E124", span, message).help(help));
                return None;
            }
            Part::Share(share) => {
                // 7 % of 100 is 7, though 0.07 * 100 is a little more.
                let struck = (share.get() * f64::from(*n) - 1e-9).ceil().max(1.0);
                (0..struck as u32).collect()
            }
        };
        (!draft.off).then(|| Failure {
            name: draft.name.clone(),
            verb: draft.verb,
            target: Target::Instances { service, instances },
            trigger: draft.trigger,
            lasts: draft.lasts,
        })
    }
}
