//! Small worlds with brokers for tests: builders, and a script of what happens to a broker.

use super::super::event::{Event, Kind};
use super::super::testing::*;
use super::super::{Sched, World};
use super::{Ctx, Engine as Broker_};
use crate::engine::Model;

/// What a script does to the engine of broker 1.
pub(crate) type Act = fn(&mut dyn Broker_<Log>, &mut Ctx<Log>);

/// Component of the events that carry out the script.
const SCRIPT: u32 = 0xff_ffff;

struct Scripted {
    world: World<Log>,
    acts: Vec<Act>,
}

impl Model for Scripted {
    type Event = Event;

    fn handle(&mut self, event: Event, s: &mut Sched) {
        if event.component() == SCRIPT && event.kind() == Kind::FailureBegins {
            let (engine, mut ctx) = self.world.at_broker(s, 1);
            self.acts[event.slot() as usize](engine, &mut ctx);
            self.world.replies(s);
        } else {
            self.world.handle(event, s);
        }
    }

    fn at_rest(&self) -> bool {
        self.world.at_rest()
    }
}

/// What happens to it at which instants in ms.
pub(crate) type Script<'a> = &'a [(u64, Act)];

fn engine(blueprint: &Blueprint, script: Script) -> Engine<Scripted> {
    let world = World::new(blueprint, &Streams::new(1, 0), Log::default());
    let scripted = Scripted { world, acts: script.iter().map(|(_, act)| *act).collect() };
    let limits = Limits { events: 10_000_000, events_per_instant: 100_000 };
    Engine::new(scripted, limits, |m, s| {
        m.world.start(s);
        for (at, (ms, _)) in script.iter().enumerate() {
            let when = SimTime::ZERO + SimDuration::from_ms(*ms);
            s.at(when, Event::new(Kind::FailureBegins, SCRIPT, at as u32));
        }
    })
}

/// A blueprint at rest or when its drain is over, after things have happened to its broker 1 at
/// instants in ms.
pub(crate) fn played(blueprint: &Blueprint, script: Script) -> World<Log> {
    let mut engine = engine(blueprint, script);
    let end = blueprint.phases.traffic_end();
    engine.run_until::<false>(end);
    engine.run_until::<true>(end + blueprint.phases.drain);
    engine.into_model().world
}

/// The same when everything up to `ms` has happened.
pub(crate) fn played_until(blueprint: &Blueprint, script: Script, ms: u64) -> World<Log> {
    let mut engine = engine(blueprint, script);
    engine.run_until::<false>(SimTime::ZERO + SimDuration::from_ms(ms));
    engine.into_model().world
}

/// The history of [`played`].
pub(crate) fn scripted(blueprint: &Blueprint, script: Script) -> String {
    played(blueprint, script).observer.0.join("\n")
}

/// A broker, 1 ms from its subscribers and at no distance from its publishers.
pub(crate) fn broker(engine: EngineSpec) -> Broker {
    Broker {
        name: "queue".to_owned(),
        engine,
        reconnect: "10ms fixed".parse().expect("valid"),
        ..Broker::ideal("queue", fixed(1))
    }
}

/// A source that publishes event 0 through broker 1 every `every` ms for `ms`, and services that
/// hear it there, with a network without delay.
pub(crate) fn via(
    engine: EngineSpec,
    every: u64,
    ms: u64,
    mut services: Vec<Service>,
) -> Blueprint {
    for service in &mut services {
        for handler in &mut service.handlers {
            handler.consume.via = BrokerId(1);
        }
    }
    let mut emitter = source(every);
    emitter.sources[0].publish = Publish::plain(BrokerId(1));
    services.insert(0, emitter);
    let mut b = blueprint(ms, 1, services);
    b.network = Network { same_zone: fixed(0), other_zone: fixed(0), other_region: fixed(0) };
    b.brokers.push(broker(engine));
    b
}

/// How many lines of a history contain a text.
pub(crate) fn count(history: &str, text: &str) -> usize {
    history.lines().filter(|line| line.contains(text)).count()
}
