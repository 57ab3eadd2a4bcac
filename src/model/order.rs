//! Which subscriptions can have two unfinished items of one key at all. Only those need their order
//! kept.

use super::blueprint::{Blueprint, Emit, EntityId, Step, Trigger};

/// "More than one", which is all that matters.
const MANY: u32 = 2;

/// For each event type, whether more than one event of one key can ever be published.
///
/// A handler that writes gives its run a key, unless the cause has one already; what a run emits
/// and calls carries the key on. So the number of events per key follows from the graph of
/// emissions and calls, as a least fixed point. An individual of a population is drawn again and
/// again, so that there are many events of it.
pub(crate) fn repeats_keys(blueprint: &Blueprint) -> Vec<bool> {
    let mut events = vec![0u32; blueprint.events.len()];
    let mut handlers: Vec<Vec<u32>> =
        blueprint.services.iter().map(|s| vec![0; s.handlers.len()]).collect();
    loop {
        let mut next_events = vec![0u32; events.len()];
        let mut next_handlers: Vec<Vec<u32>> = handlers.iter().map(|h| vec![0; h.len()]).collect();
        for (service, runs_of) in blueprint.services.iter().zip(&handlers) {
            for (handler, &called) in service.handlers.iter().zip(runs_of) {
                let caused = match &handler.trigger {
                    Trigger::On(heard) => {
                        let sum = heard.iter().map(|e| events[e.0 as usize]);
                        sum.fold(0, u32::saturating_add).min(MANY)
                    }
                    Trigger::Api(_) => called,
                };
                let written = handler.steps.iter().map(|s| match s {
                    Step::Write(entity) if is_drawn(blueprint, *entity) => MANY,
                    Step::Write(_) => 1,
                    _ => 0,
                });
                let runs = caused.max(written.max().unwrap_or(0));
                for step in &handler.steps {
                    carry_on(step, runs, &mut next_events, &mut next_handlers);
                }
            }
        }
        for (event, n) in blueprint.events.iter().zip(&mut next_events) {
            if event.key.is_some_and(|key| is_drawn(blueprint, key)) {
                *n = MANY;
            }
        }
        if next_events == events && next_handlers == handlers {
            return events.iter().map(|&n| n >= MANY).collect();
        }
        events = next_events;
        handlers = next_handlers;
    }
}

fn is_drawn(blueprint: &Blueprint, entity: EntityId) -> bool {
    blueprint.entities[entity.0 as usize].population.is_some()
}

fn carry_on(step: &Step, runs: u32, events: &mut [u32], handlers: &mut [Vec<u32>]) {
    let add = |to: &mut u32, n: u32| *to = to.saturating_add(runs.saturating_mul(n)).min(MANY);
    match step {
        Step::Work(_) | Step::Write(_) => {}
        Step::Call(operations) => {
            for o in operations {
                add(&mut handlers[o.service.0 as usize][o.handler as usize], 1);
            }
        }
        Step::Emit(Emit::All(all)) => {
            for e in all {
                add(&mut events[e.event.0 as usize], e.count);
            }
        }
        Step::Emit(Emit::OneOf(some)) => {
            for (_, e) in some {
                add(&mut events[e.event.0 as usize], e.count);
            }
        }
    }
}
