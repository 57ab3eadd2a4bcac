//! What makes the work of an instance slower, makes it fail, or waits for it: slow-downs,
//! brownouts, leaks, and failures that strike by chance where a message is taken up.
//!
//! [`Instance::slow`](crate::model::tables::Instance) is the one number that work looks at: 1 if
//! there is nothing, a factor if that is all, and not a number if there is more, which stands here.

use crate::model::Sched;
use crate::model::World;
use crate::model::blueprint::{Failure, FailureTrigger, Target, Verb};
use crate::model::event::{Event, Kind};
use crate::model::observation::Observer;
use crate::model::tables::NONE;
use crate::random::{Chance, StreamKey};
use crate::units::{SimDuration, SimTime};

/// What weighs on an instance beside a mere factor.
#[derive(Debug)]
pub(crate) struct Strain {
    /// The factor.
    slow: f64,
    /// Growth per second of each leak, and since when, ns.
    leaks: Vec<(f64, u64)>,
    /// Shares of attempts that fail.
    errors: Vec<(Chance, StreamKey)>,
    /// Failures that strike by chance, and which part of their target this instance is.
    risks: Vec<(u32, u32, Chance, StreamKey)>,
}

impl<O: Observer> World<O> {
    /// Another strike weighs on an instance.
    pub(super) fn burden(&mut self, now: SimTime, failure: u32, instance: u32) {
        self.trouble.burdens.entry((instance, failure)).or_default().push(now.ns());
        self.strain(instance);
    }

    /// The oldest strike of a failure weighs on an instance no more.
    pub(super) fn relieve(&mut self, failure: u32, instance: u32) {
        if let Some(since) = self.trouble.burdens.get_mut(&(instance, failure)) {
            since.remove(0);
            if since.is_empty() {
                self.trouble.burdens.remove(&(instance, failure));
            }
        }
        self.strain(instance);
    }

    /// Works out anew what weighs on an instance, in the order of the file, so that the end of one
    /// strike leaves exactly the others.
    pub(crate) fn strain(&mut self, instance: u32) {
        let mut strain = Strain {
            slow: 1.0,
            leaks: Vec::new(),
            errors: Vec::new(),
            risks: self.risks(instance),
        };
        let burdens = &self.trouble.burdens;
        for (&(_, failure), since) in burdens.range((instance, 0)..=(instance, u32::MAX)) {
            let times = |slow: f64, k: f64| since.iter().fold(slow, |slow, _| slow * k);
            match self.failures[failure as usize].verb {
                Verb::Slow(k) => strain.slow = times(strain.slow, k),
                Verb::Brownout { errors, slow } => {
                    strain.slow = times(strain.slow, slow);
                    let luck = self.trouble.clocks[failure as usize].luck;
                    strain.errors.push((Chance::new(errors), luck));
                }
                Verb::Leak(rate) => strain.leaks.extend(since.iter().map(|at| (rate, *at))),
                _ => {}
            }
        }
        let shares = self.cores_of(instance).is_some();
        let mere = !shares
            && strain.leaks.is_empty()
            && strain.errors.is_empty()
            && strain.risks.is_empty();
        self.instances[instance as usize].slow = if mere { strain.slow } else { f64::NAN };
        if mere {
            self.trouble.strains.remove(&instance);
        } else {
            self.trouble.strains.insert(instance, strain);
        }
    }

    /// The failures that strike by chance where an instance takes up a message.
    fn risks(&self, instance: u32) -> Vec<(u32, u32, Chance, StreamKey)> {
        let risk = |(at, f): (usize, &Failure)| {
            let (FailureTrigger::Chance(p), Target::Instances { instances, .. }) =
                (f.trigger, &f.target)
            else {
                return None;
            };
            let base = self.failure_base[at];
            let part = instances.iter().position(|i| base + i == instance)?;
            let luck = self.trouble.clocks[at].luck;
            Some((at as u32, part as u32 + 1, Chance::new(p), luck))
        };
        self.failures.iter().enumerate().filter_map(risk).collect()
    }

    /// How long work of `d` takes that begins now at an instance.
    #[inline]
    pub(crate) fn stretched(&self, now: SimTime, instance: u32, d: SimDuration) -> SimDuration {
        let slow = self.instances[instance as usize].slow;
        if slow == 1.0 { d } else { self.strained(now, instance, d) }
    }

    #[cold]
    #[inline(never)]
    fn strained(&self, now: SimTime, instance: u32, d: SimDuration) -> SimDuration {
        let i = &self.instances[instance as usize];
        let mut slow = i.slow;
        if let (true, Some(strain)) = (slow.is_nan(), self.trouble.strains.get(&instance)) {
            slow = strain.slow;
            for &(rate, since) in &strain.leaks {
                // It has started since: what had leaked is gone.
                let since = if i.starts_at <= now.ns() { since.max(i.starts_at) } else { since };
                slow *= 1.0 + rate * (now.ns() - since) as f64 / 1e9;
            }
        }
        SimDuration::from_ns((d.ns() as f64 * slow + 0.5) as u64)
    }

    /// A strained instance takes a job up, with those that ride along.
    #[cold]
    #[inline(never)]
    pub(crate) fn begins_strained(&mut self, s: &mut Sched, job: u32) {
        self.fails_strained(job);
        let instance = self.jobs.get(job).instance;
        let Some(strain) = self.trouble.strains.get(&instance) else { return };
        for &(failure, part, chance, luck) in &strain.risks {
            let mut member = job;
            while member != NONE {
                let j = self.jobs.get(member);
                if chance.draw(luck, j.id, j.attempt) {
                    // As soon as whoever hands out work is done.
                    s.after(SimDuration::ZERO, Event::new(Kind::FailureBegins, part, failure));
                }
                member = j.next;
            }
        }
    }

    /// An attempt begins at a strained instance: it may be one that fails.
    #[cold]
    #[inline(never)]
    pub(crate) fn fails_strained(&mut self, job: u32) {
        let j = self.jobs.get(job);
        let Some(strain) = self.trouble.strains.get(&j.instance) else { return };
        let mut member = job;
        let mut fails = false;
        while member != NONE {
            let m = self.jobs.get(member);
            fails |= strain.errors.iter().any(|(chance, luck)| chance.draw(*luck, m.id, m.attempt));
            member = m.next;
        }
        self.jobs.get_mut(job).failing |= fails;
    }
}
