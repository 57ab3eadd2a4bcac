//! One replication once more, with its history kept instead of hashed: slower, and handed out part
//! by part, so that memory holds only one of them. Knows nothing of why somebody looks.

use super::history::Entry;
use super::run::engine;
use super::standard::Probes;
use crate::engine::{Engine, Stop};
use crate::model::{Blueprint, World};
use crate::units::{SimDuration, SimTime};

/// Traffic and drain are each handed out in this many parts.
const PARTS: u64 = 600;

/// The histories of all components, clients first, then services, each in the order of the file:
/// those events that happened in one part of the run.
pub type Part = Vec<Vec<Entry>>;

/// A replication that is simulated as its parts are asked for. It ends where
/// [`simulate`](super::simulate) does.
#[derive(Debug)]
pub struct Replay<'a> {
    engine: Engine<World<Probes<Vec<Entry>>>>,
    blueprint: &'a Blueprint,
    now: SimTime,
    over: bool,
}

impl<'a> Replay<'a> {
    /// Replication number `replication` of an architecture, before its first event.
    pub fn new(blueprint: &'a Blueprint, seed: u64, replication: u64) -> Self {
        let engine = engine(blueprint, seed, replication);
        Self { engine, blueprint, now: SimTime::ZERO, over: false }
    }
}

impl Iterator for Replay<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        if self.over {
            return None;
        }
        let phases = self.blueprint.phases;
        let traffic_end = phases.traffic_end();
        let drain_end = traffic_end + phases.drain;
        let drain = self.now >= traffic_end;
        let (end, length) = if drain {
            (drain_end, phases.drain)
        } else {
            (traffic_end, phases.warmup + phases.duration)
        };
        self.now = end.min(self.now + SimDuration::from_ns(length.ns() / PARTS + 1));
        let stop = if drain {
            self.engine.run_until::<true>(self.now)
        } else {
            self.engine.run_until::<false>(self.now)
        };
        // An empty event list will stay empty, as nothing happens without an event.
        self.over = stop != Stop::Time || self.now >= drain_end;
        let probes = &mut self.engine.model_mut().observer;
        let clients = probes.demands.iter_mut().map(|d| std::mem::take(&mut d.history));
        let services = probes.stations.iter_mut().map(|s| std::mem::take(&mut s.history));
        Some(clients.chain(services).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Digest;
    use crate::probe::{Control, simulate};
    use crate::scenario::testing::scenario;
    use std::sync::atomic::{AtomicBool, AtomicU64};

    const FILE: &str = "duration = \"5s\"\nwarmup = \"1s\"\n\
        client.web = { calls = \"shop.place\", rate = \"150/s\", timeout = \"50ms\" }\n\
        service.shop = { workers = 9, api.place = { takes = \"~30ms\", emits = \"Placed\" } }\n\
        service.email.on.Placed = { takes = \"~4ms\", fails = \"5%\" }\n\
        [[failure]]\ncrash = \"shop\"\nat = \"3s\"\nfor = \"100ms\"\n";

    #[test]
    fn what_a_replay_tells_is_what_a_run_hashes() {
        let blueprint = &scenario(FILE).variants[0].blueprint;
        let (cancelled, progress) = (AtomicBool::new(false), AtomicU64::new(0));
        let control = Control { cancelled: &cancelled, progress: &progress };
        let record = simulate(blueprint, 7, 2, control).expect("not cancelled");
        let mut digests = vec![Digest::default(); record.digests.len()];
        let mut kinds = std::collections::BTreeSet::new();
        for part in Replay::new(blueprint, 7, 2) {
            for (digest, history) in digests.iter_mut().zip(part) {
                for e in history {
                    digest.step(e.at.ns(), e.kind, e.id, e.attempt);
                    kinds.insert(e.what());
                }
            }
        }
        let values: Vec<u64> = digests.into_iter().map(Digest::value).collect();
        assert_eq!(values, record.digests.iter().map(|d| d.1).collect::<Vec<_>>());
        let all = ["arrived", "cut off", "failed", "left", "requested", "succeeded"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    }
}
