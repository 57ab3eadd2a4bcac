//! Who is called what: the one namespace of a scenario, and the look-up of names in it.
//!
//! A name that is not found becomes a diagnostic that points at the nearest one.

use std::collections::BTreeMap;

use super::draft::{Draft, EmissionDraft, EmitDraft, HandlerDraft, StepDraft};
use super::keys::Place;
use super::near::nearest;
use super::pattern::{Wildcards, is_pattern};
use super::reader::Ref;
use super::{Diagnostic, Span};
use crate::model::{BrokerId, ClientId, End, EventTypeId, Operation, ServiceId, ZoneId};

/// Names that mean something in metric paths and bounds.
const RESERVED: [&str; 3] = ["ledger", "cost", "base"];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service(u32),
    Client(u32),
    Broker(u32),
    Event(u32),
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Service(_) => "a service",
            Self::Client(_) => "a client",
            Self::Broker(_) => "a broker",
            Self::Event(_) => "an event",
        }
    }
}

/// Something that can be looked up, and where it got its name.
#[derive(Clone, Copy, Debug)]
struct Named {
    kind: Kind,
    span: Span,
}

/// All names of one variant.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: BTreeMap<String, Named>,
    /// Operations by service and name: index of the handler.
    operations: BTreeMap<(u32, String), (u32, Span)>,
    zones: Vec<(String, String)>,
    /// Event types in the order of their first emission, then those that come from elsewhere.
    pub(super) events: Vec<Ref>,
    /// Entities in the order of their first write, then those that are only declared.
    pub(super) entities: Vec<String>,
    entity_ids: BTreeMap<String, u32>,
    /// Kind of table and preset of each broker.
    brokers: Vec<(Place, String)>,
}

/// Events of a handler.
pub(super) fn emissions(handler: &HandlerDraft) -> impl Iterator<Item = &EmissionDraft> {
    handler.steps.iter().flat_map(|step| {
        let (all, one_of) = match step {
            StepDraft::Emit(EmitDraft::All(all)) => (all.as_slice(), [].as_slice()),
            StepDraft::Emit(EmitDraft::OneOf(one_of)) => ([].as_slice(), one_of.as_slice()),
            _ => ([].as_slice(), [].as_slice()),
        };
        all.iter().chain(one_of.iter().map(|(_, emission)| emission))
    })
}

impl Names {
    /// Gathers the names of a draft.
    pub(super) fn of(draft: &Draft, found: &mut Vec<Diagnostic>) -> Self {
        let mut names = Self::default();
        for (i, service) in draft.services.iter().enumerate() {
            names.declare(&service.name, Kind::Service(i as u32), found);
            for (k, handler) in service.handlers.iter().enumerate().filter(|(_, h)| h.is_api) {
                check_spelling(&handler.name, "an operation", false, found);
                let key = (i as u32, handler.name.text.clone());
                names.operations.insert(key, (k as u32, handler.name.span));
            }
        }
        for (i, client) in draft.clients.iter().enumerate() {
            names.declare(&client.name, Kind::Client(i as u32), found);
        }
        for (i, broker) in draft.brokers.iter().enumerate() {
            if let Some(name) = &broker.name {
                names.declare(name, Kind::Broker(i as u32), found);
            }
            names.brokers.push((broker.engine, broker.broker.preset.clone()));
        }
        for service in &draft.services {
            let own = service.sources.iter().map(|source| &source.event);
            let derived = service.handlers.iter().flat_map(emissions).map(|e| &e.event);
            for event in own.chain(derived) {
                names.event(event, found);
            }
            for step in service.handlers.iter().flat_map(|h| &h.steps) {
                if let StepDraft::Write(entity) = step {
                    names.entity(entity, found);
                }
            }
        }
        for event in draft.brokers.iter().filter_map(|broker| broker.alternate.as_ref()) {
            names.event(event, found);
        }
        for event in draft.events.iter().filter(|event| event.external) {
            names.event(&event.name, found);
        }
        for entity in &draft.entities {
            names.entity(&entity.name, found);
        }
        let written = |z: &super::draft::ZoneDraft| (z.written.text.clone(), z.zone.name.clone());
        names.zones = draft.zones.iter().map(written).collect();
        names
    }

