//! What is wrong with events at the handlers that hear them: poison, and a form that they do not
//! know. It lasts as long as its cause: an event that has failed until then may be handled
//! afterwards.

use crate::model::blueprint::{Blueprint, Failure, ServiceId, Target, Verb};
use crate::model::broker::{Ctx, Engine};
use crate::model::event::{Event, Kind, MAX_COMPONENTS};
use crate::model::observation::Observer;
use crate::model::tables::{Job, NONE};
use crate::model::{Sched, World};
use crate::random::Chance;
use crate::units::{SimDuration, SimTime};

/// The failures that can make the work of the n-th handler of a service fail.
pub(crate) fn faults(blueprint: &Blueprint, service: u32, nth: u32) -> Vec<u32> {
    let service = ServiceId(service);
    let handler = &blueprint.services[service.0 as usize].handlers[nth as usize];
    let strikes = |target: &Target| match target {
        Target::Handlers { service: of, handlers } => *of == service && handlers.contains(&nth),
        Target::Form { event, at } => {
            at.contains(&service) && handler.trigger.heard().contains(event)
        }
        _ => false,
    };
    let all = blueprint.failures.iter().enumerate();
    all.filter(|(_, f)| strikes(&f.target)).map(|(at, _)| at as u32).collect()
}

/// Whether a failure can come between the n-th handler of a service and what it hears.
pub(crate) fn concerns(blueprint: &Blueprint, service: u32, nth: u32) -> bool {
    let deafens = |f: &Failure| match &f.target {
        Target::Instances { service: of, .. } => f.verb == Verb::DropConsumer && of.0 == service,
        _ => false,
    };
    !faults(blueprint, service, nth).is_empty() || blueprint.failures.iter().any(deafens)
}

/// What is known of an incarnation by an event.
fn short(incarnation: u32) -> u32 {
    incarnation % MAX_COMPONENTS as u32
}

impl<O: Observer> World<O> {
    /// Events have another form from now on.
    pub(super) fn form_changes(&mut self, now: SimTime, failure: u32) {
        self.trouble.forms.entry(failure).or_default().push(now.ns());
    }

    /// Events can be handled again as far as the oldest strike of a failure goes, which handlers
    /// learn by a deploy: attempts under way are made as if it had not been, and those who hear a
    /// log go on with the partitions that they had stopped.
    pub(super) fn mend(&mut self, s: &mut Sched, failure: u32) {
        let struck = |&job: &u32| {
            let j = self.jobs.get(job);
            j.failing
                && self.handlers[j.handler as usize].faults.contains(&failure)
                && self.any_of_batch(job, |m| self.hits(failure, m))
        };
        let struck: Vec<u32> = self.jobs.slots().filter(struck).collect();
        self.form_is_known(failure);
        for job in struck {
            let j = self.jobs.get(job);
            let handler = &self.handlers[j.handler as usize];
            let fails = handler.fails.draw(handler.fails_key, j.id, j.attempt)
                || self.any_of_batch(job, |m| self.poisoned(m));
            self.jobs.get_mut(job).failing = fails;
            let instance = self.instances.get(self.jobs.get(job).instance as usize);
            if instance.is_some_and(|i| i.slow.is_nan()) {
                self.fails_strained(job);
            }
        }
        if self.strikes[failure as usize] == 0 {
            self.each_group_at_fault(s, failure, Engine::mended);
        }
    }

    /// Those who did not know the form of the oldest strike know it.
    fn form_is_known(&mut self, failure: u32) {
        if let Some(since) = self.trouble.forms.get_mut(&failure) {
            since.remove(0);
            if since.is_empty() {
                self.trouble.forms.remove(&failure);
            }
        }
    }

    /// Whether an event fails at every attempt of its handler, for now.
    #[inline]
    pub(crate) fn poisoned(&self, j: &Job) -> bool {
        let handler = &self.handlers[j.handler as usize];
        handler.poison.draw(handler.poison_key, j.id, 0)
            || !handler.faults.is_empty() && self.fails_on(j, false)
    }

    /// Whether an active failure makes an event fail, or `only_killers`: end its instance.
    #[cold]
    fn fails_on(&self, j: &Job, only_killers: bool) -> bool {
        self.handlers[j.handler as usize].faults.iter().any(|&at| {
            let kills = matches!(self.failures[at as usize].verb, Verb::Poison { kills: true, .. });
            self.strikes[at as usize] > 0 && (kills || !only_killers) && self.hits(at, j)
        })
    }

    /// Whether an event is one that a failure makes fail.
    fn hits(&self, failure: u32, j: &Job) -> bool {
        let f = &self.failures[failure as usize];
        match (f.verb, &f.target) {
            (Verb::Poison { share, .. }, _) => {
                Chance::new(share).draw(self.trouble.clocks[failure as usize].luck, j.id, 0)
            }
            (Verb::Schema, Target::Form { event, .. }) => {
                let fact = self.book.facts.get(j.origin);
                let since = self.trouble.forms.get(&failure).and_then(|since| since.first());
                fact.event == event.0 && since.is_some_and(|&since| fact.commit >= since)
            }
            _ => false,
        }
    }

    /// Whether something is so of a job, or of one that rides along with it.
    pub(crate) fn any_of_batch(&self, job: u32, is: impl Fn(&Job) -> bool) -> bool {
        let mut member = job;
        while member != NONE {
            let m = self.jobs.get(member);
            if is(m) {
                return true;
            }
            member = m.next;
        }
        false
    }

    /// An attempt fails. If it does so over an event that ends its instance, that dies at this
    /// instant, and the attempt with it.
    pub(crate) fn kills_its_instance(&mut self, s: &mut Sched, job: u32) -> bool {
        let j = self.jobs.get(job);
        if self.handlers[j.handler as usize].faults.is_empty() || !j.failing {
            return false;
        }
        let dies = self.any_of_batch(job, |m| self.fails_on(m, true));
        if dies {
            let instance = self.jobs.get(job).instance;
            let incarnation = short(self.instances[instance as usize].incarnation);
            s.after(SimDuration::ZERO, Event::new(Kind::InstanceDies, incarnation, instance));
        }
        dies
    }

    /// The work of an instance ends it, unless something else has meanwhile. It starts again at
    /// once if nothing keeps it down.
    pub(crate) fn instance_dies(&mut self, s: &mut Sched, incarnation: u32, instance: u32) {
        if short(self.instances[instance as usize].incarnation) == incarnation {
            self.kill(s, instance);
            self.revive(s, instance);
            self.roll_on(s);
        }
    }

    /// Tells the engines of the groups whose handlers a failure can strike something.
    pub(super) fn each_group_at_fault(
        &mut self,
        s: &mut Sched,
        failure: u32,
        tell: impl Fn(&mut (dyn Engine<O> + 'static), &mut Ctx<O>, u32),
    ) {
        for group in 0..self.groups.len() as u32 {
            let table = &self.groups[group as usize];
            let handler = self.subscriptions[table.subscriptions[0] as usize].handler;
            if self.handlers[handler as usize].faults.contains(&failure) {
                let (engine, mut ctx) = self.at_broker(s, self.groups[group as usize].broker);
                tell(engine, &mut ctx, group);
                self.replies(s);
            }
        }
    }
}
