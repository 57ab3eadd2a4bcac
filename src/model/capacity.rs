//! What the shards and nodes of a broker serve: FIFO servers whose service time follows from the
//! size of what they are given.

use super::blueprint::Capacity;
use crate::units::SimTime;

/// The shards and nodes of one broker.
#[derive(Debug)]
pub(crate) struct Capacities {
    per_shard: Capacity,
    per_node: Capacity,
    /// When each shard has served what it was given, ns; grown when needed.
    shards: Vec<u64>,
    nodes: Vec<u64>,
}

impl Capacities {
    pub(crate) fn new(per_shard: Capacity, per_node: Capacity) -> Self {
        Self { per_shard, per_node, shards: Vec::new(), nodes: Vec::new() }
    }

    /// Other limits for what is given to them from now on.
    pub(crate) fn set(&mut self, per_shard: Capacity, per_node: Capacity) {
        (self.per_shard, self.per_node) = (per_shard, per_node);
    }

    /// When `messages` of `bytes` in all, given to a shard now, have been served by it and then by
    /// its node.
    pub(crate) fn serve(
        &mut self,
        now: SimTime,
        shard: u32,
        node: u32,
        messages: u64,
        bytes: u64,
    ) -> SimTime {
        let at = pass(&mut self.shards, shard, self.per_shard, now, messages, bytes);
        pass(&mut self.nodes, node, self.per_node, at, messages, bytes)
    }
}

fn pass(
    servers: &mut Vec<u64>,
    server: u32,
    capacity: Capacity,
    now: SimTime,
    messages: u64,
    bytes: u64,
) -> SimTime {
    if capacity.is_unlimited() {
        return now;
    }
    let server = server as usize;
    if server >= servers.len() {
        servers.resize(server + 1, 0);
    }
    let begin = SimTime::from_ns(servers[server].max(now.ns()));
    let done = begin + capacity.service(messages, bytes);
    servers[server] = done.ns();
    done
}
