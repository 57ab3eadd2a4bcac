//! Links in small worlds whose every instant can be worked out by hand.

use crate::model::testing::*;

mod brokers;
mod calls;
mod overlap;

fn ms(ms: u64) -> SimDuration {
    SimDuration::from_ms(ms)
}

/// A failure of the link from one end to the other.
fn link(from: End, to: End, effect: LinkEffect, at_ms: u64, for_ms: u64) -> Failure {
    let target = Target::Link(Box::new(Link { from, to, effect }));
    Failure { name: "link".to_owned(), verb: Verb::Link, target, ..crash(0, at_ms, for_ms) }
}

fn share(p: f64) -> Probability {
    Probability::new(p).expect("a share")
}

const EVERY: Probability = Probability::ONE;

/// What happens until nothing is to happen any more.
fn lines(b: &Blueprint) -> Vec<String> {
    let world = World::new(b, &Streams::new(1, 0), Log::default());
    let limits = Limits { events: 1_000_000, events_per_instant: 1_000 };
    let mut engine = Engine::new(world, limits, World::start);
    assert_eq!(engine.run_until::<false>(SimTime::MAX), Stop::Empty);
    let world = engine.into_model();
    assert!(crate::engine::Model::at_rest(&world), "{:#?}", world.observer.0);
    world.observer.0
}

/// Those lines of a story that hold one of these words.
fn told(b: &Blueprint, words: &[&str]) -> Vec<String> {
    let all = lines(b).into_iter();
    all.filter(|line| words.iter().any(|word| line.contains(word))).collect()
}
