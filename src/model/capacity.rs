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
    /// What shards have without a failure.
    usual: Capacity,
    /// What a failure leaves of each shard, bytes per second.
    left: Option<f64>,
}

impl Capacities {
    pub(crate) fn new(per_shard: Capacity, per_node: Capacity) -> Self {
        let usual = per_shard;
        Self { per_shard, per_node, shards: Vec::new(), nodes: Vec::new(), usual, left: None }
    }

    /// Whether it takes no time to be served.
    #[inline]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.per_shard.is_unlimited() && self.per_node.is_unlimited()
    }

    /// Shards serve no more than this, if they are held back at all.
    pub(crate) fn throttle(&mut self, bytes_per_s: Option<f64>) {
        self.left = bytes_per_s;
        self.per_shard = self.usual;
        let own = self.usual.bytes_per_s;
        if let Some(most) = bytes_per_s
            && (own == 0.0 || most < own)
        {
            self.per_shard.bytes_per_s = most;
        }
    }

    /// Other limits for what is given to them from now on.
    pub(crate) fn set(&mut self, per_shard: Capacity, per_node: Capacity) {
        (self.usual, self.per_node) = (per_shard, per_node);
        self.throttle(self.left);
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
