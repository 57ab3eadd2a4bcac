//! What breaks. Failures stack, and ending one undoes exactly that one: causes are counted, never
//! saved and restored.
//!
//! `trigger` says when a failure strikes and when its cause is removed, each verb has a file that
//! says what it does, and here the two meet: `strike` and `relent`.

mod bug;
mod condition;
mod crash;
mod deaf;
mod disk;
mod herd;
mod hot;
mod link;
mod message;
mod node;
mod pause;
mod set;
mod skew;
mod spike;
mod stop;
mod strain;
#[cfg(test)]
mod tests;
mod throttle;
mod trigger;
mod window;

pub(crate) use link::{Links, PATIENCE};
pub(crate) use message::{concerns, faults};
pub(crate) use pause::{Frozen, Held};
pub(crate) use set::Settings;
pub(crate) use trigger::clocks;

use super::blueprint::{Blueprint, BrokerId, Failure, Target, Verb};
use super::broker::{Ctx, Engine};
use super::observation::Observer;
use super::{Sched, World};
use crate::random::{StreamKey, Streams};
use disk::Full;
use spike::{Mind, Paced};
use std::collections::BTreeMap;
use stop::Roll;
use strain::Strain;
use trigger::Clock;

/// A strike at all of its failure's target, and not at the n-th part alone, which counts from 1.
const WHOLE: u32 = 0;

/// The stream of what a failure draws for a purpose. Several failures may have one name; their
/// place among those of the name tells them apart, so that they are independent.
fn stream(failures: &[Failure], at: usize, purpose: &str, streams: &Streams) -> StreamKey {
    let name = &failures[at].name;
    let nth = failures[..at].iter().filter(|other| other.name == *name).count();
    streams.key(&format!("failure.{name}#{nth}/{purpose}"))
}

/// What failures have done that is not undone yet.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// Causes that keep the nodes of each broker down.
    nodes: Vec<Causes>,
    /// Causes that keep the partitions of each log without a leader, by their number.
    partitions: Vec<Causes>,
    /// Rolling restarts under way.
    rolls: Vec<Roll>,
    /// Timers of jobs, put off by a pause.
    pub(crate) frozen: BTreeMap<u32, Frozen>,
    /// What has reached each instance that stands still.
    held: BTreeMap<u32, Vec<Held>>,
    /// What is wrong with links.
    pub(crate) links: Links,
    /// What the triggers remember, by failure.
    pub(crate) clocks: Vec<Clock>,
    /// Since when strikes that last weigh on instances, ns, by instance and failure.
    burdens: BTreeMap<(u32, u32), Vec<u64>>,
    /// What weighs on an instance, where it is more than a factor.
    strains: BTreeMap<u32, Strain>,
    /// Sources (`false`) and open-loop clients (`true`) that may be sped up.
    paced: BTreeMap<(bool, u32), Paced>,
    /// Closed-loop clients whose users may be struck.
    minds: BTreeMap<u32, Mind>,
    /// Since when events have had a form that some do not know, ns, by failure.
    forms: BTreeMap<u32, Vec<u64>>,
    /// Services that hear no events.
    pub(crate) deaf: u32,
    /// By how much the clocks of instances are wrong, ns.
    skews: BTreeMap<u32, i64>,
    /// Brokers that cannot write.
    pub(crate) full: BTreeMap<u32, Full>,
}

