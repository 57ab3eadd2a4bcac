//! A herd: clients that all ask at once, as after an outage or when a cache is emptied.
//!
//! Users of a closed loop who think ask now instead of at the end of their thought, and those who
//! wait for an answer go on waiting. Clients of an open loop ask once, beside their usual traffic.

use super::spike::Mind;
use crate::model::blueprint::{Target, Verb};
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::{Sched, World};
use crate::random::Variate;
use crate::units::{SimDuration, SimTime};

impl<O: Observer> World<O> {
    /// A herd comes.
    pub(super) fn stampede(&mut self, s: &mut Sched, failure: u32) {
        let f = &self.failures[failure as usize];
        let (Verb::Herd { clients: count, spread }, Target::Traffic { clients, .. }) =
            (f.verb, f.target.clone())
        else {
            return;
        };
        let luck = self.trouble.clocks[failure as usize].luck;
        let even = Variate::Uniform { low_ns: 0.0, high_ns: spread.ns() as f64 };
        let (now, end) = (s.now(), self.traffic_end);
        let strike = self.trouble.clocks[failure as usize].strike();
        let at = |client: u32| {
            if spread == SimDuration::ZERO {
                now
            } else {
                now + even.sample(luck, u64::from(client), strike)
            }
        };
        for client in clients {
            if let Some(mind) = self.trouble.minds.get_mut(&client.0) {
                let count = count.map_or(usize::MAX, |n| n as usize);
                for (user, due) in mind.due.iter_mut().enumerate().take(count) {
                    let asks = at(user as u32);
                    if *due == Mind::ASKS || asks >= end {
                        continue;
                    }
                    *due = asks.ns();
                    s.at(asks, Event::new(Kind::UserAsks, client.0, user as u32));
                }
                continue;
            }
            for nth in 0..count.unwrap_or(0) {
                let asks: SimTime = at(nth);
                if asks < end {
                    let table = &mut self.clients[client.0 as usize];
                    s.at(asks, Event::new(Kind::UserAsks, client.0, table.herd));
                    table.herd = table.herd.wrapping_add(1);
                }
            }
        }
    }
}
