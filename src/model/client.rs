//! What makes things happen: sources of events and clients with their users.

use super::event::{Event, Kind};
use super::identity::key_of;
use super::observation::Observer;
use super::publish::{Emitted, is_outbox};
use super::tables::{Call, LoadTable, NONE};
use super::{Sched, World};
use crate::random::derive_id;
use crate::units::SimDuration;

impl<O: Observer> World<O> {
    /// Schedules the next arrival of a source, if there is one within the traffic.
    #[inline(always)]
    pub(crate) fn next_source_arrival(&mut self, s: &mut Sched, source: u32) {
        let table = &mut self.sources[source as usize];
        if let Some(at) = table.arrivals.next() {
            s.at(at, Event::new(Kind::SourceArrival, table.epoch, source));
        }
    }

    /// A source emits one event, or a burst.
    pub(crate) fn source_arrival(&mut self, s: &mut Sched, epoch: u32, source: u32) {
        let table = &mut self.sources[source as usize];
        if table.epoch != epoch {
            return;
        }
        let (service, event) = (table.service, table.event);
        let id = table.first_id.wrapping_add(table.next);
        let individual = table.arrivals.individual(table.next);
        let key = individual.map_or(0, |i| key_of(table.turns, u64::from(i)));
        table.next += 1;
        let count = table.burst.sample(table.burst_key, id);
        self.next_source_arrival(s, source);
        let plain = self.events[event as usize].plain;
        if self.services[service as usize].up == 0 || !plain && self.has_no_room_for(source) {
            self.observer.not_emitted(service);
            return;
        }
        let now = s.now();
        let table = &self.sources[source as usize];
        let age =
            table.late.as_ref().map_or(SimDuration::ZERO, |v| v.sample(table.late_key, id, 0));
        // Nothing is older than the run.
        let commit = now.ns().saturating_sub(age.ns());
        for n in 0..count {
            let id = if n == 0 { id } else { derive_id(id, u64::from(n)) };
            self.observer.emitted(service, now, id);
            if plain {
                self.publish_at_source(s, event, id, commit);
            } else {
                self.publish_booked_at_source(s, source, id, commit, key);
            }
        }
    }

    /// Whether an event of a source is a row of an outbox that cannot be written now.
    #[inline(never)]
    fn has_no_room_for(&self, source: u32) -> bool {
        let table = &self.sources[source as usize];
        is_outbox(table.publish.mode) && self.cannot_write(table.service)
    }

    /// A source emits an event that is not plain: its instances do so in turn, those that are down
    /// left out.
    #[inline(never)]
    fn publish_booked_at_source(
        &mut self,
        s: &mut Sched,
        source: u32,
        id: u64,
        commit: u64,
        key: u64,
    ) {
        let table = &self.sources[source as usize];
        let of = &self.services[table.service as usize];
        let (first, count) = (of.instances.start, of.size);
        let turn = (table.next % u64::from(count)) as u32;
        let in_turn = (0..count).map(|n| first + (turn + n) % count);
        let Some(instance) = in_turn.into_iter().find(|&i| self.instances[i as usize].up) else {
            return;
        };
        let e = Emitted {
            event: table.event,
            id,
            commit,
            key,
            publish: table.publish,
            instance,
            of: NONE,
            job: NONE,
            stamp: 0,
        };
        self.publish_booked(s, &e);
    }

    /// Schedules the next request of an open-loop client, if there is one within the traffic.
    pub(crate) fn next_client_arrival(&mut self, s: &mut Sched, client: u32) {
        let table = &mut self.clients[client as usize];
        if let LoadTable::Open(arrivals) = &mut table.load
            && let Some(at) = arrivals.next()
        {
            s.at(at, Event::new(Kind::ClientArrival, table.epoch, client));
        }
    }

    /// An open-loop client asks.
    pub(crate) fn client_arrival(&mut self, s: &mut Sched, epoch: u32, client: u32) {
        let table = &mut self.clients[client as usize];
        if table.epoch != epoch {
            return;
        }
        let id = table.first_id.wrapping_add(table.next);
        table.next += 1;
        self.next_client_arrival(s, client);
        self.request(s, client, NONE, id);
    }

    /// Lets a closed-loop user think, and ask afterwards if that is within the traffic.
    pub(crate) fn user_thinks(&mut self, s: &mut Sched, client: u32, user: u32) {
        let table = &mut self.clients[client as usize];
        let LoadTable::Closed { think, think_key, requests_of, users, resting, followed } =
            &mut table.load
        else {
            return;
        };
        if user >= *users {
            let at = resting.partition_point(|&other| other < user);
            resting.insert(at, user);
            return;
        }
        let id = table.first_id.wrapping_add(u64::from(user));
        let d = think.sample(*think_key, id, requests_of[user as usize]);
        let followed = *followed;
        let at = if followed { self.minds(s.now(), client, user, d) } else { s.now() + d };
        if at < self.traffic_end {
            s.at(at, Event::new(Kind::UserAsks, client, user));
        }
    }

    /// A closed-loop user asks, or one of a herd.
    pub(crate) fn user_asks(&mut self, s: &mut Sched, client: u32, user: u32) {
        if self.follows_minds(client) && !self.has_thought(s.now(), client, user) {
            return;
        }
        let table = &mut self.clients[client as usize];
        let LoadTable::Closed { requests_of, .. } = &mut table.load else {
            let id = derive_id(table.herd_id, u64::from(user));
            self.request(s, client, NONE, id);
            return;
        };
        let n = requests_of[user as usize];
        requests_of[user as usize] += 1;
        let id = derive_id(table.first_id.wrapping_add(u64::from(user)), u64::from(n));
        self.request(s, client, user, id);
    }

    fn request(&mut self, s: &mut Sched, client: u32, user: u32, id: u64) {
        self.observer.requested(client, s.now(), id);
        let site = self.clients[client as usize].site;
        self.start_request(s, site, user, id);
    }

    /// A client's request has its final outcome.
    pub(crate) fn request_returns(&mut self, s: &mut Sched, client: u32, call: &Call, ok: bool) {
        let intended = crate::units::SimTime::from_ns(call.intended);
        self.observer.answered(client, s.now(), call.id, intended, ok);
        if call.caller != NONE {
            self.user_thinks(s, client, call.caller);
        }
    }
}
