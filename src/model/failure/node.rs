//! Nodes and partitions of brokers that go down and come back. What that means is up to the engine.

use crate::model::observation::Observer;
use crate::model::{Sched, World};

impl<O: Observer> World<O> {
    /// Another cause keeps a node down.
    pub(super) fn node_fails(&mut self, s: &mut Sched, broker: u32, node: u32, unclean: bool) {
        if self.trouble.nodes[broker as usize].begins(node) {
            let (engine, mut ctx) = self.at_broker(s, broker);
            engine.node_down(&mut ctx, node, unclean);
            self.replies(s);
            self.may_reach_others(s, broker);
        }
    }

    /// A cause that kept a node down is removed.
    pub(super) fn node_recovers(&mut self, s: &mut Sched, broker: u32, node: u32) {
        if self.trouble.nodes[broker as usize].ends(node) {
            let (engine, mut ctx) = self.at_broker(s, broker);
            engine.node_up(&mut ctx, node);
            self.replies(s);
            self.may_reach_others(s, broker);
        }
    }

    /// Another cause keeps a partition of every topic without a leader.
    pub(super) fn partition_fails(&mut self, s: &mut Sched, broker: u32, nth: u32) {
        if self.trouble.partitions[broker as usize].begins(nth) {
            let (engine, mut ctx) = self.at_broker(s, broker);
            engine.partition_down(&mut ctx, nth);
            self.replies(s);
        }
    }

    /// A cause that kept a partition of every topic without a leader is removed.
    pub(super) fn partition_recovers(&mut self, s: &mut Sched, broker: u32, nth: u32) {
        if self.trouble.partitions[broker as usize].ends(nth) {
            let (engine, mut ctx) = self.at_broker(s, broker);
            engine.partition_up(&mut ctx, nth);
            self.replies(s);
            self.may_reach_others(s, broker);
        }
    }

    /// Other nodes may lead, whom not everybody reaches.
    fn may_reach_others(&mut self, s: &mut Sched, broker: u32) {
        if self.trouble.links.cuts {
            self.reach_changes(s, broker);
        }
    }
}