    fn declare(&mut self, name: &Ref, kind: Kind, found: &mut Vec<Diagnostic>) {
        let dots = matches!(kind, Kind::Event(_));
        check_spelling(name, kind.noun(), dots, found);
        let taken = self.all.insert(name.text.clone(), Named { kind, span: name.span });
        if let Some(other) = taken {
            let message = format!("`{}` is {} and {}", name.text, other.kind.noun(), kind.noun());
            let diagnostic = Diagnostic::error("E113", name.span, message)
                .related(other.span, format!("{} of the same name", other.kind.noun()))
                .help("services, clients, brokers and events share one namespace: rename one");
            found.push(diagnostic);
            // The first meaning stays, so that other mistakes are judged by it.
            self.all.insert(name.text.clone(), other);
        }
    }

    fn event(&mut self, event: &Ref, found: &mut Vec<Diagnostic>) {
        if let Some(Named { kind: Kind::Event(_), .. }) = self.all.get(&event.text) {
            return;
        }
        self.declare(event, Kind::Event(self.events.len() as u32), found);
        self.events.push(event.clone());
    }

    fn entity(&mut self, entity: &Ref, found: &mut Vec<Diagnostic>) {
        if self.entity_ids.contains_key(&entity.text) {
            return;
        }
        check_spelling(entity, "an entity", false, found);
        self.entity_ids.insert(entity.text.clone(), self.entities.len() as u32);
        self.entities.push(entity.text.clone());
    }

    /// Index of an entity, or a diagnostic.
    pub(super) fn entity_named(&self, entity: &Ref) -> Result<u32, Box<Diagnostic>> {
        if let Some(id) = self.entity_ids.get(&entity.text) {
            return Ok(*id);
        }
        let message = format!("there is no entity `{}`", entity.text);
        let help = match nearest(&entity.text, self.entities.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: [entity.{}] count = 10_000", quoted(&entity.text)),
        };
        Err(Box::new(Diagnostic::error("E130", entity.span, message).help(help)))
    }

    /// Index of an entity that a handler writes.
    pub(super) fn entity_id(&self, entity: &Ref) -> u32 {
        self.entity_ids.get(&entity.text).copied().unwrap_or(0)
    }

    /// The event type, if somebody emits it.
    pub(super) fn event_id(&self, name: &str) -> Option<EventTypeId> {
        match self.all.get(name)?.kind {
            Kind::Event(i) => Some(EventTypeId(i)),
            _ => None,
        }
    }

