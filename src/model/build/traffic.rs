//! What makes things happen: sources and clients.

use super::Builder;
use super::guards::asking;
use crate::model::blueprint::{Client, Load, Service};
use crate::model::observation::Observer;
use crate::model::tables::{ClientTable, LoadTable, NONE, SourceTable};
use crate::random::{Arrivals, Rate, StreamKey, hash_name};

impl<O: Observer> Builder<'_, O> {
    pub(super) fn sources(&mut self, at: u32, service: &Service) {
        for source in &service.sources {
            let path = format!(
                "{}/emits.{}",
                service.name, self.blueprint.events[source.event.0 as usize].name
            );
            let key = |purpose: &str| self.streams.key(&format!("{path}/{purpose}"));
            self.world.sources.push(SourceTable {
                service: at,
                event: source.event.0,
                arrivals: self.arrivals(&source.rate, key("gap"), key("state")),
                turns: source.rate.individuals().map_or(0, |each| hash_name(&each.of)),
                burst: source.burst.clone(),
                burst_key: key("burst"),
                first_id: hash_name(&path),
                next: 0,
                epoch: 0,
                late: source.late.clone(),
                late_key: key("late"),
                publish: source.publish,
            });
        }
    }

    pub(super) fn client(&mut self, at: u32, client: &Client) {
        let lane = self.lane(client.timeout);
        let name = &client.name;
        self.site(
            &format!("{name}/call:{}", self.operation(client.calls)),
            client.calls,
            &client.retry,
            lane,
            NONE,
        );
        let site = self.world.sites.len() as u32 - 1;
        self.world.sites[site as usize].client = at;
        self.guard(name, asking(at), (&client.guards, &client.retry), client.calls);
        let key = |purpose: &str| self.streams.key(&format!("{name}/{purpose}"));
        let load = match &client.load {
            Load::Open(rate) => LoadTable::Open(self.arrivals(rate, key("gap"), key("state"))),
            Load::Closed { users, think } => LoadTable::Closed {
                think: think.clone(),
                think_key: key("think"),
                requests_of: vec![0; *users as usize],
                users: *users,
                resting: Vec::new(),
                followed: self.world.trouble.follows(at),
            },
        };
        self.world.clients.push(ClientTable {
            site,
            zone: client.zone.0,
            load,
            first_id: hash_name(name),
            next: 0,
            epoch: 0,
            pointer: 0,
            herd_id: hash_name(&format!("{name}/herd")),
            herd: 0,
        });
    }

    /// Arrivals up to the end of the traffic.
    fn arrivals(&self, rate: &Rate, gaps: StreamKey, states: StreamKey) -> Arrivals {
        Arrivals::new(rate, gaps, states).stop_at(self.world.traffic_end)
    }
}
