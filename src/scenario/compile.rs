//! A draft becomes a blueprint: the last place with names.

use super::draft::{
    BrokerDraft, ClientDraft, Draft, EmissionDraft, EmitDraft, GuardDraft, HandlerDraft, LoadDraft,
    PublishDraft, ServiceDraft, SourceDraft, StepDraft,
};
use super::names::Names;
use super::reader::Ref;
use super::{Diagnostic, Sources, Span};
use crate::model::{
    Blueprint, Broker, BrokerId, Client, Emission, Emit, Entity, EntityId, EventType, EventTypeId,
    Guards, Handler, Load, Operation, Publish, Service, ServiceId, Source, Step, Trigger, Zone,
    ZoneId,
};
use crate::random::Rate;

/// Looks up every name of a draft but for its failures. What is not found is noted in `found`, and
/// the blueprint is then of no use.
pub(super) fn blueprint(
    draft: &Draft,
    names: &Names,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Blueprint {
    let mut compiler = Compiler { draft, names, sources, found, events: Vec::new() };
    compiler.events = compiler.event_types();
    let services: Vec<Service> = draft.services.iter().map(|s| compiler.service(s)).collect();
    let mut zones: Vec<Zone> = draft.zones.iter().map(|z| z.zone.clone()).collect();
    if zones.is_empty() {
        zones.push(Zone { name: "a".into(), region: String::new() });
    }
    let brokers: Vec<Broker> = draft.brokers.iter().map(|b| compiler.broker(b)).collect();
    let clients = draft.clients.iter().filter_map(|c| compiler.client(c)).collect();
    Blueprint {
        phases: draft.phases,
        max_events: draft.max_events,
        zones,
        network: draft.network.clone(),
        entities: names.entities.iter().map(|name| entity(draft, name)).collect(),
        events: compiler.events,
        brokers,
        clients,
        failures: Vec::new(),
        sets: Vec::new(),
        services,
    }
}

fn entity(draft: &Draft, name: &str) -> Entity {
    let declared = draft.entities.iter().find(|entity| entity.name.text == name);
    Entity { name: name.to_owned(), population: declared.map(|entity| entity.population.clone()) }
}

pub(super) struct Compiler<'a> {
    pub(super) draft: &'a Draft<'a>,
    pub(super) names: &'a Names,
    pub(super) sources: &'a Sources,
    pub(super) found: &'a mut Vec<Diagnostic>,
    /// Known before any handler, whose filters ask for attributes.
    pub(super) events: Vec<EventType>,
}

