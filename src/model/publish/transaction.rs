//! Events that are part of a transaction of whoever consumes: what their publisher has to know.

use super::Emitted;
use crate::model::blueprint::AckMode;
use crate::model::broker::Ticket;
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::model::{Sched, World};

impl<O: Observer> World<O> {
    /// The transaction that an event is part of; `None`: it is not published. Only what comes of a
    /// record of the same broker, in work for a handler with transactions, is part of one.
    #[inline(never)]
    pub(super) fn enlist(&mut self, s: &mut Sched, fact: u32, e: &Emitted) -> Option<Ticket> {
        let apart = Some(Ticket::NONE);
        if e.of == NONE || self.book.facts.get(fact).base == NONE {
            return apart;
        }
        let j = self.jobs.get(e.of);
        if j.subscription == NONE || j.delivery == NONE {
            return apart;
        }
        let (slot, broker) = (j.delivery, e.publish.to.0);
        let group = self.subscriptions[j.subscription as usize].group;
        if self.deliveries.get(slot).broker != broker
            || self.groups[group as usize].ack != AckMode::Transaction
        {
            return apart;
        }
        if self.deliveries.get(slot).echo {
            // Its log knows nothing of a double: the transaction is that of the first one.
            self.book.hold(fact);
            self.book.release(&mut self.observer, fact, Fate::LostAborted);
            return None;
        }
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.enlist(&mut ctx, slot, fact)
    }

    /// A publisher gives up an event that is part of a transaction.
    #[cold]
    #[inline(never)]
    pub(super) fn transaction_fails(&mut self, s: &mut Sched, broker: u32, ticket: Ticket) {
        let (engine, mut ctx) = self.at_broker(s, broker);
        engine.unpublished(&mut ctx, ticket);
        self.replies(s);
    }

    /// A transaction has been committed, and its events are for bridges, too.
    #[cold]
    #[inline(never)]
    pub(super) fn shown(&mut self, s: &mut Sched, fact: u32, broker: u32) {
        self.bridges(s, fact, broker, false);
        self.book.release(&mut self.observer, fact, Fate::LostAborted);
    }
}
