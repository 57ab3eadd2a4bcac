//! Writes down all that a simulated world states: every fact with every argument, in order. Knows
//! nothing of what the facts add up to.

use tidelag::engine::{Engine, Limits};
use tidelag::model::{Asker, Fate, Guarded, Observer, Segments, Visit, World};
use tidelag::random::Streams;
use tidelag::scenario::{Files, LoadOptions, Scenario};
use tidelag::units::SimTime;

/// What was stated so far, one line each.
#[derive(Debug, Default)]
struct Journal(Vec<String>);

/// An observer that writes down its calls. What the trait gains, this has to gain.
macro_rules! write_down {
    ($($call:ident($($argument:ident: $kind:ty),*);)*) => {
        impl Observer for Journal {
            $(fn $call(&mut self, $($argument: $kind),*) {
                self.0.push(format!("{}{:?}", stringify!($call), ($($argument,)*)));
            })*
        }
    };
}

write_down! {
    emitted(service: u32, now: SimTime, id: u64);
    not_emitted(service: u32);
    committed(subscription: u32, commit: SimTime);
    fact(event: u32, commit: SimTime);
    arrived(service: u32, now: SimTime, id: u64, attempt: u32, intended: SimTime);
    queued(service: u32, now: SimTime);
    unqueued(service: u32, now: SimTime);
    started(service: u32, now: SimTime, subscription: Option<u32>, queued: bool);
    rides(service: u32, now: SimTime, on: bool);
    released(service: u32, now: SimTime);
    interrupted(subscription: u32);
    failed(service: u32);
    left(service: u32, now: SimTime, id: u64, attempt: u32, visit: &Visit);
    cut_off(service: u32, now: SimTime, id: u64, attempt: u32, arrived: SimTime);
    applied(
        subscription: u32,
        now: SimTime,
        commit: SimTime,
        segments: &Segments,
        booked: bool
    );
    applied_version(subscription: u32, now: SimTime, commit: SimTime, segments: &Segments);
    visible(subscription: u32, now: SimTime, commit: SimTime);
    behind(subscription: u32, now: SimTime, up: bool, entity: bool);
    out_of_order(subscription: u32);
    harmed(subscription: u32, entity: bool);
    recognised(service: u32);
    resurrected(subscription: u32);
    opened(subscription: u32, commit: SimTime);
    backfilled(subscription: u32);
    moved(subscription: u32, from: Fate, to: Fate);
    delivered(subscription: u32, again: bool);
    filtered(subscription: u32);
    unroutable(event: u32);
    stored(lane: u32, now: SimTime, up: bool);
    applied_again(subscription: u32);
    exhausted(subscription: u32);
    phantom(event: u32);
    lost(subscription: u32, commit: SimTime);
    converged(event: u32, now: SimTime, commit: SimTime);
    requested(client: u32, now: SimTime, id: u64);
    answered(client: u32, now: SimTime, id: u64, intended: SimTime, ok: bool);
    guarded(asker: Asker, service: u32, now: SimTime, what: Guarded);
}

/// The text of a scenario where files are asked for.
struct Text<'a>(&'a str);

impl Files for Text<'_> {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.as_bytes().to_vec())
    }
}

/// All that variant `base` of a scenario states before `at`, and all that it states from then on
/// until it is at rest.
pub(crate) fn split(text: &str, replication: u64, at: SimTime) -> (Vec<String>, Vec<String>) {
    let loaded = Scenario::load(&Text(text), "s.toml", &LoadOptions::default());
    let scenario = loaded.expect("a right scenario").scenario;
    let blueprint = &scenario.variants[0].blueprint;
    let streams = Streams::new(scenario.seed, replication);
    let world = World::new(blueprint, &streams, Journal::default());
    let limits = Limits { events: u64::MAX, events_per_instant: 1_000_000 };
    let mut engine = Engine::new(world, limits, World::start);
    engine.run_until::<false>(SimTime::from_ns(at.ns() - 1));
    let before = std::mem::take(&mut engine.model_mut().observer.0);
    engine.run_until::<false>(blueprint.phases.traffic_end());
    engine.run_until::<true>(SimTime::MAX);
    (before, engine.into_model().observer.0)
}
