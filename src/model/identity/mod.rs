//! Who is who: which individual a fact is about and in which version, what every piece of work
//! goes back to, and what has already been emitted and applied.
//!
//! All of it is kept beside facts, jobs and calls, and only in worlds that need it: those in which
//! an event goes through the book or a service remembers. It knows nothing of brokers.

mod build;
mod family;
mod guard;
mod individuals;
#[cfg(test)]
mod tests;

pub(crate) use build::ungated;

use super::World;
use super::blueprint::{Dedup, Memory};
use super::observation::Observer;
use super::publish::Emitted;
use super::tables::NONE;
use crate::random::{Chance, Ranking, StreamKey, derive_id};
use crate::units::SimTime;
use family::Families;
use guard::Gaps;
use individuals::Individuals;
use std::collections::BTreeSet;

/// What a fact, a job or a call goes back to and is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    /// The event of a source or the request of a client that it all began with.
    pub(crate) root: u64,
    /// The individual that it is about, or 0.
    pub(crate) key: u64,
    /// Its version; the first is 1.
    pub(crate) version: u32,
    /// Its entity, or [`NONE`].
    pub(crate) entity: u32,
    /// Of a fact: its place among the individuals that are followed, or [`NONE`].
    individual: u32,
    /// Of a request: what its processing has emitted so far, or 0.
    family: u32,
}

impl Trace {
    const BLANK: Self =
        Self { root: 0, key: 0, version: 0, entity: NONE, individual: NONE, family: 0 };

    /// Something that nothing caused.
    fn of_root(root: u64) -> Self {
        Self { root, ..Self::BLANK }
    }
}

/// An entity, as the world sees it.
#[derive(Debug)]
struct EntityTable {
    /// Hash of its name.
    name: u64,
    /// Individuals that exist from the start, and how they are drawn.
    population: Option<(Ranking, StreamKey)>,
    /// Whether an individual can have more than one version.
    followed: bool,
    /// Whether each handler writes it.
    written_by: Vec<bool>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// Whether there is anything to be kept.
    pub(crate) on: bool,
    /// Whether some individual can have more than one version.
    pub(crate) versions: bool,
    /// Whether a client has an objective: then it is stated what each request leads to.
    pub(crate) objectives: bool,
    entities: Vec<EntityTable>,
    /// The entity that the key of each event type names, or [`NONE`].
    keys: Vec<u32>,
    /// What each service remembers.
    pub(crate) memory: Vec<Memory>,
    jobs: Vec<Trace>,
    calls: Vec<Trace>,
    facts: Vec<Trace>,
    individuals: Individuals,
    pub(crate) families: Families,
    gaps: Gaps,
    /// Keys that are hot for now.
    pub(crate) hot: Vec<Hot>,
    /// Individuals that a subscription once had to do without, by key and subscription.
    harmed: BTreeSet<(u64, u32)>,
}

/// A share of the new events of a type is about the first individual of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hot {
    pub(crate) event: u32,
    pub(crate) chance: Chance,
    pub(crate) luck: StreamKey,
}

/// Notes the trace of what is in `slot`.
fn note(traces: &mut Vec<Trace>, slot: u32, trace: Trace) {
    if traces.len() <= slot as usize {
        traces.resize(slot as usize + 1, Trace::BLANK);
    }
    traces[slot as usize] = trace;
}

impl Identity {
    /// The individual of an entity that `root` is about: drawn from its population, or a new one.
    fn individual_of(&self, entity: u32, root: u64) -> u64 {
        let table = &self.entities[entity as usize];
        if !self.hot.is_empty()
            && let Some(first) = self.hottest(entity, root)
        {
            return first;
        }
        match &table.population {
            Some((ranking, key)) => key_of(table.name, ranking.sample(*key, root)),
            None => derive_id(derive_id(root, table.name), 0) | 1,
        }
    }

    /// The first individual of an entity, if that is hot and `root` falls to it.
    #[cold]
    #[inline(never)]
    fn hottest(&self, entity: u32, root: u64) -> Option<u64> {
        let of = |hot: &&Hot| self.keys[hot.event as usize] == entity;
        let mut all = self.hot.iter().filter(of);
        let struck = all.any(|hot| hot.chance.draw(hot.luck, root, 0));
        struck.then(|| key_of(self.entities[entity as usize].name, 0))
    }

    /// The newest version of the first individual of an entity, 0 if there is none.
    #[cfg(test)]
    pub(crate) fn version_of_first(&self, entity: u32) -> u32 {
        let key = key_of(self.entities[entity as usize].name, 0);
        self.individuals.version(key).unwrap_or(0)
    }

