//! Which worlds need to know who is who, and the tables for it.

use super::super::blueprint::{Blueprint, Dedup, Emit, Handler, Popularity, Step, Trigger};
use super::super::tables::NONE;
use super::individuals::Individuals;
use super::{EntityTable, Identity};
use crate::random::{Ranking, Streams, hash_name};

impl Identity {
    /// For an architecture with so many subscriptions. `booked`: whether an event goes through the
    /// book.
    pub(crate) fn new(
        blueprint: &Blueprint,
        streams: &Streams,
        subscriptions: usize,
        booked: bool,
    ) -> Self {
        let handlers: Vec<&Handler> = handlers(blueprint).collect();
        let writes = |h: &Handler, entity: usize| {
            let is = |s: &&Step| matches!(s, Step::Write(e) if e.0 as usize == entity);
            h.steps.iter().filter(is).count()
        };
        let table = |(at, entity): (usize, &super::super::Entity)| {
            let key = || streams.key(&format!("entity.{}/pick", entity.name));
            EntityTable {
                name: hash_name(&entity.name),
                population: entity.population.as_ref().map(|p| (ranking(p), key())),
                followed: entity.population.is_some()
                    || handlers.iter().map(|h| writes(h, at)).sum::<usize>() > 1,
                written_by: handlers.iter().map(|h| writes(h, at) > 0).collect(),
            }
        };
        let entities: Vec<EntityTable> = blueprint.entities.iter().enumerate().map(table).collect();
        let remembers = blueprint.services.iter().any(|s| s.memory.dedup != Dedup::None);
        let on = booked || remembers;
        Self {
            on,
            versions: on && entities.iter().any(|e| e.followed),
            objectives: has_objective(blueprint),
            entities,
            keys: blueprint.events.iter().map(|e| e.key.map_or(NONE, |k| k.0)).collect(),
            memory: blueprint.services.iter().map(|s| s.memory).collect(),
            individuals: Individuals::new(subscriptions),
            ..Self::default()
        }
    }
}

fn ranking(p: &super::super::Population) -> Ranking {
    match p.popularity {
        Popularity::Uniform => Ranking::uniform(p.count),
        Popularity::Zipf(exponent) => Ranking::zipf(p.count, exponent),
        Popularity::Hot { individuals, draws } => {
            Ranking::hot(p.count, individuals.get(), draws.get())
        }
    }
}

fn handlers(blueprint: &Blueprint) -> impl Iterator<Item = &Handler> {
    blueprint.services.iter().flat_map(|s| &s.handlers)
}

/// Whether a client wants to know what becomes of its requests.
fn has_objective(blueprint: &Blueprint) -> bool {
    blueprint.clients.iter().any(|c| c.slo.is_some())
}

/// Which of the events that the ideal bus `could` carry without the book it may: none if keys are
/// drawn or requests are followed, and no event from which something follows that has to be
/// recognised when it is repeated.
pub(crate) fn ungated(blueprint: &Blueprint, could: Vec<bool>) -> Vec<bool> {
    let drawn = blueprint.entities.iter().any(|e| e.population.is_some())
        || blueprint.events.iter().any(|e| e.key.is_some());
    if drawn || has_objective(blueprint) {
        return vec![false; could.len()];
    }
    let mut events = could;
    // By service and handler: whether something that has to be recognised comes of it.
    let mut known: Vec<Vec<bool>> = blueprint
        .services
        .iter()
        .map(|s| vec![s.memory.dedup != Dedup::None; s.handlers.len()])
        .collect();
    loop {
        let mut changed = false;
        for (at, service) in blueprint.services.iter().enumerate() {
            for (nth, handler) in service.handlers.iter().enumerate() {
                if !known[at][nth] && leads_to(handler, &events, &known) {
                    known[at][nth] = true;
                    changed = true;
                }
                let Trigger::On(heard) = &handler.trigger else { continue };
                for event in heard.iter().filter(|_| known[at][nth]) {
                    changed |= std::mem::replace(&mut events[event.0 as usize], false);
                }
            }
        }
        if !changed {
            return events;
        }
    }
}

/// Whether a handler emits or calls something that has to be recognised when it is repeated.
fn leads_to(handler: &Handler, plain: &[bool], known: &[Vec<bool>]) -> bool {
    handler.steps.iter().any(|step| match step {
        Step::Work(_) | Step::Write(_) => false,
        Step::Call(all) => all.iter().any(|o| known[o.service.0 as usize][o.handler as usize]),
        Step::Emit(Emit::All(all)) => all.iter().any(|e| !plain[e.event.0 as usize]),
        Step::Emit(Emit::OneOf(some)) => some.iter().any(|(_, e)| !plain[e.event.0 as usize]),
    })
}
