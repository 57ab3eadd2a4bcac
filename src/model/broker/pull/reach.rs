//! Consumers that cannot reach their broker.

use super::super::Ctx;
use super::Pull;
use super::timers::{FAILOVER, schedule};
use crate::model::failure::PATIENCE;
use crate::model::observation::Observer;

impl Pull {
    /// Consumers may have been cut off, or be heard again.
    pub(super) fn look_around<O: Observer>(&mut self, ctx: &mut Ctx<O>) {
        for consumer in 0..self.consumers.len() {
            let c = &mut self.consumers[consumer];
            let cut = self.leader.is_some_and(|leader| ctx.apart(c.instance, leader));
            if cut == c.cut.is_some() {
                continue;
            }
            let now = ctx.now();
            c.cut = cut.then_some(now.ns());
            if !cut {
                self.connection_ends(ctx, consumer);
                self.ask(ctx, consumer);
            } else if self.lapse.is_none() {
                schedule(ctx, (now + PATIENCE).ns(), FAILOVER, 1 + consumer);
            }
        }
    }

    /// A consumer may have been silent for too long.
    pub(super) fn silent_due<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: usize) {
        let since = self.consumers[consumer].cut;
        if since.is_some_and(|since| since + PATIENCE.ns() == ctx.now().ns()) {
            self.connection_ends(ctx, consumer);
        }
    }

    /// What is leased to a consumer returns with its connection, unless leases have timers.
    fn connection_ends<O: Observer>(&mut self, ctx: &mut Ctx<O>, consumer: usize) {
        if self.lapse.is_none() {
            let c = &self.consumers[consumer];
            self.take_all_back(ctx, c.queue as usize, Some(c.instance));
        }
    }

    /// The connection of an instance breaks.
    pub(super) fn break_off<O: Observer>(&mut self, ctx: &mut Ctx<O>, instance: u32) {
        for consumer in 0..self.consumers.len() {
            if self.consumers[consumer].instance == instance {
                self.connection_ends(ctx, consumer);
            }
        }
    }
}
