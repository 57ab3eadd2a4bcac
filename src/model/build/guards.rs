//! What guards calls, and how the services called treat what waits.

use super::Builder;
use crate::model::backlog::{CoDel, Discipline, Order};
use crate::model::blueprint::{
    BacklogPolicy, Blueprint, Guards, Handler, Operation, Retry, Service, ServiceId, Step,
};
use crate::model::guard::{Guard, Hedges, Limiter};
use crate::model::observation::{Asker, Observer};
use crate::model::tables::{NONE, Takes};

/// Every call of the blueprint: how it is guarded, and what is called.
fn calls(blueprint: &Blueprint) -> impl Iterator<Item = (&Guards, Operation)> {
    let of_handler = |h: &'_ Handler| -> Vec<Operation> {
        let steps = h.steps.iter().filter_map(|step| match step {
            Step::Call(all) => Some(all),
            _ => None,
        });
        steps.flatten().copied().collect()
    };
    let handlers = blueprint.services.iter().flat_map(|s| &s.handlers);
    let made = handlers.flat_map(move |h| of_handler(h).into_iter().map(|o| (&h.guards, o)));
    blueprint.clients.iter().map(|c| (&c.guards, c.calls)).chain(made)
}

impl<O: Observer> Builder<'_, O> {
    /// Guards the call site that was made last, if there is anything to guard it with. `owner`: the
    /// handler or client that calls.
    pub(super) fn guard(
        &mut self,
        path: &str,
        (asker, owner, first, instances): (Asker, u32, u32, u32),
        (guards, retry): (&Guards, &Retry),
        called: Operation,
    ) {
        let callee = &self.blueprint.services[called.service.0 as usize];
        let ordered = callee.backlog.policy == BacklogPolicy::Deadline;
        if !guards.guard(retry) && !ordered {
            return;
        }
        let service = called.service.0;
        let same = |g: &Guard| (g.asker, g.owner, g.service) == (asker, owner, service);
        let known = self.world.guarding.guards.iter().position(same);
        let at = known.unwrap_or_else(|| {
            let here = guards.limits.iter().filter(|(o, _)| o.service == called.service);
            let handler = |o: Operation| self.handler_of[o.service.0 as usize] + o.handler;
            let mut guard = Guard {
                asker,
                owner,
                service,
                of: self.blueprint.room(called.service),
                spec: guards.clone(),
                expires: guards.deadline || ordered,
                budget: retry.budget,
                limits: here.map(|&(o, limit)| (handler(o), limit)).collect(),
                throttle_key: self.streams.key(&format!("{path}/throttle:{}", callee.name)),
                first,
                states: Vec::new(),
                hedges: Hedges::default(),
            };
            guard.states = vec![guard.nothing_known(); instances as usize];
            self.world.guarding.guards.push(guard);
            self.world.guarding.guards.len() - 1
        });
        if let Some(site) = self.world.sites.last_mut() {
            site.guard = at as u32;
        }
    }

    /// What an operation lets in. Called before its handler is made.
    pub(super) fn lets_in(&mut self, handler: &Handler) {
        if let Some(limit) = handler.limit {
            let at = self.world.handlers.len();
            self.world.guarding.lets_in.resize(at, None);
            self.world.guarding.lets_in.push(Some(Limiter::new(limit)));
        }
    }

    /// How the waiting of a service is treated, if not by the order of arrival alone, and what its
    /// workers take up.
    pub(super) fn discipline(
        &self,
        at: u32,
        service: &Service,
    ) -> (Option<Box<Discipline>>, Takes) {
        let policy = service.backlog.policy;
        let name = &service.name;
        let key = self.streams.key(&format!("{name}/backlog"));
        let mut d = Discipline::new(Order::of(policy), key);
        d.expires = self.is_called_with(at, |guards| guards.deadline);
        if let BacklogPolicy::Codel { target, interval } = policy {
            d.thin_out(CoDel::new(target, interval), self.blueprint.room(ServiceId(at)));
        }
        let key = self.streams.key(&format!("{name}/patience"));
        d.patience = service.patience.clone().map(|patience| (patience, key));
        let takes = d.takes();
        let is_used = takes == Takes::Picked || d.patience.is_some();
        (is_used.then(|| Box::new(d)), takes)
    }

    /// Whether some call to a service is guarded so.
    fn is_called_with(&self, at: u32, so: impl Fn(&Guards) -> bool) -> bool {
        calls(self.blueprint).any(|(guards, o)| o.service.0 == at && so(guards))
    }

    /// Whether requests may be turned away at the door of a service.
    pub(super) fn is_gated(&self, at: u32, service: &Service) -> bool {
        service.backlog.policy == BacklogPolicy::Deadline
            || service.handlers.iter().any(|h| h.limit.is_some())
            || self.is_called_with(at, |guards| guards.deadline || guards.cancel)
    }

    /// Whom the guards of a service's handler belong to; its instances come next.
    pub(super) fn asking(&self, at: u32) -> (Asker, u32, u32, u32) {
        let (handler, first) = (self.world.handlers.len(), self.world.instances.len());
        (Asker::Service(at), handler as u32, first as u32, self.blueprint.room(ServiceId(at)))
    }
}

/// Whom the guards of a client belong to.
pub(super) const fn asking(client: u32) -> (Asker, u32, u32, u32) {
    (Asker::Client(client), client, NONE, 1)
}