    /// A new version of an individual that had version `had` when it was last heard of.
    fn next_version(&mut self, entity: u32, key: u64, had: u32) -> u32 {
        let table = &self.entities[entity as usize];
        if table.followed {
            self.individuals.next_version(key, table.population.is_some(), had)
        } else {
            had + 1
        }
    }

    /// A handler writes an entity: a drawn individual of its population, the one that its cause is
    /// about, or a new one, called `new`. What comes of it is about the first that was written.
    fn write(&mut self, job: u32, entity: u32, new: u64) -> u64 {
        let t = self.jobs[job as usize];
        let drawn = self.entities[entity as usize].population.is_some();
        let about = t.key == 0 || t.entity == entity;
        let key = match (drawn, t.entity == entity) {
            (true, _) => self.individual_of(entity, t.root),
            (false, true) => t.key,
            (false, false) => new,
        };
        if about || drawn {
            let had = if key == t.key { t.version } else { 0 };
            let version = self.next_version(entity, key, had);
            if about {
                self.jobs[job as usize] = Trace { key, version, entity, ..t };
            }
        }
        self.jobs[job as usize].key
    }

    /// A fact was committed: its individual is followed if it can have other versions.
    fn follow(&mut self, fact: u32, trace: Trace) -> u32 {
        let mut t = Trace { individual: NONE, family: 0, ..trace };
        if let Some(table) = self.entities.get(t.entity as usize)
            && table.followed
        {
            t.individual = self.individuals.meet(t.key, table.population.is_some(), t.version);
        }
        note(&mut self.facts, fact, t);
        t.individual
    }

    /// A fact is forgotten.
    pub(crate) fn forget(&mut self, fact: u32) {
        let Some(t) = self.facts.get(fact as usize) else { return };
        if t.individual != NONE && self.individuals.part(t.individual) {
            self.gaps.forget(t.individual);
        }
    }

    /// A subscription has to do without what it was owed of an individual, for now at least.
    pub(crate) fn harm<O: Observer>(&mut self, o: &mut O, key: u64, subscription: u32) {
        if key == 0 {
            return;
        }
        let first = self.harmed.range((key, 0)..=(key, u32::MAX)).next().is_none();
        if self.harmed.insert((key, subscription)) {
            o.harmed(subscription, first);
        }
    }

    /// What a job goes back to, if that is known.
    pub(crate) fn root_of(&self, job: u32) -> Option<u64> {
        self.jobs.get(job as usize).map(|t| t.root)
    }

    /// A subscription will not apply a fact, because it shows a newer version.
    pub(crate) fn overtaken<O: Observer>(&self, o: &mut O, fact: u32) {
        if let Some(t) = self.facts.get(fact as usize).filter(|_| self.objectives) {
            o.overtaken(t.root);
        }
    }

    /// The individual that a fact of the book is about, or 0.
    pub(crate) fn about(&self, fact: u32) -> u64 {
        self.facts.get(fact as usize).map_or(0, |t| t.key)
    }

    /// A job took the place of another.
    pub(crate) fn moved(&mut self, from: u32, to: u32) {
        if let Some(&t) = self.jobs.get(from as usize) {
            note(&mut self.jobs, to, t);
        }
    }

    /// The job of a delivery of the book: it is about what its fact is about. Returns that.
    pub(crate) fn delivered<O: Observer>(
        &mut self,
        o: &mut O,
        fact: u32,
        subscription: u32,
        job: u32,
    ) -> u64 {
        let t = self.facts[fact as usize];
        note(&mut self.jobs, job, t);
        if t.individual != NONE && self.individuals.overtaken(subscription, t.individual, t.version)
        {
            o.out_of_order(subscription);
        }
        t.key
    }

    /// An attempt of a call is made.
    pub(crate) fn tried(&mut self, call: u32, job: u32) {
        let t = self.calls[call as usize];
        self.families.join(t.family);
        note(&mut self.jobs, job, t);
    }
}

/// The key of individual `number` of the entity whose name hashes to `name`; never 0.
pub(crate) fn key_of(name: u64, number: u64) -> u64 {
    derive_id(name, number).max(1)
}

impl<O: Observer> World<O> {
    /// Whether it is known what a job goes back to: not of one that the ideal bus brought without
    /// the book, from which nothing follows that would be in it.
    #[inline]
    pub(crate) fn traced(&self, job: u32) -> bool {
        let j = self.jobs.get(job);
        self.book.identity.on && (j.subscription == NONE || j.delivery != NONE)
    }

