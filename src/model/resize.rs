//! Services that get more instances, or fewer.
//!
//! The table of instances has room for as many as there ever are. Those that are not there are
//! kept stopped, so that a failure that strikes one waits for it.

use super::observation::Observer;
use super::{Sched, World};

impl<O: Observer> World<O> {
    /// From now on a service is to have so many instances: the first ones. New ones start; those
    /// that leave finish their work, the last one first.
    pub(crate) fn resize(&mut self, s: &mut Sched, service: u32, to: u32) {
        let all = self.services[service as usize].instances.clone();
        let first = all.start;
        let absent = |world: &Self, i: u32| world.instances[i as usize].absent;
        let leaving = all.clone().rev().filter(|i| i - first >= to);
        for instance in leaving {
            if !absent(self, instance) {
                self.instances[instance as usize].absent = true;
                self.stop(s, instance);
            }
        }
        let table = &mut self.services[service as usize];
        table.size = table.size.min(to);
        for instance in all.filter(|i| i - first < to) {
            if absent(self, instance) {
                self.instances[instance as usize].absent = false;
                self.starts_afresh(instance);
                self.stop_ends(s, instance);
            }
        }
        self.tell_size(s, service);
    }

    /// An instance has started that there was not before.
    #[cold]
    #[inline(never)]
    pub(crate) fn grows(&mut self, s: &Sched, instance: u32) {
        let service = self.instances[instance as usize].service;
        let table = &mut self.services[service as usize];
        table.size = instance - table.instances.start + 1;
        self.tell_size(s, service);
    }

    /// The process of an instance has ended, and it does not come back.
    #[cold]
    #[inline(never)]
    pub(crate) fn shrinks(&mut self, s: &Sched, instance: u32) {
        let service = self.instances[instance as usize].service;
        self.tell_size(s, service);
    }

    /// States how many instances a service has, those that leave included, and how much can be
    /// worked on at a time.
    pub(crate) fn tell_size(&mut self, s: &Sched, service: u32) {
        let table = &self.services[service as usize];
        let past = table.instances.start + table.size..table.instances.end;
        let leaving = past.filter(|&i| self.instances[i as usize].draining).count() as u32;
        self.observer.sized(service, s.now(), table.size + leaving, table.workers);
    }
}