impl Trouble {
    /// None, in the world of a blueprint.
    pub(crate) fn none(blueprint: &Blueprint) -> Self {
        let brokers = || 0..blueprint.brokers.len();
        let nodes = brokers().map(|b| blueprint.brokers[b].nodes.max(1));
        let partitions = brokers().map(|b| blueprint.partitions(BrokerId(b as u32)));
        Self {
            nodes: nodes.map(Causes::none).collect(),
            partitions: partitions.map(Causes::none).collect(),
            rolls: Vec::new(),
            frozen: BTreeMap::new(),
            held: BTreeMap::new(),
            links: Links::default(),
            clocks: Vec::new(),
            burdens: BTreeMap::new(),
            strains: BTreeMap::new(),
            paced: BTreeMap::new(),
            minds: BTreeMap::new(),
            forms: BTreeMap::new(),
            deaf: 0,
            skews: BTreeMap::new(),
            full: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
impl Trouble {
    /// Whether nothing is left of any failure.
    pub(crate) fn is_over(&self) -> bool {
        let mut causes = self.nodes.iter().chain(&self.partitions);
        causes.all(|causes| causes.0.iter().all(|n| *n == 0))
            && self.rolls.is_empty()
            && self.frozen.is_empty()
            && self.held.is_empty()
            && self.burdens.is_empty()
            && self.strains.is_empty()
            && self.paced.values().all(Paced::is_usual)
            && self.minds.values().all(Mind::is_usual)
            && self.forms.is_empty()
            && self.deaf == 0
            && self.skews.is_empty()
            && self.full.is_empty()
            && !self.links.any
            && !self.links.cuts
    }
}

/// How many causes keep each of some things down.
#[derive(Debug)]
struct Causes(Vec<u32>);

impl Causes {
    /// None, of so many things.
    fn none(things: u32) -> Self {
        Self(vec![0; things as usize])
    }

    /// Another cause begins. Whether it is the only one.
    fn begins(&mut self, which: u32) -> bool {
        let causes = &mut self.0[which as usize];
        *causes += 1;
        *causes == 1
    }

    /// A cause ends. Whether it was the last one.
    fn ends(&mut self, which: u32) -> bool {
        let causes = &mut self.0[which as usize];
        *causes -= 1;
        *causes == 0
    }
}

impl<O: Observer> World<O> {
    /// A failure strikes, all of its target or a part. Every verb has an arm here.
    fn strike(&mut self, s: &mut Sched, failure: u32, part: u32) {
        let now = s.now();
        let struck = self.struck_in(failure, part);
        match self.failures[failure as usize].verb {
            Verb::Crash | Verb::Unclean => self.crash(s, failure, &struck),
            Verb::Stop => struck.into_iter().for_each(|i| self.stop(s, i)),
            Verb::Restart => self.roll_out(failure),
            Verb::Pause => struck.into_iter().for_each(|i| self.pause(s, i)),
            Verb::Slow(_) | Verb::Leak(_) | Verb::Brownout { .. } => {
                for i in struck {
                    self.burden(now, failure, i);
                }
            }
            Verb::Replay(to) => self.each_group_struck(s, failure, |engine, ctx, group| {
                engine.replay(ctx, group, to);
            }),
            Verb::Redrive => self.each_group_struck(s, failure, |engine, ctx, group| {
                engine.redrive(ctx, group);
            }),
            Verb::Set(_) | Verb::Expire(_) => self.values_change(s),
            Verb::Skew(_) => self.clocks_change(),
            Verb::Link => self.links_change(s, failure),
            Verb::Throttle(_) => self.throttle(failure),
            Verb::Spike(_) => self.traffic_changes(s, failure),
            Verb::Hot(_) => self.heat(),
            Verb::Herd { .. } => self.stampede(s, failure),
            Verb::Poison { .. } | Verb::Bug(_) => {}
            Verb::Schema => self.form_changes(now, failure),
            Verb::DropConsumer => self.hears_no_more(s, failure),
            Verb::DiskFull => self.fills_up(failure),
        }
        self.roll_on(s);
    }

    /// The cause of a strike is removed. Every verb has an arm here.
    fn relent(&mut self, s: &mut Sched, failure: u32, part: u32) {
        let struck = self.struck_in(failure, part);
        match self.failures[failure as usize].verb {
            Verb::Crash | Verb::Unclean => self.recover(s, failure, &struck),
            Verb::Stop => struck.into_iter().for_each(|i| self.stop_ends(s, i)),
            Verb::Pause => struck.into_iter().for_each(|i| self.go_on(s, i)),
            Verb::Slow(_) | Verb::Leak(_) | Verb::Brownout { .. } => {
                for i in struck {
                    self.relieve(failure, i);
                }
            }
            Verb::Set(_) | Verb::Expire(_) => self.values_change(s),
            Verb::Skew(_) => self.clocks_change(),
            Verb::Link => self.links_change(s, failure),
            Verb::Throttle(_) => self.throttle(failure),
            Verb::Spike(_) => self.traffic_changes(s, failure),
            Verb::Hot(_) => self.heat(),
            Verb::Poison { .. } | Verb::Schema => self.mend(s, failure),
            Verb::DropConsumer => self.hears_again(s, failure),
            Verb::DiskFull => self.has_room_again(s, failure),
            Verb::Bug(fix) => self.bug_is_fixed(s, failure, fix),
            Verb::Restart | Verb::Replay(_) | Verb::Redrive | Verb::Herd { .. } => {}
        }
    }

    /// The instances that a failure strikes.
    fn struck(&self, failure: u32) -> Vec<u32> {
        let base = self.failure_base[failure as usize];
        match &self.failures[failure as usize].target {
            Target::Instances { instances, .. } => instances.iter().map(|i| base + i).collect(),
            _ => Vec::new(),
        }
    }

    /// Those that one strike strikes: all, or one.
    fn struck_in(&self, failure: u32, part: u32) -> Vec<u32> {
        let all = self.struck(failure);
        if part == WHOLE { all } else { vec![all[part as usize - 1]] }
    }

    /// Tells the engines of the groups of the service that a failure strikes something.
    fn each_group_struck(
        &mut self,
        s: &mut Sched,
        failure: u32,
        tell: impl Fn(&mut (dyn Engine<O> + 'static), &mut Ctx<O>, u32),
    ) {
        if let Target::Instances { service, .. } = self.failures[failure as usize].target {
            self.each_group(s, service.0, tell);
        }
    }

    /// Tells the engines of a service's groups something.
    pub(crate) fn each_group(
        &mut self,
        s: &mut Sched,
        service: u32,
        tell: impl Fn(&mut (dyn Engine<O> + 'static), &mut Ctx<O>, u32),
    ) {
        for group in self.services[service as usize].groups.clone() {
            let (engine, mut ctx) = self.at_broker(s, self.groups[group as usize].broker);
            tell(engine, &mut ctx, group);
            self.replies(s);
        }
    }
}
