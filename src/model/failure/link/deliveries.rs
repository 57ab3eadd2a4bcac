//! Copies and acknowledgements over links with which something is wrong, and copies of events
//! between nodes.
//!
//! A copy that is lost finds nobody where it would have arrived: its lease lasts as long as its
//! broker makes of that.

use super::{BREAKS_AFTER, Lost, Message, PATIENCE, Passed, RETRANSMISSION};
use crate::model::broker::{Ctx, Delivery};
use crate::model::event::{Event, Kind};
use crate::model::fate::Fate;
use crate::model::observation::Observer;
use crate::random::StreamKey;
use crate::units::{SimDuration, SimTime};

/// A lost answer to a question is asked for again this often at most.
const QUESTIONS: u32 = 64;

impl<O: Observer> Ctx<'_, O> {
    /// Whether nothing arrives between an instance and a node of this broker.
    pub(crate) fn apart(&self, instance: u32, node: u32) -> bool {
        self.links.cuts && self.links.cut(instance, self.links.node(self.broker, node))
    }

    /// Whether nothing arrives between two nodes of this broker.
    pub(crate) fn nodes_apart(&self, a: u32, b: u32) -> bool {
        let links = &*self.links;
        links.cuts && links.cut(links.node(self.broker, a), links.node(self.broker, b))
    }

    /// A copy for a subscription goes from `self.node` to an instance; how, on the `nth` attempt.
    fn copy_passes(
        &mut self,
        (fact, subscription): (u32, u32),
        instance: u32,
        nth: u32,
        bytes: u64,
    ) -> Result<Passed, Lost> {
        let m = Message {
            from: self.links.node(self.broker, self.node),
            to: instance,
            bytes,
            key: self.subscriptions[subscription as usize].deliver,
            id: self.book.facts.get(fact).id,
            attempt: nth,
        };
        self.links.pass(self.s.now(), &m)
    }

    /// What [`Ctx::deliver`] does while something is wrong with some link. `at`: when the copy
    /// would arrive by itself; `ordered`: whether nothing overtakes on its connection.
    #[cold]
    #[inline(never)]
    pub(crate) fn deliver_over_links(
        &mut self,
        (fact, subscription): (u32, u32),
        instance: u32,
        (token, stamp): (u32, u32),
        at: SimTime,
        ordered: bool,
    ) -> u32 {
        let nth = u32::from(self.book.get(fact, subscription).deliveries);
        let bytes = self.events[self.book.facts.get(fact).event as usize].size;
        let found = self.copy_passes((fact, subscription), instance, nth, bytes);
        let passed = found.unwrap_or_default();
        let at = at + passed.delay;
        let at = if ordered { self.in_turn(instance, at) } else { at } + passed.held;
        let slot = self.deliver_at(fact, subscription, instance, token, stamp, at);
        if let Err(lost) = found {
            self.loses(slot, instance, lost);
        } else if let Some(after) = passed.again {
            self.delivered_twice((fact, subscription), instance, (token, stamp), at + after);
        }
        slot
    }

    /// A copy that was sent is lost.
    fn loses(&mut self, slot: u32, instance: u32, lost: Lost) {
        let d = self.deliveries.get_mut(slot);
        d.void = true;
        d.reason = Fate::LostNetwork;
        if lost == Lost::Broken {
            self.connection_breaks(instance);
        }
    }

    /// The connection to an instance will break.
    fn connection_breaks(&mut self, instance: u32) {
        let at = self.s.now() + BREAKS_AFTER;
        self.s.at(at, Event::new(Kind::ConnectionBreaks, self.broker, instance));
        let last = &mut self.connections[instance as usize];
        *last = (*last).max(at.ns());
    }

    /// A copy arrives a second time, at `at`. Its broker knows nothing of that.
    fn delivered_twice(
        &mut self,
        (fact, subscription): (u32, u32),
        instance: u32,
        (token, stamp): (u32, u32),
        at: SimTime,
    ) {
        let slot = self.deliver_at(fact, subscription, instance, token, stamp, at);
        self.deliveries.get_mut(slot).echo = true;
    }

    /// The same as [`Ctx::deliver`] for `bytes` that somebody has asked for, and asks for again if
    /// they do not come. Also when they arrive, ns.
    pub(crate) fn deliver_asked(
        &mut self,
        (fact, subscription): (u32, u32),
        instance: u32,
        (token, stamp): (u32, u32),
        bytes: impl FnOnce() -> u64,
    ) -> (u32, u64) {
        if !self.links.any {
            let slot = self.deliver(fact, subscription, instance, token, stamp);
            return (slot, self.connections[instance as usize]);
        }
        let nth = u32::from(self.book.get(fact, subscription).deliveries);
        let (bytes, mut at) = (bytes(), self.arrival(fact, subscription));
        let mut passed = Passed::default();
        for question in 0..QUESTIONS {
            let attempt = nth.wrapping_mul(QUESTIONS).wrapping_add(question);
            let found = self.copy_passes((fact, subscription), instance, attempt, bytes);
            if let Ok(found) = found {
                passed = found;
                break;
            }
            at = at + PATIENCE;
        }
        let at = self.in_turn(instance, at + passed.delay) + passed.held;
        let slot = self.deliver_at(fact, subscription, instance, token, stamp, at);
        if let Some(after) = passed.again {
            self.delivered_twice((fact, subscription), instance, (token, stamp), at + after);
        }
        (slot, at.ns())
    }

    /// How much longer an acknowledgement takes; `None` if it is lost.
    #[cold]
    #[inline(never)]
    pub(crate) fn ack_over_links(
        &mut self,
        d: &Delivery,
        node: u32,
        id: u64,
        nth: u32,
    ) -> Option<SimDuration> {
        let (from, to) = (d.instance, self.links.node(self.broker, node));
        // An identity of its own for each subscription.
        let key = self.subscriptions[d.subscription as usize].deliver;
        let id = crate::random::derive_id(id, self.table.ack_key.raw());
        let m = Message { from, to, bytes: 0, key, id, attempt: nth };
        match self.links.pass(self.s.now(), &m) {
            Ok(passed) => Some(passed.delay + passed.held),
            Err(lost) => {
                if lost == Lost::Broken {
                    self.connection_breaks(d.instance);
                }
                None
            }
        }
    }

    /// How much longer it takes until a node has what another one sends it. What is lost is sent
    /// again when that has been noticed.
    #[cold]
    #[inline(never)]
    pub(crate) fn copy_over_links(
        &mut self,
        (from, to): (u32, u32),
        bytes: u64,
        key: StreamKey,
        (id, nth): (u64, u32),
    ) -> SimDuration {
        let (from, to) = (self.links.node(self.broker, from), self.links.node(self.broker, to));
        let m = Message { from, to, bytes, key, id, attempt: nth };
        match self.links.pass(self.s.now(), &m) {
            Ok(passed) => passed.delay + passed.held,
            Err(Lost::Datagram) => SimDuration::from_ns(RETRANSMISSION),
            Err(_) => PATIENCE,
        }
    }
}