impl Compiler<'_> {
    /// What was found; a diagnostic is noted.
    pub(super) fn keep<T>(&mut self, found: Result<T, Box<Diagnostic>>) -> Option<T> {
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
            autoscale: draft.autoscale.clone(),
            workers: draft.workers,
            cores: draft.cores,
            zone: self.zone(draft.zone.as_ref()),
            start: draft.start,
            balance: draft.balance,
            write: draft.write.clone(),
            read: draft.read.clone(),
            connections: draft.connections,
            memory: draft.memory,
            static_id: draft.static_id,
            backlog: draft.backlog,
            patience: draft.patience.clone(),
            sources: draft.sources.iter().filter_map(|source| self.source(source)).collect(),
            handlers: self.handlers(draft),
        }
    }

    fn source(&mut self, draft: &SourceDraft) -> Option<Source> {
        let event = self.emitted(&draft.event);
        let publish = self.publish(&draft.publish);
        let mut rate = draft.rate.as_ref()?.value.clone();
        self.population(&mut rate, event, &draft.event);
        let (burst, late) = (draft.burst.clone(), draft.late.clone());
        Some(Source { event, rate, burst, late, publish })
    }

    /// Fills in how many individuals take turns, and makes them the key of their events.
    fn population(&mut self, rate: &mut Rate, event: EventTypeId, source: &Ref) {
        let Some(each) = rate.individuals_mut() else { return };
        let of = Ref { text: each.of.to_string(), span: source.span };
        let found = self.names.entity_named(&of);
        let Some(id) = self.keep(found) else { return };
        let declared = self.draft.entities.iter().find(|entity| entity.name.text == of.text);
        if let Some(entity) = declared {
            each.count = entity.population.count as u32;
        } else {
            let message = format!("how many `{}` are there?", of.text);
            let help = format!("declare it: [entity.{}] count = 10_000", of.text);
            self.found.push(Diagnostic::error("E130", source.span, message).help(help));
        }
        let Some(event) = self.events.get_mut(event.0 as usize) else { return };
        if event.key.is_some_and(|key| key.0 != id) {
            let message = format!("`{}` has another key than `{}`", source.text, of.text);
            let help = format!("[event.{}] key = \"{}\"", source.text, of.text);
            self.found.push(Diagnostic::error("E133", source.span, message).help(help));
        }
        event.key = Some(EntityId(id));
    }

    fn event_types(&mut self) -> Vec<EventType> {
        let names = self.names;
        names.events.iter().map(|name| self.event_type(name)).collect()
    }

    fn event_type(&mut self, name: &Ref) -> EventType {
        let mut event = EventType::new(&name.text);
        let Some(declared) = self.draft.events.iter().find(|e| e.name.text == name.text) else {
            return event;
        };
        if let Some(key) = &declared.key {
            let found = self.names.entity_named(key);
            event.key = self.keep(found).map(EntityId);
        }
        event.size = declared.size;
        event.attributes.clone_from(&declared.attributes);
        event.history = declared.history;
        event.priority = declared.priority;
        event
    }

    fn broker(&self, draft: &BrokerDraft) -> Broker {
        let alternate = draft.alternate.as_ref().map(|event| self.emitted(event));
        Broker { alternate, ..draft.broker.clone() }
    }

    fn publish(&mut self, draft: &PublishDraft) -> Publish {
        let found = self.names.broker(draft.to.as_ref());
        Publish { to: self.keep(found).unwrap_or(BrokerId(0)), mode: draft.mode }
    }

    fn handlers(&mut self, draft: &ServiceDraft) -> Vec<Handler> {
        let handlers: Vec<Handler> = draft.handlers.iter().map(|h| self.handler(h)).collect();
        let mut heard: Vec<(EventTypeId, &Ref)> = Vec::new();
        for (handler, draft) in handlers.iter().zip(&draft.handlers) {
            let Trigger::On(events) = &handler.trigger else { continue };
            for event in events {
                match heard.iter().find(|(other, _)| other == event) {
                    // A name that is not found stands for the first event.
                    Some((_, first)) if self.names.subscribed(draft).is_ok() => {
                        let name = &self.names.events[event.0 as usize].text;
                        let message = format!("`{name}` is heard twice by one service");
                        let diagnostic = Diagnostic::error("E135", draft.name.span, message)
                            .related(first.span, "heard here, too")
                            .help("let each event match one `on` of a service");
                        self.found.push(diagnostic);
                    }
                    _ => heard.push((*event, &draft.name)),
                }
            }
        }
        handlers
    }

    /// An emitted event exists by being emitted.
    fn emitted(&self, event: &Ref) -> EventTypeId {
        self.names.event_id(&event.text).unwrap_or(EventTypeId(0))
    }

    fn handler(&mut self, draft: &HandlerDraft) -> Handler {
        let trigger = if draft.is_api {
            Trigger::Api(draft.name.text.clone())
        } else {
            let heard = self.names.subscribed(draft);
            Trigger::On(self.keep(heard).unwrap_or_else(|| vec![EventTypeId(0)]))
        };
        let consume = self.consume(draft, &trigger);
        let steps: Vec<Step> = draft.steps.iter().map(|step| self.step(step)).collect();
        let called = steps.iter().filter_map(|step| match step {
            Step::Call(all) => Some(all.as_slice()),
            _ => None,
        });
        let guards = self.guards(&draft.guards, &called.collect::<Vec<_>>().concat());
        Handler {
            trigger,
            steps,
            fails: draft.fails,
            attempts: draft.attempts,
            backoff: draft.backoff.clone(),
            timeout: draft.timeout,
            retry: draft.retry.clone(),
            guards,
            blocking: draft.blocking,
            limit: draft.guards.own,
            publish: self.publish(&draft.publish),
            consume,
        }
    }

    /// What guards calls, with the limits of those of the operations `called` that have one.
    fn guards(&mut self, draft: &GuardDraft, called: &[Operation]) -> Guards {
        let mut guards = draft.guards.clone();
        for (of, limit) in &draft.limits {
            let Some(operation) = self.operation(of) else { continue };
            if !called.contains(&operation) {
                let message = format!("`{}` has a limit here but is not called", of.text);
                let help = "limit an operation of `calls`, or remove it";
                self.found.push(Diagnostic::error("E109", of.span, message).help(help));
            }
            guards.limits.push((operation, *limit));
        }
        guards
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
        let calls = calls.unwrap_or(nowhere);
        let guards = self.guards(&draft.guards, &[calls]);
        Some(Client {
            name: draft.name.text.clone(),
            calls,
            load: match draft.load.as_ref()? {
                LoadDraft::Open(rate) => Load::Open(rate.value.clone()),
                LoadDraft::Closed { users, think } => {
                    Load::Closed { users: *users, think: think.clone() }
                }
            },
            timeout: draft.timeout,
            retry: draft.retry.clone(),
            guards,
            zone: self.zone(draft.zone.as_ref()).unwrap_or(ZoneId(0)),
            slo: draft.slo,
        })
    }
}
