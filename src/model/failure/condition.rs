//! How high the levels are that a failure can wait for. Counted when somebody looks, so that
//! nobody else pays.

use crate::model::World;
use crate::model::blueprint::Level;
use crate::model::observation::Observer;
use crate::model::tables::State;

impl<O: Observer> World<O> {
    /// A level as it is now.
    pub(super) fn level(&self, level: Level) -> u64 {
        match level {
            Level::Backlog(service) => self.waiting_for(service.0),
            Level::InFlight(service) => {
                let instances = self.services[service.0 as usize].instances.clone();
                let busy =
                    instances.map(|i| u64::from(self.instances[i as usize].busy)).sum::<u64>();
                self.waiting_for(service.0) + busy + self.jobs_in(service.0, State::Riding)
            }
            Level::BrokerBacklog(broker) => {
                let all = 0..self.groups.len() as u32;
                all.filter(|&g| self.groups[g as usize].broker == broker.0)
                    .map(|g| self.unfetched(g))
                    .sum()
            }
        }
    }

    /// What waits at a service, or for it at brokers.
    fn waiting_for(&self, service: u32) -> u64 {
        let groups = self.services[service as usize].groups.clone();
        let behind = groups.map(|group| {
            let broker = self.groups[group as usize].broker;
            self.unfetched(group) + self.engines[broker as usize].in_hand(group)
        });
        self.jobs_in(service, State::Waiting) + behind.sum::<u64>()
    }

    /// Messages for a group that its broker has not given out.
    fn unfetched(&self, group: u32) -> u64 {
        let broker = self.groups[group as usize].broker;
        self.engines[broker as usize].waiting(&self.book, group)
    }

    /// Jobs of a service in some state.
    fn jobs_in(&self, service: u32, state: State) -> u64 {
        let used = self.jobs.in_use();
        let slots = self.jobs.slots().zip(used).filter(|(_, used)| *used);
        let is = |slot: u32| {
            let job = self.jobs.get(slot);
            job.state == state && self.handlers[job.handler as usize].service == service
        };
        slots.filter(|(slot, _)| is(*slot)).count() as u64
    }
}