    /// The broker of that name, the first if there is none, or a diagnostic.
    pub(super) fn broker(&self, name: Option<&Ref>) -> Result<BrokerId, Box<Diagnostic>> {
        let Some(name) = name else { return Ok(BrokerId(0)) };
        if let Some(Named { kind: Kind::Broker(i), .. }) = self.all.get(&name.text) {
            return Ok(BrokerId(*i));
        }
        let message = format!("there is no broker `{}`", name.text);
        let brokers = self.all.iter().filter_map(|(name, named)| {
            matches!(named.kind, Kind::Broker(_)).then_some(name.as_str())
        });
        let help = match nearest(&name.text, brokers) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: [broker.{}] preset = \"kafka\"", quoted(&name.text)),
        };
        Err(Box::new(Diagnostic::error("E132", name.span, message).help(help)))
    }

    /// What kind of broker a handler listens to.
    pub(super) fn listens_to(&self, handler: &HandlerDraft) -> Place {
        let id = self.broker(handler.consume.via.as_ref()).unwrap_or(BrokerId(0));
        self.brokers[id.0 as usize].0
    }

    /// How patterns are written where a handler listens, if there are any.
    fn wildcards(&self, handler: &HandlerDraft) -> Option<Wildcards> {
        let id = self.broker(handler.consume.via.as_ref()).unwrap_or(BrokerId(0));
        match &self.brokers[id.0 as usize] {
            (Place::Push, _) => Some(Wildcards::Amqp),
            (Place::FanOut, _) => Some(Wildcards::Nats),
            (_, preset) if preset == "nats-jetstream" => Some(Wildcards::Nats),
            _ => None,
        }
    }

    /// The event types of a subscription, of which there are several if it is a pattern, or a
    /// diagnostic.
    pub(super) fn subscribed(
        &self,
        handler: &HandlerDraft,
    ) -> Result<Vec<EventTypeId>, Box<Diagnostic>> {
        let name = &handler.name;
        let emitted = self.event_id(&name.text).is_some();
        if emitted || !is_pattern(&name.text) {
            return self.heard(name).map(|id| vec![id]);
        }
        let Some(wildcards) = self.wildcards(handler) else {
            let message = format!("`{}` is a pattern, and this broker has none", name.text);
            let help = "queues that push have those of AMQP (order.*, order.#), NATS its own \
                        (order.*, order.>); elsewhere name each event";
            return Err(Box::new(Diagnostic::error("E134", name.span, message).help(help)));
        };
        let all = self.events.iter().enumerate();
        let matching: Vec<EventTypeId> = all
            .filter(|(_, event)| wildcards.matches(&name.text, &event.text))
            .map(|(i, _)| EventTypeId(i as u32))
            .collect();
        if matching.is_empty() {
            let message = format!("no event that anybody emits matches `{}`", name.text);
            let diagnostic = Diagnostic::error("E110", name.span, message);
            let all: Vec<&str> = self.events.iter().map(|event| event.text.as_str()).collect();
            return Err(Box::new(diagnostic.help(format!("the events are {}", all.join(", ")))));
        }
        Ok(matching)
    }

    /// The event type of a subscription, or a diagnostic.
    fn heard(&self, event: &Ref) -> Result<EventTypeId, Box<Diagnostic>> {
        if let Some(id) = self.event_id(&event.text) {
            return Ok(id);
        }
        // An event whose name is taken has been noted, and its subscribers are not to blame.
        if let Some(i) = self.events.iter().position(|e| e.text == event.text) {
            return Ok(EventTypeId(i as u32));
        }
        let message = format!("nobody emits `{}`", event.text);
        let diagnostic = Diagnostic::error("E110", event.span, message);
        let events = self.events.iter().map(|e| e.text.as_str());
        Err(Box::new(match nearest(&event.text, events).and_then(|n| self.all.get_key_value(n)) {
            Some((near, named)) => diagnostic
                .related(named.span, format!("`{near}` is emitted here"))
                .help(format!("did you mean `{near}`?")),
            None => diagnostic
                .help(format!("let a service emit it: emits.{} = \"100/s\"", quoted(&event.text))),
        }))
    }

    /// The service of that name, or a diagnostic.
    pub(super) fn service(&self, name: &Ref) -> Result<ServiceId, Box<Diagnostic>> {
        match self.all.get(&name.text) {
            Some(Named { kind: Kind::Service(i), .. }) => Ok(ServiceId(*i)),
            Some(other) => {
                let message = format!("`{}` is {}, not a service", name.text, other.kind.noun());
                let diagnostic = Diagnostic::error("E111", name.span, message);
                Err(Box::new(diagnostic.related(other.span, "declared here")))
            }
            None => {
                let message = format!("there is no service `{}`", name.text);
                let diagnostic = Diagnostic::error("E111", name.span, message);
                let services = self.all.iter().filter_map(|(name, named)| {
                    matches!(named.kind, Kind::Service(_)).then_some(name.as_str())
                });
                let near = nearest(&name.text, services);
                Err(Box::new(match near.and_then(|n| self.all.get_key_value(n)) {
                    Some((near, named)) => diagnostic
                        .related(named.span, format!("`{near}` is declared here"))
                        .help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!("declare [service.{}]", quoted(&name.text))),
                }))
            }
        }
    }

    /// The service, client or broker of that name, or a diagnostic.
    pub(super) fn end(&self, name: &Ref) -> Result<End, Box<Diagnostic>> {
        match self.all.get(&name.text).map(|named| named.kind) {
            Some(Kind::Service(i)) => return Ok(End::Service(ServiceId(i))),
            Some(Kind::Client(i)) => return Ok(End::Client(ClientId(i))),
            Some(Kind::Broker(i)) => return Ok(End::Broker(BrokerId(i))),
            Some(Kind::Event(_)) | None => {}
        }
        let ends = self.all.iter().filter(|(_, named)| !matches!(named.kind, Kind::Event(_)));
        let near = nearest(&name.text, ends.map(|(name, _)| name.as_str()));
        let message = format!("there is no service, client or broker `{}`", name.text);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: [broker.{}] preset = \"kafka\"", quoted(&name.text)),
        };
        Err(Box::new(Diagnostic::error("E111", name.span, message).help(help)))
    }

    /// The operation that `SERVICE.OPERATION` names, or a diagnostic. `part` gives the place of
    /// bytes of the text.
    pub(super) fn operation(
        &self,
        call: &Ref,
        part: impl Fn(std::ops::Range<usize>) -> Span,
    ) -> Result<Operation, Box<Diagnostic>> {
        let Some((service_name, name)) = call.text.split_once('.') else {
            let message = format!("`{}` is not SERVICE.OPERATION", call.text);
            let diagnostic = Diagnostic::error("E116", call.span, message);
            let called = self.service(call).ok();
            let operations = called.map(|s| self.operations_of(s)).unwrap_or_default();
            return Err(Box::new(match operations.first() {
                Some(operation) => {
                    diagnostic.help(format!("did you mean `{}.{operation}`?", call.text))
                }
                None => diagnostic.help("write \"billing.charge\""),
            }));
        };
        let start = call.text.len() - name.len();
        let service_ref = Ref { text: service_name.to_owned(), span: part(0..service_name.len()) };
        let service = self.service(&service_ref)?;
        if let Some((handler, _)) = self.operations.get(&(service.0, name.to_owned())) {
            return Ok(Operation { service, handler: *handler });
        }
        let operations = self.operations_of(service);
        let message = format!("service `{service_name}` has no operation `{name}`");
        let diagnostic = Diagnostic::error("E112", part(start..call.text.len()), message);
        let near = nearest(name, operations.iter().copied());
        Err(Box::new(match near {
            Some(near) => {
                let place = self.operations.get(&(service.0, near.to_owned()));
                let diagnostic = diagnostic.help(format!("did you mean `{service_name}.{near}`?"));
                match place {
                    Some((_, span)) => {
                        diagnostic.related(*span, format!("`{near}` is declared here"))
                    }
                    None => diagnostic,
                }
            }
            None if operations.is_empty() => {
                let help = format!("declare it: [service.{service_name}] api.{name} = \"10ms\"");
                diagnostic.help(help)
            }
            None => diagnostic.help(format!("it has {}", operations.join(", "))),
        }))
    }

    fn operations_of(&self, service: ServiceId) -> Vec<&str> {
        let from = (service.0, String::new());
        let of_service = self.operations.range(from..).take_while(|(key, _)| key.0 == service.0);
        of_service.map(|(key, _)| key.1.as_str()).collect()
    }

    /// The zone of that name, or a diagnostic.
    pub(super) fn zone(&self, name: &Ref) -> Result<ZoneId, Box<Diagnostic>> {
        let exact = self.zones.iter().position(|(written, _)| *written == name.text);
        let bare: Vec<usize> =
            (0..self.zones.len()).filter(|i| self.zones[*i].1 == name.text).collect();
        if let Some(i) = exact.or(if bare.len() == 1 { Some(bare[0]) } else { None }) {
            return Ok(ZoneId(i as u32));
        }
        let all: Vec<&str> = self.zones.iter().map(|(written, _)| written.as_str()).collect();
        let message = if bare.len() > 1 {
            format!("`{}` names several zones", name.text)
        } else {
            format!("there is no zone `{}`", name.text)
        };
        let help = match nearest(&name.text, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => "name the zones: zones = [\"a\", \"b\"]".into(),
            None => format!("the zones are {}", all.join(", ")),
        };
        Err(Box::new(Diagnostic::error("E125", name.span, message).help(help)))
    }
}

/// Notes a name that metric paths and references could not hold, or that is reserved.
fn check_spelling(name: &Ref, noun: &str, dots: bool, found: &mut Vec<Diagnostic>) {
    if RESERVED.contains(&name.text.as_str()) {
        let message = format!("`{}` is reserved and cannot name {noun}", name.text);
        let help = format!("reserved are {}", RESERVED.join(", "));
        found.push(Diagnostic::error("E114", name.span, message).help(help));
        return;
    }
    let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || (dots && c == '.');
    let ends = |c: char| c.is_alphanumeric() || c == '_';
    let spelt =
        name.text.chars().all(fits) && name.text.starts_with(ends) && name.text.ends_with(ends);
    if !spelt {
        let message = format!("`{}` cannot name {noun}", name.text);
        let also = if dots { ", `-` and `.`" } else { " and `-`" };
        let help = format!("a name is made of letters, digits, `_`{also}");
        found.push(Diagnostic::error("E115", name.span, message).help(help));
    }
}

/// A key as a file writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("\"{key}\"") }
}
