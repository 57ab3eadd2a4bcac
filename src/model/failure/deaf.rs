//! Subscriptions that are gone for a while, as if somebody had deleted them.
//!
//! What an instance has in hand it finishes. A log keeps the place of a group without members;
//! anywhere else nothing new is kept for it, and what its queue has stays there.

use crate::model::blueprint::{EngineSpec, Target};
use crate::model::broker::Departure;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::{Sched, World};

impl<O: Observer> World<O> {
    /// The service that a failure makes deaf.
    fn deafened(&self, failure: u32) -> Option<u32> {
        match self.failures[failure as usize].target {
            Target::Instances { service, .. } => Some(service.0),
            _ => None,
        }
    }

    /// Another cause by which a service hears no events.
    pub(super) fn hears_no_more(&mut self, s: &mut Sched, failure: u32) {
        let Some(service) = self.deafened(failure) else { return };
        let table = &mut self.services[service as usize];
        table.deaf += 1;
        if table.deaf > 1 {
            return;
        }
        self.trouble.deaf += 1;
        for instance in table.instances.clone() {
            if self.instances[instance as usize].up {
                self.leaves(s, instance, Departure::Leave);
            }
        }
    }

    /// Such a cause is removed.
    pub(super) fn hears_again(&mut self, s: &mut Sched, failure: u32) {
        let Some(service) = self.deafened(failure) else { return };
        let table = &mut self.services[service as usize];
        table.deaf -= 1;
        if table.deaf > 0 {
            return;
        }
        self.trouble.deaf -= 1;
        for instance in table.instances.clone() {
            let i = &self.instances[instance as usize];
            if !i.up {
                continue;
            }
            let paused = i.pauses > 0;
            self.joins(s, instance);
            if paused {
                self.each_group(s, service, |e, ctx, group| e.paused(ctx, group, instance));
            }
            self.feed(s, instance);
        }
    }

    /// A fact was committed while services hear nothing: what no log keeps for them is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn misses(&mut self, fact: u32) {
        let event = self.book.facts.get(fact).event;
        for subscription in self.book.heard[event as usize].clone() {
            let table = &self.subscriptions[subscription as usize];
            let engine = &self.brokers[table.broker as usize].spec.engine;
            if self.services[table.service as usize].deaf > 0
                && !matches!(engine, EngineSpec::Log(_))
                && self.book.wants(fact, subscription)
            {
                self.book.end(&mut self.observer, fact, subscription, Fate::LostNotConnected);
                self.book.get(fact, subscription).wanted = false;
            }
        }
    }
}
