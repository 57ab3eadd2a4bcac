//! From ends of links to the parties there, and from names of failures to streams.

use super::{Fault, Harm, Links};
use crate::model::World;
use crate::model::blueprint::{
    Blueprint, Capacity, End, EngineSpec, Link, LinkEffect, Target, ZoneId,
};
use crate::model::failure::stream;
use crate::random::{Chance, Streams};

/// Who is where.
struct Parties<'a, O> {
    world: &'a World<O>,
    blueprint: &'a Blueprint,
    clients: u32,
    nodes: &'a [u32],
}

impl<O> Parties<'_, O> {
    /// Nobody.
    fn none(&self) -> Vec<bool> {
        vec![false; self.nodes[self.nodes.len() - 1] as usize]
    }

    /// Everybody at one end of a link. No link leads to an ideal bus.
    fn at(&self, end: End) -> Vec<bool> {
        let mut there = self.none();
        match end {
            End::Service(service) => {
                let own = self.world.services[service.0 as usize].instances.clone();
                let relays = self.world.relays.iter().filter(|r| r.service == service.0);
                own.chain(relays.map(|r| r.producer)).for_each(|p| there[p as usize] = true);
            }
            End::Instance(service, nth) => {
                let first = self.world.services[service.0 as usize].instances.start;
                there[(first + nth) as usize] = true;
            }
            End::Client(client) => there[(self.clients + client.0) as usize] = true,
            End::Broker(broker) => {
                let (first, end) = (broker.0 as usize, broker.0 as usize + 1);
                there[self.nodes[first] as usize..self.nodes[end] as usize].fill(true);
            }
            End::Node(broker, node) => {
                there[(self.nodes[broker.0 as usize] + node) as usize] = true;
            }
            End::Zone(zone) => {
                there = self.placed(zone);
                for (at, client) in self.world.clients.iter().enumerate() {
                    there[self.clients as usize + at] |= client.zone == zone.0;
                }
            }
        }
        there
    }

    /// The machines of a zone.
    fn placed(&self, zone: ZoneId) -> Vec<bool> {
        let mut there = self.none();
        for (producer, at) in self.world.producer_zones.iter().enumerate() {
            there[producer] = *at == zone.0;
        }
        for (at, broker) in self.world.brokers.iter().enumerate() {
            if matches!(broker.spec.engine, EngineSpec::Ideal) {
                continue;
            }
            for node in 0..self.blueprint.brokers[at].nodes.max(1) {
                let zones = &broker.zones;
                let here = zones[node as usize % zones.len()] == zone.0;
                there[(self.nodes[at] + node) as usize] = here;
            }
        }
        there
    }
}

impl Links {
    /// The links of a blueprint. Instances, relays, clients and brokers come first.
    pub(crate) fn new<O>(world: &World<O>, blueprint: &Blueprint, streams: &Streams) -> Self {
        // One more publishes for the bridges between brokers, which no link leads to.
        let clients = world.producer_zones.len() as u32 + 1;
        let mut nodes = vec![clients + blueprint.clients.len() as u32];
        for broker in &blueprint.brokers {
            nodes.push(nodes[nodes.len() - 1] + broker.nodes.max(1));
        }
        let parties = Parties { world, blueprint, clients, nodes: &nodes };
        let mut faults: Vec<Fault> = Vec::new();
        for (at, failure) in blueprint.failures.iter().enumerate() {
            let (from, to, both, harm) = match &failure.target {
                Target::Link(link) => {
                    let Link { from, to, effect } = &**link;
                    let both = *effect == LinkEffect::Partition;
                    (parties.at(*from), parties.at(*to), both, harm(effect))
                }
                Target::Zone(zone) => {
                    let from = parties.placed(*zone);
                    let to = from.iter().map(|inside| !inside).collect();
                    (from, to, true, Harm::Cut)
                }
                _ => continue,
            };
            let key = |what: &str| stream(&blueprint.failures, at, what, streams);
            let (key, time) = (key("whether"), key("time"));
            let failure = at as u32;
            faults.push(Fault { failure, both, from, to, harm, key, time, strikes: 0, free: 0 });
        }
        Self {
            faults,
            isolated: blueprint.brokers.iter().map(|b| vec![false; b.nodes as usize]).collect(),
            clients,
            nodes,
            ..Self::default()
        }
    }
}

fn harm(effect: &LinkEffect) -> Harm {
    match effect {
        LinkEffect::Partition => Harm::Cut,
        LinkEffect::Loss { share, datagram: false } => Harm::Loss(Chance::new(*share)),
        LinkEffect::Loss { share, datagram: true } => Harm::Datagram(Chance::new(*share)),
        LinkEffect::Duplicate { share, after } => {
            Harm::Duplicate(Chance::new(*share), after.clone())
        }
        LinkEffect::Reorder { share, hold } => Harm::Reorder(Chance::new(*share), hold.clone()),
        LinkEffect::Delay(by) => Harm::Delay(by.clone()),
        LinkEffect::Throttle(rate) => {
            Harm::Throttle(Capacity { messages_per_s: 0.0, bytes_per_s: *rate })
        }
    }
}