    /// A handler writes an entity; a new individual would be called `new`.
    pub(crate) fn write(&mut self, job: u32, entity: u32, new: u64) {
        self.jobs.get_mut(job).key = self.book.identity.write(job, entity, new);
    }

    /// What an event is about, and the key that routes and orders it.
    pub(crate) fn traces(&mut self, e: &Emitted) -> (u64, Trace) {
        self.traces_of(e.event, e.of, Trace { key: e.key, ..Trace::of_root(e.id) })
    }

    /// What an event is about that is older than the run: as if a source had emitted it.
    pub(crate) fn traces_back(&mut self, event: u32, id: u64) -> (u64, Trace) {
        self.traces_of(event, NONE, Trace::of_root(id))
    }

    /// What an event of a job is about, or of none: then `own` is what is known of it.
    fn traces_of(&mut self, event: u32, of: u32, own: Trace) -> (u64, Trace) {
        let identity = &mut self.book.identity;
        let t = identity.jobs.get(of as usize).copied().unwrap_or(own);
        let entity = identity.keys[event as usize];
        if entity == NONE || entity == t.entity {
            return (t.key, t);
        }
        // Of a source whose individuals take turns it is known.
        let known = of == NONE && t.key != 0;
        let key = match known {
            true if identity.hot.is_empty() => t.key,
            true => identity.hottest(entity, t.root).unwrap_or(t.key),
            false => identity.individual_of(entity, t.root),
        };
        let writes = of != NONE && {
            let handler = self.jobs.get(of).handler;
            identity.entities[entity as usize].written_by[handler as usize]
        };
        let version = match (writes, known || t.key == 0) {
            (true, _) => identity.individuals.version(key).unwrap_or(1),
            // Nobody wrote anything: events of one key are counted.
            (false, true) => identity.next_version(entity, key, 0),
            (false, false) => return (key, t),
        };
        (key, Trace { key, version, entity, ..t })
    }

    /// A fact of the book was committed: what it is about, and who is owed that.
    pub(crate) fn follows(&mut self, now: SimTime, fact: u32, trace: Trace) {
        if self.book.identity.objectives {
            self.observer.caused(trace.root, self.book.facts.get(fact).left);
        }
        let individual = self.book.identity.follow(fact, trace);
        if individual == NONE {
            return;
        }
        let f = *self.book.facts.get(fact);
        for subscription in self.book.heard[f.event as usize].clone() {
            if !self.book.wants(fact, subscription) {
                continue;
            }
            let identity = &mut self.book.identity;
            let o = &mut self.observer;
            let of = (subscription, individual, trace.version);
            let commit = (!f.backfill).then_some(SimTime::from_ns(f.commit));
            identity.individuals.owe(o, now, of, commit);
            let service = self.subscriptions[subscription as usize].service;
            if identity.memory[service as usize].order == super::OrderGuard::Buffer {
                identity.gaps.owe(of, fact);
            }
        }
    }

    /// A subscription has applied a fact, for the `first` time or again, and shows it; `spoilt` if
    /// its handler did so wrongly.
    pub(crate) fn shows(
        &mut self,
        now: SimTime,
        (fact, subscription): (u32, u32),
        first: bool,
        spoilt: bool,
    ) {
        let identity = &mut self.book.identity;
        let t = identity.facts[fact as usize];
        if t.individual == NONE {
            let f = self.book.facts.get(fact);
            if identity.versions && first && !f.backfill {
                self.observer.visible(subscription, now, SimTime::from_ns(f.commit));
            }
            return;
        }
        let of = (subscription, t.individual, t.version);
        identity.gaps.close(of, fact);
        if identity.individuals.show(&mut self.observer, now, of, spoilt) || spoilt {
            identity.harm(&mut self.observer, t.key, subscription);
        }
    }

    /// A subscription has applied a fact, which may be what somebody waits for.
    #[cold]
    #[inline(never)]
    pub(crate) fn states_effect(&mut self, now: SimTime, fact: u32) {
        let root = self.book.identity.facts[fact as usize].root;
        self.observer.took_effect(root, now);
    }

    /// Whether a job has committed, and its service will never do its work again.
    pub(crate) fn is_done(&self, job: u32) -> bool {
        let j = self.jobs.get(job);
        let service = self.handlers[j.handler as usize].service;
        j.committed != 0
            && self.book.identity.on
            && self.book.identity.memory[service as usize].dedup != Dedup::None
    }
}
