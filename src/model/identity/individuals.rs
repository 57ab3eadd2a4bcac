//! The versions of individuals: at their owner, and as each subscription shows them.

use super::super::observation::Observer;
use super::super::slab::Slab;
use crate::units::SimTime;
use std::collections::{BTreeMap, VecDeque};

/// One version of one individual at one subscription: (subscription, individual, version).
pub(super) type Owed = (u32, u32, u32);

/// An individual that can have more than one version.
#[derive(Clone, Copy, Debug)]
struct Individual {
    key: u64,
    /// Its newest version.
    version: u32,
    /// Facts about it that are not forgotten.
    facts: u32,
    /// Whether it is one of a population, which is never forgotten.
    stays: bool,
    /// Subscriptions that show another version than the newest that they are owed.
    behind: u32,
}

/// An individual as one subscription has it.
#[derive(Debug, Default)]
struct View {
    /// The newest version that it is owed.
    newest: u32,
    /// The version that it shows.
    shown: u32,
    /// The newest that it ever showed.
    top: u32,
    /// The newest that was handed to it.
    delivered: u32,
    /// Whether what it shows is spoilt.
    corrupt: bool,
    /// Versions that it never showed, nor a newer one, ascending, and the commits of their facts.
    unseen: VecDeque<(u32, u64)>,
}

impl View {
    /// Whether it does not show the newest version as it is.
    fn is_wrong(&self) -> bool {
        self.shown != self.newest || self.corrupt
    }
}

/// All individuals that are followed.
#[derive(Debug)]
pub(crate) struct Individuals {
    all: Slab<Individual>,
    by_key: BTreeMap<u64, u32>,
    /// By subscription and individual.
    views: Vec<Vec<View>>,
}

impl Default for Individuals {
    fn default() -> Self {
        Self { all: Slab::new(), by_key: BTreeMap::new(), views: Vec::new() }
    }
}

impl Individuals {
    /// None yet, for so many subscriptions.
    pub(super) fn new(subscriptions: usize) -> Self {
        Self { views: (0..subscriptions).map(|_| Vec::new()).collect(), ..Self::default() }
    }

    /// Individuals that are followed.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The newest version of an individual, if there is one by this key.
    pub(super) fn version(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).map(|&at| self.all.get(at).version)
    }

    fn find(&mut self, key: u64, stays: bool) -> u32 {
        *self.by_key.entry(key).or_insert_with(|| {
            self.all.insert(Individual { key, version: 0, facts: 0, stays, behind: 0 })
        })
    }

    /// Counts the version of an individual up. One that does not stay is only known while there are
    /// facts about it: then the caller knows which version it `had`.
    pub(super) fn next_version(&mut self, key: u64, stays: bool, had: u32) -> u32 {
        let at = if stays { Some(self.find(key, true)) } else { self.by_key.get(&key).copied() };
        let Some(at) = at else { return had + 1 };
        let i = self.all.get_mut(at);
        i.version = i.version.max(had) + 1;
        i.version
    }

    /// There is a fact about a version of an individual. Returns its place.
    pub(super) fn meet(&mut self, key: u64, stays: bool, version: u32) -> u32 {
        let at = self.find(key, stays);
        let i = self.all.get_mut(at);
        i.version = i.version.max(version);
        i.facts += 1;
        at
    }

    /// A fact about an individual is forgotten. Whether the individual is, too.
    pub(super) fn part(&mut self, at: u32) -> bool {
        let i = self.all.get_mut(at);
        i.facts -= 1;
        let gone = i.facts == 0 && !i.stays;
        if gone {
            self.by_key.remove(&i.key);
            self.all.free(at);
            for views in &mut self.views {
                if let Some(view) = views.get_mut(at as usize) {
                    let mut unseen = std::mem::take(&mut view.unseen);
                    unseen.clear();
                    *view = View { unseen, ..View::default() };
                }
            }
        }
        gone
    }

    /// The individual at a place as one subscription has it.
    fn view(&mut self, subscription: u32, at: u32) -> &mut View {
        let views = &mut self.views[subscription as usize];
        if views.len() <= at as usize {
            views.resize_with(at as usize + 1, View::default);
        }
        &mut views[at as usize]
    }

    /// Changes a view, and states whether it is behind if that changes.
    fn change<O: Observer>(
        &mut self,
        o: &mut O,
        now: SimTime,
        (subscription, at): (u32, u32),
        change: impl FnOnce(&mut View, &mut O),
    ) {
        let view = self.view(subscription, at);
        let was = view.is_wrong();
        change(view, o);
        let is = view.is_wrong();
        if was == is {
            return;
        }
        let i = self.all.get_mut(at);
        let entity = if is {
            i.behind += 1;
            i.behind == 1
        } else {
            i.behind -= 1;
            i.behind == 0
        };
        o.behind(subscription, now, is, entity);
    }

    /// A subscription is owed a version, by a fact committed at `commit`, or before the run: then
    /// nobody asks how long it takes.
    pub(super) fn owe<O: Observer>(
        &mut self,
        o: &mut O,
        now: SimTime,
        (subscription, at, version): Owed,
        commit: Option<SimTime>,
    ) {
        self.change(o, now, (subscription, at), |view, o| {
            view.newest = view.newest.max(version);
            let Some(commit) = commit else { return };
            if version <= view.top {
                o.visible(subscription, now, commit);
                return;
            }
            let place = view.unseen.partition_point(|&(v, _)| v <= version);
            view.unseen.insert(place, (version, commit.ns()));
        });
    }

    /// A version is handed to a subscription. Whether a newer one was before it.
    pub(super) fn overtaken(&mut self, subscription: u32, at: u32, version: u32) -> bool {
        let view = self.view(subscription, at);
        let overtaken = version < view.delivered;
        view.delivered = view.delivered.max(version);
        overtaken
    }

    /// Whether a subscription once showed a newer version.
    pub(super) fn outdated(&mut self, (subscription, at, version): Owed) -> bool {
        version < self.view(subscription, at).top
    }

    /// A subscription shows a version, spoilt or as it is. Whether it showed a newer one before.
    pub(super) fn show<O: Observer>(
        &mut self,
        o: &mut O,
        now: SimTime,
        (subscription, at, version): Owed,
        spoilt: bool,
    ) -> bool {
        let mut older = false;
        self.change(o, now, (subscription, at), |view, o| {
            (view.shown, view.corrupt) = (version, spoilt);
            older = version < view.top;
            view.top = view.top.max(version);
            while let Some(&(v, commit)) = view.unseen.front()
                && v <= view.top
            {
                view.unseen.pop_front();
                o.visible(subscription, now, SimTime::from_ns(commit));
            }
        });
        older
    }
}
