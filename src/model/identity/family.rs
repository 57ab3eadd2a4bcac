//! What the processing of one event or request has brought forth, so that processing it again
//! brings forth the same.
//!
//! A family lives as long as its head may be processed again: as long as the obligation of an
//! event, or the calls and jobs of a request. It holds the facts that it consists of, and the marks
//! of services that remember what they have done.

use super::super::World;
use super::super::book::Book;
use super::super::observation::Observer;
use super::super::publish::Emitted;
use super::super::slab::Slab;
use super::super::tables::NONE;
use super::{Trace, note};
use crate::random::derive_id;

/// Salt of the further identities that a service gives to what it emits again.
const FRESH: u64 = 0x6672_6573_6869_6421;

/// All that came of one event at one subscription, or of one request of a client.
#[derive(Clone, Copy, Debug)]
struct Family {
    /// The youngest of its children, or [`NONE`].
    youngest: u32,
    /// What may still add to it or look into it.
    refs: u32,
}

/// One that came of it.
#[derive(Clone, Copy, Debug)]
struct Child {
    id: u64,
    /// Its fact, or [`NONE`] if it is the mark of something done.
    fact: u32,
    /// When it was done, ns.
    at: u64,
    /// The next older one, or [`NONE`].
    elder: u32,
}

/// All families. They are named by their place plus one; 0 is none.
#[derive(Debug)]
pub(crate) struct Families {
    heads: Slab<Family>,
    children: Slab<Child>,
    /// Families that a forgotten fact leaves behind.
    orphaned: Vec<u32>,
}

impl Default for Families {
    fn default() -> Self {
        Self { heads: Slab::new(), children: Slab::new(), orphaned: Vec::new() }
    }
}

impl Families {
    /// Families and their children that are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.heads.len(), self.children.len())
    }

    /// A new family, which something refers to.
    fn found(&mut self) -> u32 {
        self.heads.insert(Family { youngest: NONE, refs: 1 }) + 1
    }

    /// Something else refers to a family.
    pub(super) fn join(&mut self, family: u32) {
        if family != 0 {
            self.heads.get_mut(family - 1).refs += 1;
        }
    }

    fn add(&mut self, family: u32, id: u64, fact: u32, at: u64) {
        let f = self.heads.get_mut(family - 1);
        let elder = f.youngest;
        f.youngest = self.children.insert(Child { id, fact, at, elder });
    }

    fn find(&self, family: u32, id: u64) -> Option<u32> {
        let mut at = if family == 0 { NONE } else { self.heads.get(family - 1).youngest };
        while at != NONE {
            let child = self.children.get(at);
            if child.id == id {
                return Some(at);
            }
            at = child.elder;
        }
        None
    }

    /// The fact that was emitted with this identity.
    fn fact(&self, family: u32, id: u64) -> Option<u32> {
        self.find(family, id).map(|at| self.children.get(at).fact)
    }

    /// When something was marked as done, ns.
    pub(super) fn marked(&self, family: u32, id: u64) -> Option<u64> {
        self.find(family, id).map(|at| self.children.get(at).at)
    }

    /// Marks something as done.
    pub(super) fn mark(&mut self, family: u32, id: u64, now: u64) {
        match self.find(family, id) {
            Some(at) => self.children.get_mut(at).at = now,
            None => self.add(family, id, NONE, now),
        }
    }

    /// Takes a mark back.
    pub(super) fn unmark(&mut self, family: u32, id: u64) {
        if let Some(at) = self.find(family, id) {
            self.children.get_mut(at).id = 0;
        }
    }
}

impl Book {
    /// What has come of a fact at a subscription.
    fn family(&mut self, fact: u32, subscription: u32) -> u32 {
        let family = self.get(fact, subscription).family;
        if family != 0 {
            return family;
        }
        let family = self.identity.families.found();
        self.get(fact, subscription).family = family;
        self.facts.get_mut(fact).fruitful = true;
        family
    }

