//! More traffic than usual, or less: arrivals come at a multiple of their rate.
//!
//! Every arrival keeps its draw and only its instant moves; before the strike none does. Users of a
//! closed loop think for so much less time, and what is left of a thought shrinks too.

use super::Trouble;
use crate::model::blueprint::{Blueprint, Load, Target, Verb};
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::tables::LoadTable;
use crate::model::{Sched, World};
use crate::random::Rate;
use crate::units::{SimDuration, SimTime};

/// A source or open-loop client that a failure may speed up.
#[derive(Debug)]
pub(crate) struct Paced {
    /// Its rate without.
    rate: Rate,
    /// Factor that holds.
    pace: f64,
}

/// When each user of a closed loop asks next, ns; [`Mind::ASKS`] while one does.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(super) due: Vec<u64>,
    /// Thoughts take one so-many-th of their time.
    pace: f64,
}

#[cfg(test)]
impl Paced {
    pub(super) fn is_usual(&self) -> bool {
        self.pace == 1.0
    }
}

impl Mind {
    #[cfg(test)]
    pub(super) fn is_usual(&self) -> bool {
        self.pace == 1.0
    }

    pub(super) const ASKS: u64 = u64::MAX;
}

impl Trouble {
    /// Notes who may be sped up or sent at once.
    pub(crate) fn watch_traffic(&mut self, blueprint: &Blueprint) {
        let sources: Vec<_> = blueprint.services.iter().flat_map(|s| &s.sources).collect();
        for failure in &blueprint.failures {
            let Target::Traffic { sources: struck, clients } = &failure.target else { continue };
            for &at in struck {
                let rate = sources[at as usize].rate.clone();
                self.paced.insert((false, at), Paced { rate, pace: 1.0 });
            }
            for client in clients {
                match &blueprint.clients[client.0 as usize].load {
                    Load::Open(rate) => {
                        let rate = rate.clone();
                        self.paced.insert((true, client.0), Paced { rate, pace: 1.0 });
                    }
                    Load::Closed { users, .. } => {
                        let due = vec![Mind::ASKS; *users as usize];
                        self.minds.insert(client.0, Mind { due, pace: 1.0 });
                    }
                }
            }
        }
    }

    /// Whether it is known of the users of a client when they ask.
    pub(crate) fn follows(&self, client: u32) -> bool {
        self.minds.contains_key(&client)
    }

    /// Rates as they are to change, with what speeds them up.
    pub(crate) fn with_pace(&mut self, client: bool, of: u32, old: &Rate, new: &Rate) -> [Rate; 2] {
        let Some(paced) = self.paced.get_mut(&(client, of)) else {
            return [old.clone(), new.clone()];
        };
        paced.rate = new.clone();
        [old, new].map(|rate| rate.scaled(paced.pace).unwrap_or_else(|| rate.clone()))
    }
}

impl<O: Observer> World<O> {
    /// A spike begins or ends.
    pub(super) fn traffic_changes(&mut self, s: &mut Sched, failure: u32) {
        let Target::Traffic { sources, clients } = self.failures[failure as usize].target.clone()
        else {
            return;
        };
        for source in sources {
            self.change_pace(s, false, source);
        }
        for client in clients {
            if self.trouble.minds.contains_key(&client.0) {
                self.change_thoughts(s, client.0);
            } else {
                self.change_pace(s, true, client.0);
            }
        }
    }

    /// Product of the spikes that strike something, in the order of the file.
    fn pace(&self, client: bool, of: u32) -> f64 {
        let mut pace = 1.0;
        for (f, strikes) in self.failures.iter().zip(&self.strikes) {
            let (Verb::Spike(k), Target::Traffic { sources, clients }) = (f.verb, &f.target) else {
                continue;
            };
            let struck =
                if client { clients.iter().any(|c| c.0 == of) } else { sources.contains(&of) };
            if struck {
                (0..*strikes).for_each(|_| pace *= k);
            }
        }
        pace
    }

    fn change_pace(&mut self, s: &mut Sched, client: bool, of: u32) {
        let pace = self.pace(client, of);
        let Some(paced) = self.trouble.paced.get_mut(&(client, of)) else { return };
        let (Some(old), Some(new)) = (paced.rate.scaled(paced.pace), paced.rate.scaled(pace))
        else {
            return;
        };
        paced.pace = pace;
        let kind = if client { Kind::ClientArrival } else { Kind::SourceArrival };
        self.change_arrivals(s, kind, of, &old, &new);
    }

    fn change_thoughts(&mut self, s: &mut Sched, client: u32) {
        let pace = self.pace(true, client);
        let Some(mind) = self.trouble.minds.get_mut(&client) else { return };
        let faster = pace / std::mem::replace(&mut mind.pace, pace);
        let (now, end) = (s.now().ns(), self.traffic_end.ns());
        for (user, due) in mind.due.iter_mut().enumerate().filter(|(_, due)| **due != Mind::ASKS) {
            let left = due.saturating_sub(now) as f64 / faster;
            *due = now.saturating_add((left + 0.5) as u64);
            if *due < end {
                s.at(SimTime::from_ns(*due), Event::new(Kind::UserAsks, client, user as u32));
            }
        }
    }

    /// When a user asks who thinks for `d`, of a client that a failure may strike. `None`: not
    /// within the traffic.
    #[cold]
    #[inline(never)]
    pub(crate) fn minds(
        &mut self,
        now: SimTime,
        client: u32,
        user: u32,
        d: SimDuration,
    ) -> SimTime {
        let Some(mind) = self.trouble.minds.get_mut(&client) else { return now + d };
        let d = if mind.pace == 1.0 { d.ns() } else { (d.ns() as f64 / mind.pace + 0.5) as u64 };
        let at = now + SimDuration::from_ns(d);
        if mind.due.len() <= user as usize {
            mind.due.resize(user as usize + 1, Mind::ASKS);
        }
        mind.due[user as usize] = at.ns();
        at
    }

    /// Whether a thought is over that a failure may have put off, or brought forward.
    #[cold]
    #[inline(never)]
    pub(crate) fn has_thought(&mut self, now: SimTime, client: u32, user: u32) -> bool {
        let Some(mind) = self.trouble.minds.get_mut(&client) else { return true };
        let due = &mut mind.due[user as usize];
        let over = *due == now.ns();
        if over {
            *due = Mind::ASKS;
        }
        over
    }

    /// Whether the users of a client may be struck: their thoughts are followed.
    #[inline]
    pub(crate) fn follows_minds(&self, client: u32) -> bool {
        let table = &self.clients[client as usize];
        matches!(table.load, LoadTable::Closed { followed: true, .. })
    }
}
