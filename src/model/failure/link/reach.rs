//! Who reaches whom: what a cut link, or a mended one, means to brokers.

use super::Harm;
use crate::model::blueprint::{EngineSpec, Target};
use crate::model::observation::Observer;
use crate::model::{Sched, World};

impl<O: Observer> World<O> {
    /// A failure of links begins or ends: so many strikes of it last now.
    pub(in crate::model::failure) fn links_change(&mut self, s: &mut Sched, failure: u32) {
        let strikes = self.strikes[failure as usize];
        let links = &mut self.trouble.links;
        links.count(failure, strikes);
        if links.faults.iter().any(|f| f.failure == failure && matches!(f.harm, Harm::Cut)) {
            for broker in 0..self.engines.len() as u32 {
                self.nodes_split(s, broker);
                self.reach_changes(s, broker);
            }
        }
    }

    /// An engine looks whom it reaches.
    pub(in crate::model::failure) fn reach_changes(&mut self, s: &mut Sched, broker: u32) {
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.reach_changed(&mut ctx);
        self.replies(s);
    }

    /// Nodes that do not reach most of the others stop, and nodes that do again go on. A broker
    /// without copies has nothing to agree on; queues that push find their leader themselves.
    fn nodes_split(&mut self, s: &mut Sched, broker: u32) {
        let spec = &self.brokers[broker as usize].spec;
        let nodes = match &spec.engine {
            EngineSpec::Log(log) if log.replicas > 1 => spec.nodes,
            EngineSpec::Pull(_) => spec.nodes,
            _ => 0,
        };
        if nodes < 2 {
            return;
        }
        for node in 0..nodes {
            let links = &self.trouble.links;
            let at = |node: u32| links.node(broker, node);
            let reached = (0..nodes).filter(|&n| !links.cut(at(node), at(n))).count() as u32;
            let isolated = reached * 2 <= nodes;
            let was = &mut self.trouble.links.isolated[broker as usize][node as usize];
            if std::mem::replace(was, isolated) == isolated {
                continue;
            }
            if isolated {
                self.node_fails(s, broker, node, false);
            } else {
                self.node_recovers(s, broker, node);
            }
        }
    }

    /// All that is placed in a zone crashes, or what kept it down is removed.
    pub(in crate::model::failure) fn zone_falls(&mut self, s: &mut Sched, failure: u32) {
        self.links_change(s, failure);
        let (nodes, relays, instances) = self.of_zone(failure);
        for (broker, node) in nodes {
            self.node_fails(s, broker, node, false);
        }
        for service in relays {
            self.relay_crashes(s, service);
        }
        for instance in instances {
            self.instances[instance as usize].crashes += 1;
            self.kill(s, instance);
        }
    }

    /// A zone is back.
    pub(in crate::model::failure) fn zone_returns(&mut self, s: &mut Sched, failure: u32) {
        self.links_change(s, failure);
        let (nodes, relays, instances) = self.of_zone(failure);
        for (broker, node) in nodes {
            self.node_recovers(s, broker, node);
        }
        for service in relays {
            self.relay_recovers(s, service);
        }
        for instance in instances {
            self.instances[instance as usize].crashes -= 1;
            self.revive(s, instance);
        }
    }

    /// Nodes with their brokers, services with a relay, and instances in the zone that a failure
    /// strikes.
    fn of_zone(&self, failure: u32) -> (Vec<(u32, u32)>, Vec<u32>, Vec<u32>) {
        let Target::Zone(zone) = self.failures[failure as usize].target else {
            return (Vec::new(), Vec::new(), Vec::new());
        };
        let mut nodes = Vec::new();
        for (broker, table) in self.brokers.iter().enumerate() {
            if matches!(table.spec.engine, EngineSpec::Ideal) {
                continue;
            }
            let zones = &table.zones;
            let here = |n: &u32| zones[*n as usize % zones.len()] == zone.0;
            nodes.extend((0..table.spec.nodes.max(1)).filter(here).map(|n| (broker as u32, n)));
        }
        let in_zone = |producer: u32| self.producer_zones[producer as usize] == zone.0;
        let relays = self.relays.iter().filter(|r| r.tails() && in_zone(r.producer));
        let instances = (0..self.instances.len() as u32).filter(|&i| in_zone(i));
        (nodes, relays.map(|r| r.service).collect(), instances.collect())
    }

    /// A connection between a broker and an instance breaks after too many losses.
    pub(crate) fn connection_breaks(&mut self, s: &mut Sched, broker: u32, instance: u32) {
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.connection_breaks(&mut ctx, instance);
        self.replies(s);
    }
}