    /// A fact is one of a family, and remembered as long as that is.
    fn adopt(&mut self, family: u32, id: u64, fact: u32) {
        self.facts.get_mut(fact).refs += 1;
        self.identity.families.add(family, id, fact, 0);
    }

    /// A fact with this family is being forgotten.
    pub(crate) fn orphan(&mut self, family: u32) {
        if family != 0 {
            self.identity.families.orphaned.push(family);
        }
    }

    /// Something refers to a family no more.
    pub(crate) fn leave(&mut self, family: u32) {
        self.orphan(family);
        self.bury();
    }

    /// Gives up the families that have been left; what only they referred to is forgotten, and with
    /// it the families that came of it.
    pub(crate) fn bury(&mut self) {
        while let Some(family) = self.identity.families.orphaned.pop() {
            let all = &mut self.identity.families;
            let f = all.heads.get_mut(family - 1);
            f.refs -= 1;
            if f.refs > 0 {
                continue;
            }
            let mut at = f.youngest;
            all.heads.free(family - 1);
            while at != NONE {
                let child = *self.identity.families.children.get(at);
                self.identity.families.children.free(at);
                at = child.elder;
                if child.fact != NONE {
                    self.facts.get_mut(child.fact).refs -= 1;
                    self.clear(child.fact);
                }
            }
        }
    }
}

impl<O: Observer> World<O> {
    /// What has come of the event or the request of a client that a job goes back to.
    pub(super) fn family_of(&mut self, job: u32) -> u32 {
        let j = self.jobs.get(job);
        match (j.subscription, j.delivery) {
            (NONE, _) => self.book.identity.jobs[job as usize].family,
            (_, NONE) => 0,
            (subscription, _) => {
                let fact = j.origin;
                self.book.family(fact, subscription)
            }
        }
    }

    /// The fact of an event that has been emitted before, by an earlier processing of the same
    /// cause. A service that makes up new identities gives it another one instead.
    pub(crate) fn emitted_before(&mut self, e: &mut Emitted) -> Option<u32> {
        if e.of == NONE {
            return None;
        }
        let family = self.family_of(e.of);
        let service = self.instances[e.instance as usize].service;
        let identity = &self.book.identity;
        let before = identity.families.fact(family, e.id)?;
        if !identity.memory[service as usize].fresh_ids {
            return Some(before);
        }
        while identity.families.fact(family, e.id).is_some() {
            e.id = derive_id(e.id, FRESH);
        }
        None
    }

    /// A handler has emitted a fact: it will be known if it is emitted again.
    pub(crate) fn emitted(&mut self, e: &Emitted, fact: u32) {
        if e.of != NONE {
            let family = self.family_of(e.of);
            // What nobody wants may as well be made again.
            if family != 0 && self.book.facts.get(fact).base != NONE {
                self.book.adopt(family, e.id, fact);
            }
        }
    }

    /// A call begins: it is part of what its caller goes back to, and a request of a client is the
    /// head of a family of its own.
    pub(crate) fn call_begins(&mut self, call: u32, caller: u32) {
        let trace = if caller == NONE {
            let family = self.book.identity.families.found();
            Trace { family, ..Trace::of_root(self.calls.get(call).id) }
        } else if self.traced(caller) {
            let family = self.family_of(caller);
            self.book.identity.families.join(family);
            Trace { family, ..self.book.identity.jobs[caller as usize] }
        } else {
            // Of what the ideal bus brought nothing comes that would have to be known again.
            let c = self.calls.get(call);
            Trace { key: c.key, ..Trace::of_root(c.id) }
        };
        note(&mut self.book.identity.calls, call, trace);
    }

    /// A call has its outcome.
    pub(crate) fn call_ends(&mut self, call: u32) {
        let family = self.book.identity.calls[call as usize].family;
        self.book.leave(family);
    }

    /// The job of a request ends.
    pub(crate) fn request_ends(&mut self, job: u32) {
        let family = self.book.identity.jobs[job as usize].family;
        self.book.leave(family);
    }
}
